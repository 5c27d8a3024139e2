/** Looks at volumes and instances: what they find, how few calls they make, and that nobody's look is another's. */

import { type CallLog, createAws } from '../adapters/aws.ts';
import { createVolumes } from '../adapters/ec2.ts';
import { volumeTags } from '../config/tags.ts';
import type { SeenVolume } from '../config/vocabulary.ts';
import { type AwsLab, facts, ME, OTHER, startAwsLab } from './helpers/aws-lab.ts';

const noLog: CallLog = { look: () => {}, change: () => Promise.resolve(true) };

/** Writes down the looks. */
function lookLog() {
  const looks: Array<[method: string, param: unknown]> = [];
  const log: CallLog = { look: (method, param) => looks.push([method, param]), change: () => Promise.resolve(true) };
  return { log, looks };
}

const poolTags = (domain: string, pool: string) => ({ [volumeTags.domain]: domain, [volumeTags.pool]: pool });
const WORLD = { domain: 'my-world.mc', pool: 'worlds', device: '/dev/sdf' };

const callsTo = (lab: AwsLab, operation: string) => lab.cloud.calls().filter((call) => call.operation === operation);
const idsOf = (volumes: readonly SeenVolume[]) => volumes.map(({ volumeId }) => volumeId).sort();

describe('looks by id that are made together', () => {
  it('are one call, each in its own log with what it asked itself [4.4, 6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }, { id: 'vol-0bb' }] });
    const volumes = createVolumes(lab.aws, facts);
    const [one, other] = [lookLog(), lookLog()];

    const seen = await Promise.all([
      volumes.look({ volumeId: 'vol-0aa', device: '/dev/sdf' }, one.log),
      volumes.look({ volumeId: 'vol-0bb', device: '/dev/sdg' }, other.log),
    ]);

    expect(seen).toMatchObject([
      { volumeId: 'vol-0aa', kind: 'free' },
      { volumeId: 'vol-0bb', kind: 'free' },
    ]);
    expect(callsTo(lab, 'DescribeVolumes')).toHaveLength(1);
    expect(one.looks).toEqual([['describe_volumes', { Filters: [{ Name: 'volume-id', Values: ['vol-0aa'] }] }]]);
    expect(other.looks).toEqual([['describe_volumes', { Filters: [{ Name: 'volume-id', Values: ['vol-0bb'] }] }]]);
  });

  it('at one and the same volume name it once [6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });
    const volumes = createVolumes(lab.aws, facts);

    const seen = await Promise.all(
      ['/dev/sdf', '/dev/sdg'].map((device) => volumes.look({ volumeId: 'vol-0aa', device }, noLog)),
    );

    expect(seen.map(({ kind }) => kind)).toEqual(['free', 'free']);
    expect(callsTo(lab, 'DescribeVolumes')).toMatchObject([{ params: { Filter: [{ Value: ['vol-0aa'] }] } }]);
  });

  it('succeed though one of the ids does not exist [6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });
    const volumes = createVolumes(lab.aws, facts);

    const seen = await Promise.all(
      ['vol-0aa', 'vol-0bbbbbbbbbbbbbbbb', 'no id at all'].map((volumeId) =>
        volumes.look({ volumeId, device: '/dev/sdf' }, noLog),
      ),
    );

    expect(seen.map(({ kind }) => kind)).toEqual(['free', 'absent', 'absent']);
  });

  it('fail each by itself: a refused one names its volume, and the others hear their answers [6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }, { id: 'vol-describe-volumes-denied' }] });
    const volumes = createVolumes(lab.aws, facts);

    const [fine, denied] = await Promise.allSettled(
      ['vol-0aa', 'vol-describe-volumes-denied'].map((volumeId) =>
        volumes.look({ volumeId, device: '/dev/sdf' }, noLog),
      ),
    );

    expect(fine).toMatchObject({ value: { kind: 'free' } });
    expect(denied).toMatchObject({
      reason: {
        message: expect.stringMatching(
          /^DescribeVolumes vol-describe-volumes-denied: UnauthorizedOperation.*Allow ec2:DescribeVolumes in/s,
        ),
        retryable: false,
      },
    });
  });

  it('are ended one by one: the patience of one is not that of another [6.4]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }, { id: 'vol-0bb' }] });
    const volumes = createVolumes(lab.aws, facts);
    const patience = new AbortController();

    const ended = volumes.look({ volumeId: 'vol-0aa', device: '/dev/sdf' }, noLog, patience.signal);
    const other = volumes.look({ volumeId: 'vol-0bb', device: '/dev/sdf' }, noLog, new AbortController().signal);
    patience.abort(new Error('enough'));

    await expect(ended).rejects.toThrow('enough');
    expect(await other).toMatchObject({ kind: 'free' });
  });

  it('find an id that is a pattern nowhere [6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });

    const look = createVolumes(lab.aws, facts).look({ volumeId: 'vol-*', device: '/dev/sdf' }, noLog);

    expect(await look).toMatchObject({ volumeId: 'vol-*', kind: 'absent' });
  });
});

describe('a look', () => {
  it('tells who holds a volume and in what state, what it is made of, and its tags [6.4]', async () => {
    await using lab = await startAwsLab({
      volumes: [
        {
          id: 'vol-0aa',
          sizeGiB: 20,
          snapshotId: 'snap-0abc',
          createTime: '2030-01-01T00:00:00.000Z',
          tags: { Name: 'world' },
          attachedTo: { instanceId: OTHER, device: '/dev/sdf', status: 'detaching' },
        },
      ],
    });

    const seen = await createVolumes(lab.aws, facts).look({ volumeId: 'vol-0aa', device: '/dev/sdf' }, noLog);

    expect(seen).toEqual({
      volumeId: 'vol-0aa',
      kind: 'held',
      seen: `vol-0aa is held by ${OTHER} (detaching)`,
      heldBy: OTHER,
      tags: { Name: 'world' },
      createdAt: '2030-01-01T00:00:00.000Z',
      made: expect.objectContaining({ SnapshotId: 'snap-0abc', Size: 20, VolumeType: 'gp3', Encrypted: false }),
    });
  });

  it('at a volume that was made empty names no snapshot [6.6]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });

    const { made } = await createVolumes(lab.aws, facts).look({ volumeId: 'vol-0aa', device: '/dev/sdf' }, noLog);

    expect(made).toMatchObject({ Size: 8 });
    expect(made).not.toHaveProperty('SnapshotId');
  });

  it('at a volume that is at another device here names this instance [6.2]', async () => {
    await using lab = await startAwsLab({
      volumes: [{ id: 'vol-0aa', attachedTo: { instanceId: ME, device: '/dev/sdg' } }],
    });

    const seen = await createVolumes(lab.aws, facts).look({ volumeId: 'vol-0aa', device: '/dev/sdf' }, noLog);

    expect(seen).toMatchObject({ kind: 'refused', heldBy: ME });
  });

  it.each(['detaching', 'busy'] as const)(
    'tells a volume that is %s here from one that another has [6.2]',
    async (status) => {
      await using lab = await startAwsLab({
        volumes: [{ id: 'vol-0aa', attachedTo: { instanceId: ME, device: '/dev/sdf', status } }],
      });

      const seen = await createVolumes(lab.aws, facts).look({ volumeId: 'vol-0aa', device: '/dev/sdf' }, noLog);

      expect(seen).toMatchObject({ kind: 'held', detaching: true, seen: expect.stringContaining(`(${status})`) });
      expect(seen).not.toHaveProperty('heldBy');
    },
  );
});

describe('a look at a pool', () => {
  it('finds its volumes in this zone, whoever has them, and no other ones [6.1]', async () => {
    const tags = poolTags('my-world.mc', 'worlds');
    await using lab = await startAwsLab({
      volumes: [
        { id: 'vol-0free', tags },
        { id: 'vol-0held', tags, attachedTo: { instanceId: OTHER, device: '/dev/sdf' } },
        { id: 'vol-0here', tags, attachedTo: { instanceId: ME, device: '/dev/xvdf' } },
        { id: 'vol-0elsewhere', tags, attachedTo: { instanceId: ME, device: '/dev/sdg' } },
        { id: 'vol-0shared', tags, type: 'io2', multiAttach: true },
        { id: 'vol-0deleting', tags, state: 'deleting' },
        { id: 'vol-0zone-b', tags, zone: 'eu-west-1b' },
        { id: 'vol-0other-pool', tags: poolTags('my-world.mc', 'backups') },
        { id: 'vol-0other-domain', tags: poolTags('mail', 'worlds') },
        { id: 'vol-0no-pool', tags: { [volumeTags.domain]: 'my-world.mc' } },
      ],
    });

    const seen = await createVolumes(lab.aws, facts).lookAtPool(WORLD, noLog);

    expect(Object.fromEntries(seen.map(({ volumeId, kind }) => [volumeId, kind]))).toEqual({
      'vol-0free': 'free',
      'vol-0held': 'held',
      'vol-0here': 'attached',
      'vol-0elsewhere': 'refused',
      'vol-0shared': 'refused',
    });
  });

  it('that is empty finds nothing [6.4]', async () => {
    await using lab = await startAwsLab({});

    expect(await createVolumes(lab.aws, facts).lookAtPool(WORLD, noLog)).toEqual([]);
  });

  it('is one call with those at other pools of that moment, of other domains too, which are told apart [6.1]', async () => {
    const of = [
      ['mc', 'a'],
      ['mc', 'b'],
      ['mail', 'a'],
    ] as const;
    await using lab = await startAwsLab({
      volumes: [
        ...of.map(([domain, pool]) => ({ id: `vol-0${domain}-${pool}`, tags: poolTags(domain, pool) })),
        // What nobody asked for, though both its domain and its pool's name are asked for.
        { id: 'vol-0mail-b', tags: poolTags('mail', 'b') },
      ],
    });
    const volumes = createVolumes(lab.aws, facts);
    const { log, looks } = lookLog();

    const seen = await Promise.all(
      of.map(([domain, pool]) => volumes.lookAtPool({ domain, pool, device: '/dev/sdf' }, log)),
    );

    expect(seen.map(idsOf)).toEqual([['vol-0mc-a'], ['vol-0mc-b'], ['vol-0mail-a']]);
    expect(callsTo(lab, 'DescribeVolumes')).toHaveLength(1);
    expect(looks[0]).toEqual([
      'describe_volumes',
      {
        Filters: [
          { Name: `tag:${volumeTags.domain}`, Values: ['mc'] },
          { Name: 'availability-zone', Values: ['eu-west-1a'] },
          { Name: `tag:${volumeTags.pool}`, Values: ['a'] },
        ],
      },
    ]);
  });

  it.each([
    { name: 'wor?ds*', alike: 'worlds and more' },
    { name: 'back\\slash', alike: 'backslash' },
  ])('takes $name for itself and not for a pattern [6.1]', async ({ name, alike }) => {
    await using lab = await startAwsLab({
      volumes: [
        { id: 'vol-0exact', tags: poolTags(name, name) },
        { id: 'vol-0alike', tags: poolTags(alike, alike) },
      ],
    });

    const seen = await createVolumes(lab.aws, facts).lookAtPool(
      { domain: name, pool: name, device: '/dev/sdf' },
      noLog,
    );

    expect(idsOf(seen)).toEqual(['vol-0exact']);
  });

  it('never gives a filter more than the 200 values that EC2 takes [6.1]', async () => {
    await using lab = await startAwsLab({});
    const volumes = createVolumes(lab.aws, facts);

    await Promise.all(
      Array.from({ length: 450 }, (_, number) =>
        volumes.lookAtPool({ domain: `d${number}`, pool: `p${number}`, device: '/dev/sdf' }, noLog),
      ),
    );

    const values = callsTo(lab, 'DescribeVolumes').map(({ params }) =>
      (params as { Filter: Array<{ Value: string[] }> }).Filter.map(({ Value }) => Value.length),
    );
    expect(values.sort()).toEqual([
      [200, 1, 200],
      [200, 1, 200],
      [50, 1, 50],
    ]);
  });

  it('reads on until there is no more page, also after an empty one [6.1]', async () => {
    const fillers = Array.from({ length: 2_100 }, (_, number) => ({ id: `vol-filler-${number}` }));
    await using lab = await startAwsLab({
      volumes: [...fillers, { id: 'vol-0last', tags: poolTags('my-world.mc', 'worlds') }],
    });

    const seen = await createVolumes(lab.aws, facts).lookAtPool(WORLD, noLog);

    expect(idsOf(seen)).toEqual(['vol-0last']);
    expect(callsTo(lab, 'DescribeVolumes')).toHaveLength(3);
  });
});

describe('a look at a device', () => {
  it.each([
    { there: { device: '/dev/sdf' }, kind: 'attached' },
    { there: { device: '/dev/xvdf' }, kind: 'attached' },
    { there: { device: '/dev/sdf', status: 'attaching' as const }, kind: 'attaching' },
    { there: { device: '/dev/sdf', status: 'detaching' as const }, kind: 'held' },
  ])('finds what is $there here: $kind [6.2]', async ({ there, kind }) => {
    await using lab = await startAwsLab({
      volumes: [{ id: 'vol-0aa', tags: { Name: 'x' }, attachedTo: { instanceId: ME, ...there } }],
    });

    const seen = await createVolumes(lab.aws, facts).lookAtDevice('/dev/sdf', noLog);

    expect(seen).toMatchObject({ volumeId: 'vol-0aa', kind, tags: { Name: 'x' } });
  });

  it('finds nothing where only others have something at that name [6.2]', async () => {
    await using lab = await startAwsLab({
      volumes: [
        { id: 'vol-0aa', attachedTo: { instanceId: OTHER, device: '/dev/sdf' } },
        { id: 'vol-0bb', attachedTo: { instanceId: ME, device: '/dev/sdg' } },
      ],
    });

    expect(await createVolumes(lab.aws, facts).lookAtDevice('/dev/sdf', noLog)).toBeUndefined();
  });

  it('is one call for all devices of that moment [6.2]', async () => {
    await using lab = await startAwsLab({
      volumes: [
        { id: 'vol-0aa', attachedTo: { instanceId: ME, device: '/dev/sdf' } },
        { id: 'vol-0bb', attachedTo: { instanceId: ME, device: '/dev/sdg' } },
      ],
    });
    const volumes = createVolumes(lab.aws, facts);

    const seen = await Promise.all(
      ['/dev/sdf', '/dev/sdg', '/dev/sdh'].map((device) => volumes.lookAtDevice(device, noLog)),
    );

    expect(seen.map((volume) => volume?.volumeId)).toEqual(['vol-0aa', 'vol-0bb', undefined]);
    expect(callsTo(lab, 'DescribeVolumes')).toHaveLength(1);
  });
});

describe('a look for orphans', () => {
  const orphanTags = (domain: string, device: string) => ({
    [volumeTags.domain]: domain,
    [volumeTags.device]: device,
    [volumeTags.inTransit]: 'true',
    [volumeTags.holder]: OTHER,
  });

  it('finds what was created for this domain and device in this zone and not committed, prepared or not [6.6, 6.7]', async () => {
    const tags = orphanTags('mc', '/dev/sdf');
    await using lab = await startAwsLab({
      volumes: [
        { id: 'vol-0orphan', tags },
        { id: 'vol-0twin', tags: orphanTags('mc', '/dev/xvdf') },
        { id: 'vol-0held', tags, attachedTo: { instanceId: OTHER, device: '/dev/sdf' } },
        { id: 'vol-0deleting', tags, state: 'deleting' },
        { id: 'vol-0zone-b', tags, zone: 'eu-west-1b' },
        { id: 'vol-0device', tags: orphanTags('mc', '/dev/sdg') },
        { id: 'vol-0domain', tags: orphanTags('mail', '/dev/sdf') },
        { id: 'vol-0prepared', tags: { ...tags, [volumeTags.inTransit]: 'prepared' } },
        { id: 'vol-0unknown', tags: { ...tags, [volumeTags.inTransit]: 'false' } },
      ],
    });

    const seen = await createVolumes(lab.aws, facts).lookForOrphans({ domain: 'mc', device: '/dev/sdf' }, noLog);

    expect(idsOf(seen)).toEqual(['vol-0held', 'vol-0orphan', 'vol-0prepared', 'vol-0twin']);
    expect(seen).toContainEqual(expect.objectContaining({ volumeId: 'vol-0orphan', kind: 'free', tags }));
  });

  it('is one call for all entries of that moment [6.6]', async () => {
    await using lab = await startAwsLab({
      volumes: ['mc', 'mail'].map((domain) => ({ id: `vol-0${domain}`, tags: orphanTags(domain, '/dev/sdf') })),
    });
    const volumes = createVolumes(lab.aws, facts);

    const seen = await Promise.all(
      ['mc', 'mail'].map((domain) => volumes.lookForOrphans({ domain, device: '/dev/sdf' }, noLog)),
    );

    expect(seen.map(idsOf)).toEqual([['vol-0mc'], ['vol-0mail']]);
    expect(callsTo(lab, 'DescribeVolumes')).toHaveLength(1);
  });
});

describe('the states of instances', () => {
  it('are told by id, and it is said of one that EC2 does not show it [6.4, 11.2]', async () => {
    await using lab = await startAwsLab({
      instances: [{ id: ME }, { id: OTHER, state: 'shutting-down' }],
    });
    const { log, looks } = lookLog();

    const gone = 'i-00000000000000bad';
    const states = await createVolumes(lab.aws, facts).instanceStates([ME, OTHER, gone, OTHER], log);

    expect(Object.fromEntries(states)).toEqual({
      [ME]: 'running',
      [OTHER]: 'shutting-down',
      [gone]: 'not shown by EC2',
    });
    expect(looks).toEqual([['describe_instances', { Filters: [{ Name: 'instance-id', Values: [ME, OTHER, gone] }] }]]);
  });

  it('of several askers are one call, and of nobody none [11.2]', async () => {
    await using lab = await startAwsLab({});
    const volumes = createVolumes(lab.aws, facts);

    const states = await Promise.all([
      volumes.instanceStates([ME], noLog),
      volumes.instanceStates([OTHER, ME], noLog),
      volumes.instanceStates([], noLog),
    ]);

    expect(states.map((of) => [...of.keys()])).toEqual([[ME], [OTHER, ME], []]);
    expect(callsTo(lab, 'DescribeInstances')).toHaveLength(1);
  });

  it('of more than a filter takes are several calls [11.2]', async () => {
    await using lab = await startAwsLab({});
    const ids = Array.from({ length: 250 }, (_, number) => `i-${String(number).padStart(17, '0')}`);

    const states = await createVolumes(lab.aws, facts).instanceStates([...ids, ME], noLog);

    expect(states.size).toBe(251);
    expect(states.get(ME)).toBe('running');
    expect(callsTo(lab, 'DescribeInstances')).toHaveLength(2);
  });

  it('are empty where we may not look, with one warning that names the permission [14.1]', async () => {
    await using lab = await startAwsLab({ instances: [{ id: ME }, { id: 'i-describe-instances-denied' }] });
    const troubles: Error[] = [];
    const volumes = createVolumes(lab.aws, facts, { onTrouble: (error) => troubles.push(error) });
    const { log, looks } = lookLog();

    const states = await Promise.all([
      volumes.instanceStates(['i-describe-instances-denied'], noLog),
      volumes.instanceStates([ME], noLog),
    ]);
    const later = await volumes.instanceStates(['i-describe-instances-denied'], log);

    expect([...states, later].map(({ size }) => size)).toEqual([0, 0, 0]);
    expect(troubles.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^DescribeInstances .*UnauthorizedOperation.*Allow ec2:DescribeInstances in/s),
    ]);
    // Nor is EC2 asked again, which would say the same.
    expect(looks).toEqual([]);
    expect(callsTo(lab, 'DescribeInstances')).toHaveLength(1);
  });

  it('are asked for again while the instance is young, since its role may come yet [9.7, 14.1]', async () => {
    await using _lab = await startAwsLab({ instances: [{ id: ME }, { id: 'i-describe-instances-denied' }] });
    const aws = createAws({ region: 'eu-west-1', environment: process.env, isYoung: () => true });
    const troubles: Error[] = [];
    const volumes = createVolumes(aws, facts, { onTrouble: (error) => troubles.push(error) });

    for (const _ of [1, 2]) {
      const states = await volumes.instanceStates(['i-describe-instances-denied'], noLog);
      expect(states.size).toBe(0);
    }
    expect(Object.fromEntries(await volumes.instanceStates([ME], noLog))).toEqual({ [ME]: 'running' });

    aws.close();
    expect(troubles).toHaveLength(1);
  });

  it('that cannot be had in passing are an error like any other [6.3]', async () => {
    await using lab = await startAwsLab({ instances: [{ id: ME }, { id: 'i-describe-instances-throttled' }] });
    const troubles: Error[] = [];
    const volumes = createVolumes(lab.aws, facts, { onTrouble: (error) => troubles.push(error) });

    const error = await volumes.instanceStates(['i-describe-instances-throttled'], noLog).catch((reason) => reason);

    expect(error).toMatchObject({ retryable: true, message: expect.stringContaining('RequestLimitExceeded') });
    expect(troubles).toEqual([]);
  });
});
