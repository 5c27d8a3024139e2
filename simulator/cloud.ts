/** The world as plain data. The services read and change it; it knows no protocol. */
import type { Clock } from './clock.ts';
import type { MetadataFault, Standing } from './faults.ts';
import type { Change } from './history.ts';
import type { PolicyStatement } from './policy.ts';
import type { ServiceFault } from './service-faults.ts';
import type { Pasts } from './sight.ts';
import type { DiskSetup } from './sysroot.ts';
import type { Throttle } from './throttle.ts';

export type InstanceAction = 'terminate' | 'stop' | 'hibernate';

export const instanceStates = ['pending', 'running', 'shutting-down', 'terminated', 'stopping', 'stopped'] as const;
export type InstanceState = (typeof instanceStates)[number];

export interface MaintenanceEvent {
  NotBefore: string;
  NotAfter?: string;
  Code: string;
  Description: string;
  EventId: string;
  State: string;
}

export interface Instance {
  /** For example `i-0123456789abcdef0`. */
  id: string;
  type: string;
  imageId: string;
  launchIndex: number;
  reservationId: string;
  launchTime: string;
  state: InstanceState;
  /** For example `eu-west-1a`. */
  zone: string;
  lifecycle: 'spot' | 'on-demand';
  hypervisor: string;
  privateIpv4: string;
  /** Absent: no public address. */
  publicIpv4?: string | undefined;
  /** The first one is the primary; may be empty. */
  ipv6: string[];
  mac: string;
  rootDevice: string;
  /** How many volumes may be attached, the root volume included. */
  attachmentLimit: number;
  /** Devices that are taken, by what the image maps for example, though no Describe call shows them. */
  hiddenDevices: string[];
  /** When the time of its notice comes, it is terminated or stopped; without, a notice is only a notice. */
  endsOnNotice: boolean;
  /** Name of the role whose credentials the metadata hands out; absent: no instance profile. */
  role?: string | undefined;
  /** The bytes given at launch; absent: none. */
  userData?: Buffer;
  tags: Record<string, string>;
  /** The instance metadata options. */
  metadata: { enabled: boolean; tokens: 'required' | 'optional'; tags: boolean };
  /** What goes wrong with the metadata, oldest first; one that has a `count` is counted down. */
  metadataFaults: Standing<MetadataFault>[];
  /** Rises when all metadata tokens given out so far become invalid. */
  tokenGeneration: number;
  /** The pending interruption; `time` is ISO 8601 UTC with whole seconds. */
  notice?: { action: InstanceAction; time: string };
  /** When a rebalance recommendation was made, ISO 8601 UTC; absent: none. */
  rebalance?: string | undefined;
  maintenance: MaintenanceEvent[];
  maintenanceHistory: MaintenanceEvent[];
  /** For example `InService`; absent outside an Auto Scaling group. */
  targetLifecycleState?: string | undefined;
  /** What its Auto Scaling group is doing with it, and the states that it is still to be told of; absent: nothing. */
  autoScaling?: { activity: string; ahead: string[] };
  /** For how long the machine has been up, as its `proc/uptime` says; it does not grow. */
  uptimeS: number;
  /** A directory where attached disks appear under `sys/block` and `dev`; absent: nowhere. */
  sysroot?: string;
}

export type AttachmentStatus = 'attaching' | 'attached' | 'detaching' | 'busy';

export interface VolumeAttachment {
  instanceId: string;
  /** As asked for, for example `/dev/sdf`. */
  device: string;
  status: AttachmentStatus;
  /** ISO 8601 UTC. */
  attachTime: string;
  deleteOnTermination: boolean;
}

export type VolumeState = 'creating' | 'available' | 'in-use' | 'deleting' | 'error';

export interface Volume {
  /** For example `vol-0123456789abcdef0`. */
  id: string;
  state: VolumeState;
  zone: string;
  sizeGiB: number;
  type: string;
  /** Absent for types that have none to speak of, such as `st1`. */
  iops?: number | undefined;
  /** MiB/s; only for `gp3`. */
  throughput?: number | undefined;
  encrypted: boolean;
  /** ARN; absent where it is not encrypted, or with the account's default key. */
  kmsKeyId?: string | undefined;
  multiAttach: boolean;
  /** Empty: of none. */
  snapshotId: string;
  /** ISO 8601 UTC. */
  createTime: string;
  tags: Record<string, string>;
  /** Several only with Multi-Attach. */
  attachments: VolumeAttachment[];
  /** What its disk is like; absent: as the world says. */
  disk?: DiskSetup;
}

export const snapshotStates = ['pending', 'completed', 'error'] as const;
export type SnapshotState = (typeof snapshotStates)[number];

export interface Snapshot {
  /** For example `snap-0123456789abcdef0`. */
  id: string;
  state: SnapshotState;
  /** The volume it was taken of, which need not be there any more. */
  volumeId: string;
  /** ISO 8601 UTC. */
  startTime: string;
  /** Of the volume. */
  sizeGiB: number;
  encrypted: boolean;
  description: string;
  tags: Record<string, string>;
}

/** A creation that was accepted, by which the same request is known again. */
export interface Creation {
  /** The parameters, but for the token. */
  request: string;
  /** As it is by now, also when it is gone. */
  volume: Volume;
}

/** A record set as Route 53 keeps it. */
export interface StoredRecordSet {
  /** Lower case, octal escapes, trailing dot. */
  name: string;
  type: string;
  setIdentifier?: string;
  /** Absent for an alias. */
  ttl?: number;
  /** Empty for an alias. */
  values: string[];
  multiValueAnswer?: boolean;
  weight?: number;
  region?: string;
  failover?: string;
  healthCheckId?: string;
  alias?: { hostedZoneId: string; dnsName: string; evaluateTargetHealth: boolean };
}

export interface HostedZone {
  /** For example `Z0123456789EXAMPLE`. */
  id: string;
  /** With trailing dot. */
  name: string;
  private: boolean;
  /** Where it resolves when it is private; empty of a public one. */
  vpcs: string[];
  recordSets: StoredRecordSet[];
  /** While it is busy with a change, it takes no other; epoch milliseconds. */
  busyUntilMs: number;
}

export interface ZoneChange {
  id: string;
  zoneId: string;
  status: 'PENDING' | 'INSYNC';
  submittedAt: string;
  comment?: string;
}

export interface Topic {
  arn: string;
  /** ARN of the key that its messages are encrypted with; absent: they are not, or with none that anybody has to be allowed. */
  kmsKeyId?: string;
  /** For FIFO topics: take the body for the deduplication id. */
  contentBasedDeduplication: boolean;
  /** Attributes included. */
  maximumMessageBytes: number;
}

/** A message that SNS accepted. */
export interface Publication {
  topicArn: string;
  messageId: string;
  subject?: string;
  message: string;
  /** String values by name. */
  attributes: Record<string, string>;
  groupId?: string;
  deduplicationId?: string;
  /** For FIFO topics. */
  sequenceNumber?: string;
  /** Epoch milliseconds. */
  atMs: number;
}

export interface MessageAttribute {
  DataType: string;
  StringValue?: string;
  /** Base64. */
  BinaryValue?: string;
}

/** A message that SQS accepted. */
export interface QueuedMessage {
  messageId: string;
  body: string;
  attributes: Record<string, MessageAttribute>;
  groupId?: string;
  deduplicationId?: string;
  sequenceNumber?: string;
  /** Epoch milliseconds. */
  sentAtMs: number;
  /** Not given out before this; epoch milliseconds. */
  visibleAtMs: number;
  receiveCount: number;
  firstReceivedAtMs?: number;
  /** Of the latest receipt. */
  receiptHandle?: string;
  deleted: boolean;
}

export interface Queue {
  name: string;
  account: string;
  /** As of a topic. */
  kmsKeyId?: string;
  contentBasedDeduplication: boolean;
  visibilityTimeoutS: number;
  maximumMessageBytes: number;
  /** Every message ever accepted, also the deleted ones. */
  messages: QueuedMessage[];
}

export interface World {
  account: string;
  region: string;
  /** Where a thing is that is told no zone. */
  zone: string;
  clock: Clock;
  /** How long things take, in milliseconds; may be changed while it runs. */
  delays: {
    /** Each AWS call. */
    latencyMs: number;
    createMs: number;
    deleteMs: number;
    attachMs: number;
    detachMs: number;
    /** When the disk shows up, counted from `attached`; negative: before it. */
    deviceDelayMs: number;
    snapshotMs: number;
    /** How much later Describe calls see what has changed. */
    consistencyMs: number;
    /** From `shutting-down` until an instance lets its volumes go, or from `stopping` to `stopped`. */
    shutdownMs: number;
    insyncMs: number;
    /** How long a zone stays busy with a change that was answered, and refuses others; until the answer it is, anyway. */
    zoneBusyMs: number;
  };
  /** How much there may be; may be changed while it runs. */
  limits: {
    /** How many volumes, the root volumes and all that are going included. */
    volumes: number;
    /** Zones that have no room for new volumes. */
    fullZones: string[];
  };
  /** What the disks of volumes are like that say nothing of it. */
  disk?: DiskSetup | undefined;
  /** A folder that keeps what is written to disks, a file for each volume; absent: each attachment begins with an empty one. */
  contents?: string | undefined;
  /** Of EC2's and Route 53's calls. */
  throttle: Throttle;
  /** What goes wrong with calls, oldest first; one that has a `count` is counted down. */
  faults: Standing<ServiceFault>[];
  /** What roles may do, by their names; one that is not there may do everything. */
  policies: Map<string, PolicyStatement[]>;
  /** Present where the world is shown to one who may not use the key of the volume that he creates: EC2 makes it, and lets it go. */
  keyIsForbidden?: true;
  instances: Map<string, Instance>;
  volumes: Map<string, Volume>;
  snapshots: Map<string, Snapshot>;
  /** How things were that have changed so lately that looks do not show it. */
  pasts: Pasts;
  /** What has changed lately, the latest last. */
  history: Change[];
  /** By ClientToken. */
  creations: Map<string, Creation>;
  zones: Map<string, HostedZone>;
  changes: Map<string, ZoneChange>;
  /** Ids of the health checks that record sets may name. */
  healthChecks: Set<string>;
  /** The answers that were lost once because of a sentinel, and are not lost again: `AttachVolume vol-…`. */
  answersLost: Set<string>;
  /** By ARN. */
  topics: Map<string, Topic>;
  /** By `ACCOUNT/NAME`. */
  queues: Map<string, Queue>;
  publications: Publication[];
  /** Called when SNS or SQS has accepted a message. */
  accepted(message: AcceptedMessage): void;
}

/** What the listeners of messages hear. */
export type AcceptedMessage =
  | ({ service: 'sns' } & Publication)
  | { service: 'sqs'; queue: string; body: string; messageId: string; atMs: number };

/** The letters that make an attachment point: `/dev/sdf`, `/dev/xvdf` and `xvdf` are one, `f`. */
export function attachmentPoint(device: string): string {
  return device.replace(/^\/dev\//, '').replace(/^(sd|xvd)/, '');
}

/** Every volume joined to an instance, in whatever state. */
export function attachmentsOf(
  world: Pick<World, 'volumes'>,
  instanceId: string,
): { volume: Volume; attachment: VolumeAttachment }[] {
  return [...world.volumes.values()].flatMap((volume) =>
    volume.attachments
      .filter((attachment) => attachment.instanceId === instanceId)
      .map((attachment) => ({ volume, attachment })),
  );
}

/** The zones there are: three of the region, and whichever ones something is in. */
export function zonesOf({ region, instances, volumes }: World): string[] {
  const inUse = [...instances.values(), ...volumes.values()].map(({ zone }) => zone);
  return [...new Set([...['a', 'b', 'c'].map((letter) => `${region}${letter}`), ...inUse])];
}

/** `eu-west-1a` → `euw1-az1`. In AWS the letter and the number are mapped anew for each account. */
export function zoneIdOf(zone: string): string {
  const [area = '', direction = '', rest = ''] = zone.split('-');
  const letter = rest.charCodeAt(rest.length - 1) - 'a'.charCodeAt(0) + 1;
  const directions = direction.replace(/north|south|east|west|central/g, (word) => word[0] ?? '');
  return `${area}${directions}${rest.slice(0, -1)}-az${letter}`;
}
