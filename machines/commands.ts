/** The commands of one event, one after the other, each inside its limit. */

import { and, assign, cancel, enqueueActions, fromCallback, not, or, raise, sendTo, setup } from 'xstate';
import { KILL_PATIENCE_MS, TERMINATION_GRACE_MS } from '../config/constants.ts';
import type { CommandLine, CommandResult, MonotonicMs, Occasion } from '../config/vocabulary.ts';
import type { DeadlineMoved, FinishStep } from './step.ts';

export interface CommandsInput {
  occasion: Occasion;
  lines: CommandLine[];
  /** Whether a failing line keeps the rest from running: so on the way up, not on the way down (5.7). */
  endAtFailure: boolean;
  /** Nothing runs past this point. */
  untilMs?: MonotonicMs;
  /** Nothing runs longer than this after the first line has started; the earlier of the two counts. */
  withinMs?: number | undefined;
}

export interface CommandsContext extends CommandsInput {
  results: CommandResult[];
  finishing: boolean;
  /** Whether the deadline was reached: no time is left for the rest. */
  timeOver: boolean;
  /** When this line's turn came; absent between two lines. */
  begunMs?: MonotonicMs | undefined;
  /** From there to its limit; absent: it has none. */
  limitMs?: number | undefined;
}

export type CommandsEvent =
  | FinishStep
  | DeadlineMoved
  /** Its turn has come: from here its limit counts, since getting it ready may hang as well. */
  | { type: 'command.begun'; atMs: MonotonicMs }
  | { type: 'command.ended'; result: CommandResult }
  | { type: 'limit.near' }
  | { type: 'limit.reached' }
  | { type: 'command.stuck' }
  /** Whatever runs then has its own way to end, but nothing begins any more. */
  | { type: 'deadline.reached' };

/** What `runCommand` is told while the command runs. */
export interface CommandSignal {
  type: 'command.signal';
  signal: 'SIGTERM' | 'SIGKILL';
}

export interface CommandInput {
  line: CommandLine;
  occasion: Occasion;
}

export const commandSteps = {
  /** Runs one command; says `command.begun` at once, and in any case `command.ended`. */
  runCommand: fromCallback<CommandSignal, CommandInput>(() => {
    throw new Error('nobody provided the step runCommand');
  }),
};

export const commandsMachine = setup({
  types: {
    input: {} as CommandsInput,
    context: {} as CommandsContext,
    events: {} as CommandsEvent,
    output: {} as CommandResult[],
  },
  actors: commandSteps,
  actions: {
    keepLimit: assign(({ context, event }) => (event.type === 'command.begun' ? limitsFrom(context, event.atMs) : {})),
    moveDeadline: assign(({ context, event }) => (event.type === 'deadline.moved' ? sooner(context, event) : {})),
    startLimit: raise({ type: 'limit.near' }, { id: 'limit', delay: ({ context, event }) => nearIn(context, event) }),
    startGrace: raise({ type: 'limit.reached' }, { id: 'limit', delay: ({ context }) => graceOf(context.limitMs) }),
    startPatience: raise({ type: 'command.stuck' }, { id: 'limit', delay: KILL_PATIENCE_MS }),
    /** One timer at a time goes by this id: cancel before it is raised anew. */
    cancelLimit: cancel('limit'),
    /** It outlives the lines: one may end between SIGTERM and SIGKILL, when no time is left for the next. */
    watchDeadline: enqueueActions(({ context, event, enqueue }) => {
      enqueue.cancel('deadline');
      const leftMs = deadlineIn(context, event);
      if (leftMs <= 0) enqueue.raise({ type: 'deadline.reached' });
      else if (Number.isFinite(leftMs)) enqueue.raise({ type: 'deadline.reached' }, { id: 'deadline', delay: leftMs });
    }),
    terminate: sendTo('command', { type: 'command.signal', signal: 'SIGTERM' }),
    kill: sendTo('command', { type: 'command.signal', signal: 'SIGKILL' }),
    /** Of the line before. */
    forgetLimit: assign({ begunMs: undefined, limitMs: undefined }),
    beFinishing: assign({ finishing: true }),
    beOver: assign({ timeOver: true }),
    keepResult: assign(({ context, event }) =>
      event.type === 'command.ended' ? { results: [...context.results, event.result] } : {},
    ),
    keepStuck: assign(({ context }) => ({
      results: [...context.results, unfinished(context, 'SIGKILL did not end it')],
    })),
    /** A line that had no time is a failure like any other: on the way down each is reported (5.7). */
    keepUnstarted: assign(({ context }) => ({
      results: [...context.results, unfinished(context, 'not run: no time was left')],
    })),
  },
  guards: {
    linesLeft: ({ context }) => context.results.length < context.lines.length,
    enough: ({ context }) => context.endAtFailure && (context.finishing || context.results.at(-1)?.succeeded === false),
    finishing: ({ context }) => context.finishing,
    timeOver: ({ context }) => context.timeOver,
    limited: ({ context, event }) =>
      event.type === 'command.begun' && limitsFrom(context, event.atMs).limitMs !== undefined,
    begun: ({ context }) => context.begunMs !== undefined,
  },
}).createMachine({
  id: 'commands',
  context: ({ input }) => ({ ...input, results: [], finishing: false, timeOver: false }),
  initial: 'choosing',
  on: {
    'step.finish': { actions: 'beFinishing' },
    'deadline.moved': { actions: ['moveDeadline', 'watchDeadline'] },
    'deadline.reached': { actions: 'beOver' },
  },
  states: {
    choosing: {
      always: [
        {
          guard: and(['linesLeft', not('enough'), or(['finishing', 'timeOver'])]),
          target: 'choosing',
          actions: 'keepUnstarted',
        },
        { guard: and(['linesLeft', not('enough')]), target: 'running' },
        { target: 'ended' },
      ],
    },

    running: {
      invoke: {
        id: 'command',
        src: 'runCommand',
        input: ({ context }) => ({
          line: lineOf(context),
          occasion: { ...context.occasion, results: context.results },
        }),
      },
      entry: 'forgetLimit',
      exit: 'cancelLimit',
      on: { 'command.ended': { target: 'choosing', actions: 'keepResult' } },
      initial: 'working',
      states: {
        working: {
          on: {
            'command.begun': [
              { guard: 'limited', actions: ['keepLimit', 'startLimit', 'watchDeadline'] },
              { actions: 'keepLimit' },
            ],
            'deadline.moved': {
              guard: 'begun',
              actions: ['moveDeadline', 'watchDeadline', 'cancelLimit', 'startLimit'],
            },
            'limit.near': 'terminating',
            'step.finish': { target: 'terminating', actions: 'beFinishing' },
          },
        },
        terminating: {
          entry: ['cancelLimit', 'terminate', 'startGrace'],
          on: { 'limit.reached': 'killing' },
        },
        killing: {
          entry: ['kill', 'startPatience'],
          on: { 'command.stuck': { target: '#commands.choosing', actions: 'keepStuck' } },
        },
      },
    },

    ended: { type: 'final' },
  },
  output: ({ context }) => context.results,
});

/** The line whose turn it is: each line leaves one result. */
function lineOf(context: CommandsContext): CommandLine {
  const line = context.lines[context.results.length];
  if (line === undefined) throw new Error(`there is no line ${context.results.length}`);
  return line;
}

type Limits = Partial<Pick<CommandsContext, 'untilMs' | 'withinMs' | 'begunMs' | 'limitMs'>>;

/** The line's own limit, or what is left of the deadline when its turn comes, whichever is less. */
function limitsFrom(context: CommandsContext, begunMs: MonotonicMs): Limits {
  const untilMs = Math.min(
    context.untilMs ?? Number.POSITIVE_INFINITY,
    begunMs + (context.withinMs ?? Number.POSITIVE_INFINITY),
  );
  const leftMs = Math.max(0, untilMs - begunMs);
  const limitMs = Math.min(lineOf(context).timeoutMs ?? Number.POSITIVE_INFINITY, leftMs);
  return {
    begunMs,
    // It counts from the first line that begins, and is part of the deadline from then on.
    withinMs: undefined,
    ...(Number.isFinite(untilMs) ? { untilMs } : {}),
    ...(Number.isFinite(limitMs) ? { limitMs } : {}),
  };
}

/** The same with a deadline that may have moved nearer. */
function sooner(context: CommandsContext, { untilMs }: DeadlineMoved): Limits {
  const moved = { ...context, untilMs: Math.min(context.untilMs ?? Number.POSITIVE_INFINITY, untilMs) };
  return context.begunMs === undefined ? { untilMs: moved.untilMs } : limitsFrom(moved, context.begunMs);
}

/** How long until SIGTERM, from an event that says when it is now. */
function nearIn({ limitMs = 0, begunMs = 0 }: CommandsContext, event: CommandsEvent): number {
  const elapsedMs = 'atMs' in event ? event.atMs - begunMs : 0;
  return Math.max(0, limitMs - graceOf(limitMs) - elapsedMs);
}

/** How long until the deadline, from an event that says when it is now; infinite: there is none. */
function deadlineIn({ untilMs = Number.POSITIVE_INFINITY }: CommandsContext, event: CommandsEvent): number {
  return untilMs - ('atMs' in event ? event.atMs : 0);
}

/** Between SIGTERM and SIGKILL; a command asked to finish before its limit gets the whole of it. */
function graceOf(limitMs = Number.POSITIVE_INFINITY): number {
  return Math.min(TERMINATION_GRACE_MS, limitMs / 3);
}

function unfinished(context: CommandsContext, problem: string): CommandResult {
  const { argv } = lineOf(context);
  return { argv, exitCode: null, signal: null, durationMs: 0, outputTail: '', succeeded: false, problem };
}

/** A sentence for each command that failed. */
export function problemsOf(results: CommandResult[]): string[] {
  return results
    .filter(({ succeeded }) => !succeeded)
    .map(({ argv, problem, exitCode, signal }) => {
      const how = problem ?? (signal === null ? `exited with ${exitCode}` : `was ended by ${signal}`);
      return `${argv.join(' ')}: ${how}`;
    });
}
