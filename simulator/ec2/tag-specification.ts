/** Tags in requests. Source: EC2 API Reference, "TagSpecification"; EC2 User Guide, "Tag restrictions". */
import { AwsError } from '../aws-error.ts';
import { type Params, structuresOf, textOf } from '../query.ts';
import { invalidParameter } from './errors.ts';

const KEY_LIMIT = 128;
const VALUE_LIMIT = 256;
const TAGS_LIMIT = 50;

interface Tag {
  key: string;
  /** Absent is not the same as empty where tags are deleted. */
  value: string | undefined;
}

/** The tags of a request about tags, or of one of its specifications. */
export function tagsIn(params: Params): Tag[] {
  return structuresOf(params, 'Tag').map((tag) => ({ key: textOf(tag, 'Key') ?? '', value: textOf(tag, 'Value') }));
}

/** The tags that a creation gives to what it makes, as they stand. */
export function tagsAtCreation(params: Params): Record<string, string> {
  const tags = structuresOf(params, 'TagSpecification').flatMap(tagsIn);
  return Object.fromEntries(tags.map(({ key, value = '' }) => [key, value]));
}

/**
 * The same for what is about to be made.
 * @param resourceType for example `volume`: whatever else the specifications are for is refused.
 * @throws AwsError
 */
export function checkedTagsAtCreation(params: Params, resourceType: string): Record<string, string> {
  for (const specification of structuresOf(params, 'TagSpecification')) {
    const type = textOf(specification, 'ResourceType') ?? '';
    if (type !== resourceType)
      throw invalidParameter(`'${type}' is not a valid taggable resource type for this operation.`);
    for (const tag of tagsIn(specification)) checkTag(tag);
  }
  const tags = tagsAtCreation(params);
  checkTagCount(Object.keys(tags));
  return tags;
}

/** @throws AwsError for a tag that nobody may write. */
export function checkTag({ key, value = '' }: Tag): void {
  if (key === '') throw invalidParameter('Tag key cannot be empty.');
  if (key.startsWith('aws:'))
    throw invalidParameter(
      `Value ( ${key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use`,
    );
  if (key.length > KEY_LIMIT) throw invalidParameter(`Tag key exceeds the maximum length of ${KEY_LIMIT} characters`);
  if (value.length > VALUE_LIMIT)
    throw invalidParameter(`Tag value exceeds the maximum length of ${VALUE_LIMIT} characters`);
}

/** @throws AwsError when these are more keys than one resource can have. */
export function checkTagCount(keys: string[]): void {
  if (new Set(keys).size > TAGS_LIMIT)
    throw new AwsError('TagLimitExceeded', 'The maximum number of Tags for a resource has been reached.');
}
