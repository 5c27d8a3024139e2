/** The only place where machines receive their steps. */

import { createActor, fromPromise, sendParent, toPromise } from 'xstate';
import type { BlockDevices } from '../adapters/block-device.ts';
import type { Commands } from '../adapters/command.ts';
import type { Volumes } from '../adapters/ec2.ts';
import type { HostName } from '../adapters/hostname.ts';
import type { InstanceMetadata } from '../adapters/imds.ts';
import type { Log } from '../adapters/logger.ts';
import type { RecordSets } from '../adapters/route53.ts';
import type { Topics } from '../adapters/sns.ts';
import type { Queues } from '../adapters/sqs.ts';
import type { ExitStatus } from '../config/exit-status.ts';
import type { Config } from '../config/schema.ts';
import type { InstanceFacts, InterruptionNotice, PublicAddresses } from '../config/vocabulary.ts';
import { type commandSteps, commandsMachine } from '../machines/commands.ts';
import { deliveryMachine, type deliverySteps } from '../machines/delivery.ts';
import { type DomainReport, domainMachine, type domainSteps } from '../machines/domain.ts';
import {
  type InterruptionNoticed,
  type NoticeLook,
  noticeWatchMachine,
  type noticeWatchSteps,
} from '../machines/notice-watch.ts';
import { recordsMachine, type recordsSteps } from '../machines/records.ts';
import { supervisorMachine, type supervisorSteps } from '../machines/supervisor.ts';
import { volumeMachine, type volumeSteps } from '../machines/volume.ts';
import { volumesMachine, type volumesSteps } from '../machines/volumes.ts';
import { type Change, createChanges } from './changes.ts';
import { runCommand } from './commands.ts';
import { type Switches, supervisorInput } from './domain-input.ts';
import { createMacroValues, ofInstance } from './macro-values.ts';
import { composeMessage, sendMessage } from './messages.ts';
import { compareRecordSets, readAddresses, writeRecordSets } from './records.ts';
import { createTransactions } from './transaction.ts';
import { awaitSerial, claim, locate, look } from './volumes.ts';

/** What the steps act through. */
export interface Adapters {
  imds: InstanceMetadata;
  volumes: Volumes;
  blockDevices: BlockDevices;
  recordSets: RecordSets;
  commands: Commands;
  hostName: HostName;
  topics: Topics;
  queues: Queues;
  log: Log;
}

export interface SystemOptions {
  adapters: Adapters;
  config: Config;
  switches: Switches;
  facts: InstanceFacts;
  addresses: PublicAddresses;
  transactionId: string;
  /** Tells the service manager that every domain stands; resolves when it has been told. */
  tellReady(): Promise<void>;
  /** Is told each state that an actor reaches. */
  onChange(change: Change): void;
}

/** The daemon's actors, running. */
export interface System {
  /** SIGTERM and SIGINT. */
  stop(): void;
  /** A notice by hand. */
  notice(notice: InterruptionNotice): void;
  /** Resolves when everything is over. Rejects on a defect of ours. */
  ended: Promise<ExitStatus>;
}

export function startSystem(options: SystemOptions): System {
  const { config, switches, facts, transactionId, onChange } = options;
  let addresses = options.addresses;
  const sources = { facts, addresses: () => addresses, transactionId };
  const machine = supervisorWithSteps(options, sources, (latest) => {
    addresses = latest;
  });
  const input = supervisorInput(config, switches, ofInstance(sources), performance.now());
  const supervisor = createActor(machine, { id: 'supervisor', input, inspect: createChanges(onChange) });
  const ended = toPromise(supervisor);
  supervisor.start();
  return {
    stop: () => supervisor.send({ type: 'supervisor.stop' }),
    notice: (notice) => supervisor.send({ type: 'interruption.noticed', notice }),
    ended,
  };
}

interface InstanceSources {
  facts: InstanceFacts;
  addresses(): PublicAddresses;
  transactionId: string;
}

function supervisorWithSteps(
  { adapters, config, switches, facts, tellReady }: SystemOptions,
  sources: InstanceSources,
  keepAddresses: (addresses: PublicAddresses) => void,
) {
  const { imds, volumes, blockDevices, recordSets, hostName, topics, queues, log } = adapters;
  const transactions = createTransactions({
    changes: switches.init,
    onDry: ({ domain, method, param }) => log.info(`not done, init is off: ${method}`, { domain, param, dry: true }),
  });
  const valuesOf = createMacroValues({ ...sources, transactions });
  const lookForNotice = fromPromise<NoticeLook, void>(({ signal }) => imds.instanceAction(signal));

  const commands = commandsMachine.provide({
    actors: { runCommand: runCommand(adapters.commands, valuesOf, log) } satisfies Steps<typeof commandSteps>,
  });
  const volume = volumeMachine.provide({
    actors: {
      look: look(volumes, transactions),
      claim: claim(volumes, transactions),
      awaitSerial: awaitSerial(blockDevices),
      locate: locate(blockDevices),
    } satisfies Steps<typeof volumeSteps>,
  });
  const domain = domainMachine.provide({
    actors: {
      runCommands: commands,
      attachVolumes: volumesMachine.provide({
        actors: { volume, runCommands: commands } satisfies Steps<typeof volumesSteps>,
      }),
      upsertRecordSets: recordsMachine.provide({
        actors: {
          readAddresses: readAddresses(imds, keepAddresses),
          compareRecordSets: compareRecordSets(recordSets, transactions),
          writeRecordSets: writeRecordSets(recordSets, transactions),
        } satisfies Steps<typeof recordsSteps>,
      }),
    } satisfies Steps<typeof domainSteps>,
    actions: { report: sendParent((_, report: DomainReport) => report) },
  });
  const delivery = deliveryMachine.provide({
    actors: {
      composeMessage: composeMessage((name, receiver) => entryOf(config, name, receiver), valuesOf, facts.region),
      sendMessage: sendMessage(topics, queues),
    } satisfies Steps<typeof deliverySteps>,
  });
  const noticeWatch = noticeWatchMachine.provide({
    actors: { look: lookForNotice } satisfies Steps<typeof noticeWatchSteps>,
    actions: { tell: sendParent((_, noticed: InterruptionNoticed) => noticed) },
  });
  return supervisorMachine.provide({
    actors: {
      domain,
      delivery,
      noticeWatch,
      look: lookForNotice,
      setHostname: fromPromise(({ input }: { input: { hostname: string } }) => hostName.set(input.hostname)),
      tellReady: fromPromise<void, void>(tellReady),
    } satisfies Steps<typeof supervisorSteps>,
  });
}

function entryOf(config: Config, domain: string, receiver: number) {
  const entry = Object.hasOwn(config.domains, domain) ? config.domains[domain]?.notify[receiver] : undefined;
  if (entry === undefined) throw new Error(`${domain} has no receiver ${receiver}`);
  return entry;
}

/** Every step that a machine names: a forgotten one does not compile. (`provide` alone is content with a part of them.) */
type Steps<Named> = Record<keyof Named, unknown>;
