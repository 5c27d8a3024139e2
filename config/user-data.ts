/** User data → configuration text (behaviour.md 3.1): gzip, base64, a part of a MIME multipart, or the text itself. */
import { gunzip } from 'node:zlib';
import { ConfigError } from './errors.ts';
import { createLocator, quoted } from './source-text.ts';

/** User data has at most 16 KB, and a file that a person wrote not much more; a gzip of this size unpacks to 5 GB. */
const UNPACKED_LIMIT_BYTES = 4_194_304;

/** Gzip in base64 in a part of a gzipped MIME; more than that is a joke or an attack. */
const MAX_WRAPPINGS = 6;

const OUR_PARTS = ['text/x-ec2fleetd-config', 'application/vnd.ec2fleetd+jsonc'];

/** What cloud-init takes for its own, by the first line. Source: cloud-init, "User data formats". */
const CLOUD_INIT =
  /^(?:#!|#(?:cloud-config|cloud-config-archive|cloud-config-jsonp|cloud-boothook|include|include-once|part-handler|upstart-job)\b|## template:|<(?:powershell|script)>)/i;

/**
 * The text of a configuration, to be given to `loadConfig`.
 *
 * Empty for empty user data and for a MIME multipart without a part for us. A part of a multipart keeps its line numbers:
 * it comes with as many empty lines before it as there are lines above it.
 *
 * @param file what problems call it.
 * @throws ConfigError when it is plainly something else, broken, or not UTF-8.
 */
export async function decodeUserData(bytes: Uint8Array, file = 'user-data'): Promise<string> {
  return unwrapped(bytes, file, 0);
}

async function unwrapped(bytes: Uint8Array, file: string, depth: number): Promise<string> {
  if (depth > MAX_WRAPPINGS) throw problem(file, 'this is packed into itself too many times.');
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return unwrapped(await unzipped(bytes, file), file, depth + 1);
  const text = decoded(bytes, file);
  const packed = fromBase64(text);
  if (packed !== undefined) return unwrapped(packed, file, depth + 1);
  if (isMime(text)) return fromMime(bytes, text, file, depth);
  const [alien] = CLOUD_INIT.exec(text.trimStart()) ?? [];
  if (alien !== undefined) throw problem(file, together(alien));
  return text.trim() === '' ? '' : text;
}

function unzipped(bytes: Uint8Array, file: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: UNPACKED_LIMIT_BYTES }, (cause: NodeJS.ErrnoException | null, unpacked) => {
      if (cause === null) resolve(unpacked);
      else if (cause.code === 'ERR_BUFFER_TOO_LARGE')
        reject(
          problem(file, `unpacks to more than ${UNPACKED_LIMIT_BYTES / 1_048_576} MiB, which no configuration has.`),
        );
      else reject(problem(file, `begins like gzip, but does not unpack (${cause.message}). Pack it again.`));
    });
  });
}

function decoded(bytes: Uint8Array, file: string): string {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    throw problem(file, 'is UTF-16, not UTF-8. Save it as UTF-8.');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const sure = new TextDecoder('utf-8').decode(bytes);
    throw problem(file, 'has a byte here that is not UTF-8. Save it as UTF-8.', sure, sure.indexOf('\ufffd'));
  }
}

/** Base64 counts only when something that we know comes out of it; a lone word is base64, too. */
function fromBase64(text: string): Uint8Array | undefined {
  const letters = text.replace(/\s/g, '').replace(/={1,2}$/, '');
  // Some encoders leave the padding out, or use the letters of URLs.
  if (letters.length < 4 || letters.length % 4 === 1 || !/^[\w+/-]+$/.test(letters)) return undefined;
  const bytes = Buffer.from(letters, 'base64');
  const begin = bytes
    .subarray(0, 200)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isGzip || /^(?:\{|\/\/|\/\*)/.test(begin) || isMime(begin) || CLOUD_INIT.test(begin) ? bytes : undefined;
}

function isMime(text: string): boolean {
  return /^(?:From [^\n]*\r?\n)?(?:content-type|mime-version|content-transfer-encoding|subject|from|to|date|message-id):/i.test(
    text.trimStart(),
  );
}

async function fromMime(bytes: Uint8Array, message: string, file: string, depth: number): Promise<string> {
  checkBoundary(message, file);
  const { mimeParts } = await import('./mime.ts');
  const parts = await mimeParts(bytes).catch((cause: Error) => {
    throw problem(file, `is a MIME message that cannot be read (${cause.message}).`);
  });
  const [ours, another] = parts.filter(({ type }) => OUR_PARTS.includes(type));
  if (another !== undefined) throw problem(file, `has two parts of type ${another.type}. Put them into one.`);
  if (ours === undefined) return '';
  const text = await unwrapped(ours.content, file, depth + 1);
  return '\n'.repeat(linesAbove(message, text)) + text;
}

/** A multipart that cannot be taken apart has no parts, and would pass for one that has nothing for us. */
function checkBoundary(message: string, file: string): void {
  const [head = ''] = message.trimStart().split(/\r?\n\r?\n/, 1);
  const [type] = /^content-type:\s*multipart\/.*(?:\r?\n[ \t].*)*/im.exec(head) ?? [];
  if (type === undefined) return;
  const [, quotedOne, plain] = /\bboundary\s*=\s*(?:"([^"]*)"|([^\s;]+))/i.exec(type) ?? [];
  const boundary = quotedOne ?? plain;
  if (boundary === undefined)
    throw problem(
      file,
      'is a MIME multipart without boundary. Begin it with Content-Type: multipart/mixed; boundary="part".',
    );
  if (!message.split(/\r?\n/).includes(`--${boundary}`))
    throw problem(
      file,
      `is a MIME multipart without parts: no line is --${boundary}, which is to stand above each part.`,
    );
}

/** How many lines of a message stand above the text of a part; 0 where the part was packed and stands nowhere. */
function linesAbove(message: string, text: string): number {
  const plain = message.replaceAll('\r\n', '\n');
  const at = text === '' ? -1 : plain.indexOf(text.replaceAll('\r\n', '\n').trimEnd());
  return at === -1 ? 0 : plain.slice(0, at).split('\n').length - 1;
}

function together(alien: string): string {
  return `this is for cloud-init (it begins with ${quoted(alien)}), not a configuration of ec2fleetd. To have both, make it a MIME multipart:

    Content-Type: multipart/mixed; boundary="part"
    MIME-Version: 1.0

    --part
    Content-Type: ${alien === '#!' ? 'text/x-shellscript' : 'text/cloud-config'}

    ${alien === '#!' ? '#!/bin/sh' : alien}
    …
    --part
    Content-Type: ${OUR_PARTS[0]}

    { "domains": { … } }
    --part--

  Or keep the configuration in /etc/ec2fleetd/NAME.jsonc and start ec2fleetd@NAME.service instead of ec2fleetd.service.`;
}

function problem(file: string, message: string, text = '', offset = 0): ConfigError {
  return new ConfigError([{ file, ...createLocator(text)(offset), path: '', message }]);
}
