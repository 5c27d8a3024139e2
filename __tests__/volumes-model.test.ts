/** What holds for the volumes of a domain, whatever happens, and that every way through their machine is gone. */

import fc from 'fast-check';
import type { VolumeEntry, VolumeSource } from '../config/vocabulary.ts';
import { type VolumesInput, volumesMachine } from '../machines/volumes.ts';
import { COMMAND_LINE, failed, succeeded, volumeEntry } from './helpers/domain.ts';
import { type Model, walkedThrough } from './helpers/model.ts';
import { deniedError, passingError, rejects, resolves } from './helpers/scripted.ts';
import { wanderedUntorn } from './helpers/untorn.ts';

const defect = rejects(deniedError);
const passing = rejects(passingError);
const changes = ['volume', 'runCommands', 'noteCommands', 'notePrepared', 'giveBack'];

/** What differs among the volumes of a domain. */
interface Kind {
  critical: boolean;
  /** Whether it may have to be created. */
  mayBeCreated: boolean;
}

function inputOf(kinds: Kind[]): VolumesInput {
  return {
    occasion: { domain: 'web', event: 'starting', failures: [], results: [], recordNames: [] },
    entries: kinds.map(({ critical, mayBeCreated }, entry) =>
      volumeEntry({
        entry,
        volumeId: `vol-${entry}`,
        device: `/dev/sd${'fghi'[entry]}`,
        critical,
        sources: mayBeCreated ? ['x', 'c'] : ['x'],
        lines: [COMMAND_LINE],
      }),
    ),
    untilMs: 600_000,
  };
}

const byId: Kind = { critical: true, mayBeCreated: false };
const created: Kind = { critical: true, mayBeCreated: true };

const model: Model<typeof volumesMachine> = {
  machine: volumesMachine,
  inputs: [inputOf([]), inputOf([byId, created]), inputOf([byId, { ...created, critical: false }])],
  outcomes: {
    volume: ({ input }) => [
      resolves(attachmentOf(input, 'x')),
      ...(input.sources.includes('c') ? [resolves(attachmentOf(input, 'c'))] : []),
      resolves({ problem: 'denied' }),
      defect,
    ],
    runCommands: [resolves([succeeded('/bin/true')]), resolves([failed('/bin/true')]), defect],
    noteCommands: [resolves(), defect],
    notePrepared: [resolves(), passing, defect],
    giveBack: [resolves({ given: [], kept: [], failures: [] }), defect],
  },
  events: () => [{ type: 'step.finish' }],
  guarded: ({ next, outcomes, finishing, failures }) => [
    next,
    Object.entries(outcomes).map(([entry, outcome]) => [
      entry,
      'attachment' in outcome ? outcome.attachment.source : 'none',
    ]),
    finishing,
    failures.map(({ part }) => part),
  ],
};

function attachmentOf({ volumeId, device }: VolumeEntry, source: VolumeSource) {
  return { attachment: { volumeId, device, path: '/dev/nvme1n1', source, attachedNow: true } };
}

/** Up to four volumes, and where the numbers lead with them. */
const wanderings = fc.tuple(
  fc.array(fc.record({ critical: fc.boolean(), mayBeCreated: fc.boolean() }), { maxLength: 4 }),
  fc.array(fc.nat(), { maxLength: 30 }),
);

function wandered([kinds, picks]: [Kind[], number[]]) {
  return wanderedUntorn(model, inputOf(kinds), picks, changes);
}

describe('the volumes of a domain, on every path', () => {
  it('take each of their transitions, and reach each of their states [5.4, 6.8]', () => {
    const { astray, untaken, unreached } = walkedThrough(model);

    expect(astray).toEqual([]);
    expect(untaken).toEqual([]);
    expect(unreached).toEqual([]);
  });

  it('are not joined once some were given back: then no other is under way [5.4]', () => {
    const { astray } = walkedThrough(model, ({ reached }) => {
      if (reached.has('volumes.giving-back')) expect([...reached]).not.toContain('volumes.joining');
    });

    expect(astray).toEqual([]);
  });
});

describe('the volumes of a domain, whatever happens', () => {
  it('are over only when each of them has had its word, and whatever else was under way, too [5.2]', () => {
    fc.assert(
      fc.property(wanderings, (wandering) => {
        const { ended, errors, output } = wandered(wandering);

        expect(errors).toEqual([]);
        expect(output).toBeDefined();
        expect(ended.filter(({ src }) => src === 'volume')).toHaveLength(wandering[0].length);
      }),
    );
  });

  it('run their commands in the order written, each only after its own device is there [6.8]', () => {
    fc.assert(
      fc.property(wanderings, (wandering) => {
        const { ended } = wandered(wandering);

        const there: string[] = [];
        const prepared: string[] = [];
        for (const { src, input, how } of ended) {
          if (src === 'volume' && how.kind === 'resolves' && hasKey(how.output, 'attachment'))
            there.push(input.volumeId);
          if (src !== 'runCommands') continue;
          expect(there).toContain(input.occasion.attachment.volumeId);
          prepared.push(input.occasion.attachment.volumeId);
        }
        expect(prepared).toEqual(prepared.toSorted());
      }),
    );
  });

  it('are noted as prepared right after their commands have succeeded, and otherwise not [4.3]', () => {
    fc.assert(
      fc.property(wanderings, (wandering) => {
        const { ended } = wandered(wandering);

        const after = ended.filter(({ src }) => src === 'runCommands' || src === 'notePrepared');
        for (const [i, { src, how }] of after.entries()) {
          if (src !== 'runCommands') continue;
          const isNoted = after[i + 1]?.src === 'notePrepared';
          expect(isNoted).toBe(how.kind === 'resolves' && (how.output as [{ succeeded: boolean }])[0].succeeded);
        }
      }),
    );
  });

  it('have none fail for a fault that may pass while it is noted, unless they are asked to end [4.3, 6.3]', () => {
    fc.assert(
      fc.property(wanderings, (wandering) => {
        const { places } = wandered(wandering);

        for (const { context } of places)
          if (context.failures.some(({ problem }) => problem === passingError.message))
            expect(context.finishing).toBe(true);
      }),
    );
  });

  it('have commands begin beside one that may be created only when that is written down [6.10]', () => {
    fc.assert(
      fc.property(wanderings, (wandering) => {
        const { places } = wandered(wandering);

        for (const [i, { state, context }] of places.entries()) {
          const before = places[i - 1];
          const isGoingOn = before?.state === 'preparing' && before.context.next === context.next;
          if (state !== 'preparing' || isGoingOn) continue;
          const others = context.entries.filter(({ entry }) => entry !== context.next);
          const isBeside = others.some(({ sources }) => sources.includes('c'));
          const isNoted = before?.state === 'noting-commands' && before.context.next === context.next;
          expect(isNoted).toBe(isBeside);
        }
      }),
    );
  });

  it('are given back by themselves only when none that is critical has failed, and after all else [5.4]', () => {
    fc.assert(
      fc.property(wanderings, (wandering) => {
        const { ended, output } = wandered(wandering);
        fc.pre(ended.some(({ src }) => src === 'giveBack'));

        expect(ended.filter(({ src }) => src === 'giveBack')).toEqual([ended.at(-1)]);
        expect(output?.failures.filter(({ critical }) => critical)).toEqual([]);
      }),
    );
  });

  it('lose no result of their commands [5.4]', () => {
    fc.assert(
      fc.property(wanderings, (wandering) => {
        const { ended, output } = wandered(wandering);

        const results = ended.flatMap(({ src, how }) =>
          src === 'runCommands' && how.kind === 'resolves' ? (how.output as unknown[]) : [],
        );
        expect(output?.results).toEqual(results);
      }),
    );
  });
});

function hasKey(outcome: unknown, key: string): boolean {
  return typeof outcome === 'object' && outcome !== null && key in outcome;
}
