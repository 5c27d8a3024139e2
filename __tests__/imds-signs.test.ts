/** What the metadata says that may wait: early signs, and what Auto Scaling wants. */

import type { InstanceMetadata, Signs } from '../adapters/imds.ts';
import { AdapterError } from '../config/errors.ts';
import { type InstanceSetup, startCloud } from '../simulator/server.ts';
import { failureOf, hangs, metadataAt, never, says, startService } from './helpers/metadata-service.ts';

const REBALANCE = 'meta-data/events/recommendations/rebalance';
const MAINTENANCE = 'meta-data/events/maintenance/scheduled';
const LIFECYCLE_STATE = 'meta-data/autoscaling/target-lifecycle-state';

/** As the EC2 User Guide shows one. */
const reboot = {
  NotBefore: '21 Jan 2030 09:00:43 GMT',
  NotAfter: '21 Jan 2030 09:17:23 GMT',
  Code: 'system-reboot',
  Description: 'scheduled reboot',
  EventId: 'instance-event-0d59937288b749b32',
  State: 'active',
};

/** All three, well. */
const good = {
  [REBALANCE]: says('{"noticeTime":"2030-01-01T00:00:00Z"}'),
  [MAINTENANCE]: says(JSON.stringify([reboot])),
  [LIFECYCLE_STATE]: says('InService'),
};

/** What an instance of the simulator is told. */
async function signsOf(instance: InstanceSetup): Promise<Signs> {
  await using cloud = await startCloud({ instances: [instance] });
  using imds = metadataAt(cloud.imdsUrl());
  return await imds.signs(never);
}

/** What is read of bodies that a service gives. */
async function readFrom<Value>(
  bodies: Parameters<typeof startService>[0],
  read: (imds: InstanceMetadata) => Promise<Value>,
): Promise<Value> {
  await using service = await startService(bodies);
  using imds = metadataAt(service.url);
  return await read(imds);
}

const signs = (imds: InstanceMetadata) => imds.signs(never);
const lifecycleState = (imds: InstanceMetadata) => imds.lifecycleState(never);

describe('the signs', () => {
  it('are none where there is nothing to say, and that is no error [9.1, 9.4]', async () => {
    expect(await signsOf({})).toEqual({ risks: [], atMs: expect.any(Number) });
  });

  it('are all read in one go [9.1]', async () => {
    const rebalance = '2030-01-01T00:00:00Z';

    const read = await signsOf({ rebalance, maintenance: [reboot], targetLifecycleState: 'InService' });

    expect(read).toEqual({
      risks: [
        { kind: 'rebalance', key: 'rebalance 2030-01-01T00:00:00.000Z', time: '2030-01-01T00:00:00.000Z' },
        {
          kind: 'maintenance',
          key: 'maintenance instance-event-0d59937288b749b32 2030-01-21T09:00:43.000Z',
          time: '2030-01-21T09:00:43.000Z',
        },
      ],
      lifecycleState: 'InService',
      atMs: expect.any(Number),
    });
  });

  it('come one after the other over one connection, look after look [9.1]', async () => {
    await using service = await startService(good);
    using imds = metadataAt(service.url);

    await imds.signs(never);
    await imds.signs(never);

    expect(service.connections(REBALANCE, MAINTENANCE, LIFECYCLE_STATE)).toBe(1);
  });

  it.each([
    { path: REBALANCE, left: { kinds: ['maintenance'], state: 'InService' } },
    { path: MAINTENANCE, left: { kinds: ['rebalance'], state: 'InService' } },
    { path: LIFECYCLE_STATE, left: { kinds: ['rebalance', 'maintenance'], state: undefined } },
  ])('are given without $path when that one hangs, and the problem names it [9.1, 9.4]', async ({ path, left }) => {
    await using service = await startService({ ...good, [path]: hangs });
    using imds = metadataAt(service.url);

    const { risks, lifecycleState: state, problem } = await imds.signs(never);

    expect({ kinds: risks.map(({ kind }) => kind), state }).toEqual(left);
    expect(problem).toContain(`GET ${path}: no answer from ${service.url} within 1000 ms`);
  });

  it('are an error that may pass when none of them can be read [9.4]', async () => {
    await using cloud = await startCloud();
    using imds = metadataAt(cloud.imdsUrl());
    cloud.metadataFault({ kind: 'status', status: 503 });

    const error = await failureOf(imds.signs(never));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(/answered 503/);
    expect(error.retryable).toBe(true);
  });

  it('are given up at once by whoever asked for them [9.4]', async () => {
    await using service = await startService({ [REBALANCE]: hangs });
    using imds = metadataAt(service.url);

    const error = await failureOf(imds.signs(AbortSignal.abort()));

    expect(error).toBeInstanceOf(AdapterError);
    expect(service.requests).not.toContain(`GET ${REBALANCE}`);
  });
});

describe('a rebalance recommendation', () => {
  it('is known by its time, the same at each look [9.5]', async () => {
    const rebalance = '2030-01-01T00:00:00Z';
    await using cloud = await startCloud({ instances: [{ rebalance }] });
    using imds = metadataAt(cloud.imdsUrl());

    const [one, other] = [await imds.signs(never), await imds.signs(never)];

    expect(one.risks).toEqual(other.risks);
    expect(one.risks).toMatchObject([{ key: 'rebalance 2030-01-01T00:00:00.000Z' }]);
  });

  it('whose time has no meaning is one all the same [9.2]', async () => {
    const read = await readFrom({ [REBALANCE]: says('{"noticeTime":"soon"}') }, signs);

    expect(read.risks).toEqual([{ kind: 'rebalance', key: 'rebalance soon' }]);
  });
});

describe('scheduled maintenance', () => {
  it('counts only while it is active [9.1]', async () => {
    const maintenance = ['completed', 'canceled', 'active'].map((State) => ({ ...reboot, EventId: State, State }));

    const { risks } = await signsOf({ maintenance });

    expect(risks.map(({ key }) => key)).toEqual(['maintenance active 2030-01-21T09:00:43.000Z']);
  });

  it('that is put off is another one: the same event comes again with new times [9.5]', async () => {
    const putOff = { ...reboot, NotBefore: '22 Jan 2030 09:00:43 GMT' };
    const [before] = (await signsOf({ maintenance: [reboot] })).risks;
    const [after] = (await signsOf({ maintenance: [putOff] })).risks;

    expect(after?.key).not.toBe(before?.key);
  });

  it('whose time has no meaning is there all the same [9.2]', async () => {
    const { risks } = await signsOf({ maintenance: [{ ...reboot, NotBefore: 'next week' }] });

    expect(risks).toEqual([{ kind: 'maintenance', key: `maintenance ${reboot.EventId} next week` }]);
  });

  it.each(['[]', '', '\n'])('is none in the body %j [9.1]', async (body) => {
    const read = await readFrom({ [MAINTENANCE]: says(body) }, signs);

    expect(read).toEqual({ risks: [], atMs: expect.any(Number) });
  });
});

describe('the target lifecycle state', () => {
  it.each(['InService', 'Terminated', 'Warmed:Stopped', 'Warmed:Running'])('is told: %s [5.9]', async (state) => {
    await using cloud = await startCloud({ instances: [{ targetLifecycleState: state }] });
    using imds = metadataAt(cloud.imdsUrl());

    expect(await imds.lifecycleState(never)).toBe(state);
  });

  it('is what it was while it cannot be read, so that nobody takes silence for the end of a warm pool [5.9, 9.4]', async () => {
    await using cloud = await startCloud({ instances: [{ targetLifecycleState: 'Warmed:Running' }] });
    using imds = metadataAt(cloud.imdsUrl());
    await imds.lifecycleState(never);

    cloud.metadataFault({ kind: 'status', status: 503, paths: LIFECYCLE_STATE, count: 1 });
    cloud.changeInstance({ targetLifecycleState: undefined });
    const [unread, read] = [await imds.signs(never), await imds.signs(never)];

    expect(unread.lifecycleState).toBe('Warmed:Running');
    expect(read.lifecycleState).toBeUndefined();
  });

  it('is none outside a group [5.9]', async () => {
    await using cloud = await startCloud();
    using imds = metadataAt(cloud.imdsUrl());

    expect(await imds.lifecycleState(never)).toBeUndefined();
  });
});

describe('a body that makes no sense', () => {
  const page = '<!DOCTYPE html><title>Log in</title>';

  it.each([
    { path: REBALANCE, body: page, says: 'tells no noticeTime: "<!DOCTYPE html>' },
    { path: REBALANCE, body: '{"noticeTime":7}', says: 'tells no noticeTime: "{' },
    { path: MAINTENANCE, body: page, says: 'is no list of events: "<!DOCTYPE html>' },
    { path: MAINTENANCE, body: '{"State":"active"}', says: 'is no list of events' },
    { path: MAINTENANCE, body: '["active"]', says: 'is no list of events' },
    { path: MAINTENANCE, body: '[{"State":"act', says: 'is no list of events' },
    { path: LIFECYCLE_STATE, body: page, says: 'is no lifecycle state: "<!DOCTYPE html>' },
  ])('at $path is a problem that shows how it begins: $body [9.4]', async ({ path, body, says: problem }) => {
    const read = await readFrom({ ...good, [path]: says(body) }, signs);

    expect(read.problem).toContain(`GET ${path}: the answer ${problem}`);
  });

  it('is shown no further than anybody would read [9.4]', async () => {
    const error = await failureOf(readFrom({ [LIFECYCLE_STATE]: says('x '.repeat(10_000)) }, lifecycleState));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message.length).toBeLessThan(500);
  });
});
