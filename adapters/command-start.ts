/** From a command line to what the kernel is asked for: program, arguments, environment, user. */

import { execFile } from 'node:child_process';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { commandFile } from './command-files.ts';
import { checkPlaces, findProgram } from './command-places.ts';
import { cutToBytes } from './text.ts';

/** What a command is, before the kernel is asked. */
export interface Startable {
  /** The program, looked up in `PATH` when it has no slash, and its arguments. */
  argv: string[];
  /** Added to the daemon's own environment, which it wins against. */
  env: Record<string, string>;
  /** Absent: the daemon's own working directory. */
  cwd?: string;
  /** A user's name or number: the command runs as that user, with its groups and without ours. Absent: as the daemon. */
  user?: string;
  /** What the file named by `EC2FLEETD_ALL_JSON_FILE` holds while the command runs. */
  allJson: string;
}

/** All that a process is started with. */
export interface Launch {
  file: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  cwd?: string;
  /** The program that changes the user stands before the command's own. */
  changesUser: boolean;
  /** What of ours the command has to do without, as a sentence. */
  lack?: string;
  /** Removes what was laid out for the command. */
  cleanUp(): Promise<void>;
}

/**
 * Gets everything ready for starting a command. Once `abandoned` nobody waits for it, nor for what it is waiting for.
 * @throws Error whose message says why it cannot be started.
 */
export async function prepare(command: Startable, allJsonDir: string, abandoned: AbortSignal): Promise<Launch> {
  refuseNul(command);
  const account = command.user === undefined ? undefined : await accountOf(command.user);
  const env = environmentOf(command, account);
  const [program = '', ...args] = command.argv.map(fitted);
  await checkPlaces({ program, searchPath: env.PATH, cwd: command.cwd }, abandoned);
  const start =
    account === undefined || isUs(account) ? { file: program, args } : await asUser(account, [program, ...args]);
  const changesUser = start.file !== program;
  const launch = { ...start, changesUser, env, ...(command.cwd === undefined ? {} : { cwd: command.cwd }) };

  const json = await writeAllJson(allJsonDir, command.allJson, account);
  if ('lack' in json) return { ...launch, lack: json.lack, cleanUp: async () => {} };
  env.EC2FLEETD_ALL_JSON_FILE = json.file;
  return { ...launch, cleanUp: () => rm(json.file, { force: true }).catch(() => {}) };
}

/** The kernel's strings end at the first NUL; what follows would be lost without a word. */
function refuseNul({ argv, env, cwd = '' }: Startable): void {
  if (argv.length === 0) throw new Error('argv is empty');
  const texts = [...argv, ...Object.keys(env), ...Object.values(env), cwd];
  const bad = texts.find((text) => text.includes('\0'));
  if (bad !== undefined)
    throw new Error(`${JSON.stringify(bad.slice(0, 80))} holds a NUL character, which no argument can`);
}

/** The longest single string the kernel takes, with its NUL: 32 pages. Source: execve(2), `MAX_ARG_STRLEN`. */
const LONGEST_STRING_BYTES = 131_072;

function fitted(text: string): string {
  return cutToBytes(text, LONGEST_STRING_BYTES - 1, ' [cut by ec2fleetd]');
}

/** A user as the system knows it. Source: passwd(5). */
interface Account {
  name: string;
  uid: number;
  gid: number;
  home: string;
  shell: string;
}

/** A directory service that does not answer must not take the time of the other commands. */
const LOOK_UP_TIMEOUT_MS = 5_000;

/** By `getent`, since users need not be in `/etc/passwd`. */
async function accountOf(user: string): Promise<Account> {
  const looked = promisify(execFile)('getent', ['passwd', '--', user], {
    env: process.env,
    timeout: LOOK_UP_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const { stdout } = await looked.catch((error: { code?: unknown; message: string }) => {
    // Source: getent(1), "Exit status".
    throw new Error(
      error.code === 2 ? `there is no user ${user}` : `user ${user} cannot be looked up: ${error.message}`,
    );
  });
  const [name = user, , uid, gid, , home = '/', shell = ''] = stdout.trimEnd().split(':');
  return { name, uid: Number(uid), gid: Number(gid), home, shell: shell || '/bin/sh' };
}

/** Our own user needs no change, and could not make it either, unless it is root. */
function isUs({ uid }: Account): boolean {
  return uid !== 0 && uid === process.getuid?.();
}

/** Of ours, what is meant for us alone. Source: sd_notify(3), sd_watchdog_enabled(3): a child that has them speaks in our name. */
const OURS_ALONE = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];

function environmentOf({ env }: Startable, account: Account | undefined): NodeJS.ProcessEnv {
  const { name = '', home = '', shell = '' } = account ?? {};
  const ofUser = account === undefined ? {} : { HOME: home, USER: name, LOGNAME: name, SHELL: shell };
  const all = Object.entries({ ...process.env, ...ofUser, ...env }).filter(([key]) => !OURS_ALONE.includes(key));
  return Object.fromEntries(all.map(([key, value]) => [key, fittedVariable(key, value ?? '')]));
}

/** Name and value are one string to the kernel. */
function fittedVariable(name: string, value: string): string {
  return fitted(`${name}=${value}`).slice(name.length + 1);
}

/**
 * Node's uid and gid options drop every further group and set none; `setpriv` sets the user's own, and becomes the command without
 * a process in between. Twice, since the first one still has root's capabilities while it starts what follows, and would start
 * what the user may not.
 */
async function asUser({ uid, gid }: Account, argv: string[]): Promise<{ file: string; args: string[] }> {
  const file = await findProgram('setpriv', process.env.PATH);
  if (file === undefined) throw new Error('user needs the program setpriv, of the package util-linux');
  return { file, args: ['--reuid', `${uid}`, '--regid', `${gid}`, '--init-groups', '--', file, '--', ...argv] };
}

/** A full disk is no reason to leave the world unsaved: the command then goes without, and the log says so. */
async function writeAllJson(
  dir: string,
  text: string,
  account: Account | undefined,
): Promise<{ file: string } | { lack: string }> {
  const file = commandFile(dir, 'all');
  try {
    // Another user has to get through the folder, and to see nothing in it.
    await mkdir(dir, { recursive: true, mode: 0o711 });
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
    if (account !== undefined && !isUs(account)) await chown(file, account.uid, account.gid);
    return { file };
  } catch (error) {
    await rm(file, { force: true }).catch(() => {});
    return { lack: `EC2FLEETD_ALL_JSON_FILE is not set: ${(error as Error).message}` };
  }
}
