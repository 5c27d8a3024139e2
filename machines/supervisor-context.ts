/** What the supervisor knows, and what follows from it: whom it still has, what domains are given, how the daemon ends. Pure. */

import type { DoneActorEvent, ErrorActorEvent } from 'xstate';
import type { EventName } from '../config/events.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import type { DatedMessage, InterruptionNotice, MonotonicMs, Risk, RiskKind } from '../config/vocabulary.ts';
import type { DeliveryOutcome } from './delivery.ts';
import type { DomainInput, DomainOutcome, DomainReport } from './domain.ts';
import type { NoticeLook, WatchNews } from './notice-watch.ts';
import type { RiskNews } from './risk-watch.ts';

/** A domain as it is known before anybody sets out: when its way up is over depends on when it begins. */
export interface DomainPlan extends Omit<DomainInput, 'limits' | 'notice' | 'stopAtMs'> {
  limits: Omit<DomainInput['limits'], 'wayUpUntilMs'>;
  /** Whether an earlier run took something for it that it neither committed nor gave back. */
  held: boolean;
}

export interface SupervisorInput {
  domains: DomainPlan[];
  /** By domain: for each of its `notify` entries the events it is sent. */
  receivers: Record<string, EventName[][]>;
  /** What earlier runs had to say and nobody has accepted yet, oldest first. */
  leftMessages: DatedMessage[];
  /** The transient host name, macros expanded; absent: it stays as it is. */
  hostname?: string;
  /** Absent: nobody watches for notices, and the daemon is a one-shot (5.8). */
  watch?: { intervalMs: number; asNotice: RiskKind[] };
  /** One failed domain fails all, before any `started` command. */
  requireAll: boolean;
  /** Whether an earlier run holds what the configuration no longer asks for (12.2). */
  leftOver: boolean;
}

/** What the first look at the metadata gives. */
export interface FirstLook extends Partial<Omit<NoticeLook, 'notice'>> {
  /** A notice, or a risk that is taken as one. */
  notice?: InterruptionNotice;
  lifecycleState?: string;
}

export interface SupervisorContext extends SupervisorInput {
  notice?: InterruptionNotice | undefined;
  /** Whether the instance has gone on since that notice: it was frozen, and thawed again. */
  resumed: boolean;
  risk?: Risk | undefined;
  /** Where Auto Scaling wants the instance; absent outside a group. */
  lifecycleState?: string | undefined;
  /** The key of the notice that has been survived, for whoever sets out anew. */
  survived?: string;
  /** When the domains set out on their way up. */
  setOutMs: MonotonicMs;
  /** Whether the domains are there: until they are, nothing can be sent to them. */
  spawned: boolean;
  /** Domains that wait for `domain.proceed`. */
  standing: string[];
  /** Whether one has stood: from then on READY waits no longer than its patience. */
  stood: boolean;
  /** Domains that will not come up: they give back what they took, and READY waits for none of that. */
  failing: string[];
  /** Whether any has been told to proceed. */
  proceeded: boolean;
  /** Domains whose `started` commands have ended. */
  started: string[];
  /** Domains that have failed and wait for a notice or a stop. */
  keepingWatch: string[];
  outcomes: Record<string, DomainOutcome>;
  /** SIGTERMs so far, and when the first one came. */
  stops: number;
  stopAtMs: MonotonicMs;
  /** Deliveries spawned so far, for the next one's id. */
  deliveries: number;
  /** Those under way. */
  sending: Array<`delivery.${number}`>;
  /** Whether the time of the notice is nearly over, so that messages have to leave now or not at all. */
  messagesDue: boolean;
  /** What went wrong without stopping anything, for example that the host name could not be set. */
  problems: string[];
  /** Whether it could not even set out. */
  broken: boolean;
}

export type SupervisorEvent =
  | WatchNews
  | RiskNews
  | DomainReport
  | StopAsked
  | { type: 'ready.due' }
  /** The time of a notice is nearly over. */
  | { type: 'messages.due' }
  | DoneActorEvent<DomainOutcome, `domain.${string}`>
  | DoneActorEvent<DeliveryOutcome, `delivery.${number}`>
  | ErrorActorEvent<unknown, `delivery.${number}`>;

/** SIGTERM or SIGINT. */
type StopAsked = { type: 'supervisor.stop'; atMs: MonotonicMs };

/** Notice and stop are given as input: an event sent right after spawning would come too late. */
export function inputOf(
  { held: _, ...plan }: DomainPlan,
  { setOutMs, notice, stops, stopAtMs }: SupervisorContext,
): DomainInput {
  const limits = { ...plan.limits, wayUpUntilMs: setOutMs + plan.limits.wayUpMs };
  return { ...plan, limits, ...(notice ? { notice } : {}), ...(stops > 0 ? { stopAtMs } : {}) };
}

/** Whether an earlier run left something of it to be ended: an application that runs, or what was taken for one. */
export function isBegun({ past, held }: DomainPlan): boolean {
  return past === 'started' || held;
}

/** As at the start, but for what this run has been through. */
export function afterSleep({ notice, domains }: SupervisorContext): Partial<SupervisorContext> {
  return {
    ...(notice ? { survived: notice.key } : {}),
    notice: undefined,
    resumed: false,
    // It has come true.
    risk: undefined,
    // What was finished is finished; they come up like any other.
    domains: domains.map((plan) => ({ ...plan, past: 'finished', held: false })),
    leftOver: false,
    spawned: false,
    standing: [],
    stood: false,
    failing: [],
    proceeded: false,
    started: [],
    keepingWatch: [],
    outcomes: {},
  };
}

/** An interruption that was handled is a success, whatever was to be reported of it; a daemon that could not set out handles none (2.3). */
export function exitStatusOf({ notice, outcomes, keepingWatch, broken }: SupervisorContext): ExitStatus {
  if (notice && !broken) return exitStatus.done;
  const hasFailed = broken || keepingWatch.length > 0 || Object.values(outcomes).some(({ failed }) => failed);
  return hasFailed ? exitStatus.failed : exitStatus.done;
}

/** The ids of the domains that are there and not over. */
export function underWay({ domains, spawned, outcomes }: SupervisorContext): Array<`domain.${string}`> {
  if (!spawned) return [];
  return domains.filter(({ domain }) => !isOver({ outcomes }, domain)).map(({ domain }) => `domain.${domain}` as const);
}

/** Names come from a configuration: one called `constructor` must not find what every object has. */
export function isOver({ outcomes }: Pick<SupervisorContext, 'outcomes'>, domain: string): boolean {
  return Object.hasOwn(outcomes, domain);
}

/** Whether nothing more is to be expected of its way up. */
export function isDone(context: SupervisorContext, domain: string): boolean {
  return isOver(context, domain) || context.keepingWatch.includes(domain);
}

export function hasFailedOrStands(context: SupervisorContext, domain: string): boolean {
  return context.standing.includes(domain) || context.failing.includes(domain) || isDone(context, domain);
}

/** A daemon none of whose domains came up, and which has nothing to watch over, ends without having been ready (5.4). */
export function isAnyoneLeft({ domains, standing, keepingWatch }: SupervisorContext): boolean {
  return domains.length === 0 || standing.length > 0 || keepingWatch.length > 0;
}

export function receiversOf({ receivers }: SupervisorContext, domain: string): EventName[][] {
  return Object.hasOwn(receivers, domain) ? (receivers[domain] ?? []) : [];
}
