import { NOTICE_MS } from '../config/constants.ts';
import type { Risk } from '../config/vocabulary.ts';
import {
  type RiskNews,
  type RiskWatchInput,
  riskWatchMachine,
  type riskWatchSteps,
  type SignsSeen,
} from '../machines/risk-watch.ts';
import { createScript, type Doing, held, refused, resolves, started } from './helpers/scripted.ts';

const rebalance: Risk = {
  kind: 'rebalance',
  key: 'rebalance 2030-01-01T00:00:00.000Z',
  time: '2030-01-01T00:00:00.000Z',
};
const maintenance: Risk = {
  kind: 'maintenance',
  key: 'maintenance instance-event-1 2030-01-21T09:00:43.000Z',
  time: '2030-01-21T09:00:43.000Z',
};

const seen = (given: Partial<SignsSeen> = {}) => resolves({ risks: [], atMs: 5_000, ...given } satisfies SignsSeen);

/** What is told after every look outside an Auto Scaling group. */
const noGroup: RiskNews = { type: 'lifecycle.seen', state: undefined };

function scripted(looks: Doing[], input: Partial<RiskWatchInput> = {}) {
  const script = createScript({ lookForSigns: looks });
  const told: RiskNews[][] = [];
  const machine = riskWatchMachine.provide({
    actors: {
      lookForSigns: script.step<(typeof riskWatchSteps)['lookForSigns']>('lookForSigns', { risks: [], atMs: 0 }),
    } satisfies typeof riskWatchSteps,
    actions: { tell: (_, news: RiskNews[]) => void told.push(news) },
  });
  const watch = started(machine, { intervalMs: 5_000, asNotice: [], known: [], ...input });
  return {
    ...watch,
    script,
    told,
    get state(): string {
      return watch.state;
    },
    get context() {
      return watch.actor.getSnapshot().context;
    },
  };
}

/** What a watch tells at each of these looks. */
function toldOf(looks: Doing[], input: Partial<RiskWatchInput> = {}): RiskNews[][] {
  const watch = scripted(looks, input);
  watch.clock.increment(5_000 * (looks.length - 1));
  return watch.told;
}

describe('the risk watch', () => {
  it('looks at once, and then at every interval, counted from the answer [9.1]', () => {
    const watch = scripted([seen()], { intervalMs: 7_000 });

    const looks = [0, 6_999, 1, 6_999, 1].map((ms) => {
      watch.clock.increment(ms);
      return watch.script.taken.length;
    });

    expect(looks).toEqual([1, 1, 2, 2, 3]);
  });

  it('never has two looks at a time [9.1]', () => {
    const watch = scripted([held]);

    watch.clock.increment(60_000);

    expect(watch.script.taken).toEqual(['lookForSigns']);
    expect(watch.state).toBe('looking');
  });

  it('tells after every look where Auto Scaling wants the instance, changed or not [5.9]', () => {
    const warmed = seen({ lifecycleState: 'Warmed:Running' });

    expect(toldOf([warmed, warmed, seen({ lifecycleState: 'InService' }), seen()])).toEqual([
      [{ type: 'lifecycle.seen', state: 'Warmed:Running' }],
      [{ type: 'lifecycle.seen', state: 'Warmed:Running' }],
      [{ type: 'lifecycle.seen', state: 'InService' }],
      [noGroup],
    ]);
  });

  it('that gets no answer tells nothing, says why, and looks again after the same pause [9.4]', () => {
    const watch = scripted([refused, refused, seen({ risks: [rebalance] })]);

    watch.clock.increment(5_000);
    const { problem } = watch.context;
    const before = [...watch.told];
    watch.clock.increment(5_000);

    expect(before).toEqual([]);
    expect(problem).toBe('refused');
    expect(watch.told).toEqual([[noGroup, { type: 'risk.seen', risk: rebalance }]]);
    expect(watch.context.problem).toBeUndefined();
    expect(watch.errors).toEqual([]);
  });
});

describe('an early sign', () => {
  it('is told once, in as many looks as it shows, after where Auto Scaling wants the instance [5.1]', () => {
    const look = seen({ risks: [rebalance], lifecycleState: 'InService' });
    const inService: RiskNews = { type: 'lifecycle.seen', state: 'InService' };

    expect(toldOf([look, look, look])).toEqual([
      [inService, { type: 'risk.seen', risk: rebalance }],
      [inService],
      [inService],
    ]);
  });

  it('is told beside another one, and each once [5.1]', () => {
    const both = seen({ risks: [rebalance, maintenance] });

    expect(toldOf([seen({ risks: [maintenance] }), both, both])).toEqual([
      [noGroup, { type: 'risk.seen', risk: maintenance }],
      [noGroup, { type: 'risk.seen', risk: rebalance }],
      [noGroup],
    ]);
  });

  it('that was gone for a while is no news when it shows again [5.1]', () => {
    const look = seen({ risks: [rebalance] });

    expect(toldOf([look, seen(), look]).at(-1)).toEqual([noGroup]);
  });

  it('that was known before the watch began is no news [5.3]', () => {
    expect(toldOf([seen({ risks: [rebalance, maintenance] })], { known: [rebalance.key] })).toEqual([
      [noGroup, { type: 'risk.seen', risk: maintenance }],
    ]);
  });

  it('is a notice where it is to be taken as one: with the whole time left from the moment it was seen, and no time named [3.2]', () => {
    const look = seen({ risks: [rebalance, maintenance], atMs: 7_000 });

    expect(toldOf([look, look], { asNotice: ['rebalance'] })).toEqual([
      [
        noGroup,
        {
          type: 'interruption.noticed',
          notice: { action: 'rebalance', key: rebalance.key, leftMs: NOTICE_MS, seenAtMs: 7_000 },
        },
        { type: 'risk.seen', risk: maintenance },
      ],
      [noGroup],
    ]);
  });
});
