/** What holds for a domain's records, whatever happens, and that every way through their machine is gone. */

import fc from 'fast-check';
import type { RecordSetChange } from '../config/vocabulary.ts';
import { recordsMachine } from '../machines/records.ts';
import { recordEntry } from './helpers/domain.ts';
import { type Model, walkedThrough } from './helpers/model.ts';
import { deniedError, passingError, rejects, resolves } from './helpers/scripted.ts';
import { type EndedStep, wanderedUntorn } from './helpers/untorn.ts';

const found = resolves({ primaryIpv4: '192.0.2.1', ipv4: ['192.0.2.1'], ipv6: [] });
const after = { name: 'game.example.com.', type: 'A', ttl: 60, values: ['192.0.2.1'] } as const;
const different: RecordSetChange = {
  entry: 0,
  hostedZone: 'Z1',
  after: { ...after, values: ['192.0.2.1'] },
  sent: true,
};
const right: RecordSetChange = { ...different, sent: false };
const submitted = { entry: 0, changeId: 'C1' };
const failures = [{ part: 'update-route53[0]', problem: 'throttled', critical: true }];
const minor = failures.map((failure) => ({ ...failure, critical: false }));

const input = { domain: 'web', records: [recordEntry()] };
const uncritical = { domain: 'web', records: [recordEntry({ critical: false, patienceMs: 10_000 })] };
const mixed = { domain: 'web', records: [...input.records, ...uncritical.records] };
const model: Model<typeof recordsMachine> = {
  machine: recordsMachine,
  inputs: [{ domain: 'web', records: [] }, input, uncritical, mixed],
  outcomes: {
    readAddresses: [found, resolves({ ipv4: [], ipv6: [] }), rejects(passingError), rejects(deniedError)],
    compareRecordSets: [
      resolves({ changes: [different], failures: [], passing: false, warnings: [], submitted: [] }),
      resolves({ changes: [different], failures: [], passing: true, warnings: [], submitted: [] }),
      resolves({ changes: [right], failures: [], passing: false, warnings: [], submitted: [] }),
      resolves({ changes: [right], failures: [], passing: false, warnings: [], submitted: [submitted] }),
      resolves({ changes: [], failures, passing: true, warnings: [], submitted: [] }),
      resolves({ changes: [], failures: minor, passing: true, warnings: [], submitted: [] }),
      rejects(deniedError),
    ],
    writeRecordSets: [
      resolves({ changes: [different], failures: [], passing: false, submitted: [] }),
      resolves({ changes: [different], failures: [], passing: false, submitted: [submitted] }),
      resolves({ changes: [], failures, passing: true, submitted: [] }),
      rejects(deniedError),
    ],
    lookAtChanges: [resolves([]), resolves([submitted]), rejects(passingError), rejects(deniedError)],
  },
  events: () => [{ type: 'step.finish' }],
  guarded: ({ passing, attemptsOver, patienceOver, finishing, submitted, failures }) => [
    passing,
    attemptsOver,
    patienceOver,
    finishing,
    submitted.length,
    failures.some(({ critical }) => critical),
  ],
};

/** Goes where the numbers lead. */
function wandered(picks: number[]) {
  return wanderedUntorn(model, input, picks, ['writeRecordSets']);
}

describe('records, on every path', () => {
  it('take each of their transitions, and reach each of their states [7.1, 7.2]', () => {
    const { astray, untaken, unreached } = walkedThrough(model);

    expect(astray).toEqual([]);
    expect(untaken).toEqual([]);
    expect(unreached).toEqual([]);
  });
});

describe('records, whatever happens', () => {
  it('come to an end, and no change is left before its answer [5.2]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 60 }), (picks) => {
        const run = wandered(picks);

        expect(run.errors).toEqual([]);
        expect(run.place.state).toBe('ended');
      }),
    );
  });

  it('are written only where a look right before it showed that they differ [7.1, 7.4]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 60 }), (picks) => {
        const { ended } = wandered(picks);

        for (const [i, { src }] of ended.entries())
          if (src === 'writeRecordSets') expect(ended[i - 1]).toBe(lookThatDiffers(ended, i));
      }),
    );
  });

  it('are told of as written only when the last answer said so, and otherwise with what stood in the way [5.4]', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 60 }), (picks) => {
        const { output, ended } = wandered(picks);

        const isThere = output?.changes.length === 1;
        const isTold = [...(output?.failures ?? []), ...(output?.unfinished ?? [])].length > 0;
        expect(isThere || isTold).toBe(true);
        if (output?.changes[0]?.sent) expect(ended.some(isWritten)).toBe(true);
      }),
    );
  });
});

/** The look that comes right before a write, when it asked for one, and addresses were read right before that. */
function lookThatDiffers(ended: EndedStep[], write: number): EndedStep | undefined {
  const [addresses, look] = ended.slice(write - 2, write);
  return addresses?.src === 'readAddresses' && look?.src === 'compareRecordSets' && asksFor(look) ? look : undefined;
}

function asksFor({ how }: EndedStep): boolean {
  return how.kind === 'resolves' && (how.output as { changes: RecordSetChange[] }).changes.some(({ sent }) => sent);
}

function isWritten(step: EndedStep): boolean {
  return step.src === 'writeRecordSets' && asksFor(step);
}
