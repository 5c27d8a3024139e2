/** What EC2 shows of a volume, in the words of the daemon. */

import type { Tag, Volume, VolumeAttachment } from '@aws-sdk/client-ec2';
import { isSameDevice } from '../config/devices.ts';
import type { InstanceFacts, Looked, SeenVolume } from '../config/vocabulary.ts';

/** Where it is looked from. */
export type Here = Pick<InstanceFacts, 'instanceId' | 'zone'>;

/** A volume as this instance sees it, which has it, or would have it, at this device. */
export function seenVolume(volume: Volume, device: string, here: Here): SeenVolume {
  const { VolumeId: volumeId = '', Tags: tags = [], CreateTime: createdAt } = volume;
  const looked = lookedAt(volume, device, here);
  const isElsewhereHere = looked.kind === 'refused' && attachmentTo(volume, here.instanceId) !== undefined;
  const heldBy = isElsewhereHere ? here.instanceId : strangerOf(volume, here)?.InstanceId;
  return {
    volumeId,
    ...looked,
    ...(heldBy !== undefined && { heldBy }),
    tags: Object.fromEntries(tags.map(({ Key, Value }: Tag) => [Key ?? '', Value ?? ''])),
    createdAt: createdAt?.toISOString() ?? '',
    made: madeOf(volume),
  };
}

/** A volume that EC2 does not have, not to be told from one that it does not show yet. */
export function missingVolume(volumeId: string, region: string): SeenVolume {
  const seen = `EC2 has no ${volumeId} in ${region}. Check volume-id, and that the volume is in the instance's region`;
  return { volumeId, kind: 'absent', seen, tags: {}, createdAt: '', made: {} };
}

/** How a volume is attached to an instance, if it is. */
export function attachmentTo(volume: Volume | undefined, instanceId: string): VolumeAttachment | undefined {
  return volume?.Attachments?.find(({ InstanceId }) => InstanceId === instanceId);
}

function lookedAt(volume: Volume, device: string, here: Here): Looked {
  const { VolumeId: id, MultiAttachEnabled: shared, AvailabilityZone: zone } = volume;
  if (shared)
    return refused(`${id} has Multi-Attach enabled: attaching it would claim nothing. Use a volume without it`);
  const ours = attachmentTo(volume, here.instanceId);
  if (ours) return attachedHere(ours, `${id}`, device);
  if (zone !== undefined && zone !== here.zone)
    return refused(
      `${id} is in ${zone}, this instance in ${here.zone}. Launch the instance there, or copy the volume by a snapshot`,
    );
  const holder = strangerOf(volume, here);
  // What a service of AWS has attached for itself is attached to no instance.
  if (holder) return held(`${id} is held by ${holder.InstanceId ?? 'a service of AWS'} (${holder.State})`);
  return unattached(volume);
}

function attachedHere({ State, Device, InstanceId }: VolumeAttachment, id: string, device: string): Looked {
  // `busy`: asked to detach while something here still uses it.
  if (State === 'detaching' || State === 'busy')
    return { ...held(`${id} is being detached from this instance (${State})`), detaching: true };
  if (!isSameDevice(Device, device))
    return refused(`${id} is attached to this instance as ${Device}, not as ${device}. Detach it, or change device`);
  return { kind: State === 'attached' ? 'attached' : 'attaching', seen: `${id} is ${State} to ${InstanceId}` };
}

/** A volume that nobody has. */
function unattached({ VolumeId: id, State }: Volume): Looked {
  if (State === 'available') return { kind: 'free', seen: `${id} is available` };
  // `in-use` without an attachment: one of the two is not told yet.
  if (State === 'creating' || State === 'in-use') return held(`${id} is ${State}`);
  if (State === 'deleting' || State === 'deleted') return absent(`${id} is ${State}. Choose another volume`);
  // In `error` its data is lost: that is for a person to hear, not to be passed over in favour of another source.
  return refused(
    `${id} is in state ${State}. Choose another volume; of one that was just created, check the snapshot and the KMS key`,
  );
}

function held(seen: string): Looked {
  return { kind: 'held', seen };
}

function absent(seen: string): Looked {
  return { kind: 'absent', seen };
}

function refused(seen: string): Looked {
  return { kind: 'refused', seen };
}

/** How it is attached to somebody else; absent where this instance has it. */
function strangerOf(volume: Volume, { instanceId }: Here): VolumeAttachment | undefined {
  return attachmentTo(volume, instanceId) ? undefined : volume.Attachments?.[0];
}

/** Without what EC2 leaves out or empty. */
function madeOf(volume: Volume): SeenVolume['made'] {
  const { SnapshotId, Size, VolumeType, Iops, Throughput, Encrypted, KmsKeyId, MultiAttachEnabled } = volume;
  const made = { SnapshotId, Size, VolumeType, Iops, Throughput, Encrypted, KmsKeyId, MultiAttachEnabled };
  return Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined && value !== ''));
}
