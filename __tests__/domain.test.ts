import type { CommandResult } from '../config/vocabulary.ts';
import type { CommandsInput } from '../machines/commands.ts';
import type { VolumesInput } from '../machines/volumes.ts';
import { COMMAND_LINE, failed, notice, succeeded } from './helpers/domain.ts';
import { held, refused, resolves, untilAskedToFinish } from './helpers/scripted.ts';
import {
  adopted,
  attachment,
  attachmentHold,
  badlyDone,
  callsOff,
  change,
  denied,
  givenBack,
  heldIn,
  hurry,
  noRecords,
  noticed,
  noVolumes,
  othersFail,
  proceed,
  proceeded,
  recordSetHold,
  risk,
  scripted,
  stepsBeforeNoReturn,
  stepsOnTheWayUp,
  stop,
  wellDone,
} from './helpers/scripted-domain.ts';

const saved = succeeded('/bin/save-world');
const minor = { part: 'attach-volume[1]', problem: 'denied', critical: false };
const saysThatItFails = { type: 'domain.failing', domain: 'web' };
const calledOff = stepsBeforeNoReturn.flatMap((each) => callsOff.map((item) => ({ ...each, ...item })));

describe('a domain on its way up', () => {
  it('runs its starting commands, attaches its volumes, updates DNS, and runs its started commands [5.1]', () => {
    const { script, states } = proceeded();

    expect(script.taken).toEqual(stepsOnTheWayUp.map(({ step }) => step));
    expect(states).toEqual([
      'starting',
      'pending',
      'volumes-attached',
      'dns-updated',
      'committing',
      'running-started',
      'started',
    ]);
  });

  it('has its records looked at while its volumes attach [7.4]', () => {
    const { ahead } = proceeded({}, { records: [{ name: 'game.example.com' }] });

    expect(ahead).toEqual([{ names: ['game.example.com'], after: 'runCommands starting' }]);
  });

  it.each(stepsOnTheWayUp)('is $state while its step $step is under way [5.1]', ({ state }) => {
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
    expect(domain.script.taken.at(-1)).toBe('upsertRecordSets');
  });

  it('has written down that its application may run before a started command does [12.3]', () => {
    const { domain } = heldIn('committing');

    expect(domain.script.inputOf('remember started')).toEqual({ domain: 'web', past: 'started', commits: true });
    expect(domain.script.taken).not.toContain('runCommands started');
  });

  it.each([
    { what: 'others fail', event: othersFail },
    { what: 'it is stopped', event: stop() },
  ])('writes nothing down of committing any more when $what meanwhile [12.3]', ({ event }) => {
    const { domain, step } = heldIn('committing');

    domain.send(event);
    domain.script.resolve(step);

    const remembered = domain.script.begun.filter(({ name }) => name.startsWith('remember'));
    expect(remembered.length).toBeGreaterThan(1);
    for (const { input } of remembered.slice(1)) expect(input).not.toHaveProperty('commits');
  });

  it('writes down once that it commits, and not again when it ends [12.3]', () => {
    const domain = proceeded();

    domain.send(stop());

    const remembered = domain.script.begun.filter(({ name }) => name.startsWith('remember'));
    expect(remembered.map(({ input }) => input)).toEqual([
      { domain: 'web', past: 'started', commits: true },
      expect.not.objectContaining({ commits: true }),
    ]);
  });

  it('has the journal forget what was taken once that is written down, and not before [5.2, 12.2]', () => {
    const { domain, step } = heldIn('committing');
    const before = [...domain.commits];

    domain.script.resolve(step);

    expect(before).toEqual([]);
    expect(domain.commits).toEqual(['web after remember started']);
  });

  it('names its written records once each to its commands and messages [4.2]', () => {
    const aaaa = { ...change, after: { ...change.after, type: 'AAAA' as const } };
    const domain = proceeded({ upsertRecordSets: resolves({ ...noRecords, changes: [change, aaaa] }) });

    expect(domain.occasionOf('started')?.recordNames).toEqual(['game.example.com.']);
  });

  it('gives the commands of an event their lines, the end of the way up, and the order to stop at a failure [5.7]', () => {
    const { script } = proceeded({}, { lines: { started: [COMMAND_LINE] }, wayUpUntilMs: 700_000 });

    const input = script.inputOf<CommandsInput>('runCommands started');
    expect(input).toMatchObject({ lines: [COMMAND_LINE], endAtFailure: true, untilMs: 700_000 });
    expect(input.occasion).toMatchObject({ domain: 'web', event: 'started' });
    expect(script.inputOf<CommandsInput>('runCommands starting')).toMatchObject({
      lines: [],
      occasion: { event: 'starting' },
    });
  });

  it('gives the volumes its entries, and their commands the end of the way up [6.8]', () => {
    const { script } = scripted({}, { wayUpUntilMs: 700_000, volumes: [{ volumeId: 'vol-1' }] });

    expect(script.inputOf<VolumesInput>('attachVolumes')).toMatchObject({
      untilMs: 700_000,
      entries: [{ volumeId: 'vol-1' }],
      occasion: { event: 'starting' },
    });
  });

  it('gives the records its entries [7.2]', () => {
    const { script } = scripted({}, { records: [{ name: 'game.example.com' }] });

    expect(script.inputOf('upsertRecordSets')).toEqual({
      domain: 'web',
      records: [expect.objectContaining({ name: 'game.example.com' })],
    });
  });

  it('goes on without what is not critical, and keeps in mind what failed [5.4]', () => {
    const late = { part: 'update-route53[0]', problem: 'no address', critical: false };
    const domain = proceeded({
      attachVolumes: resolves({ ...noVolumes, attachments: [attachment], failures: [minor] }),
      upsertRecordSets: resolves({ ...noRecords, failures: [late] }),
    });

    expect(domain.state).toBe('started');
    expect(domain.occasionOf('started')?.failures).toEqual([minor, late]);
    expect(domain.context.attachments).toEqual([attachment]);
  });

  it('keeps the results of its volumes beside those of its starting commands [6.8]', () => {
    const formatted = succeeded('/sbin/mkfs');
    const domain = scripted({
      'runCommands starting': resolves([saved]),
      attachVolumes: resolves({ ...noVolumes, results: [formatted] }),
    });

    expect(domain.context.results.starting).toEqual([saved, formatted]);
  });

  it('comes up once more when an earlier run finished it and no notice is there [5.3, 12.1]', () => {
    const domain = proceeded({}, { past: 'finished', finishedUnder: notice.key });

    expect(domain.state).toBe('started');
  });

  it('stays plain JSON, so that page, log and status can show it [11.2]', () => {
    const domain = proceeded({ attachVolumes: resolves({ ...noVolumes, attachments: [attachment] }) });

    expect(JSON.parse(JSON.stringify(domain.context))).toEqual(domain.context);
  });
});

describe('a domain that fails on its way up', () => {
  const beforeNoReturn = stepsBeforeNoReturn.filter(({ step }) => step in badlyDone);

  it.each(beforeNoReturn)(
    'gives back what it took, and then is failed, when $step does not succeed [5.2, 5.7]',
    (each) => {
      const domain = proceeded({ [each.step]: resolves(badlyDone[each.step]) });

      expect(domain.reports).toContainEqual(saysThatItFails);
      expect(domain.after(each.step)).toEqual(['giveBack roll-back', 'runCommands failed', 'remember new']);
      expect(domain.script.inputOf('giveBack roll-back')).toEqual({ reason: 'roll-back', domain: 'web' });
      expect(domain.output).toMatchObject({
        domain: 'web',
        ending: 'failed',
        failed: true,
        failures: [{ critical: true }],
      });
    },
  );

  it.each(stepsBeforeNoReturn)('does the same when $step breaks, and names $part [5.2, 12.5]', ({ step, part }) => {
    const domain = proceeded({ [step]: refused });

    expect(domain.reports).toContainEqual(saysThatItFails);
    expect(domain.after(step)).toEqual(['giveBack roll-back', 'runCommands failed', 'remember new']);
    expect(domain.output).toMatchObject({
      ending: 'failed',
      failures: [{ part, problem: 'refused', critical: true }],
    });
  });

  it.each([
    { how: 'do not succeed', doing: resolves(badlyDone['runCommands started']), problem: '/bin/start: exited with 1' },
    { how: 'break', doing: refused, problem: 'refused' },
  ])('gives nothing back when its started commands $how: the application may have run [5.2]', ({ doing, problem }) => {
    const domain = proceeded({ 'runCommands started': doing });

    expect(domain.after('runCommands started')).toEqual(['runCommands failed', 'remember started']);
    expect(domain.told()).toEqual(['starting', 'failed']);
    expect(domain.output).toMatchObject({
      ending: 'failed',
      failed: true,
      failures: [{ part: 'exec started', problem, critical: true }],
    });
  });

  it('says that it fails before it gives anything back, so that with require-all the others turn back, too [3.2]', () => {
    const domain = scripted({ attachVolumes: refused, 'giveBack roll-back': held });

    expect(domain.reports.at(-1)).toEqual(saysThatItFails);
    expect(domain.state).toBe('rolling-back');
  });

  it('has given back before its failed commands run [5.2]', () => {
    const domain = scripted({ attachVolumes: refused, 'giveBack roll-back': held });
    const before = domain.script.taken.at(-1);

    domain.script.resolve('giveBack roll-back', givenBack);

    expect(before).toBe('giveBack roll-back');
    expect(domain.script.taken).toContain('runCommands failed');
  });

  it('takes nothing when it is refused, and names the reason [3.4]', () => {
    const domain = scripted({}, { refusal: 'the device is another domain’s' });

    expect(domain.script.taken).toEqual(['giveBack roll-back', 'runCommands failed', 'remember new']);
    expect(domain.reports[0]).toEqual(saysThatItFails);
    expect(domain.told()).toEqual(['failed']);
    expect(domain.output).toMatchObject({
      ending: 'failed',
      failed: true,
      failures: [{ part: 'configuration', problem: 'the device is another domain’s', critical: true }],
    });
  });

  it('does not tell of `starting` when its commands failed, but of `failed`, with what went wrong [5.1]', () => {
    const domain = scripted({ 'runCommands starting': resolves([failed('/bin/prepare')]) });

    expect(domain.told()).toEqual(['failed']);
    expect(domain.occasionOf('failed')?.failures).toEqual([
      { part: 'exec starting', problem: '/bin/prepare: exited with 1', critical: true },
    ]);
  });

  it('tells of `failed` when the failed commands have ended, with their results, and what became of it is written down [5.4, 12.3]', () => {
    const domain = scripted({ attachVolumes: refused, 'runCommands failed': held, 'remember new': held });
    const whileRunning = domain.told();

    domain.script.resolve('runCommands failed', [saved]);
    const whileRemembering = domain.told();
    domain.script.resolve('remember new');

    expect([whileRunning, whileRemembering]).toEqual([['starting'], ['starting']]);
    expect(domain.told()).toEqual(['starting', 'failed']);
    expect(domain.occasionOf('failed')?.results).toEqual([saved]);
  });

  it('gives its failed commands the stop timeout, and lets all of them run [5.7]', () => {
    const { script } = scripted({ attachVolumes: refused }, { stopMs: 80_000, lines: { failed: [COMMAND_LINE] } });

    const input = script.inputOf<CommandsInput>('runCommands failed');
    expect(input).toMatchObject({ lines: [COMMAND_LINE], endAtFailure: false, withinMs: 80_000 });
    expect(input.untilMs).toBeUndefined();
    expect(input.occasion).toMatchObject({ event: 'failed', failures: [{ problem: 'refused' }] });
  });

  it.each([
    { how: 'fail', doing: resolves([failed('/bin/tell')]), problem: '/bin/tell: exited with 1' },
    { how: 'break', doing: refused, problem: 'refused' },
  ])('reports it when its failed commands $how, and is over all the same [5.7]', ({ doing, problem }) => {
    const domain = scripted({ attachVolumes: refused, 'runCommands failed': doing });

    expect(domain.after('runCommands failed')).toEqual(['remember new']);
    expect(domain.occasionOf('failed')?.failures.at(-1)).toEqual({ part: 'exec failed', problem, critical: false });
    expect(domain.state).toBe('stopped');
  });

  it.each([
    {
      how: 'could not all be given back',
      doing: resolves({ given: [], kept: [recordSetHold], failures: [minor] }),
      last: minor,
    },
    {
      how: 'could not be given back because that broke',
      doing: refused,
      last: { part: 'roll-back', problem: 'refused', critical: false },
    },
  ])('tells what $how [6.10, 7.5]', ({ doing, last }) => {
    const domain = scripted({ upsertRecordSets: refused, 'giveBack roll-back': doing });

    expect(domain.after('giveBack roll-back')).toEqual(['runCommands failed', 'remember new']);
    expect(domain.occasionOf('failed')?.failures.at(-1)).toEqual(last);
  });

  it('leaves the memory as it was: nothing has been finished [12.3]', () => {
    const { script } = scripted({ attachVolumes: refused }, { past: 'finished', finishedUnder: 'terminate 2029' });

    expect(script.inputOf('remember finished')).toEqual({
      domain: 'web',
      past: 'finished',
      finishedUnder: 'terminate 2029',
    });
  });

  it('is told of also when that cannot be written down [12.5]', () => {
    const domain = scripted({ attachVolumes: refused, 'remember new': refused });

    expect(domain.occasionOf('failed')?.failures.at(-1)).toEqual({
      part: 'state directory',
      problem: 'refused',
      critical: false,
    });
    expect(domain.state).toBe('stopped');
  });
});

describe('the time-out of the way up', () => {
  it.each(stepsOnTheWayUp)('asks $step to finish, and fails the domain once it has [3.2]', ({ state, step }) => {
    const { domain } = heldIn(state, { wayUpMs: 600_000 });

    domain.clock.increment(599_999);
    const before = domain.isAsked(step);
    domain.clock.increment(1);
    const after = domain.isAsked(step);
    const stateBefore = domain.state;
    domain.script.resolve(step, wellDone[step]);

    expect([before, after, stateBefore]).toEqual([false, true, state]);
    expect(domain.after(step)).toContain('runCommands failed');
    expect(domain.output).toEqual({
      domain: 'web',
      ending: 'failed',
      failed: true,
      failures: [{ part: 'timeout', problem: 'the way up took longer than its limit of 600 s', critical: true }],
    });
  });

  it('fails a domain that waits to be told to proceed [3.2]', () => {
    const domain = scripted({}, { wayUpMs: 600_000 });

    domain.clock.increment(600_000);

    expect(domain.reports).toContainEqual(saysThatItFails);
    expect(domain.after('upsertRecordSets')).toEqual(['giveBack roll-back', 'runCommands failed', 'remember new']);
    expect(domain.output).toMatchObject({ ending: 'failed', failed: true, failures: [{ part: 'timeout' }] });
  });

  it('covers the way up as a whole, not each state anew [3.2]', () => {
    const domain = scripted({ attachVolumes: held, upsertRecordSets: held }, { wayUpMs: 600_000 });

    domain.clock.increment(400_000);
    domain.script.resolve('attachVolumes', noVolumes);
    domain.clock.increment(200_000);

    expect(domain.script.sent).toEqual(['upsertRecordSets: step.finish']);
  });

  it('names what was still under way when it ran out [3.2, 6.4, 7.1]', () => {
    const volumes = heldIn('pending');
    const records = heldIn('volumes-attached');
    const waiting = { part: 'attach-volume[0]', problem: 'vol-1 is held by i-2', critical: true };
    const lacking = { part: 'update-route53[0]', problem: 'no public address', critical: true };

    volumes.domain.clock.increment(600_000);
    volumes.domain.script.resolve('attachVolumes', { ...noVolumes, unfinished: [waiting] });
    records.domain.clock.increment(600_000);
    records.domain.script.resolve('upsertRecordSets', { ...noRecords, unfinished: [lacking] });

    expect(volumes.domain.output?.failures).toEqual([expect.objectContaining({ part: 'timeout' }), waiting]);
    expect(records.domain.output?.failures).toEqual([expect.objectContaining({ part: 'timeout' }), lacking]);
  });

  it.each([
    { when: 'started', doings: {} },
    { when: 'interrupted', doings: { 'runCommands interrupted': held } },
    { when: 'stopping', doings: { 'runCommands stopping': held } },
    { when: 'failed', doings: { 'runCommands started': refused, 'runCommands failed': held } },
  ])('means nothing any more to a domain that is $when [3.2]', ({ when, doings }) => {
    const domain = proceeded(doings, { wayUpMs: 10_000 });
    if (when === 'interrupted') domain.send(noticed());
    if (when === 'stopping') domain.send(stop());

    domain.clock.increment(10_000);

    expect(domain.state).toBe(when);
    expect(domain.context.failures).not.toContainEqual(expect.objectContaining({ part: 'timeout' }));
    expect(domain.script.sent).toEqual([]);
  });

  it.each(stepsOnTheWayUp)(
    'is no failure of a domain that was asked to end before in $state [5.2]',
    ({ state, step }) => {
      const { domain } = heldIn(state, { wayUpMs: 60_000 });
      domain.send(stop());

      domain.clock.increment(60_000);
      domain.script.resolve(step, wellDone[step]);

      expect(domain.output).toEqual({ domain: 'web', ending: 'stopping', failed: false, failures: [] });
      expect(domain.script.sent.filter((each) => each.startsWith(step))).toEqual([`${step}: step.finish`]);
    },
  );
});

describe('another domain that fails, with require-all', () => {
  const failure = { part: 'require-all', problem: 'db has failed', critical: true };

  it.each(stepsOnTheWayUp)('has $step asked to finish, and this one fail once it has [3.2]', ({ state, step }) => {
    const { domain } = heldIn(state);

    domain.send(othersFail);
    const asked = domain.isAsked(step);
    domain.script.resolve(step, wellDone[step]);

    expect(asked).toBe(true);
    expect(domain.after(step)).toContain('runCommands failed');
    expect(domain.output).toEqual({ domain: 'web', ending: 'failed', failed: true, failures: [failure] });
  });

  it.each([
    { how: 'once it is written down that it never ran', doing: resolves() },
    { how: 'also when that cannot be written down', doing: refused },
  ])('turns back one that was about to run, $how [3.2, 12.3, 12.5]', ({ doing }) => {
    const { domain, step } = heldIn('committing', {}, { 'remember new': [doing, resolves()] });

    domain.send(othersFail);
    domain.script.resolve(step);

    expect(domain.reports).toContainEqual(saysThatItFails);
    expect(domain.after(step)).toEqual(['remember new', 'giveBack roll-back', 'runCommands failed', 'remember new']);
  });

  it('turns back one that waits to be told to proceed [3.2]', () => {
    const domain = scripted();

    domain.send(othersFail);

    expect(domain.reports).toContainEqual(saysThatItFails);
    expect(domain.after('upsertRecordSets')).toEqual(['giveBack roll-back', 'runCommands failed', 'remember new']);
    expect(domain.output).toMatchObject({ ending: 'failed', failed: true, failures: [failure] });
  });

  it.each(stepsOnTheWayUp)('is no failure of one that was asked to end before in $state [5.6]', ({ state, step }) => {
    const { domain } = heldIn(state);
    domain.send(stop());

    domain.send(othersFail);
    domain.script.resolve(step, wellDone[step]);

    expect(domain.output).toEqual({ domain: 'web', ending: 'stopping', failed: false, failures: [] });
    expect(domain.script.sent.filter((each) => each.startsWith(step))).toEqual([`${step}: step.finish`]);
  });
});

describe('a notice or a stop before the first started command', () => {
  it.each(calledOff)(
    '$news in $state asks the step to finish, and what was taken is given back without any command [5.2, 5.3]',
    (example) => {
      const { domain, step } = heldIn(example.state);

      domain.send(example.event);
      const stateBefore = domain.state;
      const sent = [...domain.script.sent];
      domain.script.resolve(step, wellDone[step]);

      expect([stateBefore, ...sent]).toEqual([example.state, `${step}: step.finish`]);
      // Called off while it is written down that it runs, that is taken back first (12.3).
      const takenBack = example.state === 'committing' ? ['remember new'] : [];
      expect(domain.after(step)).toEqual([...takenBack, 'giveBack roll-back', 'remember finished']);
      expect(domain.script.inputOf('giveBack roll-back')).toEqual({ reason: 'roll-back', domain: 'web' });
      expect(domain.output).toEqual({ domain: 'web', ending: example.ending, failed: false, failures: [] });
      expect(domain.told().at(-1)).toBe(example.ending);
      expect(domain.reports).not.toContainEqual(saysThatItFails);
      expect(domain.commits).toEqual([]);
    },
  );

  it.each([
    { past: 'new' as const, settings: {}, written: { domain: 'web', past: 'new' } },
    {
      past: 'finished' as const,
      settings: { finishedUnder: 'stop 2029' },
      written: { domain: 'web', past: 'finished', finishedUnder: 'stop 2029' },
    },
  ])(
    'is no application that ran, and nobody shall think so while it gives back: it was $past [12.2, 12.3]',
    ({ past, settings, written }) => {
      const domain = proceeded({ 'remember started': held, [`remember ${past}`]: held }, { past, ...settings });
      domain.send(stop());
      domain.script.resolve('remember started');

      expect(domain.state).toBe('stepping-back');
      expect(domain.script.inputOf(`remember ${past}`)).toEqual(written);
      expect(domain.script.taken).not.toContain('giveBack roll-back');
    },
  );

  it('gives back also where that cannot be written down, and says so [12.5]', () => {
    const domain = proceeded({ 'remember started': held, 'remember new': refused });
    domain.send(stop());
    domain.script.resolve('remember started');

    expect(domain.script.taken).toContain('giveBack roll-back');
    expect(domain.output?.failures).toEqual([{ part: 'state directory', problem: 'refused', critical: false }]);
  });

  it.each([
    { news: 'a second notice', first: noticed(), second: noticed({ key: 'stop 2030', leftMs: 60_000 }), told: 1 },
    { news: 'a notice after a stop', first: stop(), second: noticed({ leftMs: 60_000 }), told: 1 },
  ])('keeps to the time of $news that comes then, and tells it once [5.6, 9.3]', ({ first, second, told }) => {
    const domain = proceeded({ 'remember started': held, 'remember new': held, 'giveBack roll-back': held });
    domain.send(first);
    domain.script.resolve('remember started');
    domain.send(second);
    domain.script.resolve('remember new');

    domain.clock.increment(50_000);

    expect(domain.told().filter((event) => event === 'noticed')).toHaveLength(told);
    expect(domain.script.sent).toContain('giveBack roll-back: step.finish');
  });

  it('keeps to the time of a stop that comes then [5.6]', () => {
    const domain = proceeded({ 'remember started': held, 'remember new': held, 'giveBack roll-back': held });
    domain.send(noticed());
    domain.script.resolve('remember started');
    domain.send(stop());
    domain.clock.increment(10_000);
    domain.script.resolve('remember new');

    domain.clock.increment(79_999);
    const before = domain.isAsked('giveBack roll-back');
    domain.clock.increment(1);
    const after = domain.isAsked('giveBack roll-back');
    domain.clock.increment(200_000);

    expect([before, after]).toEqual([false, true]);
    // Once for the stop, and once for the time that giving back has for itself.
    expect(domain.script.eventsTo('giveBack roll-back')).toHaveLength(2);
  });

  it('keeps to a second stop that comes then: giving back is asked to finish as it begins [5.6]', () => {
    const domain = proceeded({ 'remember started': held, 'remember new': held, 'giveBack roll-back': held });
    domain.send(stop());
    domain.script.resolve('remember started');
    domain.send(hurry);

    domain.script.resolve('remember new');

    expect(domain.isAsked('giveBack roll-back')).toBe(true);
  });

  it.each(callsOff)('$news ends at once a domain that waits to be told to proceed [5.2]', ({ event, ending }) => {
    const domain = scripted();

    domain.send(event);

    expect(domain.after('upsertRecordSets')).toEqual(['giveBack roll-back', 'remember finished']);
    expect(domain.output).toEqual({ domain: 'web', ending, failed: false, failures: [] });
    expect(domain.told().at(-1)).toBe(ending);
  });

  it.each(calledOff.filter(({ step }) => step in badlyDone))(
    '$news in $state lets a failing step be passed by, and still no command runs [5.2]',
    ({ state, event, ending }) => {
      const { domain, step } = heldIn(state);

      domain.send(event);
      domain.script.resolve(step, badlyDone[step]);

      expect(domain.after(step)).toEqual(['giveBack roll-back', 'remember finished']);
      expect(domain.output).toMatchObject({ ending, failed: false, failures: [{ critical: true }] });
    },
  );

  it.each(calledOff)(
    '$news in $state lets a breaking step be passed by, and still no command runs [5.2]',
    (example) => {
      const { domain, step } = heldIn(example.state);

      domain.send(example.event);
      domain.script.reject(step, new Error('refused'));

      expect(domain.after(step)).toEqual(['giveBack roll-back', 'remember finished']);
      expect(domain.output).toMatchObject({
        ending: example.ending,
        failed: false,
        failures: [{ problem: 'refused' }],
      });
    },
  );

  it('remembers under which notice it finished, and after a stop only that it did [9.5, 12.3]', () => {
    const interrupted = scripted();
    interrupted.send(noticed());
    const stopped = scripted();
    stopped.send(stop());

    expect(interrupted.script.inputOf('remember finished')).toEqual({
      domain: 'web',
      past: 'finished',
      finishedUnder: notice.key,
    });
    expect(stopped.script.inputOf('remember finished')).toEqual({ domain: 'web', past: 'finished' });
  });

  it.each([
    {
      how: 'could not all be given back',
      doing: resolves({ given: [], kept: [attachmentHold], failures: [minor] }),
      last: minor,
    },
    {
      how: 'could not be given back because that broke',
      doing: refused,
      last: { part: 'roll-back', problem: 'refused', critical: false },
    },
  ])('tells what $how, and is over: nobody keeps watch on an instance that goes [5.2, 6.10]', ({ doing, last }) => {
    const domain = scripted({ 'giveBack roll-back': doing });

    domain.send(noticed());

    expect(domain.after('giveBack roll-back')).toEqual(['remember finished']);
    expect(domain.occasionOf('interrupted')?.failures).toEqual([last]);
    expect(domain.state).toBe('stopped');
  });

  it('tells of its end only when what became of it is written down, or cannot be [12.3, 12.5]', () => {
    const domain = scripted({ 'remember finished': held });
    domain.send(stop());
    const before = domain.told();

    domain.script.reject('remember finished', new Error('refused'));

    expect(before).toEqual(['starting']);
    expect(domain.told()).toEqual(['starting', 'stopping']);
    expect(domain.output?.failures).toEqual([{ part: 'state directory', problem: 'refused', critical: false }]);
  });

  it('does not count what was still under way as a failure: somebody called it off [5.2]', () => {
    const volumes = heldIn('pending');
    const records = heldIn('volumes-attached');

    volumes.domain.send(stop());
    volumes.domain.script.resolve('attachVolumes', { ...noVolumes, unfinished: [denied] });
    records.domain.send(stop());
    records.domain.script.resolve('upsertRecordSets', { ...noRecords, unfinished: [denied] });

    expect([volumes.domain.output?.failures, records.domain.output?.failures]).toEqual([[], []]);
  });

  it('does not take the results of a way up that was called off for those of the interruption [5.2]', () => {
    const { domain, step } = heldIn('starting');

    domain.send(noticed());
    domain.script.resolve(step, [saved]);

    expect(domain.occasionOf('interrupted')?.results).toEqual([]);
    expect(domain.context.results.starting).toEqual([saved]);
  });

  it('knows what was attached, and names what was written, while a step finished [4.2, 5.2]', () => {
    const volumes = heldIn('pending', {}, { 'giveBack roll-back': held });
    const records = heldIn('volumes-attached');

    volumes.domain.send(noticed());
    volumes.domain.script.resolve(volumes.step, { ...noVolumes, attachments: [attachment] });
    records.domain.send(stop());
    records.domain.script.resolve(records.step, { ...noRecords, changes: [change] });

    expect(volumes.domain.context.attachments).toEqual([attachment]);
    expect(records.domain.occasionOf('stopping')?.recordNames).toEqual(['game.example.com.']);
  });

  it.each(calledOff)('passes on what $step has that was asked to finish by $news [5.5]', ({ state, step, event }) => {
    const { domain } = heldIn(state, {}, { [step]: untilAskedToFinish(wellDone[step]) });

    domain.send(event);
    if (domain.script.isUnderWay(step)) domain.script.resolve(step, wellDone[step]);

    expect(domain.state).toBe('stopped');
    expect(domain.errors).toEqual([]);
  });
});

describe('a notice or a stop while the started commands run', () => {
  it.each(callsOff)(
    '$news asks them to finish; then the commands of the way down run, as the application may have [5.2]',
    (example) => {
      const { domain, step } = heldIn('running-started', {}, { 'runCommands noticed': held });

      domain.send(example.event);
      const sent = [...domain.script.sent];
      domain.script.resolve(step, [saved, failed('/bin/start')]);
      if (example.ending === 'interrupted') domain.script.resolve('runCommands noticed', []);

      expect(sent).toEqual(['runCommands started: step.finish']);
      expect(domain.script.taken.slice(-2)).toEqual([`runCommands ${example.ending}`, 'remember finished']);
      expect(domain.output).toMatchObject({ ending: example.ending, failed: false });
      expect(domain.told()).not.toContain('started');
      expect(domain.context.results.started).toEqual([saved, failed('/bin/start')]);
    },
  );

  it.each(callsOff)(
    '$news and then a broken step: the commands of that way down run, and no others [5.2, 5.7]',
    (example) => {
      const { domain, step } = heldIn('running-started');

      domain.send(example.event);
      domain.script.reject(step, new Error('refused'));

      expect(domain.script.taken).toContain(`runCommands ${example.ending}`);
      expect(domain.script.taken).not.toContain('runCommands failed');
      expect(domain.output).toMatchObject({
        ending: example.ending,
        failed: false,
        failures: [{ problem: 'refused' }],
      });
    },
  );
});

describe('the first ending wins', () => {
  const endings = {
    interrupted: noticed(),
    stopping: stop(),
    failed: othersFail,
  } as const;
  const pairs = (['interrupted', 'stopping', 'failed'] as const).flatMap((first) =>
    (['interrupted', 'stopping', 'failed'] as const)
      .filter((second) => second !== first)
      .flatMap((second) => stepsOnTheWayUp.map(({ state }) => ({ first, second, state }))),
  );

  it.each(pairs)('$first before $second in $state [5.6]', ({ first, second, state }) => {
    const { domain, step } = heldIn(state);

    domain.send(endings[first]);
    domain.send(endings[second]);
    domain.script.resolve(step, wellDone[step]);

    expect(domain.output).toMatchObject({ ending: first, failed: first === 'failed' });
    expect(domain.told().at(-1)).toBe(first);
    expect(domain.script.sent.filter((each) => each === `${step}: step.finish`).length).toBeGreaterThan(0);
  });

  it.each(stepsOnTheWayUp)(
    'a notice after a stop in $state is told all the same, but begins nothing [5.1, 5.6]',
    (each) => {
      const { domain } = heldIn(each.state, { past: 'started' });
      domain.send(stop());

      domain.send(noticed());
      domain.script.resolve(each.step, wellDone[each.step]);

      expect(domain.told()).toContain('noticed');
      expect(domain.script.taken).not.toContain('runCommands noticed');
      expect(domain.occasionOf('stopping')).toMatchObject({ notice });
    },
  );
});

describe('a stop that is there before the domain begins', () => {
  it('runs the stopping commands of an application that runs, and nothing of the way up [5.6, 12.3]', () => {
    const domain = scripted({}, { past: 'started', stopAtMs: 0, volumes: [{ release: ['stopping'] }] });

    expect(domain.script.taken).toEqual(['runCommands stopping', 'giveBack release', 'remember finished']);
    expect(domain.told()).toEqual(['stopping']);
    expect(domain.script.inputOf('runCommands stopping')).toMatchObject({ untilMs: 70_000 });
  });

  it('ends what takes longer than a stop may, from when it was asked for [5.6]', () => {
    const settings = { past: 'started', stopAtMs: 0, volumes: [{ release: ['stopping'] }] } as const;
    const domain = scripted({ 'runCommands stopping': held }, { ...settings, volumes: [{ release: ['stopping'] }] });

    domain.clock.increment(90_000);

    expect(domain.script.sent).toEqual(['runCommands stopping: step.finish']);
  });

  it('gives back what an earlier run held of one that does not run, within the time of the stop [5.2, 12.2]', () => {
    const domain = scripted({ 'giveBack roll-back': held }, { stopAtMs: 0, stopMs: 30_000 });
    domain.clock.increment(29_999);
    const before = domain.isAsked('giveBack roll-back');
    domain.clock.increment(1);
    const after = domain.isAsked('giveBack roll-back');
    domain.script.resolve('giveBack roll-back', givenBack);

    expect([before, after]).toEqual([false, true]);
    expect(domain.script.taken).toEqual(['giveBack roll-back', 'remember finished']);
    expect(domain.context.late).toBe(true);
    expect(domain.told()).toEqual(['stopping']);
  });

  it('shortens the time of a notice that is there as well [5.6]', () => {
    const settings = { past: 'started', notice, stopAtMs: 0, stopMs: 30_000 } as const;
    const domain = scripted({ 'runCommands interrupted': held }, settings);

    expect(domain.script.inputOf('runCommands interrupted')).toMatchObject({ untilMs: 30_000 });
  });
});

describe('a domain that an earlier run started', () => {
  const past = { past: 'started' } as const;

  it.each(calledOff)(
    '$news in $state: nothing is given back, and the commands of the way down run [5.2, 12.3]',
    (example) => {
      const { domain, step } = heldIn(example.state, past);

      domain.send(example.event);
      domain.script.resolve(step, wellDone[step]);

      const noticedBeside = example.ending === 'interrupted' ? ['runCommands noticed'] : [];
      expect(domain.after(step)).toEqual([...noticedBeside, `runCommands ${example.ending}`, 'remember finished']);
      expect(domain.output).toEqual({ domain: 'web', ending: example.ending, failed: false, failures: [] });
    },
  );

  it.each(callsOff)('$news while it waits to be told to proceed: the same [5.2, 12.3]', ({ event, ending }) => {
    const domain = scripted({}, past);

    domain.send(event);

    const noticedBeside = ending === 'interrupted' ? ['runCommands noticed'] : [];
    expect(domain.after('upsertRecordSets')).toEqual([...noticedBeside, `runCommands ${ending}`, 'remember finished']);
  });

  it('has the journal forget then what this run took: the application may use it [5.2, 12.2]', () => {
    const { domain, step } = heldIn('pending', past);

    domain.send(stop());
    const before = [...domain.commits];
    domain.script.resolve(step, noVolumes);

    expect(before).toEqual([]);
    expect(domain.commits).toEqual(['web after attachVolumes']);
  });

  it.each(stepsBeforeNoReturn)('gives back what this run took when it fails in $state [5.2, 12.2]', ({ step }) => {
    const domain = proceeded({ [step]: refused }, past);

    expect(domain.after(step)).toEqual(['giveBack roll-back', 'runCommands failed', 'remember started']);
    expect(domain.commits).toEqual([]);
    expect(domain.output).toMatchObject({ ending: 'failed', failed: true });
  });

  it('stays known as one that runs when it fails: nobody has stopped it [12.3]', () => {
    const { script } = scripted({ attachVolumes: refused }, { ...past, finishedUnder: 'terminate 2029' });

    expect(script.inputOf('remember started')).toEqual({
      domain: 'web',
      past: 'started',
      finishedUnder: 'terminate 2029',
    });
  });
});

describe('a notice that was there before the domain began', () => {
  it.each(['new', 'finished'] as const)(
    'means that nothing is taken, what an earlier run held goes back, and is told, of a domain that was %s [5.3, 12.2, 12.3]',
    (past) => {
      const domain = scripted({}, { notice, past, finishedUnder: 'terminate 2029' });

      expect(domain.script.taken).toEqual(['giveBack roll-back', 'remember finished']);
      expect(domain.told()).toEqual(['noticed', 'interrupted']);
      expect(domain.occasionOf('interrupted')).toMatchObject({ notice, results: [] });
      expect(domain.script.inputOf('remember finished')).toEqual({
        domain: 'web',
        past: 'finished',
        finishedUnder: notice.key,
      });
      expect(domain.output).toEqual({ domain: 'web', ending: 'interrupted', failed: false, failures: [] });
    },
  );

  it('is what it ends by from the first moment, for the status [11.2]', () => {
    const notRun = scripted({ 'remember finished': held }, { notice });
    const mayRun = scripted({ 'runCommands interrupted': held }, { notice, past: 'started' });

    expect([notRun.context.ending, mayRun.context.ending]).toEqual(['interrupted', 'interrupted']);
  });

  it('repeats nothing of a domain that finished under it in an earlier run [9.5, 12.3]', () => {
    const domain = scripted({}, { notice, past: 'finished', finishedUnder: notice.key });

    expect(domain.script.taken).toEqual([]);
    expect(domain.reports).toEqual([]);
    expect(domain.output).toEqual({ domain: 'web', ending: 'interrupted', failed: false, failures: [] });
  });

  it('finishes a domain that an earlier run started under it but did not finish [12.3]', () => {
    const domain = scripted({ 'runCommands interrupted': resolves([saved]) }, { notice, past: 'started' });

    expect(domain.script.taken).toEqual(['runCommands noticed', 'runCommands interrupted', 'remember finished']);
    expect(domain.told()).toEqual(['noticed', 'interrupted']);
    expect(domain.occasionOf('interrupted')).toMatchObject({ notice, results: [saved] });
  });

  it('goes by the notice, not by the memory, where an earlier run had finished and started anew since [9.5, 12.3]', () => {
    const domain = scripted({}, { notice, past: 'started', finishedUnder: notice.key });

    expect(domain.script.taken).toContain('runCommands interrupted');
  });

  it('gives their commands the time of the notice [9.3, 12.3]', () => {
    const { script } = scripted({}, { notice: { ...notice, leftMs: 100_000, seenAtMs: 5_000 }, past: 'started' });

    expect(script.inputOf('runCommands noticed')).toMatchObject({ untilMs: 95_000, endAtFailure: false });
    expect(script.inputOf('runCommands interrupted')).toMatchObject({ untilMs: 95_000, endAtFailure: false });
  });

  it('counts also against a domain that would be refused [3.4, 5.3]', () => {
    const domain = scripted({}, { notice, refusal: 'the device is another domain’s' });

    expect(domain.told()).toEqual(['noticed', 'interrupted']);
    expect(domain.output).toMatchObject({ failed: false, failures: [] });
  });
});

describe('a domain that has started', () => {
  it('runs its interrupted commands on a notice, then tells their results, and is over [5.5]', () => {
    const domain = proceeded({ 'runCommands interrupted': resolves([saved]) });

    domain.send(noticed());

    expect(domain.after('runCommands started')).toEqual([
      'runCommands noticed',
      'runCommands interrupted',
      'remember finished',
    ]);
    expect(domain.occasionOf('interrupted')).toMatchObject({ notice, results: [saved] });
    expect(domain.output).toEqual({ domain: 'web', ending: 'interrupted', failed: false, failures: [] });
  });

  it('runs its stopping commands on a stop, then tells their results, and is over [5.6]', () => {
    const domain = proceeded({ 'runCommands stopping': resolves([saved]) });

    domain.send(stop());

    expect(domain.after('runCommands started')).toEqual(['runCommands stopping', 'remember finished']);
    expect(domain.occasionOf('stopping')?.results).toEqual([saved]);
    expect(domain.output).toEqual({ domain: 'web', ending: 'stopping', failed: false, failures: [] });
  });

  it('tells of `noticed` at once, before any of those commands have ended [5.1]', () => {
    const domain = proceeded({ 'runCommands interrupted': held, 'runCommands noticed': held });

    domain.send(noticed());

    expect(domain.told()).toEqual(['starting', 'started', 'noticed']);
    expect(domain.occasionOf('noticed')).toMatchObject({ notice, results: [] });
  });

  it.each(callsOff)('gives its $ending commands their lines, and lets all of them run [5.7]', ({ event, ending }) => {
    const domain = proceeded({}, { lines: { [ending]: [COMMAND_LINE] } });

    domain.send(event);

    expect(domain.script.inputOf(`runCommands ${ending}`)).toMatchObject({
      lines: [COMMAND_LINE],
      endAtFailure: false,
      occasion: { domain: 'web', event: ending },
    });
  });

  it.each(callsOff)(
    'is over also when its $ending commands fail, and reports each failure [5.7]',
    ({ ending, event }) => {
      const results: CommandResult[] = [failed('/bin/warn'), saved, failed('/bin/save')];
      const domain = proceeded({ [`runCommands ${ending}`]: resolves(results) });

      domain.send(event);

      expect(domain.output?.failures).toEqual([
        { part: `exec ${ending}`, problem: '/bin/warn: exited with 1', critical: false },
        { part: `exec ${ending}`, problem: '/bin/save: exited with 1', critical: false },
      ]);
      expect(domain.told().at(-1)).toBe(ending);
    },
  );

  it.each(callsOff)('is over also when its $ending commands break [5.7]', ({ ending, event }) => {
    const domain = proceeded({ [`runCommands ${ending}`]: refused });

    domain.send(event);

    expect(domain.after(`runCommands ${ending}`)).toEqual(['remember finished']);
    expect(domain.output?.failures).toEqual([{ part: `exec ${ending}`, problem: 'refused', critical: false }]);
    expect(domain.told().at(-1)).toBe(ending);
  });

  it('has no use for being told to proceed once more, or that others fail [5.8]', () => {
    const domain = proceeded();

    domain.send(proceed);
    domain.send(othersFail);

    expect(domain.state).toBe('started');
    expect(domain.script.taken.filter((step) => step === 'runCommands started')).toHaveLength(1);
  });
});

describe('the volumes of a domain that goes down', () => {
  const there = { attachVolumes: resolves({ ...noVolumes, attachments: [attachment] }) };
  const usedAfter = (step: string) => ({ domain: 'web', volumeIds: ['vol-1'], after: step });

  it.each(callsOff)('are noted as used until then once the $ending commands have ended [6.5]', ({ event, ending }) => {
    const domain = proceeded({ ...there, [`runCommands ${ending}`]: held }, { volumes: [{ release: [ending] }] });

    domain.send(event);
    const before = [...domain.used];
    domain.script.resolve(`runCommands ${ending}`, []);

    expect(before).toEqual([]);
    expect(domain.used).toEqual([usedAfter(`runCommands ${ending}`)]);
    expect(domain.after(`runCommands ${ending}`)[0]).toBe('giveBack release');
  });

  it('are noted so after its failure, and once more when it goes down at last [5.4, 6.5]', () => {
    const domain = proceeded({ ...there, 'runCommands started': refused }, { volumes: [{}] });

    domain.send(stop());

    expect(domain.used).toEqual([usedAfter('runCommands failed'), usedAfter('runCommands stopping')]);
  });

  it('are not noted as used by an application that never ran [5.2, 6.5]', () => {
    const failing = scripted({ ...there, upsertRecordSets: refused });
    const calledOff = scripted(there);

    calledOff.send(stop());

    expect([...failing.used, ...calledOff.used].flatMap(({ volumeIds }) => volumeIds)).toEqual([]);
  });
});

describe('what the configuration releases', () => {
  const endings = [...callsOff, { news: 'failing commands', event: undefined, ending: 'failed' }] as const;
  /** A domain that goes down under an ending from past the point of no return. */
  function goneDown(ending: (typeof endings)[number], settings: Parameters<typeof proceeded>[1], doings = {}) {
    const failing = ending.event ? {} : { 'runCommands started': refused };
    const domain = proceeded({ ...failing, ...doings }, settings);
    if (ending.event) domain.send(ending.event);
    return domain;
  }

  it.each(endings)('is given back after the $ending commands, and then the domain is over [5.2, 5.5, 6.10]', (each) => {
    const given = { 'giveBack release': resolves({ ...givenBack, given: [attachmentHold] }) };
    const domain = goneDown(each, { volumes: [{ release: [each.ending] }] }, given);

    const remembered = each.ending === 'failed' ? 'started' : 'finished';
    expect(domain.after(`runCommands ${each.ending}`)).toEqual(['giveBack release', `remember ${remembered}`]);
    expect(domain.told().at(-1)).toBe(each.ending);
  });

  it('is what names the event, volumes and records, and what is there and was written of it [6.10, 7.9]', () => {
    const domain = proceeded(
      {
        attachVolumes: resolves({ ...noVolumes, attachments: [attachment] }),
        upsertRecordSets: resolves({ ...noRecords, changes: [change] }),
      },
      {
        volumes: [
          { volumeId: 'vol-1', release: ['interrupted'] },
          { volumeId: 'vol-2', release: ['stopping', 'failed'] },
        ],
        records: [
          { name: 'one.example.com', release: ['stopping'] },
          { name: 'two.example.com', release: ['interrupted', 'stopping'] },
        ],
      },
    );

    domain.send(noticed());

    expect(domain.script.inputOf('giveBack release')).toEqual({
      reason: 'release',
      domain: 'web',
      released: {
        volumes: [expect.objectContaining({ volumeId: 'vol-1' })],
        attachments: [attachment],
        records: [expect.objectContaining({ name: 'two.example.com' })],
        written: [change],
      },
    });
  });

  it.each([
    { what: 'a record alone', settings: { records: [{ release: ['stopping' as const] }] }, released: true },
    { what: 'nothing', settings: { volumes: [{}], records: [{}] }, released: false },
    {
      what: 'something at another event',
      settings: { volumes: [{ release: ['interrupted' as const] }] },
      released: false,
    },
  ])('is asked for where the event is named: $what [5.5]', ({ settings, released }) => {
    const domain = proceeded({}, settings);

    domain.send(stop());

    expect(domain.script.taken.includes('giveBack release')).toBe(released);
    expect(domain.output).toMatchObject({ ending: 'stopping', failures: [] });
  });

  it('is not what is given back before the point of no return [5.2]', () => {
    const domain = scripted({}, { volumes: [{ release: ['stopping', 'failed'] }] });
    const failing = scripted({ attachVolumes: refused }, { volumes: [{ release: ['stopping', 'failed'] }] });

    domain.send(stop());

    expect(domain.script.taken).not.toContain('giveBack release');
    expect(failing.script.taken).not.toContain('giveBack release');
  });

  it.each([
    {
      how: 'could not all be given back',
      doing: resolves({ given: [], kept: [attachmentHold], failures: [minor] }),
      last: minor,
    },
    {
      how: 'could not be given back because that broke',
      doing: refused,
      last: { part: 'release', problem: 'refused', critical: false },
    },
  ])('is told of when it $how, and the domain is over [5.7, 6.10]', ({ doing, last }) => {
    const domain = proceeded({ 'giveBack release': doing }, { volumes: [{ release: ['stopping'] }] });

    domain.send(stop());

    expect(domain.occasionOf('stopping')?.failures).toEqual([last]);
    expect(domain.state).toBe('stopped');
  });

  it('is not given back while the commands of the event run [5.2]', () => {
    const domain = proceeded({ 'runCommands stopping': held }, { volumes: [{ release: ['stopping'] }] });

    domain.send(stop());

    expect(domain.script.taken.at(-1)).toBe('runCommands stopping');
  });
});

describe('the commands of `noticed`', () => {
  it('run beside those of `interrupted`, with their lines and the same end of time [5.1, 9.3]', () => {
    const domain = proceeded(
      { 'runCommands interrupted': held, 'runCommands noticed': held },
      { lines: { noticed: [COMMAND_LINE] } },
    );

    domain.send(noticed());

    expect(domain.script.isUnderWay('runCommands noticed')).toBe(true);
    expect(domain.script.isUnderWay('runCommands interrupted')).toBe(true);
    expect(domain.script.inputOf('runCommands noticed')).toMatchObject({
      lines: [COMMAND_LINE],
      endAtFailure: false,
      untilMs: 110_000,
      occasion: { event: 'noticed', notice },
    });
  });

  it('run beside the step that is asked to finish [5.1, 5.2]', () => {
    const { domain } = heldIn('running-started', {}, { 'runCommands noticed': held });

    domain.send(noticed());

    expect(domain.state).toBe('running-started');
    expect(domain.script.isUnderWay('runCommands noticed')).toBe(true);
  });

  it.each([...stepsBeforeNoReturn, { state: 'dns-updated' }])(
    'do not run in $state: the application never did [5.2]',
    ({ state }) => {
      const domain = state === 'dns-updated' ? scripted() : heldIn(state).domain;

      domain.send(noticed());

      expect(domain.told()).toContain('noticed');
      expect(domain.script.taken).not.toContain('runCommands noticed');
    },
  );

  it('are waited for before anything is released or told: they may use what is to be released [5.2, 5.5]', () => {
    const domain = proceeded({ 'runCommands noticed': held }, { volumes: [{ release: ['interrupted'] }] });
    domain.send(noticed());
    const before = [domain.state, domain.script.taken.at(-1), domain.told().at(-1)];

    domain.script.resolve('runCommands noticed', [saved]);

    expect(before).toEqual(['joining', 'runCommands interrupted', 'noticed']);
    expect(domain.after('runCommands interrupted')).toEqual(['giveBack release', 'remember finished']);
  });

  it('keep their results and failures: the latter are told with the end [5.7]', () => {
    const domain = proceeded({ 'runCommands noticed': resolves([saved, failed('/bin/warn')]) });

    domain.send(noticed());

    expect(domain.context.results.noticed).toEqual([saved, failed('/bin/warn')]);
    expect(domain.occasionOf('interrupted')?.failures).toEqual([
      { part: 'exec noticed', problem: '/bin/warn: exited with 1', critical: false },
    ]);
  });

  it('may break: that is told with the end [5.7]', () => {
    const domain = proceeded({ 'runCommands noticed': refused });

    domain.send(noticed());

    expect(domain.occasionOf('interrupted')?.failures).toEqual([
      { part: 'exec noticed', problem: 'refused', critical: false },
    ]);
    expect(domain.state).toBe('stopped');
  });
});

describe('a risk', () => {
  const { risk: rebalance } = risk;

  it('runs the commands of `at-risk`, tells of them when they have ended, and changes no state [5.1]', () => {
    const domain = proceeded({ 'runCommands at-risk': held }, { stopMs: 80_000, lines: { 'at-risk': [COMMAND_LINE] } });
    domain.send(risk);
    const before = domain.told();

    domain.script.resolve('runCommands at-risk', [saved]);

    expect(domain.script.inputOf('runCommands at-risk')).toMatchObject({
      lines: [COMMAND_LINE],
      endAtFailure: false,
      withinMs: 80_000,
      occasion: { event: 'at-risk', risk: rebalance },
    });
    expect(before).toEqual(['starting', 'started']);
    expect(domain.told()).toEqual(['starting', 'started', 'at-risk']);
    expect(domain.occasionOf('at-risk')).toMatchObject({ risk: rebalance, results: [saved] });
    expect(domain.state).toBe('started');
  });

  it.each([...stepsOnTheWayUp, { state: 'dns-updated', step: '' }])(
    'that is seen in $state is kept until the application runs [5.1]',
    ({ state, step }) => {
      const domain = state === 'dns-updated' ? scripted() : heldIn(state).domain;
      domain.send(risk);
      const before = domain.script.taken.includes('runCommands at-risk');

      if (step) domain.script.resolve(step, wellDone[step]);
      domain.send(proceed);

      expect(before).toBe(false);
      expect(domain.told()).toEqual(['starting', 'started', 'at-risk']);
    },
  );

  it('is told once: another one begins nothing, before the domain has started or after [5.8]', () => {
    const another = { ...risk, risk: { kind: 'maintenance', key: 'maintenance 2031' } } as const;
    const { domain, step } = heldIn('running-started');

    domain.send(risk);
    domain.send(another);
    domain.script.resolve(step, []);
    domain.send(another);

    expect(domain.occasionOf('at-risk')?.risk).toEqual(rebalance);
    expect(domain.told().filter((event) => event === 'at-risk')).toHaveLength(1);
  });

  it('is named to nothing but its own event [4.2]', () => {
    const domain = proceeded();
    domain.send(risk);

    domain.send(stop());

    expect(domain.occasionOf('stopping')).not.toHaveProperty('risk');
  });

  it.each([
    { how: 'fail', doing: resolves([failed('/bin/drain')]), problem: '/bin/drain: exited with 1' },
    { how: 'break', doing: refused, problem: 'refused' },
  ])('is told also when its commands $how, and the domain stays up [5.7]', ({ doing, problem }) => {
    const domain = proceeded({ 'runCommands at-risk': doing });

    domain.send(risk);

    expect(domain.occasionOf('at-risk')?.failures).toEqual([{ part: 'exec at-risk', problem, critical: false }]);
    expect(domain.state).toBe('started');
    domain.send(stop());
    expect(domain.state).toBe('stopped');
  });

  it.each(callsOff)(
    'and then $news: its commands go on beside, and are waited for before the end is told [5.5]',
    ({ event, ending }) => {
      const domain = proceeded({ 'runCommands at-risk': held }, { volumes: [{ release: [ending] }] });
      domain.send(risk);

      domain.send(event);
      const before = [domain.state, domain.told().includes(ending), domain.script.taken.includes('giveBack release')];
      domain.script.resolve('runCommands at-risk', []);

      expect(before).toEqual(['joining', false, false]);
      expect(domain.script.taken).toContain('giveBack release');
      expect(domain.told().slice(-2)).toEqual(['at-risk', ending]);
    },
  );
});

describe('a domain that has failed while a volume of it is attached here', () => {
  const watched = { type: 'domain.keeps-watch', domain: 'web' };
  /** One that found its volume attached and then failed: before the point of no return, and past it. */
  const notRun = () =>
    scripted({ attachVolumes: resolves({ ...noVolumes, attachments: [adopted], failures: [denied] }) });
  const mayRun = (doings = {}, settings: Parameters<typeof proceeded>[1] = { volumes: [{}] }) =>
    proceeded({ 'runCommands started': refused, ...doings }, settings);

  it.each([
    { which: 'never ran', domain: notRun },
    { which: 'may run', domain: mayRun },
  ])('tells so and watches on, when it $which [5.4]', ({ domain: begun }) => {
    const domain = begun();

    expect(domain.state).toBe('keeping-watch');
    expect(domain.reports.slice(-2)).toEqual([
      { type: 'domain.reached', occasion: expect.objectContaining({ event: 'failed' }) },
      watched,
    ]);
  });

  it.each([
    {
      what: 'it attached the volume itself and gave it back',
      doings: {
        attachVolumes: resolves({ ...noVolumes, attachments: [attachment], failures: [denied] }),
        'giveBack roll-back': resolves({ ...givenBack, given: [attachmentHold] }),
      },
      state: 'stopped',
    },
    {
      what: 'it gave back what it had found, since the run before had taken it',
      doings: {
        attachVolumes: resolves({ ...noVolumes, attachments: [adopted], failures: [denied] }),
        'giveBack roll-back': resolves({ ...givenBack, given: [attachmentHold] }),
      },
      state: 'stopped',
    },
    {
      what: 'the volume could not be given back',
      doings: {
        attachVolumes: resolves({ ...noVolumes, attachments: [attachment], failures: [denied] }),
        'giveBack roll-back': resolves({ given: [], kept: [attachmentHold], failures: [minor] }),
      },
      state: 'keeping-watch',
    },
    {
      what: 'giving back broke',
      doings: {
        attachVolumes: resolves({ ...noVolumes, attachments: [attachment], failures: [denied] }),
        'giveBack roll-back': refused,
      },
      state: 'keeping-watch',
    },
    {
      what: 'only a record could not be given back',
      doings: {
        upsertRecordSets: refused,
        'giveBack roll-back': resolves({ given: [], kept: [recordSetHold], failures: [minor] }),
      },
      state: 'stopped',
    },
  ])('before the point of no return is $state when $what [5.4, 6.10]', ({ doings, state }) => {
    expect(scripted(doings, { volumes: [{}] }).state).toBe(state);
  });

  it.each([
    { what: 'its volume stays attached', settings: { volumes: [{}] }, state: 'keeping-watch' },
    { what: 'it has no volume', settings: { records: [{}] }, state: 'stopped' },
    {
      what: 'its volume was released',
      settings: { volumes: [{ release: ['failed' as const] }] },
      doings: { 'giveBack release': resolves({ ...givenBack, given: [attachmentHold] }) },
      state: 'stopped',
    },
    {
      what: 'its volume of a pool was released',
      settings: { volumes: [{ sources: ['p' as const], volumeId: '', release: ['failed' as const] }] },
      doings: { 'giveBack release': resolves({ ...givenBack, given: [attachmentHold] }) },
      state: 'stopped',
    },
    {
      what: 'another volume was released',
      settings: { volumes: [{ device: '/dev/sdg' }, { device: '/dev/sdf', release: ['failed' as const] }] },
      doings: { 'giveBack release': resolves({ ...givenBack, given: [attachmentHold] }) },
      state: 'keeping-watch',
    },
    {
      what: 'its volume could not be released',
      settings: { volumes: [{ release: ['failed' as const] }] },
      doings: { 'giveBack release': resolves({ given: [], kept: [attachmentHold], failures: [minor] }) },
      state: 'keeping-watch',
    },
    {
      what: 'only a record could not be released',
      settings: { volumes: [{ release: ['failed' as const] }] },
      doings: { 'giveBack release': resolves({ given: [attachmentHold], kept: [recordSetHold], failures: [minor] }) },
      state: 'stopped',
    },
  ])('past the point of no return is $state when $what [5.4, 6.10]', ({ settings, doings, state }) => {
    expect(mayRun(doings, settings).state).toBe(state);
  });

  it.each(callsOff)('is over at $news, when it never ran: no command, and nothing to tell [5.2, 5.4]', ({ event }) => {
    const domain = notRun();
    const told = domain.told();
    const { taken } = domain.script;

    domain.send(event);

    expect(domain.state).toBe('stopped');
    expect(domain.told()).toEqual(told);
    expect(domain.script.taken).toEqual(taken);
    expect(domain.output).toMatchObject({ ending: 'failed', failed: true });
  });

  it.each(callsOff)(
    'handles $news like any other, when it may run, and stays known as failed [2.3, 5.4]',
    ({ event, ending }) => {
      const domain = mayRun({ [`runCommands ${ending}`]: resolves([saved]) });
      const before = domain.script.taken.length;

      domain.send(event);

      const noticedBeside = ending === 'interrupted' ? ['runCommands noticed'] : [];
      expect(domain.script.taken.slice(before)).toEqual([
        ...noticedBeside,
        `runCommands ${ending}`,
        'remember finished',
      ]);
      expect(domain.occasionOf(ending)).toMatchObject({ results: [saved] });
      expect(domain.output).toMatchObject({ ending, failed: true });
    },
  );

  it('tells of `noticed` then, too [5.1, 5.4]', () => {
    const domain = mayRun();

    domain.send(noticed());

    expect(domain.told().slice(-3)).toEqual(['failed', 'noticed', 'interrupted']);
    expect(domain.occasionOf('noticed')).toMatchObject({ notice });
  });

  it.each(callsOff)('does not watch on when $news has come while it failed [5.4, 5.6]', ({ event }) => {
    const domain = mayRun({ 'runCommands failed': held });

    domain.send(event);
    domain.script.resolve('runCommands failed', []);

    expect(domain.state).toBe('stopped');
    expect(domain.told().at(-1)).toBe('failed');
  });

  it('is written down as it was before it tells its end, for a run to come [12.3]', () => {
    const domain = mayRun({ 'remember finished': held });
    domain.send(stop());

    expect(domain.told().at(-1)).toBe('failed');
    expect(domain.script.inputOf('remember finished')).toEqual({ domain: 'web', past: 'finished' });
  });
});

describe('a second stop', () => {
  const settings = { volumes: [{ release: ['stopping' as const, 'interrupted' as const] }] };

  it.each(callsOff)(
    'asks the $ending commands to finish, and then leaves only the notification to do [5.6]',
    ({ event, ending }) => {
      const domain = proceeded({ [`runCommands ${ending}`]: held }, settings);
      domain.send(event);
      domain.send(stop());

      domain.send(hurry);
      const asked = domain.isAsked(`runCommands ${ending}`);
      domain.script.resolve(`runCommands ${ending}`, [saved]);

      expect(asked).toBe(true);
      expect(domain.after(`runCommands ${ending}`)).toEqual(['remember finished']);
      expect(domain.occasionOf(ending)?.results).toEqual([saved]);
    },
  );

  it('asks the failed commands to finish, and nothing is watched or released then [5.6]', () => {
    const domain = proceeded(
      { 'runCommands started': refused, 'runCommands failed': held },
      { volumes: [{ release: ['failed'] }] },
    );
    domain.send(stop());

    domain.send(hurry);
    const asked = domain.isAsked('runCommands failed');
    domain.script.resolve('runCommands failed', []);

    expect(asked).toBe(true);
    expect(domain.after('runCommands failed')).toEqual(['remember started']);
    expect(domain.told().at(-1)).toBe('failed');
  });

  it('asks a release to finish [5.6]', () => {
    const domain = proceeded({ 'giveBack release': held }, settings);
    domain.send(stop());

    domain.send(hurry);

    expect(domain.isAsked('giveBack release')).toBe(true);
    expect(domain.context.hurrying).toBe(true);
  });

  it('asks a roll-back to finish, and runs no failed command then [5.6]', () => {
    const domain = scripted({ attachVolumes: refused, 'giveBack roll-back': held });
    domain.send(stop());

    domain.send(hurry);
    const asked = domain.isAsked('giveBack roll-back');
    domain.script.resolve('giveBack roll-back', givenBack);

    expect(asked).toBe(true);
    expect(domain.after('giveBack roll-back')).toEqual(['remember new']);
    expect(domain.told().at(-1)).toBe('failed');
    expect(domain.output).toMatchObject({ ending: 'failed', failed: true });
  });

  it.each(stepsBeforeNoReturn)(
    'in $state has the roll-back asked to finish as it begins: what is left is for the next run [5.6, 12.2]',
    (each) => {
      const { domain } = heldIn(each.state, {}, { 'giveBack roll-back': held });
      domain.send(stop());

      domain.send(hurry);
      domain.script.resolve(each.step, wellDone[each.step]);

      expect(domain.state).toBe('rolling-back');
      expect(domain.isAsked('giveBack roll-back')).toBe(true);
    },
  );

  it('while the started commands finish: no command runs any more, and the end is told [5.6]', () => {
    const { domain, step } = heldIn('running-started', settings);
    domain.send(stop());

    domain.send(hurry);
    domain.script.resolve(step, []);

    expect(domain.after(step)).toEqual(['remember finished']);
    expect(domain.told()).toEqual(['starting', 'stopping']);
  });

  it.each([
    ...stepsOnTheWayUp,
    { state: 'interrupted', step: 'runCommands interrupted' },
    { state: 'joining', step: 'nothing' },
  ])('asks the commands that run beside $state to finish [5.6]', ({ state, step }) => {
    const domain = proceeded({ [step]: held, 'runCommands noticed': held }, { past: 'started' });
    domain.send(noticed());
    domain.send(stop());
    const before = [domain.state, domain.isAsked('runCommands noticed')];

    domain.send(hurry);

    expect(before).toEqual([state, false]);
    expect(domain.isAsked('runCommands noticed')).toBe(true);
  });

  it('while commands beside are waited for: nothing is released any more [5.6]', () => {
    const domain = proceeded({ 'runCommands noticed': held }, settings);
    domain.send(noticed());
    domain.send(stop());

    domain.send(hurry);
    domain.script.resolve('runCommands noticed', []);

    expect(domain.script.taken).not.toContain('giveBack release');
    expect(domain.told().at(-1)).toBe('interrupted');
  });

  it('asks the stopping commands’ companions of a risk, too [5.6]', () => {
    const domain = proceeded({ 'runCommands at-risk': held, 'runCommands stopping': held });
    domain.send(risk);
    domain.send(stop());

    domain.send(hurry);

    expect(domain.isAsked('runCommands at-risk')).toBe(true);
  });
});
