/** How actions and guards are called in the name of a mutation. */

/** An action that XState makes from a description (`assign`, `raise`, `sendTo`); its details are properties of the function. */
export type Builtin = ((...args: never[]) => unknown) & {
  type: string;
  event?: unknown;
  delay?: unknown;
  id?: unknown;
};

export function isBuiltin(action: unknown): action is Builtin {
  return typeof action === 'function' && 'resolve' in action;
}

/** For example `finishStep`, `endAs(interrupted)`, `raise way-up.expired`. */
export function actionName(action: unknown): string {
  if (!isBuiltin(action)) return referenceName(action, 'a function');
  const about = [eventType(action.event), action.id, (action as { sendId?: unknown }).sendId].find(
    (one) => typeof one === 'string',
  );
  return [action.type.replace('xstate.', ''), about].filter(Boolean).join(' ');
}

/** For example `refused`, `endsAs(interrupted)`, `and(linesLeft, not(enough))`. */
export function guardName(guard: unknown): string {
  if (!isCombination(guard)) return referenceName(guard, 'a function');
  return `${guard.name}(${guard.guards.map(guardName).join(', ')})`;
}

/** A guard made of others by `and`, `or` or `not`. */
export type Combination = (() => boolean) & { guards: unknown[] };

export function isCombination(guard: unknown): guard is Combination {
  return typeof guard === 'function' && 'guards' in guard;
}

function referenceName(reference: unknown, otherwise: string): string {
  if (typeof reference === 'string') return reference;
  if (typeof reference !== 'object' || reference === null) return otherwise;
  const { type, params } = reference as { type: string; params?: unknown };
  const values = typeof params === 'object' && params !== null ? Object.values(params).join(', ') : undefined;
  return values === undefined ? type : `${type}(${values})`;
}

function eventType(event: unknown): unknown {
  return typeof event === 'object' && event !== null ? (event as { type?: unknown }).type : undefined;
}
