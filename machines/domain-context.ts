/** What a domain knows, and what follows from it: what its steps are given, how much time there is, what went wrong. Pure. */

import type { DoneActorEvent, ErrorActorEvent } from 'xstate';
import type { EventName } from '../config/events.ts';
import type {
  Attachment,
  CommandLine,
  CommandResult,
  Failure,
  Hold,
  InterruptionNotice,
  MonotonicMs,
  Occasion,
  Past,
  RecordEntry,
  RecordSet,
  RecordSetChange,
  Risk,
  VolumeEntry,
} from '../config/vocabulary.ts';
import { type CommandsInput, problemsOf } from './commands.ts';
import { type Deadline, deadlineOfNotice, deadlineOfStop, sooner } from './deadline.ts';
import type { GivingBackInput, Released } from './giving-back.ts';
import type { DeadlineMoved } from './step.ts';
import type { VolumesInput } from './volumes.ts';

/** Under which event a domain goes down. */
export type Ending = 'interrupted' | 'stopping' | 'failed';

/** Events whose commands run beside whatever the domain does: they change no state. */
export type BesideEvent = 'noticed' | 'at-risk';

export interface DomainInput {
  domain: string;
  volumes: VolumeEntry[];
  records: RecordEntry[];
  /** What to run at each event; absent: nothing. */
  lines: Partial<Record<EventName, CommandLine[]>>;
  limits: {
    /** For the whole way up, to the end of its last `started` command. */
    wayUpMs: number;
    /** When that is over. */
    wayUpUntilMs: MonotonicMs;
    /** For the way down after a stop, and for the commands of `failed`. */
    stopMs: number;
  };
  /** What earlier runs of this boot made of it. */
  past: Past;
  /** The key of the notice under which it finished then. */
  finishedUnder?: string;
  /** Why it must not begin, for example a device that an earlier domain has; absent: it may. */
  refusal?: string;
  /** Present when the instance was being taken away before the domain began. */
  notice?: InterruptionNotice;
  /** When somebody asked to stop before the domain began; only for one that an earlier run had begun with. */
  stopAtMs?: MonotonicMs;
}

export interface DomainContext extends DomainInput {
  attachments: Attachment[];
  changes: RecordSetChange[];
  /** Of the commands run so far, those of volumes under `starting`. */
  results: Partial<Record<EventName, CommandResult[]>>;
  /** Everything that went wrong, on the way up and down. */
  failures: Failure[];
  /** Absent on the way up. The first one wins. */
  ending?: Ending;
  /** Whether it failed on the way up, however it ended then. */
  hasFailed: boolean;
  /** When the way down must be over; absent until a notice or a stop has said. */
  deadline?: Deadline;
  /** Asked a second time to stop: only the notifications are left to do (5.6). */
  hurrying: boolean;
  /** Whether the time of a notice or a stop is over. */
  late: boolean;
  risk?: Risk;
  /** Whose commands run beside its step. */
  beside: BesideEvent[];
  /** What was given back, and what could not be. */
  given: Hold[];
  kept: Hold[];
}

export type DomainEvent =
  | Noticed
  | Stopped
  | { type: 'risk.seen'; risk: Risk }
  | { type: 'domain.proceed' }
  /** A second stop. */
  | { type: 'domain.hurry' }
  /** Another domain has failed, and all were to stand or none (`require-all`). */
  | { type: 'domain.fail'; problem: string }
  | { type: 'way-up.expired' }
  /** The time of a notice or a stop is over. */
  | { type: 'countdown.expired' }
  /** The time that a failure has for its commands, or for giving back. */
  | { type: 'patience.expired' }
  | DoneActorEvent<CommandResult[], BesideEvent>
  | ErrorActorEvent<unknown, BesideEvent>;

type Noticed = { type: 'interruption.noticed'; notice: InterruptionNotice };
type Stopped = { type: 'domain.stop'; atMs: MonotonicMs };

export interface DomainOutcome {
  domain: string;
  ending: Ending;
  /** Whether it failed on the way up. */
  failed: boolean;
  failures: Failure[];
}

/** What a domain tells its parent on its way. */
export type DomainReport =
  /** Volumes and records are there; it waits for `domain.proceed`. */
  | { type: 'domain.stands'; domain: string }
  /** It will not come up: it begins to give back what it took. */
  | { type: 'domain.failing'; domain: string }
  /** It has failed, and something of it is attached here: it waits for a notice or a stop. */
  | { type: 'domain.keeps-watch'; domain: string }
  /** An event has happened and its commands have ended: time for messages. */
  | { type: 'domain.reached'; occasion: Occasion };

/** Volumes that a domain has used until now. */
export interface VolumesUsed {
  domain: string;
  volumeIds: string[];
}

/** What a domain shall be remembered for. */
export interface Remembrance {
  domain: string;
  past: Past;
  /** The notice under which it finished. */
  finishedUnder?: string;
  /** Present when its application is about to run: what it holds is then given back no more. */
  commits?: true;
}

// --- What steps are given --------------------------------------------------------------------------------------------

export function occasionOf(context: DomainContext, event: EventName): Occasion {
  const { domain, failures, results, notice, risk, changes } = context;
  return {
    domain,
    event,
    failures,
    results: results[event] ?? [],
    ...(notice ? { notice } : {}),
    ...(risk && event === 'at-risk' ? { risk } : {}),
    recordNames: [...new Set(writtenIn(changes).map(({ name }) => name))],
  };
}

export function commandsOnTheWayUp(context: DomainContext, event: EventName): CommandsInput {
  return {
    occasion: occasionOf(context, event),
    lines: context.lines[event] ?? [],
    endAtFailure: true,
    untilMs: context.limits.wayUpUntilMs,
  };
}

export function commandsOnTheWayDown(context: DomainContext, event: EventName): CommandsInput {
  const { lines, deadline, limits } = context;
  // A failure names no time: its commands count from their own beginning, and leave what is released its part.
  const withinMs = deadlineOfStop(0, limits.stopMs, event === 'failed' && isNamed(context, event)).commandsMs;
  return {
    occasion: occasionOf(context, event),
    lines: lines[event] ?? [],
    endAtFailure: false,
    ...(deadline ? { untilMs: deadline.commandsMs } : { withinMs }),
  };
}

export function volumesOf(context: DomainContext): VolumesInput {
  return {
    occasion: occasionOf(context, 'starting'),
    entries: context.volumes,
    untilMs: context.limits.wayUpUntilMs,
  };
}

/** Its volumes, when its application may have used them. */
export function usedVolumes({ domain, past, attachments }: DomainContext): VolumesUsed {
  return { domain, volumeIds: past === 'started' ? attachments.map(({ volumeId }) => volumeId) : [] };
}

export function releaseOf(context: DomainContext): GivingBackInput {
  const { domain, ending = 'interrupted', attachments, changes } = context;
  const volumes = context.volumes.filter(({ release }) => release.includes(ending));
  const records = context.records.filter(({ release }) => release.includes(ending));
  const released: Released = { volumes, attachments, records, written: changes };
  return { reason: 'release', domain, released };
}

/** What stands there by this run, or stood there right. */
function writtenIn(changes: RecordSetChange[]): RecordSet[] {
  return changes.flatMap(({ after }) => after ?? []);
}

/** What the memory said when this run began. */
export function asItWas({ domain, past, finishedUnder }: DomainContext): Remembrance {
  return { domain, past, ...(finishedUnder === undefined ? {} : { finishedUnder }) };
}

/** A failure leaves the memory as it was: an application that an earlier run started was not stopped by it. */
export function remembranceOf(context: DomainContext): Remembrance {
  if (context.ending === 'failed') return asItWas(context);
  const { domain, notice } = context;
  return { domain, past: 'finished', ...(notice ? { finishedUnder: notice.key } : {}) };
}

// --- Time ------------------------------------------------------------------------------------------------------------

/** The one that ends first stays: it is what `{seconds_left}` counts to. */
export function withNotice(context: DomainContext, notice: InterruptionNotice): Partial<DomainContext> {
  const known = context.notice;
  const isSooner = known === undefined || notice.seenAtMs + notice.leftMs < known.seenAtMs + known.leftMs;
  const deadline = deadlineOfNotice(notice, isNamed(context, context.ending ?? 'interrupted'));
  return { notice: isSooner ? notice : known, deadline: sooner(context.deadline, deadline) };
}

export function withStop(context: DomainContext, atMs: MonotonicMs): Partial<DomainContext> {
  const deadline = deadlineOfStop(atMs, context.limits.stopMs, isNamed(context, context.ending ?? 'stopping'));
  return { deadline: sooner(context.deadline, deadline) };
}

/** When it is now, by the event that came: not before the domain set out, since a notice may have been seen earlier. */
export function nowIn({ limits, notice }: DomainContext, event: DomainEvent): MonotonicMs {
  const setOutMs = limits.wayUpUntilMs - limits.wayUpMs;
  return Math.max(setOutMs, event.type === 'domain.stop' ? event.atMs : seenAt(event, notice));
}

function seenAt(event: DomainEvent, known: InterruptionNotice | undefined): MonotonicMs {
  const notice = event.type === 'interruption.noticed' ? event.notice : known;
  return notice?.seenAtMs ?? 0;
}

export function timeLeft(context: DomainContext, event: DomainEvent): number {
  return Math.max(0, (context.deadline?.allMs ?? 0) - nowIn(context, event));
}

export function deadlineMoved(context: DomainContext, event: DomainEvent): DeadlineMoved {
  return { type: 'deadline.moved', untilMs: context.deadline?.commandsMs ?? 0, atMs: nowIn(context, event) };
}

// --- What is and what went wrong -------------------------------------------------------------------------------------

/** Whether anything of it is to be released at an event. */
export function isNamed({ volumes, records }: DomainContext, event: EventName): boolean {
  return [...volumes, ...records].some(({ release }) => release.includes(event));
}

/** Nothing is released before the point of no return, nor when only the notifications are left to do. */
export function isReleasing(context: DomainContext, ending: Ending): boolean {
  return context.past === 'started' && !context.hurrying && isNamed(context, ending);
}

/** Whether a volume of it is attached here: found or left so, or belonging to what an earlier run started, and not given back. */
export function isSomethingHere({ past, volumes, attachments, given, kept }: DomainContext): boolean {
  const expected = past === 'started' ? volumes : attachments;
  const isLeft = kept.some(({ kind }) => kind === 'attachment');
  const isGiven = (device: string) => given.some((hold) => hold.kind === 'attachment' && hold.device === device);
  return isLeft || expected.some(({ device }) => !isGiven(device));
}

export function withFailures({ failures }: DomainContext, ...more: Failure[]): Pick<DomainContext, 'failures'> {
  return { failures: [...failures, ...more] };
}

export function critical(part: string, problem: string): Failure {
  return { part, problem, critical: true };
}

export function isCritical(failure: Failure): boolean {
  return failure.critical;
}

export function failuresOf(event: EventName, results: CommandResult[]): Failure[] {
  const onTheWayUp = event === 'starting' || event === 'started';
  return problemsOf(results).map((problem) => ({ part: `exec ${event}`, problem, critical: onTheWayUp }));
}

/** What was still under way matters when time was over, not when somebody called it off. */
export function unfinishedOf({ ending }: DomainContext, { unfinished }: { unfinished: Failure[] }): Failure[] {
  return ending === 'failed' ? unfinished : [];
}

export function lateness({ limits }: DomainContext): string {
  return `the way up took longer than its limit of ${limits.wayUpMs / 1000} s`;
}
