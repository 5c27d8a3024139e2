import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type OutboxOptions, openOutbox } from '../adapters/outbox.ts';
import { lockStateDir } from '../adapters/state-dir.ts';
import { AdapterError } from '../config/errors.ts';
import type { DatedMessage } from '../config/vocabulary.ts';
import { eventually } from './helpers/simulator-clients.ts';

const OURS = 'i-0123456789abcdef0';
const ANOTHER = 'i-0fedcba9876543210';

/** The state directory, and the outbox in it. */
let stateDir: string;
let dir: string;
let problems: string[];
beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'outbox-'));
  dir = path.join(stateDir, 'outbox');
  problems = [];
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

function open(settings: Partial<OutboxOptions> = {}) {
  return openOutbox(dir, { instanceId: OURS, onProblem: (sentence) => problems.push(sentence), ...settings });
}

/** The nth message; each was written a second after the one before. */
function messageOf(n: number, change: Partial<DatedMessage> = {}): DatedMessage {
  return {
    id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    domain: 'web',
    event: 'started',
    backend: 'aws-sqs',
    target: 'https://sqs.eu-west-1.amazonaws.com/123456789012/fleet.fifo',
    region: 'eu-west-1',
    subject: '',
    body: '{"daemon_state": "ä 😀 \u0000"}',
    writtenAt: new Date(Date.UTC(2030, 0, 1) + n * 1_000).toISOString(),
    ...change,
  };
}

const messages = (count: number) => Array.from({ length: count }, (_, n) => messageOf(n));
const nameOf = (n: number) => `${messageOf(n).id}.json`;
const fileOf = (n: number) => path.join(dir, nameOf(n));
const names = () => readdirSync(dir).sort();

/** As an earlier run, or somebody else, has put it there. */
function lay(n: number, text = textOf(messageOf(n))): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(fileOf(n), text);
}

function textOf(message: object, instanceId = OURS): string {
  return JSON.stringify({ version: 1, instanceId, message });
}

// Where no namespaces may be made, nothing of the kind can be laid out.
const mayUnshare = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0;
const withUnshare = mayUnshare ? it : it.skip;

/** Arguments of Node for a process of its own; `open()` in its text opens the outbox as this test does. */
function processArgs(text: string): string[] {
  const lines = [
    `import { openOutbox } from '${path.resolve('adapters/outbox.ts')}';`,
    `const options = { instanceId: '${OURS}', onProblem: console.error };`,
    `const open = () => openOutbox(${JSON.stringify(dir)}, options);`,
    `const message = (n) => ({ ...${JSON.stringify(messageOf(0))}, id: '00000000-0000-4000-8000-' + String(n).padStart(12, '0') });`,
    text,
  ];
  return ['--input-type=module', '--eval', lines.join('\n')];
}

describe('the outbox', () => {
  it('has what was kept and not forgotten for the next run, whole, the oldest first [10.2]', async () => {
    const first = await open();
    const [newest, oldest, middle] = [3, 1, 2].map((n, i) => messageOf(i, { writtenAt: messageOf(n).writtenAt })) as [
      DatedMessage,
      DatedMessage,
      DatedMessage,
    ];
    for (const message of [newest, oldest, middle, messageOf(9)]) await first.keep(message);
    await first.forget(messageOf(9).id);

    const second = await open();

    expect(first.left).toEqual([]);
    expect(second.left).toEqual([oldest, middle, newest]);
    expect(problems).toEqual([]);
  });

  it('has a message on disk when it says so, in a file named after its id, and nothing once it is forgotten [10.2, 12.4]', async () => {
    const outbox = await open();

    await outbox.keep(messageOf(1));
    const [kept, text] = [names(), readFileSync(fileOf(1), 'utf8')];
    await outbox.forget(messageOf(1).id);

    expect(kept).toEqual([nameOf(1)]);
    expect(JSON.parse(text)).toEqual({ version: 1, instanceId: OURS, message: messageOf(1) });
    expect(names()).toEqual([]);
  });

  it('is for nobody else to read [12.4]', async () => {
    const outbox = await open();
    await outbox.keep(messageOf(1));

    expect([dir, fileOf(1)].map((file) => statSync(file).mode & 0o777)).toEqual([0o700, 0o600]);
  });

  it('is not made before there is something to keep [10.2]', async () => {
    const outbox = await open();

    await outbox.forget(messageOf(1).id);

    expect(existsSync(dir)).toBe(false);
    expect(problems).toEqual([]);
  });

  it('keeps a message once, however often it is asked to [10.2]', async () => {
    const outbox = await open();

    await Promise.all([outbox.keep(messageOf(1)), outbox.keep(messageOf(1))]);

    expect((await open()).left).toEqual([messageOf(1)]);
  });

  it('forgets one that is still being written, so that it is not sent a second time [10.2]', async () => {
    const outbox = await open();

    await Promise.all([outbox.keep(messageOf(1)), outbox.forget(messageOf(1).id)]);

    expect(names()).toEqual([]);
  });

  it('forgets what it has found, too [10.2]', async () => {
    lay(1);

    const outbox = await open();
    await outbox.forget(messageOf(1).id);

    expect(names()).toEqual([]);
  });

  it('may be emptied by hand while a run is under way [10.2]', async () => {
    const outbox = await open();
    await outbox.keep(messageOf(1));
    rmSync(dir, { recursive: true });

    await outbox.forget(messageOf(1).id);
    await outbox.keep(messageOf(2));

    expect(names()).toEqual([nameOf(2)]);
  });

  it('leaves alone what is no message [12.4]', async () => {
    lay(1);
    const others = ['notes.txt', `${nameOf(2)}.damaged-20300101T000000Z`, `${nameOf(3)}.of-${ANOTHER}`];
    for (const name of others) writeFileSync(path.join(dir, name), 'x');

    const outbox = await open();

    expect(outbox.left).toEqual([messageOf(1)]);
    expect(names()).toEqual([nameOf(1), ...others].sort());
    expect(problems).toEqual([]);
  });

  it('is one with the state directory, whose end waits for what is being written [10.2, 12.5]', async () => {
    const locked = await lockStateDir(stateDir, { sysroot: '/', onProblem: (sentence) => problems.push(sentence) });
    const { outbox, close } = await locked.open(OURS);

    const keeping = outbox.keep(messageOf(1));
    await close();
    const there = names();
    await keeping;

    expect(there).toEqual([nameOf(1)]);
    expect(problems).toEqual([]);
  });
});

describe('messages of another instance', () => {
  it('are set aside unused, with a sentence each, and stay so [12.4]', async () => {
    lay(1, textOf(messageOf(1), ANOTHER));
    lay(2);

    const first = await open();
    const second = await open();

    for (const { left } of [first, second]) expect(left).toEqual([messageOf(2)]);
    expect(names()).toEqual([`${nameOf(1)}.of-${ANOTHER}`, nameOf(2)].sort());
    expect(problems).toEqual([
      expect.stringContaining(`${fileOf(1)} is of instance ${ANOTHER}, and this is ${OURS}: set aside`),
    ]);
  });
});

describe('a damaged message', () => {
  const { subject: _, ...incomplete } = messageOf(1);

  it.each([
    { what: 'nothing', text: '' },
    { what: 'half of one', text: textOf(messageOf(1)).slice(0, 90) },
    { what: 'no UTF-8', text: Buffer.from([0x7b, 0xff, 0x7d]) },
    { what: 'of a later version', text: textOf(messageOf(1)).replace('"version":1', '"version":2') },
    { what: 'of nobody', text: textOf(messageOf(1), '../i-0') },
    { what: 'incomplete', text: textOf(incomplete) },
    { what: 'with more than that', text: textOf({ ...messageOf(1), attempts: 3 }) },
    { what: 'of an unknown event', text: textOf({ ...messageOf(1), event: 'constructor' }) },
    { what: 'for an unknown service', text: textOf({ ...messageOf(1), backend: 'smtp' }) },
    { what: 'for nobody', text: textOf({ ...messageOf(1), target: '' }) },
    { what: 'of no time', text: textOf({ ...messageOf(1), writtenAt: 'yesterday' }) },
    { what: 'whose id would lead elsewhere', text: textOf({ ...messageOf(1), id: '../journal' }) },
    { what: 'named otherwise than its id', text: textOf(messageOf(3)) },
  ])('is set aside with a warning, and keeps no other from being sent: $what [12.4]', async ({ text }) => {
    lay(1);
    writeFileSync(fileOf(1), text);
    lay(2);

    const { left } = await open();

    expect(left).toEqual([messageOf(2)]);
    expect(names()).toEqual([expect.stringMatching(`${nameOf(1)}.damaged-\\d{8}T\\d{6}Z$`), nameOf(2)]);
    expect(problems).toEqual([expect.stringMatching(`^${fileOf(1)} cannot be trusted \\(.+\\): set aside as `)]);
  });

  it('is one whose id is none [12.4]', async () => {
    mkdirSync(dir);
    writeFileSync(path.join(dir, 'constructor.json'), textOf({ ...messageOf(1), id: 'constructor' }));

    const { left } = await open();

    expect(left).toEqual([]);
    expect(problems).toEqual([expect.stringContaining('message.id is "constructor" instead of a UUID')]);
  });

  it('may be no file at all [12.4]', async () => {
    mkdirSync(fileOf(1), { recursive: true });

    const { left } = await open();

    expect(left).toEqual([]);
    expect(problems).toEqual([expect.stringMatching('this is no file.*: set aside as ')]);
  });
});

describe('a run that is killed while it keeps a message', () => {
  it('leaves nothing behind of what it was writing [12.4]', async () => {
    lay(1);
    writeFileSync(`${fileOf(2)}.tmp`, textOf(messageOf(2)).slice(0, 50));

    const { left } = await open();

    expect(left).toEqual([messageOf(1)]);
    expect(names()).toEqual([nameOf(1)]);
    expect(problems).toEqual([]);
  });

  it('may have left a draft that cannot be removed, which keeps no message from being sent [10.2, 12.4]', async () => {
    lay(1);
    lay(3);
    mkdirSync(`${fileOf(2)}.tmp`);

    const { left } = await open();

    expect(left).toEqual([messageOf(1), messageOf(3)]);
    expect(problems).toEqual([expect.stringContaining(`${fileOf(2)}.tmp, which a killed run was writing, cannot be`)]);
  });

  it('has kept, whole, each one of which it said so, ten times over [10.2, 12.4]', async () => {
    for (let round = 1; round <= 10; round += 1) {
      rmSync(dir, { recursive: true, force: true });
      const text = `
        const outbox = await open();
        for (let n = 1; n <= 100; n += 1) {
          await outbox.keep(message(n));
          console.log(n);
        }`;
      const child = spawn(process.execPath, processArgs(text), { stdio: ['ignore', 'pipe', 'inherit'] });
      const over = new Promise((resolve) => child.once('close', resolve));
      let said = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        said = Number(line);
        if (said === round) child.kill('SIGKILL');
      }
      await over;

      const { left } = await open();

      expect(said).toBeGreaterThan(0);
      expect(left.length).toBeGreaterThanOrEqual(said);
      expect(names()).toHaveLength(left.length);
    }
    expect(problems).toEqual([]);
    // Ten processes, on a machine that may be busy.
  }, 60_000);

  it('cannot have its draft lead elsewhere [12.4]', async () => {
    const elsewhere = path.join(stateDir, 'elsewhere');
    writeFileSync(elsewhere, 'theirs');
    lay(2);
    const outbox = await open();
    symlinkSync(elsewhere, `${fileOf(1)}.tmp`);

    await outbox.keep(messageOf(1));

    expect(readFileSync(elsewhere, 'utf8')).toBe('theirs');
  });
});

describe('an outbox with more than it holds', () => {
  it('lets the oldest make room for the hundred and first, and says which [10.2]', async () => {
    const outbox = await open();
    for (const message of messages(100)) await outbox.keep(message);
    const before = problems.length;

    await outbox.keep(messageOf(100));

    expect(before).toBe(0);
    expect(names()).toEqual(
      messages(101)
        .slice(1)
        .map(({ id }) => `${id}.json`),
    );
    const which = `${messageOf(0).id} (web started, 2030-01-01T00:00:00.000Z)`;
    expect(problems).toEqual([
      `${dir} holds more than 100 messages, or 16777216 bytes: the oldest, ${which}, is removed. It is lost unless this run has it accepted.`,
    ]);
  });

  it('counts bytes, too: bodies may be long [10.2]', async () => {
    const body = 'x'.repeat(6 * 1024 * 1024);
    const outbox = await open();
    for (const n of [1, 2]) await outbox.keep(messageOf(n, { body }));
    const before = problems.length;

    await outbox.keep(messageOf(3, { body }));

    expect(before).toBe(0);
    expect(names()).toEqual([nameOf(2), nameOf(3)]);
    expect(problems).toHaveLength(1);
  });

  it('counts what was found, and no longer what was forgotten [10.2]', async () => {
    for (const n of messages(100).keys()) lay(n);
    const outbox = await open();

    await outbox.forget(messageOf(50).id);
    await outbox.keep(messageOf(100));
    const before = problems.length;
    await outbox.keep(messageOf(101));

    expect(before).toBe(0);
    expect(names()).toHaveLength(100);
    expect(names()[0]).toBe(nameOf(1));
  });

  it('drops the oldest of what is found, unsent, and says which [10.2]', async () => {
    for (const n of messages(102).keys()) lay(n);

    const { left } = await open();

    expect(left).toEqual(messages(102).slice(2));
    expect(names()).toHaveLength(100);
    expect(problems).toEqual([0, 1].map((n) => expect.stringMatching(`${messageOf(n).id} .*It is dropped unsent\\.$`)));
  });

  it('refuses a message that alone is more, and lets none make room for it [10.2]', async () => {
    const outbox = await open();
    await outbox.keep(messageOf(1));

    const attempt = outbox.keep(messageOf(2, { body: 'x'.repeat(17 * 1024 * 1024) }));

    await expect(attempt).rejects.toThrow('it would be longer than 16777216 bytes');
    expect(names()).toEqual([nameOf(1)]);
  });
});

describe('an outbox that cannot be written', () => {
  it('says so to whoever asks, with what follows and what to do; and is none to read [12.5]', async () => {
    writeFileSync(dir, 'a file');

    const outbox = await open();
    const attempt = outbox.keep(messageOf(1));

    await expect(attempt).rejects.toThrow(AdapterError);
    await expect(attempt).rejects.toThrow(
      `write a message in ${dir}: ENOTDIR: not a directory, open '${dir}'. Messages are sent all the same, but one that is not accepted before the daemon ends is lost: check that ${dir} is a directory that can be written and has room.`,
    );
    expect(outbox.left).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(`^the outbox ${dir} cannot be read: ENOTDIR`)]);
  });

  it('has nothing to forget: what was accepted is not said to be sent again [10.2, 12.5]', async () => {
    writeFileSync(dir, 'a file');
    const outbox = await open();
    await outbox.keep(messageOf(1)).catch(() => {});

    await outbox.forget(messageOf(1).id);

    expect(readFileSync(dir, 'utf8')).toBe('a file');
  });

  it('is not made where the state directory is gone, and with it the lock [12.5]', async () => {
    const outbox = await open();
    rmSync(stateDir, { recursive: true });

    await expect(outbox.keep(messageOf(1))).rejects.toThrow(/^write .*ENOENT/);
    expect(existsSync(stateDir)).toBe(false);
  });

  it('goes on with the next one when it can be written again [12.5]', async () => {
    const outbox = await open();
    writeFileSync(dir, 'a file');
    await outbox.keep(messageOf(1)).catch(() => {});
    rmSync(dir);

    await outbox.keep(messageOf(2));

    expect(names()).toEqual([nameOf(2)]);
  });

  it('in a state directory that could not be made adds nothing to what was said of that [12.5]', async () => {
    const nowhere = path.join(stateDir, 'file');
    writeFileSync(nowhere, '');
    const locked = await lockStateDir(nowhere, { sysroot: '/', onProblem: (sentence) => problems.push(sentence) });

    const { outbox } = await locked.open(OURS);

    await expect(outbox.keep(messageOf(1))).rejects.toThrow(/^write .*ENOTDIR/);
    expect(outbox.left).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(`^open the state directory ${nowhere}`)]);
  });

  withUnshare('for want of room has what it had; a smaller message is kept then [12.5]', () => {
    const seen = onSmallDisk(`
      const outbox = await open();
      await outbox.keep(message(1));
      const big = { ...message(2), body: 'x'.repeat(100_000) };
      const problem = await outbox.keep(big).catch(({ message }) => message);
      await outbox.keep(message(3));
      console.log(JSON.stringify([problem, (await open()).left.map(({ id }) => id)]));`);

    expect(seen).toEqual([expect.stringMatching(/^write a message .*ENOSPC/), [messageOf(1).id, messageOf(3).id]]);
  });

  withUnshare('since its disk is read-only still gives what was left, and cannot forget it [12.5]', () => {
    const seen = onSmallDisk(`
      import { execFileSync } from 'node:child_process';
      await (await open()).keep(message(1));
      execFileSync('mount', ['-o', 'remount,ro', ${JSON.stringify(stateDir)}]);
      const outbox = await open();
      const outcomes = await Promise.allSettled([
        outbox.keep(message(2)),
        outbox.forget(message(2).id),
        outbox.forget(message(1).id),
      ]);
      console.log(JSON.stringify([outbox.left.length, outcomes.map(({ reason }) => reason?.message ?? '')]));`);

    expect(seen).toEqual([
      1,
      [
        expect.stringMatching(/^write a message .*EROFS/),
        // It was never there, so there is nothing to complain of.
        '',
        expect.stringMatching(/^remove a message .*EROFS/),
      ],
    ]);
  });
});

describe('an outbox on a disk that is slow to answer', () => {
  /** So much that no disk has it within a millisecond. */
  const long = messageOf(1, { body: 'x'.repeat(12 * 1024 * 1024) });

  it('keeps nobody waiting, and may have the message later all the same [12.5, 10.2]', async () => {
    const outbox = await open({ patienceMs: 1 });

    await expect(outbox.keep(long)).rejects.toThrow(/the disk did not answer within 0\.001 s\. Messages are sent/);

    await eventually(
      async () => existsSync(fileOf(1)),
      (there) => there,
    );
  });

  it('forgets it in the end when it was accepted meanwhile [12.5, 10.2]', async () => {
    const outbox = await open({ patienceMs: 1 });
    await outbox.keep(long).catch(() => {});

    await expect(outbox.forget(long.id)).rejects.toThrow('the disk did not answer');

    await outbox.forget(messageOf(2).id).catch(() => {});
    await eventually(
      async () => (existsSync(dir) ? names() : ['none yet']),
      (there) => there.length === 0,
    );
  });

  it('does not hold up the end [12.5]', async () => {
    const outbox = await open({ patienceMs: 1 });
    outbox.keep(long).catch(() => {});

    await outbox.settled();

    expect(existsSync(fileOf(1))).toBe(false);
  });
});

/** What a process says whose state directory is a disk of 64 KiB. */
function onSmallDisk(text: string): unknown {
  const mounting = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"';
  const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', mounting, stateDir];
  const { stdout, stderr } = spawnSync('unshare', [...args, process.execPath, ...processArgs(text)], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}
