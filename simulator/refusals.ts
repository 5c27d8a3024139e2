/** What a call is answered that a fault lets fail: each service's own code, in its own form. */
import { STATUS_CODES } from 'node:http';
import { AwsError } from './aws-error.ts';
import type { Call } from './call.ts';
import type { Service } from './calls.ts';
import type { World } from './cloud.ts';
import { requestLimit, unauthorized } from './ec2/errors.ts';
import { ec2Failure } from './ec2/index.ts';
import type { Answer, Reply } from './http.ts';
import { accessDenied as route53Denied, route53Failure } from './route53/index.ts';
import type { ServiceFailure } from './service-faults.ts';
import { authorizationError, snsFailure } from './sns.ts';
import { accessDenied, SqsError, throttled } from './sqs/errors.ts';
import { sqsFailure } from './sqs/index.ts';

/** What is answered in the place of the service. */
export type Refused = Extract<ServiceFailure, { kind: 'throttled' | 'refused' | 'status' }>;

/** The answer to a call that does not reach its service. */
export function refusalOf(world: World, call: Call, failure: Refused, requestId: string): Answer {
  const { operation, params } = call;
  if (failure.kind === 'status')
    return { operation, params, reply: unreadable(failure.status), errorCode: String(failure.status) };
  const error = failure.kind === 'throttled' ? throttlingOf(call.service) : refusedBy(world, call, failure);
  return { operation, params, reply: written(call.service, error, requestId), errorCode: error.code };
}

/** As front ends answer when nothing behind them does: a page for people. */
function unreadable(status: number): Reply {
  const title = `${status} ${STATUS_CODES[status] ?? 'Unknown'}`;
  const page = `<html><head><title>${title}</title></head><body><h1>${title}</h1><hr></body></html>\n`;
  return { status, headers: { 'content-type': 'text/html' }, body: page };
}

function throttlingOf(service: Service): AwsError {
  if (service === 'sqs') return throttled();
  return service === 'ec2' ? requestLimit() : new AwsError('Throttling', 'Rate exceeded');
}

function refusedBy(
  world: World,
  call: Call,
  { code, message, status }: Extract<ServiceFailure, { kind: 'refused' }>,
): AwsError {
  const denied = denialOf(world, call);
  if (code === undefined) return changed(denied, message, status);
  const said = message ?? 'The simulator was told to refuse this.';
  if (call.service !== 'sqs') return new AwsError(code, said, status);
  return new SqsError(`com.amazonaws.sqs#${code.split('.').at(-1)}`, code, said, status);
}

function changed(error: AwsError, message = error.message, status = error.status): AwsError {
  return error instanceof SqsError
    ? new SqsError(error.type, error.code, message, status)
    : new AwsError(error.code, message, status);
}

/** How each service words a missing permission. */
function denialOf(world: World, { service, operation, params, names }: Call): AwsError {
  const name = names.find((one) => one !== '') ?? '';
  switch (service) {
    case 'route53':
      return route53Denied(world, operation, params as Record<string, unknown>);
    case 'sns':
      return authorizationError(world, name);
    case 'sqs':
      return accessDenied(`arn:aws:sqs:${world.region}:${name.split('/').slice(-2).join(':')}`, operation);
    default:
      return unauthorized();
  }
}

function written(service: Service, error: AwsError, requestId: string): Reply {
  if (error instanceof SqsError) return sqsFailure(error);
  if (service === 'route53') return route53Failure(error, requestId);
  return service === 'sns' ? snsFailure(error, requestId) : ec2Failure(error, requestId);
}
