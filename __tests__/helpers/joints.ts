/** The steps of volumes over their real adapters, beside a cloud in a box; the journal is without a disk. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type ActorLogicFrom,
  type AnyActorLogic,
  createActor,
  type InputFrom,
  type OutputFrom,
  toPromise,
} from 'xstate';
import { type Claims, createClaims } from '../../actors/claims.ts';
import { createMarking, type Marking } from '../../actors/marking.ts';
import { createTransactions, type Transaction, type Transactions } from '../../actors/transaction.ts';
import { type Creations, createCreations } from '../../adapters/creations.ts';
import { createVolumes, type Volumes } from '../../adapters/ec2.ts';
import { createLocks } from '../../adapters/locks.ts';
import { createMarks, type Marks } from '../../adapters/marks.ts';
import { inTransit, volumeTags } from '../../config/tags.ts';
import type { Hold, VolumeEntry } from '../../config/vocabulary.ts';
import type { CloudSetup } from '../../simulator/server.ts';
import { type AwsLab, facts, startAwsLab } from './aws-lab.ts';
import { journalOf } from './journal.ts';

/** What this run's marks say. */
export const TRANSACTION = 'tx-now';

export interface JointsOptions {
  /** What earlier runs left in the journal. */
  holds?: Hold[];
  /** False: as with init switched off. */
  changes?: boolean;
  writable?: boolean;
}

/** Everything that the steps act through. */
export interface Joints extends AwsLab {
  facts: typeof facts;
  transactionId: string;
  volumes: Volumes;
  creations: Creations;
  marks: Marks;
  marking: Marking;
  claims: Claims;
  transactions: Transactions;
  /** The transaction of the domain `mc`. */
  mc: Transaction;
  holds(): readonly Hold[];
  /** What marks could not be written. */
  troubles: Error[];
  /** Claims of another daemon on this instance, `ec2fleetd@other.service`. */
  neighbour: Claims;
  /** The calls of one operation, by their parameters. */
  calls(operation: string): unknown[];
  /** Resolves when every mark asked for so far has been written; gives the volume's tags. */
  tagsOf(volumeId: string): Promise<Record<string, string> | undefined>;
}

export async function startJoints(setup: CloudSetup, options: JointsOptions = {}): Promise<Joints> {
  // Tags that several volumes begin with are each one's own from then on.
  const volumes = setup.volumes?.map((volume) => structuredClone(volume)) ?? [];
  const lab = await startAwsLab({ ...setup, volumes });
  const folder = mkdtempSync(path.join(tmpdir(), 'joints-'));
  const locks = ['ec2fleetd.service', 'ec2fleetd@other.service'].map((unit) => createLocks(folder, unit));
  const [claims, neighbour] = locks.map(createClaims) as [Claims, Claims];
  const journal = journalOf(options.holds, { writable: options.writable ?? true });
  const transactions = createTransactions({ journal, changes: options.changes ?? true });
  const troubles: Error[] = [];
  const marks = createMarks(lab.aws, { onTrouble: (error) => troubles.push(error) });
  return {
    ...lab,
    facts,
    transactionId: TRANSACTION,
    volumes: createVolumes(lab.aws, facts),
    creations: createCreations(lab.aws, facts),
    marks,
    marking: createMarking(marks, { instanceId: facts.instanceId, transactionId: TRANSACTION }),
    claims,
    transactions,
    mc: transactions.of('mc'),
    holds: journal.holds,
    troubles,
    neighbour,
    calls: (operation) =>
      lab.cloud
        .calls()
        .filter((call) => call.operation === operation)
        .map(({ params }) => params),
    async tagsOf(volumeId) {
      await marks.settled(5_000);
      return lab.cloud.volume(volumeId)?.tags;
    },
    async [Symbol.asyncDispose]() {
      await marks.settled(5_000);
      await lab[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Runs one step to its end. */
export function run<Logic extends AnyActorLogic>(logic: Logic, input: InputFrom<Logic>): Promise<OutputFrom<Logic>> {
  const actor = createActor(logic as ActorLogicFrom<Logic>, { input });
  const ended = toPromise(actor);
  actor.start();
  return ended as Promise<OutputFrom<Logic>>;
}

/** An entry of the domain `mc`, of the pool `worlds` unless told otherwise. */
export function entryOf(settings: Partial<VolumeEntry> = {}): VolumeEntry {
  return {
    domain: 'mc',
    entry: 0,
    critical: true,
    device: '/dev/sdf',
    sources: ['p'],
    volumeId: '',
    pool: 'worlds',
    preference: 'index',
    seed: 0.5,
    lines: [],
    release: [],
    ...settings,
  };
}

/** The tags of a volume in the pool `worlds` of `mc`. */
export const inPool = { [volumeTags.domain]: 'mc', [volumeTags.pool]: 'worlds' };

/** The tags of a volume that was created for the pool and never prepared. */
export function createdBy(holder: string, device = '/dev/sdf') {
  return {
    ...inPool,
    [volumeTags.device]: device,
    [volumeTags.transaction]: 'tx-of-old',
    [volumeTags.holder]: holder,
    [volumeTags.inTransit]: inTransit.neverPrepared,
  };
}

/** The tags of a volume that was created for the pool, and prepared, and whose application has not run. */
export function preparedBy(holder: string, device = '/dev/sdf') {
  return { ...createdBy(holder, device), [volumeTags.inTransit]: inTransit.prepared };
}

/** ISO 8601 UTC. */
export function minutesAgo(minutes: number): string {
  return new Date(Date.now() - minutes * 60_000).toISOString();
}
