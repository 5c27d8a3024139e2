/** Record sets between the SDK's words and ours. */

import type { AliasTarget, Change, ChangeAction, ResourceRecordSet } from '@aws-sdk/client-route-53';
import { storedName } from '../config/record-name.ts';
import type { BeforeAndAfter, RecordSet } from '../config/vocabulary.ts';

/** One that is guarded is made only while there stands what was seen. */
export type Replacement = BeforeAndAfter & { guarded?: true };

type Alias = NonNullable<RecordSet['alias']>;

/** A set that we could have written; nothing for other types, and for those that are weighted, or chosen by region and the like. */
export function parseRecordSet(set: ResourceRecordSet): RecordSet[] {
  const { Name, Type, TTL, ResourceRecords, SetIdentifier, MultiValueAnswer, AliasTarget, HealthCheckId } = set;
  if (Type !== 'A' && Type !== 'AAAA') return [];
  if (SetIdentifier !== undefined && MultiValueAnswer !== true) return [];
  return [
    {
      name: storedName(Name ?? ''),
      type: Type,
      ttl: TTL ?? -1,
      values: (ResourceRecords ?? []).map(({ Value }) => Value ?? ''),
      ...(AliasTarget ? { alias: parseAlias(AliasTarget) } : {}),
      ...(SetIdentifier === undefined ? {} : { setIdentifier: SetIdentifier }),
      ...(HealthCheckId === undefined ? {} : { healthCheckId: HealthCheckId }),
    },
  ];
}

/** What has to be sent so that one stands there instead of the other, whatever stands there now; a guarded one, only while that does. */
export function replacement({ before, after, guarded }: Replacement): Change[] {
  if (after === undefined || guarded) return swapped(before, after);
  return [toChange('UPSERT', after)];
}

/** What has to be sent so that what stood there before stands there again, and only while the other still does. */
export function restoration({ before, after }: BeforeAndAfter): Change[] {
  return swapped(after, before);
}

/** Together they are the one compare-and-swap that Route 53 has. */
function swapped(old: RecordSet | undefined, next: RecordSet | undefined): Change[] {
  return [...(old ? [toChange('DELETE', old)] : []), ...(next ? [toChange('CREATE', next)] : [])];
}

function parseAlias({ HostedZoneId, DNSName, EvaluateTargetHealth }: AliasTarget): Alias {
  return { hostedZone: HostedZoneId ?? '', name: DNSName ?? '', evaluateTargetHealth: EvaluateTargetHealth ?? false };
}

function toChange(Action: ChangeAction, set: RecordSet): Change {
  return { Action, ResourceRecordSet: toResourceRecordSet(set) };
}

function toResourceRecordSet({
  name,
  type,
  ttl,
  values,
  alias,
  setIdentifier,
  healthCheckId,
}: RecordSet): ResourceRecordSet {
  const answers = alias ? { AliasTarget: toAliasTarget(alias) } : { TTL: ttl, ResourceRecords: values.map(toValue) };
  return {
    Name: name,
    Type: type,
    ...(setIdentifier === undefined ? {} : { SetIdentifier: setIdentifier, MultiValueAnswer: true }),
    ...answers,
    ...(healthCheckId === undefined ? {} : { HealthCheckId: healthCheckId }),
  };
}

function toAliasTarget({ hostedZone, name, evaluateTargetHealth }: Alias): AliasTarget {
  return { HostedZoneId: hostedZone, DNSName: name, EvaluateTargetHealth: evaluateTargetHealth };
}

function toValue(Value: string): { Value: string } {
  return { Value };
}
