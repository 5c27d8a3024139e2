/** Cutting text to a number of bytes, never through a character. */

/** The beginning of `text` and the mark, together at most `mostBytes` of UTF-8; `text` as it is when it fits. */
export function cutToBytes(text: string, mostBytes: number, mark: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= mostBytes) return text;
  let end = mostBytes - Buffer.byteLength(mark);
  while (end > 0 && isContinuation(bytes[end])) end -= 1;
  return bytes.toString('utf8', 0, end) + mark;
}

/** The end of `text`, at most `mostBytes` of UTF-8. */
export function lastBytes(text: string, mostBytes: number): string {
  const bytes = Buffer.from(text);
  let begin = Math.max(0, bytes.length - mostBytes);
  while (begin > 0 && isContinuation(bytes[begin])) begin += 1;
  return bytes.toString('utf8', begin);
}

/** UTF-8 marks every byte of a character but its first as `10xxxxxx`. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
