import fc from 'fast-check';
import type { EventName } from '../config/events.ts';
import type { CommandResult, MonotonicMs } from '../config/vocabulary.ts';
import type { CommandsInput } from '../machines/commands.ts';
import { deadlineOfNotice, deadlineOfStop } from '../machines/deadline.ts';
import { type DomainEvent, type DomainInput, type DomainReport, domainMachine } from '../machines/domain.ts';
import { isSomethingHere } from '../machines/domain-context.ts';
import type { GivingBackInput } from '../machines/giving-back.ts';
import { domainInput, failed, notice, succeeded } from './helpers/domain.ts';
import {
  begin,
  type Happening,
  type Model,
  type Place,
  type Run,
  type StepUnderWay,
  walkedThrough,
} from './helpers/model.ts';
import { type Outcome, refused, resolves } from './helpers/scripted.ts';
import {
  adopted,
  attachment,
  attachmentHold,
  denied,
  givenBack,
  noRecords,
  noticed,
  noVolumes,
  othersFail,
  proceed,
  risk,
  stop,
} from './helpers/scripted-domain.ts';

type Machine = typeof domainMachine;
type Outcomes = NonNullable<Model<Machine>['outcomes']>;

const everyEnding = ['interrupted' as const, 'stopping' as const, 'failed' as const];

/** What may come to a domain: a second stop only after a first one. */
function newsAt({ context: { deadline }, nowMs }: Place<Machine>): DomainEvent[] {
  return [noticed({ seenAtMs: nowMs }), stop(nowMs), proceed, ...(deadline ? [{ type: 'domain.hurry' } as const] : [])];
}

/** A failing command matters only on the way up; on the way down nothing depends on it. */
function commandsMayEnd({ input }: StepUnderWay): Outcome[] {
  const { endAtFailure, occasion } = input as CommandsInput;
  const well = resolves([succeeded(`/bin/${occasion.event}`)]);
  return endAtFailure ? [well, resolves([failed('/bin/false')]), refused] : [well, refused];
}

const outcomes: Outcomes = {
  runCommands: commandsMayEnd,
  attachVolumes: [
    resolves(noVolumes),
    resolves({ ...noVolumes, attachments: [adopted] }),
    resolves({ ...noVolumes, failures: [denied] }),
    refused,
  ],
  upsertRecordSets: [resolves(noRecords), resolves({ ...noRecords, failures: [denied] }), refused],
  giveBack: [resolves(givenBack), refused],
  remember: [resolves(), refused],
};

describe('every path of a domain', () => {
  /** Each with news that the others do not get: together they are fewer paths than each with all. */
  const inputs = [
    domainInput({ domain: 'fails-with-others' }),
    domainInput({ domain: 'at-risk', past: 'started', volumes: [{ release: everyEnding }] }),
    domainInput({ domain: 'stays-attached', past: 'started', volumes: [{}] }),
    domainInput({ notice }),
    domainInput({ notice, past: 'started' }),
    domainInput({ stopAtMs: 0, past: 'started' }),
    domainInput({ stopAtMs: 0 }),
    domainInput({ notice, past: 'finished', finishedUnder: notice.key }),
    domainInput({ refusal: 'refused' }),
  ];
  const model: Model<Machine> = {
    machine: domainMachine,
    inputs,
    outcomes,
    events: (at) => [
      ...newsAt(at),
      ...(at.context.domain === 'fails-with-others' ? [othersFail] : []),
      ...(at.context.domain === 'at-risk' ? [risk] : []),
    ],
    guarded: (context) => [
      context.ending ?? 'none',
      context.notice !== undefined,
      context.deadline !== undefined,
      context.hurrying,
      context.late,
      context.past,
      context.risk !== undefined,
      isSomethingHere(context),
    ],
  };

  it('is gone by a domain with scripted steps, and they take every transition to every state [5.1]', () => {
    const { astray, untaken, unreached } = walkedThrough(model);

    expect({ astray, untaken, unreached }).toEqual({ astray: [], untaken: [], unreached: [] });
  });
});

describe('whatever happens to a domain', () => {
  it('holds what is promised [5.1, 5.2, 5.5, 5.6, 5.8, 9.3, 9.5, 12.3]', () => {
    fc.assert(
      fc.property(anInput, fc.array(aMoment, { maxLength: 40 }), (input, moments) => {
        const watched = begun(input);
        for (const moment of moments) watched.live(moment);
        watched.letEnd();
        for (const promise of promises) promise(watched);
      }),
      { numRuns: 400 },
    );
  });
});

// --- Random lives ----------------------------------------------------------------------------------------------------

/** Some time passes, and then something of a kind happens, if there is any. */
interface Moment {
  afterMs: number;
  what: 'goes well' | 'ends' | 'is told' | 'rings';
  pick: number;
}

/** Mostly things go well: else hardly a domain would ever start. */
const aMoment: fc.Arbitrary<Moment> = fc.record({
  afterMs: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(1, 4_000, 25_000, 100_000)),
  what: fc.oneof(
    { weight: 6, arbitrary: fc.constant('goes well' as const) },
    { weight: 3, arbitrary: fc.constant('is told' as const) },
    fc.constantFrom('ends' as const, 'rings' as const),
  ),
  pick: fc.nat(1_000),
});

/** Of what may happen, that which a moment brings. */
function chosen(may: Happening[], { what, pick }: Moment): Happening | undefined {
  const of = {
    'goes well': may.filter((each, i) => each.kind === 'ends' && isFirst(may, each, i)),
    ends: may.filter(({ kind }) => kind === 'ends'),
    'is told': may.filter(({ kind }) => kind === 'sent'),
    rings: may.filter(({ kind }) => kind === 'rings'),
  }[what];
  // What goes well while no step is under way is that the domain may proceed.
  return of.length > 0 || what !== 'goes well' ? of[pick % of.length] : { kind: 'sent', event: proceed };
}

function isFirst(may: Happening[], { step }: Extract<Happening, { kind: 'ends' }>, i: number): boolean {
  return may.findIndex((each) => each.kind === 'ends' && each.step === step) === i;
}

const someEndings = fc.subarray(everyEnding);

const anInput: fc.Arbitrary<DomainInput> = fc
  .record({
    past: fc.constantFrom('new' as const, 'started' as const, 'finished' as const),
    under: fc.constantFrom('nothing', 'this notice', 'another notice'),
    isNoticed: fc.boolean(),
    isRefused: fc.boolean(),
    volumes: fc.array(fc.record({ release: someEndings }), { maxLength: 2 }),
    records: fc.array(fc.record({ release: someEndings }), { maxLength: 1 }),
    stopMs: fc.constantFrom(3_000, 90_000, 300_000),
    wayUpMs: fc.constantFrom(10_000, 600_000),
  })
  .map(({ under, isNoticed, isRefused, ...settings }) =>
    domainInput({
      ...settings,
      ...(under === 'nothing' ? {} : { finishedUnder: under === 'this notice' ? notice.key : 'terminate 2029' }),
      ...(isNoticed && isRefused ? { notice } : {}),
      ...(isRefused ? { refusal: 'refused' } : {}),
    }),
  );

/** What may come, with time left that is plenty, scarce or gone. */
function anyNewsAt(at: Place<Machine>): DomainEvent[] {
  const { nowMs } = at;
  return [
    ...newsAt(at),
    noticed({ leftMs: 30_000, seenAtMs: nowMs, key: 'stop 2030' }),
    noticed({ leftMs: 0, seenAtMs: nowMs, key: 'hibernate 2030' }),
    othersFail,
    risk,
  ];
}

const anyOutcomes: Outcomes = {
  ...outcomes,
  attachVolumes: [
    resolves({ ...noVolumes, attachments: [attachment] }),
    resolves({ ...noVolumes, attachments: [adopted], unfinished: [denied] }),
    resolves({ ...noVolumes, attachments: [attachment], failures: [denied] }),
    refused,
  ],
  giveBack: [
    resolves(givenBack),
    resolves({ ...givenBack, given: [attachmentHold] }),
    resolves({ given: [], kept: [attachmentHold], failures: [denied] }),
    refused,
  ],
};

/** A life that is watched for what must never be. */
interface Watched {
  input: DomainInput;
  run: Run<Machine>;
  told: Array<{ event: EventName; results: CommandResult[] }>;
  commits: number;
  /** Whether it said that it fails. */
  failing: boolean;
  /** Commands that have ended, by what they were given. */
  ended: Array<{ input: CommandsInput; results: CommandResult[] }>;
  /** What was seen to be wrong at the moment at which it was. */
  wrong: string[];
  live(moment: Moment): void;
  /** Asks it to end, if nobody has, and lets what is under way come to its end. */
  letEnd(): void;
}

function begun(input: DomainInput): Watched {
  const reports: DomainReport[] = [];
  let commits = 0;
  const machine = domainMachine.provide({
    actions: {
      report: (_, report) => void reports.push(report),
      commit: () => {
        commits += 1;
      },
    },
  });
  const run = begin({ machine, inputs: [input], outcomes: anyOutcomes, events: anyNewsAt }, input);
  const saidMs: MonotonicMs[] = input.notice ? [deadlineOfNotice(input.notice, false).commandsMs] : [];
  const ended: Watched['ended'] = [];
  const wrong: string[] = [];

  return {
    input,
    run,
    ended,
    wrong,
    get told() {
      return reports.flatMap((report) => (report.type === 'domain.reached' ? [report.occasion] : []));
    },
    get commits() {
      return commits;
    },
    get failing() {
      return reports.some(({ type }) => type === 'domain.failing');
    },
    live(moment) {
      run.wait(moment.afterMs);
      const happening = chosen(run.next(), moment);
      if (happening === undefined) return;
      if (happening.kind === 'sent') saidMs.push(...endsAt(happening.event as DomainEvent, input));
      if (happening.kind === 'ends') noteResults(happening.step, happening.how);
      run.happen(happening);
      look();
    },
    letEnd() {
      settle();
      if (run.isOver) return;
      if (!['started', 'keeping-watch'].includes(run.place.state)) wrong.push(`waits for ever in ${run.place.state}`);
      run.happen({ kind: 'sent', event: stop(run.place.nowMs) });
      settle();
    },
  };

  function settle(): void {
    for (let next = firstEnd(run); next !== undefined; next = firstEnd(run)) {
      if (next.kind === 'ends') noteResults(next.step, next.how);
      run.happen(next);
      look();
    }
  }

  function noteResults(step: string, how: Outcome): void {
    const under = run.underWay().find(({ id }) => id === step);
    if (under?.src === 'runCommands' && how.kind === 'resolves')
      ended.push({ input: under.input, results: how.output as CommandResult[] });
  }

  function look(): void {
    const steps = run.underWay();
    const commands = steps.filter(({ src }) => src === 'runCommands');
    if (steps.some(({ src }) => src === 'giveBack') && commands.length > 0) wrong.push('gives back while commands run');
    for (const each of commands.filter(({ input: { endAtFailure } }) => !endAtFailure)) {
      const untilMs = Math.min(...endsToldTo(run, each));
      if (untilMs > Math.min(...saidMs)) wrong.push(`${each.id} may run until ${untilMs}, not ${Math.min(...saidMs)}`);
    }
  }
}

/** Whatever is under way ends, or else the next timer rings. */
function firstEnd(run: Run<Machine>) {
  const own = run.next().filter(({ kind }) => kind !== 'sent');
  return own.find(({ kind }) => kind === 'ends') ?? own[0];
}

/** When news has the time of commands end, at the latest. */
function endsAt(event: DomainEvent, { limits: { stopMs } }: DomainInput): MonotonicMs[] {
  if (event.type === 'interruption.noticed') return [deadlineOfNotice(event.notice, false).commandsMs];
  if (event.type === 'domain.stop') return [deadlineOfStop(event.atMs, stopMs, false).commandsMs];
  return [];
}

/** Every end of their time that commands were ever told of. */
function endsToldTo({ script }: Run<Machine>, { input }: StepUnderWay): MonotonicMs[] {
  const step = script.begun.find((each) => each.input === input);
  return [
    (input as CommandsInput).untilMs ?? Number.POSITIVE_INFINITY,
    ...(step?.events ?? []).flatMap((event) => (event.type === 'deadline.moved' ? [event.untilMs] : [])),
  ];
}

/** In an earlier run, under the notice that is there. */
function isToldBefore({ notice, past, finishedUnder }: DomainInput): boolean {
  return notice !== undefined && past === 'finished' && finishedUnder === notice.key;
}

// --- What is promised ------------------------------------------------------------------------------------------------

const promises: Array<(watched: Watched) => void> = [
  function everyPathEnds({ run, wrong }) {
    expect(wrong).toEqual([]);
    expect(run.errors).toEqual([]);
    expect(run.place.state).toBe('stopped');
  },

  function whatWasTakenIsGivenBackOrCommitted(watched) {
    const { input, commits } = watched;
    const rolledBack = givingsBack(watched).filter(({ reason }) => reason === 'roll-back').length;
    // Under a notice that was there before nothing is taken: what runs goes down from where it is, what was told is over.
    const isTaken = input.notice === undefined || !(input.past === 'started' || isToldBefore(input));
    expect(rolledBack + commits).toBe(isTaken ? 1 : 0);
    if (commandsOf(watched, 'started').length > 0)
      expect({ rolledBack, commits }).toEqual({ rolledBack: 0, commits: 1 });
  },

  function nothingIsReleasedThatNeverRan(watched) {
    const released = givingsBack(watched).some(({ reason }) => reason === 'release');
    if (released) expect(mayHaveRun(watched)).toBe(true);
  },

  function eachEventIsToldOnce({ told }) {
    const events = told.map(({ event }) => event);
    expect(events).toEqual([...new Set(events)]);
  },

  function theNoticeIsToldWhereItCounts({ told, run, input }) {
    const { notice: known } = run.place.context;
    expect(told.some(({ event }) => event === 'noticed')).toBe(known !== undefined && !isToldBefore(input));
  },

  function noResultIsLost({ told, ended, run }) {
    for (const { input, results } of ended) {
      const { event } = input.occasion;
      expect(run.place.context.results[event]).toEqual(expect.arrayContaining(results));
      const occasion = told.find((each) => each.event === event);
      // `noticed` is told at once, before there are any.
      if (occasion && event !== 'noticed') expect(occasion.results).toEqual(expect.arrayContaining(results));
    }
  },

  function noCommandOfAWayDownRunsForWhatNeverRan(watched) {
    const events = ['interrupted', 'stopping', 'noticed', 'at-risk'] as const;
    if (!mayHaveRun(watched)) expect(events.flatMap((event) => commandsOf(watched, event))).toEqual([]);
    if (commandsOf(watched, 'failed').length > 0) expect(watched.run.output?.failed).toBe(true);
  },

  function theLastThatIsToldIsHowItEnded({ told, failing, run }) {
    if (told.length > 0) expect(told.at(-1)?.event).toBe(run.output?.ending);
    expect(told.some(({ event }) => event === 'failed')).toBe(run.output?.failed);
    if (failing) expect(run.output?.failed).toBe(true);
  },
];

function givingsBack({ run }: Watched): GivingBackInput[] {
  return run.script.begun.flatMap(({ name, input }) => (name === 'giveBack' ? [input as GivingBackInput] : []));
}

function commandsOf({ run }: Watched, event: EventName): CommandsInput[] {
  const inputs = run.script.begun.flatMap(({ name, input }) =>
    name === 'runCommands' ? [input as CommandsInput] : [],
  );
  return inputs.filter(({ occasion }) => occasion.event === event);
}

/** In this run or in an earlier one. */
function mayHaveRun(watched: Watched): boolean {
  return watched.input.past === 'started' || commandsOf(watched, 'started').length > 0;
}
