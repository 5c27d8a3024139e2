/**
 * Asks of one kind that come at the same moment become one call. A batch belongs to nobody: no asker's end, and no asker's
 * error, is another's.
 */

import { isPassing } from '../config/errors.ts';

/** One asker's way in. Whoever's signal is aborted hears its reason at once; the call goes on while anybody waits for it. */
export type Batch<Ask, Answer> = (ask: Ask, signal?: AbortSignal) => Promise<Answer>;

/** Which of the calls so far an ask joins, by its place among them; their number: none, it begins a new one. */
export type Joins<Ask> = (ask: Ask, calls: readonly (readonly Ask[])[]) => number;

export interface BatchOptions<Ask> {
  /** Absent: all asks are one call. */
  joins?: Joins<Ask>;
  /** For changes, whose order counts: calls are made one after the other; what is asked meanwhile gathers. */
  inOrder?: boolean;
}

/** How long asks gather. Source: entries that begin together ask within a few milliseconds, a call takes a hundred. */
const GATHER_MS = 10;

/**
 * @param perform makes the call; gives an answer for each ask, in their order. Its signal is aborted when nobody waits for an
 * answer any more. When a call of several fails, and not in passing, each asks again alone.
 */
export function createBatch<Ask, Answer>(
  perform: (asks: Ask[], signal: AbortSignal) => Promise<Answer[]>,
  { joins = () => 0, inOrder = false }: BatchOptions<NoInfer<Ask>> = {},
): Batch<Ask, Answer> {
  let gathered: Asker<Ask, Answer>[] = [];
  let isBusy = false;

  return (ask, signal) => {
    const asker = createAsker<Ask, Answer>(ask, signal);
    gathered.push(asker);
    if (gathered.length === 1 && !isBusy) setTimeout(makeCalls, GATHER_MS);
    return asker.answered;
  };

  async function makeCalls(): Promise<void> {
    const calls = partedBy(joins, gathered);
    gathered = [];
    if (!inOrder) return void calls.map(makeCall);
    isBusy = true;
    for (const call of calls) await makeCall(call);
    isBusy = false;
    if (gathered.length > 0) setTimeout(makeCalls, GATHER_MS);
  }

  /** Ends when everybody has heard something; never fails. */
  async function makeCall(call: readonly Asker<Ask, Answer>[]): Promise<void> {
    // While they gathered, or a call before this one was under way, somebody may have gone.
    const askers = call.filter(({ waits }) => waits());
    if (askers.length === 0) return;
    const patience = patienceOf(askers);
    try {
      const asks = askers.map(({ ask }) => ask);
      const answers = await perform(asks, patience);
      for (const [index, { answer }] of askers.entries()) answer(answers[index] as Answer);
    } catch (error) {
      if (askers.length > 1 && !isPassing(error)) return await makeEachAlone(askers);
      for (const { refuse } of askers) refuse(error);
    }
  }

  async function makeEachAlone(askers: readonly Asker<Ask, Answer>[]): Promise<void> {
    if (!inOrder) return void (await Promise.all(askers.map((asker) => makeCall([asker]))));
    for (const asker of askers) await makeCall([asker]);
  }
}

/** Calls of limited size. */
export function atMost<Ask>(limit: number, sizeOf: (ask: Ask) => number = () => 1): Joins<Ask> {
  const sum = (asks: readonly Ask[]) => asks.reduce((size, ask) => size + sizeOf(ask), 0);
  return (ask, calls) => {
    const place = calls.findIndex((call) => sum(call) + sizeOf(ask) <= limit);
    return place === -1 ? calls.length : place;
  };
}

/** One who waits for an answer, until there is one or the patience is over. */
interface Asker<Ask, Answer> {
  ask: Ask;
  answered: Promise<Answer>;
  answer(answer: Answer): void;
  refuse(reason: unknown): void;
  waits(): boolean;
  /** The listener hears when the patience is over before there is an answer. */
  onLeaving(listener: () => void): void;
}

function createAsker<Ask, Answer>(ask: Ask, signal: AbortSignal | undefined): Asker<Ask, Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let isWaiting = true;
  let left = () => {};
  const end = () => {
    isWaiting = false;
    signal?.removeEventListener('abort', leave);
  };
  const refuse = (reason: unknown) => {
    end();
    reject(reason);
  };
  const leave = () => {
    refuse(signal?.reason);
    left();
  };
  if (signal?.aborted) leave();
  else signal?.addEventListener('abort', leave, { once: true });
  return {
    ask,
    answered: promise,
    answer(answer) {
      end();
      resolve(answer);
    },
    refuse,
    waits: () => isWaiting,
    onLeaving(listener) {
      left = listener;
    },
  };
}

/** Askers by the calls that they join. */
function partedBy<Ask, One extends { ask: Ask }>(joins: Joins<Ask>, askers: readonly One[]): One[][] {
  const calls: One[][] = [];
  const asks: Ask[][] = [];
  for (const asker of askers) {
    const place = joins(asker.ask, asks);
    calls[place] = [...(calls[place] ?? []), asker];
    asks[place] = [...(asks[place] ?? []), asker.ask];
  }
  return calls;
}

/** Aborted when the last of them has gone. */
function patienceOf(askers: readonly Pick<Asker<unknown, unknown>, 'waits' | 'onLeaving'>[]): AbortSignal {
  const controller = new AbortController();
  const whenOneLeaves = () => {
    if (!askers.some(({ waits }) => waits())) controller.abort();
  };
  for (const { onLeaving } of askers) onLeaving(whenOneLeaves);
  return controller.signal;
}
