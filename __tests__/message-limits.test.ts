/** What SNS and SQS take, and how a message is made to fit. */

import fc from 'fast-check';
import { createTopics } from '../adapters/sns.ts';
import { createQueues } from '../adapters/sqs.ts';
import { bodyWithin, fifoGroup, MESSAGE_LIMIT_BYTES, subjectLine } from '../config/message-limits.ts';
import type { OutgoingMessage } from '../config/vocabulary.ts';
import { startAwsLab } from './helpers/aws-lab.ts';

const MARK = '…[cut]';
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:news';

describe('a body', () => {
  const bytes = (text: string) => Buffer.byteLength(text);
  const markBytes = bytes(MARK);

  it('that just fits stays as it is; one byte more, and it is cut with a mark [10.3]', () => {
    expect(bodyWithin('x'.repeat(100), 100)).toBe('x'.repeat(100));
    expect(bodyWithin('x'.repeat(101), 100)).toBe('x'.repeat(100 - markBytes) + MARK);
  });

  it.each([
    { letter: 'é', bytes: 2 },
    { letter: '€', bytes: 3 },
    { letter: '🎲', bytes: 4 },
  ])('is cut between characters, wherever the limit falls in one of $bytes bytes [10.3]', ({ letter }) => {
    for (let limit = 40; limit < 48; limit += 1) {
      const cut = bodyWithin(letter.repeat(100), limit);

      const whole = Math.floor((limit - markBytes) / bytes(letter));
      expect(cut).toBe(letter.repeat(whole) + MARK);
    }
  });

  it('keeps a byte order mark, which is a character like any other [10.3]', () => {
    expect(bodyWithin(`\ufeff${'x'.repeat(100)}`, 50)).toMatch(/^\ufeffx+…\[cut\]$/);
  });

  it.each([
    ['\u0000\u0007\u001b[1m', '\ufffd\ufffd\ufffd[1m'],
    ['tab\tline\nreturn\r', 'tab\tline\nreturn\r'],
    ['\ufffe\uffff', '\ufffd\ufffd'],
    ['half a \ud83c die', 'half a \ufffd die'],
    ['\u007f\u0085é🎲', '\u007f\u0085é🎲'],
    ['', ' '],
  ])('has what the services do not take replaced: %j becomes %j [10.3]', (body, taken) => {
    expect(bodyWithin(body, 1_000)).toBe(taken);
  });

  it('is taken, whatever it holds [10.3]', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 20, max: 60 }), (body, limit) => {
        const taken = bodyWithin(body, limit);

        expect(bytes(taken)).toBeLessThanOrEqual(limit);
        expect(taken).toMatch(/^[\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]+$/u);
      }),
    );
  });

  it('is measured by SNS and SQS as here: both take one that has been cut [10.3]', async () => {
    await using lab = await startAwsLab({ topics: [TOPIC], queues: ['events'] });
    const body = `a${'🎲'.repeat(300_000)}`;

    await createTopics(lab.aws).publish(messageTo(TOPIC, { body }));
    await createQueues(lab.aws).send(messageTo(lab.cloud.queueUrl('events'), { body }));

    const [published] = lab.cloud.published();
    const [received] = lab.cloud.received('events');
    expect(MESSAGE_LIMIT_BYTES.sns - bytes(published?.message ?? '')).toBeLessThan(4);
    expect(MESSAGE_LIMIT_BYTES.sqs - bytes(received?.body ?? '')).toBeLessThan(4);
  });

  it('is cut to what the queue itself takes, when that is less [10.3]', async () => {
    await using lab = await startAwsLab({ queues: [{ name: 'old', maximumMessageBytes: 262_144 }] });

    await createQueues(lab.aws).send(messageTo(lab.cloud.queueUrl('old'), { body: '€'.repeat(200_000) }));

    const [received] = lab.cloud.received('old');
    expect(received?.body).toMatch(/^€+…\[cut\]$/);
    expect(bytes(received?.body ?? '')).toBeGreaterThan(262_144 - 5);
  });
});

describe('a subject', () => {
  it.each([
    ['x'.repeat(99), 'x'.repeat(99)],
    ['x'.repeat(100), `${'x'.repeat(96)}...`],
    ['Grüße aus Łódź', 'Gru?e aus ?odz'],
    ['  two\r\nlines\t', 'two lines'],
    ['🎲🎲', '??'],
    ['\u0000\u001b', ''],
  ])('is made to what SNS takes: %j becomes %j [10.3]', (subject, taken) => {
    expect(subjectLine(subject)).toBe(taken);
  });

  it('is printable ASCII in one line of at most 99 characters, or empty, whatever it was [10.3]', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 150 }), (subject) => {
        expect(subjectLine(subject)).toMatch(/^(?:[!-~][ -~]{0,98})?$/);
      }),
    );
  });
});

describe('a message group', () => {
  it.each([
    ['my-world.mc', 'my-world.mc'],
    ['my world', 'my_world'],
    ['böse', 'b_se'],
    ['x'.repeat(200), 'x'.repeat(128)],
  ])('is the name of the domain as far as it is allowed: %s [10.4]', (domain, group) => {
    expect(fifoGroup(domain)).toBe(group);
  });

  it('has 1 to 128 letters, digits and punctuation marks, whatever the domain is called [10.4]', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (domain) => {
        expect(fifoGroup(domain)).toMatch(/^[!-~]{1,128}$/);
      }),
    );
  });

  it('is given to FIFO receivers alone, with the id of the message against repetitions [10.4]', async () => {
    const fifo = `${TOPIC}.fifo`;
    await using lab = await startAwsLab({ topics: [TOPIC, fifo], queues: ['events', 'events.fifo'] });

    for (const target of [TOPIC, fifo]) await createTopics(lab.aws).publish(messageTo(target));
    for (const name of ['events', 'events.fifo']) await createQueues(lab.aws).send(messageTo(lab.cloud.queueUrl(name)));

    const sent = [...lab.cloud.published(), ...lab.cloud.received('events'), ...lab.cloud.received('events.fifo')];
    const { id } = messageTo(TOPIC);
    expect(sent.map(({ groupId, deduplicationId }) => [groupId, deduplicationId])).toEqual([
      [undefined, undefined],
      ['web', id],
      [undefined, undefined],
      ['web', id],
    ]);
  });
});

function messageTo(target: string, change: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    id: '6f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1',
    domain: 'web',
    event: 'started',
    backend: 'aws-sns',
    target,
    region: 'eu-west-1',
    subject: 'subject',
    body: 'body',
    ...change,
  };
}
