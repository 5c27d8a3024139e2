import fc from 'fast-check';
import { DELIVERY_ATTEMPTS } from '../config/constants.ts';
import type { OutgoingMessage } from '../config/vocabulary.ts';
import { deliveryMachine } from '../machines/delivery.ts';
import { type Model, walkedThrough, wandered } from './helpers/model.ts';
import { deniedError, passingError, refused, rejects, resolves } from './helpers/scripted.ts';
import { occasionOf } from './helpers/supervisor.ts';

const message = { id: '6f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1' } as OutgoingMessage;
const input = { occasion: occasionOf('web', 'started'), receiver: 0 };

const model: Model<typeof deliveryMachine> = {
  machine: deliveryMachine,
  inputs: [input],
  outcomes: {
    composeMessage: [resolves(message), refused],
    sendMessage: [resolves(), rejects(passingError), rejects(deniedError)],
  },
  events: () => [{ type: 'step.finish' }],
  guarded: ({ finishing, attempts }) => [finishing, attempts],
};

describe('a delivery', () => {
  it('goes every way there is, and nowhere else [10.1, 10.2]', () => {
    const walked = walkedThrough(model);

    expect(walked.astray).toEqual([]);
    expect(walked.untaken).toEqual([]);
    expect(walked.unreached).toEqual([]);
  });

  it('ends whatever happens, says what became of it, and is not sent again and again [10.1, 10.2]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(11), { maxLength: 30 }), (picks) => {
        const run = wandered(model, input, picks);
        run.settle();
        const { story, script, output } = run;
        const isSent = (line: string) => line.startsWith('0.delivery.sending ');
        const finish = story.findIndex((line) => line.includes('step.finish'));

        expect(run.errors).toEqual([]);
        expect(run.isOver).toBe(true);
        expect(output?.accepted).toBe(story.some((line) => isSent(line) && line.includes('gives')));
        expect(output?.problem === undefined).toBe(output?.accepted);
        expect(script.taken.filter((step) => step === 'sendMessage').length).toBeLessThanOrEqual(DELIVERY_ATTEMPTS);
        // Only what was under way, or being written, when it was asked to finish.
        if (finish >= 0) expect(story.slice(finish).filter(isSent).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 200 },
    );
  });
});
