/** What the services and the HTTP server exchange. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AwsError } from './aws-error.ts';

/** A request as a service sees it. */
export interface Request {
  method: string;
  /** Without the query string. */
  path: string;
  query: URLSearchParams;
  /** Lower-case names; of a repeated one the values joined. */
  headers: Record<string, string>;
  body: Buffer;
  /** Of this request, as a UUID. */
  id: string;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** What a service says of a request, for the log of calls. */
export interface Answer {
  reply: Reply;
  /** For example `AttachVolume`. */
  operation: string;
  /** Plain JSON. */
  params: unknown;
  errorCode?: string;
  /** What was asked for has been done, but the connection is reset instead of the answer. */
  isLost?: boolean;
  /** It was refused because there were too many like it. */
  isThrottled?: boolean;
}

/** More than any service here takes; SQS has the most with 1 MiB, which JSON may write six times as long. */
const BODY_LIMIT_BYTES = 8 * 1_048_576;

export async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_LIMIT_BYTES) throw new AwsError('RequestEntityTooLarge', 'The request is too large.', 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function toRequest(incoming: IncomingMessage, body: Buffer, id: string): Request {
  const url = new URL(`http://localhost${incoming.url ?? '/'}`);
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as const);
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: Object.fromEntries(headers),
    body,
    id,
  };
}

export function send(outgoing: ServerResponse, { status, headers = {}, body = '' }: Reply): void {
  outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  outgoing.end(body);
}

export function json(value: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(value, undefined, 2)}\n` };
}
