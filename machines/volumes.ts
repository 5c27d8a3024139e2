/** The volumes of a domain together: attached at the same time, prepared by their commands in the order written (6.8). */

import { and, assign, type DoneActorEvent, type ErrorActorEvent, enqueueActions, sendTo, setup } from 'xstate';
import { NOTING_PAUSE_MS } from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import type { Attachment, CommandResult, Failure, MonotonicMs, Occasion, VolumeEntry } from '../config/vocabulary.ts';
import { type CommandsInput, commandsMachine, problemsOf } from './commands.ts';
import { type GivingBackInput, type GivingBackOutcome, givingBackMachine, hasVolume } from './giving-back.ts';
import { type FinishStep, step } from './step.ts';
import { type VolumeOutcome, volumeMachine } from './volume.ts';

export interface VolumesInput {
  occasion: Occasion;
  entries: VolumeEntry[];
  /** Their commands run no longer than until then. */
  untilMs: MonotonicMs;
}

/** What the volumes ended with; a critical failure among them is the domain's. */
export interface VolumesOutcome {
  /** Those that are there: prepared by their commands, or attached before any of this began. */
  attachments: Attachment[];
  results: CommandResult[];
  failures: Failure[];
  /** What was still under way when the step was asked to end: news only for whoever asked because time was over. */
  unfinished: Failure[];
}

export interface VolumesContext extends VolumesInput, VolumesOutcome {
  /** By entry; absent while it is under way. */
  outcomes: Record<number, VolumeOutcome>;
  /** The entry whose commands come next. */
  next: number;
  finishing: boolean;
}

export type VolumesEvent =
  | FinishStep
  | DoneActorEvent<VolumeOutcome, `volume.${number}`>
  | ErrorActorEvent<unknown, `volume.${number}`>;

/** A volume that a domain has. */
export interface VolumeOfDomain {
  domain: string;
  attachment: Attachment;
}

export const volumesSteps = {
  volume: volumeMachine,
  runCommands: commandsMachine,
  /** Writes down that commands are about to run which may reach the domain's other volumes (6.10). */
  noteCommands: step<void, VolumeOfDomain>('noteCommands'),
  /** Writes down that the commands of a volume have all succeeded once (4.3). */
  notePrepared: step<void, VolumeOfDomain>('notePrepared'),
  giveBack: givingBackMachine,
};

export const volumesMachine = setup({
  types: {
    input: {} as VolumesInput,
    context: {} as VolumesContext,
    events: {} as VolumesEvent,
    output: {} as VolumesOutcome,
    children: {} as { [id: `volume.${number}`]: 'volume'; commands: 'runCommands'; 'giving-back': 'giveBack' },
  },
  actors: volumesSteps,
  actions: {
    spawnVolumes: enqueueActions(({ context, enqueue }) => {
      for (const entry of context.entries)
        enqueue.spawnChild('volume', { id: `volume.${entry.entry}` as const, input: entry });
    }),
    finishVolumes: enqueueActions(({ context, enqueue }) => {
      for (const { entry } of context.entries) {
        if (context.outcomes[entry] === undefined) enqueue.sendTo(`volume.${entry}`, { type: 'step.finish' });
      }
    }),
    keepOutcome: assign(({ context }, { entry, outcome }: { entry: number; outcome: VolumeOutcome }) => ({
      outcomes: { ...context.outcomes, [entry]: outcome },
      ...whatIsNew(context, entry, outcome),
    })),
    keepResults: assign(({ context }, { results }: { results: CommandResult[] }) => ({
      results: [...context.results, ...results],
      failures: [
        ...context.failures,
        ...problemsOf(results).map((problem) => failureOf(context, context.next, problem)),
      ],
    })),
    failGivingBack: assign(({ context }, { error }: { error: unknown }) => ({
      failures: [...context.failures, { part: 'going-without', problem: messageOf(error), critical: false }],
    })),
    failNext: assign(({ context }, { error }: { error: unknown }) => ({
      failures: [...context.failures, failureOf(context, context.next, messageOf(error))],
    })),
    keepGivenBack: assign(({ context }, { outcome }: { outcome: GivingBackOutcome }) => ({
      attachments: context.attachments.filter(({ volumeId }) => !hasVolume(outcome.given, volumeId)),
      failures: [...context.failures, ...outcome.failures],
    })),
    goOn: assign(({ context }) => ({ next: context.next + 1 })),
    beFinishing: assign({ finishing: true }),
  },
  delays: { notingPause: NOTING_PAUSE_MS },
  guards: {
    brokenOff: ({ context }) => context.finishing || context.failures.some(({ critical }) => critical),
    allThere: ({ context }) => context.entries.every(({ entry }) => context.outcomes[entry] !== undefined),
    allPrepared: ({ context }) => context.next === context.entries.length,
    someFailed: ({ context }) => failedEntries(context).length > 0,
    nextFailed: ({ context }) => hasKey(context.outcomes[context.next], 'problem'),
    nextThere: ({ context }) => hasKey(context.outcomes[context.next], 'attachment'),
    /** What is created for another entry, before the next commands or while they run, may get something written on it by them. */
    mayTouchOthers: ({ context }) =>
      entryNext(context).lines.length > 0 &&
      context.entries.some(({ sources, entry }) => sources.includes('c') && entry !== context.next),
    /** Every line of it ran, and succeeded. */
    prepared: ({ context }, { results }: { results: CommandResult[] }) =>
      results.length === entryNext(context).lines.length && results.every(({ succeeded }) => succeeded),
  },
}).createMachine({
  id: 'volumes',
  context: ({ input }) => ({
    ...input,
    attachments: [],
    results: [],
    failures: [],
    unfinished: [],
    outcomes: {},
    next: 0,
    finishing: false,
  }),
  entry: 'spawnVolumes',
  on: {
    'step.finish': { actions: 'beFinishing' },
    'xstate.done.actor.volume.*': {
      actions: {
        type: 'keepOutcome',
        params: ({ event }) => ({ entry: entryOf(event.actorId), outcome: event.output }),
      },
    },
    'xstate.error.actor.volume.*': {
      actions: {
        type: 'keepOutcome',
        params: ({ event }) => ({ entry: entryOf(event.actorId), outcome: { problem: messageOf(event.error) } }),
      },
    },
  },
  initial: 'gathering',
  states: {
    gathering: {
      always: [
        { guard: 'brokenOff', target: 'joining' },
        { guard: and(['allPrepared', 'someFailed']), target: 'giving-back' },
        { guard: 'allPrepared', target: 'ended' },
        { guard: 'nextFailed', target: 'gathering', actions: 'goOn' },
        { guard: and(['nextThere', 'mayTouchOthers']), target: 'noting-commands' },
        { guard: 'nextThere', target: 'preparing' },
      ],
    },

    // Written down before they run: a volume with somebody's data on it is not deleted any more.
    'noting-commands': {
      on: { 'step.finish': { actions: ['beFinishing', 'finishVolumes'] } },
      invoke: {
        src: 'noteCommands',
        input: ({ context }) => volumeNext(context),
        onDone: [{ guard: 'brokenOff', target: 'gathering' }, { target: 'preparing' }],
        onError: { target: 'gathering', actions: [failNext(), 'goOn'] },
      },
    },

    preparing: {
      on: {
        'step.finish': { actions: ['beFinishing', 'finishVolumes', sendTo('commands', { type: 'step.finish' })] },
      },
      invoke: {
        id: 'commands',
        src: 'runCommands',
        input: ({ context }) => commandsOf(context),
        onDone: [
          { guard: isPrepared(), target: 'noting', actions: keepResults() },
          { target: 'gathering', actions: [keepResults(), 'goOn'] },
        ],
        onError: { target: 'gathering', actions: [failNext(), 'goOn'] },
      },
    },

    // Written down before anything else: a crash from here on must not have it formatted again.
    noting: {
      on: { 'step.finish': { actions: ['beFinishing', 'finishVolumes'] } },
      invoke: {
        src: 'notePrepared',
        input: ({ context }) => volumeNext(context),
        onDone: { target: 'gathering', actions: 'goOn' },
        onError: [
          { guard: ({ context, event }) => isPassing(event.error) && !context.finishing, target: 'noting-again' },
          { target: 'gathering', actions: [failNext(), 'goOn'] },
        ],
      },
    },

    // A full quota is no reason to throw a prepared volume away.
    'noting-again': {
      on: { 'step.finish': { target: 'gathering', actions: 'beFinishing' } },
      after: { notingPause: 'noting' },
    },

    // What is attaching is let finish, so that roll-back knows of all there is.
    joining: {
      entry: 'finishVolumes',
      always: { guard: 'allThere', target: 'ended' },
    },

    // The domain goes on without these: they give back only themselves (5.4).
    'giving-back': {
      on: { 'step.finish': { actions: sendTo('giving-back', { type: 'step.finish' }) } },
      invoke: {
        id: 'giving-back',
        src: 'giveBack',
        input: ({ context }) => partOf(context),
        onDone: {
          target: 'ended',
          actions: { type: 'keepGivenBack', params: ({ event }) => ({ outcome: event.output }) },
        },
        onError: {
          target: 'ended',
          actions: { type: 'failGivingBack', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },

    ended: { type: 'final' },
  },
  output: ({ context: { attachments, results, failures, unfinished } }) => ({
    attachments,
    results,
    failures,
    unfinished,
  }),
});

function isPrepared() {
  return {
    type: 'prepared',
    params: ({ event }: { event: { output: CommandResult[] } }) => ({ results: event.output }),
  } as const;
}

function keepResults() {
  return {
    type: 'keepResults',
    params: ({ event }: { event: { output: CommandResult[] } }) => ({ results: event.output }),
  } as const;
}

function failNext() {
  return {
    type: 'failNext',
    params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }),
  } as const;
}

/** What an outcome adds; one that was only asked for is no failure of the volume. */
function whatIsNew(context: VolumesContext, entry: number, outcome: VolumeOutcome): Partial<VolumesOutcome> {
  if ('attachment' in outcome) return { attachments: [...context.attachments, outcome.attachment] };
  const failure = failureOf(context, entry, outcome.problem);
  return outcome.asked
    ? { unfinished: [...context.unfinished, failure] }
    : { failures: [...context.failures, failure] };
}

function commandsOf({ occasion, entries, outcomes, next, untilMs }: VolumesContext): CommandsInput {
  const outcome = outcomes[next];
  return {
    occasion: outcome && 'attachment' in outcome ? { ...occasion, attachment: outcome.attachment } : occasion,
    lines: entries[next]?.lines ?? [],
    endAtFailure: true,
    untilMs,
  };
}

function volumeNext(context: VolumesContext): VolumeOfDomain {
  const outcome = context.outcomes[context.next];
  if (outcome === undefined || !('attachment' in outcome)) throw new Error(`volume ${context.next} is not there`);
  return { domain: context.occasion.domain, attachment: outcome.attachment };
}

function entryNext({ entries, next }: VolumesContext): VolumeEntry {
  const entry = entries[next];
  if (entry === undefined) throw new Error(`there is no volume ${next}`);
  return entry;
}

/** Entries that something went wrong with; what is critical among them ends the step before anybody asks. */
function failedEntries({ entries, failures }: VolumesContext): VolumeEntry[] {
  return entries.filter(({ entry }) => failures.some(({ part }) => part === partName(entry)));
}

function partOf(context: VolumesContext): GivingBackInput {
  const devices = failedEntries(context).map(({ device }) => device);
  return { reason: 'going-without', domain: context.occasion.domain, devices };
}

function failureOf({ entries }: VolumesContext, entry: number, problem: string): Failure {
  return { part: partName(entry), problem, critical: entries[entry]?.critical ?? true };
}

function partName(entry: number): string {
  return `attach-volume[${entry}]`;
}

/** `volume.3` → 3 */
function entryOf(actorId: string): number {
  return Number(actorId.slice('volume.'.length));
}

function hasKey(outcome: VolumeOutcome | undefined, key: 'attachment' | 'problem'): boolean {
  return outcome !== undefined && key in outcome;
}
