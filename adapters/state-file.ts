/** A file that is replaced as a whole: whenever this process dies, it holds either what was or what is. */

import { fsync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A value and its file. */
export interface StateFile<T> {
  /** As it is on disk. */
  value(): T;
  /**
   * Replaces the value by what `change` makes of it; resolves when that is on disk. What is asked for while a write is under way
   * goes out in one next write, in the order asked.
   * @throws what `change` threw, or why the file could not be written; the value is as before then.
   */
  change(change: (value: T) => T): Promise<void>;
  /** Resolves when nothing is being written any more, or the disk does not answer. */
  settled(): Promise<void>;
}

/** A disk answers in milliseconds. One that hangs must not keep a way down from its end: whoever asked hears so, and what was asked may still happen. */
const LIMIT_MS = 10_000;

/** What a {@link StateFile} is made of. */
export interface StateFileParts<T> {
  /** What is on disk. */
  initial: T;
  format(value: T): string;
  /** @throws Error when this is nothing that could be read again. */
  parse(text: string): T;
  /** Puts the text where it is found again. */
  write(text: string): Promise<void>;
  /** What is thrown when that takes too long. */
  late(problem: string): Error;
  /** In tests: shorter than {@link LIMIT_MS}. */
  limitMs?: number;
}

interface Asked<T> {
  change(value: T): T;
  resolve(): void;
  reject(reason: unknown): void;
}

/** @param parts see {@link StateFileParts}. A value whose text is that on disk is not written. */
export function createStateFile<T>(parts: StateFileParts<T>): StateFile<T> {
  const { initial, format, parse, write, late, limitMs = LIMIT_MS } = parts;
  let value = initial;
  /** Absent when the last write failed, and may have got as far as the disk all the same. */
  let onDisk: string | undefined = format(initial);
  let asked: Asked<T>[] = [];
  let writing: Promise<void> | undefined;

  return {
    value: () => value,
    change: (change) =>
      inTime(
        new Promise<void>((resolve, reject) => {
          asked.push({ change, resolve, reject });
          // A moment later, so that what is asked for in one go is one write.
          writing ??= Promise.resolve().then(writeAll);
        }),
        limitMs,
        late,
      ),
    settled: () => inTime(writing ?? Promise.resolve(), limitMs, late).catch(() => {}),
  };

  async function writeAll(): Promise<void> {
    while (asked.length > 0) {
      const together = asked;
      asked = [];
      await writeTogether(together);
    }
    writing = undefined;
  }

  async function writeTogether(together: Asked<T>[]): Promise<void> {
    const { changed, good } = applied(together, value);
    try {
      await bringToDisk(format(changed));
      for (const { resolve } of good) resolve();
    } catch (error) {
      for (const { reject } of good) reject(error);
    }
  }

  async function bringToDisk(text: string): Promise<void> {
    if (text === onDisk) return;
    // Read back before it is written: what the next run would set aside as damaged must not get there.
    const readBack = parse(text);
    onDisk = undefined;
    await write(text);
    onDisk = text;
    value = readBack;
  }
}

/** As the work ends; or, if that takes too long, with what `late` makes of it. The work goes on then, and its end is nobody's. */
export async function inTime<T>(work: Promise<T>, limitMs: number, late: (problem: string) => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late(`the disk did not answer within ${limitMs / 1000} s`)), limitMs);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

/** All changes one after the other; one that throws fails alone, and is as if it had not been asked for. */
function applied<T>(together: Asked<T>[], value: T): { changed: T; good: Asked<T>[] } {
  let changed = value;
  const good = together.filter(({ change, reject }) => {
    try {
      changed = change(changed);
      return true;
    } catch (error) {
      reject(error);
      return false;
    }
  });
  return { changed, good };
}

/** Where a file's next content is written before it takes the place of the file. */
export function draftOf(file: string): string {
  return `${file}.tmp`;
}

/** Puts the text on disk, but not yet in its place. Readable by nobody else: what it holds may quote what commands print. */
export async function writeDraft(file: string, text: string): Promise<void> {
  const draft = draftOf(file);
  // It may be there when an earlier attempt failed; and it is never followed elsewhere.
  await rm(draft, { force: true });
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts the text in the place of the file, at once and for good. @param directory the open directory that the file is in. */
export async function replaceFile(file: string, text: string, directory: number): Promise<void> {
  await writeDraft(file, text);
  await rename(draftOf(file), file);
  // The name, too, has to be on disk.
  await promisify(fsync)(directory);
}
