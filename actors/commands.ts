/** The step that runs one command. */

import { fromCallback } from 'xstate';
import type { Commands, PreparedCommand } from '../adapters/command.ts';
import type { Log } from '../adapters/logger.ts';
import { allJson, expand, macroEnvironment } from '../config/macros.ts';
import type { CommandLine, CommandResult, Occasion } from '../config/vocabulary.ts';
import type { CommandInput, CommandSignal } from '../machines/commands.ts';
import type { ValuesOf } from './macro-values.ts';

/** Runs a command with its macros expanded; its output goes to the log as it comes (8.7). */
export const runCommand = (commands: Commands, valuesOf: ValuesOf, log: Log) =>
  fromCallback<CommandSignal, CommandInput>(({ input: { line, occasion }, sendBack, receive }) => {
    const prepared = prepare(line, occasion, valuesOf);
    // Getting it ready counts, too: a folder on a dead mount may take for ever.
    sendBack({ type: 'command.begun', atMs: performance.now() });
    const about = { domain: occasion.domain, event: occasion.event, command: prepared.argv.join(' ') };
    const running = commands.start(prepared, {
      started: () => log.info('command starts', about),
      note: (text) => log.warn(text, about),
      output: (text, stream) => log.info(text, { domain: occasion.domain, command: prepared.argv[0], stream }),
      ended: (result) => {
        logEnd(log, about, result);
        sendBack({ type: 'command.ended', result });
      },
    });
    receive(({ signal }) => running.signal(signal));
  });

function prepare(line: CommandLine, occasion: Occasion, valuesOf: ValuesOf): PreparedCommand {
  const values = valuesOf(occasion);
  const env = Object.entries(line.env).map(([name, template]) => [name, expand(template, values)]);
  return {
    argv: line.argv.map((template) => expand(template, values)),
    env: { ...macroEnvironment(values), ...Object.fromEntries(env) },
    ...(line.cwd === undefined ? {} : { cwd: line.cwd }),
    ...(line.user === undefined ? {} : { user: line.user }),
    success: line.success,
    allJson: allJson(values),
  };
}

/** Whether a failure matters, and to whom, is said where it ends up: in the domain's failures. */
function logEnd(log: Log, about: object, { exitCode, signal, durationMs, problem }: CommandResult): void {
  log.info('command ended', {
    ...about,
    exitCode,
    durationMs,
    ...(signal ? { signal } : {}),
    ...(problem ? { problem } : {}),
  });
}
