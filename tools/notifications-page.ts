/** The parts of docs/notifications.md that are made from something: the body's keys, an example, a program. */
import { bodyKeys, messageBodySchema } from '../config/message-body.ts';

/** Texts that the page shows, by file below docs/. */
export type TextOf = (file: string) => string;

/**
 * The page with what stands between `<!-- NAME -->` and `<!-- end -->` made anew: `body` is the table of keys, `file:PATH` a file
 * below docs/.
 */
export function withBodyAndFiles(page: string, textOf: TextOf): string {
  return page.replace(
    /(<!-- (?:(body)|file:([\w./-]+)) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, start: string, body: string | undefined, file: string, end: string) =>
      `${start}${body === undefined ? fenced(file, textOf(file)) : bodyTable()}\n${end}`,
  );
}

function fenced(file: string, text: string): string {
  const language = file.endsWith('.json') ? 'json' : 'js';
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

function bodyTable(): string {
  const rows = bodyKeys.map(
    ({ name, description }) => `| \`${name}\` | ${typeWords(messageBodySchema.properties[name])} | ${description} |`,
  );
  return ['| key | type | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

interface Typed {
  type?: string;
  enum?: readonly string[];
  anyOf?: readonly Typed[];
  items?: Typed;
}

function typeWords(schema: unknown): string {
  const { type, enum: names, anyOf, items } = schema as Typed;
  if (anyOf !== undefined) return anyOf.map(typeWords).join(', ');
  if (names !== undefined) return names.map((name) => `\`"${name}"\``).join(', ');
  if (items !== undefined)
    return `list of ${items.items === undefined ? plural(items) : `lists of ${plural(items.items)}`}`;
  return (
    { string: 'text', integer: 'whole number', boolean: '`true`, `false`', null: '`null`' }[type ?? ''] ?? 'anything'
  );
}

function plural({ type }: Typed): string {
  return type === 'object' ? 'objects' : 'texts';
}
