/** Names the way Route 53 keeps and orders them. Source: Route 53 Developer Guide, "DNS domain name format". */

/** Lower case, trailing dot, anything outside `a-z0-9-_` as octal escapes; the input may hold escapes already. */
export function storedName(name: string): string {
  const decoded = name.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  const dotted = decoded.endsWith('.') ? decoded : `${decoded}.`;
  return [...Buffer.from(dotted.toLowerCase(), 'latin1')].map(escaped).join('');
}

function escaped(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[a-z0-9_.-]/.test(character) ? character : `\\${byte.toString(8).padStart(3, '0')}`;
}

/** True when a stored name is the zone's own or lies below it. */
export function isWithin(name: string, zoneName: string): boolean {
  return name === zoneName || name.endsWith(`.${zoneName}`);
}

/** `www.example.com.` → `com.example.www.`, by which lists are ordered, the dots included in the comparison. */
export function orderOf(name: string): string {
  return `${name.split('.').slice(0, -1).reverse().join('.')}.`;
}
