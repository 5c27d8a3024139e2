import { createServiceNews } from '../actors/service-news.ts';
import type { Failure } from '../config/vocabulary.ts';
import { volumeEntry } from './helpers/domain.ts';
import { change, listeningLog, waitingRecords } from './helpers/news.ts';

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

  const domain = (name: string, ending?: string, failures: Failure[] = []) => ({
    domain: name,
    failures,
    ...(ending ? { ending } : {}),
  });

  it.each(['writing', 'ended'])('hears what records wait for, until they are %s [7.7, 11.2]', (after) => {
    const { tell, values } = comingUp();

    tell('records', 'awaiting-insync.pausing', waitingRecords);
    tell('records', 'awaiting-insync.looking', waitingRecords);
    tell('records', after, waitingRecords);

    expect(values('STATUS').slice(-2)).toEqual([
      '0 of 1 domains started; web: pending; waiting: not all name servers of Route 53 have b.example.com yet',
      '0 of 1 domains started; web: pending',
    ]);
  });

  it('does not call a record missing that is there, though something is to be said about it [5.4, 7.6]', () => {
    const { tell, values } = listening();
    const stale = { part: 'update-route53[0].stale', problem: 'a.example.com: left by a predecessor', critical: false };

    tell('domain', 'started', domain('web', undefined, [stale]));

    expect(values('STATUS')).toEqual(['1 of 1 domains started']);
  });

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

  it('hears what a domain has started without, for as long as that runs [5.4, 11.2]', () => {
    const { tell, values } = listening();
    const failures = [
      { part: 'attach-volume[0]', problem: '/bin/mkfs: exited with 1', critical: false },
      { part: 'attach-volume[0]', problem: '/bin/mount: exited with 32', critical: false },
      { part: 'going-without', problem: 'vol-1 at /dev/sdf: busy', critical: false },
      { part: 'update-route53[1]', problem: 'play.example.com: AccessDenied', critical: false },
    ];

    tell('domain', 'volumes-attached', domain('web', undefined, failures));
    tell('domain', 'started', domain('web', undefined, failures));
    tell('domain', 'stopping', domain('web', 'stopping', failures));

    expect(values('STATUS')).toEqual([
      '0 of 1 domains started; web: volumes-attached',
      '1 of 1 domains started; web: without attach-volume[0], update-route53[1]',
      '0 of 1 domains started; web: stopping',
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

  it.each([
    { state: 'warming', status: 'waiting: in the warm pool (Warmed:Stopped)' },
    { state: 'tidying', status: 'giving back what an earlier run held' },
    { state: 'asleep', status: 'hibernating; waiting to be resumed' },
  ])('hears what the daemon itself is at: $state [5.5, 5.9, 11.2]', ({ state, status }) => {
    const { tell, values } = listening();

    tell('supervisor', state, { lifecycleState: 'Warmed:Stopped' });
    tell('supervisor', 'running', {});

    expect(values('STATUS')).toEqual([status, 'no domains; watching for notices']);
  });

  it('is asked for no more time while the daemon sleeps [5.5]', () => {
    const { tell, count } = listening();
    tell('supervisor', 'asleep', {});
    const before = count('EXTEND_TIMEOUT_USEC');

    jest.advanceTimersByTime(30_000);

    expect(count('EXTEND_TIMEOUT_USEC')).toBe(before);
  });

  it('hears of a failed domain what it is at while it gives back, and then that it has failed [11.2]', () => {
    const { tell, values } = listening();

    tell('domain', 'rolling-back', domain('web', 'failed'));
    tell('domain', 'keeping-watch', domain('web', 'failed'));

    expect(values('STATUS')).toEqual([
      '0 of 1 domains started; web: rolling-back',
      '0 of 1 domains started; web: failed',
    ]);
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

  it('hears how many messages are not accepted yet, until they are, or are no longer tried [10.2, 11.2]', () => {
    const { tell, values } = comingUp();
    const message = (id: string, ...states: string[]) => {
      for (const state of states) tell('delivery', state, {}, { id });
    };

    message('delivery.0', 'composing', 'keeping', 'sending', 'backing-off');
    message('delivery.1', 'sending', 'backing-off', 'sending');
    message('delivery.0', 'sending', 'forgetting', 'accepted');
    message('delivery.1', 'left-behind');
    message('delivery.2', 'sending', 'forgetting', 'accepted');

    const came = '0 of 1 domains started; web: pending';
    expect(values('STATUS')).toEqual([
      came,
      `${came}; 1 message is not accepted yet`,
      `${came}; 2 messages are not accepted yet`,
      `${came}; 1 message is not accepted yet`,
      came,
    ]);
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

    tell('notice-watch', 'pausing', { missed: 0 }, { from: 'looking' });

    expect(values('STATUS').at(-1)).toBe('0 of 1 domains started; web: pending');
  });

  it.each(['pausing', 'blind'])('gets a sign of life from each look that ended: %s [11.2]', (state) => {
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

  it.each(['asking-why', 'stopping', 'interrupted'])(
    'is asked for more time at once when the daemon is %s [11.2]',
    (state) => {
      const { tell, count } = listening();
      tell('supervisor', 'running', {});
      const before = count('EXTEND_TIMEOUT_USEC');

      tell('supervisor', state, {});

      expect(count('EXTEND_TIMEOUT_USEC') - before).toBe(1);
    },
  );

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

    await news.marked();

    expect(flags).toEqual(['+web', '-web']);
  });

  it('is not kept from anything by a file that cannot be written [11.4]', async () => {
    const { news, tell, flags, messages } = listening({ markStarted: () => Promise.reject(new Error('read-only')) });
    tell('domain', 'started', domain('web'), { from: 'running-started' });
    tell('domain', 'stopping', domain('web', 'stopping'), { from: 'started' });

    await news.marked();

    expect(messages('warn')).toEqual(['read-only']);
    expect(flags).toEqual(['-web']);
  });
});
