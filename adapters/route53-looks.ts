/** Looks at what stands under a name (behaviour.md 7.2 to 7.4, 7.8). */

import type {
  ListResourceRecordSetsRequest,
  ListResourceRecordSetsResponse,
  ResourceRecordSet,
} from '@aws-sdk/client-route-53';
import { AdapterError } from '../config/errors.ts';
import { storedName } from '../config/record-name.ts';
import type { RecordSet } from '../config/vocabulary.ts';
import type { Aws, CallLog } from './aws.ts';
import { createBatch, type Joins } from './batch.ts';
import { parseRecordSet } from './route53-sets.ts';

/** Where to look. */
export interface RecordPlace {
  hostedZone: string;
  /** In any spelling. */
  name: string;
  /** Present: the multivalue sets of this instance; absent: the simple ones. */
  setIdentifier?: string;
}

/** The A and AAAA sets of a name as they are now, which are ours or could be. @throws AdapterError when Route 53 refuses. */
export type Read = (place: RecordPlace, log: CallLog, signal?: AbortSignal) => Promise<RecordSet[]>;

/** Whoever asks at the same moment about the same name shares a look. */
export function createRead(aws: Aws): Read {
  // One look after the other: Route 53 takes five calls a second from a whole account.
  const look = createBatch<RecordPlace, RecordSet[]>(lookTogether, { joins: byPlace, inOrder: true });
  return async (place, log, signal) => {
    for (const param of listParams(place)) log.look('list_resource_record_sets', param);
    return await look(place, signal);
  };

  async function lookTogether(places: RecordPlace[], signal: AbortSignal): Promise<RecordSet[][]> {
    const found: RecordSet[] = [];
    const [place] = places;
    if (place !== undefined) for (const param of listParams(place)) found.push(...(await list(place, param, signal)));
    return places.map(() => found);
  }

  /** The sets of one place, page after page, until the list leaves it. */
  async function list(place: RecordPlace, param: Request, signal: AbortSignal, page = 1): Promise<RecordSet[]> {
    const { hostedZone, name } = place;
    const operation = `ListResourceRecordSets ${hostedZone} ${name}`;
    const answer: Answer = await aws.call(
      { operation, permission: `route53:ListResourceRecordSets on ${hostedZone}`, signal },
      ({ sdk, route53 }, abortSignal) => route53.send(new sdk.ListResourceRecordSetsCommand(param), { abortSignal }),
    );
    const found = setsIn(answer, operation)
      .flatMap(parseRecordSet)
      .filter((set) => isAt(place, param, set));
    const next = nextPage(place, param, answer);
    if (next === undefined) return found;
    if (page === MOST_PAGES) throw unusable(operation, `the list does not end within ${MOST_PAGES} pages`);
    return [...found, ...(await list(place, next, signal, page + 1))];
  }
}

type Request = ListResourceRecordSetsRequest;
type Answer = ListResourceRecordSetsResponse;

/** A and AAAA come first among the types of a name, and a name mostly has few sets; the point is not to read the whole zone. */
const SETS_OF_A_NAME = 10;

/** Two types of a hundred sets each, and some more. Source: Route 53 Developer Guide, "Quotas": 100 records with the same name and type. */
const MOST_PAGES = 30;

/**
 * A success without a list is none of Route 53's: something on the way answered. To take it for an empty one would mean to write over
 * what stands there, and to delete it at a roll-back.
 */
function setsIn({ ResourceRecordSets: sets }: Answer, operation: string): ResourceRecordSet[] {
  if (sets === undefined) throw unusable(operation, 'the answer has no list of record sets');
  return sets;
}

function unusable(operation: string, problem: string): AdapterError {
  return new AdapterError(operation, problem, 'It may pass by itself.', { retryable: true });
}

/** There is no look-up of one name: the list begins there, and goes on with its neighbours. */
function listParams({ hostedZone, name, setIdentifier }: RecordPlace): Request[] {
  const start = { HostedZoneId: hostedZone, StartRecordName: storedName(name) };
  if (setIdentifier === undefined) return [{ ...start, StartRecordType: 'A', MaxItems: SETS_OF_A_NAME }];
  // Others may have a hundred sets under the name.
  return (['A', 'AAAA'] as const).map((StartRecordType) => ({
    ...start,
    StartRecordType,
    StartRecordIdentifier: setIdentifier,
    MaxItems: 1,
  }));
}

function nextPage({ name, setIdentifier }: RecordPlace, param: Request, answer: Answer): Request | undefined {
  const { IsTruncated, NextRecordName = '', NextRecordType, NextRecordIdentifier } = answer;
  const isElsewhere = storedName(NextRecordName) !== storedName(name) || !/^A(AAA)?$/.test(NextRecordType ?? '');
  if (!IsTruncated || isElsewhere || setIdentifier !== undefined) return undefined;
  return {
    ...param,
    StartRecordName: NextRecordName,
    StartRecordType: NextRecordType,
    StartRecordIdentifier: NextRecordIdentifier,
  };
}

function isAt({ name, setIdentifier }: RecordPlace, { StartRecordType }: Request, set: RecordSet): boolean {
  // Where an instance has no A set the list begins with what comes next, which may be its AAAA set.
  const isMeant = setIdentifier === undefined || set.type === StartRecordType;
  return isMeant && set.name === storedName(name) && set.setIdentifier === setIdentifier;
}

const byPlace: Joins<RecordPlace> = (ask, calls) => {
  const key = ({ hostedZone, name, setIdentifier }: RecordPlace) =>
    [hostedZone, storedName(name), setIdentifier].join(' ');
  const place = calls.findIndex(([first]) => first !== undefined && key(first) === key(ask));
  return place === -1 ? calls.length : place;
};
