/** `ec2fleetd run`: from the first look at the metadata to the exit status. */

import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Switches } from '../actors/domain-input.ts';
import { settled } from '../actors/journal.ts';
import { createLogNews } from '../actors/log-news.ts';
import { pastOf } from '../actors/memory.ts';
import { createServiceNews, type ServiceNews } from '../actors/service-news.ts';
import { startSystem } from '../actors/system.ts';
import type { Aws } from '../adapters/aws.ts';
import { createBlockDevices } from '../adapters/block-device.ts';
import { createCommands } from '../adapters/command.ts';
import { createCreations } from '../adapters/creations.ts';
import { createVolumes } from '../adapters/ec2.ts';
import { createHostName } from '../adapters/hostname.ts';
import type { InstanceMetadata } from '../adapters/imds.ts';
import { createLocks } from '../adapters/locks.ts';
import { createLog, type Log } from '../adapters/logger.ts';
import { createMarks } from '../adapters/marks.ts';
import type { Mounts } from '../adapters/mounts.ts';
import { createRecordSets } from '../adapters/route53.ts';
import { createRuntimeDir, type RuntimeDir, runtimeDirectory, runtimeOwner } from '../adapters/runtime-dir.ts';
import { createTopics } from '../adapters/sns.ts';
import { createQueues } from '../adapters/sqs.ts';
import { type LockedStateDir, lockStateDir, type StateDir, stateDirectory } from '../adapters/state-dir.ts';
import { sysrootOf } from '../adapters/sysroot.ts';
import { createServiceManager, type ServiceManager } from '../adapters/systemd.ts';
import { createUptime } from '../adapters/uptime.ts';
import { MARKS_PATIENCE_MS } from '../config/constants.ts';
import { AdapterError, ConfigError, messageOf } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import type { Config } from '../config/schema.ts';
import type { InstanceFacts, PublicAddresses } from '../config/vocabulary.ts';
import { awaiting } from './boot.ts';
import { configFromFile, configFromUserData, emptyFile } from './configuration.ts';
import type { RunOptions } from './options.ts';
import { problemStatus } from './report.ts';
import { listenForSignals, type Signals } from './signals.ts';
import { awsOf, type Surroundings, surroundingsOf } from './surroundings.ts';

/** The machine that the daemon runs on, and the means to speak of it. */
interface DaemonSurroundings extends Surroundings<RunOptions> {
  sysroot: string;
  serviceManager: ServiceManager;
  runtimeDir: RuntimeDir;
}

/** Runs the daemon to its end. Never throws for what a user, the instance or AWS can cause. */
export async function run(options: RunOptions, environment: NodeJS.ProcessEnv): Promise<ExitStatus> {
  const log = createLog({ format: options.logFormat, verbosity: options.verbosity, stream: process.stderr });
  const ending = new AbortController();
  const surroundings = daemonSurroundings(options, environment, log, ending.signal);
  const { serviceManager, runtimeDir, imds } = surroundings;
  const news = createServiceNews({ serviceManager, runtimeDir, log });
  const signals = listenForSignals(log, () => ending.abort());
  try {
    const status = await liveAlone(surroundings, news, signals);
    // A unit that ended well was ready, even if all that there was to do came to its end before it could say so (11.1).
    if (status === exitStatus.done) await news.ready();
    log[status === exitStatus.done ? 'info' : 'error'](`the daemon ends with exit status ${status}`);
    return status;
  } catch (error) {
    return await failureOf(error, log, news, ending.signal);
  } finally {
    await news.stopping();
    imds.close();
    await log.close();
  }
}

/** With the state directory to itself; whoever finds it taken has touched nothing, not even the other one's `.started` files (12.5). */
async function liveAlone(surroundings: DaemonSurroundings, news: ServiceNews, signals: Signals): Promise<ExitStatus> {
  const { options, environment, sysroot, log, runtimeDir } = surroundings;
  // A file is read before anything else is asked or touched, so that a mistake in it shows at once.
  const fromFile = await configFromFile(surroundings);
  if (fromFile === emptyFile) {
    log.info('the configuration is empty: nothing to do');
    return exitStatus.done;
  }
  const onProblem = (sentence: string) => log.warn(sentence);
  const locked = await lockStateDir(options.stateDir ?? stateDirectory(environment, sysroot), { sysroot, onProblem });
  try {
    return await live(surroundings, fromFile, locked, news, signals);
  } finally {
    // A one-shot may be over before the file of a domain that it started is there.
    await news.marked();
    await runtimeDir.clearStarted().catch((error) => log.warn(messageOf(error)));
    await locked.close();
  }
}

function daemonSurroundings(
  options: RunOptions,
  environment: NodeJS.ProcessEnv,
  log: Log,
  signal: AbortSignal,
): DaemonSurroundings {
  const sysroot = sysrootOf(environment);
  const serviceManager = createServiceManager(environment, { onProblem: (error) => log.warn(error.message) });
  const patience = {
    watched: serviceManager.watched,
    signal,
    onWait: (problem: string) => void serviceManager.notify({ STATUS: `waiting: ${problem}` }),
  };
  return {
    ...surroundingsOf(options, environment, log, patience),
    sysroot,
    serviceManager,
    runtimeDir: createRuntimeDir(runtimeDirectory(environment, sysroot), runtimeOwner(environment)),
  };
}

async function live(
  surroundings: DaemonSurroundings,
  fromFile: Config | undefined,
  locked: LockedStateDir,
  news: ServiceNews,
  signals: Signals,
): Promise<ExitStatus> {
  const { imds, patience, log, runtimeDir } = surroundings;
  const facts = await awaiting(() => imds.instanceFacts(patience.signal), patience);
  const config = fromFile ?? (await configFromUserData(surroundings));
  if (config === undefined) {
    log.info('the user data is empty: nothing to do');
    return exitStatus.done;
  }
  await runtimeDir.clearStarted().catch((error) => log.warn(messageOf(error)));

  const { isYoung } = createUptime(surroundings.sysroot);
  const aws = awsOf(surroundings, { region: facts.region, isYoung });
  const stateDir = await openState(locked, facts, log);
  if (!surroundings.options.switches.notify) tellUnsent(stateDir.outbox.left.length, log);
  const addresses = await awaitMeans(surroundings, config, aws).catch((error) => {
    // Asked to stop meanwhile: what an earlier run began is brought to its end all the same (12.2, 12.3).
    if (error === patience.signal.reason && someBegun(stateDir, config)) return { ipv4: [], ipv6: [] };
    throw error;
  });
  const adapters = adaptersOf(surroundings, aws, facts);
  const system = startSystem({
    adapters: { ...adapters, stateDir },
    config,
    switches: surroundings.options.switches,
    facts,
    addresses,
    transactionId: surroundings.options.transcId ?? randomUUID(),
    tellReady: news.ready,
    onChange: tellBoth(createLogNews(log), news.tell),
  });
  signals.attach(system);
  return await system.ended.finally(async () => {
    await adapters.marks.settled(MARKS_PATIENCE_MS);
    aws.close();
  });
}

/** Waits for credentials, where anything goes to AWS, and for the addresses. */
async function awaitMeans(
  { options, imds, patience }: DaemonSurroundings,
  config: Config,
  aws: Aws,
): Promise<PublicAddresses> {
  if (needsAws(config, options.switches)) {
    await awaiting(() => credentialsOrNotice(aws, imds, patience.signal), patience);
  }
  return await awaiting(() => addressesOrNotice(imds, patience.signal), patience);
}

function tellUnsent(count: number, log: Log): void {
  if (count === 0) return;
  log.info(`notify is off: ${count === 1 ? '1 message stays' : `${count} messages stay`} in the outbox`);
}

function someBegun(stateDir: StateDir, { domains }: Config): boolean {
  return stateDir.holds().length > 0 || Object.keys(domains).some((name) => pastOf(stateDir, name).past === 'started');
}

/** What earlier runs left behind; what was journalled of an application that was started after all is settled first. */
async function openState(locked: LockedStateDir, { instanceId }: InstanceFacts, log: Log): Promise<StateDir> {
  const stateDir = await locked.open(instanceId);
  await stateDir.changeHolds((holds) => settled(holds, stateDir.memory())).catch((error) => log.warn(messageOf(error)));
  return stateDir;
}

function tellBoth<Change>(...listeners: Array<(change: Change) => void>): (change: Change) => void {
  return (change) => {
    for (const listener of listeners) listener(change);
  };
}

// --- Credentials ---------------------------------------------------------------------------------------------------------

/** Whether anything of it goes to AWS, so that credentials are worth waiting for. */
function needsAws({ domains }: Config, { notify }: Switches): boolean {
  return Object.values(domains).some(
    (domain) =>
      domain['attach-volume'].length + domain['update-route53'].length + (notify ? domain.notify.length : 0) > 0,
  );
}

/** Resolves when there are credentials; or a notice, since then nothing will be taken (5.3). */
async function credentialsOrNotice(aws: Aws, imds: InstanceMetadata, signal: AbortSignal): Promise<void> {
  try {
    await aws.credentials(signal);
  } catch (error) {
    const { notice } = await imds.instanceAction(signal);
    if (notice === undefined) throw error;
  }
}

/** The addresses; or a notice, since then what an earlier run started waits for no address. */
async function addressesOrNotice(imds: InstanceMetadata, signal: AbortSignal): Promise<PublicAddresses> {
  try {
    return await imds.publicAddresses(signal);
  } catch (error) {
    const { notice } = await imds.instanceAction(signal);
    if (notice === undefined) throw error;
    return { ipv4: [], ipv6: [] };
  }
}

// --- Adapters --------------------------------------------------------------------------------------------------------

function adaptersOf({ imds, log, sysroot, environment }: DaemonSurroundings, aws: Aws, facts: InstanceFacts) {
  const onTrouble = (error: Error) => log.warn(error.message);
  const unit = environment.EC2FLEETD_UNIT || 'an ec2fleetd that was started by hand';
  return {
    imds,
    aws,
    log,
    mounts: mountsOf(sysroot),
    volumes: createVolumes(aws, facts, { onTrouble }),
    creations: createCreations(aws, facts),
    marks: createMarks(aws, { onTrouble }),
    recordSets: createRecordSets(aws, { onTrouble }),
    topics: createTopics(aws),
    queues: createQueues(aws),
    blockDevices: createBlockDevices(sysroot),
    commands: createCommands({ allJsonDir: runtimeDirectory(environment, sysroot) }),
    hostName: createHostName(sysroot),
    locks: createLocks(path.join(runtimeDirectory(environment, sysroot), 'lock'), unit, {
      onTrouble,
    }),
  };
}

/** Loaded when the first volume is given back: most runs never do that. */
function mountsOf(sysroot: string): Mounts {
  return {
    async letGo(path, signal) {
      const { createMounts } = await import('../adapters/mounts.ts');
      await createMounts(sysroot).letGo(path, signal);
    },
  };
}

// --- Ends ------------------------------------------------------------------------------------------------------------

async function failureOf(error: unknown, log: Log, news: ServiceNews, signal: AbortSignal): Promise<ExitStatus> {
  // Nothing had been begun; but a wrong configuration or a defect is what it is, also during a stop.
  if (signal.aborted && error === signal.reason) {
    await news.ready();
    return exitStatus.done;
  }
  if (error instanceof ConfigError) {
    await log.close();
    return await problemStatus(error);
  }
  if (error instanceof AdapterError) {
    log.error(error.message);
    return exitStatus.failed;
  }
  throw error;
}
