/** Text → tree, with every problem of its syntax in words. */
import { type Node, type ParseError, parseTree } from 'jsonc-parser';
import { mendJson5, type SyntaxProblem } from './json5.ts';

/** A text as a tree. */
export interface Parsed {
  /** Absent when the text is empty or holds nothing but comments, or when it is too broken to be looked at further. */
  root?: Node;
  problems: SyntaxProblem[];
  /** Where an offset of a node is in the text as it was given. */
  originalOffset(offset: number): number;
}

/** Deeper than any configuration, and shallow enough for every function that walks a tree. */
const MAX_DEPTH = 100;

// jsonc-parser's own enum is a `const enum`, which isolated modules cannot read.
const VALUE_EXPECTED = 4;
const COMMA_EXPECTED = 6;

const sentences: Record<number, string> = {
  1: 'this is not JSON.',
  2: 'this is not how JSON writes a number.',
  3: 'a key in double quotes is missing here.',
  4: 'a value is missing here.',
  5: 'a colon is missing here, between key and value.',
  6: 'a comma is missing before this.',
  7: 'the file ends before every { is closed. Add }.',
  8: 'the file ends before every [ is closed. Add ].',
  9: 'the configuration ends before this. Remove what is too much, often one } more than was opened.',
  10: 'this comment is not one. Comments begin with // or stand between /* and */.',
  11: 'this comment is never closed. Add */.',
  12: 'this string is never closed. Add a double quote.',
  13: 'this is not how JSON writes a number.',
  14: 'after \\u come four hexadecimal digits.',
  15: 'this string has a backslash before a character that needs none. Write \\\\ for a backslash.',
  16: 'this string has a control character in it. Write \\t for a tab and \\n for a line end.',
};

/** After these the tree is as it was meant, and everything else in it can be checked as well. */
const harmless = new Set([COMMA_EXPECTED, 14, 15, 16]);

/** Parses JSON with comments and trailing commas. */
export function parseSyntax(text: string): Parsed {
  const { text: mended, problems, originalOffset } = mendJson5(text);
  const outset = beginsAsObject(mended);
  if (outset === 'empty') return { problems, originalOffset };
  if (outset !== undefined) return { problems: [{ ...outset, offset: originalOffset(outset.offset) }], originalOffset };
  if (isTooDeep(mended))
    return { problems: [{ offset: 0, message: `nested deeper than ${MAX_DEPTH} levels.` }], originalOffset };

  const errors: ParseError[] = [];
  const root = parseTree(mended, errors, { allowTrailingComma: true });
  const told = withoutCascade(errors, mended);
  const broken = told.some(({ error }) => !harmless.has(error));
  return {
    ...(root !== undefined && !broken && { root }),
    problems: [
      ...problems,
      ...told.map(({ error, offset }) => ({
        offset: originalOffset(offset),
        message: sentences[error] ?? 'this is not JSON.',
      })),
    ],
    originalOffset,
  };
}

/** Something else entirely (YAML, XML, a script) gets one problem, not one for each word. */
function beginsAsObject(text: string): 'empty' | SyntaxProblem | undefined {
  const blank = /(?:\s|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)*/y;
  blank.exec(text);
  const offset = blank.lastIndex;
  if (offset >= text.length) return 'empty';
  if (text[offset] === '{' || text.startsWith('/*', offset)) return undefined;
  return { offset, message: 'expected an object in braces { }: a configuration is JSON with comments.' };
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\\r\n]|\\.)*"?|\/\/[^\r\n]*|\/\*[\s\S]*?(?:\*\/|$)|[{[\]}]/g)) {
    if (token === '{' || token === '[') depth += 1;
    if (token === '}' || token === ']') depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

/** The parser goes on after an error, but what it finds behind the first one that changes the tree is mostly its echo. */
function withoutCascade(errors: readonly ParseError[], text: string): ParseError[] {
  const end = errors.findIndex(({ error, offset }) => !harmless.has(error) || isCloser(text, offset));
  const told = end === -1 ? [...errors] : errors.slice(0, end + 1);
  return told.map((found) =>
    found.error === COMMA_EXPECTED && isCloser(text, found.offset) ? mismatch(found) : found,
  );
}

/** A comma is "missing" before a closing bracket of the wrong kind. */
function mismatch(found: ParseError): ParseError {
  return { ...found, error: MISMATCH };
}

function isCloser(text: string, offset: number): boolean {
  return text[offset] === '}' || text[offset] === ']';
}

const MISMATCH = VALUE_EXPECTED + 100;
sentences[MISMATCH] = 'this bracket closes something that was opened with another: { goes with }, [ with ].';
