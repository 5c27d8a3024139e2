/** One tap on the whole system: each state reached, by anyone, told once. Machines hold no logging. */

import type { AnyActorRef, InspectionEvent } from 'xstate';

/** The machines whose states are told, by the `id` in their charts. */
export type ChangeKind = (typeof kinds)[number];

const kinds = [
  'supervisor',
  'domain',
  'volume',
  'records',
  'giving-back',
  'letting-go',
  'notice-watch',
  'risk-watch',
  'delivery',
] as const;

/** A state that an actor reached, or news that it has had in one. */
export interface Change<Context = unknown> {
  kind: ChangeKind;
  /** The actor's id, for example `domain.web` or `volume.0`. */
  id: string;
  /** Tells actors of one id apart, since each domain counts its volumes from 0. */
  sessionId: string;
  /** For example `volumes-attached` or `attaching.checking`. */
  state: string;
  /** The state it comes from; absent for the first. The same one: what is new is in the context. */
  from?: string;
  /** How long it was in that state. */
  durationMs: number;
  context: Context;
}

interface MachineSnapshot {
  value?: unknown;
  context?: unknown;
}

/** Gives an inspection listener for the root actor that tells each change of state, and what is news without one. */
export function createChanges(tell: (change: Change) => void): (event: InspectionEvent) => void {
  const last = new Map<string, { state: string; news: string; sinceMs: number }>();

  return (event) => {
    if (event.type !== '@xstate.snapshot') return;
    const kind = kindOf(event.actorRef as AnyActorRef);
    if (kind === undefined) return;
    const { value, context } = event.snapshot as MachineSnapshot;
    const { sessionId, id } = event.actorRef as AnyActorRef;
    const before = last.get(sessionId);
    const [state, news] = [stateName(value), newsIn(context)];
    if (before?.state === state && before.news === news) return;
    const nowMs = performance.now();
    last.set(sessionId, { state, news, sinceMs: before?.state === state ? before.sinceMs : nowMs });
    tell({
      kind,
      id,
      sessionId,
      state,
      ...(before ? { from: before.state } : {}),
      durationMs: Math.round(nowMs - (before?.sinceMs ?? nowMs)),
      context,
    });
  };
}

/** What nobody should have to wait for until the state changes next: a notice while stopping, a failure while started. */
function newsIn(context: unknown): string {
  const { notice, failures = [], problems = [] } = (context ?? {}) as Partial<News>;
  return `${notice?.key ?? ''} ${failures.length} ${problems.length}`;
}

interface News {
  notice: { key: string };
  failures: unknown[];
  problems: unknown[];
}

function kindOf(actor: AnyActorRef): ChangeKind | undefined {
  // The logic of a machine carries the chart's id; a promise's or a callback's has none.
  const { logic } = actor as unknown as { logic?: { id?: string } };
  return kinds.find((kind) => kind === logic?.id);
}

/** `{ attaching: 'checking' }` → `attaching.checking` */
function stateName(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name}.${stateName(inner)}`)
    .join(' ');
}
