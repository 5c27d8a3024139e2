/** The instance metadata service, version 2. Source: EC2 User Guide, "How Instance Metadata Service Version 2 works". */
import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Instance, World } from '../cloud.ts';
import type { Answer, Reply, Request } from '../http.ts';
import { type Directory, type Entry, metadataTree } from './tree.ts';

const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds';
const TTL_LIMIT_S = 21_600;

/** Some of the dated versions; what they hold is the same here. */
const VERSIONS = [
  '1.0',
  '2016-09-02',
  '2018-09-24',
  '2019-10-01',
  '2020-10-27',
  '2021-03-23',
  '2021-07-15',
  '2022-09-24',
  'latest',
];

/** Answers a request to one instance's metadata; with `failsWith` by nothing but that status. */
export type Imds = (request: Request, failsWith?: number) => Answer;

interface Token {
  /** Epoch milliseconds. */
  expiryMs: number;
  /** That of the instance when it was given out. */
  generation: number;
}

/** The tokens of one instance's metadata work nowhere else. */
export function createImds(world: World, instance: Instance): Imds {
  const tokens = new Map<string, Token>();

  return (request, failsWith = instance.metadata.enabled ? undefined : 403) => {
    const reply = failsWith === undefined ? replyTo(request) : failure(failsWith);
    return {
      operation: `${request.method} ${request.path}`,
      params: {},
      reply,
      ...(reply.status >= 400 && { errorCode: String(reply.status) }),
    };
  };

  function replyTo(request: Request): Reply {
    const { method, path, headers } = request;
    if (method === 'PUT') return path === '/latest/api/token' ? newToken(headers) : failure(putFailure(path));
    if (method !== 'GET' && method !== 'HEAD') return failure(405);
    const token = headers['x-aws-ec2-metadata-token'];
    // Without any token it is version 1, which the instance may still allow.
    if (!isGood(token) && (token !== undefined || instance.metadata.tokens === 'required')) return failure(401);
    return read(path);
  }

  function isGood(text: string | undefined): boolean {
    const token = text === undefined ? undefined : tokens.get(text);
    return token?.generation === instance.tokenGeneration && token.expiryMs > world.clock.now();
  }

  function newToken(headers: Request['headers']): Reply {
    // Version 2 keeps out open proxies, which add this header.
    if (headers['x-forwarded-for'] !== undefined) return failure(403);
    const text = headers[TTL_HEADER] ?? '';
    const ttlS = Number(text);
    if (!/^\d+$/.test(text) || ttlS < 1 || ttlS > TTL_LIMIT_S) return failure(400);
    const now = world.clock.now();
    for (const [old, { expiryMs }] of tokens) if (expiryMs <= now) tokens.delete(old);
    const token = randomBytes(42).toString('base64');
    tokens.set(token, { expiryMs: now + ttlS * 1000, generation: instance.tokenGeneration });
    return { status: 200, headers: { 'content-type': 'text/plain', [TTL_HEADER]: String(ttlS) }, body: token };
  }

  function read(path: string): Reply {
    // MAC addresses and tag keys may come with their colons escaped.
    const [version = '', ...names] = path.replaceAll('%3A', ':').replace(/^\/+/, '').split('/');
    if (version === '') return text(VERSIONS.join('\n'));
    if (!VERSIONS.includes(version)) return failure(404);
    const place = { region: world.region, account: world.account, nowMs: world.clock.now() };
    const entry = find(metadataTree(instance, place), names);
    if (entry === undefined) return failure(404);
    if (typeof entry === 'string') return text(entry);
    if (Buffer.isBuffer(entry))
      return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: entry };
    return text(listing(entry, names.filter((name) => name !== '').length === 0));
  }
}

/** Only `latest` can be written to. */
function putFailure(path: string): number {
  return VERSIONS.includes(path.split('/')[1] ?? '') ? 403 : 404;
}

function find(tree: Directory, names: string[]): Entry {
  let entry: Entry = tree;
  for (const [index, name] of names.entries()) {
    if (entry === undefined || typeof entry === 'string' || Buffer.isBuffer(entry)) return undefined;
    // A slash at the end asks for the directory itself; a file with one is not found.
    if (name === '' && index === names.length - 1) return entry;
    entry = Object.hasOwn(entry, name) ? entry[name] : undefined;
  }
  return entry;
}

/** One child a line, directories with a slash; at the top they stand without, and so does a role, which is a file. */
function listing(directory: Directory, isTop: boolean): string {
  return Object.entries(directory)
    .filter(([, entry]) => entry !== undefined)
    .map(([name, entry]) => (isTop || typeof entry === 'string' || Buffer.isBuffer(entry) ? name : `${name}/`))
    .join('\n');
}

function text(body: string): Reply {
  return { status: 200, headers: { 'content-type': 'text/plain' }, body };
}

function failure(status: number): Reply {
  const title = `${status} - ${STATUS_CODES[status] ?? 'Unknown'}`;
  const page = `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  return { status, headers: { 'content-type': 'text/html' }, body: page };
}
