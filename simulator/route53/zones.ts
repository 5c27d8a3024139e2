/** Hosted zones: which there are, and whom a private one answers. Source: Route 53 API Reference, "GetHostedZone", "ListHostedZonesByName". */
import { AwsError } from '../aws-error.ts';
import type { HostedZone, World } from '../cloud.ts';
import type { XmlElement } from '../xml.ts';
import { reversed, storedName } from './names.ts';
import { limitIn } from './paging.ts';

const PAGE_LIMIT = 100;

/** @throws AwsError `NoSuchHostedZone` */
export function zoneOf({ zones }: World, id: string): HostedZone {
  const zone = zones.get(id);
  if (zone === undefined) throw new AwsError('NoSuchHostedZone', `No hosted zone found with ID: ${id}`, 404);
  return zone;
}

/** A public zone has name servers, a private one the VPCs in which alone it resolves. */
export function getHostedZone(world: World, id: string): XmlElement {
  const zone = zoneOf(world, id);
  const names = zone.recordSets.find(({ name, type }) => name === zone.name && type === 'NS')?.values ?? [];
  return {
    HostedZone: zoneItem(zone),
    ...(zone.private
      ? { VPCs: { VPC: zone.vpcs.map((VPCId) => ({ VPCRegion: world.region, VPCId })) } }
      : { DelegationSet: { NameServers: { NameServer: names.map((name) => name.replace(/\.$/, '')) } } }),
  };
}

/** In the order they came; a page goes on at a zone's id. */
export function listHostedZones({ zones }: World, query: URLSearchParams): XmlElement {
  const limit = limitIn(query, PAGE_LIMIT);
  const marker = query.get('marker');
  if (marker !== null && !zones.has(marker)) throw new AwsError('InvalidInput', `There is no hosted zone ${marker}.`);
  const all = [...zones.values()];
  const rest = all.slice(marker === null ? 0 : all.findIndex(({ id }) => id === marker));
  const next = rest[limit];
  return {
    HostedZones: { HostedZone: rest.slice(0, limit).map(zoneItem) },
    Marker: marker ?? undefined,
    IsTruncated: next !== undefined,
    NextMarker: next?.id,
    MaxItems: limit,
  };
}

/** From a name on: whoever looks for one zone has to look at its name. Several can have the same, as a public and a private one do. */
export function listHostedZonesByName({ zones }: World, query: URLSearchParams): XmlElement {
  const limit = limitIn(query, PAGE_LIMIT);
  const [name, id] = [query.get('dnsname'), query.get('hostedzoneid')];
  if (name === null && id !== null) throw new AwsError('InvalidInput', 'A start id needs a start name.');
  const start = placeOf({ name: storedName(name ?? ''), id: id ?? '' });
  const ordered = [...zones.values()].toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  const rest = name === null ? ordered : ordered.filter((zone) => placeOf(zone) >= start);
  const next = rest[limit];
  return {
    HostedZones: { HostedZone: rest.slice(0, limit).map(zoneItem) },
    DNSName: name ?? undefined,
    HostedZoneId: id ?? undefined,
    IsTruncated: next !== undefined,
    NextDNSName: next?.name,
    NextHostedZoneId: next?.id,
    MaxItems: limit,
  };
}

/** A blank, which no name has, so that a name comes before those that only begin like it. */
function placeOf({ name, id }: Pick<HostedZone, 'name' | 'id'>): string {
  return `${reversed(name)} ${id}`;
}

function zoneItem({ id, name, private: isPrivate, recordSets }: HostedZone): XmlElement {
  return {
    Id: `/hostedzone/${id}`,
    Name: name,
    CallerReference: id,
    Config: { PrivateZone: isPrivate },
    ResourceRecordSetCount: recordSets.length,
  };
}
