import { AwsError } from '../aws-error.ts';
import type { World } from '../cloud.ts';
import type { XmlElement } from '../xml.ts';
import { storedName } from './names.ts';
import { limitIn } from './paging.ts';
import { compareRecordSets, type Position, recordSetItem } from './record-sets.ts';
import { zoneOf } from './zones.ts';

const PAGE_LIMIT = 300;

/** From a place on, whether it is taken or not: whoever looks for one record has to look at what came. */
export function listResourceRecordSets(world: World, zoneId: string, query: URLSearchParams): XmlElement {
  const { recordSets } = zoneOf(world, zoneId);
  const start = startOf(query);
  const limit = limitIn(query, PAGE_LIMIT);
  const ordered = recordSets.toSorted(compareRecordSets);
  const rest = start === undefined ? ordered : ordered.filter((record) => compareRecordSets(record, start) >= 0);
  const next = rest[limit];
  return {
    ResourceRecordSets: { ResourceRecordSet: rest.slice(0, limit).map(recordSetItem) },
    IsTruncated: next !== undefined,
    NextRecordName: next?.name,
    NextRecordType: next?.type,
    NextRecordIdentifier: next?.setIdentifier,
    MaxItems: limit,
  };
}

function startOf(query: URLSearchParams): Position | undefined {
  const name = query.get('name');
  const type = query.get('type');
  const setIdentifier = query.get('identifier');
  if ((name === null && type !== null) || (type === null && setIdentifier !== null))
    throw new AwsError('InvalidInput', 'A start type needs a start name, and a start identifier needs both.');
  if (name === null) return undefined;
  return { name: storedName(name), ...(type !== null && { type }), ...(setIdentifier !== null && { setIdentifier }) };
}
