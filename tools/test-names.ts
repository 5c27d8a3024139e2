/** What the tests of a file are called. */

import { parseSync } from '@swc/core';

/** What we need to know of a piece of a syntax tree. */
interface Piece {
  type: string;
  [part: string]: unknown;
}

/**
 * The names of the tests in a source text, each after those of the groups that it stands in, as they are written: `a look takes $what [3.4]`.
 * What a group is called thus holds for its tests, and for nothing where it has none. Neither comments nor strings elsewhere count, nor
 * what is always skipped or only planned (`it.skip`, `it.todo`).
 */
export function namesOfTests(source: string): string[] {
  return testsIn(parseSync(source, { syntax: 'typescript', target: 'es2024' }), []);
}

/** @param groups the names of those around it. */
function testsIn(part: unknown, groups: readonly string[]): string[] {
  if (typeof part !== 'object' || part === null) return [];
  const word = isPiece(part) && part.type === 'CallExpression' ? wordOf(part.callee) : undefined;
  const name = word && nameIn(part as Piece);
  if (name === undefined) return Object.values(part).flatMap((inner) => testsIn(inner, groups));
  const names = [...groups, name];
  if (word === 'test') return [names.join(' ')];
  return word === 'group' ? testsIn((part as Piece).arguments, names) : [];
}

function nameIn({ arguments: given }: Piece): string | undefined {
  const [first] = given as { expression: Piece }[];
  const { type: kind, value, quasis = [] } = first?.expression ?? { type: 'none' };
  if (kind === 'StringLiteral') return value as string;
  return kind === 'TemplateLiteral' ? (quasis as { raw: string }[]).map(({ raw }) => raw).join('…') : undefined;
}

type Word = 'test' | 'group' | 'skipped';

const words: Record<string, Word> = { it: 'test', test: 'test', describe: 'group' };

/** `it`, `describe.each(table)`, `(canListen ? it : it.skip)`: the word is at the bottom of it. */
function wordOf(callee: unknown): Word | undefined {
  if (!isPiece(callee)) return undefined;
  const { type, value, object, property, callee: inner, tag, expression, consequent, alternate } = callee;
  if (type === 'Identifier') return Object.hasOwn(words, value as string) ? words[value as string] : undefined;
  if (type === 'MemberExpression') {
    const isSkipped = ['skip', 'todo'].includes((property as Piece).value as string);
    return wordOf(object) && isSkipped ? 'skipped' : wordOf(object);
  }
  const found = [inner, tag, expression, consequent, alternate].flatMap((one) => wordOf(one) ?? []);
  return found.find((word) => word !== 'skipped') ?? found[0];
}

function isPiece(value: unknown): value is Piece {
  return typeof value === 'object' && value !== null && 'type' in value;
}
