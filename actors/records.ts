/** The steps that point a domain's records at this instance. */

import { fromPromise } from 'xstate';
import type { InstanceMetadata } from '../adapters/imds.ts';
import type { RecordSets } from '../adapters/route53.ts';
import { isPassing, messageOf } from '../config/errors.ts';
import { storedName } from '../config/record-name.ts';
import { isSamePlace, isSameSet, setOf } from '../config/record-sets.ts';
import type {
  Failure,
  PublicAddresses,
  RecordEntry,
  RecordSet,
  RecordSetChange,
  RecordSetHold,
  SubmittedChange,
} from '../config/vocabulary.ts';
import {
  failureOf,
  type RecordsAttempt,
  type RecordsComparison,
  type RecordsInput,
  type RecordsToWrite,
} from '../machines/records.ts';
import type { RecordLooks } from './record-looks.ts';
import type { Transaction, Transactions } from './transaction.ts';

/** Reads the addresses as they are now. @param keep is given them: macros show those read last. */
export const readAddresses = (imds: InstanceMetadata, keep: (addresses: PublicAddresses) => void) =>
  fromPromise<PublicAddresses, void>(async ({ signal }) => {
    const addresses = await imds.publicAddresses(signal);
    keep(addresses);
    return addresses;
  });

/** Looks what stands there, and gives what has to change. What cannot be looked at is an outcome. */
export const compareRecordSets = (looks: RecordLooks, transactions: Transactions) =>
  fromPromise<RecordsComparison, RecordsInput & { addresses: PublicAddresses }>(
    async ({ input: { domain, records, addresses }, signal }) => {
      const compared = await Promise.all(
        records.map(async (record): Promise<RecordsComparison> => {
          try {
            const early = earlyComparison(record, await looks.early(record, domain), addresses);
            const seen = early ?? comparison(record, await looks.read(record, domain, signal), addresses);
            const attempt = withUnanswered(record, seen, transactions.of(domain));
            return { ...attempt, submitted: pendingOf(record, attempt.changes, transactions.of(domain)) };
          } catch (error) {
            const failures = [failureOf(record, messageOf(error))];
            return { changes: [], failures, warnings: [], passing: isPassing(error), submitted: [] };
          }
        }),
      );
      return {
        changes: compared.flatMap(({ changes }) => changes),
        failures: compared.flatMap(({ failures }) => failures),
        warnings: compared.flatMap(({ warnings }) => warnings),
        passing: compared.some(({ passing }) => passing),
        submitted: compared.flatMap(({ submitted }) => submitted),
      };
    },
  );

/**
 * Sends what differs, all of a zone at once, and each record alone where that is refused (7.2). What stood there is journalled first.
 * It gets no signal: a change is let finish.
 */
export const writeRecordSets = (recordSets: RecordSets, transactions: Transactions) =>
  fromPromise<RecordsAttempt, RecordsToWrite>(async ({ input }) => {
    const { domain, records, changes, failures } = input;
    const write = createWrite(recordSets, transactions.of(domain), input);
    const zones = Map.groupBy(
      changes.filter(({ sent }) => sent),
      ({ hostedZone }) => hostedZone,
    );
    const outcomes = (await Promise.all(zones.values().map((different) => writeZone(write, different)))).flat();
    const refused = outcomes.flatMap((outcome) => ('problem' in outcome ? [outcome] : []));
    return {
      changes: changes.filter((change) => !refused.some((refusal) => refusal.changes.includes(change))),
      failures: [...failures, ...refused.flatMap((refusal) => failuresOf(refusal, records))],
      passing: refused.some(({ passing }) => passing),
      submitted: outcomes.flatMap((outcome) => ('problem' in outcome ? [] : submittedOf(outcome, records))),
    };
  });

/** Gives the changes that not all name servers have yet. */
export const lookAtChanges = (recordSets: RecordSets, transactions: Transactions) =>
  fromPromise<SubmittedChange[], { domain: string; submitted: SubmittedChange[] }>(
    async ({ input: { domain, submitted }, signal }) => {
      const log = transactions.of(domain);
      const there = new Map<string, boolean>();
      // One after the other: each is one of the account's five calls a second.
      for (const changeId of new Set(submitted.map((change) => change.changeId)))
        there.set(changeId, await recordSets.isInSync(changeId, log, signal));
      return submitted.filter(({ changeId }) => !there.get(changeId));
    },
  );

/** The sets that a record is to have: one for each kind of address that the instance has. */
export function wantedSets(record: RecordEntry, { primaryIpv4, primaryIpv6 }: PublicAddresses): RecordSet[] {
  return [
    ...(primaryIpv4 ? [setWith(record, 'A', primaryIpv4)] : []),
    ...(primaryIpv6 ? [setWith(record, 'AAAA', primaryIpv6)] : []),
  ];
}

function setWith({ name, ttl, setIdentifier }: RecordEntry, type: RecordSet['type'], address: string): RecordSet {
  const identified = setIdentifier === undefined ? {} : { setIdentifier };
  return { name: storedName(name), type, ttl, values: [address], ...identified };
}

// --- What has to change ----------------------------------------------------------------------------------------------

type Comparison = Omit<RecordsComparison, 'submitted'>;

function comparison(record: RecordEntry, there: RecordSet[], addresses: PublicAddresses): Comparison {
  const { entry, hostedZone } = record;
  const wanted = wantedSets(record, addresses);
  const changes = wanted.map((set): RecordSetChange => {
    const before = there.find(({ type }) => type === set.type);
    // Whoever has given it a health check wants to keep that.
    const after = before?.healthCheckId === undefined ? set : { ...set, healthCheckId: before.healthCheckId };
    return { entry, hostedZone, ...(before ? { before } : {}), after, sent: !isSameSet(before, after) };
  });
  const result = { failures: [], passing: false };
  const stale = there.filter(({ type }) => !wanted.some((set) => set.type === type));
  if (record.stale === 'delete') {
    const removals = stale.map((before) => ({ entry, hostedZone, before, sent: true }));
    return { ...result, changes: [...changes, ...removals], warnings: [] };
  }
  return { ...result, changes, warnings: stale.map((set) => staleness(record, set)) };
}

/**
 * What was seen while the volumes attached serves for what has to change, under guard. What was right, or worth a warning, may not be so
 * any more: a predecessor that had this very address may have withdrawn it. `undefined`: a new look has to say.
 */
function earlyComparison(
  record: RecordEntry,
  seen: RecordSet[] | undefined,
  addresses: PublicAddresses,
): Comparison | undefined {
  if (seen === undefined) return undefined;
  const { changes, ...rest } = comparison(record, seen, addresses);
  if (rest.warnings.length > 0 || !changes.every(({ sent }) => sent)) return undefined;
  return { ...rest, changes: changes.map((change) => ({ ...change, guarded: true })) };
}

/** What is right, but was written without an answer, is sent once more: nobody could ask whether all name servers have it (7.7). */
function withUnanswered({ insync }: RecordEntry, attempt: Comparison, transaction: Transaction): Comparison {
  if (!insync) return attempt;
  const isUnanswered = (change: RecordSetChange) =>
    holdsOf(transaction, change).some(({ changeId }) => changeId === undefined);
  return {
    ...attempt,
    changes: attempt.changes.map((change) => ({ ...change, sent: change.sent || isUnanswered(change) })),
  };
}

/** What a run before this one has written and was waiting for. */
function pendingOf(
  { entry, insync }: RecordEntry,
  changes: RecordSetChange[],
  transaction: Transaction,
): SubmittedChange[] {
  if (!insync) return [];
  const right = changes.filter(({ sent }) => !sent);
  const ids = right.flatMap((change) => holdsOf(transaction, change).flatMap(({ changeId }) => changeId ?? []));
  return [...new Set(ids)].map((changeId) => ({ entry, changeId }));
}

/** What is held of the place that a change is about. */
function holdsOf(transaction: Transaction, change: RecordSetChange): RecordSetHold[] {
  const holds = transaction.holds().filter((hold) => hold.kind === 'record-set');
  return holds.filter((hold) => hold.hostedZone === change.hostedZone && isSamePlace(setOf(change), setOf(hold)));
}

/** A predecessor's, whom clients may go on asking for (7.6). Not a failure of the record itself. */
function staleness(record: RecordEntry, { type, values, alias }: RecordSet): Failure {
  const target = alias === undefined ? values.join(', ') : `an alias of ${alias.name}`;
  const kind = type === 'A' ? 'IPv4' : 'IPv6';
  const problem =
    `its ${type} record (${target}) was left by a predecessor, and this instance has no public ${kind} address: ` +
    'some clients will go there. Delete that record, or write "stale": "delete"';
  return { ...failureOf(record, problem, 'stale'), critical: false };
}

// --- Changing it -----------------------------------------------------------------------------------------------------

/** What became of changes that were sent together: the id of their change, absent when it was only noted; or why it was refused. */
type Outcome =
  | { changes: RecordSetChange[]; changeId?: string }
  | { changes: RecordSetChange[]; problem: string; passing: boolean };

type Write = (changes: RecordSetChange[]) => Promise<Outcome>;

async function writeZone(write: Write, changes: RecordSetChange[]): Promise<Outcome[]> {
  const outcome = await write(changes);
  const records = [...Map.groupBy(changes, ({ entry }) => entry).values()];
  if (!('problem' in outcome) || outcome.passing || records.length === 1) return [outcome];
  const outcomes: Outcome[] = [];
  // Asked for at the same moment they would go out together again.
  for (const own of records) outcomes.push(await writeAfter(outcomes.at(-1), own, write));
  return outcomes;
}

/** Unless the one before did not get through: waiting for each in turn would take all the time that there is for a way down. */
async function writeAfter(last: Outcome | undefined, changes: RecordSetChange[], write: Write): Promise<Outcome> {
  if (last === undefined || !('problem' in last) || !last.passing) return write(changes);
  return { changes, problem: last.problem, passing: true };
}

function createWrite(recordSets: RecordSets, transaction: Transaction, { domain, records }: RecordsToWrite): Write {
  return async (changes) => {
    const hostedZone = changes[0]?.hostedZone ?? '';
    const holds = changes.map((change) => holdOf(domain, change));
    try {
      const write = () => recordSets.write(hostedZone, changes, transaction);
      const written = await transaction.holding(holds, write, ({ kind }) => kind === 'written');
      if (written.kind === 'changed') return { changes, problem: written.problem, passing: true };
      const { changeId } = written;
      await noteWaiting(changes, changeId);
      return { changes, ...(changeId === undefined ? {} : { changeId }) };
    } catch (error) {
      return { changes, problem: messageOf(error), passing: isPassing(error) };
    }
  };

  /** For a run after a crash; one that cannot be noted is waited for all the same. */
  async function noteWaiting(changes: RecordSetChange[], changeId: string | undefined): Promise<void> {
    const awaited = changes.filter(({ entry }) => records.some((record) => record.entry === entry && record.insync));
    if (changeId === undefined) return;
    // Asked for together they are written to disk together.
    await Promise.allSettled(awaited.map((change) => transaction.replace({ ...holdOf(domain, change), changeId })));
  }
}

function holdOf(domain: string, { hostedZone, before, after }: RecordSetChange): RecordSetHold {
  return { kind: 'record-set', domain, hostedZone, ...(before ? { before } : {}), ...(after ? { after } : {}) };
}

function failuresOf({ changes, problem }: { changes: RecordSetChange[]; problem: string }, records: RecordEntry[]) {
  return entriesOf(changes, records).map((record) => failureOf(record, problem));
}

function submittedOf(
  { changes, changeId }: { changes: RecordSetChange[]; changeId?: string },
  records: RecordEntry[],
): SubmittedChange[] {
  if (changeId === undefined) return [];
  return entriesOf(changes, records).flatMap(({ entry, insync }) => (insync ? [{ entry, changeId }] : []));
}

function entriesOf(changes: RecordSetChange[], records: RecordEntry[]): RecordEntry[] {
  return records.filter(({ entry }) => changes.some((change) => change.entry === entry));
}
