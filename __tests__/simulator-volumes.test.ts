import {
  AttachVolumeCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  type CreateVolumeCommandInput,
  DeleteVolumeCommand,
  DescribeVolumesCommand,
  EC2Client,
  type Volume,
} from '@aws-sdk/client-ec2';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';

const ME = 'i-0123456789abcde00';
const VOLUME = 'vol-00000000000000001';
const SNAPSHOT = 'snap-00000000000000001';

let cloud: Cloud;
let ec2: EC2Client;
afterEach(async () => {
  ec2.destroy();
  await cloud.close();
});

describe('creating in the simulated EC2 [13.1]', () => {
  it('takes its time: creating at once, available later', async () => {
    await start({ createMs: 150 });

    const answer = await create({ VolumeType: 'gp3', TagSpecifications: tagged({ pool: 'worlds' }) });
    const early = await refusal(
      ec2.send(new AttachVolumeCommand({ VolumeId: answer.VolumeId, InstanceId: ME, Device: '/dev/sdf' })),
    );
    const later = await described(answer.VolumeId, ({ State }) => State === 'available');

    expect(answer).toMatchObject({
      State: 'creating',
      AvailabilityZone: 'eu-west-1a',
      Size: 8,
      SnapshotId: '',
      VolumeType: 'gp3',
      Iops: 3000,
      Throughput: 125,
      Encrypted: false,
      MultiAttachEnabled: false,
      CreateTime: expect.any(Date),
      Tags: [{ Key: 'pool', Value: 'worlds' }],
    });
    expect(early).toMatchObject({ name: 'IncorrectState', message: `${answer.VolumeId} is not 'available'.` });
    expect(later).toMatchObject({ VolumeId: answer.VolumeId, Tags: [{ Key: 'pool', Value: 'worlds' }] });
  });

  it.each([
    { asked: {}, gives: { VolumeType: 'gp2', Iops: 100, Throughput: undefined } },
    { asked: { VolumeType: 'gp2', Size: 100 }, gives: { Iops: 300 } },
    { asked: { VolumeType: 'gp3', Iops: 4000, Throughput: 250 }, gives: { Iops: 4000, Throughput: 250 } },
    { asked: { VolumeType: 'st1', Size: 125 }, gives: { Size: 125, Iops: undefined } },
    {
      asked: { VolumeType: 'io2', Iops: 100, MultiAttachEnabled: true },
      gives: { Iops: 100, MultiAttachEnabled: true },
    },
    { asked: { Encrypted: true, KmsKeyId: 'alias/mine' }, gives: { Encrypted: true, KmsKeyId: 'alias/mine' } },
    {
      asked: { AvailabilityZone: undefined, AvailabilityZoneId: 'euw1-az2' },
      gives: { AvailabilityZone: 'eu-west-1b' },
    },
    { asked: { Size: undefined, SnapshotId: SNAPSHOT }, gives: { Size: 20, SnapshotId: SNAPSHOT, Encrypted: true } },
    { asked: { Size: 30, SnapshotId: SNAPSHOT }, gives: { Size: 30, SnapshotId: SNAPSHOT } },
  ] as const)('gives $gives to $asked', async ({ asked, gives }) => {
    await start();

    const { VolumeId } = await create(asked);

    const seen: Partial<Record<string, unknown>> = { ...(await described(VolumeId)) };
    expect(Object.fromEntries(Object.keys(gives).map((name) => [name, seen[name]]))).toEqual(gives);
  });

  it.each([
    { of: 'neither size nor snapshot', asked: { Size: undefined }, error: ['MissingParameter', /size\/snapshot$/] },
    { of: 'no zone', asked: { AvailabilityZone: undefined }, error: ['MissingParameter', /AvailabilityZone$/] },
    {
      of: 'an unknown zone',
      asked: { AvailabilityZone: 'eu-west-9a' },
      error: ['InvalidZone.NotFound', /^The zone 'eu-west-9a' does not exist\.$/],
    },
    {
      of: 'an unknown type',
      asked: { VolumeType: 'gp9' },
      error: ['UnknownVolumeType', /^Unsupported volume type 'gp9' for volume creation\.$/],
    },
    {
      of: 'an unknown snapshot',
      asked: { SnapshotId: 'snap-0fffffffffffffff9' },
      error: ['InvalidSnapshot.NotFound', /^The snapshot 'snap-0fffffffffffffff9' does not exist\.$/],
    },
    { of: 'what is no snapshot id', asked: { SnapshotId: 'snap-x' }, error: ['InvalidParameterValue', /snap-x/] },
    {
      of: 'a pending snapshot',
      asked: { SnapshotId: 'snap-00000000000000002' },
      error: ['IncorrectState', /^Snapshot is in invalid state - pending$/],
    },
    {
      of: 'less than the snapshot has',
      asked: { Size: 19, SnapshotId: SNAPSHOT },
      error: ['InvalidParameterValue', /smaller than snapshot 'snap-00000000000000001', expect size >= 20GB$/],
    },
    { of: 'too small a size', asked: { Size: 0 }, error: ['InvalidParameterValue', /too small; minimum is 1GiB/] },
    {
      of: 'too large a size',
      asked: { Size: 20_000 },
      error: ['InvalidParameterValue', /too large; maximum is 16384GiB/],
    },
    { of: 'no IOPS for io1', asked: { VolumeType: 'io1' }, error: ['MissingParameter', /iops/] },
    {
      of: 'IOPS for st1',
      asked: { VolumeType: 'st1', Size: 500, Iops: 100 },
      error: ['InvalidParameterCombination', /iops/],
    },
    {
      of: 'too few IOPS',
      asked: { VolumeType: 'gp3', Iops: 100 },
      error: ['InvalidParameterValue', /too low; minimum is 3000/],
    },
    { of: 'throughput for gp2', asked: { Throughput: 200 }, error: ['InvalidParameterCombination', /throughput/] },
    {
      of: 'too little throughput',
      asked: { VolumeType: 'gp3', Throughput: 5 },
      error: ['InvalidParameterValue', /too low/],
    },
    {
      of: 'Multi-Attach for gp3',
      asked: { VolumeType: 'gp3', MultiAttachEnabled: true },
      error: ['InvalidParameterCombination', /multiAttach/],
    },
    {
      of: 'a key without encryption',
      asked: { KmsKeyId: 'alias/mine' },
      error: ['InvalidParameterDependency', /KmsKeyId/],
    },
    {
      of: 'tags for an instance',
      asked: { TagSpecifications: tagged({ a: '1' }, 'instance') },
      error: ['InvalidParameterValue', /'instance'/],
    },
    {
      of: 'a reserved tag',
      asked: { TagSpecifications: tagged({ 'aws:a': '1' }) },
      error: ['InvalidParameterValue', /reserved/],
    },
    {
      of: 'a 51st tag',
      asked: { TagSpecifications: tagged(Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, '']))) },
      error: ['TagLimitExceeded', /maximum number of Tags/],
    },
    {
      of: 'a token that is too long',
      asked: { ClientToken: 't'.repeat(65) },
      error: ['InvalidParameterValue', /clientToken/],
    },
    { of: 'nothing but a dry run', asked: { DryRun: true }, error: ['DryRunOperation', /would have succeeded/] },
  ] as { of: string; asked: Partial<CreateVolumeCommandInput>; error: [string, RegExp] }[])(
    'is refused for $of',
    async ({ asked, error: [name, message] }) => {
      await start();
      const before = cloud.volumes().length;

      expect(await refusal(create(asked))).toMatchObject({ name, message: expect.stringMatching(message) });
      expect(cloud.volumes()).toHaveLength(before);
    },
  );

  it('gives the same volume to the same request with the same token', async () => {
    await start();

    const first = await create({ ClientToken: 'once' });
    await ec2.send(new AttachVolumeCommand({ VolumeId: first.VolumeId, InstanceId: ME, Device: '/dev/sdf' }));
    const again = await create({ ClientToken: 'once' });
    const dry = await refusal(create({ ClientToken: 'once', DryRun: true }));
    const another = await create({ ClientToken: 'Once' });

    expect(again).toMatchObject({ VolumeId: first.VolumeId, State: 'in-use' });
    expect(dry.name).toBe('DryRunOperation');
    expect(another.VolumeId).not.toBe(first.VolumeId);
  });

  it('gives the same volume even when that is gone', async () => {
    await start();
    const { VolumeId } = await create({ ClientToken: 'once' });
    await ec2.send(new DeleteVolumeCommand({ VolumeId }));

    const again = await create({ ClientToken: 'once' });

    expect(again.VolumeId).toBe(VolumeId);
    expect(cloud.volume(VolumeId ?? '')).toBeUndefined();
  });

  it.each([{ Size: 9 }, { VolumeType: 'gp3' as const }, { TagSpecifications: tagged({ a: '2' }) }])(
    'refuses a token that came with other parameters than %j',
    async (other) => {
      await start();
      await create({ ClientToken: 'once', TagSpecifications: tagged({ a: '1' }) });

      const error = await refusal(create({ ClientToken: 'once', TagSpecifications: tagged({ a: '1' }), ...other }));

      expect(error).toMatchObject({
        name: 'IdempotentParameterMismatch',
        message: 'Parameters on this idempotent request are inconsistent with parameters used in previous request(s)',
      });
    },
  );

  it('stops at the quota, as it is just then', async () => {
    await start({ volumeLimit: 3 });
    const { VolumeId } = await create();

    const error = await refusal(create());
    await ec2.send(new DeleteVolumeCommand({ VolumeId }));
    await create();
    cloud.changeLimits({ volumes: 4 });
    await create();

    expect(error).toMatchObject({ name: 'VolumeLimitExceeded', $metadata: { httpStatusCode: 400 } });
    expect((await refusal(create())).name).toBe('VolumeLimitExceeded');
  });

  it('is refused in a zone without room, and only there', async () => {
    await start({ fullZones: ['eu-west-1a'] });

    const error = await refusal(create());
    const elsewhere = await create({ AvailabilityZone: 'eu-west-1b' });
    cloud.changeLimits({ fullZones: [] });
    await create();

    expect(error).toMatchObject({ name: 'InsufficientVolumeCapacity', $metadata: { httpStatusCode: 500 } });
    expect(elsewhere.AvailabilityZone).toBe('eu-west-1b');
  });
});

describe('a word in what a new volume is made of [13.1]', () => {
  it.each([
    { word: 'create-denied', error: ['UnauthorizedOperation', 403] },
    { word: 'create-throttled', error: ['RequestLimitExceeded', 503] },
    { word: 'create-no-capacity', error: ['InsufficientVolumeCapacity', 500] },
  ])('$word, refuses to make it', async ({ word, error: [name, httpStatusCode] }) => {
    await start();

    const byTag = await refusal(create({ TagSpecifications: tagged({ anything: `mc-${word}` }) }));

    expect(byTag).toMatchObject({ name, $metadata: { httpStatusCode } });
  });

  it('counts in the id of the snapshot, too', async () => {
    await start({ snapshots: [{ id: 'snap-create-error' }] });

    const { VolumeId, State } = await create({ SnapshotId: 'snap-create-error' });

    expect(State).toBe('creating');
    expect(cloud.volume(VolumeId ?? '')?.state).toBe('error');
  });

  it('create-vanishes, lets it be creating and then be gone', async () => {
    await start({ createMs: 150 });

    const { VolumeId } = await create({ TagSpecifications: tagged({ simulate: 'create-vanishes' }) });
    const atOnce = await described(VolumeId);
    const error = await eventually(
      () =>
        described(VolumeId).then(
          () => undefined,
          (thrown: Error) => thrown,
        ),
      (thrown) => thrown !== undefined,
    );

    expect(atOnce.State).toBe('creating');
    expect(error).toMatchObject({
      name: 'InvalidVolume.NotFound',
      message: `The volume '${VolumeId}' does not exist.`,
    });
  });

  it('create-stuck, lets it be creating for good', async () => {
    await start();

    const { VolumeId } = await create({ TagSpecifications: tagged({ simulate: 'create-stuck' }) });

    expect((await described(VolumeId)).State).toBe('creating');
  });

  it('create-answer-lost, makes it, and the same token gives it', async () => {
    await start();
    const asked = { ClientToken: 'once', TagSpecifications: tagged({ simulate: 'create-answer-lost' }) };

    const lost = await refusal(create(asked));
    const made = cloud.volumes().at(-1)?.id;
    const again = await create(asked);

    expect(lost.message).toContain('ECONNRESET');
    expect(again.VolumeId).toBe(made);
    expect((await refusal(create({ ...asked, ClientToken: 'another' }))).message).toContain('ECONNRESET');
  });
});

describe('deleting in the simulated EC2 [13.1]', () => {
  it('takes its time: deleting at once, gone later', async () => {
    await start({ deleteMs: 150 });

    await ec2.send(new DeleteVolumeCommand({ VolumeId: VOLUME }));
    const atOnce = await described(VOLUME);
    const error = await eventually(
      () =>
        described(VOLUME).then(
          () => undefined,
          (thrown: Error) => thrown,
        ),
      (thrown) => thrown !== undefined,
    );

    expect(atOnce.State).toBe('deleting');
    expect(error?.name).toBe('InvalidVolume.NotFound');
  });

  it.each([
    {
      of: 'an attached volume',
      setup: { attachedTo: { instanceId: ME, device: '/dev/sdf' } },
      error: ['VolumeInUse', `Volume ${VOLUME} is currently attached to ${ME}`],
    },
    { of: 'one that is being created', setup: { state: 'creating' as const }, error: ['IncorrectState', /'creating'/] },
    { of: 'one that is being deleted', setup: { state: 'deleting' as const }, error: ['IncorrectState', /'deleting'/] },
    {
      of: 'delete-denied',
      setup: { tags: { simulate: 'delete-denied' } },
      error: ['UnauthorizedOperation', /not authorized/],
    },
    {
      of: 'delete-throttled',
      setup: { tags: { simulate: 'delete-throttled' } },
      error: ['RequestLimitExceeded', /limit/],
    },
  ])('is refused for $of', async ({ setup, error: [name, message = ''] }) => {
    await start({ volumes: [{ id: VOLUME, ...setup }] });

    const error = await refusal(ec2.send(new DeleteVolumeCommand({ VolumeId: VOLUME })));

    expect(error).toMatchObject({ name, message: expect.stringMatching(message) });
    expect(cloud.volume(VOLUME)).toBeDefined();
  });

  it('is refused for no such volume', async () => {
    await start();

    const error = await refusal(ec2.send(new DeleteVolumeCommand({ VolumeId: 'vol-0fffffffffffffff9' })));

    expect(error.name).toBe('InvalidVolume.NotFound');
  });

  it('deletes what failed to be created', async () => {
    await start({ volumes: [{ id: VOLUME, state: 'error' }] });

    await ec2.send(new DeleteVolumeCommand({ VolumeId: VOLUME }));

    expect(cloud.volume(VOLUME)).toBeUndefined();
  });

  it('is done when its answer is lost to delete-answer-lost', async () => {
    await start({ volumes: [{ id: VOLUME, tags: { simulate: 'delete-answer-lost' } }] });

    const error = await refusal(ec2.send(new DeleteVolumeCommand({ VolumeId: VOLUME })));

    expect(error.message).toContain('ECONNRESET');
    expect(cloud.volume(VOLUME)).toBeUndefined();
  });
});

describe('what the world of a simulated EC2 is made of [13.1]', () => {
  it('stays the property of whoever set it up', async () => {
    const tags = { a: '1' };
    await start({ volumes: [{ id: VOLUME, tags }], instances: [{ tags }] });

    await ec2.send(new CreateTagsCommand({ Resources: [VOLUME, ME], Tags: [{ Key: 'a', Value: '2' }] }));
    cloud.changeInstance({ tags });
    await ec2.send(new CreateTagsCommand({ Resources: [ME], Tags: [{ Key: 'a', Value: '3' }] }));

    expect(cloud.instance().tags).toEqual({ a: '3' });
    expect(tags).toEqual({ a: '1' });
  });
});

/** Two volumes, the root among them, and two snapshots. */
async function start(setup: CloudSetup = {}): Promise<void> {
  cloud = await startCloud({
    volumes: [{ id: VOLUME }],
    snapshots: [
      { id: SNAPSHOT, sizeGiB: 20, encrypted: true },
      { id: 'snap-00000000000000002', state: 'pending' },
    ],
    ...setup,
  });
  ec2 = new EC2Client(clientOptions(cloud));
}

function create(input: Partial<CreateVolumeCommandInput> = {}) {
  return ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'eu-west-1a', Size: 8, ...input }));
}

function tagged(tags: Record<string, string>, ResourceType: 'volume' | 'instance' = 'volume') {
  return [{ ResourceType, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }];
}

/** Waits until the volume is as it should be. */
function described(volumeId = '', holds: (volume: Volume) => boolean = () => true): Promise<Volume> {
  return eventually(async () => {
    const { Volumes } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }));
    const found = Volumes?.[0];
    if (found === undefined) throw new Error(`${volumeId} was not described`);
    return found;
  }, holds);
}
