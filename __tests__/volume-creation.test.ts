/** When a volume is created, how its creation is seen through, and what becomes of one that comes to nothing. */

import type { VolumeEntry, VolumeSource } from '../config/vocabulary.ts';
import { pausesOf } from './helpers/pauses.ts';
import {
  type Doing,
  type Doings,
  deniedError,
  held,
  passingError,
  refused,
  rejects,
  resolves,
} from './helpers/scripted.ts';
import {
  heldElsewhere,
  nothingIn,
  type ScriptedVolume,
  scriptedVolume,
  sees,
  seesNow,
  target,
} from './helpers/scripted-volume.ts';

const passing = rejects(passingError);
const denied = rejects(deniedError);
const aimedAt = { volumeId: 'vol-new', source: 'c', unprepared: true };
const usedUp = resolves('used-up');

/** One that is to be created, and is free at once then. */
function toCreate(doings: Doings = {}, settings: Partial<VolumeEntry> = {}): ScriptedVolume {
  return scriptedVolume(
    { 'look at c': nothingIn('c'), look: seesNow('free'), ...doings },
    { sources: ['c'], ...settings },
  );
}

const creationsOf = ({ script }: ScriptedVolume) => script.taken.filter((name) => name === 'create').length;
const attemptsOf = ({ script }: ScriptedVolume) =>
  script.begun.flatMap(({ name, input }) => (name === 'create' ? [(input as { attempt: number }).attempt] : []));

describe('a volume that is created', () => {
  it('is asked for, awaited, claimed, and there as one that was created [6.1, 6.6]', () => {
    const { script, output } = toCreate({}, { pool: 'main' });

    expect(script.taken).toEqual(['look here', 'look at c', 'create', 'look', 'claim', 'awaitSerial', 'look']);
    expect(output).toEqual({
      attachment: {
        volumeId: 'vol-new',
        device: '/dev/sdf',
        path: '/dev/nvme1n1',
        source: 'c',
        attachedNow: true,
        pool: 'main',
      },
    });
  });

  it('is what each of its steps is given [6.6]', () => {
    const { script, entry } = toCreate();

    const inputs = script.begun.filter(({ name }) => ['look', 'claim', 'awaitSerial'].includes(name));
    expect(script.inputOf('create')).toEqual({ entry, attempt: 1 });
    expect(inputs).toHaveLength(4);
    for (const { input } of inputs) expect(input).toEqual({ entry, target: aimedAt });
  });

  it('is not, where one was created before and left behind: that one is taken [6.6]', () => {
    const orphan = target({ volumeId: 'vol-5', source: 'c' });
    const volume = toCreate({ 'look at c': sees('free', orphan) });

    expect(creationsOf(volume)).toBe(0);
    expect(volume.script.inputOf('claim')).toEqual({ entry: volume.entry, target: orphan });
    expect(volume.output).toMatchObject({ attachment: { volumeId: 'vol-5', source: 'c', attachedNow: true } });
  });

  it('is as good as there with init switched off, at its own name, and nothing is claimed [2.1]', () => {
    const { script, output } = toCreate({ create: resolves('dry') });

    expect(script.taken).toEqual(['look here', 'look at c', 'create']);
    expect(output).toEqual({
      attachment: { volumeId: '', device: '/dev/sdf', path: '/dev/sdf', source: 'c', attachedNow: true },
    });
  });

  it.each<{ kind: 'attached' | 'attaching'; next: string }>([
    { kind: 'attached', next: 'locate' },
    { kind: 'attaching', next: 'awaitSerial' },
  ])(
    'and is $kind here already, since a run before had come so far, is adopted as just attached [6.6, 12.2]',
    (each) => {
      const { script, output } = toCreate({ look: seesNow(each.kind) });

      expect(script.taken).not.toContain('claim');
      expect(script.taken).toContain(each.next);
      expect(output).toMatchObject({ attachment: { volumeId: 'vol-new', source: 'c', attachedNow: true } });
    },
  );

  it('is no longer waited for from its request on [6.4]', () => {
    const volume = toCreate(
      { 'look at p': heldElsewhere('p'), create: held },
      { sources: ['p', 'c'], pool: 'main', waitMs: 10 },
    );
    const before = volume.context.waitingFor;

    volume.clock.increment(10);

    expect(before).toBe('p is held by i-0def (in-use)');
    expect(volume.state).toBe('creating');
    expect(volume.context.waitingFor).toBeUndefined();
  });

  it.each([
    { step: 'create', doings: {} },
    { step: 'look', doings: {} },
    { step: 'look at c', doings: {} },
  ])('ends with the sentence of a denial of its step "$step" [6.3]', ({ step }) => {
    const volume = toCreate({ [step]: denied });

    volume.clock.increment(600_000);

    expect(volume.output).toEqual({ problem: 'AttachVolume: not authorized. Allow it.' });
  });

  it.each(['create', 'look'])('ends with what its step "%s" throws [6.3]', (step) => {
    const { output, errors } = toCreate({ [step]: refused });

    expect(output).toEqual({ problem: 'refused' });
    expect(errors).toEqual([]);
  });
});

describe('a volume is created', () => {
  interface Case {
    when: string;
    sources: VolumeSource[];
    doings: Doings;
    waitMs?: number;
    patienceMs?: number;
    creates: 'at once' | 'after the waiting' | 'never';
  }
  const xHeld = { 'look at x': heldElsewhere('x') };
  const pHeld = { 'look at p': heldElsewhere('p') };
  const noX = { 'look at x': nothingIn('x') };
  const noP = { 'look at p': nothingIn('p') };
  const cHeld = { 'look at c': heldElsewhere('c') };

  it.each<Case>([
    { when: 'there is nothing else', sources: ['c'], doings: {}, creates: 'at once' },
    { when: 'the pool is empty', sources: ['p', 'c'], doings: noP, creates: 'at once' },
    {
      when: 'the pool is empty, whatever may be waited',
      sources: ['p', 'c'],
      doings: noP,
      waitMs: 60_000,
      creates: 'at once',
    },
    { when: 'the pool is held, and no waiting was asked for', sources: ['p', 'c'], doings: pHeld, creates: 'at once' },
    { when: 'the pool is held', sources: ['p', 'c'], doings: pHeld, waitMs: 60_000, creates: 'after the waiting' },
    { when: 'the pool is held and `wait` is 0', sources: ['p', 'c'], doings: pHeld, waitMs: 0, creates: 'at once' },
    { when: 'the volume by id does not exist', sources: ['x', 'c'], doings: noX, creates: 'at once' },
    { when: 'the volume by id is held', sources: ['x', 'c'], doings: xHeld, creates: 'never' },
    {
      when: 'the volume by id is held after all the waiting',
      sources: ['x', 'c'],
      doings: xHeld,
      waitMs: 60_000,
      creates: 'never',
    },
    {
      when: 'the volume by id is held and `wait` is 0',
      sources: ['x', 'c'],
      doings: xHeld,
      waitMs: 0,
      creates: 'at once',
    },
    {
      when: 'the volume by id is held and the pool is empty',
      sources: ['x', 'p', 'c'],
      doings: { ...xHeld, ...noP },
      creates: 'never',
    },
    {
      when: 'the pool is held and the volume by id is missing',
      sources: ['p', 'x', 'c'],
      doings: { ...pHeld, ...noX },
      waitMs: 60_000,
      creates: 'after the waiting',
    },
    {
      when: 'the pool cannot be looked at for a moment',
      sources: ['p', 'c'],
      doings: { 'look at p': passing },
      creates: 'never',
    },
    {
      when: 'what was left behind cannot be looked at for a moment',
      sources: ['c'],
      doings: { 'look at c': passing },
      creates: 'never',
    },
    {
      when: 'the pool cannot be looked at, and all waiting is over',
      sources: ['p', 'c'],
      doings: { 'look at p': passing },
      waitMs: 0,
      creates: 'never',
    },
    {
      when: 'the device cannot be looked at for a moment',
      sources: ['p', 'c'],
      doings: { ...noP, 'look here': passing },
      creates: 'never',
    },
    {
      when: 'what was left behind is still being made',
      sources: ['c'],
      doings: cHeld,
      waitMs: 60_000,
      creates: 'after the waiting',
    },
    { when: 'what was left behind is still being made', sources: ['c'], doings: cHeld, waitMs: 0, creates: 'at once' },
    {
      when: 'what was left behind is still being made, and no waiting was asked for',
      sources: ['p', 'c'],
      doings: { ...noP, ...cHeld },
      creates: 'never',
    },
    {
      when: 'what was left behind is still being made, and the domain can do without',
      sources: ['p', 'c'],
      doings: { ...noP, ...cHeld },
      patienceMs: 60_000,
      creates: 'after the waiting',
    },
    {
      when: 'the pool is held, and the domain can do without',
      sources: ['p', 'c'],
      doings: pHeld,
      patienceMs: 60_000,
      creates: 'at once',
    },
    {
      when: 'the volume by id is held, and the domain can do without',
      sources: ['x', 'c'],
      doings: xHeld,
      patienceMs: 60_000,
      creates: 'never',
    },
  ])('$creates when $when, with `wait` $waitMs [5.4, 6.3, 6.4]', ({ sources, doings, creates, ...times }) => {
    const volume = toCreate({ ...doings, create: held }, { sources, ...times });
    const atOnce = creationsOf(volume);
    volume.clock.increment((times.waitMs ?? times.patienceMs ?? 0) - 1);
    const meanwhile = creationsOf(volume);

    volume.clock.increment(600_000);

    expect([atOnce, meanwhile, creationsOf(volume)]).toEqual(
      { 'at once': [1, 1, 1], 'after the waiting': [0, 0, 1], never: [0, 0, 0] }[creates],
    );
  });

  it('for which one that is still being made for somebody else is waited for first, and told of [6.4, 6.6]', () => {
    const { state, context } = toCreate({ 'look at c': heldElsewhere('c') });

    expect(state).toBe('waiting');
    expect(context.waitingFor).toBe('c is held by i-0def (in-use)');
  });

  it('never beside a volume by id that exists, and that is said when the waiting is over [6.4]', () => {
    const volume = toCreate({ 'look at x': heldElsewhere('x') }, { sources: ['x', 'c'], waitMs: 1_000 });

    volume.clock.increment(1_000);

    expect(volume.output).toEqual({
      problem:
        'not waited for any longer: x is held by i-0def (in-use). Nothing is created beside a volume that exists, unless "wait" is 0',
    });
  });

  it('only where `c` is among the sources: else nothing is said of it [6.4]', () => {
    const { output } = scriptedVolume(
      { 'look at x': heldElsewhere('x'), 'look at p': nothingIn('p') },
      { sources: ['x', 'p'], waitMs: 0 },
    );

    expect(output).toEqual({ problem: 'not waited for any longer: x is held by i-0def (in-use); p has nothing' });
  });

  it('after the waiting, before which not even what was left behind is looked for [6.4, 6.6]', () => {
    const { script, state } = toCreate({ 'look at p': heldElsewhere('p') }, { sources: ['p', 'c'], waitMs: 60_000 });

    expect(state).toBe('waiting');
    expect(script.taken).toEqual(['look here', 'look at p']);
  });

  it('after a lost race of the pool only when a look has shown that nothing else is free [6.3]', () => {
    const volume = toCreate(
      { 'look at p': [sees('free', target({ source: 'p' })), nothingIn('p')], claim: resolves('taken'), create: held },
      { sources: ['p', 'c'] },
    );
    const before = creationsOf(volume);

    volume.clock.increment(1_000);

    expect(before).toBe(0);
    expect(volume.script.taken).toEqual([
      ...['look here', 'look at p', 'claim'],
      ...['look here', 'look at p', 'look at c', 'create'],
    ]);
    expect(attemptsOf(volume)).toEqual([1]);
  });
});

describe('a creation under way', () => {
  it.each<{ what: string; look: Doing }>([
    { what: 'is being created', look: seesNow('held') },
    { what: 'does not show yet', look: seesNow('absent') },
    { what: 'cannot be looked at for a moment', look: passing },
  ])('is looked at after 0.5 s, and then less and less often, while it $what [6.6]', ({ look }) => {
    const volume = toCreate({ look });

    expect(pausesOf(volume, 9)).toEqual([500, 750, 1_125, 1_688, 2_531, 3_797, 5_695, 5_695, 5_695]);
  });

  it('is claimed once it is there [6.6]', () => {
    const volume = toCreate({ look: [seesNow('absent'), seesNow('held'), seesNow('free')], claim: held });
    const before = volume.state;

    volume.clock.increment(500 + 750);

    expect(before).toBe('awaiting-creation.pausing');
    expect(volume.state).toBe('claiming');
  });

  it('that is no use ends with what was seen [6.6]', () => {
    const { output } = toCreate({ look: resolves({ kind: 'refused', seen: 'vol-new is in state error' }) });

    expect(output).toEqual({ problem: 'vol-new is in state error' });
  });

  it('is given up after 180 s, with advice [6.6]', () => {
    const volume = toCreate({ look: seesNow('held') });

    volume.clock.increment(179_999);
    const before = volume.output;
    volume.clock.increment(1);

    expect(before).toBeUndefined();
    expect(volume.output).toEqual({ problem: expect.stringContaining('still creating after 180 s') });
    expect(creationsOf(volume)).toBe(1);
  });

  it('begins with short pauses when it is asked for anew [6.6]', () => {
    const volume = toCreate({ look: [seesNow('held'), seesNow('held'), seesNow('held'), seesNow('absent')] });

    volume.clock.increment(500 + 750 + 1_125);

    expect(creationsOf(volume)).toBe(2);
    expect(volume.context.looks).toBe(1);
  });
});

describe('a request that gave nothing', () => {
  it('is followed by the next number when its token is used up [6.6]', () => {
    const volume = toCreate({ create: [usedUp, held] });

    expect(attemptsOf(volume)).toEqual([1, 2]);
    expect(volume.state).toBe('creating');
  });

  it('is followed by the next number when the volume was there and is gone [6.6]', () => {
    const volume = toCreate({
      look: [seesNow('held'), seesNow('absent')],
      create: [resolves({ volumeId: 'vol-new' }), held],
    });

    volume.clock.increment(500);

    expect(attemptsOf(volume)).toEqual([1, 2]);
  });

  it('is followed by the next number when a look does not show the volume after 60 s [6.6]', () => {
    const volume = toCreate({ look: seesNow('absent'), create: [resolves({ volumeId: 'vol-new' }), held] });

    volume.clock.increment(60_000);
    const before = attemptsOf(volume);
    volume.clock.increment(6_000);

    expect(before).toEqual([1]);
    expect(attemptsOf(volume)).toEqual([1, 2]);
  });

  it.each<{ what: string; look: Doing }>([
    { what: 'meets nothing but faults', look: passing },
    { what: 'has no answer', look: held },
  ])('is not when the look for the volume $what for more than 60 s: that is no answer [6.3, 6.6]', ({ look }) => {
    const volume = toCreate({ look });

    volume.clock.increment(179_999);

    expect(attemptsOf(volume)).toEqual([1]);
    expect(volume.state).toMatch(/^awaiting-creation/);
  });

  it('has the next volume awaited like the first: not to see it at once means nothing [6.6]', () => {
    const volume = toCreate({
      look: [seesNow('held'), seesNow('absent'), seesNow('absent'), seesNow('free')],
      claim: held,
    });

    volume.clock.increment(500);
    const before = volume.state;
    volume.clock.increment(500);

    expect(before).toBe('awaiting-creation.pausing');
    expect(attemptsOf(volume)).toEqual([1, 2]);
    expect(volume.state).toBe('claiming');
  });

  it('is followed by two more at most, and then there is advice [6.6]', () => {
    const volume = toCreate({ create: usedUp });

    expect(attemptsOf(volume)).toEqual([1, 2, 3]);
    expect(volume.output).toEqual({ problem: expect.stringContaining('accepted 3 requests') });
  });

  it('is sent again as it was after a fault that may pass, and nothing else is tried meanwhile: it may have been heard [6.3, 6.6]', () => {
    const volume = toCreate({ 'look at p': nothingIn('p'), create: [passing, held] }, { sources: ['p', 'c'] });
    const { waitingFor, pausesFor } = volume.context;
    const before = volume.script.taken.length;

    volume.clock.increment(2_000);

    expect({ waitingFor, pausesFor }).toEqual({ waitingFor: 'AttachVolume: throttled. Wait.', pausesFor: 'fault' });
    expect(volume.script.taken.slice(before)).toEqual(['create']);
    expect(attemptsOf(volume)).toEqual([1, 1]);
  });

  it('meets faults without an end when no waiting was asked for, and five more when that is over [6.3, 6.4]', () => {
    const endless = toCreate({ create: passing });
    const bounded = toCreate({ create: passing }, { waitMs: 0 });

    endless.clock.increment(3_600_000);
    bounded.clock.increment(3_600_000);

    expect(endless.state).toBe('waiting');
    expect(attemptsOf(bounded)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(bounded.output).toEqual({ problem: 'given up: AttachVolume: throttled. Wait.' });
  });

  it('is sent again as it was when the claim of its volume has no answer [6.3, 6.6]', () => {
    const volume = toCreate({ claim: [passing, held], look: seesNow('free') });

    volume.clock.increment(2_000);

    expect(attemptsOf(volume)).toEqual([1, 1]);
    expect(volume.state).toBe('claiming');
  });
});

describe('a created volume that somebody else has attached', () => {
  const lost = { claim: resolves('taken'), 'look at p': nothingIn('p') };

  it('is theirs, and the sources go round again before another one is asked for [6.3, 6.6]', () => {
    const volume = toCreate(
      { ...lost, 'look at p': [nothingIn('p'), nothingIn('p')], create: [resolves({ volumeId: 'vol-new' }), held] },
      { sources: ['p', 'c'] },
    );
    const { waitingFor, pausesFor } = volume.context;
    const before = volume.script.taken.length;

    volume.clock.increment(1_000);

    expect({ waitingFor, pausesFor }).toEqual({
      waitingFor: 'somebody else was faster to attach vol-new',
      pausesFor: 'lost',
    });
    expect(volume.script.taken.slice(before)).toEqual(['look here', 'look at p', 'look at c', 'create']);
    expect(attemptsOf(volume)).toEqual([1, 2]);
  });

  it('is not created more than three times [6.3, 6.6]', () => {
    const volume = toCreate(lost, { sources: ['p', 'c'] });

    volume.clock.increment(600_000);

    expect(attemptsOf(volume)).toEqual([1, 2, 3]);
    expect(volume.output).toEqual({ problem: expect.stringContaining('accepted 3 requests') });
  });
});

describe('a request of an earlier run', () => {
  const begun = (attempt: number) => resolves({ kind: 'creating', seen: 'it is being created', attempt });

  it('is sent again as it was, before any source is looked at: it may have been heard [6.6, 12.2]', () => {
    const volume = toCreate({ 'look here': begun(2), create: held }, { sources: ['p', 'c'] });

    expect(volume.script.taken).toEqual(['look here', 'create']);
    expect(attemptsOf(volume)).toEqual([2]);
  });

  it('counts among the three [6.6]', () => {
    const volume = toCreate({ 'look here': begun(2), create: usedUp });

    expect(attemptsOf(volume)).toEqual([2, 3]);
    expect(volume.output).toHaveProperty('problem');
  });
});

describe('a volume that is asked to finish while it is created', () => {
  const broken = { problem: 'asked to end while it was being created', asked: true };

  it('lets the request have its answer, and ends: whoever rolls back knows of it [5.2, 12.2]', () => {
    const volume = toCreate({ create: held });

    volume.finish();
    const before = volume.script.isUnderWay('create');
    volume.script.resolve('create', { volumeId: 'vol-new' });

    expect(before).toBe(true);
    expect(volume.output).toEqual(broken);
    expect(volume.script.taken.at(-1)).toBe('create');
  });

  it('does not ask anew [5.2]', () => {
    const volume = toCreate({ create: held });

    volume.finish();
    volume.script.resolve('create', 'used-up');

    expect(volume.output).toEqual(broken);
    expect(creationsOf(volume)).toBe(1);
  });

  it('does not try again after a fault that may pass [5.2]', () => {
    const volume = toCreate({ create: held });

    volume.finish();
    volume.script.reject('create', passingError);

    expect(volume.output).toEqual({ problem: 'no longer waited for: AttachVolume: throttled. Wait.', asked: true });
  });

  it('ends with the refusal when its request was refused: that is a failure of its own [5.2, 6.3]', () => {
    const volume = toCreate({ create: held });

    volume.finish();
    volume.script.reject('create', deniedError);

    expect(volume.output).toEqual({ problem: 'AttachVolume: not authorized. Allow it.' });
  });

  it('is there all the same when init is switched off [2.1]', () => {
    const volume = toCreate({ create: held });

    volume.finish();
    volume.script.resolve('create', 'dry');

    expect(volume.output).toHaveProperty('attachment');
  });

  it.each<{ state: string; look: Doing }>([
    { state: 'awaiting-creation.checking', look: held },
    { state: 'awaiting-creation.pausing', look: seesNow('held') },
  ])('ends at once while it is $state [5.2]', ({ state, look }) => {
    const volume = toCreate({ look });
    const before = volume.state;

    volume.finish();

    expect(before).toBe(state);
    expect(volume.output).toEqual(broken);
  });
});
