/** The instance metadata when it, or what stands in its place, behaves badly: tokens, connections, limits, clocks. */

import type { ServerResponse } from 'node:http';
import type { InstanceMetadata } from '../adapters/imds.ts';
import { AdapterError } from '../config/errors.ts';
import { startCloud } from '../simulator/server.ts';
import { failureOf, type Handler, hangs, metadataAt, never, says, startService } from './helpers/metadata-service.ts';

const NOTICE = 'meta-data/spot/instance-action';
const TERMINATE = '{"action":"terminate","time":"2033-11-06T08:01:30Z"}';

async function noticeOf(imds: InstanceMetadata) {
  return (await imds.instanceAction(never)).notice;
}

/** A simulated instance with a token in use. */
async function startInstance() {
  const cloud = await startCloud();
  const imds = metadataAt(cloud.imdsUrl());
  await noticeOf(imds);
  return {
    cloud,
    imds,
    calls: () => cloud.calls().map(({ operation, status }) => `${operation.replace('/latest/', '')} ${status}`),
    async [Symbol.asyncDispose]() {
      imds.close();
      await cloud.close();
    },
  };
}

/** A service that takes a token until told to forget it. */
async function startForgetful(handlers: Record<string, Handler>) {
  const forgotten = new Set<unknown>();
  const hanging = Promise.withResolvers<void>();
  const guarded = Object.entries(handlers).map(([path, handler]): [string, Handler] => [
    path,
    (answer, request) =>
      forgotten.has(request.headers['x-aws-ec2-metadata-token'])
        ? says('', 401)(answer, request)
        : handler(answer, request),
  ]);
  const service = await startService({
    'meta-data/mac': () => hanging.resolve(),
    ...Object.fromEntries(guarded),
  });
  return {
    ...service,
    forget: (token: string) => forgotten.add(token),
    /** More reads than there are connections for them; the first has arrived, and none has an answer. */
    async readsThatHang(imds: InstanceMetadata) {
      let ended = 0;
      const reading = new AbortController();
      for (let read = 0; read < 6; read += 1)
        void failureOf(imds.publicAddresses(reading.signal)).then(() => {
          ended += 1;
        });
      await hanging.promise;
      return { ended: () => ended, [Symbol.dispose]: () => reading.abort() };
    },
  };
}

describe('the token', () => {
  it('of version 2 comes with every look [9.1]', async () => {
    await using service = await startService();
    using imds = metadataAt(service.url);

    await noticeOf(imds);
    await noticeOf(imds);

    expect(service.requests).toEqual(['PUT api/token', `GET ${NOTICE}`, `GET ${NOTICE}`]);
    expect(service.tokens(NOTICE)).toEqual(['token-1', 'token-1']);
  });

  it('is asked for once by all that need one at the same time [9.1]', async () => {
    await using service = await startService();
    using imds = metadataAt(service.url);

    await Promise.all([noticeOf(imds), imds.signs(never), imds.userData(never), imds.lifecycleState(never)]);

    expect(service.requests.filter((request) => request === 'PUT api/token')).toHaveLength(1);
  });

  it('that is refused to several at once is replaced by one new one for all [9.4]', async () => {
    await using service = await startForgetful({ [NOTICE]: says('', 404), 'user-data': says('{}') });
    using imds = metadataAt(service.url);
    await noticeOf(imds);
    service.forget('token-1');

    await Promise.all([noticeOf(imds), imds.userData(never), imds.userData(never), imds.userData(never)]);

    expect(service.requests.filter((request) => request === 'PUT api/token')).toHaveLength(2);
    expect(service.tokens('user-data').slice(-3)).toEqual(['token-2', 'token-2', 'token-2']);
  });

  it('that is refused though it is new is not replaced a second time in one look, and the failure may pass [9.4]', async () => {
    await using instance = await startInstance();
    instance.cloud.metadataFault({ kind: 'status', status: 401, paths: 'meta-data' });

    const error = await failureOf(noticeOf(instance.imds));

    expect(instance.calls().slice(2)).toEqual([`GET ${NOTICE} 401`, 'PUT api/token 200', `GET ${NOTICE} 401`]);
    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(/answered 401/);
    expect(error.retryable).toBe(true);
  });

  it('that somebody waits for no longer is there for the others [9.4]', async () => {
    let give = () => {};
    const asked = Promise.withResolvers<void>();
    await using service = await startService({
      'api/token': (answer) => {
        give = () => answer.end('token-1');
        asked.resolve();
      },
    });
    using imds = metadataAt(service.url);
    const impatient = new AbortController();
    const first = failureOf(imds.instanceAction(impatient.signal));
    const second = noticeOf(imds);
    await asked.promise;

    impatient.abort();
    const error = await first;
    give();

    expect(error).toBeInstanceOf(AdapterError);
    expect(await second).toBeUndefined();
    expect(service.requests).toEqual(['PUT api/token', `GET ${NOTICE}`]);
  });

  it.each([
    { what: 'a page', body: '<!DOCTYPE html>\n<title>Log in</title>', shows: /no session token: "<!DOCTYPE html>/ },
    { what: 'nothing', body: '', shows: /no session token: ""/ },
  ])('is none when $what comes in its place, and the next look asks anew [9.4]', async ({ body, shows }) => {
    let isRight = false;
    const service = await startService({ 'api/token': (answer) => answer.end(isRight ? 'token-1' : body) });
    await using _service = service;
    using imds = metadataAt(service.url);

    const error = await failureOf(noticeOf(imds));
    isRight = true;

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(shows);
    expect(await noticeOf(imds)).toBeUndefined();
  });
});

describe('the connections', () => {
  it('are one for all looks for a notice [9.1]', async () => {
    await using service = await startService();
    using imds = metadataAt(service.url);

    for (let look = 0; look < 5; look += 1) await noticeOf(imds);

    expect(service.connections(NOTICE)).toBe(1);
  });

  it('of other paths, all of them hanging, do not hold up a look for a notice [9.1]', async () => {
    await using service = await startForgetful({ [NOTICE]: says(TERMINATE) });
    using imds = metadataAt(service.url);
    await noticeOf(imds);
    using reads = await service.readsThatHang(imds);

    const notice = await noticeOf(imds);

    expect(notice?.action).toBe('terminate');
    expect(reads.ended()).toBe(0);
  });

  it('of other paths, all of them hanging, do not hold up the new token that a look needs [9.1, 9.4]', async () => {
    await using service = await startForgetful({ [NOTICE]: says(TERMINATE) });
    using imds = metadataAt(service.url);
    await noticeOf(imds);
    using reads = await service.readsThatHang(imds);
    service.forget('token-1');

    const notice = await noticeOf(imds);

    expect(notice?.action).toBe('terminate');
    expect(service.tokens(NOTICE)).toEqual(['token-1', 'token-1', 'token-2']);
    expect(reads.ended()).toBe(0);
  });

  it('that the service has closed meanwhile are no failure [9.4]', async () => {
    await using instance = await startInstance();
    instance.cloud.metadataFault({ kind: 'reset', count: 1 });

    await expect(noticeOf(instance.imds)).resolves.toBeUndefined();
  });

  it('that are closed again and again are one, which may pass [9.4]', async () => {
    await using instance = await startInstance();
    instance.cloud.metadataFault({ kind: 'reset' });

    const error = await failureOf(noticeOf(instance.imds));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(/ECONNRESET|socket hang up/);
    expect(error.retryable).toBe(true);
  });
});

describe('an answer', () => {
  it.each([429, 500, 502, 503])('of status %i is a failure that may pass [9.4]', async (status) => {
    await using instance = await startInstance();
    instance.cloud.metadataFault({ kind: 'status', status });

    const error = await failureOf(noticeOf(instance.imds));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(`answered ${status}`);
    expect(error.retryable).toBe(true);
  });

  it('of status 503 to the request for a token is one as well [9.4]', async () => {
    await using cloud = await startCloud();
    cloud.metadataFault({ kind: 'status', status: 503, paths: 'api/token' });
    using imds = metadataAt(cloud.imdsUrl());

    const error = await failureOf(noticeOf(imds));

    expect(error.message).toMatch(/^PUT api\/token: .*answered 503/);
    expect(error.retryable).toBe(true);
  });

  it('that does not come at all is a failure that may pass, once its time is over [9.4]', async () => {
    await using instance = await startInstance();
    instance.cloud.metadataFault({ kind: 'hang' });

    const error = await failureOf(noticeOf(instance.imds));

    expect(error.message).toMatch(/no answer from \S+ within 1000 ms/);
    expect(error.retryable).toBe(true);
  });

  it('that trickles is not waited for either: the limit is for the whole [9.4]', async () => {
    await using service = await startService({ [NOTICE]: trickles });
    using imds = metadataAt(service.url);

    const error = await failureOf(noticeOf(imds));

    expect(error.message).toMatch(/no answer from \S+ within 1000 ms/);
    expect(error.retryable).toBe(true);
  });

  it('without an end is given up when it is longer than any can be [9.4]', async () => {
    await using service = await startService({ 'user-data': floods });
    using imds = metadataAt(service.url);

    const error = await failureOf(imds.userData(never));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(/longer than 1048576 bytes/);
  });

  it('that breaks off is a failure that may pass, not half an answer [9.4]', async () => {
    await using service = await startService({
      [NOTICE]: (answer) => answer.writeHead(200, { 'content-length': 1000 }).write(TERMINATE, () => answer.destroy()),
    });
    using imds = metadataAt(service.url);

    const error = await failureOf(noticeOf(imds));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.retryable).toBe(true);
  });

  it('that leads elsewhere is not followed [9.4]', async () => {
    await using elsewhere = await startService({ [NOTICE]: says(TERMINATE) });
    await using service = await startService({
      [NOTICE]: (answer) => answer.writeHead(302, { location: `${elsewhere.url}/latest/${NOTICE}` }).end(),
    });
    using imds = metadataAt(service.url);

    const error = await failureOf(noticeOf(imds));

    expect(error.message).toMatch(/answered 302/);
    expect(error.retryable).toBe(false);
    expect(elsewhere.requests).toEqual([]);
  });

  it.each([
    { what: 'a notice', path: NOTICE, read: noticeOf },
    {
      what: "the instance's facts",
      path: 'dynamic/instance-identity/document',
      read: (imds: InstanceMetadata) => imds.instanceFacts(never),
    },
  ])('that is the page of some other server is not taken for $what [9.4]', async ({ path, read }) => {
    await using service = await startService({ [path]: says('<!DOCTYPE html><title>Log in</title>') });
    using imds = metadataAt(service.url);

    const error = await failureOf(read(imds));

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toContain(`GET ${path}: the answer`);
    expect(error.message).toContain('<!DOCTYPE html><title>Log in');
  });
});

describe('the endpoints', () => {
  it('that all fail are all named [2.1, 9.4]', async () => {
    await using silent = await startService({ 'api/token': hangs });
    using imds = metadataAt('http://127.0.0.1:9', silent.url);

    const error = await failureOf(noticeOf(imds));

    expect(error.message).toMatch(
      /http:\/\/127\.0\.0\.1:9: .*ECONNREFUSED.*; no answer from http:\/\/127\.0\.0\.1:\d+/,
    );
    expect(error.retryable).toBe(true);
  });

  it('are asked in turn when the first says nothing, which costs its time only once [2.1, 9.4]', async () => {
    await using silent = await startService({ 'api/token': hangs });
    await using service = await startService();
    using imds = metadataAt(silent.url, service.url);

    await noticeOf(imds);
    imds.renew();
    await noticeOf(imds);

    expect(imds.endpoint()).toBe(service.url);
    expect(silent.requests).toEqual(['PUT api/token']);
  });

  it('that are host names say what each of their addresses said [2.1, 9.4]', async () => {
    using imds = metadataAt('http://localhost:9');

    await expect(noticeOf(imds)).rejects.toThrow(/http:\/\/localhost:9: .*ECONNREFUSED/);
  });
});

describe('the time left of a notice', () => {
  /** A notice whose answer has this `Date`. */
  async function leftWith(date: string | undefined, body: string) {
    const dated: Handler = (answer) => {
      answer.sendDate = false;
      answer.writeHead(200, date === undefined ? {} : { date }).end(body);
    };
    await using service = await startService({ [NOTICE]: dated });
    using imds = metadataAt(service.url);
    return await noticeOf(imds);
  }

  it.each([
    { date: 'Sun, 06 Nov 2033 08:00:00 GMT', leftMs: 90_000, what: 'from there' },
    { date: 'Sun, 06 Nov 2033 07:00:00 GMT', leftMs: 120_000, what: 'at most 120 s' },
    {
      date: 'Sun, 06 Nov 2033 09:00:00 GMT',
      leftMs: 0,
      what: 'nothing when its time is past, and it is one all the same',
    },
  ])('is counted from the Date of its answer, $what [9.2]', async ({ date, leftMs }) => {
    expect(await leftWith(date, TERMINATE)).toMatchObject({ action: 'terminate', leftMs });
  });

  it.each([undefined, 'yesterday'])('is counted from the local clock when the Date is %j [9.2]', async (date) => {
    const time = new Date(Date.now() + 60_000).toISOString();

    const notice = await leftWith(date, `{"action":"stop","time":"${time}"}`);

    expect(notice?.leftMs).toBeGreaterThan(0);
    expect(notice?.leftMs).toBeLessThanOrEqual(60_000);
  });

  it('goes with the clock of the service, however wrong ours is [9.2]', async () => {
    await using instance = await startInstance();
    instance.cloud.interrupt({ action: 'terminate', inSeconds: 100 });
    const before = await noticeOf(instance.imds);

    instance.cloud.metadataFault({ kind: 'wrong-date', offsetS: 60 });
    const after = await noticeOf(instance.imds);

    expect(before?.leftMs).toBeGreaterThan(60_000);
    expect(after?.leftMs).toBeLessThanOrEqual(41_000);
    expect(after?.key).toBe(before?.key);
  });

  it.each(['{"action":"hibernate"}', '{"action":"hibernate","time":"at once"}'])(
    'is none when it names no time: %s [9.2, 9.3]',
    async (body) => {
      const notice = await leftWith(undefined, body);

      expect(notice).toEqual({ action: 'hibernate', key: 'hibernate', leftMs: 0, seenAtMs: expect.any(Number) });
    },
  );
});

describe('a notice', () => {
  it('is known by its action and its time, in one way of writing them [9.5]', async () => {
    await using service = await startService({ [NOTICE]: says(TERMINATE) });
    using imds = metadataAt(service.url);

    const notice = await noticeOf(imds);

    expect(notice?.time).toBe('2033-11-06T08:01:30.000Z');
    expect(notice?.key).toBe('terminate 2033-11-06T08:01:30.000Z');
  });

  it('comes with when the answer was there, by both clocks, as does none [5.5, 9.2]', async () => {
    await using instance = await startInstance();
    const from = { atMs: performance.now(), wallMs: Date.now() };

    const none = await instance.imds.instanceAction(never);
    instance.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    const one = await instance.imds.instanceAction(never);

    expect(none.notice).toBeUndefined();
    expect(one.notice?.seenAtMs).toBe(one.atMs);
    expect(none.atMs).toBeGreaterThanOrEqual(from.atMs);
    expect(one.atMs).toBeGreaterThanOrEqual(none.atMs);
    expect(none.wallMs).toBeGreaterThanOrEqual(from.wallMs);
    expect(one.wallMs).toBeLessThanOrEqual(Date.now());
  });
});

describe('after a renewal', () => {
  it('token and connections are new [5.5]', async () => {
    await using service = await startService();
    using imds = metadataAt(service.url);
    await noticeOf(imds);

    imds.renew();
    await noticeOf(imds);

    expect(service.tokens(NOTICE)).toEqual(['token-1', 'token-2']);
    expect(service.connections(NOTICE)).toBe(2);
  });

  it('a token that was under way is nobody’s any more, and a look that waited for it may be made again [5.5]', async () => {
    const asked = Promise.withResolvers<void>();
    let isFirst = true;
    await using service = await startService({
      'api/token': (answer) => {
        if (!isFirst) return answer.end('token-2');
        isFirst = false;
        return asked.resolve();
      },
    });
    using imds = metadataAt(service.url);
    const waiting = failureOf(noticeOf(imds));
    await asked.promise;

    imds.renew();

    expect((await waiting).retryable).toBe(true);
    await noticeOf(imds);
    expect(service.tokens(NOTICE)).toEqual(['token-2']);
  });
});

/** One byte now and then: no time limit on silence ever bites. */
function trickles(answer: ServerResponse): void {
  const timer = setInterval(() => answer.write('x'), 50);
  answer.on('close', () => clearInterval(timer));
}

/** As much as the other side takes, for ever. */
function floods(answer: ServerResponse): void {
  const more = () => {
    while (!answer.destroyed && answer.write('x'.repeat(65_536)));
  };
  answer.on('drain', more);
  more();
}
