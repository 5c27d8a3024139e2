/** What holds for a volume on its way back, whatever happens, and that every way through its machine is gone. */

import fc from 'fast-check';
import { lettingGoMachine } from '../machines/letting-go.ts';
import { attachmentHold } from './helpers/holds.ts';
import { type Model, walkedThrough } from './helpers/model.ts';
import { deniedError, passingError, rejects, resolves } from './helpers/scripted.ts';
import { wanderedUntorn } from './helpers/untorn.ts';

const model: Model<typeof lettingGoMachine> = {
  machine: lettingGoMachine,
  inputs: [attachmentHold()],
  outcomes: {
    lookAtHold: [
      resolves({ kind: 'attached', seen: '' }),
      resolves({ kind: 'held', detaching: true, seen: '' }),
      resolves({ kind: 'free', seen: '' }),
      resolves({ kind: 'refused', seen: '' }),
      rejects(passingError),
      rejects(deniedError),
    ],
    clearDisk: [resolves(), rejects(deniedError)],
    detachVolume: [
      resolves('accepted'),
      resolves('gone'),
      resolves('dry'),
      rejects(passingError),
      rejects(deniedError),
    ],
  },
  events: () => [{ type: 'step.finish' }],
  guarded: ({ attempts, finishing, doubtful }) => [attempts, finishing, doubtful],
};
const changes = ['clearDisk', 'detachVolume'];

describe('a volume on its way back, on every path', () => {
  it('takes each of its transitions, and reaches each of its states [6.10]', () => {
    const { astray, untaken, unreached } = walkedThrough(model);

    expect(astray).toEqual([]);
    expect(untaken).toEqual([]);
    expect(unreached).toEqual([]);
  });
});

describe('a volume on its way back, whatever happens', () => {
  it('leaves no change before its answer is there [5.2]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (picks) => {
        wanderedUntorn(model, attachmentHold(), picks, changes);
      }),
    );
  });

  it('is gone or kept in the end, and nothing was ever detached that could not be cleared [6.10]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (picks) => {
        const run = wanderedUntorn(model, attachmentHold(), picks, changes);
        run.settle();

        expect(run.errors).toEqual([]);
        expect(run.output?.kind).toMatch(/^(gone|kept)$/);
        expect(run.story.join(' → ')).not.toMatch(/clearDisk fails.*detachVolume/);
      }),
    );
  });

  it('has a disk cleared as its last look showed it: doubtful where EC2 did not show it here [6.10]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (picks) => {
        const { ended } = wanderedUntorn(model, attachmentHold(), picks, changes);

        for (const [i, { src, input }] of ended.entries()) {
          const how = ended[i - 1]?.how;
          if (src !== 'clearDisk' || how?.kind !== 'resolves') continue;
          expect(input.doubtful).toBe((how.output as { kind: string }).kind === 'free');
        }
      }),
    );
  });

  it('is detached only after its disk was cleared [6.10]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (picks) => {
        const { ended } = wanderedUntorn(model, attachmentHold(), picks, changes);

        for (const [i, { src }] of ended.entries()) {
          if (src === 'detachVolume')
            expect(ended[i - 1]).toMatchObject({ src: 'clearDisk', how: { kind: 'resolves' } });
        }
      }),
    );
  });
});
