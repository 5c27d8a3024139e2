/** What is said about a record, as plain JSON of a bounded size: a copy, so that what changes later does not change the past. */

import { types } from 'node:util';

/** Deeper than anything of ours; a library's object may lead anywhere. */
const MOST_LEVELS = 6;

/** More than a command's line or an error's sentence, less than a page. */
const LONGEST_TEXT = 16_384;

/** `{ error: new Error('no') }` → `{ error: 'no' }`; `undefined` and functions are left out. */
export function plainFields(fields: Record<string, unknown>): Record<string, unknown> {
  return plainObject(fields, MOST_LEVELS);
}

function plainObject(fields: object, levels: number): Record<string, unknown> {
  const entries = Object.entries(fields).map(([key, value]) => [key, plainValue(value, levels)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function plainValue(value: unknown, levels: number): unknown {
  if (typeof value === 'string') return value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…` : value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (types.isNativeError(value)) return plainValue(sentenceOf(value, levels), levels);
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (levels === 0) return '…';
  if (Array.isArray(value) || types.isSet(value)) return [...value].map((item) => plainValue(item, levels - 1) ?? null);
  return plainObject(types.isMap(value) ? Object.fromEntries(value) : value, levels - 1);
}

/** The error's message, then that of its cause unless it was told already. */
function sentenceOf(error: Error, levels: number): string {
  const own = error.message || told(error) || error.name;
  if (levels === 0 || !types.isNativeError(error.cause)) return own;
  const cause = sentenceOf(error.cause, levels - 1);
  return own.includes(cause) ? own : `${own} (${cause})`;
}

/** An error without message: Node's for a host with several addresses only holds those of each. */
function told(error: Error & { errors?: unknown; code?: unknown }): string {
  const parts = Array.isArray(error.errors) ? error.errors : [error.code ?? ''];
  return parts.map((part) => (types.isNativeError(part) ? part.message : String(part))).join('; ');
}
