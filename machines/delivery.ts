/** One notification on its way to one receiver. It never fails a domain (10.1). */

import { assign, setup } from 'xstate';
import { DELIVERY_ATTEMPTS, DELIVERY_PAUSE_MAX_MS, DELIVERY_PAUSE_MS } from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import type { Occasion, OutgoingMessage } from '../config/vocabulary.ts';
import { type FinishStep, step } from './step.ts';

export interface DeliveryInput {
  occasion: Occasion;
  /** Which of the domain's `notify` entries, from 0. */
  receiver: number;
}

export interface DeliveryContext extends DeliveryInput {
  message?: OutgoingMessage;
  attempts: number;
  problem?: string | undefined;
  finishing: boolean;
}

/** What became of it; `problem` says why a message was given up. */
export interface DeliveryOutcome {
  accepted: boolean;
  problem?: string;
}

export const deliverySteps = {
  /** Expands subject and body, as things are when the event is told. */
  composeMessage: step<OutgoingMessage, DeliveryInput>('composeMessage'),
  sendMessage: step<void, { message: OutgoingMessage }>('sendMessage'),
};

export const deliveryMachine = setup({
  types: {
    input: {} as DeliveryInput,
    context: {} as DeliveryContext,
    events: {} as FinishStep,
    output: {} as DeliveryOutcome,
  },
  actors: deliverySteps,
  actions: {
    keepMessage: assign((_, { message }: { message: OutgoingMessage }) => ({ message })),
    countAttempt: assign(({ context }) => ({ attempts: context.attempts + 1 })),
    keepProblem: assign((_, { problem }: { problem: string }) => ({ problem })),
    /** Of an earlier attempt. */
    forgetProblem: assign({ problem: undefined }),
    beFinishing: assign({ finishing: true }),
  },
  delays: {
    pause: ({ context }) => Math.min(DELIVERY_PAUSE_MS * 2 ** (context.attempts - 1), DELIVERY_PAUSE_MAX_MS),
  },
}).createMachine({
  id: 'delivery',
  context: ({ input }) => ({ ...input, attempts: 0, finishing: false }),
  on: { 'step.finish': { actions: 'beFinishing' } },
  initial: 'composing',
  states: {
    composing: {
      invoke: {
        src: 'composeMessage',
        input: ({ context: { occasion, receiver } }) => ({ occasion, receiver }),
        onDone: {
          target: 'sending',
          actions: { type: 'keepMessage', params: ({ event }) => ({ message: event.output }) },
        },
        onError: { target: 'abandoned', actions: problemOf() },
      },
    },

    sending: {
      entry: 'countAttempt',
      invoke: {
        src: 'sendMessage',
        input: ({ context }) => messageIn(context),
        onDone: { target: 'accepted', actions: 'forgetProblem' },
        onError: [
          {
            guard: ({ context, event }) => mayTryAgain(context, event.error),
            target: 'backing-off',
            actions: problemOf(),
          },
          { target: 'abandoned', actions: problemOf() },
        ],
      },
    },

    'backing-off': {
      on: { 'step.finish': 'abandoned' },
      after: { pause: 'sending' },
    },

    accepted: { type: 'final' },
    abandoned: { type: 'final' },
  },
  output: ({ context }) => outcomeOf(context),
});

function problemOf() {
  return {
    type: 'keepProblem',
    params: ({ event }: { event: { error: unknown } }) => ({ problem: messageOf(event.error) }),
  } as const;
}

function mayTryAgain({ attempts, finishing }: DeliveryContext, error: unknown): boolean {
  return isPassing(error) && !finishing && attempts < DELIVERY_ATTEMPTS;
}

function messageIn({ message }: DeliveryContext): { message: OutgoingMessage } {
  if (message === undefined) throw new Error('a message was sent before it was composed');
  return { message };
}

function outcomeOf({ message, problem }: DeliveryContext): DeliveryOutcome {
  return problem === undefined && message !== undefined
    ? { accepted: true }
    : { accepted: false, problem: problem ?? '' };
}
