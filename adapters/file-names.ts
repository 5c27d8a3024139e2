/** Names of anything as names of files. */

import { createHash } from 'node:crypto';

/** Longer ones are cut: a file name has 255 bytes, and an ending and the digest need some. */
const LONGEST_NAME = 200;

/**
 * A name as the beginning of a file name: `my-world.mc` stays, `a/b` becomes `a%2Fb`. Two names never become one: `%` is itself
 * encoded, and what had to be cut carries `~` and a digest, which no other name can. Empty for an empty one: add an ending.
 */
export function fileNameOf(name: string): string {
  const safe = [...Buffer.from(name)].map(encoded).join('').replace(/^\./, '%2E');
  if (safe.length <= LONGEST_NAME) return safe;
  return `${safe.slice(0, LONGEST_NAME)}~${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}

function encoded(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9._-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
