/** What events mean, for the reference page. */
import type { EventName } from '../config/events.ts';

/** When each event happens. */
export const eventMeanings: Record<EventName, string> = {
  starting: "Before the domain's volumes.",
  started: 'Volumes and records are there.',
  interrupted: 'An interruption notice came, and the domain had started.',
  stopping: 'SIGTERM or SIGINT, and the domain had started.',
  failed: 'The way up failed.',
  noticed: 'At once when a notice comes, before the results of the `interrupted` commands are in.',
  'at-risk': 'A rebalance recommendation or scheduled maintenance. Changes nothing.',
};
