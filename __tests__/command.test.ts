import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createCommands, type PreparedCommand, type RunningCommand } from '../adapters/command.ts';
import type { CommandResult } from '../config/vocabulary.ts';

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? it : it.skip;
const asOrdinaryUser = isRoot ? it.skip : it;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'commands-'));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A command that ran: its result, and what was told meanwhile. */
interface Told {
  result: CommandResult;
  lines: string[];
  /** `stdout` or `stderr`, for each line. */
  streams: string[];
  startedAtMs: number[];
}

interface Asked extends Partial<PreparedCommand> {
  /** Called with each line, and the running command in hand. */
  onLine?(line: string, running: RunningCommand): unknown;
  onStart?(running: RunningCommand): void;
  allJsonDir?: string;
}

/** Runs `argv`, by default successful with 0 and with nothing special. */
function run(argv: string[], asked: Asked = {}): Promise<Told> {
  const { onLine, onStart, allJsonDir = path.join(folder, 'json'), ...rest } = asked;
  const told: Omit<Told, 'result'> = { lines: [], streams: [], startedAtMs: [] };
  return new Promise((resolve) => {
    const commands = createCommands({ allJsonDir });
    const command = { argv, env: {}, success: [[0, 0] as const], allJson: '{}', ...rest };
    const running = commands.start(command, {
      started: (atMs) => {
        told.startedAtMs.push(atMs);
        onStart?.(running);
      },
      output: (line, stream) => {
        told.lines.push(line);
        told.streams.push(stream);
        onLine?.(line, running);
      },
      ended: (result) => resolve({ result, ...told }),
    });
  });
}

const sh = (script: string, asked?: Asked) => run(['/bin/sh', '-c', script], asked);

/** Writes an executable file into the test's folder. */
function program(name: string, content: string, mode = 0o755): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

/** True while a process with this id is there and no zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100 && isAlive(pid); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  return !isAlive(pid);
}

describe('a command', () => {
  it('gets its arguments as they are, and no shell looks at them [8.1]', async () => {
    const { lines } = await run(['printf', '%s\n', '$HOME', 'a b', '*', '"']);

    expect(lines).toEqual(['$HOME', 'a b', '*', '"']);
  });

  it('is not handed to a shell when it is a script without #! either [8.1]', async () => {
    const file = program('no-interpreter', 'echo this was a shell\n');

    const { result, lines } = await run([file]);

    expect(lines).toEqual([]);
    expect(result.problem).toBe(
      `could not be started: ${file} is a script without "#!" and its interpreter in the first line`,
    );
  });

  it('has /dev/null as its input [8.1]', async () => {
    const { lines } = await run(['readlink', '/proc/self/fd/0']);

    expect(lines).toEqual(['/dev/null']);
  });

  it('tells when it started, and how long it took [8.3]', async () => {
    const before = performance.now();

    const { result, startedAtMs } = await run(['sleep', '0.2']);

    expect(startedAtMs).toHaveLength(1);
    expect(startedAtMs[0]).toBeGreaterThanOrEqual(before);
    expect(result.durationMs).toBeGreaterThanOrEqual(190);
    expect(result.durationMs).toBeLessThan(5_000);
  });
});

describe('success', () => {
  it.each([
    { script: 'exit 0', success: [[0, 0]] as const, succeeded: true },
    { script: 'exit 3', success: [[0, 0]] as const, succeeded: false },
    {
      script: 'exit 3',
      success: [
        [0, 1],
        [3, 3],
      ] as const,
      succeeded: true,
    },
    { script: 'exit 142', success: [[100, 142]] as const, succeeded: true },
    { script: 'exit 99', success: null, succeeded: true },
    { script: 'kill -TERM $$', success: [[143, 143]] as const, succeeded: true },
    { script: 'kill -TERM $$', success: [[0, 0]] as const, succeeded: false },
    { script: 'kill -KILL $$', success: null, succeeded: true },
  ])('of "$script" against $success is $succeeded [8.3]', async ({ script, success, succeeded }) => {
    const { result } = await sh(script, { success });

    expect(result).toMatchObject({ succeeded });
    expect(result.problem).toBeUndefined();
  });

  it('leaves the exit code empty and names the signal when one ended the command [8.3]', async () => {
    const { result } = await sh('kill -TERM $$');

    expect(result).toMatchObject({ exitCode: null, signal: 'SIGTERM' });
  });
});

describe('a command that could not be started has failed whatever ec says, and tells why [8.3]:', () => {
  const cases: Array<{ what: string; argv: () => string[]; asked?: Asked; why: RegExp }> = [
    { what: 'no such program', argv: () => ['no-such-thing'], why: /no program "no-such-thing" in PATH \(.*bin/ },
    { what: 'no such file', argv: () => ['/no/such/file'], why: /there is no file \/no\/such\/file$/ },
    { what: 'not executable', argv: () => [program('plain', '#!/bin/sh\n', 0o644)], why: /plain is not executable$/ },
    { what: 'a folder', argv: () => ['/usr'], why: /there is no file \/usr$/ },
    {
      what: 'its interpreter is missing',
      argv: () => [program('dos', '#!/bin/sh\r\necho\r\n')],
      why: /dos asks for the interpreter "\/bin\/sh\\r", which does not exist$/,
    },
    {
      what: 'no working directory',
      argv: () => ['true'],
      asked: { cwd: '/no/where' },
      why: /working directory \/no\/where .*ENOENT/,
    },
    {
      what: 'working directory is a file',
      argv: () => ['true'],
      asked: { cwd: '/etc/passwd' },
      why: /passwd .*ENOTDIR/,
    },
    {
      what: 'no such user',
      argv: () => ['true'],
      asked: { user: 'no-such-user' },
      why: /there is no user no-such-user$/,
    },
    { what: 'a NUL in an argument', argv: () => ['echo', 'a\0b'], why: /"a\\u0000b" holds a NUL/ },
    { what: 'a NUL in a variable', argv: () => ['true'], asked: { env: { A: '\0' } }, why: /holds a NUL/ },
    { what: 'no argument at all', argv: () => [], why: /argv is empty$/ },
    {
      what: 'more arguments than the kernel takes',
      argv: () => ['true', ...Array(100).fill('x'.repeat(130_000))],
      why: /E2BIG/,
    },
  ];

  it.each(cases)('$what', async ({ argv, asked, why }) => {
    const { result, startedAtMs } = await run(argv(), { ...asked, success: null });

    expect(result).toMatchObject({ succeeded: false, exitCode: null, signal: null, outputTail: '' });
    expect(result.problem).toMatch(/^could not be started: /);
    expect(result.problem).toMatch(why);
    expect(startedAtMs).toEqual([]);
  });

  it('and leaves no file behind', async () => {
    const allJsonDir = mkdtempSync(path.join(folder, 'left-'));

    await run(['true', ...Array(100).fill('x'.repeat(130_000))], { allJsonDir });

    expect(readdirSync(allJsonDir)).toEqual([]);
  });
});

describe('a signal', () => {
  it('reaches the whole process group [8.5]', async () => {
    const { result, lines } = await sh('sleep 60 & echo $!; wait', {
      onLine: (_, running) => running.signal('SIGTERM'),
    });

    expect(result).toMatchObject({
      succeeded: false,
      signal: 'SIGTERM',
      problem: 'ran out of time and was ended by SIGTERM',
    });
    expect(await gone(Number(lines[0]))).toBe(true);
  });

  it('means that time ran out: a failure whatever ec says, even if the command then exits with 0 [8.3]', async () => {
    const { result } = await sh('trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done', {
      success: null,
      onLine: (line, running) => line === 'ready' && running.signal('SIGTERM'),
    });

    expect(result).toMatchObject({
      exitCode: 0,
      succeeded: false,
      problem: 'ran out of time and exited with 0 after SIGTERM',
    });
  });

  it('can be followed by one that nobody can ignore [8.5]', async () => {
    const { result } = await sh('trap "echo ignored" TERM; echo ready; while :; do sleep 0.05; done', {
      onLine: (line, running) => running.signal(line === 'ready' ? 'SIGTERM' : 'SIGKILL'),
    });

    expect(result).toMatchObject({ signal: 'SIGKILL', problem: 'ran out of time and was ended by SIGKILL' });
  });

  it('that comes before the process is there keeps it from starting [8.3]', async () => {
    const ended = new Promise<CommandResult>((resolve) => {
      const command = { argv: ['touch', path.join(folder, 'never')], env: {}, success: null, allJson: '{}' };
      const listener = { started: () => {}, output: () => {}, ended: resolve };
      createCommands({ allJsonDir: folder }).start(command, listener).signal('SIGTERM');
    });

    expect(await ended).toMatchObject({
      succeeded: false,
      problem: 'could not be started: its time was over before it began',
    });
    expect(existsSync(path.join(folder, 'never'))).toBe(false);
  });

  it('to a command that is over is no error and changes nothing', async () => {
    let running: RunningCommand | undefined;

    const { result } = await run(['true'], {
      onStart: (command) => {
        running = command;
      },
    });
    running?.signal('SIGKILL');

    expect(result).toMatchObject({ succeeded: true, exitCode: 0 });
  });
});

describe('background children', () => {
  it('do not keep a command from ending, though they hold its pipes [8.4]', async () => {
    const { result, lines } = await sh('sleep 30 & echo $!');

    const child = Number(lines[0]);
    expect(result).toMatchObject({ succeeded: true, exitCode: 0 });
    expect(isAlive(child)).toBe(true);
    process.kill(child);
  });

  it('are heard for a second, and read on after it: a word of theirs must not kill them [8.4]', async () => {
    const { lines } = await sh(
      '(sleep 0.2; echo late; sleep 1.3; echo too late; echo still here >&2; exec sleep 30) & echo $!',
    );

    const child = Number(lines[0]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(lines.slice(1)).toEqual(['late']);
    expect(isAlive(child)).toBe(true);
    process.kill(child);
  });

  it('do not count into how long it took [8.4]', async () => {
    const { result, lines } = await sh('sleep 30 & echo $!');

    process.kill(Number(lines[0]));
    expect(result.durationMs).toBeLessThan(900);
  });
});

describe('output', () => {
  it('is told by line and stream [8.7]', async () => {
    const { lines, streams } = await sh('echo one; sleep 0.1; echo two >&2; sleep 0.1; printf "three\\r\\nrest"');

    expect(lines).toEqual(['one', 'two', 'three', 'rest']);
    expect(streams).toEqual(['stdout', 'stderr', 'stdout', 'stdout']);
  });

  it('is decoded across chunks [8.7]', async () => {
    const { lines, result } = await sh(
      "printf '\\342\\202'; sleep 0.2; printf '\\254 and \\360\\237'; sleep 0.2; printf '\\220\\237\\n'",
    );

    expect(lines).toEqual(['€ and 🐟']);
    expect(result.outputTail).toBe('€ and 🐟\n');
  });

  it('loses nothing of many lines [8.7]', async () => {
    const { lines } = await run(['seq', '20000']);

    expect(lines).toHaveLength(20_000);
    expect(lines.at(-1)).toBe('20000');
  });

  it('comes in pieces where a line does not end [8.7]', async () => {
    const { lines } = await sh('head -c 100000 /dev/zero | tr "\\0" x');

    expect(lines.join('')).toBe('x'.repeat(100_000));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(10_000);
  });

  it('keeps the last 4 KiB of both streams, never half a character [8.7]', async () => {
    const { result } = await sh('printf a; for i in $(seq 3000); do printf €; done; echo; echo end >&2');

    expect(Buffer.byteLength(result.outputTail)).toBeLessThanOrEqual(4_096);
    expect(Buffer.byteLength(result.outputTail)).toBeGreaterThan(4_090);
    expect(result.outputTail).toMatch(/^€+\nend\n$/);
  });

  it('waits in its pipe when it is a flood and telling takes time, and the daemon goes on meanwhile [8.7]', async () => {
    let longestPauseMs = 0;
    let last = performance.now();
    const ticking = setInterval(() => {
      longestPauseMs = Math.max(longestPauseMs, performance.now() - last);
      last = performance.now();
    }, 10);
    const before = process.memoryUsage.rss();

    const { result, lines } = await flood(1_500);

    clearInterval(ticking);
    expect(result.problem).toBe('ran out of time and was ended by SIGKILL');
    expect(lines).toBeGreaterThan(1_000);
    // A pipe's worth of these lines in one go would take more than a second and a half.
    expect(longestPauseMs).toBeLessThan(1_000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024);
  });
});

/** `yes` for a while, each line of which takes 50 µs to tell and is not kept. */
function flood(forMs: number): Promise<{ result: CommandResult; lines: number }> {
  let lines = 0;
  const busy = () => {
    lines += 1;
    for (const until = performance.now() + 0.05; performance.now() < until; );
  };
  return new Promise((resolve) => {
    const command = { argv: ['yes'], env: {}, success: null, allJson: '{}' };
    const running = createCommands({ allJsonDir: path.join(folder, 'json') }).start(command, {
      started: () => setTimeout(() => running.signal('SIGKILL'), forMs),
      output: busy,
      ended: (result) => resolve({ result, lines }),
    });
  });
}

describe('the environment', () => {
  it("is ours with the command's own on top [8.8]", async () => {
    process.env.TEST_OURS = 'ours';
    process.env.TEST_BOTH = 'ours';

    const { lines } = await run(['printenv', 'TEST_OURS', 'TEST_BOTH', 'TEST_THEIRS'], {
      env: { TEST_BOTH: 'line', TEST_THEIRS: 'line' },
    });

    delete process.env.TEST_OURS;
    delete process.env.TEST_BOTH;
    expect(lines).toEqual(['ours', 'line', 'line']);
  });

  it('never holds what would let a child speak in our name [8.6]', async () => {
    Object.assign(process.env, { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '1', WATCHDOG_PID: '1' });

    const { lines } = await run(['env']);

    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete process.env[name];
    expect(lines.filter((line) => /^(NOTIFY|WATCHDOG)_/.test(line))).toEqual([]);
  });

  it('names a file of mode 0600 with the long values, which is gone afterwards [8.6]', async () => {
    const { lines } = await sh(
      'echo $EC2FLEETD_ALL_JSON_FILE; stat -c %a:%u $EC2FLEETD_ALL_JSON_FILE; cat $EC2FLEETD_ALL_JSON_FILE',
      {
        allJson: '{"domain":"web"}',
      },
    );

    expect(lines.slice(1)).toEqual([`600:${process.getuid?.()}`, '{"domain":"web"}']);
    expect(existsSync(lines[0] ?? '')).toBe(false);
  });

  it('goes without that file when it cannot be written: the command runs all the same, and the output says so', async () => {
    const { result, lines } = await sh('echo "[$EC2FLEETD_ALL_JSON_FILE]"', { allJsonDir: '/etc/passwd/no' });

    expect(result.succeeded).toBe(true);
    expect(lines).toEqual([expect.stringMatching(/^ec2fleetd: EC2FLEETD_ALL_JSON_FILE is not set: /), '[]']);
  });

  it('and the arguments are cut, with a mark, where one is longer than the kernel takes [8.6]', async () => {
    const long = 'é'.repeat(100_000);

    const argument = await run(['printf', '%s', long]);
    const variable = await run(['printenv', 'LONG'], { env: { LONG: long } });

    for (const { lines, result } of [argument, variable]) {
      expect(result.exitCode).toBe(0);
      expect(lines.join('')).toMatch(/^é{60000,} \[cut by ec2fleetd\]$/);
    }
    expect(argument.result.argv[2]).toHaveLength(100_000);
  });
});

describe('where and as whom', () => {
  it('cwd says where, also for a program named relative to it [8.8]', async () => {
    program('here', '#!/bin/sh\npwd\n');

    const { lines } = await run(['./here'], { cwd: folder });

    expect(lines).toEqual([folder]);
  });

  asRoot('user says as whom: its groups, without ours, and its HOME [8.8]', async () => {
    const user = userWithGroups() ?? 'daemon';
    const ours = process.getgroups?.() ?? [];
    process.setgroups?.([...ours, 3, 12]);

    const { lines } = await sh('id -un; id -G; echo $HOME $USER $LOGNAME', { user });

    process.setgroups?.(ours);
    const home = execFileSync('getent', ['passwd', user]).toString().split(':')[5];
    const groups = execFileSync('id', ['-G', user]).toString().trim();
    expect(lines).toEqual([user, groups, `${home} ${user} ${user}`]);
  });

  asRoot('a user by number is one too, and the file is its own [8.6, 8.8]', async () => {
    const { lines } = await sh('id -u; stat -c %a:%u $EC2FLEETD_ALL_JSON_FILE; cat $EC2FLEETD_ALL_JSON_FILE', {
      user: '1',
      allJson: 'all',
    });

    expect(lines).toEqual(['1', '600:1', 'all']);
  });

  asRoot('what the user may not run could not be started, whatever ec says [8.3, 8.8]', async () => {
    const file = program('for-root', '#!/bin/sh\n', 0o700);

    const { result } = await run([file], { user: 'nobody', success: null });

    expect(result).toMatchObject({ succeeded: false });
    expect(result.problem).toMatch(/^could not be started: setpriv: .*for-root.*Permission denied$/);
  });

  asRoot('a signal reaches a command of another user [8.5, 8.8]', async () => {
    const { result } = await sh('echo ready; sleep 30', {
      user: 'nobody',
      onLine: (_, running) => running.signal('SIGKILL'),
    });

    expect(result.signal).toBe('SIGKILL');
  });

  asOrdinaryUser('another user is refused in words to whom is not root [8.8]', async () => {
    const { result } = await run(['true'], { user: 'root', success: null });

    expect(result.problem).toMatch(/^could not be started: setpriv: /);
  });
});

/** Some user of this machine that is in more groups than its first, if there is one. */
function userWithGroups(): string | undefined {
  const groups = execFileSync('getent', ['group']).toString();
  return /:([^:,\n]+)(?:,[^:\n]*)?$/m.exec(groups)?.[1];
}
