/** What holds for all that is given back, whatever happens, and that every way through its machine is gone. */

import fc from 'fast-check';
import type { Hold } from '../config/vocabulary.ts';
import { givingBackMachine, nameOf } from '../machines/giving-back.ts';
import { attachmentHold, creationHold, recordSetHold } from './helpers/holds.ts';
import { type Model, walkedThrough } from './helpers/model.ts';
import { deniedError, passingError, rejects, resolves } from './helpers/scripted.ts';
import { type EndedStep, wanderedUntorn } from './helpers/untorn.ts';

const rollBack = { reason: 'roll-back', domain: 'web' } as const;

/** @param holds what there is to give back. */
const modelOf = (holds: Hold[]): Model<typeof givingBackMachine> => ({
  machine: givingBackMachine,
  inputs: [rollBack],
  outcomes: {
    listHolds: [resolves(holds), rejects(deniedError)],
    letVolumeGo: [resolves({ kind: 'gone' }), resolves({ kind: 'kept', problem: 'busy' }), rejects(deniedError)],
    discardVolume: [resolves('deleted'), resolves('left'), rejects(passingError), rejects(deniedError)],
    restoreRecordSet: [resolves('restored'), resolves('not-ours'), rejects(passingError), rejects(deniedError)],
    dropHold: [resolves(), rejects(deniedError)],
  },
  events: () => [{ type: 'step.finish' }],
  guarded: ({ left, kept, attempts, finishing }) => [left.length, kept.map(nameOf), attempts, finishing],
});

const holdsArbitrary: fc.Arbitrary<Hold[]> = fc
  .array(fc.constantFrom('attached', 'created', 'created and attached', 'record'), { maxLength: 4 })
  .map((kinds) => kinds.flatMap(holdsOf));

/** The last that was taken comes first. */
function holdsOf(kind: string, i: number): Hold[] {
  const volume = attachmentHold({ volumeId: `vol-${i}`, device: `/dev/sd${i}` });
  const creation = creationHold({ volumeId: `vol-${i}`, device: `/dev/sd${i}` });
  switch (kind) {
    case 'attached':
      return [volume];
    case 'created':
      return [creation];
    case 'created and attached':
      return [volume, creation];
    default:
      return [recordSetHold(`${i}.example.com.`)];
  }
}

/** Goes where the numbers lead. */
function wandered(holds: Hold[], picks: number[]) {
  return wanderedUntorn(modelOf(holds), rollBack, picks, [
    'letVolumeGo',
    'restoreRecordSet',
    'discardVolume',
    'dropHold',
  ]);
}

/** Holds that a step was tried at, each once, in the order in which that ended. */
function triedAt(ended: EndedStep[], ...names: string[]): string[] {
  return [...new Set(ended.filter(({ src }) => names.includes(src)).map(({ input }) => nameOf(input)))];
}

describe('what is given back, on every path', () => {
  it('takes each of its transitions, and reaches each of its states [5.2, 6.10, 7.5]', () => {
    const { astray, untaken, unreached } = walkedThrough(modelOf([attachmentHold(), creationHold(), recordSetHold()]));

    expect(astray).toEqual([]);
    expect(untaken).toEqual([]);
    expect(unreached).toEqual([]);
  });
});

describe('what is given back, whatever happens', () => {
  it('is tried one after the other in the order listed, and no change is left before its answer [5.2]', () => {
    fc.assert(
      fc.property(holdsArbitrary, fc.array(fc.nat(), { maxLength: 40 }), (holds, picks) => {
        const { ended } = wandered(holds, picks);

        const tried = triedAt(ended, 'letVolumeGo', 'restoreRecordSet', 'discardVolume');
        expect(tried).toEqual(holds.map(nameOf).filter((name) => tried.includes(name)));
      }),
    );
  });

  it('is either dropped or kept in the end, each hold once [5.2, 12.2]', () => {
    fc.assert(
      fc.property(holdsArbitrary, fc.array(fc.nat(), { maxLength: 40 }), (holds, picks) => {
        const run = wandered(holds, picks);
        fc.pre(run.ended[0]?.how.kind === 'resolves');

        const dropped = triedAt(run.ended, 'dropHold');
        const kept = (run.output?.kept ?? []).map(nameOf);
        expect([...dropped, ...kept].toSorted()).toEqual(holds.map(nameOf).toSorted());
      }),
    );
  });

  it('is deleted only when it is attached no longer, where it was created [6.10]', () => {
    fc.assert(
      fc.property(holdsArbitrary, fc.array(fc.nat(), { maxLength: 40 }), (holds, picks) => {
        const { ended } = wandered(holds, picks);

        for (const [i, { src, input }] of ended.entries()) {
          if (src !== 'discardVolume') continue;
          const letGo = ended
            .slice(0, i)
            .filter((step) => step.input.volumeId === input.volumeId && step.src === 'letVolumeGo');
          expect(letGo.filter(({ how }) => !isGivenBack(how))).toEqual([]);
        }
      }),
    );
  });

  it('is kept with a sentence each, and dropped only when it was given back [5.7, 6.10]', () => {
    fc.assert(
      fc.property(holdsArbitrary, fc.array(fc.nat(), { maxLength: 40 }), (holds, picks) => {
        const { ended, output } = wandered(holds, picks);

        const given = ended.filter(({ src, how }) => src !== 'dropHold' && isGivenBack(how));
        expect(triedAt(ended, 'dropHold')).toEqual(triedAt(given, 'letVolumeGo', 'restoreRecordSet', 'discardVolume'));
        // Of a volume that was created and is attached still, it is said of the attachment.
        for (const hold of output?.kept ?? []) {
          const word = hold.kind === 'record-set' ? nameOf(hold) : `${hold.volumeId}`;
          expect(output?.failures.map(({ problem }) => problem).join()).toContain(word);
        }
      }),
    );
  });
});

function isGivenBack(how: EndedStep['how']): boolean {
  if (how.kind === 'rejects') return false;
  return (how.output as { kind?: string }).kind !== 'kept';
}
