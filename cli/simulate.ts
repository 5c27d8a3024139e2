/** `ec2fleetd simulate`: keeps a cloud in a box running until a signal comes. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { nameSentinels, volumeSentinels } from '../simulator/sentinels.ts';
import { type CallRecord, type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';

export interface SimulateOptions {
  /** Of the AWS endpoint; default: a free one. */
  port?: number;
  /** Of the instance metadata; default: a free one. */
  metadataPort?: number;
}

/** Prints the variables to export on standard output, and everything for people on standard error. */
export async function simulate(options: SimulateOptions): Promise<ExitStatus> {
  const sysroot = mkdtempSync(path.join(os.tmpdir(), 'ec2fleetd-simulate-'));
  try {
    await using cloud = await startCloud({ ...exampleWorld(sysroot), ...options });
    // Listening before anything is said: whoever reads the variables may send the signal at once.
    const stopped = signal();
    for (const [name, value] of Object.entries(cloud.environment())) console.log(`export ${name}=${value}`);
    console.error(introduction(cloud));
    // The metadata is asked every second; showing that would bury the rest.
    cloud.onCall((call) => call.service === 'imds' || console.error(lineOf(call)));
    await stopped;
    return exitStatus.done;
  } catch (error) {
    if (!isListenFailure(error)) throw error;
    console.error(
      `ec2fleetd: port ${error.port} cannot be used (${error.code}). Choose another one, or none for a free one.`,
    );
    return exitStatus.failed;
  } finally {
    rmSync(sysroot, { recursive: true, force: true });
  }
}

/** An instance with what a game server needs, and one of everything that fails on purpose. */
function exampleWorld(sysroot: string): CloudSetup {
  const failing = Object.values(volumeSentinels).map((word) => ({ id: `vol-${word}` }));
  return {
    // What EC2 and Route 53 mostly need, Route 53 in less time than there.
    attachMs: 1500,
    detachMs: 1500,
    insyncMs: 5000,
    instances: [{ tags: { Name: 'game-server' }, sysroot }],
    volumes: [{ id: 'vol-0123456789abcdef0', tags: { Name: 'world' } }, ...failing],
    hostedZones: [{ id: 'Z0123456789EXAMPLE', name: 'example.com' }],
    topics: ['game-server', 'game-server.fifo'],
    queues: ['game-server', 'game-server.fifo'],
  };
}

function introduction(cloud: Cloud): string {
  const queue = cloud.queueUrl('game-server');
  return `
A small AWS is running until Ctrl-C. It has instance ${cloud.instanceId}, volume vol-0123456789abcdef0,
hosted zone Z0123456789EXAMPLE (example.com), topic arn:aws:sns:eu-west-1:123456789012:game-server,
and queue ${queue}.

Look at it, and interrupt the instance:
  curl ${cloud.url}/_control
  curl ${cloud.url}/_control/state
  curl -X PUT -d '{"action":"terminate","inSeconds":120}' ${cloud.url}/_control/notice
  curl "${cloud.url}/?Action=DescribeVolumes"

Failures by name: volumes ${Object.values(volumeSentinels)
    .map((word) => `vol-${word}`)
    .join(', ')};
topics, queues and zones with ${Object.values(nameSentinels).join(' or ')} in their name.

Calls:`;
}

function lineOf({ startMs, endMs, service, operation, status, errorCode = '' }: CallRecord): string {
  const time = new Date(startMs).toISOString().slice(11, 23);
  return `${time} ${service} ${operation} ${status} ${errorCode} (${endMs - startMs} ms)`.replace('  ', ' ');
}

function signal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve());
  });
}

interface ListenFailure {
  code: string;
  port: number;
}

function isListenFailure(error: unknown): error is ListenFailure {
  return error instanceof Error && 'syscall' in error && error.syscall === 'listen' && 'port' in error;
}
