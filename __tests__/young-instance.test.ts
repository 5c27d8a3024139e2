/** A refusal on an instance that booted a moment ago: its role may not be there yet. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type AwsOptions, createAws } from '../adapters/aws.ts';
import { createUptime } from '../adapters/uptime.ts';
import { AdapterError } from '../config/errors.ts';
import { startCloud } from '../simulator/server.ts';
import { failureOf, listening } from './helpers/metadata-service.ts';

const ME = 'i-0123456789abcde00';
const VOLUME = 'vol-attach-denied';

const kept = { ...process.env };
afterEach(() => {
  process.env = { ...kept };
});

/** An instance whose role may not attach the volume. */
async function startDenied(isYoung: AwsOptions['isYoung']) {
  const cloud = await startCloud({ instances: [{ id: ME }], volumes: [{ id: VOLUME }] });
  Object.assign(process.env, cloud.environment(), { AWS_EC2_METADATA_V1_DISABLED: 'true' });
  const aws = createAws({ region: 'eu-west-1', environment: process.env, ...(isYoung ? { isYoung } : {}) });
  return {
    cloud,
    aws,
    look: () =>
      aws.call({ operation: 'DescribeVolumes', permission: 'ec2:DescribeVolumes' }, ({ sdk, ec2 }, abortSignal) =>
        ec2.send(new sdk.DescribeVolumesCommand({}), { abortSignal }),
      ),
    attach: () =>
      aws.call({ operation: 'AttachVolume', permission: 'ec2:AttachVolume' }, ({ sdk, ec2 }, abortSignal) =>
        ec2.send(new sdk.AttachVolumeCommand({ VolumeId: VOLUME, InstanceId: ME, Device: '/dev/sdf' }), {
          abortSignal,
        }),
      ),
    async [Symbol.asyncDispose]() {
      aws.close();
      await cloud.close();
    },
  };
}

/** The failure of a look that EC2 answers with this code. */
async function refusedWith(code: string, isYoung: boolean) {
  await using lab = await startDenied(() => isYoung);
  const body = `<Response><Errors><Error><Code>${code}</Code><Message>No.</Message></Error></Errors></Response>`;
  const ec2 = await listening((_, answer) => answer.writeHead(403, { 'content-type': 'text/xml' }).end(body));
  process.env.AWS_ENDPOINT_URL = ec2.url;
  return await failureOf(lab.look()).finally(ec2.close);
}

/** A machine that says how long it has been up; without a text it does not say. */
function machine(uptime?: string) {
  const sysroot = mkdtempSync(path.join(tmpdir(), 'ec2fleetd-uptime-'));
  if (uptime !== undefined) {
    mkdirSync(path.join(sysroot, 'proc'));
    writeFileSync(path.join(sysroot, 'proc/uptime'), uptime);
  }
  return { sysroot, [Symbol.dispose]: () => rmSync(sysroot, { recursive: true }) };
}

describe('a young instance', () => {
  it.each([
    'UnauthorizedOperation',
    'AccessDenied',
    'AccessDeniedException',
    'AuthFailure',
    'InvalidClientTokenId',
    'ExpiredToken',
  ])('may be told %s because its role is not there yet: that may pass [9.7]', async (code) => {
    const error = await refusedWith(code, true);

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toContain(`DescribeVolumes: ${code}`);
    expect(error.message).toMatch(/its role may not be there yet\. If this stays: (Allow ec2:DescribeVolumes|Check)/);
    expect(error.retryable).toBe(true);
  });

  it.each(['UnauthorizedOperation', 'AuthFailure'])('that has grown older is told %s for good [9.7]', async (code) => {
    const error = await refusedWith(code, false);

    expect(error.message).not.toMatch(/not be there yet/);
    expect(error.retryable).toBe(false);
  });

  it('is told for good what has nothing to do with a role [9.7]', async () => {
    const error = await refusedWith('InvalidVolumeID.Malformed', true);

    expect(error.message).not.toMatch(/not be there yet/);
    expect(error.retryable).toBe(false);
  });

  it('without a role is told that one may come [9.7]', async () => {
    await using lab = await startDenied(() => true);
    lab.cloud.changeInstance({ role: undefined });

    const error = await failureOf(lab.aws.credentials(AbortSignal.timeout(5_000)));

    expect(error.message).toMatch(/its role may not be there yet\. If this stays: Give the instance a role/);
    expect(error.retryable).toBe(true);
  });

  it('grows up: the same refusal is for good as soon as its three minutes are over [9.7]', async () => {
    using young = machine('179.99 300.00\n');
    await using lab = await startDenied(createUptime(young.sysroot).isYoung);

    const first = await failureOf(lab.attach());
    writeFileSync(path.join(young.sysroot, 'proc/uptime'), '180.00 300.02\n');
    const second = await failureOf(lab.attach());

    expect([first.retryable, second.retryable]).toEqual([true, false]);
    expect(second.message).toMatch(/UnauthorizedOperation.*Allow ec2:AttachVolume/);
  });

  it('is none where nobody says how old it is [9.7]', async () => {
    await using lab = await startDenied(undefined);

    expect((await failureOf(lab.attach())).retryable).toBe(false);
  });
});

describe('the uptime', () => {
  it.each([
    { text: '0.05 0.01', isYoung: true },
    { text: '59 12.5', isYoung: true },
    { text: '350735.47 234388.90', isYoung: false },
    { text: undefined, isYoung: false },
    { text: '', isYoung: false },
    { text: 'up since yesterday', isYoung: false },
  ])('of "$text" makes it young: $isYoung [9.7]', async ({ text, isYoung }) => {
    using some = machine(text && `${text}\n`);

    expect(await createUptime(some.sysroot).isYoung()).toBe(isYoung);
  });

  it('is that of the machine itself without a sysroot [9.7]', async () => {
    await expect(createUptime('').isYoung()).resolves.toEqual(expect.any(Boolean));
  });
});
