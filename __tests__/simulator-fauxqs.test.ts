import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { CreateTopicCommand, PublishCommand, type PublishCommandInput, SNSClient } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SendMessageCommandInput,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type Cloud, startCloud } from '../simulator/server.ts';
import { clientOptions, type Refusal } from './helpers/simulator-clients.ts';

/** Runs in a process of its own: it is ESM only, brings its own web framework, and shares nothing with ours. */
const FAUXQS = path.join(__dirname, 'helpers/fauxqs.ts');

interface Endpoint {
  sns: SNSClient;
  sqs: SQSClient;
  topic(name: string): string;
  queue(name: string): string;
}

let child: ChildProcess;
let cloud: Cloud;
let ours: Endpoint;
let theirs: Endpoint;

beforeAll(async () => {
  child = spawn(process.execPath, [FAUXQS], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  theirs = await withResources(String(line).trim());
  cloud = await startCloud({ topics: ['news', 'news.fifo'], queues: ['jobs', 'receiving', 'jobs.fifo'] });
  ours = clientsOf(cloud.url, (name) => `arn:aws:sns:eu-west-1:123456789012:${name}`, cloud.queueUrl);
});

afterAll(async () => {
  for (const { sns, sqs } of [ours, theirs]) {
    sns.destroy();
    sqs.destroy();
  }
  child.kill();
  await Promise.all([cloud.close(), once(child, 'exit')]);
});

// Left out where fauxqs is not AWS: it refuses characters beyond the basic plane and takes any delay.
describe('the messages of the simulator, held against fauxqs [13.1]', () => {
  it.each<{ of: string; input: Partial<PublishCommandInput>; topic?: string }>([
    { of: 'a message', input: {} },
    { of: 'a subject', input: { Subject: 'Fleetd mc on i-1' } },
    { of: 'an attribute', input: { MessageAttributes: { kind: { DataType: 'String', StringValue: 'x' } } } },
    { of: 'an unknown topic', input: {}, topic: 'unknown' },
    { of: 'a message that is too long', input: { Message: 'x'.repeat(262_145) } },
    { of: 'a FIFO topic', input: { MessageGroupId: 'g', MessageDeduplicationId: 'd' }, topic: 'news.fifo' },
    { of: 'a FIFO topic without a group', input: { MessageDeduplicationId: 'd' }, topic: 'news.fifo' },
    { of: 'a FIFO topic without a deduplication id', input: { MessageGroupId: 'g' }, topic: 'news.fifo' },
  ])('publishing: $of', async ({ input, topic = 'news' }) => {
    const publish = ({ sns, topic: arnOf }: Endpoint) =>
      sns.send(new PublishCommand({ TopicArn: arnOf(topic), Message: 'hello', ...input }));

    expect(await shapeOf(publish(ours))).toEqual(await shapeOf(publish(theirs)));
  });

  it.each<{ of: string; input: Partial<SendMessageCommandInput>; queue?: string }>([
    { of: 'a message', input: { MessageBody: 'ü <&>\t\n' } },
    {
      of: 'attributes',
      input: {
        MessageAttributes: {
          text: { DataType: 'String', StringValue: 'ü' },
          number: { DataType: 'Number.int', StringValue: '7' },
          bytes: { DataType: 'Binary', BinaryValue: Uint8Array.of(0, 255) },
        },
      },
    },
    { of: 'an unknown queue', input: {}, queue: 'unknown' },
    { of: 'an escape character', input: { MessageBody: 'a\u001bb' } },
    { of: 'a body that is too long', input: { MessageBody: 'x'.repeat(1_048_577) } },
    { of: 'a FIFO queue', input: { MessageGroupId: 'g', MessageDeduplicationId: 'd' }, queue: 'jobs.fifo' },
    { of: 'a FIFO queue without a group', input: { MessageDeduplicationId: 'd' }, queue: 'jobs.fifo' },
  ])('sending: $of', async ({ input, queue = 'jobs' }) => {
    const send = ({ sqs, queue: urlOf }: Endpoint) =>
      sqs.send(new SendMessageCommand({ QueueUrl: urlOf(queue), MessageBody: 'hello', ...input }));

    expect(await shapeOf(send(ours))).toEqual(await shapeOf(send(theirs)));
  });

  it('receiving and deleting', async () => {
    const story = async ({ sqs, queue }: Endpoint) => {
      const QueueUrl = queue('receiving');
      await sqs.send(
        new SendMessageCommand({
          QueueUrl,
          MessageBody: 'once',
          MessageAttributes: { kind: { DataType: 'String', StringValue: 'x' } },
        }),
      );
      const all = { QueueUrl, MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All' as const] };
      const first = await sqs.send(new ReceiveMessageCommand(all));
      const hidden = await sqs.send(new ReceiveMessageCommand(all));
      const ReceiptHandle = first.Messages?.[0]?.ReceiptHandle;
      const deleted = await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      const refused = await shapeOf(sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 11 })));
      return [withoutChance(first), withoutChance(hidden), withoutChance(deleted), refused];
    };

    expect(await story(ours)).toEqual(await story(theirs));
  });
});

function clientsOf(url: string, topic: Endpoint['topic'], queue: Endpoint['queue']): Endpoint {
  return { sns: new SNSClient(clientOptions({ url })), sqs: new SQSClient(clientOptions({ url })), topic, queue };
}

async function withResources(url: string): Promise<Endpoint> {
  const endpoint = clientsOf(
    url,
    (name) => `arn:aws:sns:eu-west-1:000000000000:${name}`,
    (name) => `${url}/000000000000/${name}`,
  );
  const fifo = { Attributes: { FifoTopic: 'true' } };
  await endpoint.sns.send(new CreateTopicCommand({ Name: 'news' }));
  await endpoint.sns.send(new CreateTopicCommand({ Name: 'news.fifo', ...fifo }));
  for (const QueueName of ['jobs', 'receiving']) await endpoint.sqs.send(new CreateQueueCommand({ QueueName }));
  await endpoint.sqs.send(new CreateQueueCommand({ QueueName: 'jobs.fifo', Attributes: { FifoQueue: 'true' } }));
  return endpoint;
}

/** What two implementations must have in common: of an answer its members, of a refusal its name, code and status. */
async function shapeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(withoutChance, ({ name, Code, $metadata }: Refusal) => ({
    name: plain(name),
    Code: plain(Code ?? ''),
    status: $metadata.httpStatusCode,
  }));
}

/** Fauxqs puts the prefix before every code; the service model has it for some only, among them the unknown queue. */
function plain(code: string): string {
  return code.replace(/^AWS\.SimpleQueueService\./, '');
}

/** Ids, handles and times become what kind of thing they are; the rest has to be the same. */
function withoutChance(answer: unknown): unknown {
  const chance = /^(MessageId|ReceiptHandle|SenderId|SentTimestamp|ApproximateFirstReceiveTimestamp)$/;
  // Only a FIFO topic's answer differs: SNS numbers it, fauxqs does not.
  const unnumbered = new Set(['$metadata', 'SequenceNumber']);
  const text = JSON.stringify(answer, (key, value) => {
    if (unnumbered.has(key)) return undefined;
    return chance.test(key) ? typeof value : value;
  });
  return JSON.parse(text);
}
