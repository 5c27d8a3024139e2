/**
 * What the schema knows and this version does not do. The daemon refuses to run with it, since ignoring it silently would
 * surprise at the worst moment; `validate` only warns. A line goes when its feature comes.
 */
import type { Finding } from './check.ts';
import type { Places } from './places.ts';

type Row = readonly [pattern: string, isUsed: (value: unknown) => boolean, feature: string];

const rows: readonly Row[] = [
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
