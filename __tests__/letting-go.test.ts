/** How one volume is given back, and what keeps it here. */

import type { Looked } from '../config/vocabulary.ts';
import { lettingGoMachine, type lettingGoSteps } from '../machines/letting-go.ts';
import { attachmentHold } from './helpers/holds.ts';
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

type Steps = typeof lettingGoSteps;

const sees = (kind: Looked['kind']) => resolves({ kind, seen: `vol-1 is ${kind}` });
const seesDetaching = resolves({ kind: 'held', detaching: true, seen: 'vol-1 is being detached' });
const passing = rejects(passingError);
const denied = rejects(deniedError);

/** A volume that is attached here, and gone as soon as that is asked for, unless told otherwise. */
function lettingGo(doings: Doings = {}) {
  const script = createScript({ lookAtHold: [sees('attached'), sees('free')], ...doings });
  const machine = lettingGoMachine.provide({
    actors: {
      lookAtHold: script.step<Steps['lookAtHold']>('lookAtHold', { kind: 'attached', seen: '' }),
      clearDisk: script.step<Steps['clearDisk']>('clearDisk', undefined),
      detachVolume: script.step<Steps['detachVolume']>('detachVolume', 'accepted'),
    } satisfies Steps,
  });
  const volume = started(machine, attachmentHold());
  return {
    ...volume,
    script,
    finish: () => volume.actor.send({ type: 'step.finish' }),
    get state() {
      return volume.state;
    },
    get output() {
      return volume.output;
    },
  };
}

const gone = { kind: 'gone' };
const kept = (problem: string) => ({ kind: 'kept', problem: expect.stringContaining(problem) });

describe('a volume that is given back', () => {
  it('is looked at, unmounted, detached, and seen gone [6.10]', () => {
    const { script, output } = lettingGo();

    expect(script.taken).toEqual(['lookAtHold', 'clearDisk', 'detachVolume', 'lookAtHold']);
    expect(output).toEqual(gone);
  });

  it('is what each of these steps is given [6.10]', () => {
    const { script } = lettingGo();
    const begun = lettingGo({ lookAtHold: held });

    expect(begun.script.inputOf('lookAtHold')).toEqual(attachmentHold());
    for (const step of ['lookAtHold', 'detachVolume']) expect(script.inputOf(step)).toEqual(attachmentHold());
    expect(script.inputOf('clearDisk')).toEqual({ hold: attachmentHold(), doubtful: false });
  });

  it('is given back also while it is being attached [6.10]', () => {
    const { script, output } = lettingGo({ lookAtHold: [sees('attaching'), sees('free')] });

    expect(script.taken).toEqual(['lookAtHold', 'clearDisk', 'detachVolume', 'lookAtHold']);
    expect(output).toEqual(gone);
  });

  it.each(['free', 'held', 'absent'] as const)(
    'is unmounted and detached also where it looks %s, since right after it was attached it may: but its disk is doubtful then [6.10, 12.2]',
    (kind) => {
      const { script, output } = lettingGo({ lookAtHold: sees(kind), detachVolume: resolves('gone') });

      expect(script.taken).toEqual(['lookAtHold', 'clearDisk', 'detachVolume']);
      expect(script.inputOf('clearDisk')).toEqual({ hold: attachmentHold(), doubtful: true });
      expect(output).toEqual(gone);
    },
  );

  it('is kept where something holds its disk, also where EC2 does not show it here yet [6.10]', () => {
    const { script, output } = lettingGo({
      lookAtHold: sees('free'),
      clearDisk: rejects(new Error('java (812) has /srv open')),
    });

    expect(script.taken).not.toContain('detachVolume');
    expect(output).toEqual(kept('java (812) has /srv open'));
  });

  it.each(['attached', 'attaching'] as const)(
    'is doubted no more once a later look shows that it is %s [6.10, 12.2]',
    (kind) => {
      const volume = lettingGo({
        lookAtHold: [sees('free'), sees(kind), sees('free')],
        detachVolume: [passing, resolves('accepted')],
      });

      volume.clock.increment(500);

      const cleared = volume.script.begun.filter(({ name }) => name === 'clearDisk');
      expect(cleared.map(({ input }) => input)).toEqual([
        { hold: attachmentHold(), doubtful: true },
        { hold: attachmentHold(), doubtful: false },
      ]);
    },
  );

  it('is doubted anew where a later look does not show it here any more [6.10, 12.2]', () => {
    const volume = lettingGo({
      lookAtHold: [sees('attached'), sees('free')],
      detachVolume: [passing, resolves('gone')],
    });

    volume.clock.increment(500);

    expect(volume.script.inputOf('clearDisk')).toEqual({ hold: attachmentHold(), doubtful: true });
  });

  it('is left alone where it can never have been had: at another device, for one [6.10]', () => {
    const { script, output } = lettingGo({ lookAtHold: sees('refused') });

    expect(script.taken).toEqual(['lookAtHold']);
    expect(output).toEqual(gone);
  });

  it('is only waited for where it is being detached already [6.10]', () => {
    const { script, output } = lettingGo({ lookAtHold: [seesDetaching, sees('free')] });

    expect(script.taken).toEqual(['lookAtHold', 'lookAtHold']);
    expect(output).toEqual(gone);
  });

  it('is unmounted and detached also where nobody may look at it [14.1]', () => {
    const { script, output } = lettingGo({ lookAtHold: denied });

    expect(script.taken.slice(0, 3)).toEqual(['lookAtHold', 'clearDisk', 'detachVolume']);
    expect(script.inputOf('clearDisk')).toEqual({ hold: attachmentHold(), doubtful: false });
    expect(output).toEqual(gone);
  });

  it('is kept where something holds its disk, and never detached then: the sentence names who [6.10]', () => {
    const { script, output } = lettingGo({ clearDisk: rejects(new Error('java (812) has /srv open')) });

    expect(script.taken).toEqual(['lookAtHold', 'clearDisk']);
    expect(output).toEqual(kept('java (812) has /srv open'));
  });

  it.each(['gone', 'dry'])('need not be waited for where the answer is that it is %s [2.1, 6.10]', (answer) => {
    const { script, output } = lettingGo({ detachVolume: resolves(answer) });

    expect(script.taken.at(-1)).toBe('detachVolume');
    expect(output).toEqual(gone);
  });

  it('is kept where detaching it is denied [6.10]', () => {
    const { output } = lettingGo({ detachVolume: denied });

    expect(output).toEqual(kept('not authorized'));
  });

  it.each(['clearDisk', 'detachVolume'])('is kept where %s breaks [6.10]', (step) => {
    const { output, errors } = lettingGo({ [step]: refused });

    expect(output).toEqual(kept('refused'));
    expect(errors).toEqual([]);
  });
});

describe('a fault that may pass', () => {
  it('of a look has it made again after 0.5 s, and then less and less often, five times in all [6.10]', () => {
    const volume = lettingGo({ lookAtHold: passing });

    const pauses = pausesOf(volume, 4);

    expect(pauses).toEqual([500, 1_000, 2_000, 4_000]);
    expect(volume.script.taken).toHaveLength(5);
    expect(volume.output).toEqual(kept('throttled'));
  });

  it('of a detachment has all of it made again: the volume may have been detached meanwhile [6.10]', () => {
    const volume = lettingGo({
      lookAtHold: [sees('attached'), sees('attached'), sees('free')],
      detachVolume: [passing, resolves('accepted')],
    });
    const { state } = volume;

    volume.clock.increment(500);

    expect(state).toBe('pausing');
    expect(volume.script.taken.slice(3)).toEqual(['lookAtHold', 'clearDisk', 'detachVolume', 'lookAtHold']);
    expect(volume.output).toEqual(gone);
  });

  it('of a detachment, five times in all, has the volume kept [6.10]', () => {
    const volume = lettingGo({ lookAtHold: sees('attached'), detachVolume: passing });

    volume.clock.increment(500 + 1_000 + 2_000 + 3_999);
    const before = volume.output;
    volume.clock.increment(1);

    expect(before).toBeUndefined();
    expect(volume.script.taken.filter((name) => name === 'detachVolume')).toHaveLength(5);
    expect(volume.output).toEqual(kept('throttled'));
  });
});

describe('a volume that is being detached', () => {
  it('is looked at at once, after 0.5 s, and then less and less often [6.10]', () => {
    const volume = lettingGo({ lookAtHold: [sees('attached'), seesDetaching] });

    const pauses = pausesOf(volume, 9);

    expect(pauses).toEqual([500, 750, 1_125, 1_688, 2_531, 3_797, 5_695, 5_695, 5_695]);
  });

  it('is looked at less and less often also where it cannot be for a moment [6.10]', () => {
    const volume = lettingGo({ lookAtHold: [sees('attached'), passing] });

    expect(pausesOf(volume, 3)).toEqual([500, 750, 1_125]);
  });

  it.each([
    { what: 'it still looks attached', look: sees('attached') },
    { what: 'it still looks as if it were being attached', look: sees('attaching') },
    { what: 'it is being detached', look: seesDetaching },
    { what: 'it cannot be looked at for a moment', look: passing },
  ])('is waited for while $what [6.10]', ({ look }) => {
    const volume = lettingGo({ lookAtHold: [sees('attached'), look, sees('free')] });
    const { state } = volume;

    volume.clock.increment(500);

    expect(state).toBe('awaiting.pausing');
    expect(volume.output).toEqual(gone);
  });

  it.each([
    { what: 'another instance has it', look: sees('held') },
    { what: 'it is gone for good', look: sees('refused') },
    { what: 'nobody may look at it', look: denied },
  ])('is gone where $what [6.10]', ({ look }) => {
    const { output } = lettingGo({ lookAtHold: [sees('attached'), look] });

    expect(output).toEqual(gone);
  });

  it('is kept where it is not gone within a minute: never by force [6.10]', () => {
    const volume = lettingGo({ lookAtHold: [sees('attached'), seesDetaching] });

    volume.clock.increment(59_999);
    const before = volume.output;
    volume.clock.increment(1);

    expect(before).toBeUndefined();
    expect(volume.script.taken.filter((name) => name === 'detachVolume')).toHaveLength(1);
    expect(volume.output).toEqual(kept('still detaching after 60 s: something on this instance uses it'));
  });
});

describe('asked to end', () => {
  it('while it is looked at, the volume is kept at once: a look changes nothing [5.2]', () => {
    const volume = lettingGo({ lookAtHold: held });

    volume.finish();

    expect(volume.script.isUnderWay('lookAtHold')).toBe(false);
    expect(volume.output).toEqual(kept('asked to end before it was detached'));
  });

  it('while another attempt is waited for, the volume is kept at once [5.2]', () => {
    const volume = lettingGo({ lookAtHold: passing });

    volume.finish();

    expect(volume.output).toEqual(kept('asked to end before it was detached'));
  });

  it('while its disk is cleared, that is waited for, and the volume is not detached any more [5.2]', () => {
    const volume = lettingGo({ clearDisk: held });

    volume.finish();
    const before = volume.output;
    volume.script.resolve('clearDisk');

    expect(before).toBeUndefined();
    expect(volume.script.taken).not.toContain('detachVolume');
    expect(volume.output).toEqual(kept('asked to end before it was detached'));
  });

  it('while its disk is cleared, what keeps it here is told as ever [5.2]', () => {
    const volume = lettingGo({ clearDisk: held });

    volume.finish();
    volume.script.reject('clearDisk', new Error('java (812) has /srv open'));

    expect(volume.output).toEqual(kept('java (812) has /srv open'));
  });

  it.each([
    { answer: 'accepted', outcome: kept('asked to end while it was being detached; EC2 goes on with that') },
    { answer: 'gone', outcome: gone },
  ])('while it is asked to be detached, the answer is waited for: $answer [5.2]', ({ answer, outcome }) => {
    const volume = lettingGo({ detachVolume: held });

    volume.finish();
    const before = volume.output;
    volume.script.resolve('detachVolume', answer);

    expect(before).toBeUndefined();
    expect(volume.output).toEqual(outcome);
  });

  it('while it is asked to be detached, a fault that may pass is not tried again [5.2]', () => {
    const volume = lettingGo({ detachVolume: held });

    volume.finish();
    volume.script.reject('detachVolume', passingError);

    expect(volume.output).toEqual(kept('throttled'));
  });

  it.each([
    { state: 'awaiting.checking', look: held },
    { state: 'awaiting.pausing', look: seesDetaching },
  ])('while it is $state, the volume is kept at once, though EC2 goes on [5.2]', ({ state, look }) => {
    const volume = lettingGo({ lookAtHold: [sees('attached'), look] });
    const before = volume.state;

    volume.finish();

    expect(before).toBe(state);
    expect(volume.output).toEqual(kept('asked to end while it was being detached; EC2 goes on with that'));
  });
});
