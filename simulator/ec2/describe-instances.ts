import { attachmentsOf, type Instance, zoneIdOf } from '../cloud.ts';
import { textsOf } from '../query.ts';
import { type Sight, sightOf } from '../sight.ts';
import type { XmlElement } from '../xml.ts';
import { type Action, instanceOf, unlessDryRun } from './action.ts';
import { type FilterValues, filterOf } from './filters.ts';
import { pageOf } from './paging.ts';
import { tagSet } from './tags.ts';

/** Source: EC2 API Reference, "InstanceState". */
const stateCodes = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 } as const;

const filtersIn = (sight: Sight): FilterValues<Instance> => ({
  'availability-zone': (instance) => [instance.zone],
  'block-device-mapping.device-name': (instance) =>
    attachmentsOf(sight, instance.id).map(({ attachment }) => attachment.device),
  'block-device-mapping.status': (instance) =>
    attachmentsOf(sight, instance.id).map(({ attachment }) => attachment.status),
  'block-device-mapping.volume-id': (instance) => attachmentsOf(sight, instance.id).map(({ volume }) => volume.id),
  'image-id': (instance) => [instance.imageId],
  'instance-id': (instance) => [instance.id],
  // Only Spot and the like have one; there is no value for on-demand.
  'instance-lifecycle': (instance) => (instance.lifecycle === 'on-demand' ? [] : [instance.lifecycle]),
  'instance-state-code': (instance) => [String(stateCodes[instance.state])],
  'instance-state-name': (instance) => [instance.state],
  'instance-type': (instance) => [instance.type],
  'ip-address': (instance) => [instance.publicIpv4],
  'launch-index': (instance) => [String(instance.launchIndex)],
  'private-ip-address': (instance) => [instance.privateIpv4],
  'reservation-id': (instance) => [instance.reservationId],
  'root-device-name': (instance) => [instance.rootDevice],
});

/** Instances by id or filter, gathered by reservation. */
export const describeInstances: Action = (world, params) => {
  const sight = sightOf(world);
  const filter = filterOf(params, filtersIn(sight), ({ tags }) => tags);
  unlessDryRun(params);
  const ids = textsOf(params, 'InstanceId');
  const instances = ids.length === 0 ? [...sight.instances.values()] : ids.map((id) => instanceOf(sight, id));
  const { items, nextToken } = pageOf(instances, params, filter, 'InstanceId');
  const reservations = Map.groupBy(items, ({ reservationId }) => reservationId);
  return {
    reservationSet: {
      item: [...reservations].map(([reservationId, members]) => ({
        reservationId,
        ownerId: world.account,
        groupSet: {},
        instancesSet: { item: members.map((instance) => instanceItem(sight, instance)) },
      })),
    },
    nextToken,
  };
};

function instanceItem(sight: Sight, instance: Instance): XmlElement {
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: { code: stateCodes[instance.state], name: instance.state },
    reason: '',
    amiLaunchIndex: instance.launchIndex,
    instanceType: instance.type,
    launchTime: instance.launchTime,
    placement: {
      availabilityZone: instance.zone,
      availabilityZoneId: zoneIdOf(instance.zone),
      groupName: '',
      tenancy: 'default',
    },
    ...addresses(instance),
    rootDeviceType: 'ebs',
    rootDeviceName: instance.rootDevice,
    blockDeviceMapping: { item: blockDevices(sight, instance) },
    ...(instance.lifecycle === 'spot' && { instanceLifecycle: 'spot', spotInstanceRequestId: 'sir-0123abcd' }),
    ...tagSet(instance.tags),
    metadataOptions: {
      state: 'applied',
      httpTokens: instance.metadata.tokens,
      httpPutResponseHopLimit: 1,
      httpEndpoint: instance.metadata.enabled ? 'enabled' : 'disabled',
      instanceMetadataTags: instance.metadata.tags ? 'enabled' : 'disabled',
    },
  };
}

/** A terminated instance has none any more. */
function addresses(instance: Instance): XmlElement {
  if (instance.state === 'terminated') return { networkInterfaceSet: {} };
  return {
    privateIpAddress: instance.privateIpv4,
    ipAddress: instance.publicIpv4,
    ipv6Address: instance.ipv6[0],
    networkInterfaceSet: { item: [networkInterface(instance)] },
  };
}

function blockDevices(sight: Sight, instance: Instance): XmlElement[] {
  return attachmentsOf(sight, instance.id).map(({ volume, attachment }) => ({
    deviceName: attachment.device,
    ebs: {
      volumeId: volume.id,
      status: attachment.status,
      attachTime: attachment.attachTime,
      deleteOnTermination: attachment.deleteOnTermination,
    },
  }));
}

function networkInterface(instance: Instance): XmlElement {
  return {
    networkInterfaceId: interfaceIdOf(instance),
    macAddress: instance.mac,
    privateIpAddress: instance.privateIpv4,
    ...(instance.publicIpv4 !== undefined && { association: { publicIp: instance.publicIpv4, ipOwnerId: 'amazon' } }),
    attachment: { deviceIndex: 0, status: 'attached' },
    ipv6AddressesSet: { item: instance.ipv6.map((ipv6Address) => ({ ipv6Address })) },
  };
}

/** Follows from the MAC address, so that metadata and DescribeInstances agree. */
export function interfaceIdOf({ mac }: Instance): string {
  return `eni-0${mac.replaceAll(':', '').padStart(16, '0')}`;
}
