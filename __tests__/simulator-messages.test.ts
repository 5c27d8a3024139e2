import { PublishCommand, type PublishCommandInput, SNSClient } from '@aws-sdk/client-sns';
import {
  DeleteMessageCommand,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SendMessageCommand,
  type SendMessageCommandInput,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type Cloud, startCloud } from '../simulator/server.ts';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:news';

let cloud: Cloud;
let sns: SNSClient;
let sqs: SQSClient;

beforeEach(async () => {
  cloud = await startCloud({
    topics: [
      'news',
      'news.fifo',
      { arn: 'long', maximumMessageBytes: 1_048_576 },
      { arn: 'by-content.fifo', contentBasedDeduplication: true },
    ],
    queues: [
      'jobs',
      'jobs.fifo',
      'https://sqs.eu-west-1.amazonaws.com/444455556666/jobs.fifo',
      { name: 'by-content.fifo', contentBasedDeduplication: true },
      { name: 'quick', visibilityTimeoutS: 0 },
      { name: 'small', maximumMessageBytes: 1024 },
      'https://sqs.eu-west-1.amazonaws.com/444455556666/elsewhere',
    ],
  });
  sns = new SNSClient(clientOptions(cloud));
  sqs = new SQSClient(clientOptions(cloud));
});

afterEach(async () => {
  sns.destroy();
  sqs.destroy();
  await cloud.close();
});

describe('publishing in the simulated SNS [13.1]', () => {
  it('keeps what was published, and tells its listeners', async () => {
    const heard: unknown[] = [];
    cloud.onMessage((message) => heard.push(message));

    const { MessageId, SequenceNumber } = await publish({
      Subject: 'Fleetd',
      Message: '{"a":"ü <&> \n"}',
      MessageAttributes: { kind: { DataType: 'String', StringValue: 'test' } },
    });

    const publication = {
      topicArn: TOPIC,
      messageId: MessageId,
      subject: 'Fleetd',
      message: '{"a":"ü <&> \n"}',
      attributes: { kind: 'test' },
    };
    expect(SequenceNumber).toBeUndefined();
    expect(cloud.published()).toMatchObject([publication]);
    expect(heard).toMatchObject([{ service: 'sns', ...publication }]);
  });

  it.each([
    {
      of: 'an unknown topic',
      input: { TopicArn: `${TOPIC}-not` },
      name: 'NotFoundException',
      status: 404,
      message: 'Topic does not exist',
    },
    { of: 'a topic in another region', input: { TopicArn: TOPIC.replace('eu-west', 'us-east') } },
    { of: 'what is no ARN', input: { TopicArn: 'news' } },
    { of: 'an empty message', input: { Message: '' }, message: 'Invalid parameter: Empty message' },
    {
      of: 'a message of more than 256 KiB',
      input: { Message: 'ü'.repeat(131_073) },
      message: 'Invalid parameter: Message too long',
    },
    {
      of: 'a message that attributes make too long',
      input: {
        Message: 'x'.repeat(262_144),
        MessageAttributes: { kind: { DataType: 'String', StringValue: 'x' } },
      },
      message: 'Invalid parameter: Message too long',
    },
    { of: 'a subject of 101 characters', input: { Subject: 'x'.repeat(101) }, message: 'Invalid parameter: Subject' },
    { of: 'an empty subject', input: { Subject: '' }, message: 'Invalid parameter: Subject' },
    { of: 'a subject with a line break', input: { Subject: 'a\nb' }, message: 'Invalid parameter: Subject' },
    { of: 'a subject that begins with a blank', input: { Subject: ' a' }, message: 'Invalid parameter: Subject' },
    { of: 'a subject beyond ASCII', input: { Subject: 'Größe' }, message: 'Invalid parameter: Subject' },
    { of: 'JSON by protocol without a default', input: { MessageStructure: 'json', Message: '{"sqs":"x"}' } },
    { of: 'JSON by protocol that is none', input: { MessageStructure: 'json', Message: 'x' } },
    { of: 'a deduplication id on a standard topic', input: { MessageDeduplicationId: 'x' } },
    { of: 'no group on a FIFO topic', input: { TopicArn: `${TOPIC}.fifo` } },
    { of: 'no deduplication id on a FIFO topic', input: { TopicArn: `${TOPIC}.fifo`, MessageGroupId: 'g' } },
    { of: 'a group id with a blank', input: { MessageGroupId: 'a b' } },
    {
      of: 'an attribute without a value',
      input: { MessageAttributes: { kind: { DataType: 'String' } } },
      name: 'InvalidParameterValueException',
    },
    {
      of: 'an attribute with an empty value',
      input: { MessageAttributes: { kind: { DataType: 'String', StringValue: '' } } },
      name: 'InvalidParameterValueException',
    },
    {
      of: 'more than the topic takes',
      input: { TopicArn: TOPIC.replace('news', 'long'), Message: 'x'.repeat(1_048_577) },
      message: 'Invalid parameter: Message too long',
    },
    {
      of: 'the sentinel denied',
      input: { TopicArn: `${TOPIC}-denied` },
      name: 'AuthorizationErrorException',
      status: 403,
    },
    { of: 'the sentinel throttled', input: { TopicArn: `${TOPIC}-throttled` }, name: 'Throttling' },
  ])('is refused for $of', async ({ input, name = 'InvalidParameterException', status = 400, message }) => {
    const error = await refusal(publish(input));

    expect(error).toMatchObject({ name, $metadata: { httpStatusCode: status, requestId: expect.any(String) } });
    if (message !== undefined) expect(error.message).toBe(message);
    expect(cloud.published()).toEqual([]);
  });

  it.each([
    { of: '256 KiB', topic: 'news', bytes: 262_144 },
    { of: '1 MiB on a topic that takes that', topic: 'long', bytes: 1_048_576 },
  ])('takes $of, attributes included', async ({ topic, bytes }) => {
    const MessageAttributes = { kind: { DataType: 'String', StringValue: 'ü' } };
    const Message = 'x'.repeat(bytes - 'kindString'.length - 2);

    await publish({ TopicArn: TOPIC.replace('news', topic), Message, MessageAttributes });

    expect(cloud.published()).toHaveLength(1);
  });

  it('takes a group on a standard topic, and keeps it', async () => {
    await publish({ MessageGroupId: 'i-1' });

    expect(cloud.published()).toMatchObject([{ groupId: 'i-1' }]);
  });

  it('takes a subject of 100 characters', async () => {
    await publish({ Subject: 'x'.repeat(100) });

    expect(cloud.published()[0]?.subject).toHaveLength(100);
  });

  it('publishes once per deduplication id on a FIFO topic', async () => {
    const input = { TopicArn: `${TOPIC}.fifo`, MessageGroupId: 'g', MessageDeduplicationId: 'once' };

    const first = await publish(input);
    const second = await publish(input);

    expect(second.MessageId).toBe(first.MessageId);
    expect(first.SequenceNumber).toMatch(/^\d{20}$/);
    expect(cloud.published()).toHaveLength(1);
  });

  it('takes the message for the deduplication id where the topic says so', async () => {
    const TopicArn = TOPIC.replace('news', 'by-content.fifo');

    for (const Message of ['a', 'a', 'b']) await publish({ TopicArn, Message, MessageGroupId: 'g' });

    expect(cloud.published().map(({ message }) => message)).toEqual(['a', 'b']);
  });
});

describe('sending in the simulated SQS [13.1]', () => {
  it('answers with the MD5 that the SDK insists on, and keeps the message', async () => {
    const heard: unknown[] = [];
    cloud.onMessage((message) => heard.push(message));

    const answer = await send({ MessageBody: 'ü' });

    expect(answer).toMatchObject({
      MessageId: expect.any(String),
      MD5OfMessageBody: 'c03410a5204b21cd8229ff754688d743',
    });
    expect(cloud.received('jobs')).toMatchObject([{ messageId: answer.MessageId, body: 'ü', receiveCount: 0 }]);
    expect(heard).toMatchObject([{ service: 'sqs', queue: 'jobs', body: 'ü' }]);
  });

  it('goes by the path of the queue URL, whatever host it names', async () => {
    await send({ QueueUrl: 'https://sqs.eu-west-1.amazonaws.com/444455556666/elsewhere' });

    expect(cloud.received('elsewhere')).toHaveLength(1);
  });

  it('is reached by the queue URL alone where a client has no endpoint', async () => {
    const { endpoint: _endpoint, ...options } = clientOptions(cloud);
    const warned: unknown[] = [];
    const silent = () => {};
    const logger = { debug: silent, info: silent, error: silent, warn: (text: unknown) => warned.push(text) };
    const client = new SQSClient({ ...options, logger });

    await client.send(new SendMessageCommand({ QueueUrl: cloud.queueUrl('jobs'), MessageBody: 'hello' }));
    client.destroy();

    expect(cloud.received('jobs')).toHaveLength(1);
    expect(warned).toEqual([expect.stringContaining('using QueueUrl host as endpoint')]);
  });

  it('takes a message once per deduplication id and queue, also when it has been received and deleted', async () => {
    const input = { MessageGroupId: 'g', MessageDeduplicationId: 'once' };
    const QueueUrl = cloud.queueUrl('jobs.fifo');
    const elsewhere = 'https://sqs.eu-west-1.amazonaws.com/444455556666/jobs.fifo';

    const first = await send({ ...input, QueueUrl });
    const [message] = await receive({ QueueUrl });
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }));
    const second = await send({ ...input, QueueUrl, MessageBody: 'other' });
    const third = await send({ ...input, QueueUrl: elsewhere });

    expect(first.SequenceNumber).toMatch(/^\d{20}$/);
    expect([second.MessageId, second.SequenceNumber]).toEqual([first.MessageId, first.SequenceNumber]);
    expect(third.MessageId).not.toBe(first.MessageId);
    expect(await receive({ QueueUrl })).toEqual([]);
  });

  it('gives a message out after its delay', async () => {
    await send({ DelaySeconds: 1 });

    const early = await receive();
    const [late] = await receive({ WaitTimeSeconds: 5 });

    expect(early).toEqual([]);
    expect(late?.Body).toBe('hello');
  });

  it('takes a body of 1 MiB, and a group on a standard queue', async () => {
    await send({ MessageBody: 'x'.repeat(1_048_576), MessageGroupId: 'i-1' });

    expect(cloud.received('jobs')).toMatchObject([{ groupId: 'i-1' }]);
  });

  it.each([
    {
      of: 'an unknown queue',
      queue: 'unknown',
      name: 'QueueDoesNotExist',
      Code: 'AWS.SimpleQueueService.NonExistentQueue',
      message: 'The specified queue does not exist.',
    },
    {
      of: 'a queue of another account',
      input: { QueueUrl: 'https://sqs.eu-west-1.amazonaws.com/444455556666/jobs' },
      name: 'QueueDoesNotExist',
    },
    { of: 'an escape character', input: { MessageBody: 'a\u001bb' }, name: 'InvalidMessageContents' },
    { of: 'a NUL', input: { MessageBody: 'a\u0000b' }, name: 'InvalidMessageContents' },
    { of: 'a non-character', input: { MessageBody: '\uffff' }, name: 'InvalidMessageContents' },
    { of: 'an empty body', input: { MessageBody: '' }, Code: 'MissingParameter' },
    { of: 'more than a MiB', input: { MessageBody: 'x'.repeat(1_048_577) }, Code: 'InvalidParameterValue' },
    {
      of: 'more than the queue takes',
      queue: 'small',
      input: { MessageBody: 'ü'.repeat(513) },
      Code: 'InvalidParameterValue',
    },
    { of: 'a delay of more than 15 minutes', input: { DelaySeconds: 901 }, Code: 'InvalidParameterValue' },
    {
      of: 'a deduplication id on a standard queue',
      input: { MessageDeduplicationId: 'x' },
      Code: 'InvalidParameterValue',
    },
    {
      of: 'a group id with a blank',
      queue: 'jobs.fifo',
      input: { MessageGroupId: 'a b', MessageDeduplicationId: 'x' },
      Code: 'InvalidParameterValue',
    },
    {
      of: 'an escape character in an attribute',
      input: { MessageAttributes: { kind: { DataType: 'String', StringValue: '\u001b' } } },
      name: 'InvalidMessageContents',
    },
    { of: 'no group on a FIFO queue', queue: 'jobs.fifo', Code: 'MissingParameter' },
    {
      of: 'no deduplication id on a FIFO queue',
      queue: 'jobs.fifo',
      input: { MessageGroupId: 'g' },
      Code: 'InvalidParameterValue',
    },
    {
      of: 'a delay of one message on a FIFO queue',
      queue: 'by-content.fifo',
      input: { MessageGroupId: 'g', DelaySeconds: 1 },
      Code: 'InvalidParameterValue',
    },
    {
      of: 'eleven attributes',
      input: {
        MessageAttributes: Object.fromEntries(
          Array.from({ length: 11 }, (_, i) => [`a${i}`, { DataType: 'String', StringValue: 'x' }]),
        ),
      },
      Code: 'InvalidParameterValue',
    },
    { of: 'the sentinel denied', queue: 'jobs-denied', name: 'AccessDenied', status: 403 },
    { of: 'the sentinel throttled', queue: 'jobs-throttled', name: 'RequestThrottled' },
  ])('is refused for $of', async ({ queue, input, name, Code, message, status = 400 }) => {
    const error = await refusal(send({ ...(queue !== undefined && { QueueUrl: cloud.queueUrl(queue) }), ...input }));

    expect(error.$metadata).toMatchObject({ httpStatusCode: status, requestId: expect.any(String) });
    if (name !== undefined) expect(error.name).toBe(name);
    if (Code !== undefined) expect(error.Code).toBe(Code);
    if (message !== undefined) expect(error.message).toBe(message);
    expect(cloud.received(queue ?? 'jobs')).toEqual([]);
  });

  it('keeps tabs, line ends and characters beyond the basic plane', async () => {
    const MessageBody = '\t\r\n 🚀 { "x": "\\u001b" }';

    await send({ MessageBody });

    expect((await receive())[0]?.Body).toBe(MessageBody);
  });
});

describe('receiving in the simulated SQS [13.1]', () => {
  it('hides a message for the visibility timeout and then gives it again, counted', async () => {
    await send();

    const [first] = await receive({ VisibilityTimeout: 1, MessageSystemAttributeNames: ['ApproximateReceiveCount'] });
    const hidden = await receive();
    const [again] = await eventually(
      () => receive({ MessageSystemAttributeNames: ['All'] }),
      (messages) => messages.length > 0,
    );

    expect(first).toMatchObject({ Body: 'hello', Attributes: { ApproximateReceiveCount: '1' } });
    expect(hidden).toEqual([]);
    expect(again?.ReceiptHandle).not.toBe(first?.ReceiptHandle);
    expect(again?.Attributes).toMatchObject({ ApproximateReceiveCount: '2', SentTimestamp: expect.any(String) });
  });

  it('deletes by the latest receipt handle', async () => {
    const QueueUrl = cloud.queueUrl('quick');
    await send({ QueueUrl });
    const [first] = await receive({ QueueUrl });
    const [second] = await receive({ QueueUrl });

    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: first?.ReceiptHandle }));
    const still = await receive({ QueueUrl });
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: still[0]?.ReceiptHandle }));
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: still[0]?.ReceiptHandle }));

    expect(second?.MessageId).toBe(first?.MessageId);
    expect(still).toHaveLength(1);
    expect(await receive({ QueueUrl })).toEqual([]);
  });

  it('refuses to delete by what is no receipt handle', async () => {
    const call = sqs.send(new DeleteMessageCommand({ QueueUrl: cloud.queueUrl('jobs'), ReceiptHandle: 'nonsense' }));

    expect((await refusal(call)).name).toBe('ReceiptHandleIsInvalid');
  });

  it.each([{ MaxNumberOfMessages: 11 }, { WaitTimeSeconds: 21 }, { VisibilityTimeout: 43_201 }])(
    'refuses %j',
    async (input) => {
      expect((await refusal(receive(input))).Code).toBe('InvalidParameterValue');
    },
  );

  it('waits for a message when asked to', async () => {
    const waiting = receive({ WaitTimeSeconds: 10 });

    await send();

    expect(await waiting).toMatchObject([{ Body: 'hello' }]);
  });

  it('gives the attributes that are asked for, with their MD5', async () => {
    const MessageAttributes = {
      'app.kind': { DataType: 'String', StringValue: 'x' },
      count: { DataType: 'Number', StringValue: '1' },
    };
    const sent = await send({ MessageAttributes });

    const [message] = await receive({ MessageAttributeNames: ['app.*'], VisibilityTimeout: 0 });
    const [whole] = await receive({ MessageAttributeNames: ['All'] });

    expect(Object.keys(message?.MessageAttributes ?? {})).toEqual(['app.kind']);
    expect(whole?.MD5OfMessageAttributes).toBe(sent.MD5OfMessageAttributes);
  });

  it('holds a FIFO group back while one of it is in hand', async () => {
    const QueueUrl = cloud.queueUrl('by-content.fifo');
    for (const [MessageGroupId, MessageBody] of [
      ['g', '1'],
      ['g', '2'],
      ['h', '3'],
      ['g', '1'],
    ] as const)
      await send({ QueueUrl, MessageGroupId, MessageBody });

    const first = await receive({ QueueUrl });
    const others = await receive({ QueueUrl, MaxNumberOfMessages: 10 });
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: first[0]?.ReceiptHandle }));
    const next = await receive({ QueueUrl, MaxNumberOfMessages: 10 });

    expect([first, others, next].map((messages) => messages.map(({ Body }) => Body))).toEqual([['1'], ['3'], ['2']]);
  });
});

function publish(input: PublishCommandInput | Partial<PublishCommandInput> = {}) {
  return sns.send(new PublishCommand({ TopicArn: TOPIC, Message: 'hello', ...input }));
}

function send(input: Partial<SendMessageCommandInput> = {}) {
  return sqs.send(new SendMessageCommand({ QueueUrl: cloud.queueUrl('jobs'), MessageBody: 'hello', ...input }));
}

async function receive(input: Partial<ReceiveMessageCommandInput> = {}) {
  const answer = await sqs.send(new ReceiveMessageCommand({ QueueUrl: cloud.queueUrl('jobs'), ...input }));
  return answer.Messages ?? [];
}
