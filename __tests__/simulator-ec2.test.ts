import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  AttachVolumeCommand,
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
  type Volume,
} from '@aws-sdk/client-ec2';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';

const FREE = 'vol-00000000000000001';
const OTHER = 'vol-00000000000000002';
const ME = 'i-0123456789abcde00';

let cloud: Cloud;
let ec2: EC2Client;
const cleanUps: (() => void)[] = [];
afterEach(async () => {
  ec2.destroy();
  await cloud.close();
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

describe('attaching in the simulated EC2 [13.1]', () => {
  it('takes its time: attaching and in-use at once, attached later', async () => {
    await start({ attachMs: 150 });

    const answer = await attach();
    const atOnce = await volume();
    const later = await volumeOnce(({ Attachments }) => Attachments?.[0]?.State === 'attached');

    expect(answer).toMatchObject({ VolumeId: FREE, InstanceId: ME, Device: '/dev/sdf', State: 'attaching' });
    expect(answer.DeleteOnTermination).toBe(false);
    expect(atOnce).toMatchObject({ State: 'in-use', Attachments: [{ State: 'attaching' }] });
    expect(later.State).toBe('in-use');
  });

  it('without a delay is attached as soon as the answer is there', async () => {
    await start();

    await attach();

    expect((await volume()).Attachments).toMatchObject([{ State: 'attached', InstanceId: ME, Device: '/dev/sdf' }]);
  });

  it('detaching keeps the volume in use until its attachment is gone', async () => {
    await start({ detachMs: 150 });
    await attach();

    const answer = await ec2.send(new DetachVolumeCommand({ VolumeId: FREE }));
    const atOnce = await volume();
    const later = await volumeOnce(({ State }) => State === 'available');

    expect(answer.State).toBe('detaching');
    expect(atOnce).toMatchObject({ State: 'in-use', Attachments: [{ State: 'detaching' }] });
    expect(later.Attachments).toEqual([]);
  });

  it.each([
    {
      of: 'a volume attached elsewhere',
      input: { VolumeId: OTHER },
      error: ['VolumeInUse', 400, `${OTHER} is already attached to an instance`],
    },
    {
      of: 'a volume that is being created',
      input: { VolumeId: 'vol-00000000000000003' },
      error: ['IncorrectState', 400, "vol-00000000000000003 is not 'available'."],
    },
    {
      of: 'a volume that is being detached',
      input: { VolumeId: 'vol-00000000000000005' },
      error: ['IncorrectState', 400, "vol-00000000000000005 is not 'available'."],
    },
    {
      of: 'no such volume',
      input: { VolumeId: 'vol-0fffffffffffffff9' },
      error: ['InvalidVolume.NotFound', 400, "The volume 'vol-0fffffffffffffff9' does not exist."],
    },
    {
      of: 'what is no volume id',
      input: { VolumeId: 'vol-nonsense' },
      error: [
        'InvalidParameterValue',
        400,
        "Value (vol-nonsense) for parameter volumeId is invalid. Expected: 'vol-...'.",
      ],
    },
    {
      of: 'a volume in another zone',
      input: { VolumeId: 'vol-00000000000000004' },
      error: [
        'InvalidVolume.ZoneMismatch',
        400,
        `The volume 'vol-00000000000000004' is not in the same availability zone as instance '${ME}'`,
      ],
    },
    {
      of: 'a device that is taken under its other name',
      input: { Device: '/dev/sda' },
      error: [
        'InvalidParameterValue',
        400,
        "Invalid value '/dev/sda' for unixDevice. Attachment point /dev/sda is already in use",
      ],
    },
    {
      of: 'what is no device',
      input: { Device: '/dev/sdk1' },
      error: [
        'InvalidParameterValue',
        400,
        'Value (/dev/sdk1) for parameter device is invalid. /dev/sdk1 is not a valid EBS device name.',
      ],
    },
    {
      of: 'an unknown instance',
      input: { InstanceId: 'i-0fffffffffffffff9' },
      error: ['InvalidInstanceID.NotFound', 400, "The instance ID 'i-0fffffffffffffff9' does not exist"],
    },
    {
      of: 'what is no instance id',
      input: { InstanceId: 'i-nonsense' },
      error: ['InvalidInstanceID.Malformed', 400, 'Invalid id: "i-nonsense"'],
    },
    {
      of: 'an instance that is going down',
      input: { InstanceId: 'i-00000000000000009' },
      error: ['IncorrectState', 400, "Instance 'i-00000000000000009' is not 'running'."],
    },
    {
      of: 'nothing but a dry run',
      input: { DryRun: true },
      error: ['DryRunOperation', 412, 'Request would have succeeded, but DryRun flag is set.'],
    },
    {
      of: 'the sentinel attach-denied',
      input: { VolumeId: 'vol-attach-denied' },
      error: [
        'UnauthorizedOperation',
        403,
        expect.stringContaining('You are not authorized to perform this operation.'),
      ],
    },
    {
      of: 'the sentinel attach-denied in a dry run',
      input: { VolumeId: 'vol-attach-denied', DryRun: true },
      error: ['UnauthorizedOperation', 403, expect.stringContaining('You are not authorized')],
    },
    {
      of: 'the sentinel attach-throttled',
      input: { VolumeId: 'vol-attach-throttled' },
      error: ['RequestLimitExceeded', 503, 'Request limit exceeded.'],
    },
  ])('is refused for $of', async ({ input, error: [name, status, message] }) => {
    await start({
      instances: [{}, { id: 'i-00000000000000009', state: 'shutting-down' }],
      volumes: [
        { id: FREE },
        { id: OTHER, attachedTo: { instanceId: 'i-00000000000000007', device: '/dev/sdf' } },
        { id: 'vol-00000000000000003', state: 'creating' },
        { id: 'vol-00000000000000004', zone: 'eu-west-1b' },
        {
          id: 'vol-00000000000000005',
          attachedTo: { instanceId: 'i-00000000000000007', device: '/dev/sdf', status: 'detaching' },
        },
        { id: 'vol-attach-denied' },
        { id: 'vol-attach-throttled' },
      ],
    });

    const error = await refusal(attach(input));

    expect(error).toMatchObject({ name, message, $metadata: { httpStatusCode: status } });
    expect(error.$metadata.requestId).toEqual(expect.any(String));
    expect(cloud.volume(FREE)?.state).toBe('available');
  });

  it('says VolumeInUse to the instance that has the volume, too: it is not idempotent', async () => {
    await start();
    await attach();

    expect((await refusal(attach())).name).toBe('VolumeInUse');
  });

  it('is refused beyond the limit of the instance type', async () => {
    await start({ instances: [{ attachmentLimit: 1 }] });

    expect(await refusal(attach())).toMatchObject({
      name: 'AttachmentLimitExceeded',
      message: expect.stringContaining('You may attach up to 1 devices for this instance type.'),
    });
  });

  it('lets a Multi-Attach volume go to a second instance', async () => {
    await start({
      volumes: [{ id: FREE, multiAttach: true, attachedTo: { instanceId: 'i-00000000000000007', device: '/dev/sdf' } }],
    });

    await attach();

    expect((await volume()).Attachments).toHaveLength(2);
  });

  it('loses the race for a volume with the sentinel attach-lost', async () => {
    await start({ volumes: [{ id: 'vol-attach-lost' }] });

    const { name } = await refusal(attach({ VolumeId: 'vol-attach-lost' }));

    expect(name).toBe('VolumeInUse');
    expect((await volume('vol-attach-lost')).Attachments?.[0]?.InstanceId).not.toBe(ME);
  });

  it('lets only one of many win who want the same volume at once', async () => {
    await start({ instances: [{}, { id: 'i-00000000000000008' }], latencyMs: 10 });

    const outcomes = await Promise.allSettled([attach(), attach({ InstanceId: 'i-00000000000000008' })]);

    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it.each([
    {
      of: 'a free volume',
      input: { VolumeId: FREE },
      name: 'IncorrectState',
      message: `Volume '${FREE}' is in the 'available' state.`,
    },
    { of: 'another instance', input: { VolumeId: OTHER, InstanceId: ME }, name: 'InvalidAttachment.NotFound' },
    { of: 'another device', input: { VolumeId: OTHER, Device: '/dev/sdp' }, name: 'InvalidAttachment.NotFound' },
    { of: 'the sentinel detach-denied', input: { VolumeId: 'vol-detach-denied' }, name: 'UnauthorizedOperation' },
  ])('detaching is refused for $of', async ({ input, name, message }) => {
    await start({
      volumes: [
        { id: FREE },
        { id: OTHER, attachedTo: { instanceId: 'i-00000000000000007', device: '/dev/sdf' } },
        { id: 'vol-detach-denied', attachedTo: { instanceId: ME, device: '/dev/sdf' } },
      ],
    });

    const error = await refusal(ec2.send(new DetachVolumeCommand(input)));

    expect(error.name).toBe(name);
    if (message !== undefined) expect(error.message).toBe(message);
  });

  it('detaching stays busy with the sentinel detach-busy, until it is forced', async () => {
    await start({
      volumes: [{ id: FREE, tags: { simulate: 'detach-busy' }, attachedTo: { instanceId: ME, device: '/dev/sdf' } }],
    });

    const first = await ec2.send(new DetachVolumeCommand({ VolumeId: FREE }));
    await ec2.send(new DetachVolumeCommand({ VolumeId: FREE, Force: true }));

    expect(first.State).toBe('busy');
    expect((await volume()).State).toBe('available');
  });
});

describe('the disks of the simulated EC2 [13.1]', () => {
  it('appear in the sysroot when attached, with serial and model, and go when detached', async () => {
    const sysroot = temporaryDirectory();
    await start({ instances: [{ sysroot }], attachMs: 100 });

    await attach();
    const early = disks(sysroot);
    await volumeOnce(({ Attachments }) => Attachments?.[0]?.State === 'attached');
    const attached = disks(sysroot);
    await ec2.send(new DetachVolumeCommand({ VolumeId: FREE }));

    expect(early).toEqual(['nvme0n1']);
    expect(attached).toEqual(['nvme0n1', 'nvme1n1']);
    expect(disks(sysroot)).toEqual(['nvme0n1']);
  });

  it('carry the volume id as serial, filled to its width', async () => {
    const sysroot = temporaryDirectory();
    await start({ instances: [{ sysroot }] });

    await attach();

    const device = path.join(sysroot, 'sys/block/nvme1n1/device');
    expect(readFileSync(path.join(device, 'serial'), 'utf8')).toBe('vol00000000000000001\n');
    expect(readFileSync(path.join(device, 'model'), 'utf8').trim()).toBe('Amazon Elastic Block Store');
  });

  it.each([
    { when: 'before', deviceDelayMs: -300, there: true },
    { when: 'after', deviceDelayMs: 60_000, there: false },
  ])('may appear $when the attachment is attached', async ({ deviceDelayMs, there }) => {
    const sysroot = temporaryDirectory();
    await start({ instances: [{ sysroot }], attachMs: there ? 300 : 0, deviceDelayMs });

    await attach();

    expect(existsSync(path.join(sysroot, 'dev/nvme1n1'))).toBe(there);
    expect((await volume()).Attachments?.[0]?.State).toBe(there ? 'attaching' : 'attached');
  });

  it.each([
    { sentinel: 'attach-stuck', state: 'attaching' },
    { sentinel: 'no-device', state: 'attached' },
  ])('do not appear with the sentinel $sentinel', async ({ sentinel, state }) => {
    const sysroot = temporaryDirectory();
    await start({ instances: [{ sysroot }], volumes: [{ id: FREE, tags: { simulate: sentinel } }] });

    await attach();

    expect((await volume()).Attachments?.[0]?.State).toBe(state);
    expect(disks(sysroot)).toEqual(['nvme0n1']);
  });
});

describe('looking in the simulated EC2 [13.1]', () => {
  const pool = [
    { id: FREE, tags: { pool: 'a*b', domain: 'mc' } },
    { id: OTHER, tags: { pool: 'axb' }, attachedTo: { instanceId: ME, device: '/dev/sdf' } },
    { id: 'vol-00000000000000003', tags: { Pool: 'a*b' }, zone: 'eu-west-1b', sizeGiB: 100 },
  ];

  it.each([
    { filters: { 'tag:pool': ['a*b'] }, found: [FREE, OTHER] },
    { filters: { 'tag:pool': ['a\\*b'] }, found: [FREE] },
    { filters: { 'tag:pool': ['a?b'] }, found: [FREE, OTHER] },
    { filters: { 'tag:pool': ['a?xb'] }, found: [OTHER] },
    { filters: { 'tag:pool': ['A*B'] }, found: [] },
    { filters: { 'tag:pool': ['nothing', 'axb'] }, found: [OTHER] },
    { filters: { 'tag-key': ['domain'] }, found: [FREE] },
    { filters: { 'tag:pool': ['*'], status: ['available'] }, found: [FREE] },
    { filters: { 'availability-zone': ['eu-west-1b'] }, found: ['vol-00000000000000003'] },
    { filters: { size: ['100'] }, found: ['vol-00000000000000003'] },
    { filters: { 'attachment.instance-id': [ME], 'attachment.device': ['/dev/sdf'] }, found: [OTHER] },
    { filters: { 'volume-id': [FREE, 'vol-0fffffffffffffff9'] }, found: [FREE] },
    { filters: { 'tag:pool': ['a.b'] }, found: [] },
    { filters: { 'tag:pool': ['a'] }, found: [] },
  ])('finds volumes by $filters', async ({ filters, found }) => {
    await start({ volumes: pool });

    const { Volumes } = await ec2.send(new DescribeVolumesCommand({ Filters: asFilters(filters) }));

    expect(Volumes?.map(({ VolumeId }) => VolumeId)).toEqual(found);
  });

  it('describes a volume with everything that EC2 says of it', async () => {
    await start({ volumes: pool });

    expect(await volume(OTHER)).toMatchObject({
      VolumeId: OTHER,
      State: 'in-use',
      AvailabilityZone: 'eu-west-1a',
      Size: 8,
      SnapshotId: '',
      VolumeType: 'gp3',
      Encrypted: false,
      MultiAttachEnabled: false,
      CreateTime: expect.any(Date),
      Tags: [{ Key: 'pool', Value: 'axb' }],
      Attachments: [
        { VolumeId: OTHER, InstanceId: ME, Device: '/dev/sdf', State: 'attached', AttachTime: expect.any(Date) },
      ],
    });
  });

  it('fails the whole call for one id that does not exist', async () => {
    await start();

    const error = await refusal(ec2.send(new DescribeVolumesCommand({ VolumeIds: [FREE, 'vol-0fffffffffffffff9'] })));

    expect(error).toMatchObject({
      name: 'InvalidVolume.NotFound',
      message: "The volume 'vol-0fffffffffffffff9' does not exist.",
    });
  });

  it.each([
    {
      of: 'a filter it does not know',
      input: { Filters: asFilters({ colour: ['red'] }) },
      name: 'InvalidParameterValue',
    },
    { of: 'a page of fewer than five', input: { MaxResults: 4 }, name: 'InvalidParameterValue' },
    { of: 'a page of named volumes', input: { MaxResults: 5, VolumeIds: [FREE] }, name: 'InvalidParameterCombination' },
    { of: 'a token it never gave', input: { NextToken: 'nonsense' }, name: 'InvalidParameterValue' },
  ])('refuses $of', async ({ input, name }) => {
    await start();

    expect((await refusal(ec2.send(new DescribeVolumesCommand(input)))).name).toBe(name);
  });

  it('pages, and a page may be empty with more to come', async () => {
    const many = Array.from({ length: 11 }, (_, index) => ({
      id: `vol-000000000000000${10 + index}`,
      tags: { n: String(index) },
    }));
    await start({ volumes: many });

    const pages: string[][] = [];
    let NextToken: string | undefined;
    do {
      const page = await ec2.send(
        new DescribeVolumesCommand({
          Filters: asFilters({ 'tag:n': ['10'] }),
          MaxResults: 5,
          ...(NextToken && { NextToken }),
        }),
      );
      pages.push((page.Volumes ?? []).map(({ VolumeId = '' }) => VolumeId));
      ({ NextToken } = page);
    } while (NextToken !== undefined);

    expect(pages).toEqual([[], [], ['vol-00000000000000020']]);
  });

  it('describes instances with state, addresses, devices and tags', async () => {
    await start({ instances: [{ tags: { Name: 'mc' } }], volumes: pool.slice(0, 2) });

    const { Reservations } = await ec2.send(
      new DescribeInstancesCommand({ Filters: asFilters({ 'tag:Name': ['mc'] }) }),
    );

    expect(Reservations?.[0]).toMatchObject({ OwnerId: '123456789012' });
    expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({
      InstanceId: ME,
      State: { Code: 16, Name: 'running' },
      AmiLaunchIndex: 0,
      InstanceType: 't3.medium',
      Placement: { AvailabilityZone: 'eu-west-1a' },
      PublicIpAddress: '203.0.113.10',
      InstanceLifecycle: 'spot',
      RootDeviceName: '/dev/xvda',
      Tags: [{ Key: 'Name', Value: 'mc' }],
      BlockDeviceMappings: expect.arrayContaining([
        { DeviceName: '/dev/sdf', Ebs: expect.objectContaining({ VolumeId: OTHER, Status: 'attached' }) },
      ]),
      MetadataOptions: { HttpTokens: 'required' },
    });
  });

  it.each([{ InstanceIds: ['i-0fffffffffffffff9'] }])('says InvalidInstanceID.NotFound to %j', async (input) => {
    await start();

    expect((await refusal(ec2.send(new DescribeInstancesCommand(input)))).name).toBe('InvalidInstanceID.NotFound');
  });
});

describe('tags in the simulated EC2 [13.1]', () => {
  it('are written over what stands there', async () => {
    await start({ volumes: [{ id: FREE, tags: { a: '1', b: '2' } }] });

    await ec2.send(
      new CreateTagsCommand({ Resources: [FREE, ME], Tags: [{ Key: 'b', Value: 'ü <&>' }, { Key: 'c' }] }),
    );

    expect((await volume()).Tags).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: 'ü <&>' },
      { Key: 'c', Value: '' },
    ]);
    expect(cloud.instance().tags).toEqual({ b: 'ü <&>', c: '' });
  });

  it.each([
    { given: [{ Key: 'a', Value: '1' }], left: { b: '' } },
    { given: [{ Key: 'a', Value: 'another' }], left: { a: '1', b: '' } },
    { given: [{ Key: 'a', Value: '' }], left: { a: '1', b: '' } },
    { given: [{ Key: 'a' }, { Key: 'unknown' }], left: { b: '' } },
    { given: [], left: {} },
  ])('are deleted by key, and by value where one is given: $given', async ({ given, left }) => {
    await start({ volumes: [{ id: FREE, tags: { a: '1', b: '' } }] });

    await ec2.send(new DeleteTagsCommand({ Resources: [FREE], Tags: given }));

    expect(cloud.volume(FREE)?.tags).toEqual(left);
  });

  it.each([
    {
      of: 'one unknown resource',
      Resources: [FREE, 'vol-0fffffffffffffff9'],
      Tags: [{ Key: 'a' }],
      name: 'InvalidVolume.NotFound',
    },
    { of: 'what is no id', Resources: ['nonsense'], Tags: [{ Key: 'a' }], name: 'InvalidID' },
    { of: 'a reserved key', Resources: [FREE], Tags: [{ Key: 'aws:a' }], name: 'InvalidParameterValue' },
    {
      of: 'a key that is too long',
      Resources: [FREE],
      Tags: [{ Key: 'a'.repeat(129) }],
      name: 'InvalidParameterValue',
    },
    {
      of: 'a 51st tag',
      Resources: [FREE],
      Tags: Array.from({ length: 51 }, (_, i) => ({ Key: `k${i}` })),
      name: 'TagLimitExceeded',
    },
    {
      of: 'the sentinel tag-denied',
      Resources: ['vol-tag-denied'],
      Tags: [{ Key: 'a' }],
      name: 'UnauthorizedOperation',
    },
  ])('are refused as a whole for $of', async ({ Resources, Tags, name }) => {
    await start({ volumes: [{ id: FREE }, { id: 'vol-tag-denied' }] });

    const error = await refusal(ec2.send(new CreateTagsCommand({ Resources, Tags })));

    expect(error.name).toBe(name);
    expect(cloud.volume(FREE)?.tags).toEqual({});
  });
});

async function start(setup: CloudSetup = {}): Promise<void> {
  cloud = await startCloud({ volumes: [{ id: FREE }], ...setup });
  ec2 = new EC2Client(clientOptions(cloud));
}

function attach(input: { VolumeId?: string; InstanceId?: string; Device?: string; DryRun?: boolean } = {}) {
  return ec2.send(new AttachVolumeCommand({ VolumeId: FREE, InstanceId: ME, Device: '/dev/sdf', ...input }));
}

async function volume(volumeId = FREE): Promise<Volume> {
  const { Volumes } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }));
  const found = Volumes?.[0];
  if (found === undefined) throw new Error(`${volumeId} was not described`);
  return found;
}

function volumeOnce(holds: (volume: Volume) => boolean): Promise<Volume> {
  return eventually(() => volume(), holds);
}

function asFilters(filters: Partial<Record<string, string[]>>): { Name: string; Values: string[] }[] {
  return Object.entries(filters).map(([Name, Values = []]) => ({ Name, Values }));
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'simulator-test-'));
  cleanUps.push(() => rmSync(directory, { recursive: true }));
  return directory;
}

function disks(sysroot: string): string[] {
  const nodes = readdirSync(path.join(sysroot, 'dev')).toSorted();
  expect(readdirSync(path.join(sysroot, 'sys/block')).toSorted()).toEqual(nodes);
  return nodes;
}
