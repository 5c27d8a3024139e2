/** Steps: what a machine names and an actor performs. */

import { fromPromise } from 'xstate';
import type { MonotonicMs } from '../config/vocabulary.ts';

/**
 * A step by name only. `actors/system.ts` provides the real one, and `satisfies` there makes a forgotten one a compile
 * error; tests provide scripted ones.
 */
export const step = <Output, Input>(name: string) =>
  fromPromise<Output, Input>(() => Promise.reject(new Error(`nobody provided the step ${name}`)));

/** Asks a step to end soon: to stop waiting, begin nothing new, and say what it has. */
export interface FinishStep {
  type: 'step.finish';
}

/** Tells the commands of a way down that it ends earlier than they were told; a later end changes nothing. */
export interface DeadlineMoved {
  type: 'deadline.moved';
  untilMs: MonotonicMs;
  /** When it was moved. */
  atMs: MonotonicMs;
}
