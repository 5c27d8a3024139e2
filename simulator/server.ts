/**
 * The cloud in a box: starts a world on loopback, one port for all of AWS and one for each instance's metadata. It speaks
 * the services' own protocols to their unchanged clients and to curl; `docs/simulator.md` says what it does not do.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerAws, answerControl, answerImds } from './answers.ts';
import { AwsError } from './aws-error.ts';
import { type CallLog, type CallRecord, createCallLog } from './calls.ts';
import { createClock } from './clock.ts';
import type {
  AcceptedMessage,
  Instance,
  InstanceAction,
  Publication,
  QueuedMessage,
  StoredRecordSet,
  Volume,
  World,
} from './cloud.ts';
import { createControl } from './control.ts';
import type { MetadataFault } from './faults.ts';
import { createFrontDoor } from './front-door.ts';
import { json, send } from './http.ts';
import { createImds } from './imds/index.ts';
import {
  changeInstance,
  changeLimits,
  expireTokens,
  firstInstance,
  healMetadata,
  interrupt,
  metadataFault,
  reboot,
  withdrawNotice,
} from './orders.ts';
import { type CloudSetup, createWorld, type InstanceSetup } from './setup.ts';

/** A running cloud. Everything it gives out is a copy. */
export interface Cloud extends AsyncDisposable {
  /** The AWS endpoint, for example `http://127.0.0.1:4566`. */
  url: string;
  /** The first instance, unless told otherwise, here and below. */
  instanceId: string;
  /** The metadata endpoint of an instance. */
  imdsUrl(instanceId?: string): string;
  /** The URL of a queue, on this cloud's host. */
  queueUrl(name: string): string;
  /** What a process on an instance needs in its environment to find this cloud; credentials come from the metadata. */
  environment(instanceId?: string): Record<string, string>;
  /** Publishes a Spot interruption notice, 120 s ahead by default; with `hibernate` always with no time ahead. */
  interrupt(notice: { action: InstanceAction; inSeconds?: number; instanceId?: string }): void;
  withdrawNotice(instanceId?: string): void;
  /** Changes what an instance's metadata and DescribeInstances say, for example `{ publicIpv4: undefined }`. */
  changeInstance(change: InstanceSetup, instanceId?: string): void;
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
  /** Of every AWS call to come. */
  setLatency(ms: number): void;
  /** How many volumes there may be, and which zones have no room for new ones. */
  changeLimits(change: Partial<World['limits']>): void;
  /** Every AWS and metadata call answered so far. */
  calls(): CallRecord[];
  published(): Publication[];
  /** Every message that the queue accepted, the deleted ones too. */
  received(queue: string): QueuedMessage[];
  volume(volumeId: string): Volume | undefined;
  /** Every volume, the root volumes too, in the order they came. */
  volumes(): Volume[];
  instance(instanceId?: string): Instance;
  /** In no particular order; the zone's SOA and NS among them. */
  recordSets(zoneId: string): StoredRecordSet[];
  /** @returns what ends the listening. */
  onCall(listener: (call: CallRecord) => void): () => void;
  /** @returns what ends the listening. */
  onMessage(listener: (message: AcceptedMessage) => void): () => void;
  /** Ends every connection and timer. */
  close(): Promise<void>;
}

export type { CallRecord } from './calls.ts';
export type { MetadataFault } from './faults.ts';
export type { CloudSetup, InstanceSetup } from './setup.ts';

const KEEP_ALIVE_MS = 60_000;

export async function startCloud(setup: CloudSetup = {}): Promise<Cloud> {
  const clock = createClock();
  const world = createWorld(setup, clock);
  const log = createCallLog(clock);
  const servers: Server[] = [];
  const close = async () => {
    clock.close();
    await Promise.all(servers.map(closeServer));
  };
  try {
    const control = createControl(world, log);
    const front = createFrontDoor(world);
    const aws = await listen(setup.port ?? 0, (incoming, outgoing) => {
      if (incoming.url?.startsWith('/_control')) return answerControl(control, incoming, outgoing);
      return answerAws(world, log, front, incoming, outgoing);
    });
    servers.push(aws);
    const metadata = new Map<string, string>();
    for (const [index, instance] of [...world.instances.values()].entries()) {
      const imds = createImds(world, instance);
      const server = await listen(index === 0 ? (setup.metadataPort ?? 0) : 0, (incoming, outgoing) =>
        answerImds(world, log, instance, imds, incoming, outgoing),
      );
      servers.push(server);
      metadata.set(instance.id, urlOf(server));
    }
    return describeCloud(world, log, urlOf(aws), metadata, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function describeCloud(
  world: World,
  log: CallLog,
  url: string,
  metadata: Map<string, string>,
  close: () => Promise<void>,
): Cloud {
  const listeners = new Set<(message: AcceptedMessage) => void>();
  world.accepted = (message) => {
    for (const listener of listeners) listener(message);
  };
  const imdsUrl = (instanceId?: string) => metadata.get(firstInstance(world, instanceId).id) ?? '';
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
        ...(sysroot !== undefined && { EC2FLEETD_SYSROOT: sysroot }),
      };
    },
    interrupt: (notice) => interrupt(world, notice),
    withdrawNotice: (instanceId) => withdrawNotice(world, instanceId),
    changeInstance: (change, instanceId) => changeInstance(world, change, instanceId),
    metadataFault: (fault, instanceId) => metadataFault(world, fault, instanceId),
    healMetadata: (instanceId) => healMetadata(world, instanceId),
    expireTokens: (instanceId) => expireTokens(world, instanceId),
    reboot: (instanceId) => reboot(world, instanceId),
    setLatency(ms) {
      world.delays.latencyMs = ms;
    },
    changeLimits: (change) => changeLimits(world, change),
    calls: log.calls,
    published: () => structuredClone(world.publications),
    received: (name) =>
      structuredClone([...world.queues.values()].find((queue) => queue.name === name)?.messages ?? []),
    volume: (volumeId) => structuredClone(world.volumes.get(volumeId)),
    volumes: () => structuredClone([...world.volumes.values()]),
    instance: (instanceId) => structuredClone(firstInstance(world, instanceId)),
    recordSets: (zoneId) => structuredClone(world.zones.get(zoneId)?.recordSets ?? []),
    onCall: log.listen,
    onMessage(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Handler = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

function listen(port: number, handler: Handler): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    handler(incoming, outgoing).catch((error: unknown) => {
      // A request that is too large, a defect of the simulator, or a caller who hung up in the middle.
      if (outgoing.headersSent || outgoing.destroyed) return outgoing.destroy();
      const status = error instanceof AwsError ? error.status : 500;
      send(outgoing, json({ problem: error instanceof Error ? error.stack : String(error) }, status));
    });
  });
  // As patient as AWS: a connection closed just when a client takes it up again is a failure that is not asked for here.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
