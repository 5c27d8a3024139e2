/** The events of a domain's life, as configurations, commands and messages name them (behaviour.md 5.1). */

export const eventNames = ['starting', 'started', 'interrupted', 'stopping', 'failed', 'noticed', 'at-risk'] as const;

/** One of {@link eventNames}; also the value of the macro `{daemon_state}`. */
export type EventName = (typeof eventNames)[number];

/** The events that the old daemon knew: what an exec group without `on` runs for. */
export const classicEvents: readonly EventName[] = ['starting', 'started', 'interrupted', 'stopping', 'failed'];

/** Events that a notification is sent for unless its matrix says otherwise. */
export const notifiedByDefault: readonly EventName[] = ['started', 'interrupted', 'stopping', 'failed'];

/** Spellings that earlier versions of the old daemon used. */
export const eventAliases = {
  start: 'started',
  stop: 'stopping',
  fail: 'failed',
  interrupt: 'interrupted',
} as const satisfies Record<string, EventName>;

/** Any accepted spelling of an event. */
export type EventSpelling = EventName | keyof typeof eventAliases;

/** The event that a spelling means, for example `start` → `started`. */
export function eventOf(spelling: EventSpelling): EventName {
  return spelling in eventAliases ? eventAliases[spelling as keyof typeof eventAliases] : (spelling as EventName);
}
