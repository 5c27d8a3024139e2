/** What AWS says when it refuses, in an operator's words. */

import { AdapterError, messageOf } from '../config/errors.ts';
import type { ApiCall } from './aws.ts';

/** The code of a refusal, for example `VolumeInUse`; absent when the failure is none of the service's. */
export function codeOf(error: unknown): string | undefined {
  const cause = error instanceof AdapterError ? error.cause : error;
  if (!Error.isError(cause)) return undefined;
  // A failure on the way there has its name in `code`: ECONNREFUSED, not Error.
  return cause.name === 'Error' ? String((cause as NodeJS.ErrnoException).code ?? cause.name) : cause.name;
}

/**
 * A failed call as an {@link AdapterError}; the SDK's own error is its cause.
 * @param isYoung whether the instance booted a moment ago: what a role may do can then come later than the instance (9.7).
 */
export function refusalOf({ operation, permission }: ApiCall, error: unknown, isYoung: boolean): AdapterError {
  const code = codeOf(error) ?? 'unknown';
  const kind = kinds.find(({ codes }) => codes.test(code));
  const mayComeYet = isYoung && kind?.dependsOnRole === true;
  const retryable = mayComeYet || (kind?.retryable ?? isPassingFault(error));
  const remedy =
    kind?.remedy(permission) ?? (retryable ? 'It may pass by itself.' : 'Look the code up in the API reference.');
  const hope = mayComeYet ? 'The instance is young, and its role may not be there yet. If this stays: ' : '';
  return new AdapterError(operation, saidBy(error, code), `${hope}${remedy}`, { cause: error, retryable });
}

/** What was answered, in one line. */
function saidBy(error: unknown, code: string): string {
  const status = responseOf(error)?.statusCode ?? metadataOf(error)?.httpStatusCode;
  if (isUnreadable(error)) return `the answer (HTTP ${status}) cannot be read`;
  if (/^(AbortError|TimeoutError)$/.test(code) && !/hang up/.test(messageOf(error))) return 'no answer in time';
  // Without a body there is neither code nor message.
  if (/^Unknown(Error)?$/.test(code)) return `HTTP ${status ?? '?'} without a reason`;
  return `${code}: ${messageOf(error)
    .split('\n', 1)[0]
    ?.replace(/\.?\s*$/, '')}`;
}

interface Kind {
  codes: RegExp;
  remedy(permission: string): string;
  retryable?: boolean;
  /** Whether it may be said of a role that is not there yet, or of one whose policy is not. */
  dependsOnRole?: boolean;
}

/** Source: error codes of the EC2, Route 53, SNS and SQS API references. */
const kinds: Kind[] = [
  {
    codes:
      /^(UnauthorizedOperation|AccessDenied|AccessDeniedException|AuthorizationError|AuthorizationErrorException)$/,
    remedy: (permission) => `Allow ${permission} in the policy of the instance's role; see docs/permissions.md.`,
    dependsOnRole: true,
  },
  {
    codes: /^(CredentialsProviderError|TokenProviderError)$/,
    remedy: () => 'Give the instance a role (instance profile), or export AWS credentials.',
    retryable: true,
    dependsOnRole: true,
  },
  {
    codes:
      /^(AuthFailure|InvalidClientTokenId|SignatureDoesNotMatch|RequestExpired|ExpiredToken|ExpiredTokenException|MissingAuthenticationToken|UnrecognizedClientException|InvalidSecurity)$/,
    remedy: () => "Check the instance's role, the region, and the clock.",
    dependsOnRole: true,
  },
  {
    codes:
      /^(RequestLimitExceeded|Throttling|ThrottlingException|ThrottledException|RequestThrottled|TooManyRequestsException|SlowDown|PriorRequestNotComplete|ConcurrentTagAccess)$/,
    remedy: () => 'The account makes more calls than its quota allows; that may pass by itself.',
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
  {
    codes: /^VolumeInUse$/,
    remedy: () => 'Detach it from whoever has it, or wait until it is let go.',
  },
  {
    codes: /^(EncryptedVolumesNotSupported|UnsupportedOperation)$/,
    remedy: () => 'Use an instance type that can have such a volume, or a volume of another kind.',
  },
  {
    codes: /^(CustomerKeyHasBeenRevoked|KMS\w*|Kms\w*|InvalidKMSKey[.\w]*)$/,
    remedy: (permission) =>
      /^s[nq]s:/.test(permission)
        ? "Check that its key is enabled, and allow kms:Decrypt and kms:GenerateDataKey on it to the instance's role."
        : "Check that the volume's key is enabled, and allow kms:CreateGrant, kms:Decrypt and kms:GenerateDataKeyWithoutPlaintext on it to the instance's role.",
  },
  {
    codes: /^(InvalidSnapshot\.NotFound|InvalidSnapshotID\.Malformed)$/,
    remedy: () =>
      "Check SnapshotId in create: the snapshot has to be in the instance's region, and shared with its account.",
  },
  { codes: /^UnknownVolumeType$/, remedy: () => 'Check VolumeType in create, for example gp3.' },
  { codes: /^InvalidZone\.NotFound$/, remedy: () => 'Check that the account may use this zone.' },
  {
    codes:
      /^(VolumeLimitExceeded|MaxIOPSLimitExceeded|ResourceLimitExceeded|SnapshotLimitExceeded|PendingSnapshotLimitExceeded|ConcurrentSnapshotLimitExceeded)$/,
    remedy: () => "Ask for a larger quota of EBS in this region (Service Quotas), or delete what isn't needed.",
  },
  { codes: /^TagLimitExceeded$/, remedy: () => 'A volume can have 50 tags: remove some of them.' },
  {
    codes: /^InsufficientVolumeCapacity$/,
    remedy: () =>
      'The zone has no room for such a volume; that may pass by itself, or try another VolumeType in create.',
    retryable: true,
  },
  { codes: /^NoSuchHostedZone$/, remedy: () => 'Check hostedzone: it is the id of the zone, such as Z0123456789ABC.' },
  {
    codes: /^InvalidChangeBatch$/,
    remedy: () =>
      'Check that the name belongs to the zone, and that no CNAME and no record set of another kind (simple, multivalue, weighted …) has it.',
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
  {
    codes:
      /^(InvalidParameterCombination|InvalidParameterDependency|MissingParameter|UnknownParameter|ValidationError|MalformedQueryString)$/,
    remedy: () => 'Check the configured values: one is missing, unknown, or does not go with the others.',
  },
  { codes: /^(InvalidInstanceID\.NotFound)$/, remedy: () => 'Check the region.', retryable: true },
  { codes: /^InvalidInstanceID\.Malformed$/, remedy: () => 'Check what the instance metadata gives for instance-id.' },
  {
    codes: /^IncorrectInstanceState$/,
    remedy: () => 'The instance is not running, or not yet; that may pass by itself.',
    retryable: true,
  },
  {
    codes: /^(IncorrectState|InvalidAttachment\.NotFound)$/,
    remedy: () => 'See in which state the volume, its snapshot and the instance are.',
  },
];

/** Faults of the service and of the way to it. Source: SDK for JavaScript v3, its retry strategy. */
function isPassingFault(error: unknown): boolean {
  if (!Error.isError(error)) return false;
  const { code, name } = error as { code?: string; name: string };
  const status = responseOf(error)?.statusCode ?? metadataOf(error)?.httpStatusCode ?? 0;
  // EMFILE and ENFILE: we are out of descriptors, and commands that end give some back.
  const onTheWay = /^(EMFILE|ENFILE|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/.test(
    code ?? '',
  );
  return (
    // A success that cannot be read is none; what a proxy forbids it forbids the next time, too.
    (isUnreadable(error) && status < 300) ||
    status >= 500 ||
    status === 429 ||
    onTheWay ||
    /^(TimeoutError|AbortError|RequestTimeout)$/.test(name)
  );
}

/** An answer that is no XML or JSON of the service's: something between us and it answered, or the answer was cut off. */
function isUnreadable(error: unknown): boolean {
  const status = responseOf(error)?.statusCode;
  // The SDK's reader gives up with an error of no name of its own.
  return status !== undefined && (status < 300 || /^(Error|SyntaxError)$/.test((error as Error).name));
}

/** The SDK hides the raw answer in an error that it made while reading it. */
function responseOf(error: unknown): { statusCode?: number } | undefined {
  return Error.isError(error) ? (error as { $response?: { statusCode?: number } }).$response : undefined;
}

function metadataOf(error: unknown): { httpStatusCode?: number } | undefined {
  return Error.isError(error) ? (error as { $metadata?: { httpStatusCode?: number } }).$metadata : undefined;
}
