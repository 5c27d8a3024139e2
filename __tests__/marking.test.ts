import { commit } from '../actors/marking.ts';
import { claim } from '../actors/volumes.ts';
import { volumeTags } from '../config/tags.ts';
import type { AttachmentHold, CreationHold } from '../config/vocabulary.ts';
import { ME, OTHER } from './helpers/aws-lab.ts';
import {
  createdBy,
  entryOf,
  inPool,
  type Joints,
  preparedBy,
  run,
  startJoints,
  TRANSACTION,
} from './helpers/joints.ts';

const ours = { [volumeTags.transaction]: TRANSACTION, [volumeTags.holder]: ME };

function attachment(volumeId: string, settings: Partial<AttachmentHold> = {}): AttachmentHold {
  return {
    kind: 'attachment',
    domain: 'mc',
    volumeId,
    device: '/dev/sdf',
    source: 'p',
    pool: 'worlds',
    prepared: true,
    ...settings,
  };
}

const take = (joints: Joints, volumeId: string, device = '/dev/sdf') =>
  run(claim(joints), { entry: entryOf({ device }), target: { volumeId, source: 'p', unprepared: false } });

describe('marks', () => {
  it('stand on a volume from its claim to the commit, and the time of its use stays [6.5, 6.7]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags: inPool }] });
    await take(joints, 'vol-01');
    const claimed = await joints.tagsOf('vol-01');

    await commit(joints.mc, joints.marking);

    expect(claimed).toMatchObject(ours);
    expect(await joints.tagsOf('vol-01')).toEqual({ ...inPool, [volumeTags.used]: expect.any(String) });
  });

  it('go in one call for all volumes of a domain [6.7]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-01' }, { id: 'vol-02' }] });
    await take(joints, 'vol-01');
    await take(joints, 'vol-02', '/dev/sdg');

    await commit(joints.mc, joints.marking);
    await joints.tagsOf('vol-01');

    expect(joints.calls('DeleteTags')).toHaveLength(1);
  });

  it('go after the commit, not before: only what is on disk is committed [6.7, 12.2]', async () => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', tags: ours }] },
      { holds: [attachment('vol-01')], writable: false },
    );

    await expect(commit(joints.mc, joints.marking)).rejects.toThrow('no space left');

    expect(await joints.tagsOf('vol-01')).toEqual(ours);
  });

  it('that are another one’s stay: they are taken off by exact value [6.7]', async () => {
    const theirs = { [volumeTags.transaction]: 'tx-theirs', [volumeTags.holder]: OTHER };
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', tags: theirs }] },
      { holds: [attachment('vol-01')] },
    );

    await commit(joints.mc, joints.marking);

    expect(await joints.tagsOf('vol-01')).toEqual(theirs);
  });

  it('on volumes that the domain does not hold are none of its business [6.7]', async () => {
    const holds = [attachment('vol-01'), { ...attachment('vol-02'), domain: 'rust' }];
    await using joints = await startJoints(
      { volumes: ['vol-01', 'vol-02', 'vol-03'].map((id) => ({ id, tags: ours })) },
      { holds },
    );

    await commit(joints.mc, joints.marking);

    expect(await joints.tagsOf('vol-01')).toEqual({});
    expect(await joints.tagsOf('vol-02')).toEqual(ours);
    expect(await joints.tagsOf('vol-03')).toEqual(ours);
  });

  it('of a new volume that was never attached stay over the commit, since it is still to be given back [6.7, 6.10]', async () => {
    const unattached: CreationHold = {
      kind: 'creation',
      domain: 'mc',
      device: '/dev/sdf',
      attempt: 1,
      request: { ClientToken: 'token' },
      volumeId: 'vol-01',
      requestedAt: '2030-01-01T00:00:00.000Z',
      disposable: true,
    };
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', tags: createdBy(ME) }] },
      { holds: [unattached] },
    );

    await commit(joints.mc, joints.marking);

    expect(await joints.tagsOf('vol-01')).toEqual(createdBy(ME));
    expect(joints.holds()).toEqual([unattached]);
  });

  it.each([
    { what: 'was prepared', tags: preparedBy(ME), prepared: true },
    { what: 'its domain goes on with though its commands failed', tags: createdBy(ME), prepared: false },
  ])('of a new volume that $what all go at the commit [6.7]', async ({ tags, prepared }) => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', tags: { ...tags, ...ours } }] },
      { holds: [attachment('vol-01', { source: 'c', prepared })] },
    );

    await commit(joints.mc, joints.marking);

    expect(await joints.tagsOf('vol-01')).toEqual({ ...inPool, [volumeTags.device]: '/dev/sdf' });
  });

  it.each([
    { what: 'says something else than the journal', source: 'c', prepared: true },
    { what: 'is of a volume that was not new', source: 'p', prepared: false },
  ] as const)('that say what a volume is like stay where that $what [6.7]', async ({ source, prepared }) => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', tags: { ...createdBy(ME), ...ours } }] },
      { holds: [attachment('vol-01', { source, prepared })] },
    );

    await commit(joints.mc, joints.marking);

    expect(await joints.tagsOf('vol-01')).toMatchObject({ [volumeTags.inTransit]: 'true' });
  });

  it.each([createdBy(ME), preparedBy(ME)])(
    'say of a new volume that is given back what it is like, and no longer whose it is: %j [6.6, 6.7]',
    async (tags) => {
      await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags: { ...tags, ...ours } }] });
      const { [volumeTags.holder]: _, [volumeTags.transaction]: __, ...left } = tags;

      joints.marking.givenBack('vol-01', joints.mc);

      expect(await joints.tagsOf('vol-01')).toEqual(left);
    },
  );

  it('say that a new volume was prepared as soon as that has been written [6.7]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-01', tags: createdBy(ME) }] });

    await joints.marking.prepared('vol-01', joints.mc);

    expect(joints.cloud.volume('vol-01')?.tags).toEqual(preparedBy(ME));
  });

  it('that cannot be written are a warning, and the volume is ours all the same [6.7]', async () => {
    await using joints = await startJoints({ volumes: [{ id: 'vol-create-tags-denied' }] });

    expect(await take(joints, 'vol-create-tags-denied')).toBe('accepted');
    await joints.tagsOf('vol-create-tags-denied');

    expect(joints.troubles.map(({ message }) => message)).toEqual([expect.stringContaining('ec2:CreateTags')]);
  });

  it('say when a volume was last used, in whole seconds, whichever transaction it is of [6.5]', async () => {
    await using joints = await startJoints({
      volumes: [{ id: 'vol-01', tags: { [volumeTags.used]: '2020-01-01T00:00:00Z' } }],
    });
    const before = Math.floor(Date.now() / 1000) * 1000;

    joints.marking.used('vol-01', joints.mc);

    const used = (await joints.tagsOf('vol-01'))?.[volumeTags.used] ?? '';
    expect(used).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Date.parse(used)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(used)).toBeLessThanOrEqual(Date.now());
  });

  it('are only noted while init is switched off [2.1]', async () => {
    await using joints = await startJoints(
      { volumes: [{ id: 'vol-01', tags: ours }] },
      { holds: [attachment('vol-01')], changes: false },
    );

    joints.marking.taken('vol-01', joints.mc);
    await joints.marking.prepared('vol-01', joints.mc);
    joints.marking.givenBack('vol-01', joints.mc);
    await commit(joints.mc, joints.marking);

    expect(await joints.tagsOf('vol-01')).toEqual(ours);
    expect(joints.mc.calls().map(({ method, dry }) => [method, dry])).toEqual([
      ['create_tags', true],
      ['create_tags', true],
      ['delete_tags', true],
      ['delete_tags', true],
    ]);
  });
});
