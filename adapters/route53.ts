/** Record sets, as Route 53 stores them. */

import { isDeepStrictEqual } from 'node:util';
import type {
  AliasTarget,
  Change,
  ChangeAction,
  ListResourceRecordSetsResponse,
  ResourceRecordSet,
} from '@aws-sdk/client-route-53';
import { messageOf } from '../config/errors.ts';
import { storedName } from '../config/record-name.ts';
import type { RecordSet, RecordSetChange, Restored } from '../config/vocabulary.ts';
import { type Aws, type CallLog, codeOf } from './aws.ts';

/** What the daemon needs of Route 53's record sets: simple A and AAAA sets, aliases among them. */
export interface RecordSets {
  /**
   * The A and AAAA sets of a name as they are now, changes that are still PENDING included; empty when there are none.
   * @param name in any spelling.
   * @throws AdapterError when Route 53 refuses; so does `upsert`.
   */
  read(hostedZone: string, name: string, log: CallLog, signal?: AbortSignal): Promise<RecordSet[]>;
  /** Creates or replaces sets in one change batch: all of them or none. Gives false when the change was only noted. */
  upsert(hostedZone: string, sets: RecordSet[], log: CallLog): Promise<boolean>;
  /**
   * Puts back what stood there before, or nothing, if what stands there now is still what we wrote: both in one change batch, the one
   * compare-and-swap that Route 53 has. `not-ours`: something else stands there, or nothing, and it is left alone; so it may look
   * when the answer to a batch was lost that had gone through. `dry`: the change was only noted.
   * @throws AdapterError when Route 53 refuses for another reason.
   */
  restore(hostedZone: string, change: RecordSetRestore, log: CallLog): Promise<Restored>;
}

/** A record set that was written, and what stood there before; absent: nothing did. */
export type RecordSetRestore = Pick<RecordSetChange, 'before' | 'after'>;

type Alias = NonNullable<RecordSet['alias']>;

/** A and AAAA come first among the types of a name, and a name has few sets; the point is not to read the whole zone. */
const SETS_OF_A_NAME = 10;

export function createRecordSets(aws: Aws): RecordSets {
  return {
    async read(hostedZone, name, log, signal) {
      // There is no look-up of one name: the list begins there, and goes on with its neighbours.
      const param = {
        HostedZoneId: hostedZone,
        StartRecordName: storedName(name),
        StartRecordType: 'A' as const,
        MaxItems: SETS_OF_A_NAME,
      };
      log.look('list_resource_record_sets', param);
      const answer: ListResourceRecordSetsResponse = await aws.call(
        {
          operation: `ListResourceRecordSets ${hostedZone} ${name}`,
          permission: `route53:ListResourceRecordSets on ${hostedZone}`,
          signal,
        },
        ({ sdk, route53 }, abortSignal) => route53.send(new sdk.ListResourceRecordSetsCommand(param), { abortSignal }),
      );
      return (answer.ResourceRecordSets ?? []).flatMap((set) => parseRecordSet(set, storedName(name)));
    },

    upsert(hostedZone, sets, log) {
      return change(hostedZone, sets.map(toChange('UPSERT')), log);
    },

    async restore(hostedZone, { before, after }, log) {
      if (before && isSame(before, after)) return 'restored';
      const creation = before ? [toChange('CREATE')(before)] : [];
      try {
        return (await change(hostedZone, [toChange('DELETE')(after), ...creation], log)) ? 'restored' : 'dry';
      } catch (error) {
        if (saysNotOurs(error)) return 'not-ours';
        throw error;
      }
    },
  };

  /** Gives false when it was only noted. */
  async function change(hostedZone: string, changes: Change[], log: CallLog): Promise<boolean> {
    const param = { HostedZoneId: hostedZone, ChangeBatch: { Changes: changes } };
    if (!(await log.change('change_resource_record_sets', param))) return false;
    const names = [...new Set(changes.map(({ ResourceRecordSet: set }) => set?.Name))].join(' ');
    await aws.call(
      {
        operation: `ChangeResourceRecordSets ${hostedZone} ${names}`,
        permission: `route53:ChangeResourceRecordSets on ${hostedZone}`,
      },
      ({ sdk, route53 }, abortSignal) => route53.send(new sdk.ChangeResourceRecordSetsCommand(param), { abortSignal }),
    );
    return true;
  }
}

/** One simple set of the name asked for; nothing for the neighbours that the list goes on with. */
function parseRecordSet(set: ResourceRecordSet, name: string): RecordSet[] {
  const { Name, Type, TTL, ResourceRecords, SetIdentifier, AliasTarget } = set;
  if (storedName(Name ?? '') !== name || (Type !== 'A' && Type !== 'AAAA') || SetIdentifier !== undefined) return [];
  const values = (ResourceRecords ?? []).map(({ Value }) => Value ?? '');
  return [{ name, type: Type, ttl: TTL ?? -1, values, ...(AliasTarget ? { alias: parseAlias(AliasTarget) } : {}) }];
}

function parseAlias({ HostedZoneId, DNSName, EvaluateTargetHealth }: AliasTarget): Alias {
  return { hostedZone: HostedZoneId ?? '', name: DNSName ?? '', evaluateTargetHealth: EvaluateTargetHealth ?? false };
}

function toChange(action: ChangeAction): (set: RecordSet) => Change {
  return (set) => ({ Action: action, ResourceRecordSet: toResourceRecordSet(set) });
}

function toResourceRecordSet({ name, type, ttl, values, alias }: RecordSet): ResourceRecordSet {
  if (alias === undefined)
    return { Name: name, Type: type, TTL: ttl, ResourceRecords: values.map((Value) => ({ Value })) };
  const { hostedZone, name: target, evaluateTargetHealth } = alias;
  const aliasTarget = { HostedZoneId: hostedZone, DNSName: target, EvaluateTargetHealth: evaluateTargetHealth };
  return { Name: name, Type: type, AliasTarget: aliasTarget };
}

/** The order of values means nothing. */
function isSame(one: RecordSet, other: RecordSet): boolean {
  const [these, those] = [one, other].map((set) => ({ ...set, values: set.values.toSorted() }));
  return isDeepStrictEqual(these, those);
}

/** Whether it was refused since what should be deleted is not there, or not with these values. */
function saysNotOurs(error: unknown): boolean {
  return /Tried to delete resource record set .*?(but it was not found|values provided do not match)/s.test(
    refusedBatch(error),
  );
}

/**
 * What was wrong with a batch; empty when that was not why it failed. The SDK cannot read the form that the API Reference shows, a
 * bare `<InvalidChangeBatch>`, and gives it the name `Unknown`.
 */
function refusedBatch(error: unknown): string {
  const code = codeOf(error);
  if (code === 'InvalidChangeBatch') return messageOf(error);
  const { Messages: messages } = (error as { cause?: { Messages?: unknown } }).cause ?? {};
  return code === 'Unknown' && messages !== undefined ? JSON.stringify(messages) : '';
}
