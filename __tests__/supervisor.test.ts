import { sendParent, toPromise } from 'xstate';
import { FLUSH_MS, READY_PATIENCE_MS } from '../config/constants.ts';
import type { EventName } from '../config/events.ts';
import type { Occasion } from '../config/vocabulary.ts';
import type { commandsMachine } from '../machines/commands.ts';
import type { deliveryMachine } from '../machines/delivery.ts';
import { type DomainReport, domainMachine, type domainSteps, type Ending } from '../machines/domain.ts';
import type { noticeWatchMachine } from '../machines/notice-watch.ts';
import { type SupervisorInput, supervisorMachine, type supervisorSteps } from '../machines/supervisor.ts';
import type { volumesMachine } from '../machines/volumes.ts';
import { domainInput, notice } from './helpers/domain.ts';
import { createScript, type Doings, held, refused, resolves, started, untilAskedToFinish } from './helpers/scripted.ts';

const seen = resolves({ notice, atMs: 0 });

interface Settings extends Omit<Partial<SupervisorInput>, 'domains'> {
  domains?: string[];
}

function inputOf({ domains = ['web'], ...settings }: Settings, polling: boolean): SupervisorInput {
  return {
    domains: domains.map((domain) => domainInput({ domain })),
    receivers: {},
    ...(polling ? { watch: { intervalMs: 1_000 } } : {}),
    ...settings,
  };
}

function scriptedSteps(doings: Doings) {
  const script = createScript({ 'notice watch': held, ...doings });
  const steps = {
    domain: script.step<typeof domainMachine>(
      ({ domain }) => `domain ${domain}`,
      ({ domain }) => ({ domain, ending: 'failed', failures: [] }),
    ),
    delivery: script.step<typeof deliveryMachine>(
      ({ occasion, receiver }) => `tell ${receiver} that ${occasion.domain} ${occasion.event}`,
      { accepted: true },
    ),
    noticeWatch: script.step<typeof noticeWatchMachine>('notice watch', undefined as never),
    look: script.step<(typeof supervisorSteps)['look']>('look', { atMs: 0 }),
    setHostname: script.step<(typeof supervisorSteps)['setHostname']>('setHostname', undefined),
    tellReady: script.step<(typeof supervisorSteps)['tellReady']>('tellReady', undefined),
  } satisfies typeof supervisorSteps;
  return { script, steps };
}

/** A supervisor over domains that do nothing by themselves; polling is on unless told otherwise. */
function scripted(doings: Doings = {}, settings: Settings = {}, { polling = true } = {}) {
  const { domains = ['web'] } = settings;
  const idle = Object.fromEntries(domains.map((domain) => [`domain ${domain}`, held]));
  const { script, steps } = scriptedSteps({ ...idle, ...doings });
  const supervisor = started(supervisorMachine.provide({ actors: steps }), inputOf(settings, polling));
  const { send } = supervisor.actor;
  return {
    ...supervisor,
    script,
    send: send.bind(supervisor.actor),
    stands: (domain: string) => supervisor.actor.send({ type: 'domain.stands', domain }),
    reaches: (domain: string, event: EventName) =>
      supervisor.actor.send({ type: 'domain.reached', occasion: occasionOf(domain, event) }),
    ends: (domain: string, ending: Ending) => script.resolve(`domain ${domain}`, { domain, ending, failures: [] }),
    get state(): string {
      return supervisor.state;
    },
    get context() {
      return supervisor.actor.getSnapshot().context;
    },
    get output() {
      return supervisor.output;
    },
  };
}

/** The same with its domains started. */
function running(settings: Settings = {}, doings: Doings = {}) {
  const supervisor = scripted(doings, settings);
  const { domains = ['web'] } = settings;
  for (const domain of domains) supervisor.stands(domain);
  for (const domain of domains) supervisor.reaches(domain, 'started');
  return supervisor;
}

function occasionOf(domain: string, event: EventName): Occasion {
  return { domain, event, failures: [], results: [], recordNames: [] };
}

/** Every event of a life, for receivers that want all. */
const all: EventName[] = ['starting', 'started', 'interrupted', 'stopping', 'failed', 'noticed', 'at-risk'];

describe('a supervisor that begins', () => {
  it('looks for a notice, sets the host name, and only then begins the domains and the watch [3.2, 5.3]', () => {
    const { script } = scripted({}, { hostname: 'game', domains: ['web', 'db'] });

    expect(script.taken).toEqual(['look', 'setHostname', 'domain web', 'domain db', 'notice watch']);
    expect(script.inputOf('setHostname')).toEqual({ hostname: 'game' });
    expect(script.inputOf('notice watch')).toEqual({ intervalMs: 1_000 });
  });

  it('leaves the host name alone where none is configured [3.2]', () => {
    const { script } = scripted();

    expect(script.taken).not.toContain('setHostname');
  });

  it.each([
    { step: 'look', problem: 'refused' },
    { step: 'setHostname', problem: 'refused' },
  ])('goes on when $step fails, and keeps the problem in mind [3.2, 9.4]', ({ step, problem }) => {
    const { script, context } = scripted({ [step]: refused }, { hostname: 'game' });

    expect(script.taken).toEqual(expect.arrayContaining(['setHostname', 'domain web', 'notice watch']));
    expect(context.problems).toEqual([problem]);
  });

  it('gives each domain its own input, and no notice while there is none [5.1]', () => {
    const { script } = scripted({}, { domains: ['web', 'db'] });

    expect(script.inputOf('domain db')).toEqual(domainInput({ domain: 'db' }));
  });

  it('neither looks nor watches with polling off [5.8]', () => {
    const { script } = scripted({}, { hostname: 'game' }, { polling: false });

    expect(script.taken).toEqual(['setHostname', 'domain web']);
  });

  it.each([
    { state: 'looking', step: 'look' },
    { state: 'naming-host', step: 'setHostname' },
  ])('takes nothing, tells no READY, and ends well when it is stopped in $state [2.3]', ({ state, step }) => {
    const supervisor = scripted({ [step]: held }, { hostname: 'game' });
    const before = supervisor.state;

    supervisor.send({ type: 'supervisor.stop' });

    expect(before).toBe(state);
    expect(supervisor.script.taken.at(-1)).toBe(step);
    expect(supervisor.output).toBe(0);
  });
});

describe('a notice that is there at the start', () => {
  it('goes to every domain with its input, so that none takes anything; nobody watches on [5.3]', () => {
    const { script } = scripted({ look: seen }, { domains: ['web', 'db'], hostname: 'game' });

    expect(script.taken).toEqual(['look', 'domain web', 'domain db']);
    expect(script.inputOf('domain web')).toMatchObject({ notice });
    expect(script.inputOf('domain db')).toMatchObject({ notice });
  });

  it('ends the daemon well once the domains are over, without the way up [2.3, 5.3]', () => {
    const supervisor = scripted({ look: seen });

    supervisor.ends('web', 'interrupted');

    expect(supervisor.output).toBe(0);
    expect(supervisor.script.taken).not.toContain('tellReady');
  });

  it('ends a daemon without domains at once [5.3]', () => {
    const { output, script } = scripted({ look: seen }, { domains: [] });

    expect(output).toBe(0);
    expect(script.taken).toEqual(['look']);
  });

  it.each([
    { state: 'looking', step: 'look', answer: { atMs: 0 } },
    { state: 'naming-host', step: 'setHostname', answer: undefined },
  ])('counts also when it is given by hand in $state [5.3, 9.6]', ({ step, answer }) => {
    const supervisor = scripted({ [step]: held }, { hostname: 'game' });

    supervisor.send({ type: 'interruption.noticed', notice });
    if (supervisor.script.isUnderWay(step)) supervisor.script.resolve(step, answer);

    expect(supervisor.script.inputOf('domain web')).toMatchObject({ notice });
    expect(supervisor.script.taken).not.toContain('notice watch');
  });
});

describe('READY', () => {
  it('waits until every domain stands, and goes out before any is told to proceed [11.1]', () => {
    const supervisor = scripted({ tellReady: held }, { domains: ['web', 'db'] });

    supervisor.stands('web');
    const early = [...supervisor.script.taken];
    supervisor.stands('db');
    const sentBefore = [...supervisor.script.sent];
    supervisor.script.resolve('tellReady');

    expect(early).not.toContain('tellReady');
    expect(supervisor.script.taken).toContain('tellReady');
    expect(sentBefore).toEqual([]);
    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed', 'domain db: domain.proceed']);
  });

  it('does not wait for a domain that is over [11.1]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] });

    supervisor.ends('db', 'failed');
    supervisor.stands('web');

    expect(supervisor.script.taken).toContain('tellReady');
    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed']);
  });

  it('does not wait for a domain that fails after another has stood up [11.1]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] });

    supervisor.stands('web');
    supervisor.ends('db', 'failed');

    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed']);
  });

  it('goes out at the latest 10 s after the first domain stands [11.1]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] });
    supervisor.clock.increment(60_000);
    supervisor.stands('web');

    supervisor.clock.increment(READY_PATIENCE_MS - 1);
    const before = [...supervisor.script.taken];
    supervisor.clock.increment(1);

    expect(before).not.toContain('tellReady');
    expect(supervisor.script.taken).toContain('tellReady');
    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed']);
  });

  it('counts those 10 s from the first domain, not from the second [11.1]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db', 'mail'] });
    supervisor.stands('web');
    supervisor.clock.increment(READY_PATIENCE_MS - 1);
    supervisor.stands('db');

    supervisor.clock.increment(1);

    expect(supervisor.script.taken).toContain('tellReady');
  });

  it('goes out once only, however long the daemon runs [11.1]', () => {
    const supervisor = running();

    supervisor.clock.increment(10 * READY_PATIENCE_MS);

    expect(supervisor.script.taken.filter((step) => step === 'tellReady')).toHaveLength(1);
  });

  it('is followed by `proceed` for a domain that stands later, at once [11.1]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] });
    supervisor.stands('web');
    supervisor.clock.increment(READY_PATIENCE_MS);

    supervisor.stands('db');

    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed', 'domain db: domain.proceed']);
  });

  it('is followed by `proceed` for a domain that stood up while it was sent [11.1]', () => {
    const supervisor = scripted({ tellReady: held }, { domains: ['web', 'db'] });
    supervisor.stands('web');
    supervisor.clock.increment(READY_PATIENCE_MS);
    supervisor.stands('db');

    supervisor.script.resolve('tellReady');

    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed', 'domain db: domain.proceed']);
  });

  it('that cannot be sent is a problem that keeps nobody from starting [11.1]', () => {
    const supervisor = scripted({ tellReady: refused });

    supervisor.stands('web');

    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed']);
    expect(supervisor.context.problems).toEqual(['refused']);
  });

  it('is not for a daemon whose domains have all failed: it ends with 1 [2.3, 5.4]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] });

    supervisor.ends('web', 'failed');
    supervisor.ends('db', 'failed');

    expect(supervisor.script.taken).not.toContain('tellReady');
    expect(supervisor.output).toBe(1);
  });

  it('does not tell a domain to proceed that is over meanwhile [11.1]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] });

    supervisor.stands('web');
    supervisor.ends('web', 'failed');
    supervisor.stands('db');

    expect(supervisor.script.sent).toEqual(['domain db: domain.proceed']);
  });
});

describe('a daemon without domains', () => {
  it('is ready at once, and watches on [3.2]', () => {
    const { script, state } = scripted({}, { domains: [] });

    expect(script.taken).toEqual(['look', 'notice watch', 'tellReady']);
    expect(state).toBe('running');
  });

  it('ends well on a notice, and on a stop [2.3]', () => {
    const noticed = scripted({}, { domains: [] });
    const stopped = scripted({}, { domains: [] });

    noticed.send({ type: 'interruption.noticed', notice });
    stopped.send({ type: 'supervisor.stop' });

    expect([noticed.output, stopped.output]).toEqual([0, 0]);
  });

  it('has nothing to do with polling off: it is ready, and ends well [5.8]', () => {
    const { script, output } = scripted({}, { domains: [] }, { polling: false });

    expect(script.taken).toEqual(['tellReady']);
    expect(output).toBe(0);
  });
});

describe('a one-shot', () => {
  it('ends well once its domains have started [5.8]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] }, { polling: false });
    supervisor.stands('web');
    supervisor.stands('db');

    supervisor.reaches('web', 'started');
    const before = supervisor.output;
    supervisor.reaches('db', 'started');

    expect(before).toBeUndefined();
    expect(supervisor.output).toBe(0);
    expect(supervisor.script.sent).not.toContain('domain web: domain.stop');
  });

  it('waits for its messages [5.8]', () => {
    const supervisor = scripted(
      { 'tell 0 that web started': held },
      { receivers: { web: [['started']] } },
      { polling: false },
    );
    supervisor.stands('web');
    supervisor.reaches('web', 'started');
    const before = supervisor.state;

    supervisor.script.resolve('tell 0 that web started', { accepted: true });

    expect(before).toBe('flushing');
    expect(supervisor.output).toBe(0);
  });

  it('takes no other event for `started` [5.8]', () => {
    const supervisor = scripted({}, {}, { polling: false });
    supervisor.reaches('web', 'starting');
    supervisor.stands('web');

    expect(supervisor.state).toBe('running');
  });

  it('ends with 1 when a domain of it has failed [2.3, 5.8]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] }, { polling: false });
    supervisor.ends('db', 'failed');
    supervisor.stands('web');

    supervisor.reaches('web', 'started');

    expect(supervisor.output).toBe(1);
  });

  it('stops without asking why, as it never looks [5.8]', () => {
    const supervisor = scripted({}, {}, { polling: false });

    supervisor.send({ type: 'supervisor.stop' });

    expect(supervisor.state).toBe('stopping');
    expect(supervisor.script.taken).not.toContain('look');
  });
});

describe('an interruption', () => {
  const up = [
    { state: 'coming-up', reach: () => scripted({}, { domains: ['web', 'db'] }) },
    {
      state: 'telling-ready',
      reach: () => {
        const supervisor = scripted({ tellReady: held }, { domains: ['web', 'db'] });
        supervisor.stands('web');
        supervisor.stands('db');
        return supervisor;
      },
    },
    { state: 'running', reach: () => running({ domains: ['web', 'db'] }) },
    {
      state: 'asking-why',
      reach: () => {
        const supervisor = running({ domains: ['web', 'db'] }, { look: [resolves({ atMs: 0 }), held] });
        supervisor.send({ type: 'supervisor.stop' });
        return supervisor;
      },
    },
  ];

  it.each(up)('in $state goes to every domain that is not over, and is awaited [5.5]', ({ state, reach }) => {
    const supervisor = reach();
    const before = supervisor.state;

    supervisor.send({ type: 'interruption.noticed', notice });

    expect(before).toBe(state);
    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual({ type: 'interruption.noticed', notice });
    expect(supervisor.script.eventsTo('domain db').at(-1)).toEqual({ type: 'interruption.noticed', notice });
    expect(supervisor.state).toBe('interrupted');
  });

  it('that was handled ends the daemon well, also when a domain had failed [2.3]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] });
    supervisor.ends('db', 'failed');
    supervisor.stands('web');
    supervisor.send({ type: 'interruption.noticed', notice });
    const before = supervisor.output;

    supervisor.ends('web', 'interrupted');

    expect(before).toBeUndefined();
    expect(supervisor.script.sent).not.toContain('domain db: interruption.noticed');
    expect(supervisor.output).toBe(0);
  });

  it('waits for the last domain [5.5]', () => {
    const supervisor = running({ domains: ['web', 'db'] });
    supervisor.send({ type: 'interruption.noticed', notice });

    supervisor.ends('web', 'interrupted');

    expect(supervisor.state).toBe('interrupted');
  });

  it('lets the message of each domain leave when that domain is done, not with the last [5.5]', () => {
    const supervisor = running({ domains: ['web', 'db'], receivers: { web: [['interrupted']] } });
    supervisor.send({ type: 'interruption.noticed', notice });

    supervisor.reaches('web', 'interrupted');

    expect(supervisor.script.taken.at(-1)).toBe('tell 0 that web interrupted');
    expect(supervisor.state).toBe('interrupted');
  });

  it('does not let a domain proceed that stands up at that moment [5.3]', () => {
    const supervisor = scripted();
    supervisor.send({ type: 'interruption.noticed', notice });

    supervisor.stands('web');
    supervisor.clock.increment(READY_PATIENCE_MS);

    expect(supervisor.script.sent).toEqual(['domain web: interruption.noticed']);
    expect(supervisor.state).toBe('interrupted');
  });

  it.each([{ type: 'supervisor.stop' }, { type: 'interruption.noticed', notice }] as const)(
    'is told once: $type changes nothing after it [5.6, 9.5]',
    (event) => {
      const supervisor = running();
      supervisor.send({ type: 'interruption.noticed', notice });
      const before = [...supervisor.script.sent];

      supervisor.send(event);

      expect(supervisor.script.sent).toEqual(before);
      expect(supervisor.state).toBe('interrupted');
    },
  );
});

describe('a stop', () => {
  const up = [
    { state: 'coming-up', reach: (doings: Doings) => scripted(doings) },
    {
      state: 'telling-ready',
      reach: (doings: Doings) => {
        const supervisor = scripted({ ...doings, tellReady: held });
        supervisor.stands('web');
        return supervisor;
      },
    },
    { state: 'running', reach: (doings: Doings) => running({}, doings) },
  ];

  it.each(up)('in $state has the metadata read once more, and then every domain stopped [5.6]', ({ state, reach }) => {
    const supervisor = reach({ look: [resolves({ atMs: 0 }), held] });
    const before = supervisor.state;

    supervisor.send({ type: 'supervisor.stop' });
    const asking = supervisor.state;
    const sentBefore = [...supervisor.script.sent];
    supervisor.script.resolve('look', { atMs: 0 });

    expect([before, asking]).toEqual([state, 'asking-why']);
    expect(sentBefore).not.toContain('domain web: domain.stop');
    expect(supervisor.script.sent.at(-1)).toBe('domain web: domain.stop');
    expect(supervisor.state).toBe('stopping');
  });

  it('is an interruption when a notice is found then [5.6]', () => {
    const supervisor = running({}, { look: [resolves({ atMs: 0 }), seen] });

    supervisor.send({ type: 'supervisor.stop' });

    expect(supervisor.state).toBe('interrupted');
    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual({ type: 'interruption.noticed', notice });
    expect(supervisor.script.sent).not.toContain('domain web: domain.stop');
  });

  it('waits 1 s for that look, and no longer [5.6]', () => {
    const supervisor = running({}, { look: [resolves({ atMs: 0 }), held] });
    supervisor.send({ type: 'supervisor.stop' });

    supervisor.clock.increment(999);
    const before = supervisor.state;
    supervisor.clock.increment(1);

    expect(before).toBe('asking-why');
    expect(supervisor.state).toBe('stopping');
    expect(supervisor.script.isUnderWay('look')).toBe(false);
  });

  it('goes on when that look fails, and keeps the problem in mind [5.6]', () => {
    const supervisor = running({}, { look: [resolves({ atMs: 0 }), refused] });

    supervisor.send({ type: 'supervisor.stop' });

    expect(supervisor.state).toBe('stopping');
    expect(supervisor.context.problems).toEqual(['refused']);
  });

  it('ends the daemon well once all domains are over [2.3]', () => {
    const supervisor = running({ domains: ['web', 'db'] });
    supervisor.send({ type: 'supervisor.stop' });
    supervisor.ends('db', 'stopping');
    const before = supervisor.output;

    supervisor.ends('web', 'stopping');

    expect(before).toBeUndefined();
    expect(supervisor.output).toBe(0);
  });

  it('ends the daemon with 1 when a domain had failed on the way up; that one is not asked again [2.3]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'] });
    supervisor.ends('db', 'failed');
    supervisor.stands('web');
    supervisor.send({ type: 'supervisor.stop' });

    supervisor.ends('web', 'stopping');

    expect(supervisor.script.sent).not.toContain('domain db: domain.stop');
    expect(supervisor.output).toBe(1);
  });

  it('does no harm when the last domain ends while the metadata is asked [5.6]', () => {
    const supervisor = running({}, { look: [resolves({ atMs: 0 }), held] });
    supervisor.send({ type: 'supervisor.stop' });
    supervisor.ends('web', 'failed');

    supervisor.script.resolve('look', { atMs: 0 });

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.output).toBe(1);
  });

  it('that comes twice is one [5.6]', () => {
    const supervisor = running();
    supervisor.send({ type: 'supervisor.stop' });

    supervisor.send({ type: 'supervisor.stop' });

    expect(supervisor.script.sent.filter((event) => event === 'domain web: domain.stop')).toHaveLength(1);
  });
});

describe('a domain that is over by itself', () => {
  it('does not keep the others from going on [5.4]', () => {
    const supervisor = running({ domains: ['web', 'db'] });

    supervisor.ends('web', 'failed');

    expect(supervisor.state).toBe('running');
    expect(supervisor.script.sent).not.toContain('domain db: domain.stop');
  });

  it('ends the daemon when it was the last [2.3, 5.4]', () => {
    const supervisor = scripted();
    supervisor.stands('web');

    supervisor.ends('web', 'failed');

    expect(supervisor.output).toBe(1);
  });

  it('may have dots in its name [3.3]', () => {
    const supervisor = scripted({}, { domains: ['my-world.mc'] });

    supervisor.ends('my-world.mc', 'failed');

    expect(supervisor.output).toBe(1);
  });

  it('by a defect of ours ends the daemon with that error, which its caller sees [2.3]', async () => {
    const { script, steps } = scriptedSteps({ 'domain web': held });
    const supervisor = started(supervisorMachine.provide({ actors: steps }), inputOf({}, true));
    const ended = toPromise(supervisor.actor);

    script.reject('domain web', new Error('a defect'));

    await expect(ended).rejects.toThrow('a defect');
  });
});

describe('messages', () => {
  it('go to each receiver that wants the event, and to no other [3.3, 10.1]', () => {
    const supervisor = scripted({}, { receivers: { web: [['started', 'failed'], ['failed'], ['started']] } });

    supervisor.reaches('web', 'started');

    expect(supervisor.script.taken.filter((step) => step.startsWith('tell '))).toEqual([
      'tell 0 that web started',
      'tell 2 that web started',
    ]);
  });

  it.each(all)('tell of `%s` what the domain says of it [3.3]', (event) => {
    const supervisor = scripted({}, { receivers: { web: [all] } });

    supervisor.reaches('web', event);

    expect(supervisor.script.inputOf(`tell 0 that web ${event}`)).toEqual({
      receiver: 0,
      occasion: occasionOf('web', event),
    });
  });

  it('of one domain are no business of the receivers of another [5.1]', () => {
    const supervisor = scripted({}, { domains: ['web', 'db'], receivers: { db: [all] } });

    supervisor.reaches('web', 'started');

    expect(supervisor.script.taken).not.toContain('tell 0 that web started');
  });

  it('are awaited when all domains are over [10.2]', () => {
    const supervisor = running({ receivers: { web: [['stopping']] } }, { 'tell 0 that web stopping': held });
    supervisor.send({ type: 'supervisor.stop' });
    supervisor.reaches('web', 'stopping');
    supervisor.ends('web', 'stopping');
    const before = supervisor.state;

    supervisor.script.resolve('tell 0 that web stopping', { accepted: true });

    expect(before).toBe('flushing');
    expect(supervisor.output).toBe(0);
  });

  it.each([
    {
      event: 'interrupted',
      reach(doings: Doings) {
        const supervisor = running({ receivers: { web: [all] } }, doings);
        supervisor.send({ type: 'interruption.noticed', notice });
        return supervisor;
      },
    },
    {
      event: 'interrupted',
      reach: (doings: Doings) => scripted({ ...doings, look: seen }, { receivers: { web: [all] } }),
    },
    {
      event: 'failed',
      reach: (doings: Doings) => scripted(doings, { receivers: { web: [all] } }),
    },
    { event: 'failed', reach: (doings: Doings) => running({ receivers: { web: [all] } }, doings) },
  ] as const)('are awaited whichever way the last domain went: $event, case %# [10.2]', ({ event, reach }) => {
    const supervisor = reach({ [`tell 0 that web ${event}`]: held });

    supervisor.reaches('web', event);
    supervisor.ends('web', event);

    expect(supervisor.state).toBe('flushing');
  });

  it('are counted one by one, however many are on their way [10.2]', () => {
    const steps = ['started', 'stopping'].flatMap((event) => [0, 1, 2].map((i) => `tell ${i} that web ${event}`));
    const doings = Object.fromEntries(steps.map((step) => [step, held]));
    const supervisor = running({ receivers: { web: [all, all, all] } }, doings);
    supervisor.send({ type: 'supervisor.stop' });
    supervisor.reaches('web', 'stopping');
    supervisor.ends('web', 'stopping');

    const left = steps.map((step) => {
      const { length } = supervisor.context.sending;
      supervisor.script.resolve(step, { accepted: true });
      return length;
    });

    expect(left).toEqual([6, 5, 4, 3, 2, 1]);
    expect(supervisor.output).toBe(0);
  });

  it('are awaited for 10 s at most [10.2]', () => {
    const supervisor = running({ receivers: { web: [['stopping']] } }, { 'tell 0 that web stopping': held });
    supervisor.send({ type: 'supervisor.stop' });
    supervisor.reaches('web', 'stopping');
    supervisor.ends('web', 'stopping');

    supervisor.clock.increment(FLUSH_MS - 1);
    const before = supervisor.output;
    supervisor.clock.increment(1);

    expect(before).toBeUndefined();
    expect(supervisor.output).toBe(0);
    expect(supervisor.context.sending).toHaveLength(1);
  });

  it('are asked to be given up a moment before that, instead of tried again [10.2]', () => {
    const waiting = { 'tell 0 that web stopping': untilAskedToFinish({ accepted: false, problem: 'throttled' }) };
    const supervisor = running({ receivers: { web: [['stopping']] } }, waiting);
    supervisor.send({ type: 'supervisor.stop' });
    supervisor.reaches('web', 'stopping');
    supervisor.ends('web', 'stopping');

    supervisor.clock.increment(FLUSH_MS - 1);

    expect(supervisor.output).toBe(0);
    expect(supervisor.context.sending).toEqual([]);
  });

  it('that are given up, or break, fail nobody [10.1]', () => {
    const doings = {
      'tell 0 that web stopping': resolves({ accepted: false, problem: 'denied' }),
      'tell 1 that web stopping': refused,
    };
    const supervisor = running({ receivers: { web: [['stopping'], ['stopping']] } }, doings);
    supervisor.send({ type: 'supervisor.stop' });

    supervisor.reaches('web', 'stopping');
    supervisor.ends('web', 'stopping');

    expect(supervisor.output).toBe(0);
    expect(supervisor.context.problems).toEqual(['refused']);
  });
});

/** A supervisor over real domains, whose steps are scripted. */
function withRealDomains(doings: Doings = {}, settings: Settings = {}) {
  const { script, steps } = scriptedSteps({ ...doings });
  const real = {
    runCommands: script.step<typeof commandsMachine>(({ occasion }) => `${occasion.domain} ${occasion.event}`, []),
    attachVolumes: script.step<typeof volumesMachine>(({ occasion }) => `${occasion.domain} attachVolumes`, {
      attachments: [],
      results: [],
      failures: [],
    }),
    upsertRecordSets: script.step<(typeof domainSteps)['upsertRecordSets']>(
      ({ domain }) => `${domain} upsertRecordSets`,
      { changes: [], failures: [] },
    ),
  } satisfies typeof domainSteps;
  const domain = domainMachine.provide({
    actors: real,
    actions: { report: sendParent((_, report: DomainReport) => report) },
  });
  const supervisor = started(supervisorMachine.provide({ actors: { ...steps, domain } }), inputOf(settings, true));
  return { ...supervisor, script, send: supervisor.actor.send.bind(supervisor.actor) };
}

describe('a supervisor and its domains together', () => {
  const receivers = { web: [['started', 'interrupted', 'stopping', 'failed'] as EventName[]] };

  it('come up, are interrupted, tell of it, and end [5.1, 5.5]', () => {
    const supervisor = withRealDomains({}, { receivers });
    supervisor.send({ type: 'interruption.noticed', notice });

    expect(supervisor.script.taken.filter((step) => step !== 'notice watch')).toEqual([
      'look',
      'web starting',
      'web attachVolumes',
      'web upsertRecordSets',
      'tellReady',
      'web started',
      'tell 0 that web started',
      'web interrupted',
      'tell 0 that web interrupted',
    ]);
    expect(supervisor.actor.getSnapshot().output).toBe(0);
  });

  it('tell of a last event before they end, however fast it all goes [10.1]', () => {
    const supervisor = withRealDomains({ 'web attachVolumes': refused }, { receivers });

    expect(supervisor.script.taken.at(-1)).toBe('tell 0 that web failed');
    expect(supervisor.actor.getSnapshot().output).toBe(1);
  });

  it('end well when the notice was there first, and take nothing [5.3]', () => {
    const supervisor = withRealDomains({ look: seen }, { receivers, domains: ['web', 'db'] });

    expect(supervisor.script.taken).toEqual(['look', 'tell 0 that web interrupted']);
    expect(supervisor.actor.getSnapshot().output).toBe(0);
  });

  it('hold out a notice that meets them in all states at once [5.5]', () => {
    const doings = { 'db attachVolumes': held, 'mail upsertRecordSets': held, 'old starting': refused };
    const supervisor = withRealDomains(doings, { domains: ['web', 'db', 'mail', 'old'] });
    supervisor.clock.increment(READY_PATIENCE_MS);

    supervisor.send({ type: 'interruption.noticed', notice });
    supervisor.script.resolve('db attachVolumes', { attachments: [], results: [], failures: [] });
    supervisor.script.resolve('mail upsertRecordSets', { changes: [], failures: [] });

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.script.taken.filter((step) => step.endsWith(' interrupted'))).toEqual(['web interrupted']);
    expect(supervisor.actor.getSnapshot().output).toBe(0);
  });

  it('hold out a stop in the moment in which a domain ends [5.6]', () => {
    const supervisor = withRealDomains({ 'web started': held, 'db started': held }, { domains: ['web', 'db'] });
    supervisor.send({ type: 'supervisor.stop' });

    supervisor.script.resolve('web started', []);
    supervisor.script.resolve('db started', []);

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.script.taken).toEqual(expect.arrayContaining(['web stopping', 'db stopping']));
    expect(supervisor.actor.getSnapshot().output).toBe(0);
  });
});
