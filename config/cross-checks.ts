/** What a schema cannot say: fields that belong together, and things that only one entry may have (behaviour.md 3.3, 3.4). */
import type { Finding, Place } from './check.ts';
import { sourcesOf } from './commands.ts';
import { attachmentPoint } from './devices.ts';
import { type EventSpelling, eventOf } from './events.ts';
import { parseExitCodes } from './exit-codes.ts';
import { hasMacros, unknownMacros } from './macros.ts';
import { storedName } from './record-name.ts';
import type { Config, ExecGroup, ExitCodeSpec, NotifyConfig, RecordConfig, VolumeConfig } from './schema.ts';
import { pathText, quoted } from './source-text.ts';

/** Everything of a configuration that stands in the file, to be asked for by pattern. */
export interface Places {
  /** Those with this pattern, for example `domains.*.attach-volume.*.device`, in file order. */
  at(pattern: string): Place[];
  /** The value of a key, or the object itself where that key is not there or is wrong. */
  inside(place: Place, key: string): Place;
  /** Every one, in file order. */
  all: readonly Place[];
  /** The line, from 1, of an offset. */
  lineOf(offset: number): number;
}

/** Makes the places of a checked tree ready to be asked for. */
export function placesOf(all: readonly Place[], lineOf: (offset: number) => number): Places {
  const byPath = new Map(all.map((place) => [JSON.stringify(place.path), place]));
  const byPattern = Map.groupBy(all, ({ pattern }) => pattern);
  return {
    all,
    lineOf,
    at: (pattern) => byPattern.get(pattern) ?? [],
    inside: (place, key) => byPath.get(JSON.stringify([...place.path, key])) ?? place,
  };
}

/** Every finding that takes more than one field, or more than a field's type. */
export function crossChecks(places: Places): Finding[] {
  return [
    ...hostNames(places),
    ...places.at('domains').flatMap(domainNames),
    ...places.at('domains.*.attach-volume.*').flatMap((place) => volume(place, places)),
    ...places.at('domains.*.notify.*').flatMap((place) => receiver(place, places)),
    ...execGroups(places),
    ...places.all.flatMap(macros),
    ...duplicates(places),
  ];
}

const error = ({ path, offset }: Place, message: string): Finding => ({ severity: 'error', path, offset, message });
const warning = (place: Place, message: string): Finding => ({ ...error(place, message), severity: 'warning' });

function hostNames(places: Places): Finding[] {
  const [both] = places.at('set-hostname').length > 0 ? places.at('hostname') : [];
  return both === undefined ? [] : [warning(both, '"set-hostname" is given, too, and wins. Keep one of them.')];
}

/** A domain's name is a file name, too: `/run/ec2fleetd/DOMAIN.started`. */
function domainNames(place: Place): Finding[] {
  return Object.keys(place.value as Config['domains'])
    .filter((name) => name === '' || name.length > 200 || /[/\p{Cc}]/u.test(name))
    .map((name) => error({ ...place, path: [...place.path, name] }, 'is no name for a domain. It becomes a file name: 1 to 200 characters without "/" and control characters.'));
}

function volume(place: Place, places: Places): Finding[] {
  const entry = place.value as Partial<VolumeConfig>;
  return [...device(entry, place, places), ...sources(entry, place, places), ...waiting(entry, place, places)];
}

const ADVICE = 'Use /dev/sdf to /dev/sdp.';

/** Source: EC2 User Guide, "Device names for volumes". */
function device({ device: name }: Partial<VolumeConfig>, place: Place, places: Places): Finding[] {
  if (name === undefined || hasMacros(name)) return [];
  const at = places.inside(place, 'device');
  const point = attachmentPoint(name);
  if (/^a\d*$/.test(point)) return [error(at, `${quoted(name)} is the root device. ${ADVICE}`)];
  if (/^[a-z]\d+$/.test(point)) return [error(at, `${quoted(name)} names a partition. Write "${name.replace(/\d+$/, '')}".`)];
  if (/^(?:[b-z]|[a-d][a-z])$/.test(point)) return [];
  if (/^(?:\/dev\/)?nvme/.test(name))
    return [error(at, `${quoted(name)} is a name that the kernel gives. ${ADVICE} Commands find the disk in {attached_device}.`)];
  // With another endpoint than AWS, a plain file may stand for a disk.
  if (/^\/(?!dev\/)/.test(name)) return [warning(at, `${quoted(name)} is no device name that EC2 takes. ${ADVICE}`)];
  return [error(at, `${quoted(name)} is no device name that EC2 takes. ${ADVICE}`)];
}

const sourceKeys = { x: 'volume-id', p: 'pool-name', c: 'create' } as const;

function sources(entry: Partial<VolumeConfig>, place: Place, places: Places): Finding[] {
  if (entry.source === undefined) return [];
  const at = places.inside(place, 'source');
  const letters = sourcesOf({ source: entry.source });
  const known = 'Write x (by id), p (from a pool) and c (created) in the order to try, for example "xp".';
  if (letters.length === 0) return [error(at, `names no source. ${known}`)];
  const strange = letters.find((letter) => !Object.hasOwn(sourceKeys, letter));
  if (strange !== undefined) return [error(at, `${quoted(strange)} is no source. ${known}`)];
  if (new Set(letters).size < letters.length) return [error(at, `${quoted(letters.join(''))} names a source twice.`)];
  const missing = letters
    .filter((letter) => entry[sourceKeys[letter]] === undefined && !isGiven(place, sourceKeys[letter], places))
    .map((letter) => error(at, `source ${letter} needs "${sourceKeys[letter]}", which is missing.`));
  const unused = (['x', 'c'] as const)
    .filter((letter) => entry[sourceKeys[letter]] !== undefined && !letters.includes(letter))
    .map((letter) => warning(places.inside(place, sourceKeys[letter]), `is not used: "source" has no ${letter}.`));
  return [...missing, ...unused];
}
