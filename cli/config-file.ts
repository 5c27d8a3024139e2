/** Reading a configuration that a command line names. */

import { readFile } from 'node:fs/promises';
import { ConfigError } from '../config/errors.ts';

const reasons: Partial<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not read it',
};

/** The file's bytes. @throws ConfigError when it cannot be read. */
export async function readConfigFile(file: string): Promise<Uint8Array> {
  return readFile(file).catch(({ code, message }: NodeJS.ErrnoException) => {
    const sentence = `cannot be read: ${reasons[code ?? ''] ?? message}.`;
    throw new ConfigError([{ file, line: 1, column: 1, path: '', message: sentence }]);
  });
}
