/** One application domain's life: up by milestones, and down under one of three endings. */

import { assign, cancel, raise, sendTo, setup } from 'xstate';
import { LEAST_COMMAND_TIME_MS, MESSAGE_RESERVE_MS } from '../config/constants.ts';
import { messageOf } from '../config/errors.ts';
import type { EventName } from '../config/events.ts';
import type {
  Attachment,
  CommandLine,
  CommandResult,
  Failure,
  InterruptionNotice,
  MonotonicMs,
  Occasion,
  RecordEntry,
  RecordSetChange,
  VolumeEntry,
} from '../config/vocabulary.ts';
import { type CommandsInput, commandsMachine, problemsOf } from './commands.ts';
import { type RecordsOutcome, recordsMachine } from './records.ts';
import { type VolumesInput, type VolumesOutcome, volumesMachine } from './volumes.ts';

/** Under which event a domain goes down. */
export type Ending = 'interrupted' | 'stopping' | 'failed';

export interface DomainInput {
  domain: string;
  volumes: VolumeEntry[];
  records: RecordEntry[];
  /** What to run at each event; absent: nothing. */
  lines: Partial<Record<EventName, CommandLine[]>>;
  limits: {
    /** For the whole way up, to the end of its last `started` command. */
    wayUpMs: number;
    /** When that is over. */
    wayUpUntilMs: MonotonicMs;
    /** For the commands of `stopping` and `failed`. */
    stopMs: number;
  };
  /** Why it must not begin, for example a device that an earlier domain has; absent: it may. */
  refusal?: string;
  /** Present when the instance was being taken away before the domain began. */
  notice?: InterruptionNotice;
}

export interface DomainContext extends DomainInput {
  attachments: Attachment[];
  changes: RecordSetChange[];
  /** Of the commands run so far, those of volumes under `starting`. */
  results: Partial<Record<EventName, CommandResult[]>>;
  /** Everything that went wrong, on the way up and down. */
  failures: Failure[];
  /** Absent on the way up. The first one wins. */
  ending?: Ending;
}

export type DomainEvent =
  | { type: 'interruption.noticed'; notice: InterruptionNotice }
  | { type: 'domain.proceed' }
  | { type: 'domain.stop' }
  | { type: 'way-up.expired' };

export interface DomainOutcome {
  domain: string;
  ending: Ending;
  failures: Failure[];
}

/** What a domain tells its parent on its way. */
export type DomainReport =
  /** Volumes and records are there; it waits for `domain.proceed`. */
  | { type: 'domain.stands'; domain: string }
  /** An event has happened and its commands have ended: time for messages. */
  | { type: 'domain.reached'; occasion: Occasion };

/**
 * On the way up an ending is noted and the step asked to finish; where to go, its outcome decides.
 * Only for states that have a step: sending to a child that is not there is an error.
 */
const askedToEnd = {
  'interruption.noticed': { actions: ['keepNotice', endAs('interrupted'), reached('noticed'), 'finishStep'] },
  'domain.stop': { actions: [endAs('stopping'), 'finishStep'] },
  // Of a domain that ends already the step has been asked, and being late is no failure of it.
  'way-up.expired': { guard: 'notEnding', actions: ['failLate', endAs('failed'), 'finishStep'] },
} as const;

export const domainSteps = {
  runCommands: commandsMachine,
  attachVolumes: volumesMachine,
  upsertRecordSets: recordsMachine,
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
    endAs: assign(({ context }, { ending }: { ending: Ending }) => ({ ending: context.ending ?? ending })),
    finishStep: sendTo('step', { type: 'step.finish' }),
    cancelWayUp: cancel('way-up'),
    failRefused: assign(({ context }) => ({
      failures: [...context.failures, { part: 'configuration', problem: context.refusal ?? '', critical: true }],
    })),
    failLate: assign(({ context }) => ({
      failures: [...context.failures, lateFailure(context)],
    })),
    keepNotice: assign(({ event }) => (event.type === 'interruption.noticed' ? { notice: event.notice } : {})),
    keepResults: assign(({ context }, params: { event: EventName; results: CommandResult[] }) => ({
      results: { ...context.results, [params.event]: params.results },
      failures: [...context.failures, ...failuresOf(params.event, params.results)],
    })),
    keepVolumes: assign(({ context }, { outcome }: { outcome: VolumesOutcome }) => ({
      attachments: outcome.attachments,
      results: { ...context.results, starting: [...(context.results.starting ?? []), ...outcome.results] },
      failures: [...context.failures, ...outcome.failures],
    })),
    keepRecords: assign(({ context }, { outcome }: { outcome: RecordsOutcome }) => ({
      changes: outcome.changes,
      failures: [...context.failures, ...outcome.failures],
    })),
    fail: assign(({ context }, { part, error }: { part: string; error: unknown }) => ({
      failures: [...context.failures, { part, problem: messageOf(error), critical: true }],
    })),
  },
  guards: {
    refused: ({ context }) => context.refusal !== undefined,
    noticed: ({ context }) => context.notice !== undefined,
    notEnding: ({ context }) => context.ending === undefined,
    endsAs: ({ context }, { ending }: { ending: Ending }) => context.ending === ending,
    /** Asked to end before the application ever ran: nothing to run on the way down either (5.2). */
    calledOff: ({ context }) => context.ending === 'interrupted' || context.ending === 'stopping',
    failed: ({ context }, { failures }: { failures: Failure[] }) =>
      context.ending === 'failed' || failures.some(({ critical }) => critical),
  },
}).createMachine({
  id: 'domain',
  context: ({ input }) => ({ ...input, attachments: [], changes: [], results: {}, failures: [] }),
  entry: raise({ type: 'way-up.expired' }, { id: 'way-up', delay: ({ context }) => context.limits.wayUpMs }),
  initial: 'boarding',
  states: {
    boarding: {
      always: [
        { guard: 'noticed', target: 'stopped', actions: [endAs('interrupted'), reached('noticed')] },
        { guard: 'refused', target: 'failed', actions: 'failRefused' },
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
          { guard: 'calledOff', target: 'stopped', actions: keepResultsOf('starting') },
          {
            guard: { type: 'failed', params: ({ event }) => ({ failures: failuresOf('starting', event.output) }) },
            target: 'failed',
            actions: keepResultsOf('starting'),
          },
          { target: 'pending', actions: [keepResultsOf('starting'), reached('starting')] },
        ],
        onError: [
          { guard: 'calledOff', target: 'stopped', actions: failedAt('exec starting') },
          { target: 'failed', actions: failedAt('exec starting') },
        ],
      },
    },

    pending: {
      on: askedToEnd,
      invoke: {
        id: 'step',
        src: 'attachVolumes',
        input: ({ context }) => volumesOf(context),
        onDone: [
          { guard: 'calledOff', target: 'stopped', actions: keepVolumes() },
          {
            guard: { type: 'failed', params: ({ event }) => event.output },
            target: 'failed',
            actions: keepVolumes(),
          },
          { target: 'volumes-attached', actions: keepVolumes() },
        ],
        onError: [
          { guard: 'calledOff', target: 'stopped', actions: failedAt('attach-volume') },
          { target: 'failed', actions: failedAt('attach-volume') },
        ],
      },
    },

    'volumes-attached': {
      on: askedToEnd,
      invoke: {
        id: 'step',
        src: 'upsertRecordSets',
        input: ({ context: { domain, records } }) => ({ domain, records }),
        onDone: [
          { guard: 'calledOff', target: 'stopped', actions: keepRecords() },
          {
            guard: { type: 'failed', params: ({ event }) => event.output },
            target: 'failed',
            actions: keepRecords(),
          },
          { target: 'dns-updated', actions: keepRecords() },
        ],
        onError: [
          { guard: 'calledOff', target: 'stopped', actions: failedAt('update-route53') },
          { target: 'failed', actions: failedAt('update-route53') },
        ],
      },
    },

    // Waits for READY to have gone out: the `started` commands may start units that are ordered after ours (11.1).
    'dns-updated': {
      entry: { type: 'report', params: ({ context }) => ({ type: 'domain.stands', domain: context.domain }) },
      on: {
        'domain.proceed': 'running-started',
        'interruption.noticed': {
          target: 'stopped',
          actions: ['keepNotice', endAs('interrupted'), reached('noticed')],
        },
        'domain.stop': { target: 'stopped', actions: endAs('stopping') },
        'way-up.expired': { target: 'failed', actions: ['failLate', endAs('failed')] },
      },
    },

    // From here on the application may have run: nothing is taken back, its commands run on the way down (5.2).
    'running-started': {
      on: askedToEnd,
      exit: 'cancelWayUp',
      invoke: {
        id: 'step',
        src: 'runCommands',
        input: ({ context }) => commandsOnTheWayUp(context, 'started'),
        onDone: [
          {
            guard: { type: 'endsAs', params: { ending: 'interrupted' } },
            target: 'interrupted',
            actions: keepResultsOf('started'),
          },
          {
            guard: { type: 'endsAs', params: { ending: 'stopping' } },
            target: 'stopping',
            actions: keepResultsOf('started'),
          },
          {
            guard: { type: 'failed', params: ({ event }) => ({ failures: failuresOf('started', event.output) }) },
            target: 'failed',
            actions: keepResultsOf('started'),
          },
          { target: 'started', actions: keepResultsOf('started') },
        ],
        onError: [
          {
            guard: { type: 'endsAs', params: { ending: 'interrupted' } },
            target: 'interrupted',
            actions: failedAt('exec started'),
          },
          {
            guard: { type: 'endsAs', params: { ending: 'stopping' } },
            target: 'stopping',
            actions: failedAt('exec started'),
          },
          { target: 'failed', actions: failedAt('exec started') },
        ],
      },
    },

    // Meant to last, until somebody asks for the end of it.
    started: {
      entry: reached('started'),
      on: {
        'interruption.noticed': {
          target: 'interrupted',
          actions: ['keepNotice', endAs('interrupted'), reached('noticed')],
        },
        'domain.stop': { target: 'stopping', actions: endAs('stopping') },
      },
    },

    // The way down. A failing command is kept and passed by, so that one stuck thing leaves no others behind (5.7).
    interrupted: {
      invoke: {
        id: 'step',
        src: 'runCommands',
        input: ({ context }) => commandsOnTheWayDown(context, 'interrupted', { untilMs: deadlineOf(context) }),
        onDone: { target: 'stopped', actions: keepResultsOf('interrupted') },
        onError: { target: 'stopped', actions: failedAt('exec interrupted') },
      },
    },

    stopping: {
      invoke: {
        id: 'step',
        src: 'runCommands',
        input: ({ context }) => commandsOnTheWayDown(context, 'stopping', { withinMs: context.limits.stopMs }),
        onDone: { target: 'stopped', actions: keepResultsOf('stopping') },
        onError: { target: 'stopped', actions: failedAt('exec stopping') },
      },
    },

    failed: {
      entry: ['cancelWayUp', endAs('failed')],
      invoke: {
        id: 'step',
        src: 'runCommands',
        input: ({ context }) => commandsOnTheWayDown(context, 'failed', { withinMs: context.limits.stopMs }),
        onDone: { target: 'stopped', actions: keepResultsOf('failed') },
        onError: { target: 'stopped', actions: failedAt('exec failed') },
      },
    },

    stopped: {
      type: 'final',
      entry: ['cancelWayUp', { type: 'report', params: ({ context }) => reachedEnd(context) }],
    },
  },
  output: ({ context }) => ({
    domain: context.domain,
    ending: context.ending ?? 'failed',
    failures: context.failures,
  }),
});

// --- Actions by name and parameter -----------------------------------------------------------------------------------

function endAs(ending: Ending) {
  return { type: 'endAs', params: { ending } } as const;
}

function failedAt(part: string) {
  return {
    type: 'fail',
    params: ({ event }: { event: { error: unknown } }) => ({ part, error: event.error }),
  } as const;
}

function keepResultsOf(event: EventName) {
  return {
    type: 'keepResults',
    params: (args: { event: { output: CommandResult[] } }) => ({ event, results: args.event.output }),
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

function reached(event: EventName) {
  return {
    type: 'report',
    params: ({ context }: { context: DomainContext }): DomainReport => ({
      type: 'domain.reached',
      occasion: occasionOf(context, event),
    }),
  } as const;
}

function reachedEnd(context: DomainContext): DomainReport {
  return { type: 'domain.reached', occasion: occasionOf(context, context.ending ?? 'failed') };
}

// --- What steps are given --------------------------------------------------------------------------------------------

function occasionOf(context: DomainContext, event: EventName): Occasion {
  const { domain, failures, results, notice, changes } = context;
  return {
    domain,
    event,
    failures,
    results: results[event] ?? [],
    ...(notice ? { notice } : {}),
    recordNames: [...new Set(changes.map(({ after }) => after.name))],
  };
}

function commandsOnTheWayUp(context: DomainContext, event: EventName): CommandsInput {
  return {
    occasion: occasionOf(context, event),
    lines: context.lines[event] ?? [],
    endAtFailure: true,
    untilMs: context.limits.wayUpUntilMs,
  };
}

function commandsOnTheWayDown(
  context: DomainContext,
  event: EventName,
  limit: Pick<CommandsInput, 'untilMs' | 'withinMs'>,
): CommandsInput {
  return {
    occasion: occasionOf(context, event),
    lines: context.lines[event] ?? [],
    endAtFailure: false,
    ...limit,
  };
}

function volumesOf(context: DomainContext): VolumesInput {
  return {
    occasion: occasionOf(context, 'starting'),
    entries: context.volumes,
    untilMs: context.limits.wayUpUntilMs,
  };
}

/** The time of the notice less what messages need, but never less than a save needs (9.3). */
function deadlineOf({ notice }: DomainContext): MonotonicMs {
  if (notice === undefined) throw new Error('interrupted without a notice');
  return notice.seenAtMs + Math.max(notice.leftMs - MESSAGE_RESERVE_MS, LEAST_COMMAND_TIME_MS);
}

function failuresOf(event: EventName, results: CommandResult[]): Failure[] {
  const onTheWayUp = event === 'starting' || event === 'started';
  return problemsOf(results).map((problem) => ({ part: `exec ${event}`, problem, critical: onTheWayUp }));
}

function lateFailure({ limits }: DomainContext): Failure {
  return {
    part: 'timeout',
    problem: `the way up took longer than its limit of ${limits.wayUpMs / 1000} s`,
    critical: true,
  };
}
