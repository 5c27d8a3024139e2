import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  AttachVolumeCommand,
  CreateVolumeCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListResourceRecordSetsCommand,
  type ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type Cloud, type CloudSetup, type ServiceFault, startCloud } from '../simulator/server.ts';
import { type FaultyService, faultyOperations, serviceKinds } from '../simulator/service-faults.ts';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';

const VOLUME = 'vol-00000000000000001';
const OTHER_VOLUME = 'vol-00000000000000002';
const OTHER_INSTANCE = 'i-0aaaaaaaaaaaaaaaa';
const ZONE = 'Z00000000000000000001';
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:news';

let cloud: Cloud;
let clients: ReturnType<typeof createClients>;
afterEach(async () => {
  for (const client of Object.values(clients)) client.destroy();
  await cloud.close();
});

/** A call to each service that changes something. */
const changes: Record<FaultyService, () => Promise<unknown>> = {
  ec2: () => attach(VOLUME),
  route53: () => upsert('www.example.com'),
  sns: () => publish(),
  sqs: () => clients.sqs.send(new SendMessageCommand({ QueueUrl: cloud.queueUrl('jobs'), MessageBody: 'hello' })),
};
const services = Object.keys(changes) as FaultyService[];

/** Whether the call to each service has taken effect. */
const hasEffect: Record<FaultyService, () => boolean> = {
  ec2: () => cloud.volume(VOLUME)?.state === 'in-use',
  route53: () => cloud.recordSets(ZONE).some(({ name }) => name === 'www.example.com.'),
  sns: () => cloud.published().length > 0,
  sqs: () => cloud.received('jobs').length > 0,
};

describe('a fault of a service, as its client sees it [13.1]', () => {
  it.each([
    { service: 'ec2', name: 'RequestLimitExceeded', status: 503 },
    { service: 'route53', name: 'Throttling', status: 400 },
    { service: 'sns', name: 'Throttling', status: 400 },
    { service: 'sqs', name: 'RequestThrottled', status: 400 },
  ] as const)('throttles $service with $name and $status', async ({ service, name, status }) => {
    await start();

    cloud.fault({ kind: 'throttled' });

    expect(await refusal(changes[service]())).toMatchObject({ name, $metadata: { httpStatusCode: status } });
    expect(hasEffect[service]()).toBe(false);
  });

  it.each([
    { service: 'ec2', name: 'UnauthorizedOperation', resource: '' },
    { service: 'route53', name: 'AccessDenied', resource: 'arn:aws:route53:::hostedzone/Z' },
    { service: 'sns', name: 'AuthorizationErrorException', resource: 'arn:aws:sns:' },
    { service: 'sqs', name: 'AccessDenied', resource: 'arn:aws:sqs:' },
  ] as const)('refuses $service with $name where no code is named', async ({ service, name, resource }) => {
    await start();

    cloud.fault({ kind: 'refused' });

    const message = expect.stringContaining(resource);
    expect(await refusal(changes[service]())).toMatchObject({ name, message, $metadata: { httpStatusCode: 403 } });
    expect(hasEffect[service]()).toBe(false);
  });

  it.each([
    { service: 'ec2', code: 'VolumeInUse' },
    { service: 'route53', code: 'InvalidChangeBatch' },
    { service: 'sns', code: 'EndpointDisabled' },
    { service: 'sqs', code: 'AWS.SimpleQueueService.UnsupportedOperation' },
  ] as const)('refuses $service with the code, message and status that are named', async ({ service, code }) => {
    await start();

    cloud.fault({ kind: 'refused', code, message: 'Not today.', status: 409 });

    expect(await refusal(changes[service]())).toMatchObject({
      Code: code,
      message: 'Not today.',
      $metadata: { httpStatusCode: 409 },
    });
  });

  it.each(services)('gives the client of %s a status without anything that it could read', async (service) => {
    await start();

    cloud.fault({ kind: 'status', status: 502 });
    const error = await refusal(changes[service]());

    expect(error.$metadata.httpStatusCode).toBe(502);
    expect(error).not.toHaveProperty('Code');
    expect(error.message).toMatch(/XML parse error|not valid JSON/);
    expect(hasEffect[service]()).toBe(false);
  });

  it.each(services)('resets the connection of %s before anything is done', async (service) => {
    await start();

    cloud.fault({ kind: 'reset' });

    expect((await refusal(changes[service]())).message).toContain('ECONNRESET');
    expect(hasEffect[service]()).toBe(false);
  });

  it.each(services)('leaves a call to %s without an answer, and nothing done', async (service) => {
    await start();

    cloud.fault({ kind: 'hang' });
    const ending = refusal(changes[service]());
    await logged('hang');
    await cloud.close();

    expect((await ending).message).toContain('socket hang up');
    expect(hasEffect[service]()).toBe(false);
  });

  it.each(services)('lets a call to %s take effect, and resets the connection', async (service) => {
    await start();

    cloud.fault({ kind: 'answer-lost' });

    expect((await refusal(changes[service]())).message).toContain('ECONNRESET');
    expect(hasEffect[service]()).toBe(true);
  });

  it.each(services)('lets a call to %s take effect, and hang, where it is told so', async (service) => {
    await start();

    cloud.fault({ kind: 'answer-lost', by: 'hang' });
    const ending = refusal(changes[service]());
    await logged('answer-lost');
    const hadEffect = hasEffect[service]();
    await cloud.close();

    expect(hadEffect).toBe(true);
    expect((await ending).message).toContain('socket hang up');
  });

  it('lets answers come later than they do already', async () => {
    await start({ latencyMs: 40 });

    cloud.fault({ service: 'sns', kind: 'latency', ms: 60 });
    await changes.sns();
    await changes.sqs();

    const [late = 0, usual = 0] = cloud.calls().map(({ startMs, endMs }) => endMs - startMs);
    // Timers may fire a millisecond early.
    expect(late).toBeGreaterThanOrEqual(98);
    expect(usual).toBeGreaterThanOrEqual(38);
    expect(cloud.calls()).toMatchObject([{ faults: ['latency'] }, { operation: 'SendMessage' }]);
    expect(cloud.calls()[1]).not.toHaveProperty('faults');
  });
});

describe('the log of calls [13.1]', () => {
  it.each<{ fault: ServiceFault; logs: object }>([
    { fault: { kind: 'throttled' }, logs: { status: 400, errorCode: 'Throttling', faults: ['throttled'] } },
    { fault: { kind: 'refused', code: 'No' }, logs: { status: 400, errorCode: 'No', faults: ['refused'] } },
    { fault: { kind: 'status', status: 503 }, logs: { status: 503, errorCode: '503', faults: ['status'] } },
    { fault: { kind: 'reset' }, logs: { status: 0, errorCode: 'reset', faults: ['reset'] } },
    { fault: { kind: 'answer-lost' }, logs: { status: 0, errorCode: 'answer-lost', faults: ['answer-lost'] } },
  ])('has what befell a call, and what it asked for: $logs', async ({ fault, logs }) => {
    await start();

    cloud.fault(fault);
    await refusal(changes.sns());

    expect(cloud.calls()).toMatchObject([
      { service: 'sns', operation: 'Publish', params: { TopicArn: TOPIC, Message: 'hello' }, ...logs },
    ]);
    expect(cloud.calls()[0]).not.toHaveProperty('throttled');
  });

  it('has several things that befell one call', async () => {
    await start();

    cloud.fault({ kind: 'latency', ms: 5 });
    cloud.fault({ kind: 'stale', ms: 5 });
    cloud.fault({ kind: 'throttled' });
    await refusal(look());

    expect(cloud.calls()).toMatchObject([{ faults: ['latency', 'stale', 'throttled'] }]);
  });
});

describe('which calls a fault is for [13.1]', () => {
  it.each<{ scope: Partial<ServiceFault>; fails: string[] }>([
    { scope: {}, fails: ['AttachVolume', 'DescribeVolumes', 'Change', 'List', 'Publish', 'Send', 'Receive'] },
    { scope: { service: 'ec2' }, fails: ['AttachVolume', 'DescribeVolumes'] },
    { scope: { service: 'route53', operation: 'ListResourceRecordSets' }, fails: ['List'] },
    { scope: { operation: 'ReceiveMessage' }, fails: ['Receive'] },
    { scope: { resource: VOLUME }, fails: ['AttachVolume', 'DescribeVolumes'] },
    { scope: { resource: VOLUME, operation: 'DescribeVolumes' }, fails: ['DescribeVolumes'] },
    { scope: { resource: OTHER_VOLUME }, fails: [] },
    { scope: { resource: ZONE }, fails: ['Change', 'List'] },
    { scope: { resource: 'www.example.com' }, fails: ['Change'] },
    { scope: { resource: 'www.example.com.' }, fails: ['Change'] },
    { scope: { resource: TOPIC }, fails: ['Publish'] },
    { scope: { resource: 'news' }, fails: ['Publish'] },
    { scope: { resource: 'jobs' }, fails: ['Send', 'Receive'] },
    // It is what the message says, not what the call is about.
    { scope: { resource: 'hello' }, fails: [] },
  ])('$scope', async ({ scope, fails }) => {
    await start();

    cloud.fault({ kind: 'throttled', ...scope } as ServiceFault);

    expect(await failing()).toEqual(fails);
  });

  it('goes by the URL of a queue', async () => {
    await start();

    cloud.fault({ kind: 'throttled', resource: cloud.queueUrl('jobs') });

    expect(await failing()).toEqual(['Send', 'Receive']);
  });

  it('goes by the zone of a change that is asked for', async () => {
    await start();
    const id = await upsert('www.example.com');

    cloud.fault({ kind: 'throttled', resource: ZONE });

    expect((await refusal(clients.route53.send(new GetChangeCommand({ Id: id })))).name).toBe('Throttling');
  });

  it('goes by the instance whose credentials a call is signed with', async () => {
    await start({ instances: [{}, { id: OTHER_INSTANCE }] });
    const [first, other] = [await signedBy(cloud.instanceId), await signedBy(OTHER_INSTANCE)];

    cloud.fault({ kind: 'throttled', instanceId: OTHER_INSTANCE });
    const refused = await refusal(other.send(new DescribeVolumesCommand()));
    const answered = await first.send(new DescribeVolumesCommand());
    first.destroy();
    other.destroy();

    expect(refused.name).toBe('RequestLimitExceeded');
    expect(answered.Volumes).toHaveLength(4);
    expect(await failing()).toEqual([]);
  });

  it.each(services)('can be every operation of %s', async (service) => {
    await start();

    for (const operation of faultyOperations[service])
      expect(() => cloud.fault({ service, operation, kind: 'reset' })).not.toThrow();
    const answered = await Promise.all(faultyOperations[service].map((operation) => ask(service, operation)));

    // None of them is unknown to the service, and each has been told by its name.
    expect(answered.filter((answer) => answer !== 'reset')).toEqual([]);
  });
});

describe('how often and how long [13.1]', () => {
  it('it is used up by so many calls, each attempt of a client being one', async () => {
    await start({}, 3);

    cloud.fault({ kind: 'status', status: 500, count: 2 });
    await changes.sns();

    expect(cloud.calls().map(({ status }) => status)).toEqual([500, 500, 200]);
    expect(await state()).toMatchObject({ faults: [] });
  });

  it('it ends by itself after its time', async () => {
    await start();

    cloud.fault({ kind: 'throttled', forMs: 300 });
    const sinceMs = Date.now();
    await eventually(failing, (fails) => fails.length === 0);

    // Whenever a call came: it was refused before that time, and not after it.
    for (const { startMs, faults } of cloud.calls())
      if (Math.abs(startMs - sinceMs - 300) > 5) expect(faults !== undefined).toBe(startMs < sinceMs + 300);
    expect(await state()).toMatchObject({ faults: [] });
  });

  it('it begins after its time, and lasts from then on', async () => {
    await start();

    cloud.fault({ kind: 'throttled', afterMs: 300, forMs: 60_000 });
    const sinceMs = Date.now();
    await eventually(failing, (fails) => fails.length === 7);

    for (const { startMs, faults } of cloud.calls())
      if (Math.abs(startMs - sinceMs - 300) > 5) expect(faults !== undefined).toBe(startMs >= sinceMs + 300);
    expect(await state()).toMatchObject({ faults: [{ kind: 'throttled', afterMs: 300, forMs: 60_000 }] });
  });

  it('it is there from the start where it is set up so, and a setup can be used twice', async () => {
    const setup: CloudSetup = { topics: ['news'], faults: [{ kind: 'refused', code: 'Once', count: 1 }] };
    const seen: unknown[] = [];

    for (const _time of [1, 2]) {
      await start(setup);
      seen.push((await refusal(changes.sns())).name, await changes.sns().then(() => 'accepted'));
      await cloud.close();
    }

    expect(seen).toEqual(['Once', 'accepted', 'Once', 'accepted']);
  });

  it('the same holds for those of the metadata', async () => {
    await start();

    cloud.metadataFault({ kind: 'status', status: 503, forMs: 60_000 });
    cloud.metadataFault({ kind: 'status', status: 500, afterMs: 60_000 });
    const during = await fetch(`${cloud.imdsUrl()}/latest/api/token`, { method: 'PUT' });
    cloud.healMetadata();
    cloud.metadataFault({ kind: 'status', status: 503, forMs: 1 });
    const after = await eventually(
      () => fetch(`${cloud.imdsUrl()}/latest/api/token`, { method: 'PUT' }),
      ({ status }) => status === 400,
    );

    expect(during.status).toBe(503);
    expect(after.status).toBe(400);
    expect(cloud.calls()[0]).toMatchObject({ status: 503, faults: ['status'] });
  });
});

describe('of several that match [13.1]', () => {
  it('the oldest has its turn, and the next one once that is used up', async () => {
    await start();

    cloud.fault({ kind: 'refused', code: 'First', count: 2 });
    cloud.fault({ kind: 'throttled', service: 'sns', operation: 'Publish', count: 1 });
    cloud.fault({ kind: 'reset', service: 'ec2' });
    const names = [];
    for (const _time of [1, 2, 3]) names.push((await refusal(changes.sns())).name);
    await changes.sns();

    expect(names).toEqual(['First', 'First', 'Throttling']);
  });

  it('one that is not for the call, or has not begun, lets the next one have its turn', async () => {
    await start();

    cloud.fault({ kind: 'refused', code: 'Later', afterMs: 60_000 });
    cloud.fault({ kind: 'refused', code: 'Elsewhere', resource: 'other' });
    cloud.fault({ kind: 'refused', code: 'Here' });

    expect((await refusal(changes.sns())).name).toBe('Here');
  });

  it('a fault comes before token buckets and words in names', async () => {
    await start({
      volumes: [{ id: 'vol-attach-denied' }],
      throttling: { AttachVolume: { capacity: 1, refillPerS: 0 } },
    });

    cloud.fault({ kind: 'refused', code: 'Fault', count: 1 });
    const names = [];
    for (const _time of [1, 2, 3]) names.push((await refusal(attach('vol-attach-denied'))).name);

    expect(names).toEqual(['Fault', 'UnauthorizedOperation', 'RequestLimitExceeded']);
  });

  it('an answer that is lost may have been a refusal', async () => {
    await start({ volumes: [{ id: 'vol-attach-denied' }] });

    cloud.fault({ kind: 'answer-lost' });

    expect((await refusal(attach('vol-attach-denied'))).message).toContain('ECONNRESET');
    expect(cloud.volume('vol-attach-denied')?.state).toBe('available');
  });

  it('latency and what comes instead of the answer go together, each the oldest of its kind', async () => {
    await start();

    cloud.fault({ kind: 'throttled' });
    cloud.fault({ kind: 'latency', ms: 50 });
    cloud.fault({ kind: 'latency', ms: 60_000 });
    await refusal(changes.sns());

    const [call] = cloud.calls();
    expect(call).toMatchObject({ errorCode: 'Throttling', faults: ['latency', 'throttled'] });
    expect((call?.endMs ?? 0) - (call?.startMs ?? 0)).toBeGreaterThanOrEqual(48);
  });
});

describe('healing [13.1]', () => {
  const faults: ServiceFault[] = [
    { kind: 'throttled', service: 'sns' },
    { kind: 'reset', service: 'sns', operation: 'Publish' },
    { kind: 'throttled', service: 'ec2', resource: VOLUME },
  ];

  it.each([
    { scope: undefined, leaves: [] },
    { scope: {}, leaves: [] },
    { scope: { service: 'sns' }, leaves: [2] },
    { scope: { service: 'sns', operation: 'Publish' }, leaves: [0, 2] },
    { scope: { kind: 'throttled' }, leaves: [1] },
    { scope: { resource: VOLUME }, leaves: [0, 1] },
    { scope: { service: 'sqs' }, leaves: [0, 1, 2] },
  ] as const)('withdraws what was given with the members of $scope', async ({ scope, leaves }) => {
    await start({ faults });

    cloud.heal(scope);

    expect(await state()).toMatchObject({ faults: leaves.map((index) => faults[index]) });
  });

  it('lets calls succeed again, and what hangs go on hanging', async () => {
    await start({ faults: [{ kind: 'hang' }] });
    const ending = refusal(changes.sns());
    await logged('hang');

    cloud.heal();
    await changes.sns();
    await cloud.close();

    expect((await ending).message).toContain('socket hang up');
    expect(cloud.published()).toHaveLength(1);
  });
});

describe('a world that is shown as it was [13.1]', () => {
  const stale = { kind: 'stale', ms: 60_000 } as const;

  it('has no volume that was created since, and the old state of another one', async () => {
    await start();
    const { VolumeId = '' } = await clients.ec2.send(
      new CreateVolumeCommand({ AvailabilityZone: 'eu-west-1a', Size: 8 }),
    );
    await attach(VOLUME);

    cloud.fault(stale);

    expect((await refusal(look(VolumeId))).name).toBe('InvalidVolume.NotFound');
    expect((await look(VOLUME)).Volumes).toMatchObject([{ State: 'available', Attachments: [] }]);
    cloud.heal();
    expect((await look(VOLUME)).Volumes).toMatchObject([{ State: 'in-use' }]);
  });

  it('shows an instance as it was before it was ended', async () => {
    await start({ shutdownMs: 60_000 });
    cloud.endInstance();

    cloud.fault(stale);
    const { Reservations: [reservation] = [] } = await clients.ec2.send(new DescribeInstancesCommand());

    expect(reservation?.Instances?.[0]?.State?.Name).toBe('running');
  });

  it('shows at once what a test changes itself, and forgets how that was', async () => {
    await start({ shutdownMs: 60_000 });
    cloud.endInstance();

    cloud.fault(stale);
    cloud.changeInstance({ publicIpv4: '203.0.113.99' });
    const { Reservations: [reservation] = [] } = await clients.ec2.send(new DescribeInstancesCommand());

    expect(reservation?.Instances).toMatchObject([
      { PublicIpAddress: '203.0.113.99', State: { Name: 'shutting-down' } },
    ]);
  });

  it('has the records of that time, through several changes', async () => {
    await start();
    await upsert('www.example.com');
    await upsert('www.example.com', '192.0.2.2');

    cloud.fault({ ...stale, operation: 'ListResourceRecordSets' });
    const before = await names();
    cloud.heal();

    expect(before).toEqual(['example.com.', 'example.com.']);
    expect(await names()).toEqual(['example.com.', 'example.com.', 'www.example.com.']);
  });

  it('does not know a change yet, and then has it pending although it is in sync', async () => {
    await start();
    const id = await upsert('www.example.com');
    const getChange = () => clients.route53.send(new GetChangeCommand({ Id: id }));
    await eventually(getChange, ({ ChangeInfo }) => ChangeInfo?.Status === 'INSYNC');

    cloud.fault({ ...stale, count: 1 });
    const unknown = await refusal(getChange());

    expect(unknown.name).toBe('NoSuchChange');
    expect((await getChange()).ChangeInfo?.Status).toBe('INSYNC');
  });

  it('has a change pending that has been in sync for less than that', async () => {
    await start({ insyncMs: 400 });
    const id = await upsert('www.example.com');
    const getChange = () => clients.route53.send(new GetChangeCommand({ Id: id }));
    await eventually(getChange, ({ ChangeInfo }) => ChangeInfo?.Status === 'INSYNC');

    cloud.fault({ kind: 'stale', ms: 300 });
    const during = await getChange();
    const after = await eventually(getChange, ({ ChangeInfo }) => ChangeInfo?.Status === 'INSYNC');

    expect(during.ChangeInfo?.Status).toBe('PENDING');
    expect(after.ChangeInfo?.Status).toBe('INSYNC');
  });

  it('is no matter to calls that change something', async () => {
    await start();
    await attach(VOLUME);

    cloud.fault({ ...stale, count: 1 });

    expect((await refusal(attach(VOLUME))).name).toBe('VolumeInUse');
    expect(await state()).toMatchObject({ faults: [{ kind: 'stale', count: 1 }] });
  });

  it('is older than what Describe calls see late already', async () => {
    await start({ consistencyMs: 100 });
    await attach(VOLUME);
    await eventually(
      () => look(),
      ({ Volumes = [] }) => Volumes[0]?.State === 'in-use',
    );
    await clients.ec2.send(new DetachVolumeCommand({ VolumeId: VOLUME }));

    cloud.fault(stale);

    expect((await look()).Volumes).toMatchObject([{ State: 'available', Attachments: [] }]);
  });

  it('is as old as is later: that, or what Describe calls see late already', async () => {
    await start({ consistencyMs: 60_000 });
    await attach(VOLUME);

    cloud.fault({ kind: 'stale', ms: 1 });

    expect((await look(VOLUME)).Volumes).toMatchObject([{ State: 'available' }]);
  });
});

describe('faults at the control endpoint [13.1]', () => {
  it('are given, shown and withdrawn', async () => {
    await start();

    const given = await control('POST', '', { service: 'sns', kind: 'throttled', count: 3 });
    const refused = await refusal(changes.sns());
    const shown = await state();
    const other = await control('DELETE', '?service=sqs');
    const withdrawn = await control('DELETE', '?service=sns&kind=throttled');
    await changes.sns();

    expect(given).toEqual({ status: 200, body: [{ service: 'sns', kind: 'throttled', count: 3 }] });
    expect(refused.name).toBe('Throttling');
    expect(shown).toMatchObject({ faults: [{ count: 2 }] });
    expect(other.body).toHaveLength(1);
    expect(withdrawn).toEqual({ status: 200, body: [] });
  });

  it.each([
    { fault: {}, says: '"kind" is one of throttled, refused, status, hang, reset, latency, answer-lost, stale' },
    { fault: { kind: 'no-date' }, says: '"kind" is one of throttled' },
    { fault: { kind: 'status' }, says: '"status" is a whole number from 400 to 599' },
    { fault: { kind: 'refused', status: 200 }, says: '"status" is a whole number from 400 to 599' },
    { fault: { kind: 'refused', code: 5 }, says: '"code" is a code of the service' },
    { fault: { kind: 'answer-lost', by: 'mail' }, says: '"by" is "reset" or "hang"' },
    { fault: { kind: 'stale', ms: 600_001 }, says: '"ms" is a number of milliseconds up to 600000' },
    { fault: { kind: 'latency', ms: -1 }, says: '"ms" is a number of milliseconds' },
    { fault: { kind: 'hang', paths: 'x' }, says: '"paths" is none of service, operation, instanceId, resource, count' },
    { fault: { kind: 'hang', service: 'imds' }, says: '"service" is one of ec2, route53, sns, sqs' },
    { fault: { kind: 'hang', operation: 'Atach' }, says: '"operation" is one of AttachVolume,' },
    { fault: { kind: 'hang', service: 'sns', operation: 'AttachVolume' }, says: '"operation" is one of Publish' },
    { fault: { kind: 'stale', ms: 5, operation: 'AttachVolume' }, says: '"operation" is one that looks, for "stale"' },
    { fault: { kind: 'hang', resource: 7 }, says: '"resource" is an id, a name, an ARN or a URL' },
    { fault: { kind: 'hang', count: 0 }, says: '"count" is a whole number from 1' },
    { fault: { kind: 'hang', forMs: 0 }, says: '"forMs" is a number of milliseconds, more than 0' },
    { fault: { kind: 'hang', afterMs: -1 }, says: '"afterMs" is a number of milliseconds' },
  ])('answer $fault: $says', async ({ fault, says }) => {
    await start();

    const reply = await control('POST', '', fault);

    expect(reply).toMatchObject({ status: 400, body: { problem: expect.stringContaining(says) } });
    expect(() => cloud.fault(fault as ServiceFault)).toThrow(says);
    expect(await state()).toMatchObject({ faults: [] });
  });

  it.each([
    { query: '?colour=red', says: '"colour" is none of service, operation, instanceId, resource, kind' },
    { query: '?service=imds', says: '"service" is one of ec2' },
    { query: '?kind=flood', says: '"kind" is one of throttled' },
  ])('answer $query: $says', async ({ query, says }) => {
    await start();

    expect(await control('DELETE', query)).toMatchObject({
      status: 400,
      body: { problem: expect.stringContaining(says) },
    });
  });
});

describe('the page about the simulator [13.1]', () => {
  it.each(Object.entries(serviceKinds))('has the kind %s, and each of its members', (kind, members) => {
    const page = readFileSync(path.join(__dirname, '../docs/simulator.md'), 'utf8');
    const [, section = ''] = /\n## When services fail\n(.*?)\n## /s.exec(page) ?? [];
    const [row = ''] = section.split('\n').filter((line) => line.startsWith(`| \`${kind}\` |`));

    expect(row).not.toBe('');
    for (const member of Object.keys(members)) expect(row).toContain(`\`${member}\``);
  });
});

async function start(setup: CloudSetup = {}, maxAttempts = 1): Promise<void> {
  cloud = await startCloud({
    volumes: [{ id: VOLUME }, { id: OTHER_VOLUME }],
    hostedZones: [{ id: ZONE, name: 'example.com' }],
    topics: ['news'],
    queues: ['jobs'],
    ...setup,
  });
  clients = createClients(maxAttempts);
}

function createClients(maxAttempts: number) {
  const options = { ...clientOptions(cloud), maxAttempts };
  return {
    ec2: new EC2Client(options),
    route53: new Route53Client(options),
    sns: new SNSClient(options),
    sqs: new SQSClient(options),
  };
}

function attach(volumeId: string) {
  return clients.ec2.send(
    new AttachVolumeCommand({ VolumeId: volumeId, InstanceId: cloud.instanceId, Device: '/dev/sdf' }),
  );
}

function look(volumeId = VOLUME) {
  return clients.ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }));
}

function publish() {
  return clients.sns.send(new PublishCommand({ TopicArn: TOPIC, Message: 'hello' }));
}

async function upsert(name: string, value = '192.0.2.1'): Promise<string> {
  const record: ResourceRecordSet = { Name: name, Type: 'A', TTL: 60, ResourceRecords: [{ Value: value }] };
  const { ChangeInfo } = await clients.route53.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: ZONE,
      ChangeBatch: { Changes: [{ Action: 'UPSERT', ResourceRecordSet: record }] },
    }),
  );
  return ChangeInfo?.Id ?? '';
}

async function names() {
  const { ResourceRecordSets = [] } = await clients.route53.send(
    new ListResourceRecordSetsCommand({ HostedZoneId: ZONE }),
  );
  return ResourceRecordSets.map(({ Name }) => Name);
}

/** Which of a call to each operation fail as a throttled one does. */
async function failing(): Promise<string[]> {
  const QueueUrl = cloud.queueUrl('jobs');
  const calls: Record<string, Promise<unknown>> = {
    AttachVolume: attach(VOLUME),
    DescribeVolumes: look(),
    Change: upsert('www.example.com'),
    List: clients.route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: ZONE })),
    Publish: publish(),
    Send: clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello' })),
    Receive: clients.sqs.send(new ReceiveMessageCommand({ QueueUrl })),
  };
  const throttled = await Promise.all(
    Object.entries(calls).map(([name, call]) =>
      call.then(
        () => [],
        (error: Error) => (/Thrott|RequestLimit/.test(error.name) ? [name] : []),
      ),
    ),
  );
  return throttled.flat();
}

/** A client with the credentials of an instance's metadata. */
async function signedBy(instanceId: string): Promise<EC2Client> {
  const base = `${cloud.imdsUrl(instanceId)}/latest`;
  const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
  const token = await (await fetch(`${base}/api/token`, { method: 'PUT', headers })).text();
  const answer = await fetch(`${base}/meta-data/iam/security-credentials/simulated-role`, {
    headers: { 'x-aws-ec2-metadata-token': token },
  });
  const { AccessKeyId, SecretAccessKey, Token } = (await answer.json()) as Record<string, string>;
  const credentials = {
    accessKeyId: AccessKeyId ?? '',
    secretAccessKey: SecretAccessKey ?? '',
    sessionToken: Token ?? '',
  };
  return new EC2Client({ ...clientOptions(cloud), credentials });
}

/** The code that a bare request for an operation is logged with. */
async function ask(service: FaultyService, operation: string): Promise<string | undefined> {
  const paths: Record<string, [method: string, path: string]> = {
    ChangeResourceRecordSets: ['POST', `hostedzone/${ZONE}/rrset/`],
    ListResourceRecordSets: ['GET', `hostedzone/${ZONE}/rrset`],
    GetChange: ['GET', 'change/C1'],
    GetHostedZone: ['GET', `hostedzone/${ZONE}`],
    ListHostedZones: ['GET', 'hostedzone'],
    ListHostedZonesByName: ['GET', 'hostedzonesbyname'],
  };
  const [method, path] = paths[operation] ?? ['POST', ''];
  const requests: Record<FaultyService, () => Promise<unknown>> = {
    ec2: () => fetch(`${cloud.url}/?Action=${operation}`),
    sns: () => fetch(`${cloud.url}/?Action=${operation}`),
    sqs: () => fetch(cloud.url, { method: 'POST', body: '{}', headers: { 'x-amz-target': `AmazonSQS.${operation}` } }),
    route53: () =>
      fetch(`${cloud.url}/2013-04-01/${path}`, {
        method,
        ...(method === 'POST' && { body: '<ChangeResourceRecordSetsRequest></ChangeResourceRecordSetsRequest>' }),
      }),
  };
  await requests[service]().catch(() => undefined);
  return cloud.calls().find((call) => call.service === service && call.operation === operation)?.errorCode;
}

async function logged(errorCode: string): Promise<void> {
  await eventually(
    async () => cloud.calls(),
    (calls) => calls.some((call) => call.errorCode === errorCode),
  );
}

async function state(): Promise<unknown> {
  return (await fetch(`${cloud.url}/_control/state`)).json();
}

async function control(method: string, query: string, body?: object): Promise<{ status: number; body: unknown }> {
  const reply = await fetch(`${cloud.url}/_control/fault${query}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: reply.status, body: await reply.json() };
}
