/** How other instances are. */

import { NOT_SHOWN } from '../config/constants.ts';
import { AdapterError } from '../config/errors.ts';
import { type Aws, type CallLog, codeOf } from './aws.ts';
import { atMost, createBatch } from './batch.ts';
import { describeInstances, FILTER_VALUES, filter, namesOf } from './ec2-describe.ts';

/**
 * The states of instances by their ids; {@link NOT_SHOWN} for one that EC2 does not show. Empty when we may not look.
 * @throws AdapterError for every other refusal.
 */
export type InstanceLooks = (
  instanceIds: readonly string[],
  log: CallLog,
  signal?: AbortSignal,
) => Promise<ReadonlyMap<string, string>>;

/** @param onTrouble hears once that we may not look; then, but for an instance whose role may not be there yet, nothing is asked any more. */
export function createInstanceLooks(aws: Aws, onTrouble: (error: Error) => void): InstanceLooks {
  let isTold = false;
  let isForbidden = false;
  const batch = createBatch<readonly string[], Array<readonly [id: string, state: string]>>(
    async (asks, signal) => {
      const states = await statesOf(asks.flat(), signal);
      return asks.map((ids) => (states ? ids.map((id) => [id, states.get(id) ?? NOT_SHOWN] as const) : []));
    },
    { joins: atMost(FILTER_VALUES, (ids) => ids.length) },
  );

  return async (instanceIds, log, signal) => {
    if (isForbidden) return new Map();
    const parts = partsOf(instanceIds);
    for (const ids of parts) log.look('describe_instances', { Filters: [filter('instance-id', ids)] });
    const states = await Promise.all(parts.map((ids) => batch(ids, signal)));
    return new Map(states.flat());
  };

  /** Absent when we may not look: the daemon gets along without, and the earlier daemon never asked for the permission (14.1). */
  async function statesOf(ids: string[], signal: AbortSignal): Promise<ReadonlyMap<string, string> | undefined> {
    try {
      const filters = [filter('instance-id', ids)];
      const instances = await describeInstances(aws, { about: namesOf(ids), filters, signal });
      return new Map(instances.map(({ InstanceId = '', State }) => [InstanceId, State?.Name ?? 'unknown']));
    } catch (error) {
      if (!(error instanceof AdapterError) || codeOf(error) !== 'UnauthorizedOperation') throw error;
      if (!isTold) onTrouble(error);
      isTold = true;
      isForbidden = !error.retryable;
      return undefined;
    }
  }
}

function partsOf(ids: readonly string[]): Array<readonly string[]> {
  const count = Math.ceil(ids.length / FILTER_VALUES);
  return Array.from({ length: count }, (_, part) => ids.slice(part * FILTER_VALUES, (part + 1) * FILTER_VALUES));
}
