/** How the daemon and its sub-commands end (behaviour.md 2.3). */
export const exitStatus = {
  /** Stopped by a signal, an interruption handled, or nothing to do. */
  done: 0,
  /** The daemon, or a domain of it, failed. */
  failed: 1,
  /** Wrong usage or configuration; nothing was touched. */
  usage: 2,
  /** A defect of ours; the only exit that systemd answers with a restart. */
  defect: 70,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];
