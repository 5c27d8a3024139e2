/** What `run` and `notify-test` have in common: where their metadata, their patience and their credentials come from. */

import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createLog } from '../adapters/logger.ts';
import { awsOf, type PlaceOptions, surroundingsOf } from '../cli/surroundings.ts';
import { startAwsLab } from './helpers/aws-lab.ts';
import { never } from './helpers/metadata-service.ts';

const ENDPOINT = 'AWS_EC2_METADATA_SERVICE_ENDPOINT';

/** @param heard gets what the caller hears of waiting. */
function surroundings({ environment = {}, heard = [], ...options }: Asked = {}) {
  const stream = new PassThrough();
  const log = createLog({ format: 'json', verbosity: 0, stream });
  const patience = { watched: true, signal: never, onWait: (problem: string) => void heard.push(problem) };
  return {
    ...surroundingsOf({ strict: false, ...options }, environment, log, patience),
    /** What was logged; nothing is after that. */
    async logged(): Promise<unknown[]> {
      await log.close();
      stream.end();
      const lines = (await text(stream)).trim().split('\n');
      return lines.map((line) => JSON.parse(line).message);
    },
  };
}

interface Asked extends Partial<PlaceOptions> {
  environment?: NodeJS.ProcessEnv;
  heard?: string[];
}

describe('the surroundings of a process on an instance', () => {
  it.each([
    {
      what: 'the option',
      imds: ['http://127.0.0.1:1'],
      variable: 'http://127.0.0.1:2',
      endpoint: 'http://127.0.0.1:1',
    },
    { what: 'the variable', variable: '127.0.0.1:2', endpoint: 'http://127.0.0.1:2' },
    { what: 'AWS, where the variable is empty', variable: '', endpoint: 'http://169.254.169.254' },
    { what: 'AWS', endpoint: 'http://169.254.169.254' },
  ])('have the metadata at the endpoint of $what [2.1]', ({ imds, variable, endpoint }) => {
    const environment = variable === undefined ? {} : { [ENDPOINT]: variable };

    const found = surroundings({ environment, ...(imds && { imds }) });

    expect(found.imds.endpoint()).toBe(endpoint);
  });

  it('say what is waited for once, as long as it is the same [9.7]', async () => {
    const heard: string[] = [];
    const { patience, logged } = surroundings({ heard });

    for (const problem of ['no role yet', 'no role yet', 'no route', 'no role yet']) patience.onWait(problem);

    expect(heard).toEqual(['no role yet', 'no route', 'no role yet']);
    expect(await logged()).toEqual(heard.map((problem) => `waiting: ${problem}`));
  });

  it('give credentials from where the metadata came from, whatever the environment says [2.1, 9.7]', async () => {
    await using lab = await startAwsLab({});
    process.env[ENDPOINT] = 'http://127.0.0.1:1';
    const here = surroundings({ imds: ['http://127.0.0.1:2', lab.cloud.imdsUrl()], environment: process.env });
    await here.imds.instanceFacts(never);
    const aws = awsOf(here, { region: 'eu-west-1' });

    const credentials = aws.credentials(never).finally(aws.close);

    await expect(credentials).resolves.toBeUndefined();
    here.imds.close();
  });
});
