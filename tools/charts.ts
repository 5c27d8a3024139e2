/** The state charts of docs/architecture.md, drawn from the machines themselves. */

import { type DirectedGraphNode, toDirectedGraph } from 'xstate/graph';
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

const machines = {
  supervisor: supervisorMachine,
  domain: domainMachine,
  volumes: volumesMachine,
  volume: volumeMachine,
  records: recordsMachine,
  commands: commandsMachine,
  'giving-back': givingBackMachine,
  'letting-go': lettingGoMachine,
  'notice-watch': noticeWatchMachine,
  'risk-watch': riskWatchMachine,
  delivery: deliveryMachine,
};

/** A page with the chart between each pair of `<!-- chart:NAME -->` and `<!-- end -->` drawn anew. */
export function withCharts(page: string): string {
  return page.replace(
    /(<!-- chart:([a-z-]+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, start: string, name: string, end: string) => {
      const machine = machines[name as keyof typeof machines];
      if (machine === undefined) throw new Error(`there is no machine "${name}" to draw`);
      return `${start}\`\`\`mermaid\n${mermaid(toDirectedGraph(machine as Parameters<typeof toDirectedGraph>[0]))}\n\`\`\`\n${end}`;
    },
  );
}

/** Mermaid's words for a chart. Source: mermaid, "State diagrams". */
function mermaid(root: DirectedGraphNode): string {
  return ['stateDiagram-v2', ...body(root, '  '), ...edges(root)].join('\n');
}

function body(node: DirectedGraphNode, indent: string): string[] {
  const { initial, states } = node.stateNode;
  const first = initial.target?.[0];
  const inside = node.children.flatMap((child) => {
    const name = nameOf(child);
    const own =
      child.children.length > 0 ? [`${indent}state ${name} {`, ...body(child, `${indent}  `), `${indent}}`] : [];
    return child.stateNode.type === 'final' ? [...own, `${indent}${name} --> [*]`] : own;
  });
  return Object.keys(states).length === 0 || !first ? inside : [`${indent}[*] --> ${idOf(first.id)}`, ...inside];
}

/** One line for each pair of states, with all that leads from the one to the other. What needs no event has no label. */
function edges(root: DirectedGraphNode): string[] {
  const leading = nodesBelow(root).flatMap(({ stateNode, edges: own }) => [
    ...(stateNode.always ?? []).flatMap(({ target }) =>
      (target ?? []).map(({ id }) => ({ from: stateNode.id, to: id, label: '' })),
    ),
    ...own.map(({ target, transition }) => ({
      from: stateNode.id,
      to: target.id,
      label: labelOf(transition.eventType),
    })),
  ]);
  const between = leading.filter(({ from, to }) => from !== to && to !== root.id);
  const pairs = Map.groupBy(between, ({ from, to }) => `  ${idOf(from)} --> ${idOf(to)}`);
  return [...pairs].map(([pair, several]) => {
    const labels = [...new Set(several.map(({ label }) => label))].filter((label) => label !== '');
    return labels.length === 0 ? pair : `${pair}: ${labels.join(', ')}`;
  });
}

function nodesBelow(node: DirectedGraphNode): DirectedGraphNode[] {
  return [node, ...node.children.flatMap(nodesBelow)];
}

/** `xstate.done.actor.step` → `done`; `xstate.after.flush.supervisor.flushing` → `after flush`. A colon would end the label. */
function labelOf(eventType: string): string {
  const [, kind, name] = /^xstate\.(done|error|after)\.(?:actor\.)?([^.]*)/.exec(eventType) ?? [];
  if (kind === 'after') return `after ${name}`;
  return (kind ?? eventType).replaceAll(':', ' ');
}

/** `domain.volumes-attached` → `volumes_attached`: Mermaid takes no hyphens in names. */
function idOf(id: string): string {
  return id.split('.').slice(1).join('_').replaceAll('-', '_');
}

function nameOf(node: DirectedGraphNode): string {
  return idOf(node.stateNode.id);
}
