/** The machines that are mutated, and the tests that are to notice. */

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AnyStateMachine } from 'xstate';
import { imported } from './imported.ts';
import { type Mutation, mutationsOf } from './mutations.ts';
import { partsOf } from './xstate.ts';

export interface Subject {
  /** The machine's id, and its file's name below `machines/`. */
  machine: string;
  /** Test files, relative to the root; none if no file is called after the machine. */
  tests: string[];
  mutations: Mutation[];
}

/** Every machine of the tree at `root`. A file that makes no machine of its own name is none. */
export async function subjectsOf(root: string): Promise<Subject[]> {
  const files = readdirSync(path.join(root, 'machines')).filter((file) => file.endsWith('.ts'));
  const subjects = await Promise.all(files.sort().map((file) => subjectOf(root, path.basename(file, '.ts'))));
  return subjects.filter((subject) => subject !== undefined);
}

async function subjectOf(root: string, name: string): Promise<Subject | undefined> {
  const file = path.join(root, 'machines', `${name}.ts`);
  const exported: unknown[] = Object.values(await import(pathToFileURL(file).href));
  const machine = exported.find((one): one is AnyStateMachine => isMachine(one) && one.id === name);
  if (machine === undefined && exported.some(isMachine)) {
    throw new Error(
      `${file} exports a machine whose id is not ${name}: the mutation run tells machines by their files`,
    );
  }
  return machine && { machine: name, tests: testsOf(root, name), mutations: mutationsOf(partsOf(machine)) };
}

function isMachine(value: unknown): value is AnyStateMachine {
  return typeof value === 'object' && value !== null && 'implementations' in value && 'config' in value;
}

/** What tests a machine is called after it and makes it: `domain.test.ts`, then `domain-time.test.ts` and so on. */
function testsOf(root: string, machine: string): string[] {
  const files = readdirSync(path.join(root, '__tests__')).filter((file) => file.endsWith('.test.ts'));
  const own = files.filter((file) => file === `${machine}.test.ts`);
  const more = files.filter((file) => file.startsWith(`${machine}-`)).sort();
  // Walks down every path take the longest, so that they are left to those whom no example has killed.
  const isWalk = (file: string) => file.endsWith('-model.test.ts');
  return [...own, ...more.filter((file) => !isWalk(file)), ...more.filter(isWalk)]
    .map((file) => path.join('__tests__', file))
    .filter((file) => imported(root, [file]).has(`machines/${machine}.ts`));
}
