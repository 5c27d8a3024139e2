/**
 * A fleet that takes its volumes from one pool, in simulated time: the daemon's own machine and its own order of choice,
 * against a pool with EC2's token buckets. What is counted: attempts to attach for each instance.
 */

import { createActor, fromPromise } from 'xstate';
import { inOrderOfChoice, seedOf } from '../actors/pool-choice.ts';
import { AdapterError } from '../config/errors.ts';
import type { Claimed, Looked, SeenVolume, SourceLooked, VolumeEntry, VolumeSource } from '../config/vocabulary.ts';
import { type TargetInput, volumeMachine, type volumeSteps } from '../machines/volume.ts';

export interface FleetOptions {
  /** Instances, and as many volumes. */
  size: number;
  /** They boot evenly spread over this time, at random; 0: all at once. */
  withinMs: number;
  seed: number;
  /** Of each call; it takes effect half way. */
  latencyMs?: number;
  /** EC2's token buckets. */
  throttling?: boolean;
}

export interface FleetFigures {
  /** AttachVolume, without those that were throttled. */
  attempts: number;
  throttled: number;
  looks: number;
  /** Instances that got a volume, and how many different ones they are. */
  served: number;
  volumes: number;
  /** Until the last one had its volume. */
  tookMs: number;
}

/** EC2 mostly needs 1 to 4 s for it; then the disk shows its serial. */
const ATTACHING_MS = 1_500;

/** Source: EC2 API Reference, "Request throttling": capacity and tokens a second. */
const buckets = { describe: [100, 20], attach: [50, 5] } as const;

export async function fleet({
  size,
  withinMs,
  seed,
  latencyMs = 100,
  throttling = true,
}: FleetOptions): Promise<FleetFigures> {
  const random = createRandom(seed);
  const time = createTime();
  const holders = new Map<string, { instance: string; attachedAtMs: number }>();
  const pool = Array.from({ length: size }, () => volumeOf(idOf('vol', random)));
  const take = {
    describe: throttling ? createBucket(...buckets.describe, time) : () => true,
    attach: throttling ? createBucket(...buckets.attach, time) : () => true,
  };
  const figures: FleetFigures = { attempts: 0, throttled: 0, looks: 0, served: 0, volumes: 0, tookMs: 0 };

  for (let index = 0; index < size; index++) {
    const instance = idOf('i', random);
    time.setTimeout(() => boot(instance, index), random() * withinMs);
  }
  await time.run();
  return { ...figures, volumes: holders.size };

  function boot(instance: string, launchIndex: number): void {
    const entry = entryOf(instance);
    const order = inOrderOfChoice(pool, entry, { instanceId: instance, launchIndex });
    const actors = {
      lookAtSource: fromPromise<SourceLooked, { entry: VolumeEntry; source: VolumeSource }>(() =>
        lookInPool(instance, order),
      ),
      claim: fromPromise<Claimed, TargetInput>(({ input }) => attach(instance, input.target.volumeId)),
      look: fromPromise<Looked, TargetInput>(() => lookAtOwn(instance)),
      locate: fromPromise<string, TargetInput>(async () => '/dev/nvme1n1'),
      awaitSerial: fromPromise<string, TargetInput>(() => time.pause(ATTACHING_MS).then(() => '/dev/nvme1n1')),
    } satisfies Partial<Record<keyof typeof volumeSteps, unknown>>;
    const actor = createActor(volumeMachine.provide({ actors }), { input: entry, clock: time });
    actor.subscribe({
      complete() {
        const { output } = actor.getSnapshot();
        if (output === undefined || !('attachment' in output)) return;
        figures.served += 1;
        figures.tookMs = time.now();
      },
    });
    actor.start();
  }

  async function lookInPool(instance: string, order: SeenVolume[]): Promise<SourceLooked> {
    await describe();
    const own = order.find(({ volumeId }) => holders.get(volumeId)?.instance === instance);
    const chosen = own ?? order.find(({ volumeId }) => !holders.has(volumeId));
    await half();
    if (chosen === undefined) return { kind: 'held', seen: 'all are held' };
    const target = { volumeId: chosen.volumeId, source: 'p' as const, unprepared: false };
    return { kind: own ? 'attached' : 'free', seen: '', target };
  }

  async function lookAtOwn(instance: string): Promise<Looked> {
    await describe();
    const own = [...holders.values()].find((holder) => holder.instance === instance);
    const isThere = own !== undefined && time.now() >= own.attachedAtMs;
    await half();
    return { kind: isThere ? 'attached' : 'attaching', seen: '' };
  }

  /** With the SDK's three attempts. */
  async function describe(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      figures.looks += 1;
      await half();
      if (take.describe()) return;
      await half();
      if (attempt === 3) throw throttled('DescribeVolumes');
      await time.pause(random() * 500 * 2 ** attempt);
    }
  }

  async function attach(instance: string, volumeId: string): Promise<Claimed> {
    await half();
    if (!take.attach()) {
      figures.throttled += 1;
      await half();
      throw throttled('AttachVolume');
    }
    figures.attempts += 1;
    const isFree = !holders.has(volumeId);
    if (isFree) holders.set(volumeId, { instance, attachedAtMs: time.now() + ATTACHING_MS });
    await half();
    if (isFree) return 'accepted';
    // Whether it is ours after all.
    await describe();
    await half();
    return 'taken';
  }

  function half(): Promise<void> {
    return time.pause(latencyMs / 2);
  }
}

function throttled(operation: string): AdapterError {
  return new AdapterError(operation, 'RequestLimitExceeded', 'It may pass by itself.', { retryable: true });
}

function entryOf(instance: string): VolumeEntry {
  const name = { domain: 'world.mc', device: '/dev/sdf' };
  return {
    ...name,
    entry: 0,
    critical: true,
    sources: ['p'],
    volumeId: '',
    pool: 'worlds',
    preference: 'spread',
    seed: seedOf(instance, name.domain, name.device),
    lines: [],
    release: [],
  };
}

function volumeOf(volumeId: string): SeenVolume {
  return { volumeId, kind: 'free', seen: `${volumeId} is available`, tags: {}, createdAt: '', made: {} };
}

function idOf(prefix: string, random: () => number): string {
  const digits = Array.from({ length: 17 }, () => Math.floor(random() * 16).toString(16));
  return `${prefix}-${digits.join('')}`;
}

/** The same numbers for the same seed: mulberry32, a generator in the public domain. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function createBucket(capacity: number, perSecond: number, time: Pick<Time, 'now'>): () => boolean {
  let tokens = capacity;
  let atMs = 0;
  return () => {
    tokens = Math.min(capacity, tokens + ((time.now() - atMs) / 1000) * perSecond);
    atMs = time.now();
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

type Time = ReturnType<typeof createTime>;

interface Due {
  atMs: number;
  act(): void;
}

/** A clock that jumps from one due moment to the next. */
function createTime() {
  let nowMs = 0;
  let nextId = 0;
  const due = new Map<number, Due>();
  return {
    now: () => nowMs,
    setTimeout(act: () => void, ms: number): number {
      nextId += 1;
      due.set(nextId, { atMs: nowMs + ms, act });
      return nextId;
    },
    clearTimeout: (id: number) => void due.delete(id),
    pause(ms: number): Promise<void> {
      return new Promise((resolve) => this.setTimeout(resolve, ms));
    },
    async run() {
      for (let next = soonest(); next !== undefined; next = soonest()) {
        const [id, { atMs, act }] = next;
        due.delete(id);
        nowMs = atMs;
        act();
        // Promises are settled before the time goes on.
        await new Promise(setImmediate);
      }
    },
  };

  function soonest(): [number, Due] | undefined {
    let first: [number, Due] | undefined;
    for (const one of due) if (first === undefined || one[1].atMs < first[1].atMs) first = one;
    return first;
  }
}

/** Means over so many seeds, for each instance. */
export async function meanFigures(options: Omit<FleetOptions, 'seed'>, seeds: number) {
  const { size } = options;
  const runs: FleetFigures[] = [];
  for (let seed = 1; seed <= seeds; seed++) runs.push(await fleet({ ...options, seed }));
  const mean = (pick: (figures: FleetFigures) => number) => runs.reduce((sum, run) => sum + pick(run), 0) / seeds;
  return {
    attempts: mean(({ attempts }) => attempts / size),
    throttled: mean((run) => run.throttled / size),
    looks: mean(({ looks }) => looks / size),
    tookS: mean(({ tookMs }) => tookMs / 1000),
    allServed: runs.every(({ served, volumes }) => served === size && volumes === size),
  };
}
