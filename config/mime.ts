/** MIME, for user data that cloud-init reads, too. A file of its own, because few need it: it is loaded late. */
import PostalMime from 'postal-mime';

/** One part of a message that is not itself a multipart. */
export interface MimePart {
  /** In lower case and without parameters, for example `text/cloud-config`. */
  type: string;
  /** Transfer encoding undone. */
  content: Uint8Array;
}

/**
 * The parts of a MIME message, in order, with nested multiparts opened.
 *
 * @throws Error when it is nested deeper than a few levels, or its headers go on for ever.
 */
export async function mimeParts(message: Uint8Array): Promise<MimePart[]> {
  const { attachments } = await PostalMime.parse(message, {
    attachmentEncoding: 'arraybuffer',
    maxNestingDepth: 16,
    maxHeadersSize: 65_536,
  });
  return attachments.map(({ mimeType, content }) => ({
    type: mimeType.toLowerCase(),
    content: typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content),
  }));
}
