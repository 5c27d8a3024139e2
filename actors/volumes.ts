/** The steps of a volume once it is known which: creating, claiming, finding its disk, noting what became of it. */

import { fromPromise } from 'xstate';
import type { BlockDevices } from '../adapters/block-device.ts';
import type { Creations } from '../adapters/creations.ts';
import type { Volumes } from '../adapters/ec2.ts';
import { isSameDevice } from '../config/devices.ts';
import { AdapterError, isPassing } from '../config/errors.ts';
import type {
  AttachmentHold,
  Claimed,
  Created,
  CreationHold,
  Looked,
  VolumeEntry,
  VolumeTarget,
} from '../config/vocabulary.ts';
import type { TargetInput } from '../machines/volume.ts';
import type { VolumeOfDomain } from '../machines/volumes.ts';
import { type Claims, sentenceOfUse } from './claims.ts';
import type { Marking } from './marking.ts';
import type { Transaction, Transactions } from './transaction.ts';

/** Looks how the volume is now. */
export const look = (volumes: Volumes, transactions: Transactions) =>
  fromPromise<Looked, TargetInput>(({ input: { entry, target }, signal }) =>
    volumes.look({ volumeId: target.volumeId, device: entry.device }, transactions.of(entry.domain), signal),
  );

export interface Creating {
  creations: Creations;
  transactions: Transactions;
  claims: Claims;
  transactionId: string;
}

/**
 * Asks for a volume: with the request that an earlier run wrote down, or with a new one, which is written down first. It gets no
 * signal: a change is let finish.
 */
export const create = ({ creations, transactions, claims, transactionId }: Creating) =>
  fromPromise<Created, { entry: VolumeEntry; attempt: number }>(async ({ input: { entry, attempt } }) => {
    const transaction = transactions.of(entry.domain);
    const known = transaction.creation(entry.device);
    const hold = known?.attempt === attempt ? known : newCreation(entry, attempt);
    const created = await transaction.holding(
      [hold],
      () => creations.create(hold.request, transaction),
      (outcome) => typeof outcome === 'object',
    );
    if (typeof created === 'object') {
      await transaction.replace({ ...hold, volumeId: created.volumeId });
      await takeCreated(created.volumeId, entry, claims);
    }
    return created;

    function newCreation({ domain, device }: VolumeEntry, attempt: number): CreationHold {
      const request = creations.requestFor(entry, { transactionId, attempt, now: new Date() });
      return { kind: 'creation', domain, device, attempt, request, disposable: true };
    }
  });

/** The same request gives the same volume: it may be asked for again when the device has become free. */
async function takeCreated(volumeId: string, entry: VolumeEntry, claims: Claims): Promise<void> {
  const claim = await claims.take(volumeId, entry);
  if (claim === 'taken') return;
  const remedy = 'Let each daemon of this instance have devices of its own.';
  throw new AdapterError(`use ${volumeId}`, sentenceOfUse(claim), remedy, { retryable: true });
}

export interface Claiming {
  volumes: Volumes;
  transactions: Transactions;
  claims: Claims;
  marking: Marking;
}

/**
 * Attaches a free volume. Losing the race is an outcome, not an error. The claim is journalled first. It gets no signal: a
 * change is let finish.
 */
export const claim = (claiming: Claiming) =>
  fromPromise<Claimed, TargetInput>(async ({ input: { entry, target } }) => {
    const { volumes, transactions, claims, marking } = claiming;
    const transaction = transactions.of(entry.domain);
    const hold = holdOf(entry, target);
    const claimed = await transaction
      .holding(
        [hold],
        () => volumes.attach(hold, transaction),
        (outcome) => outcome === 'accepted',
      )
      .catch((error) => afterRefusal(hold, error, claiming));
    if (claimed === 'accepted') await afterTaking(hold, transaction, marking);
    if (claimed === 'taken') await afterLosing(hold, transaction, claims);
    return claimed === 'passed by' ? 'taken' : claimed;
  });

/**
 * A refusal for good leaves the volume to others. But where an earlier claim without an answer has brought another volume to this
 * device, that one is ours, and the next look finds it.
 */
async function afterRefusal(
  hold: AttachmentHold,
  error: unknown,
  { volumes, transactions, claims }: Claiming,
): Promise<'passed by'> {
  if (isPassing(error)) throw error;
  await claims.release(hold.volumeId, hold);
  const transaction = transactions.of(hold.domain);
  const unanswered = othersHere(hold, transaction);
  if (unanswered.length === 0) throw error;
  const there = await volumes.lookAtDevice(hold.device, transaction);
  if (!unanswered.some(({ volumeId }) => volumeId === there?.volumeId)) throw error;
  return 'passed by';
}

/** Its device is ours, so that nothing else of ours is there: an earlier claim without an answer came to nothing. */
async function afterTaking(hold: AttachmentHold, transaction: Transaction, marking: Marking): Promise<void> {
  marking.taken(hold.volumeId, transaction);
  for (const other of othersHere(hold, transaction)) await transaction.drop(other);
}

/** What was created and is somebody's by now is no longer ours to delete. */
async function afterLosing(hold: AttachmentHold, transaction: Transaction, claims: Claims): Promise<void> {
  const creation = transaction.creation(hold.device);
  if (creation?.volumeId === hold.volumeId) await transaction.drop(creation);
  await claims.release(hold.volumeId, hold);
}

/** Claims of other volumes for the same device, by this run or one before it, whose answers never came. */
function othersHere({ volumeId, device }: AttachmentHold, transaction: Transaction): AttachmentHold[] {
  return transaction
    .holds()
    .filter((hold) => hold.kind === 'attachment')
    .filter((hold) => isSameDevice(hold.device, device) && hold.volumeId !== volumeId);
}

/** Waits for the volume's serial to show. */
export const awaitSerial = (blockDevices: BlockDevices) =>
  fromPromise<string, TargetInput>(({ input: { target }, signal }) =>
    blockDevices.awaitSerial(target.volumeId, signal),
  );

/** Finds the disk by its serial, or else by the name it was asked for. */
export const locate = (blockDevices: BlockDevices) =>
  fromPromise<string, TargetInput>(({ input: { entry, target }, signal }) =>
    blockDevices.locate({ volumeId: target.volumeId, device: entry.device }, signal),
  );

/** Writes down that commands are about to run which may reach the domain's other volumes. */
export const noteCommands = (transactions: Transactions) =>
  fromPromise<void, VolumeOfDomain>(({ input: { domain, attachment } }) =>
    transactions.of(domain).noteCommands(attachment.volumeId),
  );

/** Writes down that the volume's commands have all succeeded once; what was created is no longer free to be formatted by others. */
export const notePrepared = (transactions: Transactions, marking: Marking) =>
  fromPromise<void, VolumeOfDomain>(async ({ input: { domain, attachment } }) => {
    const transaction = transactions.of(domain);
    const { volumeId, source, attachedNow } = attachment;
    if (source === 'c' && attachedNow) await marking.prepared(volumeId, transaction);
    await transaction.notePrepared(volumeId);
  });

/** A volume, and where it comes from. */
export type SourcedVolume = Pick<VolumeTarget, 'volumeId' | 'source'>;

/** A volume of an entry as the journal names it. */
export function holdOf({ domain, device, pool }: VolumeEntry, { volumeId, source }: SourcedVolume): AttachmentHold {
  const ofPool = source === 'x' || pool === undefined ? {} : { pool };
  return { kind: 'attachment', domain, volumeId, device, source, ...ofPool, prepared: false };
}
