/** Whole stories: the built daemon as a process of its own, against the cloud in a box, with real commands. */

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Lab, QUEUE, startDaemon, startLab, TOPIC, VOLUME, ZONE } from './helpers/daemon.ts';
import { canListen, listen } from './helpers/notify-socket.ts';
import { eventually } from './helpers/simulator-clients.ts';

const volume = { device: '/dev/sdf', source: 'x', 'volume-id': VOLUME };
const record = { hostedzone: ZONE, name: 'play.example.com', ttl: 60 };
const sns = { backend: 'aws-sns', options: { topic: TOPIC } };

/** A shell line that appends to a file of the lab, so that its order among others can be read. */
const note = (lab: Lab, text: string) => ({
  argv: ['/bin/sh', '-c', `echo "${text}" >> ${path.join(lab.folder, 'notes')}`],
});
const notes = (lab: Lab) => readFileSync(path.join(lab.folder, 'notes'), 'utf8').trim().split('\n');

/** A domain that has one of everything. */
const world = (lab: Lab) => ({
  'attach-volume': [{ ...volume, exec: [{ lines: [note(lab, 'prepare {attached_device} {attach_op}')] }] }],
  'update-route53': [record],
  exec: [
    { on: 'starting', lines: [note(lab, 'starting')] },
    { on: 'started', lines: [note(lab, 'started {static_dns_rr}')] },
    { on: 'interrupted', lines: [note(lab, 'warn {interrupt_action}'), note(lab, 'save')] },
    { on: 'stopping', lines: [note(lab, 'stopping')] },
    { on: 'failed', lines: [note(lab, 'failed')] },
  ],
  notify: [sns, { backend: 'aws-sqs', options: { 'queue-url': lab.cloud.queueUrl(QUEUE) } }],
});

describe('a Spot interruption notice, two minutes ahead', () => {
  it('runs the commands, tells their results, and leaves instance and volume as they are [5.1, 5.5]', async () => {
    await using lab = await startLab({ attachMs: 100 });
    await using daemon = startDaemon(lab, { configuration: { domains: { world: world(lab) } } });
    await daemon.reaches('world', 'started');

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual([
      'starting',
      expect.stringMatching(/^prepare .*\/dev\/nvme\dn1 true$/),
      'started play.example.com.',
      'warn terminate',
      'save',
    ]);
    expect(lab.told().map(({ daemon_state }) => daemon_state)).toEqual(['started', 'interrupted']);
    expect(lab.told().at(-1).results).toMatchObject([{ exit_code: 0 }, { exit_code: 0 }]);
    expect(lab.cloud.received(QUEUE)).toHaveLength(2);
    expect(lab.cloud.instance().state).toBe('running');
    expect(lab.cloud.volume(VOLUME)?.attachments).toMatchObject([{ status: 'attached' }]);
  });

  it('that is there at the start means that nothing is taken, and is told [5.2, 5.3]', async () => {
    await using lab = await startLab();
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 100 });
    await using daemon = startDaemon(lab, { configuration: { domains: { world: { ...world(lab), exec: [] } } } });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(lab.calls('AttachVolume')).toEqual([]);
    expect(lab.calls('ChangeResourceRecordSets')).toEqual([]);
    expect(lab.told().map(({ daemon_state }) => daemon_state)).toEqual(['interrupted']);
  });

  it('leaves no command of one domain waiting for another [5.4, 5.5]', async () => {
    await using lab = await startLab();
    const quick = { exec: [{ on: 'interrupted', lines: [note(lab, 'quick')] }] };
    const slow = { exec: [{ on: 'interrupted', lines: [{ argv: ['/bin/sleep', '1'] }, note(lab, 'slow')] }] };
    await using daemon = startDaemon(lab, { configuration: { domains: { slow, quick } } });
    await Promise.all([daemon.reaches('slow', 'started'), daemon.reaches('quick', 'started')]);

    lab.cloud.interrupt({ action: 'stop', inSeconds: 120 });
    await daemon.ended;

    expect(notes(lab)).toEqual(['quick', 'slow']);
  });

  it('can be made by hand with SIGUSR2, and SIGHUP does nothing [9.6]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: { domains: { world: world(lab) } } });
    await daemon.reaches('world', 'started');

    daemon.signal('SIGHUP');
    await daemon.says(({ message }) => message.startsWith('SIGHUP is ignored'));
    daemon.signal('SIGUSR2');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toContain('warn terminate');
  });
});

describe('SIGTERM', () => {
  it('while started runs the stopping commands, tells, and exits 0 [2.3, 5.6]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: { domains: { world: world(lab) } } });
    await daemon.reaches('world', 'started');

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).at(-1)).toBe('stopping');
    expect(lab.told().map(({ daemon_state }) => daemon_state)).toEqual(['started', 'stopping']);
    expect(lab.cloud.volume(VOLUME)?.attachments).toMatchObject([{ status: 'attached' }]);
  });

  it('finds a notice that the watch has not seen yet, and makes it an interruption [5.6]', async () => {
    await using lab = await startLab();
    const configuration = {
      'interrupt-detection': { options: { interval: 30 } },
      domains: { world: world(lab) },
    };
    await using daemon = startDaemon(lab, { configuration });
    await daemon.reaches('world', 'started');

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 60 });
    daemon.signal('SIGTERM');
    await daemon.ended;

    expect(notes(lab).slice(-2)).toEqual(['warn terminate', 'save']);
  });

  it('while the metadata is awaited ends at once with 0 [2.3]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { args: ['--imds=127.0.0.1:9'] });
    await daemon.says(({ message }) => message.startsWith('waiting'));

    daemon.signal('SIGTERM');

    expect(await daemon.ended).toEqual({ exitCode: 0, signal: null });
  });
});

describe('a second run', () => {
  it('changes nothing in AWS, and runs started again [12.1, 6.2, 7.4]', async () => {
    await using lab = await startLab();
    const configuration = { domains: { world: { ...world(lab), notify: [] } } };
    {
      await using first = startDaemon(lab, { configuration });
      await first.reaches('world', 'started');
      first.signal('SIGTERM');
      await first.ended;
    }
    const before = lab.cloud.calls().length;

    await using second = startDaemon(lab, { configuration });
    await second.reaches('world', 'started');

    const calls = lab.cloud
      .calls()
      .slice(before)
      .filter(({ service }) => service !== 'imds');
    // What was right while the volumes attached is looked at once more: a predecessor may have withdrawn it.
    expect([...new Set(calls.map(({ operation }) => operation))].sort()).toEqual([
      'DescribeVolumes',
      'ListResourceRecordSets',
    ]);
    expect(notes(lab).at(-2)).toMatch(/^prepare .* false$/);
    expect(notes(lab).at(-1)).toMatch(/^started/);
  });
});

describe('a volume', () => {
  it('that another instance holds is waited for, and the log says who [6.4]', async () => {
    const other = 'i-0fedcba9876543210';
    await using lab = await startLab({
      instances: [{}, { id: other }],
      volumes: [{ id: VOLUME, attachedTo: { instanceId: other, device: '/dev/sdf' } }],
    });
    await using daemon = startDaemon(lab, { configuration: { domains: { world: { 'attach-volume': [volume] } } } });

    const waiting = await daemon.says(({ message }) => message.startsWith('waiting'));

    expect(waiting.message).toContain(`${VOLUME} is held by ${other} (attached)`);
  });

  it('whose serial nowhere shows is found at the path that was asked for, a plain file included [6.9]', async () => {
    await using lab = await startLab({ instances: [{}] });
    writeFileSync(path.join(lab.sysroot, 'dev/xvdf'), '');
    const exec = [{ lines: [note(lab, '{attached_device}')] }];
    await using daemon = startDaemon(lab, {
      configuration: { domains: { world: { 'attach-volume': [{ ...volume, exec }] } } },
      environment: { EC2FLEETD_SYSROOT: lab.sysroot },
    });
    await daemon.reaches('world', 'started');

    expect(notes(lab)).toEqual([path.join(lab.sysroot, 'dev/xvdf')]);
  });

  it('that does not exist fails the domain with its id and what to check, and the daemon exits 1 [2.3, 5.4, 6.3]', async () => {
    await using lab = await startLab();
    const missing = { ...volume, 'volume-id': 'vol-0000000000000dead' };
    const failing = { ...world(lab), 'attach-volume': [missing] };
    await using daemon = startDaemon(lab, { configuration: { domains: { failing } } });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    const [error] = daemon.log.filter(({ level, part }) => level === 'error' && part === 'attach-volume[0]');
    expect(error?.message).toMatch(/EC2 has no vol-0000000000000dead in eu-west-1\. Check volume-id/);
    expect(notes(lab)).toEqual(['starting', 'failed']);
    expect(lab.told().at(-1)).toMatchObject({ daemon_state: 'failed', error: [['attach-volume[0]', error?.message]] });
  });
});

describe('domains', () => {
  it('go on when one fails, and the daemon exits 1 at the stop [2.3, 5.4]', async () => {
    await using lab = await startLab();
    const broken = { exec: [{ on: 'starting', lines: [{ argv: ['/bin/false'] }] }] };
    await using daemon = startDaemon(lab, { configuration: { domains: { broken, world: world(lab) } } });
    await Promise.all([daemon.reaches('broken', 'stopped'), daemon.reaches('world', 'started')]);

    daemon.signal('SIGTERM');

    expect((await daemon.ended).exitCode).toBe(1);
    expect(notes(lab).at(-1)).toBe('stopping');
  });

  it('that are none leave a daemon that only polls [3.2]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: { domains: {} }, args: ['-v'] });
    await daemon.says(({ state }) => state === 'running');

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });

    expect((await daemon.ended).exitCode).toBe(0);
  });
});

describe('two entries that are one only once macros are expanded', () => {
  it.each([
    {
      what: 'device',
      one: { 'attach-volume': [{ ...volume, device: '/dev/sdf' }] },
      other: { 'attach-volume': [{ ...volume, 'volume-id': 'vol-0000000000000aaaa', device: '/dev/xvd{domain}' }] },
    },
    {
      what: 'volume',
      one: { 'attach-volume': [volume] },
      other: {
        'attach-volume': [{ ...volume, device: '/dev/sdg', 'volume-id': 'vol-{instance_index}a1b2c3d4e5f60718' }],
      },
    },
    {
      what: 'record',
      one: { 'update-route53': [{ ...record, name: '0.example.com' }] },
      other: { 'update-route53': [{ ...record, name: '{instance_index}.Example.com.' }] },
    },
  ])('fail the later domain, which touches nothing: $what [3.4]', async ({ one, other, what }) => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: { domains: { first: one, f: other } } });

    await Promise.all([daemon.reaches('first', 'started'), daemon.reaches('f', 'stopped')]);

    const errors = daemon.log.filter(({ level, domain }) => level === 'error' && domain === 'f');
    expect(errors[0]?.message).toMatch(new RegExp(`^${what} .* is asked for twice .* first by first`));
  });
});

describe('domains with the names of what every object has', () => {
  it('live like any other [2.3, 5.4]', async () => {
    await using lab = await startLab();
    const failing = { exec: [{ on: 'starting', lines: [{ argv: ['/bin/false'] }] }], notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: { domains: { constructor: failing, toString: failing } } });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(
      lab
        .told()
        .map(({ domain }) => domain)
        .sort(),
    ).toEqual(['constructor', 'toString']);
  });
});

describe('init off', () => {
  it('shows each change that is not made in the log [2.1]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, {
      configuration: { domains: { world: world(lab) } },
      args: ['--enable-init=0'],
    });
    await daemon.reaches('world', 'started');

    const dry = daemon.log.filter((line) => line.dry === true).map(({ message }) => message);

    expect(dry).toEqual(['not done, init is off: attach_volume', 'not done, init is off: change_resource_record_sets']);
  });
});

describe('without a role', () => {
  it('commands run all the same where nothing of AWS is wanted [2.1, 9.7]', async () => {
    await using lab = await startLab();
    lab.cloud.changeInstance({ role: undefined });
    const configuration = {
      domains: { world: { exec: [{ on: 'started', lines: [note(lab, 'ran')] }], notify: [sns] } },
    };
    await using daemon = startDaemon(lab, { configuration, args: ['--disable-all', '--enable-exec=1'] });

    expect((await daemon.ended).exitCode).toBe(0);
    expect(notes(lab)).toEqual(['ran']);
  });
});

describe('without polling', () => {
  it('the daemon is a one-shot: up, started, told, exit 0 [5.8, 11.4]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, {
      configuration: { domains: { world: world(lab) } },
      args: ['--enable-poll=no'],
    });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).at(-1)).toBe('started play.example.com.');
    expect(lab.told().map(({ daemon_state }) => daemon_state)).toEqual(['started']);
    // Nothing is started any more, however short it was.
    expect(lab.startedFlag('world')).toBe(false);
  });
});

describe('without init', () => {
  it('every change to AWS is a logged no-op, and the host name stays [2.1]', async () => {
    await using lab = await startLab();
    const configuration = { 'set-hostname': 'new-name', domains: { world: world(lab) } };
    await using daemon = startDaemon(lab, { configuration, args: ['--enable-init=0'] });
    await daemon.reaches('world', 'started');
    daemon.signal('SIGTERM');
    await daemon.ended;

    expect([...lab.calls('AttachVolume'), ...lab.calls('ChangeResourceRecordSets')]).toEqual([]);
    expect(readFileSync(path.join(lab.sysroot, 'proc/sys/kernel/hostname'), 'utf8').trim()).toBe('localhost');
    const dry = lab.told()[0].transaction_log.filter(({ dry }: { dry: boolean }) => dry);
    expect(dry.map(({ method }: { method: string }) => method)).toEqual([
      'attach_volume',
      'change_resource_record_sets',
    ]);
  });
});

describe('the host name', () => {
  it("is set before any domain's commands, macros expanded [3.2, 4.1]", async () => {
    await using lab = await startLab();
    const hostname = path.join(lab.sysroot, 'proc/sys/kernel/hostname');
    const exec = [{ on: 'starting', lines: [{ argv: ['/bin/cp', hostname, path.join(lab.folder, 'notes')] }] }];
    await using daemon = startDaemon(lab, {
      configuration: { hostname: 'world-{instance_index:0>2}', domains: { world: { exec } } },
    });
    await daemon.reaches('world', 'started');

    expect(notes(lab)).toEqual(['world-00']);
  });
});

describe('a configuration', () => {
  it('is taken from a file, and refused with every problem, its place and exit 2, before anything is touched [2.3, 3.1]', async () => {
    await using lab = await startLab();
    const text =
      '{\n  "timeout": "60s",\n  "domains": { "w": { "update-route53": [{ "hostedzone": "Z1", "name": "a.b" }] } }\n}';
    await using daemon = startDaemon(lab, { configuration: text, asFile: true });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(2);
    expect(daemon.log.map(({ message }) => message)).toEqual([
      expect.stringMatching(/config\.jsonc: 2 problems$/),
      expect.stringMatching(/config\.jsonc:2:14 timeout: .*seconds.*"60s"/),
      expect.stringMatching(/config\.jsonc:3:42 domains\["w"\]\.update-route53\[0\]: "ttl" is missing/),
    ]);
    expect(lab.cloud.calls()).toEqual([]);
  });

  it('that is not there means nothing to do: exit 0 [2.3]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab);

    expect((await daemon.ended).exitCode).toBe(0);
  });
});

describe('without metadata', () => {
  it('the daemon says so in one sentence and exits 1 [9.7]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { args: ['--imds=127.0.0.1:9'] });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    const errors = daemon.log.filter(({ level }) => level === 'error');
    expect(errors.map(({ message }) => message)).toEqual([expect.stringMatching(/127\.0\.0\.1:9.*ECONNREFUSED/)]);
  });

  it('at the first endpoint the next is asked, and kept [2.1]', async () => {
    await using lab = await startLab();
    const endpoints = `--imds=127.0.0.1:9,${lab.cloud.imdsUrl()}`;
    await using daemon = startDaemon(lab, { configuration: { domains: { world: world(lab) } }, args: [endpoints] });

    await expect(daemon.reaches('world', 'started')).resolves.toBeDefined();
  });
});

describe('a defect of ours', () => {
  it('ends the daemon with 70 and is named as one [2.3]', async () => {
    await using lab = await startLab();
    const preload = path.join(lab.folder, 'defect.cjs');
    writeFileSync(preload, "setTimeout(() => { throw new Error('nobody thought of this') }, 100);");
    await using daemon = startDaemon(lab, {
      configuration: { domains: {} },
      environment: { NODE_OPTIONS: `--require=${preload}` },
    });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(70);
    expect(daemon.log.map(({ message }) => message).join('\n')).toMatch(
      /a defect of ec2fleetd.*\n.*nobody thought of this/,
    );
  });
});

(canListen ? describe : describe.skip)('systemd (skipped on a Node without node:ffi)', () => {
  it('hears READY before the started commands, and STOPPING last; the flag stands while started [11.1, 11.2, 11.3, 11.4]', async () => {
    await using lab = await startLab();
    const socket = path.join(lab.folder, 'notify');
    using systemd = listen(socket);
    const heard: string[] = [];
    const hear = () => heard.push(...systemd.messages());
    // The command can only end once READY has been heard.
    const ready = path.join(lab.folder, 'ready');
    const gate = { argv: ['/bin/sh', '-c', `until [ -e ${ready} ]; do sleep 0.02; done`], timeout: 10 };
    await using daemon = startDaemon(lab, {
      configuration: {
        'interrupt-detection': { options: { interval: 0.1 } },
        domains: { world: { exec: [{ on: 'started', lines: [gate] }], notify: [sns] } },
      },
      environment: { NOTIFY_SOCKET: socket },
    });

    await daemon.says(({ message, event }) => message === 'command starts' && event === 'started');
    hear();
    expect(heard.join('\n')).toContain('READY=1');
    writeFileSync(ready, '');
    await daemon.reaches('world', 'started');
    await eventually(
      async () => lab.startedFlag('world'),
      (stands) => stands,
    );
    await eventually(
      async () => {
        hear();
        return heard;
      },
      (all) => all.includes('WATCHDOG=1'),
    );
    daemon.signal('SIGTERM');
    await daemon.ended;
    hear();

    expect(heard.join('\n')).toContain('STATUS=1 of 1 domains started');
    expect(heard.at(-1)).toBe('STOPPING=1');
    expect(lab.startedFlag('world')).toBe(false);
  });
});
