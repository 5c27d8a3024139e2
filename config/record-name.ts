/** Names of record sets and ids of zones the way Route 53 stores them (behaviour.md 7.3). */

/**
 * The stored form of a name: lower case, with trailing dot, every character outside `a-z 0-9 - _ .` as an octal escape of its
 * bytes. `*.Example.com` → `\052.example.com.`; what is escaped already stays so.
 * Source: Route 53 Developer Guide, "DNS domain name format".
 */
export function storedName(name: string): string {
  const escaped = name.toLowerCase().replace(/\\([0-7]{3})|[^a-z0-9_.-]/gu, (character, octal?: string) => {
    const bytes = octal === undefined ? [...new TextEncoder().encode(character)] : [Number.parseInt(octal, 8)];
    return bytes.map(storedByte).join('');
  });
  return escaped.endsWith('.') ? escaped : `${escaped}.`;
}

/** The id of a hosted zone, which the API's answers write as a path: `/hostedzone/Z0123456789ABC` → `Z0123456789ABC`. */
export function zoneId(hostedzone: string): string {
  return hostedzone.replace(/^\/?hostedzone\//, '');
}

function storedByte(byte: number): string {
  const character = String.fromCharCode(byte).toLowerCase();
  return /[a-z0-9_-]/.test(character) ? character : `\\${byte.toString(8).padStart(3, '0')}`;
}
