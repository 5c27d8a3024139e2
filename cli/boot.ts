/** What the daemon waits for before it can begin: metadata, and credentials (behaviour.md 9.7). */

import { setTimeout as pause } from 'node:timers/promises';
import { BOOT_PATIENCE_MS, HAND_PATIENCE_MS } from '../config/constants.ts';
import { AdapterError, messageOf } from '../config/errors.ts';

export interface Patience {
  /** Whether a service manager waits for us: then a boot that is not through yet is waited for. */
  watched: boolean;
  signal: AbortSignal;
  /** Is told why it still waits. */
  onWait(problem: string): void;
}

/** Between two attempts. */
const PAUSE_MS = 500;

/**
 * Tries until it works or patience ends.
 * @throws the last failure when patience has ended, at once one that will not pass, and the signal's reason.
 */
export async function awaiting<Value>(attempt: () => Promise<Value>, patience: Patience): Promise<Value> {
  const startMs = performance.now();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      patience.signal.throwIfAborted();
      const limitMs = patience.watched && !hasNoRoute(error) ? BOOT_PATIENCE_MS : HAND_PATIENCE_MS;
      const isOver = performance.now() - startMs + PAUSE_MS > limitMs;
      if (isOver || !(error instanceof AdapterError && error.retryable)) throw error;
      patience.onWait(messageOf(error));
      await pause(PAUSE_MS, undefined, { signal: patience.signal });
    }
  }
}

/** The kernel itself knows no way there: then no amount of waiting for the other side helps. */
function hasNoRoute(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined;
  return cause?.code === 'ENETUNREACH' || cause?.code === 'EHOSTUNREACH';
}
