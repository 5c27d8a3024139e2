import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { ConfigError } from '../config/errors.ts';
import { loadConfig } from '../config/load.ts';
import { orderText, parseScenario, playScenario, type Scenario, type Step } from '../simulator/scenario.ts';
import { orderNames } from '../simulator/scenario-orders.ts';
import { type Cloud, startCloud } from '../simulator/server.ts';
import { eventually } from './helpers/simulator-clients.ts';

const ME = 'i-0123456789abcde00';
const VOLUME = 'vol-00000000000000001';
const MAIN = path.join(__dirname, '../cli/main.ts');
const PUBLISHED = path.join(__dirname, '../docs/scenarios');

let cloud: Cloud | undefined;
let child: ChildProcess | undefined;
let folder: string | undefined;
afterEach(async () => {
  child?.kill('SIGKILL');
  await cloud?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
  [cloud, child, folder] = [undefined, undefined, undefined];
});

describe('a scenario file [13.1]', () => {
  it('holds a world in the words of the setup, and a timeline in those of the handle', () => {
    const scenario = parseScenario(
      `{
        "title": "A bad day", // with comments
        "world": { "attachMs": 1500, "volumes": [{ "id": "${VOLUME}" }], "topics": ["news"] },
        "timeline": [
          { "at": 30, "interrupt": { "action": "stop" } },
          { "at": 0.5, "fault": { "service": "sns", "kind": "hang" } },
        ],
      }`,
      'a.jsonc',
    );

    expect(scenario).toEqual({
      title: 'A bad day',
      world: { attachMs: 1500, volumes: [{ id: VOLUME }], topics: ['news'] },
      timeline: [
        { atS: 0.5, order: 'fault', value: { service: 'sns', kind: 'hang' } },
        { atS: 30, order: 'interrupt', value: { action: 'stop' } },
      ],
    });
  });

  it('has orders of one time in the order in which they stand', () => {
    const { timeline } = parsed({
      timeline: [
        { at: 1, reboot: {} },
        { at: 1, heal: {} },
        { at: 0, expireTokens: {} },
      ],
    });

    expect(timeline.map(({ order }) => order)).toEqual(['expireTokens', 'reboot', 'heal']);
  });

  it('may have user data as text, as bytes and as what they say, and null for what is not there', async () => {
    const { world, timeline } = parsed({
      world: {
        instances: [
          { userData: { domains: {} }, publicIpv4: null },
          { id: 'i-text', userData: '{}' },
          { id: 'i-bytes', userData: { base64: '/w==' } },
        ],
      },
      timeline: [{ at: 0, changeInstance: { rebalance: null, userData: null } }],
    });
    cloud = await startCloud(world);

    expect(String(Buffer.from(cloud.instance().userData ?? ''))).toBe('{"domains":{}}');
    expect(String(Buffer.from(cloud.instance('i-text').userData ?? ''))).toBe('{}');
    expect([...(cloud.instance('i-bytes').userData ?? [])]).toEqual([0xff]);
    expect(cloud.instance().publicIpv4).toBeUndefined();
    expect(timeline[0]?.value).toStrictEqual({ rebalance: undefined, userData: undefined });
  });

  it('may be no more than a timeline, or a world', () => {
    expect(parsed({ timeline: [] })).toEqual({ timeline: [] });
    expect(parsed({ world: {} })).toEqual({ world: {}, timeline: [] });
  });

  it.each([
    { file: '', says: [':1:1: the scenario is empty. Write at least { "timeline": [] }.'] },
    { file: 'at: 1', says: [':1:1: expected an object in braces'] },
    { file: '{ "world": { "volumes": [ }', says: [':1:27: '] },
    { file: '{ "tittle": "x" }', says: [':1:3 tittle: unknown key "tittle". Did you mean "title"?'] },
    { file: '{ "world": { "port": 5 } }', says: [':1:14 world.port: unknown key "port".'] },
    { file: '{ "world": { "attachMs": "5" } }', says: ['world.attachMs: expected a number of milliseconds, got "5"'] },
    { file: '{ "world": { "instances": [] } }', says: ['world.instances: expected a list of at least one instance'] },
    {
      file: '{ "world": { "instances": [{ "state": "walking" }] } }',
      says: ['world.instances[0].state: expected "pending" or "running"'],
    },
    {
      file: '{ "timeline": [{ "at": 1, "changeInstance": { "targetLifecycleState": "Warm" } }] }',
      says: ['timeline[0].changeInstance.targetLifecycleState: expected null or one of InService, '],
    },
    { file: '{ "world": { "volumes": [{}] } }', says: ['world.volumes[0]: "id" is missing.'] },
    {
      file: '{ "world": { "volumes": [{ "id": "vol-1" }] }, "timeline": [{ "at": 1, "addVolume": { "id": "vol-1" } }] }',
      says: ['timeline[0].addVolume.id: "vol-1" is given twice. Choose another id.'],
    },
    {
      file: '{ "world": { "throttling": { "Attach": {} } } }',
      says: ['world.throttling.Attach: unknown key "Attach".'],
    },
    {
      file: '{ "world": { "faults": [{ "kind": "hang", "ms": 5 }] } }',
      says: ['world.faults[0]: "ms" is none of service, operation, instanceId, resource, count, afterMs, forMs, which'],
    },
    {
      file: '{ "world": { "instances": [{ "metadataFaults": [{ "kind": "flood" }] }] } }',
      says: ['world.instances[0].metadataFaults[0]: "kind" is one of status, hang, reset, latency'],
    },
    // What has a wrong form has no second problem for that.
    {
      file: '{ "world": { "faults": [{ "kind": "latency", "ms": "5" }] } }',
      says: ['world.faults[0].ms: expected a number of milliseconds, got "5". Write 5 without quotes.'],
    },
    { file: '{ "world": { "policies": { "role": { "Statement": 5 } } } }', says: ['world.policies: '] },
    { file: '{ "timeline": [{ "at": -1, "heal": {} }] }', says: ['timeline[0].at: expected a number of seconds'] },
    { file: '{ "timeline": [{ "heal": {} }] }', says: ['timeline[0]: "at" is missing.'] },
    { file: '{ "timeline": [{ "at": 1 }] }', says: ['timeline[0]: has no order. Write one of interrupt, '] },
    {
      file: '{ "timeline": [{ "at": 1, "interupt": {} }] }',
      says: ['timeline[0].interupt: unknown key "interupt". Did you mean "interrupt"?'],
    },
    {
      file: '{ "timeline": [{ "at": 1, "heal": {}, "reboot": {} }] }',
      says: ['timeline[0]: has "heal" and "reboot". Write a step for each, at the same time.'],
    },
    {
      file: '{ "timeline": [{ "at": 1, "fault": { "kind": "stale", "ms": 5, "operation": "AttachVolume" } }] }',
      says: ['timeline[0].fault: "operation" is one that looks, for "stale"'],
    },
    {
      file: '{ "timeline": [{ "at": 1, "heal": { "kind": "flood" } }] }',
      says: ['timeline[0].heal: "kind" is one of'],
    },
    {
      file: '{ "timeline": [{ "at": 1, "metadataFault": { "kind": "hang", "paths": "/x", "instanceId": "i-x" } }] }',
      says: ['timeline[0].metadataFault: "paths" is a prefix', 'instanceId: there is no instance i-x then.'],
    },
    {
      file: '{ "timeline": [{ "at": 5, "launch": { "id": "i-new" } }, { "at": 4, "reboot": { "instanceId": "i-new" } }] }',
      says: [`timeline[1].reboot.instanceId: there is no instance i-new then. Known are ${ME}, i-new.`],
    },
    {
      file: '{ "world": { "faults": [{ "kind": "hang", "instanceId": "i-x" }] } }',
      says: ['world.faults[0].instanceId: there is no instance i-x then.'],
    },
  ])('that says $file is refused: $says', ({ file, says }) => {
    const problems = problemsOf(file);

    expect(problems).toHaveLength(says.length);
    for (const [index, sentence] of says.entries()) {
      expect(problems[index]).toMatch(/^bad\.jsonc:1:\d+/);
      expect(problems[index]).toContain(sentence);
    }
  });

  it('is refused when its user data are more than EC2 takes', () => {
    const userData = 'x'.repeat(16_385);

    expect(problemsOf(JSON.stringify({ world: { instances: [{ userData }] } }))).toEqual([
      'bad.jsonc:1:36 world.instances[0].userData: has 16385 bytes. EC2 takes up to 16384.',
    ]);
  });

  it('is refused with every problem at once, in file order, each with its place', () => {
    const file = [
      '{',
      '  "world": { "volumes": [{ "id": 5 }], "faults": [{ "kind": "hang", "ms": 1 }] },',
      '  "timeline": [{ "at": "now", "heal": {} }, { "at": 1 }],',
      '}',
    ].join('\n');

    expect(problemsOf(file).map((problem) => problem.split(': ')[0])).toEqual([
      'bad.jsonc:2:34 world.volumes[0].id',
      'bad.jsonc:2:51 world.faults[0]',
      'bad.jsonc:3:24 timeline[0].at',
      'bad.jsonc:3:45 timeline[1]',
    ]);
  });

  it('may name an instance that is launched before, with an id of its own or without', () => {
    const { timeline } = parsed({
      timeline: [
        { at: 3, launch: {} },
        { at: 2, reboot: { instanceId: 'i-0123456789abcde01' } },
        { at: 1, launch: {} },
        { at: 1, launch: { id: 'i-own' } },
        { at: 1, fault: { kind: 'hang', instanceId: 'i-own' } },
      ],
    });

    expect(timeline).toHaveLength(5);
  });
});

describe('the timeline of a scenario [13.1]', () => {
  it('is performed in its order, and told', async () => {
    const scenario = parsed({
      world: { topics: ['news'] },
      timeline: [
        { at: 0.2, interrupt: {} },
        { at: 0.1, fault: { kind: 'throttled' } },
        { at: 0, launch: { id: 'i-new' } },
      ],
    });
    const startMs = Date.now();
    const { told } = await play(scenario);

    expect(told).toEqual(['launch {"id":"i-new"} i-new', 'fault {"kind":"throttled"}', 'interrupt']);
    // Timers may fire a millisecond early.
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(198);
    expect(cloud?.instance().notice?.action).toBe('terminate');
    expect(cloud?.instance('i-new').state).toBe('running');
  });

  it('is told without all the bytes of user data, and cut where it is long', async () => {
    const { timeline } = parsed({
      timeline: [
        { at: 0, changeInstance: { userData: { domains: {} } } },
        { at: 0, changeInstance: { tags: { long: 'x'.repeat(300) } } },
      ],
    });

    expect(timeline.map(orderText)).toEqual([
      'changeInstance {"userData":"14 bytes"}',
      `changeInstance {"tags":{"long":"${'x'.repeat(182)}…`,
    ]);
  });

  it('ends with the cloud', async () => {
    const scenario = parsed({ timeline: [{ at: 0.05, heal: {} }] });
    const told: string[] = [];
    const closed = await startCloud();

    playScenario(closed, scenario, ({ order }) => told.push(order));
    await closed.close();
    // Begun later, so that its order comes later than that of the closed one would have.
    await play(scenario);

    expect(told).toEqual([]);
  });

  const changes: Record<string, { value: unknown; shows: (running: Cloud) => unknown; as: unknown }> = {
    interrupt: {
      value: { action: 'stop', inSeconds: 5, instanceId: 'i-other' },
      shows: (running) => running.instance('i-other').notice?.action,
      as: 'stop',
    },
    withdrawNotice: { value: {}, shows: (running) => running.instance().notice, as: undefined },
    fault: { value: { kind: 'hang' }, shows: faults, as: [{ kind: 'reset' }, { kind: 'hang' }] },
    heal: { value: { kind: 'reset' }, shows: faults, as: [] },
    metadataFault: {
      value: { kind: 'hang', instanceId: 'i-other' },
      shows: (running) => running.instance('i-other').metadataFaults,
      as: [{ kind: 'hang' }],
    },
    healMetadata: { value: {}, shows: (running) => running.instance().metadataFaults, as: [] },
    expireTokens: { value: {}, shows: (running) => running.instance().tokenGeneration, as: 1 },
    autoScale: {
      value: { activity: 'standby', stepMs: 60_000, instanceId: 'i-other' },
      shows: (running) => running.instance('i-other').targetLifecycleState,
      as: 'Standby',
    },
    changeInstance: {
      value: { publicIpv4: null, instanceId: 'i-other' },
      shows: (running) => running.instance('i-other').publicIpv4,
      as: undefined,
    },
    endInstance: {
      value: { action: 'stop', shutdownMs: 60_000 },
      shows: (running) => running.instance().state,
      as: 'stopping',
    },
    reboot: { value: {}, shows: (running) => running.instance().uptimeS, as: 10 },
    launch: { value: { id: 'i-new' }, shows: (running) => running.instance('i-new').state, as: 'running' },
    addVolume: { value: { id: VOLUME }, shows: (running) => running.volume(VOLUME)?.state, as: 'available' },
    changeDelays: { value: { attachMs: 5 }, shows: member('delays'), as: expect.objectContaining({ attachMs: 5 }) },
    changeLimits: {
      value: { fullZones: ['x'] },
      shows: member('limits'),
      as: expect.objectContaining({ fullZones: ['x'] }),
    },
    throttle: {
      value: true,
      shows: member('throttling'),
      as: expect.objectContaining({ AttachVolume: expect.anything() }),
    },
    setPolicies: {
      value: { someone: { Version: '2012-10-17', Statement: [] } },
      shows: member('policies'),
      as: { someone: [] },
    },
  };

  it.each(orderNames)('can have the order %s, which is the method of the handle', async (order) => {
    const { value, shows, as } = changes[order] ?? {};
    const scenario = parsed({
      world: {
        instances: [{ metadataFaults: [{ kind: 'status', status: 500, paths: 'x' }] }, { id: 'i-other' }],
        faults: [{ kind: 'reset' }],
      },
      timeline: [{ at: 0, [order]: value }],
    });
    const { running } = await play(
      scenario,
      (started) => order === 'withdrawNotice' && started.interrupt({ action: 'stop' }),
    );

    expect(typeof running[order]).toBe('function');
    expect(await shows?.(running)).toEqual(as);
  });
});

describe('a published scenario [13.1]', () => {
  const files = readdirSync(PUBLISHED);

  it('is shown on the page, which has a whole one', () => {
    const page = readFileSync(path.join(__dirname, '../docs/simulator.md'), 'utf8');
    const [, example = ''] = /\n## Scenarios\n.*?```jsonc\n(.*?)```/s.exec(page) ?? [];

    expect(parseScenario(example, 'page').timeline).toHaveLength(2);
  });

  it.each(files)('%s can be played to its end, and its user data are a configuration', async (file) => {
    const scenario = parseScenario(readFileSync(path.join(PUBLISHED, file), 'utf8'), file);
    const hundredTimesFaster = scenario.timeline.map((step) => ({ ...step, atS: step.atS / 100 })) as Step[];

    const { told } = await play({ ...scenario, timeline: hundredTimesFaster });

    expect(scenario.title).toBeDefined();
    expect(told.map((line) => line.split(' ')[0])).toEqual(scenario.timeline.map(({ order }) => order));
    for (const { userData } of scenario.world?.instances ?? [])
      if (userData !== undefined) expect(loadConfig(String(userData), file, { strict: true }).warnings).toEqual([]);
  });

  it('is named on the page, which is held to every order', () => {
    const page = readFileSync(path.join(__dirname, '../docs/simulator.md'), 'utf8');

    for (const order of orderNames) expect(page).toContain(`| \`${order}\` |`);
    for (const file of files) expect(page).toContain(`(scenarios/${file})`);
  });
});

describe('ec2fleetd simulate --scenario [13.1]', () => {
  it('says what will happen and when, and each order as it is performed', async () => {
    const file = written({
      title: 'A short story',
      world: { instances: [{ id: 'i-first' }], faults: [{ kind: 'reset', service: 'sqs' }], topics: ['news'] },
      timeline: [
        { at: 0.2, launch: { id: 'i-second' } },
        { at: 0.3, interrupt: { inSeconds: 60 } },
      ],
    });
    const running = spawn(process.execPath, [MAIN, 'simulate', '--scenario', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = running;
    const said = await until(running.stderr, 'scenario interrupt');
    running.kill('SIGTERM');
    const [status] = await once(running, 'exit');

    const [before = '', after = ''] = said.split('Orders and calls:');
    expect(before).toContain('A short story. A small AWS is running until Ctrl-C.');
    expect(before).toMatch(/instance i-first, AWS_EC2_METADATA_SERVICE_ENDPOINT=http:\S+ EC2FLEETD_SYSROOT=\S+\/0\n/);
    expect(before).toContain('topic news');
    expect(before).toContain('from the start: fault {"service":"sqs","kind":"reset"}');
    expect(before).toContain('after 0.3 s: interrupt {"inSeconds":60}');
    expect(after).toMatch(/scenario launch .*: instance i-second, AWS_EC2_METADATA_SERVICE_ENDPOINT=http:\S+ \S+\/1\n/);
    expect(after).toMatch(/\d\d:\d\d:\d\d\.\d{3} scenario interrupt \{"inSeconds":60\}\n/);
    expect(status).toBe(0);
  });

  it('has the world of the example where the scenario has none', async () => {
    const file = written({ timeline: [] });
    const running = spawn(process.execPath, [MAIN, 'simulate', '--scenario', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = running;
    const said = await until(running.stderr, 'Orders and calls:');
    // Killed hard it would leave its folder behind.
    running.kill('SIGTERM');
    await once(running, 'exit');

    expect(said).toContain('volume vol-0123456789abcdef0');
    expect(said).toContain('What happens:\n  nothing\n');
  });

  it('says everything that is wrong with a file, starts nothing, and ends with 2', async () => {
    const file = written({ world: { volumes: [{}] }, timeline: [{ at: 1 }] });

    const { out, said, status } = await ended(file);

    expect(said).toContain(`${file}: 2 problems\n`);
    expect(said).toContain('world.volumes[0]: "id" is missing.');
    expect(said).toContain('timeline[0]: has no order.');
    expect(out).toBe('');
    expect(status).toBe(2);
  });

  it('says that a file is not there, and ends with 2', async () => {
    const { said, status } = await ended('/nowhere/story.jsonc');

    expect(said).toContain('/nowhere/story.jsonc:1:1: cannot be read: there is no such file.');
    expect(status).toBe(2);
  });
});

function parsed(scenario: object): Scenario {
  return parseScenario(JSON.stringify(scenario), 'story.jsonc');
}

function problemsOf(file: string): string[] {
  try {
    parseScenario(file, 'bad.jsonc');
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

/** Plays a scenario to its end. @param prepare is done before. */
async function play(scenario: Scenario, prepare: (running: Cloud) => unknown = () => {}) {
  const running = await startCloud(scenario.world);
  cloud = running;
  const told: string[] = [];
  prepare(running);
  playScenario(running, scenario, (step, launched) => {
    told.push([orderText(step), ...(launched === undefined ? [] : [launched])].join(' '));
  });
  await eventually(
    async () => told,
    ({ length }) => length === scenario.timeline.length,
  );
  return { running, told };
}

function faults(running: Cloud): Promise<unknown> {
  return member('faults')(running);
}

/** What the control endpoint shows of a cloud. */
function member(name: string) {
  return async (running: Cloud) => {
    const state = (await (await fetch(`${running.url}/_control/state`)).json()) as Record<string, unknown>;
    return state[name];
  };
}

function written(scenario: object): string {
  folder = mkdtempSync(path.join(tmpdir(), 'ec2fleetd-scenario-'));
  const file = path.join(folder, 'story.jsonc');
  writeFileSync(file, JSON.stringify(scenario));
  return file;
}

async function until(stream: NodeJS.ReadableStream, words: string): Promise<string> {
  let said = '';
  for await (const chunk of stream) {
    said += String(chunk);
    if (said.includes(words) && said.endsWith('\n')) break;
  }
  return said;
}

async function ended(file: string): Promise<{ out: string; said: string; status: number }> {
  const running = spawn(process.execPath, [MAIN, 'simulate', '--scenario', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = running;
  const [out, said, [status]] = await Promise.all([text(running.stdout), text(running.stderr), once(running, 'exit')]);
  return { out, said, status };
}
