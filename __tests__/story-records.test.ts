/** What a domain asks of DNS beyond an address under a name: the built daemon, from boot to exit. */

import path from 'node:path';
import { exitStatus } from '../config/exit-status.ts';
import type { StoredRecordSet } from '../simulator/cloud.ts';
import { type Daemon, type Lab, machineIn, startDaemon, startLab, VOLUME, ZONE } from './helpers/daemon.ts';
import { startFleet } from './helpers/fleet.ts';
import {
  addressSets,
  configurationOf,
  DENIED_ZONE,
  deniedRecord,
  gate,
  held,
  INSTANCE,
  kill,
  note,
  notes,
  OTHER_INSTANCE,
  record,
  sns,
  theirs,
  toldEvents,
  twoVolumesTwoZones,
  upsert,
  volume,
} from './helpers/story.ts';

const name = 'play.example.com.';
const healthCheckId = '01234567-89ab-cdef-0123-456789abcdef';
const balancer = { hostedZoneId: 'Z0000000BALANCER', dnsName: 'balancer.example.net.', evaluateTargetHealth: true };
const predecessor: StoredRecordSet = { name, type: 'A', ttl: 300, values: ['198.51.100.7'] };
const predecessorV6: StoredRecordSet = { name, type: 'AAAA', ttl: 900, values: ['2001:db8::7'] };

/** The zone that takes changes, with these record sets in it, and one that does not. */
const zonesWith = (...recordSets: StoredRecordSet[]) => ({
  hostedZones: [
    { id: ZONE, name: 'example.com', recordSets },
    { id: DENIED_ZONE, name: 'example.org' },
  ],
});

/** The instance has an IPv4 address and no other. */
function haveIpv4Only(lab: Lab): void {
  lab.cloud.changeInstance({ ipv6: [] });
}

function haveNoAddress(lab: Lab): void {
  lab.cloud.changeInstance({ publicIpv4: undefined, ipv6: [] });
}

/** What stood under the names after each change that was made. */
function standingAfterChanges(lab: Lab): StoredRecordSet[][] {
  const seen: StoredRecordSet[][] = [];
  lab.cloud.onCall(({ operation, status }) => {
    if (operation === 'ChangeResourceRecordSets' && status === 200) seen.push(addressSets(lab));
  });
  return seen;
}

describe('"set": "multivalue"', () => {
  const shared = { ...record, set: 'multivalue' };
  const world = { 'update-route53': [{ ...shared, release: ['stopping'] }] };
  const own = (setIdentifier: string, type: 'A' | 'AAAA', address: string): StoredRecordSet => ({
    name,
    type,
    setIdentifier,
    ttl: 60,
    values: [address],
    multiValueAnswer: true,
  });
  const mine = [own(INSTANCE, 'A', '203.0.113.10'), own(INSTANCE, 'AAAA', '2001:db8::a')];
  const others = [own(OTHER_INSTANCE, 'A', '203.0.113.11'), own(OTHER_INSTANCE, 'AAAA', '2001:db8::b')];

  /** A daemon on a second instance of the cloud. */
  async function startOther(lab: Lab): Promise<Daemon> {
    const sysroot = machineIn(path.join(lab.folder, 'other'));
    const userData = JSON.stringify(configurationOf({ world }));
    await lab.cloud.launch({ id: OTHER_INSTANCE, sysroot, userData });
    const stateDirectory = path.join(sysroot, 'var/lib/ec2fleetd');
    const environment = { ...lab.cloud.environment(OTHER_INSTANCE), STATE_DIRECTORY: stateDirectory };
    return startDaemon(lab, { environment });
  }

  it('has each instance stand under the name for itself, and withdraw for itself [7.8, 7.9]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await using other = await startOther(lab);
    await Promise.all([daemon.reaches('world', 'started'), other.reaches('world', 'started')]);
    const together = addressSets(lab);

    daemon.signal('SIGTERM');
    await daemon.ended;

    expect(together).toEqual(expect.arrayContaining([...mine, ...others]));
    expect(together).toHaveLength(4);
    expect(addressSets(lab)).toEqual(others);
  });

  it.each([
    { what: 'nothing of its own', before: [] },
    { what: 'an address it had before', before: [own(INSTANCE, 'A', '198.51.100.9')] },
  ])('rolls back to $what, and leaves the sets of others [7.5, 7.8]', async ({ before }) => {
    await using lab = await startLab(zonesWith(...before, ...others));
    const failing = { 'update-route53': [shared, deniedRecord] };
    const seen = standingAfterChanges(lab);
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: failing }) });

    await daemon.ended;

    expect(seen[0]).toEqual(expect.arrayContaining([...mine, ...others]));
    expect(addressSets(lab)).toHaveLength(before.length + others.length);
    expect(addressSets(lab)).toEqual(expect.arrayContaining([...before, ...others]));
    expect(held(lab)).toEqual([]);
  });

  it('leaves a set of its own alone that somebody else has changed since [7.8, 7.9]', async () => {
    await using lab = await startLab();
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');
    await upsert(lab, { ...theirs, setIdentifier: INSTANCE });

    daemon.signal('SIGTERM');
    await daemon.ended;

    expect(addressSets(lab)).toEqual([own(INSTANCE, 'A', '192.0.2.99')]);
    expect(daemon.log).toContainEqual(
      expect.objectContaining({
        message: 'record is no longer ours, and stays as it is',
        record: expect.stringContaining(INSTANCE),
      }),
    );
  });

  it('is refused where a simple record has the name, which is left as it is [7.8, 5.2]', async () => {
    await using lab = await startLab(zonesWith(predecessor));
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world: { ...world, notify: [sns] } }) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(addressSets(lab)).toEqual([predecessor]);
    expect(lab.told()[0].error).toEqual([
      ['update-route53[0]', expect.stringMatching(/non multivalue.*no record set of another kind/)],
    ]);
  });
});

describe('a record of a predecessor, for whose kind of address this instance has none', () => {
  it('is warned about, in the log and in the message, and stays [7.6, 4.4]', async () => {
    await using lab = await startLab(zonesWith(predecessor, predecessorV6));
    haveIpv4Only(lab);
    const world = { 'update-route53': [record], notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');

    daemon.signal('SIGTERM');
    await daemon.ended;

    const warning = expect.stringMatching(/AAAA record \(2001:db8::7\) was left by a predecessor.*"stale": "delete"/);
    expect(daemon.log).toContainEqual(expect.objectContaining({ level: 'warn', domain: 'world', message: warning }));
    expect(lab.told()[0]).toMatchObject({ daemon_state: 'started', error: [['update-route53[0].stale', warning]] });
    expect(addressSets(lab)).toEqual([{ ...predecessor, ttl: 60, values: ['203.0.113.10'] }, predecessorV6]);
  });

  it('is removed with "stale": "delete", in the request that writes the other [7.6, 7.2]', async () => {
    await using lab = await startLab(zonesWith(predecessor, predecessorV6));
    haveIpv4Only(lab);
    const world = { 'update-route53': [{ ...record, stale: 'delete' }], notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    await daemon.reaches('world', 'started');

    expect(addressSets(lab)).toEqual([{ ...predecessor, ttl: 60, values: ['203.0.113.10'] }]);
    expect(lab.calls('ChangeResourceRecordSets')).toHaveLength(1);
    expect(daemon.log.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it.each([
    { what: 'it was', stale: predecessorV6 },
    { what: 'it was, with its health check', stale: { ...predecessorV6, healthCheckId } },
    { what: 'it was, an alias', stale: { name, type: 'AAAA', values: [], alias: balancer } },
  ])('and was removed stands again as $what when the way up fails [7.5, 7.6]', async ({ stale }) => {
    await using lab = await startLab(zonesWith(predecessor, stale));
    haveIpv4Only(lab);
    const world = { 'update-route53': [{ ...record, stale: 'delete' }, deniedRecord] };
    const seen = standingAfterChanges(lab);
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    await daemon.ended;

    expect(seen[0]).toMatchObject([{ type: 'A', values: ['203.0.113.10'] }]);
    expect(addressSets(lab)).toEqual([predecessor, stale]);
    expect(held(lab)).toEqual([]);
  });

  it('and was removed stands again also when the answer to its removal was lost [7.5, 7.6, 12.2]', async () => {
    const id = 'Z-change-answer-lost';
    const { hostedZones } = zonesWith();
    const recordSets = [predecessor, predecessorV6];
    await using lab = await startLab({ hostedZones: [...hostedZones, { id, name: 'example.com', recordSets }] });
    haveIpv4Only(lab);
    const world = { 'update-route53': [{ ...record, hostedzone: id, stale: 'delete' }, deniedRecord] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    await daemon.ended;

    expect(lab.calls('ChangeResourceRecordSets')).toContainEqual(expect.objectContaining({ errorCode: 'answer-lost' }));
    expect(addressSets(lab, id)).toEqual(recordSets);
    expect(held(lab)).toEqual([]);
  });
});

describe('"wait": "insync"', () => {
  const awaited = { ...record, wait: 'insync' };
  const startedNotes = (lab: Lab) => [{ on: 'started', lines: [note(lab, 'started')] }];

  it('keeps the started commands until all name servers have the record [7.7]', async () => {
    await using lab = await startLab({ insyncMs: 2_000 });
    const world = { 'update-route53': [awaited], exec: startedNotes(lab) };
    const notedWhenAsked: string[][] = [];
    lab.cloud.onCall(({ operation }) => operation === 'GetChange' && notedWhenAsked.push(notes(lab)));
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    await daemon.reaches('world', 'started');

    expect(notedWhenAsked[0]).toEqual([]);
    expect(notes(lab)).toEqual(['started']);
  });

  it('goes on where nobody may ask, with one warning for all domains [7.7, 14.1]', async () => {
    const id = 'Z-get-change-denied';
    await using lab = await startLab({ hostedZones: [{ id, name: 'example.com' }], insyncMs: 60_000 });
    const waiting = (label: string) => ({
      'update-route53': [{ ...awaited, hostedzone: id, name: `${label}.example.com` }],
    });
    const domains = { world: waiting('a'), other: waiting('b') };
    await using daemon = startDaemon(lab, { configuration: configurationOf(domains) });

    await Promise.all([daemon.reaches('world', 'started'), daemon.reaches('other', 'started')]);

    expect(daemon.log.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({
        message: expect.stringMatching(/^GetChange .*Allow route53:GetChange.* "insync" waits for nothing/),
      }),
    ]);
  });

  it('is ended by a notice, and what was written is given back [5.2, 7.5, 7.7]', async () => {
    await using lab = await startLab({ ...zonesWith(predecessor), insyncMs: 60_000 });
    const world = { 'update-route53': [awaited], exec: startedNotes(lab), notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.says(({ message }) => /^waiting: not all name servers/.test(message));

    lab.cloud.interrupt({ action: 'terminate' });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(toldEvents(lab)).toEqual(['interrupted']);
    expect(notes(lab)).toEqual([]);
    expect(addressSets(lab)).toEqual([predecessor]);
  });

  it('waits for nothing where the record is right already, nor writes it again [7.4, 12.1]', async () => {
    await using lab = await startLab();
    const world = { 'update-route53': [record] };
    await using first = startDaemon(lab, { configuration: configurationOf({ world }) });
    await first.reaches('world', 'started');
    await kill(first);

    const again = { 'update-route53': [awaited] };
    await using second = startDaemon(lab, { configuration: configurationOf({ world: again }) });
    await second.reaches('world', 'started');

    expect(lab.calls('ChangeResourceRecordSets')).toHaveLength(1);
    expect(lab.calls('GetChange')).toEqual([]);
  });
});

describe('a record', () => {
  it('that its zone does not take keeps no other from being written [5.4, 7.2]', async () => {
    await using lab = await startLab();
    const elsewhere = { ...record, name: 'play.example.org', critical: false };
    const world = { 'update-route53': [record, elsewhere], notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.reaches('world', 'started');

    daemon.signal('SIGTERM');
    await daemon.ended;

    expect(addressSets(lab)).toMatchObject([
      { name, type: 'A' },
      { name, type: 'AAAA' },
    ]);
    const refusal = expect.stringMatching(
      /^play\.example\.org: .*InvalidChangeBatch.*not permitted in zone example\.com/,
    );
    expect(daemon.log.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({ domain: 'world', part: 'update-route53[1]', message: refusal }),
    ]);
    expect(lab.told()[0]).toMatchObject({ error: [['update-route53[1]', refusal]], static_dns_rr: [name] });
  });

  it('is written in a zone whose id is given as the path that the API shows, which is no other zone for it [7.2, 7.3]', async () => {
    await using lab = await startLab();
    const pathed = { ...record, hostedzone: `/hostedzone/${ZONE}`, name: 'stay.example.com' };
    const world = { 'update-route53': [record, pathed] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    await daemon.reaches('world', 'started');

    expect(addressSets(lab)).toHaveLength(4);
    expect(lab.calls('ChangeResourceRecordSets')).toHaveLength(1);
  });

  it('waits for an address that comes later [7.1]', async () => {
    await using lab = await startLab();
    haveNoAddress(lab);
    const world = { 'update-route53': [record] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await daemon.says(({ message }) => /^waiting: .*public address/.test(message));

    lab.cloud.changeInstance({ publicIpv4: '203.0.113.77' });
    await daemon.reaches('world', 'started');

    expect(addressSets(lab)).toEqual([{ name, type: 'A', ttl: 60, values: ['203.0.113.77'] }]);
  });

  it('without an address is a failure of the domain when its time is over [7.1]', async () => {
    await using lab = await startLab();
    haveNoAddress(lab);
    const world = { 'update-route53': [record], notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }, { timeout: 2 }) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(lab.calls('ChangeResourceRecordSets')).toEqual([]);
    expect(lab.told()[0].error).toContainEqual(['update-route53[0]', expect.stringMatching(/^play\.example\.com: /)]);
  });

  it('is looked at while the volumes attach, and not again when that was quick [7.4]', async () => {
    await using lab = await startLab();
    const preparing = gate(lab, 'prepared');
    const world = {
      'attach-volume': [{ ...volume, exec: [{ lines: [preparing.line] }] }],
      'update-route53': [record],
    };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
    await preparing.reached(daemon);
    const looksBefore = lab.calls('ListResourceRecordSets').length;

    preparing.open();
    await daemon.reaches('world', 'started');

    expect(looksBefore).toBe(1);
    expect(lab.calls('ListResourceRecordSets')).toHaveLength(1);
  });

  it('that may not be looked at fails once the volumes are there, which are given back [5.2, 7.4]', async () => {
    const id = 'Z-list-denied';
    await using lab = await startLab({ ...twoVolumesTwoZones, hostedZones: [{ id, name: 'example.com' }] });
    const world = { 'attach-volume': [volume], 'update-route53': [{ ...record, hostedzone: id }], notify: [sns] };
    await using daemon = startDaemon(lab, { configuration: configurationOf({ world }) });

    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(1);
    expect(lab.told()[0].error).toEqual([
      [
        'update-route53[0]',
        expect.stringMatching(/AccessDenied.*Allow route53:ListResourceRecordSets on Z-list-denied/),
      ],
    ]);
    expect(lab.cloud.volume(VOLUME)?.attachments).toEqual([]);
  });
});

describe('a fleet of twelve that boots at the same moment, in one zone', () => {
  it('comes up under the five calls a second that an account has [7.2]', async () => {
    await using fleet = await startFleet({
      size: 12,
      configuration: {
        domains: { world: { 'update-route53': [{ ...record, name: '{instance_id}.example.com' }] } },
      },
      hostedZones: [{ id: ZONE, name: 'example.com' }],
      throttling: true,
    });

    const statuses = await Promise.all(fleet.daemons.map(({ ended }) => ended));

    expect(statuses).toEqual(Array(12).fill(exitStatus.done));
    expect(addressSets(fleet)).toHaveLength(24);
    const calls = [...fleet.calls('ListResourceRecordSets'), ...fleet.calls('ChangeResourceRecordSets')];
    expect(calls.length).toBeLessThanOrEqual(10 * 12);
  }, 120_000);
});
