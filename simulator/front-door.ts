/** One port for all services: tells them apart the way they can be, and hands each its own. */
import { AwsError } from './aws-error.ts';
import { type Call, callOf } from './call.ts';
import type { Service } from './calls.ts';
import type { World } from './cloud.ts';
import { answerEc2, ec2Failure, formOf } from './ec2/index.ts';
import { worldBefore } from './history.ts';
import type { Answer, Request } from './http.ts';
import { isForbidden, isKeyForbidden } from './permissions.ts';
import { refusalOf } from './refusals.ts';
import { answerRoute53 } from './route53/index.ts';
import { createSns } from './sns.ts';
import { createSqs } from './sqs/index.ts';

export interface FrontDoor {
  /** Tells a call, without doing anything. */
  tell(request: Request): Call;
  /**
   * Hands it to its service.
   * @param isGone says whether the caller has hung up.
   * @param staleMs how old the world is that it is shown; for calls that only look.
   */
  answer(call: Call, request: Request, isGone: () => boolean, staleMs: number): Promise<Answer>;
}

const services: readonly Service[] = ['ec2', 'route53', 'sns', 'sqs'];

export function createFrontDoor(world: World): FrontDoor {
  const sns = createSns(world);
  const sqs = createSqs(world);

  return {
    tell(request) {
      const service = serviceOf(request);
      return callOf(world, services.find((known) => known === service) ?? 'unknown', request);
    },
    async answer(call, request, isGone, staleMs) {
      if (isForbidden(world, call)) return refusalOf(world, call, { kind: 'refused' }, request.id);
      const keyIsForbidden = isKeyForbidden(world, call);
      if (keyIsForbidden && call.service !== 'ec2') return refusalOf(world, call, keyRefusal(call.service), request.id);
      const seen = staleMs > 0 ? worldBefore(world, Math.max(staleMs, world.delays.consistencyMs)) : world;
      switch (call.service) {
        case 'ec2':
          return answerEc2(keyIsForbidden ? { ...seen, keyIsForbidden } : seen, request);
        case 'route53':
          return answerRoute53(seen, request);
        case 'sns':
          return sns(request);
        case 'sqs':
          return sqs(request, isGone);
        default:
          return unknownService(request);
      }
    },
  };
}

/** By what the request was signed for; of an unsigned one, by what only one service has. */
function serviceOf(request: Request): string {
  const { headers, path } = request;
  const scope = /Credential=[^/]+\/[^/]+\/[^/]+\/([^/]+)\/aws4_request/.exec(headers.authorization ?? '')?.[1];
  if (scope !== undefined) return scope;
  if (headers['x-amz-target']?.startsWith('AmazonSQS.')) return 'sqs';
  if (path.includes('/2013-04-01/')) return 'route53';
  return new URLSearchParams(formOf(request)).get('Action') === 'Publish' ? 'sns' : 'ec2';
}

/** What is encrypted with a key can only be sent by who may use that. Source: SNS and SQS API References, errors of Publish and SendMessage. */
function keyRefusal(service: Service) {
  const code = service === 'sns' ? 'KMSAccessDenied' : 'KmsAccessDenied';
  return { kind: 'refused', code, message: 'The ciphertext refers to a key that you may not use.' } as const;
}

function unknownService(request: Request): Answer {
  const error = new AwsError('UnknownService', `The simulator has no service '${serviceOf(request)}'.`, 404);
  return {
    operation: `${request.method} ${request.path}`,
    params: {},
    reply: ec2Failure(error, request.id),
    errorCode: error.code,
  };
}
