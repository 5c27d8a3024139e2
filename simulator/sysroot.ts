/**
 * A machine as its processes see it, laid out under a directory. Attached disks as on Nitro, `sys/block/nvmeNn1/device/{serial,model}`
 * and a node in `dev`, here an empty file; and what `proc` says of this boot. Source: EC2 User Guide, "Amazon EBS and NVMe";
 * amazon-ec2-utils, `ebsnvme`; proc(5).
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Both NVMe fields have a fixed width and are filled with blanks. */
const SERIAL_WIDTH = 20;
const MODEL_WIDTH = 40;

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

/** Boots the machine anew: the disks stay; `run`, what was mounted and the transient host name are gone. */
export function bootAnew(sysroot: string, uptimeS: number): void {
  const run = path.join(sysroot, 'run');
  for (const entry of readdirSync(run)) rmSync(path.join(run, entry), { recursive: true });
  const files = { ...bootFiles(uptimeS), [HOST_NAME]: STATIC_HOST_NAME };
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(sysroot, file), text);
}

/** Says how long the machine has been up. */
export function writeUptime(sysroot: string, uptimeS: number): void {
  writeFileSync(path.join(sysroot, UPTIME), uptimeText(uptimeS));
}

/** Lets a disk appear under the first free NVMe number. Does nothing without a sysroot. */
export function plugIn(sysroot: string | undefined, volumeId: string): void {
  if (sysroot === undefined || diskOf(sysroot, volumeId) !== undefined) return;
  const blocks = path.join(sysroot, 'sys/block');
  let number = 0;
  while (existsSync(path.join(blocks, `nvme${number}n1`))) number += 1;
  const disk = `nvme${number}n1`;

  // Moved into place whole, since sysfs shows no half-made disks either; and before /dev, which is the kernel's order too.
  const aside = path.join(sysroot, `sys/.${disk}`);
  mkdirSync(path.join(aside, 'device'), { recursive: true });
  writeFileSync(path.join(aside, 'device/serial'), `${serialOf(volumeId)}\n`);
  writeFileSync(path.join(aside, 'device/model'), `${'Amazon Elastic Block Store'.padEnd(MODEL_WIDTH)}\n`);
  renameSync(aside, path.join(blocks, disk));
  writeFileSync(path.join(sysroot, 'dev', disk), '');
}

/** Lets a disk disappear. Does nothing when it is not there. */
export function unplug(sysroot: string | undefined, volumeId: string): void {
  const disk = sysroot === undefined ? undefined : diskOf(sysroot, volumeId);
  if (sysroot === undefined || disk === undefined) return;
  rmSync(path.join(sysroot, 'dev', disk), { force: true });
  rmSync(path.join(sysroot, 'sys/block', disk), { recursive: true });
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

/** `vol-0123456789abcdef0` → `vol0123456789abcdef0`, filled to its width. */
function serialOf(volumeId: string): string {
  return volumeId.replaceAll('-', '').padEnd(SERIAL_WIDTH);
}

function diskOf(sysroot: string, volumeId: string): string | undefined {
  const blocks = path.join(sysroot, 'sys/block');
  return readdirSync(blocks).find((disk) => {
    const serial = path.join(blocks, disk, 'device/serial');
    return existsSync(serial) && readFileSync(serial, 'utf8').trim() === serialOf(volumeId).trim();
  });
}
