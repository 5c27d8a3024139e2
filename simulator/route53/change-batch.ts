/**
 * ChangeResourceRecordSets: a transaction. All changes are tried on a copy; only when every one holds does it take the
 * zone's place. Source: Route 53 API Reference, "ChangeResourceRecordSets"; wording from public reports.
 */
import { AwsError } from '../aws-error.ts';
import type { HostedZone, StoredRecordSet, World } from '../cloud.ts';
import type { Change } from './change-form.ts';
import { isSameContent, isSameKey } from './record-sets.ts';
import { conflictsWith, contentProblems } from './rules.ts';

/** Source: Route 53 Developer Guide, "Quotas", maximum size of a request; an UPSERT counts twice. */
const RECORDS_LIMIT = 1000;
const CHARACTERS_LIMIT = 32_000;

/** Of a zone, unless its owner has asked for more. */
const RECORD_SETS_LIMIT = 10_000;

/**
 * The zone's record sets after the changes.
 * @throws AwsError `InvalidChangeBatch` with every problem in one message, `[first, second]`, or `NoSuchHealthCheck`.
 */
export function apply(world: World, zone: HostedZone, changes: Change[]): StoredRecordSet[] {
  refuse([...sizeProblems(changes), ...repeated(changes)]);
  for (const { action, record } of changes) if (action !== 'DELETE') checkHealthCheck(world, record);
  const copy = [...zone.recordSets];
  const problems = changes.flatMap((change) => {
    const own = contentProblems(zone, change);
    return own.length > 0 ? own : perform(world, zone, copy, change);
  });
  refuse([...problems, ...zoneProblems(zone, copy)]);
  return copy;
}

function refuse(problems: string[]): void {
  if (problems.length > 0) throw new AwsError('InvalidChangeBatch', `[${problems.join(', ')}]`);
}

function sizeProblems(changes: Change[]): string[] {
  let records = 0;
  let characters = 0;
  for (const { action, record } of changes) {
    const weight = action === 'UPSERT' ? 2 : 1;
    records += weight * record.values.length;
    characters += weight * record.values.join('').length;
  }
  return [
    ...(records > RECORDS_LIMIT ? [`Number of records limit of ${RECORDS_LIMIT} exceeded.`] : []),
    ...(characters > CHARACTERS_LIMIT ? [`RDATA character limit of ${CHARACTERS_LIMIT} exceeded.`] : []),
  ];
}

/** DELETE and then CREATE of one key is fine; the same action on it twice is not, nor is UPSERT beside another. */
function repeated(changes: Change[]): string[] {
  const clashing = changes.filter(({ action, record }, index) =>
    changes.slice(0, index).some((earlier) => {
      if (!isSameKey(earlier.record, record)) return false;
      return !(earlier.action === 'DELETE' && action === 'CREATE');
    }),
  );
  return clashing.map(
    ({ record }) =>
      `The request contains an invalid set of changes for a resource record set '${record.type} ${record.name}'`,
  );
}

function checkHealthCheck({ healthChecks }: World, { healthCheckId }: StoredRecordSet): void {
  if (healthCheckId === undefined || healthChecks.has(healthCheckId)) return;
  throw new AwsError('NoSuchHealthCheck', `No health check exists with the ID ${healthCheckId}`, 404);
}

/** Performs one change on the copy, or says why not. */
function perform(world: World, zone: HostedZone, copy: StoredRecordSet[], { action, record }: Change): string[] {
  const index = copy.findIndex((other) => isSameKey(other, record));
  const current = copy[index];
  if (action === 'DELETE') {
    if (current === undefined) return [`Tried to delete ${written(record)} but it was not found`];
    if (!isSameContent(current, record))
      return [`Tried to delete ${written(record)} but the values provided do not match the current values`];
    copy.splice(index, 1);
    return [];
  }
  if (action === 'CREATE' && current !== undefined) return [`Tried to create ${written(record)} but it already exists`];
  const conflicts = conflictsWith(world, zone, copy, record);
  if (conflicts.length > 0) return conflicts;
  copy.splice(current === undefined ? copy.length : index, current === undefined ? 0 : 1, record);
  return [];
}

function written({ name, type, setIdentifier }: StoredRecordSet): string {
  const identifier = setIdentifier === undefined ? '' : `, set-identifier='${setIdentifier}'`;
  return `resource record set [name='${name}', type='${type}'${identifier}]`;
}

function zoneProblems(zone: HostedZone, records: StoredRecordSet[]): string[] {
  const has = (type: string) => records.some((record) => record.name === zone.name && record.type === type);
  return [
    ...(has('SOA') ? [] : ['A HostedZone must contain exactly one SOA record.']),
    ...(has('NS') ? [] : ['A HostedZone must contain at least one NS record for the zone itself.']),
    ...(records.length > RECORD_SETS_LIMIT ? [`Exceeded limit MAX_RRSETS_BY_ZONE for zone: ${zone.id}`] : []),
  ];
}
