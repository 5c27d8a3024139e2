/** How long a machine waits before it does something again. */

import type { Script } from './scripted.ts';

/** How often is asked; the pauses between one step that begins and the next, in whole milliseconds. */
export function pausesOf(
  { clock, script }: { clock: { nowMs: number; ringNext(): boolean }; script: Script },
  count: number,
): number[] {
  return Array.from({ length: count }, () => {
    const begun = script.taken.length;
    const atMs = clock.nowMs;
    while (script.taken.length === begun && clock.ringNext());
    return Math.round(clock.nowMs - atMs);
  });
}
