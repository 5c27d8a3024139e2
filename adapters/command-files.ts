/** Files that last as long as one command, in a directory that several daemons share. */

import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';

const KINDS = ['all', 'stdout', 'stderr'] as const;

/** What a file is for: `all`, the macros as JSON; `stdout` and `stderr`, pipes for the moment in which they have names. */
export type CommandFileKind = (typeof KINDS)[number];

/** A name that nobody else has and nobody can guess; it says whose it is, so that somebody can tidy up after a daemon that was killed. */
export function commandFile(dir: string, kind: CommandFileKind): string {
  return path.join(dir, `${kind}-${process.pid}-${randomUUID()}`);
}

const NAME = new RegExp(`^(?:${KINDS.join('|')})-(\\d+)-[0-9a-f-]{36}$`);

/** Removes what killed daemons left behind: they may quote what commands print, and `/run` is kept until the next boot. */
export async function removeLeftOver(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  const left = names.filter((name) => {
    const pid = Number(NAME.exec(name)?.[1] ?? process.pid);
    return pid !== process.pid && !isThere(pid);
  });
  // What cannot be removed harms nobody.
  await Promise.all(left.map((name) => rm(path.join(dir, name), { force: true }).catch(() => {})));
}

/** A number that another process has by now only keeps a file a while longer. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
