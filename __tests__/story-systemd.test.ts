/** What systemd and the units ordered after ours hear and see: the built daemon, from boot to exit. */

import path from 'node:path';
import { startDaemon, startLab } from './helpers/daemon.ts';
import { canListen } from './helpers/notify-socket.ts';
import { eventually } from './helpers/simulator-clients.ts';
import { attached, configurationOf, flagged, gate, note, notes, sns, toldEvents, volume } from './helpers/story.ts';
import { listening } from './helpers/systemd.ts';

const broken = { on: 'starting', lines: [{ argv: ['/bin/false'] }] };

(canListen ? describe : describe.skip)('systemd (skipped on a Node without node:ffi)', () => {
  it('hears STOPPING last, after the commands, the release and the messages [11.3]', async () => {
    await using lab = await startLab({ detachMs: 300 });
    using systemd = listening(lab);
    const world = {
      'attach-volume': [{ ...volume, release: ['stopping'] }],
      exec: [{ on: 'stopping', lines: [{ argv: ['/bin/sleep', '0.3'] }, note(lab, 'saved')] }],
      notify: [sns],
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }), ...systemd.watching });
    await daemon.reaches('world', 'started');
    const done = systemd.whenHeard('STOPPING=1', () => ({
      notes: notes(lab),
      attached: attached(lab),
      told: toldEvents(lab),
    }));

    lab.cloud.setLatency(300);
    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(systemd.heard().at(-1)).toBe('STOPPING=1');
    expect(await done).toEqual({ notes: ['saved'], attached: [], told: ['started', 'stopping'] });
  });

  it('is asked for more time when a SIGTERM comes, and told what each domain is at [11.2]', async () => {
    await using lab = await startLab();
    using systemd = listening(lab);
    const saving = gate(lab, 'saving');
    const world = { exec: [{ on: 'stopping', lines: [saving.line] }] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }), ...systemd.watching });
    await daemon.reaches('world', 'started');
    await systemd.hears('STATUS=1 of 1 domains started');
    const before = systemd.heard().length;

    daemon.signal('SIGTERM');
    await saving.reached(daemon);
    await systemd.hears('STATUS=0 of 1 domains started; world: stopping');
    saving.open();
    await daemon.ended;

    expect(systemd.heard().slice(before)).toContain('EXTEND_TIMEOUT_USEC=30000000');
  });

  it('gets signs of life and the reason while the metadata does not answer [11.2, 9.4]', async () => {
    await using lab = await startLab();
    using systemd = listening(lab);
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: {} }), ...systemd.watching });
    await daemon.reaches('world', 'started');

    lab.cloud.metadataFault({ kind: 'status', status: 503 });
    await systemd.hears(/^STATUS=1 of 1 domains started; blind for \d+ s$/);
    const signs = systemd.heard().filter((line) => line === 'WATCHDOG=1').length;
    await eventually(
      async () => systemd.heard().filter((line) => line === 'WATCHDOG=1').length,
      (now) => now > signs,
    );
    lab.cloud.healMetadata();
    await systemd.hears('STATUS=1 of 1 domains started', { last: true });
  });

  it('is told why a daemon has not begun, and that it sleeps [11.2, 9.7, 5.5]', async () => {
    await using lab = await startLab();
    using systemd = listening(lab);
    lab.cloud.metadataFault({ kind: 'status', status: 503, count: 1 });
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: {} }), ...systemd.watching });

    await systemd.hears(/^STATUS=waiting: PUT api\/token: instance metadata answered 503/);
    await daemon.reaches('world', 'started');
    lab.cloud.interrupt({ action: 'hibernate' });
    await systemd.hears('STATUS=hibernating; waiting to be resumed');
  });

  it('is told of the warm pool, and hears READY once a SIGTERM ends it [11.1, 11.2, 5.9]', async () => {
    await using lab = await startLab();
    using systemd = listening(lab);
    lab.cloud.changeInstance({ targetLifecycleState: 'Warmed:Running' });
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: {} }), ...systemd.watching });
    await systemd.hears('STATUS=waiting: in the warm pool (Warmed:Running)');
    const early = systemd.heard();

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(early).not.toContain('READY=1');
    expect(systemd.heard()).toContain('READY=1');
    expect(systemd.heard().at(-1)).toBe('STOPPING=1');
  });

  it.each([
    { what: 'under a notice', configuration: configurationOf({ world: {} }), notice: true },
    { what: 'without user data', configuration: undefined, notice: false },
  ])('hears READY also of a daemon that ends well at once: $what [11.1]', async ({ configuration, notice }) => {
    await using lab = await startLab();
    using systemd = listening(lab);
    if (notice) lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await using daemon = startDaemon(lab, { ...(configuration ? { configuration } : {}), ...systemd.watching });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    const heard = systemd.heard();
    expect(heard.filter((line) => line === 'READY=1')).toHaveLength(1);
    expect(heard.at(-1)).toBe('STOPPING=1');
  });

  it('hears no READY of one none of whose domains came up [11.1, 5.4]', async () => {
    await using lab = await startLab();
    using systemd = listening(lab);
    const configuration = configurationOf({ world: { exec: [broken] } });
    await using daemon = startDaemon(lab, { configuration, ...systemd.watching });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(systemd.heard()).not.toContain('READY=1');
    expect(systemd.heard().at(-1)).toBe('STOPPING=1');
  });

  it('is heard by nobody else: commands do not see its socket [8.6]', async () => {
    await using lab = await startLab();
    using systemd = listening(lab);
    const world = { exec: [{ on: 'started', lines: [note(lab, 'socket: $NOTIFY_SOCKET.')] }] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }), ...systemd.watching });

    await daemon.reaches('world', 'started');

    expect(notes(lab)).toEqual(['socket: .']);
  });
});

describe('the .started file', () => {
  it('is not there before the started commands have ended, and is gone while the interrupted ones run [11.4]', async () => {
    await using lab = await startLab();
    const flag = path.join(lab.sysroot, 'run/ec2fleetd/world.started');
    const gone = { argv: ['/bin/sh', '-c', `until [ ! -e ${flag} ]; do sleep 0.02; done`] };
    const world = {
      exec: [
        { on: 'started', lines: [note(lab, `$([ -e ${flag} ] && echo there || echo not there)`)] },
        { on: 'interrupted', lines: [gone, note(lab, 'gone')] },
      ],
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world, failing: { exec: [broken] } }) });
    await Promise.all([daemon.reaches('world', 'started'), daemon.reaches('failing', 'stopped')]);
    await flagged(lab, 'world');
    const failing = lab.startedFlag('failing');

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await daemon.ended;

    expect(notes(lab)).toEqual(['not there', 'gone']);
    expect(failing).toBe(false);
    expect(lab.startedFlag('world')).toBe(false);
  });
});
