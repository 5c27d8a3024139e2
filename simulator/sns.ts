/** SNS Publish over the query protocol, version 2010-03-31. Source: SNS API Reference, "Publish"; wording from public reports. */
import { randomUUID } from 'node:crypto';
import { AwsError } from './aws-error.ts';
import type { MessageAttribute, Publication, Topic, World } from './cloud.ts';
import { formOf } from './ec2/index.ts';
import { createDeduplication, type Deduplication, digestOf, isFifoToken, sequenceNumber } from './fifo.ts';
import type { Answer, Reply, Request } from './http.ts';
import { type Params, parseQuery, structureOf, structuresOf, textOf } from './query.ts';
import { isRefused, type Named } from './sentinels.ts';
import { writeXml } from './xml.ts';

const NAMESPACE = { '@xmlns': 'http://sns.amazonaws.com/doc/2010-03-31/' };

/** The documents say "less than 100"; exactly 100 are reported to pass. */
const SUBJECT_LIMIT = 100;

type Accepted = Pick<Publication, 'messageId' | 'sequenceNumber'>;

/** @returns what answers a request to SNS; it remembers the deduplication ids of the last five minutes. */
export function createSns(world: World): (request: Request) => Answer {
  const recent = createDeduplication<Accepted>(world.clock);

  return (request) => {
    const { Action: action, Version: _version, ...params } = parseQuery(formOf(request));
    const operation = typeof action === 'string' ? action : '';
    try {
      if (operation !== 'Publish')
        throw new AwsError('InvalidAction', `The action ${operation} is not valid for this endpoint.`);
      const { messageId, sequenceNumber: number } = publish(world, params, recent, scopeRegionOf(request));
      const result = { MessageId: messageId, SequenceNumber: number };
      const metadata = { RequestId: request.id };
      const body = writeXml({
        PublishResponse: { ...NAMESPACE, PublishResult: result, ResponseMetadata: metadata },
      });
      return { operation, params, reply: { status: 200, headers: { 'content-type': 'text/xml' }, body } };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      return { operation, params, reply: snsFailure(error, request.id), errorCode: error.code };
    }
  };
}

/** A missing permission to publish, as SNS words it. */
export function authorizationError({ account }: World, topicArn: string): AwsError {
  const user = `User: arn:aws:sts::${account}:assumed-role/simulated-role`;
  const message = `${user} is not authorized to perform: SNS:Publish on resource: ${topicArn}`;
  return new AwsError('AuthorizationError', message, 403);
}

/** An error as SNS writes it. */
export function snsFailure({ code, message, status }: AwsError, requestId: string): Reply {
  const error = { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message };
  const body = writeXml({ ErrorResponse: { ...NAMESPACE, Error: error, RequestId: requestId } });
  return { status, headers: { 'content-type': 'text/xml' }, body };
}

function publish(
  world: World,
  params: Params,
  recent: Deduplication<Accepted>,
  scopeRegion: string | undefined,
): Accepted {
  const topic = topicOf(world, params, scopeRegion);
  const message = messageIn(params);
  const attributes = attributesIn(params);
  const bytes = Buffer.byteLength(message) + attributes.reduce((sum, attribute) => sum + sizeOf(attribute), 0);
  if (bytes > topic.maximumMessageBytes) throw invalid('Message too long');
  const fifo = fifoIn(topic, params, message);
  const given = { subject: subjectIn(params), message, attributes: Object.fromEntries(attributes.map(named)), ...fifo };

  const key = fifo.deduplicationId === undefined ? undefined : `${topic.arn} ${fifo.deduplicationId}`;
  const before = key === undefined ? undefined : recent.find(key);
  if (before !== undefined) return before;
  const accepted = accept(world, topic, given);
  if (key !== undefined) recent.add(key, accepted);
  return accepted;
}

type Given = Pick<Publication, 'message' | 'attributes' | 'groupId' | 'deduplicationId'> & {
  subject: string | undefined;
};

function accept(world: World, topic: Topic, { subject, ...given }: Given): Publication {
  const publication: Publication = {
    topicArn: topic.arn,
    messageId: randomUUID(),
    ...(subject !== undefined && { subject }),
    ...given,
    ...(isFifo(topic.arn) && { sequenceNumber: sequenceNumber() }),
    atMs: world.clock.now(),
  };
  world.publications.push(publication);
  world.accepted({ service: 'sns', ...publication });
  return publication;
}

function topicOf(world: World, params: Params, scopeRegion: string | undefined): Topic {
  const arn = textOf(params, 'TopicArn') ?? textOf(params, 'TargetArn');
  if (arn === undefined) throw invalid('TopicArn or TargetArn Reason: no value for required parameter');
  const parts = arn.split(':');
  if (parts.length < 6) throw invalid(`TopicArn Reason: An ARN must have at least 6 elements, not ${parts.length}`);
  if (scopeRegion !== undefined && parts[3] !== scopeRegion) throw invalid('TopicArn');
  const named: Named[] = [{ as: 'topic', id: parts[5] ?? '' }];
  if (isRefused(named, 'Publish', 'denied')) throw authorizationError(world, arn);
  if (isRefused(named, 'Publish', 'throttled')) throw new AwsError('Throttling', 'Rate exceeded');
  const topic = world.topics.get(arn);
  if (topic === undefined) throw new AwsError('NotFound', 'Topic does not exist', 404);
  return topic;
}

function messageIn(params: Params): string {
  const message = textOf(params, 'Message');
  if (message === undefined || message === '') throw invalid('Empty message');
  if (textOf(params, 'MessageStructure') !== 'json') return message;
  let byProtocol: unknown;
  try {
    byProtocol = JSON.parse(message);
  } catch {
    throw invalid('Message Structure - JSON message body failed to parse');
  }
  if (typeof byProtocol !== 'object' || byProtocol === null || !('default' in byProtocol))
    throw invalid('Message Structure - No default entry in JSON message body');
  return message;
}

function subjectIn(params: Params): string | undefined {
  const subject = textOf(params, 'Subject');
  if (subject === undefined) return undefined;
  // Letters, digits or punctuation first, no line break or other control character anywhere; ASCII is the older, safe rule.
  const allowed = /^[!-~][ -~]*$/.test(subject) && subject.length <= SUBJECT_LIMIT;
  if (!allowed) throw invalid('Subject');
  return subject;
}

type NamedAttribute = MessageAttribute & { name: string };

function attributesIn(params: Params): NamedAttribute[] {
  return structuresOf(structureOf(params, 'MessageAttributes'), 'entry').map((entry) => {
    const value = structureOf(entry, 'Value');
    const text = textOf(value, 'StringValue');
    const bytes = textOf(value, 'BinaryValue');
    const name = textOf(entry, 'Name') ?? '';
    if ((text ?? bytes ?? '') === '')
      throw new AwsError(
        'ParameterValueInvalid',
        `The message attribute '${name}' must contain non-empty message attribute value.`,
      );
    return {
      name,
      DataType: textOf(value, 'DataType') ?? '',
      ...(text !== undefined && { StringValue: text }),
      ...(bytes !== undefined && { BinaryValue: bytes }),
    };
  });
}

function sizeOf({ name, DataType, StringValue = '', BinaryValue = '' }: NamedAttribute): number {
  return Buffer.byteLength(name + DataType + StringValue) + Buffer.byteLength(BinaryValue, 'base64');
}

function named({ name, StringValue, BinaryValue }: NamedAttribute): [string, string] {
  return [name, StringValue ?? BinaryValue ?? ''];
}

function fifoIn(topic: Topic, params: Params, message: string): Pick<Publication, 'groupId' | 'deduplicationId'> {
  const groupId = textOf(params, 'MessageGroupId');
  const deduplicationId = textOf(params, 'MessageDeduplicationId');
  for (const [name, value] of Object.entries({ MessageGroupId: groupId, MessageDeduplicationId: deduplicationId }))
    if (value !== undefined && !isFifoToken(value)) throw invalid(name);
  if (!isFifo(topic.arn)) {
    if (deduplicationId !== undefined)
      throw invalid(
        'MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
      );
    return groupId === undefined ? {} : { groupId };
  }
  if (groupId === undefined) throw invalid('The MessageGroupId parameter is required for FIFO topics');
  if (deduplicationId === undefined && !topic.contentBasedDeduplication)
    throw invalid(
      'The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  return { groupId, deduplicationId: deduplicationId ?? digestOf(message) };
}

function isFifo(arn: string): boolean {
  return arn.endsWith('.fifo');
}

/** The region that the request was signed for; `undefined` for an unsigned one, such as a curl without `--aws-sigv4`. */
function scopeRegionOf({ headers }: Request): string | undefined {
  return /Credential=[^/]+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? '')?.[1];
}

function invalid(what: string): AwsError {
  return new AwsError('InvalidParameter', `Invalid parameter: ${what}`);
}
