/** Commands that begin and end when a test says so; their machine is the real one. */

import { fromCallback } from 'xstate';
import type { CommandLine, CommandResult } from '../../config/vocabulary.ts';
import {
  type CommandInput,
  type CommandSignal,
  type CommandsInput,
  type commandSteps,
  commandsMachine,
} from '../../machines/commands.ts';
import { succeeded } from './domain.ts';
import { started } from './scripted.ts';

/** What the monotonic clock shows when a test begins. */
export const NOW = 1_000;

/** The lines of an event and what is said of it, as far as it means something to a test. */
export interface CommandsSettings extends Partial<Omit<CommandsInput, 'lines'>> {
  lines: Array<Partial<CommandLine>>;
  /** Commands do not say by themselves that their turn has come. */
  silent?: true;
}

/** A command that was begun. */
export interface Running {
  name: string;
  input: CommandInput;
  signals: string[];
  begunMs: number;
  /** Says that its turn has come. */
  begins(): void;
  ends(result?: CommandResult): void;
}

/** Lines of the names `a`, `b`, …, on the way down unless told otherwise, and the commands that were begun of them. */
export function runningCommands({ silent, ...settings }: CommandsSettings) {
  const running: Running[] = [];
  let clock: { nowMs: number } | undefined;
  const now = () => NOW + (clock?.nowMs ?? 0);
  const runCommand = fromCallback<CommandSignal, CommandInput>(({ input, sendBack, receive }) => {
    const name = input.line.argv[0] ?? '';
    const signals: string[] = [];
    receive(({ signal }) => signals.push(signal));
    const begins = () => sendBack({ type: 'command.begun', atMs: now() });
    const ends = (result = succeeded(name)) => sendBack({ type: 'command.ended', result });
    running.push({ name, input, signals, begunMs: now(), begins, ends });
    if (!silent) begins();
  });
  const commands = started(
    commandsMachine.provide({ actors: { runCommand } satisfies typeof commandSteps }),
    commandsInput(settings),
  );
  clock = commands.clock;
  return {
    ...commands,
    running,
    names: () => running.map(({ name }) => name),
    /** The command that was begun last. */
    get latest(): Running {
      const command = running.at(-1);
      if (command === undefined) throw new Error('no command has begun');
      return command;
    },
    now,
    finish: () => commands.actor.send({ type: 'step.finish' }),
    moveDeadline: (untilMs: number) => commands.actor.send({ type: 'deadline.moved', untilMs, atMs: now() }),
    get state(): string {
      return commands.state;
    },
    get output(): CommandResult[] | undefined {
      return commands.output;
    },
  };
}

/** What the machine is given. */
export function commandsInput({ lines, ...settings }: CommandsSettings): CommandsInput {
  return {
    occasion: { domain: 'web', event: 'interrupted', failures: [], results: [], recordNames: [] },
    endAtFailure: false,
    ...settings,
    lines: lines.map((line, i) => ({ argv: [lineName(i)], success: null, env: {}, ...line })),
  };
}

/** The name of a line: 0 → `a`. */
export function lineName(index: number): string {
  return String.fromCharCode('a'.charCodeAt(0) + index);
}
