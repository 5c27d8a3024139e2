import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { commandsMachine } from '../machines/commands.ts';
import { deliveryMachine } from '../machines/delivery.ts';
import { domainMachine } from '../machines/domain.ts';
import { givingBackMachine } from '../machines/giving-back.ts';
import { lettingGoMachine } from '../machines/letting-go.ts';
import { noticeWatchMachine } from '../machines/notice-watch.ts';
import { recordsMachine } from '../machines/records.ts';
import { riskWatchMachine } from '../machines/risk-watch.ts';
import { supervisorMachine } from '../machines/supervisor.ts';
import { volumeMachine } from '../machines/volume.ts';
import { volumesMachine } from '../machines/volumes.ts';

const machines: AnyStateMachine[] = [
  supervisorMachine,
  domainMachine,
  volumesMachine,
  volumeMachine,
  recordsMachine,
  commandsMachine,
  givingBackMachine,
  lettingGoMachine,
  noticeWatchMachine,
  riskWatchMachine,
  deliveryMachine,
];

/** They look as long as the daemon lives: no end, but from everywhere a way to the next look. */
const watches = [noticeWatchMachine, riskWatchMachine].map(({ id }) => id);

/** States without a step, a limit or a way of their own: what they wait for is told them, and may never be. */
const waiting = [
  // In the warm pool, up, and hibernating.
  'supervisor.warming',
  'supervisor.running',
  'supervisor.asleep',
  // For its domains, which have limits of their own.
  'supervisor.coming-up',
  'supervisor.interrupted',
  'supervisor.stopping',
  // For messages, until the notice is nearly over: that is timed from its first sight.
  'supervisor.lingering',
  // For READY, which has a limit; up; and failed with something attached.
  'domain.dns-updated',
  'domain.started',
  'domain.keeping-watch',
  // For commands beside it, and for volumes, which have limits of their own.
  'domain.joining',
  'volumes.gathering',
  'volumes.joining',
];

/** Every state of a machine, however deep. */
function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}

/** The states that a machine rests in: those without states of their own. */
function leavesOf(machine: AnyStateMachine): AnyStateNode[] {
  return nodesOf(machine.root).filter(({ states }) => Object.keys(states).length === 0);
}

/** Where a transition to a state comes to rest. */
function restOf(node: AnyStateNode): AnyStateNode {
  const first = Object.keys(node.states).length === 0 ? undefined : node.initial.target[0];
  return first ? restOf(first) : node;
}

/**
 * From each state the states that some transition leads to, guards aside; what a state may do, those inside it may.
 * (`toDirectedGraph` leaves out the `always` ones.)
 */
function neighboursOf(machine: AnyStateMachine): Map<string, string[]> {
  return new Map(
    leavesOf(machine).map((leaf) => [
      leaf.id,
      lineageOf(leaf)
        .flatMap(targetsOf)
        .map((target) => restOf(target).id),
    ]),
  );
}

function targetsOf({ transitions, always = [] }: AnyStateNode): AnyStateNode[] {
  return [...[...transitions.values()].flat(), ...always].flatMap(({ target }) => target ?? []);
}

/** A state and all that it is inside of. */
function lineageOf(node: AnyStateNode): AnyStateNode[] {
  return node.parent ? [node, ...lineageOf(node.parent)] : [node];
}

/** All that can be reached from a state, itself included. */
function reachableFrom(start: string, neighbours: Map<string, string[]>): Set<string> {
  const reached = new Set([start]);
  // A set tells also what is added while it is walked.
  for (const state of reached) for (const next of neighbours.get(state) ?? []) reached.add(next);
  return reached;
}

/** States from which none of the others can be reached. */
function cutOffFrom(ends: string[], machine: AnyStateMachine): string[] {
  const neighbours = neighboursOf(machine);
  return leavesOf(machine)
    .map(({ id }) => id)
    .filter((id) => !ends.some((end) => reachableFrom(id, neighbours).has(end)));
}

function endsOf(machine: AnyStateMachine): string[] {
  return leavesOf(machine).flatMap(({ id, type }) => (type === 'final' ? [id] : []));
}

/** Whether something in a state, or in what it is inside of, goes on by itself: a step, a limit, or a way that is always open. */
function goesOn(leaf: AnyStateNode): boolean {
  return lineageOf(leaf).some(({ config, always = [] }) => {
    const isOpen = always.some(({ guard }) => guard === undefined);
    return config.invoke !== undefined || config.after !== undefined || isOpen;
  });
}

describe.each(machines.map((machine) => ({ machine, name: machine.id })))('the chart of $name', ({ machine }) => {
  it('has no state that nothing leads to', () => {
    const reached = reachableFrom(restOf(machine.root).id, neighboursOf(machine));

    expect([...reached].sort()).toEqual(
      leavesOf(machine)
        .map(({ id }) => id)
        .sort(),
    );
  });

  it('has both ways out of each step that can fail: what nobody takes would put the machine in error', () => {
    const steps = nodesOf(machine.root).flatMap(({ id, config }) =>
      [config.invoke ?? []].flat().map((invoke) => ({ id, src: invoke.src, ways: invoke })),
    );

    // A command says how it ended; it has no outcome, and one that breaks is a defect.
    const torn = steps.filter(({ src, ways }) => src !== 'runCommand' && !(ways.onDone && ways.onError));

    expect(torn.map(({ id, src }) => `${id}: ${src}`)).toEqual([]);
  });

  it('waits without a limit only where it is meant to', () => {
    const endless = leavesOf(machine).filter((leaf) => leaf.type !== 'final' && !goesOn(leaf));

    expect(endless.map(({ id }) => id).sort()).toEqual(waiting.filter((id) => id.startsWith(`${machine.id}.`)).sort());
  });

  it('waits for no delay that it does not name: a misspelt one would be no wait at all', () => {
    const delays = nodesOf(machine.root).flatMap(({ config }) => Object.keys(config.after ?? {}));

    const unknown = delays.filter((delay) => !(delay in machine.implementations.delays) && !/^\d+$/.test(delay));

    expect(unknown).toEqual([]);
  });

  if (watches.includes(machine.id)) {
    it('has no end, and a way to the next look from every state', () => {
      expect(endsOf(machine)).toEqual([]);
      expect(cutOffFrom([`${machine.id}.looking`], machine)).toEqual([]);
    });
  } else {
    it('has a way to an end from every state', () => {
      expect(cutOffFrom(endsOf(machine), machine)).toEqual([]);
    });
  }
});
