/** One port for all services: tells them apart the way they can be, and hands each its own. */
import { AwsError } from './aws-error.ts';
import type { Service } from './calls.ts';
import type { World } from './cloud.ts';
import { answerEc2, ec2Failure, formOf } from './ec2/index.ts';
import type { Answer, Request } from './http.ts';
import { answerRoute53 } from './route53/index.ts';
import { createSns } from './sns.ts';
import { createSqs } from './sqs/index.ts';

type FrontDoor = (request: Request, isGone: () => boolean) => Promise<{ service: Service; answer: Answer }>;

export function createFrontDoor(world: World): FrontDoor {
  const sns = createSns(world);
  const sqs = createSqs(world);

  return async (request, isGone) => {
    const service = serviceOf(request);
    switch (service) {
      case 'ec2':
        return { service, answer: answerEc2(world, request) };
      case 'route53':
        return { service, answer: answerRoute53(world, request) };
      case 'sns':
        return { service, answer: sns(request) };
      case 'sqs':
        return { service, answer: await sqs(request, isGone) };
      default:
        return { service: 'unknown', answer: unknownService(request, service) };
    }
  };
}

/** By what the request was signed for; of an unsigned one, by what only one service has. */
function serviceOf(request: Request): string {
  const { headers, path } = request;
  const scope = /Credential=[^/]+\/[^/]+\/[^/]+\/([^/]+)\/aws4_request/.exec(headers.authorization ?? '')?.[1];
  if (scope !== undefined) return scope;
  if (headers['x-amz-target']?.startsWith('AmazonSQS.')) return 'sqs';
  if (path.startsWith('/2013-04-01/')) return 'route53';
  return new URLSearchParams(formOf(request)).get('Action') === 'Publish' ? 'sns' : 'ec2';
}

function unknownService(request: Request, service: string): Answer {
  const error = new AwsError('UnknownService', `The simulator has no service '${service}'.`, 404);
  return {
    operation: `${request.method} ${request.path}`,
    params: {},
    reply: ec2Failure(error, request.id),
    errorCode: error.code,
  };
}
