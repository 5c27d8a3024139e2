import type { DatedMessage } from '../config/vocabulary.ts';
import { type DeliveryInput, deliveryMachine, type deliverySteps } from '../machines/delivery.ts';
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

const message: DatedMessage = {
  id: '6f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1',
  domain: 'web',
  event: 'started',
  backend: 'aws-sns',
  target: 'arn:aws:sns:eu-west-1:123456789012:fleet',
  region: 'eu-west-1',
  subject: 'subject',
  body: 'body',
  writtenAt: '2030-01-01T00:00:00.000Z',
};

const fresh: DeliveryInput = {
  occasion: { domain: 'web', event: 'started', failures: [], results: [], recordNames: [] },
  receiver: 1,
};

const passing = rejects(passingError);
const accepts = resolves('accepted');
const throttled = 'AttachVolume: throttled. Wait.';

type Steps = typeof deliverySteps;

/** A delivery whose steps are called `compose`, `keep`, `send` and `forget`. */
function scripted(doings: Doings = {}, input: DeliveryInput = fresh) {
  const script = createScript(doings);
  const machine = deliveryMachine.provide({
    actors: {
      composeMessage: script.step<Steps['composeMessage']>('compose', message),
      keepMessage: script.step<Steps['keepMessage']>('keep', undefined),
      sendMessage: script.step<Steps['sendMessage']>('send', 'accepted'),
      forgetMessage: script.step<Steps['forgetMessage']>('forget', undefined),
    } satisfies Steps,
  });
  const delivery = started(machine, input);
  return {
    ...delivery,
    script,
    sends: () => script.taken.filter((step) => step === 'send').length,
    finish: () => delivery.actor.send({ type: 'step.finish' }),
    get state(): string {
      return delivery.state;
    },
    get context() {
      return delivery.actor.getSnapshot().context;
    },
    get output() {
      return delivery.output;
    },
  };
}

type Delivery = ReturnType<typeof scripted>;

/** How long it pauses after each of the next failures, to a millisecond. */
function pausesOf(delivery: Delivery, count: number): number[] {
  return Array.from({ length: count }, () => {
    const [sends, sinceMs] = [delivery.sends(), delivery.clock.nowMs];
    while (delivery.sends() === sends && delivery.clock.nowMs - sinceMs < 60_000) delivery.clock.increment(1);
    return delivery.clock.nowMs - sinceMs;
  });
}

describe('a message', () => {
  it('is written for its occasion and receiver, kept, sent, accepted, and forgotten, in this order [10.1, 10.2]', () => {
    const { script, state, output } = scripted();

    expect(script.taken).toEqual(['compose', 'keep', 'send', 'forget']);
    expect(script.inputOf('compose')).toEqual(fresh);
    for (const step of ['keep', 'send', 'forget']) expect(script.inputOf(step)).toEqual({ message });
    expect(state).toBe('accepted');
    expect(output).toEqual({ accepted: true });
  });

  it('is not sent before it is kept, nor forgotten before it is accepted [10.2]', () => {
    const delivery = scripted({ keep: held, send: held, forget: held });
    const taken = [[...delivery.script.taken]];
    delivery.script.resolve('keep');
    taken.push([...delivery.script.taken]);

    delivery.script.resolve('send', 'accepted');

    expect(taken).toEqual([
      ['compose', 'keep'],
      ['compose', 'keep', 'send'],
    ]);
    expect(delivery.state).toBe('forgetting');
    delivery.script.resolve('forget');
    expect(delivery.output).toEqual({ accepted: true });
  });

  it('is sent again after a failure that may pass, the same to the letter, and kept but once [10.2, 10.4]', () => {
    const delivery = scripted({ send: [passing, accepts] });
    const before = delivery.state;

    delivery.clock.increment(500);

    expect(before).toBe('backing-off');
    expect(delivery.script.taken).toEqual(['compose', 'keep', 'send', 'send', 'forget']);
    expect(delivery.script.inputOf('send')).toEqual({ message });
    expect(delivery.output).toEqual({ accepted: true });
  });

  it('waits up to twice as long after each failure, but 30 s at most, and never less than half of that [10.2]', () => {
    const delivery = scripted({ send: passing });
    const mostMs = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];

    const pauses = pausesOf(delivery, mostMs.length);

    for (const [i, pauseMs] of pauses.entries()) {
      expect(pauseMs).toBeGreaterThanOrEqual((mostMs[i] ?? 0) / 2);
      expect(pauseMs).toBeLessThanOrEqual(mostMs[i] ?? 0);
    }
    expect(new Set(pauses.slice(-3)).size).toBe(3);
  });

  it('waits otherwise than the next one, so that a fleet does not come back all at once [10.2]', () => {
    const ids = ['00000000-0000-4000-8000-000000000000', 'ffffffff-0000-4000-8000-000000000000'];
    const [one, other] = ids.map((id) => {
      const compose = resolves({ ...message, id });
      return pausesOf(scripted({ compose, send: passing }), 1);
    });

    expect(one).toEqual([250]);
    expect(other).toEqual([500]);
  });

  it('is tried as long as the daemon lives [10.2]', () => {
    const delivery = scripted({ send: passing });

    delivery.clock.increment(3_600_000);

    expect(delivery.state).toBe('backing-off');
    expect(delivery.sends()).toBeGreaterThan(120);
    expect(delivery.context.problem).toBe(throttled);
  });

  it.each([
    { what: 'is denied', send: rejects(deniedError), problem: 'AttachVolume: not authorized. Allow it.' },
    { what: 'breaks', send: refused, problem: 'refused' },
  ])('is left to the next run at once when sending it $what [10.1, 10.2]', ({ send, problem }) => {
    const delivery = scripted({ send });

    expect(delivery.script.taken).toEqual(['compose', 'keep', 'send']);
    expect(delivery.state).toBe('left-behind');
    expect(delivery.output).toEqual({ accepted: false, problem });
  });

  it('that cannot be written is lost, and fails nobody [10.1]', () => {
    const { output, errors, script, state } = scripted({ compose: refused });

    expect(script.taken).toEqual(['compose']);
    expect(state).toBe('lost');
    expect(output).toEqual({ accepted: false, problem: 'refused' });
    expect(errors).toEqual([]);
  });

  it.each([
    { when: 'at once', sends: [resolves('outdated')], attempts: 1 },
    { when: 'after it was tried', sends: [passing, passing, resolves('outdated')], attempts: 3 },
  ])('that is too old is dropped, with the reason: $when [10.2]', ({ sends, attempts }) => {
    const delivery = scripted({ send: sends });

    delivery.clock.increment(2_000);

    expect(delivery.sends()).toBe(attempts);
    expect(delivery.script.taken.at(-1)).toBe('forget');
    expect(delivery.script.inputOf('forget')).toEqual({ message });
    expect(delivery.state).toBe('outdated');
    expect(delivery.output).toEqual({ accepted: false, problem: 'it is older than 24 hours' });
  });
});

describe('a message on a disk that cannot be written', () => {
  it('is sent all the same, with the reason why it is not kept [12.5, 10.1]', () => {
    const { script, output, context, errors } = scripted({ keep: refused });

    expect(script.taken).toEqual(['compose', 'keep', 'send', 'forget']);
    expect(output).toEqual({ accepted: true });
    expect(context.unkept).toBe('refused');
    expect(errors).toEqual([]);
  });

  it('is lost when it is refused, since there is nobody to leave it to [10.2, 12.5]', () => {
    const delivery = scripted({ keep: refused, send: rejects(deniedError) });

    expect(delivery.state).toBe('lost');
    expect(delivery.output?.accepted).toBe(false);
  });

  it('is lost when it is asked to finish before it is accepted [10.2, 12.5]', () => {
    const delivery = scripted({ keep: refused, send: passing });

    delivery.finish();

    expect(delivery.state).toBe('lost');
    expect(delivery.output).toEqual({ accepted: false, problem: throttled });
  });

  it('is accepted when it is, though its file stays, with the reason [12.5]', () => {
    const { state, output, context, errors } = scripted({ forget: refused });

    expect(state).toBe('accepted');
    expect(output).toEqual({ accepted: true });
    expect(context.unforgotten).toBe('refused');
    expect(errors).toEqual([]);
  });

  it('is dropped when it is too old, though its file stays, with the reason [10.2, 12.5]', () => {
    const { state, context, errors } = scripted({ send: resolves('outdated'), forget: refused });

    expect(state).toBe('outdated');
    expect(context.unforgotten).toBe('refused');
    expect(errors).toEqual([]);
  });
});

describe('a message that an earlier run has left', () => {
  const left: DeliveryInput = { message };

  it('is sent as it is, neither written nor kept anew, and forgotten [10.2]', () => {
    const { script, state } = scripted({}, left);

    expect(script.taken).toEqual(['send', 'forget']);
    for (const step of script.taken) expect(script.inputOf(step)).toEqual({ message });
    expect(state).toBe('accepted');
  });

  it('is left once more when it is refused once more [10.2]', () => {
    const { script, state } = scripted({ send: rejects(deniedError) }, left);

    expect(script.taken).toEqual(['send']);
    expect(state).toBe('left-behind');
  });
});

describe('a message that is asked to finish', () => {
  it.each(['compose', 'keep'])('is still sent once when it was at this: %s [10.2]', (step) => {
    const delivery = scripted({ [step]: held });

    delivery.finish();
    delivery.script.resolve(step, step === 'compose' ? message : undefined);

    expect(delivery.output).toEqual({ accepted: true });
  });

  it('waits for the answer that is under way, but tries no more [10.2]', () => {
    const delivery = scripted({ send: held });

    delivery.finish();
    const before = delivery.script.isUnderWay('send');
    delivery.script.reject('send', passingError);

    expect(before).toBe(true);
    expect(delivery.state).toBe('left-behind');
    expect(delivery.output).toEqual({ accepted: false, problem: throttled });
  });

  it('is accepted when that answer is a good one [10.2]', () => {
    const delivery = scripted({ send: held });

    delivery.finish();
    delivery.script.resolve('send', 'accepted');

    expect(delivery.output).toEqual({ accepted: true });
  });

  it('is tried once more at once while it waits for its next attempt, and then left to the next run [10.2]', () => {
    const delivery = scripted({ send: passing });
    const before = delivery.sends();

    delivery.finish();

    expect(delivery.sends() - before).toBe(1);
    expect(delivery.state).toBe('left-behind');
    expect(delivery.output).toEqual({ accepted: false, problem: throttled });
  });

  it('may be accepted by that last attempt [10.2]', () => {
    const delivery = scripted({ send: [passing, resolves('accepted')] });

    delivery.finish();

    expect(delivery.output).toEqual({ accepted: true });
  });

  it('while it was being written, is not sent a second time [10.2]', () => {
    const delivery = scripted({ compose: held, send: passing });

    delivery.finish();
    delivery.script.resolve('compose', message);
    delivery.clock.increment(1_000_000);

    expect(delivery.sends()).toBe(1);
    expect(delivery.output).toEqual({ accepted: false, problem: throttled });
  });

  it('is lost when it cannot be written [10.1]', () => {
    const delivery = scripted({ compose: held });

    delivery.finish();
    delivery.script.reject('compose', new Error('refused'));

    expect(delivery.output).toEqual({ accepted: false, problem: 'refused' });
  });

  it.each([
    { of: 'accepted', answer: 'accepted' },
    { of: 'outdated', answer: 'outdated' },
  ])('is forgotten to the end when it is $of [10.2]', ({ of, answer }) => {
    const delivery = scripted({ send: resolves(answer), forget: held });

    delivery.finish();
    delivery.script.resolve('forget');

    expect(delivery.state).toBe(of);
  });
});
