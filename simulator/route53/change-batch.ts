/**
 * ChangeResourceRecordSets: a transaction. All changes are tried on a copy; only when every one holds does it take the
 * zone's place. Source: Route 53 API Reference, "ChangeResourceRecordSets"; wording from public reports.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { AwsError } from '../aws-error.ts';
import type { HostedZone, StoredRecordSet } from '../cloud.ts';
import { isWithin } from './names.ts';
import { childrenOf, type Element, elementOf, isSameContent, isSameKey, recordSetIn, textIn } from './record-sets.ts';

export interface Change {
  action: 'CREATE' | 'DELETE' | 'UPSERT';
  record: StoredRecordSet;
}

/** Source: Route 53 Developer Guide, "Quotas", maximum size of a request; an UPSERT counts twice. */
const RECORDS_LIMIT = 1000;
const CHARACTERS_LIMIT = 32_000;

const LABEL_LIMIT = 63;
const NAME_LIMIT = 255;

/** Reads the changes of a request. */
export function changesIn(batch: Element): Change[] {
  const changes = childrenOf(batch, 'Changes', 'Change').map(changeIn);
  if (changes.length === 0)
    throw new AwsError('InvalidInput', 'Invalid XML: a change batch needs at least one change.');
  return changes;
}

function changeIn(xml: Element): Change {
  const action = textIn(xml, 'Action');
  const record = recordSetIn(elementOf(xml, 'ResourceRecordSet'));
  if (action !== 'CREATE' && action !== 'DELETE' && action !== 'UPSERT')
    throw new AwsError('InvalidInput', `Invalid value '${action}' for Action: expected CREATE, DELETE or UPSERT.`);
  if (record.alias === undefined && (record.ttl === undefined || record.values.length === 0))
    throw new AwsError(
      'InvalidInput',
      'Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], ' +
        `but found none in Change with [Action=${action}, Name=${record.name}, Type=${record.type}, ` +
        `SetIdentifier=${record.setIdentifier ?? 'null'}]`,
    );
  return { action, record };
}

/**
 * The zone's record sets after the changes.
 * @throws AwsError `InvalidChangeBatch` with every problem in one message, `[first, second]`.
 */
export function apply(zone: HostedZone, changes: Change[]): StoredRecordSet[] {
  const copy = [...zone.recordSets];
  const problems = [...sizeProblems(changes), ...repeated(changes)];
  for (const change of changes) {
    const problem = valueProblem(zone, change) ?? perform(copy, change, zone);
    if (problem !== undefined) problems.push(problem);
  }
  problems.push(...apexProblems(zone, copy));
  if (problems.length > 0) throw new AwsError('InvalidChangeBatch', `[${problems.join(', ')}]`);
  return copy;
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
    ...(characters > CHARACTERS_LIMIT ? [`Number of characters limit of ${CHARACTERS_LIMIT} exceeded.`] : []),
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

function valueProblem(zone: HostedZone, { action, record }: Change): string | undefined {
  const { name, type, values } = record;
  if (!isWithin(name, zone.name)) return `RRSet with DNS name ${name} is not permitted in zone ${zone.name}`;
  if (action === 'DELETE') return undefined;
  const labels = name.slice(0, -1).split('.');
  if (labels.some((label) => label.length > LABEL_LIMIT))
    return `FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '${name}'`;
  if (labels.includes('')) return `FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with '${name}'`;
  if (name.length > NAME_LIMIT) return `FATAL problem: DomainNameTooLong encountered with '${name}'`;
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) return `Duplicate Resource Record: '${twice}'`;
  for (const value of values) {
    if (type === 'A' && !isIPv4(value)) return illegal('ARRDATAIllegalIPv4Address', 'IPv4', value);
    if (type === 'AAAA' && !isIPv6(value)) return illegal('AAAARRDATAIllegalIPv6Address', 'IPv6', value);
  }
  return undefined;
}

function illegal(problem: string, family: string, value: string): string {
  return (
    `Invalid Resource Record: 'FATAL problem: ${problem} (Value is not a valid ${family} address) ` +
    `encountered with '${value}''`
  );
}

/** Performs one change on the copy, or says why not. */
function perform(copy: StoredRecordSet[], { action, record }: Change, zone: HostedZone): string | undefined {
  const index = copy.findIndex((other) => isSameKey(other, record));
  const current = copy[index];
  const named = `resource record set [name='${record.name}', type='${record.type}'${
    record.setIdentifier === undefined ? '' : `, set identifier='${record.setIdentifier}'`
  }]`;
  if (action === 'DELETE') {
    if (current === undefined) return `Tried to delete ${named} but it was not found`;
    if (!isSameContent(current, record))
      return `Tried to delete ${named} but the values provided do not match the current values`;
    copy.splice(index, 1);
    return undefined;
  }
  if (action === 'CREATE' && current !== undefined) return `Tried to create ${named} but it already exists`;
  const conflict = conflictWith(copy, record, zone);
  if (conflict !== undefined) return conflict;
  copy.splice(current === undefined ? copy.length : index, current === undefined ? 0 : 1, record);
  return undefined;
}

/** What may not stand beside what. */
function conflictWith(copy: StoredRecordSet[], record: StoredRecordSet, zone: HostedZone): string | undefined {
  const neighbours = copy.filter((other) => other.name === record.name && !isSameKey(other, record));
  const cname = neighbours.find(({ type }) => (type === 'CNAME') !== (record.type === 'CNAME'));
  if (cname !== undefined)
    // The two blanks are real.
    return (
      `RRSet of type ${record.type} with DNS name ${record.name} is not permitted because a conflicting RRSet of type  ` +
      `${cname.type} with the same DNS name already exists in zone ${zone.name}`
    );
  const same = neighbours.filter(({ type }) => type === record.type);
  const subject =
    `RRSet with DNS name ${record.name}, type ${record.type}, ` +
    `SetIdentifier ${record.setIdentifier === undefined ? 'null' : `"${record.setIdentifier}"`} cannot be created as `;
  if (record.multiValueAnswer === true && same.some(({ multiValueAnswer }) => multiValueAnswer !== true))
    return `${subject.slice(0, -3)}because a non multivalue answer rrset exists with the same name and type.`;
  if (record.multiValueAnswer !== true && same.some(({ multiValueAnswer }) => multiValueAnswer === true))
    return `${subject.slice(0, -3)}because a multivalue answer rrset exists with the same name and type.`;
  if (record.weight !== undefined && same.some(({ weight }) => weight === undefined))
    return `${subject}a non-weighted set exists with the same name and type.`;
  if (record.weight === undefined && same.some(({ weight }) => weight !== undefined))
    return `${subject}a weighted set exists with the same name and type.`;
  if (record.weight !== undefined && same.some(({ ttl }) => ttl !== record.ttl))
    return `${subject}weighted sets must contain the same TTL.`;
  return undefined;
}

function apexProblems(zone: HostedZone, records: StoredRecordSet[]): string[] {
  const has = (type: string) => records.some((record) => record.name === zone.name && record.type === type);
  return [
    ...(has('SOA') ? [] : ['A HostedZone must contain exactly one SOA record.']),
    ...(has('NS') ? [] : ['A HostedZone must contain at least one NS record for the zone itself.']),
  ];
}
