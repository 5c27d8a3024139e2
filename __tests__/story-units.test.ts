/** Two daemons of one instance that want the same volume, pool or device: one has it, the other waits, and says for which unit. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Daemon, type Lab, startDaemon, startLab, VOLUME } from './helpers/daemon.ts';
import { canListen } from './helpers/notify-socket.ts';
import { configurationOf, gate, kill, note, notes, SECOND_VOLUME, volume } from './helpers/story.ts';
import { listening } from './helpers/systemd.ts';
import { attachedTo, created, createdVolumes, inPool, pooled, waits, warnings } from './helpers/volumes.ts';

const FIRST = 'ec2fleetd@first.service';
const SECOND = 'ec2fleetd@second.service';
const POOLED = 'vol-0aaaaaaaaaaaaaaa1';

/** A daemon as systemd starts it: a unit with a configuration file and a state directory of its own. */
function startUnit(lab: Lab, unit: string, domains: object, environment: NodeJS.ProcessEnv = {}): Daemon {
  const file = path.join(lab.folder, `${unit}.jsonc`);
  writeFileSync(file, JSON.stringify(configurationOf(domains)));
  return startDaemon(lab, {
    args: [`--userdata=${file}`],
    environment: { EC2FLEETD_UNIT: unit, STATE_DIRECTORY: path.join(lab.folder, unit), ...environment },
  });
}

/** The same wish of two units: what each of them asks for, and what the second one is told. */
const wishes = [
  {
    wish: 'volume by id',
    first: { one: { 'attach-volume': [volume] } },
    second: { two: { 'attach-volume': [volume] } },
    leaves: [`${VOLUME} at /dev/sdf`],
  },
  {
    wish: 'pool with one volume',
    first: { world: { 'attach-volume': [pooled] } },
    second: { world: { 'attach-volume': [pooled] } },
    leaves: [`${POOLED} at /dev/sdf`],
  },
  {
    wish: 'device',
    first: { one: { 'attach-volume': [volume] } },
    second: { two: { 'attach-volume': [{ ...volume, 'volume-id': SECOND_VOLUME }] } },
    leaves: [`${SECOND_VOLUME} at /dev/sdf`],
  },
];

/** The domains with their volumes let go when they are asked to stop. */
function letGo(domains: Record<string, { 'attach-volume': object[] }>): object {
  return Object.fromEntries(
    Object.entries(domains).map(([name, { 'attach-volume': entries }]) => [
      name,
      { 'attach-volume': entries.map((entry) => ({ ...entry, release: ['stopping'] })) },
    ]),
  );
}

const volumes = [{ id: VOLUME }, { id: SECOND_VOLUME }, inPool(POOLED)];

describe.each(wishes)('of two units with one $wish', ({ first, second, leaves }) => {
  it('one has it; the other waits, says by which unit, and takes it when that one has let go [6.3, 6.4]', async () => {
    await using lab = await startLab({ volumes });
    await using one = startUnit(lab, FIRST, letGo(first));
    await Promise.all(Object.keys(first).map((domain) => one.reaches(domain, 'started')));
    await using other = startUnit(lab, SECOND, second);
    const { message } = await waits(other, 'is being used on this instance');
    const meanwhile = lab.calls('AttachVolume').length;

    one.signal('SIGTERM');
    await one.ended;
    await Promise.all(Object.keys(second).map((domain) => other.reaches(domain, 'started')));

    expect(message).toContain(`/dev/sdf is being used on this instance, by ${FIRST} (pid ${one.pid})`);
    expect(meanwhile).toBe(1);
    expect(attachedTo(lab)).toEqual(leaves);
    expect(warnings(other)).toEqual([message]);
  });
});

describe('a unit that wants what another one has at another device', () => {
  it('fails if it wants it by id, and says where it is [6.2]', async () => {
    await using lab = await startLab({ volumes });
    await using one = startUnit(lab, FIRST, { one: { 'attach-volume': [volume] } });
    await one.reaches('one', 'started');
    await using other = startUnit(lab, SECOND, { two: { 'attach-volume': [{ ...volume, device: '/dev/sdg' }] } });

    const { exitCode } = await other.ended;

    expect(exitCode).toBe(1);
    expect(warnings(other)[0]).toContain(`${VOLUME} is attached to this instance as /dev/sdf, not as /dev/sdg`);
    expect(attachedTo(lab)).toEqual([`${VOLUME} at /dev/sdf`]);
  });

  it('waits if the pool may yet have it, and takes it when that one has let go [6.2, 6.4]', async () => {
    await using lab = await startLab({ volumes });
    await using one = startUnit(lab, FIRST, letGo({ world: { 'attach-volume': [pooled] } }));
    await one.reaches('world', 'started');
    await using other = startUnit(lab, SECOND, { world: { 'attach-volume': [{ ...pooled, device: '/dev/sdg' }] } });
    await waits(other, `${POOLED} is attached to this instance at another device`);
    one.signal('SIGTERM');
    await one.ended;
    await other.reaches('world', 'started');

    expect(attachedTo(lab)).toEqual([`${POOLED} at /dev/sdg`]);
  });
});

describe('of two units that come up at the same moment', () => {
  it('each gets a volume of the pool that both take from [6.3]', async () => {
    await using lab = await startLab({ volumes: [inPool(POOLED), inPool('vol-0aaaaaaaaaaaaaaa2')] });
    const at = (device: string) => ({ world: { 'attach-volume': [{ ...pooled, device }] } });
    await using one = startUnit(lab, FIRST, at('/dev/sdf'));
    await using other = startUnit(lab, SECOND, at('/dev/sdg'));
    await Promise.all([one, other].map((daemon) => daemon.reaches('world', 'started')));

    expect(attachedTo(lab)).toHaveLength(2);
    expect(lab.calls('AttachVolume')).toHaveLength(2);
  });
});

describe('a unit that was killed', () => {
  it('leaves no lock: the next unit that wants its volume has it at once, and it is not attached anew [6.3, 12.2]', async () => {
    await using lab = await startLab({ volumes });
    const lines = [note(lab, '{domain} {attach_op}')];
    const domains = (name: string) => ({ [name]: { 'attach-volume': [{ ...volume, exec: [{ lines }] }] } });
    await using one = startUnit(lab, FIRST, domains('one'));
    await one.reaches('one', 'started');
    await kill(one);

    await using other = startUnit(lab, SECOND, domains('two'));
    await other.reaches('two', 'started');

    expect(notes(lab)).toEqual(['one true', 'two false']);
    expect(lab.calls('AttachVolume')).toHaveLength(1);
    expect(warnings(other)).toEqual([]);
  });

  it('and is started again while another one waits has what it had [6.3, 12.1]', async () => {
    await using lab = await startLab({ volumes });
    const domains = { world: { 'attach-volume': [pooled] } };
    await using one = startUnit(lab, FIRST, domains);
    await one.reaches('world', 'started');
    await kill(one);

    await using again = startUnit(lab, FIRST, domains);
    await again.reaches('world', 'started');
    await using other = startUnit(lab, SECOND, domains);
    await waits(other, `by ${FIRST} (pid ${again.pid})`);

    expect(attachedTo(lab)).toEqual([`${POOLED} at /dev/sdf`]);
    expect(lab.calls('AttachVolume')).toHaveLength(1);
  });
});

describe('a unit that creates', () => {
  it('does so for itself, while another one prepares what it has created for the same entry [6.3, 6.6]', async () => {
    await using lab = await startLab();
    const preparing = gate(lab, 'prepared');
    const entry = { ...created, exec: [{ lines: [preparing.line] }] };
    await using one = startUnit(lab, FIRST, { world: { 'attach-volume': [entry] } });
    await preparing.reached(one);
    await using other = startUnit(lab, SECOND, { world: { 'attach-volume': [created] } });
    await waits(other, `by ${FIRST} (pid ${one.pid})`);
    const meanwhile = createdVolumes(lab).length;
    preparing.open();
    await one.reaches('world', 'started');

    expect(meanwhile).toBe(1);
  });
});

(canListen ? describe : describe.skip)(
  'the status of a unit that waits for another one (skipped on a Node without node:ffi)',
  () => {
    it('names it [11.2]', async () => {
      await using lab = await startLab({ volumes });
      using systemd = listening(lab);
      await using one = startUnit(lab, FIRST, { one: { 'attach-volume': [volume] } });
      await one.reaches('one', 'started');
      await using _ = startUnit(lab, SECOND, { two: { 'attach-volume': [volume] } }, systemd.watching.environment);

      await systemd.hears(
        `STATUS=0 of 1 domains started; two: pending; waiting: /dev/sdf is being used on this instance, by ${FIRST} (pid ${one.pid})`,
      );
    });
  },
);
