/** EC2, SNS and SQS as the daemon uses them: the real SDK against the simulator. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CallLog } from '../adapters/aws.ts';
import { createVolumes } from '../adapters/ec2.ts';
import { createTopics } from '../adapters/sns.ts';
import { createQueues } from '../adapters/sqs.ts';
import { AdapterError } from '../config/errors.ts';
import type { OutgoingMessage, VolumeAtDevice } from '../config/vocabulary.ts';
import { type AwsLab, facts, ME, OTHER, startAwsLab } from './helpers/aws-lab.ts';

const noLog: CallLog = { look: () => {}, change: () => Promise.resolve(true) };

const entryOf = (volumeId: string): VolumeAtDevice => ({ volumeId, device: '/dev/sdf' });

describe('a look at a volume', () => {
  const here = (device: string, status?: 'attaching' | 'detaching') => ({
    instanceId: ME,
    device,
    ...(status ? { status } : {}),
  });
  it.each([
    { it: 'free', setup: {}, kind: 'free', seen: /is available/ },
    { it: 'ours', setup: { attachedTo: here('/dev/sdf') }, kind: 'attached', seen: /attached to/ },
    {
      it: 'ours under the name of its twin',
      setup: { attachedTo: here('/dev/xvdf') },
      kind: 'attached',
      seen: /attached/,
    },
    { it: 'ours soon', setup: { attachedTo: here('/dev/sdf', 'attaching') }, kind: 'attaching', seen: /attaching/ },
    {
      it: 'detaching from here',
      setup: { attachedTo: here('/dev/sdf', 'detaching') },
      kind: 'held',
      seen: /being detached/,
    },
    {
      it: 'here at another device',
      setup: { attachedTo: here('/dev/sdg') },
      kind: 'refused',
      seen: /as \/dev\/sdg, not as \/dev\/sdf/,
    },
    {
      it: 'held',
      setup: { attachedTo: { instanceId: OTHER, device: '/dev/sdf' } },
      kind: 'held',
      seen: new RegExp(`held by ${OTHER} \\(attached\\)`),
    },
    {
      it: 'in another zone',
      setup: { zone: 'eu-west-1b' },
      kind: 'refused',
      seen: /is in eu-west-1b, this instance in eu-west-1a/,
    },
    { it: 'for several at once', setup: { multiAttach: true, type: 'io2' }, kind: 'refused', seen: /Multi-Attach/ },
    { it: 'broken', setup: { state: 'error' as const }, kind: 'refused', seen: /state error/ },
    { it: 'still being created', setup: { state: 'creating' as const }, kind: 'held', seen: /is creating$/ },
    { it: 'in use by nobody yet', setup: { state: 'in-use' as const }, kind: 'held', seen: /is in-use$/ },
    { it: 'being deleted', setup: { state: 'deleting' as const }, kind: 'absent', seen: /is deleting/ },
  ])('that is $it says $kind [6.2, 6.3, 6.4]', async ({ setup, kind, seen }) => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...setup }] });

    const looked = await createVolumes(lab.aws, facts).look(entryOf('vol-0aa'), noLog);

    expect(looked.kind).toBe(kind);
    expect(looked.seen).toMatch(seen);
  });

  it('that does not exist is absent, and says what to check [6.3]', async () => {
    await using lab = await startAwsLab({});

    const looked = await createVolumes(lab.aws, facts).look(entryOf('vol-0bbbbbbbbbbbbbbbb'), noLog);

    expect(looked.kind).toBe('absent');
    expect(looked.seen).toMatch(/^EC2 has no vol-0bbbbbbbbbbbbbbbb in eu-west-1\. Check volume-id/);
  });
});

describe('an attach', () => {
  it('of a free volume is accepted, and asks for the device as configured [6.1]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });

    expect(await createVolumes(lab.aws, facts).attach(entryOf('vol-0aa'), noLog)).toBe('accepted');
    expect(lab.cloud.volume('vol-0aa')?.attachments).toMatchObject([{ instanceId: ME, device: '/dev/sdf' }]);
  });

  it('of one that is ours already, because an answer was lost, counts as accepted [6.3]', async () => {
    await using lab = await startAwsLab({
      volumes: [{ id: 'vol-0aa', attachedTo: { instanceId: ME, device: '/dev/sdf' } }],
    });

    expect(await createVolumes(lab.aws, facts).attach(entryOf('vol-0aa'), noLog)).toBe('accepted');
  });

  it('of one that somebody took meanwhile is an outcome, not an error [6.3]', async () => {
    await using lab = await startAwsLab({
      volumes: [{ id: 'vol-0aa', attachedTo: { instanceId: OTHER, device: '/dev/sdf' } }],
    });

    expect(await createVolumes(lab.aws, facts).attach(entryOf('vol-0aa'), noLog)).toBe('taken');
  });

  it('at a device that another volume holds names that volume [6.2]', async () => {
    await using lab = await startAwsLab({
      volumes: [{ id: 'vol-0aa' }, { id: 'vol-0cc', attachedTo: { instanceId: ME, device: '/dev/xvdf' } }],
    });

    await expect(createVolumes(lab.aws, facts).attach(entryOf('vol-0aa'), noLog)).rejects.toThrow(
      /\/dev\/sdf is held by vol-0cc\. Choose another device/,
    );
  });

  it('that is not allowed says which permission would help, and is not retried [6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-attach-denied' }] });

    const error = await createVolumes(lab.aws, facts)
      .attach(entryOf('vol-attach-denied'), noLog)
      .catch((reason) => reason);

    expect(error.retryable).toBe(false);
    expect(error.message).toMatch(/UnauthorizedOperation.*Allow ec2:AttachVolume on vol-attach-denied and on i-/);
  });

  it('that is throttled is tried once, and may be after another look [6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-attach-throttled' }] });

    const error = await createVolumes(lab.aws, facts)
      .attach(entryOf('vol-attach-throttled'), noLog)
      .catch((reason) => reason);

    expect(error.retryable).toBe(true);
    expect(lab.cloud.calls().filter(({ operation }) => operation === 'AttachVolume')).toHaveLength(1);
  });
});

/** Answers everything in one way. */
async function answering(status: number, body: string) {
  const server = createServer((_, answer) => answer.writeHead(status, { 'content-type': 'text/xml' }).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.dispose]: () => server.close() };
}

describe('an answer of AWS', () => {
  it.each([
    {
      what: 'that is no XML',
      status: 200,
      body: '<a><b',
      says: /the answer \(HTTP 200\) cannot be read\. It may pass by itself/,
    },
    {
      what: 'of something on the way',
      status: 502,
      body: '<html><body><hr>Bad Gateway</body></html>',
      says: /the answer \(HTTP 502\) cannot be read\. It may pass by itself/,
    },
    { what: 'without a body', status: 503, body: '', says: /HTTP 503 without a reason\. It may pass by itself/ },
  ])('$what may be better the next time, and takes one line [6.3]', async ({ status, body, says }) => {
    await using lab = await startAwsLab({});
    using server = await answering(status, body);
    process.env.AWS_ENDPOINT_URL = server.url;

    const error = await createVolumes(lab.aws, facts)
      .look(entryOf('vol-0aa'), noLog)
      .catch((reason) => reason);

    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(says);
    expect(error.message).not.toContain('\n');
  });
});

describe('an answer of a proxy', () => {
  it('that forbids the call is not asked for again and again [6.3]', async () => {
    await using lab = await startAwsLab({});
    using server = await answering(403, '<html><body><hr>Forbidden</body></html>');
    process.env.AWS_ENDPOINT_URL = server.url;

    const error = await createVolumes(lab.aws, facts)
      .look(entryOf('vol-0aa'), noLog)
      .catch((reason) => reason);

    expect(error).toMatchObject({ retryable: false, message: expect.stringContaining('(HTTP 403) cannot be read') });
  });
});

describe('a message', () => {
  const topic = 'arn:aws:sns:eu-west-1:123456789012:news';
  const messageTo = (target: string, change: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
    id: '11111111-2222-3333-4444-555555555555',
    domain: 'my world',
    event: 'started',
    backend: 'aws-sns',
    target,
    region: 'eu-west-1',
    subject: 'subject',
    body: 'body',
    ...change,
  });

  it('arrives at its topic and its queue [10.1]', async () => {
    await using lab = await startAwsLab({ topics: [topic], queues: ['events'] });

    await createTopics(lab.aws).publish(messageTo(topic));
    await createQueues(lab.aws).send(messageTo(lab.cloud.queueUrl('events')));

    expect(lab.cloud.published()).toMatchObject([{ subject: 'subject', message: 'body' }]);
    expect(lab.cloud.received('events')).toMatchObject([{ body: 'body' }]);
  });

  it.each([
    ['ä'.repeat(120), `${'a'.repeat(96)}...`],
    ['two\nlines', 'two lines'],
    ['in 漢字', 'in ??'],
    ['', undefined],
  ])('has a subject that SNS takes: %j [10.3]', async (subject, accepted) => {
    await using lab = await startAwsLab({ topics: [topic] });

    await createTopics(lab.aws).publish(messageTo(topic, { subject }));

    expect(lab.cloud.published()[0]?.subject).toBe(accepted);
  });

  it.each([
    {
      region: 'eu-west-1',
      queue: (lab: AwsLab) => lab.cloud.queueUrl('denied'),
      arn: /arn:aws:sqs:eu-west-1:\d{12}:denied /,
    },
    { region: 'cn-north-1', queue: (lab: AwsLab) => lab.cloud.queueUrl('denied'), arn: /arn:aws-cn:sqs:cn-north-1:/ },
  ])('that is refused names the queue as a policy in $region does [10.1]', async ({ region, queue, arn }) => {
    await using lab = await startAwsLab({ queues: ['denied'] });

    const error = await createQueues(lab.aws)
      .send(messageTo(queue(lab), { region }))
      .catch((reason) => reason);

    expect(error.message).toMatch(arn);
  });

  it('is cut to the bytes that the service takes, between characters and with a mark [10.3]', async () => {
    await using lab = await startAwsLab({ topics: [topic], queues: ['events'] });
    const body = '€'.repeat(400_000);

    await createTopics(lab.aws).publish(messageTo(topic, { body }));
    await createQueues(lab.aws).send(messageTo(lab.cloud.queueUrl('events'), { body }));

    const [published] = lab.cloud.published();
    const [received] = lab.cloud.received('events');
    expect(Buffer.byteLength(published?.message ?? '')).toBeLessThanOrEqual(262_144);
    expect(Buffer.byteLength(published?.message ?? '')).toBeGreaterThan(262_000);
    expect(Buffer.byteLength(received?.body ?? '')).toBeLessThanOrEqual(1_048_576);
    expect(published?.message).toMatch(/^€+…\[cut\]$/);
  });

  it('has what the services do not take replaced [10.3]', async () => {
    await using lab = await startAwsLab({ queues: ['events'] });

    await createQueues(lab.aws).send(
      messageTo(lab.cloud.queueUrl('events'), { body: 'bell \u0007, escape \u001b, tab \t' }),
    );

    expect(lab.cloud.received('events')[0]?.body).toBe('bell \ufffd, escape \ufffd, tab \t');
  });

  it('to a FIFO topic or queue has a group and the same deduplication id at each attempt [10.4]', async () => {
    const fifo = 'arn:aws:sns:eu-west-1:123456789012:news.fifo';
    await using lab = await startAwsLab({ topics: [fifo], queues: ['events.fifo'] });
    const queue = messageTo(lab.cloud.queueUrl('events.fifo'));

    await createTopics(lab.aws).publish(messageTo(fifo));
    await createQueues(lab.aws).send(queue);
    await createQueues(lab.aws).send(queue);

    expect(lab.cloud.published()).toMatchObject([{ groupId: 'my_world' }]);
    expect(lab.cloud.received('events.fifo')).toHaveLength(1);
  });

  it('to a queue whose URL names another host goes where the endpoint variable points [10.5]', async () => {
    await using lab = await startAwsLab({ queues: ['events'] });

    await createQueues(lab.aws).send(messageTo('https://sqs.eu-west-1.amazonaws.com/123456789012/events'));

    expect(lab.cloud.received('events')).toHaveLength(1);
  });

  it('to a topic that does not exist is refused with what to check [10.1]', async () => {
    await using lab = await startAwsLab({});

    await expect(createTopics(lab.aws).publish(messageTo(topic))).rejects.toThrow(
      /Publish arn:.*NotFound.*Check the topic ARN/,
    );
  });
});

describe('without a role', () => {
  it('there are no credentials, which may pass, and the remedy says what is missing [9.7]', async () => {
    await using lab = await startAwsLab({ instances: [{ id: ME, role: undefined }] });

    const error = await lab.aws.credentials(AbortSignal.timeout(5_000)).catch((reason) => reason);

    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(/Give the instance a role/);
  });
});

describe('credentials that never come whole', () => {
  it('end with the patience of whoever waits for them [9.4, 9.7]', async () => {
    await using lab = await startAwsLab({});
    // A token, and then one byte now and then: no time limit on silence ever bites.
    const trickle = createServer(({ method }, answer) => {
      if (method === 'PUT') return answer.end('token');
      const timer = setInterval(() => answer.write('x'), 100);
      return answer.on('close', () => clearInterval(timer));
    });
    await new Promise<void>((resolve) => trickle.listen(0, '127.0.0.1', resolve));
    const { port } = trickle.address() as AddressInfo;
    process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = `http://127.0.0.1:${port}`;

    const error = await lab.aws.credentials(AbortSignal.timeout(300)).catch((reason) => reason);
    trickle.closeAllConnections();
    trickle.close();

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(/^credentials: no answer in time/);
  });
});
