/** The state directory, over boots, instances, damage and strangers: the built daemon with real files. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Lab, startDaemon, startLab, VOLUME } from './helpers/daemon.ts';
import {
  accepted,
  addressSets,
  attached,
  configurationOf,
  flagged,
  gate,
  kill,
  note,
  notes,
  OTHER_INSTANCE,
  record,
  sns,
  stateDir,
  toldEvents,
  volume,
} from './helpers/story.ts';

/** Notes what it does, and under which event. */
const noting = (lab: Lab) => ({
  exec: [{ on: ['started', 'interrupted', 'stopping'], lines: [note(lab, '{daemon_state}')] }],
});

describe('another boot of the machine', () => {
  it('forgets which applications were started: none of them runs, so none is warned of a notice [12.3, 9.5]', async () => {
    await using lab = await startLab();
    const configuration = configurationOf({ world: { ...noting(lab), notify: [sns] } });
    await using first = startDaemon(lab, { configuration });
    await first.says(accepted('world', 'started'));
    await kill(first);
    lab.cloud.reboot();
    lab.cloud.interrupt({ action: 'terminate' });

    await using second = startDaemon(lab, { configuration });
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['started']);
    expect(toldEvents(lab)).toEqual(['started', 'interrupted']);
  });

  it('forgets which notices were handled: one that is still there is told anew [9.5]', async () => {
    await using lab = await startLab();
    const configuration = configurationOf({ world: { ...noting(lab), notify: [sns] } });
    lab.cloud.interrupt({ action: 'terminate' });
    await using first = startDaemon(lab, { configuration });
    await first.ended;
    lab.cloud.reboot();

    await using second = startDaemon(lab, { configuration });
    await second.ended;

    expect(toldEvents(lab)).toEqual(['interrupted', 'interrupted']);
  });

  it('does not forget what is held: that is adopted, and prepared as if it were attached just now [12.2, 4.3]', async () => {
    await using lab = await startLab();
    const preparing = gate(lab, 'prepared');
    const world = { 'attach-volume': [{ ...volume, exec: [{ lines: [note(lab, '{attach_op}'), preparing.line] }] }] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world }) });
    await preparing.reached(first);
    await kill(first);
    preparing.open();
    lab.cloud.reboot();

    await using second = startDaemon(lab, { configuration: configurationOf({ world }) });
    await second.reaches('world', 'started');

    expect(notes(lab)).toEqual(['true', 'true']);
    expect(lab.calls('AttachVolume')).toHaveLength(1);
  });
});

describe('an image made of a running instance', () => {
  it("sets the other one's journal and memory aside: it warns nobody, and gives nothing back [12.4]", async () => {
    await using lab = await startLab({ others: [{ id: OTHER_INSTANCE }] });
    const { instanceId } = lab.cloud;
    const preparing = gate(lab, 'prepared');
    const holding = { 'attach-volume': [{ ...volume, exec: [{ lines: [preparing.line] }] }] };
    await using started = startDaemon(lab, { configuration: configurationOf({ world: noting(lab) }) });
    await started.reaches('world', 'started');
    await kill(started);
    await using held = startDaemon(lab, { configuration: configurationOf({ holding }) });
    await preparing.reached(held);
    await kill(held);
    preparing.open();
    lab.cloud.interrupt({ action: 'terminate', instanceId: OTHER_INSTANCE });

    await using daemon = startDaemon(lab, {
      configuration: configurationOf({ world: noting(lab) }),
      asFile: true,
      environment: { ...lab.cloud.environment(OTHER_INSTANCE), EC2FLEETD_SYSROOT: lab.sysroot },
    });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['started']);
    expect(attached(lab)).toEqual([VOLUME]);
    const warnings = daemon.log.filter(({ level }) => level === 'warn').map(({ message }) => message);
    for (const name of ['journal.json', 'boot.json']) {
      expect(existsSync(path.join(stateDir(lab), `${name}.of-${instanceId}`))).toBe(true);
      expect(warnings).toContainEqual(
        expect.stringMatching(`${name} is of instance ${instanceId}, and this is ${OTHER_INSTANCE}: set aside`),
      );
    }
  });
});

describe('a damaged file', () => {
  it.each(['journal.json', 'boot.json'])(
    'is set aside with a warning, and the daemon comes up: %s [12.4]',
    async (name) => {
      await using lab = await startLab();
      mkdirSync(stateDir(lab));
      writeFileSync(path.join(stateDir(lab), name), '{"version":1,"instanceId":"i-0');
      await using daemon = startDaemon(lab, {
        configuration: configurationOf({ world: { 'attach-volume': [volume] } }),
      });

      await daemon.reaches('world', 'started');

      const aside = readdirSync(stateDir(lab)).find((file) => file.startsWith(`${name}.damaged-`));
      expect(readFileSync(path.join(stateDir(lab), aside ?? ''), 'utf8')).toBe('{"version":1,"instanceId":"i-0');
      expect(daemon.log).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          message: expect.stringMatching(`${name} cannot be trusted .*${aside}`),
        }),
      );
    },
  );
});

describe('a second daemon', () => {
  it('on the same state directory exits 2 and says so, and the first one goes on [12.5, 2.3]', async () => {
    await using lab = await startLab();
    const configuration = configurationOf({ world: noting(lab) });
    await using first = startDaemon(lab, { configuration });
    await flagged(lab, 'world');
    await using second = startDaemon(lab, { configuration });

    const { exitCode } = await second.ended;
    const isStillStarted = lab.startedFlag('world');
    first.signal('SIGTERM');

    expect(exitCode).toBe(2);
    expect(second.log.map(({ message }) => message).join('\n')).toContain(
      `The state directory ${stateDir(lab)} is in use by another ec2fleetd.`,
    );
    expect(isStillStarted).toBe(true);
    expect((await first.ended).exitCode).toBe(0);
    expect(notes(lab)).toEqual(['started', 'stopping']);
  });
});

describe('a state directory that cannot be written', () => {
  it('fails the way up with a sentence, before anything is taken: exit 1 [12.5, 12.2, 2.3]', async () => {
    await using lab = await startLab();
    writeFileSync(stateDir(lab), 'a file stands where the directory should');
    const world = { 'attach-volume': [volume], 'update-route53': [record], ...noting(lab), notify: [sns] };
    const bare = noting(lab);
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world, bare }) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(lab.calls('AttachVolume')).toEqual([]);
    expect(addressSets(lab)).toEqual([]);
    expect(notes(lab)).toEqual([]);
    expect(lab.told()[0].error[0][1]).toMatch(/state directory.*Check that .* can be written.*--state-dir/);
  });

  it('does not keep a way down from going on [12.5, 5.6]', async () => {
    await using lab = await startLab();
    const configuration = configurationOf({ world: { ...noting(lab), notify: [sns] } });
    await using daemon = startDaemon(lab, { configuration });
    await daemon.says(accepted('world', 'started'));
    mkdirSync(path.join(stateDir(lab), 'boot.json.tmp'));

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['started', 'stopping']);
    expect(toldEvents(lab)).toEqual(['started', 'stopping']);
    expect(daemon.log).toContainEqual(
      expect.objectContaining({ level: 'warn', part: 'state directory', message: expect.stringMatching(/boot\.json/) }),
    );
  });
});
