/** What becomes of the journal's holds. Pure; the oldest hold stands first. */

import type { BootMemory } from '../adapters/state-dir.ts';
import { attachmentPoint } from '../config/devices.ts';
import { storedName } from '../config/record-name.ts';
import type { Hold, RecordEntry, RecordSetHold, VolumeEntry } from '../config/vocabulary.ts';

type Holds = readonly Hold[];

/** With one more, taken just now. What was held of the same thing before is one with it. */
export function withHold(holds: Holds, hold: Hold): Holds {
  const known = holds.find((other) => isSameThing(other, hold));
  return [...withoutHold(holds, hold), known ? joined(known, hold) : hold];
}

/** Without what is held of the same thing. */
export function withoutHold(holds: Holds, hold: Hold): Holds {
  return holds.filter((other) => !isSameThing(other, hold));
}

/** As they were before these were taken: a change that was refused leaves what an earlier run holds. */
export function withoutTaken(holds: Holds, taken: Holds, before: Holds): Holds {
  return taken.reduce((left, hold) => {
    const known = before.find((other) => isSameThing(other, hold));
    const others = withoutHold(left, hold);
    return known ? [...others, known] : others;
  }, holds);
}

/** Without those of a domain that are no longer given back. A volume that still wants its commands is remembered for that (4.3). */
export function withoutCommitted(holds: Holds, isCommitted: (domain: string) => boolean): Holds {
  return holds.filter((hold) => !isCommitted(hold.domain) || (hold.kind === 'attachment' && !hold.prepared));
}

/** With the volume's commands all done once. */
export function withPrepared(holds: Holds, { domain, volumeId }: Pick<VolumeEntry, 'domain' | 'volumeId'>): Holds {
  return holds.map((hold) => (isOfVolume(hold, domain, volumeId) ? { ...hold, prepared: true } : hold));
}

/** Whether an earlier run attached the volume without getting through its commands. */
export function isUnprepared(holds: Holds, { domain, volumeId }: Pick<VolumeEntry, 'domain' | 'volumeId'>): boolean {
  return holds.some((hold) => isOfVolume(hold, domain, volumeId) && !hold.prepared);
}

/** What is held and no domain asks for any more, since the configuration has changed. */
export function leftOver(
  holds: Holds,
  domains: Array<{ domain: string; volumes: VolumeEntry[]; records: RecordEntry[] }>,
): Holds {
  return holds.filter((hold) => {
    const owner = domains.find(({ domain }) => domain === hold.domain);
    return owner === undefined || !isAskedFor(hold, owner);
  });
}

/** Without what a domain has committed: a crash came between the memory's word that it was started and the journal's. */
export function settled(holds: Holds, { domains }: BootMemory): Holds {
  return withoutCommitted(holds, (domain) => Object.hasOwn(domains, domain) && domains[domain]?.past === 'started');
}

function isAskedFor(hold: Hold, { volumes, records }: { volumes: VolumeEntry[]; records: RecordEntry[] }): boolean {
  return hold.kind === 'attachment'
    ? volumes.some(({ volumeId, device }) => volumeId === hold.volumeId && isSamePoint(device, hold.device))
    : records.some(({ hostedZone, name }) => hostedZone === hold.hostedZone && storedName(name) === hold.after.name);
}

function isSamePoint(one: string, other: string): boolean {
  return attachmentPoint(one) === attachmentPoint(other);
}

function isSameThing(one: Hold, other: Hold): boolean {
  if (one.domain !== other.domain) return false;
  if (one.kind === 'attachment') return other.kind === 'attachment' && one.volumeId === other.volumeId;
  return (
    other.kind === 'record-set' &&
    one.hostedZone === other.hostedZone &&
    one.after.name === other.after.name &&
    one.after.type === other.after.type
  );
}

/** A volume attached anew wants its commands anew; a record set written anew still goes back to what stood there at first. */
function joined(known: Hold, hold: Hold): Hold {
  if (known.kind !== 'record-set' || hold.kind !== 'record-set' || !isOurs(known, hold)) return hold;
  const { before: _, ...rest } = hold;
  return known.before === undefined ? rest : { ...rest, before: known.before };
}

/** Whether what stood there just now was what we had put there. */
function isOurs({ after }: RecordSetHold, { before }: RecordSetHold): boolean {
  return before !== undefined && before.ttl === after.ttl && before.values.join() === after.values.join();
}

function isOfVolume(hold: Hold, domain: string, volumeId: string): hold is Hold & { kind: 'attachment' } {
  return hold.kind === 'attachment' && hold.domain === domain && hold.volumeId === volumeId;
}
