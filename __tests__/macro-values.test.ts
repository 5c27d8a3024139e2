import { createMacroValues, type MacroSources, ofInstance } from '../actors/macro-values.ts';
import { createTransactions } from '../actors/transaction.ts';
import { expand } from '../config/macros.ts';
import type { InstanceFacts, Occasion } from '../config/vocabulary.ts';
import { failed, notice, succeeded } from './helpers/domain.ts';
import { journalOf } from './helpers/journal.ts';

const facts: InstanceFacts = {
  instanceId: 'i-0abc',
  instanceType: 't3.medium',
  launchIndex: 3,
  region: 'eu-west-1',
  zone: 'eu-west-1a',
  hypervisor: 'nitro',
};

describe('the values of macros', () => {
  const occasion: Occasion = { domain: 'web', event: 'interrupted', failures: [], results: [], recordNames: [] };

  function valuesOf(settings: Partial<Occasion> = {}, sources: Partial<MacroSources> = {}) {
    const transactions = createTransactions({ journal: journalOf(), changes: true });
    const values = createMacroValues({
      facts,
      addresses: () => ({ primaryIpv4: '192.0.2.1', ipv4: ['192.0.2.1', '192.0.2.2'], ipv6: ['2001:db8::1'] }),
      transactionId: 'transaction',
      transactions,
      ...sources,
    });
    return values({ ...occasion, ...settings });
  }

  it('are those of the instance [4.2]', () => {
    const values = valuesOf();

    expect(values).toMatchObject({
      instance_id: 'i-0abc',
      instance_type: 't3.medium',
      instance_index: 3,
      placement_region: 'eu-west-1',
      placement_zone: 'eu-west-1a',
      hypervisor: 'nitro',
      primary_public_ipv4: '192.0.2.1',
      primary_public_ipv6: undefined,
      public_ipv4_list: ['192.0.2.1', '192.0.2.2'],
      public_ipv6_list: ['2001:db8::1'],
      transaction_id: 'transaction',
      pid: process.pid,
      cwd: process.cwd(),
    });
  });

  it('have the addresses that were read last [4.2]', () => {
    let ipv4 = ['192.0.2.1'];
    const values = createMacroValues({
      facts,
      addresses: () => ({ ipv4, ipv6: [] }),
      transactionId: '',
      transactions: createTransactions({ journal: journalOf(), changes: true }),
    });
    values(occasion);

    ipv4 = ['192.0.2.9'];

    expect(values(occasion).public_ipv4_list).toEqual(['192.0.2.9']);
  });

  it('are those of the event [4.2, 4.3]', () => {
    const values = valuesOf({
      failures: [{ part: 'exec starting', problem: 'denied', critical: true }],
      results: [failed('/bin/save')],
      recordNames: ['game.example.com.'],
    });

    expect(values).toMatchObject({
      domain: 'web',
      daemon_state: 'interrupted',
      error: [['exec starting', 'denied']],
      static_dns_rr: ['game.example.com.'],
      results: [{ argv: ['/bin/save'], exit_code: 1, signal: null, duration_ms: 1, output_tail: '', succeeded: false }],
    });
  });

  it('are those of a volume in its commands, and nothing outside [4.3]', () => {
    const attachment = {
      volumeId: 'vol-1',
      device: '/dev/sdf',
      path: '/dev/nvme1n1',
      source: 'p',
      pool: 'worlds',
      attachedNow: false,
    } as const;
    const inside = valuesOf({ attachment });
    const outside = valuesOf();

    const template = '{attach_source}|{attach_op}|{volume_id}|{volume_pool}|{attached_device}';
    expect(expand(template, inside)).toBe('p|false|vol-1|worlds|/dev/nvme1n1');
    expect(expand(template, outside)).toBe('||||');
  });

  it('name the notice, its time with the offset in digits, and the seconds that are left now [4.2]', () => {
    const values = valuesOf({ notice: { ...notice, leftMs: 90_000, seenAtMs: performance.now() - 30_000 } });

    expect(values).toMatchObject({
      interrupt_action: 'terminate',
      interrupt_time: '2030-01-01T00:02:00+00:00',
      seconds_left: 60,
    });
  });

  it('never have less than no seconds left [4.2]', () => {
    const values = valuesOf({
      notice: { action: 'hibernate', key: 'hibernate', leftMs: 0, seenAtMs: performance.now() - 30_000 },
    });

    expect(values).toMatchObject({ interrupt_action: 'hibernate', interrupt_time: undefined, seconds_left: 0 });
  });

  it('name the early sign at at-risk, whatever notice there is [4.2]', () => {
    const risk = { kind: 'rebalance', key: 'rebalance', time: '2030-01-01T00:00:00.000Z' } as const;

    expect(valuesOf({ event: 'at-risk', risk, notice })).toMatchObject({
      interrupt_action: 'rebalance',
      interrupt_time: '2030-01-01T00:00:00+00:00',
    });
  });

  it('leave the notice empty while there is none [4.1]', () => {
    expect(expand('{interrupt_action}|{interrupt_time}|{seconds_left}', valuesOf())).toBe('||');
  });

  it('have the calls of their own domain only [4.3]', () => {
    const transactions = createTransactions({ journal: journalOf(), changes: true });
    transactions.of('web').look('describe_volumes', {});
    transactions.of('db').look('describe_volumes', {});

    expect(valuesOf({}, { transactions }).transaction_log).toHaveLength(1);
  });

  it('give the time as ISO 8601 in the local zone [4.2]', () => {
    const { ts } = ofInstance({ facts, addresses: () => ({ ipv4: [], ipv6: [] }), transactionId: '' });

    expect(ts).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
    expect(Math.abs(Date.parse(ts ?? '') - Date.now())).toBeLessThan(2_000);
  });

  it.each([
    { offset: 330, zone: '+05:30' },
    { offset: -570, zone: '-09:30' },
    { offset: 0, zone: '+00:00' },
  ])('tell the right time where the zone is $zone [4.2]', ({ offset, zone }) => {
    const zoned = jest.spyOn(Date.prototype, 'getTimezoneOffset').mockReturnValue(-offset);
    const { ts } = ofInstance({ facts, addresses: () => ({ ipv4: [], ipv6: [] }), transactionId: '' });
    zoned.mockRestore();

    expect(ts?.slice(-6)).toBe(zone);
    expect(Math.abs(Date.parse(ts ?? '') - Date.now())).toBeLessThan(2_000);
  });
});

describe('results in messages', () => {
  it('of commands that succeeded carry no problem [4.4]', () => {
    const transactions = createTransactions({ journal: journalOf(), changes: true });
    const values = createMacroValues({
      facts,
      addresses: () => ({ ipv4: [], ipv6: [] }),
      transactionId: '',
      transactions,
    });

    const { results } = values({
      domain: 'web',
      event: 'started',
      failures: [],
      recordNames: [],
      results: [succeeded('a')],
    });

    expect(results?.[0]).not.toHaveProperty('problem');
  });
});
