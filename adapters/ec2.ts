/** Volumes, as EC2 knows them. */

import type { Volume } from '@aws-sdk/client-ec2';
import { isSameDevice } from '../config/devices.ts';
import { AdapterError, messageOf } from '../config/errors.ts';
import { volumeTags } from '../config/tags.ts';
import type { Claimed, Detached, InstanceFacts, SeenVolume, VolumeAtDevice } from '../config/vocabulary.ts';
import { type Aws, type CallLog, codeOf } from './aws.ts';
import { createInstanceLooks } from './ec2-instances.ts';
import { createVolumeLooks, type PoolOfDomain, tagOf } from './ec2-looks.ts';
import { attachmentTo, missingVolume, seenVolume } from './ec2-seen.ts';

/**
 * What the daemon needs of EC2's volumes. Looks of one kind that are made at the same moment are one call; one whose signal is
 * aborted fails with the signal's reason, and all others with an AdapterError.
 */
export interface Volumes {
  /** Whose volume it is now; `absent`: EC2 has none of that id, or none yet. One in another zone is `refused`. */
  look(volume: VolumeAtDevice, log: CallLog, signal?: AbortSignal): Promise<SeenVolume>;
  /** The volumes of a pool in this zone, whoever has them; empty: it has none. One that is being deleted is none any more. */
  lookAtPool(pool: PoolOfDomain & { device: string }, log: CallLog, signal?: AbortSignal): Promise<SeenVolume[]>;
  /**
   * What is attached to this instance at this device, `sdX` and `xvdX` being one, or is being detached from it; absent: nothing.
   * `attached` says nothing of whose volume it is.
   */
  lookAtDevice(device: string, log: CallLog, signal?: AbortSignal): Promise<SeenVolume | undefined>;
  /** The volumes in this zone that were created for a domain and device and never prepared, whoever has them. */
  lookForOrphans(entry: { domain: string; device: string }, log: CallLog, signal?: AbortSignal): Promise<SeenVolume[]>;
  /**
   * The states of instances by their ids, for example `shutting-down`, or `not shown by EC2`. Empty when we may not look: that is
   * told once, and nothing is asked from then on.
   */
  instanceStates(
    instanceIds: readonly string[],
    log: CallLog,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, string>>;
  /**
   * Attaches a free volume; `accepted` means that EC2 has begun to, not that the disk is there. Attaching one that is ours already,
   * because an earlier answer was lost, counts as accepted; `taken`: it is somebody else's, or not to be had like this.
   * @throws AdapterError for every other refusal; `retryable` while EC2 does not show yet who has it, which may be this instance.
   */
  attach(volume: VolumeAtDevice, log: CallLog): Promise<Claimed>;
  /**
   * Detaches a volume from this instance, never by force. `accepted`: EC2 has begun to, or had already; `gone`: it is not attached here
   * at this device, nor perhaps anywhere; `dry`: init is switched off, and the call was only noted.
   * @throws AdapterError for every other refusal.
   */
  detach(volume: VolumeAtDevice, log: CallLog): Promise<Detached>;
}

export interface VolumesOptions {
  /** Hears once that the states of instances cannot be looked at. */
  onTrouble?(error: Error): void;
}

export function createVolumes(aws: Aws, facts: InstanceFacts, { onTrouble = () => {} }: VolumesOptions = {}): Volumes {
  const { instanceId, region } = facts;
  const looks = createVolumeLooks(aws, facts);
  const instanceStates = createInstanceLooks(aws, onTrouble);
  const seenAt = (device: string) => (volume: Volume) => seenVolume(volume, device, facts);
  return { look, lookAtPool, lookAtDevice, lookForOrphans, instanceStates, attach, detach };

  async function look({ volumeId, device }: VolumeAtDevice, log: CallLog, signal?: AbortSignal): Promise<SeenVolume> {
    const volume = await looks.byId(volumeId, log, signal);
    return volume === undefined ? missingVolume(volumeId, region) : seenVolume(volume, device, facts);
  }

  async function lookAtPool(
    pool: PoolOfDomain & { device: string },
    log: CallLog,
    signal?: AbortSignal,
  ): Promise<SeenVolume[]> {
    const volumes = await looks.inPool(pool, log, signal);
    return volumes.filter(isThere).map(seenAt(pool.device));
  }

  async function lookAtDevice(device: string, log: CallLog, signal?: AbortSignal): Promise<SeenVolume | undefined> {
    const volumes = await looks.here(log, signal);
    const there = volumes.find((volume) => isSameDevice(attachmentTo(volume, instanceId)?.Device, device));
    return there && seenVolume(there, device, facts);
  }

  async function lookForOrphans(
    { domain, device }: { domain: string; device: string },
    log: CallLog,
    signal?: AbortSignal,
  ): Promise<SeenVolume[]> {
    const volumes = await looks.unprepared(domain, log, signal);
    return volumes
      .filter((volume) => isThere(volume) && isSameDevice(tagOf(volume, volumeTags.device), device))
      .map(seenAt(device));
  }

  async function attach(volume: VolumeAtDevice, log: CallLog): Promise<Claimed> {
    const param = { VolumeId: volume.volumeId, InstanceId: instanceId, Device: volume.device };
    if (!(await log.change('attach_volume', param))) return 'dry';
    try {
      await aws.call(
        {
          operation: `AttachVolume ${volume.volumeId}`,
          permission: `ec2:AttachVolume on ${volume.volumeId} and on ${instanceId}`,
        },
        ({ sdk, ec2Once }, abortSignal) => ec2Once.send(new sdk.AttachVolumeCommand(param), { abortSignal }),
      );
      return 'accepted';
    } catch (error) {
      return await afterRefusal(volume, log, error);
    }
  }

  async function afterRefusal(volume: VolumeAtDevice, log: CallLog, error: unknown): Promise<Claimed> {
    const code = codeOf(error);
    if (code === 'IncorrectState' && isOfInstance(error)) throw notRunning(volume, error);
    if (code === 'VolumeInUse' || code === 'IncorrectState') return claimedBy(await look(volume, log), error);
    if (error instanceof AdapterError && /already in use/.test(error.message))
      throw await deviceHeld(volume, log, error);
    throw error;
  }

  /** The error of a device name that another volume has, with that volume's id where it can be seen. */
  async function deviceHeld(
    { volumeId, device }: VolumeAtDevice,
    log: CallLog,
    cause: AdapterError,
  ): Promise<AdapterError> {
    const holder = await lookAtDevice(device, log);
    return new AdapterError(
      `AttachVolume ${volumeId}`,
      `${device} is held by ${holder?.volumeId ?? "a volume of the instance's image"}`,
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
    const its = attachmentTo(await looks.byId(volumeId, log), instanceId)?.Device;
    return isSameDevice(its, device) ? its : undefined;
  }
}

/** The same code tells of a volume that is not available, and of an instance that is not running. */
function isOfInstance(refusal: unknown): boolean {
  // In EC2's own words: our remedy speaks of the instance either way.
  return /\binstance\b/i.test(messageOf(refusal instanceof AdapterError ? refusal.cause : refusal));
}

function notRunning({ volumeId }: VolumeAtDevice, cause: unknown): AdapterError {
  return new AdapterError(
    `AttachVolume ${volumeId}`,
    'this instance is not running, or not yet, as EC2 sees it',
    'It may pass by itself.',
    { cause, retryable: true },
  );
}

/**
 * Whose a volume is that could not be attached. The answer to an earlier attach may have been lost: then it is ours after all. A look
 * may be older than the refusal, so that only one which names somebody else, or what never passes, tells that it is not.
 */
function claimedBy(seen: SeenVolume, refusal: unknown): Claimed {
  const { kind, heldBy } = seen;
  if (kind === 'attached' || kind === 'attaching') return 'accepted';
  const isInUse = codeOf(refusal) === 'VolumeInUse';
  // What is in use is there, shown or not.
  if (heldBy !== undefined || kind === 'refused' || (kind === 'absent' && !isInUse)) return 'taken';
  const problem = isInUse ? 'somebody has it, and EC2 does not show yet who' : 'it was not available';
  throw new AdapterError(`AttachVolume ${seen.volumeId}`, `${problem}: ${seen.seen}`, 'It may pass by itself.', {
    cause: refusal,
    retryable: true,
  });
}

/** EC2 shows what was deleted for a while. */
function isThere({ State }: Volume): boolean {
  return State !== 'deleting' && State !== 'deleted';
}
