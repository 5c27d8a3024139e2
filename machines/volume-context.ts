/** What a volume of a domain knows, and what follows from it: whose turn it is, how long it pauses, how it ended. Pure. */

import {
  FAULT_PAUSE_MAX_MS,
  FAULT_PAUSE_MS,
  FAULTS_AFTER_WAITING,
  LOST_PAUSE_MAX_MS,
  LOST_PAUSE_MS,
  WAITING_PAUSE_MAX_MS,
  WAITING_PAUSE_MS,
} from '../config/constants.ts';
import type { Attachment, SourceLooked, VolumeEntry, VolumeSource, VolumeTarget } from '../config/vocabulary.ts';
import { grown, jitterOf } from './pauses.ts';
import type { FinishStep } from './step.ts';

/** What an entry ended with: an attachment, or why there is none; `asked`: only because it was asked to end. */
export type VolumeOutcome = { attachment: Attachment } | { problem: string; asked?: true };

/** Why it pauses: somebody has what it wants, somebody was faster, or a call met a passing fault. */
export type Pause = 'held' | 'lost' | 'fault';

export interface VolumeContext {
  entry: VolumeEntry;
  /** The source whose turn it is, by its place in the entry's list. */
  turn: number;
  /** What this round of the sources has shown: what somebody holds, and what there is none of. */
  held: Partial<Record<VolumeSource, string>>;
  missing: Partial<Record<VolumeSource, string>>;
  /** Whether its device is known to be free: only then a source is tried that may put another volume there. */
  nothingHere: boolean;
  /** Its `wait`, or without one its patience, is over: what is held is waited for no longer. */
  waitOver: boolean;
  /** How often it paused, one after the other, for the same reason: the next pause grows with it. */
  pauses: number;
  pausesFor?: Pause;
  /** What it waits for, in words; the status shows it. */
  waitingFor?: string | undefined;
  /** Part of the token of its next request to create (6.6). */
  attempt: number;
  /** From its first request to create on, nothing else is tried: the request may have been heard. */
  creating: boolean;
  /** Whether EC2 has shown the new volume, or has had the time to: from then on, not to see it means that it is gone. */
  mustShow: boolean;
  target?: VolumeTarget;
  attachedNow: boolean;
  /** Looks at a creation or an attachment under way: the pause before the next one grows with them. */
  looks: number;
  finishing: boolean;
  path?: string;
  problem?: string;
  /** Whether the problem is only that it was asked to end. */
  asked: boolean;
}

export type VolumeEvent = FinishStep | { type: 'wait.over' };

/** What was found on this instance: `creating`, a request of an earlier run that may have been heard. */
export type HereLooked = SourceLooked | { kind: 'creating'; seen: string; attempt: number };

/** A volume for an entry. */
export interface TargetInput {
  entry: VolumeEntry;
  target: VolumeTarget;
}

// --- What follows from the context -----------------------------------------------------------------------------------

/** The source whose turn it is. */
export function sourceNow({ entry, turn }: VolumeContext): VolumeSource {
  return entry.sources[turn] ?? 'x';
}

/** What is known once a source has shown it, or it was created. */
export function targetOf({ entry, target }: VolumeContext): TargetInput {
  if (target === undefined) throw new Error(`${entry.device} has no volume yet`);
  return { entry, target };
}

/**
 * Whether `c` may have its turn (6.4): after the waiting, and never while the volume by id exists but is held, unless
 * somebody wrote that nothing is waited for. A pool with `c` behind it is not waited for unless somebody wrote that it is.
 */
export function mayCreate({ entry: { waitMs }, held, waitOver }: VolumeContext): boolean {
  if (waitMs === 0) return true;
  return held.x === undefined && (held.p === undefined || waitMs === undefined || waitOver);
}

/** Whether it pauses also when no time is left to wait: faults pass, and who lost a race has still to look at what else there is. */
export function isBorne({ pausesFor, pauses }: VolumeContext): boolean {
  return pausesFor === 'lost' || (pausesFor === 'fault' && pauses <= FAULTS_AFTER_WAITING);
}

/** One that is still being made for somebody who is gone is waited for no longer than anything else. */
export function createsAnyway(context: VolumeContext): boolean {
  return sourceNow(context) === 'c' && context.waitOver;
}

/** Why there was nothing to take. */
export function inVain({ entry, held, missing }: VolumeContext): string {
  const waited = inOrder({ entry }, held);
  const why = [waited && `not waited for any longer: ${waited}`, inOrder({ entry }, missing)]
    .filter(Boolean)
    .join('; ');
  const isTemptedToCreate = held.x !== undefined && entry.sources.includes('c');
  return isTemptedToCreate ? `${why}. Nothing is created beside a volume that exists, unless "wait" is 0` : why;
}

/** Sentences of sources, in the order of the sources. */
export function inOrder({ entry }: Pick<VolumeContext, 'entry'>, seen: VolumeContext['held']): string {
  return entry.sources.flatMap((source) => seen[source] ?? []).join('; ');
}

/** How long it pauses: who has lost a race or met a full quota comes back at another time than the others who have. */
export function pauseOf({ entry: { seed }, pauses, pausesFor }: VolumeContext): number {
  const jitter = jitterOf(seed, pauses);
  switch (pausesFor) {
    case 'lost':
      return jitter * grown(LOST_PAUSE_MS, 2, pauses, LOST_PAUSE_MAX_MS);
    case 'fault':
      return (0.5 + jitter / 2) * grown(FAULT_PAUSE_MS, 2, pauses, FAULT_PAUSE_MAX_MS);
    default:
      return (0.8 + jitter / 5) * grown(WAITING_PAUSE_MS, 1.5, pauses, WAITING_PAUSE_MAX_MS);
  }
}

/** What the entry ended with. */
export function outcomeOf({ entry, target, path, problem, attachedNow, asked }: VolumeContext): VolumeOutcome {
  if (path === undefined || target === undefined)
    return { problem: problem ?? 'it ended without a word', ...(asked ? { asked } : {}) };
  const { device, pool } = entry;
  const { volumeId, source } = target;
  const ofPool = source === 'x' || pool === undefined ? {} : { pool };
  return { attachment: { volumeId, device, path, source, attachedNow, ...ofPool } };
}
