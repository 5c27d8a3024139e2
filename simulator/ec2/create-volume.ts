import { type Snapshot, type Volume, type World, zoneIdOf, zonesOf } from '../cloud.ts';
import { type Params, textOf } from '../query.ts';
import { creationFails } from '../sentinels.ts';
import { create } from '../volumes.ts';
import { type Action, newId, required, snapshotOf, unlessDryRun } from './action.ts';
import { volumeItem } from './describe-volumes.ts';
import {
  invalidCombination,
  invalidParameter,
  missingDependency,
  missingParameter,
  noVolumeCapacity,
  snapshotState,
  tokenMismatch,
  unknownVolumeType,
  volumeLimit,
  zoneNotFound,
} from './errors.ts';
import { checkedTagsAtCreation } from './tag-specification.ts';

const TOKEN_LIMIT = 64;

interface VolumeType {
  /** The least and the most that a volume of it may have. */
  sizeGiB: readonly [least: number, most: number];
  /** How many it has where none are asked for; absent: none can be asked for, or they have to be. */
  iopsOf?: (sizeGiB: number) => number;
  /** Whether they can be asked for. */
  iops: 'never' | 'may be' | 'have to be';
  /** MiB/s where none is asked for; absent: none can be asked for. */
  throughput?: number;
}

/** Source: EBS User Guide, "Amazon EBS volume types". */
const types = new Map<string, VolumeType>(
  Object.entries({
    gp2: { sizeGiB: [1, 16_384], iops: 'never', iopsOf: (size: number) => Math.min(Math.max(3 * size, 100), 16_000) },
    gp3: { sizeGiB: [1, 16_384], iops: 'may be', iopsOf: () => 3000, throughput: 125 },
    io1: { sizeGiB: [4, 16_384], iops: 'have to be' },
    io2: { sizeGiB: [4, 65_536], iops: 'have to be' },
    st1: { sizeGiB: [125, 16_384], iops: 'never' },
    sc1: { sizeGiB: [125, 16_384], iops: 'never' },
    standard: { sizeGiB: [1, 1024], iops: 'never' },
  } as const),
);

/**
 * Makes a volume. A token makes it idempotent: with the same parameters it gives the same volume, however that is by now and
 * even when it is gone. Source: EC2 API Reference, "CreateVolume"; EC2 Developer Guide, "Ensuring idempotency".
 */
export const createVolume: Action = (world, params) => {
  const request = requestIn(params);
  const token = tokenIn(params);
  const before = token === undefined ? undefined : world.creations.get(token);
  if (before !== undefined && before.request !== request) throw tokenMismatch();
  if (before !== undefined) {
    unlessDryRun(params);
    return volumeItem(before.volume);
  }

  const volume = volumeIn(world, params);
  unlessDryRun(params);
  checkRoom(world, volume);
  create(world, volume);
  if (token !== undefined) world.creations.set(token, { request, volume });
  return volumeItem(volume);
};

/** All but the token, in whatever order it was written. */
function requestIn({ ClientToken: _token, DryRun: _dryRun, ...rest }: Params): string {
  return JSON.stringify(Object.entries(rest).toSorted(([a], [b]) => a.localeCompare(b)));
}

function tokenIn(params: Params): string | undefined {
  const token = textOf(params, 'ClientToken');
  if (token !== undefined && (token.length > TOKEN_LIMIT || !/^[\x20-\x7e]*$/.test(token)))
    throw invalidParameter(
      `Value (${token}) for parameter clientToken is invalid. It may have ${TOKEN_LIMIT} ASCII characters.`,
    );
  return token === '' ? undefined : token;
}

function volumeIn(world: World, params: Params): Volume {
  const zone = zoneIn(world, params);
  const snapshot = snapshotIn(world, params);
  const typeName = textOf(params, 'VolumeType') ?? 'gp2';
  const type = types.get(typeName);
  if (type === undefined) throw unknownVolumeType(typeName);
  const sizeGiB = sizeIn(params, type, snapshot);
  const [encrypted, kmsKeyId] = encryptionIn(params, snapshot);
  return {
    id: newId('vol'),
    state: 'creating',
    zone,
    sizeGiB,
    type: typeName,
    iops: iopsIn(params, typeName, type, sizeGiB),
    throughput: throughputIn(params, typeName, type),
    encrypted,
    kmsKeyId,
    multiAttach: multiAttachIn(params, typeName),
    snapshotId: snapshot?.id ?? '',
    createTime: new Date(world.clock.now()).toISOString(),
    tags: checkedTagsAtCreation(params, 'volume'),
    attachments: [],
  };
}

function zoneIn(world: World, params: Params): string {
  const zoneId = textOf(params, 'AvailabilityZoneId');
  const named = zoneId === undefined ? required(params, 'AvailabilityZone') : zoneId;
  const zone = zonesOf(world).find((known) => named === (zoneId === undefined ? known : zoneIdOf(known)));
  if (zone === undefined) throw zoneNotFound(named);
  return zone;
}

function snapshotIn(world: World, params: Params): Snapshot | undefined {
  const snapshotId = textOf(params, 'SnapshotId') ?? '';
  if (snapshotId === '') return undefined;
  const snapshot = snapshotOf(world, snapshotId);
  if (snapshot.state !== 'completed') throw snapshotState(snapshot.state);
  return snapshot;
}

function sizeIn(params: Params, { sizeGiB: [least, most] }: VolumeType, snapshot: Snapshot | undefined): number {
  const asked = wholeNumberIn(params, 'Size', 'size');
  const size = asked ?? snapshot?.sizeGiB;
  if (size === undefined) throw missingParameter('size/snapshot');
  if (snapshot !== undefined && size < snapshot.sizeGiB)
    throw invalidParameter(
      `Volume of size ${size}GB is smaller than snapshot '${snapshot.id}', expect size >= ${snapshot.sizeGiB}GB`,
    );
  if (size < least) throw invalidParameter(`Volume of ${size}GiB is too small; minimum is ${least}GiB.`);
  if (size > most) throw invalidParameter(`Volume of ${size}GiB is too large; maximum is ${most}GiB.`);
  return size;
}

function iopsIn(params: Params, typeName: string, { iops, iopsOf }: VolumeType, sizeGiB: number): number | undefined {
  const asked = wholeNumberIn(params, 'Iops', 'iops');
  if (asked === undefined && iops === 'have to be')
    throw missingParameter(`iops. The parameter iops must be specified for ${typeName} volumes.`);
  if (asked !== undefined && iops === 'never')
    throw invalidCombination(`The parameter iops is not supported for ${typeName} volumes.`);
  const least = typeName === 'gp3' ? 3000 : 100;
  if (asked !== undefined && asked < least)
    throw invalidParameter(`Volume iops of ${asked} is too low; minimum is ${least}.`);
  return asked ?? iopsOf?.(sizeGiB);
}

function throughputIn(params: Params, typeName: string, { throughput: least }: VolumeType): number | undefined {
  const asked = wholeNumberIn(params, 'Throughput', 'throughput');
  if (asked !== undefined && least === undefined)
    throw invalidCombination(`The parameter throughput is not supported for ${typeName} volumes.`);
  if (asked !== undefined && least !== undefined && asked < least)
    throw invalidParameter(`Volume throughput of ${asked} MiB/s is too low; minimum is ${least} MiB/s.`);
  return asked ?? least;
}

/** Of an encrypted snapshot comes an encrypted volume. */
function encryptionIn(
  params: Params,
  snapshot: Snapshot | undefined,
): [encrypted: boolean, kmsKeyId: string | undefined] {
  const encrypted = textOf(params, 'Encrypted') === 'true' || snapshot?.encrypted === true;
  const kmsKeyId = textOf(params, 'KmsKeyId');
  if (kmsKeyId !== undefined && !encrypted)
    throw missingDependency('The parameter KmsKeyId requires the parameter Encrypted to be set.');
  return [encrypted, kmsKeyId];
}

function multiAttachIn(params: Params, typeName: string): boolean {
  const isAsked = textOf(params, 'MultiAttachEnabled') === 'true';
  if (isAsked && typeName !== 'io1' && typeName !== 'io2')
    throw invalidCombination(`The parameter multiAttachEnabled is not supported for ${typeName} volumes.`);
  return isAsked;
}

function wholeNumberIn(params: Params, name: string, called: string): number | undefined {
  const text = textOf(params, name);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw invalidParameter(`Value (${text}) for parameter ${called} is invalid. Expected a whole number.`);
}

function checkRoom({ volumes, limits }: World, volume: Volume): void {
  if (volumes.size >= limits.volumes) throw volumeLimit(limits.volumes);
  if (limits.fullZones.includes(volume.zone) || creationFails(volume, 'create-no-capacity'))
    throw noVolumeCapacity(volume.zone);
}
