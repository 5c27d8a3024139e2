import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { holdersOf } from '../adapters/disk-holders.ts';
import { partsOf } from '../adapters/disk-parts.ts';
import { createMounts, type MountsOptions } from '../adapters/mounts.ts';
import { AdapterError } from '../config/errors.ts';

const DISK = '259:4';
const FIRST = '259:5';
const SECOND = '259:6';

let sysroot: string;
beforeEach(() => {
  sysroot = mkdtempSync(path.join(tmpdir(), 'mounts-'));
  mounted();
});
afterEach(() => rmSync(sysroot, { recursive: true }));

const inRoot = (file: string) => path.join(sysroot, file);

function put(file: string, content = ''): void {
  mkdirSync(path.dirname(inRoot(file)), { recursive: true });
  writeFileSync(inRoot(file), content);
}

function link(file: string, target: string): void {
  mkdirSync(path.dirname(inRoot(file)), { recursive: true });
  symlinkSync(target, inRoot(file));
}

/** A disk with two partitions as the kernel shows it. */
function disk(): void {
  put('/sys/block/nvme1n1/dev', `${DISK}\n`);
  put('/sys/block/nvme1n1/nvme1n1p1/dev', `${FIRST}\n`);
  put('/sys/block/nvme1n1/nvme1n1p2/dev', `${SECOND}\n`);
  for (const name of ['nvme1n1', 'nvme1n1p1', 'nvme1n1p2']) put(`/dev/${name}`);
}

/** Makes the temporary folder's file system that of the second partition, so that real files are on the disk. */
function onTemporaryDisk(): void {
  put('/sys/block/nvme1n1/nvme1n1p2/dev', execFileSync('stat', ['-c', '%Hd:%Ld', sysroot], { encoding: 'utf8' }));
}

/** A process of that machine. @param links where those of its `/proc` lead, for example `{ 'fd/3': '/some/file' }`. */
function processWith(pid: string, name: string, links: Record<string, string>): void {
  put(`/proc/${pid}/comm`, `${name}\n`);
  for (const [file, target] of Object.entries(links)) link(`/proc/${pid}/${file}`, target);
}

function swapTo(...files: string[]): void {
  const lines = files.map((file) => `${file.padEnd(40)}partition\t1048572\t\t0\t\t-2\n`);
  put('/proc/swaps', `Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n${lines.join('')}`);
}

interface Line {
  device: string;
  /** As it stands in the table. */
  point: string;
  id?: number;
  parent?: number;
  type?: string;
  source?: string;
}

/** The table of mounts, and the root that everything is mounted in. */
function mounted(...lines: Line[]): void {
  mountedFor('self', ...lines);
}

function mountedFor(pid: string, ...lines: Line[]): void {
  const table = lines.map((line, index) => {
    const { device, point, id = 100 + index, parent = 27, type = 'ext4', source = '/dev/some' } = line;
    return `${id} ${parent} ${device} / ${point} rw,relatime shared:1 - ${type} ${source} rw\n`;
  });
  put(`/proc/${pid}/mountinfo`, `27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n${table.join('')}`);
}

/** A stand-in for umount(8): writes down what it was given, and does what it is told to. */
function umount(doing = takesAway): MountsOptions {
  const program = inRoot('/umount');
  writeFileSync(
    program,
    `#!${process.execPath}
const { appendFileSync, readFileSync, writeFileSync } = require('node:fs');
const argv = process.argv.slice(2);
const table = ${JSON.stringify(inRoot('/proc/self/mountinfo'))};
const log = ${JSON.stringify(inRoot('/umount.log'))};
appendFileSync(log, JSON.stringify(argv) + '\\n');
const times = readFileSync(log, 'utf8').trim().split('\\n').length;
const lines = readFileSync(table, 'utf8').split('\\n');
${doing}`,
  );
  chmodSync(program, 0o755);
  return { umount: program, patienceMs: 0 };
}

/** What is topmost there. */
const takesAway = `
const point = argv[0].replace(/[ \\t\\n\\\\]/g, (c) => '\\\\' + c.charCodeAt(0).toString(8).padStart(3, '0'));
const topmost = lines.findLastIndex((line) => line.split(' ')[4] === point);
writeFileSync(table, lines.toSpliced(topmost, 1).join('\\n'));`;

const takesAllAway = 'writeFileSync(table, lines[0]);';
const saysBusy = `console.error('umount: ' + argv[0] + ': target is busy.'); process.exit(32);`;
const isBusyTwice = `if (times < 3) { ${saysBusy} }${takesAway}`;
const isNotAllowed = `console.error('umount: ' + argv[0] + ':\\n  must be superuser to unmount.\\n'); process.exit(1);`;
const doesNothing = '';
const hangs = 'setInterval(() => {}, 1000);';

/** The arguments of each unmount. */
function unmounted(): string[][] {
  if (!existsSync(inRoot('/umount.log'))) return [];
  return readFileSync(inRoot('/umount.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const letGo = (options: MountsOptions, file = '/dev/nvme1n1') => createMounts(sysroot, options).letGo(inRoot(file));
const refusal = (attempt: Promise<void>): Promise<AdapterError> =>
  attempt.then(
    () => {
      throw new Error('it was let go');
    },
    (error) => error,
  );

describe('a disk that is given back', () => {
  it('is unmounted first, with its partitions, the last mounted first [6.10]', async () => {
    disk();
    mounted(
      { device: DISK, point: '/srv/whole' },
      { device: FIRST, point: '/srv/one' },
      { device: '259:7', point: '/srv/foreign' },
      { device: SECOND, point: '/srv/two' },
    );

    await letGo(umount());

    expect(unmounted()).toEqual([['/srv/two'], ['/srv/one'], ['/srv/whole']]);
  });

  it('is unmounted wherever it was bound to, and as often as it was mounted over itself [6.10]', async () => {
    disk();
    mounted(
      { device: FIRST, point: '/srv/world' },
      { device: FIRST, point: '/srv/bound' },
      { device: FIRST, point: '/srv/world', parent: 100 },
    );

    await letGo(umount());

    expect(unmounted()).toEqual([['/srv/world'], ['/srv/bound'], ['/srv/world']]);
  });

  it('is unmounted from within to without where a mount was moved, and stands too early in the table [6.10]', async () => {
    disk();
    mounted({ device: SECOND, point: '/srv/world/maps', parent: 101 }, { device: FIRST, point: '/srv/world' });

    await letGo(umount());

    expect(unmounted()).toEqual([['/srv/world/maps'], ['/srv/world']]);
  });

  it.each([
    { written: '/srv/my\\040world', meant: '/srv/my world' },
    { written: '/srv/a\\011b\\012c', meant: '/srv/a\tb\nc' },
    { written: '/srv/back\\134slash', meant: '/srv/back\\slash' },
    { written: '/srv/$(reboot)', meant: '/srv/$(reboot)' },
    { written: '/srv/größe', meant: '/srv/größe' },
  ])('is unmounted from $written as it is meant, by no shell [6.10]', async ({ written, meant }) => {
    disk();
    mounted({ device: FIRST, point: written });

    await letGo(umount());

    expect(unmounted()).toEqual([[meant]]);
  });

  it('is unmounted where only its name tells, as with btrfs, whose number is made up [6.10]', async () => {
    disk();
    mounted(
      { device: '0:52', point: '/srv/tree', type: 'btrfs', source: '/dev/nvme1n1p2' },
      { device: '0:53', point: '/srv/other', type: 'btrfs', source: '/dev/nvme2n1' },
      { device: '0:54', point: '/srv/memory', type: 'tmpfs', source: '/dev/nvme1n1p2' },
    );

    await letGo(umount());

    expect(unmounted()).toEqual([['/srv/tree']]);
  });

  it('is not what has the number of its NVMe controller, which is no block device [6.10]', async () => {
    disk();
    put('/sys/block/nvme1n1/device/dev', '245:1\n');
    mounted({ device: '245:1', point: '/srv/foreign' });

    await letGo(umount());

    expect(unmounted()).toEqual([]);
  });

  it('is found behind a link [6.10]', async () => {
    disk();
    link('/dev/sdf', 'nvme1n1');
    mounted({ device: FIRST, point: '/srv/world' });

    await letGo(umount(), '/dev/sdf');

    expect(unmounted()).toEqual([['/srv/world']]);
  });

  it('is asked for once where one unmount takes others along [6.10]', async () => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' }, { device: FIRST, point: '/srv/peer' });

    await letGo(umount(takesAllAway));

    expect(unmounted()).toEqual([['/srv/peer']]);
  });

  it.each([
    { what: 'a disk that is gone', file: '/dev/nvme9n1' },
    { what: 'a plain file, as a laid-out machine has', file: '/dev/disk.img' },
  ])('may be $what: nobody holds that [6.10]', async ({ file }) => {
    put('/dev/disk.img');

    await expect(letGo(umount(), file)).resolves.toBeUndefined();
    expect(unmounted()).toEqual([]);
  });

  it('may have lost its partitions before itself [6.10]', async () => {
    disk();
    rmSync(inRoot('/dev/nvme1n1p2'));

    await expect(letGo(umount())).resolves.toBeUndefined();
  });

  it('is tried again while it is busy: a process that was told to end takes a moment [6.10]', async () => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' });

    await letGo({ ...umount(isBusyTwice), patienceMs: 10_000 });

    expect(unmounted()).toEqual([['/srv/world'], ['/srv/world'], ['/srv/world']]);
  });

  it('is not unmounted any further once the signal says so [6.10]', async () => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' });
    const attempt = createMounts(sysroot, umount()).letGo(
      inRoot('/dev/nvme1n1'),
      AbortSignal.abort(new Error('enough')),
    );

    await expect(attempt).rejects.toThrow('enough');
    expect(unmounted()).toEqual([]);
  });
});

describe('a disk that cannot be unmounted', () => {
  it("is left attached: the error has umount's own words, says so, and may be gone a moment later [6.10]", async () => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' });

    const error = await refusal(letGo(umount(saysBusy)));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(/^let go of .*nvme1n1: umount: \/srv\/world: target is busy; held by something/);
    expect(error.message).toMatch(/The volume was left attached\. End what uses the disk/);
    expect(error.retryable).toBe(true);
  });

  it('names who has a file open on it or is in a folder of it [6.10]', async () => {
    disk();
    onTemporaryDisk();
    mounted({ device: FIRST, point: '/srv/world' });
    processWith('812', 'java', { 'fd/0': '/dev/null', 'fd/7': inRoot('/world.dat') });
    processWith('813', 'bash', { cwd: sysroot });
    processWith('814', 'sleep', { cwd: '/proc', 'fd/1': 'pipe:[4711]' });
    put('/world.dat');

    const error = await refusal(letGo(umount(saysBusy)));

    expect(error.message).toContain('target is busy; held by java (pid 812), bash (pid 813). The volume');
  });

  it('names who has a file of it in memory, though it was closed [6.10]', async () => {
    disk();
    put('/sys/block/nvme1n1/nvme1n1p1/dev', '259:20\n');
    mounted({ device: '259:20', point: '/srv/world' });
    const range = (device: string, file: string) => `7f00c000-7f00d000 r-xp 00000000 ${device} 12  /srv/${file}\n`;
    processWith('812', 'java', { 'fd/0': '/dev/null' });
    put('/proc/812/maps', `${range('00:15', 'other.so')}${range('103:14', 'world/lib.so')}`);
    processWith('813', 'bash', {});
    put('/proc/813/maps', range('103:20', 'other/lib.so'));

    const error = await refusal(letGo(umount(saysBusy)));

    expect(error.message).toContain('held by java (pid 812). ');
  });

  it('names the loop device that lies in a file of it, which does not end by itself [6.10]', async () => {
    disk();
    onTemporaryDisk();
    mounted({ device: FIRST, point: '/srv/world' });
    put('/world.img');
    put('/sys/block/loop0/loop/backing_file', '/proc/version\n');
    put('/sys/block/loop1/size', '0\n');
    put('/sys/block/loop2/loop/backing_file', `${inRoot('/world.img')}\n`);

    const error = await refusal(letGo(umount(saysBusy)));

    expect(error.message).toContain(`held by loop2 (${inRoot('/world.img')}). `);
    expect(error.retryable).toBe(false);
  });

  it('names five at most, and says how many more there are [6.10]', async () => {
    disk();
    onTemporaryDisk();
    mounted({ device: FIRST, point: '/srv/world' });
    for (const pid of [11, 12, 13, 14, 15, 16, 17]) processWith(`${pid}`, 'worker', { cwd: sysroot });

    const error = await refusal(letGo(umount(saysBusy)));

    expect(error.message).toMatch(/worker \(pid 11\), .*worker \(pid 15\), and 2 more\. /);
  });

  it('names the swap file on it, which does not end by itself [6.10]', async () => {
    disk();
    onTemporaryDisk();
    mounted({ device: FIRST, point: '/srv/world' });
    put('/swapfile');
    swapTo(inRoot('/swapfile'));

    const error = await refusal(letGo({ ...umount(saysBusy), patienceMs: 10_000 }));

    expect(error.message).toContain(`held by swap on ${inRoot('/swapfile')}`);
    expect(error.retryable).toBe(false);
    expect(unmounted()).toHaveLength(1);
  });

  it.each([
    { how: 'in it', cover: { device: '0:60', point: '/srv/world/tmp', parent: 100, type: 'tmpfs', source: 'scratch' } },
    { how: 'over it', cover: { device: '0:60', point: '/srv/world', parent: 100, type: 'tmpfs', source: 'scratch' } },
    { how: 'over a folder above it', cover: { device: '0:60', point: '/srv/world', type: 'tmpfs', source: 'scratch' } },
  ])('since something foreign is mounted $how names that, and leaves it alone [6.10]', async ({ cover }) => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' }, cover);

    const error = await refusal(letGo(umount()));

    expect(error.message).toContain(`/srv/world is covered by scratch (tmpfs) at ${cover.point}. The volume`);
    expect(unmounted()).toEqual([]);
  });

  it('because that is not allowed says so in one line, and is not tried again [6.10]', async () => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' });

    const error = await refusal(letGo({ ...umount(isNotAllowed), patienceMs: 10_000 }));

    expect(error.message).toContain('umount: /srv/world: must be superuser to unmount. The volume');
    expect(error.retryable).toBe(false);
    expect(unmounted()).toHaveLength(1);
  });

  it('because there is no such program says so [6.10]', async () => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' });

    const error = await refusal(letGo({ umount: inRoot('/no/umount') }));

    expect(error.message).toMatch(/spawn .*no\/umount ENOENT/);
  });

  it('within its limit is not waited for any longer [6.10]', async () => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' });

    const error = await refusal(letGo({ ...umount(hangs), unmountLimitMs: 300 }));

    expect(error.message).toContain('unmounting /srv/world takes more than 0.3 s. The volume');
    expect(error.retryable).toBe(true);
  });

  it('since it is mounted again each time is not unmounted for ever [6.10]', async () => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' });

    const error = await refusal(letGo(umount(doesNothing)));

    expect(error.message).toContain('/srv/world is mounted again');
    expect(unmounted()).toHaveLength(1);
  });

  it.each([
    { link: '/dev/nvme1n1', says: /^let go of .*nvme1n1: ELOOP/ },
    { link: '/dev/nvme1n1p2', says: /^let go of .*nvme1n1: .*nvme1n1p2 cannot be opened: ELOOP/ },
  ])('or opened, as where $link is a link to itself, is left attached, too [6.10]', async ({ link: file, says }) => {
    disk();
    rmSync(inRoot(file));
    link(file, path.basename(file));

    const error = await refusal(letGo(umount()));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(says);
    expect(error.retryable).toBe(false);
  });

  it('on the real machine in place of one that was laid out never is [6.10]', async () => {
    disk();
    mounted({ device: FIRST, point: '/srv/world' });

    await expect(letGo({})).rejects.toThrow(`/srv/world is mounted, and nothing may unmount it in ${sysroot}`);
  });
});

describe('a disk that is busy', () => {
  it.each([
    { what: 'LVM or LUKS', holder: 'dm-0', says: ['dm-0 (vg-data, mounted at /srv/lv)'] },
    { what: 'RAID', holder: 'md0', says: ['md0'] },
    { what: 'LUKS on RAID', holder: 'md1', says: ['md1', 'dm-0 (vg-data, mounted at /srv/lv)'] },
  ])('with $what is held by that, and a mount of that is not ours to unmount [6.10]', async ({ holder, says }) => {
    disk();
    put(`/sys/block/nvme1n1/nvme1n1p2/holders/${holder}`);
    put('/sys/block/dm-0/dev', '253:0\n');
    put('/sys/block/dm-0/dm/name', 'vg-data\n');
    put('/sys/block/md1/holders/dm-0');
    mounted({ device: '253:0', point: '/srv/lv', source: '/dev/mapper/vg-data' });

    await letGo(umount());

    expect(unmounted()).toEqual([]);
    expect(await named()).toEqual(says);
  });

  it('is held by the swap on a partition [6.10]', async () => {
    disk();
    swapTo('/dev/nvme2n1', '/dev/nvme1n1p2');

    expect(await named()).toEqual(['swap on /dev/nvme1n1p2']);
  });

  it('is held by a mount that only others see, told once for each of their namespaces [6.10]', async () => {
    disk();
    for (const pid of ['self', '1', '700', '701', '800']) mountedFor(pid);
    mountedFor('700', { device: FIRST, point: '/data' });
    mountedFor('701', { device: FIRST, point: '/data' });
    for (const [pid, namespace] of [
      ['self', 1],
      ['1', 1],
      ['700', 2],
      ['701', 2],
      ['800', 3],
    ])
      link(`/proc/${pid}/ns/mnt`, `mnt:[${namespace}]`);
    put('/proc/700/comm', 'postgres\n');

    expect(await named()).toEqual(['the mount at /data in the namespace of postgres (pid 700)']);
  });

  it('is held by whoever has a file of it open, when nothing else shows: it may have been unmounted lazily [6.10]', async () => {
    disk();
    onTemporaryDisk();
    mounted();
    processWith('812', 'java', { 'fd/7': inRoot('/world.dat') });
    put('/world.dat');

    expect(await named()).toEqual(['java (pid 812)']);
  });

  async function named(): Promise<string[]> {
    const holders = await holdersOf(sysroot, await partsOf(sysroot, inRoot('/dev/nvme1n1')));
    return holders.map(({ name }) => name);
  }
});
