/** Record sets, as Route 53 stores them. */

import type { Change } from '@aws-sdk/client-route-53';
import { messageOf } from '../config/errors.ts';
import { answersLike, isSamePlace, isSameSet, setOf } from '../config/record-sets.ts';
import type { BeforeAndAfter, RecordSet, Restored } from '../config/vocabulary.ts';
import { type Aws, type CallLog, codeOf } from './aws.ts';
import { asPassing, createSendChange, saysNotAsSeen, wasRepeated } from './route53-changes.ts';
import { createRead, type RecordPlace } from './route53-looks.ts';
import { type Replacement, replacement, restoration } from './route53-sets.ts';

export type { RecordPlace } from './route53-looks.ts';

/** What the daemon needs of Route 53's record sets: simple A and AAAA sets, aliases among them, and multivalue ones of one instance. */
export interface RecordSets {
  /**
   * The A and AAAA sets of a name as they are now, changes that are still PENDING included; empty when there are none. Those of others
   * under the same name are left out, and so are weighted ones and the like. Looks at one name that come together are one.
   * @throws AdapterError when Route 53 refuses; so do all of these.
   */
  read(place: RecordPlace, log: CallLog, signal?: AbortSignal): Promise<RecordSet[]>;
  /**
   * Creates, replaces or deletes sets in one change batch: all of them or none. A zone has one batch of ours in flight; what others
   * have ready at that moment goes with it. When something that shall be deleted, or is guarded, is not as it was seen, that is an
   * outcome; or a passing refusal, where it may be so by this very batch, whose first answer was lost.
   */
  write(hostedZone: string, changes: Replacement[], log: CallLog): Promise<Written>;
  /**
   * Puts back what stood there before, or nothing, if what stands there now is still what we wrote: both in one change batch, the one
   * compare-and-swap that Route 53 has. `not-ours`: something else stands there, or nothing, and it is left alone. `dry`: the change was
   * only noted.
   */
  restore(hostedZone: string, change: BeforeAndAfter, log: CallLog): Promise<Restored>;
  /** Whether all name servers have a change. True also when we may not ask, which `onTrouble` hears once. */
  isInSync(changeId: string, log: CallLog, signal?: AbortSignal): Promise<boolean>;
}

/** What became of a change batch: `changed`, nothing was done, since something stands there otherwise than it was seen. */
export type Written =
  /** With the change's id; absent when it was only noted. */
  { kind: 'written'; changeId?: string } | { kind: 'changed'; problem: string };

export interface RecordSetsOptions {
  /** Hears once of what the daemon gets along without. */
  onTrouble(error: Error): void;
  /** In tests: how long a change waits for its turn. */
  turnPatienceMs?: number;
}

export function createRecordSets(aws: Aws, { onTrouble, turnPatienceMs }: RecordSetsOptions): RecordSets {
  const read = createRead(aws);
  const send = createSendChange(aws, turnPatienceMs);
  let isTold = false;
  return { read, write, restore, isInSync };

  async function write(hostedZone: string, changes: Replacement[], log: CallLog): Promise<Written> {
    const batch = changes.flatMap(replacement);
    if (!(await isWanted(hostedZone, batch, log))) return { kind: 'written' };
    try {
      return { kind: 'written', changeId: await send({ hostedZone, changes: batch }) };
    } catch (error) {
      // A policy may allow UPSERT alone: without guard it may be done.
      if (codeOf(error) === 'AccessDenied' && changes.some(({ guarded }) => guarded))
        return { kind: 'changed', problem: messageOf(error) };
      if (!saysNotAsSeen(error)) throw error;
      const passing = asPassing(error);
      if (wasRepeated(error)) throw passing;
      return { kind: 'changed', problem: passing.message };
    }
  }

  async function restore(hostedZone: string, change: BeforeAndAfter, log: CallLog): Promise<Restored> {
    if (isSameSet(change.before, change.after)) return 'restored';
    const batch = restoration(change);
    if (!(await isWanted(hostedZone, batch, log))) return 'dry';
    try {
      await send({ hostedZone, changes: batch });
      return 'restored';
    } catch (error) {
      if (!saysNotAsSeen(error)) throw error;
      return await restoredMeanwhile(hostedZone, change, log);
    }
  }

  /** What stands there is not what was to be deleted. */
  async function restoredMeanwhile(hostedZone: string, change: BeforeAndAfter, log: CallLog): Promise<Restored> {
    const there = await standing(hostedZone, setOf(change), log);
    // So it looks, too, when a batch had gone through and its answer was lost.
    if (isSameSet(there, change.before)) return 'restored';
    const isOurs = there !== undefined && change.after !== undefined && answersLike(there, change.after);
    // Somebody has given it a health check since, or taken it away.
    if (isOurs && !isSameSet(there, change.after)) return await restore(hostedZone, { ...change, after: there }, log);
    return 'not-ours';
  }

  /** False: it shall only be noted. */
  function isWanted(hostedZone: string, changes: Change[], log: CallLog): Promise<boolean> {
    return log.change('change_resource_record_sets', {
      HostedZoneId: hostedZone,
      ChangeBatch: { Changes: changes },
    });
  }

  /** What stands now where a set is or was. */
  async function standing(hostedZone: string, set: RecordSet, log: CallLog): Promise<RecordSet | undefined> {
    const { name, setIdentifier } = set;
    const there = await read({ hostedZone, name, ...(setIdentifier === undefined ? {} : { setIdentifier }) }, log);
    return there.find((other) => isSamePlace(other, set));
  }

  async function isInSync(changeId: string, log: CallLog, signal?: AbortSignal): Promise<boolean> {
    const param = { Id: changeId };
    log.look('get_change', param);
    try {
      const { ChangeInfo } = await aws.call(
        { operation: `GetChange ${changeId}`, permission: 'route53:GetChange on arn:aws:route53:::change/*', signal },
        ({ sdk, route53 }, abortSignal) => route53.send(new sdk.GetChangeCommand(param), { abortSignal }),
      );
      return ChangeInfo?.Status === 'INSYNC';
    } catch (error) {
      // The earlier daemon never asked for this permission (14.1). That the role is not there yet is no reason: it has just made a change.
      if (codeOf(error) !== 'AccessDenied') throw error;
      const consequence = 'Until then "wait": "insync" waits for nothing.';
      if (!isTold) onTrouble(new Error(`${messageOf(error)} ${consequence}`, { cause: error }));
      isTold = true;
      return true;
    }
  }
}
