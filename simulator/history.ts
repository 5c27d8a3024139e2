/** How the world was: what has changed lately, so that a look can be shown the world as it was some time ago. */
import type { World } from './cloud.ts';

/** The kinds of things whose past is kept. */
type Kind = 'instances' | 'volumes' | 'snapshots' | 'zones' | 'changes';

/** How a thing was before it changed; absent: it was not there. */
export interface Change {
  /** When it changed, epoch milliseconds. */
  atMs: number;
  kind: Kind;
  id: string;
  was: unknown;
}

/** For how long the past is kept. */
export const HISTORY_MS = 600_000;

/** More than a large fleet changes in that time. */
const HISTORY_LIMIT = 20_000;

/** Says that a thing is about to be made, changed or removed by a service. */
export function remember(world: World, kind: Kind, id: string): void {
  const { history, clock } = world;
  const things: ReadonlyMap<string, unknown> = world[kind];
  const thing = things.get(id);
  // A zone's list of records is replaced, never changed, and may be long.
  const was = kind === 'zones' && thing !== undefined ? { ...thing } : structuredClone(thing);
  const now = clock.now();
  history.push({ atMs: now, kind, id, was });
  while (history.length > HISTORY_LIMIT || (history[0]?.atMs ?? now) < now - HISTORY_MS) history.shift();
}

/** Forgets the past of a thing: a change made by hand is seen at once. */
export function forget(world: World, kind: Kind, id: string): void {
  world.history = world.history.filter((change) => change.kind !== kind || change.id !== id);
}

/** The world as it was; only to be looked at. */
export function worldBefore(world: World, ms: number): World {
  const atMs = world.clock.now() - ms;
  const { instances, volumes, snapshots, zones, changes } = world;
  const was = {
    instances: new Map(instances),
    volumes: new Map(volumes),
    snapshots: new Map(snapshots),
    zones: new Map(zones),
    changes: new Map(changes),
  };
  for (const change of world.history.toReversed()) {
    if (change.atMs <= atMs) break;
    const things: Map<string, unknown> = was[change.kind];
    if (change.was === undefined) things.delete(change.id);
    else things.set(change.id, change.was);
  }
  return { ...world, ...was, pasts: { instances: new Map(), volumes: new Map(), snapshots: new Map() } };
}
