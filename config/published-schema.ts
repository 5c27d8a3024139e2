/** The schema as it is published: plain JSON Schema, for editors and for checks in a pipeline (behaviour.md 3.2). */
import { type FieldSchema, rootField } from './field.ts';

type JsonSchema = Record<string, unknown>;

/** What editors show for a key that we do not know. Validators accept it, as the daemon does. */
const unknownKeys = {
  deprecated: true,
  deprecationMessage: 'ec2fleetd does not know this key. It ignores it, and with --strict refuses it.',
};

/**
 * JSON Schema, draft 2020-12. It accepts all that the daemon accepts, and some more: what takes more than one field to
 * see (a device given twice, a source without its key) only `ec2fleetd validate` says.
 */
export function publishedSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:ec2fleetd:configuration:1',
    ...published(rootField),
    title: 'ec2fleetd configuration',
  };
}

/** {@link publishedSchema} as the text of a file. */
export function publishedSchemaText(): string {
  return `${JSON.stringify(publishedSchema(), null, 2)}\n`;
}

function published(field: FieldSchema): JsonSchema {
  const {
    unit,
    expected,
    macros,
    required,
    properties,
    additionalProperties: anyKey,
    items,
    anyOf,
    description,
    ...plain
  } = field;
  const words = [description, unit && `In ${unit}.`, macros && 'Macros such as {instance_id} are replaced.'];
  return {
    ...(description !== undefined && { description: words.filter(Boolean).join(' ') }),
    ...plain,
    ...(anyOf && { anyOf: anyOf.map(published) }),
    ...(items && { items: published(items) }),
    ...(anyKey && { additionalProperties: published(anyKey) }),
    ...(properties && publishedObject(properties, required ?? [])),
  };
}

/** A key with a default is always there once loaded, and so required in our types, but nobody has to write it. */
function publishedObject(properties: Readonly<Record<string, FieldSchema>>, required: readonly string[]): JsonSchema {
  const demanded = required.filter((key) => properties[key]?.default === undefined);
  return {
    properties: Object.fromEntries(Object.entries(properties).map(([key, child]) => [key, published(child)])),
    ...(demanded.length > 0 && { required: demanded }),
    additionalProperties: unknownKeys,
  };
}
