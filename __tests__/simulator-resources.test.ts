import {
  AttachVolumeCommand,
  CreateSnapshotCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  DescribeInstancesCommand,
  DescribeSnapshotsCommand,
  DescribeTagsCommand,
  DetachVolumeCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  type ModifyInstanceAttributeCommandInput,
} from '@aws-sdk/client-ec2';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';

const ME = 'i-0123456789abcde00';
const OTHER = 'i-0123456789abcde01';
const VOLUME = 'vol-00000000000000001';
const SNAPSHOT = 'snap-00000000000000001';

let cloud: Cloud;
let ec2: EC2Client;
afterEach(async () => {
  ec2.destroy();
  await cloud.close();
});

describe('snapshots in the simulated EC2 [13.1]', () => {
  it('take their time: pending at once, completed later, and a volume comes only of that', async () => {
    await start({ snapshotMs: 150, volumes: [{ id: VOLUME, sizeGiB: 20, encrypted: true }] });

    const answer = await ec2.send(
      new CreateSnapshotCommand({
        VolumeId: VOLUME,
        Description: 'before the update',
        TagSpecifications: [{ ResourceType: 'snapshot', Tags: [{ Key: 'a', Value: '1' }] }],
      }),
    );
    const early = await refusal(createFrom(answer.SnapshotId));
    const later = await eventually(
      async () =>
        (await ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [answer.SnapshotId ?? ''] }))).Snapshots?.[0],
      (seen) => seen?.State === 'completed',
    );
    const made = await createFrom(answer.SnapshotId);

    expect(answer).toMatchObject({
      SnapshotId: expect.stringMatching(/^snap-[0-9a-f]{17}$/),
      VolumeId: VOLUME,
      State: 'pending',
      Progress: '0%',
      VolumeSize: 20,
      Encrypted: true,
      Description: 'before the update',
      OwnerId: '123456789012',
      StartTime: expect.any(Date),
      Tags: [{ Key: 'a', Value: '1' }],
    });
    expect(early).toMatchObject({ name: 'IncorrectState', message: 'Snapshot is in invalid state - pending' });
    expect(later?.Progress).toBe('100%');
    expect(made).toMatchObject({ Size: 20, SnapshotId: answer.SnapshotId, Encrypted: true });
  });

  it.each([
    { of: 'an unknown volume', input: { VolumeId: 'vol-0fffffffffffffff9' }, name: 'InvalidVolume.NotFound' },
    { of: 'one that is being created', input: { VolumeId: 'vol-00000000000000002' }, name: 'IncorrectState' },
    { of: 'the word for it', input: { VolumeId: 'vol-create-snapshot-denied' }, name: 'UnauthorizedOperation' },
    { of: 'nothing but a dry run', input: { VolumeId: VOLUME, DryRun: true }, name: 'DryRunOperation' },
  ])('are refused of $of', async ({ input, name }) => {
    await start({ volumes: [{ id: VOLUME }, { id: 'vol-00000000000000002', state: 'creating' }], snapshots: [] });

    expect((await refusal(ec2.send(new CreateSnapshotCommand(input)))).name).toBe(name);
    expect(cloud.snapshots()).toEqual([]);
  });

  it.each([
    { filters: { 'volume-id': [VOLUME] }, found: [SNAPSHOT] },
    { filters: { status: ['pending'] }, found: ['snap-00000000000000002'] },
    { filters: { 'tag:a': ['x*'] }, found: [SNAPSHOT] },
    { filters: { 'tag:a': ['x\\*'] }, found: [] },
    { filters: { 'tag-key': ['?'] }, found: [SNAPSHOT] },
    { filters: { description: ['daily*'], 'volume-size': ['9'] }, found: ['snap-00000000000000002'] },
  ])('are found by $filters', async ({ filters, found }) => {
    await start();

    const { Snapshots } = await ec2.send(new DescribeSnapshotsCommand({ Filters: asFilters(filters) }));

    expect(Snapshots?.map(({ SnapshotId }) => SnapshotId)).toEqual(found);
  });

  it('can be tagged', async () => {
    await start();

    await ec2.send(new CreateTagsCommand({ Resources: [SNAPSHOT], Tags: [{ Key: 'b', Value: '2' }] }));

    expect(cloud.snapshots()[0]?.tags).toEqual({ a: 'xyz', b: '2' });
  });
});

describe('tags one by one in the simulated EC2 [13.1]', () => {
  const all = [
    { ResourceId: ME, ResourceType: 'instance', Key: 'a', Value: '1' },
    { ResourceId: VOLUME, ResourceType: 'volume', Key: 'a', Value: '2*' },
    { ResourceId: VOLUME, ResourceType: 'volume', Key: 'b', Value: '1' },
    { ResourceId: SNAPSHOT, ResourceType: 'snapshot', Key: 'a', Value: 'xyz' },
  ];

  it.each([
    { filters: {}, found: all },
    { filters: { 'resource-id': [VOLUME] }, found: all.slice(1, 3) },
    { filters: { 'resource-type': ['snapshot'] }, found: all.slice(3) },
    { filters: { key: ['a'], value: ['1', 'x?z'] }, found: [all[0], all[3]] },
    { filters: { 'tag:a': ['2\\*'] }, found: [all[1]] },
  ])('are found by $filters', async ({ filters, found }) => {
    await start();

    expect((await ec2.send(new DescribeTagsCommand({ Filters: asFilters(filters) }))).Tags).toEqual(found);
  });

  it('come in pages', async () => {
    await start({
      volumes: [{ id: VOLUME, tags: Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`k${i}`, ''])) }],
    });

    const first = await ec2.send(new DescribeTagsCommand({ MaxResults: 5 }));
    const second = await ec2.send(new DescribeTagsCommand({ MaxResults: 5, NextToken: first.NextToken }));

    expect([first.Tags?.length, second.Tags?.length, second.NextToken]).toEqual([5, 4, undefined]);
  });
});

describe('whether a volume goes with its instance in the simulated EC2 [13.1]', () => {
  it.each([
    { mapping: { DeviceName: '/dev/sdf', Ebs: { DeleteOnTermination: true } }, goes: true },
    { mapping: { DeviceName: '/dev/sdf' }, goes: true },
    { mapping: { DeviceName: '/dev/sdf', Ebs: {} }, goes: true },
    { mapping: { DeviceName: '/dev/sdf', Ebs: { DeleteOnTermination: false } }, goes: false },
    { mapping: { DeviceName: '/dev/sdf', Ebs: { VolumeId: VOLUME } }, goes: true },
  ])('$goes is what $mapping makes of it', async ({ mapping, goes }) => {
    await start({
      volumes: [{ id: VOLUME, attachedTo: { instanceId: ME, device: '/dev/sdf', deleteOnTermination: !goes } }],
    });

    await modify({ BlockDeviceMappings: [mapping] });

    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [ME] }));
    expect(Reservations?.[0]?.Instances?.[0]?.BlockDeviceMappings?.[0]?.Ebs?.DeleteOnTermination).toBe(goes);
  });

  it.each([
    { of: 'no device', input: {}, name: 'InvalidParameterCombination' },
    {
      of: 'a device without volume',
      input: { BlockDeviceMappings: [{ DeviceName: '/dev/sdz' }] },
      name: 'InvalidInstanceAttributeValue',
    },
    {
      of: 'another volume than is there',
      input: { BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeId: 'vol-0fffffffffffffff9' } }] },
      name: 'InvalidInstanceAttributeValue',
    },
    { of: 'an unknown instance', input: { InstanceId: 'i-0fffffffffffffff9' }, name: 'InvalidInstanceID.NotFound' },
    {
      of: 'the word for it',
      input: { InstanceId: 'i-modify-instance-attribute-denied' },
      name: 'UnauthorizedOperation',
    },
  ])('is not changed for $of', async ({ input, name }) => {
    await start({ volumes: [{ id: VOLUME, attachedTo: { instanceId: ME, device: '/dev/sdf' } }] });

    expect((await refusal(modify(input))).name).toBe(name);
    expect(cloud.volume(VOLUME)?.attachments[0]?.deleteOnTermination).toBe(false);
  });
});

describe('Multi-Attach in the simulated EC2 [13.1]', () => {
  const held = [ME, OTHER].map((instanceId) => ({ instanceId, device: '/dev/sdf' }));

  it('needs to be told which instance is to let go, and keeps the other one', async () => {
    await start({ volumes: [{ id: VOLUME, multiAttach: true, attachedTo: held }] });

    const error = await refusal(ec2.send(new DetachVolumeCommand({ VolumeId: VOLUME })));
    await ec2.send(new DetachVolumeCommand({ VolumeId: VOLUME, InstanceId: ME }));
    const last = await refusal(ec2.send(new DetachVolumeCommand({ VolumeId: VOLUME })));

    expect([error, last]).toMatchObject([{ name: 'MissingParameter' }, { name: 'MissingParameter' }]);
    expect(cloud.volume(VOLUME)).toMatchObject({ state: 'in-use', attachments: [{ instanceId: OTHER }] });
  });

  it('is for a volume that has it, and not twice for one instance', async () => {
    await start({
      volumes: [
        { id: VOLUME, multiAttach: true, attachedTo: held },
        { id: 'vol-00000000000000002', attachedTo: { instanceId: OTHER, device: '/dev/sdg' } },
      ],
    });

    const errors = [await refusal(attach(VOLUME)), await refusal(attach('vol-00000000000000002'))];

    expect(errors.map(({ name }) => name)).toEqual(['VolumeInUse', 'VolumeInUse']);
  });

  it('ends at 16 instances', async () => {
    const holders = Array.from({ length: 16 }, (_, i) => ({
      instanceId: `i-000000000000000${10 + i}`,
      device: '/dev/sdf',
    }));
    await start({ volumes: [{ id: VOLUME, multiAttach: true, attachedTo: holders }] });

    expect((await refusal(attach(VOLUME))).name).toBe('AttachmentLimitExceeded');
  });
});

describe('a device that is taken though no look shows it [13.1]', () => {
  it('is in use under either name, and the next one is not', async () => {
    await start({ instances: [{ hiddenDevices: ['/dev/xvdf'] }] });

    const error = await refusal(attach(VOLUME, '/dev/sdf'));
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({}));
    await attach(VOLUME, '/dev/sdg');

    expect(error).toMatchObject({
      name: 'InvalidParameterValue',
      message: "Invalid value '/dev/sdf' for unixDevice. Attachment point /dev/sdf is already in use",
    });
    expect(JSON.stringify(Reservations)).not.toContain('xvdf');
  });
});

/** Two instances, one volume and two snapshots, with tags. */
async function start(setup: CloudSetup = {}): Promise<void> {
  cloud = await startCloud({
    instances: [{ tags: { a: '1' } }, {}],
    volumes: [{ id: VOLUME, tags: { a: '2*', b: '1' } }],
    snapshots: [
      { id: SNAPSHOT, volumeId: VOLUME, tags: { a: 'xyz' } },
      { id: 'snap-00000000000000002', state: 'pending', description: 'daily, by cron', sizeGiB: 9 },
    ],
    ...setup,
  });
  ec2 = new EC2Client(clientOptions(cloud));
}

function attach(VolumeId: string, Device = '/dev/sdf') {
  return ec2.send(new AttachVolumeCommand({ VolumeId, InstanceId: ME, Device }));
}

function createFrom(SnapshotId: string | undefined) {
  return ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'eu-west-1a', SnapshotId }));
}

function modify(input: Partial<ModifyInstanceAttributeCommandInput>) {
  return ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: ME, ...input }));
}

function asFilters(filters: Partial<Record<string, string[]>>): { Name: string; Values: string[] }[] {
  return Object.entries(filters).map(([Name, Values = []]) => ({ Name, Values }));
}
