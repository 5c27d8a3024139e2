/**
 * The points of the contract, in the three places that name them: its own text, where that is beside the checkout; the page for
 * users, docs/contract.md; and the names of tests.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { namesOfTests } from './test-names.ts';

/** Numbers of sections and points in the order they stand in: `5`, `5.1`, `5.2`. */
type Numbers = readonly string[];

/**
 * Where the page for users and the contract have not the same points in the same order, as sentences. Without the contract beside the
 * checkout only what the page has twice; absent when that is nothing.
 */
export function pageProblems(root: string): string[] | undefined {
  const page = pageNumbers(root);
  const twice = page.filter((number, at) => page.indexOf(number) < at).map((number) => `${PAGE} has ${number} twice`);
  const contract = contractNumbers(root);
  if (contract === undefined) return twice.length > 0 ? twice : undefined;
  const missing = contract.filter((number) => !page.includes(number)).map((number) => `${PAGE} lacks ${number}`);
  const surplus = page
    .filter((number) => !contract.includes(number))
    .map((number) => `${PAGE} has ${number}, which the contract has not`);
  const all = [...twice, ...missing, ...surplus];
  return all.length === 0 && page.join() !== contract.join() ? [`${PAGE} has its points in another order`] : all;
}

/** Tests that name a point which is none, as sentences. */
export function unknownPoints(root: string): string[] {
  const known = [...pageNumbers(root), ...(contractNumbers(root) ?? [])];
  return testsWithNumbers(root).flatMap(({ file, name, numbers }) =>
    numbers
      .filter((number) => !known.includes(number))
      .map((number) => `${file}: there is no point ${number}: ${name}`),
  );
}

/** Points that no test names; absent where the contract is not beside the checkout. */
export function untestedPoints(root: string): string[] | undefined {
  const tested = new Set(testsWithNumbers(root).flatMap(({ numbers }) => numbers));
  return pointsOf(root)?.filter((number) => !tested.has(number));
}

/** How many points the contract has; absent where it is not beside the checkout. */
export function pointCount(root: string): number | undefined {
  return pointsOf(root)?.length;
}

function pointsOf(root: string): Numbers | undefined {
  return contractNumbers(root)?.filter((number) => number.includes('.'));
}

function contractNumbers(root: string): Numbers | undefined {
  const file = path.join(root, '../shared/behaviour.md');
  return existsSync(file) ? numbersIn(file) : undefined;
}

const PAGE = 'docs/contract.md';

function pageNumbers(root: string): Numbers {
  return numbersIn(path.join(root, PAGE));
}

/** Of headings `## 5. Lifecycle`, and of what begins with a number in backquotes, in a list or not. */
function numbersIn(file: string): Numbers {
  const marks = readFileSync(file, 'utf8').matchAll(/^(?:## (\d+)\. |(?:- )?`(\d+\.\d+)` )/gm);
  return [...marks].map(([, section, point]) => section ?? point ?? '');
}

/** The whole name of a test, with those of the groups around it, and the points in it: `… [5.1]`, `… [5.5, 9.3]`. */
interface Named {
  file: string;
  name: string;
  numbers: Numbers;
}

function testsWithNumbers(root: string): Named[] {
  const folder = path.join(root, '__tests__');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts'));
  return files.sort().flatMap((file) => {
    const names = namesOfTests(readFileSync(path.join(folder, file), 'utf8'));
    return names.map((name) => ({ file: path.join('__tests__', file), name, numbers: numbersOf(name) }));
  });
}

function numbersOf(name: string): Numbers {
  const lists = [...name.matchAll(/\[(\d+\.\d+(?:, ?\d+\.\d+)*)\]/g)];
  return lists.flatMap(([, list = '']) => list.split(',').map((number) => number.trim()));
}
