import { type Volume, type VolumeAttachment, zoneIdOf } from '../cloud.ts';
import { textsOf } from '../query.ts';
import { sightOf } from '../sight.ts';
import type { XmlElement } from '../xml.ts';
import { type Action, unlessDryRun, volumeOf } from './action.ts';
import { type FilterValues, filterOf } from './filters.ts';
import { pageOf } from './paging.ts';
import { tagSet } from './tags.ts';

const filters: FilterValues<Volume> = {
  'attachment.attach-time': (volume) => volume.attachments.map(({ attachTime }) => attachTime),
  'attachment.delete-on-termination': (volume) =>
    volume.attachments.map(({ deleteOnTermination }) => String(deleteOnTermination)),
  'attachment.device': (volume) => volume.attachments.map(({ device }) => device),
  'attachment.instance-id': (volume) => volume.attachments.map(({ instanceId }) => instanceId),
  'attachment.status': (volume) => volume.attachments.map(({ status }) => status),
  'availability-zone': (volume) => [volume.zone],
  'availability-zone-id': (volume) => [zoneIdOf(volume.zone)],
  'create-time': (volume) => [volume.createTime],
  encrypted: (volume) => [String(volume.encrypted)],
  'multi-attach-enabled': (volume) => [String(volume.multiAttach)],
  size: (volume) => [String(volume.sizeGiB)],
  'snapshot-id': (volume) => [volume.snapshotId],
  status: (volume) => [volume.state],
  'volume-id': (volume) => [volume.id],
  'volume-type': (volume) => [volume.type],
};

/** Volumes by id or filter. One id that does not exist fails the whole call; a `volume-id` filter just finds less. */
export const describeVolumes: Action = (world, params) => {
  const filter = filterOf(params, filters, ({ tags }) => tags);
  unlessDryRun(params);
  const sight = sightOf(world);
  const ids = textsOf(params, 'VolumeId');
  const volumes = ids.length === 0 ? [...sight.volumes.values()] : ids.map((id) => volumeOf(sight, id));
  const { items, nextToken } = pageOf(volumes, params, filter, 'VolumeId');
  return { volumeSet: { item: items.map(volumeItem) }, nextToken };
};

/** A volume; also the whole answer of CreateVolume. */
export function volumeItem(volume: Volume): XmlElement {
  return {
    volumeId: volume.id,
    size: volume.sizeGiB,
    snapshotId: volume.snapshotId,
    availabilityZone: volume.zone,
    availabilityZoneId: zoneIdOf(volume.zone),
    // The API's State is `status` on the wire, here and in attachments.
    status: volume.state,
    createTime: volume.createTime,
    attachmentSet: { item: volume.attachments.map((attachment) => attachmentItem(volume.id, attachment)) },
    ...tagSet(volume.tags),
    volumeType: volume.type,
    iops: volume.iops,
    throughput: volume.throughput,
    encrypted: volume.encrypted,
    kmsKeyId: volume.kmsKeyId,
    multiAttachEnabled: volume.multiAttach,
  };
}

/** An attachment; also the whole answer of AttachVolume and DetachVolume. */
export function attachmentItem(volumeId: string, attachment: VolumeAttachment): XmlElement {
  return {
    volumeId,
    instanceId: attachment.instanceId,
    device: attachment.device,
    status: attachment.status,
    attachTime: attachment.attachTime,
    deleteOnTermination: attachment.deleteOnTermination,
  };
}
