import { createDeduplication, isFifoToken, sequenceNumber } from '../simulator/fifo.ts';

describe('what FIFO topics and queues of the simulator have in common [13.1]', () => {
  it('knows a deduplication id for five minutes from its first message, however often it comes', () => {
    let nowMs = 0;
    const recent = createDeduplication<string>({ now: () => nowMs });
    recent.add('news.fifo once', 'first');

    const found = [0, 120_000, 299_999, 300_000].map((ms) => {
      nowMs = ms;
      return recent.find('news.fifo once');
    });

    expect(found).toEqual(['first', 'first', 'first', undefined]);
  });

  it('takes an id again once it is forgotten, for five minutes more', () => {
    let nowMs = 0;
    const recent = createDeduplication<string>({ now: () => nowMs });
    recent.add('once', 'first');
    nowMs = 300_000;
    recent.add('once', 'second');
    nowMs = 599_999;

    expect(recent.find('once')).toBe('second');
  });

  it.each([
    { token: 'i-0123456789abcdef0', isOne: true },
    { token: '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', isOne: true },
    { token: 'x'.repeat(128), isOne: true },
    { token: 'x'.repeat(129), isOne: false },
    { token: '', isOne: false },
    { token: 'a b', isOne: false },
    { token: 'ü', isOne: false },
    { token: 'a\n', isOne: false },
  ])('says $isOne of $token as a group or deduplication id', ({ token, isOne }) => {
    expect(isFifoToken(token)).toBe(isOne);
  });

  it('numbers messages with 20 digits, growing', () => {
    const numbers = Array.from({ length: 10 }, sequenceNumber);

    expect(numbers.toSorted()).toEqual(numbers);
    expect(new Set(numbers).size).toBe(10);
    expect(numbers.every((number) => /^\d{20}$/.test(number))).toBe(true);
  });
});
