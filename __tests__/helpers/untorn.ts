/** "Ask, then join": a change that is under way is waited for, whatever happens meanwhile. */

import type { AnyActorRef, AnyStateMachine, InputFrom } from 'xstate';
import { begin, type Model, type Run } from './model.ts';

/**
 * A run that went where the numbers led, like `wandered`.
 * @param changes steps, by the name that the machine gives them, which may not be left before they have ended.
 * @throws where one was.
 */
export function wanderedUntorn<Machine extends AnyStateMachine>(
  model: Model<Machine>,
  input: InputFrom<Machine>,
  picks: number[],
  changes: string[],
): Run<Machine> {
  const run = begin(model, input);
  for (const pick of picks) {
    const may = run.next();
    const next = may[pick % may.length];
    if (next === undefined) break;
    const underWay = activeChildren(run).filter(({ src }) => changes.includes(String(src)));
    run.happen(next);
    for (const { id } of underWay.filter(isStopped)) throw new Error(`left ${id}: ${run.story.join(' → ')}`);
  }
  return run;
}

function activeChildren({ actor }: Run<AnyStateMachine>): AnyActorRef[] {
  const children = Object.values(actor.getSnapshot().children as Record<string, AnyActorRef | undefined>);
  return children.filter((child) => child !== undefined).filter((child) => child.getSnapshot().status === 'active');
}

function isStopped(child: AnyActorRef): boolean {
  return child.getSnapshot().status === 'stopped';
}
