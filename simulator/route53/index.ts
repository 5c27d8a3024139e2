/** Route 53's REST protocol, version 2013-04-01: paths, XML in and out. Source: Route 53 API Reference. */
import { AwsError } from '../aws-error.ts';
import type { World } from '../cloud.ts';
import type { Answer, Reply, Request } from '../http.ts';
import { isRefused, losesAnswer, type Named } from '../sentinels.ts';
import { readXml, writeXml, type XmlElement } from '../xml.ts';
import { changeResourceRecordSets, getChange } from './changes.ts';
import { listResourceRecordSets } from './list-record-sets.ts';
import { type Element, elementOf, lists } from './record-sets.ts';
import { getHostedZone, listHostedZones, listHostedZonesByName } from './zones.ts';

const NAMESPACE = { '@xmlns': 'https://route53.amazonaws.com/doc/2013-04-01/' };

interface Operation {
  name: string;
  /** The zone that it is about, whether there is such a zone or not; of an unknown change, and of a look at all zones, it is empty. */
  zoneId: string;
  params: Record<string, unknown>;
  run(): XmlElement;
}

export function answerRoute53(world: World, request: Request): Answer {
  let operation: Operation | undefined;
  try {
    operation = operationOf(world, request);
    const { name, params, zoneId } = operation;
    // For the whole account and all calls together, whatever they are about.
    if (!world.throttle.take('Route 53')) return throttled(name, params, request.id);
    const named: Named[] = [{ as: 'zone', id: zoneId }];
    if (isRefused(named, name, 'denied')) throw accessDenied(world, name, params);
    if (isRefused(named, name, 'throttled')) throw rateExceeded();
    const body = writeXml({ [`${name}Response`]: { ...NAMESPACE, ...operation.run() } });
    const reply = { status: 200, headers: { 'content-type': 'text/xml' }, body };
    return { operation: name, params, reply, isLost: losesAnswer(world.answersLost, named, name) };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const { name, params } = operation ?? { name: `${request.method} ${request.path}`, params: {} };
    return { operation: name, params, reply: route53Failure(error, request.id), errorCode: error.code };
  }
}

/**
 * What a request asks for; nothing is done before it is run.
 * @throws AwsError
 */
export function operationOf(world: World, { method, path, query, body }: Request): Operation {
  // What stands before the version is the path of the endpoint, as in `http://127.0.0.1:4566/dns`.
  const [kind, id = '', tail = ''] = path.split('/2013-04-01/')[1]?.split('/') ?? [];
  const asked = Object.fromEntries(query);
  switch ([method, kind, ...(id === '' ? [] : ['ID']), ...(tail === '' ? [] : [tail])].join(' ')) {
    case 'POST hostedzone ID rrset': {
      const batch = batchIn(body.toString('utf8'));
      const params = { HostedZoneId: id, ChangeBatch: batch };
      const run = () => changeResourceRecordSets(world, id, batch);
      return { name: 'ChangeResourceRecordSets', zoneId: id, params, run };
    }
    case 'GET hostedzone ID rrset': {
      const run = () => listResourceRecordSets(world, id, query);
      return { name: 'ListResourceRecordSets', zoneId: id, params: { HostedZoneId: id, ...asked }, run };
    }
    case 'GET change ID': {
      const zoneId = world.changes.get(id)?.zoneId ?? '';
      return { name: 'GetChange', zoneId, params: { Id: id }, run: () => getChange(world, id) };
    }
    case 'GET hostedzone ID':
      return { name: 'GetHostedZone', zoneId: id, params: { Id: id }, run: () => getHostedZone(world, id) };
    case 'GET hostedzone':
      return { name: 'ListHostedZones', zoneId: '', params: asked, run: () => listHostedZones(world, query) };
    case 'GET hostedzonesbyname':
      return {
        name: 'ListHostedZonesByName',
        zoneId: '',
        params: asked,
        run: () => listHostedZonesByName(world, query),
      };
    default:
      throw new AwsError('UnknownOperationException', `The simulator does not know ${method} ${path}.`, 404);
  }
}

function batchIn(text: string): Element {
  const document = readXml(text, lists);
  if (document === undefined) throw new AwsError('MalformedInput', 'The XML you provided was not well-formed.');
  return elementOf(elementOf(document as Element, 'ChangeResourceRecordSetsRequest'), 'ChangeBatch');
}

function throttled(operation: string, params: unknown, requestId: string): Answer {
  const error = rateExceeded();
  return { operation, params, reply: route53Failure(error, requestId), errorCode: error.code, isThrottled: true };
}

function rateExceeded(): AwsError {
  return new AwsError('Throttling', 'Rate exceeded');
}

/** A missing permission as Route 53 words it. @param params of the operation, by which its resource is told. */
export function accessDenied({ account }: World, operation: string, params: Record<string, unknown>): AwsError {
  const { HostedZoneId, Id } = params;
  const resource = operation === 'GetChange' ? `change/${Id}` : `hostedzone/${HostedZoneId ?? Id ?? '*'}`;
  const message =
    `User: arn:aws:sts::${account}:assumed-role/simulated-role is not authorized to perform: route53:${operation} ` +
    `on resource: arn:aws:route53:::${resource}`;
  return new AwsError('AccessDenied', message, 403);
}

/** An error as Route 53 writes it: the wrapped form; the bare `<InvalidChangeBatch>` of the API's documentation has not been sent since about 2024. */
export function route53Failure({ code, message, status }: AwsError, requestId: string): Reply {
  const error = { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message };
  const body = writeXml({ ErrorResponse: { ...NAMESPACE, Error: error, RequestId: requestId } });
  return { status, headers: { 'content-type': 'text/xml' }, body };
}
