import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { createActor, setup } from 'xstate';
import { runCommand } from '../actors/commands.ts';
import { createCommands } from '../adapters/command.ts';
import { createLog } from '../adapters/logger.ts';
import type { MacroValues } from '../config/macros.ts';
import type { CommandLine, CommandResult } from '../config/vocabulary.ts';
import type { CommandsEvent } from '../machines/commands.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'run-command-'));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));

const values: MacroValues = {
  domain: 'web',
  instance_index: 3,
  public_ipv4_list: ['192.0.2.1', '192.0.2.2'],
  volume_id: undefined,
  error: [['volume', 'is not there']],
  transaction_log: [],
  results: [],
};

interface Ran {
  result: CommandResult;
  /** What the machine was told, by type. */
  events: string[];
  /** The records of the log. */
  records: Array<Record<string, unknown>>;
}

/** Runs one line as the step of a machine, at `started` of `web`. */
async function run(argv: string[], asked: Partial<CommandLine> & { allJsonDir?: string } = {}): Promise<Ran> {
  const { allJsonDir = path.join(folder, 'json'), ...line } = asked;
  let text = '';
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  const log = createLog({ format: 'json', verbosity: 0, stream });
  const { promise, resolve } = Promise.withResolvers<CommandResult>();
  const events: string[] = [];

  const machine = setup({
    types: { events: {} as CommandsEvent },
    actors: { run: runCommand(createCommands({ allJsonDir }), () => values, log) },
  }).createMachine({
    invoke: {
      src: 'run',
      input: {
        line: { argv, env: {}, success: [[0, 0]], ...line },
        occasion: { domain: 'web', event: 'started', failures: [], results: [], recordNames: [] },
      },
    },
    on: {
      '*': {
        actions: ({ event }) => {
          events.push(event.type);
          if (event.type === 'command.ended') resolve(event.result);
        },
      },
    },
  });
  const actor = createActor(machine, { id: 'line' }).start();
  const result = await promise;
  actor.stop();
  await log.close();
  const records = text
    .trimEnd()
    .split('\n')
    .map((record) => JSON.parse(record) as Record<string, unknown>);
  return { result, events, records };
}

const sh = (script: string, asked?: Parameters<typeof run>[1]) => run(['/bin/sh', '-c', script], asked);

describe('a command in the log', () => {
  it('is told line by line, with domain, command and stream [8.7]', async () => {
    const { records } = await sh('echo one; echo two >&2');

    const output = records.filter(({ stream }) => stream).sort((a, b) => (`${a.message}` < `${b.message}` ? -1 : 1));
    expect(output).toEqual([
      expect.objectContaining({ level: 'info', message: 'one', domain: 'web', command: '/bin/sh', stream: 'stdout' }),
      expect.objectContaining({ level: 'info', message: 'two', domain: 'web', command: '/bin/sh', stream: 'stderr' }),
    ]);
  });

  it('is warned about by us when it goes without its file: that used to look like its own words [8.6]', async () => {
    const { result, records } = await run(['true'], { allJsonDir: '/etc/passwd/no' });

    const warning = records.find(({ level }) => level === 'warn');
    expect(warning).toMatchObject({ domain: 'web', event: 'started', command: 'true' });
    expect(warning?.message).toMatch(/^EC2FLEETD_ALL_JSON_FILE is not set: /);
    expect(warning).not.toHaveProperty('stream');
    expect(result).toMatchObject({ succeeded: true, outputTail: '' });
  });
});

describe('the environment of a command', () => {
  it('has the macros, the long ones only in a file [8.6]', async () => {
    const { records } = await sh('env; cat "$EC2FLEETD_ALL_JSON_FILE"');

    const lines = records.filter(({ stream }) => stream).map(({ message }) => String(message));
    const names = lines.flatMap((line) => /^EC2FLEETD_\w+(?==)/.exec(line) ?? []);
    expect(lines).toEqual(expect.arrayContaining(['EC2FLEETD_DOMAIN=web', 'EC2FLEETD_INSTANCE_INDEX=3']));
    expect(lines).toContain('EC2FLEETD_PUBLIC_IPV4_LIST=192.0.2.1, 192.0.2.2');
    for (const long of ['ALL_JSON', 'TRANSACTION_LOG', 'ERROR', 'RESULTS'])
      expect(names).not.toContain(`EC2FLEETD_${long}`);
    expect(JSON.parse(lines.slice(lines.indexOf('{')).join('\n'))).toMatchObject({
      error: [['volume', 'is not there']],
    });
  });

  it('has what the line gives last, with its macros expanded [4.1, 8.8]', async () => {
    const { records } = await run(['printenv', 'WHO', 'EC2FLEETD_DOMAIN'], {
      env: { WHO: '{domain}-{instance_index}', EC2FLEETD_DOMAIN: 'mine' },
    });

    expect(records.filter(({ stream }) => stream).map(({ message }) => message)).toEqual(['web-3', 'mine']);
  });
});

describe('the machine', () => {
  it('is told when its turn has come, then how it ended [8.5]', async () => {
    const { events, result } = await sh('exit 3', { success: [[3, 3]] });

    expect(events).toEqual(['command.begun', 'command.ended']);
    expect(result).toMatchObject({ exitCode: 3, succeeded: true });
  });
});
