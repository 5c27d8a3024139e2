/**
 * A machine as its processes see it, laid out under a directory. Attached disks as on Nitro, `sys/block/nvmeNn1/device/{serial,model}`
 * with their partitions, and for each a node in `dev`, here a plain file; and what `proc` says of this boot. Source: EC2 User Guide,
 * "Amazon EBS and NVMe"; amazon-ec2-utils, `ebsnvme`; proc(5).
 */
import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from './clock.ts';
import { type DiskNames, forget, hasUdev, type LinkNames, makeLinks, startUdev, UDEV, writeDown } from './udev.ts';

/** What the disk of a volume is like, and what udev does about it. */
export interface DiskSetup {
  /** How many partitions it has, up to 15; default 0. */
  partitions?: number;
  /**
   * Milliseconds until udev has written down the disk and its partitions; `never`: it does not get that far. Absent: at once where the
   * machine has udev, which it has from the first disk on that says how long it takes.
   */
  udevMs?: number | 'never';
  /**
   * Milliseconds until the links to it are there, `dev/sdf` as it was asked for and `dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol…`,
   * and to its partitions, `dev/sdf1` and `…-part1`; absent: they never come.
   */
  linksMs?: number;
  /** True: until then the links to the disk lead to another volume's, as if it had the number now that this one had before. */
  staleLinks?: boolean;
  /** What is on it before anybody has written to it; default nothing. */
  content?: string;
}

/** What there is to say of a disk that appears; all of it has a default. */
export interface PlugOptions {
  disk?: DiskSetup | undefined;
  /** As it was asked for, for example `/dev/sdf`: a link is called so. Absent: only its id makes links. */
  device?: string | undefined;
  /**
   * A folder, on the sysroot's file system, with a file for each volume, `vol-…`: what is written to the disk is in it, and on the disk
   * again wherever the volume is attached next. Absent: each disk begins anew.
   */
  contents?: string | undefined;
  /** What comes late waits on it; absent: all comes at once, as for a disk that was there at the boot. */
  clock?: Clock | undefined;
}

/** Both NVMe fields have a fixed width and are filled with blanks. */
const SERIAL_WIDTH = 20;
const MODEL_WIDTH = 40;

/** Of disks and partitions that get their numbers as they come. Source: Linux, Documentation/admin-guide/devices.txt. */
const BLOCK_MAJOR = 259;
/** From one disk's number to the next one's: room for its partitions. */
const MINORS_PER_DISK = 16;

const UPTIME = 'proc/uptime';
const HOST_NAME = 'proc/sys/kernel/hostname';
const STATIC_HOST_NAME = 'localhost\n';

/**
 * Makes the directories, so that they can be watched before the first disk is there; a host name to be changed; and, where
 * they are missing, the files that tell one boot from another.
 */
export function layOut(sysroot: string, uptimeS: number): void {
  for (const folder of ['sys/block', 'dev', 'run', 'proc/sys/kernel/random', 'proc/self']) {
    mkdirSync(path.join(sysroot, folder), { recursive: true });
  }
  writeFileSync(path.join(sysroot, HOST_NAME), STATIC_HOST_NAME);
  for (const [file, text] of Object.entries(bootFiles(uptimeS))) {
    if (!existsSync(path.join(sysroot, file))) writeFileSync(path.join(sysroot, file), text);
  }
}

/**
 * Boots the machine anew: the disks stay, and what udev knows of them, since it finds that out before anybody asks; the rest of `run`,
 * what was mounted and the transient host name are gone.
 */
export function bootAnew(sysroot: string, uptimeS: number): void {
  const lost = readdirSync(path.join(sysroot, 'run')).filter((entry) => entry !== path.basename(UDEV));
  for (const entry of lost) rmSync(path.join(sysroot, 'run', entry), { recursive: true });
  const files = { ...bootFiles(uptimeS), [HOST_NAME]: STATIC_HOST_NAME };
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(sysroot, file), text);
}

/** Says how long the machine has been up. */
export function writeUptime(sysroot: string, uptimeS: number): void {
  writeFileSync(path.join(sysroot, UPTIME), uptimeText(uptimeS));
}

/** Lets a disk appear under the first free NVMe number. Does nothing without a sysroot, or when it is there. */
export function plugIn(sysroot: string | undefined, volumeId: string, options: PlugOptions = {}): void {
  if (sysroot === undefined || diskOf(sysroot, volumeId) !== undefined) return;
  let number = 0;
  while (existsSync(path.join(sysroot, 'sys/block', `nvme${number}n1`))) number += 1;

  // Before /dev, which is the kernel's order too.
  const names = showInSysfs(sysroot, volumeId, number, options.disk?.partitions ?? 0);
  putContent(path.join(sysroot, 'dev', names.disk), volumeId, options);
  for (const partition of names.partitions) writeFileSync(path.join(sysroot, 'dev', partition), '');
  letUdevWork(sysroot, volumeId, names, options);
}

/** Lets a disk disappear, and what udev made of it. Does nothing when it is not there. @param contents as when it was plugged in. */
export function unplug(sysroot: string | undefined, volumeId: string, contents?: string): void {
  const disk = sysroot === undefined ? undefined : diskOf(sysroot, volumeId);
  if (sysroot === undefined || disk === undefined) return;
  const names = namesOf(sysroot, disk);
  const node = path.join(sysroot, 'dev', disk);
  forget(sysroot, names);
  // A new name for it in vain, unless somebody has put another file in its place.
  if (contents !== undefined && existsSync(node)) renameSync(node, path.join(contents, volumeId));
  for (const part of [disk, ...names.partitions]) rmSync(path.join(sysroot, 'dev', part), { force: true });
  rmSync(path.join(sysroot, 'sys/block', disk), { recursive: true });
}

/** Moved into place whole, since sysfs shows no half-made disks either. */
function showInSysfs(sysroot: string, volumeId: string, number: number, partitionCount: number): DiskNames {
  const disk = `nvme${number}n1`;
  const minor = number * MINORS_PER_DISK;
  const aside = path.join(sysroot, `sys/.${disk}`);
  mkdirSync(path.join(aside, 'device'), { recursive: true });
  writeFileSync(path.join(aside, 'device/serial'), `${serialOf(volumeId).padEnd(SERIAL_WIDTH)}\n`);
  writeFileSync(path.join(aside, 'device/model'), `${'Amazon Elastic Block Store'.padEnd(MODEL_WIDTH)}\n`);
  writeFileSync(path.join(aside, 'dev'), `${BLOCK_MAJOR}:${minor}\n`);
  for (let index = 1; index <= partitionCount; index += 1) {
    const partition = path.join(aside, `${disk}p${index}`);
    mkdirSync(partition);
    writeFileSync(path.join(partition, 'partition'), `${index}\n`);
    writeFileSync(path.join(partition, 'dev'), `${BLOCK_MAJOR}:${minor + index}\n`);
  }
  renameSync(aside, path.join(sysroot, 'sys/block', disk));
  return namesOf(sysroot, disk);
}

/** With a folder for contents the node is a second name of the volume's file in it. */
function putContent(node: string, volumeId: string, { contents, disk }: PlugOptions): void {
  const kept = contents === undefined ? node : path.join(contents, volumeId);
  mkdirSync(path.dirname(kept), { recursive: true });
  if (!existsSync(kept)) writeFileSync(kept, disk?.content ?? '');
  if (kept !== node) linkSync(kept, node);
}

function letUdevWork(sysroot: string, volumeId: string, names: DiskNames, options: PlugOptions): void {
  const { udevMs, linksMs, staleLinks = false } = options.disk ?? {};
  const { disk } = names;
  const links: LinkNames = { serial: serialOf(volumeId), device: options.device };
  const others = readdirSync(path.join(sysroot, 'sys/block'))
    .filter((other) => other !== disk)
    .toSorted();
  if (udevMs !== undefined)
    startUdev(
      sysroot,
      others.map((other) => namesOf(sysroot, other)),
    );

  const [foreign] = others;
  if (staleLinks && foreign !== undefined) makeLinks(sysroot, { disk: foreign, partitions: [] }, links);
  if (linksMs !== undefined) whileThere(linksMs, () => makeLinks(sysroot, names, links));
  if (hasUdev(sysroot) && udevMs !== 'never') whileThere(udevMs ?? 0, () => writeDown(sysroot, names));

  function whileThere(delayMs: number, effect: () => void): void {
    const { clock } = options;
    if (clock === undefined || delayMs <= 0) effect();
    else clock.after(delayMs, () => diskOf(sysroot, volumeId) === disk && effect());
  }
}

function namesOf(sysroot: string, disk: string): DiskNames {
  const entries = readdirSync(path.join(sysroot, 'sys/block', disk));
  return { disk, partitions: entries.filter((entry) => entry.startsWith(disk)).toSorted() };
}

/** What is new with every boot. */
function bootFiles(uptimeS: number): Record<string, string> {
  return {
    'proc/sys/kernel/random/boot_id': `${randomUUID()}\n`,
    [UPTIME]: uptimeText(uptimeS),
    'proc/self/mountinfo': '',
  };
}

/** Seconds since the boot, and seconds that the processors were idle. */
function uptimeText(uptimeS: number): string {
  return `${uptimeS.toFixed(2)} 0.00\n`;
}

/** `vol-0123456789abcdef0` → `vol0123456789abcdef0`: of several hyphens, as in made-up ids, only the first goes. */
function serialOf(volumeId: string): string {
  return volumeId.replace('-', '');
}

function diskOf(sysroot: string, volumeId: string): string | undefined {
  const blocks = path.join(sysroot, 'sys/block');
  return readdirSync(blocks).find((disk) => {
    const serial = path.join(blocks, disk, 'device/serial');
    return existsSync(serial) && readFileSync(serial, 'utf8').trim() === serialOf(volumeId);
  });
}
