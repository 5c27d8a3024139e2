/** Route 53's REST protocol, version 2013-04-01: paths, XML in and out. Source: Route 53 API Reference. */
import { randomBytes } from 'node:crypto';
import { AwsError } from '../aws-error.ts';
import type { HostedZone, World, ZoneChange } from '../cloud.ts';
import type { Answer, Reply, Request } from '../http.ts';
import { isRefused, losesAnswer, type Named } from '../sentinels.ts';
import { readXml, writeXml, type XmlElement } from '../xml.ts';
import { apply, changesIn } from './change-batch.ts';
import { storedName } from './names.ts';
import {
  compareRecordSets,
  type Element,
  elementOf,
  lists,
  type Position,
  recordSetItem,
  textIn,
} from './record-sets.ts';

const NAMESPACE = { '@xmlns': 'https://route53.amazonaws.com/doc/2013-04-01/' };
const PAGE_LIMIT = 300;

interface Operation {
  name: string;
  /** The zone that it is about, whether there is such a zone or not; of an unknown change it is empty. */
  zoneId: string;
  params: Record<string, unknown>;
  run(): XmlElement;
}

export function answerRoute53(world: World, request: Request): Answer {
  let operation: Operation | undefined;
  try {
    operation = operationOf(world, request);
    const { name, params, zoneId } = operation;
    const named: Named[] = [{ as: 'zone', id: zoneId }];
    if (isRefused(named, name, 'denied')) throw accessDenied(world, name, zoneId);
    if (isRefused(named, name, 'throttled')) throw new AwsError('Throttling', 'Rate exceeded');
    const body = writeXml({ [`${name}Response`]: { ...NAMESPACE, ...operation.run() } });
    const reply = { status: 200, headers: { 'content-type': 'text/xml' }, body };
    return { operation: name, params, reply, isLost: losesAnswer(world.answersLost, named, name) };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const { name, params } = operation ?? { name: `${request.method} ${request.path}`, params: {} };
    return { operation: name, params, reply: route53Failure(error, request.id), errorCode: error.code };
  }
}

/** An error as Route 53 writes it: the wrapped form; the bare `<InvalidChangeBatch>` of the API's documentation has not been sent since about 2024. */
export function route53Failure({ code, message, status }: AwsError, requestId: string): Reply {
  const error = { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message };
  const body = writeXml({ ErrorResponse: { ...NAMESPACE, Error: error, RequestId: requestId } });
  return { status, headers: { 'content-type': 'text/xml' }, body };
}

/**
 * What a request asks for; nothing is done before it is run.
 * @throws AwsError
 */
export function operationOf(world: World, { method, path, query, body }: Request): Operation {
  const [, kind, id = '', tail] = path.split('/').slice(1);
  if (kind === 'hostedzone' && tail === 'rrset' && method === 'POST') {
    const batch = batchIn(body.toString('utf8'));
    const params = { HostedZoneId: id, ChangeBatch: batch };
    return {
      name: 'ChangeResourceRecordSets',
      zoneId: id,
      params,
      run: () => changeResourceRecordSets(world, id, batch),
    };
  }
  if (kind === 'hostedzone' && tail === 'rrset' && method === 'GET') {
    const params = { HostedZoneId: id, ...Object.fromEntries(query) };
    return {
      name: 'ListResourceRecordSets',
      zoneId: id,
      params,
      run: () => listResourceRecordSets(zoneOf(world, id), query),
    };
  }
  if (kind === 'change' && tail === undefined && method === 'GET') {
    const zoneId = world.changes.get(id)?.zoneId ?? '';
    const run = () => ({ ChangeInfo: changeInfo(changeOf(world, id)) });
    return { name: 'GetChange', zoneId, params: { Id: id }, run };
  }
  throw new AwsError('UnknownOperationException', `The simulator does not know ${method} ${path}.`, 404);
}

function batchIn(text: string): Element {
  const document = readXml(text, lists);
  if (document === undefined) throw new AwsError('MalformedInput', 'The XML you provided was not well-formed.');
  return elementOf(elementOf(document as Element, 'ChangeResourceRecordSetsRequest'), 'ChangeBatch');
}

function changeResourceRecordSets(world: World, zoneId: string, batch: Element): XmlElement {
  const zone = zoneOf(world, zoneId);
  const changes = changesIn(batch);
  if (world.clock.now() < zone.busyUntilMs)
    throw new AwsError(
      'PriorRequestNotComplete',
      'The request was rejected because Route 53 was still processing a prior request.',
    );
  zone.recordSets = apply(zone, changes);
  zone.busyUntilMs = world.clock.now() + world.delays.zoneBusyMs;
  return { ChangeInfo: changeInfo(newChange(world, zoneId, textIn(batch, 'Comment'))) };
}

function newChange(world: World, zoneId: string, comment: string | undefined): ZoneChange {
  const change: ZoneChange = {
    id: `C${randomBytes(10).toString('hex').toUpperCase()}`,
    zoneId,
    status: 'PENDING',
    submittedAt: new Date(world.clock.now()).toISOString(),
    ...(comment !== undefined && { comment }),
  };
  world.changes.set(change.id, change);
  world.clock.after(world.delays.insyncMs, () => {
    change.status = 'INSYNC';
  });
  return change;
}

function changeInfo({ id, status, submittedAt, comment }: ZoneChange): XmlElement {
  return { Id: `/change/${id}`, Status: status, SubmittedAt: submittedAt, Comment: comment };
}

function listResourceRecordSets(zone: HostedZone, query: URLSearchParams): XmlElement {
  const start = startOf(query);
  const limit = limitOf(query.get('maxitems'));
  const ordered = zone.recordSets.toSorted(compareRecordSets);
  const rest = start === undefined ? ordered : ordered.filter((record) => compareRecordSets(record, start) >= 0);
  const next = rest[limit];
  return {
    ResourceRecordSets: { ResourceRecordSet: rest.slice(0, limit).map(recordSetItem) },
    IsTruncated: next !== undefined,
    NextRecordName: next?.name,
    NextRecordType: next?.type,
    NextRecordIdentifier: next?.setIdentifier,
    MaxItems: limit,
  };
}

function startOf(query: URLSearchParams): Position | undefined {
  const name = query.get('name');
  const type = query.get('type');
  const setIdentifier = query.get('identifier');
  if ((name === null && type !== null) || (type === null && setIdentifier !== null))
    throw new AwsError('InvalidInput', 'A start type needs a start name, and a start identifier needs both.');
  if (name === null) return undefined;
  return { name: storedName(name), ...(type !== null && { type }), ...(setIdentifier !== null && { setIdentifier }) };
}

function limitOf(text: string | null): number {
  if (text === null) return PAGE_LIMIT;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0) return Math.min(limit, PAGE_LIMIT);
  throw new AwsError(
    'InvalidInput',
    `Invalid value '${text}' for maxitems: expected a number from 1 to ${PAGE_LIMIT}.`,
  );
}

function zoneOf(world: World, id: string): HostedZone {
  const zone = world.zones.get(id);
  if (zone === undefined) throw new AwsError('NoSuchHostedZone', `No hosted zone found with ID: ${id}`, 404);
  return zone;
}

function changeOf(world: World, id: string): ZoneChange {
  const change = world.changes.get(id);
  if (change === undefined) throw new AwsError('NoSuchChange', `Could not find resource with ID: ${id}`, 404);
  return change;
}

function accessDenied({ account }: World, call: string, zoneId: string): AwsError {
  const message =
    `User: arn:aws:sts::${account}:assumed-role/simulated-role is not authorized to perform: route53:${call} ` +
    `on resource: arn:aws:route53:::hostedzone/${zoneId}`;
  return new AwsError('AccessDenied', message, 403);
}
