/** What a mutation run says. */

import type { RunOutcome, Verdict } from './run.ts';
import type { Subject } from './subjects.ts';

/** For example `domain 17  pending on domain.stop: without action finishStep`. */
export function mutantLine({ machine, mutations }: Subject, mutation: number): string {
  return `${machine} ${mutation}  ${mutations[mutation]?.name}`;
}

/** Those that hang and are refused, then the survivors, each with what the tests lack and how to look at it, then what is broken. */
export function details({ verdicts, broken }: RunOutcome): string[] {
  const inOrder = verdicts.toSorted(byNumber);
  const some = (...kinds: string[]) => inOrder.filter(({ fate }) => kinds.includes(fate.is));
  return [
    ...some('hung').map((verdict) => `hung      ${lineOf(verdict)}`),
    ...some('refused').map((verdict) => `refused   ${lineOf(verdict)}`),
    ...some('survived').flatMap((verdict) => [`SURVIVED  ${lineOf(verdict)}`, `          ${hintOf(verdict)}`]),
    ...[...broken].map(([{ machine }, test]) => `BROKEN    ${machine}: the tests fail without any mutation: ${test}`),
  ];
}

/** For example `812 mutants: 805 killed, 7 refused, 0 survived`. Those that hang are killed. */
export function total(verdicts: Verdict[]): string {
  const count = (...kinds: string[]) => verdicts.filter(({ fate }) => kinds.includes(fate.is)).length;
  return `${verdicts.length} mutants: ${count('killed', 'hung')} killed, ${count('refused')} refused, ${count('survived')} survived`;
}

export function survivors(verdicts: Verdict[]): Verdict[] {
  return verdicts.filter(({ fate }) => fate.is === 'survived');
}

function lineOf({ subject, mutation, fate }: Verdict): string {
  const line = mutantLine(subject, mutation);
  return fate.is === 'hung' ? `${line} (${fate.by})` : line;
}

function hintOf({ subject, mutation }: Verdict): string {
  const hint = subject.mutations[mutation]?.hint;
  return `${hint} Again: npm run test:mutants -- ${subject.machine} --only=${mutation}`;
}

function byNumber(one: Verdict, other: Verdict): number {
  return one.subject.machine.localeCompare(other.subject.machine) || one.mutation - other.mutation;
}
