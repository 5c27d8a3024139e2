/** The steps that look at the metadata, and the one that begins anew after a sleep. */

import { fromPromise } from 'xstate';
import type { Aws } from '../adapters/aws.ts';
import type { InstanceMetadata, Signs } from '../adapters/imds.ts';
import type { Log } from '../adapters/logger.ts';
import { messageOf } from '../config/errors.ts';
import type { MonotonicMs, PublicAddresses, RiskKind } from '../config/vocabulary.ts';
import type { NoticeLook } from '../machines/notice-watch.ts';
import { noticeOf, type SignsSeen } from '../machines/risk-watch.ts';
import type { FirstLook } from '../machines/supervisor.ts';
import { type Memory, withNoticeOver } from './memory.ts';

/** Looks for a notice. One that the instance has survived shows for a while still, and is none any more (9.5). */
export const look = (imds: InstanceMetadata, memory: Memory) =>
  fromPromise<NoticeLook, void>(async ({ signal }) => lookOnce(imds, memory, signal));

/** Looks at the early signs. */
export const lookForSigns = (imds: InstanceMetadata) =>
  fromPromise<SignsSeen, void>(({ signal }) => imds.signs(signal));

/**
 * The first look of all: a notice, or what is taken for one, and where Auto Scaling wants the instance. What cannot be read
 * beside the notice is looked for again by the watch.
 */
export const lookFirst = (imds: InstanceMetadata, memory: Memory, asNotice: RiskKind[], log: Log) =>
  fromPromise<FirstLook, void>(async ({ signal }) => {
    const noLonger = new AbortController();
    const looking = signsSurely(imds, AbortSignal.any([signal, noLonger.signal])).catch((error) => {
      if (!noLonger.signal.aborted) log.warn(`early signs cannot be looked at: ${messageOf(error)}`);
      return undefined;
    });
    try {
      const seen = await lookOnce(imds, memory, signal);
      // One that is there waits for none of the paths that may wait (9.1).
      return seen.notice ? { notice: seen.notice } : firstLookOf(seen, await looking, asNotice);
    } finally {
      noLonger.abort();
    }
  });

/** Times to ask before silence is taken for "not in a warm pool": whoever claims in one takes what others need (5.9). */
const ATTEMPTS_AT_SIGNS = 3;

/** The first signs; paths that cannot be read are asked again. @throws AdapterError when none can be read in the end. */
async function signsSurely(imds: InstanceMetadata, signal: AbortSignal): Promise<Signs> {
  for (let attempt = 1; attempt < ATTEMPTS_AT_SIGNS; attempt += 1) {
    const signs = await imds.signs(signal).catch(() => undefined);
    if (signs && signs.problem === undefined) return signs;
  }
  return imds.signs(signal);
}

function firstLookOf({ atMs }: NoticeLook, signs: SignsSeen | undefined, asNotice: RiskKind[]): FirstLook {
  const risk = signs?.risks.find(({ kind }) => asNotice.includes(kind));
  return {
    ...(risk ? { notice: noticeOf(risk, atMs) } : {}),
    ...(signs?.lifecycleState === undefined ? {} : { lifecycleState: signs.lifecycleState }),
  };
}

export interface Renewed {
  imds: InstanceMetadata;
  aws: Pick<Aws, 'renew'>;
  memory: Memory;
  log: Log;
  /** Is given the addresses as they are now: macros show those read last. */
  keepAddresses(addresses: PublicAddresses): void;
}

/**
 * Says when it is now. After a sleep token, credentials and addresses belong to another time, and the notice before it is over
 * for good: that is written down first, so that a run to come does not take it for news.
 */
export const setOut = ({ imds, aws, memory, log, keepAddresses }: Renewed) =>
  fromPromise<{ atMs: MonotonicMs }, { survived?: string }>(async ({ input: { survived }, signal }) => {
    if (survived === undefined) return { atMs: performance.now() };
    await memory
      .changeMemory((known) => withNoticeOver(known, survived))
      .catch((error) => {
        // The way up will fail by it, and tell so.
        log.warn(messageOf(error));
      });
    imds.renew();
    aws.renew();
    await imds.publicAddresses(signal).then(keepAddresses, (error) => {
      // Records read them again before they are written.
      log.warn(`addresses cannot be read after the sleep: ${messageOf(error)}`);
    });
    return { atMs: performance.now() };
  });

async function lookOnce(imds: InstanceMetadata, memory: Memory, signal: AbortSignal): Promise<NoticeLook> {
  const { notice, atMs, wallMs } = await imds.instanceAction(signal);
  const isOver = notice !== undefined && memory.memory().noticesOver.includes(notice.key);
  return { atMs, wallMs, ...(notice && !isOver ? { notice } : {}) };
}
