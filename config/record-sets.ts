/** Record sets compared: which place in a zone they have, and whether what stands there is the same. Pure. */

import type { BeforeAndAfter, RecordSet } from './vocabulary.ts';

/** The one of the two that says which place in the zone it is about. */
export function setOf({ before, after }: BeforeAndAfter): RecordSet {
  const set = after ?? before;
  if (set === undefined) throw new Error('a change of a record set that neither was nor will be');
  return set;
}

/** Whether two sets have one place in their zone. */
export function isSamePlace(one: RecordSet, other: RecordSet): boolean {
  return one.name === other.name && one.type === other.type && one.setIdentifier === other.setIdentifier;
}

/** Whether the same stands there, nothing being the same as nothing. */
export function isSameSet(one: RecordSet | undefined, other: RecordSet | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return contentOf(one) === contentOf(other);
}

/** Whether clients are answered by one what the other would answer, health checks aside. */
export function answersLike(there: RecordSet | undefined, wanted: RecordSet): boolean {
  if (there === undefined) return false;
  const [{ healthCheckId: _, ...these }, { healthCheckId: __, ...those }] = [there, wanted];
  return isSameSet(these, those);
}

/** The order of values means nothing. */
function contentOf({ name, type, ttl, values, alias, setIdentifier, healthCheckId }: RecordSet): string {
  const target = alias && [alias.hostedZone, alias.name, alias.evaluateTargetHealth];
  return JSON.stringify([name, type, ttl, values.toSorted(), target, setIdentifier, healthCheckId]);
}
