/** What a schema cannot say: fields that belong together, and things that only one entry may have (behaviour.md 3.3, 3.4). */
import type { Finding, Place } from './check.ts';
import { sourcesOf } from './commands.ts';
import { attachmentPoint } from './devices.ts';
import { type EventSpelling, eventOf } from './events.ts';
import { parseExitCodes } from './exit-codes.ts';
import { defaultOf } from './field.ts';
import { hasMacros, unknownMacros } from './macros.ts';
import { error, type Places, warning } from './places.ts';
import { storedName, zoneId } from './record-name.ts';
import {
  configSchema,
  type ExecGroup,
  type ExitCodeSpec,
  type NotifyConfig,
  type RecordConfig,
  type VolumeConfig,
} from './schema.ts';
import { quoted } from './source-text.ts';
import { volumeChecks } from './volume-checks.ts';

/** Every finding that takes more than one field, or more than a field's type. */
export function crossChecks(places: Places): Finding[] {
  const timeoutS = (places.at('timeout')[0]?.value ?? defaultOf(configSchema.properties.timeout)) as number;
  return [
    ...hostNames(places),
    ...places.at('domains').flatMap((place) => domainNames(place, places)),
    ...places.at('domains.*.attach-volume.*').flatMap((place) => volumeChecks(place, places, timeoutS)),
    ...places.at('domains.*.notify.*').flatMap((place) => receiver(place, places)),
    ...places.at('domains.*.exec.*').flatMap((place) => emptyOn(place, places)),
    ...places.at('domains.*.attach-volume.*.exec.*').flatMap((place) => volumeOn(place, places)),
    ...places.at('domains.*.attach-volume.*').flatMap((place) => neverReleased(place, places)),
    ...places.at('domains.*.update-route53.*').flatMap((place) => neverReleased(place, places)),
    ...places.all.flatMap(exitCodes),
    ...places.all.flatMap(environmentNames),
    ...places.all.flatMap(macros),
    ...duplicates(places),
  ];
}

function hostNames(places: Places): Finding[] {
  const [both] = places.at('set-hostname').length > 0 ? places.at('hostname') : [];
  return both === undefined ? [] : [warning(both, 'is not used: "set-hostname" is given, too, and wins.')];
}

/** A domain's name is a file name, too: `/run/ec2fleetd/DOMAIN.started`. */
function domainNames(place: Place, places: Places): Finding[] {
  const unfit = (name: string) => /^\.{0,2}$|[/\p{Cc}]/u.test(name) || new TextEncoder().encode(name).length > 200;
  const rule =
    'is no name for a domain: it becomes a file name. Use 1 to 200 bytes without "/" and control characters.';
  return place.keys
    .filter(unfit)
    .map((name) => error({ path: [...place.path, name], offset: places.inside(place, name).offset }, rule));
}

function receiver(place: Place, places: Places): Finding[] {
  const { backend, options } = place.value as Partial<NotifyConfig>;
  if (backend === undefined || options === undefined) return [];
  const [needed, other] = backend === 'aws-sns' ? (['topic', 'queue-url'] as const) : (['queue-url', 'topic'] as const);
  const at = places.inside(place, 'options');
  const missing = at.keys.includes(needed)
    ? []
    : [error(at, `backend ${backend} needs "${needed}", which is missing.`)];
  const unused =
    options[other] === undefined ? [] : [warning(places.inside(at, other), `is not used by backend ${backend}.`)];
  return [...missing, ...unused];
}

function emptyOn(place: Place, places: Places): Finding[] {
  const { on } = place.value as ExecGroup;
  if (!Array.isArray(on) || on.length > 0) return [];
  return [
    warning(
      places.inside(place, 'on'),
      'names no event: these lines never run. Leave "on" out to run them at every event.',
    ),
  ];
}

/** A volume's commands have one occasion; a group that waits for another one would wait for ever. */
function volumeOn(place: Place, places: Places): Finding[] {
  const { on } = place.value as ExecGroup;
  if (on === undefined || [on].flat().some((name: EventSpelling) => eventOf(name) === 'starting')) return [];
  const rule = 'these lines never run: the commands of a volume run while its domain is "starting". Leave "on" out.';
  return [warning(places.inside(place, 'on'), rule)];
}

/** Things are given back on the way down only, after the commands of its event. */
function neverReleased(place: Place, places: Places): Finding[] {
  const { release = [] } = place.value as Partial<Pick<VolumeConfig, 'release'>>;
  if (!Array.isArray(release)) return [];
  const never = release.filter((name) => !['interrupted', 'stopping', 'failed'].includes(eventOf(name)));
  return never.map((name) =>
    warning(
      places.inside(place, 'release'),
      `nothing is given back at ${quoted(name)}. Write interrupted, stopping or failed.`,
    ),
  );
}

function exitCodes(place: Place): Finding[] {
  if (place.path.at(-1) !== 'ec' || place.value === undefined) return [];
  try {
    parseExitCodes(place.value as ExitCodeSpec);
    return [];
  } catch (problem) {
    return [error(place, (problem as RangeError).message)];
  }
}

function environmentNames(place: Place): Finding[] {
  if (place.path.at(-1) !== 'env') return [];
  const unfit = place.keys.filter((name) => name === '' || /[=\0]/.test(name));
  return unfit.map((name) =>
    error(place, `${quoted(name)} is no name for an environment variable. Use letters, digits and _.`),
  );
}

/** What is left as it stands may well be meant so (`${HOME}`, inline JSON), but more often it is a slip (4.1). */
function macros({ schema, value, path, offset }: Place): Finding[] {
  if (!schema.macros) return [];
  return unknownMacros(String(value)).map(({ name, nearest }) => {
    const remedy = nearest === undefined ? 'Write {{ and }} where braces are meant.' : `Did you mean {${nearest}}?`;
    const message = `${quoted(`{${name}}`).slice(1, -1)} is no macro and stays as it stands. ${remedy}`;
    return { severity: 'unknown', path, offset, message };
  });
}

/** Devices are one for the whole instance, volumes and records for the world: across all domains. */
function duplicates(places: Places): Finding[] {
  const volumes = places.at('domains.*.attach-volume.*');
  const devices = volumes.map(
    (place) => [places.inside(place, 'device'), (place.value as VolumeConfig).device] as const,
  );
  const ids = volumes
    .filter(({ value }) => sourcesOf({ source: (value as Partial<VolumeConfig>).source ?? '' }).includes('x'))
    .map((place) => [places.inside(place, 'volume-id'), (place.value as VolumeConfig)['volume-id']] as const);
  const records = places
    .at('domains.*.update-route53.*')
    .map((place) => [places.inside(place, 'name'), recordKey(place.value as Partial<RecordConfig>)] as const);
  return [
    ...twice(devices, attachmentPoint, places, 'is the same device as in'),
    ...twice(ids, (id) => id, places, 'is the same volume as in'),
    ...twice(records, (key) => key, places, 'is the same record as in'),
  ];
}

/** Split-horizon DNS has one name in two zones; A and AAAA go with every name. */
function recordKey({ hostedzone, name }: Partial<RecordConfig>): string | undefined {
  if (hostedzone === undefined || name === undefined || hasMacros(name)) return undefined;
  return `${zoneId(hostedzone)} ${storedName(name)}`;
}

function twice(
  entries: readonly (readonly [place: Place, key: string | undefined])[],
  same: (key: string) => string,
  places: Places,
  words: string,
): Finding[] {
  const seen = new Map<string, Place>();
  return entries.flatMap(([place, key]) => {
    if (key === undefined || hasMacros(key)) return [];
    const earlier = seen.get(same(key));
    if (earlier !== undefined) return [error(place, `${quoted(place.value)} ${words} ${places.named(earlier)}.`)];
    seen.set(same(key), place);
    return [];
  });
}
