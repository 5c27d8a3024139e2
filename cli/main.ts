/** The entry: options → sub-command → exit status. */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { messageOf, UsageError } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { nearest } from '../config/suggest.ts';
import manifest from '../package.json' with { type: 'json' };
import type { ExampleName } from './demo.ts';
import { optionsFromEnvironment, runCommandLine, runOptions, writtenOut } from './options.ts';
import { run } from './run.ts';

const HELP_AFTER = `
The daemon's own options are in: ec2fleetd run --help

Examples:
  ec2fleetd validate my-world.jsonc           what is wrong with it?
  ec2fleetd --userdata=my-world.jsonc         run it on this instance
  ec2fleetd demo                              see it work, without AWS`;

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
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.usage;
    if (error instanceof UsageError) {
      console.error(`ec2fleetd: ${error.message.replace(/[.]$/, '')}. See ec2fleetd --help.`);
      return exitStatus.usage;
    }
    return defect(error);
  }
}

/** The only place where a stack trace is printed: this is ours. systemd starts the daemon again (11.5). */
function defect(error: unknown): ExitStatus {
  console.error('ec2fleetd: this is a defect of ec2fleetd; please report it with what follows.');
  console.error(error instanceof Error ? error.stack : messageOf(error));
  return exitStatus.defect;
}

async function dispatch(args: string[]): Promise<ExitStatus> {
  let status: ExitStatus = exitStatus.done;
  const daemon = runCommandLine();
  daemon.action(async () => {
    status = await run(runOptions(daemon), process.env);
  });

  const program = new Command('ec2fleetd')
    .description(
      'Attaches volumes, points DNS and runs your commands on EC2 Spot instances, and saves what matters before an interruption.',
    )
    .version(manifest.version, '-V, --version')
    .exitOverride()
    .addHelpText('after', HELP_AFTER)
    .addCommand(daemon, { isDefault: true });

  program
    .command('validate')
    .description('Say everything that is wrong with configuration files, and what would be right.')
    .argument('<file...>', 'configuration or user data; - for standard input')
    .option('--strict', 'unknown keys and unknown macros are errors, not warnings', false)
    .action(async (files: string[], options: { strict: boolean }) => {
      status = await (await import('./validate.ts')).validate(files, options);
    });

  program
    .command('schema')
    .description('Print the JSON Schema of the configuration, for editors.')
    .action(async () => {
      status = await (await import('./schema.ts')).schema();
    });

  program
    .command('simulate')
    .description('Keep a small AWS running on loopback, for the daemon, the SDKs and curl.')
    .option('--port <n>', 'of the AWS endpoint (default: a free one)', port)
    .option('--metadata-port <n>', 'of the instance metadata (default: a free one)', port)
    .action(async (options: { port?: number; metadataPort?: number }) => {
      status = await (await import('./simulate.ts')).simulate(options);
    });

  program
    .command('demo')
    .description('Show the whole story, from boot to interruption, on this machine and without AWS.')
    .addOption(
      new Option('--example <name>', 'which story: a game server, or three nodes of which one fails')
        .choices(['game-server', 'bitcoin'] satisfies ExampleName[])
        .default('game-server'),
    )
    .action(async ({ example }: { example: ExampleName }) => {
      status = await (await import('./demo.ts')).demo(example);
    });

  for (const command of program.commands) command.exitOverride();
  await program.parseAsync(complete(args, program, daemon), { from: 'user' });
  return status;
}

/** The arguments with abbreviations written out and, for the daemon, the environment's options before them. */
function complete(args: string[], program: Command, daemon: Command): string[] {
  const name = args[0] ?? '';
  const named = [...program.commands, { name: () => 'help' }].some((command) => command.name() === name);
  if (named && name !== 'run') return args;
  const own = named ? args.slice(1) : args;
  const [first = ''] = own;
  if (first !== '' && !first.startsWith('-')) throw new UsageError(unknownCommand(first, program));
  const warn = (message: string) => console.error(`ec2fleetd: ${message}.`);
  if (own.some((arg) => /^(-h|-V|--help|--version)$/.test(arg))) return args;
  return ['run', ...optionsFromEnvironment(daemon, process.env), ...writtenOut(own, daemon, warn)];
}

function unknownCommand(name: string, program: Command): string {
  const known = program.commands.map((command) => command.name());
  const meant = nearest(name, known);
  return `there is no sub-command ${name}${meant ? `; did you mean ${meant}` : `, only ${known.join(', ')}`}`;
}

function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError('A port is a number from 0 to 65535.');
}
