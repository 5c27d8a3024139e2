/** The steps of a volume: looking, claiming, finding its disk. */

import { fromPromise } from 'xstate';
import type { BlockDevices } from '../adapters/block-device.ts';
import type { Volumes } from '../adapters/ec2.ts';
import type { Claimed, Looked, VolumeEntry } from '../config/vocabulary.ts';
import type { Transactions } from './transaction.ts';

/** Looks whose the volume is. */
export const look = (volumes: Volumes, transactions: Transactions) =>
  fromPromise<Looked, VolumeEntry>(({ input, signal }) => volumes.look(input, transactions.of(input.domain), signal));

/** Attaches a free volume. Losing the race is an outcome, not an error. It gets no signal: a change is let finish. */
export const claim = (volumes: Volumes, transactions: Transactions) =>
  fromPromise<Claimed, VolumeEntry>(({ input }) => volumes.attach(input, transactions.of(input.domain)));

/** Waits for the volume's serial to show. */
export const awaitSerial = (blockDevices: BlockDevices) =>
  fromPromise<string, VolumeEntry>(({ input, signal }) => blockDevices.awaitSerial(input.volumeId, signal));

/** Finds the disk by its serial, or else by the name it was asked for. */
export const locate = (blockDevices: BlockDevices) =>
  fromPromise<string, VolumeEntry>(({ input, signal }) => blockDevices.locate(input, signal));
