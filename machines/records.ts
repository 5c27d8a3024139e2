/** A domain's records: addresses first, then what stands there, then one change for what differs. */

import { assign, raise, setup } from 'xstate';
import {
  ADDRESS_LIMIT_MS,
  ADDRESS_PAUSE_MS,
  RECORDS_LIMIT_MS,
  RECORDS_PAUSE_MAX_MS,
  RECORDS_PAUSE_MS,
} from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import type { Failure, PublicAddresses, RecordEntry, RecordSetChange } from '../config/vocabulary.ts';
import { type FinishStep, step } from './step.ts';

export interface RecordsInput {
  domain: string;
  records: RecordEntry[];
}

/** What one attempt gave; `passing`: trying again may give more. */
export interface RecordsAttempt {
  changes: RecordSetChange[];
  failures: Failure[];
  passing: boolean;
}

/** What the records ended with; a critical failure among them is the domain's. */
export interface RecordsOutcome extends Omit<RecordsAttempt, 'passing'> {
  /** What was still to be done when the step was asked to end: news only for whoever asked because time was over. */
  unfinished: Failure[];
}

export interface RecordsContext extends RecordsInput, RecordsOutcome, RecordsAttempt {
  addresses?: PublicAddresses;
  /** Why there are no addresses yet. */
  lacking: string;
  /** Attempts that a passing fault has cost. */
  attempts: number;
  /** Whether there shall be no more of them. */
  attemptsOver: boolean;
  finishing: boolean;
}

export const recordsSteps = {
  readAddresses: step<PublicAddresses, void>('readAddresses'),
  /** Gives the changes to make, `sent: false` for what is right already, and what could not be looked at. */
  compareRecordSets: step<RecordsAttempt, RecordsInput & { addresses: PublicAddresses }>('compareRecordSets'),
  /** Sends what differs; gives the same again, less what was refused. */
  writeRecordSets: step<RecordsAttempt, RecordsInput & Omit<RecordsAttempt, 'passing'>>('writeRecordSets'),
};

const NO_ADDRESS =
  'the instance has no public address to point it at. Give it a public IPv4 address, an Elastic IP or an IPv6 address';

export const recordsMachine = setup({
  types: {
    input: {} as RecordsInput,
    context: {} as RecordsContext,
    events: {} as FinishStep | { type: 'attempts.expired' },
    output: {} as RecordsOutcome,
  },
  actors: recordsSteps,
  actions: {
    keepAddresses: assign((_, { addresses }: { addresses: PublicAddresses }) => ({ addresses })),
    keepLack: assign((_, { lacking }: { lacking: string }) => ({ lacking })),
    keepAttempt: assign((_, attempt: RecordsAttempt) => attempt),
    countAttempt: assign(({ context }) => ({ attempts: context.attempts + 1 })),
    startLimit: raise({ type: 'attempts.expired' }, { id: 'attempts', delay: RECORDS_LIMIT_MS }),
    failAll: assign(({ context }, { problem }: { problem: string }) => ({
      failures: context.records.map((record) => failureOf(record, problem)),
    })),
    /** Of a change that broke off nobody can say whether it was made. */
    forgetUnsent: assign(({ context }) => ({ changes: rightIn(context.changes) })),
    /** Not a failure of its own: whoever asked knows why. */
    breakOff: assign(({ context }) => ({ failures: [], unfinished: unfinishedIn(context) })),
    beFinishing: assign({ finishing: true }),
    beOver: assign({ attemptsOver: true }),
  },
  delays: {
    addressPause: ADDRESS_PAUSE_MS,
    addressLimit: ADDRESS_LIMIT_MS,
    attemptPause: ({ context }) => Math.min(RECORDS_PAUSE_MS * 2 ** context.attempts, RECORDS_PAUSE_MAX_MS),
  },
  guards: {
    none: ({ context }) => context.records.length === 0,
    finishing: ({ context }) => context.finishing,
    attemptsOver: ({ context }) => context.attemptsOver,
    found: (_, { primaryIpv4, primaryIpv6 }: PublicAddresses) => (primaryIpv4 ?? primaryIpv6) !== undefined,
    passing: (_, { passing }: RecordsAttempt) => passing,
    /** With a critical one failed the domain may not come up: then nothing is written for it. */
    worthWriting: (_, { changes, failures }: RecordsAttempt) =>
      changes.some(({ sent }) => sent) && !failures.some(({ critical }) => critical),
    /** Beside what was refused now there is what could not even be looked at. */
    someLeft: ({ context }, { passing }: RecordsAttempt) => passing || context.passing,
  },
}).createMachine({
  id: 'records',
  context: ({ input }) => ({
    ...input,
    changes: [],
    failures: [],
    unfinished: [],
    passing: false,
    lacking: NO_ADDRESS,
    attempts: 0,
    attemptsOver: false,
    finishing: false,
  }),
  initial: 'beginning',
  on: { 'step.finish': { actions: 'beFinishing' }, 'attempts.expired': { actions: 'beOver' } },
  states: {
    beginning: {
      always: [
        { guard: 'none', target: 'ended' },
        { target: 'addressing', actions: 'startLimit' },
      ],
    },

    // Read right before writing, each time; one may be on its way still, an Elastic IP for instance (7.1).
    addressing: {
      on: { 'step.finish': { target: 'ended', actions: 'breakOff' } },
      after: {
        addressLimit: {
          target: 'ended',
          actions: { type: 'failAll', params: ({ context }) => ({ problem: context.lacking }) },
        },
      },
      initial: 'reading',
      states: {
        reading: {
          invoke: {
            src: 'readAddresses',
            onDone: [
              {
                guard: { type: 'found', params: ({ event }) => event.output },
                target: '#records.comparing',
                actions: { type: 'keepAddresses', params: ({ event }) => ({ addresses: event.output }) },
              },
              { target: 'pausing', actions: { type: 'keepLack', params: { lacking: NO_ADDRESS } } },
            ],
            onError: [
              {
                guard: ({ event }) => isPassing(event.error),
                target: 'pausing',
                actions: { type: 'keepLack', params: ({ event }) => ({ lacking: messageOf(event.error) }) },
              },
              { target: '#records.ended', actions: failedWith() },
            ],
          },
        },
        pausing: { after: { addressPause: 'reading' } },
      },
    },

    // A look changes nothing, so it may be cut short.
    comparing: {
      on: { 'step.finish': { target: 'ended', actions: 'breakOff' } },
      invoke: {
        src: 'compareRecordSets',
        input: ({ context: { domain, records, addresses = { ipv4: [], ipv6: [] } } }) => ({
          domain,
          records,
          addresses,
        }),
        onDone: [
          {
            guard: { type: 'worthWriting', params: ({ event }) => event.output },
            target: 'writing',
            actions: keepAttempt(),
          },
          {
            guard: { type: 'passing', params: ({ event }) => event.output },
            target: 'backing-off',
            actions: keepUnsent(),
          },
          { target: 'ended', actions: keepUnsent() },
        ],
        onError: { target: 'ended', actions: failedWith() },
      },
    },

    // Never torn: a change that was sent may take effect whether or not its answer is waited for.
    writing: {
      invoke: {
        src: 'writeRecordSets',
        input: ({ context: { domain, records, changes, failures } }) => ({ domain, records, changes, failures }),
        onDone: [
          {
            guard: { type: 'someLeft', params: ({ event }) => event.output },
            target: 'backing-off',
            actions: keepAttempt(),
          },
          { target: 'ended', actions: keepAttempt() },
        ],
        onError: { target: 'ended', actions: [failedWith(), 'forgetUnsent'] },
      },
    },

    // Throttled, or a role that is not there yet (9.7): looked at anew before it is tried again.
    'backing-off': {
      always: [
        // Asked while its change had no answer yet.
        { guard: 'finishing', target: 'ended', actions: 'breakOff' },
        { guard: 'attemptsOver', target: 'ended' },
      ],
      exit: 'countAttempt',
      after: { attemptPause: 'addressing' },
    },

    ended: { type: 'final' },
  },
  output: ({ context: { changes, failures, unfinished } }) => ({ changes, failures, unfinished }),
});

function failedWith() {
  return {
    type: 'failAll',
    params: ({ event }: { event: { error: unknown } }) => ({ problem: messageOf(event.error) }),
  } as const;
}

function keepAttempt() {
  return { type: 'keepAttempt', params: ({ event }: { event: { output: RecordsAttempt } }) => event.output } as const;
}

/** Without the changes that were to be sent and are not. */
function keepUnsent() {
  return {
    type: 'keepAttempt',
    params: ({ event: { output } }: { event: { output: RecordsAttempt } }) => ({
      ...output,
      changes: rightIn(output.changes),
    }),
  } as const;
}

/** Those that were right already. */
function rightIn(changes: RecordSetChange[]): RecordSetChange[] {
  return changes.filter(({ sent }) => !sent);
}

/** What went wrong last, or else that it was not there yet. */
function unfinishedIn({ failures, records }: RecordsContext): Failure[] {
  if (failures.length > 0) return failures;
  return records.map((record) => failureOf(record, 'asked to end before it was written'));
}

/** A record's failure, in the configuration's words. */
export function failureOf({ entry, name, critical }: RecordEntry, problem: string): Failure {
  return { part: `update-route53[${entry}]`, problem: `${name}: ${problem}`, critical };
}
