/** A machine's configuration as states with their transitions, each with its place in the configuration. */

/** A piece of a configuration. */
export type Tree = Record<string, unknown>;

/** From a machine's parts to one of their pieces. */
export type Path = (string | number)[];

/** A piece, where it is, and how a person would call it. */
export interface Place {
  name: string;
  path: Path;
  value: unknown;
}

export interface State {
  /** `running.working`; the machine itself is `root`. */
  name: string;
  keys: string[];
  path: Path;
  config: Tree;
  invokes: Place[];
  transitions: Place[];
}

export interface Chart {
  /** The machine first, then each state before those inside it. */
  states: State[];
  /** The keys of the state that a transition from `source` names. */
  targetOf(source: string[], target: string): string[];
  /** The state beside this one that comes next, or else the one before, `source` left out; absent: there is none. */
  neighbourOf(keys: string[], source?: string[]): Neighbour | undefined;
}

export interface Neighbour {
  key: string;
  /** As a target that means the same from everywhere, for example `#commands.running.working`. */
  target: string;
}

/** What a state may say. Whatever else comes into use needs mutations of its own. */
export const UNDERSTOOD = [
  ...['id', 'type', 'initial', 'states', 'entry', 'exit', 'invoke', 'on', 'always', 'after', 'onDone', 'output'],
  // These decide nothing.
  ...['context', 'description', 'meta', 'tags', 'schemas', 'version', 'options'],
];

export function chartOf(root: Tree): Chart {
  const states = statesBelow(root, []);
  const configOf = (keys: string[]) => states.find((state) => state.keys.join('.') === keys.join('.'))?.config;

  return { states, targetOf, neighbourOf };

  function targetOf(source: string[], target: string): string[] {
    const [first = '', ...rest] = target.split('.');
    if (first === '') return [...source, ...rest];
    if (!first.startsWith('#')) return [...source.slice(0, -1), first, ...rest];
    const named = states.find(({ config }) => config.id === first.slice(1));
    if (named === undefined) throw new Error(`no state has the id of the target ${target}`);
    return [...named.keys, ...rest];
  }

  function neighbourOf(keys: string[], source: string[] = []): Neighbour | undefined {
    const parent = keys.slice(0, -1);
    const siblings = Object.keys((configOf(parent)?.states as Tree | undefined) ?? {});
    const at = siblings.indexOf(keys.at(-1) ?? '');
    const others = [...siblings.slice(at + 1), ...siblings.slice(0, Math.max(at, 0)).reverse()];
    const key = others.find((other) => [...parent, other].join('.') !== source.join('.'));
    return key === undefined ? undefined : { key, target: `#${root.id}.${[...parent, key].join('.')}` };
  }
}

/** Each of what may stand alone or in a list. */
export function arrayed(value: unknown, path: Path): { path: Path; value: unknown }[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value.map((one, i) => ({ path: [...path, i], value: one })) : [{ path, value }];
}

function statesBelow(config: Tree, keys: string[]): State[] {
  const inside = Object.entries((config.states as Tree | undefined) ?? {});
  const path = ['config', ...keys.flatMap((key) => ['states', key])];
  const name = keys.join('.') || 'root';
  const invokes = arrayed(config.invoke, [...path, 'invoke']).map((place) => ({
    ...place,
    name: `${name}: ${(place.value as Tree).src}`,
  }));
  return [
    { name, keys, path, config, invokes, transitions: transitionsOf({ name, path, config, invokes }) },
    ...inside.flatMap(([key, inner]) => statesBelow(inner as Tree, [...keys, key])),
  ];
}

function transitionsOf({ name, path, config, invokes }: Omit<State, 'keys' | 'transitions'>): Place[] {
  const { on = {}, after = {}, always, onDone } = config as Record<string, Tree>;
  return [
    ...Object.entries(on).flatMap(([event, value]) => each(`${name} on ${event}`, [...path, 'on', event], value)),
    ...Object.entries(after).flatMap(([delay, value]) =>
      each(`${name} after ${delay}`, [...path, 'after', delay], value),
    ),
    ...each(`${name} always`, [...path, 'always'], always),
    ...each(`${name} when done`, [...path, 'onDone'], onDone),
    ...invokes.flatMap((invoke) => [
      ...each(`${invoke.name} done`, [...invoke.path, 'onDone'], (invoke.value as Tree).onDone),
      ...each(`${invoke.name} failed`, [...invoke.path, 'onError'], (invoke.value as Tree).onError),
    ]),
  ];
}

function each(name: string, path: Path, value: unknown): Place[] {
  const places = arrayed(value, path);
  return places.map((place, i) => ({
    ...place,
    name: places.length === 1 ? name : `${name} (${i + 1} of ${places.length})`,
  }));
}
