/**
 * Token buckets, each for the whole account: one for each action of EC2, and one for all calls of Route 53 together.
 * Source: EC2 Developer Guide, "Request throttling for the EC2 API"; Route 53 Developer Guide, "Quotas", limits of API requests.
 */
import type { Clock } from './clock.ts';

/** So many calls at once, and then so many a second. */
export interface Bucket {
  capacity: number;
  refillPerS: number;
}

const most: Bucket = { capacity: 50, refillPerS: 5 };
const making: Bucket = { capacity: 100, refillPerS: 5 };
const tagging: Bucket = { capacity: 100, refillPerS: 10 };
const looking: Bucket = { capacity: 100, refillPerS: 20 };
/** For a look at everything, without a filter and in one page. Named ids are no filter. */
const unfiltered: Bucket = { capacity: 50, refillPerS: 10 };
/** Five a second, and no more at once. */
const dns: Bucket = { capacity: 5, refillPerS: 5 };

/** Every bucket, with the numbers of an account that has asked for no others. */
export const buckets = {
  AttachVolume: most,
  CreateSnapshot: making,
  CreateTags: tagging,
  CreateVolume: making,
  DeleteTags: tagging,
  DeleteVolume: making,
  DescribeInstances: looking,
  'DescribeInstances unfiltered': unfiltered,
  DescribeSnapshots: looking,
  'DescribeSnapshots unfiltered': unfiltered,
  DescribeTags: looking,
  DescribeVolumes: looking,
  'DescribeVolumes unfiltered': unfiltered,
  DetachVolume: most,
  ModifyInstanceAttribute: most,
  'Route 53': dns,
} as const satisfies Record<string, Bucket>;

export type BucketName = keyof typeof buckets;

/** Off, on, or on with other numbers for some of the buckets. */
export type Throttling = boolean | Partial<Record<BucketName, Partial<Bucket>>>;

export interface Throttle {
  /** Begins anew, with full buckets. */
  set(throttling: Throttling): void;
  /** The numbers that hold; absent: nobody is throttled. */
  numbers(): Record<BucketName, Bucket> | undefined;
  /**
   * Takes a token for a call.
   * @param call an action of EC2, or `Route 53`
   * @param isUnfiltered that it looks at everything; default: it does not.
   * @returns false when there is none left.
   */
  take(call: string, isUnfiltered?: boolean): boolean;
}

export function createThrottle(clock: Clock, throttling: Throttling): Throttle {
  let numbers = numbersOf(throttling);
  const levels = new Map<BucketName, { tokens: number; atMs: number }>();

  return {
    set(other) {
      numbers = numbersOf(other);
      levels.clear();
    },
    numbers: () => structuredClone(numbers),
    take(call, isUnfiltered = false) {
      const name = nameOf(call, isUnfiltered);
      if (numbers === undefined || name === undefined) return true;
      const tokens = levelOf(name, numbers[name]);
      levels.set(name, { tokens: tokens < 1 ? tokens : tokens - 1, atMs: clock.now() });
      return tokens >= 1;
    },
  };

  function levelOf(name: BucketName, { capacity, refillPerS }: Bucket): number {
    const level = levels.get(name);
    if (level === undefined) return capacity;
    return Math.min(capacity, level.tokens + ((clock.now() - level.atMs) * refillPerS) / 1000);
  }
}

function numbersOf(throttling: Throttling): Record<BucketName, Bucket> | undefined {
  if (throttling === false) return undefined;
  const own = throttling === true ? {} : throttling;
  const entries = Object.entries(buckets) as [BucketName, Bucket][];
  return Object.fromEntries(entries.map(([name, bucket]) => [name, { ...bucket, ...own[name] }])) as Record<
    BucketName,
    Bucket
  >;
}

function nameOf(call: string, isUnfiltered: boolean): BucketName | undefined {
  const names = isUnfiltered ? [`${call} unfiltered`, call] : [call];
  return names.find((name): name is BucketName => Object.hasOwn(buckets, name));
}
