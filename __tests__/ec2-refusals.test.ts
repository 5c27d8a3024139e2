/** Refusals of EC2 in an operator's words: whether they may pass, and what would help. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CallLog } from '../adapters/aws.ts';
import { createCreations } from '../adapters/creations.ts';
import { createVolumes } from '../adapters/ec2.ts';
import type { VolumeSetup } from '../simulator/setup.ts';
import { type AwsLab, facts, ME, OTHER, startAwsLab } from './helpers/aws-lab.ts';
import { eventually } from './helpers/simulator-clients.ts';

const log: CallLog = { look: () => {}, change: () => Promise.resolve(true) };

/** So long that no test sees what has happened meanwhile. */
const LONG_MS = 60_000;

/** What an attach ends with: its outcome, or what it was refused with. */
const attach = (lab: AwsLab, volumeId: string) =>
  createVolumes(lab.aws, facts)
    .attach({ volumeId, device: '/dev/sdf' }, log)
    .catch((reason) => reason);

/** Refuses every call with this code. */
async function refusing(status: number, code: string) {
  const body = `<Response><Errors><Error><Code>${code}</Code><Message>no</Message></Error></Errors></Response>`;
  const server = createServer((_, answer) => answer.writeHead(status, { 'content-type': 'text/xml' }).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.dispose]: () => server.close() };
}

describe('a refusal of AttachVolume', () => {
  it.each([
    {
      code: 'EncryptedVolumesNotSupported',
      retryable: false,
      helps: /Use an instance type that can have such a volume/,
    },
    { code: 'UnsupportedOperation', retryable: false, helps: /Use an instance type/ },
    { code: 'CustomerKeyHasBeenRevoked', retryable: false, helps: /key is enabled, and allow kms:CreateGrant/ },
    { code: 'AttachmentLimitExceeded', retryable: false, helps: /larger instance type, or fewer volumes/ },
    { code: 'InvalidVolume.ZoneMismatch', retryable: false, helps: /Launch the instance in the volume's zone/ },
    { code: 'InvalidVolume.NotFound', retryable: false, helps: /Check volume-id/ },
    { code: 'InvalidInstanceID.NotFound', retryable: true, helps: /Check the region/ },
    { code: 'InvalidInstanceID.Malformed', retryable: false, helps: /Check what the instance metadata gives/ },
    { code: 'IncorrectInstanceState', retryable: true, helps: /not running, or not yet/ },
    { code: 'RequestLimitExceeded', retryable: true, helps: /quota/ },
    { code: 'NeverHeardOf', retryable: false, helps: /Look the code up/ },
  ])('$code says what would help [6.3]', async ({ code, retryable, helps }) => {
    await using lab = await startAwsLab({});
    using server = await refusing(400, code);
    process.env.AWS_ENDPOINT_URL = server.url;

    const error = await attach(lab, 'vol-0aa');

    expect(error.message).toMatch(/^AttachVolume vol-0aa: /);
    expect(error.message).toMatch(helps);
    expect(error.retryable).toBe(retryable);
  });
});

it('of an instance that is not running is no lost race [6.3]', async () => {
  await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });
  lab.cloud.changeInstance({ state: 'stopping' });

  const error = await attach(lab, 'vol-0aa');

  expect(error).toMatchObject({
    retryable: true,
    message: expect.stringMatching(/^AttachVolume vol-0aa: .*not running/),
  });
});

describe('an attach of a volume that is not available', () => {
  const LOST = 'vol-attach-answer-lost';
  const notShown = { retryable: true, message: expect.stringContaining('EC2 does not show yet who') };

  it('whose answer was lost before is no lost race, as long as looks do not show whose it is [6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: LOST }], consistencyMs: LONG_MS });

    await attach(lab, LOST);
    const again = await attach(lab, LOST);

    expect(lab.cloud.calls().find(({ operation }) => operation === 'AttachVolume')?.errorCode).toBe('answer-lost');
    expect(again).toMatchObject(notShown);
    expect(again.message).toMatch(/^AttachVolume vol-attach-answer-lost: somebody has it.*: .* is available\. It may/);
  });

  it('whose answer was lost before counts as accepted as soon as looks show it [6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: LOST }], consistencyMs: 300 });
    const outcomes = [await attach(lab, LOST)];

    await eventually(async () => outcomes[outcomes.push(await attach(lab, LOST)) - 1], isOutcome);

    expect(outcomes.at(-1)).toBe('accepted');
    expect(outcomes.slice(0, -1)).toEqual(Array(outcomes.length - 1).fill(expect.any(Error)));
  });

  it('that looks do not show at all is no lost race either: it is in use [6.3]', async () => {
    await using lab = await startAwsLab({ createMs: 0, consistencyMs: LONG_MS });
    const made = await createCreations(lab.aws, facts).create(
      { AvailabilityZone: facts.zone, Size: 8, ClientToken: 'x' },
      log,
    );
    const { volumeId } = made as { volumeId: string };
    await eventually(
      () => attach(lab, volumeId),
      (outcome) => outcome === 'accepted',
    );

    expect(await attach(lab, volumeId)).toMatchObject(notShown);
  });

  it.each<{ it: string; setup: Omit<VolumeSetup, 'id'>; says: RegExp }>([
    { it: 'still being created', setup: { state: 'creating' }, says: /was not available: vol-0aa is creating\./ },
    { it: 'in use by nobody yet', setup: { state: 'in-use' }, says: /was not available: vol-0aa is in-use\./ },
    {
      it: 'on its way out here',
      setup: { attachedTo: { instanceId: ME, device: '/dev/sdf', status: 'detaching' } },
      says: /was not available: vol-0aa is being detached from this instance \(detaching\)\./,
    },
  ])('because it is $it may be tried again: nobody else has it [6.2, 6.3]', async ({ setup, says }) => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...setup }] });

    expect(await attach(lab, 'vol-0aa')).toMatchObject({ retryable: true, message: expect.stringMatching(says) });
  });

  it.each<{ it: string; setup: Omit<VolumeSetup, 'id'> }>([
    { it: 'attached to another instance', setup: { attachedTo: { instanceId: OTHER, device: '/dev/sdf' } } },
    {
      it: 'on its way out elsewhere',
      setup: { attachedTo: { instanceId: OTHER, device: '/dev/sdf', status: 'detaching' } },
    },
    { it: 'at another device here', setup: { attachedTo: { instanceId: ME, device: '/dev/sdg' } } },
    { it: 'broken', setup: { state: 'error' } },
    { it: 'being deleted', setup: { state: 'deleting' } },
  ])('because it is $it is a lost race: the next one has its turn [6.3]', async ({ setup }) => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...setup }] });

    expect(await attach(lab, 'vol-0aa')).toBe('taken');
  });
});

/** Not refused for a moment only. */
function isOutcome(outcome: unknown): boolean {
  return typeof outcome === 'string';
}

describe('a refusal of CreateVolume', () => {
  it.each([
    { code: 'InvalidSnapshot.NotFound', helps: /Check SnapshotId in create/ },
    { code: 'InvalidSnapshotID.Malformed', helps: /Check SnapshotId in create/ },
    { code: 'UnknownVolumeType', helps: /Check VolumeType in create/ },
    { code: 'InvalidZone.NotFound', helps: /may use this zone/ },
    { code: 'VolumeLimitExceeded', helps: /larger quota of EBS/ },
    { code: 'MaxIOPSLimitExceeded', helps: /larger quota of EBS/ },
    { code: 'ResourceLimitExceeded', helps: /larger quota of EBS/ },
    { code: 'TagLimitExceeded', helps: /50 tags/ },
    { code: 'KmsKeyNotAccessible', helps: /allow kms:CreateGrant/ },
    { code: 'MissingParameter', helps: /Check the configured values/ },
    { code: 'UnknownParameter', helps: /Check the configured values/ },
    { code: 'InvalidParameterCombination', helps: /Check the configured values/ },
    { code: 'InvalidParameterDependency', helps: /Check the configured values/ },
    { code: 'ValidationError', helps: /Check the configured values/ },
    { code: 'InvalidParameterValue', helps: /Check the configured value/ },
    { code: 'IncorrectState', helps: /in which state/ },
    { code: 'UnauthorizedOperation', helps: /Allow ec2:CreateVolume on volumes and on snap-0abc, and ec2:CreateTags/ },
  ])('$code is for good, and says what would help [6.3]', async ({ code, helps }) => {
    await using lab = await startAwsLab({});
    using server = await refusing(400, code);
    process.env.AWS_ENDPOINT_URL = server.url;

    const error = await createCreations(lab.aws, facts)
      .create({ SnapshotId: 'snap-0abc', ClientToken: 'x' }, log)
      .catch((reason) => reason);

    expect(error.message).toMatch(helps);
    expect(error.retryable).toBe(false);
  });

  it.each([400, 500])('for want of room may pass, whatever its status: %d [6.3]', async (status) => {
    await using lab = await startAwsLab({});
    using server = await refusing(status, 'InsufficientVolumeCapacity');
    process.env.AWS_ENDPOINT_URL = server.url;

    const error = await createCreations(lab.aws, facts)
      .create({ Size: 10, ClientToken: 'x' }, log)
      .catch((reason) => reason);

    expect(error.message).toMatch(/The zone has no room for such a volume/);
    expect(error.retryable).toBe(true);
  });
});
