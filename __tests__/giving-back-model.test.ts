/** What holds for all that is given back, whatever happens, and that every way through its machine is gone. */

import fc from 'fast-check';
import type { Hold } from '../config/vocabulary.ts';
import { givingBackMachine, nameOf } from '../machines/giving-back.ts';
import { attachmentHold, recordSetHold } from './helpers/holds.ts';
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
    restoreRecordSet: [resolves('restored'), resolves('not-ours'), rejects(passingError), rejects(deniedError)],
    dropHold: [resolves(), rejects(deniedError)],
  },
  events: () => [{ type: 'step.finish' }],
  guarded: ({ left, attempts, finishing }) => [left.length, attempts, finishing],
});

const holdsArbitrary: fc.Arbitrary<Hold[]> = fc
  .array(fc.boolean(), { maxLength: 5 })
  .map((kinds) =>
    kinds.map((isVolume, i) =>
      isVolume ? attachmentHold({ volumeId: `vol-${i}` }) : recordSetHold(`${i}.example.com.`),
    ),
  );

/** Goes where the numbers lead. */
function wandered(holds: Hold[], picks: number[]) {
  return wanderedUntorn(modelOf(holds), rollBack, picks, ['letVolumeGo', 'restoreRecordSet', 'dropHold']);
}

/** Holds that a step was tried at, each once, in the order in which that ended. */
function triedAt(ended: EndedStep[], ...names: string[]): string[] {
  return [...new Set(ended.filter(({ src }) => names.includes(src)).map(({ input }) => nameOf(input)))];
}

describe('what is given back, on every path', () => {
  it('takes each of its transitions, and reaches each of its states [5.2, 6.10, 7.5]', () => {
    const { astray, untaken, unreached } = walkedThrough(modelOf([attachmentHold(), recordSetHold()]));

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

        const tried = triedAt(ended, 'letVolumeGo', 'restoreRecordSet');
        expect(tried).toEqual(holds.slice(0, tried.length).map(nameOf));
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

  it('is kept with a sentence each, and dropped only when it was given back [5.7, 6.10]', () => {
    fc.assert(
      fc.property(holdsArbitrary, fc.array(fc.nat(), { maxLength: 40 }), (holds, picks) => {
        const { ended, output } = wandered(holds, picks);

        const given = ended.filter(({ src, how }) => src !== 'dropHold' && isGivenBack(how));
        expect(triedAt(ended, 'dropHold')).toEqual(triedAt(given, 'letVolumeGo', 'restoreRecordSet'));
        for (const hold of output?.kept ?? [])
          expect(output?.failures.map(({ problem }) => problem).join()).toContain(nameOf(hold));
      }),
    );
  });
});

function isGivenBack(how: EndedStep['how']): boolean {
  if (how.kind === 'rejects') return false;
  return (how.output as { kind?: string }).kind !== 'kept';
}
