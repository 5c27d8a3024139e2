/** The root: it spawns the domains, hands notices down, gathers outcomes, has messages sent, and ends last. */

import { assign, cancel, type DoneActorEvent, type ErrorActorEvent, enqueueActions, raise, setup } from 'xstate';
import { ASKING_WHY_MS, FLUSH_MS, LAST_ATTEMPT_MS, READY_PATIENCE_MS } from '../config/constants.ts';
import { messageOf } from '../config/errors.ts';
import type { EventName } from '../config/events.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import type { InterruptionNotice, Occasion } from '../config/vocabulary.ts';
import { type DeliveryOutcome, deliveryMachine } from './delivery.ts';
import { type DomainInput, type DomainOutcome, type DomainReport, domainMachine } from './domain.ts';
import { type InterruptionNoticed, type NoticeLook, noticeWatchMachine } from './notice-watch.ts';
import { step } from './step.ts';

export interface SupervisorInput {
  domains: DomainInput[];
  /** By domain: for each of its `notify` entries the events it is sent. */
  receivers: Record<string, EventName[][]>;
  /** The transient host name, macros expanded; absent: it stays as it is. */
  hostname?: string;
  /** Absent: nobody watches for notices, and the daemon is a one-shot (5.8). */
  watch?: { intervalMs: number };
}

export interface SupervisorContext extends SupervisorInput {
  notice?: InterruptionNotice;
  /** Domains that wait for `domain.proceed`. */
  standing: string[];
  /** Domains whose `started` commands have ended. */
  started: string[];
  outcomes: Record<string, DomainOutcome>;
  /** Deliveries spawned so far, for the next one's id. */
  deliveries: number;
  /** Those under way. */
  sending: Array<`delivery.${number}`>;
  /** What went wrong without stopping anything, for example that the host name could not be set. */
  problems: string[];
}

export type SupervisorEvent =
  | InterruptionNoticed
  | DomainReport
  | { type: 'supervisor.stop' }
  | { type: 'ready.due' }
  | DoneActorEvent<DomainOutcome, `domain.${string}`>
  | DoneActorEvent<DeliveryOutcome, `delivery.${number}`>
  | ErrorActorEvent<unknown, `delivery.${number}`>;

const keepNoticed = { type: 'keepNotice', params: ({ event }: { event: InterruptionNoticed }) => event } as const;

/** What may come at any time on the way up, and in `running`. */
const askedToEnd = {
  'interruption.noticed': { target: 'interrupted', actions: keepNoticed },
  'supervisor.stop': [{ guard: 'watching', target: 'asking-why' }, { target: 'stopping' }],
} as const;

const nameThenComeUp = [{ guard: 'named', target: 'naming-host' }, { target: 'coming-up' }] as const;

export const supervisorSteps = {
  domain: domainMachine,
  delivery: deliveryMachine,
  noticeWatch: noticeWatchMachine,
  /** One look at the metadata, for a notice that is there already. */
  look: step<NoticeLook, void>('look'),
  setHostname: step<void, { hostname: string }>('setHostname'),
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
    },
  },
  actors: supervisorSteps,
  actions: {
    spawnDomains: enqueueActions(({ context, enqueue }) => {
      const { domains, notice } = context;
      for (const domain of domains) {
        // Given as input: an event sent right after spawning would come too late.
        const input = notice ? { ...domain, notice } : domain;
        enqueue.spawnChild('domain', { id: `domain.${domain.domain}` as const, input });
      }
    }),
    spawnWatch: enqueueActions(({ context: { watch, notice }, enqueue }) => {
      if (watch && !notice) enqueue.spawnChild('noticeWatch', { id: 'notice-watch', input: watch });
    }),
    keepNotice: assign((_, { notice }: { notice?: InterruptionNotice }) => (notice ? { notice } : {})),
    passNoticeOn: enqueueActions(({ context, enqueue }) => {
      if (!context.notice) return;
      for (const id of underWay(context)) enqueue.sendTo(id, { type: 'interruption.noticed', notice: context.notice });
    }),
    stopDomains: enqueueActions(({ context, enqueue }) => {
      for (const id of underWay(context)) enqueue.sendTo(id, { type: 'domain.stop' });
    }),
    keepStanding: assign(({ context }, { domain }: { domain: string }) => ({
      standing: [...context.standing, domain],
    })),
    proceed: enqueueActions(({ context, enqueue }) => {
      for (const domain of context.standing) {
        if (!isOver(context, domain)) enqueue.sendTo(`domain.${domain}`, { type: 'domain.proceed' });
      }
      enqueue.assign({ standing: [] });
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
    keepOutcome: assign(({ context }, { outcome }: { outcome: DomainOutcome }) => ({
      outcomes: { ...context.outcomes, [outcome.domain]: outcome },
      standing: context.standing.filter((domain) => domain !== outcome.domain),
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
  },
  delays: { askingWhy: ASKING_WHY_MS, lastAttempt: FLUSH_MS - LAST_ATTEMPT_MS, flush: FLUSH_MS },
  guards: {
    watching: ({ context }) => context.watch !== undefined,
    named: ({ context }) => context.hostname !== undefined,
    everyStandsOrIsOver: ({ context }) =>
      context.domains.every(({ domain }) => context.standing.includes(domain) || isOver(context, domain)),
    everyIsOver: ({ context }) => underWay(context).length === 0,
    /** A daemon that has no domains only polls: for that alone it is not done before a notice. */
    nothingLeftToDo: ({ context }) =>
      underWay(context).length === 0 && (context.domains.length > 0 || context.notice !== undefined),
    firstToStand: ({ context }) => context.standing.length + context.started.length === 0,
    seen: (_, { notice }: { notice: InterruptionNotice | undefined }) => notice !== undefined,
    oneShotIsDone: ({ context }) =>
      context.watch === undefined &&
      context.domains.every(({ domain }) => context.started.includes(domain) || isOver(context, domain)),
    allSent: ({ context }) => context.sending.length === 0,
  },
}).createMachine({
  id: 'supervisor',
  context: ({ input }) => ({
    ...input,
    standing: [],
    started: [],
    outcomes: {},
    deliveries: 0,
    sending: [],
    problems: [],
  }),
  initial: 'waking',
  on: {
    'domain.stands': [{ guard: 'firstToStand', actions: [standing(), 'startReadyPatience'] }, { actions: standing() }],
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
    waking: { always: [{ guard: 'watching', target: 'looking' }, ...nameThenComeUp] },

    // Before anything is taken: a notice that is there already means that nothing shall be (5.3).
    looking: {
      on: {
        'interruption.noticed': { target: 'coming-up', actions: keepNoticed },
        'supervisor.stop': 'flushing',
      },
      invoke: {
        src: 'look',
        onDone: [{ guard: seenNow(), target: 'coming-up', actions: keepSeen() }, ...nameThenComeUp],
        // Blind is no reason not to begin: the watch goes on looking.
        onError: nameThenComeUp.map((transition) => ({ ...transition, actions: keepProblem() })),
      },
    },

    'naming-host': {
      on: { 'interruption.noticed': { actions: keepNoticed }, 'supervisor.stop': 'flushing' },
      invoke: {
        src: 'setHostname',
        input: ({ context }) => ({ hostname: context.hostname ?? '' }),
        onDone: 'coming-up',
        onError: { target: 'coming-up', actions: keepProblem() },
      },
    },

    'coming-up': {
      entry: ['spawnDomains', 'spawnWatch'],
      on: { ...askedToEnd, 'ready.due': 'telling-ready' },
      always: [
        { guard: 'nothingLeftToDo', target: 'flushing' },
        { guard: 'everyStandsOrIsOver', target: 'telling-ready' },
      ],
    },

    // READY first: the `started` commands may start units that are ordered after ours (11.1).
    'telling-ready': {
      entry: 'cancelReadyPatience',
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
      on: { 'interruption.noticed': askedToEnd['interruption.noticed'] },
      invoke: {
        src: 'look',
        onDone: [{ guard: seenNow(), target: 'interrupted', actions: keepSeen() }, { target: 'stopping' }],
        onError: { target: 'stopping', actions: keepProblem() },
      },
      after: { askingWhy: 'stopping' },
    },

    interrupted: {
      entry: 'passNoticeOn',
      always: { guard: 'everyIsOver', target: 'flushing' },
    },

    stopping: {
      entry: 'stopDomains',
      always: { guard: 'everyIsOver', target: 'flushing' },
    },

    flushing: {
      always: { guard: 'allSent', target: 'stopped' },
      after: { lastAttempt: { actions: 'finishDeliveries' }, flush: 'stopped' },
    },

    stopped: { type: 'final' },
  },
  output: ({ context }) => exitStatusOf(context),
});

function standing() {
  return { type: 'keepStanding', params: ({ event }: { event: { domain: string } }) => event } as const;
}

function seenNow() {
  return {
    type: 'seen',
    params: ({ event }: { event: { output: NoticeLook } }) => ({ notice: event.output.notice }),
  } as const;
}

function keepSeen() {
  return { type: 'keepNotice', params: ({ event }: { event: { output: NoticeLook } }) => event.output } as const;
}

function keepProblem() {
  return {
    type: 'keepProblem',
    params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }),
  } as const;
}

/** An interruption that was handled is a success, whatever was to be reported of it (2.3). */
function exitStatusOf({ notice, outcomes }: SupervisorContext): ExitStatus {
  if (notice) return exitStatus.done;
  return Object.values(outcomes).some(({ ending }) => ending === 'failed') ? exitStatus.failed : exitStatus.done;
}

/** The ids of the domains that are not over. */
function underWay({ domains, outcomes }: SupervisorContext): Array<`domain.${string}`> {
  return domains.filter(({ domain }) => !isOver({ outcomes }, domain)).map(({ domain }) => `domain.${domain}` as const);
}

/** Names come from a configuration: one called `constructor` must not find what every object has. */
function isOver({ outcomes }: Pick<SupervisorContext, 'outcomes'>, domain: string): boolean {
  return Object.hasOwn(outcomes, domain);
}

function receiversOf({ receivers }: SupervisorContext, domain: string): EventName[][] {
  return Object.hasOwn(receivers, domain) ? (receivers[domain] ?? []) : [];
}
