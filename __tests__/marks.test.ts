/** Tags on volumes: in the order asked, few calls, and nobody's failure but a warning's. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CallLog } from '../adapters/aws.ts';
import { createMarks } from '../adapters/marks.ts';
import { type AwsLab, facts, startAwsLab } from './helpers/aws-lab.ts';

/** Writes down what is asked. @param changes false: as with init switched off. */
function callLog(changes = true) {
  const noted: Array<[method: string, param: unknown]> = [];
  const log: CallLog = {
    look: () => {},
    change(method, param) {
      noted.push([method, param]);
      return Promise.resolve(changes);
    },
  };
  return { log, noted };
}

const { log } = callLog();
const MINE = { transaction: 't-1', holder: facts.instanceId };
const NONE = 'vol-0bbbbbbbbbbbbbbbb';

/** Marks, and the warnings that they gave. */
function startMarks(lab: AwsLab) {
  const troubles: string[] = [];
  return { troubles, marks: createMarks(lab.aws, { onTrouble: ({ message }) => troubles.push(message) }) };
}

const tagCalls = (lab: AwsLab) =>
  lab.cloud
    .calls()
    .filter(({ operation }) => /Tags$/.test(operation))
    .map(({ operation, params }) => [operation, (params as { ResourceId: string[] }).ResourceId]);

const tagsOf = (lab: AwsLab, volumeId: string) => lab.cloud.volume(volumeId)?.tags;

describe('marks', () => {
  it('are written over what stands there, and noted as they were asked [4.4, 6.7]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', tags: { Name: 'world', holder: 'i-before' } }] });
    const { marks, troubles } = startMarks(lab);
    const { log, noted } = callLog();

    marks.put('vol-0aa', MINE, log);
    await marks.settled(5_000);

    expect(tagsOf(lab, 'vol-0aa')).toEqual({ Name: 'world', ...MINE });
    expect(noted).toEqual([
      [
        'create_tags',
        {
          Resources: ['vol-0aa'],
          Tags: [
            { Key: 'transaction', Value: 't-1' },
            { Key: 'holder', Value: facts.instanceId },
          ],
        },
      ],
    ]);
    expect(troubles).toEqual([]);
  });

  it('are removed only where they still have the value [6.7]', async () => {
    await using lab = await startAwsLab({
      volumes: [{ id: 'vol-0aa', tags: { Name: 'world', transaction: 't-1', holder: 'i-another' } }],
    });
    const { marks } = startMarks(lab);

    marks.remove('vol-0aa', MINE, log);
    await marks.settled(5_000);

    expect(tagsOf(lab, 'vol-0aa')).toEqual({ Name: 'world', holder: 'i-another' });
  });

  it('are only noted with init switched off [2.1]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', tags: { holder: 'i-before' } }] });
    const { marks } = startMarks(lab);
    const { log, noted } = callLog(false);

    marks.put('vol-0aa', MINE, log);
    marks.remove('vol-0aa', { holder: 'i-before' }, log);
    await marks.putNow('vol-0aa', MINE, log);
    await marks.settled(5_000);

    expect(noted.map(([method]) => method)).toEqual(['create_tags', 'delete_tags', 'create_tags']);
    expect(tagCalls(lab)).toEqual([]);
    expect(tagsOf(lab, 'vol-0aa')).toEqual({ holder: 'i-before' });
  });

  it('of one moment that are the same for several volumes are one call [6.7]', async () => {
    const ids = ['vol-0aa', 'vol-0bb', 'vol-0cc'];
    await using lab = await startAwsLab({ volumes: ids.map((id) => ({ id })) });
    const { marks } = startMarks(lab);

    marks.put('vol-0aa', { a: '1', b: '2' }, log);
    marks.put('vol-0bb', { a: '1' }, log);
    marks.put('vol-0cc', { b: '2', a: '1' }, log);
    await marks.settled(5_000);

    expect(tagCalls(lab)).toEqual([
      ['CreateTags', ['vol-0aa', 'vol-0cc']],
      ['CreateTags', ['vol-0bb']],
    ]);
    expect(ids.map((id) => tagsOf(lab, id))).toEqual([{ a: '1', b: '2' }, { a: '1' }, { a: '1', b: '2' }]);
  });

  it('that come and go, and come again, stand there in the end [6.7]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }, { id: 'vol-0bb' }] });
    const { marks } = startMarks(lab);

    marks.put('vol-0aa', MINE, log);
    marks.remove('vol-0aa', MINE, log);
    marks.put('vol-0aa', MINE, log);
    marks.put('vol-0bb', MINE, log);
    marks.remove('vol-0bb', MINE, log);
    await marks.settled(5_000);

    expect(tagsOf(lab, 'vol-0aa')).toEqual(MINE);
    expect(tagsOf(lab, 'vol-0bb')).toEqual({});
    expect(tagCalls(lab)).toEqual([
      ['CreateTags', ['vol-0aa', 'vol-0bb']],
      ['DeleteTags', ['vol-0aa', 'vol-0bb']],
      ['CreateTags', ['vol-0aa']],
    ]);
  });

  it('keep their order though the first one waits longer to be allowed [6.7]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });
    const { marks } = startMarks(lab);
    const { promise, resolve } = Promise.withResolvers<boolean>();

    marks.put('vol-0aa', MINE, { look: () => {}, change: () => promise });
    marks.remove('vol-0aa', MINE, log);
    resolve(true);
    await marks.settled(5_000);

    expect(tagsOf(lab, 'vol-0aa')).toEqual({});
  });

  it('are written one call at a time, so that they never meet on one volume [6.7]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }], latencyMs: 30 });
    const { marks } = startMarks(lab);

    for (const value of ['1', '2', '3']) marks.put('vol-0aa', { value }, log);
    await marks.settled(5_000);

    const calls = lab.cloud.calls().filter(({ operation }) => operation === 'CreateTags');
    expect(calls.map(({ params }) => (params as { Tag: unknown[] }).Tag)).toEqual(
      ['1', '2', '3'].map((Value) => [{ Key: 'value', Value }]),
    );
    for (const [index, { startMs }] of calls.slice(1).entries())
      expect(startMs).toBeGreaterThanOrEqual(calls[index]?.endMs ?? Number.NaN);
  });
});

describe('a mark that cannot be written', () => {
  it('keeps no other from being written, when its volume is gone, and is one warning [6.7]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }, { id: 'vol-0cc' }] });
    const { marks, troubles } = startMarks(lab);

    for (const id of ['vol-0aa', NONE, 'vol-0cc']) marks.put(id, MINE, log);
    await marks.settled(5_000);

    expect([tagsOf(lab, 'vol-0aa'), tagsOf(lab, 'vol-0cc')]).toEqual([MINE, MINE]);
    expect(troubles).toEqual([expect.stringMatching(new RegExp(`^CreateTags ${NONE}: InvalidVolume.NotFound`))]);
  });

  it('is one warning for each kind of refusal, which names the permission [6.7]', async () => {
    await using lab = await startAwsLab({
      volumes: [{ id: 'vol-create-tags-denied' }, { id: 'vol-tag-denied' }],
    });
    const { marks, troubles } = startMarks(lab);

    marks.put('vol-create-tags-denied', MINE, log);
    marks.put('vol-tag-denied', MINE, log);
    marks.remove('vol-tag-denied', MINE, log);
    marks.put(NONE, MINE, log);
    await marks.settled(5_000);

    expect(troubles).toEqual([
      expect.stringMatching(
        /^CreateTags vol-create-tags-denied: UnauthorizedOperation.*Allow ec2:CreateTags on vol-create-tags-denied in/s,
      ),
      expect.stringMatching(/^CreateTags .*InvalidVolume.NotFound/),
      expect.stringMatching(/^DeleteTags vol-tag-denied: .*Allow ec2:DeleteTags on vol-tag-denied in/s),
    ]);
  });

  it('is tried again when two tag writes meet on one volume [6.3, 6.7]', async () => {
    await using lab = await startAwsLab({});
    using server = await answeringInTurn([400, 'ConcurrentTagAccess'], [200, '']);
    process.env.AWS_ENDPOINT_URL = server.url;
    const { marks, troubles } = startMarks(lab);

    marks.put('vol-0aa', MINE, log);
    await marks.settled(10_000);

    expect(troubles).toEqual([]);
    expect(server.requests()).toBe(2);
  });

  /** Answers one request after the other. */
  async function answeringInTurn(...answers: Array<[status: number, code: string]>) {
    let requests = 0;
    const server = createServer((_, answer) => {
      const [status, code] = answers[requests] ?? [500, 'InternalError'];
      requests += 1;
      const error = `<Response><Errors><Error><Code>${code}</Code><Message>no</Message></Error></Errors></Response>`;
      const success = '<CreateTagsResponse><return>true</return></CreateTagsResponse>';
      answer.writeHead(status, { 'content-type': 'text/xml' }).end(code === '' ? success : error);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { url, requests: () => requests, [Symbol.dispose]: () => server.close() };
  }
});

describe('a mark that has to be there', () => {
  it('is there when its writing has ended, after all that was asked before [4.3, 6.7]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }] });
    const { marks } = startMarks(lab);

    marks.put('vol-0aa', { holder: 'i-before' }, log);
    marks.remove('vol-0aa', { holder: 'i-before' }, log);
    await marks.putNow('vol-0aa', MINE, log);

    expect(tagsOf(lab, 'vol-0aa')).toEqual(MINE);
  });

  it.each([
    { volumeId: 'vol-create-tags-denied', says: /Allow ec2:CreateTags on vol-create-tags-denied/ },
    { volumeId: NONE, says: /^CreateTags .*InvalidVolume\.NotFound/ },
  ])(
    'fails for whoever asked when it cannot be written on $volumeId, and is no warning beside [6.7]',
    async ({ volumeId, says }) => {
      await using lab = await startAwsLab({ volumes: [{ id: 'vol-create-tags-denied' }] });
      const { marks, troubles } = startMarks(lab);

      await expect(marks.putNow(volumeId, MINE, log)).rejects.toThrow(says);
      await marks.settled(5_000);

      expect(troubles).toEqual([]);
    },
  );
});

describe('a mark that has to go', () => {
  it('is gone with its volume, and keeps no other from going [6.7]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', tags: MINE }] });
    const { marks, troubles } = startMarks(lab);

    marks.remove('vol-0aa', MINE, log);
    marks.remove(NONE, MINE, log);
    await marks.settled(5_000);

    expect(troubles).toEqual([]);
    expect(tagsOf(lab, 'vol-0aa')).toEqual({});
  });
});

describe('waiting for marks', () => {
  it('ends at once when there are none', async () => {
    await using lab = await startAwsLab({});

    await startMarks(lab).marks.settled(600_000);
  });

  it('ends when its time is over, whatever is under way [5.6]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa' }], latencyMs: 60_000 });
    const { marks } = startMarks(lab);

    marks.put('vol-0aa', MINE, log);
    await marks.settled(50);

    expect(tagsOf(lab, 'vol-0aa')).toEqual({});
  });
});
