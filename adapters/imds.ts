/** The EC2 Instance Metadata Service, version 2. */

import { Agent, type IncomingMessage, type OutgoingHttpHeaders, type RequestOptions, request } from 'node:http';
import { IMDS_TIMEOUT_MS, IMDS_TOKEN_TTL_S, NOTICE_MS } from '../config/constants.ts';
import { AdapterError, messageOf, UsageError } from '../config/errors.ts';
import type {
  InstanceAction,
  InstanceFacts,
  InterruptionNotice,
  MonotonicMs,
  PublicAddresses,
} from '../config/vocabulary.ts';

/** What the daemon needs of the instance metadata. Every method ends within seconds, and earlier when `signal` says so. */
export interface InstanceMetadata {
  /**
   * The endpoint in use, for example `http://169.254.169.254`: the first of those given that answered; before one has, the
   * first.
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
  instanceAction(signal: AbortSignal): Promise<{ notice?: InterruptionNotice; atMs: MonotonicMs }>;
  /** Closes the connections. */
  close(): void;
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

interface Answer {
  status: number;
  body: Buffer;
  /** The `Date` header as epoch milliseconds; absent when there is none. */
  dateMs?: number;
}

/** @param endpoints for example `['http://169.254.169.254']`, without trailing slashes; the first that answers is kept. */
export function createInstanceMetadata(endpoints: readonly string[]): InstanceMetadata {
  // The look for a notice has a connection to itself, so that it never queues behind another path (9.1).
  const watching = new Agent({ keepAlive: true, maxSockets: 1 });
  const reading = new Agent({ keepAlive: true, maxSockets: 3, timeout: IMDS_TIMEOUT_MS });
  let endpoint = endpoints[0] ?? DEFAULT_ENDPOINT;
  let answered = false;
  let token: Promise<string> | undefined;

  return {
    endpoint: () => endpoint,

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
      return (await get('user-data', signal, reading))?.body;
    },

    async instanceAction(signal) {
      const answer = await get('meta-data/spot/instance-action', signal, watching);
      const atMs = performance.now();
      if (answer === undefined) return { atMs };
      return { notice: parseInstanceAction(answer.body.toString(), answer.dateMs ?? Date.now(), atMs), atMs };
    },

    close() {
      watching.destroy();
      reading.destroy();
    },
  };

  async function text(path: string, signal: AbortSignal): Promise<string | undefined> {
    return (await get(path, signal, reading))?.body.toString().trim();
  }

  /** The answer, or `undefined` for 404: these paths exist only while there is something to say. */
  async function get(path: string, signal: AbortSignal, agent: Agent): Promise<Answer | undefined> {
    let answer = await ask(path, signal, agent);
    if (answer.status === 401) {
      // The token outlived its time, or the instance was asleep meanwhile.
      token = undefined;
      answer = await ask(path, signal, agent);
    }
    if (answer.status === 404) return undefined;
    if (answer.status === 200) return answer;
    throw unexpected(`GET ${path}`, answer.status);
  }

  async function ask(path: string, signal: AbortSignal, agent: Agent): Promise<Answer> {
    token ??= fetchToken(signal, agent);
    const mine = token;
    try {
      const headers = { 'x-aws-ec2-metadata-token': await mine };
      return await send(path, { method: 'GET', headers, signal, agent });
    } catch (error) {
      // A failed request for a token must not be everybody's for ever.
      if (
        token === mine &&
        (await mine.then(
          () => false,
          () => true,
        ))
      )
        token = undefined;
      throw error;
    }
  }

  async function fetchToken(signal: AbortSignal, agent: Agent): Promise<string> {
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(IMDS_TOKEN_TTL_S), 'content-length': 0 };
    const answer = await firstAnswer(headers, signal, agent);
    if (answer.status !== 200) throw unexpected('PUT api/token', answer.status);
    return answer.body.toString();
  }

  /** Asks one endpoint after the other until one answers; that one is kept (2.1). */
  async function firstAnswer(headers: OutgoingHttpHeaders, signal: AbortSignal, agent: Agent): Promise<Answer> {
    const candidates = answered ? [endpoint] : endpoints;
    let failure: unknown;
    for (const candidate of candidates) {
      try {
        endpoint = candidate;
        const answer = await send('api/token', { method: 'PUT', headers, signal, agent });
        answered = true;
        return answer;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  function send(path: string, options: RequestOptions & { signal: AbortSignal }): Promise<Answer> {
    return sendRequest(`${endpoint}/latest/${path}`, options).catch((cause) => {
      throw unreachable(`${options.method} ${path}`, endpoint, cause);
    });
  }
}

/** One request and its whole answer, within the time limit. */
async function sendRequest(url: string, options: RequestOptions & { signal: AbortSignal }): Promise<Answer> {
  const limited = { ...options, signal: AbortSignal.any([options.signal, AbortSignal.timeout(IMDS_TIMEOUT_MS)]) };
  try {
    return await attempt(url, limited);
  } catch (error) {
    // The service closes idle connections when it likes, and we hear of it when we use one. Every request here may be repeated.
    if (!(error instanceof StaleConnection)) throw error;
    return await attempt(url, limited);
  }
}

/** A kept-alive connection that was closed at the other end before the request could have been read. */
class StaleConnection extends Error {}

function attempt(url: string, options: RequestOptions & { signal: AbortSignal }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (answer) => {
      readBody(answer).then((body) => resolve(toAnswer(answer, body)), reject);
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (sent.reusedSocket && error.code === 'ECONNRESET') reject(new StaleConnection());
      else reject(options.signal.aborted ? options.signal.reason : error);
    });
    sent.end();
  });
}

/** Larger than any path holds: user data is limited to 16 KB, and nothing else comes near. */
const BODY_LIMIT_BYTES = 1_048_576;

async function readBody(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > BODY_LIMIT_BYTES) throw new Error(`the answer is longer than ${BODY_LIMIT_BYTES} bytes`);
  }
  return Buffer.concat(chunks);
}

function toAnswer({ statusCode, headers }: IncomingMessage, body: Buffer): Answer {
  const dateMs = Date.parse(headers.date ?? '');
  return { status: statusCode ?? 0, body, ...(Number.isNaN(dateMs) ? {} : { dateMs }) };
}

function unreachable(operation: string, endpoint: string, cause: unknown): AdapterError {
  const timedOut = Error.isError(cause) && cause.name === 'TimeoutError';
  const seen = timedOut
    ? `no answer from ${endpoint} within ${IMDS_TIMEOUT_MS} ms`
    : `${endpoint}: ${messageOf(cause)}`;
  const remedy =
    'Check that this is an EC2 instance whose metadata is enabled, with a hop limit above 1 inside containers.';
  return new AdapterError(operation, seen, remedy, { cause, retryable: true });
}

function unexpected(operation: string, status: number): AdapterError {
  return new AdapterError(
    operation,
    `instance metadata answered ${status}`,
    'Check that metadata is enabled in the instance metadata options.',
    // 401 and 403 too: they may pass when the options are changed, and a watch must go on looking.
    { retryable: status >= 500 || status === 401 || status === 403 },
  );
}

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
    throw new AdapterError(
      'GET dynamic/instance-identity/document',
      `the document does not tell instance, type, region and zone: ${document.slice(0, 200)}`,
      'Check that the metadata endpoint is the instance metadata service.',
    );
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
  if (!isInstanceAction(action)) {
    throw new AdapterError(
      'GET spot/instance-action',
      `unknown instance action ${body.slice(0, 200)}`,
      'Report it with this message: the metadata contract has changed.',
    );
  }
  const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(timeMs)) return { action, leftMs: 0, seenAtMs };
  const leftMs = Math.max(0, Math.min(timeMs - nowMs, NOTICE_MS));
  return { action, time: new Date(timeMs).toISOString(), leftMs, seenAtMs };
}

function isInstanceAction(action: unknown): action is InstanceAction {
  return action === 'terminate' || action === 'stop' || action === 'hibernate';
}

/** The fields of a JSON object; none when it is something else. */
function parseObject(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
