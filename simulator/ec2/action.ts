/** What the actions of EC2 have in common: their form, DryRun, and how they find what a request names. */
import { randomBytes } from 'node:crypto';
import type { Instance, Snapshot, Volume, World } from '../cloud.ts';
import { type Params, structuresOf, textOf, textsOf } from '../query.ts';
import { type Named, namedCreation } from '../sentinels.ts';
import type { XmlElement } from '../xml.ts';
import {
  dryRun,
  instanceIdMalformed,
  instanceNotFound,
  missingParameter,
  snapshotIdMalformed,
  snapshotNotFound,
  volumeIdMalformed,
  volumeNotFound,
} from './errors.ts';
import { tagsAtCreation } from './tag-specification.ts';

/**
 * One action: gives the members of its answer below `requestId`.
 * @throws AwsError
 */
export type Action = (world: World, params: Params) => XmlElement;

/** A parameter that the action cannot do without. */
export function required(params: Params, name: string): string {
  const value = textOf(params, name);
  if (value === undefined || value === '') throw missingParameter(name);
  return value;
}

/** Ends a dry run. To be called once the request is known to be well-formed and permitted, and before anything is done. */
export function unlessDryRun(params: Params): void {
  if (textOf(params, 'DryRun') === 'true') throw dryRun();
}

/** Everything that a request names, for the sentinels in it: volumes, instances, and the values of its filters; or what it makes. */
export function namedIn({ volumes, instances, snapshots }: World, operation: string, params: Params): Named[] {
  if (operation === 'CreateVolume') {
    const [snapshotId = '', token] = ['SnapshotId', 'ClientToken'].map((name) => textOf(params, name));
    return [namedCreation(snapshotId, tagsAtCreation(params), token)];
  }
  const ids = ['VolumeId', 'InstanceId', 'ResourceId', 'SnapshotId'].flatMap(
    (name) => textOf(params, name) ?? textsOf(params, name),
  );
  const values = structuresOf(params, 'Filter').flatMap((filter) => textsOf(filter, 'Value'));
  // An instance may have a volume's words in its tag, and then stands for every volume that is asked for together with it.
  return [...ids, ...values].flatMap((id) => {
    const tags = (volumes.get(id) ?? instances.get(id) ?? snapshots.get(id))?.tags;
    return [
      { as: 'volume', id, tags },
      { as: 'instance', id, tags },
    ] as const;
  });
}

/** Finds a volume. Ids that nobody put into the world have to look like ids, ours need not (`vol-attach-denied`). */
export function volumeOf(world: Pick<World, 'volumes'>, volumeId: string): Volume {
  const volume = world.volumes.get(volumeId);
  if (volume !== undefined) return volume;
  throw isId('vol', volumeId) ? volumeNotFound(volumeId) : volumeIdMalformed(volumeId);
}

export function instanceOf(world: Pick<World, 'instances'>, instanceId: string): Instance {
  const instance = world.instances.get(instanceId);
  if (instance !== undefined) return instance;
  throw isId('i', instanceId) ? instanceNotFound(instanceId) : instanceIdMalformed(instanceId);
}

export function snapshotOf(world: Pick<World, 'snapshots'>, snapshotId: string): Snapshot {
  const snapshot = world.snapshots.get(snapshotId);
  if (snapshot !== undefined) return snapshot;
  throw isId('snap', snapshotId) ? snapshotNotFound(snapshotId) : snapshotIdMalformed(snapshotId);
}

/** An id that nothing else has. */
export function newId(prefix: 'vol' | 'snap'): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`;
}

/** Ids have 17 hexadecimal digits, before 2018 they had 8. Source: EC2 User Guide, "Resource IDs". */
function isId(prefix: string, id: string): boolean {
  return new RegExp(`^${prefix}-([0-9a-f]{8}|[0-9a-f]{17})$`).test(id);
}
