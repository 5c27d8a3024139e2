import fc from 'fast-check';
import type { AnyActorRef, AnyEventObject } from 'xstate';
import type { DatedMessage, InterruptionNotice } from '../config/vocabulary.ts';
import type { DomainInput } from '../machines/domain.ts';
import {
  type SupervisorContext,
  type SupervisorEvent,
  type SupervisorInput,
  supervisorMachine,
} from '../machines/supervisor.ts';
import { notice } from './helpers/domain.ts';
import {
  begin,
  type Happening,
  type Model,
  type Place,
  type Run,
  type StepUnderWay,
  walkedThrough,
} from './helpers/model.ts';
import { refused, resolves } from './helpers/scripted.ts';
import { occasionOf, outcomeOf, supervisorInput } from './helpers/supervisor.ts';

type Machine = typeof supervisorMachine;

const hibernation: InterruptionNotice = { action: 'hibernate', key: 'hibernate', leftMs: 0, seenAtMs: 0 };
const left = { id: '6f1c9a52-0d1e-4a8a-9c3e-0d6a6ad0a5b1' } as DatedMessage;
const atOnce = { atMs: 0, wallMs: 0 };

/** What may happen to a supervisor, as far as its children and the world keep to their own rules. */
const model: Model<Machine> = {
  machine: supervisorMachine,
  inputs: [
    supervisorInput({ hostname: 'game' }),
    supervisorInput({ domains: [{ domain: 'web', past: 'started' }], leftOver: true, hostname: 'game' }),
    supervisorInput({ polling: false, receivers: { web: [['started']] } }),
    supervisorInput({ polling: false, leftMessages: [left] }),
    supervisorInput({ domains: [] }),
    supervisorInput({ domains: ['web', 'db'] }),
    supervisorInput({ domains: ['web', 'db'], requireAll: true }),
  ],
  outcomes: {
    domain: ({ input }: StepUnderWay, { context }) => waysToEnd(input.domain, context),
    delivery: [resolves({ accepted: true }), refused],
    lookFirst: [
      resolves({}),
      resolves({ notice }),
      resolves({ notice: hibernation }),
      resolves({ lifecycleState: 'Warmed:Running' }),
      refused,
    ],
    look: [resolves(atOnce), resolves({ ...atOnce, notice }), refused],
    setHostname: [resolves(), refused],
    tidyUp: [resolves({ given: [], kept: [], failures: [] }), refused],
    setOut: [resolves({ atMs: 0 }), refused],
    tellReady: [resolves(), refused],
  },
  events: newsAt,
  guarded: whatCounts,
};

function waysToEnd(domain: string, { notice: noticed, stops }: SupervisorContext) {
  const asked = noticed ? 'interrupted' : stops > 0 ? 'stopping' : undefined;
  return [resolves(outcomeOf(domain, 'failed')), ...(asked ? [resolves(outcomeOf(domain, asked))] : [])];
}

/**
 * What it may be told. A second life differs from the first only in how it began, and several domains from one only in what
 * they say: what comes from outside is left out there.
 */
function newsAt({ context }: Place<Machine>): SupervisorEvent[] {
  const { domains, stops, watch, leftOver, survived } = context;
  const stop = stops < 2 ? [{ type: 'supervisor.stop', atMs: 0 } as const] : [];
  if (survived) return stop;
  const reports = domains.flatMap(({ domain }) => reportsOf(domain, context));
  if (domains.length > 1) return reports;
  const news = [...reports, ...stop, { type: 'interruption.noticed', notice } as const];
  return watch && !leftOver ? [...news, ...newsOfWatches(context)] : news;
}

function newsOfWatches({ notice: noticed, risk, lifecycleState }: SupervisorContext): SupervisorEvent[] {
  return [
    { type: 'interruption.noticed', notice: hibernation },
    ...(noticed ? [{ type: 'instance.resumed' } as const] : []),
    ...(risk ? [] : [{ type: 'risk.seen', risk: { kind: 'rebalance', key: 'rebalance' } } as const]),
    ...(lifecycleState ? [{ type: 'lifecycle.seen', state: 'InService' } as const] : []),
  ];
}

/** A domain stands or fails; one that was told to proceed starts; one that has failed may keep watch. */
function reportsOf(domain: string, context: SupervisorContext): SupervisorEvent[] {
  const { spawned, outcomes, standing, failing, keepingWatch, started, proceeded } = context;
  if (!spawned || domain in outcomes || keepingWatch.includes(domain)) return [];
  if (failing.includes(domain)) return [{ type: 'domain.keeps-watch', domain }];
  if (standing.includes(domain)) return [{ type: 'domain.failing', domain }];
  if (started.includes(domain)) return [];
  return [
    { type: 'domain.stands', domain },
    { type: 'domain.failing', domain },
    ...(proceeded ? [{ type: 'domain.reached', occasion: occasionOf(domain, 'started') } as const] : []),
  ];
}

function whatCounts(context: SupervisorContext) {
  const { notice: noticed, resumed, standing, failing, keepingWatch, started, proceeded, outcomes } = context;
  return [
    noticed?.action,
    resumed,
    standing,
    failing,
    keepingWatch,
    started,
    proceeded,
    Object.entries(outcomes).map(([name, { failed }]) => [name, failed]),
    Math.min(context.stops, 2),
    context.lifecycleState,
    context.spawned,
    context.sending.length,
    context.messagesDue,
    context.domains.length,
    context.survived,
  ];
}

describe('the supervisor', () => {
  it('goes every way there is, and nowhere else [5.1]', () => {
    // Nothing ends but by way of the messages that are still to be sent.
    const walked = walkedThrough(model, ({ isOver, reached }) => {
      if (isOver) expect(reached).toContain('supervisor.flushing');
    });

    expect(walked.astray).toEqual([]);
    expect(walked.untaken).toEqual([]);
    expect(walked.unreached).toEqual([]);
  });

  it('ends after a stop or a notice, whatever was before, and with the status that is due [2.3, 5.5, 5.6]', () => {
    fc.assert(
      fc.property(lives, (given) => {
        const { run, status } = lived(given);

        expect(run.errors).toEqual([]);
        expect(run.place.state).toBe('stopped');
        expect(run.output).toBe(status);
      }),
    );
  });

  it('tells each domain each notice once, and nothing at all when it is over [5.3, 5.5, 9.5]', () => {
    fc.assert(
      fc.property(lives, (given) => {
        const { run, toTheDead } = lived(given);

        expect(toTheDead).toEqual([]);
        for (const { input, events } of domainsOf(run)) {
          const keys = [input.notice?.key, ...events.map(({ notice: of }) => of?.key)].filter(
            (key) => key !== undefined,
          );
          expect(keys).toEqual([...new Set(keys)]);
        }
      }),
    );
  });

  it('begins no domain before the first look has ended, and lets none proceed before READY, nor twice [5.3, 11.1]', () => {
    fc.assert(
      fc.property(lives, (given) => {
        const { run, tooEarly } = lived(given);

        expect(tooEarly).toEqual([]);
        for (const { events } of domainsOf(run)) {
          expect(events.filter(({ type }) => type === 'domain.proceed').length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('has a message sent to each receiver of each event that it is told of, and each that was left, once [5.5, 10.1, 10.2]', () => {
    fc.assert(
      fc.property(lives, (given) => {
        const { run, reached } = lived(given);

        expect(run.script.taken.filter((step) => step === 'delivery')).toHaveLength(
          given.input.leftMessages.length + (given.input.receivers.web ? reached.length : 0),
        );
      }),
    );
  });
});

// --- Random lives ----------------------------------------------------------------------------------------------------

interface Life {
  input: SupervisorInput;
  /** Each picks one of what might happen next. */
  picks: number[];
  /** What ends it. */
  ending: SupervisorEvent;
}

const lives: fc.Arbitrary<Life> = fc.record({
  input: fc
    .record({
      begun: fc.array(fc.record({ past: fc.constantFrom('new', 'started', 'finished'), held: fc.boolean() }), {
        maxLength: 3,
      }),
      requireAll: fc.boolean(),
      leftOver: fc.boolean(),
      polling: fc.boolean(),
      isNamed: fc.boolean(),
      tells: fc.boolean(),
      leftMessages: fc.array(fc.constant(left), { maxLength: 2 }),
    })
    .map(({ begun, isNamed, tells, ...settings }) =>
      supervisorInput({
        ...settings,
        domains: begun.map((left, i) => ({ domain: names[i] ?? '', ...left })),
        ...(isNamed ? { hostname: 'game' } : {}),
        ...(tells ? { receivers: Object.fromEntries(names.map((name) => [name, [['started']]])) } : {}),
      }),
    ),
  picks: fc.array(fc.nat(1_000), { maxLength: 40 }),
  ending: fc.constantFrom<SupervisorEvent>(
    { type: 'supervisor.stop', atMs: 0 },
    { type: 'interruption.noticed', notice: { ...notice, key: 'terminate, the last' } },
  ),
});

const names = ['web', 'db', 'mail'];

/** What a run has shown. */
interface Lived {
  run: Run<Machine>;
  /** The exit status that is due. */
  status: number;
  /** What was sent to domains that were over. */
  toTheDead: string[];
  /** Domains that began, or were let proceed, before their time. */
  tooEarly: string[];
  /** Of which events the domains told. */
  reached: string[];
}

/** A supervisor to which happened what the numbers picked, and then its ending. */
function lived({ input, picks, ending }: Life): Lived {
  const run = begin({ ...model, events: () => [] }, input);
  const shown: Lived = { run, status: 0, toTheDead: [], tooEarly: [], reached: [] };
  const due = { broken: false, noticed: false, failed: false };
  run.actor.system.inspect((event) => {
    if (event.type === '@xstate.event') noteSent(shown, event.actorRef as AnyActorRef, event.event);
  });
  for (const pick of picks) {
    const may = [...run.next(), ...newsFor(run)];
    const next = may[pick % may.length];
    if (next) happen(next);
  }
  if (!run.isOver) happen({ kind: 'sent', event: ending });
  while (!run.isOver) {
    const own = run.next();
    const next = own.find(({ kind }) => kind === 'ends') ?? own[0];
    if (next === undefined) break;
    happen(next);
  }
  const status = due.broken || (due.failed && !due.noticed) ? 1 : 0;
  return { ...shown, status };

  function happen(happening: Happening): void {
    const livesBefore = livesOf(run);
    noteDue(due, run, happening);
    if (happening.kind === 'sent' && happening.event.type === 'domain.reached') shown.reached.push('started');
    run.happen(happening);
    // A new life begins: the notice has been survived, and what failed is tried again.
    if (livesOf(run) > livesBefore) Object.assign(due, { noticed: false, failed: false });
  }
}

/** Events that the supervisor sends to its domains. */
const handedDown = /^(domain|interruption|risk)\./;

function noteSent({ run, toTheDead, tooEarly }: Lived, to: AnyActorRef, event: AnyEventObject): void {
  if (to.src !== 'domain') return;
  if (handedDown.test(event.type) && to.getSnapshot().status !== 'active') toTheDead.push(event.type);
  if (event.type === 'xstate.init' && run.script.isUnderWay('lookFirst')) tooEarly.push('begun');
  const { taken } = run.script;
  const isReady = taken.lastIndexOf('tellReady') > taken.lastIndexOf('setOut') && !run.script.isUnderWay('tellReady');
  if (event.type === 'domain.proceed' && !isReady) tooEarly.push('proceed');
}

/** What decides about the exit status (2.3). */
function noteDue(due: { broken: boolean; noticed: boolean; failed: boolean }, run: Run<Machine>, next: Happening) {
  const { state } = run.place;
  if (next.kind === 'sent') {
    if (next.event.type === 'interruption.noticed' && state !== 'flushing') due.noticed = true;
    if (next.event.type === 'domain.keeps-watch') due.failed = true;
  }
  if (next.kind !== 'ends') return;
  const { step, how } = next;
  if (step.endsWith('setting-out') && how.kind === 'rejects') due.broken = true;
  if (how.kind !== 'resolves') return;
  const { notice: found, failed } = (how.output ?? {}) as { notice?: InterruptionNotice; failed?: boolean };
  if (found) due.noticed = true;
  if (failed) due.failed = true;
}

/** How often it has set out anew after a sleep. */
function livesOf({ script }: Run<Machine>): number {
  return script.begun.filter(({ input }) => (input as { survived?: string } | undefined)?.survived !== undefined)
    .length;
}

function domainsOf({ script }: Run<Machine>) {
  return script.begun
    .filter(({ name }) => name === 'domain')
    .map(({ input, events }) => ({ input: input as DomainInput, events }));
}

/** What may be told to it by watches, people and domains that keep to their own rules. */
function newsFor(run: Run<Machine>): Happening[] {
  if (run.isOver) return [];
  const { context } = run.place;
  const { notice: known = notice } = context;
  const events: SupervisorEvent[] = [
    { type: 'supervisor.stop', atMs: 0 },
    // The watch and the look that asks why may come upon the same one; another one that has given way does not come back.
    ...(known.key === notice.key ? [{ type: 'interruption.noticed', notice } as const] : []),
    ...(context.watch ? newsOfAllWatches(livesOf(run)) : []),
    ...context.domains.flatMap(({ domain }) => reportsFor(domain, run)),
  ];
  return events.map((event) => ({ kind: 'sent', event }));
}

function newsOfAllWatches(life: number): SupervisorEvent[] {
  return [
    { type: 'interruption.noticed', notice: { ...hibernation, key: `hibernate ${life}` } },
    { type: 'instance.resumed' },
    { type: 'risk.seen', risk: { kind: 'rebalance', key: 'rebalance' } },
    { type: 'lifecycle.seen', state: 'Warmed:Running' },
    { type: 'lifecycle.seen', state: 'InService' },
  ];
}

function reportsFor(domain: string, run: Run<Machine>): SupervisorEvent[] {
  const events = domainsOf(run).findLast(({ input }) => input.domain === domain)?.events ?? [];
  const proceeds = events.some(({ type }) => type === 'domain.proceed');
  return reportsOf(domain, run.place.context).filter(
    ({ type }) => (type !== 'domain.stands' || !proceeds) && (type !== 'domain.reached' || proceeds),
  );
}
