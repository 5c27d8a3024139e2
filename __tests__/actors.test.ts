import { createActor, setup } from 'xstate';
import { type Change, type ChangeKind, createChanges } from '../actors/changes.ts';
import { type Switches, supervisorInput } from '../actors/domain-input.ts';
import { createLogNews } from '../actors/log-news.ts';
import { createMacroValues, type MacroSources, ofInstance } from '../actors/macro-values.ts';
import { createServiceNews } from '../actors/service-news.ts';
import { createTransactions } from '../actors/transaction.ts';
import type { Log } from '../adapters/logger.ts';
import { loadConfig } from '../config/load.ts';
import { expand } from '../config/macros.ts';
import type { Config } from '../config/schema.ts';
import type { InstanceFacts, Occasion } from '../config/vocabulary.ts';
import { failed, notice, succeeded, volumeEntry } from './helpers/domain.ts';

interface Said {
  level: keyof Pick<Log, 'debug' | 'info' | 'warn' | 'error'>;
  message: string;
  fields: object | undefined;
}

/** A log that is read by the test. */
function listeningLog() {
  const said: Said[] = [];
  const at = (level: Said['level']) => (message: string, fields?: object) => void said.push({ level, message, fields });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as unknown as Log;
  return {
    log,
    said,
    messages: (level: Said['level']) => said.filter((line) => line.level === level).map((line) => line.message),
  };
}

/** A state that an actor reached, told as the tap tells it. */
function change(kind: ChangeKind, state: string, context: unknown, settings: Partial<Change> = {}): Change {
  return { kind, id: kind, sessionId: kind, state, durationMs: 7, context, ...settings };
}

describe('the tap on the system', () => {
  const light = (id: string) =>
    setup({ types: { events: {} as { type: 'switch' } | { type: 'touch' } } }).createMachine({
      id,
      initial: 'off',
      states: {
        off: { on: { switch: 'on' } },
        on: { initial: 'dim', on: { switch: 'off' }, states: { dim: { on: { touch: 'bright' } }, bright: {} } },
      },
    });

  function tapped(id = 'volume') {
    const changes: Change[] = [];
    const actor = createActor(light(id), { id: 'volume.0', inspect: createChanges((each) => changes.push(each)) });
    actor.start();
    return { actor, changes, states: () => changes.map(({ state, from }) => [from, state]) };
  }

  it('tells each state reached, and the one before it [11.2]', () => {
    const { actor, changes, states } = tapped();

    actor.send({ type: 'switch' });
    actor.send({ type: 'touch' });

    expect(states()).toEqual([
      [undefined, 'off'],
      ['off', 'on.dim'],
      ['on.dim', 'on.bright'],
    ]);
    expect(changes[0]).toMatchObject({ kind: 'volume', id: 'volume.0', sessionId: actor.sessionId });
  });

  it('tells a state once, however many events leave it as it is [11.2]', () => {
    const { actor, changes } = tapped();

    actor.send({ type: 'touch' });
    actor.send({ type: 'touch' });

    expect(changes).toHaveLength(1);
  });

  it("says nothing of machines that are nobody's news, nor of steps", () => {
    const { actor, changes } = tapped('commands');

    actor.send({ type: 'switch' });

    expect(changes).toEqual([]);
  });

  it('tells how long the state before it lasted', () => {
    jest.useFakeTimers();
    const { actor, changes } = tapped();
    jest.advanceTimersByTime(1_500);

    actor.send({ type: 'switch' });
    jest.useRealTimers();

    expect(changes.map(({ durationMs }) => durationMs)).toEqual([0, 1_500]);
  });

  it('keeps actors of one id apart', () => {
    const changes: Change[] = [];
    const inspect = createChanges((each) => changes.push(each));

    createActor(light('volume'), { id: 'volume.0', inspect }).start();
    createActor(light('volume'), { id: 'volume.0', inspect }).start();

    expect(changes).toHaveLength(2);
  });
});

describe('the log', () => {
  const domainContext = { domain: 'web', failures: [] };
  const denied = { part: 'attach-volume[0]', problem: 'denied', critical: true };

  function listening() {
    const { log, said, messages } = listeningLog();
    const news = createLogNews(log);
    return { said, messages, tell: (...args: Parameters<typeof change>) => news(change(...args)) };
  }

  it('has a line for each state of a domain, with its name and how long the last one took [11.2]', () => {
    const { said, tell } = listening();

    tell('domain', 'pending', domainContext);

    expect(said).toEqual([
      { level: 'info', message: 'domain pending', fields: { domain: 'web', state: 'pending', durationMs: 7 } },
    ]);
  });

  it('says under which event a domain ended', () => {
    const { said, tell } = listening();

    tell('domain', 'stopped', { ...domainContext, ending: 'interrupted' });

    expect(said[0]?.fields).toMatchObject({ state: 'stopped', ending: 'interrupted' });
  });

  it('has each failure of a domain once, the critical as errors [5.4]', () => {
    const { said, tell, messages } = listening();
    const minor = { part: 'update-route53[0]', problem: 'no address', critical: false };

    tell('domain', 'volumes-attached', { ...domainContext, failures: [minor] });
    tell('domain', 'failed', { ...domainContext, failures: [minor, denied] });
    tell('domain', 'stopped', { ...domainContext, failures: [minor, denied] });

    expect(messages('warn')).toEqual(['no address']);
    expect(messages('error')).toEqual(['denied', 'domain failed']);
    expect(said[0]?.fields).toEqual({ domain: 'web', part: 'update-route53[0]' });
  });

  it('does not take the failures of one domain for those of another [5.4]', () => {
    const { tell, messages } = listening();

    tell('domain', 'failed', { domain: 'web', failures: [denied] }, { sessionId: 'x:1' });
    tell('domain', 'failed', { domain: 'db', failures: [denied] }, { sessionId: 'x:2' });

    expect(messages('error').filter((message) => message === 'denied')).toHaveLength(2);
  });

  it('has the interruption notice, with the time left, once [9.2]', () => {
    const { said, tell } = listening();

    tell('supervisor', 'interrupted', { notice, problems: [], sending: [] });
    tell('supervisor', 'flushing', { notice, problems: [], sending: [] });

    expect(said.filter(({ level }) => level === 'warn')).toEqual([
      {
        level: 'warn',
        message: 'interruption notice',
        fields: { action: 'terminate', time: '2030-01-01T00:02:00Z', secondsLeft: 120 },
      },
    ]);
  });

  it('has also a notice that was there at the start, which leads past `interrupted` [5.3]', () => {
    const { tell, messages } = listening();

    tell('supervisor', 'coming-up', { notice, problems: [], sending: [] });

    expect(messages('warn')).toEqual(['interruption notice']);
  });

  it('has each problem of the supervisor once [9.4]', () => {
    const { tell, messages } = listening();

    tell('supervisor', 'coming-up', { problems: ['no host name'], sending: [] });
    tell('supervisor', 'running', { problems: ['no host name', 'no READY'], sending: [] });

    expect(messages('warn')).toEqual(['no host name', 'no READY']);
  });

  it('complains of messages that were still on their way at the end [10.2]', () => {
    const { tell, messages } = listening();

    tell('supervisor', 'stopped', { problems: [], sending: ['delivery.0', 'delivery.1'] });

    expect(messages('error')).toEqual(['2 messages were not accepted in time; lost']);
  });

  it('complains of no messages that have arrived, or may still [10.2]', () => {
    const { tell, messages } = listening();

    tell('supervisor', 'flushing', { problems: [], sending: ['delivery.0'] });
    tell('supervisor', 'stopped', { problems: [], sending: [] });

    expect(messages('error')).toEqual([]);
  });

  it('says what a volume waits for, and again only when it is something else [6.4]', () => {
    const { tell, messages } = listening();
    const waiting = (waitingFor: string) => tell('volume', 'waiting', { entry: volumeEntry(), waitingFor });

    waiting('vol-1 is held by i-0def (in-use)');
    tell('volume', 'looking', { entry: volumeEntry() });
    waiting('vol-1 is held by i-0def (in-use)');
    tell('volume', 'looking', { entry: volumeEntry() });
    waiting('vol-1 is held by i-0def (detaching)');

    expect(messages('warn')).toEqual([
      'waiting: vol-1 is held by i-0def (in-use)',
      'waiting: vol-1 is held by i-0def (detaching)',
    ]);
  });

  it('says where a volume is once it is there, and leaves the rest to those who want details [6.9]', () => {
    const { said, tell, messages } = listening();

    tell('volume', 'claiming', { entry: volumeEntry() });
    tell('volume', 'ended', { entry: volumeEntry(), path: '/dev/nvme1n1' });
    tell('volume', 'ended', { entry: volumeEntry(), problem: 'denied' });

    expect(messages('info')).toEqual(['volume is there']);
    expect(said[1]?.fields).toMatchObject({ domain: 'web', volume: 'vol-1', path: '/dev/nvme1n1' });
    expect(messages('debug')).toHaveLength(2);
  });

  it('says why the metadata gave no answer, less and less often, and when it answers again [9.4]', () => {
    const { tell, messages } = listening();

    for (let missed = 1; missed <= 10; missed += 1) tell('notice-watch', 'blind', { missed, problem: 'refused' });
    tell('notice-watch', 'pausing', { missed: 0 });

    expect(messages('warn')).toEqual(Array(4).fill('no answer from the instance metadata: refused'));
    expect(messages('info')).toEqual(['the instance metadata answers again']);
  });

  it('says nothing of looks that go well [9.4]', () => {
    const { said, tell } = listening();

    tell('notice-watch', 'looking', { missed: 0 });
    tell('notice-watch', 'pausing', { missed: 0 });

    expect(said).toEqual([]);
  });

  it.each([
    { state: 'accepted', level: 'info', message: 'message accepted' },
    { state: 'backing-off', level: 'warn', message: 'message not accepted: throttled' },
    { state: 'abandoned', level: 'error', message: 'message given up: throttled' },
  ])('has a line at level $level for a message that is $state [10.1]', ({ state, level, message }) => {
    const { said, tell } = listening();

    tell('delivery', state, {
      occasion: { domain: 'web', event: 'started' },
      message: { target: 'arn' },
      attempts: 2,
      problem: 'throttled',
    });

    expect(said).toEqual([{ level, message, fields: { domain: 'web', event: 'started', target: 'arn', attempts: 2 } }]);
  });
});

describe('the service manager', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function listening({ markStarted = () => Promise.resolve() } = {}) {
    const notified: Array<Record<string, string>> = [];
    const flags: string[] = [];
    const { log, messages } = listeningLog();
    const news = createServiceNews({
      serviceManager: {
        watched: true,
        notify: (fields) => {
          notified.push(fields);
          return Promise.resolve();
        },
      },
      runtimeDir: {
        markStarted: async (domain) => {
          await markStarted();
          flags.push(`+${domain}`);
        },
        unmarkStarted: async (domain) => void flags.push(`-${domain}`),
        clearStarted: () => Promise.resolve(),
      },
      log,
    });
    return {
      news,
      flags,
      messages,
      tell: (...args: Parameters<typeof change>) => news.tell(change(...args)),
      values: (field: string) => notified.flatMap((fields) => fields[field] ?? []),
      count: (field: string) => notified.filter((fields) => field in fields).length,
    };
  }

  /** With one domain on its way up. */
  function comingUp() {
    const manager = listening();
    manager.tell('domain', 'pending', domain('web'));
    return manager;
  }

  const domain = (name: string, ending?: string) => ({ domain: name, ...(ending ? { ending } : {}) });

  it('hears how many domains have started, and what the others are at [11.2]', () => {
    const { tell, values } = listening();

    tell('domain', 'pending', domain('web'), { sessionId: 'x:1' });
    tell('domain', 'pending', domain('db'), { sessionId: 'x:2' });
    tell('domain', 'started', domain('web'), { sessionId: 'x:1' });
    tell('domain', 'failed', domain('db', 'failed'), { sessionId: 'x:2' });
    tell('domain', 'stopped', domain('db', 'failed'), { sessionId: 'x:2' });

    expect(values('STATUS')).toEqual([
      '0 of 1 domains started; web: pending',
      '0 of 2 domains started; web: pending; db: pending',
      '1 of 2 domains started; db: pending',
      '1 of 2 domains started; db: failed',
    ]);
  });

  it('hears nothing before the domains are there, since whoever waits for them has said what for [11.2]', () => {
    const { tell, count } = listening();

    tell('supervisor', 'looking', {});

    expect(count('STATUS')).toBe(0);
  });

  it('hears that a daemon without domains watches for notices [11.2, 3.2]', () => {
    const { tell, values } = listening();

    tell('supervisor', 'running', {});

    expect(values('STATUS')).toEqual(['no domains; watching for notices']);
  });

  it('hears what a volume waits for, while it does [11.2, 6.4]', () => {
    const { tell, values } = comingUp();
    const waitingFor = 'vol-1 is held by i-0def (shutting-down)';

    tell('volume', 'waiting', { entry: volumeEntry(), waitingFor });
    tell('volume', 'looking', { entry: volumeEntry(), waitingFor });
    const still = values('STATUS').at(-1);
    tell('volume', 'claiming', { entry: volumeEntry() });

    expect(still).toBe(`0 of 1 domains started; web: pending; waiting: ${waitingFor}`);
    expect(values('STATUS').at(-1)).toBe('0 of 1 domains started; web: pending');
  });

  it('hears how long the metadata has been silent, until it answers [9.4]', () => {
    const { tell, values } = comingUp();
    jest.advanceTimersByTime(5_000);
    const answeredAtMs = performance.now();
    tell('notice-watch', 'pausing', { missed: 0, answeredAtMs });

    jest.advanceTimersByTime(40_000);
    tell('notice-watch', 'blind', { missed: 9, problem: 'refused', answeredAtMs }, { from: 'looking' });
    const blind = values('STATUS').at(-1);
    tell('notice-watch', 'pausing', { missed: 0, answeredAtMs: performance.now() }, { from: 'looking' });

    expect(blind).toBe('0 of 1 domains started; web: pending; blind for 40 s');
    expect(values('STATUS').at(-1)).toBe('0 of 1 domains started; web: pending');
  });

  it('counts the silence of a metadata service that never answered from its own start [9.4]', () => {
    const { tell, values } = comingUp();

    jest.advanceTimersByTime(30_000);
    tell('notice-watch', 'blind', { missed: 1, problem: 'refused' }, { from: 'looking' });

    expect(values('STATUS').at(-1)).toBe(
      `0 of 1 domains started; web: pending; blind for ${Math.round(performance.now() / 1000)} s`,
    );
  });

  it('does not hear of blindness any more once the answer was a notice [9.4]', () => {
    const { tell, values } = comingUp();
    tell('notice-watch', 'blind', { missed: 1, problem: 'refused' }, { from: 'looking' });

    tell('notice-watch', 'noticed', { missed: 0 }, { from: 'looking' });

    expect(values('STATUS').at(-1)).toBe('0 of 1 domains started; web: pending');
  });

  it.each(['pausing', 'blind', 'noticed'])('gets a sign of life from each look that ended: %s [11.2]', (state) => {
    const { tell, count } = listening();

    tell('notice-watch', state, { missed: 0 }, { from: 'looking' });

    expect(count('WATCHDOG')).toBe(1);
  });

  it('gets none while a look hangs, so that the watchdog can bite [11.2]', () => {
    const { tell, count } = listening();
    tell('notice-watch', 'pausing', { missed: 0 });
    tell('notice-watch', 'looking', { missed: 0 }, { from: 'pausing' });

    jest.advanceTimersByTime(100_000);

    expect(count('WATCHDOG')).toBe(0);
  });

  it('gets signs of life all through the way down after a notice, when nobody looks any more [11.2]', () => {
    const { tell, count } = listening();
    tell('notice-watch', 'pausing', { missed: 0 });
    tell('notice-watch', 'noticed', { missed: 0 }, { from: 'looking' });
    const before = count('WATCHDOG');

    jest.advanceTimersByTime(100_000);

    expect(count('WATCHDOG') - before).toBe(10);
  });

  it('gets signs of life where polling is off [11.2, 5.8]', () => {
    const { count } = listening();

    jest.advanceTimersByTime(100_000);

    expect(count('WATCHDOG')).toBe(10);
  });

  it('is asked for more time all through the way up, and not while the daemon just runs [11.2]', () => {
    const { tell, values, count } = listening();
    tell('supervisor', 'coming-up', {});
    jest.advanceTimersByTime(30_000);
    const up = values('EXTEND_TIMEOUT_USEC');

    tell('supervisor', 'running', {});
    jest.advanceTimersByTime(30_000);

    expect(up).toEqual(['30000000', '30000000', '30000000', '30000000']);
    expect(count('EXTEND_TIMEOUT_USEC')).toBe(4);
  });

  it.each(['asking-why', 'stopping'])('is asked for more time at once when the daemon is %s [11.2]', (state) => {
    const { tell, count } = listening();
    tell('supervisor', 'running', {});
    const before = count('EXTEND_TIMEOUT_USEC');

    tell('supervisor', state, {});

    expect(count('EXTEND_TIMEOUT_USEC') - before).toBe(1);
  });

  it('is told READY once, together with the status [11.1]', async () => {
    const { news, count, values } = listening();

    await news.ready();
    await news.ready();

    expect(values('READY')).toEqual(['1']);
    expect(count('STATUS')).toBe(1);
  });

  it('is told STOPPING last, and asked for nothing more [11.3]', async () => {
    const { news, values, count } = listening();
    const before = count('EXTEND_TIMEOUT_USEC');

    await news.stopping();
    jest.advanceTimersByTime(60_000);

    expect(values('STOPPING')).toEqual(['1']);
    expect(count('EXTEND_TIMEOUT_USEC')).toBe(before);
    expect(count('WATCHDOG')).toBe(0);
  });

  it('finds a file for a domain exactly while that is started [11.4]', async () => {
    const { news, tell, flags } = listening();
    tell('domain', 'running-started', domain('web'), { from: 'dns-updated' });
    tell('domain', 'started', domain('web'), { from: 'running-started' });
    tell('domain', 'interrupted', domain('web', 'interrupted'), { from: 'started' });
    tell('domain', 'stopped', domain('web', 'interrupted'), { from: 'interrupted' });

    await news.stopping();

    expect(flags).toEqual(['+web', '-web']);
  });

  it('is not kept from anything by a file that cannot be written [11.4]', async () => {
    const { news, tell, flags, messages } = listening({ markStarted: () => Promise.reject(new Error('read-only')) });
    tell('domain', 'started', domain('web'), { from: 'running-started' });
    tell('domain', 'stopping', domain('web', 'stopping'), { from: 'started' });

    await news.stopping();

    expect(messages('warn')).toEqual(['read-only']);
    expect(flags).toEqual(['-web']);
  });
});

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
    const transactions = createTransactions({ changes: true });
    const values = createMacroValues({
      facts,
      addresses: () => ({ primaryIpv4: '192.0.2.1', ipv4: ['192.0.2.1', '192.0.2.2'], ipv6: [] }),
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
      transactions: createTransactions({ changes: true }),
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
      source: 'x',
      attachedNow: false,
    } as const;
    const inside = valuesOf({ attachment });
    const outside = valuesOf();

    const template = '{attach_source}|{attach_op}|{volume_id}|{volume_pool}|{attached_device}';
    expect(expand(template, inside)).toBe('x|false|vol-1||/dev/nvme1n1');
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
    const values = valuesOf({ notice: { action: 'hibernate', leftMs: 0, seenAtMs: performance.now() - 30_000 } });

    expect(values).toMatchObject({ interrupt_action: 'hibernate', interrupt_time: undefined, seconds_left: 0 });
  });

  it('leave the notice empty while there is none [4.1]', () => {
    expect(expand('{interrupt_action}|{interrupt_time}|{seconds_left}', valuesOf())).toBe('||');
  });

  it('have the calls of their own domain only [4.3]', () => {
    const transactions = createTransactions({ changes: true });
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

describe('a transaction', () => {
  it('lists the calls of its domain in their order, under the names of old [4.4]', () => {
    const web = createTransactions({ changes: true }).of('web');

    web.look('describe_volumes', { VolumeIds: ['vol-1'] });
    void web.change('attach_volume', { VolumeId: 'vol-1' });

    expect(web.calls()).toEqual([
      { platform: 'aws', domain: 'web', method: 'describe_volumes', param: { VolumeIds: ['vol-1'] }, dry: false },
      { platform: 'aws', domain: 'web', method: 'attach_volume', param: { VolumeId: 'vol-1' }, dry: false },
    ]);
  });

  it('is one for each domain, whoever asks for it [4.3]', () => {
    const transactions = createTransactions({ changes: true });

    transactions.of('web').look('describe_volumes', {});

    expect(transactions.of('web').calls()).toHaveLength(1);
    expect(transactions.of('db').calls()).toEqual([]);
  });

  it.each([
    { changes: true, dry: false },
    { changes: false, dry: true },
  ])('lets a change happen: $changes, and notes it accordingly [2.1]', async ({ changes, dry }) => {
    const web = createTransactions({ changes }).of('web');

    const mayHappen = await web.change('attach_volume', {});
    web.look('describe_volumes', {});

    expect(mayHappen).toBe(changes);
    expect(web.calls().map((call) => call.dry)).toEqual([dry, false]);
  });

  it('forgets old looks beyond a hundred, and no change [4.4]', () => {
    const web = createTransactions({ changes: true }).of('web');
    void web.change('attach_volume', {});

    for (let look = 1; look <= 150; look++) web.look('describe_volumes', { look });
    const calls = web.calls();

    expect(calls.filter(({ method }) => method === 'attach_volume')).toHaveLength(1);
    expect(calls).toHaveLength(101);
    expect(calls[1]?.param).toEqual({ look: 51 });
    expect(calls.at(-1)?.param).toEqual({ look: 150 });
  });
});

describe('a configuration as the machines get it', () => {
  const on: Switches = { init: true, exec: true, notify: true, poll: true };
  const text = JSON.stringify({
    'set-hostname': 'game-{instance_index}',
    timeout: 300,
    'stop-timeout': 60,
    'interrupt-detection': { detect: 'poll', options: { interval: 2 } },
    domains: {
      web: {
        'attach-volume': [
          {
            device: '/dev/sdf',
            source: 'x',
            'volume-id': 'vol-{domain}',
            critical: false,
            exec: [{ on: 'starting', lines: [{ argv: ['/sbin/fsck'] }] }],
          },
        ],
        'update-route53': [{ hostedzone: 'Z1', name: '{domain}.example.com', ttl: 60 }],
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

  function inputOf(switches: Partial<Switches> = {}) {
    const { config } = loadConfig(text, 'test.jsonc', { strict: false });
    return supervisorInput(config as Config, { ...on, ...switches }, { instance_index: 3 }, 1_000);
  }

  it('has its times in milliseconds, and the end of the way up as a point in time [3.2]', () => {
    const { domains, watch } = inputOf();

    expect(domains[0]?.limits).toEqual({ wayUpMs: 300_000, wayUpUntilMs: 301_000, stopMs: 60_000 });
    expect(watch).toEqual({ intervalMs: 2_000 });
  });

  it('has macros expanded where they are known before anything happens, and left where they are not [4.1]', () => {
    const { hostname, domains } = inputOf();

    expect(hostname).toBe('game-3');
    expect(domains[0]?.volumes[0]?.volumeId).toBe('vol-web');
    expect(domains[0]?.records[0]?.name).toBe('web.example.com');
    expect(domains[0]?.lines.started?.[0]?.argv).toEqual(['/bin/start', '{domain}']);
  });

  it('has its volumes and records by their place, and how critical they are [3.3]', () => {
    const { domains } = inputOf();

    expect(domains[0]?.volumes[0]).toMatchObject({ domain: 'web', entry: 0, critical: false, device: '/dev/sdf' });
    expect(domains[0]?.records).toEqual([
      { entry: 0, critical: true, hostedZone: 'Z1', name: 'web.example.com', ttl: 60 },
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

  it('without notify has no receivers [2.1]', () => {
    expect(inputOf({ notify: false }).receivers).toEqual({});
  });

  it('without poll has no watch [2.1, 5.8]', () => {
    expect(inputOf({ poll: false })).not.toHaveProperty('watch');
  });

  it('takes `hostname` for `set-hostname`, and may have no domains [3.2, 14.1]', () => {
    const { config } = loadConfig('{ "hostname": "game", "domains": {} }', 'test.jsonc', { strict: false });
    const input = supervisorInput(config as Config, on, {}, 0);

    expect(input).toMatchObject({ hostname: 'game', domains: [], receivers: {} });
  });
});

describe('results in messages', () => {
  it('of commands that succeeded carry no problem [4.4]', () => {
    const transactions = createTransactions({ changes: true });
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
