/** What is asked of the cloud from outside the services: by a test, the demo, or a person at the control endpoint. */
import type { Instance, InstanceAction, World } from './cloud.ts';
import { parseMetadataFault } from './faults.ts';
import { forget } from './history.ts';
import { seconds } from './imds/tree.ts';
import { endInstance } from './instances.ts';
import { type InstanceSetup, parseUserData } from './parts.ts';
import { heal, parseHealScope, parseServiceFault } from './service-faults.ts';
import { bootAnew, writeUptime } from './sysroot.ts';

/** What a machine that has just come up says of itself. */
const UPTIME_AFTER_BOOT_S = 10;

/** The instance that is named, or the first one. */
export function firstInstance(world: World, instanceId?: string): Instance {
  const instance = instanceId === undefined ? world.instances.values().next().value : world.instances.get(instanceId);
  if (instance === undefined) throw new Error(`there is no instance ${instanceId ?? ''} in this cloud`);
  return instance;
}

/** Publishes an interruption notice in the instance's metadata; an instance that is set up so ends at its time. */
export function interrupt(
  world: World,
  { action, inSeconds = 120, instanceId }: { action: InstanceAction; inSeconds?: number; instanceId?: string },
): void {
  const instance = firstInstance(world, instanceId);
  // Hibernation begins together with its notice.
  const aheadMs = action === 'hibernate' ? 0 : inSeconds * 1000;
  const notice = { action, time: seconds(world.clock.now() + aheadMs) };
  instance.notice = notice;
  if (!instance.endsOnNotice) return;

  world.clock.after(Date.parse(notice.time) - world.clock.now(), () => {
    // It may have been withdrawn, or another one have come.
    if (instance.notice === notice) endInstance(world, instance, { action: action === 'terminate' ? action : 'stop' });
  });
}

export function withdrawNotice(world: World, instanceId?: string): void {
  delete firstInstance(world, instanceId).notice;
}

/**
 * Changes facts of a running instance; one that is given as `undefined` is taken away.
 * @throws Error when there is too much user data.
 */
export function changeInstance(world: World, given: InstanceSetup, instanceId?: string): void {
  const { userData, metadata, metadataFaults, ...change } = given;
  const instance = firstInstance(world, instanceId);
  // Seen at once, as nothing is that calls change.
  world.pasts.instances.delete(instance.id);
  forget(world, 'instances', instance.id);
  Object.assign(instance, structuredClone(change));
  if (userData !== undefined) instance.userData = parseUserData(userData);
  else if (Object.hasOwn(given, 'userData')) delete instance.userData;
  // Whoever sets the state by hand wants no group to set another one.
  if (Object.hasOwn(change, 'targetLifecycleState')) delete instance.autoScaling;
  Object.assign(instance.metadata, metadata);
  if (metadataFaults !== undefined)
    instance.metadataFaults = metadataFaults.map((fault) => parseMetadataFault(fault, world.clock.now()));
  if (change.uptimeS !== undefined && instance.sysroot !== undefined) writeUptime(instance.sysroot, change.uptimeS);
}

/**
 * Lets something go wrong with an instance's metadata, beside what does already.
 * @throws FaultError when it is no fault.
 */
export function metadataFault(world: World, fault: object, instanceId?: string): void {
  firstInstance(world, instanceId).metadataFaults.push(parseMetadataFault(fault, world.clock.now()));
}

/** Withdraws every fault of an instance's metadata. Requests that hang go on hanging. */
export function healMetadata(world: World, instanceId?: string): void {
  firstInstance(world, instanceId).metadataFaults = [];
}

/**
 * Lets something go wrong with calls to the services, beside what does already.
 * @throws FaultError when it is no fault.
 */
export function serviceFault(world: World, fault: object): void {
  world.faults.push(parseServiceFault(fault, world.clock.now()));
}

/**
 * Withdraws the faults of services that were given with all members of the scope; without any, all. Calls that hang go on hanging.
 * @throws FaultError when it is no scope.
 */
export function healServices(world: World, scope: object = {}): void {
  heal(world, parseHealScope(scope));
}

/** Makes every metadata token that was given out so far invalid, as an instance finds them after hibernation. */
export function expireTokens(world: World, instanceId?: string): void {
  firstInstance(world, instanceId).tokenGeneration += 1;
}

/** Boots the instance's machine anew; what is attached to it stays so. Its processes are not ours: end them first. */
export function reboot(world: World, instanceId?: string): void {
  const instance = firstInstance(world, instanceId);
  instance.uptimeS = UPTIME_AFTER_BOOT_S;
  if (instance.sysroot !== undefined) bootAnew(instance.sysroot, instance.uptimeS);
}

/** Changes how long things take; what is not named stays as it is. */
export function changeDelays({ delays }: World, change: Partial<World['delays']>): void {
  Object.assign(delays, change);
}

/** Changes how much there may be; what is not named stays as it is. */
export function changeLimits({ limits }: World, change: Partial<World['limits']>): void {
  Object.assign(limits, structuredClone(change));
}
