/** Who waits for a volume says for whose, takes it when it is let go, and creates nothing too early: the built daemon. */

import { volumeTags } from '../config/tags.ts';
import { type Daemon, type Lab, type LabSetup, startDaemon, startLab, VOLUME } from './helpers/daemon.ts';
import { canListen } from './helpers/notify-socket.ts';
import {
  answered,
  configurationOf,
  held,
  INSTANCE,
  note,
  notedEvents,
  notes,
  OTHER_INSTANCE,
  SECOND_VOLUME,
  secondVolume,
  sns,
  toldEvents,
  volume,
} from './helpers/story.ts';
import { listening } from './helpers/systemd.ts';
import {
  attachedTo,
  created,
  createdVolumes,
  detach,
  heldBy,
  inPool,
  pooled,
  waits,
  warnings,
} from './helpers/volumes.ts';

const POOLED = 'vol-0aaaaaaaaaaaaaaa1';
const { create } = created;

/** The one domain of these, with this entry for its volume. */
const worldOf = (entry: object, more: object = {}) => configurationOf({ world: { 'attach-volume': [entry], ...more } });

/** Both the volume by id and the one of the pool are somebody else's. */
const allHeld = {
  others: [{ id: OTHER_INSTANCE }],
  volumes: [heldBy(OTHER_INSTANCE, { id: VOLUME }), heldBy(OTHER_INSTANCE, inPool(POOLED))],
} satisfies LabSetup;

const heldVolume = `${VOLUME} is held by ${OTHER_INSTANCE} (attached)`;
const heldPool = `pool worlds of world in eu-west-1a: ${POOLED} is held by ${OTHER_INSTANCE} (attached)`;

/** What has been asked of EC2 that is no look. */
const changes = (lab: Lab) =>
  lab.cloud
    .calls()
    .map(({ operation }) => operation)
    .filter((operation) => /^(Attach|Detach|Create|Delete)/.test(operation));

describe.each([
  { what: 'a volume by id', entry: volume, id: VOLUME, sentence: heldVolume },
  { what: 'the volume of a pool', entry: pooled, id: POOLED, sentence: heldPool },
])('$what that another instance holds', ({ entry, id, sentence }) => {
  it('is waited for, the log says who has it and how that one is, and it is taken when it is let go [6.4]', async () => {
    await using lab = await startLab({ ...allHeld, shutdownMs: 3_000 });
    await using daemon = startDaemon(lab, { configuration: worldOf(entry) });
    const first = await waits(daemon, id);
    lab.cloud.endInstance(OTHER_INSTANCE);
    await waits(daemon, `${id} is held by ${OTHER_INSTANCE} (shutting-down)`);
    await daemon.reaches('world', 'started');

    expect(first).toMatchObject({ message: `waiting: ${sentence}`, domain: 'world', device: '/dev/sdf' });
    expect(attachedTo(lab)).toEqual([`${id} at /dev/sdf`]);
    expect(lab.calls('AttachVolume')).toHaveLength(1);
    // Each piece of news once, however often it looks.
    expect(new Set(warnings(daemon)).size).toBe(warnings(daemon).length);
  });

  it('fails its domain when "wait" is over, in a sentence that says who has it [6.4, 2.3]', async () => {
    await using lab = await startLab(allHeld);
    const configuration = worldOf({ ...entry, wait: 1 }, { notify: [sns] });
    await using daemon = startDaemon(lab, { configuration });
    await waits(daemon, sentence);

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(warnings(daemon)).toContain(`not waited for any longer: ${sentence}`);
    expect(lab.told()).toMatchObject([
      { daemon_state: 'failed', error: [['attach-volume[0]', `not waited for any longer: ${sentence}`]] },
    ]);
    expect(changes(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
  });

  it('is not waited for at all with "wait": 0 [6.4]', async () => {
    await using lab = await startLab(allHeld);
    await using daemon = startDaemon(lab, { configuration: worldOf({ ...entry, wait: 0 }) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(warnings(daemon).filter((message) => message.startsWith('waiting'))).toEqual([]);
    expect(warnings(daemon)[0]).toContain(sentence);
  });

  it.each([
    { ending: 'SIGTERM', event: 'stopping', end: (_: Lab, daemon: Daemon) => daemon.signal('SIGTERM') },
    { ending: 'a notice', event: 'interrupted', end: (lab: Lab) => lab.cloud.interrupt({ action: 'terminate' }) },
  ])(
    'is given up at once at $ending: nothing was taken, no command runs, exit 0 [5.2, 5.6]',
    async ({ event, end }) => {
      await using lab = await startLab(allHeld);
      const more = { exec: notedEvents(lab, 'started', event, 'failed'), notify: [sns] };
      await using daemon = startDaemon(lab, { configuration: worldOf(entry, more) });
      await waits(daemon, sentence);

      end(lab, daemon);
      const { exitCode } = await daemon.ended;

      expect(exitCode).toBe(0);
      expect(changes(lab)).toEqual([]);
      expect(notes(lab)).toEqual([]);
      expect(toldEvents(lab)).toEqual([event]);
      expect(held(lab)).toEqual([]);
      expect(daemon.log.filter(({ level }) => level === 'error')).toEqual([]);
    },
  );
});

(canListen ? describe : describe.skip)('the status of systemd (skipped on a Node without node:ffi)', () => {
  it('says who holds what, and follows the instance on its way out [11.2, 6.4]', async () => {
    await using lab = await startLab({ ...allHeld, shutdownMs: 3_000 });
    using systemd = listening(lab);
    await using daemon = startDaemon(lab, { configuration: worldOf(volume), ...systemd.watching });
    await systemd.hears(`STATUS=0 of 1 domains started; world: pending; waiting: ${heldVolume}`);
    lab.cloud.endInstance(OTHER_INSTANCE);
    await systemd.hears(/waiting: vol-0a1b2c3d4e5f60718 is held by i-0fedcba9876543210 \(shutting-down\)$/);
    await daemon.reaches('world', 'started');

    await systemd.hears('STATUS=1 of 1 domains started', { last: true });
  });
});

describe('an instance that is not to be looked at', () => {
  it('is one warning, which names the permission; what it holds is waited for and taken all the same [14.1, 6.4]', async () => {
    const other = 'i-describe-instances-denied';
    await using lab = await startLab({
      others: [{ id: other }],
      volumes: [
        heldBy(other, { id: VOLUME }),
        { id: SECOND_VOLUME, attachedTo: { instanceId: other, device: '/dev/sdg' } },
      ],
    });
    const entries = [volume, secondVolume];
    const configuration = configurationOf({ world: { 'attach-volume': entries } });
    await using daemon = startDaemon(lab, { configuration });
    await Promise.all([VOLUME, SECOND_VOLUME].map((id) => waits(daemon, `${id} is held by ${other} (attached)`)));
    await answered(lab, 'DescribeVolumes');
    lab.cloud.endInstance(other);
    await daemon.reaches('world', 'started');

    expect(attachedTo(lab)).toEqual([`${VOLUME} at /dev/sdf`, `${SECOND_VOLUME} at /dev/sdg`]);
    const told = warnings(daemon).filter((message) => message.includes('ec2:DescribeInstances'));
    expect(told).toEqual([expect.stringContaining('DescribeInstances')]);
    expect(lab.calls('DescribeInstances')).toHaveLength(1);
  });
});

describe('nothing is created', () => {
  it('while the volume by id exists and is held: it is waited for, and after that the domain fails [6.4]', async () => {
    await using lab = await startLab(allHeld);
    const entry = { ...volume, source: 'xc', create, wait: 1 };
    await using daemon = startDaemon(lab, { configuration: worldOf(entry) });
    await waits(daemon, heldVolume);

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(lab.calls('CreateVolume')).toEqual([]);
    expect(warnings(daemon)).toContainEqual(expect.stringContaining(heldVolume));
    expect(warnings(daemon)).toContainEqual(expect.stringContaining('Nothing is created beside a volume that exists'));
  });

  it('beside a pool that somebody wrote to wait for, when one of it is let go in time [6.4]', async () => {
    await using lab = await startLab(allHeld);
    const entry = { ...pooled, source: 'pc', create, wait: 15 };
    await using daemon = startDaemon(lab, { configuration: worldOf(entry) });
    await waits(daemon, heldPool);
    lab.cloud.endInstance(OTHER_INSTANCE);
    await daemon.reaches('world', 'started');

    expect(attachedTo(lab)).toEqual([`${POOLED} at /dev/sdf`]);
    expect(lab.calls('CreateVolume')).toEqual([]);
  });

  it.each([
    { source: 'xc', id: 'vol-describe-volumes-denied', more: { 'volume-id': 'vol-describe-volumes-denied' } },
    { source: 'pc', id: 'describe-volumes-denied', more: { 'pool-name': 'describe-volumes-denied' } },
  ])(
    'when $source must not look: the domain fails, and the permission is named [6.3]',
    async ({ source, id, more }) => {
      await using lab = await startLab(allHeld);
      const entry = { device: '/dev/sdf', source, create, wait: 0, ...more };
      await using daemon = startDaemon(lab, { configuration: worldOf(entry) });

      const { exitCode } = await daemon.ended;

      expect(exitCode).toBe(1);
      expect(lab.calls('CreateVolume')).toEqual([]);
      expect(warnings(daemon)[0]).toMatch(/ec2:DescribeVolumes/);
      expect(warnings(daemon)[0]).toContain(id);
    },
  );

  it.each([
    { source: 'xc', more: { 'volume-id': VOLUME }, id: VOLUME },
    { source: 'pc', more: { 'pool-name': 'worlds' }, id: POOLED },
  ])('while the looks of $source are throttled, and what is there is taken when they are not [6.3]', async (story) => {
    await using lab = await startLab({ volumes: [{ id: VOLUME }, inPool(POOLED)] });
    lab.cloud.throttle({ DescribeVolumes: { capacity: 0, refillPerS: 0 } });
    const entry = { device: '/dev/sdf', source: story.source, create, ...story.more };
    await using daemon = startDaemon(lab, { configuration: worldOf(entry) });
    const { message } = await waits(daemon, 'DescribeVolumes');
    lab.cloud.throttle(false);
    await daemon.reaches('world', 'started');

    expect(message).toMatch(/RequestLimitExceeded/);
    expect(attachedTo(lab)).toEqual([`${story.id} at /dev/sdf`]);
    expect(lab.calls('CreateVolume')).toEqual([]);
  });

  it.each(['x', 'p', 'c', 'pc', 'xpc'])(
    'and nothing taken, where a stranger has the device of an entry for %s: the domain fails and names it [6.2]',
    async (source) => {
      const stranger = { id: 'vol-stranger', attachedTo: { instanceId: INSTANCE, device: '/dev/xvdf' } };
      await using lab = await startLab({ volumes: [stranger, { id: VOLUME }, inPool(POOLED)] });
      const keys = { x: { 'volume-id': VOLUME }, p: { 'pool-name': 'worlds' }, c: { create } };
      const entry = { device: '/dev/sdf', source };
      const its = [...source].map((letter) => keys[letter as keyof typeof keys]);
      await using daemon = startDaemon(lab, { configuration: worldOf(Object.assign(entry, ...its)) });

      const { exitCode } = await daemon.ended;

      expect(exitCode).toBe(1);
      expect(warnings(daemon)[0]).toMatch(/\/dev\/sdf is held by vol-stranger.*another device/);
      expect(attachedTo(lab)).toEqual(['vol-stranger at /dev/xvdf']);
      expect(createdVolumes(lab)).toEqual([]);
      expect(held(lab)).toEqual([]);
    },
  );
});

describe('a volume is created', () => {
  it.each([
    { why: 'beside a held one by id, if "wait" is 0', entry: { ...volume, source: 'xc', create, wait: 0 } },
    { why: 'at once where all of a pool are held', entry: { ...pooled, source: 'pc', create } },
    {
      why: 'where a pool is empty, though there is a "wait"',
      entry: { ...pooled, 'pool-name': 'none', source: 'pc', create, wait: 60 },
    },
    {
      why: 'where there is no volume of that id',
      entry: { ...volume, 'volume-id': 'vol-0none', source: 'xc', create },
    },
  ])('$why [6.4]', async ({ entry }) => {
    await using lab = await startLab(allHeld);
    await using daemon = startDaemon(lab, { configuration: worldOf(entry) });
    await daemon.reaches('world', 'started');

    expect(createdVolumes(lab)).toHaveLength(1);
    expect(attachedTo(lab)).toEqual(createdVolumes(lab).map(({ id }) => `${id} at /dev/sdf`));
    expect(warnings(daemon).filter((message) => message.startsWith('waiting'))).toEqual([]);
  });

  it('when the "wait" for a pool is over [6.4]', async () => {
    await using lab = await startLab(allHeld);
    const entry = { ...pooled, source: 'pc', create, wait: 1 };
    await using daemon = startDaemon(lab, { configuration: worldOf(entry) });
    await waits(daemon, heldPool);
    const meanwhile = createdVolumes(lab);
    await daemon.reaches('world', 'started');

    expect(meanwhile).toEqual([]);
    expect(createdVolumes(lab)).toMatchObject([{ tags: { [volumeTags.pool]: 'worlds' } }]);
  });
});

describe('an empty pool', () => {
  it('is not waited for: the domain fails, and the tags are named that a volume would need [6.4]', async () => {
    await using lab = await startLab(allHeld);
    await using daemon = startDaemon(lab, { configuration: worldOf({ ...pooled, 'pool-name': 'none', wait: 60 }) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(warnings(daemon)[0]).toBe(
      'pool none of world in eu-west-1a is empty: no volume there has the tags user:ec2fd.domain=world and user:ec2fd.pool-name=none',
    );
  });
});

describe.each([
  { what: 'a volume by id', entry: volume, id: VOLUME },
  { what: 'a volume of a pool', entry: pooled, id: POOLED },
  { what: 'a volume of a pool with creation behind it', entry: { ...pooled, source: 'pc', create }, id: POOLED },
])('$what that is being detached from here', ({ entry, id }) => {
  it('is waited for and attached anew, and its commands are told that it was [6.2, 4.3]', async () => {
    const here = { instanceId: INSTANCE, device: '/dev/sdf' };
    await using lab = await startLab({
      detachMs: 1_500,
      volumes: [{ ...inPool(id), attachedTo: here }, inPool('vol-another')],
    });
    await detach(lab, id);
    const lines = [note(lab, '{attach_op} {volume_id}')];
    await using daemon = startDaemon(lab, { configuration: worldOf({ ...entry, exec: [{ lines }] }) });
    await waits(daemon, `${id} is being detached from this instance (detaching)`);
    await daemon.reaches('world', 'started');

    expect(notes(lab)).toEqual([expect.stringMatching(/^true vol-/)]);
    expect(attachedTo(lab)).toHaveLength(1);
    expect(createdVolumes(lab)).toEqual([]);
  });
});
