/** EC2's refusals in its own words. Source: EC2 API Reference, "Error codes"; wording from public reports. */
import { AwsError } from '../aws-error.ts';

export const missingParameter = (name: string) =>
  new AwsError('MissingParameter', `The request must contain the parameter ${name}`);

export const invalidParameter = (message: string) => new AwsError('InvalidParameterValue', message);

export const invalidCombination = (message: string) => new AwsError('InvalidParameterCombination', message);

export const volumeNotFound = (volumeId: string) =>
  new AwsError('InvalidVolume.NotFound', `The volume '${volumeId}' does not exist.`);

export const volumeIdMalformed = (volumeId: string) =>
  invalidParameter(`Value (${volumeId}) for parameter volumeId is invalid. Expected: 'vol-...'.`);

export const instanceNotFound = (instanceId: string) =>
  new AwsError('InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`);

export const instanceIdMalformed = (instanceId: string) =>
  new AwsError('InvalidInstanceID.Malformed', `Invalid id: "${instanceId}"`);

export const incorrectState = (message: string) => new AwsError('IncorrectState', message);

export const volumeInUse = (volumeId: string) =>
  new AwsError('VolumeInUse', `${volumeId} is already attached to an instance`);

export const volumeAttached = (volumeId: string, instanceId: string) =>
  new AwsError('VolumeInUse', `Volume ${volumeId} is currently attached to ${instanceId}`);

export const attachmentNotFound = (volumeId: string, instanceId: string) =>
  new AwsError('InvalidAttachment.NotFound', `The volume '${volumeId}' is not attached to instance '${instanceId}'.`);

export const zoneMismatch = (volumeId: string, instanceId: string) =>
  new AwsError(
    'InvalidVolume.ZoneMismatch',
    `The volume '${volumeId}' is not in the same availability zone as instance '${instanceId}'`,
  );

export const snapshotNotFound = (snapshotId: string) =>
  new AwsError('InvalidSnapshot.NotFound', `The snapshot '${snapshotId}' does not exist.`);

export const snapshotIdMalformed = (snapshotId: string) =>
  invalidParameter(`Value (${snapshotId}) for parameter snapshotId is invalid. Expected: 'snap-...'.`);

export const snapshotState = (state: string) => incorrectState(`Snapshot is in invalid state - ${state}`);

export const zoneNotFound = (zone: string) =>
  new AwsError('InvalidZone.NotFound', `The zone '${zone}' does not exist.`);

export const unknownVolumeType = (type: string) =>
  new AwsError('UnknownVolumeType', `Unsupported volume type '${type}' for volume creation.`);

export const missingDependency = (message: string) => new AwsError('InvalidParameterDependency', message);

export const tokenMismatch = () =>
  new AwsError(
    'IdempotentParameterMismatch',
    'Parameters on this idempotent request are inconsistent with parameters used in previous request(s)',
  );

export const volumeLimit = (limit: number) =>
  new AwsError('VolumeLimitExceeded', `Maximum number of volumes, ${limit}, exceeded.`);

export const noVolumeCapacity = (zone: string) =>
  new AwsError('InsufficientVolumeCapacity', `There is not enough capacity in ${zone} for this volume.`, 500);

export const attachmentLimit = (limit: number) =>
  new AwsError(
    'AttachmentLimitExceeded',
    `You may attach up to ${limit} devices for this instance type. Detach a volume, or use another instance type.`,
  );

export const multiAttachLimit = (volumeId: string) =>
  new AwsError('AttachmentLimitExceeded', `${volumeId} is attached to as many instances as Multi-Attach allows.`);

export const noDeviceMapped = (device: string) =>
  new AwsError('InvalidInstanceAttributeValue', `No device is currently mapped at ${device}`);

export const pointInUse = (device: string) =>
  invalidParameter(`Invalid value '${device}' for unixDevice. Attachment point ${device} is already in use`);

export const invalidDevice = (device: string) =>
  invalidParameter(`Value (${device}) for parameter device is invalid. ${device} is not a valid EBS device name.`);

export const unauthorized = () =>
  new AwsError(
    'UnauthorizedOperation',
    'You are not authorized to perform this operation. Encoded authorization failure message: c2ltdWxhdGVk',
    403,
  );

export const requestLimit = () => new AwsError('RequestLimitExceeded', 'Request limit exceeded.', 503);

export const dryRun = () =>
  new AwsError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);
