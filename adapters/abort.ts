/** Waiting for work that cannot be told to end. */

/**
 * What the work gives, or the signal's reason, whichever is first. The work itself goes on unheard: it needs a limit of its
 * own.
 */
export async function beforeAbort<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
