import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createRuntimeDir, runtimeDirectory, runtimeOwner } from '../adapters/runtime-dir.ts';
import { AdapterError } from '../config/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'runtime-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ours = () => createRuntimeDir(folder, 'ec2fleetd.service');

describe('a .started file', () => {
  it('is there from mark to unmark, under the name of its domain [11.4]', async () => {
    await ours().markStarted('my-world.mc');
    const marked = readdirSync(folder);
    await ours().unmarkStarted('my-world.mc');

    expect(marked).toEqual(['my-world.mc.started']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('may be marked and unmarked more than once [11.4]', async () => {
    await ours().markStarted('web');
    await ours().markStarted('web');
    await ours().unmarkStarted('web');

    await expect(ours().unmarkStarted('web')).resolves.toBeUndefined();
  });

  it('makes its directory, which only systemd would have made before [11.4]', async () => {
    const directory = path.join(folder, 'run', 'ec2fleetd');

    await createRuntimeDir(directory, 'x').markStarted('web');

    expect(readdirSync(directory)).toEqual(['web.started']);
  });

  it("stays inside the directory, and is no other domain's, whatever the domain is called [11.4]", async () => {
    const long = 'x'.repeat(300);
    const odd = [
      '../up',
      'a/b',
      'a%2Fb',
      '.',
      '..',
      '.hidden',
      '%2Ehidden',
      '',
      'ä b',
      '-rf',
      `${long}1`,
      `${long}2`,
      'a\nb',
    ];

    for (const domain of odd) await ours().markStarted(domain);
    const marked = readdirSync(folder);
    for (const domain of odd) await ours().unmarkStarted(domain);

    expect(marked).toHaveLength(odd.length);
    expect(marked.filter((name) => !/^[A-Za-z0-9_%-][A-Za-z0-9._%~-]*\.started$|^\.started$/.test(name))).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('files of an earlier run', () => {
  it('are removed if they are of this unit, and only those [11.4, 11.5]', async () => {
    await ours().markStarted('stale');
    await createRuntimeDir(folder, 'ec2fleetd@b.service').markStarted('of-another');
    writeFileSync(path.join(folder, 'sock'), '');

    await ours().clearStarted();

    expect(readdirSync(folder).sort()).toEqual(['of-another.started', 'sock']);
  });

  it('need not be there, nor their directory [11.4]', async () => {
    await expect(createRuntimeDir(path.join(folder, 'none'), 'x').clearStarted()).resolves.toBeUndefined();
  });
});

it('a directory that cannot be written is an error that names the domain and the directory [11.4]', async () => {
  writeFileSync(path.join(folder, 'file'), '');
  const directory = path.join(folder, 'file', 'no');

  const attempt = createRuntimeDir(directory, 'x').markStarted('web');

  await expect(attempt).rejects.toThrow(AdapterError);
  await expect(attempt).rejects.toThrow(/^mark web as started: .*ENOTDIR.*Check that .*file\/no can be written/);
});

it.each([
  { environment: { RUNTIME_DIRECTORY: '/run/a:/run/b' }, sysroot: '', directory: '/run/a' },
  { environment: {}, sysroot: '', directory: '/run/ec2fleetd' },
  { environment: {}, sysroot: '/lab', directory: '/lab/run/ec2fleetd' },
])(
  'the directory is $directory with $environment in sysroot "$sysroot" [11.5]',
  ({ environment, sysroot, directory }) => {
    expect(runtimeDirectory(environment, sysroot)).toBe(directory);
  },
);

it('a unit owns what it marks, and somebody by hand what they do [11.5]', () => {
  expect(runtimeOwner({ EC2FLEETD_UNIT: 'ec2fleetd@a.service' })).toBe('ec2fleetd@a.service');
  expect(runtimeOwner({})).toBe('by hand');
});
