import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  AttachVolumeCommand,
  CreateSnapshotCommand,
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeInstancesCommand,
  DescribeTagsCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
} from '@aws-sdk/client-ec2';
import {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { sentinels } from '../simulator/sentinels.ts';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, refusal } from './helpers/simulator-clients.ts';

const VOLUME = 'vol-00000000000000001';
const ME = 'i-0123456789abcde00';

/** The SDK has no name of its own for it. */
const connectionReset = { message: expect.stringContaining('ECONNRESET') };

let cloud: Cloud;
let clients: ReturnType<typeof createClients>;
afterEach(async () => {
  for (const client of Object.values(clients)) client.destroy();
  await cloud.close();
});

/** Each call on one volume, on an instance that has it or not. */
const ec2Calls = {
  DescribeVolumes: () => clients.ec2.send(new DescribeVolumesCommand({ VolumeIds: [VOLUME] })),
  AttachVolume: () => clients.ec2.send(new AttachVolumeCommand({ ...attachment, Device: '/dev/sdf' })),
  CreateTags: () => clients.ec2.send(new CreateTagsCommand({ Resources: [VOLUME], Tags: [{ Key: 'a', Value: '1' }] })),
  DeleteTags: () => clients.ec2.send(new DeleteTagsCommand({ Resources: [VOLUME], Tags: [{ Key: 'a' }] })),
  CreateSnapshot: () => clients.ec2.send(new CreateSnapshotCommand({ VolumeId: VOLUME })),
  DescribeTags: () => clients.ec2.send(new DescribeTagsCommand({ Filters: [filter('resource-id', VOLUME)] })),
  ModifyInstanceAttribute: () =>
    clients.ec2.send(
      new ModifyInstanceAttributeCommand({ InstanceId: ME, BlockDeviceMappings: [{ DeviceName: '/dev/xvda' }] }),
    ),
  DetachVolume: () => clients.ec2.send(new DetachVolumeCommand({ VolumeId: VOLUME, InstanceId: ME })),
  DescribeInstances: () => clients.ec2.send(new DescribeInstancesCommand({ InstanceIds: [ME] })),
};
const attachment = { VolumeId: VOLUME, InstanceId: ME };

describe('a word in the tag of a volume or an instance [13.1]', () => {
  const denied = 'UnauthorizedOperation 403';
  const throttled = 'RequestLimitExceeded 503';
  const cases = [
    { word: 'describe-volumes-denied', refuses: { DescribeVolumes: denied } },
    { word: 'describe-volumes-throttled', refuses: { DescribeVolumes: throttled } },
    { word: 'attach-denied', refuses: { AttachVolume: denied, DetachVolume: 'IncorrectState 400' } },
    { word: 'attach-throttled', refuses: { AttachVolume: throttled, DetachVolume: 'IncorrectState 400' } },
    { word: 'detach-denied', refuses: { DetachVolume: denied } },
    { word: 'detach-throttled', refuses: { DetachVolume: throttled } },
    { word: 'create-tags-denied', refuses: { CreateTags: denied } },
    { word: 'create-tags-throttled', refuses: { CreateTags: throttled } },
    { word: 'delete-tags-denied', refuses: { DeleteTags: denied } },
    { word: 'delete-tags-throttled', refuses: { DeleteTags: throttled } },
    { word: 'tag-denied', refuses: { CreateTags: denied, DeleteTags: denied } },
    { word: 'describe-tags-denied', refuses: { DescribeTags: denied } },
    { word: 'describe-tags-throttled', refuses: { DescribeTags: throttled } },
    { word: 'create-snapshot-denied', refuses: { CreateSnapshot: denied } },
    { word: 'create-snapshot-throttled', refuses: { CreateSnapshot: throttled } },
    // Deleting has tests of its own, and creating knows no volume: these words refuse nothing else.
    { word: 'delete-denied', refuses: {} },
    { word: 'create-denied', refuses: {} },
  ];

  it.each(cases)('of the volume, $word, refuses $refuses and no other call', async ({ word, refuses }) => {
    await start({ volumes: [{ id: VOLUME, tags: { simulate: word } }] });

    expect(await refusalsOf(ec2Calls)).toEqual(refuses);
  });

  it.each([
    { word: 'describe-instances-denied', refuses: { DescribeInstances: denied } },
    { word: 'describe-instances-throttled', refuses: { DescribeInstances: throttled } },
    { word: 'modify-instance-attribute-denied', refuses: { ModifyInstanceAttribute: denied } },
    { word: 'modify-instance-attribute-throttled', refuses: { ModifyInstanceAttribute: throttled } },
    { word: 'attach-denied', refuses: { AttachVolume: denied, DetachVolume: 'IncorrectState 400' } },
    { word: 'detach-throttled', refuses: { DetachVolume: throttled } },
  ])('of the instance, $word, refuses $refuses and no other call', async ({ word, refuses }) => {
    await start({ instances: [{ tags: { simulate: word } }] });

    expect(await refusalsOf(ec2Calls)).toEqual(refuses);
  });

  it('may stand beside another word', async () => {
    await start({ volumes: [{ id: VOLUME, tags: { simulate: 'create-tags-denied detach-throttled' } }] });

    expect(await refusalsOf(ec2Calls)).toEqual({ CreateTags: denied, DetachVolume: throttled });
  });

  it('counts while it is there', async () => {
    await start({ instances: [{ tags: { simulate: 'describe-instances-denied' } }] });

    cloud.changeInstance({ tags: {} });

    expect(await refusalsOf(ec2Calls)).toEqual({});
  });
});

describe('a word in what a look names [13.1]', () => {
  it.each([
    { what: 'the id of a volume', input: { VolumeIds: [VOLUME, 'vol-describe-volumes-denied'] } },
    { what: 'the value of a filter', input: { Filters: [filter('tag:pool', 'describe-volumes-denied')] } },
    { what: 'the tag of the volume that a filter names', input: { Filters: [filter('volume-id', VOLUME)] } },
    { what: 'the tag of the instance that a filter names', input: { Filters: [filter('attachment.instance-id', ME)] } },
  ])('refuses it: $what', async ({ input }) => {
    const tags = { simulate: 'describe-volumes-denied' };
    await start({
      instances: [{ tags }],
      volumes: [{ id: VOLUME, tags }, { id: 'vol-describe-volumes-denied' }],
    });

    expect((await refusal(clients.ec2.send(new DescribeVolumesCommand(input)))).name).toBe('UnauthorizedOperation');
  });

  it('leaves those alone that name nothing, or something else', async () => {
    await start({ volumes: [{ id: VOLUME }, { id: 'vol-describe-volumes-denied' }] });

    const { Volumes } = await clients.ec2.send(new DescribeVolumesCommand({}));
    await clients.ec2.send(new DescribeVolumesCommand({ VolumeIds: [VOLUME] }));

    expect(Volumes?.map(({ VolumeId }) => VolumeId)).toContain('vol-describe-volumes-denied');
  });
});

describe('a word in the id of a hosted zone [13.1]', () => {
  const denied = 'AccessDenied 403';
  const throttled = 'Throttling 400';

  it.each([
    { word: 'list-denied', refuses: { ListResourceRecordSets: denied } },
    { word: 'list-throttled', refuses: { ListResourceRecordSets: throttled } },
    { word: 'get-change-denied', refuses: { GetChange: denied } },
    { word: 'get-change-throttled', refuses: { GetChange: throttled } },
  ])('$word, refuses $refuses and no other call', async ({ word, refuses }) => {
    await start({ hostedZones: [{ id: `Z-${word}`, name: 'example.com' }] });

    expect(await refusalsOf(zoneCalls(`Z-${word}`))).toEqual(refuses);
  });

  // What is not changed has no change that could be asked for.
  it.each([
    { word: 'change-denied', refuses: { ChangeResourceRecordSets: denied, GetChange: 'NoSuchChange 404' } },
    { word: 'change-throttled', refuses: { ChangeResourceRecordSets: throttled, GetChange: 'NoSuchChange 404' } },
    {
      word: 'denied',
      refuses: { ListResourceRecordSets: denied, ChangeResourceRecordSets: denied, GetChange: 'NoSuchChange 404' },
    },
    {
      word: 'THROTTLED',
      refuses: {
        ListResourceRecordSets: throttled,
        ChangeResourceRecordSets: throttled,
        GetChange: 'NoSuchChange 404',
      },
    },
  ])('$word, refuses $refuses', async ({ word, refuses }) => {
    await start({ hostedZones: [{ id: `Z-${word}`, name: 'example.com' }] });

    expect(await refusalsOf(zoneCalls(`Z-${word}`))).toEqual(refuses);
  });

  it('says which call it denies on what', async () => {
    await start();

    const list = clients.route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: 'Z-list-denied' }));

    expect((await refusal(list)).message).toContain(
      'is not authorized to perform: route53:ListResourceRecordSets on resource: arn:aws:route53:::hostedzone/Z-list-denied',
    );
  });
});

describe('a word in the name of a topic or queue [13.1]', () => {
  it.each([
    { word: 'denied', error: 'AuthorizationErrorException 403' },
    { word: 'throttled', error: 'Throttling 400' },
  ])('$word, refuses to publish: $error', async ({ word, error }) => {
    await start({ topics: [word] });
    const TopicArn = `arn:aws:sns:eu-west-1:123456789012:${word}`;

    const publish = () => clients.sns.send(new PublishCommand({ TopicArn, Message: 'hello' }));

    expect(await refusalsOf({ Publish: publish })).toEqual({ Publish: error });
  });

  const all = ['SendMessage', 'ReceiveMessage', 'DeleteMessage'];

  it.each([
    { word: 'denied', calls: all, error: 'AccessDenied 403' },
    { word: 'throttled', calls: all, error: 'RequestThrottled 400' },
    { word: 'send-denied', calls: ['SendMessage'], error: 'AccessDenied 403' },
    { word: 'send-throttled', calls: ['SendMessage'], error: 'RequestThrottled 400' },
    { word: 'receive-denied', calls: ['ReceiveMessage'], error: 'AccessDenied 403' },
    { word: 'receive-throttled', calls: ['ReceiveMessage'], error: 'RequestThrottled 400' },
    { word: 'delete-denied', calls: ['DeleteMessage'], error: 'AccessDenied 403' },
    { word: 'delete-throttled', calls: ['DeleteMessage'], error: 'RequestThrottled 400' },
  ])('$word, refuses $calls and no other call: $error', async ({ word, calls, error }) => {
    await start({ queues: [`jobs-${word}`, 'jobs'] });
    const ReceiptHandle = await receiptHandle();

    const refused = await refusalsOf(queueCalls(cloud.queueUrl(`jobs-${word}`), ReceiptHandle));

    // A handle of another queue deletes nothing here, which is a refusal of its own kind.
    const expected = {
      DeleteMessage: 'ReceiptHandleIsInvalid 400',
      ...Object.fromEntries(calls.map((c) => [c, error])),
    };
    expect(refused).toEqual(expected);
  });
});

describe('an answer that is lost [13.1]', () => {
  it('of AttachVolume: the volume is attached, and a repeated call says so', async () => {
    await start({ volumes: [{ id: VOLUME, tags: { simulate: 'attach-answer-lost' } }] });

    const first = await refusal(ec2Calls.AttachVolume());
    const second = await refusal(ec2Calls.AttachVolume());

    expect(first).toMatchObject(connectionReset);
    expect(cloud.volume(VOLUME)?.attachments).toMatchObject([
      { instanceId: ME, device: '/dev/sdf', status: 'attached' },
    ]);
    expect(second.name).toBe('VolumeInUse');
    expect(cloud.calls()).toMatchObject([
      { operation: 'AttachVolume', params: attachment, status: 0, errorCode: 'answer-lost' },
      { operation: 'AttachVolume', status: 400 },
    ]);
  });

  it('of DetachVolume: the volume is free', async () => {
    const attachedTo = { instanceId: ME, device: '/dev/sdf' };
    await start({ volumes: [{ id: 'vol-detach-answer-lost', attachedTo }] });

    const first = await refusal(clients.ec2.send(new DetachVolumeCommand({ VolumeId: 'vol-detach-answer-lost' })));

    expect(first).toMatchObject(connectionReset);
    expect(cloud.volume('vol-detach-answer-lost')?.state).toBe('available');
  });

  it('of ChangeResourceRecordSets: the record is there, and a repeated call is answered', async () => {
    await start({ hostedZones: [{ id: 'Z-change-answer-lost', name: 'example.com' }] });
    const { ChangeResourceRecordSets: change } = zoneCalls('Z-change-answer-lost');

    const first = await refusal(change());
    const after = cloud.recordSets('Z-change-answer-lost').map(({ name }) => name);
    await change();

    expect(first).toMatchObject(connectionReset);
    expect(after).toContain('mc.example.com.');
  });

  it('is lost once for each volume, and not for calls that are refused', async () => {
    const tags = { simulate: 'attach-answer-lost' };
    const other = 'vol-00000000000000002';
    await start({
      volumes: [
        { id: VOLUME, tags },
        { id: other, tags },
      ],
    });

    const dry = await refusal(
      clients.ec2.send(new AttachVolumeCommand({ ...attachment, Device: '/dev/sdf', DryRun: true })),
    );
    const first = await refusal(ec2Calls.AttachVolume());
    const second = await refusal(
      clients.ec2.send(new AttachVolumeCommand({ InstanceId: ME, VolumeId: other, Device: '/dev/sdg' })),
    );
    await ec2Calls.DetachVolume();
    const again = await ec2Calls.AttachVolume();

    expect(dry.name).toBe('DryRunOperation');
    expect([first, second]).toMatchObject([connectionReset, connectionReset]);
    expect(again).toMatchObject({ VolumeId: VOLUME, State: 'attaching' });
  });
});

describe('the page about the simulator [13.1]', () => {
  const page = readFileSync(path.join(__dirname, '../docs/simulator.md'), 'utf8');

  it.each(
    Object.entries(sentinels).flatMap(([bearer, table]) =>
      Object.entries(table).map(([word, { says }]) => ({ bearer, word, says })),
    ),
  )('has the word $word of a $bearer, and what it does', ({ word, says }) => {
    expect(page).toContain(`| \`${word}\` | ${says} |\n`);
  });
});

async function start(setup: CloudSetup = {}): Promise<void> {
  cloud = await startCloud({ volumes: [{ id: VOLUME }], ...setup });
  clients = createClients();
}

/** One attempt for each call, on a connection that nobody has reset before. */
function createClients() {
  const options = clientOptions(cloud);
  return {
    ec2: new EC2Client(options),
    route53: new Route53Client(options),
    sns: new SNSClient(options),
    sqs: new SQSClient(options),
  };
}

/** Makes the calls one after the other, and gives those that were refused, each with name and status. */
async function refusalsOf(calls: Record<string, () => Promise<unknown>>): Promise<Record<string, string>> {
  const refused: Record<string, string> = {};
  for (const [name, call] of Object.entries(calls)) {
    await call().catch((error) => {
      refused[name] = `${error.name} ${error.$metadata?.httpStatusCode}`;
    });
  }
  return refused;
}

function zoneCalls(HostedZoneId: string) {
  const record = { Name: 'mc.example.com', Type: 'A' as const, TTL: 60, ResourceRecords: [{ Value: '192.0.2.1' }] };
  let Id = 'C-none';
  return {
    ListResourceRecordSets: () => clients.route53.send(new ListResourceRecordSetsCommand({ HostedZoneId })),
    async ChangeResourceRecordSets() {
      const ChangeBatch = { Changes: [{ Action: 'UPSERT' as const, ResourceRecordSet: record }] };
      const answer = await clients.route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch }));
      Id = answer.ChangeInfo?.Id ?? '';
    },
    GetChange: () => clients.route53.send(new GetChangeCommand({ Id })),
  };
}

function queueCalls(QueueUrl: string, ReceiptHandle: string) {
  return {
    SendMessage: () => clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello' })),
    ReceiveMessage: () => clients.sqs.send(new ReceiveMessageCommand({ QueueUrl })),
    DeleteMessage: () => clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle })),
  };
}

/** Of a message in the queue `jobs`. */
async function receiptHandle(): Promise<string> {
  const QueueUrl = cloud.queueUrl('jobs');
  await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello' }));
  const { Messages } = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  return Messages?.[0]?.ReceiptHandle ?? '';
}

function filter(Name: string, value: string) {
  return { Name, Values: [value] };
}
