/** Members of a JSON request, checked where they enter. Source: SQS API Reference. */
import { createHash } from 'node:crypto';
import type { MessageAttribute } from '../cloud.ts';
import { invalidContents, invalidParameter, missingParameter } from './errors.ts';

/** A request's body. */
export type Input = Partial<Record<string, unknown>>;

const ATTRIBUTES_LIMIT = 10;

export function textIn(input: Input, name: string): string | undefined {
  const value = input[name];
  return typeof value === 'string' ? value : undefined;
}

export function required(input: Input, name: string): string {
  const value = textIn(input, name);
  if (value === undefined || value === '') throw missingParameter(name);
  return value;
}

/** A whole number within its range, or the default. */
export function numberIn(input: Input, name: string, least: number, most: number): number | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalidParameter(
    `Value ${String(value)} for parameter ${name} is invalid. Reason: Must be between ${least} and ${most}, if provided.`,
  );
}

export function namesIn(input: Input, name: string): string[] {
  const value = input[name];
  return Array.isArray(value) ? value.filter((member) => typeof member === 'string') : [];
}

/** Tabs, line ends and whatever else XML 1.0 can hold; lone surrogates cannot be written in UTF-8 in the first place. */
export function checkCharacters(text: string): void {
  if (!/^[\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]*$/u.test(text)) throw invalidContents();
}

export function attributesIn(input: Input): Record<string, MessageAttribute> {
  const attributes = (input.MessageAttributes ?? {}) as Record<string, MessageAttribute>;
  const entries = Object.entries(attributes);
  if (entries.length > ATTRIBUTES_LIMIT)
    throw invalidParameter(`Number of message attributes [${entries.length}] exceeds the allowed maximum [10].`);
  for (const [name, { DataType, StringValue, BinaryValue }] of entries) {
    if (!/^(String|Number|Binary)(\..+)?$/.test(DataType))
      throw invalidParameter(
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
      );
    if ((StringValue ?? BinaryValue ?? '') === '')
      throw invalidParameter(
        `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${DataType}'.`,
      );
  }
  return attributes;
}

/** What counts against a queue's limit: the body, and of each attribute name, type and value. */
export function sizeOf(body: string, attributes: Record<string, MessageAttribute>): number {
  return Object.entries(attributes).reduce(
    (sum, [name, { DataType, StringValue = '', BinaryValue = '' }]) =>
      sum + Buffer.byteLength(name + DataType + StringValue) + Buffer.byteLength(BinaryValue, 'base64'),
    Buffer.byteLength(body),
  );
}

export function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

/**
 * By sorted name: name, type, a byte for the kind of value, value, each but the byte after its length.
 * @returns `undefined` when there are none. Source: SQS Developer Guide, "Calculating the MD5 message digest for message attributes".
 */
export function md5OfAttributes(attributes: Record<string, MessageAttribute>): string | undefined {
  const names = Object.keys(attributes).toSorted();
  if (names.length === 0) return undefined;
  const parts = names.flatMap((name) => {
    const { DataType = '', StringValue, BinaryValue = '' } = attributes[name] ?? {};
    const isText = StringValue !== undefined;
    const value = isText ? Buffer.from(StringValue) : Buffer.from(BinaryValue, 'base64');
    return [...sized(Buffer.from(name)), ...sized(Buffer.from(DataType)), Buffer.of(isText ? 1 : 2), ...sized(value)];
  });
  return md5(Buffer.concat(parts));
}

function sized(data: Buffer): Buffer[] {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return [length, data];
}
