/** The test file of a mutation run: loads the tests of one machine once for each mutant, each time in a module registry of its own. */

import path from 'node:path';
import type * as FastCheck from 'fast-check';
import type * as XState from 'xstate';
import type { Mutant, Orders, Watch } from './orders.ts';
import { type Choice, mutating } from './xstate.ts';

/** Put there by the environment. */
declare const mutationRun: { orders: Orders; watch: Watch };

const { orders, watch } = mutationRun;
let mutant: Mutant = 'original';

shareAmongMutants();
for (const one of orders.mutants) {
  // The environment knows a mutant by the name of the outermost block.
  describe(`${one}`, () => load(one));
}

/** Packages are the same for every mutant, so they are loaded once; all but the making of machines is the real one. */
function shareAmongMutants(): void {
  const xstate = mutating(jest.requireActual<typeof XState>('xstate'), choice);
  jest.doMock('xstate', () => xstate);
  const graph = jest.requireActual<object>('xstate/graph');
  jest.doMock('xstate/graph', () => graph);
  const fastCheck = jest.requireActual<typeof FastCheck>('fast-check');
  // The same examples each time, so that a second run says the same; and no search for the smallest one.
  fastCheck.configureGlobal({ seed: 1, endOnFailure: true });
  jest.doMock('fast-check', () => fastCheck);
}

/** For the machine that is being made now. */
function choice(): Choice {
  const chosen = mutant;
  return {
    machine: orders.machine,
    ...(typeof chosen === 'number' ? { mutation: chosen } : {}),
    refused: () => watch.refused(chosen),
    circling: () => watch.circling(chosen),
  };
}

function load(one: Mutant): void {
  watch.loading(one);
  mutant = one;
  jest.isolateModules(() => {
    try {
      for (const test of orders.tests) require(path.join(orders.root, test));
    } catch (error) {
      watch.failed(one, error);
    }
  });
  // What was thrown to nobody comes up a turn later, and must not be laid at the next one's door.
  afterAll(() => new Promise((resolve) => setTimeout(resolve)));
}
