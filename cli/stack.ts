/** Stack traces in the names and places of the source, though what runs is minified: a map lies beside the bundle. */

import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';

/** A minified file that a map lies beside. */
interface Minified {
  lines: string[];
  map: SourceMap;
}

/**
 * An error with its stack: `at boot (cli/run.ts:12:3)` where `main.cjs.map` tells so, else as Node has it. Node writes a stack down
 * when it is read for the first time; one that has been read before stays as it was.
 */
export function stackInSource(error: Error): string {
  const files = new Map<string, Minified | undefined>();
  const before = Error.prepareStackTrace;
  Error.prepareStackTrace = (_, sites) =>
    [`${error}`, ...sites.map((site) => `    at ${inSource(site, files) ?? site}`)].join('\n');
  try {
    return error.stack ?? `${error}`;
  } finally {
    Error.prepareStackTrace = before;
  }
}

function inSource(site: NodeJS.CallSite, files: Map<string, Minified | undefined>): string | undefined {
  const file = site.getFileName() ?? '';
  if (!files.has(file)) files.set(file, readMinified(file));
  const minified = files.get(file);
  const found = minified?.map.findEntry(Number(site.getLineNumber()) - 1, Number(site.getColumnNumber()) - 1);
  if (minified === undefined || found === undefined || !('originalSource' in found)) return undefined;
  // `../machines/domain.ts` → `machines/domain.ts`
  const source = found.originalSource.replace(/^(\.\.\/)+/, '');
  const place = `${source}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  const name = nameInSource(site, minified);
  const kind = site.isAsync() ? 'async ' : '';
  return name === '' ? `${kind}${place}` : `${kind}${name} (${place})`;
}

function readMinified(file: string): Minified | undefined {
  try {
    const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')));
    return { map, lines: readFileSync(file, 'utf8').split('\n') };
  } catch {
    // Most files have none; and whoever asks is about to tell what matters more.
    return undefined;
  }
}

/**
 * The map has a name by the place where it stands: behind the word with which a function begins, or before the `=` that it is
 * assigned with. Names of methods and properties are not minified.
 */
function nameInSource(site: NodeJS.CallSite, { map, lines }: Minified): string {
  const name = site.getFunctionName() ?? '';
  if (name === '') return name;
  const line = Number(site.getEnclosingLineNumber()) - 1;
  const begin = Number(site.getEnclosingColumnNumber()) - 1;
  const columns = ['function '.length, 'async function '.length, -'='.length - name.length].map((gap) => begin + gap);
  for (const column of columns) {
    // Node gives the name, too; its types do not know.
    const found: { generatedColumn?: number; name?: string } = map.findEntry(line, column);
    const stands = lines[line]?.startsWith(name, column) === true;
    if (stands && found.generatedColumn === column && found.name) return found.name;
  }
  return name;
}
