/** The control endpoint, `/_control/…`: JSON for curl. Every answer that is not one says in a sentence why. */
import type { CallLog } from './calls.ts';
import { type InstanceAction, instanceStates, type World } from './cloud.ts';
import { FaultError, type MetadataFault } from './faults.ts';
import { json, type Reply, type Request } from './http.ts';
import { type Ending, endInstance } from './instances.ts';
import {
  changeInstance,
  changeLimits,
  expireTokens,
  firstInstance,
  healMetadata,
  interrupt,
  metadataFault,
  reboot,
  withdrawNotice,
} from './orders.ts';
import type { InstanceSetup } from './setup.ts';
import { buckets, type Throttling } from './throttle.ts';

/** A request that makes no sense; its message is the answer. */
class ControlError extends Error {
  override readonly name: string = 'ControlError';
}

type Handler = (request: Request) => unknown;

const INDEX = {
  'GET /_control/state': 'instances, volumes, snapshots, hosted zones, topics, queues, delays, limits, throttling',
  'GET /_control/calls': 'every AWS and metadata call; ?service=ec2 picks one service',
  'GET /_control/messages': 'what SNS and SQS accepted',
  'PUT /_control/notice':
    '{"action":"terminate","inSeconds":120} publishes an interruption notice; "instanceId" may name the instance',
  'DELETE /_control/notice': 'withdraws it; ?instanceId= may name the instance',
  'POST /_control/end':
    '{"action":"terminate","shutdownMs":60000} ends an instance, or stops it; ?instanceId= may name the instance',
  'POST /_control/metadata-fault':
    '{"kind":"status","status":503,"paths":"meta-data/spot","count":3} and the like; ?instanceId= may name the instance',
  'DELETE /_control/metadata-fault': 'withdraws every fault of the metadata; ?instanceId= may name the instance',
  'DELETE /_control/tokens': 'makes all metadata tokens invalid; ?instanceId= may name the instance',
  'POST /_control/reboot':
    'a new boot id, and what else a boot changes in the sysroot; ?instanceId= may name the instance',
  'PUT /_control/limits':
    '{"volumes":10,"fullZones":["eu-west-1a"]}: how many volumes there may be, and which zones have no room',
  'PUT /_control/throttling':
    '{"on":true,"buckets":{"AttachVolume":{"capacity":5,"refillPerS":1}}}: token buckets, with other numbers for some',
  'PUT /_control/delays': '{"latencyMs":300} and the like; see GET /_control/state for the names',
  'PATCH /_control/instance':
    '{"publicIpv4":"203.0.113.99"} and the like; null takes a fact away; ?instanceId= may name the instance',
};

export function createControl(world: World, log: CallLog): (request: Request) => Reply {
  const handlers = new Map<string, Handler>(
    Object.entries({
      ...metadataHandlers(world),
      'GET /_control': () => INDEX,
      'GET /_control/state': () => stateOf(world),
      'GET /_control/calls': ({ query }: Request) => {
        const service = query.get('service');
        return log.calls().filter((call) => service === null || call.service === service);
      },
      'GET /_control/messages': () => messagesOf(world),
      'PUT /_control/notice': (request: Request) => publishNotice(world, bodyOf(request)),
      'POST /_control/notice': (request: Request) => publishNotice(world, bodyOf(request)),
      'DELETE /_control/notice': ({ query }: Request) => {
        withdrawNotice(world, knownInstance(world, query.get('instanceId')));
        return {};
      },
      'POST /_control/end': (request: Request) => {
        const instanceId = knownInstance(world, request.query.get('instanceId'));
        endInstance(world, firstInstance(world, instanceId), endingIn(bodyOf(request)));
        return stateOf(world).instances;
      },
      'PUT /_control/delays': (request: Request) => changeDelays(world, bodyOf(request)),
      'PUT /_control/throttling': (request: Request) => {
        world.throttle.set(throttlingIn(bodyOf(request)));
        return world.throttle.numbers() ?? {};
      },
      'PUT /_control/limits': (request: Request) => {
        changeLimits(world, limitsIn(bodyOf(request)));
        return world.limits;
      },
      'PATCH /_control/instance': (request: Request) => {
        const instanceId = knownInstance(world, request.query.get('instanceId'));
        changeInstance(world, factsIn(bodyOf(request)), instanceId);
        return stateOf(world).instances;
      },
    }),
  );

  return (request) => {
    const handler = handlers.get(`${request.method} ${request.path.replace(/\/$/, '')}`);
    if (handler === undefined) return json({ problem: `no ${request.method} ${request.path}`, known: INDEX }, 404);
    try {
      return json(handler(request));
    } catch (error) {
      if (!(error instanceof ControlError || error instanceof FaultError)) throw error;
      return json({ problem: error.message }, 400);
    }
  };
}

function metadataHandlers(world: World): Record<string, Handler> {
  const named = ({ query }: Request) => knownInstance(world, query.get('instanceId'));
  const faults = () =>
    [...world.instances.values()].map(({ id, metadataFaults }) => ({ instanceId: id, metadataFaults }));
  return {
    'POST /_control/metadata-fault': (request) => {
      metadataFault(world, bodyOf(request) as MetadataFault, named(request));
      return faults();
    },
    'DELETE /_control/metadata-fault': (request) => {
      healMetadata(world, named(request));
      return faults();
    },
    'DELETE /_control/tokens': (request) => {
      expireTokens(world, named(request));
      return {};
    },
    'POST /_control/reboot': (request) => {
      reboot(world, named(request));
      return {};
    },
  };
}

function stateOf(world: World) {
  const { account, region, delays, limits, throttle, instances, volumes, snapshots, zones, topics, queues } = world;
  return {
    account,
    region,
    delays,
    limits,
    throttling: throttle.numbers() ?? false,
    instances: [...instances.values()].map(({ userData, ...instance }) => ({
      ...instance,
      userDataBytes: userData?.length ?? 0,
    })),
    volumes: [...volumes.values()],
    snapshots: [...snapshots.values()],
    hostedZones: [...zones.values()],
    topics: [...topics.values()],
    queues: [...queues.values()].map(({ messages, ...queue }) => ({ ...queue, messageCount: messages.length })),
  };
}

function messagesOf({ publications, queues }: World) {
  return {
    sns: publications,
    sqs: [...queues.values()].flatMap(({ name, messages }) => messages.map((message) => ({ queue: name, ...message }))),
  };
}

function publishNotice(world: World, body: Record<string, unknown>): unknown {
  const { action = 'terminate', inSeconds = 120, instanceId } = body;
  if (action !== 'terminate' && action !== 'stop' && action !== 'hibernate')
    throw new ControlError('"action" is terminate, stop or hibernate');
  if (typeof inSeconds !== 'number') throw new ControlError('"inSeconds" is a number');
  const named = knownInstance(world, typeof instanceId === 'string' ? instanceId : null);
  interrupt(world, {
    action: action satisfies InstanceAction,
    inSeconds,
    ...(named !== undefined && { instanceId: named }),
  });
  return [...world.instances.values()].map(({ id, notice }) => ({ instanceId: id, notice }));
}

function endingIn({ action = 'terminate', shutdownMs, ...rest }: Record<string, unknown>): Ending {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ControlError(`"${unknown}" is none of action, shutdownMs`);
  if (action !== 'terminate' && action !== 'stop') throw new ControlError('"action" is terminate or stop');
  if (shutdownMs === undefined) return { action };
  if (typeof shutdownMs !== 'number') throw new ControlError('"shutdownMs" is a number of milliseconds');
  return { action, shutdownMs };
}

function changeDelays(world: World, body: Record<string, unknown>): unknown {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(world.delays, name))
      throw new ControlError(`"${name}" is none of ${Object.keys(world.delays).join(', ')}`);
    if (typeof value !== 'number') throw new ControlError(`"${name}" is a number of milliseconds`);
  }
  return Object.assign(world.delays, body);
}

function throttlingIn({ on = true, buckets: own = {}, ...rest }: Record<string, unknown>): Throttling {
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

function isBucket(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(
    ([name, number]) => ['capacity', 'refillPerS'].includes(name) && typeof number === 'number' && number >= 0,
  );
}

function limitsIn({ volumes, fullZones, ...rest }: Record<string, unknown>): Partial<World['limits']> {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ControlError(`"${unknown}" is none of volumes, fullZones`);
  if (volumes !== undefined && typeof volumes !== 'number') throw new ControlError('"volumes" is a number');
  if (fullZones !== undefined && !(Array.isArray(fullZones) && fullZones.every(isText)))
    throw new ControlError('"fullZones" is a list of zones');
  return { ...(volumes !== undefined && { volumes }), ...(fullZones !== undefined && { fullZones }) };
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

function factsIn(body: Record<string, unknown>): InstanceSetup {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(facts, name)) throw new ControlError(`"${name}" is none of ${Object.keys(facts).join(', ')}`);
    if (facts[name]?.(value) !== true) throw new ControlError(`"${name}" cannot be ${JSON.stringify(value)}`);
  }
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, value ?? undefined]));
}

function knownInstance(world: World, instanceId: string | null): string | undefined {
  if (instanceId !== null && !world.instances.has(instanceId))
    throw new ControlError(`there is no instance ${instanceId}; known are ${[...world.instances.keys()].join(', ')}`);
  return instanceId ?? undefined;
}

function bodyOf({ body }: Request): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new ControlError('the body is a JSON object');
}
