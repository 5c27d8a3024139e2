/** The options of `ec2fleetd run`, and the environment variables that say the same (behaviour.md 2.1, 2.2). */

import { parseArgs } from 'node:util';
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

/** What `run` does when it is asked for nothing else. */
export function defaultOptions(): RunOptions {
  return {
    switches: { init: true, exec: true, notify: true, poll: true },
    logFormat: 'auto',
    strict: false,
    verbosity: 0,
  };
}

/** One option: `--name VALUE`, or `--name` alone. */
export interface DaemonOption {
  /** For example `state-dir`; its variable is `EC2FLEETD_STATE_DIR`. */
  name: string;
  short?: string;
  /** What its value is called in the help; absent: it takes none. */
  value?: string;
  /** The only values that it takes. */
  choices?: readonly string[];
  /** What holds without it, for the help. */
  unset?: string | boolean;
  meaning: string;
  /** How often it is given means something; its variable holds a number. */
  isCounted?: boolean;
  /** Puts it in. @throws UsageError for a value that it does not take. */
  set(options: RunOptions, value: string): void;
}

const logFormats = ['auto', 'pretty', 'json'] as const;

/** All options, in the order of the help, and of the environment's: `--disable-all` stands before the switches. */
export const daemonOptions: readonly DaemonOption[] = [
  {
    name: 'userdata',
    value: 'file',
    meaning: "configuration from FILE instead of the instance's user data",
    set(options, value) {
      options.userdata = filled(value);
    },
  },
  {
    name: 'imds',
    value: 'hosts',
    meaning: 'metadata endpoint(s): host, host:port, [v6]:port or a URL; the first that answers is kept',
    set(options, value) {
      options.imds = endpoints(value);
    },
  },
  {
    name: 'transc-id',
    value: 'string',
    meaning: 'transaction id (default: a fresh UUID)',
    set(options, value) {
      options.transcId = filled(value);
    },
  },
  {
    name: 'profile',
    value: 'name',
    meaning: 'AWS profile, for debugging',
    set(options, value) {
      options.profile = filled(value);
    },
  },
  {
    name: 'disable-all',
    meaning: 'switch init, exec, notify and poll off; a later --enable-… switches one on again',
    set(options) {
      options.switches = { init: false, exec: false, notify: false, poll: false };
    },
  },
  enabling('init', 'change anything in AWS, and the host name; off: such calls are only logged (dry)'),
  enabling('exec', 'run commands'),
  enabling('notify', 'send notifications'),
  enabling('poll', 'watch for interruption notices; off: come up, run the started commands, and end'),
  {
    name: 'state-dir',
    value: 'dir',
    meaning: 'journal and outbox (default: $STATE_DIRECTORY, else /var/lib/ec2fleetd)',
    set(options, value) {
      options.stateDir = filled(value);
    },
  },
  {
    name: 'log-format',
    value: 'format',
    choices: logFormats,
    unset: 'auto',
    meaning: 'auto: pretty on a terminal, JSON otherwise',
    set(options, value) {
      const format = logFormats.find((one) => one === value);
      if (format === undefined) throw new UsageError(`Allowed choices are ${logFormats.join(', ')}.`);
      options.logFormat = format;
    },
  },
  {
    name: 'strict',
    meaning: 'unknown keys and unknown macros are errors, not warnings',
    set(options) {
      options.strict = true;
    },
  },
  {
    name: 'verbose',
    short: 'v',
    isCounted: true,
    meaning: 'say more; may be repeated',
    set(options) {
      options.verbosity += 1;
    },
  },
];

/**
 * The options of a command line that says nothing but options, each with what belongs to it; else `undefined`: then `commands.ts`
 * says what is wrong with it, or takes it after all. So the daemon starts without commander, whose loading takes 7 ms.
 * @param args without the word `run`, see {@link writtenOut} and {@link optionsFromEnvironment}.
 */
export function parseRunOptions(args: string[]): RunOptions | undefined {
  const options = defaultOptions();
  try {
    const { tokens } = parseArgs({ args, options: forNode, strict: true, allowPositionals: false, tokens: true });
    for (const token of tokens) {
      if (token.kind === 'option') optionOf(token.name).set(options, token.value ?? '');
    }
    return options;
  } catch {
    return undefined;
  }
}

const forNode = Object.fromEntries(
  daemonOptions.map(({ name, short, value }) => {
    const type: 'string' | 'boolean' = value === undefined ? 'boolean' : 'string';
    return [name, { type, ...(short === undefined ? {} : { short }) }];
  }),
);

function optionOf(name: string): DaemonOption {
  const option = daemonOptions.find((one) => one.name === name);
  if (option === undefined) throw new UsageError(`There is no option --${name}.`);
  return option;
}

/**
 * The environment as options, to stand before those of the command line, which therefore win: `EC2FLEETD_USERDATA=x` →
 * `--userdata=x`. Variables that are no option of ours are ignored (2.2).
 * @throws UsageError when one has a value that its option does not take.
 */
export function optionsFromEnvironment(environment: NodeJS.ProcessEnv): string[] {
  return daemonOptions.flatMap((option) => {
    const variable = variableOf(option);
    const value = environment[variable];
    // In an environment file, empty is how one leaves a variable unset.
    if (value === undefined || value === '') return [];
    try {
      return asArguments(option, value);
    } catch (error) {
      throw new UsageError(`${variable}=${value}: ${messageOf(error)}`);
    }
  });
}

/** The variable that says the same as an option: `state-dir` → `EC2FLEETD_STATE_DIR`. */
export function variableOf({ name }: DaemonOption): string {
  return `EC2FLEETD_${name.toUpperCase().replaceAll('-', '_')}`;
}

function asArguments(option: DaemonOption, value: string): string[] {
  if (option.isCounted && /^\d+$/.test(value))
    return Array<string>(Math.min(Number(value), 9)).fill(`--${option.name}`);
  if (option.value === undefined) return onOrOff(value) ? [`--${option.name}`] : [];
  option.set(defaultOptions(), value);
  return [`--${option.name}=${value}`];
}

/**
 * Long options written out: `--userd=x` → `--userdata=x`, where only one option begins like that (2.2).
 * @param warn is told each abbreviation.
 * @param known long options, for example `--userdata`; the daemon's unless told otherwise.
 * @throws UsageError when several begin like that.
 */
export function writtenOut(
  args: readonly string[],
  warn: (message: string) => void,
  known: readonly string[] = longOptions,
): string[] {
  const end = args.indexOf('--');
  return args.map((arg, place) => {
    const [given = '', ...value] = arg.split('=');
    // The old spelling of the one option that had an underscore.
    const name = given.replace(/^--transc_/, '--transc-');
    const isLong = /^--[a-z]/.test(name) && (end === -1 || place < end);
    if (!isLong) return arg;
    if (known.includes(name)) return [name, ...value].join('=');
    const meant = known.filter((long) => long.startsWith(name));
    if (meant.length > 1) throw new UsageError(`${name} is ambiguous: ${meant.join(', ')}`);
    const [only] = meant;
    if (only === undefined) return arg;
    warn(`${name} is short for ${only}. Write it out: a later version may have another option that begins like that`);
    return [only, ...value].join('=');
  });
}

const longOptions = [...daemonOptions.map(({ name }) => `--${name}`), '--help', '--version'];

function enabling(name: keyof Switches, meaning: string): DaemonOption {
  return {
    name: `enable-${name}`,
    value: 'bool',
    unset: true,
    meaning,
    set(options, value) {
      options.switches = { ...options.switches, [name]: onOrOff(value) };
    },
  };
}

function onOrOff(text: string): boolean {
  if (/^(true|yes|on)$/i.test(text)) return true;
  if (/^(false|no|off)$/i.test(text)) return false;
  if (/^[-+]?\d+(?:\.\d+)?$/.test(text)) return Number(text) !== 0;
  throw new UsageError('Write true, yes, on or 1; or false, no, off or 0.');
}

function filled(text: string): string {
  if (text === '') throw new UsageError('It must not be empty.');
  return text;
}

function endpoints(text: string): string[] {
  try {
    return parseEndpoints(text);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}
