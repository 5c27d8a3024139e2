/** Messages as log lines: who was told, who was not, and what becomes of the message. */

import type { Log, LogFields } from '../adapters/logger.ts';
import { MESSAGE_LIFE_MS } from '../config/constants.ts';
import type { DeliveryContext } from '../machines/delivery.ts';
import type { Change } from './changes.ts';

/** States of a message from which there is no way on. */
const ends = ['accepted', 'left-behind', 'outdated', 'lost'];

export interface MessageNews {
  tell(change: Change<DeliveryContext>): void;
  /** The end has come before their services, or the disk, answered. @param ids of the deliveries' actors. */
  tellUnanswered(ids: string[]): void;
}

export function createMessageNews(log: Log): MessageNews {
  /** By their actors' ids. */
  const onTheirWay = new Map<string, Change<DeliveryContext>>();
  const toldUnkept = new Set<string>();
  return { tell, tellUnanswered };

  function tell(change: Change<DeliveryContext>): void {
    const { id, from, state, context } = change;
    if (ends.includes(state)) onTheirWay.delete(id);
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

  function tellUnanswered(ids: string[]): void {
    for (const { state, context } of ids.flatMap((id) => onTheirWay.get(id) ?? [])) {
      if (state === 'forgetting') tellAccepted(context, 'it could not be taken out of the outbox in time');
      else tellUnaccepted(context, 'there was no answer by the end of this run');
    }
  }

  function tellUnaccepted(context: DeliveryContext, problem = ''): void {
    log.error(`${nameIn(context)} was not accepted${whatNext(context)}: ${problem}`, fieldsOf(context));
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
