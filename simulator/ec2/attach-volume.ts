import { attachmentPoint, attachmentsOf, type Instance, type Volume, type World } from '../cloud.ts';
import { volumeFails } from '../sentinels.ts';
import { aboutToChange } from '../sight.ts';
import { attach } from '../volumes.ts';
import { type Action, instanceOf, required, unlessDryRun, volumeOf } from './action.ts';
import { attachmentItem } from './describe-volumes.ts';
import {
  attachmentLimit,
  incorrectState,
  invalidDevice,
  multiAttachLimit,
  pointInUse,
  volumeInUse,
  zoneMismatch,
} from './errors.ts';

/** Source: EBS User Guide, "Amazon EBS Multi-Attach". */
const MULTI_ATTACH_LIMIT = 16;

/** The instance that wins the race for volumes with the sentinel `attach-lost`. */
export const RIVAL_INSTANCE_ID = 'i-0fa57e2fa57e2fa57';

/**
 * `/dev/sd[a-z]`, `/dev/xvd[b-c][a-z]` and what the EBS CSI driver found beyond that, also without `/dev/`; trailing digits
 * only for the root. Source: EC2 User Guide, "Device names on Linux instances".
 */
const DEVICE_NAME = /^(\/dev\/)?(sd[a-z]|sda[12]|xvd[a-z]|xvd[a-d][a-z])$/;

/**
 * Joins a volume to an instance: the only atomic claim that EBS has. Not idempotent: repeated after a lost answer it says
 * VolumeInUse, even to the instance that holds the volume.
 */
export const attachVolume: Action = (world, params) => {
  const volumeId = required(params, 'VolumeId');
  const instanceId = required(params, 'InstanceId');
  const device = required(params, 'Device');
  if (!DEVICE_NAME.test(device)) throw invalidDevice(device);
  const volume = volumeOf(world, volumeId);
  const instance = instanceOf(world, instanceId);
  unlessDryRun(params);
  if (volumeFails(volume, 'attach-lost') && volume.state === 'available') loseTo(world, volume, RIVAL_INSTANCE_ID);
  checkVolume(volume, instance);
  checkInstance(world, instance, device);
  return attachmentItem(volume.id, attach(world, volume, instance, device));
};

function checkVolume(volume: Volume, instance: Instance): void {
  if (volume.zone !== instance.zone) throw zoneMismatch(volume.id, instance.id);
  const held = volume.attachments.some(({ status }) => status !== 'detaching');
  if (volume.multiAttach && volume.attachments.length >= MULTI_ATTACH_LIMIT) throw multiAttachLimit(volume.id);
  const shareable = volume.multiAttach && !volume.attachments.some(({ instanceId }) => instanceId === instance.id);
  if (held && !shareable) throw volumeInUse(volume.id);
  if (volume.state !== 'available' && !(held && shareable)) throw incorrectState(`${volume.id} is not 'available'.`);
}

function checkInstance(world: World, instance: Instance, device: string): void {
  if (instance.state !== 'running' && instance.state !== 'stopped')
    throw incorrectState(`Instance '${instance.id}' is not 'running'.`);
  const taken = attachmentsOf(world, instance.id);
  const devices = [...instance.hiddenDevices, ...taken.map(({ attachment }) => attachment.device)];
  if (devices.some((other) => attachmentPoint(other) === attachmentPoint(device))) throw pointInUse(device);
  if (taken.length >= instance.attachmentLimit) throw attachmentLimit(instance.attachmentLimit);
}

function loseTo(world: World, volume: Volume, instanceId: string): void {
  aboutToChange(world, 'volumes', volume.id);
  volume.state = 'in-use';
  volume.attachments.push({
    instanceId,
    device: '/dev/sdf',
    status: 'attached',
    attachTime: new Date(world.clock.now()).toISOString(),
    deleteOnTermination: false,
  });
}
