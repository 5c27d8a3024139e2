/** What may stand in a scenario: a world in the words of its setup, and what happens in it, in the words of the handle. */
import type { FieldSchema } from '../config/field.ts';
import { activities, targetLifecycleStates } from './auto-scaling.ts';
import { instanceStates, snapshotStates } from './cloud.ts';
import type { HostedZoneSetup, InstanceSetup, QueueSetup, SnapshotSetup, TopicSetup, VolumeSetup } from './parts.ts';
import { faultyOperations } from './service-faults.ts';
import type { CloudSetup } from './setup.ts';
import type { DiskSetup } from './sysroot.ts';
import { buckets } from './throttle.ts';

/** What of a world is no matter of a file: ports, and folders of this machine. */
type NotWritten = 'port' | 'metadataPort' | 'contents';

const text: FieldSchema = { type: 'string' };
const flag: FieldSchema = { type: 'boolean' };
const count: FieldSchema = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const milliseconds: FieldSchema = {
  type: 'number',
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  expected: 'a number of milliseconds',
};
const texts: FieldSchema = { type: 'array', items: text };
const tags: FieldSchema = { type: 'object', additionalProperties: text };
const anything: FieldSchema = { type: 'object' };
const textOrNull: FieldSchema = { anyOf: [text, { type: 'null' }], expected: 'a string or null' };
const oneOf = (...values: readonly string[]): FieldSchema => ({ type: 'string', enum: values });
const listOf = (items: FieldSchema): FieldSchema => ({ type: 'array', items });

function object(properties: Record<string, FieldSchema>, ...required: string[]): FieldSchema {
  return { type: 'object', properties, required };
}

/** Bytes, or a text that may be written as what it says. */
const userData: FieldSchema = {
  anyOf: [text, anything, { type: 'null' }],
  expected: 'a string, an object that is written as JSON, { "base64": "…" } or null',
};

/** Every member of any kind; `service-faults.ts` and `faults.ts` know which goes with which. */
const span = { count, afterMs: milliseconds, forMs: milliseconds };
const faultScope = {
  service: oneOf(...Object.keys(faultyOperations)),
  operation: text,
  instanceId: text,
  resource: text,
};
const kind = { kind: text };
const fault = object(
  {
    ...faultScope,
    ...span,
    ...kind,
    ms: milliseconds,
    status: count,
    code: text,
    message: text,
    by: text,
  },
  'kind',
);
const metadataFaultMembers = {
  ...kind,
  ...span,
  paths: text,
  ms: milliseconds,
  status: count,
  offsetS: { type: 'number' },
} as const satisfies Record<string, FieldSchema>;

const maintenance = listOf(
  object(
    { NotBefore: text, NotAfter: text, Code: text, Description: text, EventId: text, State: text },
    'NotBefore',
    'Code',
    'Description',
    'EventId',
    'State',
  ),
);

const targetLifecycleState: FieldSchema = {
  anyOf: [oneOf(...targetLifecycleStates), { type: 'null' }],
  expected: `null or one of ${targetLifecycleStates.join(', ')}`,
};

/** What may change of an instance while it runs. */
const instanceFacts = {
  ipv6: texts,
  maintenance,
  publicIpv4: textOrNull,
  rebalance: textOrNull,
  role: textOrNull,
  state: oneOf(...instanceStates),
  tags,
  targetLifecycleState,
  uptimeS: count,
  userData,
} as const satisfies Partial<Record<keyof InstanceSetup, FieldSchema>>;

/** Its sysroot is the simulator's choice, its notice comes by an order, and the rest is of no use to a file. */
type NotOfAFile = 'sysroot' | 'notice' | 'tokenGeneration';

const instance = object({
  ...instanceFacts,
  id: text,
  type: text,
  imageId: text,
  launchIndex: count,
  reservationId: text,
  launchTime: text,
  zone: text,
  lifecycle: oneOf('spot', 'on-demand'),
  hypervisor: text,
  privateIpv4: text,
  mac: text,
  rootDevice: text,
  attachmentLimit: count,
  hiddenDevices: texts,
  endsOnNotice: flag,
  metadata: object({ enabled: flag, tokens: oneOf('required', 'optional'), tags: flag }),
  metadataFaults: listOf(object(metadataFaultMembers, 'kind')),
  maintenanceHistory: maintenance,
} satisfies Record<Exclude<keyof InstanceSetup, NotOfAFile>, FieldSchema>);

const disk = object({
  partitions: count,
  udevMs: { anyOf: [milliseconds, oneOf('never')], expected: 'a number of milliseconds or "never"' },
  linksMs: milliseconds,
  staleLinks: flag,
  content: text,
} satisfies Record<keyof DiskSetup, FieldSchema>);

const attachment = object(
  {
    instanceId: text,
    device: text,
    status: oneOf('attaching', 'attached', 'detaching', 'busy'),
    attachTime: text,
    deleteOnTermination: flag,
  },
  'instanceId',
  'device',
);

const volume = object(
  {
    id: text,
    state: oneOf('creating', 'available', 'in-use', 'deleting', 'error'),
    zone: text,
    sizeGiB: count,
    type: text,
    iops: count,
    throughput: count,
    encrypted: flag,
    kmsKeyId: text,
    multiAttach: flag,
    snapshotId: text,
    createTime: text,
    tags,
    disk,
    attachedTo: { anyOf: [attachment, listOf(attachment)], expected: 'an attachment or a list of them' },
  } satisfies Record<keyof VolumeSetup, FieldSchema>,
  'id',
);

const snapshot = object(
  {
    id: text,
    state: oneOf(...snapshotStates),
    volumeId: text,
    startTime: text,
    sizeGiB: count,
    encrypted: flag,
    description: text,
    tags,
  } satisfies Record<keyof SnapshotSetup, FieldSchema>,
  'id',
);

const recordSet = object(
  {
    name: text,
    type: text,
    setIdentifier: text,
    ttl: count,
    values: texts,
    multiValueAnswer: flag,
    weight: count,
    region: text,
    failover: text,
    healthCheckId: text,
    alias: object(
      { hostedZoneId: text, dnsName: text, evaluateTargetHealth: flag },
      'hostedZoneId',
      'dnsName',
      'evaluateTargetHealth',
    ),
  },
  'name',
  'type',
  'values',
);

const hostedZone = object(
  { id: text, name: text, private: flag, vpcs: texts, recordSets: listOf(recordSet) } satisfies Record<
    keyof HostedZoneSetup,
    FieldSchema
  >,
  'id',
  'name',
);

const topic: FieldSchema = {
  anyOf: [
    text,
    object(
      { arn: text, kmsKeyId: text, contentBasedDeduplication: flag, maximumMessageBytes: count } satisfies Record<
        keyof TopicSetup,
        FieldSchema
      >,
      'arn',
    ),
  ],
  expected: 'a name, an ARN or an object in braces { }',
};

const queue: FieldSchema = {
  anyOf: [
    text,
    object(
      {
        name: text,
        account: text,
        kmsKeyId: text,
        contentBasedDeduplication: flag,
        visibilityTimeoutS: count,
        maximumMessageBytes: count,
      } satisfies Record<keyof QueueSetup, FieldSchema>,
      'name',
    ),
  ],
  expected: 'a name, a URL or an object in braces { }',
};

const delays = {
  latencyMs: milliseconds,
  createMs: milliseconds,
  deleteMs: milliseconds,
  attachMs: milliseconds,
  detachMs: milliseconds,
  deviceDelayMs: { type: 'number', expected: 'a number of milliseconds' },
  snapshotMs: milliseconds,
  consistencyMs: milliseconds,
  shutdownMs: milliseconds,
  insyncMs: milliseconds,
  zoneBusyMs: milliseconds,
} as const satisfies Record<string, FieldSchema>;

const rate: FieldSchema = {
  type: 'number',
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
};
const bucket = object({ capacity: rate, refillPerS: rate });
const throttling: FieldSchema = {
  anyOf: [flag, object(Object.fromEntries(Object.keys(buckets).map((name) => [name, bucket])))],
  expected: 'true, false or an object of buckets',
};
const policies: FieldSchema = anything;

const world = object({
  account: text,
  region: text,
  zone: text,
  instances: { ...listOf(instance), minItems: 1, expected: 'a list of at least one instance' },
  volumes: listOf(volume),
  snapshots: listOf(snapshot),
  disk,
  volumeLimit: count,
  fullZones: texts,
  throttling,
  policies,
  faults: listOf(fault),
  hostedZones: listOf(hostedZone),
  healthChecks: texts,
  topics: listOf(topic),
  queues: listOf(queue),
  ...delays,
} satisfies Record<Exclude<keyof CloudSetup, NotWritten>, FieldSchema>);

const named = { instanceId: text };
const onInstance = object(named);

/** Every order, by the method of the handle that performs it. */
export const orderSchemas = {
  interrupt: object({ action: oneOf('terminate', 'stop', 'hibernate'), inSeconds: count, ...named }),
  withdrawNotice: onInstance,
  fault,
  heal: object({ ...faultScope, ...kind }),
  metadataFault: object({ ...metadataFaultMembers, ...named }, 'kind'),
  healMetadata: onInstance,
  expireTokens: onInstance,
  changeInstance: object({ ...instanceFacts, ...named }),
  endInstance: object({ action: oneOf('terminate', 'stop'), shutdownMs: milliseconds, ...named }),
  autoScale: object({ activity: oneOf(...Object.keys(activities)), stepMs: milliseconds, ...named }, 'activity'),
  reboot: onInstance,
  launch: instance,
  addVolume: volume,
  changeDelays: object(delays),
  changeLimits: object({ volumes: count, fullZones: texts }),
  throttle: throttling,
  setPolicies: policies,
} as const satisfies Record<string, FieldSchema>;

/** A whole scenario. */
export const scenarioSchema: FieldSchema = object({
  title: text,
  world,
  timeline: listOf(
    object(
      {
        at: { type: 'number', minimum: 0, maximum: 86_400, expected: 'a number of seconds' },
        ...orderSchemas,
      },
      'at',
    ),
  ),
});
