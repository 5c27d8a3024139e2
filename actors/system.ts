/** The only place where machines receive their steps. */

import { createActor, enqueueActions, fromPromise, sendParent, toPromise } from 'xstate';
import type { Aws } from '../adapters/aws.ts';
import type { BlockDevices } from '../adapters/block-device.ts';
import type { Commands } from '../adapters/command.ts';
import type { Creations } from '../adapters/creations.ts';
import type { Volumes } from '../adapters/ec2.ts';
import type { HostName } from '../adapters/hostname.ts';
import type { InstanceMetadata } from '../adapters/imds.ts';
import type { Locks } from '../adapters/locks.ts';
import type { Log } from '../adapters/logger.ts';
import type { Marks } from '../adapters/marks.ts';
import type { Mounts } from '../adapters/mounts.ts';
import type { RecordSets } from '../adapters/route53.ts';
import type { Topics } from '../adapters/sns.ts';
import type { Queues } from '../adapters/sqs.ts';
import type { StateDir } from '../adapters/state-dir.ts';
import { messageOf } from '../config/errors.ts';
import type { ExitStatus } from '../config/exit-status.ts';
import type { Config } from '../config/schema.ts';
import type { Hold, InstanceFacts, InterruptionNotice, PublicAddresses } from '../config/vocabulary.ts';
import { type commandSteps, commandsMachine } from '../machines/commands.ts';
import { deliveryMachine, type deliverySteps } from '../machines/delivery.ts';
import { type DomainReport, domainMachine, type domainSteps, type VolumesUsed } from '../machines/domain.ts';
import { givingBackMachine, type givingBackSteps } from '../machines/giving-back.ts';
import { lettingGoMachine, type lettingGoSteps } from '../machines/letting-go.ts';
import { noticeWatchMachine, type noticeWatchSteps, type WatchNews } from '../machines/notice-watch.ts';
import { type RecordsInput, recordsMachine, type recordsSteps } from '../machines/records.ts';
import { type RiskNews, riskWatchMachine, type riskWatchSteps } from '../machines/risk-watch.ts';
import { supervisorMachine, type supervisorSteps } from '../machines/supervisor.ts';
import { volumeMachine, type volumeSteps } from '../machines/volume.ts';
import { volumesMachine, type volumesSteps } from '../machines/volumes.ts';
import { type Change, createChanges } from './changes.ts';
import { type Claims, createClaims } from './claims.ts';
import { runCommand } from './commands.ts';
import { type Switches, supervisorInput } from './domain-input.ts';
import {
  clearDisk,
  detachVolume,
  discardVolume,
  dropHold,
  listHolds,
  lookAtHold,
  restoreRecordSet,
} from './giving-back.ts';
import { leftOver } from './journal.ts';
import { createMacroValues, ofInstance, type ValuesOf } from './macro-values.ts';
import { commit, createMarking, type Marking } from './marking.ts';
import { remember } from './memory.ts';
import { composeMessage, forgetMessage, keepMessage, sendMessage } from './messages.ts';
import { createRecordLooks, type RecordLooks } from './record-looks.ts';
import { compareRecordSets, lookAtChanges, readAddresses, writeRecordSets } from './records.ts';
import { lookAtSource, lookHere } from './sources.ts';
import { createTransactions, type Transactions } from './transaction.ts';
import { awaitSerial, claim, create, locate, look as lookAtVolume, noteCommands, notePrepared } from './volumes.ts';
import { look, lookFirst, lookForSigns, setOut } from './watches.ts';

/** What the steps act through. */
export interface Adapters {
  imds: InstanceMetadata;
  aws: Pick<Aws, 'renew'>;
  volumes: Volumes;
  creations: Creations;
  marks: Marks;
  locks: Locks;
  blockDevices: BlockDevices;
  mounts: Mounts;
  recordSets: RecordSets;
  commands: Commands;
  hostName: HostName;
  topics: Topics;
  queues: Queues;
  stateDir: StateDir;
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

/** What the steps of all machines are made of. */
interface Parts extends Omit<SystemOptions, 'addresses'> {
  /** Those read last. */
  addresses(): PublicAddresses;
  keepAddresses(addresses: PublicAddresses): void;
  transactions: Transactions;
  recordLooks: RecordLooks;
  claims: Claims;
  marking: Marking;
  valuesOf: ValuesOf;
  /** What earlier runs hold and the configuration no longer asks for. */
  leftOver: readonly Hold[];
}

export function startSystem(options: SystemOptions): System {
  const { config, switches, facts, transactionId, adapters } = options;
  const addresses = createAddresses(options.addresses);
  const values = ofInstance({ facts, transactionId, addresses: addresses.read });
  const input = supervisorInput(config, switches, values, adapters.stateDir);
  const parts = partsOf(options, addresses, leftOver(adapters.stateDir.holds(), input.domains));
  const inspect = createChanges(options.onChange);
  const supervisor = createActor(supervisorOf(parts), { id: 'supervisor', input, inspect });
  const ended = toPromise(supervisor);
  supervisor.start();
  return {
    stop: () => supervisor.send({ type: 'supervisor.stop', atMs: performance.now() }),
    notice: (notice) => supervisor.send({ type: 'interruption.noticed', notice }),
    ended,
  };
}

interface Addresses {
  read(): PublicAddresses;
  keep(addresses: PublicAddresses): void;
}

function createAddresses(known: PublicAddresses): Addresses {
  let addresses = known;
  return {
    read: () => addresses,
    keep(latest) {
      addresses = latest;
    },
  };
}

function partsOf(options: SystemOptions, addresses: Addresses, leftOver: readonly Hold[]): Parts {
  const { adapters, switches, facts, transactionId } = options;
  const transactions = createTransactions({
    journal: adapters.stateDir,
    changes: switches.init,
    onDry: ({ domain, method, param }) =>
      adapters.log.info(`not done, init is off: ${method}`, { domain, param, dry: true }),
  });
  const valuesOf = createMacroValues({ facts, addresses: addresses.read, transactionId, transactions });
  return {
    ...options,
    addresses: addresses.read,
    keepAddresses: addresses.keep,
    transactions,
    recordLooks: createRecordLooks(adapters.recordSets, transactions),
    claims: createClaims(adapters.locks),
    marking: createMarking(adapters.marks, { instanceId: facts.instanceId, transactionId }),
    valuesOf,
    leftOver,
  };
}

// --- The machines, each with its steps -------------------------------------------------------------------------------

function supervisorOf(parts: Parts) {
  const { imds, aws, hostName, stateDir, log } = parts.adapters;
  const { 'treat-as-interruption': asNotice } = parts.config['interrupt-detection'].options;
  const givingBack = givingBackOf(parts);
  return supervisorMachine.provide({
    actors: {
      domain: domainOf(parts, givingBack),
      delivery: deliveryOf(parts),
      noticeWatch: noticeWatchOf(parts),
      riskWatch: riskWatchOf(parts),
      lookFirst: lookFirst(imds, stateDir, asNotice, log),
      look: look(imds, stateDir),
      setHostname: fromPromise(({ input }: { input: { hostname: string } }) => hostName.set(input.hostname)),
      tidyUp: givingBack,
      setOut: setOut({ imds, aws, memory: stateDir, log, keepAddresses: parts.keepAddresses }),
      tellReady: fromPromise<void, void>(parts.tellReady),
    } satisfies Steps<typeof supervisorSteps>,
  });
}

function domainOf(parts: Parts, givingBack: ReturnType<typeof givingBackOf>) {
  const { adapters, transactions } = parts;
  const commands = commandsMachine.provide({
    actors: { runCommand: runCommand(adapters.commands, parts.valuesOf, adapters.log) } satisfies Steps<
      typeof commandSteps
    >,
  });
  return domainMachine.provide({
    actors: {
      runCommands: commands,
      attachVolumes: volumesOf(parts, commands, givingBack),
      upsertRecordSets: recordsOf(parts),
      giveBack: givingBack,
      remember: remember({
        memory: adapters.stateDir,
        exec: parts.switches.exec,
        commit: (domain) => commit(transactions.of(domain), parts.marking),
      }),
    } satisfies Steps<typeof domainSteps>,
    actions: {
      report: sendParent((_, report: DomainReport) => report),
      // A line too many in the journal is made good by the memory: an application that was started has committed.
      commit: (_, { domain }: { domain: string }) => {
        commit(transactions.of(domain), parts.marking).catch((error) =>
          adapters.log.warn(messageOf(error), { domain }),
        );
      },
      lookAhead: (_, { domain, records }: RecordsInput) => parts.recordLooks.begin(domain, records),
      noteUsed: (_, { domain, volumeIds }: VolumesUsed) => {
        for (const volumeId of volumeIds) parts.marking.used(volumeId, transactions.of(domain));
      },
    },
  });
}

function volumesOf(parts: Parts, commands: typeof commandsMachine, givingBack: ReturnType<typeof givingBackOf>) {
  const { adapters, transactions, marking } = parts;
  const { volumes, creations, blockDevices } = adapters;
  const volume = volumeMachine.provide({
    actors: {
      lookHere: lookHere({ ...parts, volumes }),
      lookAtSource: lookAtSource({ ...parts, volumes }),
      create: create({ ...parts, creations }),
      claim: claim({ ...parts, volumes }),
      look: lookAtVolume(volumes, transactions, parts.facts),
      awaitSerial: awaitSerial(blockDevices),
      locate: locate(blockDevices),
    } satisfies Steps<typeof volumeSteps>,
  });
  return volumesMachine.provide({
    actors: {
      volume,
      runCommands: commands,
      noteCommands: noteCommands(transactions),
      notePrepared: notePrepared(transactions, marking),
      giveBack: givingBack,
    } satisfies Steps<typeof volumesSteps>,
  });
}

function recordsOf({ adapters: { imds, recordSets }, transactions, recordLooks, keepAddresses }: Parts) {
  return recordsMachine.provide({
    actors: {
      readAddresses: readAddresses(imds, keepAddresses),
      compareRecordSets: compareRecordSets(recordLooks, transactions),
      writeRecordSets: writeRecordSets(recordSets, transactions),
      lookAtChanges: lookAtChanges(recordSets, transactions),
    } satisfies Steps<typeof recordsSteps>,
  });
}

function givingBackOf(parts: Parts) {
  const { adapters, transactions, claims, marking } = parts;
  const { volumes, creations, blockDevices, mounts, recordSets } = adapters;
  const lettingGo = lettingGoMachine.provide({
    actors: {
      lookAtHold: lookAtHold(volumes, transactions),
      clearDisk: clearDisk(blockDevices, mounts, transactions),
      detachVolume: detachVolume(volumes, transactions),
    } satisfies Steps<typeof lettingGoSteps>,
  });
  return givingBackMachine.provide({
    actors: {
      listHolds: listHolds({ ...parts, volumes }),
      letVolumeGo: lettingGo,
      restoreRecordSet: restoreRecordSet(recordSets, transactions),
      discardVolume: discardVolume({ ...parts, volumes, creations }),
      dropHold: dropHold(transactions, claims, marking),
    } satisfies Steps<typeof givingBackSteps>,
  });
}

function deliveryOf({ adapters: { topics, queues, stateDir }, config, valuesOf, facts }: Parts) {
  return deliveryMachine.provide({
    actors: {
      composeMessage: composeMessage((name, receiver) => entryOf(config, name, receiver), valuesOf, facts.region),
      keepMessage: keepMessage(stateDir.outbox),
      sendMessage: sendMessage(topics, queues),
      forgetMessage: forgetMessage(stateDir.outbox),
    } satisfies Steps<typeof deliverySteps>,
  });
}

function noticeWatchOf({ adapters: { imds, stateDir } }: Parts) {
  return noticeWatchMachine.provide({
    actors: { look: look(imds, stateDir) } satisfies Steps<typeof noticeWatchSteps>,
    actions: { tell: sendParent((_, news: WatchNews) => news) },
  });
}

function riskWatchOf({ adapters: { imds } }: Parts) {
  return riskWatchMachine.provide({
    actors: { lookForSigns: lookForSigns(imds) } satisfies Steps<typeof riskWatchSteps>,
    actions: {
      tell: enqueueActions(({ enqueue }, news: RiskNews[]) => {
        for (const piece of news) enqueue(sendParent(piece));
      }),
    },
  });
}

function entryOf(config: Config, domain: string, receiver: number) {
  const entry = Object.hasOwn(config.domains, domain) ? config.domains[domain]?.notify[receiver] : undefined;
  if (entry === undefined) throw new Error(`${domain} has no receiver ${receiver}`);
  return entry;
}

/** Every step that a machine names: a forgotten one does not compile. (`provide` alone is content with a part of them.) */
type Steps<Named> = Record<keyof Named, unknown>;
