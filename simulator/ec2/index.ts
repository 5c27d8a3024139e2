/** The "ec2" query protocol, version 2016-11-15: form in, XML out. Source: EC2 API Reference, "Making requests". */
import { AwsError } from '../aws-error.ts';
import type { World } from '../cloud.ts';
import type { Answer, Reply, Request } from '../http.ts';
import { type Params, parseQuery } from '../query.ts';
import { isRefused, losesAnswer } from '../sentinels.ts';
import { writeXml } from '../xml.ts';
import { type Action, namedIn } from './action.ts';
import { attachVolume } from './attach-volume.ts';
import { createSnapshot } from './create-snapshot.ts';
import { createVolume } from './create-volume.ts';
import { deleteVolume } from './delete-volume.ts';
import { describeInstances } from './describe-instances.ts';
import { describeSnapshots } from './describe-snapshots.ts';
import { describeTags } from './describe-tags.ts';
import { describeVolumes } from './describe-volumes.ts';
import { detachVolume } from './detach-volume.ts';
import { requestLimit, unauthorized } from './errors.ts';
import { modifyInstanceAttribute } from './modify-instance-attribute.ts';
import { createTags, deleteTags } from './tags.ts';

const actions = new Map<string, Action>(
  Object.entries({
    AttachVolume: attachVolume,
    CreateSnapshot: createSnapshot,
    CreateTags: createTags,
    CreateVolume: createVolume,
    DeleteTags: deleteTags,
    DeleteVolume: deleteVolume,
    DescribeInstances: describeInstances,
    DescribeSnapshots: describeSnapshots,
    DescribeTags: describeTags,
    DescribeVolumes: describeVolumes,
    DetachVolume: detachVolume,
    ModifyInstanceAttribute: modifyInstanceAttribute,
  }),
);

export function answerEc2(world: World, request: Request): Answer {
  const { Action: name, Version: _version, ...params } = parseQuery(formOf(request));
  const operation = typeof name === 'string' ? name : '';
  try {
    const action = actions.get(operation);
    if (action === undefined) throw unknownAction(operation);
    if (!world.throttle.take(operation, isUnfiltered(params))) return throttled(operation, params, request.id);
    const named = namedIn(world, operation, params);
    if (isRefused(named, operation, 'denied')) throw unauthorized();
    if (isRefused(named, operation, 'throttled')) throw requestLimit();
    const reply = success(operation, request.id, action(world, params));
    return { operation, params, reply, isLost: losesAnswer(world.answersLost, named, operation) };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return { operation, params, reply: ec2Failure(error, request.id), errorCode: error.code };
  }
}

/** A look at everything in one page. */
function isUnfiltered(params: Params): boolean {
  return ['Filter', 'MaxResults', 'NextToken'].every((name) => params[name] === undefined);
}

function throttled(operation: string, params: Params, requestId: string): Answer {
  const error = requestLimit();
  return { operation, params, reply: ec2Failure(error, requestId), errorCode: error.code, isThrottled: true };
}

/** The parameters: in the body, or for a GET in the URL. */
export function formOf({ method, query, body }: Request): string {
  return method === 'GET' ? query.toString() : body.toString('utf8');
}

/** An error as EC2 writes it; also for what no service understands. */
export function ec2Failure({ code, message, status }: AwsError, requestId: string): Reply {
  const error = { Code: code, Message: message };
  return xmlReply(status, { Response: { Errors: { Error: error }, RequestID: requestId } });
}

function success(operation: string, requestId: string, members: ReturnType<Action>): Reply {
  const namespace = { '@xmlns': 'http://ec2.amazonaws.com/doc/2016-11-15/' };
  return xmlReply(200, { [`${operation}Response`]: { ...namespace, requestId, ...members } });
}

function xmlReply(status: number, document: Parameters<typeof writeXml>[0]): Reply {
  return {
    status,
    headers: { 'content-type': 'text/xml;charset=UTF-8', 'cache-control': 'no-cache, no-store', server: 'AmazonEC2' },
    body: writeXml(document),
  };
}

function unknownAction(operation: string): AwsError {
  if (operation === '')
    return new AwsError('MissingAction', 'The request is missing an action or a required parameter.');
  return new AwsError('InvalidAction', `The action ${operation} is not valid for this web service.`);
}
