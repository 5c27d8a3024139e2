/** A disk and its partitions, as the kernel shows them. */

import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { inSysroot } from './sysroot.ts';

/** A disk, or one of its partitions. */
export interface DiskPart {
  /** For example `nvme1n1` or `nvme1n1p1`. */
  name: string;
  /** As it can be opened, for example `/dev/nvme1n1p1`. */
  file: string;
  /** Its folder, for example `/sys/block/nvme1n1/nvme1n1p1`. */
  folder: string;
  /** Device number, for example `259:1`; absent for what is no block device, such as a plain file in a sysroot. */
  number?: string;
}

/** The disk, then its partitions; nothing when it is not there. @param file may be a link to it. */
export async function partsOf(sysroot: string, file: string): Promise<DiskPart[]> {
  const disk = await realpath(file).catch(nothingThere);
  if (disk === undefined) return [];
  const name = path.basename(disk);
  const folder = inSysroot(sysroot, `/sys/block/${name}`);
  const entries = await readdir(folder).catch(() => []);
  // Not whatever has a number: `device` may have that of the NVMe controller, which is no block device.
  const partitions = entries.filter((entry) => entry.startsWith(name)).sort();
  return Promise.all([
    partOf(disk, folder),
    ...partitions.map((entry) => partOf(path.join(path.dirname(disk), entry), path.join(folder, entry))),
  ]);
}

async function partOf(file: string, folder: string): Promise<DiskPart> {
  const number = await readFile(path.join(folder, 'dev'), 'utf8').catch(() => undefined);
  return { name: path.basename(file), file, folder, ...(number === undefined ? {} : { number: number.trim() }) };
}

function nothingThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
