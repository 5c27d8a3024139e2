/**
 * What the lines of a configuration for the old daemon do now and did not do there (behaviour.md 14.2): for `validate` alone.
 * What shows in no line is in docs/migrating.md.
 */
import type { Finding, Place } from './check.ts';
import { linesFor, sourcesOf } from './commands.ts';
import { type EventName, eventAliases } from './events.ts';
import { hasMacros, unknownMacros } from './macros.ts';
import type { Places } from './places.ts';
import type { ExecGroup, ExitCodeSpec, RecordConfig, VolumeConfig } from './schema.ts';
import { quoted } from './source-text.ts';

/**
 * What to know of a configuration that was written for the old daemon, each at the line that it is about. Any other configuration
 * has no notes: those who never knew the old daemon have nothing to unlearn.
 *
 * @param places of a configuration without errors.
 */
export function oldDialectNotes(places: Places): Finding[] {
  const sign = signOf(places);
  if (sign === undefined) return [];
  return [
    ...places.at('').map((file) => written(file, places.named(sign))),
    ...wholeFile(places),
    ...places.at('domains.*').flatMap((domain) => wholeDomain(domain, places)),
    ...places.at('domains.*.attach-volume.*').flatMap((volume) => volumeNotes(volume, places)),
    ...places.at('domains.*.update-route53.*.name').flatMap(recordName),
    ...places.at('domains.*.notify.*.matrix.starting').flatMap(toldOfStarting),
    ...places.all.flatMap(upperEnds),
    ...places.all.flatMap(bracesKept),
  ];
}

function note({ path, offset }: Place, message: string): Finding {
  return { severity: 'note', path, offset, message };
}

// --- How it is told --------------------------------------------------------------------------------------------------

/** Where it shows for whom a configuration was written: `$schema` says so either way; without one, an old spelling does. */
function signOf(places: Places): Place | undefined {
  const [schema] = places.at('$schema');
  if (schema === undefined) return places.all.find(isOldSpelling);
  return OLD_SCHEMA.test(String(schema.value)) ? schema : undefined;
}

function written(file: Place, where: string): Finding {
  return note(
    file,
    `written for the old daemon, as ${where} shows. Notes say which lines do something else now, docs/migrating.md has the rest; they end once "$schema" names the new schema.`,
  );
}

const OLD_SCHEMA = /^https?:\/\/schema\.si-magic\.com\//;
const oldWords: readonly unknown[] = ['ans-sqs', 'least-recent-used', ...Object.keys(eventAliases)];

/** What is still taken, but nobody would write today. */
function isOldSpelling({ path, pattern, schema, value }: Place): boolean {
  if (schema.macros) return /\{ami-i[:}]/.test(String(value));
  if (pattern.startsWith('domains.*.notify.*.matrix.')) return oldWords.includes(path.at(-1));
  return schema.enum !== undefined && oldWords.includes(value);
}

// --- What is one for the whole file ----------------------------------------------------------------------------------

function wholeFile(places: Places): Finding[] {
  return [
    ...hostName(places),
    ...places.at('timeout').map(wayUpLimit),
    ...places.at('interrupt-detection.options.interval').map(looksApart),
    ...apart(places),
    ...afterReady(places),
  ];
}

/** With both keys given, a warning says already that this one is not used. */
function hostName(places: Places): Finding[] {
  if (places.at('set-hostname').length > 0) return [];
  const message = 'takes effect now, as "set-hostname" does. Check that the instance may be called so.';
  return places.at('hostname').map((at) => note(at, message));
}

function wayUpLimit(at: Place): Finding {
  const limit = `a domain whose started commands are not over after ${at.value} s fails`;
  return note(at, `takes effect now: ${limit}. Check that it is long enough.`);
}

function looksApart(at: Place): Finding {
  const what = `the metadata is looked at every ${at.value} s`;
  return note(at, `takes effect now: ${what}. Check that a notice may be seen so late.`);
}

/** Domains no longer share each other's fate. */
function apart(places: Places): Finding[] {
  const [domains] = places.at('domains');
  const together = places.at('require-all')[0]?.value === true;
  if (domains === undefined || domains.keys.length < 2 || together) return [];
  return [
    note(
      domains,
      'when one of these fails, the others go on now. Check whether they need each other; "require-all": true keeps them together.',
    ),
  ];
}

function afterReady(places: Places): Finding[] {
  const [first] = places
    .at('domains.*.exec.*')
    .filter(({ value }) => linesFor([value as ExecGroup], 'started').length > 0);
  if (first === undefined) return [];
  return [
    note(
      first,
      'systemd is told READY before the started commands now, no longer after them. Check units that are ordered after ec2fleetd.',
    ),
  ];
}

// --- What is one for a domain ----------------------------------------------------------------------------------------

function wholeDomain(domain: Place, places: Places): Finding[] {
  return [...withoutAddress(domain, places), ...goingOn(domain, places)];
}

/** The first record stands for all of its domain: where one has no address, none has. */
function withoutAddress(domain: Place, places: Places): Finding[] {
  const first = within(domain, places.at('domains.*.update-route53.*')).find(
    ({ value }) => (value as RecordConfig).critical,
  );
  if (first === undefined) return [];
  return [
    note(
      first,
      'an instance without any public address fails its domain now. Check that it has one; "critical": false lets the domain go on.',
    ),
  ];
}

const wayDown: readonly EventName[] = ['interrupted', 'stopping', 'failed'];

/** Only where something comes after a line can it matter that the line failed. */
function goingOn(domain: Place, places: Places): Finding[] {
  const groups = within(domain, places.at('domains.*.exec.*'));
  const events = wayDown.filter((event) => linesFor(groups.map(groupOf), event).length > 1);
  const first = groups.find((group) => events.some((event) => linesFor([groupOf(group)], event).length > 0));
  if (first === undefined) return [];
  return [
    note(
      first,
      `at ${events.join(', ')} the lines behind one that fails run now, too, and the message is sent. Check that none relies on the one before it.`,
    ),
  ];
}

function groupOf({ value }: Place): ExecGroup {
  return value as ExecGroup;
}

function within({ path: [, name] }: Place, places: readonly Place[]): Place[] {
  return places.filter(({ path }) => path[1] === name);
}

// --- What is one for a line ------------------------------------------------------------------------------------------

function volumeNotes(volume: Place, places: Places): Finding[] {
  const { source, wait } = volume.value as VolumeConfig;
  const letters = sourcesOf({ source });
  const isWaitedFor = letters.includes('x') || (letters.includes('p') && !letters.includes('c'));
  const at = places.inside(volume, 'source');
  const waited = note(
    at,
    'a volume that another instance holds is waited for now, as long as "timeout" allows. Check that the start may take so long; "wait" sets another limit.',
  );
  return [
    ...(isWaitedFor && wait === undefined ? [waited] : []),
    ...(letters.includes('p') ? choice(volume, places) : []),
  ];
}

/** Which volume of a pool is tried first; whoever has written the old way has decided. */
function choice(volume: Place, places: Places): Finding[] {
  const { 'pool-pref': preference } = volume.value as VolumeConfig;
  if (preference === 'index') return [];
  if (volume.keys.includes('pool-pref'))
    return [
      note(
        places.inside(volume, 'pool-pref'),
        'decides now which volume of the pool is tried first. Check that this is the order you want; "index" is the old one.',
      ),
    ];
  return [
    note(
      places.inside(volume, 'pool-name'),
      'the launch index no longer decides which volume of the pool is tried first. Check that any will do; "pool-pref": "index" is the old way.',
    ),
  ];
}

function recordName(name: Place): Finding[] {
  if (!hasMacros(String(name.value))) return [];
  return [note(name, 'macros in record names are replaced now. Check the name that comes of it.')];
}

function toldOfStarting(entry: Place): Finding[] {
  if (!(entry.value as { enabled: boolean }).enabled) return [];
  return [note(entry, 'is told now, before the volumes are there. Check that the receiver expects it.')];
}

/** `"0-1,142"` → 1 counts as success. */
function upperEnds(place: Place): Finding[] {
  if (place.path.at(-1) !== 'ec') return [];
  const text = [place.value as ExitCodeSpec].flat().join(',');
  const ends = [...text.matchAll(/-\s*(\d+)/g)].map(([, end]) => end);
  if (ends.length === 0) return [];
  return [
    note(
      place,
      `${ends.join(' and ')} ${ends.length > 1 ? 'count' : 'counts'} as success now: a range includes its upper end. Check that it may, else end the range one earlier.`,
    ),
  ];
}

function bracesKept(place: Place): Finding[] {
  const [first] = place.schema.macros ? unknownMacros(String(place.value)) : [];
  if (first === undefined) return [];
  const braces = quoted(`{${first.name}}`);
  return [
    note(
      place,
      `${braces} stays as it stands now and is handed on. Check that whoever gets it knows what to do with it.`,
    ),
  ];
}
