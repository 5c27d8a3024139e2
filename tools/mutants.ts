/**
 * `npm run test:mutants`: breaks the machines in one place at a time, and tells where no test notices.
 *
 * Machines are named as arguments; without any it is all of them.
 */

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Fate, fatesOf, type Workshop } from './mutants/batch.ts';
import { digestOf, readRecord, writeRecord } from './mutants/record.ts';
import { details, mutantLine, survivors, total } from './mutants/report.ts';
import { runMutants, type Verdict } from './mutants/run.ts';
import { type Subject, subjectsOf } from './mutants/subjects.ts';

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    /** Only machines that are not as they were when all their mutants were killed, or whose tests are not. */
    changed: { type: 'boolean', default: false },
    /** Processes at the same time. */
    jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    /** Tells the mutants and runs none. */
    list: { type: 'boolean', default: false },
    /** Runs the one mutant of this number, and shows what jest says. */
    only: { type: 'string' },
    /** Begins no more after that many seconds. */
    within: { type: 'string' },
  },
});

const PROGRESS_EVERY_MS = 20_000;

// Where npm starts it: the root of the tree.
const root = process.cwd();
const tools = import.meta.dirname;
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
const workshop: Workshop = { tools, signal: abort.signal, shown: flags.only !== undefined };

const subjects = chosen(await subjectsOf(root));
if (flags.list) list();
else if (flags.only !== undefined) await runOnly(Number(flags.only));
else await runAll();

function chosen(all: Subject[]): Subject[] {
  const unknown = names.filter((name) => !all.some(({ machine }) => machine === name));
  if (unknown.length > 0) {
    throw new Error(
      `no machine is called ${unknown.join(', ')}; there are ${all.map(({ machine }) => machine).join(', ')}`,
    );
  }
  const named = all.filter(({ machine }) => names.length === 0 || names.includes(machine));
  for (const { machine, tests } of named) {
    if (tests.length === 0)
      throw new Error(`no test is called after ${machine} and imports it: __tests__/${machine}.test.ts`);
  }
  const record = readRecord(root);
  return named.filter((subject) => !flags.changed || record[subject.machine]?.digest !== digestOf(root, subject));
}

function list(): void {
  for (const subject of subjects) {
    for (const i of subject.mutations.keys()) console.log(mutantLine(subject, i));
  }
}

async function runOnly(mutant: number): Promise<void> {
  const [subject, ...more] = subjects;
  if (subject === undefined || more.length > 0) throw new Error('--only needs the name of one machine');
  if (subject.mutations[mutant] === undefined) throw new Error(`${subject.machine} has no mutant ${mutant}`);
  console.log(mutantLine(subject, mutant));
  const { machine, tests } = subject;
  const [fate] = await fatesOf({ root, machine, tests, mutants: [mutant] }, workshop);
  console.log(`${fate?.is}${fate && 'by' in fate ? `: ${fate.by}` : ''}`);
  if (fate?.is === 'survived') process.exitCode = 1;
}

async function runAll(): Promise<void> {
  const due = subjects.reduce((sum, { mutations }) => sum + mutations.length, 0);
  console.log(
    `${due} mutants of ${subjects.map(({ machine }) => machine).join(', ') || 'no machine: none has changed'}`,
  );
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim();
  const withinS = flags.within === undefined ? Number.POSITIVE_INFINITY : Number(flags.within);
  const digests = new Map(subjects.map((subject) => [subject, digestOf(root, subject)]));
  const { verdicts, broken } = await withProgress(due, (heard) =>
    runMutants(subjects, { ...workshop, heard, root, jobs: Number(flags.jobs), withinS, seed: commit }),
  );
  const endedEarly = abort.signal.aborted;
  keepRecord(verdicts, digests);
  for (const line of details({ verdicts, broken })) console.log(line);
  const left = due - verdicts.length;
  if (left > 0 && endedEarly) console.log(`${left} of ${due} were not run: it was told to end`);
  else if (left > 0 && broken.size > 0) console.log(`${left} of ${due} have no verdict: first mend what is broken`);
  else if (left > 0)
    console.log(`${left} of ${due} were not run, ${withinS} s were over; the commit ${commit} drew which`);
  console.log(total(verdicts));
  if (survivors(verdicts).length + broken.size > 0 || endedEarly) process.exitCode = 1;
}

async function withProgress<Outcome>(due: number, run: (heard: (fate: Fate) => void) => Promise<Outcome>) {
  const fates = new Map<string, number>();
  const words = () => [...fates].map(([fate, count]) => `${count} ${fate}`).join(', ');
  const progress = setInterval(() => console.log(`… of ${due}: ${words() || 'none yet'}`), PROGRESS_EVERY_MS);
  try {
    return await run(({ is, mutant }) => {
      if (typeof mutant === 'number') fates.set(is, (fates.get(is) ?? 0) + 1);
    });
  } catch (error) {
    // The other processes have nobody to report to any more.
    abort.abort();
    throw error;
  } finally {
    clearInterval(progress);
  }
}

/** Of the machines whose mutants have all been run, and killed, with the digests of what was run. */
function keepRecord(verdicts: Verdict[], digests: Map<Subject, string>): void {
  const record = readRecord(root);
  for (const [subject, digest] of digests) {
    const { machine, mutations } = subject;
    const own = verdicts.filter((verdict) => verdict.subject === subject);
    if (own.length < mutations.length || survivors(own).length > 0) continue;
    if (digestOf(root, subject) === digest) record[machine] = { digest, mutants: mutations.length };
    else console.log(`${machine} or its tests have changed meanwhile: not noted in the record`);
  }
  if (Object.keys(record).length > 0) writeRecord(root, record);
}
