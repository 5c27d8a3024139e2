/** What the tests of a file are called. */

import { parseSync } from '@swc/core';

/** What we need to know of a piece of a syntax tree. */
interface Piece {
  type: string;
  [part: string]: unknown;
}

/**
 * The names of the tests in a source text, and of the groups that they stand in, as they are written: `takes $what [3.4]`. Neither comments
 * nor strings elsewhere count, nor what is always skipped or only planned (`it.skip`, `it.todo`).
 */
export function namesOfTests(source: string): string[] {
  const names: string[] = [];
  collect(parseSync(source, { syntax: 'typescript', target: 'es2024' }) as unknown);
  return names;

  function collect(part: unknown): void {
    if (typeof part !== 'object' || part === null) return;
    const name = isPiece(part) ? nameIn(part) : undefined;
    if (name !== undefined) names.push(name);
    for (const inner of Object.values(part)) collect(inner);
  }
}

function nameIn({ type, callee, arguments: given }: Piece): string | undefined {
  if (type !== 'CallExpression' || !isTest(callee)) return undefined;
  const [first] = given as { expression: Piece }[];
  const { type: kind, value, quasis = [] } = first?.expression ?? { type: 'none' };
  if (kind === 'StringLiteral') return value as string;
  return kind === 'TemplateLiteral' ? (quasis as { raw: string }[]).map(({ raw }) => raw).join('…') : undefined;
}

/** `it`, `describe.each(table)`, `(canListen ? it : it.skip)`: the word is at the bottom of it. */
function isTest(callee: unknown): boolean {
  if (!isPiece(callee)) return false;
  const { type, value, object, property, callee: inner, tag, expression, consequent, alternate } = callee;
  if (type === 'Identifier') return ['it', 'test', 'describe'].includes(value as string);
  if (type === 'MemberExpression')
    return !['skip', 'todo'].includes((property as Piece).value as string) && isTest(object);
  return [inner, tag, expression, consequent, alternate].some(isTest);
}

function isPiece(value: unknown): value is Piece {
  return typeof value === 'object' && value !== null && 'type' in value;
}
