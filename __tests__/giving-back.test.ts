/** In which order things are given back, and what becomes of those that cannot be. */

import type { CreationHold, Hold } from '../config/vocabulary.ts';
import { type GivingBackInput, givingBackMachine, type givingBackSteps, nameOf } from '../machines/giving-back.ts';
import { attachmentHold, creationHold, recordSetHold } from './helpers/holds.ts';
import { pausesOf } from './helpers/pauses.ts';
import {
  createScript,
  type Doings,
  deniedError,
  held,
  passingError,
  refused,
  rejects,
  resolves,
  started,
} from './helpers/scripted.ts';

type Steps = typeof givingBackSteps;

const volume = attachmentHold();
const record = recordSetHold('a.example.com.');
const otherVolume = attachmentHold({ volumeId: 'vol-2', device: '/dev/sdg' });
const otherRecord = recordSetHold('b.example.com.');

const creation = creationHold();
const otherCreation = creationHold({ volumeId: 'vol-2', device: '/dev/sdg' });

const passing = rejects(passingError);
const denied = rejects(deniedError);
const busy = resolves({ kind: 'kept', problem: 'java (812) has /srv open' });
const rollBack: GivingBackInput = { reason: 'roll-back', domain: 'web' };

/** A request that has had no answer. */
function withoutVolume({ volumeId: _, ...hold }: CreationHold): CreationHold {
  return hold;
}

/** These holds, each given back at once unless told otherwise; its steps are named after it, for example `drop vol-1 at /dev/sdf`. */
function givingBack(holds: Hold[], doings: Doings = {}, what: GivingBackInput = rollBack) {
  const script = createScript({ list: resolves(holds), ...doings });
  const machine = givingBackMachine.provide({
    actors: {
      listHolds: script.step<Steps['listHolds']>('list', []),
      letVolumeGo: script.step<Steps['letVolumeGo']>((hold) => `let go ${nameOf(hold)}`, { kind: 'gone' }),
      restoreRecordSet: script.step<Steps['restoreRecordSet']>((hold) => `restore ${nameOf(hold)}`, 'restored'),
      discardVolume: script.step<Steps['discardVolume']>((hold) => `discard ${nameOf(hold)}`, 'deleted'),
      dropHold: script.step<Steps['dropHold']>((hold) => `drop ${nameOf(hold)}`, undefined),
    } satisfies Steps,
  });
  const run = started(machine, what);
  return {
    ...run,
    script,
    finish: () => run.actor.send({ type: 'step.finish' }),
    get state() {
      return run.state;
    },
    get context() {
      return run.actor.getSnapshot().context;
    },
    get output() {
      return run.output;
    },
  };
}

const failure = (problem: string, part = 'roll-back') => ({ part, problem, critical: false });

describe('what is given back', () => {
  it('is given back in the order listed, one after the other, each dropped from the journal then [5.2, 12.2]', () => {
    const { script, output } = givingBack([record, otherVolume, volume]);

    expect(script.taken).toEqual([
      'list',
      'restore a.example.com. A',
      'drop a.example.com. A',
      'let go vol-2 at /dev/sdg',
      'drop vol-2 at /dev/sdg',
      'let go vol-1 at /dev/sdf',
      'drop vol-1 at /dev/sdf',
    ]);
    expect(output).toEqual({ given: [record, otherVolume, volume], kept: [], failures: [] });
  });

  it.each<GivingBackInput>([
    rollBack,
    { reason: 'going-without', domain: 'web', devices: ['/dev/sdf'] },
    { reason: 'release', domain: 'web', released: { volumes: [], attachments: [], records: [], written: [] } },
    { reason: 'left-over' },
  ])('is listed by what it is for: $reason [5.2, 5.4, 6.10, 12.2]', (what) => {
    const { script } = givingBack([], {}, what);

    expect(script.inputOf('list')).toEqual(what);
  });

  it('may be nothing [5.2]', () => {
    const { script, output } = givingBack([]);

    expect(script.taken).toEqual(['list']);
    expect(output).toMatchObject({ kept: [], failures: [] });
  });

  it('is what each of its steps is given [6.10, 7.5]', () => {
    const { script } = givingBack([volume, record]);

    expect(script.inputOf('let go vol-1 at /dev/sdf')).toEqual(volume);
    expect(script.inputOf('restore a.example.com. A')).toEqual(record);
    expect(script.inputOf('drop vol-1 at /dev/sdf')).toEqual(volume);
    expect(script.inputOf('drop a.example.com. A')).toEqual(record);
  });

  it('waits for its turn: the one before it is gone first [5.2]', () => {
    const { script, state } = givingBack([volume, record], { 'let go vol-1 at /dev/sdf': held });

    expect(state).toBe('letting-go');
    expect(script.taken).toEqual(['list', 'let go vol-1 at /dev/sdf']);
  });

  it('is told of as not given back where it cannot even be listed [12.5]', () => {
    const { output, errors } = givingBack([], { list: refused });

    expect(output).toMatchObject({ kept: [], failures: [failure('refused')] });
    expect(errors).toEqual([]);
  });
});

describe('a volume that cannot be given back', () => {
  it.each([
    { how: 'is kept', doing: busy, problem: 'java (812) has /srv open' },
    { how: 'breaks on its way', doing: refused, problem: 'refused' },
  ])(
    'stays in the journal, is told of, and keeps nothing else here: it $how [5.2, 5.7, 6.10]',
    ({ doing, problem }) => {
      const { script, output } = givingBack([volume, otherVolume, record], { 'let go vol-1 at /dev/sdf': doing });

      expect(script.taken.filter((name) => name.startsWith('drop'))).toEqual([
        'drop vol-2 at /dev/sdg',
        'drop a.example.com. A',
      ]);
      expect(output).toEqual({
        given: [otherVolume, record],
        kept: [volume],
        failures: [failure(`vol-1 at /dev/sdf: ${problem}`)],
      });
    },
  );

  it('names the reason for which it was to be [5.2, 6.10]', () => {
    const { output } = givingBack([volume], { 'let go vol-1 at /dev/sdf': busy }, { reason: 'left-over' });

    expect(output?.failures).toMatchObject([{ part: 'left-over', critical: false }]);
  });
});

describe('a created volume that is given back', () => {
  const discard = 'discard the creation of vol-1 for /dev/sdf';
  const drop = 'drop the creation of vol-1 for /dev/sdf';

  it('is detached first, and then deleted [6.10]', () => {
    const { script, output } = givingBack([volume, creation]);

    expect(script.taken).toEqual(['list', 'let go vol-1 at /dev/sdf', 'drop vol-1 at /dev/sdf', discard, drop]);
    expect(script.inputOf(discard)).toEqual(creation);
    expect(script.inputOf(drop)).toEqual(creation);
    expect(output).toEqual({ given: [volume, creation], kept: [], failures: [] });
  });

  it('that was never attached is deleted [6.10]', () => {
    const { script } = givingBack([creation]);

    expect(script.taken).toEqual(['list', discard, drop]);
  });

  it('of which no answer ever came is looked for all the same [6.6, 6.10]', () => {
    const unanswered = withoutVolume(creation);
    const { script, output } = givingBack([unanswered]);

    expect(script.taken).toEqual(['list', `discard ${nameOf(unanswered)}`, `drop ${nameOf(unanswered)}`]);
    expect(output).toMatchObject({ given: [unanswered] });
  });

  it.each(['deleted', 'gone', 'left', 'not-ours', 'dry'])('is done with when it is %s [2.1, 6.10]', (discarded) => {
    const { script, context, output } = givingBack([creation], { [discard]: resolves(discarded) });

    expect(script.taken.at(-1)).toBe(drop);
    expect(context.discarded).toBe(discarded);
    expect(output).toMatchObject({ kept: [], failures: [] });
  });

  it.each([
    { how: 'is kept', doing: busy },
    { how: 'breaks on its way', doing: refused },
  ])('is not deleted while it is attached, and why is said once: the volume $how [6.10]', ({ doing }) => {
    const { script, output } = givingBack([volume, creation, record], { 'let go vol-1 at /dev/sdf': doing });

    expect(script.taken).not.toContain(discard);
    expect(script.taken.at(-1)).toBe('drop a.example.com. A');
    expect(output).toMatchObject({ given: [record], kept: [volume, creation] });
    expect(output?.failures).toHaveLength(1);
  });

  it('is deleted though another volume stays attached [5.7, 6.10]', () => {
    const { script, output } = givingBack([volume, otherCreation], { 'let go vol-1 at /dev/sdf': busy });

    expect(script.taken).toContain('discard the creation of vol-2 for /dev/sdg');
    expect(output).toMatchObject({ given: [otherCreation], kept: [volume] });
  });

  it('of which no answer ever came is looked for though another volume stays attached [6.10]', () => {
    const unanswered = withoutVolume(creation);
    const { script } = givingBack([volume, unanswered], { 'let go vol-1 at /dev/sdf': busy });

    expect(script.taken).toContain(`discard ${nameOf(unanswered)}`);
  });

  it.each([
    { how: 'is denied', doing: denied, problem: 'AttachVolume: not authorized. Allow it.' },
    { how: 'breaks', doing: refused, problem: 'refused' },
  ])('stays in the journal, is told of, and keeps nothing else here: it $how [5.2, 5.7]', ({ doing, problem }) => {
    const { script, output } = givingBack([creation, record], { [discard]: doing });

    expect(script.taken).toEqual(['list', discard, 'restore a.example.com. A', 'drop a.example.com. A']);
    expect(output).toMatchObject({
      kept: [creation],
      failures: [failure(`the creation of vol-1 for /dev/sdf: ${problem}`)],
    });
  });

  it('is tried again after a fault that may pass: after 0.5 s, then less and less often, five times in all [6.10]', () => {
    const run = givingBack([creation], { [discard]: passing });

    const pauses = pausesOf(run, 4);

    expect(pauses).toEqual([500, 1_000, 2_000, 4_000]);
    expect(run.script.taken.filter((name) => name === discard)).toHaveLength(5);
    expect(run.output).toMatchObject({
      kept: [creation],
      failures: [{ problem: expect.stringContaining('throttled') }],
    });
  });

  it('has its own five attempts, however many the one before it took [6.10]', () => {
    const run = givingBack([otherCreation, creation], {
      'discard the creation of vol-2 for /dev/sdg': [passing, passing, passing, passing, resolves('deleted')],
      [discard]: passing,
    });
    run.clock.increment(7_500);

    expect(pausesOf(run, 4)).toEqual([500, 1_000, 2_000, 4_000]);
  });
});

describe('a record set that is given back', () => {
  it.each(['restored', 'not-ours', 'dry'])('is done with when it is %s [2.1, 7.5]', (restored) => {
    const { script, context, output } = givingBack([record], { 'restore a.example.com. A': resolves(restored) });

    expect(script.taken.at(-1)).toBe('drop a.example.com. A');
    expect(context.restored).toBe(restored);
    expect(output).toMatchObject({ kept: [], failures: [] });
  });

  it.each([
    { how: 'is denied', doing: denied, problem: 'AttachVolume: not authorized. Allow it.' },
    { how: 'breaks', doing: refused, problem: 'refused' },
  ])('stays in the journal, is told of, and keeps nothing else here: it $how [5.2, 5.7, 7.5]', ({ doing, problem }) => {
    const { script, output } = givingBack([record, volume], { 'restore a.example.com. A': doing });

    expect(script.taken).toEqual([
      'list',
      'restore a.example.com. A',
      'let go vol-1 at /dev/sdf',
      'drop vol-1 at /dev/sdf',
    ]);
    expect(output).toMatchObject({ kept: [record], failures: [failure(`a.example.com. A: ${problem}`)] });
  });

  it('is tried again after a fault that may pass: after 0.5 s, then less and less often, five times in all [7.2, 7.5]', () => {
    const run = givingBack([record], { 'restore a.example.com. A': passing });

    const pauses = pausesOf(run, 4);

    expect(pauses).toEqual([500, 1_000, 2_000, 4_000]);
    expect(run.script.taken.filter((name) => name === 'restore a.example.com. A')).toHaveLength(5);
    expect(run.output).toMatchObject({ kept: [record], failures: [{ problem: expect.stringContaining('throttled') }] });
  });

  it('is dropped once a fault has passed [7.2, 7.5]', () => {
    const run = givingBack([record], { 'restore a.example.com. A': [passing, resolves('restored')] });

    run.clock.increment(500);

    expect(run.script.taken.at(-1)).toBe('drop a.example.com. A');
    expect(run.output).toMatchObject({ kept: [], failures: [] });
  });

  it('has its own five attempts, however many the one before it took [7.5]', () => {
    const run = givingBack([record, otherRecord], {
      'restore a.example.com. A': [passing, passing, passing, passing, resolves('restored')],
      'restore b.example.com. A': passing,
    });
    run.clock.increment(7_500);

    const pauses = pausesOf(run, 4);

    expect(pauses).toEqual([500, 1_000, 2_000, 4_000]);
  });
});

describe('a journal that cannot be written', () => {
  it('is told of, and keeps nothing else here: what is given back is given back [12.5]', () => {
    const { script, output } = givingBack([volume, record], { 'drop vol-1 at /dev/sdf': refused });

    expect(script.taken).toContain('drop a.example.com. A');
    expect(output).toEqual({
      given: [volume, record],
      kept: [],
      failures: [failure('vol-1 at /dev/sdf: refused')],
    });
  });
});

describe('asked to end', () => {
  const notGivenBack = (name: string) => failure(`${name}: not given back: no time was left`);

  it('while holds are listed, each is kept and told of [5.2]', () => {
    const run = givingBack([], { list: held });

    run.finish();
    const before = run.output;
    run.script.resolve('list', [volume, record]);

    expect(before).toBeUndefined();
    expect(run.script.taken).toEqual(['list']);
    expect(run.output).toEqual({
      given: [],
      kept: [volume, record],
      failures: [notGivenBack('vol-1 at /dev/sdf'), notGivenBack('a.example.com. A')],
    });
  });

  it('while holds are listed, there is nothing to say where there are none [5.2]', () => {
    const run = givingBack([], { list: held });

    run.finish();
    run.script.resolve('list', []);

    expect(run.output).toMatchObject({ kept: [], failures: [] });
  });

  it('while a volume is on its way, it is asked, too, and its word is waited for [5.2]', () => {
    const run = givingBack([volume, record], { 'let go vol-1 at /dev/sdf': held });

    run.finish();
    const before = run.output;
    run.script.resolve('let go vol-1 at /dev/sdf', { kind: 'kept', problem: 'asked to end' });

    expect(before).toBeUndefined();
    expect(run.script.sent).toEqual(['let go vol-1 at /dev/sdf: step.finish']);
    expect(run.output).toEqual({
      given: [],
      kept: [volume, record],
      failures: [failure('vol-1 at /dev/sdf: asked to end'), notGivenBack('a.example.com. A')],
    });
  });

  it('while a volume is on its way, it is dropped where it is gone all the same [5.2]', () => {
    const run = givingBack([volume, record], { 'let go vol-1 at /dev/sdf': held });

    run.finish();
    run.script.resolve('let go vol-1 at /dev/sdf', { kind: 'gone' });

    expect(run.script.taken.at(-1)).toBe('drop vol-1 at /dev/sdf');
    expect(run.output).toMatchObject({ kept: [record], failures: [notGivenBack('a.example.com. A')] });
  });

  it('while a record set is written, the answer is waited for: a change that was sent may take effect [5.2, 7.5]', () => {
    const run = givingBack([record, volume], { 'restore a.example.com. A': held });

    run.finish();
    const before = run.output;
    run.script.resolve('restore a.example.com. A', 'restored');

    expect(before).toBeUndefined();
    expect(run.script.taken.at(-1)).toBe('drop a.example.com. A');
    expect(run.output).toMatchObject({ kept: [volume], failures: [notGivenBack('vol-1 at /dev/sdf')] });
  });

  it('while a record set is written, a fault that may pass is not tried again [5.2]', () => {
    const run = givingBack([record], { 'restore a.example.com. A': held });

    run.finish();
    run.script.reject('restore a.example.com. A', passingError);

    expect(run.output).toMatchObject({ kept: [record], failures: [{ problem: expect.stringContaining('throttled') }] });
  });

  it('while a created volume is deleted, the answer is waited for: a change that was sent may take effect [5.2, 6.10]', () => {
    const run = givingBack([creation, volume], { 'discard the creation of vol-1 for /dev/sdf': held });

    run.finish();
    const before = { output: run.output, state: run.state };
    run.script.resolve('discard the creation of vol-1 for /dev/sdf', 'deleted');

    expect(before).toEqual({ output: undefined, state: 'discarding' });
    expect(run.script.taken.at(-1)).toBe('drop the creation of vol-1 for /dev/sdf');
    expect(run.output).toMatchObject({ kept: [volume], failures: [notGivenBack('vol-1 at /dev/sdf')] });
  });

  it('while a created volume is deleted, a fault that may pass is not tried again [5.2]', () => {
    const run = givingBack([creation], { 'discard the creation of vol-1 for /dev/sdf': held });

    run.finish();
    run.script.reject('discard the creation of vol-1 for /dev/sdf', passingError);

    expect(run.output).toMatchObject({
      kept: [creation],
      failures: [{ problem: expect.stringContaining('throttled') }],
    });
  });

  it('while the next attempt is waited for, it and the rest are kept [5.2]', () => {
    const run = givingBack([record, volume], { 'restore a.example.com. A': passing });
    const { state } = run;

    run.finish();

    expect(state).toBe('pausing');
    expect(run.output).toEqual({
      given: [],
      kept: [record, volume],
      failures: [notGivenBack('a.example.com. A'), notGivenBack('vol-1 at /dev/sdf')],
    });
  });

  it('while one is dropped, that is waited for [5.2, 12.2]', () => {
    const run = givingBack([volume, record], { 'drop vol-1 at /dev/sdf': held });

    run.finish();
    const before = run.output;
    run.script.resolve('drop vol-1 at /dev/sdf');

    expect(before).toBeUndefined();
    expect(run.output).toMatchObject({ kept: [record], failures: [notGivenBack('a.example.com. A')] });
  });

  it('of the last one, there is nothing to be kept [5.2]', () => {
    const run = givingBack([volume], { 'drop vol-1 at /dev/sdf': held });

    run.finish();
    run.script.resolve('drop vol-1 at /dev/sdf');

    expect(run.output).toMatchObject({ kept: [], failures: [] });
  });
});

describe('the name of a hold', () => {
  it.each([
    { hold: otherVolume, name: 'vol-2 at /dev/sdg' },
    { hold: otherRecord, name: 'b.example.com. A' },
    { hold: otherCreation, name: 'the creation of vol-2 for /dev/sdg' },
    { hold: withoutVolume(otherCreation), name: 'the creation of a volume for /dev/sdg' },
  ])('is "$name"', ({ hold, name }) => {
    expect(nameOf(hold)).toBe(name);
  });
});
