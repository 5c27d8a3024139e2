/** Messages to topics. */

import { bodyWithin, fifoGroup, MESSAGE_LIMIT_BYTES, subjectLine } from '../config/message-limits.ts';
import type { OutgoingMessage } from '../config/vocabulary.ts';
import type { Aws } from './aws.ts';

/** What the daemon needs of the Simple Notification Service. */
export interface Topics {
  /**
   * Publishes a message; resolves when the service has accepted it. Cut and cleaned to what the service takes (10.3).
   * @returns the id that the service has given it.
   * @throws AdapterError otherwise.
   */
  publish(message: OutgoingMessage): Promise<string>;
}

export function createTopics(aws: Aws): Topics {
  return {
    async publish({ id, domain, target, region, subject, body }) {
      const line = subjectLine(subject);
      const param = {
        TopicArn: target,
        Message: bodyWithin(body, MESSAGE_LIMIT_BYTES.sns),
        // An empty subject is refused; none is not.
        ...(line === '' ? {} : { Subject: line }),
        ...(target.endsWith('.fifo') ? { MessageGroupId: fifoGroup(domain), MessageDeduplicationId: id } : {}),
      };
      const accepted = await aws.call(
        { operation: `Publish ${target}`, permission: `sns:Publish on ${target}` },
        ({ sdk, sns }, abortSignal) => sns(region).send(new sdk.PublishCommand(param), { abortSignal }),
      );
      return accepted.MessageId ?? '';
    },
  };
}
