import { setTimeout } from 'node:timers/promises';
import { createActor } from 'xstate';
import type { Claims } from '../actors/claims.ts';
import { lookAtSource, lookHere } from '../actors/sources.ts';
import { volumeTags } from '../config/tags.ts';
import type { AttachmentHold, CreationHold, VolumeEntry, VolumeSource } from '../config/vocabulary.ts';
import { ME, OTHER } from './helpers/aws-lab.ts';
import {
  createdBy,
  entryOf,
  inPool,
  type Joints,
  minutesAgo,
  preparedBy,
  run,
  startJoints,
  TRANSACTION,
} from './helpers/joints.ts';

const THIRD = 'i-0aaaaaaaaaaaaaaaa';
const UNNAMED = 'i-0bbbbbbbbbbbbbbbb';

const look = (joints: Joints, source: VolumeSource, entry = entryOf({ sources: [source] })) =>
  run(lookAtSource(joints), { entry, source });
const here = (joints: Joints, entry = entryOf({ sources: ['x', 'p', 'c'], volumeId: 'vol-0x' })) =>
  run(lookHere(joints), entry);

const at = (instanceId: string, device = '/dev/sdf', status: 'attached' | 'detaching' | 'attaching' = 'attached') => ({
  attachedTo: { instanceId, device, status },
});
const pooled = (id: string, settings: object = {}) => ({ id, tags: inPool, ...settings });

function attachment(settings: Partial<AttachmentHold> = {}): AttachmentHold {
  return {
    kind: 'attachment',
    domain: 'mc',
    volumeId: 'vol-0a',
    device: '/dev/sdf',
    source: 'p',
    pool: 'worlds',
    prepared: false,
    ...settings,
  };
}

function creation(settings: Partial<CreationHold> = {}): CreationHold {
  const request = { ClientToken: 'token' };
  return {
    kind: 'creation',
    domain: 'mc',
    device: '/dev/sdf',
    attempt: 2,
    request,
    requestedAt: '2026-01-01T00:00:00.000Z',
    disposable: true,
    ...settings,
  };
}

describe('a look at a volume by id', () => {
  const byId = (settings: Partial<VolumeEntry> = {}) => entryOf({ sources: ['x'], volumeId: 'vol-0x', ...settings });

  it('takes one that is free [6.1]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-0x' }] });

    expect(await look(joints, 'x', byId())).toEqual({
      kind: 'free',
      seen: 'vol-0x is available',
      target: { volumeId: 'vol-0x', source: 'x', unprepared: false },
    });
  });

  it('says who holds one, in the state of the attachment while that instance runs [6.4, 11.2]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-0x', ...at(OTHER) }] });

    expect(await look(joints, 'x', byId())).toEqual({ kind: 'held', seen: `vol-0x is held by ${OTHER} (attached)` });
  });

  it.each(['shutting-down', 'stopping', 'stopped', 'terminated'] as const)(
    'says that its holder is %s [6.4, 11.2]',
    async (state) => {
      await using joints = await startJoints({
        instances: [{ id: ME }, { id: OTHER, state }],
        volumes: [{ id: 'vol-0x', ...at(OTHER) }],
      });

      expect(await look(joints, 'x', byId())).toEqual({ kind: 'held', seen: `vol-0x is held by ${OTHER} (${state})` });
    },
  );

  it('does without the states of instances where they may not be looked at [14.1]', async () => {
    const holder = 'i-describe-instances-denied';
    await using joints = await startJoints({
      instances: [{ id: ME }, { id: holder, state: 'shutting-down' }],
      volumes: [{ id: 'vol-0x', ...at(holder) }],
    });

    expect((await look(joints, 'x', byId())).seen).toBe(`vol-0x is held by ${holder} (attached)`);
  });

  it('says that one is on its way out here, which is no reason to try another source [6.2]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-0x', ...at(ME, '/dev/sdf', 'detaching') }] });

    expect(await look(joints, 'x', byId())).toMatchObject({ kind: 'held', detaching: true });
  });

  it.each([
    { what: 'with Multi-Attach', volume: { id: 'vol-0x', type: 'io2', multiAttach: true }, kind: 'refused' },
    { what: 'at another device of this instance', volume: { id: 'vol-0x', ...at(ME, '/dev/sdg') }, kind: 'refused' },
    { what: 'in another zone', volume: { id: 'vol-0x', zone: 'eu-west-1b' }, kind: 'refused' },
    { what: 'that is not there', volume: { id: 'vol-0y' }, kind: 'absent' },
  ])('leaves one $what to others: $kind [6.2, 6.3]', async ({ volume, kind }) => {
    await using joints = await startJoints({ volumes: [volume] });

    const looked = await look(joints, 'x', byId());

    expect(looked.kind).toBe(kind);
    expect(looked).not.toHaveProperty('target');
    expect(await joints.neighbour.take('vol-0x', byId())).toBe('taken');
  });

  it('waits for one that another daemon of this instance has, and names its unit [6.3, 6.4]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-0x' }] });
    await joints.neighbour.take('vol-0x', { domain: 'other', device: '/dev/sdp' });

    expect(await look(joints, 'x', byId())).toEqual({
      kind: 'held',
      seen: `vol-0x is being used on this instance, by ec2fleetd@other.service (pid ${process.pid})`,
    });
  });

  it('waits for a device that another daemon of this instance has, and names it [6.3]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-0x' }] });
    await joints.neighbour.take('vol-0z', { domain: 'other', device: '/dev/xvdf' });

    expect((await look(joints, 'x', byId())).seen).toMatch(/^\/dev\/sdf is being used .*ec2fleetd@other\.service/);
  });

  it('knows one that was created and never prepared: it has to be prepared like a new one [4.3, 6.7]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-0x', tags: createdBy(OTHER) }] });

    expect((await look(joints, 'x', byId())).target?.source).toBe('c');
  });

  it('takes a mark that names no device, as others may have left it, for no word on what is on the volume [4.3, 6.7]', async () => {
    await using joints = await startJoints({
      volumes: [{ id: 'vol-0x', ...at(ME), tags: { ...inPool, [volumeTags.inTransit]: 'true' } }],
    });

    expect((await look(joints, 'x', byId())).target).toEqual({ volumeId: 'vol-0x', source: 'x', unprepared: false });
  });
});

describe('a look in a pool', () => {
  it('takes the first free one of the choice, and none of another domain, pool or zone [6.1, 6.5]', async () => {
    await using joints = await startJoints({
      volumes: [
        { id: 'vol-01', tags: { ...inPool, [volumeTags.domain]: 'rust' } },
        { id: 'vol-02', tags: { ...inPool, [volumeTags.pool]: 'maps' } },
        pooled('vol-03', { zone: 'eu-west-1b' }),
        pooled('vol-04', at(OTHER)),
        pooled('vol-05', { type: 'io2', multiAttach: true }),
        pooled('vol-06', at(ME, '/dev/sdg')),
        pooled('vol-07'),
      ],
    });

    expect(await look(joints, 'p')).toEqual({
      kind: 'free',
      seen: 'vol-07 is available',
      target: { volumeId: 'vol-07', source: 'p', unprepared: false },
    });
  });

  it('gives two entries of one pool a volume each, however often they look at once [6.3]', async () => {
    await using joints = await startJoints({ volumes: [pooled('vol-01'), pooled('vol-02')] });
    const entries = ['/dev/sdf', '/dev/sdg'].map((device) => entryOf({ device }));

    for (let round = 1; round <= 3; round++) {
      const looked = await Promise.all(entries.map((entry) => look(joints, 'p', entry)));
      expect(looked.map(({ target }) => target?.volumeId).sort()).toEqual(['vol-01', 'vol-02']);
    }
  });

  it('names the entry of this daemon that has the last free one, beside those whom others have [6.3, 6.4]', async () => {
    await using joints = await startJoints({ volumes: [pooled('vol-01'), pooled('vol-02', at(OTHER))] });
    await look(joints, 'p', entryOf({ device: '/dev/sdg' }));

    expect(await look(joints, 'p')).toEqual({
      kind: 'held',
      seen: `pool worlds of mc in eu-west-1a: vol-01 is being used on this instance, by /dev/sdg of mc; vol-02 is held by ${OTHER} (attached)`,
    });
  });

  it('passes by what another daemon of this instance has [6.3]', async () => {
    await using joints = await startJoints({ volumes: [pooled('vol-01'), pooled('vol-02')] });
    await joints.neighbour.take('vol-01', { domain: 'mc', device: '/dev/sdp' });

    expect((await look(joints, 'p')).target?.volumeId).toBe('vol-02');
  });

  it('says of a pool that is all held who holds what and in what state, three by name [6.4, 11.2]', async () => {
    await using joints = await startJoints({
      instances: [{ id: ME }, { id: OTHER }, { id: UNNAMED }, { id: THIRD, state: 'shutting-down' }],
      volumes: [
        pooled('vol-05', at(UNNAMED)),
        pooled('vol-04', at(OTHER, '/dev/sdi')),
        pooled('vol-03', at(OTHER, '/dev/sdh')),
        pooled('vol-02', at(THIRD)),
        pooled('vol-01', { tags: { ...inPool, ...createdBy(THIRD) }, createTime: minutesAgo(1) }),
      ],
    });

    expect(await look(joints, 'p')).toEqual({
      kind: 'held',
      seen: `pool worlds of mc in eu-west-1a: vol-01 has just been created by ${THIRD} (shutting-down); vol-02 is held by ${THIRD} (shutting-down); vol-03 is held by ${OTHER} (attached); and 2 more`,
    });
    // A pool may be large, and the quota is the whole account's.
    expect(JSON.stringify(joints.calls('DescribeInstances'))).not.toContain(UNNAMED);
  });

  it('says which tags a volume of an empty pool would have [6.1, 6.4]', async () => {
    await using joints = await startJoints({});

    expect(await look(joints, 'p')).toEqual({
      kind: 'absent',
      seen: 'pool worlds of mc in eu-west-1a is empty: no volume there has the tags user:ec2fd.domain=mc and user:ec2fd.pool-name=worlds',
    });
  });

  it('does not wait for one with Multi-Attach, whoever has it [6.3, 6.4]', async () => {
    await using joints = await startJoints({
      volumes: [pooled('vol-01', { type: 'io2', multiAttach: true, ...at(OTHER) })],
    });

    expect(await look(joints, 'p')).toMatchObject({ kind: 'absent', seen: expect.stringMatching(/Multi-Attach/) });
  });

  it('says why none of its volumes can ever be had [6.3]', async () => {
    await using joints = await startJoints({ volumes: [pooled('vol-01', { type: 'io2', multiAttach: true })] });

    const { kind, seen } = await look(joints, 'p');

    expect(kind).toBe('absent');
    expect(seen).toMatch(/^pool worlds of mc in eu-west-1a has no volume to take: vol-01 has Multi-Attach enabled/);
  });

  it.each([
    { status: 'attached', device: '/dev/sdf' },
    { status: 'attaching', device: '/dev/xvdf' },
  ] as const)('adopts what is $status here already, before any free one [6.2]', async ({ status, device }) => {
    await using joints = await startJoints({
      volumes: [pooled('vol-01'), pooled('vol-02', at(ME, device, status))],
      attachMs: 60_000,
    });

    expect(await look(joints, 'p')).toMatchObject({
      kind: status,
      target: { volumeId: 'vol-02', source: 'p', unprepared: false },
    });
    expect(joints.calls('CreateTags')).toEqual([]);
  });

  it('waits for what is being detached from its own device, to attach it anew [6.2]', async () => {
    await using joints = await startJoints({
      volumes: [pooled('vol-01'), pooled('vol-02', at(ME, '/dev/xvdf', 'detaching'))],
    });

    expect(await look(joints, 'p')).toMatchObject({
      kind: 'held',
      detaching: true,
      seen: expect.stringContaining('vol-02'),
    });
  });

  it('is not held up by what is being detached from another device of this instance [6.2]', async () => {
    await using joints = await startJoints({
      volumes: [pooled('vol-01', at(ME, '/dev/sdg', 'detaching')), pooled('vol-02')],
    });

    expect((await look(joints, 'p')).target?.volumeId).toBe('vol-02');
  });

  it('takes what was never prepared last, and as a new one [4.3, 6.7]', async () => {
    await using joints = await startJoints({
      volumes: [{ id: 'vol-01', tags: createdBy('i-gone'), createTime: minutesAgo(2) }, pooled('vol-02')],
    });

    expect((await look(joints, 'p')).target).toMatchObject({ volumeId: 'vol-02', source: 'p' });
    expect((await look(joints, 'p', entryOf({ device: '/dev/sdg' }))).target).toMatchObject({
      volumeId: 'vol-01',
      source: 'c',
    });
  });

  it('counts what was never prepared, too, where the launch index decides [6.5]', async () => {
    await using joints = await startJoints({
      volumes: [
        { id: 'vol-01', tags: createdBy('i-gone'), createTime: minutesAgo(2) },
        pooled('vol-02'),
        pooled('vol-03'),
      ],
    });
    const third = { ...joints, facts: { ...joints.facts, launchIndex: 2 } };

    expect((await look(third, 'p')).target?.volumeId).toBe('vol-03');
  });

  const { [volumeTags.holder]: _, ...heldByNobody } = createdBy('');
  it.each([
    { what: 'of one that runs', tags: createdBy(OTHER), minutes: 14, isLeft: true },
    { what: 'of one that has prepared it', tags: preparedBy(OTHER), minutes: 14, isLeft: true },
    { what: 'of one that runs and has never come to it', tags: createdBy(OTHER), minutes: 16, isLeft: false },
    { what: 'of one that is shutting down', tags: createdBy(THIRD), minutes: 0, isLeft: true },
    { what: 'of one that is terminated', tags: createdBy('i-terminated'), minutes: 0, isLeft: false },
    { what: 'of one that EC2 may not show yet', tags: createdBy('i-gone'), minutes: 0.5, isLeft: true },
    { what: 'of one that EC2 would show by now', tags: createdBy('i-gone'), minutes: 1.1, isLeft: false },
    { what: 'that nobody holds', tags: heldByNobody, minutes: 0, isLeft: false },
  ])(
    'leaves a new one to its creator, $what after $minutes minutes: $isLeft [6.7]',
    async ({ tags, minutes, isLeft }) => {
      await using joints = await startJoints({
        instances: [
          { id: ME },
          { id: OTHER },
          { id: THIRD, state: 'shutting-down' },
          { id: 'i-terminated', state: 'terminated' },
        ],
        volumes: [{ id: 'vol-01', tags, createTime: minutesAgo(minutes) }],
      });

      expect((await look(joints, 'p')).kind).toBe(isLeft ? 'held' : 'free');
    },
  );

  it.each([
    { what: 'the journal knows nothing of', holds: [], isLeft: false },
    { what: 'the journal has for its device', holds: [creation({ device: '/dev/xvdf' })], isLeft: true },
    { what: 'the journal has for another device', holds: [creation({ device: '/dev/sdh' })], isLeft: false },
    { what: 'the journal has for another domain', holds: [creation({ domain: 'rust' })], isLeft: false },
  ])('leaves a new one of this instance that $what to its entry: $isLeft [6.7, 12.2]', async ({ holds, isLeft }) => {
    const volume = { id: 'vol-01', tags: createdBy(ME), createTime: minutesAgo(0) };
    await using joints = await startJoints({ volumes: [volume] }, { holds });

    expect((await look(joints, 'p', entryOf({ device: '/dev/sdg' }))).kind).toBe(isLeft ? 'held' : 'free');
  });

  it('takes what was prepared and let go as what it is: a new one that nobody formats [4.3, 6.7]', async () => {
    await using joints = await startJoints({
      volumes: [{ id: 'vol-01', tags: preparedBy('i-gone'), createTime: minutesAgo(2) }],
    });

    expect(await look(joints, 'p')).toMatchObject({
      kind: 'free',
      target: { volumeId: 'vol-01', source: 'c', unprepared: false, preparedBefore: true },
    });
  });

  it('waits for one of its own at another device of this instance, as for one that another has [6.4]', async () => {
    await using joints = await startJoints({ volumes: [pooled('vol-01', at(ME, '/dev/sdg'))] });

    expect(await look(joints, 'p')).toEqual({
      kind: 'held',
      seen: 'pool worlds of mc in eu-west-1a: vol-01 is attached to this instance at another device',
    });
  });

  it('does without the states of instances where they are wanted for words alone and cannot be had now [6.4]', async () => {
    const holder = 'i-describe-instances-throttled';
    await using joints = await startJoints({
      instances: [{ id: ME }, { id: holder, state: 'shutting-down' }],
      volumes: [pooled('vol-01', at(holder))],
    });

    expect((await look(joints, 'p')).seen).toContain(`vol-01 is held by ${holder} (attached)`);
  });

  it('fails in passing where they decide and cannot be had now: nobody’s new volume is taken unseen [6.3, 6.7]', async () => {
    const holder = 'i-describe-instances-throttled';
    await using joints = await startJoints({
      instances: [{ id: ME }, { id: holder }],
      volumes: [{ id: 'vol-01', tags: createdBy(holder) }],
    });

    await expect(look(joints, 'p')).rejects.toMatchObject({ retryable: true });
  });

  it('thinks nothing of marks on one that is prepared: they never decide whose it is [6.7]', async () => {
    const tags = { ...inPool, [volumeTags.holder]: OTHER, [volumeTags.transaction]: 'tx-of-old' };
    await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags, createTime: minutesAgo(0) }] });

    expect((await look(joints, 'p')).target).toMatchObject({ volumeId: 'vol-01', source: 'p' });
  });

  it('that is called off keeps nothing from others [6.3]', async () => {
    await using joints = await startJoints({ volumes: [pooled('vol-01')] });
    const released = Promise.withResolvers<void>();
    const claims: Claims = {
      async take(...wanted) {
        const claim = await joints.claims.take(...wanted);
        actor.stop();
        return claim;
      },
      takeDevice: joints.claims.takeDevice,
      release: (...wanted) => joints.claims.release(...wanted).then(released.resolve),
    };
    const actor = createActor(lookAtSource({ ...joints, claims }), { input: { entry: entryOf(), source: 'p' } });

    actor.start();
    await Promise.race([released.promise, setTimeout(5_000, undefined, { ref: false })]);

    expect(await joints.neighbour.take('vol-01', entryOf())).toBe('taken');
  });
});

describe('a look at an entry’s device', () => {
  const everything = entryOf({ sources: ['x', 'p', 'c'], volumeId: 'vol-0x' });

  it('finds nothing where nothing is attached [6.2]', async () => {
    await using joints = await startJoints({ volumes: [pooled('vol-01', at(ME, '/dev/sdg'))] });

    expect(await here(joints)).toEqual({ kind: 'absent', seen: 'nothing is attached as /dev/sdf' });
  });

  it.each([
    { what: 'the volume by id', volume: { id: 'vol-0x' }, source: 'x' },
    { what: 'one of the pool', volume: pooled('vol-01'), source: 'p' },
    {
      what: 'one of the pool by the device’s other name',
      volume: { ...pooled('vol-01'), ...at(ME, '/dev/xvdf') },
      source: 'p',
    },
  ])('adopts $what, and changes nothing [6.2, 12.1]', async ({ volume, source }) => {
    await using joints = await startJoints({ volumes: [{ ...at(ME), ...volume }] });

    expect(await here(joints)).toMatchObject({
      kind: 'attached',
      target: { volumeId: volume.id, source, unprepared: false },
    });
    await joints.tagsOf(volume.id);
    expect(joints.calls('CreateTags')).toEqual([]);
    expect(joints.calls('AttachVolume')).toEqual([]);
    expect(joints.calls('DescribeVolumes')).toHaveLength(1);
  });

  it('adopts what it has created itself, also where no pool is named [6.2]', async () => {
    const { pool: _, ...creating } = entryOf({ sources: ['c'] });
    await using joints = await startJoints({
      volumes: [{ id: 'vol-01', tags: { [volumeTags.domain]: 'mc' }, ...at(ME) }],
    });

    expect(await here(joints, creating)).toMatchObject({ kind: 'attached', target: { source: 'c' } });
  });

  it.each([
    { source: 'p', prepared: false, tags: inPool, mark: 'none', unprepared: true },
    { source: 'p', prepared: true, tags: inPool, mark: 'none', unprepared: false },
    { source: 'c', prepared: false, tags: createdBy(ME), mark: 'true', unprepared: true },
    { source: 'c', prepared: true, tags: createdBy(ME), mark: 'true', unprepared: false },
    { source: 'c', prepared: false, tags: preparedBy(ME), mark: 'prepared', unprepared: false },
    { source: 'c', prepared: false, tags: inPool, mark: 'none', unprepared: false },
  ] as const)(
    'tells of an earlier run’s volume what the journal says, of a new one together with its mark: $source, $prepared, $mark [4.3, 12.2]',
    async ({ source, prepared, tags, unprepared }) => {
      const held = attachment({ source, prepared });
      await using joints = await startJoints({ volumes: [{ id: 'vol-0a', tags, ...at(ME) }] }, { holds: [held] });

      expect((await here(joints)) as object).toMatchObject({ target: { volumeId: 'vol-0a', source, unprepared } });
    },
  );

  it('does not count the journal’s word on a volume that has been free meanwhile: others may have used it [4.3, 12.2]', async () => {
    await using joints = await startJoints({ volumes: [pooled('vol-0a')] }, { holds: [attachment({ source: 'c' })] });

    expect((await look(joints, 'p')).target).toEqual({ volumeId: 'vol-0a', source: 'p', unprepared: false });
  });

  it('marks an earlier run’s volume as this run’s, so that the commit takes the marks off [6.7]', async () => {
    const tags = { ...inPool, [volumeTags.transaction]: 'tx-of-old', [volumeTags.holder]: ME };
    await using joints = await startJoints({ volumes: [{ id: 'vol-0a', tags, ...at(ME) }] }, { holds: [attachment()] });

    await here(joints);

    expect(await joints.tagsOf('vol-0a')).toMatchObject({ [volumeTags.transaction]: TRANSACTION });
  });

  it('adopts a volume that was never prepared as a new one where the journal knows nothing of it [4.3, 6.7]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags: createdBy(ME), ...at(ME) }] });

    expect((await here(joints)) as object).toMatchObject({ target: { source: 'c', unprepared: true } });
  });

  it('adopts what the journal knows, though its tags say nothing [6.2, 12.2]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-0a', ...at(ME) }] }, { holds: [attachment()] });

    expect((await here(joints)) as object).toMatchObject({ kind: 'attached', target: { volumeId: 'vol-0a' } });
  });

  it.each([
    { what: 'a stranger', volume: { id: 'vol-0a' }, holds: [] },
    {
      what: 'one of another domain',
      volume: { id: 'vol-0a', tags: { ...inPool, [volumeTags.domain]: 'rust' } },
      holds: [],
    },
    {
      what: 'one of another pool',
      volume: { id: 'vol-0a', tags: { ...inPool, [volumeTags.pool]: 'maps' } },
      holds: [],
    },
    {
      what: 'one that an earlier configuration had there, and that could not be given back',
      volume: { id: 'vol-0a', tags: { ...inPool, [volumeTags.pool]: 'maps' } },
      holds: [attachment({ pool: 'maps' })],
    },
  ])('refuses $what by name [6.2]', async ({ volume, holds }) => {
    await using joints = await startJoints({ volumes: [{ ...volume, ...at(ME) }] }, { holds });

    expect(await here(joints)).toEqual({
      kind: 'refused',
      seen: "/dev/sdf is held by vol-0a, which is none of this entry's volumes. Choose another device, or detach that volume",
    });
  });

  it('refuses a pool’s volume where only the one by id may stand [6.2]', async () => {
    await using joints = await startJoints({ volumes: [pooled('vol-01', at(ME))] });

    expect((await here(joints, entryOf({ sources: ['x'], volumeId: 'vol-0x' }))).kind).toBe('refused');
  });

  it('waits for a stranger that is leaving [6.2]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-0s', ...at(ME, '/dev/sdf', 'detaching') }] });

    expect(await here(joints)).toMatchObject({
      kind: 'held',
      detaching: true,
      seen: expect.stringMatching(/^\/dev\/sdf is still held: vol-0s is being detached/),
    });
  });

  it('goes on with what an earlier run began to create, by its number [6.6]', async () => {
    await using joints = await startJoints({}, { holds: [creation({ device: '/dev/xvdf' })] });

    expect(await here(joints, everything)).toMatchObject({ kind: 'creating', attempt: 2 });
  });

  it('does not go on creating what the configuration asks for no more [6.6]', async () => {
    await using joints = await startJoints({}, { holds: [creation()] });

    expect((await here(joints, entryOf({ sources: ['x', 'p'], volumeId: 'vol-0x' }))).kind).toBe('absent');
  });
});

describe('a look for a volume that was created and left behind', () => {
  const orphan = (settings: object = {}) => ({
    id: 'vol-01',
    tags: createdBy('i-gone'),
    createTime: minutesAgo(2),
    sizeGiB: 8,
    type: 'gp3',
    ...settings,
  });
  const creating = (create: object = { Size: 8, VolumeType: 'gp3' }) =>
    entryOf({ sources: ['c'], create: { ...create } });

  it('takes one whose creator is gone, as a new one [6.6]', async () => {
    await using joints = await startJoints({ volumes: [orphan()] });

    expect((await look(joints, 'c', creating())).target).toEqual({
      volumeId: 'vol-01',
      source: 'c',
      unprepared: true,
    });
  });

  it('takes one that was prepared before its creator was gone, and nobody formats it [4.3, 6.6]', async () => {
    await using joints = await startJoints({ volumes: [orphan({ tags: preparedBy('i-gone') })] });

    expect((await look(joints, 'c', creating())).target).toEqual({
      volumeId: 'vol-01',
      source: 'c',
      unprepared: false,
      preparedBefore: true,
    });
  });

  it.each([
    { minutes: 2, isAwaited: true },
    { minutes: 4, isAwaited: false },
  ])(
    'waits for one that EC2 still makes for an instance that is gone, as long as that may take: $minutes, $isAwaited [6.6]',
    async ({ minutes, isAwaited }) => {
      await using joints = await startJoints({
        volumes: [orphan({ state: 'creating', createTime: minutesAgo(minutes) })],
      });

      expect((await look(joints, 'c', creating())).kind).toBe(isAwaited ? 'held' : 'absent');
    },
  );

  it.each([
    { minutes: 14, isLeft: true },
    { minutes: 16, isLeft: false },
  ])('leaves one to its creator for 15 minutes: $minutes, $isLeft [6.6, 6.7]', async ({ minutes, isLeft }) => {
    await using joints = await startJoints({
      volumes: [orphan({ tags: createdBy(OTHER), createTime: minutesAgo(minutes) })],
    });

    expect((await look(joints, 'c', creating())).kind).toBe(isLeft ? 'absent' : 'free');
  });

  it.each([
    { what: 'for another device', orphan: { tags: createdBy('i-gone', '/dev/sdg') } },
    { what: 'for another pool', orphan: { tags: { ...createdBy('i-gone'), [volumeTags.pool]: 'maps' } } },
    { what: 'for another domain', orphan: { tags: { ...createdBy('i-gone'), [volumeTags.domain]: 'rust' } } },
    { what: 'in another zone', orphan: { zone: 'eu-west-1b' } },
    {
      what: 'and bears a mark of others',
      orphan: { tags: { ...createdBy('i-gone'), [volumeTags.inTransit]: 'false' } },
    },
    { what: 'of another size', orphan: { sizeGiB: 9 } },
    { what: 'of another type', orphan: { type: 'gp2' } },
    { what: 'from a snapshot that is not asked for any more', orphan: { snapshotId: 'snap-0a' } },
    { what: 'and taken by somebody', orphan: at(OTHER) },
  ])('takes none that was created $what [6.6]', async ({ orphan: settings }) => {
    await using joints = await startJoints({ volumes: [orphan(settings)] });

    expect(await look(joints, 'c', creating())).toEqual({
      kind: 'absent',
      seen: 'no volume was created for /dev/sdf and left behind',
    });
  });

  it.each([
    { what: 'the snapshot alone', create: { SnapshotId: 'snap-0a' }, takes: true },
    { what: 'another snapshot', create: { SnapshotId: 'snap-0b' }, takes: false },
    { what: 'the key by its id', create: { SnapshotId: 'snap-0a', KmsKeyId: '1234' }, takes: true },
    {
      what: 'the key by its ARN',
      create: { SnapshotId: 'snap-0a', KmsKeyId: 'arn:aws:kms:eu-west-1:1:key/1234' },
      takes: true,
    },
    { what: 'a key by an alias', create: { SnapshotId: 'snap-0a', KmsKeyId: 'alias/worlds' }, takes: true },
    { what: 'another key', create: { SnapshotId: 'snap-0a', KmsKeyId: '234' }, takes: false },
    { what: 'no encryption', create: { SnapshotId: 'snap-0a', Encrypted: false }, takes: false },
  ])('of a snapshot, encrypted, takes one that is asked for with $what: $takes [6.6]', async ({ create, takes }) => {
    const made = { snapshotId: 'snap-0a', encrypted: true, kmsKeyId: 'arn:aws:kms:eu-west-1:1:key/1234' };
    await using joints = await startJoints({ volumes: [orphan(made)] });

    expect((await look(joints, 'c', creating(create))).kind).toBe(takes ? 'free' : 'absent');
  });

  it('takes none with a key where it is not encrypted [6.6]', async () => {
    await using joints = await startJoints({ volumes: [orphan()] });

    expect((await look(joints, 'c', creating({ Size: 8, KmsKeyId: 'alias/worlds' }))).kind).toBe('absent');
  });

  it('takes none that is in use on this instance [6.3]', async () => {
    await using joints = await startJoints({ volumes: [orphan()] });
    await joints.neighbour.take('vol-01', { domain: 'mc', device: '/dev/sdp' });

    expect((await look(joints, 'c', creating())).kind).toBe('absent');
  });
});
