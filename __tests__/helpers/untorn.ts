/** "Ask, then join": a change that is under way is waited for, whatever happens meanwhile. */

import type { AnyActorRef, AnyStateMachine, InputFrom } from 'xstate';
import { begin, type Happening, type Model, type Place, type Run } from './model.ts';

/** A step that has ended, and how. */
export interface EndedStep {
  /** The name that the machine gives it. */
  src: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what its own steps are given.
  input: any;
  how: Extract<Happening, { kind: 'ends' }>['how'];
  atMs: number;
}

/**
 * A run that went where the numbers led, and then let its steps end until nothing was left to wait for.
 * @returns with it the steps that ended, and the places that it came to, in their order.
 * @param changes steps, by the name that the machine gives them, which may not be left before they have ended.
 * @throws where one was.
 */
export function wanderedUntorn<Machine extends AnyStateMachine>(
  model: Model<Machine>,
  input: InputFrom<Machine>,
  picks: number[],
  changes: string[],
): Run<Machine> & { ended: EndedStep[]; places: Array<Place<Machine>> } {
  const run = begin(model, input);
  const ended: EndedStep[] = [];
  const places = [run.place];
  for (const pick of picks) {
    const may = run.next();
    go(may[pick % may.length]);
  }
  while (go(onItsOwn(run)));
  return Object.assign(run, { ended, places });

  function go(happening: Happening | undefined): boolean {
    if (happening === undefined) return false;
    const children = activeChildren(run);
    const ending = children.find(({ id }) => happening.kind === 'ends' && id === happening.step);
    if (ending && happening.kind === 'ends')
      ended.push({
        src: String(ending.src),
        input: ending.getSnapshot().input,
        how: happening.how,
        atMs: run.place.nowMs,
      });
    run.happen(happening);
    places.push(run.place);
    const left = children.find((child) => changes.includes(String(child.src)) && isStopped(child));
    if (left) throw new Error(`left ${left.id}: ${run.story.join(' → ')}`);
    return true;
  }
}

/** Without news. */
function onItsOwn(run: Run<AnyStateMachine>): Happening | undefined {
  const own = run.next().filter(({ kind }) => kind !== 'sent');
  return own.find(({ kind }) => kind === 'ends') ?? own[0];
}

function activeChildren({ actor }: Run<AnyStateMachine>): AnyActorRef[] {
  const children = Object.values(actor.getSnapshot().children as Record<string, AnyActorRef | undefined>);
  return children.filter((child) => child !== undefined).filter((child) => child.getSnapshot().status === 'active');
}

function isStopped(child: AnyActorRef): boolean {
  return child.getSnapshot().status === 'stopped';
}
