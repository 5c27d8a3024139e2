/** Names the way Route 53 keeps and orders them. Source: Route 53 Developer Guide, "DNS domain name format". */

/**
 * Lower case, trailing dot, anything outside `a-z0-9-_` as octal escapes; the input may hold escapes already. What a name can hold
 * only escaped (blanks, control characters, whatever is not ASCII) stays as it is, for `unsupportedIn` to find.
 */
export function storedName(name: string): string {
  const stored = name.replace(/\\([0-3][0-7]{2})|./gsu, (given, octal?: string) =>
    octal === undefined ? storedCharacter(given) : storedByte(Number.parseInt(octal, 8)),
  );
  return stored.endsWith('.') ? stored : `${stored}.`;
}

function storedCharacter(character: string): string {
  if (character === '.' || unsupportedIn(character) !== undefined) return character;
  return storedByte(character.charCodeAt(0));
}

/** A dot that was escaped stays so: it is part of its label and divides nothing. */
function storedByte(byte: number): string {
  const character = String.fromCharCode(byte);
  if (/[A-Za-z0-9_-]/.test(character)) return character.toLowerCase();
  return `\\${byte.toString(8).padStart(3, '0')}`;
}

/** The first character that Route 53 takes in a name only as an escape; `undefined` when there is none. */
export function unsupportedIn(name: string): string | undefined {
  return /[^!-~]/u.exec(name)?.[0];
}

/** The labels of a stored name, their escapes counting as the one byte that they are. */
export function labelsOf(name: string): { text: string; bytes: number }[] {
  const labels = name.slice(0, -1).split('.');
  return labels.map((text) => ({ text, bytes: unescaped(text).length }));
}

/** True when a stored name is the zone's own or lies below it. */
export function isWithin(name: string, zoneName: string): boolean {
  return name === zoneName || name.endsWith(`.${zoneName}`);
}

/** `www.example.com.` → `com.example.www.`, as lists of zones are ordered: by what Route 53 stores. */
export function reversed(name: string): string {
  return `${name.split('.').slice(0, -1).reverse().join('.')}.`;
}

/**
 * By what lists of record sets are ordered: the reversed name with its characters as they are, the dots included. So what is below
 * the dot comes first: `*`, `-`. Source: Route 53 API Reference, "ListResourceRecordSets".
 */
export function orderOf(name: string): string {
  return unescaped(reversed(name));
}

function unescaped(name: string): string {
  return name.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
