/** Which machines had no survivors the last time all their mutants were run, and from what: `__tests__/mutants.json`. */

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { imported } from './imported.ts';
import type { Subject } from './subjects.ts';

/** By machine. */
export type MutantsRecord = Record<string, { digest: string; mutants: number }>;

const FILE = '__tests__/mutants.json';

export function readRecord(root: string): MutantsRecord {
  const file = path.join(root, FILE);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as MutantsRecord) : {};
}

export function writeRecord(root: string, record: MutantsRecord): void {
  const sorted = Object.fromEntries(Object.entries(record).sort());
  writeFileSync(path.join(root, FILE), `${JSON.stringify(sorted, null, 2)}\n`);
}

/**
 * What the fate of a machine's mutants depends on: the machine, the tests, what they import of machines and helpers,
 * and how mutants are made. What lies below the machines is left out.
 * @param tools the folder `tools`.
 */
export function digestOf(root: string, tools: string, { machine, tests }: Subject): string {
  const own = [...imported(root, [`machines/${machine}.ts`, ...tests])].sort();
  const folder = path.join(tools, 'mutants');
  const making = readdirSync(folder).sort();
  const hash = createHash('sha256');
  for (const file of own) hash.update(`${file}\n`).update(readFileSync(path.join(root, file)));
  for (const file of making) hash.update(`${file}\n`).update(readFileSync(path.join(folder, file)));
  return hash.digest('hex').slice(0, 16);
}
