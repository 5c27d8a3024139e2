/** How long this machine has been up. */

import { readFile } from 'node:fs/promises';
import { YOUNG_INSTANCE_MS } from '../config/constants.ts';
import { inSysroot } from './sysroot.ts';

export interface Uptime {
  /**
   * Whether it booted so short a time ago that what belongs to the instance, its role above all, may not be there yet (9.7). Time
   * in hibernation counts. False where the kernel does not say: then nothing is excused.
   */
  isYoung(): Promise<boolean>;
}

/** @param sysroot as `sysrootOf` gives it. */
export function createUptime(sysroot: string): Uptime {
  return {
    async isYoung() {
      const text = await readFile(inSysroot(sysroot, '/proc/uptime'), 'utf8').catch(() => '');
      return secondsIn(text) * 1_000 < YOUNG_INSTANCE_MS;
    },
  };
}

/** Reads `350735.47 234388.90`: seconds since the boot, and seconds idle. Source: proc_uptime(5). */
function secondsIn(text: string): number {
  const [, seconds] = /^(\d+(?:\.\d+)?)\s/.exec(text) ?? [];
  return seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds);
}
