import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Clock, createClock } from '../simulator/clock.ts';
import { type Cloud, type InstanceSetup, startCloud } from '../simulator/server.ts';
import { bootAnew, layOut, type PlugOptions, plugIn, unplug } from '../simulator/sysroot.ts';
import { eventually } from './helpers/simulator-clients.ts';

const VOLUME = 'vol-00000000000000001';
const ME = 'i-0123456789abcde00';
const OTHER = 'vol-00000000000000002';
const THIRD = 'vol-00000000000000003';
const UDEV = 'run/udev/data';
const BY_ID = 'dev/disk/by-id';
const LINK = 'nvme-Amazon_Elastic_Block_Store_vol00000000000000001';
const BOOT_ID = 'proc/sys/kernel/random/boot_id';

let sysroot: string;
beforeEach(() => {
  sysroot = mkdtempSync(path.join(os.tmpdir(), 'simulator-test-'));
});
afterEach(() => rmSync(sysroot, { recursive: true }));

let cloud: Cloud;

describe('the machine of a simulated instance [13.1]', () => {
  afterEach(() => cloud.close());

  it('says which boot this is, that it has been up for long, and that nothing is mounted', async () => {
    await start();

    expect(read(BOOT_ID)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$/);
    expect(read('proc/uptime')).toBe('100000.00 0.00\n');
    expect(read('proc/self/mountinfo')).toBe('');
  });

  it.each([BOOT_ID, 'proc/uptime', 'proc/self/mountinfo'])('keeps %s where somebody has laid it out', async (file) => {
    mkdirSync(path.dirname(path.join(sysroot, file)), { recursive: true });
    writeFileSync(path.join(sysroot, file), 'mine\n');

    await start();

    expect(read(file)).toBe('mine\n');
  });

  it('is the same boot for the next cloud that has it', async () => {
    await start();
    const before = read(BOOT_ID);
    await cloud.close();

    await start();

    expect(read(BOOT_ID)).toBe(before);
  });

  it('has been up for as long as it is told, at the start and later', async () => {
    await start({ uptimeS: 12.5 });
    const first = read('proc/uptime');

    cloud.changeInstance({ uptimeS: 200 });
    const second = read('proc/uptime');
    await fetch(`${cloud.url}/_control/instance`, { method: 'PATCH', body: '{"uptimeS":3600}' });

    expect([first, second, read('proc/uptime')]).toEqual(['12.50 0.00\n', '200.00 0.00\n', '3600.00 0.00\n']);
  });

  it('after a reboot is another boot, just up, and has what was attached', async () => {
    await start();
    const before = read(BOOT_ID);

    cloud.reboot();

    expect(read(BOOT_ID)).toMatch(/^[0-9a-f-]{36}\n$/);
    expect(read(BOOT_ID)).not.toBe(before);
    expect(read('proc/uptime')).toBe('10.00 0.00\n');
    expect(cloud.volume(VOLUME)?.attachments).toMatchObject([{ instanceId: ME, status: 'attached' }]);
    expect(readdirSync(path.join(sysroot, 'sys/block'))).toEqual(['nvme0n1', 'nvme1n1']);
    expect(readdirSync(path.join(sysroot, 'dev'))).toEqual(['nvme0n1', 'nvme1n1']);
  });

  it('loses in a reboot what lives only until then: /run, mounts, the transient host name', async () => {
    await start();
    mkdirSync(path.join(sysroot, 'run/ec2fleetd'));
    writeFileSync(path.join(sysroot, 'run/ec2fleetd/web.started'), '');
    writeFileSync(path.join(sysroot, 'proc/self/mountinfo'), '36 35 259:1 / /data rw - ext4 /dev/nvme1n1 rw\n');
    writeFileSync(path.join(sysroot, 'proc/sys/kernel/hostname'), 'world-00\n');

    cloud.reboot();

    expect(readdirSync(path.join(sysroot, 'run'))).toEqual([]);
    expect(read('proc/self/mountinfo')).toBe('');
    expect(read('proc/sys/kernel/hostname')).toBe('localhost\n');
  });

  it('reboots alone, at the control endpoint too', async () => {
    const other = path.join(sysroot, 'other');
    cloud = await startCloud({
      instances: [{ sysroot: path.join(sysroot, 'first') }, { id: 'i-0aaaaaaaaaaaaaaaa', sysroot: other }],
    });
    const before = [read(`first/${BOOT_ID}`), read(`other/${BOOT_ID}`)];

    const { status } = await fetch(`${cloud.url}/_control/reboot?instanceId=i-0aaaaaaaaaaaaaaaa`, { method: 'POST' });

    expect(status).toBe(200);
    expect(read(`first/${BOOT_ID}`)).toBe(before[0]);
    expect(read(`other/${BOOT_ID}`)).not.toBe(before[1]);
  });

  it('is nowhere where no directory is given for it, and can be rebooted all the same', async () => {
    cloud = await startCloud();

    cloud.reboot();

    expect(cloud.instance()).toMatchObject({ uptimeS: 10 });
    expect(existsSync(path.join(sysroot, 'proc'))).toBe(false);
  });
});

describe('a disk of a simulated machine [13.1]', () => {
  beforeEach(() => layOut(sysroot, 100));

  it.each([
    { volumeId: VOLUME, serial: 'vol00000000000000001' },
    { volumeId: 'vol-of-my-world', serial: 'volof-my-world      ' },
  ])('has the id $volumeId for a serial number, without its first hyphen', ({ volumeId, serial }) => {
    plugIn(sysroot, volumeId);

    expect(read('sys/block/nvme0n1/device/serial')).toBe(`${serial}\n`);
  });

  it('has a number, and its partitions have theirs', () => {
    plugIn(sysroot, OTHER);
    plugIn(sysroot, VOLUME, { disk: { partitions: 2 } });

    expect(read('sys/block/nvme0n1/dev')).toBe('259:0\n');
    expect(read('sys/block/nvme1n1/dev')).toBe('259:16\n');
    expect(read('sys/block/nvme1n1/nvme1n1p1/dev')).toBe('259:17\n');
    expect(read('sys/block/nvme1n1/nvme1n1p2/dev')).toBe('259:18\n');
    expect(read('sys/block/nvme1n1/nvme1n1p2/partition')).toBe('2\n');
    expect(names('dev')).toEqual(['nvme0n1', 'nvme1n1', 'nvme1n1p1', 'nvme1n1p2']);
  });

  it('is dealt with by no udev, and has no links, unless that is said', () => {
    plugIn(sysroot, VOLUME, { device: '/dev/sdf' });

    expect(names('run')).toEqual([]);
    expect(names('dev')).toEqual(['nvme0n1']);
  });

  it('takes everything along when it goes', () => {
    plugIn(sysroot, OTHER);
    const before = tree();
    plugIn(sysroot, VOLUME, { device: '/dev/sdf', disk: { partitions: 1, udevMs: 0, linksMs: 0 } });
    const linked = names('dev');

    unplug(sysroot, VOLUME);

    expect(linked).toEqual(['disk', 'nvme0n1', 'nvme1n1', 'nvme1n1p1', 'sdf', 'sdf1']);
    expect(tree()).toEqual([...before, 'dev/disk', BY_ID, 'run/udev', UDEV, `${UDEV}/b259:0`].sort());
  });

  it('is where it was, with what udev knows of it, after a boot', () => {
    plugIn(sysroot, VOLUME, { device: '/dev/sdf', disk: { udevMs: 0, linksMs: 0 } });
    const before = tree();

    bootAnew(sysroot, 10);

    expect(tree()).toEqual(before);
  });
});

describe('udev on a simulated machine [13.1]', () => {
  let clock: Clock;
  beforeEach(() => {
    clock = createClock();
    layOut(sysroot, 100);
  });
  afterEach(() => clock.close());

  it('writes a disk and its partitions down when it is done with them, in an entry for each', async () => {
    plug(VOLUME, { disk: { partitions: 1, udevMs: 100 } });
    await aMoment();
    const early = names(UDEV);

    const late = await eventually(
      async () => names(UDEV),
      (entries) => entries.length > 0,
    );

    expect(early).toEqual([]);
    expect(late).toEqual(['b259:0', 'b259:1']);
    expect(read(`${UDEV}/b259:0`)).toMatch(/^I:\d+$/m);
    expect(read(`${UDEV}/b259:1`)).toMatch(/^I:\d+$/m);
  });

  it('never gets there when it is told so', () => {
    plugIn(sysroot, VOLUME, { disk: { udevMs: 'never' } });

    expect(names(UDEV)).toEqual([]);
  });

  it('has dealt at once with the disks that say nothing of it, those that were there before it included', () => {
    plug(VOLUME);
    plug(OTHER, { disk: { udevMs: 'never' } });
    plug(THIRD);

    expect(names(UDEV)).toEqual(['b259:0', 'b259:32']);
  });

  it('does nothing about a disk that has gone meanwhile', async () => {
    plug(VOLUME, { device: '/dev/sdf', disk: { udevMs: 20, linksMs: 20 } });
    unplug(sysroot, VOLUME);
    plug(OTHER, { disk: { udevMs: 40 } });
    await eventually(
      async () => names(UDEV),
      (entries) => entries.length > 0,
    );

    expect(names('dev')).toEqual(['nvme0n1']);
  });

  it('makes links to a disk and its partitions, named after its id and after what was asked for', () => {
    plugIn(sysroot, VOLUME, { device: '/dev/sdf', disk: { partitions: 1, linksMs: 0 } });

    expect(links('dev')).toEqual({ sdf: 'nvme0n1', sdf1: 'nvme0n1p1' });
    expect(links(BY_ID)).toEqual({ [LINK]: '../../nvme0n1', [`${LINK}-part1`]: '../../nvme0n1p1' });
  });

  it('makes them late when it is told so', async () => {
    plug(VOLUME, { device: 'xvdf', disk: { linksMs: 100 } });
    await aMoment();
    const early = names('dev');

    const late = await eventually(
      async () => links('dev'),
      (found) => 'xvdf' in found,
    );

    expect(early).toEqual(['nvme0n1']);
    expect(late).toEqual({ xvdf: 'nvme0n1' });
  });

  it('may have left links that lead to the disk of another volume, until it puts them right', async () => {
    plug(OTHER);
    plug(VOLUME, { device: '/dev/sdf', disk: { staleLinks: true, linksMs: 100 } });
    await aMoment();
    const early = [links('dev'), links(BY_ID)];

    await eventually(
      async () => links('dev'),
      ({ sdf }) => sdf === 'nvme1n1',
    );

    expect(early).toEqual([{ sdf: 'nvme0n1' }, { [LINK]: '../../nvme0n1' }]);
    expect(links(BY_ID)).toEqual({ [LINK]: '../../nvme1n1' });
  });

  function plug(volumeId: string, options: PlugOptions = {}): void {
    plugIn(sysroot, volumeId, { ...options, clock });
  }

  /** All that is done at once has been done by then. */
  function aMoment(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  function links(folder: string): Record<string, string> {
    const entries = readdirSync(path.join(sysroot, folder), { withFileTypes: true });
    const found = entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name);
    return Object.fromEntries(found.map((name) => [name, readlinkSync(path.join(sysroot, folder, name))]));
  }
});

describe('what is on a simulated volume [13.1]', () => {
  const first = () => path.join(sysroot, 'first');
  const second = () => path.join(sysroot, 'second');
  const contents = () => path.join(sysroot, 'contents');
  beforeEach(() => {
    layOut(first(), 100);
    layOut(second(), 100);
  });

  it('goes with it from one machine to the next', () => {
    plugIn(first(), VOLUME, { contents: contents() });
    writeFileSync(path.join(first(), 'dev/nvme0n1'), 'my world');
    unplug(first(), VOLUME, contents());
    plugIn(second(), OTHER, { contents: contents() });

    plugIn(second(), VOLUME, { contents: contents() });

    expect(read('second/dev/nvme1n1')).toBe('my world');
    expect(read('second/dev/nvme0n1')).toBe('');
    expect(names('first/dev')).toEqual([]);
  });

  it('goes with it, too, when it was written to another file that took the place of the first', () => {
    plugIn(first(), VOLUME, { contents: contents(), disk: { content: 'old' } });
    writeFileSync(path.join(first(), 'new'), 'my world');
    renameSync(path.join(first(), 'new'), path.join(first(), 'dev/nvme0n1'));

    unplug(first(), VOLUME, contents());

    expect(read(`contents/${VOLUME}`)).toBe('my world');
  });

  it('may be there from the beginning, and is written only once', () => {
    const options = { contents: contents(), disk: { content: 'yesterday' } };
    plugIn(first(), VOLUME, options);
    const before = read('first/dev/nvme0n1');
    writeFileSync(path.join(first(), 'dev/nvme0n1'), 'today');
    unplug(first(), VOLUME, contents());

    plugIn(second(), VOLUME, options);

    expect([before, read('second/dev/nvme0n1')]).toEqual(['yesterday', 'today']);
  });

  it('is lost with the attachment where there is no folder for it', () => {
    plugIn(first(), VOLUME);
    writeFileSync(path.join(first(), 'dev/nvme0n1'), 'my world');
    unplug(first(), VOLUME);

    plugIn(first(), VOLUME);

    expect(read('first/dev/nvme0n1')).toBe('');
  });
});

async function start(setup: InstanceSetup = {}): Promise<void> {
  cloud = await startCloud({
    instances: [{ sysroot, ...setup }],
    volumes: [{ id: VOLUME, attachedTo: { instanceId: ME, device: '/dev/sdf' } }],
  });
}

function read(file: string): string {
  return readFileSync(path.join(sysroot, file), 'utf8');
}

function names(folder: string): string[] {
  return readdirSync(path.join(sysroot, folder)).toSorted();
}

/** Every file and folder of the machine, but for those of `proc`. */
function tree(): string[] {
  const files = readdirSync(sysroot, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => !file.startsWith('proc')).toSorted();
}
