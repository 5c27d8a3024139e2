/**
 * What Auto Scaling is about to do with an instance, as far as the instance hears of it: the state that it is to go to, never the one
 * that it is in. Source: EC2 Auto Scaling User Guide, "Retrieve the target lifecycle state through instance metadata", "Warm pools".
 */
import type { World } from './cloud.ts';
import { firstInstance } from './orders.ts';

/** Every state that the metadata can name. */
export const targetLifecycleStates = [
  'InService',
  'Terminated',
  'Detached',
  'Standby',
  'Warmed:Hibernated',
  'Warmed:Running',
  'Warmed:Stopped',
  'Warmed:Terminated',
] as const;

type TargetLifecycleState = (typeof targetLifecycleStates)[number];

/** What a group does, in one word, and the states that an instance is told for it, one after the other. */
export const activities = {
  launch: ['InService'],
  'scale-in': ['Terminated'],
  detach: ['Detached'],
  standby: ['Standby', 'InService'],
  // Launched ahead of need, taken out of the pool, given back to it by a reuse policy, and ended there.
  'warm-pool': ['Warmed:Running', 'InService', 'Warmed:Running', 'Warmed:Terminated'],
} as const satisfies Record<string, readonly TargetLifecycleState[]>;

export type Activity = keyof typeof activities;

/** How an activity goes. */
export interface Pace {
  /** From one state to the next; default 10 s, so that who looks every five sees each. */
  stepMs?: number;
}

const STEP_MS = 10_000;

/** Lets an instance's group do something with it: the first state is there at once. What was going on before, goes on no more. */
export function autoScale(
  world: World,
  activity: Activity,
  { stepMs = STEP_MS }: Pace = {},
  instanceId?: string,
): void {
  const instance = firstInstance(world, instanceId);
  const ahead: TargetLifecycleState[] = [...activities[activity]];
  const advance = () => {
    // Another activity may have begun, or a state been set by hand.
    if (instance.autoScaling?.ahead !== ahead) return;
    instance.targetLifecycleState = ahead.shift();
    if (ahead.length > 0) world.clock.after(stepMs, advance);
    else delete instance.autoScaling;
  };
  instance.autoScaling = { activity, ahead };
  advance();
}
