import { randomBytes } from 'node:crypto';
import type { MessageAttribute, Queue, QueuedMessage, World } from '../cloud.ts';
import { receiptHandleIsInvalid } from './errors.ts';
import { type Input, md5, md5OfAttributes, namesIn, numberIn, required } from './input.ts';

const LONGEST_VISIBILITY_S = 43_200;
const LONGEST_WAIT_S = 20;
const MOST_MESSAGES = 10;

/** How often a long poll looks again. */
const LOOK_MS = 20;

/**
 * What is visible, oldest first, and hides it for the visibility timeout; with `WaitTimeSeconds` waits for the first.
 * @param isGone tells that the caller has hung up, so that nothing is hidden from others for their sake.
 * Source: SQS API Reference, "ReceiveMessage".
 */
export async function receiveMessage(
  world: World,
  queue: Queue,
  input: Input,
  isGone: () => boolean,
): Promise<unknown> {
  const most = numberIn(input, 'MaxNumberOfMessages', 1, MOST_MESSAGES) ?? 1;
  const visibilityS = numberIn(input, 'VisibilityTimeout', 0, LONGEST_VISIBILITY_S) ?? queue.visibilityTimeoutS;
  const waitS = numberIn(input, 'WaitTimeSeconds', 0, LONGEST_WAIT_S) ?? 0;
  const untilMs = world.clock.now() + waitS * 1000;
  let messages = take(world, queue, most, visibilityS);
  while (messages.length === 0 && world.clock.now() < untilMs && !isGone()) {
    await world.clock.sleep(LOOK_MS);
    if (!isGone()) messages = take(world, queue, most, visibilityS);
  }
  // Real SQS leaves the member out, too, when there is nothing.
  return messages.length === 0 ? {} : { Messages: messages.map((message) => written(world, message, input)) };
}

function take(world: World, queue: Queue, most: number, visibilityS: number): QueuedMessage[] {
  const now = world.clock.now();
  const taken: QueuedMessage[] = [];
  // Of a FIFO group nothing is given out while an earlier one of it is in somebody's hands.
  const closedGroups = new Set<string>();
  for (const message of queue.messages) {
    if (message.deleted || taken.length === most) continue;
    const group = message.sequenceNumber === undefined ? undefined : message.groupId;
    if (group !== undefined && closedGroups.has(group)) continue;
    if (message.visibleAtMs <= now) taken.push(message);
    else if (group !== undefined) closedGroups.add(group);
  }
  for (const message of taken) {
    message.visibleAtMs = now + visibilityS * 1000;
    message.receiveCount += 1;
    message.firstReceivedAtMs ??= now;
    message.receiptHandle = `AQEB${Buffer.from(`${message.messageId} ${randomBytes(16).toString('hex')}`).toString('base64')}`;
  }
  return taken;
}

function written(world: World, message: QueuedMessage, input: Input): unknown {
  const attributes = wantedAttributes(message.attributes, namesIn(input, 'MessageAttributeNames'));
  // The older name of the member still works.
  const wanted = [...namesIn(input, 'MessageSystemAttributeNames'), ...namesIn(input, 'AttributeNames')];
  const system = Object.entries(systemAttributes(world, message)).filter(
    ([name, value]) => value !== undefined && (wanted.includes(name) || wanted.includes('All')),
  );
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    MD5OfBody: md5(message.body),
    Body: message.body,
    ...(system.length > 0 && { Attributes: Object.fromEntries(system) }),
    ...(Object.keys(attributes).length > 0 && {
      MessageAttributes: attributes,
      MD5OfMessageAttributes: md5OfAttributes(attributes),
    }),
  };
}

function systemAttributes(world: World, message: QueuedMessage): Record<string, string | undefined> {
  return {
    SenderId: `AROASIMULATED:${[...world.instances.keys()][0] ?? 'nobody'}`,
    SentTimestamp: String(message.sentAtMs),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAtMs),
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
    SequenceNumber: message.sequenceNumber,
  };
}

/** Names, `All`, `.*`, or a prefix as in `app.*`. */
function wantedAttributes(
  attributes: Record<string, MessageAttribute>,
  wanted: string[],
): Record<string, MessageAttribute> {
  const isWanted = (name: string) =>
    wanted.some(
      (pattern) =>
        pattern === 'All' ||
        pattern === '.*' ||
        pattern === name ||
        (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1))),
    );
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => isWanted(name)));
}

/** Deletes by the receipt handle; what is deleted already stays so without complaint. Source: SQS API Reference, "DeleteMessage". */
export function deleteMessage(queue: Queue, input: Input): unknown {
  const handle = required(input, 'ReceiptHandle');
  const messageId = /^AQEB(.+)$/.exec(handle)?.[1];
  const [id] = Buffer.from(messageId ?? '', 'base64')
    .toString('latin1')
    .split(' ');
  const message = queue.messages.find((candidate) => candidate.messageId === id);
  if (message === undefined) throw receiptHandleIsInvalid(handle);
  // An older handle is accepted as well, but only the latest deletes.
  if (message.receiptHandle === handle) message.deleted = true;
  return undefined;
}
