/** A volume of a pool: found, claimed, marked, kept over restarts and let go. The built daemon, from boot to exit. */

import { volumeTags } from '../config/tags.ts';
import { type Daemon, type Lab, startDaemon, startLab, VOLUME } from './helpers/daemon.ts';
import { eventually } from './helpers/simulator-clients.ts';
import {
  answered,
  configurationOf,
  deniedRecord,
  gate,
  held,
  INSTANCE,
  journalled,
  kill,
  note,
  notes,
  OTHER_INSTANCE,
  SECOND_VOLUME,
  twoVolumesTwoZones,
  volume,
} from './helpers/story.ts';
import {
  attachedTo,
  heldBy,
  inPool,
  marksOn,
  pooled,
  tag,
  unmarked,
  type VolumeSetup,
  waits,
  warnings,
} from './helpers/volumes.ts';

const [FIRST, SECOND, THIRD] = ['vol-0aaaaaaaaaaaaaaa1', 'vol-0aaaaaaaaaaaaaaa2', 'vol-0aaaaaaaaaaaaaaa3'];
const LONG_AGO = '2020-01-02T03:04:05Z';

/** The one domain of most of these, with these entries for volumes. */
const worldOf = (entries: object[], more: object = {}) =>
  configurationOf({ world: { 'attach-volume': entries, ...more } });

describe('a pool', () => {
  it('gives a free volume of its domain, name and zone, and nothing else is touched [6.1, 6.3]', async () => {
    const others = [
      inPool('vol-other-domain', { tags: { [volumeTags.domain]: 'web' } }),
      inPool('vol-other-name', { tags: { [volumeTags.pool]: 'backups' } }),
      inPool('vol-other-zone', { zone: 'eu-west-1b' }),
      inPool('vol-for-many', { multiAttach: true }),
      inPool('vol-elsewhere-here', { attachedTo: { instanceId: INSTANCE, device: '/dev/sdh' } }),
      heldBy(OTHER_INSTANCE, inPool('vol-held')),
    ];
    await using lab = await startLab({ others: [{ id: OTHER_INSTANCE }], volumes: [...others, inPool(FIRST)] });
    const before = others.map(({ id }) => lab.cloud.volume(id));
    await using daemon = startDaemon(lab, { configuration: worldOf([pooled]) });
    await daemon.reaches('world', 'started');

    expect(attachedTo(lab)).toEqual([`${FIRST} at /dev/sdf`, 'vol-elsewhere-here at /dev/sdh'].toSorted());
    expect(others.map(({ id }) => lab.cloud.volume(id))).toEqual(before);
    expect(lab.calls('AttachVolume')).toHaveLength(1);
    const there = { volume: FIRST, pool: 'worlds', source: 'p', path: expect.stringContaining('/dev/nvme') };
    expect(daemon.log).toContainEqual(expect.objectContaining({ message: 'volume is there', ...there }));
    expect(warnings(daemon)).toEqual([]);
  });

  it('gives each of two entries a volume of its own [6.3]', async () => {
    await using lab = await startLab({ volumes: [inPool(FIRST), inPool(SECOND)] });
    await using daemon = startDaemon(lab, { configuration: worldOf([pooled, { ...pooled, device: '/dev/sdg' }]) });
    await daemon.reaches('world', 'started');

    const devices = attachedTo(lab);
    expect(devices.map((one) => one.split(' at ')[0])).toEqual([FIRST, SECOND]);
    expect(devices.map((one) => one.split(' at ')[1]).toSorted()).toEqual(['/dev/sdf', '/dev/sdg']);
    expect(lab.calls('AttachVolume')).toHaveLength(2);
  });

  it('gives each of two domains one of its own, though both call it by the same name [6.1]', async () => {
    await using lab = await startLab({
      volumes: [inPool(FIRST), inPool(SECOND, { tags: { [volumeTags.domain]: 'web' } })],
    });
    const domains = {
      web: { 'attach-volume': [{ ...pooled, device: '/dev/sdg' }] },
      world: { 'attach-volume': [pooled] },
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf(domains) });
    await Promise.all([daemon.reaches('web', 'started'), daemon.reaches('world', 'started')]);

    expect(attachedTo(lab)).toEqual([`${FIRST} at /dev/sdf`, `${SECOND} at /dev/sdg`]);
  });

  it('with one volume for two entries starts with one where the other need not be, and says which it lacks [6.3, 5.4]', async () => {
    await using lab = await startLab({ volumes: [inPool(FIRST)] });
    const entries = [pooled, { ...pooled, device: '/dev/sdg', wait: 0 }].map((entry) => ({
      ...entry,
      critical: false,
    }));
    await using daemon = startDaemon(lab, { configuration: worldOf(entries) });
    await daemon.reaches('world', 'started');

    expect(attachedTo(lab)).toHaveLength(1);
    expect(lab.calls('AttachVolume')).toHaveLength(1);
    expect(warnings(daemon).at(-1)).toMatch(new RegExp(`pool worlds of world in eu-west-1a.*${FIRST}`));
  });

  it('is told as it is by the macros of its commands, also in the next run [4.2, 4.3]', async () => {
    await using lab = await startLab({ volumes: [inPool(FIRST)] });
    const lines = [note(lab, '{attach_source} {volume_pool} {attach_op} {volume_id} $(basename {attached_device})')];
    const configuration = worldOf([{ ...pooled, exec: [{ lines }] }]);
    for (const _ of ['first', 'second']) {
      await using daemon = startDaemon(lab, { configuration });
      await daemon.reaches('world', 'started');
    }

    expect(notes(lab)).toEqual([`p worlds true ${FIRST} nvme1n1`, `p worlds false ${FIRST} nvme1n1`]);
  });

  it('keeps to what it gave: started again, the daemon takes that one, and changes nothing in AWS [12.1, 6.2]', async () => {
    await using lab = await startLab({ volumes: [FIRST, SECOND, THIRD].map((id) => inPool(id)) });
    const configuration = worldOf([pooled]);
    await using first = startDaemon(lab, { configuration });
    await first.reaches('world', 'started');
    const taken = attachedTo(lab);
    await unmarked(lab, String(taken[0]?.split(' ')[0]));
    await kill(first);
    const before = lab.cloud.volumes();
    const count = lab.cloud.calls().length;

    await using second = startDaemon(lab, { configuration });
    await second.reaches('world', 'started');

    expect(attachedTo(lab)).toEqual(taken);
    expect(lab.cloud.volumes()).toEqual(before);
    const operations = lab.cloud.calls().slice(count);
    expect(operations.filter(({ operation }) => /^(Attach|Detach|Create|Delete)/.test(operation))).toEqual([]);
  });
});

describe('the choice from a pool', () => {
  /** Three volumes, used one after the other, the second one last. */
  const used = [
    inPool(FIRST, { tags: { [volumeTags.used]: '2026-01-01T00:00:00Z' } }),
    inPool(SECOND, { tags: { [volumeTags.used]: '2026-03-01T00:00:00Z' } }),
    inPool(THIRD, { tags: { [volumeTags.used]: '2026-02-01T00:00:00Z' } }),
  ];

  it.each([
    { preference: 'index', launchIndex: 0, takes: [FIRST] },
    { preference: 'index', launchIndex: 2, takes: [THIRD] },
    { preference: 'index', launchIndex: 4, takes: [SECOND] },
    { preference: 'most-recently-used', launchIndex: 0, takes: [SECOND] },
    { preference: 'least-recently-used', launchIndex: 2, takes: [FIRST] },
    { preference: 'least-recent-used', launchIndex: 2, takes: [FIRST] },
    { preference: 'random', launchIndex: 0, takes: [FIRST, SECOND, THIRD] },
  ])('by $preference is one of $takes for instance $launchIndex of its launch [6.5]', async (choice) => {
    const { preference, launchIndex, takes } = choice;
    await using lab = await startLab({ volumes: used });
    lab.cloud.changeInstance({ launchIndex });
    await using daemon = startDaemon(lab, { configuration: worldOf([{ ...pooled, 'pool-pref': preference }]) });
    await daemon.reaches('world', 'started');

    expect(takes.map((id) => `${id} at /dev/sdf`)).toEqual(expect.arrayContaining(attachedTo(lab)));
    expect(lab.calls('AttachVolume')).toHaveLength(1);
  });

  it('by spread stays the same for an instance, and whoever it was taken from takes the next [6.5]', async () => {
    await using lab = await startLab({ others: [{ id: OTHER_INSTANCE }], volumes: used });
    const configuration = worldOf([{ ...pooled, release: ['stopping'] }]);
    const taken: string[] = [];
    for (const round of [1, 2, 3]) {
      await using daemon = startDaemon(lab, { configuration });
      await daemon.reaches('world', 'started');
      taken.push(...attachedTo(lab));
      daemon.signal('SIGTERM');
      await daemon.ended;
      const [first = ''] = taken;
      if (round === 2) await tag(lab, first.split(' ')[0] ?? '', { [volumeTags.pool]: 'none' });
    }

    expect(taken[1]).toBe(taken[0]);
    expect(taken[2]).not.toBe(taken[0]);
  });
});

describe('a claim', () => {
  it('whose answer was lost has the volume all the same, and no second one is taken [6.3, 12.2]', async () => {
    const lost = 'vol-attach-answer-lost';
    const tags = { [volumeTags.used]: LONG_AGO };
    await using lab = await startLab({ volumes: [inPool(lost), inPool(FIRST, { tags })] });
    const lines = [note(lab, '{attach_op} {volume_id}')];
    const entry = { ...pooled, 'pool-pref': 'least-recently-used', exec: [{ lines }] };
    await using daemon = startDaemon(lab, { configuration: worldOf([entry]) });
    await daemon.reaches('world', 'started');

    expect(attachedTo(lab)).toEqual([`${lost} at /dev/sdf`]);
    expect(lab.calls('AttachVolume')).toMatchObject([{ errorCode: 'answer-lost' }]);
    expect(notes(lab)).toEqual([`true ${lost}`]);
  });

  it('that somebody else was faster to make is followed by one for another volume [6.3]', async () => {
    const lost = 'vol-attach-lost';
    const tags = { [volumeTags.used]: LONG_AGO };
    await using lab = await startLab({ others: [{}], volumes: [inPool(lost), inPool(FIRST, { tags })] });
    const entry = { ...pooled, 'pool-pref': 'least-recently-used' };
    await using daemon = startDaemon(lab, { configuration: worldOf([entry]) });
    await daemon.reaches('world', 'started');

    expect(attachedTo(lab)).toEqual([`${FIRST} at /dev/sdf`]);
    expect(lab.calls('AttachVolume').map(({ errorCode }) => errorCode)).toEqual(['VolumeInUse', undefined]);
    expect(warnings(daemon)).toEqual([`waiting: somebody else was faster to attach ${lost}`]);
    expect(marksOn(lab, lost)).toEqual({});
    await journalled(lab, (volumes) => volumes.length === 0);
  });

  it('for a volume that must not be attached ends it, and says which permission would help [6.3]', async () => {
    const denied = 'vol-attach-denied';
    await using lab = await startLab({ volumes: [inPool(denied)] });
    await using daemon = startDaemon(lab, { configuration: worldOf([pooled]) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(lab.calls('AttachVolume')).toHaveLength(1);
    expect(warnings(daemon)[0]).toMatch(new RegExp(`AttachVolume ${denied}.*ec2:AttachVolume on ${denied}`));
    expect(held(lab)).toEqual([]);
  });
});

describe('a volume of a pool', () => {
  it('is let go at the event that the entry names, and is free for the next [6.10, 6.5]', async () => {
    await using lab = await startLab({ volumes: [inPool(FIRST)] });
    const configuration = worldOf([{ ...pooled, release: ['interrupted'] }]);
    await using daemon = startDaemon(lab, { configuration });
    await daemon.reaches('world', 'started');
    lab.cloud.interrupt({ action: 'terminate' });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(lab.cloud.volume(FIRST)).toMatchObject({ state: 'available', attachments: [] });
    expect(lab.cloud.volume(FIRST)?.tags).toEqual({
      [volumeTags.domain]: 'world',
      [volumeTags.pool]: 'worlds',
      [volumeTags.used]: expect.stringMatching(/^20\d\d-/),
    });
    expect(held(lab)).toEqual([]);
    expect(daemon.log).toContainEqual(expect.objectContaining({ message: 'volume is let go', volume: FIRST }));
  });

  it('is given back when the way up fails, and stays in the pool without a mark [5.2, 6.7, 6.10]', async () => {
    await using lab = await startLab({ ...twoVolumesTwoZones, volumes: [inPool(FIRST)] });
    const configuration = worldOf([pooled], { 'update-route53': [deniedRecord] });
    await using daemon = startDaemon(lab, { configuration });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(lab.cloud.volume(FIRST)).toMatchObject({ state: 'available', attachments: [], tags: inPool(FIRST).tags });
    expect(marksOn(lab, FIRST)).toEqual({});
    expect(held(lab)).toEqual([]);
  });
});

/** An entry for a volume by id and one for a volume of a pool, each with its volume. */
const bothKinds: Array<{ kind: string; id: string; entry: object; setup: VolumeSetup }> = [
  { kind: 'x', id: VOLUME, entry: volume, setup: { id: VOLUME } },
  { kind: 'p', id: FIRST, entry: pooled, setup: inPool(FIRST) },
];

describe.each(bothKinds)('the marks of a volume from source $kind', ({ id, entry, setup }) => {
  it('name transaction and instance while it comes up, and are gone once its domain is started [6.7]', async () => {
    await using lab = await startLab({ volumes: [setup] });
    const preparing = gate(lab, 'prepared');
    const configuration = worldOf([{ ...entry, exec: [{ lines: [preparing.line] }] }]);
    const marked = answered(lab, 'CreateTags');
    await using daemon = startDaemon(lab, { configuration, args: ['--transc-id=tx-1'] });
    await Promise.all([marked, preparing.reached(daemon)]);
    const meanwhile = marksOn(lab, id);
    preparing.open();
    await daemon.reaches('world', 'started');
    await unmarked(lab, id);

    expect(meanwhile).toEqual({ 'transc-id': 'tx-1', holder: INSTANCE });
    expect(lab.cloud.volume(id)?.tags[volumeTags.used]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('are replaced by those of the run that goes on with what one before it took, and go with its commit [6.7, 12.2]', async () => {
    await using lab = await startLab({ volumes: [setup] });
    const preparing = gate(lab, 'prepared');
    const configuration = worldOf([{ ...entry, exec: [{ lines: [preparing.line] }] }]);
    const marked = answered(lab, 'CreateTags');
    await using first = startDaemon(lab, { configuration, args: ['--transc-id=tx-1'] });
    await Promise.all([marked, preparing.reached(first)]);
    await kill(first);
    const markedAnew = answered(lab, 'CreateTags');

    await using second = startDaemon(lab, { configuration, args: ['--transc-id=tx-2'] });
    await markedAnew;
    const meanwhile = marksOn(lab, id);
    preparing.open();
    await second.reaches('world', 'started');
    await unmarked(lab, id);

    expect(meanwhile).toEqual({ 'transc-id': 'tx-2', holder: INSTANCE });
  });

  it.each([
    { ending: 'SIGTERM', end: (_: Lab, daemon: Daemon) => daemon.signal('SIGTERM') },
    { ending: 'a notice', end: (lab: Lab) => lab.cloud.interrupt({ action: 'terminate' }) },
  ])('leave when it was used, which an adoption leaves alone, and $ending writes anew [6.5, 12.1]', async ({ end }) => {
    const attachment = { instanceId: INSTANCE, device: '/dev/sdf' };
    const tags = { ...setup.tags, [volumeTags.used]: LONG_AGO };
    await using lab = await startLab({ volumes: [{ ...setup, tags, attachedTo: attachment }] });
    const begun = new Date().toISOString().slice(0, 19);
    await using daemon = startDaemon(lab, { configuration: worldOf([entry]) });
    await daemon.reaches('world', 'started');
    const adopted = lab.cloud.volume(id)?.tags[volumeTags.used];

    end(lab, daemon);
    await daemon.ended;

    expect(adopted).toBe(LONG_AGO);
    expect(String(lab.cloud.volume(id)?.tags[volumeTags.used]) >= begun).toBe(true);
    expect(lab.calls('CreateTags')).toHaveLength(1);
  });
});

describe('tags that are refused', () => {
  it.each([
    {
      kind: 'x',
      ids: ['vol-tag-denied-1', 'vol-tag-denied-2'],
      entries: [
        { ...volume, 'volume-id': 'vol-tag-denied-1' },
        { ...volume, 'volume-id': 'vol-tag-denied-2', device: '/dev/sdg' },
      ],
    },
    {
      kind: 'p',
      ids: ['vol-tag-denied-1', 'vol-tag-denied-2'],
      entries: [pooled, { ...pooled, device: '/dev/sdg' }],
    },
  ])(
    'are one warning for each call, which names the permission, and the domain of $kind starts [6.7]',
    async (story) => {
      await using lab = await startLab({ volumes: story.ids.map((id) => inPool(id)) });
      await using daemon = startDaemon(lab, { configuration: worldOf(story.entries) });
      await daemon.reaches('world', 'started');
      await daemon.says(({ message }) => message.startsWith('DeleteTags'));
      daemon.signal('SIGTERM');
      const { exitCode } = await daemon.ended;

      expect(exitCode).toBe(0);
      expect(attachedTo(lab)).toHaveLength(2);
      expect(warnings(daemon)).toEqual([
        expect.stringMatching(/^CreateTags vol-tag-denied.*ec2:CreateTags/),
        expect.stringMatching(/^DeleteTags vol-tag-denied.*ec2:DeleteTags/),
      ]);
      // Refused together, each was tried by itself, so that one does not hinder the others.
      expect(lab.calls('DeleteTags').length).toBeGreaterThanOrEqual(2);
    },
  );

  it('of one volume do not keep those of another from being written [6.7]', async () => {
    await using lab = await startLab({ volumes: [inPool('vol-tag-denied'), inPool(FIRST)] });
    await using daemon = startDaemon(lab, { configuration: worldOf([pooled, { ...pooled, device: '/dev/sdg' }]) });
    await daemon.reaches('world', 'started');

    await eventually(
      async () => lab.cloud.volume(FIRST)?.tags[volumeTags.used],
      (used) => used !== undefined,
    );
    await unmarked(lab, FIRST);
  });
});

describe('while its volumes are all held, a pool', () => {
  it('is waited for, and the first that is let go is taken, whichever it is [6.4]', async () => {
    await using lab = await startLab({
      others: [{ id: OTHER_INSTANCE }],
      volumes: [FIRST, SECOND].map((id) => heldBy(OTHER_INSTANCE, inPool(id))).concat({ id: SECOND_VOLUME }),
    });
    await using daemon = startDaemon(lab, { configuration: worldOf([pooled]) });
    const { message } = await waits(daemon, 'pool worlds');
    lab.cloud.addVolume(inPool(THIRD));
    await daemon.reaches('world', 'started');

    const sentences = [FIRST, SECOND].map((id) => `${id} is held by ${OTHER_INSTANCE} (attached)`);
    expect(message).toBe(`waiting: pool worlds of world in eu-west-1a: ${sentences.join('; ')}`);
    expect(attachedTo(lab)).toEqual([`${THIRD} at /dev/sdf`]);
  });
});
