import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { lockStateDir, type StateDir, stateDirectory } from '../adapters/state-dir.ts';
import { AdapterError, UsageError } from '../config/errors.ts';
import type { CreationHold, Hold, RecordSetHold } from '../config/vocabulary.ts';

const OURS = 'i-0123456789abcdef0';
const ANOTHER = 'i-0fedcba9876543210';

let sysroot: string;
let dir: string;
/** What was told, over all openings of a test. */
let problems: string[];
let opened: Array<{ close(): Promise<void> }>;
beforeEach(() => {
  sysroot = mkdtempSync(path.join(tmpdir(), 'state-'));
  dir = path.join(sysroot, 'state');
  problems = [];
  opened = [];
  boot('a');
});
afterEach(async () => {
  try {
    for (const one of opened) await one.close();
  } finally {
    rmSync(sysroot, { recursive: true });
  }
});

/** The machine has booted with this boot id. */
function boot(id: string): void {
  mkdirSync(path.join(sysroot, 'proc/sys/kernel/random'), { recursive: true });
  writeFileSync(path.join(sysroot, 'proc/sys/kernel/random/boot_id'), `${id}\n`);
}

async function lockDir(at = dir) {
  const locked = await lockStateDir(at, { sysroot, onProblem: (sentence) => problems.push(sentence) });
  opened.push(locked);
  return locked;
}

async function openDir(instanceId = OURS): Promise<StateDir> {
  return (await lockDir()).open(instanceId);
}

/** As the next run finds it. */
async function openAgain(before: StateDir, instanceId = OURS): Promise<StateDir> {
  await before.close();
  return openDir(instanceId);
}

const inDir = (name: string) => path.join(dir, name);
const textOf = (name: string) => readFileSync(inDir(name), 'utf8');

function hold(domain: string): Hold {
  return { kind: 'attachment', domain, volumeId: 'vol-1', device: '/dev/sdf', source: 'x', prepared: false };
}

const recordSetHold = {
  kind: 'record-set' as const,
  domain: 'web',
  hostedZone: 'Z1',
  before: { name: 'a.example.com.', type: 'A' as const, ttl: 60, values: ['192.0.2.1', '192.0.2.2'] },
  after: {
    name: 'a.example.com.',
    type: 'AAAA' as const,
    ttl: -1,
    values: [],
    alias: { hostedZone: 'Z2', name: 'b.example.com.', evaluateTargetHealth: true },
  },
} satisfies RecordSetHold;

const creationHold: CreationHold = {
  kind: 'creation',
  domain: 'web',
  device: '/dev/sdf',
  attempt: 2,
  request: { ClientToken: 'token-2', Size: 8, TagSpecifications: [{ ResourceType: 'volume', Tags: [] }] },
  requestedAt: '2030-01-01T00:00:00.000Z',
  disposable: true,
};

// Where no namespaces may be made, nothing of the kind can be laid out.
const mayUnshare = spawnSync('unshare', ['--user', '--map-root-user', '--mount', '--net', 'true']).status === 0;
const withUnshare = mayUnshare ? it : it.skip;

const adding =
  (...domains: string[]) =>
  (holds: readonly Hold[]) => [...holds, ...domains.map(hold)];

const domainsOf = (state: StateDir) => state.holds().map(({ domain }) => domain);

/** How often the journal was replaced while the work was done, as the kernel tells it. */
async function writesDuring(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const watcher = watch(dir);
  const allTold = new Promise<void>((resolve) => {
    watcher.on('change', (_, name) => {
      if (name === 'journal.json') count += 1;
      if (name === 'marker') resolve();
    });
  });
  await work();
  writeFileSync(inDir('marker'), '');
  await allTold;
  watcher.close();
  return count;
}

/** A process of its own; `state()` in its text opens the directory as this test does. */
function startProcess(text: string): ChildProcess {
  return spawn(process.execPath, processArgs(text), { stdio: ['ignore', 'pipe', 'inherit'] });
}

function processArgs(text: string): string[] {
  const options = `{ sysroot: ${JSON.stringify(sysroot)}, onProblem: console.error }`;
  const lines = [
    `import { lockStateDir } from '${path.resolve('adapters/state-dir.ts')}';`,
    `const state = async () => (await lockStateDir(${JSON.stringify(dir)}, ${options})).open('${OURS}');`,
    `const hold = (domain) => ({ ...${JSON.stringify(hold('x'))}, domain });`,
    text,
  ];
  return ['--input-type=module', '--eval', lines.join('\n')];
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once('close', resolve));

/** Ends it as nothing can resist, once it has said so many lines; gives the last one. */
async function killAfterLines(child: ChildProcess, count: number): Promise<string | undefined> {
  const over = ended(child);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    lines.push(line);
    if (lines.length === count) child.kill('SIGKILL');
  }
  await over;
  return lines.at(-1);
}

describe('the journal', () => {
  it('is empty at first, and holds what was taken over restarts, oldest first [12.2]', async () => {
    const first = await openDir();
    const before = first.holds();
    await first.changeHolds(adding('b', 'a'));
    await first.changeHolds((holds) => [...holds, recordSetHold, creationHold]);

    const second = await openAgain(first);

    expect(before).toEqual([]);
    expect(second.holds()).toEqual([hold('b'), hold('a'), recordSetHold, creationHold]);
    expect(problems).toEqual([]);
  });

  it('is on disk when a change resolves, and not seen before [12.2]', async () => {
    const state = await openDir();

    const change = state.changeHolds(adding('web'));
    const seenAtOnce = state.holds();
    await change;

    expect(seenAtOnce).toEqual([]);
    expect(JSON.parse(textOf('journal.json'))).toEqual({ version: 1, instanceId: OURS, holds: [hold('web')] });
    expect(state.holds()).toEqual([hold('web')]);
  });

  it('is what is on disk, whatever becomes of what was handed in [12.2]', async () => {
    const state = await openDir();
    const taken = { ...recordSetHold };

    await state.changeHolds(() => [taken]);
    taken.domain = 'other';

    expect(domainsOf(state)).toEqual(['web']);
  });

  it('is not written by a change that changes nothing [12.2]', async () => {
    const state = await openDir();
    await state.changeHolds(adding('web'));

    const writes = await writesDuring(async () => {
      await state.changeHolds((holds) => holds);
      await state.changeHolds((holds) => holds.map((one) => ({ ...one })));
    });

    expect(writes).toBe(0);
  });

  it('is not even made by one [12.2]', async () => {
    const state = await openDir();

    await state.changeHolds((holds) => holds.filter(() => true));
    await state.changeMemory((memory) => memory);

    expect(readdirSync(dir)).toEqual([]);
  });

  it('is written once for all changes asked for in one go, in their order [12.2]', async () => {
    const state = await openDir();
    const domains = Array.from({ length: 3_000 }, (_, count) => `d${count}`);

    const writes = await writesDuring(() => Promise.all(domains.map((domain) => state.changeHolds(adding(domain)))));

    expect(writes).toBe(1);
    expect(domainsOf(state)).toEqual(domains);
  });

  it('is written once more for all changes asked for while it is written [12.2]', async () => {
    const state = await openDir();
    const settled: string[] = [];
    const change = (domain: string) => state.changeHolds(adding(domain)).then(() => settled.push(domain));
    const isBeingWritten = new Promise<void>((resolve) => {
      const watcher = watch(dir, (_, name) => {
        if (name !== 'journal.json.tmp') return;
        watcher.close();
        resolve();
      });
    });

    const writes = await writesDuring(async () => {
      // 4 MB: so that there is a while in which it is written.
      const first = state.changeHolds(adding('x'.repeat(4_000_000))).then(() => settled.push('first'));
      await isBeingWritten;
      await Promise.all([first, ...['a', 'b', 'c', 'd'].map(change)]);
    });

    expect(writes).toBe(2);
    expect(settled).toEqual(['first', 'a', 'b', 'c', 'd']);
    expect(domainsOf(state).slice(1)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('goes on without a change that throws, which fails alone [12.2]', async () => {
    const state = await openDir();

    const outcomes = await Promise.allSettled([
      state.changeHolds(adding('a')),
      state.changeHolds(() => {
        throw new RangeError('mine');
      }),
      state.changeHolds(adding('c')),
    ]);

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: new RangeError('mine') });
    expect(domainsOf(state)).toEqual(['a', 'c']);
  });

  it('refuses what the next run would set aside as damaged [12.4]', async () => {
    const state = await openDir();
    await state.changeHolds(adding('a'));

    const attempt = state.changeHolds(() => [{ ...recordSetHold, after: { ...recordSetHold.after, ttl: Number.NaN } }]);

    await expect(attempt).rejects.toThrow('holds[0].after.ttl is null instead of a whole number');
    expect(domainsOf(await openAgain(state))).toEqual(['a']);
  });

  it('refuses to grow beyond what it would read [12.4]', async () => {
    const state = await openDir();

    const attempt = state.changeHolds(adding('x'.repeat(17 * 1024 * 1024)));

    await expect(attempt).rejects.toThrow(/journal\.json: it would be longer than 16777216 bytes/);
    await expect(state.changeHolds(adding('a'))).resolves.toBeUndefined();
  });

  it.each(['__proto__', 'constructor', 'toString', '', '0', 'a\nb', 'ä 😀', '\ud800', '"\\', '../up'])(
    'keeps a domain called %j [12.2]',
    async (domain) => {
      const state = await openDir();
      await state.changeHolds(adding(domain));

      expect(domainsOf(await openAgain(state))).toEqual([domain]);
    },
  );

  it('and its directory are for nobody else to read [12.4]', async () => {
    const state = await openDir();
    await state.changeHolds(adding('web'));
    await state.changeMemory((memory) => ({ ...memory, noticesOver: ['one'] }));

    const modes = [dir, inDir('journal.json'), inDir('boot.json')].map((file) => statSync(file).mode & 0o777);

    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });
});

describe('a run that is killed', () => {
  it('leaves the journal whole, with all that was confirmed, twenty times over [12.2, 12.4]', async () => {
    for (let round = 1; round <= 20; round += 1) {
      const child = startProcess(`
        const one = await state();
        for (let count = one.holds().length + 1; ; count += 1) {
          await one.changeHolds((holds) => [...holds, hold(String(count).padStart(2_000, '0'))]);
          console.log(count);
        }`);

      const confirmed = Number(await killAfterLines(child, round));

      const { holds } = JSON.parse(textOf('journal.json'));
      expect(confirmed).toBeGreaterThan(0);
      expect(holds.length).toBeGreaterThanOrEqual(confirmed);
      expect(holds.map((one: Hold) => Number(one.domain))).toEqual(holds.map((_: Hold, index: number) => index + 1));
    }
    await openDir();
    expect(readdirSync(dir)).toEqual(['journal.json']);
    expect(problems).toEqual([]);
    // Twenty processes, on a machine that may be busy.
  }, 60_000);

  it('leaves nothing behind that it was writing [12.4]', async () => {
    mkdirSync(dir);
    for (const name of ['journal.json.tmp', 'boot.json.tmp']) writeFileSync(inDir(name), '{"version": 1, "ho');

    const state = await openDir();

    expect(readdirSync(dir)).toEqual([]);
    expect(state.holds()).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('cannot have its draft lead elsewhere [12.4]', async () => {
    mkdirSync(dir);
    writeFileSync(path.join(sysroot, 'precious'), 'kept');
    const state = await openDir();
    symlinkSync(path.join(sysroot, 'precious'), inDir('journal.json.tmp'));

    await state.changeHolds(adding('web'));

    expect(readFileSync(path.join(sysroot, 'precious'), 'utf8')).toBe('kept');
    expect(statSync(inDir('journal.json')).isFile()).toBe(true);
  });
});

describe('the memory', () => {
  it('is empty at first, and kept over restarts within a boot [12.3]', async () => {
    const first = await openDir();
    const before = first.memory();
    const finished = { past: 'finished', notice: 'terminate 2030-01-01T00:02:00.000Z' } as const;
    await first.changeMemory(() => ({ domains: { web: { past: 'started' }, mc: finished }, noticesOver: ['one'] }));

    const second = await openAgain(first);

    expect(before).toEqual({ domains: {}, noticesOver: [] });
    expect(second.memory()).toEqual({ domains: { web: { past: 'started' }, mc: finished }, noticesOver: ['one'] });
  });

  it('begins anew with each boot, without a word, while the journal lasts [12.3]', async () => {
    const first = await openDir();
    await first.changeHolds(adding('web'));
    await first.changeMemory(() => ({ domains: { web: { past: 'started' } }, noticesOver: ['one'] }));

    boot('b');
    const second = await openAgain(first);
    await second.changeMemory((memory) => ({ ...memory, noticesOver: ['two'] }));
    const third = await openAgain(second);

    expect(second.holds()).toEqual([hold('web')]);
    expect(third.memory()).toEqual({ domains: {}, noticesOver: ['two'] });
    expect(problems).toEqual([]);
  });

  it.each([
    { when: 'there is no boot id', lose: () => rmSync(path.join(sysroot, 'proc'), { recursive: true }) },
    { when: 'the boot id is empty', lose: () => boot('') },
  ])('is not trusted when $when, then or later, and that is said [12.3]', async ({ lose }) => {
    const first = await openDir();
    await first.changeMemory(() => ({ domains: {}, noticesOver: ['one'] }));

    lose();
    const second = await openAgain(first);
    const before = second.memory();
    await second.changeMemory(() => ({ domains: {}, noticesOver: ['two'] }));
    const third = await openAgain(second);

    expect(before.noticesOver).toEqual([]);
    expect(third.memory().noticesOver).toEqual([]);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^This boot cannot be told from another: .*boot.id.* is not known\.$/);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '0'])(
    'knows a domain called %j only once it was told of it [12.3]',
    async (domain) => {
      const state = await openDir();
      const learn = (name: string) =>
        state.changeMemory(({ domains, noticesOver }) => ({
          domains: { ...domains, [name]: { past: 'finished' } },
          noticesOver,
        }));
      const before = [state.memory().domains[domain]];
      await learn('web');
      before.push(state.memory().domains[domain]);
      await learn(domain);
      const after = state.memory().domains[domain];
      const kept = (await openAgain(state)).memory();

      expect(before).toEqual([undefined, undefined]);
      expect(after).toEqual({ past: 'finished' });
      expect(Object.keys(kept.domains).sort()).toEqual(['web', domain].sort());
    },
  );
});

describe('files of another instance', () => {
  it('are set aside unused, with a sentence each [12.4]', async () => {
    const first = await openDir(ANOTHER);
    await first.changeHolds(adding('theirs'));
    await first.changeMemory(() => ({ domains: {}, noticesOver: ['theirs'] }));

    const second = await openAgain(first);

    expect(second.holds()).toEqual([]);
    expect(second.memory().noticesOver).toEqual([]);
    expect(readdirSync(dir).sort()).toEqual([`boot.json.of-${ANOTHER}`, `journal.json.of-${ANOTHER}`]);
    expect(problems).toEqual([
      `${inDir('journal.json')} is of instance ${ANOTHER}, and this is ${OURS}: set aside as journal.json.of-${ANOTHER}, unused.`,
      `${inDir('boot.json')} is of instance ${ANOTHER}, and this is ${OURS}: set aside as boot.json.of-${ANOTHER}, unused.`,
    ]);
  });

  it('do not take the place of those set aside before [12.4]', async () => {
    for (const domain of ['one', 'two', 'three']) {
      const theirs = await openDir(ANOTHER);
      await theirs.changeHolds(adding(domain));
      await (await openAgain(theirs)).close();
    }

    const asides = readdirSync(dir).sort();

    expect(asides).toEqual(['', '.2', '.3'].map((count) => `journal.json.of-${ANOTHER}${count}`));
    expect(asides.map((name) => JSON.parse(textOf(name)).holds[0].domain)).toEqual(['one', 'two', 'three']);
  });
});

describe('a damaged journal', () => {
  const file = (fields: object) => JSON.stringify({ version: 1, instanceId: OURS, holds: [hold('web')], ...fields });
  const withHold = (fields: object) => file({ holds: [hold('a'), { ...hold('b'), ...fields }] });
  const withCreation = (fields: object) => file({ holds: [{ ...creationHold, ...fields }] });
  const withRecord = (fields: object) => file({ holds: [{ ...recordSetHold, ...fields }] });
  const whole = file({});

  it.each([
    { damage: 'nothing in it', content: '', reason: 'Unexpected end of JSON input' },
    { damage: 'cut off', content: whole.slice(0, -20), reason: 'JSON' },
    { damage: 'zeros', content: '\0'.repeat(400), reason: 'JSON' },
    { damage: 'two contents', content: whole + whole, reason: 'JSON' },
    { damage: 'no UTF-8', content: Buffer.from(whole.replace('web', '\xff'), 'latin1'), reason: 'encoded data' },
    { damage: 'a list', content: '[]', reason: 'the whole is [] instead of an object' },
    { damage: 'null', content: 'null', reason: 'the whole is null instead of an object' },
    { damage: 'a later version', content: file({ version: 2, more: 1 }), reason: 'version is 2 instead of 1' },
    { damage: 'no version', content: file({ version: undefined }), reason: 'version is missing' },
    { damage: 'no instance', content: file({ instanceId: undefined }), reason: 'instanceId is missing' },
    {
      damage: 'an instance that leads elsewhere',
      content: file({ instanceId: '../../up' }),
      reason: 'instanceId is "../../up" instead of an instance id',
    },
    { damage: 'no holds', content: file({ holds: undefined }), reason: 'holds is missing' },
    { damage: 'holds by name', content: file({ holds: {} }), reason: 'holds is {} instead of a list' },
    { damage: 'an unknown field', content: file({ more: 1 }), reason: 'more is a field that is not known' },
    { damage: 'no hold', content: file({ holds: [null] }), reason: 'holds[0] is null instead of an object' },
    {
      damage: 'an unknown kind',
      content: withHold({ kind: 'else' }),
      reason: 'holds[1].kind is "else" instead of "attachment" or "creation" or "record-set"',
    },
    {
      damage: 'a hold with a wrong field',
      content: withHold({ prepared: 'yes' }),
      reason: 'holds[1].prepared is "yes" instead of true or false',
    },
    {
      damage: 'a hold with an unknown field',
      content: withHold({ more: 1 }),
      reason: 'holds[1].more is a field that is not known',
    },
    {
      damage: 'a hold without a field',
      content: withHold({ volumeId: undefined }),
      reason: 'holds[1].volumeId is missing',
    },
    { damage: 'a source that is none', content: withHold({ source: 'y' }), reason: 'holds[1].source is "y"' },
    { damage: 'a pool that is none', content: withHold({ pool: 1 }), reason: 'holds[1].pool is 1 instead of a string' },
    {
      damage: 'a request without its token',
      content: withCreation({ request: { Size: 8 } }),
      reason: 'holds[0].request.ClientToken is undefined instead of a string',
    },
    {
      damage: 'an attempt that is no number',
      content: withCreation({ attempt: '2' }),
      reason: 'holds[0].attempt is "2" instead of a whole number',
    },
    {
      damage: 'an attempt before the first',
      content: withCreation({ attempt: 0 }),
      reason: 'holds[0].attempt is 0 instead of a number from 1',
    },
    {
      damage: 'a creation that does not say when it was asked for',
      content: withCreation({ requestedAt: undefined }),
      reason: 'holds[0].requestedAt is missing',
    },
    ...['device', 'volumeId'].flatMap((field) => [
      {
        damage: `an attachment whose ${field} is empty`,
        content: withHold({ [field]: '' }),
        reason: `holds[1].${field} is "" instead of a name`,
      },
      {
        damage: `a creation whose ${field} is empty`,
        content: withCreation({ [field]: '' }),
        reason: `holds[0].${field} is "" instead of a name`,
      },
    ]),
    {
      damage: 'a creation that does not say whether it may be deleted',
      content: withCreation({ disposable: undefined }),
      reason: 'holds[0].disposable is missing',
    },
    { damage: 'a record set that is none', content: withRecord({ before: 7 }), reason: 'holds[0].before is 7' },
    {
      damage: 'no record set',
      content: withRecord({ before: undefined, after: undefined }),
      reason: 'holds[0] has neither before nor after',
    },
    {
      damage: 'a record set of another type',
      content: withRecord({ after: { ...recordSetHold.after, type: 'MX' } }),
      reason: 'holds[0].after.type is "MX" instead of "A" or "AAAA"',
    },
    {
      damage: 'a value that is none',
      content: withRecord({ before: { ...recordSetHold.before, values: ['192.0.2.1', 2] } }),
      reason: 'holds[0].before.values[1] is 2 instead of a string',
    },
    {
      damage: 'an alias that leads nowhere',
      content: withRecord({ after: { ...recordSetHold.after, alias: { name: 'b.' } } }),
      reason: 'holds[0].after.alias.hostedZone is missing',
    },
    { damage: 'too long', content: `${whole}${' '.repeat(17 * 1024 * 1024)}`, reason: 'longer than 16777216 bytes' },
  ])('($damage) is set aside, never trusted and never fatal [12.4]', async ({ content, reason }) => {
    mkdirSync(dir);
    writeFileSync(inDir('journal.json'), content);

    const state = await openDir();
    const before = state.holds();
    await state.changeHolds(adding('new'));

    const aside = readdirSync(dir).find((name) => name !== 'journal.json') ?? 'none';
    expect(before).toEqual([]);
    expect(aside).toMatch(/^journal\.json\.damaged-\d{8}T\d{6}Z$/);
    expect(readFileSync(inDir(aside)).equals(Buffer.from(content))).toBe(true);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${inDir('journal.json')} cannot be trusted (`);
    expect(problems[0]).toContain(reason);
    expect(problems[0]).toContain(`: set aside as ${aside}, unused.`);
    expect(domainsOf(await openAgain(state))).toEqual(['new']);
  });

  it.each([
    { stands: 'a directory', put: () => mkdirSync(inDir('journal.json/x'), { recursive: true }) },
    { stands: 'a pipe', put: () => execFileSync('mkfifo', [inDir('journal.json')]) },
    { stands: 'a link to itself', put: () => symlinkSync('journal.json', inDir('journal.json')) },
  ])('gives way where $stands stands in its place [12.4]', async ({ put }) => {
    mkdirSync(dir);
    put();

    const state = await openDir();
    await state.changeHolds(adding('web'));

    expect(readdirSync(dir).map((name) => name.replace(/-.*/, ''))).toEqual(['journal.json', 'journal.json.damaged']);
    expect(problems).toHaveLength(1);
    expect(statSync(inDir('journal.json')).isFile()).toBe(true);
  });

  it('does not take the place of one set aside in the same second [12.4]', async () => {
    mkdirSync(dir);
    for (const content of ['one', 'two', 'three']) {
      writeFileSync(inDir('journal.json'), content);
      await (await openDir()).close();
    }

    expect(readdirSync(dir).map(textOf).sort()).toEqual(['one', 'three', 'two']);
  });
});

describe('a damaged memory', () => {
  const file = (fields: object) =>
    JSON.stringify({ version: 1, instanceId: OURS, bootId: 'a', domains: {}, noticesOver: ['one'], ...fields });

  it.each([
    { damage: 'cut off', content: file({}).slice(0, -5), reason: 'JSON' },
    { damage: 'a later version', content: file({ version: 2 }), reason: 'version is 2 instead of 1' },
    { damage: 'a boot id that is none', content: file({ bootId: 1 }), reason: 'bootId is 1 instead of a string' },
    { damage: 'a list of domains', content: file({ domains: [] }), reason: 'domains is [] instead of an object' },
    {
      damage: 'an unknown past',
      content: file({ domains: { 'a.b': { past: 'new' } } }),
      reason: 'domains["a.b"].past is "new" instead of "started" or "finished"',
    },
    {
      damage: 'a notice that is none',
      content: file({ domains: { constructor: { past: 'finished', notice: {} } } }),
      reason: 'domains["constructor"].notice is {} instead of a string',
    },
    { damage: 'no notices', content: file({ noticesOver: undefined }), reason: 'noticesOver is missing' },
    { damage: 'a key that is none', content: file({ noticesOver: [1] }), reason: 'noticesOver[0] is 1' },
  ])('($damage) is set aside, never trusted and never fatal [12.4]', async ({ content, reason }) => {
    mkdirSync(dir);
    writeFileSync(inDir('boot.json'), content);

    const state = await openDir();

    expect(state.memory()).toEqual({ domains: {}, noticesOver: [] });
    expect(readdirSync(dir)).toEqual([expect.stringMatching(/^boot\.json\.damaged-/)]);
    expect(problems).toEqual([expect.stringContaining(reason)]);
  });
});

describe('the lock', () => {
  it('keeps a second one out, and says of which directory and what to do [12.5]', async () => {
    await openDir();

    const second = lockDir();

    await expect(second).rejects.toThrow(UsageError);
    await expect(second).rejects.toThrow(
      `The state directory ${dir} is in use by another ec2fleetd. Stop that one, or give this one its own with --state-dir.`,
    );
  });

  it('is taken before anything is touched [12.5]', async () => {
    await lockDir();
    writeFileSync(inDir('journal.json'), 'damaged');

    await expect(lockDir()).rejects.toThrow(UsageError);
    expect(textOf('journal.json')).toBe('damaged');
  });

  it('is one for all names of a directory, and each directory has its own [12.5]', async () => {
    await lockDir();
    symlinkSync(dir, path.join(sysroot, 'link'));

    await expect(lockDir(path.join(sysroot, 'link'))).rejects.toThrow(UsageError);
    await expect(lockDir(path.relative('', dir))).rejects.toThrow(dir);
    await expect(lockDir(path.join(sysroot, 'other'))).resolves.toMatchObject({ dir: path.join(sysroot, 'other') });
  });

  it.each(['opened', 'only locked'])('is given back by closing a directory that was %s [12.5]', async (how) => {
    const locked = await lockDir();
    const first = how === 'opened' ? await locked.open(OURS) : locked;

    await first.close();
    await first.close();

    await expect(openDir()).resolves.toMatchObject({ dir });
  });

  it('is given back only when all is written, and nothing is written after it [12.5]', async () => {
    const first = await openDir();
    const change = first.changeHolds(adding('last'));
    await first.close();

    const second = await openDir();
    const late = first.changeHolds(adding('late'));

    await change;
    await expect(late).rejects.toThrow('journal.json was to be written after');
    expect(domainsOf(await openAgain(second))).toEqual(['last']);
  });

  it('of a process that is killed is free at once, also while its children live [12.5]', async () => {
    const child = startProcess(`
      import { spawn } from 'node:child_process';
      await state();
      const { pid } = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
      console.log(pid);
      setInterval(() => {}, 1_000);`);
    const [grandchild = ''] = await firstLine(child);
    try {
      await expect(lockDir()).rejects.toThrow(UsageError);

      child.kill('SIGKILL');
      await ended(child);

      await expect(openDir()).resolves.toMatchObject({ dir });
    } finally {
      process.kill(Number(grandchild), 'SIGKILL');
    }
  });

  it('of this process keeps a second process out [12.5]', async () => {
    await openDir();

    const { status, stderr } = spawnSync(process.execPath, processArgs('await state();'), { encoding: 'utf8' });

    expect(status).not.toBe(0);
    expect(stderr).toContain(`UsageError: The state directory ${dir} is in use by another ec2fleetd.`);
  });

  withUnshare('holds over network namespaces, as of a container that shares the directory [12.5]', async () => {
    await openDir();

    const args = ['--user', '--map-root-user', '--net', process.execPath, ...processArgs('await state();')];
    const { stderr } = spawnSync('unshare', args, { encoding: 'utf8' });

    expect(stderr).toContain('is in use by another ec2fleetd');
  });

  it('does not keep a process alive [12.5]', async () => {
    const { status } = spawnSync(process.execPath, processArgs('await state();'), { timeout: 15_000 });

    expect(status).toBe(0);
  });

  it.each([
    { flock: undefined, told: /^lock .*state: spawn flock ENOENT\. Install the program flock/ },
    { flock: 'echo "flock: 3: Resource busy" >&2; exit 1', told: /^lock .*state: flock ended with 1: flock: 3: Res/ },
    { flock: 'echo "flock: 3: No locks" >&2; exit 71', told: /^lock .*state: flock ended with 71: flock: 3: No locks/ },
  ])('that cannot be asked for is told, and the daemon goes on: $flock [12.5]', ({ flock, told }) => {
    if (flock !== undefined) writeFileSync(path.join(sysroot, 'flock'), `#!/bin/sh\n${flock}\n`, { mode: 0o755 });

    const { stderr, stdout } = spawnSync(
      process.execPath,
      processArgs('const one = await state(); await one.changeHolds(() => [hold("web")]); console.log("goes on");'),
      { encoding: 'utf8', env: { PATH: sysroot } },
    );

    expect(stderr).toMatch(told);
    expect(stdout).toBe('goes on\n');
  });
});

describe('a state directory that cannot be made', () => {
  it('is told once, opens empty, and each change rejects with the reason [12.5]', async () => {
    writeFileSync(dir, 'a file');

    const state = await openDir();
    const attempts = [state.changeHolds(adding('a')), state.changeMemory(() => ({ domains: {}, noticesOver: ['x'] }))];
    const outcomes = await Promise.allSettled(attempts);

    expect(problems).toEqual([expect.stringMatching(/^open the state directory .*EEXIST.*--state-dir\.$/)]);
    expect(outcomes).toEqual(attempts.map(() => ({ status: 'rejected', reason: expect.any(AdapterError) })));
    expect(outcomes).toMatchObject(attempts.map(() => ({ reason: { message: problems[0] } })));
    expect(state.holds()).toEqual([]);
    expect(state.memory()).toEqual({ domains: {}, noticesOver: [] });
    await expect(state.close()).resolves.toBeUndefined();
  });

  it('takes changes that change nothing, so that a way down goes on [12.5]', async () => {
    writeFileSync(dir, 'a file');
    const state = await openDir();

    await expect(state.changeHolds((holds) => holds.filter(() => false))).resolves.toBeUndefined();
  });
});

describe('a write that fails', () => {
  /** Stands where the next content is written. */
  const inTheWay = () => inDir('journal.json.tmp/x');

  it('rejects all changes of that write and changes nothing; a later one may succeed [12.5]', async () => {
    const state = await openDir();
    await state.changeHolds(adding('before'));
    mkdirSync(inTheWay(), { recursive: true });

    const outcomes = await Promise.allSettled(['a', 'b'].map((domain) => state.changeHolds(adding(domain))));
    const meanwhile = domainsOf(state);
    rmSync(inDir('journal.json.tmp'), { recursive: true });
    await state.changeHolds(adding('after'));

    expect(outcomes).toMatchObject([
      {
        status: 'rejected',
        reason: { operation: `write ${inDir('journal.json')}`, remedy: expect.stringContaining(dir) },
      },
      { status: 'rejected', reason: expect.any(AdapterError) },
    ]);
    expect(meanwhile).toEqual(['before']);
    expect(domainsOf(state)).toEqual(['before', 'after']);
    expect(domainsOf(await openAgain(state))).toEqual(['before', 'after']);
  });

  it('may have got as far as the disk, so the next change is written even if it changes nothing [12.5]', async () => {
    const state = await openDir();
    mkdirSync(inTheWay(), { recursive: true });
    await state.changeHolds(adding('web')).catch(() => {});
    rmSync(inDir('journal.json.tmp'), { recursive: true });

    const writes = await writesDuring(async () => {
      await state.changeHolds((holds) => holds);
      await state.changeHolds((holds) => holds);
    });

    expect(writes).toBe(1);
  });

  it('is foretold when the directory is opened, and what is there is read [12.5]', async () => {
    const first = await openDir();
    await first.changeHolds(adding('web'));
    mkdirSync(inTheWay(), { recursive: true });

    const second = await openAgain(first);

    expect(domainsOf(second)).toEqual(['web']);
    expect(problems).toEqual([expect.stringMatching(/^write in .*EISDIR.*Check that .*--state-dir\.$/)]);
  });

  it('since the directory is gone, rejects, and does not make it anew without its lock [12.5]', async () => {
    const state = await openDir();
    rmSync(dir, { recursive: true });

    await expect(state.changeHolds(adding('web'))).rejects.toThrow(/^write .*ENOENT/);
    expect(existsSync(dir)).toBe(false);
  });

  withUnshare('for want of room leaves what was; a smaller one then succeeds [12.5]', () => {
    const seen = onSmallDisk(`
      const one = await state();
      await one.changeHolds(() => [hold('before')]);
      const problem = await one.changeHolds(() => [hold('x'.repeat(100_000))]).catch(({ message }) => message);
      const meanwhile = one.holds();
      await one.changeHolds((holds) => [...holds, hold('after')]);
      console.log(JSON.stringify([problem, meanwhile, one.holds()]));`);

    expect(seen).toEqual([expect.stringMatching(/^write .*ENOSPC/), [hold('before')], [hold('before'), hold('after')]]);
  });

  withUnshare('on a disk that became read-only still lets the journal be read [12.4, 12.5]', () => {
    const seen = onSmallDisk(`
      import { execFileSync } from 'node:child_process';
      import { writeFileSync } from 'node:fs';
      const one = await state();
      await one.changeHolds(() => [hold('before')]);
      await one.close();
      writeFileSync(${JSON.stringify(inDir('boot.json'))}, 'damaged');
      execFileSync('mount', ['-o', 'remount,ro', ${JSON.stringify(dir)}]);
      const told = [];
      console.error = (sentence) => told.push(sentence);
      const two = await state();
      const problem = await two.changeHolds(() => []).catch(({ message }) => message);
      console.log(JSON.stringify([two.holds(), problem, ...told]));`);

    expect(seen).toEqual([
      [hold('before')],
      expect.stringMatching(/^write .*EROFS/),
      expect.stringMatching(/^write in .*EROFS/),
      expect.stringMatching(/boot\.json cannot be trusted .*: unused, but it could not be set aside \(EROFS/),
    ]);
  });
});

it.each([
  { environment: { STATE_DIRECTORY: '/var/lib/a:/var/lib/b' }, root: '', directory: '/var/lib/a' },
  { environment: {}, root: '', directory: '/var/lib/ec2fleetd' },
  { environment: {}, root: '/lab', directory: '/lab/var/lib/ec2fleetd' },
])(
  'the directory is $directory with $environment in sysroot "$root" [2.1, 11.5]',
  ({ environment, root, directory }) => {
    expect(stateDirectory(environment, root)).toBe(directory);
  },
);

/** What a process says whose state directory is a disk of 64 KiB. */
function onSmallDisk(text: string): unknown {
  mkdirSync(dir);
  const mounting = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"';
  const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', mounting, dir];
  const { stdout, stderr } = spawnSync('unshare', [...args, process.execPath, ...processArgs(text)], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

async function firstLine(child: ChildProcess): Promise<string[]> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return new Promise((resolve) => lines.once('line', (line) => resolve([line])));
}
