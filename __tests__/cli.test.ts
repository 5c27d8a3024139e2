/** The command line, by the built program. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { runCommandLine } from '../cli/commands.ts';
import {
  daemonOptions,
  optionsFromEnvironment,
  parseRunOptions,
  type RunOptions,
  variableOf,
  writtenOut,
} from '../cli/options.ts';
import { exitStatus } from '../config/exit-status.ts';
import { startDaemon, startLab } from './helpers/daemon.ts';

/** The options that `run` gets from arguments and environment. */
function parsed(args: string[], environment: NodeJS.ProcessEnv = {}, warnings: string[] = []): RunOptions {
  const own = writtenOut(args, (warning) => warnings.push(warning));
  const options = parseRunOptions([...optionsFromEnvironment(environment), ...own]);
  if (options === undefined) throw new Error(`${args.join(' ')} is not understood`);
  return options;
}

/** The same by the whole command line; `undefined` when that does not come to run the daemon. */
async function parsedWithHelp(args: string[]): Promise<RunOptions | undefined> {
  let options: RunOptions | undefined;
  await runCommandLine(['run', ...args], async (given) => {
    options = given;
    return exitStatus.done;
  });
  return options;
}

/** The built program, run to its end. Everything it could reach is closed to it. */
function ec2fleetd(args: string[], environment: NodeJS.ProcessEnv = {}) {
  return node(['dist/main.cjs', ...args], environment);
}

function node(args: string[], environment: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, EC2FLEETD_IMDS: '127.0.0.1:9', ...environment },
    timeout: 15_000,
  });
  return { status, stdout, stderr };
}

/** What comes of it while there is a file with that text. */
function withFile<Outcome>(text: string, use: (file: string) => Outcome): Outcome {
  const folder = mkdtempSync(path.join(tmpdir(), 'ec2fleetd-cli-'));
  const file = path.join(folder, 'config.jsonc');
  try {
    writeFileSync(file, text);
    return use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the switches', () => {
  it.each([
    { args: [], on: ['init', 'exec', 'notify', 'poll'] },
    { args: ['--disable-all'], on: [] },
    { args: ['--disable-all', '--enable-exec=1'], on: ['exec'] },
    { args: ['--enable-exec=1', '--disable-all'], on: [] },
    { args: ['--enable-poll=no', '--enable-notify', 'off'], on: ['init', 'exec'] },
    { args: ['--enable-init=0', '--enable-init=TRUE'], on: ['init', 'exec', 'notify', 'poll'] },
    { args: ['--enable-init=00', '--enable-exec=2'], on: ['exec', 'notify', 'poll'] },
    { args: ['--enable-init=0.0', '--enable-exec=-1', '--enable-poll=Off'], on: ['exec', 'notify'] },
    { args: ['--enable-init=NO', '--disable-all', '--enable-init=Yes', '--enable-poll=on'], on: ['init', 'poll'] },
    { args: ['--disable-all', '--enable-notify=true', '--enable-notify=false'], on: [] },
  ])('$args leaves on $on [2.1]', ({ args, on }) => {
    const { switches } = parsed(args);

    expect(Object.entries(switches).flatMap(([name, isOn]) => (isOn ? [name] : []))).toEqual(on);
  });

  it.each(['maybe', '', '-', '1,5', '1 0', 'onn'])('take no other word: "%s" [2.1]', (value) => {
    expect(() => parsed([`--enable-init=${value}`])).toThrow();
  });
});

describe('options', () => {
  it.each([
    { args: ['--userdata=a.jsonc'], gives: { userdata: 'a.jsonc' } },
    { args: ['--imds=one,[fd00::1]:81'], gives: { imds: ['http://one', 'http://[fd00::1]:81'] } },
    { args: ['--transc_id=abc'], gives: { transcId: 'abc' } },
    { args: ['--transc-id=abc'], gives: { transcId: 'abc' } },
    { args: ['--profile=dev', '--state-dir=/x'], gives: { profile: 'dev', stateDir: '/x' } },
    { args: ['--log-format=json', '--strict', '-v', '-v'], gives: { logFormat: 'json', strict: true, verbosity: 2 } },
    { args: ['-vvv'], gives: { verbosity: 3 } },
  ])('$args are understood [2.1]', ({ args, gives }) => {
    expect(parsed(args)).toMatchObject(gives);
  });

  it.each([
    ...['--transc_id=', '--transc-id=', '--userdata=', '--profile=', '--state-dir=', '--imds=', '--imds=one,,two'],
    ...['--log-format=', '--log-format=xml', '--nonsense', '--strict=1', '--userdata'],
  ])('%s is a usage error [2.1, 2.3]', (arg) => {
    expect(() => parsed([arg])).toThrow();
  });

  /** For each option a value of the environment, and another one that is given by hand. */
  const values: Record<string, { variable: string; says: string; arg: string; beats: string }> = {
    userdata: { variable: 'EC2FLEETD_USERDATA', says: 'env', arg: '--userdata=own', beats: 'own' },
    imds: { variable: 'EC2FLEETD_IMDS', says: 'env,env2:81', arg: '--imds=own', beats: 'own' },
    'transc-id': { variable: 'EC2FLEETD_TRANSC_ID', says: 'env', arg: '--transc_id=own', beats: 'own' },
    profile: { variable: 'EC2FLEETD_PROFILE', says: 'env', arg: '--profile=own', beats: 'own' },
    'disable-all': { variable: 'EC2FLEETD_DISABLE_ALL', says: 'on', arg: '--enable-exec=1', beats: '1' },
    'enable-init': { variable: 'EC2FLEETD_ENABLE_INIT', says: '0', arg: '--enable-init=1', beats: '1' },
    'enable-exec': { variable: 'EC2FLEETD_ENABLE_EXEC', says: 'no', arg: '--enable-exec=1', beats: '1' },
    'enable-notify': { variable: 'EC2FLEETD_ENABLE_NOTIFY', says: 'off', arg: '--enable-notify=1', beats: '1' },
    'enable-poll': { variable: 'EC2FLEETD_ENABLE_POLL', says: 'false', arg: '--enable-poll=1', beats: '1' },
    'state-dir': { variable: 'EC2FLEETD_STATE_DIR', says: '/env', arg: '--state-dir=/own', beats: '/own' },
    'log-format': { variable: 'EC2FLEETD_LOG_FORMAT', says: 'json', arg: '--log-format=pretty', beats: 'pretty' },
    strict: { variable: 'EC2FLEETD_STRICT', says: 'yes', arg: '', beats: '' },
    verbose: { variable: 'EC2FLEETD_VERBOSE', says: '2', arg: '', beats: '' },
  };

  it.each(daemonOptions.map((option) => [option.name, option] as const))(
    'may come from the environment: %s [2.2]',
    (name, option) => {
      const { variable = '', says = '' } = values[name] ?? {};
      const asOption = option.value === undefined ? `--${name}` : `--${name}=${says}`;
      const asOptions = option.isCounted ? Array<string>(Number(says)).fill(asOption) : [asOption];

      expect(variableOf(option)).toBe(variable);
      expect(parsed([], { [variable]: says })).toEqual(parsed(asOptions));
      expect(parsed([], { [variable]: says })).not.toEqual(parsed([]));
    },
  );

  it.each(Object.values(values).filter(({ arg }) => arg !== ''))(
    'beat the environment: $arg stands against $variable=$says [2.2]',
    ({ variable, says, arg, beats }) => {
      const withoutSwitches = variable === 'EC2FLEETD_DISABLE_ALL' ? ['--disable-all'] : [];

      expect(parsed([arg], { [variable]: says })).toEqual(parsed([...withoutSwitches, arg]));
      expect(arg.endsWith(beats)).toBe(true);
    },
  );

  it('that are empty in the environment are as good as not there [2.2]', () => {
    const empty = Object.fromEntries(daemonOptions.map((option) => [variableOf(option), '']));

    expect(parsed([], empty)).toEqual(parsed([]));
  });

  it('without a value may be switched off in the environment [2.2]', () => {
    const environment = { EC2FLEETD_STRICT: '0', EC2FLEETD_DISABLE_ALL: 'no', EC2FLEETD_VERBOSE: 'off' };

    expect(parsed([], environment)).toEqual(parsed([]));
    expect(parsed([], { EC2FLEETD_VERBOSE: 'yes' })).toMatchObject({ verbosity: 1 });
  });

  it('from the environment stand before those of the command line: the later switch wins [2.2]', () => {
    expect(parsed(['--enable-exec=1'], { EC2FLEETD_DISABLE_ALL: '1' }).switches).toMatchObject({
      exec: true,
      init: false,
    });
  });

  it('that the environment names and nobody knows are ignored [2.2, 14.1]', () => {
    expect(() => parsed([], { EC2FLEETD_PYTHON: '/usr/bin/python3', EC2FLEETD_FOO: 'x' })).not.toThrow();
  });

  it.each([
    { short: '--userd', args: ['--userd=x'], gives: { userdata: 'x' } },
    { short: '--userd', args: ['--userd', 'x'], gives: { userdata: 'x' } },
    { short: '--transc', args: ['--transc=x'], gives: { transcId: 'x' } },
    { short: '--s', args: ['--state=/x', '--str'], gives: { stateDir: '/x', strict: true } },
    { short: '--enable-p', args: ['--enable-p=0'], gives: { switches: { poll: false } } },
  ])(
    'may be abbreviated as long as one alone begins like that, with a warning: $args [2.2]',
    ({ args, gives, short }) => {
      const warnings: string[] = [];

      expect(parsed(args, {}, warnings)).toMatchObject(gives);
      expect(warnings[0]).toMatch(`${short}`);
      expect(warnings).toEqual(warnings.map(() => expect.stringMatching(/^--\S+ is short for --\S+\. Write it out/)));
    },
  );

  it('that are written out are no reason for a warning, in the old spelling neither [2.1, 2.2]', () => {
    const warnings: string[] = [];

    parsed(['--userdata=x', '--transc_id=y', '--transc-id=z', '--strict', '-v'], {}, warnings);

    expect(warnings).toEqual([]);
  });

  it('that several begin like are ambiguous [2.2]', () => {
    expect(() => parsed(['--enable=1'])).toThrow(/ambiguous: --enable-init, --enable-exec/);
    expect(() => parsed(['--ver'])).toThrow(/ambiguous: --verbose, --version/);
  });
});

describe('the whole command line, which knows the help as well', () => {
  const words = fc.constantFrom(
    ...['--userdata=a', '--userdata', '--imds=one,two', '--transc-id=x', '--transc-id=', '--profile=', '--profile'],
    ...['--disable-all', '--enable-init=0', '--enable-exec', '--enable-exec=on', '--enable-poll=perhaps', '--strict'],
    ...['--strict=1', '--state-dir=/x', '--log-format=json', '--log-format=xml', '-v', '-vv', '-vx', '--verbose'],
    ...['-v=2', '--no-strict', '--nonsense', '--', '-', '-x', '', 'word', 'yes', '1', '=', '--=x', '---strict'],
  );

  it('understands what the daemon understands, and the same by it [2.1]', async () => {
    const understood = fc.array(words, { maxLength: 6 }).filter((args) => parseRunOptions(args) !== undefined);

    await fc.assert(
      fc.asyncProperty(understood, async (args) => {
        expect(await parsedWithHelp(args)).toEqual(parseRunOptions(args));
      }),
    );
  });

  it('is asked where a value looks like an option [2.1]', async () => {
    expect(parseRunOptions(['--userdata', '-x'])).toBeUndefined();
    expect(await parsedWithHelp(['--userdata', '-x'])).toMatchObject({ userdata: '-x' });
  });
});

describe('the program', () => {
  it.each(['--version', '-V'])('says its version and nothing else: %s [2.1]', (arg) => {
    expect(ec2fleetd([arg])).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/), stderr: '' });
  });

  it.each([
    ['--help'],
    ['-h'],
    ['run', '--help'],
    ['validate', '--help'],
    ['help'],
    ['help', 'run'],
    ['--strict', '-h'],
  ])('helps: %s [2.1]', (...args) => {
    const { status, stdout, stderr } = ec2fleetd(args);

    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/Usage: ec2fleetd/);
  });

  it.each([['-V'], ['run', '--version'], ['--strict', '-V'], ['-h'], ['help'], ['run', '-h'], ['schema', '--help']])(
    'needs neither network nor SDK to say its version and to help: %s [2.1]',
    (...args) => {
      const own = ['main', 'commands'].map((bundle) => `--allow-fs-read=${path.resolve('dist', `${bundle}.cjs`)}`);
      const closed = ['--permission', ...own, `--allow-fs-read=${path.resolve('dist/package.json')}`];

      expect(node([...closed, 'dist/main.cjs', ...args])).toMatchObject({ status: 0, stderr: '' });
    },
  );

  it('says its version and helps whatever is in the environment [2.1]', () => {
    const environment = { EC2FLEETD_STRICT: 'perhaps', EC2FLEETD_IMDS: 'ftp://nowhere' };

    expect(ec2fleetd(['--version'], environment).status).toBe(0);
    expect(ec2fleetd(['run', '--help'], environment).status).toBe(0);
  });

  it('names every option of the daemon, and its variable, in its help [2.1, 2.2]', () => {
    const { stdout } = ec2fleetd(['run', '--help']);

    for (const option of daemonOptions) {
      expect(stdout).toMatch(new RegExp(`--${option.name}[ ,]`));
      expect(stdout).toMatch(new RegExp(`${variableOf(option)}[.,]`));
    }
  });

  it('names every sub-command in its help [2.2]', () => {
    const { stdout } = ec2fleetd(['--help']);

    for (const name of ['run', 'validate', 'schema', 'simulate'])
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  it('runs the daemon with the word run and without it [2.1]', () => {
    const spelled = ec2fleetd(['run', '--userdata=/nowhere/x.jsonc']);

    expect(spelled).toEqual(ec2fleetd(['--userdata=/nowhere/x.jsonc']));
    expect(spelled).toEqual(ec2fleetd([], { EC2FLEETD_USERDATA: '/nowhere/x.jsonc' }));
    expect(spelled).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('/nowhere/x.jsonc:1:1: cannot be read'),
    });
  });

  it('does what an option says, whatever the environment says [2.2]', () => {
    const { stderr } = ec2fleetd(['--userdata=/nowhere/own.jsonc'], { EC2FLEETD_USERDATA: '/nowhere/env.jsonc' });

    expect(stderr).toMatch(/own\.jsonc.*cannot be read/);
    expect(stderr).not.toContain('env.jsonc');
  });

  it('takes abbreviations, also for help and of sub-commands, with a warning [2.2]', () => {
    const { status, stdout, stderr } = ec2fleetd(['--hel']);
    expect({ status, stdout }).toEqual({ status: 0, stdout: ec2fleetd(['--help']).stdout });
    expect(stderr).toMatch(/^ec2fleetd: warning: --hel is short for --help\. Write it out.*\n$/);

    const validated = ec2fleetd(['validate', '--stri', '/nowhere/x.jsonc']);
    expect(validated.stderr).toMatch(/warning: --stri is short for --strict/);
    expect(validated.stdout).toMatch(/cannot be read/);
  });

  it.each([
    { args: ['--nonsense'], says: /unknown option '--nonsense'/ },
    { args: ['--strikt'], says: /unknown option '--strikt'; did you mean --strict\./ },
    { args: ['--enable-init=perhaps'], says: /'perhaps' is invalid.*true, yes, on or 1/ },
    { args: ['--transc-id='], says: /must not be empty/ },
    { args: ['--transc_id', ''], says: /must not be empty/ },
    { args: ['--userdata'], says: /'--userdata <file>' argument missing/ },
    { args: ['--userdata='], says: /'--userdata <file>'.*must not be empty/ },
    {
      args: ['--imds=https://host'],
      says: /"https:\/\/host" is no metadata endpoint. Write host, host:port, \[v6\]:port/,
    },
    { args: ['--log-format=xml'], says: /Allowed choices are auto, pretty, json/ },
    { args: ['--en=1'], says: /--en is ambiguous: --enable-init, / },
    { args: ['nonsense'], says: /no sub-command nonsense, only run, validate/ },
    { args: ['help', 'nonsense'], says: /no sub-command nonsense, only run, validate/ },
    { args: ['run', 'valdate'], says: /no sub-command valdate; did you mean validate/ },
    { args: ['run', 'validate', 'x'], says: /run takes no sub-command: write ec2fleetd validate/ },
    { args: ['run', '--strict', 'x'], says: /too many arguments for 'run'/ },
    { args: ['validate'], says: /missing required argument/ },
    { args: ['simulate', '--port=70000'], says: /from 0 to 65535/ },
  ])('refuses $args in a sentence, with exit 2 [2.3]', ({ args, says }) => {
    const { status, stdout, stderr } = ec2fleetd(args);

    expect(stderr).toMatch(/^ec2fleetd: .*\. See ec2fleetd --help\.\n$/);
    expect(stderr).toMatch(says);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });

  it.each([
    { file: '/nowhere/x.jsonc', says: 'there is no such file' },
    { file: '/', says: 'it is a folder' },
  ])('refuses $file for a configuration with exit 2 [2.3]', ({ file, says }) => {
    const { status, stderr } = ec2fleetd([`--userdata=${file}`]);

    expect(stderr).toBe(`${file}: 1 problem\n  ${file}:1:1: cannot be read: ${says}.\n`);
    expect(status).toBe(2);
  });

  it.each(['', '// later\n', 'MIME-Version: 1.0\nContent-Type: text/cloud-config\n\n#cloud-config\n'])(
    'has nothing to do with %j for a configuration, and ends with 0 [2.3, 3.1]',
    (text) => {
      const { status, stderr } = withFile(text, (file) => ec2fleetd([`--userdata=${file}`]));

      expect(stderr).toMatch(/"the configuration is empty: nothing to do".*\n.*"the daemon ends with exit status 0"/);
      expect(status).toBe(0);
    },
  );

  it('refuses a configuration with every problem, and with what may have been meant beside, and exit 2 [2.3, 3.1]', () => {
    const text =
      '{\n  "timeout": 0,\n  "domains": { "web": { "attach-volume": [{ "devise": "sdf", "source": "x" }] } }\n}';

    const { status, stderr } = withFile(text, (file) => ec2fleetd([`--userdata=${file}`]));

    expect(stderr.replaceAll(/\S*\/config\.jsonc/g, 'f')).toBe(`f: 3 problems, 1 warning
  f:2:14 timeout: expected a number of seconds from 0.1 to 604800, got 0.
  f:3:43 domains["web"].attach-volume[0]: "device" is missing. Add it, for example "device": "/dev/sdf".
  f:3:72 domains["web"].attach-volume[0].source: source x needs "volume-id", which is missing.
  f:3:45 domains["web"].attach-volume[0].devise: warning: unknown key "devise". Did you mean "device"?
`);
    expect(status).toBe(2);
  });

  it('counts unknown keys and macros as problems when strict, and goes on with them otherwise [2.1]', async () => {
    const configuration = '{ "extra": 1, "hostname": "{nobody}", "domains": {} }';
    await using lab = await startLab();
    await using strict = startDaemon(lab, { configuration, args: ['--strict'] });
    const { exitCode } = await strict.ended;
    await using lenient = startDaemon(lab, { configuration });
    await lenient.says(({ level, message }) => level === 'warn' && message.startsWith('unknown key "extra"'));
    await lenient.says(({ level, message }) => level === 'warn' && message.startsWith('{nobody} is no macro'));
    lenient.signal('SIGTERM');

    expect(exitCode).toBe(2);
    expect(strict.log.map(({ message }) => message)).toEqual([
      'user-data: 2 problems',
      expect.stringMatching(/1:3 extra: unknown key "extra"/),
      expect.stringMatching(/1:27 hostname: \{nobody\} is no macro/),
    ]);
    expect((await lenient.ended).exitCode).toBe(0);
  });

  it('tells a defect by the names and places of the source, though it is minified [2.3]', () => {
    const preload = `process.argv.slice = () => [{ startsWith() { throw new Error('nobody thought of this'); } }];`;

    const { status, stderr } = ec2fleetd([], {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}`,
    });

    expect(stderr).toMatch(
      /a defect of ec2fleetd.*\nError: nobody thought of this\n.*\n {4}at daemonArguments \(cli\/main\.ts:\d+:\d+\)\n {4}at dispatch \(cli\/main\.ts:\d+:\d+\)\n/,
    );
    expect(status).toBe(70);
  });

  it.each([
    'EC2FLEETD_STRICT=perhaps',
    'EC2FLEETD_DISABLE_ALL=maybe',
    'EC2FLEETD_ENABLE_INIT=maybe',
    'EC2FLEETD_LOG_FORMAT=xml',
    'EC2FLEETD_IMDS=one,,two',
    'EC2FLEETD_VERBOSE=much',
  ])('says which variable has a value it cannot take, with exit 2: %s [2.2, 2.3]', (setting) => {
    const [name = '', value = ''] = setting.split('=');

    const { status, stderr } = ec2fleetd([], { [name]: value });

    expect(stderr).toContain(`ec2fleetd: ${setting}: `);
    expect(status).toBe(2);
  });
});
