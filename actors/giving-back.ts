/** The steps that give back what was taken. */

import { fromPromise } from 'xstate';
import type { BlockDevices } from '../adapters/block-device.ts';
import type { Detached, Volumes } from '../adapters/ec2.ts';
import type { Mounts } from '../adapters/mounts.ts';
import type { RecordSets, Restored } from '../adapters/route53.ts';
import { storedName } from '../config/record-name.ts';
import type {
  AttachmentHold,
  Hold,
  Looked,
  PublicAddresses,
  RecordEntry,
  RecordSet,
  RecordSetHold,
} from '../config/vocabulary.ts';
import type { GivingBackInput, Released } from '../machines/giving-back.ts';
import { wantedSets } from './records.ts';
import type { Transactions } from './transaction.ts';
import { holdOf } from './volumes.ts';

export interface HoldSources {
  transactions: Transactions;
  /** What earlier runs hold and nobody asks for any more. */
  leftOver: readonly Hold[];
  /** Those read last. */
  addresses(): PublicAddresses;
}

/** Lists what is to be given back, the last first. */
export const listHolds = (sources: HoldSources) =>
  fromPromise<Hold[], GivingBackInput>(async ({ input }) => holdsFor(input, sources).toReversed());

function holdsFor(input: GivingBackInput, { transactions, leftOver, addresses }: HoldSources): readonly Hold[] {
  switch (input.reason) {
    case 'roll-back':
      return transactions.of(input.domain).holds();
    case 'going-without':
      return transactions
        .of(input.domain)
        .holds()
        .filter(
          (hold) => hold.kind === 'attachment' && input.volumes.some(({ volumeId }) => volumeId === hold.volumeId),
        );
    case 'release':
      return releasedHolds(input.domain, input.released, addresses());
    case 'left-over':
      return leftOver;
  }
}

/** By the configuration, not by the journal: what an earlier run committed is released as well. */
function releasedHolds(
  domain: string,
  { volumes, records, written }: Released,
  addresses: PublicAddresses,
): readonly Hold[] {
  return [
    ...volumes.map(holdOf),
    ...records.flatMap((record) =>
      ourSets(record, written, addresses).map((after) => recordSetHold(domain, record, after)),
    ),
  ];
}

/** What this run put there, or after a restart what it would put there: the withdrawal fails when it is not that. */
function ourSets(record: RecordEntry, written: RecordSet[], addresses: PublicAddresses): RecordSet[] {
  const known = written.filter(({ name }) => name === storedName(record.name));
  return known.length > 0 ? known : wantedSets(record, addresses);
}

function recordSetHold(domain: string, { hostedZone }: RecordEntry, after: RecordSet): RecordSetHold {
  return { kind: 'record-set', domain, hostedZone, after };
}

/** Looks whether the volume is where it was taken to. */
export const lookAtHold = (volumes: Volumes, transactions: Transactions) =>
  fromPromise<Looked, AttachmentHold>(({ input, signal }) =>
    volumes.look(input, transactions.of(input.domain), signal),
  );

/** Unmounts its disk and makes sure that nobody holds it; with init switched off it is left alone. */
export const clearDisk = (blockDevices: BlockDevices, mounts: Mounts, transactions: Transactions) =>
  fromPromise<void, AttachmentHold>(async ({ input, signal }) => {
    const path = transactions.changes ? await blockDevices.find(input) : undefined;
    if (path !== undefined) await mounts.letGo(path, signal);
  });

/** Detaches it. It gets no signal: a change is let finish. */
export const detachVolume = (volumes: Volumes, transactions: Transactions) =>
  fromPromise<Detached, AttachmentHold>(({ input }) => volumes.detach(input, transactions.of(input.domain)));

/** Puts back what stood there, if what stands there is ours. It gets no signal: a change is let finish. */
export const restoreRecordSet = (recordSets: RecordSets, transactions: Transactions) =>
  fromPromise<Restored, RecordSetHold>(({ input }) =>
    recordSets.restore(input.hostedZone, input, transactions.of(input.domain)),
  );

/** Takes it from the journal. */
export const dropHold = (transactions: Transactions) =>
  fromPromise<void, Hold>(({ input }) => transactions.of(input.domain).drop(input));
