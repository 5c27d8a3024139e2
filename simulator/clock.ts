/** The simulator's clock: real time, with timers that keep no process alive and all end when the cloud is closed. */

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Runs `effect` after so many milliseconds; with 0 or less, as soon as the call under way has its answer. */
  after(delayMs: number, effect: () => void): void;
  /** The same as a promise; it stays open for ever when the clock is closed, as does whatever waits for it. */
  sleep(delayMs: number): Promise<void>;
  /** Drops every effect that is still to come. */
  close(): void;
}

export function createClock(): Clock {
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;

  return {
    now: () => Date.now(),

    after(delayMs, effect) {
      // Not a timer of 0 ms: whoever asks right after the answer must see the effect.
      if (delayMs <= 0) queueMicrotask(() => closed || effect());
      else schedule(delayMs, effect);
    },

    sleep(delayMs) {
      return delayMs <= 0 ? Promise.resolve() : new Promise((resolve) => schedule(delayMs, resolve));
    },

    close() {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };

  function schedule(delayMs: number, effect: () => void): void {
    if (closed) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      effect();
    }, delayMs);
    timer.unref();
    timers.add(timer);
  }
}
