import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createRuntimeDir } from '../adapters/runtime-dir.ts';

const deploy = path.join(__dirname, '..', 'deploy');
const units = ['ec2fleetd.service', 'ec2fleetd@.service'];

/** `Section.Key` → its values, in the order written. */
function settingsOf(unit: string): Map<string, string[]> {
  const settings = new Map<string, string[]>();
  let section = '';
  for (const line of readFileSync(path.join(deploy, unit), 'utf8').split('\n')) {
    section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section;
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const name = `${section}.${key}`;
    settings.set(name, [...(settings.get(name) ?? []), value]);
  }
  return settings;
}

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
// Where systemd is not installed there is nobody to ask.
const withAnalyze = hasAnalyze ? describe : describe.skip;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'units-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

withAnalyze('systemd-analyze verify (skipped where systemd is not installed)', () => {
  it.each(units)('has nothing to say about %s [11.5]', (unit) => {
    // Its program is not installed here, and a missing one is all that would be found.
    const text = readFileSync(path.join(deploy, unit), 'utf8').replaceAll(
      '/usr/bin/ec2fleetd ',
      `${process.execPath} `,
    );
    const file = path.join(folder, unit);
    writeFileSync(file, text);

    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });

    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' });
  });
});

describe.each(units)('%s', (unit) => {
  it.each([
    { setting: 'Service.Type', value: 'notify', number: '11.1' },
    { setting: 'Service.NotifyAccess', value: 'all', number: '11.5' },
    { setting: 'Service.EnvironmentFile', value: '-/etc/ec2fleetd/ec2fleetd.env', number: '11.5' },
    { setting: 'Service.RuntimeDirectory', value: 'ec2fleetd', number: '11.5' },
    { setting: 'Service.RuntimeDirectoryPreserve', value: 'yes', number: '11.5' },
    { setting: 'Service.KillMode', value: 'mixed', number: '11.5' },
    { setting: 'Service.TimeoutStopSec', value: '150', number: '11.5' },
    { setting: 'Service.Restart', value: 'on-abnormal', number: '11.5' },
    { setting: 'Service.RestartForceExitStatus', value: '70', number: '11.5' },
    { setting: 'Unit.Wants', value: 'network-online.target', number: '11.5' },
  ])('has $setting=$value [$number]', ({ setting, value }) => {
    expect(settingsOf(unit).get(setting)).toEqual([value]);
  });

  it('gives the slowest poll, 30 s, and a slow answer time before the watchdog bites [11.2]', () => {
    expect(Number(settingsOf(unit).get('Service.WatchdogSec'))).toBeGreaterThanOrEqual(60);
  });

  it('is ordered after the network and the user data, but in no circle with cloud-init, which ends after multi-user.target [11.5]', () => {
    const after =
      settingsOf(unit)
        .get('Unit.After')
        ?.flatMap((line) => line.split(' ')) ?? [];

    expect(after).toEqual(expect.arrayContaining(['network-online.target', 'cloud-init.service']));
    expect(after.filter((name) => /^(cloud-final|cloud-init\.target|multi-user)/.test(name))).toEqual([]);
    expect(settingsOf(unit).get('Install.WantedBy')).toEqual(['multi-user.target']);
  });

  it('keeps what commands mount visible: nothing in it makes a mount namespace [11.5]', () => {
    const namespaces =
      /^Service\.(Protect\w+|Private\w+|Read(Only|Write)Paths|(Inaccessible|Exec|NoExec|Bind\w*)Paths|TemporaryFileSystem|Mount\w+|Root\w+|DynamicUser|ProcSubset|LogNamespace|Extension\w+)$/;

    expect([...settingsOf(unit).keys()].filter((name) => namespaces.test(name))).toEqual([]);
  });

  it("removes its own .started files when it ends, however it ends, and nobody else's [11.4, 11.5]", async () => {
    await createRuntimeDir(folder, 'ec2fleetd@a.service').markStarted('ours one');
    await createRuntimeDir(folder, 'ec2fleetd@a.service').markStarted('ours-two');
    await createRuntimeDir(folder, 'ec2fleetd@b.service').markStarted('theirs');
    const [line = ''] = settingsOf(unit).get('Service.ExecStopPost') ?? [];
    // Undoing what systemd does with the line: a dash for "may fail", one quoted argument, doubled dollars.
    const script = /^-\/bin\/sh -c '(.*)'$/.exec(line)?.[1]?.replaceAll('$$', '$') ?? 'exit 9';

    execFileSync('/bin/sh', ['-c', script], {
      env: { ...process.env, EC2FLEETD_UNIT: 'ec2fleetd@a.service', RUNTIME_DIRECTORY: folder },
    });

    expect(readdirSync(folder)).toEqual(['theirs.started']);
  });
});

describe('the two units', () => {
  it('differ in where configuration and state are [11.5]', () => {
    const [one, many] = units.map(settingsOf);

    expect(one?.get('Service.ExecStart')).toEqual(['/usr/bin/ec2fleetd run']);
    expect(one?.get('Service.StateDirectory')).toEqual(['ec2fleetd']);
    expect(many?.get('Service.ExecStart')).toEqual(['/usr/bin/ec2fleetd run --userdata=/etc/ec2fleetd/%i.jsonc']);
    expect(many?.get('Service.StateDirectory')).toEqual(['ec2fleetd@%i']);
  });

  it('differ in nothing else', () => {
    const own = ['Unit.Description', 'Service.ExecStart', 'Service.StateDirectory'];
    const [one, many] = units.map((unit) => [...settingsOf(unit)].filter(([name]) => !own.includes(name)));

    expect(many).toEqual(one);
  });
});

describe('ec2fleetd.env', () => {
  it('sets nothing as it is delivered, and is one that a shell would read as systemd does [11.5]', () => {
    const file = path.join(folder, 'env');
    copyFileSync(path.join(deploy, 'ec2fleetd.env'), file);

    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));

    expect(lines).toEqual([]);
    expect(readFileSync(file, 'utf8')).toMatch(/^#EC2FLEETD_\w+=\S+$/m);
  });
});
