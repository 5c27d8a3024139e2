/** READY does not wait for a domain that hangs. A story of its own, since it takes the ten seconds of its promise. */

import { startDaemon, startLab } from './helpers/daemon.ts';
import { canListen } from './helpers/notify-socket.ts';
import {
  configurationOf,
  gate,
  note,
  notes,
  OTHER_INSTANCE,
  SECOND_VOLUME,
  secondVolume,
  secondVolumeIsHeld,
} from './helpers/story.ts';
import { listening } from './helpers/systemd.ts';

(canListen ? describe : describe.skip)('systemd (skipped on a Node without node:ffi)', () => {
  it('hears READY 10 s after the first domain stands; one that stands later runs its own commands at once [11.1, 11.2]', async () => {
    await using lab = await startLab(secondVolumeIsHeld);
    using systemd = listening(lab);
    const [ready, late] = [gate(lab, 'ready'), gate(lab, 'late')];
    const domains = {
      first: { exec: [{ on: 'started', lines: [ready.line] }] },
      late: {
        exec: [
          { on: 'starting', lines: [late.line] },
          { on: 'started', lines: [note(lab, 'late')] },
        ],
      },
      waiting: { 'attach-volume': [secondVolume] },
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf(domains), ...systemd.watching });
    await Promise.all([daemon.reaches('first', 'dns-updated'), late.reached(daemon)]);
    const early = systemd.heard();

    await ready.reached(daemon);
    const heard = systemd.heard();
    ready.open();
    await daemon.reaches('first', 'started');
    late.open();
    await daemon.reaches('late', 'started');

    const before = heard.slice(0, heard.indexOf('READY=1'));
    expect(early).not.toContain('READY=1');
    expect(heard).toContain('READY=1');
    // More time is asked for every ten seconds.
    expect(before.filter((line) => line.startsWith('EXTEND_TIMEOUT_USEC=')).length).toBeGreaterThan(1);
    expect(before.join('\n')).toMatch(
      new RegExp(
        `STATUS=0 of 3 domains started; .*waiting: ${SECOND_VOLUME} is held by ${OTHER_INSTANCE} \\(attached\\)`,
      ),
    );
    expect(notes(lab)).toEqual(['late']);
  });
});
