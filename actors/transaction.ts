/** What each domain asked of AWS; `{transaction_log}` is read from here. */

import type { CallLog } from '../adapters/aws.ts';
import type { LoggedCall } from '../config/vocabulary.ts';

/** Older looks are forgotten: a volume may be waited for all day (4.4). */
const LOOKS_KEPT = 100;

export interface Transaction extends CallLog {
  /** The domain's calls in the order they were made: every change, and the latest looks. */
  calls(): LoggedCall[];
}

export interface Transactions {
  of(domain: string): Transaction;
}

export interface TransactionOptions {
  /** False: changes are only noted (`--enable-init=0`). */
  changes: boolean;
  /** Is told each change that was only noted. */
  onDry?: (call: LoggedCall) => void;
}

export function createTransactions({ changes, onDry }: TransactionOptions): Transactions {
  const transactions = new Map<string, Transaction>();
  return {
    of(domain) {
      const transaction = transactions.get(domain) ?? createTransaction(domain, changes, onDry);
      transactions.set(domain, transaction);
      return transaction;
    },
  };
}

function createTransaction(domain: string, changes: boolean, onDry: TransactionOptions['onDry']): Transaction {
  let log: Array<LoggedCall & { look: boolean }> = [];
  return {
    look(method, param) {
      log.push({ platform: 'aws', domain, method, param, dry: false, look: true });
      const looks = log.filter(({ look }) => look);
      if (looks.length > LOOKS_KEPT) log = log.filter((call) => call !== looks[0]);
    },
    change(method, param) {
      const call: LoggedCall = { platform: 'aws', domain, method, param, dry: !changes };
      log.push({ ...call, look: false });
      if (!changes) onDry?.(call);
      return Promise.resolve(changes);
    },
    calls: () => log.map(({ look: _, ...call }) => call),
  };
}
