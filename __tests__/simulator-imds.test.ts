import http from 'node:http';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { eventually } from './helpers/simulator-clients.ts';

const TTL = 'x-aws-ec2-metadata-token-ttl-seconds';
const TOKEN = 'x-aws-ec2-metadata-token';

let cloud: Cloud;
afterEach(() => cloud.close());

describe('the simulated instance metadata [13.1]', () => {
  it('gives a token for a time to live, and says it back', async () => {
    await start();

    const { status, body, headers } = await ask('PUT', '/latest/api/token', { [TTL]: '21600' });

    expect(status).toBe(200);
    expect(body).toMatch(/^[A-Za-z0-9+/]{56}$/);
    expect(headers[TTL]).toBe('21600');
  });

  it.each([
    { says: 400, asked: 'without a time to live', path: '/latest/api/token', headers: {} },
    { says: 400, asked: 'for no time at all', path: '/latest/api/token', headers: { [TTL]: '0' } },
    { says: 400, asked: 'for more than six hours', path: '/latest/api/token', headers: { [TTL]: '21601' } },
    {
      says: 403,
      asked: 'through a proxy',
      path: '/latest/api/token',
      headers: { [TTL]: '60', 'x-forwarded-for': '::1' },
    },
    { says: 403, asked: 'on a dated version', path: '/2021-07-15/api/token', headers: { [TTL]: '60' } },
  ])('answers $says to a token asked for $asked', async ({ says, path, headers }) => {
    await start();

    expect((await ask('PUT', path, headers)).status).toBe(says);
  });

  it('answers 401 without a token, with a foreign one, and with one that ran out', async () => {
    await start({ instances: [{}, { id: 'i-0aaaaaaaaaaaaaaaa' }] });
    const foreign = await ask('PUT', '/latest/api/token', { [TTL]: '60' }, cloud.imdsUrl('i-0aaaaaaaaaaaaaaaa'));
    const short = await token('1');

    expect((await ask('GET', '/latest/meta-data/', {})).status).toBe(401);
    expect((await ask('GET', '/latest/meta-data/', { [TOKEN]: foreign.body })).status).toBe(401);
    const later = await eventually(
      () => ask('GET', '/latest/meta-data/', { [TOKEN]: short }),
      ({ status }) => status === 401,
    );
    expect(later.status).toBe(401);
  });

  it('answers without a token where version 1 is allowed', async () => {
    await start({ instances: [{ metadata: { tokens: 'optional' } }] });

    expect((await ask('GET', '/latest/meta-data/instance-id', {})).body).toBe(cloud.instanceId);
  });

  it('answers 403 when it is switched off', async () => {
    await start({ instances: [{ metadata: { enabled: false } }] });

    expect((await ask('PUT', '/latest/api/token', { [TTL]: '60' })).status).toBe(403);
  });

  it.each([
    ['instance-id', 'i-0123456789abcde00'],
    ['instance-type', 't3.medium'],
    ['ami-launch-index', '0'],
    ['instance-life-cycle', 'spot'],
    ['instance-action', 'none'],
    ['placement/availability-zone', 'eu-west-1a'],
    ['placement/availability-zone-id', 'euw1-az1'],
    ['placement/region', 'eu-west-1'],
    ['system', 'nitro'],
    ['public-ipv4', '203.0.113.10'],
    ['ipv6', '2001:db8::a'],
    ['network/interfaces/macs/', '02:00:00:00:00:00/'],
    ['network/interfaces/macs/02:00:00:00:00:00/device-number', '0'],
    ['network/interfaces/macs/02:00:00:00:00:00/public-ipv4s', '203.0.113.10'],
    ['network/interfaces/macs/02:00:00:00:00:00/ipv6s', '2001:db8::a'],
    ['network/interfaces/macs/02:00:00:00:00:00/ipv4-associations/203.0.113.10', '10.0.0.10'],
    ['events/maintenance/scheduled', '[]'],
    ['iam/security-credentials/', 'simulated-role'],
    ['services/domain', 'amazonaws.com'],
    ['tags/instance/', 'Name'],
    ['tags/instance/Name', 'game server'],
    ['autoscaling/target-lifecycle-state', 'InService'],
  ])('says of %s: %s', async (path, body) => {
    await start({
      instances: [{ metadata: { tags: true }, tags: { Name: 'game server' }, targetLifecycleState: 'InService' }],
    });

    expect(await read(`/latest/meta-data/${path}`)).toBe(body);
  });

  it.each([
    'spot/instance-action',
    'spot/termination-time',
    'events/recommendations/rebalance',
    'autoscaling/target-lifecycle-state',
    'public-ipv4',
    'ipv6',
    'tags/instance/',
    'iam/info',
    'instance-id/',
    'never-heard-of',
    '../user-data',
  ])('answers 404 to %s on an instance that has none', async (path) => {
    await start({ instances: [{ publicIpv4: undefined, ipv6: [], role: undefined, tags: { a: 'b' } }] });

    expect(await read(`/latest/meta-data/${path}`)).toBe(404);
  });

  it('gives user data back byte for byte', async () => {
    const bytes = Buffer.from([0x1f, 0x8b, 0x00, 0xff, 0x0a]);
    await start({ instances: [{ userData: bytes }] });

    const reply = await ask('GET', '/latest/user-data', { [TOKEN]: await token() });

    expect(reply.headers['content-type']).toBe('application/octet-stream');
    expect(reply.bytes).toEqual(bytes);
  });

  it('lists children with a slash behind directories, under dated versions too', async () => {
    await start();

    const listing = await read('/2021-07-15/meta-data');

    expect(String(listing).split('\n')).toEqual(expect.arrayContaining(['instance-id', 'placement/', 'iam/']));
    expect(listing).not.toContain('spot');
  });

  it.each([
    ['terminate', true],
    ['stop', false],
  ] as const)('publishes a notice to %s, and takes it back', async (action, hasTerminationTime) => {
    await start();
    cloud.interrupt({ action, inSeconds: 120 });

    const notice = JSON.parse(String(await read('/latest/meta-data/spot/instance-action')));
    const terminationTime = await read('/latest/meta-data/spot/termination-time');
    cloud.withdrawNotice();

    expect(notice).toEqual({ action, time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) });
    expect(Date.parse(notice.time) - Date.now()).toBeGreaterThan(115_000);
    expect(Date.parse(notice.time) - Date.now()).toBeLessThanOrEqual(120_000);
    expect(terminationTime).toBe(hasTerminationTime ? notice.time : 404);
    expect(await read('/latest/meta-data/spot/instance-action')).toBe(404);
  });

  it('gives a hibernation no time ahead, and takes it back when the instance has resumed', async () => {
    await start();
    cloud.interrupt({ action: 'hibernate' });

    const notice = JSON.parse(String(await read('/latest/meta-data/spot/instance-action')));
    const terminationTime = await read('/latest/meta-data/spot/termination-time');
    cloud.withdrawNotice();

    expect(notice.action).toBe('hibernate');
    expect(Date.parse(notice.time)).toBeLessThanOrEqual(Date.now());
    expect(terminationTime).toBe(404);
    expect(await read('/latest/meta-data/spot/instance-action')).toBe(404);
  });

  const event = {
    NotBefore: '21 Jan 2030 09:00:43 GMT',
    Code: 'system-reboot',
    Description: 'scheduled reboot',
    EventId: 'instance-event-0d59937288b749b32',
    State: 'active',
  };

  it.each([
    {
      path: 'events/recommendations/rebalance',
      change: { rebalance: '2030-01-01T00:00:00Z' },
      says: { noticeTime: '2030-01-01T00:00:00Z' },
      withdrawn: { rebalance: undefined },
      after: 404,
    },
    {
      path: 'events/maintenance/scheduled',
      change: { maintenance: [event] },
      says: [event],
      withdrawn: { maintenance: [] },
      after: '[]',
    },
    {
      path: 'autoscaling/target-lifecycle-state',
      change: { targetLifecycleState: 'Warmed:Running' },
      says: 'Warmed:Running',
      withdrawn: { targetLifecycleState: undefined },
      after: 404,
    },
  ])('says $path from when it is set until it is withdrawn', async ({ path, change, says, withdrawn, after }) => {
    await start();

    cloud.changeInstance(change);
    const during = String(await read(`/latest/meta-data/${path}`));
    cloud.changeInstance(withdrawn);

    expect(during.startsWith('W') ? during : JSON.parse(during)).toEqual(says);
    expect(await read(`/latest/meta-data/${path}`)).toBe(after);
  });

  it('hands out credentials of the role and the identity document', async () => {
    await start();

    const credentials = JSON.parse(String(await read('/latest/meta-data/iam/security-credentials/simulated-role')));
    const identity = JSON.parse(String(await read('/latest/dynamic/instance-identity/document')));

    expect(credentials).toMatchObject({ Code: 'Success', Type: 'AWS-HMAC', Token: expect.any(String) });
    expect(Date.parse(credentials.Expiration) - Date.now()).toBeGreaterThan(5 * 60_000);
    expect(identity).toMatchObject({
      region: 'eu-west-1',
      accountId: '123456789012',
      kernelId: null,
      version: '2017-09-30',
    });
  });
});

async function start(setup: CloudSetup = {}): Promise<void> {
  cloud = await startCloud(setup);
}

async function token(ttlS = '60'): Promise<string> {
  return (await ask('PUT', '/latest/api/token', { [TTL]: ttlS })).body;
}

/** The body, or the status when it is not 200. */
async function read(path: string): Promise<string | number> {
  const { status, body } = await ask('GET', path, { [TOKEN]: await token() });
  return status === 200 ? body : status;
}

interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
  bytes: Buffer;
}

function ask(method: string, path: string, headers: Record<string, string>, base = cloud.imdsUrl()): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request(`${base}${path}`, { method, headers, agent: false }, async (response) => {
      const bytes = Buffer.concat(await response.toArray());
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes.toString('utf8'), bytes });
    });
    request.on('error', reject).end();
  });
}
