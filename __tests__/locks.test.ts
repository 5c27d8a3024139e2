import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { tookFlock } from '../adapters/flock.ts';
import { createLocks, type Locks } from '../adapters/locks.ts';
import { AdapterError } from '../config/errors.ts';

const VOLUME = 'vol-0a1b2c3d4e5f60718';

let folder: string;
let directory: string;
/** What was told, over all daemons of a test. */
let troubles: Error[];
/** What a test took, and whom of: given back after it, since this process goes on. */
let taken: Array<() => Promise<void>>;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'locks-'));
  directory = path.join(folder, 'run/ec2fleetd/lock');
  troubles = [];
  taken = [];
});
afterEach(async () => {
  for (const release of taken) await release();
  rmSync(folder, { recursive: true });
});

/** The locks of one daemon. Two in one process keep each other out as those of two processes do: a lock is an open file's. */
function daemon(unit = 'ec2fleetd.service'): Locks {
  const locks = createLocks(directory, unit, { onTrouble: (error) => troubles.push(error) });
  return {
    take(name) {
      taken.push(() => locks.release(name));
      return locks.take(name);
    },
    release: locks.release,
  };
}

/** A daemon in a process of its own, with `locks`. */
function startProcess(text: string): ChildProcess {
  return spawn(process.execPath, processArgs(text), { stdio: ['ignore', 'pipe', 'inherit'] });
}

function processArgs(text: string): string[] {
  const lines = [
    `import { createLocks } from '${path.resolve('adapters/locks.ts')}';`,
    'const onTrouble = (error) => console.error(error.message);',
    `const locks = createLocks(${JSON.stringify(directory)}, 'ec2fleetd@web.service', { onTrouble });`,
    text,
  ];
  return ['--input-type=module', '--eval', lines.join('\n')];
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once('close', resolve));

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) return line;
  throw new Error('it ended without a word');
}

describe('a lock', () => {
  it('keeps every other daemon of the instance out, and says which unit has it [6.3]', async () => {
    const outcomes = [
      await daemon('ec2fleetd@web.service').take(VOLUME),
      await daemon('ec2fleetd@db.service').take(VOLUME),
      await daemon('by hand').take(VOLUME),
    ];

    const refused = { by: `ec2fleetd@web.service (pid ${process.pid})` };
    expect(outcomes).toEqual(['taken', refused, refused]);
    expect(troubles).toEqual([]);
  });

  it('is of one volume or device only [6.3]', async () => {
    const [web, db] = [daemon(), daemon()];
    const names = [VOLUME, 'vol-0ffffffffffffffff', '/dev/sdf', '/dev/sdg'];

    const outcomes = [];
    for (const [index, name] of names.entries()) outcomes.push(await (index % 2 === 0 ? web : db).take(name));

    expect(outcomes).toEqual(['taken', 'taken', 'taken', 'taken']);
  });

  it('goes to one of many that ask at the same time [6.3]', async () => {
    const daemons = Array.from({ length: 12 }, () => daemon());

    const outcomes = await Promise.all(daemons.map((one) => one.take(VOLUME)));

    expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(1);
    expect(troubles).toEqual([]);
  });

  it('may be one of dozens that are asked for at the same time [6.3]', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `vol-${index}`);
    const [web, db] = [daemon('web'), daemon('db')];

    const outcomes = await Promise.all(names.map((name) => web.take(name)));
    const others = await Promise.all(names.map((name) => db.take(name)));

    expect(new Set(outcomes)).toEqual(new Set(['taken']));
    expect(new Set(others.map((outcome) => JSON.stringify(outcome)))).toEqual(
      new Set([JSON.stringify({ by: `web (pid ${process.pid})` })]),
    );
  });

  it('that a daemon has counts as taken when it asks again, also at the same time [6.3]', async () => {
    const [web, db] = [daemon(), daemon()];

    const outcomes = await Promise.all([web.take(VOLUME), web.take(VOLUME), web.take(VOLUME)]);
    outcomes.push(await web.take(VOLUME));
    await web.release(VOLUME);

    expect(outcomes).toEqual(['taken', 'taken', 'taken', 'taken']);
    expect(await db.take(VOLUME)).toBe('taken');
  });

  it('is free once it is released, and says its new owner then [6.3]', async () => {
    const [web, db] = [daemon('web'), daemon('db')];
    await web.take(VOLUME);

    await web.release(VOLUME);
    const outcomes = [await db.take(VOLUME), await web.take(VOLUME)];

    expect(outcomes).toEqual(['taken', { by: `db (pid ${process.pid})` }]);
  });

  it('stays when a daemon releases it that does not have it [6.3]', async () => {
    const [web, db] = [daemon('web'), daemon('db')];
    await web.take(VOLUME);
    await db.take(VOLUME);

    await db.release(VOLUME);
    await db.release('vol-0ffffffffffffffff');

    expect(await db.take(VOLUME)).toEqual({ by: `web (pid ${process.pid})` });
  });

  it('is as it was asked for last, whatever was still under way [6.3]', async () => {
    const [web, db] = [daemon('web'), daemon('db')];

    await Promise.all([web.take(VOLUME), web.release(VOLUME), web.take(VOLUME)]);
    const whileTaken = await db.take(VOLUME);
    const released = web.release(VOLUME);
    const takenAgain = web.take(VOLUME);
    await released;
    const outcomes = await Promise.all([takenAgain, web.take(VOLUME), web.release(VOLUME)]);

    expect(whileTaken).toEqual({ by: `web (pid ${process.pid})` });
    expect(outcomes).toEqual(['taken', 'taken', undefined]);
    expect(await db.take(VOLUME)).toBe('taken');
  });

  it("leaves its file when it is released, so that nobody's lock is on a file that is gone [6.3]", async () => {
    await daemon().take(VOLUME);
    const before = statSync(path.join(directory, `${VOLUME}.lock`)).ino;

    for (const release of taken) await release();
    await daemon().take(VOLUME);

    expect(statSync(path.join(directory, `${VOLUME}.lock`)).ino).toBe(before);
  });

  it('of a daemon that has not said who it is yet is held by another ec2fleetd [6.3]', async () => {
    const former = daemon('former');
    await former.take(VOLUME);
    await former.release(VOLUME);
    const file = await open(path.join(directory, `${VOLUME}.lock`), 'r');
    await tookFlock(file.fd, { file: VOLUME, without: '' });

    const outcome = await daemon().take(VOLUME);
    await file.close();

    expect(outcome).toEqual({ by: 'another ec2fleetd' });
  });
});

describe('a lock of another process', () => {
  it('is free at once when that is killed, also while its children live [6.3]', async () => {
    const child = startProcess(`
      import { spawn } from 'node:child_process';
      await locks.take('${VOLUME}');
      const { pid } = spawn('sleep', ['60'], { detached: true, stdio: ['ignore', 'ignore', 'ignore'] });
      console.log(pid);
      setInterval(() => {}, 1_000);`);
    const grandchild = Number(await firstLine(child));
    try {
      const before = await daemon().take(VOLUME);

      child.kill('SIGKILL');
      await ended(child);

      expect(before).toEqual({ by: `ec2fleetd@web.service (pid ${child.pid})` });
      expect(process.kill(grandchild, 0)).toBe(true);
      expect(await daemon('db').take(VOLUME)).toBe('taken');
      expect(await daemon().take(VOLUME)).toEqual({ by: `db (pid ${process.pid})` });
    } finally {
      child.kill('SIGKILL');
      process.kill(grandchild, 'SIGKILL');
    }
  });

  it('is free when that ends, which it does with its locks [6.3]', async () => {
    const { status } = spawnSync(process.execPath, processArgs(`await locks.take('${VOLUME}');`), { timeout: 15_000 });

    expect(status).toBe(0);
    expect(await daemon().take(VOLUME)).toBe('taken');
  });

  it('that is ours is told to it with our name [6.3]', async () => {
    await daemon('ec2fleetd@db.service').take(VOLUME);

    const text = `console.log(JSON.stringify(await locks.take('${VOLUME}')));`;
    const { stdout } = spawnSync(process.execPath, processArgs(text), { encoding: 'utf8' });

    expect(JSON.parse(stdout)).toEqual({ by: `ec2fleetd@db.service (pid ${process.pid})` });
  });
});

describe('the directory of the locks', () => {
  it("is nobody else's to enter, while that of the .started files above it is [6.3]", async () => {
    await daemon().take(VOLUME);

    const modes = ['', '..', `${VOLUME}.lock`].map((part) => statSync(path.join(directory, part)).mode & 0o777);

    expect(modes).toEqual([0o700, 0o777 & ~process.umask(), 0o600]);
  });

  it('has one file for each name, and none elsewhere, whatever is locked [6.3]', async () => {
    const long = 'x'.repeat(300);
    const odd = ['/dev/sdf', '../up', '.', '..', '', 'a%2Fb', 'a/b', `${long}1`, `${long}2`, 'a\nb', 'ä'];
    const [web, db] = [daemon('web'), daemon('db')];

    for (const name of odd) expect(await web.take(name)).toBe('taken');
    for (const name of odd) expect(await db.take(name)).toEqual({ by: `web (pid ${process.pid})` });

    expect(readdirSync(directory)).toHaveLength(odd.length);
    expect(readdirSync(directory).filter((name) => !name.endsWith('.lock'))).toEqual([]);
    expect(readdirSync(path.dirname(directory))).toEqual(['lock']);
  });

  it('leads nowhere else by a link in it [6.3]', async () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(folder, 'precious'), 'kept');
    symlinkSync(path.join(folder, 'precious'), path.join(directory, `${VOLUME}.lock`));

    await daemon().take(VOLUME);

    expect(readFileSync(path.join(folder, 'precious'), 'utf8')).toBe('kept');
    expect(troubles).toHaveLength(1);
  });

  it('that cannot be made is told once, and each lock counts as taken [6.3]', async () => {
    writeFileSync(path.join(folder, 'run'), 'a file');
    const web = daemon();

    const outcomes = [await web.take(VOLUME), await web.take('/dev/sdf'), await web.take(VOLUME)];
    await web.release(VOLUME);

    expect(outcomes).toEqual(['taken', 'taken', 'taken']);
    expect(troubles).toEqual([expect.any(AdapterError)]);
    expect(troubles[0]?.message).toMatch(
      /^lock volumes and devices: ENOTDIR: .*\. Check that .*lock can be written; without its locks two units may want one volume at once\.$/,
    );
  });

  it('is not made before anything is locked [6.3]', async () => {
    await daemon().release(VOLUME);

    expect(readdirSync(folder)).toEqual([]);
  });
});

it.each([
  { flock: undefined, told: /^lock \/\S*lock: spawn flock ENOENT\. Install the program flock \(util-linux\); .*\.\n$/ },
  {
    flock: 'echo "flock: 3: No locks" >&2; exit 1',
    told: /^lock \/\S*lock: flock ended with 1: flock: 3: No locks\..*\n$/,
  },
  { flock: 'kill -KILL $$', told: /^lock \/\S*lock: flock ended with SIGKILL: \..*\n$/ },
])(
  'a lock that cannot be asked for is told once, counts as taken, and stays open nowhere: $flock [6.3]',
  ({ flock, told }) => {
    if (flock !== undefined) writeFileSync(path.join(folder, 'flock'), `#!/bin/sh\n${flock}\n`, { mode: 0o755 });
    const text = `
    import { readdirSync, readlinkSync, existsSync } from 'node:fs';
    console.log(await locks.take('${VOLUME}'), await locks.take('/dev/sdf'));
    const files = readdirSync('/proc/self/fd').map((name) => '/proc/self/fd/' + name).filter(existsSync);
    console.log(files.map((file) => readlinkSync(file)).filter((file) => file.endsWith('.lock')));`;

    const { stdout, stderr } = spawnSync(process.execPath, processArgs(text), {
      encoding: 'utf8',
      env: { PATH: folder },
    });

    expect(stderr).toMatch(told);
    expect(stdout).toBe('taken taken\n[]\n');
  },
);
