/** What SNS and SQS take, and how a message is made to fit (behaviour.md 10.3, 10.4). */

/** Source: SNS API reference, Publish; SQS API reference, SendMessage. An SNS topic may be set to take more. */
export const MESSAGE_LIMIT_BYTES = { sns: 262_144, sqs: 1_048_576 } as const;

/** "Less than 100 characters", says the SNS API reference. */
const SUBJECT_LIMIT = 99;

const MARK = '…[cut]';

/**
 * A subject as SNS takes it: printable ASCII in one line, at most 99 characters, beginning with a letter, a digit or
 * punctuation. Accents are dropped from their letters; what is not ASCII at all becomes `?`. May be empty.
 */
export function subjectLine(subject: string): string {
  const plain = subject
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .replace(/[\p{Cc}\p{Zs}]+/gu, ' ')
    .replace(/[^ -~]/gu, '?')
    .trim();
  return plain.length <= SUBJECT_LIMIT ? plain : `${plain.slice(0, SUBJECT_LIMIT - 3)}...`;
}

/**
 * A body as both services take it: not empty, no longer than `limit` bytes of UTF-8, and what they refuse (control characters other
 * than tab and line ends, lone surrogates, U+FFFE and U+FFFF) replaced by U+FFFD. What is cut off leaves a mark.
 */
export function bodyWithin(body: string, limit: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the services refuse.
  const clean = body.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
  const bytes = new TextEncoder().encode(clean === '' ? ' ' : clean);
  if (bytes.length <= limit) return clean === '' ? ' ' : clean;
  const kept = bytes.subarray(0, limit - new TextEncoder().encode(MARK).length);
  // As a stream the decoder keeps back a character that was cut in two, instead of replacing it.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(kept, { stream: true }) + MARK;
}

/** A domain's name as a message group: at most 128 of the characters that FIFO topics and queues take. */
export function fifoGroup(domain: string): string {
  return domain.replace(/[^!-~]/g, '_').slice(0, 128);
}
