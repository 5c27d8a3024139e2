/** What CreateVolume takes, and what can be seen beforehand that it will not (behaviour.md 3.3, 6.1, 6.6). */

import type { Finding, Place } from './check.ts';
import { error, warning } from './places.ts';
import { quoted } from './source-text.ts';
import { nearest } from './suggest.ts';

/** A form that a value may have, in words, for example `a whole number`. */
interface Form {
  words: string;
  isOf(value: unknown): boolean;
}

const aString: Form = { words: 'a string', isOf: (value) => typeof value === 'string' };
const aNumber: Form = { words: 'a whole number', isOf: (value) => Number.isSafeInteger(value) };
const aBoolean: Form = { words: 'true or false', isOf: (value) => typeof value === 'boolean' };
const anObject: Form = { words: 'an object in braces { }', isOf: isObject };
const tagSpecifications: Form = {
  words: 'a list such as [{ "ResourceType": "volume", "Tags": [{ "Key": "Name", "Value": "worlds" }] }]',
  isOf: (value) => Array.isArray(value) && value.every(isTagSpecification),
};

/** Source: EC2 API Reference, "CreateVolume", as the SDK for JavaScript spells it. */
const members: Readonly<Record<string, Form>> = {
  AvailabilityZone: aString,
  AvailabilityZoneId: aString,
  ClientToken: aString,
  DryRun: aBoolean,
  Encrypted: aBoolean,
  Iops: aNumber,
  KmsKeyId: aString,
  MultiAttachEnabled: aBoolean,
  Operator: anObject,
  OutpostArn: aString,
  Size: aNumber,
  SnapshotId: aString,
  TagSpecifications: tagSpecifications,
  Throughput: aNumber,
  VolumeInitializationRate: aNumber,
  VolumeType: aString,
};

const overruled = ['AvailabilityZone', 'AvailabilityZoneId', 'ClientToken', 'DryRun'];

/** Checks the `create` of a volume, if it has one. */
export function creationChecks(create: unknown, at: Place): Finding[] {
  if (!isObject(create)) return [];
  return [
    ...Object.entries(create).flatMap(([name, value]) => member(name, value, at)),
    ...claimless(create, at),
    ...sizeless(create, at),
  ];
}

function member(name: string, value: unknown, at: Place): Finding[] {
  const form = Object.hasOwn(members, name) ? members[name] : undefined;
  const its = inside(at, name);
  if (form === undefined) return [{ ...its, severity: 'unknown', message: unknownMember(name) }];
  if (overruled.includes(name)) return [warning(its, 'is overruled: the daemon sets it itself. Leave it out.')];
  return form.isOf(value) ? [] : [error(its, `expected ${form.words}, got ${quoted(value)}.`)];
}

/** Where a key stands is not known more exactly than where its object does. */
function inside({ path, offset }: Place, name: string): Pick<Place, 'path' | 'offset'> {
  return { path: [...path, name], offset };
}

function unknownMember(name: string): string {
  const known = Object.keys(members);
  const near = nearest(name, known);
  const remedy =
    near === undefined
      ? `It takes ${known.filter((one) => !overruled.includes(one)).join(', ')}.`
      : `Did you mean "${near}"?`;
  return `CreateVolume takes no ${quoted(name)}. ${remedy}`;
}

function claimless({ MultiAttachEnabled: shared }: Record<string, unknown>, at: Place): Finding[] {
  if (shared !== true) return [];
  const rule = 'attaching such a volume claims nothing, since others can attach it as well. Leave it out.';
  return [error(inside(at, 'MultiAttachEnabled'), rule)];
}

function sizeless(create: Record<string, unknown>, at: Place): Finding[] {
  if (Object.hasOwn(create, 'Size') || Object.hasOwn(create, 'SnapshotId')) return [];
  return [error(at, 'has neither "Size" (in GiB) nor "SnapshotId"; CreateVolume needs one of them.')];
}

function isTagSpecification(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { ResourceType: type, Tags: tags = [] } = value;
  return (type === undefined || typeof type === 'string') && Array.isArray(tags) && tags.every(isTag);
}

function isTag(value: unknown): boolean {
  return isObject(value) && typeof value.Key === 'string' && ['string', 'undefined'].includes(typeof value.Value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
