import { type InterruptionNoticed, noticeWatchMachine, type noticeWatchSteps } from '../machines/notice-watch.ts';
import { notice } from './helpers/domain.ts';
import { createScript, type Doing, held, refused, resolves, started } from './helpers/scripted.ts';

const nothingYet = resolves({ atMs: 5_000 });
const seen = resolves({ notice, atMs: 5_000 });

/** A watch that looks every second, unless told otherwise. */
function scripted(looks: Doing[], intervalMs = 1_000) {
  const script = createScript({ look: looks });
  const told: InterruptionNoticed[] = [];
  const machine = noticeWatchMachine.provide({
    actors: {
      look: script.step<(typeof noticeWatchSteps)['look']>('look', { atMs: 0 }),
    } satisfies typeof noticeWatchSteps,
    actions: { tell: (_, noticed: InterruptionNoticed) => void told.push(noticed) },
  });
  const watch = started(machine, { intervalMs });
  return {
    ...watch,
    script,
    told,
    /** How many milliseconds it is until it looks again. */
    untilNextLook() {
      const looksBefore = script.taken.length;
      let waitedMs = 0;
      for (; script.taken.length === looksBefore && waitedMs < 60_000; waitedMs += 100) watch.clock.increment(100);
      return waitedMs;
    },
    get state(): string {
      return watch.state;
    },
    get context() {
      return watch.actor.getSnapshot().context;
    },
  };
}

describe('the notice watch', () => {
  it('looks at every interval, counted from the answer [9.1]', () => {
    const watch = scripted([nothingYet]);

    expect([watch.untilNextLook(), watch.untilNextLook(), watch.untilNextLook()]).toEqual([1_000, 1_000, 1_000]);
  });

  it('never has two looks at a time [9.1]', () => {
    const watch = scripted([held]);

    watch.clock.increment(60_000);

    expect(watch.script.taken).toEqual(['look']);
    expect(watch.state).toBe('looking');
  });

  it('tells of a notice once, and has done its work [9.5]', () => {
    const watch = scripted([nothingYet, seen]);

    watch.clock.increment(60_000);

    expect(watch.told).toEqual([{ type: 'interruption.noticed', notice }]);
    expect(watch.state).toBe('noticed');
    expect(watch.script.taken).toHaveLength(2);
  });

  it('has nothing to tell while there is no notice [9.4]', () => {
    const watch = scripted([nothingYet]);

    watch.clock.increment(60_000);

    expect(watch.told).toEqual([]);
    expect(watch.errors).toEqual([]);
  });

  it.each([
    { intervalMs: 1_000, pauses: [1_000, 2_000, 4_000, 5_000, 5_000] },
    { intervalMs: 100, pauses: [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] },
    { intervalMs: 30_000, pauses: [30_000, 30_000] },
  ])(
    'that gets no answer looks again after $pauses ms, at an interval of $intervalMs [9.4]',
    ({ intervalMs, pauses }) => {
      const watch = scripted([refused], intervalMs);
      watch.clock.increment(intervalMs);

      expect(pauses.map(() => watch.untilNextLook())).toEqual(pauses);
    },
  );

  it('counts the looks without an answer, with the reason, for the status [9.4]', () => {
    const watch = scripted([nothingYet, refused]);

    watch.clock.increment(3_000);

    expect(watch.state).toBe('blind');
    expect(watch.context).toMatchObject({ missed: 2, problem: 'refused', answeredAtMs: 5_000 });
  });

  it('that gets an answer again is at its interval again, as if nothing had been [9.4]', () => {
    const watch = scripted([refused, refused, refused, nothingYet]);
    watch.clock.increment(1_000 + 1_000 + 2_000 + 4_000);

    expect(watch.context).toMatchObject({ missed: 0, problem: undefined });
    expect(watch.untilNextLook()).toBe(1_000);
  });

  it('sees a notice after it was blind [9.4]', () => {
    const watch = scripted([refused, seen]);

    watch.clock.increment(2_000);

    expect(watch.told).toHaveLength(1);
  });
});
