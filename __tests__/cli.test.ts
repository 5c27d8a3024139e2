/** The command line, by the built program. */

import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { runCommandLine } from '../cli/commands.ts';
import { optionsFromEnvironment, parseRunOptions, type RunOptions, writtenOut } from '../cli/options.ts';
import { exitStatus } from '../config/exit-status.ts';

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
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/main.cjs', ...args], {
    encoding: 'utf8',
    env: { ...process.env, EC2FLEETD_IMDS: '127.0.0.1:9', ...environment },
    timeout: 15_000,
  });
  return { status, stdout, stderr };
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
  ])('$args leaves on $on [2.1]', ({ args, on }) => {
    const { switches } = parsed(args);

    expect(Object.entries(switches).flatMap(([name, isOn]) => (isOn ? [name] : []))).toEqual(on);
  });

  it.each(['maybe', '', '-1', '1.5'])('take no other word: "%s" [2.1]', (value) => {
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

  it.each([['--transc_id='], ['--transc-id='], ['--log-format=xml'], ['--imds='], ['--nonsense']])(
    '%s is a usage error [2.1]',
    (arg) => {
      expect(() => parsed([arg])).toThrow();
    },
  );

  it('may come from the environment, which the command line beats [2.2]', () => {
    const environment = {
      EC2FLEETD_USERDATA: 'env',
      EC2FLEETD_STATE_DIR: '/env',
      EC2FLEETD_STRICT: 'yes',
      EC2FLEETD_VERBOSE: '2',
    };

    expect(parsed(['--userdata=own'], environment)).toMatchObject({
      userdata: 'own',
      stateDir: '/env',
      strict: true,
      verbosity: 2,
    });
  });

  it('from the environment lose to the command line in the old spelling, too [2.1, 2.2]', () => {
    expect(parsed(['--transc_id=own'], { EC2FLEETD_TRANSC_ID: 'env' })).toMatchObject({ transcId: 'own' });
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

  it('may be abbreviated as long as one alone begins like that, with a warning [2.2]', () => {
    const warnings: string[] = [];

    expect(parsed(['--userd=x'], {}, warnings)).toMatchObject({ userdata: 'x' });
    expect(warnings).toEqual([expect.stringContaining('--userd is short for --userdata')]);
  });

  it('that several begin like are ambiguous [2.2]', () => {
    expect(() => parsed(['--enable=1'])).toThrow(/ambiguous: --enable-init, --enable-exec/);
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

  it.each([['--help'], ['-h'], ['run', '--help'], ['validate', '--help'], ['help']])('helps: %s [2.1]', (...args) => {
    const { status, stdout } = ec2fleetd(args);

    expect(status).toBe(0);
    expect(stdout).toMatch(/Usage: ec2fleetd/);
  });

  it('names every option of the daemon in its help [2.1]', () => {
    const { stdout } = ec2fleetd(['run', '--help']);

    for (const option of [
      '--userdata',
      '--imds',
      '--transc-id',
      '--profile',
      '--disable-all',
      '--enable-poll',
      '--state-dir',
      '--log-format',
      '--strict',
      '--verbose',
    ]) {
      expect(stdout).toContain(option);
    }
  });

  it.each([
    { args: ['--nonsense'], says: /unknown option '--nonsense'/ },
    { args: ['--enable-init=perhaps'], says: /'perhaps' is invalid.*true, yes, on or 1/ },
    { args: ['--transc-id='], says: /must not be empty/ },
    { args: ['nonsense'], says: /no sub-command nonsense, only run, validate/ },
    { args: ['run', 'valdate'], says: /no sub-command valdate; did you mean validate/ },
    { args: ['validate'], says: /missing required argument/ },
    { args: ['simulate', '--port=70000'], says: /from 0 to 65535/ },
    { args: ['--userdata=/nowhere/x.jsonc'], says: /\/nowhere\/x\.jsonc.*cannot be read/ },
  ])('refuses $args in a sentence, with exit 2 [2.3]', ({ args, says }) => {
    const { status, stderr } = ec2fleetd(args);

    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(status).toBe(2);
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

  it('says which variable has a value it cannot take [2.2]', () => {
    const { status, stderr } = ec2fleetd([], { EC2FLEETD_STRICT: 'perhaps' });

    expect(stderr).toMatch(/EC2FLEETD_STRICT=perhaps/);
    expect(status).toBe(2);
  });
});
