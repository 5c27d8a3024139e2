/** The simulator's clock: real time, with timers that keep no process alive and all end when the cloud is closed. */

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Runs `effect` after so many milliseconds; with 0 or less, as soon as the call under way has its answer. */
  after(delayMs: number, effect: () => void): void;
  /** The same as a promise. Closing the clock ends the wait early. */
  sleep(delayMs: number): Promise<void>;
  /** Drops every effect that is still to come and ends every wait. */
  close(): void;
}

export function createClock(): Clock {
  const pending = new Map<NodeJS.Timeout, () => void>();
  let closed = false;

  return {
    now: () => Date.now(),

    after(delayMs, effect) {
      // Not a timer of 0 ms: whoever asks right after the answer must see the effect.
      if (delayMs <= 0) queueMicrotask(() => closed || effect());
      else schedule(delayMs, effect, () => {});
    },

    sleep(delayMs) {
      if (delayMs <= 0 || closed) return Promise.resolve();
      return new Promise((resolve) => schedule(delayMs, resolve, resolve));
    },

    close() {
      closed = true;
      for (const [timer, onClose] of pending) {
        clearTimeout(timer);
        onClose();
      }
      pending.clear();
    },
  };

  function schedule(delayMs: number, effect: () => void, onClose: () => void): void {
    if (closed) return;
    const timer = setTimeout(() => {
      pending.delete(timer);
      effect();
    }, delayMs);
    timer.unref();
    pending.set(timer, onClose);
  }
}
