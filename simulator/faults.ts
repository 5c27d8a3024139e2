/**
 * Faults of a service: what goes wrong with its answers, for whom and how often. Plain data, so that a setup, a test and the
 * control endpoint say the same thing in the same words.
 */

/** What goes wrong with an answer. */
export type Fault =
  /** This status instead of the answer, 400 to 599; nothing takes effect. */
  | { kind: 'status'; status: number }
  /** The request is taken, and never answered. */
  | { kind: 'hang' }
  /** The connection is reset instead of an answer. */
  | { kind: 'reset' }
  /** The answer comes this much later. */
  | { kind: 'latency'; ms: number }
  /** The answer's `Date` is off by so many seconds; negative: in the past. */
  | { kind: 'wrong-date'; offsetS: number }
  /** The answer has no `Date`. */
  | { kind: 'no-date' };

/** A fault of an instance's metadata. */
export type MetadataFault = Fault & {
  /** A prefix of the paths it is for, without the version: `meta-data/spot`, `api/token`. Absent: all. */
  paths?: string;
  /** How many requests it is for; absent: all, until it is withdrawn. */
  count?: number;
};

/** What is no fault; the message says why. */
export class FaultError extends Error {
  override readonly name: string = 'FaultError';
}

/**
 * A fault of its own, made from one that somebody wrote down.
 * @throws FaultError
 */
export function parseMetadataFault(given: object): MetadataFault {
  const { kind, ...rest } = given as Record<string, unknown>;
  if (typeof kind !== 'string' || !Object.hasOwn(members, kind))
    throw new FaultError(`"kind" is one of ${Object.keys(members).join(', ')}`);
  const known = { ...members[kind as Fault['kind']], ...scope };
  for (const name of Object.keys(rest))
    if (!Object.hasOwn(known, name))
      throw new FaultError(`"${name}" is none of ${Object.keys(known).join(', ')}, which "${kind}" can have`);
  for (const [name, [is, holds]] of Object.entries(known))
    if (!holds(rest[name])) throw new FaultError(`"${name}" is ${is}`);
  return { kind, ...rest } as MetadataFault;
}

const isNumber = (value: unknown, least: number, most = Number.MAX_SAFE_INTEGER) =>
  typeof value === 'number' && value >= least && value <= most;

/** The members of each kind: what they have to be, and whether a value is that. */
const members: Record<Fault['kind'], Record<string, [is: string, holds: (value: unknown) => boolean]>> = {
  status: {
    status: ['a whole number from 400 to 599', (value) => isNumber(value, 400, 599) && Number.isInteger(value)],
  },
  hang: {},
  reset: {},
  latency: { ms: ['a number of milliseconds', (value) => isNumber(value, 0)] },
  'wrong-date': { offsetS: ['a number of seconds', (value) => isNumber(value, -Number.MAX_SAFE_INTEGER)] },
  'no-date': {},
};

const scope: (typeof members)['status'] = {
  paths: [
    'a prefix of paths without slash and version before it, such as "meta-data/spot"',
    (value) => value === undefined || (typeof value === 'string' && /^(?!latest\/)[^/]/.test(value)),
  ],
  count: ['a whole number from 1', (value) => value === undefined || (isNumber(value, 1) && Number.isInteger(value))],
};

/** What befalls one request. */
export interface Befallen {
  latencyMs: number;
  /** What comes instead of the answer; absent: the answer does. */
  instead?: Extract<Fault, { kind: 'status' | 'hang' | 'reset' }>;
  /** Of the answer's `Date`; absent: it is right. */
  date?: Extract<Fault, { kind: 'wrong-date' | 'no-date' }>;
}

/**
 * Takes out of an instance's faults what befalls a request for a path: of latency, of the date and of what comes instead of
 * an answer the oldest one each, so that several given one after the other have their turn one after the other.
 * @param path with its version, for example `/latest/api/token`.
 */
export function takeFaults(faults: MetadataFault[], path: string): Befallen {
  const unversioned = path.replace(/^\/+[^/]*\/*/, '');
  const take = <Kind extends Fault['kind']>(...kinds: Kind[]) => {
    const fault = faults.find(
      (one): one is Extract<MetadataFault, { kind: Kind }> =>
        kinds.some((kind) => kind === one.kind) && unversioned.startsWith(one.paths ?? ''),
    );
    if (fault !== undefined) countDown(faults, fault);
    return fault;
  };
  const latencyMs = take('latency')?.ms ?? 0;
  const date = take('wrong-date', 'no-date');
  const instead = take('status', 'hang', 'reset');
  return { latencyMs, ...(date !== undefined && { date }), ...(instead !== undefined && { instead }) };
}

function countDown(faults: MetadataFault[], fault: MetadataFault): void {
  if (fault.count === undefined) return;
  fault.count -= 1;
  if (fault.count === 0) faults.splice(faults.indexOf(fault), 1);
}
