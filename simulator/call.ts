/** A call as it can be told before its service has looked at it: whose it is, for what, and what it names. */
import { AwsError } from './aws-error.ts';
import type { Service } from './calls.ts';
import type { World } from './cloud.ts';
import { formOf } from './ec2/index.ts';
import type { Request } from './http.ts';
import { accessKeyIds } from './imds/tree.ts';
import { type Param, type Params, parseQuery } from './query.ts';
import { operationOf } from './route53/index.ts';
import { storedName } from './route53/names.ts';

export interface Call {
  service: Service;
  /** For example `AttachVolume`; of a request that is none, its method and path. */
  operation: string;
  /** Plain JSON. */
  params: unknown;
  /** Ids, names, ARNs and URLs in it. */
  names: readonly string[];
  /** Of the credentials that it was signed with; absent: it was not. */
  accessKeyId?: string;
}

/** Tells a call. */
export function callOf(world: World, service: Service, request: Request): Call {
  const accessKeyId = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1];
  return { service, ...toldBy(world, service, request), ...(accessKeyId !== undefined && { accessKeyId }) };
}

/** True when a call names a thing: wholly, or by the last part of an ARN or URL. */
export function isNamedBy({ names }: Call, resource: string): boolean {
  return names.some((name) => name === resource || name.split(/[:/]/).at(-1) === resource);
}

/** True when a call was signed with the credentials of an instance's metadata. */
export function isSignedBy({ instances, clock }: World, { accessKeyId }: Call, instanceId: string): boolean {
  const instance = instances.get(instanceId);
  return (
    accessKeyId !== undefined && instance !== undefined && accessKeyIds(instance, clock.now()).includes(accessKeyId)
  );
}

type Told = Pick<Call, 'operation' | 'params' | 'names'>;

function toldBy(world: World, service: Service, request: Request): Told {
  switch (service) {
    case 'route53':
      return toldByRoute53(world, request);
    case 'sqs':
      return toldBySqs(request);
    default:
      return toldByQuery(service, request);
  }
}

function toldByQuery(service: Service, request: Request): Told {
  const { Action: action, Version: _version, ...params } = parseQuery(formOf(request));
  const operation = typeof action === 'string' ? action : `${request.method} ${request.path}`;
  // What a message says is no name.
  const naming = service === 'sns' ? { TopicArn: params.TopicArn ?? '', TargetArn: params.TargetArn ?? '' } : params;
  return { operation, params, names: textsIn(naming) };
}

function toldBySqs({ headers, method, path, body }: Request): Told {
  const operation = /^AmazonSQS\.(\w+)$/.exec(headers['x-amz-target'] ?? '')?.[1] ?? `${method} ${path}`;
  const params = objectIn(body.toString('utf8'));
  return { operation, params, names: typeof params.QueueUrl === 'string' ? [params.QueueUrl] : [] };
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // The service says what is wrong with it.
    return {};
  }
}

function toldByRoute53(world: World, request: Request): Told {
  try {
    const { name, zoneId, params } = operationOf(world, request);
    const records = [...textsIn(params as Params, 'Name'), request.query.get('name') ?? ''].flatMap(spellings);
    return { operation: name, params, names: [zoneId, ...textsIn(params as Params, 'Id'), ...records] };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    // Route 53 says what is wrong with it.
    return { operation: `${request.method} ${request.path}`, params: {}, names: [] };
  }
}

/** A record's name with and without the dot at its end. */
function spellings(name: string): string[] {
  return name === '' ? [] : [storedName(name), storedName(name).slice(0, -1)];
}

/** Every text in nested parameters. @param member only those of this name. */
function textsIn(param: Param, member?: string, name = ''): string[] {
  if (typeof param === 'string') return member === undefined || member === name ? [param] : [];
  return Array.isArray(param)
    ? param.flatMap((one) => textsIn(one, member, name))
    : Object.entries(param).flatMap(([inner, one]) => textsIn(one, member, inner));
}
