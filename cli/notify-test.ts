/** `ec2fleetd notify-test`: one marked message to each receiver, and what became of each (behaviour.md 10.6). */

import { randomUUID } from 'node:crypto';
import type { Aws } from '../adapters/aws.ts';
import type { InstanceMetadata } from '../adapters/imds.ts';
import { createLog, type Log } from '../adapters/logger.ts';
import { createTopics } from '../adapters/sns.ts';
import { createQueues } from '../adapters/sqs.ts';
import { AdapterError, ConfigError, messageOf, UsageError } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import type { Config } from '../config/schema.ts';
import type { PublicAddresses } from '../config/vocabulary.ts';
import { awaiting, type Patience } from './boot.ts';
import { configFromFile, configFromUserData } from './configuration.ts';
import { optionsFromEnvironment, parseRunOptions } from './options.ts';
import { print } from './print.ts';
import { problemStatus } from './report.ts';
import { awsOf, type PlaceOptions, type Surroundings, surroundingsOf } from './surroundings.ts';
import { isToldNothing, type TestMessage, testMessage, type Whereabouts, whereaboutsWithout } from './test-message.ts';
import { usageStatus } from './usage.ts';

/** One receiver of the configuration with what it is sent. */
interface Test {
  domain: string;
  /** Its place in `notify`, from 0. */
  place: number;
  message: TestMessage;
  isToldNothing: boolean;
}

/**
 * Sends the tests side by side and prints a line for each, in the order of the file. Works on an instance and without one, and
 * touches nothing of a daemon that may be running: neither state directory nor outbox.
 *
 * @returns 0 when all were accepted, 1 when one was not, 2 when there is nothing to send to.
 */
export async function notifyTest(options: PlaceOptions, environment: NodeJS.ProcessEnv): Promise<ExitStatus> {
  const log = createLog({ format: 'pretty', verbosity: 0, stream: process.stderr });
  const patience = { watched: false, signal: new AbortController().signal, onWait() {} };
  const surroundings = surroundingsOf(options, environment, log, patience);
  try {
    warnOfSwitches(environment, log);
    return await sendTests(surroundings);
  } catch (error) {
    return await failureOf(error, log);
  } finally {
    surroundings.imds.close();
    await log.close();
  }
}

/** Whoever tests may wonder why no message comes. */
function warnOfSwitches(environment: NodeJS.ProcessEnv, log: Log): void {
  if (parseRunOptions(optionsFromEnvironment(environment))?.switches.notify !== false) return;
  log.warn(
    'EC2FLEETD_ENABLE_NOTIFY or EC2FLEETD_DISABLE_ALL keeps a daemon with this environment from sending. The tests are sent all the same.',
  );
}

async function sendTests(surroundings: Surroundings): Promise<ExitStatus> {
  const fromFile = await configFromFile(surroundings);
  const here = await whereaboutsHere(surroundings, fromFile === undefined);
  const config = fromFile ?? (await configFromUserData(surroundings));
  const where = here ?? whereaboutsWithout(surroundings.environment.AWS_REGION || undefined, randomUUID());
  const tests = config === undefined ? [] : testsOf(config, where);
  if (tests.length === 0) throw new UsageError('there is nobody to send to: no domain has a notify entry');
  const region = here?.facts.region ?? (surroundings.environment.AWS_REGION || undefined);
  // Credentials are not waited for where there is no metadata to have them from.
  if (here === undefined) process.env.AWS_EC2_METADATA_DISABLED = 'true';
  const aws = awsOf(surroundings, {
    // Each message names its own; clients for other services are made and never used.
    region: region ?? tests.find(({ message }) => message.region !== undefined)?.message.region ?? 'us-east-1',
  });
  try {
    const outcomes = await Promise.all(tests.map((test) => outcomeOf(test, region, aws)));
    await print(report(tests, outcomes));
    return outcomes.every(({ accepted }) => accepted) ? exitStatus.done : exitStatus.failed;
  } finally {
    aws.close();
  }
}

/**
 * The instance; `undefined` where there is none, unless its user data is wanted.
 * @throws UsageError when that is wanted and cannot be had.
 */
async function whereaboutsHere(
  { imds, patience, log }: Surroundings,
  isWanted: boolean,
): Promise<Whereabouts | undefined> {
  try {
    const read = () => imds.instanceFacts(patience.signal);
    const facts = await (isWanted ? awaiting(read, patience) : read());
    return { facts, addresses: await addressesHere(imds, patience, log), transactionId: randomUUID() };
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    if (isWanted) throw new UsageError(`${error.message} Or name a configuration with --userdata=FILE`);
    log.warn(
      `no instance metadata: placeholders stand for the instance, and the region is that of the receiver or AWS_REGION. (${error.message})`,
    );
    return undefined;
  }
}

async function addressesHere(imds: InstanceMetadata, { signal }: Patience, log: Log): Promise<PublicAddresses> {
  return imds.publicAddresses(signal).catch((error) => {
    log.warn(messageOf(error));
    return { ipv4: [], ipv6: [] };
  });
}

/** In the order of the file. */
function testsOf({ domains }: Config, where: Whereabouts): Test[] {
  return Object.entries(domains).flatMap(([domain, config]) =>
    config.notify.map((receiver, place) => ({
      domain,
      place,
      message: testMessage(domain, config, receiver, where),
      isToldNothing: isToldNothing(receiver),
    })),
  );
}

interface Outcome {
  accepted: boolean;
  /** The service's id of the message; or why there is none, and what to do. */
  says: string;
}

/** Hands one test to its service; that it was not accepted is an outcome. Each call has its own limit. */
async function outcomeOf({ domain, message }: Test, fallback: string | undefined, aws: Aws): Promise<Outcome> {
  const region = message.region ?? fallback;
  if (region === undefined)
    return { accepted: false, says: 'its region is not known. Set options.region of the receiver, or AWS_REGION.' };
  const outgoing = { ...message, id: randomUUID(), domain, region };
  try {
    const id = await (message.backend === 'aws-sns'
      ? createTopics(aws).publish(outgoing)
      : createQueues(aws).send(outgoing));
    return { accepted: true, says: `message id ${id}, in ${region}` };
  } catch (error) {
    if (error instanceof AdapterError) return { accepted: false, says: error.message };
    throw error;
  }
}

function report(tests: Test[], outcomes: Outcome[]): string {
  const lines = outcomes.flatMap(({ accepted, says }, i) => {
    const { domain, place, message, isToldNothing: isTold } = tests[i] as Test;
    return [
      `${domain} notify[${place}] ${message.target}: ${accepted ? 'accepted' : 'not accepted'}: ${says}`,
      ...(isTold ? ['  its matrix switches every event off: only tests reach it'] : []),
    ];
  });
  const count = outcomes.filter(({ accepted }) => accepted).length;
  return `${[...lines, `${count} of ${outcomes.length} accepted`].join('\n')}\n`;
}

async function failureOf(error: unknown, log: Log): Promise<ExitStatus> {
  await log.close();
  if (error instanceof UsageError) return usageStatus(error);
  if (error instanceof ConfigError) return await problemStatus(error);
  if (!(error instanceof AdapterError)) throw error;
  console.error(`ec2fleetd: ${error.message}`);
  return exitStatus.failed;
}
