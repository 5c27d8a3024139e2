/** Everything that stands in a configuration file, to be asked for by pattern. */
import type { Finding, Place } from './check.ts';
import { pathText } from './source-text.ts';

/** The values of a configuration file that have the form the schema asks for. */
export interface Places {
  /** Those with this pattern, for example `domains.*.attach-volume.*.device`, in file order. */
  at(pattern: string): readonly Place[];
  /** The value of a key, or the object itself where that key is not there or is wrong. */
  inside(place: Place, key: string): Place;
  /** Every one, in file order. */
  all: readonly Place[];
  /** For messages about two places: `line 12 (domains["a"].attach-volume[0].device)`. */
  named(place: Place): string;
}

/** Makes the places of a checked tree ready to be asked for. */
export function placesOf(all: readonly Place[], lineOf: (offset: number) => number): Places {
  const byPath = new Map(all.map((place) => [JSON.stringify(place.path), place]));
  const byPattern = Map.groupBy(all, ({ pattern }) => pattern);
  return {
    all,
    at: (pattern) => byPattern.get(pattern) ?? [],
    inside: (place, key) => byPath.get(JSON.stringify([...place.path, key])) ?? place,
    named: ({ offset, path }) => `line ${lineOf(offset)} (${pathText(path)})`,
  };
}

/** A place as a finding that keeps the configuration from loading. */
export function error({ path, offset }: Pick<Place, 'path' | 'offset'>, message: string): Finding {
  return { severity: 'error', path, offset, message };
}

/** A place as a finding to think about. */
export function warning(place: Pick<Place, 'path' | 'offset'>, message: string): Finding {
  return { ...error(place, message), severity: 'warning' };
}
