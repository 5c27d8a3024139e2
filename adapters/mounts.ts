/** Letting a disk go before its volume is detached: what is mounted of it is unmounted, and nobody else may hold it. */

import { execFile } from 'node:child_process';
import { constants, open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AdapterError, isPassing, messageOf } from '../config/errors.ts';
import { beforeAbort } from './abort.ts';
import { type Holder, holdersOf, usersOf } from './disk-holders.ts';
import { type DiskPart, partsOf } from './disk-parts.ts';
import { isOnDisk, type Mount, mountsOf } from './mount-table.ts';

/** What the daemon needs of the kernel's mounts. */
export interface Mounts {
  /**
   * Unmounts whatever is mounted of the disk and its partitions, the last mounted first, never lazily and never by force; then
   * makes sure that nobody holds them: a lazy unmount, LVM, LUKS, RAID or a container may. What is busy is tried again for two seconds.
   * A disk that is not there (any more) is held by nobody. May be called again.
   * @param path as `BlockDevices` gives it, for example `/dev/nvme1n1`.
   * @param signal keeps the next unmount from being begun; one under way is let finish.
   * @throws AdapterError that names what holds it; `retryable` when that may end by itself.
   */
  letGo(path: string, signal?: AbortSignal): Promise<void>;
}

export interface MountsOptions {
  /** The program that unmounts; none in a sysroot unless named, since it would unmount on the real machine. */
  umount?: string | undefined;
  /** In tests: shorter than {@link PATIENCE_MS}. */
  patienceMs?: number;
  /** In tests: shorter than {@link UNMOUNT_LIMIT_MS}. */
  unmountLimitMs?: number;
}

/** Unmounting writes what is only in memory yet; what takes longer goes on in the kernel, and the next attempt finds it done. */
const UNMOUNT_LIMIT_MS = 10_000;

/** Opening a disk takes microseconds, unless the volume behind it no longer answers. */
const OPEN_LIMIT_MS = 10_000;

/** A process that was told to end, or killed, keeps its files until its memory is freed. */
const PATIENCE_MS = 2_000;

/** Between two attempts within that time. */
const ATTEMPT_PAUSE_MS = 200;

export function createMounts(sysroot: string, options: MountsOptions = {}): Mounts {
  const { umount = sysroot === '' ? 'umount' : undefined } = options;
  const { patienceMs = PATIENCE_MS, unmountLimitMs = UNMOUNT_LIMIT_MS } = options;

  return {
    async letGo(path, signal) {
      const deadline = performance.now() + patienceMs;
      for (;;) {
        try {
          return await attempt(path, signal);
        } catch (error) {
          if (!isPassing(error) || signal?.aborted || performance.now() > deadline) throw error;
        }
        await pause(ATTEMPT_PAUSE_MS);
      }
    },
  };

  async function attempt(path: string, signal: AbortSignal | undefined): Promise<void> {
    const parts = await partsOf(sysroot, path).catch((cause) => {
      throw leftAttached(path, messageOf(cause), { cause });
    });
    await unmountAll(path, parts, signal);
    for (const { file } of parts) {
      signal?.throwIfAborted();
      if (!(await isHeld(path, file))) continue;
      const holders = await holdersOf(sysroot, parts);
      throw leftAttached(path, `${file} is ${heldBy(holders)}`, { retryable: mayEnd(holders) });
    }
  }

  /** The table is read anew after each: one unmount may take others along, and what is mounted again must not go on for ever. */
  async function unmountAll(path: string, parts: DiskPart[], signal: AbortSignal | undefined): Promise<void> {
    let before = Number.POSITIVE_INFINITY;
    for (;;) {
      const table = await mountsOf(sysroot, 'self');
      const ours = table.filter((mount) => isOnDisk(mount, parts));
      const next = lastMounted(ours);
      if (next === undefined) return;
      signal?.throwIfAborted();
      if (ours.length >= before) throw leftAttached(path, `${next.point} is mounted again`);
      before = ours.length;
      const cover = coverOf(next, table);
      if (cover)
        throw leftAttached(path, `${next.point} is covered by ${cover.source} (${cover.type}) at ${cover.point}`);
      await unmount(path, next, parts);
    }
  }

  async function unmount(path: string, { point }: Mount, parts: DiskPart[]): Promise<void> {
    if (umount === undefined) throw leftAttached(path, `${point} is mounted, and nothing may unmount it in ${sysroot}`);
    const limit = AbortSignal.timeout(unmountLimitMs);
    try {
      await promisify(execFile)(umount, [point], { signal: limit, killSignal: 'SIGKILL' });
    } catch (cause) {
      if (limit.aborted) {
        const problem = `unmounting ${point} takes more than ${unmountLimitMs / 1000} s`;
        throw leftAttached(path, problem, { cause, retryable: true });
      }
      if ((cause as { code?: unknown }).code !== UNMOUNT_REFUSED) throw leftAttached(path, saidBy(cause), { cause });
      const users = await usersOf(sysroot, parts);
      throw leftAttached(path, `${saidBy(cause)}; ${heldBy(users)}`, { cause, retryable: mayEnd(users) });
    }
  }
}

/** The exit status when the kernel refused; others are for missing permissions and wrong usage. Source: mount(8), "EXIT STATUS". */
const UNMOUNT_REFUSED = 32;

/** Of several that are mounted in each other the innermost: one that was moved stands in the table where it stood before. */
function lastMounted(ours: Mount[]): Mount | undefined {
  return ours.findLast(({ id }) => !ours.some(({ parent }) => parent === id));
}

/** What is mounted in it or over it: `umount` would be refused, or take away that one in its place. */
function coverOf(mount: Mount, table: Mount[]): Mount | undefined {
  const later = table.slice(table.indexOf(mount) + 1);
  return table.find(({ parent }) => parent === mount.id) ?? later.find(({ point }) => point === mount.point);
}

/** `umount: /data: target is busy.` in its own words, in one line; without any, why it did not run. */
function saidBy(error: unknown): string {
  const { stderr = '' } = error as { stderr?: string };
  return (stderr.trim() || messageOf(error).trim()).replace(/\s*\n\s*/g, ' ').replace(/\.$/, '');
}

/** Whether somebody has it to himself. Source: open(2), `O_EXCL` without `O_CREAT` on a block device. */
async function isHeld(path: string, file: string): Promise<boolean> {
  const limit = AbortSignal.timeout(OPEN_LIMIT_MS);
  try {
    await beforeAbort(openAlone(file), limit);
    return false;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (code === 'EBUSY') return true;
    // Not there, or the node of a disk that is not there any more.
    if (/^(ENOENT|ENXIO|ENODEV)$/.test(code)) return false;
    const problem = limit.aborted ? `no answer within ${OPEN_LIMIT_MS / 1000} s` : messageOf(cause);
    throw leftAttached(path, `${file} cannot be opened: ${problem}`, { cause });
  }
}

/** Closes it also when nobody waits for it any more: we would be a holder ourselves. */
async function openAlone(file: string): Promise<void> {
  const handle = await open(file, constants.O_RDONLY | constants.O_EXCL);
  await handle.close();
}

/** More names than anybody reads. */
const MOST_NAMES = 5;

function heldBy(holders: Holder[]): string {
  if (holders.length === 0) return 'held by something that shows neither in /sys/block nor in /proc';
  const names = holders.slice(0, MOST_NAMES).map(({ name }) => name);
  const more = holders.length > MOST_NAMES ? `, and ${holders.length - MOST_NAMES} more` : '';
  return `held by ${names.join(', ')}${more}`;
}

function mayEnd(holders: Holder[]): boolean {
  return holders.every(({ lasts }) => !lasts);
}

function leftAttached(
  path: string,
  problem: string,
  options: { cause?: unknown; retryable?: boolean } = {},
): AdapterError {
  const remedy = 'The volume was left attached. End what uses the disk, unmount it, and detach the volume.';
  return new AdapterError(`let go of ${path}`, problem, remedy, options);
}
