/**
 * Which entry of this process is trying, or has, which volume; and, by the locks, which daemon of this instance. Without it two
 * entries of one pool would take each other's volume for their own (behaviour.md 6.3).
 */

import type { Locks } from '../adapters/locks.ts';
import { attachmentPoint } from '../config/devices.ts';
import type { EntryName } from './journal.ts';

export interface Claims {
  /** Takes a volume for an entry, and its device, or says who has it. An entry has one volume at a time: one that it had before is let go. */
  take(volumeId: string, entry: EntryName): Promise<'taken' | { by: string }>;
  /** Lets a volume of an entry go, and its device; nothing happens when it does not have it. */
  release(volumeId: string, entry: EntryName): Promise<void>;
}

export function createClaims(locks: Locks): Claims {
  const owners = new Map<string, string>();
  return { take, release };

  async function take(volumeId: string, entry: EntryName): Promise<'taken' | { by: string }> {
    const owner = nameOf(entry);
    const other = owners.get(volumeId);
    if (other !== undefined && other !== owner) return { by: other };
    const before = [...owners].filter(([id, its]) => its === owner && id !== volumeId).map(([id]) => id);
    // At once, before anybody else of this process can ask.
    owners.set(volumeId, owner);
    for (const id of before) await letGo(id);
    return await locked(volumeId, entry);
  }

  async function locked(volumeId: string, { device }: EntryName): Promise<'taken' | { by: string }> {
    const itsDevice = await locks.take(lockOf(device));
    if (itsDevice !== 'taken') {
      owners.delete(volumeId);
      return itsDevice;
    }
    const volume = await locks.take(volumeId);
    if (volume !== 'taken') owners.delete(volumeId);
    return volume;
  }

  async function release(volumeId: string, entry: EntryName): Promise<void> {
    if (owners.get(volumeId) !== nameOf(entry)) return;
    await letGo(volumeId);
    await locks.release(lockOf(entry.device));
  }

  async function letGo(volumeId: string): Promise<void> {
    owners.delete(volumeId);
    await locks.release(volumeId);
  }
}

function nameOf({ domain, device }: EntryName): string {
  return `${device} of ${domain}`;
}

/** `/dev/sdf` and `/dev/xvdf` are one. */
function lockOf(device: string): string {
  const point = attachmentPoint(device);
  return point === device ? device : `sd${point}`;
}
