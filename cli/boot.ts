/** What the daemon waits for before it can begin: metadata, and credentials (behaviour.md 9.7). */

import { setTimeout as pause } from 'node:timers/promises';
import { BOOT_PATIENCE_MS, HAND_PATIENCE_MS } from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';

export interface Patience {
  /** Whether a service manager waits for us: then a boot that is not through yet is waited for. */
  watched: boolean;
  signal: AbortSignal;
  /** Is told why it still waits. */
  onWait(problem: string): void;
}

/**
 * Tries until it works or patience ends.
 * @throws the last failure when patience has ended, at once one that will not pass, and the signal's reason.
 */
export async function awaiting<Value>(attempt: () => Promise<Value>, patience: Patience): Promise<Value> {
  const startMs = performance.now();
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      patience.signal.throwIfAborted();
      const pauseMs = pauseAfter(attempts, performance.now() - startMs, limitOf(error, patience.watched));
      if (pauseMs === undefined || !isPassing(error)) throw error;
      patience.onWait(messageOf(error));
      await pause(pauseMs, undefined, { signal: patience.signal }).catch(() => patience.signal.throwIfAborted());
    }
  }
}

/** First pause between two attempts; most of what a boot waits for is there a moment later. */
const PAUSE_MS = 500;

/** Longest pause: whatever is there at last is noticed no later than this. */
const LONGEST_PAUSE_MS = 5_000;

/** How long to pause after so many attempts, the last one being made when the limit is over; `undefined` after that one. */
export function pauseAfter(attempts: number, elapsedMs: number, limitMs: number): number | undefined {
  if (elapsedMs >= limitMs) return undefined;
  // Whoever is asked may be in trouble because it is asked too often.
  return Math.min(PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS, limitMs - elapsedMs);
}

/** How long to wait for what failed like this, in milliseconds: with no way there, no patience under a service manager helps. */
export function limitOf(error: unknown, watched: boolean): number {
  return watched && !hasNoRoute(Error.isError(error) ? error.cause : undefined) ? BOOT_PATIENCE_MS : HAND_PATIENCE_MS;
}

/** The kernel itself knows no way there; where several addresses were tried, to none of them. */
function hasNoRoute(cause: unknown): boolean {
  const { code, errors } = (cause ?? {}) as { code?: unknown; errors?: unknown[] };
  if (Array.isArray(errors)) return errors.every(hasNoRoute);
  return code === 'ENETUNREACH' || code === 'EHOSTUNREACH';
}
