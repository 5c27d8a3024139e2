/** What FIFO topics and FIFO queues have in common. Source: SNS and SQS Developer Guides, "Message deduplication". */
import { createHash } from 'node:crypto';
import type { Clock } from './clock.ts';

/** A second message with the same id is accepted within this time, but not delivered. */
const WINDOW_MS = 5 * 60_000;

export interface Deduplication<T> {
  find(key: string): T | undefined;
  add(key: string, accepted: T): void;
}

/** @param clock of which only the time is used. */
export function createDeduplication<T>(clock: Pick<Clock, 'now'>): Deduplication<T> {
  const accepted = new Map<string, { value: T; untilMs: number }>();
  return {
    find(key) {
      const entry = accepted.get(key);
      return entry !== undefined && clock.now() < entry.untilMs ? entry.value : undefined;
    },
    add(key, value) {
      for (const [old, { untilMs }] of accepted) if (untilMs <= clock.now()) accepted.delete(old);
      accepted.set(key, { value, untilMs: clock.now() + WINDOW_MS });
    },
  };
}

/** Group and deduplication ids: up to 128 ASCII letters, digits and punctuation marks. */
export function isFifoToken(value: string): boolean {
  return /^[!-~]{1,128}$/.test(value);
}

/** The deduplication id made from a body. */
export function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

let lastSequenceNumber = 18_850_000_000_000_000_000n;

/** Large and growing, 20 digits, not consecutive. */
export function sequenceNumber(): string {
  lastSequenceNumber += 256n;
  return String(lastSequenceNumber);
}
