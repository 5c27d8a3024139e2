/** The schema as something to walk over. */
import { configSchema } from './schema.ts';

/** The words of JSON Schema that `schema.ts` uses, and those that it adds. */
export interface FieldSchema {
  type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';
  enum?: readonly unknown[];
  anyOf?: readonly FieldSchema[];
  properties?: Readonly<Record<string, FieldSchema>>;
  /** What a map holds under any key. */
  additionalProperties?: FieldSchema;
  required?: readonly string[];
  items?: FieldSchema;
  minItems?: number;
  minLength?: number;
  minimum?: number;
  maximum?: number;
  default?: unknown;
  examples?: readonly unknown[];
  title?: string;
  description?: string;
  unit?: string;
  expected?: string;
  macros?: boolean;
}

/** The whole configuration as a field. TypeBox's types know more of each schema than a walk over all of them can use. */
export const rootField = configSchema as unknown as FieldSchema;

/** What a field that is left out stands for, with the defaults inside it. */
export function defaultOf(field: FieldSchema): unknown {
  if (field.default === undefined) return undefined;
  if (field.properties === undefined) return structuredClone(field.default);
  const inner = Object.entries(field.properties).map(([key, child]) => [key, defaultOf(child)] as const);
  return Object.fromEntries(inner.filter(([, value]) => value !== undefined));
}
