/** What the floors exchange: notices, attachments, records, results. Plain JSON throughout, so that page, log and status can show it. */

import type { EventName } from './events.ts';
import type { Tags } from './tags.ts';

/** A point in time of this process's monotonic clock (`performance.now()`), in milliseconds. Compares only within one run. */
export type MonotonicMs = number;

/** What will happen to a Spot instance. */
export type InstanceAction = 'terminate' | 'stop' | 'hibernate';

/** An early sign that an instance may be taken away: the `rebalance` recommendation, or `maintenance` that is scheduled. */
export type RiskKind = 'rebalance' | 'maintenance';

/** An early sign, as it was seen. */
export interface Risk {
  kind: RiskKind;
  /** What tells it from another one of its kind, for example `rebalance 2030-01-01T00:00:00.000Z`. */
  key: string;
  /** ISO 8601 UTC: when it was recommended, or when the maintenance begins; absent where it does not say. */
  time?: string;
}

/** News from outside that the instance will be taken away. */
export interface InterruptionNotice {
  /** What will happen; a risk that the configuration has taken as an interruption keeps its own name. */
  action: InstanceAction | RiskKind;
  /** What tells it from another notice, for example `terminate 2030-01-01T00:02:00.000Z`; the same in each look at it. */
  key: string;
  /** When, as ISO 8601 UTC, for example `2030-01-01T00:02:00.000Z`; absent where the notice names none. */
  time?: string;
  /** Milliseconds left when it was first seen, 0 to 120,000. */
  leftMs: number;
  /** When it was first seen. */
  seenAtMs: MonotonicMs;
}

/** What the instance metadata says of this instance; read once at the start. */
export interface InstanceFacts {
  /** For example `i-0123456789abcdef0`. */
  instanceId: string;
  /** For example `t3.medium`. */
  instanceType: string;
  /** `ami-launch-index`, counted from 0 within one reservation. */
  launchIndex: number;
  /** For example `eu-west-1`. */
  region: string;
  /** For example `eu-west-1a`. */
  zone: string;
  /** `nitro`, `xen`, …; absent where the metadata does not say. */
  hypervisor?: string;
}

/** The public addresses of the network interface with device number 0, as they are now. */
export interface PublicAddresses {
  primaryIpv4?: string;
  primaryIpv6?: string;
  ipv4: string[];
  ipv6: string[];
}

/** Where a volume came from: by id, from a pool, created. */
export type VolumeSource = 'x' | 'p' | 'c';

/** A volume joined to this instance. */
export interface Attachment {
  /** For example `vol-0123456789abcdef0`. */
  volumeId: string;
  /** The device name that was asked for, for example `/dev/sdf`. */
  device: string;
  /** Where the disk really is, for example `/dev/nvme1n1`. */
  path: string;
  source: VolumeSource;
  /** True when this run attached it, false when it was attached already. */
  attachedNow: boolean;
  /** The pool's name; absent for volumes by id. */
  pool?: string;
}

/** All values for one name and type in a hosted zone. */
export interface RecordSet {
  /** As Route 53 stores it: lower case, trailing dot, octal escapes. */
  name: string;
  type: 'A' | 'AAAA';
  /** Seconds; -1 for an alias, which has none. */
  ttl: number;
  /** Empty for an alias. */
  values: string[];
  /** Present when it is an alias: where it leads. */
  alias?: { hostedZone: string; name: string; evaluateTargetHealth: boolean };
  /** Present when it is one of several multivalue sets under its name and type: the id of the instance whose it is (7.8). */
  setIdentifier?: string;
  /** Id of the health check that somebody has given it. */
  healthCheckId?: string;
}

/** What stood at one place of a hosted zone and what is to stand there instead; absent is nothing, but never both. */
export interface BeforeAndAfter {
  before?: RecordSet;
  after?: RecordSet;
}

/** A record set that a domain wanted, or wanted removed: what stood there and what stands there now. */
export interface RecordSetChange extends BeforeAndAfter {
  /** Whose it is, by its place in `update-route53`, from 0. */
  entry: number;
  hostedZone: string;
  /** False when it was right already and nothing was sent. */
  sent: boolean;
  /** Present: it was seen some time ago what stands there, and only while that still does it may be changed. */
  guarded?: true;
}

/** A change that Route 53 has accepted and may still be carrying to its name servers. */
export interface SubmittedChange {
  /** Whose it is, by its place in `update-route53`, from 0. */
  entry: number;
  /** For example `C0123456789ABCDEFGHIJ`. */
  changeId: string;
}

/** A volume that a run attached and has neither committed nor given back. */
export interface AttachmentHold {
  kind: 'attachment';
  domain: string;
  volumeId: string;
  /** As asked for, for example `/dev/sdf`. */
  device: string;
  /** Where the run that attached it had it from (4.3). */
  source: VolumeSource;
  /** The pool of its entry, if it has one. */
  pool?: string;
  /** Whether all its commands have succeeded once: until then they are told that it was attached just now (4.3). */
  prepared: boolean;
}

/**
 * A volume that a run has created, or is about to: its request is written down before it is sent, so that after a crash the
 * same request gives the same volume (6.6).
 */
export interface CreationHold {
  kind: 'creation';
  domain: string;
  /** Where it will be attached, as configured: with the domain it names the entry. */
  device: string;
  /** Part of the request's ClientToken, from 1; a request that cannot be used again is followed by the next number. */
  attempt: number;
  request: CreationRequest;
  /** When it was written down, ISO 8601 UTC: EC2 may need a while to show what it has made. */
  requestedAt: string;
  /** Absent until EC2 has answered. */
  volumeId?: string;
  /** False as soon as commands other than its own entry's may have run on it: from then on it is not deleted any more (6.10). */
  disposable: boolean;
}

/** The parameters of CreateVolume exactly as they are sent, in the API's own spelling. */
export type CreationRequest = Readonly<Record<string, unknown>> & { readonly ClientToken: string };

/** A record set that a run wrote or removed, and has neither committed nor given back. */
export interface RecordSetHold extends BeforeAndAfter {
  kind: 'record-set';
  domain: string;
  hostedZone: string;
  /** The accepted change, where it is waited for until all name servers have it (7.7): a run after a crash goes on with that. */
  changeId?: string;
}

/** One line of the journal: what this run, or one before it, has taken and not yet committed or given back. */
export type Hold = AttachmentHold | CreationHold | RecordSetHold;

/**
 * What is known of a domain from earlier runs in this boot: `started`, it passed the point of no return and did not end;
 * `finished`, it ended, and all was told.
 */
export type Past = 'new' | 'started' | 'finished';

/** One command line, with everything inherited and nothing expanded yet. */
export interface CommandLine {
  argv: string[];
  /** Exit codes that count as success, as inclusive ranges; `null` accepts every one. */
  success: ReadonlyArray<readonly [from: number, to: number]> | null;
  /** Limit of this line; absent: what is left of the deadline. */
  timeoutMs?: number;
  env: Record<string, string>;
  cwd?: string;
  user?: string;
}

/** What became of a command. */
export interface CommandResult {
  /** With macros expanded. */
  argv: string[];
  /** `null` when a signal ended it, or it never ran. */
  exitCode: number | null;
  /** For example `SIGTERM`; `null` when it exited by itself. */
  signal: string | null;
  durationMs: number;
  /** The last 4 KiB of its output, both streams in the order they came. */
  outputTail: string;
  succeeded: boolean;
  /** Why it failed, when the exit code does not say: could not be started, ran out of time. */
  problem?: string;
}

/** A call to AWS, as `{transaction_log}` lists it. */
export interface LoggedCall {
  platform: 'aws';
  domain: string;
  /** For example `attach_volume`. */
  method: string;
  param: unknown;
  /** True when it was only noted, because init is switched off. */
  dry: boolean;
}

/** A message about a domain's event, ready to be sent. */
export interface OutgoingMessage {
  /** The same over all attempts: a UUID. FIFO topics and queues tell repetitions by it. */
  id: string;
  domain: string;
  event: EventName;
  backend: 'aws-sns' | 'aws-sqs';
  /** Topic ARN or queue URL. */
  target: string;
  region: string;
  subject: string;
  body: string;
}

/** A message that knows when it was written: that decides how long it is sent (10.2). */
export interface DatedMessage extends OutgoingMessage {
  /** ISO 8601 UTC. */
  writtenAt: string;
}

/** Something of a domain that went wrong. */
export interface Failure {
  /** Which part, in the configuration's words, for example `attach-volume[0]`. */
  part: string;
  /** What was seen and what to do, as a sentence. */
  problem: string;
  /** False when the domain goes on without that part. */
  critical: boolean;
}

/** A volume as a domain's configuration asks for it, macros expanded. */
export interface VolumeEntry {
  domain: string;
  /** Its place in `attach-volume`, from 0. */
  entry: number;
  critical: boolean;
  /** As configured, for example `/dev/sdf`. */
  device: string;
  /** Where it may come from, in the order to try. */
  sources: VolumeSource[];
  /** How long it is waited for, without a `wait`, when it is not critical: the domain is not to fail by it. */
  patienceMs?: number;
  /** For source `x`; empty without. */
  volumeId: string;
  /** The pool's name, for `p` and for what `c` creates; absent: created volumes join no pool. */
  pool?: string;
  preference: PoolPreference;
  /** For source `c`: parameters of CreateVolume in the API's own spelling. */
  create?: Readonly<Record<string, unknown>>;
  /** How long is waited over all sources for a volume that somebody holds; absent: no limit but the way up's (6.4). */
  waitMs?: number;
  /** Of this instance and entry alone, from 0 up to 1: what it takes its jitter from. */
  seed: number;
  /** Its own commands, run once its device is there. */
  lines: CommandLine[];
  /** Events after whose commands it is given back. */
  release: EventName[];
}

/** Which free volume of a pool is tried first (6.5). */
export type PoolPreference = 'spread' | 'index' | 'random' | 'most-recently-used' | 'least-recently-used';

/** A volume and where it is, or shall be, attached: `/dev/sdf`, as configured. */
export interface VolumeAtDevice {
  volumeId: string;
  device: string;
}

/** A record as a domain's configuration asks for it, macros expanded. */
export interface RecordEntry {
  /** Its place in `update-route53`, from 0. */
  entry: number;
  critical: boolean;
  hostedZone: string;
  /** As configured, with or without trailing dot. */
  name: string;
  /** Seconds. */
  ttl: number;
  /** Present when each instance has a set of its own under the name (7.8): this instance's id. */
  setIdentifier?: string;
  /** What becomes of a set for whose kind of address this instance has none (7.6). */
  stale: 'warn' | 'delete';
  /** Whether it is waited for until all name servers have it (7.7). */
  insync: boolean;
  /** How long that is waited for when it is not critical: the domain is not to fail by it. */
  patienceMs?: number;
  /** Of this instance and entry alone, from 0 up to 1: what it takes its jitter from. */
  seed: number;
  /** Events after whose commands it is withdrawn. */
  release: EventName[];
}

/** On what occasion commands run or a message is written; with the instance's facts, all that macros are made of. */
export interface Occasion {
  domain: string;
  event: EventName;
  failures: Failure[];
  /** Of the event's commands, as far as they have ended. */
  results: CommandResult[];
  /** Present for the commands of a volume. */
  attachment?: Attachment;
  notice?: InterruptionNotice;
  /** Present at `at-risk`. */
  risk?: Risk;
  /** Names of the records that were written or were right already. */
  recordNames: string[];
}

/** What a look at a volume shows. */
export interface Looked {
  /**
   * `attached` and `attaching`: to this instance at this device, so it is ours (6.2); `held`: not to be had now, but
   * perhaps later; `absent`: there is none here, nor will be by itself; `refused`: never to be had like this.
   */
  kind: 'attached' | 'attaching' | 'free' | 'held' | 'absent' | 'refused';
  /** What was seen, for a log line or a status, for example `vol-0abc is held by i-0def (attached)`. */
  seen: string;
  /** Present when it is being detached from this instance; so it also is while something here still uses it (`busy`). */
  detaching?: true;
}

/** A volume as EC2 shows it. */
export interface SeenVolume extends Looked {
  volumeId: string;
  /** The instance that it is attached to, if that is not this one at this device; this one, when it is at another device. */
  heldBy?: string;
  tags: Tags;
  /** ISO 8601 UTC; empty when EC2 does not say. */
  createdAt: string;
  /** For example `{ SnapshotId: 'snap-0abc', Size: 8, VolumeType: 'gp3' }`: what of its making can be seen, in CreateVolume's words. */
  made: Readonly<Record<string, unknown>>;
}

/** What a look at one source of an entry shows: the volume to take, or why there is none. */
export interface SourceLooked extends Looked {
  /** Present when it is attached, attaching or free. */
  target?: VolumeTarget;
}

/** The volume that an entry takes or has. */
export interface VolumeTarget {
  volumeId: string;
  /** Where it comes from; what was created and never prepared stays `c`, whoever finds it (4.3). */
  source: VolumeSource;
  /**
   * True when an earlier run attached it and its commands have not all succeeded since: the journal's word (4.3), of created volumes
   * the mark's as well.
   */
  unprepared: boolean;
  /** Present when somebody has prepared it and was gone before his application ran: it is told as attached already (4.3). */
  preparedBefore?: true;
}

/** What became of an attempt to attach; `dry`: init is switched off, and the call was only noted. */
export type Claimed = 'accepted' | 'taken' | 'dry';

/** What became of an attempt to detach; `gone`: it is not attached here. */
export type Detached = 'accepted' | 'gone' | 'dry';

/** What became of a record set that was to be put back; `not-ours`: something else stood there by then, and was left as it is. */
export type Restored = 'restored' | 'not-ours' | 'dry';

/** What became of an attempt to create; `used-up`: the request's token cannot be used again (6.6). */
export type Created = { volumeId: string } | 'used-up' | 'dry';

/**
 * What became of a volume that this transaction created and wants no more; `left`: commands of others may have written on it;
 * `not-ours`: another instance has used it since, and it was left as it is.
 */
export type Discarded = 'deleted' | 'gone' | 'left' | 'not-ours' | 'dry';
