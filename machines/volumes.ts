/** The volumes of a domain together: attached at the same time, prepared by their commands in the order written (6.8). */

import { assign, type DoneActorEvent, type ErrorActorEvent, enqueueActions, sendTo, setup } from 'xstate';
import { messageOf } from '../config/errors.ts';
import type { Attachment, CommandResult, Failure, MonotonicMs, Occasion, VolumeEntry } from '../config/vocabulary.ts';
import { type CommandsInput, commandsMachine, problemsOf } from './commands.ts';
import type { FinishStep } from './step.ts';
import { type VolumeOutcome, volumeMachine } from './volume.ts';

export interface VolumesInput {
  occasion: Occasion;
  entries: VolumeEntry[];
  /** Their commands run no longer than until then. */
  untilMs: MonotonicMs;
}

/** What the volumes ended with; a critical failure among them is the domain's. */
export interface VolumesOutcome {
  attachments: Attachment[];
  results: CommandResult[];
  failures: Failure[];
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

export const volumesSteps = { volume: volumeMachine, runCommands: commandsMachine };

export const volumesMachine = setup({
  types: {
    input: {} as VolumesInput,
    context: {} as VolumesContext,
    events: {} as VolumesEvent,
    output: {} as VolumesOutcome,
    children: {} as { [id: `volume.${number}`]: 'volume'; commands: 'runCommands' },
  },
  actors: volumesSteps,
  actions: {
    spawnVolumes: enqueueActions(({ context, enqueue }) => {
      for (const entry of context.entries) enqueue.spawnChild('volume', { id: `volume.${entry.entry}`, input: entry });
    }),
    finishVolumes: enqueueActions(({ context, enqueue }) => {
      for (const { entry } of context.entries) {
        if (context.outcomes[entry] === undefined) enqueue.sendTo(`volume.${entry}`, { type: 'step.finish' });
      }
    }),
    keepOutcome: assign(({ context }, { entry, outcome }: { entry: number; outcome: VolumeOutcome }) => ({
      outcomes: { ...context.outcomes, [entry]: outcome },
      attachments: 'attachment' in outcome ? [...context.attachments, outcome.attachment] : context.attachments,
      failures:
        'problem' in outcome ? [...context.failures, failureOf(context, entry, outcome.problem)] : context.failures,
    })),
    keepResults: assign(({ context }, { results }: { results: CommandResult[] }) => ({
      results: [...context.results, ...results],
      failures: [
        ...context.failures,
        ...problemsOf(results).map((problem) => failureOf(context, context.next, problem)),
      ],
    })),
    failCommands: assign(({ context }, { error }: { error: unknown }) => ({
      failures: [...context.failures, failureOf(context, context.next, messageOf(error))],
    })),
    goOn: assign(({ context }) => ({ next: context.next + 1 })),
    beFinishing: assign({ finishing: true }),
  },
  guards: {
    brokenOff: ({ context }) => context.finishing || context.failures.some(({ critical }) => critical),
    allThere: ({ context }) => context.entries.every(({ entry }) => context.outcomes[entry] !== undefined),
    allPrepared: ({ context }) => context.next === context.entries.length,
    nextFailed: ({ context }) => hasKey(context.outcomes[context.next], 'problem'),
    nextThere: ({ context }) => hasKey(context.outcomes[context.next], 'attachment'),
  },
}).createMachine({
  id: 'volumes',
  context: ({ input }) => ({
    ...input,
    attachments: [],
    results: [],
    failures: [],
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
        { guard: 'allPrepared', target: 'ended' },
        { guard: 'nextFailed', target: 'gathering', reenter: true, actions: 'goOn' },
        { guard: 'nextThere', target: 'preparing' },
      ],
    },

    preparing: {
      on: {
        'step.finish': { actions: ['beFinishing', 'finishVolumes', sendTo('commands', { type: 'step.finish' })] },
      },
      invoke: {
        id: 'commands',
        src: 'runCommands',
        input: ({ context }) => commandsOf(context),
        onDone: {
          target: 'gathering',
          actions: [{ type: 'keepResults', params: ({ event }) => ({ results: event.output }) }, 'goOn'],
        },
        onError: {
          target: 'gathering',
          actions: [{ type: 'failCommands', params: ({ event }) => ({ error: event.error }) }, 'goOn'],
        },
      },
    },

    // What is attaching is let finish, so that roll-back knows of all there is.
    joining: {
      entry: 'finishVolumes',
      always: { guard: 'allThere', target: 'ended' },
    },

    ended: { type: 'final' },
  },
  output: ({ context: { attachments, results, failures } }) => ({ attachments, results, failures }),
});

function commandsOf({ occasion, entries, outcomes, next, untilMs }: VolumesContext): CommandsInput {
  const outcome = outcomes[next];
  return {
    occasion: outcome && 'attachment' in outcome ? { ...occasion, attachment: outcome.attachment } : occasion,
    lines: entries[next]?.lines ?? [],
    endAtFailure: true,
    untilMs,
  };
}

function failureOf({ entries }: VolumesContext, entry: number, problem: string): Failure {
  return { part: `attach-volume[${entry}]`, problem, critical: entries[entry]?.critical ?? true };
}

/** `volume.3` → 3 */
function entryOf(actorId: string): number {
  return Number(actorId.slice('volume.'.length));
}

function hasKey(outcome: VolumeOutcome | undefined, key: 'attachment' | 'problem'): boolean {
  return outcome !== undefined && key in outcome;
}
