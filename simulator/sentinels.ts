/**
 * Failures that a person causes by a name: a word in the id of a volume, an instance or a hosted zone, in the name of a topic or
 * queue, in the tag `simulate` of a volume or instance, or in what a new volume is made of. `docs/simulator.md` has the same tables.
 */
import type { Volume } from './cloud.ts';

/**
 * What a word does to the calls that it is for. `denied` and `throttled`: they are refused, each time. `answer-lost`: the first
 * one takes effect, and its connection is reset instead of an answer. `own`: what the table says of it.
 */
type Effect = 'denied' | 'throttled' | 'answer-lost' | 'own';

interface Sentinel {
  calls: readonly string[];
  effect: Effect;
  /** What happens, for a reader of the page. */
  says: string;
}

const ec2Denied = '`UnauthorizedOperation`, 403';
const ec2Throttled = '`RequestLimitExceeded`, 503';
const answerLost = 'takes effect, and the connection is reset without an answer; the first time only';
const zoneCalls = ['ListResourceRecordSets', 'ChangeResourceRecordSets', 'GetChange'];
const queueCalls = ['SendMessage', 'ReceiveMessage', 'DeleteMessage'];

/** Every sentinel, by whose name it stands in. A longer word is not the shorter one in it: `list-denied` is not `denied`. */
export const sentinels = {
  volume: {
    'describe-volumes-denied': refused('denied', ['DescribeVolumes'], ec2Denied),
    'describe-volumes-throttled': refused('throttled', ['DescribeVolumes'], ec2Throttled),
    'attach-denied': refused('denied', ['AttachVolume'], ec2Denied),
    'attach-throttled': refused('throttled', ['AttachVolume'], ec2Throttled),
    'attach-answer-lost': lost('AttachVolume'),
    'attach-lost': own('another instance gets the volume in that moment; AttachVolume: `VolumeInUse`'),
    'attach-stuck': own('AttachVolume is accepted, but the attachment stays `attaching`, and no disk appears'),
    'no-device': own('`attached`, but no disk appears'),
    'detach-denied': refused('denied', ['DetachVolume'], ec2Denied),
    'detach-throttled': refused('throttled', ['DetachVolume'], ec2Throttled),
    'detach-answer-lost': lost('DetachVolume'),
    'detach-busy': own('DetachVolume leaves the attachment `busy` until it is forced'),
    'create-tags-denied': refused('denied', ['CreateTags'], ec2Denied),
    'create-tags-throttled': refused('throttled', ['CreateTags'], ec2Throttled),
    'delete-tags-denied': refused('denied', ['DeleteTags'], ec2Denied),
    'delete-tags-throttled': refused('throttled', ['DeleteTags'], ec2Throttled),
    'tag-denied': refused('denied', ['CreateTags', 'DeleteTags'], ec2Denied),
    'describe-tags-denied': refused('denied', ['DescribeTags'], ec2Denied),
    'describe-tags-throttled': refused('throttled', ['DescribeTags'], ec2Throttled),
    'create-snapshot-denied': refused('denied', ['CreateSnapshot'], ec2Denied),
    'create-snapshot-throttled': refused('throttled', ['CreateSnapshot'], ec2Throttled),
    'delete-denied': refused('denied', ['DeleteVolume'], ec2Denied),
    'delete-throttled': refused('throttled', ['DeleteVolume'], ec2Throttled),
    'delete-answer-lost': lost('DeleteVolume'),
  },
  creation: {
    'create-denied': refused('denied', ['CreateVolume'], ec2Denied),
    'create-throttled': refused('throttled', ['CreateVolume'], ec2Throttled),
    'create-answer-lost': lost('CreateVolume'),
    'create-no-capacity': own('CreateVolume: `InsufficientVolumeCapacity`, 500'),
    'create-vanishes': own('CreateVolume is accepted, and after `createMs` the volume is gone'),
    'create-error': own('CreateVolume is accepted, and after `createMs` the volume is in state `error`'),
    'create-stuck': own('CreateVolume is accepted, but the volume stays `creating`'),
  },
  instance: {
    'describe-instances-denied': refused('denied', ['DescribeInstances'], ec2Denied),
    'describe-instances-throttled': refused('throttled', ['DescribeInstances'], ec2Throttled),
    'modify-instance-attribute-denied': refused('denied', ['ModifyInstanceAttribute'], ec2Denied),
    'modify-instance-attribute-throttled': refused('throttled', ['ModifyInstanceAttribute'], ec2Throttled),
  },
  zone: {
    denied: refused('denied', zoneCalls, '`AccessDenied`, 403'),
    throttled: refused('throttled', zoneCalls, '`Throttling`, 400'),
    'list-denied': refused('denied', ['ListResourceRecordSets'], '`AccessDenied`, 403'),
    'list-throttled': refused('throttled', ['ListResourceRecordSets'], '`Throttling`, 400'),
    'change-denied': refused('denied', ['ChangeResourceRecordSets'], '`AccessDenied`, 403'),
    'change-throttled': refused('throttled', ['ChangeResourceRecordSets'], '`Throttling`, 400'),
    'change-answer-lost': lost('ChangeResourceRecordSets'),
    'get-change-denied': refused('denied', ['GetChange'], '`AccessDenied`, 403'),
    'get-change-throttled': refused('throttled', ['GetChange'], '`Throttling`, 400'),
  },
  topic: {
    denied: refused('denied', ['Publish'], '`AuthorizationError`, 403'),
    throttled: refused('throttled', ['Publish'], '`Throttling`, 400'),
  },
  queue: {
    denied: refused('denied', queueCalls, '`AccessDenied`, 403'),
    throttled: refused('throttled', queueCalls, '`RequestThrottled`, 400'),
    'send-denied': refused('denied', ['SendMessage'], '`AccessDenied`, 403'),
    'send-throttled': refused('throttled', ['SendMessage'], '`RequestThrottled`, 400'),
    'receive-denied': refused('denied', ['ReceiveMessage'], '`AccessDenied`, 403'),
    'receive-throttled': refused('throttled', ['ReceiveMessage'], '`RequestThrottled`, 400'),
    'delete-denied': refused('denied', ['DeleteMessage'], '`AccessDenied`, 403'),
    'delete-throttled': refused('throttled', ['DeleteMessage'], '`RequestThrottled`, 400'),
  },
} as const satisfies Record<string, Record<string, Sentinel>>;

type Bearer = keyof typeof sentinels;
type VolumeWord = keyof (typeof sentinels)['volume'];
type CreationWord = keyof (typeof sentinels)['creation'];

const patterns = Object.fromEntries(
  Object.entries(sentinels).map(([bearer, table]) => [bearer, new RegExp(Object.keys(table).join('|'), 'g')]),
) as Record<Bearer, RegExp>;

/** The words that a volume can have, each by itself. */
export const volumeSentinels = Object.fromEntries(Object.keys(sentinels.volume).map((word) => [word, word]));

/** The words that topics, queues and hosted zones have in common. */
export const nameSentinels = { denied: 'denied', throttled: 'throttled' } as const;

/** A thing that a request names. */
export interface Named {
  /** Whose words count in it. */
  as: Bearer;
  /** Its id or name. */
  id: string;
  tags?: Record<string, string> | undefined;
}

/** True when a word in one of the things that a call names makes the call be refused so. */
export function isRefused(named: readonly Named[], call: string, effect: 'denied' | 'throttled'): boolean {
  return named.some((one) => isStruck(one, call, effect));
}

/**
 * True when a word in one of the things that a call names makes its answer be lost: once for each thing.
 * @param lost what has been lost before; is added to.
 */
export function losesAnswer(lost: Set<string>, named: readonly Named[], call: string): boolean {
  const news = named
    .filter((one) => isStruck(one, call, 'answer-lost'))
    .map(({ id }) => `${call} ${id}`)
    .filter((answer) => !lost.has(answer));
  for (const answer of news) lost.add(answer);
  return news.length > 0;
}

/** What is made, for the words in it: the snapshot that it is made of, and all its tags. */
export function namedCreation(snapshotId: string, tags: Record<string, string>, token = ''): Named {
  // With the token, so that each creation loses its answer once.
  return { as: 'creation', id: `${token} ${snapshotId}`, tags: { simulate: Object.values(tags).join(' ') } };
}

/** True when what is made is to fail in the way of this word. */
export function creationFails({ snapshotId, tags }: Pick<Volume, 'snapshotId' | 'tags'>, word: CreationWord): boolean {
  return wordsIn(namedCreation(snapshotId, tags)).includes(word);
}

/** True when the volume is to fail in the way of this word. */
export function volumeFails({ id, tags }: Omit<Named, 'as'>, word: VolumeWord): boolean {
  return wordsIn({ as: 'volume', id, tags }).includes(word);
}

function isStruck(named: Named, call: string, effect: Effect): boolean {
  const table: Partial<Record<string, Sentinel>> = sentinels[named.as];
  return wordsIn(named).some((word) => table[word]?.effect === effect && table[word].calls.includes(call));
}

/** From the left, without overlaps: so `denied` is not found in `list-denied`. */
function wordsIn({ as, id, tags }: Named): string[] {
  const text = `${id} ${tags?.simulate ?? ''}`.toLowerCase();
  return [...text.matchAll(patterns[as])].map(([word]) => word);
}

function refused(effect: 'denied' | 'throttled', calls: readonly string[], says: string): Sentinel {
  return { calls, effect, says: `${calls.join(', ')}: ${says}` };
}

function lost(call: string): Sentinel {
  return { calls: [call], effect: 'answer-lost', says: `${call} ${answerLost}` };
}

function own(says: string): Sentinel {
  return { calls: [], effect: 'own', says };
}
