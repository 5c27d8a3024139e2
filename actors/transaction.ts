/** What each domain asked of AWS and holds of it: every change is journalled first. `{transaction_log}` is read from here. */

import type { CallLog } from '../adapters/aws.ts';
import type { StateDir } from '../adapters/state-dir.ts';
import { isPassing } from '../config/errors.ts';
import type { AttachmentHold, CreationHold, Hold, LoggedCall } from '../config/vocabulary.ts';
import {
  attachmentOf,
  creationFor,
  isCreated,
  withCommands,
  withHold,
  withMoreKnown,
  withoutCommitted,
  withoutHold,
  withoutTaken,
  withPrepared,
} from './journal.ts';

/** Older looks are forgotten: a volume may be waited for all day (4.4). */
const LOOKS_KEPT = 100;

export interface Transaction extends CallLog {
  /** The domain's calls in the order they were made: every change, and the latest looks. */
  calls(): LoggedCall[];
  /** What it holds, the oldest first, left behind by earlier runs or taken by this one. */
  holds(): Hold[];
  /**
   * Writes down what is about to be held, and makes the change. What turns out not to be held is taken from the journal again; a
   * refusal that may have been an effect without an answer leaves it there.
   * @param isTaken whether an outcome means that it is held now.
   * @throws AdapterError also when the journal cannot be written; then the change is not made.
   */
  holding<Outcome>(
    holds: Hold[],
    change: () => Promise<Outcome>,
    isTaken: (outcome: Outcome) => boolean,
  ): Promise<Outcome>;
  /** Takes one from the journal, since it was given back. */
  drop(hold: Hold): Promise<void>;
  /** Puts another in its place: more is known of the same thing. */
  replace(hold: Hold): Promise<void>;
  /** Notes that the commands of a volume have all succeeded once. */
  notePrepared(volumeId: string): Promise<void>;
  /** Notes that commands of a volume are about to run, which may reach the others (6.10), until it is prepared. */
  noteCommands(volumeId: string): Promise<void>;
  /** Whether commands of another volume may be running. */
  isTouched(volumeId: string): boolean;
  /** The attachment of a volume, by this run or one before it that has not committed. */
  attachment(volumeId: string): AttachmentHold | undefined;
  /** What was created for a device, or may have been. */
  creation(device: string): CreationHold | undefined;
  /** Whether a volume was created here and not committed yet. */
  isCreated(volumeId: string): boolean;
  /** The point of no return: what is held now is given back no more. */
  commit(): Promise<void>;
}

export interface Transactions {
  /** False: changes are only noted (`--enable-init=0`). */
  changes: boolean;
  of(domain: string): Transaction;
}

export interface TransactionOptions {
  journal: Pick<StateDir, 'holds' | 'changeHolds'>;
  /** False: changes are only noted (`--enable-init=0`). */
  changes: boolean;
  /** Is told each change that was only noted. */
  onDry?: (call: LoggedCall) => void;
}

export function createTransactions(options: TransactionOptions): Transactions {
  const transactions = new Map<string, Transaction>();
  return {
    changes: options.changes,
    of(domain) {
      const transaction = transactions.get(domain) ?? createTransaction(domain, options);
      transactions.set(domain, transaction);
      return transaction;
    },
  };
}

function createTransaction(domain: string, options: TransactionOptions): Transaction {
  const { journal, changes } = options;
  const of = (volumeId: string) => ({ domain, volumeId });
  /** Volumes whose commands may be running. */
  const underWay = new Set<string>();
  /** What is really held is nothing that a dry run may forget. */
  const write: StateDir['changeHolds'] = async (change) => (changes ? journal.changeHolds(change) : undefined);
  return {
    ...createCallLog(domain, options),
    holds: () => journal.holds().filter((hold) => hold.domain === domain),
    async holding(taken, change, isTaken) {
      if (!changes) return change();
      const before = journal.holds();
      await write((holds) => taken.reduce(withHold, holds));
      let outcome: Awaited<ReturnType<typeof change>>;
      try {
        outcome = await change();
      } catch (error) {
        // The refusal is the news; a line too many in the journal only costs a look.
        if (!isPassing(error)) await write((holds) => withoutTaken(holds, taken, before)).catch(() => {});
        throw error;
      }
      // What was held before may have become so without an answer, and is.
      if (!isTaken(outcome)) await write((holds) => withoutTaken(holds, taken, before));
      return outcome;
    },
    drop: (hold) => write((holds) => withoutHold(holds, hold)),
    replace: (hold) => write((holds) => withMoreKnown(holds, hold)),
    notePrepared(volumeId) {
      underWay.delete(volumeId);
      return write((holds) => withPrepared(holds, of(volumeId)));
    },
    noteCommands(volumeId) {
      underWay.add(volumeId);
      return write((holds) => withCommands(holds, of(volumeId)));
    },
    isTouched: (volumeId) => [...underWay].some((other) => other !== volumeId),
    attachment: (volumeId) => attachmentOf(journal.holds(), of(volumeId)),
    creation: (device) => creationFor(journal.holds(), { domain, device }),
    isCreated: (volumeId) => isCreated(journal.holds(), of(volumeId)),
    commit: () => write((holds) => withoutCommitted(holds, (owner) => owner === domain)),
  };
}

function createCallLog(
  domain: string,
  { changes, onDry }: TransactionOptions,
): Pick<Transaction, 'look' | 'change' | 'calls'> {
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
