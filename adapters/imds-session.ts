/** A session with the instance metadata service: one token for all, few connections, and a time limit on every request. */

import { Agent, type IncomingMessage, type OutgoingHttpHeaders, type RequestOptions, request } from 'node:http';
import { IMDS_TIMEOUT_MS, IMDS_TOKEN_TTL_S, SLOW_POLL_MS } from '../config/constants.ts';
import { AdapterError, messageOf } from '../config/errors.ts';
import { beforeAbort } from './abort.ts';

/** Which connections a request takes: looks for a notice have one to themselves and never queue behind another path (9.1). */
export type Lane = 'watching' | 'reading';

/** What the service said. */
export interface Answer {
  status: number;
  body: Buffer;
  /** The `Date` header as epoch milliseconds; absent where there is none that can be read. */
  dateMs?: number;
}

/** Reads paths of the service, version 2. */
export interface ImdsSession {
  /** The endpoint in use: the first of those given that answered; before one has, the first. */
  endpoint(): string;
  /**
   * What a path holds, or `undefined` for 404: most exist only while there is something to say.
   * @param path below `/latest/`, for example `meta-data/mac`.
   * @throws AdapterError when there is no answer in time, or another one; `retryable` where that may pass.
   */
  get(path: string, lane: Lane, signal: AbortSignal): Promise<Answer | undefined>;
  /** Forgets the token and closes the connections; what is under way fails or is repeated, and the next request begins anew. */
  renew(): void;
  /** Closes the connections. */
  close(): void;
}

/** @param endpoints for example `['http://169.254.169.254']`, without trailing slashes; at least one. */
export function createImdsSession(endpoints: readonly string[]): ImdsSession {
  const lanes: Record<Lane, Agent> = {
    watching: new Agent({ keepAlive: true, maxSockets: 1 }),
    // Idle connections stay from one slow look to the next.
    reading: new Agent({ keepAlive: true, maxSockets: 3, timeout: 2 * SLOW_POLL_MS }),
  };
  // Nor does the watch wait for a token that queues behind another path; one in six hours keeps no connection.
  const asking = new Agent({ keepAlive: false });
  let [endpoint = ''] = endpoints;
  let answered = false;
  let token: Promise<string> | undefined;

  return { endpoint: () => endpoint, get, renew, close };

  async function get(path: string, lane: Lane, signal: AbortSignal): Promise<Answer | undefined> {
    const used = sharedToken();
    let answer = await ask(path, used, lane, signal);
    if (answer.status === 401) {
      // It outlived its time, or the instance was asleep meanwhile. Whoever meets that first forgets it for all.
      if (token === used) token = undefined;
      answer = await ask(path, sharedToken(), lane, signal);
    }
    if (answer.status === 404) return undefined;
    if (answer.status === 200) return answer;
    throw unexpected(`GET ${path}`, answer.status);
  }

  async function ask(path: string, used: Promise<string>, lane: Lane, signal: AbortSignal): Promise<Answer> {
    const operation = `GET ${path}`;
    // The token is everybody's: who waits for it may leave, without taking it from the others.
    const headers = { 'x-aws-ec2-metadata-token': await beforeAbort(used, signal).catch(asAdapterError(operation)) };
    const options = { method: 'GET', headers, agent: lanes[lane], signal };
    return await exchange(`${endpoint}/latest/${path}`, options).catch(asAdapterError(operation));
  }

  /** The token, or the request for one that is under way. */
  function sharedToken(): Promise<string> {
    if (token !== undefined) return token;
    const asked = fetchToken();
    token = asked;
    // A failed request for one must not be everybody's for ever. Those who wait for it hear of the failure themselves.
    asked.catch(() => {
      if (token === asked) token = undefined;
    });
    return asked;
  }

  async function fetchToken(): Promise<string> {
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(IMDS_TOKEN_TTL_S), 'content-length': 0 };
    const { status, body } = await firstAnswer(headers);
    if (status !== 200) throw unexpected('PUT api/token', status);
    return parseToken(body.toString());
  }

  /** Asks one endpoint after the other until one answers; that one is kept (2.1). */
  async function firstAnswer(headers: OutgoingHttpHeaders): Promise<Answer> {
    const failures: Failure[] = [];
    for (const candidate of answered ? [endpoint] : endpoints) {
      try {
        const answer = await exchange(`${candidate}/latest/api/token`, { method: 'PUT', headers, agent: asking });
        endpoint = candidate;
        answered = true;
        return answer;
      } catch (cause) {
        failures.push({ endpoint: candidate, cause });
      }
    }
    throw unreachable('PUT api/token', failures);
  }

  function asAdapterError(operation: string): (cause: unknown) => never {
    return (cause) => {
      throw cause instanceof AdapterError ? cause : unreachable(operation, [{ endpoint, cause }]);
    };
  }

  function renew(): void {
    token = undefined;
    close();
  }

  function close(): void {
    for (const agent of [lanes.watching, lanes.reading, asking]) agent.destroy();
  }
}

/** One request and its whole answer, within the time limit. */
async function exchange(url: string, { signal, ...options }: RequestOptions): Promise<Answer> {
  const limit = AbortSignal.timeout(IMDS_TIMEOUT_MS);
  const limited = signal ? AbortSignal.any([signal, limit]) : limit;
  try {
    return await attempt(url, options, limited);
  } catch (error) {
    // The service closes idle connections when it likes, and we hear of it when we use one. Every request here may be
    // repeated; now on a connection of its own, since the others may be gone as well.
    if (!(error instanceof StaleConnection)) throw error;
    return await attempt(url, { ...options, agent: false }, limited);
  }
}

/** A kept-alive connection that was closed at the other end before the request could have been read. */
class StaleConnection extends Error {}

function attempt(url: string, options: RequestOptions, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // What breaks off because of the signal says so in many ways; its reason is the one that helps.
    const fail = (error: unknown) => reject(signal.aborted ? signal.reason : error);
    const sent = request(url, { ...options, signal }, (answer) => {
      readBody(answer).then((body) => resolve(toAnswer(answer, body)), fail);
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      fail(isStale ? new StaleConnection('the connection was closed') : error);
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

/** A token goes into a header, so that a page of some other server must not pass for one. */
function parseToken(body: string): string {
  const text = body.trim();
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new AdapterError(
    'PUT api/token',
    `this is no session token: ${JSON.stringify(body.slice(0, 200))}`,
    'Check that the metadata endpoint is the instance metadata service.',
  );
}

/** An endpoint that was asked, and why it gave no answer. */
interface Failure {
  endpoint: string;
  cause: unknown;
}

function unreachable(operation: string, failures: Failure[]): AdapterError {
  const seen = failures.map(sentenceOf).join('; ');
  const remedy =
    'Check that this is an EC2 instance whose metadata is enabled, with a hop limit above 1 inside containers.';
  const causes = failures.map(({ cause }) => cause);
  const cause = causes.length === 1 ? causes[0] : new AggregateError(causes, seen);
  return new AdapterError(operation, seen, remedy, { cause, retryable: true });
}

function sentenceOf({ endpoint, cause }: Failure): string {
  if (Error.isError(cause) && cause.name === 'TimeoutError')
    return `no answer from ${endpoint} within ${IMDS_TIMEOUT_MS} ms`;
  // A host name with several addresses fails once for each, and then there is no message of the whole.
  const each = (cause as { errors?: unknown[] } | undefined)?.errors ?? [];
  return `${endpoint}: ${messageOf(cause) || each.map(messageOf).join(', ')}`;
}

function unexpected(operation: string, status: number): AdapterError {
  return new AdapterError(
    operation,
    `instance metadata answered ${status}`,
    'Check that metadata is enabled in the instance metadata options.',
    // 401 and 403 too: they may pass when the options are changed, and a watch must go on looking.
    { retryable: status >= 500 || status === 401 || status === 403 || status === 429 },
  );
}
