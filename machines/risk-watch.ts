/** Looks at what may wait a few seconds: early signs of an interruption, and where Auto Scaling wants the instance (9.1). */

import { assign, setup } from 'xstate';
import { NOTICE_MS } from '../config/constants.ts';
import { messageOf } from '../config/errors.ts';
import type { InterruptionNotice, MonotonicMs, Risk, RiskKind } from '../config/vocabulary.ts';
import type { InterruptionNoticed } from './notice-watch.ts';
import { step } from './step.ts';

export interface RiskWatchInput {
  /** Between two looks. */
  intervalMs: number;
  /** Signs that are taken as a notice (`treat-as-interruption`). */
  asNotice: RiskKind[];
  /** Keys of the signs that are known already: they are no news. */
  known: string[];
}

/** What one look shows. */
export interface SignsSeen {
  risks: Risk[];
  /** `autoscaling/target-lifecycle-state`; absent outside an Auto Scaling group. */
  lifecycleState?: string;
  atMs: MonotonicMs;
}

export interface RiskWatchContext extends Omit<RiskWatchInput, 'known'> {
  /** Keys of the signs that have been told. */
  told: string[];
  /** Why the last look had no answer. */
  problem?: string | undefined;
}

/** What the watch tells its parent. */
export type RiskNews =
  | InterruptionNoticed
  | { type: 'risk.seen'; risk: Risk }
  /** Told after every look, changed or not: the first one matters, too. */
  | { type: 'lifecycle.seen'; state: string | undefined };

export const riskWatchSteps = { lookForSigns: step<SignsSeen, void>('lookForSigns') };

export const riskWatchMachine = setup({
  types: { input: {} as RiskWatchInput, context: {} as RiskWatchContext },
  actors: riskWatchSteps,
  actions: {
    /** Tells the parent one after the other; a root has none, so doing nothing is the default. */
    tell: (_, _news: RiskNews[]) => {},
    noteTold: assign(({ context }, { risks }: SignsSeen) => ({
      told: [...new Set([...context.told, ...risks.map(({ key }) => key)])],
    })),
    keepAnswer: assign({ problem: undefined }),
    keepProblem: assign((_, { problem }: { problem: string }) => ({ problem })),
  },
  delays: { interval: ({ context }) => context.intervalMs },
}).createMachine({
  id: 'risk-watch',
  context: ({ input: { intervalMs, asNotice, known } }) => ({ intervalMs, asNotice, told: known }),
  initial: 'looking',
  states: {
    looking: {
      invoke: {
        src: 'lookForSigns',
        onDone: {
          target: 'pausing',
          actions: [
            'keepAnswer',
            { type: 'tell', params: ({ context, event }) => newsOf(context, event.output) },
            { type: 'noteTold', params: ({ event }) => event.output },
          ],
        },
        // The pause is long enough to be kind to a service that does not answer.
        onError: {
          target: 'pausing',
          actions: { type: 'keepProblem', params: ({ event }) => ({ problem: messageOf(event.error) }) },
        },
      },
    },
    pausing: { after: { interval: 'looking' } },
  },
});

function newsOf({ told, asNotice }: RiskWatchContext, { risks, lifecycleState, atMs }: SignsSeen): RiskNews[] {
  const news = risks.filter(({ key }) => !told.includes(key));
  return [
    { type: 'lifecycle.seen', state: lifecycleState },
    ...news.map(
      (risk): RiskNews =>
        asNotice.includes(risk.kind)
          ? { type: 'interruption.noticed', notice: noticeOf(risk, atMs) }
          : { type: 'risk.seen', risk },
    ),
  ];
}

/** A risk as a notice with the whole time left. When it will come true nobody knows, so that the notice names no time. */
export function noticeOf({ kind, key }: Risk, seenAtMs: MonotonicMs): InterruptionNotice {
  return { action: kind, key, leftMs: NOTICE_MS, seenAtMs };
}
