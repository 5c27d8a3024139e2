/** Every way in which a machine can be wrong in one place: a transition missing, a target mistaken, an action forgotten. */

import { arrayed, type Chart, chartOf, type Path, type Place, type State, type Tree, UNDERSTOOD } from './chart.ts';
import { mutationsOfGuard } from './guards.ts';
import { actionName, isBuiltin } from './names.ts';
import { mutationsOfTransition } from './transitions.ts';

/** A machine's chart and what its names stand for, as `createMachine` takes them. */
export interface MachineParts {
  config: Tree;
  implementations: Tree;
}

/** One change to a machine. */
export interface Mutation {
  /** Where and what, for example `pending on domain.stop: without action finishStep`. */
  name: string;
  /** What the tests lack if none of them notices. */
  hint: string;
  path: Path;
  /** What stands there instead; absent: nothing does. */
  instead?: { value: unknown };
}

/** All mutations of a machine; the same machine gives the same ones in the same order. */
export function mutationsOf({ config, implementations }: MachineParts): Mutation[] {
  const chart = chartOf(config);
  return [
    ...chart.states.flatMap((state) => mutationsOfState(chart, state)),
    ...mutationsOfImplementations(implementations),
  ];
}

/** A machine's parts with one mutation made; the given ones stay as they are. */
export function mutated(parts: MachineParts, { path, instead }: Mutation): MachineParts {
  const copy = copyOf(parts) as MachineParts;
  const key = path.at(-1) ?? '';
  const holder = path.slice(0, -1).reduce<Tree>((tree, step) => tree[step] as Tree, copy as unknown as Tree);
  if (instead) holder[key] = instead.value;
  else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
  return copy;
}

/** Containers anew, since charts share constants; functions stay themselves, since XState keeps their properties on them. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner)]));
}

// --- In a state ------------------------------------------------------------------------------------------------------

function mutationsOfState(chart: Chart, state: State): Mutation[] {
  const unknown = Object.keys(state.config).filter((key) => !UNDERSTOOD.includes(key));
  if (unknown.length > 0) throw new Error(`${state.name}: no mutation is known for ${unknown.join(', ')}`);
  return [
    ...otherInitial(chart, state),
    ...notFinal(state),
    ...withoutOutput(state),
    ...mutationsOfActions(state.config.entry, { name: `${state.name}: entry`, path: [...state.path, 'entry'] }),
    ...mutationsOfActions(state.config.exit, { name: `${state.name}: exit`, path: [...state.path, 'exit'] }),
    ...state.invokes.flatMap(mutationsOfInvoke),
    ...state.transitions.flatMap((transition) => [
      ...mutationsOfTransition(chart, state, transition),
      ...mutationsOfActions((transition.value as Tree).actions, {
        name: `${transition.name}:`,
        path: [...transition.path, 'actions'],
      }),
    ]),
  ];
}

function otherInitial(chart: Chart, { name, keys, path, config }: State): Mutation[] {
  if (config.initial === undefined) return [];
  const other = chart.neighbourOf([...keys, config.initial as string]);
  if (other === undefined) return [];
  return [
    {
      name: `${name}: begins in ${other.key} instead of ${config.initial}`,
      hint: 'No test looks at where it begins.',
      path: [...path, 'initial'],
      instead: { value: other.key },
    },
  ];
}

function notFinal({ name, path, config }: State): Mutation[] {
  if (config.type !== 'final') return [];
  return [{ name: `${name}: is no end`, hint: 'No test looks whether it has ended.', path: [...path, 'type'] }];
}

function withoutOutput({ name, path, config }: State): Mutation[] {
  if (config.output === undefined) return [];
  return [{ name: `${name}: without output`, hint: 'No test looks at the output.', path: [...path, 'output'] }];
}

function mutationsOfInvoke({ name, path, value }: Place): Mutation[] {
  const withoutInput = {
    name: `${name} is given no input`,
    hint: 'No test looks at what the step is given.',
    path: [...path, 'input'],
  };
  return [
    { name: `${name} is not begun`, hint: 'No test looks whether the step has begun.', path },
    ...('input' in (value as Tree) ? [withoutInput] : []),
  ];
}

// --- Actions ---------------------------------------------------------------------------------------------------------

function mutationsOfActions(actions: unknown, place: { name: string; path: Path }): Mutation[] {
  return arrayed(actions, place.path).flatMap(({ path, value }) => [
    {
      name: `${place.name} without action ${actionName(value)}`,
      hint: 'No test looks at what this action does here.',
      path,
    },
    ...otherDelays(value, { name: `${place.name} ${actionName(value)}`, path }),
  ]);
}

/** Of an action that raises or sends something later. */
function otherDelays(action: unknown, { name, path }: { name: string; path: Path }): Mutation[] {
  if (!isBuiltin(action) || !('delay' in action)) return [];
  return otherDurations(action.delay, name, path).map((mutation) => ({
    ...mutation,
    instead: { value: Object.assign(() => {}, action, { delay: mutation.instead?.value }) },
  }));
}

/** A number of milliseconds or what gives one; the name of a delay is changed where it is defined. */
function otherDurations(duration: unknown, name: string, path: Path): Mutation[] {
  if (typeof duration !== 'number' && typeof duration !== 'function') return [];
  const times = (factor: number) =>
    typeof duration === 'number' ? duration * factor : (...given: unknown[]) => duration(...given) * factor;
  return [
    {
      name: `${name} after half the time`,
      hint: 'No test looks whether it waits until shortly before it is due.',
      path,
      instead: { value: times(1 / 2) },
    },
    {
      name: `${name} after twice the time`,
      hint: 'No test looks whether it comes when it is due.',
      path,
      instead: { value: times(2) },
    },
  ];
}

// --- What names stand for --------------------------------------------------------------------------------------------

function mutationsOfImplementations({ actions = {}, guards = {}, delays = {} }: Tree): Mutation[] {
  return [
    ...Object.entries(actions as Tree).flatMap(([name, action]) => otherAction(name, action)),
    ...Object.entries(guards as Tree).flatMap(([name, guard]) => otherGuard(name, guard)),
    ...Object.entries(delays as Tree).flatMap(([name, delay]) =>
      otherDurations(delay, `delay ${name}:`, ['implementations', 'delays', name]),
    ),
  ];
}

/** A plain function is left alone: it stands for what `actors/system.ts` provides, and does nothing. */
function otherAction(name: string, action: unknown): Mutation[] {
  if (!isBuiltin(action)) return [];
  const path = ['implementations', 'actions', name];
  return [
    {
      name: `action ${name}: does nothing`,
      hint: 'No test looks at what this action does.',
      path,
      instead: { value: () => {} },
    },
    ...otherDelays(action, { name: `action ${name}:`, path }),
  ];
}

function otherGuard(name: string, guard: unknown): Mutation[] {
  const path = ['implementations', 'guards', name];
  return [
    ...mutationsOfGuard(guard, `guard ${name}:`, path),
    {
      name: `guard ${name}: never holds`,
      hint: 'No test comes by it where it holds.',
      path,
      instead: { value: () => false },
    },
  ];
}
