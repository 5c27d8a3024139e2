/** Which machines had no survivors the last time all their mutants were run, and from what: `__tests__/mutants.json`. */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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
 * What the fate of a machine's mutants depends on: which they are, the machine, its tests, and what these import of
 * machines and helpers. What lies below the machines is left out.
 */
export function digestOf(root: string, { machine, tests, mutations }: Subject): string {
  const hash = createHash('sha256').update(mutations.map(({ name }) => name).join('\n'));
  for (const file of [...imported(root, [`machines/${machine}.ts`, ...tests])].sort()) {
    hash.update(`\n${file}\n`).update(readFileSync(path.join(root, file)));
  }
  return hash.digest('hex').slice(0, 16);
}
