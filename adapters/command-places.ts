/** Where a command is to run and what it is to run, looked at before the kernel is asked. */

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** Where a program may be, and where it is to run. */
interface Places {
  /** As in `argv`. */
  program: string;
  /** A `PATH`; absent: that of the C library. */
  searchPath: string | undefined;
  /** Absent: the daemon's own working directory. */
  cwd: string | undefined;
}

/**
 * What the kernel would refuse, in words; and a script without `#!`, which the C library would hand to a shell.
 * @throws Error whose message says why; at once when `abandoned`, though a mount does not answer.
 */
export async function checkPlaces(
  { program, searchPath = DEFAULT_PATH, cwd }: Places,
  abandoned: AbortSignal,
): Promise<void> {
  const places = placesOf(program, searchPath, cwd ?? process.cwd());
  await tryPlaces(cwd, places, abandoned);
  if (cwd !== undefined) await checkFolder(cwd);
  const file = await firstOf(places);
  if (file === undefined && program.includes('/')) throw new Error(`there is no file ${program}`);
  if (file === undefined) throw new Error(`there is no program ${JSON.stringify(program)} in PATH (${searchPath})`);
  await checkProgram(file, cwd ?? process.cwd());
}

/** The file of a program that has no folder in its name, among those of `searchPath`. */
export function findProgram(name: string, searchPath = DEFAULT_PATH): Promise<string | undefined> {
  return firstOf(placesOf(name, searchPath, '/'));
}

/** Where programs are looked for without a `PATH`. Source: execvp(3). */
const DEFAULT_PATH = '/bin:/usr/bin';

/** As execvp(3) looks. */
function placesOf(program: string, searchPath: string, cwd: string): string[] {
  if (program === '') return [];
  const folders = program.includes('/') ? [''] : searchPath.split(':').map((folder) => folder || '.');
  return folders.map((folder) => path.resolve(cwd, folder, program));
}

/** The folder, then the places of the program up to where it is found. */
const LOOK = '[ -x "$1" ]; shift; for file do [ -f "$file" ] && [ -x "$file" ] && exit; done';

/**
 * Looks at what {@link checkPlaces} is about to look at, from a process of its own and with nothing to say. A mount that does not
 * answer then holds that process, which can be killed, and none of the four threads in which Node does all work on files and
 * every look-up of a host name.
 */
async function tryPlaces(cwd: string | undefined, places: string[], abandoned: AbortSignal): Promise<void> {
  const args = ['-c', LOOK, 'sh', `${cwd ?? ''}/`, ...places];
  const tried = promisify(execFile)('/bin/sh', args, { signal: abandoned, killSignal: 'SIGKILL' });
  await tried.catch(() => abandoned.throwIfAborted());
}

/** The kernel would name the program where the folder is missing. */
async function checkFolder(cwd: string): Promise<void> {
  await access(`${cwd}/`, constants.X_OK).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`its working directory ${cwd} cannot be entered (${error.code})`);
  });
}

/** An executable file first, a file at all otherwise, as execvp(3) has it. One after the other: the rest may be on a dead mount. */
async function firstOf(places: string[]): Promise<string | undefined> {
  let first: string | undefined;
  for (const file of places) {
    if (!(await isFile(file))) continue;
    if (await isExecutable(file)) return file;
    first ??= file;
  }
  return first;
}

function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function checkProgram(file: string, cwd: string): Promise<void> {
  if (!(await isExecutable(file))) throw new Error(`${file} is not executable`);
  const interpreter = interpreterOf(await firstBytes(file));
  if (interpreter === 'none') throw new Error(`${file} is a script without "#!" and its interpreter in the first line`);
  if (interpreter !== undefined && !(await stat(path.resolve(cwd, interpreter)).catch(() => undefined)))
    // Quoted, so that the carriage return of a file from Windows shows.
    throw new Error(`${file} asks for the interpreter ${JSON.stringify(interpreter)}, which does not exist`);
}

/** A program that may be run but not read is judged by the kernel. */
async function firstBytes(file: string): Promise<Buffer | undefined> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** The interpreter that a script names; `none` for a script that names none; `undefined` for a binary (shells tell it by a NUL byte, too). */
function interpreterOf(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const named = /^#![ \t]*([^ \t\n]+)/.exec(bytes.toString('latin1'))?.[1];
  return named ?? (bytes.includes(0) ? undefined : 'none');
}
