import { ASLEEP_JUMP_MS } from '../config/constants.ts';
import type { InterruptionNotice } from '../config/vocabulary.ts';
import {
  type NoticeLook,
  type NoticeWatchInput,
  noticeWatchMachine,
  type noticeWatchSteps,
  type WatchNews,
} from '../machines/notice-watch.ts';
import { notice } from './helpers/domain.ts';
import { createScript, type Doing, held, refused, resolves, started } from './helpers/scripted.ts';

/** By the wall clock, some day in 2030. */
const DAY_MS = Date.UTC(2030, 0, 1);

const later: InterruptionNotice = { ...notice, action: 'stop', key: 'stop 2030-01-01T00:05:00.000Z' };

/** An answer at this moment by the monotonic clock; the wall clock goes along with it, but for what it is ahead. */
function answer(atMs: number, { ahead = 0, notice: shown }: { ahead?: number; notice?: InterruptionNotice } = {}) {
  const look: NoticeLook = { atMs, wallMs: DAY_MS + atMs + ahead, ...(shown ? { notice: shown } : {}) };
  return resolves(look);
}

const nothingYet = answer(5_000);
const seen = answer(5_000, { notice });

const noticed = (of = notice): WatchNews => ({ type: 'interruption.noticed', notice: of });
const resumed: WatchNews = { type: 'instance.resumed' };

/** A watch that looks every second, unless told otherwise. */
function scripted(looks: Doing[], input: Partial<NoticeWatchInput> = {}) {
  const script = createScript({ look: looks });
  const told: WatchNews[] = [];
  const machine = noticeWatchMachine.provide({
    actors: {
      look: script.step<(typeof noticeWatchSteps)['look']>('look', { atMs: 0, wallMs: 0 }),
    } satisfies typeof noticeWatchSteps,
    actions: { tell: (_, news: WatchNews) => void told.push(news) },
  });
  const watch = started(machine, { intervalMs: 1_000, ...input });
  return {
    ...watch,
    script,
    told,
    /** Lets as many looks be made as the test has answers for. */
    lookThrough() {
      for (const _ of looks) watch.clock.ringNext();
    },
    /** How many milliseconds it is until it looks again. */
    untilNextLook() {
      const { nowMs } = watch.clock;
      watch.clock.ringNext();
      return watch.clock.nowMs - nowMs;
    },
    get state(): string {
      return watch.state;
    },
    get context() {
      return watch.actor.getSnapshot().context;
    },
  };
}

/** What a watch tells of these answers. */
function toldOf(looks: Doing[], input: Partial<NoticeWatchInput> = {}): WatchNews[] {
  const watch = scripted(looks, input);
  watch.lookThrough();
  return watch.told;
}

describe('the notice watch', () => {
  it('looks at every interval, counted from the answer before: the first look of all was made by others [9.1]', () => {
    const watch = scripted([nothingYet]);
    const before = { state: watch.state, taken: [...watch.script.taken] };

    expect(before).toEqual({ state: 'pausing', taken: [] });
    expect([watch.untilNextLook(), watch.untilNextLook(), watch.untilNextLook()]).toEqual([1_000, 1_000, 1_000]);
    expect(watch.script.taken).toHaveLength(3);
  });

  it('never has two looks at a time [9.1]', () => {
    const watch = scripted([held]);

    watch.clock.increment(60_000);

    expect(watch.script.taken).toEqual(['look']);
    expect(watch.state).toBe('looking');
  });

  it('has nothing to tell while there is no notice [9.4]', () => {
    const watch = scripted([nothingYet]);

    watch.clock.increment(60_000);

    expect(watch.told).toEqual([]);
    expect(watch.errors).toEqual([]);
  });

  it('never ends: after a notice it looks on as before [9.1, 9.5]', () => {
    const watch = scripted([seen]);
    watch.untilNextLook();

    expect([watch.untilNextLook(), watch.untilNextLook()]).toEqual([1_000, 1_000]);
    expect(watch.state).toBe('pausing');
  });
});

describe('a notice', () => {
  it('is told once, in as many looks as it shows [9.5]', () => {
    expect(toldOf([nothingYet, seen, seen, seen])).toEqual([noticed()]);
  });

  it('is told as it was seen first [9.2]', () => {
    const watch = scripted([seen, answer(6_000, { notice: { ...notice, leftMs: 1, seenAtMs: 6_000 } })]);

    watch.lookThrough();

    expect(watch.told).toEqual([noticed()]);
  });

  it('that is another one, of another time or action, is told as well [9.5]', () => {
    expect(toldOf([seen, answer(6_000, { notice: later })])).toEqual([noticed(), noticed(later)]);
  });

  it('that was told is none any more, however often others come between [9.5]', () => {
    const other = answer(6_000, { notice: later });

    expect(toldOf([seen, other, seen, other])).toEqual([noticed(), noticed(later)]);
  });

  it('that was known before the watch began is no news [5.3, 9.5]', () => {
    expect(toldOf([seen, answer(6_000, { notice: later })], { known: notice.key })).toEqual([noticed(later)]);
  });

  it('is seen after a time without answers [9.4]', () => {
    expect(toldOf([refused, seen])).toEqual([noticed()]);
  });
});

describe('a notice that is gone', () => {
  it('tells that the instance lives on, once [5.5]', () => {
    expect(toldOf([seen, nothingYet, nothingYet])).toEqual([noticed(), resumed]);
  });

  it('tells so also when it was known before the watch began [5.5]', () => {
    expect(toldOf([nothingYet, nothingYet], { known: notice.key })).toEqual([resumed]);
  });

  it('tells nothing while nobody answers: silence is no answer [5.5, 9.4]', () => {
    expect(toldOf([seen, refused, refused])).toEqual([noticed()]);
  });

  it('tells so after such a silence [5.5, 9.4]', () => {
    expect(toldOf([seen, refused, nothingYet])).toEqual([noticed(), resumed]);
  });

  it('tells so again when it has come back and is gone once more [5.5]', () => {
    expect(toldOf([seen, nothingYet, seen, nothingYet])).toEqual([noticed(), resumed, resumed]);
  });
});

describe('the wall clock', () => {
  it.each([
    { what: 'goes along', ahead: 0, told: [] },
    { what: 'jumps by no more than a clock may be set right by', ahead: ASLEEP_JUMP_MS, told: [] },
    { what: 'jumps ahead by more: the machine was asleep', ahead: ASLEEP_JUMP_MS + 1, told: [resumed] },
    { what: 'jumps back: nobody sleeps backwards', ahead: -3_600_000, told: [] },
  ])('that $what tells $told.length times of a resumption [5.5]', ({ ahead, told }) => {
    expect(toldOf([answer(5_000), answer(6_000, { ahead }), answer(7_000, { ahead })])).toEqual(told);
  });

  it('has nothing to be held against at the first answer [5.5]', () => {
    expect(toldOf([answer(5_000, { ahead: 3_600_000 })])).toEqual([]);
  });

  it('is held against the answer before, so that small steps do not add up [5.5]', () => {
    const drifting = [0, 9_000, 18_000, 27_000].map((ahead, i) => answer(i * 1_000, { ahead }));

    expect(toldOf(drifting)).toEqual([]);
  });

  it('is held against the last answer there was, over all looks without one [5.5, 9.4]', () => {
    expect(toldOf([answer(5_000), refused, refused, answer(6_000, { ahead: 3_600_000 })])).toEqual([resumed]);
  });

  it('that has jumped while the notice still shows tells of a resumption, not of the notice again [5.5]', () => {
    expect(toldOf([seen, answer(6_000, { ahead: 3_600_000, notice })])).toEqual([noticed(), resumed]);
  });

  it('that has jumped while a new notice shows tells of that one, and then that its sleep is over [5.5, 9.5]', () => {
    expect(toldOf([answer(5_000), answer(6_000, { ahead: 3_600_000, notice })])).toEqual([
      noticed(),
      { type: 'instance.resumed' },
    ]);
  });

  it.each([
    { what: 'a resumption', first: [nothingYet] },
    { what: 'the end of a notice', first: [seen] },
    { what: 'a new notice', first: [nothingYet], shown: notice },
  ])('is right again after $what: the next answer is held against that one [5.5]', ({ first, shown }) => {
    const jumped = answer(6_000, { ahead: 3_600_000, ...(shown ? { notice: shown } : {}) });
    const after = answer(7_000, { ahead: 3_600_000, ...(shown ? { notice: shown } : {}) });
    const before = toldOf([...first, jumped]);

    expect(toldOf([...first, jumped, after])).toEqual(before);
  });
});

describe('a watch that gets an answer', () => {
  it.each([
    { what: 'nothing', input: {}, looks: [nothingYet] },
    { what: 'a notice', input: {}, looks: [seen] },
    { what: 'the end of a notice', input: { known: notice.key }, looks: [nothingYet] },
    { what: 'that the machine was asleep', input: {}, looks: [answer(4_000, { ahead: -3_600_000 }), nothingYet] },
    { what: 'a notice after a sleep', input: {}, looks: [answer(4_000, { ahead: -3_600_000 }), seen] },
  ])('is not blind, whatever it sees: $what [9.4, 11.2]', ({ input, looks }) => {
    const watch = scripted(looks, input);

    watch.lookThrough();

    expect(watch.state).toBe('pausing');
  });
});

describe('a watch that gets no answer', () => {
  it.each([
    { intervalMs: 1_000, pauses: [1_000, 2_000, 4_000, 5_000, 5_000] },
    { intervalMs: 100, pauses: [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] },
    { intervalMs: 30_000, pauses: [30_000, 30_000] },
  ])('looks again after $pauses ms, at an interval of $intervalMs [9.4]', ({ intervalMs, pauses }) => {
    const watch = scripted([refused], { intervalMs });
    watch.clock.increment(intervalMs);

    expect(pauses.map(() => watch.untilNextLook())).toEqual(pauses);
  });

  it('counts the looks without an answer, with the reason, for the status [9.4]', () => {
    const watch = scripted([nothingYet, refused]);

    watch.clock.increment(3_000);

    expect(watch.state).toBe('blind');
    expect(watch.context).toMatchObject({ missed: 2, problem: 'refused', answeredAtMs: 5_000 });
  });

  it.each([
    { what: 'nothing', input: {}, back: nothingYet },
    { what: 'a notice', input: {}, back: seen },
    { what: 'the end of a notice', input: { known: notice.key }, back: nothingYet },
  ])('is at its interval again once the answer is $what, as if nothing had been [9.4]', ({ input, back }) => {
    const watch = scripted([refused, refused, refused, back], input);
    watch.clock.increment(1_000 + 1_000 + 2_000 + 4_000);

    expect(watch.context).toMatchObject({ missed: 0, problem: undefined, answeredAtMs: 5_000 });
    expect(watch.untilNextLook()).toBe(1_000);
  });
});
