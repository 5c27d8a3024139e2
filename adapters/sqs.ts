/** Messages to queues. */

import { messageOf } from '../config/errors.ts';
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
    async send(message) {
      try {
        return await sendWithin(message, MESSAGE_LIMIT_BYTES.sqs);
      } catch (error) {
        // A queue may be set to take less than the service does; those made before August 2025 mostly are.
        const own = limitIn(error);
        if (own === undefined) throw error;
        return await sendWithin(message, own);
      }
    },
  };

  async function sendWithin({ id, domain, target, region, body }: OutgoingMessage, mostBytes: number): Promise<string> {
    const param = {
      QueueUrl: target,
      MessageBody: bodyWithin(body, mostBytes),
      ...(target.endsWith('.fifo') ? { MessageGroupId: fifoGroup(domain), MessageDeduplicationId: id } : {}),
    };
    const accepted = await aws.call(
      { operation: `SendMessage ${target}`, permission: `sqs:SendMessage on ${arnOf(target, region)}` },
      ({ sdk, sqs }, abortSignal) => sqs(region).send(new sdk.SendMessageCommand(param), { abortSignal }),
    );
    return accepted.MessageId ?? '';
  }
}

/** A policy names a queue by its ARN; an endpoint of one's own may have a URL that gives none. */
function arnOf(queueUrl: string, region: string): string {
  const [, account, name] = /\/(\d{12})\/([^/]+)$/.exec(queueUrl) ?? [];
  const partition = /^cn-/.test(region) ? 'aws-cn' : /^us-gov-/.test(region) ? 'aws-us-gov' : 'aws';
  return name === undefined ? queueUrl : `arn:${partition}:sqs:${region}:${account}:${name}`;
}

/** What a queue that refused a message for its length takes, in bytes. Source: the service's own words, which no document lists. */
function limitIn(error: unknown): number | undefined {
  const [, shorterThan] = /\bmust be shorter than (\d+) bytes/i.exec(messageOf(error)) ?? [];
  return shorterThan === undefined ? undefined : Number(shorterThan) - 1;
}
