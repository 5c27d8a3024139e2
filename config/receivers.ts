/** Receivers of notifications: where they are, and what one of them is sent (behaviour.md 10.5, 4.4, 4.5). Pure. */

import { receiverOf } from './commands.ts';
import { defaultBody, defaultSubject, expand, type MacroValues } from './macros.ts';
import type { NotifyConfig } from './schema.ts';
import type { OutgoingMessage } from './vocabulary.ts';

/** What a receiver is sent; `region` is absent where neither its configuration nor its topic or queue names one. */
export type WrittenMessage = Pick<OutgoingMessage, 'backend' | 'target' | 'subject' | 'body'> & { region?: string };

/** Writes the message for one receiver: its own envelope, or the halves of the default one that it leaves out. */
export function messageTo(receiver: NotifyConfig, values: MacroValues): WrittenMessage {
  const { backend, target, region: named } = receiverOf(receiver);
  const region = named ?? regionIn(target);
  return {
    backend,
    target,
    ...(region !== undefined && { region }),
    subject: expand(receiver.envelope.subject ?? defaultSubject, values),
    body: expand(receiver.envelope.body ?? defaultBody, values),
  };
}

/** For example `eu-west-1`, `us-gov-west-1`, `us-isob-east-1`. */
const REGION = '[a-z]{2}(?:-[a-z]+)+-\\d+';

/**
 * The hosts of queues in all partitions: `sqs.eu-west-1.amazonaws.com`, `sqs.cn-north-1.amazonaws.com.cn`, `sqs-fips.…`,
 * `vpce-….sqs.eu-west-1.vpce.amazonaws.com`, and the old style `eu-west-1.queue.amazonaws.com`.
 * Source: AWS General Reference, "Amazon SQS endpoints and quotas"; SQS Developer Guide, VPC endpoints.
 */
const hostForms = [new RegExp(`(?:^|\\.)sqs(?:-fips)?\\.(${REGION})\\.`), new RegExp(`^(${REGION})\\.queue\\.`)];

/** The region that a topic's ARN or a queue's URL names; `undefined` for other hosts, such as an endpoint of one's own. */
export function regionIn(target: string): string | undefined {
  const arn = new RegExp(`^arn:[^:]+:sns:(${REGION}):`).exec(target);
  if (arn !== null) return arn[1];
  const host = URL.canParse(target) ? new URL(target).hostname : '';
  // The oldest endpoint has the oldest region, and no name for it.
  if (host === 'queue.amazonaws.com') return 'us-east-1';
  return hostForms.map((form) => form.exec(host)?.[1]).find((region) => region !== undefined);
}
