import { type Deadline, deadlineOfNotice, deadlineOfStop, sooner } from '../machines/deadline.ts';
import { notice } from './helpers/domain.ts';

describe('the time of a notice', () => {
  it.each([
    { leftMs: 120_000, commandsMs: 111_000, why: 'less 10 s for the messages' },
    { leftMs: 31_000, commandsMs: 22_000, why: 'less 10 s for the messages' },
    { leftMs: 30_000, commandsMs: 21_000, why: 'less 10 s for the messages' },
    { leftMs: 29_999, commandsMs: 21_000, why: 'but at least 20 s' },
    { leftMs: 0, commandsMs: 21_000, why: 'but at least 20 s, also when it is past or missing' },
  ])('is the commands’ $why: $leftMs ms left at 1,000 end at $commandsMs [9.3]', ({ leftMs, commandsMs }) => {
    const deadline = deadlineOfNotice({ ...notice, leftMs, seenAtMs: 1_000 }, false);

    expect(deadline).toEqual({ commandsMs, allMs: commandsMs });
  });

  it.each([
    { leftMs: 120_000, commandsMs: 91_000, allMs: 111_000 },
    { leftMs: 50_000, commandsMs: 21_000, allMs: 41_000 },
    { leftMs: 49_999, commandsMs: 21_000, allMs: 41_000 },
    { leftMs: 0, commandsMs: 21_000, allMs: 41_000 },
  ])(
    'leaves 20 s more for what is released: $leftMs ms left at 1,000 end at $commandsMs and $allMs [9.3]',
    ({ leftMs, ...deadline }) => {
      expect(deadlineOfNotice({ ...notice, leftMs, seenAtMs: 1_000 }, true)).toEqual(deadline);
    },
  );
});

describe('the time of a stop', () => {
  it('is all the commands’ when nothing is released [5.6]', () => {
    expect(deadlineOfStop(1_000, 90_000, false)).toEqual({ commandsMs: 91_000, allMs: 91_000 });
  });

  it.each([
    { stopMs: 90_000, commandsMs: 71_000, allMs: 91_000, reserve: '20 s' },
    { stopMs: 60_000, commandsMs: 41_000, allMs: 61_000, reserve: '20 s' },
    { stopMs: 30_000, commandsMs: 21_000, allMs: 31_000, reserve: 'a third' },
    { stopMs: 3_000, commandsMs: 3_000, allMs: 4_000, reserve: 'a third' },
  ])('leaves $reserve of $stopMs ms for what is released [5.6, 9.3]', ({ stopMs, commandsMs, allMs }) => {
    expect(deadlineOfStop(1_000, stopMs, true)).toEqual({ commandsMs, allMs });
  });
});

describe('the sooner of two times', () => {
  const one: Deadline = { commandsMs: 10, allMs: 40 };

  it('is the only one there is [5.6]', () => {
    expect(sooner(undefined, one)).toEqual(one);
  });

  it.each([
    { other: { commandsMs: 20, allMs: 30 }, expected: { commandsMs: 10, allMs: 30 } },
    { other: { commandsMs: 5, allMs: 50 }, expected: { commandsMs: 5, allMs: 40 } },
  ])('is the sooner for the commands and the sooner for all [5.6]', ({ other, expected }) => {
    expect(sooner(one, other)).toEqual(expected);
    expect(sooner(other, one)).toEqual(expected);
  });
});
