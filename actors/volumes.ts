/** The steps of a volume: looking, claiming, finding its disk, noting that it is prepared. */

import { fromPromise } from 'xstate';
import type { BlockDevices } from '../adapters/block-device.ts';
import type { Volumes } from '../adapters/ec2.ts';
import type { AttachmentHold, Claimed, Looked, VolumeEntry } from '../config/vocabulary.ts';
import type { Transactions } from './transaction.ts';

/** Looks whose the volume is, and whether an earlier run left it unprepared. */
export const look = (volumes: Volumes, transactions: Transactions) =>
  fromPromise<Looked, VolumeEntry>(async ({ input, signal }) => {
    const transaction = transactions.of(input.domain);
    const seen = await volumes.look(input, transaction, signal);
    return { ...seen, unprepared: transaction.isUnprepared(input) };
  });

/**
 * Attaches a free volume. Losing the race is an outcome, not an error. The claim is journalled first. It gets no signal: a
 * change is let finish.
 */
export const claim = (volumes: Volumes, transactions: Transactions) =>
  fromPromise<Claimed, VolumeEntry>(({ input }) => {
    const transaction = transactions.of(input.domain);
    return transaction.holding(
      [holdOf(input)],
      () => volumes.attach(input, transaction),
      (claimed) => claimed === 'accepted',
    );
  });

/** Waits for the volume's serial to show. */
export const awaitSerial = (blockDevices: BlockDevices) =>
  fromPromise<string, VolumeEntry>(({ input, signal }) => blockDevices.awaitSerial(input.volumeId, signal));

/** Finds the disk by its serial, or else by the name it was asked for. */
export const locate = (blockDevices: BlockDevices) =>
  fromPromise<string, VolumeEntry>(({ input, signal }) => blockDevices.locate(input, signal));

/** Writes down that the volume's commands have all succeeded once. */
export const notePrepared = (transactions: Transactions) =>
  fromPromise<void, VolumeEntry>(({ input }) => transactions.of(input.domain).notePrepared(input));

/** A volume of an entry as the journal names it. */
export function holdOf({ domain, volumeId, device }: VolumeEntry): AttachmentHold {
  return { kind: 'attachment', domain, volumeId, device, prepared: false };
}
