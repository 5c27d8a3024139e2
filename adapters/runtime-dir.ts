/** What other programs may see of the domains while we run: `/run/ec2fleetd/DOMAIN.started`. */

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AdapterError, messageOf } from '../config/errors.ts';
import { fileNameOf } from './file-names.ts';
import { inSysroot } from './sysroot.ts';

/** The flags for `AssertPathExists=` and health checks: each exists exactly while its domain is started (behaviour.md 11.4). */
export interface RuntimeDir {
  /** @throws AdapterError when the file cannot be written; so do the others when it cannot be removed. */
  markStarted(domain: string): Promise<void>;
  /** No error when there is none. */
  unmarkStarted(domain: string): Promise<void>;
  /** Removes what an earlier run of this unit left behind; flags of other units of this machine stay. */
  clearStarted(): Promise<void>;
}

/** Where it is: systemd's `$RUNTIME_DIRECTORY` (the first, if the unit has several), else `/run/ec2fleetd`. */
export function runtimeDirectory(environment: NodeJS.ProcessEnv, sysroot: string): string {
  const given = environment.RUNTIME_DIRECTORY?.split(':')[0] ?? '';
  return given === '' ? inSysroot(sysroot, '/run/ec2fleetd') : given;
}

/** Whose flags are ours: the unit's name, which our units set; without one, those of whoever is started by hand. */
export function runtimeOwner(environment: NodeJS.ProcessEnv): string {
  return environment.EC2FLEETD_UNIT || 'by hand';
}

/**
 * @param directory see {@link runtimeDirectory}; made when it is missing.
 * @param owner see {@link runtimeOwner}, for example `ec2fleetd@web.service`, since the units of a machine share the directory.
 *   It is the content of each file, and `ExecStopPost=` removes by it.
 */
export function createRuntimeDir(directory: string, owner: string): RuntimeDir {
  return {
    markStarted: (domain) =>
      named(`mark ${domain} as started`, async () => {
        await mkdir(directory, { recursive: true });
        await writeFile(flagOf(domain), `${owner}\n`);
      }),

    unmarkStarted: (domain) => named(`mark ${domain} as not started`, () => rm(flagOf(domain), { force: true })),

    clearStarted: () =>
      named('remove old marks', async () => {
        for (const file of await flags()) if (await isOurs(file)) await rm(file, { force: true });
      }),
  };

  function flagOf(domain: string): string {
    return path.join(directory, `${fileNameOf(domain)}.started`);
  }

  async function flags(): Promise<string[]> {
    const names = await readdir(directory).catch(nothingThere);
    return names.filter((name) => name.endsWith('.started')).map((name) => path.join(directory, name));
  }

  async function isOurs(file: string): Promise<boolean> {
    const content = await readFile(file, 'utf8').catch(() => '');
    return content.trim() === owner;
  }

  async function named(operation: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const remedy = `Check that ${directory} can be written; units that ask for its .started files do not see the truth`;
      throw new AdapterError(operation, messageOf(error), `${remedy}.`, { cause: error });
    }
  }
}

function nothingThere(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
