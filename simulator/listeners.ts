/** HTTP servers on loopback: started, named and closed. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsError } from './aws-error.ts';
import { json, send } from './http.ts';

const KEEP_ALIVE_MS = 60_000;

export type Handler = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

/** @param port 0: a free one. */
export function listen(port: number, handler: Handler): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    handler(incoming, outgoing).catch((error: unknown) => {
      // A request that is too large, a defect of the simulator, or a caller who hung up in the middle.
      if (outgoing.headersSent || outgoing.destroyed) return outgoing.destroy();
      const status = error instanceof AwsError ? error.status : 500;
      send(outgoing, json({ problem: error instanceof Error ? error.stack : String(error) }, status));
    });
  });
  // As patient as AWS: a connection closed just when a client takes it up again is a failure that is not asked for here.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** For example `http://127.0.0.1:4566`. */
export function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Ends its connections, too. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
