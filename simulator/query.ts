/** The form-encoded "query" protocol of EC2 and SNS: `Filter.1.Value.2=x` is one member of a list in a structure in a list. */

export type Param = string | Param[] | Params;
export interface Params {
  [name: string]: Param;
}

/** `A.1.B=x&A.2.B=y` → `{ A: [{ B: 'x' }, { B: 'y' }] }` */
export function parseQuery(body: string): Params {
  const nested = nest([...new URLSearchParams(body)].map(([name, value]) => [name.split('.'), value]));
  return typeof nested === 'object' && !Array.isArray(nested) ? nested : {};
}

function nest(fields: [path: string[], value: string][]): Param {
  const leaf = fields.find(([path]) => path.length === 0);
  if (leaf !== undefined) return leaf[1];
  const byName = Map.groupBy(fields, ([path]) => path[0] ?? '');
  const members = [...byName].map(
    ([name, inside]) => [name, nest(inside.map(([path, value]) => [path.slice(1), value]))] as const,
  );
  const isList = members.length > 0 && members.every(([name]) => /^\d+$/.test(name));
  if (!isList) return Object.fromEntries(members);
  return members.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, member]) => member);
}

/** A single value; `undefined` when it is absent or not a single value. */
export function textOf(params: Params, name: string): string | undefined {
  const value = params[name];
  return typeof value === 'string' ? value : undefined;
}

/** A list of single values; empty when absent. */
export function textsOf(params: Params, name: string): string[] {
  const value = params[name];
  return Array.isArray(value) ? value.filter((member) => typeof member === 'string') : [];
}

/** A list of structures; empty when absent. */
export function structuresOf(params: Params, name: string): Params[] {
  const value = params[name];
  if (!Array.isArray(value)) return [];
  return value.filter((member): member is Params => typeof member === 'object' && !Array.isArray(member));
}

/** A structure; empty when absent. */
export function structureOf(params: Params, name: string): Params {
  const value = params[name];
  return typeof value === 'object' && !Array.isArray(value) ? value : {};
}
