/**
 * Which entry of this process is trying, or has, which volume; and, by the locks, which daemon of this instance. Without it two
 * entries of one pool would take each other's volume for their own (behaviour.md 6.3).
 */

import type { Locks } from '../adapters/locks.ts';
import { attachmentPoint, isSameDevice } from '../config/devices.ts';
import type { EntryName } from './journal.ts';

/** Who has what an entry wants. */
export interface InUse {
  /** The volume's id, or the device. */
  what: string;
  /** For example `/dev/sdg of web`, or `ec2fleetd@web.service (pid 123)`. */
  by: string;
}

export interface Claims {
  /** Takes a volume for an entry, and its device, or says who has it. An entry has one volume at a time: one that it had before is let go. */
  take(volumeId: string, entry: EntryName): Promise<'taken' | InUse>;
  /** Takes an entry's device, before there is a volume for it. */
  takeDevice(entry: EntryName): Promise<'taken' | InUse>;
  /** Lets a volume of an entry go, and its device; nothing happens when it does not have it. */
  release(volumeId: string, entry: EntryName): Promise<void>;
}

export function createClaims(locks: Locks): Claims {
  const owners = new Map<string, EntryName>();
  return { take, takeDevice, release };

  async function take(volumeId: string, { domain, device }: EntryName): Promise<'taken' | InUse> {
    const entry = { domain, device };
    const owner = owners.get(volumeId);
    if (owner !== undefined && !isSameEntry(owner, entry))
      return { what: volumeId, by: `${owner.device} of ${owner.domain}` };
    const before = [...owners].filter(([id, its]) => id !== volumeId && isSameEntry(its, entry)).map(([id]) => id);
    // At once, before anybody else of this process can ask.
    owners.set(volumeId, entry);
    for (const id of before) await letGo(id);
    const inUse = await locked(volumeId, entry);
    if (inUse === undefined) return 'taken';
    // Whoever waits for one of the two does not keep others from the other.
    await release(volumeId, entry);
    return inUse;
  }

  async function takeDevice({ device }: EntryName): Promise<'taken' | InUse> {
    const taken = await locks.take(lockOf(device));
    return taken === 'taken' ? taken : { what: device, ...taken };
  }

  async function locked(volumeId: string, entry: EntryName): Promise<InUse | undefined> {
    const itsDevice = await takeDevice(entry);
    if (itsDevice !== 'taken') return itsDevice;
    const volume = await locks.take(volumeId);
    return volume === 'taken' ? undefined : { what: volumeId, ...volume };
  }

  async function release(volumeId: string, entry: EntryName): Promise<void> {
    const owner = owners.get(volumeId);
    if (owner === undefined || !isSameEntry(owner, entry)) return;
    await letGo(volumeId);
    await locks.release(lockOf(entry.device));
  }

  async function letGo(volumeId: string): Promise<void> {
    owners.delete(volumeId);
    await locks.release(volumeId);
  }
}

/** In words for a log line or a status, for example `vol-0abc is being used on this instance, by /dev/sdg of web`. */
export function sentenceOfUse({ what, by }: InUse): string {
  return `${what} is being used on this instance, by ${by}`;
}

function isSameEntry(one: EntryName, other: EntryName): boolean {
  return one.domain === other.domain && isSameDevice(one.device, other.device);
}

/** `/dev/sdf` and `/dev/xvdf` are one. */
function lockOf(device: string): string {
  const point = attachmentPoint(device);
  return point === device ? device : `sd${point}`;
}
