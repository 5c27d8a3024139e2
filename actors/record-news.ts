/** Records as log lines: what they wait for, what was written and removed, and what was refused. */

import type { Log } from '../adapters/logger.ts';
import { setOf } from '../config/record-sets.ts';
import type { Failure, RecordSet, RecordSetChange } from '../config/vocabulary.ts';
import { nameOfSet } from '../machines/giving-back.ts';
import { awaitedIn, type RecordsContext } from '../machines/records.ts';
import type { Change } from './changes.ts';

export interface RecordNews {
  tell(change: Change<RecordsContext>): void;
  /** Whether a failure has been told before its domain hears of it; asked once. */
  wasTold(domain: string, failure: Failure): boolean;
}

/** @param tellFailure is told what was refused when nothing more is tried, though others are still waited for. */
export function createRecordNews(log: Log, tellFailure: (domain: string, failure: Failure) => void): RecordNews {
  const told = new Map<string, string>();
  const toldAhead = new Set<string>();
  return { tell, wasTold: (domain, failure) => toldAhead.delete(keyOf(domain, failure)) };

  function tell({ sessionId, from, state, context }: Change<RecordsContext>): void {
    if (from === 'writing') for (const change of context.changes) tellWritten(context.domain, change);
    const isWaiting = state.startsWith('awaiting-insync');
    // Until all name servers have the rest it may be a minute.
    if (isWaiting) for (const failure of context.failures) tellAhead(context.domain, failure);
    const awaited = awaitedIn(state, context);
    // Looking again is part of waiting.
    if (awaited === undefined || told.get(sessionId) === awaited) return;
    told.set(sessionId, awaited);
    log[isWaiting ? 'info' : 'warn'](`waiting: ${awaited}`, { domain: context.domain });
  }

  function tellAhead(domain: string, failure: Failure): void {
    const key = keyOf(domain, failure);
    if (toldAhead.has(key)) return;
    toldAhead.add(key);
    tellFailure(domain, failure);
  }

  function tellWritten(domain: string, change: RecordSetChange): void {
    if (!change.sent) return;
    const fields = { domain, record: nameOfSet(setOf(change)) };
    const before = targetOf(change.before);
    if (change.after === undefined) log.info('record of a predecessor is removed', { ...fields, before });
    else log.info('record is written', { ...fields, to: targetOf(change.after), before });
  }
}

function keyOf(domain: string, { part, problem }: Failure): string {
  return JSON.stringify([domain, part, problem]);
}

/** Where clients are led: addresses, or the name that an alias stands for. */
function targetOf(set: RecordSet | undefined): string | undefined {
  return set?.alias === undefined ? set?.values.join(', ') : `alias of ${set.alias.name}`;
}
