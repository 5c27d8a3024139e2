/** One notification on its way to one receiver. It never fails a domain (10.1). */

import { assign, setup } from 'xstate';
import { DELIVERY_PAUSE_MAX_MS, DELIVERY_PAUSE_MS } from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import type { DatedMessage, Occasion } from '../config/vocabulary.ts';
import { grown, jitterOf } from './pauses.ts';
import { type FinishStep, step } from './step.ts';

/** A message that is yet to be written. */
export interface MessageToCompose {
  occasion: Occasion;
  /** Which of the domain's `notify` entries, from 0. */
  receiver: number;
}

/** What there is of a message: what it is to be made of; or itself, as an earlier run has left it in the outbox. */
export type DeliveryInput = MessageToCompose | { message: DatedMessage };

export interface DeliveryContext extends Partial<MessageToCompose> {
  message?: DatedMessage;
  attempts: number;
  problem?: string | undefined;
  /** Why the message is not in the outbox; absent: it is, or is about to be. */
  unkept?: string;
  /** Why it is still there although nobody wants it any more. */
  unforgotten?: string;
  finishing: boolean;
}

/** What became of it; `problem` says why a message was not accepted. */
export interface DeliveryOutcome {
  accepted: boolean;
  problem?: string;
}

/** `outdated`: it was not sent, since what it tells is no news any more. */
export type SendOutcome = 'accepted' | 'outdated';

export const deliverySteps = {
  /** Expands subject and body, as things are when the event is told. */
  composeMessage: step<DatedMessage, MessageToCompose>('composeMessage'),
  /** Puts it into the outbox, for the next run. */
  keepMessage: step<void, { message: DatedMessage }>('keepMessage'),
  sendMessage: step<SendOutcome, { message: DatedMessage }>('sendMessage'),
  /** Takes it out of the outbox. */
  forgetMessage: step<void, { message: DatedMessage }>('forgetMessage'),
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
    keepWritten: assign((_, { message }: { message: DatedMessage }) => ({ message })),
    countAttempt: assign(({ context }) => ({ attempts: context.attempts + 1 })),
    keepProblem: assign((_, { problem }: { problem: string }) => ({ problem })),
    /** Of an earlier attempt. */
    forgetProblem: assign({ problem: undefined }),
    noteUnkept: assign((_, { problem }: { problem: string }) => ({ unkept: problem })),
    noteUnforgotten: assign((_, { problem }: { problem: string }) => ({ unforgotten: problem })),
    beFinishing: assign({ finishing: true }),
  },
  delays: {
    /** Jittered, since after an outage every instance has something to send. */
    pause: ({ context }) =>
      (0.5 + jitterOf(seedIn(context), context.attempts) / 2) *
      grown(DELIVERY_PAUSE_MS, 2, context.attempts, DELIVERY_PAUSE_MAX_MS),
  },
  guards: {
    written: ({ context }) => context.message !== undefined,
    kept: ({ context }) => context.unkept === undefined,
    outdated: (_, { outcome }: { outcome: SendOutcome }) => outcome === 'outdated',
  },
}).createMachine({
  id: 'delivery',
  context: ({ input }) => ({ ...input, attempts: 0, finishing: false }),
  on: { 'step.finish': { actions: 'beFinishing' } },
  initial: 'queued',
  states: {
    queued: { always: [{ guard: 'written', target: 'sending' }, { target: 'composing' }] },

    composing: {
      invoke: {
        src: 'composeMessage',
        input: ({ context }) => ingredientsIn(context),
        onDone: {
          target: 'keeping',
          actions: { type: 'keepWritten', params: ({ event }) => ({ message: event.output }) },
        },
        onError: { target: 'lost', actions: problemOf('keepProblem') },
      },
    },

    // Before it is sent: whoever is killed from here on leaves it to the next run (10.2). The adapter has a limit.
    keeping: {
      invoke: {
        src: 'keepMessage',
        input: ({ context }) => messageIn(context),
        onDone: 'sending',
        onError: { target: 'sending', actions: problemOf('noteUnkept') },
      },
    },

    sending: {
      entry: 'countAttempt',
      invoke: {
        src: 'sendMessage',
        input: ({ context }) => messageIn(context),
        onDone: [
          {
            guard: { type: 'outdated', params: ({ event }) => ({ outcome: event.output }) },
            target: 'dropping',
            actions: { type: 'keepProblem', params: { problem: 'it is older than 24 hours' } },
          },
          { target: 'forgetting', actions: 'forgetProblem' },
        ],
        onError: [
          {
            guard: ({ context, event }) => isPassing(event.error) && !context.finishing,
            target: 'backing-off',
            actions: problemOf('keepProblem'),
          },
          { guard: 'kept', target: 'left-behind', actions: problemOf('keepProblem') },
          { target: 'lost', actions: problemOf('keepProblem') },
        ],
      },
    },

    'backing-off': {
      // Now or not in this run.
      on: { 'step.finish': { target: 'sending', actions: 'beFinishing' } },
      after: { pause: 'sending' },
    },

    // Also what could not be kept: it may have got there late.
    forgetting: {
      invoke: {
        src: 'forgetMessage',
        input: ({ context }) => messageIn(context),
        onDone: 'accepted',
        onError: { target: 'accepted', actions: problemOf('noteUnforgotten') },
      },
    },

    dropping: {
      invoke: {
        src: 'forgetMessage',
        input: ({ context }) => messageIn(context),
        onDone: 'outdated',
        onError: { target: 'outdated', actions: problemOf('noteUnforgotten') },
      },
    },

    accepted: { type: 'final' },
    // In the outbox, for the next run.
    'left-behind': { type: 'final' },
    outdated: { type: 'final' },
    lost: { type: 'final' },
  },
  output: ({ context }) => outcomeOf(context),
});

function problemOf<const Note extends 'keepProblem' | 'noteUnkept' | 'noteUnforgotten'>(type: Note) {
  return {
    type,
    params: ({ event }: { event: { error: unknown } }) => ({ problem: messageOf(event.error) }),
  } as const;
}

function ingredientsIn({ occasion, receiver }: DeliveryContext): MessageToCompose {
  if (occasion === undefined || receiver === undefined) throw new Error('a message is to be written about nothing');
  return { occasion, receiver };
}

function messageIn({ message }: DeliveryContext): { message: DatedMessage } {
  if (message === undefined) throw new Error('a message was sent before it was composed');
  return { message };
}

/** From its id, of which no two are alike. */
function seedIn({ message }: DeliveryContext): number {
  return Number.parseInt(message?.id.slice(0, 8) ?? '0', 16) / 2 ** 32;
}

function outcomeOf({ message, problem }: DeliveryContext): DeliveryOutcome {
  return problem === undefined && message !== undefined
    ? { accepted: true }
    : { accepted: false, problem: problem ?? '' };
}
