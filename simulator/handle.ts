/** What a test or the demo has in its hands of a running cloud. */
import { type Activity, autoScale, type Pace } from './auto-scaling.ts';
import type { CallLog, CallRecord } from './calls.ts';
import type {
  AcceptedMessage,
  Instance,
  InstanceAction,
  Publication,
  QueuedMessage,
  Snapshot,
  StoredRecordSet,
  Volume,
  World,
} from './cloud.ts';
import type { MetadataFault } from './faults.ts';
import { type Ending, endInstance } from './instances.ts';
import {
  changeDelays,
  changeInstance,
  changeLimits,
  expireTokens,
  firstInstance,
  healMetadata,
  healServices,
  interrupt,
  metadataFault,
  reboot,
  serviceFault,
  withdrawNotice,
} from './orders.ts';
import type { InstanceSetup, VolumeSetup } from './parts.ts';
import { type Policies, setPolicies } from './permissions.ts';
import type { HealScope, ServiceFault } from './service-faults.ts';
import { addInstance, addVolume } from './setup.ts';
import type { Throttling } from './throttle.ts';

/** A running cloud. Everything it gives out is a copy. */
export interface Cloud extends AsyncDisposable {
  /** The AWS endpoint, for example `http://127.0.0.1:4566`. */
  url: string;
  /** The first instance, unless told otherwise, here and below. */
  instanceId: string;
  /** The metadata endpoint of an instance; each has its own. */
  imdsUrl(instanceId?: string): string;
  /** The URL of a queue, on this cloud's host. */
  queueUrl(name: string): string;
  /** What a process on an instance needs in its environment to find this cloud; credentials come from the metadata. */
  environment(instanceId?: string): Record<string, string>;
  /** Publishes a Spot interruption notice, 120 s ahead by default; with `hibernate` always with no time ahead. */
  interrupt(notice: { action: InstanceAction; inSeconds?: number; instanceId?: string }): void;
  withdrawNotice(instanceId?: string): void;
  /** Starts one more instance, with its metadata. @returns its id. */
  launch(setup?: InstanceSetup): Promise<string>;
  /** @returns its id. */
  addVolume(setup: VolumeSetup): string;
  /**
   * Ends an instance: it is `shutting-down` or, with `stop`, `stopping`, and keeps its volumes for `shutdownMs`. Then one that is
   * terminated lets them go, deletes those that are to go with it, and is `terminated`; its metadata answers nobody any more.
   */
  endInstance(instanceId?: string, ending?: Ending): void;
  /** Changes what an instance's metadata and DescribeInstances say, for example `{ publicIpv4: undefined }`. */
  changeInstance(change: InstanceSetup, instanceId?: string): void;
  /**
   * Lets something go wrong with calls, beside what does already: `{ service: 'route53', operation: 'GetChange', kind: 'throttled',
   * count: 3 }`. Latency, staleness and what comes instead of the right answer go together; of two that exclude each other the later
   * one has its turn once the earlier one is used up or over.
   * @throws FaultError when it is no fault.
   */
  fault(fault: ServiceFault): void;
  /** Withdraws the faults that were given with all members of the scope; without one, all. Calls that hang go on hanging. */
  heal(scope?: HealScope): void;
  /**
   * Lets something go wrong with the metadata, beside what does already: `{ kind: 'status', status: 503, paths: 'meta-data/spot',
   * count: 3 }`. Of two that exclude each other the later one has its turn once the earlier one is used up.
   * @throws FaultError when it is no fault.
   */
  metadataFault(fault: MetadataFault, instanceId?: string): void;
  /** Withdraws every fault of the metadata; requests that hang go on hanging. */
  healMetadata(instanceId?: string): void;
  /** Makes every metadata token that was given out so far invalid. */
  expireTokens(instanceId?: string): void;
  /**
   * Boots the machine in the sysroot anew, with a new `boot_id`, 10 s of uptime and an empty `run`; attachments and disks stay.
   * Processes are not ended: do that before.
   */
  reboot(instanceId?: string): void;
  /**
   * Lets the Auto Scaling group of an instance do something with it, in one word: `warm-pool` and the like. Its metadata says one state
   * after the other.
   */
  autoScale(activity: Activity, pace?: Pace, instanceId?: string): void;
  /** Changes how long things take: `{ attachMs: 5000 }`. */
  changeDelays(change: Partial<World['delays']>): void;
  /** Of every AWS call to come. */
  setLatency(ms: number): void;
  /** How many volumes there may be, and which zones have no room for new ones. */
  changeLimits(change: Partial<World['limits']>): void;
  /** Lets EC2 and Route 53 throttle calls, or not; begins with full buckets. */
  throttle(throttling: Throttling): void;
  /**
   * Says what roles may do from now on: `{ 'simulated-role': policy }`; with `null` everything again.
   * @throws PolicyError for what the simulator cannot evaluate.
   */
  setPolicies(policies: Policies): void;
  /** Every AWS and metadata call answered so far. */
  calls(): CallRecord[];
  published(): Publication[];
  /** Every message that the queue accepted, the deleted ones too. */
  received(queue: string): QueuedMessage[];
  volume(volumeId: string): Volume | undefined;
  /** Every volume, the root volumes too, in the order they came. */
  volumes(): Volume[];
  snapshots(): Snapshot[];
  instance(instanceId?: string): Instance;
  /** In no particular order; the zone's SOA and NS among them. */
  recordSets(zoneId: string): StoredRecordSet[];
  /** Does something later, by the cloud's clock: not once it is closed. */
  after(delayMs: number, effect: () => void): void;
  /** @returns what ends the listening. */
  onCall(listener: (call: CallRecord) => void): () => void;
  /** @returns what ends the listening. */
  onMessage(listener: (message: AcceptedMessage) => void): () => void;
  /** Ends every connection and timer. */
  close(): Promise<void>;
}

/** The metadata of instances, a port for each. */
export interface MetadataServers {
  /** @param port default: a free one. */
  listen(instance: Instance, port?: number): Promise<void>;
  /** For example `http://127.0.0.1:4567`. */
  urlOf(instanceId: string): string;
}

/** Makes it. */
export function createHandle(
  world: World,
  log: CallLog,
  url: string,
  metadata: MetadataServers,
  close: () => Promise<void>,
): Cloud {
  const listeners = new Set<(message: AcceptedMessage) => void>();
  world.accepted = (message) => {
    for (const listener of listeners) listener(message);
  };
  const imdsUrl = (instanceId?: string) => metadata.urlOf(firstInstance(world, instanceId).id);
  return {
    url,
    instanceId: firstInstance(world).id,
    imdsUrl,
    queueUrl: (name) =>
      `${url}/${[...world.queues].find(([, queue]) => queue.name === name)?.[0] ?? `${world.account}/${name}`}`,
    environment(instanceId) {
      const { sysroot } = firstInstance(world, instanceId);
      return {
        AWS_ENDPOINT_URL: url,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: imdsUrl(instanceId),
        AWS_REGION: world.region,
        // For the SDK of Python, and the AWS CLI in its first version.
        AWS_DEFAULT_REGION: world.region,
        ...(sysroot !== undefined && { EC2FLEETD_SYSROOT: sysroot }),
      };
    },
    interrupt: (notice) => interrupt(world, notice),
    async launch(setup = {}) {
      const instance = addInstance(world, setup);
      await metadata.listen(instance);
      return instance.id;
    },
    addVolume: (setup) => addVolume(world, setup).id,
    endInstance: (instanceId, ending) => endInstance(world, firstInstance(world, instanceId), ending),
    withdrawNotice: (instanceId) => withdrawNotice(world, instanceId),
    changeInstance: (change, instanceId) => changeInstance(world, change, instanceId),
    fault: (fault) => serviceFault(world, fault),
    heal: (scope) => healServices(world, scope),
    metadataFault: (fault, instanceId) => metadataFault(world, fault, instanceId),
    healMetadata: (instanceId) => healMetadata(world, instanceId),
    expireTokens: (instanceId) => expireTokens(world, instanceId),
    autoScale: (activity, pace, instanceId) => autoScale(world, activity, pace, instanceId),
    reboot: (instanceId) => reboot(world, instanceId),
    changeDelays: (change) => changeDelays(world, change),
    setLatency(ms) {
      world.delays.latencyMs = ms;
    },
    changeLimits: (change) => changeLimits(world, change),
    throttle: (throttling) => world.throttle.set(structuredClone(throttling)),
    setPolicies: (policies) => setPolicies(world, policies),
    calls: log.calls,
    published: () => structuredClone(world.publications),
    received: (name) =>
      structuredClone([...world.queues.values()].find((queue) => queue.name === name)?.messages ?? []),
    volume: (volumeId) => structuredClone(world.volumes.get(volumeId)),
    snapshots: () => structuredClone([...world.snapshots.values()]),
    volumes: () => structuredClone([...world.volumes.values()]),
    instance: (instanceId) => structuredClone(firstInstance(world, instanceId)),
    recordSets: (zoneId) => structuredClone(world.zones.get(zoneId)?.recordSets ?? []),
    after: (delayMs, effect) => world.clock.after(delayMs, effect),
    onCall: log.listen,
    onMessage(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
