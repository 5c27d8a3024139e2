import { enqueueActions, sendParent } from 'xstate';
import { DELIVERY_PAUSE_MAX_MS, READY_PATIENCE_MS } from '../config/constants.ts';
import type { EventName } from '../config/events.ts';
import type { DatedMessage, InterruptionNotice } from '../config/vocabulary.ts';
import type { commandsMachine } from '../machines/commands.ts';
import { deliveryMachine, type deliverySteps } from '../machines/delivery.ts';
import { type DomainReport, domainMachine, type domainSteps } from '../machines/domain.ts';
import type { givingBackMachine } from '../machines/giving-back.ts';
import {
  type NoticeLook,
  noticeWatchMachine,
  type noticeWatchSteps,
  type WatchNews,
} from '../machines/notice-watch.ts';
import type { recordsMachine } from '../machines/records.ts';
import { type RiskNews, riskWatchMachine, type riskWatchSteps } from '../machines/risk-watch.ts';
import { supervisorMachine } from '../machines/supervisor.ts';
import type { volumesMachine } from '../machines/volumes.ts';
import { notice } from './helpers/domain.ts';
import {
  type Doings,
  held,
  passingError,
  refused,
  rejects,
  resolves,
  type Script,
  started,
} from './helpers/scripted.ts';
import { type SupervisorSettings, scriptedSteps, supervisorInput } from './helpers/supervisor.ts';

const hibernation: InterruptionNotice = { action: 'hibernate', key: 'hibernate', leftMs: 0, seenAtMs: 0 };
const receivers = { web: [['started', 'interrupted', 'stopping', 'failed'] as EventName[]] };
const noVolumes = { attachments: [], results: [], failures: [], unfinished: [] };
const noRecords = { changes: [], failures: [], unfinished: [] };
const INTERVAL_MS = 1_000;

/**
 * A supervisor over real domains, watches and deliveries, whose own steps are scripted: `web interrupted` runs its commands,
 * `web attachVolumes`, `web upsertRecordSets`, `web giveBack`, `web remember started`, `look`, `lookForSigns`, `send`.
 */
function together(settings: SupervisorSettings = {}, doings: Doings = {}) {
  const { script, steps } = scriptedSteps(doings);
  const actors = { ...steps, ...realActors(script) };
  const supervisor = started(supervisorMachine.provide({ actors }), supervisorInput(settings));
  return {
    ...supervisor,
    script,
    send: supervisor.actor.send.bind(supervisor.actor),
    stop: (atMs = 0) => supervisor.actor.send({ type: 'supervisor.stop', atMs }),
    /** What has been done for the domains, in order. */
    get done() {
      const besides = ['look', 'lookForSigns', 'setOut', 'lookFirst', 'keep', 'forget'];
      return script.taken.filter((step) => !besides.includes(step));
    },
    get state(): string {
      return supervisor.state;
    },
    get output() {
      return supervisor.output;
    },
  };
}

function realActors(script: Script) {
  return {
    domain: domainMachine.provide({
      actors: {
        runCommands: script.step<typeof commandsMachine>(({ occasion }) => `${occasion.domain} ${occasion.event}`, []),
        attachVolumes: script.step<typeof volumesMachine>(
          ({ occasion }) => `${occasion.domain} attachVolumes`,
          noVolumes,
        ),
        upsertRecordSets: script.step<typeof recordsMachine>(({ domain }) => `${domain} upsertRecordSets`, noRecords),
        giveBack: script.step<typeof givingBackMachine>(
          (what) => `${'domain' in what ? what.domain : ''} ${what.reason}`,
          { given: [], kept: [], failures: [] },
        ),
        remember: script.step<(typeof domainSteps)['remember']>(
          ({ domain, past }) => `${domain} remember ${past}`,
          undefined,
        ),
      } satisfies typeof domainSteps,
      actions: { report: sendParent((_, report: DomainReport) => report) },
    }),
    noticeWatch: noticeWatchMachine.provide({
      actors: {
        look: script.step<(typeof noticeWatchSteps)['look']>('look', { atMs: 0, wallMs: 0 }),
      } satisfies typeof noticeWatchSteps,
      actions: { tell: sendParent((_, news: WatchNews) => news) },
    }),
    riskWatch: riskWatchMachine.provide({
      actors: {
        lookForSigns: script.step<(typeof riskWatchSteps)['lookForSigns']>('lookForSigns', { risks: [], atMs: 0 }),
      } satisfies typeof riskWatchSteps,
      actions: {
        tell: enqueueActions(({ enqueue }, news: RiskNews[]) => {
          for (const piece of news) enqueue(sendParent(piece));
        }),
      },
    }),
    delivery: deliveryMachine.provide({
      actors: {
        composeMessage: script.step<(typeof deliverySteps)['composeMessage']>(
          ({ occasion }) => `tell that ${occasion.domain} ${occasion.event}`,
          { id: '00000000-0000-4000-8000-000000000000' } as DatedMessage,
        ),
        keepMessage: script.step<(typeof deliverySteps)['keepMessage']>('keep', undefined),
        sendMessage: script.step<(typeof deliverySteps)['sendMessage']>('send', 'accepted'),
        forgetMessage: script.step<(typeof deliverySteps)['forgetMessage']>('forget', undefined),
      } satisfies typeof deliverySteps,
    }),
  };
}

const looks = (...answers: Array<Partial<NoticeLook>>) =>
  answers.map((answer) => resolves({ atMs: 0, wallMs: 0, ...answer }));

const wayUp = [
  'web starting',
  'web attachVolumes',
  'web upsertRecordSets',
  'tellReady',
  'web remember started',
  'web started',
  'tell that web started',
  'send',
];
const wayDown = ['web interrupted', 'web remember finished', 'tell that web interrupted', 'send'];

describe('a supervisor and its children together', () => {
  it('come up, are interrupted, tell of it, and end [5.1, 5.5]', () => {
    const supervisor = together({ receivers }, { look: looks({}, {}, { notice }) });

    supervisor.clock.increment(3 * INTERVAL_MS);

    // The commands of `noticed` run beside those of `interrupted`.
    expect(supervisor.done.filter((step) => step !== 'web noticed')).toEqual([...wayUp, ...wayDown]);
    expect(supervisor.errors).toEqual([]);
    expect(supervisor.output).toBe(0);
  });

  it('tell of a last event before they end, however fast it all goes [10.1]', () => {
    const supervisor = together({ receivers }, { 'web attachVolumes': refused });

    expect(supervisor.done.slice(-2)).toEqual(['tell that web failed', 'send']);
    expect(supervisor.output).toBe(1);
  });

  it('end well when the notice was there first, and take nothing [5.3]', () => {
    const supervisor = together({ receivers, domains: ['web', 'db'] }, { lookFirst: resolves({ notice }) });

    expect(supervisor.done.toSorted()).toEqual([
      'db remember finished',
      'db roll-back',
      'send',
      'tell that web interrupted',
      'web remember finished',
      'web roll-back',
    ]);
    expect(supervisor.output).toBe(0);
  });

  it('hold out a notice that meets them in all states at once [5.5]', () => {
    const doings = { 'db attachVolumes': held, 'mail upsertRecordSets': held, 'old starting': refused };
    const supervisor = together({ domains: ['web', 'db', 'mail', 'old'] }, doings);
    supervisor.clock.increment(READY_PATIENCE_MS);

    supervisor.send({ type: 'interruption.noticed', notice });
    supervisor.script.resolve('db attachVolumes', noVolumes);
    supervisor.script.resolve('mail upsertRecordSets', noRecords);

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.done.filter((step) => step.endsWith(' interrupted'))).toEqual(['web interrupted']);
    expect(supervisor.done).toEqual(expect.arrayContaining(['db roll-back', 'mail roll-back']));
    expect(supervisor.output).toBe(0);
  });

  it('hold out a stop in the moment in which a domain ends [5.6]', () => {
    const supervisor = together({ domains: ['web', 'db'] }, { 'web started': held, 'db started': held });
    supervisor.stop();

    supervisor.script.resolve('web started', []);
    supervisor.script.resolve('db started', []);

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.done).toEqual(expect.arrayContaining(['web stopping', 'db stopping']));
    expect(supervisor.output).toBe(0);
  });

  it('all fail with require-all when one fails, and none begins its application [5.4]', () => {
    const supervisor = together(
      { domains: ['web', 'db', 'mail'], requireAll: true },
      { 'mail upsertRecordSets': held, 'db attachVolumes': held },
    );

    supervisor.script.reject('mail upsertRecordSets', new Error('denied'));
    supervisor.script.resolve('db attachVolumes', noVolumes);

    expect(supervisor.done.filter((step) => step.endsWith('roll-back')).toSorted()).toEqual([
      'db roll-back',
      'mail roll-back',
      'web roll-back',
    ]);
    expect(supervisor.done).not.toContain('web started');
    expect(supervisor.done).not.toContain('tellReady');
    expect(supervisor.output).toBe(1);
  });

  it('tell an early sign to an application once it runs, also when it was seen before the domains were there [5.1]', () => {
    const risk = { kind: 'rebalance', key: 'rebalance' } as const;
    const supervisor = together(
      { hostname: 'game' },
      { setHostname: held, lookForSigns: resolves({ risks: [risk], atMs: 0 }) },
    );

    supervisor.script.resolve('setHostname');

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.done.slice(-2)).toEqual(['web started', 'web at-risk']);
  });

  it('leave the warm pool when the watch says so [5.9]', () => {
    const warm = { risks: [], lifecycleState: 'Warmed:Running', atMs: 0 };
    const supervisor = together(
      {},
      {
        lookFirst: resolves({ lifecycleState: 'Warmed:Running' }),
        lookForSigns: [resolves(warm), refused, resolves({ ...warm, lifecycleState: 'InService' })],
      },
    );

    supervisor.clock.increment(9_999);
    const before = [...supervisor.done];
    supervisor.clock.increment(1);

    expect(before).toEqual([]);
    expect(supervisor.done).toContain('web started');
  });

  it('go down as an interruption by an early sign that is taken as one [3.2]', () => {
    const risk = { kind: 'rebalance', key: 'rebalance' } as const;
    const supervisor = together(
      { watch: { intervalMs: INTERVAL_MS, asNotice: ['rebalance'] } },
      { lookForSigns: [resolves({ risks: [], atMs: 0 }), resolves({ risks: [risk], atMs: 5_000 })] },
    );

    supervisor.clock.increment(5_000);

    expect(supervisor.done).toContain('web interrupted');
    expect(supervisor.output).toBe(0);
  });

  it('bring what an earlier run started to its end when they are stopped before they come up [5.6, 12.3]', () => {
    const supervisor = together(
      { domains: [{ domain: 'web', past: 'started' }, 'db'], receivers },
      { lookFirst: held },
    );

    supervisor.stop();

    expect(supervisor.errors).toEqual([]);
    // Nothing of the way up: no `starting` command is begun only to be ended.
    expect(supervisor.done.filter((step) => /^(web|db) /.test(step))).toEqual([
      'web stopping',
      'web remember finished',
    ]);
    expect(supervisor.done).toContain('tell that web stopping');
    expect(supervisor.output).toBe(0);
  });
});

describe('a supervisor and its children after a hibernation', () => {
  /** Comes up, is frozen and thawed: the clocks are apart by an hour at the third look. */
  const frozen = looks({}, { notice: hibernation }, { notice: hibernation, wallMs: 3_600_000 }, {});

  it('come up a second time with fresh domains of the same names, and all that they say is heard [5.5]', () => {
    const supervisor = together({ receivers }, { look: frozen });

    supervisor.clock.increment(4 * INTERVAL_MS);

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.done.filter((step) => step !== 'web noticed')).toEqual([...wayUp, ...wayDown, ...wayUp]);
    expect(supervisor.state).toBe('running');
  });

  it('go down a second time, and end [5.5, 5.6]', () => {
    const supervisor = together({ receivers }, { look: frozen });
    supervisor.clock.increment(4 * INTERVAL_MS);

    supervisor.stop();

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.done.slice(-4)).toEqual([
      'web stopping',
      'web remember finished',
      'tell that web stopping',
      'send',
    ]);
    expect(supervisor.output).toBe(0);
  });

  it('sleep and wake a second time [5.5]', () => {
    const second = { ...hibernation, key: 'hibernate 2' };
    const supervisor = together({}, { look: [...frozen, ...looks({ notice: second }, { notice: second }, {}, {})] });

    supervisor.clock.increment(6 * INTERVAL_MS);
    const asleep = supervisor.state;
    supervisor.clock.increment(INTERVAL_MS);

    expect(asleep).toBe('asleep');
    expect(supervisor.errors).toEqual([]);
    expect(supervisor.script.taken.filter((step) => step === 'web attachVolumes')).toHaveLength(3);
    expect(supervisor.state).toBe('running');
  });

  it('wake up though they were frozen while commands still ran [5.5]', () => {
    const supervisor = together({}, { look: frozen, 'web interrupted': held });
    supervisor.clock.increment(4 * INTERVAL_MS);
    const before = supervisor.state;

    supervisor.script.resolve('web interrupted', []);

    expect(before).toBe('interrupted');
    expect(supervisor.state).toBe('running');
  });

  it('still let a message of the first time go its way [5.5, 10.2]', () => {
    const passing = rejects(passingError);
    const supervisor = together(
      { receivers: { web: [['started']] } },
      { look: frozen, send: [passing, passing, passing, passing, resolves('accepted')] },
    );
    const onTheirWay = () => supervisor.actor.getSnapshot().context.sending;

    // With pauses of at least 0.25, 0.5, 1 and 2 s the fifth attempt comes when the second life has begun, after 3 s.
    supervisor.clock.increment(3 * INTERVAL_MS);
    const before = { state: supervisor.state, onTheirWay: onTheirWay() };
    supervisor.clock.increment(DELIVERY_PAUSE_MAX_MS);

    expect(before).toEqual({ state: 'running', onTheirWay: ['delivery.0'] });
    expect(onTheirWay()).toEqual([]);
  });
});
