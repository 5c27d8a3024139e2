/** The end of clients and credentials: thrown away after hibernation, because they belong to another time, and closed. */

import { createAws } from '../adapters/aws.ts';
import { startCloud } from '../simulator/server.ts';
import { listening } from './helpers/metadata-service.ts';

const kept = { ...process.env };
afterEach(() => {
  process.env = { ...kept };
});

const describeVolumes = { operation: 'DescribeVolumes', permission: 'ec2:DescribeVolumes' };

async function startLab() {
  const cloud = await startCloud();
  Object.assign(process.env, cloud.environment(), { AWS_EC2_METADATA_V1_DISABLED: 'true' });
  const aws = createAws({ region: 'eu-west-1', environment: process.env });
  return {
    aws,
    look: () =>
      aws.call(describeVolumes, ({ sdk, ec2 }, abortSignal) =>
        ec2.send(new sdk.DescribeVolumesCommand({}), { abortSignal }),
      ),
    credentialsRead: () =>
      cloud.calls().filter(({ operation }) => /iam\/security-credentials\/./.test(operation)).length,
    async [Symbol.asyncDispose]() {
      aws.close();
      await cloud.close();
    },
  };
}

/** An EC2 that holds its first answer back until told, and tells when connections end. */
async function startHolding() {
  const asked = Promise.withResolvers<() => void>();
  const askedAgain = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let requests = 0;
  const ec2 = await listening((_, answer) => {
    const give = () => answer.end('<DescribeVolumesResponse><volumeSet/></DescribeVolumesResponse>');
    requests += 1;
    if (requests === 1) return asked.resolve(give);
    give();
    return askedAgain.resolve();
  });
  // Only the client ends connections.
  ec2.server.keepAliveTimeout = 0;
  let open = 0;
  ec2.server.on('connection', (socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
      closed.resolve();
    });
  });
  process.env.AWS_ENDPOINT_URL = ec2.url;
  return {
    asked: asked.promise,
    askedAgain: askedAgain.promise,
    closed: closed.promise,
    open: () => open,
    requests: () => requests,
    [Symbol.asyncDispose]: ec2.close,
  };
}

describe('after a renewal', () => {
  it('credentials are read anew, and until then once for all calls [5.5]', async () => {
    await using lab = await startLab();
    await lab.look();
    await lab.look();
    const before = lab.credentialsRead();

    lab.aws.renew();
    await lab.look();

    expect([before, lab.credentialsRead()]).toEqual([1, 2]);
  });

  it('the old connections are closed [5.5]', async () => {
    await using lab = await startLab();
    await using ec2 = await startHolding();
    const look = lab.look();
    (await ec2.asked)();
    await look;
    expect(ec2.open()).toBe(1);

    lab.aws.renew();

    await ec2.closed;
    expect(ec2.open()).toBe(0);
  });

  it('a call that was under way has its answer, and only then its connection is closed [5.5]', async () => {
    await using lab = await startLab();
    await using ec2 = await startHolding();
    const look = lab.look();
    const answer = await ec2.asked;

    lab.aws.renew();
    answer();

    await expect(look).resolves.toMatchObject({ Volumes: [] });
    expect(ec2.requests()).toBe(1);
    await ec2.closed;
  });

  it('the next call has nothing of the old, even while an old one is under way [5.5]', async () => {
    await using lab = await startLab();
    await using ec2 = await startHolding();
    const old = lab.look();
    const answer = await ec2.asked;

    lab.aws.renew();
    const next = lab.look();
    await ec2.askedAgain;
    answer();
    await Promise.all([old, next]);

    expect(lab.credentialsRead()).toBe(2);
  });

  it('before the first call there is nothing to throw away [5.5]', async () => {
    await using lab = await startLab();

    lab.aws.renew();

    await expect(lab.look()).resolves.toBeDefined();
  });
});

describe('once closed', () => {
  it('no connection is left [9.4]', async () => {
    await using lab = await startLab();
    await using ec2 = await startHolding();
    const look = lab.look();
    (await ec2.asked)();
    await look;

    lab.aws.close();

    await ec2.closed;
    expect(ec2.open()).toBe(0);
  });
});
