/** Finding the disk of a volume on this machine. What EC2 calls `/dev/sdf` is `/dev/nvme1n1` on most instances. */

import { watch } from 'node:fs';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import { AdapterError } from '../config/errors.ts';
import { inSysroot } from './sysroot.ts';
import { UDEV_LIMIT_MS, udevDone } from './udev.ts';

/**
 * What the daemon needs of the kernel's disks. Paths that come out can be opened as they are: in a sysroot they begin with it.
 * Both calls end with the signal's reason, and leave no watch or timer behind.
 */
export interface BlockDevices {
  /**
   * Waits for the NVMe disk that carries the volume's id as its serial number, and for udev to be done with it; gives its path.
   * Where disks have no such numbers (Xen) it never comes, so that another sign of the attachment has to be awaited beside it
   * (`Promise.any`: this one rejects when its limit is over).
   * @param volumeId for example `vol-0123456789abcdef0`.
   * @throws AdapterError when it is not there in time, with what was seen instead.
   */
  awaitSerial(volumeId: string, signal: AbortSignal): Promise<string>;
  /**
   * Waits for the volume's disk, by serial number, else by the device name asked for or its `sd`/`xvd` twin, and for udev to be done with it.
   * Source of the rules: behaviour.md 6.9; EC2 User Guide, "Device names for volumes on Amazon EC2 instances".
   * @throws AdapterError when it is not there in time, with what was tried and seen.
   */
  locate(request: { volumeId: string; device: string }, signal: AbortSignal): Promise<string>;
  /** The same in one look, without waiting; `undefined` when it is not there now. Without a device only by its serial number. */
  find(request: { volumeId: string; device?: string }): Promise<string | undefined>;
}

/** A device follows its attachment within seconds; AWS names no bound, and the EBS CSI driver waits as long. */
const LIMIT_MS = 60_000;

/** The net under the watch on `/dev`, which sees a new disk at once: a look is some small reads in sysfs. */
const LOOK_INTERVAL_MS = 400;

/** A disk that was found. */
interface Found {
  /** As it can be opened; may be a link. */
  path: string;
  /** The kernel's name for it, for example `nvme1n1`. */
  disk: string;
}

/** What one look gave: the disk, or what was there instead, as sentences. */
type Look = Found | { seen: string[] };

/** How long and how often is looked. */
interface Limits {
  limitMs: number;
  lookIntervalMs: number;
  udevLimitMs: number;
}

/** @param shorter in tests: limits to take instead of the usual ones. */
export function createBlockDevices(sysroot: string, shorter: Partial<Limits> = {}): BlockDevices {
  const limits = { limitMs: LIMIT_MS, lookIntervalMs: LOOK_INTERVAL_MS, udevLimitMs: UDEV_LIMIT_MS, ...shorter };
  const lookBySerial = (volumeId: string) => bySerial(sysroot, serialOf(volumeId));

  return {
    awaitSerial(volumeId, signal) {
      return settled(`find the disk of ${volumeId}`, () => lookBySerial(volumeId), signal);
    },

    locate(request, signal) {
      const { volumeId, device } = request;
      return settled(`find the disk of ${volumeId} (${device})`, () => lookAround(request), signal);
    },

    async find(request) {
      const looked = await lookAround(request);
      return 'path' in looked ? looked.path : undefined;
    },
  };

  function lookAround({ volumeId, device }: { volumeId: string; device?: string }): Promise<Look> {
    return first([
      () => lookBySerial(volumeId),
      ...(device === undefined ? [] : namesOf(device)).map((name) => () => byName(sysroot, name, serialOf(volumeId))),
    ]);
  }

  async function settled(operation: string, look: () => Promise<Look>, signal: AbortSignal): Promise<string> {
    const { path: found, disk } = await awaitLook(sysroot, operation, look, limits, signal);
    await udevDone(sysroot, disk, limits.udevLimitMs, signal);
    return found;
  }
}

/** Looks at once, at each change in `/dev`, and at intervals; one look at a time. */
function awaitLook(
  sysroot: string,
  operation: string,
  look: () => Promise<Look>,
  { limitMs, lookIntervalMs }: Limits,
  signal: AbortSignal,
): Promise<Found> {
  return new Promise((resolve, reject) => {
    let seen: string[] = [];
    let looking = false;
    let changed = false;

    const timers = [setInterval(lookOnce, lookIntervalMs), setTimeout(giveUp, limitMs)];
    const unwatch = watchDevices(sysroot, lookOnce);
    signal.addEventListener('abort', abandon, { once: true });
    if (signal.aborted) abandon();
    else lookOnce();

    function lookOnce(): void {
      changed = true;
      if (!looking) lookWhileChanged().catch((error) => end(() => reject(error)));
    }

    async function lookWhileChanged(): Promise<void> {
      looking = true;
      while (changed) {
        changed = false;
        const result = await look();
        if ('path' in result) return end(() => resolve(result));
        seen = result.seen;
      }
      looking = false;
    }

    function giveUp(): void {
      const remedy =
        'Compare `lsblk -o NAME,SERIAL` with the volume, and check that nothing else in the instance uses the device name.';
      const problem = `not there after ${limitMs / 1000} s; seen: ${seen.join('; ')}`;
      end(() => reject(new AdapterError(operation, problem, remedy, { retryable: true })));
    }

    function abandon(): void {
      end(() => reject(signal.reason));
    }

    /** May come more than once; a promise only takes the first. */
    function end(settle: () => void): void {
      for (const timer of timers) clearTimeout(timer);
      unwatch();
      signal.removeEventListener('abort', abandon);
      changed = false;
      settle();
    }
  });
}

/** Calls back at each change in `/dev`; not at all where it cannot be watched (missing, or out of watches): the interval remains. */
function watchDevices(sysroot: string, onChange: () => void): () => void {
  try {
    const watcher = watch(inSysroot(sysroot, '/dev'), onChange);
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}

/** EBS volumes have their id, without the hyphen, for a serial number. Source: EC2 User Guide, "Amazon EBS and NVMe". */
function serialOf(volumeId: string): string {
  return volumeId.replace('-', '').toLowerCase();
}

/** The first look that finds something; otherwise what all of them saw. */
async function first(looks: Array<() => Promise<Look>>): Promise<Look> {
  const seen: string[] = [];
  for (const look of looks) {
    const result = await look();
    if ('path' in result) return result;
    seen.push(...result.seen);
  }
  return { seen };
}

async function bySerial(sysroot: string, serial: string): Promise<Look> {
  const disks = await nvmeDisks(sysroot);
  const disk = disks.find((candidate) => candidate.serial === serial);
  if (disk === undefined)
    return { seen: [`no NVMe disk with serial ${serial} among ${disks.map(described).join(', ') || 'none'}`] };
  const file = inSysroot(sysroot, `/dev/${disk.name}`);
  return (await exists(file)) ? { path: file, disk: disk.name } : { seen: [`${described(disk)}, but no ${file}`] };
}

interface NvmeDisk {
  /** For example `nvme1n1`. */
  name: string;
  serial: string;
}

async function nvmeDisks(sysroot: string): Promise<NvmeDisk[]> {
  const folder = inSysroot(sysroot, '/sys/block');
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith('nvme')).sort();
  return Promise.all(names.map(async (name) => ({ name: diskName(name), serial: await nvmeSerial(sysroot, name) })));
}

/** With multipath the serial may stand at a hidden path, `nvme1c0n1`; what can be opened is `nvme1n1`. Source: Linux, drivers/nvme/host/multipath.c. */
function diskName(name: string): string {
  return name.replace(/^(nvme\d+)c\d+(n\d+)$/, '$1$2');
}

/** Padded with spaces to 20 characters in sysfs; empty when there is none. */
async function nvmeSerial(sysroot: string, name: string): Promise<string> {
  const file = inSysroot(sysroot, `/sys/block/${name}/device/serial`);
  return (await readFile(file, 'utf8').catch(() => '')).trim().toLowerCase();
}

function described({ name, serial }: NvmeDisk): string {
  return `${name} (serial ${serial || 'unknown'})`;
}

/** `/dev/sdf` and `/dev/xvdf` are one attachment point, and the kernel may call it by either; `sdf` is short for it. */
function namesOf(device: string): string[] {
  const name = device.startsWith('/') ? device : `/dev/${device}`;
  const twin = name.replace(/^\/dev\/(sd|xvd)(?=[a-z]+\d*$)/, (_, family) => `/dev/${family === 'sd' ? 'xvd' : 'sd'}`);
  return twin === name ? [name] : [name, twin];
}

/** A path that is there, unless it leads to an NVMe disk: that has a serial number, and a link may be late and lead to another volume's. */
async function byName(sysroot: string, name: string, serial: string): Promise<Look> {
  const file = inSysroot(sysroot, name);
  const target = await behindLinks(sysroot, name);
  const nvme = /^nvme\d+n\d+/.exec(path.basename(target))?.[0];
  const found = nvme && (await nvmeSerial(sysroot, nvme));
  if (found !== undefined && found !== serial)
    return { seen: [`${file} is ${described({ name: nvme ?? '', serial: found })}`] };
  if (!(await exists(inSysroot(sysroot, target)))) return { seen: [`no ${file}`] };
  return { path: file, disk: path.basename(target) };
}

/** More links in a row than udev ever makes. */
const MOST_LINKS = 8;

/** Follows links within the sysroot; `realpath` would leave it at the first absolute one. */
async function behindLinks(sysroot: string, name: string): Promise<string> {
  let target = name;
  for (let links = 0; links < MOST_LINKS; links++) {
    const next = await readlink(inSysroot(sysroot, target)).catch(() => undefined);
    if (next === undefined) break;
    target = path.resolve(path.dirname(target), next);
  }
  return target;
}

/** A folder is no disk, nor what stands for one in a test. */
async function exists(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && !found.isDirectory();
}
