/** The transient host name of this machine: in the kernel, gone with the next boot. */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { AdapterError, messageOf } from '../config/errors.ts';
import { inSysroot } from './sysroot.ts';

/** What the daemon needs for `set-hostname`. */
export interface HostName {
  /**
   * Sets it, cut to what the kernel takes; nothing is done when it is that already.
   * @param name with macros expanded, for example `web-1.example.net`; a trailing dot is dropped.
   * @throws AdapterError when the name is none, or nothing could set it.
   */
  set(name: string): Promise<void>;
}

/** Bytes of a host name; what is longer is refused with EINVAL. Source: Linux, `__NEW_UTS_LEN`; hostname(7). */
const LONGEST_NAME = 64;

/** Talking to systemd-hostnamed over D-Bus takes milliseconds; where it hangs, the way up must not. */
const PROGRAM_TIMEOUT_MS = 5_000;

/** Asked in this order when the kernel's file cannot be written, which is so in sandboxes and in most containers. */
const PROGRAMS = [['hostnamectl', '--transient', 'set-hostname'], ['hostname']];

/** @param programs what to try besides the kernel's file; none in a sysroot, where they would rename the real machine. */
export function createHostName(sysroot: string, programs: string[][] = sysroot === '' ? PROGRAMS : []): HostName {
  const file = inSysroot(sysroot, '/proc/sys/kernel/hostname');

  return {
    async set(wanted) {
      const name = kernelName(wanted);
      const refusals: string[] = [];
      for (const way of [() => write(name), ...programs.map((program) => () => run(program, name))]) {
        try {
          return await way();
        } catch (error) {
          refusals.push(messageOf(error).trim());
        }
      }
      throw new AdapterError(
        `set host name ${name}`,
        refusals.join('; '),
        'Run as root and without ProtectHostname=, or leave set-hostname out.',
      );
    },
  };

  async function write(name: string): Promise<void> {
    const current = await readFile(file, 'utf8');
    if (current.trim() !== name) await writeFile(file, name);
  }
}

async function run([program = '', ...options]: string[], name: string): Promise<void> {
  await promisify(execFile)(program, [...options, name], { timeout: PROGRAM_TIMEOUT_MS });
}

/** Cuts it to size, never so that it ends in what no host name ends in. */
function kernelName(wanted: string): string {
  const name = wanted.trim();
  // An option-like first character would be one for hostnamectl, too.
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return name.slice(0, LONGEST_NAME).replace(/[.-]+$/, '');
  throw new AdapterError(
    `set host name ${JSON.stringify(wanted)}`,
    name === '' ? 'the name is empty' : 'this is no host name',
    'Use letters, digits, "-" and "." in set-hostname, a letter or digit first; a macro in it may have been empty.',
  );
}
