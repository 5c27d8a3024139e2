/** SQS over AWS JSON 1.0. Source: SQS API Reference; AWS JSON 1.0 protocol of Smithy. */
import type { Queue, QueuedMessage, World } from '../cloud.ts';
import { createDeduplication } from '../fifo.ts';
import type { Answer, Reply, Request } from '../http.ts';
import { isRefused, type Named } from '../sentinels.ts';
import { queueKey } from '../setup.ts';
import { accessDenied, invalidAddress, queueDoesNotExist, SqsError, throttled, unknownOperation } from './errors.ts';
import { type Input, required } from './input.ts';
import { deleteMessage, receiveMessage } from './receive-message.ts';
import { sendMessage } from './send-message.ts';

const CONTENT_TYPE = { 'content-type': 'application/x-amz-json-1.0' };

/** @returns what answers a request to SQS; `isGone` says whether the caller still listens. */
export function createSqs(world: World): (request: Request, isGone: () => boolean) => Promise<Answer> {
  const recent = createDeduplication<QueuedMessage>(world.clock);

  return async (request, isGone) => {
    const operation = /^AmazonSQS\.(\w+)$/.exec(request.headers['x-amz-target'] ?? '')?.[1] ?? '';
    let params: Input = {};
    try {
      params = inputOf(request);
      const output = await run(operation, params, isGone);
      return { operation, params, reply: success(output) };
    } catch (error) {
      if (!(error instanceof SqsError)) throw error;
      return { operation, params, reply: sqsFailure(error), errorCode: error.code };
    }
  };

  async function run(operation: string, input: Input, isGone: () => boolean): Promise<unknown> {
    switch (operation) {
      case 'SendMessage':
        return sendMessage(world, queueOf(world, input, operation), input, recent);
      case 'ReceiveMessage':
        return receiveMessage(world, queueOf(world, input, operation), input, isGone);
      case 'DeleteMessage':
        return deleteMessage(queueOf(world, input, operation), input);
      default:
        throw unknownOperation();
    }
  }
}

function inputOf({ body }: Request): Input {
  try {
    const input: unknown = JSON.parse(body.toString('utf8'));
    if (typeof input === 'object' && input !== null) return input as Input;
  } catch {
    // Said below.
  }
  throw new SqsError(
    'com.amazon.coral.service#SerializationException',
    'MalformedInput',
    'The body is no JSON object.',
  );
}

/** The host of a queue URL does not matter; account and name do. */
function queueOf(world: World, input: Input, operation: string): Queue {
  const url = required(input, 'QueueUrl');
  if (!URL.canParse(url)) throw invalidAddress(url);
  const [account = '', name = ''] = new URL(url).pathname.split('/').slice(-2);
  const named: Named[] = [{ as: 'queue', id: name }];
  if (isRefused(named, operation, 'denied'))
    throw accessDenied(`arn:aws:sqs:${world.region}:${account}:${name}`, operation);
  if (isRefused(named, operation, 'throttled')) throw throttled();
  const queue = world.queues.get(queueKey({ account, name }));
  if (queue === undefined) throw queueDoesNotExist();
  return queue;
}

function success(output: unknown): Reply {
  return output === undefined
    ? { status: 200, headers: CONTENT_TYPE }
    : { status: 200, headers: CONTENT_TYPE, body: JSON.stringify(output) };
}

/** An error as SQS writes it. */
export function sqsFailure({ type, code, message, status }: SqsError): Reply {
  return {
    status,
    headers: { ...CONTENT_TYPE, 'x-amzn-query-error': `${code};${status < 500 ? 'Sender' : 'Receiver'}` },
    body: JSON.stringify({ __type: type, message }),
  };
}
