/**
 * The default body of messages, `{all_json}`, as an interface (behaviour.md 4.4): the published JSON Schema and the page of macros
 * are made from here. Not part of the running daemon. Beside JSON Schema's own words a key carries:
 *
 * - `examples`: the first one is shown in the page;
 * - `where`: in which texts its macro stands for something.
 */
import * as Type from 'typebox';
import { eventNames } from './events.ts';
import type { MacroName } from './macros.ts';

/**
 * Where a macro stands for something: `instance`, everywhere; `domain`, wherever a domain is at hand, so not in host names;
 * `occasion`, in commands and messages; `volume`, in a volume's own commands alone.
 */
export type MacroPlace = 'instance' | 'domain' | 'occasion' | 'volume';

interface KeyWords {
  description: string;
  examples: readonly [unknown];
  where: MacroPlace;
}

/** A schema with the words of its key; TypeBox's own types forget them. */
const key = <Schema extends Type.TSchema>(schema: Schema, words: KeyWords): Schema & KeyWords =>
  Object.assign(schema, words);

const orNull = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

const call = Type.Object({
  platform: Type.Enum(['aws'], { description: 'Whose API it is.' }),
  domain: Type.String({ description: 'The domain that it was made for.' }),
  method: Type.String({ pattern: '^[a-z][a-z0-9_]*$', description: 'In snake_case, for example `attach_volume`.' }),
  param: Type.Unknown({ description: "The call's parameters in the API's own spelling." }),
  dry: Type.Boolean({ description: '`true`: only noted and not made, since init is switched off.' }),
});

const result = Type.Object({
  argv: Type.Array(Type.String(), { description: 'The command line, macros expanded.' }),
  exit_code: Type.Union([Type.Integer(), Type.Null()], {
    description: '`null` when a signal ended it or it could not be started.',
  }),
  signal: Type.Union([Type.String(), Type.Null()], { description: 'The signal that ended it, for example `SIGTERM`.' }),
  duration_ms: Type.Number({ minimum: 0, description: 'How long it ran, in milliseconds.' }),
  output_tail: Type.String({ description: 'The last 4 KiB of its output.' }),
  succeeded: Type.Boolean({ description: 'Whether it counts as a success by its `ec`.' }),
  problem: Type.Optional(
    Type.String({ description: 'Why it failed, when the exit code does not say. Absent otherwise.' }),
  ),
});

const exampleResult = {
  argv: ['/usr/local/bin/save-world'],
  exit_code: 0,
  signal: null,
  duration_ms: 1520,
  output_tail: 'saved\n',
  succeeded: true,
};

/** Every macro but `all_json`, by name; a forgotten one does not compile. */
const keys = {
  domain: key(Type.String(), { where: 'domain', examples: ['mc.example.com'], description: 'The name of the domain.' }),
  instance_id: key(Type.String(), {
    where: 'instance',
    examples: ['i-0123456789abcdef0'],
    description: 'The instance.',
  }),
  instance_type: key(Type.String(), { where: 'instance', examples: ['t3.medium'], description: 'Its type.' }),
  instance_index: key(Type.Integer({ minimum: 0 }), {
    where: 'instance',
    examples: [7],
    description: 'The launch index, from 0. `{ami-i}` is the same.',
  }),
  placement_region: key(Type.String(), {
    where: 'instance',
    examples: ['eu-west-1'],
    description: "The instance's region.",
  }),
  placement_zone: key(Type.String(), {
    where: 'instance',
    examples: ['eu-west-1a'],
    description: 'Its availability zone.',
  }),
  hypervisor: key(orNull(Type.String()), {
    where: 'instance',
    examples: ['nitro'],
    description: '`nitro` or `xen`, where the metadata says so.',
  }),
  primary_public_ipv4: key(orNull(Type.String()), {
    where: 'instance',
    examples: ['192.0.2.1'],
    description: 'The address that A records point at.',
  }),
  primary_public_ipv6: key(orNull(Type.String()), {
    where: 'instance',
    examples: ['2001:db8::1'],
    description: 'The address that AAAA records point at.',
  }),
  public_ipv4_list: key(Type.Array(Type.String()), {
    where: 'instance',
    examples: [['192.0.2.1', '192.0.2.2']],
    description: 'All public IPv4 addresses of the first network interface.',
  }),
  public_ipv6_list: key(Type.Array(Type.String()), {
    where: 'instance',
    examples: [['2001:db8::1']],
    description: 'All IPv6 addresses of the first network interface.',
  }),
  static_dns_rr: key(Type.Array(Type.String()), {
    where: 'occasion',
    examples: [['mc.example.com.']],
    description: 'The record names written, as Route 53 stores them: with a dot at the end.',
  }),
  attach_source: key(orNull(Type.Enum(['x', 'p', 'c'])), {
    where: 'volume',
    examples: ['x'],
    description: 'Where the volume came from: `x` by id, `p` from a pool, `c` created.',
  }),
  attach_op: key(orNull(Type.Boolean()), {
    where: 'volume',
    examples: [true],
    description:
      '`true`: attached in this run, or in one before it whose commands never all succeeded; `false`: was attached already.',
  }),
  volume_id: key(orNull(Type.String()), {
    where: 'volume',
    examples: ['vol-0123456789abcdef0'],
    description: 'The volume.',
  }),
  volume_pool: key(orNull(Type.String()), {
    where: 'volume',
    examples: ['worlds'],
    description: 'The pool of the volume.',
  }),
  attached_device: key(orNull(Type.String()), {
    where: 'volume',
    examples: ['/dev/nvme1n1'],
    description: 'Where its disk is.',
  }),
  daemon_state: key(Type.Enum([...eventNames]), {
    where: 'occasion',
    examples: ['interrupted'],
    description: 'The name of the event.',
  }),
  error: key(Type.Array(Type.Array(Type.String())), {
    where: 'occasion',
    examples: [[['attach-volume[1]', 'AttachVolume vol-0abc: VolumeInUse']]],
    description: 'What failed: for each failure which part it was and what was seen. As a macro JSON.',
  }),
  interrupt_action: key(orNull(Type.Enum(['terminate', 'stop', 'hibernate', 'rebalance', 'maintenance'])), {
    where: 'occasion',
    examples: ['terminate'],
    description: 'What will happen to the instance; at `at-risk` the early sign, `rebalance` or `maintenance`.',
  }),
  interrupt_time: key(orNull(Type.String()), {
    where: 'occasion',
    examples: ['2030-01-01T00:02:00+00:00'],
    description: 'When that takes effect, ISO 8601 with `+00:00`; at `at-risk` the time of the sign.',
  }),
  seconds_left: key(orNull(Type.Integer({ minimum: 0 })), {
    where: 'occasion',
    examples: [117],
    description: 'Seconds until the interruption.',
  }),
  transaction_id: key(Type.String(), {
    where: 'instance',
    examples: ['6f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1'],
    description: 'The id of this run.',
  }),
  transaction_log: key(Type.Array(call), {
    where: 'occasion',
    examples: [
      [
        {
          platform: 'aws',
          domain: 'mc.example.com',
          method: 'attach_volume',
          param: { VolumeId: 'vol-0123456789abcdef0', InstanceId: 'i-0123456789abcdef0', Device: '/dev/sdf' },
          dry: false,
        },
      ],
    ],
    description: "The domain's calls to AWS: changes, and at most the last 100 looks. As a macro JSON.",
  }),
  cwd: key(Type.String(), { where: 'instance', examples: ['/'], description: 'The working directory of the daemon.' }),
  ts: key(Type.String(), {
    where: 'instance',
    examples: ['2030-01-01T01:00:03+01:00'],
    description: 'Now, ISO 8601 in the local zone.',
  }),
  pid: key(Type.Integer({ minimum: 1 }), {
    where: 'instance',
    examples: [812],
    description: 'The process id of the daemon.',
  }),
  results: key(Type.Array(result), {
    where: 'occasion',
    examples: [[exampleResult]],
    description: "The results of the event's commands so far. As a macro JSON.",
  }),
} satisfies Record<Exclude<MacroName, 'all_json'>, Type.TSchema & KeyWords>;

/**
 * The body of a message. Every key is there, `null` when there is nothing to say; only `test` is in the messages of
 * `ec2fleetd notify-test` alone. Keys are added, never renamed.
 */
export const messageBodySchema = Type.Object({
  test: Type.Optional(
    Type.Literal(true, { description: '`true` in a message of `ec2fleetd notify-test`. Absent otherwise.' }),
  ),
  ...keys,
});

/** A key of the body, as pages list it. */
export interface BodyKey extends KeyWords {
  name: Exclude<MacroName, 'all_json'>;
}

/** The keys of the body but `test`, in their order. */
export const bodyKeys: readonly BodyKey[] = Object.entries(keys).map(([name, { description, examples, where }]) => ({
  name: name as BodyKey['name'],
  description,
  examples,
  where,
}));

/** JSON Schema, draft 2020-12, as the text of a file. It takes keys that it does not know: a later version may have more. */
export function messageBodySchemaText(): string {
  const { properties, ...schema } = messageBodySchema;
  const published = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:ec2fleetd:message:1',
    title: 'ec2fleetd message',
    description: 'The default body of a notification, and what EC2FLEETD_ALL_JSON_FILE holds.',
    ...schema,
    properties,
  };
  // `where` is ours.
  return `${JSON.stringify(published, (name, value) => (name === 'where' ? undefined : value), 2)}\n`;
}
