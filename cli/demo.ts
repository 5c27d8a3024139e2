/** `npm run demo`: the real daemon, as a process of its own, on an instance of the cloud in a box. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { type Cloud, startCloud } from '../simulator/server.ts';
import { bitcoin } from './demo/bitcoin.ts';
import type { Example } from './demo/example.ts';
import { gameServer } from './demo/game-server.ts';
import { callLine, type Line, type LogLine, logLine, messageLine } from './demo/tellers.ts';
import { createTimeline, type Timeline } from './demo/timeline.ts';

/** Longer than the story by far; a daemon that hangs is ended, and the demo has failed. */
const LIMIT_MS = 60_000;

/** How long the application runs before EC2 wants its machine back. */
const PLAYING_MS = 500;

const examples = { 'game-server': gameServer, bitcoin };

/** What `--example` takes: a key of the above. (cli/main.ts has the names, too, since it loads this file only when it is played.) */
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
  const sysroot = path.join(folder, 'root');
  await layOut(example, folder);
  await using cloud = await startCloud({ ...example.cloud, instances: [{ sysroot }] });
  cloud.changeInstance({ userData: example.configuration(path.join(folder, 'bin'), cloud.queueUrl('fleet-events')) });
  console.log(`${example.title}\n`);

  const startMs = Date.now();
  const timeline = createTimeline(console.log, startMs, process.stdout.isTTY === true && !process.env.NO_COLOR);
  // Where the temporary folder is, is no part of the story.
  const retell = (atMs: number, line: Line) =>
    line && timeline.tell(atMs, line.teller, line.text.replaceAll(sysroot, ''));
  cloud.onCall((call) => retell(call.endMs, callLine(call)));
  cloud.onMessage((message) => retell(message.atMs, messageLine(message)));

  timeline.tell(startMs, 'cloud', `instance ${cloud.instanceId} boots; its user data is the configuration`);
  const { code, signal } = await runDaemon(cloud, timeline, example, retell);
  timeline.tell(Date.now(), 'cloud', 'the instance runs on until EC2 takes it');
  timeline.end();
  return verdict(cloud, example, code, signal, Date.now() - startMs);
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

async function runDaemon(
  cloud: Cloud,
  timeline: Timeline,
  { told }: Example,
  retell: (atMs: number, line: Line) => void,
): Promise<{ code: number | null; signal: string | null }> {
  const daemon = spawnDaemon(cloud);
  const deadline = setTimeout(() => daemon.kill('SIGKILL'), LIMIT_MS);
  // However we end, the daemon does not stay behind.
  const cleanUp = () => daemon.kill('SIGKILL');
  process.once('exit', cleanUp);
  const lines = createInterface({ input: daemon.stderr as NodeJS.ReadableStream });
  const coming = new Set(Object.keys(told));
  lines.on('line', (text) => {
    const record = parseLine(text);
    retell(Date.parse(record.time), logLine(record));
    const isUpOrOver = record.message === 'domain started' || record.message === 'domain stopped';
    if (isUpOrOver && coming.delete(String(record.domain)) && coming.size === 0)
      setTimeout(takeBack, PLAYING_MS, cloud, timeline);
  });
  const [[code, signal]] = await Promise.all([once(daemon, 'exit'), once(lines, 'close')]);
  clearTimeout(deadline);
  process.off('exit', cleanUp);
  return { code, signal };
}

/** The built daemon, told nothing but where its cloud is. */
function spawnDaemon(cloud: Cloud): ChildProcess {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(AWS_|EC2FLEETD_|NOTIFY_SOCKET$|STATE_DIRECTORY$)/.test(name),
  );
  const main = process.argv[1] ?? '';
  return spawn(process.execPath, ['--disable-sigusr1', main, 'run', '--log-format=json'], {
    env: { ...Object.fromEntries(own), ...cloud.environment() },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
}

function takeBack(cloud: Cloud, timeline: Timeline): void {
  timeline.tell(Date.now(), 'cloud', 'EC2 wants its machine back: interruption notice, terminate in 120 s');
  cloud.interrupt({ action: 'terminate', inSeconds: 120 });
}

/** What is not a record, a crash for instance, is shown as it is. */
function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { time: new Date().toISOString(), level: 'error', message: text };
  }
}

function verdict(
  cloud: Cloud,
  { told, ending }: Example,
  code: number | null,
  signal: string | null,
  tookMs: number,
): ExitStatus {
  const published = cloud.published().map(({ message }) => JSON.parse(message));
  const eventsOf = (domain: string) =>
    published.filter((message) => message.domain === domain).map(({ daemon_state }) => daemon_state);
  const asTold =
    code === 0 && Object.entries(told).every(([domain, events]) => eventsOf(domain).join() === events.join());
  const calls = cloud.calls().filter(({ service }) => service !== 'imds').length;
  const seen = published.map(({ domain, daemon_state }) => `${domain} ${daemon_state}`);
  console.log(
    asTold
      ? `\n${ending[0]?.toUpperCase()}${ending.slice(1)}: exit 0 after ${(tookMs / 1000).toFixed(1)} s and ${calls} AWS calls.`
      : `\nThe story went wrong: exit ${code ?? signal}, events told: ${seen.join(', ') || 'none'}.`,
  );
  return asTold ? exitStatus.done : exitStatus.failed;
}
