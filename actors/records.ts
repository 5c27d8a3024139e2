/** The steps that point a domain's records at this instance. */

import { fromPromise } from 'xstate';
import type { InstanceMetadata } from '../adapters/imds.ts';
import type { RecordSets } from '../adapters/route53.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import { storedName } from '../config/record-name.ts';
import type {
  Failure,
  PublicAddresses,
  RecordEntry,
  RecordSet,
  RecordSetChange,
  RecordSetHold,
} from '../config/vocabulary.ts';
import { failureOf, type RecordsAttempt, type RecordsInput } from '../machines/records.ts';
import type { Transaction, Transactions } from './transaction.ts';

/** Reads the addresses as they are now. @param keep is given them: macros show those read last. */
export const readAddresses = (imds: InstanceMetadata, keep: (addresses: PublicAddresses) => void) =>
  fromPromise<PublicAddresses, void>(async ({ signal }) => {
    const addresses = await imds.publicAddresses(signal);
    keep(addresses);
    return addresses;
  });

/** Looks what stands there, and gives what has to change. What cannot be looked at is an outcome. */
export const compareRecordSets = (recordSets: RecordSets, transactions: Transactions) =>
  fromPromise<RecordsAttempt, RecordsInput & { addresses: PublicAddresses }>(
    async ({ input: { domain, records, addresses }, signal }) => {
      const log = transactions.of(domain);
      const looked = await Promise.all(
        records.map((record) => compare(recordSets, log, record, wantedSets(record, addresses), signal)),
      );
      return {
        changes: looked.flatMap((outcome) => ('failure' in outcome ? [] : outcome)),
        failures: looked.flatMap((outcome) => ('failure' in outcome ? [outcome.failure] : [])),
        passing: looked.some((outcome) => 'failure' in outcome && outcome.passing),
      };
    },
  );

/**
 * Sends what differs, one change batch for each zone: all of it or none. What stood there is journalled first. It gets no
 * signal: a change is let finish.
 */
export const writeRecordSets = (recordSets: RecordSets, transactions: Transactions) =>
  fromPromise<RecordsAttempt, RecordsInput & Omit<RecordsAttempt, 'passing'>>(async ({ input }) => {
    const { domain, records, changes, failures } = input;
    const zones = [...new Set(changes.filter(({ sent }) => sent).map(({ hostedZone }) => hostedZone))];
    const refusals = await Promise.all(
      zones.map((zone) => writeZone(recordSets, transactions.of(domain), domain, zone, changes)),
    );
    const refused = refusals.flatMap((refusal) => refusal ?? []);
    return {
      changes: changes.filter(({ hostedZone, sent }) => !(sent && refused.some(({ zone }) => zone === hostedZone))),
      failures: [...failures, ...refused.flatMap(({ zone, problem }) => failuresIn(zone, problem, records))],
      passing: refused.some(({ passing }) => passing),
    };
  });

/** The sets that a record is to have: one for each kind of address that the instance has. */
export function wantedSets({ name, ttl }: RecordEntry, { primaryIpv4, primaryIpv6 }: PublicAddresses): RecordSet[] {
  return [
    ...(primaryIpv4 ? [{ name: storedName(name), type: 'A' as const, ttl, values: [primaryIpv4] }] : []),
    ...(primaryIpv6 ? [{ name: storedName(name), type: 'AAAA' as const, ttl, values: [primaryIpv6] }] : []),
  ];
}

interface Refusal {
  zone: string;
  problem: string;
  passing: boolean;
}

/** Why a zone's change was refused; absent when it was not. */
async function writeZone(
  recordSets: RecordSets,
  transaction: Transaction,
  domain: string,
  zone: string,
  changes: RecordSetChange[],
): Promise<Refusal | undefined> {
  const different = changes.filter(({ hostedZone, sent }) => sent && hostedZone === zone);
  try {
    await transaction.holding(
      different.map((change) => holdOf(domain, change)),
      () =>
        recordSets.upsert(
          zone,
          different.map(({ after }) => after),
          transaction,
        ),
      () => true,
    );
    return undefined;
  } catch (error) {
    return { zone, problem: messageOf(error), passing: isPassing(error) };
  }
}

function holdOf(domain: string, { hostedZone, before, after }: RecordSetChange): RecordSetHold {
  return { kind: 'record-set', domain, hostedZone, ...(before ? { before } : {}), after };
}

function failuresIn(zone: string, problem: string, records: RecordEntry[]): Failure[] {
  return records.filter(({ hostedZone }) => hostedZone === zone).map((record) => failureOf(record, problem));
}

async function compare(
  recordSets: RecordSets,
  log: Transaction,
  record: RecordEntry,
  wanted: RecordSet[],
  signal: AbortSignal,
): Promise<RecordSetChange[] | { failure: Failure; passing: boolean }> {
  try {
    const there = await recordSets.read(record.hostedZone, record.name, log, signal);
    return wanted.map((after) => changeOf(record.hostedZone, there, after));
  } catch (error) {
    return { failure: failureOf(record, messageOf(error)), passing: isPassing(error) };
  }
}

function changeOf(hostedZone: string, there: RecordSet[], after: RecordSet): RecordSetChange {
  const before = there.find(({ type }) => type === after.type);
  return { hostedZone, ...(before ? { before } : {}), after, sent: !isSame(before, after) };
}

function isSame(before: RecordSet | undefined, after: RecordSet): boolean {
  return before?.ttl === after.ttl && before.values.length === 1 && before.values[0] === after.values[0];
}
