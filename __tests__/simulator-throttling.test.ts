import {
  AttachVolumeCommand,
  CreateTagsCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';

const ME = 'i-0123456789abcde00';
const VOLUME = 'vol-00000000000000001';

let cloud: Cloud;
let ec2: EC2Client;
afterEach(async () => {
  ec2.destroy();
  await cloud.close();
});

describe('token buckets of the simulated EC2 [13.1]', () => {
  it('let through as many calls as they hold, and refuse the others', async () => {
    await start({ throttling: { CreateTags: { capacity: 3, refillPerS: 0 } } });

    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, tag));

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await refusal(tag())).toMatchObject({
      name: 'RequestLimitExceeded',
      message: 'Request limit exceeded.',
      $metadata: { httpStatusCode: 503 },
    });
  });

  it('fill up again with time', async () => {
    await start({ throttling: { CreateTags: { capacity: 1, refillPerS: 5 } } });
    await tag();
    const { name } = await refusal(tag());

    await eventually(
      () =>
        tag().then(
          () => true,
          () => false,
        ),
      (passed) => passed,
    );

    expect(name).toBe('RequestLimitExceeded');
  });

  it('are one for each action, and for the whole account', async () => {
    await start({ throttling: { AttachVolume: { capacity: 0 } } });
    const other = new EC2Client(clientOptions(cloud));

    const mine = await refusal(attach(ec2));
    const others = await refusal(attach(other));
    const detach = await refusal(ec2.send(new DetachVolumeCommand({ VolumeId: VOLUME })));
    other.destroy();

    expect([mine.name, others.name, detach.name]).toEqual([
      'RequestLimitExceeded',
      'RequestLimitExceeded',
      'IncorrectState',
    ]);
  });

  it('are smaller for looks without filter and paging, even at named volumes', async () => {
    await start({ throttling: { 'DescribeVolumes unfiltered': { capacity: 0 } } });

    const everything = await refusal(ec2.send(new DescribeVolumesCommand({})));
    const named = await refusal(ec2.send(new DescribeVolumesCommand({ VolumeIds: [VOLUME] })));
    await ec2.send(new DescribeVolumesCommand({ MaxResults: 5 }));
    await ec2.send(new DescribeVolumesCommand({ Filters: [{ Name: 'volume-id', Values: [VOLUME] }] }));

    expect([everything.name, named.name]).toEqual(['RequestLimitExceeded', 'RequestLimitExceeded']);
  });

  it('leave what they refuse undone, and say so in the log of calls', async () => {
    await start({ throttling: { CreateTags: { capacity: 0 } } });

    await refusal(tag());
    cloud.throttle(false);
    await tag();

    expect(cloud.volume(VOLUME)?.tags).toEqual({ a: '1' });
    expect(cloud.calls()).toEqual([
      expect.objectContaining({
        operation: 'CreateTags',
        status: 503,
        errorCode: 'RequestLimitExceeded',
        throttled: true,
      }),
      expect.not.objectContaining({ throttled: true }),
    ]);
  });

  it('count what a word refuses, which is told apart from what they refuse', async () => {
    const volumes = [{ id: VOLUME, tags: { simulate: 'create-tags-throttled' } }];
    await start({ volumes, throttling: { CreateTags: { capacity: 1, refillPerS: 0 } } });

    await refusal(tag());
    await refusal(tag());

    expect(cloud.calls().map(({ errorCode, throttled }) => [errorCode, throttled])).toEqual([
      ['RequestLimitExceeded', undefined],
      ['RequestLimitExceeded', true],
    ]);
  });

  it('are not there unless they are asked for, and can be switched while it runs', async () => {
    await start();
    const many = () => Promise.allSettled(Array.from({ length: 300 }, tag));

    const without = await many();
    cloud.throttle(true);
    const withThem = await many();
    cloud.throttle(false);
    const again = await many();

    const refused = [without, withThem, again].map((all) => all.some(({ status }) => status === 'rejected'));
    expect(refused).toEqual([false, true, false]);
  });

  it('have the numbers of a common account, of which some may be others', async () => {
    await start();

    const reply = await control({ buckets: { AttachVolume: { capacity: 5 } } });
    const off = await control({ on: false });

    expect(reply).toMatchObject({
      status: 200,
      body: {
        AttachVolume: { capacity: 5, refillPerS: 5 },
        DetachVolume: { capacity: 50, refillPerS: 5 },
        CreateVolume: { capacity: 100, refillPerS: 5 },
        CreateTags: { capacity: 100, refillPerS: 10 },
        DescribeVolumes: { capacity: 100, refillPerS: 20 },
        'DescribeVolumes unfiltered': { capacity: 50, refillPerS: 10 },
      },
    });
    expect(off).toEqual({ status: 200, body: {} });
  });

  it.each([
    { body: { of: 1 }, problem: '"of" is none of on, buckets' },
    { body: { on: 'yes' }, problem: '"on" is true or false' },
    { body: { buckets: { AttachVolumes: {} } }, problem: '"AttachVolumes" is none of AttachVolume,' },
    { body: { buckets: { AttachVolume: { size: 1 } } }, problem: '"AttachVolume" has numbers' },
  ])('say what is wrong with $body', async ({ body, problem }) => {
    await start();

    const reply = await control(body);

    expect(reply).toMatchObject({ status: 400, body: { problem: expect.stringContaining(problem) } });
  });
});

async function start(setup: CloudSetup = {}): Promise<void> {
  cloud = await startCloud({ volumes: [{ id: VOLUME }], ...setup });
  ec2 = new EC2Client(clientOptions(cloud));
}

function tag() {
  return ec2.send(new CreateTagsCommand({ Resources: [VOLUME], Tags: [{ Key: 'a', Value: '1' }] }));
}

function attach(client: EC2Client) {
  return client.send(new AttachVolumeCommand({ VolumeId: VOLUME, InstanceId: ME, Device: '/dev/sdf' }));
}

async function control(body: object): Promise<{ status: number; body: unknown }> {
  const reply = await fetch(`${cloud.url}/_control/throttling`, { method: 'PUT', body: JSON.stringify(body) });
  return { status: reply.status, body: await reply.json() };
}
