/** Running one command line: a process group of its own, no shell, no input, and an end that background children cannot delay. */

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { messageOf } from '../config/errors.ts';
import { isSuccess } from '../config/exit-codes.ts';
import type { CommandLine, CommandResult, MonotonicMs } from '../config/vocabulary.ts';
import { removeLeftOver } from './command-files.ts';
import { groupEnd, signalGroup } from './command-group.ts';
import { followOutput, type StreamName } from './command-output.ts';
import { openPipes, type Pipes } from './command-pipes.ts';
import { type Launch, prepare, type Startable } from './command-start.ts';

/** A command line with macros expanded and everything inherited. */
export interface PreparedCommand extends Startable {
  /** Exit codes that count as success, as inclusive ranges; `null` accepts every one. A signal n counts as 128+n. */
  success: CommandLine['success'];
}

/** A command under way. */
export interface RunningCommand {
  /**
   * Signals the whole process group, because its time is over: whatever the exit code, the command has failed. From then on it
   * ends with the last of its group, or when SIGKILL was sent and its own process is over.
   * Before the process is there, both keep it from starting, and SIGKILL does not wait for what is still being made ready. Once
   * the process has ended by itself it does nothing.
   */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

/** What is told about a command, in this order: `started` at most once, the next two any number of times, `ended` exactly once. */
export interface CommandListener {
  /** The kernel runs it. */
  started(atMs: MonotonicMs): void;
  /** What of ours the command has to do without, as a sentence. */
  note?(text: string): void;
  /** One line without its end; very long ones come in pieces. May hold any character but line feed. */
  output(line: string, stream: 'stdout' | 'stderr'): void;
  ended(result: CommandResult): void;
}

/** What the daemon needs of the kernel's processes (behaviour.md 8). */
export interface Commands {
  /** Never throws: what cannot be started ends with a `problem` that says which and why. The listener is called later, never from inside. */
  start(command: PreparedCommand, listener: CommandListener): RunningCommand;
}

/** How long output may come in after the process has ended (behaviour.md 8.4). */
const LATE_OUTPUT_MS = 1_000;

/** @param options.allJsonDir where `EC2FLEETD_ALL_JSON_FILE` goes, for example `/run/ec2fleetd`; made when it is missing. */
export function createCommands(options: { allJsonDir: string }): Commands {
  void removeLeftOver(options.allJsonDir);
  return {
    start(command, listener) {
      const control: Control = { signals: new Set(), send: () => {} };
      void run(command, listener, control, options.allJsonDir);
      return {
        signal(name) {
          control.signals.add(name);
          control.send(name);
        },
      };
    },
  };
}

/** Between the caller, who may signal at any time, and whom it reaches at that time. */
interface Control {
  /** Asked for so far. */
  signals: Set<NodeJS.Signals>;
  send(name: NodeJS.Signals): void;
}

async function run(command: PreparedCommand, listener: CommandListener, control: Control, dir: string): Promise<void> {
  const launch = await prepareUnlessKilled(command, control, dir);
  if (typeof launch === 'string') return listener.ended(neverStarted(command, launch));

  const ended = await follow(launch, listener, control, dir);
  await launch.cleanUp();
  listener.ended(typeof ended === 'string' ? neverStarted(command, ended) : resultOf(command, ended));
}

/** All that the process is started with; a sentence when there is no starting it. */
async function prepareUnlessKilled(command: PreparedCommand, control: Control, dir: string): Promise<Launch | string> {
  const abandon = new AbortController();
  const killed = new Promise<void>((resolve) => {
    abandon.signal.onabort = () => resolve();
  });
  control.send = (name) => (name === 'SIGKILL' ? abandon.abort() : undefined);
  const launch = prepare(command, dir, abandon.signal).catch(messageOf);

  await Promise.race([launch, killed]);
  if (!abandon.signal.aborted) return launch;
  // What hangs, on a mount that does not answer, may come to itself long after.
  void launch.then((late) => (typeof late === 'string' ? undefined : late.cleanUp()));
  return 'its time was over while it was being prepared';
}

/** How a command ended. */
interface Ended extends End {
  durationMs: number;
  outputTail: string;
}

/** Starts the process and stays with it to its end; a sentence when it could not be started. */
async function follow(
  launch: Launch,
  listener: CommandListener,
  control: Control,
  dir: string,
): Promise<Ended | string> {
  const pipes = await openPipes(dir);
  const child =
    control.signals.size > 0
      ? 'its time was over before it began'
      : await startProcess(launch, pipes).catch(startProblem);
  await handOver(pipes, typeof child !== 'string');
  if (typeof child === 'string') return child;

  const startedMs = performance.now();
  listener.started(startedMs);
  if (launch.lack !== undefined) listener.note?.(launch.lack);
  const output = followOutput(child.streams, listener.output);
  const end = await endOf(child, control);
  const durationMs = Math.round(performance.now() - startedMs);
  await output.finish(LATE_OUTPUT_MS);
  const ended = { ...end, durationMs, outputTail: output.tail() };
  return (launch.changesUser && userProblem(ended)) || ended;
}

/** The process has its ends of the pipes, or never will. */
async function handOver(pipes: Pipes | undefined, isStarted: boolean): Promise<void> {
  for (const { stream, letGo } of pipes ? [pipes.stdout, pipes.stderr] : []) {
    await letGo();
    if (!isStarted) stream.destroy();
  }
}

/** How a process ended. */
interface Exit {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

interface Started {
  pid: number;
  streams: Record<StreamName, Readable>;
  exit: Promise<Exit>;
}

/** Resolves when the kernel runs it; rejects when it refuses. */
function startProcess({ file, args, env, cwd }: Launch, pipes: Pipes | undefined): Promise<Started> {
  return new Promise((resolve, reject) => {
    const stdio: StdioOptions = ['ignore', pipes?.stdout.descriptor ?? 'pipe', pipes?.stderr.descriptor ?? 'pipe'];
    // Detached makes it the leader of a group (and session) of its own, which can be signalled as one.
    const child = spawn(file, args, { env, cwd, detached: true, stdio });
    // Listened for at once: a short-lived process may be over before anybody looks again.
    const exit: Started['exit'] = new Promise((settle) => {
      child.on('exit', (exitCode, signal) => settle({ exitCode, signal }));
    });
    child.on('spawn', () => resolve({ pid: child.pid ?? 0, streams: streamsOf(child, pipes), exit }));
    child.on('error', reject);
  });
}

function streamsOf({ stdout, stderr }: ChildProcess, pipes: Pipes | undefined): Started['streams'] {
  const streams = { stdout: pipes?.stdout.stream ?? stdout, stderr: pipes?.stderr.stream ?? stderr };
  if (streams.stdout === null || streams.stderr === null) throw new Error('a process was started without its streams');
  return { stdout: streams.stdout, stderr: streams.stderr };
}

/** The kernel's refusals that a look beforehand cannot foresee. */
function startProblem(error: NodeJS.ErrnoException): string {
  if (error.code === 'E2BIG') return 'its arguments and environment together are longer than the kernel takes (E2BIG)';
  if (error.code === 'EAGAIN' || error.code === 'ENOMEM')
    return `the machine has no room for a process (${error.code})`;
  return error.message;
}

/** How a command's own process ended, and what became of the rest. */
interface End extends Exit {
  /** What it had been sent by then. */
  signals: NodeJS.Signals[];
  /** SIGKILL was for those that it left behind. */
  leftForKill: boolean;
}

/**
 * What ends by itself ends with its own process: what it left in the background lives on (behaviour.md 8.4). What was asked to end
 * is its whole group: a child that is still saving has its time, and gets its SIGKILL (8.5).
 */
async function endOf({ pid, exit }: Started, control: Control): Promise<End> {
  control.send = (name) => signalGroup(pid, name);
  for (const name of control.signals) control.send(name);
  const { exitCode, signal } = await exit;
  const signals = [...control.signals];
  const isKilled = () => control.signals.has('SIGKILL');
  if (signals.length > 0) await groupEnd(pid, isKilled);
  // From here on the number may be another's.
  control.send = () => {};
  return { exitCode, signal, signals, leftForKill: isKilled() && !signals.includes('SIGKILL') };
}

/** setpriv(1) says in one line, and with its own name first, why it did not become the command. */
function userProblem({ exitCode, outputTail }: Ended): string | undefined {
  return exitCode !== 0 ? /^setpriv: [^\n]+(?=\n?$)/.exec(outputTail)?.[0] : undefined;
}

function neverStarted({ argv }: PreparedCommand, why: string): CommandResult {
  const problem = `could not be started: ${why}`;
  return { argv, exitCode: null, signal: null, durationMs: 0, outputTail: '', succeeded: false, problem };
}

function resultOf({ argv, success }: PreparedCommand, ended: Ended): CommandResult {
  const { signals, leftForKill, ...how } = ended;
  if (signals.length === 0) return { argv, ...how, succeeded: isSuccess(success, codeOf(how)) };
  const end =
    how.signal === null ? `exited with ${how.exitCode} after ${signals.join(' and ')}` : `was ended by ${how.signal}`;
  const rest = leftForKill ? '; SIGKILL ended its children' : '';
  return { argv, ...how, succeeded: false, problem: `ran out of time and ${end}${rest}` };
}

/** The exit code, or for a signal n 128+n, as shells have it (behaviour.md 8.3). */
function codeOf({ exitCode, signal }: Exit): number {
  return exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
