/** What surrounds a process on an instance: its metadata, what it waits for there, and AWS. */

import { type Aws, type AwsOptions, createAws } from '../adapters/aws.ts';
import { createInstanceMetadata, DEFAULT_ENDPOINT, type InstanceMetadata, parseEndpoints } from '../adapters/imds.ts';
import type { Log } from '../adapters/logger.ts';
import type { Patience } from './boot.ts';
import type { RunOptions } from './options.ts';

/** The options of `run` that speak of them. */
export type PlaceOptions = Pick<RunOptions, 'userdata' | 'imds' | 'profile' | 'strict'>;

export interface Surroundings<Options extends PlaceOptions = PlaceOptions> {
  options: Options;
  environment: NodeJS.ProcessEnv;
  log: Log;
  imds: InstanceMetadata;
  patience: Patience;
}

/**
 * Asks nothing yet. What is waited for is logged, once for as long as it is the same.
 * @param patience its `onWait` hears of it, too.
 */
export function surroundingsOf<Options extends PlaceOptions>(
  options: Options,
  environment: NodeJS.ProcessEnv,
  log: Log,
  patience: Patience,
): Surroundings<Options> {
  const given = environment.AWS_EC2_METADATA_SERVICE_ENDPOINT;
  let told = '';
  return {
    options,
    environment,
    log,
    imds: createInstanceMetadata(options.imds ?? (given ? parseEndpoints(given) : [DEFAULT_ENDPOINT])),
    patience: {
      ...patience,
      onWait(problem) {
        // It is tried again and again; what is still the same need not be said again.
        if (problem === told) return;
        told = problem;
        log.warn(`waiting: ${problem}`);
        patience.onWait(problem);
      },
    },
  };
}

/** AWS for the instance's role, or the profile. Asks nothing yet, but wants the metadata's endpoint known. */
export function awsOf(
  { options, environment, imds }: Surroundings,
  where: Pick<AwsOptions, 'region' | 'isYoung'>,
): Aws {
  // The SDK's credentials come from where our metadata comes from; version 1 of it is never used.
  process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = imds.endpoint();
  process.env.AWS_EC2_METADATA_V1_DISABLED = 'true';
  return createAws({ ...where, environment, ...(options.profile === undefined ? {} : { profile: options.profile }) });
}
