/**
 * What the schema knows and this version does not do. The daemon refuses to run with it, since ignoring it silently would
 * surprise at the worst moment; `validate` only warns. A line goes when its feature comes.
 */
import type { Finding } from './check.ts';
import { sourcesOf } from './commands.ts';
import type { Places } from './places.ts';
import type { VolumeConfig } from './schema.ts';

type Row = readonly [pattern: string, isUsed: (value: unknown) => boolean, feature: string];

const tries = (letter: 'p' | 'c') => (value: unknown) =>
  sourcesOf({ source: value as VolumeConfig['source'] }).includes(letter);

const rows: readonly Row[] = [
  ['domains.*.attach-volume.*.source', tries('p'), 'taking a volume from a pool (source p)'],
  ['domains.*.attach-volume.*.source', tries('c'), 'creating a volume (source c)'],
  ['domains.*.attach-volume.*.wait', () => true, 'a limit of its own for waiting for a volume'],
  ['domains.*.update-route53.*.wait', (value) => value === 'insync', 'waiting for INSYNC'],
  ['domains.*.update-route53.*.set', (value) => value === 'multivalue', 'a multivalue record set'],
  ['domains.*.update-route53.*.stale', (value) => value === 'delete', 'deleting a stale record'],
];

/** What of the field with this pattern has to wait, in words: for the reference page. */
export function featuresNotYet(pattern: string): string[] {
  return rows.filter(([own]) => own === pattern).map(([, , feature]) => feature);
}

/** Everything configured that has to wait for a later version. */
export function notYet(places: Places): Finding[] {
  return rows.flatMap(([pattern, isUsed, feature]) =>
    places
      .at(pattern)
      .filter(({ value }) => isUsed(value))
      .map(({ path, offset }) => ({
        severity: 'not-yet' as const,
        path,
        offset,
        message: `${feature} is not in this version yet; the daemon does not run with it. Leave it out for now.`,
      })),
  );
}
