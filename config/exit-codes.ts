/** What counts as success of a command: the `ec` of a group or line (behaviour.md 8.3). */
import type { ExitCodeSpec } from './schema.ts';

/** Inclusive ranges, for example `[[0, 1], [142, 142]]`; `null` accepts every exit code. */
export type SuccessCodes = ReadonlyArray<readonly [from: number, to: number]> | null;

/** Processes report eight bits. */
const MAX_EXIT_CODE = 255;

/**
 * Reads `0`, `[0, 3]`, `"0-1,142"` or `null`.
 *
 * @throws RangeError with a sentence for the operator; a loaded configuration gives no reason for it.
 */
export function parseExitCodes(spec: ExitCodeSpec): SuccessCodes {
  if (spec === null) return null;
  const parts = [spec].flat().flatMap((part) => (typeof part === 'string' ? part.split(',') : [String(part)]));
  if (parts.length === 0) throw new RangeError('an empty list lets no command succeed. Write 0, or null for no check.');
  return parts.map(parseRange);
}

/** True when an exit code, or 128 + n for a signal n, counts as success. */
export function isSuccess(codes: SuccessCodes, exitCode: number): boolean {
  return codes === null || codes.some(([from, to]) => from <= exitCode && exitCode <= to);
}

function parseRange(part: string): readonly [number, number] {
  const [, first, last] = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(part) ?? [];
  if (first === undefined)
    throw new RangeError(`${JSON.stringify(part.trim())} is neither an exit code nor a range such as "0-1".`);
  const [from, to] = [Number(first), Number(last ?? first)];
  if (from > to) throw new RangeError(`the range "${from}-${to}" is empty. Write "${to}-${from}".`);
  if (to > MAX_EXIT_CODE) throw new RangeError(`${to} is no exit code. They go from 0 to ${MAX_EXIT_CODE}.`);
  return [from, to];
}
