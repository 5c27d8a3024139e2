/** Reading what earlier runs wrote, and setting aside what is not to be used (behaviour.md 12.4). */

import { constants } from 'node:fs';
import { lstat, open, rename } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../config/errors.ts';

/** Longer ones are neither read nor written: some fifty thousand holds, which nobody has. */
export const MOST_BYTES = 16 * 1024 * 1024;

/** How a file is read, and for whom. */
export interface Reading<Content> {
  /** @throws Error that says why the text cannot be trusted. */
  parse(text: string): Content;
  /** Whose files count; another's is renamed to, for example, `journal.json.of-i-0123456789abcdef0`. */
  instanceId: string;
  /** Is told what was set aside, and why. */
  onProblem(sentence: string): void;
}

/**
 * What an earlier run of this instance wrote; `undefined`: nothing, or nothing to be used. What is damaged is renamed to, for
 * example, `journal.json.damaged-20300101T000000Z`; what was set aside before stays. Never rejects.
 */
export async function readOwn<Content extends { instanceId: string }>(
  file: string,
  { parse, instanceId, onProblem }: Reading<Content>,
): Promise<Content | undefined> {
  let found: Content | undefined;
  try {
    const text = await textIn(file);
    found = text === undefined ? undefined : parse(text);
  } catch (error) {
    const now = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const outcome = await setAside(file, `damaged-${now}`);
    onProblem(`${file} cannot be trusted (${messageOf(error)}): ${outcome}.`);
    return undefined;
  }
  if (found === undefined || found.instanceId === instanceId) return found;
  const outcome = await setAside(file, `of-${found.instanceId}`);
  onProblem(`${file} is of instance ${found.instanceId}, and this is ${instanceId}: ${outcome}.`);
  return undefined;
}

/** The text of a file; `undefined`: there is none. */
async function textIn(file: string): Promise<string | undefined> {
  // Without waiting for somebody at the other end, should it be a pipe.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(nothingThere);
  if (handle === undefined) return undefined;
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error('this is no file');
    if (stat.size > MOST_BYTES) throw new Error(`it is longer than ${MOST_BYTES} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await handle.readFile());
  } finally {
    await handle.close();
  }
}

/** Renames a file to where nobody reads it, and says so. */
async function setAside(file: string, suffix: string): Promise<string> {
  try {
    const aside = await freeName(`${file}.${suffix}`);
    await rename(file, aside);
    return `set aside as ${path.basename(aside)}, unused`;
  } catch (error) {
    return `unused, but it could not be set aside (${messageOf(error)})`;
  }
}

async function freeName(wanted: string): Promise<string> {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? wanted : `${wanted}.${count}`;
    if ((await lstat(name).catch(nothingThere)) === undefined) return name;
  }
}

/** For a `catch`: what is not there is nothing, and no error. */
export function nothingThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
