/**
 * What udev makes of the disks of a machine: an entry of its database for each disk and partition, `run/udev/data/b259:16`, whose line
 * `I:` says that it is done with it, and links to them. Source: systemd, `60-persistent-storage.rules` and `device_update_db`;
 * amazon-ec2-utils, `70-ec2-nvme-devices.rules`.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

/** udev's folder in `run`; a machine without it has no udev. */
export const UDEV = 'run/udev';

const DATABASE = `${UDEV}/data`;
const BY_ID = 'dev/disk/by-id';

/** A disk and its partitions, by name: `nvme1n1`, `nvme1n1p1`. */
export interface DiskNames {
  disk: string;
  partitions: string[];
}

/** What links to a disk are called after. */
export interface LinkNames {
  /** For example `vol0123456789abcdef0`. */
  serial: string;
  /** As it was asked for, for example `/dev/sdf`. */
  device?: string | undefined;
}

/** Whether the machine has udev: from {@link startUdev} on, and where somebody has laid it out. */
export function hasUdev(sysroot: string): boolean {
  return existsSync(path.join(sysroot, DATABASE));
}

/** From now on the machine has udev, which is done with the disks that are there. */
export function startUdev(sysroot: string, there: DiskNames[]): void {
  if (hasUdev(sysroot)) return;
  mkdirSync(path.join(sysroot, DATABASE), { recursive: true });
  for (const names of there) writeDown(sysroot, names);
}

/** Writes down a disk, then its partitions. */
export function writeDown(sysroot: string, { disk, partitions }: DiskNames): void {
  for (const part of ['', ...partitions]) {
    const entry = entryOf(sysroot, path.join('sys/block', disk, part));
    writeFileSync(entry, `I:${Math.round(process.uptime() * 1_000_000)}\nG:systemd\nQ:systemd\n`);
  }
}

/** Makes the links to a disk and its partitions: `disk/by-id/nvme-Amazon_Elastic_Block_Store_vol…-part1`, `sdf1`. */
export function makeLinks(sysroot: string, { disk, partitions }: DiskNames, { serial, device }: LinkNames): void {
  mkdirSync(path.join(sysroot, BY_ID), { recursive: true });
  for (const part of [disk, ...partitions]) {
    const number = part.slice(disk.length + 1);
    const id = `nvme-Amazon_Elastic_Block_Store_${serial}${number && `-part${number}`}`;
    pointAt(path.join(sysroot, BY_ID, id), `../../${part}`);
    if (device !== undefined) pointAt(path.join(sysroot, 'dev', `${path.basename(device)}${number}`), part);
  }
}

/** Takes away what there is of a disk that goes. */
export function forget(sysroot: string, { disk, partitions }: DiskNames): void {
  for (const part of ['', ...partitions]) rmSync(entryOf(sysroot, path.join('sys/block', disk, part)), { force: true });
  for (const folder of ['dev', BY_ID])
    for (const link of linksIn(path.join(sysroot, folder)))
      if ([disk, ...partitions].includes(path.basename(readlinkSync(link)))) rmSync(link);
}

function entryOf(sysroot: string, folder: string): string {
  return path.join(sysroot, DATABASE, `b${readFileSync(path.join(sysroot, folder, 'dev'), 'utf8').trim()}`);
}

/** Where one of that name led elsewhere it is the last disk's word that counts, as with udev. */
function pointAt(link: string, target: string): void {
  rmSync(link, { force: true });
  symlinkSync(target, link);
}

function linksIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => path.join(folder, name));
}
