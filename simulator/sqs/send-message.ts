import { randomUUID } from 'node:crypto';
import type { Queue, QueuedMessage, World } from '../cloud.ts';
import { type Deduplication, digestOf, isFifoToken, sequenceNumber } from '../fifo.ts';
import { queueKey } from '../setup.ts';
import { invalidParameter, missingParameter } from './errors.ts';
import {
  attributesIn,
  checkCharacters,
  type Input,
  md5,
  md5OfAttributes,
  numberIn,
  required,
  sizeOf,
  textIn,
} from './input.ts';

const LONGEST_DELAY_S = 900;

/** Source: SQS API Reference, "SendMessage". */
export function sendMessage(world: World, queue: Queue, input: Input, recent: Deduplication<QueuedMessage>): unknown {
  const body = required(input, 'MessageBody');
  const attributes = attributesIn(input);
  checkCharacters(body);
  for (const { StringValue } of Object.values(attributes)) checkCharacters(StringValue ?? '');
  if (sizeOf(body, attributes) > queue.maximumMessageBytes)
    throw invalidParameter(
      `One or more parameters are invalid. Reason: Message must be shorter than ${queue.maximumMessageBytes} bytes.`,
    );
  const delayS = numberIn(input, 'DelaySeconds', 0, LONGEST_DELAY_S) ?? 0;
  const fifo = fifoIn(queue, input, body);
  const key = fifo.deduplicationId === undefined ? undefined : `${queueKey(queue)} ${fifo.deduplicationId}`;
  const before = key === undefined ? undefined : recent.find(key);
  // The checksums are of what was sent now, even where it is dropped: the SDK holds them against that.
  if (before !== undefined) return receipt({ ...before, body, attributes });

  const now = world.clock.now();
  const message: QueuedMessage = {
    messageId: randomUUID(),
    body,
    attributes,
    ...fifo,
    sentAtMs: now,
    visibleAtMs: now + delayS * 1000,
    receiveCount: 0,
    deleted: false,
  };
  queue.messages.push(message);
  if (key !== undefined) recent.add(key, message);
  world.accepted({ service: 'sqs', queue: queue.name, body, messageId: message.messageId, atMs: now });
  return receipt(message);
}

/** The SDK holds `MD5OfMessageBody` against what it sent. */
function receipt({ messageId, body, attributes, sequenceNumber: number }: QueuedMessage): unknown {
  return {
    MessageId: messageId,
    MD5OfMessageBody: md5(body),
    MD5OfMessageAttributes: md5OfAttributes(attributes),
    SequenceNumber: number,
  };
}

type Fifo = Pick<QueuedMessage, 'groupId' | 'deduplicationId' | 'sequenceNumber'>;

function fifoIn(queue: Queue, input: Input, body: string): Fifo {
  const groupId = textIn(input, 'MessageGroupId');
  const deduplicationId = textIn(input, 'MessageDeduplicationId');
  for (const [name, value] of Object.entries({ MessageGroupId: groupId, MessageDeduplicationId: deduplicationId }))
    if (value !== undefined && !isFifoToken(value))
      throw invalidParameter(
        `Value ${value} for parameter ${name} is invalid. Reason: ${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
      );
  if (!queue.name.endsWith('.fifo')) {
    if (deduplicationId !== undefined)
      throw invalidParameter(
        `Value ${deduplicationId} for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type.`,
      );
    return groupId === undefined ? {} : { groupId };
  }
  if (groupId === undefined) throw missingParameter('MessageGroupId');
  if (input.DelaySeconds !== undefined)
    throw invalidParameter(
      `Value ${String(input.DelaySeconds)} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.`,
    );
  if (deduplicationId === undefined && !queue.contentBasedDeduplication)
    throw invalidParameter(
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  return { groupId, deduplicationId: deduplicationId ?? digestOf(body), sequenceNumber: sequenceNumber() };
}
