/** Volumes, as EC2 knows them. */

import type { Volume, VolumeAttachment } from '@aws-sdk/client-ec2';
import { isSameDevice } from '../config/devices.ts';
import { AdapterError, messageOf } from '../config/errors.ts';
import type { Claimed, InstanceFacts, Looked, VolumeEntry } from '../config/vocabulary.ts';
import { type Aws, type CallLog, codeOf } from './aws.ts';

/** A volume and where it is, or shall be: `/dev/sdf`, as configured. */
export type VolumeAtDevice = Pick<VolumeEntry, 'volumeId' | 'device'>;

/** What the daemon needs of EC2's volumes. */
export interface Volumes {
  /** Whose volume it is now. @throws AdapterError when EC2 refuses the look or has no such volume. */
  look(entry: VolumeAtDevice, log: CallLog, signal?: AbortSignal): Promise<Looked>;
  /**
   * Attaches a free volume; `accepted` means that EC2 has begun to, not that the disk is there. Attaching one that is ours already,
   * because an earlier answer was lost, counts as accepted.
   * @throws AdapterError for every refusal but "somebody has it".
   */
  attach(entry: VolumeEntry, log: CallLog): Promise<Claimed>;
  /**
   * Detaches a volume from this instance, never by force. `accepted`: EC2 has begun to, or had already; `gone`: it is not attached here
   * at this device, nor perhaps anywhere; `dry`: init is switched off, and the call was only noted.
   * @throws AdapterError for every other refusal.
   */
  detach(volume: VolumeAtDevice, log: CallLog): Promise<Detached>;
}

/** What became of an attempt to detach. */
export type Detached = 'accepted' | 'gone' | 'dry';

export function createVolumes(aws: Aws, { instanceId, zone }: InstanceFacts): Volumes {
  return { look, attach, detach };

  async function look(entry: VolumeAtDevice, log: CallLog, signal?: AbortSignal): Promise<Looked> {
    const [volume] = await describe({ VolumeIds: [entry.volumeId] }, entry.volumeId, log, signal);
    if (volume === undefined) return { kind: 'held', seen: `EC2 does not show ${entry.volumeId} yet` };
    return seenOf(volume, entry);
  }

  async function describe(
    param: { VolumeIds: string[] } | { Filters: Array<{ Name: string; Values: string[] }> },
    about: string,
    log: CallLog,
    signal?: AbortSignal,
  ): Promise<Volume[]> {
    log.look('describe_volumes', param);
    const { Volumes: volumes } = await aws.call(
      { operation: `DescribeVolumes ${about}`, permission: 'ec2:DescribeVolumes', signal },
      ({ sdk, ec2 }, abortSignal) => ec2.send(new sdk.DescribeVolumesCommand(param), { abortSignal }),
    );
    return volumes ?? [];
  }

  async function attach(entry: VolumeEntry, log: CallLog): Promise<Claimed> {
    const param = { VolumeId: entry.volumeId, InstanceId: instanceId, Device: entry.device };
    if (!(await log.change('attach_volume', param))) return 'dry';
    try {
      await aws.call(
        {
          operation: `AttachVolume ${entry.volumeId}`,
          permission: `ec2:AttachVolume on ${entry.volumeId} and on ${instanceId}`,
        },
        ({ sdk, ec2Once }, abortSignal) => ec2Once.send(new sdk.AttachVolumeCommand(param), { abortSignal }),
      );
      return 'accepted';
    } catch (error) {
      return await afterRefusal(entry, log, error);
    }
  }

  async function afterRefusal(entry: VolumeEntry, log: CallLog, error: unknown): Promise<Claimed> {
    const code = codeOf(error);
    if (code === 'VolumeInUse' || code === 'IncorrectState') {
      // The answer to an earlier attach may have been lost: then it is ours after all.
      const { kind } = await look(entry, log);
      return kind === 'attached' || kind === 'attaching' ? 'accepted' : 'taken';
    }
    if (error instanceof AdapterError && /already in use/.test(error.message))
      throw await deviceHeld(entry, log, error);
    throw error;
  }

  /** The error of a device name that another volume has, with that volume's id where it can be seen. */
  async function deviceHeld(entry: VolumeEntry, log: CallLog, cause: AdapterError): Promise<AdapterError> {
    const filter = { Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }] };
    const volumes = await describe(filter, `at ${instanceId}`, log);
    const holder = volumes.find(({ Attachments }) =>
      Attachments?.some(({ InstanceId, Device }) => InstanceId === instanceId && isSameDevice(Device, entry.device)),
    );
    return new AdapterError(
      `AttachVolume ${entry.volumeId}`,
      `${entry.device} is held by ${holder?.VolumeId ?? "a volume of the instance's image"}`,
      'Choose another device, or detach that volume.',
      { cause },
    );
  }

  async function detach({ volumeId, device }: VolumeAtDevice, log: CallLog): Promise<Detached> {
    const param = { VolumeId: volumeId, InstanceId: instanceId, Device: device };
    if (!(await log.change('detach_volume', param))) return 'dry';
    try {
      await aws.call(
        { operation: `DetachVolume ${volumeId}`, permission: `ec2:DetachVolume on ${volumeId} and on ${instanceId}` },
        ({ sdk, ec2 }, abortSignal) => ec2.send(new sdk.DetachVolumeCommand(param), { abortSignal }),
      );
      return 'accepted';
    } catch (error) {
      return await afterDetachRefusal({ volumeId, device }, log, error);
    }
  }

  async function afterDetachRefusal(volume: VolumeAtDevice, log: CallLog, error: unknown): Promise<Detached> {
    const code = codeOf(error);
    if (code === 'IncorrectState') {
      // The answer to an earlier detach was lost.
      if (/'detaching'/.test(messageOf(error))) return 'accepted';
      if (/'available'/.test(messageOf(error))) return 'gone';
    }
    if (code === 'InvalidVolume.NotFound') return 'gone';
    if (code !== 'InvalidAttachment.NotFound') throw error;
    // EC2 takes the name literally: what was adopted may have been attached under the name's twin, `/dev/xvdf`.
    const twin = await deviceHere(volume, log);
    return twin === undefined || twin === volume.device ? 'gone' : await detach({ ...volume, device: twin }, log);
  }

  /** The name that the attachment point has where the volume is attached to this instance. */
  async function deviceHere({ volumeId, device }: VolumeAtDevice, log: CallLog): Promise<string | undefined> {
    const [volume] = await describe({ VolumeIds: [volumeId] }, volumeId, log);
    const ours = volume?.Attachments?.find(({ InstanceId }) => InstanceId === instanceId);
    return isSameDevice(ours?.Device, device) ? ours?.Device : undefined;
  }

  function seenOf(volume: Volume, entry: VolumeAtDevice): Looked {
    const { Attachments: attachments = [], MultiAttachEnabled: shared, AvailabilityZone: its } = volume;
    const id = entry.volumeId;
    const ours = attachments.find(({ InstanceId }) => InstanceId === instanceId);
    if (shared) {
      return refused(`${id} has Multi-Attach enabled: attaching it would claim nothing. Use a volume without it`);
    }
    if (ours) return seenHere(ours, entry);
    if (its !== undefined && its !== zone) {
      return refused(
        `${id} is in ${its}, this instance in ${zone}. Launch the instance there, or copy the volume by a snapshot`,
      );
    }
    const [other] = attachments;
    if (other) return { kind: 'held', seen: `${id} is held by ${other.InstanceId} (${other.State})` };
    return seenAlone(volume, id);
  }
}

function seenHere({ State, Device, InstanceId }: VolumeAttachment, { volumeId, device }: VolumeAtDevice): Looked {
  // `busy`: asked to detach while something here still uses it.
  if (State === 'detaching' || State === 'busy') {
    return { kind: 'held', detaching: true, seen: `${volumeId} is being detached from this instance (${State})` };
  }
  if (!isSameDevice(Device, device)) {
    return refused(
      `${volumeId} is attached to this instance as ${Device}, not as ${device}. Detach it, or change device`,
    );
  }
  return { kind: State === 'attached' ? 'attached' : 'attaching', seen: `${volumeId} is ${State} to ${InstanceId}` };
}

/** A volume that nobody has. */
function seenAlone({ State }: Volume, volumeId: string): Looked {
  if (State === 'available') return { kind: 'free', seen: `${volumeId} is available` };
  if (State === 'creating' || State === 'in-use') return { kind: 'held', seen: `${volumeId} is ${State}` };
  return refused(`${volumeId} is in state ${State}. Choose another volume`);
}

function refused(seen: string): Looked {
  return { kind: 'refused', seen };
}
