import type { EventName } from '../config/events.ts';
import type { CommandResult, Failure, RecordSetChange } from '../config/vocabulary.ts';
import type { CommandsInput, commandsMachine } from '../machines/commands.ts';
import { type DomainReport, domainMachine, type domainSteps } from '../machines/domain.ts';
import type { VolumesInput, VolumesOutcome, volumesMachine } from '../machines/volumes.ts';
import { COMMAND_LINE, type DomainSettings, domainInput, failed, notice, succeeded } from './helpers/domain.ts';
import { createScript, type Doings, held, refused, resolves, started, untilAskedToFinish } from './helpers/scripted.ts';

const nothing: VolumesOutcome = { attachments: [], results: [], failures: [] };
const saved = succeeded('/bin/save-world');

const attachment = {
  volumeId: 'vol-1',
  device: '/dev/sdf',
  path: '/dev/nvme1n1',
  source: 'x',
  attachedNow: true,
} as const;

const change: RecordSetChange = {
  hostedZone: 'Z1',
  after: { name: 'game.example.com.', type: 'A', ttl: 60, values: ['192.0.2.1'] },
  sent: true,
};

function scriptedSteps(doings: Doings = {}) {
  const script = createScript(doings);
  const steps = {
    runCommands: script.step<typeof commandsMachine>(({ occasion }) => `runCommands ${occasion.event}`, []),
    attachVolumes: script.step<typeof volumesMachine>('attachVolumes', nothing),
    upsertRecordSets: script.step<(typeof domainSteps)['upsertRecordSets']>('upsertRecordSets', {
      changes: [],
      failures: [],
    }),
  } satisfies typeof domainSteps;
  return { script, steps };
}

/** A domain whose steps succeed with nothing to say, unless told otherwise. */
function scripted(doings: Doings = {}, settings: DomainSettings = {}) {
  const { script, steps } = scriptedSteps(doings);
  const reports: DomainReport[] = [];
  const machine = domainMachine.provide({
    actors: steps,
    actions: { report: (_, report: DomainReport) => void reports.push(report) },
  });
  const domain = started(machine, domainInput(settings));
  return {
    ...domain,
    script,
    send: domain.actor.send.bind(domain.actor),
    /** The events of its life that it told of. */
    told: () => reports.flatMap((report) => (report.type === 'domain.reached' ? [report.occasion.event] : [])),
    occasionOf: (event: EventName) => {
      const report = reports.findLast((each) => each.type === 'domain.reached' && each.occasion.event === event);
      return report?.type === 'domain.reached' ? report.occasion : undefined;
    },
    reports,
    get state(): string {
      return domain.state;
    },
    get context() {
      return domain.actor.getSnapshot().context;
    },
    get output() {
      return domain.output;
    },
  };
}

/** The same, gone as far as a domain goes by itself once it was told to proceed. */
function proceeded(doings: Doings = {}, settings: DomainSettings = {}) {
  const domain = scripted(doings, settings);
  domain.send({ type: 'domain.proceed' });
  return domain;
}

/** The states on the way up that have a step, with that step. */
const stepsOnTheWayUp = [
  { state: 'starting', step: 'runCommands starting' },
  { state: 'pending', step: 'attachVolumes' },
  { state: 'volumes-attached', step: 'upsertRecordSets' },
  { state: 'running-started', step: 'runCommands started' },
];
const beforeNoReturn = stepsOnTheWayUp.slice(0, 3);

/** What each of them gives that went well, and with something to fail for. */
const wellDone: Record<string, unknown> = {
  'runCommands starting': [],
  attachVolumes: nothing,
  upsertRecordSets: { changes: [], failures: [] },
  'runCommands started': [],
};
const criticalFailure: Failure = { part: 'part', problem: 'denied', critical: true };
const badlyDone: Record<string, unknown> = {
  'runCommands starting': [failed('/bin/prepare')],
  attachVolumes: { ...nothing, failures: [criticalFailure] },
  upsertRecordSets: { changes: [], failures: [criticalFailure] },
  'runCommands started': [failed('/bin/start')],
};

/** A domain that is held in a state of the way up. */
function heldIn(state: string, settings: DomainSettings = {}) {
  const step = stepsOnTheWayUp.find((each) => each.state === state)?.step ?? '';
  const domain = proceeded({ [step]: held }, settings);
  return { domain, step };
}

describe('a domain on its way up', () => {
  it('runs its starting commands, attaches its volumes, updates DNS, and runs its started commands [5.1]', () => {
    const { script, state } = proceeded();

    expect(script.taken).toEqual(['runCommands starting', 'attachVolumes', 'upsertRecordSets', 'runCommands started']);
    expect(state).toBe('started');
  });

  it.each([...stepsOnTheWayUp])('is $state while its step $step is under way [5.1]', ({ state }) => {
    const { domain } = heldIn(state);

    expect(domain.state).toBe(state);
  });

  it('tells of `starting` before its volumes, and of `started` last, with the results of their commands [5.1]', () => {
    const prepared = succeeded('/bin/prepare');
    const domain = proceeded({
      'runCommands starting': resolves([prepared]),
      'runCommands started': resolves([saved]),
    });

    expect(domain.told()).toEqual(['starting', 'started']);
    expect(domain.occasionOf('starting')?.results).toEqual([prepared]);
    expect(domain.occasionOf('started')?.results).toEqual([saved]);
  });

  it('has told of `starting` before it attaches a volume [5.1]', () => {
    const domain = scripted({ attachVolumes: held });

    expect(domain.told()).toEqual(['starting']);
  });

  it('says that it stands, and runs no started command before it is told to proceed [11.1]', () => {
    const domain = scripted();

    expect(domain.reports.at(-1)).toEqual({ type: 'domain.stands', domain: 'web' });
    expect(domain.state).toBe('dns-updated');
    expect(domain.script.taken).not.toContain('runCommands started');
  });

  it('names its written records once each to its commands and messages [4.2]', () => {
    const aaaa = { ...change, after: { ...change.after, type: 'AAAA' as const } };
    const domain = proceeded({ upsertRecordSets: resolves({ changes: [change, aaaa], failures: [] }) });

    expect(domain.occasionOf('started')?.recordNames).toEqual(['game.example.com.']);
  });

  it('gives the commands of an event those lines, the end of the way up, and the order to stop at a failure [5.7]', () => {
    const { script } = proceeded({}, { lines: { started: [COMMAND_LINE] }, wayUpUntilMs: 600_000 });

    const input = script.inputOf<CommandsInput>('runCommands started');
    expect(input).toMatchObject({ lines: [COMMAND_LINE], endAtFailure: true, untilMs: 600_000 });
    expect(script.inputOf<CommandsInput>('runCommands starting').lines).toEqual([]);
  });

  it('gives the volumes its entries, and their commands the end of the way up [6.8]', () => {
    const { script } = scripted({}, { wayUpUntilMs: 600_000, volumes: [{ volumeId: 'vol-1' }] });

    const input = script.inputOf<VolumesInput>('attachVolumes');
    expect(input).toMatchObject({
      untilMs: 600_000,
      entries: [{ volumeId: 'vol-1' }],
      occasion: { event: 'starting' },
    });
  });

  it('goes on without what is not critical, and keeps in mind what failed [5.4]', () => {
    const minor = { part: 'attach-volume[1]', problem: 'denied', critical: false };
    const late = { part: 'update-route53[0]', problem: 'no address', critical: false };
    const domain = proceeded({
      attachVolumes: resolves({ ...nothing, attachments: [attachment], failures: [minor] }),
      upsertRecordSets: resolves({ changes: [], failures: [late] }),
    });

    expect(domain.state).toBe('started');
    expect(domain.occasionOf('started')?.failures).toEqual([minor, late]);
    expect(domain.context.attachments).toEqual([attachment]);
  });

  it('keeps the results of its volumes beside those of its starting commands [6.8]', () => {
    const formatted = succeeded('/sbin/mkfs');
    const domain = scripted({
      'runCommands starting': resolves([saved]),
      attachVolumes: resolves({ ...nothing, results: [formatted] }),
    });

    expect(domain.context.results.starting).toEqual([saved, formatted]);
  });
});

describe('a domain that fails on its way up', () => {
  it.each(stepsOnTheWayUp)('goes down as failed when $step does not succeed [5.2, 5.4, 5.7]', ({ step }) => {
    const domain = proceeded({ [step]: resolves(badlyDone[step]) });

    expect(domain.script.taken.slice(domain.script.taken.indexOf(step) + 1)).toEqual(['runCommands failed']);
    expect(domain.state).toBe('stopped');
    expect(domain.output).toMatchObject({ domain: 'web', ending: 'failed', failures: [{ critical: true }] });
  });

  it.each([
    { step: 'runCommands starting', part: 'exec starting' },
    { step: 'attachVolumes', part: 'attach-volume' },
    { step: 'upsertRecordSets', part: 'update-route53' },
    { step: 'runCommands started', part: 'exec started' },
  ])('goes down as failed when $step breaks, and names the part [5.4]', ({ step, part }) => {
    const domain = proceeded({ [step]: refused });

    expect(domain.script.taken.slice(domain.script.taken.indexOf(step) + 1)).toEqual(['runCommands failed']);
    expect(domain.output?.failures).toEqual([{ part, problem: 'refused', critical: true }]);
  });

  it('does not tell of `starting` when its commands failed, but of `failed`, with what went wrong [5.1]', () => {
    const domain = scripted({ 'runCommands starting': resolves([failed('/bin/prepare')]) });

    expect(domain.told()).toEqual(['failed']);
    expect(domain.occasionOf('failed')?.failures).toEqual([
      { part: 'exec starting', problem: '/bin/prepare: exited with 1', critical: true },
    ]);
  });

  it('tells of `failed` only when the failed commands have ended, with their results [10.1]', () => {
    const domain = scripted({ attachVolumes: refused, 'runCommands failed': held });
    const before = domain.told();

    domain.script.resolve('runCommands failed', [saved]);

    expect(before).toEqual(['starting']);
    expect(domain.told()).toEqual(['starting', 'failed']);
    expect(domain.occasionOf('failed')?.results).toEqual([saved]);
  });

  it('gives its failed commands the stop timeout, and lets all of them run [5.7]', () => {
    const { script } = scripted({ attachVolumes: refused }, { stopMs: 90_000, lines: { failed: [COMMAND_LINE] } });

    const input = script.inputOf<CommandsInput>('runCommands failed');
    expect(input).toMatchObject({ lines: [COMMAND_LINE], endAtFailure: false, withinMs: 90_000 });
    expect(input.untilMs).toBeUndefined();
    expect(input.occasion.failures).toHaveLength(1);
  });

  it('is known as one that ends as failed from then on, for the status [11.2]', () => {
    const domain = scripted({ attachVolumes: refused, 'runCommands failed': held });

    expect(domain.state).toBe('failed');
    expect(domain.context.ending).toBe('failed');
  });

  it('reports failing and breaking failed commands, too [5.7]', () => {
    const failing = scripted({ attachVolumes: refused, 'runCommands failed': resolves([failed('/bin/tell')]) });
    const breaking = scripted({ attachVolumes: refused, 'runCommands failed': refused });

    expect(failing.output?.failures.at(-1)).toEqual({
      part: 'exec failed',
      problem: '/bin/tell: exited with 1',
      critical: false,
    });
    expect(breaking.output?.failures.at(-1)).toMatchObject({ part: 'exec failed', problem: 'refused' });
  });
});

describe('the time-out of the way up', () => {
  it.each(stepsOnTheWayUp)('asks $step to finish, and fails the domain once it has [3.2]', ({ state, step }) => {
    const { domain } = heldIn(state, { wayUpMs: 600_000 });

    domain.clock.increment(599_999);
    const before = [...domain.script.sent];
    domain.clock.increment(1);
    const asked = [...domain.script.sent];
    domain.script.resolve(step, wellDone[step]);

    expect(before).not.toContain(`${step}: step.finish`);
    expect(asked).toContain(`${step}: step.finish`);
    expect(domain.script.taken.at(-1)).toBe('runCommands failed');
    expect(domain.output).toEqual({
      domain: 'web',
      ending: 'failed',
      failures: [{ part: 'timeout', problem: 'the way up took longer than its limit of 600 s', critical: true }],
    });
  });

  it('fails a domain that waits to be told to proceed [3.2]', () => {
    const domain = scripted({}, { wayUpMs: 600_000 });

    domain.clock.increment(600_000);

    expect(domain.script.taken.at(-1)).toBe('runCommands failed');
    expect(domain.output).toMatchObject({ ending: 'failed', failures: [{ part: 'timeout' }] });
  });

  it('covers the way up as a whole, not each state anew [3.2]', () => {
    const domain = scripted({ attachVolumes: held, upsertRecordSets: held }, { wayUpMs: 600_000 });

    domain.clock.increment(400_000);
    domain.script.resolve('attachVolumes', nothing);
    domain.clock.increment(200_000);

    expect(domain.script.sent).toEqual(['upsertRecordSets: step.finish']);
  });

  it.each([
    { when: 'started', doings: {} },
    { when: 'interrupted', doings: { 'runCommands interrupted': held } },
    { when: 'stopping', doings: { 'runCommands stopping': held } },
    { when: 'failed', doings: { 'runCommands started': refused, 'runCommands failed': held } },
  ])('means nothing any more to a domain that is $when [3.2]', ({ when, doings }) => {
    const domain = proceeded(doings, { wayUpMs: 600_000 });
    if (when === 'interrupted') domain.send({ type: 'interruption.noticed', notice });
    if (when === 'stopping') domain.send({ type: 'domain.stop' });

    domain.clock.increment(600_000);

    expect(domain.state).toBe(when);
    expect(domain.context.failures).not.toContainEqual(expect.objectContaining({ part: 'timeout' }));
    expect(domain.script.sent).toEqual([]);
  });

  it('is no failure of a domain that was asked to end before it ran out [5.2]', () => {
    const { domain, step } = heldIn('pending', { wayUpMs: 600_000 });
    domain.send({ type: 'domain.stop' });

    domain.clock.increment(600_000);
    domain.script.resolve(step, nothing);

    expect(domain.output).toEqual({ domain: 'web', ending: 'stopping', failures: [] });
  });
});

describe('a notice or a stop before the first started command', () => {
  const news = [
    { news: 'a notice', event: { type: 'interruption.noticed', notice } as const, ending: 'interrupted' },
    { news: 'a stop', event: { type: 'domain.stop' } as const, ending: 'stopping' },
  ];

  it.each(beforeNoReturn.flatMap((each) => news.map((item) => ({ ...each, ...item }))))(
    '$news in $state asks the step to finish, and then ends the domain without any command [5.2, 5.3]',
    (example) => {
      const { domain, step } = heldIn(example.state);

      domain.send(example.event);
      const stateBefore = domain.state;
      const sent = [...domain.script.sent];
      domain.script.resolve(step, wellDone[step]);

      expect(sent).toEqual([`${step}: step.finish`]);
      expect(stateBefore).toBe(example.state);
      expect(domain.script.taken.at(-1)).toBe(step);
      expect(domain.output).toEqual({ domain: 'web', ending: example.ending, failures: [] });
      expect(domain.told().at(-1)).toBe(example.ending);
    },
  );

  it.each(news)('$news ends at once a domain that waits to be told to proceed [5.2]', ({ event, ending }) => {
    const domain = scripted();

    domain.send(event);

    expect(domain.output).toMatchObject({ ending });
    expect(domain.told().at(-1)).toBe(ending);
    expect(domain.script.taken).not.toContain(`runCommands ${ending}`);
  });

  it.each(beforeNoReturn.flatMap((each) => news.map((item) => ({ ...each, ...item }))))(
    '$news in $state lets a failing step be passed by, and still no command runs [5.2]',
    ({ state, event, ending }) => {
      const { domain, step } = heldIn(state);

      domain.send(event);
      domain.script.resolve(step, badlyDone[step]);

      expect(domain.script.taken.at(-1)).toBe(step);
      expect(domain.output).toMatchObject({ ending });
    },
  );

  it.each(beforeNoReturn.flatMap((each) => news.map((item) => ({ ...each, ...item }))))(
    '$news in $state lets a breaking step be passed by, and still no command runs [5.2]',
    ({ state, event, ending }) => {
      const { domain, step } = heldIn(state);

      domain.send(event);
      domain.script.reject(step, new Error('refused'));

      expect(domain.script.taken.at(-1)).toBe(step);
      expect(domain.output).toMatchObject({ ending, failures: [{ problem: 'refused' }] });
      expect(domain.told().at(-1)).toBe(ending);
    },
  );

  it('a notice that was there before it began means that nothing is taken [5.3]', () => {
    const domain = scripted({}, { notice });

    expect(domain.script.taken).toEqual([]);
    expect(domain.output).toEqual({ domain: 'web', ending: 'interrupted', failures: [] });
    expect(domain.occasionOf('interrupted')).toMatchObject({ notice, results: [] });
  });

  it('the results of a way up that was called off are not those of the interruption [5.2]', () => {
    const { domain, step } = heldIn('starting');

    domain.send({ type: 'interruption.noticed', notice });
    domain.script.resolve(step, [saved]);

    expect(domain.occasionOf('interrupted')?.results).toEqual([]);
  });

  it('what was attached meanwhile is known when the domain ends [5.2]', () => {
    const { domain, step } = heldIn('pending');

    domain.send({ type: 'interruption.noticed', notice });
    domain.script.resolve(step, { ...nothing, attachments: [attachment] });

    expect(domain.context.attachments).toEqual([attachment]);
  });

  it('the records that were written meanwhile are named [4.2]', () => {
    const { domain, step } = heldIn('volumes-attached');

    domain.send({ type: 'domain.stop' });
    domain.script.resolve(step, { changes: [change], failures: [] });

    expect(domain.occasionOf('stopping')?.recordNames).toEqual(['game.example.com.']);
  });

  it('a second `step.finish` does no harm to a step that takes its time [5.6]', () => {
    const { domain, step } = heldIn('volumes-attached');

    domain.send({ type: 'domain.stop' });
    domain.send({ type: 'interruption.noticed', notice });
    domain.script.resolve(step, wellDone[step]);

    expect(domain.errors).toEqual([]);
    expect(domain.output).toMatchObject({ ending: 'stopping' });
  });
});

describe('a notice or a stop while the started commands run', () => {
  it.each([
    { news: 'a notice', event: { type: 'interruption.noticed', notice } as const, ending: 'interrupted' },
    { news: 'a stop', event: { type: 'domain.stop' } as const, ending: 'stopping' },
  ])(
    '$news asks them to finish; then the commands of the way down run, as the application may have [5.2]',
    (example) => {
      const { domain, step } = heldIn('running-started');

      domain.send(example.event);
      const sent = [...domain.script.sent];
      domain.script.resolve(step, [saved, failed('/bin/start')]);

      expect(sent).toEqual(['runCommands started: step.finish']);
      expect(domain.script.taken.slice(-2)).toEqual(['runCommands started', `runCommands ${example.ending}`]);
      expect(domain.output).toMatchObject({ ending: example.ending });
      expect(domain.told()).not.toContain('started');
    },
  );

  it.each([
    { news: 'a notice', event: { type: 'interruption.noticed', notice } as const, ending: 'interrupted' },
    { news: 'a stop', event: { type: 'domain.stop' } as const, ending: 'stopping' },
  ])('$news and then a broken step: the commands of that way down run, and no others [5.2, 5.7]', (example) => {
    const { domain, step } = heldIn('running-started');

    domain.send(example.event);
    domain.script.reject(step, new Error('refused'));

    expect(domain.script.taken.at(-1)).toBe(`runCommands ${example.ending}`);
    expect(domain.script.taken).not.toContain('runCommands failed');
    expect(domain.output).toMatchObject({ ending: example.ending, failures: [{ problem: 'refused' }] });
  });
});

describe('the first ending wins', () => {
  const endings = {
    interrupted: { type: 'interruption.noticed', notice },
    stopping: { type: 'domain.stop' },
    failed: { type: 'way-up.expired' },
  } as const;
  const pairs = (['interrupted', 'stopping', 'failed'] as const).flatMap((first) =>
    (['interrupted', 'stopping', 'failed'] as const)
      .filter((second) => second !== first)
      .map((second) => ({ first, second })),
  );

  it.each(pairs)('$first before $second [5.6]', ({ first, second }) => {
    const { domain, step } = heldIn('running-started');

    domain.send(endings[first]);
    domain.send(endings[second]);
    domain.script.resolve(step, []);

    expect(domain.script.taken.at(-1)).toBe(`runCommands ${first}`);
    expect(domain.output).toMatchObject({ ending: first });
    expect(domain.told().at(-1)).toBe(first);
  });
});

describe('a domain that has started', () => {
  it('runs its interrupted commands on a notice, then tells their results, and is over [5.5]', () => {
    const domain = proceeded({ 'runCommands interrupted': resolves([saved]) });

    domain.send({ type: 'interruption.noticed', notice });

    expect(domain.script.taken.at(-1)).toBe('runCommands interrupted');
    expect(domain.occasionOf('interrupted')).toMatchObject({ notice, results: [saved] });
    expect(domain.output).toEqual({ domain: 'web', ending: 'interrupted', failures: [] });
  });

  it('tells of `noticed` at once, before those commands have ended [5.1]', () => {
    const domain = proceeded({ 'runCommands interrupted': held });

    domain.send({ type: 'interruption.noticed', notice });

    expect(domain.told()).toEqual(['starting', 'started', 'noticed']);
  });

  it('runs its stopping commands on a stop, within the stop timeout, then tells their results [5.6]', () => {
    const domain = proceeded({ 'runCommands stopping': resolves([saved]) }, { stopMs: 90_000 });

    domain.send({ type: 'domain.stop' });

    expect(domain.script.inputOf('runCommands stopping')).toMatchObject({ endAtFailure: false, withinMs: 90_000 });
    expect(domain.occasionOf('stopping')?.results).toEqual([saved]);
    expect(domain.output).toMatchObject({ ending: 'stopping' });
  });

  it.each([
    { leftMs: 120_000, until: 111_000, why: 'the time left less 10 s for the messages' },
    { leftMs: 31_000, until: 22_000, why: 'the time left less 10 s for the messages' },
    { leftMs: 29_000, until: 21_000, why: 'at least 20 s' },
    { leftMs: 0, until: 21_000, why: 'at least 20 s, also when the time is past' },
  ])(
    'gives its interrupted commands $why: with $leftMs ms left from 1,000 on, until $until [9.3]',
    ({ leftMs, until }) => {
      const domain = proceeded();

      domain.send({ type: 'interruption.noticed', notice: { action: 'terminate', leftMs, seenAtMs: 1_000 } });

      expect(domain.script.inputOf('runCommands interrupted')).toMatchObject({ untilMs: until, endAtFailure: false });
    },
  );

  it.each([
    { ending: 'interrupted', event: { type: 'interruption.noticed', notice } as const },
    { ending: 'stopping', event: { type: 'domain.stop' } as const },
  ])('is over also when its $ending commands fail, and reports each failure [5.7]', ({ ending, event }) => {
    const results: CommandResult[] = [failed('/bin/warn'), saved, failed('/bin/save')];
    const domain = proceeded({ [`runCommands ${ending}`]: resolves(results) });

    domain.send(event);

    expect(domain.output).toMatchObject({ ending, failures: [{ part: `exec ${ending}`, critical: false }, {}] });
    expect(domain.told().at(-1)).toBe(ending);
  });

  it.each([
    { ending: 'interrupted', event: { type: 'interruption.noticed', notice } as const },
    { ending: 'stopping', event: { type: 'domain.stop' } as const },
  ])('is over also when its $ending commands break [5.7]', ({ ending, event }) => {
    const domain = proceeded({ [`runCommands ${ending}`]: refused });

    domain.send(event);

    expect(domain.output).toMatchObject({ ending, failures: [{ part: `exec ${ending}`, problem: 'refused' }] });
    expect(domain.told().at(-1)).toBe(ending);
  });
});

describe('a domain on its way down', () => {
  const ways = [
    { state: 'interrupted', event: { type: 'interruption.noticed', notice } as const },
    { state: 'stopping', event: { type: 'domain.stop' } as const },
  ];
  const later = [
    { type: 'interruption.noticed', notice },
    { type: 'domain.stop' },
    { type: 'domain.proceed' },
  ] as const;

  it.each(ways.flatMap((way) => later.map((next) => ({ ...way, next, name: next.type }))))(
    'begins no second event: $name in $state [5.6, 5.8]',
    ({ state, event, next }) => {
      const domain = proceeded({ [`runCommands ${state}`]: held });
      domain.send(event);
      const before = domain.told();

      domain.send(next);

      expect(domain.state).toBe(state);
      expect(domain.told()).toEqual(before);
      expect(domain.script.taken.at(-1)).toBe(`runCommands ${state}`);
    },
  );

  it.each(later.map((next) => ({ next, name: next.type })))(
    'begins no second event: $name in failed [5.8]',
    ({ next }) => {
      const domain = scripted({ attachVolumes: refused, 'runCommands failed': held });

      domain.send(next);

      expect(domain.state).toBe('failed');
      expect(domain.errors).toEqual([]);
    },
  );
});

describe('what a domain is asked for', () => {
  it('leaves no timer behind when it is over', () => {
    const domain = proceeded({}, { wayUpMs: 600_000 });
    domain.send({ type: 'domain.stop' });

    domain.clock.increment(700_000);

    expect(domain.errors).toEqual([]);
    expect(domain.output).toMatchObject({ failures: [] });
  });

  it('stays plain JSON, so that page, log and status can show it', () => {
    const domain = proceeded({ attachVolumes: resolves({ ...nothing, attachments: [attachment] }) });

    expect(JSON.parse(JSON.stringify(domain.context))).toEqual(domain.context);
  });

  it.each([{ type: 'interruption.noticed', notice }, { type: 'domain.stop' }, { type: 'way-up.expired' }] as const)(
    'passes on what a step has that was asked to finish by $type [5.5]',
    (event) => {
      const domain = proceeded({ 'runCommands started': untilAskedToFinish([saved]) });

      domain.send(event);

      expect(domain.context.results.started).toEqual([saved]);
      expect(domain.state).toBe('stopped');
    },
  );
});

describe('news of a notice', () => {
  it.each([...beforeNoReturn, { state: 'running-started', step: 'runCommands started' }])(
    'is told as `noticed` at once in $state, not when the step has ended [5.1]',
    ({ state }) => {
      const { domain } = heldIn(state);

      domain.send({ type: 'interruption.noticed', notice });

      expect(domain.told().at(-1)).toBe('noticed');
    },
  );

  it('is told as `noticed` by a domain that waits to be told to proceed, or has not begun [5.1, 5.8]', () => {
    const standing = scripted();
    standing.send({ type: 'interruption.noticed', notice });
    const unbegun = scripted({}, { notice });

    expect(standing.told()).toEqual(['starting', 'noticed', 'interrupted']);
    expect(standing.occasionOf('noticed')).toMatchObject({ notice });
    expect(unbegun.told()).toEqual(['noticed', 'interrupted']);
  });
});
