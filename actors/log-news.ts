/** Changes as log lines: whoever reads only the log can retell the story. */

import type { Log, LogFields } from '../adapters/logger.ts';
import type { Failure, InterruptionNotice } from '../config/vocabulary.ts';
import type { DomainContext } from '../machines/domain.ts';
import { type GivingBackContext, nameOf } from '../machines/giving-back.ts';
import type { LettingGoContext } from '../machines/letting-go.ts';
import type { NoticeWatchContext } from '../machines/notice-watch.ts';
import type { RiskWatchContext } from '../machines/risk-watch.ts';
import type { SupervisorContext } from '../machines/supervisor.ts';
import type { VolumeContext } from '../machines/volume.ts';
import type { Change, ChangeKind } from './changes.ts';
import { createMessageNews } from './message-news.ts';
import { createRecordNews } from './record-news.ts';

/** States of the supervisor that somebody may wonder about. */
const supervisorSentences: Partial<Record<string, (context: SupervisorContext) => string>> = {
  warming: ({ lifecycleState }) =>
    `in the warm pool (${lifecycleState}): nothing is taken until Auto Scaling wants it in service`,
  'asking-why': () => 'asked to stop: looking whether EC2 takes the instance back',
  stopping: () => 'no interruption: stopping the domains',
  lingering: ({ sending }) =>
    `all is done but ${sending.length === 1 ? 'a message' : `${sending.length} messages`} that nobody has accepted yet: tried until the notice comes true`,
  tidying: () => 'giving back what an earlier run held and the configuration no longer asks for',
  asleep: () => 'everything is done for the hibernation; waiting to be resumed',
  'setting-out': ({ survived }) => (survived === undefined ? 'setting out' : 'resumed: setting out anew'),
};

/** States of a domain that it is in for the time of a write to disk, or until its last command has ended. */
const betweenTheLines = ['committing', 'joining', 'signing-off'];

/** Gives a listener that writes each change that a person may want to know of. */
export function createLogNews(log: Log): (change: Change) => void {
  /** What has been told of each actor: failures and problems are told once, where they stop travelling. */
  const told = new Map<string, number>();
  /** Watches that have had no answer. */
  const blind = new Set<string>();
  const waitingFor = new Map<string, string | undefined>();
  const toldNotices = new Set<string>();
  const recordNews = createRecordNews(log, tellFailure);
  const messageNews = createMessageNews(log);

  const writers: Record<ChangeKind, (change: Change<never>) => void> = {
    supervisor,
    domain,
    volume,
    records: recordNews.tell,
    'giving-back': givingBack,
    'letting-go': lettingGo,
    'notice-watch': noticeWatch,
    'risk-watch': riskWatch,
    delivery: messageNews.tell,
  };
  return (change) => writers[change.kind](change as Change<never>);

  function supervisor({ sessionId, from, state, durationMs, context }: Change<SupervisorContext>): void {
    for (const problem of news(sessionId, context.problems)) log.warn(problem);
    tellNotice(context.notice);
    if (from === state) return;
    if (state === 'stopped') messageNews.tellUnanswered(context.sending);
    const sentence = supervisorSentences[state]?.(context);
    if (sentence !== undefined) log.info(sentence, { state });
    else log.debug('supervisor', { state, durationMs });
  }

  function domain({ sessionId, from, state, durationMs, context }: Change<DomainContext>): void {
    tellNotice(context.notice);
    for (const failure of news(sessionId, context.failures))
      if (!recordNews.wasTold(context.domain, failure)) tellFailure(context.domain, failure);
    if (from === state) return;
    const fields = { domain: context.domain, state, durationMs };
    if (betweenTheLines.includes(state)) log.debug('domain', fields);
    else if (state === 'failed') log.error('domain failed', fields);
    else if (state === 'keeping-watch') log.warn('domain failed, but is attached here: it keeps watch', fields);
    else log.info(`domain ${state}`, { ...fields, ...(state === 'stopped' ? { ending: context.ending } : {}) });
  }

  /** Once each, by whoever shows it first: the cause is told before what comes of it. */
  function tellNotice(notice: InterruptionNotice | undefined): void {
    if (notice === undefined || toldNotices.has(notice.key)) return;
    toldNotices.add(notice.key);
    const { action, time, leftMs } = notice;
    log.warn('interruption notice', { action, time, secondsLeft: Math.round(leftMs / 1000) });
  }

  function tellFailure(domain: string, { part, problem, critical }: Failure): void {
    if (critical) log.error(problem, { domain, part });
    else log.warn(problem, { domain, part });
  }

  function volume({ sessionId, from, state, durationMs, context }: Change<VolumeContext>): void {
    const { entry, target, path } = context;
    const volume = target?.volumeId ?? entry.volumeId;
    const fields = {
      domain: entry.domain,
      ...(volume === '' ? {} : { volume }),
      ...(entry.pool === undefined ? {} : { pool: entry.pool }),
      device: entry.device,
      state,
      durationMs,
    };
    // A volume may be waited for all day, and looked at six times a minute.
    const isNews = state === 'waiting' && waitingFor.get(sessionId) !== context.waitingFor;
    if (isNews) {
      waitingFor.set(sessionId, context.waitingFor);
      log.warn(`waiting: ${context.waitingFor}`, fields);
    } else if (from === 'creating' && target !== undefined && state.startsWith('awaiting'))
      log.info('volume is being created', fields);
    else if (state === 'ended' && path !== undefined)
      log.info('volume is there', { ...fields, source: target?.source, path });
    else log.debug('volume', fields);
  }

  function givingBack({ from, state, context }: Change<GivingBackContext>): void {
    const [hold] = context.left;
    if (state !== 'dropping' || hold === undefined) return;
    const fields = { domain: hold.domain, why: context.what.reason };
    if (from === 'restoring' && hold.kind === 'record-set')
      tellRestored(context, { ...fields, record: nameOf(hold), zone: hold.hostedZone });
    if (from === 'discarding' && hold.kind === 'creation')
      tellDiscarded(context, { ...fields, volume: hold.volumeId, device: hold.device });
  }

  function tellRestored({ restored, left: [hold] }: GivingBackContext, fields: LogFields): void {
    if (restored === 'not-ours') log.warn('record is no longer ours, and stays as it is', fields);
    else if (hold?.kind === 'record-set' && hold.before !== undefined) log.info('record is as it was before', fields);
    else log.info('record is withdrawn', fields);
  }

  function tellDiscarded({ discarded }: GivingBackContext, fields: LogFields): void {
    if (discarded === 'left')
      log.warn(
        'volume was created just now, but is not deleted: commands of another entry may have written on it',
        fields,
      );
    else if (discarded === 'not-ours')
      log.warn('volume was created here, but somebody else has used it since: it stays as it is', fields);
    else log.info(discarded === 'gone' ? 'nothing was created' : 'volume is deleted: it was created just now', fields);
  }

  function lettingGo({ from, state, durationMs, context }: Change<LettingGoContext>): void {
    const { domain, volumeId, device } = context.hold;
    const fields = { domain, volume: volumeId, device, state, durationMs };
    // Why one is kept is said where the failure ends up.
    const isSeenGone = from?.startsWith('awaiting') === true && context.problem === undefined;
    if (state === 'ended' && isSeenGone) log.info('volume is let go', fields);
    else log.debug('letting a volume go', fields);
  }

  function riskWatch({ context }: Change<RiskWatchContext>): void {
    if (context.problem !== undefined) log.debug(`early signs cannot be looked at: ${context.problem}`);
  }

  function noticeWatch({ sessionId, state, context }: Change<NoticeWatchContext>): void {
    const { missed, problem } = context;
    // Blindness may last; said at the 1st, 2nd, 4th, 8th, … look in vain it does not bury the rest.
    if (state === 'blind' && Number.isInteger(Math.log2(missed))) {
      blind.add(sessionId);
      log.warn(`no answer from the instance metadata: ${problem}`, { missed });
    }
    if (state === 'pausing' && blind.delete(sessionId)) log.info('the instance metadata answers again');
  }

  /** What has come since the last time. */
  function news<Item>(sessionId: string, items: Item[]): Item[] {
    const known = told.get(sessionId) ?? 0;
    told.set(sessionId, items.length);
    return items.slice(known);
  }
}
