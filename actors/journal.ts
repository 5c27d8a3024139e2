/** What becomes of the journal's holds. Pure; the oldest hold stands first. */

import type { BootMemory } from '../adapters/state-dir.ts';
import { isSameDevice } from '../config/devices.ts';
import { storedName, zoneId } from '../config/record-name.ts';
import { isSamePlace, isSameSet, setOf } from '../config/record-sets.ts';
import type {
  AttachmentHold,
  CreationHold,
  Hold,
  RecordEntry,
  RecordSetHold,
  VolumeEntry,
} from '../config/vocabulary.ts';

type Holds = readonly Hold[];

/** A volume of a domain. */
export interface OfVolume {
  domain: string;
  volumeId: string;
}

/** An entry of a domain, by its device. */
export type EntryName = Pick<VolumeEntry, 'domain' | 'device'>;

/** With one more, taken just now. What was held of the same thing before is one with it. */
export function withHold(holds: Holds, hold: Hold): Holds {
  const known = holds.find((other) => isSameThing(other, hold));
  // It keeps its place before what was done with the volume since: that is given back first.
  if (known && hold.kind === 'creation') return holds.map((other) => (other === known ? hold : other));
  return [...withoutHold(holds, hold), known ? joined(known, hold) : hold];
}

/** With more known of one that is held. What a record set goes back to is known by the hold that was joined from all before it. */
export function withMoreKnown(holds: Holds, hold: Hold): Holds {
  const known = holds.find((other) => isSameThing(other, hold));
  if (hold.kind !== 'record-set' || known?.kind !== 'record-set') return withHold(holds, hold);
  const { changeId = known.changeId } = hold;
  return holds.map((other) => (other === known && changeId !== undefined ? { ...known, changeId } : other));
}

/** Without what is held of the same thing. */
export function withoutHold(holds: Holds, hold: Hold): Holds {
  return holds.filter((other) => !isSameThing(other, hold));
}

/** As they were before these were taken: a change that was refused leaves what an earlier run holds. */
export function withoutTaken(holds: Holds, taken: Holds, before: Holds): Holds {
  return taken.reduce((left, hold) => {
    const known = before.find((other) => isSameThing(other, hold));
    if (known === undefined) return withoutHold(left, hold);
    return left.map((other) => (isSameThing(other, hold) ? known : other));
  }, holds);
}

/**
 * Without those of a domain that are no longer given back. A volume that still wants its commands is remembered for that (4.3),
 * and one that was created and never attached is still to be given back.
 */
export function withoutCommitted(holds: Holds, isCommitted: (domain: string) => boolean): Holds {
  return holds.filter((hold) => !isCommitted(hold.domain) || isOpen(hold, holds));
}

/** With the volume's commands all done once. */
export function withPrepared(holds: Holds, { domain, volumeId }: OfVolume): Holds {
  return holds.map((hold) => (isOfVolume(hold, domain, volumeId) ? { ...hold, prepared: true } : hold));
}

/** With commands of a volume about to run: what was created besides may get something written on it by them (6.10). */
export function withCommands(holds: Holds, { domain, volumeId }: OfVolume): Holds {
  return holds.map((hold) =>
    hold.kind === 'creation' && hold.domain === domain && hold.volumeId !== volumeId
      ? { ...hold, disposable: false }
      : hold,
  );
}

/** The attachment of a volume by an earlier run, or by this one. */
export function attachmentOf(holds: Holds, { domain, volumeId }: OfVolume): AttachmentHold | undefined {
  return holds.find((hold): hold is AttachmentHold => isOfVolume(hold, domain, volumeId));
}

/** What was created, or may have been, for a device of a domain. */
export function creationFor(holds: Holds, { domain, device }: EntryName): CreationHold | undefined {
  return holds.find(
    (hold): hold is CreationHold =>
      hold.kind === 'creation' && hold.domain === domain && isSameDevice(hold.device, device),
  );
}

/** Whether something was created whose volume this is. */
export function isCreated(holds: Holds, { domain, volumeId }: OfVolume): boolean {
  return holds.some((hold) => hold.kind === 'creation' && hold.domain === domain && hold.volumeId === volumeId);
}

/** What is held and no domain asks for any more, since the configuration has changed. */
export function leftOver(
  holds: Holds,
  domains: Array<{ domain: string; volumes: VolumeEntry[]; records: RecordEntry[] }>,
): Holds {
  return holds.filter((hold) => {
    const owner = domains.find(({ domain }) => domain === hold.domain);
    return owner === undefined || !isAskedFor(hold, owner, holds);
  });
}

/** Whether an entry of its domain may have what is held at its device. */
export function isFor(hold: AttachmentHold | CreationHold, entry: VolumeEntry): boolean {
  if (hold.domain !== entry.domain || !isSameDevice(hold.device, entry.device)) return false;
  if (hold.kind === 'creation') return entry.sources.includes('c');
  if (entry.sources.includes('x') && entry.volumeId === hold.volumeId) return true;
  return hold.source !== 'x' && entry.sources.some((source) => source !== 'x') && entry.pool === hold.pool;
}

/** Without what a domain has committed: a crash came between the memory's word that it was started and the journal's. */
export function settled(holds: Holds, { domains }: BootMemory): Holds {
  return withoutCommitted(holds, (domain) => Object.hasOwn(domains, domain) && domains[domain]?.past === 'started');
}

function isAskedFor(
  hold: Hold,
  { volumes, records }: { volumes: VolumeEntry[]; records: RecordEntry[] },
  holds: Holds,
): boolean {
  if (hold.kind === 'record-set')
    return records.some(
      ({ hostedZone, name, setIdentifier }) =>
        hostedZone === zoneId(hold.hostedZone) &&
        storedName(name) === setOf(hold).name &&
        setIdentifier === setOf(hold).setIdentifier,
    );
  if (volumes.some((entry) => isFor(hold, entry))) return true;
  if (hold.kind === 'attachment') return false;
  // Nobody creates there any more, but the volume is still wanted: it goes with its attachment, at the commit or before.
  const attachment =
    hold.volumeId === undefined ? undefined : attachmentOf(holds, { ...hold, volumeId: hold.volumeId });
  return attachment !== undefined && volumes.some((entry) => isFor(attachment, entry));
}

function isOpen(hold: Hold, holds: Holds): boolean {
  if (hold.kind === 'attachment') return !hold.prepared;
  return hold.kind === 'creation' && !holds.some((other) => isAttachmentOf(other, hold));
}

function isAttachmentOf(hold: Hold, { domain, volumeId }: CreationHold): boolean {
  return hold.kind === 'attachment' && hold.domain === domain && hold.volumeId === volumeId;
}

function isSameThing(one: Hold, other: Hold): boolean {
  if (one.domain !== other.domain) return false;
  if (one.kind === 'attachment') return other.kind === 'attachment' && one.volumeId === other.volumeId;
  if (one.kind === 'creation') return other.kind === 'creation' && isSameDevice(one.device, other.device);
  return (
    other.kind === 'record-set' &&
    zoneId(one.hostedZone) === zoneId(other.hostedZone) &&
    isSamePlace(setOf(one), setOf(other))
  );
}

/** A volume attached anew wants its commands anew; a record set written anew still goes back to what stood there at first. */
function joined(known: Hold, hold: Hold): Hold {
  if (known.kind !== 'record-set' || hold.kind !== 'record-set' || !isOurs(known, hold)) return hold;
  // What we had created and remove again goes back to nothing: until that is done, and if it is not, there stands what we know of.
  if (known.before === undefined && hold.after === undefined) return known;
  const { before: _, ...rest } = hold;
  return known.before === undefined ? rest : { ...rest, before: known.before };
}

/** Whether what stood there just now was what we had put there. */
function isOurs({ after }: RecordSetHold, { before }: RecordSetHold): boolean {
  return isSameSet(before, after);
}

function isOfVolume(hold: Hold, domain: string, volumeId: string): hold is AttachmentHold {
  return hold.kind === 'attachment' && hold.domain === domain && hold.volumeId === volumeId;
}
