/** What the form of a scenario cannot say: which members go together, and whether what is named is there. */
import type { Finding, Place } from '../config/check.ts';
import { FaultError, parseMetadataFault } from './faults.ts';
import { instanceIdAt, USER_DATA_LIMIT_BYTES } from './parts.ts';
import { type Policies, parsePoliciesByRole } from './permissions.ts';
import { PolicyError } from './policy.ts';
import { type OrderName, orderNames } from './scenario-orders.ts';
import { parseHealScope, parseServiceFault } from './service-faults.ts';

/** @param findings what is wrong with the form: what has such a problem is not looked at further. */
export function scenarioFindings(places: readonly Place[], findings: readonly Finding[]): Finding[] {
  const whole = places.filter(({ path }) => !findings.some((finding) => isWithin(finding.path, path)));
  return [
    ...whole.flatMap(partFindings),
    ...places.filter(({ pattern }) => pattern === 'timeline.*').flatMap((step) => orderFindings(step, findings)),
    ...whole.flatMap(userDataFindings),
    ...repeatedIds(whole),
    ...unknownInstances(places),
  ];
}

/** User data as bytes; an object is them in base64, or else what they say in JSON. */
export function userDataOf(written: string | object): Buffer {
  if (typeof written === 'string') return Buffer.from(written);
  const { base64, ...rest } = written as { base64?: unknown };
  const isBytes = typeof base64 === 'string' && Object.keys(rest).length === 0;
  return isBytes ? Buffer.from(base64, 'base64') : Buffer.from(JSON.stringify(written));
}

/** Readers of parts that have more rules than a form, by the pattern of their place. */
const readers: Record<string, (value: object) => unknown> = {
  'world.faults.*': (fault) => parseServiceFault(fault, 0),
  'world.instances.*.metadataFaults.*': (fault) => parseMetadataFault(fault, 0),
  'world.policies': (policies) => parsePoliciesByRole(policies as Policies),
  'timeline.*.fault': (fault) => parseServiceFault(fault, 0),
  'timeline.*.heal': parseHealScope,
  'timeline.*.metadataFault': ({ instanceId: _instanceId, ...fault }: { instanceId?: string }) =>
    parseMetadataFault(fault, 0),
  'timeline.*.launch.metadataFaults.*': (fault) => parseMetadataFault(fault, 0),
  'timeline.*.setPolicies': (policies) => parsePoliciesByRole(policies as Policies),
};

function partFindings(place: Place): Finding[] {
  try {
    readers[place.pattern]?.(place.value as object);
    return [];
  } catch (error) {
    if (error instanceof FaultError || error instanceof PolicyError) return [findingAt(place, `${error.message}.`)];
    throw error;
  }
}

function userDataFindings(place: Place): Finding[] {
  const written = place.value as string | object | null;
  if (!place.pattern.endsWith('.userData') || written === null) return [];
  const { length } = userDataOf(written);
  if (length <= USER_DATA_LIMIT_BYTES) return [];
  return [findingAt(place, `has ${length} bytes. EC2 takes up to ${USER_DATA_LIMIT_BYTES}.`)];
}

/** Each step has one order, so that each has its place in the order of time. */
function orderFindings(step: Place, findings: readonly Finding[]): Finding[] {
  const given = orderNames.filter((name) => step.keys.includes(name));
  if (given.length === 1) return [];
  if (given.length > 1)
    return [
      findingAt(
        step,
        `has ${given.map((name) => `"${name}"`).join(' and ')}. Write a step for each, at the same time.`,
      ),
    ];
  // A misspelt order has its own sentence.
  const isMisspelt = findings.some(({ severity, path }) => severity === 'unknown' && isWithin(path, step.path));
  return isMisspelt ? [] : [findingAt(step, `has no order. Write one of ${orderNames.join(', ')}.`)];
}

/** Things of one kind that have the same id: the later one would take the place of the earlier one. */
function repeatedIds(places: readonly Place[]): Finding[] {
  const kinds = [
    ['world.instances.*.id', 'timeline.*.launch.id'],
    ['world.volumes.*.id', 'timeline.*.addVolume.id'],
    ['world.snapshots.*.id'],
    ['world.hostedZones.*.id'],
  ];
  return kinds.flatMap((patterns) => {
    const ids = places.filter(({ pattern }) => patterns.includes(pattern));
    return ids
      .filter(({ value }, index) => ids.findIndex((other) => other.value === value) < index)
      .map((place) => findingAt(place, `${JSON.stringify(place.value)} is given twice. Choose another id.`));
  });
}

/** Instances that orders and faults name, but that are not there by then. */
function unknownInstances(places: readonly Place[]): Finding[] {
  const known = new Map(firstInstances(places).map((id) => [id, 0]));
  for (const { atS, launched } of launches(places)) known.set(launched ?? instanceIdAt(known.size), atS);
  return places
    .filter(({ pattern }) => /^(world\.faults\.\*|timeline\.\*\.\w+)\.instanceId$/.test(pattern))
    .flatMap((place) => {
      const sinceS = known.get(String(place.value));
      const atS = place.pattern.startsWith('world') ? Number.POSITIVE_INFINITY : timeOf(places, place);
      if (sinceS !== undefined && sinceS <= atS) return [];
      return [findingAt(place, `there is no instance ${place.value} then. Known are ${[...known.keys()].join(', ')}.`)];
    });
}

function firstInstances(places: readonly Place[]): string[] {
  const setups = places.filter(({ pattern }) => pattern === 'world.instances.*');
  if (setups.length === 0) return [instanceIdAt(0)];
  return setups.map(({ value }, index) => (value as { id?: string }).id ?? instanceIdAt(index));
}

function launches(places: readonly Place[]): { atS: number; launched?: string }[] {
  return places
    .filter(({ pattern }) => pattern === ('timeline.*.launch' satisfies `timeline.*.${OrderName}`))
    .map((place) => ({ atS: timeOf(places, place), ...launchedBy(place) }))
    .sort((one, other) => one.atS - other.atS);
}

function launchedBy({ value }: Place): { launched?: string } {
  const { id } = value as { id?: string };
  return id === undefined ? {} : { launched: id };
}

/** When the step is performed that a place is in. */
function timeOf(places: readonly Place[], { path }: Place): number {
  const step = places.find(({ pattern, path: [, index] }) => pattern === 'timeline.*' && index === path[1]);
  const { at = 0 } = (step?.value ?? {}) as { at?: number };
  return at;
}

function findingAt({ path, offset }: Place, message: string): Finding {
  return { severity: 'error', path, offset, message };
}

function isWithin(path: Finding['path'], outer: Place['path']): boolean {
  return outer.every((step, index) => path[index] === step);
}
