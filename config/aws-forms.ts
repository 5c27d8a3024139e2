/**
 * How AWS writes ids, ARNs, URLs and regions (behaviour.md 3.2). Only `validate` asks, and only to warn: the daemon leaves the
 * verdict to AWS, and configurations may hold placeholders.
 */
import type { Finding } from './check.ts';
import { hasMacros } from './macros.ts';
import type { Places } from './places.ts';
import { quoted } from './source-text.ts';

type Row = readonly [pattern: string, form: RegExp, words: string];

const REGION = '[a-z]{2}(?:-[a-z]+)+-\\d';
const NOTIFY = 'domains.*.notify.*.options';

const rows: readonly Row[] = [
  [
    'domains.*.attach-volume.*.volume-id',
    /^vol-(?:[\da-f]{8}|[\da-f]{17})$/,
    'a volume id such as vol-0123456789abcdef0',
  ],
  [
    'domains.*.update-route53.*.hostedzone',
    /^(?:\/?hostedzone\/)?Z[A-Z\d]{1,31}$/,
    'a hosted zone id such as Z0123456789ABCDEFGHIJ',
  ],
  [
    'domains.*.update-route53.*.name',
    /^[!-~]+$/,
    'a name that clients ask for: letters beyond ASCII are written as punycode, such as xn--bcher-kva.example.com',
  ],
  [`${NOTIFY}.region`, new RegExp(`^${REGION}$`), 'a region such as eu-west-1'],
  [
    `${NOTIFY}.topic`,
    new RegExp(`^arn:aws[a-z-]*:sns:${REGION}:\\d{12}:[\\w-]{1,256}(?:\\.fifo)?$`),
    'a topic ARN such as arn:aws:sns:eu-west-1:123456789012:fleet',
  ],
  [
    `${NOTIFY}.queue-url`,
    /^https?:\/\/[^/\s]+\/(?:queue\/)?\d{12}\/[\w-]{1,80}(?:\.fifo)?$/,
    'a queue URL such as https://sqs.eu-west-1.amazonaws.com/123456789012/fleet',
  ],
];

/** Values that AWS will most likely not take. */
export function awsForms(places: Places): Finding[] {
  const strange = rows.flatMap(([pattern, form, words]) =>
    places
      .at(pattern)
      .filter(({ value }) => !hasMacros(String(value)) && !form.test(String(value)))
      .map(({ path, offset, value }) => ({ path, offset, message: `${quoted(value)} does not look like ${words}.` })),
  );
  const snapshots = places.at('domains.*.attach-volume.*.create').flatMap(({ path, offset, value }) => {
    const { SnapshotId: id } = value as { SnapshotId?: unknown };
    if (id === undefined || /^snap-(?:[\da-f]{8}|[\da-f]{17})$/.test(String(id))) return [];
    const message = `${quoted(id)} does not look like a snapshot id such as snap-0123456789abcdef0.`;
    return [{ path: [...path, 'SnapshotId'], offset, message }];
  });
  return [...strange, ...snapshots].map((found) => ({ severity: 'form', ...found }));
}
