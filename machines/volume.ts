/** One volume of a domain: looked for in its sources, waited for or created, claimed, and found as a disk. */

import { and, assign, enqueueActions, setup } from 'xstate';
import {
  ATTACHING_LIMIT_MS,
  ATTACHING_PAUSE_MS,
  CREATING_LIMIT_MS,
  CREATION_ATTEMPTS,
  CREATION_PAUSE_MS,
  CREATION_UNSEEN_MS,
} from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import type {
  Claimed,
  Created,
  Looked,
  SourceLooked,
  VolumeEntry,
  VolumeSource,
  VolumeTarget,
} from '../config/vocabulary.ts';
import { step } from './step.ts';
import {
  createsAnyway,
  type HereLooked,
  inOrder,
  inVain,
  isBorne,
  mayCreate,
  outcomeOf,
  type Pause,
  pauseOf,
  sourceNow,
  type TargetInput,
  targetOf,
  type VolumeContext,
  type VolumeEvent,
  type VolumeOutcome,
} from './volume-context.ts';

export type { HereLooked, TargetInput, VolumeContext, VolumeEvent, VolumeOutcome } from './volume-context.ts';

export const volumeSteps = {
  /** What is at the entry's device already, whichever source it came from, and what an earlier run began to create for it. */
  lookHere: step<HereLooked, VolumeEntry>('lookHere'),
  /** What one source has; of `c`, a volume that was created for this entry and never used (6.6). */
  lookAtSource: step<SourceLooked, { entry: VolumeEntry; source: VolumeSource }>('lookAtSource'),
  create: step<Created, { entry: VolumeEntry; attempt: number }>('create'),
  claim: step<Claimed, TargetInput>('claim'),
  /** How the volume is now. */
  look: step<Looked, TargetInput>('look'),
  /** Gives the disk's path once its serial shows: the surest sign of an attachment, and the earliest. */
  awaitSerial: step<string, TargetInput>('awaitSerial'),
  /** Gives the disk's path by whatever means there is, inside a limit of its own. */
  locate: step<string, TargetInput>('locate'),
};

export const volumeMachine = setup({
  types: {
    input: {} as VolumeEntry,
    context: {} as VolumeContext,
    events: {} as VolumeEvent,
    output: {} as VolumeOutcome,
  },
  actors: volumeSteps,
  actions: {
    startWait: enqueueActions(({ context: { entry }, enqueue }) => {
      const delay = entry.waitMs ?? entry.patienceMs;
      if (delay === undefined) return;
      if (delay === 0) enqueue.assign({ waitOver: true });
      else enqueue.raise({ type: 'wait.over' }, { id: 'wait', delay });
    }),
    endWait: assign({ waitOver: true }),
    beginRound: assign({ turn: 0, held: {}, missing: {} }),
    noteNothingHere: assign({ nothingHere: true }),
    goOn: assign(({ context }) => ({ turn: context.turn + 1 })),
    noteHeld: assign(({ context }, { seen }: { seen: string }) => ({
      held: { ...context.held, [sourceNow(context)]: seen },
    })),
    noteMissing: assign(({ context }, { seen }: { seen: string }) => ({
      missing: { ...context.missing, [sourceNow(context)]: seen },
    })),
    waitFor: assign(({ context }, { pause, seen }: { pause: Pause; seen: string }) => ({
      waitingFor: seen,
      pausesFor: pause,
      pauses: context.pausesFor === pause ? context.pauses + 1 : 1,
    })),
    countLook: assign(({ context }) => ({ looks: context.looks + 1 })),
    expectToShow: assign({ mustShow: true }),
    aimAt: assign((_, { target }: { target: VolumeTarget | undefined }) =>
      target ? { target, attachedNow: target.unprepared, looks: 0, waitingFor: undefined } : {},
    ),
    beCreating: assign(({ context }, { attempt }: { attempt?: number }) => ({
      creating: true,
      mustShow: false,
      attempt: attempt ?? context.attempt,
      waitingFor: undefined,
    })),
    raiseAttempt: assign(({ context }) => ({ attempt: context.attempt + 1 })),
    stopCreating: assign({ creating: false }),
    /** Noted before the answer: one that is lost may have been a yes, and then it is here, and wants its first preparation. */
    noteClaim: assign(({ context }) => ({ attachedNow: context.target?.preparedBefore !== true, nothingHere: false })),
    keepPath: assign((_, { path }: { path: string }) => ({ path })),
    fail: assign((_, { problem }: { problem: string }) => ({ problem })),
    /** Not a failure of its own: whoever asked knows why. */
    breakOff: assign((_, { problem }: { problem: string }) => ({ problem, asked: true })),
    beFinishing: assign({ finishing: true }),
  },
  delays: {
    pause: ({ context }) => pauseOf(context),
    lookPause: ({ context }) => ATTACHING_PAUSE_MS * 1.5 ** Math.min(context.looks - 1, 6),
    creationPause: ({ context }) => CREATION_PAUSE_MS * 1.5 ** Math.min(context.looks - 1, 6),
    attachingLimit: ATTACHING_LIMIT_MS,
    creatingLimit: CREATING_LIMIT_MS,
    unseenLimit: CREATION_UNSEEN_MS,
  },
  guards: {
    finishing: ({ context }) => context.finishing,
    creating: ({ context }) => context.creating,
    /** With one source that finds what is attached here by itself, nothing else can be there for this entry. */
    mayBeHere: ({ context: { nothingHere, entry } }) =>
      !nothingHere && (entry.sources.length > 1 || entry.sources.includes('c')),
    isOver: ({ context }) => context.turn >= context.entry.sources.length,
    skipsCreation: ({ context }) => sourceNow(context) === 'c' && !mayCreate(context),
    createsNow: ({ context }) => sourceNow(context) === 'c',
    waits: ({ context }) => Object.keys(context.held).length > 0 && !context.waitOver,
    hasHadEnough: ({ context }) => context.waitOver && !isBorne(context),
    mayAskAnew: ({ context }) => context.attempt < CREATION_ATTEMPTS,
    mustShow: ({ context }) => context.mustShow,
  },
}).createMachine({
  id: 'volume',
  context: ({ input }) => ({
    entry: input,
    turn: 0,
    held: {},
    missing: {},
    nothingHere: false,
    waitOver: false,
    pauses: 0,
    attempt: 1,
    creating: false,
    mustShow: false,
    attachedNow: false,
    looks: 0,
    finishing: false,
    asked: false,
  }),
  entry: 'startWait',
  on: { 'wait.over': { actions: 'endWait' } },
  initial: 'beginning',
  states: {
    // A round of the sources, in the order written.
    beginning: {
      entry: 'beginRound',
      always: [
        { guard: 'creating', target: 'creating' },
        { guard: 'mayBeHere', target: 'looking-here' },
        { target: 'looking' },
      ],
    },

    // What is there is ours or a stranger's; before anything is claimed, that has to be known (6.2).
    'looking-here': {
      on: { 'step.finish': { target: 'ended', actions: breakOff('asked to end before it was attached') } },
      invoke: {
        src: 'lookHere',
        input: ({ context }) => context.entry,
        onDone: [
          {
            guard: ({ event }) => event.output.kind === 'creating',
            target: 'creating',
            actions: {
              type: 'beCreating',
              params: ({ event }) => ('attempt' in event.output ? { attempt: event.output.attempt } : {}),
            },
          },
          { guard: isKind('attached'), target: 'locating', actions: aimAtSeen() },
          { guard: isKind('attaching'), target: 'attaching', actions: aimAtSeen() },
          { guard: isKind('held'), target: 'waiting', actions: waitForSeen('held') },
          { guard: isKind('refused'), target: 'ended', actions: failAsSeen() },
          { target: 'looking', actions: 'noteNothingHere' },
        ],
        onError: [
          { guard: isFault(), target: 'waiting', actions: waitForFault() },
          { target: 'ended', actions: failBy() },
        ],
      },
    },

    // The next source, if there is one that may have its turn.
    choosing: {
      always: [
        { guard: and(['isOver', 'waits']), target: 'waiting', actions: waitForHeld() },
        { guard: 'isOver', target: 'ended', actions: failInVain() },
        { guard: 'skipsCreation', target: 'choosing', actions: 'goOn' },
        { target: 'looking' },
      ],
    },

    // A look changes nothing, so it may be cut short.
    looking: {
      on: { 'step.finish': { target: 'ended', actions: breakOff('asked to end before it was attached') } },
      invoke: {
        src: 'lookAtSource',
        input: ({ context }) => ({ entry: context.entry, source: sourceNow(context) }),
        onDone: [
          { guard: isKind('attached'), target: 'locating', actions: aimAtSeen() },
          { guard: isKind('attaching'), target: 'attaching', actions: aimAtSeen() },
          { guard: isKind('free'), target: 'claiming', actions: aimAtSeen() },
          // It is ours and on its way out: nothing else fits there before it is gone.
          { guard: ({ event }) => event.output.detaching === true, target: 'waiting', actions: waitForSeen('held') },
          {
            guard: ({ context, event }) => event.output.kind === 'held' && !createsAnyway(context),
            target: 'choosing',
            actions: [noteHeld(), 'goOn'],
          },
          { guard: isKind('refused'), target: 'ended', actions: failAsSeen() },
          { guard: 'createsNow', target: 'creating', actions: { type: 'beCreating', params: {} } },
          { target: 'choosing', actions: [noteMissing(), 'goOn'] },
        ],
        // What is not known for a moment is no reason to try something else, least of all to create (6.3).
        onError: [
          { guard: isFault(), target: 'waiting', actions: waitForFault() },
          { target: 'ended', actions: failBy() },
        ],
      },
    },

    waiting: {
      always: [
        // Asked while a change had no answer yet.
        { guard: 'finishing', target: 'ended', actions: breakOffWaiting() },
        { guard: 'hasHadEnough', target: 'ended', actions: failWaiting() },
      ],
      on: {
        'step.finish': { target: 'ended', actions: breakOffWaiting() },
        'wait.over': { target: 'beginning', actions: 'endWait' },
      },
      after: { pause: 'beginning' },
    },

    // Never torn: a request that was sent may take effect whether or not its answer is waited for.
    creating: {
      on: { 'step.finish': { actions: 'beFinishing' } },
      invoke: {
        src: 'create',
        input: ({ context: { entry, attempt } }) => ({ entry, attempt }),
        onDone: [
          {
            guard: ({ event }) => event.output === 'dry',
            target: 'ended',
            actions: [
              aimAt({ volumeId: '', source: 'c', unprepared: true }),
              { type: 'keepPath', params: ({ context }) => ({ path: context.entry.device }) },
            ],
          },
          { guard: ({ event }) => event.output === 'used-up', target: 'asking-anew' },
          {
            guard: 'finishing',
            target: 'ended',
            actions: breakOff('asked to end while it was being created'),
          },
          {
            target: 'awaiting-creation',
            actions: {
              type: 'aimAt',
              params: ({ event }) => ({
                target:
                  typeof event.output === 'object'
                    ? { volumeId: event.output.volumeId, source: 'c', unprepared: true }
                    : undefined,
              }),
            },
          },
        ],
        onError: [
          { guard: isFault(), target: 'waiting', actions: waitForFault() },
          { target: 'ended', actions: failBy() },
        ],
      },
    },

    // The request gave nothing that can be used: the next number is another request (6.6).
    'asking-anew': {
      always: [
        { guard: 'finishing', target: 'ended', actions: breakOff('asked to end while it was being created') },
        { guard: 'mayAskAnew', target: 'creating', actions: ['raiseAttempt', { type: 'beCreating', params: {} }] },
        { target: 'ended', actions: failUsedUp() },
      ],
    },

    'awaiting-creation': {
      on: { 'step.finish': { target: 'ended', actions: breakOff('asked to end while it was being created') } },
      after: {
        creatingLimit: {
          target: 'ended',
          actions: fail(`still creating after ${CREATING_LIMIT_MS / 1000} s. Look at the volume in the EC2 console`),
        },
        // Not to have been able to look is no answer: only a look that does not show it is one.
        unseenLimit: { actions: 'expectToShow' },
      },
      initial: 'checking',
      states: {
        checking: {
          invoke: {
            src: 'look',
            input: ({ context }) => targetOf(context),
            onDone: [
              { guard: isKind('free'), target: '#volume.claiming' },
              { guard: isKind('attached'), target: '#volume.locating' },
              { guard: isKind('attaching'), target: '#volume.attaching' },
              { guard: isKind('refused'), target: '#volume.ended', actions: failAsSeen() },
              { guard: isKind('held'), target: 'pausing', actions: ['expectToShow', 'countLook'] },
              { guard: 'mustShow', target: '#volume.asking-anew' },
              // EC2 may need some seconds to show what it has just made.
              { target: 'pausing', actions: 'countLook' },
            ],
            onError: [
              { guard: isFault(), target: 'pausing', actions: 'countLook' },
              { target: '#volume.ended', actions: failBy() },
            ],
          },
        },
        pausing: { after: { creationPause: 'checking' } },
      },
    },

    // Never torn: an attach that was sent may take effect whether or not its answer is waited for.
    claiming: {
      entry: 'noteClaim',
      on: { 'step.finish': { actions: 'beFinishing' } },
      invoke: {
        src: 'claim',
        input: ({ context }) => targetOf(context),
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
          // What was created is somebody else's by now; the next one is another request.
          {
            guard: and(['creating', 'mayAskAnew']),
            target: 'waiting',
            actions: ['stopCreating', 'raiseAttempt', waitForLost()],
          },
          { guard: 'creating', target: 'ended', actions: failUsedUp() },
          { target: 'waiting', actions: waitForLost() },
        ],
        onError: [
          { guard: isFault(), target: 'waiting', actions: waitForFault() },
          { target: 'ended', actions: failBy() },
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
        input: ({ context }) => targetOf(context),
        onDone: { target: 'ended', actions: { type: 'keepPath', params: ({ event }) => ({ path: event.output }) } },
        // Where there is no sysfs to watch, DescribeVolumes has the word.
        onError: {},
      },
      initial: 'checking',
      states: {
        checking: {
          invoke: {
            src: 'look',
            input: ({ context }) => targetOf(context),
            onDone: [
              { guard: isKind('attached'), target: '#volume.locating' },
              // Right after AttachVolume a volume may for a moment look as if nothing had happened.
              { target: 'pausing', actions: 'countLook' },
            ],
            onError: { target: 'pausing', actions: 'countLook' },
          },
        },
        pausing: { after: { lookPause: 'checking' } },
      },
    },

    locating: {
      on: { 'step.finish': { target: 'ended', actions: breakOff('asked to end before its disk was found') } },
      invoke: {
        src: 'locate',
        input: ({ context }) => targetOf(context),
        onDone: { target: 'ended', actions: { type: 'keepPath', params: ({ event }) => ({ path: event.output }) } },
        onError: { target: 'ended', actions: failBy() },
      },
    },

    ended: { type: 'final' },
  },
  output: ({ context }) => outcomeOf(context),
});

// --- Actions and guards by name and parameter ------------------------------------------------------------------------

function isKind(kind: HereLooked['kind']) {
  return ({ event }: { event: { output: { kind: string } } }) => event.output.kind === kind;
}

function isFault() {
  return ({ event }: { event: { error: unknown } }) => isPassing(event.error);
}

function aimAt(target: VolumeTarget) {
  return { type: 'aimAt', params: { target } } as const;
}

function aimAtSeen() {
  return {
    type: 'aimAt',
    params: ({ event }: { event: { output: HereLooked } }) => ({
      target: 'target' in event.output ? event.output.target : undefined,
    }),
  } as const;
}

function noteHeld() {
  return {
    type: 'noteHeld',
    params: ({ event }: { event: { output: Looked } }) => ({ seen: event.output.seen }),
  } as const;
}

function noteMissing() {
  return {
    type: 'noteMissing',
    params: ({ event }: { event: { output: Looked } }) => ({ seen: event.output.seen }),
  } as const;
}

function waitForSeen(pause: Pause) {
  return {
    type: 'waitFor',
    params: ({ event }: { event: { output: { seen: string } } }) => ({ pause, seen: event.output.seen }),
  } as const;
}

function waitForHeld() {
  return {
    type: 'waitFor',
    params: ({ context }: { context: VolumeContext }) => ({
      pause: 'held' as const,
      seen: inOrder(context, context.held),
    }),
  } as const;
}

function waitForLost() {
  return {
    type: 'waitFor',
    params: ({ context }: { context: VolumeContext }) => ({
      pause: 'lost' as const,
      seen: `somebody else was faster to attach ${context.target?.volumeId}`,
    }),
  } as const;
}

function waitForFault() {
  return {
    type: 'waitFor',
    params: ({ event }: { event: { error: unknown } }) => ({ pause: 'fault' as const, seen: messageOf(event.error) }),
  } as const;
}

function fail(problem: string) {
  return { type: 'fail', params: { problem } } as const;
}

function failBy() {
  return {
    type: 'fail',
    params: ({ event }: { event: { error: unknown } }) => ({ problem: messageOf(event.error) }),
  } as const;
}

function failAsSeen() {
  return {
    type: 'fail',
    params: ({ event }: { event: { output: { seen: string } } }) => ({ problem: event.output.seen }),
  } as const;
}

function failWaiting() {
  return {
    type: 'fail',
    params: ({ context }: { context: VolumeContext }) => ({ problem: `given up: ${context.waitingFor}` }),
  } as const;
}

function failInVain() {
  return { type: 'fail', params: ({ context }: { context: VolumeContext }) => ({ problem: inVain(context) }) } as const;
}

function failUsedUp() {
  return fail(
    `EC2 accepted ${CREATION_ATTEMPTS} requests for a new volume, and each time it was gone before it could be attached. Check the snapshot and the KMS key that it is made with, and who else uses its tags`,
  );
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
