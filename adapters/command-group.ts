/** The process group of a command: signalled as one, and awaited to its last member. */

import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** Between two looks at a group that was asked to end: little beside the seconds it has for it, and a look at few is cheap. */
const LOOK_PAUSE_MS = 30;

/**
 * Signals every process of the group that `leader` leads, or led.
 * Only for a leader that was not yet waited for, or a group that has members: the number of any other may be somebody else's.
 */
export function signalGroup(leader: number, name: NodeJS.Signals): void {
  // Never 0 or 1: the one is our own group, the other everybody.
  if (leader <= 1) return;
  try {
    process.kill(-leader, name);
  } catch {
    // ESRCH: it has ended. EPERM: it is no longer ours to end (setuid). There is nothing else.
  }
}

/** Resolves when nobody of the group is alive, or soon after `isGivenUp` says so. Who left it (setsid) is not seen. */
export async function groupEnd(leader: number, isGivenUp: () => boolean): Promise<void> {
  let living: string[] = [];
  // Twice: while we look through all processes, one that we have passed may fork and end.
  for (let misses = 0; misses < 2 && !isGivenUp() && hasMembers(leader); ) {
    living = await livingOf(leader, living);
    // A look through all processes costs milliseconds, so only when nobody is left of those we know.
    if (living.length === 0) living = await livingOf(leader, await readdir('/proc'));
    misses = living.length === 0 ? misses + 1 : 0;
    await pause(LOOK_PAUSE_MS);
  }
}

/** The kernel gives the number to nobody else while it has. */
function hasMembers(leader: number): boolean {
  try {
    process.kill(-leader, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Those of `pids` that are members, and no zombies: a zombie is a member until somebody reaps it, which a parent outside the group,
 * or a container's first process, may never do.
 */
async function livingOf(leader: number, pids: string[]): Promise<string[]> {
  const living: string[] = [];
  for (const pid of pids) {
    const stat = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '') : '';
    // State, parent and group come after the name, which may hold anything. Source: proc_pid_stat(5).
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(group) === leader && state !== 'Z') living.push(pid);
  }
  return living;
}
