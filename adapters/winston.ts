/** Writing the log with winston: what a record looks like on a terminal and to a machine. Loaded late, by `logger.ts` alone. */

import type { Writable } from 'node:stream';
import { createLogger, format, transports } from 'winston';

/** One thing that was said. */
export interface LogRecord {
  /** When it was said, which may be earlier than it is written; ISO 8601 UTC. */
  time: string;
  /** The same, counted from the start of this process. */
  sinceStartMs: number;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  /** Plain JSON. */
  fields: Record<string, unknown>;
}

/** Where records go once winston is there. */
export interface Sink {
  write(record: LogRecord): void;
  /** Resolves when every record has been handed to the stream. */
  close(): Promise<void>;
}

export interface SinkOptions {
  look: 'pretty' | 'json';
  /** Whether pretty may use the terminal's colours. */
  colour: boolean;
  stream: Writable;
}

/** Which records are written has been decided before: the sink takes all. */
export function createSink({ look, colour, stream }: SinkOptions): Sink {
  const line = look === 'json' ? jsonLine : (record: LogRecord) => prettyLine(record, colour ? coloured : plain);
  const logger = createLogger({
    level: 'debug',
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: format.printf(({ record }) => line(record as LogRecord)),
    transports: [new transports.Stream({ stream, eol: '\n' })],
  });

  return {
    write(record) {
      logger.log({ level: record.level, message: record.message, record });
    },
    close() {
      return new Promise((resolve) => {
        logger.once('finish', resolve);
        logger.end();
      });
    },
  };
}

/** The record's own keys come first and are never overwritten: a field `level` is written as `level_`. */
function jsonLine({ time, level, message, fields }: LogRecord): string {
  const own = { time, level, message };
  const others = Object.entries(fields).map(([key, value]) => [key in own ? `${key}_` : key, value]);
  return JSON.stringify({ ...own, ...Object.fromEntries(others) });
}

type Paint = (text: string, colour: keyof typeof CODES) => string;

/** Source: ECMA-48, "Select graphic rendition". */
const CODES = { red: 31, yellow: 33, cyan: 36, grey: 90 };

const plain: Paint = (text) => text;

const coloured: Paint = (text, colour) => (text === '' ? '' : `\x1b[${CODES[colour]}m${text}\x1b[0m`);

/** `   1.520  web  disk is there  path=/dev/nvme1n1` */
function prettyLine({ sinceStartMs, level, message, fields }: LogRecord, paint: Paint): string {
  const { domain, ...others } = fields;
  const seconds = (sinceStartMs / 1000).toFixed(3).padStart(8);
  const mark = { debug: paint('debug', 'grey'), info: '', warn: paint('WARN', 'yellow'), error: paint('ERROR', 'red') };
  const details = Object.entries(others).map(([key, value]) => `${printable(key)}=${fieldText(value)}`);
  const parts = [
    paint(seconds, 'grey'),
    paint(printable(String(domain ?? '')), 'cyan'),
    mark[level],
    printable(message),
    paint(details.join(' '), 'grey'),
  ];
  return parts.filter((part) => part !== '').join('  ');
}

/** As it is where that is clear, otherwise as JSON. */
function fieldText(value: unknown): string {
  const isClear = typeof value === 'string' && /^[^\s"=]+$/.test(value);
  return printable(isClear ? value : JSON.stringify(value));
}

/**
 * What a command prints reaches a person's terminal: its colours are dropped, and whatever else could move the cursor, begin a
 * line of its own or turn the reading direction is spelt out.
 */
function printable(text: string): string {
  return text
    .replace(COLOUR_SEQUENCE, '')
    .replace(/\t/g, '  ')
    .replace(/\n/g, '\\n')
    .replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Built from text, since a control character in a pattern is mostly a mistake. */
const COLOUR_SEQUENCE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/gu;
