/** `npm run demo`: the real daemon, as a process of its own, on an instance of the cloud in a box. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { type Cloud, startCloud } from '../simulator/server.ts';
import { bitcoin } from './demo/bitcoin.ts';
import type { Example, Player, Stage } from './demo/example.ts';
import { gameServer } from './demo/game-server.ts';
import { pool } from './demo/pool.ts';
import { callLine, type Line, type LogLine, logLine, messageLine } from './demo/tellers.ts';
import { createTimeline, type Timeline } from './demo/timeline.ts';

/** Longer than each story by far; a daemon that hangs is ended, and the demo has failed. */
const LIMIT_MS = 60_000;

const examples = { 'game-server': gameServer, bitcoin, pool };

/** What `--example` takes: a key of the above. (cli/commands.ts has the names, too, since it loads this file only when it is played.) */
export type ExampleName = keyof typeof examples;

/** Plays the story; `done` only if it went as told. */
export async function demo(name: ExampleName): Promise<ExitStatus> {
  const example = examples[name];
  const folder = await mkdtemp(path.join(tmpdir(), 'ec2fleetd-demo-'));
  try {
    return await play(example, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function play(example: Example, folder: string): Promise<ExitStatus> {
  await layOut(example, folder);
  await using cloud = await startCloud({
    ...example.cloud,
    instances: instancesOf(example, folder),
    contents: path.join(folder, 'volumes'),
  });
  const userData = example.configuration(path.join(folder, 'bin'), cloud.queueUrl('fleet-events'));
  for (const instanceId of example.instances ?? [cloud.instanceId]) cloud.changeInstance({ userData }, instanceId);
  console.log(`${example.title}\n`);

  const startMs = Date.now();
  const timeline = createTimeline(console.log, startMs, process.stdout.isTTY === true && !process.env.NO_COLOR);
  // Where the temporary folders are, is no part of the story.
  const sysroots = new RegExp(`${RegExp.escape(folder)}/root-\\d+`, 'g');
  const retell = (atMs: number, line: Line, name = '') =>
    line && timeline.tell(atMs, line.teller, name + line.text.replaceAll(sysroots, ''));
  cloud.onCall((call) => retell(call.endMs, callLine(call)));
  cloud.onMessage((message) => retell(message.atMs, messageLine(message)));

  const { problem, exits } = await directed(example, cloud, timeline, retell);
  timeline.end();
  return verdict(cloud, example, problem ?? exits.find((exit) => exit !== 'exit 0'), Date.now() - startMs);
}

function instancesOf({ instances = [''] }: Example, folder: string) {
  return instances.map((id, index) => ({
    ...(id !== '' && { id }),
    sysroot: path.join(folder, `root-${index + 1}`),
  }));
}

/** The scripts, and what lies on the volumes. */
async function layOut({ scripts, files }: Example, folder: string): Promise<void> {
  await mkdir(path.join(folder, 'bin'), { recursive: true });
  for (const [name, text] of Object.entries(scripts)) {
    await writeFile(path.join(folder, 'bin', name), text, { mode: 0o755 });
  }
  for (const [volume, contents] of Object.entries(files)) {
    await mkdir(path.join(folder, volume));
    for (const [name, text] of Object.entries(contents)) await writeFile(path.join(folder, volume, name), text);
  }
}

/** How each daemon ended, in the order in which they were started; and what kept the story from being played to its end. */
interface Played {
  problem?: string;
  exits: string[];
}

async function directed(
  { direct }: Example,
  cloud: Cloud,
  timeline: Timeline,
  retell: (atMs: number, line: Line, name?: string) => void,
): Promise<Played> {
  const daemons: Daemon[] = [];
  const stage: Stage = {
    cloud,
    tell: (text) => timeline.tell(Date.now(), 'cloud', text),
    boot(instanceId, name) {
      const prefix = name === undefined ? '' : `${name}: `;
      const daemon = startDaemon(cloud, instanceId, (atMs, line) => retell(atMs, line, prefix));
      daemons.push(daemon);
      return daemon;
    },
    pass: (ms) => pause(ms),
  };
  const limit = setTimeout(() => daemons.forEach(({ kill }) => void kill()), LIMIT_MS);
  // However we end, no daemon stays behind.
  const cleanUp = () => daemons.forEach(({ kill }) => void kill());
  process.once('exit', cleanUp);
  try {
    await direct(stage);
    return { exits: await Promise.all(daemons.map(({ exit }) => exit)) };
  } catch (error) {
    cleanUp();
    return { problem: messageOf(error), exits: await Promise.all(daemons.map(({ exit }) => exit)) };
  } finally {
    clearTimeout(limit);
    process.off('exit', cleanUp);
  }
}

interface Daemon extends Player {
  /** For example `exit 0`, or `SIGKILL`. */
  exit: Promise<string>;
  kill(): void;
}

function startDaemon(cloud: Cloud, instanceId: string, retell: (atMs: number, line: Line) => void): Daemon {
  const child = spawnDaemon(cloud, instanceId);
  const awaited = new Set<{ isMeant: (line: LogLine) => boolean; resolve(): void; reject(error: Error): void }>();
  const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream });
  lines.on('line', (text) => {
    const record = parseLine(text);
    retell(Date.parse(record.time), logLine(record));
    for (const one of awaited) {
      if (!one.isMeant(record)) continue;
      awaited.delete(one);
      one.resolve();
    }
  });
  const exit = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(([[code, signal]]) => {
    const ending = signal === null ? `exit ${code}` : String(signal);
    for (const { reject } of awaited) reject(new Error(`the daemon ended (${ending}) before it came so far`));
    return ending;
  });
  return {
    says(isMeant) {
      const said = new Promise<void>((resolve, reject) => awaited.add({ isMeant, resolve, reject }));
      // A story may ask for a line long before it waits for it.
      said.catch(() => {});
      return said;
    },
    stop: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
    ended: exit.then(() => {}),
    exit,
  };
}

/** The built daemon, told nothing but where its cloud is. */
function spawnDaemon(cloud: Cloud, instanceId: string): ChildProcess {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(AWS_|EC2FLEETD_|NOTIFY_SOCKET$|STATE_DIRECTORY$)/.test(name),
  );
  const main = process.argv[1] ?? '';
  return spawn(process.execPath, ['--disable-sigusr1', main, 'run', '--log-format=json'], {
    env: { ...Object.fromEntries(own), ...cloud.environment(instanceId) },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
}

/** What is not a record, a crash for instance, is shown as it is. */
function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { time: new Date().toISOString(), level: 'error', message: text };
  }
}

function verdict(cloud: Cloud, { told, ending }: Example, problem: string | undefined, tookMs: number): ExitStatus {
  const published = cloud.published().map(({ message }) => JSON.parse(message));
  const eventsOf = (domain: string) =>
    published.filter((message) => message.domain === domain).map(({ daemon_state }) => daemon_state);
  const asTold =
    problem === undefined &&
    Object.entries(told).every(([domain, events]) => eventsOf(domain).join() === events.join());
  const calls = cloud.calls().filter(({ service }) => service !== 'imds').length;
  const seen = published.map(({ domain, daemon_state }) => `${domain} ${daemon_state}`);
  console.log(
    asTold
      ? `\n${ending[0]?.toUpperCase()}${ending.slice(1)}: exit 0 after ${(tookMs / 1000).toFixed(1)} s and ${calls} AWS calls.`
      : `\nThe story went wrong: ${problem ?? 'exit 0'}, events told: ${seen.join(', ') || 'none'}.`,
  );
  return asTold ? exitStatus.done : exitStatus.failed;
}
