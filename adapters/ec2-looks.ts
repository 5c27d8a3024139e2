/** Looks at volumes: one batch for each kind, and in each asker's log what it asked for itself. */

import type { Filter, Volume } from '@aws-sdk/client-ec2';
import { inTransit, type Tags, volumeTags } from '../config/tags.ts';
import type { InstanceFacts } from '../config/vocabulary.ts';
import type { Aws, CallLog } from './aws.ts';
import { atMost, createBatch } from './batch.ts';
import { describeVolumes, FILTER_VALUES, filter, namesOf } from './ec2-describe.ts';

/** What the tags of a pool's volumes say. */
export interface PoolOfDomain {
  domain: string;
  pool: string;
}

/** Volumes as EC2 shows them. Every look fails with an AdapterError, or with its signal's reason. */
export interface VolumeLooks {
  /** Absent: EC2 has none of that id, or none yet. */
  byId(volumeId: string, log: CallLog, signal?: AbortSignal): Promise<Volume | undefined>;
  /** Of this zone. */
  inPool(pool: PoolOfDomain, log: CallLog, signal?: AbortSignal): Promise<Volume[]>;
  /** Attached to this instance, or being attached or detached. */
  here(log: CallLog, signal?: AbortSignal): Promise<Volume[]>;
  /** Of this zone, created for a domain and never prepared. */
  unprepared(domain: string, log: CallLog, signal?: AbortSignal): Promise<Volume[]>;
}

export function createVolumeLooks(aws: Aws, { instanceId, zone }: InstanceFacts): VolumeLooks {
  const byId = batchOf<string, Volume | undefined>({
    about: namesOf,
    filters: (ids) => [filter('volume-id', ids)],
    answer: (id, volumes) => volumes.find(({ VolumeId }) => VolumeId === id),
  });
  const inPool = batchOf<PoolOfDomain, Volume[]>({
    about: (pools) => `of ${namesOf(pools.map(({ domain, pool }) => `pool ${pool} of ${domain}`))}`,
    filters: (pools) => [
      ...ofDomains(pools.map(({ domain }) => domain)),
      filter(
        `tag:${volumeTags.pool}`,
        pools.map(({ pool }) => pool),
      ),
    ],
    // Every domain of the call brought the volumes of every pool's name of it.
    answer: ({ domain, pool }, volumes) =>
      volumes.filter(hasTags({ [volumeTags.domain]: domain, [volumeTags.pool]: pool })),
  });
  const here = batchOf<undefined, Volume[]>({
    about: () => `at ${instanceId}`,
    filters: () => [filter('attachment.instance-id', [instanceId])],
    answer: (_, volumes) => volumes,
  });
  const unprepared = batchOf<string, Volume[]>({
    about: (domains) => `created for ${namesOf(domains)}`,
    filters: (domains) => [
      ...ofDomains(domains),
      filter(`tag:${volumeTags.inTransit}`, [inTransit.neverPrepared, inTransit.prepared]),
    ],
    answer: (domain, volumes) => volumes.filter(hasTags({ [volumeTags.domain]: domain })),
  });
  return { byId, inPool, here: (log, signal) => here(undefined, log, signal), unprepared };

  function ofDomains(domains: string[]): Filter[] {
    return [filter(`tag:${volumeTags.domain}`, domains), filter('availability-zone', [zone])];
  }

  function batchOf<Ask, Answer>({ about, filters, answer }: Kind<Ask, Answer>) {
    const batch = createBatch<Ask, Answer>(
      async (asks, signal) => {
        const volumes = await describeVolumes(aws, { about: about(asks), filters: filters(asks), signal });
        return asks.map((ask) => answer(ask, volumes));
      },
      { joins: atMost(FILTER_VALUES) },
    );
    return (ask: Ask, log: CallLog, signal?: AbortSignal) => {
      log.look('describe_volumes', { Filters: filters([ask]) });
      return batch(ask, signal);
    };
  }
}

/** What makes one kind of look. */
interface Kind<Ask, Answer> {
  about(asks: Ask[]): string;
  filters(asks: Ask[]): Filter[];
  /** One asker's part of what all of them brought. */
  answer(ask: Ask, volumes: Volume[]): Answer;
}

function hasTags(tags: Tags): (volume: Volume) => boolean {
  return (volume) => Object.entries(tags).every(([key, value]) => tagOf(volume, key) === value);
}

/** The value of a volume's tag; absent: it has none of that key. */
export function tagOf({ Tags: tags }: Volume, key: string): string | undefined {
  return tags?.find(({ Key }) => Key === key)?.Value;
}
