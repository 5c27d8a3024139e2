/** What is asked of the cloud from outside the services: by a test, the demo, or a person at the control endpoint. */
import type { Instance, InstanceAction, World } from './cloud.ts';
import { seconds } from './imds/tree.ts';
import type { InstanceSetup } from './setup.ts';

/** The instance that is named, or the first one. */
export function firstInstance(world: World, instanceId?: string): Instance {
  const instance = instanceId === undefined ? world.instances.values().next().value : world.instances.get(instanceId);
  if (instance === undefined) throw new Error(`there is no instance ${instanceId ?? ''} in this cloud`);
  return instance;
}

/** Publishes an interruption notice in the instance's metadata. */
export function interrupt(
  world: World,
  { action, inSeconds, instanceId }: { action: InstanceAction; inSeconds: number; instanceId?: string },
): void {
  // Hibernation begins together with its notice.
  const aheadMs = action === 'hibernate' ? 0 : inSeconds * 1000;
  firstInstance(world, instanceId).notice = { action, time: seconds(world.clock.now() + aheadMs) };
}

export function withdrawNotice(world: World, instanceId?: string): void {
  delete firstInstance(world, instanceId).notice;
}

/** Changes facts of a running instance; one that is given as `undefined` is taken away. */
export function changeInstance(
  world: World,
  { userData, metadata, ...change }: InstanceSetup,
  instanceId?: string,
): void {
  const instance = firstInstance(world, instanceId);
  Object.assign(instance, change);
  if (userData !== undefined) instance.userData = Buffer.from(userData);
  Object.assign(instance.metadata, metadata);
}
