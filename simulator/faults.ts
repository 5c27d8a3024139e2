/**
 * Faults: what goes wrong with answers, for whom, when and how often. Plain data, so that a setup, a test, a scenario and the
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

/** When a fault holds, and for how many requests. */
export interface FaultSpan {
  /** How many requests it is for; absent: all, as long as it holds. */
  count?: number;
  /** It begins so long after it was given; absent: at once. */
  afterMs?: number;
  /** It ends so long after it began; absent: when it is withdrawn. */
  forMs?: number;
}

/** A fault of an instance's metadata. */
export type MetadataFault = Fault &
  FaultSpan & {
    /** A prefix of the paths it is for, without the version: `meta-data/spot`, `api/token`. Absent: all. */
    paths?: string;
  };

/** A fault that was given. */
export type Standing<F> = F & {
  /** When that was, epoch milliseconds; absent where it does not matter. */
  sinceMs?: number;
};

/** What is no fault; the message says why. */
export class FaultError extends Error {
  override readonly name: string = 'FaultError';
}

/** Members of a fault: what each has to be, and whether a value is that. */
export type Members = Readonly<Record<string, readonly [is: string, holds: (value: unknown) => boolean]>>;

/**
 * A fault of its own, made from one that somebody wrote down.
 * @throws FaultError
 */
export function parseMetadataFault(given: object, nowMs: number): Standing<MetadataFault> {
  return parseFault<MetadataFault>(given, metadataKinds, { paths }, nowMs);
}

/**
 * The same for any table of kinds, each with its own members.
 * @param scope the members that say for which requests it is, which every kind can have.
 * @throws FaultError
 */
export function parseFault<F extends FaultSpan & { kind: string }>(
  given: object,
  kinds: Readonly<Record<F['kind'], Members>>,
  scope: Members,
  nowMs: number,
): Standing<F> {
  const { kind, ...rest } = given as Record<string, unknown>;
  if (!isAmong(kind, kinds)) throw new FaultError(`"kind" is one of ${Object.keys(kinds).join(', ')}`);
  const known: Members = { ...kinds[kind], ...scope, ...span };
  for (const name of Object.keys(rest))
    if (!Object.hasOwn(known, name))
      throw new FaultError(`"${name}" is none of ${Object.keys(known).join(', ')}, which "${kind}" can have`);
  for (const [name, [is, holds]] of Object.entries(known))
    if (!holds(rest[name])) throw new FaultError(`"${name}" is ${is}`);
  const isTimed = rest.afterMs !== undefined || rest.forMs !== undefined;
  return { kind, ...structuredClone(rest), ...(isTimed && { sinceMs: nowMs }) } as unknown as Standing<F>;
}

/** What befalls one request. */
export interface Befallen {
  latencyMs: number;
  /** What comes instead of the answer; absent: the answer does. */
  instead?: Extract<Fault, { kind: 'status' | 'hang' | 'reset' }>;
  /** Of the answer's `Date`; absent: it is right. */
  date?: Extract<Fault, { kind: 'wrong-date' | 'no-date' }>;
  /** The kinds of what befalls it, for the log of calls. */
  kinds: string[];
}

/**
 * Takes out of an instance's faults what befalls a request for a path: of latency, of the date and of what comes instead of
 * an answer one each.
 * @param path with its version, for example `/latest/api/token`.
 */
export function takeFaults(faults: Standing<MetadataFault>[], path: string, nowMs: number): Befallen {
  const unversioned = path.replace(/^\/+[^/]*\/*/, '');
  const take = <Kind extends Fault['kind']>(...kinds: Kind[]) =>
    takeOldest(faults, kinds, (fault) => unversioned.startsWith(fault.paths ?? ''), nowMs);
  const latency = take('latency');
  const date = take('wrong-date', 'no-date');
  const instead = take('status', 'hang', 'reset');
  return {
    latencyMs: latency?.ms ?? 0,
    ...(date !== undefined && { date }),
    ...(instead !== undefined && { instead }),
    kinds: kindsOf(latency, date, instead),
  };
}

/**
 * Takes the oldest fault of these kinds that holds now and is for the request, so that several given one after the other have
 * their turn one after the other. One that has a `count` is counted down, and goes when it is used up, as does one whose time is over.
 */
export function takeOldest<F extends FaultSpan & { kind: string }, Kind extends F['kind']>(
  faults: Standing<F>[],
  kinds: readonly Kind[],
  isForIt: (fault: F) => boolean,
  nowMs: number,
): Extract<F, { kind: Kind }> | undefined {
  dropEnded(faults, nowMs);
  const fault = faults.find((one) => kinds.some((kind) => kind === one.kind) && hasBegun(one, nowMs) && isForIt(one));
  if (fault?.count !== undefined) {
    fault.count -= 1;
    if (fault.count === 0) faults.splice(faults.indexOf(fault), 1);
  }
  return fault as Extract<F, { kind: Kind }> | undefined;
}

/** Takes out those whose time is over. */
export function dropEnded(faults: Standing<FaultSpan>[], nowMs: number): void {
  const left = faults.filter((fault) => nowMs < beginningOf(fault) + (fault.forMs ?? Number.POSITIVE_INFINITY));
  if (left.length < faults.length) faults.splice(0, faults.length, ...left);
}

/** Of the faults that there are, the kinds. */
export function kindsOf(...faults: ({ kind: string } | undefined)[]): string[] {
  return faults.flatMap((fault) => (fault === undefined ? [] : [fault.kind]));
}

/** True for a number within bounds. */
export const isNumber = (value: unknown, least: number, most = Number.MAX_SAFE_INTEGER) =>
  typeof value === 'number' && value >= least && value <= most;

/** The kinds that the metadata and the services have in common. */
export const commonKinds = {
  status: {
    status: ['a whole number from 400 to 599', (value) => isNumber(value, 400, 599) && Number.isInteger(value)],
  },
  hang: {},
  reset: {},
  latency: { ms: ['a number of milliseconds', (value) => isNumber(value, 0)] },
} as const satisfies Record<string, Members>;

const metadataKinds: Record<Fault['kind'], Members> = {
  ...commonKinds,
  'wrong-date': { offsetS: ['a number of seconds', (value) => isNumber(value, -Number.MAX_SAFE_INTEGER)] },
  'no-date': {},
};

const paths: Members[string] = [
  'a prefix of paths without slash and version before it, such as "meta-data/spot"',
  (value) => value === undefined || (typeof value === 'string' && /^(?!latest\/)[^/]/.test(value)),
];

const span: Members = {
  count: ['a whole number from 1', (value) => value === undefined || (isNumber(value, 1) && Number.isInteger(value))],
  afterMs: ['a number of milliseconds', (value) => value === undefined || isNumber(value, 0)],
  forMs: ['a number of milliseconds, more than 0', (value) => value === undefined || isNumber(value, Number.MIN_VALUE)],
};

function isAmong<K extends string>(value: unknown, table: Readonly<Record<K, unknown>>): value is K {
  return typeof value === 'string' && Object.hasOwn(table, value);
}

function hasBegun(fault: Standing<FaultSpan>, nowMs: number): boolean {
  return nowMs >= beginningOf(fault);
}

function beginningOf({ sinceMs = 0, afterMs = 0 }: Standing<FaultSpan>): number {
  return sinceMs + afterMs;
}
