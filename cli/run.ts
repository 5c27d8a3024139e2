/** `ec2fleetd run`: from the first look at the metadata to the exit status. */

import { randomUUID } from 'node:crypto';
import type { Switches } from '../actors/domain-input.ts';
import { createLogNews } from '../actors/log-news.ts';
import { createServiceNews, type ServiceNews } from '../actors/service-news.ts';
import { type System, startSystem } from '../actors/system.ts';
import { type Aws, createAws } from '../adapters/aws.ts';
import { createBlockDevices } from '../adapters/block-device.ts';
import { createCommands } from '../adapters/command.ts';
import { createVolumes } from '../adapters/ec2.ts';
import { createHostName } from '../adapters/hostname.ts';
import { createInstanceMetadata, DEFAULT_ENDPOINT, type InstanceMetadata, parseEndpoints } from '../adapters/imds.ts';
import { createLog, type Log } from '../adapters/logger.ts';
import { createRecordSets } from '../adapters/route53.ts';
import { createRuntimeDir, type RuntimeDir, runtimeDirectory, runtimeOwner } from '../adapters/runtime-dir.ts';
import { createTopics } from '../adapters/sns.ts';
import { createQueues } from '../adapters/sqs.ts';
import { sysrootOf } from '../adapters/sysroot.ts';
import { createServiceManager, type ServiceManager } from '../adapters/systemd.ts';
import { NOTICE_MS } from '../config/constants.ts';
import { AdapterError, ConfigError, messageOf } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { decodeUserData } from '../config/user-data.ts';
import type { InstanceFacts, InterruptionNotice } from '../config/vocabulary.ts';
import { awaiting, type Patience } from './boot.ts';
import { readConfigFile } from './config-file.ts';
import type { RunOptions } from './options.ts';
import { problemReport } from './report.ts';

/** The machine that the daemon runs on, and the means to speak of it. */
interface Surroundings {
  options: RunOptions;
  environment: NodeJS.ProcessEnv;
  sysroot: string;
  log: Log;
  serviceManager: ServiceManager;
  runtimeDir: RuntimeDir;
  imds: InstanceMetadata;
  patience: Patience;
}

/** Runs the daemon to its end. Never throws for what a user, the instance or AWS can cause. */
export async function run(options: RunOptions, environment: NodeJS.ProcessEnv): Promise<ExitStatus> {
  const log = createLog({ format: options.logFormat, verbosity: options.verbosity, stream: process.stderr });
  const ending = new AbortController();
  const surroundings = surroundingsOf(options, environment, log, ending.signal);
  const { serviceManager, runtimeDir, imds } = surroundings;
  const news = createServiceNews({ serviceManager, runtimeDir, log });
  const signals = listenForSignals(log, () => ending.abort());
  try {
    const status = await live(surroundings, news, signals);
    // A unit that ended well was ready, even if all that there was to do came to its end before it could say so (11.1).
    if (status === exitStatus.done) await news.ready();
    log[status === exitStatus.done ? 'info' : 'error'](`the daemon ends with exit status ${status}`);
    return status;
  } catch (error) {
    return await failureOf(error, log, news, ending.signal);
  } finally {
    await runtimeDir.clearStarted().catch((error) => log.warn(messageOf(error)));
    await news.stopping();
    imds.close();
    await log.close();
  }
}

function surroundingsOf(
  options: RunOptions,
  environment: NodeJS.ProcessEnv,
  log: Log,
  signal: AbortSignal,
): Surroundings {
  const sysroot = sysrootOf(environment);
  const serviceManager = createServiceManager(environment, { onProblem: (error) => log.warn(error.message) });
  const given = environment.AWS_EC2_METADATA_SERVICE_ENDPOINT;
  let told = '';
  const patience = {
    watched: serviceManager.watched,
    signal,
    onWait(problem: string) {
      // It is tried twice a second; what is still the same need not be said again.
      if (problem === told) return;
      told = problem;
      log.warn(`waiting: ${problem}`);
      void serviceManager.notify({ STATUS: `waiting: ${problem}` });
    },
  };
  return {
    options,
    environment,
    sysroot,
    log,
    serviceManager,
    runtimeDir: createRuntimeDir(runtimeDirectory(environment, sysroot), runtimeOwner(environment)),
    imds: createInstanceMetadata(options.imds ?? (given ? parseEndpoints(given) : [DEFAULT_ENDPOINT])),
    patience,
  };
}

async function live(surroundings: Surroundings, news: ServiceNews, signals: Signals): Promise<ExitStatus> {
  const { imds, patience, log, runtimeDir } = surroundings;
  // A file is read before anything else is asked, so that a mistake in it shows at once.
  const fromFile = await configFromFile(surroundings);
  const facts = await awaiting(() => imds.instanceFacts(patience.signal), patience);
  const config = fromFile ?? (await configFromUserData(surroundings));
  if (config === undefined) {
    log.info('the user data is empty: nothing to do');
    return exitStatus.done;
  }
  await runtimeDir.clearStarted().catch((error) => log.warn(messageOf(error)));

  const aws = awsOf(surroundings, facts);
  if (needsAws(config, surroundings.options.switches)) {
    await awaiting(() => credentialsOrNotice(aws, imds, patience.signal), patience);
  }
  const addresses = await awaiting(() => imds.publicAddresses(patience.signal), patience);
  const system = startSystem({
    adapters: adaptersOf(surroundings, aws, facts),
    config,
    switches: surroundings.options.switches,
    facts,
    addresses,
    transactionId: surroundings.options.transcId ?? randomUUID(),
    tellReady: news.ready,
    onChange: tellBoth(createLogNews(log), news.tell),
  });
  signals.attach(system);
  return await system.ended.finally(() => aws.close());
}

function tellBoth<Change>(...listeners: Array<(change: Change) => void>): (change: Change) => void {
  return (change) => {
    for (const listener of listeners) listener(change);
  };
}

// --- Configuration ---------------------------------------------------------------------------------------------------

async function configFromFile(surroundings: Surroundings): Promise<Config | undefined> {
  const file = surroundings.options.userdata;
  if (file === undefined) return undefined;
  const bytes = await readConfigFile(file);
  return configFrom(await decodeUserData(bytes, file), file, surroundings) ?? EMPTY;
}

/** A file without domains is a wish, not an oversight: the daemon polls. */
const EMPTY = loadConfig('{}', '', { strict: false }).config as Config;

async function configFromUserData(surroundings: Surroundings): Promise<Config | undefined> {
  const { imds, patience } = surroundings;
  const bytes = await awaiting(() => imds.userData(patience.signal), patience);
  return bytes && configFrom(await decodeUserData(bytes), 'user-data', surroundings);
}

function configFrom(text: string, file: string, { options, log }: Surroundings): Config | undefined {
  const { config, warnings, notYet } = loadConfig(text, file, { strict: options.strict });
  if (notYet.length > 0) throw new ConfigError(notYet);
  for (const { line, column, path, message } of warnings) log.warn(message, { at: `${file}:${line}:${column}`, path });
  return config;
}

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

// --- Adapters --------------------------------------------------------------------------------------------------------

function awsOf({ options, environment, imds }: Surroundings, { region }: InstanceFacts): Aws {
  // The SDK's credentials come from where our metadata comes from; version 1 of it is never used.
  process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = imds.endpoint();
  process.env.AWS_EC2_METADATA_V1_DISABLED = 'true';
  return createAws({ region, environment, ...(options.profile === undefined ? {} : { profile: options.profile }) });
}

function adaptersOf({ imds, log, sysroot, environment }: Surroundings, aws: Aws, facts: InstanceFacts) {
  return {
    imds,
    log,
    volumes: createVolumes(aws, facts),
    recordSets: createRecordSets(aws),
    topics: createTopics(aws),
    queues: createQueues(aws),
    blockDevices: createBlockDevices(sysroot),
    commands: createCommands({ allJsonDir: runtimeDirectory(environment, sysroot) }),
    hostName: createHostName(sysroot),
  };
}

// --- Ends ------------------------------------------------------------------------------------------------------------

interface Signals {
  /** From now on signals go to the system. */
  attach(system: System): void;
}

/** @param abort ends what waits before there is a system. */
function listenForSignals(log: Log, abort: () => void): Signals {
  let system: System | undefined;
  /** One that came before there was a system. */
  let early: InterruptionNotice | undefined;
  const stop = (name: string) => {
    log.info(`${name}: stopping`);
    if (system) system.stop();
    else abort();
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGHUP', () => log.info('SIGHUP is ignored: to take a new configuration, restart the unit'));
  process.on('SIGUSR2', () => {
    log.warn('SIGUSR2: taken as an interruption notice');
    const time = new Date(Date.now() + NOTICE_MS).toISOString();
    early = { action: 'terminate', time, leftMs: NOTICE_MS, seenAtMs: performance.now() };
    system?.notice(early);
  });
  return {
    attach(started) {
      system = started;
      if (early) started.notice(early);
    },
  };
}

async function failureOf(error: unknown, log: Log, news: ServiceNews, signal: AbortSignal): Promise<ExitStatus> {
  if (signal.aborted) {
    await news.ready();
    return exitStatus.done;
  }
  if (error instanceof ConfigError) {
    await log.close();
    // A pipe takes 64 KiB at a time, and the process ends next.
    await new Promise<void>((resolve) => process.stderr.write(problemReport(error.problems), () => resolve()));
    return exitStatus.usage;
  }
  if (error instanceof AdapterError) {
    log.error(error.message);
    return exitStatus.failed;
  }
  throw error;
}
