/** Where this machine's own files are looked up, so that a test can lay out a machine of its own. */

import path from 'node:path';

/** `EC2FLEETD_SYSROOT`: the folder under which `/sys`, `/dev`, `/proc` and `/run` are looked up; empty for the machine itself. */
export function sysrootOf(environment: NodeJS.ProcessEnv): string {
  const sysroot = environment.EC2FLEETD_SYSROOT ?? '';
  return sysroot === '' || path.resolve(sysroot) === '/' ? '' : path.resolve(sysroot);
}

/** A path of `/sys`, `/dev`, `/proc` or `/run` as it can be opened: `/dev/nvme1n1` → `/tmp/lab/dev/nvme1n1`. Others stay. */
export function inSysroot(sysroot: string, file: string): string {
  return sysroot !== '' && /^\/(sys|dev|proc|run)(\/|$)/.test(file) ? path.join(sysroot, file) : file;
}
