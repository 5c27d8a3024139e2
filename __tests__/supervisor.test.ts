import { toPromise } from 'xstate';
import {
  FLUSH_MS,
  LAST_ATTEMPT_MS,
  NOTICE_MARGIN_MS,
  READY_PATIENCE_MS,
  SLOW_POLL_MS,
  TIDYING_LIMIT_MS,
} from '../config/constants.ts';
import type { EventName } from '../config/events.ts';
import type { DatedMessage, InterruptionNotice, Risk } from '../config/vocabulary.ts';
import { domainInput, notice } from './helpers/domain.ts';
import { type Doings, held, refused, rejects, resolves, untilAskedToFinish } from './helpers/scripted.ts';
import {
  occasionOf,
  runningSupervisor,
  type ScriptedSupervisor,
  type SupervisorSettings,
  scriptedSupervisor,
} from './helpers/supervisor.ts';

const seen = resolves({ notice, atMs: 0, wallMs: 0 });
const seenFirst = resolves({ notice });
const nothingYet = { atMs: 0, wallMs: 0 };

const later: InterruptionNotice = { ...notice, key: 'stop 2030-01-01T00:05:00.000Z', action: 'stop', seenAtMs: 60_000 };
const hibernation: InterruptionNotice = { action: 'hibernate', key: 'hibernate', leftMs: 0, seenAtMs: 0 };
const risk: Risk = { kind: 'rebalance', key: 'rebalance 2030-01-01T00:00:00.000Z' };

const noticed = (of = notice) => ({ type: 'interruption.noticed', notice: of }) as const;
const riskSeen = { type: 'risk.seen', risk } as const;
const resumed = { type: 'instance.resumed' } as const;
const lifecycle = (state: string | undefined) => ({ type: 'lifecycle.seen', state }) as const;

const warmPool = resolves({ lifecycleState: 'Warmed:Running' });

/** Every event of a life, for receivers that want all. */
const all: EventName[] = ['starting', 'started', 'interrupted', 'stopping', 'failed', 'noticed', 'at-risk'];

/** Before there are domains: what it waits for there, and how to have it wait. */
const early: Array<{ state: string; settings?: SupervisorSettings; doings: Doings }> = [
  { state: 'looking', doings: { lookFirst: held } },
  { state: 'naming-host', settings: { hostname: 'game' }, doings: { setHostname: held } },
  { state: 'warming', doings: { lookFirst: warmPool } },
  {
    state: 'tidying',
    settings: { leftOver: true },
    doings: { tidyUp: untilAskedToFinish({ given: [], kept: [], failures: [] }) },
  },
  { state: 'setting-out', doings: { setOut: [held, resolves({ atMs: 0 })] } },
];

/** Goes on from there, where an answer is awaited that nobody asks to finish. */
function goOn({ state, script }: ScriptedSupervisor): void {
  if (state === 'setting-out') script.resolve('setOut', { atMs: 0 });
}

/** While there are domains, and nobody has asked for the end. */
const up: Array<{
  state: string;
  reach: (settings: SupervisorSettings, doings?: Doings) => ScriptedSupervisor;
}> = [
  { state: 'coming-up', reach: (settings, doings) => scriptedSupervisor(settings, doings) },
  {
    state: 'telling-ready',
    reach(settings, doings) {
      const supervisor = scriptedSupervisor(settings, { ...doings, tellReady: held });
      for (const { domain } of supervisor.context.domains) supervisor.stands(domain);
      return supervisor;
    },
  },
  { state: 'running', reach: (settings, doings) => runningSupervisor(settings, doings) },
];

describe('a supervisor that begins', () => {
  it('looks for a notice, sets the host name, and only then begins the domains; the watches look meanwhile [3.2, 5.3]', () => {
    const { script } = scriptedSupervisor({ hostname: 'game', domains: ['web', 'db'] });

    expect(script.taken).toEqual([
      'lookFirst',
      'notice watch',
      'risk watch',
      'setHostname',
      'setOut',
      'domain web',
      'domain db',
    ]);
    expect(script.inputOf('setHostname')).toEqual({ hostname: 'game' });
    expect(script.inputOf('setOut')).toEqual({});
  });

  it.each(early)('has begun no domain in $state [5.3, 5.9, 12.2]', ({ state, settings, doings }) => {
    const supervisor = scriptedSupervisor(settings, doings);

    expect(supervisor.state).toBe(state);
    expect(supervisor.script.taken).not.toContain('domain web');
  });

  it('tells the watches how often to look, and what is taken as a notice [3.2, 9.1]', () => {
    const { script } = scriptedSupervisor({ watch: { intervalMs: 250, asNotice: ['rebalance'] } });

    expect(script.inputOf('notice watch')).toEqual({ intervalMs: 250 });
    expect(script.inputOf('risk watch')).toEqual({ intervalMs: SLOW_POLL_MS, asNotice: ['rebalance'], known: [] });
  });

  it('leaves the host name alone where none is configured [3.2]', () => {
    const { script } = scriptedSupervisor();

    expect(script.taken).not.toContain('setHostname');
  });

  it.each(['lookFirst', 'setHostname'])('goes on when %s fails, and keeps the problem in mind [3.2, 9.4]', (step) => {
    const { script, context } = scriptedSupervisor({ hostname: 'game' }, { [step]: refused });

    expect(script.taken).toEqual(['lookFirst', 'notice watch', 'risk watch', 'setHostname', 'setOut', 'domain web']);
    expect(context.problems).toEqual(['refused']);
  });

  it('gives each domain its own input; its way up is limited from the moment it sets out, and there is no notice [3.2, 5.1]', () => {
    const { script } = scriptedSupervisor(
      { domains: ['web', { domain: 'db', wayUpMs: 300_000, stopMs: 60_000 }] },
      { setOut: resolves({ atMs: 5_000 }) },
    );

    expect(script.inputOf('domain db')).toEqual({
      ...domainInput({ domain: 'db' }),
      limits: { wayUpMs: 300_000, wayUpUntilMs: 305_000, stopMs: 60_000 },
    });
  });

  it('neither looks nor watches with polling off [5.8]', () => {
    const { script } = scriptedSupervisor({ hostname: 'game', polling: false });

    expect(script.taken).toEqual(['setHostname', 'setOut', 'domain web']);
  });

  it('that cannot set out takes nothing, and ends with 1 [2.3]', () => {
    const { script, context, output } = scriptedSupervisor({}, { setOut: refused });

    expect(script.taken.at(-1)).toBe('setOut');
    expect(context.problems).toEqual(['refused']);
    expect(output).toBe(1);
  });
});

describe('a warm pool', () => {
  it('is waited in, however long it takes: nothing is named, told or taken [5.9]', () => {
    const supervisor = scriptedSupervisor({ hostname: 'game', leftOver: true }, { lookFirst: warmPool });

    supervisor.send(lifecycle('Warmed:Stopped'));
    supervisor.clock.increment(86_400_000);

    expect(supervisor.state).toBe('warming');
    expect(supervisor.script.taken).toEqual(['lookFirst', 'notice watch', 'risk watch', 'setHostname']);
  });

  it.each(['InService', undefined])('is left when Auto Scaling says %s [5.9]', (state) => {
    const supervisor = scriptedSupervisor({}, { lookFirst: warmPool });

    supervisor.send(lifecycle(state));

    expect(supervisor.script.taken.slice(-2)).toEqual(['setOut', 'domain web']);
  });

  it('counts also when the first look did not show it, and the watch did [5.9]', () => {
    const supervisor = scriptedSupervisor({ hostname: 'game' }, { lookFirst: refused, setHostname: held });

    supervisor.send(lifecycle('Warmed:Running'));
    supervisor.script.resolve('setHostname');

    expect(supervisor.state).toBe('warming');
  });

  it('is what a state says that begins so, and no other [5.9]', () => {
    const { state } = scriptedSupervisor({}, { lookFirst: resolves({ lifecycleState: 'InService' }) });

    expect(state).toBe('coming-up');
  });

  it('is nothing to a daemon that is up already [5.9]', () => {
    const supervisor = runningSupervisor();

    supervisor.send(lifecycle('Warmed:Stopped'));

    expect(supervisor.state).toBe('running');
    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed']);
  });
});

describe('what an earlier run left behind', () => {
  const asked = { tidyUp: untilAskedToFinish({ given: [], kept: [], failures: [] }) };

  it('is given back before any domain begins [12.2]', () => {
    const { script } = scriptedSupervisor({ leftOver: true });

    expect(script.taken.slice(-3)).toEqual(['tidyUp', 'setOut', 'domain web']);
    expect(script.inputOf('tidyUp')).toEqual({ reason: 'left-over' });
  });

  it('is looked for only where there is any [12.2]', () => {
    const { script } = scriptedSupervisor();

    expect(script.taken).not.toContain('tidyUp');
  });

  it('that cannot be given back is a problem that keeps nobody from coming up [12.2]', () => {
    const failures = [{ part: 'left-over', problem: 'vol-1 at /dev/sdf: busy', critical: false }];
    const { script, context } = scriptedSupervisor(
      { leftOver: true },
      { tidyUp: resolves({ given: [], kept: [], failures }) },
    );

    expect(script.taken).toContain('domain web');
    expect(context.problems).toEqual(['vol-1 at /dev/sdf: busy']);
  });

  it('keeps nobody from coming up when giving it back breaks [12.2]', () => {
    const { script, context } = scriptedSupervisor({ leftOver: true }, { tidyUp: refused });

    expect(script.taken.slice(-3)).toEqual(['tidyUp', 'setOut', 'domain web']);
    expect(context.problems).toEqual(['refused']);
  });

  it('is waited for 60 s, then asked to end, and awaited: two at one device would be worse [12.2]', () => {
    const supervisor = scriptedSupervisor({ leftOver: true }, { tidyUp: held });

    supervisor.clock.increment(TIDYING_LIMIT_MS - 1);
    const before = [...supervisor.script.sent];
    supervisor.clock.increment(1);
    const state = supervisor.state;
    supervisor.script.resolve('tidyUp', { given: [], kept: [], failures: [] });

    expect(before).toEqual([]);
    expect(supervisor.script.sent).toEqual(['tidyUp: step.finish']);
    expect(state).toBe('tidying');
    expect(supervisor.state).toBe('coming-up');
  });

  it('is asked to end for a notice, which every domain is then given [5.3, 12.2]', () => {
    const supervisor = scriptedSupervisor({ leftOver: true }, asked);

    supervisor.send(noticed());

    expect(supervisor.script.sent).toEqual(['tidyUp: step.finish']);
    expect(supervisor.script.inputOf('domain web')).toMatchObject({ notice });
  });

  it('is asked to end for a stop, after which nothing is taken [2.3, 12.2]', () => {
    const supervisor = scriptedSupervisor({ leftOver: true }, asked);

    supervisor.stop();

    expect(supervisor.script.sent).toEqual(['tidyUp: step.finish']);
    expect(supervisor.script.taken).not.toContain('domain web');
    expect(supervisor.output).toBe(0);
  });
});

describe('a stop before there are domains', () => {
  it.each(early)('in $state: takes nothing, tells no READY, and ends well [2.3]', ({ state, settings, doings }) => {
    const supervisor = scriptedSupervisor(settings, doings);
    const before = supervisor.state;

    supervisor.stop();
    goOn(supervisor);

    expect(before).toBe(state);
    expect(supervisor.script.taken).not.toContain('domain web');
    expect(supervisor.script.taken).not.toContain('tellReady');
    expect(supervisor.output).toBe(0);
  });

  it.each(early)(
    'in $state: ends what an earlier run began, and begins nothing else [5.6, 12.2, 12.3]',
    ({ settings, doings }) => {
      const ended = [
        { domain: 'db', past: 'started' as const },
        { domain: 'dns', held: true },
      ];
      const domains = ['web', ...ended, { domain: 'mail', past: 'finished' as const }];
      const supervisor = scriptedSupervisor({ ...settings, domains: [...domains] }, doings);

      supervisor.stop(7_000);
      goOn(supervisor);
      const { state } = supervisor;
      supervisor.ends('db', 'stopping');
      supervisor.ends('dns', 'stopping');

      expect(state).toBe('stopping');
      expect(supervisor.script.taken.filter((step) => step.startsWith('domain '))).toEqual(['domain db', 'domain dns']);
      expect(supervisor.script.inputOf('domain db')).toMatchObject({ stopAtMs: 7_000 });
      expect(supervisor.script.eventsTo('domain db')).toEqual([{ type: 'domain.stop', atMs: 7_000 }]);
      expect(supervisor.output).toBe(0);
    },
  );

  it('that comes twice goes straight to the notifications [5.6, 12.3]', () => {
    const supervisor = scriptedSupervisor({ domains: [{ domain: 'db', past: 'started' }] }, { setOut: held });

    supervisor.stop();
    supervisor.stop();
    supervisor.script.resolve('setOut', { atMs: 5_000 });

    expect(supervisor.sentTo('db')).toEqual(['domain.stop', 'domain.hurry']);
    expect(supervisor.script.inputOf('domain db')).toMatchObject({ limits: { wayUpUntilMs: 605_000 } });
  });

  it('is an interruption when there is a notice as well [5.6]', () => {
    const supervisor = scriptedSupervisor({}, { setOut: held });

    supervisor.stop(3_000);
    supervisor.send(noticed());
    supervisor.script.resolve('setOut', { atMs: 0 });

    expect(supervisor.state).toBe('interrupted');
    expect(supervisor.script.inputOf('domain web')).toMatchObject({ notice, stopAtMs: 3_000 });
    expect(supervisor.sentTo('web')).toEqual([]);
  });

  it('that comes twice hurries an interruption as well [5.6]', () => {
    const supervisor = scriptedSupervisor({}, { setOut: held });

    supervisor.stop();
    supervisor.stop();
    supervisor.send(noticed());
    supervisor.script.resolve('setOut', { atMs: 0 });

    expect(supervisor.sentTo('web')).toEqual(['domain.hurry']);
  });

  it('is unknown to domains that come up without one [5.1]', () => {
    expect(scriptedSupervisor().script.inputOf('domain web')).not.toHaveProperty('stopAtMs');
  });
});

describe('a notice that is there at the start', () => {
  it('goes to every domain with its input, and not once more, so that none takes anything [5.3]', () => {
    const { script, state } = scriptedSupervisor(
      { domains: ['web', 'db'], hostname: 'game', leftOver: true },
      { lookFirst: seenFirst },
    );

    expect(script.taken).toEqual(['lookFirst', 'notice watch', 'risk watch', 'domain web', 'domain db']);
    expect(script.inputOf('domain web')).toMatchObject({ notice });
    expect(script.inputOf('domain db')).toMatchObject({ notice });
    expect(script.sent).toEqual([]);
    expect(state).toBe('interrupted');
  });

  it('is no news to the watches, which look on for another one [5.3, 9.5]', () => {
    const { script } = scriptedSupervisor({}, { lookFirst: seenFirst });

    expect(script.inputOf('notice watch')).toMatchObject({ known: notice.key });
    expect(script.inputOf('risk watch')).toMatchObject({ known: [] });
  });

  it('is no news to the other watch where it is an early sign taken for one, and none that could be withdrawn [3.2, 9.5]', () => {
    const sign = { ...notice, action: 'rebalance' as const, key: 'rebalance 2030' };
    const watch = { intervalMs: 1_000, asNotice: ['rebalance' as const] };
    const { script } = scriptedSupervisor({ watch }, { lookFirst: resolves({ notice: sign }) });

    expect(script.inputOf('notice watch')).toEqual({ intervalMs: 1_000 });
    expect(script.inputOf('risk watch')).toMatchObject({ known: ['rebalance 2030'] });
  });

  it('ends the daemon well once the domains are over, without the way up [2.3, 5.3]', () => {
    const supervisor = scriptedSupervisor({}, { lookFirst: seenFirst });

    supervisor.ends('web', 'interrupted');

    expect(supervisor.output).toBe(0);
    expect(supervisor.script.taken).not.toContain('tellReady');
  });

  it('ends a daemon without domains at once [5.3]', () => {
    const { output } = scriptedSupervisor({ domains: [] }, { lookFirst: seenFirst });

    expect(output).toBe(0);
  });

  it.each(early)('counts also when it comes in $state [5.3, 9.6]', ({ state, settings, doings }) => {
    const supervisor = scriptedSupervisor(settings, doings);

    supervisor.send(noticed());
    goOn(supervisor);

    expect(supervisor.script.inputOf('domain web')).toMatchObject({ notice });
    expect(supervisor.script.sent).not.toContain('domain web: interruption.noticed');
    expect(supervisor.state).toBe('interrupted');
    expect(supervisor.times('notice watch')).toBe(1);
    expect(supervisor.times('setHostname')).toBe(state === 'naming-host' ? 1 : 0);
  });

  it('that comes while it sets out lets the domains know when that was [3.2, 5.3]', () => {
    const supervisor = scriptedSupervisor({}, { setOut: held });

    supervisor.send(noticed());
    supervisor.script.resolve('setOut', { atMs: 5_000 });

    expect(supervisor.script.inputOf('domain web')).toMatchObject({ notice, limits: { wayUpUntilMs: 605_000 } });
  });
});

describe('READY', () => {
  it('waits until every domain stands, and goes out before any is told to proceed [11.1]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] }, { tellReady: held });

    supervisor.stands('web');
    const before = supervisor.state;
    supervisor.stands('db');
    const sentBefore = [...supervisor.script.sent];
    supervisor.script.resolve('tellReady');

    expect(before).toBe('coming-up');
    expect(supervisor.script.taken).toContain('tellReady');
    expect(sentBefore).toEqual([]);
    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed', 'domain db: domain.proceed']);
  });

  it.each([
    { what: 'is over', fails: (supervisor: ScriptedSupervisor) => supervisor.ends('db', 'failed') },
    { what: 'gives back what it took', fails: (supervisor: ScriptedSupervisor) => supervisor.failing('db') },
    { what: 'has failed and keeps watch', fails: (supervisor: ScriptedSupervisor) => supervisor.keepsWatch('db') },
  ])('does not wait for a domain that $what [11.1]', ({ fails }) => {
    const before = scriptedSupervisor({ domains: ['web', 'db'] });
    const after = scriptedSupervisor({ domains: ['web', 'db'] });

    fails(before);
    before.stands('web');
    after.stands('web');
    fails(after);

    expect(before.script.sent).toEqual(['domain web: domain.proceed']);
    expect(after.script.sent).toEqual(['domain web: domain.proceed']);
  });

  it('is not for domains all of which are giving back what they took: one may have to be watched over [5.4, 11.1]', () => {
    const supervisor = scriptedSupervisor();

    supervisor.failing('web');
    const before = supervisor.state;
    supervisor.keepsWatch('web');

    expect(before).toBe('coming-up');
    expect(supervisor.script.taken).toContain('tellReady');
    expect(supervisor.state).toBe('running');
  });

  it('goes out at the latest 10 s after the first domain stands [11.1]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] });
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
    const supervisor = scriptedSupervisor({ domains: ['web', 'db', 'mail'] });
    supervisor.stands('web');
    supervisor.clock.increment(READY_PATIENCE_MS - 1);
    supervisor.stands('db');

    supervisor.clock.increment(1);

    expect(supervisor.script.taken).toContain('tellReady');
  });

  it('counts them also when that one has failed meanwhile, and not anew from the next [11.1]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db', 'mail'] });
    supervisor.stands('web');
    supervisor.failing('web');
    supervisor.clock.increment(READY_PATIENCE_MS - 1);
    supervisor.stands('db');
    const before = supervisor.state;

    supervisor.clock.increment(1);

    expect(before).toBe('coming-up');
    expect(supervisor.sentTo('db')).toEqual(['domain.proceed']);
  });

  it('goes out once only, however long the daemon runs [11.1]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] });
    supervisor.stands('web');
    supervisor.clock.increment(READY_PATIENCE_MS);
    supervisor.stands('db');

    supervisor.clock.increment(10 * READY_PATIENCE_MS);

    expect(supervisor.times('tellReady')).toBe(1);
  });

  it('is followed by `proceed` for a domain that stands later, at once [11.1]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] });
    supervisor.stands('web');
    supervisor.clock.increment(READY_PATIENCE_MS);

    supervisor.stands('db');

    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed', 'domain db: domain.proceed']);
  });

  it('is followed by `proceed` for a domain that stood up while it was sent [11.1]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] }, { tellReady: held });
    supervisor.stands('web');
    supervisor.clock.increment(READY_PATIENCE_MS);
    supervisor.stands('db');

    supervisor.script.resolve('tellReady');

    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed', 'domain db: domain.proceed']);
  });

  it('that cannot be sent is a problem that keeps nobody from starting [11.1]', () => {
    const supervisor = scriptedSupervisor({}, { tellReady: refused });

    supervisor.stands('web');

    expect(supervisor.script.sent).toEqual(['domain web: domain.proceed']);
    expect(supervisor.context.problems).toEqual(['refused']);
  });

  it('is not for a daemon whose domains have all failed: it ends with 1 [2.3, 5.4]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] });

    supervisor.ends('web', 'failed');
    supervisor.ends('db', 'failed');

    expect(supervisor.script.taken).not.toContain('tellReady');
    expect(supervisor.output).toBe(1);
  });

  it.each([
    { what: 'is over', fails: (supervisor: ScriptedSupervisor) => supervisor.ends('web', 'failed') },
    { what: 'gives up', fails: (supervisor: ScriptedSupervisor) => supervisor.failing('web') },
  ])('does not tell a domain to proceed that $what meanwhile [11.1]', ({ fails }) => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] });

    supervisor.stands('web');
    fails(supervisor);
    supervisor.stands('db');

    expect(supervisor.script.sent).toEqual(['domain db: domain.proceed']);
  });
});

describe('a domain that fails', () => {
  it('does not keep the others from coming up, nor from going on [5.4]', () => {
    const supervisor = runningSupervisor({ domains: ['web', 'db', 'mail'] });

    supervisor.failing('web');
    supervisor.ends('web', 'failed');

    expect(supervisor.state).toBe('running');
    expect(supervisor.sentTo('db')).toEqual(['domain.proceed']);
    expect(supervisor.sentTo('mail')).toEqual(['domain.proceed']);
  });

  it.each(up)('ends the daemon with 1 in $state when it was the last [2.3, 5.4]', ({ state, reach }) => {
    const supervisor = reach({});
    const before = supervisor.state;

    supervisor.ends('web', 'failed');
    if (supervisor.state === 'telling-ready') supervisor.script.resolve('tellReady');

    expect(before).toBe(state);
    expect(supervisor.output).toBe(1);
  });

  it('may have dots in its name [3.3]', () => {
    const supervisor = scriptedSupervisor({ domains: ['my-world.mc', 'constructor'] });

    supervisor.ends('my-world.mc', 'failed');
    supervisor.ends('constructor', 'failed');

    expect(supervisor.output).toBe(1);
  });

  it('and keeps watch has the daemon watch on; on a stop it ends with 1 [2.3, 5.4]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] });
    supervisor.keepsWatch('web');
    supervisor.ends('db', 'failed');
    const { state } = supervisor;

    supervisor.stop();
    supervisor.ends('web', 'stopping', true);

    expect(state).toBe('running');
    expect(supervisor.times('lookFirst')).toBe(1);
    expect(supervisor.sentTo('web')).toEqual(['domain.stop']);
    expect(supervisor.output).toBe(1);
  });

  it('and keeps watch is told of an interruption, after which the daemon ends well [2.3, 5.4]', () => {
    const supervisor = scriptedSupervisor();
    supervisor.keepsWatch('web');

    supervisor.send(noticed());
    const before = supervisor.output;
    supervisor.ends('web', 'interrupted', true);

    expect(before).toBeUndefined();
    expect(supervisor.sentTo('web')).toEqual(['interruption.noticed']);
    expect(supervisor.output).toBe(0);
  });

  it('is told to proceed no more once it keeps watch [5.4]', () => {
    const supervisor = scriptedSupervisor();

    supervisor.keepsWatch('web');

    expect(supervisor.script.sent).toEqual([]);
  });
});

describe('with require-all', () => {
  const both: SupervisorSettings = { requireAll: true, domains: ['web', 'db', 'mail'] };

  it('READY waits for all, however long it takes [11.1]', () => {
    const supervisor = scriptedSupervisor(both);
    supervisor.stands('web');
    supervisor.stands('db');

    supervisor.clock.increment(100 * READY_PATIENCE_MS);
    const before = supervisor.state;
    supervisor.stands('mail');

    expect(before).toBe('coming-up');
    expect(supervisor.state).toBe('running');
  });

  it('one domain that fails has all others fail before any `started` command [5.4]', () => {
    const supervisor = scriptedSupervisor(both);
    supervisor.stands('web');
    supervisor.failing('mail');

    expect(supervisor.sentTo('mail')).toEqual([]);
    expect(supervisor.script.eventsTo('domain db')).toEqual([
      { type: 'domain.fail', problem: 'mail has failed, and with require-all none comes up without the others' },
    ]);
    expect(supervisor.sentTo('web')).toEqual(['domain.fail']);
  });

  it.each([
    { what: 'still stands', story: ['stands', 'failing'] },
    { what: 'stands up in that moment', story: ['failing', 'stands'] },
  ] as const)(
    'READY is not sent for one that $what when another fails: it will not come up either [5.4, 11.1]',
    (of) => {
      const supervisor = scriptedSupervisor({ ...both, domains: ['web', 'db'] });

      for (const what of of.story) supervisor[what](what === 'stands' ? 'web' : 'db');

      expect(supervisor.state).toBe('coming-up');
      expect(supervisor.script.taken).not.toContain('tellReady');
    },
  );

  it('each is told so once, however many fail [5.4]', () => {
    const supervisor = scriptedSupervisor(both);
    supervisor.failing('web');

    supervisor.failing('db');
    supervisor.failing('mail');

    expect(supervisor.sentTo('web')).toEqual([]);
    expect(supervisor.sentTo('db')).toEqual(['domain.fail']);
    expect(supervisor.sentTo('mail')).toEqual(['domain.fail']);
  });

  it('none that is over is told so [5.4]', () => {
    const supervisor = scriptedSupervisor(both);
    supervisor.ends('web', 'failed');

    supervisor.failing('db');

    expect(supervisor.sentTo('web')).toEqual([]);
    expect(supervisor.sentTo('mail')).toEqual(['domain.fail']);
  });

  it('none is told to proceed when all have failed, and the daemon ends with 1 [2.3, 5.4]', () => {
    const supervisor = scriptedSupervisor(both);
    for (const domain of ['web', 'db', 'mail']) supervisor.failing(domain);

    for (const domain of ['web', 'db', 'mail']) supervisor.ends(domain, 'failed');

    expect(supervisor.script.taken).not.toContain('tellReady');
    expect(supervisor.script.sent).not.toContain('domain web: domain.proceed');
    expect(supervisor.output).toBe(1);
  });

  it('a domain that fails while READY is sent has all others fail [5.4]', () => {
    const supervisor = scriptedSupervisor(both, { tellReady: held });
    for (const domain of ['web', 'db', 'mail']) supervisor.stands(domain);

    supervisor.failing('web');

    expect(supervisor.sentTo('db')).toEqual(['domain.fail']);
  });

  it('a domain that fails afterwards leaves the others alone: they have begun [5.2, 5.4]', () => {
    const supervisor = runningSupervisor(both);

    supervisor.failing('web');

    expect(supervisor.sentTo('db')).toEqual(['domain.proceed']);
  });

  it('and without it no domain has to fail for another [5.4]', () => {
    const supervisor = scriptedSupervisor({ ...both, requireAll: false });

    supervisor.failing('web');

    expect(supervisor.script.sent).toEqual([]);
  });
});

describe('a daemon without domains', () => {
  it('is ready at once, and watches on [3.2]', () => {
    const { script, state } = scriptedSupervisor({ domains: [] });

    expect(script.taken).toEqual(['lookFirst', 'notice watch', 'risk watch', 'setOut', 'tellReady']);
    expect(state).toBe('running');
  });

  it('ends well on a notice, and on a stop [2.3]', () => {
    const interrupted = scriptedSupervisor({ domains: [] });
    const stopped = scriptedSupervisor({ domains: [] });

    interrupted.send(noticed());
    stopped.stop();

    expect([interrupted.output, stopped.output]).toEqual([0, 0]);
  });

  it('has nothing to do with polling off: it is ready, and ends well [5.8]', () => {
    const { script, output } = scriptedSupervisor({ domains: [], polling: false });

    expect(script.taken).toEqual(['setOut', 'tellReady']);
    expect(output).toBe(0);
  });
});

describe('a one-shot', () => {
  const oneShot = { polling: false, domains: ['web', 'db'] };

  it('ends well once its domains have started [5.8]', () => {
    const supervisor = scriptedSupervisor(oneShot);
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
    const supervisor = scriptedSupervisor(
      { polling: false, receivers: { web: [['started']] } },
      { 'tell 0 that web started': held },
    );
    supervisor.stands('web');
    supervisor.reaches('web', 'started');
    const before = supervisor.state;

    supervisor.script.resolve('tell 0 that web started', { accepted: true });

    expect(before).toBe('flushing');
    expect(supervisor.output).toBe(0);
  });

  it('takes no other event for `started` [5.8]', () => {
    const supervisor = scriptedSupervisor({ polling: false });
    supervisor.reaches('web', 'starting');
    supervisor.stands('web');

    expect(supervisor.state).toBe('running');
  });

  it.each([
    { what: 'is over', fails: (supervisor: ScriptedSupervisor) => supervisor.ends('db', 'failed') },
    { what: 'is still attached here', fails: (supervisor: ScriptedSupervisor) => supervisor.keepsWatch('db') },
  ])('ends with 1 when a domain of it has failed and $what: nobody watches [2.3, 5.8]', ({ fails }) => {
    const supervisor = scriptedSupervisor(oneShot);
    fails(supervisor);
    supervisor.stands('web');

    supervisor.reaches('web', 'started');

    expect(supervisor.output).toBe(1);
  });

  it.each([
    { state: 'coming-up', stand: [] },
    { state: 'telling-ready', stand: ['web', 'db'], doings: { tellReady: held } },
    { state: 'running', stand: ['web', 'db'] },
  ])('in $state stops without asking why, as it never looks [5.6, 5.8]', ({ state, stand, doings }) => {
    const supervisor = scriptedSupervisor(oneShot, doings);
    for (const domain of stand) supervisor.stands(domain);
    const before = supervisor.state;

    supervisor.stop(3_000);
    const after = supervisor.state;
    supervisor.stop(4_000);

    expect([before, after]).toEqual([state, 'stopping']);
    expect(supervisor.script.taken).not.toContain('look');
    expect(supervisor.script.eventsTo('domain web').slice(-2)).toEqual([
      { type: 'domain.stop', atMs: 3_000 },
      { type: 'domain.hurry' },
    ]);
  });

  it('is interrupted by a notice by hand [9.6]', () => {
    const supervisor = scriptedSupervisor(oneShot);

    supervisor.send(noticed());

    expect(supervisor.sentTo('web')).toEqual(['interruption.noticed']);
    expect(supervisor.state).toBe('interrupted');
  });
});

describe('an interruption', () => {
  const asking = {
    state: 'asking-why',
    reach(settings: SupervisorSettings) {
      const supervisor = runningSupervisor(settings, { look: held });
      supervisor.stop();
      return supervisor;
    },
  };

  it.each([...up, asking])('in $state goes to every domain that is not over, and is awaited [5.5]', (at) => {
    const supervisor = at.reach({ domains: ['web', 'db', 'old'] });
    supervisor.ends('old', 'failed');
    const before = supervisor.state;

    supervisor.send(noticed());

    expect(before).toBe(at.state);
    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual(noticed());
    expect(supervisor.script.eventsTo('domain db').at(-1)).toEqual(noticed());
    expect(supervisor.sentTo('old')).not.toContain('interruption.noticed');
    expect(supervisor.state).toBe('interrupted');
  });

  it('that was handled ends the daemon well, also when a domain had failed [2.3]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] });
    supervisor.ends('db', 'failed');
    supervisor.send(noticed());
    const before = supervisor.output;

    supervisor.ends('web', 'interrupted');

    expect(before).toBeUndefined();
    expect(supervisor.output).toBe(0);
  });

  it('waits for the last domain [5.5]', () => {
    const supervisor = runningSupervisor({ domains: ['web', 'db'] });
    supervisor.send(noticed());

    supervisor.ends('web', 'interrupted');

    expect(supervisor.state).toBe('interrupted');
  });

  it('lets the message of each domain leave when that domain is done, not with the last [5.5]', () => {
    const supervisor = runningSupervisor({ domains: ['web', 'db'], receivers: { web: [['interrupted']] } });
    supervisor.send(noticed());

    supervisor.reaches('web', 'interrupted');

    expect(supervisor.script.taken.at(-1)).toBe('tell 0 that web interrupted');
    expect(supervisor.state).toBe('interrupted');
  });

  it('does not let a domain proceed that stands up at that moment [5.3]', () => {
    const supervisor = scriptedSupervisor();
    supervisor.send(noticed());

    supervisor.stands('web');
    supervisor.clock.increment(READY_PATIENCE_MS);

    expect(supervisor.sentTo('web')).toEqual(['interruption.noticed']);
    expect(supervisor.state).toBe('interrupted');
  });

  it.each(['interrupted', 'stopping'])('is told once: the same notice again changes nothing in %s [9.5]', (state) => {
    const supervisor = runningSupervisor();
    if (state === 'stopping') supervisor.stop();
    supervisor.send(noticed());

    supervisor.send(noticed({ ...notice, seenAtMs: 1_000 }));

    expect(supervisor.state).toBe(state);
    expect(supervisor.sentTo('web').filter((type) => type === 'interruption.noticed')).toHaveLength(1);
  });

  it('hands on another notice that comes meanwhile: it may leave less time [5.6, 9.5]', () => {
    const supervisor = runningSupervisor({ domains: ['web', 'db'] });
    supervisor.send(noticed());
    supervisor.ends('db', 'interrupted');

    supervisor.send(noticed(later));

    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual(noticed(later));
    expect(supervisor.sentTo('db')).toEqual(['domain.proceed', 'interruption.noticed']);
  });

  it('hands a stop on that comes meanwhile: it shortens the time [5.6]', () => {
    const supervisor = runningSupervisor({ domains: ['web', 'db'] });
    supervisor.send(noticed());
    supervisor.ends('db', 'interrupted');

    supervisor.stop(4_000);

    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual({ type: 'domain.stop', atMs: 4_000 });
    expect(supervisor.sentTo('web')).not.toContain('domain.hurry');
    expect(supervisor.sentTo('db')).not.toContain('domain.stop');
    expect(supervisor.state).toBe('interrupted');
  });

  it('has the domains hurry at the second stop, and at each further one [5.6]', () => {
    const supervisor = runningSupervisor();
    supervisor.send(noticed());

    for (const atMs of [1, 2, 3]) supervisor.stop(atMs);

    expect(supervisor.sentTo('web').filter((type) => type === 'domain.hurry')).toHaveLength(2);
    expect(supervisor.script.eventsTo('domain web').at(-2)).toEqual({ type: 'domain.stop', atMs: 1 });
  });

  it('counts the stop that made it look for the notice: the next one is the second [5.6]', () => {
    const supervisor = runningSupervisor({}, { look: seen });
    supervisor.stop();

    supervisor.stop();

    expect(supervisor.sentTo('web').at(-1)).toBe('domain.hurry');
  });
});

describe('a stop', () => {
  it.each(up)('in $state has the metadata read once more, and then every domain stopped [5.6]', ({ state, reach }) => {
    const supervisor = reach({ domains: ['web', 'db', 'old'] }, { look: held });
    supervisor.ends('old', 'failed');
    const before = supervisor.state;

    supervisor.stop(3_000);
    const asking = supervisor.state;
    const sentBefore = [...supervisor.script.sent];
    supervisor.script.resolve('look', nothingYet);

    expect([before, asking]).toEqual([state, 'asking-why']);
    expect(sentBefore).not.toContain('domain web: domain.stop');
    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual({ type: 'domain.stop', atMs: 3_000 });
    expect(supervisor.sentTo('db').at(-1)).toBe('domain.stop');
    expect(supervisor.sentTo('old')).not.toContain('domain.stop');
    expect(supervisor.state).toBe('stopping');
  });

  it('is an interruption when a notice is found then [5.6]', () => {
    const supervisor = runningSupervisor({}, { look: seen });

    supervisor.stop();

    expect(supervisor.state).toBe('interrupted');
    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual(noticed());
    expect(supervisor.script.sent).not.toContain('domain web: domain.stop');
  });

  it('waits 1 s for that look, and no longer [5.6]', () => {
    const supervisor = runningSupervisor({}, { look: held });
    supervisor.stop();

    supervisor.clock.increment(999);
    const before = supervisor.state;
    supervisor.clock.increment(1);

    expect(before).toBe('asking-why');
    expect(supervisor.state).toBe('stopping');
    expect(supervisor.script.isUnderWay('look')).toBe(false);
  });

  it('goes on when that look fails, and keeps the problem in mind [5.6]', () => {
    const supervisor = runningSupervisor({}, { look: refused });

    supervisor.stop();

    expect(supervisor.state).toBe('stopping');
    expect(supervisor.context.problems).toEqual(['refused']);
  });

  it('that comes again during that look waits for it no longer, and goes straight to the notifications [5.6]', () => {
    const supervisor = runningSupervisor({}, { look: held });
    supervisor.stop(3_000);

    supervisor.stop(3_500);

    expect(supervisor.state).toBe('stopping');
    expect(supervisor.sentTo('web').slice(-2)).toEqual(['domain.stop', 'domain.hurry']);
    expect(supervisor.script.eventsTo('domain web').at(-2)).toEqual({ type: 'domain.stop', atMs: 3_000 });
  });

  it('that comes again is no second stop, but has the domains hurry, each time [5.6]', () => {
    const supervisor = runningSupervisor({ domains: ['web', 'db'] });
    supervisor.stop();
    supervisor.ends('db', 'stopping');
    const before = supervisor.sentTo('web');

    supervisor.stop();
    supervisor.stop();

    expect(before).toEqual(['domain.proceed', 'domain.stop']);
    expect(supervisor.sentTo('web').slice(2)).toEqual(['domain.hurry', 'domain.hurry']);
    expect(supervisor.sentTo('db')).not.toContain('domain.hurry');
  });

  it('hands on a notice that comes meanwhile, and ends as an interruption [2.3, 5.6]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db', 'mail'] });
    supervisor.ends('mail', 'failed');
    supervisor.stop();
    supervisor.ends('db', 'stopping');

    supervisor.send(noticed());
    const { state } = supervisor;
    supervisor.ends('web', 'stopping');

    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual(noticed());
    expect(supervisor.sentTo('db')).not.toContain('interruption.noticed');
    expect(state).toBe('stopping');
    expect(supervisor.output).toBe(0);
  });

  it('ends the daemon well once all domains are over [2.3]', () => {
    const supervisor = runningSupervisor({ domains: ['web', 'db'] });
    supervisor.stop();
    supervisor.ends('db', 'stopping');
    const before = supervisor.output;

    supervisor.ends('web', 'stopping');

    expect(before).toBeUndefined();
    expect(supervisor.output).toBe(0);
  });

  it('ends the daemon with 1 when a domain had failed on the way up [2.3]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] });
    supervisor.ends('db', 'failed');
    supervisor.stands('web');
    supervisor.stop();

    supervisor.ends('web', 'stopping');

    expect(supervisor.output).toBe(1);
  });

  it('does no harm when the last domain ends while the metadata is asked [5.6]', () => {
    const supervisor = runningSupervisor({}, { look: held });
    supervisor.stop();
    supervisor.ends('web', 'failed');

    supervisor.script.resolve('look', nothingYet);

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.output).toBe(1);
  });
});

describe('a hibernation', () => {
  /** Everything is done for it, and the instance may be frozen. */
  function asleep(settings: SupervisorSettings = {}, doings: Doings = {}): ScriptedSupervisor {
    const supervisor = runningSupervisor(settings, doings);
    supervisor.send(noticed(hibernation));
    for (const { domain } of supervisor.context.domains) supervisor.ends(domain, 'interrupted');
    return supervisor;
  }

  it('is handled like any interruption, and then the daemon stays, for as long as it takes [5.5]', () => {
    const supervisor = asleep({ domains: ['web', 'db'] });

    supervisor.clock.increment(86_400_000);

    expect(supervisor.sentTo('web')).toEqual(['domain.proceed', 'interruption.noticed']);
    expect(supervisor.state).toBe('asleep');
  });

  it('that is over has the daemon set out anew, with fresh domains, under no notice [5.5]', () => {
    const supervisor = asleep(
      { domains: ['web', 'db'] },
      { setOut: [resolves({ atMs: 0 }), resolves({ atMs: 9_000 })] },
    );
    const before = supervisor.script.taken.length;

    supervisor.send(resumed);

    expect(supervisor.script.taken.slice(before)).toEqual(['setOut', 'domain web', 'domain db']);
    expect(supervisor.script.inputOf('domain web')).toEqual({
      ...domainInput({ domain: 'web', past: 'finished' }),
      limits: { wayUpMs: 600_000, wayUpUntilMs: 609_000, stopMs: 90_000 },
    });
    expect(supervisor.state).toBe('coming-up');
  });

  it('tells whoever sets out anew which notice was survived [5.5, 9.5]', () => {
    const supervisor = asleep();

    supervisor.send(resumed);

    expect(supervisor.script.inputOf('setOut')).toEqual({ survived: hibernation.key });
  });

  it('is over also when that was seen before everything was done for it: the instance was frozen meanwhile [5.5]', () => {
    const supervisor = runningSupervisor();
    supervisor.send(noticed(hibernation));

    supervisor.send(resumed);
    const { state } = supervisor;
    supervisor.ends('web', 'interrupted');

    expect(state).toBe('interrupted');
    expect(supervisor.times('domain web')).toBe(2);
    expect(supervisor.state).toBe('coming-up');
  });

  it('that is announced again after a resumption waits for the next one [5.5]', () => {
    const supervisor = runningSupervisor();
    supervisor.send(noticed(hibernation));
    supervisor.send(resumed);
    supervisor.send(noticed({ ...hibernation, key: 'hibernate 2' }));

    supervisor.ends('web', 'interrupted');

    expect(supervisor.state).toBe('asleep');
  });

  it('lets the domains come up like the first time: READY, then proceed [5.5, 11.1]', () => {
    const supervisor = asleep({ domains: ['web', 'db'] });
    supervisor.send(resumed);

    supervisor.stands('web');
    const before = supervisor.state;
    supervisor.clock.increment(READY_PATIENCE_MS);

    expect(before).toBe('coming-up');
    expect(supervisor.state).toBe('running');
    expect(supervisor.sentTo('web').at(-1)).toBe('domain.proceed');
    expect(supervisor.sentTo('db')).toEqual(['domain.proceed', 'interruption.noticed']);
  });

  it('takes with it the patience that the first time had left [11.1]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db'] });
    supervisor.stands('web');
    supervisor.send(noticed(hibernation));
    for (const domain of ['web', 'db']) supervisor.ends(domain, 'interrupted');
    supervisor.send(resumed);

    supervisor.clock.increment(READY_PATIENCE_MS);

    expect(supervisor.script.taken).not.toContain('tellReady');
  });

  it('lets nothing of the first time count: who stood, failed, kept watch, or had started [5.5]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'db', 'mail', 'old'], requireAll: true });
    supervisor.stands('web');
    supervisor.keepsWatch('db');
    supervisor.send(noticed(hibernation));
    supervisor.failing('mail');
    supervisor.ends('web', 'interrupted');
    supervisor.ends('db', 'interrupted', true);
    supervisor.ends('mail', 'interrupted', true);
    supervisor.ends('old', 'failed');
    supervisor.send(resumed);

    const { state } = supervisor;
    for (const domain of ['web', 'db', 'mail', 'old']) supervisor.stands(domain);
    supervisor.stop();
    for (const domain of ['web', 'db', 'mail', 'old']) supervisor.ends(domain, 'stopping');

    expect(state).toBe('coming-up');
    expect(supervisor.sentTo('old').at(-1)).toBe('domain.stop');
    expect(supervisor.output).toBe(0);
  });

  it('lets require-all count anew [5.4, 5.5]', () => {
    const supervisor = asleep({ domains: ['web', 'db'], requireAll: true });
    supervisor.send(resumed);

    supervisor.failing('web');

    expect(supervisor.sentTo('db').at(-1)).toBe('domain.fail');
  });

  it('is not the end of messages on their way [5.5, 10.2]', () => {
    const supervisor = asleep({ receivers: { web: [['started']] } }, { 'tell 0 that web started': held });
    supervisor.send(resumed);
    const { sending } = supervisor.context;

    supervisor.script.resolve('tell 0 that web started', { accepted: true });

    expect(sending).toEqual(['delivery.0']);
    expect(supervisor.context.sending).toEqual([]);
  });

  it('does not tidy up a second time [12.2]', () => {
    const supervisor = asleep({ leftOver: true });

    supervisor.send(resumed);

    expect(supervisor.times('tidyUp')).toBe(1);
    expect(supervisor.context.leftOver).toBe(false);
  });

  it('may come a second time, and a third [5.5]', () => {
    const supervisor = asleep();
    for (const key of ['hibernate 2', 'hibernate 3']) {
      supervisor.send(resumed);
      supervisor.stands('web');
      supervisor.send(noticed({ ...hibernation, key }));
      supervisor.ends('web', 'interrupted');
    }

    expect(supervisor.state).toBe('asleep');
    supervisor.send(resumed);
    expect(supervisor.script.inputOf('setOut')).toEqual({ survived: 'hibernate 3' });
    expect(supervisor.times('domain web')).toBe(4);
  });

  it('that is announced again while it is awaited changes only which notice will have been survived [5.5]', () => {
    const supervisor = asleep();

    supervisor.send(noticed({ ...hibernation, key: 'hibernate 2' }));
    const { state } = supervisor;
    supervisor.send(resumed);

    expect(state).toBe('asleep');
    expect(supervisor.script.inputOf('setOut')).toEqual({ survived: 'hibernate 2' });
  });

  it.each([
    { what: 'a stop', ends: (supervisor: ScriptedSupervisor) => supervisor.stop() },
    { what: 'another notice', ends: (supervisor: ScriptedSupervisor) => supervisor.send(noticed(later)) },
  ])('is the end, and a good one, with $what while it is awaited [2.3, 5.5]', ({ ends }) => {
    const supervisor = asleep();

    ends(supervisor);

    expect(supervisor.output).toBe(0);
  });

  it('has the log know under which notice it ended [5.5]', () => {
    const supervisor = asleep();

    supervisor.send(noticed(later));

    expect(supervisor.context.notice).toEqual(later);
  });

  it('waits for messages when it ends so [10.2]', () => {
    const supervisor = asleep({ receivers: { web: [['started']] } }, { 'tell 0 that web started': held });

    supervisor.stop();

    expect(supervisor.state).toBe('flushing');
  });

  it('is the end when somebody asked it to stop before it slept [5.5]', () => {
    const supervisor = runningSupervisor();
    supervisor.send(noticed(hibernation));
    supervisor.stop();

    supervisor.ends('web', 'interrupted');

    expect(supervisor.output).toBe(0);
  });

  it('gives way to a notice of another kind [5.5]', () => {
    const supervisor = runningSupervisor();
    supervisor.send(noticed(hibernation));
    supervisor.send(noticed(later));

    supervisor.ends('web', 'interrupted');

    expect(supervisor.output).toBe(0);
  });

  it('after which it cannot set out anew ends the daemon with 1 [2.3, 5.5]', () => {
    const supervisor = asleep({}, { setOut: [resolves({ atMs: 0 }), refused] });

    supervisor.send(resumed);

    expect(supervisor.context.problems).toEqual(['refused']);
    expect(supervisor.output).toBe(1);
  });

  it('after which it cannot set out anew ends the daemon with 1 also when a notice comes meanwhile [2.3, 5.5]', () => {
    const supervisor = asleep({}, { setOut: [resolves({ atMs: 0 }), held] });
    supervisor.send(resumed);

    supervisor.send(noticed());
    supervisor.script.reject('setOut', new Error('refused'));

    expect(supervisor.output).toBe(1);
  });

  it('after which a stop comes before there are domains again takes nothing, and ends well [2.3, 5.5]', () => {
    const supervisor = asleep({}, { setOut: [resolves({ atMs: 0 }), held] });
    supervisor.send(resumed);

    supervisor.stop();
    supervisor.script.resolve('setOut', { atMs: 0 });

    expect(supervisor.times('domain web')).toBe(1);
    expect(supervisor.output).toBe(0);
  });

  it('lets a stop afterwards be the first one [5.6]', () => {
    const supervisor = asleep();
    supervisor.send(resumed);

    supervisor.stop(5_000);

    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual({ type: 'domain.stop', atMs: 5_000 });
  });
});

describe('a resumption', () => {
  it.each(up)('means nothing in $state, where nobody sleeps [5.5]', ({ state, reach }) => {
    const supervisor = reach({});
    const before = [...supervisor.script.taken];

    supervisor.send(resumed);

    expect(supervisor.state).toBe(state);
    expect(supervisor.script.taken).toEqual(before);
  });

  it('is none of a hibernation that comes later [5.5]', () => {
    const supervisor = runningSupervisor();
    supervisor.send(resumed);
    supervisor.send(noticed(hibernation));

    supervisor.ends('web', 'interrupted');

    expect(supervisor.state).toBe('asleep');
  });
});

describe('an early sign', () => {
  it.each(up)('in $state goes to every domain that is not over, and changes nothing else [5.1]', ({ state, reach }) => {
    const supervisor = reach({ domains: ['web', 'old'] });
    supervisor.ends('old', 'failed');

    supervisor.send(riskSeen);

    expect(supervisor.script.eventsTo('domain web').at(-1)).toEqual(riskSeen);
    expect(supervisor.sentTo('old')).not.toContain('risk.seen');
    expect(supervisor.state).toBe(state);
  });

  it.each(early)('that is seen in $state waits for the domains [5.1]', ({ state, settings, doings }) => {
    const supervisor = scriptedSupervisor({ ...settings, domains: ['web', 'db'] }, doings);

    supervisor.send(riskSeen);
    const before = supervisor.state;
    if (state === 'looking') supervisor.script.resolve('lookFirst', {});
    if (state === 'naming-host') supervisor.script.resolve('setHostname');
    if (state === 'warming') supervisor.send(lifecycle('InService'));
    if (state === 'tidying') supervisor.script.resolve('tidyUp', { given: [], kept: [], failures: [] });
    goOn(supervisor);

    expect(supervisor.errors).toEqual([]);
    expect(before).toBe(state);
    expect(supervisor.script.eventsTo('domain web')).toEqual([riskSeen]);
    expect(supervisor.script.eventsTo('domain db')).toEqual([riskSeen]);
  });

  it('does no harm between two lives, and what it told of is over with the first [5.5]', () => {
    const supervisor = runningSupervisor({}, { setOut: [resolves({ atMs: 0 }), held] });
    supervisor.send(riskSeen);
    supervisor.send(noticed(hibernation));
    supervisor.ends('web', 'interrupted');
    supervisor.send(resumed);
    const { risk: known } = supervisor.context;

    supervisor.send({ ...riskSeen, risk: { ...risk, key: 'rebalance 2' } });
    supervisor.script.resolve('setOut', { atMs: 0 });

    expect(supervisor.errors).toEqual([]);
    expect(known).toBeUndefined();
    expect(supervisor.script.eventsTo('domain web').at(-1)).toMatchObject({ risk: { key: 'rebalance 2' } });
  });

  it('is told to no domain while there is none [5.1]', () => {
    const { script } = scriptedSupervisor();

    expect(script.sent).toEqual([]);
  });
});

describe('messages', () => {
  it('go to each receiver that wants the event, and to no other [3.3, 10.1]', () => {
    const supervisor = scriptedSupervisor({ receivers: { web: [['started', 'failed'], ['failed'], ['started']] } });

    supervisor.reaches('web', 'started');

    expect(supervisor.script.taken.filter((step) => step.startsWith('tell '))).toEqual([
      'tell 0 that web started',
      'tell 2 that web started',
    ]);
  });

  it.each(all)('tell of `%s` what the domain says of it [3.3]', (event) => {
    const supervisor = scriptedSupervisor({ receivers: { web: [all] } });

    supervisor.reaches('web', event);

    expect(supervisor.script.inputOf(`tell 0 that web ${event}`)).toEqual({
      receiver: 0,
      occasion: occasionOf('web', event),
    });
  });

  it('of one domain are no business of the receivers of another [5.1]', () => {
    const supervisor = scriptedSupervisor({ domains: ['web', 'constructor'], receivers: { db: [all] } });

    supervisor.reaches('web', 'started');
    supervisor.reaches('constructor', 'started');

    expect(supervisor.script.taken.filter((step) => step.startsWith('tell '))).toEqual([]);
  });

  /** A supervisor whose domains are over, but for these messages. */
  function flushing(doings: Doings, receivers: SupervisorSettings['receivers'] = { web: [['stopping']] }) {
    const supervisor = runningSupervisor({ receivers: receivers ?? {} }, doings);
    supervisor.stop();
    supervisor.reaches('web', 'stopping');
    supervisor.ends('web', 'stopping');
    return supervisor;
  }

  it('are awaited when all domains are over [10.2]', () => {
    const supervisor = flushing({ 'tell 0 that web stopping': held });
    const before = supervisor.state;

    supervisor.script.resolve('tell 0 that web stopping', { accepted: true });

    expect(before).toBe('flushing');
    expect(supervisor.output).toBe(0);
  });

  it.each([
    {
      event: 'interrupted',
      reach(settings: SupervisorSettings, doings: Doings) {
        const supervisor = runningSupervisor(settings, doings);
        supervisor.send(noticed());
        return supervisor;
      },
    },
    {
      event: 'interrupted',
      reach: (settings: SupervisorSettings, doings: Doings) =>
        scriptedSupervisor(settings, { ...doings, lookFirst: seenFirst }),
    },
    { event: 'failed', reach: scriptedSupervisor },
    { event: 'failed', reach: runningSupervisor },
  ] as const)('are awaited whichever way the last domain went: $event, case %# [10.2]', ({ event, reach }) => {
    const supervisor = reach({ receivers: { web: [all] } }, { [`tell 0 that web ${event}`]: held });

    supervisor.reaches('web', event);
    supervisor.ends('web', event);

    expect(supervisor.state).toBe(event === 'interrupted' ? 'lingering' : 'flushing');
  });

  describe('after an interruption', () => {
    const doings = { 'tell 0 that web interrupted': held };
    const limitMs = 120_000 - FLUSH_MS - NOTICE_MARGIN_MS;
    function lingering(leftMs = 120_000) {
      const supervisor = runningSupervisor({ receivers: { web: [['interrupted']] } }, doings);
      supervisor.send({ type: 'interruption.noticed', notice: { ...notice, leftMs } });
      supervisor.reaches('web', 'interrupted');
      supervisor.ends('web', 'interrupted');
      return supervisor;
    }

    it('are tried until shortly before the notice comes true: with the disk goes the outbox [10.2]', () => {
      const supervisor = lingering();

      supervisor.clock.increment(limitMs - 1);
      const before = supervisor.state;
      supervisor.clock.increment(1);
      const after = supervisor.state;
      supervisor.clock.increment(FLUSH_MS);

      expect([before, after]).toEqual(['lingering', 'flushing']);
      expect(supervisor.output).toBe(0);
    });

    it('end it as soon as the last one is accepted [10.2]', () => {
      const supervisor = lingering();

      supervisor.script.resolve('tell 0 that web interrupted', { accepted: true });

      expect(supervisor.output).toBe(0);
    });

    it('have at least as long as after anything else, however little the notice leaves [9.3, 10.2]', () => {
      expect(lingering(FLUSH_MS + NOTICE_MARGIN_MS).state).toBe('lingering');
      const supervisor = lingering(5_000);
      supervisor.clock.increment(0);

      expect(supervisor.state).toBe('flushing');
    });

    it('have no longer than after anything else once somebody asks to stop [5.6, 10.2]', () => {
      const supervisor = lingering();

      supervisor.stop();

      expect(supervisor.state).toBe('flushing');
    });

    it('have no longer than after anything else when somebody asked to stop before [5.6, 10.2]', () => {
      const supervisor = runningSupervisor({ receivers: { web: [['interrupted']] } }, doings);
      supervisor.send(noticed());
      supervisor.stop();
      supervisor.reaches('web', 'interrupted');
      supervisor.ends('web', 'interrupted');

      expect(supervisor.state).toBe('flushing');
    });

    it('have as long as the last notice says [9.5, 10.2]', () => {
      const supervisor = runningSupervisor({ receivers: { web: [['interrupted']] } }, doings);
      supervisor.send(noticed());
      supervisor.clock.increment(60_000);
      supervisor.send(noticed(later));
      supervisor.reaches('web', 'interrupted');
      supervisor.ends('web', 'interrupted');

      supervisor.clock.increment(limitMs - 1);
      const before = supervisor.state;
      supervisor.clock.increment(1);

      expect([before, supervisor.state]).toEqual(['lingering', 'flushing']);
    });

    it('are tried as long when the notice was there at the start [5.3, 10.2]', () => {
      const supervisor = scriptedSupervisor(
        { receivers: { web: [['interrupted']] } },
        { ...doings, lookFirst: seenFirst },
      );
      supervisor.reaches('web', 'interrupted');
      supervisor.ends('web', 'interrupted');

      supervisor.clock.increment(limitMs - 1);
      const before = supervisor.state;
      supervisor.clock.increment(1);

      expect([before, supervisor.state]).toEqual(['lingering', 'flushing']);
    });
  });

  it('are counted one by one, however many are on their way [10.2]', () => {
    const steps = ['started', 'stopping'].flatMap((event) => [0, 1, 2].map((i) => `tell ${i} that web ${event}`));
    const supervisor = flushing(Object.fromEntries(steps.map((step) => [step, held])), { web: [all, all, all] });

    const left = steps.map((step) => {
      const { length } = supervisor.context.sending;
      supervisor.script.resolve(step, { accepted: true });
      return length;
    });

    expect(left).toEqual([6, 5, 4, 3, 2, 1]);
    expect(supervisor.output).toBe(0);
  });

  it('are awaited for 10 s at most [10.2]', () => {
    const supervisor = flushing({ 'tell 0 that web stopping': held });

    supervisor.clock.increment(FLUSH_MS - 1);
    const before = supervisor.output;
    supervisor.clock.increment(1);

    expect(before).toBeUndefined();
    expect(supervisor.output).toBe(0);
    expect(supervisor.context.sending).toHaveLength(1);
  });

  it('are asked to be left behind a moment before that, instead of tried again [10.2]', () => {
    const supervisor = flushing({
      'tell 0 that web stopping': untilAskedToFinish({ accepted: false, problem: 'throttled' }),
    });

    supervisor.clock.increment(FLUSH_MS - LAST_ATTEMPT_MS - 1);
    const before = [...supervisor.script.sent];
    supervisor.clock.increment(1);

    expect(before).not.toContain('tell 0 that web stopping: step.finish');
    expect(supervisor.output).toBe(0);
    expect(supervisor.context.sending).toEqual([]);
  });

  it('that are left behind, or break, fail nobody [10.1]', () => {
    const supervisor = flushing(
      {
        'tell 0 that web stopping': resolves({ accepted: false, problem: 'denied' }),
        'tell 1 that web stopping': refused,
      },
      { web: [['stopping'], ['stopping']] },
    );

    expect(supervisor.output).toBe(0);
    expect(supervisor.context.problems).toEqual(['refused']);
    expect(supervisor.errors).toEqual([]);
  });

  it('keep nobody from taking in what else comes while they are awaited [5.6]', () => {
    const supervisor = flushing({ 'tell 0 that web stopping': held });

    for (const event of [noticed(later), riskSeen, resumed, lifecycle('InService')]) supervisor.send(event);
    supervisor.stop();

    expect(supervisor.errors).toEqual([]);
    expect(supervisor.state).toBe('flushing');
  });
});

describe('messages that earlier runs have left', () => {
  const [older, newer] = ['older', 'newer'].map((id) => ({ id }) as DatedMessage) as [DatedMessage, DatedMessage];
  const leftMessages = [older, newer];
  const sends = (supervisor: ScriptedSupervisor) => supervisor.script.taken.filter((step) => step.startsWith('send '));

  it('are sent before anything else is looked at, the oldest first, as they are [10.2]', () => {
    const { script } = scriptedSupervisor({ leftMessages }, { lookFirst: held });

    expect(script.taken).toEqual(['send older', 'send newer', 'lookFirst']);
    expect(script.inputOf('send older')).toEqual({ message: older });
    expect(script.inputOf('send newer')).toEqual({ message: newer });
  });

  it('are sent also when a notice is there already [10.2, 5.3]', () => {
    const supervisor = scriptedSupervisor({ leftMessages }, { lookFirst: seenFirst });

    expect(supervisor.state).toBe('interrupted');
    expect(sends(supervisor)).toEqual(['send older', 'send newer']);
  });

  it('are sent once, whatever comes after a sleep [10.2, 5.5]', () => {
    const supervisor = runningSupervisor({ leftMessages });
    supervisor.send(noticed(hibernation));
    supervisor.ends('web', 'interrupted');

    supervisor.send(resumed);

    expect(supervisor.state).toBe('coming-up');
    expect(sends(supervisor)).toEqual(['send older', 'send newer']);
  });

  it('are told from those of this run [10.2]', () => {
    const supervisor = runningSupervisor(
      { leftMessages, receivers: { web: [['started']] } },
      { 'send older': held, 'send newer': held, 'tell 0 that web started': held },
    );
    const { sending } = supervisor.context;

    supervisor.script.resolve('send newer', { accepted: true });

    expect(sending).toEqual(['delivery.0', 'delivery.1', 'delivery.2']);
    expect(supervisor.context.sending).toEqual(['delivery.0', 'delivery.2']);
  });

  it('hold up nobody, and are awaited at the end like any other, but no longer [10.2, 5.8]', () => {
    const supervisor = runningSupervisor({ leftMessages, polling: false }, { 'send older': held });
    const before = supervisor.state;

    supervisor.clock.increment(FLUSH_MS);

    expect(before).toBe('flushing');
    expect(supervisor.output).toBe(0);
  });

  it('are the last thing that a daemon without domains waits for [10.2, 5.8]', () => {
    const supervisor = scriptedSupervisor({ domains: [], leftMessages, polling: false }, { 'send older': held });
    const before = supervisor.state;

    supervisor.script.resolve('send older', { accepted: true });

    expect(before).toBe('flushing');
    expect(supervisor.output).toBe(0);
  });

  it('that break fail nobody [10.1]', () => {
    const supervisor = runningSupervisor({ leftMessages }, { 'send older': refused });

    expect(supervisor.state).toBe('running');
    expect(supervisor.context.problems).toEqual(['refused']);
  });
});

describe('a defect of ours', () => {
  it.each(['domain web', 'notice watch', 'risk watch'])(
    'in %s ends the daemon with that error, which its caller sees [2.3]',
    async (step) => {
      const supervisor = scriptedSupervisor();
      const ended = toPromise(supervisor.actor);

      supervisor.script.reject(step, new Error('a defect'));

      await expect(ended).rejects.toThrow('a defect');
    },
  );

  it('ends the daemon with that error also when a domain breaks as soon as it begins [2.3]', async () => {
    const { errors } = scriptedSupervisor({}, { 'domain web': rejects(new Error('a defect')) });

    expect(errors).toEqual([new Error('a defect')]);
  });
});
