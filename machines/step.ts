/** Steps: what a machine names and an actor performs. */

import { fromPromise } from 'xstate';

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
