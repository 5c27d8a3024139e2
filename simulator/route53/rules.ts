/** What a zone may hold, as `InvalidChangeBatch` says it. Source: Route 53 API Reference, "ResourceRecordSet"; wording from public reports. */
import { isIPv4, isIPv6 } from 'node:net';
import type { HostedZone, StoredRecordSet, World } from '../cloud.ts';
import type { Change } from './change-form.ts';
import { isWithin, labelsOf, unsupportedIn } from './names.ts';
import { isSameKey } from './record-sets.ts';

/** Source: Route 53 Developer Guide, "DNS domain name format"; the dots of a name count. */
const LABEL_LIMIT_BYTES = 63;
const NAME_LIMIT_BYTES = 255;

/** Source: Route 53 Developer Guide, "Quotas". */
const VALUES_LIMIT = 400;
const SETS_LIMIT = 100;

/** What is wrong with a change by itself, in this zone. */
export function contentProblems(zone: HostedZone, { action, record }: Change): string[] {
  if (!isWithin(record.name, zone.name))
    return [`RRSet with DNS name ${record.name} is not permitted in zone ${zone.name}`];
  if (action === 'DELETE') return [];
  const problem = nameProblem(record) ?? valueProblem(record) ?? routingProblem(record);
  if (problem !== undefined) return [problem];
  if (record.type === 'CNAME' && record.name === zone.name)
    return [`RRSet of type CNAME with DNS name ${record.name} is not permitted at apex in zone ${zone.name}`];
  return [];
}

function nameProblem({ name }: StoredRecordSet): string | undefined {
  const unsupported = unsupportedIn(name);
  if (unsupported !== undefined)
    return `FATAL problem: UnsupportedCharacter (Value contains unsupported characters) encountered with '${unsupported}'`;
  const labels = labelsOf(name);
  if (labels.some(({ bytes }) => bytes > LABEL_LIMIT_BYTES))
    return `FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '${name}'`;
  if (labels.some(({ bytes }) => bytes === 0))
    return `FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with '${name}'`;
  if (labels.reduce((sum, { bytes }) => sum + bytes + 1, 0) > NAME_LIMIT_BYTES)
    return `FATAL problem: DomainNameTooLong encountered with '${name}'`;
  return undefined;
}

function valueProblem({ type, values }: StoredRecordSet): string | undefined {
  if (values.length > VALUES_LIMIT) return `Cannot have more than ${VALUES_LIMIT} records in a RRSet.`;
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) return `Duplicate Resource Record: '${twice}'`;
  for (const value of values) {
    if (type === 'A' && !isIPv4(value)) return illegal('ARRDATAIllegalIPv4Address', 'IPv4', value);
    // An address with a zone, `fe80::1%eth0`, means something on one machine only.
    if (type === 'AAAA' && (!isIPv6(value) || value.includes('%')))
      return illegal('AAAARRDATAIllegalIPv6Address', 'IPv6', value);
  }
  return undefined;
}

function illegal(problem: string, family: string, value: string): string {
  return (
    `Invalid Resource Record: 'FATAL problem: ${problem} (Value is not a valid ${family} address) ` +
    `encountered with '${value}''`
  );
}

function routingProblem(record: StoredRecordSet): string | undefined {
  const { type, alias, values } = record;
  const routing = routingOf(record);
  if (routing === 'multivalue' && alias !== undefined)
    return `${subjectOf(record)} cannot be a multivalue answer alias.`;
  if (routing === 'multivalue' && ['CNAME', 'DS', 'NS', 'SOA'].includes(type))
    return `${subjectOf(record)} cannot be a multivalue answer of type ${type}.`;
  if (routing === 'weighted' && values.length > 1)
    return `${subjectOf(record)} cannot be created as a weighted set has one resource record only.`;
  return undefined;
}

/** What is wrong with a record set beside those there are, itself left out. */
export function conflictsWith(
  world: World,
  zone: HostedZone,
  records: StoredRecordSet[],
  record: StoredRecordSet,
): string[] {
  const neighbours = records.filter((other) => other.name === record.name && !isSameKey(other, record));
  const same = neighbours.filter(({ type }) => type === record.type);
  const problem = cnameConflict(zone, neighbours, record) ?? routingConflict(same, record);
  if (problem !== undefined) return [problem];
  return aliasProblems(world, zone, records, record);
}

function cnameConflict(zone: HostedZone, neighbours: StoredRecordSet[], record: StoredRecordSet): string | undefined {
  const { name, type } = record;
  if (type === 'CNAME' && neighbours.some((other) => other.type !== 'CNAME'))
    return `RRSet of type CNAME with DNS name ${name} is not permitted as it conflicts with other records with the same DNS name in zone ${zone.name}`;
  if (type !== 'CNAME' && neighbours.some((other) => other.type === 'CNAME'))
    // The two blanks are real.
    return `RRSet of type ${type} with DNS name ${name} is not permitted because a conflicting RRSet of type  CNAME with the same DNS name already exists in zone ${zone.name}`;
  return undefined;
}

type Routing = 'simple' | 'multivalue' | 'weighted' | 'latency' | 'failover';

/** Why a record set of this kind cannot stand beside one of another. */
const otherRouting: Record<Routing, string> = {
  simple: 'as other RRSets exist with the same name and type.',
  multivalue: 'because a non multivalue answer rrset exists with the same name and type.',
  weighted: 'as a non-weighted set exists with the same name and type.',
  latency: 'as a non-latency set exists with the same name and type.',
  failover: 'as a non-failover set exists with the same name and type.',
};

function routingConflict(same: StoredRecordSet[], record: StoredRecordSet): string | undefined {
  const routing = routingOf(record);
  const subject = `${subjectOf(record)} cannot be created`;
  if (same.some((other) => routingOf(other) !== routing)) return `${subject} ${otherRouting[routing]}`;
  if (routing === 'weighted' && same.some(({ ttl }) => ttl !== record.ttl))
    return `${subject} as weighted sets must contain the same TTL.`;
  if ((routing === 'multivalue' || routing === 'weighted') && same.length >= SETS_LIMIT)
    return `${subject} as there are ${SETS_LIMIT} with the same name and type already.`;
  return undefined;
}

function routingOf({ multiValueAnswer, weight, region, failover }: StoredRecordSet): Routing {
  if (multiValueAnswer === true) return 'multivalue';
  if (weight !== undefined) return 'weighted';
  if (region !== undefined) return 'latency';
  return failover === undefined ? 'simple' : 'failover';
}

function subjectOf({ name, type, setIdentifier }: StoredRecordSet): string {
  return `RRSet with DNS name ${name}, type ${type}${setIdentifier === undefined ? '' : `, SetIdentifier "${setIdentifier}"`}`;
}

/** Targets in zones that are not here, such as those of load balancers, are taken as they come. */
function aliasProblems(
  world: World,
  zone: HostedZone,
  records: StoredRecordSet[],
  { type, alias }: StoredRecordSet,
): string[] {
  const target = alias === undefined ? undefined : world.zones.get(alias.hostedZoneId);
  if (alias === undefined || target === undefined) return [];
  const tried = `Tried to create an alias that targets ${alias.dnsName}, type ${type} in zone ${target.id}`;
  const there = target.id === zone.id ? records : target.recordSets;
  return [
    ...(isWithin(alias.dnsName, target.name)
      ? []
      : [`${tried}, but the alias target name does not lie within the target zone`]),
    ...(there.some((other) => other.name === alias.dnsName && other.type === type)
      ? []
      : [`${tried}, but that target was not found`]),
  ];
}
