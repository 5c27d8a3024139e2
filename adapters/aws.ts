/** What all calls to AWS share: clients made once, one credential provider, one HTTP agent, limits, retries, the call log. */

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { EC2Client } from '@aws-sdk/client-ec2';
import type { Route53Client } from '@aws-sdk/client-route-53';
import type { SNSClient } from '@aws-sdk/client-sns';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { AWS_ATTEMPT_TIMEOUT_MS, AWS_ATTEMPTS, AWS_CALL_TIMEOUT_MS } from '../config/constants.ts';
import { beforeAbort } from './abort.ts';
import { codeOf, refusalOf } from './aws-refusal.ts';

type Sdk = typeof import('./sdk.ts');

/** The SDK's names, and its clients. */
export interface Clients {
  sdk: Sdk;
  ec2: EC2Client;
  /**
   * The same with one attempt, for AttachVolume: when a throttled claim would be repeated the volume may be gone, so that one
   * looks again first.
   */
  ec2Once: EC2Client;
  route53: Route53Client;
  sns(region: string): SNSClient;
  sqs(region: string): SQSClient;
}

/** One domain's record of what is asked of AWS; `{transaction_log}` is made of it. */
export interface CallLog {
  /** A look is about to be made. @param method in snake_case, for example `describe_volumes`. */
  look(method: string, param: unknown): void;
  /** A change is about to be made. Gives false when it shall only be noted, since init is switched off. */
  change(method: string, param: unknown): Promise<boolean>;
}

/** A call as its refusal speaks of it. */
export interface ApiCall {
  /** The API's name and what it is about, for example `AttachVolume vol-0abc`. */
  operation: string;
  /** The permission that a refusal for lack of one asks for, for example `ec2:AttachVolume on the volume and the instance`. */
  permission: string;
  signal?: AbortSignal | undefined;
}

/** What the adapters of single services need. */
export interface Aws {
  /**
   * Performs one call within its limits.
   * @throws AdapterError with operation, code and remedy; `retryable` where the same call may succeed later.
   */
  call<Output>(call: ApiCall, perform: (clients: Clients, signal: AbortSignal) => Promise<Output>): Promise<Output>;
  /** Resolves when there are credentials. @throws AdapterError when there are none yet. */
  credentials(signal: AbortSignal): Promise<void>;
  /**
   * Throws clients and credentials away; the next call makes new ones. After hibernation they belong to another time. Calls under
   * way are let finish with the old ones, since nobody would know what became of a change that is cut off.
   */
  renew(): void;
  /** Closes every connection, those of calls under way too. */
  close(): void;
}

export interface AwsOptions {
  /** The instance's, for example `eu-west-1`. The SDK does not ask the metadata for it. */
  region: string;
  /** A profile of the shared configuration files, for debugging. */
  profile?: string;
  /** `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_SQS` are read from it; the SDK itself reads the process's. */
  environment: NodeJS.ProcessEnv;
  /** Whether the instance booted a moment ago, so that its role may not be there yet (9.7). Absent: it did not. */
  isYoung?: () => Promise<boolean> | boolean;
}

export function createAws(options: AwsOptions): Aws {
  const { isYoung = () => false } = options;
  let current: Connection | undefined;
  /** The current one, and those thrown away whose calls are still under way. */
  const open = new Set<Connection>();

  return {
    async call(call, perform) {
      try {
        return await connected(call.signal, perform);
      } catch (error) {
        throw refusalOf(call, error, await isYoung());
      }
    },

    async credentials(signal) {
      try {
        await connected(signal, ({ ec2 }) => ec2.config.credentials());
      } catch (error) {
        throw refusalOf({ operation: 'credentials', permission: '' }, error, await isYoung());
      }
    },

    renew() {
      const old = current;
      current = undefined;
      if (old?.callsUnderWay === 0) dispose(old);
    },

    close() {
      for (const connection of open) dispose(connection);
    },
  };

  /** Performs with the current clients, within the caller's patience and ours. */
  async function connected<Output>(
    patience: AbortSignal | undefined,
    perform: (clients: Clients, signal: AbortSignal) => Promise<Output>,
  ): Promise<Output> {
    const limit = AbortSignal.timeout(AWS_CALL_TIMEOUT_MS);
    const signal = patience ? AbortSignal.any([patience, limit]) : limit;
    const connection = connect();
    connection.callsUnderWay += 1;
    try {
      const { clients } = await connection.made;
      // The SDK's own signal does not reach the fetching of credentials, which may take for ever.
      return await beforeAbort(perform(clients, signal), signal);
    } finally {
      connection.callsUnderWay -= 1;
      if (connection !== current && connection.callsUnderWay === 0) dispose(connection);
    }
  }

  function connect(): Connection {
    if (current !== undefined) return current;
    current = { made: import('./sdk.ts').then((sdk) => createClients(sdk, options)), callsUnderWay: 0 };
    open.add(current);
    return current;
  }

  function dispose(connection: Connection): void {
    open.delete(connection);
    // A call that is asked for afterwards makes new clients, also after `close`.
    if (connection === current) current = undefined;
    // What could not be made needs no closing; whoever called has heard why.
    void connection.made.then(
      ({ close }) => close(),
      () => {},
    );
  }
}

/** Clients, and how many calls they are busy with. */
interface Connection {
  made: Promise<{ clients: Clients; close(): void }>;
  callsUnderWay: number;
}

function createClients(sdk: Sdk, { region, profile, environment }: AwsOptions): { clients: Clients; close(): void } {
  const agents = { httpAgent: new HttpAgent({ keepAlive: true }), httpsAgent: new HttpsAgent({ keepAlive: true }) };
  // Without these four the SDK waits for ever; `requestTimeout` alone only writes a warning.
  const requestHandler = new sdk.NodeHttpHandler({
    ...agents,
    connectionTimeout: 3_000,
    socketTimeout: AWS_ATTEMPT_TIMEOUT_MS,
    requestTimeout: AWS_ATTEMPT_TIMEOUT_MS,
    throwOnRequestTimeout: true,
  });
  // Each client would otherwise fetch its own credentials from the metadata.
  const credentials = sdk.defaultProvider(profile === undefined ? {} : { profile });
  const common = { region, credentials, requestHandler, maxAttempts: AWS_ATTEMPTS };
  // The host of a queue's URL would win against a redirection.
  const redirected = environment.AWS_ENDPOINT_URL ?? environment.AWS_ENDPOINT_URL_SQS;

  const clients: Clients = {
    sdk,
    ec2: retryingTagWrites(new sdk.EC2Client(common)),
    ec2Once: new sdk.EC2Client({ ...common, maxAttempts: 1 }),
    route53: new sdk.Route53Client(common),
    sns: perRegion((its) => new sdk.SNSClient({ ...common, region: its })),
    sqs: perRegion(
      (its) => new sdk.SQSClient({ ...common, region: its, useQueueUrlAsEndpoint: redirected === undefined }),
    ),
  };
  return { clients, close: () => requestHandler.destroy() };
}

/** Two tag writes on one resource at once are refused in passing, which the SDK's list of passing refusals leaves out. */
function retryingTagWrites(client: EC2Client): EC2Client {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (codeOf(error) === 'ConcurrentTagAccess')
          Object.assign(error as Error, { $retryable: { throttling: true } });
        throw error;
      }
    },
    // Inside of the retries, which come early in this step.
    { step: 'finalizeRequest', priority: 'low', name: 'retryingTagWrites' },
  );
  return client;
}

/** One client for each region asked for, made when it is. */
function perRegion<Client>(create: (region: string) => Client): (region: string) => Client {
  const made = new Map<string, Client>();
  return (region) => {
    const client = made.get(region) ?? create(region);
    made.set(region, client);
    return client;
  };
}

export { codeOf } from './aws-refusal.ts';
