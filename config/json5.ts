/**
 * What the old daemon's parser took and JSON with comments does not: single quotes, keys and words without quotes, other
 * numbers (behaviour.md 3.1). Each gets one problem that says what to write, and is replaced by what was meant, so that the
 * rest of the file is checked as if it had been written so.
 */
import { quoted } from './source-text.ts';

/** Something that is not JSON with comments. */
export interface SyntaxProblem {
  /** In the text as it was given, in UTF-16 units. */
  offset: number;
  message: string;
  /** True where it is not sure what was meant, so that whatever else is found in this place means nothing. */
  guessed?: boolean;
}

/** A text with what was meant in place of what was written. */
export interface Mended {
  text: string;
  problems: SyntaxProblem[];
  /** Where an offset of the mended text is in the text as it was given. */
  originalOffset(offset: number): number;
}

interface Replacement extends SyntaxProblem {
  length: number;
  text: string;
}

const PLAIN = /[\s{}[\],:]+|\/\/[^\r\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"\\\r\n]|\\.)*"?/y;
const SINGLE_QUOTED = /'((?:[^'\\\r\n]|\\[\s\S])*)'?/y;
const CURLY_QUOTED = /[“”„‘’]([^“”„‘’\r\n]*)[“”„‘’]?/y;
const HASH_COMMENT = /#[^\r\n]*/y;
const WORD = /(?:(?!\/[/*])[^\s"'“”„‘’#{}[\],:])+/y;
// Each part ends in one way only: going back and trying another end would take a hostile text quadratic time.
const KEY_FOLLOWS = /(?:\s|\/\/[^\r\n]*[\r\n]|\/\*(?:[^*]|\*(?!\/))*\*\/)*:/y;
const JSON_WORD = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/** Finds and replaces what is not JSON with comments, as far as it is clear what was meant. Linear in the text. */
export function mendJson5(text: string): Mended {
  const replacements: Replacement[] = [];
  for (let at = 0; at < text.length; ) {
    const plain = matchAt(PLAIN, text, at);
    const replacement = plain ? undefined : replacementAt(text, at);
    if (replacement) replacements.push(replacement);
    at += plain?.[0].length ?? replacement?.length ?? matchAt(WORD, text, at)?.[0].length ?? 1;
  }
  return mended(text, replacements);
}

function replacementAt(text: string, offset: number): Replacement | undefined {
  const single = matchAt(SINGLE_QUOTED, text, offset);
  if (single) return inDoubleQuotes(single, unescaped(single[1] ?? ''));
  const curly = matchAt(CURLY_QUOTED, text, offset);
  if (curly) return inDoubleQuotes(curly, curly[1] ?? '');
  const hash = matchAt(HASH_COMMENT, text, offset);
  if (hash) return { offset, length: hash[0].length, text: '', message: 'unexpected "#". Comments begin with //.' };
  const [word] = matchAt(WORD, text, offset) ?? [];
  return word === undefined ? undefined : wordReplacement(text, offset, word);
}

/** A key is sure; of other words the reader knows best what they should have been. */
function wordReplacement(text: string, offset: number, word: string): Replacement | undefined {
  const instead = (json: string, message: string, guessed = true) => ({
    offset,
    length: word.length,
    text: json,
    message,
    guessed,
  });
  const begin = `unexpected ${quoted(first(word))}.`;
  if (matchAt(KEY_FOLLOWS, text, offset + word.length))
    return instead(JSON.stringify(word), `${begin} Keys stand in double quotes: write ${quoted(word)}.`, false);
  if (JSON_WORD.test(word)) return undefined;
  const number = String(Number(word));
  if (Number.isFinite(Number(word)))
    return instead(number, `${word} is not how JSON writes a number: write ${number}.`);
  const lower = word.toLowerCase();
  if (JSON_WORD.test(lower)) return instead(lower, `${word} is not JSON: write ${lower}.`);
  const advice = `Strings stand in double quotes: write ${quoted(word)}.${adviceFor(lower)}`;
  return instead(JSON.stringify(word), `${begin} ${advice}`);
}

function adviceFor(word: string): string {
  if (/^[-+]?(?:infinity|nan)$/.test(word)) return ' If it is a number, JSON has none like it.';
  if (/^[-+\d.]/.test(word)) return ' If it is a number, write it without unit.';
  return /^(?:yes|no|on|off)$/.test(word) ? ' A switch is true or false.' : '';
}

function inDoubleQuotes(match: RegExpExecArray, content: string): Replacement {
  return {
    offset: match.index,
    length: match[0].length,
    text: JSON.stringify(content),
    message: `unexpected "${first(match[0])}". Strings and keys stand in double quotes: write ${quoted(content)}.`,
  };
}

/** What a JSON5 string means: known escapes as in JSON, a line continued after a backslash, anything else as it is. */
function unescaped(content: string): string {
  const known: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '\n': '' };
  return content.replace(/\\(?:u([\da-fA-F]{4})|([\s\S]))/g, (_, hex?: string, character?: string) =>
    hex === undefined ? (known[character ?? ''] ?? character ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function mended(text: string, replacements: readonly Replacement[]): Mended {
  const segments: { from: number; to: number; originalFrom: number; originalTo: number }[] = [];
  let out = '';
  let at = 0;
  for (const { offset, length, text: instead } of replacements) {
    out += text.slice(at, offset);
    at = offset + length;
    segments.push({ from: out.length, to: out.length + instead.length, originalFrom: offset, originalTo: at });
    out += instead;
  }
  return {
    text: out + text.slice(at),
    problems: replacements.map(({ offset, message, guessed = false }) => ({ offset, message, guessed })),
    originalOffset(offset) {
      const before = segments.findLast(({ from }) => from <= offset);
      if (before === undefined) return offset;
      return offset < before.to ? before.originalFrom : before.originalTo + offset - before.to;
    },
  };
}

function matchAt(pattern: RegExp, text: string, offset: number): RegExpExecArray | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(text) ?? undefined;
}

function first(word: string): string {
  return String.fromCodePoint(word.codePointAt(0) ?? 0);
}
