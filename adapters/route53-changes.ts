/** Changes on their way to Route 53: one in flight for each zone (behaviour.md 7.2). */

import type { Change } from '@aws-sdk/client-route-53';
import { AdapterError, messageOf } from '../config/errors.ts';
import { type Aws, codeOf } from './aws.ts';
import { type Batch, createBatch, type Joins } from './batch.ts';

/** Changes that belong together: all of them or none. */
export interface ZoneChange {
  hostedZone: string;
  changes: Change[];
  /** True when nothing may go with it, since its refusal means something. */
  alone: boolean;
}

/**
 * Sends a change when the zone has no other of ours in flight, together with what else is ready at that moment. Gives the id of the
 * change, for example `C0123456789ABCDEFGHIJ`.
 * @throws AdapterError when Route 53 refuses; when it refuses what belongs to several, each is sent alone first.
 */
export type SendChange = (change: ZoneChange) => Promise<string>;

/** What is deleted was looked at before: when it is not there, or not so, something has changed meanwhile. */
export function saysNotAsSeen(error: unknown): boolean {
  return /Tried to (delete resource record set .*?(but it was not found|values provided do not match)|create resource record set .*?but it already exists)/s.test(
    refusedBatch(error),
  );
}

export function createSendChange(aws: Aws): SendChange {
  const zones = new Map<string, Batch<ZoneChange, string>>();
  return (change) => {
    const send = zones.get(change.hostedZone) ?? createBatch(sendTogether, { joins: together, inOrder: true });
    zones.set(change.hostedZone, send);
    return send(change);
  };

  async function sendTogether(asks: ZoneChange[]): Promise<string[]> {
    const { hostedZone = '' } = asks[0] ?? {};
    const changes = asks.flatMap((ask) => ask.changes);
    const names = [...new Set(changes.map(({ ResourceRecordSet: set }) => set?.Name))].join(' ');
    // It gets no signal: a change is let finish.
    const answer = await aws.call(
      {
        operation: `ChangeResourceRecordSets ${hostedZone} ${names}`,
        permission: `route53:ChangeResourceRecordSets on ${hostedZone}`,
      },
      ({ sdk, route53 }, abortSignal) =>
        route53.send(
          new sdk.ChangeResourceRecordSetsCommand({ HostedZoneId: hostedZone, ChangeBatch: { Changes: changes } }),
          { abortSignal },
        ),
    );
    const id = answer.ChangeInfo?.Id?.replace(/^\/change\//, '') ?? '';
    return asks.map(() => id);
  }
}

/** The same refusal, but as one that a new look may mend. */
export function asPassing(error: unknown): AdapterError {
  const problem = `what shall be deleted has changed meanwhile (${messageOf(error)})`;
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
  const isOpen = (call: readonly ZoneChange[]) =>
    !call.some(({ alone }) => alone) && valuesIn([...call, ask]) <= VALUES_LIMIT;
  const place = ask.alone ? -1 : calls.findIndex(isOpen);
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
