/** A mutation run: the mutants of some machines, a few at a time, until all are told or the time is over. */

import { createHash } from 'node:crypto';
import { type Fate, fatesOf, type Workshop } from './batch.ts';
import type { Subject } from './subjects.ts';

/** What became of one mutation. */
export interface Verdict {
  subject: Subject;
  mutation: number;
  fate: Fate;
}

export interface RunOptions extends Workshop {
  root: string;
  /** Processes at the same time. */
  jobs: number;
  /** No more is begun after that many seconds. */
  withinS: number;
  /** Decides, when the time is too short for all, for which it is used: the same seed, the same ones. */
  seed: string;
}

/** How many mutants one process takes. All of them are loaded at once, each with its tests: some 5 MiB. */
const BATCH = 60;

export interface RunOutcome {
  /** Those that there was no time for are left out. */
  verdicts: Verdict[];
  /** Machines whose tests fail as they are, each with the test that does: nothing is said of their mutants. */
  broken: Map<Subject, string>;
}

/** What becomes of each mutant. */
export async function runMutants(subjects: Subject[], options: RunOptions): Promise<RunOutcome> {
  const untilMs = performance.now() + options.withinS * 1_000;
  const batches = batchesOf(subjects, options.seed);
  const broken = new Map<Subject, string>();
  const verdicts: Verdict[] = [];
  await Promise.all(Array.from({ length: options.jobs }, work));
  return { verdicts: verdicts.filter(({ subject }) => !broken.has(subject)), broken };

  async function work(): Promise<void> {
    for (let batch = batches.shift(); batch && performance.now() < untilMs; batch = batches.shift()) {
      if (broken.has(batch.subject)) continue;
      try {
        verdicts.push(...(await verdictsOf(batch, options)));
      } catch (error) {
        // What is known by then is still worth telling.
        if (options.signal.aborted) return;
        if (!(error instanceof TestsFail)) throw error;
        broken.set(batch.subject, error.message);
      }
    }
  }
}

/** The tests of a machine fail without any mutation. The message is the test that does. */
class TestsFail extends Error {}

interface Batch {
  subject: Subject;
  mutations: number[];
}

/** Batches of all machines in turn, each a sample of its machine's mutations. */
function batchesOf(subjects: Subject[], seed: string): Batch[] {
  const rows = subjects.map((subject) => chunks(shuffled(subject, seed)).map((mutations) => ({ subject, mutations })));
  const columns = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: columns }, (_, i) => rows.flatMap((row) => row[i] ?? [])).flat();
}

function shuffled({ machine, mutations }: Subject, seed: string): number[] {
  const rank = (name: string) => createHash('sha256').update(`${seed} ${machine} ${name}`).digest('hex');
  return mutations
    .map(({ name }, mutation) => ({ mutation, rank: rank(name) }))
    .sort((one, other) => (one.rank < other.rank ? -1 : 1))
    .map(({ mutation }) => mutation);
}

function chunks(mutations: number[]): number[][] {
  const count = Math.ceil(mutations.length / BATCH);
  return Array.from({ length: count }, (_, i) => mutations.slice(i * BATCH, (i + 1) * BATCH));
}

/** After the mutants comes the machine as it is: that its tests pass shows that nothing was left behind for anybody. */
async function verdictsOf({ subject, mutations }: Batch, options: RunOptions): Promise<Verdict[]> {
  const { machine, tests } = subject;
  const orders = { root: options.root, machine, tests, mutants: [...mutations, 'original' as const] };
  const fates = new Map((await fatesOf(orders, options)).map((fate) => [fate.mutant, fate]));
  if (fates.get('original')?.is !== 'survived') {
    await passOrThrow(subject, options);
    // Who was killed by what another one has left, and who by his own fault, is not known; alone he was the first.
    if (mutations.length > 1) return inHalves({ subject, mutations }, options);
  }
  return mutations.map((mutation) => {
    const fate = fates.get(mutation);
    if (fate === undefined) throw new Error(`nothing was heard of ${machine} ${mutation}`);
    return { subject, mutation, fate };
  });
}

async function passOrThrow({ machine, tests }: Subject, options: RunOptions): Promise<void> {
  const [fate] = await fatesOf({ root: options.root, machine, tests, mutants: ['original'] }, options);
  if (fate?.is !== 'survived') throw new TestsFail(fate && 'by' in fate ? fate.by : 'nothing was heard of them');
}

async function inHalves({ subject, mutations }: Batch, options: RunOptions): Promise<Verdict[]> {
  const half = Math.ceil(mutations.length / 2);
  return [
    ...(await verdictsOf({ subject, mutations: mutations.slice(0, half) }, options)),
    ...(await verdictsOf({ subject, mutations: mutations.slice(half) }, options)),
  ];
}
