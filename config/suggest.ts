/** "Did you mean …?" */

/** The known word that a misspelt one most likely means; absent when none is near enough to be more than a guess. */
export function nearest<Word extends string>(misspelt: string, known: readonly Word[]): Word | undefined {
  // Comparing costs length times length; nobody misspells a word into a paragraph.
  if (misspelt.length > 64) return undefined;
  const plain = simplified(misspelt);
  let best: { word: Word; distance: number } | undefined;
  for (const word of known) {
    const other = simplified(word);
    const allowed = Math.min(
      Math.max(1, Math.floor(word.length / 3)),
      // With every letter another one, it is another word.
      other.length - 1,
      (best?.distance ?? Number.POSITIVE_INFINITY) - 1,
    );
    if (Math.abs(plain.length - other.length) > allowed) continue;
    const distance = editDistance(plain, other);
    if (distance <= allowed) best = { word, distance };
  }
  return best?.word;
}

/** `Volume_ID` and `volumeId` are `volume-id` to whoever typed them. */
function simplified(word: string): string {
  return word.replace(/[^a-zA-Z0-9]/g, '').toLowerCase();
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other. */
function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (older[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [older, previous] = [previous, current];
  }
  return previous[b.length] ?? 0;
}
