/** The disks of attached volumes, in the sysroot of the instance that has them, if it has one. */
import type { Volume, VolumeAttachment, World } from './cloud.ts';
import { plugIn, unplug } from './sysroot.ts';

/** Lets the disk appear; what udev does about it takes its time, unless the disk was there at the boot. */
export function showDisk(
  world: World,
  volume: Volume,
  { instanceId, device }: VolumeAttachment,
  wasThereAtBoot = false,
): void {
  plugIn(world.instances.get(instanceId)?.sysroot, volume.id, {
    device,
    disk: volume.disk ?? world.disk,
    contents: world.contents,
    clock: wasThereAtBoot ? undefined : world.clock,
  });
}

/** Lets the disk disappear. */
export function hideDisk(world: World, volume: Volume, { instanceId }: VolumeAttachment): void {
  unplug(world.instances.get(instanceId)?.sysroot, volume.id, world.contents);
}
