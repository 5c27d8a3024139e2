/** Pages and files that are made from the schema: the configuration reference and the JSON Schema. */
import { type FieldSchema, rootField } from '../config/field.ts';
import { defaultSubject } from '../config/macros.ts';
import { publishedSchemaText } from '../config/published-schema.ts';
import { exampleConfig } from './example-config.ts';
import { macroMeanings } from './macro-meanings.ts';

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

Keys without a default may be left out unless they are marked *required*. **M** marks text in which [macros](#macros) are
replaced. A key that is not listed here is ignored with a warning; with \`--strict\` it is an error.

${sections(rootField).join('\n\n')}

## Macros

\`{name}\` stands for a value, \`{{\` and \`}}\` for braces. Fill, alignment and width may follow a colon: \`{instance_index:0>3}\`
gives \`007\`. Values that are not there are empty; lists are joined with \`", "\`. Anything else in braces stays as it stands, with
a warning, or with \`--strict\` an error. Commands find the same values in environment variables, \`{volume_id}\` in
\`EC2FLEETD_VOLUME_ID\`, but for \`all_json\`, \`error\`, \`results\` and \`transaction_log\`, which may be long and are in the file that
\`EC2FLEETD_ALL_JSON_FILE\` names.

| macro | stands for |
| --- | --- |
${Object.entries(macroMeanings)
  .map(([name, meaning]) => `| \`{${name}}\` | ${meaning} |`)
  .join('\n')}

A message without a subject of its own has \`${defaultSubject}\`.
`;
}

/** One section for each object with a title, outer ones first. */
function sections(root: FieldSchema): string[] {
  const titled = new Map<string, FieldSchema>();
  collect(root);
  return [...titled].map(([title, field]) => `## ${title}\n\n${field.description}\n\n${table(field)}`);

  function collect(field: FieldSchema): void {
    if (field.title !== undefined) titled.set(field.title, field);
    for (const child of childrenOf(field)) collect(child);
  }
}

function childrenOf({ properties = {}, patternProperties = {}, items, anyOf = [] }: FieldSchema): FieldSchema[] {
  return [...Object.values(properties), ...Object.values(patternProperties), ...(items ? [items] : []), ...anyOf];
}

function table(field: FieldSchema): string {
  return ['| key | type | default | meaning |', '| --- | --- | --- | --- |', ...rows(field, '')].join('\n');
}

/** A row for each key; small objects without a section of their own are unrolled into rows `options.interval`. */
function rows(object: FieldSchema, prefix: string): string[] {
  return Object.entries(object.properties ?? {}).flatMap(([key, field]) => {
    const name = `${prefix}${key}`;
    const inner = field.properties === undefined || field.title !== undefined ? [] : nested(field, `${name}.`);
    return [row(name, field, object.required?.includes(key) === true), ...inner];
  });
}

/** An object with the same for each key gets one row for all of them. */
function nested(field: FieldSchema, prefix: string): string[] {
  const kinds = new Set(Object.values(field.properties ?? {}).map((child) => JSON.stringify(child)));
  const [first] = Object.values(field.properties ?? {});
  const isMap = Object.keys(field.properties ?? {}).length > 1 && kinds.size === 1;
  return isMap && first !== undefined ? rows(first, `${prefix}EVENT.`) : rows(field, prefix);
}

function row(name: string, field: FieldSchema, required: boolean): string {
  const fallback = field.default === undefined ? (required ? '*required*' : '') : code(field.default);
  const example = field.examples?.[0] === undefined ? '' : ` Example: ${code(field.examples[0])}`;
  const macros = usesMacros(field) ? ' **M**' : '';
  const cells = [`\`${name}\`${macros}`, typeWords(field), fallback, `${field.description ?? ''}${example}`];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function usesMacros(field: FieldSchema): boolean {
  if (field.macros) return true;
  return childrenOf(field).some(({ macros }) => macros);
}

function typeWords(field: FieldSchema): string {
  if (field.anyOf !== undefined) return field.anyOf.map(typeWords).join(', or ');
  if (field.enum !== undefined) return field.enum.map((one) => code(one)).join(', ');
  if (field.items !== undefined) return `list of ${linkOr(field.items, `(${typeWords(field.items)})`)}`;
  const [anyKey] = Object.values(field.patternProperties ?? {});
  if (anyKey !== undefined) return `object: name → ${linkOr(anyKey, anyKey.type ?? 'anything')}`;
  if (field.type === 'number' || field.type === 'integer') return numberWords(field);
  return { object: 'object', string: 'text', boolean: '`true`, `false`', null: '`null`', array: 'list' }[
    field.type ?? 'object'
  ];
}

function numberWords({ type, unit, minimum, maximum }: FieldSchema): string {
  const range = minimum === undefined ? '' : `, ${minimum} to ${maximum}`;
  return `${type === 'integer' ? 'whole number' : 'number'}${unit === undefined ? '' : ` of ${unit}`}${range}`;
}

function linkOr({ title }: FieldSchema, words: string): string {
  if (title !== undefined) return `[${title.toLowerCase()}](#${title.toLowerCase().replaceAll(' ', '-')})`;
  return words;
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value, null, 1).replace(/\s*\n\s*/g, ' ')}\``;
}
