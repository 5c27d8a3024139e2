/** What a process prints: line by line while it runs, and the last of it to keep. */

import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { lastBytes } from './text.ts';

/** How much output goes into a result (behaviour.md 8.7). */
const TAIL_BYTES = 4_096;

/** A longer line comes in pieces of this many characters: a program that never ends its line must not fill our memory. */
const LONGEST_LINE = 8_192;

/** Lines told in one turn of the event loop. A flood waits in its pipe meanwhile, and we go on looking at the metadata. */
const LINES_A_TURN = 500;

/**
 * Between two readings of what nobody hears any more, each of 64 to 128 KiB. A background child that writes without end is held by its
 * pipe then and costs next to nothing; the megabyte a second that is left is more than any log that somebody reads.
 */
const DRAIN_PAUSE_MS = 100;

/** Which of a process's two streams. */
export type StreamName = 'stdout' | 'stderr';

/** The output of one process. */
export interface Output {
  /** Resolves when both streams have ended, or `graceMs` later; after that nothing more is told. */
  finish(graceMs: number): Promise<void>;
  /** The last 4 KiB of both streams, in the order they came. */
  tail(): string;
}

/** Follows the two streams of a process and tells each line, without its end. */
export function followOutput(
  streams: Record<StreamName, Readable>,
  tell: (line: string, stream: StreamName) => void,
): Output {
  let tail = '';
  const names: StreamName[] = ['stdout', 'stderr'];
  const followed = names.map((name) => follow(streams[name], keep, (line) => tell(line, name)));

  return {
    async finish(graceMs) {
      const cut = new AbortController();
      const grace = pause(graceMs, undefined, { signal: cut.signal }).catch(() => {});
      await Promise.race([Promise.all(followed.map(({ ended }) => ended)), grace]);
      cut.abort();
      for (const { finish } of followed) finish();
    },
    tail: () => lastBytes(tail, TAIL_BYTES),
  };

  function keep(text: string): void {
    // A UTF-16 unit is at least a byte: the last 4 KiB are among as many units.
    tail = (tail + text).slice(-TAIL_BYTES);
  }
}

/** One stream until it is finished: all of it to `keep`, and its lines to `tell`. */
function follow(
  stream: Readable,
  keep: (text: string) => void,
  tell: (line: string) => void,
): { ended: Promise<void>; finish(): void } {
  const decoder = new StringDecoder('utf8');
  const lines = splitLines(tell);
  let finished = false;

  return {
    ended: readAll().catch(tellBroken),
    finish() {
      lines.end(decoder.end());
      finished = true;
      letGo(stream);
    },
  };

  /** Reads on after the end, slowly, and throws it away: closing the pipe would kill a background child at its next word. */
  async function readAll(): Promise<void> {
    for await (const chunk of stream) await (finished ? drainPause() : hear(decoder.write(chunk)));
  }

  async function hear(text: string): Promise<void> {
    keep(text);
    for (const _ of lines.add(text)) await nextTurn();
  }
}

/** A pipe that breaks has ended as far as anybody can tell; a defect of whoever listens has not. */
function tellBroken(error: NodeJS.ErrnoException): void {
  if (error.syscall === undefined) throw error;
}

/** Puts pieces of text together to lines. */
function splitLines(tell: (line: string) => void): {
  add(text: string): Generator<void, void>;
  end(text: string): void;
} {
  let rest = '';

  return {
    /** Tells what is complete, and comes back now and then for a break. */
    *add(text) {
      rest += text;
      for (let told = 1; ; told++) {
        const piece = firstPiece(rest);
        if (piece === undefined) return;
        // Before it is told, so that whoever ends us in a break finds only what was not.
        rest = rest.slice(piece.length);
        tell(piece.line);
        if (told % LINES_A_TURN === 0) yield;
      }
    },
    /** Tells what is left, a line without an end too; of a flood that came to its end in our hands only the next few hundred lines. */
    end(text) {
      const { done } = this.add(text).next();
      if (done && rest !== '') tell(rest);
      rest = '';
    },
  };
}

/** The first line of `text`, or the beginning of one that is too long; `undefined` while its end is still to come. */
function firstPiece(text: string): { line: string; length: number } | undefined {
  const end = text.indexOf('\n');
  if (end !== -1 && end <= LONGEST_LINE) return { line: text.slice(0, end).replace(/\r$/, ''), length: end + 1 };
  if (text.length <= LONGEST_LINE) return undefined;
  // Not through a character of two UTF-16 units.
  const length = /[\uD800-\uDBFF]/.test(text.charAt(LONGEST_LINE - 1)) ? LONGEST_LINE - 1 : LONGEST_LINE;
  return { line: text.slice(0, length), length };
}

/** While it lasts the stream fills up and stops reading; the daemon may end meanwhile. */
function drainPause(): Promise<void> {
  return pause(DRAIN_PAUSE_MS, undefined, { ref: false });
}

/** A pipe that a background child still holds must not keep the daemon from ending. */
function letGo(stream: Readable): void {
  if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
}
