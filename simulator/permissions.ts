/** What the roles of instances may do: what each call needs to be allowed, and whether the role's policies allow it. */
import { type Call, isSignedBy } from './call.ts';
import type { Instance, World } from './cloud.ts';
import { tagsAtCreation, tagsIn } from './ec2/tag-specification.ts';
import { type Ask, isAllowed, type PolicyDocument, type PolicyStatement, parsePolicies } from './policy.ts';
import { type Param, type Params, textOf, textsOf } from './query.ts';
import { storedName } from './route53/names.ts';

/** Policies of roles by the role's name; `null`: it may do everything, as one may that is not named. */
export type Policies = Record<string, PolicyDocument | PolicyDocument[] | null>;

/**
 * Says what roles may do from now on; others stay as they are.
 * @throws PolicyError for what cannot be evaluated.
 */
export function setPolicies({ policies }: World, given: Policies): void {
  const parsed = parsePoliciesByRole(given);
  for (const role of Object.keys(given)) policies.delete(role);
  for (const [role, statements] of parsed) policies.set(role, statements);
}

/**
 * The statements of each role.
 * @throws PolicyError for what cannot be evaluated.
 */
export function parsePoliciesByRole(given: Policies): Map<string, PolicyStatement[]> {
  const limited = Object.entries(given).filter(([, documents]) => documents !== null);
  return new Map(limited.map(([role, documents]) => [role, parsePolicies(documents)]));
}

/**
 * True when the role of the instance that signed a call has policies, and they do not allow the call. Whoever signs with other
 * credentials may do everything.
 */
export function isForbidden(world: World, call: Call): boolean {
  return isAnyRefused(world, call, asksOf);
}

/** The same of the key that is used for what the call is about. */
export function isKeyForbidden(world: World, call: Call): boolean {
  return isAnyRefused(world, call, keyAsksOf);
}

function isAnyRefused(world: World, call: Call, asksFor: typeof asksOf): boolean {
  if (world.policies.size === 0) return false;
  const caller = [...world.instances.values()].find(({ id }) => isSignedBy(world, call, id));
  const statements = caller?.role === undefined ? undefined : world.policies.get(caller.role);
  if (caller === undefined || statements === undefined) return false;
  return asksFor(world, call).some((ask) => !isAllowed(statements, withCaller(world, caller, ask)));
}

function withCaller(world: World, caller: Instance, { context, ...ask }: Ask): Ask {
  const common = {
    // Route 53 is everywhere, and its endpoint there.
    'aws:requestedregion': [ask.action.startsWith('route53:') ? 'us-east-1' : world.region],
    'ec2:region': [world.region],
    'ec2:sourceinstancearn': [arnOf(world, 'instance', caller.id)],
  };
  return { ...ask, context: { ...common, ...context } };
}

/** All of them have to be allowed. Source: Service Authorization Reference of each service. */
function asksOf(world: World, { service, operation, params }: Call): Ask[] {
  const action = `${service}:${operation}`;
  switch (service) {
    case 'ec2':
      return ec2Asks(world, action, params as Params);
    case 'route53':
      return [route53Ask(action, params as Record<string, unknown>)];
    case 'sns': {
      const { TopicArn, TargetArn } = params as Params;
      return [{ action, resource: String(TopicArn ?? TargetArn), context: {} }];
    }
    case 'sqs': {
      const [account, name] = String((params as Params).QueueUrl)
        .split('/')
        .slice(-2);
      return [{ action, resource: `arn:aws:sqs:${world.region}:${account}:${name}`, context: {} }];
    }
    default:
      return [];
  }
}

// --- EC2 -------------------------------------------------------------------------------------------------------------

function ec2Asks(world: World, action: string, params: Params): Ask[] {
  const about = (kind: Kind, id: string, more: Ask['context'] = {}): Ask => ({
    action,
    resource: arnOf(world, kind, id),
    context: { ...factsOf(world, kind, id), ...more },
  });
  const [volumeId, instanceId] = ['VolumeId', 'InstanceId'].map((name) => textOf(params, name));
  switch (action) {
    case 'ec2:AttachVolume':
    case 'ec2:DetachVolume':
    case 'ec2:DeleteVolume':
    case 'ec2:ModifyInstanceAttribute':
      return [
        ...(volumeId === undefined ? [] : [about('volume', volumeId)]),
        ...(instanceId === undefined ? [] : [about('instance', instanceId)]),
      ];
    case 'ec2:CreateVolume':
      return [...making(world, action, 'volume', params), ...snapshotAsked(params).map((id) => about('snapshot', id))];
    case 'ec2:CreateSnapshot':
      return [about('volume', volumeId ?? ''), ...making(world, action, 'snapshot', params)];
    case 'ec2:CreateTags':
    case 'ec2:DeleteTags':
      return textsOf(params, 'ResourceId').map((id) => about(kindOf(id), id, taggingBy(tagsIn(params))));
    default:
      return [{ action, resource: '*', context: {} }];
  }
}

/** What does not exist yet is asked about as any of its kind; tags at its creation need a permission of their own. */
function making(world: World, action: string, kind: Kind, params: Params): Ask[] {
  const tags = Object.entries(tagsAtCreation(params)).map(([key, value]) => ({ key, value }));
  const resource = arnOf(world, kind, '*');
  const zone = textOf(params, 'AvailabilityZone');
  const context = { ...taggingBy(tags), ...(zone !== undefined && { 'ec2:availabilityzone': [zone] }) };
  const tagging = { ...context, 'ec2:createaction': [action.replace('ec2:', '')] };
  return [
    { action, resource, context },
    ...(tags.length === 0 ? [] : [{ action: 'ec2:CreateTags', resource, context: tagging }]),
  ];
}

function snapshotAsked(params: Params): string[] {
  const id = textOf(params, 'SnapshotId') ?? '';
  return id === '' ? [] : [id];
}

type Kind = 'volume' | 'instance' | 'snapshot';

function kindOf(id: string): Kind {
  if (id.startsWith('i-')) return 'instance';
  return id.startsWith('snap-') ? 'snapshot' : 'volume';
}

/** Snapshots are in no account, since they can be shared. */
function arnOf({ region, account }: World, kind: Kind, id: string): string {
  return `arn:aws:ec2:${region}:${kind === 'snapshot' ? '' : account}:${kind}/${id}`;
}

/** What conditions can look at of a thing; of one that is not there, nothing. */
function factsOf(world: World, kind: Kind, id: string): Ask['context'] {
  const { instances, volumes, snapshots, account } = world;
  const [volume, instance] = [volumes.get(id), instances.get(id)];
  const { tags = {} } = volume ?? instance ?? snapshots.get(id) ?? {};
  const zone = (volume ?? instance)?.zone;
  return {
    ...Object.fromEntries(
      Object.entries(tags).flatMap(([key, value]) => [
        [`aws:resourcetag/${key}`.toLowerCase(), [value]],
        [`ec2:resourcetag/${key}`.toLowerCase(), [value]],
      ]),
    ),
    ...(kind === 'volume' && { 'ec2:volumeid': [id] }),
    ...(volume && { 'ec2:volumetype': [volume.type], 'ec2:encrypted': [String(volume.encrypted)] }),
    ...(kind === 'instance' && { 'ec2:instanceid': [id] }),
    ...(instance?.role && { 'ec2:instanceprofile': [`arn:aws:iam::${account}:instance-profile/${instance.role}`] }),
    ...(zone !== undefined && { 'ec2:availabilityzone': [zone] }),
  };
}

/** What conditions can look at of the tags in a request. */
function taggingBy(tags: readonly { key: string; value: string | undefined }[]): Ask['context'] {
  if (tags.length === 0) return {};
  return {
    ...Object.fromEntries(tags.map(({ key, value = '' }) => [`aws:requesttag/${key}`.toLowerCase(), [value]])),
    'aws:tagkeys': tags.map(({ key }) => key),
  };
}

// --- Route 53 --------------------------------------------------------------------------------------------------------

function route53Ask(action: string, { HostedZoneId, Id, ChangeBatch }: Record<string, unknown>): Ask {
  const prefix = 'arn:aws:route53:::';
  if (action === 'route53:GetChange') return { action, resource: `${prefix}change/${Id}`, context: {} };
  const zone = HostedZoneId ?? Id;
  return {
    action,
    resource: zone === undefined ? '*' : `${prefix}hostedzone/${zone}`,
    context: ChangeBatch === undefined ? {} : changesIn(ChangeBatch),
  };
}

function changesIn(batch: unknown): Ask['context'] {
  const key = 'route53:changeresourcerecordsets';
  const names = textsNamed(batch, 'Name').map((name) => storedName(name).slice(0, -1));
  return {
    [`${key}normalizedrecordnames`]: names,
    [`${key}recordtypes`]: textsNamed(batch, 'Type'),
    [`${key}actions`]: textsNamed(batch, 'Action'),
  };
}

/** Every text that stands under a name, however deep. */
function textsNamed(value: unknown, name: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === name && typeof inner === 'string' ? [inner] : textsNamed(inner, name),
  );
}

// --- Keys ------------------------------------------------------------------------------------------------------------

/**
 * What has to be allowed on a key, all of it, whichever of it is used in the end. Source: EBS User Guide, "Amazon EBS encryption"; SNS
 * and SQS Developer Guides, "Key management".
 */
const keyActions = {
  volume: ['CreateGrant', 'Decrypt', 'DescribeKey', 'GenerateDataKeyWithoutPlaintext', 'ReEncryptFrom', 'ReEncryptTo'],
  message: ['Decrypt', 'GenerateDataKey'],
} as const;

function keyAsksOf(world: World, { service, operation, params }: Call): Ask[] {
  const { topics, queues, region } = world;
  const { KmsKeyId, TopicArn, TargetArn, QueueUrl } = params as Params;
  const viaService = { 'kms:viaservice': [`${service}.${region}.amazonaws.com`] };
  const asks = (key: Param | undefined, uses: readonly string[], context: Ask['context'] = {}) =>
    typeof key === 'string'
      ? uses.map((use) => ({ action: `kms:${use}`, resource: key, context: { ...viaService, ...context } }))
      : [];
  switch (`${service}:${operation}`) {
    case 'ec2:CreateVolume':
      return asks(KmsKeyId, keyActions.volume, { 'kms:grantisforawsresource': ['true'] });
    case 'sns:Publish':
      return asks(topics.get(String(TopicArn ?? TargetArn))?.kmsKeyId, keyActions.message);
    case 'sqs:SendMessage':
      return asks(queues.get(String(QueueUrl).split('/').slice(-2).join('/'))?.kmsKeyId, keyActions.message);
    default:
      return [];
  }
}
