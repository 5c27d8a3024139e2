/** A domain's records: addresses first, then what stands there, then one change for what differs. */

import { assign, setup } from 'xstate';
import { ADDRESS_LIMIT_MS, ADDRESS_PAUSE_MS } from '../config/constants.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import type { Failure, PublicAddresses, RecordEntry, RecordSetChange } from '../config/vocabulary.ts';
import { type FinishStep, step } from './step.ts';

export interface RecordsInput {
  domain: string;
  records: RecordEntry[];
}

/** What the records ended with; a critical failure among them is the domain's. */
export interface RecordsOutcome {
  changes: RecordSetChange[];
  failures: Failure[];
}

export interface RecordsContext extends RecordsInput, RecordsOutcome {
  addresses?: PublicAddresses;
  /** Why there are no addresses yet. */
  lacking: string;
}

export const recordsSteps = {
  readAddresses: step<PublicAddresses, void>('readAddresses'),
  /** Gives the changes to make, `sent: false` for what is right already, and what could not be looked at. */
  compareRecordSets: step<RecordsOutcome, RecordsInput & { addresses: PublicAddresses }>('compareRecordSets'),
  /** Sends what differs; gives the same again, less what was refused. */
  writeRecordSets: step<RecordsOutcome, RecordsInput & RecordsOutcome>('writeRecordSets'),
};

const NO_ADDRESS =
  'the instance has no public address to point it at. Give it a public IPv4 address, an Elastic IP or an IPv6 address';

export const recordsMachine = setup({
  types: {
    input: {} as RecordsInput,
    context: {} as RecordsContext,
    events: {} as FinishStep,
    output: {} as RecordsOutcome,
  },
  actors: recordsSteps,
  actions: {
    keepAddresses: assign((_, { addresses }: { addresses: PublicAddresses }) => ({ addresses })),
    keepLack: assign((_, { lacking }: { lacking: string }) => ({ lacking })),
    keepOutcome: assign((_, { outcome }: { outcome: RecordsOutcome }) => outcome),
    failAll: assign(({ context }, { problem }: { problem: string }) => ({
      changes: [],
      failures: context.records.map((record) => failureOf(record, problem)),
    })),
  },
  delays: { addressPause: ADDRESS_PAUSE_MS, addressLimit: ADDRESS_LIMIT_MS },
  guards: {
    none: ({ context }) => context.records.length === 0,
    found: (_, { primaryIpv4, primaryIpv6 }: PublicAddresses) => (primaryIpv4 ?? primaryIpv6) !== undefined,
    /** With a critical one failed the domain will not come up: then nothing is written for it. */
    pointless: (_, { failures }: RecordsOutcome) => failures.some(({ critical }) => critical),
    different: (_, { changes }: RecordsOutcome) => changes.some(({ sent }) => sent),
  },
}).createMachine({
  id: 'records',
  context: ({ input }) => ({ ...input, changes: [], failures: [], lacking: NO_ADDRESS }),
  initial: 'beginning',
  states: {
    beginning: { always: [{ guard: 'none', target: 'ended' }, { target: 'addressing' }] },

    // Read right before writing; one may be on its way still, an Elastic IP for instance (7.1).
    addressing: {
      on: { 'step.finish': { target: 'ended', actions: notWritten() } },
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
      on: { 'step.finish': { target: 'ended', actions: notWritten() } },
      invoke: {
        src: 'compareRecordSets',
        input: ({ context: { domain, records, addresses = { ipv4: [], ipv6: [] } } }) => ({
          domain,
          records,
          addresses,
        }),
        onDone: [
          {
            guard: { type: 'pointless', params: ({ event }) => event.output },
            target: 'ended',
            actions: { type: 'keepOutcome', params: ({ event }) => ({ outcome: unsent(event.output) }) },
          },
          {
            guard: { type: 'different', params: ({ event }) => event.output },
            target: 'writing',
            actions: { type: 'keepOutcome', params: ({ event }) => ({ outcome: event.output }) },
          },
          { target: 'ended', actions: { type: 'keepOutcome', params: ({ event }) => ({ outcome: event.output }) } },
        ],
        onError: { target: 'ended', actions: failedWith() },
      },
    },

    // Never torn: a change that was sent may take effect whether or not its answer is waited for.
    writing: {
      invoke: {
        src: 'writeRecordSets',
        input: ({ context: { domain, records, changes, failures } }) => ({ domain, records, changes, failures }),
        onDone: {
          target: 'ended',
          actions: { type: 'keepOutcome', params: ({ event }) => ({ outcome: event.output }) },
        },
        onError: { target: 'ended', actions: failedWith() },
      },
    },

    ended: { type: 'final' },
  },
  output: ({ context: { changes, failures } }) => ({ changes, failures }),
});

function notWritten() {
  return { type: 'failAll', params: { problem: 'asked to end before it was written' } } as const;
}

function failedWith() {
  return {
    type: 'failAll',
    params: ({ event }: { event: { error: unknown } }) => ({ problem: messageOf(event.error) }),
  } as const;
}

/** Without the changes that were to be sent and will not be. */
function unsent({ changes, failures }: RecordsOutcome): RecordsOutcome {
  return { changes: changes.filter(({ sent }) => !sent), failures };
}

/** A record's failure, in the configuration's words. */
export function failureOf({ entry, name, critical }: RecordEntry, problem: string): Failure {
  return { part: `update-route53[${entry}]`, problem: `${name}: ${problem}`, critical };
}
