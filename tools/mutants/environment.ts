/** Watches the tests of mutated machines: tells what becomes of each mutant, and skips what is left once it is killed. */

import { writeSync } from 'node:fs';
import { TestEnvironment } from 'jest-environment-node';
import { MESSAGES, type Message, type Mutant, type Orders, type Watch } from './orders.ts';

/** What the test runner tells of itself, as far as it matters here. Source: jest-circus, `Circus.Event`. */
type RunnerEvent =
  | { name: 'test_start'; test: Test }
  | { name: 'error'; error: unknown; promise?: unknown }
  | { name: 'run_describe_start' | 'run_describe_finish'; describeBlock: Block };

interface Block {
  name: string;
  parent?: Block;
}

interface Test extends Block {
  mode?: string | null;
  errors: unknown[];
}

const SIGN_OF_LIFE_MS = 1_000;

export default class MutationEnvironment extends TestEnvironment {
  private at: Mutant = 'original';
  private saidAtMs = 0;
  private readonly over = new Set<Mutant>();
  private tests: Test[] = [];

  override async setup(): Promise<void> {
    await super.setup();
    const orders = JSON.parse(process.env.MUTATION_RUN ?? '') as Orders;
    const watch: Watch = {
      loading: (mutant) => this.begin(mutant),
      refused: (mutant) => this.end({ is: 'refused', mutant }),
      circling: (mutant) => this.end({ is: 'hung', mutant, by: 'goes round without an end' }),
      failed: (mutant, error) => this.end({ is: 'killed', mutant, by: `its tests do not load: ${error}` }),
    };
    this.global.mutationRun = { orders, watch };
  }

  /** Called by the test runner. */
  handleTestEvent(event: RunnerEvent): void {
    switch (event.name) {
      case 'run_describe_start':
        if (isOutermost(event.describeBlock)) this.begin(mutantOf(event.describeBlock));
        break;
      case 'test_start':
        this.look(this.tests.slice(-1));
        if (this.over.has(this.at)) event.test.mode = 'skip';
        else this.startTest(event.test);
        break;
      case 'error':
        // A promise may be waited for yet; the test runner looks at it again when the test is over.
        if (!event.promise) this.end({ is: 'killed', mutant: this.at, by: `thrown to nobody: ${event.error}` });
        break;
      case 'run_describe_finish':
        if (!isOutermost(event.describeBlock)) break;
        this.look(this.tests);
        this.end({ is: 'survived', mutant: this.at, tests: this.tests.length });
    }
  }

  private begin(mutant: Mutant): void {
    this.at = mutant;
    this.tests = [];
    this.sayAt();
  }

  private startTest(test: Test): void {
    this.tests.push(test);
    // So that many slow tests are not taken for one that hangs.
    if (Date.now() - this.saidAtMs > SIGN_OF_LIFE_MS) this.sayAt();
  }

  private sayAt(): void {
    this.saidAtMs = Date.now();
    say({ is: 'at', mutant: this.at });
  }

  private look(tests: Test[]): void {
    const failed = tests.find(({ errors }) => errors.length > 0);
    if (failed) this.end({ is: 'killed', mutant: this.at, by: fullName(failed) });
  }

  /** The first word counts. */
  private end(message: Message): void {
    if (this.over.has(message.mutant)) return;
    this.over.add(message.mutant);
    say(message);
  }
}

/** At once, and before anything else goes on: a mutant may never let the process come to rest again. */
function say(message: Message): void {
  writeSync(MESSAGES, `${JSON.stringify(message)}\n`);
}

/** Blocks that the driver makes are right below the test runner's own. */
function isOutermost({ parent }: Block): boolean {
  return parent !== undefined && parent.parent === undefined;
}

function mutantOf({ name }: Block): Mutant {
  return /^\d+$/.test(name) ? Number(name) : (name as Mutant);
}

function fullName({ name, parent }: Block): string {
  return parent === undefined || isOutermost(parent) ? name : `${fullName(parent)} ${name}`;
}
