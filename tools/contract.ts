/** Which points of the contract no test names. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The numbers of the contract's points and paragraphs, for example `5.2`; absent where the contract is not beside the checkout. */
export function contractNumbers(root: string): string[] | undefined {
  const file = path.join(root, '../shared/behaviour.md');
  if (!existsSync(file)) return undefined;
  const numbers = [...readFileSync(file, 'utf8').matchAll(/^(?:- )?`(\d+\.\d+)`/gm)].map(([, number = '']) => number);
  return [...new Set(numbers)].sort(byNumber);
}

/** The numbers that names of tests hold in brackets: `[5.1]`, `[5.5, 9.3]`. */
export function testedNumbers(root: string): Set<string> {
  const folder = path.join(root, '__tests__');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts'));
  const brackets = files.flatMap((file) => [
    ...readFileSync(path.join(folder, file), 'utf8').matchAll(/\[(\d+\.\d+(?:, ?\d+\.\d+)*)\]/g),
  ]);
  return new Set(brackets.flatMap(([, list = '']) => list.split(',').map((number) => number.trim())));
}

function byNumber(one: string, other: string): number {
  return (
    Number(one.split('.')[0]) - Number(other.split('.')[0]) || Number(one.split('.')[1]) - Number(other.split('.')[1])
  );
}
