/** What is told to listeners of changes, and a log that is read by the test. */

import type { Change, ChangeKind } from '../../actors/changes.ts';
import type { Log } from '../../adapters/logger.ts';
import { recordEntry } from './domain.ts';

export interface Said {
  level: keyof Pick<Log, 'debug' | 'info' | 'warn' | 'error'>;
  message: string;
  fields: object | undefined;
}

/** A log that is read by the test. */
export function listeningLog() {
  const said: Said[] = [];
  const at = (level: Said['level']) => (message: string, fields?: object) => void said.push({ level, message, fields });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as unknown as Log;
  return {
    log,
    said,
    messages: (level: Said['level']) => said.filter((line) => line.level === level).map((line) => line.message),
  };
}

/** A state that an actor reached, told as the tap tells it. */
export function change(kind: ChangeKind, state: string, context: unknown, settings: Partial<Change> = {}): Change {
  return { kind, id: kind, sessionId: kind, state, durationMs: 7, context, ...settings };
}

/** Of a domain's records: what they wait for in one state or another. */
export const waitingRecords = {
  domain: 'web',
  records: [recordEntry({ name: 'a.example.com' }), recordEntry({ entry: 1, name: 'b.example.com' })],
  lacking: 'the instance has none',
  failures: ['a', 'b'].map((name, entry) => ({
    part: `update-route53[${entry}]`,
    problem: `${name}.example.com: throttled`,
    critical: true,
  })),
  submitted: [{ entry: 1, changeId: 'C1' }],
};
