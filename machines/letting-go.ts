/** One volume on its way back: unmounted, detached, and seen gone. Never by force (6.10). */

import { assign, setup } from 'xstate';
import { DETACHING_LIMIT_MS, DETACHING_PAUSE_MS, GIVE_BACK_ATTEMPTS } from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import type { AttachmentHold, Detached, Looked } from '../config/vocabulary.ts';
import { type FinishStep, step } from './step.ts';

/** What became of it; `kept`: it is left attached, or cannot be seen gone yet. */
export type LetGoOutcome = { kind: 'gone' } | { kind: 'kept'; problem: string };

export interface LettingGoContext {
  hold: AttachmentHold;
  /** Begun so far; a passing fault costs one. */
  attempts: number;
  /** Looks at the detachment under way: the pause before the next one grows with them. */
  looks: number;
  problem?: string;
  finishing: boolean;
  /** Whether EC2 did not show it here when it was looked for. */
  doubtful: boolean;
}

/** A disk that may have to be cleared. */
export interface DiskOfHold {
  hold: AttachmentHold;
  /** True when EC2 did not show it here: then only a disk that bears the volume's id is it, not whatever is at the device. */
  doubtful: boolean;
}

export const lettingGoSteps = {
  lookAtHold: step<Looked, AttachmentHold>('lookAtHold'),
  /** Unmounts the disk and makes sure that nobody holds it. */
  clearDisk: step<void, DiskOfHold>('clearDisk'),
  detachVolume: step<Detached, AttachmentHold>('detachVolume'),
};

export const lettingGoMachine = setup({
  types: {
    input: {} as AttachmentHold,
    context: {} as LettingGoContext,
    events: {} as FinishStep,
    output: {} as LetGoOutcome,
  },
  actors: lettingGoSteps,
  actions: {
    countAttempt: assign(({ context }) => ({ attempts: context.attempts + 1 })),
    doubt: assign({ doubtful: true }),
    trust: assign({ doubtful: false }),
    countLook: assign(({ context }) => ({ looks: context.looks + 1 })),
    keep: assign((_, { problem }: { problem: string }) => ({ problem })),
    beFinishing: assign({ finishing: true }),
  },
  delays: {
    attemptPause: ({ context }) => DETACHING_PAUSE_MS * 2 ** (context.attempts - 1),
    lookPause: ({ context }) => DETACHING_PAUSE_MS * 1.5 ** Math.min(context.looks - 1, 6),
    detachingLimit: DETACHING_LIMIT_MS,
  },
  guards: {
    finishing: ({ context }) => context.finishing,
    mayTryAgain: ({ context }, { error }: { error: unknown }) =>
      isPassing(error) && !context.finishing && context.attempts < GIVE_BACK_ATTEMPTS,
  },
}).createMachine({
  id: 'letting-go',
  context: ({ input }) => ({ hold: input, attempts: 0, looks: 0, finishing: false, doubtful: false }),
  initial: 'looking',
  on: { 'step.finish': { actions: 'beFinishing' } },
  states: {
    // A look changes nothing, so it may be cut short.
    looking: {
      entry: 'countAttempt',
      on: { 'step.finish': { target: 'ended', actions: keep('asked to end before it was detached') } },
      invoke: {
        src: 'lookAtHold',
        input: ({ context }) => context.hold,
        onDone: [
          { guard: ({ event }) => event.output.detaching === true, target: 'awaiting' },
          { guard: ({ event }) => isHere(event.output), target: 'clearing', actions: 'trust' },
          // Right after it was attached it may for a moment look as if nothing had happened. Who asks to detach it is told for sure.
          { guard: ({ event }) => event.output.kind !== 'refused', target: 'clearing', actions: 'doubt' },
          // Never to be had here: there is nothing to give back.
          { target: 'ended' },
        ],
        onError: [
          { guard: mayTryAgain(), target: 'pausing' },
          // Whoever may not look may still be allowed to detach, and that tells as well whether it was there.
          { guard: ({ event }) => !isPassing(event.error), target: 'clearing' },
          { target: 'ended', actions: keepError() },
        ],
      },
    },

    pausing: {
      on: { 'step.finish': { target: 'ended', actions: keep('asked to end before it was detached') } },
      after: { attemptPause: 'looking' },
    },

    // Never torn: a disk that is half unmounted is nobody's.
    clearing: {
      invoke: {
        src: 'clearDisk',
        input: ({ context: { hold, doubtful } }) => ({ hold, doubtful }),
        onDone: [
          { guard: 'finishing', target: 'ended', actions: keep('asked to end before it was detached') },
          { target: 'detaching' },
        ],
        onError: { target: 'ended', actions: keepError() },
      },
    },

    detaching: {
      invoke: {
        src: 'detachVolume',
        input: ({ context }) => context.hold,
        onDone: [{ guard: ({ event }) => event.output === 'accepted', target: 'awaiting' }, { target: 'ended' }],
        onError: [
          { guard: mayTryAgain(), target: 'pausing' },
          { target: 'ended', actions: keepError() },
        ],
      },
    },

    // Accepted. It is gone when it is seen gone: a disk that somebody uses stays `busy`.
    awaiting: {
      always: { guard: 'finishing', target: 'ended', actions: stillDetaching() },
      after: {
        detachingLimit: {
          target: 'ended',
          actions: keep(
            `still detaching after ${DETACHING_LIMIT_MS / 1000} s: something on this instance uses it. See lsblk and fuser`,
          ),
        },
      },
      initial: 'checking',
      states: {
        checking: {
          invoke: {
            src: 'lookAtHold',
            input: ({ context }) => context.hold,
            onDone: [
              {
                guard: ({ event }) => event.output.detaching === true || isHere(event.output),
                target: 'pausing',
                actions: 'countLook',
              },
              { target: '#letting-go.ended' },
            ],
            onError: [
              { guard: ({ event }) => isPassing(event.error), target: 'pausing', actions: 'countLook' },
              // It was accepted, and nobody can say more.
              { target: '#letting-go.ended' },
            ],
          },
        },
        pausing: { after: { lookPause: 'checking' } },
      },
    },

    ended: { type: 'final' },
  },
  output: ({ context: { problem } }): LetGoOutcome =>
    problem === undefined ? { kind: 'gone' } : { kind: 'kept', problem },
});

function keep(problem: string) {
  return { type: 'keep', params: { problem } } as const;
}

function stillDetaching() {
  return keep('asked to end while it was being detached; EC2 goes on with that');
}

function keepError() {
  return {
    type: 'keep',
    params: ({ event }: { event: { error: unknown } }) => ({ problem: messageOf(event.error) }),
  } as const;
}

function mayTryAgain() {
  return {
    type: 'mayTryAgain',
    params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }),
  } as const;
}

/** At this instance and this device: what is elsewhere is not what was taken. */
function isHere({ kind }: Looked): boolean {
  return kind === 'attached' || kind === 'attaching';
}
