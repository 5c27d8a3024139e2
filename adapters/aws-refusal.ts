/** What AWS says when it refuses, in an operator's words. */

import { AdapterError, messageOf } from '../config/errors.ts';
import type { ApiCall } from './aws.ts';

/** The code of a refusal, for example `VolumeInUse`; absent when the failure is none of the service's. */
export function codeOf(error: unknown): string | undefined {
  const cause = error instanceof AdapterError ? error.cause : error;
  return Error.isError(cause) ? cause.name : undefined;
}

/** A failed call as an {@link AdapterError}; the SDK's own error is its cause. */
export function refusalOf({ operation, permission }: ApiCall, error: unknown): AdapterError {
  const code = codeOf(error) ?? 'unknown';
  const said = messageOf(error).replace(/\.?\s*$/, '');
  const kind = kinds.find(({ codes }) => codes.test(code));
  const retryable = kind?.retryable ?? isPassingFault(error);
  const remedy =
    kind?.remedy(permission) ?? (retryable ? 'It is tried again.' : 'Look the code up in the API reference.');
  return new AdapterError(operation, `${code}: ${said}`, remedy, { cause: error, retryable });
}

interface Kind {
  codes: RegExp;
  remedy(permission: string): string;
  retryable?: boolean;
}

/** Source: error codes of the EC2, Route 53, SNS and SQS API references. */
const kinds: Kind[] = [
  {
    codes:
      /^(UnauthorizedOperation|AccessDenied|AccessDeniedException|AuthorizationError|AuthorizationErrorException)$/,
    remedy: (permission) => `Allow ${permission} in the policy of the instance's role.`,
  },
  {
    codes: /^(CredentialsProviderError|TokenProviderError)$/,
    remedy: () => 'Give the instance a role (instance profile), or export AWS credentials.',
    retryable: true,
  },
  {
    codes:
      /^(AuthFailure|InvalidClientTokenId|SignatureDoesNotMatch|RequestExpired|ExpiredToken|ExpiredTokenException|MissingAuthenticationToken|UnrecognizedClientException|InvalidSecurity)$/,
    remedy: () => "Check the instance's role, the region, and the clock.",
  },
  {
    codes:
      /^(RequestLimitExceeded|Throttling|ThrottlingException|ThrottledException|RequestThrottled|TooManyRequestsException|SlowDown|PriorRequestNotComplete|ConcurrentTagAccess)$/,
    remedy: () => 'The account makes more calls than its quota allows; it is tried again.',
    retryable: true,
  },
  {
    codes: /^(InvalidVolume\.NotFound|InvalidVolumeID\.Malformed)$/,
    remedy: () => "Check volume-id, and that the volume is in the instance's region.",
  },
  {
    codes: /^InvalidVolume\.ZoneMismatch$/,
    remedy: () => "Launch the instance in the volume's zone, or copy the volume by a snapshot.",
  },
  { codes: /^AttachmentLimitExceeded$/, remedy: () => 'Use a larger instance type, or fewer volumes.' },
  { codes: /^NoSuchHostedZone$/, remedy: () => 'Check hostedzone: it is the id of the zone, such as Z0123456789ABC.' },
  {
    codes: /^InvalidChangeBatch$/,
    remedy: () => 'Check that the name belongs to the zone and that no CNAME has it.',
  },
  { codes: /^(NotFound|NotFoundException)$/, remedy: () => 'Check the topic ARN, and its region.' },
  {
    codes: /^(QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue)$/,
    remedy: () => 'Check queue-url, and its region.',
  },
  {
    codes: /^(InvalidParameterValue|InvalidParameter|InvalidParameterException|InvalidInput)$/,
    remedy: () => 'Check the configured value.',
  },
  { codes: /^(InvalidInstanceID\.NotFound)$/, remedy: () => 'Check the region.', retryable: true },
];

/** Faults of the service and of the way to it. Source: SDK for JavaScript v3, its retry strategy. */
function isPassingFault(error: unknown): boolean {
  if (!Error.isError(error)) return false;
  const { $metadata, code, name } = error as { $metadata?: { httpStatusCode?: number }; code?: string; name: string };
  const status = $metadata?.httpStatusCode ?? 0;
  const onTheWay = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/.test(code ?? '');
  return status >= 500 || status === 429 || onTheWay || /^(TimeoutError|AbortError|RequestTimeout)$/.test(name);
}
