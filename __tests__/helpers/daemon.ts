/** The built daemon as a process of its own, on an instance of a cloud in a box. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { gzipSync } from 'node:zlib';
import { type CloudSetup, type InstanceSetup, startCloud } from '../../simulator/server.ts';
import { bodyOf } from './message-body.ts';

/** Longer than any story here: a daemon that hangs is ended, and its test fails. */
const LIMIT_MS = 30_000;

export const VOLUME = 'vol-0a1b2c3d4e5f60718';
export const ZONE = 'Z0123456789EXAMPLE';
export const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:news';
export const QUEUE = 'events';

/** One record of the daemon's JSON log. */
export type LogRecord = Record<string, unknown> & { level: string; message: string };

export interface Daemon extends AsyncDisposable {
  pid: number;
  /** Its log so far. What is no record, such as a configuration problem, has level `text`. */
  log: LogRecord[];
  stdout(): string;
  /** Resolves with the first record that fits, past or to come. */
  says(fits: (record: LogRecord) => boolean): Promise<LogRecord>;
  /** Resolves when a domain has reached a state. */
  reaches(domain: string, state: string): Promise<LogRecord>;
  signal(name: NodeJS.Signals): void;
  ended: Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>;
}

export interface LabSetup extends CloudSetup {
  /** Instances beside the one that the daemon runs on. */
  others?: InstanceSetup[];
}

/** A temporary folder with a machine laid out in it, and a cloud with the things that most stories need. */
export async function startLab({ others = [], ...setup }: LabSetup = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ec2fleetd-lab-'));
  const sysroot = machineIn(folder);
  const cloud = await startCloud({
    volumes: [{ id: VOLUME }],
    hostedZones: [{ id: ZONE, name: 'example.com' }],
    topics: [TOPIC],
    queues: [QUEUE],
    instances: [{ sysroot }, ...others],
    ...setup,
  });
  return {
    folder,
    sysroot,
    cloud,
    /** The events told to the topic, in the order they came, each of the form that receivers are promised. */
    told: () => cloud.published().map(({ message }) => bodyOf(message)),
    calls: (operation: string) => cloud.calls().filter((call) => call.operation === operation),
    startedFlag: (domain: string) => existsSync(path.join(sysroot, 'run/ec2fleetd', `${domain}.started`)),
    async [Symbol.asyncDispose]() {
      await cloud.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type Lab = Awaited<ReturnType<typeof startLab>>;

/** Lays a machine out in a folder. @returns its root directory. */
export function machineIn(folder: string): string {
  const sysroot = path.join(folder, 'root');
  for (const part of ['dev', 'run', 'sys/block', 'proc/sys/kernel', 'var/lib'])
    mkdirSync(path.join(sysroot, part), { recursive: true });
  writeFileSync(path.join(sysroot, 'proc/sys/kernel/hostname'), 'localhost\n');
  return sysroot;
}

export interface DaemonOptions {
  /** As user data, or with `asFile` in a file that `--userdata` names. */
  configuration?: object | string;
  asFile?: boolean;
  args?: string[];
  environment?: NodeJS.ProcessEnv;
}

/** EC2 takes no more than 16 KiB of user data; gzip is what a longer one needs. */
function packed(text: string): string | Uint8Array {
  return Buffer.byteLength(text) > 16_384 ? gzipSync(text) : text;
}

/** Starts `dist/main.cjs` and nothing else. */
export function startDaemon(lab: Pick<Lab, 'cloud' | 'folder'>, options: DaemonOptions = {}): Daemon {
  const { configuration, asFile, args = [], environment = {} } = options;
  const text = typeof configuration === 'string' ? configuration : JSON.stringify(configuration, null, 2);
  const file = path.join(lab.folder, 'config.jsonc');
  if (text !== undefined && asFile) writeFileSync(file, text);
  else if (text !== undefined) lab.cloud.changeInstance({ userData: packed(text) });
  // Also of an instance without a machine of its own: the real machine's is nobody's to write to.
  const stateDir = path.join(lab.folder, 'root/var/lib/ec2fleetd');
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(AWS_|EC2FLEETD_|NOTIFY_SOCKET$|STATE_DIRECTORY$|NODE_OPTIONS$)/.test(name),
  );
  return follow(
    spawn(process.execPath, ['dist/main.cjs', 'run', ...(asFile ? [`--userdata=${file}`] : []), ...args], {
      env: { ...Object.fromEntries(own), STATE_DIRECTORY: stateDir, ...lab.cloud.environment(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

function follow(child: ChildProcess): Daemon {
  const log: LogRecord[] = [];
  const listeners = new Set<() => void>();
  let stdout = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream });
  lines.on('line', (line) => {
    log.push(parse(line));
    for (const listener of [...listeners]) listener();
  });
  const deadline = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const ended = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (exitCode, signal) => {
      clearTimeout(deadline);
      resolve({ exitCode, signal });
      for (const listener of [...listeners]) listener();
    });
  });

  const says = (fits: (record: LogRecord) => boolean) =>
    new Promise<LogRecord>((resolve, reject) => {
      const look = () => {
        const found = log.find(fits);
        const isOver = child.exitCode !== null || child.signalCode !== null;
        if (found === undefined && !isOver) return;
        listeners.delete(look);
        if (found) resolve(found);
        else
          reject(
            new Error(`the daemon ended without saying it:\n${log.map((record) => JSON.stringify(record)).join('\n')}`),
          );
      };
      listeners.add(look);
      look();
    });
  return {
    pid: child.pid ?? 0,
    log,
    stdout: () => stdout,
    says,
    reaches: (domain, state) =>
      says((record) => record.domain === domain && record.state === state && record.message === `domain ${state}`),
    signal: (name) => void child.kill(name),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function parse(line: string): LogRecord {
  try {
    return JSON.parse(line);
  } catch {
    return { level: 'text', message: line };
  }
}
