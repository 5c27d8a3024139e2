/** Hundreds of daemons on one pool under the token buckets of EC2: actors and adapters as they are, each on a machine of its own. */

import { exitStatus } from '../config/exit-status.ts';
import { volumeTags } from '../config/tags.ts';
import type { VolumeSetup } from '../simulator/setup.ts';
import { type Fleet, type FleetDaemon, isStarted, poolOf, startFleet } from './helpers/fleet.ts';
import { inPool, pooled } from './helpers/volumes.ts';

/** EC2 mostly needs 1 to 4 s for it. */
const ATTACH_MS = 1_500;

/** Free, and nobody's here: of another domain, of another pool, in another zone. */
const othersPools: VolumeSetup[] = Array.from({ length: 10 }, (_, index) => [
  inPool(`vol-of-another-domain-${index}`, { tags: { [volumeTags.domain]: 'web' } }),
  inPool(`vol-of-another-pool-${index}`, { tags: { [volumeTags.pool]: 'backups' } }),
  inPool(`vol-in-another-zone-${index}`, { zone: 'eu-west-1b' }),
]).flat();

describe('a fleet of 200 that boots at the same moment, with a pool of 200', () => {
  it('starts, each with a volume of its own, and at 1.7 attempts each at most [6.1] [6.3] [6.5] [5.8]', async () => {
    const pool = poolOf(200);
    await using fleet = await startFleet({
      size: 200,
      configuration: { domains: { world: { 'attach-volume': [pooled] } } },
      volumes: [...othersPools, ...pool],
      throttling: true,
      attachMs: ATTACH_MS,
    });

    const statuses = await Promise.all(fleet.daemons.map(({ ended }) => ended));

    tellFigures(fleet);
    // Also that none of them ran into the limit of its way up.
    expect(statuses).toEqual(Array(200).fill(exitStatus.done));
    expect(fleet.daemons.every(({ log }) => log.some(isStarted))).toBe(true);
    expect(fleet.volumes().map(({ length }) => length)).toEqual(Array(200).fill(1));
    expect(fleet.volumes().flat().toSorted()).toEqual(pool.map(({ id }) => id));
    expect(fleet.calls('AttachVolume').filter(isHeard).length).toBeLessThanOrEqual(1.7 * 200);
  }, 300_000);
});

describe('a fleet of 60 with a pool of 50', () => {
  it('has 50 that start and 10 that wait, until 10 of the others let theirs go [6.3] [6.4] [5.6]', async () => {
    const pool = poolOf(50);
    const entry = { ...pooled, release: ['stopping'] };
    await using fleet = await startFleet({
      size: 60,
      configuration: {
        'interrupt-detection': { options: { interval: 30 } },
        domains: { world: { 'attach-volume': [entry] } },
      },
      volumes: [...othersPools, ...pool],
      throttling: true,
      attachMs: ATTACH_MS,
      poll: true,
    });

    const first = await firstToStart(50, fleet);
    const waiting = fleet.daemons.filter((daemon) => !first.includes(daemon));
    await Promise.all(waiting.map(({ says }) => says(isWaitingForPool)));

    expect(volumesOf(first, fleet).toSorted()).toEqual(pool.map(({ id }) => id));
    expect(volumesOf(waiting, fleet)).toEqual([]);
    const leaving = first.slice(0, 10);
    const left = volumesOf(leaving, fleet);

    for (const { stop } of leaving) stop();
    await Promise.all(waiting.map(({ says }) => says(isStarted)));

    expect(await Promise.all(leaving.map(({ ended }) => ended))).toEqual(Array(10).fill(exitStatus.done));
    expect(volumesOf(leaving, fleet)).toEqual([]);
    expect(volumesOf(waiting, fleet).toSorted()).toEqual(left.toSorted());
    tellFigures(fleet);
  }, 200_000);
});

/** Resolves when so many have started, with those. */
function firstToStart(count: number, { daemons }: Fleet): Promise<FleetDaemon[]> {
  const first: FleetDaemon[] = [];
  return new Promise((resolve, reject) => {
    for (const daemon of daemons)
      daemon.says(isStarted).then(() => {
        first.push(daemon);
        if (first.length === count) resolve([...first]);
      }, reject);
  });
}

function isWaitingForPool({ message }: { message: string }): boolean {
  return message.startsWith('waiting: pool worlds of world in eu-west-1a: ');
}

function volumesOf(some: FleetDaemon[], { daemons, volumes }: Fleet): string[] {
  const all = volumes();
  return daemons.flatMap((daemon, index) => (some.includes(daemon) ? (all[index] ?? []) : []));
}

/** Whether EC2 looked into it, as tools/fleet.ts counts attempts. */
function isHeard({ throttled }: { throttled?: true }): boolean {
  return throttled === undefined;
}

/** For comparison with `npm run figures:fleet`, which is in simulated time; nothing of it is promised but what the tests expect. */
function tellFigures({ daemons, calls }: Fleet): void {
  const counted = ['AttachVolume', 'DescribeVolumes', 'DetachVolume', 'CreateTags', 'DeleteTags'].map((operation) => {
    const all = calls(operation);
    const heard = all.filter(isHeard).length;
    return `${operation} ${heard} (${(heard / daemons.length).toFixed(2)} each) and ${all.length - heard} throttled`;
  });
  const attached = calls('AttachVolume').filter(({ status }) => status === 200);
  const tookMs = (attached.at(-1)?.endMs ?? 0) - (calls('DescribeVolumes')[0]?.startMs ?? 0);
  const rss = Math.round(process.memoryUsage.rss() / 2 ** 20);
  process.stdout.write(
    `${daemons.length} daemons: ${counted.join(', ')}; the last volume after ${(tookMs / 1000).toFixed(1)} s; ${rss} MiB\n`,
  );
}
