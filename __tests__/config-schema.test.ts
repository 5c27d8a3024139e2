import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ParseError, parse } from 'jsonc-parser';
import { Compile } from 'typebox/schema';
import { type FieldSchema, rootField } from '../config/field.ts';
import { examineConfig } from '../config/load.ts';
import { publishedSchema } from '../config/published-schema.ts';
import { decodeUserData } from '../config/user-data.ts';
import { exampleConfig, multipartExample } from '../tools/example-config.ts';
import { configurationPage, schemaText } from '../tools/generate.ts';

const validator = Compile(publishedSchema());

/** Everything that the schema knows, in one configuration or another. */
const accepted: object[] = [
  {},
  { domains: {} },
  { $schema: 'x', 'set-hostname': 'a', hostname: 'b', timeout: 0.5, 'stop-timeout': 90, 'require-all': true },
  { 'interrupt-detection': { detect: 'poll', options: { interval: 5, 'treat-as-interruption': ['rebalance'] } } },
  { 'interrupt-detection': {}, unknown: { anything: [1] } },
  { domains: { web: { unknown: null, exec: [{ lines: [], unknown: 1 }] } } },
  inDomain('attach-volume', {
    device: 'sdf',
    source: 'xpc',
    'volume-id': 'v',
    'pool-name': 'p',
    create: { Size: 1, Tags: [{}] },
  }),
  inDomain('attach-volume', { device: 'sdf', source: ['x'], 'volume-id': 'v', wait: 0, release: ['stop', 'at-risk'] }),
  inDomain('update-route53', {
    hostedzone: 'Z',
    name: 'a',
    ttl: 0,
    wait: 'insync',
    set: 'multivalue',
    stale: 'delete',
  }),
  ...[0, [0, '1-2'], '0-1', null].map((ec) => inDomain('exec', { ec, lines: [{ argv: ['a'], ec }] })),
  inDomain('exec', { on: 'start', lines: [{ argv: ['a', ''], env: { A: '' }, cwd: '/', user: 'u', timeout: 1 }] }),
  inDomain('notify', {
    backend: 'ans-sqs',
    options: { 'queue-url': 'Q' },
    matrix: { started: {}, stop: { enabled: false } },
  }),
  inDomain('notify', {
    backend: 'aws-sns',
    options: { topic: 'T' },
    envelope: { subject: '', body: '' },
    matrix: { strange: 1 },
  }),
];

/** One mistake each, of a kind that a schema can see. */
const refused: object[] = [
  [],
  { timeout: 0 },
  { timeout: '5' },
  { 'set-hostname': '' },
  { 'require-all': 'true' },
  { domains: [] },
  { domains: { web: [] } },
  { 'interrupt-detection': { options: { interval: 0.05 } } },
  { 'interrupt-detection': { options: { 'treat-as-interruption': 'rebalance' } } },
  inDomain('attach-volume', { source: 'c', create: {} }),
  inDomain('attach-volume', { device: 'sdf', source: 'c', create: [] }),
  inDomain('attach-volume', { device: 'sdf', source: ['z'] }),
  inDomain('update-route53', { hostedzone: 'Z', name: 'a' }),
  inDomain('update-route53', { hostedzone: 'Z', name: 'a', ttl: 1.5 }),
  inDomain('update-route53', { hostedzone: 'Z', name: 'a', ttl: -1 }),
  inDomain('exec', {}),
  inDomain('exec', { on: 'boot', lines: [] }),
  inDomain('exec', { ec: 1.5, lines: [] }),
  inDomain('exec', { lines: [{ argv: [] }] }),
  inDomain('exec', { lines: [{ argv: [1] }] }),
  inDomain('exec', { env: { A: 1 }, lines: [] }),
  inDomain('notify', { backend: 'sns', options: {} }),
  inDomain('notify', { backend: 'aws-sns', options: { topic: 'T' }, matrix: { started: true } }),
];

describe('the published schema', () => {
  it.each(accepted)('accepts what the daemon accepts: %j [3.2]', (config) => {
    expect({ daemon: isLoaded(config), schema: validator.Check(config) }).toEqual({ daemon: true, schema: true });
  });

  it.each(refused)('and the daemon agree on what is wrong: %j [3.2]', (config) => {
    expect({ daemon: isLoaded(config), schema: validator.Check(config) }).toEqual({ daemon: false, schema: false });
  });

  const compat = path.resolve(process.cwd(), '../shared/compat');
  const oldFiles = existsSync(compat) ? readdirSync(compat).filter((file) => file.endsWith('.jsonc')) : [];
  (oldFiles.length > 0 ? it.each(oldFiles) : it.skip.each(['none']))(
    'says of %s what the daemon says [3.2, 14.1]',
    (file) => {
      const config = parsed(readFileSync(path.join(compat, file), 'utf8'));

      expect(validator.Check(config)).toBe(file !== 'suite-1-userdata-b.jsonc');
      expect(isLoaded(config)).toBe(file !== 'suite-1-userdata-b.jsonc');
    },
  );

  it('has nothing in it that is only for us [3.2]', () => {
    const words = new Set(
      [...schemaText().matchAll(/"(expected|macros|unit|patternProperties)":/g)].map(([, word]) => word),
    );

    expect([...words]).toEqual([]);
  });
});

describe('each field of the schema', () => {
  const fields = [...walk(publishedSchema(), '')].map(([name, field]) => ({ name, field }));

  it.each(fields)('has an explanation and an example: $name [3.2]', ({ field }) => {
    expect(field.description).toMatch(/^[A-Z`].*\.$/s);
    expect(field.examples?.length).toBeGreaterThan(0);
  });

  it.each(fields)('has examples and a default that fit it: $name [3.2]', ({ field }) => {
    const { examples = [], default: fallback } = field;
    const check = Compile(field as object);

    const misfits = [...examples, ...(fallback === undefined ? [] : [fallback])].filter((value) => !check.Check(value));

    expect(misfits).toEqual([]);
  });
});

describe('the configuration reference', () => {
  it('has a row for every key, with its default [3.2]', () => {
    const page = configurationPage();

    for (const [name] of walk(rootField, '')) expect(page).toContain(`${name.split('.').at(-1)}\``);
    expect(page).toContain('| `timeout` | number of seconds, 0.1 to 604800 | `600` |');
    expect(page).toContain('| `device` **M** | text | *required* |');
    expect(page).toContain('| `interrupt-detection.options.interval` | number of seconds, 0.1 to 30 | `1` |');
  });

  it('has an example in every row of a key [3.2]', () => {
    const [keys = ''] = configurationPage().split('\n## Event\n');
    const rows = keys.split('\n').filter((line) => line.startsWith('| `'));

    expect(rows.length).toBeGreaterThan(50);
    expect(rows.filter((row) => !/ Example: `.+` \|$/.test(row))).toEqual([]);
  });

  it('shows how to have both, a configuration and something for cloud-init [3.1]', async () => {
    const text = await decodeUserData(Buffer.from(multipartExample));

    expect(configurationPage()).toContain(multipartExample);
    expect(examineConfig(text, 'example', { strict: true })).toMatchObject({
      config: { domains: { 'mc.example.com': {} } },
      errors: [],
      warnings: [],
    });
  });

  it('opens with an example that is right in every way [3.1]', () => {
    expect(examineConfig(exampleConfig, 'example', { strict: true })).toMatchObject({
      errors: [],
      warnings: [],
      awsForms: [],
    });
  });
});

function inDomain(key: string, entry: object): object {
  return { domains: { web: { [key]: [entry] } } };
}

function isLoaded(config: unknown): boolean {
  return examineConfig(JSON.stringify(config), 'f', { strict: false }).errors.length === 0;
}

function parsed(text: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  expect(errors).toEqual([]);
  return value;
}

function* walk(field: FieldSchema, name: string): Generator<[name: string, FieldSchema]> {
  for (const [key, child] of Object.entries(field.properties ?? {})) {
    if (!name.endsWith('.matrix')) yield [`${name}.${key}`, child];
    yield* walk(child, `${name}.${key}`);
  }
  for (const child of [field.items, field.additionalProperties]) if (child) yield* walk(child, `${name}.*`);
}
