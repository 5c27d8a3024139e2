import {
  AttachVolumeCommand,
  CreateSnapshotCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  DeleteTagsCommand,
  DeleteVolumeCommand,
  DescribeInstancesCommand,
  DescribeSnapshotsCommand,
  DescribeTagsCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';

const ME = 'i-0123456789abcde00';
const VOLUME = 'vol-00000000000000001';

/** So long that no test sees its end, unless it shortens it. */
const LONG_MS = 60_000;

let cloud: Cloud;
let ec2: EC2Client;
afterEach(async () => {
  ec2.destroy();
  await cloud.close();
});

describe('looks at what has just changed in the simulated EC2 [13.1]', () => {
  it('do not find a volume that was just created: not by id, and not by filter', async () => {
    await start({ consistencyMs: LONG_MS });

    const { VolumeId = '' } = await ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'eu-west-1a', Size: 8 }));

    expect((await refusal(ec2.send(new DescribeVolumesCommand({ VolumeIds: [VolumeId] })))).name).toBe(
      'InvalidVolume.NotFound',
    );
    expect(await byFilter(VolumeId)).toEqual([]);
  });

  it('do not show an attachment, whichever way they look', async () => {
    await start({ consistencyMs: LONG_MS });

    await attach();

    expect(await byFilter(VOLUME)).toMatchObject([{ State: 'available', Attachments: [] }]);
    expect(await devices()).toEqual(['/dev/xvda']);
  });

  it('still show an attachment that is gone', async () => {
    await start({
      consistencyMs: LONG_MS,
      volumes: [{ id: VOLUME, attachedTo: { instanceId: ME, device: '/dev/sdf' } }],
    });

    await ec2.send(new DetachVolumeCommand({ VolumeId: VOLUME }));

    expect(cloud.volume(VOLUME)?.state).toBe('available');
    expect(await byFilter(VOLUME)).toMatchObject([{ State: 'in-use', Attachments: [{ State: 'attached' }] }]);
    expect(await devices()).toEqual(['/dev/sdf', '/dev/xvda']);
  });

  it('still show tags as they were, and filter by them', async () => {
    await start({ consistencyMs: LONG_MS, volumes: [{ id: VOLUME, tags: { a: '1', b: '2' } }] });

    await ec2.send(new CreateTagsCommand({ Resources: [VOLUME, ME], Tags: [{ Key: 'a', Value: '3' }] }));
    await ec2.send(new DeleteTagsCommand({ Resources: [VOLUME], Tags: [{ Key: 'b' }] }));

    const { Volumes } = await ec2.send(new DescribeVolumesCommand({ Filters: [{ Name: 'tag:a', Values: ['1'] }] }));
    const { Tags } = await ec2.send(new DescribeTagsCommand({}));
    expect(cloud.volume(VOLUME)?.tags).toEqual({ a: '3' });
    expect(Volumes?.map(({ VolumeId }) => VolumeId)).toEqual([VOLUME]);
    expect(Tags?.map(({ ResourceId, Key, Value }) => `${ResourceId} ${Key}=${Value}`)).toEqual([
      `${VOLUME} a=1`,
      `${VOLUME} b=2`,
    ]);
  });

  it('still show a volume that is deleted, a snapshot not yet, and an instance as running', async () => {
    await start({ consistencyMs: LONG_MS });

    const { SnapshotId = '' } = await ec2.send(new CreateSnapshotCommand({ VolumeId: VOLUME }));
    await ec2.send(new DeleteVolumeCommand({ VolumeId: VOLUME }));
    cloud.endInstance(ME);

    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [ME] }));
    expect(await byFilter(VOLUME)).toMatchObject([{ State: 'available' }]);
    expect((await refusal(ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [SnapshotId] })))).name).toBe(
      'InvalidSnapshot.NotFound',
    );
    expect(Reservations?.[0]?.Instances?.[0]?.State?.Name).toBe('running');
  });

  it('show each change in its time, in the order in which they came', async () => {
    await start({ consistencyMs: 150, attachMs: 150 });

    await attach();
    const seen: string[] = [];
    await eventually(
      async () => {
        const [volume] = await byFilter(VOLUME);
        const now = `${volume?.State} ${volume?.Attachments?.[0]?.State ?? ''}`;
        if (now !== seen.at(-1)) seen.push(now);
        return now;
      },
      (now) => now === 'in-use attached',
    );

    expect(seen).toEqual(['available ', 'in-use attaching', 'in-use attached']);
  });

  it('see at once what a test has changed itself', async () => {
    await start({ consistencyMs: LONG_MS });
    await ec2.send(new CreateTagsCommand({ Resources: [ME], Tags: [{ Key: 'a', Value: '1' }] }));

    cloud.changeInstance({ state: 'stopping' });
    cloud.addVolume({ id: 'vol-00000000000000002' });

    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [ME] }));
    expect(Reservations?.[0]?.Instances?.[0]?.State?.Name).toBe('stopping');
    expect(await byFilter('vol-00000000000000002')).toHaveLength(1);
  });

  it('are not what calls go by that change something', async () => {
    await start({ consistencyMs: LONG_MS });
    const { VolumeId } = await ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'eu-west-1a', Size: 8 }));

    await ec2.send(new AttachVolumeCommand({ VolumeId, InstanceId: ME, Device: '/dev/sdf' }));
    const again = await refusal(ec2.send(new AttachVolumeCommand({ VolumeId, InstanceId: ME, Device: '/dev/sdg' })));
    const detached = await ec2.send(new DetachVolumeCommand({ VolumeId }));

    expect(again.name).toBe('VolumeInUse');
    expect(detached.State).toBe('detaching');
  });
});

async function start(setup: CloudSetup = {}): Promise<void> {
  cloud = await startCloud({ volumes: [{ id: VOLUME }], ...setup });
  ec2 = new EC2Client(clientOptions(cloud));
}

function attach() {
  return ec2.send(new AttachVolumeCommand({ VolumeId: VOLUME, InstanceId: ME, Device: '/dev/sdf' }));
}

async function byFilter(volumeId: string) {
  const Filters = [{ Name: 'volume-id', Values: [volumeId] }];
  return (await ec2.send(new DescribeVolumesCommand({ Filters }))).Volumes ?? [];
}

async function devices() {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [ME] }));
  return Reservations?.[0]?.Instances?.[0]?.BlockDeviceMappings?.map(({ DeviceName }) => DeviceName);
}
