/** One volume of a domain: looked for, claimed, and found as a disk. */

import { assign, setup } from 'xstate';
import { ATTACHING_LIMIT_MS, ATTACHING_PAUSE_MS, WAITING_PAUSE_MAX_MS, WAITING_PAUSE_MS } from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import type { Attachment, Claimed, Looked, VolumeEntry } from '../config/vocabulary.ts';
import { type FinishStep, step } from './step.ts';

/** What an entry ended with: an attachment, or why there is none; `asked`: only because it was asked to end. */
export type VolumeOutcome = { attachment: Attachment } | { problem: string; asked?: true };

export interface VolumeContext {
  entry: VolumeEntry;
  attachedNow: boolean;
  /** Looks in vain, one after the other: the pause before the next one grows with them. */
  looks: number;
  /** What it waits for, in words; the status shows it. */
  waitingFor?: string | undefined;
  finishing: boolean;
  path?: string;
  problem?: string;
  /** Whether the problem is only that it was asked to end. */
  asked: boolean;
}

export const volumeSteps = {
  look: step<Looked, VolumeEntry>('look'),
  claim: step<Claimed, VolumeEntry>('claim'),
  /** Gives the disk's path once its serial shows: the surest sign of an attachment, and the earliest. */
  awaitSerial: step<string, VolumeEntry>('awaitSerial'),
  /** Gives the disk's path by whatever means there is, inside a limit of its own. */
  locate: step<string, VolumeEntry>('locate'),
};

export const volumeMachine = setup({
  types: {
    input: {} as VolumeEntry,
    context: {} as VolumeContext,
    events: {} as FinishStep,
    output: {} as VolumeOutcome,
  },
  actors: volumeSteps,
  actions: {
    waitFor: assign(({ context }, { seen }: { seen: string }) => ({ waitingFor: seen, looks: context.looks + 1 })),
    stopWaiting: assign({ waitingFor: undefined, looks: 0 }),
    countLook: assign(({ context }) => ({ looks: context.looks + 1 })),
    /** Noted before the answer: one that is lost may have been a yes, and the volume still wants its first preparation. */
    noteClaim: assign({ attachedNow: true }),
    forgetClaim: assign({ attachedNow: false }),
    /** An earlier run attached it and did not get through its commands: to them it is attached just now (4.3). */
    noteUnprepared: assign(({ context }, { unprepared = false }: { unprepared: boolean | undefined }) => ({
      attachedNow: context.attachedNow || unprepared,
    })),
    keepPath: assign((_, { path }: { path: string }) => ({ path })),
    fail: assign((_, { problem }: { problem: string }) => ({ problem })),
    /** Not a failure of its own: whoever asked knows why. */
    breakOff: assign((_, { problem }: { problem: string }) => ({ problem, asked: true })),
    beFinishing: assign({ finishing: true }),
  },
  delays: {
    waitingPause: ({ context }) => Math.min(WAITING_PAUSE_MS * 1.5 ** (context.looks - 1), WAITING_PAUSE_MAX_MS),
    attachingPause: ({ context }) => ATTACHING_PAUSE_MS * 1.5 ** Math.min(context.looks - 1, 6),
    attachingLimit: ATTACHING_LIMIT_MS,
  },
  guards: { finishing: ({ context }) => context.finishing },
}).createMachine({
  id: 'volume',
  context: ({ input }) => ({ entry: input, attachedNow: false, looks: 0, finishing: false, asked: false }),
  initial: 'looking',
  states: {
    // A look changes nothing, so it may be cut short.
    looking: {
      on: { 'step.finish': { target: 'ended', actions: breakOff('asked to end before it was attached') } },
      invoke: {
        src: 'look',
        input: ({ context }) => context.entry,
        onDone: [
          {
            guard: ({ event }) => event.output.kind === 'attached',
            target: 'locating',
            actions: ['stopWaiting', noteUnprepared()],
          },
          {
            guard: ({ event }) => event.output.kind === 'attaching',
            target: 'attaching',
            actions: ['stopWaiting', noteUnprepared()],
          },
          { guard: ({ event }) => event.output.kind === 'free', target: 'claiming', actions: 'stopWaiting' },
          {
            guard: ({ event }) => event.output.kind === 'held',
            target: 'waiting',
            actions: { type: 'waitFor', params: ({ event }) => ({ seen: event.output.seen }) },
          },
          { target: 'ended', actions: { type: 'fail', params: ({ event }) => ({ problem: event.output.seen }) } },
        ],
        onError: [
          {
            guard: ({ event }) => isPassing(event.error),
            target: 'waiting',
            actions: { type: 'waitFor', params: ({ event }) => ({ seen: messageOf(event.error) }) },
          },
          { target: 'ended', actions: { type: 'fail', params: ({ event }) => ({ problem: messageOf(event.error) }) } },
        ],
      },
    },

    // Meant to last: the limit is the domain's way up, and comes as `step.finish`.
    waiting: {
      // Asked while its claim had no answer yet.
      always: { guard: 'finishing', target: 'ended', actions: breakOffWaiting() },
      on: { 'step.finish': { target: 'ended', actions: breakOffWaiting() } },
      after: { waitingPause: 'looking' },
    },

    // Never torn: an attach that was sent may take effect whether or not its answer is waited for.
    claiming: {
      entry: 'noteClaim',
      on: { 'step.finish': { actions: 'beFinishing' } },
      invoke: {
        src: 'claim',
        input: ({ context }) => context.entry,
        onDone: [
          {
            guard: ({ event }) => event.output === 'dry',
            target: 'ended',
            actions: { type: 'keepPath', params: ({ context }) => ({ path: context.entry.device }) },
          },
          {
            guard: ({ context, event }) => context.finishing && event.output === 'accepted',
            target: 'ended',
            actions: breakOff('asked to end while it was being attached'),
          },
          { guard: ({ event }) => event.output === 'accepted', target: 'attaching' },
          {
            target: 'waiting',
            actions: [
              'forgetClaim',
              {
                type: 'waitFor',
                params: ({ context }) => ({ seen: `another instance was faster to attach ${context.entry.volumeId}` }),
              },
            ],
          },
        ],
        onError: [
          {
            guard: ({ event }) => isPassing(event.error),
            target: 'waiting',
            actions: { type: 'waitFor', params: ({ event }) => ({ seen: messageOf(event.error) }) },
          },
          { target: 'ended', actions: { type: 'fail', params: ({ event }) => ({ problem: messageOf(event.error) }) } },
        ],
      },
    },

    // Accepted. The serial in sysfs and DescribeVolumes are both watched; whichever says so first will do.
    attaching: {
      on: { 'step.finish': { target: 'ended', actions: breakOff('asked to end while it was being attached') } },
      after: {
        attachingLimit: {
          target: 'ended',
          actions: fail(
            `still attaching after ${ATTACHING_LIMIT_MS / 1000} s: EC2 says so of volumes that are stuck. Detach it, or try another device name`,
          ),
        },
      },
      invoke: {
        src: 'awaitSerial',
        input: ({ context }) => context.entry,
        onDone: { target: 'ended', actions: { type: 'keepPath', params: ({ event }) => ({ path: event.output }) } },
        // Where there is no sysfs to watch, DescribeVolumes has the word.
        onError: {},
      },
      initial: 'checking',
      states: {
        checking: {
          invoke: {
            src: 'look',
            input: ({ context }) => context.entry,
            onDone: [
              { guard: ({ event }) => event.output.kind === 'attached', target: '#volume.locating' },
              // Right after AttachVolume a volume may for a moment look as if nothing had happened.
              { target: 'pausing', actions: 'countLook' },
            ],
            onError: { target: 'pausing', actions: 'countLook' },
          },
        },
        pausing: { after: { attachingPause: 'checking' } },
      },
    },

    locating: {
      on: { 'step.finish': { target: 'ended', actions: breakOff('asked to end before its disk was found') } },
      invoke: {
        src: 'locate',
        input: ({ context }) => context.entry,
        onDone: { target: 'ended', actions: { type: 'keepPath', params: ({ event }) => ({ path: event.output }) } },
        onError: {
          target: 'ended',
          actions: { type: 'fail', params: ({ event }) => ({ problem: messageOf(event.error) }) },
        },
      },
    },

    ended: { type: 'final' },
  },
  output: ({ context }) => outcomeOf(context),
});

function fail(problem: string) {
  return { type: 'fail', params: { problem } } as const;
}

function breakOff(problem: string) {
  return { type: 'breakOff', params: { problem } } as const;
}

function breakOffWaiting() {
  return {
    type: 'breakOff',
    params: ({ context }: { context: VolumeContext }) => ({ problem: `no longer waited for: ${context.waitingFor}` }),
  } as const;
}

function noteUnprepared() {
  return {
    type: 'noteUnprepared',
    params: ({ event }: { event: { output: Looked } }) => ({ unprepared: event.output.unprepared }),
  } as const;
}

function outcomeOf({ entry, path, problem, attachedNow, asked }: VolumeContext): VolumeOutcome {
  if (path === undefined) return { problem: problem ?? 'it ended without a word', ...(asked ? { asked } : {}) };
  const { volumeId, device } = entry;
  return { attachment: { volumeId, device, path, source: 'x', attachedNow } };
}
