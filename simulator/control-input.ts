/** What a person wrote to the control endpoint, checked where it enters. */
import { type InstanceAction, instanceStates, type World } from './cloud.ts';
import type { Request } from './http.ts';
import type { Ending } from './instances.ts';
import type { InstanceSetup } from './parts.ts';
import { buckets, type Throttling } from './throttle.ts';

/** A request that makes no sense; its message is the answer. */
export class ControlError extends Error {
  override readonly name: string = 'ControlError';
}

/** A notice to publish. */
export interface NoticeOrder {
  action: InstanceAction;
  inSeconds: number;
  instanceId?: string;
}

/**
 * The body, a JSON object.
 * @throws ControlError, as all of these do.
 */
export function bodyOf({ body }: Request): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new ControlError('the body is a JSON object');
}

/** The instance that is named, if one is. */
export function knownInstance(world: World, instanceId: string | null): string | undefined {
  if (instanceId !== null && !world.instances.has(instanceId))
    throw new ControlError(`there is no instance ${instanceId}; known are ${[...world.instances.keys()].join(', ')}`);
  return instanceId ?? undefined;
}

/** A notice: without any member, `terminate` in 120 s. */
export function noticeIn(world: World, body: Record<string, unknown>): NoticeOrder {
  const { action = 'terminate', inSeconds = 120, instanceId } = body;
  if (action !== 'terminate' && action !== 'stop' && action !== 'hibernate')
    throw new ControlError('"action" is terminate, stop or hibernate');
  if (typeof inSeconds !== 'number') throw new ControlError('"inSeconds" is a number');
  const named = knownInstance(world, typeof instanceId === 'string' ? instanceId : null);
  return { action, inSeconds, ...(named !== undefined && { instanceId: named }) };
}

/** How an instance ends. */
export function endingIn({ action = 'terminate', shutdownMs, ...rest }: Record<string, unknown>): Ending {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ControlError(`"${unknown}" is none of action, shutdownMs`);
  if (action !== 'terminate' && action !== 'stop') throw new ControlError('"action" is terminate or stop');
  if (shutdownMs === undefined) return { action };
  if (typeof shutdownMs !== 'number') throw new ControlError('"shutdownMs" is a number of milliseconds');
  return { action, shutdownMs };
}

/** Delays by name. */
export function delaysIn(world: World, body: Record<string, unknown>): Partial<World['delays']> {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(world.delays, name))
      throw new ControlError(`"${name}" is none of ${Object.keys(world.delays).join(', ')}`);
    if (typeof value !== 'number') throw new ControlError(`"${name}" is a number of milliseconds`);
  }
  return body;
}

/** Token buckets: on, off, or on with other numbers. */
export function throttlingIn({ on = true, buckets: own = {}, ...rest }: Record<string, unknown>): Throttling {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ControlError(`"${unknown}" is none of on, buckets`);
  if (typeof on !== 'boolean') throw new ControlError('"on" is true or false');
  if (typeof own !== 'object' || own === null) throw new ControlError('"buckets" is an object');
  for (const [name, numbers] of Object.entries(own)) {
    if (!Object.hasOwn(buckets, name))
      throw new ControlError(`"${name}" is none of ${Object.keys(buckets).join(', ')}`);
    if (!isBucket(numbers)) throw new ControlError(`"${name}" has numbers "capacity" and "refillPerS", from 0`);
  }
  return on && own;
}

/** How much there may be. */
export function limitsIn({ volumes, fullZones, ...rest }: Record<string, unknown>): Partial<World['limits']> {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ControlError(`"${unknown}" is none of volumes, fullZones`);
  if (volumes !== undefined && typeof volumes !== 'number') throw new ControlError('"volumes" is a number');
  if (fullZones !== undefined && !(Array.isArray(fullZones) && fullZones.every(isText)))
    throw new ControlError('"fullZones" is a list of zones');
  return { ...(volumes !== undefined && { volumes }), ...(fullZones !== undefined && { fullZones }) };
}

/** Facts of an instance; `null` takes one away. */
export function factsIn(body: Record<string, unknown>): InstanceSetup {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(facts, name)) throw new ControlError(`"${name}" is none of ${Object.keys(facts).join(', ')}`);
    if (facts[name]?.(value) !== true) throw new ControlError(`"${name}" cannot be ${JSON.stringify(value)}`);
  }
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, value ?? undefined]));
}

function isBucket(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(
    ([name, number]) => ['capacity', 'refillPerS'].includes(name) && typeof number === 'number' && number >= 0,
  );
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isTextOrNull = (value: unknown) => value === null || isText(value);

/** What a person may change of an instance, and whether a value will do. */
const facts: Record<string, (value: unknown) => boolean> = {
  ipv6: (value) => Array.isArray(value) && value.every(isText),
  maintenance: (value) => Array.isArray(value),
  publicIpv4: isTextOrNull,
  rebalance: isTextOrNull,
  role: isTextOrNull,
  state: (value) => instanceStates.some((state) => state === value),
  tags: (value) => typeof value === 'object' && value !== null && Object.values(value).every(isText),
  targetLifecycleState: isTextOrNull,
  uptimeS: (value) => typeof value === 'number' && value >= 0,
  userData: isText,
};
