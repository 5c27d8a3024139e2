/** Which free volume of a pool an entry tries first (behaviour.md 6.5). */

import { createHash, randomInt } from 'node:crypto';
import { volumeTags } from '../config/tags.ts';
import type { InstanceFacts, SeenVolume, VolumeEntry } from '../config/vocabulary.ts';

type Chooser = Pick<VolumeEntry, 'domain' | 'device' | 'preference'>;
type Place = Pick<InstanceFacts, 'instanceId' | 'launchIndex'>;

/** The free ones in the order to try. @param pool every volume of the pool, whoever has it: `index` counts them all. */
export function inOrderOfChoice(pool: readonly SeenVolume[], entry: Chooser, place: Place): SeenVolume[] {
  const spread = bySpread(pool, entry, place);
  return ordered(pool, spread, entry, place).filter(({ kind }) => kind === 'free');
}

function ordered(pool: readonly SeenVolume[], spread: SeenVolume[], entry: Chooser, place: Place): SeenVolume[] {
  switch (entry.preference) {
    case 'spread':
      return spread;
    case 'index':
      return byIndex(pool, place);
    case 'random':
      return shuffled(pool);
    // One that was never used is the oldest of all. Among equals it is as with `spread`: sorting keeps their order.
    case 'most-recently-used':
      return spread.toSorted((one, other) => usedAt(other) - usedAt(one));
    case 'least-recently-used':
      return spread.toSorted((one, other) => usedAt(one) - usedAt(other));
  }
}

/**
 * Rendezvous hashing: each entry of a fleet has an order of its own, which stays the same while volumes come and go, so that
 * those who boot at once mostly try different ones.
 */
function bySpread(pool: readonly SeenVolume[], entry: Chooser, place: Place): SeenVolume[] {
  return pool
    .map((volume) => ({ volume, weight: weightOf(volume, entry, place) }))
    .toSorted((one, other) => (one.weight < other.weight ? 1 : -1))
    .map(({ volume }) => volume);
}

function weightOf({ volumeId }: SeenVolume, { domain, device }: Chooser, { instanceId }: Place): string {
  return digestOf(instanceId, domain, device, volumeId).toString('hex');
}

/** From 0 up to 1: a number that this instance shares with no other, for this entry. @param what its device, or its name. */
export function seedOf(instanceId: string, domain: string, what: string): number {
  return digestOf(instanceId, domain, what).readUInt32BE(0) / 2 ** 32;
}

function digestOf(...parts: string[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}

/** The old way: instance 3 begins with the fourth. */
function byIndex(pool: readonly SeenVolume[], { launchIndex }: Place): SeenVolume[] {
  const sorted = pool.toSorted((one, other) => (one.volumeId < other.volumeId ? -1 : 1));
  const first = sorted.length === 0 ? 0 : launchIndex % sorted.length;
  return [...sorted.slice(first), ...sorted.slice(0, first)];
}

function shuffled(pool: readonly SeenVolume[]): SeenVolume[] {
  const left = [...pool];
  return pool.flatMap(() => left.splice(randomInt(left.length), 1));
}

function usedAt({ tags }: SeenVolume): number {
  return Date.parse(tags[volumeTags.used] ?? '') || 0;
}
