import { setImmediate } from 'node:timers/promises';
import { type Cloud, startCloud } from '../simulator/server.ts';
import { eventually } from './helpers/simulator-clients.ts';

const PATH = '/latest/meta-data/autoscaling/target-lifecycle-state';

describe('an Auto Scaling group of the simulator, as an instance hears of it [13.1]', () => {
  it.each([
    { activity: 'launch', states: ['InService'] },
    { activity: 'scale-in', states: ['Terminated'] },
    { activity: 'detach', states: ['Detached'] },
    { activity: 'standby', states: ['Standby', 'InService'] },
    { activity: 'warm-pool', states: ['Warmed:Running', 'InService', 'Warmed:Running', 'Warmed:Terminated'] },
  ] as const)('says $states for $activity', async ({ activity, states }) => {
    await using cloud = await startCloud();

    cloud.autoScale(activity, { stepMs: 20 });

    expect(await statesOf(cloud)).toEqual(states);
    expect(await targetState(cloud)).toBe(states.at(-1));
    expect(cloud.instance().autoScaling).toBeUndefined();
  });

  it('says nothing before, goes at a pace that who looks every five seconds can follow, and tells what is ahead', async () => {
    await using cloud = await startCloud();
    const before = await targetState(cloud);

    cloud.autoScale('warm-pool');

    expect(before).toBe(404);
    expect(await targetState(cloud)).toBe('Warmed:Running');
    expect(cloud.instance().autoScaling).toEqual({
      activity: 'warm-pool',
      ahead: ['InService', 'Warmed:Running', 'Warmed:Terminated'],
    });
  });

  it.each<{ by: string; change: (cloud: Cloud) => void; state: string | number }>([
    { by: 'another activity', change: (cloud) => cloud.autoScale('scale-in'), state: 'Terminated' },
    {
      by: 'a state set by hand',
      change: (cloud) => cloud.changeInstance({ targetLifecycleState: 'Detached' }),
      state: 'Detached',
    },
    {
      by: 'leaving the group',
      change: (cloud) => cloud.changeInstance({ targetLifecycleState: undefined }),
      state: 404,
    },
  ])('goes no further once it is ended by $by', async ({ change, state }) => {
    await using cloud = await startCloud({ instances: [{}, { id: 'i-0000000000000000b' }] });
    cloud.autoScale('standby', { stepMs: 100 });
    // Begun a little later and as long: when it is over, the first one would have gone on.
    cloud.autoScale('standby', { stepMs: 150 }, 'i-0000000000000000b');

    change(cloud);
    await eventually(
      () => targetState(cloud, 'i-0000000000000000b'),
      (seen) => seen === 'InService',
    );

    expect(await targetState(cloud)).toBe(state);
    expect(cloud.instance().autoScaling).toBeUndefined();
  });

  it('obeys a person in one word, for one instance', async () => {
    await using cloud = await startCloud({ instances: [{}, { id: 'i-0000000000000000b' }] });

    const reply = await order(cloud, { activity: 'warm-pool' }, '?instanceId=i-0000000000000000b');

    expect(reply.status).toBe(200);
    expect(await targetState(cloud, 'i-0000000000000000b')).toBe('Warmed:Running');
    expect(await targetState(cloud)).toBe(404);
  });

  it.each([
    { body: {}, problem: '"activity" is one of launch, scale-in, detach, standby, warm-pool' },
    { body: { activity: 'toString' }, problem: '"activity" is one of' },
    { body: { activity: 'launch', stepMs: 'slow' }, problem: '"stepMs" is a number' },
    { body: { activity: 'launch', word: 1 }, problem: '"word" is none of activity, stepMs' },
  ])('tells a person what is wrong with $body', async ({ body, problem }) => {
    await using cloud = await startCloud();

    const reply = await order(cloud, body);

    expect(reply).toMatchObject({ status: 400, body: { problem: expect.stringContaining(problem) } });
  });

  it('takes no state by hand that there is not', async () => {
    await using cloud = await startCloud();

    const reply = await fetch(`${cloud.url}/_control/instance`, {
      method: 'PATCH',
      body: JSON.stringify({ targetLifecycleState: 'terminated' }),
    });

    expect(reply.status).toBe(400);
    expect(await targetState(cloud)).toBe(404);
  });
});

/** Every state, each once; looking within the process misses none, however busy the machine is. */
async function statesOf(cloud: Cloud): Promise<unknown[]> {
  const states: unknown[] = [];
  const limitMs = Date.now() + 5_000;
  for (;;) {
    const { targetLifecycleState, autoScaling } = cloud.instance();
    if (targetLifecycleState !== states.at(-1)) states.push(targetLifecycleState);
    if (autoScaling === undefined || Date.now() > limitMs) return states;
    await setImmediate();
  }
}

/** The state, or the status when there is none. */
async function targetState(cloud: Cloud, instanceId?: string): Promise<string | number> {
  const base = cloud.imdsUrl(instanceId);
  const token = await fetch(`${base}/latest/api/token`, {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
  });
  const reply = await fetch(`${base}${PATH}`, { headers: { 'x-aws-ec2-metadata-token': await token.text() } });
  return reply.status === 200 ? reply.text() : reply.status;
}

async function order(cloud: Cloud, body: object, query = ''): Promise<{ status: number; body: unknown }> {
  const reply = await fetch(`${cloud.url}/_control/auto-scaling${query}`, {
    method: 'PUT',
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json() };
}
