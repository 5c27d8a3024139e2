import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createBlockDevices } from '../adapters/block-device.ts';
import { AdapterError } from '../config/errors.ts';
import { createClock } from '../simulator/clock.ts';
import { layOut, type PlugOptions, plugIn } from '../simulator/sysroot.ts';

const volumeId = 'vol-0123456789abcdef0';
const serial = 'vol0123456789abcdef0';
const other = 'vol0ffffffffffffffff';

let sysroot: string;
beforeEach(() => {
  sysroot = mkdtempSync(path.join(tmpdir(), 'devices-'));
});
afterEach(() => rmSync(sysroot, { recursive: true }));

const inRoot = (file: string) => path.join(sysroot, file);

function put(file: string, content = ''): void {
  mkdirSync(path.dirname(inRoot(file)), { recursive: true });
  writeFileSync(inRoot(file), content);
}

/** A disk as the kernel shows it: the serial number in sysfs (padded, as there), and the device. */
function nvme(name: string, serialNumber: string, device = `/dev/${name}`): void {
  put(`/sys/block/${name}/device/serial`, `${serialNumber.padEnd(20)}\n`);
  put(device);
}

function link(file: string, target: string): void {
  mkdirSync(path.dirname(inRoot(file)), { recursive: true });
  symlinkSync(target, inRoot(file));
}

const never = new AbortController().signal;

const locate = (device = '/dev/sdf', limitMs = 300) =>
  createBlockDevices(sysroot, { limitMs }).locate({ volumeId, device }, never);

/** A process that waits for a disk, is asked to end, and goes on to its own end. */
const waiter = `
  import { createBlockDevices } from ${JSON.stringify(path.resolve(__dirname, '../adapters/block-device.ts'))};
  const asked = new AbortController();
  const request = { volumeId: ${JSON.stringify(volumeId)}, device: '/dev/sdf' };
  const located = createBlockDevices(import.meta.dirname).locate(request, asked.signal);
  setTimeout(() => asked.abort(new Error('asked to end')), 100);
  await located.catch((error) => console.log(error.message));
`;

/** What another part of the machine does after a while. */
const later = (work: () => void) => setTimeout(work, 60);

describe('the disk of a volume', () => {
  it('is the NVMe disk with its id as serial number, whatever name was asked for [6.9]', async () => {
    nvme('nvme1n1', other);
    nvme('nvme2n1', serial);

    expect(await locate('/dev/sdf')).toBe(inRoot('/dev/nvme2n1'));
  });

  it('is the disk that can be opened where the serial stands at a hidden multipath name [6.9]', async () => {
    nvme('nvme1c0n1', serial, '/dev/nvme1n1');

    expect(await locate()).toBe(inRoot('/dev/nvme1n1'));
  });

  it.each([
    { asked: '/dev/sdf', there: '/dev/sdf' },
    { asked: '/dev/sdf', there: '/dev/xvdf' },
    { asked: '/dev/xvdf', there: '/dev/sdf' },
    { asked: '/dev/xvdba', there: '/dev/xvdba' },
    { asked: 'sdf', there: '/dev/xvdf' },
    { asked: '/dev/disk.img', there: '/dev/disk.img' },
  ])(
    'is $there where there is no such serial number and $asked was asked for, a plain file included [6.9]',
    async ({ asked, there }) => {
      nvme('nvme0n1', other);
      put(there);

      expect(await locate(asked)).toBe(inRoot(there));
    },
  );

  it('goes by its serial number alone where it is not said at which device it is [6.9]', async () => {
    const devices = createBlockDevices(sysroot);
    nvme('nvme1n1', other);
    put('/dev/sdf');
    const byName = await devices.find({ volumeId, device: '/dev/sdf' });
    const before = await devices.find({ volumeId });
    nvme('nvme2n1', serial);

    expect(byName).toBe(inRoot('/dev/sdf'));
    expect(before).toBeUndefined();
    expect(await devices.find({ volumeId })).toBe(inRoot('/dev/nvme2n1'));
  });

  it('is not a device of another letter, nor a folder of that name [6.9]', async () => {
    put('/dev/sdg');
    mkdirSync(inRoot('/dev/sdf'));

    await expect(locate('/dev/sdf')).rejects.toThrow(AdapterError);
  });

  it('is found by its number even while the name asked for leads to another disk [6.9]', async () => {
    nvme('nvme1n1', other);
    nvme('nvme2n1', serial);
    link('/dev/sdf', 'nvme1n1');

    expect(await locate('/dev/sdf')).toBe(inRoot('/dev/nvme2n1'));
  });

  it.each([
    { what: 'relative', target: 'nvme1n1' },
    { what: 'absolute', target: '/dev/nvme1n1' },
    { what: 'over another link', target: 'disk/by-id/nvme-ebs' },
  ])('is never behind a link to a disk with another number ($what) [6.9]', async ({ target }) => {
    nvme('nvme1n1', other);
    link('/dev/disk/by-id/nvme-ebs', '../../nvme1n1');
    link('/dev/sdf', target);

    await expect(locate('/dev/sdf')).rejects.toThrow(`${inRoot('/dev/sdf')} is nvme1n1 (serial ${other})`);
  });

  it('is never behind a link to an NVMe disk whose number cannot be read, or to nothing [6.9]', async () => {
    put('/dev/nvme1n1');
    link('/dev/sdf', 'nvme1n1');
    link('/dev/xvdf', 'gone');

    await expect(locate('/dev/sdf')).rejects.toThrow(/sdf is nvme1n1 \(serial unknown\); no .*xvdf/);
  });

  it('may be behind a link to a disk that has no such numbers [6.9]', async () => {
    put('/dev/xvdj');
    link('/dev/sdf', 'xvdj');

    expect(await locate('/dev/sdf')).toBe(inRoot('/dev/sdf'));
  });
});

describe('a disk that is not there yet', () => {
  it('is awaited, and found when it appears in /dev [6.9]', async () => {
    mkdirSync(inRoot('/dev'));
    // Never looked for again in this test, but when something changes.
    const devices = createBlockDevices(sysroot, { limitMs: 10_000, lookIntervalMs: 60_000 });
    const located = devices.locate({ volumeId, device: '/dev/sdf' }, never);

    later(() => nvme('nvme1n1', serial));

    expect(await located).toBe(inRoot('/dev/nvme1n1'));
  });

  it('is found where /dev cannot be watched: the slow poll is a net [6.9]', async () => {
    const located = locate('/dev/sdf', 10_000);

    later(() => put('/dev/sdf'));

    expect(await located).toBe(inRoot('/dev/sdf'));
  });

  it('is found though /dev vanished and came back [6.9]', async () => {
    put('/dev/null');
    const located = locate('/dev/sdf', 10_000);

    later(() => {
      rmSync(inRoot('/dev'), { recursive: true });
      put('/dev/sdf');
    });

    expect(await located).toBe(inRoot('/dev/sdf'));
  });

  it('is given up in the end, with what was tried and what was there instead [6.9]', async () => {
    nvme('nvme0n1', other);

    const attempt = locate('/dev/sdf');

    await expect(attempt).rejects.toThrow(AdapterError);
    await expect(attempt).rejects.toThrow(
      `find the disk of ${volumeId} (/dev/sdf): not there after 0.3 s; seen: no NVMe disk with serial ${serial} among nvme0n1 (serial ${other}); ` +
        `no ${inRoot('/dev/sdf')}; no ${inRoot('/dev/xvdf')}. Compare`,
    );
  });

  it('is no longer awaited once the signal says so, at once and with no timer or watch left [6.9]', async () => {
    mkdirSync(inRoot('/dev'));
    put('/waiter.mts', waiter);

    // It has nothing else to do, and so ends when nothing is waited for: in milliseconds, and not after the limit of 60 s.
    const { stdout } = await promisify(execFile)(process.execPath, [inRoot('/waiter.mts')], { timeout: 10_000 });

    expect(stdout).toBe('asked to end\n');
  });

  it('is not looked for at all when the signal has said so before [6.9]', async () => {
    put('/dev/sdf');

    await expect(
      createBlockDevices(sysroot).locate({ volumeId, device: '/dev/sdf' }, AbortSignal.abort(new Error('too late'))),
    ).rejects.toThrow('too late');
  });
});

describe('waiting for the serial number alone', () => {
  it('ends with the disk that carries it [6.9]', async () => {
    mkdirSync(inRoot('/dev'));
    const found = createBlockDevices(sysroot).awaitSerial(volumeId, never);

    later(() => nvme('nvme1n1', serial));

    expect(await found).toBe(inRoot('/dev/nvme1n1'));
  });

  it('is not content with the name asked for [6.9]', async () => {
    put('/dev/sdf');

    await expect(createBlockDevices(sysroot, { limitMs: 100 }).awaitSerial(volumeId, never)).rejects.toThrow(
      /no NVMe disk with serial/,
    );
  });
});

describe('udev', () => {
  /** A disk and one partition, as sysfs shows them, where udev is at work. */
  function withUdev(): void {
    nvme('nvme1n1', serial);
    put('/sys/block/nvme1n1/dev', '259:1\n');
    put('/sys/block/nvme1n1/nvme1n1p1/dev', '259:2\n');
    mkdirSync(inRoot('/run/udev/data'), { recursive: true });
  }

  it.each(['locate', 'awaitSerial'] as const)(
    'is waited for by %s until it has dealt with the disk and its partitions [6.8]',
    async (call) => {
      withUdev();
      const steps: string[] = [];
      const devices = createBlockDevices(sysroot);
      const found =
        call === 'locate'
          ? devices.locate({ volumeId, device: '/dev/sdf' }, never)
          : devices.awaitSerial(volumeId, never);
      const located = found.then(() => steps.push('located'));

      await new Promise((resolve) => setTimeout(resolve, 150));
      steps.push('disk');
      put('/run/udev/data/b259:1', 'S:disk/by-id/x\nI:12345\n');
      await new Promise((resolve) => setTimeout(resolve, 150));
      steps.push('partition');
      put('/run/udev/data/b259:2', 'I:12346\n');
      await located;

      expect(steps).toEqual(['disk', 'partition', 'located']);
    },
  );

  it('is not waited for any longer once the signal says so [6.8]', async () => {
    withUdev();
    const asked = new AbortController();
    const located = createBlockDevices(sysroot).locate({ volumeId, device: '/dev/sdf' }, asked.signal);

    later(() => asked.abort(new Error('asked to end')));

    await expect(located).rejects.toThrow('asked to end');
    expect(readdirSync(inRoot('/run/udev/data'))).toEqual([]);
  });

  it('is waited for with the disk itself where a link to it was found [6.8]', async () => {
    put('/dev/xvdj');
    put('/sys/block/xvdj/dev', '202:9\n');
    link('/dev/sdf', 'xvdj');
    put('/run/udev/data/b202:9', 'S:sdf\n');
    const steps: string[] = [];
    const located = locate('/dev/sdf').then(() => steps.push('located'));

    later(() => {
      steps.push('disk');
      put('/run/udev/data/b202:9', 'S:sdf\nI:12345\n');
    });
    await located;

    expect(steps).toEqual(['disk', 'located']);
  });

  it('is waited for no longer than its limit: the disk is there all the same [6.8]', async () => {
    withUdev();
    const devices = createBlockDevices(sysroot, { udevLimitMs: 100 });

    expect(await devices.locate({ volumeId, device: '/dev/sdf' }, never)).toBe(inRoot('/dev/nvme1n1'));
  });

  it('has nothing to say about a plain file [6.8]', async () => {
    mkdirSync(inRoot('/run/udev/data'), { recursive: true });
    put('/dev/sdf');

    expect(await locate('/dev/sdf')).toBe(inRoot('/dev/sdf'));
  });
});

describe('the disk of a volume on a simulated machine', () => {
  const clock = createClock();
  afterAll(() => clock.close());

  /** Another volume's disk is there first, as a root volume's is. */
  function plug(options: PlugOptions = {}, id = volumeId): void {
    layOut(sysroot, 100);
    plugIn(sysroot, 'vol-0ffffffffffffffff');
    plugIn(sysroot, id, { device: '/dev/sdf', ...options, clock });
  }

  it('is found by an id that has several hyphens [6.9]', async () => {
    plug({}, 'vol-of-my-world');

    const found = await createBlockDevices(sysroot).find({ volumeId: 'vol-of-my-world', device: '/dev/sdf' });

    expect(found).toBe(inRoot('/dev/nvme1n1'));
  });

  it('is found while its links still lead to another [6.9]', async () => {
    plug({ disk: { staleLinks: true } });

    expect(await locate()).toBe(inRoot('/dev/nvme1n1'));
  });

  it('is awaited while only the links of an earlier one are there, which lead to another [6.9]', async () => {
    layOut(sysroot, 100);
    plugIn(sysroot, 'vol-0ffffffffffffffff');
    link('/dev/sdf', 'nvme0n1');
    const located = locate('/dev/sdf', 10_000);

    later(() => plug());

    expect(await located).toBe(inRoot('/dev/nvme1n1'));
  });

  it('is there when udev has written it and its partitions down [6.8]', async () => {
    plug({ disk: { partitions: 2, udevMs: 150, linksMs: 100 } });

    await locate();

    expect(readdirSync(inRoot('/run/udev/data')).sort()).toEqual(['b259:0', 'b259:16', 'b259:17', 'b259:18']);
    expect(readdirSync(inRoot('/dev'))).toContain('sdf2');
  });

  it('is there, too, where udev never gets that far [6.8]', async () => {
    plug({ disk: { udevMs: 'never' } });
    const devices = createBlockDevices(sysroot, { udevLimitMs: 100 });

    expect(await devices.awaitSerial(volumeId, never)).toBe(inRoot('/dev/nvme1n1'));
  });
});
