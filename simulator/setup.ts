/** What a cloud starts with: every part has a default, so that each thing a test sets means something. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Clock } from './clock.ts';
import {
  attachmentsOf,
  type HostedZone,
  type Instance,
  type Queue,
  type Snapshot,
  type StoredRecordSet,
  type Topic,
  type Volume,
  type VolumeAttachment,
  type World,
} from './cloud.ts';
import { parseMetadataFault } from './faults.ts';
import { storedName } from './route53/names.ts';
import { layOut, plugIn } from './sysroot.ts';
import { createThrottle, type Throttling } from './throttle.ts';

/** An instance; everything has a default. `userData` is what the metadata gives back, byte for byte. */
export interface InstanceSetup extends Partial<Omit<Instance, 'userData' | 'metadata'>> {
  userData?: string | Uint8Array;
  metadata?: Partial<Instance['metadata']>;
}

/** A volume. Its id need not look like one: `vol-attach-denied`. */
export interface VolumeSetup extends Partial<Omit<Volume, 'attachments'>> {
  id: string;
  /** Already attached, with Multi-Attach perhaps to several; the status is `attached` unless told otherwise. */
  attachedTo?: AttachmentSetup | AttachmentSetup[];
}

type AttachmentSetup = Pick<VolumeAttachment, 'instanceId' | 'device'> & Partial<VolumeAttachment>;

/** A snapshot; without a state it is completed. */
export interface SnapshotSetup extends Partial<Snapshot> {
  id: string;
}

export interface HostedZoneSetup {
  id: string;
  /** With or without trailing dot. */
  name: string;
  private?: boolean;
  /** Beside the SOA and NS records that every zone has. */
  recordSets?: StoredRecordSet[];
}

export interface TopicSetup {
  arn: string;
  contentBasedDeduplication?: boolean;
}

export interface QueueSetup extends Partial<Omit<Queue, 'messages'>> {
  name: string;
}

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
  /** How many volumes there may be, root volumes included; default: as many as anybody wants. */
  volumeLimit?: number;
  /** Zones without room for new volumes. */
  fullZones?: string[];
  /** Whether EC2 throttles calls, with its own numbers or other ones: `{ AttachVolume: { capacity: 5 } }`. Default: it does not. */
  throttling?: Throttling;
  hostedZones?: HostedZoneSetup[];
  /** Names or ARNs. */
  topics?: (string | TopicSetup)[];
  /** Names or queue URLs; of a URL the account and the name are kept. */
  queues?: (string | QueueSetup)[];
  /** Of the AWS endpoint; default 0: a free one. */
  port?: number;
  /** Of the first instance's metadata endpoint; default 0: a free one. */
  metadataPort?: number;
}

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
    delays: {
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
    },
    limits: { volumes: setup.volumeLimit ?? Number.MAX_SAFE_INTEGER, fullZones: setup.fullZones ?? [] },
    throttle: createThrottle(clock, setup.throttling ?? false),
    instances: byKey(
      (setup.instances ?? [{}]).map((instance, index) => createInstance(instance, index, place)),
      'id',
    ),
    volumes: byKey(
      (setup.volumes ?? []).map((volume) => createVolume(volume, place)),
      'id',
    ),
    snapshots: byKey(
      (setup.snapshots ?? []).map((snapshot) => createSnapshot(snapshot, place)),
      'id',
    ),
    pasts: { instances: new Map(), volumes: new Map(), snapshots: new Map() },
    creations: new Map(),
    zones: byKey((setup.hostedZones ?? []).map(createZone), 'id'),
    changes: new Map(),
    answersLost: new Set(),
    topics: byKey(
      (setup.topics ?? []).map((topic) => createTopic(topic, place)),
      'arn',
    ),
    queues: new Map(
      (setup.queues ?? []).map((queue) => createQueue(queue, place)).map((queue) => [queueKey(queue), queue]),
    ),
    publications: [],
    accepted: () => {},
  };
  for (const instance of world.instances.values()) giveRootVolume(world, instance);
  plugInWhatIsAttached(world);
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
  plugIn(sysroot, giveRootVolume(world, instance).id);
  for (const { volume, attachment } of attachmentsOf(world, instance.id))
    if (attachment.status === 'attached') plugIn(sysroot, volume.id);
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
  plugInWhereAttached(world, volume);
  return volume;
}

/** How a queue is found: the path of its URL. */
export function queueKey({ account, name }: { account: string; name: string }): string {
  return `${account}/${name}`;
}

interface Place {
  account: string;
  region: string;
  zone: string;
  nowIso: string;
}

function placeIn({ account, region, zone, clock }: World): Place {
  return { account, region, zone, nowIso: new Date(clock.now()).toISOString() };
}

function createInstance(setup: InstanceSetup, index: number, place: Place): Instance {
  const { userData, metadata, metadataFaults = [], sysroot, ...given } = setup;
  const number = index.toString(16).padStart(2, '0');
  // The third and fourth part of an address; the first instance has 10.
  const [high, low] = [(10 + index) >> 8, (10 + index) & 255];
  return {
    id: `i-${'0123456789abcde00'.slice(0, -number.length)}${number}`,
    type: 't3.medium',
    imageId: 'ami-0123456789abcdef0',
    launchIndex: index,
    reservationId: 'r-0123456789abcdef0',
    launchTime: place.nowIso,
    state: 'running',
    zone: place.zone,
    lifecycle: 'spot',
    hypervisor: 'nitro',
    privateIpv4: `10.0.${high}.${low}`,
    // Addresses for documentation, and for benchmarks where those are used up: they lead nowhere. Source: RFC 5737, 2544 and 3849.
    publicIpv4: high === 0 ? `203.0.113.${low}` : `198.18.${high}.${low}`,
    ipv6: [`2001:db8::${(10 + index).toString(16)}`],
    mac: `02:00:00:00:${number.padStart(4, '0').replace(/^../, '$&:')}`,
    rootDevice: '/dev/xvda',
    attachmentLimit: 27,
    hiddenDevices: [],
    endsOnNotice: false,
    role: 'simulated-role',
    tags: {},
    maintenance: [],
    maintenanceHistory: [],
    metadata: { enabled: true, tokens: 'required', tags: false, ...metadata },
    metadataFaults: metadataFaults.map(parseMetadataFault),
    tokenGeneration: 0,
    // Old enough for nothing to be put down to the boot.
    uptimeS: 100_000,
    ...given,
    ...(userData !== undefined && { userData: Buffer.from(userData) }),
    ...(sysroot !== undefined && { sysroot: path.resolve(sysroot) }),
  };
}

function createVolume(setup: VolumeSetup, place: Place): Volume {
  const { attachedTo = [], ...given } = setup;
  const attachments = [attachedTo].flat();
  return {
    state: attachments.length === 0 ? 'available' : 'in-use',
    zone: place.zone,
    sizeGiB: 8,
    type: 'gp3',
    iops: 3000,
    encrypted: false,
    multiAttach: false,
    snapshotId: '',
    createTime: place.nowIso,
    tags: {},
    ...given,
    attachments: attachments.map((attachment) => ({
      status: 'attached',
      attachTime: place.nowIso,
      deleteOnTermination: false,
      ...attachment,
    })),
  };
}

function createSnapshot(setup: SnapshotSetup, { nowIso }: Place): Snapshot {
  return {
    state: 'completed',
    volumeId: 'vol-0fffffffffffffff0',
    startTime: nowIso,
    sizeGiB: 8,
    encrypted: false,
    description: '',
    tags: {},
    ...setup,
  };
}

/** Every zone has them; they cannot be deleted. Source: Route 53 Developer Guide, "NS and SOA records". */
function createZone({ id, name, private: isPrivate = false, recordSets = [] }: HostedZoneSetup): HostedZone {
  const apex = storedName(name);
  const soa = `ns-1.example.net. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  return {
    id,
    name: apex,
    private: isPrivate,
    recordSets: [
      { name: apex, type: 'NS', ttl: 172_800, values: ['ns-1.example.net.', 'ns-2.example.net.'] },
      { name: apex, type: 'SOA', ttl: 900, values: [soa] },
      ...recordSets.map((record) => ({ ...record, name: storedName(record.name) })),
    ],
    busyUntilMs: 0,
  };
}

function createTopic(setup: string | TopicSetup, { region, account }: Place): Topic {
  const { arn, contentBasedDeduplication = false } = typeof setup === 'string' ? { arn: setup } : setup;
  return { arn: arn.startsWith('arn:') ? arn : `arn:aws:sns:${region}:${account}:${arn}`, contentBasedDeduplication };
}

function createQueue(setup: string | QueueSetup, place: Place): Queue {
  const given = typeof setup === 'string' ? { name: setup } : setup;
  const url = URL.canParse(given.name) ? new URL(given.name).pathname.split('/') : undefined;
  return {
    account: url?.at(-2) ?? place.account,
    contentBasedDeduplication: false,
    visibilityTimeoutS: 30,
    // The limit since August 2025; older queues may have less. Source: SQS API Reference, "SendMessage".
    maximumMessageBytes: 1_048_576,
    ...given,
    name: url?.at(-1) ?? given.name,
    messages: [],
  };
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

function plugInWhatIsAttached(world: World): void {
  for (const { sysroot, uptimeS } of world.instances.values()) if (sysroot !== undefined) layOut(sysroot, uptimeS);
  // The root volumes were put in last, but the machine finds its own root first.
  for (const volume of [...world.volumes.values()].reverse()) plugInWhereAttached(world, volume);
}

function plugInWhereAttached(world: World, volume: Volume): void {
  for (const { instanceId, status } of volume.attachments)
    if (status === 'attached') plugIn(world.instances.get(instanceId)?.sysroot, volume.id);
}

function byKey<T, K extends keyof T>(values: T[], key: K): Map<T[K], T> {
  return new Map(values.map((value) => [value[key], value]));
}
