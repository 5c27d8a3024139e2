/** What stories of early signs and of the warm pool ask of the metadata. */

import type { Lab } from './daemon.ts';

export const LIFECYCLE = 'GET /latest/meta-data/autoscaling/target-lifecycle-state';
export const MAINTENANCE = 'GET /latest/meta-data/events/maintenance/scheduled';
export const REBALANCE = 'GET /latest/meta-data/events/recommendations/rebalance';

/** Shorter than a look has patience for, and longer than a daemon needs to come up. */
const SLOW_MS = 800;

/**
 * Signs are looked at every five seconds; the first look is over before a daemon sets out, and the second begins at once. Lets the
 * second one take its time, so that it sees what a story does meanwhile, and the story need not wait for the third.
 */
export function slowSecondLook(lab: Lab): void {
  const leave = lab.cloud.onCall(({ operation }) => {
    // The last that a look reads.
    if (operation !== LIFECYCLE) return;
    leave();
    lab.cloud.metadataFault({ kind: 'latency', ms: SLOW_MS, paths: 'meta-data/events/recommendations', count: 1 });
  });
}
