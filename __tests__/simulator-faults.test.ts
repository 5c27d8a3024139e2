import http from 'node:http';
import { type Cloud, type CloudSetup, type MetadataFault, startCloud } from '../simulator/server.ts';

const TTL = 'x-aws-ec2-metadata-token-ttl-seconds';
const TOKEN = 'x-aws-ec2-metadata-token';
const NOTICE = '/latest/meta-data/spot/instance-action';
const ID = '/latest/meta-data/instance-id';
const OTHER = 'i-0aaaaaaaaaaaaaaaa';

let cloud: Cloud;
afterEach(() => cloud.close());

describe('faults of the simulated metadata [13.1]', () => {
  it.each([401, 403, 404, 429, 500, 503])(
    'answer everything with %i, tokens too, until they are withdrawn',
    async (status) => {
      await start();
      const token = await newToken();

      cloud.metadataFault({ kind: 'status', status });
      const during = [await askToken(), await ask(ID, token), await ask('/latest/user-data', token)];
      cloud.healMetadata();

      expect(during.map((reply) => reply.status)).toEqual([status, status, status]);
      expect(during[0]?.body).toContain(`<h1>${status} - `);
      expect((await ask(ID, token)).status).toBe(200);
    },
  );

  it('can be there from the start, and a setup can be used twice', async () => {
    const setup: CloudSetup = { instances: [{ metadataFaults: [{ kind: 'status', status: 503, count: 1 }] }] };
    const statuses: number[] = [];

    for (const _time of [1, 2]) {
      await using _cloud = await start(setup);
      statuses.push((await askToken()).status, (await askToken()).status);
    }

    expect(statuses).toEqual([503, 200, 503, 200]);
  });

  it('are for paths with a prefix, and for no others', async () => {
    await start();
    const token = await newToken();

    cloud.metadataFault({ kind: 'status', status: 503, paths: 'meta-data/spot' });

    expect((await ask(NOTICE, token)).status).toBe(503);
    expect((await ask('/2021-07-15/meta-data/spot/termination-time', token)).status).toBe(503);
    expect((await ask(ID, token)).status).toBe(200);
    expect((await askToken()).status).toBe(200);
  });

  it('refuse nothing but tokens where the prefix is theirs', async () => {
    await start();
    const token = await newToken();

    cloud.metadataFault({ kind: 'status', status: 403, paths: 'api/token' });

    expect((await askToken()).status).toBe(403);
    expect((await ask(ID, token)).status).toBe(200);
  });

  it('that are counted have their turn one after the other, and end by themselves', async () => {
    await start();
    const token = await newToken();

    cloud.metadataFault({ kind: 'status', status: 503, count: 2 });
    cloud.metadataFault({ kind: 'status', status: 500, count: 1 });
    const statuses = [];
    for (const _time of [1, 2, 3, 4]) statuses.push((await ask(ID, token)).status);

    expect(statuses).toEqual([503, 503, 500, 200]);
    expect(cloud.instance().metadataFaults).toEqual([]);
  });

  it('take a request and never answer it, while others are answered', async () => {
    await start();
    const token = await newToken();

    cloud.metadataFault({ kind: 'hang', paths: 'meta-data/spot' });
    const ending = ask(NOTICE, token).catch(({ code }) => code);
    await logged(`GET ${NOTICE}`);
    const other = await ask(ID, token);
    cloud.healMetadata();
    const healed = await ask(NOTICE, token);
    await cloud.close();

    expect(other.status).toBe(200);
    expect(healed.status).toBe(404);
    expect(await ending).toBe('ECONNRESET');
    expect(cloud.calls().filter(({ operation }) => operation === `GET ${NOTICE}`)).toMatchObject([
      { status: 0, errorCode: 'hang' },
      { status: 404 },
    ]);
  });

  it('reset the connection', async () => {
    await start();
    const token = await newToken();

    cloud.metadataFault({ kind: 'reset', count: 1 });

    await expect(ask(ID, token)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await ask(ID, token)).status).toBe(200);
    expect(cloud.calls()).toMatchObject([{}, { operation: `GET ${ID}`, status: 0, errorCode: 'reset' }, {}]);
  });

  it('let an answer come late', async () => {
    await start();
    const token = await newToken();

    cloud.metadataFault({ kind: 'latency', ms: 300, paths: 'meta-data/spot' });
    const late = ask(NOTICE, token);
    await ask(ID, token);
    await late;

    expect(cloud.calls().map(({ operation }) => operation)).toEqual([
      'PUT /latest/api/token',
      `GET ${ID}`,
      `GET ${NOTICE}`,
    ]);
  });

  it.each([-3600, 86_400])('put the Date off by %i s', async (offsetS) => {
    await start();

    cloud.metadataFault({ kind: 'wrong-date', offsetS });
    const { headers } = await askToken();

    const offS = (Date.parse(headers.date ?? '') - Date.now()) / 1000;
    expect(Math.abs(offS - offsetS)).toBeLessThan(5);
  });

  it('leave the Date out', async () => {
    await start();
    const before = await askToken();

    cloud.metadataFault({ kind: 'no-date', count: 1 });
    const during = await askToken();

    expect(during.status).toBe(200);
    expect([before.headers.date, during.headers.date]).toEqual([expect.any(String), undefined]);
  });

  it('of different kinds befall one request together', async () => {
    await start();

    cloud.metadataFault({ kind: 'no-date' });
    cloud.metadataFault({ kind: 'status', status: 503 });
    const { status, headers } = await askToken();

    expect([status, headers.date]).toEqual([503, undefined]);
  });

  it('make every token that was given out invalid, and none that comes later', async () => {
    await start();
    const tokens = [await newToken(), await newToken()];

    cloud.expireTokens();
    const old = await Promise.all(tokens.map((token) => ask(ID, token)));

    expect(old.map(({ status }) => status)).toEqual([401, 401]);
    expect((await ask(ID, await newToken())).status).toBe(200);
  });

  it('are one instance’s own', async () => {
    await start({ instances: [{}, { id: OTHER }] });

    cloud.metadataFault({ kind: 'status', status: 503 }, OTHER);

    expect((await askToken()).status).toBe(200);
    expect((await askToken(cloud.imdsUrl(OTHER))).status).toBe(503);
  });
});

describe('faults at the control endpoint [13.1]', () => {
  it('have the same words, and are withdrawn there', async () => {
    await start();

    const said = await control('POST', 'metadata-fault', { kind: 'status', status: 503, paths: 'api', count: 3 });
    const during = await askToken();
    await control('DELETE', 'metadata-fault');

    expect(JSON.parse(said.body)).toEqual([
      { instanceId: cloud.instanceId, metadataFaults: [{ kind: 'status', status: 503, paths: 'api', count: 3 }] },
    ]);
    expect(during.status).toBe(503);
    expect((await askToken()).status).toBe(200);
  });

  it('make tokens invalid', async () => {
    await start();
    const token = await newToken();

    await control('DELETE', 'tokens');

    expect((await ask(ID, token)).status).toBe(401);
  });

  it('are for the instance that is named', async () => {
    await start({ instances: [{}, { id: OTHER }] });

    await control('POST', `metadata-fault?instanceId=${OTHER}`, { kind: 'status', status: 503 });

    expect((await askToken()).status).toBe(200);
    expect((await askToken(cloud.imdsUrl(OTHER))).status).toBe(503);
  });

  it.each([
    { fault: {}, says: '"kind" is one of status, hang, reset, latency, wrong-date, no-date' },
    { fault: { kind: 'explode' }, says: '"kind" is one of' },
    { fault: { kind: 'status' }, says: '"status" is a whole number from 400 to 599' },
    { fault: { kind: 'status', status: 200 }, says: '"status" is a whole number from 400 to 599' },
    { fault: { kind: 'latency', ms: '5' }, says: '"ms" is a number of milliseconds' },
    { fault: { kind: 'wrong-date' }, says: '"offsetS" is a number of seconds' },
    { fault: { kind: 'hang', count: 0 }, says: '"count" is a whole number from 1' },
    {
      fault: { kind: 'hang', paths: '/latest/meta-data' },
      says: '"paths" is a prefix of paths without slash and version',
    },
    {
      fault: { kind: 'hang', paths: 'latest/meta-data' },
      says: '"paths" is a prefix of paths without slash and version',
    },
    { fault: { kind: 'hang', ms: 5 }, says: '"ms" is none of paths, count, afterMs, forMs, which "hang" can have' },
  ])('answer $fault: $says', async ({ fault, says }) => {
    await start();

    const reply = await control('POST', 'metadata-fault', fault);

    expect(reply.status).toBe(400);
    expect(JSON.parse(reply.body).problem).toContain(says);
    expect(() => cloud.metadataFault(fault as MetadataFault)).toThrow(says);
  });
});

async function start(setup: CloudSetup = {}): Promise<Cloud> {
  cloud = await startCloud(setup);
  return cloud;
}

interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

function askToken(base = cloud.imdsUrl()): Promise<Reply> {
  return answerTo(http.request(`${base}/latest/api/token`, { method: 'PUT', headers: { [TTL]: '60' }, agent: false }));
}

async function newToken(): Promise<string> {
  return (await askToken()).body;
}

function ask(path: string, token: string): Promise<Reply> {
  return answerTo(http.request(`${cloud.imdsUrl()}${path}`, { headers: { [TOKEN]: token }, agent: false }));
}

function control(method: string, path: string, body?: unknown): Promise<Reply> {
  const request = http.request(`${cloud.url}/_control/${path}`, { method, agent: false });
  return answerTo(request, body === undefined ? '' : JSON.stringify(body));
}

function answerTo(request: http.ClientRequest, body = ''): Promise<Reply> {
  return new Promise((resolve, reject) => {
    request.on('response', async (response) => {
      const bytes = Buffer.concat(await response.toArray());
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes.toString('utf8') });
    });
    request.on('error', reject).end(body);
  });
}

/** Resolves when a call stands in the log. */
function logged(operation: string): Promise<void> {
  return new Promise((resolve) => {
    const isThere = () => cloud.calls().some((call) => call.operation === operation);
    if (isThere()) return resolve();
    const end = cloud.onCall(() => {
      if (!isThere()) return;
      end();
      resolve();
    });
  });
}
