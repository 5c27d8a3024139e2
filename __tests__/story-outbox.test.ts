/** Messages that were not accepted, over kills, ends, images and days: the built daemon with real files. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DatedMessage } from '../config/vocabulary.ts';
import { type Daemon, type DaemonOptions, type Lab, startDaemon, startLab } from './helpers/daemon.ts';
import { eventually } from './helpers/simulator-clients.ts';
import { accepted, configurationOf, INSTANCE, kill, OTHER_INSTANCE, stateDir } from './helpers/story.ts';

const FIFO_TOPIC = 'arn:aws:sns:eu-west-1:123456789012:news.fifo';
const OLD_TOPIC = 'arn:aws:sns:eu-west-1:123456789012:old-news.fifo';
/** It tells who has accepted what by the ids of the messages. */
const sns = { backend: 'aws-sns', options: { topic: FIFO_TOPIC } };
const world = configurationOf({ world: { notify: [sns] } });

const startNewsLab = () => startLab({ topics: [FIFO_TOPIC, OLD_TOPIC] });

const outboxDir = (lab: Lab) => path.join(stateDir(lab), 'outbox');
const inOutbox = (lab: Lab): string[] => (existsSync(outboxDir(lab)) ? readdirSync(outboxDir(lab)).sort() : []);

/** The ids of what the topics have accepted, in the order it came. */
const acceptedIds = (lab: Lab) => lab.cloud.published().map(({ deduplicationId }) => deduplicationId);

/** The id of the one message in the outbox, once it is there. */
async function keptId(lab: Lab): Promise<string> {
  const [name = ''] = await eventually(
    async () => inOutbox(lab).filter((file) => file.endsWith('.json')),
    ({ length }) => length === 1,
  );
  return path.basename(name, '.json');
}

/** Resolves when the message with this id has been accepted and its file is gone. */
async function forgotten(lab: Lab, id: string): Promise<void> {
  await eventually(
    async () => acceptedIds(lab).includes(id) && !inOutbox(lab).includes(`${id}.json`),
    (is) => is,
  );
}

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

const left: DatedMessage = {
  id: '6f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1',
  domain: 'world',
  event: 'interrupted',
  backend: 'aws-sns',
  target: FIFO_TOPIC,
  region: 'eu-west-1',
  subject: 'left',
  body: 'left',
  writtenAt: hoursAgo(1),
};

/** As an earlier run has left it. */
function lay(lab: Lab, change: Partial<DatedMessage> = {}, instanceId = INSTANCE): string {
  const message = { ...left, ...change };
  mkdirSync(outboxDir(lab), { recursive: true });
  const file = path.join(outboxDir(lab), `${message.id}.json`);
  writeFileSync(file, JSON.stringify({ version: 1, instanceId, message }));
  return file;
}

/** One that has nothing else to do. */
const startIdle = (lab: Lab, { args = [], ...options }: DaemonOptions = {}) =>
  startDaemon(lab, {
    configuration: configurationOf({}),
    ...options,
    args: ['--enable-poll=0', ...args],
  });

const messagesAt = ({ log }: Daemon, wanted: string) =>
  log.filter(({ level }) => level === wanted).map(({ message }) => message);

describe('a run that is killed', () => {
  it('before its topic has answered leaves the message to the next run, which has it accepted once, as it was [10.2, 10.4]', async () => {
    await using lab = await startNewsLab();
    lab.cloud.fault({ kind: 'hang', service: 'sns' });
    await using first = startDaemon(lab, { configuration: world });
    const id = await keptId(lab);
    const kept = JSON.parse(readFileSync(path.join(outboxDir(lab), `${id}.json`), 'utf8'));
    await kill(first);
    lab.cloud.heal();

    await using second = startDaemon(lab, { configuration: world });
    await forgotten(lab, id);
    await second.says(({ message }) => message === 'message that an earlier run has left');

    const [again, ...more] = lab.cloud.published().filter(({ deduplicationId }) => deduplicationId === id);
    expect(again).toMatchObject({ message: kept.message.body, subject: kept.message.subject });
    expect(more).toEqual([]);
  });

  it('after its topic took the message, and before it knew, does not have it told twice: the id is the same [10.2, 10.4]', async () => {
    await using lab = await startNewsLab();
    lab.cloud.fault({ kind: 'answer-lost', by: 'hang', service: 'sns', count: 1 });
    await using first = startDaemon(lab, { configuration: world });
    const id = await keptId(lab);
    await eventually(
      async () => acceptedIds(lab),
      (ids) => ids.includes(id),
    );
    await kill(first);
    const before = inOutbox(lab);

    await using second = startDaemon(lab, { configuration: world });
    await second.says(accepted('world', 'started'));
    await forgotten(lab, id);

    expect(before).toEqual([`${id}.json`]);
    expect(acceptedIds(lab).filter((one) => one === id)).toHaveLength(1);
  });
});

describe('a run that ends', () => {
  it('while its topic refuses says of each message what becomes of it; the next run has them accepted once [10.1, 10.2]', async () => {
    await using lab = await startNewsLab();
    lab.cloud.fault({ kind: 'refused', service: 'sns' });
    await using first = startDaemon(lab, { configuration: world });
    await first.says(({ message }) => message.startsWith(`the message of world started to ${FIFO_TOPIC}`));
    first.signal('SIGTERM');
    const { exitCode } = await first.ended;
    const ids = inOutbox(lab).map((name) => path.basename(name, '.json'));
    lab.cloud.heal();

    await using second = startIdle(lab);
    await second.ended;

    expect(exitCode).toBe(0);
    expect(ids).toHaveLength(2);
    for (const event of ['started', 'stopping'])
      expect(messagesAt(first, 'error')).toContainEqual(
        expect.stringMatching(
          `^the message of world ${event} to .*; it stays in the outbox, and a run of this instance before .* tries again: Publish .*Allow sns:Publish`,
        ),
      );
    expect(acceptedIds(lab).sort()).toEqual(ids);
    expect(inOutbox(lab)).toEqual([]);
  });

  it('leaves nothing behind of what was accepted [10.2]', async () => {
    await using lab = await startNewsLab();
    await using daemon = startDaemon(lab, { configuration: world, args: ['--enable-poll=0'] });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(acceptedIds(lab)).toHaveLength(1);
    expect(inOutbox(lab)).toEqual([]);
  });
});

describe('what an earlier run has left in the outbox', () => {
  it('is sent, the oldest first, also to whom the configuration no longer names, and then the run ends [10.2, 5.8]', async () => {
    await using lab = await startNewsLab();
    const other = '7f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1';
    lay(lab);
    lay(lab, { id: other, target: OLD_TOPIC, domain: 'gone', writtenAt: hoursAgo(2) });

    await using daemon = startIdle(lab);
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(acceptedIds(lab).sort()).toEqual([left.id, other]);
    expect(inOutbox(lab)).toEqual([]);
    const told = daemon.log.filter(({ message }) => message === 'message that an earlier run has left');
    expect(told.map(({ domain }) => domain)).toEqual(['gone', 'world']);
  });

  it('is sent also when a notice is there already [10.2, 5.3]', async () => {
    await using lab = await startNewsLab();
    lay(lab);
    lab.cloud.interrupt({ action: 'terminate' });

    await using daemon = startDaemon(lab, { configuration: world });
    await daemon.ended;

    expect(acceptedIds(lab)).toHaveLength(2);
    expect(acceptedIds(lab)).toContain(left.id);
  });

  it('is sent for 24 hours, and after that dropped with a sentence [10.2]', async () => {
    await using lab = await startNewsLab();
    lay(lab, { writtenAt: hoursAgo(23.9) });
    const old = '7f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1';
    lay(lab, { id: old, writtenAt: hoursAgo(24.1) });

    await using daemon = startIdle(lab);
    await daemon.ended;

    expect(acceptedIds(lab)).toEqual([left.id]);
    expect(inOutbox(lab)).toEqual([]);
    expect(messagesAt(daemon, 'error')).toEqual([
      `the message of world interrupted to ${FIFO_TOPIC} is dropped unsent: it is older than 24 hours`,
    ]);
  });

  it('stays where it is while notify is off [2.1, 10.2]', async () => {
    await using lab = await startNewsLab();
    const file = lay(lab);

    await using daemon = startIdle(lab, { args: ['--enable-notify=0'] });
    await daemon.ended;

    expect(acceptedIds(lab)).toEqual([]);
    expect(existsSync(file)).toBe(true);
    expect(messagesAt(daemon, 'info')).toContain('notify is off: 1 message stays in the outbox');
  });

  it('is set aside unsent on another instance, as in an image made of this one [12.4]', async () => {
    await using lab = await startNewsLab();
    const file = lay(lab, {}, OTHER_INSTANCE);

    await using daemon = startIdle(lab);
    await daemon.ended;

    expect(acceptedIds(lab)).toEqual([]);
    expect(inOutbox(lab)).toEqual([`${left.id}.json.of-${OTHER_INSTANCE}`]);
    expect(messagesAt(daemon, 'warn')).toEqual([
      `${file} is of instance ${OTHER_INSTANCE}, and this is ${INSTANCE}: set aside as ${left.id}.json.of-${OTHER_INSTANCE}, unused.`,
    ]);
  });
});

describe('an outbox that cannot be written', () => {
  it('is one warning, and every message is sent all the same [12.5, 10.1]', async () => {
    await using lab = await startNewsLab();
    mkdirSync(stateDir(lab), { recursive: true });
    writeFileSync(outboxDir(lab), 'a file');

    await using daemon = startDaemon(lab, { configuration: world });
    await daemon.says(accepted('world', 'started'));
    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(acceptedIds(lab)).toHaveLength(2);
    const warnings = messagesAt(daemon, 'warn').filter((message) => message.startsWith('write a message in '));
    expect(warnings).toEqual([expect.stringContaining(`${outboxDir(lab)}: ENOTDIR`)]);
  });
});
