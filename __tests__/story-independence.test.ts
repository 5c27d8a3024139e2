/** What one domain's failure means to the others, to the daemon, and to what was attached before: the built daemon. */

import path from 'node:path';
import { type Daemon, type Lab, startDaemon, startLab, VOLUME } from './helpers/daemon.ts';
import { canListen, listen } from './helpers/notify-socket.ts';
import { eventually } from './helpers/simulator-clients.ts';
import {
  accepted,
  attached,
  configurationOf,
  deniedRecord,
  flagged,
  gate,
  held,
  INSTANCE,
  kill,
  note,
  notedEvents,
  notes,
  record,
  secondVolume,
  sns,
  toldEvents,
  twoVolumesTwoZones,
  volume,
} from './helpers/story.ts';

describe('of three domains', () => {
  it('one that fails gives back its own and is over; the others start, and are warned of a notice [5.4, 5.2]', async () => {
    await using lab = await startLab(twoVolumesTwoZones);
    const save = [{ on: 'interrupted', lines: [note(lab, 'save {domain}')] }];
    const configuration = configurationOf({
      first: { 'attach-volume': [volume], exec: save },
      failing: { 'attach-volume': [secondVolume], 'update-route53': [deniedRecord], exec: save, notify: [sns] },
      third: { 'update-route53': [record], exec: save },
    });
    await using daemon = startDaemon(lab, { configuration });
    await Promise.all([daemon.reaches('failing', 'stopped'), flagged(lab, 'first'), flagged(lab, 'third')]);
    const whileTheyRun = { flag: lab.startedFlag('failing'), attached: attached(lab) };

    lab.cloud.interrupt({ action: 'terminate' });
    const { exitCode } = await daemon.ended;

    expect(whileTheyRun).toEqual({ flag: false, attached: [VOLUME] });
    expect(exitCode).toBe(0);
    expect(notes(lab).toSorted()).toEqual(['save first', 'save third']);
    expect(toldEvents(lab)).toEqual(['failed']);
  });
});

describe('require-all', () => {
  it('fails all when one fails: no started command runs, all give back and tell why, exit 1 [5.4, 5.2, 2.3]', async () => {
    await using lab = await startLab(twoVolumesTwoZones);
    const fate = { exec: notedEvents(lab, 'started', 'failed'), notify: [sns] };
    const failing = gate(lab, 'fail');
    const configuration = configurationOf(
      {
        standing: { 'attach-volume': [volume], 'update-route53': [record], ...fate },
        waiting: { 'attach-volume': [{ ...secondVolume, exec: [{ lines: [gate(lab, 'never').line] }] }], ...fate },
        failing: { exec: [{ on: 'starting', lines: [failing.line, { argv: ['/bin/false'] }] }], notify: [sns] },
      },
      { 'require-all': true },
    );
    await using daemon = startDaemon(lab, { configuration });
    await Promise.all([daemon.reaches('standing', 'dns-updated'), gate(lab, 'never').reached(daemon)]);
    failing.open();

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(notes(lab)).toEqual(['failed', 'failed']);
    expect(attached(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
    const told = Object.fromEntries(lab.told().map(({ domain, error: [first] }) => [domain, first]));
    expect(told).toEqual({
      failing: ['exec starting', '/bin/false: exited with 1'],
      standing: ['require-all', expect.stringContaining('failing has failed')],
      waiting: ['require-all', expect.stringContaining('failing has failed')],
    });
  });

  it('starts all when all stand [5.4]', async () => {
    await using lab = await startLab();
    const exec = notedEvents(lab, 'started');
    const configuration = configurationOf(
      { one: { exec }, other: { 'attach-volume': [volume], exec } },
      { 'require-all': true },
    );
    await using daemon = startDaemon(lab, { configuration });

    await Promise.all([daemon.reaches('one', 'started'), daemon.reaches('other', 'started')]);

    expect(notes(lab)).toEqual(['started', 'started']);
  });
});

describe('an entry that is not critical', () => {
  it('is given back alone when its commands fail; the domain starts, and tells [5.4]', async () => {
    await using lab = await startLab(twoVolumesTwoZones);
    const failing = { ...secondVolume, critical: false, exec: [{ lines: [{ argv: ['/bin/false'] }] }] };
    const world = { 'attach-volume': [failing, volume], notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    await daemon.says(accepted('world', 'started'));

    expect(attached(lab)).toEqual([VOLUME]);
    expect(lab.told()).toMatchObject([{ error: [['attach-volume[0]', '/bin/false: exited with 1']] }]);
    expect(daemon.log).toContainEqual(expect.objectContaining({ level: 'warn', part: 'attach-volume[0]' }));
    daemon.signal('SIGTERM');
    expect((await daemon.ended).exitCode).toBe(0);
  });

  it('may be refused: the others of its domain stand [5.4]', async () => {
    await using lab = await startLab(twoVolumesTwoZones);
    const missing = { ...secondVolume, critical: false, 'volume-id': 'vol-0000000000000dead' };
    const records = [{ ...deniedRecord, critical: false }, record];
    const world = { 'attach-volume': [missing, volume], 'update-route53': records, notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    await daemon.says(accepted('world', 'started'));

    expect(attached(lab)).toEqual([VOLUME]);
    expect(lab.told()).toMatchObject([{ static_dns_rr: ['play.example.com.'] }]);
    expect(lab.told()[0].error.map(([part]: string[]) => part)).toEqual(['attach-volume[0]', 'update-route53[0]']);
  });
});

describe('a domain that fails with a volume that was attached before', () => {
  const setup = {
    ...twoVolumesTwoZones,
    volumes: [{ id: VOLUME, attachedTo: { instanceId: INSTANCE, device: '/dev/sdf' } }],
  };
  const failing = (lab: Lab) => ({
    'attach-volume': [volume],
    'update-route53': [deniedRecord],
    exec: notedEvents(lab, 'interrupted', 'stopping', 'failed'),
    notify: [sns],
  });

  it.each([
    { ending: 'a stop', exitCode: 1, end: (_: Lab, daemon: Daemon) => daemon.signal('SIGTERM') },
    { ending: 'a notice', exitCode: 0, end: (lab: Lab) => lab.cloud.interrupt({ action: 'terminate' }) },
  ])(
    'keeps the daemon there, and the volume attached, until $ending: exit $exitCode [5.4, 2.3, 6.2]',
    async (story) => {
      await using lab = await startLab(setup);
      await using daemon = startDaemon(lab, { configuration: configurationOf({ failing: failing(lab) }) });
      await daemon.says(({ state }) => state === 'keeping-watch');
      await daemon.says(accepted('failing', 'failed'));

      story.end(lab, daemon);
      const { exitCode } = await daemon.ended;

      expect(exitCode).toBe(story.exitCode);
      expect(notes(lab)).toEqual(['failed']);
      expect(toldEvents(lab)).toEqual(['failed']);
      expect([...lab.calls('AttachVolume'), ...lab.calls('DetachVolume')]).toEqual([]);
    },
  );

  (canListen ? it : it.skip)('keeps nobody from hearing READY [11.1, 5.4]', async () => {
    await using lab = await startLab(setup);
    const socket = path.join(lab.folder, 'notify');
    using systemd = listen(socket);
    await using daemon = startDaemon(lab, {
      configuration: configurationOf({ failing: failing(lab) }),
      environment: { NOTIFY_SOCKET: socket },
    });

    await daemon.says(({ state }) => state === 'keeping-watch');

    const heard: string[] = [];
    await eventually(
      async () => heard.push(...systemd.messages()),
      () => heard.some((message) => message.includes('READY=1')),
    );
    expect(heard.join('\n')).toContain('READY=1\nSTATUS=0 of 1 domains started');
  });
});

describe('an application that was started, and cannot be brought up again after a crash', () => {
  it.each([
    { event: 'interrupted', exitCode: 0, end: (lab: Lab) => lab.cloud.interrupt({ action: 'terminate' }) },
    { event: 'stopping', exitCode: 1, end: (_: Lab, daemon: Daemon) => daemon.signal('SIGTERM') },
  ])('gets its $event commands all the same: exit $exitCode [5.4, 12.3, 2.3]', async (story) => {
    await using lab = await startLab(twoVolumesTwoZones);
    const exec = notedEvents(lab, 'started', 'interrupted', 'stopping', 'failed');
    const world = { 'attach-volume': [volume], exec, notify: [sns] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world }) });
    await first.says(accepted('world', 'started'));
    await kill(first);
    const refused = { ...world, 'update-route53': [deniedRecord] };
    await using second = startDaemon(lab, { configuration: configurationOf({ world: refused }) });
    await second.says(({ state }) => state === 'keeping-watch');

    story.end(lab, second);
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(story.exitCode);
    expect(notes(lab)).toEqual(['started', 'failed', story.event]);
    expect(toldEvents(lab)).toEqual(['started', 'failed', story.event]);
    expect(attached(lab)).toEqual([VOLUME]);
  });
});
