/** `npm run check`: everything that can be said of the tree without running a test of it. */

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pageProblems, pointCount, unknownPoints, untestedPoints } from './contract.ts';
import { cycles, forbiddenImports, importsBelow } from './floors.ts';

const root = path.resolve(import.meta.dirname, '..');
const bin = path.join(root, 'node_modules/.bin');

/** Each gives what is wrong, as sentences; nothing when all is well, `undefined` when it needs the contract and that is not there. */
const checks: Record<string, () => string[] | undefined> = {
  'format and lint': () => program('biome', ['check', '--error-on-warnings']),
  types: () => program('tsc', ['-p', '.']),
  floors: () => forbiddenImports(importsBelow(root)),
  'no rings of imports': () => cycles(importsBelow(root)),
  'no dead code': () => program('knip', ['--no-progress']),
  'generated files up to date': () => program('node', ['tools/docs.ts', '--check']),
  'docs/contract.md has the points of the contract': () => pageProblems(root),
  'tests name points that there are': () => unknownPoints(root),
  'every point has a test': () => untestedPoints(root)?.map((number) => `no test names ${number}`),
};

function program(name: string, args: string[]): string[] {
  const { status, stdout, stderr, error } = spawnSync(path.join(bin, name), args, { cwd: root, encoding: 'utf8' });
  if (status === 0) return [];
  return [error?.message ?? `${stdout}${stderr}`.trim()];
}

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const problems = check();
  console.log(verdictOf(name, problems));
  for (const problem of problems ?? []) console.log(problem.replace(/^/gm, '     '));
  if (problems?.length) failed += 1;
}

const points = pointCount(root);
if (points !== undefined) console.log(`     the contract has ${points} points`);
process.exitCode = failed === 0 ? 0 : 1;

function verdictOf(name: string, problems: string[] | undefined): string {
  if (problems === undefined) return `---- ${name}: not asked, since the contract is not beside this checkout`;
  return `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name}`;
}
