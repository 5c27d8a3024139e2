/** A scenario: a world and what happens in it when, as a file that a person writes (JSON with comments). */
import { checkTree, type Finding } from '../config/check.ts';
import { ConfigError, type Problem } from '../config/errors.ts';
import { createLocator, pathText } from '../config/source-text.ts';
import { parseSyntax } from '../config/syntax.ts';
import type { Cloud } from './handle.ts';
import type { InstanceSetup } from './parts.ts';
import { scenarioFindings, userDataOf } from './scenario-checks.ts';
import { type OrderName, type OrderValues, orderNames, perform } from './scenario-orders.ts';
import { scenarioSchema } from './scenario-schema.ts';
import type { CloudSetup } from './setup.ts';

/** What a file says. */
export interface Scenario {
  title?: string;
  /** Absent: any will do. */
  world?: CloudSetup;
  /** In the order in which it happens. */
  timeline: Step[];
}

/** One order, and when it is performed. */
export type Step = { [O in OrderName]: { atS: number; order: O; value: OrderValues[O] } }[OrderName];

/**
 * Reads a scenario.
 * @param file its name, for the problems.
 * @throws ConfigError with all problems, in file order.
 */
export function parseScenario(text: string, file: string): Scenario {
  const { root, problems, originalOffset } = parseSyntax(text.replace(/^\uFEFF/, ' '));
  const locate = createLocator(text);
  const problemOf = ({ path, offset, message }: Pick<Finding, 'path' | 'offset' | 'message'>): Problem => ({
    file,
    ...locate(offset),
    path: pathText(path),
    message,
  });
  const syntax = problems.map((problem) => problemOf({ path: [], ...problem }));
  if (root === undefined) throw new ConfigError(syntax.length > 0 ? syntax : [problemOf(EMPTY)]);

  const { value, findings, places } = checkTree(scenarioSchema, root, (offset) => locate(originalOffset(offset)).line);
  const found = [...findings, ...scenarioFindings(places, findings)]
    .map((finding) => problemOf({ ...finding, offset: originalOffset(finding.offset) }))
    .sort((one, other) => one.line - other.line || one.column - other.column);
  if (syntax.length + found.length > 0) throw new ConfigError([...syntax, ...found]);
  return scenarioOf(value as Written);
}

/**
 * Performs the orders at their times, counted from now by the cloud's clock.
 * @param tell hears of each order once it is performed; of a launched instance with its id.
 */
export function playScenario(
  cloud: Cloud,
  { timeline }: Pick<Scenario, 'timeline'>,
  tell: (step: Step, launched?: string) => void = () => {},
): void {
  for (const step of timeline)
    cloud.after(step.atS * 1000, async () => {
      tell(step, await perform(cloud, step));
    });
}

/** `interrupt {"action":"terminate"}`; what is long is cut. */
export function orderText({ order, value }: Step): string {
  // Buffers have become lists of their bytes before a replacer sees them.
  const written = JSON.stringify(value, (name, inner) => (name === 'userData' ? `${inner.data.length} bytes` : inner));
  return written === '{}' ? order : `${order} ${written.length > 200 ? `${written.slice(0, 199)}…` : written}`;
}

const EMPTY = { path: [], offset: 0, message: 'the scenario is empty. Write at least { "timeline": [] }.' };

interface Written {
  title?: string;
  world?: CloudSetup;
  timeline?: ({ at: number } & Partial<OrderValues>)[];
}

function scenarioOf({ title, world, timeline = [] }: Written): Scenario {
  return {
    ...(title !== undefined && { title }),
    ...(world !== undefined && { world: worldOf(world) }),
    timeline: timeline.map(stepOf).sort((one, other) => one.atS - other.atS),
  };
}

function worldOf({ instances, ...world }: CloudSetup): CloudSetup {
  return { ...world, ...(instances !== undefined && { instances: instances.map(instanceOf) }) };
}

function stepOf({ at, ...orders }: { at: number } & Partial<OrderValues>): Step {
  const order = orderNames.find((name) => orders[name] !== undefined) ?? 'reboot';
  const value = orders[order];
  const isOfInstance = order === 'launch' || order === 'changeInstance';
  return { atS: at, order, value: isOfInstance ? instanceOf(value as InstanceSetup) : value } as Step;
}

/** What is `null` in the file is not there, and user data may be written as what they say. */
function instanceOf(written: InstanceSetup): InstanceSetup {
  const setup = Object.fromEntries(Object.entries(written).map(([name, value]) => [name, value ?? undefined]));
  return { ...setup, ...(setup.userData !== undefined && { userData: userDataOf(setup.userData) }) };
}
