/** The whole command line, with its help: for whatever is not plainly the daemon's options (behaviour.md 2.1 to 2.3). */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { messageOf, UsageError } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { nearest } from '../config/suggest.ts';
import manifest from '../package.json' with { type: 'json' };
import type { ExampleName } from './demo.ts';
import {
  type DaemonOption,
  daemonOptions,
  defaultOptions,
  optionsFromEnvironment,
  type RunOptions,
  variableOf,
  writtenOut,
} from './options.ts';
import type { SimulateOptions } from './simulate.ts';
import { usageStatus, warnOf } from './usage.ts';

const HELP_AFTER = `
The daemon's own options are in: ec2fleetd run --help

Examples:
  ec2fleetd validate my-world.jsonc           what is wrong with it?
  ec2fleetd --userdata=my-world.jsonc         run it on this instance
  ec2fleetd notify-test                       does a message reach each receiver?
  ec2fleetd demo                              see it work, without AWS`;

const HELP_AFTER_RUN = `
Long options may be abbreviated. BOOL is true, yes, on or a number, or false, no, off or 0. Each option may also come from the
environment, which it then beats: ${daemonOptions.map(variableOf).join(', ')}.`;

/** Runs the daemon; handed in, because it is in `main.cjs`. */
type Run = (options: RunOptions) => Promise<ExitStatus>;

/** Does what the arguments ask for. What is wrong with them is said, and is an exit status. */
export async function runCommandLine(args: string[], run: Run): Promise<ExitStatus> {
  try {
    return await dispatch(args, run);
  } catch (error) {
    // Commander has said what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.usage;
    if (error instanceof UsageError) return usageStatus(error);
    throw error;
  }
}

async function dispatch(args: string[], run: Run): Promise<ExitStatus> {
  let status: ExitStatus = exitStatus.done;
  const program = programOf(run, async (outcome) => {
    status = await outcome;
  });
  refuseUnknown(args, program);
  await program.parseAsync(withOptionsWrittenOut(args, program), { from: 'user' });
  return status;
}

/** Those of the daemon come written out already. */
function withOptionsWrittenOut(args: string[], program: Command): string[] {
  const command = program.commands.find((one) => one.name() === args[0]);
  if (command === undefined || args[0] === 'run') return args;
  const [name = '', ...own] = writtenOut(args, warnOf, [
    ...command.options.flatMap(({ long }) => long ?? []),
    '--help',
  ]);
  if (name !== 'notify-test') return [name, ...own];
  refuseSwitches(own);
  return [name, ...notifyTestEnvironment(), ...own];
}

/** @param end is given what each command comes to. */
function programOf(run: Run, end: (outcome: Promise<ExitStatus>) => Promise<void>): Command {
  const program = new Command('ec2fleetd')
    .description(
      'Attaches volumes, points DNS and runs your commands on EC2 Spot instances, and saves what matters before an interruption.',
    )
    .version(manifest.version, '-V, --version')
    .addHelpText('after', HELP_AFTER)
    .addCommand(
      daemonCommand((options) => end(run(options))),
      { isDefault: true },
    );

  program
    .command('validate')
    .description('Say everything that is wrong with configuration files, and what would be right.')
    .argument('<file...>', 'configuration or user data; - for standard input')
    .option('--strict', 'unknown keys and unknown macros are errors, not warnings', false)
    .action(async (files: string[], options: { strict: boolean }) =>
      end((await import('./validate.ts')).validate(files, options)),
    );

  program
    .command('schema')
    .description('Print the JSON Schema of the configuration, for editors.')
    .action(async () => end((await import('./schema.ts')).schema()));

  program.addCommand(
    notifyTestCommand(async (options) => end((await import('./notify-test.ts')).notifyTest(options, process.env))),
  );

  program
    .command('simulate')
    .description('Keep a small AWS running on loopback, for the daemon, the SDKs and curl.')
    .option('--port <n>', 'of the AWS endpoint (default: a free one)', port)
    .option('--metadata-port <n>', 'of the instance metadata (default: a free one)', port)
    .option(
      '--scenario <file>',
      'what there is, and what happens in it when (default: an example, in which nothing happens)',
    )
    .action(async (options: SimulateOptions) => end((await import('./simulate.ts')).simulate(options)));

  program
    .command('demo')
    .description('Show the whole story, from boot to interruption, on this machine and without AWS.')
    .addOption(
      new Option(
        '--example <name>',
        'which story: a game server, three nodes of which one fails, or a volume handed over',
      )
        .choices(['game-server', 'bitcoin', 'pool'] satisfies ExampleName[])
        .default('game-server'),
    )
    .action(async ({ example }: { example: ExampleName }) => end((await import('./demo.ts')).demo(example)));

  for (const command of [program, ...program.commands]) command.exitOverride().configureOutput({ outputError });
  return program;
}

/** Commander's sentences, said as ours are. */
function outputError(text: string): void {
  const sentence = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\s*\(Did you mean (.*)\?\)$/, '; did you mean $1');
  usageStatus(new UsageError(sentence));
}

/** `run`, with the options that the daemon itself knows. */
function daemonCommand(run: (options: RunOptions) => Promise<void>): Command {
  const options = defaultOptions();
  const command = new Command('run')
    .description('Run the daemon. This is what happens without a sub-command, too.')
    .addHelpText('after', HELP_AFTER_RUN)
    .action(() => run(options));
  addOptions(command, daemonOptions, options);
  return command;
}

/** The same sources of a configuration as `run`; what it sends, it sends whatever is switched off. */
function notifyTestCommand(run: (options: RunOptions) => Promise<void>): Command {
  const options = defaultOptions();
  const command = new Command('notify-test')
    .description('Send one message, marked as a test, to each receiver of each domain, and say what became of it.')
    .action(() => run(options));
  addOptions(command, notifyTestOptions, options);
  return command;
}

const notifyTestOptions = daemonOptions.filter(({ name }) => ['userdata', 'imds', 'profile', 'strict'].includes(name));

/** What the environment says of its options, to stand before those of the command line, which therefore win (2.2). */
function notifyTestEnvironment(): string[] {
  const isOwn = (arg: string) => notifyTestOptions.some(({ name }) => arg.split('=', 1)[0] === `--${name}`);
  return optionsFromEnvironment(process.env).filter(isOwn);
}

/** What the daemon's switches would mean to it. */
function refuseSwitches(args: readonly string[]): void {
  const given = args.find((arg) => /^--(enable-|disable-all)/.test(arg));
  if (given !== undefined)
    throw new UsageError(
      `notify-test sends, and does nothing else, whatever is switched on or off: leave out ${given}`,
    );
}

function addOptions(command: Command, known: readonly DaemonOption[], options: RunOptions): void {
  for (const one of known) {
    command.addOption(commanderOption(one, options));
    if (one.value === undefined) command.on(`option:${one.name}`, () => one.set(options, ''));
  }
}

function commanderOption(
  { name, short, value, choices, unset, meaning, set }: DaemonOption,
  options: RunOptions,
): Option {
  const flags = [...(short === undefined ? [] : [`-${short}`]), `--${name}`].join(', ');
  const option = new Option(value === undefined ? flags : `${flags} <${value}>`, meaning);
  if (unset !== undefined) option.default(unset);
  if (choices !== undefined) option.choices([...choices]);
  if (value === undefined) return option;
  return option.argParser((text) => {
    try {
      set(options, text);
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error));
    }
  });
}

/** Commander would take a name that it does not know for an argument of `run`. */
function refuseUnknown([name = '', argument = '']: string[], program: Command): void {
  const known = program.commands.map((command) => command.name());
  const isTwo = name === 'run' && known.includes(argument);
  if (isTwo) throw new UsageError(`run takes no sub-command: write ec2fleetd ${argument}`);
  const unknown = name === 'run' || name === 'help' ? argument : name;
  if (unknown === '' || unknown.startsWith('-') || [...known, 'help'].includes(unknown)) return;
  const meant = nearest(unknown, known);
  const instead = meant ? `; did you mean ${meant}` : `, only ${known.join(', ')}`;
  throw new UsageError(`there is no sub-command ${unknown}${instead}`);
}

function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError('A port is a number from 0 to 65535.');
}
