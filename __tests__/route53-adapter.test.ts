/** Record sets as the daemon reads, writes and restores them: the real SDK against the simulator. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CallLog } from '../adapters/aws.ts';
import { createRecordSets } from '../adapters/route53.ts';
import type { Replacement } from '../adapters/route53-sets.ts';
import { AdapterError } from '../config/errors.ts';
import { storedName } from '../config/record-name.ts';
import type { BeforeAndAfter, RecordSet } from '../config/vocabulary.ts';
import type { StoredRecordSet } from '../simulator/cloud.ts';
import type { CloudSetup } from '../simulator/server.ts';
import { type AwsLab, ME, OTHER, recordSetsOf, startAwsLab, ZONE } from './helpers/aws-lab.ts';

const name = 'play.example.com.';
const OTHER_ZONE = 'Z9876543210EXAMPLE';
const HEALTH_CHECK = '01234567-89ab-cdef-0123-456789abcdef';

const ours: RecordSet = { name, type: 'A', ttl: 60, values: ['192.0.2.1'] };
const theirs: RecordSet = { name, type: 'A', ttl: 300, values: ['192.0.2.8', '192.0.2.9'] };
const six: RecordSet = { name, type: 'AAAA', ttl: 60, values: ['2001:db8::1'] };
const checked: RecordSet = { ...theirs, healthCheckId: HEALTH_CHECK };
const alias: RecordSet = {
  name,
  type: 'A',
  ttl: -1,
  values: [],
  alias: { hostedZone: 'Z2OTHEREXAMPLE', name: 'lb.example.net.', evaluateTargetHealth: true },
};

/** The set that an instance has for itself under the name. */
const multivalue = (setIdentifier: string, values = ['192.0.2.1']): RecordSet => ({ ...ours, values, setIdentifier });
const simple = (label: string): RecordSet => ({ ...ours, name: `${label}.example.com.` });

/** Writes down what is asked. @param changes false: as with init switched off. */
function callLog(changes = true) {
  const noted: Array<[method: string, param: unknown]> = [];
  const log: CallLog = {
    look: (method, param) => void noted.push([method, param]),
    change(method, param) {
      noted.push([method, param]);
      return Promise.resolve(changes);
    },
  };
  return { log, noted };
}

/** A zone in which these sets stand, and a health check that one of them may get. */
async function zoneWith(sets: RecordSet[], { id = ZONE, ...setup }: CloudSetup & { id?: string } = {}) {
  const hostedZones = [{ id, name: 'example.com', recordSets: sets.map(toStored) }];
  return startAwsLab({ hostedZones, healthChecks: [HEALTH_CHECK], ...setup });
}

function toStored({ alias: target, ttl, ...set }: RecordSet): StoredRecordSet {
  const routing = set.setIdentifier === undefined ? {} : { multiValueAnswer: true };
  if (target === undefined) return { ...set, ...routing, ttl };
  const { hostedZone, name: dnsName, evaluateTargetHealth } = target;
  return { ...set, alias: { hostedZoneId: hostedZone, dnsName, evaluateTargetHealth } };
}

function callsOf(lab: AwsLab, operation: string) {
  return lab.cloud.calls().filter((call) => call.operation === operation);
}

const looks = (lab: AwsLab) => callsOf(lab, 'ListResourceRecordSets');
const changes = (lab: AwsLab) => callsOf(lab, 'ChangeResourceRecordSets');

/** What stands in the zone beside what every zone has. */
function standing(lab: AwsLab, zone = ZONE): StoredRecordSet[] {
  return lab.cloud.recordSets(zone).filter(({ type }) => type !== 'SOA' && type !== 'NS');
}

/** The names of the sets that each change batch of a zone was about. */
function batches(lab: AwsLab, zone = ZONE): string[][] {
  type Params = {
    HostedZoneId: string;
    ChangeBatch: { Changes: { Change: { ResourceRecordSet: { Name: string } }[] } };
  };
  return changes(lab)
    .map(({ params }) => params as Params)
    .filter(({ HostedZoneId }) => HostedZoneId === zone)
    .map(({ ChangeBatch }) => ChangeBatch.Changes.Change.map(({ ResourceRecordSet: { Name } }) => Name));
}

async function errorOf(call: Promise<unknown>): Promise<AdapterError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AdapterError);
  return error as AdapterError;
}

describe('a name', () => {
  it.each([
    ['Play.Example.COM', 'play.example.com.'],
    ['play.example.com.', 'play.example.com.'],
    ['*.example.com', '\\052.example.com.'],
    ['\\052.example.com', '\\052.example.com.'],
    ['_srv.a-b.c', '_srv.a-b.c.'],
    ['\\101b.example', 'ab.example.'],
    ['a\\056b.example', 'a\\056b.example.'],
    ['bücher.example', 'b\\303\\274cher.example.'],
  ])('is compared the way Route 53 stores it: %s [7.3]', (given, stored) => {
    expect(storedName(given)).toBe(stored);
  });
});

describe('a look at a name', () => {
  const read = (lab: AwsLab, place: { name?: string; setIdentifier?: string } = {}) =>
    recordSetsOf(lab).read({ hostedZone: ZONE, name, ...place }, callLog().log);

  it('shows its A and AAAA sets, under any spelling, and no neighbours [7.3, 7.4]', async () => {
    await using lab = await zoneWith([ours, six, simple('zoo'), simple('a.play')]);

    expect(await read(lab, { name: 'Play.Example.com' })).toEqual([ours, six]);
  });

  it('shows nothing where only neighbours stand [7.4]', async () => {
    await using lab = await zoneWith([simple('zoo')]);

    expect(await read(lab)).toEqual([]);
  });

  it('finds a wildcard, whose star Route 53 stores as an escape [7.3]', async () => {
    const wildcard = { ...ours, name: '\\052.example.com.' };
    await using lab = await zoneWith([wildcard, simple('zoo')]);

    expect(await read(lab, { name: '*.Example.com' })).toEqual([wildcard]);
  });

  it('shows all that it would take to restore a set: an alias, a health check [7.4, 7.5]', async () => {
    const sets = [alias, { ...six, healthCheckId: HEALTH_CHECK }];
    await using lab = await zoneWith(sets);

    expect(await read(lab)).toEqual(sets);
  });

  it('goes on page after page as long as the name does [7.4]', async () => {
    const others = Array.from({ length: 25 }, (_, index) => multivalue(`i-${index}`));
    await using lab = await zoneWith([...others, six, simple('zoo')]);

    expect(await read(lab)).toEqual([six]);
    expect(looks(lab)).toHaveLength(3);
  });

  it('does not read the whole zone [7.4]', async () => {
    const neighbours = Array.from({ length: 25 }, (_, index) => simple(`z${index}`));
    await using lab = await zoneWith([ours, ...neighbours]);

    expect(await read(lab)).toEqual([ours]);
    expect(looks(lab)).toHaveLength(1);
  });

  it('leaves out what is weighted, also under the id of this instance [7.8]', async () => {
    const weighted = { name, type: 'A', ttl: 60, values: ['192.0.2.7'], setIdentifier: ME, weight: 1 };
    await using lab = await startAwsLab({ hostedZones: [{ id: ZONE, name: 'example.com', recordSets: [weighted] }] });

    expect(await read(lab)).toEqual([]);
    expect(await read(lab, { setIdentifier: ME })).toEqual([]);
  });

  it('of a zone that does not exist says what to check [7.4]', async () => {
    await using lab = await startAwsLab({});

    const error = await errorOf(recordSetsOf(lab).read({ hostedZone: 'ZNOWHERE', name }, callLog().log));

    expect(error.message).toMatch(
      /^ListResourceRecordSets ZNOWHERE play\.example\.com\.: NoSuchHostedZone.*Check hostedzone/,
    );
    expect(error.retryable).toBe(false);
  });

  it('for the sets of one instance finds them among a hundred others with two small calls [7.8]', async () => {
    const own = [multivalue(ME), { ...six, setIdentifier: ME }];
    const others = Array.from({ length: 50 }, (_, index) => [
      multivalue(`i-${index}`),
      { ...six, setIdentifier: `i-${index}` },
    ]);
    await using lab = await zoneWith([...others.flat(), ...own]);

    expect(await read(lab, { setIdentifier: ME })).toEqual(own);
    expect(looks(lab)).toMatchObject([{ params: { maxitems: '1' } }, { params: { maxitems: '1' } }]);
  });

  it.each([{ there: [multivalue(ME)] }, { there: [{ ...six, setIdentifier: ME }] }, { there: [] }])(
    'for the sets of one instance gives each of them once [7.8]',
    async ({ there }) => {
      await using lab = await zoneWith([...there, simple('zoo')]);

      expect(await read(lab, { setIdentifier: ME })).toEqual(there);
    },
  );

  it('for the sets of one instance leaves out those of others, and they do so with it [7.8]', async () => {
    await using lab = await zoneWith([multivalue(ME), multivalue(OTHER, ['192.0.2.2'])]);

    expect(await read(lab, { setIdentifier: OTHER })).toEqual([multivalue(OTHER, ['192.0.2.2'])]);
    expect(await read(lab)).toEqual([]);
  });
});

describe('a look whose answer', () => {
  const page = (list: string, more = '<IsTruncated>false</IsTruncated>') =>
    `<R>${list}${more}<MaxItems>10</MaxItems></R>`;
  const samePage = `<IsTruncated>true</IsTruncated><NextRecordName>${name}</NextRecordName><NextRecordType>A</NextRecordType>`;

  async function readOf(body: string) {
    await using lab = await zoneWith([]);
    using server = await answering((_, answer) => void answer.end(body));
    process.env.AWS_ENDPOINT_URL = server.url;
    return await recordSetsOf(lab).read({ hostedZone: ZONE, name }, callLog().log);
  }

  it.each([
    { what: 'is empty', body: '', says: 'no list of record sets' },
    { what: 'is a page for people', body: '<html><body>Welcome</body></html>', says: 'no list of record sets' },
    { what: 'never ends', body: page('<ResourceRecordSets/>', samePage), says: 'does not end within 30 pages' },
  ])('$what says nothing of what stands there, least of all that nothing does [7.4, 7.5]', async ({ body, says }) => {
    const error = await errorOf(readOf(body));

    expect(error.message).toMatch(new RegExp(`^ListResourceRecordSets Z\\w+ play\\.example\\.com\\.: .*${says}`));
    expect(error.retryable).toBe(true);
  });

  it('has an empty list says that nothing stands there [7.4]', async () => {
    expect(await readOf(page('<ResourceRecordSets/>'))).toEqual([]);
  });
});

describe('looks that come together', () => {
  it('are one call when they are at one name, whatever its spelling, and each asker has noted it [7.2]', async () => {
    await using lab = await zoneWith([ours]);
    const recordSets = recordSetsOf(lab);
    const logs = [callLog(), callLog()];

    const found = await Promise.all(
      ['play.example.com', 'PLAY.example.com.'].map((spelling, index) =>
        recordSets.read({ hostedZone: ZONE, name: spelling }, logs[index]?.log ?? callLog().log),
      ),
    );

    expect(found).toEqual([[ours], [ours]]);
    expect(looks(lab)).toHaveLength(1);
    expect(logs.map(({ noted }) => noted.map(([method]) => method))).toEqual(
      Array(2).fill(['list_resource_record_sets']),
    );
  });

  it('are not mixed up: other names, other zones, the sets of an instance [7.2]', async () => {
    const zones = [ZONE, OTHER_ZONE].map((id, index) => ({
      id,
      name: 'example.com',
      recordSets: [ours, simple('zoo'), multivalue(ME, [`192.0.2.${index}`])].map((set) =>
        toStored(set.setIdentifier ? { ...set, name: 'all.example.com.' } : { ...set, ttl: index }),
      ),
    }));
    await using lab = await startAwsLab({ hostedZones: zones });
    const recordSets = recordSetsOf(lab);
    const places = [ZONE, OTHER_ZONE].flatMap((hostedZone) => [
      { hostedZone, name },
      { hostedZone, name: 'zoo.example.com' },
      { hostedZone, name: 'all.example.com' },
      { hostedZone, name: 'all.example.com', setIdentifier: ME },
    ]);

    const found = await Promise.all(places.map((place) => recordSets.read(place, callLog().log)));

    const shown = found.map((sets) => sets.map((set) => `${set.name} ${set.ttl} ${set.values}`).join());
    expect(shown).toEqual([
      'play.example.com. 0 192.0.2.1',
      'zoo.example.com. 0 192.0.2.1',
      '',
      'all.example.com. 60 192.0.2.0',
      'play.example.com. 1 192.0.2.1',
      'zoo.example.com. 1 192.0.2.1',
      '',
      'all.example.com. 60 192.0.2.1',
    ]);
  });

  it('are made one after the other [7.2]', async () => {
    await using lab = await zoneWith([], { latencyMs: 20 });
    const recordSets = recordSetsOf(lab);

    await Promise.all(
      ['a', 'b', 'c'].map((label) =>
        recordSets.read({ hostedZone: ZONE, name: `${label}.example.com` }, callLog().log),
      ),
    );

    expect(looks(lab)).toHaveLength(3);
    expectNoOverlap(looks(lab));
  });

  it('are not failed by the refusal of another [5.1, 7.2]', async () => {
    await using lab = await zoneWith([ours]);
    const recordSets = recordSetsOf(lab);

    const [refused, found] = await Promise.allSettled([
      recordSets.read({ hostedZone: 'ZNOWHERE', name }, callLog().log),
      recordSets.read({ hostedZone: ZONE, name }, callLog().log),
    ]);

    expect(refused.status).toBe('rejected');
    expect(found).toMatchObject({ status: 'fulfilled', value: [ours] });
  });
});

describe('record sets that are written', () => {
  it('are created, replaced and deleted in one change batch [7.2]', async () => {
    const old = { ...six, name: 'old.example.com.' };
    await using lab = await zoneWith([theirs, old]);
    const batch: BeforeAndAfter[] = [{ before: theirs, after: ours }, { after: six }, { before: old }];

    const written = await recordSetsOf(lab).write(ZONE, batch, callLog().log);

    expect(standing(lab)).toEqual([ours, six]);
    expect(batches(lab)).toHaveLength(1);
    expect(written).toEqual({ kind: 'written', changeId: expect.stringMatching(/^C[0-9A-Z]+$/) });
  });

  it('for one instance stand beside those of others [7.8]', async () => {
    const other = multivalue(OTHER, ['192.0.2.2']);
    await using lab = await zoneWith([other]);

    await recordSetsOf(lab).write(ZONE, [{ after: multivalue(ME) }], callLog().log);

    expect(standing(lab)).toEqual([other, multivalue(ME)].map(toStored));
  });

  it('where a simple set has the name are refused, with what to look for [7.8]', async () => {
    await using lab = await zoneWith([theirs]);

    const error = await errorOf(recordSetsOf(lab).write(ZONE, [{ after: multivalue(ME) }], callLog().log));

    expect(error.message).toMatch(/InvalidChangeBatch: .*non multivalue answer.*no record set of another kind/);
    expect(error.retryable).toBe(false);
    expect(standing(lab)).toEqual([theirs]);
  });

  it('are only noted with init switched off [2.1]', async () => {
    await using lab = await zoneWith([]);
    const { log, noted } = callLog(false);

    expect(await recordSetsOf(lab).write(ZONE, [{ after: ours }], log)).toEqual({ kind: 'written' });

    expect(noted).toMatchObject([
      ['change_resource_record_sets', { HostedZoneId: ZONE, ChangeBatch: { Changes: [{ Action: 'UPSERT' }] } }],
    ]);
    expect(changes(lab)).toEqual([]);
  });

  it('stand though the answer was lost and the request repeated [7.2]', async () => {
    const id = 'Z-change-answer-lost';
    await using lab = await zoneWith([theirs], { id });

    const written = await recordSetsOf(lab).write(id, [{ before: theirs, after: ours }], callLog().log);

    expect(written).toMatchObject({ kind: 'written', changeId: expect.stringMatching(/^C/) });
    expect(standing(lab, id)).toEqual([ours]);
    expect(changes(lab)).toHaveLength(2);
  });

  it.each([
    { what: 'a set', there: [theirs], before: theirs },
    { what: 'nothing', there: [] },
  ])('under guard take the place of what was seen: $what [7.4]', async ({ there, before }) => {
    await using lab = await zoneWith(there);
    const guarded: Replacement = { ...(before ? { before } : {}), after: ours, guarded: true };

    expect(await recordSetsOf(lab).write(ZONE, [guarded], callLog().log)).toMatchObject({ kind: 'written' });

    expect(standing(lab)).toEqual([ours]);
  });

  it.each([
    { what: 'is gone', before: theirs, there: [] },
    { what: 'is another', before: theirs, there: [{ ...theirs, ttl: 301 }] },
    { what: 'was not there', before: undefined, there: [theirs] },
  ])('under guard are not where what was seen $what: somebody has been there meanwhile [7.4, 7.5]', async (given) => {
    const { before, there } = given;
    await using lab = await zoneWith(there);
    const guarded: Replacement = { ...(before ? { before } : {}), after: ours, guarded: true };

    expect(await recordSetsOf(lab).write(ZONE, [guarded], callLog().log)).toMatchObject({ kind: 'changed' });

    expect(standing(lab)).toEqual(there);
  });

  it.each([
    { what: 'alone', beside: [] },
    { what: 'with those of another domain', beside: [{ after: simple('zoo') }] },
  ])(
    'under guard, $what, whose first answer is lost may stand: nobody says that they do not [12.2]',
    async ({ beside }) => {
      const id = 'Z-change-answer-lost';
      await using lab = await zoneWith([theirs], { id });
      const recordSets = recordSetsOf(lab);
      const guarded: Replacement = { before: theirs, after: ours, guarded: true };

      const [error] = await Promise.all([
        errorOf(recordSets.write(id, [guarded], callLog().log)),
        ...beside.map((change) => errorOf(recordSets.write(id, [change], callLog().log))),
      ]);

      expect(error.retryable).toBe(true);
      expect(standing(lab, id)).toEqual([ours, ...beside.map(({ after }) => after)]);
    },
  );

  it.each([
    { what: 'has changed', there: [{ ...six, ttl: 61 }] },
    { what: 'is gone', there: [] },
  ])('together with a removal of what $what meanwhile are not: a new look may mend it [7.6]', async ({ there }) => {
    await using lab = await zoneWith(there);

    const written = await recordSetsOf(lab).write(ZONE, [{ after: ours }, { before: six }], callLog().log);

    expect(written).toEqual({
      kind: 'changed',
      problem: expect.stringMatching(/has changed meanwhile .*play\.example\.com\..*looked at anew/),
    });
    expect(standing(lab)).toEqual(there);
  });
});

describe('a change whose answer has', () => {
  const bodies = [
    { what: 'nothing', body: '' },
    { what: 'no change', body: '<ChangeResourceRecordSetsResponse/>' },
    { what: 'an empty id', body: '<R><ChangeInfo><Id>/change/</Id><Status>PENDING</Status></ChangeInfo></R>' },
  ];

  it.each(bodies)('$what for an id may not have been made: it may be tried again [7.2, 7.7]', async ({ body }) => {
    await using lab = await zoneWith([]);
    using server = await answering((request, answer) => void request.resume().on('end', () => answer.end(body)));
    process.env.AWS_ENDPOINT_URL = server.url;
    const recordSets = recordSetsOf(lab);

    const errors = [
      await errorOf(recordSets.write(ZONE, [{ after: ours }], callLog().log)),
      await errorOf(recordSets.restore(ZONE, { before: theirs, after: ours }, callLog().log)),
    ];

    for (const { message, retryable } of errors) {
      expect(message).toMatch(/^ChangeResourceRecordSets Z\w+ play\.example\.com\.: .* has no change id\. It may pass/);
      expect(retryable).toBe(true);
    }
  });
});

describe('changes of several domains', () => {
  const writeAll = (lab: AwsLab, ...written: BeforeAndAfter[][]) => {
    const recordSets = recordSetsOf(lab);
    return Promise.allSettled(written.map((change) => recordSets.write(ZONE, change, callLog().log)));
  };

  it('that are ready at one moment share a request, and have its id [7.2]', async () => {
    await using lab = await zoneWith([]);

    const ids = await writeAll(lab, [{ after: simple('a') }], [{ after: simple('b') }], [{ after: simple('c') }]);

    expect(batches(lab)).toEqual([['a.example.com.', 'b.example.com.', 'c.example.com.']]);
    expect(new Set(ids.map((outcome) => JSON.stringify(outcome)))).toHaveProperty('size', 1);
  });

  it('are one in flight for a zone: what comes meanwhile goes next, together [7.2]', async () => {
    await using lab = await zoneWith([]);
    lab.cloud.fault({ kind: 'latency', ms: 200, operation: 'ChangeResourceRecordSets', count: 1 });
    const recordSets = recordSetsOf(lab);
    const write = (label: string) => recordSets.write(ZONE, [{ after: simple(label) }], callLog().log);

    const first = write('a');
    // It was asked for later, and has its answer: so the first is on its way.
    await recordSets.read({ hostedZone: ZONE, name }, callLog().log);
    await Promise.all([first, write('b'), write('c')]);

    expect(batches(lab)).toEqual([['a.example.com.'], ['b.example.com.', 'c.example.com.']]);
    expectNoOverlap(changes(lab));
  });

  it('that wait too long for their turn are not sent, and may be tried again [7.2, 9.3]', async () => {
    await using lab = await zoneWith([simple('b')]);
    lab.cloud.fault({ kind: 'latency', ms: 1_000, operation: 'ChangeResourceRecordSets' });
    const recordSets = createRecordSets(lab.aws, { onTrouble: () => {}, turnPatienceMs: 100 });

    const first = recordSets.write(ZONE, [{ after: simple('a') }], callLog().log);
    // It was asked for later, and has its answer: so the first is on its way.
    await recordSets.read({ hostedZone: ZONE, name }, callLog().log);
    const error = await errorOf(recordSets.restore(ZONE, { after: simple('b') }, callLog().log));

    expect(await first).toMatchObject({ kind: 'written' });
    expect(error.message).toMatch(/^ChangeResourceRecordSets Z\w+ b\.example\.com\.: not sent: .*on their way/);
    expect(error.retryable).toBe(true);
    expect(batches(lab)).toEqual([['a.example.com.']]);
  });

  it('that are refused together do not wait too long for one another either [7.2, 9.3]', async () => {
    await using lab = await zoneWith([]);
    const recordSets = createRecordSets(lab.aws, { onTrouble: () => {}, turnPatienceMs: 100 });
    const leave = lab.cloud.onCall(({ operation }) => {
      if (operation !== 'ChangeResourceRecordSets') return;
      leave();
      lab.cloud.fault({ kind: 'latency', ms: 1_000, operation });
    });
    const elsewhere = { ...ours, name: 'play.example.org.' };

    const outcomes = await Promise.allSettled(
      [elsewhere, simple('a'), simple('b')].map((after) => recordSets.write(ZONE, [{ after }], callLog().log)),
    );

    expect(outcomes).toMatchObject([
      { reason: { retryable: false } },
      { reason: { retryable: true } },
      { reason: { retryable: true } },
    ]);
    expect(batches(lab)).toHaveLength(2);
  });

  it('of another zone do not wait for them [7.2]', async () => {
    const hostedZones = [ZONE, OTHER_ZONE].map((id) => ({ id, name: 'example.com' }));
    await using lab = await startAwsLab({ hostedZones });
    lab.cloud.fault({ kind: 'latency', ms: 500, operation: 'ChangeResourceRecordSets', resource: ZONE });
    const recordSets = recordSetsOf(lab);
    const arrived: string[] = [];
    const write = async (zone: string) => {
      await recordSets.write(zone, [{ after: ours }], callLog().log);
      arrived.push(zone);
    };

    await Promise.all([write(ZONE), write(OTHER_ZONE)]);

    expect(arrived).toEqual([OTHER_ZONE, ZONE]);
  });

  it('that are refused together are sent each alone, so that one cannot break another [5.1, 7.2]', async () => {
    await using lab = await zoneWith([]);
    const elsewhere = { ...ours, name: 'play.example.org.' };

    const outcomes = await writeAll(lab, [{ after: simple('a') }], [{ after: elsewhere }], [{ after: simple('b') }]);

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({
      reason: { message: expect.stringMatching(/^ChangeResourceRecordSets Z\w+ play\.example\.org\.: InvalidChange/) },
    });
    expect(standing(lab)).toEqual([simple('a'), simple('b')]);
    expect(batches(lab)).toHaveLength(4);
  });

  it('one of which finds something changed are sent each alone, and only that one has to look anew [7.2, 7.6]', async () => {
    await using lab = await zoneWith([]);

    const outcomes = await writeAll(lab, [{ after: simple('a') }], [{ before: six }]);

    expect(outcomes).toMatchObject([{ value: { kind: 'written' } }, { value: { kind: 'changed' } }]);
    expect(standing(lab)).toEqual([simple('a')]);
  });

  it('are several requests when they are more than Route 53 takes in one [7.2]', async () => {
    await using lab = await zoneWith([]);
    // The longest that an address can be.
    const address = (index: number) => `2001:0db8:85a3:08d3:1319:8a2e:0370:${String(1000 + index)}`;
    const many = (label: string) => ({
      ...six,
      name: `${label}.example.com.`,
      values: Array.from({ length: 210 }, (_, index) => address(index)),
    });

    await writeAll(lab, [{ after: many('a') }], [{ after: many('b') }], [{ after: simple('c') }]);

    expect(batches(lab)).toEqual([['a.example.com.', 'c.example.com.'], ['b.example.com.']]);
    expect(changes(lab).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('go on after one that no answer came to [7.2]', async () => {
    await using lab = await zoneWith([]);
    lab.cloud.fault({ kind: 'status', status: 503, operation: 'ChangeResourceRecordSets', count: 3 });
    const recordSets = recordSetsOf(lab);

    const error = await errorOf(recordSets.write(ZONE, [{ after: simple('a') }], callLog().log));
    await recordSets.write(ZONE, [{ after: simple('b') }], callLog().log);

    expect(error.retryable).toBe(true);
    expect(standing(lab)).toEqual([simple('b')]);
  });
});

describe.each([
  { code: 'Throttling', fault: { kind: 'throttled' } },
  { code: 'PriorRequestNotComplete', fault: { kind: 'refused', code: 'PriorRequestNotComplete' } },
] as const)('$code', ({ code, fault }) => {
  it('is met by trying again [7.2]', async () => {
    await using lab = await zoneWith([]);
    lab.cloud.fault({ ...fault, operation: 'ChangeResourceRecordSets', count: 2 });

    await recordSetsOf(lab).write(ZONE, [{ after: ours }], callLog().log);

    expect(changes(lab).map(({ errorCode }) => errorCode)).toEqual([code, code, undefined]);
    expect(standing(lab)).toEqual([ours]);
  });

  it('that stays is told as passing to all whose changes were in the request, which is not taken apart [7.2]', async () => {
    await using lab = await zoneWith([]);
    lab.cloud.fault({ ...fault, operation: 'ChangeResourceRecordSets', count: 3 });
    const recordSets = recordSetsOf(lab);

    const errors = await Promise.all(
      ['a', 'b'].map((label) => errorOf(recordSets.write(ZONE, [{ after: simple(label) }], callLog().log))),
    );

    expect(errors.map(({ retryable }) => retryable)).toEqual([true, true]);
    expect(changes(lab)).toHaveLength(3);
    expect(standing(lab)).toEqual([]);
  });
});

describe('a record set that is given back', () => {
  function restore(lab: AwsLab, change: BeforeAndAfter, log = callLog().log, zone = ZONE) {
    return recordSetsOf(lab).restore(zone, change, log);
  }

  it.each([
    { what: 'a set with several addresses', before: theirs, after: ours },
    { what: 'an alias, which has no TTL', before: alias, after: ours },
    { what: 'a set with a health check', before: checked, after: ours },
    { what: "this instance's own of before", before: multivalue(ME, ['192.0.2.77']), after: multivalue(ME) },
    {
      what: 'an alias with another target',
      before: alias,
      after: { ...alias, alias: { hostedZone: 'Z2', name: 'x.', evaluateTargetHealth: true } },
    },
    { what: 'the same with another TTL', before: theirs, after: { ...theirs, ttl: 5 } },
    { what: 'the same with a health check', before: checked, after: theirs },
  ])('is replaced by what stood there before, in one request: $what [7.5]', async ({ before, after }) => {
    await using lab = await zoneWith([after]);

    expect(await restore(lab, { before, after })).toBe('restored');

    expect(standing(lab)).toEqual([toStored(before)]);
    expect(changes(lab)).toHaveLength(1);
  });

  it.each([
    { what: 'simple', after: ours },
    { what: 'of this instance alone', after: multivalue(ME) },
  ])('is taken away where nothing stood before: $what [7.5, 7.8, 7.9]', async ({ after }) => {
    const beside = after.setIdentifier === undefined ? six : multivalue(OTHER, ['192.0.2.2']);
    await using lab = await zoneWith([after, beside]);

    expect(await restore(lab, { after })).toBe('restored');

    expect(standing(lab)).toEqual([toStored(beside)]);
  });

  it('shares a request with those of other domains: under a notice all of them have the same few seconds [7.2, 7.9]', async () => {
    const sets = ['a', 'b', 'c'].map(simple);
    await using lab = await zoneWith(sets);
    const recordSets = recordSetsOf(lab);

    const outcomes = await Promise.all(sets.map((after) => recordSets.restore(ZONE, { after }, callLog().log)));

    expect(outcomes).toEqual(['restored', 'restored', 'restored']);
    expect(standing(lab)).toEqual([]);
    expect(changes(lab)).toHaveLength(1);
  });

  it('is so though one that went with it is not ours any more, which stays [7.2, 7.5, 7.9]', async () => {
    const elsewhere = { ...simple('b'), values: ['192.0.2.7'] };
    await using lab = await zoneWith([simple('a'), elsewhere, simple('c')]);
    const recordSets = recordSetsOf(lab);

    const outcomes = await Promise.all(
      ['a', 'b', 'c'].map((label) => recordSets.restore(ZONE, { after: simple(label) }, callLog().log)),
    );

    expect(outcomes).toEqual(['restored', 'not-ours', 'restored']);
    expect(standing(lab)).toEqual([elsewhere]);
  });

  it('together with another, without an answer, may be tried again, and is found given back [7.5]', async () => {
    const id = 'Z-change-answer-lost';
    await using lab = await zoneWith([simple('a'), simple('b')], { id });
    const recordSets = recordSetsOf(lab);
    const both = () =>
      Promise.allSettled(
        [simple('a'), simple('b')].map((after) => {
          const before = { ...after, values: ['192.0.2.8'] };
          return recordSets.restore(id, { before, after }, callLog().log);
        }),
      );

    const [first, second] = [await both(), await both()];

    expect(first).toMatchObject([{ reason: { retryable: true } }, { reason: { retryable: true } }]);
    expect(second).toMatchObject([{ value: 'restored' }, { value: 'restored' }]);
    expect(standing(lab, id).map(({ values }) => values)).toEqual([['192.0.2.8'], ['192.0.2.8']]);
  });

  it('is left alone with init switched off: the call is only noted [2.1, 7.5]', async () => {
    await using lab = await zoneWith([ours]);
    const { log, noted } = callLog(false);

    expect(await restore(lab, { before: theirs, after: ours }, log)).toBe('dry');

    expect(noted).toMatchObject([
      [
        'change_resource_record_sets',
        { HostedZoneId: ZONE, ChangeBatch: { Changes: [{ Action: 'DELETE' }, { Action: 'CREATE' }] } },
      ],
    ]);
    expect(changes(lab)).toEqual([]);
  });

  it.each([
    { what: 'has another address by now', there: [{ ...ours, values: ['192.0.2.7'] }] },
    { what: 'has another TTL by now', there: [{ ...ours, ttl: 61 }] },
    { what: 'is an alias by now', there: [alias] },
  ])('and $what is not ours any more, and stays as it is [7.5, 7.9]', async ({ there }) => {
    await using lab = await zoneWith(there);

    expect(await restore(lab, { before: theirs, after: ours })).toBe('not-ours');
    expect(await restore(lab, { after: ours })).toBe('not-ours');

    expect(standing(lab)).toEqual(there.map(toStored));
  });

  it.each([
    { what: 'has got', there: { ...ours, healthCheckId: HEALTH_CHECK }, after: ours },
    { what: 'has lost', there: ours, after: { ...ours, healthCheckId: HEALTH_CHECK } },
  ])(
    'and $what its health check meanwhile is ours all the same: clients are led here [7.9]',
    async ({ there, after }) => {
      await using lab = await zoneWith([there]);

      expect(await restore(lab, { before: theirs, after })).toBe('restored');

      expect(standing(lab)).toEqual([toStored(theirs)]);
    },
  );

  it('and is gone is not replaced by what stood there before: somebody has taken it away [7.5]', async () => {
    await using lab = await zoneWith([]);

    expect(await restore(lab, { before: theirs, after: ours })).toBe('not-ours');

    expect(standing(lab)).toEqual([]);
  });

  it('and is gone needs no more when nothing stood there before [7.5, 7.9]', async () => {
    await using lab = await zoneWith([]);

    expect(await restore(lab, { after: ours })).toBe('restored');
  });

  it.each([
    { what: 'to what stood there before', before: theirs, left: [theirs] },
    { what: 'to nothing', left: [] },
  ])('counts as such though the answer was lost: the repeated request finds it gone, $what [7.5]', async (given) => {
    const id = 'Z-change-answer-lost';
    const { before, left } = given;
    await using lab = await zoneWith([ours], { id });

    expect(await restore(lab, { ...(before ? { before } : {}), after: ours }, callLog().log, id)).toBe('restored');

    expect(changes(lab)).toHaveLength(2);
    expect(standing(lab, id)).toEqual(left);
  });

  it.each([
    { what: 'the same', before: { ...ours } },
    {
      what: 'the same values in another order',
      before: { ...theirs, values: theirs.values.toReversed() },
      after: theirs,
    },
    { what: 'the same alias', before: JSON.parse(JSON.stringify(alias)) as RecordSet, after: alias },
  ])('and is $what as before needs no call [7.4, 7.5]', async ({ before, after = ours }) => {
    await using lab = await zoneWith([after]);

    expect(await restore(lab, { before, after })).toBe('restored');
    expect(changes(lab)).toEqual([]);
  });

  it('is not replaced by what Route 53 would not take now: that is an error, and ours stays [7.5]', async () => {
    await using lab = await zoneWith([ours]);
    const broken = { ...theirs, values: ['not an address'] };

    const error = await errorOf(restore(lab, { before: broken, after: ours }));

    expect(error.message).toMatch(
      /^ChangeResourceRecordSets Z0123456789EXAMPLE play\.example\.com\.: InvalidChangeBatch: .*not an address/,
    );
    expect(standing(lab)).toEqual([ours]);
  });

  it('in a zone that we may not change is an error that names the permission [7.5]', async () => {
    const id = 'Z0DENIED';
    await using lab = await zoneWith([ours], { id });

    const error = await errorOf(restore(lab, { after: ours }, callLog().log, id));

    expect(error.message).toMatch(/AccessDenied.*Allow route53:ChangeResourceRecordSets on Z0DENIED/);
  });

  const listOf = (sets: string) =>
    '<ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">' +
    `<ResourceRecordSets>${sets}</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>10</MaxItems>` +
    '</ListResourceRecordSetsResponse>';
  const other =
    '<ResourceRecordSet><Name>play.example.com.</Name><Type>A</Type><TTL>9</TTL>' +
    '<ResourceRecords><ResourceRecord><Value>192.0.2.7</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>';

  it.each([
    {
      says: 'Tried to delete resource record set [name=play.example.com., type=A] but it was not found',
      becomes: 'not-ours',
    },
    { says: 'RRSet with DNS name play.example.com. is not permitted in zone x.', becomes: 'an error' },
  ])(
    'and is refused in the form of the API Reference, which the SDK cannot read, is $becomes [7.5]',
    async ({ says, becomes }) => {
      await using lab = await startAwsLab({});
      const body = `<InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages><Message>${says}</Message></Messages></InvalidChangeBatch>`;
      using server = await answering(({ method }, answer) => {
        const [status, text] = method === 'GET' ? [200, listOf(other)] : [400, body];
        answer.writeHead(status, { 'content-type': 'text/xml' }).end(text);
      });
      process.env.AWS_ENDPOINT_URL = server.url;

      const outcome = await restore(lab, { after: ours }).catch(() => 'an error');

      expect(outcome).toBe(becomes);
    },
  );
});

describe('a record set that was removed', () => {
  it('is there again, exactly, where nothing stands [7.5, 7.6]', async () => {
    await using lab = await zoneWith([ours]);

    expect(await recordSetsOf(lab).restore(ZONE, { before: six }, callLog().log)).toBe('restored');

    expect(standing(lab)).toEqual([ours, six]);
  });

  it('leaves alone what somebody has put there since [7.5, 7.6]', async () => {
    const since = { ...six, values: ['2001:db8::99'] };
    await using lab = await zoneWith([since]);

    expect(await recordSetsOf(lab).restore(ZONE, { before: six }, callLog().log)).toBe('not-ours');

    expect(standing(lab)).toEqual([since]);
  });

  it('counts as put back when it stands there, since an answer may have been lost [7.5, 7.6]', async () => {
    const id = 'Z-change-answer-lost';
    await using lab = await zoneWith([], { id });

    expect(await recordSetsOf(lab).restore(id, { before: six }, callLog().log)).toBe('restored');

    expect(standing(lab, id)).toEqual([six]);
  });
});

describe('whether all name servers have a change', () => {
  /** Writes something, and asks about it. */
  async function ask(lab: AwsLab, { id = ZONE, troubles = [] as Error[], times = 1 } = {}): Promise<boolean[]> {
    const recordSets = recordSetsOf(lab, troubles);
    const written = await recordSets.write(id, [{ after: ours }], callLog().log);
    const changeId = written.kind === 'written' ? (written.changeId ?? '') : '';
    const answers: boolean[] = [];
    for (let asked = 0; asked < times; asked += 1) answers.push(await recordSets.isInSync(changeId, callLog().log));
    return answers;
  }

  it.each([
    { status: 'PENDING', insyncMs: 60_000, isInSync: false },
    { status: 'INSYNC', insyncMs: 0, isInSync: true },
  ])('is $isInSync while Route 53 says $status [7.7]', async ({ insyncMs, isInSync }) => {
    await using lab = await zoneWith([], { insyncMs });

    expect(await ask(lab)).toEqual([isInSync]);
  });

  it('is taken for granted where we may not ask, which is told once [7.7, 14.1]', async () => {
    const id = 'Z-get-change-denied';
    const troubles: Error[] = [];
    await using lab = await zoneWith([], { id, insyncMs: 60_000 });

    expect(await ask(lab, { id, troubles, times: 2 })).toEqual([true, true]);

    expect(troubles.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^GetChange C\w+: AccessDenied: .*Allow route53:GetChange on arn:aws:route53:::change\/\*.* waits for nothing/,
      ),
    ]);
  });

  it('is not known while too many ask, and may be later [7.2, 7.7]', async () => {
    const id = 'Z-get-change-throttled';
    await using lab = await zoneWith([], { id });

    expect((await errorOf(ask(lab, { id }))).retryable).toBe(true);
  });

  it('of a change that Route 53 does not know is an error [7.7]', async () => {
    await using lab = await zoneWith([]);

    const error = await errorOf(recordSetsOf(lab).isInSync('CNOWHERE', callLog().log));

    expect(error.message).toMatch(/^GetChange CNOWHERE: NoSuchChange/);
    expect(error.retryable).toBe(false);
  });
});

/** Each began when the one before it had its answer. */
function expectNoOverlap(calls: { startMs: number; endMs: number }[]): void {
  for (const [index, { startMs }] of calls.entries())
    expect(startMs).toBeGreaterThanOrEqual(calls[index - 1]?.endMs ?? 0);
}

async function answering(handle: (request: IncomingMessage, answer: ServerResponse) => void) {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.dispose]: () => server.close() };
}
