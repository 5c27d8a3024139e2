/** docs/macros.md, made from the keys of the message body. */

import {
  defaultSubject,
  expand,
  type MacroName,
  type MacroValues,
  macroEnvironment,
  macroNames,
} from '../config/macros.ts';
import { type BodyKey, bodyKeys, type MacroPlace } from '../config/message-body.ts';

/** Where macros of each kind stand for something, as a heading and a sentence. */
const places: Record<MacroPlace, { heading: string; words: string }> = {
  instance: { heading: 'Of the instance and the run', words: 'Wherever macros are replaced, `set-hostname` included.' },
  domain: {
    heading: 'Of the domain',
    words: "Wherever macros are replaced but in `set-hostname`, which is no domain's.",
  },
  occasion: {
    heading: 'Of the event',
    words:
      'In commands and their `env`, and in messages. In `set-hostname`, record names, `volume-id`, `pool-name` and `device`, which are read before anything happens, they are empty.',
  },
  volume: { heading: 'Of a volume', words: 'In the commands of that volume alone. Everywhere else they are empty.' },
};

/** All example values at once; for pages, and for a test that each is of the form that the schema promises. */
export const exampleValues = Object.fromEntries(
  bodyKeys.map(({ name, examples }) => [name, examples[0]]),
) as MacroValues;

/** docs/macros.md */
export function macrosPage(): string {
  return `<!-- Generated from config/message-body.ts and tools/macros-page.ts by \`npm run docs\`. Never edited by hand. -->

# Macros

*What can stand in braces, where, and what becomes of it?*

\`{name}\` is replaced in \`argv\`, \`env\`, \`set-hostname\`, record names, \`volume-id\`, \`pool-name\`, \`device\`, and in both halves of an
\`envelope\`. A value is put in as it is: braces inside it mean nothing, and no shell ever reads it.

- [Which there are](#which-there-are) · [Values](#values) · [Fill, alignment, width](#fill-alignment-width)
- [Braces, and what is no macro](#braces-and-what-is-no-macro) · [In the environment of commands](#in-the-environment-of-commands)

## Which there are

${(Object.keys(places) as MacroPlace[]).map(section).join('\n\n')}

### Of all of them

| macro | stands for |
| --- | --- |
| \`{all_json}\` | An object with all of the above, tab-indented JSON. The default body of a message: see [notifications](notifications.md#the-body). |

A message without a subject of its own has \`${defaultSubject}\`.

## Values

| what it is | as text | in \`{all_json}\` |
| --- | --- | --- |
| absent | empty | \`null\` |
| a list of addresses or names | joined with \`", "\` | a list |
| \`error\`, \`transaction_log\`, \`results\` | JSON in one line | lists |
| \`true\`, \`false\`, a number | as JSON writes it | the same |

\`attach_op\` and \`attach_source\` keep what the run that attached the volume had until all commands of the volume have succeeded
once: a crash between attaching and formatting neither skips the formatting nor repeats it. From then on \`attach_op\` is \`false\`.

## Fill, alignment, width

After a colon: a character to fill with, \`<\` (left), \`>\` (right) or \`^\` (middle), and a width of up to three digits. Numbers stand to
the right unless told otherwise, everything else to the left; a zero before the width fills with zeros.

| written | gives |
| --- | --- |
${formats.map((written) => `| \`${written}\` | \`${expand(written, exampleValues)}\` |`).join('\n')}

## Braces, and what is no macro

\`{{\` and \`}}\` are braces. Anything else in braces is left as it stands, so that what is meant for a shell or is JSON need not be
doubled; it gets a warning that names file, line and the nearest macro there is, and with \`--strict\` it is an error before anything
is touched.

| written | gives |
| --- | --- |
${braces.map((written) => `| \`${written}\` | \`${expand(written, exampleValues)}\` |`).join('\n')}

## In the environment of commands

Commands have the same values in their environment: \`{volume_id}\` is in \`EC2FLEETD_VOLUME_ID\`. Those that may be longer than the
kernel takes, ${withoutVariable.map((name) => `\`${name}\``).join(', ')}, have no variable: \`EC2FLEETD_ALL_JSON_FILE\` names a file that
holds \`{all_json}\`, which only the command's user can read and which is gone when the command has ended.

\`\`\`sh
jq -r '.error[] | join(": ")' "$EC2FLEETD_ALL_JSON_FILE"
\`\`\`

A variable that \`env\` sets wins over the one of a macro.
`;
}

const formats = [
  '{instance_index:0>3}',
  '{instance_index:03}',
  '[{instance_index:3}]',
  '[{placement_zone:12}]',
  '{placement_zone:>12}',
  '{placement_zone:*^14}',
];

const braces = [
  '{{domain}}',
  '{{"text": "{domain}"}}',
  '{"text": "{domain}"}',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what shells write
  '${HOME}',
  '{instance-id}',
  '{Domain}',
];

const withoutVariable: MacroName[] = macroNames.filter(
  (name) => !(`EC2FLEETD_${name.toUpperCase()}` in macroEnvironment({})),
);

function section(place: MacroPlace): string {
  const { heading, words } = places[place];
  const rows = bodyKeys.filter(({ where }) => where === place).map(row);
  return [`### ${heading}`, '', words, '', '| macro | stands for | for example |', '| --- | --- | --- |', ...rows].join(
    '\n',
  );
}

function row({ name, description }: BodyKey): string {
  return `| \`{${name}}\` | ${description} | \`${expand(`{${name}}`, exampleValues)}\` |`;
}
