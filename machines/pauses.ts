/** How long one waits before the next attempt. Pure. */

/** The first pause, and each one after it so many times the one before, up to a limit. @param count which pause it is, from 1. */
export function grown(firstMs: number, factor: number, count: number, mostMs: number): number {
  return Math.min(firstMs * factor ** (count - 1), mostMs);
}

/**
 * From 0 up to 1; the same for the same numbers, so that a test repeats.
 * @param seed from 0 up to 1. Neighbours are far apart in each pause, and otherwise in the next.
 * @param count which pause it is.
 */
export function jitterOf(seed: number, count: number): number {
  return (seed * (7919 * count + 1)) % 1;
}
