/** One application domain's life: up by milestones, and down under one of three endings. */

import { and, assign, cancel, enqueueActions, raise, sendTo, setup } from 'xstate';
import { messageOf } from '../config/errors.ts';
import type { EventName } from '../config/events.ts';
import type { CommandResult, Failure } from '../config/vocabulary.ts';
import { commandsMachine } from './commands.ts';
import {
  asItWas,
  type BesideEvent,
  commandsOnTheWayDown,
  commandsOnTheWayUp,
  critical,
  type DomainContext,
  type DomainEvent,
  type DomainInput,
  type DomainOutcome,
  type DomainReport,
  deadlineMoved,
  type Ending,
  failuresOf,
  isCritical,
  isReleasing,
  isSomethingHere,
  lateness,
  occasionOf,
  type Remembrance,
  releaseOf,
  remembranceOf,
  timeLeft,
  unfinishedOf,
  usedVolumes,
  type VolumesUsed,
  volumesOf,
  withFailures,
  withNotice,
  withStop,
} from './domain-context.ts';
import { type GivingBackOutcome, givingBackMachine } from './giving-back.ts';
import { type RecordsInput, type RecordsOutcome, recordsMachine } from './records.ts';
import { step } from './step.ts';
import { type VolumesOutcome, volumesMachine } from './volumes.ts';

export type {
  BesideEvent,
  DomainContext,
  DomainEvent,
  DomainInput,
  DomainOutcome,
  DomainReport,
  Ending,
  Remembrance,
  VolumesUsed,
} from './domain-context.ts';

/** The time left, from an event that says when it is now. */
const countAnew = ['cancelCountdown', 'startCountdown'] as const;

/** The first notice is told at once, and its own commands run beside whatever is under way. */
const tellNotice = [reached('noticed'), 'runNoticed'] as const;
const firstNotice = ['keepNotice', 'startCountdown', ...tellNotice] as const;

/**
 * On the way up an ending is noted and the step asked to finish; where to go, its outcome decides.
 * Only for states that have a step: sending to a child that is not there is an error.
 */
const askedToEnd = {
  'interruption.noticed': [
    { guard: 'noticed', actions: ['keepNotice', ...countAnew, 'moveDeadlineBeside'] },
    { guard: 'notEnding', actions: [...firstNotice, endAs('interrupted'), 'finishStep'] },
    // It ends already: no second event begins (5.6).
    { actions: ['keepNotice', ...countAnew, reached('noticed')] },
  ],
  'domain.stop': { actions: ['keepStop', ...countAnew, 'moveDeadlineBeside', endAs('stopping'), 'finishStep'] },
  // The step has been asked by the stop before.
  'domain.hurry': { actions: ['beHurrying', 'finishBeside'] },
  // Of a domain that ends already the step has been asked, and being late is no failure of it.
  'domain.fail': { guard: 'notEnding', actions: ['failWithOthers', endAs('failed'), 'finishStep'] },
  'way-up.expired': { guard: 'notEnding', actions: ['failLate', endAs('failed'), 'finishStep'] },
} as const;

/** On the way down further news only set, or shorten, the time left: no second event begins (5.6). */
const laterNews = {
  'interruption.noticed': [
    { guard: 'noticed', actions: ['keepNotice', ...countAnew, 'moveDeadline'] },
    { actions: ['keepNotice', ...countAnew, reached('noticed'), 'moveDeadline'] },
  ],
  'domain.stop': { actions: ['keepStop', ...countAnew, 'moveDeadline'] },
  'domain.hurry': { actions: ['beHurrying', 'finishStep'] },
  'countdown.expired': { actions: ['beLate', 'finishStep'] },
  'patience.expired': { actions: 'finishStep' },
} as const;

/** A notice that is not the first, where other commands may run beside. */
const anotherNotice = { actions: ['keepNotice', ...countAnew, 'moveDeadline', 'moveDeadlineBeside'] } as const;

/** Later news where other commands may run beside. */
const laterNewsForAll = {
  'interruption.noticed': [
    { guard: 'noticed', ...anotherNotice },
    { actions: ['keepNotice', ...countAnew, reached('noticed'), 'moveDeadline', 'moveDeadlineBeside'] },
  ],
  'domain.stop': { actions: ['keepStop', ...countAnew, 'moveDeadline', 'moveDeadlineBeside'] },
  'domain.hurry': { actions: ['beHurrying', 'finishStep', 'finishBeside'] },
  'countdown.expired': { actions: ['beLate', 'finishStep'] },
} as const;

export const domainSteps = {
  runCommands: commandsMachine,
  attachVolumes: volumesMachine,
  upsertRecordSets: recordsMachine,
  giveBack: givingBackMachine,
  /** Writes down, for the runs to come, what became of a domain (12.3). */
  remember: step<void, Remembrance>('remember'),
};

export const domainMachine = setup({
  types: {
    input: {} as DomainInput,
    context: {} as DomainContext,
    events: {} as DomainEvent,
    output: {} as DomainOutcome,
  },
  actors: domainSteps,
  actions: {
    /** Tells the parent; a root has none, so doing nothing is the default. */
    report: (_, _report: DomainReport) => {},
    /** From here on what was taken is no longer given back; the journal forgets it. Nobody waits for that. */
    commit: (_, _domain: { domain: string }) => {},
    /** Notes on its volumes when they were last used (6.5). Nobody waits for that either. */
    noteUsed: (_, _volumes: VolumesUsed) => {},
    /** No step of its own: whether it has an answer is found out by who compares. */
    lookAhead: (_, _records: RecordsInput) => {},
    endAs: assign(({ context }, { ending }: { ending: Ending }) => ({
      ending: context.ending ?? ending,
      hasFailed: context.hasFailed || (context.ending === undefined && ending === 'failed'),
    })),
    /** A second way down, of a domain that has failed and kept watch. */
    endAnewAs: assign((_, { ending }: { ending: Ending }) => ({ ending, late: false })),
    passPoint: assign({ past: 'started' }),
    keepNotice: assign(({ context, event }) =>
      event.type === 'interruption.noticed' ? withNotice(context, event.notice) : {},
    ),
    keepNoticeKnown: assign(({ context }) => (context.notice ? withNotice(context, context.notice) : {})),
    keepStopKnown: assign(({ context }) => (context.stopAtMs === undefined ? {} : withStop(context, context.stopAtMs))),
    keepStop: assign(({ context, event }) => (event.type === 'domain.stop' ? withStop(context, event.atMs) : {})),
    startCountdown: raise(
      { type: 'countdown.expired' },
      { id: 'countdown', delay: ({ context, event }) => timeLeft(context, event) },
    ),
    /** One timer at a time goes by this id: cancel before it is raised anew. */
    cancelCountdown: cancel('countdown'),
    /** A failure names no time; it has as long as a stop from the moment it is decided. */
    startPatience: raise(
      { type: 'patience.expired' },
      { id: 'patience', delay: ({ context }) => context.limits.stopMs },
    ),
    cancelPatience: cancel('patience'),
    moveDeadline: sendTo('step', ({ context, event }) => deadlineMoved(context, event)),
    moveDeadlineBeside: enqueueActions(({ context, event, enqueue }) => {
      for (const id of context.beside) enqueue.sendTo(id, deadlineMoved(context, event));
    }),
    finishStep: sendTo('step', { type: 'step.finish' }),
    finishBeside: enqueueActions(({ context, enqueue }) => {
      for (const event of context.beside) enqueue.sendTo(event, { type: 'step.finish' });
    }),
    /** Entering a step: nothing is begun that there is no time for. */
    finishIfOver: enqueueActions(({ context, enqueue }) => {
      if (context.late || context.hurrying) enqueue.sendTo('step', { type: 'step.finish' });
    }),
    beHurrying: assign({ hurrying: true }),
    beLate: assign({ late: true }),
    /** Before the point of no return none of them run: the application never did (5.2). */
    runNoticed: enqueueActions(({ context, enqueue }) => {
      if (context.past !== 'started') return;
      enqueue.assign({ beside: [...context.beside, 'noticed'] });
      enqueue.spawnChild('runCommands', { id: 'noticed', input: commandsOnTheWayDown(context, 'noticed') });
    }),
    runAtRisk: enqueueActions(({ context, enqueue }) => {
      if (context.risk === undefined) return;
      enqueue.assign({ beside: [...context.beside, 'at-risk'] });
      enqueue.spawnChild('runCommands', { id: 'at-risk', input: commandsOnTheWayDown(context, 'at-risk') });
    }),
    keepRisk: assign(({ event }) => (event.type === 'risk.seen' ? { risk: event.risk } : {})),
    forgetBeside: assign(({ context }, { event }: { event: BesideEvent }) => ({
      beside: context.beside.filter((other) => other !== event),
    })),
    failRefused: assign(({ context }) => withFailures(context, critical('configuration', context.refusal ?? ''))),
    failLate: assign(({ context }) => withFailures(context, critical('timeout', lateness(context)))),
    failWithOthers: assign(({ context, event }) =>
      event.type === 'domain.fail' ? withFailures(context, critical('require-all', event.problem)) : {},
    ),
    keepResults: assign(({ context }, { event, results }: { event: EventName; results: CommandResult[] }) => ({
      results: { ...context.results, [event]: results },
      ...withFailures(context, ...failuresOf(event, results)),
    })),
    keepVolumes: assign(({ context }, { outcome }: { outcome: VolumesOutcome }) => ({
      attachments: outcome.attachments,
      results: { ...context.results, starting: [...(context.results.starting ?? []), ...outcome.results] },
      ...withFailures(context, ...outcome.failures, ...unfinishedOf(context, outcome)),
    })),
    keepRecords: assign(({ context }, { outcome }: { outcome: RecordsOutcome }) => ({
      changes: outcome.changes,
      ...withFailures(context, ...outcome.failures, ...unfinishedOf(context, outcome)),
    })),
    keepGivenBack: assign(({ context }, { outcome }: { outcome: GivingBackOutcome }) => ({
      given: [...context.given, ...outcome.given],
      kept: [...context.kept, ...outcome.kept],
      ...withFailures(context, ...outcome.failures),
    })),
    fail: assign(({ context }, { part, error }: { part: string; error: unknown }) =>
      withFailures(context, critical(part, messageOf(error))),
    ),
    /** Too late to change anything by it. */
    note: assign(({ context }, { part, error }: { part: string; error: unknown }) =>
      withFailures(context, { part, problem: messageOf(error), critical: false }),
    ),
  },
  guards: {
    refused: ({ context }) => context.refusal !== undefined,
    noticed: ({ context }) => context.notice !== undefined,
    stopAsked: ({ context }) => context.stopAtMs !== undefined,
    /** In an earlier run, under this very notice. */
    toldBefore: ({ context: { past, finishedUnder, notice } }) =>
      past === 'finished' && notice !== undefined && finishedUnder === notice.key,
    notEnding: ({ context }) => context.ending === undefined,
    endsAs: ({ context }, { ending }: { ending: Ending }) => context.ending === ending,
    calledOff: ({ context }) => context.ending === 'interrupted' || context.ending === 'stopping',
    hurrying: ({ context }) => context.hurrying,
    pastPoint: ({ context }) => context.past === 'started',
    goesOn: ({ context }, { failures }: { failures: Failure[] }) =>
      context.ending === undefined && !failures.some(isCritical),
    firstRisk: ({ context }) => context.risk === undefined,
    alone: ({ context }) => context.beside.length === 0,
    releases: ({ context }) => context.ending !== undefined && isReleasing(context, context.ending),
    keepsWatch: ({ context }) =>
      context.ending === 'failed' && context.deadline === undefined && isSomethingHere(context),
  },
}).createMachine({
  id: 'domain',
  context: ({ input }) => ({
    ...input,
    attachments: [],
    changes: [],
    results: {},
    failures: [],
    hasFailed: false,
    hurrying: false,
    late: false,
    beside: [],
    given: [],
    kept: [],
  }),
  entry: raise({ type: 'way-up.expired' }, { id: 'way-up', delay: ({ context }) => context.limits.wayUpMs }),
  initial: 'boarding',
  on: {
    // Of an application that does not run yet it is kept for the time when it does.
    'risk.seen': { guard: 'firstRisk', actions: 'keepRisk' },
    // A step that was asked to finish may take longer than there is time.
    'countdown.expired': { actions: 'beLate' },
    'xstate.done.actor.noticed': { actions: [keepBeside('noticed'), forgetBeside('noticed')] },
    'xstate.done.actor.at-risk': {
      actions: [keepBeside('at-risk'), forgetBeside('at-risk'), reached('at-risk')],
    },
    'xstate.error.actor.noticed': { actions: [noteBeside('noticed'), forgetBeside('noticed')] },
    'xstate.error.actor.at-risk': {
      actions: [noteBeside('at-risk'), forgetBeside('at-risk'), reached('at-risk')],
    },
  },
  states: {
    boarding: {
      always: [
        { guard: 'toldBefore', target: 'stopped' },
        // The application may be running still: what an earlier run began is brought to its end (12.3).
        {
          guard: and(['noticed', 'pastPoint']),
          target: 'interrupted',
          actions: ['keepNoticeKnown', 'keepStopKnown', 'startCountdown', ...tellNotice, endAs('interrupted')],
        },
        {
          guard: and(['stopAsked', 'pastPoint']),
          target: 'stopping',
          actions: ['keepStopKnown', 'startCountdown', endAs('stopping')],
        },
        {
          // Nothing is taken; what a run before this one took and had not given back goes back (12.2).
          guard: 'noticed',
          target: 'rolling-back',
          actions: ['keepNoticeKnown', 'startCountdown', reached('noticed'), endAs('interrupted')],
        },
        {
          guard: 'stopAsked',
          target: 'rolling-back',
          actions: ['keepStopKnown', 'startCountdown', endAs('stopping')],
        },
        { guard: 'refused', target: 'turning-back', actions: 'failRefused' },
        { target: 'starting' },
      ],
    },

    // The way up. A state is a milestone reached; it invokes the step to the next one.
    starting: {
      on: askedToEnd,
      invoke: {
        id: 'step',
        src: 'runCommands',
        input: ({ context }) => commandsOnTheWayUp(context, 'starting'),
        onDone: [
          {
            guard: goesOnAfter('starting'),
            target: 'pending',
            actions: [keepResultsOf('starting'), reached('starting')],
          },
          { target: 'turning-back', actions: keepResultsOf('starting') },
        ],
        onError: { target: 'turning-back', actions: failedAt('exec starting') },
      },
    },

    pending: {
      // What stands in DNS is there to be compared when the volumes are (7.4).
      entry: { type: 'lookAhead', params: ({ context: { domain, records } }) => ({ domain, records }) },
      on: askedToEnd,
      invoke: {
        id: 'step',
        src: 'attachVolumes',
        input: ({ context }) => volumesOf(context),
        onDone: [
          {
            guard: { type: 'goesOn', params: ({ event }) => event.output },
            target: 'volumes-attached',
            actions: keepVolumes(),
          },
          { target: 'turning-back', actions: keepVolumes() },
        ],
        onError: { target: 'turning-back', actions: failedAt('attach-volume') },
      },
    },

    'volumes-attached': {
      on: askedToEnd,
      invoke: {
        id: 'step',
        src: 'upsertRecordSets',
        input: ({ context: { domain, records } }) => ({ domain, records }),
        onDone: [
          {
            guard: { type: 'goesOn', params: ({ event }) => event.output },
            target: 'dns-updated',
            actions: keepRecords(),
          },
          { target: 'turning-back', actions: keepRecords() },
        ],
        onError: { target: 'turning-back', actions: failedAt('update-route53') },
      },
    },

    // Waits for READY to have gone out: the `started` commands may start units that are ordered after ours (11.1).
    'dns-updated': {
      entry: { type: 'report', params: ({ context }) => ({ type: 'domain.stands', domain: context.domain }) },
      on: {
        'domain.proceed': 'committing',
        'interruption.noticed': { target: 'turning-back', actions: [...firstNotice, endAs('interrupted')] },
        'domain.stop': { target: 'turning-back', actions: ['keepStop', 'startCountdown', endAs('stopping')] },
        'domain.fail': { target: 'turning-back', actions: 'failWithOthers' },
        'way-up.expired': { target: 'turning-back', actions: 'failLate' },
      },
    },

    // It is on disk that the application may have run before it does: whoever comes after a crash has to know (12.3).
    committing: {
      on: askedToEnd,
      invoke: {
        id: 'step',
        src: 'remember',
        input: ({ context: { domain } }) => ({ domain, past: 'started' as const, commits: true as const }),
        onDone: [
          { guard: 'notEnding', target: 'running-started' },
          { guard: 'pastPoint', target: 'turning-back' },
          { target: 'stepping-back' },
        ],
        onError: { target: 'turning-back', actions: failedAt('state directory') },
      },
    },

    // Called off in that moment, it never ran: before anything is given back, nobody is to think that it had.
    'stepping-back': {
      on: {
        'interruption.noticed': [
          { guard: 'noticed', actions: ['keepNotice', ...countAnew] },
          { actions: ['keepNotice', ...countAnew, reached('noticed')] },
        ],
        'domain.stop': { actions: ['keepStop', ...countAnew] },
        'domain.hurry': { actions: 'beHurrying' },
      },
      invoke: {
        id: 'step',
        src: 'remember',
        input: ({ context }) => asItWas(context),
        onDone: 'turning-back',
        onError: { target: 'turning-back', actions: noted('state directory') },
      },
    },

    // The point of no return: from here on nothing is taken back, and its commands run on the way down (5.2).
    'running-started': {
      entry: ['passPoint', committed()],
      on: askedToEnd,
      invoke: {
        id: 'step',
        src: 'runCommands',
        input: ({ context }) => commandsOnTheWayUp(context, 'started'),
        onDone: [
          { guard: goesOnAfter('started'), target: 'started', actions: keepResultsOf('started') },
          { target: 'turning-down', actions: keepResultsOf('started') },
        ],
        onError: { target: 'turning-down', actions: failedAt('exec started') },
      },
    },

    // Meant to last, until somebody asks for the end of it.
    started: {
      entry: [reached('started'), 'runAtRisk'],
      on: {
        'interruption.noticed': {
          target: 'interrupted',
          actions: ['keepNotice', 'startCountdown', 'moveDeadlineBeside', ...tellNotice, endAs('interrupted')],
        },
        'domain.stop': {
          target: 'stopping',
          actions: ['keepStop', 'startCountdown', 'moveDeadlineBeside', endAs('stopping')],
        },
        'risk.seen': { guard: 'firstRisk', actions: ['keepRisk', 'runAtRisk'] },
      },
    },

    // It will not come up. An application that an earlier run started goes down from where it is, like one that had.
    'turning-back': {
      always: [
        { guard: and(['calledOff', 'pastPoint']), target: 'turning-down', actions: committed() },
        { guard: 'calledOff', target: 'rolling-back' },
        { target: 'rolling-back', actions: [endAs('failed'), failing()] },
      ],
    },

    'rolling-back': {
      entry: ['startPatience', 'finishIfOver'],
      on: laterNews,
      invoke: {
        id: 'step',
        src: 'giveBack',
        input: ({ context: { domain } }) => ({ reason: 'roll-back' as const, domain }),
        onDone: [
          { guard: 'calledOff', target: 'signing-off', actions: keepGivenBack() },
          { target: 'turning-down', actions: keepGivenBack() },
        ],
        onError: [
          { guard: 'calledOff', target: 'signing-off', actions: noted('roll-back') },
          { target: 'turning-down', actions: noted('roll-back') },
        ],
      },
    },

    // The way down. A failing command is kept and passed by, so that one stuck thing leaves no others behind (5.7).
    'turning-down': {
      always: [
        { guard: 'hurrying', target: 'joining' },
        { guard: { type: 'endsAs', params: { ending: 'interrupted' } }, target: 'interrupted' },
        { guard: { type: 'endsAs', params: { ending: 'stopping' } }, target: 'stopping' },
        { target: 'failed', actions: endAs('failed') },
      ],
    },

    interrupted: {
      on: { ...laterNewsForAll, 'interruption.noticed': anotherNotice },
      invoke: {
        id: 'step',
        src: 'runCommands',
        input: ({ context }) => commandsOnTheWayDown(context, 'interrupted'),
        onDone: { target: 'joining', actions: keepResultsOf('interrupted') },
        onError: { target: 'joining', actions: noted('exec interrupted') },
      },
    },

    stopping: {
      on: laterNewsForAll,
      invoke: {
        id: 'step',
        src: 'runCommands',
        input: ({ context }) => commandsOnTheWayDown(context, 'stopping'),
        onDone: { target: 'joining', actions: keepResultsOf('stopping') },
        onError: { target: 'joining', actions: noted('exec stopping') },
      },
    },

    failed: {
      entry: ['cancelPatience', 'startPatience'],
      on: laterNews,
      invoke: {
        id: 'step',
        src: 'runCommands',
        input: ({ context }) => commandsOnTheWayDown(context, 'failed'),
        onDone: { target: 'joining', actions: keepResultsOf('failed') },
        onError: { target: 'joining', actions: noted('exec failed') },
      },
    },

    // What runs beside may still use what is to be released.
    joining: {
      entry: { type: 'noteUsed', params: ({ context }) => usedVolumes(context) },
      on: {
        'interruption.noticed': [
          { guard: 'noticed', actions: ['keepNotice', ...countAnew, 'moveDeadlineBeside'] },
          { actions: ['keepNotice', ...countAnew, reached('noticed'), 'moveDeadlineBeside'] },
        ],
        'domain.stop': { actions: ['keepStop', ...countAnew, 'moveDeadlineBeside'] },
        'domain.hurry': { actions: ['beHurrying', 'finishBeside'] },
        'countdown.expired': { actions: ['beLate', 'finishBeside'] },
      },
      always: [
        { guard: and(['alone', 'releases']), target: 'releasing' },
        { guard: 'alone', target: 'closing' },
      ],
    },

    releasing: {
      entry: 'finishIfOver',
      on: laterNews,
      invoke: {
        id: 'step',
        src: 'giveBack',
        input: ({ context }) => releaseOf(context),
        onDone: { target: 'closing', actions: keepGivenBack() },
        onError: { target: 'closing', actions: noted('release') },
      },
    },

    closing: { always: [{ guard: 'keepsWatch', target: 'keeping-watch' }, { target: 'signing-off' }] },

    // Failed, but something of it is attached here. An application that may run wants to be warned all the same (5.4).
    'keeping-watch': {
      entry: [
        'cancelPatience',
        reached('failed'),
        { type: 'report', params: ({ context }) => ({ type: 'domain.keeps-watch', domain: context.domain }) },
      ],
      on: {
        'interruption.noticed': [
          { guard: 'pastPoint', target: 'interrupted', actions: [...firstNotice, endAnewAs('interrupted')] },
          { target: 'stopped' },
        ],
        'domain.stop': [
          {
            guard: 'pastPoint',
            target: 'stopping',
            actions: ['keepStop', 'startCountdown', endAnewAs('stopping')],
          },
          { target: 'stopped' },
        ],
      },
    },

    'signing-off': {
      invoke: {
        src: 'remember',
        input: ({ context }) => remembranceOf(context),
        onDone: { target: 'stopped', actions: reachedEnd() },
        onError: { target: 'stopped', actions: [noted('state directory'), reachedEnd()] },
      },
    },

    stopped: { type: 'final' },
  },
  output: ({ context: { domain, ending, hasFailed, failures } }) => ({
    domain,
    ending: ending ?? 'interrupted',
    failed: hasFailed,
    failures,
  }),
});

// --- Actions and guards by name and parameter ------------------------------------------------------------------------

function endAs(ending: Ending) {
  return { type: 'endAs', params: { ending } } as const;
}

function endAnewAs(ending: Ending) {
  return { type: 'endAnewAs', params: { ending } } as const;
}

function committed() {
  return { type: 'commit', params: ({ context }: { context: DomainContext }) => ({ domain: context.domain }) } as const;
}

function failedAt(part: string) {
  return {
    type: 'fail',
    params: ({ event }: { event: { error: unknown } }) => ({ part, error: event.error }),
  } as const;
}

function noted(part: string) {
  return {
    type: 'note',
    params: ({ event }: { event: { error: unknown } }) => ({ part, error: event.error }),
  } as const;
}

function noteBeside(event: BesideEvent) {
  return noted(`exec ${event}`);
}

function forgetBeside(event: BesideEvent) {
  return { type: 'forgetBeside', params: { event } } as const;
}

function keepBeside(event: BesideEvent) {
  return keepResultsOf(event);
}

function keepResultsOf(event: EventName) {
  return {
    type: 'keepResults',
    params: (args: { event: { output: CommandResult[] } }) => ({ event, results: args.event.output }),
  } as const;
}

function goesOnAfter(event: EventName) {
  return {
    type: 'goesOn',
    params: (args: { event: { output: CommandResult[] } }) => ({ failures: failuresOf(event, args.event.output) }),
  } as const;
}

function keepVolumes() {
  return {
    type: 'keepVolumes',
    params: ({ event }: { event: { output: VolumesOutcome } }) => ({ outcome: event.output }),
  } as const;
}

function keepRecords() {
  return {
    type: 'keepRecords',
    params: ({ event }: { event: { output: RecordsOutcome } }) => ({ outcome: event.output }),
  } as const;
}

function keepGivenBack() {
  return {
    type: 'keepGivenBack',
    params: ({ event }: { event: { output: GivingBackOutcome } }) => ({ outcome: event.output }),
  } as const;
}

function reached(event: EventName) {
  return {
    type: 'report',
    params: ({ context }: { context: DomainContext }): DomainReport => ({
      type: 'domain.reached',
      occasion: occasionOf(context, event),
    }),
  } as const;
}

function reachedEnd() {
  return {
    type: 'report',
    params: ({ context }: { context: DomainContext }): DomainReport => ({
      type: 'domain.reached',
      occasion: occasionOf(context, context.ending ?? 'interrupted'),
    }),
  } as const;
}

function failing() {
  return {
    type: 'report',
    params: ({ context }: { context: DomainContext }): DomainReport => ({
      type: 'domain.failing',
      domain: context.domain,
    }),
  } as const;
}
