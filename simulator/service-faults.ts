/** Faults of EC2, Route 53, SNS and SQS, and which of them befalls a call. */
import { type Call, isNamedBy, isSignedBy } from './call.ts';
import type { World } from './cloud.ts';
import {
  commonKinds,
  dropEnded,
  type Fault,
  FaultError,
  type FaultSpan,
  isNumber,
  kindsOf,
  type Members,
  parseFault,
  type Standing,
  takeOldest,
} from './faults.ts';
import { HISTORY_MS } from './history.ts';

/** The operations that can be made to fail, by service. */
export const faultyOperations = {
  ec2: [
    'AttachVolume',
    'CreateSnapshot',
    'CreateTags',
    'CreateVolume',
    'DeleteTags',
    'DeleteVolume',
    'DescribeInstances',
    'DescribeSnapshots',
    'DescribeTags',
    'DescribeVolumes',
    'DetachVolume',
    'ModifyInstanceAttribute',
  ],
  route53: [
    'ChangeResourceRecordSets',
    'GetChange',
    'GetHostedZone',
    'ListHostedZones',
    'ListHostedZonesByName',
    'ListResourceRecordSets',
  ],
  sns: ['Publish'],
  sqs: ['DeleteMessage', 'ReceiveMessage', 'SendMessage'],
} as const satisfies Record<string, readonly string[]>;

/** A service whose calls can be made to fail; that of the metadata has faults of its own. */
export type FaultyService = keyof typeof faultyOperations;

/** What goes wrong with a call. */
export type ServiceFailure =
  | Extract<Fault, { kind: 'status' | 'hang' | 'reset' | 'latency' }>
  /** It is refused because there were too many, in the service's own words. */
  | { kind: 'throttled' }
  /** It is refused with a code of the service; without one, for want of a permission. */
  | {
      kind: 'refused';
      code?: string;
      message?: string;
      /** HTTP status; default 400, without a code that of a missing permission. */
      status?: number;
    }
  /** It takes effect, and the connection is reset instead of an answer, or hangs. */
  | { kind: 'answer-lost'; by?: 'reset' | 'hang' }
  /** It shows the world as it was this long ago; only what looks. */
  | { kind: 'stale'; ms: number };

/** Which calls a fault is for; what is absent does not matter. */
export interface FaultScope {
  service?: FaultyService;
  /** For example `AttachVolume`. */
  operation?: string;
  /** Whose metadata gave out the credentials that the call was signed with. */
  instanceId?: string;
  /** What the call names: a volume, instance, snapshot, hosted zone, record, topic or queue, by its id, name, ARN or URL. */
  resource?: string;
}

/** A fault of a service. */
export type ServiceFault = ServiceFailure & FaultScope & FaultSpan;

/** Which faults are withdrawn: those that were given with exactly these members. */
export type HealScope = FaultScope & { kind?: ServiceFault['kind'] };

/**
 * A fault of its own, made from one that somebody wrote down.
 * @throws FaultError
 */
export function parseServiceFault(given: object, nowMs: number): Standing<ServiceFault> {
  const fault = parseFault<ServiceFault>(given, serviceKinds, scope, nowMs);
  const { service, operation } = fault;
  const known = operationsOf(service);
  if (operation !== undefined && !known.includes(operation))
    throw new FaultError(`"operation" is one of ${known.join(', ')}`);
  if (fault.kind === 'stale' && operation !== undefined && !isLook(operation))
    throw new FaultError(`"operation" is one that looks, for "stale": ${known.filter(isLook).join(', ')}`);
  return fault;
}

/**
 * Which faults somebody wants withdrawn.
 * @throws FaultError
 */
export function parseHealScope(given: object): HealScope {
  const known: Members = { ...scope, kind };
  for (const [name, value] of Object.entries(given)) {
    const member = Object.hasOwn(known, name) ? known[name] : undefined;
    if (member === undefined) throw new FaultError(`"${name}" is none of ${Object.keys(known).join(', ')}`);
    if (!member[1](value)) throw new FaultError(`"${name}" is ${member[0]}`);
  }
  return { ...given };
}

/** Withdraws the faults that have all the members of the scope; without any, all. */
export function heal({ faults }: World, healed: HealScope): void {
  const wanted = Object.entries(healed).filter(([, value]) => value !== undefined);
  const left = faults.filter((fault) =>
    wanted.some(([name, value]) => new Map(Object.entries(fault)).get(name) !== value),
  );
  faults.splice(0, faults.length, ...left);
}

/** The faults that hold or are still to come. */
export function standingFaults({ faults, clock }: World): readonly Standing<ServiceFault>[] {
  dropEnded(faults, clock.now());
  return faults;
}

/** What befalls one call. */
export interface CallBefallen {
  latencyMs: number;
  /** How old what it shows is; 0: as it is. */
  staleMs: number;
  /** What comes instead of the right answer; absent: that does. */
  failure?: Exclude<ServiceFailure, { kind: 'latency' | 'stale' }>;
  /** The kinds of what befalls it, for the log of calls. */
  kinds: string[];
}

/** Takes what befalls a call: of latency, of staleness and of what comes instead of the right answer one each. */
export function takeServiceFaults(world: World, call: Call): CallBefallen {
  const nowMs = world.clock.now();
  const take = <Kind extends ServiceFault['kind']>(...kinds: Kind[]) =>
    takeOldest<ServiceFault, Kind>(world.faults, kinds, (fault) => isFor(world, call, fault), nowMs);
  const latency = take('latency');
  const stale = isLook(call.operation) ? take('stale') : undefined;
  const failure = take('throttled', 'refused', 'status', 'reset', 'hang', 'answer-lost');
  return {
    latencyMs: latency?.ms ?? 0,
    staleMs: stale?.ms ?? 0,
    ...(failure !== undefined && { failure }),
    kinds: kindsOf(latency, stale, failure),
  };
}

function isFor(world: World, call: Call, { service, operation, instanceId, resource }: FaultScope): boolean {
  return (
    (service ?? call.service) === call.service &&
    (operation ?? call.operation) === call.operation &&
    (resource === undefined || isNamedBy(call, resource)) &&
    (instanceId === undefined || isSignedBy(world, call, instanceId))
  );
}

function isLook(operation: string): boolean {
  return /^(Describe|List|Get)/.test(operation);
}

function operationsOf(service: FaultyService | undefined): readonly string[] {
  return service === undefined ? Object.values(faultyOperations).flat() : faultyOperations[service];
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const optional = (is: string, holds: (value: unknown) => boolean): Members[string] => [
  is,
  (value) => value === undefined || holds(value),
];

/** Every kind, with its own members. */
export const serviceKinds: Record<ServiceFault['kind'], Members> = {
  throttled: {},
  refused: {
    code: optional('a code of the service, such as "InvalidChangeBatch"', isText),
    message: optional('a text', isText),
    status: optional('a whole number from 400 to 599', commonKinds.status.status[1]),
  },
  ...commonKinds,
  'answer-lost': { by: optional('"reset" or "hang"', (value) => value === 'reset' || value === 'hang') },
  stale: { ms: [`a number of milliseconds up to ${HISTORY_MS}`, (value) => isNumber(value, 0, HISTORY_MS)] },
};

const kind = optional(`one of ${Object.keys(serviceKinds).join(', ')}`, (value) =>
  Object.keys(serviceKinds).some((known) => known === value),
);

const scope: Members = {
  service: optional(`one of ${Object.keys(faultyOperations).join(', ')}`, (value) =>
    Object.keys(faultyOperations).some((known) => known === value),
  ),
  operation: optional('an operation, such as "AttachVolume"', isText),
  instanceId: optional('the id of an instance', isText),
  resource: optional('an id, a name, an ARN or a URL', isText),
};
