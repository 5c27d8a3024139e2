/** What holds for a volume, whatever happens, and that every way through its machine is gone. */

import fc from 'fast-check';
import { CREATION_ATTEMPTS, FAULT_PAUSE_MAX_MS, LOST_PAUSE_MAX_MS, WAITING_PAUSE_MAX_MS } from '../config/constants.ts';
import { isPassing } from '../config/errors.ts';
import type { Looked, VolumeEntry, VolumeSource, VolumeTarget } from '../config/vocabulary.ts';
import { volumeMachine } from '../machines/volume.ts';
import { volumeEntry } from './helpers/domain.ts';
import { type Model, type StepUnderWay, walkedThrough, wandered } from './helpers/model.ts';
import { deniedError, type Outcome, passingError, rejects, resolves } from './helpers/scripted.ts';
import { sees, seesNow, target } from './helpers/scripted-volume.ts';
import { type EndedStep, wanderedUntorn } from './helpers/untorn.ts';

type Machine = typeof volumeMachine;
type Outcomes = NonNullable<Model<Machine>['outcomes']>;

const kinds: Array<Looked['kind']> = ['attached', 'attaching', 'free', 'held', 'absent', 'refused'];
const passing = rejects(passingError);
const denied = rejects(deniedError);
const creating = resolves({ kind: 'creating', seen: 'it is being created', attempt: 2 });
const created = resolves({ volumeId: 'vol-new' });
const disk = resolves('/dev/nvme1n1');
const finish = { type: 'step.finish' } as const;

/** What a source may show; `held` also of what is on its way out of this instance. */
function sourceMayShow({ input }: StepUnderWay): Outcome[] {
  const of = targetOf(input.source);
  return [...kinds.map((kind) => sees(kind, of)), sees('held', of, 'on its way out', true), passing, denied];
}

/** What is in a pool may have been prepared by somebody who was gone before his application ran. */
function targetOf(source: VolumeSource): VolumeTarget {
  return target({ source, volumeId: `vol-${source}`, ...(source === 'p' && { preparedBefore: true }) });
}

const outcomes: Outcomes = {
  lookHere: [
    ...kinds.filter((kind) => kind !== 'free').map((kind) => sees(kind, target({ unprepared: true }))),
    creating,
    passing,
    denied,
  ],
  lookAtSource: sourceMayShow,
  create: [created, resolves('used-up'), resolves('dry'), passing, denied],
  claim: [resolves('accepted'), resolves('taken'), resolves('dry'), passing, denied],
  look: [...kinds.map(seesNow), passing, denied],
  awaitSerial: [disk, denied],
  locate: [disk, denied],
};

describe('a volume, on every path', () => {
  const model: Model<Machine> = {
    machine: volumeMachine,
    inputs: [
      volumeEntry(),
      volumeEntry({ waitMs: 0 }),
      volumeEntry({ sources: ['x', 'p', 'c'], waitMs: 1_000 }),
      volumeEntry({ sources: ['p', 'c'], waitMs: 0 }),
    ],
    outcomes,
    events: () => [finish],
    guarded: ({ pauses, pausesFor, ...context }) => [
      context.turn,
      Object.keys(context.held),
      context.nothingHere,
      context.waitOver,
      context.waitOver && pausesFor === 'fault' ? pauses : pausesFor,
      context.attempt,
      context.creating,
      context.mustShow,
      context.finishing,
    ],
  };

  it('takes each of its transitions, and reaches each of its states [6.2, 6.3, 6.4, 6.6, 6.9]', () => {
    const { astray, untaken, unreached } = walkedThrough(model);

    expect(astray).toEqual([]);
    expect(untaken).toEqual([]);
    expect(unreached).toEqual([]);
  });
});

// --- Random lives ----------------------------------------------------------------------------------------------------

const anEntry: fc.Arbitrary<VolumeEntry> = fc
  .record({
    sources: fc.oneof(
      fc.shuffledSubarray<VolumeSource>(['x', 'p', 'c'], { minLength: 1 }),
      fc.constantFrom<VolumeSource[]>(['p', 'c'], ['x', 'c'], ['x', 'p', 'c']),
    ),
    waitMs: fc.constantFrom(undefined, 0, 1_000, 30_000),
    patienceMs: fc.constantFrom(undefined, 2_000, 20_000),
    seed: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  })
  .map(({ waitMs, patienceMs, ...settings }) =>
    volumeEntry({
      ...settings,
      pool: 'main',
      ...(waitMs !== undefined && { waitMs }),
      ...(patienceMs !== undefined && { patienceMs }),
    }),
  );

/** Without a bias to small numbers: what comes first leads to the end. */
const somePicks = fc.noBias(fc.array(fc.nat(10_000), { minLength: 20, maxLength: 40 }));

/** Mostly it has to go on: else hardly a volume would ever be created. */
const lively: Outcomes = {
  ...outcomes,
  lookHere: [...always('lookHere'), ...often(sees('absent'), passing), creating],
  lookAtSource: (step) => {
    const of = targetOf(step.input.source);
    return [...sourceMayShow(step), ...often(sees('held', of), sees('absent', of), passing, sees('free', of))];
  },
  create: [...always('create'), ...often(created, passing), resolves('used-up')],
  claim: [...always('claim'), ...often(resolves('taken'), passing)],
  look: [...always('look'), ...often(seesNow('held'), seesNow('absent'), seesNow('free'))],
};

function often(...some: Outcome[]): Outcome[] {
  return Array.from({ length: 8 }, () => some).flat();
}

function always(step: string): Outcome[] {
  return outcomes[step] as Outcome[];
}

/** @param calmMs how long nobody asks it to end. */
function livelyModel(entry: VolumeEntry, calmMs: number): Model<Machine> {
  return {
    machine: volumeMachine,
    inputs: [entry],
    outcomes: lively,
    events: ({ nowMs }) => (nowMs < calmMs ? [] : [finish]),
  };
}

const someCalm = fc.constantFrom(0, 20_000, 60_000, 120_000);

/** Goes where the numbers lead, and then on until it ends. */
function live(entry: VolumeEntry, picks: number[], calmMs: number) {
  return wanderedUntorn(livelyModel(entry, calmMs), entry, picks, ['claim', 'create']);
}

type Life = ReturnType<typeof live>;

/** Holds a promise against many lives. */
function inEveryLife(promise: (life: Life, entry: VolumeEntry) => void): void {
  fc.assert(
    fc.property(anEntry, somePicks, someCalm, (entry, picks, calmMs) => promise(live(entry, picks, calmMs), entry)),
    { numRuns: 400 },
  );
}

/** Each step of this name that ended, with those that had ended before it. */
function each({ ended }: Life, name: string): Array<{ step: EndedStep; before: EndedStep[] }> {
  return ended.flatMap((step, i) => (step.src === name ? [{ step, before: ended.slice(0, i) }] : []));
}

function kindOf(step: EndedStep | undefined): string | undefined {
  if (step === undefined) return undefined;
  const { how } = step;
  if (how.kind === 'rejects') return isPassing(how.error) ? 'fault' : 'denied';
  return typeof how.output === 'string' ? how.output : ((how.output as { kind?: string }).kind ?? 'created');
}

/** What a create came right after, for example `lookAtSource absent`. */
function inWords(step: EndedStep | undefined): string {
  return `${step?.src} ${kindOf(step)}`;
}

describe('a volume, whatever happens', () => {
  it('leaves no claim and no creation before its answer is there, and ends with an attachment or with why there is none [5.2, 6.3]', () => {
    inEveryLife(({ errors, output }) => {
      expect(errors).toEqual([]);
      expect(Object.keys(output ?? {})[0]).toMatch(/^(attachment|problem)$/);
    });
  });

  it('is claimed only when a look right before shows that it is free [6.2, 6.3]', () => {
    inEveryLife((life) => {
      for (const { before } of each(life, 'claim')) {
        // Beside a volume under way its serial is awaited, too.
        const looks = before.filter(({ src }) => src !== 'awaitSerial');
        expect(inWords(looks.at(-1))).toMatch(/^(lookAtSource|look) free$/);
      }
    });
  });

  it('is claimed only when its device has been looked at since the claim before, unless its one source does that itself [6.2, 6.3]', () => {
    inEveryLife((life, { sources }) => {
      fc.pre(sources.join() === 'c' || sources.length > 1);

      for (const { before } of each(life, 'claim')) {
        const since = before.slice(before.findLastIndex(({ src }) => src === 'claim') + 1);
        expect(since.some(({ src }) => src === 'lookHere' || src === 'create')).toBe(true);
      }
    });
  });

  it('is looked at again after a lost race and after a fault, before anything is tried again [6.3]', () => {
    inEveryLife(({ ended }) => {
      for (const [i, step] of ended.entries()) {
        if (step.src !== 'claim' || !['taken', 'fault'].includes(kindOf(step) ?? '')) continue;
        // What was created is asked for by the same request again: that, too, only looks when it had been heard.
        expect(ended[i + 1]?.src ?? 'lookHere').toMatch(/^(lookHere|lookAtSource|create)$/);
      }
    });
  });

  it('is created only when each source before `c` has just been seen to have nothing to take [6.3, 6.4]', () => {
    inEveryLife((life, { sources, waitMs }) => {
      for (const { before } of newCreations(life)) {
        const round = before.slice(-sources.indexOf('c') - 1);
        expect(round.map(({ input }) => input.source)).toEqual(sources.slice(0, sources.indexOf('c') + 1));
        for (const look of round) {
          const seen = kindOf(look);
          expect(seen).toMatch(/^(absent|held)$/);
          if (seen === 'held' && look.input.source === 'x') expect(waitMs).toBe(0);
        }
      }
    });
  });

  it('is created while its pool is held only when all that shall be waited has been waited [6.4]', () => {
    inEveryLife((life, { sources, waitMs = 0 }) => {
      for (const { before } of newCreations(life)) {
        const round = before.slice(-sources.indexOf('c') - 1);
        if (round.some((look) => look.input.source === 'p' && kindOf(look) === 'held'))
          expect(before.at(-1)?.atMs).toBeGreaterThanOrEqual(waitMs);
      }
    });
  });

  it('is created beside one that is still being made for it only when all that shall be waited has been waited [6.4, 6.6]', () => {
    inEveryLife((life, entry) => {
      for (const { before } of newCreations(life)) {
        const last = before.at(-1);
        expect(last?.input.source).toBe('c');
        if (kindOf(last) === 'held') expect(last?.atMs).toBeGreaterThanOrEqual(waitedMs(entry));
      }
    });
  });

  it('is never created for a fault that may pass: only an answer leads to a request, or the same one again [6.3, 6.6]', () => {
    inEveryLife((life) => {
      for (const { step, before } of each(life, 'create')) {
        const last = before.findLast(({ src }) => src !== 'awaitSerial');
        expect(inWords(last)).toMatch(
          /^(lookHere creating|lookAtSource (absent|held)|create (fault|used-up)|claim fault|look absent)$/,
        );
        if (kindOf(last) === 'fault')
          expect(step.input.attempt).toBe(before.findLast(({ src }) => src === 'create')?.input.attempt);
      }
    });
  });

  it('is tried for nowhere else while a request to create may have been heard [6.6]', () => {
    inEveryLife(({ ended }) => {
      for (const [i, step] of ended.entries())
        if (inWords(step) === 'create fault') expect(ended[i + 1]?.src ?? 'create').toBe('create');
    });
  });

  it('is asked for with the numbers up to three, in their order and without a gap [6.6]', () => {
    inEveryLife((life) => {
      const attempts = each(life, 'create').map(({ step }) => step.input.attempt as number);

      const steps = attempts.slice(1).map((attempt, i) => attempt - (attempts[i] ?? 0));
      expect(steps.filter((by) => by !== 0 && by !== 1)).toEqual([]);
      expect(Math.max(0, ...attempts)).toBeLessThanOrEqual(CREATION_ATTEMPTS);
    });
  });

  it('is waited for no longer once `wait`, or without it the patience, is over: only faults and lost races make it pause then [5.4, 6.4]', () => {
    inEveryLife(({ places }, entry) => {
      for (const { state, nowMs, context } of places)
        if (state === 'waiting' && nowMs >= waitedMs(entry)) expect(context.pausesFor).toMatch(/^(lost|fault)$/);
    });
  });

  it('pauses as long as its reason has it, between its bounds [6.3, 6.4]', () => {
    const bounds = {
      held: [1_600, WAITING_PAUSE_MAX_MS],
      lost: [0, LOST_PAUSE_MAX_MS],
      fault: [1_000, FAULT_PAUSE_MAX_MS],
    };
    inEveryLife(({ places }, entry) => {
      for (const [i, { state, context, nowMs }] of places.entries()) {
        const next = places[i + 1];
        if (state !== 'waiting' || next === undefined || next.state === 'ended') continue;
        const [least = 0, most = 0] = bounds[context.pausesFor ?? 'held'];
        // The end of the waiting cuts a pause short.
        if (next.nowMs !== waitedMs(entry)) expect(next.nowMs - nowMs).toBeGreaterThanOrEqual(least);
        expect(next.nowMs - nowMs).toBeLessThanOrEqual(most);
      }
    });
  });

  it('tells the source that it came from, and whether this run attached it or has to prepare it still [4.2, 4.3]', () => {
    inEveryLife(({ ended, output }) => {
      fc.pre(output !== undefined && 'attachment' in output && output.attachment.volumeId !== '');

      const i = ended.findLastIndex((step) => takenFrom(step) !== undefined);
      const from = takenFrom(ended[i] as EndedStep);
      const claim = ended.slice(i).find(({ src }) => src === 'claim');
      expect(output).toMatchObject({
        attachment: {
          volumeId: from?.volumeId,
          source: from?.source,
          attachedNow: from?.unprepared === true || (claim !== undefined && from?.preparedBefore !== true),
        },
      });
    });
  });

  it('begins nothing more once it is asked to end, and ends when what is under way has its answer [5.2]', () => {
    fc.assert(
      fc.property(anEntry, somePicks, (entry, picks) => {
        const run = wandered(livelyModel(entry, Number.POSITIVE_INFINITY), entry, picks);
        fc.pre(!run.isOver);
        const begun = run.script.taken.length;

        run.happen({ kind: 'sent', event: finish });
        run.settle();

        expect(run.errors).toEqual([]);
        expect(run.isOver).toBe(true);
        expect(run.script.taken).toHaveLength(begun);
      }),
      { numRuns: 400 },
    );
  });
});

/** How long what somebody has is waited for. */
function waitedMs({ waitMs, patienceMs }: VolumeEntry): number {
  return waitMs ?? patienceMs ?? Number.POSITIVE_INFINITY;
}

/** Requests that no other one went before, each after a look at what was left behind. */
function newCreations(life: Life) {
  return each(life, 'create').filter(({ before }) => before.at(-1)?.src === 'lookAtSource');
}

/** The volume that a step aimed at. */
function takenFrom({ how }: EndedStep): VolumeTarget | undefined {
  if (how.kind === 'rejects' || typeof how.output !== 'object') return undefined;
  const output = how.output as { target?: VolumeTarget; volumeId?: string };
  return output.volumeId === undefined ? output.target : { volumeId: output.volumeId, source: 'c', unprepared: true };
}
