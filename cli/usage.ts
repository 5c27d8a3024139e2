/** What becomes of a command line, or an environment, that cannot be used (behaviour.md 2.3), or only just. */

import type { UsageError } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';

/** Says what is wrong; gives the exit status for it. */
export function usageStatus({ message }: UsageError): ExitStatus {
  console.error(`ec2fleetd: ${message.replace(/[.]$/, '')}. See ec2fleetd --help.`);
  return exitStatus.usage;
}

/** Says what is understood all the same. @param message without full stop. */
export function warnOf(message: string): void {
  console.error(`ec2fleetd: warning: ${message}.`);
}
