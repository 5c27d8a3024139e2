import { AwsError } from '../aws-error.ts';
import type { Volume, VolumeAttachment, World } from '../cloud.ts';
import { type Params, textOf } from '../query.ts';
import { detach } from '../volumes.ts';
import { type Action, instanceOf, required, unlessDryRun, volumeOf } from './action.ts';
import { attachmentItem } from './describe-volumes.ts';
import { attachmentNotFound, incorrectState, missingParameter } from './errors.ts';

/** Takes a volume from its instance; an instance and a device, where given, have to be the right ones. */
export const detachVolume: Action = (world, params) => {
  const volume = volumeOf(world, required(params, 'VolumeId'));
  unlessDryRun(params);
  const attachment = attachmentIn(world, volume, params);
  if (attachment.status === 'detaching') throw incorrectState(`Volume '${volume.id}' is in the 'detaching' state.`);
  checkRoot(world, volume, attachment);
  detach(world, volume, attachment, textOf(params, 'Force') === 'true');
  return attachmentItem(volume.id, attachment);
};

function attachmentIn(world: World, volume: Volume, params: Params): VolumeAttachment {
  if (volume.attachments.length === 0) throw incorrectState(`Volume '${volume.id}' is in the '${volume.state}' state.`);
  const instanceId = textOf(params, 'InstanceId');
  const device = textOf(params, 'Device');
  if (instanceId === undefined && (volume.multiAttach || volume.attachments.length > 1))
    throw missingParameter('InstanceId');
  const found = volume.attachments.find(
    (attachment) =>
      (instanceId === undefined || attachment.instanceId === instanceId) &&
      (device === undefined || attachment.device === device),
  );
  if (found !== undefined) return found;
  // An instance that does not exist is told apart from one that does not have the volume.
  if (instanceId !== undefined && !volume.attachments.some((other) => other.instanceId === instanceId))
    instanceOf(world, instanceId);
  throw attachmentNotFound(volume.id, instanceId ?? '');
}

function checkRoot(world: World, volume: Volume, { instanceId, device }: VolumeAttachment): void {
  const instance = world.instances.get(instanceId);
  if (instance?.rootDevice === device && instance.state !== 'stopped')
    throw new AwsError(
      'OperationNotPermitted',
      `Unable to detach root volume '${volume.id}' from instance '${instanceId}'`,
    );
}
