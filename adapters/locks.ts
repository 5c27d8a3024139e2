/** What the daemons of one instance keep from each other (behaviour.md 6.3): `/run/ec2fleetd/lock/vol-0abc.lock`. */

import { closeSync, constants, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { AdapterError, messageOf } from '../config/errors.ts';
import { fileNameOf } from './file-names.ts';
import { tookFlock } from './flock.ts';

/** Locks that the daemons of one instance keep against each other, by name: a volume id or a device. */
export interface Locks {
  /**
   * Takes it, or says who has it, for example `ec2fleetd@web.service (pid 123)`. What this process has already counts as taken.
   * It is kept until it is released or the process ends. Never rejects.
   */
  take(name: string): Promise<'taken' | { by: string }>;
  /** No error when it is not ours. */
  release(name: string): Promise<void>;
}

/**
 * A file per name, locked with flock(2): the lock is the kernel's, and a daemon that was killed leaves a file and no lock. Files are
 * never removed, or one daemon could lock a file that is gone, and the next its successor. There are as many as volumes and
 * devices were asked for since the boot.
 * @param directory made when it is missing, for nobody else to enter, since whoever can open a file can lock it.
 * @param owner the unit's name; others are told it, and our pid.
 * @param options `onTrouble` is told, once, when locks cannot be had. Then every lock counts as taken: the daemon of an
 *   ordinary user has to go on, and what two attach at once, AWS still gives to one only.
 */
export function createLocks(
  directory: string,
  owner: string,
  { onTrouble = () => {} }: { onTrouble?(error: Error): void } = {},
): Locks {
  /** Name → descriptor. */
  const held = new Map<string, number>();
  const turns = new Map<string, Promise<unknown>>();
  let isTold = false;

  return {
    take: (name) => inTurn(name, () => take(name)),
    release: (name) => inTurn(name, async () => release(name)),
  };

  /** One after the other for each name: whoever takes what is just being taken, or released, gets what is so in the end. */
  async function inTurn<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const turn = Promise.resolve(turns.get(name)).then(work, work);
    turns.set(name, turn);
    try {
      return await turn;
    } finally {
      if (turns.get(name) === turn) turns.delete(name);
    }
  }

  async function take(name: string): Promise<'taken' | { by: string }> {
    if (held.has(name)) return 'taken';
    try {
      const descriptor = openIn(directory, name);
      if (await isLocked(descriptor)) held.set(name, descriptor);
      else return { by: leave(descriptor) };
      sign(descriptor, `${owner} (pid ${process.pid})\n`);
    } catch (error) {
      tell(error);
    }
    return 'taken';
  }

  async function isLocked(descriptor: number): Promise<boolean> {
    try {
      return await tookFlock(descriptor, { file: directory, without: 'two units may want one volume at once' });
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  function release(name: string): void {
    const descriptor = held.get(name);
    if (descriptor === undefined) return;
    held.delete(name);
    try {
      // Whoever has it next is not to be taken for us until it has signed.
      ftruncateSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  function tell(error: unknown): void {
    if (isTold) return;
    isTold = true;
    onTrouble(error instanceof AdapterError ? error : refusalOf(directory, error));
  }
}

function openIn(directory: string, name: string): number {
  // What is above it is for everybody to enter: other programs look for the .started files there.
  mkdirSync(path.dirname(directory), { recursive: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, `${fileNameOf(name)}.lock`);
  return openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}

function sign(descriptor: number, signature: string): void {
  ftruncateSync(descriptor);
  writeSync(descriptor, signature, 0);
}

/** Longer than any unit's name. Source: systemd.unit(5): 255 characters. */
const MOST_SIGNATURE_BYTES = 300;

/** Closes a file that another daemon has locked; gives who that is. */
function leave(descriptor: number): string {
  try {
    const signature = Buffer.alloc(MOST_SIGNATURE_BYTES);
    const length = readSync(descriptor, signature, 0, MOST_SIGNATURE_BYTES, 0);
    // It has locked the file and not signed yet.
    return signature.toString('utf8', 0, length).trim() || 'another ec2fleetd';
  } finally {
    closeSync(descriptor);
  }
}

function refusalOf(directory: string, error: unknown): AdapterError {
  const remedy = `Check that ${directory} can be written; without its locks two units may want one volume at once`;
  return new AdapterError('lock volumes and devices', messageOf(error), `${remedy}.`, { cause: error });
}
