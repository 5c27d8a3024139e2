/** The adapters of AWS beside a cloud in a box, in this process. */

import { type Aws, createAws } from '../../adapters/aws.ts';
import { createRecordSets, type RecordSets } from '../../adapters/route53.ts';
import { type Cloud, type CloudSetup, startCloud } from '../../simulator/server.ts';

export const ME = 'i-0123456789abcde00';
export const OTHER = 'i-0fedcba9876543210';
export const ZONE = 'Z0123456789EXAMPLE';

/** Of the instance that the calls are made on. */
export const facts = {
  instanceId: ME,
  instanceType: 't3.small',
  launchIndex: 0,
  region: 'eu-west-1',
  zone: 'eu-west-1a',
};

export interface AwsLab extends AsyncDisposable {
  cloud: Cloud;
  aws: Aws;
}

/** Two instances, and what else the test asks for. */
export async function startAwsLab(setup: CloudSetup): Promise<AwsLab> {
  const cloud = await startCloud({ instances: [{ id: ME }, { id: OTHER }], ...setup });
  Object.assign(process.env, cloud.environment(), { AWS_EC2_METADATA_V1_DISABLED: 'true' });
  const aws = createAws({ region: 'eu-west-1', environment: process.env });
  return {
    cloud,
    aws,
    async [Symbol.asyncDispose]() {
      aws.close();
      await cloud.close();
    },
  };
}

/** @param troubles gets what the daemon would get along without. */
export function recordSetsOf({ aws }: Pick<AwsLab, 'aws'>, troubles: Error[] = []): RecordSets {
  return createRecordSets(aws, { onTrouble: (error) => troubles.push(error) });
}

// The SDK reads the process's own.
const kept = { ...process.env };
afterEach(() => {
  process.env = { ...kept };
});
