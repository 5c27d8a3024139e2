/**
 * What a change has to look like, whatever the zone holds; anything else is `InvalidInput`.
 * Source: Route 53 API Reference, "ResourceRecordSet"; wording from public reports.
 */
import { AwsError } from '../aws-error.ts';
import type { StoredRecordSet } from '../cloud.ts';
import { childrenOf, type Element, elementOf, recordSetIn, textIn } from './record-sets.ts';

/** One change of a request. */
export interface Change {
  action: 'CREATE' | 'DELETE' | 'UPSERT';
  record: StoredRecordSet;
}

/** Source: Route 53 Developer Guide, "Supported DNS record types". */
const TYPES = 'A AAAA CAA CNAME DS HTTPS MX NAPTR NS PTR SOA SPF SRV SSHFP SVCB TLSA TXT'.split(' ');

/** Each says how one of several record sets with the same name and type is chosen; GeoLocation, too, which is refused before. */
const ROUTINGS = ['Weight', 'Region', 'Failover', 'MultiValueAnswer'];

/** Rather a refusal than records that are not what was asked for. */
const UNKNOWN = ['GeoLocation', 'GeoProximityLocation', 'CidrRoutingConfig', 'TrafficPolicyInstanceId'];

const SET_IDENTIFIER_LIMIT = 128;
const COMMENT_LIMIT = 256;

/** Reads the changes of a request. */
export function changesIn(batch: Element): Change[] {
  if ((textIn(batch, 'Comment')?.length ?? 0) > COMMENT_LIMIT)
    throw invalid(`A comment has at most ${COMMENT_LIMIT} characters.`);
  const changes = childrenOf(batch, 'Changes', 'Change').map(changeIn);
  if (changes.length === 0) throw invalid('Invalid XML: a change batch needs at least one change.');
  return changes;
}

function changeIn(xml: Element): Change {
  const action = textIn(xml, 'Action');
  if (action !== 'CREATE' && action !== 'DELETE' && action !== 'UPSERT')
    throw invalid(`Invalid value '${action}' for Action: expected CREATE, DELETE or UPSERT.`);
  const given = elementOf(xml, 'ResourceRecordSet');
  const change = { action, record: recordSetIn(given) } as const;
  checkMembers(given, change);
  checkContent(change);
  checkRouting(given, change);
  return change;
}

function checkMembers(given: Element, { record }: Change): void {
  const unknown = UNKNOWN.find((name) => given[name] !== undefined);
  if (unknown !== undefined) throw invalid(`The simulator does not know ${unknown}.`);
  if (!TYPES.includes(record.type))
    throw invalid(`Invalid value '${record.type}' for Type: expected one of ${TYPES.join(', ')}.`);
}

function checkContent(change: Change): void {
  const { alias, ttl, values } = change.record;
  const hasTtl = ttl !== undefined;
  const hasValues = values.length > 0;
  const isBoth = alias !== undefined && (hasTtl || hasValues);
  if (!isBoth && (alias !== undefined || (hasTtl && hasValues))) return;
  throw invalid(
    'Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], ' +
      `but found ${isBoth ? 'more than one' : 'none'} in ${written(change)}`,
  );
}

/** A set identifier and a routing go together; `<MultiValueAnswer>false</MultiValueAnswer>` is one, too. */
function checkRouting(given: Element, change: Change): void {
  const { setIdentifier } = change.record;
  const found = ROUTINGS.filter((name) => given[name] !== undefined);
  if (setIdentifier === undefined) {
    if (found.length > 0) throw invalid(`Invalid request: Missing field 'SetIdentifier' in ${written(change)}`);
    return;
  }
  if (setIdentifier.length < 1 || setIdentifier.length > SET_IDENTIFIER_LIMIT)
    throw invalid(`A SetIdentifier has 1 to ${SET_IDENTIFIER_LIMIT} characters, not ${setIdentifier.length}.`);
  // A deletion need not say again that it is a multivalue answer.
  if (found.length === 1 || (found.length === 0 && change.action === 'DELETE')) return;
  throw invalid(
    'Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], ' +
      `but found ${found.length === 0 ? 'none' : 'more than one'} in ${written(change)}`,
  );
}

function written({ action, record: { name, type, setIdentifier = 'null' } }: Change): string {
  return `Change with [Action=${action}, Name=${name}, Type=${type}, SetIdentifier=${setIdentifier}]`;
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidInput', message);
}
