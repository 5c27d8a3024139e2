/** What the configuration lets go at an event, and what it keeps: the built daemon, from boot to exit. */

import { type Daemon, type Lab, startDaemon, startLab, VOLUME, ZONE } from './helpers/daemon.ts';
import {
  addressSets,
  attached,
  configurationOf,
  disks,
  kill,
  note,
  notes,
  record,
  SECOND_VOLUME,
  secondVolume,
  sns,
  theirs,
  toldEvents,
  twoVolumesTwoZones,
  upsert,
  volume,
} from './helpers/story.ts';

/** One volume and one record, let go at these events; the commands of each event note the disks that they find. */
const releasing = (lab: Lab, release: string[]) => ({
  'attach-volume': [{ ...volume, release }],
  'update-route53': [{ ...record, release }],
  exec: ['interrupted', 'stopping', 'failed'].map((on) => ({ on, lines: [note(lab, `${on}, with ${disks(lab)}`)] })),
  notify: [sns],
});

const noticed = (lab: Lab) => lab.cloud.interrupt({ action: 'terminate' });
const stopped = (_: Lab, daemon: Daemon) => daemon.signal('SIGTERM');

describe('release', () => {
  it.each([
    { event: 'interrupted', end: noticed },
    { event: 'stopping', end: stopped },
  ])('at $event detaches the volume and withdraws the record, after the commands [5.5, 6.10, 7.9]', async (story) => {
    const { event, end } = story;
    const predecessor = { name: record.name, type: 'A', ttl: 300, values: ['198.51.100.7'] };
    await using lab = await startLab({ hostedZones: [{ id: ZONE, name: 'example.com', recordSets: [predecessor] }] });
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: releasing(lab, [event]) }) });
    await daemon.reaches('world', 'started');
    expect(addressSets(lab)).toHaveLength(2);

    end(lab, daemon);
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual([`${event}, with nvme1n1`]);
    expect(attached(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([]);
    expect(toldEvents(lab)).toEqual(['started', event]);
  });

  it('at failed does so when a started command fails, after the failed commands: exit 1 [5.2, 6.10, 7.9, 2.3]', async () => {
    await using lab = await startLab();
    const world = releasing(lab, ['failed']);
    const exec = [{ on: 'started', lines: [{ argv: ['/bin/false'] }] }, ...world.exec];
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: { ...world, exec } }) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(notes(lab)).toEqual(['failed, with nvme1n1']);
    expect(attached(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([]);
  });

  it.each([
    { event: 'interrupted', named: ['stopping', 'failed'], end: noticed },
    { event: 'stopping', named: ['interrupted', 'failed'], end: stopped },
    { event: 'stopping', named: [], end: stopped },
  ])('that names $named lets nothing go at $event [5.5, 6.10]', async ({ named, end }) => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: releasing(lab, named) }) });
    await daemon.reaches('world', 'started');

    end(lab, daemon);
    await daemon.ended;

    expect(attached(lab)).toEqual([VOLUME]);
    expect(addressSets(lab)).toHaveLength(2);
  });

  it('lets go only those entries that name the event [6.10, 7.9]', async () => {
    await using lab = await startLab(twoVolumesTwoZones);
    const world = {
      'attach-volume': [
        { ...volume, release: ['interrupted'] },
        { ...secondVolume, release: ['stopping'] },
      ],
      'update-route53': [
        { ...record, release: ['stopping'] },
        { ...record, name: 'stay.example.com', release: ['failed'] },
      ],
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');

    daemon.signal('SIGTERM');
    await daemon.ended;

    expect(attached(lab)).toEqual([VOLUME]);
    expect(addressSets(lab)).toMatchObject([
      { name: 'stay.example.com.', type: 'A' },
      { name: 'stay.example.com.', type: 'AAAA' },
    ]);
  });

  it('leaves a record that somebody else has written since, and says so [7.9]', async () => {
    await using lab = await startLab();
    const world = releasing(lab, ['stopping']);
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');
    await upsert(lab, theirs);

    daemon.signal('SIGTERM');
    await daemon.ended;

    expect(addressSets(lab)).toEqual([theirs]);
    expect(daemon.log).toContainEqual(
      expect.objectContaining({ message: 'record is no longer ours, and stays as it is', why: 'release' }),
    );
  });

  it('lets go what an earlier run took, under a notice that came while nobody was there [12.3, 7.9, 9.3]', async () => {
    await using lab = await startLab();
    const configuration = configurationOf({ world: releasing(lab, ['interrupted']) });
    await using first = startDaemon(lab, { configuration });
    await first.reaches('world', 'started');
    await kill(first);
    noticed(lab);

    await using second = startDaemon(lab, { configuration });
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['interrupted, with nvme1n1']);
    expect(attached(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([]);
  });

  it('has its time kept for it: a command that will not end is killed early enough [9.3, 5.6]', async () => {
    await using lab = await startLab();
    const stubborn = { argv: ['/bin/sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'] };
    const world = { ...releasing(lab, ['stopping']), exec: [{ on: 'stopping', lines: [stubborn] }] };
    const configuration = configurationOf({ world }, { 'stop-timeout': 3 });
    await using daemon = startDaemon(lab, { configuration });
    await daemon.reaches('world', 'started');

    daemon.signal('SIGTERM');
    await daemon.ended;

    expect(lab.told().at(-1)).toMatchObject({ daemon_state: 'stopping', results: [{ signal: 'SIGKILL' }] });
    expect(attached(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([]);
  });

  it('leaves a volume attached that cannot be detached, tells why, and lets the others go [6.10, 5.7]', async () => {
    const stuck = { id: SECOND_VOLUME, tags: { simulate: 'detach-denied' } };
    await using lab = await startLab({ volumes: [{ id: VOLUME }, stuck] });
    const world = releasing(lab, ['stopping']);
    const volumes = [...world['attach-volume'], { ...secondVolume, release: ['stopping'] }];
    await using daemon = startDaemon(lab, {
      configuration: configurationOf({ world: { ...world, 'attach-volume': volumes } }),
    });
    await daemon.reaches('world', 'started');

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(attached(lab)).toEqual([SECOND_VOLUME]);
    expect(addressSets(lab)).toEqual([]);
    expect(lab.told().at(-1).error).toEqual([['release', expect.stringMatching(`${SECOND_VOLUME} at .*DetachVolume`)]]);
  });
});
