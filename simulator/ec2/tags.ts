/** CreateTags and DeleteTags, and tags in answers. Source: EC2 API Reference of both; EC2 User Guide, "Tag restrictions". */
import { AwsError } from '../aws-error.ts';
import type { World } from '../cloud.ts';
import { type Params, textsOf } from '../query.ts';
import { aboutToChange } from '../sight.ts';
import type { XmlElement } from '../xml.ts';
import { type Action, instanceOf, snapshotOf, unlessDryRun, volumeOf } from './action.ts';
import { missingParameter } from './errors.ts';
import { checkTag, checkTagCount, tagsIn } from './tag-specification.ts';

interface Tagged {
  kind: 'instances' | 'volumes' | 'snapshots';
  id: string;
  tags: Record<string, string>;
}

/** Writes tags over what stands there; on all the resources or, if one is not to be found, on none. */
export const createTags: Action = (world, params) => {
  const resources = resourcesOf(world, params);
  const tags = tagsIn(params);
  if (tags.length === 0) throw missingParameter('Tag');
  for (const tag of tags) checkTag(tag);
  unlessDryRun(params);
  for (const { tags: current } of resources) checkTagCount([...Object.keys(current), ...tags.map(({ key }) => key)]);
  for (const resource of resources) {
    aboutToChange(world, resource.kind, resource.id);
    for (const { key, value = '' } of tags) resource.tags[key] = value;
  }
  return { return: true };
};

/** Removes tags; one that is given with a value (an empty one, too) only where it has that value, and all without any. */
export const deleteTags: Action = (world, params) => {
  const resources = resourcesOf(world, params);
  const tags = tagsIn(params);
  unlessDryRun(params);
  for (const { kind, id, tags: current } of resources) {
    aboutToChange(world, kind, id);
    for (const key of tags.length === 0 ? Object.keys(current) : []) delete current[key];
    for (const { key, value } of tags) if (value === undefined || current[key] === value) delete current[key];
  }
  return { return: true };
};

export function tagSet(tags: Record<string, string>): XmlElement {
  return { tagSet: { item: Object.entries(tags).map(([key, value]) => ({ key, value })) } };
}

function resourcesOf(world: World, params: Params): Tagged[] {
  const ids = textsOf(params, 'ResourceId');
  if (ids.length === 0) throw missingParameter('ResourceId');
  return ids.map((id) => resourceOf(world, id));
}

function resourceOf(world: World, id: string): Tagged {
  if (id.startsWith('i-')) return { kind: 'instances', id, tags: instanceOf(world, id).tags };
  if (id.startsWith('snap-')) return { kind: 'snapshots', id, tags: snapshotOf(world, id).tags };
  if (id.startsWith('vol-')) return { kind: 'volumes', id, tags: volumeOf(world, id).tags };
  throw new AwsError('InvalidID', `The ID '${id}' is not valid`);
}
