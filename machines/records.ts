/** A domain's records: addresses first, then what stands there, then one change for what differs, then all name servers having it. */

import { assign, raise, setup } from 'xstate';
import {
  ADDRESS_LIMIT_MS,
  ADDRESS_PAUSE_MS,
  INSYNC_PAUSE_MAX_MS,
  INSYNC_PAUSE_MS,
  RECORDS_LIMIT_MS,
  RECORDS_PAUSE_MAX_MS,
  RECORDS_PAUSE_MS,
} from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import type { Failure, PublicAddresses, RecordEntry, RecordSetChange, SubmittedChange } from '../config/vocabulary.ts';
import { grown, jitterOf } from './pauses.ts';
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
  /** Changes that are waited for until all name servers have them (7.7): of this attempt, or of a run before it. */
  submitted: SubmittedChange[];
}

/** What a look gave, and what is to be said of records that are no failures. */
export interface RecordsComparison extends RecordsAttempt {
  warnings: Failure[];
}

/** What the records ended with; a critical failure among them is the domain's. */
export interface RecordsOutcome extends Pick<RecordsAttempt, 'changes' | 'failures'> {
  /** What was still to be done when the step was asked to end: news only for whoever asked because time was over. */
  unfinished: Failure[];
}

export type RecordsToWrite = RecordsInput & Pick<RecordsAttempt, 'changes' | 'failures'>;

export interface RecordsContext extends RecordsInput, RecordsOutcome, RecordsComparison {
  addresses?: PublicAddresses;
  /** Why there are no addresses; absent until a look has found none. */
  lacking?: string;
  /** Attempts that a passing fault has cost. */
  attempts: number;
  /** Whether there shall be no more of them. */
  attemptsOver: boolean;
  /** Whether the domain has waited long enough for what it can do without. */
  patienceOver: boolean;
  /** How often it has been looked whether the name servers have the changes. */
  looks: number;
  finishing: boolean;
}

export const recordsSteps = {
  readAddresses: step<PublicAddresses, void>('readAddresses'),
  /** Gives the changes to make, `sent: false` for what is right already, and what could not be looked at. */
  compareRecordSets: step<RecordsComparison, RecordsInput & { addresses: PublicAddresses }>('compareRecordSets'),
  /** Sends what differs; gives the same again, less what was refused. */
  writeRecordSets: step<RecordsAttempt, RecordsToWrite>('writeRecordSets'),
  /** Gives the changes that not all name servers have yet. */
  lookAtChanges: step<SubmittedChange[], { domain: string; submitted: SubmittedChange[] }>('lookAtChanges'),
};

const NO_ANSWER = 'the instance metadata has not answered';

const NO_ADDRESS =
  'the instance has no public address to point it at. Give it a public IPv4 address, an Elastic IP or an IPv6 address';

export const recordsMachine = setup({
  types: {
    input: {} as RecordsInput,
    context: {} as RecordsContext,
    events: {} as FinishStep | { type: 'attempts.expired' } | { type: 'patience.expired' },
    output: {} as RecordsOutcome,
  },
  actors: recordsSteps,
  actions: {
    keepAddresses: assign((_, { addresses }: { addresses: PublicAddresses }) => ({ addresses })),
    keepLack: assign((_, { lacking }: { lacking: string }) => ({ lacking })),
    keepAttempt: assign(({ context }, { submitted, ...attempt }: RecordsAttempt | RecordsComparison) => ({
      ...attempt,
      submitted: [...context.submitted, ...submitted.filter((change) => !isAmong(context.submitted, change))],
    })),
    keepSubmitted: assign((_, { submitted }: { submitted: SubmittedChange[] }) => ({ submitted })),
    countLook: assign(({ context }) => ({ looks: context.looks + 1 })),
    /** It was only to be waited for: the change itself was accepted. */
    stopWaiting: assign(({ context }, { problem }: { problem: string }) => ({
      failures: [...context.failures, ...notInSync(context, problem).map(uncritical)],
    })),
    /** The domain goes on without what is not critical. */
    goOnWithout: assign(({ context }) => goOnWithout(context)),
    breakOffWaiting: assign(({ context }) => ({ unfinished: notInSync(context, 'asked to end before') })),
    countAttempt: assign(({ context }) => ({ attempts: context.attempts + 1 })),
    startLimit: raise({ type: 'attempts.expired' }, { id: 'attempts', delay: RECORDS_LIMIT_MS }),
    startPatience: raise({ type: 'patience.expired' }, { id: 'patience', delay: 'patience' }),
    failAll: assign(({ context }, { problem }: { problem: string }) => ({
      failures: context.records.map((record) => failureOf(record, problem)),
    })),
    /** Of a change that broke off nobody can say whether it was made. */
    forgetUnsent: assign(({ context }) => ({ changes: rightIn(context.changes) })),
    /** Not a failure of its own: whoever asked knows why. */
    breakOff: assign(({ context }) => ({ failures: [], unfinished: unfinishedIn(context) })),
    beFinishing: assign({ finishing: true }),
    beOver: assign({ attemptsOver: true }),
    bePatienceOver: assign({ patienceOver: true }),
  },
  delays: {
    addressPause: ADDRESS_PAUSE_MS,
    addressLimit: ADDRESS_LIMIT_MS,
    /** A fleet that was throttled together comes back one after the other. */
    attemptPause: ({ context: { attempts, records } }) =>
      (0.5 + jitterIn(records, attempts) / 2) * grown(RECORDS_PAUSE_MS, 2, attempts + 1, RECORDS_PAUSE_MAX_MS),
    insyncPause: ({ context: { looks, records } }) =>
      (0.8 + jitterIn(records, looks) / 5) * grown(INSYNC_PAUSE_MS, 1.5, looks + 1, INSYNC_PAUSE_MAX_MS),
    /** Of critical ones the way up's limit is the only one. */
    patience: ({ context: { records } }) => {
      const patiences = records.flatMap(({ critical, patienceMs = RECORDS_LIMIT_MS }) =>
        critical ? [] : [patienceMs],
      );
      return patiences.length === 0 ? RECORDS_LIMIT_MS : Math.max(...patiences);
    },
  },
  guards: {
    none: ({ context }) => context.records.length === 0,
    finishing: ({ context }) => context.finishing,
    attemptsOver: ({ context }) => context.attemptsOver,
    /** Nobody but what the domain can do without waits for an address, and there never was one. */
    goesOnUnaddressed: ({ context: { addresses, records } }) =>
      addresses === undefined && !records.some(({ critical }) => critical),
    /** Only what the domain can do without is left, and has had its time. */
    goesOnWithout: ({ context }) => context.patienceOver && !context.failures.some(({ critical }) => critical),
    waitedEnough: ({ context }) => context.patienceOver && uncriticalIn(context).length > 0,
    found: (_, { primaryIpv4, primaryIpv6 }: PublicAddresses) => (primaryIpv4 ?? primaryIpv6) !== undefined,
    passing: (_, { passing }: RecordsAttempt) => passing,
    /** With a critical one failed the domain may not come up: then nothing is written for it. */
    worthWriting: (_, { changes, failures }: RecordsAttempt) =>
      changes.some(({ sent }) => sent) && !failures.some(({ critical }) => critical),
    /** Beside what was refused now there is what could not even be looked at. */
    someLeft: ({ context }, { passing }: RecordsAttempt) => passing || context.passing,
    /** With a critical one failed the domain does not come up anyway. */
    nothingToWaitFor: ({ context: { submitted, failures } }) =>
      submitted.length === 0 || failures.some(({ critical }) => critical),
  },
}).createMachine({
  id: 'records',
  context: ({ input }) => ({
    ...input,
    changes: [],
    failures: [],
    unfinished: [],
    warnings: [],
    passing: false,
    attempts: 0,
    attemptsOver: false,
    patienceOver: false,
    submitted: [],
    looks: 0,
    finishing: false,
  }),
  initial: 'beginning',
  on: {
    'step.finish': { actions: 'beFinishing' },
    'attempts.expired': { actions: 'beOver' },
    'patience.expired': { actions: 'bePatienceOver' },
  },
  states: {
    beginning: {
      always: [
        { guard: 'none', target: 'ended' },
        { target: 'addressing', actions: ['startLimit', 'startPatience'] },
      ],
    },

    // Read right before writing, each time; one may be on its way still, an Elastic IP for instance (7.1).
    addressing: {
      on: {
        'step.finish': { target: 'ended', actions: 'breakOff' },
        'patience.expired': { guard: 'goesOnUnaddressed', target: 'ended', actions: failedForLack() },
      },
      after: { addressLimit: { target: 'ended', actions: failedForLack() } },
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
          { target: 'awaiting-insync', actions: keepUnsent() },
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
          { target: 'awaiting-insync', actions: keepAttempt() },
        ],
        onError: { target: 'ended', actions: [failedWith(), 'forgetUnsent'] },
      },
    },

    // A look at once would only see PENDING: Route 53 needs up to a minute (7.7).
    'awaiting-insync': {
      always: [
        { guard: 'nothingToWaitFor', target: 'ended' },
        { guard: 'finishing', target: 'ended', actions: 'breakOffWaiting' },
        { guard: 'waitedEnough', actions: 'goOnWithout' },
      ],
      initial: 'pausing',
      states: {
        pausing: { after: { insyncPause: 'looking' } },
        looking: {
          exit: 'countLook',
          invoke: {
            src: 'lookAtChanges',
            input: ({ context: { domain, submitted } }) => ({ domain, submitted }),
            onDone: {
              target: 'pausing',
              actions: { type: 'keepSubmitted', params: ({ event }) => ({ submitted: event.output }) },
            },
            onError: [
              { guard: ({ event }) => isPassing(event.error), target: 'pausing' },
              {
                target: '#records.ended',
                actions: { type: 'stopWaiting', params: ({ event }) => ({ problem: messageOf(event.error) }) },
              },
            ],
          },
        },
      },
    },

    // Throttled, or a role that is not there yet (9.7): looked at anew before it is tried again.
    'backing-off': {
      always: [
        // Asked while its change had no answer yet.
        { guard: 'finishing', target: 'ended', actions: 'breakOff' },
        { guard: 'attemptsOver', target: 'awaiting-insync' },
        { guard: 'goesOnWithout', target: 'awaiting-insync' },
      ],
      exit: 'countAttempt',
      after: { attemptPause: 'addressing' },
    },

    ended: { type: 'final' },
  },
  output: ({ context: { changes, failures, warnings, unfinished } }) => ({
    changes,
    failures: [...failures, ...warnings],
    unfinished,
  }),
});

function failedWith() {
  return {
    type: 'failAll',
    params: ({ event }: { event: { error: unknown } }) => ({ problem: messageOf(event.error) }),
  } as const;
}

function failedForLack() {
  return {
    type: 'failAll',
    params: ({ context }: { context: RecordsContext }) => ({ problem: context.lacking ?? NO_ANSWER }),
  } as const;
}

function keepAttempt() {
  return {
    type: 'keepAttempt',
    params: ({ event }: { event: { output: RecordsAttempt | RecordsComparison } }) => event.output,
  } as const;
}

/** Without the changes that were to be sent and are not. */
function keepUnsent() {
  return {
    type: 'keepAttempt',
    params: ({ event: { output } }: { event: { output: RecordsComparison } }) => ({
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
function unfinishedIn({ failures, records, addresses, lacking }: RecordsContext): Failure[] {
  if (failures.length > 0) return failures;
  const problem = addresses === undefined && lacking !== undefined ? lacking : 'asked to end before it was written';
  return records.map((record) => failureOf(record, problem));
}

function isAmong(submitted: SubmittedChange[], { entry, changeId }: SubmittedChange): boolean {
  return submitted.some((change) => change.entry === entry && change.changeId === changeId);
}

function jitterIn([record]: RecordEntry[], count: number): number {
  return jitterOf(record?.seed ?? 0, count);
}

/** Records whose changes are waited for, and which the domain can do without. */
function uncriticalIn({ records, submitted }: RecordsContext): RecordEntry[] {
  return records.filter(({ entry, critical }) => !critical && submitted.some((change) => change.entry === entry));
}

function goOnWithout(context: RecordsContext): Partial<RecordsContext> {
  const without = uncriticalIn(context).map(({ entry }) => entry);
  const submitted = context.submitted.filter(({ entry }) => !without.includes(entry));
  const given = context.submitted.filter((change) => !submitted.includes(change));
  const failures = notInSync({ ...context, submitted: given }, 'it is not waited for any longer');
  return { submitted, failures: [...context.failures, ...failures] };
}

/** The changes that not all name servers have, as failures of their records. */
function notInSync({ records, submitted }: Pick<RecordsContext, 'records' | 'submitted'>, why: string): Failure[] {
  return submitted.flatMap(({ entry, changeId }) => {
    const problem = `Route 53 has not said INSYNC of change ${changeId}: ${why}`;
    return records.filter((record) => record.entry === entry).map((record) => failureOf(record, problem, 'wait'));
  });
}

function uncritical(failure: Failure): Failure {
  return { ...failure, critical: false };
}

/** A record's failure, in the configuration's words. @param key which of its keys it is about; absent: the record itself. */
export function failureOf({ entry, name, critical }: RecordEntry, problem: string, key?: 'stale' | 'wait'): Failure {
  const part = `update-route53[${entry}]${key === undefined ? '' : `.${key}`}`;
  return { part, problem: `${name}: ${problem}`, critical };
}

/** What the records wait for in a state, in words; absent: for an answer only. */
export function awaitedIn(state: string, context: RecordsContext): string | undefined {
  const { records, lacking, failures, submitted } = context;
  if (state === 'addressing.pausing') return `${namesOf(records)}: ${lacking}`;
  if (state === 'backing-off') return failures.map(({ problem }) => problem).join('; ');
  if (!state.startsWith('awaiting-insync')) return undefined;
  const awaited = records.filter(({ entry }) => submitted.some((change) => change.entry === entry));
  return `not all name servers of Route 53 have ${namesOf(awaited)} yet`;
}

function namesOf(records: RecordEntry[]): string {
  return records.map(({ name }) => name).join(', ');
}
