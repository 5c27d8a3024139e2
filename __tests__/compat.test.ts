/** Old configurations: everything they may hold is taken, and what its lines do now and did not do before is said. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkTree, type Place } from '../config/check.ts';
import { problemLine } from '../config/errors.ts';
import { type FieldSchema, rootField } from '../config/field.ts';
import { examineConfig, loadConfig } from '../config/load.ts';
import { allJson } from '../config/macros.ts';
import { publishedSchema } from '../config/published-schema.ts';
import { parseSyntax } from '../config/syntax.ts';
import { volumeTags } from '../config/tags.ts';
import { example, examples } from './helpers/configurations.ts';
import { startDaemon, startLab } from './helpers/daemon.ts';

describe('the configurations that the stories live through', () => {
  it.each(Object.entries(examples))('%s is taken as it is [14.1]', (file, text) => {
    const { errors, warnings } = examineConfig(text, file, { strict: false });

    expect(errors).toEqual([]);
    expect(warnings.filter(({ message }) => !message.includes('is no macro'))).toEqual([]);
  });

  it('leave out no key of the schema, no word that it takes, and no form of a value [3.2, 3.3]', () => {
    const used = new Set(Object.values(examples).flatMap(placesIn).flatMap(formsIn));

    expect([...formsOf(rootField)].filter((form) => !used.has(form))).toEqual([]);
  });

  it.each([
    ['comments to the end of a line', /^\s*\/\/ /m, '3.1'],
    ['comments between /* and */', /\/\*.*\*\//, '3.1'],
    ['trailing commas in lists and objects', /,\s*\][\s\S]*,\s*\}/, '3.1'],
    ['tabs', /^\t\t"/m, '3.1'],
    ['no domains', /"domains": \{\}/, '3.2'],
    ['the old name of the launch index', /\{ami-i\}/, '14.1'],
    ['a macro with fill, alignment and width', /\{instance_index:0>3\}/, '4.1'],
    ['braces for a shell', /\$\{HOME\}/, '4.1'],
    ['doubled braces', /\{\{\}\}/, '4.1'],
    ['an exit code and a range in a string', /"0-1,142"/, '8.3'],
    ['sources as a list', /"source": \[/, '3.3'],
    ['a record name with a trailing dot', /"name": "[^"]+\."/, '14.1'],
    ['a record name without one', /"name": "[^"]+[^."]"/, '14.1'],
    ['a zone id as a path', /"\/hostedzone\//, '7.3'],
    ['a device without its folder', /"device": "sdf"/, '6.2'],
    ['half an envelope', /"envelope": \{ "body": "[^"]*" \}/, '3.3'],
    ["the old daemon's schema", /"\$schema": "http:/, '3.2'],
  ])('hold %s (%p) [%s]', (_form, pattern) => {
    expect(Object.values(examples).filter((text) => pattern.test(text))).not.toEqual([]);
  });
});

/** What stands in a text, where the schema has a place for it. */
function placesIn(text: string): Place[] {
  const { root } = parseSyntax(text);
  return root === undefined ? [] : checkTree(rootField, root, () => 0).places;
}

/** Everything that may be written: keys, and of those with a choice each word and each type. */
function formsOf(field: FieldSchema, pattern = ''): Set<string> {
  const { properties = {}, additionalProperties: any, items, anyOf = [] } = field;
  const below = (key: string) => (pattern === '' ? key : `${pattern}.${key}`);
  const inner = [
    ...Object.entries(properties).map(([key, child]) => formsOf(child, below(key))),
    ...(any?.type ? [formsOf(any, below('*'))] : []),
    ...(items ? [formsOf(items, below('*'))] : []),
    ...anyOf.map((form) => formsOf(form, pattern).add(typed(form, pattern))),
  ];
  const own = [named(pattern), ...(field.enum ?? []).map((word) => worded(field, pattern, word))];
  return new Set([...own, ...inner.flatMap((forms) => [...forms])].filter((form) => form !== ''));
}

function formsIn({ pattern, schema, value }: Place): string[] {
  return [named(pattern), typed(schema, pattern), ...(schema.enum ? [worded(schema, pattern, value)] : [])];
}

/** Commands are written alike, whoever runs them. */
function named(pattern: string): string {
  return pattern.replace('attach-volume.*.exec', 'exec');
}

function typed({ type, enum: words }: FieldSchema, pattern: string): string {
  return `${named(pattern)} as ${type ?? (words ? 'a word' : 'anything')}`;
}

/** An event is an event, wherever it may be named. */
function worded({ title }: FieldSchema, pattern: string, word: unknown): string {
  return `${title ?? named(pattern)} = ${word}`;
}

describe('notes on a configuration for the old daemon', () => {
  const volume = { device: 'sdf', source: 'x', 'volume-id': 'vol-0123456789abcdef0' };
  const pool = { device: 'sdf', source: 'pc', 'pool-name': 'worlds', create: { Size: 1 } };
  const record = { hostedzone: 'Z0123456789EXAMPLE', name: 'a.example.com', ttl: 60 };
  const line = { argv: ['/bin/true'] };
  const up = { on: 'starting', lines: [line, line] };
  const down = { on: ['stopping'], lines: [line] };
  const receiver = {
    backend: 'aws-sqs',
    options: { 'queue-url': 'https://sqs.eu-west-1.amazonaws.com/123456789012/q' },
  };
  const group = (more: object) => ({ mc: { exec: [{ on: 'starting', lines: [line], ...more }] } });

  it.each<[string, object, string]>([
    ['hostname', { hostname: 'a' }, 'hostname: takes effect now, as "set-hostname" does.'],
    [
      'timeout',
      { timeout: 20 },
      'timeout: takes effect now: a domain whose started commands are not over after 20 s fails.',
    ],
    [
      'the interval',
      { 'interrupt-detection': { options: { interval: 5 } } },
      'interrupt-detection.options.interval: takes effect now: the metadata is looked at every 5 s.',
    ],
    ['several domains', { domains: { a: {}, b: {} } }, 'domains: when one of these fails, the others go on now.'],
    [
      'a volume by id',
      { domains: { mc: { 'attach-volume': [volume] } } },
      'domains["mc"].attach-volume[0].source: a volume that another instance holds is waited for now',
    ],
    [
      'a pool',
      { domains: { mc: { 'attach-volume': [pool] } } },
      'domains["mc"].attach-volume[0].pool-name: the launch index no longer decides which volume of the pool is tried first.',
    ],
    [
      'a preference',
      { domains: { mc: { 'attach-volume': [{ ...pool, 'pool-pref': 'random' }] } } },
      'domains["mc"].attach-volume[0].pool-pref: decides now which volume of the pool is tried first.',
    ],
    [
      'a critical record',
      {
        domains: {
          mc: {
            'update-route53': [
              { ...record, critical: false },
              { ...record, name: 'b.example.com' },
            ],
          },
        },
      },
      'domains["mc"].update-route53[1]: an instance without any public address fails its domain now.',
    ],
    [
      'a macro in a record name',
      { domains: { mc: { 'update-route53': [{ ...record, critical: false, name: '{domain}.example.com' }] } } },
      'domains["mc"].update-route53[0].name: macros in record names are replaced now.',
    ],
    [
      'started commands',
      { domains: group({ on: 'started' }) },
      'domains["mc"].exec[0]: systemd is told READY before the started commands now',
    ],
    [
      'several lines on the way down',
      { domains: group({ on: ['interrupted', 'stopping'], lines: [line, line] }) },
      'domains["mc"].exec[0]: at interrupted, stopping the lines behind one that fails run now, too',
    ],
    [
      'lines on the way down in several groups',
      { domains: { mc: { exec: [up, down, down] } } },
      'domains["mc"].exec[1]: at stopping the lines behind one that fails run now, too',
    ],
    [
      'a range of exit codes',
      { domains: group({ ec: '0-1,3, 100 - 142' }) },
      'domains["mc"].exec[0].ec: 1 and 142 count as success now: a range includes its upper end.',
    ],
    [
      'braces that are no macro',
      { domains: group({ lines: [{ argv: ['/bin/echo', '{HOME}'] }] }) },
      'domains["mc"].exec[0].lines[0].argv[1]: "{HOME}" stays as it stands now and is handed on.',
    ],
    [
      'a receiver that is told of starting',
      { domains: { mc: { notify: [{ ...receiver, matrix: { starting: { enabled: true } } }] } } },
      'domains["mc"].notify[0].matrix.starting: is told now, before the volumes are there.',
    ],
  ])('say of %s what is different and what to check [14.2]', (_what, config, start) => {
    const [first, ...others] = notesOn(config);

    expect(first).toMatch(/^: written for the old daemon, as line \d+ \(\$schema\) shows\. .*docs\/migrating\.md/);
    expect(others).toEqual([expect.stringMatching(/\. Check /)]);
    expect(others[0]).toContain(start);
  });

  it.each<[string, object]>([
    ['a host name that was set before', { 'set-hostname': 'a' }],
    ['a host name that does not count', { 'set-hostname': 'a', hostname: 'b' }],
    ['domains that stand together', { 'require-all': true, domains: { a: {}, b: {} } }],
    ['a volume with a wait of its own', { domains: { mc: { 'attach-volume': [{ ...volume, wait: 5 }] } } }],
    ['a pool in the old order', { domains: { mc: { 'attach-volume': [{ ...pool, 'pool-pref': 'index' }] } } }],
    ['a single line on the way down', { domains: group({ on: ['interrupted', 'stopping', 'failed'] }) }],
    [
      'a single line on the way down in each of several domains',
      { 'require-all': true, domains: { a: { exec: [down] }, b: { exec: [down] } } },
    ],
    [
      'a receiver that is not told of starting',
      { domains: { mc: { notify: [{ ...receiver, matrix: { starting: { enabled: false } } }] } } },
    ],
    ['several lines on the way up', { domains: group({ lines: [line, line] }) }],
    ['exit codes without a range', { domains: group({ ec: [0, '1,2'] }) }],
    ['macros and doubled braces', { domains: group({ lines: [{ argv: ['{domain}', '{{}}'] }] }) }],
  ])('say nothing of %s [14.2]', (_what, config) => {
    expect(notesOn(config)).toHaveLength(1);
  });

  it.each<[string, object]>([
    ['ans-sqs', { mc: { notify: [{ ...receiver, backend: 'ans-sqs' }] } }],
    ['an event of earlier versions', group({ on: ['start'] })],
    ['an event of earlier versions in a matrix', { mc: { notify: [{ ...receiver, matrix: { stop: {} } }] } }],
    ['{ami-i}', group({ lines: [{ argv: ['{ami-i:0>2}'] }] })],
    ['least-recent-used', { mc: { 'attach-volume': [{ ...pool, 'pool-pref': 'least-recent-used' }] } }],
  ])('come where %s shows that it is one [14.1]', (_spelling, domains) => {
    expect(notesOf({ timeout: 20, domains })).toContainEqual(expect.stringContaining('timeout: takes effect now'));
  });

  it('do not come where nothing shows that it is one, nor where it names another schema [14.1]', () => {
    const domains = { mc: { notify: [{ ...receiver, backend: 'ans-sqs' }] } };

    expect(
      notesOf({ timeout: 20, domains: group({ user: 'stop', lines: [{ argv: ['systemctl', 'start', 'ans-sqs'] }] }) }),
    ).toEqual([]);
    expect(notesOf({ $schema: './ec2fleetd.schema.json', timeout: 20, domains })).toEqual([]);
  });

  it('wait until nothing is wrong [3.1]', () => {
    expect(notesOn({ timeout: 20, domains: { mc: { exec: [{ ec: 'none', lines: [line] }] } } })).toEqual([]);
  });

  /** Those on a configuration that names the old schema. */
  function notesOn(config: object): string[] {
    return notesOf({ $schema: 'http://schema.si-magic.com/fleet-init/json/userdata/0', ...config });
  }

  function notesOf(config: object): string[] {
    const { notes } = examineConfig(JSON.stringify(config, null, 1), 'f', { strict: false });
    return notes.map(({ path: at, message }) => `${at}: ${message}`);
  }
});

describe('docs/migrating.md', () => {
  const page = readFileSync(path.join(__dirname, '..', 'docs', 'migrating.md'), 'utf8');

  it('shows what validate says of its example, word for word [14.2]', () => {
    const [, text = '', shown = ''] = /```jsonc\n(.*?)```.*?```\n(.*?)```/s.exec(page) ?? [];
    const { notes, warnings } = examineConfig(text, 'old.jsonc', { strict: false });

    const lines = notes.map((note) => problemLine({ ...note, message: `note: ${note.message}` }));
    expect(shown.split('\n').slice(1, -2)).toEqual(lines.map((line) => `  ${line}`));
    expect(warnings).toEqual([]);
  });

  it('says how the notes end, and they do [14.1]', () => {
    const [, text = ''] = /```jsonc\n(.*?)```/s.exec(page) ?? [];
    const [, today = ''] = /`("\$schema": "[^"]+")`/.exec(page) ?? [];

    expect(examineConfig(text.replace(/"\$schema": "[^"]+"/, today), 'f', { strict: true }).notes).toEqual([]);
    expect(publishedSchema().$id).toBe(JSON.parse(`{${today}}`).$schema);
  });
});

describe('what stays as the old daemon had it', () => {
  it('the keys of tags [14.1]', () => {
    const keys = ['domain', 'pool-name', 'transc-id', 'ts-used', 'ts-created', 'in-transit'];

    expect(Object.values(volumeTags)).toEqual(expect.arrayContaining(keys.map((key) => `user:ec2fd.${key}`)));
  });

  it('the keys of a message, in their order, with a tab before each [4.4, 14.1]', () => {
    const keys = allJson({}).match(/^\t"\w+"/gm);

    expect(keys?.slice(0, 4)).toEqual(['\t"domain"', '\t"instance_id"', '\t"instance_type"', '\t"instance_index"']);
    expect(Object.values(JSON.parse(allJson({})))).toEqual(keys?.map(() => null));
  });

  it('an environment file that names a Python: the daemon starts all the same [2.2, 14.1]', async () => {
    await using lab = await startLab();
    const environment = {
      EC2FLEETD_PYTHON: '/usr/bin/python3.11',
      EC2FLEETD_DISABLE_ALL: '1',
      EC2FLEETD_TRANSC_ID: 'by-hand',
    };
    await using daemon = startDaemon(lab, { configuration: example('watch.jsonc'), environment });

    // With polling off it is a one-shot.
    expect(await daemon.ended).toMatchObject({ exitCode: 0 });
    expect(warningsOf(daemon.log)).toEqual([]);
  });

  it('the names of units, and that an environment file may be missing [11.5, 14.1]', () => {
    for (const unit of ['ec2fleetd.service', 'ec2fleetd@.service']) {
      const text = readFileSync(path.join(__dirname, '..', 'deploy', unit), 'utf8');
      expect(text).toContain('\nEnvironmentFile=-/etc/ec2fleetd/ec2fleetd.env\n');
    }
  });

  it('a TTL of -1 is refused, each place named [3.1, 14.1]', () => {
    const record = (name: string) => ({ hostedzone: 'Z0123456789EXAMPLE', name, ttl: -1 });
    const text = JSON.stringify({ domains: { mc: { 'update-route53': [record('a'), record('b')] } } }, null, 1);

    expect(problemsOf(text).map((problem) => problem.replace(/ .*/, ''))).toEqual(['f:8:13', 'f:13:13']);
  });

  function problemsOf(text: string): string[] {
    return examineConfig(text, 'f', { strict: false }).errors.map(problemLine);
  }

  function warningsOf(log: readonly { level: string; message: string }[]): string[] {
    return log.filter(({ level }) => level !== 'info').map(({ message }) => message);
  }
});

it('the daemon itself, which nobody reads while it boots, does not look for notes [14.2]', () => {
  expect(loadConfig(example('game-server.jsonc'), 'f', { strict: false })).not.toHaveProperty('notes');
});
