/** The body of messages as an interface, and what is shown of it in docs/notifications.md. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';
import { allJson, macroNames } from '../config/macros.ts';
import { bodyKeys, messageBodySchema, messageBodySchemaText } from '../config/message-body.ts';
import { exampleMessage } from '../tools/example-message.ts';
import { exampleValues, macrosPage } from '../tools/macros-page.ts';
import { withBodyAndFiles } from '../tools/notifications-page.ts';
import { bodyOf } from './helpers/message-body.ts';

/** What receivers have been promised. To be added to, and never changed otherwise. */
const promised = {
  body: [
    'domain',
    'instance_id',
    'instance_type',
    'instance_index',
    'placement_region',
    'placement_zone',
    'hypervisor',
    'primary_public_ipv4',
    'primary_public_ipv6',
    'public_ipv4_list',
    'public_ipv6_list',
    'static_dns_rr',
    'attach_source',
    'attach_op',
    'volume_id',
    'volume_pool',
    'attached_device',
    'daemon_state',
    'error',
    'interrupt_action',
    'interrupt_time',
    'seconds_left',
    'transaction_id',
    'transaction_log',
    'cwd',
    'ts',
    'pid',
    'results',
  ],
  call: ['platform', 'domain', 'method', 'param', 'dry'],
  result: ['argv', 'exit_code', 'signal', 'duration_ms', 'output_tail', 'succeeded'],
};

describe('the body of a message', () => {
  it('has every key that was ever promised, and each is required [4.4]', () => {
    const { transaction_log: calls, results } = messageBodySchema.properties;

    expect(messageBodySchema.required).toEqual(expect.arrayContaining(promised.body));
    expect(calls.items.required).toEqual(expect.arrayContaining(promised.call));
    expect(results.items.required).toEqual(expect.arrayContaining(promised.result));
  });

  it('has the macros but all_json as keys, in their order [4.2, 4.4]', () => {
    expect(bodyKeys.map(({ name }) => name)).toEqual(macroNames.filter((name) => name !== 'all_json'));
    expect(Object.keys(JSON.parse(allJson({})))).toEqual(bodyKeys.map(({ name }) => name));
  });

  it('with every example value is of the promised form [4.4]', () => {
    expect(() => bodyOf(allJson(exampleValues))).not.toThrow();
  });

  it.each([
    { what: 'a key that is missing', change: { results: undefined } },
    { what: 'a list that is none', change: { error: '[]' } },
    { what: 'a failure that is no list of texts', change: { error: [{ part: 'exec' }] } },
    {
      what: 'a method that is not in snake_case',
      change: { transaction_log: [loggedCall({ method: 'AttachVolume' })] },
    },
    { what: 'a result without its exit code', change: { results: [{ argv: [] }] } },
    { what: 'an event that there is not', change: { daemon_state: 'ready' } },
    { what: 'a key that nobody has described', change: { mood: 'good' } },
  ])('is refused by the tests for $what [4.4]', ({ change }) => {
    expect(() => bodyOf(JSON.stringify({ ...exampleValuesWithoutAny(), ...change }))).toThrow(
      'this is no message body',
    );
  });

  it('is published as a JSON Schema that takes keys which a later version may add [4.4]', () => {
    const schema = JSON.parse(messageBodySchemaText());

    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(schema.additionalProperties).toBeUndefined();
    expect(schema.properties.test.const).toBe(true);
    expect(schema.required).not.toContain('test');
    expect(messageBodySchemaText()).not.toContain('"where"');
  });
});

describe('the pages about messages', () => {
  const example = readFileSync('docs/examples/message.json', 'utf8').trimEnd();

  it('show a message as the daemon sends it when the instance is interrupted [4.4, 10.1]', async () => {
    const sent = bodyOf(await exampleMessage('dist'));
    const shown = bodyOf(example);

    expect(example).toBe(JSON.stringify(shown, null, '\t'));
    expect(formOf(shown)).toEqual(formOf(sent));
    const { daemon_state, static_dns_rr, interrupt_action, error } = sent;
    expect(shown).toMatchObject({ daemon_state, static_dns_rr, interrupt_action, error });
  });

  it('have a row for each key and each macro [4.2, 4.4]', () => {
    const page = withBodyAndFiles('<!-- body -->\n<!-- end -->', () => '');

    for (const name of promised.body) expect(page).toContain(`| \`${name}\` |`);
    for (const name of macroNames) expect(macrosPage()).toContain(`| \`{${name}}\` |`);
  });
});

describe('the function in docs/notifications.md', () => {
  const failed = { ...exampleValues, error: [['attach-volume[0]', 'gone']], seconds_left: 90 };

  it('tells a chat what a topic and a queue hand over', async () => {
    await using chat = await startChat();
    const sns = { Sns: { Message: allJson({ ...failed, results: [] }) } };
    const sqs = { body: allJson({ ...exampleValues, error: [], results: [], seconds_left: undefined, test: true }) };

    expect(await handled({ Records: [sns, sqs] }, chat.url)).toBe(0);

    expect(chat.posts).toEqual([
      { text: 'mc.example.com on i-0123456789abcdef0: interrupted, 90 s left\n• attach-volume[0]: gone' },
      { text: 'TEST: mc.example.com on i-0123456789abcdef0: interrupted' },
    ]);
  });

  it('says why a command failed, once, though it stands in two places of the body', async () => {
    await using chat = await startChat();
    const results = (exampleValues.results ?? []).map((result) => ({ ...result, exit_code: 3, succeeded: false }));
    const error = [['exec interrupted', '/usr/local/bin/save-world: exited with 3']];

    await handled({ Records: [{ Sns: { Message: allJson({ ...failed, error, results }) } }] }, chat.url);

    expect(chat.posts).toEqual([
      {
        text:
          'mc.example.com on i-0123456789abcdef0: interrupted, 90 s left\n' +
          '• exec interrupted: /usr/local/bin/save-world: exited with 3',
      },
    ]);
  });

  it('passes by what is no message, or was cut', async () => {
    await using chat = await startChat();

    expect(await handled({ Records: [{ body: '{"domain": "…[cut]' }, { body: '{}' }] }, chat.url)).toBe(0);

    expect(chat.posts).toEqual([]);
  });

  it('fails when the chat refuses, so that the service tries again', async () => {
    await using chat = await startChat(500);

    expect(await handled({ Records: [{ body: allJson(exampleValues) }] }, chat.url)).not.toBe(0);
  });
});

function loggedCall(change: object) {
  return { platform: 'aws', domain: 'web', method: 'attach_volume', param: {}, dry: false, ...change };
}

function exampleValuesWithoutAny() {
  return JSON.parse(allJson(exampleValues));
}

/** Keys and kinds of values, however deep; of a list, those of all its members together. */
function formOf(value: unknown): unknown {
  if (Array.isArray(value)) return new Set(value.map((one) => JSON.stringify(formOf(one))));
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  // Parameters are the API's.
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, key === 'param' ? 'param' : formOf(one)]));
}

/** Lets the function handle an event, as Lambda would. @returns how its process ends. */
async function handled(event: object, webhook: string): Promise<number> {
  const script = `
    import { json } from 'node:stream/consumers';
    const { handler } = await import('./docs/examples/notify-lambda.mjs');
    await handler(await json(process.stdin));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, WEBHOOK_URL: webhook },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(JSON.stringify(event));
  const [[status]] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return status;
}

/** Keeps what is posted to it. */
async function startChat(status = 200) {
  const posts: unknown[] = [];
  const server = createServer(async (request, answer) => {
    posts.push(await json(request));
    answer.writeHead(status).end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    posts,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
