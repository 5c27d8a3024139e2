/** What happens to volumes with time: they come into being, are joined to instances and taken from them, and go. */
import type { Instance, Volume, VolumeAttachment, World } from './cloud.ts';
import { hideDisk, showDisk } from './disks.ts';
import { creationFails, volumeFails } from './sentinels.ts';
import { aboutToChange } from './sight.ts';

/** Lets a volume come into being: `creating` now, `available` after the delay, unless a word in what it is made of says otherwise. */
export function create(world: World, volume: Volume): void {
  aboutToChange(world, 'volumes', volume.id);
  world.volumes.set(volume.id, volume);
  // By what it is made of: its tags may be others when its time comes.
  const [isStuck, vanishes, fails] = (['create-stuck', 'create-vanishes', 'create-error'] as const).map((word) =>
    creationFails(volume, word),
  );
  if (isStuck) return;
  world.clock.after(world.delays.createMs, () => {
    aboutToChange(world, 'volumes', volume.id);
    if (vanishes || world.keyIsForbidden) world.volumes.delete(volume.id);
    else volume.state = fails ? 'error' : 'available';
  });
}

/** Lets a volume go that nothing is joined to: `deleting` now, gone after the delay. */
export function destroy(world: World, volume: Volume): void {
  aboutToChange(world, 'volumes', volume.id);
  volume.state = 'deleting';
  world.clock.after(world.delays.deleteMs, () => {
    aboutToChange(world, 'volumes', volume.id);
    world.volumes.delete(volume.id);
  });
}

/** Joins a free volume to an instance: `attaching` now, `attached` and with a disk after the delays. */
export function attach(world: World, volume: Volume, instance: Instance, device: string): VolumeAttachment {
  const { attachMs, deviceDelayMs } = world.delays;
  const attachment: VolumeAttachment = {
    instanceId: instance.id,
    device,
    status: 'attaching',
    attachTime: new Date(world.clock.now()).toISOString(),
    deleteOnTermination: false,
  };
  aboutToChange(world, 'volumes', volume.id);
  volume.attachments.push(attachment);
  volume.state = 'in-use';
  if (volumeFails(volume, 'attach-stuck')) return attachment;

  const stillJoined = () => volume.attachments.includes(attachment) && attachment.status !== 'detaching';
  world.clock.after(attachMs, () => {
    if (!stillJoined()) return;
    aboutToChange(world, 'volumes', volume.id);
    attachment.status = 'attached';
  });
  world.clock.after(attachMs + deviceDelayMs, () => {
    if (stillJoined() && !volumeFails(volume, 'no-device')) showDisk(world, volume, attachment);
  });
  return attachment;
}

/** Takes a volume from an instance: `detaching` now, gone with its disk after the delay. */
export function detach(world: World, volume: Volume, attachment: VolumeAttachment, force: boolean): void {
  if (!volumeFails(volume, 'detach-busy') || force) {
    takeAway(world, volume, attachment, () => {});
    return;
  }
  aboutToChange(world, 'volumes', volume.id);
  attachment.status = 'busy';
}

/** Takes a volume from an instance that is gone. What was to go with the instance is deleted. */
export function letGo(world: World, volume: Volume, attachment: VolumeAttachment): void {
  takeAway(world, volume, attachment, () => {
    if (attachment.deleteOnTermination && volume.attachments.length === 0) destroy(world, volume);
  });
}

function takeAway(world: World, volume: Volume, attachment: VolumeAttachment, whenFree: () => void): void {
  aboutToChange(world, 'volumes', volume.id);
  attachment.status = 'detaching';
  world.clock.after(world.delays.detachMs, () => {
    aboutToChange(world, 'volumes', volume.id);
    volume.attachments = volume.attachments.filter((other) => other !== attachment);
    if (volume.attachments.length === 0) volume.state = 'available';
    hideDisk(world, volume, attachment);
    whenFree();
  });
}
