/** Killed at any moment and started again: nothing is lost, and nothing done twice. The built daemon, again and again. */

import { type Lab, startDaemon, startLab, VOLUME, ZONE } from './helpers/daemon.ts';
import { eventually } from './helpers/simulator-clients.ts';
import {
  accepted,
  addressSets,
  answered,
  attached,
  configurationOf,
  deniedRecord,
  flagged,
  gate,
  held,
  kill,
  note,
  notes,
  record,
  secondVolume,
  secondVolumeIsHeld,
  sns,
  toldEvents,
  twoVolumesTwoZones,
  volume,
} from './helpers/story.ts';

/** The changes that a lab's AWS was asked for since a number of calls. */
const changesSince = (lab: Lab, count: number) =>
  lab.cloud
    .calls()
    .slice(count)
    .map(({ operation }) => operation)
    .filter((operation) => /^(Attach|Detach|Create|Delete|Change)/.test(operation));

/** Those among them that are more than marks, which whoever goes on with a volume writes anew (6.7). */
const beyondMarks = (operations: string[]) => operations.filter((operation) => !operation.endsWith('Tags'));

describe('killed on the way up, and started again, the daemon', () => {
  it('adopts what it attached before its disk was there, and has it formatted once [12.2, 6.2, 4.3]', async () => {
    await using lab = await startLab({ deviceDelayMs: 500 });
    const format = { argv: ['/bin/sh', '-c', '[ {attach_op} = false ] || echo formatted >> "$NOTES"'] };
    const exec = [{ lines: [format], env: { NOTES: `${lab.folder}/notes` } }];
    const configuration = configurationOf({ world: { 'attach-volume': [{ ...volume, exec }] } });
    const taken = answered(lab, 'AttachVolume');
    await using first = startDaemon(lab, { configuration });
    await taken;
    await kill(first);

    for (const _ of ['second', 'third']) {
      await using next = startDaemon(lab, { configuration });
      await next.reaches('world', 'started');
      next.signal('SIGTERM');
      await next.ended;
    }

    expect(lab.calls('AttachVolume')).toHaveLength(1);
    expect(notes(lab)).toEqual(['formatted']);
  });

  it('has a volume formatted again whose formatting it did not see the end of [4.3, 12.2]', async () => {
    await using lab = await startLab();
    const formatting = gate(lab, 'formatted');
    const exec = [{ lines: [note(lab, 'format {attach_op}'), formatting.line] }];
    const configuration = configurationOf({ world: { 'attach-volume': [{ ...volume, exec }] } });
    await using first = startDaemon(lab, { configuration });
    await formatting.reached(first);
    await kill(first);
    formatting.open();

    await using second = startDaemon(lab, { configuration });
    await second.reaches('world', 'started');
    await kill(second);
    await using third = startDaemon(lab, { configuration });
    await third.reaches('world', 'started');

    expect(notes(lab)).toEqual(['format true', 'format true', 'format false']);
  });

  it('does not have it formatted again that was ready and not committed, and gives it back if it is stopped [4.3, 12.2, 5.2]', async () => {
    await using lab = await startLab(secondVolumeIsHeld);
    const exec = [{ lines: [note(lab, 'format {attach_op}')] }];
    const configuration = configurationOf({
      world: { 'attach-volume': [{ ...volume, exec }], 'update-route53': [record] },
      other: { 'attach-volume': [secondVolume] },
    });
    await using first = startDaemon(lab, { configuration });
    await first.reaches('world', 'dns-updated');
    await kill(first);
    const before = lab.cloud.calls().length;

    await using second = startDaemon(lab, { configuration });
    await second.reaches('world', 'dns-updated');
    const changes = beyondMarks(changesSince(lab, before));
    second.signal('SIGTERM');
    await second.ended;

    expect(notes(lab)).toEqual(['format true', 'format false']);
    expect(changes).toEqual([]);
    expect(attached(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
  });

  it('gives back what it took before, if it fails then [12.2, 5.2]', async () => {
    await using lab = await startLab(twoVolumesTwoZones);
    const preparing = gate(lab, 'prepared');
    const exec = [{ lines: [preparing.line] }];
    const world = { 'attach-volume': [{ ...volume, exec }], 'update-route53': [deniedRecord] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world }) });
    await preparing.reached(first);
    await kill(first);
    preparing.open();

    await using second = startDaemon(lab, { configuration: configurationOf({ world }) });
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(1);
    expect(attached(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
  });

  it('still knows what stood in DNS before a change whose answer it did not live to see [12.2, 7.5]', async () => {
    const predecessor = { name: 'play.example.com.', type: 'A', ttl: 300, values: ['198.51.100.7'] };
    await using lab = await startLab({
      ...secondVolumeIsHeld,
      hostedZones: [{ id: ZONE, name: 'example.com', recordSets: [predecessor] }],
    });
    const other = { 'attach-volume': [secondVolume] };
    const configuration = configurationOf({ world: { 'update-route53': [record] }, other });
    const written = answered(lab, 'ChangeResourceRecordSets');
    await using first = startDaemon(lab, { configuration });
    await written;
    await kill(first);
    const between = addressSets(lab).map(({ values }) => values);

    await using second = startDaemon(lab, { configuration });
    await second.reaches('world', 'dns-updated');
    second.signal('SIGTERM');
    await second.ended;

    expect(between).toEqual([['203.0.113.10'], ['2001:db8::a']]);
    expect(addressSets(lab)).toEqual([predecessor]);
    expect(lab.calls('ChangeResourceRecordSets')).toHaveLength(3);
  });

  it('attaches anew what it was giving back when it was killed [12.2, 6.2, 4.3]', async () => {
    await using lab = await startLab({ ...twoVolumesTwoZones, detachMs: 400 });
    const world = { 'attach-volume': [{ ...volume, exec: [{ lines: [note(lab, '{attach_op}')] }] }] };
    const refused = { ...world, 'update-route53': [deniedRecord] };
    const detaching = answered(lab, 'DetachVolume');
    await using first = startDaemon(lab, { configuration: configurationOf({ world: refused }) });
    await detaching;
    await kill(first);

    await using second = startDaemon(lab, { configuration: configurationOf({ world }) });
    await second.reaches('world', 'started');

    expect(attached(lab)).toEqual([VOLUME]);
    expect(notes(lab)).toEqual(['true', 'true']);
    expect(lab.calls('AttachVolume').map(({ status }) => status)).toEqual([200, 200]);
  });

  it('gives back what it took before, if there is a notice then [12.2, 5.2, 5.3]', async () => {
    await using lab = await startLab(secondVolumeIsHeld);
    const configuration = configurationOf({
      world: { 'attach-volume': [volume], 'update-route53': [record], notify: [sns] },
      other: { 'attach-volume': [secondVolume] },
    });
    await using first = startDaemon(lab, { configuration });
    await first.reaches('world', 'dns-updated');
    await kill(first);
    lab.cloud.interrupt({ action: 'stop' });

    await using second = startDaemon(lab, { configuration });
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(0);
    expect(attached(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
    expect(toldEvents(lab)).toEqual(['interrupted']);
  });

  it('gives back what it took before, if it is asked to stop while it waits in a warm pool [12.2, 5.2, 5.9]', async () => {
    await using lab = await startLab(secondVolumeIsHeld);
    const configuration = configurationOf({
      world: { 'attach-volume': [volume], 'update-route53': [record], notify: [sns] },
      other: { 'attach-volume': [secondVolume] },
    });
    await using first = startDaemon(lab, { configuration });
    await first.reaches('world', 'dns-updated');
    await kill(first);
    lab.cloud.changeInstance({ targetLifecycleState: 'Warmed:Running' });

    await using second = startDaemon(lab, { configuration });
    await second.says(({ state }) => state === 'warming');
    second.signal('SIGTERM');
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(0);
    expect(attached(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
    expect(toldEvents(lab)).toEqual(['stopping']);
  });

  it('gives back what it took and prepared before, if it fails then, and ends: nothing is here any more [12.2, 5.4, 2.3]', async () => {
    await using lab = await startLab({ ...twoVolumesTwoZones, ...secondVolumeIsHeld });
    const other = { 'attach-volume': [secondVolume] };
    const world = { 'attach-volume': [volume], 'update-route53': [record] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world, other }) });
    await first.reaches('world', 'dns-updated');
    await kill(first);

    const refused = { ...world, 'update-route53': [record, deniedRecord] };
    await using second = startDaemon(lab, { configuration: configurationOf({ world: refused }) });
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(1);
    expect(attached(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([]);
    expect(held(lab)).toEqual([]);
  });

  it('first gives back what it took and a changed configuration no longer asks for [12.2, 6.10, 7.5]', async () => {
    await using lab = await startLab({
      ...secondVolumeIsHeld,
      volumes: [...secondVolumeIsHeld.volumes, { id: 'vol-0aaaabbbbccccdddd' }],
    });
    const other = { 'attach-volume': [secondVolume] };
    const world = { 'attach-volume': [volume], 'update-route53': [record] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world, other }) });
    await first.reaches('world', 'dns-updated');
    await kill(first);
    const before = lab.cloud.calls().length;

    const changed = { 'attach-volume': [{ ...volume, 'volume-id': 'vol-0aaaabbbbccccdddd' }] };
    await using second = startDaemon(lab, { configuration: configurationOf({ changed }) });
    await second.reaches('changed', 'started');

    expect(beyondMarks(changesSince(lab, before))).toEqual([
      'ChangeResourceRecordSets',
      'ChangeResourceRecordSets',
      'DetachVolume',
      'AttachVolume',
    ]);
    expect(addressSets(lab)).toEqual([]);
    expect(attached(lab)).toEqual([]);
    // What is committed is struck from the journal beside whatever comes next.
    await eventually(
      async () => held(lab),
      (ids) => ids.length === 0,
    );
  });
});

describe('killed while started, and started again, the daemon', () => {
  it('changes nothing in AWS, and starts the application anew [12.1, 11.4]', async () => {
    await using lab = await startLab();
    const flags = `$(ls ${lab.sysroot}/run/ec2fleetd | grep started)`;
    const world = {
      'attach-volume': [volume],
      'update-route53': [record],
      exec: ['starting', 'started'].map((on) => ({ on, lines: [note(lab, `${on}, flags: ${flags}`)] })),
    };
    const configuration = configurationOf({ world });
    await using first = startDaemon(lab, { configuration });
    await flagged(lab, 'world');
    await kill(first);
    const before = lab.cloud.calls().length;
    const flagLeftBehind = lab.startedFlag('world');

    await using second = startDaemon(lab, { configuration });
    await second.reaches('world', 'started');

    expect(changesSince(lab, before)).toEqual([]);
    expect(notes(lab).slice(2)).toEqual(['starting, flags:', 'started, flags:']);
    expect(flagLeftBehind).toBe(true);
  });

  it('stops in order an application that it started, also when it is asked to before it knows its addresses [5.6, 12.3]', async () => {
    await using lab = await startLab();
    const world = {
      'attach-volume': [volume],
      exec: ['starting', 'stopping'].map((on) => ({ on, lines: [note(lab, on)] })),
      notify: [sns],
    };
    const configuration = configurationOf({ world });
    await using first = startDaemon(lab, { configuration });
    await first.says(accepted('world', 'started'));
    await kill(first);
    lab.cloud.metadataFault({ kind: 'status', status: 503, paths: 'meta-data/mac' });

    await using second = startDaemon(lab, { configuration });
    await second.says(({ message }) => message.startsWith('waiting:'));
    second.signal('SIGTERM');
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab)).toEqual(['starting', 'stopping']);
    expect(toldEvents(lab)).toEqual(['started', 'stopping']);
  });

  it.each([
    { how: 'all is well', fault: undefined },
    { how: 'the addresses cannot be read', fault: { kind: 'status', status: 503, paths: 'meta-data/mac' } as const },
  ])(
    'runs the interrupted commands of an application that it started, under a notice that came meanwhile: $how [12.3, 5.3]',
    async ({ fault }) => {
      await using lab = await startLab();
      const world = {
        'attach-volume': [volume],
        exec: [{ on: 'interrupted', lines: [note(lab, 'save {interrupt_action}')] }],
        notify: [sns],
      };
      const configuration = configurationOf({ world });
      await using first = startDaemon(lab, { configuration });
      await first.says(accepted('world', 'started'));
      await kill(first);
      const before = lab.cloud.calls().length;
      lab.cloud.interrupt({ action: 'stop' });
      if (fault) lab.cloud.metadataFault(fault);

      await using second = startDaemon(lab, { configuration });
      const { exitCode } = await second.ended;

      expect(exitCode).toBe(0);
      expect(changesSince(lab, before)).toEqual([]);
      expect(notes(lab)).toEqual(['save stop']);
      expect(second.log.filter(({ message }) => message.startsWith('waiting:'))).toEqual([]);
      expect(toldEvents(lab)).toEqual(['started', 'interrupted']);
    },
  );
});

describe('killed on the way down, and started again under the same notice, the daemon', () => {
  it('runs the interrupted commands of those domains that had not got through them, and takes nothing [12.3, 9.5]', async () => {
    await using lab = await startLab(twoVolumesTwoZones);
    const saving = gate(lab, 'saved');
    const slow = [note(lab, 'slow'), saving.line];
    const configuration = configurationOf({
      quick: { 'attach-volume': [volume], exec: [{ on: 'interrupted', lines: [note(lab, 'quick')] }], notify: [sns] },
      slow: { 'attach-volume': [secondVolume], exec: [{ on: 'interrupted', lines: slow }], notify: [sns] },
    });
    await using first = startDaemon(lab, { configuration });
    await Promise.all(['quick', 'slow'].map((domain) => first.reaches(domain, 'started')));
    lab.cloud.interrupt({ action: 'terminate' });
    await Promise.all([first.says(accepted('quick', 'interrupted')), saving.reached(first)]);
    await kill(first);
    saving.open();
    const before = lab.cloud.calls().length;

    await using second = startDaemon(lab, { configuration });
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).toSorted()).toEqual(['quick', 'slow', 'slow']);
    expect(changesSince(lab, before)).toEqual([]);
    expect(lab.told().filter(({ daemon_state }) => daemon_state === 'interrupted')).toMatchObject([
      { domain: 'quick' },
      { domain: 'slow' },
    ]);
  });
});

describe('started again when all was done, the daemon', () => {
  it('repeats nothing under the same notice, neither commands nor messages [9.5, 12.3]', async () => {
    await using lab = await startLab();
    const exec = [{ on: ['started', 'interrupted'], lines: [note(lab, '{daemon_state}')] }];
    const configuration = configurationOf({ world: { 'attach-volume': [volume], exec, notify: [sns] } });
    await using first = startDaemon(lab, { configuration });
    await first.reaches('world', 'started');
    lab.cloud.interrupt({ action: 'terminate' });
    await first.ended;
    const before = lab.cloud.calls().length;

    await using second = startDaemon(lab, { configuration });
    const { exitCode } = await second.ended;

    expect(exitCode).toBe(0);
    expect(
      lab.cloud
        .calls()
        .slice(before)
        .filter(({ service }) => service !== 'imds'),
    ).toEqual([]);
    expect(notes(lab)).toEqual(['started', 'interrupted']);
    expect(toldEvents(lab)).toEqual(['started', 'interrupted']);
  });

  it('goes through it all again when that notice was withdrawn and another one comes [9.5]', async () => {
    await using lab = await startLab();
    const exec = [{ on: ['started', 'interrupted'], lines: [note(lab, '{daemon_state}')] }];
    const configuration = configurationOf({ world: { exec } });
    await using first = startDaemon(lab, { configuration });
    await first.reaches('world', 'started');
    lab.cloud.interrupt({ action: 'terminate' });
    await first.ended;
    lab.cloud.withdrawNotice();

    await using second = startDaemon(lab, { configuration });
    await second.reaches('world', 'started');
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 90 });
    await second.ended;

    expect(notes(lab)).toEqual(['started', 'interrupted', 'started', 'interrupted']);
  });
});
