/** Volumes, as EC2 knows them. */

import type { Volume, VolumeAttachment } from '@aws-sdk/client-ec2';
import { isSameDevice } from '../config/devices.ts';
import { AdapterError } from '../config/errors.ts';
import type { Claimed, InstanceFacts, Looked, VolumeEntry } from '../config/vocabulary.ts';
import { type Aws, type CallLog, codeOf } from './aws.ts';

/** What the daemon needs of EC2's volumes. */
export interface Volumes {
  /** Whose volume it is now. @throws AdapterError when EC2 refuses the look or has no such volume. */
  look(entry: VolumeEntry, log: CallLog, signal?: AbortSignal): Promise<Looked>;
  /**
   * Attaches a free volume; `accepted` means that EC2 has begun to, not that the disk is there. Attaching one that is ours already,
   * because an earlier answer was lost, counts as accepted.
   * @throws AdapterError for every refusal but "somebody has it".
   */
  attach(entry: VolumeEntry, log: CallLog): Promise<Claimed>;
}

export function createVolumes(aws: Aws, { instanceId, zone }: InstanceFacts): Volumes {
  return { look, attach };

  async function look(entry: VolumeEntry, log: CallLog, signal?: AbortSignal): Promise<Looked> {
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

  function seenOf(volume: Volume, entry: VolumeEntry): Looked {
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

function seenHere({ State, Device, InstanceId }: VolumeAttachment, { volumeId, device }: VolumeEntry): Looked {
  // `busy`: asked to detach while something here still uses it.
  if (State === 'detaching' || State === 'busy') {
    return { kind: 'held', seen: `${volumeId} is being detached from this instance (${State})` };
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
