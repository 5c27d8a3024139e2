/** The steps of a notification: writing it, and handing it to its service. */

import { randomUUID } from 'node:crypto';
import { fromPromise } from 'xstate';
import type { Topics } from '../adapters/sns.ts';
import type { Queues } from '../adapters/sqs.ts';
import { receiverOf } from '../config/commands.ts';
import { defaultBody, defaultSubject, expand } from '../config/macros.ts';
import type { NotifyConfig } from '../config/schema.ts';
import type { OutgoingMessage } from '../config/vocabulary.ts';
import type { DeliveryInput } from '../machines/delivery.ts';
import type { ValuesOf } from './macro-values.ts';

/** A domain's receiver by its place in `notify`. */
export type NotifyEntryOf = (domain: string, receiver: number) => NotifyConfig;

/** Writes the message as things are when its event is told. @param region the instance's. */
export const composeMessage = (entryOf: NotifyEntryOf, valuesOf: ValuesOf, region: string) =>
  fromPromise<OutgoingMessage, DeliveryInput>(async ({ input: { occasion, receiver } }) => {
    const entry = entryOf(occasion.domain, receiver);
    const { backend, target, region: its } = receiverOf(entry);
    const values = valuesOf(occasion);
    return {
      id: randomUUID(),
      domain: occasion.domain,
      event: occasion.event,
      backend,
      target,
      region: its ?? regionIn(target) ?? region,
      subject: expand(entry.envelope.subject ?? defaultSubject, values),
      body: expand(entry.envelope.body ?? defaultBody, values),
    };
  });

/** Hands a message to its service; ends when that has accepted it. */
export const sendMessage = (topics: Topics, queues: Queues) =>
  fromPromise<void, { message: OutgoingMessage }>(({ input: { message } }) =>
    message.backend === 'aws-sns' ? topics.publish(message) : queues.send(message),
  );

/** The region that a topic's ARN or a queue's URL names; `undefined` for other hosts, such as an endpoint of one's own. */
function regionIn(target: string): string | undefined {
  return (
    /^arn:[^:]+:sns:([^:]+):/.exec(target)?.[1] ??
    /^https:\/\/(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\./.exec(target)?.[1]
  );
}
