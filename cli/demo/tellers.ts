/** What the cloud and the daemon say, in the words of the timeline. */

import type { CallRecord } from '../../simulator/server.ts';
import type { Teller } from './timeline.ts';

/** A line of the story, or `undefined` for what would only fill it. */
export type Line = { teller: Teller; text: string } | undefined;

const services: Partial<Record<CallRecord['service'], string>> = {
  ec2: 'EC2',
  route53: 'Route 53',
  sns: 'SNS',
  sqs: 'SQS',
};

/** `EC2 AttachVolume vol-0a1b /dev/sdf → 200, 41 ms`. Metadata calls are left out: there is one every second. */
export function callLine({ service, operation, params, status, errorCode, startMs, endMs }: CallRecord): Line {
  const name = services[service];
  if (name === undefined) return undefined;
  const ending = `${status}${errorCode ? ` ${errorCode}` : ''}, ${Math.round(endMs - startMs)} ms`;
  return { teller: 'aws', text: `${name} ${operation} ${aboutWhat(params)}→ ${ending}` };
}

/** The parameters that tell what a call is about. */
function aboutWhat(params: unknown): string {
  const text = JSON.stringify(params) ?? '';
  const parts = [
    ...text.matchAll(
      /"(vol-[0-9a-f]+|\/dev\/[a-z]+|A|AAAA|[a-z0-9-]+(?:\.[a-z0-9-]+)+\.|\d+\.\d+\.\d+\.\d+|[0-9a-f:]+::[0-9a-f:]+)"/gi,
    ),
  ].map((match) => match[1]);
  return parts.length === 0 ? '' : `${[...new Set(parts)].join(' ')} `;
}

/** A message as it arrived: its subject, or what its body says of the event. */
export function messageLine(
  message: { service: 'sns'; subject?: string } | { service: 'sqs'; queue: string; body: string },
): Line {
  if (message.service === 'sns') return { teller: 'message', text: `SNS, to subscribers: ${message.subject}` };
  const { domain, daemon_state, results } = JSON.parse(message.body);
  const codes = (results as Array<{ exit_code: number | null }>).map(({ exit_code }) => exit_code).join(', ');
  return {
    teller: 'message',
    text: `SQS ${message.queue}: ${domain} ${daemon_state}${codes === '' ? '' : `, exit codes ${codes}`}`,
  };
}

/** One line of the daemon's JSON log. */
export interface LogLine {
  time: string;
  level: string;
  message: string;
  [field: string]: unknown;
}

/** The daemon's own words, shortened. */
export function logLine({ level, message, ...fields }: LogLine): Line {
  const domain = fields.domain === undefined ? '' : `${fields.domain}: `;
  if (fields.stream !== undefined) return { teller: 'command', text: `${domain}| ${message}` };
  if (message === 'command starts')
    return { teller: 'command', text: `${domain}${shortCommand(fields.command)} starts` };
  if (message === 'command ended') {
    const problem = fields.problem === undefined ? '' : ` (${fields.problem})`;
    const text = `${domain}${shortCommand(fields.command)} → exit ${fields.exitCode}, ${fields.durationMs} ms${problem}`;
    return { teller: 'command', text };
  }
  if (message.startsWith('domain ')) {
    const ending = fields.ending === undefined ? '' : ` (${fields.ending})`;
    return { teller: 'daemon', text: `${domain}${fields.state}${ending}` };
  }
  if (message === 'volume is there') {
    return { teller: 'daemon', text: `${domain}${fields.volume} is there, at ${fields.path}` };
  }
  if (message === 'interruption notice') {
    return { teller: 'daemon', text: `sees the notice: ${fields.action}, ${fields.secondsLeft} s left` };
  }
  // That it was accepted shows where it arrives.
  if (message === 'message accepted' || level === 'debug') return undefined;
  return { teller: 'daemon', text: `${domain}${level === 'info' ? '' : `${level}: `}${message}` };
}

/** Without the folder, which is a temporary one. */
function shortCommand(command: unknown): string {
  const [program = '', ...args] = String(command).split(' ');
  return [program.split('/').at(-1), ...args].join(' ');
}
