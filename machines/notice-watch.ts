/** Looks at the metadata, again and again, for the one answer that matters. */

import { assign, setup } from 'xstate';
import { BLIND_PAUSE_MS } from '../config/constants.ts';
import { messageOf } from '../config/errors.ts';
import type { InterruptionNotice, MonotonicMs } from '../config/vocabulary.ts';
import { step } from './step.ts';

export interface NoticeWatchInput {
  /** Between two looks. */
  intervalMs: number;
}

/** What a look at `spot/instance-action` gives; no notice is an answer too. */
export interface NoticeLook {
  notice?: InterruptionNotice;
  atMs: MonotonicMs;
}

export interface NoticeWatchContext extends NoticeWatchInput {
  /** Looks without an answer, one after the other. */
  missed: number;
  /** Why the last look had no answer. */
  problem?: string | undefined;
  /** When the last answer came. */
  answeredAtMs?: MonotonicMs;
}

/** What the watch tells its parent. */
export interface InterruptionNoticed {
  type: 'interruption.noticed';
  notice: InterruptionNotice;
}

export const noticeWatchSteps = { look: step<NoticeLook, void>('look') };

export const noticeWatchMachine = setup({
  types: { input: {} as NoticeWatchInput, context: {} as NoticeWatchContext },
  actors: noticeWatchSteps,
  actions: {
    /** Tells the parent; a root has none, so doing nothing is the default. */
    tell: (_, _noticed: InterruptionNoticed) => {},
    keepAnswer: assign((_, { atMs }: { atMs: MonotonicMs }) => ({ missed: 0, problem: undefined, answeredAtMs: atMs })),
    countMiss: assign(({ context }, { problem }: { problem: string }) => ({ missed: context.missed + 1, problem })),
  },
  delays: {
    interval: ({ context }) => context.intervalMs,
    /** Twice as long after each miss, but soon enough to see a notice that came meanwhile (9.4). */
    backoff: ({ context }) =>
      Math.max(context.intervalMs, Math.min(context.intervalMs * 2 ** (context.missed - 1), BLIND_PAUSE_MS)),
  },
}).createMachine({
  id: 'notice-watch',
  context: ({ input }) => ({ ...input, missed: 0 }),
  initial: 'pausing',
  states: {
    looking: {
      invoke: {
        src: 'look',
        onDone: [
          {
            guard: ({ event }) => event.output.notice !== undefined,
            target: 'noticed',
            actions: [
              { type: 'keepAnswer', params: ({ event }) => event.output },
              { type: 'tell', params: ({ event }) => noticedOf(event.output) },
            ],
          },
          { target: 'pausing', actions: { type: 'keepAnswer', params: ({ event }) => event.output } },
        ],
        onError: {
          target: 'blind',
          actions: { type: 'countMiss', params: ({ event }) => ({ problem: messageOf(event.error) }) },
        },
      },
    },
    pausing: { after: { interval: 'looking' } },
    blind: { after: { backoff: 'looking' } },
    /** One notice is all there is to tell: the supervisor ends after it. */
    noticed: { type: 'final' },
  },
});

function noticedOf({ notice }: NoticeLook): InterruptionNoticed {
  if (notice === undefined) throw new Error('a look without a notice was told as one');
  return { type: 'interruption.noticed', notice };
}
