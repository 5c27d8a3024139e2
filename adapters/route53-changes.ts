/** Changes on their way to Route 53: one in flight for each zone (behaviour.md 7.2). */

import type { Change, ChangeResourceRecordSetsResponse } from '@aws-sdk/client-route-53';
import { AdapterError, messageOf } from '../config/errors.ts';
import { type Aws, codeOf } from './aws.ts';
import { type Batch, createBatch, type Joins } from './batch.ts';

/** Changes that belong together: all of them or none. */
export interface ZoneChange {
  hostedZone: string;
  changes: Change[];
}

/**
 * Sends a change when the zone has no other of ours in flight, together with what else is ready at that moment. Gives the id of the
 * change, for example `C0123456789ABCDEFGHIJ`.
 * @throws AdapterError when Route 53 refuses; when it refuses what belongs to several, each is sent alone first. A passing one, too, when
 * it does not get its turn: then it was not sent.
 */
export type SendChange = (change: ZoneChange) => Promise<string>;

/** What is deleted was looked at before: when it is not there, or not so, something has changed meanwhile. */
export function saysNotAsSeen(error: unknown): boolean {
  return /Tried to (delete resource record set .*?(but it was not found|values provided do not match)|create resource record set .*?but it already exists)/s.test(
    refusedBatch(error),
  );
}

/** Whether a refusal is the answer to a repeated request: then an attempt before it may have gone through without an answer. */
export function wasRepeated(error: unknown): boolean {
  const { cause } = error as { cause?: { $metadata?: { attempts?: number } } };
  return (cause?.$metadata?.attempts ?? 1) > 1;
}

/**
 * How long a change waits for its turn. A zone whose changes have no answer would otherwise cost each domain the time of all those before
 * it, and under a notice there are two minutes for all. One that is answered at all is so within a second or two.
 */
const TURN_PATIENCE_MS = 5_000;

/** @param turnPatienceMs in tests: shorter than {@link TURN_PATIENCE_MS}. */
export function createSendChange(aws: Aws, turnPatienceMs = TURN_PATIENCE_MS): SendChange {
  const zones = new Map<string, Batch<ZoneChange, string>>();
  const inFlight = new Set<ZoneChange>();
  return async (change) => {
    const send = zones.get(change.hostedZone) ?? createBatch(sendInFlight, { joins: together, inOrder: true });
    zones.set(change.hostedZone, send);
    const patience = new AbortController();
    // Not once: what is refused together goes back to waiting, for a turn alone.
    const timer = setInterval(() => {
      if (!inFlight.has(change)) patience.abort(outOfTurn(change, turnPatienceMs));
    }, turnPatienceMs);
    return await send(change, patience.signal).finally(() => clearInterval(timer));
  };

  async function sendInFlight(asks: ZoneChange[]): Promise<string[]> {
    for (const ask of asks) inFlight.add(ask);
    try {
      return await sendTogether(asks);
    } finally {
      for (const ask of asks) inFlight.delete(ask);
    }
  }

  async function sendTogether(asks: ZoneChange[]): Promise<string[]> {
    const { hostedZone = '' } = asks[0] ?? {};
    const changes = asks.flatMap((ask) => ask.changes);
    const operation = operationOf(hostedZone, changes);
    // It gets no signal: a change is let finish.
    const answer = await aws
      .call(
        {
          operation,
          permission: `route53:ChangeResourceRecordSets on ${hostedZone}`,
        },
        ({ sdk, route53 }, abortSignal) =>
          route53.send(
            new sdk.ChangeResourceRecordSetsCommand({ HostedZoneId: hostedZone, ChangeBatch: { Changes: changes } }),
            { abortSignal },
          ),
      )
      .catch((error) => {
        // Sent alone next, each would take what this very batch may have changed for somebody else's doing.
        throw asks.length > 1 && saysNotAsSeen(error) && wasRepeated(error) ? asPassing(error) : error;
      });
    const id = changeIdOf(answer, operation);
    return asks.map(() => id);
  }
}

function operationOf(hostedZone: string, changes: Change[]): string {
  const names = new Set(changes.map(({ ResourceRecordSet: set }) => set?.Name));
  return `ChangeResourceRecordSets ${hostedZone} ${[...names].join(' ')}`;
}

/** A success without an id is none of Route 53's: something on the way answered, and nobody knows what became of the change. */
function changeIdOf({ ChangeInfo: info }: ChangeResourceRecordSetsResponse, operation: string): string {
  const id = info?.Id?.replace(/^\/change\//, '');
  if (id) return id;
  throw new AdapterError(operation, 'the answer has no change id', 'It may pass by itself.', { retryable: true });
}

function outOfTurn({ hostedZone, changes }: ZoneChange, patienceMs: number): AdapterError {
  const problem = `not sent: for ${patienceMs / 1000} s other changes of its zone were on their way`;
  return new AdapterError(operationOf(hostedZone, changes), problem, 'It may pass by itself.', { retryable: true });
}

/** The same refusal, but as one that a new look may mend. */
export function asPassing(error: unknown): AdapterError {
  const problem = `what shall be replaced or deleted has changed meanwhile (${messageOf(error)})`;
  return new AdapterError('ChangeResourceRecordSets', problem, 'It is looked at anew.', {
    cause: error,
    retryable: true,
  });
}

/**
 * Route 53 takes 1,000 values and 32,000 characters in one request, and counts those of an UPSERT twice. An IPv6 address has up to
 * 39 characters. Source: Route 53 Developer Guide, "Quotas".
 */
const VALUES_LIMIT = 400;

const together: Joins<ZoneChange> = (ask, calls) => {
  const place = calls.findIndex((call) => valuesIn([...call, ask]) <= VALUES_LIMIT);
  return place === -1 ? calls.length : place;
};

function valuesIn(asks: readonly ZoneChange[]): number {
  const changes = asks.flatMap((ask) => ask.changes);
  return changes.reduce((sum, { ResourceRecordSet: set }) => sum + (set?.ResourceRecords?.length ?? 1), 0);
}

/**
 * What was wrong with a batch; empty when that was not why it failed. The SDK cannot read the form that the API Reference shows, a
 * bare `<InvalidChangeBatch>`, and gives it the name `Unknown`.
 */
function refusedBatch(error: unknown): string {
  const code = codeOf(error);
  if (code === 'InvalidChangeBatch') return messageOf(error);
  const { Messages: messages } = (error as { cause?: { Messages?: unknown } }).cause ?? {};
  return code === 'Unknown' && messages !== undefined ? JSON.stringify(messages) : '';
}
