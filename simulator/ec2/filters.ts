/** Filters of Describe calls. Source: EC2 User Guide, "List and filter using the CLI and API". */
import { type Params, structuresOf, textOf, textsOf } from '../query.ts';
import { invalidParameter } from './errors.ts';

/** What a filter compares with: all values that a resource has under the filter's name. */
export type FilterValues<T> = Partial<Record<string, (resource: T) => (string | undefined)[]>>;

interface Filter {
  name: string;
  values: string[];
}

/**
 * Reads the filters of a request: all of them must match, of the values of each one.
 * @throws AwsError for a name that this call does not know.
 */
export function filterOf<T>(
  params: Params,
  known: FilterValues<T>,
  tagsOf: (resource: T) => Record<string, string>,
): (resource: T) => boolean {
  const checks = structuresOf(params, 'Filter').map((filter) =>
    checkOf(known, tagsOf, { name: textOf(filter, 'Name') ?? '', values: textsOf(filter, 'Value') }),
  );
  return (resource) => checks.every((check) => check(resource));
}

function checkOf<T>(
  known: FilterValues<T>,
  tagsOf: (resource: T) => Record<string, string>,
  { name, values }: Filter,
): (resource: T) => boolean {
  const patterns = values.map(patternOf);
  const matches = (value: string | undefined) => value !== undefined && patterns.some((pattern) => pattern.test(value));

  if (name === 'tag-key') return (resource) => Object.keys(tagsOf(resource)).some(matches);
  if (name.startsWith('tag:')) return (resource) => matches(tagsOf(resource)[name.slice('tag:'.length)]);
  const valuesOf = Object.hasOwn(known, name) ? known[name] : undefined;
  if (valuesOf === undefined) throw invalidParameter(`The filter '${name}' is invalid`);
  return (resource) => valuesOf(resource).some(matches);
}

/** `*` is any run of characters, `?` none or one, a backslash takes the next one as it is; case counts. */
function patternOf(value: string): RegExp {
  const source = value.replace(/\\?./gs, (found) => {
    if (found === '*') return '.*';
    if (found === '?') return '.?';
    return literal(found.at(-1) ?? '');
  });
  return new RegExp(`^${source}$`, 's');
}

function literal(character: string): string {
  return /\w/.test(character) ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
