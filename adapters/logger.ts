/** The log: takes records at once, and writes them when winston is there, which takes longer to load than the rest of a start. */

import type { Writable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { plainFields } from './log-fields.ts';
import type { LogRecord, Sink } from './winston.ts';

/** What the daemon says while it runs; one record a line, in the order of the calls. */
export interface Log {
  /** Details for whoever asked for them with `-v`. */
  debug(message: string, fields?: LogFields): void;
  /** A state reached, a line of a command's output. */
  info(message: string, fields?: LogFields): void;
  /** Something retried or passed by. */
  warn(message: string, fields?: LogFields): void;
  /** Something a person has to look at. */
  error(message: string, fields?: LogFields): void;
  /**
   * Resolves when everything said so far has left this process, or its reader is gone or stuck; what is said later is lost.
   * To be awaited before `process.exit`: what goes to a pipe is written in the background.
   */
  close(): Promise<void>;
}

/** What belongs to a record, for example `{ domain: 'web', durationMs: 1520 }`. Errors become their sentences; `undefined` is left out. */
export type LogFields = Record<string, unknown>;

export interface LogOptions {
  /** `auto`: pretty on a terminal, JSON otherwise. */
  format: 'auto' | 'pretty' | 'json';
  /** How often `-v` was given: from 1 on, `debug` is written too. */
  verbosity: number;
  /** Where it goes: `process.stderr`. */
  stream: Writable & { isTTY?: boolean };
}

/** How far the reader may lag behind before records are left out: one that is stuck must not fill our memory. */
const MOST_UNREAD_BYTES = 4 * 1024 * 1024;

/** A reader that takes nothing for this long has hung; the daemon ends all the same. */
const FLUSH_LIMIT_MS = 2_000;

/** The log of this process. A reader that goes away (EPIPE) silences it, and does no other harm. */
export function createLog({ format, verbosity, stream }: LogOptions): Log {
  /** Said before winston was there: some hundredths of a second, too short to need a limit. */
  let waiting: LogRecord[] = [];
  let sink: Sink | undefined;
  let loading: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  let leftOut = 0;
  let isOver = false;
  // Without a listener a closed pipe would be an uncaught error.
  stream.on('error', () => {
    isOver = true;
  });

  return {
    debug: (message, fields) => (verbosity > 0 ? take('debug', message, fields) : undefined),
    info: (message, fields) => take('info', message, fields),
    warn: (message, fields) => take('warn', message, fields),
    error: (message, fields) => take('error', message, fields),
    close() {
      closing ??= closeOnce();
      return closing;
    },
  };

  async function closeOnce(): Promise<void> {
    await loading;
    const flushed = sink?.close().then(() => handedOver(stream));
    isOver = true;
    await withinLimit(flushed);
  }

  function take(level: LogRecord['level'], message: string, fields: LogFields = {}): void {
    if (isOver) return;
    const record = recordOf(level, message, fields);
    if (sink === undefined) waiting.push(record);
    else write(sink, record);
    loading ??= load();
  }

  async function load(): Promise<void> {
    // Whatever the caller begins in this turn, a first request for instance, is under way while winston loads.
    await nextTurn();
    const { createSink } = await import('./winston.ts');
    const isTerminal = stream.isTTY === true;
    const look = format === 'auto' ? (isTerminal ? 'pretty' : 'json') : format;
    sink = createSink({ look, colour: isTerminal && !process.env.NO_COLOR, stream });
    for (const record of waiting) write(sink, record);
    waiting = [];
  }

  function write(to: Sink, record: LogRecord): void {
    if (stream.writableLength > MOST_UNREAD_BYTES) {
      leftOut += 1;
      return;
    }
    if (leftOut > 0) to.write(recordOf('warn', `${leftOut} log records were left out: their reader was too slow`, {}));
    leftOut = 0;
    to.write(record);
  }
}

function recordOf(level: LogRecord['level'], message: string, fields: LogFields): LogRecord {
  const sinceStartMs = performance.now();
  return { time: new Date().toISOString(), sinceStartMs, level, message, fields: plainFields(fields) };
}

/** Resolves when the stream has passed on what it holds, or is broken. */
function handedOver(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}

async function withinLimit(work: Promise<void> | undefined): Promise<void> {
  const limit = new AbortController();
  await Promise.race([work, pause(FLUSH_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => {})]);
  limit.abort();
}
