/** What can be wrong with one transition, its actions aside. */

import type { Chart, Place, State, Tree } from './chart.ts';
import { mutationsOfGuard } from './guards.ts';
import type { Mutation } from './mutations.ts';
import { guardName } from './names.ts';

export function mutationsOfTransition(chart: Chart, state: State, transition: Place): Mutation[] {
  const { name, path, value } = transition;
  return [
    // That a guard never holds comes to the same.
    { name: `${name}: is never taken`, hint: 'No test takes it and looks at what comes of it.', path },
    ...otherTargets(chart, state, transition),
    ...otherGuards(transition),
    ...((value as Tree).reenter === true
      ? [
          {
            name: `${name}: does not re-enter`,
            hint: 'No test looks at what re-entering does.',
            path: [...path, 'reenter'],
          },
        ]
      : []),
  ];
}

function otherTargets(chart: Chart, { keys }: State, { name, path, value }: Place): Mutation[] {
  const whole = typeof value === 'string' ? { target: value } : (value as Tree);
  const [target] = [whole.target].flat() as (string | undefined)[];
  if (target === undefined) return leaving(chart, keys, { name, path, value: whole });
  const aim = chart.targetOf(keys, target);
  const other = chart.neighbourOf(aim, keys);
  const aimName = aim.join('.');
  const { target: _, ...without } = whole;
  return [
    ...(other
      ? [
          {
            name: `${name}: goes to ${other.key} instead of ${aimName}`,
            hint: 'No test looks at where it leads.',
            path,
            instead: { value: { ...whole, target: other.target } },
          },
        ]
      : []),
    // A state that goes to itself stays with and without a target.
    ...(aimName === keys.join('.')
      ? []
      : [
          {
            name: `${name}: stays instead of going to ${aimName}`,
            hint: 'No test looks at where it leads.',
            path,
            instead: { value: without },
          },
        ]),
  ];
}

/** A transition that is meant to stay goes elsewhere: what is under way is torn. */
function leaving(chart: Chart, keys: string[], { name, path, value }: Place): Mutation[] {
  const other = keys.length === 0 ? chart.neighbourOf(['']) : chart.neighbourOf(keys);
  if (other === undefined) return [];
  return [
    {
      name: `${name}: goes to ${other.key} instead of staying`,
      hint: 'No test looks whether it stays.',
      path,
      instead: { value: { ...(value as Tree), target: other.target } },
    },
  ];
}

function otherGuards({ name, path, value }: Place): Mutation[] {
  const { guard } = value as Tree;
  if (guard === undefined) return [];
  return mutationsOfGuard(guard, `${name}: guard ${guardName(guard)}`, [...path, 'guard']);
}
