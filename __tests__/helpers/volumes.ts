/** What stories of volumes have in common: pools, what is created, who is on the way out, and what a daemon says meanwhile. */

import path from 'node:path';
import { CreateTagsCommand, DetachVolumeCommand, EC2Client } from '@aws-sdk/client-ec2';
import { volumeTags } from '../../config/tags.ts';
import type { Volume } from '../../simulator/cloud.ts';
import type { CloudSetup } from '../../simulator/server.ts';
import { type Daemon, type Lab, type LogRecord, machineIn } from './daemon.ts';
import { clientOptions, eventually } from './simulator-clients.ts';
import { note } from './story.ts';

export type VolumeSetup = NonNullable<CloudSetup['volumes']>[number];

/** For an entry that takes its volume from a pool. */
export const pooled = { device: '/dev/sdf', source: 'p', 'pool-name': 'worlds' };
/** For an entry that creates one. */
export const created = { device: '/dev/sdf', source: 'c', create: { Size: 4 } };

/** A volume of the domain `world` in the pool `worlds`. */
export function inPool(id: string, { tags = {}, ...setup }: Partial<VolumeSetup> = {}): VolumeSetup {
  return { id, tags: { [volumeTags.domain]: 'world', [volumeTags.pool]: 'worlds', ...tags }, ...setup };
}

/** One that somebody else has: another instance, unless told otherwise. */
export function heldBy(instanceId: string, volume: VolumeSetup): VolumeSetup {
  return { ...volume, attachedTo: { instanceId, device: '/dev/sdf' } };
}

/** The volumes at an instance, whatever their state, without its root volume: `vol-0abc at /dev/sdf`. */
export function attachedTo({ cloud }: Pick<Lab, 'cloud'>, instanceId = cloud.instanceId): string[] {
  const { rootDevice } = cloud.instance(instanceId);
  return cloud
    .volumes()
    .flatMap(({ id, attachments }) => attachments.map((attachment) => ({ id, ...attachment })))
    .filter((attachment) => attachment.instanceId === instanceId && attachment.device !== rootDevice)
    .map(({ id, device }) => `${id} at ${device}`)
    .toSorted();
}

/** What has been created by the daemons of this lab and is still there. */
export function createdVolumes({ cloud }: Pick<Lab, 'cloud'>): Volume[] {
  return cloud.volumes().filter(({ tags }) => tags[volumeTags.created] !== undefined);
}

/** The marks of transactions on a volume (6.7), by the ends of their keys; when it was used is none. */
export function marksOn({ cloud }: Pick<Lab, 'cloud'>, volumeId: string): Record<string, string> {
  const tags = cloud.volume(volumeId)?.tags ?? {};
  const keys = [volumeTags.transaction, volumeTags.holder, volumeTags.inTransit].filter((key) => key in tags);
  return Object.fromEntries(keys.map((key) => [key.split('.').at(-1), tags[key] ?? '']));
}

/** Resolves when a volume has no marks: they go beside whatever comes next. */
export async function unmarked(lab: Pick<Lab, 'cloud'>, volumeId: string): Promise<void> {
  await eventually(
    async () => marksOn(lab, volumeId),
    (marks) => Object.keys(marks).length === 0,
  );
}

/** Lets a volume go as somebody else does meanwhile. */
export async function detach({ cloud }: Pick<Lab, 'cloud'>, VolumeId: string): Promise<void> {
  await new EC2Client(clientOptions(cloud)).send(new DetachVolumeCommand({ VolumeId }));
}

/** Tags a volume as somebody else does meanwhile. */
export async function tag({ cloud }: Pick<Lab, 'cloud'>, volumeId: string, tags: Record<string, string>) {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  await new EC2Client(clientOptions(cloud)).send(new CreateTagsCommand({ Resources: [volumeId], Tags }));
}

/** Everything that a daemon has warned of, or worse, in its order. */
export function warnings({ log }: Pick<Daemon, 'log'>): string[] {
  return log.filter(({ level }) => level === 'warn' || level === 'error').map(({ message }) => message);
}

/** Resolves with the next line about waiting that says this. */
export function waits(daemon: Daemon, forWhat: string | RegExp): Promise<LogRecord> {
  return daemon.says(({ message }) => message.startsWith('waiting: ') && contains(message, forWhat));
}

function contains(message: string, part: string | RegExp): boolean {
  return typeof part === 'string' ? message.includes(part) : part.test(message);
}

/** Lines for an entry: they format what was created and not prepared yet, as people's scripts do, and leave a trace. */
export function formatting(lab: Lab) {
  const { argv } = note(lab, 'formatted {volume_id}');
  const [shell = '', option = '', script = ''] = argv;
  return [{ argv: [shell, option, `[ {attach_source}{attach_op} != ctrue ] || ${script}`] }];
}

/** Another instance, with a machine of its own, as a lab: what a daemon is started on. */
export async function another({ cloud, folder }: Pick<Lab, 'cloud' | 'folder'>) {
  const its = path.join(folder, `instance-${cloud.volumes().length}`);
  const sysroot = machineIn(its);
  const instanceId = await cloud.launch({ sysroot });
  return {
    folder: its,
    sysroot,
    cloud: {
      ...cloud,
      instanceId,
      environment: () => cloud.environment(instanceId),
      changeInstance: (change: Parameters<typeof cloud.changeInstance>[0]) => cloud.changeInstance(change, instanceId),
    },
  };
}
