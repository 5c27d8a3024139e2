/** The entry: options → daemon or sub-command → exit status. */

import { messageOf, UsageError } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { optionsFromEnvironment, parseRunOptions, writtenOut } from './options.ts';
import { run } from './run.ts';
import { stackInSource } from './stack.ts';
import { usageStatus, warnOf } from './usage.ts';

// What nobody waits for, a timer for instance, ends here; Node itself would exit with 1, which means something else.
process.on('uncaughtException', (error) => process.exit(defect(error)));

void main(process.argv.slice(2)).then((status) => {
  // Whatever still holds the event loop, a socket of the SDK for instance, has nothing more to say.
  process.exit(status);
});

async function main(args: string[]): Promise<ExitStatus> {
  try {
    return await dispatch(args);
  } catch (error) {
    return error instanceof UsageError ? usageStatus(error) : defect(error);
  }
}

/** The only place where a stack trace is printed: this is ours. systemd starts the daemon again (11.5). */
function defect(error: unknown): ExitStatus {
  console.error('ec2fleetd: this is a defect of ec2fleetd; please report it with what follows.');
  console.error(error instanceof Error ? stackInSource(error) : messageOf(error));
  return exitStatus.defect;
}

async function dispatch(args: string[]): Promise<ExitStatus> {
  const own = daemonArguments(args);
  if (own === undefined) return await wholeCommandLine(args);
  if (own.some((arg) => /^(-h|-V|--help|--version)$/.test(arg)))
    return await wholeCommandLine(args[0] === 'run' ? ['run', ...own] : own);
  const all = [...optionsFromEnvironment(process.env), ...own];
  const options = parseRunOptions(all);
  return options ? await run(options, process.env) : await wholeCommandLine(['run', ...all]);
}

/** The arguments if they are the daemon's, without the word `run` and with abbreviations written out; else `undefined`. */
function daemonArguments(args: string[]): string[] | undefined {
  const own = args[0] === 'run' ? args.slice(1) : args;
  const [first = ''] = own;
  if (first !== '' && !first.startsWith('-')) return undefined;
  return writtenOut(own, warnOf);
}

/** Help, version, sub-commands, and whatever else is not plainly the daemon's. */
async function wholeCommandLine(args: string[]): Promise<ExitStatus> {
  const { runCommandLine } = await import('./commands.ts');
  return await runCommandLine(args, (options) => run(options, process.env));
}
