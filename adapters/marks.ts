/** Tags that are written on volumes and taken off again; nobody's decision hangs on them. */

import { AdapterError, messageOf } from '../config/errors.ts';
import type { Tags } from '../config/tags.ts';
import { type Aws, type CallLog, codeOf } from './aws.ts';
import { createBatch, type Joins } from './batch.ts';

/** What the daemon needs of EC2's tags. Writes are made in the order asked, those with the same tags together. */
export interface Marks {
  /** Writes tags, over what stands there. Nobody hears of a failure but `onTrouble`. */
  put(volumeId: string, tags: Tags, log: CallLog): void;
  /** Takes tags off that have exactly these values. Nobody hears of a failure but `onTrouble`. */
  remove(volumeId: string, tags: Tags, log: CallLog): void;
  /** Writes tags for one who has to know that they are there. @throws AdapterError when they may not be. */
  putNow(volumeId: string, tags: Tags, log: CallLog): Promise<void>;
  /** Resolves when all that has been asked so far has ended, or the time is over. Never fails. */
  settled(limitMs: number): Promise<void>;
}

export interface MarksOptions {
  /** Hears of each kind of refusal once. */
  onTrouble?(error: Error): void;
}

/** The most volumes of one call. EC2 takes a thousand; a call that fails is made again for each of them. */
const VOLUMES_OF_A_CALL = 100;

export function createMarks(aws: Aws, { onTrouble = () => {} }: MarksOptions = {}): Marks {
  const batch = createBatch<Write, undefined>((writes) => writeTags(aws, writes), {
    joins: joinsSameTags,
    inOrder: true,
  });
  const underWay = new Set<Promise<void>>();
  const told = new Set<string>();
  let permitted: Promise<unknown> = Promise.resolve();

  return {
    put: (volumeId, tags, log) => neverFailing(write({ kind: 'create_tags', volumeId, tags }, log)),
    remove: (volumeId, tags, log) => neverFailing(write({ kind: 'delete_tags', volumeId, tags }, log)),
    putNow: (volumeId, tags, log) => kept(write({ kind: 'create_tags', volumeId, tags }, log)),
    async settled(limitMs) {
      const limit = AbortSignal.timeout(limitMs);
      const over = new Promise((resolve) => limit.addEventListener('abort', resolve, { once: true }));
      await Promise.race([Promise.allSettled(underWay), over]);
    },
  };

  async function write(asked: Write, log: CallLog): Promise<void> {
    // One that waits longer for its permission must not come after the next one.
    const permission = Promise.all([log.change(asked.kind, paramOf([asked])), permitted]);
    permitted = permission.catch(() => {});
    const [isOn] = await permission;
    if (isOn) await batch(asked);
  }

  /** Remembered for {@link Marks.settled}. */
  function kept(written: Promise<void>): Promise<void> {
    underWay.add(written);
    const forget = () => underWay.delete(written);
    written.then(forget, forget);
    return written;
  }

  function neverFailing(written: Promise<void>): void {
    void kept(written.catch(tellOnce));
  }

  function tellOnce(error: unknown): void {
    const action = error instanceof AdapterError ? error.operation.split(' ', 1) : '';
    const kind = `${action} ${codeOf(error) ?? messageOf(error)}`;
    if (told.has(kind)) return;
    told.add(kind);
    onTrouble(Error.isError(error) ? error : new Error(messageOf(error)));
  }
}

/** One volume's tags that are to come or to go. */
interface Write {
  kind: 'create_tags' | 'delete_tags';
  volumeId: string;
  tags: Tags;
}

/** The first call of its kind and with its tags that does not come before another one for the same volume. */
const joinsSameTags: Joins<Write> = (write, calls) => {
  const earliest = Math.max(
    0,
    calls.findLastIndex((call) => call.some(({ volumeId }) => volumeId === write.volumeId)),
  );
  const place = calls.findIndex(
    (call, index) =>
      index >= earliest && call.length < VOLUMES_OF_A_CALL && call[0] !== undefined && isSame(call[0], write),
  );
  return place === -1 ? calls.length : place;
};

function isSame(one: Write, other: Write): boolean {
  const of = ({ kind, tags }: Write) => JSON.stringify([kind, Object.entries(tags).toSorted()]);
  return of(one) === of(other);
}

/** Writes that differ in their volumes only. */
async function writeTags(aws: Aws, writes: Write[]): Promise<undefined[]> {
  const param = paramOf(writes);
  const volumes = param.Resources.join(', ');
  const isPut = writes[0]?.kind === 'create_tags';
  const action = isPut ? 'CreateTags' : 'DeleteTags';
  try {
    await aws.call(
      { operation: `${action} ${volumes}`, permission: `ec2:${action} on ${volumes}` },
      async ({ sdk, ec2 }, abortSignal) => {
        if (isPut) await ec2.send(new sdk.CreateTagsCommand(param), { abortSignal });
        else await ec2.send(new sdk.DeleteTagsCommand(param), { abortSignal });
      },
    );
  } catch (error) {
    // A volume that is gone has no tags left to take off.
    if (isPut || writes.length > 1 || codeOf(error) !== 'InvalidVolume.NotFound') throw error;
  }
  return writes.map(() => undefined);
}

function paramOf(writes: readonly Write[]) {
  return {
    Resources: [...new Set(writes.map(({ volumeId }) => volumeId))],
    Tags: Object.entries(writes[0]?.tags ?? {}).map(([Key, Value]) => ({ Key, Value })),
  };
}
