/** The configurations in `__tests__/configurations`, as people write them: those for the old daemon, and with everything there is. */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.join(__dirname, '..', 'configurations');

/** The text of each, by its file's name. */
export const examples: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(folder).map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]),
);

/** The text of one. */
export function example(file: string): string {
  const text = examples[file];
  if (text === undefined) throw new Error(`there is no configuration ${file}`);
  return text;
}
