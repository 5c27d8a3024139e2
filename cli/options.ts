/** The command line of `ec2fleetd run`, and the environment variables that say the same (behaviour.md 2.1, 2.2). */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { Switches } from '../actors/domain-input.ts';
import { parseEndpoints } from '../adapters/imds.ts';
import { messageOf, UsageError } from '../config/errors.ts';

/** What `run` is asked to do. */
export interface RunOptions {
  /** Configuration from this file instead of the instance's user data. */
  userdata?: string;
  /** Metadata endpoints, without trailing slashes; absent: the usual address. */
  imds?: string[];
  transcId?: string;
  profile?: string;
  switches: Switches;
  stateDir?: string;
  logFormat: 'auto' | 'pretty' | 'json';
  strict: boolean;
  /** How often `-v` was given. */
  verbosity: number;
}

type SwitchName = keyof Switches;

const switchNames: SwitchName[] = ['init', 'exec', 'notify', 'poll'];

const switchMeaning: Record<SwitchName, string> = {
  init: 'change anything in AWS, and the host name; off: such calls are only logged (dry)',
  exec: 'run commands',
  notify: 'send notifications',
  poll: 'watch for interruption notices; off: come up, run the started commands, and end',
};

/** The command `run`, with its options, but without an action. */
export function runCommandLine(): Command {
  const command = new Command('run')
    .description('Run the daemon. This is what happens without a sub-command, too.')
    .option('--userdata <file>', "configuration from FILE instead of the instance's user data")
    .option(
      '--imds <hosts>',
      'metadata endpoint(s): host, host:port, [v6]:port or a URL; the first that answers is kept',
      endpoints,
    )
    .option('--transc-id <string>', 'transaction id (default: a fresh UUID)', notEmpty)
    .option('--profile <name>', 'AWS profile, for debugging')
    .option('--disable-all', 'switch init, exec, notify and poll off; a later --enable-… switches one on again');
  for (const name of switchNames) {
    command.option(`--enable-${name} <bool>`, switchMeaning[name], onOrOff, true);
  }
  command.on('option:disable-all', () => {
    for (const name of switchNames) command.setOptionValueWithSource(keyOf(name), false, 'cli');
  });
  return command
    .option('--state-dir <dir>', 'journal and outbox (default: $STATE_DIRECTORY, else /var/lib/ec2fleetd)')
    .addOption(
      new Option('--log-format <format>', 'auto: pretty on a terminal, JSON otherwise')
        .choices(['auto', 'pretty', 'json'])
        .default('auto'),
    )
    .option('--strict', 'unknown keys and unknown macros are errors, not warnings')
    .option('-v, --verbose', 'say more; may be repeated', (_, before: number) => before + 1, 0);
}

/** What commander made of it, in our words. */
export function runOptions(command: Command): RunOptions {
  const given = command.opts();
  return {
    ...pick(given, ['userdata', 'imds', 'transcId', 'profile', 'stateDir']),
    switches: Object.fromEntries(switchNames.map((name) => [name, given[keyOf(name)]])) as unknown as Switches,
    logFormat: given.logFormat,
    strict: given.strict ?? false,
    verbosity: given.verbose,
  };
}

/**
 * The environment as options, to stand before those of the command line, which therefore win: `EC2FLEETD_USERDATA=x` →
 * `--userdata=x`. Variables that are no option of ours are ignored (2.2).
 */
export function optionsFromEnvironment(command: Command, environment: NodeJS.ProcessEnv): string[] {
  return command.options.flatMap((option) => {
    const value = environment[variableOf(option)];
    if (value === undefined || value === '') return [];
    if (option.long === '--verbose') return Array<string>(Math.min(Number(value) || 0, 9)).fill('-v');
    const given = checked(option, value);
    return option.isBoolean() ? (given ? [String(option.long)] : []) : [`${option.long}=${value}`];
  });
}

/** `--state-dir` → `EC2FLEETD_STATE_DIR` */
function variableOf(option: Option): string {
  return `EC2FLEETD_${option.name().toUpperCase().replaceAll('-', '_')}`;
}

/** The value as the option takes it; one that it does not take is refused by the name of the variable. */
function checked(option: Option, value: string): unknown {
  try {
    return option.isBoolean() ? onOrOff(value) : option.parseArg?.(value, undefined);
  } catch (error) {
    throw new UsageError(`${variableOf(option)}=${value}: ${messageOf(error)}`);
  }
}

/**
 * Long options written out: `--userd=x` → `--userdata=x`, where only one option begins like that (2.2).
 * @param warn is told each abbreviation.
 * @throws UsageError when several begin like that.
 */
export function writtenOut(args: string[], command: Command, warn: (message: string) => void): string[] {
  const known = command.options.map(({ long }) => String(long));
  const end = args.indexOf('--');
  return args.map((arg, place) => {
    const [given = '', ...value] = arg.split('=');
    // The old spelling of the one option that had an underscore.
    const name = given.replace(/^--transc_/, '--transc-');
    const isLong = /^--[a-z]/.test(name) && (end === -1 || place < end);
    if (!isLong) return arg;
    if (known.includes(name) || ['--help', '--version'].includes(name)) return [name, ...value].join('=');
    const meant = [...known, '--help', '--version'].filter((long) => long.startsWith(name));
    if (meant.length > 1) throw new UsageError(`${name} is ambiguous: ${meant.join(', ')}`);
    const [only] = meant;
    if (only === undefined) return arg;
    warn(`${name} is short for ${only}. Write it out: a later version may have another option that begins like that`);
    return [only, ...value].join('=');
  });
}

function keyOf(name: SwitchName): string {
  return `enable${name[0]?.toUpperCase()}${name.slice(1)}`;
}

function onOrOff(text: string): boolean {
  if (/^(true|yes|on)$/i.test(text)) return true;
  if (/^(false|no|off)$/i.test(text)) return false;
  if (/^\d+$/.test(text)) return Number(text) !== 0;
  throw new InvalidArgumentError('Write true, yes, on or 1; or false, no, off or 0.');
}

function endpoints(text: string): string[] {
  try {
    return parseEndpoints(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

function pick<Keys extends string>(given: Record<string, unknown>, keys: Keys[]): object {
  return Object.fromEntries(keys.filter((key) => given[key] !== undefined).map((key) => [key, given[key]]));
}
