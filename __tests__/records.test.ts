/** When a domain's records are looked at, written, and let be. */

import type { Failure, PublicAddresses, RecordEntry, RecordSetChange } from '../config/vocabulary.ts';
import { type RecordsOutcome, recordsMachine, type recordsSteps } from '../machines/records.ts';
import {
  createScript,
  type Doings,
  deniedError,
  held,
  passingError,
  rejects,
  resolves,
  started,
} from './helpers/scripted.ts';

type Steps = typeof recordsSteps;

const addresses: PublicAddresses = { primaryIpv4: '192.0.2.1', ipv4: ['192.0.2.1'], ipv6: [] };
const none: PublicAddresses = { ipv4: [], ipv6: [] };
const record: RecordEntry = { entry: 0, critical: true, hostedZone: 'Z1', name: 'a.example.com', ttl: 60 };
const after = { name: 'a.example.com.', type: 'A' as const, ttl: 60, values: ['192.0.2.1'] };
const different: RecordSetChange = { hostedZone: 'Z1', after, sent: true };
const right: RecordSetChange = { hostedZone: 'Z1', after, sent: false };
const failureOf = (problem: string, critical = true): Failure => ({
  part: 'update-route53[0]',
  problem: `a.example.com: ${problem}`,
  critical,
});

function scripted(doings: Doings = {}, records: RecordEntry[] = [record]) {
  const script = createScript(doings);
  const outcome: RecordsOutcome = { changes: [different], failures: [] };
  const machine = recordsMachine.provide({
    actors: {
      readAddresses: script.step<Steps['readAddresses']>('readAddresses', addresses),
      compareRecordSets: script.step<Steps['compareRecordSets']>('compareRecordSets', outcome),
      writeRecordSets: script.step<Steps['writeRecordSets']>('writeRecordSets', outcome),
    },
  });
  return { ...started(machine, { domain: 'web', records }), script };
}

const outputOf = (run: ReturnType<typeof scripted>) => run.actor.getSnapshot().output;

describe('records', () => {
  it('are compared with the addresses read right before, and what differs is written [7.1, 7.4]', () => {
    const run = scripted();

    expect(run.script.taken).toEqual(['readAddresses', 'compareRecordSets', 'writeRecordSets']);
    expect(run.script.inputOf('compareRecordSets')).toEqual({ domain: 'web', records: [record], addresses });
    expect(outputOf(run)).toEqual({ changes: [different], failures: [] });
  });

  it('that are right already are not written [7.4]', () => {
    const run = scripted({ compareRecordSets: resolves({ changes: [right], failures: [] }) });

    expect(run.script.taken).not.toContain('writeRecordSets');
    expect(outputOf(run)).toEqual({ changes: [right], failures: [] });
  });

  it('that are none need no address [7.1]', () => {
    expect(scripted({}, []).script.taken).toEqual([]);
  });

  it('are written for nobody when a critical one failed [7.2]', () => {
    const failures = [failureOf('denied')];
    const run = scripted({ compareRecordSets: resolves({ changes: [different, right], failures }) });

    expect(run.script.taken).not.toContain('writeRecordSets');
    expect(outputOf(run)).toEqual({ changes: [right], failures });
  });

  it('are written without those that failed and are not critical [5.4]', () => {
    const run = scripted({
      compareRecordSets: resolves({ changes: [different], failures: [failureOf('denied', false)] }),
    });

    expect(run.script.taken).toContain('writeRecordSets');
  });

  it.each(['compareRecordSets', 'writeRecordSets'])('each fail when %s breaks [5.4]', (name) => {
    const run = scripted({ [name]: rejects(new Error('broken')) });

    expect(outputOf(run)).toEqual({ changes: [], failures: [failureOf('broken')] });
  });
});

describe('an address', () => {
  it('is awaited for 30 s, looked for every second [7.1]', () => {
    const run = scripted({ readAddresses: [resolves(none), resolves(none), resolves(addresses)] });

    run.clock.increment(2_000);

    expect(run.script.taken.filter((name) => name === 'readAddresses')).toHaveLength(3);
    expect(outputOf(run)?.failures).toEqual([]);
  });

  it('that does not come is a failure of each record, with what to give the instance [7.1]', () => {
    const run = scripted({ readAddresses: resolves(none) });

    run.clock.increment(29_000);
    const before = outputOf(run);
    run.clock.increment(1_000);

    expect(before).toBeUndefined();
    expect(outputOf(run)?.failures).toMatchObject([
      { part: 'update-route53[0]', critical: true, problem: expect.stringMatching(/no public address.*Elastic IP/) },
    ]);
  });

  it('is looked for again after a hiccup of the metadata [7.1, 9.4]', () => {
    const run = scripted({ readAddresses: [rejects(passingError), resolves(addresses)] });

    run.clock.increment(1_000);

    expect(outputOf(run)?.failures).toEqual([]);
  });

  it('that the metadata refuses for good is not waited for, and a record that is not critical fails alone [5.4]', () => {
    const run = scripted({ readAddresses: rejects(deniedError) }, [{ ...record, critical: false }]);

    expect(outputOf(run)?.failures).toMatchObject([
      { critical: false, problem: expect.stringContaining('not authorized') },
    ]);
  });

  it('says at the end of its time why the metadata did not tell [7.1]', () => {
    const run = scripted({ readAddresses: rejects(passingError) });

    run.clock.increment(30_000);

    expect(outputOf(run)?.failures).toMatchObject([{ problem: expect.stringContaining('throttled') }]);
  });
});

describe('asked to end', () => {
  it.each([
    { while: 'it waits for an address', doings: { readAddresses: resolves(none) } },
    { while: 'addresses are read', doings: { readAddresses: held } },
    { while: 'records are looked at', doings: { compareRecordSets: held } },
  ])('while $while, nothing is written any more [5.2]', ({ doings }) => {
    const run = scripted(doings);

    run.actor.send({ type: 'step.finish' });

    expect(run.script.taken).not.toContain('writeRecordSets');
    expect(outputOf(run)).toEqual({ changes: [], failures: [failureOf('asked to end before it was written')] });
  });

  it('while a change is under way, its answer is waited for [5.2]', () => {
    const run = scripted({ writeRecordSets: held });

    run.actor.send({ type: 'step.finish' });
    const before = outputOf(run);
    run.script.resolve('writeRecordSets', { changes: [different], failures: [] });

    expect(before).toBeUndefined();
    expect(outputOf(run)).toEqual({ changes: [different], failures: [] });
  });
});
