/**
 * Walks a machine: finds, with XState's pure `transition`, every place that it can come to, and sends a real actor with
 * scripted steps down every path there. What a machine waits for is one of its steps, its next timer, or news; a test
 * says how steps may end and which news may come, and the rest is found.
 *
 * ```ts
 * const model = {
 *   machine: lampMachine,
 *   inputs: [{ bulbs: 1 }],
 *   outcomes: { replaceBulb: [resolves('new'), refused] },
 *   events: () => [{ type: 'switch.pressed' }],
 *   guarded: ({ bulbs }) => bulbs > 0,
 * };
 * const walked = walkedThrough(model);
 * expect(walked.astray).toEqual([]);
 * expect(walked.untaken).toEqual([]);
 * expect(walked.unreached).toEqual([]);
 * ```
 */

import {
  type AnyActorRef,
  type AnyActorScope,
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  type ContextFrom,
  createActor,
  type EventFrom,
  type InputFrom,
  type InspectionEvent,
  type OutputFrom,
} from 'xstate';
import { createScript, held, type Outcome, type Script, started, stateName } from './scripted.ts';

/** A step that is under way. */
export interface StepUnderWay {
  /** In its machine, for example `step` or `volume.0`. */
  id: string;
  /** The name by which the machine asks for it. */
  src: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what its own steps are given.
  input: any;
}

/** Where a machine is, and when. */
export interface Place<Machine extends AnyStateMachine> {
  /** For example `started`, or `awaiting.checking`. */
  state: string;
  context: ContextFrom<Machine>;
  nowMs: number;
}

export interface Model<Machine extends AnyStateMachine> {
  machine: Machine;
  /** What it may begin with; each is walked from. */
  inputs: InputFrom<Machine>[];
  /** How steps may end, by the name that the machine gives them; one that is not named goes on until it is stopped. */
  outcomes?: Record<string, Outcome[] | ((step: StepUnderWay, at: Place<Machine>) => Outcome[])>;
  /** What may be sent to it at a place; what no transition takes there changes nothing. */
  events?: (at: Place<Machine>) => Array<EventFrom<Machine>>;
  /** What guards read of the context: where this and the state are the same, the machine can go the same ways. */
  guarded?: (context: ContextFrom<Machine>, at: Place<Machine>) => unknown;
}

/** Something that a machine may have waited for. */
export type Happening =
  | { kind: 'ends'; step: string; how: Outcome }
  /** The next timer rings. */
  | { kind: 'rings' }
  | { kind: 'sent'; event: AnyEventObject };

/** Happenings in the order in which they happen, and what the place looks like that each leads to. */
export interface Path<Machine extends AnyStateMachine> {
  input: InputFrom<Machine>;
  begins: string;
  ways: Array<{ happening: Happening; leads: string }>;
}

/** A real actor with scripted steps, and what became of it so far. */
export interface Run<Machine extends AnyStateMachine> {
  actor: ReturnType<typeof started<Machine>>['actor'];
  script: Script;
  place: Place<Machine>;
  /** The place in words, with the steps under way and what the guards read: what a walk compares. */
  looks: string;
  /** What has happened, in words. */
  story: string[];
  /** Transitions that it took, by {@link transitionsOf}'s names. */
  taken: Set<string>;
  /** States that it was in, also those that it only passed. */
  reached: Set<string>;
  /** What went wrong in it. */
  errors: unknown[];
  isOver: boolean;
  output: OutputFrom<Machine> | undefined;
  /** Its steps that go on still. */
  underWay(): StepUnderWay[];
  /** What may happen next. */
  next(): Happening[];
  happen(happening: Happening): void;
  /** Lets time pass; steps go on, timers ring. */
  wait(ms: number): void;
  /** Lets each step under way end, the first way it may, and timers ring, until the machine is over or waits for news. */
  settle(): void;
}

/** What walking every path with real actors showed. */
export interface Walked {
  paths: number;
  /** Paths on which a real actor went elsewhere, or broke, each told as a story. */
  astray: string[];
  /** Transitions that no path takes. */
  untaken: string[];
  /** States that no path reaches. */
  unreached: string[];
}

/**
 * Sends a real actor down every path.
 * @param look is called at the end of each path, for what must hold there; it throws what does not.
 */
export function walkedThrough<Machine extends AnyStateMachine>(
  model: Model<Machine>,
  look: (run: Run<Machine>) => void = () => {},
): Walked {
  const taken = new Set<string>();
  const reached = new Set<string>();
  const astray: string[] = [];
  const paths = pathsOf(model);
  for (const path of paths) {
    const run = begin(model, path.input);
    try {
      follow(run, path);
      look(run);
    } catch (error) {
      astray.push(`${run.story.join(' → ')}: ${error instanceof Error ? error.message : String(error)}`);
    }
    for (const name of run.taken) taken.add(name);
    for (const id of run.reached) reached.add(id);
    run.actor.stop();
  }
  return {
    paths: paths.length,
    astray,
    untaken: transitionsOf(model.machine).filter((name) => !taken.has(name)),
    unreached: nodesOf(model.machine).flatMap(({ id }) => (reached.has(id) ? [] : [id])),
  };
}

/**
 * Every transition by name, for example `domain.starting on domain.stop` or `volumes.gathering always [1] → joining`:
 * with the place among its alternatives, where there are several.
 */
export function transitionsOf(machine: AnyStateMachine): string[] {
  return nodesOf(machine).flatMap((node) =>
    groupsOf(node).flatMap(([on, group]) => group.map((_, i) => transitionName(node, on, group, i))),
  );
}

/** Starts a real actor, whose steps all go on until told otherwise. */
export function begin<Machine extends AnyStateMachine>(model: Model<Machine>, input: InputFrom<Machine>): Run<Machine> {
  const { machine, script } = withScriptedSteps(model.machine);
  const taken = new Set<string>();
  const reached = new Set<string>();
  const noted = (event: InspectionEvent) => {
    for (const name of namesTaken(event)) taken.add(name);
    for (const id of statesReached(event)) reached.add(id);
  };
  const { actor, clock, errors } = started(machine, input, noted);
  const story: string[] = [];
  const ended = new Set<unknown>();
  const snapshot = () => actor.getSnapshot() as AnyMachineSnapshot;

  const run: Run<Machine> = {
    actor,
    script,
    story,
    taken,
    reached,
    errors,
    get place() {
      return placeOf<Machine>(snapshot(), clock.nowMs);
    },
    get looks() {
      return looksOf(model, snapshot(), clock.nowMs, ended);
    },
    get isOver() {
      return snapshot().status !== 'active';
    },
    get output() {
      return snapshot().output;
    },
    underWay: () => stepsUnderWay(snapshot(), ended),
    next: () => {
      if (run.isOver) return [];
      return happeningsAt(model, snapshot(), clock.nowMs, ended, clock.isAwaited);
    },
    happen(happening) {
      story.push(inWords(happening));
      if (happening.kind === 'rings') clock.ringNext();
      else if (happening.kind === 'sent') actor.send(happening.event as never);
      else endStep(snapshot(), happening, ended);
    },
    wait(ms) {
      story.push(`${ms} ms`);
      clock.increment(ms);
    },
    settle() {
      for (let left = SETTLING_LIMIT; left > 0; left -= 1) {
        const own = run.next().filter(({ kind }) => kind !== 'sent');
        const first = own.find(({ kind }) => kind === 'ends') ?? own[0];
        if (first === undefined) return;
        run.happen(first);
      }
      throw new Error(`it goes on and on: ${story.join(' → ')}`);
    },
  };
  return run;
}

/**
 * A run that went where the numbers led: each picks one of what might happen next. For random tests:
 * `fc.property(fc.array(fc.nat()), (picks) => … wandered(model, input, picks) …)`.
 */
export function wandered<Machine extends AnyStateMachine>(
  model: Model<Machine>,
  input: InputFrom<Machine>,
  picks: number[],
): Run<Machine> {
  const run = begin(model, input);
  for (const pick of picks) {
    const may = run.next();
    const next = may[pick % may.length];
    if (next) run.happen(next);
  }
  return run;
}

/** More happenings than any machine of ours can have before it is over or waits for news. */
const SETTLING_LIMIT = 1_000;

/** The paths that together take every transition, from every state that takes it, to wherever it leads; the shortest of each. */
export function pathsOf<Machine extends AnyStateMachine>(model: Model<Machine>): Array<Path<Machine>> {
  const machine = withIdleSteps(model.machine);
  const known = new Set<string>();
  return model.inputs.flatMap((input) => pathsFrom({ ...model, machine }, input, known));
}

// --- The walk --------------------------------------------------------------------------------------------------------

interface Timer {
  id: string | undefined;
  event: AnyEventObject;
  dueMs: number;
}

/** A place in the walk, which knows how it was come to. */
interface Stop {
  /** What tells it from others: what it looks like, and which timers will ring. */
  key: string;
  looks: string;
  snapshot: AnyMachineSnapshot;
  nowMs: number;
  /** In the order in which they ring. */
  timers: Timer[];
  /** Steps that have ended: the machine's snapshot keeps them. */
  ended: Set<unknown>;
  cameBy?: { from: Stop; happening: Happening };
  /** What tells the way to it from others: from which state it took which transitions to which state. */
  way: string;
}

/** @param known the ways that are part of a path already. */
function pathsFrom<Machine extends AnyStateMachine>(
  model: Model<Machine>,
  input: InputFrom<Machine>,
  known: Set<string>,
): Array<Path<Machine>> {
  const go = transitionsFrom(model, input);
  const first = go(undefined);
  const stops = new Map([[first.key, first]]);
  const ends = isNew(known, first.way) ? [first] : [];
  // A map can be added to while it is gone through: breadth first.
  for (const stop of stops.values()) {
    for (const happening of happeningsFrom(model, stop)) {
      const next = go({ from: stop, happening });
      if (isNew(known, next.way)) ends.push(next);
      if (!stops.has(next.key)) stops.set(next.key, next);
    }
  }
  const passed = new Set(ends.flatMap((stop) => wayTo(stop).slice(0, -1)));
  return ends.filter((stop) => !passed.has(stop)).map((stop) => pathTo(stop, input));
}

function isNew(known: Set<string>, way: string): boolean {
  const before = known.size;
  known.add(way);
  return known.size > before;
}

/** The machine's own pure function of snapshot and event, in a scope in which nothing happens. */
function transitionsFrom<Machine extends AnyStateMachine>(model: Model<Machine>, input: InputFrom<Machine>) {
  const self = createActor(model.machine, { input } as never) as AnyActorRef;
  const actions: Action[] = [];
  const taken: string[] = [];
  self.system.inspect((event) => taken.push(...namesTaken(event)));
  const scope: AnyActorScope = {
    self,
    id: self.id,
    sessionId: self.sessionId,
    system: self.system,
    logger: () => {},
    defer: () => {},
    emit: () => {},
    stopChild: () => {},
    actionExecutor: (action) => void actions.push(action as never),
  };

  return (cameBy: Stop['cameBy']): Stop => {
    actions.length = 0;
    taken.length = 0;
    const before = cameBy ? beforeIt(cameBy) : { event: undefined, nowMs: 0, timers: [], ended: new Set() };
    try {
      const snapshot = (
        cameBy
          ? model.machine.transition(cameBy.from.snapshot as never, before.event as never, scope as never)
          : model.machine.getInitialSnapshot(scope as never, input as never)
      ) as AnyMachineSnapshot;
      if (snapshot.status === 'error') throw snapshot.error;
      const timers = timersAfter(before.timers, actions, before.nowMs);
      const looks = looksOf(model, snapshot, before.nowMs, before.ended);
      const key = [looks, ...timers.map(({ event }) => event.type)].join(' ');
      const way = [cameBy ? stateName(cameBy.from.snapshot.value) : '', ...taken, stateName(snapshot.value)].join(
        ' | ',
      );
      return { ...before, key, looks, snapshot, timers, way, ...(cameBy ? { cameBy } : {}) };
    } catch (cause) {
      const ways = cameBy ? [...wayTo(cameBy.from), { cameBy }] : [];
      throw new Error(ways.flatMap((each) => (each.cameBy ? inWords(each.cameBy.happening) : [])).join(' → '), {
        cause,
      });
    }
  };
}

/** What there is at the moment at which it happens. */
function beforeIt({ from, happening }: NonNullable<Stop['cameBy']>) {
  const {
    timers: [ringing, ...later],
    nowMs,
    ended,
  } = from;
  if (happening.kind === 'rings' && ringing)
    return { event: ringing.event, nowMs: ringing.dueMs, timers: later, ended };
  const left = happening.kind === 'ends' ? new Set([...ended, from.snapshot.children[happening.step]]) : ended;
  return { event: eventOf(happening), nowMs, timers: from.timers, ended: left };
}

function happeningsFrom<Machine extends AnyStateMachine>(model: Model<Machine>, stop: Stop): Happening[] {
  if (stop.snapshot.status !== 'active') return [];
  return happeningsAt(model, stop.snapshot, stop.nowMs, stop.ended, stop.timers.length > 0);
}

function happeningsAt<Machine extends AnyStateMachine>(
  model: Model<Machine>,
  snapshot: AnyMachineSnapshot,
  nowMs: number,
  ended: Set<unknown>,
  hasTimer: boolean,
): Happening[] {
  const place = placeOf<Machine>(snapshot, nowMs);
  const endings = stepsUnderWay(snapshot, ended).flatMap((step): Happening[] => {
    const outcomes = model.outcomes?.[step.src] ?? [];
    const list = typeof outcomes === 'function' ? outcomes(step, place) : outcomes;
    return list.map((how) => ({ kind: 'ends', step: step.id, how }));
  });
  const news = (model.events?.(place) ?? []).map((event): Happening => ({ kind: 'sent', event }));
  return [...endings, ...(hasTimer ? [{ kind: 'rings' } as const] : []), ...news];
}

interface Action {
  type: string;
  params?: { id?: string; sendId?: string; delay?: number; event: AnyEventObject };
}

/** What the machine asked the clock for. */
function timersAfter(timers: Timer[], actions: Action[], nowMs: number): Timer[] {
  let left = timers;
  for (const { type, params } of actions) {
    if (type === 'xstate.cancel') left = left.filter(({ id }) => id !== params?.sendId);
    if (type === 'xstate.raise' && params?.delay !== undefined) {
      const { id, event, delay } = params;
      if (id !== undefined && left.some((timer) => timer.id === id))
        throw new Error(`the timer ${id} was raised anew before it was cancelled: now there are two`);
      left = [...left, { id, event, dueMs: nowMs + delay }];
    }
  }
  return left.toSorted((one, other) => one.dueMs - other.dueMs);
}

function looksOf<Machine extends AnyStateMachine>(
  model: Model<Machine>,
  snapshot: AnyMachineSnapshot,
  nowMs: number,
  ended: Set<unknown>,
): string {
  const place = placeOf<Machine>(snapshot, nowMs);
  if (snapshot.status !== 'active') return `${place.state} (${snapshot.status})`;
  const underWay = childrenOf(snapshot).flatMap((child) => (ended.has(child) ? [] : [child.id]));
  const guarded = model.guarded?.(snapshot.context, place);
  return [
    place.state,
    ...(underWay.length > 0 ? [`with ${underWay.toSorted().join(', ')}`] : []),
    ...(guarded === undefined ? [] : [JSON.stringify(guarded)]),
  ].join(' ');
}

function pathTo<Machine extends AnyStateMachine>(stop: Stop, input: InputFrom<Machine>): Path<Machine> {
  const [first, ...ways] = [firstOf(stop), ...wayTo(stop)];
  return {
    input,
    begins: first.looks,
    ways: ways.flatMap(({ cameBy, looks }) => (cameBy ? [{ happening: cameBy.happening, leads: looks }] : [])),
  };
}

function firstOf(stop: Stop): Stop {
  return stop.cameBy ? firstOf(stop.cameBy.from) : stop;
}

/** The stops after the first one, and this one. */
function wayTo(stop: Stop): Stop[] {
  return stop.cameBy ? [...wayTo(stop.cameBy.from), stop] : [];
}

// --- Real actors -----------------------------------------------------------------------------------------------------

/** Throws where the actor is not at the place that the walk has foretold. */
function follow<Machine extends AnyStateMachine>(run: Run<Machine>, path: Path<Machine>): void {
  const ways = [{ leads: path.begins, happening: undefined }, ...path.ways];
  for (const { happening, leads } of ways) {
    if (happening) run.happen(happening);
    const [error] = run.errors;
    if (error !== undefined) throw error;
    if (run.looks !== leads) throw new Error(`is ${run.looks}, not ${leads}`);
  }
}

/** For a walk, in which no step does anything. */
function withIdleSteps<Machine extends AnyStateMachine>(machine: Machine): Machine {
  const idle = {
    getInitialSnapshot: (_: unknown, input: unknown) => ({
      status: 'active',
      output: undefined,
      error: undefined,
      input,
    }),
    transition: (snapshot: unknown) => snapshot,
    getPersistedSnapshot: (snapshot: unknown) => snapshot,
  };
  const names = Object.keys(machine.implementations.actors);
  return machine.provide({ actors: Object.fromEntries(names.map((name) => [name, idle])) as never }) as Machine;
}

function withScriptedSteps<Machine extends AnyStateMachine>(machine: Machine): { machine: Machine; script: Script } {
  const names = Object.keys(machine.implementations.actors);
  const script = createScript(Object.fromEntries(names.map((name) => [name, held])));
  const actors = Object.fromEntries(names.map((name) => [name, script.step(name, undefined as never)]));
  return { machine: machine.provide({ actors }) as Machine, script };
}

function endStep(
  snapshot: AnyMachineSnapshot,
  { step, how }: Extract<Happening, { kind: 'ends' }>,
  ended: Set<unknown>,
): void {
  const child = snapshot.children[step];
  if (child === undefined || ended.has(child)) throw new Error(`the step ${step} is not under way`);
  ended.add(child);
  child.send(
    how.kind === 'resolves'
      ? { type: 'script.resolve', output: how.output }
      : { type: 'script.reject', error: how.error },
  );
}

function eventOf(happening: Exclude<Happening, { kind: 'rings' }> | Happening): AnyEventObject {
  if (happening.kind === 'sent') return happening.event;
  if (happening.kind === 'rings') throw new Error('there is no timer');
  const { step, how } = happening;
  return how.kind === 'resolves'
    ? { type: `xstate.done.actor.${step}`, output: how.output, actorId: step }
    : { type: `xstate.error.actor.${step}`, error: how.error, actorId: step };
}

function placeOf<Machine extends AnyStateMachine>(snapshot: AnyMachineSnapshot, nowMs: number): Place<Machine> {
  return { state: stateName(snapshot.value), context: snapshot.context, nowMs };
}

function stepsUnderWay(snapshot: AnyMachineSnapshot, ended: Set<unknown>): StepUnderWay[] {
  return childrenOf(snapshot)
    .filter((child) => !ended.has(child))
    .map((child) => ({ id: child.id, src: String(child.src), input: child.getSnapshot().input }));
}

function childrenOf(snapshot: AnyMachineSnapshot): AnyActorRef[] {
  return Object.values(snapshot.children as Record<string, AnyActorRef | undefined>).filter(
    (child) => child !== undefined,
  );
}

/** For example `step resolves []`, `domain.stop`. */
function inWords(happening: Happening): string {
  if (happening.kind === 'rings') return 'the next timer rings';
  if (happening.kind === 'sent') return JSON.stringify(happening.event);
  const { step, how } = happening;
  return how.kind === 'resolves' ? `${step} gives ${JSON.stringify(how.output)}` : `${step} fails: ${how.error}`;
}

// --- Transitions by name ---------------------------------------------------------------------------------------------

interface TransitionLike {
  source: AnyStateNode;
  eventType: string | null;
  target: readonly AnyStateNode[] | undefined;
}

function nodesOf(machine: AnyStateMachine): AnyStateNode[] {
  const list = (node: AnyStateNode): AnyStateNode[] => [node, ...Object.values(node.states).flatMap(list)];
  return list(machine.root);
}

/** The alternatives of each event, and those that need none. */
function groupsOf(node: AnyStateNode): Array<[on: string, group: readonly TransitionLike[]]> {
  const always = node.always as readonly TransitionLike[] | undefined;
  return [
    ...(always ? [['always', always] as [string, readonly TransitionLike[]]] : []),
    ...[...node.transitions].map(([type, group]): [string, readonly TransitionLike[]] => [`on ${type}`, group]),
  ];
}

function transitionName({ id }: AnyStateNode, on: string, group: readonly TransitionLike[], i: number): string {
  const targets = group[i]?.target?.map(({ id: target }) => target).join(', ');
  return [id, on, ...(group.length > 1 ? [`[${i}]`] : []), ...(targets ? [`→ ${targets}`] : [])].join(' ');
}

/** What a microstep of the root took. */
function namesTaken(event: InspectionEvent): string[] {
  return transitionsIn(event).flatMap((taken) =>
    groupsOf(taken.source).flatMap(([on, group]) => {
      const i = group.indexOf(taken);
      return i < 0 ? [] : [transitionName(taken.source, on, group, i)];
    }),
  );
}

/** Also those that are left again at once. */
function statesReached(event: InspectionEvent): string[] {
  if (event.type !== '@xstate.microstep' || (event.actorRef as AnyActorRef)._parent) return [];
  const { _nodes: nodes } = event.snapshot as AnyMachineSnapshot;
  return [...nodes, ...transitionsIn(event).map(({ source }) => source)].map(({ id }) => id);
}

function transitionsIn(event: InspectionEvent): TransitionLike[] {
  if (event.type !== '@xstate.microstep' || (event.actorRef as AnyActorRef)._parent) return [];
  return event._transitions as unknown as TransitionLike[];
}
