import { discardVolume, dropHold, listHolds } from '../actors/giving-back.ts';
import { lookAtSource, lookHere } from '../actors/sources.ts';
import { claim, create, look, notePrepared } from '../actors/volumes.ts';
import { AdapterError } from '../config/errors.ts';
import { volumeTags } from '../config/tags.ts';
import type { Attachment, AttachmentHold, CreationHold, VolumeEntry, VolumeTarget } from '../config/vocabulary.ts';
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

const creating = (settings: Partial<VolumeEntry> = {}) =>
  entryOf({ sources: ['c'], create: { Size: 8, VolumeType: 'gp3' }, ...settings });
/** What makes CreateVolume fail is in a tag of the new volume. */
const creatingWith = (simulate: string) =>
  creating({
    create: { Size: 8, TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'simulate', Value: simulate }] }] },
  });
const createFor = (joints: Joints, entry = creating(), attempt = 1) => run(create(joints), { entry, attempt });
const claimFor = (joints: Joints, volumeId: string, settings: Partial<VolumeTarget> = {}, entry = entryOf()) =>
  run(claim(joints), { entry, target: { volumeId, source: 'p', unprepared: false, ...settings } });
const creationOf = (joints: Joints) => joints.mc.creation('/dev/sdf') as CreationHold;
const refusal = (work: Promise<unknown>): Promise<AdapterError> =>
  work.then(
    () => undefined as never,
    (error) => error,
  );

function attachment(settings: Partial<AttachmentHold> = {}): AttachmentHold {
  return {
    kind: 'attachment',
    domain: 'mc',
    volumeId: 'vol-01',
    device: '/dev/sdf',
    source: 'p',
    pool: 'worlds',
    prepared: false,
    ...settings,
  };
}

function creation(settings: Partial<CreationHold> = {}): CreationHold {
  const request = { ClientToken: 'token', Size: 8 };
  return {
    kind: 'creation',
    domain: 'mc',
    device: '/dev/sdf',
    attempt: 1,
    request,
    requestedAt: '2026-01-01T00:00:00.000Z',
    disposable: true,
    ...settings,
  };
}

describe('creating a volume', () => {
  it('writes its request down before it is sent, and its volume when there is an answer [6.6, 12.2]', async () => {
    await using joints = await startJoints({});
    const before: Array<readonly unknown[]> = [];
    const { requestFor, create: send } = joints.creations;
    const watched: Joints['creations'] = {
      ...joints.creations,
      requestFor,
      create: (...args) => {
        before.push([...joints.holds()]);
        return send(...args);
      },
    };

    const created = await createFor({ ...joints, creations: watched });

    const { volumeId } = created as { volumeId: string };
    const [held] = joints.holds() as CreationHold[];
    const { volumeId: _, ...asked } = held as CreationHold;
    expect(before).toEqual([[asked]]);
    expect(held).toMatchObject({ attempt: 1, volumeId, disposable: true });
    expect(joints.cloud.volume(volumeId)?.tags).toMatchObject({
      ...createdBy(ME),
      [volumeTags.transaction]: TRANSACTION,
    });
  });

  it('makes one volume of one request, however often it is sent, byte for byte [6.6]', async () => {
    await using joints = await startJoints({});
    const first = await createFor(joints);
    const journal = JSON.parse(JSON.stringify(joints.holds()));
    await using next = await startJoints({}, { holds: journal });

    // The next run has another transaction id, and another time of the day.
    await createFor({ ...next, transactionId: 'tx-next' });
    await createFor({ ...joints, transactionId: 'tx-next' });

    const [sent, again] = joints.calls('CreateVolume');
    expect(again).toEqual(sent);
    expect(next.calls('CreateVolume')).toEqual([sent]);
    expect(creationOf(joints)).toMatchObject(first as object);
    expect(joints.cloud.volumes().filter(({ tags }) => tags[volumeTags.domain] === 'mc')).toHaveLength(1);
  });

  it('asks with another request for another number [6.6]', async () => {
    await using joints = await startJoints({});
    const one = await createFor(joints);

    const two = await createFor(joints, creating(), 2);

    expect(two).not.toEqual(one);
    expect(joints.holds()).toEqual([expect.objectContaining({ attempt: 2, ...(two as object) })]);
  });

  it('holds nothing when it is refused for good [6.6, 12.2]', async () => {
    await using joints = await startJoints({});

    const error = await refusal(createFor(joints, creatingWith('create-denied')));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.retryable).toBe(false);
    expect(joints.holds()).toEqual([]);
  });

  it('holds its request when nobody answered, since it may have been heard [6.6, 12.2]', async () => {
    await using joints = await startJoints({});

    const error = await refusal(createFor(joints, creatingWith('create-throttled')));

    expect(error.retryable).toBe(true);
    expect(joints.holds()).toMatchObject([{ kind: 'creation', attempt: 1, request: { Size: 8 } }]);
    expect(creationOf(joints)).not.toHaveProperty('volumeId');
  });

  it('still holds the request of an earlier run when it is refused now: that one may have been heard [12.2]', async () => {
    const entry = creatingWith('create-denied');
    await using joints = await startJoints({});
    const request = joints.creations.requestFor(entry, { transactionId: 'tx-of-old', attempt: 1, now: new Date(0) });
    await using next = await startJoints({}, { holds: [creation({ request })] });

    await refusal(createFor(next, entry));

    expect(next.holds()).toEqual([creation({ request })]);
  });

  it('holds nothing of a request that cannot be used any more [6.6]', async () => {
    await using joints = await startJoints({});
    const { volumeId } = (await createFor(joints)) as { volumeId: string };
    await joints.creations.discard(volumeId, joints.mc);

    expect(await createFor(joints)).toBe('used-up');
    expect(joints.holds()).toEqual([]);
  });

  it('says when its request was written down [12.2]', async () => {
    await using joints = await startJoints({});
    const before = Date.now();

    await createFor(joints);

    const { requestedAt } = creationOf(joints);
    expect(Date.parse(requestedAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(requestedAt)).toBeLessThanOrEqual(Date.now());
  });

  it('keeps what was noted while EC2 was at it: commands of others have run [6.10]', async () => {
    await using joints = await startJoints({});
    const send = joints.creations.create;
    const creations: Joints['creations'] = {
      ...joints.creations,
      async create(...args) {
        await joints.mc.noteCommands('vol-other');
        return await send(...args);
      },
    };

    const created = await createFor({ ...joints, creations });

    expect(creationOf(joints)).toMatchObject({ ...(created as object), disposable: false });
  });

  it('is only noted while init is switched off [2.1]', async () => {
    await using joints = await startJoints({}, { changes: false });

    expect(await createFor(joints)).toBe('dry');
    expect(joints.holds()).toEqual([]);
    expect(joints.calls('CreateVolume')).toEqual([]);
    expect(joints.mc.calls()).toMatchObject([{ method: 'create_volume', dry: true }]);
  });

  it('does not happen where it cannot be written down [12.5]', async () => {
    await using joints = await startJoints({}, { writable: false });

    await expect(createFor(joints)).rejects.toThrow('no space left');
    expect(joints.calls('CreateVolume')).toEqual([]);
  });

  it('keeps the new volume for its entry [6.3]', async () => {
    await using joints = await startJoints({});
    const { volumeId } = (await createFor(joints)) as { volumeId: string };

    expect(await joints.claims.take(volumeId, entryOf({ device: '/dev/sdg' }))).toMatchObject({ by: '/dev/sdf of mc' });
    expect(await joints.neighbour.take(volumeId, entryOf({ device: '/dev/sdh' }))).not.toBe('taken');
  });

  it('waits for a device that another daemon has, and asks EC2 for nothing meanwhile [6.3]', async () => {
    await using joints = await startJoints({});
    await joints.neighbour.take('vol-0z', entryOf());

    const error = await refusal(createFor(joints));
    const meanwhile = [...joints.calls('CreateVolume'), ...joints.holds()];
    await joints.neighbour.release('vol-0z', entryOf());

    expect(error.message).toMatch(
      /^use \/dev\/sdf: \/dev\/sdf is being used on this instance, by ec2fleetd@other\.service/,
    );
    expect(error.retryable).toBe(true);
    expect(meanwhile).toEqual([]);
    expect(await createFor(joints)).toEqual({ volumeId: expect.any(String) });
  });

  it('waits for its volume while another daemon has that, and creates no second one [6.3, 6.6]', async () => {
    await using joints = await startJoints({});
    const created = (await createFor(joints)) as { volumeId: string };
    await joints.claims.release(created.volumeId, entryOf());
    await joints.neighbour.take(created.volumeId, entryOf({ device: '/dev/sdp' }));

    const error = await refusal(createFor(joints));
    await joints.neighbour.release(created.volumeId, entryOf({ device: '/dev/sdp' }));

    expect(error.message).toContain(`use ${created.volumeId}: ${created.volumeId} is being used on this instance`);
    expect(error.retryable).toBe(true);
    expect(await createFor(joints)).toEqual(created);
  });
});

describe('a look at a volume that was created here', () => {
  const lookAt = (joints: Joints, volumeId = 'vol-01') =>
    run(look(joints.volumes, joints.transactions, joints.facts), {
      entry: creating(),
      target: { volumeId, source: 'c', unprepared: true },
    });
  const { [volumeTags.inTransit]: _, ...settledHere } = createdBy(ME);

  it.each([
    { what: 'is not used yet', tags: createdBy(ME) },
    { what: 'was prepared', tags: preparedBy(ME) },
  ])('finds it free while it is ours and $what [6.6]', async ({ tags }) => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', tags }] },
      { holds: [creation({ volumeId: 'vol-01' })] },
    );

    expect((await lookAt(joints)).kind).toBe('free');
  });

  it.each([
    { what: 'another instance is to use', tags: createdBy(OTHER) },
    { what: 'another instance has prepared', tags: preparedBy(OTHER) },
    { what: 'another instance has used', tags: inPool },
    { what: 'this instance has used in another run', tags: settledHere },
  ])('counts it for gone when it is one that $what: the journal may have lain for days [12.2]', async ({ tags }) => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', tags }] },
      { holds: [creation({ volumeId: 'vol-01' })] },
    );

    expect(await lookAt(joints)).toEqual({
      kind: 'absent',
      seen: 'vol-01 was created here, and somebody else has used it since',
    });
  });

  it('tells of every other volume, and of one that is attached, what EC2 shows [6.2, 6.6]', async () => {
    const attachedTo = { instanceId: ME, device: '/dev/sdf' };
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', attachedTo }, { id: 'vol-02' }] },
      { holds: [creation({ volumeId: 'vol-01' })] },
    );

    expect((await lookAt(joints)).kind).toBe('attached');
    expect((await lookAt(joints, 'vol-02')).kind).toBe('free');
  });
});

describe('claiming a volume', () => {
  it('is in the journal, with where it came from, and marked when it is accepted [4.3, 6.7, 12.2]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags: inPool }] });

    expect(await claimFor(joints, 'vol-01')).toBe('accepted');

    expect(joints.holds()).toEqual([attachment()]);
    expect(await joints.tagsOf('vol-01')).toEqual({
      ...inPool,
      [volumeTags.transaction]: TRANSACTION,
      [volumeTags.holder]: ME,
      [volumeTags.used]: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
  });

  it('of a volume that somebody has prepared before is in the journal as prepared: nobody formats it [4.3, 6.7]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags: preparedBy('i-gone') }] });

    await claimFor(joints, 'vol-01', { source: 'c', preparedBefore: true });

    expect(joints.holds()).toEqual([attachment({ source: 'c', prepared: true })]);
  });

  it('of a new volume says that it may not be deleted when commands of another entry are running [6.10]', async () => {
    await using joints = await startJoints({});
    await joints.mc.noteCommands('vol-other');
    const { volumeId } = (await createFor(joints)) as { volumeId: string };
    const before = creationOf(joints).disposable;

    await claimFor(joints, volumeId, { source: 'c' }, creating());

    expect(before).toBe(true);
    expect(creationOf(joints)).toMatchObject({ volumeId, disposable: false });
  });

  it('of a new volume leaves it to be deleted when commands of another entry have ended well [6.10]', async () => {
    await using joints = await startJoints({});
    await joints.mc.noteCommands('vol-other');
    await joints.mc.notePrepared('vol-other');
    const { volumeId } = (await createFor(joints)) as { volumeId: string };

    await claimFor(joints, volumeId, { source: 'c' }, creating());

    expect(creationOf(joints).disposable).toBe(true);
  });

  it('of a volume by id belongs to no pool [4.2]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-01' }] });

    await claimFor(joints, 'vol-01', { source: 'x' });

    expect(joints.holds()[0]).toMatchObject({ source: 'x' });
    expect(joints.holds()[0]).not.toHaveProperty('pool');
  });

  it('that somebody else has won leaves nothing: no hold, no mark, and no claim [6.3, 6.7]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-attach-lost', tags: inPool }] });
    await run(lookAtSource(joints), { entry: entryOf(), source: 'p' });

    expect(await claimFor(joints, 'vol-attach-lost')).toBe('taken');

    expect(joints.holds()).toEqual([]);
    expect(await joints.tagsOf('vol-attach-lost')).toEqual(inPool);
    expect(await joints.neighbour.take('vol-attach-lost', entryOf())).toBe('taken');
  });

  it('that is refused for good leaves nothing either, and keeps the volume from nobody [6.3, 12.2]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-attach-denied', tags: inPool }] });
    await run(lookAtSource(joints), { entry: entryOf(), source: 'p' });

    const error = await refusal(claimFor(joints, 'vol-attach-denied'));

    expect(error.retryable).toBe(false);
    expect(joints.holds()).toEqual([]);
    expect(await joints.tagsOf('vol-attach-denied')).toEqual(inPool);
    expect(await joints.neighbour.take('vol-attach-denied', entryOf())).toBe('taken');
  });

  it('that finds its volume deleted is no failure: of a pool there may be others [6.3]', async () => {
    await using joints = await startJoints({});
    await joints.claims.take('vol-0bbbbbbbbbbbbbbbb', entryOf());

    expect(await claimFor(joints, 'vol-0bbbbbbbbbbbbbbbb')).toBe('taken');

    expect(joints.holds()).toEqual([]);
    expect(await joints.neighbour.take('vol-0bbbbbbbbbbbbbbbb', entryOf())).toBe('taken');
  });

  it('that nobody answered is held, and unmarked [6.7, 12.2]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-attach-throttled', tags: inPool }] });

    expect((await refusal(claimFor(joints, 'vol-attach-throttled'))).retryable).toBe(true);

    expect(joints.holds()).toEqual([attachment({ volumeId: 'vol-attach-throttled' })]);
    expect(await joints.tagsOf('vol-attach-throttled')).toEqual(inPool);
  });

  it('settles what became of an earlier one for its device that nobody answered: nothing [6.3, 12.2]', async () => {
    const held = [
      attachment({ volumeId: 'vol-00', device: '/dev/xvdf' }),
      attachment({ volumeId: 'vol-0g', device: '/dev/sdg' }),
    ];
    await using joints = await startJoints({ volumes: [{ id: 'vol-00' }, { id: 'vol-01' }] }, { holds: held });

    await claimFor(joints, 'vol-01');

    expect(joints.holds()).toEqual([held[1], attachment()]);
  });

  it('is no failure where an earlier one had brought its volume after all: the next look finds that [6.2, 6.3]', async () => {
    await using joints = await startJoints(
      {
        volumes: [{ id: 'vol-00', attachedTo: { instanceId: ME, device: '/dev/sdf' }, tags: inPool }, { id: 'vol-01' }],
      },
      { holds: [attachment({ volumeId: 'vol-00' }), creation({ volumeId: 'vol-01' })] },
    );

    expect(await claimFor(joints, 'vol-01')).toBe('taken');

    expect(joints.holds()).toEqual([attachment({ volumeId: 'vol-00' }), creation({ volumeId: 'vol-01' })]);
    expect(await run(lookHere(joints), entryOf({ sources: ['p', 'c'] }))).toMatchObject({
      kind: 'attached',
      target: { volumeId: 'vol-00' },
    });
  });

  it('fails for a stranger at its device, also where an earlier one was never answered [6.2, 6.3]', async () => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-0s', attachedTo: { instanceId: ME, device: '/dev/sdf' } }, { id: 'vol-01' }] },
      { holds: [attachment({ volumeId: 'vol-00' })] },
    );

    expect((await refusal(claimFor(joints, 'vol-01'))).message).toMatch(/\/dev\/sdf is held by vol-0s/);
  });

  it('fails for a permission, also where an earlier one was never answered [6.2, 6.3]', async () => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-attach-denied' }] },
      { holds: [attachment({ volumeId: 'vol-00' })] },
    );

    expect((await refusal(claimFor(joints, 'vol-attach-denied'))).message).toMatch(/Allow ec2:AttachVolume/);
  });

  it('is no failure where EC2 does not show yet what an earlier one has brought to its device [6.2, 6.3]', async () => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-00' }, { id: 'vol-01' }], consistencyMs: 60_000 },
      { holds: [attachment({ volumeId: 'vol-00' })] },
    );
    await joints.volumes.attach({ volumeId: 'vol-00', device: '/dev/sdf' }, joints.mc);

    expect(await claimFor(joints, 'vol-01')).toBe('taken');

    expect(joints.holds()).toEqual([attachment({ volumeId: 'vol-00' })]);
  });

  it('that is lost takes away what had been created: it is somebody’s by now, and no longer ours to delete [6.10]', async () => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-attach-lost' }] },
      { holds: [creation({ volumeId: 'vol-attach-lost' })] },
    );

    await claimFor(joints, 'vol-attach-lost', { source: 'c' }, creating());

    expect(joints.holds()).toEqual([]);
  });
});

describe('a new volume whose commands have succeeded', () => {
  const prepare = (joints: Joints, settings: Partial<Attachment> = {}) =>
    run(notePrepared(joints.transactions, joints.marking), {
      domain: 'mc',
      attachment: {
        volumeId: 'vol-01',
        device: '/dev/sdf',
        path: '/dev/nvme1n1',
        source: 'c',
        attachedNow: true,
        ...settings,
      },
    });

  it('bears a mark that says so, before the journal does: nobody is to format it [4.3, 6.7]', async () => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', tags: createdBy(ME) }] },
      { holds: [attachment()] },
    );

    await prepare(joints);

    expect(joints.cloud.volume('vol-01')?.tags).toEqual(preparedBy(ME));
    expect(joints.holds()).toEqual([attachment({ prepared: true })]);
  });

  it.each(['vol-create-tags-denied', 'vol-create-tags-throttled'])(
    'fails its entry where that cannot be written on %s: the next instance would format it [4.3, 6.7]',
    async (volumeId) => {
      const held = attachment({ volumeId });
      await using joints = await startJoints({ volumes: [{ id: volumeId, tags: createdBy(ME) }] }, { holds: [held] });

      await expect(prepare(joints, { volumeId })).rejects.toThrow(/CreateTags/);
      expect(joints.holds()).toEqual([held]);
    },
  );

  it.each([{ source: 'p' as const }, { source: 'x' as const }, { attachedNow: false }])(
    'of another kind, %j, has no such mark, and needs no call [12.1]',
    async (settings) => {
      await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags: inPool }] }, { holds: [attachment()] });

      await prepare(joints, settings);

      expect(joints.calls('CreateTags')).toEqual([]);
      expect(joints.holds()).toEqual([attachment({ prepared: true })]);
    },
  );
});

describe('giving back what was created', () => {
  const discard = (joints: Joints, hold: CreationHold) => run(discardVolume(joints), hold);
  /** As a replacement of this instance looks for what was left behind. */
  const lookNext = ({ neighbour, ...joints }: Joints) => {
    const facts = { ...joints.facts, instanceId: OTHER };
    return run(lookAtSource({ ...joints, facts, claims: neighbour }), { entry: creating(), source: 'c' });
  };
  const drop = (joints: Joints, hold: AttachmentHold | CreationHold) =>
    run(dropHold(joints.transactions, joints.claims, joints.marking), hold);
  const list = (joints: Joints, devices?: string[]) =>
    run(
      listHolds({ ...joints, leftOver: [], addresses: () => ({ ipv4: [], ipv6: [] }) }),
      devices ? { reason: 'going-without', domain: 'mc', devices } : { reason: 'roll-back', domain: 'mc' },
    );

  it('begins with detaching it, also when its request was sent again since [6.10]', async () => {
    await using joints = await startJoints({});
    const { volumeId } = (await createFor(joints)) as { volumeId: string };
    await claimFor(joints, volumeId, { source: 'c' }, creating());
    await createFor(joints);

    expect((await list(joints)).map(({ kind }) => kind)).toEqual(['attachment', 'creation']);
    expect((await list(joints, ['/dev/xvdf'])).map(({ kind }) => kind)).toEqual(['attachment', 'creation']);
    expect(await list(joints, ['/dev/sdg'])).toEqual([]);
  });

  it('deletes it [6.10]', async () => {
    await using joints = await startJoints({});
    const { volumeId } = (await createFor(joints)) as { volumeId: string };

    expect(await discard(joints, creationOf(joints))).toBe('deleted');
    await drop(joints, creationOf(joints));

    expect(joints.calls('DeleteVolume')).toEqual([{ VolumeId: volumeId }]);
    expect(joints.holds()).toEqual([]);
  });

  it('finds and deletes what came of a request without an answer [6.6, 12.2]', async () => {
    await using joints = await startJoints({});
    const { volumeId } = (await createFor(joints)) as { volumeId: string };
    const { volumeId: _, ...unanswered } = creationOf(joints);

    expect(await discard(joints, unanswered)).toBe('deleted');
    expect(joints.calls('DeleteVolume')).toEqual([{ VolumeId: volumeId }]);
  });

  /** A request of which nothing came, written down so long ago. */
  const unansweredFor = (joints: Joints, minutes: number) => {
    const parts = { transactionId: TRANSACTION, attempt: 1, now: new Date() };
    const request = joints.creations.requestFor(creating(), parts);
    return creation({ request, requestedAt: minutesAgo(minutes) });
  };

  it('has nothing to delete where nothing came of the request in a minute [6.6, 12.2]', async () => {
    await using joints = await startJoints({});

    expect(await discard(joints, unansweredFor(joints, 1.1))).toBe('gone');
    expect(joints.calls('DeleteVolume')).toEqual([]);
  });

  it('is not done with a request without an answer before: EC2 may be about to show its volume [6.6, 12.2]', async () => {
    await using joints = await startJoints({});

    const error = await refusal(discard(joints, unansweredFor(joints, 0.5)));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.retryable).toBe(true);
  });

  it('has nothing to delete where EC2 has no such volume any more [6.10]', async () => {
    await using joints = await startJoints({});

    expect(await discard(joints, creation({ volumeId: 'vol-0bbbbbbbbbbbbbbbb' }))).toBe('gone');
  });

  const { [volumeTags.inTransit]: _mark, ...settledHere } = createdBy(ME);
  it.each([
    { what: 'is about to be used by another instance', tags: createdBy(OTHER), disposable: true },
    { what: 'was prepared by another instance', tags: preparedBy(OTHER), disposable: true },
    { what: 'has been used since', tags: inPool, disposable: true },
    { what: 'has been used by this instance in another run', tags: settledHere, disposable: true },
    { what: 'has been used since and is not to be deleted anyway', tags: createdBy(OTHER), disposable: false },
  ])('leaves one alone that $what, and writes nothing on it [6.10, 12.2]', async ({ tags, disposable }) => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags }] });

    expect(await discard(joints, creation({ volumeId: 'vol-01', disposable }))).toBe('not-ours');

    expect(await joints.tagsOf('vol-01')).toEqual(tags);
    expect([...joints.calls('DeleteVolume'), ...joints.calls('DeleteTags')]).toEqual([]);
  });

  it.each([createdBy(ME), preparedBy(ME)])(
    'leaves it where other commands than its own may have written on it, for the next one to find: %j [6.6, 6.7, 6.10]',
    async (marks) => {
      const tags = { ...marks, [volumeTags.transaction]: TRANSACTION };
      const held = creation({ volumeId: 'vol-01', disposable: false });
      await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags, type: 'gp3' }] }, { holds: [held] });
      const { [volumeTags.holder]: _, [volumeTags.transaction]: __, ...left } = tags;

      expect(await discard(joints, held)).toBe('left');
      await drop(joints, held);

      expect(joints.calls('DeleteVolume')).toEqual([]);
      expect(await joints.tagsOf('vol-01')).toEqual(left);
      expect((await lookNext(joints)).target).toMatchObject({ volumeId: 'vol-01', source: 'c' });
    },
  );

  it('lets go of it and of its device on this instance [6.3]', async () => {
    await using joints = await startJoints({});
    const { volumeId } = (await createFor(joints)) as { volumeId: string };
    const before = await joints.neighbour.take(volumeId, entryOf());

    await drop(joints, creationOf(joints));

    expect(before).not.toBe('taken');
    expect(await joints.neighbour.take(volumeId, entryOf())).toBe('taken');
  });

  it('writes nothing on what is deleted next [6.7, 6.10]', async () => {
    await using joints = await startJoints({});
    const { volumeId } = (await createFor(joints)) as { volumeId: string };
    await claimFor(joints, volumeId, { source: 'c' }, creating());

    await drop(joints, joints.mc.attachment(volumeId) as AttachmentHold);
    await joints.tagsOf(volumeId);

    expect(joints.calls('DeleteTags')).toEqual([]);
    expect(joints.holds()).toEqual([creationOf(joints)]);
  });

  it('gives a volume back to all: without its marks, and without a claim [6.3, 6.7]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags: inPool }] });
    await run(lookAtSource(joints), { entry: entryOf(), source: 'p' });
    await claimFor(joints, 'vol-01');

    await drop(joints, attachment({ device: '/dev/xvdf' }));

    expect(await joints.tagsOf('vol-01')).toEqual({ ...inPool, [volumeTags.used]: expect.any(String) });
    expect(joints.holds()).toEqual([]);
    expect(await joints.neighbour.take('vol-01', entryOf())).toBe('taken');
  });

  it.each(['/dev/sdf', '/dev/xvdf'])(
    'releases after a restart what of the entry’s is at its device, as %s [6.2, 6.10]',
    async (device) => {
      const stranger = { id: 'vol-0s', attachedTo: { instanceId: ME, device: '/dev/sdg' } };
      const ours = { id: 'vol-01', tags: inPool, attachedTo: { instanceId: ME, device } };
      await using joints = await startJoints({
        volumes: [
          ours,
          stranger,
          { id: 'vol-0o', tags: inPool, attachedTo: { instanceId: OTHER, device: '/dev/sdf' } },
        ],
      });
      const volumes = [entryOf(), entryOf({ entry: 1, device: '/dev/sdg' }), entryOf({ entry: 2, device: '/dev/sdh' })];

      const listed = await run(listHolds({ ...joints, leftOver: [], addresses: () => ({ ipv4: [], ipv6: [] }) }), {
        reason: 'release',
        domain: 'mc',
        released: { volumes, attachments: [], records: [], written: [] },
      });

      expect(listed).toEqual([attachment()]);
    },
  );
});
