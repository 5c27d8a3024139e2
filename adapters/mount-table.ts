/** The kernel's table of mounts, as one process sees it. Source: proc_pid_mountinfo(5). */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { DiskPart } from './disk-parts.ts';
import { inSysroot } from './sysroot.ts';

/** One line of the table. */
export interface Mount {
  id: string;
  /** The `id` of the mount that it is mounted in, or over. */
  parent: string;
  /** Device number of the file system, for example `259:1`; `0:` and a made-up number where it has no disk, or several. */
  device: string;
  /** Where it is, for example `/srv/world`. */
  point: string;
  /** For example `ext4`. */
  type: string;
  /** What was mounted, in the file system's own words, for example `/dev/nvme1n1`. */
  source: string;
}

/** The mounts in the order of the table; none where there is no such process, or it has ended. @param process its id, or `self`. */
export async function mountsOf(sysroot: string, process: string): Promise<Mount[]> {
  const text = await readFile(inSysroot(sysroot, `/proc/${process}/mountinfo`), 'utf8').catch(() => '');
  return text.split('\n').flatMap(parseMount);
}

/** Whether the file system is on the disk or a partition of it. */
export function isOnDisk({ device, type, source }: Mount, parts: DiskPart[]): boolean {
  // Btrfs may have several disks, and shows a made-up number and one of them.
  return parts.some(({ number, name }) => device === number || (type === 'btrfs' && path.basename(source) === name));
}

/** `36 35 259:1 / /srv/world rw,relatime shared:1 - ext4 /dev/nvme1n1 rw`: before the dash any number of fields. */
function parseMount(line: string): Mount[] {
  const [before = '', after = ''] = line.split(' - ');
  const [id, parent, device, , point] = before.split(' ');
  const [type, source] = after.split(' ');
  if (!id || !parent || !device || !point || !type) return [];
  return [{ id, parent, device, point: unescaped(point), type, source: unescaped(source ?? '') }];
}

/** Blank, tab, line feed and backslash are written as `\040`, `\011`, `\012` and `\134`; so they are in `/proc/swaps`. */
export function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
