/** The steps that give back what was taken. */

import { fromPromise } from 'xstate';
import type { BlockDevices } from '../adapters/block-device.ts';
import type { Creations } from '../adapters/creations.ts';
import type { Volumes } from '../adapters/ec2.ts';
import type { Mounts } from '../adapters/mounts.ts';
import type { RecordSets } from '../adapters/route53.ts';
import { CREATION_UNSEEN_MS } from '../config/constants.ts';
import { isSameDevice } from '../config/devices.ts';
import { AdapterError } from '../config/errors.ts';
import type {
  AttachmentHold,
  CreationHold,
  Detached,
  Discarded,
  Hold,
  InstanceFacts,
  Looked,
  PublicAddresses,
  RecordEntry,
  RecordSet,
  RecordSetChange,
  RecordSetHold,
  Restored,
  VolumeEntry,
} from '../config/vocabulary.ts';
import type { GivingBackInput, Released } from '../machines/giving-back.ts';
import type { DiskOfHold } from '../machines/letting-go.ts';
import type { Claims } from './claims.ts';
import { isOwnCreation, type Marking } from './marking.ts';
import { wantedSets } from './records.ts';
import { isEntrys, sourceOf } from './sources.ts';
import type { Transaction, Transactions } from './transaction.ts';
import { holdOf, type SourcedVolume } from './volumes.ts';

export interface HoldSources {
  transactions: Transactions;
  volumes: Volumes;
  /** What earlier runs hold and nobody asks for any more. */
  leftOver: readonly Hold[];
  /** Those read last. */
  addresses(): PublicAddresses;
}

/** Lists what is to be given back, the last first. */
export const listHolds = (sources: HoldSources) =>
  fromPromise<Hold[], GivingBackInput>(async ({ input, signal }) =>
    (await holdsFor(input, sources, signal)).toReversed(),
  );

async function holdsFor(input: GivingBackInput, sources: HoldSources, signal: AbortSignal): Promise<readonly Hold[]> {
  if (input.reason === 'left-over') return sources.leftOver;
  const transaction = sources.transactions.of(input.domain);
  switch (input.reason) {
    case 'roll-back':
      return transaction.holds();
    case 'going-without':
      return transaction.holds().filter((hold) => isAtOneOf(hold, input.devices));
    case 'release':
      return [
        ...(await releasedVolumes(input.released, transaction, sources.volumes, signal)),
        ...releasedRecords(input.domain, input.released, sources.addresses()),
      ];
  }
}

function isAtOneOf(hold: Hold, devices: string[]): boolean {
  return hold.kind !== 'record-set' && devices.some((device) => isSameDevice(device, hold.device));
}

/** By the configuration, not by the journal: what an earlier run committed is released as well. */
async function releasedVolumes(
  { volumes: entries, attachments }: Released,
  transaction: Transaction,
  volumes: Volumes,
  signal: AbortSignal,
): Promise<AttachmentHold[]> {
  const holds = entries.map(async (entry) => {
    const known = attachments.find(({ device }) => isSameDevice(device, entry.device));
    const volume = known ?? (await volumeAt(entry, transaction, volumes, signal));
    return volume === undefined ? [] : [holdOf(entry, volume)];
  });
  return (await Promise.all(holds)).flat();
}

/** Of a run that took nothing itself: the volume by its id, else what of the entry's is at its device. */
async function volumeAt(
  entry: VolumeEntry,
  transaction: Transaction,
  volumes: Volumes,
  signal: AbortSignal,
): Promise<SourcedVolume | undefined> {
  if (entry.sources.join() === 'x') return { volumeId: entry.volumeId, source: 'x' };
  const seen = await volumes.lookAtDevice(entry.device, transaction, signal);
  if (seen === undefined || !isEntrys(seen, entry, transaction)) return undefined;
  return { volumeId: seen.volumeId, source: sourceOf(seen, entry) };
}

function releasedRecords(domain: string, { records, written }: Released, addresses: PublicAddresses): RecordSetHold[] {
  return records.flatMap((record) =>
    ourSets(record, written, addresses).map((after) => recordSetHold(domain, record, after)),
  );
}

/** What this run put there, or after a restart what it would put there: the withdrawal fails when it is not that. */
function ourSets(record: RecordEntry, written: RecordSetChange[], addresses: PublicAddresses): RecordSet[] {
  const known = written.filter(({ entry }) => entry === record.entry).flatMap(({ after }) => after ?? []);
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
  fromPromise<void, DiskOfHold>(async ({ input: { hold, doubtful }, signal }) => {
    const what = doubtful ? { volumeId: hold.volumeId } : hold;
    const path = transactions.changes ? await blockDevices.find(what) : undefined;
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

export interface Discarding {
  volumes: Volumes;
  creations: Creations;
  transactions: Transactions;
  marking: Marking;
  facts: Pick<InstanceFacts, 'instanceId'>;
}

/**
 * Deletes a volume that this transaction created, unless somebody else has had it since, or commands of others may have written on
 * it. It gets no signal.
 */
export const discardVolume = ({ volumes, creations, transactions, marking, facts }: Discarding) =>
  fromPromise<Discarded, CreationHold>(async ({ input: hold }) => {
    const transaction = transactions.of(hold.domain);
    const volumeId = hold.volumeId ?? (await unanswered(hold, creations, transaction));
    if (volumeId === undefined) return 'gone';
    const seen = await volumes.look({ volumeId, device: hold.device }, transaction);
    // What EC2 does not show is gone, or so new that nobody can have had it.
    if (seen.kind === 'absent') return await creations.discard(volumeId, transaction);
    if (!isOwnCreation(seen, facts.instanceId)) return 'not-ours';
    if (hold.disposable) return await creations.discard(volumeId, transaction);
    marking.givenBack(volumeId, transaction);
    return 'left';
  });

/** What came of a request without an answer. @throws AdapterError while EC2 may still be about to show it. */
async function unanswered(
  { request, requestedAt, device }: CreationHold,
  creations: Creations,
  transaction: Transaction,
): Promise<string | undefined> {
  const volumeId = await creations.find(request, transaction);
  if (volumeId !== undefined || Date.now() - Date.parse(requestedAt) > CREATION_UNSEEN_MS) return volumeId;
  const problem = 'nobody knows yet whether EC2 has made it: its answer was lost';
  throw new AdapterError(`discard the new volume for ${device}`, problem, 'The next start looks again.', {
    retryable: true,
  });
}

/** Takes it from the journal. The volume is anybody's again. */
export const dropHold = (transactions: Transactions, claims: Claims, marking: Marking) =>
  fromPromise<void, Hold>(async ({ input: hold }) => {
    const transaction = transactions.of(hold.domain);
    if (hold.kind === 'attachment') {
      // What is deleted next needs nothing written on it.
      const isMarked = transaction.attachment(hold.volumeId) && !transaction.isCreated(hold.volumeId);
      if (isMarked) marking.givenBack(hold.volumeId, transaction);
    }
    if (hold.kind !== 'record-set' && hold.volumeId !== undefined) await claims.release(hold.volumeId, hold);
    await transaction.drop(hold);
  });
