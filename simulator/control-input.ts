/** What a person wrote to the control endpoint, checked where it enters. */
import { type Activity, activities, type Pace, targetLifecycleStates } from './auto-scaling.ts';
import { type InstanceAction, instanceStates, type World } from './cloud.ts';
import type { Request } from './http.ts';
import type { Ending } from './instances.ts';
import { type InstanceSetup, USER_DATA_LIMIT_BYTES } from './parts.ts';
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

/** What an Auto Scaling group does with an instance. */
export function activityIn({ activity, stepMs, ...rest }: Record<string, unknown>): [Activity, Pace] {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ControlError(`"${unknown}" is none of activity, stepMs`);
  if (typeof activity !== 'string' || !Object.hasOwn(activities, activity))
    throw new ControlError(`"activity" is one of ${Object.keys(activities).join(', ')}`);
  if (stepMs === undefined) return [activity as Activity, {}];
  if (typeof stepMs !== 'number') throw new ControlError('"stepMs" is a number of milliseconds');
  return [activity as Activity, { stepMs }];
}

/** Facts of an instance; `null` takes one away. */
export function factsIn(body: Record<string, unknown>): InstanceSetup {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(facts, name)) throw new ControlError(`"${name}" is none of ${Object.keys(facts).join(', ')}`);
    if (facts[name]?.(value) !== true) throw new ControlError(`"${name}" cannot be ${JSON.stringify(value)}`);
  }
  const entries = Object.entries(body).map(([name, value]) => [name, value ?? undefined]);
  return { ...Object.fromEntries(entries), ...('userData' in body && { userData: userDataIn(body.userData) }) };
}

/** Text, or with `{ "base64": "…" }` whatever bytes; `undefined` takes them away. */
function userDataIn(value: unknown): Buffer | undefined {
  if (value === null) return undefined;
  const bytes = isText(value) ? Buffer.from(value) : Buffer.from((value as { base64: string }).base64, 'base64');
  if (bytes.length > USER_DATA_LIMIT_BYTES)
    throw new ControlError(`"userData" has up to ${USER_DATA_LIMIT_BYTES} bytes, not ${bytes.length}`);
  return bytes;
}

function isBucket(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(
    ([name, number]) => ['capacity', 'refillPerS'].includes(name) && typeof number === 'number' && number >= 0,
  );
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isTextOrNull = (value: unknown) => value === null || isText(value);

const isUserData = (value: unknown) =>
  isTextOrNull(value) || (typeof value === 'object' && value !== null && 'base64' in value && isText(value.base64));

/** What a person may change of an instance, and whether a value will do. */
const facts: Record<string, (value: unknown) => boolean> = {
  ipv6: (value) => Array.isArray(value) && value.every(isText),
  maintenance: (value) => Array.isArray(value),
  publicIpv4: isTextOrNull,
  rebalance: isTextOrNull,
  role: isTextOrNull,
  state: (value) => instanceStates.some((state) => state === value),
  tags: (value) => typeof value === 'object' && value !== null && Object.values(value).every(isText),
  targetLifecycleState: (value) => value === null || targetLifecycleStates.some((state) => state === value),
  uptimeS: (value) => typeof value === 'number' && value >= 0,
  userData: isUserData,
};
