/** A tree against the schema: the value with its defaults, and every problem in a person's words. */
import { getNodeValue, type Node } from 'jsonc-parser';
import { defaultOf, type FieldSchema } from './field.ts';
import { formOf, mismatch, missingKey, problemWith, unknownKey } from './sentences.ts';
import type { Path } from './source-text.ts';

/**
 * How much a finding matters: `unknown` is an error under `--strict` and a warning otherwise, `form` and `note` are for `validate`
 * alone.
 */
export type Severity = 'error' | 'unknown' | 'warning' | 'form' | 'note';

/** Something found in a configuration. */
export interface Finding {
  severity: Severity;
  path: Path;
  /** In the text that the tree was made from. */
  offset: number;
  message: string;
}

/** A value that stands in the file and has the form the schema asks for. */
export interface Place {
  path: Path;
  /** The path with `*` for indexes and for keys of maps: `domains.*.attach-volume.*.device`. */
  pattern: string;
  /** With defaults; parts inside it that had problems are left out, and so are lists with such a part. */
  value: unknown;
  offset: number;
  schema: FieldSchema;
  /** The keys that stand in an object, right or wrong. */
  keys: readonly string[];
}

/** What came of checking a tree. The value is whole only when no finding is an error. */
export interface Checked {
  value: unknown;
  findings: Finding[];
  /** In file order, outer ones before inner ones. */
  places: Place[];
}

type Visit = (field: FieldSchema, node: Node, at: Pick<Place, 'path' | 'pattern'>) => unknown;

/** Checks a tree against a schema. @param lineOf the line, from 1, of an offset: for problems that name a second place. */
export function checkTree(schema: FieldSchema, root: Node, lineOf: (offset: number) => number): Checked {
  const findings = givenTwice(root, [], lineOf);
  const places: Place[] = [];
  return { value: visit(schema, root, { path: [], pattern: '' }), findings, places };

  function visit(field: FieldSchema, node: Node, at: Pick<Place, 'path' | 'pattern'>): unknown {
    const form = formOf(field, node);
    const message = form === undefined ? mismatch(field, node) : problemWith(form, node);
    if (message !== undefined) findings.push({ severity: 'error', path: at.path, offset: node.offset, message });
    if (form === undefined || message !== undefined) return undefined;

    const place: Place = {
      ...at,
      value: undefined,
      offset: node.offset,
      schema: form,
      keys: [...propertiesOf(node).keys()],
    };
    places.push(place);
    findings.push(...keyFindings(form, node, at.path));
    place.value = contentOf(form, node, at, visit);
    return place.value;
  }
}

function contentOf(form: FieldSchema, node: Node, at: Pick<Place, 'path' | 'pattern'>, visit: Visit): unknown {
  const { items, properties, additionalProperties: anyKey } = form;
  const inner = (key: string | number, name: string | number) => ({
    path: [...at.path, key],
    pattern: at.pattern === '' ? `${name}` : `${at.pattern}.${name}`,
  });
  if (node.type === 'array' && items !== undefined) {
    const values = node.children?.map((item, index) => visit(items, item, inner(index, '*')));
    // What is wrong has been said; a list without it would be another one, and have other faults.
    return values?.includes(undefined) ? undefined : values;
  }
  if (properties !== undefined) {
    const given = propertiesOf(node);
    const values = Object.entries(properties).map(([key, child]) => {
      const value = given.get(key)?.value;
      return [key, value === undefined ? defaultOf(child) : visit(child, value, inner(key, key))] as const;
    });
    return Object.fromEntries(values.filter(([, value]) => value !== undefined));
  }
  // A map of anything (CreateVolume's parameters) is taken as it stands.
  if (anyKey?.type === undefined) return getNodeValue(node);
  return Object.fromEntries(
    [...propertiesOf(node)].map(([key, { value }]) => [key, visit(anyKey, value, inner(key, '*'))]),
  );
}

/** Keys that an object has twice, whatever the schema knows of it. */
function givenTwice(node: Node, path: Path, lineOf: (offset: number) => number): Finding[] {
  if (node.type === 'array')
    return (node.children ?? []).flatMap((item, index) => givenTwice(item, [...path, index], lineOf));
  return [...propertiesOf(node)].flatMap(([key, { value, earlier, offset }]): Finding[] => {
    const inside = givenTwice(value, [...path, key], lineOf);
    if (earlier === undefined) return inside;
    const message = `"${key}" is given twice, first in line ${lineOf(earlier)}. Keep one of them.`;
    return [{ severity: 'error', path: [...path, key], offset, message }, ...inside];
  });
}

/** Keys of an object that are unknown or missing. */
function keyFindings(form: FieldSchema, node: Node, path: Path): Finding[] {
  const { properties, required = [] } = form;
  if (node.type !== 'object' || properties === undefined) return [];
  const given = propertiesOf(node);
  const known = Object.keys(properties);
  const unknown = [...given]
    .filter(([key]) => !known.includes(key))
    .map(
      ([key, { offset }]): Finding => ({
        severity: 'unknown',
        path: [...path, key],
        offset,
        message: unknownKey(key, known),
      }),
    );
  const missing = required
    .filter((key) => !given.has(key) && properties[key]?.default === undefined)
    .map(
      (key): Finding => ({ severity: 'error', path, offset: node.offset, message: missingKey(key, properties[key]) }),
    );
  return [...unknown, ...missing];
}

/** The properties of an object. Of a key given twice the last counts, as in every JSON parser. */
function propertiesOf(node: Node): Map<string, { offset: number; value: Node; earlier?: number }> {
  const given = new Map<string, { offset: number; value: Node; earlier?: number }>();
  for (const { offset, children } of node.type === 'object' ? (node.children ?? []) : []) {
    const [key, value] = children ?? [];
    if (key === undefined || value === undefined) continue;
    const earlier = given.get(key.value)?.offset;
    given.set(key.value, { offset, value, ...(earlier !== undefined && { earlier }) });
  }
  return given;
}
