import fc from 'fast-check';
import { ASLEEP_JUMP_MS, BLIND_PAUSE_MS } from '../config/constants.ts';
import { type NoticeLook, noticeWatchMachine, type WatchNews } from '../machines/notice-watch.ts';
import { notice } from './helpers/domain.ts';
import { begin, type Model, walkedThrough } from './helpers/model.ts';
import { refused, resolves } from './helpers/scripted.ts';

const input = { intervalMs: 1_000 };
const keys = ['terminate 1', 'stop 2', 'hibernate 3'];

const model: Model<typeof noticeWatchMachine> = {
  machine: noticeWatchMachine,
  inputs: [input, { ...input, known: notice.key }],
  outcomes: {
    look: [
      resolves({ atMs: 0, wallMs: 0 }),
      resolves({ atMs: 0, wallMs: 0, notice }),
      resolves({ atMs: 0, wallMs: 3_600_000 }),
      resolves({ atMs: 0, wallMs: 3_600_000, notice }),
      refused,
    ],
  },
  guarded: ({ told, noticed, aheadMs }) => [told, noticed, aheadMs],
};

/** A look: which notice it shows, if any, and how far the wall clock has moved ahead since the one before. */
const look = fc.record({
  key: fc.option(fc.constantFrom(...keys), { nil: undefined }),
  stepMs: fc.constantFrom(0, 0, 0, ASLEEP_JUMP_MS, ASLEEP_JUMP_MS + 1, -3_600_000),
});
const looks = fc.array(fc.option(look, { freq: 4 }), { maxLength: 25 });

type Looks = Array<{ key: string | undefined; stepMs: number } | null>;

/** What the looks give; nothing: no answer. */
function answersOf(given: Looks): Array<NoticeLook | undefined> {
  let aheadMs = 0;
  return given.map((each, i) => {
    if (each === null) return undefined;
    aheadMs += each.stepMs;
    const shown = each.key === undefined ? {} : { notice: { ...notice, key: each.key } };
    return { atMs: i * 1_000, wallMs: i * 1_000 + aheadMs, ...shown };
  });
}

/** A watch that has had these answers, what it told at each, and how long it paused before each look. */
function watched(answers: Array<NoticeLook | undefined>) {
  const told: WatchNews[] = [];
  const machine = noticeWatchMachine.provide({ actions: { tell: (_, news) => void told.push(news) } });
  const run = begin({ ...model, machine }, input);
  const at = answers.map((answer) => {
    const before = run.place.nowMs;
    run.happen({ kind: 'rings' });
    const pauseMs = run.place.nowMs - before;
    const [way] = run.next();
    const how = answer ? resolves(answer) : refused;
    const already = told.length;
    if (way?.kind === 'ends') run.happen({ ...way, how });
    return { pauseMs, told: told.slice(already) };
  });
  return { run, told, at };
}

describe('the notice watch', () => {
  it('goes every way there is, and nowhere else [9.1]', () => {
    const walked = walkedThrough(model);

    expect(walked.astray).toEqual([]);
    expect(walked.untaken).toEqual([]);
    expect(walked.unreached).toEqual([]);
  });

  it('tells each notice once, in the order in which they showed, whatever comes between [9.5]', () => {
    fc.assert(
      fc.property(looks, (given) => {
        const answers = answersOf(given);
        const { told } = watched(answers);

        const shown = answers.flatMap((answer) => answer?.notice?.key ?? []);
        const keysTold = told.flatMap((news) => (news.type === 'interruption.noticed' ? [news.notice.key] : []));
        expect(keysTold).toEqual([...new Set(shown)]);
      }),
    );
  });

  it('tells of a resumption when a notice is gone or the clock has jumped, and only then, after any news [5.5]', () => {
    fc.assert(
      fc.property(looks, (given) => {
        const answers = answersOf(given);
        const { at } = watched(answers);

        for (const [i, { told }] of at.entries()) {
          const before = answers.slice(0, i).findLast((answer) => answer !== undefined);
          const answer = answers[i];
          const isGone = before?.notice !== undefined && answer !== undefined && answer.notice === undefined;
          const hasJumped =
            before !== undefined && answer !== undefined && aheadOf(answer) - aheadOf(before) > ASLEEP_JUMP_MS;
          const types = told.map(({ type }) => type);
          const news = types.filter((type) => type === 'interruption.noticed').slice(0, 1);
          expect(types).toEqual([...news, ...(isGone || hasJumped ? ['instance.resumed'] : [])]);
        }
      }),
    );
  });

  it('never ends, and never pauses longer than a notice can wait [9.1, 9.4]', () => {
    fc.assert(
      fc.property(looks, (given) => {
        const { run, at } = watched(answersOf(given));

        expect(run.errors).toEqual([]);
        expect(run.isOver).toBe(false);
        for (const [i, { pauseMs }] of at.entries()) {
          const missed = i > 0 && given[i - 1] === null;
          expect(pauseMs).toBeGreaterThanOrEqual(input.intervalMs);
          expect(pauseMs).toBeLessThanOrEqual(missed ? BLIND_PAUSE_MS : input.intervalMs);
        }
      }),
    );
  });
});

function aheadOf({ atMs, wallMs }: NoticeLook): number {
  return wallMs - atMs;
}
