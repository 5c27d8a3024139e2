/** Where the daemon's configuration comes from: a file that the command line names, or the instance's user data. */

import type { InstanceMetadata } from '../adapters/imds.ts';
import type { Log } from '../adapters/logger.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { decodeUserData } from '../config/user-data.ts';
import { awaiting, type Patience } from './boot.ts';
import { readConfigFile } from './config-file.ts';

export interface ConfigSources {
  options: { userdata?: string; strict: boolean };
  imds: InstanceMetadata;
  patience: Patience;
  log: Log;
}

/** The file's, {@link emptyFile} where that says nothing, or `undefined` when none is named. @throws ConfigError with every problem of it. */
export async function configFromFile(sources: ConfigSources): Promise<Config | undefined> {
  const file = sources.options.userdata;
  if (file === undefined) return undefined;
  const bytes = await readConfigFile(file);
  return configFrom(await decodeUserData(bytes, file), file, sources) ?? emptyFile;
}

/** Stands for a file without a configuration in it, which is as good as empty user data (2.3). One without domains is not. */
export const emptyFile = loadConfig('{}', '', { strict: false }).config as Config;

/** The user data's, or `undefined` when that is empty. @throws ConfigError with every problem of it. */
export async function configFromUserData(sources: ConfigSources): Promise<Config | undefined> {
  const { imds, patience } = sources;
  const bytes = await awaiting(() => imds.userData(patience.signal), patience);
  return bytes && configFrom(await decodeUserData(bytes), 'user-data', sources);
}

function configFrom(text: string, file: string, { options, log }: ConfigSources): Config | undefined {
  const { config, warnings } = loadConfig(text, file, { strict: options.strict });
  for (const { line, column, path, message } of warnings) log.warn(message, { at: `${file}:${line}:${column}`, path });
  return config;
}
