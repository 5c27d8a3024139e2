/** flock(2), which Node does not have (behaviour.md 6.3, 12.5). */

import { spawn } from 'node:child_process';
import { AdapterError, messageOf } from '../config/errors.ts';

/** It asks the kernel and does not wait; longer than this, the program itself hangs. */
const PROGRAM_TIMEOUT_MS = 5_000;

/** What `flock` exits with when somebody else has the lock. Source: flock(1), "EXIT STATUS". */
const HELD = 1;

/** What is locked and why, for the message when it cannot be. */
export interface Locked {
  /** For example `/var/lib/ec2fleetd`. */
  file: string;
  /** What is so without the lock, for example `nothing keeps a second ec2fleetd from this directory`. */
  without: string;
}

/**
 * Locks an open file or directory, if nobody has; `false`: somebody has. The lock lasts until the descriptor is closed, which the
 * kernel does when this process dies, however it dies: it cannot go stale. Children do not inherit the descriptor, since Node
 * opens everything close-on-exec.
 *
 * Such a lock belongs to the open file, which the `flock` program gets from us as its descriptor 3 and locks for us; so it is
 * still ours when the program has ended, 3 ms later. What it has over a listening socket with an abstract name, which Node could
 * do alone: it holds over network namespaces (a container that shares the directory), nobody without access to the
 * file can take it, and all versions of Node mean the same (20 fills such a name up with NULs, 26 does not). To be dropped for a
 * call once Node has flock itself.
 *
 * @throws AdapterError when it cannot be asked for.
 */
export async function tookFlock(descriptor: number, { file, without }: Locked): Promise<boolean> {
  const { status, stderr, error } = await flock(descriptor);
  if (status === 0) return true;
  // BusyBox exits so after other failures, too, but not without a word.
  if (status === HELD && stderr === '') return false;
  throw new AdapterError(
    `lock ${file}`,
    error === undefined ? `flock ended with ${status}: ${stderr.trim()}` : messageOf(error),
    `Install the program flock (util-linux); without it ${without}.`,
    { cause: error },
  );
}

interface Ended {
  /** What it exited with, or the signal that ended it. */
  status?: number | NodeJS.Signals | null;
  stderr: string;
  /** It could not be started. */
  error?: Error;
}

function flock(descriptor: number): Promise<Ended> {
  return new Promise((resolve) => {
    const program = spawn('flock', ['-n', '3'], {
      stdio: ['ignore', 'ignore', 'pipe', descriptor],
      timeout: PROGRAM_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let stderr = '';
    program.stderr?.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    program.once('error', (error) => resolve({ stderr, error }));
    program.once('close', (code, signal) => resolve({ stderr, status: signal ?? code }));
  });
}
