/** The orders of a scenario: each is a method of the handle, and what stands behind its name is what the method is given. */
import type { Activity, Pace } from './auto-scaling.ts';
import type { World } from './cloud.ts';
import type { MetadataFault } from './faults.ts';
import type { Cloud } from './handle.ts';
import type { Ending } from './instances.ts';
import type { InstanceSetup, VolumeSetup } from './parts.ts';
import type { Policies } from './permissions.ts';
import type { Step } from './scenario.ts';
import type { orderSchemas } from './scenario-schema.ts';
import type { HealScope, ServiceFault } from './service-faults.ts';
import type { Throttling } from './throttle.ts';

/** What an order may name: the instance it is for; without, the first one. */
interface OnInstance {
  instanceId?: string;
}

/** What stands behind the name of an order. */
export interface OrderValues extends Record<keyof typeof orderSchemas, unknown> {
  interrupt: Partial<Parameters<Cloud['interrupt']>[0]>;
  withdrawNotice: OnInstance;
  fault: ServiceFault;
  heal: HealScope;
  metadataFault: MetadataFault & OnInstance;
  healMetadata: OnInstance;
  expireTokens: OnInstance;
  changeInstance: InstanceSetup & OnInstance;
  endInstance: Ending & OnInstance;
  autoScale: { activity: Activity } & Pace & OnInstance;
  reboot: OnInstance;
  launch: InstanceSetup;
  addVolume: VolumeSetup;
  changeDelays: Partial<World['delays']>;
  changeLimits: Partial<World['limits']>;
  throttle: Throttling;
  setPolicies: Policies;
}

export type OrderName = keyof typeof orderSchemas;

/**
 * Performs an order.
 * @returns the id of an instance that it has launched.
 */
export async function perform(cloud: Cloud, step: Step): Promise<string | undefined> {
  const { order, value } = step;
  const launched = await (performers[order] as (cloud: Cloud, value: unknown) => unknown)(cloud, value);
  return order === 'launch' ? String(launched) : undefined;
}

const performers: { [O in OrderName]: (cloud: Cloud, value: OrderValues[O]) => unknown } = {
  interrupt: (cloud, { action = 'terminate', ...notice }) => cloud.interrupt({ action, ...notice }),
  withdrawNotice: (cloud, { instanceId }) => cloud.withdrawNotice(instanceId),
  fault: (cloud, fault) => cloud.fault(fault),
  heal: (cloud, scope) => cloud.heal(scope),
  metadataFault: (cloud, { instanceId, ...fault }) => cloud.metadataFault(fault, instanceId),
  healMetadata: (cloud, { instanceId }) => cloud.healMetadata(instanceId),
  expireTokens: (cloud, { instanceId }) => cloud.expireTokens(instanceId),
  changeInstance: (cloud, { instanceId, ...change }) => cloud.changeInstance(change, instanceId),
  endInstance: (cloud, { instanceId, ...ending }) => cloud.endInstance(instanceId, ending),
  autoScale: (cloud, { activity, instanceId, ...pace }) => cloud.autoScale(activity, pace, instanceId),
  reboot: (cloud, { instanceId }) => cloud.reboot(instanceId),
  launch: (cloud, setup) => cloud.launch(setup),
  addVolume: (cloud, setup) => cloud.addVolume(setup),
  changeDelays: (cloud, change) => cloud.changeDelays(change),
  changeLimits: (cloud, change) => cloud.changeLimits(change),
  throttle: (cloud, throttling) => cloud.throttle(throttling),
  setPolicies: (cloud, policies) => cloud.setPolicies(policies),
};

/** All of them. */
export const orderNames = Object.keys(performers) as OrderName[];
