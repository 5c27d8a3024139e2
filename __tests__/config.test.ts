import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, problemLine } from '../config/errors.ts';
import { type Loaded, loadConfig } from '../config/load.ts';

describe('loading', () => {
  it('gives every key that may be left out its default [3.2, 3.3]', () => {
    const { config } = load({
      domains: {
        web: {
          'attach-volume': [{ device: '/dev/sdf', source: 'x', 'volume-id': 'vol-1' }],
          'update-route53': [{ hostedzone: 'Z1', name: 'a.example.com', ttl: 60 }],
          exec: [{ lines: [{ argv: ['/bin/true'] }] }],
          notify: [{ backend: 'aws-sns', options: { topic: 'arn' } }],
        },
      },
    });

    expect(config).toEqual({
      timeout: 600,
      'stop-timeout': 90,
      'require-all': false,
      'interrupt-detection': { detect: 'poll', options: { interval: 1, 'treat-as-interruption': [] } },
      domains: {
        web: {
          'attach-volume': [
            {
              critical: true,
              device: '/dev/sdf',
              source: 'x',
              'volume-id': 'vol-1',
              'pool-pref': 'spread',
              exec: [],
              release: [],
            },
          ],
          'update-route53': [
            {
              critical: true,
              hostedzone: 'Z1',
              name: 'a.example.com',
              ttl: 60,
              wait: 'none',
              set: 'simple',
              stale: 'warn',
              release: [],
            },
          ],
          exec: [{ ec: 0, lines: [{ argv: ['/bin/true'] }] }],
          notify: [{ backend: 'aws-sns', options: { topic: 'arn' }, envelope: {}, matrix: {} }],
        },
      },
    });
  });

  it.each(['', ' \n', '// nothing yet\n', '/* nothing */'])('takes %j for nothing to do [2.3]', (text) => {
    expect(loadText(text).config).toBeUndefined();
  });

  it('takes a configuration without domains: the daemon only polls [3.2]', () => {
    expect(load({ domains: {} }).config?.domains).toEqual({});
    expect(load({}).config?.domains).toEqual({});
  });

  it('reads comments and trailing commas [3.1]', () => {
    const { config } = loadText('\uFEFF{ // a\n "timeout": 5, /* b */\n "domains": {}, }');

    expect(config?.timeout).toBe(5);
  });

  it.each([
    ['both host-name keys', { hostname: 'a-{ami-i}', 'set-hostname': 'b' }],
    ['ec as a number', group({ ec: 3 })],
    ['ec as a list', group({ ec: [0, '7-9'] })],
    ['ec as null', group({ ec: null })],
    ['on as a string', group({ on: 'started' })],
    ['an earlier event name', group({ on: ['start', 'stop', 'fail', 'interrupt'] })],
    ['source as a list', volume({ source: ['x'] })],
    ['a name with trailing dot', record({ name: 'a.example.com.' })],
    ['the older SQS name', receiver({ backend: 'ans-sqs', options: { 'queue-url': 'QUEUE_URL' } })],
    ['an older pool preference', volume({ 'pool-pref': 'least-recent-used' })],
  ])('accepts %s [14.1]', (_, config) => {
    expect(() => load(config)).not.toThrow();
  });

  it.each(['/dev/sdf', 'sdf', '/dev/xvdf', '/dev/xvdba', '/dev/sdz', '/dev/sd{instance_index}'])(
    'accepts the device name %s [3.3]',
    (device) => {
      expect(() => load(volume({ device }))).not.toThrow();
    },
  );

  it.each([
    ['the shortest interval', { 'interrupt-detection': { options: { interval: 0.1 } } }],
    ['the longest interval', { 'interrupt-detection': { options: { interval: 30 } } }],
    ['a TTL of 0', record({ ttl: 0 })],
    ['the longest TTL', record({ ttl: 2_147_483_647 })],
    ['no patience at all', volume({ wait: 0 })],
    ['patience for the whole timeout', { timeout: 60, ...volume({ wait: 60 }) }],
    ['a pool for a volume that is created', volume({ source: 'xc', 'pool-name': 'p', create: { Size: 1 } })],
    [
      'both signs as a notice',
      { 'interrupt-detection': { options: { 'treat-as-interruption': ['rebalance', 'maintenance'] } } },
    ],
    [
      'macros in a device, an id and a pool',
      volume({ device: '/dev/{domain}', 'volume-id': '{domain}', source: 'xp', 'pool-name': '{domain}' }),
    ],
    ['any $schema', { $schema: 'no such thing' }],
  ])('takes %s without a word [3.2, 3.3]', (_, config) => {
    expect(load(config).warnings).toEqual([]);
  });

  it('never holds the form of ids, ARNs, URLs and regions against a configuration [3.2]', () => {
    const { warnings, awsForms } = load({
      domains: {
        web: {
          'attach-volume': [{ device: 'sdf', source: 'xc', 'volume-id': 'vol-N', create: { SnapshotId: 'oh snap!' } }],
          'update-route53': [{ hostedzone: 'zone', name: 'a', ttl: 1 }],
          notify: [{ backend: 'aws-sns', options: { region: 'REGION', topic: 'TOPIC_ARN' } }],
        },
      },
    });

    expect(warnings).toEqual([]);
    expect(awsForms.map((form) => form.path.replace('domains["web"].', ''))).toEqual([
      'attach-volume[0].volume-id',
      'attach-volume[0].create.SnapshotId',
      'update-route53[0].hostedzone',
      'notify[0].options.region',
      'notify[0].options.topic',
    ]);
  });

  it('finds nothing strange in well-formed ids, ARNs, URLs and regions [3.2]', () => {
    const { awsForms } = load({
      domains: {
        web: {
          'attach-volume': [
            { device: 'sdf', source: 'x', 'volume-id': 'vol-0123456789abcdef0' },
            { device: 'sdg', source: 'x', 'volume-id': '{instance_id}' },
          ],
          'update-route53': [{ hostedzone: '/hostedzone/Z0123456789ABCDEFGHIJ', name: 'a', ttl: 1 }],
          notify: [
            {
              backend: 'aws-sns',
              options: { region: 'us-gov-west-1', topic: 'arn:aws-cn:sns:cn-north-1:123456789012:a.fifo' },
            },
            { backend: 'aws-sqs', options: { 'queue-url': 'http://127.0.0.1:4100/123456789012/fleet' } },
          ],
        },
      },
    });

    expect(awsForms).toEqual([]);
  });
});

const compat = path.resolve(process.cwd(), '../shared/compat');
const oldFiles = existsSync(compat) ? readdirSync(compat).filter((file) => file.endsWith('.jsonc')) : [];

(oldFiles.length > 0 ? describe : describe.skip)('configurations of the old daemon', () => {
  const text = (file: string) => readFileSync(path.join(compat, file), 'utf8');

  it.each(oldFiles.filter((file) => file !== 'suite-1-userdata-b.jsonc'))(
    '%s loads without a warning [14.1]',
    (file) => {
      expect(loadConfig(text(file), file, { strict: true }).warnings).toEqual([]);
    },
  );

  it('a TTL of -1 is refused, each place named [14.1]', () => {
    expect(problemsOf(text('suite-1-userdata-b.jsonc'))).toEqual([
      'f:28:13 domains["B.test.ec2fleetd"].update-route53[0].ttl: expected a whole number of seconds from 0 to 2147483647, got -1.',
      'f:33:13 domains["B.test.ec2fleetd"].update-route53[1].ttl: expected a whole number of seconds from 0 to 2147483647, got -1.',
    ]);
  });
});

describe('problems', () => {
  it('come all at once, in file order, with line, column, path and what would be right [3.1]', () => {
    const text = `{
      "timeout": "10m",
      "domains": {
        "my-world.mc": {
          'attach-volume': [{ "device": "/dev/sda1", "source": "x" }],
          "update-route53": [{ "hostedzone": "Z1", "name": "a", "ttl": "60s" }],
          "exec": []
          "exec": []
        }
      }
    }`;

    expect(problemsOf(text)).toEqual([
      'f:2:18 timeout: expected a number of seconds, got "10m".',
      `f:5:11: unexpected "'". Strings and keys stand in double quotes: write "attach-volume".`,
      'f:5:41 domains["my-world.mc"].attach-volume[0].device: "/dev/sda1" is the root device. Use /dev/sdf to /dev/sdp.',
      'f:5:64 domains["my-world.mc"].attach-volume[0].source: source x needs "volume-id", which is missing.',
      'f:6:72 domains["my-world.mc"].update-route53[0].ttl: expected a whole number of seconds, got "60s".',
      'f:8:11: a comma is missing before this.',
      'f:8:11 domains["my-world.mc"].exec: "exec" is given twice, first in line 7. Keep one of them.',
    ]);
  });

  it.each([
    [
      'a number in quotes',
      record({ ttl: '60' }),
      'expected a whole number of seconds, got "60". Write 60 without quotes.',
    ],
    ['a fraction', record({ ttl: 1.5 }), 'expected a whole number of seconds, got 1.5.'],
    [
      'a TTL out of range',
      record({ ttl: 2 ** 31 }),
      'expected a whole number of seconds from 0 to 2147483647, got 2147483648.',
    ],
    [
      'a boolean in quotes',
      volume({ critical: 'true' }),
      'expected true or false, got "true". Write true without quotes.',
    ],
    ['a string without quotes', group({ env: { PORT: 1 } }), 'expected a string, got 1. Write "1".'],
    ['an empty name', record({ name: '' }), 'expected a string that is not empty, got "".'],
    [
      'an interval that is too long',
      { 'interrupt-detection': { options: { interval: 31 } } },
      'expected a number of seconds from 0.1 to 30, got 31.',
    ],
    [
      'an interval that is too short',
      { 'interrupt-detection': { options: { interval: 0 } } },
      'expected a number of seconds from 0.1 to 30, got 0.',
    ],
    [
      'an unknown event',
      group({ on: 'startd' }),
      'expected an event (starting, started, interrupted, stopping, failed, noticed, at-risk), got "startd". Did you mean "started"?',
    ],
    [
      'an event where a list is due',
      volume({ release: 'failed' }),
      'expected a list of events, for example ["interrupted"], got "failed". Write ["failed"].',
    ],
    [
      'a choice in capitals',
      record({ wait: 'INSYNC' }),
      'expected "none" or "insync", got "INSYNC". Did you mean "insync"?',
    ],
    [
      'a command line in one string',
      line({ argv: '/bin/echo hi' }),
      'expected a list of strings, program first, for example ["/usr/bin/systemctl", "start", "game"], got "/bin/echo hi".',
    ],
    [
      'no program',
      line({ argv: [] }),
      'expected a list of strings, program first, for example ["/usr/bin/systemctl", "start", "game"], got an empty list.',
    ],
    [
      'a NUL character',
      line({ argv: ['a\0b'] }),
      'has a NUL character (\\u0000) in it, which nothing takes. Remove it.',
    ],
    [
      'a missing device',
      volume({ device: undefined }),
      '"device" is missing. Add it, for example "device": "/dev/sdf".',
    ],
    ['null where nothing is meant', record({ name: null }), 'expected a string that is not empty, got null.'],
    [
      'a domain that is a file in another folder',
      { domains: { 'a/b': {} } },
      'is no name for a domain: it becomes a file name. Use 1 to 200 bytes without "/" and control characters.',
    ],
    [
      'a variable that cannot be set',
      group({ env: { 'A=B': '' } }),
      '"A=B" is no name for an environment variable. Use letters, digits and _.',
    ],
  ])('%s [3.1]', (_, config, message) => {
    expect(messagesOf(config)).toEqual([message]);
  });

  it.each([
    ['/dev/sda', '"/dev/sda" is the root device. Use /dev/sdf to /dev/sdp.'],
    ['/dev/sda1', '"/dev/sda1" is the root device. Use /dev/sdf to /dev/sdp.'],
    ['/dev/xvda', '"/dev/xvda" is the root device. Use /dev/sdf to /dev/sdp.'],
    ['/dev/sdf1', '"/dev/sdf1" names a partition. Write "/dev/sdf".'],
    [
      '/dev/nvme1n1',
      `"/dev/nvme1n1" is the kernel's name. Use /dev/sdf to /dev/sdp. Commands find the disk in {attached_device}.`,
    ],
    ['/dev/hdb', '"/dev/hdb" is no device name that EC2 takes. Use /dev/sdf to /dev/sdp.'],
    ['f', '"f" is no device name that EC2 takes. Use /dev/sdf to /dev/sdp.'],
  ])('device %s [3.3]', (device, message) => {
    expect(messagesOf(volume({ device }))).toEqual([message]);
  });

  it.each([
    ['', 'names no source. Write x (by id), p (from a pool) and c (created) in the order to try, for example "xp".'],
    ['xz', '"z" is no source. Write x (by id), p (from a pool) and c (created) in the order to try, for example "xp".'],
    ['xx', '"xx" names a source twice.'],
    ['xp', 'source p needs "pool-name", which is missing.'],
    ['xc', 'source c needs "create", which is missing.'],
  ])('source %j [3.3]', (source, message) => {
    expect(messagesOf(volume({ source }))).toEqual([message]);
  });

  it.each([
    ['a b', '"a b" is neither an exit code nor a range such as "0-1".'],
    ['', '"" is neither an exit code nor a range such as "0-1".'],
    ['5-3', 'the range "5-3" is empty. Write "3-5".'],
    [-1, '"-1" is neither an exit code nor a range such as "0-1".'],
    [256, '256 is no exit code. They go from 0 to 255.'],
    [[], 'an empty list lets no command succeed. Write 0, or null for no check.'],
  ])('ec %j [8.3]', (ec, message) => {
    expect(messagesOf(group({ ec }))).toEqual([message]);
    expect(messagesOf(line({ ec }))).toEqual([message]);
  });

  it.each([
    [true, 'expected exit codes, for example 0, [0, 3] or "0-1,142", or null, got true.'],
    [[[1]], 'expected a whole number or a string, got a list.'],
  ])('ec %j, of the wrong kind [3.1, 8.3]', (ec, message) => {
    expect(messagesOf(group({ ec }))).toEqual([message]);
  });

  it.each([
    ['source', volume({ source: ['z'] }), /^expected "x" or "p" or "c", got "z"\.$/],
    ['source', volume({ source: 1 }), /got 1\.$/],
    ['source in capitals', volume({ source: ['X'] }), /got "X"\. Did you mean "x"\?$/],
    ['release', volume({ release: ['never'] }), /^expected an event .*, got "never"\.$/],
    ['on', group({ on: ['never'] }), /^expected an event .*, got "never"\.$/],
    ['a volume', { domains: { web: { 'attach-volume': [[]] } } }, /^expected an object in braces/],
    ['on of a volume', volume({ exec: [{ on: [5], lines: [] }] }), /^expected an event .*, got 5\.$/],
    ['argv', line({ argv: [1, '{nobody}'] }), /^expected a string, got 1\. Write "1"\.$/],
  ])('a list with something wrong in it is told once: %s [3.1]', (_, config, message) => {
    expect(messagesOf(config)).toEqual([expect.stringMatching(message)]);
  });

  it.each([
    ['aws-sns', { 'queue-url': 'Q' }, 'backend aws-sns needs "topic", which is missing.'],
    ['aws-sqs', {}, 'backend aws-sqs needs "queue-url", which is missing.'],
    ['ans-sqs', {}, 'backend ans-sqs needs "queue-url", which is missing.'],
    ['sns', {}, 'expected "aws-sns" or "aws-sqs" or "ans-sqs", got "sns".'],
  ])('backend %s with %j [3.3]', (backend, options, message) => {
    expect(messagesOf(receiver({ backend, options }))).toEqual([message]);
  });

  it('a wait that cannot fit into the timeout [3.4]', () => {
    expect(messagesOf({ timeout: 60, ...volume({ wait: 61 }) })).toEqual([
      'waits 61 s, but "timeout" ends the way up after 60 s. Make it smaller, or "timeout" larger.',
    ]);
    expect(messagesOf(volume({ wait: 601 }))).toHaveLength(1);
    expect(() => load({ timeout: 60, ...volume({ wait: 60 }) })).not.toThrow();
  });

  it('a wrong value does not count as missing as well, nor as unused [3.1]', () => {
    expect(messagesOf(volume({ 'volume-id': 3 }))).toEqual(['expected a string that is not empty, got 3. Write "3".']);
    expect(thrown(JSON.stringify(volume({ 'pool-pref': 'best' })), { strict: false }, 'warnings')).toEqual([]);
  });

  it.each([
    ['a key', '{ "timeout": 5, "timeout": 5 }', 'timeout'],
    ['a domain', '{ "domains": { "a": {}, "a": {} } }', 'domains["a"]'],
    ['an event', inFile('"notify": [{ "matrix": { "stop": {}, "stop": {} } }]'), 'notify[0].matrix.stop'],
    ['a variable', inFile('"exec": [{ "lines": [], "env": { "A": "", "A": "" } }]'), 'exec[0].env.A'],
    [
      'a parameter of a new volume, however deep',
      inFile('"attach-volume": [{ "create": { "Operator": { "Principal": "", "Principal": "" } } }]'),
      'attach-volume[0].create.Operator.Principal',
    ],
    ['a key inside something unknown', inFile('"extra": [{ "a": 1, "a": 2 }]'), 'extra[0].a'],
  ])('%s given twice [3.1]', (_, text, place) => {
    const found = thrown(text, { strict: false }).filter(({ message }) => message.includes('twice'));

    expect(found.map(({ path }) => path.replace('domains["web"].', ''))).toEqual([place]);
    expect(found[0]?.message).toMatch(/^"\w+" is given twice, first in line 1\. Keep one of them\.$/);
  });

  it.each([
    [
      'a key of the schema',
      volume({ device: undefined, devise: 'sdf' }),
      'unknown key "devise". Did you mean "device"?',
    ],
    [
      'a key that a source needs',
      volume({ 'volume-id': undefined, volume_id: 'v' }),
      'unknown key "volume_id". Did you mean "volume-id"?',
    ],
    [
      'a key that a receiver needs',
      receiver({ options: { topics: 'T' } }),
      'unknown key "topics". Did you mean "topic"?',
    ],
  ])('%s that is missing because it is misspelt come with what was meant [3.1]', (_, config, hint) => {
    const text = JSON.stringify(config);

    expect(thrown(text, { strict: false })).toMatchObject([{ message: expect.stringContaining('missing') }]);
    expect(thrown(text, { strict: false }, 'warnings')).toMatchObject([{ message: hint }]);
  });
});

describe('two entries for one thing', () => {
  const volumes = (one: object, other: object) => ({
    domains: {
      a: { 'attach-volume': [{ device: 'sdf', source: 'x', 'volume-id': 'vol-1', ...one }] },
      b: { 'attach-volume': [{ device: 'sdg', source: 'x', 'volume-id': 'vol-2', ...other }] },
    },
  });
  const records = (one: object, other: object) => ({
    domains: { a: { 'update-route53': [one, other].map((entry) => ({ hostedzone: 'Z1', ttl: 60, ...entry })) } },
  });

  it('one device under two names, across domains, names both places [3.4]', () => {
    expect(problemsOf(JSON.stringify(volumes({ device: '/dev/xvdf' }, { device: 'sdf' }), null, 1))).toEqual([
      'f:15:16 domains["b"].attach-volume[0].device: "sdf" is the same device as in line 6 (domains["a"].attach-volume[0].device).',
    ]);
  });

  it.each([
    [
      'volume',
      volumes({ 'volume-id': 'vol-2' }, {}),
      '"vol-2" is the same volume as in line 1 (domains["a"].attach-volume[0].volume-id).',
    ],
    [
      'record, as Route 53 stores it',
      records({ name: 'A.example.com' }, { name: 'a.example.com.', hostedzone: '/hostedzone/Z1' }),
      '"a.example.com." is the same record as in line 1 (domains["a"].update-route53[0].name).',
    ],
  ])('one %s [3.4, 7.3]', (_, config, message) => {
    expect(messagesOf(config)).toEqual([message]);
  });

  it.each([
    ['a device whose macros show only later', volumes({ device: '/dev/sd{domain}' }, { device: '/dev/sd{domain}' })],
    ['a volume id that no source uses', volumes({ 'volume-id': 'vol-2', source: 'c', create: { Size: 1 } }, {})],
    ['a name in two zones', records({ name: 'a.example.com' }, { name: 'a.example.com', hostedzone: 'Z2' })],
    ['a name with macros', records({ name: '{domain}' }, { name: '{domain}' })],
  ])('%s is no problem at load [3.4]', (_, config) => {
    expect(() => load(config)).not.toThrow();
  });
});

describe('warnings', () => {
  it.each([
    ['an unknown key', volume({ devize: 1 }), 'unknown key "devize". Did you mean "device"?'],
    ['a key with two letters swapped', record({ tlt: 1 }), 'unknown key "tlt". Did you mean "ttl"?'],
    ['a key in another spelling', volume({ volumeId: 1 }), 'unknown key "volumeId". Did you mean "volume-id"?'],
    [
      'a key like nothing else',
      { foo: 1 },
      'unknown key "foo". Known here: $schema, set-hostname, hostname, timeout, stop-timeout, require-all, interrupt-detection, domains.',
    ],
    [
      'an unknown event of a matrix',
      receiver({ matrix: { stoping: {} } }),
      'unknown key "stoping". Did you mean "stopping"?',
    ],
    [
      'an unknown macro',
      line({ argv: ['a', '{atached_device}'] }),
      '{atached_device} is no macro and stays as it stands. Did you mean {attached_device}?',
    ],
    [
      'something else in braces',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: what shells write
      line({ argv: ['a', '${HOME}'] }),
      '{HOME} is no macro and stays as it stands. Write {{ and }} where braces are meant.',
    ],
  ])('%s is an error only when strict [3.1, 4.1]', (_, config, message) => {
    const text = JSON.stringify(config);

    expect(loadText(text).warnings.map((warning) => warning.message)).toEqual([message]);
    expect(problemsOf(text, { strict: true })).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ['set-hostname', (text: string) => ({ 'set-hostname': text })],
    ['hostname', (text: string) => ({ hostname: text })],
    ['argv', (text: string) => line({ argv: [text] })],
    ['env', (text: string) => group({ env: { A: text } })],
    ['record names', (text: string) => record({ name: text })],
    ['volume-id', (text: string) => volume({ 'volume-id': text })],
    ['pool-name', (text: string) => volume({ source: 'xp', 'pool-name': text })],
    ['device', (text: string) => volume({ device: `/dev/sd{domain}${text}` })],
    ['subject', (text: string) => receiver({ envelope: { subject: text } })],
    ['body', (text: string) => receiver({ envelope: { body: text } })],
  ])('macros are looked at in %s [4.1]', (_, config) => {
    expect(load(config('{nonsense}')).warnings).toHaveLength(1);
    expect(load(config('{instance_id:>20}')).warnings).toEqual([]);
  });

  it.each([
    ['two host names', { hostname: 'a', 'set-hostname': 'b' }, 'is not used: "set-hostname" is given, too, and wins.'],
    ['an id that no source asks for', created({ Size: 1 }), 'is not used: "source" has no x.'],
    ['parameters that no source asks for', volume({ create: { Size: 1 } }), 'is not used: "source" has no c.'],
    ['a pool that no source asks for', volume({ 'pool-name': 'a' }), 'is not used: "source" has neither p nor c.'],
    ['a choice without a pool', volume({ 'pool-pref': 'random' }), 'is not used: "source" has no p.'],
    [
      'a limit for waiting where nothing is waited for',
      { domains: { web: { 'attach-volume': [{ device: 'sdf', source: 'c', create: { Size: 1 }, wait: 5 }] } } },
      'is not used: "source" has neither x nor p.',
    ],
    [
      'a source behind the creation',
      volume({ source: 'cx', create: { Size: 1 } }),
      'source x is never tried: c in front of it creates a volume. Write c last.',
    ],
    ...['AvailabilityZone', 'AvailabilityZoneId', 'ClientToken', 'DryRun'].map(
      (name) =>
        [
          `${name} of a new volume`,
          volume({ source: 'xc', create: { Size: 1, [name]: 7 } }),
          'is overruled: the daemon sets it itself. Leave it out.',
        ] as const,
    ),
    [
      'a topic for a queue',
      receiver({ backend: 'aws-sqs', options: { 'queue-url': 'Q', topic: 'T' } }),
      'is not used by backend aws-sqs.',
    ],
    [
      'no event at all',
      group({ on: [] }),
      'names no event: these lines never run. Leave "on" out to run them at every event.',
    ],
    [
      'an event that a volume never sees',
      volume({ exec: [{ on: 'started', lines: [] }] }),
      'these lines never run: the commands of a volume run while its domain is "starting". Leave "on" out.',
    ],
    [
      'a file for a device',
      volume({ device: '/tmp/disk.img' }),
      '"/tmp/disk.img" is no device name that EC2 takes. Use /dev/sdf to /dev/sdp.',
    ],
  ])('%s is a warning, strict or not', (_, config, message) => {
    for (const strict of [false, true]) {
      const { warnings } = loadText(JSON.stringify(config), { strict });
      expect(warnings.map((warning) => warning.message)).toEqual([message]);
    }
  });
});

describe('the parameters of a new volume', () => {
  const messages = (create: object) => thrown(JSON.stringify(volume({ source: 'xc', create })), { strict: true });
  const text = (create: object) =>
    messages(create).map(({ path, message }) => `${path.split('.create')[1]} ${message}`);
  const tags = 'a list such as [{ "ResourceType": "volume", "Tags": [{ "Key": "Name", "Value": "worlds" }] }]';

  it('are all those of CreateVolume, in its own spelling [6.1]', () => {
    const create = {
      Encrypted: true,
      Iops: 3000,
      KmsKeyId: 'alias/worlds',
      MultiAttachEnabled: false,
      Operator: { Principal: 'example' },
      OutpostArn: 'arn:aws:outposts:eu-west-1:123456789012:outpost/op-1',
      Size: 8,
      SnapshotId: 'snap-0123456789abcdef0',
      TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'Name', Value: 'worlds' }, { Key: 'empty' }] }],
      Throughput: 125,
      VolumeInitializationRate: 100,
      VolumeType: 'gp3',
    };

    expect(load(volume({ source: 'xc', create })).warnings).toEqual([]);
    expect(messages(create)).toEqual([]);
  });

  it.each([{ Size: 8 }, { SnapshotId: 'snap-0123456789abcdef0' }, { SnapshotId: 'snap-0123456789abcdef0', Size: 8 }])(
    'may be %j alone [6.1]',
    (create) => {
      expect(messages(create)).toEqual([]);
    },
  );

  it.each([
    [{ size: 8, SnapshotId: 's' }, '.size CreateVolume takes no "size". Did you mean "Size"?'],
    [{ Size: 8, VolumeTipe: 'gp3' }, '.VolumeTipe CreateVolume takes no "VolumeTipe". Did you mean "VolumeType"?'],
    [
      { Size: 8, toString: 1 },
      expect.stringMatching(/^\.toString CreateVolume takes no "toString"\. It takes Encrypted, .*, VolumeType\.$/),
    ],
  ])('%j: an unknown one is an error when strict [2.1, 3.1]', (create, message) => {
    expect(text(create)).toEqual([message]);
  });

  it('are warned about where one is unknown [3.1]', () => {
    expect(load(volume({ source: 'xc', create: { Size: 8, Sise: 8 } })).warnings).toEqual([
      expect.objectContaining({ message: 'CreateVolume takes no "Sise". Did you mean "Size"?' }),
    ]);
  });

  it.each([
    [{ Size: '8' }, '.Size expected a whole number, got "8".'],
    [{ Size: 8.5 }, '.Size expected a whole number, got 8.5.'],
    [{ Size: null }, '.Size expected a whole number, got null.'],
    [{ Size: 8, Iops: true }, '.Iops expected a whole number, got true.'],
    [{ Size: 8, Throughput: '125' }, '.Throughput expected a whole number, got "125".'],
    [
      { Size: 8, VolumeInitializationRate: [] },
      '.VolumeInitializationRate expected a whole number, got an empty list.',
    ],
    [{ Size: 8, Encrypted: 'true' }, '.Encrypted expected true or false, got "true".'],
    [{ Size: 8, MultiAttachEnabled: 1 }, '.MultiAttachEnabled expected true or false, got 1.'],
    [{ SnapshotId: 7 }, '.SnapshotId expected a string, got 7.'],
    [{ Size: 8, VolumeType: {} }, '.VolumeType expected a string, got an object.'],
    [{ Size: 8, KmsKeyId: 7 }, '.KmsKeyId expected a string, got 7.'],
    [{ Size: 8, OutpostArn: 7 }, '.OutpostArn expected a string, got 7.'],
    [{ Size: 8, Operator: 'me' }, '.Operator expected an object in braces { }, got "me".'],
    [{ Size: 8, TagSpecifications: {} }, `.TagSpecifications expected ${tags}, got an object.`],
    [{ Size: 8, TagSpecifications: [{ Tags: [{ Value: 'x' }] }] }, `.TagSpecifications expected ${tags}, got a list.`],
    [
      { Size: 8, TagSpecifications: [{ Tags: [{ Key: 'a', Value: 1 }] }] },
      `.TagSpecifications expected ${tags}, got a list.`,
    ],
    [{ Size: 8, TagSpecifications: [{ ResourceType: 1 }] }, `.TagSpecifications expected ${tags}, got a list.`],
    [{ Size: 8, TagSpecifications: ['Name'] }, `.TagSpecifications expected ${tags}, got a list.`],
  ])('%j has another form than the API wants [3.1]', (create, message) => {
    expect(text(create)).toEqual([message]);
  });

  it('need a size or a snapshot [3.3]', () => {
    expect(text({ VolumeType: 'gp3' })).toEqual([
      ' has neither "Size" (in GiB) nor "SnapshotId"; CreateVolume needs one of them.',
    ]);
  });

  it('make no volume that several instances can attach: that is no claim [6.3]', () => {
    expect(text({ Size: 8, VolumeType: 'io2', Iops: 100, MultiAttachEnabled: true })).toEqual([
      '.MultiAttachEnabled attaching such a volume claims nothing, since others can attach it as well. Leave it out.',
    ]);
  });
});

describe('a release', () => {
  const entries = { volume, record };

  it.each([
    { what: 'volume', name: 'started' },
    { what: 'record', name: 'noticed' },
  ] as const)('of a $what at an event that gives nothing back is a warning [3.3]', ({ what, name }) => {
    const { warnings } = load(entries[what]({ release: ['interrupted', name] }));

    expect(warnings.map(({ message }) => message)).toEqual([
      `nothing is given back at "${name}". Write interrupted, stopping or failed.`,
    ]);
  });

  it.each(['interrupted', 'stopping', 'failed', 'stop'])('at %s is as it should be [3.3]', (name) => {
    expect(load(volume({ release: [name] })).warnings).toEqual([]);
  });
});

function load(config: object): Loaded {
  return loadText(JSON.stringify(config));
}

function loadText(text: string, options = { strict: false }): Loaded {
  return loadConfig(text, 'f', options);
}

function problemsOf(text: string, options = { strict: false }): string[] {
  return thrown(text, options).map(problemLine);
}

function messagesOf(config: object): string[] {
  return thrown(JSON.stringify(config), { strict: false }).map(({ message }) => message);
}

function thrown(text: string, options: { strict: boolean }, which: 'problems' | 'warnings' = 'problems') {
  try {
    loadText(text, options);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error[which];
    throw error;
  }
}

/** A domain as a piece of a file, where its keys count. */
function inFile(keys: string): string {
  return `{ "domains": { "web": { ${keys} } } }`;
}

function volume(fields: object): object {
  const entry = { device: '/dev/sdf', source: 'x', 'volume-id': 'vol-0123456789abcdef0', ...fields };
  return { domains: { web: { 'attach-volume': [entry] } } };
}

/** An entry that creates its volume. */
function created(create: object): object {
  return volume({ source: 'c', create });
}

function record(fields: object): object {
  return { domains: { web: { 'update-route53': [{ hostedzone: 'Z1', name: 'a.example.com', ttl: 60, ...fields }] } } };
}

function group(fields: object): object {
  return { domains: { web: { exec: [{ lines: [], ...fields }] } } };
}

function line(fields: object): object {
  return group({ lines: [{ argv: ['/bin/true'], ...fields }] });
}

function receiver(fields: object): object {
  return { domains: { web: { notify: [{ backend: 'aws-sns', options: { topic: 'T' }, ...fields }] } } };
}
