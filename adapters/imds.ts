/** The EC2 Instance Metadata Service, version 2. */

import { NOTICE_MS } from '../config/constants.ts';
import { AdapterError, messageOf, UsageError } from '../config/errors.ts';
import type {
  InstanceAction,
  InstanceFacts,
  InterruptionNotice,
  MonotonicMs,
  PublicAddresses,
  Risk,
} from '../config/vocabulary.ts';
import { createImdsSession } from './imds-session.ts';

/** What the daemon needs of the instance metadata. Every method ends within seconds, and earlier when `signal` says so. */
export interface InstanceMetadata {
  /**
   * The endpoint in use, for example `http://169.254.169.254`: the first of those given that answered; before one has, the
   * first of all.
   */
  endpoint(): string;
  /**
   * What does not change while the instance runs.
   * @throws AdapterError when the service is unreachable or answers outside its contract; so do the other methods.
   */
  instanceFacts(signal: AbortSignal): Promise<InstanceFacts>;
  /** The addresses of the primary network interface, as they are now. None is not an error. */
  publicAddresses(signal: AbortSignal): Promise<PublicAddresses>;
  /** The instance's user data, byte for byte; `undefined` when it has none. */
  userData(signal: AbortSignal): Promise<Uint8Array | undefined>;
  /**
   * The pending Spot interruption, or `undefined` while there is none.
   *
   * Path `spot/instance-action`; its `time` is UTC, about two minutes ahead. What is left is counted against the `Date` of the
   * same answer, so that the local clock does not matter (9.2).
   * Source: EC2 User Guide, "Spot Instance interruption notices".
   */
  instanceAction(signal: AbortSignal): Promise<NoticeAnswer>;
  /**
   * The early signs and the Auto Scaling state, over connections that a look for a notice never waits for (9.1). A path that
   * cannot be read hides none of the others.
   * @throws AdapterError when none can be read.
   */
  signs(signal: AbortSignal): Promise<Signs>;
  /**
   * Where Auto Scaling wants the instance, for example `InService` or `Warmed:Stopped`; `undefined` outside a group, and for
   * a moment after the boot.
   * Source: EC2 Auto Scaling User Guide, "Retrieve the target lifecycle state through instance metadata".
   */
  lifecycleState(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Forgets the session token and closes the connections, so that the next request begins anew: after hibernation both
   * belong to another time. A request under way is repeated or fails as one that may be.
   */
  renew(): void;
  /** Closes the connections. */
  close(): void;
}

/** What a look at `spot/instance-action` gives; no notice is an answer too. */
export interface NoticeAnswer {
  notice?: InterruptionNotice;
  /** When the answer was there, by the monotonic clock, which stands still while the machine sleeps … */
  atMs: MonotonicMs;
  /** … and by the wall clock, which does not: epoch milliseconds. */
  wallMs: number;
}

/** What the paths say that may wait. */
export interface Signs {
  risks: Risk[];
  /**
   * As {@link InstanceMetadata.lifecycleState} gives it. When it cannot be read it is what it was when it last could: whoever waits
   * for a warm pool to be left is not to take silence for that.
   */
  lifecycleState?: string;
  /** When all that could be read was there. */
  atMs: MonotonicMs;
  /** Why some of the paths could not be read; absent when all could. */
  problem?: string;
}

/** Where an instance finds its metadata. Source: EC2 User Guide, "Access instance metadata". */
export const DEFAULT_ENDPOINT = 'http://169.254.169.254';

/**
 * Endpoints as `--imds` takes them, comma separated: `host`, `host:port`, `[v6]:port` or a URL.
 * @throws UsageError naming the one that cannot be read.
 */
export function parseEndpoints(text: string): string[] {
  return text.split(',').map((part) => {
    const given = part.trim();
    const host = /^[0-9a-f]*(:[0-9a-f]*){2,}$/i.test(given) ? `[${given}]` : given;
    const url = given.includes('://') ? given : `http://${host}`;
    const valid = given !== '' && URL.canParse(url) && new URL(url).protocol === 'http:';
    if (!valid)
      throw new UsageError(`"${given}" is no metadata endpoint. Write host, host:port, [v6]:port or http://host:port`);
    return url.replace(/\/+$/, '');
  });
}

/** @param endpoints for example `['http://169.254.169.254']`, without trailing slashes; the first that answers is kept. */
export function createInstanceMetadata(endpoints: readonly string[]): InstanceMetadata {
  const session = createImdsSession(endpoints.length === 0 ? [DEFAULT_ENDPOINT] : endpoints);
  let lastState: string | undefined;

  return {
    endpoint: session.endpoint,

    async instanceFacts(signal) {
      const [document, index, system] = await Promise.all([
        text('dynamic/instance-identity/document', signal),
        text('meta-data/ami-launch-index', signal),
        text('meta-data/system', signal),
      ]);
      return parseInstanceFacts(document ?? '', index ?? '0', system);
    },

    async publicAddresses(signal) {
      const mac = await text('meta-data/mac', signal);
      const ofInterface = `meta-data/network/interfaces/macs/${mac}`;
      const [primaryIpv4, ipv4, ipv6] = await Promise.all([
        text('meta-data/public-ipv4', signal),
        text(`${ofInterface}/public-ipv4s`, signal).then(lines),
        text(`${ofInterface}/ipv6s`, signal).then(lines),
      ]);
      const [primaryIpv6] = ipv6;
      return { ...(primaryIpv4 ? { primaryIpv4 } : {}), ...(primaryIpv6 ? { primaryIpv6 } : {}), ipv4, ipv6 };
    },

    async userData(signal) {
      return (await session.get('user-data', 'reading', signal))?.body;
    },

    async instanceAction(signal) {
      const answer = await session.get('meta-data/spot/instance-action', 'watching', signal);
      const now = { atMs: performance.now(), wallMs: Date.now() };
      if (answer === undefined) return now;
      return { notice: parseInstanceAction(answer.body.toString(), answer.dateMs ?? now.wallMs, now.atMs), ...now };
    },

    async signs(signal) {
      // One after the other: the service minds many connections, and nobody is in a hurry for these.
      const rebalance = await readable(text(REBALANCE, signal).then(parseRebalance));
      const maintenance = await readable(text(MAINTENANCE, signal).then(parseMaintenance));
      const state = await readable(lifecycleState(signal));
      return { ...signsOf(rebalance, maintenance, state, lastState), atMs: performance.now() };
    },

    lifecycleState,
    renew: session.renew,
    close: session.close,
  };

  async function text(path: string, signal: AbortSignal): Promise<string | undefined> {
    return (await session.get(path, 'reading', signal))?.body.toString().trim();
  }

  async function lifecycleState(signal: AbortSignal): Promise<string | undefined> {
    lastState = parseLifecycleState(await text(LIFECYCLE_STATE, signal));
    return lastState;
  }
}

const REBALANCE = 'meta-data/events/recommendations/rebalance';
const MAINTENANCE = 'meta-data/events/maintenance/scheduled';
const LIFECYCLE_STATE = 'meta-data/autoscaling/target-lifecycle-state';

function lines(body: string | undefined): string[] {
  return (body ?? '').split('\n').filter((line) => line !== '');
}

/** Reads the instance identity document. Source: EC2 User Guide, "Instance identity documents". */
function parseInstanceFacts(document: string, index: string, system: string | undefined): InstanceFacts {
  const { instanceId, instanceType, region, availabilityZone } = parseObject(document);
  const known = [instanceId, instanceType, region, availabilityZone].every(
    (field) => typeof field === 'string' && /^[\w-]/.test(field),
  );
  if (!known || !/^\d+$/.test(index)) {
    throw malformed('dynamic/instance-identity/document', 'does not tell instance, type, region and zone', document);
  }
  return {
    instanceId: String(instanceId),
    instanceType: String(instanceType),
    region: String(region),
    zone: String(availabilityZone),
    launchIndex: Number(index),
    ...(system === undefined ? {} : { hypervisor: system }),
  };
}

/** Reads `{"action":"terminate","time":"2030-01-01T00:02:00Z"}`, field by field. */
function parseInstanceAction(body: string, nowMs: number, seenAtMs: MonotonicMs): InterruptionNotice {
  const { action, time } = parseObject(body);
  if (!isInstanceAction(action))
    throw malformed('meta-data/spot/instance-action', 'tells no action that is known', body);
  const when = isoTime(time);
  if (when === undefined) return { action, key: action, leftMs: 0, seenAtMs };
  const leftMs = Math.max(0, Math.min(Date.parse(when) - nowMs, NOTICE_MS));
  return { action, key: `${action} ${when}`, time: when, leftMs, seenAtMs };
}

function isInstanceAction(action: unknown): action is InstanceAction {
  return action === 'terminate' || action === 'stop' || action === 'hibernate';
}

// --- Signs ------------------------------------------------------------------------------------------------------------

/** What could be read, or why it could not. A defect of ours goes on its way. */
async function readable<Value>(reading: Promise<Value>): Promise<Value | AdapterError> {
  return reading.catch((error) => {
    if (error instanceof AdapterError) return error;
    throw error;
  });
}

function signsOf(
  rebalance: Risk[] | AdapterError,
  maintenance: Risk[] | AdapterError,
  state: string | undefined | AdapterError,
  lastState: string | undefined,
): Omit<Signs, 'atMs'> {
  const failures = [rebalance, maintenance, state].filter((part) => part instanceof AdapterError);
  const [first] = failures;
  if (first !== undefined && failures.length === 3) throw first;
  const lifecycleState = state instanceof AdapterError ? lastState : state;
  return {
    risks: [rebalance, maintenance].flatMap((part) => (part instanceof AdapterError ? [] : part)),
    ...(lifecycleState === undefined ? {} : { lifecycleState }),
    ...(first === undefined ? {} : { problem: failures.map(messageOf).join(' ') }),
  };
}

/** Reads `{"noticeTime":"2030-01-01T00:00:00Z"}`. Source: EC2 User Guide, "EC2 instance rebalance recommendations". */
function parseRebalance(body: string | undefined): Risk[] {
  if (body === undefined) return [];
  const { noticeTime } = parseObject(body);
  if (typeof noticeTime !== 'string') throw malformed(REBALANCE, 'tells no noticeTime', body);
  return [riskOf('rebalance', noticeTime)];
}

/** Reads the list of scheduled events. Source: EC2 User Guide, "View scheduled events". */
function parseMaintenance(body: string | undefined): Risk[] {
  // An instance for which nothing is planned may say 404, an empty list, or nothing.
  if (body === undefined || body === '') return [];
  const events = parseJson(body);
  if (!Array.isArray(events) || !events.every(isObject)) throw malformed(MAINTENANCE, 'is no list of events', body);
  return events
    .filter(({ State }) => State === 'active')
    .map(({ EventId, NotBefore }) => riskOf('maintenance', NotBefore, EventId));
}

/** The same event may come again with another time, so that its time is a part of what it is known by. */
function riskOf(kind: Risk['kind'], time: unknown, id?: unknown): Risk {
  const when = isoTime(time);
  const key = [kind, id, when ?? time].filter((part) => typeof part === 'string').join(' ');
  return { kind, key, ...(when === undefined ? {} : { time: when }) };
}

/** Reads `InService`, `Warmed:Stopped` and the like. A page of some other server is none of these. */
function parseLifecycleState(body: string | undefined): string | undefined {
  if (body === undefined || body === '') return undefined;
  if (/^[A-Za-z]+(:[A-Za-z]+)?$/.test(body)) return body;
  throw malformed(LIFECYCLE_STATE, 'is no lifecycle state', body);
}

// --- Values from outside ----------------------------------------------------------------------------------------------

/** A time in any form that has a meaning, `21 Jan 2030 09:00:43 GMT` too, as ISO 8601 UTC. */
function isoTime(time: unknown): string | undefined {
  const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : new Date(timeMs).toISOString();
}

/** The fields of a JSON object; none when it is something else. */
function parseObject(body: string): Record<string, unknown> {
  const value = parseJson(body);
  return isObject(value) ? value : {};
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function malformed(path: string, what: string, body: string): AdapterError {
  return new AdapterError(
    `GET ${path}`,
    `the answer ${what}: ${JSON.stringify(body.slice(0, 200))}`,
    'Check that the metadata endpoint is the instance metadata service.',
  );
}
