/** Changes as the service manager and other units want to know them: status, watchdog, time, and `.started` files (11). */

import type { Log } from '../adapters/logger.ts';
import type { RuntimeDir } from '../adapters/runtime-dir.ts';
import type { ServiceManager } from '../adapters/systemd.ts';
import { messageOf } from '../config/errors.ts';
import type { Failure } from '../config/vocabulary.ts';
import type { DeliveryContext } from '../machines/delivery.ts';
import type { DomainContext } from '../machines/domain.ts';
import type { NoticeWatchContext } from '../machines/notice-watch.ts';
import { awaitedIn, type RecordsContext } from '../machines/records.ts';
import type { SupervisorContext } from '../machines/supervisor.ts';
import type { VolumeContext } from '../machines/volume.ts';
import type { Change } from './changes.ts';

/**
 * How often the start or stop limit is moved on, and by how much; the first must come before systemd's shortest default,
 * and well before the watchdog of our units.
 */
const EXTEND_EVERY_MS = 10_000;
const EXTEND_BY_MS = 30_000;

export interface ServiceNews {
  tell(change: Change): void;
  /** READY=1, at most once. Resolves when it is sent. */
  ready(): Promise<void>;
  /** Resolves when every `.started` file asked for so far has been written or removed. */
  marked(): Promise<void>;
  /** STOPPING=1, the last word: it starts systemd's stop timer (11.3). */
  stopping(): Promise<void>;
}

interface Adapters {
  serviceManager: ServiceManager;
  runtimeDir: RuntimeDir;
  log: Log;
}

export function createServiceNews({ serviceManager, runtimeDir, log }: Adapters): ServiceNews {
  const domains = new Map<string, string>();
  /** By domain: the entries that have failed and that it goes on without. */
  const lacking = new Map<string, string[]>();
  const waiting = new Map<string, string>();
  /** Messages that were refused at least once and are tried again. */
  const unaccepted = new Set<string>();
  /** What the supervisor itself waits for, in words. */
  let pausing: string | undefined;
  let blindSince: { problem: string; answeredAtMs: number } | undefined;
  let isWatching = false;
  let isReady = false;
  let isSettled = false;
  let status = '';
  let flags = Promise.resolve();

  const extension = setInterval(() => {
    extend();
    pingForNoWatch();
  }, EXTEND_EVERY_MS);
  extension.unref();
  extend();

  return {
    tell(change) {
      if (change.kind === 'domain') noteDomain(change as Change<DomainContext>);
      if (change.kind === 'volume') noteVolume(change as Change<VolumeContext>);
      if (change.kind === 'records') noteRecords(change as Change<RecordsContext>);
      if (change.kind === 'notice-watch') noteLook(change as Change<NoticeWatchContext>);
      if (change.kind === 'delivery') noteDelivery(change as Change<DeliveryContext>);
      if (change.kind === 'supervisor') noteSupervisor(change as Change<SupervisorContext>);
      tellStatus();
    },
    async ready() {
      if (isReady) return;
      isReady = true;
      status = statusText();
      await serviceManager.notify({ READY: '1', STATUS: status });
    },
    marked: () => flags,
    async stopping() {
      clearInterval(extension);
      await serviceManager.notify({ STOPPING: '1' });
    },
  };

  function noteDomain({ state, from, context: { domain, ending, failures } }: Change<DomainContext>): void {
    lacking.set(domain, state === 'started' ? entriesIn(failures) : []);
    const isGivingUp = ending === 'failed' && state !== 'rolling-back';
    domains.set(domain, isGivingUp ? 'failed' : state);
    if (state === 'started') mark(() => runtimeDir.markStarted(domain));
    else if (from === 'started') mark(() => runtimeDir.unmarkStarted(domain));
  }

  /** One after the other, so that the last word is the last. */
  function mark(change: () => Promise<void>): void {
    flags = flags.then(change).catch((error) => log.warn(messageOf(error)));
  }

  function noteVolume({ sessionId, state, context }: Change<VolumeContext>): void {
    if (state === 'waiting' && context.waitingFor !== undefined) waiting.set(sessionId, context.waitingFor);
    // Looking again is part of waiting.
    else if (!state.startsWith('looking')) waiting.delete(sessionId);
  }

  function noteRecords({ sessionId, state, context }: Change<RecordsContext>): void {
    const awaited = awaitedIn(state, context);
    if (awaited !== undefined) waiting.set(sessionId, awaited);
    // Looking again is part of waiting.
    else if (state === 'writing' || state === 'ended') waiting.delete(sessionId);
  }

  function noteDelivery({ id, state }: Change<DeliveryContext>): void {
    if (state === 'backing-off') unaccepted.add(id);
    // Trying again is part of it.
    else if (state !== 'sending') unaccepted.delete(id);
  }

  /** Every look that ended is a sign of life, however it ended: only a watch that has stopped looking lets the watchdog bite. */
  function noteLook({ from, state, context }: Change<NoticeWatchContext>): void {
    if (from === 'looking') void serviceManager.notify({ WATCHDOG: '1' });
    if (state === 'blind') blindSince = { problem: context.problem ?? '', answeredAtMs: context.answeredAtMs ?? 0 };
    if (state === 'pausing') blindSince = undefined;
    isWatching = true;
  }

  /** With polling off, and before the watch is there, nobody gives signs of life, and none of it is stuck. */
  function pingForNoWatch(): void {
    if (!isWatching) void serviceManager.notify({ WATCHDOG: '1' });
  }

  function noteSupervisor({ state, context }: Change<SupervisorContext>): void {
    // In these nothing is under way that systemd would wait for.
    isSettled = state === 'running' || state === 'asleep';
    if (state === 'warming') pausing = `waiting: in the warm pool (${context.lifecycleState})`;
    else if (state === 'tidying') pausing = 'giving back what an earlier run held';
    else if (state === 'asleep') pausing = 'hibernating; waiting to be resumed';
    else pausing = undefined;
    if (state === 'asking-why' || state === 'stopping' || state === 'interrupted') extend();
  }

  function extend(): void {
    if (isSettled) return;
    void serviceManager.notify({ EXTEND_TIMEOUT_USEC: String(EXTEND_BY_MS * 1_000) });
  }

  function tellStatus(): void {
    const text = statusText();
    // Before the domains are there, whoever waits for them has said what for.
    if (text === status || (domains.size === 0 && !isSettled && pausing === undefined)) return;
    status = text;
    void serviceManager.notify({ STATUS: text });
  }

  function statusText(): string {
    const states = [...domains];
    const started = states.filter(([, state]) => state === 'started').length;
    const others = states.flatMap(([domain, state]) => wordsOn(domain, state));
    const blindMs = blindSince ? performance.now() - blindSince.answeredAtMs : 0;
    if (pausing !== undefined) return pausing;
    return [
      states.length === 0 ? 'no domains; watching for notices' : `${started} of ${states.length} domains started`,
      // A line, not a table: whoever wants all of them reads the log.
      ...others.slice(0, 4),
      ...[...waiting.values()].map((what) => `waiting: ${what}`),
      ...(unaccepted.size > 0 ? [wordsOnMessages(unaccepted.size)] : []),
      ...(blindSince ? [`blind for ${Math.round(blindMs / 1000)} s`] : []),
    ].join('; ');
  }

  /** Of a domain that is started and lacks nothing there is nothing more to say. */
  function wordsOn(domain: string, state: string): string[] {
    if (state !== 'started') return [`${domain}: ${state}`];
    const without = lacking.get(domain) ?? [];
    return without.length === 0 ? [] : [`${domain}: without ${without.join(', ')}`];
  }
}

function wordsOnMessages(count: number): string {
  return count === 1 ? '1 message is not accepted yet' : `${count} messages are not accepted yet`;
}

/** The entries of a configuration that something went wrong with, each once, for example `attach-volume[0]`. */
function entriesIn(failures: Failure[]): string[] {
  const parts = failures.map(({ part }) => part).filter((part) => /^(attach-volume|update-route53)\[\d+\]$/.test(part));
  return [...new Set(parts)];
}
