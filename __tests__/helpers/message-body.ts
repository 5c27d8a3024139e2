/** Bodies of messages, held against their published form. */

import * as Value from 'typebox/value';
import { bodyKeys, messageBodySchema } from '../../config/message-body.ts';

/** A default body. @throws when it is not of the form that receivers are promised (4.4), with each place. */
export function bodyOf(text: string) {
  const body = JSON.parse(text);
  const problems = Value.Errors(messageBodySchema, body).map(
    ({ instancePath, message }) => `${instancePath} ${message}`,
  );
  const known = ['test', ...bodyKeys.map(({ name }) => name)];
  const unknown = Object.keys(body).filter((key) => !known.includes(key as never));
  if (unknown.length > 0) problems.push(`keys that the schema does not have: ${unknown.join(', ')}`);
  if (problems.length > 0) throw new Error(`this is no message body:\n${problems.join('\n')}\n${text}`);
  return body;
}
