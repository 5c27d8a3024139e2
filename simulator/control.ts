/** The control endpoint, `/_control/…`: JSON for curl. Every answer that is not one says in a sentence why. */
import { autoScale } from './auto-scaling.ts';
import type { CallLog } from './calls.ts';
import type { World } from './cloud.ts';
import {
  activityIn,
  bodyOf,
  ControlError,
  delaysIn,
  endingIn,
  factsIn,
  knownInstance,
  limitsIn,
  noticeIn,
  throttlingIn,
} from './control-input.ts';
import { FaultError } from './faults.ts';
import { json, type Reply, type Request } from './http.ts';
import { endInstance } from './instances.ts';
import {
  changeInstance,
  changeLimits,
  expireTokens,
  firstInstance,
  healMetadata,
  healServices,
  interrupt,
  metadataFault,
  reboot,
  serviceFault,
  withdrawNotice,
} from './orders.ts';
import { type Policies, setPolicies } from './permissions.ts';
import { PolicyError } from './policy.ts';
import { standingFaults } from './service-faults.ts';

type Handler = (request: Request) => unknown;

const INDEX = {
  'GET /_control/state':
    'faults, instances, volumes, snapshots, hosted zones, topics, queues, delays, limits, throttling',
  'GET /_control/calls': 'every AWS and metadata call; ?service=ec2 picks one service',
  'GET /_control/messages': 'what SNS and SQS accepted',
  'PUT /_control/notice':
    '{"action":"terminate","inSeconds":120} publishes an interruption notice; "instanceId" may name the instance',
  'DELETE /_control/notice': 'withdraws it; ?instanceId= may name the instance',
  'POST /_control/end':
    '{"action":"terminate","shutdownMs":60000} ends an instance, or stops it; ?instanceId= may name the instance',
  'POST /_control/fault':
    '{"service":"sns","operation":"Publish","kind":"throttled","count":3} and the like: lets calls to services fail',
  'DELETE /_control/fault': 'withdraws such faults: all, or with ?service=sns those that were given so',
  'POST /_control/metadata-fault':
    '{"kind":"status","status":503,"paths":"meta-data/spot","count":3} and the like; ?instanceId= may name the instance',
  'DELETE /_control/metadata-fault': 'withdraws every fault of the metadata; ?instanceId= may name the instance',
  'DELETE /_control/tokens': 'makes all metadata tokens invalid; ?instanceId= may name the instance',
  'PUT /_control/auto-scaling':
    '{"activity":"warm-pool","stepMs":10000}: what a group does with an instance; ?instanceId= may name the instance',
  'POST /_control/reboot':
    'a new boot id, and what else a boot changes in the sysroot; ?instanceId= may name the instance',
  'PUT /_control/limits':
    '{"volumes":10,"fullZones":["eu-west-1a"]}: how many volumes there may be, and which zones have no room',
  'PUT /_control/throttling':
    '{"on":true,"buckets":{"AttachVolume":{"capacity":5,"refillPerS":1}}}: token buckets, with other numbers for some',
  'PUT /_control/policies':
    '{"simulated-role":{"Version":"2012-10-17","Statement":[…]}}: what a role may do, a policy or a list; null: everything',
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
      ...worldHandlers(world),
    }),
  );

  return (request) => {
    const handler = handlers.get(`${request.method} ${request.path.replace(/\/$/, '')}`);
    if (handler === undefined) return json({ problem: `no ${request.method} ${request.path}`, known: INDEX }, 404);
    try {
      return json(handler(request));
    } catch (error) {
      if (!(error instanceof ControlError || error instanceof FaultError || error instanceof PolicyError)) throw error;
      return json({ problem: error.message }, 400);
    }
  };
}

/** What changes the world or how it behaves. */
function worldHandlers(world: World): Record<string, Handler> {
  return {
    'POST /_control/end': (request) => {
      const instanceId = knownInstance(world, request.query.get('instanceId'));
      endInstance(world, firstInstance(world, instanceId), endingIn(bodyOf(request)));
      return stateOf(world).instances;
    },
    'POST /_control/fault': (request) => {
      serviceFault(world, bodyOf(request));
      return standingFaults(world);
    },
    'DELETE /_control/fault': ({ query }) => {
      healServices(world, Object.fromEntries(query));
      return standingFaults(world);
    },
    'PUT /_control/delays': (request) => Object.assign(world.delays, delaysIn(world, bodyOf(request))),
    'PUT /_control/throttling': (request) => {
      world.throttle.set(throttlingIn(bodyOf(request)));
      return world.throttle.numbers() ?? {};
    },
    'PUT /_control/policies': (request) => {
      setPolicies(world, bodyOf(request) as Policies);
      return Object.fromEntries(world.policies);
    },
    'PUT /_control/limits': (request) => {
      changeLimits(world, limitsIn(bodyOf(request)));
      return world.limits;
    },
    'PUT /_control/auto-scaling': (request) => {
      const instanceId = knownInstance(world, request.query.get('instanceId'));
      autoScale(world, ...activityIn(bodyOf(request)), instanceId);
      return stateOf(world).instances;
    },
    'PATCH /_control/instance': (request) => {
      const instanceId = knownInstance(world, request.query.get('instanceId'));
      changeInstance(world, factsIn(bodyOf(request)), instanceId);
      return stateOf(world).instances;
    },
  };
}

function metadataHandlers(world: World): Record<string, Handler> {
  const named = ({ query }: Request) => knownInstance(world, query.get('instanceId'));
  const faults = () =>
    [...world.instances.values()].map(({ id, metadataFaults }) => ({ instanceId: id, metadataFaults }));
  return {
    'POST /_control/metadata-fault': (request) => {
      metadataFault(world, bodyOf(request), named(request));
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
    policies: Object.fromEntries(world.policies),
    faults: standingFaults(world),
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
  interrupt(world, noticeIn(world, body));
  return [...world.instances.values()].map(({ id, notice }) => ({ instanceId: id, notice }));
}
