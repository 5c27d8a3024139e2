/** The tests of a few mutants of one machine, in a process of their own; in another one after a mutant that ends neither. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { MESSAGES, type Message, type Mutant, type Orders } from './orders.ts';

/** What became of a mutant. */
export type Fate = Exclude<Message, { is: 'at' }>;

/** Processor time within one test after which a mutant is taken for hanging: several times that of the slowest test. */
const HANGING_AFTER_MS = 15_000;

/** Time in which one that waits for ever does next to nothing; well above the time limit of a test. */
const IDLE_AFTER_MS = 120_000;
const NEXT_TO_NOTHING_MS = 1_000;

const LOOK_EVERY_MS = 500;

/** A tick of the processor's accounts. Source: proc_pid_stat(5), `sysconf(_SC_CLK_TCK)`: 100 a second on every Linux. */
const TICK_MS = 10;

const HANGS = `busy for ${HANGING_AFTER_MS / 1_000} s with one test`;
const IDLES = `nothing for ${IDLE_AFTER_MS / 1_000} s`;

/** How the processes of a run are started. */
export interface Workshop {
  /** The folder `tools`. */
  tools: string;
  /** Ends what is under way. */
  signal: AbortSignal;
  /** Whether jest's own output is to be seen. */
  shown: boolean;
  /** Is told of each fate as soon as it is known, and again when the mutant has to be run once more. */
  heard?(fate: Fate): void;
}

/** The fate of each mutant of the orders. */
export async function fatesOf(orders: Orders, workshop: Workshop): Promise<Fate[]> {
  const { told, at, problem } = await runOnce(orders, workshop);
  const left = orders.mutants.filter((mutant) => !told.some((fate) => fate.mutant === mutant));
  if (left.length === 0) return told;
  if (at === undefined) throw new Error(`jest did not begin: ${problem}`);
  const again = async (mutants: Mutant[]) => (mutants.length === 0 ? [] : fatesOf({ ...orders, mutants }, workshop));
  if (!left.includes(at)) return [...told, ...(await again(left))];
  // Those before it may have used up the memory: then it is given another chance, alone.
  const innocent = problem !== HANGS && problem !== IDLES && orders.mutants.length > 1;
  const last: Fate[] = innocent ? await again([at]) : [{ is: 'hung', mutant: at, by: problem }];
  return [...told, ...last, ...(await again(left.filter((mutant) => mutant !== at)))];
}

interface Attempt {
  told: Fate[];
  /** The mutant that the last word was about. */
  at?: Mutant;
  /** How the process ended; it may have finished nevertheless. */
  problem: string;
}

async function runOnce(orders: Orders, workshop: Workshop): Promise<Attempt> {
  const child = start(orders, workshop);
  const attempt: Attempt = { told: [], problem: '' };
  let heard = { busyMs: 0, atMs: Date.now() };
  createInterface({ input: child.stdio[MESSAGES] as Readable }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    attempt.at = message.mutant;
    if (message.is !== 'at') attempt.told.push(message);
    if (message.is !== 'at') workshop.heard?.(message);
    heard = { busyMs: busyMs(child), atMs: Date.now() };
  });
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (more) => {
    words = `${words}${more}`.slice(-2_000);
  });
  const watch = setInterval(() => {
    const sinceMs = busyMs(child) - heard.busyMs;
    if (sinceMs > HANGING_AFTER_MS) attempt.problem = HANGS;
    else if (Date.now() - heard.atMs > IDLE_AFTER_MS && sinceMs < NEXT_TO_NOTHING_MS) attempt.problem = IDLES;
    else return;
    child.kill('SIGKILL');
  }, LOOK_EVERY_MS);
  try {
    await once(child, 'close');
  } finally {
    clearInterval(watch);
  }
  attempt.problem ||= words;
  return attempt;
}

function start(orders: Orders, { tools, signal, shown }: Workshop): ChildProcess {
  const jest = path.join(tools, '../node_modules/jest/bin/jest.js');
  const config = path.join(tools, 'mutants/jest.config.ts');
  return spawn(process.execPath, [jest, '--config', config, '--runInBand'], {
    cwd: orders.root,
    env: { ...process.env, MUTATION_RUN: JSON.stringify(orders), MUTATION_RUN_SHOWN: shown ? '1' : '' },
    stdio: ['ignore', shown ? 'inherit' : 'ignore', shown ? 'inherit' : 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
}

/** The processor time that a process has used so far. */
function busyMs({ pid }: ChildProcess): number {
  try {
    // The name, in brackets, may hold anything; the state after it is the first of the fields that are counted here.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch (error) {
    // It has ended meanwhile.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}
