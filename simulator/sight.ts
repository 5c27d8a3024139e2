/**
 * What Describe calls see: with `consistencyMs`, everything as it was that long ago, since news takes its time. Calls that change
 * something see it as it is. Source: EC2 Developer Guide, "Eventual consistency in the Amazon EC2 API".
 */
import type { World } from './cloud.ts';
import { remember } from './history.ts';

/** The kinds of things that are seen late. */
type Kind = 'instances' | 'volumes' | 'snapshots';
type Thing<K extends Kind> = World[K] extends Map<string, infer T> ? T : never;

/** How a thing was, and until when looks show it so; absent: it was not there. */
export interface Past<T> {
  /** Epoch milliseconds. */
  untilMs: number;
  was: T | undefined;
}

/** Pasts by id, the oldest first. */
export type Pasts = { [K in Kind]: Map<string, Past<Thing<K>>[]> };

/** The part of a world that Describe calls look at. */
export type Sight = Pick<World, Kind>;

/** Says that a thing is about to be made, changed or removed, so that looks go on seeing how it is now. */
export function aboutToChange(world: World, kind: Kind, id: string): void {
  remember(world, kind, id);
  const { consistencyMs } = world.delays;
  if (consistencyMs <= 0) return;
  const things: ReadonlyMap<string, unknown> = world[kind];
  const pasts: Map<string, Past<unknown>[]> = world.pasts[kind];
  const past = { untilMs: world.clock.now() + consistencyMs, was: structuredClone(things.get(id)) };
  pasts.set(id, [...(pasts.get(id) ?? []), past]);
}

/** Everything as a look sees it now. */
export function sightOf({ instances, volumes, snapshots, pasts, clock }: World): Sight {
  const now = clock.now();
  return {
    instances: seen(instances, pasts.instances, now),
    volumes: seen(volumes, pasts.volumes, now),
    snapshots: seen(snapshots, pasts.snapshots, now),
  };
}

function seen<T>(things: Map<string, T>, pasts: Map<string, Past<T>[]>, now: number): Map<string, T> {
  if (pasts.size === 0) return things;
  const shown = new Map(things);
  for (const [id, all] of pasts) {
    // The oldest one that still holds: of what came after it nobody has heard.
    const [past, ...later] = all.filter(({ untilMs }) => untilMs > now);
    if (past === undefined) {
      pasts.delete(id);
      continue;
    }
    pasts.set(id, [past, ...later]);
    if (past.was === undefined) shown.delete(id);
    else shown.set(id, past.was);
  }
  return shown;
}
