import fc from 'fast-check';
import type { DatedMessage } from '../config/vocabulary.ts';
import { type DeliveryInput, deliveryMachine } from '../machines/delivery.ts';
import { type Model, walkedThrough, wandered } from './helpers/model.ts';
import { deniedError, passingError, refused, rejects, resolves } from './helpers/scripted.ts';
import { occasionOf } from './helpers/supervisor.ts';

const message = { id: '6f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1' } as DatedMessage;
const fresh = { occasion: occasionOf('web', 'started'), receiver: 0 };
const left = { message };
const inputs: DeliveryInput[] = [fresh, left];

const model: Model<typeof deliveryMachine> = {
  machine: deliveryMachine,
  inputs,
  outcomes: {
    composeMessage: [resolves(message), refused],
    keepMessage: [resolves(), refused],
    sendMessage: [resolves('accepted'), rejects(passingError), rejects(deniedError), resolves('outdated')],
    forgetMessage: [resolves(), refused],
  },
  events: () => [{ type: 'step.finish' }],
  guarded: ({ finishing, unkept, message: written }) => [finishing, unkept, written !== undefined],
};

describe('a delivery', () => {
  it('goes every way there is, and nowhere else [10.1, 10.2]', () => {
    const walked = walkedThrough(model);

    expect(walked.astray).toEqual([]);
    expect(walked.untaken).toEqual([]);
    expect(walked.unreached).toEqual([]);
  });

  it('ends whatever happens, says what became of it, and leaves no message unkept or unforgotten [10.1, 10.2]', () => {
    fc.assert(
      fc.property(fc.constantFrom(...inputs), fc.array(fc.nat(11), { maxLength: 30 }), (input, picks) => {
        const run = wandered(model, input, picks);
        run.settle();
        const { story, script, output, place } = run;
        const sends = script.taken.filter((step) => step === 'sendMessage').length;
        const isSent = (line: string) => line.startsWith('0.delivery.sending ');
        const isAccepted = story.some((line) => isSent(line) && line.includes('gives "accepted"'));
        const finish = story.findIndex((line) => line.includes('step.finish'));

        expect(run.errors).toEqual([]);
        expect(run.isOver).toBe(true);
        expect(output?.accepted).toBe(isAccepted);
        expect(output?.problem === undefined).toBe(isAccepted);
        // Kept once, before it is sent; forgotten once, when it is accepted or too old, and at no other time.
        const kept = script.taken.indexOf('keepMessage');
        expect(kept >= 0).toBe(input === fresh && sends > 0);
        if (kept >= 0) expect(kept).toBeLessThan(script.taken.indexOf('sendMessage'));
        const isDone = place.state === 'accepted' || place.state === 'outdated';
        expect(script.taken.filter((step) => step === 'forgetMessage')).toHaveLength(isDone ? 1 : 0);
        // Only what was under way, or being written, when it was asked to finish.
        if (finish >= 0) expect(story.slice(finish).filter(isSent).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});
