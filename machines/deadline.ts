/** How much time a way down has, and who gets how much of it (behaviour.md 5.6, 9.3). Pure. */

import { LEAST_COMMAND_TIME_MS, MESSAGE_RESERVE_MS, RELEASE_RESERVE_MS } from '../config/constants.ts';
import type { InterruptionNotice, MonotonicMs } from '../config/vocabulary.ts';

/** The points in time at which parts of a way down must be over. */
export interface Deadline {
  /** The commands of its event. */
  commandsMs: MonotonicMs;
  /** Everything but the messages: what is released comes after the commands. */
  allMs: MonotonicMs;
}

/** The time of the notice less what messages need and a release needs; never less than a save needs, whatever the notice says. */
export function deadlineOfNotice({ seenAtMs, leftMs }: InterruptionNotice, releases: boolean): Deadline {
  const reserveMs = releases ? RELEASE_RESERVE_MS : 0;
  const commandsMs = seenAtMs + Math.max(leftMs - MESSAGE_RESERVE_MS - reserveMs, LEAST_COMMAND_TIME_MS);
  return { commandsMs, allMs: commandsMs + reserveMs };
}

/** The stop's own limit; where something is released, commands leave it the same reserve, but never more than a third. */
export function deadlineOfStop(atMs: MonotonicMs, stopMs: number, releases: boolean): Deadline {
  const reserveMs = releases ? Math.min(RELEASE_RESERVE_MS, stopMs / 3) : 0;
  return { commandsMs: atMs + stopMs - reserveMs, allMs: atMs + stopMs };
}

/** The earlier of two, each point for itself. */
export function sooner(one: Deadline | undefined, other: Deadline): Deadline {
  if (one === undefined) return other;
  return {
    commandsMs: Math.min(one.commandsMs, other.commandsMs),
    allMs: Math.min(one.allMs, other.allMs),
  };
}
