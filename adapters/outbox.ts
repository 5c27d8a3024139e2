/** Messages that wait to be accepted by their receivers, one file each (behaviour.md 10.2, 12.4, 12.5). */

import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import { AdapterError, messageOf } from '../config/errors.ts';
import type { DatedMessage } from '../config/vocabulary.ts';
import { draftOf, inTime, replaceFile } from './state-file.ts';
import { messageForm } from './state-forms.ts';
import { MOST_BYTES, nothingThere, readOwn } from './state-reader.ts';

/** What the daemon needs of the outbox. */
export interface Outbox {
  /** What earlier runs of this instance left behind, oldest first, as it was when the outbox was opened. */
  readonly left: readonly DatedMessage[];
  /**
   * Keeps a message; resolves when it is on disk. Where there are too many, the oldest make room, which is told to `onProblem`.
   * @throws AdapterError when it cannot be written, or not in time: then it may get there later.
   */
  keep(message: DatedMessage): Promise<void>;
  /**
   * Takes a message out, by its id; one that is not there is none to take out.
   * @throws AdapterError when it cannot be removed, or not in time: then it may be gone later.
   */
  forget(id: string): Promise<void>;
}

/** An outbox for whoever opened it. */
export interface OpenOutbox extends Outbox {
  /** Resolves when nothing is being written any more, or the disk does not answer. */
  settled(): Promise<void>;
}

export interface OutboxOptions {
  /** Whose messages count; those of another instance are set aside. */
  instanceId: string;
  /** Is told, as a sentence, what is set aside and what is dropped. */
  onProblem(sentence: string): void;
  /** In tests: shorter than {@link PATIENCE_MS}. */
  patienceMs?: number;
}

/** Under a notice messages have some ten seconds: a disk that hangs takes no more than a fifth of them. */
const PATIENCE_MS = 2_000;

/** More than any run tells in a day; each of them is sent when the next one begins. */
const MOST_MESSAGES = 100;

/** What is remembered of a message that is on disk. */
type Kept = Pick<DatedMessage, 'id' | 'domain' | 'event' | 'writtenAt'> & { bytes: number };

/**
 * Opens the outbox in its directory, which is made with its first message. Removes what killed runs were writing, and sets aside
 * what is damaged or another instance's. Never rejects: what cannot be read is told to `onProblem`, and counts as not there.
 * @param dir in a directory that this run has to itself.
 */
export async function openOutbox(dir: string, options: OutboxOptions): Promise<OpenOutbox> {
  const { instanceId, onProblem, patienceMs = PATIENCE_MS } = options;
  const found = await readAll(dir, options);
  /** Oldest first. */
  const kept = new Map<string, Kept>(found.map((one) => [one.message.id, keptOf(one.message, one.bytes)]));
  for (const one of await makeRoom().catch(told)) onProblem(`${tooMany(one)} It is dropped unsent.`);
  const left = found.flatMap(({ message }) => (kept.has(message.id) ? [message] : []));
  let last: Promise<unknown> = Promise.resolve();

  return {
    left,
    keep: (message) => inTurn('write', () => write(message)),
    forget: (id) => inTurn('remove', () => remove(id)),
    settled: () => inTime(last, patienceMs, Error).then(nothing, nothing),
  };

  /**
   * One after the other, so that a message is not forgotten before it is kept; and so that a disk that hangs holds one of Node's few
   * threads for the file system, not all of them: looking up where a service is takes one, too.
   */
  async function inTurn(verb: string, work: () => Promise<void>): Promise<void> {
    const turn = last.then(work);
    last = turn.catch(nothing);
    try {
      await inTime(turn, patienceMs, Error);
    } catch (error) {
      throw new AdapterError(`${verb} a message in ${dir}`, messageOf(error), remedyFor(dir), { cause: error });
    }
  }

  async function write(message: DatedMessage): Promise<void> {
    const text = messageForm.format({ instanceId }, message);
    const bytes = Buffer.byteLength(text);
    if (bytes > MOST_BYTES) throw new Error(`it would be longer than ${MOST_BYTES} bytes`);
    await makeDirectory(dir);
    await replace(fileOf(dir, message.id), text);
    kept.set(message.id, keptOf(message, bytes));
    for (const one of await makeRoom()) onProblem(`${tooMany(one)} It is lost unless this run has it accepted.`);
  }

  /** @returns those that had to go. */
  async function makeRoom(): Promise<Kept[]> {
    const gone: Kept[] = [];
    for (const one of kept.values()) {
      const bytes = [...kept.values()].reduce((sum, { bytes: its }) => sum + its, 0);
      if (kept.size <= MOST_MESSAGES && bytes <= MOST_BYTES) break;
      await remove(one.id);
      gone.push(one);
    }
    return gone;
  }

  async function remove(id: string): Promise<void> {
    const file = fileOf(dir, id);
    // Looked for first: a disk that is read-only refuses to remove what is not there, too.
    if ((await lstat(file).catch(notKept)) !== undefined) {
      await unlink(file);
      await inDirectory(dir, (directory) => directory.sync());
    }
    kept.delete(id);
  }

  function told(error: unknown): Kept[] {
    onProblem(`${dir} holds too much, and nothing can be removed: ${messageOf(error)}.`);
    return [];
  }

  function tooMany({ id, domain, event, writtenAt }: Kept): string {
    const which = `${id} (${domain} ${event}, ${writtenAt})`;
    return `${dir} holds more than ${MOST_MESSAGES} messages, or ${MOST_BYTES} bytes: the oldest, ${which}, is removed.`;
  }
}

interface Found {
  message: DatedMessage;
  bytes: number;
}

/** All of this instance's, oldest first. */
async function readAll(dir: string, options: OutboxOptions): Promise<Found[]> {
  const found: Found[] = [];
  try {
    const names = await readdir(dir).catch(nothingThere);
    for (const name of names ?? []) {
      const file = path.join(dir, name);
      if (name.endsWith(draftOf(ENDING))) await removeDraft(file, options);
      else if (name.endsWith(ENDING)) found.push(...(await readOne(file, options)));
    }
  } catch (error) {
    options.onProblem(`the outbox ${dir} cannot be read: ${messageOf(error)}. ${remedyFor(dir)}`);
  }
  return found.toSorted((one, other) => Date.parse(one.message.writtenAt) - Date.parse(other.message.writtenAt));
}

/** One that stays, on a disk that has become read-only for instance, is no reason not to send what can be read. */
async function removeDraft(file: string, { onProblem }: OutboxOptions): Promise<void> {
  try {
    await rm(file, { force: true });
  } catch (error) {
    onProblem(`${file}, which a killed run was writing, cannot be removed: ${messageOf(error)}.`);
  }
}

async function readOne(file: string, { instanceId, onProblem }: OutboxOptions): Promise<Found[]> {
  const parse = (text: string) => {
    const { instanceId: its, content: message } = messageForm.parse(text);
    // Else a copy would be sent a second time.
    if (path.basename(file) !== `${message.id}${ENDING}`) throw new Error(`it is named otherwise than ${message.id}`);
    return { instanceId: its, message, bytes: Buffer.byteLength(text) };
  };
  const own = await readOwn(file, { parse, instanceId, onProblem });
  return own === undefined ? [] : [own];
}

const ENDING = '.json';

function fileOf(dir: string, id: string): string {
  return path.join(dir, `${id}${ENDING}`);
}

function keptOf({ id, domain, event, writtenAt }: DatedMessage, bytes: number): Kept {
  return { id, domain, event, writtenAt, bytes };
}

/** Its name has to be on disk, too; its parent is never made: that would be a directory without its lock. */
async function makeDirectory(dir: string): Promise<void> {
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  await inDirectory(path.dirname(dir), (parent) => parent.sync());
}

async function replace(file: string, text: string): Promise<void> {
  try {
    await inDirectory(path.dirname(file), ({ fd }) => replaceFile(file, text, fd));
  } catch (error) {
    // Half a message takes the room that the next one may need. What cannot be removed either, the next run removes.
    await rm(draftOf(file), { force: true }).catch(nothing);
    throw error;
  }
}

async function inDirectory(dir: string, work: (directory: FileHandle) => Promise<void>): Promise<void> {
  const directory = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await work(directory);
  } finally {
    await directory.close();
  }
}

/** Where the outbox is no directory nothing is in it either. */
function notKept(error: NodeJS.ErrnoException): undefined {
  return error.code === 'ENOTDIR' ? undefined : nothingThere(error);
}

function remedyFor(dir: string): string {
  return `Messages are sent all the same, but one that is not accepted before the daemon ends is lost: check that ${dir} is a directory that can be written and has room.`;
}

function nothing(): void {}
