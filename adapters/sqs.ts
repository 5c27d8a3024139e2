/** Messages to queues. */

import { bodyWithin, fifoGroup, MESSAGE_LIMIT_BYTES } from '../config/message-limits.ts';
import type { OutgoingMessage } from '../config/vocabulary.ts';
import type { Aws } from './aws.ts';

/** What the daemon needs of the Simple Queue Service. A queue's message has a body only. */
export interface Queues {
  /**
   * Sends a message; resolves when the service has accepted it. Cut and cleaned to what the service takes (10.3).
   * @returns the id that the service has given it.
   * @throws AdapterError otherwise.
   */
  send(message: OutgoingMessage): Promise<string>;
}

export function createQueues(aws: Aws): Queues {
  return {
    async send({ id, domain, target, region, body }) {
      const param = {
        QueueUrl: target,
        MessageBody: bodyWithin(body, MESSAGE_LIMIT_BYTES.sqs),
        ...(target.endsWith('.fifo') ? { MessageGroupId: fifoGroup(domain), MessageDeduplicationId: id } : {}),
      };
      const accepted = await aws.call(
        { operation: `SendMessage ${target}`, permission: `sqs:SendMessage on ${target}` },
        ({ sdk, sqs }, abortSignal) => sqs(region).send(new sdk.SendMessageCommand(param), { abortSignal }),
      );
      return accepted.MessageId ?? '';
    },
  };
}
