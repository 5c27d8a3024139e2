/** Volumes that are made for a domain: the request, what comes of it, and how they go again. */

import { type CallLog, createAws } from '../adapters/aws.ts';
import { createCreations, type RequestParts } from '../adapters/creations.ts';
import { AdapterError } from '../config/errors.ts';
import { inTransit, volumeTags } from '../config/tags.ts';
import type { CreationRequest, VolumeEntry } from '../config/vocabulary.ts';
import { type AwsLab, facts, ME, OTHER, startAwsLab } from './helpers/aws-lab.ts';

/** Writes down what is asked. @param changes false: as with init switched off. */
function callLog(changes = true) {
  const noted: Array<[method: string, param: unknown]> = [];
  const log: CallLog = {
    look: (method, param) => noted.push([method, param]),
    change(method, param) {
      noted.push([method, param]);
      return Promise.resolve(changes);
    },
  };
  return { log, noted };
}

const { log } = callLog();

const entryOf = (change: Partial<VolumeEntry> = {}): VolumeEntry => ({
  domain: 'my-world.mc',
  entry: 0,
  critical: true,
  device: '/dev/sdf',
  sources: ['c'],
  volumeId: '',
  preference: 'spread',
  create: { Size: 10, VolumeType: 'gp3' },
  seed: 0.5,
  lines: [],
  release: [],
  ...change,
});

const PARTS: RequestParts = { transactionId: 't-1', attempt: 1, now: new Date('2030-01-01T00:00:00Z') };

const OUR_TAGS = {
  [volumeTags.domain]: 'my-world.mc',
  [volumeTags.created]: '2030-01-01T00:00:00.000Z',
  [volumeTags.device]: '/dev/sdf',
  [volumeTags.transaction]: 't-1',
  [volumeTags.holder]: ME,
  [volumeTags.inTransit]: inTransit.neverPrepared,
};

const creationsIn = (lab: AwsLab) => createCreations(lab.aws, facts);
const created = (lab: AwsLab) => lab.cloud.volumes().filter(({ tags }) => volumeTags.holder in tags);
const callsTo = (lab: AwsLab, operation: string) => lab.cloud.calls().filter((call) => call.operation === operation);

/** A request as this instance makes it; nobody is asked for that. */
function request(change: Partial<VolumeEntry> = {}, parts: Partial<RequestParts> = {}): CreationRequest {
  const aws = createAws({ region: 'eu-west-1', environment: {} });
  return createCreations(aws, facts).requestFor(entryOf(change), { ...PARTS, ...parts });
}

/** What the tag specifications for volumes say, each as pairs. */
function volumeTagsIn({ TagSpecifications: specifications }: CreationRequest): string[][][] {
  const all = specifications as Array<{ ResourceType?: string; Tags: Array<{ Key: string; Value: string }> } | null>;
  const ofVolumes = all.filter((one) => one?.ResourceType === 'volume' && Array.isArray(one.Tags));
  return ofVolumes.map((one) => (one?.Tags ?? []).map(({ Key, Value }) => [Key, Value]));
}

describe('a request', () => {
  it('is what the configuration says, in this zone, tagged and with a token [6.1, 6.7]', () => {
    const { ClientToken: token, ...rest } = request();

    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(rest).toEqual({
      Size: 10,
      VolumeType: 'gp3',
      AvailabilityZone: 'eu-west-1a',
      TagSpecifications: [
        { ResourceType: 'volume', Tags: Object.entries(OUR_TAGS).map(([Key, Value]) => ({ Key, Value })) },
      ],
    });
  });

  it('joins its pool, if the entry has one [3.3, 6.1]', () => {
    const [tags] = volumeTagsIn(request({ pool: 'worlds' }));

    expect(tags).toContainEqual([volumeTags.pool, 'worlds']);
  });

  it('is plain JSON, so that it can be written down and sent again unchanged [6.6]', () => {
    const made = request({ pool: 'worlds' });

    expect(JSON.parse(JSON.stringify(made))).toStrictEqual(made);
  });

  it('is the same for the same parts, and leaves the configuration as it is [6.6]', () => {
    const create = Object.freeze({ Size: 10, TagSpecifications: Object.freeze([]) });

    expect(request({ create })).toEqual(request({ create }));
  });

  it.each([
    { other: 'attempt', change: {}, parts: { attempt: 2 } },
    { other: 'transaction', change: {}, parts: { transactionId: 't-2' } },
    // As in the next run with the same `--transc-id`.
    { other: 'time', change: {}, parts: { now: new Date('2030-01-01T00:00:00.001Z') } },
    { other: 'domain', change: { domain: 'mail' }, parts: {} },
    { other: 'device', change: { device: '/dev/sdg' }, parts: {} },
  ])('of another $other has another token [6.6]', ({ change, parts }) => {
    expect(request(change, parts).ClientToken).not.toBe(request().ClientToken);
  });

  it('of another instance has another token [6.6]', () => {
    const aws = createAws({ region: 'eu-west-1', environment: {} });
    const theirs = createCreations(aws, { ...facts, instanceId: OTHER }).requestFor(entryOf(), PARTS);

    expect(theirs.ClientToken).not.toBe(request().ClientToken);
  });

  it('says its own zone and token, and is no dry run, whatever the configuration says [6.1, 6.6]', () => {
    const made = request({
      create: {
        Size: 10,
        AvailabilityZone: 'eu-west-1b',
        AvailabilityZoneId: 'euw1-az2',
        ClientToken: 'mine',
        DryRun: true,
      },
    });

    expect(made.AvailabilityZone).toBe('eu-west-1a');
    expect(made.ClientToken).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.keys(made).sort()).toEqual(['AvailabilityZone', 'ClientToken', 'Size', 'TagSpecifications']);
  });

  it('keeps the tags of the configuration beside ours, which win [6.1]', () => {
    const snapshot = { ResourceType: 'snapshot', Tags: [{ Key: 'Name', Value: 'other' }] };
    const made = request({
      create: {
        TagSpecifications: [
          {
            ResourceType: 'volume',
            Tags: [
              { Key: 'Name', Value: 'world' },
              { Key: volumeTags.holder, Value: 'somebody' },
            ],
          },
          snapshot,
          { Tags: [{ Key: 'cost-centre', Value: '7' }] },
        ],
      },
    });

    expect(volumeTagsIn(made)).toEqual([[['Name', 'world'], ['cost-centre', '7'], ...Object.entries(OUR_TAGS)]]);
    // What is no volume's EC2 itself refuses, and says why.
    expect(made.TagSpecifications).toContainEqual(snapshot);
  });

  it.each([['no list'], [['no object', null]], [[{ ResourceType: 'volume', Tags: 'no list' }]]])(
    'with tags that have no form is made all the same, with ours: %j [6.1]',
    (TagSpecifications) => {
      expect(volumeTagsIn(request({ create: { TagSpecifications } })).at(-1)).toEqual(Object.entries(OUR_TAGS));
    },
  );
});

describe('creating', () => {
  it('makes a volume in this zone with its tags, and notes the request as it is sent [4.4, 6.6]', async () => {
    await using lab = await startAwsLab({});
    const { log, noted } = callLog();
    const creations = creationsIn(lab);
    const made = creations.requestFor(entryOf({ pool: 'worlds' }), PARTS);

    const outcome = await creations.create(made, log);

    const [volume] = created(lab);
    expect(outcome).toEqual({ volumeId: volume?.id });
    expect(volume).toMatchObject({
      zone: 'eu-west-1a',
      sizeGiB: 10,
      type: 'gp3',
      tags: { ...OUR_TAGS, [volumeTags.pool]: 'worlds' },
    });
    expect(noted).toEqual([['create_volume', made]]);
  });

  it('is only noted with init switched off [2.1]', async () => {
    await using lab = await startAwsLab({});
    const { log, noted } = callLog(false);
    const creations = creationsIn(lab);

    expect(await creations.create(creations.requestFor(entryOf(), PARTS), log)).toBe('dry');

    expect(noted).toHaveLength(1);
    expect(callsTo(lab, 'CreateVolume')).toEqual([]);
  });

  it('twice with one request, as after a crash, gives one volume [6.6, 12.2]', async () => {
    await using lab = await startAwsLab({});
    const made = creationsIn(lab).requestFor(entryOf(), PARTS);

    const first = await creationsIn(lab).create(made, log);
    const again = await creationsIn(lab).create(JSON.parse(JSON.stringify(made)), log);

    expect(again).toEqual(first);
    expect(created(lab)).toHaveLength(1);
  });

  it('whose answer was lost gives one volume all the same [6.6]', async () => {
    await using lab = await startAwsLab({});
    const simulate = [{ Tags: [{ Key: 'simulate', Value: 'create-answer-lost' }] }];
    const creations = creationsIn(lab);
    const made = creations.requestFor(entryOf({ create: { Size: 10, TagSpecifications: simulate } }), PARTS);

    const outcome = await creations.create(made, log);

    expect(created(lab)).toMatchObject([{ id: (outcome as { volumeId: string }).volumeId }]);
  });

  it('with a token that EC2 knows for another request is an outcome: the request is used up [6.6]', async () => {
    await using lab = await startAwsLab({});
    const creations = creationsIn(lab);
    const made = creations.requestFor(entryOf(), PARTS);
    await creations.create({ ...made, TagSpecifications: [] }, log);

    expect(await creations.create(made, log)).toBe('used-up');
  });

  it('with a token that EC2 refuses, though the volume is there, gives it: EC2 may still be at this request [6.6]', async () => {
    await using lab = await startAwsLab({});
    const { log, noted } = callLog();
    const creations = creationsIn(lab);
    const made = creations.requestFor(entryOf(), PARTS);
    const first = await creations.create({ ...made, Size: 20 }, log);

    const again = await creations.create(made, log);

    expect(again).toEqual(first);
    expect(callsTo(lab, 'CreateVolume').map(({ errorCode }) => errorCode)).toEqual([
      undefined,
      'IdempotentParameterMismatch',
    ]);
    expect(noted.map(([method]) => method)).toEqual(['create_volume', 'create_volume', 'describe_volumes']);
  });

  it('with a token whose volume was deleted since is an outcome, too [6.6]', async () => {
    await using lab = await startAwsLab({ deleteMs: 60_000 });
    const creations = creationsIn(lab);
    const made = creations.requestFor(entryOf(), PARTS);
    const { volumeId } = (await creations.create(made, log)) as { volumeId: string };
    await untilDiscarded(lab, volumeId);

    expect(await creations.create(made, log)).toBe('used-up');
  });

  it.each([
    {
      of: 'what the role does not allow',
      create: {
        Size: 10,
        SnapshotId: '',
        TagSpecifications: [{ Tags: [{ Key: 'simulate', Value: 'create-denied' }] }],
      },
      says: /UnauthorizedOperation.*Allow ec2:CreateVolume on volumes, and ec2:CreateTags on volumes/s,
    },
    {
      of: 'a snapshot that does not exist',
      create: { SnapshotId: 'snap-0bbbbbbbbbbbbbbbb' },
      says: /InvalidSnapshot\.NotFound.*Check SnapshotId in create/s,
    },
    { of: 'an unknown type', create: { Size: 10, VolumeType: 'gp9' }, says: /UnknownVolumeType.*Check VolumeType/s },
    { of: 'nothing in particular', create: {}, says: /MissingParameter.*Check the configured values/s },
  ])('of $of is refused for good, and says what would help [6.3]', async ({ create, says }) => {
    await using lab = await startAwsLab({});
    const creations = creationsIn(lab);

    const error = await creations
      .create(creations.requestFor(entryOf({ create }), PARTS), log)
      .catch((reason) => reason);

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.retryable).toBe(false);
    expect(error.message).toMatch(/^CreateVolume for \/dev\/sdf of my-world\.mc: /);
    expect(error.message).toMatch(says);
  });

  it.each([
    {
      what: 'a zone that is full',
      word: 'create-no-capacity',
      says: /InsufficientVolumeCapacity.*The zone has no room/s,
    },
    { what: 'a full quota of calls', word: 'create-throttled', says: /RequestLimitExceeded/ },
  ])('in $what may succeed later [6.3]', async ({ word, says }) => {
    await using lab = await startAwsLab({});
    const creations = creationsIn(lab);
    const create = { Size: 10, TagSpecifications: [{ Tags: [{ Key: 'simulate', Value: word }] }] };

    const error = await creations
      .create(creations.requestFor(entryOf({ create }), PARTS), log)
      .catch((reason) => reason);

    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(says);
  });

  it('from a snapshot that is not completed yet may succeed later [6.3]', async () => {
    const snapshot = 'snap-0123456789abcdef1';
    await using lab = await startAwsLab({ snapshots: [{ id: snapshot, state: 'pending' }] });
    const creations = creationsIn(lab);

    const error = await creations
      .create(creations.requestFor(entryOf({ create: { SnapshotId: snapshot } }), PARTS), log)
      .catch((reason) => reason);

    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(new RegExp(`${snapshot} is not completed yet`));
  });
});

describe('looking for what came of a request', () => {
  it.each(['creating', 'available', 'error'] as const)(
    'finds its own in state %s, and no other one [6.6, 6.10]',
    async (state) => {
      await using lab = await startAwsLab({
        volumes: [
          { id: 'vol-0domain', tags: { ...OUR_TAGS, [volumeTags.domain]: 'mail' } },
          { id: 'vol-0device', tags: { ...OUR_TAGS, [volumeTags.device]: '/dev/sdg' } },
          { id: 'vol-0transaction', tags: { ...OUR_TAGS, [volumeTags.transaction]: 't-2' } },
          { id: 'vol-0holder', tags: { ...OUR_TAGS, [volumeTags.holder]: OTHER } },
          { id: 'vol-0prepared', tags: { ...OUR_TAGS, [volumeTags.inTransit]: inTransit.prepared } },
          { id: 'vol-0attempt', tags: { ...OUR_TAGS, [volumeTags.created]: '2030-01-01T00:01:00.000Z' } },
          { id: 'vol-0mine', state, tags: OUR_TAGS },
        ],
      });
      const { log, noted } = callLog();

      expect(await creationsIn(lab).find(request(), log)).toBe('vol-0mine');
      expect(noted).toMatchObject([['describe_volumes', {}]]);
    },
  );

  it.each([
    { it: 'attached', setup: { attachedTo: { instanceId: ME, device: '/dev/sdf' } } },
    {
      it: 'attached, which its state does not say yet',
      setup: { state: 'available' as const, attachedTo: { instanceId: ME, device: '/dev/sdf' } },
    },
    { it: 'in use by then', setup: { state: 'in-use' as const } },
    { it: 'being deleted', setup: { state: 'deleting' as const } },
    { it: 'in another zone', setup: { zone: 'eu-west-1b' } },
  ])('does not find one that is $it [6.6, 6.10]', async ({ setup }) => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0mine', tags: OUR_TAGS, ...setup }] });
    const made = creationsIn(lab).requestFor(entryOf(), PARTS);

    expect(await creationsIn(lab).find(made, log)).toBeUndefined();
  });
});

describe('discarding', () => {
  it('deletes the volume [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });
    const { log, noted } = callLog();

    expect(await creationsIn(lab).discard('vol-0aa', log)).toBe('deleted');

    expect(noted).toEqual([['delete_volume', { VolumeId: 'vol-0aa' }]]);
    expect(callsTo(lab, 'DeleteVolume')).toMatchObject([{ status: 200 }]);
  });

  it('is only noted with init switched off [2.1]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });

    expect(await creationsIn(lab).discard('vol-0aa', callLog(false).log)).toBe('dry');
    expect(lab.cloud.volume('vol-0aa')?.state).toBe('available');
  });

  it('finds nothing left where the volume is gone [6.10]', async () => {
    await using lab = await startAwsLab({});

    expect(await creationsIn(lab).discard('vol-0bbbbbbbbbbbbbbbb', log)).toBe('gone');
  });

  it('of one that is being deleted already, because an answer was lost, has succeeded [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', state: 'deleting' }] });

    expect(await creationsIn(lab).discard('vol-0aa', log)).toBe('deleted');
  });

  it('of one that is still being created may succeed later [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', state: 'creating' }] });

    const error = await creationsIn(lab)
      .discard('vol-0aa', log)
      .catch((reason) => reason);

    expect(error).toMatchObject({ retryable: true, message: expect.stringContaining('vol-0aa was creating') });
  });

  it.each([
    { status: 'attached' as const, retryable: false },
    { status: 'detaching' as const, retryable: true },
  ])('of one that somebody has is refused, and says who: $status [6.10]', async ({ status, retryable }) => {
    await using lab = await startAwsLab({
      volumes: [{ id: 'vol-0aa', attachedTo: { instanceId: OTHER, device: '/dev/sdf', status } }],
    });

    const error = await creationsIn(lab)
      .discard('vol-0aa', log)
      .catch((reason) => reason);

    expect(error.message).toMatch(`DeleteVolume vol-0aa: vol-0aa is attached to ${OTHER} (${status})`);
    expect(error.retryable).toBe(retryable);
    expect(lab.cloud.volume('vol-0aa')?.state).toBe('in-use');
  });

  it('that is not allowed says which permission would help [6.3]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-delete-denied' }] });

    await expect(creationsIn(lab).discard('vol-delete-denied', log)).rejects.toThrow(
      /UnauthorizedOperation.*Allow ec2:DeleteVolume on vol-delete-denied in/s,
    );
  });
});

/** Its creation takes a moment. */
async function untilDiscarded(lab: AwsLab, volumeId: string): Promise<void> {
  const outcome = await creationsIn(lab)
    .discard(volumeId, log)
    .catch((error) => error);
  if (outcome instanceof AdapterError && outcome.retryable) return untilDiscarded(lab, volumeId);
  expect(outcome).toBe('deleted');
}
