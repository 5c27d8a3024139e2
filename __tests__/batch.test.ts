/** Asks of the same moment that become one call: by themselves, without any service. */

import { getEventListeners } from 'node:events';
import { atMost, createBatch, type Joins } from '../adapters/batch.ts';
import { AdapterError } from '../config/errors.ts';

/** Calls that end when told; each answers what it was asked in capitals. */
function performer() {
  const calls: Array<{ asks: string[]; signal: AbortSignal; answer(): void; fail(error: Error): void }> = [];
  const waiting: Array<() => void> = [];
  return {
    calls,
    perform(asks: string[], signal: AbortSignal): Promise<string[]> {
      const { promise, resolve, reject } = Promise.withResolvers<string[]>();
      calls.push({ asks, signal, answer: () => resolve(asks.map((ask) => ask.toUpperCase())), fail: reject });
      for (const tell of waiting.splice(0)) tell();
      return promise;
    },
    /** The call of this number, counted from 1, once it has begun. */
    async call(number: number) {
      while (calls.length < number) await new Promise<void>((resolve) => waiting.push(resolve));
      const call = calls[number - 1];
      if (call === undefined) throw new Error('there is none');
      return call;
    },
  };
}

/** Answers at once, and writes down what it was asked together. */
function quick(refuses: (asks: string[]) => Error | undefined = () => undefined) {
  const asked: string[][] = [];
  return {
    asked,
    perform(asks: string[]): Promise<string[]> {
      asked.push(asks);
      const error = refuses(asks);
      return error ? Promise.reject(error) : Promise.resolve(asks.map((ask) => ask.toUpperCase()));
    },
  };
}

const refusal = (retryable: boolean) => new AdapterError('Look', 'no', 'Ask somebody else.', { retryable });

describe('asks that come together', () => {
  it('become one call, and each hears its own answer', async () => {
    const { asked, perform } = quick();
    const batch = createBatch(perform);

    expect(await Promise.all([batch('a'), batch('b'), batch('a')])).toEqual(['A', 'B', 'A']);

    expect(asked).toEqual([['a', 'b', 'a']]);
  });

  it('do not wait for a call under way', async () => {
    const { call, perform } = performer();
    const batch = createBatch(perform);

    const first = batch('a');
    const slow = await call(1);
    const second = batch('b');
    (await call(2)).answer();

    expect(await second).toBe('B');
    slow.answer();
    expect(await first).toBe('A');
  });

  it('are never answered by a call that began before they came', async () => {
    const { call, calls, perform } = performer();
    const batch = createBatch(perform);

    void batch('a');
    (await call(1)).answer();
    const later = batch('a');
    (await call(2)).answer();

    await later;
    expect(calls).toHaveLength(2);
  });

  it('are several calls where one would be too large', async () => {
    const { asked, perform } = quick();
    const batch = createBatch(perform, { joins: atMost(5, (ask) => ask.length) });

    await Promise.all(['aaa', 'bbbb', 'cc', 'd'].map((ask) => batch(ask)));

    expect(asked).toEqual([
      ['aaa', 'cc'],
      ['bbbb', 'd'],
    ]);
  });

  it('are made though one of them is too large by itself', async () => {
    const { asked, perform } = quick();
    const batch = createBatch(perform, { joins: atMost(2, (ask) => ask.length) });

    await Promise.all(['aaa', 'b'].map((ask) => batch(ask)));

    expect(asked).toEqual([['aaa'], ['b']]);
  });
});

describe('an asker whose patience ends', () => {
  it('hears so at once, and the others hear their answers', async () => {
    const { call, perform } = performer();
    const batch = createBatch(perform);
    const patience = new AbortController();

    const impatient = batch('a', patience.signal);
    const patient = batch('b', new AbortController().signal);
    const underWay = await call(1);
    patience.abort(new Error('enough'));

    await expect(impatient).rejects.toThrow('enough');
    expect(underWay.signal.aborted).toBe(false);
    underWay.answer();
    expect(await patient).toBe('B');
  });

  it('leaves nothing behind at its signal, whatever becomes of its ask', async () => {
    const { perform } = quick((asks) => (asks.includes('bad') ? refusal(true) : undefined));
    const batch = createBatch(perform);
    const { signal } = new AbortController();

    await batch('a', signal);
    await expect(batch('bad', signal)).rejects.toThrow();

    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends the call when it was the last one', async () => {
    const { call, perform } = performer();
    const batch = createBatch(perform);
    const [one, other] = [new AbortController(), new AbortController()];

    const both = [batch('a', one.signal), batch('b', other.signal)];
    const { signal } = await call(1);
    one.abort();
    other.abort();

    await Promise.allSettled(both);
    expect(signal.aborted).toBe(true);
  });

  it('never ends the call of one who has all the time', async () => {
    const { call, perform } = performer();
    const batch = createBatch(perform);
    const patience = new AbortController();

    const impatient = batch('a', patience.signal);
    const patient = batch('b');
    const underWay = await call(1);
    patience.abort();

    await expect(impatient).rejects.toThrow();
    expect(underWay.signal.aborted).toBe(false);
    underWay.answer();
    await patient;
  });

  it('is not asked for when it ends before the call begins', async () => {
    const { asked, perform } = quick();
    const batch = createBatch(perform);
    const patience = new AbortController();

    const gone = [batch('a', patience.signal), batch('b', AbortSignal.abort())];
    const there = batch('c');
    patience.abort();

    await Promise.allSettled(gone);
    expect(await there).toBe('C');
    expect(asked).toEqual([['c']]);
  });

  it('makes no call when there is nobody else', async () => {
    const { asked, perform } = quick();
    const batch = createBatch(perform);

    await expect(batch('a', AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    await batch('b');

    expect(asked).toEqual([['b']]);
  });
});

describe('a call of several that fails', () => {
  it('is made again for each alone: nobody hears of an error that is not theirs', async () => {
    const { asked, perform } = quick((asks) => (asks.includes('bad') ? refusal(false) : undefined));
    const batch = createBatch(perform);

    const [good, bad, fine] = await Promise.allSettled([batch('good'), batch('bad'), batch('fine')]);

    expect(good).toMatchObject({ value: 'GOOD' });
    expect(bad).toMatchObject({ reason: { message: expect.stringContaining('Look: no') } });
    expect(fine).toMatchObject({ value: 'FINE' });
    expect(asked).toEqual([['good', 'bad', 'fine'], ['good'], ['bad'], ['fine']]);
  });

  it('in passing fails for all of them: asking once for each would only make it worse [6.3]', async () => {
    const { asked, perform } = quick(() => refusal(true));
    const batch = createBatch(perform);

    const outcomes = await Promise.allSettled([batch('a'), batch('b')]);

    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(asked).toEqual([['a', 'b']]);
  });

  it('is not made again for one who is gone by then', async () => {
    const { call, calls, perform } = performer();
    const batch = createBatch(perform);
    const patience = new AbortController();

    const gone = batch('a', patience.signal);
    const there = batch('b');
    const joined = await call(1);
    patience.abort();
    joined.fail(refusal(false));
    (await call(2)).answer();

    await expect(gone).rejects.toThrow();
    expect(await there).toBe('B');
    expect(calls.map(({ asks }) => asks)).toEqual([['a', 'b'], ['b']]);
  });
});

describe('a batch that keeps the order', () => {
  /** What begins with the same letter goes together. */
  const joins: Joins<string> = (ask, calls) => {
    const place = calls.findIndex(([first]) => first?.[0] === ask[0]);
    return place === -1 ? calls.length : place;
  };

  it('makes one call at a time, and gathers meanwhile', async () => {
    const { call, calls, perform } = performer();
    const batch = createBatch(perform, { inOrder: true });

    const first = batch('a');
    const slow = await call(1);
    const rest = [batch('b'), batch('c')];
    // Longer than asks gather: were they not kept waiting, they would be called for by then.
    await createBatch(async (asks: string[]) => asks)('x');
    await createBatch(async (asks: string[]) => asks)('x');
    expect(calls).toHaveLength(1);
    slow.answer();
    (await call(2)).answer();

    expect(await Promise.all([first, ...rest])).toEqual(['A', 'B', 'C']);
    expect(calls.map(({ asks }) => asks)).toEqual([['a'], ['b', 'c']]);
  });

  it('makes calls that do not go together one after the other', async () => {
    const { call, calls, perform } = performer();
    const batch = createBatch(perform, { inOrder: true, joins });

    const all = ['a1', 'b1', 'a2'].map((ask) => batch(ask));
    const first = await call(1);
    expect(calls).toHaveLength(1);
    first.answer();
    (await call(2)).answer();

    await Promise.all(all);
    expect(calls.map(({ asks }) => asks)).toEqual([['a1', 'a2'], ['b1']]);
  });

  it('goes on after a failure, each alone in its turn', async () => {
    const { asked, perform } = quick((asks) => (asks.includes('a2') ? refusal(false) : undefined));
    const batch = createBatch(perform, { inOrder: true, joins });

    const outcomes = await Promise.allSettled(['a1', 'a2', 'a3', 'b'].map((ask) => batch(ask)));

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(asked).toEqual([['a1', 'a2', 'a3'], ['a1'], ['a2'], ['a3'], ['b']]);
  });

  it('makes each of those calls only after the one before it', async () => {
    const { call, calls, perform } = performer();
    const batch = createBatch(perform, { inOrder: true });

    const all = ['a', 'b'].map((ask) => batch(ask));
    (await call(1)).fail(refusal(false));
    const first = await call(2);
    expect(calls).toHaveLength(2);
    first.answer();
    (await call(3)).answer();

    expect(await Promise.all(all)).toEqual(['A', 'B']);
  });

  it('makes no call for those who have gone while they waited', async () => {
    const { call, calls, perform } = performer();
    const batch = createBatch(perform, { inOrder: true, joins });
    const patience = new AbortController();

    const first = batch('a');
    const gone = batch('b', patience.signal);
    const underWay = await call(1);
    patience.abort();
    underWay.answer();

    await first;
    await expect(gone).rejects.toThrow();
    const last = batch('c');
    (await call(2)).answer();
    await last;
    expect(calls.map(({ asks }) => asks)).toEqual([['a'], ['c']]);
  });
});
