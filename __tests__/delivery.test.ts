import { DELIVERY_ATTEMPTS } from '../config/constants.ts';
import type { OutgoingMessage } from '../config/vocabulary.ts';
import { deliveryMachine, type deliverySteps } from '../machines/delivery.ts';
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

const message: OutgoingMessage = {
  id: '6f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1',
  domain: 'web',
  event: 'started',
  backend: 'aws-sns',
  target: 'arn:aws:sns:eu-west-1:123456789012:fleet',
  region: 'eu-west-1',
  subject: 'subject',
  body: 'body',
};

const passing = rejects(passingError);

function scripted(doings: Doings = {}) {
  const script = createScript(doings);
  const machine = deliveryMachine.provide({
    actors: {
      composeMessage: script.step<(typeof deliverySteps)['composeMessage']>('compose', message),
      sendMessage: script.step<(typeof deliverySteps)['sendMessage']>('send', undefined),
    } satisfies typeof deliverySteps,
  });
  const delivery = started(machine, {
    occasion: { domain: 'web', event: 'started', failures: [], results: [], recordNames: [] },
    receiver: 1,
  });
  return {
    ...delivery,
    script,
    sends: () => script.taken.filter((step) => step === 'send').length,
    finish: () => delivery.actor.send({ type: 'step.finish' }),
    get state(): string {
      return delivery.state;
    },
    get output() {
      return delivery.output;
    },
  };
}

describe('a message', () => {
  it('is written for its occasion and receiver, sent, and accepted [10.1]', () => {
    const { script, state, output } = scripted();

    expect(script.taken).toEqual(['compose', 'send']);
    expect(script.inputOf('compose')).toMatchObject({ occasion: { event: 'started' }, receiver: 1 });
    expect(script.inputOf('send')).toEqual({ message });
    expect(state).toBe('accepted');
    expect(output).toEqual({ accepted: true });
  });

  it('is sent again after a failure that may pass, the same to the letter [10.2, 10.4]', () => {
    const delivery = scripted({ send: [passing, resolves()] });
    const before = delivery.state;

    delivery.clock.increment(500);

    expect(before).toBe('backing-off');
    expect(delivery.script.taken).toEqual(['compose', 'send', 'send']);
    expect(delivery.script.inputOf('send')).toEqual({ message });
    expect(delivery.output).toEqual({ accepted: true });
  });

  it('waits twice as long after each failure, but 30 s at most [10.2]', () => {
    const delivery = scripted({ send: passing });
    const pauses = Array.from({ length: 9 }, () => {
      const sends = delivery.sends();
      let waitedMs = 0;
      for (; delivery.sends() === sends && waitedMs < 60_000; waitedMs += 500) delivery.clock.increment(500);
      return waitedMs;
    });

    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('is given up after its last attempt, with the reason [10.2]', () => {
    const delivery = scripted({ send: passing });

    delivery.clock.increment(1_000_000);

    expect(delivery.sends()).toBe(DELIVERY_ATTEMPTS);
    expect(delivery.output).toEqual({ accepted: false, problem: 'AttachVolume: throttled. Wait.' });
  });

  it.each([
    { what: 'is denied', send: rejects(deniedError), problem: 'AttachVolume: not authorized. Allow it.' },
    { what: 'breaks', send: refused, problem: 'refused' },
  ])('is given up at once when sending it $what [10.1]', ({ send, problem }) => {
    const delivery = scripted({ send });

    expect(delivery.sends()).toBe(1);
    expect(delivery.state).toBe('abandoned');
    expect(delivery.output).toEqual({ accepted: false, problem });
  });

  it('that cannot be written is given up, and fails nobody [10.1]', () => {
    const { output, errors, script, state } = scripted({ compose: refused });

    expect(script.taken).toEqual(['compose']);
    expect(state).toBe('abandoned');
    expect(output).toEqual({ accepted: false, problem: 'refused' });
    expect(errors).toEqual([]);
  });
});

describe('a message that is asked to finish', () => {
  it('is still sent once when it was being written [10.2]', () => {
    const delivery = scripted({ compose: held });

    delivery.finish();
    delivery.script.resolve('compose', message);

    expect(delivery.output).toEqual({ accepted: true });
  });

  it('waits for the answer that is under way, but tries no more [10.2]', () => {
    const delivery = scripted({ send: held });

    delivery.finish();
    const before = delivery.script.isUnderWay('send');
    delivery.script.reject('send', passingError);

    expect(before).toBe(true);
    expect(delivery.output).toEqual({ accepted: false, problem: 'AttachVolume: throttled. Wait.' });
  });

  it('is accepted when that answer is a good one [10.2]', () => {
    const delivery = scripted({ send: held });

    delivery.finish();
    delivery.script.resolve('send');

    expect(delivery.output).toEqual({ accepted: true });
  });

  it('is given up while it waits for its next attempt [10.2]', () => {
    const delivery = scripted({ send: passing });

    delivery.finish();

    expect(delivery.state).toBe('abandoned');
    expect(delivery.output).toEqual({ accepted: false, problem: 'AttachVolume: throttled. Wait.' });
  });

  it('while it was being written, is not sent a second time [10.2]', () => {
    const delivery = scripted({ compose: held, send: passing });

    delivery.finish();
    delivery.script.resolve('compose', message);
    delivery.clock.increment(1_000_000);

    expect(delivery.sends()).toBe(1);
    expect(delivery.output).toEqual({ accepted: false, problem: 'AttachVolume: throttled. Wait.' });
  });

  it('is given up when it cannot be written [10.1]', () => {
    const delivery = scripted({ compose: held });

    delivery.finish();
    delivery.script.reject('compose', new Error('refused'));

    expect(delivery.output).toEqual({ accepted: false, problem: 'refused' });
  });
});
