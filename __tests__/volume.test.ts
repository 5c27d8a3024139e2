/** How one volume is looked for, waited for, claimed, and found as a disk. */

import type { Looked } from '../config/vocabulary.ts';
import { type VolumeOutcome, volumeMachine, type volumeSteps } from '../machines/volume.ts';
import { volumeEntry } from './helpers/domain.ts';
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

const sees = (kind: Looked['kind'], seen = `vol-1 is ${kind}`) => resolves({ kind, seen });
const seesUnprepared = (kind: Looked['kind']) => resolves({ kind, seen: `vol-1 is ${kind}`, unprepared: true });
const heldElsewhere = sees('held', 'vol-1 is held by i-0def (in-use)');

/** A volume that is free and attached at once, unless told otherwise. */
function scripted(doings: Doings = {}) {
  const script = createScript({ look: sees('free'), awaitSerial: held, ...doings });
  const machine = volumeMachine.provide({
    actors: {
      look: script.step<(typeof volumeSteps)['look']>('look', { kind: 'free', seen: '' }),
      claim: script.step<(typeof volumeSteps)['claim']>('claim', 'accepted'),
      awaitSerial: script.step<(typeof volumeSteps)['awaitSerial']>('awaitSerial', '/dev/nvme1n1'),
      locate: script.step<(typeof volumeSteps)['locate']>('locate', '/dev/nvme1n1'),
    } satisfies typeof volumeSteps,
  });
  const volume = started(machine, volumeEntry());
  return {
    ...volume,
    script,
    finish: () => volume.actor.send({ type: 'step.finish' }),
    get state(): string {
      return volume.state;
    },
    get context() {
      return volume.actor.getSnapshot().context;
    },
    get output(): VolumeOutcome | undefined {
      return volume.output;
    },
  };
}

const there = { volumeId: 'vol-1', device: '/dev/sdf', path: '/dev/nvme1n1', source: 'x' };

describe('a volume', () => {
  it('that is free is claimed, and there once its serial shows [6.3, 6.9]', () => {
    const volume = scripted();
    const before = volume.state;

    volume.script.resolve('awaitSerial', '/dev/nvme1n1');

    expect(before).toMatch(/^attaching/);
    expect(volume.script.taken).not.toContain('locate');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });

  it('that is free is claimed, and located once EC2 calls it attached, whatever its serial does [6.9]', () => {
    const volume = scripted({ look: [sees('free'), sees('attaching'), sees('attached')], awaitSerial: refused });
    const before = volume.state;

    volume.clock.increment(60_000);

    expect(before).toBe('attaching.pausing');
    expect(volume.script.taken.at(-1)).toBe('locate');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });

  it('that is attached here already is adopted, and nothing is changed [6.2]', () => {
    const { script, output } = scripted({ look: sees('attached') });

    expect(script.taken).toEqual(['look', 'locate']);
    expect(output).toEqual({ attachment: { ...there, attachedNow: false } });
  });

  it('that is being attached here already is waited for, and nothing is changed [6.2]', () => {
    const volume = scripted({ look: sees('attaching') });

    volume.script.resolve('awaitSerial', '/dev/nvme1n1');

    expect(volume.script.taken).not.toContain('claim');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: false } });
  });

  it.each(['attached', 'attaching'] as const)(
    'that is %s here already, but was never prepared, is adopted as if it were attached just now [4.3]',
    (kind) => {
      const volume = scripted({ look: seesUnprepared(kind), awaitSerial: resolves('/dev/nvme1n1') });

      expect(volume.script.taken).not.toContain('claim');
      expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
    },
  );

  it('is what each of its steps is given [6.1]', () => {
    const { script } = scripted({ look: [sees('free'), sees('attached')] });
    const begun = scripted({ look: held });

    expect(begun.script.inputOf('look')).toEqual(volumeEntry());
    for (const step of ['look', 'claim', 'awaitSerial', 'locate']) expect(script.inputOf(step)).toEqual(volumeEntry());
  });

  it('that is never to be had like this ends with what was seen [6.2, 6.3]', () => {
    const { script, output } = scripted({ look: sees('refused', 'vol-1 is in another zone') });

    expect(script.taken).toEqual(['look']);
    expect(output).toEqual({ problem: 'vol-1 is in another zone' });
  });

  it('that init is switched off for is as good as there, at its own name [2.1]', () => {
    const { script, output } = scripted({ claim: resolves('dry') });

    expect(script.taken).toEqual(['look', 'claim']);
    expect(output).toEqual({ attachment: { ...there, path: '/dev/sdf', attachedNow: true } });
  });

  it.each(['look', 'claim', 'locate'])('that %s is denied for ends with that sentence [6.3]', (step) => {
    const look = step === 'locate' ? sees('attached') : sees('free');
    const { output } = scripted({ look, [step]: rejects(deniedError) });

    expect(output).toEqual({ problem: 'AttachVolume: not authorized. Allow it.' });
  });

  it.each(['look', 'claim', 'locate'])('whose %s breaks ends with what was thrown [6.3]', (step) => {
    const look = step === 'locate' ? sees('attached') : sees('free');
    const { output, errors } = scripted({ look, [step]: refused });

    expect(output).toEqual({ problem: 'refused' });
    expect(errors).toEqual([]);
  });
});

describe('a volume that somebody has', () => {
  it('is waited for, and the status can tell who has it [6.4]', () => {
    const { state, context } = scripted({ look: heldElsewhere });

    expect(state).toBe('waiting');
    expect(context.waitingFor).toBe('vol-1 is held by i-0def (in-use)');
  });

  it('is looked at again after 2 s, and then less and less often, but at least every 10 s [6.4]', () => {
    const volume = scripted({ look: heldElsewhere });

    expect(pausesOf(volume, 7)).toEqual([2_000, 3_000, 4_500, 6_750, 10_000, 10_000, 10_000]);
  });

  it('is taken once it is free, and no longer waited for [6.4]', () => {
    const volume = scripted({ look: [heldElsewhere, sees('free'), held] });

    volume.clock.increment(2_000);

    expect(volume.state).toBe('attaching.checking');
    expect(volume.context.waitingFor).toBeUndefined();
  });

  it('by a faster claim is waited for, and not taken for one of ours later [6.3, 4.3]', () => {
    const volume = scripted({ look: [sees('free'), sees('attached')], claim: resolves('taken') });
    const { waitingFor } = volume.context;

    volume.clock.increment(2_000);

    expect(waitingFor).toBe('another instance was faster to attach vol-1');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: false } });
  });
});

describe('a failure that may pass', () => {
  it('of a look has it made again [6.3]', () => {
    const volume = scripted({ look: [rejects(passingError), sees('attached')] });
    const { waitingFor } = volume.context;

    volume.clock.increment(2_000);

    expect(waitingFor).toBe('AttachVolume: throttled. Wait.');
    expect(volume.script.taken).toEqual(['look', 'look', 'locate']);
    expect(volume.output).toHaveProperty('attachment');
  });

  it('of a claim has the volume looked at before it is claimed again [6.3]', () => {
    const volume = scripted({
      claim: [rejects(passingError), resolves('accepted')],
      look: [sees('free'), sees('free'), held],
    });
    const { waitingFor } = volume.context;

    const [pauseMs] = pausesOf(volume, 1);

    expect(waitingFor).toBe('AttachVolume: throttled. Wait.');
    expect(pauseMs).toBe(2_000);
    expect(volume.script.taken.slice(0, 4)).toEqual(['look', 'claim', 'look', 'claim']);
  });

  it('of a claim that went through all the same leaves the volume one of this run [4.3]', () => {
    const volume = scripted({ claim: rejects(passingError), look: [sees('free'), sees('attached')] });

    volume.clock.increment(2_000);

    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });
});

describe('a volume that is being attached', () => {
  it.each([
    { what: 'is being attached', look: sees('attaching') },
    { what: 'cannot be looked at for a moment', look: refused },
  ])('is looked at after 0.5 s, and then less and less often, while it $what [6.9]', ({ look }) => {
    const volume = scripted({ look: [sees('free'), look] });

    expect(pausesOf(volume, 9)).toEqual([500, 750, 1_125, 1_688, 2_531, 3_797, 5_695, 5_695, 5_695]);
  });

  it('is looked at after 0.5 s however long it was waited for [6.4, 6.9]', () => {
    const volume = scripted({ look: [heldElsewhere, heldElsewhere, sees('attaching')] });
    volume.clock.increment(2_000 + 3_000);
    const looks = volume.script.taken.length;

    volume.clock.increment(500);

    expect(volume.script.taken).toHaveLength(looks + 1);
  });

  it.each(['attaching', 'attached'] as const)('is no longer waited for once EC2 calls it %s [6.4]', (kind) => {
    const volume = scripted({ look: [heldElsewhere, sees(kind)], locate: held });

    volume.clock.increment(2_000);

    expect(volume.context.waitingFor).toBeUndefined();
  });

  it.each([
    { what: 'seems free again for a moment', look: [sees('free'), sees('free'), sees('attached')] },
    { what: 'cannot be looked at for a moment', look: [sees('free'), refused, sees('attached')] },
  ])('is not given up when it $what [6.9]', ({ look }) => {
    const volume = scripted({ look });

    volume.clock.increment(1_000);

    expect(volume.script.taken.filter((name) => name === 'claim')).toHaveLength(1);
    expect(volume.output).toHaveProperty('attachment');
  });

  it('is given up after 90 s, with advice [6.9]', () => {
    const volume = scripted({ look: [sees('free'), sees('attaching')] });

    volume.clock.increment(89_999);
    const before = volume.output;
    volume.clock.increment(1);

    expect(before).toBeUndefined();
    expect(volume.output).toEqual({ problem: expect.stringContaining('still attaching after 90 s') });
  });
});

describe('a volume that is asked to finish', () => {
  it('cuts short a look, which changes nothing [5.2]', () => {
    const volume = scripted({ look: held });

    volume.finish();

    expect(volume.output).toEqual({ problem: 'asked to end before it was attached', asked: true });
    expect(volume.script.isUnderWay('look')).toBe(false);
  });

  it('waits no longer, and says for what it did [5.2]', () => {
    const volume = scripted({ look: heldElsewhere });

    volume.finish();

    expect(volume.output).toEqual({
      problem: 'no longer waited for: vol-1 is held by i-0def (in-use)',
      asked: true,
    });
  });

  it('lets a claim have its answer, and ends when it was accepted: whoever rolls back knows of it [5.2, 12.2]', () => {
    const volume = scripted({ claim: held });

    volume.finish();
    const before = volume.script.isUnderWay('claim');
    volume.script.resolve('claim', 'accepted');

    expect(before).toBe(true);
    expect(volume.output).toEqual({ problem: 'asked to end while it was being attached', asked: true });
    expect(volume.script.taken).toEqual(['look', 'claim']);
  });

  it.each([
    {
      answer: 'taken by somebody else',
      end: (volume: ReturnType<typeof scripted>) => volume.script.resolve('claim', 'taken'),
    },
    {
      answer: 'a failure that may pass',
      end: (volume: ReturnType<typeof scripted>) => volume.script.reject('claim', passingError),
    },
  ])('does not go on waiting for ever when its claim ends as $answer [5.2]', ({ end }) => {
    const volume = scripted({ claim: held });

    volume.finish();
    end(volume);

    expect(volume.output).toEqual({ problem: expect.stringMatching(/^no longer waited for: /), asked: true });
  });

  it('ends with the refusal when its claim was refused: that is a failure of its own [5.2, 6.3]', () => {
    const volume = scripted({ claim: held });

    volume.finish();
    volume.script.reject('claim', deniedError);

    expect(volume.output).toEqual({ problem: 'AttachVolume: not authorized. Allow it.' });
  });

  it('is there all the same when init is switched off [2.1]', () => {
    const volume = scripted({ claim: held });

    volume.finish();
    volume.script.resolve('claim', 'dry');

    expect(volume.output).toHaveProperty('attachment');
  });

  it.each([
    { state: 'attaching.checking', look: [sees('free'), held] },
    { state: 'attaching.pausing', look: [sees('free'), sees('attaching')] },
  ])('ends at once while it is $state [5.2]', ({ state, look }) => {
    const volume = scripted({ look });
    const before = volume.state;

    volume.finish();

    expect(before).toBe(state);
    expect(volume.output).toEqual({ problem: 'asked to end while it was being attached', asked: true });
  });

  it('ends at once while its disk is looked for [5.2]', () => {
    const volume = scripted({ look: sees('attached'), locate: held });

    volume.finish();

    expect(volume.output).toEqual({ problem: 'asked to end before its disk was found', asked: true });
  });
});
