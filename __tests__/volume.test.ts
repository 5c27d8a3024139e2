/** How one volume is looked for in its sources, waited for, claimed, and found as a disk. */

import type { VolumeEntry, VolumeSource, VolumeTarget } from '../config/vocabulary.ts';
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
import { heldElsewhere, nothingIn, scriptedVolume, sees, seesNow, target } from './helpers/scripted-volume.ts';

const disk = '/dev/nvme1n1';
const there = { volumeId: 'vol-1', device: '/dev/sdf', path: disk, source: 'x' };
const passing = rejects(passingError);
const denied = rejects(deniedError);

/** By id, and attached as soon as its serial is told to show, unless told otherwise. */
function byId(doings: Doings = {}, settings: Partial<VolumeEntry> = {}) {
  return scriptedVolume({ awaitSerial: held, ...doings }, settings);
}

/** By id or from a pool, with nothing at its device. */
function fromBoth(doings: Doings = {}, settings: Partial<VolumeEntry> = {}) {
  return byId(doings, { sources: ['x', 'p'], pool: 'main', ...settings });
}

describe('a volume', () => {
  it('that is free is claimed, and there once its serial shows [6.3, 6.9]', () => {
    const volume = byId();
    const before = volume.state;

    volume.script.resolve('awaitSerial', disk);

    expect(before).toMatch(/^attaching/);
    expect(volume.script.taken).not.toContain('locate');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });

  it('that is free is claimed, and located once EC2 calls it attached, whatever its serial does [6.9]', () => {
    const volume = byId({ look: [seesNow('attaching'), seesNow('attached')], awaitSerial: refused });
    const before = volume.state;

    volume.clock.increment(60_000);

    expect(before).toBe('attaching.pausing');
    expect(volume.script.taken.at(-1)).toBe('locate');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });

  it('that is attached here already is adopted, and nothing is changed [6.2]', () => {
    const { script, output } = byId({ 'look at x': sees('attached') });

    expect(script.taken).toEqual(['look at x', 'locate']);
    expect(output).toEqual({ attachment: { ...there, attachedNow: false } });
  });

  it('that is being attached here already is waited for, and nothing is changed [6.2]', () => {
    const volume = byId({ 'look at x': sees('attaching') });

    volume.script.resolve('awaitSerial', disk);

    expect(volume.script.taken).not.toContain('claim');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: false } });
  });

  it.each(['free', 'attached', 'attaching'] as const)(
    'that is %s, and that somebody has prepared before his application ran, is told as attached already: nobody is to format it [4.3]',
    (kind) => {
      const { output } = byId({
        'look at x': sees(kind, target({ source: 'c', preparedBefore: true })),
        awaitSerial: resolves(disk),
      });

      expect(output).toEqual({ attachment: { ...there, source: 'c', attachedNow: false } });
    },
  );

  it.each(['attached', 'attaching'] as const)(
    'that is %s here already, but was never prepared, is adopted as if it were attached just now [4.3]',
    (kind) => {
      const { script, output } = byId({
        'look at x': sees(kind, target({ unprepared: true })),
        awaitSerial: resolves(disk),
      });

      expect(script.taken).not.toContain('claim');
      expect(output).toEqual({ attachment: { ...there, attachedNow: true } });
    },
  );

  it('is what each of its steps is given, once it is known which [6.1]', () => {
    const { script, entry } = byId({
      'look at x': sees('free', target({ volumeId: 'vol-9' })),
      look: seesNow('attached'),
    });

    expect(script.inputOf('look at x')).toEqual({ entry, source: 'x' });
    for (const step of ['look', 'claim', 'awaitSerial', 'locate'])
      expect(script.inputOf(step)).toEqual({ entry, target: target({ volumeId: 'vol-9' }) });
  });

  it('that is never to be had like this ends with what was seen [6.2, 6.3]', () => {
    const { script, output } = byId({ 'look at x': sees('refused', undefined, 'vol-1 has Multi-Attach enabled') });

    expect(script.taken).toEqual(['look at x']);
    expect(output).toEqual({ problem: 'vol-1 has Multi-Attach enabled' });
  });

  it('that init is switched off for is as good as there, at its own name [2.1]', () => {
    const { script, output } = byId({ claim: resolves('dry') });

    expect(script.taken).toEqual(['look at x', 'claim']);
    expect(output).toEqual({ attachment: { ...there, path: '/dev/sdf', attachedNow: true } });
  });

  describe.each([
    { step: 'look at x', doings: {} },
    { step: 'claim', doings: {} },
    { step: 'locate', doings: { 'look at x': sees('attached') } },
    { step: 'look here', doings: {}, settings: { sources: ['x', 'p'] satisfies VolumeSource[] } },
  ])('whose step "$step" fails', ({ step, doings, settings }) => {
    it('ends with the sentence of a denial, and is not tried again [6.3]', () => {
      const { output } = byId({ ...doings, [step]: denied }, settings);

      expect(output).toEqual({ problem: 'AttachVolume: not authorized. Allow it.' });
    });

    it('ends with what was thrown [6.3]', () => {
      const { output, errors } = byId({ ...doings, [step]: refused }, settings);

      expect(output).toEqual({ problem: 'refused' });
      expect(errors).toEqual([]);
    });
  });
});

describe('the sources of a volume', () => {
  it('are tried in the order written, until one has it [6.1]', () => {
    const { script, output } = scriptedVolume(
      { 'look at x': nothingIn('x'), 'look at p': sees('free', target({ volumeId: 'vol-7', source: 'p' })) },
      { sources: ['x', 'p', 'c'], pool: 'main' },
    );

    expect(script.taken.slice(0, 4)).toEqual(['look here', 'look at x', 'look at p', 'claim']);
    expect(output).toMatchObject({ attachment: { volumeId: 'vol-7', source: 'p', pool: 'main', attachedNow: true } });
  });

  it('are tried the other way round where they are written so [6.1]', () => {
    const { script, output } = scriptedVolume({ 'look at p': nothingIn('p') }, { sources: ['p', 'x'], pool: 'main' });

    expect(script.taken.slice(0, 4)).toEqual(['look here', 'look at p', 'look at x', 'claim']);
    expect(output).toEqual({ attachment: { ...there, attachedNow: true } });
  });

  it('are told as the source of the attachment, with the pool that it belongs to [4.2]', () => {
    const attachmentFrom = (from: VolumeTarget, settings: Partial<VolumeEntry>) =>
      scriptedVolume({ 'look at p': sees('free', from) }, { sources: ['p'], ...settings }).output;

    expect(attachmentFrom(target({ source: 'p' }), { pool: 'main' })).toMatchObject({
      attachment: { source: 'p', pool: 'main' },
    });
    expect(attachmentFrom(target({ source: 'c' }), { pool: 'main' })).toMatchObject({
      attachment: { source: 'c', pool: 'main' },
    });
    expect(attachmentFrom(target({ source: 'x' }), { pool: 'main' })).not.toHaveProperty('attachment.pool');
    expect(attachmentFrom(target({ source: 'c' }), {})).not.toHaveProperty('attachment.pool');
  });

  it('that have nothing, nor will have by themselves, end it with what each of them showed [6.4]', () => {
    const { script, output } = fromBoth({ 'look at x': nothingIn('x'), 'look at p': nothingIn('p') });

    expect(script.taken).toEqual(['look here', 'look at x', 'look at p']);
    expect(output).toEqual({ problem: 'x has nothing; p has nothing' });
  });

  it('after one whose volume is never to be had like this are not tried [6.3]', () => {
    const { script, output } = fromBoth({ 'look at x': sees('refused', undefined, 'vol-1 is in state error') });

    expect(script.taken).not.toContain('look at p');
    expect(output).toEqual({ problem: 'vol-1 is in state error' });
  });

  it('after one that cannot be looked at for a moment are not tried: what is not known is no reason to take another [6.3]', () => {
    const volume = fromBoth({ 'look at x': [passing, sees('free')] });
    const before = [...volume.script.taken];

    volume.clock.increment(2_000);

    expect(before).toEqual(['look here', 'look at x']);
    expect(volume.script.taken).not.toContain('look at p');
    expect(volume.script.taken).toContain('claim');
  });
});

describe('what is at the device already', () => {
  it('is looked at before anything is claimed, where another source may have put it there [6.2]', () => {
    const { script, output, entry } = fromBoth({
      'look here': sees('attached', target({ volumeId: 'vol-7', source: 'p' })),
    });

    expect(script.taken).toEqual(['look here', 'locate']);
    expect(script.inputOf('look here')).toEqual(entry);
    expect(output).toMatchObject({ attachment: { volumeId: 'vol-7', source: 'p', attachedNow: false } });
  });

  it('is waited for while it is being attached [6.2]', () => {
    const volume = fromBoth({ 'look here': sees('attaching', target({ unprepared: true })) });

    volume.script.resolve('awaitSerial', disk);

    expect(volume.script.taken).not.toContain('claim');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });

  it('and belongs to a stranger ends it with who that is [6.2]', () => {
    const { script, output } = fromBoth({ 'look here': sees('refused', undefined, '/dev/sdf is held by vol-8') });

    expect(script.taken).toEqual(['look here']);
    expect(output).toEqual({ problem: '/dev/sdf is held by vol-8' });
  });

  it('and is on its way out is waited for, and nothing else tried meanwhile [6.2]', () => {
    const leaving = sees('held', undefined, '/dev/sdf is still held: vol-8 is being detached');
    const volume = fromBoth({ 'look here': [leaving, leaving, nothingIn('sdf')], 'look at x': held });
    const { waitingFor } = volume.context;
    const before = [...volume.script.taken];

    volume.clock.increment(2_000 + 3_000);

    expect(waitingFor).toBe('/dev/sdf is still held: vol-8 is being detached');
    expect(before).toEqual(['look here']);
    expect(volume.script.taken).toEqual(['look here', 'look here', 'look here', 'look at x']);
  });

  it('is looked at again when that meets a fault that may pass [6.3]', () => {
    const volume = fromBoth({ 'look here': [passing, sees('attached')] });
    const { waitingFor, pausesFor } = volume.context;

    volume.clock.increment(2_000);

    expect({ waitingFor, pausesFor }).toEqual({ waitingFor: 'AttachVolume: throttled. Wait.', pausesFor: 'fault' });
    expect(volume.script.taken).toEqual(['look here', 'look here', 'locate']);
  });

  it('is looked at once, and then the sources go round alone [6.4]', () => {
    const volume = fromBoth({ 'look at x': heldElsewhere('x'), 'look at p': heldElsewhere('p') });

    volume.clock.increment(2_000 + 3_000);

    const round = ['look at x', 'look at p'];
    expect(volume.script.taken).toEqual(['look here', ...round, ...round, ...round]);
  });

  it.each<{ how: string; doing: Doing }>([
    { how: 'was taken by somebody else', doing: resolves('taken') },
    { how: 'has no answer', doing: passing },
  ])('is looked at again after a claim that $how: it may have gone through all the same [6.3]', ({ doing }) => {
    const mine = sees('attached', target({ source: 'p', volumeId: 'vol-7', unprepared: true }));
    const volume = fromBoth({
      'look here': [nothingIn('sdf'), mine],
      'look at x': [heldElsewhere('x'), sees('free')],
      'look at p': sees('free', target({ source: 'p', volumeId: 'vol-7' })),
      claim: doing,
    });

    volume.clock.increment(2_000);

    expect(volume.script.taken.filter((name) => name === 'claim')).toHaveLength(1);
    expect(volume.output).toMatchObject({ attachment: { volumeId: 'vol-7', source: 'p', attachedNow: true } });
  });

  it.each<{ sources: VolumeSource[]; looks: boolean }>([
    { sources: ['x'], looks: false },
    { sources: ['p'], looks: false },
    { sources: ['c'], looks: true },
    { sources: ['p', 'x'], looks: true },
  ])(
    'is looked at for the sources $sources: $looks, since a single one finds by itself what is here',
    ({ sources, looks }) => {
      const { script } = scriptedVolume({}, { sources });

      expect(script.taken.includes('look here')).toBe(looks);
    },
  );
});

describe('a volume that somebody has', () => {
  it('is waited for, and the status can tell who has it [6.4]', () => {
    const { state, context } = byId({ 'look at x': heldElsewhere('x') });

    expect(state).toBe('waiting');
    expect(context.waitingFor).toBe('x is held by i-0def (in-use)');
  });

  it('is told of together with those of the other sources [6.4]', () => {
    const { context } = fromBoth({ 'look at x': heldElsewhere('x'), 'look at p': heldElsewhere('p') });

    expect(context.waitingFor).toBe('x is held by i-0def (in-use); p is held by i-0def (in-use)');
  });

  it('is waited for while another source has nothing, and only it is told of [6.4]', () => {
    const { state, context } = fromBoth({ 'look at x': nothingIn('x'), 'look at p': heldElsewhere('p') });

    expect(state).toBe('waiting');
    expect(context.waitingFor).toBe('p is held by i-0def (in-use)');
  });

  it.each([
    { seed: 0, pauses: [1_600, 2_400, 3_600, 5_400, 8_000, 8_000] },
    { seed: 1 - 2 ** -40, pauses: [2_000, 3_000, 4_500, 6_750, 10_000, 10_000] },
  ])('is looked at again, less and less often, but at least every 10 s: with seed $seed [6.4]', ({ seed, pauses }) => {
    const volume = byId({ 'look at x': heldElsewhere('x') }, { seed });

    expect(pausesOf(volume, 6)).toEqual(pauses);
  });

  it('is told of as the latest round showed it [6.4]', () => {
    const volume = fromBoth({
      'look at x': [heldElsewhere('x'), nothingIn('x')],
      'look at p': [nothingIn('p'), heldElsewhere('p')],
    });

    volume.clock.increment(2_000);

    expect(volume.context.waitingFor).toBe('p is held by i-0def (in-use)');
    expect(volume.context.missing).toEqual({ x: 'x has nothing' });
  });

  it('is taken once it is free, and no longer waited for [6.4]', () => {
    const volume = byId({ 'look at x': [heldElsewhere('x'), sees('free')], look: held });

    volume.clock.increment(2_000);

    expect(volume.state).toBe('attaching.checking');
    expect(volume.context.waitingFor).toBeUndefined();
  });

  it('and is this instance, which is letting it go, is waited for before anything else is tried [6.2]', () => {
    const volume = fromBoth({
      'look at x': [sees('held', undefined, 'vol-1 is being detached from this instance', true), sees('free')],
    });
    const before = [...volume.script.taken];
    const { waitingFor } = volume.context;

    volume.clock.increment(2_000);

    expect(before).toEqual(['look here', 'look at x']);
    expect(waitingFor).toBe('vol-1 is being detached from this instance');
    expect(volume.script.taken).toContain('claim');
    expect(volume.script.taken).not.toContain('look at p');
  });
});

describe('the time that is waited', () => {
  const waitMs = 60_000;
  const bothHeld = { 'look at x': heldElsewhere('x'), 'look at p': heldElsewhere('p') };

  it('ends after `wait`, with a last look, and with who has it [6.4]', () => {
    const volume = byId({ 'look at x': heldElsewhere('x') }, { waitMs });

    volume.clock.increment(59_999);
    const before = { output: volume.output, looks: volume.script.taken.length };
    volume.clock.increment(1);

    expect(before.output).toBeUndefined();
    expect(volume.script.taken).toHaveLength(before.looks + 1);
    expect(volume.output).toEqual({ problem: 'not waited for any longer: x is held by i-0def (in-use)' });
  });

  it('is one for all sources together [6.4]', () => {
    const volume = fromBoth(bothHeld, { waitMs });

    volume.clock.increment(waitMs);

    expect(volume.output).toEqual({
      problem: 'not waited for any longer: x is held by i-0def (in-use); p is held by i-0def (in-use)',
    });
  });

  it('says beside who has it what there is none of [6.4]', () => {
    const { output } = fromBoth({ 'look at x': heldElsewhere('x'), 'look at p': nothingIn('p') }, { waitMs: 0 });

    expect(output).toEqual({ problem: 'not waited for any longer: x is held by i-0def (in-use); p has nothing' });
  });

  it('has no end of its own where none is written [6.4]', () => {
    const volume = fromBoth(bothHeld);

    volume.clock.increment(3_600_000);

    expect(volume.state).toBe('waiting');
  });

  it('is none with `wait` 0: one round, and that is all [6.4]', () => {
    const { script, output } = fromBoth(bothHeld, { waitMs: 0 });

    expect(script.taken).toEqual(['look here', 'look at x', 'look at p']);
    expect(output).toHaveProperty('problem');
  });

  it('ends without a `wait` when the patience with what a domain can do without is over [5.4, 6.4]', () => {
    const volume = fromBoth(bothHeld, { critical: false, patienceMs: 60_000 });

    volume.clock.increment(59_999);
    const before = volume.output;
    volume.clock.increment(1);

    expect(before).toBeUndefined();
    expect(volume.output).toEqual({
      problem: 'not waited for any longer: x is held by i-0def (in-use); p is held by i-0def (in-use)',
    });
  });

  it.each([
    { length: 'longer', patienceMs: 1_000 },
    { length: 'shorter', patienceMs: 600_000 },
  ])('is as written where a `wait` is: also where that is $length than the patience [5.4, 6.4]', ({ patienceMs }) => {
    const volume = fromBoth(bothHeld, { waitMs, patienceMs });

    volume.clock.increment(waitMs - 1);
    const { state } = volume;
    volume.clock.increment(1);

    expect(state).toBe('waiting');
    expect(volume.output).toHaveProperty('problem');
  });

  it('is none with `wait` 0, however patient one would be [5.4, 6.4]', () => {
    const { output } = fromBoth(bothHeld, { waitMs: 0, patienceMs: 60_000 });

    expect(output).toHaveProperty('problem');
  });

  it('takes what is free in the last look [6.4]', () => {
    const volume = byId({ 'look at x': [heldElsewhere('x'), sees('free')] }, { waitMs: 1 });

    volume.clock.increment(1);

    expect(volume.state).toMatch(/^attaching/);
  });

  it('may end while it is looked: then this was the last look [6.4]', () => {
    const volume = byId({ 'look at x': held }, { waitMs });
    volume.clock.increment(waitMs);

    volume.script.resolve('look at x', { kind: 'held', seen: 'vol-1 is held by i-0def' });

    expect(volume.output).toEqual({ problem: 'not waited for any longer: vol-1 is held by i-0def' });
  });

  it('does not end a claim or an attachment under way [5.2, 6.4]', () => {
    const volume = byId({ claim: held }, { waitMs });
    volume.clock.increment(waitMs);
    const claiming = volume.state;

    volume.script.resolve('claim', 'accepted');
    volume.clock.increment(waitMs);
    volume.script.resolve('awaitSerial', disk);

    expect(claiming).toBe('claiming');
    expect(volume.output).toHaveProperty('attachment');
  });

  it.each([
    { where: 'the device', doings: { 'look here': sees('held', undefined, 'vol-8 is being detached') } },
    { where: 'this instance', doings: { 'look at x': sees('held', undefined, 'vol-8 is being detached', true) } },
  ])('is the same for what is on its way out of $where [6.2, 6.4]', ({ doings }) => {
    const volume = fromBoth(doings, { waitMs });
    volume.clock.increment(waitMs - 1);
    const before = volume.state;

    volume.clock.increment(1);

    expect(before).toBe('waiting');
    expect(volume.output).toEqual({ problem: 'given up: vol-8 is being detached' });
  });

  it('has some patience with faults when it is over: they are borne five times in a row [6.3, 6.4]', () => {
    const volume = byId({ 'look at x': passing }, { waitMs: 0 });

    volume.clock.increment(600_000);

    expect(volume.script.taken.filter((name) => name === 'look at x')).toHaveLength(6);
    expect(volume.output).toEqual({ problem: 'given up: AttachVolume: throttled. Wait.' });
  });

  it('bears faults without a number until it is over [6.3, 6.4]', () => {
    const volume = byId({ 'look at x': passing });

    volume.clock.increment(3_600_000);

    expect(volume.state).toBe('waiting');
  });

  it('when it is over, still has a lost race looked at again: another one may be free [6.3, 6.4]', () => {
    const volume = scriptedVolume(
      {
        'look at p': [sees('free', target({ source: 'p' })), sees('free', target({ source: 'p', volumeId: 'vol-2' }))],
        claim: [resolves('taken'), resolves('accepted')],
      },
      { sources: ['p'], pool: 'main', waitMs: 0 },
    );

    volume.clock.increment(1_000);

    expect(volume.output).toMatchObject({ attachment: { volumeId: 'vol-2' } });
  });
});

describe('a race for a volume', () => {
  it('that is lost is told of, and looked at again before it is run again [6.3]', () => {
    const volume = byId({ claim: [resolves('taken'), held] });
    const { waitingFor, pausesFor } = volume.context;

    volume.clock.increment(1_000);

    expect({ waitingFor, pausesFor }).toEqual({
      waitingFor: 'somebody else was faster to attach vol-1',
      pausesFor: 'lost',
    });
    expect(volume.script.taken).toEqual(['look at x', 'claim', 'look at x', 'claim']);
  });

  it('that is lost does not make what is found here later one of this run [4.3, 6.3]', () => {
    const volume = byId({ 'look at x': [sees('free'), sees('attached')], claim: resolves('taken') });

    volume.clock.increment(1_000);

    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: false } });
  });

  it.each([
    { seed: 0, pauses: [0, 0, 0, 0, 0, 0] },
    { seed: 1 - 2 ** -40, pauses: [1_000, 2_000, 4_000, 8_000, 8_000, 8_000] },
  ])('is run again after at most 1 s, and then less and less often: with seed $seed [6.3]', ({ seed, pauses }) => {
    const volume = byId({ claim: resolves('taken') }, { seed });

    expect(pausesOf(volume, 6)).toEqual(pauses);
  });

  it('is run again at other times by neighbours in a fleet, in each round [6.3]', () => {
    const roundsOf = (seed: number) => pausesOf(byId({ 'look at x': heldElsewhere('x') }, { seed }), 8);
    const pause = (seed: number, round: number) => roundsOf(seed)[round] ?? 0;

    for (const round of [0, 3, 7]) {
      const pauses = [0.1, 0.1001, 0.1002, 0.1003].map((seed) => pause(seed, round));
      expect(new Set(pauses).size).toBe(pauses.length);
    }
  });

  it('begins with short pauses, however long was waited before [6.3]', () => {
    const volume = byId({ 'look at x': [heldElsewhere('x'), heldElsewhere('x'), sees('free')], claim: held });
    volume.clock.ringNext();
    volume.clock.ringNext();

    volume.script.resolve('claim', 'taken');

    expect(volume.context).toMatchObject({ pausesFor: 'lost', pauses: 1 });
  });
});

describe('a failure that may pass', () => {
  it('of a look has it made again [6.3]', () => {
    const volume = byId({ 'look at x': [passing, sees('attached')] });
    const { waitingFor } = volume.context;

    volume.clock.increment(2_000);

    expect(waitingFor).toBe('AttachVolume: throttled. Wait.');
    expect(volume.script.taken).toEqual(['look at x', 'look at x', 'locate']);
    expect(volume.output).toHaveProperty('attachment');
  });

  it.each([
    { seed: 0, pauses: [1_000, 2_000, 4_000, 8_000, 15_000, 15_000] },
    { seed: 1 - 2 ** -40, pauses: [2_000, 4_000, 8_000, 16_000, 30_000, 30_000] },
  ])('is met with longer and longer pauses, up to 30 s: with seed $seed [6.3]', ({ seed, pauses }) => {
    const volume = byId({ 'look at x': passing }, { seed });

    expect(pausesOf(volume, 6)).toEqual(pauses);
  });

  it('of a claim has the volume looked at before it is claimed again [6.3]', () => {
    const volume = byId({ claim: [passing, held] });
    const { waitingFor, pausesFor } = volume.context;

    volume.clock.increment(2_000);

    expect({ waitingFor, pausesFor }).toEqual({ waitingFor: 'AttachVolume: throttled. Wait.', pausesFor: 'fault' });
    expect(volume.script.taken).toEqual(['look at x', 'claim', 'look at x', 'claim']);
  });

  it('of a claim that went through all the same leaves the volume one of this run [4.3]', () => {
    const volume = byId({
      claim: passing,
      'look at x': [sees('free'), sees('attached', target({ unprepared: true }))],
    });

    volume.clock.increment(2_000);

    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });
});

describe('a volume that is being attached', () => {
  it.each<{ what: string; look: Doing }>([
    { what: 'is being attached', look: seesNow('attaching') },
    { what: 'cannot be looked at for a moment', look: refused },
  ])('is looked at after 0.5 s, and then less and less often, while it $what [6.9]', ({ look }) => {
    const volume = byId({ look });

    expect(pausesOf(volume, 9)).toEqual([500, 750, 1_125, 1_688, 2_531, 3_797, 5_695, 5_695, 5_695]);
  });

  it('is looked at after 0.5 s however long it was waited for [6.4, 6.9]', () => {
    const volume = byId({
      'look at x': [heldElsewhere('x'), heldElsewhere('x'), sees('attaching')],
      look: seesNow('attaching'),
    });
    volume.clock.ringNext();
    volume.clock.ringNext();
    const looks = volume.script.taken.length;

    volume.clock.increment(500);

    expect(volume.script.taken).toHaveLength(looks + 1);
  });

  it.each<{ step: string; sources: VolumeSource[] }>([
    { step: 'look at x', sources: ['x'] },
    { step: 'look here', sources: ['x', 'p'] },
  ])('is no longer waited for once "$step" calls it attached or attaching [6.4]', ({ step, sources }) => {
    for (const kind of ['attached', 'attaching'] as const) {
      const leaving = sees('held', undefined, 'vol-1 is being detached');
      const volume = byId({ [step]: [leaving, sees(kind)], locate: held, look: held }, { sources });

      volume.clock.increment(2_000);

      expect(volume.context.waitingFor).toBeUndefined();
    }
  });

  it.each<{ what: string; look: Doing[] }>([
    { what: 'seems free again for a moment', look: [seesNow('free'), seesNow('attached')] },
    { what: 'cannot be looked at for a moment', look: [refused, seesNow('attached')] },
  ])('is not given up when it $what [6.9]', ({ look }) => {
    const volume = byId({ look });

    volume.clock.increment(1_000);

    expect(volume.script.taken.filter((name) => name === 'claim')).toHaveLength(1);
    expect(volume.output).toHaveProperty('attachment');
  });

  it('is given up after 90 s, with advice [6.9]', () => {
    const volume = byId({ look: seesNow('attaching') });

    volume.clock.increment(89_999);
    const before = volume.output;
    volume.clock.increment(1);

    expect(before).toBeUndefined();
    expect(volume.output).toEqual({ problem: expect.stringContaining('still attaching after 90 s') });
  });
});

describe('a volume that is asked to finish', () => {
  it.each<{ step: string; sources: VolumeSource[] }>([
    { step: 'look at x', sources: ['x'] },
    { step: 'look here', sources: ['x', 'p'] },
  ])('cuts short the step "$step", which changes nothing [5.2]', ({ step, sources }) => {
    const volume = byId({ [step]: held }, { sources });

    volume.finish();

    expect(volume.output).toEqual({ problem: 'asked to end before it was attached', asked: true });
    expect(volume.script.isUnderWay(step)).toBe(false);
  });

  it('waits no longer, and says for what it did [5.2]', () => {
    const volume = byId({ 'look at x': heldElsewhere('x') });

    volume.finish();

    expect(volume.output).toEqual({ problem: 'no longer waited for: x is held by i-0def (in-use)', asked: true });
  });

  it('lets a claim have its answer, and ends when it was accepted: whoever rolls back knows of it [5.2, 12.2]', () => {
    const volume = byId({ claim: held });

    volume.finish();
    const before = volume.script.isUnderWay('claim');
    volume.script.resolve('claim', 'accepted');

    expect(before).toBe(true);
    expect(volume.output).toEqual({ problem: 'asked to end while it was being attached', asked: true });
    expect(volume.script.taken).toEqual(['look at x', 'claim']);
  });

  it.each([
    {
      answer: 'taken by somebody else',
      end: (volume: ReturnType<typeof byId>) => volume.script.resolve('claim', 'taken'),
    },
    {
      answer: 'a failure that may pass',
      end: (volume: ReturnType<typeof byId>) => volume.script.reject('claim', passingError),
    },
  ])('does not go on waiting for ever when its claim ends as $answer [5.2]', ({ end }) => {
    const volume = byId({ claim: held });

    volume.finish();
    end(volume);

    expect(volume.output).toEqual({ problem: expect.stringMatching(/^no longer waited for: /), asked: true });
  });

  it('ends with the refusal when its claim was refused: that is a failure of its own [5.2, 6.3]', () => {
    const volume = byId({ claim: held });

    volume.finish();
    volume.script.reject('claim', deniedError);

    expect(volume.output).toEqual({ problem: 'AttachVolume: not authorized. Allow it.' });
  });

  it('is there all the same when init is switched off [2.1]', () => {
    const volume = byId({ claim: held });

    volume.finish();
    volume.script.resolve('claim', 'dry');

    expect(volume.output).toHaveProperty('attachment');
  });

  it.each<{ state: string; look: Doing }>([
    { state: 'attaching.checking', look: held },
    { state: 'attaching.pausing', look: seesNow('attaching') },
  ])('ends at once while it is $state [5.2]', ({ state, look }) => {
    const volume = byId({ look });
    const before = volume.state;

    volume.finish();

    expect(before).toBe(state);
    expect(volume.output).toEqual({ problem: 'asked to end while it was being attached', asked: true });
  });

  it('ends at once while its disk is looked for [5.2]', () => {
    const volume = byId({ 'look at x': sees('attached'), locate: held });

    volume.finish();

    expect(volume.output).toEqual({ problem: 'asked to end before its disk was found', asked: true });
  });
});
