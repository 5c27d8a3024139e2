/** Places in a configuration: where they are in the file, and what they are called. */

/** The way from the top of a configuration to a value: keys and list indexes. */
export type Path = readonly (string | number)[];

/** Gives line and column, both from 1, of an offset in UTF-16 units. Columns count as editors do, a tab as one. */
export function createLocator(text: string): (offset: number) => { line: number; column: number } {
  const starts = [0, ...[...text.matchAll(/\r\n|\n|\r/g)].map((end) => end.index + end[0].length)];
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

/** `domains["my-world.mc"].attach-volume[0].device` */
export function pathText(path: Path): string {
  let text = '';
  for (const [depth, step] of path.entries()) {
    // A domain's name is the user's word and stands in quotes, also where it looks like one of ours.
    const plain = typeof step === 'string' && /^[$\w][\w$-]*$/.test(step) && path[depth - 1] !== 'domains';
    text += plain ? `${text === '' ? '' : '.'}${step}` : `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** A value as a message quotes it: short, in one line, control characters escaped. */
export function quoted(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 60 ? text : `${text.slice(0, 57)}…${text.startsWith('"') ? '"' : ''}`;
}
