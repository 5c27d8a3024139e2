import { type Switches, supervisorInput } from '../actors/domain-input.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { AttachmentHold, CreationHold, DatedMessage, Hold } from '../config/vocabulary.ts';
import { inheritanceOf } from './helpers/journal.ts';

describe('a configuration as the machines get it', () => {
  const on: Switches = { init: true, exec: true, notify: true, poll: true };
  const text = JSON.stringify({
    'set-hostname': 'game-{instance_index}',
    timeout: 300,
    'stop-timeout': 60,
    'interrupt-detection': { detect: 'poll', options: { interval: 2, 'treat-as-interruption': ['rebalance'] } },
    'require-all': true,
    domains: {
      web: {
        'attach-volume': [
          {
            device: '/dev/sdf',
            source: 'x',
            'volume-id': 'vol-{domain}',
            critical: false,
            release: ['stop'],
            exec: [{ on: 'starting', lines: [{ argv: ['/sbin/fsck'] }] }],
          },
          {
            device: '/dev/sdh',
            source: 'pc',
            'pool-name': 'worlds-{domain}',
            'pool-pref': 'least-recent-used',
            create: { Size: 8 },
            wait: 30,
          },
        ],
        'update-route53': [{ hostedzone: 'Z1', name: '{domain}.example.com', ttl: 60, release: ['interrupt'] }],
        exec: [{ on: 'started', timeout: 5, lines: [{ argv: ['/bin/start', '{domain}'] }] }],
        notify: [
          { backend: 'aws-sns', options: { topic: 'arn:aws:sns:eu-west-1:123456789012:fleet' } },
          {
            backend: 'aws-sqs',
            options: { 'queue-url': 'https://sqs.eu-west-1.amazonaws.com/123456789012/fleet' },
            matrix: { noticed: { enabled: true }, stopping: { enabled: false } },
          },
        ],
      },
    },
  });

  function inputOf(switches: Partial<Switches> = {}, inheritance = inheritanceOf(), written = text) {
    const { config } = loadConfig(written, 'test.jsonc', { strict: false });
    return supervisorInput(config as Config, { ...on, ...switches }, { instance_index: 3 }, inheritance);
  }

  it('has its times in milliseconds [3.2]', () => {
    const { domains, watch } = inputOf();

    expect(domains[0]?.limits).toEqual({ wayUpMs: 300_000, stopMs: 60_000 });
    expect(watch).toEqual({ intervalMs: 2_000, asNotice: ['rebalance'] });
  });

  it('says whether all domains are to stand or none [5.4]', () => {
    expect(inputOf().requireAll).toBe(true);
  });

  it('knows what earlier runs of this boot made of a domain, and under which notice [12.3]', () => {
    const known = { web: { past: 'finished', notice: 'terminate 2030-01-01T00:02:00.000Z' } } as const;

    expect(inputOf().domains[0]).toMatchObject({ past: 'new' });
    expect(inputOf({}, inheritanceOf({ domains: known })).domains[0]).toMatchObject({
      past: 'finished',
      finishedUnder: 'terminate 2030-01-01T00:02:00.000Z',
    });
  });

  it('knows whether an earlier run took something for a domain [12.2]', () => {
    expect(inputOf().domains[0]?.held).toBe(false);
    expect(inputOf({}, inheritanceOf({ holds: [volumeHold({})] })).domains[0]?.held).toBe(true);
    expect(inputOf({}, inheritanceOf({ holds: [volumeHold({ domain: 'db' })] })).domains[0]?.held).toBe(false);
  });

  it.each<{ what: string; hold: Hold; leftOver: boolean }>([
    { what: 'a volume that is still asked for', hold: volumeHold({}), leftOver: false },
    { what: 'the same device by its other name', hold: volumeHold({ device: '/dev/xvdf' }), leftOver: false },
    { what: 'a volume at another device', hold: volumeHold({ device: '/dev/sdg' }), leftOver: true },
    { what: 'another volume', hold: volumeHold({ volumeId: 'vol-old' }), leftOver: true },
    { what: 'a volume of its pool', hold: poolHold({}), leftOver: false },
    { what: 'a volume that was created for its pool', hold: poolHold({ source: 'c' }), leftOver: false },
    { what: 'a volume of another pool', hold: poolHold({ pool: 'old' }), leftOver: true },
    { what: 'a volume by id where there is a pool now', hold: poolHold({ source: 'x' }), leftOver: true },
    { what: 'a volume that is still to be created', hold: creationHold({}), leftOver: false },
    { what: 'a volume that nobody would create now', hold: creationHold({ device: '/dev/sdf' }), leftOver: true },
    { what: 'a domain that is gone', hold: volumeHold({ domain: 'db' }), leftOver: true },
    { what: 'a record that is still asked for', hold: recordHold('web.example.com.'), leftOver: false },
    { what: 'a set of its own that is now for all', hold: recordHold('web.example.com.', 'i-1'), leftOver: true },
    { what: 'a record of another name', hold: recordHold('old.example.com.'), leftOver: true },
  ])('is tidied up after: $what ($leftOver) [12.2]', ({ hold, leftOver }) => {
    expect(inputOf({}, inheritanceOf({ holds: [hold] })).leftOver).toBe(leftOver);
  });

  it('leaves a creation alone as long as its volume is asked for, though nobody would create it now [6.10, 12.2]', () => {
    const created = creationHold({ device: '/dev/sdf', volumeId: 'vol-web' });

    expect(inputOf({}, inheritanceOf({ holds: [created, volumeHold({ source: 'c' })] })).leftOver).toBe(false);
    expect(inputOf({}, inheritanceOf({ holds: [created] })).leftOver).toBe(true);
  });

  it('has of a volume from a pool all that it is chosen and created by [6.1, 6.4, 6.5]', () => {
    const [byId, pooled] = inputOf().domains[0]?.volumes ?? [];

    expect(pooled).toMatchObject({
      sources: ['p', 'c'],
      volumeId: '',
      pool: 'worlds-web',
      preference: 'least-recently-used',
      create: { Size: 8 },
      waitMs: 30_000,
    });
    expect(byId).toMatchObject({ sources: ['x'], preference: 'spread' });
    expect(byId).not.toHaveProperty('pool');
    expect(byId).not.toHaveProperty('waitMs');
  });

  it('waits for a volume that it can do without for a quarter of its way up, and for others as long as that lasts [5.4, 6.4]', () => {
    const [dispensable, critical] = inputOf().domains[0]?.volumes ?? [];

    expect(dispensable).toMatchObject({ critical: false, patienceMs: 75_000 });
    expect(critical).toMatchObject({ critical: true });
    expect(critical).not.toHaveProperty('patienceMs');
  });

  it('has a record waited for, deleted where it is stale, and one for each instance, where that is asked for [7.6, 7.7, 7.8]', () => {
    const record = { hostedzone: '/hostedzone/Z1', name: 'a.example.com', ttl: 60, critical: false };
    const wanted = { ...record, wait: 'insync', stale: 'delete', set: 'multivalue' };
    const text = JSON.stringify({ timeout: 300, domains: { web: { 'update-route53': [wanted] } } });
    const { config } = loadConfig(text, 'test.jsonc', { strict: false });

    const { domains } = supervisorInput(config as Config, on, { instance_id: 'i-1' }, inheritanceOf());

    expect(domains[0]?.records).toMatchObject([
      { hostedZone: 'Z1', insync: true, stale: 'delete', setIdentifier: 'i-1', patienceMs: 75_000 },
    ]);
    expect(inputOf().domains[0]?.records[0]).not.toHaveProperty('setIdentifier');
    expect(inputOf().domains[0]?.records[0]).not.toHaveProperty('patienceMs');
  });

  it('has of each volume a number of its own, the same each time, for its jitter [6.3]', () => {
    const seeds = () => inputOf().domains[0]?.volumes.map(({ seed }) => seed) ?? [];

    expect(seeds()).toEqual(seeds());
    expect(new Set(seeds()).size).toBe(2);
    for (const seed of seeds()) expect(seed >= 0 && seed < 1).toBe(true);
  });

  it('has macros expanded where they are known before anything happens, and left where they are not [4.1]', () => {
    const { hostname, domains } = inputOf();

    expect(hostname).toBe('game-3');
    expect(domains[0]?.volumes[0]?.volumeId).toBe('vol-web');
    expect(domains[0]?.records[0]?.name).toBe('web.example.com');
    expect(domains[0]?.lines.started?.[0]?.argv).toEqual(['/bin/start', '{domain}']);
  });

  it('has macros expanded in the name of a device, too [4.1]', () => {
    const { domains } = inputOf({}, inheritanceOf(), text.replace('/dev/sdf', '/dev/sd{instance_index}'));

    expect(domains[0]?.volumes[0]?.device).toBe('/dev/sd3');
  });

  it('has its volumes and records by their place, and how critical they are [3.3]', () => {
    const { domains } = inputOf();

    expect(domains[0]?.volumes[0]).toMatchObject({
      domain: 'web',
      entry: 0,
      critical: false,
      device: '/dev/sdf',
      release: ['stopping'],
    });
    expect(domains[0]?.records).toEqual([
      {
        entry: 0,
        critical: true,
        hostedZone: 'Z1',
        name: 'web.example.com',
        ttl: 60,
        stale: 'warn',
        insync: false,
        seed: expect.any(Number),
        release: ['interrupted'],
      },
    ]);
  });

  it('has its lines by event, and those of a volume with the volume [8.2]', () => {
    const [domain] = inputOf().domains;

    expect(domain?.lines.started).toEqual([expect.objectContaining({ timeoutMs: 5_000 })]);
    expect(domain?.lines.stopping).toEqual([]);
    expect(domain?.volumes[0]?.lines.map(({ argv }) => argv)).toEqual([['/sbin/fsck']]);
  });

  it('has for each receiver the events it is sent [3.3]', () => {
    const { receivers } = inputOf();

    expect(receivers).toEqual({
      web: [
        ['started', 'interrupted', 'stopping', 'failed'],
        ['started', 'interrupted', 'failed', 'noticed'],
      ],
    });
  });

  it('without init leaves the host name alone [2.1]', () => {
    expect(inputOf({ init: false })).not.toHaveProperty('hostname');
  });

  it('without exec has no lines at all, those of volumes included [2.1, 14.2]', () => {
    const [domain] = inputOf({ exec: false }).domains;

    expect(domain?.lines).toEqual({});
    expect(domain?.volumes[0]?.lines).toEqual([]);
  });

  it('has what earlier runs left in the outbox, whatever the configuration says of it now [10.2]', () => {
    const left = [{ id: 'older', domain: 'gone' }, { id: 'newer' }] as DatedMessage[];

    expect(inputOf({}, inheritanceOf({ left })).leftMessages).toEqual(left);
  });

  it('without notify has no receivers, and leaves the outbox alone [2.1, 10.2]', () => {
    const left = [{ id: 'older' }] as DatedMessage[];

    const { receivers, leftMessages } = inputOf({ notify: false }, inheritanceOf({ left }));

    expect(receivers).toEqual({});
    expect(leftMessages).toEqual([]);
  });

  it('without poll has no watch [2.1, 5.8]', () => {
    expect(inputOf({ poll: false })).not.toHaveProperty('watch');
  });

  it('takes `hostname` for `set-hostname`, and may have no domains [3.2, 14.1]', () => {
    const { config } = loadConfig('{ "hostname": "game", "domains": {} }', 'test.jsonc', { strict: false });
    const input = supervisorInput(config as Config, on, {}, inheritanceOf());

    expect(input).toMatchObject({ hostname: 'game', domains: [], receivers: {} });
  });
});

function volumeHold(settings: Partial<AttachmentHold>): Hold {
  return {
    kind: 'attachment',
    domain: 'web',
    volumeId: 'vol-web',
    device: '/dev/sdf',
    source: 'x',
    prepared: false,
    ...settings,
  };
}

function poolHold(settings: Partial<AttachmentHold>): Hold {
  return volumeHold({ volumeId: 'vol-1', device: '/dev/sdh', source: 'p', pool: 'worlds-web', ...settings });
}

function creationHold(settings: Partial<CreationHold>): Hold {
  return {
    kind: 'creation',
    domain: 'web',
    device: '/dev/xvdh',
    attempt: 1,
    request: { ClientToken: 'token-1' },
    requestedAt: '2030-01-01T00:00:00.000Z',
    disposable: true,
    ...settings,
  };
}

function recordHold(name: string, setIdentifier?: string): Hold {
  return {
    kind: 'record-set',
    domain: 'web',
    hostedZone: 'Z1',
    after: { name, type: 'A', ttl: 60, values: ['192.0.2.1'], ...(setIdentifier ? { setIdentifier } : {}) },
  };
}
