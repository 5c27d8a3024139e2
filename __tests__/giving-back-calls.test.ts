/** How volumes are given back: the real SDK against the simulator. */

import type { CallLog } from '../adapters/aws.ts';
import { createVolumes } from '../adapters/ec2.ts';
import { AdapterError } from '../config/errors.ts';
import { type AwsLab, facts, ME, OTHER, startAwsLab } from './helpers/aws-lab.ts';

/** Writes down what is asked. @param changes false: as with init switched off. */
function callLog(changes = true) {
  const noted: Array<[method: string, param: unknown]> = [];
  const log: CallLog = {
    look: () => {},
    change(method, param) {
      noted.push([method, param]);
      return Promise.resolve(changes);
    },
  };
  return { log, noted };
}

describe('a volume that is given back', () => {
  const here = (device = '/dev/sdf', status: 'attached' | 'detaching' = 'attached') => ({
    attachedTo: { instanceId: ME, device, status },
  });

  function detach(lab: AwsLab, log = callLog().log, volumeId = 'vol-0aa') {
    return createVolumes(lab.aws, facts).detach({ volumeId, device: '/dev/sdf' }, log);
  }

  const detachCalls = (lab: AwsLab) => lab.cloud.calls().filter(({ operation }) => operation === 'DetachVolume');

  it('is detached from this instance and this device, never by force [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...here() }], detachMs: 60_000 });
    const { log, noted } = callLog();

    expect(await detach(lab, log)).toBe('accepted');

    const param = { VolumeId: 'vol-0aa', InstanceId: ME, Device: '/dev/sdf' };
    expect(noted).toEqual([['detach_volume', param]]);
    expect(detachCalls(lab)).toMatchObject([{ params: param }]);
    expect(detachCalls(lab)[0]?.params).not.toHaveProperty('Force');
    expect(lab.cloud.volume('vol-0aa')?.attachments).toMatchObject([{ status: 'detaching' }]);
  });

  it('is left where it is with init switched off: the call is only noted [2.1, 6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...here() }] });
    const { log, noted } = callLog(false);

    expect(await detach(lab, log)).toBe('dry');

    expect(noted).toHaveLength(1);
    expect(detachCalls(lab)).toEqual([]);
  });

  it.each([
    { where: 'is attached to nobody', volumes: [{ id: 'vol-0aa' }] },
    { where: 'somebody else has', volumes: [{ id: 'vol-0aa', attachedTo: { instanceId: OTHER, device: '/dev/sdf' } }] },
    { where: 'is here at another device', volumes: [{ id: 'vol-0aa', ...here('/dev/sdg') }] },
  ])('and $where is gone already, and stays as it is [6.10]', async ({ volumes }) => {
    await using lab = await startAwsLab({ volumes });
    const before = JSON.stringify(lab.cloud.volume('vol-0aa'));

    expect(await detach(lab)).toBe('gone');
    expect(JSON.stringify(lab.cloud.volume('vol-0aa'))).toBe(before);
  });

  it('and does not exist any more is gone already [6.10]', async () => {
    await using lab = await startAwsLab({});

    expect(await detach(lab, callLog().log, 'vol-0bbbbbbbbbbbbbbbb')).toBe('gone');
  });

  it('and is being detached, because an answer was lost, counts as accepted [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...here('/dev/sdf', 'detaching') }] });

    expect(await detach(lab)).toBe('accepted');
  });

  it('is detached once though the answer is lost and the call repeated [6.10]', async () => {
    const volumeId = 'vol-detach-answer-lost';
    await using lab = await startAwsLab({ volumes: [{ id: volumeId, ...here() }], detachMs: 60_000 });

    expect(await detach(lab, callLog().log, volumeId)).toBe('accepted');
    expect(detachCalls(lab)).toHaveLength(2);
  });

  it("and was adopted under its device's twin is detached from that, and EC2's literal reading is no end of it [6.2, 6.10]", async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...here('/dev/xvdf') }], detachMs: 60_000 });

    expect(await detach(lab)).toBe('accepted');
    expect(lab.cloud.volume('vol-0aa')?.attachments).toMatchObject([{ device: '/dev/xvdf', status: 'detaching' }]);
  });

  it('and may not be detached says which permission would help [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-detach-denied', ...here() }] });

    const error = await detach(lab, callLog().log, 'vol-detach-denied').catch((reason) => reason);

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.retryable).toBe(false);
    expect(error.message).toMatch(
      /^DetachVolume vol-detach-denied: Unauth.*Allow ec2:DetachVolume on vol-detach-denied and on i-/,
    );
  });

  it('and cannot be detached now may be a moment later [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-detach-throttled', ...here() }] });

    const error = await detach(lab, callLog().log, 'vol-detach-throttled').catch((reason) => reason);

    expect(error.retryable).toBe(true);
  });

  it.each([
    { status: 'detaching' as const, at: ME, detaching: true },
    { status: 'busy' as const, at: ME, detaching: true },
    { status: 'attached' as const, at: ME, detaching: undefined },
    { status: 'detaching' as const, at: OTHER, detaching: undefined },
  ])(
    'is $status at $at in a look: it is being detached here: $detaching [6.2, 6.10]',
    async ({ status, at, ...seen }) => {
      const attachedTo = { instanceId: at, device: '/dev/sdf', status };
      await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', attachedTo }] });

      const looked = await createVolumes(lab.aws, facts).look(
        { volumeId: 'vol-0aa', device: '/dev/sdf' },
        callLog().log,
      );

      expect(looked.detaching).toBe(seen.detaching);
    },
  );
});
