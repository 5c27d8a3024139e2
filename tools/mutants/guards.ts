/** What can be wrong with one guard. */

import type { Path } from './chart.ts';
import type { Mutation } from './mutations.ts';
import { type Combination, guardName, isCombination } from './names.ts';

/**
 * Mutations of a guard, other than that it never holds.
 * @param name what the names of the mutations begin with.
 */
export function mutationsOfGuard(guard: unknown, name: string, path: Path): Mutation[] {
  return [
    {
      name: `${name} always holds`,
      hint: 'No test comes by it where it does not hold.',
      path,
      instead: { value: () => true },
    },
    ...weaker(guard).map(({ without, weakened }) => ({
      name: `${name} without ${without}`,
      hint: 'No test comes by it where this part of it decides.',
      path,
      instead: { value: weakened },
    })),
  ];
}

/** A combined guard with one of its parts left out, however deep. */
function weaker(guard: unknown): { without: string; weakened: unknown }[] {
  if (!isCombination(guard)) return [];
  const { guards } = guard;
  const withParts = (parts: unknown[]): Combination => Object.assign(() => false, guard, { guards: parts });
  return guards.flatMap((part, i) => [
    ...(guards.length > 1 ? [{ without: guardName(part), weakened: withParts(guards.toSpliced(i, 1)) }] : []),
    ...weaker(part).map(({ without, weakened }) => ({
      without,
      weakened: withParts(guards.toSpliced(i, 1, weakened)),
    })),
  ]);
}
