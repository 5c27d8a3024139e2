/** What the roles of the simulated instances may do: the policies of IAM, held against the calls that their instances sign. */
import {
  AttachVolumeCommand,
  CreateSnapshotCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  DeleteTagsCommand,
  DeleteVolumeCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
  type RRType,
} from '@aws-sdk/client-route-53';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type PolicyDocument, PolicyError, type PolicyStatement } from '../simulator/policy.ts';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, refusal } from './helpers/simulator-clients.ts';

const [ME, OTHER] = ['i-0123456789abcde00', 'i-0fedcba9876543210'];
const [MINE, THEIRS] = ['vol-0aaaaaaaaaaaaaaa1', 'vol-0aaaaaaaaaaaaaaa2'];
const SNAPSHOT = 'snap-0aaaaaaaaaaaaaaa1';
const ZONE = 'Z0123456789EXAMPLE';
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:news';
const KEY = 'arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000';
const VOLUMES = 'arn:aws:ec2:eu-west-1:123456789012:volume/*';
const INSTANCES = 'arn:aws:ec2:eu-west-1:123456789012:instance/*';

/** As a policy writes it. */
const variable = (key: string) => `\${${key}}`;

/** A policy of these statements. */
const policy = (...statements: Partial<PolicyStatement>[]): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: statements.map((statement) => ({ Effect: 'Allow', Action: '*', Resource: '*', ...statement })),
});

const allowed = (Action: string | string[], Resource: string | string[] = '*') => policy({ Action, Resource });

describe('a role with policies', () => {
  it('may do what they allow, and is refused the rest as each service does', async () => {
    await using lab = await startLab(allowed('ec2:DescribeVolumes'));

    await lab.ec2.send(new DescribeVolumesCommand({ VolumeIds: [MINE] }));
    const refusals = [
      await refusal(lab.ec2.send(attach(MINE))),
      await refusal(lab.route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: ZONE }))),
      await refusal(lab.sns.send(new PublishCommand({ TopicArn: TOPIC, Message: 'hello' }))),
      await refusal(
        lab.sqs.send(new SendMessageCommand({ QueueUrl: lab.cloud.queueUrl('jobs'), MessageBody: 'hello' })),
      ),
    ];

    expect(refusals.map(({ name, $metadata }) => [name, $metadata.httpStatusCode])).toEqual([
      ['UnauthorizedOperation', 403],
      ['AccessDenied', 403],
      ['AuthorizationErrorException', 403],
      ['AccessDenied', 403],
    ]);
    expect(lab.cloud.volume(MINE)?.state).toBe('available');
    expect(lab.cloud.published()).toEqual([]);
  });

  it('limits the calls that its instances sign, and nobody else', async () => {
    await using lab = await startLab(allowed('sns:Publish'));
    lab.cloud.changeInstance({ role: 'another-role' }, OTHER);
    const look = new DescribeVolumesCommand({});

    expect((await refusal(lab.ec2.send(look))).name).toBe('UnauthorizedOperation');
    await new EC2Client(clientOptions(lab.cloud)).send(look);
    await new EC2Client(await optionsOf(lab.cloud, OTHER)).send(look);
  });

  it('may do everything while nothing is said of it, and again when that is taken back', async () => {
    await using lab = await startLab();
    const look = () => lab.ec2.send(new DescribeVolumesCommand({}));

    await look();
    lab.cloud.setPolicies({ 'simulated-role': [] });
    await refusal(look());
    lab.cloud.setPolicies({ 'simulated-role': null });
    await look();
  });

  it('is limited from outside, too, by whoever has curl', async () => {
    await using lab = await startLab();
    const put = async (body: unknown) =>
      await fetch(`${lab.cloud.url}/_control/policies`, { method: 'PUT', body: JSON.stringify(body) });

    const documents = [allowed('ec2:Describe*')];
    expect(await (await put({ 'simulated-role': documents })).json()).toEqual({
      'simulated-role': documents.flatMap(({ Statement }) => Statement),
    });
    expect((await refusal(lab.ec2.send(attach(MINE)))).name).toBe('UnauthorizedOperation');
    const wrong = await put({ 'simulated-role': policy({ Action: 'attach' }) });
    expect([wrong.status, await wrong.json()]).toEqual([400, { problem: '"attach" is no action' }]);
  });
});

describe('a statement', () => {
  it.each([
    ['an action', allowed(['ec2:AttachVolume', 'ec2:DetachVolume'])],
    ['an action in other letters', allowed('EC2:attachvolume')],
    ['wildcards', allowed('ec2:?ttach*')],
    ['the resources', allowed('ec2:*', [VOLUMES, INSTANCES])],
    ['a variable', allowed('ec2:*', [VOLUMES, `arn:aws:ec2:*:*:instance/${variable('ec2:InstanceID')}`])],
  ])('allows by %s', async (_, document) => {
    await using lab = await startLab(document);

    await lab.ec2.send(attach(MINE));
  });

  it.each([
    ['another action', allowed('ec2:DetachVolume')],
    ['the volumes alone', allowed('ec2:*', VOLUMES)],
    ['the instances alone', allowed('ec2:*', INSTANCES)],
    ['another volume', allowed('ec2:*', [VOLUMES.replace('*', THEIRS), INSTANCES])],
    ['resources in other letters', allowed('ec2:*', [VOLUMES.replace('volume', 'Volume'), INSTANCES])],
  ])('does not allow by %s', async (_, document) => {
    await using lab = await startLab(document);

    expect((await refusal(lab.ec2.send(attach(MINE)))).name).toBe('UnauthorizedOperation');
  });

  it('that denies has the last word', async () => {
    const deny = policy({ Effect: 'Deny', Resource: VOLUMES.replace('*', THEIRS) });
    await using lab = await startLab([allowed('*'), deny]);

    await lab.ec2.send(attach(MINE));
    await refusal(lab.ec2.send(attach(THEIRS, '/dev/sdg')));
  });
});

describe('a condition', () => {
  const ofVolumes = (Condition: PolicyStatement['Condition'], Action = 'ec2:AttachVolume') =>
    policy({ Action, Resource: INSTANCES }, { Action, Resource: VOLUMES, ...(Condition && { Condition }) });
  const tagOf = (key: string) => `ec2:ResourceTag/${key}`;

  it.each<[string, PolicyStatement['Condition']]>([
    ['is the same', { StringEquals: { [tagOf('pool')]: ['backups', 'worlds'] } }],
    ['is the same by the other name of tags', { StringEquals: { 'aws:ResourceTag/pool': 'worlds' } }],
    ['is alike', { StringLike: { [tagOf('pool')]: 'wor*' } }],
    ['is there', { Null: { [tagOf('pool')]: 'false' } }],
    [
      'is one, and the zone another',
      { StringEquals: { [tagOf('pool')]: 'worlds', 'ec2:AvailabilityZone': 'eu-west-1a' } },
    ],
  ])('about a tag holds where it %s, and not for a volume without', async (_, condition) => {
    await using lab = await startLab(ofVolumes(condition));

    await lab.ec2.send(attach(MINE));
    await refusal(lab.ec2.send(attach(THEIRS, '/dev/sdg')));
  });

  it.each<[string, PolicyStatement['Condition']]>([
    ['StringNotEquals', { StringNotEquals: { [tagOf('pool')]: 'worlds' } }],
    ['StringNotLike', { StringNotLike: { [tagOf('pool')]: 'w*' } }],
    ['Null', { Null: { [tagOf('pool')]: 'true' } }],
    ['…IfExists', { StringEqualsIfExists: { [tagOf('pool')]: 'backups' } }],
  ])('%s holds for a volume without the tag', async (_, condition) => {
    await using lab = await startLab(ofVolumes(condition));

    await refusal(lab.ec2.send(attach(MINE)));
    await lab.ec2.send(attach(THEIRS, '/dev/sdg'));
  });

  it.each<[string, PolicyStatement['Condition']]>([
    [
      'its profile',
      { ArnEquals: { 'ec2:InstanceProfile': 'arn:aws:iam::123456789012:instance-profile/simulated-role' } },
    ],
    ['itself', { ArnEquals: { 'ec2:SourceInstanceARN': INSTANCES.replace('*', variable('ec2:InstanceID')) } }],
    [
      'an instance like this',
      { ArnLike: { 'ec2:SourceInstanceARN': `arn:aws:ec2:*:*:instance/${variable('ec2:InstanceID')}` } },
    ],
  ])('lets an instance attach to %s only', async (_, Condition) => {
    const Action = 'ec2:AttachVolume';
    const document = policy({ Action, Resource: VOLUMES }, { Action, Resource: INSTANCES, Condition: Condition ?? {} });
    await using lab = await startLab(document);
    lab.cloud.changeInstance({ role: 'another-role' }, OTHER);

    await lab.ec2.send(attach(MINE));
    await refusal(lab.ec2.send(new AttachVolumeCommand({ VolumeId: THEIRS, InstanceId: OTHER, Device: '/dev/sdf' })));
  });

  it('about the keys of tags holds for every one of them', async () => {
    const Condition = {
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['used', 'holder'] },
      Null: { 'aws:TagKeys': 'false' },
    };
    await using lab = await startLab(policy({ Action: 'ec2:*Tags', Resource: VOLUMES, Condition }));
    const tags = (...keys: string[]) => ({ Resources: [MINE], Tags: keys.map((Key) => ({ Key, Value: 'x' })) });

    await lab.ec2.send(new CreateTagsCommand(tags('used', 'holder')));
    await lab.ec2.send(new DeleteTagsCommand(tags('used')));
    await refusal(lab.ec2.send(new CreateTagsCommand(tags('used', 'pool'))));
    // Without tags "all of them" are right: that is what the second line is for.
    await refusal(lab.ec2.send(new DeleteTagsCommand({ Resources: [MINE] })));
    await refusal(lab.ec2.send(new CreateTagsCommand({ ...tags('used'), Resources: [MINE, SNAPSHOT] })));
  });
});

describe('to create a volume', () => {
  const create = (more: object = {}) => new CreateVolumeCommand({ AvailabilityZone: 'eu-west-1a', Size: 8, ...more });
  const tagged = (Value: string) => ({
    TagSpecifications: [{ ResourceType: 'volume' as const, Tags: [{ Key: 'pool', Value }] }],
  });

  it('the snapshot has to be allowed, too', async () => {
    await using lab = await startLab(allowed('ec2:CreateVolume', VOLUMES));

    await lab.ec2.send(create());
    await refusal(lab.ec2.send(create({ SnapshotId: SNAPSHOT })));
    lab.cloud.setPolicies({ 'simulated-role': allowed('*', [VOLUMES, `arn:aws:ec2:eu-west-1::snapshot/${SNAPSHOT}`]) });
    await lab.ec2.send(create({ SnapshotId: SNAPSHOT }));
  });

  it('with tags, so has CreateTags by this action', async () => {
    const document = policy(
      { Action: 'ec2:CreateVolume', Condition: { StringEquals: { 'aws:RequestTag/pool': 'worlds' } } },
      { Action: 'ec2:CreateTags', Condition: { StringEquals: { 'ec2:CreateAction': 'CreateVolume' } } },
    );
    await using lab = await startLab(document);

    await lab.ec2.send(create(tagged('worlds')));
    await refusal(lab.ec2.send(create(tagged('backups'))));
    await refusal(lab.ec2.send(create()));
    await refusal(lab.ec2.send(new CreateTagsCommand({ Resources: [MINE], Tags: [{ Key: 'pool', Value: 'worlds' }] })));
    lab.cloud.setPolicies({ 'simulated-role': allowed('ec2:CreateVolume') });
    await refusal(lab.ec2.send(create(tagged('worlds'))));
  });
});

describe('to change what there is', () => {
  it('each thing that is named has to be allowed', async () => {
    const Condition = { StringEquals: { 'ec2:ResourceTag/pool': 'worlds' } };
    await using lab = await startLab(policy({ Action: ['ec2:DeleteVolume', 'ec2:CreateSnapshot'], Condition }));

    await refusal(lab.ec2.send(new DeleteVolumeCommand({ VolumeId: THEIRS })));
    await refusal(lab.ec2.send(new CreateSnapshotCommand({ VolumeId: MINE })));
    await lab.ec2.send(new DeleteVolumeCommand({ VolumeId: MINE }));
  });

  it('a detached volume has to be allowed, and its instance where it is named', async () => {
    await using lab = await startLab(allowed(['ec2:AttachVolume', 'ec2:DetachVolume'], [VOLUMES, INSTANCES]));
    await lab.ec2.send(attach(MINE));
    lab.cloud.setPolicies({ 'simulated-role': allowed('ec2:DetachVolume', VOLUMES) });

    await refusal(lab.ec2.send(new DetachVolumeCommand({ VolumeId: MINE, InstanceId: ME })));
    await lab.ec2.send(new DetachVolumeCommand({ VolumeId: MINE }));
  });
});

describe('to change records', () => {
  const key = 'route53:ChangeResourceRecordSets';
  const change = (Name: string, Type: RRType = 'A') =>
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: ZONE,
      ChangeBatch: {
        Changes: [
          { Action: 'UPSERT', ResourceRecordSet: { Name, Type, TTL: 60, ResourceRecords: [{ Value: '192.0.2.1' }] } },
        ],
      },
    });

  it('names are held as Route 53 normalises them, and types as they are', async () => {
    const Condition = {
      'ForAllValues:StringEquals': {
        [`${key}NormalizedRecordNames`]: ['play.example.com', '\\052.example.com'],
        [`${key}RecordTypes`]: ['A', 'AAAA'],
        [`${key}Actions`]: ['UPSERT'],
      },
    };
    const Resource = `arn:aws:route53:::hostedzone/${ZONE}`;
    await using lab = await startLab(policy({ Action: 'route53:ChangeResourceRecordSets', Resource, Condition }));

    await lab.route53.send(change('Play.Example.com.'));
    await lab.route53.send(change('*.example.com'));
    expect((await refusal(lab.route53.send(change('web.example.com')))).name).toBe('AccessDenied');
    expect((await refusal(lab.route53.send(change('play.example.com', 'TXT')))).name).toBe('AccessDenied');
  });

  it('counts as a call to us-east-1, wherever the instance is', async () => {
    const here = { StringEquals: { 'aws:RequestedRegion': 'eu-west-1' } };
    const there = { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } };
    await using lab = await startLab(policy({ Action: 'route53:*', Condition: here }));

    const refused = await refusal(lab.route53.send(change('play.example.com')));
    lab.cloud.setPolicies({ 'simulated-role': policy({ Action: 'route53:*', Condition: there }) });
    await lab.route53.send(change('play.example.com'));

    expect(refused.name).toBe('AccessDenied');
  });

  it('the zone has to be the one, and a change is asked about by its own name', async () => {
    await using lab = await startLab(allowed('route53:*', 'arn:aws:route53:::hostedzone/Z0OTHER'));
    await refusal(lab.route53.send(change('play.example.com')));
    lab.cloud.setPolicies({ 'simulated-role': allowed('route53:*', `arn:aws:route53:::hostedzone/${ZONE}`) });
    const { ChangeInfo } = await lab.route53.send(change('play.example.com'));
    const look = new GetChangeCommand({ Id: ChangeInfo?.Id });

    await refusal(lab.route53.send(look));
    lab.cloud.setPolicies({ 'simulated-role': allowed('route53:GetChange', 'arn:aws:route53:::change/*') });
    await lab.route53.send(look);
  });
});

it('a message is allowed by its topic or queue', async () => {
  await using lab = await startLab(allowed('*', [TOPIC, 'arn:aws:sqs:eu-west-1:123456789012:jobs']));
  const send = (queue: string) =>
    lab.sqs.send(new SendMessageCommand({ QueueUrl: lab.cloud.queueUrl(queue), MessageBody: 'x' }));

  await lab.sns.send(new PublishCommand({ TopicArn: TOPIC, Message: 'x' }));
  await refusal(lab.sns.send(new PublishCommand({ TopicArn: `${TOPIC}-2`, Message: 'x' })));
  await send('jobs');
  await refusal(send('jobs-2'));
});

describe('to use a key', () => {
  const services = ['ec2:*', 'sns:*', 'sqs:*'];
  const kms = (Action: string | string[], Condition?: PolicyStatement['Condition']) =>
    policy({ Action: services }, { Action, Resource: KEY, ...(Condition && { Condition }) });
  const forResources = { Bool: { 'kms:GrantIsForAWSResource': 'true' }, StringLike: { 'kms:ViaService': 'ec2.*' } };

  it.each([
    { may: kms('kms:*', forResources), states: ['available'] },
    { may: kms(['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKey*', 'kms:ReEncrypt*']), states: [] },
    { may: allowed(services), states: [] },
  ])('a volume of one that must not be used is accepted, and then is gone', async ({ may, states }) => {
    await using lab = await startLab(may);
    const { VolumeId: id = '' } = await lab.ec2.send(
      new CreateVolumeCommand({ AvailabilityZone: 'eu-west-1a', Size: 8, Encrypted: true, KmsKeyId: KEY }),
    );

    const left = lab.cloud.volumes().filter((volume) => volume.id === id);
    expect(left.map(({ state }) => state)).toEqual(states);
  });

  it('a message to what is encrypted with it has to be allowed', async () => {
    await using lab = await startLab(kms('kms:Decrypt'));
    const publish = () => lab.sns.send(new PublishCommand({ TopicArn: `${TOPIC}-secret`, Message: 'x' }));
    const QueueUrl = lab.cloud.queueUrl('secrets');
    const send = () => lab.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }));

    expect([await refusal(publish()), await refusal(send())].map(({ name }) => name)).toEqual([
      'KMSAccessDeniedException',
      'KmsAccessDenied',
    ]);
    lab.cloud.setPolicies({ 'simulated-role': kms(['kms:Decrypt', 'kms:GenerateDataKey*']) });
    await Promise.all([publish(), send()]);
  });
});

describe('what the simulator cannot evaluate', () => {
  const statement = { Effect: 'Allow', Action: 'ec2:*', Resource: '*' };
  const condition = (Condition: unknown) => ({ Version: '2012-10-17', Statement: { ...statement, Condition } });

  it.each<[string, unknown]>([
    ['a policy is an object', 'ec2:*'],
    ['"Version" is "2012-10-17": only so do policies have variables', { Statement: statement }],
    [
      '"NotAction" of a statement is not evaluated here',
      { Version: '2012-10-17', Statement: { ...statement, NotAction: '*' } },
    ],
    [
      '"Principal" of a statement is not evaluated here',
      { Version: '2012-10-17', Statement: { ...statement, Principal: '*' } },
    ],
    ['"Effect" is "Allow" or "Deny"', { Version: '2012-10-17', Statement: { ...statement, Effect: 'allow' } }],
    ['"AttachVolume" is no action', { Version: '2012-10-17', Statement: { ...statement, Action: 'AttachVolume' } }],
    [
      '"Resource" is a text or a list of texts',
      { Version: '2012-10-17', Statement: { ...statement, Resource: undefined } },
    ],
    ['"vol-1" is no ARN', { Version: '2012-10-17', Statement: { ...statement, Resource: 'vol-1' } }],
    [
      `the policy variable ${variable('aws:username')} is not evaluated here`,
      {
        Version: '2012-10-17',
        Statement: { ...statement, Resource: `arn:aws:ec2:*:*:volume/${variable('aws:username')}` },
      },
    ],
    [
      'the operator "IpAddress" is none of Null, StringEquals',
      condition({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }),
    ],
    [
      'the condition key "aws:SourceIp" is not evaluated here',
      condition({ StringEquals: { 'aws:SourceIp': '10.0.0.1' } }),
    ],
    ['"aws:TagKeys" has several values: put ForAllValues:', condition({ StringEquals: { 'aws:TagKeys': 'x' } })],
    ['"ec2:VolumeID" has one value', condition({ 'ForAnyValue:StringEquals': { 'ec2:VolumeID': 'x' } })],
  ])('is refused at the setup: %s', async (problem, document) => {
    const setup = { policies: { 'simulated-role': document as PolicyDocument } };

    const error = await startCloud(setup).then(
      (cloud) => cloud.close(),
      (thrown: unknown) => thrown,
    );

    expect(error).toBeInstanceOf(PolicyError);
    expect((error as Error).message).toContain(problem);
  });
});

const attach = (VolumeId: string, Device = '/dev/sdf') => new AttachVolumeCommand({ VolumeId, InstanceId: ME, Device });

/** A cloud whose first instance's role has these policies, and clients that sign as that instance does. */
async function startLab(policies?: PolicyDocument | PolicyDocument[]) {
  const setup: CloudSetup = {
    instances: [{ id: ME }, { id: OTHER }],
    volumes: [{ id: MINE, tags: { pool: 'worlds' } }, { id: THEIRS }],
    snapshots: [{ id: SNAPSHOT }],
    hostedZones: [{ id: ZONE, name: 'example.com' }],
    topics: [TOPIC, `${TOPIC}-2`, { arn: `${TOPIC}-secret`, kmsKeyId: KEY }],
    queues: ['jobs', 'jobs-2', { name: 'secrets', kmsKeyId: KEY }],
    ...(policies && { policies: { 'simulated-role': policies } }),
  };
  const cloud = await startCloud(setup);
  const options = await optionsOf(cloud, ME);
  return {
    cloud,
    ec2: new EC2Client(options),
    route53: new Route53Client(options),
    sns: new SNSClient(options),
    sqs: new SQSClient(options),
    [Symbol.asyncDispose]: () => cloud.close(),
  };
}

/** With the credentials that an instance finds in its metadata. */
async function optionsOf(cloud: Cloud, instanceId: string) {
  const base = `${cloud.imdsUrl(instanceId)}/latest`;
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
  const token = await (await fetch(`${base}/api/token`, { method: 'PUT', headers })).text();
  const get = async (path: string) => {
    const answer = await fetch(`${base}/meta-data/iam/security-credentials/${path}`, {
      headers: { 'X-aws-ec2-metadata-token': token },
    });
    return answer.text();
  };
  const { AccessKeyId, SecretAccessKey, Token } = JSON.parse(await get(await get('')));
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token };
  return { ...clientOptions(cloud), credentials };
}
