import type { DomainEvent } from '../machines/domain.ts';
import { notice } from './helpers/domain.ts';
import { type Doings, held, refused, resolves } from './helpers/scripted.ts';
import {
  adopted,
  denied,
  givenBack,
  heldIn,
  noticed,
  noVolumes,
  proceeded,
  risk,
  scripted,
  stepsBeforeNoReturn,
  stepsOnTheWayUp,
  stop,
  wellDone,
} from './helpers/scripted-domain.ts';

const failing = { 'runCommands started': refused };
const everything = [{ release: ['interrupted' as const, 'stopping' as const, 'failed' as const] }];

/** The states on the way down that have a step, and how a domain comes to each of them. */
const waysDown = [
  {
    state: 'interrupted',
    step: 'runCommands interrupted',
    come: (doings: Doings = {}) => sent(proceeded({ 'runCommands interrupted': held, ...doings }), noticed()),
  },
  {
    state: 'stopping',
    step: 'runCommands stopping',
    come: (doings: Doings = {}) => sent(proceeded({ 'runCommands stopping': held, ...doings }), stop()),
  },
  {
    state: 'failed',
    step: 'runCommands failed',
    come: (doings: Doings = {}) => proceeded({ ...failing, 'runCommands failed': held, ...doings }),
  },
  {
    state: 'rolling-back',
    step: 'giveBack roll-back',
    come: (doings: Doings = {}) => scripted({ attachVolumes: refused, 'giveBack roll-back': held, ...doings }),
  },
  {
    state: 'releasing',
    step: 'giveBack release',
    come: (doings: Doings = {}) =>
      proceeded({ ...failing, 'giveBack release': held, ...doings }, { volumes: everything }),
  },
];
const withoutNotice = waysDown.filter(({ state }) => state !== 'interrupted');

function sent(domain: ReturnType<typeof scripted>, ...events: DomainEvent[]) {
  for (const event of events) domain.send(event);
  return domain;
}

/** Whether a step is asked to finish at a point in time, and not a moment before. */
function isAskedAt(domain: ReturnType<typeof scripted>, step: string, atMs: number, nowMs = 0): boolean[] {
  domain.clock.increment(atMs - nowMs - 1);
  const before = domain.isAsked(step);
  domain.clock.increment(1);
  return [before, domain.isAsked(step)];
}

/** Whether the domain knows at a point in time, and not a moment before, that the time of its notice or stop is over. */
function isLateAt(domain: ReturnType<typeof scripted>, atMs: number, nowMs = 0): boolean[] {
  domain.clock.increment(atMs - nowMs - 1);
  const before = domain.context.late;
  domain.clock.increment(1);
  return [before, domain.context.late];
}

/** How often a step was asked to finish. */
function askings(domain: ReturnType<typeof scripted>, step: string): number {
  return domain.script.eventsTo(step).filter(({ type }) => type === 'step.finish').length;
}

/** What news told a step of the end of the time it has. */
function deadlinesTo(domain: ReturnType<typeof scripted>, step: string) {
  return domain.script.eventsTo(step).filter(({ type }) => type === 'deadline.moved');
}

describe('the time that commands are given on the way down', () => {
  it.each([
    { volumes: [], untilMs: 111_000, why: 'the time of the notice less 10 s for messages' },
    { volumes: everything, untilMs: 91_000, why: 'the same less 20 s more for what is released' },
    {
      volumes: [{ release: ['stopping' as const] }],
      untilMs: 111_000,
      why: 'not less for what another event releases',
    },
  ])('is, under a notice, $why [9.3]', ({ volumes, untilMs }) => {
    const domain = sent(proceeded({}, { volumes }), noticed({ seenAtMs: 1_000 }));

    expect(domain.script.inputOf('runCommands interrupted')).toMatchObject({ untilMs });
    expect(domain.script.inputOf('runCommands noticed')).toMatchObject({ untilMs });
  });

  it.each([
    { volumes: [], untilMs: 81_000, why: 'all of the stop timeout' },
    { volumes: everything, untilMs: 61_000, why: 'the same less 20 s for what is released' },
    {
      volumes: [{ release: ['interrupted' as const] }],
      untilMs: 81_000,
      why: 'not less for what another event releases',
    },
  ])('is, after a stop, $why [5.6]', ({ volumes, untilMs }) => {
    const domain = sent(proceeded({}, { volumes, stopMs: 80_000 }), stop(1_000));

    expect(domain.script.inputOf('runCommands stopping')).toMatchObject({ untilMs });
  });

  it('is that of the sooner, when a notice and a stop came while a step finished [5.6]', () => {
    const stoppedFirst = heldIn('running-started', { stopMs: 90_000 });
    sent(stoppedFirst.domain, stop(1_000), noticed({ leftMs: 60_000, seenAtMs: 2_000 }));
    const noticedFirst = heldIn('running-started', { stopMs: 30_000 });
    sent(noticedFirst.domain, noticed({ seenAtMs: 1_000 }), stop(2_000));

    stoppedFirst.domain.script.resolve('runCommands started', []);
    noticedFirst.domain.script.resolve('runCommands started', []);

    expect(stoppedFirst.domain.script.inputOf('runCommands stopping')).toMatchObject({ untilMs: 52_000 });
    expect(noticedFirst.domain.script.inputOf('runCommands interrupted')).toMatchObject({ untilMs: 32_000 });
  });

  it('is the stop’s for failed commands, when a stop came while the domain gave back [5.6, 5.7]', () => {
    const domain = scripted({ attachVolumes: refused, 'giveBack roll-back': held }, { stopMs: 80_000 });

    sent(domain, stop(5_000));
    domain.script.resolve('giveBack roll-back', givenBack);

    expect(domain.script.inputOf('runCommands failed')).toMatchObject({ untilMs: 85_000 });
    expect(domain.script.inputOf('runCommands failed')).not.toHaveProperty('withinMs');
  });

  it('leaves the reserve for what the event that has begun releases, whatever comes later [5.6, 9.3]', () => {
    const volumes = [{ release: ['stopping' as const] }];
    const domain = sent(proceeded({ 'runCommands stopping': held }, { volumes }), stop());

    sent(domain, noticed({ leftMs: 60_000 }));

    expect(deadlinesTo(domain, 'runCommands stopping').at(-1)).toMatchObject({ untilMs: 30_000 });
  });
});

describe('news on the way down', () => {
  const news = [
    { name: 'a sooner notice', event: noticed({ leftMs: 40_000, seenAtMs: 3_000 }), untilMs: 33_000 },
    { name: 'a sooner stop', event: stop(3_000), untilMs: 13_000 },
  ];

  it.each(waysDown.flatMap((way) => news.map((each) => ({ ...way, ...each }))))(
    '$name begins no second event in $state, and moves the end of the time there is [5.6]',
    ({ state, step, come, event }) => {
      const domain = come();
      const before = [...domain.script.taken];

      sent(domain, event);

      expect(domain.state).toBe(state);
      expect(domain.script.taken).toEqual(before);
      expect(deadlinesTo(domain, step)).toHaveLength(1);
    },
  );

  it.each(news)('$name ends the time of commands when it says, and says when it is now [5.6, 9.3]', (each) => {
    const domain = proceeded({ ...failing, 'runCommands failed': held }, { stopMs: 10_000 });

    sent(domain, each.event);

    expect(deadlinesTo(domain, 'runCommands failed')).toEqual([
      { type: 'deadline.moved', untilMs: each.untilMs, atMs: 3_000 },
    ]);
  });

  it.each([
    { name: 'a notice', event: noticed({ leftMs: 120_000, seenAtMs: 60_000 }) },
    { name: 'a stop', event: stop(60_000) },
  ])('$name that ends later lengthens nothing [5.6]', ({ event }) => {
    const domain = sent(proceeded({ 'runCommands interrupted': held }), noticed({ leftMs: 70_000 }));

    domain.clock.increment(59_000);
    sent(domain, event);

    expect(deadlinesTo(domain, 'runCommands interrupted')).toEqual([
      { type: 'deadline.moved', untilMs: 60_000, atMs: 60_000 },
    ]);
    expect(domain.isAsked('runCommands interrupted')).toBe(false);
    domain.clock.increment(0);
    expect(domain.isAsked('runCommands interrupted')).toBe(true);
  });

  it.each(withoutNotice)('each notice in $state moves the time of its step [5.6]', ({ step, come }) => {
    const domain = sent(come(), noticed(), noticed({ leftMs: 60_000, key: 'stop 2030' }));

    expect(deadlinesTo(domain, step)).toHaveLength(2);
  });

  it.each(withoutNotice)('the first notice in $state is told at once, the second is not [5.1, 5.8]', ({ come }) => {
    const domain = come();

    sent(domain, noticed(), noticed({ leftMs: 60_000, key: 'stop 2030' }));

    expect(domain.told().filter((event) => event === 'noticed')).toHaveLength(1);
    expect(domain.script.taken).not.toContain('runCommands noticed');
  });

  it('of a second notice in `interrupted` is not told [5.8]', () => {
    const domain = sent(proceeded({ 'runCommands interrupted': held }), noticed());

    sent(domain, noticed({ leftMs: 60_000, key: 'stop 2030' }));

    expect(domain.told()).toEqual(['starting', 'started', 'noticed']);
  });

  it.each(stepsOnTheWayUp)(
    'of a second notice in $state is not told, but its time counts [5.8, 9.3]',
    ({ state, step }) => {
      const { domain } = heldIn(state, { past: 'started' });
      sent(domain, noticed());

      sent(domain, noticed({ leftMs: 60_000, seenAtMs: 2_000, key: 'stop 2030' }));
      const stateBefore = domain.state;
      domain.script.resolve(step, wellDone[step]);

      expect(stateBefore).toBe(state);

      expect(domain.told().filter((event) => event === 'noticed')).toHaveLength(1);
      expect(domain.script.inputOf('runCommands interrupted')).toMatchObject({ untilMs: 52_000 });
    },
  );

  it.each([
    { second: { leftMs: 60_000, seenAtMs: 2_000, key: 'stop 2030' }, kept: 'stop 2030', which: 'the second' },
    { second: { leftMs: 118_000, seenAtMs: 2_000, key: 'stop 2030' }, kept: notice.key, which: 'the first' },
    { second: { leftMs: 120_000, seenAtMs: 2_000, key: 'stop 2030' }, kept: notice.key, which: 'the first' },
  ])(
    'keeps of two notices the one that ends sooner, here $which, and is told with it [4.2, 9.2]',
    ({ second, kept }) => {
      const domain = sent(proceeded({ 'runCommands interrupted': held }), noticed(), noticed(second));

      domain.script.resolve('runCommands interrupted', []);

      expect(domain.occasionOf('interrupted')?.notice?.key).toBe(kept);
      expect(domain.script.inputOf('remember finished')).toMatchObject({ finishedUnder: kept });
    },
  );

  const beside = [
    ...stepsOnTheWayUp.map(({ state, step }) => ({ where: state, doings: { [step]: held } })),
    { where: 'interrupted', doings: { 'runCommands interrupted': held } },
    { where: 'joining', doings: {} },
  ];
  const sooner = [
    { name: 'a sooner notice', event: noticed({ leftMs: 40_000, seenAtMs: 3_000 }), untilMs: 33_000 },
    { name: 'a stop', event: stop(3_000), untilMs: 13_000 },
  ];

  it.each(beside.flatMap((place) => sooner.map((each) => ({ ...place, ...each }))))(
    '$name moves the time of the commands beside $where [5.6]',
    ({ doings, event, untilMs }) => {
      const settings = { stopMs: 10_000, past: 'started' as const };
      const domain = sent(proceeded({ ...doings, 'runCommands noticed': held }, settings), noticed());

      sent(domain, event);

      expect(deadlinesTo(domain, 'runCommands noticed')).toEqual([{ type: 'deadline.moved', untilMs, atMs: 3_000 }]);
    },
  );

  it.each([
    { where: 'started', doings: {}, events: [], event: noticed({ leftMs: 40_000 }), untilMs: 30_000 },
    { where: 'started', doings: {}, events: [], event: stop(), untilMs: 50_000 },
    {
      where: 'stopping',
      doings: { 'runCommands stopping': held },
      events: [stop()],
      event: noticed({ leftMs: 40_000 }),
      untilMs: 30_000,
    },
    {
      where: 'stopping',
      doings: { 'runCommands stopping': held },
      events: [stop(9_000)],
      event: stop(8_000),
      untilMs: 58_000,
    },
    {
      where: 'stopping under a notice',
      doings: { 'runCommands stopping': held },
      events: [stop(), noticed({ leftMs: 50_000 })],
      event: noticed({ leftMs: 40_000 }),
      untilMs: 30_000,
    },
    { where: 'joining', doings: {}, events: [stop()], event: noticed({ leftMs: 40_000 }), untilMs: 30_000 },
  ])(
    '$event.type moves the time of the commands of a risk beside $where [5.6]',
    ({ doings, events, event, untilMs }) => {
      const domain = proceeded({ ...doings, 'runCommands at-risk': held }, { stopMs: 50_000 });
      sent(domain, risk, ...events);

      sent(domain, event);

      expect(deadlinesTo(domain, 'runCommands at-risk').at(-1)).toMatchObject({ untilMs });
    },
  );

  it('the first notice while commands are waited for is told at once [5.1]', () => {
    const domain = sent(proceeded({ 'runCommands at-risk': held }), risk, stop());
    const before = [domain.state, ...domain.told()];

    sent(domain, noticed(), noticed({ leftMs: 60_000, key: 'stop 2030' }));

    expect(before).toEqual(['joining', 'starting', 'started']);
    expect(domain.told()).toEqual(['starting', 'started', 'noticed']);
  });
});

describe('when the time of a notice or a stop is over', () => {
  it.each(withoutNotice)('the step of $state is asked to finish: a notice [5.6, 9.3]', ({ step, come }) => {
    const domain = sent(come(), noticed({ leftMs: 60_000 }));

    expect(isAskedAt(domain, step, 50_000)).toEqual([false, true]);
  });

  it.each(waysDown)('that is known in $state, and known only then: a notice [5.6, 9.3]', ({ come }) => {
    const domain = sent(come(), noticed({ leftMs: 60_000 }));

    expect(isLateAt(domain, 50_000)).toEqual([false, true]);
  });

  it.each(waysDown)('that is known in $state, and known only then: a stop [5.6]', ({ come }) => {
    const domain = come();
    domain.clock.increment(10_000);

    sent(domain, stop(10_000));

    expect(isLateAt(domain, domain.state === 'stopping' ? 90_000 : 100_000, 10_000)).toEqual([false, true]);
  });

  it('the commands of `interrupted` are asked to finish, and what they have is told [5.5, 9.3]', () => {
    const domain = sent(proceeded({ 'runCommands interrupted': held }), noticed());

    expect(isAskedAt(domain, 'runCommands interrupted', 110_000)).toEqual([false, true]);
  });

  it('the release has had its 20 s: the countdown is one for the whole way down [5.6, 9.3]', () => {
    const domain = proceeded({ 'runCommands interrupted': held, 'giveBack release': held }, { volumes: everything });
    sent(domain, noticed());
    domain.clock.increment(80_000);
    domain.script.resolve('runCommands interrupted', []);

    expect(isAskedAt(domain, 'giveBack release', 110_000, 80_000)).toEqual([false, true]);
  });

  it.each([
    { name: 'a stop after a notice', events: [noticed(), stop(20_000)], atMs: 50_000 },
    { name: 'a notice after a stop', events: [stop(), noticed({ leftMs: 35_000 })], atMs: 25_000 },
    { name: 'a sooner notice after a notice', events: [noticed(), noticed({ leftMs: 50_000 })], atMs: 40_000 },
    { name: 'a later notice after a stop', events: [stop(), noticed({ leftMs: 120_000 })], atMs: 30_000 },
    { name: 'a later stop after a notice', events: [noticed({ leftMs: 30_000 }), stop()], atMs: 20_000 },
    { name: 'a stop after a stop', events: [stop(), stop(5_000)], atMs: 30_000 },
    {
      name: 'a sooner notice after a stop and a notice',
      events: [stop(), noticed({ leftMs: 38_000 }), noticed({ leftMs: 35_000 })],
      atMs: 25_000,
    },
  ])('the earlier counts, and once: $name [5.6]', ({ events, atMs }) => {
    const step = `runCommands ${events[0]?.type === 'domain.stop' ? 'stopping' : 'interrupted'}`;
    const domain = proceeded({ [step]: held }, { stopMs: 30_000 });

    let nowMs = 0;
    for (const event of events) {
      const seenAtMs = event.type === 'domain.stop' ? event.atMs : event.notice.seenAtMs;
      domain.clock.increment(seenAtMs - nowMs);
      nowMs = seenAtMs;
      sent(domain, event);
    }

    expect(isAskedAt(domain, step, atMs, nowMs)).toEqual([false, true]);
    domain.clock.increment(200_000);
    expect(askings(domain, step)).toBe(1);
  });

  const twice = [
    { name: 'two notices', events: [noticed({ leftMs: 70_000 }), noticed({ leftMs: 50_000 })] },
    { name: 'a stop and a notice', events: [stop(), noticed({ leftMs: 50_000 })] },
    { name: 'a notice and a stop', events: [noticed({ leftMs: 50_000 }), stop()] },
  ];
  const withPatience = waysDown.filter(({ state }) => ['failed', 'rolling-back', 'releasing'].includes(state));

  it.each(withPatience.flatMap((way) => twice.map((each) => ({ ...way, ...each }))))(
    'the earlier counts in $state, and once, beside the time of the failure itself: $name [5.6, 5.7]',
    ({ step, come, events }) => {
      const domain = sent(come(), ...events);

      expect(isAskedAt(domain, step, 40_000)).toEqual([false, true]);
      domain.clock.increment(200_000);
      expect(askings(domain, step)).toBe(2);
    },
  );

  it.each(stepsOnTheWayUp.flatMap((each) => twice.map((news) => ({ ...each, ...news }))))(
    'the earlier counts from $state on, and once: $name [5.6]',
    ({ state, step, events }) => {
      const down = `runCommands ${events[0]?.type === 'domain.stop' ? 'stopping' : 'interrupted'}`;
      const { domain } = heldIn(state, { past: 'started' }, { [down]: held });
      sent(domain, ...events);

      domain.script.resolve(step, wellDone[step]);

      expect(isAskedAt(domain, down, 40_000)).toEqual([false, true]);
      domain.clock.increment(200_000);
      expect(askings(domain, down)).toBe(1);
    },
  );

  it.each([
    { first: stop(), second: noticed({ leftMs: 50_000 }), atMs: 40_000 },
    { first: noticed(), second: noticed({ leftMs: 50_000 }), atMs: 40_000 },
    { first: noticed(), second: stop(), atMs: 60_000 },
  ])(
    'commands that are waited for are asked to finish: $first.type and $second.type [5.6]',
    ({ first, second, atMs }) => {
      const domain = proceeded({ 'runCommands at-risk': held }, { stopMs: 60_000 });
      sent(domain, risk, first);

      sent(domain, second);

      expect(isAskedAt(domain, 'runCommands at-risk', atMs)).toEqual([false, true]);
      expect(domain.state).toBe('joining');
      domain.clock.increment(200_000);
      expect(askings(domain, 'runCommands at-risk')).toBe(1);
    },
  );

  it.each(stepsOnTheWayUp)(
    'and a step is still finishing in $state: it counts from the news on all the same [5.6]',
    (each) => {
      const { domain, step } = heldIn(
        each.state,
        { past: 'started', volumes: everything },
        { 'giveBack release': held },
      );
      sent(domain, noticed());
      domain.clock.increment(110_000);

      domain.script.resolve(step, wellDone[step]);

      expect(domain.state).toBe('releasing');
      expect(domain.isAsked('giveBack release')).toBe(true);
    },
  );

  it.each([...stepsBeforeNoReturn, { state: 'dns-updated', step: '' }])(
    'giving back is asked to finish, when a notice called it off in $state [5.6, 9.3]',
    ({ state, step }) => {
      const doings = { 'giveBack roll-back': held };
      const domain = step ? heldIn(state, {}, doings).domain : scripted(doings);
      sent(domain, noticed({ leftMs: 60_000 }));
      domain.clock.increment(10_000);

      if (step) domain.script.resolve(step, wellDone[step]);

      expect(domain.state).toBe('rolling-back');
      expect(isAskedAt(domain, 'giveBack roll-back', 50_000, 10_000)).toEqual([false, true]);
    },
  );

  it.each([...stepsBeforeNoReturn, { state: 'dns-updated', step: '' }])(
    'giving back is asked to finish, when a stop called it off in $state [5.6]',
    ({ state, step }) => {
      const doings = { 'giveBack roll-back': held };
      const domain = step ? heldIn(state, {}, doings).domain : scripted(doings);
      sent(domain, stop());
      domain.clock.increment(step ? 10_000 : 0);

      if (step) domain.script.resolve(step, wellDone[step]);

      expect(domain.state).toBe('rolling-back');
      expect(isLateAt(domain, 90_000, step ? 10_000 : 0)).toEqual([false, true]);
      expect(domain.isAsked('giveBack roll-back')).toBe(true);
    },
  );

  it('giving back begins with being asked to finish, so that what is left is the next run’s [5.6, 12.2]', () => {
    const { domain, step } = heldIn('pending', { stopMs: 60_000 }, { 'giveBack roll-back': held });
    sent(domain, stop());
    domain.clock.increment(60_000);

    domain.script.resolve(step, noVolumes);

    expect(domain.isAsked('giveBack roll-back')).toBe(true);
  });

  it.each([
    { state: 'stopping', doings: { 'runCommands stopping': held }, step: 'runCommands stopping' },
    { state: 'joining', doings: { 'runCommands at-risk': held }, step: 'runCommands at-risk' },
  ])(
    'a release begins with being asked to finish, when it was over in $state already [5.6]',
    ({ state, doings, step }) => {
      const domain = proceeded({ ...doings, 'giveBack release': held }, { volumes: everything, stopMs: 60_000 });
      sent(domain, risk, stop());
      const before = domain.state;
      domain.clock.increment(60_000);

      domain.script.resolve(step, []);

      expect(before).toBe(state);
      expect(domain.isAsked('giveBack release')).toBe(true);
    },
  );

  it('a release is not asked before [5.6, 9.3]', () => {
    const domain = sent(proceeded({ 'giveBack release': held }, { volumes: everything }), noticed());

    expect(domain.state).toBe('releasing');
    expect(domain.isAsked('giveBack release')).toBe(false);
  });
});

describe('a notice that was seen before the domain set out', () => {
  it('has its time counted from then, not from when the domain began [9.2, 9.3]', () => {
    const domain = scripted(
      { 'runCommands interrupted': held },
      { past: 'started', notice: { ...notice, seenAtMs: 5_000 }, wayUpMs: 600_000, wayUpUntilMs: 635_000 },
    );

    // It ends at 115 s, and the domain set out at 35 s.
    expect(isAskedAt(domain, 'runCommands interrupted', 80_000)).toEqual([false, true]);
  });

  it('also for giving back what an earlier run had taken [9.3, 12.2]', () => {
    const domain = scripted(
      { 'giveBack roll-back': held },
      { notice: { ...notice, leftMs: 60_000, seenAtMs: 5_000 }, wayUpMs: 600_000, wayUpUntilMs: 635_000 },
    );

    // It ends at 55 s.
    expect(isAskedAt(domain, 'giveBack roll-back', 20_000)).toEqual([false, true]);
  });

  it('also when it is handed down once more [9.2, 9.3]', () => {
    const settings = { wayUpMs: 600_000, wayUpUntilMs: 635_000 };
    const domain = proceeded({ 'runCommands interrupted': held }, settings);

    sent(domain, noticed({ seenAtMs: 5_000 }));

    expect(isAskedAt(domain, 'runCommands interrupted', 80_000)).toEqual([false, true]);
  });

  it('as a stop that came before it set out [5.6]', () => {
    const settings = { wayUpMs: 600_000, wayUpUntilMs: 635_000, stopMs: 90_000 };
    const domain = proceeded({ 'runCommands stopping': held }, settings);

    sent(domain, stop(30_000));

    expect(isAskedAt(domain, 'runCommands stopping', 85_000)).toEqual([false, true]);
  });
});

describe('the time of a failure', () => {
  it.each([
    { state: 'rolling-back', step: 'giveBack roll-back' },
    { state: 'failed', step: 'runCommands failed' },
    { state: 'releasing', step: 'giveBack release' },
  ])('is that of a stop: then the step of $state is asked to finish [5.2, 5.7]', ({ state, step }) => {
    const way = waysDown.find((each) => each.state === state);

    expect(isAskedAt(way?.come() as never, step, 90_000)).toEqual([false, true]);
  });

  it('is that of its commands and what is released after them together [5.7]', () => {
    const domain = proceeded(
      { ...failing, 'runCommands failed': held, 'giveBack release': held },
      { volumes: everything, stopMs: 90_000 },
    );
    domain.clock.increment(50_000);
    domain.script.resolve('runCommands failed', []);

    expect(isAskedAt(domain, 'giveBack release', 90_000, 50_000)).toEqual([false, true]);
  });

  it('keeps nothing from being released when its commands have used it up: the instance goes on [5.7, 6.10]', () => {
    const domain = proceeded(
      { ...failing, 'runCommands failed': held, 'giveBack release': held },
      { volumes: everything, stopMs: 90_000 },
    );
    domain.clock.increment(90_000);
    domain.script.resolve('runCommands failed', []);

    expect(domain.state).toBe('releasing');
    expect(domain.isAsked('giveBack release')).toBe(false);
  });

  it('is whole for the commands, however long giving back took [5.7]', () => {
    const domain = scripted(
      { attachVolumes: refused, 'giveBack roll-back': held, 'runCommands failed': held },
      { stopMs: 90_000 },
    );
    domain.clock.increment(60_000);
    domain.script.resolve('giveBack roll-back', givenBack);

    expect(isAskedAt(domain, 'runCommands failed', 150_000, 60_000)).toEqual([false, true]);
  });

  it('is over when the domain only watches on: the next way down has its own [5.4, 5.6]', () => {
    const volumes = [{ volumeId: 'vol-1', release: ['interrupted' as const] }];
    const domain = proceeded({ ...failing, 'giveBack release': held }, { volumes, stopMs: 90_000 });
    domain.clock.increment(80_000);
    sent(domain, noticed({ seenAtMs: 80_000 }));

    expect(domain.state).toBe('releasing');
    expect(isAskedAt(domain, 'giveBack release', 190_000, 80_000)).toEqual([false, true]);
  });

  it.each([
    { event: noticed({ leftMs: 60_000, seenAtMs: 1_000 }), ending: 'interrupted', untilMs: 51_000 },
    { event: stop(1_000), ending: 'stopping', untilMs: 91_000 },
  ])('leaves a domain that watches on all the time of $event.type [5.4, 5.6]', ({ event, ending, untilMs }) => {
    const domain = proceeded({ ...failing, [`runCommands ${ending}`]: held }, { volumes: [{}] });
    domain.clock.increment(1_000);

    sent(domain, event);

    expect(domain.script.inputOf(`runCommands ${ending}`)).toMatchObject({ untilMs });
    expect(isAskedAt(domain, `runCommands ${ending}`, untilMs, 1_000)).toEqual([false, true]);
  });

  it('means nothing to a domain that never ran and watches on [5.4]', () => {
    const domain = scripted({ attachVolumes: resolves({ ...noVolumes, attachments: [adopted], failures: [denied] }) });

    domain.clock.increment(1_000_000);

    expect(domain.state).toBe('keeping-watch');
    expect(domain.errors).toEqual([]);
  });
});

describe('a domain that is over', () => {
  it('leaves no timer behind [3.2, 5.6]', () => {
    const domain = sent(proceeded({}, { wayUpMs: 600_000 }), stop());

    domain.clock.increment(700_000);

    expect(domain.errors).toEqual([]);
    expect(domain.output).toMatchObject({ failures: [] });
  });
});
