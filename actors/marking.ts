/** What is written on volumes for others to read: marks of a transaction, and when they were used (behaviour.md 6.5, 6.7). */

import type { Marks } from '../adapters/marks.ts';
import { inTransit, type Tags, volumeTags } from '../config/tags.ts';
import type { AttachmentHold, SeenVolume } from '../config/vocabulary.ts';
import type { Transaction } from './transaction.ts';

/** Nobody waits for any of it but for {@link Marking.prepared}, and none of it decides whose an attached volume is. */
export interface Marking {
  /** AttachVolume was accepted. */
  taken(volumeId: string, transaction: Transaction): void;
  /** It was given back. What was created stays `in-transit`, so that whoever comes next finds it. */
  givenBack(volumeId: string, transaction: Transaction): void;
  /** Its domain's application may run from here on. */
  committed(volume: Pick<AttachmentHold, 'volumeId' | 'source' | 'prepared'>, transaction: Transaction): void;
  /** Its domain has used it until now. */
  used(volumeId: string, transaction: Transaction): void;
  /**
   * A created volume's commands have all succeeded. Nobody may format it any more: that has to be written before anything goes on.
   * @throws AdapterError when it could not be.
   */
  prepared(volumeId: string, transaction: Transaction): Promise<void>;
}

export function createMarking(marks: Marks, owner: { instanceId: string; transactionId: string }): Marking {
  const ofOwner: Tags = { [volumeTags.transaction]: owner.transactionId, [volumeTags.holder]: owner.instanceId };
  return {
    taken: (volumeId, transaction) => marks.put(volumeId, { ...ofOwner, [volumeTags.used]: timestamp() }, transaction),
    givenBack: (volumeId, transaction) => marks.remove(volumeId, ofOwner, transaction),
    committed({ volumeId, source, prepared }, transaction) {
      marks.remove(volumeId, ofOwner, transaction);
      // Of one that the domain goes on with though its commands failed, too: whatever is on it is no longer nothing.
      if (source === 'c') marks.remove(volumeId, prepared ? isPrepared : isNeverPrepared, transaction);
    },
    used: (volumeId, transaction) => marks.put(volumeId, { [volumeTags.used]: timestamp() }, transaction),
    prepared: (volumeId, transaction) => marks.putNow(volumeId, isPrepared, transaction),
  };
}

const isNeverPrepared: Tags = { [volumeTags.inTransit]: inTransit.neverPrepared };
const isPrepared: Tags = { [volumeTags.inTransit]: inTransit.prepared };

/** Whether nobody else has had what this instance created: who takes it puts his own name on it, and takes the mark off when he commits. */
export function isOwnCreation({ tags }: SeenVolume, instanceId: string): boolean {
  return tags[volumeTags.holder] === instanceId && tags[volumeTags.inTransit] !== undefined;
}

/** The point of no return: what is held now is given back no more, and its marks go. */
export async function commit(transaction: Transaction, marking: Marking): Promise<void> {
  const held = transaction.holds().filter((hold) => hold.kind === 'attachment');
  await transaction.commit();
  for (const hold of held) marking.committed(hold, transaction);
}

/** Whole seconds, so that volumes of the same moment get the same tags, and those in one request. */
function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
