/** Steps that only write their names down, or do as told; machines run with them on a clock that only the test moves. */

import {
  type AnyActorLogic,
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type InputFrom,
  type InspectionEvent,
  type OutputFrom,
  type Snapshot,
} from 'xstate';
import { AdapterError } from '../../config/errors.ts';

/** How a step ends. */
export type Outcome = { kind: 'resolves'; output: unknown } | { kind: 'rejects'; error: unknown };

/** What a scripted step does once it has begun. */
export type Doing =
  | Outcome
  /** Goes on until it gets `step.finish`, and then says what it has. */
  | { kind: 'until-asked'; output: unknown }
  /** Goes on, whatever it is asked, until the test says how it ends. */
  | { kind: 'held' };

export const resolves = (output?: unknown): Outcome => ({ kind: 'resolves', output });
export const rejects = (error: unknown): Outcome => ({ kind: 'rejects', error });
export const untilAskedToFinish = (output?: unknown): Doing => ({ kind: 'until-asked', output });
export const held: Doing = { kind: 'held' };

/** A plain failure, as a defect of ours would give; its sentence is `refused`. */
export const refused = rejects(new Error('refused'));

/** What the world says no to for good. */
export const deniedError = new AdapterError('AttachVolume', 'not authorized', 'Allow it.');

/** What may have gone by a moment later. */
export const passingError = new AdapterError('AttachVolume', 'throttled', 'Wait.', { retryable: true });

/** By the step's name; a list is what it does the first time, the second, …, the last for good. */
export type Doings = Record<string, Doing | Doing[]>;

export interface Script {
  /** The steps in the order in which they began. */
  taken: string[];
  /** The same with what each was given, and what it has been sent since. */
  begun: Array<{ name: string; input: unknown; events: AnyEventObject[] }>;
  /** What steps were sent, as `name: event type`. */
  sent: string[];
  /** What was sent to a step of this name, whole. */
  eventsTo(name: string): AnyEventObject[];
  /** What a step of this name was given the last time it began. */
  inputOf<Input = unknown>(name: string): Input;
  /** Ends the step of this name that is under way. */
  resolve(name: string, output?: unknown): void;
  reject(name: string, error: unknown): void;
  /** Whether a step of this name has begun and neither ended nor been stopped. */
  isUnderWay(name: string): boolean;
  /**
   * A step for a machine's `provide`.
   * @param name or how to make one of what the step is given.
   * @param usually what it resolves with unless told otherwise.
   */
  step<Logic extends AnyActorLogic>(
    name: string | ((input: InputFrom<Logic>) => string),
    usually: OutputFrom<Logic> | ((input: InputFrom<Logic>) => OutputFrom<Logic>),
  ): Logic;
}

type StepSnapshot = Snapshot<unknown> & { output: unknown; error: unknown };

interface Taken {
  name: string;
  input: unknown;
  events: AnyEventObject[];
  doing: Doing;
  self?: { send(event: AnyEventObject): void; getSnapshot(): StepSnapshot };
  stopped: boolean;
}

export function createScript(doings: Doings = {}): Script {
  const taken: Taken[] = [];
  const sent: string[] = [];
  const latest = (name: string) => taken.findLast((step) => step.name === name);
  const doingOf = (name: string, usual: unknown) => {
    const list = [doings[name] ?? resolves(usual)].flat();
    return list[Math.min(taken.filter((step) => step.name === name).length, list.length - 1)] as Doing;
  };

  return {
    get taken() {
      return taken.map(({ name }) => name);
    },
    begun: taken,
    sent,
    eventsTo: (name) => taken.filter((step) => step.name === name).flatMap(({ events }) => events),
    inputOf<Input>(name: string) {
      const step = latest(name);
      if (step === undefined) throw new Error(`the step ${name} has not begun`);
      return step.input as Input;
    },
    resolve: (name, output) => end(name, { type: 'script.resolve', output }),
    reject: (name, error) => end(name, { type: 'script.reject', error }),
    isUnderWay: (name) => {
      const step = latest(name);
      return step !== undefined && !step.stopped && step.self?.getSnapshot().status === 'active';
    },
    step<Logic extends AnyActorLogic>(
      name: string | ((input: InputFrom<Logic>) => string),
      usually: OutputFrom<Logic> | ((input: InputFrom<Logic>) => OutputFrom<Logic>),
    ) {
      const logic = {
        getInitialSnapshot(scope: { self: Taken['self'] }, input: InputFrom<Logic>) {
          const called = typeof name === 'string' ? name : name(input);
          const usual = typeof usually === 'function' ? (usually as (given: unknown) => unknown)(input) : usually;
          const doing = doingOf(called, usual);
          const step: Taken = { name: called, input, events: [], doing, stopped: false };
          if (scope.self) step.self = scope.self;
          taken.push(step);
          // How the step is found again when something is sent to it.
          const base = { input, step };
          if (doing.kind === 'resolves') return { ...base, status: 'done', output: doing.output, error: undefined };
          if (doing.kind === 'rejects') return { ...base, status: 'error', output: undefined, error: doing.error };
          return { ...base, status: 'active', output: undefined, error: undefined };
        },
        transition(snapshot: StepSnapshot & { step: Taken }, event: AnyEventObject) {
          const { step } = snapshot;
          if (event.type === 'script.resolve') return { ...snapshot, status: 'done', output: event.output };
          if (event.type === 'script.reject') return { ...snapshot, status: 'error', error: event.error };
          if (event.type === 'xstate.stop') {
            step.stopped = true;
            return { ...snapshot, status: 'stopped' };
          }
          step.events.push(event);
          sent.push(`${step.name}: ${event.type}`);
          if (event.type === 'step.finish' && step.doing.kind === 'until-asked') {
            return { ...snapshot, status: 'done', output: step.doing.output };
          }
          return snapshot;
        },
        getPersistedSnapshot: (snapshot: StepSnapshot) => snapshot,
      };
      return logic as unknown as Logic;
    },
  };

  function end(name: string, event: AnyEventObject): void {
    const step = latest(name);
    if (step?.self?.getSnapshot().status !== 'active') throw new Error(`the step ${name} is not under way`);
    step.self.send(event);
  }
}

/**
 * A clock that only the test moves, from timer to timer: what one of them sets off begins at its own time. (XState's
 * `SimulatedClock` jumps first and rings then, so that a second timer would count from the end of the jump.)
 */
class SteppingClock {
  nowMs = 0;
  private lastId = 0;
  private readonly timers = new Map<number, { dueMs: number; ring: () => void }>();

  setTimeout(ring: () => void, delayMs: number): number {
    this.lastId += 1;
    this.timers.set(this.lastId, { dueMs: this.nowMs + delayMs, ring });
    return this.lastId;
  }

  clearTimeout(id: number): void {
    this.timers.delete(id);
  }

  increment(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.ringNext(endMs));
    this.nowMs = endMs;
  }

  get isAwaited(): boolean {
    return this.timers.size > 0;
  }

  /** Moves on to the next timer and rings this one alone. */
  ringNext(untilMs = Number.POSITIVE_INFINITY): boolean {
    const next = this.next(untilMs);
    if (next === undefined) return false;
    const [id, { dueMs, ring }] = next;
    this.nowMs = dueMs;
    this.timers.delete(id);
    ring();
    return true;
  }

  private next(endMs: number) {
    const due = [...this.timers].filter(([, { dueMs }]) => dueMs <= endMs);
    return due.toSorted(([, one], [, other]) => one.dueMs - other.dueMs)[0];
  }
}

/**
 * A root actor on a clock of its own, started. What goes wrong in it is kept, so that a test can look at it.
 * @param inspect is told what the actor and its children do.
 */
export function started<Machine extends AnyStateMachine>(
  machine: Machine,
  input: InputFrom<Machine>,
  inspect?: (event: InspectionEvent) => void,
) {
  const clock = new SteppingClock();
  const states: string[] = [];
  const errors: unknown[] = [];
  const actor = createActor(machine, { clock, input, inspect } as never);
  actor.subscribe({
    next: (snapshot) => {
      const state = stateName((snapshot as AnyMachineSnapshot).value);
      if (states.at(-1) !== state) states.push(state);
    },
    error: (error) => errors.push(error),
  });
  actor.start();
  return {
    actor,
    clock,
    errors,
    /** The states it came to rest in. */
    states,
    get state(): string {
      return stateName((actor.getSnapshot() as AnyMachineSnapshot).value);
    },
    get output(): OutputFrom<Machine> | undefined {
      return (actor.getSnapshot() as AnyMachineSnapshot).output;
    },
  };
}

/** `{ attaching: 'checking' }` → `attaching.checking` */
export function stateName(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name}.${stateName(inner)}`)
    .join(' ');
}
