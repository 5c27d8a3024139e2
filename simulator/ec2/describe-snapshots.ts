import type { Snapshot } from '../cloud.ts';
import { textsOf } from '../query.ts';
import { sightOf } from '../sight.ts';
import type { XmlElement } from '../xml.ts';
import { type Action, snapshotOf, unlessDryRun } from './action.ts';
import { type FilterValues, filterOf } from './filters.ts';
import { pageOf } from './paging.ts';
import { tagSet } from './tags.ts';

const filtersIn = (account: string): FilterValues<Snapshot> => ({
  description: ({ description }) => [description],
  encrypted: ({ encrypted }) => [String(encrypted)],
  'owner-id': () => [account],
  progress: (snapshot) => [progressOf(snapshot)],
  'snapshot-id': ({ id }) => [id],
  'start-time': ({ startTime }) => [startTime],
  status: ({ state }) => [state],
  'volume-id': ({ volumeId }) => [volumeId],
  'volume-size': ({ sizeGiB }) => [String(sizeGiB)],
});

/** Snapshots by id or filter; all of them are this account's, whoever is asked for. */
export const describeSnapshots: Action = (world, params) => {
  const filter = filterOf(params, filtersIn(world.account), ({ tags }) => tags);
  unlessDryRun(params);
  const sight = sightOf(world);
  const ids = textsOf(params, 'SnapshotId');
  const snapshots = ids.length === 0 ? [...sight.snapshots.values()] : ids.map((id) => snapshotOf(sight, id));
  const { items, nextToken } = pageOf(snapshots, params, filter, 'SnapshotId');
  return { snapshotSet: { item: items.map((snapshot) => snapshotItem(world.account, snapshot)) }, nextToken };
};

/** A snapshot; also the whole answer of CreateSnapshot. */
export function snapshotItem(account: string, snapshot: Snapshot): XmlElement {
  return {
    snapshotId: snapshot.id,
    volumeId: snapshot.volumeId,
    status: snapshot.state,
    startTime: snapshot.startTime,
    progress: progressOf(snapshot),
    ownerId: account,
    volumeSize: snapshot.sizeGiB,
    description: snapshot.description,
    encrypted: snapshot.encrypted,
    ...tagSet(snapshot.tags),
  };
}

function progressOf({ state }: Snapshot): string {
  return state === 'completed' ? '100%' : '0%';
}
