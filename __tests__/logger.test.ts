import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { createLog, type LogOptions } from '../adapters/logger.ts';

/** A log whose output is kept. `isTTY` makes its stream a terminal; a `stuck` one takes one write, and the next after `release()`. */
function kept({
  isTTY = false,
  stuck = false,
  format = 'auto',
  verbosity = 0,
}: Partial<LogOptions> & { isTTY?: boolean; stuck?: boolean } = {}) {
  let text = '';
  let release = () => {};
  const writable = new Writable({
    write(chunk, _, done) {
      text += chunk;
      if (!stuck) return done();
      release = done;
      stuck = false;
    },
  });
  const stream = Object.assign(writable, { isTTY });
  const log = createLog({ format, verbosity, stream });
  return { log, stream, text: () => text, lines: () => text.split('\n').slice(0, -1), release: () => release() };
}

const ESC = String.fromCharCode(27);

describe('as JSON', () => {
  it('a record is one line: time, level, message and fields [2.1]', async () => {
    const { log, lines } = kept();

    log.info('volumes attached', { domain: 'web', durationMs: 1520 });
    await log.close();

    expect(lines()).toHaveLength(1);
    expect(JSON.parse(lines()[0] ?? '')).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: 'info',
      message: 'volumes attached',
      domain: 'web',
      durationMs: 1520,
    });
  });

  it('what a command prints cannot begin a line of its own [8.7]', async () => {
    const { log, lines } = kept();

    log.info('harmless\n{"level":"error","message":"forged"}');
    await log.close();

    expect(lines()).toHaveLength(1);
  });

  it('a field cannot take the place of time, level or message', async () => {
    const { log, lines } = kept();

    log.warn('ours', { level: 'theirs', message: 'theirs', time: 'theirs' });
    await log.close();

    expect(JSON.parse(lines()[0] ?? '')).toMatchObject({
      level: 'warn',
      message: 'ours',
      level_: 'theirs',
      message_: 'theirs',
      time_: 'theirs',
    });
  });

  it('fields are told as they were, whatever happens to them later', async () => {
    const { log, lines } = kept();
    const fields = { volumes: ['vol-1'] };

    log.info('attached', fields);
    fields.volumes.push('vol-2');
    await log.close();

    expect(JSON.parse(lines()[0] ?? '').volumes).toEqual(['vol-1']);
  });

  it.each([
    { what: 'an error', value: new Error('refused'), told: 'refused' },
    {
      what: 'an error with a cause',
      value: new Error('no answer', { cause: new Error('ECONNREFUSED') }),
      told: 'no answer (ECONNREFUSED)',
    },
    { what: 'an error that has told its cause', value: new Error('a: b', { cause: new Error('b') }), told: 'a: b' },
    {
      what: 'an error of several, without a message',
      value: new AggregateError([new Error('one'), new Error('two')]),
      told: 'one; two',
    },
    { what: 'a date', value: new Date(0), told: '1970-01-01T00:00:00.000Z' },
    { what: 'a bigint', value: 5n, told: '5' },
    { what: 'a map', value: new Map([['a', 1]]), told: { a: 1 } },
    { what: 'an error in an object', value: { why: new Error('deep') }, told: { why: 'deep' } },
  ])('$what is told in a way that a person can read', async ({ value, told }) => {
    const { log, lines } = kept();

    log.error('failed', { value, left: undefined });
    await log.close();

    const record = JSON.parse(lines()[0] ?? '');
    expect(record.value).toEqual(told);
    expect(record).not.toHaveProperty('left');
  });

  it('an object that holds itself, or a text without end, has its limit', async () => {
    const { log, text } = kept();
    const circle: { self?: unknown } = {};
    circle.self = circle;

    log.info('round', { circle, long: 'x'.repeat(1_000_000) });
    await log.close();

    expect(text().length).toBeLessThan(50_000);
    expect(text()).toMatch(/"self":"…"/);
  });
});

describe('on a terminal', () => {
  it('a record begins with the time since the start, then domain, message and fields [2.1]', async () => {
    const { log, lines } = kept({ format: 'pretty' });

    log.info('disk is there', { domain: 'web', path: '/dev/nvme1n1', waitedFor: 'two words', count: 2 });
    await log.close();

    expect(lines()[0]).toMatch(
      /^ *\d+\.\d{3} {2}web {2}disk is there {2}path=\/dev\/nvme1n1 waitedFor="two words" count=2$/,
    );
  });

  it('what a command prints can neither begin a line of its own nor move the cursor; its colours are dropped [8.7]', async () => {
    const { log, lines } = kept({ format: 'pretty' });

    log.info(`${ESC}[31mred${ESC}[0m\nforged ${ESC}[2J\r\u0085\u202Eback`, { note: `a\n${ESC}c` });
    await log.close();

    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toMatch(/ {2}red\\nforged \\u001b\[2J\\u000d\\u0085\\u202eback {2}note="a\\n\\u001bc"$/);
  });

  it.each([
    { isTTY: true, format: 'auto', noColor: '', pretty: true, coloured: true },
    { isTTY: true, format: 'auto', noColor: '1', pretty: true, coloured: false },
    { isTTY: true, format: 'json', noColor: '', pretty: false, coloured: false },
    { isTTY: false, format: 'auto', noColor: '', pretty: false, coloured: false },
    { isTTY: false, format: 'pretty', noColor: '', pretty: true, coloured: false },
  ] as const)(
    'terminal $isTTY, --log-format=$format, NO_COLOR=$noColor: pretty $pretty, coloured $coloured [2.1]',
    async ({ isTTY, format, noColor, pretty, coloured }) => {
      const { log, text } = kept({ isTTY, format });
      const before = process.env.NO_COLOR;
      process.env.NO_COLOR = noColor;

      log.error('told', { domain: 'web' });
      await log.close();

      if (before === undefined) delete process.env.NO_COLOR;
      else process.env.NO_COLOR = before;
      expect(!text().startsWith('{')).toBe(pretty);
      expect(text().includes(ESC)).toBe(coloured);
    },
  );
});

it.each([
  { verbosity: 0, told: ['info', 'warn', 'error'] },
  { verbosity: 1, told: ['debug', 'info', 'warn', 'error'] },
])('with -v $verbosity times, $told are told [2.1]', async ({ verbosity, told }) => {
  const { log, lines } = kept({ verbosity });

  log.debug('d');
  log.info('i');
  log.warn('w');
  log.error('e');
  await log.close();

  expect(lines().map((line) => JSON.parse(line).level)).toEqual(told);
});

describe('while winston is still to be loaded', () => {
  it('records wait, in their order and with the time they were said at', async () => {
    const { log, lines, text } = kept();

    const before = Date.now();
    for (let count = 0; count < 100; count++) log.info(`${count}`);
    const said = Date.now();
    const writtenAtOnce = text();
    await log.close();

    const records = lines().map((line) => JSON.parse(line));
    expect(writtenAtOnce).toBe('');
    expect(records.map(({ message }) => Number(message))).toEqual([...Array(100).keys()]);
    for (const { time } of records) expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
    for (const { time } of records) expect(Date.parse(time)).toBeLessThanOrEqual(said);
  });

  it('a log that was never used closes all the same', async () => {
    await expect(kept().log.close()).resolves.toBeUndefined();
  });
});

describe('a reader', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'logger-'));
    writeFileSync(path.join(folder, 'talker.mts'), talker);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Says a number of things on its stderr, closes its log, and ends at once. */
  const talker = `
    import { createLog } from ${JSON.stringify(path.resolve(__dirname, '../adapters/logger.ts'))};
    const log = createLog({ format: 'json', verbosity: 0, stream: process.stderr });
    for (let count = 0; count < Number(process.argv[2]); count++) {
      log.info('line ' + count);
      if (count % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await log.close();
    process.exit(7);
  `;

  it('of a pipe gets everything, though the process ends right after close()', async () => {
    const talking = promisify(execFile)(process.execPath, [path.join(folder, 'talker.mts'), '20000'], {
      maxBuffer: 1e8,
    });
    const { code, stderr } = await talking.catch((error) => error);

    const lines = stderr.trimEnd().split('\n');
    expect(code).toBe(7);
    expect(lines).toHaveLength(20_000);
    expect(lines.at(-1)).toContain('line 19999');
  });

  it('that goes away silences the log and does no other harm', async () => {
    const child = spawn(process.execPath, [path.join(folder, 'talker.mts'), '20000'], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    child.stderr.once('data', () => child.stderr.destroy());

    const [code] = await once(child, 'exit');

    expect(code).toBe(7);
  });

  it('that takes nothing does not keep the process from ending', async () => {
    const child = spawn(process.execPath, [path.join(folder, 'talker.mts'), '20000'], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });

    const [code] = await once(child, 'exit');

    expect(code).toBe(7);
    child.stderr.destroy();
  });

  it('that is far behind gets a number in place of what was left out, so that memory has a limit', async () => {
    const lagging = kept({ stuck: true });
    lagging.log.info('first');
    while (lagging.text() === '') await new Promise((resolve) => setImmediate(resolve));
    for (let count = 0; count < 2_000; count++) lagging.log.info('x'.repeat(10_000));

    const behind = lagging.stream.writableLength;
    lagging.release();
    while (lagging.stream.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
    lagging.log.info('last');
    await lagging.log.close();

    expect(behind).toBeLessThan(5 * 1024 * 1024);
    expect(JSON.parse(lagging.lines().at(-2) ?? '').message).toMatch(
      /^\d+ log records were left out: their reader was too slow$/,
    );
    expect(JSON.parse(lagging.lines().at(-1) ?? '').message).toBe('last');
  });
});
