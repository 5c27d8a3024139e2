/** Gives back what was taken, the last first, one after the other: roll-back, release, and what an earlier run left behind. */

import { assign, sendTo, setup } from 'xstate';
import { DETACHING_PAUSE_MS, GIVE_BACK_ATTEMPTS } from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import { setOf } from '../config/record-sets.ts';
import type {
  Attachment,
  CreationHold,
  Discarded,
  Failure,
  Hold,
  RecordEntry,
  RecordSet,
  RecordSetChange,
  RecordSetHold,
  Restored,
  VolumeEntry,
} from '../config/vocabulary.ts';
import { lettingGoMachine } from './letting-go.ts';
import { type FinishStep, step } from './step.ts';

/** What shall be given back. */
export type GivingBackInput =
  /** All that a domain holds: that its runs have taken and not committed (5.2). */
  | { reason: 'roll-back'; domain: string }
  /** Of that only the volumes of these devices: a part of a domain that goes on without them (5.4). */
  | { reason: 'going-without'; domain: string; devices: string[] }
  /** What the configuration lets go at an event, whoever took it (6.10, 7.9). @see Released */
  | { reason: 'release'; domain: string; released: Released }
  /** What an earlier run held and the configuration no longer asks for (12.2). */
  | { reason: 'left-over' };

/** Volumes and records whose entries name the event. */
export interface Released {
  volumes: VolumeEntry[];
  /** The volumes that this run knows to be there; after a restart that took nothing they are looked for by their devices. */
  attachments: Attachment[];
  records: RecordEntry[];
  /** What this run wrote or found right of those records; empty after a restart that wrote nothing. */
  written: RecordSetChange[];
}

/** What was given back and what could not be, and everything that went wrong. */
export interface GivingBackOutcome {
  given: Hold[];
  kept: Hold[];
  failures: Failure[];
}

export interface GivingBackContext extends GivingBackOutcome {
  what: GivingBackInput;
  /** Still to be given back; the first is under way. */
  left: Hold[];
  /** Begun at the record set or the creation under way. */
  attempts: number;
  /** What became of the record set before. */
  restored?: Restored;
  /** What became of the creation before. */
  discarded?: Discarded;
  finishing: boolean;
}

export const givingBackSteps = {
  /** What there is to give back, in the order in which to do it. */
  listHolds: step<Hold[], GivingBackInput>('listHolds'),
  letVolumeGo: lettingGoMachine,
  /** Puts back what stood there, if what stands there now is ours. */
  restoreRecordSet: step<Restored, RecordSetHold>('restoreRecordSet'),
  /** Deletes a volume that was created, unless somebody's data may be on it (6.10). */
  discardVolume: step<Discarded, CreationHold>('discardVolume'),
  /** Takes it from the journal. */
  dropHold: step<void, Hold>('dropHold'),
};

export const givingBackMachine = setup({
  types: {
    input: {} as GivingBackInput,
    context: {} as GivingBackContext,
    events: {} as FinishStep,
    output: {} as GivingBackOutcome,
  },
  actors: givingBackSteps,
  actions: {
    keepList: assign((_, { holds }: { holds: Hold[] }) => ({ left: holds })),
    keepHold: assign(({ context }, { problem }: { problem: string }) => ({
      kept: [...context.kept, ...context.left.slice(0, 1)],
      failures: [...context.failures, failureOf(context, problem)],
    })),
    /** Why it is kept has been said of the attachment. */
    keepWithAttachment: assign(({ context }) => ({ kept: [...context.kept, ...context.left.slice(0, 1)] })),
    keepRest: assign(({ context }) => ({
      kept: [...context.kept, ...context.left],
      failures: [...context.failures, ...restOf(context)],
    })),
    fail: assign(({ context }, { problem }: { problem: string }) => ({
      failures: [...context.failures, failureOf(context, problem)],
    })),
    keepRestored: assign((_, { restored }: { restored: Restored }) => ({ restored })),
    keepDiscarded: assign((_, { discarded }: { discarded: Discarded }) => ({ discarded })),
    noteGiven: assign(({ context }) => ({ given: [...context.given, ...context.left.slice(0, 1)] })),
    goOn: assign(({ context }) => ({ left: context.left.slice(1), attempts: 0 })),
    countAttempt: assign(({ context }) => ({ attempts: context.attempts + 1 })),
    beFinishing: assign({ finishing: true }),
  },
  delays: { attemptPause: ({ context }) => DETACHING_PAUSE_MS * 2 ** (context.attempts - 1) },
  guards: {
    finishing: ({ context }) => context.finishing,
    none: ({ context }) => context.left.length === 0,
    volumeNext: ({ context }) => context.left[0]?.kind === 'attachment',
    creationNext: ({ context }) => context.left[0]?.kind === 'creation',
    /** The volume could not be detached, so it cannot be deleted either. */
    staysAttached: ({ context: { left, kept } }) =>
      left[0]?.kind === 'creation' && left[0].volumeId !== undefined && hasVolume(kept, left[0].volumeId),
    mayTryAgain: ({ context }, { error }: { error: unknown }) =>
      isPassing(error) && !context.finishing && context.attempts < GIVE_BACK_ATTEMPTS,
  },
}).createMachine({
  id: 'giving-back',
  context: ({ input }) => ({
    what: input,
    left: [],
    given: [],
    kept: [],
    failures: [],
    attempts: 0,
    finishing: false,
  }),
  initial: 'listing',
  on: { 'step.finish': { actions: 'beFinishing' } },
  states: {
    listing: {
      invoke: {
        src: 'listHolds',
        input: ({ context }) => context.what,
        onDone: {
          target: 'choosing',
          actions: { type: 'keepList', params: ({ event }) => ({ holds: event.output }) },
        },
        onError: { target: 'ended', actions: failed() },
      },
    },

    choosing: {
      always: [
        { guard: 'none', target: 'ended' },
        { guard: 'finishing', target: 'ended', actions: 'keepRest' },
        { guard: 'volumeNext', target: 'letting-go' },
        { guard: 'staysAttached', target: 'choosing', actions: ['keepWithAttachment', 'goOn'] },
        { guard: 'creationNext', target: 'discarding' },
        { target: 'restoring' },
      ],
    },

    'letting-go': {
      on: { 'step.finish': { actions: ['beFinishing', sendTo('volume', { type: 'step.finish' })] } },
      invoke: {
        id: 'volume',
        src: 'letVolumeGo',
        input: ({ context }) => nextOf(context, 'attachment'),
        onDone: [
          {
            guard: ({ event }) => event.output.kind === 'kept',
            target: 'choosing',
            actions: [
              {
                type: 'keepHold',
                params: ({ event }) => ({ problem: 'problem' in event.output ? event.output.problem : '' }),
              },
              'goOn',
            ],
          },
          { target: 'dropping' },
        ],
        onError: { target: 'choosing', actions: [keptBy(), 'goOn'] },
      },
    },

    // Never torn: a change that was sent may take effect whether or not its answer is waited for.
    restoring: {
      entry: 'countAttempt',
      invoke: {
        src: 'restoreRecordSet',
        input: ({ context }) => nextOf(context, 'record-set'),
        // No longer ours is as good as given back: somebody else decides about it now.
        onDone: {
          target: 'dropping',
          actions: { type: 'keepRestored', params: ({ event }) => ({ restored: event.output }) },
        },
        onError: [
          {
            guard: { type: 'mayTryAgain', params: ({ event }) => ({ error: event.error }) },
            target: 'pausing',
          },
          { target: 'choosing', actions: [keptBy(), 'goOn'] },
        ],
      },
    },

    // Never torn either.
    discarding: {
      entry: 'countAttempt',
      invoke: {
        src: 'discardVolume',
        input: ({ context }) => nextOf(context, 'creation'),
        onDone: {
          target: 'dropping',
          actions: { type: 'keepDiscarded', params: ({ event }) => ({ discarded: event.output }) },
        },
        onError: [
          {
            guard: { type: 'mayTryAgain', params: ({ event }) => ({ error: event.error }) },
            target: 'pausing',
          },
          { target: 'choosing', actions: [keptBy(), 'goOn'] },
        ],
      },
    },

    pausing: {
      on: { 'step.finish': { target: 'choosing', actions: 'beFinishing' } },
      after: { attemptPause: [{ guard: 'creationNext', target: 'discarding' }, { target: 'restoring' }] },
    },

    dropping: {
      entry: 'noteGiven',
      invoke: {
        src: 'dropHold',
        input: ({ context }) => nextOf(context),
        onDone: { target: 'choosing', actions: 'goOn' },
        // It is given back all the same; the next run finds nothing to do about it.
        onError: { target: 'choosing', actions: [failed(), 'goOn'] },
      },
    },

    ended: { type: 'final' },
  },
  output: ({ context: { given, kept, failures } }) => ({ given, kept, failures }),
});

function failed() {
  return {
    type: 'fail',
    params: ({ event }: { event: { error: unknown } }) => ({ problem: messageOf(event.error) }),
  } as const;
}

function keptBy() {
  return {
    type: 'keepHold',
    params: ({ event }: { event: { error: unknown } }) => ({ problem: messageOf(event.error) }),
  } as const;
}

function nextOf(context: GivingBackContext): Hold;
function nextOf<Kind extends Hold['kind']>(context: GivingBackContext, kind: Kind): Extract<Hold, { kind: Kind }>;
function nextOf({ left }: GivingBackContext, kind?: Hold['kind']): Hold {
  const [next] = left;
  if (next === undefined || (kind !== undefined && next.kind !== kind))
    throw new Error(`there is no ${kind} to give back`);
  return next;
}

/** Never critical: what is left goes on all the same (5.7). */
function failureOf({ what, left: [hold] }: GivingBackContext, problem: string): Failure {
  return { part: what.reason, problem: hold ? `${nameOf(hold)}: ${problem}` : problem, critical: false };
}

function restOf({ what, left }: GivingBackContext): Failure[] {
  return left.map((hold) => failureOf({ what, left: [hold] } as GivingBackContext, 'not given back: no time was left'));
}

/** For example `game.example.com. A`, and `game.example.com. A of i-0abc` of one among several. */
export function nameOfSet({ name, type, setIdentifier }: RecordSet): string {
  return `${name} ${type}${setIdentifier === undefined ? '' : ` of ${setIdentifier}`}`;
}

/** For example `vol-0abc at /dev/sdf`, `game.example.com. A`, or `the creation of vol-0abc for /dev/sdf`. */
export function nameOf(hold: Hold): string {
  switch (hold.kind) {
    case 'attachment':
      return `${hold.volumeId} at ${hold.device}`;
    case 'creation':
      return `the creation of ${hold.volumeId ?? 'a volume'} for ${hold.device}`;
    case 'record-set':
      return nameOfSet(setOf(hold));
  }
}

/** Whether a volume is among them. */
export function hasVolume(holds: Hold[], volumeId: string): boolean {
  return holds.some((hold) => hold.kind === 'attachment' && hold.volumeId === volumeId);
}
