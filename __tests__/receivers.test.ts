import { messageTo, regionIn } from '../config/receivers.ts';
import type { NotifyConfig } from '../config/schema.ts';

describe('the region of a receiver', () => {
  it.each([
    ['arn:aws:sns:eu-west-1:123456789012:news', 'eu-west-1'],
    ['arn:aws-cn:sns:cn-north-1:123456789012:news', 'cn-north-1'],
    ['arn:aws-us-gov:sns:us-gov-west-1:123456789012:news.fifo', 'us-gov-west-1'],
    ['arn:aws-iso-b:sns:us-isob-east-1:123456789012:news', 'us-isob-east-1'],
    ['https://sqs.eu-west-1.amazonaws.com/123456789012/events', 'eu-west-1'],
    ['https://sqs.cn-northwest-1.amazonaws.com.cn/123456789012/events', 'cn-northwest-1'],
    ['https://sqs-fips.us-gov-east-1.amazonaws.com/123456789012/events', 'us-gov-east-1'],
    ['https://sqs.us-iso-east-1.c2s.ic.gov/123456789012/events', 'us-iso-east-1'],
    ['https://sqs.ap-southeast-2.api.aws/123456789012/events', 'ap-southeast-2'],
    ['https://SQS.EU-WEST-1.amazonaws.com/123456789012/events', 'eu-west-1'],
    ['https://eu-west-1.queue.amazonaws.com/123456789012/events', 'eu-west-1'],
    ['https://cn-north-1.queue.amazonaws.com.cn/123456789012/events', 'cn-north-1'],
    ['https://queue.amazonaws.com/123456789012/events', 'us-east-1'],
    ['https://vpce-0a1b2c3d-4e5f.sqs.eu-west-1.vpce.amazonaws.com/123456789012/events', 'eu-west-1'],
    ['https://vpce-0a1b-4e5f-us-east-1a.sqs.us-east-1.vpce.amazonaws.com/123456789012/events', 'us-east-1'],
  ])('is in its name: %s [10.5]', (target, region) => {
    expect(regionIn(target)).toBe(region);
  });

  it.each([
    'https://sqs.example.com/123456789012/events',
    'https://queue.example.com/123456789012/events',
    'http://127.0.0.1:9324/123456789012/events',
    'arn:aws:sns:REGION:123456789012:news',
    'events',
  ])('is not guessed from %s [10.5]', (target) => {
    expect(regionIn(target)).toBeUndefined();
  });

  it('is the one in options before that of its topic [10.5]', () => {
    const topic = 'arn:aws:sns:eu-west-1:123456789012:news';

    expect(messageTo(receiver({ region: 'eu-central-1', topic }), {}).region).toBe('eu-central-1');
    expect(messageTo(receiver({ topic }), {}).region).toBe('eu-west-1');
  });
});

describe('the message for a receiver', () => {
  const values = { domain: 'web', instance_id: 'i-0abc', daemon_state: 'started' } as const;

  it('has the default envelope when it has none of its own [4.4, 4.5]', () => {
    const { subject, body } = messageTo(receiver(), values);

    expect(subject).toBe('Fleetd web on i-0abc state changed to [started]');
    expect(JSON.parse(body)).toMatchObject(values);
  });

  it('keeps the default of the half that its envelope leaves out [3.3]', () => {
    const ownSubject = messageTo({ ...receiver(), envelope: { subject: '{domain}!' } }, values);
    const ownBody = messageTo({ ...receiver(), envelope: { body: '{{"up": "{domain}"}}' } }, values);

    expect(ownSubject.subject).toBe('web!');
    expect(JSON.parse(ownSubject.body)).toMatchObject(values);
    expect(ownBody.subject).toContain('state changed to');
    expect(ownBody.body).toBe('{"up": "web"}');
  });
});

function receiver(options: NotifyConfig['options'] = { topic: 'arn:aws:sns:eu-west-1:1:news' }): NotifyConfig {
  return { backend: 'aws-sns', options, envelope: {}, matrix: {} };
}
