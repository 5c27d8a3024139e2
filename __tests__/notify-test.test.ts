/** `ec2fleetd notify-test`, by the built program and against the cloud in a box. */

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type Lab, QUEUE, startLab, TOPIC } from './helpers/daemon.ts';
import { bodyOf } from './helpers/message-body.ts';
import { INSTANCE, stateDir } from './helpers/story.ts';

const FIFO_TOPIC = 'arn:aws:sns:eu-west-1:123456789012:news.fifo';
const topic = (arn: string, more: object = {}) => ({ backend: 'aws-sns', options: { topic: arn }, ...more });
const queue = (url: string, more: object = {}) => ({ backend: 'aws-sqs', options: { 'queue-url': url }, ...more });
const toTopic = { domains: { web: { notify: [topic(TOPIC)] } } };

describe('a test of the receivers', () => {
  it('sends one message to each receiver of each domain, and says so in the order of the file [10.6]', async () => {
    await using lab = await startLab();
    const url = lab.cloud.queueUrl(QUEUE);
    const domains = { web: { notify: [topic(TOPIC), queue(url)] }, db: { notify: [topic(TOPIC)] } };

    const { status, stdout } = await notifyTest(lab, { domains });

    const [first, third] = lab.cloud.published();
    const [second] = lab.cloud.received(QUEUE);
    expect(lab.cloud.published()).toHaveLength(2);
    expect(lab.cloud.received(QUEUE)).toHaveLength(1);
    const ids = [...stdout.matchAll(/message id ([\w-]+)/g)].map(([, id]) => id);
    expect(new Set(ids)).toEqual(new Set([first, second, third].map((message) => message?.messageId)));
    expect(stdout.replaceAll(/message id [\w-]+/g, 'ID').split('\n')).toEqual([
      `web notify[0] ${TOPIC}: accepted: ID, in eu-west-1`,
      `web notify[1] ${url}: accepted: ID, in eu-west-1`,
      `db notify[0] ${TOPIC}: accepted: ID, in eu-west-1`,
      '3 of 3 accepted',
      '',
    ]);
    expect(status).toBe(0);
  });

  it('marks subject and body, which else are what receivers will get [10.6, 4.4]', async () => {
    await using lab = await startLab();
    const record = { hostedzone: 'Z1', name: 'play.example.com', ttl: 60 };

    await notifyTest(lab, { domains: { web: { 'update-route53': [record], notify: [topic(TOPIC)] } } });

    const [message] = lab.cloud.published();
    expect(message?.subject).toBe(`TEST: Fleetd web on ${INSTANCE} state changed to [started]`);
    expect(bodyOf(message?.message ?? '')).toMatchObject({
      test: true,
      domain: 'web',
      instance_id: INSTANCE,
      placement_region: 'eu-west-1',
      daemon_state: 'started',
      static_dns_rr: ['play.example.com.'],
      results: [{ exit_code: 0 }],
      transaction_log: [{ dry: true }],
    });
  });

  it.each([
    { of: 'failed', shows: { error: [[expect.any(String), expect.any(String)]] } },
    {
      of: 'interrupted',
      shows: { interrupt_action: 'terminate', seconds_left: expect.any(Number), interrupt_time: expect.any(String) },
    },
    { of: 'at-risk', shows: { interrupt_action: 'rebalance' } },
  ])('speaks of $of to a receiver that is told of nothing else [10.6]', async ({ of, shows }) => {
    await using lab = await startLab();
    const off = { started: { enabled: false }, interrupted: { enabled: false }, failed: { enabled: false } };
    const matrix = { ...off, stopping: { enabled: false }, [of]: { enabled: true } };

    await notifyTest(lab, { domains: { web: { notify: [topic(TOPIC, { matrix })] } } });

    expect(bodyOf(lab.cloud.published()[0]?.message ?? '')).toMatchObject({ daemon_state: of, ...shows });
  });

  it('says of a receiver whose matrix switches everything off that only tests reach it [10.6]', async () => {
    await using lab = await startLab();
    const names = ['started', 'interrupted', 'stopping', 'failed'];
    const matrix = Object.fromEntries(names.map((name) => [name, { enabled: false }]));

    const { status, stdout } = await notifyTest(lab, { domains: { web: { notify: [topic(TOPIC, { matrix })] } } });

    expect(stdout).toContain('only tests reach it');
    expect(status).toBe(0);
  });

  it.each([
    { what: 'text', body: '{domain} is up', marked: /^TEST: .*\n\nweb is up$/ },
    {
      what: 'a JSON object',
      body: '{{"text": "{domain} is up"}}',
      marked: /^\{\n\t"text": "web is up",\n\t"test": true\n\}$/,
    },
    { what: 'JSON, but no object', body: '["{domain}"]', marked: /^TEST: .*\n\n\["web"\]$/ },
    { what: 'nothing but a subject', body: undefined, marked: /^\{\n\t"test": true,\n\t"domain": "web",/ },
  ])('fills an own envelope and marks it: $what [10.6]', async ({ body, marked }) => {
    await using lab = await startLab();
    const envelope = { subject: 'news of {domain}', ...(body === undefined ? {} : { body }) };

    await notifyTest(lab, { domains: { web: { notify: [topic(TOPIC, { envelope })] } } });

    expect(lab.cloud.published()[0]?.subject).toBe('TEST: news of web');
    expect(lab.cloud.published()[0]?.message).toMatch(marked);
  });

  it('reaches FIFO topics and queues, each time anew [10.4, 10.6]', async () => {
    await using lab = await startLab({ topics: [FIFO_TOPIC], queues: ['events.fifo'] });
    const domains = { web: { notify: [topic(FIFO_TOPIC), queue(lab.cloud.queueUrl('events.fifo'))] } };

    await notifyTest(lab, { domains });
    const { status } = await notifyTest(lab, { domains });

    expect(lab.cloud.published()).toHaveLength(2);
    expect(lab.cloud.received('events.fifo')).toHaveLength(2);
    expect(status).toBe(0);
  });

  it('says why one was not accepted and what to do, sends the others, and exits 1 [10.6]', async () => {
    const denied = 'arn:aws:sns:eu-west-1:123456789012:topic-publish-denied';
    const absent = 'arn:aws:sns:eu-west-1:123456789012:absent';
    await using lab = await startLab({ topics: [TOPIC, denied] });

    const { status, stdout } = await notifyTest(lab, {
      domains: { web: { notify: [topic(denied), topic(absent), topic(TOPIC)] } },
    });

    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/notify\[0\] .*: not accepted: .*AuthorizationError.*Allow sns:Publish on /);
    expect(lines[1]).toMatch(/notify\[1\] .*: not accepted: .*NotFound.*Check the topic ARN/);
    expect(lines[2]).toMatch(/notify\[2\] .*: accepted: /);
    expect(lines[3]).toBe('1 of 3 accepted');
    expect(status).toBe(1);
  });

  it('tries them side by side, and keeps the order of the file however they answer [10.6]', async () => {
    await using lab = await startLab();
    // Nobody is answered before all have asked; then the last one first.
    const waiting: Array<() => void> = [];
    const slow = createServer((request, answer) => {
      request.resume().on('end', () => {
        waiting.push(() => answer.end(publishAnswer(waiting.length)));
        if (waiting.length === 3) while (waiting.length > 0) waiting.pop()?.();
      });
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as AddressInfo;

    const { stdout } = await notifyTest(
      lab,
      { domains: { a: { notify: [topic(TOPIC), topic(TOPIC)] }, b: { notify: [topic(TOPIC)] } } },
      { environment: { AWS_ENDPOINT_URL_SNS: `http://127.0.0.1:${port}` } },
    );
    slow.closeAllConnections();
    slow.close();

    expect(stdout.split('\n').map((line) => line.split(' arn', 1)[0])).toEqual([
      'a notify[0]',
      'a notify[1]',
      'b notify[0]',
      '3 of 3 accepted',
      '',
    ]);
  });

  it('touches nothing of a daemon: no state directory, no runtime directory [10.6]', async () => {
    await using lab = await startLab();

    const { status } = await notifyTest(lab, toTopic);

    expect(status).toBe(0);
    expect(existsSync(stateDir(lab))).toBe(false);
    expect(readdirSync(path.join(lab.sysroot, 'run'))).toEqual([]);
    const others = lab.cloud.calls().filter(({ service, operation }) => service !== 'imds' && operation !== 'Publish');
    expect(others).toEqual([]);
  });

  it('takes the configuration from a file, too, by option or environment [10.6, 2.2]', async () => {
    await using lab = await startLab();
    const file = path.join(lab.folder, 'own.jsonc');
    writeFileSync(file, JSON.stringify({ domains: { own: { notify: [topic(TOPIC)] } } }));

    await notifyTest(lab, toTopic, { args: [`--userdata=${file}`] });
    await notifyTest(lab, toTopic, { environment: { EC2FLEETD_USERDATA: file } });

    expect(lab.told().map(({ domain }) => domain)).toEqual(['own', 'own']);
  });
});

describe('a test of the receivers where there is no instance', () => {
  const laptop = { args: ['--imds=127.0.0.1:1'] };
  const keys = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' };

  it('puts placeholders for it, and takes the region from the receiver [10.5, 10.6]', async () => {
    await using lab = await startLab();

    const { status, stderr } = await notifyTest(lab, toTopic, { ...laptop, asFile: true, environment: keys });

    expect(stderr).toContain('placeholders stand for the instance');
    expect(lab.told()).toMatchObject([{ test: true, instance_id: 'i-00000000000000000' }]);
    expect(status).toBe(0);
  });

  it('uses the profile that it is told [10.6]', async () => {
    await using lab = await startLab();
    const file = path.join(lab.folder, 'credentials');
    writeFileSync(file, '[fleet]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret\n');

    const { status } = await notifyTest(lab, toTopic, {
      args: [...laptop.args, '--profile=fleet'],
      asFile: true,
      environment: { AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: path.join(lab.folder, 'none') },
    });

    expect(lab.told()).toHaveLength(1);
    expect(status).toBe(0);
  });

  it('takes AWS_REGION for a receiver that names none, and without it says what to set [10.5, 10.6]', async () => {
    await using lab = await startLab();
    // The cloud's own address names no region.
    const configuration = { domains: { web: { notify: [queue(lab.cloud.queueUrl(QUEUE))] } } };
    const without = { ...laptop, asFile: true, environment: { ...keys, AWS_REGION: '' } };

    const refused = await notifyTest(lab, configuration, without);
    const sent = await notifyTest(lab, configuration, {
      ...without,
      environment: { ...keys, AWS_REGION: 'eu-central-1' },
    });

    expect(refused.stdout).toContain('its region is not known. Set options.region of the receiver, or AWS_REGION');
    expect(refused.status).toBe(1);
    expect(sent.stdout).toContain('in eu-central-1');
    expect(JSON.parse(lab.cloud.received(QUEUE)[0]?.body ?? '')).toMatchObject({ placement_region: 'eu-central-1' });
    expect(sent.status).toBe(0);
  });

  it('says that credentials are missing, without waiting for what is not there [10.6]', async () => {
    await using lab = await startLab();

    const { status, stdout } = await notifyTest(lab, toTopic, { ...laptop, asFile: true });

    expect(stdout).toMatch(/not accepted: .*Give the instance a role \(instance profile\), or export AWS credentials/);
    expect(status).toBe(1);
  });

  it('asks for a file when there is no user data to be had [10.6, 2.3]', async () => {
    await using lab = await startLab();

    const { status, stderr } = await notifyTest(lab, toTopic, laptop);

    expect(stderr).toContain('name a configuration with --userdata=FILE');
    expect(status).toBe(2);
  });
});

describe('a test of the receivers is refused with exit status 2', () => {
  it.each([
    { what: 'a switch', args: ['--enable-notify=0'], says: /leave out --enable-notify=0/ },
    { what: 'another switch', args: ['--disable-all'], says: /leave out --disable-all/ },
    { what: 'an option that only the daemon has', args: ['--state-dir=/x'], says: /unknown option '--state-dir/ },
    { what: 'a file that is not there', args: ['--userdata=/nowhere'], says: /there is no such file/ },
  ])('for $what [10.6, 2.3]', async ({ args, says }) => {
    await using lab = await startLab();

    const { status, stderr } = await notifyTest(lab, toTopic, { args });

    expect(stderr).toMatch(says);
    expect(status).toBe(2);
    expect(lab.cloud.published()).toEqual([]);
  });

  it.each([
    { what: 'nobody to send to', configuration: { domains: { web: {} } }, says: /no domain has a notify entry/ },
    { what: 'a wrong configuration', configuration: { domains: [] }, says: /user-data: 1 problem\n.*domains: / },
  ])('for $what [10.6, 2.3]', async ({ configuration, says }) => {
    await using lab = await startLab();

    const { status, stderr } = await notifyTest(lab, configuration);

    expect(stderr).toMatch(says);
    expect(status).toBe(2);
  });

  it('but a switch in the environment is only remarked on, since the daemon shares it [10.6]', async () => {
    await using lab = await startLab();

    const off = await notifyTest(lab, toTopic, { environment: { EC2FLEETD_ENABLE_NOTIFY: '0' } });
    const on = await notifyTest(lab, toTopic, { environment: { EC2FLEETD_ENABLE_NOTIFY: '1' } });

    expect(off.stderr).toContain('keeps a daemon with this environment from sending');
    expect(on.stderr).toBe('');
    expect([off.status, on.status]).toEqual([0, 0]);
  });
});

/** Source: SNS API Reference, Publish. */
function publishAnswer(id: number): string {
  return `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>${id}</MessageId></PublishResult></PublishResponse>`;
}

interface Asked {
  args?: string[];
  /** In a file instead of the user data. */
  asFile?: boolean;
  environment?: NodeJS.ProcessEnv;
}

/** Runs it to its end. */
async function notifyTest(lab: Lab, configuration: object, { args = [], asFile, environment = {} }: Asked = {}) {
  const file = path.join(lab.folder, 'config.jsonc');
  if (asFile) writeFileSync(file, JSON.stringify(configuration));
  else lab.cloud.changeInstance({ userData: JSON.stringify(configuration) });
  const own = Object.entries(process.env).filter(([name]) => !/^(AWS_|EC2FLEETD_|STATE_DIRECTORY$)/.test(name));
  const child = spawn(
    process.execPath,
    ['dist/main.cjs', 'notify-test', ...(asFile ? [`--userdata=${file}`] : []), ...args],
    {
      env: { ...Object.fromEntries(own), HOME: lab.folder, ...lab.cloud.environment(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Longer than any test here: one that hangs is ended, and its test fails.
      timeout: 15_000,
    },
  );
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await ended, stdout, stderr };
}
