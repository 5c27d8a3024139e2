/** SIGTERM and SIGINT, whatever the daemon is doing: the built daemon, from boot to exit. */

import { type Lab, startDaemon, startLab, VOLUME } from './helpers/daemon.ts';
import {
  attached,
  configurationOf,
  gate,
  held,
  note,
  notedEvents,
  notes,
  record,
  sns,
  toldEvents,
  volume,
} from './helpers/story.ts';

/** Sends these events beside those that are sent unless told otherwise. */
const telling = (...events: string[]) => ({
  ...sns,
  matrix: Object.fromEntries(events.map((event) => [event, { enabled: true }])),
});

/** An application with everything, whose commands at `event` run until they are let through. */
function gated(lab: Lab, event: string) {
  const { line, reached, open } = gate(lab, event);
  const world = {
    'attach-volume': [volume],
    'update-route53': [record],
    exec: [
      ...notedEvents(lab, 'started', 'interrupted', 'stopping', 'failed').filter(({ on }) => on !== event),
      { on: event, lines: [line, note(lab, `${event} is through`)] },
    ],
    notify: [sns],
  };
  return { world, reached, open };
}

describe('SIGTERM on the way up', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends the starting commands, takes nothing, tells and exits 0, and so does SIGINT: %s [5.2, 5.6, 2.3]',
    async (signal) => {
      await using lab = await startLab();
      const { world, reached } = gated(lab, 'starting');
      await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
      await reached(daemon);

      daemon.signal(signal);
      const { exitCode } = await daemon.ended;

      expect(exitCode).toBe(0);
      expect(notes(lab)).toEqual([]);
      expect([...lab.calls('AttachVolume'), ...lab.calls('ChangeResourceRecordSets')]).toEqual([]);
      expect(toldEvents(lab)).toEqual(['stopping']);
    },
  );

  it('gives back what a domain has that stands, and waits for another one [5.2, 11.1]', async () => {
    await using lab = await startLab();
    const { world, reached } = gated(lab, 'starting');
    const standing = { ...world, exec: notedEvents(lab, 'started', 'stopping') };
    const late = { ...world, 'attach-volume': [], 'update-route53': [] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ standing, late }) });
    await Promise.all([daemon.reaches('standing', 'dns-updated'), reached(daemon)]);

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual([]);
    expect(attached(lab)).toEqual([]);
    expect(lab.cloud.recordSets(record.hostedzone).map(({ type }) => type)).not.toContain('A');
    expect(toldEvents(lab)).toEqual(['stopping', 'stopping']);
  });

  it('past the point of no return ends the started commands, runs those of stopping, and gives nothing back [5.2]', async () => {
    await using lab = await startLab();
    const { world, reached } = gated(lab, 'started');
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await reached(daemon);

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['stopping']);
    expect(attached(lab)).toEqual([VOLUME]);
    expect(toldEvents(lab)).toEqual(['stopping']);
  });

  it('while the failed commands run begins no second event, and the daemon exits 1 [5.6, 2.3]', async () => {
    await using lab = await startLab();
    const { world, reached, open } = gated(lab, 'failed');
    const starting = { on: 'starting', lines: [{ argv: ['/bin/false'] }] };
    const failing = { ...world, exec: [starting, ...world.exec] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ failing }) });
    await reached(daemon);

    daemon.signal('SIGTERM');
    await daemon.says(({ message }) => message === 'SIGTERM: stopping');
    open();
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(notes(lab)).toEqual(['failed is through']);
    expect(toldEvents(lab)).toEqual(['failed']);
  });
});

describe('SIGTERM while started', () => {
  it('gives the commands stop-timeout: TERM before it, KILL at it, nothing after it, and each is told [5.6, 8.5]', async () => {
    await using lab = await startLab();
    const deaf = { argv: ['/bin/sh', '-c', `trap "" TERM; while [ -d ${lab.folder} ]; do sleep 0.02; done`] };
    const world = { exec: [{ on: 'stopping', lines: [deaf, note(lab, 'too late')] }], notify: [sns] };
    const configuration = configurationOf({ world }, { 'stop-timeout': 1 });
    await using daemon = startDaemon(lab, { configuration });
    await daemon.reaches('world', 'started');

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual([]);
    expect(lab.told().at(-1)).toMatchObject({
      daemon_state: 'stopping',
      results: [{ argv: deaf.argv, signal: 'SIGKILL' }, { exit_code: null }],
      error: [
        ['exec stopping', expect.any(String)],
        ['exec stopping', expect.stringMatching(/no time was left$/)],
      ],
    });
  });

  it('runs the rest after a stopping line that fails, reports it, and exits 0 all the same [5.7, 2.3]', async () => {
    await using lab = await startLab();
    const world = { exec: [{ on: 'stopping', lines: [{ argv: ['/bin/false'] }, note(lab, 'saved')] }], notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['saved']);
    expect(lab.told().at(-1)).toMatchObject({ error: [['exec stopping', '/bin/false: exited with 1']] });
  });

  it('stops all the same when the metadata does not answer whether it is an interruption [5.6]', async () => {
    await using lab = await startLab();
    const world = { exec: notedEvents(lab, 'stopping', 'interrupted') };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');
    lab.cloud.metadataFault({ kind: 'hang' });

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['stopping']);
  });
});

describe('SIGTERM during an interruption', () => {
  it('only shortens the time to stop-timeout, and begins no second event [5.6]', async () => {
    await using lab = await startLab();
    const saving = gate(lab, 'saving');
    const exec = [...notedEvents(lab, 'stopping'), { on: 'interrupted', lines: [saving.line] }];
    const world = { exec, notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }, { 'stop-timeout': 1 }) });
    await daemon.reaches('world', 'started');
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await saving.reached(daemon);

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual([]);
    expect(toldEvents(lab)).toEqual(['started', 'interrupted']);
    expect(lab.told().at(-1).results).toMatchObject([{ signal: 'SIGTERM' }]);
  });

  it('lets commands go on that need no longer than that [5.6]', async () => {
    await using lab = await startLab();
    const { world, reached, open } = gated(lab, 'interrupted');
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await reached(daemon);

    daemon.signal('SIGTERM');
    await daemon.says(({ message }) => message === 'SIGTERM: stopping');
    open();
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['started', 'interrupted is through']);
    expect(toldEvents(lab)).toEqual(['started', 'interrupted']);
  });
});

describe('a second SIGTERM', () => {
  it.each([
    { event: 'stopping', cause: 'a first SIGTERM' },
    { event: 'interrupted', cause: 'a notice' },
  ])('ends the $event commands, releases nothing, and goes straight to the notifications [5.6]', async ({ event }) => {
    await using lab = await startLab();
    const { world, reached } = gated(lab, event);
    const releasing = { ...world, 'attach-volume': [{ ...volume, release: [event] }] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: releasing }) });
    await daemon.reaches('world', 'started');
    if (event === 'interrupted') lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    else daemon.signal('SIGTERM');
    await reached(daemon);

    daemon.signal('SIGTERM');
    if (event === 'interrupted') daemon.signal('SIGINT');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['started']);
    expect(attached(lab)).toEqual([VOLUME]);
    expect(toldEvents(lab)).toEqual(['started', event]);
    expect(lab.told().at(-1).results).toMatchObject([{ signal: 'SIGTERM' }, { exit_code: null }]);
  });

  it('on the way up leaves what is not given back yet in the journal, for the next run [5.6, 12.2]', async () => {
    await using lab = await startLab({ detachMs: 60_000 });
    const { world, reached } = gated(lab, 'starting');
    const standing = { ...world, 'update-route53': [], exec: [] };
    const late = { ...world, 'attach-volume': [], 'update-route53': [] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ standing, late }) });
    await Promise.all([daemon.reaches('standing', 'dns-updated'), reached(daemon)]);
    daemon.signal('SIGTERM');
    await daemon.reaches('standing', 'rolling-back');

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(held(lab)).toEqual([VOLUME]);
    expect(toldEvents(lab)).toEqual(['stopping', 'stopping']);
  });
});

describe('a notice while stopping', () => {
  it('is logged, told as noticed where that is wanted, and begins no second event [5.6, 5.1]', async () => {
    await using lab = await startLab();
    const { world, reached, open } = gated(lab, 'stopping');
    const noticed = { on: 'noticed', lines: [note(lab, 'noticed')] };
    const curious = { ...world, exec: [...world.exec, noticed], notify: [telling('noticed')] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ curious }) });
    await daemon.reaches('curious', 'started');
    daemon.signal('SIGTERM');
    await reached(daemon);

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await daemon.says(({ message }) => message === 'interruption notice');
    await daemon.says(({ message, event }) => message === 'message accepted' && event === 'noticed');
    open();
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['started', 'stopping is through']);
    expect(toldEvents(lab)).toEqual(['started', 'noticed', 'stopping']);
  });
});
