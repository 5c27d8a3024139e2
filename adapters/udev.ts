/** Waiting until udev has dealt with a disk: before that, its links are missing and `mount LABEL=…` finds nothing. */

import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { inSysroot } from './sysroot.ts';

/** Seen: 0.1 s, 2 s on a busy machine. By then (behaviour.md 6.8) the volume's commands run all the same. */
export const UDEV_LIMIT_MS = 10_000;

/** udev's database has no better news than the file itself; its folder sees too much to be worth a watch. */
const LOOK_INTERVAL_MS = 50;

/**
 * Resolves when udev has written down the disk and its partitions, or the limit is over; at once where there is no udev or
 * `disk` (for example `nvme1n1`, not a link to it) is no block device. Rejects with the signal's reason.
 */
export async function udevDone(sysroot: string, disk: string, limitMs: number, signal: AbortSignal): Promise<void> {
  const isThere = await stat(inSysroot(sysroot, '/run/udev/data')).catch(() => undefined);
  const deadline = performance.now() + limitMs;
  while (isThere && performance.now() < deadline && !(await isKnown(sysroot, disk)))
    await pause(LOOK_INTERVAL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** The disk first: when udev is done with it, the kernel has found its partitions, too. */
async function isKnown(sysroot: string, disk: string): Promise<boolean> {
  const folder = inSysroot(sysroot, `/sys/block/${disk}`);
  if (!(await isInDatabase(sysroot, folder))) return false;
  const entries = await readdir(folder).catch(() => []);
  for (const partition of entries.filter((entry) => entry.startsWith(disk)))
    if (!(await isInDatabase(sysroot, path.join(folder, partition)))) return false;
  return true;
}

/** The database is keyed by device number, `b259:1`; `I:` is when udev was done. Source: sd_device_get_is_initialized(3), systemd `device_update_db`. */
async function isInDatabase(sysroot: string, device: string): Promise<boolean> {
  const number = await readFile(path.join(device, 'dev'), 'utf8').catch(() => undefined);
  // No block device, or gone again: nothing to wait for.
  if (number === undefined) return true;
  const entry = await readFile(inSysroot(sysroot, `/run/udev/data/b${number.trim()}`), 'utf8').catch(() => '');
  return /^I:/m.test(entry);
}
