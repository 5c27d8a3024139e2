/** The lock on the state directory (behaviour.md 12.5). */

import { spawnSync } from 'node:child_process';
import { AdapterError } from '../config/errors.ts';

/** It asks the kernel and does not wait; longer than this, the program itself hangs. */
const PROGRAM_TIMEOUT_MS = 5_000;

/** What `flock` exits with when somebody else has the lock. Source: flock(1), "EXIT STATUS". */
const HELD = 1;

/**
 * Locks an open directory, if nobody has; `false`: somebody has. The lock lasts until the descriptor is closed, which the kernel
 * does when this process dies, however it dies: it cannot go stale. Children do not inherit the descriptor.
 *
 * It is a flock(2) on the directory itself. Such a lock belongs to the open file, which the `flock` program gets from us as its
 * descriptor 3 and locks for us; so it is still ours when the program has ended, 3 ms later. What it has over a listening socket
 * with an abstract name, which Node could do alone: it holds over network namespaces (a container that shares the directory),
 * nobody without access to the directory can take it, and all versions of Node mean the same (20 fills such a name up with
 * NULs, 26 does not). To be dropped for a call once Node has flock itself.
 *
 * @throws AdapterError when it cannot be asked for.
 */
export function tookLock(descriptor: number, directory: string): boolean {
  const { status, stderr, error } = spawnSync('flock', ['-n', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', descriptor],
    encoding: 'utf8',
    timeout: PROGRAM_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  if (status === 0) return true;
  // BusyBox exits so after other failures, too, but not without a word.
  if (status === HELD && stderr === '') return false;
  throw new AdapterError(
    `lock ${directory}`,
    error?.message ?? `flock ended with ${status}: ${stderr.trim()}`,
    'Install the program flock (util-linux); without it nothing keeps a second ec2fleetd from this directory.',
    { cause: error },
  );
}
