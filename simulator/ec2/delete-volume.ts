import { destroy } from '../volumes.ts';
import { type Action, required, unlessDryRun, volumeOf } from './action.ts';
import { incorrectState, volumeAttached } from './errors.ts';

/** Deletes a volume that is attached to nothing. Source: EC2 API Reference, "DeleteVolume". */
export const deleteVolume: Action = (world, params) => {
  const volume = volumeOf(world, required(params, 'VolumeId'));
  unlessDryRun(params);
  const holder = volume.attachments[0];
  if (holder !== undefined) throw volumeAttached(volume.id, holder.instanceId);
  if (volume.state !== 'available' && volume.state !== 'error')
    throw incorrectState(`Volume '${volume.id}' is in the '${volume.state}' state.`);
  destroy(world, volume);
  return { return: true };
};
