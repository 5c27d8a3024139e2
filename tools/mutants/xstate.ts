/** XState as the tests of a mutated machine get it. */

import type * as XState from 'xstate';
import type { Tree } from './chart.ts';
import { type MachineParts, mutated, mutationsOf } from './mutations.ts';

/** Which mutation is to be made of which machine. */
export interface Choice {
  machine: string;
  /** Absent: none, the machine stays as it is. */
  mutation?: number;
  /** Is told when XState does not take the machine so. */
  refused(): void;
  /** Is told when the machine enters more states than any test needs. */
  circling(): void;
}

/** Of one actor. A test that polls for a day takes some thousand. */
const MOST_STEPS = 10_000;

/** The same module, but the chosen machine is made with its mutation. */
export function mutating(xstate: typeof XState, choice: () => Choice): typeof XState {
  return { ...xstate, setup: ((parts: never) => withMutation(xstate.setup(parts))) as typeof XState.setup };

  function withMutation<Setup extends { createMachine: unknown; extend: unknown }>(setup: Setup): Setup {
    return {
      ...setup,
      extend: (more: never) => withMutation((setup.extend as (more: never) => Setup)(more)),
      createMachine: (config: never) =>
        mutant(xstate, (setup.createMachine as (config: never) => XState.AnyStateMachine)(config), choice()),
    };
  }
}

function mutant(xstate: typeof XState, machine: XState.AnyStateMachine, choice: Choice): XState.AnyStateMachine {
  if (machine.id !== choice.machine) return machine;
  const { config, implementations } = withChosen(partsOf(machine), choice);
  try {
    const ending = { ...withCounting(config, choice.circling), options: { maxIterations: MOST_STEPS } };
    return xstate.createMachine(ending as never, implementations as never);
  } catch (error) {
    choice.refused();
    throw error;
  }
}

function withChosen(parts: MachineParts, { machine, mutation }: Choice): MachineParts {
  if (mutation === undefined) return parts;
  const chosen = mutationsOf(parts)[mutation];
  if (chosen === undefined) throw new Error(`${machine} has no mutation ${mutation}`);
  return mutated(parts, chosen);
}

/**
 * A configuration in which each state counts how often its actor has entered one. Many mutants go round in a ring; those
 * whose steps end at once would do so for ever, and killing the process costs more than all the rest.
 */
function withCounting(config: Tree, circling: () => void): Tree {
  const entries = new WeakMap<object, number>();
  const count = ({ self }: { self: object }) => {
    const sofar = (entries.get(self) ?? 0) + 1;
    entries.set(self, sofar);
    if (sofar <= MOST_STEPS) return;
    circling();
    throw new Error(`more than ${MOST_STEPS} states were entered`);
  };
  return counted(config);

  function counted(state: Tree): Tree {
    const inside = Object.entries((state.states as Tree | undefined) ?? {});
    return {
      ...state,
      entry: [count, ...[state.entry ?? []].flat()],
      ...(inside.length > 0
        ? { states: Object.fromEntries(inside.map(([key, one]) => [key, counted(one as Tree)])) }
        : {}),
    };
  }
}

/** What a machine was made of. */
export function partsOf({ config, implementations }: XState.AnyStateMachine): MachineParts {
  return { config, implementations } as unknown as MachineParts;
}
