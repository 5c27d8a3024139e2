/** Looks at the metadata, again and again, for the one answer that matters; and, since it looks so often, for signs of a long sleep. */

import { assign, setup } from 'xstate';
import { ASLEEP_JUMP_MS, BLIND_PAUSE_MS } from '../config/constants.ts';
import { messageOf } from '../config/errors.ts';
import type { InterruptionNotice, MonotonicMs } from '../config/vocabulary.ts';
import { step } from './step.ts';

export interface NoticeWatchInput {
  /** Between two looks. */
  intervalMs: number;
  /** The key of a notice that is known already: it is no news. */
  known?: string;
}

/** What a look at `spot/instance-action` gives; no notice is an answer too. */
export interface NoticeLook {
  notice?: InterruptionNotice;
  atMs: MonotonicMs;
  /** The same moment by the wall clock, epoch milliseconds. The monotonic one stands still while the machine sleeps. */
  wallMs: number;
}

export interface NoticeWatchContext {
  intervalMs: number;
  /** Keys of the notices that have been told. */
  told: string[];
  /** Whether the last answer had a notice. */
  noticed: boolean;
  /** How far the wall clock was ahead of the monotonic one at the last answer. */
  aheadMs?: number;
  /** Looks without an answer, one after the other. */
  missed: number;
  /** Why the last look had no answer. */
  problem?: string | undefined;
  /** When the last answer came. */
  answeredAtMs?: MonotonicMs;
}

/** What the watch tells its parent. */
export type WatchNews = InterruptionNoticed | { type: 'instance.resumed' };

/** The metadata shows a notice that was not told yet. */
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
    tell: (_, _news: WatchNews) => {},
    keepAnswer: assign((_, { notice, atMs, wallMs }: NoticeLook) => ({
      noticed: notice !== undefined,
      aheadMs: wallMs - atMs,
      missed: 0,
      problem: undefined,
      answeredAtMs: atMs,
    })),
    noteTold: assign(({ context }, { notice }: NoticeLook) => ({
      told: notice ? [...context.told, notice.key] : context.told,
    })),
    countMiss: assign(({ context }, { problem }: { problem: string }) => ({ missed: context.missed + 1, problem })),
  },
  delays: {
    interval: ({ context }) => context.intervalMs,
    /** Twice as long after each miss, but soon enough to see a notice that came meanwhile (9.4). */
    backoff: ({ context }) =>
      Math.max(context.intervalMs, Math.min(context.intervalMs * 2 ** (context.missed - 1), BLIND_PAUSE_MS)),
  },
  guards: {
    newsAfterSleep: ({ context }, look: NoticeLook) => isNews(context, look) && hasJumped(context, look),
    news: ({ context }, look: NoticeLook) => isNews(context, look),
    withdrawn: ({ context }, { notice }: NoticeLook) => context.noticed && notice === undefined,
    jumped: ({ context }, look: NoticeLook) => hasJumped(context, look),
  },
}).createMachine({
  id: 'notice-watch',
  context: ({ input: { intervalMs, known } }) => ({
    intervalMs,
    told: known === undefined ? [] : [known],
    noticed: known !== undefined,
    missed: 0,
  }),
  initial: 'pausing',
  states: {
    looking: {
      invoke: {
        src: 'look',
        onDone: [
          {
            // Frozen and thawed between two looks: the sleep that this notice announces is over already.
            guard: { type: 'newsAfterSleep', params: ({ event }) => event.output },
            target: 'pausing',
            actions: [
              { type: 'keepAnswer', params: ({ event }) => event.output },
              { type: 'noteTold', params: ({ event }) => event.output },
              { type: 'tell', params: ({ event }) => noticedOf(event.output) },
              { type: 'tell', params: { type: 'instance.resumed' } },
            ],
          },
          {
            guard: { type: 'news', params: ({ event }) => event.output },
            target: 'pausing',
            actions: [
              { type: 'keepAnswer', params: ({ event }) => event.output },
              { type: 'noteTold', params: ({ event }) => event.output },
              { type: 'tell', params: ({ event }) => noticedOf(event.output) },
            ],
          },
          {
            guard: { type: 'withdrawn', params: ({ event }) => event.output },
            target: 'pausing',
            actions: [
              { type: 'keepAnswer', params: ({ event }) => event.output },
              { type: 'tell', params: { type: 'instance.resumed' } },
            ],
          },
          {
            guard: { type: 'jumped', params: ({ event }) => event.output },
            target: 'pausing',
            actions: [
              { type: 'keepAnswer', params: ({ event }) => event.output },
              { type: 'tell', params: { type: 'instance.resumed' } },
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
    // Meant to last, like all of it: a second notice may come, or the instance wake up again.
    pausing: { after: { interval: 'looking' } },
    blind: { after: { backoff: 'looking' } },
  },
});

function isNews({ told }: NoticeWatchContext, { notice }: NoticeLook): boolean {
  return notice !== undefined && !told.includes(notice.key);
}

/** The wall clock ran on while the monotonic one stood still. */
function hasJumped({ aheadMs }: NoticeWatchContext, { atMs, wallMs }: NoticeLook): boolean {
  return aheadMs !== undefined && wallMs - atMs - aheadMs > ASLEEP_JUMP_MS;
}

function noticedOf({ notice }: NoticeLook): InterruptionNoticed {
  if (notice === undefined) throw new Error('a look without a notice was told as one');
  return { type: 'interruption.noticed', notice };
}
