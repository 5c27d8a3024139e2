/** Writes what is generated under docs/. With `--check` it writes nothing and exits 1, naming what is out of date. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withCharts } from './charts.ts';
import { configurationPage, schemaText } from './generate.ts';

const root = path.resolve(import.meta.dirname, '..');
const textOf = (file: string) => (existsSync(path.join(root, file)) ? readFileSync(path.join(root, file), 'utf8') : '');

const generated: readonly { file: string; text: string }[] = [
  { file: 'docs/configuration.md', text: configurationPage() },
  { file: 'docs/configuration.schema.json', text: schemaText() },
  { file: 'docs/architecture.md', text: withCharts(textOf('docs/architecture.md')) },
];

const stale = generated.filter(({ file, text }) => textOf(file) !== text);
if (process.argv.includes('--check')) {
  for (const { file } of stale) console.error(`${file} is out of date. Run npm run docs.`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const { file, text } of stale) {
    writeFileSync(path.join(root, file), text);
    console.log(`${file} written`);
  }
}
