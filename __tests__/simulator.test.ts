import { once } from 'node:events';
import http from 'node:http';
import { AttachVolumeCommand, DescribeVolumesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { ListResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type CallRecord, type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { clientOptions, eventually } from './helpers/simulator-clients.ts';

const VOLUME = 'vol-00000000000000001';
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:news';

let cloud: Cloud;
const ends: (() => void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await cloud.close();
});

describe('the cloud in a box [13.1]', () => {
  it('serves every service to clients that know nothing but the environment', async () => {
    await start();
    const before = { ...process.env };
    ends.push(() => {
      process.env = before;
    });
    process.env = { ...withoutAws(before), ...cloud.environment() };
    const clients = {
      ec2: new EC2Client({}),
      route53: new Route53Client({}),
      sns: new SNSClient({}),
      sqs: new SQSClient({}),
    };
    ends.push(() => {
      for (const client of Object.values(clients)) client.destroy();
    });

    await clients.ec2.send(new DescribeVolumesCommand({}));
    await clients.route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: 'Z1' }));
    await clients.sns.send(new PublishCommand({ TopicArn: TOPIC, Message: 'hello' }));
    await clients.sqs.send(new SendMessageCommand({ QueueUrl: cloud.queueUrl('jobs'), MessageBody: 'hello' }));

    const aws = cloud.calls().filter(({ service }) => service !== 'imds');
    expect(aws.map(({ service, operation, status }) => `${service} ${operation} ${status}`)).toEqual([
      'ec2 DescribeVolumes 200',
      'route53 ListResourceRecordSets 200',
      'sns Publish 200',
      'sqs SendMessage 200',
    ]);
  });

  it.each([
    { asked: 'EC2 by Action', path: '/?Action=DescribeVolumes&Version=2016-11-15', service: 'ec2', says: VOLUME },
    { asked: 'Route 53 by path', path: '/2013-04-01/hostedzone/Z1/rrset', service: 'route53', says: 'example.com.' },
    {
      asked: 'SNS by Action',
      path: `/?Action=Publish&TopicArn=${TOPIC}&Message=hello`,
      service: 'sns',
      says: 'MessageId',
    },
    {
      asked: 'SQS by target',
      path: '/',
      headers: { 'x-amz-target': 'AmazonSQS.SendMessage' },
      body: { QueueUrl: '/', MessageBody: 'hello' },
      service: 'sqs',
      says: 'is not valid for this endpoint',
    },
  ])('knows without a signature $asked', async ({ path, headers, body, service, says }) => {
    await start();

    const reply = await curl(body === undefined ? 'GET' : 'POST', path, body, headers);

    expect(reply.body).toContain(says);
    expect(reply.headers['x-amzn-requestid']).toBe(cloud.calls()[0]?.id);
    expect(cloud.calls()).toMatchObject([{ service }]);
  });

  it.each([
    {
      asked: 'an action it does not have',
      path: '/?Action=RunInstances',
      status: 400,
      says: '<Code>InvalidAction</Code>',
    },
    { asked: 'no action', path: '/', status: 400, says: '<Code>MissingAction</Code>' },
    { asked: 'no volume to attach', path: '/?Action=AttachVolume', status: 400, says: '<Code>MissingParameter</Code>' },
    {
      asked: 'an unknown path of Route 53',
      path: '/2013-04-01/healthcheck',
      status: 404,
      says: 'UnknownOperationException',
    },
    {
      asked: 'a service it does not have',
      path: '/',
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=A/20300101/eu-west-1/sts/aws4_request' },
      status: 404,
      says: '<Code>UnknownService</Code>',
    },
  ])('answers $says to $asked', async ({ path, headers, status, says }) => {
    await start();

    const reply = await curl('GET', path, undefined, headers);

    expect(reply.status).toBe(status);
    expect(reply.body).toContain(says);
  });

  it('refuses a batch of records that is no XML', async () => {
    await start();

    const reply = await curl('POST', '/2013-04-01/hostedzone/Z1/rrset', undefined, {}, '<a><b></a>');

    expect(reply.status).toBe(400);
    expect(reply.body).toContain('<Code>MalformedInput</Code>');
  });

  it('sends a truthful Date', async () => {
    await start();

    const { headers } = await curl('GET', '/?Action=DescribeVolumes');

    expect(Math.abs(Date.parse(headers.date ?? '') - Date.now())).toBeLessThan(5_000);
  });

  it('logs each call with what was asked, start, end and outcome', async () => {
    await start({ latencyMs: 60 });
    const heard: CallRecord[] = [];
    cloud.onCall((call) => heard.push(call));
    const ec2 = client();

    await ec2.send(new AttachVolumeCommand({ VolumeId: VOLUME, InstanceId: cloud.instanceId, Device: '/dev/sdf' }));
    await ec2.send(new DescribeVolumesCommand({ VolumeIds: ['vol-0fffffffffffffff9'] })).catch(() => {});

    expect(cloud.calls()).toEqual(heard);
    expect(heard).toMatchObject([
      {
        service: 'ec2',
        operation: 'AttachVolume',
        params: { VolumeId: VOLUME, InstanceId: cloud.instanceId, Device: '/dev/sdf' },
        status: 200,
      },
      {
        operation: 'DescribeVolumes',
        params: { VolumeId: ['vol-0fffffffffffffff9'] },
        status: 400,
        errorCode: 'InvalidVolume.NotFound',
      },
    ]);
    for (const { startMs, endMs } of heard) expect(endMs - startMs).toBeGreaterThanOrEqual(55);
  });

  it('performs a call that was cut short: half of the latency lies before its effect', async () => {
    await start({ latencyMs: 200 });
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 30);

    const cut = client()
      .send(new AttachVolumeCommand({ VolumeId: VOLUME, InstanceId: cloud.instanceId, Device: '/dev/sdf' }), {
        abortSignal: abort.signal,
      })
      .catch((error: Error) => error.name);

    expect(await cut).toBe('AbortError');
    expect(cloud.volume(VOLUME)?.state).toBe('available');
    await eventually(
      async () => cloud.volume(VOLUME)?.state,
      (state) => state === 'in-use',
    );
  });

  it('gives out copies: changing them changes nothing', async () => {
    await start();

    cloud.volume(VOLUME)?.attachments.push({} as never);
    cloud.instance().tags.a = 'b';

    expect(cloud.volume(VOLUME)?.attachments).toEqual([]);
    expect(cloud.instance().tags).toEqual({});
  });

  it('closes with calls under way, and is gone then', async () => {
    await start({ latencyMs: 60_000 });
    const request = http.get(`${cloud.url}/?Action=DescribeVolumes`);
    const hungUp = once(request, 'error');
    await once(request, 'finish');
    // Answered after the first request has come in, since connections are taken in the order they come.
    await curl('GET', '/_control');

    await cloud.close();

    expect(await hungUp).toMatchObject([{ code: 'ECONNRESET' }]);
    await expect(curl('GET', '/_control')).rejects.toThrow('ECONNREFUSED');
  });

  it('says which port it cannot have', async () => {
    await start();
    const port = Number(new URL(cloud.url).port);

    await expect(startCloud({ port })).rejects.toMatchObject({ code: 'EADDRINUSE', port });
  });
});

describe('the control endpoint [13.1]', () => {
  it('publishes a notice and takes it back', async () => {
    await start();

    await curl('PUT', '/_control/notice', { action: 'stop', inSeconds: 60 });
    const there = cloud.instance().notice;
    await curl('DELETE', '/_control/notice');

    expect(there).toEqual({ action: 'stop', time: expect.any(String) });
    expect(cloud.instance().notice).toBeUndefined();
  });

  it('changes how long things take', async () => {
    await start();

    await curl('PUT', '/_control/delays', { latencyMs: 80 });
    const startMs = Date.now();
    await curl('GET', '/?Action=DescribeVolumes');

    expect(Date.now() - startMs).toBeGreaterThanOrEqual(75);
  });

  it('changes facts of an instance, and takes them away', async () => {
    await start();

    await curl('PATCH', '/_control/instance', { publicIpv4: null, ipv6: ['2001:db8::99'] });

    expect(cloud.instance()).toMatchObject({ publicIpv4: undefined, ipv6: ['2001:db8::99'] });
  });

  it('shows state, calls and messages', async () => {
    await start();
    await curl('GET', `/?Action=Publish&TopicArn=${TOPIC}&Message=hello`);

    const state = JSON.parse((await curl('GET', '/_control/state')).body);
    const calls = JSON.parse((await curl('GET', '/_control/calls?service=sns')).body);
    const messages = JSON.parse((await curl('GET', '/_control/messages')).body);

    expect(state).toMatchObject({ region: 'eu-west-1', topics: [{ arn: TOPIC }] });
    expect(calls).toMatchObject([{ service: 'sns', operation: 'Publish' }]);
    expect(messages).toMatchObject({ sns: [{ message: 'hello' }], sqs: [] });
  });

  it.each([
    { method: 'GET', path: '/_control/nonsense', status: 404, says: 'no GET /_control/nonsense' },
    {
      method: 'PUT',
      path: '/_control/notice',
      body: { action: 'explode' },
      status: 400,
      says: 'terminate, stop or hibernate',
    },
    {
      method: 'PUT',
      path: '/_control/notice',
      body: { inSeconds: '5' },
      status: 400,
      says: '\\"inSeconds\\" is a number',
    },
    {
      method: 'PUT',
      path: '/_control/notice',
      body: { instanceId: 'i-not' },
      status: 400,
      says: 'there is no instance i-not',
    },
    { method: 'PUT', path: '/_control/delays', body: { latency: 1 }, status: 400, says: 'latencyMs, createMs' },
    {
      method: 'PUT',
      path: '/_control/limits',
      body: { volumes: '3' },
      status: 400,
      says: '\\"volumes\\" is a number',
    },
    { method: 'PUT', path: '/_control/limits', body: { fullZones: 'a' }, status: 400, says: 'is a list of zones' },
    { method: 'PUT', path: '/_control/limits', body: { zones: [] }, status: 400, says: 'none of volumes, fullZones' },
    { method: 'PUT', path: '/_control/limits', body: { volumes: 3 }, status: 200, says: '"volumes": 3' },
    { method: 'POST', path: '/_control/end', body: { shutdownMs: '1' }, status: 400, says: 'a number of milliseconds' },
    { method: 'POST', path: '/_control/end', body: { inSeconds: 1 }, status: 400, says: 'none of action, shutdownMs' },
    { method: 'PUT', path: '/_control/delays', status: 400, says: 'the body is a JSON object' },
    {
      method: 'PATCH',
      path: '/_control/instance',
      body: { ipv6: null },
      status: 400,
      says: '\\"ipv6\\" cannot be null',
    },
    { method: 'PATCH', path: '/_control/instance', body: { colour: 'red' }, status: 400, says: 'is none of ipv6' },
  ])('answers $method $path with $body: $says', async ({ method, path, body, status, says }) => {
    await start();

    const reply = await curl(method, path, body);

    expect(reply.status).toBe(status);
    expect(reply.body).toContain(says);
  });
});

async function start(setup: CloudSetup = {}): Promise<void> {
  cloud = await startCloud({
    volumes: [{ id: VOLUME }],
    hostedZones: [{ id: 'Z1', name: 'example.com' }],
    topics: ['news'],
    queues: ['jobs'],
    ...setup,
  });
}

function client(): EC2Client {
  const ec2 = new EC2Client(clientOptions(cloud));
  ends.push(() => ec2.destroy());
  return ec2;
}

/** What the machine that runs the tests may have set must not count, nor what is in its home directory. */
function withoutAws(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('AWS_'));
  return { ...Object.fromEntries(kept), AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' };
}

interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

function curl(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  text = body === undefined ? '' : JSON.stringify(body),
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request(`${cloud.url}${path}`, { method, headers, agent: false }, async (response) => {
      const bytes = Buffer.concat(await response.toArray());
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes.toString('utf8') });
    });
    request.on('error', reject).end(text);
  });
}
