/** The message that docs/notifications.md shows: by the built daemon, on an instance of the cloud in a box that is interrupted. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Cloud, startCloud } from '../simulator/server.ts';

/** Longer than the story by far; a daemon that hangs is ended. */
const LIMIT_MS = 30_000;

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:fleet';
const VOLUME = 'vol-0123456789abcdef0';
const ZONE = 'Z0123456789ABCDEFGHIJ';

/** A game server with its volume and its record, told of its interruption alone. */
const configuration = {
  'interrupt-detection': { options: { interval: 0.1 } },
  domains: {
    'mc.example.com': {
      'attach-volume': [{ device: '/dev/sdf', source: 'x', 'volume-id': VOLUME }],
      'update-route53': [{ hostedzone: ZONE, name: 'mc.example.com', ttl: 60 }],
      exec: [{ on: 'interrupted', lines: [{ argv: ['/bin/sh', '-c', 'echo world saved'] }] }],
      notify: [{ backend: 'aws-sns', options: { topic: TOPIC }, matrix: { started: { enabled: false } } }],
    },
  },
};

/** The message as it was published. @param dist where the built daemon is. @throws when there is none. */
export async function exampleMessage(dist: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ec2fleetd-example-'));
  try {
    const sysroot = await machineIn(folder);
    await using cloud = await startCloud({
      instances: [{ id: 'i-0123456789abcdef0', sysroot, userData: JSON.stringify(configuration) }],
      volumes: [{ id: VOLUME }],
      hostedZones: [{ id: ZONE, name: 'example.com' }],
      topics: [TOPIC],
    });
    return await interrupted(cloud, dist);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function machineIn(folder: string): Promise<string> {
  const sysroot = path.join(folder, 'root');
  for (const part of ['dev', 'run', 'sys/block', 'proc/sys/kernel', 'var/lib'])
    await mkdir(path.join(sysroot, part), { recursive: true });
  await writeFile(path.join(sysroot, 'proc/sys/kernel/hostname'), 'localhost\n');
  return sysroot;
}

/** Interrupts the instance once the daemon has come up. */
async function interrupted(cloud: Cloud, dist: string): Promise<string> {
  const strange = /^(AWS_|EC2FLEETD_|NOTIFY_SOCKET$|STATE_DIRECTORY$|NODE_OPTIONS$)/;
  const own = Object.entries(process.env).filter(([name]) => !strange.test(name));
  const daemon = spawn(process.execPath, [path.resolve(dist, 'main.cjs'), 'run'], {
    // It has `/` under systemd, too, and the message says so.
    cwd: '/',
    env: { ...Object.fromEntries(own), TZ: 'Europe/Dublin', ...cloud.environment() },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: LIMIT_MS,
  });
  const ended = once(daemon, 'close');
  let log = '';
  daemon.stderr.on('data', (chunk) => {
    const isUp = /"message":"domain started"/;
    const wasUp = isUp.test(log);
    log += chunk;
    if (!wasUp && isUp.test(log)) cloud.interrupt({ action: 'terminate', inSeconds: 120 });
  });
  await ended;
  const [message] = cloud.published();
  if (message === undefined) throw new Error(`the daemon has sent no message:\n${log}`);
  return message.message;
}
