import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { schema } from '../cli/schema.ts';
import { validate } from '../cli/validate.ts';

let folder: string;
let printed: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ec2fleetd-validate-'));
  printed = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text, ...rest) => {
    printed += text;
    const done = rest.at(-1);
    if (typeof done === 'function') done();
    return true;
  });
});

afterEach(async () => {
  jest.restoreAllMocks();
  await rm(folder, { recursive: true });
});

describe('validate', () => {
  it('says what it understood of a configuration that is right [2.2]', async () => {
    const file = await written(`{
      "domains": {
        "mc": {
          "attach-volume": [{ "device": "/dev/sdf", "source": "x", "volume-id": "vol-0123456789abcdef0",
            "exec": [{ "lines": [{ "argv": ["mount"] }] }] }],
          "update-route53": [{ "hostedzone": "Z0123456789ABCDEFGHIJ", "name": "a", "ttl": 60 }],
          "exec": [{ "on": ["started", "interrupted"], "lines": [{ "argv": ["a"] }, { "argv": ["b"] }] }],
          "notify": [{ "backend": "aws-sqs", "options": { "queue-url": "https://sqs.eu-west-1.amazonaws.com/123456789012/q" } }],
        },
        "idle": {},
      },
    }`);

    expect(await validate([file], { strict: true })).toBe(0);
    expect(printed).toBe(
      `${file}: OK
  mc: 1 volume; 1 command after attaching; 1 record; commands: 2 at started, 2 at interrupted; 1 receiver
  idle: nothing to do
`,
    );
  });

  it('says everything that is wrong, errors first, warnings marked, and ends with 2 [2.3, 3.1]', async () => {
    const file = await written(`{
  "timeot": 1,
  "domains": { "mc": { "update-route53": [{ "hostedzone": "ZONE ID", "name": "a", "ttl": -1 }] } }
}`);

    expect(await validate([file], { strict: false })).toBe(2);
    expect(printed).toBe(
      `${file}: 1 problem, 2 warnings
  ${file}:3:90 domains["mc"].update-route53[0].ttl: expected a whole number of seconds from 0 to 2147483647, got -1.
  ${file}:2:3 timeot: warning: unknown key "timeot". Did you mean "timeout"?
  ${file}:3:59 domains["mc"].update-route53[0].hostedzone: warning: "ZONE ID" does not look like a hosted zone id such as Z0123456789ABCDEFGHIJ.
`,
    );
  });

  it.each(['bücher.example.com', 'my world.example.com'])(
    'warns of a name that no client asks for: %s [3.2, 7.3]',
    async (name) => {
      const record = { hostedzone: 'Z0123456789ABC', name, ttl: 60 };
      const file = await written(JSON.stringify({ domains: { mc: { 'update-route53': [record] } } }));

      expect(await validate([file], { strict: false })).toBe(0);
      expect(printed).toContain(`warning: "${name}" does not look like a name that clients ask for`);
    },
  );

  it('lets warnings pass, and refuses unknown keys when strict [2.1]', async () => {
    const file = await written('{ "timeot": 1 }');

    expect(await validate([file], { strict: false })).toBe(0);
    expect(printed).toContain(`${file}: OK, 1 warning\n`);
    expect(await validate([file], { strict: true })).toBe(2);
    expect(printed).toContain(`${file}: 1 problem\n`);
  });

  it('notes what the lines of a configuration for the old daemon do now, which is neither a problem nor a warning [2.3, 14.2]', async () => {
    const file = await written(`{
  "$schema": "http://schema.si-magic.com/fleet-init/json/userdata/0",
  "hostname": "\${HOST}",
  "timeout": 30, "timeot": 1
}`);

    expect(await validate([file], { strict: false })).toBe(0);
    expect(printed.replace(/(written for the old daemon).*/, '$1')).toBe(
      `${file}: OK, 2 warnings
  ${file}:3:15 hostname: warning: {HOST} is no macro and stays as it stands. Write {{ and }} where braces are meant.
  ${file}:4:18 timeot: warning: unknown key "timeot". Did you mean "timeout"?
  ${file}:1:1: note: written for the old daemon
  ${file}:3:15 hostname: note: takes effect now, as "set-hostname" does. Check that the instance may be called so.
  ${file}:3:15 hostname: note: "{HOST}" stays as it stands now and is handed on. Check that whoever gets it knows what to do with it.
  ${file}:4:14 timeout: note: takes effect now: a domain whose started commands are not over after 30 s fails. Check that it is long enough.
  no domains: the daemon only watches for interruptions
`,
    );
  });

  it.each<[string, string | Uint8Array, string]>([
    ['nothing', '', 'empty: there is nothing to do'],
    ['no domains', '{}', 'no domains: the daemon only watches for interruptions'],
    ['gzip', gzipSync('{ "domains": { "mc": {} } }'), 'mc: nothing to do'],
    [
      'MIME',
      'MIME-Version: 1.0\nContent-Type: text/x-ec2fleetd-config\n\n{ "domains": { "mc": {} } }\n',
      'mc: nothing to do',
    ],
  ])('reads user data in all its forms: %s [3.1]', async (_, data, summary) => {
    const file = await written(data);

    expect(await validate([file], { strict: true })).toBe(0);
    expect(printed).toBe(`${file}: OK\n  ${summary}\n`);
  });

  it('goes through all files, and one that is wrong is enough for 2 [2.3]', async () => {
    const right = await written('{}', 'right.jsonc');
    const missing = path.join(folder, 'missing.jsonc');

    expect(await validate([missing, folder, right], { strict: false })).toBe(2);
    expect(printed).toBe(
      `${missing}: 1 problem
  ${missing}:1:1: cannot be read: there is no such file.
${folder}: 1 problem
  ${folder}:1:1: cannot be read: it is a folder.
${right}: OK
  no domains: the daemon only watches for interruptions
`,
    );
  });
});

describe('the built program', () => {
  const program = path.resolve('dist/main.cjs');

  it('validates standard input [2.2]', async () => {
    const { code, stdout } = await run(['validate', '-'], "{ 'domains': {} }");

    expect(code).toBe(2);
    expect(stdout).toBe(
      `stdin: 1 problem\n  stdin:1:3: unexpected "'". Strings and keys stand in double quotes: write "domains".\n`,
    );
  });

  it('says of what cannot be used what the daemon, notify-test and simulate say when they begin with it [2.3]', async () => {
    const file = await written(`{ "timeot": 1, "domains": { "mc": { "exec": 1 } } }`);
    const scenario = await written('{ "instances": 1 }', 'scenario.jsonc');
    const { code, stdout: report } = await run(['validate', file], '');

    expect(report.split('\n')[0]).toBe(`${file}: 1 problem, 1 warning`);
    expect(await run(['run', `--userdata=${file}`], '')).toMatchObject({ code, stderr: report });
    expect(await run(['notify-test', `--userdata=${file}`], '')).toMatchObject({ code, stderr: report });
    expect(await run(['simulate', `--scenario=${scenario}`], '')).toMatchObject({
      code,
      stderr: expect.stringMatching(/^(.*): 1 problem\n {2}\1:1:3 instances: unknown key .*\n$/),
    });
  });

  it('opens a multipart with the bundle that it loads for it [3.1]', async () => {
    const message = 'MIME-Version: 1.0\nContent-Type: text/x-ec2fleetd-config\n\n{ "domains": {} }\n';

    expect(await run(['validate', '-'], message)).toMatchObject({ code: 0 });
  });

  it('prints the whole schema into a pipe [2.2, 3.2]', async () => {
    const { stdout } = await run(['schema'], '');

    expect(JSON.parse(stdout)).toMatchObject({ title: 'ec2fleetd configuration' });
  });

  it('is not upset by a reader of the schema that has seen enough [2.2]', async () => {
    const ended = new Promise((resolve) => {
      const child = spawn(process.execPath, [program, 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout.destroy();
      child.on('close', resolve);
    });

    expect(await ended).toBe(0);
  });

  function run(args: string[], input: string): Promise<{ code: unknown; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [program, ...args], (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
      child.stdin?.end(input);
    });
  }
});

it('schema prints JSON Schema, draft 2020-12, with id and title [3.2]', async () => {
  expect(await schema()).toBe(0);
  expect(JSON.parse(printed)).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: expect.any(String),
    title: 'ec2fleetd configuration',
    type: 'object',
  });
});

async function written(data: string | Uint8Array, name = 'config.jsonc'): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, data);
  return file;
}
