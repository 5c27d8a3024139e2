/** Volumes that are made for a domain, and that go again when it does not come up. */

import { createHash } from 'node:crypto';
import type { CreateVolumeRequest, Filter, Tag, Volume } from '@aws-sdk/client-ec2';
import { AdapterError, messageOf } from '../config/errors.ts';
import { inTransit, type Tags, volumeTags } from '../config/tags.ts';
import type { Created, CreationRequest, Discarded, InstanceFacts, VolumeEntry } from '../config/vocabulary.ts';
import { type Aws, type CallLog, codeOf } from './aws.ts';
import { describeVolumes, filter } from './ec2-describe.ts';

/** What a request is made of, beside the entry. */
export interface RequestParts {
  transactionId: string;
  /** From 1; each has a ClientToken of its own. */
  attempt: number;
  now: Date;
}

/** What the daemon needs of EC2 to make volumes. */
export interface Creations {
  /** Plain JSON, to be journalled before it is sent; the same parts give the same request. Asks nobody. */
  requestFor(entry: VolumeEntry, parts: RequestParts): CreationRequest;
  /**
   * Asks for the volume of a request; repeated, it gives the same volume, which need not be ready. `used-up`: EC2 knows the
   * request's token for another request and shows no volume of this one, or its volume is gone by now.
   * @throws AdapterError for every other refusal.
   */
  create(request: CreationRequest, log: CallLog): Promise<Created>;
  /**
   * The volume that came of a request whose answer was lost: by its tags, and attached to nobody. It need not be ready, and may
   * have failed, since that one has to go again, too. Absent: there is none, or none yet.
   * @throws AdapterError when EC2 refuses the look.
   */
  find(request: CreationRequest, log: CallLog): Promise<string | undefined>;
  /**
   * Deletes a volume; `gone`: there is none of that id any more.
   * @throws AdapterError for every refusal; `retryable` while it is still being created, or detached.
   */
  discard(volumeId: string, log: CallLog): Promise<Exclude<Discarded, 'left' | 'not-ours'>>;
}

export function createCreations(aws: Aws, { instanceId, zone }: InstanceFacts): Creations {
  return { requestFor, create, find, discard };

  function requestFor(entry: VolumeEntry, parts: RequestParts): CreationRequest {
    const { AvailabilityZone: _zone, AvailabilityZoneId: _zoneId, DryRun: _dryRun, ...create } = entry.create ?? {};
    return {
      ...create,
      AvailabilityZone: zone,
      TagSpecifications: withTags(create.TagSpecifications, ourTags(entry, parts)),
      ClientToken: tokenOf(entry, parts),
    };
  }

  function ourTags({ domain, device, pool }: VolumeEntry, { transactionId, now }: RequestParts): Tags {
    return {
      [volumeTags.domain]: domain,
      ...(pool !== undefined && { [volumeTags.pool]: pool }),
      [volumeTags.created]: now.toISOString(),
      [volumeTags.device]: device,
      [volumeTags.transaction]: transactionId,
      [volumeTags.holder]: instanceId,
      [volumeTags.inTransit]: inTransit.neverPrepared,
    };
  }

  /** 64 characters, as many as EC2 takes. With the time, since a transaction's id may be given, and be the same in each run. */
  function tokenOf({ domain, device }: VolumeEntry, { transactionId, attempt, now }: RequestParts): string {
    const parts = JSON.stringify([instanceId, domain, device, transactionId, attempt, now.toISOString()]);
    return createHash('sha256').update(parts).digest('hex');
  }

  async function create(request: CreationRequest, log: CallLog): Promise<Created> {
    if (!(await log.change('create_volume', request))) return 'dry';
    try {
      const volume = await aws.call(
        { operation: `CreateVolume ${nameOf(request)}`, permission: permissionFor(request) },
        ({ sdk, ec2 }, abortSignal) =>
          ec2.send(new sdk.CreateVolumeCommand(request as CreateVolumeRequest), { abortSignal }),
      );
      return createdOf(volume, request);
    } catch (error) {
      return await afterCreateRefusal(request, log, error);
    }
  }

  async function afterCreateRefusal(request: CreationRequest, log: CallLog, error: unknown): Promise<Created> {
    const code = codeOf(error);
    if (code === 'IdempotentParameterMismatch') {
      // EC2 says so, too, while it is still at the very same request, whose answer was lost.
      const volumeId = await find(request, log);
      return volumeId === undefined ? 'used-up' : { volumeId };
    }
    if (code === 'IncorrectState' && /pending/.test(messageOf(error))) throw notCompleted(request, error);
    throw error;
  }

  async function find(request: CreationRequest, log: CallLog): Promise<string | undefined> {
    const filters = [...identityFilters(request), filter('availability-zone', [zone])];
    log.look('describe_volumes', { Filters: filters });
    const volumes = await describeVolumes(aws, { about: `created ${nameOf(request)}`, filters });
    return volumes.find(isNobodys)?.VolumeId;
  }

  async function discard(volumeId: string, log: CallLog): Promise<'deleted' | 'gone' | 'dry'> {
    if (!(await log.change('delete_volume', { VolumeId: volumeId }))) return 'dry';
    try {
      await aws.call(
        { operation: `DeleteVolume ${volumeId}`, permission: `ec2:DeleteVolume on ${volumeId}` },
        ({ sdk, ec2 }, abortSignal) => ec2.send(new sdk.DeleteVolumeCommand({ VolumeId: volumeId }), { abortSignal }),
      );
      return 'deleted';
    } catch (error) {
      return await afterDeleteRefusal(volumeId, log, error);
    }
  }

  async function afterDeleteRefusal(volumeId: string, log: CallLog, error: unknown): Promise<'deleted' | 'gone'> {
    const code = codeOf(error);
    if (code === 'InvalidVolume.NotFound') return 'gone';
    if (code !== 'IncorrectState' && code !== 'VolumeInUse') throw error;
    const filters = [filter('volume-id', [volumeId])];
    log.look('describe_volumes', { Filters: filters });
    const [volume] = await describeVolumes(aws, { about: volumeId, filters });
    if (volume === undefined) return 'gone';
    // The answer to an earlier call was lost.
    if (volume.State === 'deleting' || volume.State === 'deleted') return 'deleted';
    throw notDeletable(volume, error);
  }
}

/** Ours over the user's own, which are the volume's where they name nothing else. */
function withTags(given: unknown, ours: Tags): unknown[] {
  const specifications: unknown[] = Array.isArray(given) ? given : [];
  const theirs = specifications.filter(isForVolume).flatMap((one) => one.Tags ?? []);
  return [
    // EC2 has the last word on what is none of a volume's.
    ...specifications.filter((one) => !isForVolume(one)),
    {
      ResourceType: 'volume',
      Tags: [
        ...theirs.filter(({ Key }) => Key === undefined || !Object.hasOwn(ours, Key)),
        ...Object.entries(ours).map(([Key, Value]) => ({ Key, Value })),
      ],
    },
  ];
}

interface TagSpecification {
  ResourceType?: string;
  Tags?: Tag[];
}

function isForVolume(specification: unknown): specification is TagSpecification {
  if (typeof specification !== 'object' || specification === null) return false;
  const { ResourceType: type = 'volume', Tags: tags = [] } = specification as Record<string, unknown>;
  return type === 'volume' && Array.isArray(tags) && tags.every((tag) => typeof tag === 'object' && tag !== null);
}

/** The tags that a request gives to its volume. */
function tagsOf({ TagSpecifications: specifications }: CreationRequest): Tags {
  const tags = (Array.isArray(specifications) ? specifications : [])
    .filter(isForVolume)
    .flatMap((one) => one.Tags ?? []);
  return Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value]));
}

/** What no other entry, transaction, instance or attempt asks for. */
function identityFilters(request: CreationRequest): Filter[] {
  const tags = tagsOf(request);
  const { domain, created, device, transaction, holder, inTransit: mark } = volumeTags;
  return [domain, created, device, transaction, holder, mark].map((key) => filter(`tag:${key}`, [tags[key] ?? '']));
}

function nameOf(request: CreationRequest): string {
  const tags = tagsOf(request);
  return `for ${tags[volumeTags.device]} of ${tags[volumeTags.domain]}`;
}

/** The snapshot is asked about apart from the volume. Source: Service Authorization Reference, "Amazon EC2". */
function permissionFor({ SnapshotId: snapshot }: CreationRequest): string {
  const from = snapshot ? ` and on ${snapshot}` : '';
  return `ec2:CreateVolume on volumes${from}, and ec2:CreateTags on volumes (ec2:CreateAction CreateVolume),`;
}

/** What a request has brought: repeated, it is the volume of the first time, however that is by now. */
function createdOf({ VolumeId: volumeId, State: state }: Volume, request: CreationRequest): Created {
  if (volumeId === undefined)
    throw new AdapterError(`CreateVolume ${nameOf(request)}`, 'the answer names no volume', 'It may pass by itself.', {
      retryable: true,
    });
  return state === 'deleting' || state === 'deleted' ? 'used-up' : { volumeId };
}

function notCompleted(request: CreationRequest, cause: unknown): AdapterError {
  return new AdapterError(
    `CreateVolume ${nameOf(request)}`,
    `${request.SnapshotId} is not completed yet`,
    'Wait until it is, or choose another SnapshotId in create.',
    { cause, retryable: true },
  );
}

/** Attached to nobody, and not about to go. */
function isNobodys({ Attachments: attachments = [], State: state }: Volume): boolean {
  return attachments.length === 0 && state !== 'in-use' && state !== 'deleting' && state !== 'deleted';
}

/** The error of a volume that cannot be deleted as it is now. */
function notDeletable({ VolumeId: volumeId, State: state, Attachments: [attachment] = [] }: Volume, cause: unknown) {
  const operation = `DeleteVolume ${volumeId}`;
  if (attachment === undefined)
    // Where it looks as if it could be, somebody let go of it a moment ago.
    return new AdapterError(operation, `${volumeId} was ${state}`, 'It may pass by itself.', {
      cause,
      retryable: true,
    });
  return new AdapterError(
    operation,
    `${volumeId} is attached to ${attachment.InstanceId} (${attachment.State})`,
    'Detach it there first.',
    { cause, retryable: attachment.State === 'detaching' },
  );
}
