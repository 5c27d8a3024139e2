/** One field of the schema against one node of the tree: does it fit, and what to say when it does not. */
import { getNodeValue, type Node } from 'jsonc-parser';
import type { FieldSchema } from './field.ts';
import { quoted } from './source-text.ts';
import { nearest } from './suggest.ts';

/** The form of a field that a node is written in, by its JSON type; absent when it has none of them. */
export function formOf(field: FieldSchema, node: Node): FieldSchema | undefined {
  if (field.anyOf === undefined) return isOfType(field, node) ? field : undefined;
  const form = field.anyOf.find((one) => isOfType(one, node));
  return form && { ...(field.expected !== undefined && { expected: field.expected }), ...form };
}

/** What is wrong with a value of the right type. */
export function problemWith(field: FieldSchema, node: Node): string | undefined {
  const { value } = node;
  if (field.enum !== undefined && !field.enum.includes(value)) return notAmong(field, value);
  if (typeof value === 'string') {
    if (value.length < (field.minLength ?? 0)) return `expected ${expectedOf(field)}, got "".`;
    if (value.includes('\0')) return 'has a NUL character (\\u0000) in it, which nothing takes. Remove it.';
  }
  if (typeof value === 'number') return numberProblem(field, value);
  if (node.type === 'array' && (node.children?.length ?? 0) < (field.minItems ?? 0))
    return `expected ${expectedOf(field)}, got an empty list.`;
  return undefined;
}

/** The sentence for a value of the wrong type: `expected a whole number of seconds, got "60s".` */
export function mismatch(field: FieldSchema, node: Node): string {
  const value: unknown = getNodeValue(node);
  const problem = `expected ${expectedOf(field)}, got ${quoted(value)}.`;
  const meant = probablyMeant(field, value);
  return meant === undefined ? problem : `${problem} Write ${meant}.`;
}

/** The sentence for a key that nothing knows. */
export function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const remedy = meant === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean "${meant}"?`;
  return `unknown key ${quoted(key)}. ${remedy}`;
}

/** The sentence for a key that has to be there. */
export function missingKey(key: string, field: FieldSchema | undefined): string {
  const example = field?.examples?.[0];
  return `"${key}" is missing.${example === undefined ? '' : ` Add it, for example "${key}": ${JSON.stringify(example)}.`}`;
}

function isOfType(field: FieldSchema, node: Node): boolean {
  if (field.enum !== undefined) return node.type === 'string';
  if (field.type === 'integer') return node.type === 'number' && Number.isInteger(node.value);
  return field.type === undefined || field.type === node.type;
}

function expectedOf(field: FieldSchema): string {
  if (field.expected !== undefined) return field.expected;
  if (field.enum !== undefined) return field.enum.map((one) => JSON.stringify(one)).join(' or ');
  if (field.anyOf !== undefined) return field.anyOf.map(expectedOf).join(' or ');
  return { ...typeWords }[field.type ?? 'null'];
}

const typeWords = {
  object: 'an object in braces { }',
  array: 'a list in brackets [ ]',
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'null',
} as const;

function notAmong(field: FieldSchema, value: unknown): string {
  const meant = nearest(String(value), (field.enum ?? []) as string[]);
  const problem = `expected ${expectedOf(field)}, got ${quoted(value)}.`;
  return meant === undefined ? problem : `${problem} Did you mean "${meant}"?`;
}

function numberProblem(field: FieldSchema, value: number): string | undefined {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = field;
  if (value >= minimum && value <= maximum) return undefined;
  return `expected ${expectedOf(field)} from ${minimum} to ${maximum}, got ${value}.`;
}

/** Quotes too many, quotes too few, brackets forgotten: what would have fitted. */
function probablyMeant(field: FieldSchema, value: unknown): string | undefined {
  const forms = field.anyOf ?? [field];
  const fits = (type: FieldSchema['type']) => forms.some((form) => form.type === type && form.enum === undefined);
  if (typeof value === 'string') {
    const isNumber = /^-?\d+(?:\.\d+)?$/.test(value) && (fits('number') || (fits('integer') && !value.includes('.')));
    const isBoolean = (value === 'true' || value === 'false') && fits('boolean');
    if (isNumber || isBoolean) return `${value} without quotes`;
    const choices = forms.find(({ type }) => type === 'array')?.items?.enum;
    if (choices?.includes(value)) return `[${JSON.stringify(value)}]`;
  }
  // Of several forms a string has to be one of its own kind, such as exit codes.
  if ((typeof value === 'number' || typeof value === 'boolean') && forms.length === 1 && fits('string'))
    return `"${value}"`;
  return undefined;
}
