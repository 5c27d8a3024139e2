/** The metadata, in good days and bad ones: the built daemon, from boot to exit. */

import { DeleteTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { CallRecord } from '../simulator/server.ts';
import { type Daemon, type Lab, startDaemon, startLab, VOLUME } from './helpers/daemon.ts';
import { LIFECYCLE, MAINTENANCE, REBALANCE } from './helpers/signs.ts';
import { clientOptions, eventually } from './helpers/simulator-clients.ts';
import { attached, configurationOf, note, notes, sns, toldEvents, volume } from './helpers/story.ts';

const saving = (lab: Lab) => ({ exec: [{ on: 'interrupted', lines: [note(lab, 'saved')] }], notify: [sns] });

/** Resolves with the next request for this that the metadata hears of, answered or not. */
function asked(lab: Lab, operation: string): Promise<CallRecord> {
  return new Promise((resolve) => {
    const leave = lab.cloud.onCall((call) => {
      if (call.operation !== operation) return;
      leave();
      resolve(call);
    });
  });
}

const noticeIn = (daemon: Daemon) => daemon.says(({ message }) => message === 'interruption notice');

describe('metadata that stops answering while the daemon runs', () => {
  it.each([
    { how: 'with 503', fault: { kind: 'status', status: 503 } },
    { how: 'with 403', fault: { kind: 'status', status: 403 } },
    { how: 'by resetting connections', fault: { kind: 'reset' } },
    { how: 'by hanging', fault: { kind: 'hang' } },
  ] as const)('$how is asked again, and the notice that came meanwhile is seen [9.4]', async ({ fault }) => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: saving(lab) }) });
    await daemon.reaches('world', 'started');

    lab.cloud.metadataFault(fault);
    await daemon.says(({ message }) => message.startsWith('no answer from the instance metadata'));
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    lab.cloud.healMetadata();
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(daemon.log.map(({ message }) => message)).toContain('the instance metadata answers again');
    expect(notes(lab)).toEqual(['saved']);
    expect(toldEvents(lab)).toEqual(['started', 'interrupted']);
  });

  it('is no longer trusted with a token that it refuses: a new one is fetched, and nobody is blind [9.1, 9.4]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: saving(lab) }) });
    await daemon.reaches('world', 'started');
    const before = lab.calls('PUT /latest/api/token').length;

    lab.cloud.expireTokens();
    lab.cloud.interrupt({ action: 'stop', inSeconds: 120 });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['saved']);
    expect(lab.calls('PUT /latest/api/token').length).toBeGreaterThan(before);
    expect(daemon.log.filter(({ message }) => message.startsWith('no answer'))).toEqual([]);
  });

  it('at a path that may wait keeps no look for a notice waiting [9.1]', async () => {
    await using lab = await startLab();
    // The first look of all reads this one last.
    const looked = asked(lab, LIFECYCLE);
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: saving(lab) }) });
    await looked;

    lab.cloud.metadataFault({ kind: 'hang', paths: 'meta-data/events' });
    await asked(lab, REBALANCE);
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await noticeIn(daemon);

    // One slow path is asked after the other, and the first of them hangs still.
    expect(lab.calls(MAINTENANCE)).toHaveLength(1);
    expect((await daemon.ended).exitCode).toBe(0);
  });
});

describe('a notice', () => {
  it.each([
    { clock: 'an hour slow', aheadS: 3_600, fault: { kind: 'wrong-date', offsetS: 3_600 } },
    { clock: 'an hour fast', aheadS: -3_600, fault: { kind: 'wrong-date', offsetS: -3_600 } },
    { clock: 'all there is, without a Date', aheadS: 0, fault: { kind: 'no-date' } },
  ] as const)('counts by the Date of its own answer, here 60 s, when the local clock is $clock [9.2]', async (the) => {
    await using lab = await startLab();
    lab.cloud.metadataFault({ ...the.fault, paths: 'meta-data/spot' });
    const world = { exec: [{ on: 'interrupted', lines: [note(lab, '{seconds_left}')] }] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');

    lab.cloud.interrupt({ action: 'terminate', inSeconds: the.aheadS + 60 });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    const [seconds = ''] = notes(lab);
    expect(Number(seconds)).toBeGreaterThan(30);
    expect(Number(seconds)).toBeLessThanOrEqual(60);
  });

  it('whose time is past is one all the same, and its commands run [9.2, 9.3]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: saving(lab) }) });
    await daemon.reaches('world', 'started');

    lab.cloud.interrupt({ action: 'terminate', inSeconds: -300 });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['saved']);
    expect(lab.told().at(-1)).toMatchObject({ daemon_state: 'interrupted', seconds_left: 0 });
  });

  it('is not kept waiting by slow paths that hang at the start, either: nothing is taken [5.3, 9.1]', async () => {
    await using lab = await startLab();
    lab.cloud.metadataFault({ kind: 'hang', paths: 'meta-data/events' });
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    const world = { 'attach-volume': [volume], ...saving(lab) };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    await noticeIn(daemon);

    expect(lab.calls(MAINTENANCE)).toEqual([]);
    expect((await daemon.ended).exitCode).toBe(0);
    expect(lab.calls('AttachVolume')).toEqual([]);
    expect(toldEvents(lab)).toEqual(['interrupted']);
  });
});

describe('metadata that is not ready yet when the daemon starts', () => {
  it('is waited for [9.4, 9.7]', async () => {
    await using lab = await startLab();
    lab.cloud.metadataFault({ kind: 'status', status: 503, count: 1 });
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: saving(lab) }) });

    await daemon.reaches('world', 'started');

    expect(daemon.log.map(({ message }) => message)).toContainEqual(expect.stringMatching(/^waiting: .* 503/));
  });
});

describe('an instance that booted a moment ago', () => {
  it('is given the time to get its role [9.7]', async () => {
    await using lab = await startLab();
    lab.cloud.changeInstance({ uptimeS: 10, role: undefined });
    const world = { 'attach-volume': [volume], ...saving(lab) };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.says(({ message }) => message.startsWith('waiting: credentials'));

    lab.cloud.changeInstance({ role: 'simulated-role' });
    await daemon.reaches('world', 'started');

    expect(attached(lab)).toEqual([VOLUME]);
  });

  it('is given the time for its role to be allowed what it shall be [9.7]', async () => {
    await using lab = await startLab(refusing());
    lab.cloud.changeInstance({ uptimeS: 10 });
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: { 'attach-volume': [volume] } }) });
    await eventually(
      async () => lab.calls('AttachVolume'),
      (calls) => calls.length > 0,
    );

    await new EC2Client(clientOptions(lab.cloud)).send(
      new DeleteTagsCommand({ Resources: [VOLUME], Tags: [{ Key: 'simulate' }] }),
    );
    await daemon.reaches('world', 'started');

    expect(attached(lab)).toEqual([VOLUME]);
  });

  it('is given none of that when it booted long ago: the refusal is final [9.7, 6.3, 2.3]', async () => {
    await using lab = await startLab(refusing());
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: { 'attach-volume': [volume] } }) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(lab.calls('AttachVolume')).toHaveLength(1);
  });
});

/** AttachVolume is refused for as long as the volume has this tag. */
const refusing = () => ({ volumes: [{ id: VOLUME, tags: { simulate: 'attach-denied' } }] });
