import type { Snapshot } from '../cloud.ts';
import { textOf } from '../query.ts';
import { aboutToChange } from '../sight.ts';
import { type Action, newId, required, unlessDryRun, volumeOf } from './action.ts';
import { snapshotItem } from './describe-snapshots.ts';
import { incorrectState } from './errors.ts';
import { checkedTagsAtCreation } from './tag-specification.ts';

/** Takes a snapshot, of an attached volume, too: `pending` now, `completed` after the delay. Source: EC2 API Reference, "CreateSnapshot". */
export const createSnapshot: Action = (world, params) => {
  const volume = volumeOf(world, required(params, 'VolumeId'));
  if (volume.state !== 'available' && volume.state !== 'in-use')
    throw incorrectState(`Volume '${volume.id}' is in the '${volume.state}' state.`);
  const snapshot: Snapshot = {
    id: newId('snap'),
    state: 'pending',
    volumeId: volume.id,
    startTime: new Date(world.clock.now()).toISOString(),
    sizeGiB: volume.sizeGiB,
    encrypted: volume.encrypted,
    description: textOf(params, 'Description') ?? '',
    tags: checkedTagsAtCreation(params, 'snapshot'),
  };
  unlessDryRun(params);
  aboutToChange(world, 'snapshots', snapshot.id);
  world.snapshots.set(snapshot.id, snapshot);
  world.clock.after(world.delays.snapshotMs, () => {
    aboutToChange(world, 'snapshots', snapshot.id);
    snapshot.state = 'completed';
  });
  return snapshotItem(world.account, snapshot);
};
