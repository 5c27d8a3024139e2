import {
  allJson,
  defaultBody,
  defaultSubject,
  expand,
  hasMacros,
  type MacroValues,
  macroEnvironment,
  macroNames,
  macroResult,
  unknownMacros,
} from '../config/macros.ts';

const call = {
  platform: 'aws',
  domain: 'web',
  method: 'attach_volume',
  param: { Device: '/dev/sdf' },
  dry: false,
} as const;
const result = macroResult({
  argv: ['/bin/save', 'a "b"'],
  exitCode: 0,
  signal: null,
  durationMs: 12,
  outputTail: 'ok\n',
  succeeded: true,
});
const values: MacroValues = {
  domain: 'my-world.mc',
  instance_id: 'i-0123456789abcdef0',
  instance_index: 7,
  public_ipv4_list: ['192.0.2.1', '192.0.2.2'],
  static_dns_rr: [],
  attach_op: false,
  daemon_state: 'at-risk',
  error: [['attach-volume[0]', 'gone']],
  transaction_log: [call],
  results: [result],
};

describe('a macro', () => {
  it.each([
    ['{domain}', 'my-world.mc'],
    ['<{domain}|{instance_id}>', '<my-world.mc|i-0123456789abcdef0>'],
    ['{instance_index}', '7'],
    ['{ami-i}', '7'],
    ['{attach_op}', 'false'],
    ['{daemon_state}', 'at-risk'],
    ['{public_ipv4_list}', '192.0.2.1, 192.0.2.2'],
    ['{static_dns_rr}', ''],
    ['[{volume_id}{interrupt_time}{seconds_left}]', '[]'],
  ])('%s becomes %j [4.1, 4.2]', (template, text) => {
    expect(expand(template, values)).toBe(text);
  });

  it.each([
    ['{error}', [['attach-volume[0]', 'gone']]],
    ['{transaction_log}', [call]],
    ['{results}', [result]],
  ])('%s is JSON text [4.3]', (template, value) => {
    expect(JSON.parse(expand(template, values))).toEqual(value);
  });

  it.each([
    ['{instance_index:0>3}', '007'],
    ['{ami-i:0>3}', '007'],
    ['{instance_index:03}', '007'],
    ['{instance_index:3}', '  7'],
    ['{instance_index:<3}', '7  '],
    ['{instance_index:-^6}', '--7---'],
    ['{instance_index:}', '7'],
    ['{domain:13}|', 'my-world.mc  |'],
    ['{domain:>13}', '  my-world.mc'],
    ['{domain:3}', 'my-world.mc'],
    ['{volume_id:*<3}', '***'],
    ['{instance_index:<>3}', '<<7'],
    ['{instance_index:🎲>3}', '🎲🎲7'],
  ])('takes fill, alignment and width: %s becomes %j [4.1]', (template, text) => {
    expect(expand(template, values)).toBe(text);
  });

  it('counts characters for the width, not halves of them [4.1]', () => {
    expect(expand('[{domain:4}]', { domain: '🎲🎲' })).toBe('[🎲🎲  ]');
  });

  it('puts values in as they are, whatever braces they hold [4.1]', () => {
    expect(expand('{domain} {cwd}', { domain: '{instance_id} {{x}}', cwd: '}}', instance_id: 'i-1' })).toBe(
      '{instance_id} {{x}} }}',
    );
  });
});

describe('braces', () => {
  it.each([
    ['{{domain}}', '{domain}'],
    ['{{{domain}}}', '{my-world.mc}'],
    ['}}', '}'],
    ['{{', '{'],
    ['{{ {{ }} }}', '{ { } }'],
    ['{"a": "{{x}}", "b": "{domain}"}', '{"a": "{x}", "b": "my-world.mc"}'],
    ['{{"a": {{"b": "{domain}"}}}}', '{"a": {"b": "my-world.mc"}}'],
  ])('doubled are single: %s becomes %s [4.1]', (template, text) => {
    expect(expand(template, values)).toBe(text);
  });

  it.each([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what shells write
    '${HOME}',
    '{}',
    '{ domain }',
    '{Domain}',
    '{constructor}',
    '{domain:x}',
    '{domain:=5}',
    '{domain:>9999}',
    '{"a": 1}',
    '{"a":{"b":{"c":{}}}}',
    '{"a":[{"b":1},{"c":{"d":2}}]}',
    '{',
    '}',
    '{domain',
    'domain}',
    "awk '{ if ($1) { print } }'",
  ])('around anything else stay as they stand: %s [4.1]', (template) => {
    expect(expand(template, values)).toBe(template);
  });

  it('around a macro inside of inline JSON do not keep it from being replaced [4.1]', () => {
    expect(expand('{"a":{"b":"{domain}"}}', values)).toBe('{"a":{"b":"my-world.mc"}}');
  });
});

describe('what is no macro', () => {
  it.each([
    ['{instance-id}', [{ name: 'instance-id', offset: 0, nearest: 'instance_id' }]],
    ['a {atached_device} b', [{ name: 'atached_device', offset: 2, nearest: 'attached_device' }]],
    ['{domian:>5}', [{ name: 'domian:>5', offset: 0, nearest: 'domain' }]],
    ['{domain:x}', [{ name: 'domain:x', offset: 0, nearest: 'domain' }]],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what shells write
    ['${HOME}', [{ name: 'HOME', offset: 1 }]],
    [
      '{a}{b}',
      [
        { name: 'a', offset: 0 },
        { name: 'b', offset: 3 },
      ],
    ],
    ['{domain}{ami-i}{{x}}{', []],
  ])('is listed with the nearest known one: %s [4.1]', (template, unknown) => {
    expect(unknownMacros(template)).toEqual(unknown);
  });

  it('does not make a text wait for run time', () => {
    expect(['{domain}', '{ami-i:3}'].map(hasMacros)).toEqual([true, true]);
    expect(['domain', '{x}', '{{domain}}'].map(hasMacros)).toEqual([false, false, false]);
  });

  it.each(['{', '}', '{a', '{{', '{}', '{domain:', '{"a":'])(
    'takes linear time: %s a hundred thousand times',
    (part) => {
      const before = performance.now();

      expand(part.repeat(100_000), values);

      expect(performance.now() - before).toBeLessThan(1_000);
    },
  );
});

describe('{all_json}', () => {
  it('is a tab-indented object with every other macro, absent ones null [4.4]', () => {
    const text = expand('{all_json}', values);
    const object = JSON.parse(text);

    expect(text).toBe(allJson(values));
    expect(text).toBe(JSON.stringify(object, null, '\t'));
    expect(Object.keys(object)).toEqual(macroNames.filter((name) => name !== 'all_json'));
    expect(object).toMatchObject({ domain: 'my-world.mc', instance_index: 7, attach_op: false, volume_id: null });
  });

  it('shows errors, calls and results as structures [4.4]', () => {
    expect(JSON.parse(allJson(values))).toMatchObject({
      error: [['attach-volume[0]', 'gone']],
      transaction_log: [call],
      results: [{ argv: ['/bin/save', 'a "b"'], exit_code: 0, signal: null, duration_ms: 12, output_tail: 'ok\n' }],
    });
  });

  it('shows the signal that ended a command, and why it failed [4.4]', () => {
    const ended = macroResult({
      argv: ['/bin/save'],
      exitCode: null,
      signal: 'SIGKILL',
      durationMs: 5_000,
      outputTail: '',
      succeeded: false,
      problem: 'ran out of time',
    });

    expect(JSON.parse(allJson({ results: [ended] })).results).toEqual([
      {
        argv: ['/bin/save'],
        exit_code: null,
        signal: 'SIGKILL',
        duration_ms: 5_000,
        output_tail: '',
        succeeded: false,
        problem: 'ran out of time',
      },
    ]);
  });

  it('says first of all that it is a test, if it is one [10.6]', () => {
    expect(Object.entries(JSON.parse(allJson({ test: true })))[0]).toEqual(['test', true]);
    expect(JSON.parse(allJson({}))).not.toHaveProperty('test');
  });

  it('is the default body [4.4]', () => {
    expect(defaultBody).toBe('{all_json}');
  });
});

it('the default subject names domain, instance and event [4.5]', () => {
  expect(expand(defaultSubject, values)).toBe('Fleetd my-world.mc on i-0123456789abcdef0 state changed to [at-risk]');
});

describe('the environment of commands', () => {
  it('has every macro but those that may be longer than the kernel takes [8.6]', () => {
    const environment = macroEnvironment(values);

    expect(environment).toMatchObject({
      EC2FLEETD_DOMAIN: 'my-world.mc',
      EC2FLEETD_INSTANCE_INDEX: '7',
      EC2FLEETD_ATTACH_OP: 'false',
      EC2FLEETD_PUBLIC_IPV4_LIST: '192.0.2.1, 192.0.2.2',
      EC2FLEETD_VOLUME_ID: '',
    });
    const long = ['all_json', 'transaction_log', 'error', 'results'];
    expect(Object.keys(environment)).toEqual(
      macroNames.filter((name) => !long.includes(name)).map((name) => `EC2FLEETD_${name.toUpperCase()}`),
    );
  });
});
