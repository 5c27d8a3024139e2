/** Many daemons in one process, each with its own actors, adapters and machine, beside one cloud in a box. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { types } from 'node:util';
import { createLogNews } from '../../actors/log-news.ts';
import { startSystem } from '../../actors/system.ts';
import { type Aws, createAws } from '../../adapters/aws.ts';
import { createBlockDevices } from '../../adapters/block-device.ts';
import { createCommands } from '../../adapters/command.ts';
import { createCreations } from '../../adapters/creations.ts';
import { createVolumes } from '../../adapters/ec2.ts';
import { createHostName } from '../../adapters/hostname.ts';
import { createInstanceMetadata, type InstanceMetadata } from '../../adapters/imds.ts';
import { createLocks } from '../../adapters/locks.ts';
import type { Log } from '../../adapters/logger.ts';
import { createMarks } from '../../adapters/marks.ts';
import { createMounts } from '../../adapters/mounts.ts';
import { createRecordSets } from '../../adapters/route53.ts';
import { createTopics } from '../../adapters/sns.ts';
import { createQueues } from '../../adapters/sqs.ts';
import { lockStateDir, type StateDir } from '../../adapters/state-dir.ts';
import { MARKS_PATIENCE_MS } from '../../config/constants.ts';
import type { ExitStatus } from '../../config/exit-status.ts';
import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import type { InstanceFacts, PublicAddresses } from '../../config/vocabulary.ts';
import { type CallRecord, type Cloud, type CloudSetup, startCloud } from '../../simulator/server.ts';
import type { VolumeSetup } from '../../simulator/setup.ts';
import { type LogRecord, machineIn } from './daemon.ts';
import { attachedTo, inPool } from './volumes.ts';

export interface FleetSetup extends Omit<CloudSetup, 'instances'> {
  /** Instances, each with a daemon. */
  size: number;
  /** The same for all of them. */
  configuration: object;
  /** Default false: one-shots, which come up, run `started` and exit (5.8). */
  poll?: boolean;
  /** Is done when the machines are there and before the first daemon boots. */
  beforeBoot?(surroundings: Surroundings): Promise<void>;
}

interface Surroundings {
  cloud: Cloud;
  /** Temporary; goes with the fleet. */
  folder: string;
}

/** One daemon of a fleet. */
export interface FleetDaemon {
  instanceId: string;
  /** Its log so far. */
  log: LogRecord[];
  /** Resolves with the first record that fits, past or to come; rejects when the daemon has ended without it. */
  says(fits: (record: LogRecord) => boolean): Promise<LogRecord>;
  /** SIGTERM. */
  stop(): void;
  ended: Promise<ExitStatus>;
}

export interface Fleet extends AsyncDisposable {
  cloud: Cloud;
  /** In the order of their instances. */
  daemons: FleetDaemon[];
  /** The volumes of each daemon's instance, whatever their state, in the order of the daemons. */
  volumes(): string[][];
  /** Every call of this operation, the throttled ones too, since the boot. */
  calls(operation: string): CallRecord[];
}

/** Lays out the machines, then boots all of them in the same turn of the event loop. */
export async function startFleet({
  size,
  configuration,
  poll = false,
  beforeBoot = async () => {},
  ...setup
}: FleetSetup): Promise<Fleet> {
  const folder = mkdtempSync(path.join(tmpdir(), 'ec2fleetd-fleet-'));
  const instances = Array.from({ length: size }, (_, index) => ({
    id: idOf(index),
    sysroot: machineIn(path.join(folder, String(index))),
  }));
  const cloud = await startCloud({ ...setup, instances });
  const close = async () => {
    await cloud.close();
    rmSync(folder, { recursive: true, force: true });
  };
  // The cloud's own log keeps the last ones only, and copies all of them each time it is read.
  const calls: CallRecord[] = [];
  cloud.onCall((call) => calls.push(call));
  beKnownTo(cloud);
  const config = configOf(configuration);
  const machines = await machinesOf(cloud, instances).catch(closing(close));
  await beforeBoot({ cloud, folder }).catch(closing(close));
  const daemons = machines.map((machine) => boot(machine, config, poll));
  return {
    cloud,
    daemons,
    volumes: () => daemons.map(({ instanceId }) => attachedTo({ cloud }, instanceId).map(volumeIdOf)),
    calls: (operation) => calls.filter((call) => call.operation === operation),
    async [Symbol.asyncDispose]() {
      // Those that have something to give back do not wait for each other.
      cloud.throttle(false);
      for (const { stop } of daemons) stop();
      await Promise.allSettled(daemons.map(({ ended }) => ended));
      await close();
    },
  };
}

/** Nobody disposes of what could not be begun. */
function closing(close: () => Promise<void>): (error: unknown) => Promise<never> {
  return async (error) => {
    await close();
    throw error;
  };
}

function idOf(index: number): string {
  return `i-0123456789abc${index.toString(16).padStart(4, '0')}`;
}

function volumeIdOf(attached: string): string {
  return attached.split(' at ', 1).join();
}

/** The SDK reads the process's own environment, which all of them share: so credentials do not come from one instance's metadata. */
function beKnownTo({ url }: Cloud): void {
  const credentials = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example' };
  Object.assign(process.env, { AWS_ENDPOINT_URL: url, ...credentials });
}

/**
 * Node's own errors come from outside of the test runner's realm. The SDK tells errors by `instanceof`, and would wrap a reset
 * connection in one that says nothing; in a process of its own it never does. To be dropped for a runner with one realm.
 */
Object.defineProperty(Error, Symbol.hasInstance, {
  value(this: unknown, thing: unknown) {
    return this === Error ? types.isNativeError(thing) : Function.prototype[Symbol.hasInstance].call(this, thing);
  },
});

const kept = { ...process.env };
afterEach(() => {
  process.env = { ...kept };
});

function configOf(configuration: object): Config {
  const { config } = loadConfig(JSON.stringify(configuration), 'fleet.jsonc', { strict: true });
  if (config === undefined) throw new Error('the configuration is empty');
  return config;
}

// --- One daemon ------------------------------------------------------------------------------------------------------

interface Instance {
  id: string;
  sysroot: string;
}

/** What `ec2fleetd run` has at hand when its actors begin. */
interface Machine {
  sysroot: string;
  imds: InstanceMetadata;
  facts: InstanceFacts;
  addresses: PublicAddresses;
  stateDir: StateDir;
  records: Records;
}

/** More at once would keep each other from what has to be answered within a second. */
const LAID_OUT_AT_ONCE = 8;

async function machinesOf(cloud: Cloud, instances: Instance[]): Promise<Machine[]> {
  const machines: Machine[] = [];
  for (let index = 0; index < instances.length; index += LAID_OUT_AT_ONCE) {
    const some = instances.slice(index, index + LAID_OUT_AT_ONCE);
    machines.push(...(await Promise.all(some.map((instance) => machineOf(cloud, instance)))));
  }
  return machines;
}

async function machineOf(cloud: Cloud, { id, sysroot }: Instance): Promise<Machine> {
  const records = createRecords();
  const imds = createInstanceMetadata([cloud.imdsUrl(id)]);
  const { signal } = new AbortController();
  const locked = await lockStateDir(path.join(sysroot, 'var/lib/ec2fleetd'), { sysroot, onProblem: records.log.warn });
  return {
    sysroot,
    imds,
    facts: await imds.instanceFacts(signal),
    addresses: await imds.publicAddresses(signal),
    stateDir: await locked.open(id),
    records,
  };
}

function boot(machine: Machine, config: Config, poll: boolean): FleetDaemon {
  const { records, facts } = machine;
  const stopping = Promise.withResolvers<void>();
  const ended = live(machine, config, poll, stopping.promise).finally(records.end);
  // Whoever waits for it hears of a failure; so it is no surprise when nobody does yet.
  ended.catch(() => {});
  return {
    instanceId: facts.instanceId,
    log: records.all,
    says: records.says,
    stop: stopping.resolve,
    ended,
  };
}

/** As `ec2fleetd run` does it, without signals and systemd. */
async function live(machine: Machine, config: Config, poll: boolean, stopping: Promise<void>): Promise<ExitStatus> {
  const { imds, facts, addresses, stateDir, records } = machine;
  const aws = createAws({ region: facts.region, environment: process.env });
  const adapters = { imds, stateDir, log: records.log, ...adaptersOf(machine, aws) };
  try {
    const system = startSystem({
      adapters,
      config,
      switches: { init: true, exec: true, notify: true, poll },
      facts,
      addresses,
      transactionId: `tx-${facts.instanceId}`,
      tellReady: async () => {},
      onChange: createLogNews(records.log),
    });
    void stopping.then(system.stop);
    return await system.ended;
  } finally {
    // What is committed at the end has its marks removed only once the journal is written.
    await stateDir.close();
    await new Promise(setImmediate);
    await adapters.marks.settled(MARKS_PATIENCE_MS);
    aws.close();
    imds.close();
  }
}

function adaptersOf({ sysroot, facts, records }: Machine, aws: Aws) {
  const onTrouble = (error: Error) => records.log.warn(error.message);
  const run = path.join(sysroot, 'run/ec2fleetd');
  return {
    aws,
    mounts: createMounts(sysroot),
    volumes: createVolumes(aws, facts, { onTrouble }),
    creations: createCreations(aws, facts),
    marks: createMarks(aws, { onTrouble }),
    recordSets: createRecordSets(aws, { onTrouble }),
    topics: createTopics(aws),
    queues: createQueues(aws),
    blockDevices: createBlockDevices(sysroot),
    commands: createCommands({ allJsonDir: run }),
    hostName: createHostName(sysroot),
    locks: createLocks(path.join(run, 'lock'), 'by hand', { onTrouble }),
  };
}

// --- Its log ---------------------------------------------------------------------------------------------------------

interface Records {
  all: LogRecord[];
  /** What is written to it is kept; debugging is not. */
  log: Log;
  says: FleetDaemon['says'];
  /** Nothing more will be said. */
  end(): void;
}

function createRecords(): Records {
  const all: LogRecord[] = [];
  const listeners = new Set<() => void>();
  let isOver = false;
  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  const take =
    (level: string): Log['info'] =>
    (message, fields) => {
      all.push({ level, message, ...fields });
      tell();
    };
  return {
    all,
    log: { debug: () => {}, info: take('info'), warn: take('warn'), error: take('error'), close: async () => {} },
    says: (fits) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = all.find(fits);
          if (found === undefined && !isOver) return;
          listeners.delete(look);
          if (found) resolve(found);
          else
            reject(
              new Error(`the daemon ended without saying it:\n${all.map((one) => JSON.stringify(one)).join('\n')}`),
            );
        };
        listeners.add(look);
        look();
      }),
    end() {
      isOver = true;
      tell();
    },
  };
}

// --- What they run on ------------------------------------------------------------------------------------------------

/** So many free volumes of the domain `world` in the pool `worlds`, in the order of their ids. */
export function poolOf(size: number): VolumeSetup[] {
  return Array.from({ length: size }, (_, index) => inPool(`vol-0${index.toString(16).padStart(16, '0')}`));
}

/** Fits the record that says that the domain `world` has started. */
export function isStarted({ message, domain }: LogRecord): boolean {
  return message === 'domain started' && domain === 'world';
}
