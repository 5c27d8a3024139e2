/** A volume that is created for an entry: once, whatever happens meanwhile, and never lost. The built daemon, killed at every step. */

import { CreateVolumeCommand, EC2Client } from '@aws-sdk/client-ec2';
import { volumeTags } from '../config/tags.ts';
import type { CreationHold } from '../config/vocabulary.ts';
import { type Daemon, type Lab, startDaemon, startLab } from './helpers/daemon.ts';
import { clientOptions, eventually } from './helpers/simulator-clients.ts';
import {
  answered,
  configurationOf,
  deniedRecord,
  gate,
  held,
  holds,
  INSTANCE,
  journalled,
  kill,
  note,
  notedEvents,
  notes,
  secondVolume,
  secondVolumeIsHeld,
  sns,
  twoVolumesTwoZones,
} from './helpers/story.ts';
import {
  another,
  attachedTo,
  created,
  createdVolumes,
  formatting,
  marksOn,
  tag,
  unmarked,
  waits,
  warnings,
} from './helpers/volumes.ts';

const SNAPSHOT = 'snap-0123456789abcdef1';

/** The one domain of most of these, with these entries for volumes. */
const worldOf = (entries: object[], more: object = {}) =>
  configurationOf({ world: { 'attach-volume': entries, ...more } });

/** An entry that creates its volume in the pool, and formats it then. */
const pooledCreation = (lab: Lab) => ({
  ...created,
  source: 'pc',
  'pool-name': 'worlds',
  exec: [{ lines: formatting(lab) }],
});

/** An entry whose request has a word in it that makes it fail. */
const failingBy = (word: string) => ({
  ...created,
  create: { Size: 4, TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'simulate', Value: word }] }] },
});

describe('a volume that is created', () => {
  it.each([
    { from: 'its size', create: { Size: 5, VolumeType: 'gp3' }, gives: { sizeGiB: 5, type: 'gp3', snapshotId: '' } },
    { from: 'a snapshot', create: { SnapshotId: SNAPSHOT }, gives: { sizeGiB: 12, snapshotId: SNAPSHOT } },
  ])('from $from is attached, prepared once, and its marks go [6.1, 6.6, 6.7]', async ({ create, gives }) => {
    await using lab = await startLab({ createMs: 300, snapshots: [{ id: SNAPSHOT, sizeGiB: 12 }] });
    const lines = [note(lab, '{attach_source} {attach_op} {volume_id}')];
    const configuration = worldOf([{ ...created, create, exec: [{ lines }] }]);
    for (const _ of ['first', 'second']) {
      await using daemon = startDaemon(lab, { configuration });
      await daemon.reaches('world', 'started');
      await unmarked(lab, createdVolumes(lab)[0]?.id ?? '');
      await journalled(lab, (volumes) => volumes.length === 0);
    }

    expect(createdVolumes(lab)).toMatchObject([{ ...gives, zone: 'eu-west-1a', state: 'in-use' }]);
    const [{ id = '', tags = {} } = {}] = createdVolumes(lab);
    expect(attachedTo(lab)).toEqual([`${id} at /dev/sdf`]);
    expect(notes(lab)).toEqual([`c true ${id}`, `c false ${id}`]);
    expect(tags).toEqual({
      [volumeTags.domain]: 'world',
      [volumeTags.device]: '/dev/sdf',
      [volumeTags.created]: expect.stringMatching(/^20\d\d-/),
      [volumeTags.used]: expect.stringMatching(/^20\d\d-/),
    });
  });

  it('has the marks of its transaction from its first moment on, until it is prepared and committed [6.7]', async () => {
    await using lab = await startLab();
    const preparing = gate(lab, 'prepared');
    const configuration = worldOf([{ ...created, exec: [{ lines: [preparing.line] }] }]);
    const asked = answered(lab, 'CreateVolume').then(() => createdVolumes(lab)[0]?.id ?? '');
    await using daemon = startDaemon(lab, { configuration, args: ['--transc-id=tx-1'] });
    const id = await asked;
    const first = marksOn(lab, id);
    await preparing.reached(daemon);
    const unprepared = marksOn(lab, id);
    preparing.open();
    await daemon.reaches('world', 'started');
    await unmarked(lab, id);

    const marks = { 'transc-id': 'tx-1', holder: INSTANCE, 'in-transit': 'true' };
    expect(first).toEqual(marks);
    expect(unprepared).toEqual(marks);
  });

  it("keeps the user's own tags, and joins the pool that is named [6.1]", async () => {
    await using lab = await startLab();
    const Tags = [
      { Key: 'Name', Value: 'the world' },
      { Key: volumeTags.domain, Value: 'nonsense' },
    ];
    const create = { Size: 4, TagSpecifications: [{ ResourceType: 'volume', Tags }] };
    const configuration = worldOf([{ ...created, create, 'pool-name': 'worlds' }]);
    await using daemon = startDaemon(lab, { configuration });
    await daemon.reaches('world', 'started');

    expect(createdVolumes(lab)).toMatchObject([
      { tags: { Name: 'the world', [volumeTags.domain]: 'world', [volumeTags.pool]: 'worlds' } },
    ]);
  });

  it('is told in the log from the request to the disk', async () => {
    await using lab = await startLab({ createMs: 200 });
    await using daemon = startDaemon(lab, { configuration: worldOf([created]) });
    await daemon.reaches('world', 'started');

    const [{ id = '' } = {}] = createdVolumes(lab);
    const its = daemon.log.filter(({ device, level }) => device === '/dev/sdf' && level === 'info');
    expect(its).toMatchObject([
      { message: 'volume is being created', domain: 'world', volume: id },
      { message: 'volume is there', domain: 'world', volume: id, source: 'c', path: expect.stringContaining('/dev/') },
    ]);
    expect(warnings(daemon)).toEqual([]);
  });
});

/** A moment of the way up of an entry that creates its volume; when it has come, the daemon is killed. */
interface Moment {
  moment: string;
  setup?: object;
  /** More domains, so that it does not go on. */
  others?: object;
  arrive(lab: Lab, daemon: Daemon): Promise<unknown>;
}

const moments: Moment[] = [
  {
    moment: 'before EC2 has heard the request',
    setup: { latencyMs: 600 },
    arrive: (lab) => journalled(lab, (volumes) => volumes.includes('created for /dev/sdf')),
  },
  {
    moment: 'before the answer',
    setup: { latencyMs: 600 },
    arrive: (lab) =>
      eventually(
        async () => createdVolumes(lab),
        (volumes) => volumes.length > 0,
      ),
  },
  { moment: 'at the answer', arrive: (lab) => answered(lab, 'CreateVolume') },
  {
    moment: 'while it is created',
    setup: { createMs: 2_000 },
    arrive: (_, daemon) => daemon.says(({ message }) => message === 'volume is being created'),
  },
  { moment: 'while it is attached', setup: { attachMs: 1_000 }, arrive: (lab) => answered(lab, 'AttachVolume') },
  {
    moment: 'between attaching and formatting',
    setup: { deviceDelayMs: 1_000 },
    arrive: (lab) =>
      eventually(
        async () => attachedTo(lab),
        (volumes) => volumes.length > 0,
      ),
  },
  {
    moment: 'after formatting',
    others: { waiting: { 'attach-volume': [secondVolume] } },
    arrive: (_, daemon) => daemon.reaches('world', 'dns-updated'),
  },
];

describe.each(moments)('killed $moment, and started again,', ({ setup, others, arrive }) => {
  it('the daemon goes on with the one volume, has it formatted once, and leaves nothing behind [12.2, 6.6, 4.3]', async () => {
    await using lab = await startLab({ ...secondVolumeIsHeld, ...setup });
    const world = { 'attach-volume': [{ ...created, exec: [{ lines: formatting(lab) }] }] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world, ...others }) });
    await arrive(lab, first);
    await kill(first);
    lab.cloud.setLatency(0);

    await using second = startDaemon(lab, { configuration: configurationOf({ world }) });
    await second.reaches('world', 'started');

    const [{ id = '' } = {}] = createdVolumes(lab);
    expect(createdVolumes(lab)).toHaveLength(1);
    expect(attachedTo(lab)).toEqual([`${id} at /dev/sdf`]);
    expect(notes(lab)).toEqual([`formatted ${id}`]);
    await unmarked(lab, id);
    await journalled(lab, (volumes) => volumes.length === 0);
    expect(new Set(lab.calls('CreateVolume').map(tokenOf)).size).toBe(1);
  });

  it('to fail, the daemon deletes what was created, and forgets it [12.2, 5.2, 6.10]', async () => {
    await using lab = await startLab({ ...twoVolumesTwoZones, ...secondVolumeIsHeld, ...setup });
    const world = { 'attach-volume': [{ ...created, exec: [{ lines: formatting(lab) }] }] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world, ...others }) });
    await arrive(lab, first);
    await kill(first);
    lab.cloud.setLatency(0);

    const refused = { ...world, 'update-route53': [deniedRecord] };
    await using second = startDaemon(lab, { configuration: configurationOf({ world: refused }) });
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(1);
    expect(createdVolumes(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
  });
});

const tokenOf = ({ params }: { params: unknown }) => (params as { ClientToken: string }).ClientToken;

// What EC2 has not heard of is not there to be taken over.
describe.each(moments.slice(1))(
  'killed $moment, with its instance, and started on the replacement,',
  ({ setup, others, arrive }) => {
    it('the daemon takes over the one volume, and has it formatted once [12.2, 6.6]', async () => {
      await using lab = await startLab({ ...secondVolumeIsHeld, ...setup });
      const world = { 'attach-volume': [pooledCreation(lab)] };
      await using first = startDaemon(lab, { configuration: configurationOf({ world, ...others }) });
      await arrive(lab, first);
      await kill(first);
      lab.cloud.setLatency(0);
      lab.cloud.endInstance();
      const replacement = await another(lab);

      await using second = startDaemon(replacement, { configuration: configurationOf({ world }) });
      await second.reaches('world', 'started');

      const [{ id = '' } = {}] = createdVolumes(lab);
      expect(createdVolumes(lab)).toHaveLength(1);
      expect(attachedTo(lab, replacement.cloud.instanceId)).toEqual([`${id} at /dev/sdf`]);
      expect(notes(lab)).toEqual([`formatted ${id}`]);
      await unmarked(lab, id);
    });
  },
);

describe('killed while its commands format it, the daemon', () => {
  it('has it formatted again, since it did not see the end of it [4.3, 12.2]', async () => {
    await using lab = await startLab();
    const slow = gate(lab, 'formatted');
    const configuration = worldOf([{ ...created, exec: [{ lines: [...formatting(lab), slow.line] }] }]);
    await using first = startDaemon(lab, { configuration });
    await slow.reached(first);
    await kill(first);
    slow.open();

    await using second = startDaemon(lab, { configuration });
    await second.reaches('world', 'started');

    expect(createdVolumes(lab)).toHaveLength(1);
    const [{ id = '' } = {}] = createdVolumes(lab);
    expect(notes(lab)).toEqual([`formatted ${id}`, `formatted ${id}`]);
  });
});

describe('a volume that another instance created and never prepared', () => {
  it('is left alone while that instance runs, and another one is created [6.6, 6.7]', async () => {
    await using lab = await startLab({ createMs: 3_000 });
    const world = { 'attach-volume': [created] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world }) });
    await first.says(({ message }) => message === 'volume is being created');
    await kill(first);
    const neighbour = await another(lab);

    await using second = startDaemon(neighbour, { configuration: configurationOf({ world }) });
    await second.reaches('world', 'started');

    expect(createdVolumes(lab)).toHaveLength(2);
    const [theirs, ours] = createdVolumes(lab).map(({ id }) => id);
    expect(attachedTo(lab, neighbour.cloud.instanceId)).toEqual([`${ours} at /dev/sdf`]);
    expect(marksOn(lab, theirs ?? '')).toMatchObject({ holder: INSTANCE, 'in-transit': 'true' });
  });

  it('is waited for while EC2 is still making it, if that instance is gone: otherwise it would be left behind [6.6, 12.2]', async () => {
    await using lab = await startLab({ createMs: 1_500 });
    const world = { 'attach-volume': [created] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world }) });
    await first.says(({ message }) => message === 'volume is being created');
    await kill(first);
    lab.cloud.endInstance();
    const replacement = await another(lab);

    await using second = startDaemon(replacement, { configuration: configurationOf({ world }) });
    await waits(second, /vol-\w+ is creating, as i-0123456789abcde00 \(terminated\) has asked$/);
    await second.reaches('world', 'started');

    expect(createdVolumes(lab)).toHaveLength(1);
  });

  it('keeps nobody waiting when EC2 has been making it for longer than that may take [6.6]', async () => {
    const tags = {
      [volumeTags.domain]: 'world',
      [volumeTags.device]: '/dev/sdf',
      [volumeTags.created]: '2026-01-01T00:00:00.000Z',
      [volumeTags.holder]: 'i-0fffffffffffffff9',
      [volumeTags.inTransit]: 'true',
    };
    const createTime = tags[volumeTags.created];
    const stuck = { id: 'vol-0stuck', state: 'creating', sizeGiB: 4, createTime, tags } as const;
    await using lab = await startLab({ volumes: [{ ...stuck }] });
    await using daemon = startDaemon(lab, { configuration: worldOf([created]) });
    await daemon.reaches('world', 'started');

    expect(createdVolumes(lab)).toHaveLength(2);
    expect(warnings(daemon)).toEqual([]);
  });
});

describe('roll-back', () => {
  it('deletes what was created and only its own entry has touched, and says so [6.10, 5.2]', async () => {
    await using lab = await startLab({ ...twoVolumesTwoZones, detachMs: 300 });
    const entry = { ...created, exec: [{ lines: formatting(lab) }] };
    const more = { 'update-route53': [deniedRecord], exec: notedEvents(lab, 'failed') };
    await using daemon = startDaemon(lab, { configuration: worldOf([entry], more) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(notes(lab)).toEqual([expect.stringMatching(/^formatted vol-/), 'failed']);
    expect(createdVolumes(lab)).toEqual([]);
    expect(lab.calls('DeleteVolume')).toMatchObject([{ status: 200 }]);
    expect(daemon.log).toContainEqual(
      expect.objectContaining({ message: 'volume is deleted: it was created just now', device: '/dev/sdf' }),
    );
    expect(held(lab)).toEqual([]);
  });

  it.each([
    { when: 'in this run', killed: false },
    { when: 'in the run before', killed: true },
  ])(
    'leaves what was created where commands of another entry ran $when: it is detached, and marked for whoever comes next [6.10]',
    async ({ killed }) => {
      await using lab = await startLab({ ...twoVolumesTwoZones });
      const copying = gate(lab, 'copied');
      const entries = [created, { ...secondVolume, exec: [{ lines: [copying.line] }] }];
      const configuration = worldOf(entries, { 'update-route53': [deniedRecord] });
      const first = startDaemon(lab, { configuration });
      await using last = killed
        ? await killedAt(copying.reached, first, () => startDaemon(lab, { configuration }))
        : first;
      copying.open();

      const { exitCode } = await last.ended;

      expect(exitCode).toBe(1);
      expect(createdVolumes(lab)).toMatchObject([{ state: 'available', attachments: [] }]);
      expect(marksOn(lab, createdVolumes(lab)[0]?.id ?? '')).toEqual({ 'in-transit': 'prepared' });
      expect(warnings(last)).toContain(
        'volume was created just now, but is not deleted: commands of another entry may have written on it',
      );
      expect(lab.calls('DeleteVolume')).toEqual([]);
      expect(held(lab)).toEqual([]);
    },
  );

  it.each([
    { ending: 'SIGTERM', end: (_: Lab, daemon: Daemon) => daemon.signal('SIGTERM') },
    { ending: 'a notice', end: (lab: Lab) => lab.cloud.interrupt({ action: 'terminate' }) },
  ])('deletes it also at $ending while it is being created [5.2, 6.10]', async ({ end }) => {
    await using lab = await startLab({ createMs: 600 });
    await using daemon = startDaemon(lab, { configuration: worldOf([created]) });
    await daemon.says(({ message }) => message === 'volume is being created');

    end(lab, daemon);
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(createdVolumes(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
  });

  it('keeps in the journal what it must not delete, and names the permission; the next run deletes it [6.10, 12.2]', async () => {
    await using lab = await startLab(twoVolumesTwoZones);
    const configuration = worldOf([failingBy('delete-denied')], { 'update-route53': [deniedRecord] });
    await using first = startDaemon(lab, { configuration });
    await first.ended;
    const [{ id = '' } = {}] = createdVolumes(lab);
    const kept = held(lab);
    await tag(lab, id, { simulate: 'nothing' });

    await using second = startDaemon(lab, { configuration: configurationOf({ web: {} }) });
    await second.reaches('web', 'started');

    expect(warnings(first).join('\n')).toMatch(new RegExp(`DeleteVolume ${id}.*ec2:DeleteVolume on ${id}`));
    expect(kept).toEqual(['created for /dev/sdf']);
    expect(createdVolumes(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
  });
});

describe('a creation that EC2 refuses', () => {
  it('for lack of a permission fails the domain at once, and names what to allow [6.3]', async () => {
    await using lab = await startLab();
    const configuration = worldOf([failingBy('create-denied')], { notify: [sns] });
    await using daemon = startDaemon(lab, { configuration });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(lab.calls('CreateVolume')).toHaveLength(1);
    const sentence = expect.stringMatching(/CreateVolume for \/dev\/sdf of world.*ec2:CreateVolume.*ec2:CreateTags/);
    expect(warnings(daemon)[0]).toEqual(sentence);
    expect(lab.told()).toMatchObject([{ daemon_state: 'failed', error: [['attach-volume[0]', sentence]] }]);
    expect(held(lab)).toEqual([]);
  });

  it('for the quota fails the domain, and says that it is the quota [6.3]', async () => {
    await using lab = await startLab({ volumeLimit: 2 });
    await using daemon = startDaemon(lab, { configuration: worldOf([created]) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(warnings(daemon)[0]).toMatch(/CreateVolume for \/dev\/sdf of world.*VolumeLimitExceeded/);
    expect(held(lab)).toEqual([]);
  });

  it('for want of capacity is asked for again, and gets its volume when there is room [6.3]', async () => {
    await using lab = await startLab({ fullZones: ['eu-west-1a'] });
    await using daemon = startDaemon(lab, { configuration: worldOf([created]) });
    await waits(daemon, 'InsufficientVolumeCapacity');
    lab.cloud.changeLimits({ fullZones: [] });
    await daemon.reaches('world', 'started');

    expect(createdVolumes(lab)).toHaveLength(1);
    expect(new Set(lab.calls('CreateVolume').map(tokenOf)).size).toBe(1);
  });

  it('because its token is known for another request is asked for with the next number [6.6]', async () => {
    await using lab = await startLab({ latencyMs: 600 });
    const configuration = worldOf([created]);
    await using first = startDaemon(lab, { configuration });
    await journalled(lab, (volumes) => volumes.includes('created for /dev/sdf'));
    await kill(first);
    lab.cloud.setLatency(0);
    const [creation] = holds(lab) as CreationHold[];
    await usedElsewhere(lab, String(creation?.request.ClientToken));

    await using second = startDaemon(lab, { configuration });
    await second.reaches('world', 'started');

    expect(createdVolumes(lab)).toHaveLength(1);
    expect(lab.calls('CreateVolume').map(({ errorCode }) => errorCode)).toContain('IdempotentParameterMismatch');
    await journalled(lab, (volumes) => volumes.length === 0);
  });
});

describe('a creation whose answer is lost', () => {
  it('is asked for again with the same request, and gives one volume [6.6]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: worldOf([failingBy('create-answer-lost')]) });
    await daemon.reaches('world', 'started');

    expect(createdVolumes(lab)).toHaveLength(1);
    expect(lab.calls('CreateVolume').map(({ errorCode }) => errorCode)).toEqual(['answer-lost', undefined]);
  });
});

describe('a volume that EC2 creates and loses', () => {
  it('is asked for anew a few times; then the domain fails, says so, and holds nothing [6.6]', async () => {
    await using lab = await startLab({ createMs: 700 });
    await using daemon = startDaemon(lab, { configuration: worldOf([failingBy('create-vanishes')]) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(new Set(lab.calls('CreateVolume').map(tokenOf)).size).toBe(3);
    expect(warnings(daemon)[0]).toMatch(
      /accepted 3 requests for a new volume.*gone before it could be attached.*KMS key/,
    );
    expect(createdVolumes(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
  });

  it('in an error is no volume: the domain fails, says so, and it is deleted [6.10]', async () => {
    await using lab = await startLab({ createMs: 300 });
    await using daemon = startDaemon(lab, { configuration: worldOf([failingBy('create-error')]) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(warnings(daemon)[0]).toMatch(/vol-\w+ is in state error.*check the snapshot and the KMS key/);
    expect(createdVolumes(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
  });
});

/** Ends the first daemon at a moment. @returns the next one. */
async function killedAt(reached: (daemon: Daemon) => Promise<unknown>, first: Daemon, next: () => Daemon) {
  await reached(first);
  await kill(first);
  return next();
}

/** Somebody else asks for another volume with this token. */
async function usedElsewhere({ cloud }: Lab, ClientToken: string): Promise<void> {
  const request = { AvailabilityZone: 'eu-west-1a', Size: 99, ClientToken };
  await new EC2Client(clientOptions(cloud)).send(new CreateVolumeCommand(request));
}
