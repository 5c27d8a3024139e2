/** What a configuration asks for at an event: command lines and messages. */
import { classicEvents, type EventName, type EventSpelling, eventOf, notifiedByDefault } from './events.ts';
import { parseExitCodes } from './exit-codes.ts';
import type { ExecGroup, ExecLine, NotifyConfig, VolumeConfig } from './schema.ts';
import type { CommandLine, OutgoingMessage, VolumeSource } from './vocabulary.ts';

/** The lines to run at an event: file order, but groups without `on` before those that name it (behaviour.md 8.2). */
export function linesFor(groups: readonly ExecGroup[] | undefined, event: EventName): CommandLine[] {
  const unnamed = (groups ?? []).filter(({ on }) => on === undefined && classicEvents.includes(event));
  const naming = (groups ?? []).filter(({ on }) => [on ?? []].flat().some((name) => eventOf(name) === event));
  return [...unnamed, ...naming].flatMap((group) => group.lines.map((line) => commandLine(group, line)));
}

/** A volume's own lines. They run on the way up, before `started`: groups without `on`, and those that name `starting`. */
export function volumeLines(volume: VolumeConfig): CommandLine[] {
  return linesFor(volume.exec, 'starting');
}

/** True when a receiver is told about an event, by its matrix or else by default (behaviour.md 3.3). */
export function isNotified(notify: NotifyConfig, event: EventName): boolean {
  const spellings = (Object.keys(notify.matrix) as EventSpelling[]).filter((spelling) => eventOf(spelling) === event);
  const spelling = spellings.includes(event) ? event : spellings[0];
  return (spelling && notify.matrix[spelling]?.enabled) ?? notifiedByDefault.includes(event);
}

/** Where messages go, in one spelling; `region` only where the configuration names one. */
export function receiverOf({ backend, options }: NotifyConfig): Pick<OutgoingMessage, 'backend' | 'target'> & {
  region?: string;
} {
  const target = backend === 'aws-sns' ? options.topic : options['queue-url'];
  if (target === undefined) throw new Error(`a loaded configuration has a receiver for ${backend}`);
  return {
    backend: backend === 'aws-sns' ? 'aws-sns' : 'aws-sqs',
    target,
    ...(options.region !== undefined && { region: options.region }),
  };
}

/** The sources of a volume in the order to try, whichever way they are written. */
export function sourcesOf({ source }: Pick<VolumeConfig, 'source'>): VolumeSource[] {
  return [...source] as VolumeSource[];
}

function commandLine(group: ExecGroup, line: ExecLine): CommandLine {
  const { timeout, cwd, user } = { ...group, ...line };
  return {
    argv: line.argv,
    success: parseExitCodes(line.ec === undefined ? group.ec : line.ec),
    ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
    env: { ...group.env, ...line.env },
    ...(cwd !== undefined && { cwd }),
    ...(user !== undefined && { user }),
  };
}
