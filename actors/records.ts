/** The step that points a domain's records at this instance. */

import { fromPromise } from 'xstate';
import type { CallLog } from '../adapters/aws.ts';
import type { InstanceMetadata } from '../adapters/imds.ts';
import type { RecordSets } from '../adapters/route53.ts';
import { messageOf } from '../config/errors.ts';
import { storedName } from '../config/record-name.ts';
import type { Failure, PublicAddresses, RecordEntry, RecordSet, RecordSetChange } from '../config/vocabulary.ts';
import type { RecordsInput, RecordsOutcome } from '../machines/domain.ts';
import type { Transactions } from './transaction.ts';

export interface RecordsAdapters {
  imds: Pick<InstanceMetadata, 'publicAddresses'>;
  recordSets: RecordSets;
  /** Is given the addresses each time they were read. */
  keepAddresses(addresses: PublicAddresses): void;
}

/**
 * Reads the addresses right before writing, looks what stands there, and sends what differs: one change batch for each zone.
 * What fails is an outcome: whether the domain goes on without it, its `critical` says.
 */
export const upsertRecordSets = (adapters: RecordsAdapters, transactions: Transactions) =>
  fromPromise<RecordsOutcome, RecordsInput>(async ({ input: { domain, records }, signal }) => {
    if (records.length === 0) return { changes: [], failures: [] };
    const addresses = await adapters.imds.publicAddresses(signal);
    adapters.keepAddresses(addresses);
    const zones = [...new Set(records.map(({ hostedZone }) => hostedZone))];
    const outcomes = await Promise.all(
      zones.map((zone) => {
        const ofZone = records.filter(({ hostedZone }) => hostedZone === zone);
        return writeZone(adapters.recordSets, transactions.of(domain), zone, ofZone, addresses);
      }),
    );
    return {
      changes: outcomes.flatMap(({ changes }) => changes),
      failures: outcomes.flatMap(({ failures }) => failures),
    };
  });

async function writeZone(
  recordSets: RecordSets,
  log: CallLog,
  hostedZone: string,
  records: RecordEntry[],
  addresses: PublicAddresses,
): Promise<RecordsOutcome> {
  const looked = await Promise.all(records.map((record) => compare(recordSets, log, record, addresses)));
  const failures = looked.flatMap((outcome) => ('problem' in outcome ? [outcome] : []));
  const changes = looked.flatMap((outcome) => ('problem' in outcome ? [] : outcome));
  const different = changes.filter(({ sent }) => sent).map(({ after }) => after);
  // With a critical record failed the domain will not come up: then nothing is written for it.
  if (different.length === 0 || failures.some(({ critical }) => critical)) {
    return { changes: changes.filter(({ sent }) => !sent), failures };
  }
  try {
    await recordSets.upsert(hostedZone, different, log);
    return { changes, failures };
  } catch (error) {
    // All or none: so says a change batch.
    const refused = records.map((record) => failureOf(record, messageOf(error)));
    return { changes: changes.filter(({ sent }) => !sent), failures: [...failures, ...refused] };
  }
}

/** What has to change for a record, or why it cannot be known. */
async function compare(
  recordSets: RecordSets,
  log: CallLog,
  record: RecordEntry,
  addresses: PublicAddresses,
): Promise<RecordSetChange[] | Failure> {
  const wanted = wantedSets(record, addresses);
  if (wanted.length === 0) return failureOf(record, NO_ADDRESS);
  try {
    const there = await recordSets.read(record.hostedZone, record.name, log);
    return wanted.map((after) => changeOf(record.hostedZone, there, after));
  } catch (error) {
    return failureOf(record, messageOf(error));
  }
}

const NO_ADDRESS =
  'the instance has no public address to point it at. Give it a public IPv4 address, an Elastic IP or an IPv6 address';

function wantedSets({ name, ttl }: RecordEntry, { primaryIpv4, primaryIpv6 }: PublicAddresses): RecordSet[] {
  return [
    ...(primaryIpv4 ? [{ name: storedName(name), type: 'A' as const, ttl, values: [primaryIpv4] }] : []),
    ...(primaryIpv6 ? [{ name: storedName(name), type: 'AAAA' as const, ttl, values: [primaryIpv6] }] : []),
  ];
}

function changeOf(hostedZone: string, there: RecordSet[], after: RecordSet): RecordSetChange {
  const before = there.find(({ type }) => type === after.type);
  return { hostedZone, ...(before ? { before } : {}), after, sent: !isSame(before, after) };
}

function isSame(before: RecordSet | undefined, after: RecordSet): boolean {
  const sameTtl = before?.ttl === after.ttl;
  return sameTtl && before.values.length === 1 && before.values[0] === after.values[0];
}

function failureOf({ entry, name, critical }: RecordEntry, problem: string): Failure {
  return { part: `update-route53[${entry}]`, problem: `${name}: ${problem}`, critical };
}
