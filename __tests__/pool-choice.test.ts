import { inOrderOfChoice, seedOf } from '../actors/pool-choice.ts';
import { volumeTags } from '../config/tags.ts';
import type { PoolPreference, SeenVolume } from '../config/vocabulary.ts';

const place = (number = 1, launchIndex = 0) => ({ instanceId: `i-${number}`, launchIndex });
const entry = (preference: PoolPreference = 'spread', device = '/dev/sdf') => ({ domain: 'mc', device, preference });

function volume(number: number, settings: Partial<SeenVolume> & { used?: string } = {}): SeenVolume {
  const { used, ...rest } = settings;
  const tags = used === undefined ? {} : { [volumeTags.used]: used };
  return { volumeId: `vol-${number}`, kind: 'free', seen: '', tags, createdAt: '', made: {}, ...rest };
}

const pool = (count: number) => Array.from({ length: count }, (_, index) => volume(index + 1));
const ids = (volumes: SeenVolume[]) => volumes.map(({ volumeId }) => volumeId);
const firsts = (volumes: SeenVolume[], fleet: number, preference?: PoolPreference) =>
  Array.from({ length: fleet }, (_, number) => inOrderOfChoice(volumes, entry(preference), place(number))[0]?.volumeId);

describe('a choice from a pool', () => {
  const preferences = ['spread', 'index', 'random', 'most-recently-used', 'least-recently-used'] as const;

  it.each(preferences)('by %s is every free volume once, and none that is not [6.5]', (preference) => {
    const held = ['held', 'attached', 'refused', 'absent'] as const;
    const all = [...pool(5), ...held.map((kind, index) => volume(6 + index, { kind }))];

    expect(ids(inOrderOfChoice(all, entry(preference), place())).sort()).toEqual(ids(pool(5)));
    expect(inOrderOfChoice([], entry(preference), place(1, 3))).toEqual([]);
  });

  it.each(['spread', 'index', 'most-recently-used', 'least-recently-used'] as const)(
    'by %s is the same in whatever order EC2 lists the pool [6.5]',
    (preference) => {
      const one = inOrderOfChoice(pool(20), entry(preference), place(1, 7));
      const other = inOrderOfChoice(pool(20).toReversed(), entry(preference), place(1, 7));

      expect(ids(other)).toEqual(ids(one));
    },
  );
});

describe('spread', () => {
  it('is the same each time for one instance, and another for each instance and entry [6.5]', () => {
    const order = (device: string, number: number) =>
      ids(inOrderOfChoice(pool(20), entry('spread', device), place(number)));

    expect(order('/dev/sdf', 1)).toEqual(order('/dev/sdf', 1));
    expect(order('/dev/sdf', 2)).not.toEqual(order('/dev/sdf', 1));
    expect(order('/dev/sdg', 1)).not.toEqual(order('/dev/sdf', 1));
  });

  it('is no other domain’s order [6.5]', () => {
    const of = (domain: string) => ids(inOrderOfChoice(pool(20), { ...entry(), domain }, place()));

    expect(of('mc')).not.toEqual(of('rust'));
  });

  it('changes nobody else’s first choice when a volume goes or comes [6.5]', () => {
    const volumes = pool(50);
    const before = firsts(volumes, 200);

    const gone = before[0];
    const after = firsts(
      volumes.filter(({ volumeId }) => volumeId !== gone),
      200,
    );

    expect(after.map((first, index) => (before[index] === gone ? gone : first))).toEqual(before);
    expect(after).not.toContain(gone);
  });

  it('leaves, as chance does, about one in e volumes of a fleet’s pool without anybody’s first choice [6.5]', () => {
    const fleet = 1_000;

    const chosen = new Set(firsts(pool(fleet), fleet));

    // 1,000 (1 - 1/e) is 632, with a standard deviation of about 10.
    expect(chosen.size).toBeGreaterThan(590);
    expect(chosen.size).toBeLessThan(675);
  }, 30_000);
});

describe('index', () => {
  it('is the launch index in the order of ids, and on from there [6.5]', () => {
    expect(ids(inOrderOfChoice(pool(4), entry('index'), place(1, 2)))).toEqual(['vol-3', 'vol-4', 'vol-1', 'vol-2']);
  });

  it('begins anew behind the last one [6.5]', () => {
    expect(inOrderOfChoice(pool(4), entry('index'), place(1, 9))[0]?.volumeId).toBe('vol-2');
  });

  it('counts those that somebody has, so that a fleet keeps its places [6.5]', () => {
    const [one, two, ...others] = pool(4);
    const all = [{ ...one, kind: 'held' }, { ...two, kind: 'held' }, ...others] as SeenVolume[];

    expect(inOrderOfChoice(all, entry('index'), place(1, 3))[0]?.volumeId).toBe('vol-4');
    expect(inOrderOfChoice(all, entry('index'), place(1, 1))[0]?.volumeId).toBe('vol-3');
  });
});

describe('random', () => {
  it('comes to every volume [6.5]', () => {
    expect(new Set(firsts(pool(3), 200, 'random')).size).toBe(3);
  });
});

describe('the time of the last use', () => {
  const used = [
    volume(1, { used: '2030-01-01T00:00:00Z' }),
    volume(2, { used: '2030-01-03T00:00:00+00:00' }),
    volume(3, { used: '2030-01-02T00:00:00.000Z' }),
  ];

  it('leads to the latest first, or to the earliest [6.5]', () => {
    expect(ids(inOrderOfChoice(used, entry('most-recently-used'), place()))).toEqual(['vol-2', 'vol-3', 'vol-1']);
    expect(ids(inOrderOfChoice(used, entry('least-recently-used'), place()))).toEqual(['vol-1', 'vol-3', 'vol-2']);
  });

  it.each([
    { what: 'that is missing', unknown: volume(9) },
    { what: 'that is empty', unknown: volume(9, { used: '' }) },
    { what: 'that nobody can read', unknown: volume(9, { used: 'yesterday' }) },
  ])('$what counts as the earliest of all [6.5]', ({ unknown }) => {
    expect(ids(inOrderOfChoice([unknown, ...used], entry('most-recently-used'), place())).at(-1)).toBe('vol-9');
    expect(ids(inOrderOfChoice([...used, unknown], entry('least-recently-used'), place()))[0]).toBe('vol-9');
  });

  it.each(['most-recently-used', 'least-recently-used'] as const)(
    'of volumes that were used at once decides nothing: they are spread [6.5]',
    (preference) => {
      const same = Array.from({ length: 20 }, (_, index) => volume(index + 1, { used: '2030-01-01T00:00:00Z' }));

      const order = ids(inOrderOfChoice(same, entry(preference), place()));

      expect(order).toEqual(ids(inOrderOfChoice(same, entry('spread'), place())));
    },
  );
});

describe('the seed of an entry', () => {
  it('is from 0 up to 1, spread evenly, and the same each time [6.3]', () => {
    const seeds = Array.from({ length: 1_000 }, (_, number) => seedOf(`i-${number}`, 'mc', '/dev/sdf'));

    expect(seeds.every((seed) => seed >= 0 && seed < 1)).toBe(true);
    expect(Math.abs(seeds.reduce((sum, seed) => sum + seed, 0) / seeds.length - 0.5)).toBeLessThan(0.05);
    expect(seedOf('i-7', 'mc', '/dev/sdf')).toBe(seeds[7]);
    expect(seedOf('i-7', 'mc', '/dev/sdg')).not.toBe(seeds[7]);
  });
});
