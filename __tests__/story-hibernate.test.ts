/** Hibernation: everything is brought to rest, the daemon sleeps with its instance, and comes up again with it. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Daemon, type Lab, startDaemon, startLab, VOLUME, ZONE } from './helpers/daemon.ts';
import { eventually } from './helpers/simulator-clients.ts';
import {
  accepted,
  attached,
  configurationOf,
  gate,
  kill,
  note,
  notes,
  record,
  sns,
  toldEvents,
  volume,
} from './helpers/story.ts';

/** An application whose traces tell which address it has, and whether its volume was attached just now. */
const world = (lab: Lab) => ({
  'attach-volume': [{ ...volume, exec: [{ lines: [note(lab, 'attached just now: {attach_op}')] }] }],
  'update-route53': [record],
  exec: [
    { on: 'started', lines: [note(lab, 'started at {primary_public_ipv4}')] },
    { on: 'interrupted', lines: [note(lab, 'saved for {interrupt_action}')] },
    { on: 'stopping', lines: [note(lab, 'stopping')] },
  ],
  notify: [sns],
});

const asleep = (daemon: Daemon, times = 1) =>
  daemon.says(() => daemon.log.filter(({ state }) => state === 'asleep').length === times);

/** Resolves when the domain is up for that many times. */
const up = (daemon: Daemon, times: number) =>
  daemon.says(() => daemon.log.filter((line) => accepted('world', 'started')(line)).length === times);

/** The IPv4 addresses that the zone has for the domain. */
const addresses = (lab: Lab) =>
  lab.cloud.recordSets(ZONE).find(({ type, name }) => type === 'A' && name === 'play.example.com.')?.values;

/** What the instance finds when it is thawed: another address, no token that is good, and no notice. */
function thaw(lab: Lab, publicIpv4 = '198.51.100.77'): void {
  lab.cloud.expireTokens();
  lab.cloud.changeInstance({ publicIpv4 });
  lab.cloud.withdrawNotice();
}

/** Notices are told apart by their second. */
const nextSecond = () => {
  const now = Math.floor(Date.now() / 1_000);
  return eventually(
    async () => Math.floor(Date.now() / 1_000),
    (second) => second > now,
  );
};

describe('a hibernation', () => {
  it('is slept through: the daemon comes up again with the new address, and tells it [5.5, 5.8]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: world(lab) }) });
    await up(daemon, 1);
    lab.cloud.interrupt({ action: 'hibernate' });
    await asleep(daemon);
    const flag = lab.startedFlag('world');

    thaw(lab);
    await up(daemon, 2);
    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(flag).toBe(false);
    expect(notes(lab)).toEqual([
      'attached just now: true',
      'started at 203.0.113.10',
      'saved for hibernate',
      'attached just now: false',
      'started at 198.51.100.77',
      'stopping',
    ]);
    expect(addresses(lab)).toEqual(['198.51.100.77']);
    expect(lab.calls('AttachVolume')).toHaveLength(1);
    expect(toldEvents(lab)).toEqual(['started', 'interrupted', 'started', 'stopping']);
    expect(lab.told()[2]).toMatchObject({ primary_public_ipv4: '198.51.100.77' });
  });

  it('is over, too, once the clock has jumped, although its notice still shows; that one is never news again [5.5, 9.5]', async () => {
    await using lab = await startLab();
    const clock = jumpingClock(lab);
    await using daemon = startDaemon(lab, {
      configuration: configurationOf({ world: world(lab) }),
      environment: clock.environment,
    });
    await up(daemon, 1);
    lab.cloud.interrupt({ action: 'hibernate' });
    await asleep(daemon);

    clock.jump();
    await up(daemon, 2);
    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).at(-1)).toBe('stopping');
    expect(toldEvents(lab)).toEqual(['started', 'interrupted', 'started', 'stopping']);
  });

  it('that was survived is no news to a run to come either, although its notice still shows [9.5, 12.3]', async () => {
    await using lab = await startLab();
    const clock = jumpingClock(lab);
    const options = { configuration: configurationOf({ world: world(lab) }), environment: clock.environment };
    await using first = startDaemon(lab, options);
    await up(first, 1);
    lab.cloud.interrupt({ action: 'hibernate' });
    await asleep(first);
    clock.jump();
    await up(first, 2);
    await kill(first);

    await using second = startDaemon(lab, options);
    await up(second, 1);

    expect(toldEvents(lab)).toEqual(['started', 'interrupted', 'started', 'started']);
    expect(second.log.filter(({ message }) => message === 'interruption notice')).toEqual([]);
  });

  it('asks for new credentials and a new token when it is over [5.5]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: world(lab) }) });
    await up(daemon, 1);
    lab.cloud.interrupt({ action: 'hibernate' });
    await asleep(daemon);
    const before = renewals(lab);

    lab.cloud.withdrawNotice();
    await up(daemon, 2);

    expect(renewals(lab).tokens).toBeGreaterThan(before.tokens);
    expect(renewals(lab).credentials).toBeGreaterThan(before.credentials);
  });

  it('releases what is named for interrupted, and takes it again when it is over [5.5, 6.10, 7.9]', async () => {
    await using lab = await startLab();
    const releasing = {
      ...world(lab),
      'attach-volume': world(lab)['attach-volume'].map((entry) => ({ ...entry, release: ['interrupted'] })),
      'update-route53': [{ ...record, release: ['interrupted'] }],
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: releasing }) });
    await up(daemon, 1);
    lab.cloud.interrupt({ action: 'hibernate' });
    await asleep(daemon);
    const meanwhile = { attached: attached(lab), addresses: addresses(lab) };

    thaw(lab);
    await up(daemon, 2);

    expect(meanwhile).toEqual({ attached: [], addresses: undefined });
    expect(attached(lab)).toEqual([VOLUME]);
    expect(addresses(lab)).toEqual(['198.51.100.77']);
    expect(notes(lab).filter((line) => line.startsWith('attached'))).toEqual(Array(2).fill('attached just now: true'));
  });

  it('may be followed by a second one, and by the end [5.5]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: world(lab) }) });
    await up(daemon, 1);
    lab.cloud.interrupt({ action: 'hibernate' });
    await asleep(daemon);
    thaw(lab);
    await up(daemon, 2);
    await nextSecond();

    lab.cloud.interrupt({ action: 'hibernate' });
    await asleep(daemon, 2);
    thaw(lab, '198.51.100.78');
    await up(daemon, 3);
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).filter((line) => /^(started|saved)/.test(line))).toEqual([
      'started at 203.0.113.10',
      'saved for hibernate',
      'started at 198.51.100.77',
      'saved for hibernate',
      'started at 198.51.100.78',
      'saved for terminate',
    ]);
    expect(toldEvents(lab)).toEqual(Array(3).fill(['started', 'interrupted']).flat());
  });

  it('that is over before all is saved is gone on from all the same [5.5]', async () => {
    await using lab = await startLab();
    const slow = gate(lab, 'saved');
    const saving = { ...world(lab), exec: [...world(lab).exec, { on: 'interrupted', lines: [slow.line] }] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: saving }) });
    await up(daemon, 1);
    lab.cloud.interrupt({ action: 'hibernate' });
    await slow.reached(daemon);

    thaw(lab);
    const tokens = renewals(lab).tokens;
    await eventually(
      async () => renewals(lab).tokens,
      (now) => now > tokens,
    );
    slow.open();
    await up(daemon, 2);

    expect(notes(lab).at(-1)).toBe('started at 198.51.100.77');
    expect(toldEvents(lab)).toEqual(['started', 'interrupted', 'started']);
  });
});

describe('while asleep', () => {
  it('a SIGTERM ends the daemon with 0, and nothing runs or is told any more [5.5, 5.8, 2.3]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: world(lab) }) });
    await up(daemon, 1);
    lab.cloud.interrupt({ action: 'hibernate' });
    await asleep(daemon);

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).at(-1)).toBe('saved for hibernate');
    expect(attached(lab)).toEqual([VOLUME]);
    expect(toldEvents(lab)).toEqual(['started', 'interrupted']);
  });

  it('a notice to terminate ends the daemon with 0, and nothing is saved twice [5.5, 5.8]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: world(lab) }) });
    await up(daemon, 1);
    lab.cloud.interrupt({ action: 'hibernate' });
    await asleep(daemon);

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).at(-1)).toBe('saved for hibernate');
    expect(toldEvents(lab)).toEqual(['started', 'interrupted']);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'a restart under the same notice takes nothing and repeats nothing, and comes up when it is over: %s [5.5, 9.5, 12.3]',
    async (signal) => {
      await using lab = await startLab();
      const configuration = configurationOf({ world: world(lab) });
      await using first = startDaemon(lab, { configuration });
      await up(first, 1);
      lab.cloud.interrupt({ action: 'hibernate' });
      await asleep(first);
      if (signal === 'SIGKILL') await kill(first);
      else first.signal(signal);
      await first.ended;
      const [run, told] = [notes(lab), toldEvents(lab)];

      await using second = startDaemon(lab, { configuration });
      await asleep(second);
      const repeated = { run: notes(lab), told: toldEvents(lab), attached: lab.calls('AttachVolume').length };
      thaw(lab);
      await up(second, 1);

      expect(repeated).toEqual({ run, told, attached: 1 });
      expect(notes(lab).at(-1)).toBe('started at 198.51.100.77');
      expect(toldEvents(lab)).toEqual([...told, 'started']);
    },
  );
});

/** How often the metadata was asked for what does not outlive a sleep. */
function renewals(lab: Lab) {
  return {
    tokens: lab.calls('PUT /latest/api/token').length,
    credentials: lab.calls('GET /latest/meta-data/iam/security-credentials/simulated-role').length,
  };
}

/** A wall clock that can be put on by an hour, as it is found after a sleep through which the monotonic one stood still. */
function jumpingClock(lab: Lab) {
  const [preload, jumped] = [path.join(lab.folder, 'clock.cjs'), path.join(lab.folder, 'jumped')];
  writeFileSync(
    preload,
    `const { existsSync } = require('node:fs');
     const now = Date.now;
     Date.now = () => now() + (existsSync(${JSON.stringify(jumped)}) ? 3_600_000 : 0);`,
  );
  return { environment: { NODE_OPTIONS: `--require=${preload}` }, jump: () => writeFileSync(jumped, '') };
}
