/** The steps of a volume once it is known which: creating, claiming, finding its disk, noting what became of it. */

import { fromPromise } from 'xstate';
import type { BlockDevices } from '../adapters/block-device.ts';
import type { Creations } from '../adapters/creations.ts';
import type { Volumes } from '../adapters/ec2.ts';
import { isSameDevice } from '../config/devices.ts';
import { AdapterError, isPassing, messageOf } from '../config/errors.ts';
import type {
  AttachmentHold,
  Claimed,
  Created,
  CreationHold,
  InstanceFacts,
  Looked,
  VolumeEntry,
  VolumeTarget,
} from '../config/vocabulary.ts';
import type { TargetInput } from '../machines/volume.ts';
import type { VolumeOfDomain } from '../machines/volumes.ts';
import { type Claims, type InUse, sentenceOfUse } from './claims.ts';
import { isOwnCreation, type Marking } from './marking.ts';
import type { Transaction, Transactions } from './transaction.ts';

/** Looks how the volume is now. One that was created here and has been somebody else's since is none of ours any more. */
export const look = (volumes: Volumes, transactions: Transactions, { instanceId }: Pick<InstanceFacts, 'instanceId'>) =>
  fromPromise<Looked, TargetInput>(
    async ({
      input: {
        entry,
        target: { volumeId },
      },
      signal,
    }) => {
      const transaction = transactions.of(entry.domain);
      const seen = await volumes.look({ volumeId, device: entry.device }, transaction, signal);
      const creation = transaction.creation(entry.device);
      if (creation?.volumeId !== volumeId || seen.kind !== 'free' || isOwnCreation(seen, instanceId)) return seen;
      return { kind: 'absent', seen: `${volumeId} was created here, and somebody else has used it since` };
    },
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
    await whenTaken(entry.device, claims.takeDevice(entry));
    const known = transaction.creation(entry.device);
    const hold = known?.attempt === attempt ? known : newCreation(entry, attempt);
    const created = await transaction.holding(
      [hold],
      () => creations.create(hold.request, transaction),
      (outcome) => typeof outcome === 'object',
    );
    if (created === 'used-up') await transaction.drop(hold);
    if (typeof created === 'object') {
      // As it is by now: commands of others may have been noted meanwhile.
      await transaction.replace({ ...(transaction.creation(entry.device) ?? hold), volumeId: created.volumeId });
      await whenTaken(created.volumeId, claims.take(created.volumeId, entry));
    }
    return created;

    function newCreation({ domain, device }: VolumeEntry, attempt: number): CreationHold {
      const now = new Date();
      const request = creations.requestFor(entry, { transactionId, attempt, now });
      const requestedAt = now.toISOString();
      return { kind: 'creation', domain, device, attempt, request, requestedAt, disposable: true };
    }
  });

/** Whatever another entry or unit has is waited for; the same request gives the same volume when it has become free. */
async function whenTaken(what: string, claim: Promise<'taken' | InUse>): Promise<void> {
  const inUse = await claim;
  if (inUse === 'taken') return;
  const remedy = 'Let each daemon of this instance have devices of its own.';
  throw new AdapterError(`use ${what}`, sentenceOfUse(inUse), remedy, { retryable: true });
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
  // Deleted since it was looked at. One by id is looked at again to say so; of a pool there may be others.
  if (hold.source !== 'c' && /\bInvalidVolume\.NotFound\b/.test(messageOf(error))) return 'passed by';
  const transaction = transactions.of(hold.domain);
  const unanswered = othersHere(hold, transaction);
  if (unanswered.length === 0) throw error;
  const there = await volumes.lookAtDevice(hold.device, transaction);
  // Where EC2 does not show it yet, what it says of the device is as good.
  const isHeld = /\balready in use\b|\bis held by\b/.test(messageOf(error));
  if (there === undefined ? !isHeld : !unanswered.some(({ volumeId }) => volumeId === there.volumeId)) throw error;
  return 'passed by';
}

/** Its device is ours, so that nothing else of ours is there: an earlier claim without an answer came to nothing. */
async function afterTaking(hold: AttachmentHold, transaction: Transaction, marking: Marking): Promise<void> {
  marking.taken(hold.volumeId, transaction);
  const creation = transaction.creation(hold.device);
  if (creation?.volumeId === hold.volumeId && transaction.isTouched(hold.volumeId))
    await transaction.replace({ ...creation, disposable: false });
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
export type SourcedVolume = Pick<VolumeTarget, 'volumeId' | 'source'> & { preparedBefore?: true };

/** A volume of an entry as the journal names it. */
export function holdOf({ domain, device, pool }: VolumeEntry, volume: SourcedVolume): AttachmentHold {
  const { volumeId, source, preparedBefore: prepared = false } = volume;
  const ofPool = source === 'x' || pool === undefined ? {} : { pool };
  return { kind: 'attachment', domain, volumeId, device, source, ...ofPool, prepared };
}
