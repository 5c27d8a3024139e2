/** The steps of a notification: writing it, and handing it to its service. */

import { randomUUID } from 'node:crypto';
import { fromPromise } from 'xstate';
import type { Topics } from '../adapters/sns.ts';
import type { Queues } from '../adapters/sqs.ts';
import { messageTo } from '../config/receivers.ts';
import type { NotifyConfig } from '../config/schema.ts';
import type { OutgoingMessage } from '../config/vocabulary.ts';
import type { DeliveryInput } from '../machines/delivery.ts';
import type { ValuesOf } from './macro-values.ts';

/** A domain's receiver by its place in `notify`. */
export type NotifyEntryOf = (domain: string, receiver: number) => NotifyConfig;

/** Writes the message as things are when its event is told. @param region the instance's. */
export const composeMessage = (entryOf: NotifyEntryOf, valuesOf: ValuesOf, region: string) =>
  fromPromise<OutgoingMessage, DeliveryInput>(async ({ input: { occasion, receiver } }) => {
    const message = messageTo(entryOf(occasion.domain, receiver), valuesOf(occasion));
    return { id: randomUUID(), domain: occasion.domain, event: occasion.event, region, ...message };
  });

/** Hands a message to its service; ends when that has accepted it. */
export const sendMessage = (topics: Topics, queues: Queues) =>
  fromPromise<void, { message: OutgoingMessage }>(async ({ input: { message } }) => {
    await (message.backend === 'aws-sns' ? topics.publish(message) : queues.send(message));
  });
