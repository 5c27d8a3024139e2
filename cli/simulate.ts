/** `ec2fleetd simulate`: keeps a cloud in a box running until a signal comes, and lets happen in it what a scenario says. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ConfigError } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { instanceIdAt } from '../simulator/parts.ts';
import { orderText, parseScenario, playScenario, type Scenario, type Step } from '../simulator/scenario.ts';
import { nameSentinels, volumeSentinels } from '../simulator/sentinels.ts';
import { type CallRecord, type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { readConfigFile } from './config-file.ts';
import { problemStatus } from './report.ts';

export interface SimulateOptions {
  /** Of the AWS endpoint; default: a free one. */
  port?: number;
  /** Of the instance metadata; default: a free one. */
  metadataPort?: number;
  /** A file that says what there is and what happens; default: an example, in which nothing does. */
  scenario?: string;
}

/** Prints the variables to export on standard output, and everything for people on standard error. */
export async function simulate({ scenario: file, ...ports }: SimulateOptions): Promise<ExitStatus> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'ec2fleetd-simulate-'));
  try {
    const scenario = withSysroots(file === undefined ? { timeline: [] } : await readScenario(file), root);
    await using cloud = await startCloud({ ...scenario.world, ...ports });
    // Listening before anything is said: whoever reads the variables may send the signal at once.
    const stopped = signal();
    for (const [name, value] of Object.entries(cloud.environment())) console.log(`export ${name}=${value}`);
    console.error(file === undefined ? introduction(cloud) : announcement(cloud, scenario));
    // The metadata is asked every second; showing that would bury the rest.
    cloud.onCall((call) => call.service === 'imds' || console.error(lineOf(call)));
    playScenario(cloud, scenario, (step, launched) => console.error(performedLine(cloud, step, launched)));
    await stopped;
    return exitStatus.done;
  } catch (error) {
    return await statusOf(error);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function readScenario(file: string): Promise<Scenario> {
  return parseScenario(new TextDecoder().decode(await readConfigFile(file)), file);
}

/** Every instance, the later ones too, gets a machine of its own in which disks appear. */
function withSysroots({ world = exampleWorld(), timeline, ...rest }: Scenario, root: string): Scenario {
  let count = 0;
  const withSysroot = <T extends object>(instance: T) => ({ ...instance, sysroot: path.join(root, `${count++}`) });
  const instances = (world.instances ?? [{}]).map(withSysroot);
  const steps = timeline.map((step) => (step.order === 'launch' ? { ...step, value: withSysroot(step.value) } : step));
  return { ...rest, world: { ...world, instances }, timeline: steps as Step[] };
}

/** An instance with what a game server needs, and one of everything that fails on purpose. */
function exampleWorld(): CloudSetup {
  const failing = Object.values(volumeSentinels).map((word) => ({ id: `vol-${word}` }));
  return {
    // What EC2 and Route 53 mostly need, Route 53 in less time than there.
    attachMs: 1500,
    detachMs: 1500,
    insyncMs: 5000,
    instances: [{ tags: { Name: 'game-server' } }],
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

function announcement(cloud: Cloud, { title, timeline, world = {} }: Scenario): string {
  const ids = (world.instances ?? []).map(({ id }, index) => id ?? instanceIdAt(index));
  const has = [
    ...ids.map((id) => `instance ${id}, ${environmentText(cloud, id)}`),
    ...(world.volumes ?? []).map(({ id }) => `volume ${id}`),
    ...(world.hostedZones ?? []).map(({ id, name }) => `hosted zone ${id} (${name})`),
    ...(world.topics ?? []).map((topic) => `topic ${typeof topic === 'string' ? topic : topic.arn}`),
    ...(world.queues ?? []).map((queue) => `queue ${cloud.queueUrl(typeof queue === 'string' ? queue : queue.name)}`),
  ];
  const faults = (world.faults ?? []).map((fault) => `  from the start: fault ${JSON.stringify(fault)}`);
  const steps = timeline.map((step) => `  after ${step.atS} s: ${orderText(step)}`);
  const happens = [...faults, ...steps];
  return `
${title ?? 'A scenario'}. A small AWS is running until Ctrl-C. It has
${has.map((thing) => `  ${thing}`).join('\n')}

What happens:
${happens.length === 0 ? '  nothing' : happens.join('\n')}

Look at it:
  curl ${cloud.url}/_control/state

Orders and calls:`;
}

function environmentText(cloud: Cloud, instanceId: string): string {
  const { AWS_EC2_METADATA_SERVICE_ENDPOINT, EC2FLEETD_SYSROOT } = cloud.environment(instanceId);
  return `AWS_EC2_METADATA_SERVICE_ENDPOINT=${AWS_EC2_METADATA_SERVICE_ENDPOINT} EC2FLEETD_SYSROOT=${EC2FLEETD_SYSROOT}`;
}

function performedLine(cloud: Cloud, step: Step, launched: string | undefined): string {
  const what = launched === undefined ? '' : `: instance ${launched}, ${environmentText(cloud, launched)}`;
  return `${timeText(Date.now())} scenario ${orderText(step)}${what}`;
}

function lineOf({ startMs, endMs, service, operation, status, errorCode = '', faults = [] }: CallRecord): string {
  const why = faults.length === 0 ? '' : ` by fault: ${faults.join(', ')}`;
  const line = `${timeText(startMs)} ${service} ${operation} ${status} ${errorCode} (${endMs - startMs} ms)${why}`;
  return line.replace('  ', ' ');
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}

function signal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve());
  });
}

async function statusOf(error: unknown): Promise<ExitStatus> {
  if (error instanceof ConfigError) return await problemStatus(error);
  if (!isListenFailure(error)) throw error;
  console.error(
    `ec2fleetd: port ${error.port} cannot be used (${error.code}). Choose another one, or none for a free one.`,
  );
  return exitStatus.failed;
}

interface ListenFailure {
  code: string;
  port: number;
}

function isListenFailure(error: unknown): error is ListenFailure {
  return error instanceof Error && 'syscall' in error && error.syscall === 'listen' && 'port' in error;
}
