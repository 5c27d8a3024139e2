/**
 * Writes what is generated under docs/. With `--check` it writes nothing and exits 1, naming what is out of date; with `--example` it
 * first has the built daemon send the message that docs/notifications.md shows.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { messageBodySchemaText } from '../config/message-body.ts';
import { withCharts } from './charts.ts';
import { configurationPage, schemaText } from './generate.ts';
import { macrosPage } from './macros-page.ts';
import { withBodyAndFiles } from './notifications-page.ts';

const root = path.resolve(import.meta.dirname, '..');
const textOf = (file: string) => (existsSync(path.join(root, file)) ? readFileSync(path.join(root, file), 'utf8') : '');

if (process.argv.includes('--example')) {
  const { exampleMessage } = await import('./example-message.ts');
  writeFileSync(path.join(root, 'docs/examples/message.json'), `${await exampleMessage(path.join(root, 'dist'))}\n`);
}

const generated: readonly { file: string; text: string }[] = [
  { file: 'docs/configuration.md', text: configurationPage() },
  { file: 'docs/configuration.schema.json', text: schemaText() },
  { file: 'docs/macros.md', text: macrosPage() },
  {
    file: 'docs/notifications.md',
    text: withBodyAndFiles(textOf('docs/notifications.md'), (file) => textOf(path.join('docs', file))),
  },
  { file: 'docs/notifications.schema.json', text: messageBodySchemaText() },
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
