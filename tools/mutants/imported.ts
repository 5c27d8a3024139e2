/** What a test or a machine rests on. */

import { readFileSync } from 'node:fs';
import path from 'node:path';

const VALUES_FROM = /^\s*(?:import|export)\s+(?!type\b)(?:[^'";]*?from\s+)?'(\.[^']+)'/gm;

/** The files, and all that they import below `machines` and `__tests__`, directly or not, types aside. */
export function imported(root: string, files: string[]): Set<string> {
  const found = new Set(files);
  // A set tells also what is added while it is walked.
  for (const file of found) {
    for (const [, specifier = ''] of readFileSync(path.join(root, file), 'utf8').matchAll(VALUES_FROM)) {
      const target = path.join(path.dirname(file), specifier);
      if (target.startsWith('machines/') || target.startsWith('__tests__/')) found.add(target);
    }
  }
  return found;
}
