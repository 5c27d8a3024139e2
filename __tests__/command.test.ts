import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createCommands, type PreparedCommand, type RunningCommand } from '../adapters/command.ts';
import { groupEnd } from '../adapters/command-group.ts';
import type { CommandResult } from '../config/vocabulary.ts';

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? it : it.skip;
const asOrdinaryUser = isRoot ? it.skip : it;
const withDeadMounts = canMount() ? it : it.skip;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'commands-'));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Also those of a test that hangs on one: it would hang the end of the process as well. */
const deadMounts: Disposable[] = [];
afterEach(() => {
  for (const mount of deadMounts.splice(0)) mount[Symbol.dispose]();
});

/** A command that ran: its result, and what was told meanwhile. */
interface Told {
  result: CommandResult;
  lines: string[];
  /** `stdout` or `stderr`, for each line. */
  streams: string[];
  notes: string[];
  startedAtMs: number[];
  endedAtMs: number;
}

/** A command under way, and what was told so far. */
interface Begun extends Omit<Told, 'result' | 'endedAtMs'> {
  running: RunningCommand;
  ended: Promise<Told>;
}

interface Asked extends Partial<PreparedCommand> {
  onStart?(running: RunningCommand): unknown;
  /** Called with each line, and the running command in hand. */
  onLine?(line: string, running: RunningCommand): unknown;
  allJsonDir?: string;
}

/** Begins to run `argv`, by default successful with 0 and with nothing special. */
function begin(argv: string[], asked: Asked = {}): Begun {
  const { onStart, onLine, allJsonDir = path.join(folder, 'json'), ...rest } = asked;
  const told = { lines: [] as string[], streams: [] as string[], notes: [] as string[], startedAtMs: [] as number[] };
  const command = { argv, env: {}, success: [[0, 0] as const], allJson: '{}', ...rest };
  const { promise, resolve } = Promise.withResolvers<Told>();
  const running = createCommands({ allJsonDir }).start(command, {
    started: (atMs) => {
      told.startedAtMs.push(atMs);
      onStart?.(running);
    },
    note: (text) => told.notes.push(text),
    output: (line, stream) => {
      told.lines.push(line);
      told.streams.push(stream);
      onLine?.(line, running);
    },
    ended: (result) => resolve({ result, endedAtMs: performance.now(), ...told }),
  });
  return { running, ended: promise, ...told };
}

const run = (argv: string[], asked?: Asked) => begin(argv, asked).ended;
const sh = (script: string, asked?: Asked) => run(['/bin/sh', '-c', script], asked);
const beginSh = (script: string, asked?: Asked) => begin(['/bin/sh', '-c', script], asked);

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

/** False once it was waited for, too. */
const isThere = (pid: number) => existsSync(`/proc/${pid}`);

/** Whether an argument of any process on this machine begins with this path. */
function isNamedByAProcess(file: string): boolean {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.some((pid) => commandLineOf(pid).includes(`\0${file}`));
}

/** Empty for one that has just gone. */
function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Looks every few milliseconds, for less long than a test may last. */
async function until(condition: () => boolean): Promise<void> {
  for (let looks = 0; !condition(); looks++) {
    if (looks === 1_000) throw new Error(`waited in vain until ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A file that a script waits for or writes, not there yet. */
function cue(): { file: string; isThere(): boolean; give(): void } {
  const file = path.join(mkdtempSync(path.join(folder, 'cue-')), 'cue');
  return { file, isThere: () => existsSync(file), give: () => writeFileSync(file, '') };
}

/** Shell: waits for a cue. */
const awaits = ({ file }: { file: string }) => `while [ ! -e ${file} ]; do sleep 0.02; done`;

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
    const begunAtMs = performance.now();
    const mayEnd = cue();
    const { ended, startedAtMs } = beginSh(awaits(mayEnd));
    await until(() => startedAtMs.length > 0);
    const runningAtMs = performance.now();

    mayEnd.give();
    const { result, endedAtMs } = await ended;

    const [atMs = 0, ...more] = startedAtMs;
    expect(more).toEqual([]);
    expect(atMs).toBeGreaterThanOrEqual(begunAtMs);
    expect(result.durationMs).toBeGreaterThanOrEqual(Math.floor(runningAtMs - atMs));
    expect(result.durationMs).toBeLessThanOrEqual(Math.ceil(endedAtMs - atMs));
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
  it('reaches the whole process group, grandchildren too [8.5]', async () => {
    const { result, lines } = await sh('sh -c "sleep 60 & echo \\$!; wait" & wait', {
      onLine: (_, running) => running.signal('SIGTERM'),
    });

    expect(result).toMatchObject({
      succeeded: false,
      signal: 'SIGTERM',
      problem: 'ran out of time and was ended by SIGTERM',
    });
    expect(isAlive(Number(lines[0]))).toBe(false);
  });

  it('does not reach who has left the group: such a daemon is for systemd to end [8.5]', async () => {
    const { lines } = await sh("setsid sh -c 'echo $$; exec sleep 60 >/dev/null 2>&1' & wait", {
      onLine: (_, running) => running.signal('SIGKILL'),
    });

    const daemon = Number(lines[0]);
    expect(isAlive(daemon)).toBe(true);
    process.kill(daemon);
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

  it('that comes with its start is not lost [8.5]', async () => {
    const { result } = await run(['sleep', '30'], { onStart: (running) => running.signal('SIGTERM') });

    expect(result).toMatchObject({ signal: 'SIGTERM', problem: 'ran out of time and was ended by SIGTERM' });
  });

  it('to a command that is over is no error and changes nothing', async () => {
    const { running, ended } = begin(['true']);

    const { result } = await ended;
    running.signal('SIGKILL');

    expect(result).toMatchObject({ succeeded: true, exitCode: 0 });
  });
});

describe('a command that was asked to end', () => {
  /** Its child obeys no SIGTERM, and holds none of its pipes; `then` is what the child does. Tells its own id, then the child's. */
  const withChild = (then: string) =>
    beginSh(`echo $$; sh -c 'trap "" TERM; echo $$; exec >/dev/null 2>&1; ${then}' & wait`);

  it('is over with the last of its group: a child that is still saving has its time [8.5]', async () => {
    const [mayGoOn, saved] = [cue(), cue()];
    const { running, lines, ended } = withChild(`${awaits(mayGoOn)}; touch ${saved.file}`);
    const isSavedAtEnd = ended.then(() => saved.isThere());
    await until(() => lines.length === 2);

    running.signal('SIGTERM');
    await until(() => !isThere(Number(lines[0])));
    mayGoOn.give();

    expect(await isSavedAtEnd).toBe(true);
    expect((await ended).result.problem).toBe('ran out of time and was ended by SIGTERM');
  });

  it('takes such a child with it at SIGKILL: that one used to survive when its leader had obeyed SIGTERM [8.5]', async () => {
    const { running, lines, ended } = withChild('while :; do sleep 0.05; done');
    await until(() => lines.length === 2);

    running.signal('SIGTERM');
    await until(() => !isThere(Number(lines[0])));
    running.signal('SIGKILL');
    const { result } = await ended;
    await until(() => !isAlive(Number(lines[1])));

    expect(result).toMatchObject({
      signal: 'SIGTERM',
      problem: 'ran out of time and was ended by SIGTERM; SIGKILL ended its children',
    });
  });

  it('is over though a zombie is left in its group, which somebody outside does not reap [8.5]', async () => {
    const neglecting = "(sleep 60 & exec setsid sh -c 'echo $$; exec sleep 60 >/dev/null 2>&1')";
    const { running, lines, ended } = beginSh(`trap "exit 0" TERM; echo $$; ${neglecting} & wait`);
    // While it is still a shell it may reap.
    await until(() => lines.length === 2 && readFileSync(`/proc/${lines[1]}/comm`, 'utf8') === 'sleep\n');

    running.signal('SIGTERM');
    const { result } = await ended;

    const [leader = 0, neglectful = 0] = lines.map(Number);
    expect(result.problem).toBe('ran out of time and exited with 0 after SIGTERM');
    expect(process.kill(-leader, 0)).toBe(true);
    process.kill(neglectful);
  });
});

describe('the end of a process group', () => {
  it('is awaited no longer once it is given up: whom SIGKILL did not reach, nothing will [8.5]', async () => {
    const { running, lines, ended } = beginSh('echo $$; exec sleep 60');
    await until(() => lines.length === 1);
    const leader = Number(lines[0]);

    await groupEnd(leader, () => true);

    expect(isAlive(leader)).toBe(true);
    running.signal('SIGKILL');
    await ended;
  });
});

describe('a command that is being prepared', () => {
  it('does not start any more after SIGTERM [8.3]', async () => {
    using lookUp = slowLookUp();
    const started = cue();
    const { running, ended, startedAtMs } = begin(['touch', started.file], { user: userInfo().username });
    await until(lookUp.isUnderWay);

    running.signal('SIGTERM');
    lookUp.answer();
    const { result } = await ended;

    expect(result).toMatchObject({
      succeeded: false,
      problem: 'could not be started: its time was over before it began',
    });
    expect(startedAtMs).toEqual([]);
    expect(started.isThere()).toBe(false);
  });

  it('is over at once at SIGKILL, though what it waits for has not answered [8.5]', async () => {
    using lookUp = slowLookUp();
    const { running, ended, startedAtMs } = begin(['true'], { user: userInfo().username, success: null });
    await until(lookUp.isUnderWay);

    running.signal('SIGKILL');
    const { result } = await ended;

    expect(result).toMatchObject({
      succeeded: false,
      problem: 'could not be started: its time was over while it was being prepared',
    });
    expect(startedAtMs).toEqual([]);
  });

  it('leaves no file when it comes to itself after SIGKILL, and still does not start [8.6]', async () => {
    const allJsonDir = mkdtempSync(path.join(folder, 'abandoned-'));
    const started = cue();
    // Long enough to be seen while it is being written.
    const allJson = 'x'.repeat(64 * 1024 * 1024);
    const { running, ended } = begin(['touch', started.file], { allJsonDir, allJson });

    const watcher = watch(allJsonDir, () => running.signal('SIGKILL'));
    const { result } = await ended;
    watcher.close();
    await until(() => readdirSync(allJsonDir).length === 0);

    expect(result.problem).toBe('could not be started: its time was over while it was being prepared');
    expect(started.isThere()).toBe(false);
  });

  withDeadMounts('is over at once at SIGKILL, too, when a mount that it needs never answers [8.5]', async () => {
    const mount = deadMount();
    deadMounts.push(mount);
    const stuck = [
      begin(['true'], { cwd: mount.dir }),
      begin([path.join(mount.dir, 'program')]),
      begin(['program'], { env: { PATH: mount.dir } }),
    ];

    // By the end of another they hang.
    await run(['true']);
    for (const { running } of stuck) running.signal('SIGKILL');
    const results = await Promise.all(stuck.map(({ ended }) => ended));

    for (const { result } of results)
      expect(result.problem).toBe('could not be started: its time was over while it was being prepared');
    await until(() => !isNamedByAProcess(mount.dir));
  });

  withDeadMounts('holds up no other: a few dead mounts used to hold all of ours that looks at files', async () => {
    const mount = deadMount();
    deadMounts.push(mount);
    const stuck = Array.from({ length: 8 }, () => begin(['true'], { cwd: mount.dir }));

    const meanwhile = await run(['true'], { env: { PATH: `${process.env.PATH}:${mount.dir}` } });
    for (const { running } of stuck) running.signal('SIGKILL');
    await Promise.all(stuck.map(({ ended }) => ended));
    const afterwards = await run(['true']);

    expect([meanwhile, afterwards].map(({ result }) => result.succeeded)).toEqual([true, true]);
  });
});

/** A file system that never answers: a FUSE mount whose server says nothing. Whatever hangs on it ends when it is disposed of. */
function deadMount(): Disposable & { dir: string; isMounted: boolean } {
  const server = openSync('/dev/fuse', 'r+');
  const dir = mkdtempSync(path.join(tmpdir(), 'dead-'));
  // Without mount's helper for this type, which would not take a descriptor of ours.
  const args = ['-i', '-t', 'fuse', '-o', 'fd=3,rootmode=40000,user_id=0,group_id=0', 'dead', dir];
  const { status } = spawnSync('mount', args, { stdio: ['ignore', 'ignore', 'ignore', server] });
  return {
    dir,
    isMounted: status === 0,
    [Symbol.dispose]() {
      closeSync(server);
      if (status === 0) spawnSync('umount', ['-l', dir]);
      rmdirSync(dir);
    },
  };
}

/** Needs root, the device, and a container that lets it. */
function canMount(): boolean {
  try {
    using mount = deadMount();
    return mount.isMounted;
  } catch {
    return false;
  }
}

/** A directory service that answers when it is told to: a stand-in `getent` on the path. */
function slowLookUp(): Disposable & { isUnderWay(): boolean; answer(): void } {
  const [asked, mayAnswer] = [cue(), cue()];
  const getent = execFileSync('/bin/sh', ['-c', 'command -v getent']).toString().trim();
  const bin = mkdtempSync(path.join(folder, 'bin-'));
  program(
    path.join(path.basename(bin), 'getent'),
    `#!/bin/sh\ntouch ${asked.file}\n${awaits(mayAnswer)}\nexec ${getent} "$@"\n`,
  );
  const before = process.env.PATH;
  process.env.PATH = `${bin}:${before}`;
  return {
    isUnderWay: asked.isThere,
    answer: mayAnswer.give,
    [Symbol.dispose]() {
      mayAnswer.give();
      process.env.PATH = before;
    },
  };
}

describe('background children', () => {
  it('do not keep a command from ending, though they hold its pipes [8.4]', async () => {
    const { result, lines } = await sh('sleep 30 & echo $!');

    const child = Number(lines[0]);
    expect(result).toMatchObject({ succeeded: true, exitCode: 0 });
    expect(isAlive(child)).toBe(true);
    process.kill(child);
  });

  it('are heard for a second, and read on after it: a word of theirs must not kill them [8.4]', async () => {
    const [over, said] = [cue(), cue()];
    const late = 'while kill -0 $leader; do sleep 0.02; done 2>/dev/null; echo late';
    const tooLate = `${awaits(over)}; echo too late; echo still here >&2; touch ${said.file}`;
    const { ended, lines } = beginSh(`leader=$$; (${late}; ${tooLate}; exec sleep 30) & echo $!`);

    await ended;
    over.give();
    await until(said.isThere);

    const child = Number(lines[0]);
    expect(lines.slice(1)).toEqual(['late']);
    expect(isAlive(child)).toBe(true);
    process.kill(child);
  });

  it('do not count into how long it took [8.4]', async () => {
    const { result, lines, startedAtMs, endedAtMs } = await sh('sleep 30 & echo $!');

    process.kill(Number(lines[0]));
    expect(endedAtMs - (startedAtMs[0] ?? 0) - result.durationMs).toBeGreaterThan(900);
  });

  it('live on when a signal comes in that second: the command has ended by itself [8.4]', async () => {
    const { running, lines, ended } = beginSh('sleep 30 & echo $!; echo $$');
    await until(() => lines.length === 2 && !isThere(Number(lines[1])));

    running.signal('SIGKILL');
    const { result } = await ended;

    const child = Number(lines[0]);
    expect(result).toMatchObject({ succeeded: true, exitCode: 0 });
    expect(isAlive(child)).toBe(true);
    process.kill(child);
  });

  it('that write without end are read on slowly: they used to cost a CPU while they lived [8.4]', async () => {
    const over = cue();
    const { lines } = await sh(`(${awaits(over)}; exec yes) & echo $!`);
    const child = Number(lines[0]);

    over.give();
    await until(() => writtenBy(child) > 1024 * 1024);
    const from = { bytes: writtenBy(child), atMs: performance.now() };
    await until(() => writtenBy(child) > from.bytes + 1024 * 1024);
    const bytesAMs = (writtenBy(child) - from.bytes) / (performance.now() - from.atMs);

    process.kill(child);
    expect((bytesAMs * 1_000) / 1024 / 1024).toBeLessThan(4);
  });

  it('do not keep the daemon from ending, not even those that write without end [8.4]', async () => {
    const file = JSON.stringify(path.resolve('adapters/command.ts'));
    const command = { argv: ['/bin/sh', '-c', 'yes & :'], env: {}, success: null, allJson: '{}' };
    const daemon = `
      const { createCommands } = await import(${file});
      createCommands({ allJsonDir: ${JSON.stringify(folder)} }).start(${JSON.stringify(command)}, {
        started() {}, output() {}, ended: () => console.log('ended'),
      });`;

    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', daemon]);

    expect(stdout).toBe('ended\n');
  });
});

describe('output', () => {
  it('is told by line and stream [8.7]', async () => {
    const { lines, streams } = await sh('echo one; sleep 0.1; echo two >&2; sleep 0.1; printf "three\\r\\nrest"');

    expect(lines).toEqual(['one', 'two', 'three', 'rest']);
    expect(streams).toEqual(['stdout', 'stderr', 'stdout', 'stdout']);
  });

  it('comes also by the names of the two streams, which scripts write to [8.7]', async () => {
    const { lines, streams } = await sh('echo a >/dev/stderr; echo b >/dev/stdout; echo c >>/proc/self/fd/2');

    expect(lines.toSorted()).toEqual(['a', 'b', 'c']);
    expect(streams.toSorted()).toEqual(['stderr', 'stderr', 'stdout']);
  });

  asRoot('comes by those names of a command that runs as another user, too [8.7, 8.8]', async () => {
    const { lines } = await sh('echo a >/dev/stderr', { user: 'nobody' });

    expect(lines).toEqual(['a']);
  });

  it('comes all the same where no pipes can be made, by what Node has [8.7]', async () => {
    const { lines, result } = await sh('echo a; echo b >&2', { allJsonDir: '/dev/null/nowhere' });

    expect(lines.toSorted()).toEqual(['a', 'b']);
    expect(result.succeeded).toBe(true);
  });

  it('leaves no pipe behind by name, and none open [8.7]', async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    await sh('echo a');
    const before = open();

    for (let count = 0; count < 5; count += 1) await sh('echo a');
    await run(['/bin/sh'], { cwd: '/nowhere' });

    expect(open()).toBeLessThanOrEqual(before + 1);
    expect(readdirSync(path.join(folder, 'json'))).toEqual([]);
  });

  it('and macros of a daemon that was killed are tidied up after by the next one, those of others left alone [8.6]', async () => {
    const dir = path.join(folder, 'shared');
    const gone = spawnSync('/bin/true').pid;
    const uuid = '01234567-89ab-cdef-0123-456789abcdef';
    const names = [
      `all-${gone}-${uuid}`,
      `stderr-${gone}-${uuid}`,
      `all-1-${uuid}`,
      `all-${process.pid}-${uuid}`,
      'web.started',
    ];
    mkdirSync(dir);
    for (const name of names) writeFileSync(path.join(dir, name), '');

    await run(['/bin/true'], { allJsonDir: dir });

    expect(readdirSync(dir).toSorted()).toEqual(names.slice(2).toSorted());
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
    // Two pipes have no order among them: the second is written to when the first has been read.
    const isRead = cue();
    const script = `printf a; for i in $(seq 3000); do printf €; done; echo; ${awaits(isRead)}; echo end >&2`;
    const { result } = await sh(script, { onLine: () => isRead.give() });

    expect(Buffer.byteLength(result.outputTail)).toBeLessThanOrEqual(4_096);
    expect(Buffer.byteLength(result.outputTail)).toBeGreaterThan(4_090);
    expect(result.outputTail).toMatch(/^€+\nend\n$/);
  });

  it('of a flood waits in its pipe, and leaves the daemon its turn after some hundred lines [8.7]', async () => {
    let most = 0;
    let thisTurn = 0;
    let told = 0;
    let unread = 0;
    let yes = 0;
    const turns = everyTurn(() => {
      most = Math.max(most, thisTurn);
      thisTurn = 0;
    });

    const { result } = await sh('echo $$; exec yes', {
      onLine: (pid, running) => {
        thisTurn += 1;
        told += 1;
        if (told === 1) yes = Number(pid);
        if (told !== 50_000) return;
        unread = writtenBy(yes) - 2 * told;
        running.signal('SIGKILL');
      },
    });

    turns.end();
    expect(result.problem).toBe('ran out of time and was ended by SIGKILL');
    expect(most).toBeGreaterThan(0);
    // A pipe's worth of these lines is thirty times as many.
    expect(most).toBeLessThanOrEqual(1_000);
    expect(unread).toBeLessThan(1024 * 1024);
  });
});

/** Calls `look` once in each turn of the event loop. */
function everyTurn(look: () => void): { end(): void } {
  let next = setImmediate(turn);
  return { end: () => clearImmediate(next) };

  function turn(): void {
    look();
    next = setImmediate(turn);
  }
}

/** How many bytes a process has written so far. Source: proc_pid_io(5). */
function writtenBy(pid: number): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
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

  it("never holds what would let a child speak in our name, not from the command's own either [8.6]", async () => {
    const ours = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '1', WATCHDOG_PID: '1' };
    Object.assign(process.env, ours);

    const { lines } = await run(['env'], { env: ours });

    for (const name of Object.keys(ours)) delete process.env[name];
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

  it('names a file that is gone, too, when the command was ended [8.6]', async () => {
    const { lines } = await sh('echo $EC2FLEETD_ALL_JSON_FILE; sleep 30', {
      onLine: (line, running) => existsSync(line) && running.signal('SIGKILL'),
    });

    expect(existsSync(lines[0] ?? '')).toBe(false);
  });

  it('goes without that file when it cannot be written: the command runs all the same, and we say so, not it', async () => {
    const { result, lines, notes } = await sh('echo "[$EC2FLEETD_ALL_JSON_FILE]"', { allJsonDir: '/etc/passwd/no' });

    expect(result).toMatchObject({ succeeded: true, outputTail: '[]\n' });
    expect(lines).toEqual(['[]']);
    expect(notes).toEqual([expect.stringMatching(/^EC2FLEETD_ALL_JSON_FILE is not set: ENOTDIR/)]);
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
