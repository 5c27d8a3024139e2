/**
 * The configuration, once: types, defaults, checks, the published JSON Schema and the reference page all come from here
 * (behaviour.md 3.2). Beside JSON Schema's own words a field may carry:
 *
 * - `unit`: what its number counts, for the reference page;
 * - `expected`: what a person should write, for the sentence that a wrong value gets ("expected …, got …");
 * - `title`: the heading of an object with a section of its own in the reference page;
 * - `macros`: true where `{name}` is replaced (4.1).
 *
 * A field with a `default` may be left out of a file and is always there once loaded.
 */
import * as Type from 'typebox';
import { eventAliases, eventNames } from './events.ts';

/** Longer than any life of a Spot instance's step, and short enough for every timer (they end at 24.8 days). */
const WEEK_S = 604_800;

const anyEvent = [...eventNames, ...(Object.keys(eventAliases) as (keyof typeof eventAliases)[])] as const;

const anEvent = Type.Enum([...anyEvent], {
  title: 'Event',
  expected: `an event (${eventNames.join(', ')})`,
  description: "When something happens in a domain's life.",
});

const seconds = <Options extends Type.TSchemaOptions>(options: Options) =>
  Type.Number({ unit: 'seconds', expected: 'a number of seconds', minimum: 0.1, maximum: WEEK_S, ...options });

const text = <Options extends Type.TSchemaOptions>(options: Options) =>
  Type.String({ minLength: 1, expected: 'a string that is not empty', ...options });

/** A map from names to values. (`Type.Record` does the same and brings 40 KB of type evaluation with it.) */
const mapOf = <Value extends Type.TSchema>(additionalProperties: Value, options: Type.TSchemaOptions) =>
  Type.Unsafe<Record<string, Type.Static<Value>>>({ type: 'object', additionalProperties, ...options });

const critical = Type.Boolean({
  default: true,
  examples: [false],
  description:
    'Whether the domain fails when this cannot be had. `false`: it goes on without it, and says so in log, status and `{error}`.',
});

const release = (description: string) =>
  Type.Array(anEvent, {
    default: [],
    expected: 'a list of events, for example ["interrupted"]',
    examples: [['interrupted', 'stopping']],
    description: `Events (\`interrupted\`, \`stopping\`, \`failed\`) after whose commands ${description}`,
  });

const exitCodes = Type.Union(
  [Type.Integer(), Type.Array(Type.Union([Type.Integer(), Type.String()])), Type.String(), Type.Null()],
  {
    expected: 'exit codes, for example 0, [0, 3] or "0-1,142", or null',
    examples: ['0-1,142'],
    description:
      'Exit codes that count as success: a number, a list, or a string of numbers and ranges, both ends included. `null` switches the check off. A signal n counts as 128 + n.',
  },
);

const inherited = {
  timeout: Type.Optional(
    seconds({
      examples: [30],
      description:
        'Limit for one line. Its process group gets SIGTERM 5 s before (a third of the limit, if that is less) and SIGKILL at it. Absent: what is left of the time of the event.',
    }),
  ),
  env: Type.Optional(
    mapOf(Type.String({ macros: true }), {
      expected: 'an object of strings, for example { "LANG": "C" }',
      examples: [{ WORLD: '{domain}' }],
      description:
        'Environment variables on top of the inherited ones. Those of a line are added to those of its group.',
    }),
  ),
  cwd: Type.Optional(
    text({ examples: ['/srv/minecraft'], description: 'Working directory. Absent: that of the daemon.' }),
  ),
  user: Type.Optional(
    text({
      examples: ['minecraft'],
      description: 'User to run as, with its groups and without ours. Absent: the user of the daemon, mostly root.',
    }),
  ),
};

const execLine = Type.Object(
  {
    argv: Type.Array(Type.String({ macros: true }), {
      minItems: 1,
      expected: 'a list of strings, program first, for example ["/usr/bin/systemctl", "start", "game"]',
      examples: [['/usr/local/bin/save-world', '{domain}', '{seconds_left}']],
      description: 'Program and arguments, executed as they are. No shell reads them.',
    }),
    ec: Type.Optional(Type.Union(exitCodes.anyOf, { ...exitCodes, description: 'Overrides the `ec` of the group.' })),
    ...inherited,
  },
  { title: 'Line', description: 'One command.' },
);

const execGroup = Type.Object(
  {
    on: Type.Optional(
      Type.Union([anEvent, Type.Array(anEvent)], {
        expected: 'an event or a list of events, for example ["started"]',
        examples: [['started'], 'interrupted'],
        description:
          "Events to run for. Absent: `starting`, `started`, `interrupted`, `stopping` and `failed`, and in a volume's `exec` always. Within one event, groups without `on` run before those that name it.",
      }),
    ),
    ec: Type.Union(exitCodes.anyOf, { ...exitCodes, default: 0 }),
    ...inherited,
    lines: Type.Array(execLine, {
      expected: 'a list of lines, for example [ { "argv": ["/bin/true"] } ]',
      examples: [[{ argv: ['/usr/bin/systemctl', 'start', 'minecraft'] }]],
      description:
        'Commands, run one after the other. A line has its `argv`, and may override every key of the group but `on`.',
    }),
  },
  { title: 'Exec group', description: 'Commands that run for the same events.' },
);

const execGroups = <Options extends Type.TSchemaOptions>(options: Options) =>
  Type.Array(execGroup, {
    default: [],
    expected: 'a list of groups, for example [ { "lines": [ { "argv": ["/bin/true"] } ] } ]',
    ...options,
  });

const volume = Type.Object(
  {
    critical,
    device: text({
      macros: true,
      expected: 'a device name such as "/dev/sdf"',
      examples: ['/dev/sdf'],
      description:
        'Name to attach the volume at, `/dev/sdf` to `/dev/sdp`; `sdf` and `xvdf` are one. The disk may show under another name; commands find it in `{attached_device}`.',
    }),
    source: Type.Union([Type.String(), Type.Array(Type.Enum(['x', 'p', 'c']))], {
      expected: 'the letters x, p and c, for example "xp" or ["x", "p"]',
      examples: ['x', 'pc'],
      description:
        'Where the volume comes from: `x` the volume `volume-id`, `p` a free one of the pool `pool-name`, `c` a new one by `create`. Several are tried in the order written: `xpc`.',
    }),
    'volume-id': Type.Optional(
      text({ macros: true, examples: ['vol-0123456789abcdef0'], description: 'The volume for source `x`.' }),
    ),
    'pool-name': Type.Optional(
      text({
        macros: true,
        examples: ['worlds'],
        description:
          'The pool for source `p`: volumes tagged `user:ec2fd.domain` = domain and `user:ec2fd.pool-name` = this name. With source `c`, the pool that a new volume joins.',
      }),
    ),
    'pool-pref': Type.Enum(
      ['spread', 'index', 'random', 'most-recently-used', 'least-recently-used', 'least-recent-used'],
      {
        default: 'spread',
        examples: ['most-recently-used'],
        description:
          'Which free volume of the pool is tried first. `spread` keeps instances that boot at once from trying the same one; `index` goes by launch index, as the old daemon did. `least-recent-used` is an older spelling.',
      },
    ),
    create: Type.Optional(
      mapOf(Type.Unknown(), {
        expected: 'an object of CreateVolume parameters, for example { "Size": 10, "VolumeType": "gp3" }',
        examples: [{ SnapshotId: 'snap-0123456789abcdef0', VolumeType: 'gp3' }],
        description:
          "Parameters of EC2's CreateVolume for source `c`, in the API's own spelling; `Size` (in GiB) or `SnapshotId` is needed. Zone and tags are added.",
      }),
    ),
    wait: Type.Optional(
      seconds({
        minimum: 0,
        examples: [120],
        description:
          'How long to wait, over all sources, for a volume that another instance holds. Absent: what is left of `timeout` (of an entry that is not critical: a quarter of it); not at all for a pool with `c` behind it. Must fit into `timeout`.',
      }),
    ),
    exec: execGroups({
      examples: [[{ lines: [{ argv: ['/usr/local/bin/mount-world', '{attached_device}', '{attach_op}'] }] }]],
      description:
        'Commands to run once the device of this volume is there, before the domain is started: to format it where `{attach_op}` is `true` and it is empty, and to mount it.',
    }),
    release: release(
      'the volume is unmounted and detached, never by force. Without any, it stays attached until EC2 ends the instance.',
    ),
  },
  { title: 'Volume', description: 'A volume to attach.' },
);

const record = Type.Object(
  {
    critical,
    hostedzone: text({
      examples: ['Z0123456789ABCDEFGHIJ'],
      description: 'Id of the Route 53 hosted zone, not its name.',
    }),
    name: text({
      macros: true,
      examples: ['mc.example.com'],
      description:
        'Record name, with or without trailing dot. It gets an A and an AAAA record, as far as the instance has public addresses.',
    }),
    ttl: Type.Integer({
      unit: 'seconds',
      expected: 'a whole number of seconds',
      minimum: 0,
      maximum: 2_147_483_647,
      examples: [60],
      description: 'How long resolvers may keep an answer. Keep it short: the next instance has another address.',
    }),
    wait: Type.Enum(['none', 'insync'], {
      default: 'none',
      examples: ['insync'],
      description:
        '`insync`: the domain is not started before all name servers of Route 53 have the change, mostly within a minute. Needs `route53:GetChange`.',
    }),
    set: Type.Enum(['simple', 'multivalue'], {
      default: 'simple',
      examples: ['multivalue'],
      description:
        '`multivalue` gives each instance a record of its own under one name, and clients get up to eight of them. The name must have no simple record.',
    }),
    stale: Type.Enum(['warn', 'delete'], {
      default: 'warn',
      examples: ['delete'],
      description:
        "What to do with a predecessor's A or AAAA record where this instance has no such address, which leads clients astray: warn of it, or delete it.",
    }),
    release: release(
      'the record is withdrawn, if it still points here. Without any, it stays until the next instance writes it.',
    ),
  },
  { title: 'Record', description: 'A DNS record that points at the instance.' },
);

const matrixEntry = Type.Optional(
  Type.Object(
    { enabled: Type.Boolean({ default: true, examples: [false], description: 'Whether the event is told.' }) },
    { expected: 'an object, for example { "enabled": false }', description: 'Whether the event is told.' },
  ),
);

const notify = Type.Object(
  {
    backend: Type.Enum(['aws-sns', 'aws-sqs', 'ans-sqs'], {
      examples: ['aws-sns'],
      description: 'Where messages go: to an SNS topic or an SQS queue. `ans-sqs` is an older spelling of `aws-sqs`.',
    }),
    options: Type.Object(
      {
        region: Type.Optional(
          text({
            examples: ['eu-west-1'],
            description:
              'Region of the topic or queue. Absent: the one that its ARN or URL names, else that of the instance.',
          }),
        ),
        topic: Type.Optional(
          text({ examples: ['arn:aws:sns:eu-west-1:123456789012:fleet'], description: 'Topic ARN, for `aws-sns`.' }),
        ),
        'queue-url': Type.Optional(
          text({
            examples: ['https://sqs.eu-west-1.amazonaws.com/123456789012/fleet'],
            description: 'Queue URL, for `aws-sqs`.',
          }),
        ),
      },
      {
        expected: 'an object, for example { "topic": "arn:aws:sns:…" }',
        examples: [{ topic: 'arn:aws:sns:eu-west-1:123456789012:fleet' }],
        description: 'Which topic or queue.',
      },
    ),
    envelope: Type.Object(
      {
        subject: Type.Optional(
          Type.String({
            macros: true,
            examples: ['{domain}: {daemon_state}'],
            description:
              'Subject of a message, cut to 99 printable ASCII characters. Absent: `Fleetd {domain} on {instance_id} state changed to [{daemon_state}]`.',
          }),
        ),
        body: Type.Optional(
          Type.String({
            macros: true,
            examples: ['{all_json}'],
            description: 'Body of a message. Absent: `{all_json}`, an object with every macro.',
          }),
        ),
      },
      { default: {}, examples: [{ subject: '{domain}: {daemon_state}' }], description: 'What a message says.' },
    ),
    matrix: Type.Object(
      Object.fromEntries(anyEvent.map((event) => [event, matrixEntry])) as Record<
        (typeof anyEvent)[number],
        typeof matrixEntry
      >,
      {
        default: {},
        expected: 'an object of events, for example { "stopping": { "enabled": false } }',
        examples: [{ stopping: { enabled: false }, 'at-risk': { enabled: true } }],
        description:
          'Events to tell or not to tell. One that is not named is told if it is `started`, `interrupted`, `stopping` or `failed`, and not if it is `starting`, `noticed` or `at-risk`.',
      },
    ),
  },
  { title: 'Receiver', description: 'Somebody to tell about events: one message for each event and run.' },
);

const domain = Type.Object(
  {
    'attach-volume': Type.Array(volume, {
      default: [],
      expected: 'a list of volumes in brackets [ ]',
      examples: [[{ device: '/dev/sdf', source: 'x', 'volume-id': 'vol-0123456789abcdef0' }]],
      description: 'Volumes to attach. They attach at the same time; their commands run in the order written.',
    }),
    'update-route53': Type.Array(record, {
      default: [],
      expected: 'a list of records in brackets [ ]',
      examples: [[{ hostedzone: 'Z0123456789ABCDEFGHIJ', name: 'mc.example.com', ttl: 60 }]],
      description: 'DNS records to point at the instance, once the volumes are there.',
    }),
    exec: execGroups({
      examples: [[{ on: 'started', lines: [{ argv: ['/usr/bin/systemctl', 'start', 'minecraft'] }] }]],
      description: "Commands to run at the domain's events, in the order written.",
    }),
    notify: Type.Array(notify, {
      default: [],
      expected: 'a list of receivers in brackets [ ]',
      examples: [[{ backend: 'aws-sns', options: { topic: 'arn:aws:sns:eu-west-1:123456789012:fleet' } }]],
      description: "Who is told about the domain's events.",
    }),
  },
  { title: 'Domain', description: 'One application on the instance.' },
);

const hostName = (description: string) =>
  Type.Optional(text({ macros: true, examples: ['mc-{instance_index:0>2}.example.com'], description }));

const interruptDetection = Type.Object(
  {
    detect: Type.Enum(['poll'], {
      default: 'poll',
      examples: ['poll'],
      description: 'How notices are found. Looking at the instance metadata again and again is the only way there is.',
    }),
    options: Type.Object(
      {
        interval: seconds({
          minimum: 0.1,
          maximum: 30,
          default: 1,
          examples: [1],
          description:
            'Time between two looks at the instance metadata. The longer it is, the later a notice may be seen, and there are only two minutes.',
        }),
        'treat-as-interruption': Type.Array(Type.Enum(['rebalance', 'maintenance']), {
          default: [],
          expected: 'a list of "rebalance" and "maintenance"',
          examples: [['rebalance']],
          description:
            'Early signs, a rebalance recommendation or scheduled maintenance, that are taken as a notice with 120 s left. Without, they are the event `at-risk` and change nothing.',
        }),
      },
      { default: {}, examples: [{ interval: 2 }], description: 'How to look.' },
    ),
  },
  { default: {}, examples: [{ options: { interval: 2 } }], description: 'How interruption notices are found.' },
);

/** The whole configuration file. */
export const configSchema = Type.Object(
  {
    $schema: Type.Optional(
      Type.String({ examples: ['./configuration.schema.json'], description: 'For editors. Ignored by the daemon.' }),
    ),
    'set-hostname': hostName(
      "Transient host name, set first thing, before any domain's commands. A failure is reported, not fatal.",
    ),
    hostname: hostName('Another spelling of `set-hostname`, which wins where both are given.'),
    timeout: seconds({
      default: 600,
      examples: [300],
      description:
        "Limit for a domain's way up, to the end of its last `started` command. A domain that is not through by then fails.",
    }),
    'stop-timeout': seconds({
      default: 90,
      examples: [60],
      description:
        'Limit for the way down after SIGTERM, and for `failed` commands. `TimeoutStopSec` of the systemd unit (150) has to be longer.',
    }),
    'require-all': Type.Boolean({
      default: false,
      examples: [true],
      description:
        '`true`: one domain that fails on its way up fails all, before any `started` command; those that stand wait for the others.',
    }),
    'interrupt-detection': interruptDetection,
    domains: mapOf(domain, {
      default: {},
      expected: 'an object of domains, for example { "mc.example.com": { … } }',
      examples: [{ 'mc.example.com': {} }],
      description:
        'The applications on this instance, by name: 1 to 200 bytes without "/", since files are called so, too. Without any, the daemon only watches for notices.',
    }),
  },
  {
    expected: 'an object in braces { }',
    title: 'The file',
    description: 'The configuration of ec2fleetd.',
  },
);

/** A loaded configuration: checked, with defaults, in the file's own key spelling and with macros not yet expanded. */
export type Config = Type.Static<typeof configSchema>;
/** One application on the instance. */
export type DomainConfig = Type.Static<typeof domain>;
/** An entry of `attach-volume`. */
export type VolumeConfig = Type.Static<typeof volume>;
/** An entry of `update-route53`. */
export type RecordConfig = Type.Static<typeof record>;
/** An entry of an `exec`. */
export type ExecGroup = Type.Static<typeof execGroup>;
/** One command of an {@link ExecGroup}. */
export type ExecLine = Type.Static<typeof execLine>;
/** An entry of `notify`. */
export type NotifyConfig = Type.Static<typeof notify>;
/** Every accepted form of `ec`. */
export type ExitCodeSpec = Type.Static<typeof exitCodes>;
