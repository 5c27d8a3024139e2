import {
  type Change,
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListResourceRecordSetsCommand,
  type ListResourceRecordSetsCommandInput,
  type ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';

const ZONE = 'Z0123456789EXAMPLE';

let cloud: Cloud;
let route53: Route53Client;
afterEach(async () => {
  route53.destroy();
  await cloud.close();
});

describe('changing records in the simulated Route 53 [13.1]', () => {
  it('is PENDING first and INSYNC later, while lists show it at once', async () => {
    await start({ insyncMs: 150 });

    const { ChangeInfo } = await change({ UPSERT: a('mc.example.com', '192.0.2.1') });
    const listed = await list({});
    const later = await eventually(
      () => route53.send(new GetChangeCommand({ Id: ChangeInfo?.Id })),
      (answer) => answer.ChangeInfo?.Status === 'INSYNC',
    );

    expect(ChangeInfo).toMatchObject({
      Id: expect.stringMatching(/^\/change\/C/),
      Status: 'PENDING',
      SubmittedAt: expect.any(Date),
      Comment: 'why',
    });
    expect(listed.map(({ Name }) => Name)).toContain('mc.example.com.');
    expect(later.ChangeInfo?.Id).toBe(ChangeInfo?.Id);
  });

  it('upserts, whether the record is there or not', async () => {
    await start();

    await change({ UPSERT: a('mc.example.com', '192.0.2.1') });
    await change({ UPSERT: { ...a('MC.example.com.', '192.0.2.2', '192.0.2.3'), TTL: 5 } });

    expect(recordsAt('mc.example.com.')).toEqual([
      { name: 'mc.example.com.', type: 'A', ttl: 5, values: ['192.0.2.2', '192.0.2.3'] },
    ]);
  });

  it('does all of a batch or nothing', async () => {
    await start();

    const error = await refusal(
      change({ UPSERT: a('one.example.com', '192.0.2.1') }, { CREATE: a('taken.example.com', '192.0.2.1') }),
    );

    expect(error.name).toBe('InvalidChangeBatch');
    expect(recordsAt('one.example.com.')).toEqual([]);
  });

  it('swaps a record with a deletion and a creation in one batch', async () => {
    await start();

    await change(
      { DELETE: a('taken.example.com', '192.0.2.9', '192.0.2.8') },
      { CREATE: a('taken.example.com', '192.0.2.1') },
    );

    expect(recordsAt('taken.example.com.')).toMatchObject([{ values: ['192.0.2.1'] }]);
  });

  it.each([
    {
      of: 'creating what is there',
      changes: [{ CREATE: a('taken.example.com', '192.0.2.1') }],
      message: "[Tried to create resource record set [name='taken.example.com.', type='A'] but it already exists]",
    },
    {
      of: 'deleting what is not there',
      changes: [{ DELETE: a('a.example.com', '192.0.2.1') }],
      message: "[Tried to delete resource record set [name='a.example.com.', type='A'] but it was not found]",
    },
    {
      of: 'deleting with another value',
      changes: [{ DELETE: a('taken.example.com', '192.0.2.8') }],
      message:
        "[Tried to delete resource record set [name='taken.example.com.', type='A'] but the values provided do not match the current values]",
    },
    {
      of: 'deleting with another time to live',
      changes: [{ DELETE: { ...a('taken.example.com', '192.0.2.8', '192.0.2.9'), TTL: 61 } }],
      message:
        "[Tried to delete resource record set [name='taken.example.com.', type='A'] but the values provided do not match the current values]",
    },
    {
      of: 'two problems',
      changes: [{ DELETE: a('a.example.com', '192.0.2.1') }, { CREATE: a('taken.example.com', '192.0.2.1') }],
      message:
        "[Tried to delete resource record set [name='a.example.com.', type='A'] but it was not found, " +
        "Tried to create resource record set [name='taken.example.com.', type='A'] but it already exists]",
    },
    {
      of: 'a name outside the zone',
      changes: [{ UPSERT: a('a.example.org', '192.0.2.1') }],
      message: '[RRSet with DNS name a.example.org. is not permitted in zone example.com.]',
    },
    {
      of: 'an address beside a CNAME',
      changes: [{ UPSERT: a('alias.example.com', '192.0.2.1') }],
      message:
        '[RRSet of type A with DNS name alias.example.com. is not permitted because a conflicting RRSet of type  CNAME with the same DNS name already exists in zone example.com.]',
    },
    {
      of: 'a multivalue answer beside a simple one',
      changes: [{ UPSERT: { ...a('taken.example.com', '192.0.2.1'), SetIdentifier: 'i-1', MultiValueAnswer: true } }],
      message:
        '[RRSet with DNS name taken.example.com., type A, SetIdentifier "i-1" cannot be created because a non multivalue answer rrset exists with the same name and type.]',
    },
    {
      of: 'weights with different times to live',
      changes: [
        { UPSERT: { ...a('w.example.com', '192.0.2.1'), SetIdentifier: 'a', Weight: 1 } },
        { UPSERT: { ...a('w.example.com', '192.0.2.2'), SetIdentifier: 'b', Weight: 1, TTL: 1 } },
      ],
      message:
        '[RRSet with DNS name w.example.com., type A, SetIdentifier "b" cannot be created as weighted sets must contain the same TTL.]',
    },
    {
      of: 'the same deletion twice',
      changes: [
        { DELETE: a('taken.example.com', '192.0.2.8', '192.0.2.9') },
        { DELETE: a('taken.example.com', '192.0.2.8', '192.0.2.9') },
      ],
      message: expect.stringContaining(
        "The request contains an invalid set of changes for a resource record set 'A taken.example.com.'",
      ),
    },
    {
      of: 'what is no address',
      changes: [{ UPSERT: a('a.example.com', '2001:db8::1') }],
      message: expect.stringContaining('Value is not a valid IPv4 address'),
    },
    {
      of: 'more than 1000 values, upserts counting twice',
      changes: [0, 1].map((n) => ({
        UPSERT: a(`n${n}.example.com`, ...Array.from({ length: 251 }, (_, i) => `192.0.2.${i}`)),
      })),
      message: expect.stringContaining('Number of records limit of 1000 exceeded.'),
    },
    {
      of: 'the last NS record of the zone',
      changes: [
        {
          DELETE: {
            Name: 'example.com',
            Type: 'NS' as const,
            TTL: 172_800,
            ResourceRecords: [{ Value: 'ns-1.example.net.' }, { Value: 'ns-2.example.net.' }],
          },
        },
      ],
      message: '[A HostedZone must contain at least one NS record for the zone itself.]',
    },
  ])('is refused as InvalidChangeBatch for $of', async ({ changes, message }) => {
    await start();
    const before = cloud.recordSets(ZONE);

    const error = await refusal(change(...changes));

    expect(error).toMatchObject({ name: 'InvalidChangeBatch', message, $metadata: { httpStatusCode: 400 } });
    expect(cloud.recordSets(ZONE)).toEqual(before);
  });

  it.each([
    { of: 'a record without values', changes: [{ UPSERT: { Name: 'a.example.com', Type: 'A' as const } }] },
    { of: 'a negative time to live', changes: [{ UPSERT: { ...a('a.example.com', '192.0.2.1'), TTL: -1 } }] },
    { of: 'no change at all', changes: [] },
  ])('is refused as InvalidInput for $of', async ({ changes }) => {
    await start();

    expect((await refusal(change(...changes))).name).toBe('InvalidInput');
  });

  it('deletes a multivalue answer also without its flag', async () => {
    await start();
    const record = { ...a('m.example.com', '192.0.2.1'), SetIdentifier: 'i-1' };
    await change({ UPSERT: { ...record, MultiValueAnswer: true } });

    await change({ DELETE: record });

    expect(recordsAt('m.example.com.')).toEqual([]);
  });

  it('takes no change while it is busy with another', async () => {
    await start({ zoneBusyMs: 60_000 });
    await change({ UPSERT: a('a.example.com', '192.0.2.1') });

    const error = await refusal(change({ UPSERT: a('b.example.com', '192.0.2.1') }));

    expect(error).toMatchObject({
      name: 'PriorRequestNotComplete',
      message: 'The request was rejected because Route 53 was still processing a prior request.',
      $metadata: { httpStatusCode: 400 },
    });
  });

  it.each([
    { zone: 'ZUNKNOWN', name: 'NoSuchHostedZone', status: 404 },
    { zone: 'Z-denied', name: 'AccessDenied', status: 403 },
    { zone: 'Z-throttled', name: 'Throttling', status: 400 },
  ])('answers $name for zone $zone', async ({ zone, name, status }) => {
    await start({
      hostedZones: [
        { id: 'Z-denied', name: 'example.com' },
        { id: 'Z-throttled', name: 'example.com' },
      ],
    });

    const error = await refusal(route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: zone })));

    expect(error).toMatchObject({ name, $metadata: { httpStatusCode: status } });
  });

  it('answers NoSuchChange for a change it never took', async () => {
    await start();

    expect(await refusal(route53.send(new GetChangeCommand({ Id: 'C1' })))).toMatchObject({
      name: 'NoSuchChange',
      $metadata: { httpStatusCode: 404 },
    });
  });
});

describe('listing records in the simulated Route 53 [13.1]', () => {
  const records = ['b.a.example.com', 'a-b.example.com', 'a.example.com', '*.example.com', 'z.example.com'];

  it('orders by name with the labels reversed, then by type', async () => {
    await start();
    await change(...records.map((name) => ({ UPSERT: a(name, '192.0.2.1') })), {
      UPSERT: { Name: 'a.example.com', Type: 'AAAA', TTL: 60, ResourceRecords: [{ Value: '2001:db8::1' }] },
    });

    const listed = await list({});

    expect(listed.map(({ Name, Type }) => `${Name} ${Type}`)).toEqual([
      'example.com. NS',
      'example.com. SOA',
      '\\052.example.com. A',
      'a-b.example.com. A',
      'a.example.com. A',
      'a.example.com. AAAA',
      'b.a.example.com. A',
      'alias.example.com. CNAME',
      'taken.example.com. A',
      'z.example.com. A',
    ]);
  });

  it.each([
    {
      asked: { StartRecordName: 'taken.example.com', StartRecordType: 'A' as const, MaxItems: 1 },
      first: 'taken.example.com.',
    },
    {
      asked: { StartRecordName: 'm.example.com', StartRecordType: 'A' as const, MaxItems: 1 },
      first: 'taken.example.com.',
    },
    { asked: { StartRecordName: 'TAKEN.example.com.', MaxItems: 1 }, first: 'taken.example.com.' },
    { asked: { StartRecordName: '*.example.com', MaxItems: 1 }, first: 'alias.example.com.' },
    { asked: { StartRecordName: 'zz.example.com', MaxItems: 1 }, first: undefined },
  ])('gives from $asked on: $first', async ({ asked, first }) => {
    await start();

    expect((await list(asked))[0]?.Name).toBe(first);
  });

  it('pages by the next name, type and identifier', async () => {
    await start();
    const ids = ['i-1', 'i-2', 'i-3'];
    await change(
      ...ids.map((id) => ({
        UPSERT: { ...a('m.example.com', '192.0.2.1'), SetIdentifier: id, MultiValueAnswer: true },
      })),
    );

    const answer = await route53.send(
      new ListResourceRecordSetsCommand({ HostedZoneId: ZONE, StartRecordName: 'm.example.com', MaxItems: 2 }),
    );
    const { NextRecordName, NextRecordType, NextRecordIdentifier } = answer;
    const rest = await list({
      StartRecordName: NextRecordName,
      StartRecordType: NextRecordType,
      StartRecordIdentifier: NextRecordIdentifier,
      MaxItems: 1,
    });

    expect(answer).toMatchObject({ IsTruncated: true, MaxItems: 2 });
    expect([NextRecordName, NextRecordType, NextRecordIdentifier]).toEqual(['m.example.com.', 'A', 'i-3']);
    expect(rest).toMatchObject([{ SetIdentifier: 'i-3', MultiValueAnswer: true }]);
  });

  it('refuses a start type without a start name', async () => {
    await start();

    expect((await refusal(list({ StartRecordType: 'A' }))).name).toBe('InvalidInput');
  });

  it('gives values back as they were given', async () => {
    await start();
    const values = ['"v=spf1 <-all> & \\"more\\""', '"two"'];
    await change({
      UPSERT: { Name: 't.example.com', Type: 'TXT', TTL: 60, ResourceRecords: values.map((Value) => ({ Value })) },
    });

    const [record] = await list({ StartRecordName: 't.example.com', MaxItems: 1 });

    expect(record?.ResourceRecords?.map(({ Value }) => Value)).toEqual(values);
  });
});

async function start(setup: CloudSetup = {}): Promise<void> {
  const recordSets = [
    { name: 'taken.example.com', type: 'A', ttl: 60, values: ['192.0.2.8', '192.0.2.9'] },
    { name: 'alias.example.com', type: 'CNAME', ttl: 60, values: ['example.net.'] },
  ];
  cloud = await startCloud({ hostedZones: [{ id: ZONE, name: 'example.com', recordSets }], ...setup });
  route53 = new Route53Client(clientOptions(cloud));
}

function a(name: string, ...values: string[]): ResourceRecordSet {
  return { Name: name, Type: 'A', TTL: 60, ResourceRecords: values.map((Value) => ({ Value })) };
}

type Wanted = Partial<Record<'CREATE' | 'DELETE' | 'UPSERT', ResourceRecordSet>>;

function change(...wanted: Wanted[]) {
  const changes = wanted.flatMap((change) =>
    Object.entries(change).map(([Action, ResourceRecordSet]) => ({ Action, ResourceRecordSet }) as Change),
  );
  return route53.send(
    new ChangeResourceRecordSetsCommand({ HostedZoneId: ZONE, ChangeBatch: { Changes: changes, Comment: 'why' } }),
  );
}

async function list(from: Omit<ListResourceRecordSetsCommandInput, 'HostedZoneId'>): Promise<ResourceRecordSet[]> {
  const answer = await route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: ZONE, ...from }));
  return answer.ResourceRecordSets ?? [];
}

function recordsAt(name: string) {
  return cloud.recordSets(ZONE).filter((record) => record.name === name);
}
