/** Early signs and the notice itself, as commands and messages: the built daemon, from boot to exit. */

import { type Lab, QUEUE, startDaemon, startLab, VOLUME } from './helpers/daemon.ts';
import { MAINTENANCE, slowSecondLook } from './helpers/signs.ts';
import { eventually } from './helpers/simulator-clients.ts';
import { attached, configurationOf, gate, note, notes, sns, toldEvents, volume } from './helpers/story.ts';

/** Sends these events beside those that are sent unless told otherwise. */
const telling = (...events: string[]) => ({
  ...sns,
  matrix: Object.fromEntries(events.map((event) => [event, { enabled: true }])),
});

/** Notes each event that has a cause outside, and the cause. */
const causes = (lab: Lab) =>
  ['noticed', 'at-risk', 'interrupted'].map((on) => ({ on, lines: [note(lab, `${on} ${'{interrupt_action}'}`)] }));

const maintenance = {
  NotBefore: '21 Jan 2030 09:00:43 GMT',
  Code: 'instance-stop',
  Description: 'The instance is running on degraded hardware',
  EventId: 'instance-event-0d59937288b749b32',
  State: 'active',
};

const treating = (...signs: string[]) => ({
  'interrupt-detection': { options: { interval: 0.1, 'treat-as-interruption': signs } },
});

describe('a notice', () => {
  it('is told as noticed before the results of the commands are in, and to none that has not asked for it [5.1]', async () => {
    await using lab = await startLab();
    const saving = gate(lab, 'saving');
    const world = {
      exec: [
        { on: 'noticed', lines: [note(lab, 'noticed')] },
        { on: 'interrupted', lines: [saving.line, note(lab, 'saved')] },
      ],
      notify: [telling('noticed'), { backend: 'aws-sqs', options: { 'queue-url': lab.cloud.queueUrl(QUEUE) } }],
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await saving.reached(daemon);
    await eventually(
      async () => [...toldEvents(lab), ...notes(lab)],
      (seen) => seen.includes('noticed') && seen.at(-1) === 'noticed',
    );
    saving.open();
    await daemon.ended;

    expect(notes(lab)).toEqual(['noticed', 'saved']);
    expect(toldEvents(lab)).toEqual(['started', 'noticed', 'interrupted']);
    expect(lab.cloud.received(QUEUE).map(({ body }) => JSON.parse(body).daemon_state)).toEqual([
      'started',
      'interrupted',
    ]);
  });

  it('ends only once the commands of noticed have ended, too, with what is to be released coming after them [5.5]', async () => {
    await using lab = await startLab();
    const warning = gate(lab, 'warning');
    const exec = [
      { on: 'noticed', lines: [warning.line, note(lab, 'warned')] },
      { on: 'interrupted', lines: [note(lab, 'saved')] },
    ];
    const world = { 'attach-volume': [{ ...volume, release: ['interrupted'] }], exec };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }), args: ['-v'] });
    await daemon.reaches('world', 'started');

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await daemon.says(({ message, state }) => message === 'domain' && state === 'joining');
    expect(attached(lab)).toEqual([VOLUME]);
    warning.open();
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['saved', 'warned']);
    expect(attached(lab)).toEqual([]);
  });
});

describe('an early sign', () => {
  it('while started runs the at-risk commands and is told where it is wanted; the domain goes on [5.1]', async () => {
    await using lab = await startLab();
    slowSecondLook(lab);
    const world = { exec: causes(lab), notify: [telling('at-risk')] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');

    lab.cloud.changeInstance({ rebalance: '2030-01-01T00:00:00Z' });
    await daemon.says(({ message, event }) => message === 'message accepted' && event === 'at-risk');
    const standing = lab.startedFlag('world');
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(standing).toBe(true);
    expect(notes(lab).toSorted()).toEqual(['at-risk rebalance', 'interrupted terminate', 'noticed terminate']);
    expect(toldEvents(lab)).toEqual(['started', 'at-risk', 'interrupted']);
    expect(lab.told()[1]).toMatchObject({ interrupt_action: 'rebalance', interrupt_time: '2030-01-01T00:00:00+00:00' });
  });

  it('that is there before the start waits until the domain is started, and keeps nothing from being taken [5.1]', async () => {
    await using lab = await startLab();
    lab.cloud.changeInstance({ maintenance: [maintenance] });
    const preparing = gate(lab, 'preparing');
    const world = {
      'attach-volume': [{ ...volume, exec: [{ lines: [preparing.line] }] }],
      exec: [{ on: 'started', lines: [note(lab, 'started')] }, ...causes(lab)],
      notify: [telling('at-risk')],
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await preparing.reached(daemon);
    await eventually(
      async () => lab.calls(MAINTENANCE).length,
      (looks) => looks >= 2,
    );
    const early = notes(lab);
    preparing.open();
    await daemon.says(({ message, event }) => message === 'message accepted' && event === 'at-risk');
    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(early).toEqual([]);
    expect(notes(lab)).toEqual(['started', 'at-risk maintenance']);
    expect(toldEvents(lab).toSorted()).toEqual(['at-risk', 'started', 'stopping']);
  });

  it('that fails its commands fails nothing, and the log and the message say so at once [5.1, 5.7]', async () => {
    await using lab = await startLab();
    lab.cloud.changeInstance({ rebalance: '2030-01-01T00:00:00Z' });
    const exec = [{ on: 'at-risk', lines: [{ argv: ['/bin/false'] }, note(lab, 'warned')] }];
    await using daemon = startDaemon(lab, {
      configuration: configurationOf({ world: { exec, notify: [telling('at-risk')] } }),
    });

    const warning = await daemon.says(({ level, part }) => level === 'warn' && part === 'exec at-risk');
    await daemon.says(({ message, event }) => message === 'message accepted' && event === 'at-risk');
    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['warned']);
    expect(warning.message).toBe('/bin/false: exited with 1');
    const told = lab.told().find(({ daemon_state }) => daemon_state === 'at-risk');
    expect(told.error).toEqual([['exec at-risk', '/bin/false: exited with 1']]);
  });
});

describe('treat-as-interruption', () => {
  it('takes a sign that comes while started as a notice with 120 s left [3.2, 5.1]', async () => {
    await using lab = await startLab();
    slowSecondLook(lab);
    const world = { exec: causes(lab), notify: [telling('noticed', 'at-risk')] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }, treating('maintenance')) });
    await daemon.reaches('world', 'started');

    lab.cloud.changeInstance({ maintenance: [maintenance] });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).toSorted()).toEqual(['interrupted maintenance', 'noticed maintenance']);
    expect(toldEvents(lab).toSorted()).toEqual(['interrupted', 'noticed', 'started']);
    const notice = daemon.log.find(({ message }) => message === 'interruption notice');
    expect(notice).toMatchObject({ action: 'maintenance', secondsLeft: 120 });
  });

  it.each([
    { sign: 'rebalance', there: { rebalance: '2030-01-01T00:00:00Z' } },
    { sign: 'maintenance', there: { maintenance: [maintenance] } },
  ])('takes a $sign that is there at the start as one: nothing is taken [3.2, 5.3]', async ({ sign, there }) => {
    await using lab = await startLab();
    lab.cloud.changeInstance(there);
    const world = { 'attach-volume': [volume], exec: causes(lab), notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }, treating(sign)) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(lab.calls('AttachVolume')).toEqual([]);
    expect(notes(lab)).toEqual([]);
    expect(lab.told()).toMatchObject([{ daemon_state: 'interrupted', interrupt_action: sign }]);
  });

  it('leaves a sign that it does not name an early sign [3.2]', async () => {
    await using lab = await startLab();
    lab.cloud.changeInstance({ maintenance: [maintenance] });
    const world = { exec: causes(lab), notify: [telling('at-risk')] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }, treating('rebalance')) });
    await daemon.says(({ message, event }) => message === 'message accepted' && event === 'at-risk');

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['at-risk maintenance']);
  });
});
