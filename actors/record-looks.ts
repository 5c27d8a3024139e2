/** Looks at what stands in DNS, begun while the volumes attach (behaviour.md 7.4). */

import type { RecordPlace, RecordSets } from '../adapters/route53.ts';
import { RECORDS_LOOK_LIFE_MS } from '../config/constants.ts';
import type { MonotonicMs, RecordEntry, RecordSet } from '../config/vocabulary.ts';
import type { Transactions } from './transaction.ts';

export interface RecordLooks {
  /** Begins to look at a domain's records. What goes wrong is found out by whoever reads. */
  begin(domain: string, records: readonly RecordEntry[]): void;
  /**
   * What the look that was begun has seen, once and while it is young; somebody may have changed it since. `undefined`: there is none, or
   * it went wrong.
   */
  early(record: RecordEntry, domain: string): Promise<RecordSet[] | undefined>;
  /**
   * What stands there now.
   * @throws AdapterError when Route 53 refuses.
   */
  read(record: RecordEntry, domain: string, signal: AbortSignal): Promise<RecordSet[]>;
}

/** @param now the monotonic clock. */
export function createRecordLooks(
  recordSets: Pick<RecordSets, 'read'>,
  transactions: Transactions,
  now: () => MonotonicMs = () => performance.now(),
): RecordLooks {
  const begun = new Map<string, { sets: Promise<RecordSet[] | undefined>; atMs: MonotonicMs }>();
  const keyOf = (domain: string, { entry }: RecordEntry) => JSON.stringify([domain, entry]);
  return {
    begin(domain, records) {
      const log = transactions.of(domain);
      for (const record of records) {
        const sets = recordSets.read(placeOf(record), log).catch(() => undefined);
        begun.set(keyOf(domain, record), { sets, atMs: now() });
      }
    },
    async early(record, domain) {
      const look = begun.get(keyOf(domain, record));
      begun.delete(keyOf(domain, record));
      const isYoung = look !== undefined && now() - look.atMs < RECORDS_LOOK_LIFE_MS;
      return isYoung ? await look.sets : undefined;
    },
    read: (record, domain, signal) => recordSets.read(placeOf(record), transactions.of(domain), signal),
  };
}

function placeOf({ hostedZone, name, setIdentifier }: RecordEntry): RecordPlace {
  return { hostedZone, name, ...(setIdentifier === undefined ? {} : { setIdentifier }) };
}
