/** When a domain's records are looked at, written, tried again, and let be. */

import type { Failure, PublicAddresses, RecordEntry, RecordSetChange } from '../config/vocabulary.ts';
import { type RecordsComparison, recordsMachine, type recordsSteps } from '../machines/records.ts';
import { recordEntry } from './helpers/domain.ts';
import { pausesOf } from './helpers/pauses.ts';
import {
  createScript,
  type Doings,
  deniedError,
  held,
  passingError,
  refused,
  rejects,
  resolves,
  started,
} from './helpers/scripted.ts';

type Steps = typeof recordsSteps;

const addresses: PublicAddresses = { primaryIpv4: '192.0.2.1', ipv4: ['192.0.2.1'], ipv6: [] };
const none: PublicAddresses = { ipv4: [], ipv6: [] };
const passing = rejects(passingError);

const record = recordEntry({ name: 'a.example.com' });
const other = recordEntry({ entry: 1, name: 'b.example.com', hostedZone: 'Z2', critical: false });
const different = changeOf('Z1', 'a.example.com.', { sent: true });
const right = changeOf('Z1', 'a.example.com.', { sent: false });
const otherDifferent = changeOf('Z2', 'b.example.com.', { sent: true });

function changeOf(hostedZone: string, name: string, { sent }: { sent: boolean }): RecordSetChange {
  return {
    entry: hostedZone === 'Z1' ? 0 : 1,
    hostedZone,
    after: { name, type: 'A', ttl: 60, values: ['192.0.2.1'] },
    sent,
  };
}

const failureOf = (problem: string, critical = true): Failure => ({
  part: 'update-route53[0]',
  problem: `a.example.com: ${problem}`,
  critical,
});
const otherFailure: Failure = { part: 'update-route53[1]', problem: 'b.example.com: throttled', critical: false };

/** What an attempt gives: nothing, unless told otherwise. */
const gives = (attempt: Partial<RecordsComparison>) =>
  resolves({ changes: [], failures: [], warnings: [], passing: false, submitted: [], ...attempt });

/** One record that has to be written, and is, unless told otherwise. */
function updating(doings: Doings = {}, records = [record]) {
  const script = createScript({
    compareRecordSets: gives({ changes: [different] }),
    writeRecordSets: gives({ changes: [different] }),
    ...doings,
  });
  const machine = recordsMachine.provide({
    actors: {
      readAddresses: script.step<Steps['readAddresses']>('readAddresses', addresses),
      compareRecordSets: script.step<Steps['compareRecordSets']>('compareRecordSets', NOTHING),
      writeRecordSets: script.step<Steps['writeRecordSets']>('writeRecordSets', NOTHING),
      lookAtChanges: script.step<Steps['lookAtChanges']>('lookAtChanges', []),
    } satisfies Steps,
  });
  const run = started(machine, { domain: 'web', records });
  return {
    ...run,
    script,
    finish: () => run.actor.send({ type: 'step.finish' }),
    timesOf: (name: string) => script.taken.filter((each) => each === name).length,
    get state() {
      return run.state;
    },
    get output() {
      return run.output;
    },
  };
}

const NOTHING: RecordsComparison = { changes: [], failures: [], warnings: [], passing: false, submitted: [] };

describe('records', () => {
  it('are compared with the addresses read right before, and what differs is written [7.1, 7.4]', () => {
    const { script, output } = updating();

    expect(script.taken).toEqual(['readAddresses', 'compareRecordSets', 'writeRecordSets']);
    expect(script.inputOf('compareRecordSets')).toEqual({ domain: 'web', records: [record], addresses });
    expect(output).toEqual({ changes: [different], failures: [], unfinished: [] });
  });

  it('are written as they were compared [7.2, 7.4]', () => {
    const { script } = updating({ compareRecordSets: gives({ changes: [different], failures: [otherFailure] }) }, [
      record,
      other,
    ]);

    expect(script.inputOf('writeRecordSets')).toEqual({
      domain: 'web',
      records: [record, other],
      changes: [different],
      failures: [otherFailure],
    });
  });

  it('that are right already are not written [7.4]', () => {
    const { script, output } = updating({ compareRecordSets: gives({ changes: [right] }) });

    expect(script.taken).not.toContain('writeRecordSets');
    expect(output).toEqual({ changes: [right], failures: [], unfinished: [] });
  });

  it('that are none need no address [7.1]', () => {
    const { script, output } = updating({}, []);

    expect(script.taken).toEqual([]);
    expect(output).toEqual({ changes: [], failures: [], unfinished: [] });
  });

  it('are written for nobody when a critical one failed [7.2]', () => {
    const failures = [failureOf('denied')];

    const { script, output } = updating({
      compareRecordSets: gives({ changes: [otherDifferent, right], failures }),
    });

    expect(script.taken).not.toContain('writeRecordSets');
    expect(output).toEqual({ changes: [right], failures, unfinished: [] });
  });

  it('are written without those that failed and are not critical, and these are told of [5.4]', () => {
    const failures = [otherFailure];

    const { script, output } = updating({
      compareRecordSets: gives({ changes: [different], failures }),
      writeRecordSets: gives({ changes: [different], failures }),
    });

    expect(script.taken).toContain('writeRecordSets');
    expect(output).toEqual({ changes: [different], failures, unfinished: [] });
  });

  it('that were refused are told of, and those beside them stand [5.4, 7.2]', () => {
    const { output } = updating({
      compareRecordSets: gives({ changes: [different, otherDifferent] }),
      writeRecordSets: gives({ changes: [different], failures: [otherFailure] }),
    });

    expect(output).toEqual({ changes: [different], failures: [otherFailure], unfinished: [] });
  });

  it.each(['compareRecordSets', 'writeRecordSets'])('each fail when %s breaks [5.4]', (name) => {
    const { output, errors } = updating({
      compareRecordSets: gives({ changes: [different, changeOf('Z2', 'b.example.com.', { sent: false })] }),
      [name]: refused,
    });

    expect(output?.failures).toEqual([failureOf('refused')]);
    expect(output?.changes.filter(({ sent }) => sent)).toEqual([]);
    expect(errors).toEqual([]);
  });
});

describe('records that the domain can do without', () => {
  const patient: RecordEntry = { ...other, patienceMs: 20_000 };
  const throttled = gives({ changes: [], failures: [otherFailure], passing: true });

  it('are tried again no longer than their patience, and told of [5.4]', () => {
    const run = updating({ compareRecordSets: throttled }, [patient]);

    run.clock.increment(19_999);
    const before = run.state;
    run.clock.increment(1);

    expect(before).toBe('backing-off');
    expect(run.output).toEqual({ changes: [], failures: [otherFailure], unfinished: [] });
  });

  it('are tried once more when their patience ends while an answer is awaited, and that one counts [5.4]', () => {
    const run = updating({ compareRecordSets: held }, [patient]);
    run.clock.increment(20_000);

    run.script.resolve('compareRecordSets', {
      changes: [],
      failures: [otherFailure],
      warnings: [],
      passing: true,
      submitted: [],
    });

    expect(run.output).toEqual({ changes: [], failures: [otherFailure], unfinished: [] });
  });

  it('are tried as long as a critical one is: the domain waits for that anyway [5.4]', () => {
    const run = updating(
      { compareRecordSets: gives({ failures: [failureOf('throttled'), otherFailure], passing: true }) },
      [record, patient],
    );

    run.clock.increment(60_000);

    expect(run.output).toBeUndefined();
  });

  it('do not have their address waited for beyond their patience [5.4, 7.1]', () => {
    const run = updating({ readAddresses: resolves(none) }, [{ ...patient, patienceMs: 5_000 }]);

    run.clock.increment(4_999);
    const before = run.output;
    run.clock.increment(1);

    expect(before).toBeUndefined();
    expect(run.output?.failures).toMatchObject([
      { part: 'update-route53[1]', critical: false, problem: expect.stringContaining('no public address') },
    ]);
  });

  it('and whose metadata does not even answer are told of in these words [5.4, 9.4]', () => {
    const run = updating({ readAddresses: held }, [{ ...patient, patienceMs: 5_000 }]);

    run.clock.increment(5_000);

    expect(run.output?.failures).toMatchObject([{ problem: expect.stringContaining('metadata has not answered') }]);
  });

  it('are not said to have no address when their patience ends while it is read anew [5.4]', () => {
    const run = updating({ compareRecordSets: throttled, readAddresses: [resolves(addresses), held] }, [
      { ...patient, patienceMs: 5_000 },
    ]);

    run.clock.increment(5_000);
    run.script.resolve('readAddresses', addresses);

    expect(run.output).toEqual({ changes: [], failures: [otherFailure], unfinished: [] });
  });

  it('have their address waited for beside a critical one, as long as that is [5.4, 7.1]', () => {
    const run = updating({ readAddresses: [...Array(10).fill(resolves(none)), resolves(addresses)] }, [
      record,
      { ...patient, patienceMs: 5_000 },
    ]);

    run.clock.increment(5_000);
    const { state } = run;
    run.clock.increment(5_000);

    expect(state).toBe('addressing.pausing');
    expect(run.output?.failures).toEqual([]);
  });

  it('have had their patience when the address of a critical one comes late: they are tried once [5.4, 7.1]', () => {
    const run = updating(
      {
        readAddresses: [...Array(10).fill(resolves(none)), resolves(addresses)],
        writeRecordSets: gives({ changes: [different], failures: [otherFailure], passing: true }),
      },
      [record, { ...patient, patienceMs: 5_000 }],
    );

    run.clock.increment(10_000);

    expect(run.output).toEqual({ changes: [different], failures: [otherFailure], unfinished: [] });
  });
});

describe('a warning', () => {
  const warning: Failure = { part: 'update-route53[0].stale', problem: 'left by a predecessor', critical: false };

  it('is told beside what was written, and is no reason to try again or to wait [7.6]', () => {
    const { output } = updating({
      compareRecordSets: gives({ changes: [different], warnings: [warning] }),
      writeRecordSets: resolves({ changes: [different], failures: [], passing: false, submitted: [] }),
    });

    expect(output).toEqual({ changes: [different], failures: [warning], unfinished: [] });
  });

  it('stays true for whoever is asked to end [5.2, 7.6]', () => {
    const run = updating({
      compareRecordSets: gives({
        changes: [different],
        failures: [failureOf('throttled')],
        passing: true,
        warnings: [warning],
      }),
    });

    run.finish();

    expect(run.output).toEqual({ changes: [], failures: [warning], unfinished: [failureOf('throttled')] });
  });
});

describe('an address', () => {
  it.each([
    { kind: 'IPv4', found: { primaryIpv4: '192.0.2.1', ipv4: ['192.0.2.1'], ipv6: [] } },
    { kind: 'IPv6', found: { primaryIpv6: '2001:db8::1', ipv4: [], ipv6: ['2001:db8::1'] } },
  ])('is one of either kind: $kind [7.1]', ({ found }) => {
    const { script } = updating({ readAddresses: resolves(found) });

    expect(script.inputOf('compareRecordSets')).toMatchObject({ addresses: found });
  });

  it('is awaited, and looked for every second [7.1]', () => {
    const run = updating({ readAddresses: [resolves(none), resolves(none), resolves(addresses)] });

    const pauses = pausesOf(run, 2);

    expect(pauses).toEqual([1_000, 1_000]);
    expect(run.output?.failures).toEqual([]);
  });

  it('that does not come within 30 s is a failure of each record, with what to give the instance [7.1]', () => {
    const run = updating({ readAddresses: resolves(none) }, [record, other]);

    run.clock.increment(29_999);
    const before = run.output;
    run.clock.increment(1);

    expect(before).toBeUndefined();
    expect(run.output?.failures).toMatchObject([
      { part: 'update-route53[0]', critical: true, problem: expect.stringMatching(/no public address.*Elastic IP/) },
      { part: 'update-route53[1]', critical: false },
    ]);
  });

  it('is looked for again after a hiccup of the metadata [7.1, 9.4]', () => {
    const run = updating({ readAddresses: [passing, resolves(addresses)] });

    run.clock.increment(1_000);

    expect(run.output?.failures).toEqual([]);
  });

  it('that the metadata refuses for good is not waited for, and a record that is not critical fails alone [5.4]', () => {
    const { output } = updating({ readAddresses: rejects(deniedError) }, [{ ...record, critical: false }]);

    expect(output).toEqual({
      changes: [],
      failures: [failureOf('AttachVolume: not authorized. Allow it.', false)],
      unfinished: [],
    });
  });

  it.each([
    { last: 'the metadata did not tell', readAddresses: [resolves(none), passing], problem: 'throttled' },
    { last: 'there was none', readAddresses: [passing, resolves(none)], problem: 'no public address' },
  ])('says at the end of its time why there is none: $last [7.1]', ({ readAddresses, problem }) => {
    const run = updating({ readAddresses });

    run.clock.increment(30_000);

    expect(run.output?.failures).toMatchObject([{ problem: expect.stringContaining(problem) }]);
  });
});

describe('a fault that may pass', () => {
  const throttled = gives({ failures: [failureOf('throttled')], passing: true });

  it.each(['compareRecordSets', 'writeRecordSets'])(
    'of %s has the records tried again: within a second, then less and less often, but at least every 10 s [7.2]',
    (name) => {
      const run = updating({ [name]: throttled }, [{ ...record, seed: 0 }]);

      expect(pausesOf(run, 6)).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    },
  );

  it('is met after another pause by another instance: a fleet that was throttled together does not come back together [7.2]', () => {
    const pauses = [0.1, 0.35, 0.6, 0.85].map((seed) =>
      pausesOf(updating({ writeRecordSets: throttled }, [{ ...record, seed }]), 3),
    );

    expect(new Set(pauses.map((its) => its.join())).size).toBe(4);
    for (const [first = 0, second = 0, third = 0] of pauses) {
      expect(first >= 500 && first < 1_000).toBe(true);
      expect(second >= 1_000 && second < 2_000).toBe(true);
      expect(third >= 2_000 && third < 4_000).toBe(true);
    }
  });

  it('has the addresses read anew: they are those of right before the writing [7.1]', () => {
    const moved = { primaryIpv4: '192.0.2.9', ipv4: ['192.0.2.9'], ipv6: [] };
    const run = updating({
      readAddresses: [resolves(addresses), resolves(moved)],
      writeRecordSets: [throttled, gives({ changes: [different] })],
    });

    run.clock.increment(1_000);

    expect(run.script.inputOf('compareRecordSets')).toMatchObject({ addresses: moved });
  });

  it('leaves nothing of itself once it has passed [7.2]', () => {
    const run = updating({ writeRecordSets: [throttled, gives({ changes: [different] })] });
    const { state } = run;

    run.clock.increment(1_000);

    expect(state).toBe('backing-off');
    expect(run.output).toEqual({ changes: [different], failures: [], unfinished: [] });
  });

  it('of one record keeps none of the others from being written, and is tried again after them [7.2]', () => {
    const run = updating(
      {
        compareRecordSets: [
          gives({ changes: [different], failures: [otherFailure], passing: true }),
          gives({ changes: [right, otherDifferent] }),
        ],
        writeRecordSets: [
          gives({ changes: [different], failures: [otherFailure] }),
          gives({ changes: [right, otherDifferent] }),
        ],
      },
      [record, other],
    );
    const writesBefore = run.timesOf('writeRecordSets');

    run.clock.increment(1_000);

    expect(writesBefore).toBe(1);
    expect(run.output).toEqual({ changes: [right, otherDifferent], failures: [], unfinished: [] });
  });

  it('of a critical record keeps the others from being written until it has passed [5.4, 7.2]', () => {
    const run = updating({
      compareRecordSets: [
        gives({ changes: [otherDifferent], failures: [failureOf('throttled')], passing: true }),
        gives({ changes: [different, otherDifferent] }),
      ],
      writeRecordSets: gives({ changes: [different, otherDifferent] }),
    });
    const writesBefore = run.timesOf('writeRecordSets');

    run.clock.increment(1_000);

    expect(writesBefore).toBe(0);
    expect(run.output?.changes).toEqual([different, otherDifferent]);
  });

  it('ends as a failure after three minutes [9.7]', () => {
    const run = updating({ compareRecordSets: throttled });

    run.clock.increment(179_999);
    const before = run.output;
    run.clock.increment(1);

    expect(before).toBeUndefined();
    expect(run.output).toEqual({ changes: [], failures: [failureOf('throttled')], unfinished: [] });
  });

  it.each(['compareRecordSets', 'writeRecordSets'])(
    'after three minutes is not tried again, but %s under way is waited for [5.2, 9.7]',
    (name) => {
      const run = updating({ [name]: [throttled, held] });
      run.clock.increment(179_999);
      const times = run.timesOf(name);
      run.clock.increment(1);
      const before = run.output;

      run.script.resolve(name, { changes: [], failures: [failureOf('throttled')], passing: true, submitted: [] });

      expect(before).toBeUndefined();
      expect(run.timesOf(name)).toBe(times);
      expect(run.output).toEqual({ changes: [], failures: [failureOf('throttled')], unfinished: [] });
    },
  );

  it('is not tried for three minutes more because an address was lacking first [7.1, 9.7]', () => {
    const run = updating({
      readAddresses: [...Array.from({ length: 20 }, () => resolves(none)), resolves(addresses)],
      compareRecordSets: throttled,
    });

    run.clock.increment(180_000);

    expect(run.state).toBe('ended');
  });

  it.each([
    { what: 'addresses are refused', doings: { readAddresses: [resolves(addresses), rejects(deniedError)] } },
    {
      what: 'records cannot be looked at',
      doings: { compareRecordSets: [gives({ changes: [different, otherDifferent] }), rejects(deniedError)] },
    },
  ])('is followed by a worse one, and what was written stands all the same: $what [5.4]', ({ doings }) => {
    const run = updating({
      compareRecordSets: gives({ changes: [different, otherDifferent] }),
      writeRecordSets: gives({ changes: [different], failures: [otherFailure], passing: true }),
      ...doings,
    });

    run.clock.increment(1_000);

    expect(run.output).toMatchObject({
      changes: [different],
      failures: [{ problem: expect.stringContaining('not authorized') }],
    });
  });
});

describe('asked to end', () => {
  it.each([
    { while: 'addresses are read', state: 'addressing.reading', doings: { readAddresses: held } },
    { while: 'records are looked at', state: 'comparing', doings: { compareRecordSets: held } },
  ])('while $while, nothing is written any more, which is news only for whoever asked [5.2]', ({ state, doings }) => {
    const run = updating(doings, [record, other]);
    const before = run.state;

    run.finish();

    expect(before).toBe(state);
    expect(run.script.taken).not.toContain('writeRecordSets');
    expect(run.output).toEqual({
      changes: [],
      failures: [],
      unfinished: [
        failureOf('asked to end before it was written'),
        { part: 'update-route53[1]', problem: 'b.example.com: asked to end before it was written', critical: false },
      ],
    });
  });

  it('while an address is waited for, says that there is none yet [5.2, 7.1]', () => {
    const run = updating({ readAddresses: resolves(none) });

    run.finish();

    expect(run.output).toMatchObject({
      failures: [],
      unfinished: [{ part: 'update-route53[0]', problem: expect.stringContaining('no public address') }],
    });
  });

  it('while a change is under way, its answer is waited for [5.2]', () => {
    const run = updating({ writeRecordSets: held });

    run.finish();
    const before = run.output;
    run.script.resolve('writeRecordSets', { submitted: [], changes: [different], failures: [], passing: false });

    expect(before).toBeUndefined();
    expect(run.output).toEqual({ changes: [different], failures: [], unfinished: [] });
  });

  it('while a change is under way, a fault that may pass is not tried again; what was written stands [5.2]', () => {
    const run = updating({ writeRecordSets: held });

    run.finish();
    run.script.resolve('writeRecordSets', {
      submitted: [],
      changes: [different],
      failures: [otherFailure],
      passing: true,
    });

    expect(run.output).toEqual({ changes: [different], failures: [], unfinished: [otherFailure] });
  });

  it('while a change is under way, what was refused for good is a failure like any other [5.2]', () => {
    const run = updating({ writeRecordSets: held });

    run.finish();
    run.script.resolve('writeRecordSets', {
      submitted: [],
      changes: [],
      failures: [failureOf('denied')],
      passing: false,
    });

    expect(run.output).toEqual({ changes: [], failures: [failureOf('denied')], unfinished: [] });
  });

  it.each([
    { state: 'backing-off', afterMs: 0, doings: {} },
    { state: 'addressing.reading', afterMs: 1_000, doings: { readAddresses: [resolves(addresses), held] } },
  ])('while the next attempt is $state, says what stood in the way of the last [5.2]', ({ state, afterMs, doings }) => {
    const run = updating({
      writeRecordSets: gives({ failures: [failureOf('throttled')], passing: true }),
      ...doings,
    });
    run.clock.increment(afterMs);
    const before = run.state;

    run.finish();

    expect(before).toBe(state);
    expect(run.output).toEqual({ changes: [], failures: [], unfinished: [failureOf('throttled')] });
  });
});

describe('a change that is waited for', () => {
  const submitted = { entry: 0, changeId: 'C1' };
  const later = { entry: 1, changeId: 'C2' };
  const written = gives({ changes: [different], submitted: [submitted] });
  const patient: RecordEntry = { ...other, patienceMs: 30_000 };
  const pending = resolves([submitted]);
  const unsaid = (why: string) => ({
    ...failureOf(`Route 53 has not said INSYNC of change C1: ${why}`),
    part: 'update-route53[0].wait',
  });

  it('is looked at after 5 s, then less and less often, but at least every 20 s, until all name servers have it [7.7]', () => {
    const run = updating({ writeRecordSets: written, lookAtChanges: pending }, [{ ...record, seed: 0 }]);
    const before = run.state;

    expect(before).toBe('awaiting-insync.pausing');
    expect(pausesOf(run, 6)).toEqual([4_000, 6_000, 9_000, 13_500, 16_000, 16_000]);
    expect(run.script.inputOf('lookAtChanges')).toEqual({ domain: 'web', submitted: [submitted] });
    expect(run.output).toBeUndefined();
  });

  it('is over once all name servers have it [7.7]', () => {
    const run = updating({ writeRecordSets: written, lookAtChanges: [pending, resolves([])] });

    run.clock.increment(5_000);
    const before = run.output;
    run.clock.increment(7_500);

    expect(before).toBeUndefined();
    expect(run.output).toEqual({ changes: [different], failures: [], unfinished: [] });
  });

  it('is none where nothing was sent, or nobody asked to wait [7.7]', () => {
    const { script, output } = updating();

    expect(script.taken).not.toContain('lookAtChanges');
    expect(output).toBeDefined();
  });

  it('is looked at again after a fault that may pass [7.2, 7.7]', () => {
    const run = updating({ writeRecordSets: written, lookAtChanges: [passing, resolves([])] });

    run.clock.increment(5_000);
    const before = run.state;
    run.clock.increment(7_500);

    expect(before).toBe('awaiting-insync.pausing');
    expect(run.output).toEqual({ changes: [different], failures: [], unfinished: [] });
  });

  it('that cannot be looked at for good is not waited for, which fails nobody: it was accepted [7.7]', () => {
    const run = updating({ writeRecordSets: written, lookAtChanges: rejects(deniedError) });

    run.clock.increment(5_000);

    expect(run.output).toMatchObject({
      changes: [different],
      failures: [
        { part: 'update-route53[0].wait', critical: false, problem: expect.stringContaining('not authorized') },
      ],
    });
  });

  it('of an attempt before the last is waited for as well [7.2, 7.7]', () => {
    const run = updating(
      {
        writeRecordSets: [
          gives({ changes: [different], failures: [otherFailure], passing: true, submitted: [submitted] }),
          gives({ changes: [right, otherDifferent], submitted: [later] }),
        ],
        lookAtChanges: pending,
      },
      [record, patient],
    );

    run.clock.increment(1_000);
    run.clock.increment(5_000);

    expect(run.script.inputOf('lookAtChanges')).toEqual({ domain: 'web', submitted: [submitted, later] });
  });

  it('of a run before this one is waited for, though nothing is left to write; one that is named twice, once [7.7, 12.2]', () => {
    const run = updating({
      compareRecordSets: [
        gives({ changes: [right], failures: [failureOf('throttled', false)], passing: true, submitted: [submitted] }),
        gives({ changes: [right], submitted: [submitted] }),
      ],
      lookAtChanges: pending,
    });

    run.clock.increment(1_000);
    run.clock.increment(5_000);

    expect(run.script.inputOf('lookAtChanges')).toEqual({ domain: 'web', submitted: [submitted] });
  });

  it('is not waited for when a critical record has failed [5.4, 7.7]', () => {
    const { state } = updating({
      writeRecordSets: gives({ changes: [different], failures: [failureOf('denied')], submitted: [later] }),
    });

    expect(state).toBe('ended');
  });

  it('of a record that is not critical is waited for no longer than its patience; critical ones are all the same [5.4, 7.7]', () => {
    const run = updating(
      {
        writeRecordSets: gives({ changes: [different, otherDifferent], submitted: [submitted, later] }),
        lookAtChanges: [resolves([submitted, later]), resolves([submitted, later]), pending],
      },
      [record, patient],
    );

    run.clock.increment(30_000);
    const state = run.state;
    run.clock.increment(20_000);

    expect(state).toMatch(/^awaiting-insync/);
    expect(run.script.inputOf('lookAtChanges')).toEqual({ domain: 'web', submitted: [submitted] });
    expect(run.output).toBeUndefined();
  });

  it('is looked at in one go, though somebody else meanwhile is not waited for any longer [7.7]', () => {
    const run = updating(
      {
        writeRecordSets: gives({ changes: [different, otherDifferent], submitted: [submitted, later] }),
        lookAtChanges: held,
      },
      [record, patient],
    );
    run.clock.increment(5_000);
    const before = run.state;

    run.clock.increment(25_000);

    expect([before, run.state]).toEqual(['awaiting-insync.looking', 'awaiting-insync.looking']);
  });

  it('of records that are not critical ends with a word of each when the patience is over [5.4, 7.7]', () => {
    const run = updating(
      { writeRecordSets: gives({ changes: [otherDifferent], submitted: [later] }), lookAtChanges: resolves([later]) },
      [record, patient],
    );

    run.clock.increment(29_999);
    const before = run.output;
    run.clock.increment(1);

    expect(before).toBeUndefined();
    expect(run.output).toEqual({
      changes: [otherDifferent],
      failures: [
        {
          part: 'update-route53[1].wait',
          problem: 'b.example.com: Route 53 has not said INSYNC of change C2: it is not waited for any longer',
          critical: false,
        },
      ],
      unfinished: [],
    });
  });

  it('is not waited for any longer by whoever is asked to end; what was written stands [5.2, 7.7]', () => {
    const run = updating({ writeRecordSets: written, lookAtChanges: held });
    run.clock.increment(5_000);
    const { state } = run;

    run.finish();

    expect(state).toBe('awaiting-insync.looking');
    expect(run.output).toEqual({ changes: [different], failures: [], unfinished: [unsaid('asked to end before')] });
  });

  it('is not even begun to be waited for by whoever was asked to end while it was sent [5.2, 7.7]', () => {
    const run = updating({ writeRecordSets: held });

    run.finish();
    run.script.resolve('writeRecordSets', {
      changes: [different],
      failures: [],
      passing: false,
      submitted: [submitted],
    });

    expect(run.output).toEqual({ changes: [different], failures: [], unfinished: [unsaid('asked to end before')] });
  });

  describe('of an attempt before', () => {
    const lacking = gives({ changes: [otherDifferent], failures: [otherFailure], passing: true, submitted: [later] });
    /** Records that the domain can do without, of which one was written. */
    const records = [{ ...record, critical: false, patienceMs: 30_000 }, patient];
    const attempted = (doings: Doings) => {
      const run = updating({ writeRecordSets: lacking, lookAtChanges: resolves([later]), ...doings }, records);
      run.clock.increment(1_000);
      return run;
    };

    it.each<{ what: string; doings: Doings }>([
      { what: 'is asked to end while it pauses', doings: {} },
      {
        what: 'is asked to end while addresses are read',
        doings: { readAddresses: [resolves(addresses), held] },
      },
      {
        what: 'is asked to end while it compares',
        doings: { compareRecordSets: [gives({ changes: [different] }), held] },
      },
    ])('is not waited for by whoever $what [5.2, 7.7]', ({ doings }) => {
      const run = attempted(doings);
      const before = run.state;

      run.finish();

      expect(before).toMatch(/^(backing-off|addressing|comparing)/);
      expect(run.output?.unfinished).toEqual([otherFailure]);
    });

    it.each([
      {
        what: 'there is no address any more',
        doings: { readAddresses: [resolves(addresses), resolves(none)] },
        afterMs: 30_000,
      },
      {
        what: 'addresses are refused',
        doings: { readAddresses: [resolves(addresses), rejects(deniedError)] },
        afterMs: 0,
      },
      {
        what: 'nothing can be looked at',
        doings: { compareRecordSets: [gives({ changes: [different] }), rejects(deniedError)] },
        afterMs: 0,
      },
      { what: 'nothing can be written', doings: { writeRecordSets: [lacking, rejects(deniedError)] }, afterMs: 0 },
    ])('is not waited for when the next one finds that $what [5.4, 7.7]', ({ doings, afterMs }) => {
      const run = attempted(doings);

      run.clock.increment(afterMs);

      expect(run.state).toBe('ended');
    });

    it('is waited for when nothing is left to write [7.7]', () => {
      const { state } = attempted({
        compareRecordSets: [gives({ changes: [different] }), gives({ changes: [right] })],
      });

      expect(state).toBe('awaiting-insync.pausing');
    });

    it('is waited for when the others have had their three minutes [7.7, 9.7]', () => {
      const failing = gives({ changes: [different], failures: [otherFailure], passing: true, submitted: [submitted] });
      const run = updating({ writeRecordSets: failing, lookAtChanges: pending }, [record, other]);

      run.clock.increment(180_000);

      expect(run.state).toMatch(/^awaiting-insync/);
    });

    it('is waited for when the others have had their patience, by the rest of it: none [5.4, 7.7]', () => {
      const failing = gives({ changes: [different], failures: [otherFailure], passing: true, submitted: [submitted] });
      const run = updating({ writeRecordSets: failing, lookAtChanges: pending }, [record, patient]);

      run.clock.increment(30_000);

      expect(run.state).toMatch(/^awaiting-insync/);
    });
  });
});
