/** The steps that remember, over restarts of the daemon, what became of domains and notices (12.3). */

import { fromPromise } from 'xstate';
import type { BootMemory, StateDir } from '../adapters/state-dir.ts';
import type { Past } from '../config/vocabulary.ts';
import type { Remembrance } from '../machines/domain.ts';

/** What is remembered, and the means to change it. */
export type Memory = Pick<StateDir, 'memory' | 'changeMemory'>;

/**
 * Writes down what became of a domain; resolves when it is on disk.
 * @param exec false: commands are switched off, so that no application ever runs, and there is nothing to remember.
 */
export const remember = (memory: Memory, exec: boolean) =>
  fromPromise<void, Remembrance>(async ({ input }) => {
    if (exec) await memory.changeMemory((known) => withDomain(known, input));
  });

/** What earlier runs of this boot made of a domain. */
export function pastOf(memory: Memory, domain: string): { past: Past; finishedUnder?: string } {
  const { domains } = memory.memory();
  const known = Object.hasOwn(domains, domain) ? domains[domain] : undefined;
  if (known === undefined) return { past: 'new' };
  return { past: known.past, ...(known.notice === undefined ? {} : { finishedUnder: known.notice }) };
}

/** With a notice that is over: it was handled, and the instance has lived on. */
export function withNoticeOver(memory: BootMemory, key: string): BootMemory {
  if (memory.noticesOver.includes(key)) return memory;
  return { ...memory, noticesOver: [...memory.noticesOver, key] };
}

function withDomain(memory: BootMemory, { domain, past, finishedUnder }: Remembrance): BootMemory {
  const others = Object.entries(memory.domains).filter(([name]) => name !== domain);
  if (past === 'new') return { ...memory, domains: Object.fromEntries(others) };
  const known = { past, ...(finishedUnder === undefined ? {} : { notice: finishedUnder }) };
  return { ...memory, domains: Object.fromEntries([...others, [domain, known]]) };
}
