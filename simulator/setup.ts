/** What a cloud starts with: every part has a default, so that each thing a test sets means something. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Clock } from './clock.ts';
import type { Instance, Queue, Volume, World } from './cloud.ts';
import { showDisk } from './disks.ts';
import {
  createInstance,
  createQueue,
  createSnapshot,
  createTopic,
  createVolume,
  createZone,
  type HostedZoneSetup,
  type InstanceSetup,
  type Place,
  type QueueSetup,
  type SnapshotSetup,
  type TopicSetup,
  type VolumeSetup,
} from './parts.ts';
import { type Policies, parsePoliciesByRole } from './permissions.ts';
import { parseServiceFault, type ServiceFault } from './service-faults.ts';
import { type DiskSetup, layOut } from './sysroot.ts';
import { createThrottle, type Throttling } from './throttle.ts';

export type { InstanceSetup, VolumeSetup } from './parts.ts';

/** A cloud, and how it behaves; `{}` is one Spot instance. */
export interface CloudSetup extends Partial<World['delays']> {
  /** Default `123456789012`. */
  account?: string;
  /** Default `eu-west-1`. */
  region?: string;
  /** Default: the region's first. */
  zone?: string;
  /** Default: one Spot instance. The first one is meant wherever no instance is named. */
  instances?: InstanceSetup[];
  volumes?: VolumeSetup[];
  snapshots?: SnapshotSetup[];
  /** What the disks of volumes are like that say nothing of it: partitions, and what udev does when. */
  disk?: DiskSetup;
  /** A folder, on the sysroots' file system, that keeps what is written to disks, a file for each volume. Without, nothing is kept. */
  contents?: string;
  /** How many volumes there may be, root volumes included; default: as many as anybody wants. */
  volumeLimit?: number;
  /** Zones without room for new volumes. */
  fullZones?: string[];
  /** Whether EC2 and Route 53 throttle calls, with their own numbers or other ones: `{ 'Route 53': { capacity: 2 } }`. Default: they do not. */
  throttling?: Throttling;
  /** What roles may do: IAM policies by the role's name, which is `simulated-role` unless told otherwise. Default: everything. */
  policies?: Policies;
  /** What goes wrong with calls from the start. */
  faults?: ServiceFault[];
  hostedZones?: HostedZoneSetup[];
  /** Ids of health checks, beside those that the zones' record sets name already. */
  healthChecks?: string[];
  /** Names or ARNs. */
  topics?: (string | TopicSetup)[];
  /** Names or queue URLs; of a URL the account and the name are kept. */
  queues?: (string | QueueSetup)[];
  /** Of the AWS endpoint; default 0: a free one. */
  port?: number;
  /** Of the first instance's metadata endpoint; default 0: a free one. */
  metadataPort?: number;
}

/** The world as it is at first. */
export function createWorld(given: CloudSetup, clock: Clock): World {
  // The world changes what it is made of, and that is not to be the caller's.
  const setup = structuredClone(given);
  const region = setup.region ?? 'eu-west-1';
  const account = setup.account ?? '123456789012';
  const zone = setup.zone ?? `${region}a`;
  const place = { account, region, zone, nowIso: new Date(clock.now()).toISOString() };
  const world: World = {
    account,
    region,
    zone,
    clock,
    delays: delaysOf(setup),
    limits: { volumes: setup.volumeLimit ?? Number.MAX_SAFE_INTEGER, fullZones: setup.fullZones ?? [] },
    disk: setup.disk,
    contents: setup.contents === undefined ? undefined : path.resolve(setup.contents),
    throttle: createThrottle(clock, setup.throttling ?? false),
    policies: parsePoliciesByRole(setup.policies ?? {}),
    faults: (setup.faults ?? []).map((fault) => parseServiceFault(fault, clock.now())),
    instances: byKey('id', setup.instances ?? [{}], (instance, index) => createInstance(instance, index, place)),
    volumes: byKey('id', setup.volumes, (volume) => createVolume(volume, place)),
    snapshots: byKey('id', setup.snapshots, (snapshot) => createSnapshot(snapshot, place)),
    pasts: { instances: new Map(), volumes: new Map(), snapshots: new Map() },
    history: [],
    creations: new Map(),
    zones: byKey('id', setup.hostedZones, createZone),
    changes: new Map(),
    healthChecks: healthChecksOf(setup),
    answersLost: new Set(),
    topics: byKey('arn', setup.topics, (topic) => createTopic(topic, place)),
    queues: queuesOf(setup, place),
    publications: [],
    accepted: () => {},
  };
  for (const instance of world.instances.values()) giveRootVolume(world, instance);
  for (const { sysroot, uptimeS } of world.instances.values()) if (sysroot !== undefined) layOut(sysroot, uptimeS);
  // The root volumes were put in last, but the machine finds its own root first.
  showDisks(world, [...world.volumes.values()].reverse(), true);
  return world;
}

/**
 * Adds an instance, with its root volume and whatever volumes were set up to be attached to it.
 * @throws Error when there is one with its id.
 */
export function addInstance(world: World, setup: InstanceSetup): Instance {
  const instance = createInstance(structuredClone(setup), world.instances.size, placeIn(world));
  if (world.instances.has(instance.id)) throw new Error(`there is an instance ${instance.id} already`);
  world.instances.set(instance.id, instance);
  const { sysroot, uptimeS } = instance;
  if (sysroot !== undefined) layOut(sysroot, uptimeS);
  // The machine finds its own root first.
  showDisks(world, [giveRootVolume(world, instance), ...world.volumes.values()], true, instance.id);
  return instance;
}

/**
 * Adds a volume, attached already where the setup says so.
 * @throws Error when there is one with its id.
 */
export function addVolume(world: World, setup: VolumeSetup): Volume {
  if (world.volumes.has(setup.id)) throw new Error(`there is a volume ${setup.id} already`);
  const volume = createVolume(structuredClone(setup), placeIn(world));
  world.volumes.set(volume.id, volume);
  showDisks(world, [volume], false);
  return volume;
}

/** How a queue is found: the path of its URL. */
export function queueKey({ account, name }: { account: string; name: string }): string {
  return `${account}/${name}`;
}

function delaysOf(setup: CloudSetup): World['delays'] {
  return {
    latencyMs: setup.latencyMs ?? 0,
    createMs: setup.createMs ?? 0,
    deleteMs: setup.deleteMs ?? 0,
    attachMs: setup.attachMs ?? 0,
    detachMs: setup.detachMs ?? 0,
    deviceDelayMs: setup.deviceDelayMs ?? 0,
    snapshotMs: setup.snapshotMs ?? 0,
    consistencyMs: setup.consistencyMs ?? 0,
    shutdownMs: setup.shutdownMs ?? 0,
    insyncMs: setup.insyncMs ?? 0,
    zoneBusyMs: setup.zoneBusyMs ?? 0,
  };
}

function placeIn({ account, region, zone, clock }: World): Place {
  return { account, region, zone, nowIso: new Date(clock.now()).toISOString() };
}

function giveRootVolume(world: World, instance: Instance): Volume {
  const root = createVolume(
    {
      id: `vol-0${randomBytes(8).toString('hex')}`,
      attachedTo: { instanceId: instance.id, device: instance.rootDevice, deleteOnTermination: true },
      snapshotId: 'snap-0123456789abcdef0',
    },
    { ...placeIn(world), zone: instance.zone, nowIso: instance.launchTime },
  );
  world.volumes.set(root.id, root);
  return root;
}

/** @param instanceId whose disks alone; absent: everybody's. */
function showDisks(world: World, volumes: Iterable<Volume>, wereThereAtBoot: boolean, instanceId?: string): void {
  for (const volume of volumes)
    for (const attachment of volume.attachments)
      if (attachment.status === 'attached' && attachment.instanceId === (instanceId ?? attachment.instanceId))
        showDisk(world, volume, attachment, wereThereAtBoot);
}

function queuesOf({ queues = [] }: CloudSetup, place: Place): Map<string, Queue> {
  return new Map(queues.map((setup) => createQueue(setup, place)).map((queue) => [queueKey(queue), queue]));
}

function healthChecksOf({ healthChecks = [], hostedZones = [] }: CloudSetup): Set<string> {
  const named = hostedZones.flatMap(({ recordSets = [] }) => recordSets.map(({ healthCheckId }) => healthCheckId));
  return new Set([...healthChecks, ...named.filter((id) => id !== undefined)]);
}

function byKey<S, T, K extends keyof T>(
  key: K,
  setups: S[] | undefined,
  create: (setup: S, index: number) => T,
): Map<T[K], T> {
  return new Map((setups ?? []).map(create).map((value) => [value[key], value]));
}
