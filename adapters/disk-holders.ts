/** Who holds a disk that is busy, in an operator's words. */

import type { Stats } from 'node:fs';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { DiskPart } from './disk-parts.ts';
import { isOnDisk, mountsOf, unescaped } from './mount-table.ts';
import { inSysroot } from './sysroot.ts';

/** Somebody who keeps a disk from being given back. */
export interface Holder {
  /** For example `dm-0 (vg-data)` or `java (pid 812)`. */
  name: string;
  /** True when it stays until somebody takes it away; a process may be about to end. */
  lasts: boolean;
}

/**
 * Who keeps the disk or a partition of it from being opened by us alone: the kernel (LVM, LUKS, RAID, swap), a mount that only other
 * processes see (a container), else whoever has a file open on it, for example since it was unmounted lazily.
 */
export async function holdersOf(sysroot: string, parts: DiskPart[]): Promise<Holder[]> {
  const lasting = [
    ...(await kernelHolders(sysroot, parts)),
    ...(await swaps(sysroot, parts)),
    ...(await mountsElsewhere(sysroot, parts)),
  ];
  return lasting.length > 0 ? lasting : usersOfFiles(sysroot, parts);
}

/**
 * Who keeps what is mounted of the disk from being unmounted: swap or another disk in a file of it, whoever has a file open or mapped or
 * is in a folder of it.
 */
export async function usersOf(sysroot: string, parts: DiskPart[]): Promise<Holder[]> {
  return [...(await swaps(sysroot, parts)), ...(await usersOfFiles(sysroot, parts))];
}

async function kernelHolders(sysroot: string, parts: DiskPart[]): Promise<Holder[]> {
  const mounts = await mountsOf(sysroot, 'self');
  const names = new Set((await Promise.all(parts.map(({ folder }) => holdersIn(folder)))).flat());
  return Promise.all([...names].map(describe));

  /** `dm-0`, and whatever holds that: LVM may lie on LUKS on RAID. */
  async function holdersIn(folder: string): Promise<string[]> {
    const direct = await readdir(path.join(folder, 'holders')).catch(() => []);
    const further = await Promise.all(direct.map((name) => holdersIn(folderOf(name))));
    return [...direct, ...further.flat()];
  }

  async function describe(name: string): Promise<Holder> {
    const [mapped, number] = await Promise.all([textOf(folderOf(name), 'dm/name'), textOf(folderOf(name), 'dev')]);
    const points = mounts.filter(({ device }) => device === number).map(({ point }) => `mounted at ${point}`);
    const known = [...(mapped ? [mapped] : []), ...points];
    return { name: known.length > 0 ? `${name} (${known.join(', ')})` : name, lasts: true };
  }

  function folderOf(name: string): string {
    return inSysroot(sysroot, `/sys/block/${name}`);
  }
}

async function textOf(folder: string, file: string): Promise<string> {
  return (await readFile(path.join(folder, file), 'utf8').catch(() => '')).trim();
}

/** Partitions and files that are swapped to. Source: proc_swaps(5). */
async function swaps(sysroot: string, parts: DiskPart[]): Promise<Holder[]> {
  const text = await readFile(inSysroot(sysroot, '/proc/swaps'), 'utf8').catch(() => '');
  const files = text
    .split('\n')
    .slice(1)
    .flatMap((line) => line.split(/\s/, 1))
    .filter(Boolean)
    .map(unescaped);
  const ours = await Promise.all(
    files.map(async (file) => isNode(file) || (await isOf(inSysroot(sysroot, file), parts))),
  );
  return files.filter((_, index) => ours[index]).map((file) => ({ name: `swap on ${file}`, lasts: true }));

  /** The kernel goes on swapping to a partition whose node was removed. */
  function isNode(file: string): boolean {
    return parts.some(({ name }) => `/dev/${name}` === file);
  }
}

/** Mounts that unmounting here has not reached, one for each other mount namespace. Source: mount_namespaces(7). */
async function mountsElsewhere(sysroot: string, parts: DiskPart[]): Promise<Holder[]> {
  const seen = new Set<string | undefined>();
  const found: Holder[] = [];
  for (const pid of await pidsOf(sysroot)) {
    const namespace = await namespaceOf(pid);
    if (seen.has(namespace)) continue;
    seen.add(namespace);
    const mount = (await mountsOf(sysroot, pid)).find((one) => isOnDisk(one, parts));
    if (mount === undefined) continue;
    const whose = await processName(sysroot, pid);
    found.push({ name: `the mount at ${mount.point} in the namespace of ${whose}`, lasts: true });
  }
  return found;

  /** For example `mnt:[4026531841]`; absent for a process that has ended. */
  function namespaceOf(pid: string): Promise<string | undefined> {
    return readlink(inSysroot(sysroot, `/proc/${pid}/ns/mnt`)).catch(() => undefined);
  }
}

/** Looking through the open files of a busy machine; the error must not wait longer for their names. */
const SCAN_LIMIT_MS = 2_000;

/**
 * Loop devices in a file on the disk, and processes with a file of it open or mapped, or a working directory on it, or with the disk
 * itself open: those found in time.
 */
async function usersOfFiles(sysroot: string, parts: DiskPart[]): Promise<Holder[]> {
  const found: Holder[] = [];
  const over = new AbortController();
  // A look at a file of a network that is gone hangs for ever, therefore no more than one at a time.
  await Promise.race([scan(), pause(SCAN_LIMIT_MS, undefined, { signal: over.signal }).catch(() => {})]);
  over.abort();
  return [...found];

  async function scan(): Promise<void> {
    for (const { name, file } of await loopDevices(sysroot)) {
      if (over.signal.aborted) return;
      if (await isOf(inSysroot(sysroot, file), parts)) found.push({ name: `${name} (${file})`, lasts: true });
    }
    for (const pid of await pidsOf(sysroot)) {
      if (over.signal.aborted) return;
      if (await uses(pid)) found.push({ name: await processName(sysroot, pid), lasts: false });
    }
  }

  async function uses(pid: string): Promise<boolean> {
    const folder = inSysroot(sysroot, `/proc/${pid}`);
    const files = await readdir(path.join(folder, 'fd')).catch(() => []);
    for (const link of ['cwd', 'root', 'exe', ...files.map((file) => `fd/${file}`)]) {
      if (over.signal.aborted) return false;
      if (await isOf(path.join(folder, link), parts)) return true;
    }
    return maps(folder, parts);
  }
}

/** Disks that lie in a file, with that file. Source: losetup(8). */
async function loopDevices(sysroot: string): Promise<{ name: string; file: string }[]> {
  const folder = inSysroot(sysroot, '/sys/block');
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith('loop'));
  const devices = await Promise.all(
    names.map(async (name) => ({ name, file: await textOf(path.join(folder, name), 'loop/backing_file') })),
  );
  return devices.filter(({ file }) => file !== '');
}

/** Whether a process has a file of the disk in its memory, which stays there when the file is closed. Source: proc_pid_maps(5). */
async function maps(folder: string, parts: DiskPart[]): Promise<boolean> {
  const text = await readFile(path.join(folder, 'maps'), 'utf8').catch(() => '');
  const numbers = [...text.matchAll(/^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) /gm)].map(
    ([, major = '', minor = '']) => `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`,
  );
  return parts.some(({ number }) => number !== undefined && numbers.includes(number));
}

/** Ids of processes, the oldest first as a rule. */
async function pidsOf(sysroot: string): Promise<string[]> {
  const entries = await readdir(inSysroot(sysroot, '/proc')).catch(() => []);
  return entries.filter((entry) => /^\d+$/.test(entry)).sort((a, b) => Number(a) - Number(b));
}

async function processName(sysroot: string, pid: string): Promise<string> {
  const name = await textOf(inSysroot(sysroot, `/proc/${pid}`), 'comm');
  return `${name || 'a process'} (pid ${pid})`;
}

/** Whether a file lies on the disk, or is the disk or a partition of it. */
async function isOf(file: string, parts: DiskPart[]): Promise<boolean> {
  const found: Stats | undefined = await stat(file).catch(() => undefined);
  if (found === undefined) return false;
  const numbers = [deviceNumber(found.dev), ...(found.isBlockDevice() ? [deviceNumber(found.rdev)] : [])];
  return parts.some(({ number }) => number !== undefined && numbers.includes(number));
}

/** `259:1` of the number that the C library makes of it. Source: makedev(3), glibc's `gnu_dev_makedev`; Linux has 12 bits and 20. */
function deviceNumber(device: number): string {
  return `${(device >>> 8) & 0xfff}:${(device & 0xff) | ((device >>> 12) & 0xfff00)}`;
}
