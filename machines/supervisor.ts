/** The root: it spawns the domains, hands notices down, gathers outcomes, has messages sent, and ends last. */

import { and, assign, cancel, enqueueActions, not, or, raise, sendTo, setup } from 'xstate';
import {
  ASKING_WHY_MS,
  FLUSH_MS,
  LAST_ATTEMPT_MS,
  NOTICE_MARGIN_MS,
  READY_PATIENCE_MS,
  SLOW_POLL_MS,
  TIDYING_LIMIT_MS,
} from '../config/constants.ts';
import { messageOf } from '../config/errors.ts';
import type { ExitStatus } from '../config/exit-status.ts';
import type { InterruptionNotice, MonotonicMs, Occasion } from '../config/vocabulary.ts';
import { deliveryMachine } from './delivery.ts';
import { type DomainOutcome, domainMachine } from './domain.ts';
import { type GivingBackOutcome, givingBackMachine } from './giving-back.ts';
import { type NoticeLook, noticeWatchMachine } from './notice-watch.ts';
import { riskWatchMachine } from './risk-watch.ts';
import { step } from './step.ts';
import {
  afterSleep,
  exitStatusOf,
  type FirstLook,
  hasFailedOrStands,
  inputOf,
  isAnyoneLeft,
  isBegun,
  isDone,
  receiversOf,
  type SupervisorContext,
  type SupervisorEvent,
  type SupervisorInput,
  underWay,
} from './supervisor-context.ts';

export type {
  DomainPlan,
  FirstLook,
  SupervisorContext,
  SupervisorEvent,
  SupervisorInput,
} from './supervisor-context.ts';

/** What may come at any time on the way up, and in `running`. */
const askedToEnd = {
  'interruption.noticed': { target: 'interrupted', actions: ['keepNotice', 'passNoticeOn'] },
  'supervisor.stop': [
    { guard: 'watching', target: 'asking-why', actions: 'countStop' },
    { target: 'stopping', actions: 'countStop' },
  ],
} as const;

/** Before there are domains: they are given the notice from the start, so that they take nothing. */
const noticedEarly = { target: 'interrupted', actions: ['keepNotice', 'spawnDomains'] } as const;

/** Where a change is under way before there are domains: what comes next is decided when it has ended. */
const askedEarly = {
  'interruption.noticed': { actions: 'keepNotice' },
  'supervisor.stop': { actions: 'countStop' },
} as const;

/** There is nothing to stop yet but what an earlier run began (12.2, 12.3). */
const stoppedEarly = [
  { guard: 'someBegun', target: 'setting-out', actions: 'countStop' },
  { target: 'flushing' },
] as const;

export const supervisorSteps = {
  domain: domainMachine,
  delivery: deliveryMachine,
  noticeWatch: noticeWatchMachine,
  riskWatch: riskWatchMachine,
  /** The first answer of the metadata, before anything is taken. */
  lookFirst: step<FirstLook, void>('lookFirst'),
  /** One look at the metadata, for a notice that is there already. */
  look: step<NoticeLook, void>('look'),
  setHostname: step<void, { hostname: string }>('setHostname'),
  /** What an earlier run held and nobody asks for any more. */
  tidyUp: givingBackMachine,
  /** Says when it is now; after a sleep it renews what has grown old meanwhile: token, credentials, addresses (5.5). */
  setOut: step<{ atMs: MonotonicMs }, { survived?: string }>('setOut'),
  tellReady: step<void, void>('tellReady'),
};

export const supervisorMachine = setup({
  types: {
    input: {} as SupervisorInput,
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    output: {} as ExitStatus,
    children: {} as {
      [id: `domain.${string}`]: 'domain';
      [id: `delivery.${number}`]: 'delivery';
      'notice-watch': 'noticeWatch';
      'risk-watch': 'riskWatch';
      tidying: 'tidyUp';
    },
  },
  actors: supervisorSteps,
  actions: {
    spawnWatches: enqueueActions(({ context: { watch, notice }, enqueue }) => {
      if (!watch) return;
      const { intervalMs, asNotice } = watch;
      // Each knows of what it would see itself.
      const [seen, sign] = asNotice.some((kind) => kind === notice?.action) ? [undefined, notice] : [notice, undefined];
      enqueue.spawnChild('noticeWatch', {
        id: 'notice-watch',
        input: { intervalMs, ...(seen ? { known: seen.key } : {}) },
      });
      enqueue.spawnChild('riskWatch', {
        id: 'risk-watch',
        input: { intervalMs: SLOW_POLL_MS, asNotice, known: sign ? [sign.key] : [] },
      });
    }),
    spawnDomains: enqueueActions(({ context, enqueue }) => {
      for (const plan of context.domains) {
        const id = `domain.${plan.domain}` as const;
        enqueue.spawnChild('domain', { id, input: inputOf(plan, context) });
        if (context.risk) enqueue.sendTo(id, { type: 'risk.seen', risk: context.risk });
      }
      enqueue.assign({ spawned: true });
    }),
    /** Of several notices the last one says how long messages may take. */
    keepNotice: enqueueActions(({ event, enqueue }) => {
      if (event.type !== 'interruption.noticed') return;
      enqueue.assign({ notice: event.notice, resumed: false, messagesDue: false });
      enqueue.cancel('messages');
      enqueue.raise({ type: 'messages.due' }, { id: 'messages', delay: messagesLimit(event.notice) });
    }),
    noteMessagesDue: assign({ messagesDue: true }),
    noteResumed: assign({ resumed: true }),
    keepFirstLook: enqueueActions(({ enqueue }, { notice, lifecycleState }: FirstLook) => {
      enqueue.assign({ notice, lifecycleState });
      if (notice) enqueue.raise({ type: 'messages.due' }, { id: 'messages', delay: messagesLimit(notice) });
    }),
    keepSeen: assign((_, { notice }: NoticeLook) => ({ notice })),
    keepLifecycle: assign(({ event }) => (event.type === 'lifecycle.seen' ? { lifecycleState: event.state } : {})),
    keepRisk: assign(({ event }) => (event.type === 'risk.seen' ? { risk: event.risk } : {})),
    keepSetOut: assign((_, { atMs }: { atMs: MonotonicMs }) => ({ setOutMs: atMs })),
    passNoticeOn: enqueueActions(({ context, enqueue }) => {
      if (!context.notice) return;
      for (const id of underWay(context)) enqueue.sendTo(id, { type: 'interruption.noticed', notice: context.notice });
    }),
    passRiskOn: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'risk.seen') return;
      for (const id of underWay(context)) enqueue.sendTo(id, event);
    }),
    countStop: assign(({ context, event }) =>
      event.type === 'supervisor.stop'
        ? { stops: context.stops + 1, stopAtMs: context.stops === 0 ? event.atMs : context.stopAtMs }
        : {},
    ),
    /** Domains that no earlier run has begun with: nobody does any more. */
    leaveOut: assign(({ context }) => ({ domains: context.domains.filter(isBegun) })),
    stopDomains: enqueueActions(({ context, enqueue }) => {
      for (const id of underWay(context)) enqueue.sendTo(id, { type: 'domain.stop', atMs: context.stopAtMs });
    }),
    /** From the second time on. */
    hurryDomains: enqueueActions(({ context, enqueue }) => {
      if (context.stops < 2) return;
      for (const id of underWay(context)) enqueue.sendTo(id, { type: 'domain.hurry' });
    }),
    /** None of them comes up any more, so that READY is not sent for one that stands still. */
    failOthers: enqueueActions(({ context, enqueue }, { domain }: { domain: string }) => {
      const problem = `${domain} has failed, and with require-all none comes up without the others`;
      const others = underWay(context).filter((id) => !context.failing.some((failing) => id === `domain.${failing}`));
      for (const id of others) enqueue.sendTo(id, { type: 'domain.fail', problem });
      enqueue.assign({ standing: [], failing: context.domains.map((plan) => plan.domain) });
    }),
    /** But for one that was told to fail at that moment. */
    keepStanding: assign(({ context }, { domain }: { domain: string }) =>
      context.failing.includes(domain) ? {} : { standing: [...context.standing, domain], stood: true },
    ),
    keepFailing: assign(({ context }, { domain }: { domain: string }) => ({
      standing: context.standing.filter((other) => other !== domain),
      failing: [...context.failing, domain],
    })),
    keepWatching: assign(({ context }, { domain }: { domain: string }) => ({
      keepingWatch: [...context.keepingWatch, domain],
    })),
    proceed: enqueueActions(({ context, enqueue }) => {
      for (const domain of context.standing) enqueue.sendTo(`domain.${domain}`, { type: 'domain.proceed' });
      enqueue.assign({ standing: [], proceeded: true });
    }),
    startReadyPatience: raise({ type: 'ready.due' }, { id: 'ready', delay: READY_PATIENCE_MS }),
    cancelReadyPatience: cancel('ready'),
    noteStarted: assign(({ context }, { occasion }: { occasion: Occasion }) =>
      occasion.event === 'started' ? { started: [...context.started, occasion.domain] } : {},
    ),
    spawnDeliveries: enqueueActions(({ context, enqueue }, { occasion }: { occasion: Occasion }) => {
      const receivers = receiversOf(context, occasion.domain).flatMap((events, receiver) =>
        events.includes(occasion.event) ? [receiver] : [],
      );
      const ids = receivers.map((_, i) => `delivery.${context.deliveries + i}` as const);
      for (const [i, id] of ids.entries()) {
        enqueue.spawnChild('delivery', { id, input: { occasion, receiver: receivers[i] ?? 0 } });
      }
      enqueue.assign({ deliveries: context.deliveries + ids.length, sending: [...context.sending, ...ids] });
    }),
    /** Once: neither a notice nor a sleep begins it anew. */
    sendLeft: enqueueActions(({ context: { leftMessages }, enqueue }) => {
      const sending = leftMessages.map((message, i) => ({ id: `delivery.${i}` as const, message }));
      for (const { id, message } of sending) enqueue.spawnChild('delivery', { id, input: { message } });
      enqueue.assign({ deliveries: sending.length, sending: sending.map(({ id }) => id) });
    }),
    keepOutcome: assign(({ context }, { outcome }: { outcome: DomainOutcome }) => ({
      outcomes: { ...context.outcomes, [outcome.domain]: outcome },
      standing: context.standing.filter((domain) => domain !== outcome.domain),
    })),
    /** After a sleep everything begins anew, under the memory of the notice that was survived. */
    startOver: assign(({ context }) => afterSleep(context)),
    finishTidying: sendTo('tidying', { type: 'step.finish' }),
    keepTidied: assign(({ context }, { failures }: GivingBackOutcome) => ({
      problems: [...context.problems, ...failures.map(({ problem }) => problem)],
    })),
    finishDeliveries: enqueueActions(({ context, enqueue }) => {
      for (const id of context.sending) enqueue.sendTo(id, { type: 'step.finish' });
    }),
    forgetDelivery: assign(({ context }, { id }: { id: string }) => ({
      sending: context.sending.filter((other) => other !== id),
    })),
    keepProblem: assign(({ context }, { error }: { error: unknown }) => ({
      problems: [...context.problems, messageOf(error)],
    })),
    breakDown: assign({ broken: true }),
  },
  delays: {
    askingWhy: ASKING_WHY_MS,
    tidyingLimit: TIDYING_LIMIT_MS,
    lastAttempt: FLUSH_MS - LAST_ATTEMPT_MS,
    flush: FLUSH_MS,
  },
  guards: {
    watching: ({ context }) => context.watch !== undefined,
    noticed: ({ context }) => context.notice !== undefined,
    /** The look that asks why and the watch may both come upon the same notice. */
    isNews: ({ context, event }) => event.type === 'interruption.noticed' && event.notice.key !== context.notice?.key,
    /** Unless somebody asked it to stop meanwhile. */
    hibernates: ({ context }) => context.notice?.action === 'hibernate' && context.stops === 0,
    resumed: ({ context }) => context.resumed,
    hibernatesNow: ({ event }) => event.type === 'interruption.noticed' && event.notice.action === 'hibernate',
    stopped: ({ context }) => context.stops > 0,
    someBegun: ({ context }) => context.domains.some(isBegun),
    named: ({ context }) => context.hostname !== undefined,
    /** In a warm pool: nothing is claimed before Auto Scaling wants the instance in service (5.9). */
    warm: ({ context }) => context.lifecycleState?.startsWith('Warmed:') === true,
    leftOver: ({ context }) => context.leftOver,
    allOrNone: ({ context }) => context.requireAll && !context.proceeded,
    everyStandsOrHasFailed: ({ context }) =>
      context.domains.every(({ domain }) => hasFailedOrStands(context, domain)) && isAnyoneLeft(context),
    everyIsOver: ({ context }) => underWay(context).length === 0,
    /** A daemon that has no domains only polls: for that alone it is never done. */
    nothingLeftToDo: ({ context }) => underWay(context).length === 0 && context.domains.length > 0,
    firstToStand: ({ context }) => !context.stood && !context.requireAll,
    seen: (_, { notice }: NoticeLook) => notice !== undefined,
    oneShotIsDone: ({ context }) =>
      context.watch === undefined &&
      context.domains.every(({ domain }) => context.started.includes(domain) || isDone(context, domain)),
    allSent: ({ context }) => context.sending.length === 0,
    messagesDue: ({ context }) => context.messagesDue,
  },
}).createMachine({
  id: 'supervisor',
  context: ({ input }) => ({
    ...input,
    resumed: false,
    setOutMs: 0,
    spawned: false,
    standing: [],
    stood: false,
    failing: [],
    proceeded: false,
    started: [],
    keepingWatch: [],
    outcomes: {},
    stops: 0,
    stopAtMs: 0,
    deliveries: 0,
    sending: [],
    messagesDue: false,
    problems: [],
    broken: false,
  }),
  initial: 'waking',
  // What is left from before needs nothing but its service, and holds nobody up.
  entry: 'sendLeft',
  on: {
    'messages.due': { actions: 'noteMessagesDue' },
    'lifecycle.seen': { actions: 'keepLifecycle' },
    'risk.seen': { actions: ['keepRisk', 'passRiskOn'] },
    'domain.stands': [{ guard: 'firstToStand', actions: [standing(), 'startReadyPatience'] }, { actions: standing() }],
    'domain.failing': [
      { guard: 'allOrNone', actions: [failing(), { type: 'failOthers', params: ({ event }) => event }] },
      { actions: failing() },
    ],
    'domain.keeps-watch': { actions: { type: 'keepWatching', params: ({ event }) => event } },
    'domain.reached': {
      actions: [
        { type: 'noteStarted', params: ({ event }) => event },
        { type: 'spawnDeliveries', params: ({ event }) => event },
      ],
    },
    'xstate.done.actor.domain.*': {
      actions: { type: 'keepOutcome', params: ({ event }) => ({ outcome: event.output }) },
    },
    'xstate.done.actor.delivery.*': {
      actions: { type: 'forgetDelivery', params: ({ event }) => ({ id: event.actorId }) },
    },
    'xstate.error.actor.delivery.*': {
      actions: [
        { type: 'forgetDelivery', params: ({ event }) => ({ id: event.actorId }) },
        { type: 'keepProblem', params: ({ event }) => ({ error: event.error }) },
      ],
    },
  },
  states: {
    waking: { always: [{ guard: 'watching', target: 'looking' }, { target: 'awake' }] },

    // Before anything is taken: a notice that is there already means that nothing shall be (5.3).
    looking: {
      on: {
        'interruption.noticed': { target: 'awake', actions: 'keepNotice' },
        'supervisor.stop': stoppedEarly,
      },
      invoke: {
        src: 'lookFirst',
        onDone: {
          target: 'awake',
          actions: { type: 'keepFirstLook', params: ({ event }) => event.output },
        },
        // Blind is no reason not to begin: the watch goes on looking.
        onError: { target: 'awake', actions: keepProblem() },
      },
    },

    awake: {
      entry: 'spawnWatches',
      always: [
        { guard: 'noticed', target: 'interrupted', actions: 'spawnDomains' },
        { guard: 'named', target: 'naming-host' },
        { target: 'warming' },
      ],
    },

    'naming-host': {
      on: { 'interruption.noticed': noticedEarly, 'supervisor.stop': stoppedEarly },
      invoke: {
        src: 'setHostname',
        input: ({ context }) => ({ hostname: context.hostname ?? '' }),
        onDone: 'warming',
        onError: { target: 'warming', actions: keepProblem() },
      },
    },

    // Meant to last, for as long as Auto Scaling keeps the instance in its warm pool.
    warming: {
      on: { 'interruption.noticed': noticedEarly, 'supervisor.stop': stoppedEarly },
      always: [
        { guard: and([not('warm'), 'leftOver']), target: 'tidying' },
        { guard: not('warm'), target: 'setting-out' },
      ],
    },

    // First of all the devices of a configuration that has changed are made free.
    tidying: {
      on: {
        'interruption.noticed': { actions: ['keepNotice', 'finishTidying'] },
        'supervisor.stop': { actions: ['countStop', 'finishTidying'] },
      },
      after: { tidyingLimit: { actions: 'finishTidying' } },
      invoke: {
        id: 'tidying',
        src: 'tidyUp',
        input: { reason: 'left-over' as const },
        onDone: { target: 'setting-out', actions: { type: 'keepTidied', params: ({ event }) => event.output } },
        onError: { target: 'setting-out', actions: keepProblem() },
      },
    },

    'setting-out': {
      on: askedEarly,
      invoke: {
        src: 'setOut',
        input: ({ context: { survived } }) => (survived === undefined ? {} : { survived }),
        onDone: [
          { guard: 'noticed', target: 'interrupted', actions: [keepSetOut(), 'spawnDomains'] },
          { guard: 'stopped', target: 'stopping', actions: [keepSetOut(), 'leaveOut', 'spawnDomains'] },
          { target: 'coming-up', actions: [keepSetOut(), 'spawnDomains'] },
        ],
        onError: { target: 'flushing', actions: [keepProblem(), 'breakDown'] },
      },
    },

    'coming-up': {
      on: { ...askedToEnd, 'ready.due': 'telling-ready' },
      always: [
        { guard: 'nothingLeftToDo', target: 'flushing' },
        { guard: 'everyStandsOrHasFailed', target: 'telling-ready' },
      ],
    },

    // READY first: the `started` commands may start units that are ordered after ours (11.1).
    'telling-ready': {
      on: askedToEnd,
      invoke: {
        src: 'tellReady',
        onDone: 'running',
        onError: { target: 'running', actions: keepProblem() },
      },
    },

    // Meant to last.
    running: {
      entry: 'proceed',
      on: { ...askedToEnd, 'domain.stands': { actions: [standing(), 'proceed'] } },
      always: [
        { guard: 'nothingLeftToDo', target: 'flushing' },
        { guard: 'oneShotIsDone', target: 'flushing' },
      ],
    },

    // A stop may be the system going down because EC2 takes it: one more look tells (5.6).
    'asking-why': {
      on: {
        'interruption.noticed': { target: 'interrupted', actions: ['keepNotice', 'passNoticeOn'] },
        'supervisor.stop': { target: 'stopping', actions: 'countStop' },
      },
      invoke: {
        src: 'look',
        onDone: [
          {
            guard: { type: 'seen', params: ({ event }) => event.output },
            target: 'interrupted',
            actions: [{ type: 'keepSeen', params: ({ event }) => event.output }, 'passNoticeOn'],
          },
          { target: 'stopping' },
        ],
        onError: { target: 'stopping', actions: keepProblem() },
      },
      after: { askingWhy: 'stopping' },
    },

    interrupted: {
      entry: 'hurryDomains',
      on: {
        'interruption.noticed': { guard: 'isNews', actions: ['keepNotice', 'passNoticeOn'] },
        // A hibernation waits for nobody: the instance may be frozen, and thawed, before the domains are done.
        'instance.resumed': { actions: 'noteResumed' },
        // The first one only shortens the time, the second goes straight to the notifications (5.6).
        'supervisor.stop': { actions: ['countStop', 'stopDomains', 'hurryDomains'] },
      },
      always: [
        { guard: and(['everyIsOver', 'hibernates']), target: 'asleep' },
        { guard: and(['everyIsOver', 'stopped']), target: 'flushing' },
        { guard: 'everyIsOver', target: 'lingering' },
      ],
    },

    stopping: {
      entry: ['stopDomains', 'hurryDomains'],
      on: {
        'interruption.noticed': { guard: 'isNews', actions: ['keepNotice', 'passNoticeOn'] },
        'supervisor.stop': { actions: ['countStop', 'hurryDomains'] },
      },
      always: { guard: 'everyIsOver', target: 'flushing' },
    },

    // Meant to last: the instance is frozen at any moment now, and goes on from here when it is thawed (5.5).
    asleep: {
      always: { guard: 'resumed', target: 'setting-out', actions: ['cancelReadyPatience', 'startOver'] },
      on: {
        'instance.resumed': { actions: 'noteResumed' },
        'interruption.noticed': [
          { guard: 'hibernatesNow', actions: 'keepNotice' },
          { target: 'flushing', actions: 'keepNotice' },
        ],
        'supervisor.stop': 'flushing',
      },
    },

    // Nothing is left to do but to tell, and the instance is there for a while yet: with its disk goes the outbox (10.2).
    lingering: {
      always: { guard: or(['allSent', 'messagesDue']), target: 'flushing' },
      on: { 'supervisor.stop': 'flushing' },
    },

    flushing: {
      always: { guard: 'allSent', target: 'stopped' },
      after: { lastAttempt: { actions: 'finishDeliveries' }, flush: 'stopped' },
    },

    stopped: { type: 'final' },
  },
  output: ({ context }) => exitStatusOf(context),
});

/** When messages have to leave, or not at all in this run. */
function messagesLimit({ leftMs }: InterruptionNotice): number {
  return Math.max(0, leftMs - FLUSH_MS - NOTICE_MARGIN_MS);
}

function standing() {
  return { type: 'keepStanding', params: ({ event }: { event: { domain: string } }) => event } as const;
}

function failing() {
  return { type: 'keepFailing', params: ({ event }: { event: { domain: string } }) => event } as const;
}

function keepSetOut() {
  return {
    type: 'keepSetOut',
    params: ({ event }: { event: { output: { atMs: MonotonicMs } } }) => event.output,
  } as const;
}

function keepProblem() {
  return {
    type: 'keepProblem',
    params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }),
  } as const;
}
