import { type Sight, sightOf } from '../sight.ts';
import { type Action, unlessDryRun } from './action.ts';
import { type FilterValues, filterOf } from './filters.ts';
import { pageOf } from './paging.ts';

interface TagOfResource {
  resourceId: string;
  resourceType: string;
  key: string;
  value: string;
}

const filters: FilterValues<TagOfResource> = {
  key: ({ key }) => [key],
  'resource-id': ({ resourceId }) => [resourceId],
  'resource-type': ({ resourceType }) => [resourceType],
  value: ({ value }) => [value],
};

/** The tags of everything, one by one. Source: EC2 API Reference, "DescribeTags". */
export const describeTags: Action = (world, params) => {
  const filter = filterOf(params, filters, ({ key, value }: TagOfResource) => ({ [key]: value }));
  unlessDryRun(params);
  const { items, nextToken } = pageOf(tagsOfAll(sightOf(world)), params, filter);
  return { tagSet: { item: items.map((tag) => ({ ...tag })) }, nextToken };
};

function tagsOfAll({ instances, volumes, snapshots }: Sight): TagOfResource[] {
  const resources = Object.entries({ instance: instances, volume: volumes, snapshot: snapshots }).flatMap(
    ([resourceType, all]) => [...all.values()].map(({ id, tags }) => ({ resourceType, id, tags })),
  );
  return resources.flatMap(({ resourceType, id, tags }) =>
    Object.entries(tags).map(([key, value]) => ({ resourceId: id, resourceType, key, value })),
  );
}
