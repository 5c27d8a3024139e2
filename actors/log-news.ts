/** Changes as log lines: whoever reads only the log can retell the story. */

import type { Log, LogFields } from '../adapters/logger.ts';
import { MESSAGE_LIFE_MS } from '../config/constants.ts';
import type { Failure, InterruptionNotice } from '../config/vocabulary.ts';
import type { DeliveryContext } from '../machines/delivery.ts';
import type { DomainContext } from '../machines/domain.ts';
import { type GivingBackContext, nameOf } from '../machines/giving-back.ts';
import type { LettingGoContext } from '../machines/letting-go.ts';
import type { NoticeWatchContext } from '../machines/notice-watch.ts';
import { awaitedIn, type RecordsContext } from '../machines/records.ts';
import type { RiskWatchContext } from '../machines/risk-watch.ts';
import type { SupervisorContext } from '../machines/supervisor.ts';
import type { VolumeContext } from '../machines/volume.ts';
import type { Change, ChangeKind } from './changes.ts';

/** States of the supervisor that somebody may wonder about. */
const supervisorSentences: Partial<Record<string, (context: SupervisorContext) => string>> = {
  warming: ({ lifecycleState }) =>
    `in the warm pool (${lifecycleState}): nothing is taken until Auto Scaling wants it in service`,
  'asking-why': () => 'asked to stop: looking whether EC2 takes the instance back',
  stopping: () => 'no interruption: stopping the domains',
  tidying: () => 'giving back what an earlier run held and the configuration no longer asks for',
  asleep: () => 'everything is done for the hibernation; waiting to be resumed',
  'setting-out': ({ survived }) => (survived === undefined ? 'setting out' : 'resumed: setting out anew'),
};

/** States of a domain that it is in for the time of a write to disk, or until its last command has ended. */
const betweenTheLines = ['committing', 'joining', 'signing-off'];

/** States of a message from which there is no way on. */
const endsOfMessages = ['accepted', 'left-behind', 'outdated', 'lost'];

/** Gives a listener that writes each change that a person may want to know of. */
export function createLogNews(log: Log): (change: Change) => void {
  /** What has been told of each actor: failures and problems are told once, where they stop travelling. */
  const told = new Map<string, number>();
  /** Watches that have had no answer. */
  const blind = new Set<string>();
  const waitingFor = new Map<string, string | undefined>();
  const toldNotices = new Set<string>();
  /** Messages on their way, by their actors' ids. */
  const onTheirWay = new Map<string, Change<DeliveryContext>>();
  const toldUnkept = new Set<string>();

  const writers: Record<ChangeKind, (change: Change<never>) => void> = {
    supervisor,
    domain,
    volume,
    records,
    'giving-back': givingBack,
    'letting-go': lettingGo,
    'notice-watch': noticeWatch,
    'risk-watch': riskWatch,
    delivery,
  };
  return (change) => writers[change.kind](change as Change<never>);

  function supervisor({ sessionId, from, state, durationMs, context }: Change<SupervisorContext>): void {
    for (const problem of news(sessionId, context.problems)) log.warn(problem);
    tellNotice(context.notice);
    if (from === state) return;
    if (state === 'stopped') tellUnanswered(context.sending);
    const sentence = supervisorSentences[state]?.(context);
    if (sentence !== undefined) log.info(sentence, { state });
    else log.debug('supervisor', { state, durationMs });
  }

  function domain({ sessionId, from, state, durationMs, context }: Change<DomainContext>): void {
    tellNotice(context.notice);
    for (const failure of news(sessionId, context.failures)) tellFailure(context.domain, failure);
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

  function records({ sessionId, state, context }: Change<RecordsContext>): void {
    const awaited = awaitedIn(state, context);
    // Looking again is part of waiting.
    if (awaited === undefined || waitingFor.get(sessionId) === awaited) return;
    waitingFor.set(sessionId, awaited);
    const fields = { domain: context.domain, state };
    if (state.startsWith('awaiting-insync')) log.info(`waiting: ${awaited}`, fields);
    else log.warn(`waiting: ${awaited}`, fields);
  }

  function givingBack({ from, state, context }: Change<GivingBackContext>): void {
    const [hold] = context.left;
    if (state !== 'dropping' || hold === undefined) return;
    const fields = { domain: hold.domain, why: context.what.reason };
    if (from === 'restoring') tellRestored(context, { ...fields, record: nameOf(hold) });
    if (from === 'discarding' && hold.kind === 'creation')
      tellDiscarded(context, { ...fields, volume: hold.volumeId, device: hold.device });
  }

  function tellRestored({ restored }: GivingBackContext, fields: LogFields): void {
    if (restored === 'not-ours') log.warn('record is no longer ours, and stays as it is', fields);
    else log.info('record is given back', fields);
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

  function delivery(change: Change<DeliveryContext>): void {
    const { id, from, state, context } = change;
    if (endsOfMessages.includes(state)) onTheirWay.delete(id);
    else onTheirWay.set(id, change);
    const fields = fieldsOf(context);
    if (state === 'sending' && from === undefined) log.info('message that an earlier run has left', fields);
    if (state === 'sending' && from === 'keeping') tellUnkept(context);
    // It may go on all day.
    if (state === 'backing-off' && Number.isInteger(Math.log2(context.attempts)))
      log.warn(`message not accepted: ${context.problem}`, fields);
    if (state === 'accepted') tellAccepted(context, context.unforgotten);
    if (state === 'left-behind' || state === 'lost') tellUnaccepted(context, context.problem);
    if (state === 'outdated') log.error(`${nameIn(context)} is dropped unsent: ${context.problem}`, fields);
  }

  /** Once for all that it is true of: a disk that is full is so for every message. */
  function tellUnkept({ unkept }: DeliveryContext): void {
    if (unkept === undefined || toldUnkept.has(unkept)) return;
    toldUnkept.add(unkept);
    log.warn(unkept);
  }

  function tellAccepted(context: DeliveryContext, unforgotten: string | undefined): void {
    log.info('message accepted', fieldsOf(context));
    if (unforgotten === undefined) return;
    const consequence = 'the next run may send it again';
    log.warn(`${nameIn(context)} was accepted, but ${consequence}: ${unforgotten}`, fieldsOf(context));
  }

  /** The end has come before their services, or the disk, answered. */
  function tellUnanswered(ids: string[]): void {
    for (const { state, context } of ids.flatMap((id) => onTheirWay.get(id) ?? [])) {
      if (state === 'forgetting') tellAccepted(context, 'it could not be taken out of the outbox in time');
      else tellUnaccepted(context, 'there was no answer by the end of this run');
    }
  }

  function tellUnaccepted(context: DeliveryContext, problem = ''): void {
    log.error(`${nameIn(context)} was not accepted${whatNext(context)}: ${problem}`, fieldsOf(context));
  }

  /** What has come since the last time. */
  function news<Item>(sessionId: string, items: Item[]): Item[] {
    const known = told.get(sessionId) ?? 0;
    told.set(sessionId, items.length);
    return items.slice(known);
  }
}

/** For example `the message of web started to arn:aws:sns:…`. */
function nameIn({ message, occasion }: DeliveryContext): string {
  const { domain, event } = message ?? occasion ?? { domain: '', event: '' };
  return `the message of ${domain} ${event}${message === undefined ? '' : ` to ${message.target}`}`;
}

function whatNext({ message, unkept }: DeliveryContext): string {
  if (message === undefined) return ', since it could not be written';
  if (unkept !== undefined) return ' and is lost, since it could not be kept';
  const until = new Date(Date.parse(message.writtenAt) + MESSAGE_LIFE_MS).toISOString();
  return `; it stays in the outbox, and a run of this instance before ${until} tries again`;
}

function fieldsOf({ message, occasion, attempts }: DeliveryContext): LogFields {
  const { domain, event } = message ?? occasion ?? {};
  return { domain, event, target: message?.target, attempts };
}
