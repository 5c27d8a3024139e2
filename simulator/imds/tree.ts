/** What the metadata holds, as a tree. Source: EC2 User Guide, "Instance metadata categories". */
import { createHash } from 'node:crypto';
import { type Instance, zoneIdOf } from '../cloud.ts';
import { interfaceIdOf } from '../ec2/describe-instances.ts';
import { VPC } from '../parts.ts';

/** A file, a directory, or nothing there now (404). */
export type Entry = string | Buffer | Directory | undefined;
export interface Directory {
  [name: string]: Entry;
}

export interface Place {
  region: string;
  account: string;
  /** Epoch milliseconds. */
  nowMs: number;
}

/** How long role credentials live; new ones come when half of it is over. */
const CREDENTIALS_LIFE_MS = 6 * 3_600_000;

/** How often new ones come. */
const CREDENTIALS_AGE_MS = CREDENTIALS_LIFE_MS / 2;

/** The access keys that an instance's metadata has given out and that still live. */
export function accessKeyIds({ id }: Pick<Instance, 'id'>, nowMs: number): string[] {
  return [nowMs, nowMs - CREDENTIALS_AGE_MS].map((ms) => accessKeyIdOf(secretOf(id, issuedAt(ms))));
}

/** Everything below a version, `latest` or a dated one. */
export function metadataTree(instance: Instance, place: Place): Directory {
  return {
    dynamic: { 'instance-identity': { document: json(identityDocument(instance, place)) } },
    'meta-data': categories(instance, place),
    'user-data': instance.userData,
  };
}

function categories(instance: Instance, place: Place): Directory {
  const { notice, publicIpv4, ipv6, privateIpv4 } = instance;
  return {
    'ami-id': instance.imageId,
    'ami-launch-index': String(instance.launchIndex),
    autoscaling: directory({ 'target-lifecycle-state': instance.targetLifecycleState }),
    'block-device-mapping': { ami: instance.rootDevice, root: instance.rootDevice },
    events: {
      maintenance: { history: json(instance.maintenanceHistory), scheduled: json(instance.maintenance) },
      recommendations: directory({
        rebalance: instance.rebalance === undefined ? undefined : json({ noticeTime: instance.rebalance }),
      }),
    },
    hostname: privateName(instance, place),
    iam: instance.role === undefined ? undefined : iam(instance.role, instance, place),
    // Not the Spot notice.
    'instance-action': 'none',
    'instance-id': instance.id,
    'instance-life-cycle': instance.lifecycle,
    'instance-type': instance.type,
    ipv6: ipv6[0],
    'local-hostname': privateName(instance, place),
    'local-ipv4': privateIpv4,
    mac: instance.mac,
    network: { interfaces: { macs: { [instance.mac]: networkInterface(instance, place) } } },
    placement: {
      'availability-zone': instance.zone,
      'availability-zone-id': zoneIdOf(instance.zone),
      region: place.region,
    },
    'public-hostname': publicName(instance, place),
    'public-ipv4': publicIpv4,
    'reservation-id': instance.reservationId,
    services: { domain: 'amazonaws.com', partition: 'aws' },
    spot: directory({
      'instance-action': notice === undefined ? undefined : JSON.stringify(notice),
      'termination-time': notice?.action === 'terminate' ? notice.time : undefined,
    }),
    system: instance.hypervisor,
    tags: instance.metadata.tags ? { instance: instance.tags } : undefined,
  };
}

function networkInterface(instance: Instance, place: Place): Directory {
  const { publicIpv4, privateIpv4, ipv6 } = instance;
  return {
    'device-number': '0',
    'interface-id': interfaceIdOf(instance),
    ...(publicIpv4 !== undefined && { 'ipv4-associations': { [publicIpv4]: privateIpv4 } }),
    ipv6s: ipv6.length === 0 ? undefined : ipv6.join('\n'),
    'local-hostname': privateName(instance, place),
    'local-ipv4s': privateIpv4,
    mac: instance.mac,
    'network-card-index': '0',
    'owner-id': place.account,
    'public-hostname': publicName(instance, place),
    'public-ipv4s': publicIpv4,
    'security-group-ids': 'sg-0123456789abcdef0',
    'subnet-id': 'subnet-0123456789abcdef0',
    'vpc-id': VPC,
  };
}

function iam(role: string, instance: Instance, place: Place): Directory {
  const issuedMs = issuedAt(place.nowMs);
  const secret = secretOf(instance.id, issuedMs);
  return {
    info: json({
      Code: 'Success',
      LastUpdated: seconds(issuedMs),
      InstanceProfileArn: `arn:aws:iam::${place.account}:instance-profile/${role}`,
      InstanceProfileId: 'AIPASIMULATEDSIMULATED',
    }),
    'security-credentials': {
      [role]: json({
        Code: 'Success',
        LastUpdated: seconds(issuedMs),
        Type: 'AWS-HMAC',
        AccessKeyId: accessKeyIdOf(secret),
        SecretAccessKey: secret.slice(0, 40),
        Token: `simulated-${secret}`,
        Expiration: seconds(issuedMs + CREDENTIALS_LIFE_MS),
      }),
    },
  };
}

/** The same within one half of their life, so that every reader gets the same ones. */
function issuedAt(nowMs: number): number {
  return Math.floor(nowMs / CREDENTIALS_AGE_MS) * CREDENTIALS_AGE_MS;
}

function secretOf(instanceId: string, issuedMs: number): string {
  return createHash('sha256').update(`${instanceId} ${issuedMs}`).digest('hex');
}

function accessKeyIdOf(secret: string): string {
  return `ASIA${secret.slice(0, 16).toUpperCase()}`;
}

function identityDocument(instance: Instance, place: Place): unknown {
  return {
    accountId: place.account,
    architecture: 'x86_64',
    availabilityZone: instance.zone,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: instance.imageId,
    instanceId: instance.id,
    instanceType: instance.type,
    kernelId: null,
    pendingTime: seconds(Date.parse(instance.launchTime)),
    privateIp: instance.privateIpv4,
    ramdiskId: null,
    region: place.region,
    version: '2017-09-30',
  };
}

function privateName({ privateIpv4 }: Instance, { region }: Place): string {
  return `ip-${privateIpv4.replaceAll('.', '-')}.${region}.compute.internal`;
}

function publicName({ publicIpv4 }: Instance, { region }: Place): string | undefined {
  if (publicIpv4 === undefined) return undefined;
  return `ec2-${publicIpv4.replaceAll('.', '-')}.${region}.compute.amazonaws.com`;
}

/** A directory of which nothing is left is not there either. */
function directory(entries: Directory): Entry {
  return Object.values(entries).some((entry) => entry !== undefined) ? entries : undefined;
}

function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}

/** `2030-01-01T00:02:00Z`: the metadata writes times without fractions. */
export function seconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, -'.000Z'.length)}Z`;
}
