/** Record sets, as Route 53 stores them. */

import type { ListResourceRecordSetsResponse, ResourceRecordSet } from '@aws-sdk/client-route-53';
import { storedName } from '../config/record-name.ts';
import type { RecordSet } from '../config/vocabulary.ts';
import type { Aws, CallLog } from './aws.ts';

/** What the daemon needs of Route 53's record sets: simple A and AAAA sets. */
export interface RecordSets {
  /**
   * The A and AAAA sets of a name as they are now, changes that are still PENDING included; empty when there are none.
   * @param name in any spelling.
   * @throws AdapterError when Route 53 refuses; so does `upsert`.
   */
  read(hostedZone: string, name: string, log: CallLog, signal?: AbortSignal): Promise<RecordSet[]>;
  /** Creates or replaces sets in one change batch: all of them or none. Gives false when the change was only noted. */
  upsert(hostedZone: string, sets: RecordSet[], log: CallLog): Promise<boolean>;
}

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

    async upsert(hostedZone, sets, log) {
      const changes = sets.map((set) => ({ Action: 'UPSERT' as const, ResourceRecordSet: toResourceRecordSet(set) }));
      const param = { HostedZoneId: hostedZone, ChangeBatch: { Changes: changes } };
      if (!(await log.change('change_resource_record_sets', param))) return false;
      const names = [...new Set(sets.map(({ name }) => name))].join(' ');
      await aws.call(
        {
          operation: `ChangeResourceRecordSets ${hostedZone} ${names}`,
          permission: `route53:ChangeResourceRecordSets on ${hostedZone}`,
        },
        ({ sdk, route53 }, abortSignal) =>
          route53.send(new sdk.ChangeResourceRecordSetsCommand(param), { abortSignal }),
      );
      return true;
    },
  };
}

/** One simple set of the name asked for; nothing for the neighbours that the list goes on with. */
function parseRecordSet(set: ResourceRecordSet, name: string): RecordSet[] {
  const { Name, Type, TTL, ResourceRecords, SetIdentifier } = set;
  if (storedName(Name ?? '') !== name || (Type !== 'A' && Type !== 'AAAA') || SetIdentifier !== undefined) return [];
  // An alias has neither TTL nor values: whatever we want, it is different.
  return [{ name, type: Type, ttl: TTL ?? -1, values: (ResourceRecords ?? []).map(({ Value }) => Value ?? '') }];
}

function toResourceRecordSet({ name, type, ttl, values }: RecordSet) {
  return { Name: name, Type: type, TTL: ttl, ResourceRecords: values.map((Value) => ({ Value })) };
}
