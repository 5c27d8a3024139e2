/** CreateTags and DeleteTags, and tags in answers. Source: EC2 API Reference of both; EC2 User Guide, "Tag restrictions". */
import { AwsError } from '../aws-error.ts';
import type { World } from '../cloud.ts';
import { type Params, structuresOf, textOf, textsOf } from '../query.ts';
import type { XmlElement } from '../xml.ts';
import { type Action, instanceOf, unlessDryRun, volumeOf } from './action.ts';
import { invalidParameter, missingParameter } from './errors.ts';

const KEY_LIMIT = 128;
const VALUE_LIMIT = 256;
const TAGS_LIMIT = 50;

interface Tag {
  key: string;
  /** Absent is not the same as empty where tags are deleted. */
  value: string | undefined;
}

interface Tagged {
  tags: Record<string, string>;
}

/** Writes tags over what stands there; on all the resources or, if one is not to be found, on none. */
export const createTags: Action = (world, params) => {
  const resources = resourcesOf(world, params);
  const tags = tagsIn(params);
  if (tags.length === 0) throw missingParameter('Tag');
  for (const tag of tags) checkTag(tag);
  unlessDryRun(params);
  for (const { tags: current } of resources) {
    const keys = new Set([...Object.keys(current), ...tags.map(({ key }) => key)]);
    if (keys.size > TAGS_LIMIT)
      throw new AwsError('TagLimitExceeded', 'The maximum number of Tags for a resource has been reached.');
  }
  for (const resource of resources) for (const { key, value = '' } of tags) resource.tags[key] = value;
  return { return: true };
};

/** Removes tags; one that is given with a value (an empty one, too) only where it has that value, and all without any. */
export const deleteTags: Action = (world, params) => {
  const resources = resourcesOf(world, params);
  const tags = tagsIn(params);
  unlessDryRun(params);
  for (const resource of resources) {
    if (tags.length === 0) resource.tags = {};
    for (const { key, value } of tags)
      if (value === undefined || resource.tags[key] === value) delete resource.tags[key];
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
  if (id.startsWith('i-')) return instanceOf(world, id);
  if (!id.startsWith('vol-')) throw new AwsError('InvalidID', `The ID '${id}' is not valid`);
  return volumeOf(world, id);
}

function tagsIn(params: Params): Tag[] {
  return structuresOf(params, 'Tag').map((tag) => ({ key: textOf(tag, 'Key') ?? '', value: textOf(tag, 'Value') }));
}

function checkTag({ key, value = '' }: Tag): void {
  if (key === '') throw invalidParameter('Tag key cannot be empty.');
  if (key.startsWith('aws:'))
    throw invalidParameter(
      `Value ( ${key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use`,
    );
  if (key.length > KEY_LIMIT) throw invalidParameter(`Tag key exceeds the maximum length of ${KEY_LIMIT} characters`);
  if (value.length > VALUE_LIMIT)
    throw invalidParameter(`Tag value exceeds the maximum length of ${VALUE_LIMIT} characters`);
}
