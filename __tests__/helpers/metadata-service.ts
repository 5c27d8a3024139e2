/** A metadata service that answers as a test tells it to, where the simulator behaves too well. */

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInstanceMetadata } from '../../adapters/imds.ts';

/** What it says to requests for a path below `/latest/`. */
export type Handler = (answer: ServerResponse, request: IncomingMessage) => unknown;

export const never = new AbortController().signal;

export const says =
  (body: string, status = 200): Handler =>
  (answer) =>
    answer.writeHead(status).end(body);

export const hangs: Handler = () => {};

export interface Service extends AsyncDisposable {
  url: string;
  /** Every request so far: `PUT api/token`, `GET meta-data/mac`. */
  requests: string[];
  /** The tokens that came with the requests for a path, in their order. */
  tokens(path: string): unknown[];
  /** How many connections the requests for these paths came over. */
  connections(...paths: string[]): number;
}

/** Starts one on loopback. A path without a handler is not there; tokens are `token-1`, `token-2` and so on, unless told otherwise. */
export async function startService(handlers: Record<string, Handler> = {}): Promise<Service> {
  const seen: Array<{ path: string; token: unknown; socket: unknown }> = [];
  const requests: string[] = [];
  let tokens = 0;
  const known: Record<string, Handler> = {
    'api/token': (answer) => {
      tokens += 1;
      answer.end(`token-${tokens}`);
    },
    ...handlers,
  };
  const server = await listening((request, answer) => {
    const path = request.url?.replace('/latest/', '') ?? '';
    requests.push(`${request.method} ${path}`);
    seen.push({ path, token: request.headers['x-aws-ec2-metadata-token'], socket: request.socket });
    (known[path] ?? says('', 404))(answer, request);
  });
  return {
    url: server.url,
    requests,
    tokens: (path) => seen.filter((one) => one.path === path).map(({ token }) => token),
    connections: (...paths) =>
      new Set(seen.filter(({ path }) => paths.includes(path)).map(({ socket }) => socket)).size,
    [Symbol.asyncDispose]: server.close,
  };
}

/** A server on loopback, and what ends it with all its connections. */
export async function listening(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Metadata whose connections are closed at the end of the test, however it ends. */
export function metadataAt(...endpoints: string[]) {
  const imds = createInstanceMetadata(endpoints);
  return { ...imds, [Symbol.dispose]: () => imds.close() };
}

/** What a promise fails with. */
export async function failureOf(promise: Promise<unknown>) {
  return promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error) => error,
  );
}
