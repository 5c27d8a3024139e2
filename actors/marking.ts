/** What is written on volumes for others to read: marks of a transaction, and when they were used (behaviour.md 6.5, 6.7). */

import type { Marks } from '../adapters/marks.ts';
import { type Tags, volumeTags } from '../config/tags.ts';
import type { Transaction } from './transaction.ts';

/** Nobody waits for any of it but for {@link Marking.prepared}, and none of it decides whose a volume is. */
export interface Marking {
  /** AttachVolume was accepted. */
  taken(volumeId: string, transaction: Transaction): void;
  /** It was committed, or given back. */
  settled(volumeId: string, transaction: Transaction): void;
  /** Its domain has used it until now. */
  used(volumeId: string, transaction: Transaction): void;
  /**
   * A created volume's commands have all succeeded. From here on it may hold what nobody must format: the mark that it was never
   * used has to be gone before anything goes on.
   * @throws AdapterError when it could not be removed.
   */
  prepared(volumeId: string, transaction: Transaction): Promise<void>;
}

export function createMarking(marks: Marks, owner: { instanceId: string; transactionId: string }): Marking {
  const ofOwner: Tags = { [volumeTags.transaction]: owner.transactionId, [volumeTags.holder]: owner.instanceId };
  return {
    taken: (volumeId, transaction) => marks.put(volumeId, { ...ofOwner, [volumeTags.used]: timestamp() }, transaction),
    settled: (volumeId, transaction) => marks.remove(volumeId, ofOwner, transaction),
    used: (volumeId, transaction) => marks.put(volumeId, { [volumeTags.used]: timestamp() }, transaction),
    prepared: (volumeId, transaction) => marks.removeNow(volumeId, { [volumeTags.inTransit]: 'true' }, transaction),
  };
}

/** The point of no return: what is held now is given back no more, and its marks go. */
export async function commit(transaction: Transaction, marking: Marking): Promise<void> {
  const held = transaction.holds().filter((hold) => hold.kind === 'attachment');
  await transaction.commit();
  for (const { volumeId } of held) marking.settled(volumeId, transaction);
}

/** Whole seconds, so that volumes of the same moment get the same tags, and those in one request. */
function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
