/** Twenty daemons at one pool, and everything that may confuse them: stale looks, lost answers, an instance that goes. */

import { exitStatus } from '../config/exit-status.ts';
import type { VolumeSetup } from '../simulator/setup.ts';
import { startDaemon } from './helpers/daemon.ts';
import { type Fleet, poolOf, startFleet } from './helpers/fleet.ts';
import { kill } from './helpers/story.ts';
import { another, attachedTo, marksOn, pooled } from './helpers/volumes.ts';

const SIZE = 20;
const LIMIT_MS = 120_000;

const configuration = { domains: { world: { 'attach-volume': [pooled] } } };

/** The same pool, where every third volume loses the answer to the first attempt to attach it. */
function losingAnswers(pool: VolumeSetup[]): VolumeSetup[] {
  return pool.map((volume, index) => ({
    ...volume,
    tags: { ...volume.tags, ...(index % 3 === 0 ? { simulate: 'attach-answer-lost' } : {}) },
  }));
}

/** How many volumes each instance has, and how many different ones they are in all. */
function sharesOf(fleet: Fleet) {
  const volumes = fleet.volumes();
  return { each: volumes.map(({ length }) => length), different: new Set(volumes.flat()).size };
}

const oneEach = { each: Array(SIZE).fill(1), different: SIZE };

describe('twenty daemons at a pool of twenty', () => {
  it.each([
    { despite: 'looks that are a second old', volumes: poolOf(SIZE), consistencyMs: 1_000 },
    { despite: 'lost answers to every third attach', volumes: losingAnswers(poolOf(SIZE)), consistencyMs: 0 },
    { despite: 'both at once', volumes: losingAnswers(poolOf(SIZE)), consistencyMs: 1_000 },
  ])(
    'get one each, and nobody two, despite $despite [6.3]',
    async ({ volumes, consistencyMs }) => {
      await using fleet = await startFleet({ size: SIZE, configuration, volumes, consistencyMs, attachMs: 500 });

      const statuses = await Promise.all(fleet.daemons.map(({ ended }) => ended));

      expect(statuses).toEqual(Array(SIZE).fill(exitStatus.done));
      expect(sharesOf(fleet)).toEqual(oneEach);
      expect(volumes.map(({ id }) => marksOn(fleet, id))).toEqual(Array(SIZE).fill({}));
    },
    LIMIT_MS,
  );

  it(
    'know what they have attached themselves despite lost answers, and give it back when they fail [6.10] [12.2]',
    async () => {
      const entry = { ...pooled, exec: [{ lines: [{ argv: ['/bin/false'] }] }] };
      await using fleet = await startFleet({
        size: SIZE,
        configuration: { domains: { world: { 'attach-volume': [entry] } } },
        volumes: losingAnswers(poolOf(SIZE)),
        attachMs: 500,
      });

      const statuses = await Promise.all(fleet.daemons.map(({ ended }) => ended));

      expect(statuses).toEqual(Array(SIZE).fill(exitStatus.failed));
      expect(sharesOf(fleet)).toEqual({ each: Array(SIZE).fill(0), different: 0 });
    },
    LIMIT_MS,
  );

  it(
    'get the volume too of an instance that is terminated while it attaches it [6.3] [6.4]',
    async () => {
      let victim: Awaited<ReturnType<typeof startVictim>> | undefined;
      await using fleet = await startFleet({
        size: SIZE,
        configuration,
        volumes: poolOf(SIZE),
        attachMs: 1_500,
        beforeBoot: async (surroundings) => {
          victim = await startVictim(surroundings);
        },
      });
      if (victim === undefined) throw new Error('nobody was there before');
      await using daemon = victim.daemon;

      fleet.cloud.endInstance(victim.instanceId, { shutdownMs: 5_000 });
      await kill(daemon);
      const statuses = await Promise.all(fleet.daemons.map(({ ended }) => ended));

      expect(victim.taken).toHaveLength(1);
      expect(attachedTo(fleet, victim.instanceId)).toEqual([]);
      expect(statuses).toEqual(Array(SIZE).fill(exitStatus.done));
      expect(sharesOf(fleet)).toEqual(oneEach);
    },
    LIMIT_MS,
  );
});

/** One more daemon, a process of its own, which can be killed; resolves when it has sent its attach. */
async function startVictim({ cloud, folder }: Pick<Parameters<typeof another>[0], 'cloud' | 'folder'>) {
  const machine = await another({ cloud, folder });
  const { instanceId } = machine.cloud;
  const accepted = new Promise<void>((resolve) => {
    const leave = cloud.onCall(({ operation, status }) => {
      if (operation !== 'AttachVolume' || status !== 200) return;
      leave();
      resolve();
    });
  });
  const daemon = startDaemon(machine, { configuration });
  await Promise.race([accepted, daemon.ended]);
  return { instanceId, daemon, taken: attachedTo({ cloud }, instanceId) };
}
