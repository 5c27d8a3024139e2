/** What signals mean to the daemon (behaviour.md 5.6, 9.6). */

import type { System } from '../actors/system.ts';
import type { Log } from '../adapters/logger.ts';
import { NOTICE_MS } from '../config/constants.ts';
import type { InterruptionNotice } from '../config/vocabulary.ts';

export interface Signals {
  /** From now on signals go to the system. */
  attach(system: System): void;
}

/** @param abort ends what waits before there is a system. */
export function listenForSignals(log: Log, abort: () => void): Signals {
  let system: System | undefined;
  /** What came before there was a system. */
  let early: InterruptionNotice | undefined;
  let earlyStops = 0;
  const stop = (name: string) => {
    log.info(`${name}: stopping`);
    if (system) return system.stop();
    earlyStops += 1;
    abort();
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGHUP', () => log.info('SIGHUP is ignored: to take a new configuration, restart the unit'));
  process.on('SIGUSR2', () => {
    log.warn('SIGUSR2: taken as an interruption notice');
    const notice = noticeByHand();
    if (system) system.notice(notice);
    else early = notice;
  });
  return {
    attach(started) {
      system = started;
      if (early) started.notice(early);
      for (let count = 0; count < earlyStops; count += 1) started.stop();
    },
  };
}

/** Each is another one: whoever sends it means it. */
function noticeByHand(): InterruptionNotice {
  const time = new Date(Date.now() + NOTICE_MS).toISOString();
  return { action: 'terminate', key: `by hand ${time}`, time, leftMs: NOTICE_MS, seenAtMs: performance.now() };
}
