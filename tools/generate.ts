/** Pages and files that are made from the schema: the configuration reference and the JSON Schema. */
import { classicEvents, type EventName, eventAliases, notifiedByDefault } from '../config/events.ts';
import { type FieldSchema, rootField } from '../config/field.ts';
import { publishedSchemaText } from '../config/published-schema.ts';
import { exampleConfig, multipartExample } from './example-config.ts';
import { exampleValues } from './macros-page.ts';
import { eventMeanings } from './meanings.ts';

/** The published JSON Schema as the text of a file. */
export function schemaText(): string {
  return publishedSchemaText();
}

/** docs/configuration.md */
export function configurationPage(): string {
  return `<!-- Generated from config/schema.ts by \`npm run docs\`. Never edited by hand. -->

# Configuration

*What can I write into the configuration, and what does it mean?*

A configuration is JSON with comments and trailing commas, in UTF-8. It comes as the user data of the instance (plain, gzip,
base64, or as a part of type \`text/x-ec2fleetd-config\` of a MIME multipart) or as a file (\`--userdata=FILE\`,
\`ec2fleetd@NAME.service\`). \`ec2fleetd validate FILE\` says everything that is wrong with one, and what would be right;
\`ec2fleetd schema\` prints the JSON Schema for editors ([configuration.schema.json](configuration.schema.json)).

\`\`\`jsonc
${exampleConfig.trim()}
\`\`\`

User data that cloud-init is to read as well has both as parts of one message:

\`\`\`
${multipartExample.trim()}
\`\`\`

Keys without a default may be left out unless they are marked *required*. **M** marks text in which [macros](#macros) are
replaced. A key that is not listed here is ignored with a warning; with \`--strict\` it is an error.

${sections(rootField).join('\n\n')}

## Event

| event | when | without being named |
| --- | --- | --- |
${Object.entries(eventMeanings)
  .map(([name, meaning]) => `| \`${name}\` | ${meaning} | ${unnamed(name as EventName)} |`)
  .join('\n')}

Older spellings are taken, too: ${Object.entries(eventAliases)
    .map(([old, name]) => `\`${old}\` for \`${name}\``)
    .join(', ')}.

## Macros

\`{name}\` stands for a value: ${Object.keys(exampleValues)
    .map((name) => `\`${name}\``)
    .join(', ')}, \`all_json\`. What each is, where it may stand and what else
may stand in braces is in [macros](macros.md).
`;
}

function unnamed(event: EventName): string {
  const runs = classicEvents.includes(event) ? 'commands run' : 'no commands';
  return `${runs}, ${notifiedByDefault.includes(event) ? 'a message is sent' : 'no message'}`;
}

/** One section for each object with a title, outer ones first. */
function sections(root: FieldSchema): string[] {
  const titled = new Map<string, string>();
  collect(root);
  return [...titled.values()];

  function collect(field: FieldSchema): void {
    const { title, description, properties } = field;
    if (title !== undefined && properties !== undefined && !titled.has(title))
      titled.set(title, `## ${title}\n\n${description}\n\n${table(field)}`);
    for (const child of childrenOf(field)) collect(child);
  }
}

/** The fields inside a field; the forms of a union stand where it stands. */
function childrenOf({ properties, additionalProperties, items, anyOf }: FieldSchema): FieldSchema[] {
  return [
    ...Object.values(properties ?? {}),
    ...(additionalProperties === undefined ? [] : [additionalProperties]),
    ...(items === undefined ? [] : [items]),
    ...(anyOf ?? []),
  ];
}

function table(field: FieldSchema): string {
  return ['| key | type | default | meaning |', '| --- | --- | --- | --- |', ...rows(field, '')].join('\n');
}

/** A row for each key; small objects without a section of their own are unrolled into rows `options.interval`. */
function rows(object: FieldSchema, prefix: string): string[] {
  return Object.entries(object.properties ?? {}).flatMap(([key, field]) => {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    const isUnrolled = field.properties !== undefined && field.title === undefined;
    return [row(name, field, object.required?.includes(key) === true), ...(isUnrolled ? nested(field, name) : [])];
  });
}

/** An object with the same for each key gets one row for all of them. */
function nested(field: FieldSchema, prefix: string): string[] {
  const children = Object.values(field.properties ?? {});
  const isMap = children.length > 1 && new Set(children.map((child) => JSON.stringify(child))).size === 1;
  return isMap && children[0] !== undefined ? rows(children[0], `${prefix}.EVENT`) : rows(field, prefix);
}

function row(name: string, field: FieldSchema, required: boolean): string {
  const fallback = field.default === undefined ? (required ? '*required*' : '') : code(field.default);
  const meaning = [
    field.description,
    ...(field.examples?.[0] === undefined ? [] : [`Example: ${code(field.examples[0])}`]),
  ];
  const cells = [`\`${name}\`${usesMacros(field) ? ' **M**' : ''}`, typeWords(field), fallback, meaning.join(' ')];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function usesMacros(field: FieldSchema): boolean {
  if (field.macros) return true;
  return field.properties === undefined && childrenOf(field).some(({ macros }) => macros);
}

function typeWords(field: FieldSchema): string {
  if (field.title !== undefined) return linkTo(field.title);
  if (field.anyOf !== undefined) return field.anyOf.map(typeWords).join(', or ');
  if (field.enum !== undefined) return field.enum.map((one) => code(one)).join(', ');
  if (field.items !== undefined) return `list of ${inList(field.items)}`;
  const anyKey = field.additionalProperties;
  if (anyKey !== undefined) return `object: name → ${anyKey.type === undefined ? 'anything' : typeWords(anyKey)}`;
  if (field.type === 'number' || field.type === 'integer') return numberWords(field);
  return { object: 'object', string: 'text', boolean: '`true`, `false`', null: '`null`', array: 'list' }[
    field.type ?? 'object'
  ];
}

function numberWords({ type, unit, minimum, maximum }: FieldSchema): string {
  const range = minimum === undefined ? '' : `, ${minimum} to ${maximum}`;
  return `${type === 'integer' ? 'whole number' : 'number'}${unit === undefined ? '' : ` of ${unit}`}${range}`;
}

function inList(items: FieldSchema): string {
  const words = typeWords(items);
  return words.includes(',') ? `(${words})` : words;
}

function linkTo(title: string): string {
  return `[${title.toLowerCase()}](#${title.toLowerCase().replaceAll(' ', '-')})`;
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value, null, 1).replace(/\s*\n\s*/g, ' ')}\``;
}
