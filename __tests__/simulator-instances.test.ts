import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import {
  AttachVolumeCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';

const ME = 'i-0123456789abcde00';
const SUCCESSOR = 'i-0123456789abcde01';
const VOLUME = 'vol-00000000000000001';
const SCRATCH = 'vol-00000000000000002';

let cloud: Cloud;
let ec2: EC2Client;
const cleanUps: (() => void)[] = [];
afterEach(async () => {
  ec2.destroy();
  await cloud.close();
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

describe('an instance that is ended in the simulated EC2 [13.1]', () => {
  it('keeps its volumes through the shutdown, then lets them go, and then is terminated', async () => {
    await start({ detachMs: 250 });

    cloud.endInstance(ME, { shutdownMs: 250 });
    const shutdown = await look();
    const seen = await looksUntil(({ instance }) => instance === 'terminated');

    expect(shutdown).toEqual({ instance: 'shutting-down', volume: 'in-use attached' });
    expect(new Set(seen.map(({ instance }) => instance))).toEqual(new Set(['shutting-down', 'terminated']));
    expect(new Set(seen.map(({ volume }) => volume))).toEqual(
      new Set(['in-use attached', 'in-use detaching', 'available ']),
    );
  });

  it('takes along the volumes that are to go with it, its root among them, and no others', async () => {
    await start({
      volumes: [
        { id: VOLUME, attachedTo: { instanceId: ME, device: '/dev/sdf' } },
        { id: SCRATCH, attachedTo: { instanceId: ME, device: '/dev/sdg', deleteOnTermination: true } },
      ],
      instances: [{}],
    });

    cloud.endInstance();
    await looksUntil(({ instance }) => instance === 'terminated');

    expect(cloud.volumes().map(({ id }) => id)).toEqual([VOLUME]);
  });

  it('leaves a volume to the other instances that have it', async () => {
    const held = [ME, SUCCESSOR].map((instanceId) => ({ instanceId, device: '/dev/sdf', deleteOnTermination: true }));
    await start({ volumes: [{ id: VOLUME, multiAttach: true, attachedTo: held }] });

    cloud.endInstance();
    await looksUntil(({ instance }) => instance === 'terminated');

    expect(cloud.volume(VOLUME)).toMatchObject({ state: 'in-use', attachments: [{ instanceId: SUCCESSOR }] });
  });

  it('holds a volume against its successor until it has let go', async () => {
    await start();
    const claim = () =>
      ec2.send(new AttachVolumeCommand({ VolumeId: VOLUME, InstanceId: SUCCESSOR, Device: '/dev/sdf' }));

    cloud.endInstance(ME, { shutdownMs: 150 });
    const early = await refusal(claim());
    await looksUntil(({ volume }) => volume === 'available ');
    await claim();

    expect(early.name).toBe('VolumeInUse');
    expect(cloud.volume(VOLUME)?.attachments).toMatchObject([{ instanceId: SUCCESSOR }]);
  });

  it('when it is stopped keeps its volumes for good', async () => {
    await start();

    cloud.endInstance(ME, { action: 'stop', shutdownMs: 150 });
    const stopping = await look();
    const stopped = (await looksUntil(({ instance }) => instance === 'stopped')).at(-1);

    expect(stopping).toEqual({ instance: 'stopping', volume: 'in-use attached' });
    expect(stopped).toEqual({ instance: 'stopped', volume: 'in-use attached' });
    expect(cloud.instance().publicIpv4).toBeUndefined();
  });

  it('may be terminated while it stops, and is not ended twice', async () => {
    await start();

    cloud.endInstance(ME, { action: 'stop', shutdownMs: 100 });
    cloud.endInstance(ME, { shutdownMs: 200 });
    cloud.endInstance(ME, { action: 'stop' });
    cloud.endInstance(ME);
    const states = (await looksUntil(({ instance }) => instance === 'terminated')).map(({ instance }) => instance);

    expect(new Set(states)).toEqual(new Set(['shutting-down', 'terminated']));
  });

  it('is still described when it is gone, without addresses and devices', async () => {
    await start();

    cloud.endInstance();
    await looksUntil(({ instance }) => instance === 'terminated');
    const described = await describedInstance(ME);

    expect(described).toMatchObject({
      State: { Code: 48, Name: 'terminated' },
      BlockDeviceMappings: [],
      NetworkInterfaces: [],
    });
    expect(described?.PrivateIpAddress).toBeUndefined();
    expect(described?.PublicIpAddress).toBeUndefined();
  });

  it('loses its disks with its volumes', async () => {
    const sysroot = temporaryDirectory();
    await start({ instances: [{ sysroot }] });
    const disk = path.join(sysroot, 'dev/nvme1n1');
    const before = existsSync(disk);

    cloud.endInstance();
    await looksUntil(({ instance }) => instance === 'terminated');

    expect([before, existsSync(disk)]).toEqual([true, false]);
  });

  it.each(['terminate', 'stop'] as const)('has metadata through the shutdown, and none after (%s)', async (action) => {
    await start();

    cloud.endInstance(ME, { action, shutdownMs: 150 });
    const early = await askMetadata();
    await looksUntil(({ instance }) => instance === 'terminated' || instance === 'stopped');

    expect(early).toBe(200);
    await expect(askMetadata()).rejects.toThrow(/ECONNRESET|socket hang up/);
    expect(
      cloud
        .calls()
        .filter(({ service }) => service === 'imds')
        .at(-1),
    ).toMatchObject({ status: 0 });
  });

  it.each([
    { action: 'terminate' as const, ends: 'terminated' },
    { action: 'stop' as const, ends: 'stopped' },
    { action: 'hibernate' as const, ends: 'stopped' },
  ])('may end by itself when the time of its notice comes: $action, $ends', async ({ action, ends }) => {
    await start({ instances: [{ endsOnNotice: true }] });

    cloud.interrupt({ action, inSeconds: 1 });
    const { state } = cloud.instance();
    await looksUntil(({ instance }) => instance === ends);

    expect(state).toBe('running');
  });

  it.each([
    { of: 'that was withdrawn', endsOnNotice: true },
    { of: 'where it is not set up so', endsOnNotice: false },
  ])('does not end by a notice $of', async ({ endsOnNotice }) => {
    // The other one has a notice for the same time, and ends after it.
    await start({ instances: [{ endsOnNotice }, { endsOnNotice: true }] });

    cloud.interrupt({ action: 'terminate', inSeconds: 0 });
    if (endsOnNotice) cloud.withdrawNotice();
    cloud.interrupt({ action: 'terminate', inSeconds: 0, instanceId: SUCCESSOR });
    await eventually(
      async () => cloud.instance(SUCCESSOR).state,
      (state) => state === 'terminated',
    );

    expect(cloud.instance().state).toBe('running');
  });

  it('can be ended at the control endpoint', async () => {
    await start();

    const reply = await control(`/end?instanceId=${ME}`, { action: 'stop', shutdownMs: 60_000 });
    const refused = await control('/end', { action: 'hibernate' });

    expect(reply).toMatchObject({ status: 200, body: [{ id: ME, state: 'stopping' }, { state: 'running' }] });
    expect(refused).toEqual({ status: 400, body: { problem: '"action" is terminate or stop' } });
  });
});

describe('the disk of a simulated volume [13.1]', () => {
  it('is as the setup says of it, or of all, and keeps its content from one holder to the next', async () => {
    const folder = temporaryDirectory();
    const [first = '', second = ''] = ['first', 'second'].map((name) => path.join(folder, name));
    await start({
      instances: [{ sysroot: first }, { sysroot: second }],
      contents: path.join(folder, 'contents'),
      disk: { content: 'any', linksMs: 0 },
      volumes: [{ id: VOLUME, disk: { content: 'mine', partitions: 1, linksMs: 0 } }, { id: SCRATCH }],
    });

    await attach(VOLUME, ME, '/dev/sdf');
    await attach(SCRATCH, ME, '/dev/sdg');
    const seen = ['sdf', 'sdg'].map((device) => readFileSync(path.join(first, 'dev', device), 'utf8'));
    writeFileSync(path.join(first, 'dev/sdf'), 'mine, changed');
    await ec2.send(new DetachVolumeCommand({ VolumeId: VOLUME }));
    await attach(VOLUME, SUCCESSOR, '/dev/sdh');

    expect(seen).toEqual(['mine', 'any']);
    expect(existsSync(path.join(first, 'dev/sdf'))).toBe(false);
    expect(readFileSync(path.join(second, 'dev/sdh'), 'utf8')).toBe('mine, changed');
    expect(existsSync(path.join(second, 'dev/sdh1'))).toBe(true);
  });
});

describe('a holder that the world does not know [13.1]', () => {
  const UNKNOWN = 'i-0fffffffffffffff9';

  it('is not found by id, and just missing by filter', async () => {
    await start({ volumes: [{ id: VOLUME, attachedTo: { instanceId: UNKNOWN, device: '/dev/sdf' } }] });

    const error = await refusal(ec2.send(new DescribeInstancesCommand({ InstanceIds: [ME, UNKNOWN] })));
    const found = await ec2.send(
      new DescribeInstancesCommand({ Filters: [{ Name: 'instance-id', Values: [ME, UNKNOWN] }] }),
    );

    expect(error.name).toBe('InvalidInstanceID.NotFound');
    expect(found.Reservations?.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId))).toEqual([
      ME,
    ]);
  });
});

describe('what is added to a running cloud [13.1]', () => {
  it('has its own metadata, root volume and disks', async () => {
    await start();
    const sysroot = temporaryDirectory();
    cloud.addVolume({ id: SCRATCH, attachedTo: { instanceId: 'i-0123456789abcde02', device: '/dev/sdf' } });

    const id = await cloud.launch({ sysroot, tags: { Name: 'third' } });

    expect(id).toBe('i-0123456789abcde02');
    expect(cloud.imdsUrl(id)).not.toBe(cloud.imdsUrl());
    expect(await askMetadata(id)).toBe(200);
    expect((await describedInstance(id))?.BlockDeviceMappings?.map(({ DeviceName }) => DeviceName)).toEqual([
      '/dev/sdf',
      '/dev/xvda',
    ]);
    expect(existsSync(path.join(sysroot, 'dev/nvme1n1'))).toBe(true);
  });

  it('appears as a disk where it is attached', async () => {
    const sysroot = temporaryDirectory();
    await start({ instances: [{ sysroot }], volumes: [] });

    cloud.addVolume({ id: VOLUME, attachedTo: { instanceId: ME, device: '/dev/sdf' } });

    expect(existsSync(path.join(sysroot, 'dev/nvme1n1'))).toBe(true);
  });

  it('cannot have the id of another', async () => {
    await start();

    expect(() => cloud.addVolume({ id: VOLUME })).toThrow(`there is a volume ${VOLUME} already`);
    await expect(cloud.launch({ id: ME })).rejects.toThrow(`there is an instance ${ME} already`);
  });

  it('may be many: each has an id, addresses and metadata of its own', async () => {
    await start({ instances: Array.from({ length: 300 }, () => ({})), volumes: [] });

    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}));
    const all = Reservations.flatMap(({ Instances = [] }) => Instances);

    for (const name of ['InstanceId', 'PrivateIpAddress', 'PublicIpAddress', 'Ipv6Address'] as const)
      expect(new Set(all.map((instance) => instance[name])).size).toBe(300);
    expect(all.every(({ InstanceId = '' }) => /^i-[0-9a-f]{17}$/.test(InstanceId))).toBe(true);
    expect(
      all.every(({ PublicIpAddress = '' }) => PublicIpAddress.split('.').every((part) => Number(part) < 256)),
    ).toBe(true);
    expect(new Set(all.map(({ InstanceId }) => cloud.imdsUrl(InstanceId))).size).toBe(300);
  });
});

/** Two instances; the first one has the volume. */
async function start(setup: CloudSetup = {}): Promise<void> {
  cloud = await startCloud({
    instances: [{}, {}],
    volumes: [{ id: VOLUME, attachedTo: { instanceId: ME, device: '/dev/sdf' } }],
    ...setup,
  });
  ec2 = new EC2Client(clientOptions(cloud));
}

async function describedInstance(instanceId: string) {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  return Reservations?.[0]?.Instances?.[0];
}

/** How the first instance and its volume are. */
async function look() {
  const [instance, { Volumes }] = [
    await describedInstance(ME),
    await ec2.send(new DescribeVolumesCommand({ Filters: [{ Name: 'volume-id', Values: [VOLUME] }] })),
  ];
  const volume = Volumes?.[0];
  return { instance: instance?.State?.Name, volume: `${volume?.State} ${volume?.Attachments?.[0]?.State ?? ''}` };
}

/** What was seen on the way, each once. */
async function looksUntil(holds: (seen: Awaited<ReturnType<typeof look>>) => boolean) {
  const seen: Awaited<ReturnType<typeof look>>[] = [];
  await eventually(async () => {
    const now = await look();
    if (JSON.stringify(now) !== JSON.stringify(seen.at(-1))) seen.push(now);
    return now;
  }, holds);
  return seen;
}

function attach(VolumeId: string, InstanceId: string, Device: string) {
  return ec2.send(new AttachVolumeCommand({ VolumeId, InstanceId, Device }));
}

async function askMetadata(instanceId?: string): Promise<number | undefined> {
  const request = http.request(`${cloud.imdsUrl(instanceId)}/latest/api/token`, {
    method: 'PUT',
    agent: false,
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
  });
  request.end();
  const [response] = await once(request, 'response');
  response.resume();
  return response.statusCode;
}

async function control(target: string, body: object): Promise<{ status: number; body: unknown }> {
  const reply = await fetch(`${cloud.url}/_control${target}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: reply.status, body: await reply.json() };
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'simulator-test-'));
  cleanUps.push(() => rmSync(directory, { recursive: true }));
  return directory;
}
