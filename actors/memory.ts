/** The steps that remember, over restarts of the daemon, what became of domains and notices (12.3). */

import { fromPromise } from 'xstate';
import type { BootMemory, StateDir } from '../adapters/state-dir.ts';
import type { Past } from '../config/vocabulary.ts';
import type { Remembrance } from '../machines/domain.ts';

/** What is remembered, and the means to change it. */
export type Memory = Pick<StateDir, 'memory' | 'changeMemory'>;

export interface Remembering {
  memory: Memory;
  /** False: commands are switched off, so that no application ever runs, and there is nothing to remember. */
  exec: boolean;
  /** Takes what a domain holds from the journal: it is given back no more. */
  commit(domain: string): Promise<void>;
}

/**
 * Writes down what became of a domain; resolves when it is on disk. Of one whose application is about to run the journal has to have
 * let go by then: what a later run gives back, or deletes, must not be what the application has written on.
 */
export const remember = ({ memory, exec, commit }: Remembering) =>
  fromPromise<void, Remembrance>(async ({ input }) => {
    if (exec) await memory.changeMemory((known) => withDomain(known, input));
    if (input.commits) await commit(input.domain);
  });

/** What earlier runs of this boot made of a domain. */
export function pastOf(memory: Memory, domain: string): { past: Past; finishedUnder?: string } {
  const { domains } = memory.memory();
  const known = Object.hasOwn(domains, domain) ? domains[domain] : undefined;
  if (known === undefined) return { past: 'new' };
  return { past: known.past, ...(known.notice === undefined ? {} : { finishedUnder: known.notice }) };
}

/** With a notice that is over: it was handled, and the instance has lived on. */
export function withNoticeOver(memory: BootMemory, key: string): BootMemory {
  if (memory.noticesOver.includes(key)) return memory;
  return { ...memory, noticesOver: [...memory.noticesOver, key] };
}

function withDomain(memory: BootMemory, { domain, past, finishedUnder }: Remembrance): BootMemory {
  const others = Object.entries(memory.domains).filter(([name]) => name !== domain);
  if (past === 'new') return { ...memory, domains: Object.fromEntries(others) };
  const known = { past, ...(finishedUnder === undefined ? {} : { notice: finishedUnder }) };
  return { ...memory, domains: Object.fromEntries([...others, [domain, known]]) };
}
