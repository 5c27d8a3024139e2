/** The tags that the daemon reads and writes on volumes (behaviour.md 6.1, 6.5, 6.7). */

export const volumeTags = {
  /** The domain whose volume it is; makes, together with {@link volumeTags.pool}, a pool. */
  domain: 'user:ec2fd.domain',
  pool: 'user:ec2fd.pool-name',
  /** When it was last attached, or its domain last went down: ISO 8601 UTC. */
  used: 'user:ec2fd.ts-used',
  /** When it was created for a domain: ISO 8601 UTC. */
  created: 'user:ec2fd.ts-created',
  /** The device that it was created for, as configured: with the domain it names the entry. */
  device: 'user:ec2fd.device',
  /** Mark: the transaction that has it and has not committed yet. */
  transaction: 'user:ec2fd.transc-id',
  /** Mark: the instance of that transaction. */
  holder: 'user:ec2fd.holder',
  /** Mark of a created volume until its domain's commit. @see inTransit */
  inTransit: 'user:ec2fd.in-transit',
} as const;

/** What the mark `in-transit` says: never prepared by its entry's commands, or prepared, but its application has not run. */
export const inTransit = { neverPrepared: 'true', prepared: 'prepared' } as const;

/** Tags by key. */
export type Tags = Readonly<Record<string, string>>;
