/** The steps of a notification: writing it, keeping it, and handing it to its service. */

import { randomUUID } from 'node:crypto';
import { fromPromise } from 'xstate';
import type { Outbox } from '../adapters/outbox.ts';
import type { Topics } from '../adapters/sns.ts';
import type { Queues } from '../adapters/sqs.ts';
import { MESSAGE_LIFE_MS } from '../config/constants.ts';
import { messageTo } from '../config/receivers.ts';
import type { NotifyConfig } from '../config/schema.ts';
import type { DatedMessage } from '../config/vocabulary.ts';
import type { MessageToCompose, SendOutcome } from '../machines/delivery.ts';
import type { ValuesOf } from './macro-values.ts';

/** A domain's receiver by its place in `notify`. */
export type NotifyEntryOf = (domain: string, receiver: number) => NotifyConfig;

/** Writes the message as things are when its event is told. @param region the instance's. */
export const composeMessage = (entryOf: NotifyEntryOf, valuesOf: ValuesOf, region: string) =>
  fromPromise<DatedMessage, MessageToCompose>(async ({ input: { occasion, receiver } }) => {
    const message = messageTo(entryOf(occasion.domain, receiver), valuesOf(occasion));
    const { domain, event } = occasion;
    return { id: randomUUID(), domain, event, region, ...message, writtenAt: new Date().toISOString() };
  });

/** Puts a message where the next run finds it. */
export const keepMessage = (outbox: Outbox) =>
  fromPromise<void, { message: DatedMessage }>(({ input: { message } }) => outbox.keep(message));

/** Takes it from there. */
export const forgetMessage = (outbox: Outbox) =>
  fromPromise<void, { message: DatedMessage }>(({ input: { message } }) => outbox.forget(message.id));

/** Hands a message to its service; ends when that has accepted it. One that is too old is not sent, however it grew so old (10.2). */
export const sendMessage = (topics: Topics, queues: Queues) =>
  fromPromise<SendOutcome, { message: DatedMessage }>(async ({ input: { message } }) => {
    // By the wall clock: neither a reboot nor a hibernation stops it.
    if (Date.now() - Date.parse(message.writtenAt) > MESSAGE_LIFE_MS) return 'outdated';
    await (message.backend === 'aws-sns' ? topics.publish(message) : queues.send(message));
    return 'accepted';
  });
