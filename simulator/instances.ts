/** How instances go, and what becomes of their volumes. Source: EC2 User Guide, "Instance lifecycle", "Terminate instances". */
import { attachmentsOf, type Instance, type World } from './cloud.ts';
import { aboutToChange } from './sight.ts';
import { letGo } from './volumes.ts';

export interface Ending {
  /** Default: `terminate`. */
  action?: 'terminate' | 'stop';
  /** How long the shutdown takes; default: the world's. */
  shutdownMs?: number;
}

/**
 * Ends an instance: `shutting-down` or `stopping` now. Through the shutdown it keeps its volumes; only then one that is
 * terminated lets them go, and a stopped one never does. Does nothing to what is on its way already.
 */
export function endInstance(world: World, instance: Instance, ending: Ending = {}): void {
  const { action = 'terminate', shutdownMs = world.delays.shutdownMs } = ending;
  const [going, over] =
    action === 'stop' ? (['stopping', 'stopped'] as const) : (['shutting-down', 'terminated'] as const);
  const isTooLate =
    action === 'stop' ? isOff(instance) || instance.state === 'stopping' : instance.state === 'terminated';
  if (isTooLate || instance.state === 'shutting-down') return;
  aboutToChange(world, 'instances', instance.id);
  instance.state = going;
  world.clock.after(shutdownMs, () => {
    // One that is stopping may be terminated meanwhile.
    if (instance.state !== going) return;
    if (action === 'stop') switchOff(world, instance, over);
    else letVolumesGo(world, instance, () => switchOff(world, instance, over));
  });
}

/** True when nothing runs on it, and so nothing can ask for its metadata. */
export function isOff({ state }: Instance): boolean {
  return state === 'stopped' || state === 'terminated';
}

function letVolumesGo(world: World, instance: Instance, then: () => void): void {
  for (const { volume, attachment } of attachmentsOf(world, instance.id))
    if (attachment.status !== 'detaching') letGo(world, volume, attachment);
  world.clock.after(world.delays.detachMs, then);
}

/** A public address lasts only while the instance runs. */
function switchOff(world: World, instance: Instance, state: 'stopped' | 'terminated'): void {
  aboutToChange(world, 'instances', instance.id);
  instance.state = state;
  delete instance.publicIpv4;
}
