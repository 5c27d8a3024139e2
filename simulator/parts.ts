/** Each part of a world, made from what a setup says of it. */
import path from 'node:path';
import type {
  HostedZone,
  Instance,
  Queue,
  Snapshot,
  StoredRecordSet,
  Topic,
  Volume,
  VolumeAttachment,
} from './cloud.ts';
import { type MetadataFault, parseMetadataFault } from './faults.ts';
import { storedName } from './route53/names.ts';

/** An instance; everything has a default. `userData` is what the metadata gives back, byte for byte. */
export interface InstanceSetup
  extends Partial<Omit<Instance, 'userData' | 'metadata' | 'metadataFaults' | 'autoScaling'>> {
  userData?: string | Uint8Array | undefined;
  metadata?: Partial<Instance['metadata']>;
  metadataFaults?: MetadataFault[];
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

/** A hosted zone. */
export interface HostedZoneSetup {
  id: string;
  /** With or without trailing dot. */
  name: string;
  private?: boolean;
  /** Of a private one; default: that of the instances. */
  vpcs?: string[];
  /** Beside the SOA and NS records that every zone has. */
  recordSets?: StoredRecordSet[];
}

/** A topic. */
export interface TopicSetup {
  arn: string;
  kmsKeyId?: string;
  contentBasedDeduplication?: boolean;
  /** Up to 1 MiB since 2026; default: 256 KiB. */
  maximumMessageBytes?: number;
}

/** A queue. */
export interface QueueSetup extends Partial<Omit<Queue, 'messages'>> {
  name: string;
}

/** Where and when a part comes into being. */
export interface Place {
  account: string;
  region: string;
  zone: string;
  nowIso: string;
}

/** The VPC that everything is in. */
export const VPC = 'vpc-0123456789abcdef0';

/** The id of an instance that is given none; `index` counts all that there ever were, from 0. */
export function instanceIdAt(index: number): string {
  const number = index.toString(16).padStart(2, '0');
  return `i-${'0123456789abcde00'.slice(0, -number.length)}${number}`;
}

/** An instance; `index` counts all that there ever were, from 0. */
export function createInstance(setup: InstanceSetup, index: number, place: Place): Instance {
  const { userData, metadata, metadataFaults = [], sysroot, ...given } = setup;
  const number = index.toString(16).padStart(2, '0');
  // The third and fourth part of an address; the first instance has 10.
  const [high, low] = [(10 + index) >> 8, (10 + index) & 255];
  return {
    id: instanceIdAt(index),
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
    metadataFaults: metadataFaults.map((fault) => parseMetadataFault(fault, Date.parse(place.nowIso))),
    tokenGeneration: 0,
    // Old enough for nothing to be put down to the boot.
    uptimeS: 100_000,
    ...given,
    ...(userData !== undefined && { userData: parseUserData(userData) }),
    ...(sysroot !== undefined && { sysroot: path.resolve(sysroot) }),
  };
}

/** EC2 takes so much, before it is encoded for the request. Source: EC2 User Guide, "Run commands on your Linux instance at launch". */
export const USER_DATA_LIMIT_BYTES = 16_384;

/**
 * The bytes that the metadata gives back as they are: nothing is unzipped, no MIME taken apart, and no base64 decoded.
 * @throws Error when they are too many.
 */
export function parseUserData(given: string | Uint8Array): Buffer {
  const bytes = Buffer.from(given);
  if (bytes.length > USER_DATA_LIMIT_BYTES)
    throw new Error(`the user data has ${bytes.length} bytes; EC2 takes up to ${USER_DATA_LIMIT_BYTES}`);
  return bytes;
}

/** A volume. */
export function createVolume(setup: VolumeSetup, place: Place): Volume {
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

/** A snapshot. */
export function createSnapshot(setup: SnapshotSetup, { nowIso }: Place): Snapshot {
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

/** A hosted zone, with the records that every one has and that cannot be deleted. Source: Route 53 Developer Guide, "NS and SOA records". */
export function createZone({
  id,
  name,
  private: isPrivate = false,
  vpcs,
  recordSets = [],
}: HostedZoneSetup): HostedZone {
  const apex = storedName(name);
  const soa = `ns-1.example.net. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  return {
    id,
    name: apex,
    private: isPrivate,
    vpcs: isPrivate ? (vpcs ?? [VPC]) : [],
    recordSets: [
      { name: apex, type: 'NS', ttl: 172_800, values: ['ns-1.example.net.', 'ns-2.example.net.'] },
      { name: apex, type: 'SOA', ttl: 900, values: [soa] },
      ...recordSets.map(storedRecordSet),
    ],
    busyUntilMs: 0,
  };
}

function storedRecordSet(record: StoredRecordSet): StoredRecordSet {
  const { alias } = record;
  return {
    ...record,
    name: storedName(record.name),
    ...(alias !== undefined && { alias: { ...alias, dnsName: storedName(alias.dnsName) } }),
  };
}

/** A topic. */
export function createTopic(setup: string | TopicSetup, { region, account }: Place): Topic {
  const { arn, ...given } = typeof setup === 'string' ? { arn: setup } : setup;
  return {
    contentBasedDeduplication: false,
    maximumMessageBytes: 262_144,
    ...given,
    arn: arn.startsWith('arn:') ? arn : `arn:aws:sns:${region}:${account}:${arn}`,
  };
}

/** A queue. */
export function createQueue(setup: string | QueueSetup, place: Place): Queue {
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
