import fc from 'fast-check';
import type { Risk } from '../config/vocabulary.ts';
import { type RiskNews, riskWatchMachine } from '../machines/risk-watch.ts';
import { begin, type Model, walkedThrough } from './helpers/model.ts';
import { refused, resolves } from './helpers/scripted.ts';

const input = { intervalMs: 5_000, asNotice: ['maintenance' as const], known: ['rebalance 0'] };

const model: Model<typeof riskWatchMachine> = {
  machine: riskWatchMachine,
  inputs: [input],
  outcomes: { lookForSigns: [resolves({ risks: [], atMs: 0 }), refused] },
};

const risk = fc.record<Risk>({
  kind: fc.constantFrom('rebalance', 'maintenance'),
  key: fc.constantFrom('0', '1', '2'),
});
const risks = fc
  .uniqueArray(risk, { selector: ({ kind, key }) => `${kind} ${key}`, maxLength: 4 })
  .map((list) => list.map(({ kind, key }) => ({ kind, key: `${kind} ${key}` })));
const looks = fc.array(fc.option(fc.record({ risks, atMs: fc.nat(1_000_000) })), { maxLength: 20 });

/** What a watch tells of these answers; nothing: no answer. */
function toldOf(answers: Array<{ risks: Risk[]; atMs: number } | null>) {
  const told: RiskNews[] = [];
  const run = begin(
    { ...model, machine: riskWatchMachine.provide({ actions: { tell: (_, news) => void told.push(...news) } }) },
    input,
  );
  for (const answer of answers) {
    const [look] = run.next();
    const how = answer === null ? refused : resolves(answer);
    if (look?.kind === 'ends') run.happen({ ...look, how });
    run.wait(input.intervalMs);
  }
  return { run, told };
}

describe('the risk watch', () => {
  it('goes every way there is, and nowhere else [9.1]', () => {
    const walked = walkedThrough(model);

    expect(walked.astray).toEqual([]);
    expect(walked.untaken).toEqual([]);
    expect(walked.unreached).toEqual([]);
  });

  it('tells each sign once, whatever it is shown, in the order in which they showed, and never ends [5.1, 9.1]', () => {
    fc.assert(
      fc.property(looks, (answers) => {
        const { run, told } = toldOf(answers);
        const shown = answers.flatMap((answer) => answer?.risks.map(({ key }) => key) ?? []);

        const keys = told.flatMap((news) =>
          news.type === 'risk.seen' ? [news.risk.key] : news.type === 'interruption.noticed' ? [news.notice.key] : [],
        );

        expect(keys).toEqual([...new Set(shown)].filter((key) => key !== 'rebalance 0'));
        expect(told.filter(({ type }) => type === 'lifecycle.seen')).toHaveLength(
          answers.filter((answer) => answer !== null).length,
        );
        expect(told.filter((news) => news.type === 'risk.seen' && news.risk.kind === 'maintenance')).toEqual([]);
        expect(run.errors).toEqual([]);
        expect(run.isOver).toBe(false);
      }),
    );
  });
});
