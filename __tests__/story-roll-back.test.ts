/** What a run took is given back while the application has never run: the built daemon, from boot to exit. */

import type { StoredRecordSet } from '../simulator/cloud.ts';
import { type Daemon, type Lab, type LabSetup, startDaemon, startLab, VOLUME, ZONE } from './helpers/daemon.ts';
import {
  addressSets,
  answered,
  attached,
  configurationOf,
  DENIED_ZONE,
  deniedRecord,
  disks,
  gate,
  held,
  journalled,
  mountFirstDisk,
  note,
  notedEvents,
  notes,
  OTHER_INSTANCE,
  record,
  SECOND_VOLUME,
  secondVolume,
  secondVolumeIsHeld,
  sns,
  theirs,
  toldEvents,
  twoVolumesTwoZones,
  upsert,
  volume,
} from './helpers/story.ts';

const name = 'play.example.com.';
const predecessor: StoredRecordSet = { name, type: 'A', ttl: 300, values: ['198.51.100.7', '198.51.100.8'] };
const predecessorV6: StoredRecordSet = { name, type: 'AAAA', ttl: 900, values: ['2001:db8::7'] };
const balancer = { hostedZoneId: 'Z0000000BALANCER', dnsName: 'balancer.example.net.', evaluateTargetHealth: true };
const alias: StoredRecordSet = { name, type: 'A', values: [], alias: balancer };

/** The zone that takes changes, with these record sets in it. */
const zoneWith = (...recordSets: StoredRecordSet[]) => ({ id: ZONE, name: 'example.com', recordSets });
const deniedZone = { id: DENIED_ZONE, name: 'example.org' };

/** The commands of an application that never runs, and whoever is told. */
const neverRun = (lab: Lab) => ({
  exec: notedEvents(lab, 'started', 'interrupted', 'stopping', 'failed'),
  notify: [sns],
});

describe('a record that is refused when the volumes are attached', () => {
  it('gives everything back, the last first; then the failed commands run, and it is told [5.2, 6.10, 2.3]', async () => {
    await using lab = await startLab(twoVolumesTwoZones);
    const preparing = gate(lab, 'prepared');
    const world = {
      'attach-volume': [volume, { ...secondVolume, exec: [{ lines: [preparing.line] }] }],
      'update-route53': [record, deniedRecord],
      exec: [{ on: 'failed', lines: [note(lab, `failed, with ${disks(lab)}`)] }],
      notify: [sns],
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await preparing.reached(daemon);
    const taken = held(lab);
    preparing.open();

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(taken.toSorted()).toEqual([VOLUME, SECOND_VOLUME].toSorted());
    expect(lab.calls('DetachVolume')).toMatchObject(taken.toReversed().map((VolumeId) => ({ params: { VolumeId } })));
    expect(notes(lab)).toEqual(['failed, with']);
    expect(lab.told()).toMatchObject([
      {
        daemon_state: 'failed',
        error: [['update-route53[1]', expect.stringMatching(/Z-change-denied.*AccessDenied/)]],
      },
    ]);
    expect(held(lab)).toEqual([]);
  });

  it.each([
    { what: 'the addresses of a predecessor', before: [predecessor, predecessorV6] },
    { what: 'an alias', before: [alias] },
    { what: 'nothing', before: [] },
  ])('leaves in DNS exactly what stood there before: $what [7.5]', async ({ before }) => {
    await using lab = await startLab({ hostedZones: [zoneWith(...before), deniedZone] });
    const world = { 'update-route53': [record, deniedRecord] };
    const written = answered(lab, 'ChangeResourceRecordSets').then(() => addressSets(lab));
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    await daemon.ended;

    expect(await written).toMatchObject([{ values: ['203.0.113.10'] }, { values: ['2001:db8::a'] }]);
    expect(addressSets(lab)).toEqual(before);
    expect(held(lab)).toEqual([]);
  });
});

/** A point on the way up: which domains lead there, and how to know that they have arrived. */
interface Moment {
  moment: string;
  setup?: LabSetup;
  domains(lab: Lab): object;
  arrive(lab: Lab, daemon: Daemon): Promise<void>;
}

describe.each([
  { ending: 'a notice', event: 'interrupted', begin: (lab: Lab) => lab.cloud.interrupt({ action: 'terminate' }) },
  { ending: 'SIGTERM', event: 'stopping', begin: (_: Lab, daemon: Daemon) => daemon.signal('SIGTERM') },
])('$ending on the way up', ({ event, begin }) => {
  const moments: Moment[] = [
    {
      moment: 'EC2 has not answered yet whether it may have its volume',
      domains: (lab) => ({ world: { 'attach-volume': [volume], ...neverRun(lab) } }),
      arrive: async (lab) => {
        await answered(lab, 'DescribeVolumes');
        lab.cloud.setLatency(800);
        void answered(lab, 'AttachVolume').then(() => lab.cloud.setLatency(0));
        // The journal knows before EC2 does.
        await journalled(lab, (volumes) => volumes.includes(VOLUME));
      },
    },
    {
      moment: 'its volume is being attached',
      setup: { attachMs: 800 },
      domains: (lab) => ({ world: { 'attach-volume': [volume], ...neverRun(lab) } }),
      arrive: async (lab) => void (await answered(lab, 'AttachVolume')),
    },
    {
      moment: 'another volume is waited for',
      domains: (lab) => ({ world: { 'attach-volume': [volume, secondVolume], ...neverRun(lab) } }),
      arrive: async (_, daemon) => {
        await daemon.says(({ message }) => message === 'volume is there');
        await daemon.says(({ message }) => message.startsWith(`waiting: ${SECOND_VOLUME}`));
      },
    },
    {
      moment: "the volume's commands run",
      domains: (lab) => ({
        world: { 'attach-volume': [{ ...volume, exec: [{ lines: [gate(lab, 'format').line] }] }], ...neverRun(lab) },
      }),
      arrive: async (_, daemon) => {
        await daemon.says(({ message }) => message === 'command starts');
      },
    },
    {
      moment: 'its records are being written',
      domains: (lab) => ({
        world: { 'attach-volume': [volume], 'update-route53': [record], ...neverRun(lab) },
      }),
      arrive: async (lab) => {
        lab.cloud.fault({ kind: 'latency', ms: 1_000, operation: 'ChangeResourceRecordSets', count: 1 });
        await journalled(lab, (held) => held.some((what) => what.startsWith(name)));
      },
    },
    {
      moment: 'it stands, and another domain does not yet',
      domains: (lab) => ({
        world: { 'attach-volume': [volume], 'update-route53': [record], ...neverRun(lab) },
        other: { 'attach-volume': [secondVolume] },
      }),
      arrive: async (_, daemon) => {
        await daemon.reaches('world', 'dns-updated');
      },
    },
  ];

  it.each(moments)('while $moment: all is given back and told, no command runs, exit 0 [5.2, 2.3]', async (story) => {
    await using lab = await startLab({
      ...secondVolumeIsHeld,
      hostedZones: [zoneWith(predecessor)],
      ...story.setup,
    });
    await using daemon = startDaemon(lab, { configuration: configurationOf(story.domains(lab)) });
    await story.arrive(lab, daemon);

    begin(lab, daemon);
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(lab.calls('DetachVolume')).toMatchObject([{ params: { VolumeId: VOLUME } }]);
    expect(attached(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([predecessor]);
    expect(held(lab)).toEqual([]);
    expect(notes(lab)).toEqual([]);
    expect(toldEvents(lab)).toEqual([event]);
  });
});

describe('roll-back', () => {
  it('gives back a volume whose attachment was never confirmed [5.2, 6.10, 12.2]', async () => {
    const lost = 'vol-attach-answer-lost';
    await using lab = await startLab({ volumes: [{ id: lost }] });
    const world = { 'attach-volume': [{ ...volume, 'volume-id': lost }], ...neverRun(lab) };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.says(({ message }) => message.startsWith(`waiting: AttachVolume ${lost}`));

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(lab.calls('AttachVolume')).toMatchObject([{ errorCode: 'answer-lost' }]);
    expect(lab.cloud.volume(lost)?.attachments).toEqual([]);
    expect(held(lab)).toEqual([]);
  });

  it('leaves a record alone that somebody else has changed meanwhile [7.5]', async () => {
    await using lab = await startLab({ ...secondVolumeIsHeld, hostedZones: [zoneWith(predecessor)] });
    const domains = { world: { 'update-route53': [record] }, other: { 'attach-volume': [secondVolume] } };
    await using daemon = startDaemon(lab, { configuration: configurationOf(domains) });
    await daemon.reaches('world', 'dns-updated');
    await upsert(lab, theirs);

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(addressSets(lab)).toEqual([theirs]);
    expect(daemon.log).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: 'record is no longer ours, and stays as it is',
        record: `${name} A`,
      }),
    );
    expect(held(lab)).toEqual([]);
  });

  it.each([
    { why: 'detaching is not allowed', simulate: 'detach-denied', problem: /DetachVolume .*UnauthorizedOperation/ },
    { why: 'it is mounted, and cannot be unmounted', mounts: true, problem: /\/srv\/world is mounted/ },
  ])('leaves a volume attached and names it, and the next run begins with it: $why [6.10, 12.2]', async (story) => {
    const { simulate = '', mounts = false, problem } = story;
    await using lab = await startLab({ ...twoVolumesTwoZones, volumes: [{ id: VOLUME, tags: { simulate } }] });
    const prepare = [note(lab, 'prepare {attach_op}'), ...(mounts ? [mountFirstDisk(lab)] : [])];
    const world = { 'attach-volume': [{ ...volume, exec: [{ lines: prepare }] }], notify: [sns] };
    const named = await failToGiveBack(lab, world);

    await using next = startDaemon(lab, { configuration: configurationOf({ world }) });
    await next.reaches('world', 'started');

    expect(named).toMatchObject({ level: 'warn', domain: 'world', message: expect.stringMatching(problem) });
    expect(lab.told()[0]).toMatchObject({
      daemon_state: 'failed',
      error: [
        ['update-route53[0]', expect.anything()],
        ['roll-back', named.message],
      ],
    });
    expect(lab.calls('AttachVolume')).toHaveLength(1);
    expect(notes(lab)).toEqual(['prepare true', 'prepare false']);
  });

  it('waits no longer than it may for a volume that EC2 finds busy, and the next run goes on waiting [6.2, 6.10]', async () => {
    await using lab = await startLab({
      ...twoVolumesTwoZones,
      volumes: [{ id: VOLUME, tags: { simulate: 'detach-busy' } }],
    });
    const world = { 'attach-volume': [volume] };
    const named = await failToGiveBack(lab, world);

    await using next = startDaemon(lab, { configuration: configurationOf({ world }) });
    const waiting = await next.says(({ message }) => message.startsWith('waiting'));

    expect(named.message).toMatch(/asked to end while it was being detached/);
    expect(waiting.message).toContain(`${VOLUME} is being detached from this instance (busy)`);
  });

  it('names what was still waited for when the time for the way up is over [5.2, 6.4]', async () => {
    await using lab = await startLab(secondVolumeIsHeld);
    const world = { 'attach-volume': [volume, secondVolume], notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }, { timeout: 2 }) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(attached(lab)).toEqual([]);
    expect(lab.told()).toMatchObject([
      {
        daemon_state: 'failed',
        error: [
          ['timeout', 'the way up took longer than its limit of 2 s'],
          ['attach-volume[1]', expect.stringContaining(`${SECOND_VOLUME} is held by ${OTHER_INSTANCE} (attached)`)],
        ],
      },
    ]);
  });
});

/** A run that attaches, fails, and cannot give back what it took; gives how the log names that. */
async function failToGiveBack(lab: Lab, world: object) {
  const domains = { world: { ...world, 'update-route53': [deniedRecord] } };
  await using daemon = startDaemon(lab, { configuration: configurationOf(domains, { 'stop-timeout': 1 }) });
  const named = await daemon.says(({ part }) => part === 'roll-back');
  await daemon.says(({ state }) => state === 'keeping-watch');
  expect(held(lab)).toEqual([VOLUME]);
  daemon.signal('SIGTERM');
  expect((await daemon.ended).exitCode).toBe(1);
  return named;
}
