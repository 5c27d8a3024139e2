/** What holds for a volume, whatever happens, and that every way through its machine is gone. */

import fc from 'fast-check';
import type { Looked } from '../config/vocabulary.ts';
import { volumeMachine } from '../machines/volume.ts';
import { volumeEntry } from './helpers/domain.ts';
import { type Model, walkedThrough } from './helpers/model.ts';
import { deniedError, passingError, rejects, resolves } from './helpers/scripted.ts';
import { wanderedUntorn } from './helpers/untorn.ts';

const kinds: Array<Looked['kind']> = ['attached', 'attaching', 'free', 'held', 'refused'];
const disk = resolves('/dev/nvme1n1');

const model: Model<typeof volumeMachine> = {
  machine: volumeMachine,
  inputs: [volumeEntry()],
  outcomes: {
    look: [...kinds.map((kind) => resolves({ kind, seen: kind })), rejects(passingError), rejects(deniedError)],
    claim: [resolves('accepted'), resolves('taken'), resolves('dry'), rejects(passingError), rejects(deniedError)],
    awaitSerial: [disk, rejects(deniedError)],
    locate: [disk, rejects(deniedError)],
  },
  events: () => [{ type: 'step.finish' }],
  guarded: ({ finishing }) => finishing,
};

/** Goes where the numbers lead, and then on until it ends. */
function wandered(picks: number[]) {
  return wanderedUntorn(model, volumeEntry(), picks, ['claim']);
}

describe('a volume, on every path', () => {
  it('takes each of its transitions, and reaches each of its states [6.2, 6.3, 6.4, 6.9]', () => {
    const { astray, untaken, unreached } = walkedThrough(model);

    expect(astray).toEqual([]);
    expect(untaken).toEqual([]);
    expect(unreached).toEqual([]);
  });
});

describe('a volume, whatever happens', () => {
  it('leaves no claim before its answer is there, and ends with an attachment or with why there is none [5.2, 6.3]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (picks) => {
        const { errors, output } = wandered(picks);

        expect(errors).toEqual([]);
        expect(Object.keys(output ?? {})[0]).toMatch(/^(attachment|problem)$/);
      }),
    );
  });

  it('is claimed only when a look right before shows that it is free [6.2, 6.3]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (picks) => {
        const { ended } = wandered(picks);

        const before = ended.filter((_, i) => ended[i + 1]?.src === 'claim');
        for (const { how } of before) expect(how).toMatchObject({ output: { kind: 'free' } });
      }),
    );
  });

  it("is this run's only when it was claimed, and once that was accepted it stays so [4.3, 12.2]", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (picks) => {
        const { ended, output } = wandered(picks);
        fc.pre(output !== undefined && 'attachment' in output);

        const claims = ended.filter(({ src }) => src === 'claim');
        const last = claims.at(-1)?.how;
        const isOurs = last !== undefined && !(last.kind === 'resolves' && last.output === 'taken');
        expect(output).toMatchObject({ attachment: { attachedNow: isOurs } });
      }),
    );
  });
});
