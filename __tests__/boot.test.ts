/** What the daemon waits for before it can begin, how often it asks, and when it gives up. */

import { awaiting, limitOf, type Patience, pauseAfter } from '../cli/boot.ts';
import { AdapterError } from '../config/errors.ts';
import { startCloud } from '../simulator/server.ts';
import { failureOf, metadataAt, never, startService } from './helpers/metadata-service.ts';

const HAND_MS = 5_000;
const BOOT_MS = 120_000;

const passing = (cause?: unknown) => new AdapterError('GET x', 'not yet', 'Wait.', { cause, retryable: true });
const final = new AdapterError('GET x', 'never', 'Change it.');

/** Patience, and the problems that it was told. */
function patience({ watched = false, signal = never }: Partial<Patience> = {}) {
  const told: string[] = [];
  return { watched, signal, onWait: (problem: string) => void told.push(problem), told };
}

/** What becomes of an attempt: each outcome in turn, the last one for ever. */
function attempting(...outcomes: unknown[]) {
  let made = 0;
  return {
    made: () => made,
    attempt: async () => {
      const outcome = outcomes[Math.min(made, outcomes.length - 1)];
      made += 1;
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
  };
}

/** The pauses of attempts that take so long each. */
function pausesWithin(limitMs: number, attemptMs: number): number[] {
  const pauses: number[] = [];
  for (let elapsedMs = attemptMs; ; elapsedMs += attemptMs) {
    const next = pauseAfter(pauses.length + 1, elapsedMs, limitMs);
    if (next === undefined) return pauses;
    pauses.push(next);
    elapsedMs += next;
  }
}

describe('what is awaited', () => {
  it('is given when it is there, and until then the reason is told [9.7]', async () => {
    const { attempt, made } = attempting(passing(), passing(), 'here');
    const waiting = patience();

    expect(await awaiting(attempt, waiting)).toBe('here');
    expect(made()).toBe(3);
    expect(waiting.told).toEqual(['GET x: not yet. Wait.', 'GET x: not yet. Wait.']);
  });

  it.each([
    { what: 'a refusal that is final', failure: final },
    { what: 'a defect', failure: new Error('nobody thought of this') },
  ])('is given up at once after $what [9.7]', async ({ failure }) => {
    const { attempt, made } = attempting(failure, 'here');
    const waiting = patience({ watched: true });

    expect(await failureOf(awaiting(attempt, waiting))).toBe(failure);
    expect(made()).toBe(1);
    expect(waiting.told).toEqual([]);
  });

  it('is given up when patience ends, with the last failure, and was not asked for as fast as it answers [9.7]', async () => {
    await using cloud = await startCloud();
    cloud.metadataFault({ kind: 'status', status: 401, paths: 'meta-data' });
    cloud.metadataFault({ kind: 'status', status: 401, paths: 'dynamic' });
    using imds = metadataAt(cloud.imdsUrl());

    const error = await failureOf(awaiting(() => imds.instanceFacts(never), patience()));

    expect(error.message).toMatch(/answered 401/);
    // Five attempts at three paths, each path with its token and with a new one, which all three share.
    expect(cloud.calls().length).toBeLessThanOrEqual(5 * (3 + 1 + 3) + 1);
  });

  it('is given up at once when the daemon is asked to end between two attempts [2.3, 9.7]', async () => {
    const ending = new AbortController();
    const { attempt, made } = attempting(passing());
    const waiting = { watched: true, signal: ending.signal, onWait: () => ending.abort('asked to end') };

    expect(await failureOf(awaiting(attempt, waiting))).toBe('asked to end');
    expect(made()).toBe(1);
  });

  it('is given up at once when the daemon is asked to end while the metadata hangs [2.3, 9.7]', async () => {
    const ending = new AbortController();
    await using service = await startService({ 'api/token': () => ending.abort('asked to end') });
    using imds = metadataAt(service.url);
    const waiting = patience({ watched: true, signal: ending.signal });

    expect(await failureOf(awaiting(() => imds.instanceFacts(ending.signal), waiting))).toBe('asked to end');
    expect(waiting.told).toEqual([]);
  });
});

describe('the pauses', () => {
  it('grow up to five seconds, so that success is noticed no later than that [9.7]', () => {
    const pauses = pausesWithin(BOOT_MS, 0);

    expect(pauses.slice(0, 6)).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(Math.max(...pauses)).toBe(5_000);
  });

  it.each([HAND_MS, BOOT_MS])('leave the last attempt for the end of %i ms of patience [9.7]', (limitMs) => {
    const elapsedMs = pausesWithin(limitMs, 0).reduce((sum, pause) => sum + pause, 0);

    expect(elapsedMs).toBe(limitMs);
  });

  it('count the time of the attempts [9.7]', () => {
    expect(pausesWithin(HAND_MS, 1_000)).toEqual([500, 1_000, 500]);
  });
});

describe('patience', () => {
  const noRoute = { code: 'ENETUNREACH' };
  const refused = { code: 'ECONNREFUSED' };

  it.each([
    { watched: true, cause: refused, limitMs: BOOT_MS, what: 'is long when systemd waits' },
    { watched: true, cause: undefined, limitMs: BOOT_MS, what: 'is long when systemd waits, whatever the reason' },
    { watched: false, cause: refused, limitMs: HAND_MS, what: 'is short when nobody does' },
    { watched: true, cause: noRoute, limitMs: HAND_MS, what: 'is short without a route' },
    { watched: true, cause: { code: 'EHOSTUNREACH' }, limitMs: HAND_MS, what: 'is short without a way to the host' },
    {
      watched: true,
      cause: { errors: [noRoute, noRoute] },
      limitMs: HAND_MS,
      what: 'is short without a route to any of several addresses',
    },
    {
      watched: true,
      cause: { errors: [refused, { errors: [noRoute] }] },
      limitMs: BOOT_MS,
      what: 'is long as long as there is a route to one of them',
    },
  ])('$what [9.7]', ({ watched, cause, limitMs }) => {
    expect(limitOf(passing(cause), watched)).toBe(limitMs);
  });
});
