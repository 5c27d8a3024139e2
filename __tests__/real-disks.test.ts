/**
 * The rule of giving back, on disks of the real kernel: loop devices with file systems, swap and partitions, through the real `umount`.
 * All mounts are made in a mount namespace of the test's own, which goes, and they with it, when the test does.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const MEBIBYTE = 1_048_576;
const SECTOR = 512;

/** Why there can be no real disks here, where there can be none. */
function missing(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/loop-control')) return 'no /dev/loop-control';
  // Without it, as in a container, new disks and partitions have no nodes.
  if (!/ \/dev \S+ .*- devtmpfs /.test(readFileSync('/proc/self/mountinfo', 'utf8'))) return 'no devtmpfs at /dev';
  const probes = [
    ['losetup', '-f'],
    ['mkfs.ext4', '-V'],
    ['debugfs', '-V'],
    ['mkswap', '-V'],
    ['partx', '-V'],
    ['nsenter', '-V'],
    ['unshare', '-m', 'true'],
  ];
  const failing = probes.find(([program = '', ...args]) => spawnSync(program, args).status !== 0);
  return failing && `\`${failing.join(' ')}\` fails`;
}

const why = missing();
const whereLoops = why === undefined ? it : it.skip;

/** The kernel lists it there once it has it. Source: Linux, drivers/md/dm-ioctl.c. */
const hasMapper = existsSync('/proc/misc') && /\bdevice-mapper$/m.test(readFileSync('/proc/misc', 'utf8'));
const noMapper = hasMapper ? undefined : 'no device-mapper in /proc/misc';
const whereMapper = why === undefined && hasMapper ? it : it.skip;

const skipped = (reason: string | undefined) => (reason === undefined ? '' : ` (skipped: ${reason})`);

let folder: string;
let machine: Held;
/** What the test has changed outside its namespace, to be taken back, the last first. */
let undo: (() => unknown)[];

if (why === undefined) {
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'real-disks-'));
    undo = [() => rmSync(folder, { recursive: true })];
    machine = await held(['unshare', '-m', '--propagation', 'private', 'cat']);
  });

  afterEach(async () => {
    const failures: unknown[] = [];
    for (const step of undo.reverse())
      await Promise.resolve()
        .then(step)
        .catch((error) => failures.push(error));
    expect(failures).toEqual([]);
  });
}

describe(`a real disk that is given back${skipped(why)}`, () => {
  whereLoops('is unmounted wherever it is mounted: in itself, over itself, bound to another place [6.10]', async () => {
    const disk = formatted();
    const world = place('my world');
    onMachine('mount', disk, world);
    onMachine('mkdir', path.join(world, 'inner'), path.join(world, 'maps'));
    onMachine('mount', disk, path.join(world, 'inner'));
    onMachine('mount', '--bind', path.join(world, 'maps'), place('maps'));
    onMachine('mount', '--bind', place('maps'), world);
    const before = mountedOf(disk);

    const refused = letGo(disk);

    expect(before).toHaveLength(4);
    expect(refused).toBeUndefined();
    expect(mountedOf(disk)).toEqual([]);
  });

  whereLoops('is unmounted with its partitions [6.10]', async () => {
    const { disk, partitions } = partitioned();
    for (const partition of partitions) {
      run('mkfs.ext4', '-q', partition);
      onMachine('mount', partition, place(path.basename(partition)));
    }

    const refused = letGo(disk);

    expect(refused).toBeUndefined();
    expect(partitions.map(mountedOf)).toEqual([[], []]);
  });

  whereLoops('has all that was written to it [6.10]', async () => {
    const disk = formatted();
    onMachine('mount', disk, place('world'));
    writeOnMachine(path.join(place('world'), 'level.dat'), 'my world');

    letGo(disk);
    // What is on the disk itself, not what the kernel would remember of it.
    const content = run('debugfs', '-R', 'cat level.dat', path.join(folder, 'disk-0.img'));

    expect(content).toBe('my world');
  });
});

describe(`a real disk that cannot be unmounted${skipped(why)}`, () => {
  whereLoops('is left mounted, and who is in a folder of it named; when he has gone it is let go [6.10]', async () => {
    const disk = formatted();
    onMachine('mount', disk, place('world'));
    const visitor = await onMachineHeld(`cd '${place('world')}'`);

    const refused = letGo(disk);
    const still = mountedOf(disk);
    await visitor.end();

    expect(refused).toMatchObject({ retryable: true });
    expect(refused?.message).toContain(`${place('world')}: target is busy; held by cat (pid ${visitor.pid}). `);
    expect(still).toHaveLength(1);
    expect(letGo(disk)).toBeUndefined();
  });

  whereLoops('is left mounted, and who has a file of it in memory named [6.10]', async () => {
    const disk = formatted();
    onMachine('mount', disk, place('world'));
    const library = path.join(place('world'), 'library.so');
    onMachine('cp', someLibrary(), library);
    const user = await onMachineHeld(`export LD_PRELOAD='${library}'`);

    const refused = letGo(disk);

    expect(refused?.message).toContain(`target is busy; held by cat (pid ${user.pid}). `);
  });

  whereLoops('is left mounted, and the swap file on it named [6.10]', async () => {
    const disk = formatted();
    onMachine('mount', disk, place('world'));
    const file = path.join(place('world'), 'swapfile');
    onMachine('dd', 'if=/dev/zero', `of=${file}`, 'bs=1M', 'count=1', 'status=none');
    onMachine('chmod', '600', file);
    onMachine('mkswap', '-q', file);
    swapOn(file, () => {
      // Mounted once more: what should not have unmounted it may have done so.
      onMachine('mount', disk, place('again'));
      return path.join(place('again'), path.basename(file));
    });

    const refused = letGo(disk);

    expect(refused).toMatchObject({ retryable: false });
    expect(refused?.message).toContain(`held by swap on ${file}. `);
  });

  whereLoops('is left mounted, and the disk that lies in a file of it named [6.10]', async () => {
    const disk = formatted();
    onMachine('mount', disk, place('world'));
    const image = path.join(place('world'), 'image');
    onMachine('truncate', '-s', '1M', image);
    const inner = attachLoop(image, onMachine);

    const refused = letGo(disk);

    expect(refused).toMatchObject({ retryable: false });
    expect(refused?.message).toContain(`held by ${path.basename(inner)} (${image}). `);
  });

  whereLoops("is left mounted, and so is another's that is mounted in it, which is named [6.10]", async () => {
    const [disk, other] = [formatted(), formatted()];
    onMachine('mount', disk, place('world'));
    const inner = path.join(place('world'), 'inner');
    onMachine('mkdir', inner);
    onMachine('mount', other, inner);

    const refused = letGo(disk);

    expect(refused?.message).toContain(`${place('world')} is covered by ${other} (ext4) at ${inner}. `);
    expect([mountedOf(disk), mountedOf(other)]).toEqual([[place('world')], [inner]]);
  });
});

describe(`a real disk that is held${skipped(why)}`, () => {
  whereLoops('since it was unmounted lazily is left attached, and who has a file of it open named [6.10]', async () => {
    const disk = formatted();
    onMachine('mount', disk, place('world'));
    writeOnMachine(path.join(place('world'), 'level.dat'), 'my world');
    const reader = await onMachineHeld(`exec 3<'${place('world')}/level.dat'`);
    onMachine('umount', '-l', place('world'));
    const before = mountedOf(disk);

    const refused = letGo(disk);
    await reader.end();

    expect(before).toEqual([]);
    expect(refused).toMatchObject({ retryable: true });
    expect(refused?.message).toContain(`${disk} is held by cat (pid ${reader.pid}). The volume was left attached.`);
    expect(letGo(disk)).toBeUndefined();
  });

  whereLoops('by somebody who has it to himself is left attached, and he is named [6.10]', async () => {
    const disk = loopDevice();
    const owner = await heldAlone(disk);

    const refused = letGo(disk);
    await owner.end();

    expect(refused?.message).toContain(`let go of ${disk}: ${disk} is held by`);
    expect(refused?.message).toContain(`(pid ${owner.pid}). The volume was left attached`);
    expect(letGo(disk)).toBeUndefined();
  });

  whereLoops('by somebody who has a partition of it to himself is left attached, and he is named [6.10]', async () => {
    const { disk, partitions } = partitioned();
    const owner = await heldAlone(partitions.at(-1) ?? '');

    const refused = letGo(disk);

    expect(refused?.message).toContain(`(pid ${owner.pid}). The volume was left attached`);
  });

  whereLoops(
    'by a mount in a namespace of others, a container perhaps, is left attached with that named [6.10]',
    async () => {
      const { disk, partitions } = partitioned();
      const [partition = ''] = partitions;
      run('mkfs.ext4', '-q', partition);
      const script = `mount '${partition}' '${place('data')}' && exec cat`;
      const container = await held(['unshare', '-m', '--propagation', 'private', 'sh', '-c', script]);

      const refused = letGo(disk);

      const named = `the mount at ${place('data')} in the namespace of cat (pid ${container.pid}). `;
      expect(refused?.message).toContain(`is held by ${named}`);
      expect(refused).toMatchObject({ retryable: false });
    },
  );

  whereLoops('by the kernel, which swaps to a partition of it, is left attached, and that is said [6.10]', async () => {
    const { disk, partitions } = partitioned();
    const [partition = ''] = partitions;
    run('mkswap', '-q', partition);
    swapOn(partition);

    const refused = letGo(disk);

    expect(refused).toMatchObject({ retryable: false });
    expect(refused?.message).toContain(`is held by swap on ${partition}. `);
  });

  whereMapper(`by LVM or LUKS is left attached, and the mapping named [6.10]${skipped(noMapper)}`, async () => {
    const disk = loopDevice();
    const name = `ec2fleetd-test-${process.pid}`;
    run('dmsetup', 'create', name, '--noudevsync', '--table', `0 ${MEBIBYTE / SECTOR} linear ${disk} 0`);
    undo.push(() => run('dmsetup', 'remove', '--noudevsync', name));

    const refused = letGo(disk);

    expect(refused).toMatchObject({ retryable: false });
    expect(refused?.message).toMatch(new RegExp(`${disk} is held by dm-\\d+ \\(${name}\\)\\. `));
  });
});

interface Refused {
  message: string;
  retryable: boolean;
}

/** Runs the adapter as the daemon does, once, on the machine; gives what it refused with, or nothing. */
function letGo(disk: string): Refused | undefined {
  const program = `
    import { createMounts } from ${JSON.stringify(path.resolve(__dirname, '../adapters/mounts.ts'))};
    const answer = await createMounts('', { patienceMs: 0 }).letGo(process.argv[1]).then(
      () => ({}),
      ({ message, retryable }) => ({ refused: { message, retryable } }),
    );
    console.log(JSON.stringify(answer));`;
  return JSON.parse(onMachine(process.execPath, '--input-type=module', '-e', program, disk)).refused;
}

/** Where a file system may be mounted. */
function place(name: string): string {
  const point = path.join(folder, name);
  mkdirSync(point, { recursive: true });
  return point;
}

/** Where it is mounted on the machine. */
function mountedOf(device: string): string[] {
  return onMachine('cat', '/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line.split(' - ')[1]?.split(' ')[1] === device)
    .map((line) => line.split(' ')[4] ?? '');
}

function formatted(): string {
  return loopDevice((image) => run('mkfs.ext4', '-q', '-F', image));
}

/** With two partitions. */
function partitioned(): { disk: string; partitions: string[] } {
  const disk = loopDevice(writePartitionTable);
  // Where the kernel reads no such tables itself, it can be told.
  if (!existsSync(`${disk}p1`)) run('partx', '-a', disk);
  return { disk, partitions: [`${disk}p1`, `${disk}p2`] };
}

/** A master boot record: each entry has the type, the first sector and the number of sectors. */
function writePartitionTable(image: string): void {
  const record = Buffer.alloc(SECTOR);
  const sectors = (4 * MEBIBYTE) / SECTOR;
  for (const [index, start] of [sectors, 2 * sectors].entries()) {
    const entry = 446 + 16 * index;
    record.writeUInt8(0x83, entry + 4);
    record.writeUInt32LE(start, entry + 8);
    record.writeUInt32LE(sectors, entry + 12);
  }
  record.writeUInt16LE(0xaa55, 510);
  writeFileSync(image, record, { flag: 'r+' });
}

let images = 0;
beforeEach(() => {
  images = 0;
});

function loopDevice(fill: (image: string) => void = () => {}): string {
  const image = path.join(folder, `disk-${images++}.img`);
  writeFileSync(image, '');
  truncateSync(image, 16 * MEBIBYTE);
  fill(image);
  return attachLoop(image, run);
}

function attachLoop(image: string, on: typeof run): string {
  const device = on('losetup', '-f', '--show', '-P', image).trim();
  undo.push(() => run('losetup', '-d', device));
  return device;
}

/** There is one swap for all namespaces. @param later where the file is when the test is over. */
function swapOn(file: string, later = () => file): void {
  onMachine('swapon', file);
  undo.push(() => onMachine('swapoff', later()));
}

/** Any that this process has in its own memory. */
function someLibrary(): string {
  const [library] = /\/\S+\.so\S*$/m.exec(readFileSync('/proc/self/maps', 'utf8')) ?? [];
  if (library === undefined) throw new Error('this process uses no library');
  return library;
}

function writeOnMachine(file: string, content: string): void {
  onMachine('sh', '-c', 'printf %s "$1" > "$0"', file, content);
}

function onMachine(...argv: string[]): string {
  return run('nsenter', ...inNamespace(), ...argv);
}

/** A process on the machine that has done this first. @param first of a shell. */
function onMachineHeld(first: string): Promise<Held> {
  return held(['nsenter', ...inNamespace(), 'sh', '-c', `${first}; exec cat`]);
}

function inNamespace(): string[] {
  return [`--mount=/proc/${machine.pid}/ns/mnt`, '--'];
}

function heldAlone(device: string): Promise<Held> {
  const program = `
    const { constants, openSync } = require('node:fs');
    openSync(process.argv[1], constants.O_RDONLY | constants.O_EXCL);
    process.stdin.pipe(process.stdout);`;
  return held([process.execPath, '-e', program, device]);
}

function run(program: string, ...argv: string[]): string {
  return execFileSync(program, argv, { encoding: 'utf8', timeout: 10_000, stdio: 'pipe' });
}

/** A process that stays until it is told to end, or this one ends. */
interface Held {
  pid: number;
  end(): Promise<void>;
}

/** Starts it, and waits until it gives back what it reads, as `cat` does. */
async function held([program = '', ...argv]: string[]): Promise<Held> {
  const child: ChildProcessWithoutNullStreams = spawn(program, argv);
  const exited = once(child, 'exit');
  const end = async () => {
    child.stdin.end();
    await exited;
  };
  undo.push(end);
  child.stdin.write('ready\n');
  await Promise.race([
    once(child.stdout, 'data'),
    exited.then(() => Promise.reject(new Error(`${program} ${argv.join(' ')}: ${child.stderr.read()}`))),
  ]);
  return { pid: child.pid ?? 0, end };
}
