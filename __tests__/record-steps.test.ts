/** What a domain's records become, step by step: over the real adapter, beside a cloud in a box. */

import { listHolds } from '../actors/giving-back.ts';
import { createRecordLooks, type RecordLooks } from '../actors/record-looks.ts';
import { compareRecordSets, lookAtChanges, writeRecordSets } from '../actors/records.ts';
import type { RecordSets } from '../adapters/route53.ts';
import { AdapterError } from '../config/errors.ts';
import type {
  Hold,
  PublicAddresses,
  RecordEntry,
  RecordSet,
  RecordSetChange,
  RecordSetHold,
} from '../config/vocabulary.ts';
import type { RecordsAttempt, RecordsComparison } from '../machines/records.ts';
import type { StoredRecordSet } from '../simulator/cloud.ts';
import { ME, recordSetsOf, ZONE } from './helpers/aws-lab.ts';
import { recordEntry } from './helpers/domain.ts';
import { type Joints, type JointsOptions, run, startJoints } from './helpers/joints.ts';
import { eventually } from './helpers/simulator-clients.ts';

const HEALTH_CHECK = '01234567-89ab-cdef-0123-456789abcdef';
const OTHER_ZONE = 'Z0FEDCBA98EXAMPLE';
const both: PublicAddresses = {
  primaryIpv4: '192.0.2.1',
  primaryIpv6: '2001:db8::1',
  ipv4: ['192.0.2.1'],
  ipv6: ['2001:db8::1'],
};
const four: PublicAddresses = { primaryIpv4: '192.0.2.1', ipv4: ['192.0.2.1'], ipv6: [] };

const entryOf = (settings: Partial<RecordEntry> = {}) =>
  recordEntry({ hostedZone: ZONE, name: 'Play.example.com', ...settings });
const multivalue = (settings: Partial<RecordEntry> = {}) => entryOf({ setIdentifier: ME, ...settings });
const setOf = (settings: Partial<StoredRecordSet> = {}): StoredRecordSet => ({
  name: 'play.example.com.',
  type: 'A',
  ttl: 60,
  values: ['192.0.2.1'],
  ...settings,
});
const six = setOf({ type: 'AAAA', values: ['2001:db8::1'] });

interface Lab extends Joints {
  recordSets: RecordSets;
  looks: RecordLooks;
  /** Looks at the records, and writes what differs. */
  compare(records: RecordEntry[], addresses?: PublicAddresses): Promise<RecordsComparison>;
  write(records: RecordEntry[], attempt: RecordsAttempt): ReturnType<typeof run<ReturnType<typeof writeRecordSets>>>;
  update(
    records: RecordEntry[],
    addresses?: PublicAddresses,
  ): ReturnType<typeof run<ReturnType<typeof writeRecordSets>>>;
  /** The A and AAAA sets of the zone, in short. */
  standing(): string[];
}

async function startLab(recordSets: StoredRecordSet[] = [], options: JointsOptions = {}, zone = ZONE): Promise<Lab> {
  const joints = await startJoints(
    {
      hostedZones: [
        { id: zone, name: 'example.com', recordSets },
        { id: OTHER_ZONE, name: 'example.net' },
      ],
      healthChecks: [HEALTH_CHECK],
    },
    options,
  );
  const adapter = recordSetsOf(joints, joints.troubles);
  const domain = 'mc';
  const looks = createRecordLooks(adapter, joints.transactions);
  const compare: Lab['compare'] = (records, addresses = both) =>
    run(compareRecordSets(looks, joints.transactions), { domain, records, addresses });
  const write: Lab['write'] = (records, { changes, failures }) =>
    run(writeRecordSets(adapter, joints.transactions), { domain, records, changes, failures });
  return Object.assign(joints, {
    recordSets: adapter,
    looks,
    compare,
    write,
    update: async (records: RecordEntry[], addresses = both) => write(records, await compare(records, addresses)),
    standing: () =>
      joints.cloud
        .recordSets(zone)
        .filter(({ type }) => type === 'A' || type === 'AAAA')
        .map(({ name, type, values, setIdentifier }) =>
          [name, type, ...values, setIdentifier].filter(Boolean).join(' '),
        ),
  });
}

describe('a record that is compared', () => {
  it('has to change where another address stands, or none; what is right is not sent [7.1, 7.4]', async () => {
    await using lab = await startLab([six]);

    const { changes, failures } = await lab.compare([entryOf()]);

    expect(failures).toEqual([]);
    expect(changes).toMatchObject([
      { entry: 0, hostedZone: ZONE, after: { type: 'A', values: ['192.0.2.1'] }, sent: true },
      { before: { type: 'AAAA' }, after: { type: 'AAAA' }, sent: false },
    ]);
    expect(changes[0]).not.toHaveProperty('before');
  });

  it.each([
    { what: 'another TTL', there: setOf({ ttl: 61 }) },
    { what: 'a value more', there: setOf({ values: ['192.0.2.1', '192.0.2.2'] }) },
    {
      what: 'an alias',
      there: {
        name: 'play.example.com.',
        type: 'A',
        values: [],
        alias: { hostedZoneId: 'Z2', dnsName: 'x.', evaluateTargetHealth: false },
      },
    } as const,
  ])('has to change where it has $what [7.4]', async ({ there }) => {
    await using lab = await startLab([there as StoredRecordSet]);

    const { changes } = await lab.compare([entryOf()], four);

    expect(changes).toMatchObject([{ before: { type: 'A' }, sent: true }]);
  });

  it('keeps the health check that somebody has given it when it is written [7.4]', async () => {
    await using lab = await startLab([setOf({ values: ['192.0.2.8'], healthCheckId: HEALTH_CHECK })]);

    await lab.update([entryOf()], four);

    expect(lab.cloud.recordSets(ZONE).find(({ type }) => type === 'A')).toMatchObject({
      values: ['192.0.2.1'],
      healthCheckId: HEALTH_CHECK,
    });
  });

  it('is right when somebody has given it a health check [7.4]', async () => {
    await using lab = await startLab([setOf({ healthCheckId: 'abc' })]);

    const { changes } = await lab.compare([entryOf()], four);

    expect(changes).toMatchObject([{ sent: false }]);
  });

  it('that is one of several is compared with its own alone [7.8]', async () => {
    const others = { multiValueAnswer: true, setIdentifier: 'i-other' };
    await using lab = await startLab([
      setOf({ ...others, values: ['192.0.2.9'] }),
      setOf({ ...others, ...six, values: ['2001:db8::9'] }),
    ]);

    const first = await lab.compare([multivalue()], four);
    await lab.write([multivalue()], first);
    const second = await lab.compare([multivalue()], four);

    expect(first).toMatchObject({ failures: [], changes: [{ after: { setIdentifier: ME }, sent: true }] });
    expect(second).toMatchObject({ failures: [], changes: [{ before: { setIdentifier: ME }, sent: false }] });
  });

  it('in a zone that does not answer is an outcome, beside the others [5.4]', async () => {
    await using lab = await startLab();

    const { changes, failures, passing } = await lab.compare([
      entryOf(),
      entryOf({ entry: 1, hostedZone: 'ZNOWHERE', critical: false }),
    ]);

    expect(changes.map(({ entry }) => entry)).toEqual([0, 0]);
    expect(failures).toMatchObject([{ part: 'update-route53[1]', critical: false }]);
    expect(passing).toBe(false);
  });
});

describe("a predecessor's set for which there is no address", () => {
  it('is warned about: whose it is, where clients will go, and what to do [7.6]', async () => {
    await using lab = await startLab([setOf({ ...six, values: ['2001:db8::dead'] })]);

    const { changes, failures, warnings } = await lab.compare([entryOf()], four);

    expect(changes).toMatchObject([{ after: { type: 'A' } }]);
    expect(failures).toEqual([]);
    expect(warnings).toEqual([
      {
        part: 'update-route53[0].stale',
        problem:
          'Play.example.com: its AAAA record (2001:db8::dead) was left by a predecessor, and this instance has no public IPv6 ' +
          'address: some clients will go there. Delete that record, or write "stale": "delete"',
        critical: false,
      },
    ]);
  });

  it('is warned about in its own words when it is an A record, or an alias [7.6]', async () => {
    const alias = { hostedZoneId: 'Z2', dnsName: 'lb.example.org.', evaluateTargetHealth: false };
    await using lab = await startLab([{ name: 'play.example.com.', type: 'A', values: [], alias }]);
    const { primaryIpv4: _, ...only6 } = both;

    const { warnings } = await lab.compare([entryOf()], only6);

    expect(warnings).toMatchObject([
      { problem: expect.stringMatching(/A record \(an alias of lb\.example\.org\.\).*IPv4/) },
    ]);
  });

  it('is deleted when that is asked for, with the same request, and journalled [7.6, 12.2]', async () => {
    await using lab = await startLab([setOf({ ...six, values: ['2001:db8::dead'] })]);

    const { failures } = await lab.update([entryOf({ stale: 'delete' })], four);

    expect(failures).toEqual([]);
    expect(lab.standing()).toEqual(['play.example.com. A 192.0.2.1']);
    expect(lab.calls('ChangeResourceRecordSets')).toHaveLength(1);
    expect(lab.holds()).toMatchObject([
      { after: { type: 'A' } },
      { kind: 'record-set', before: { type: 'AAAA', values: ['2001:db8::dead'] } },
    ]);
    expect(lab.holds()[1]).not.toHaveProperty('after');
  });

  it('that has changed since it was looked at is looked at anew: nothing of that request happens [7.6]', async () => {
    await using lab = await startLab([setOf({ ...six, values: ['2001:db8::dead'] })]);
    const record = entryOf({ stale: 'delete' });
    const attempt = await lab.compare([record], four);
    const [, removal] = attempt.changes as [RecordSetChange, RecordSetChange];
    const outdated = { ...removal, before: { ...removal.before, ttl: 59 } } as RecordSetChange;

    const written = await lab.write([record], {
      ...attempt,
      changes: [attempt.changes[0] as RecordSetChange, outdated],
    });

    expect(written).toMatchObject({
      passing: true,
      changes: [],
      failures: [{ problem: expect.stringContaining('has changed meanwhile') }],
    });
    expect(lab.standing()).toEqual(['play.example.com. AAAA 2001:db8::dead']);
    expect(await lab.update([record], four)).toMatchObject({ passing: false, failures: [] });
    expect(lab.standing()).toEqual(['play.example.com. A 192.0.2.1']);
  });

  it('of another instance of several is none [7.6, 7.8]', async () => {
    await using lab = await startLab([setOf({ ...six, multiValueAnswer: true, setIdentifier: 'i-other' })]);

    const { failures } = await lab.update([multivalue({ stale: 'delete' })], four);

    expect(failures).toEqual([]);
    expect(lab.standing()).toHaveLength(2);
  });
});

describe('records that are written', () => {
  it('go out in one request for each zone [7.2]', async () => {
    await using lab = await startLab();

    await lab.update([
      entryOf(),
      entryOf({ entry: 1, name: 'www.example.com' }),
      entryOf({ entry: 2, hostedZone: OTHER_ZONE, name: 'www.example.net' }),
    ]);

    expect(lab.calls('ChangeResourceRecordSets')).toHaveLength(2);
    expect(lab.standing()).toHaveLength(4);
  });

  it('are one set for each instance, where that is asked for [7.8]', async () => {
    await using lab = await startLab([
      setOf({ multiValueAnswer: true, setIdentifier: 'i-other', values: ['192.0.2.9'] }),
    ]);

    await lab.update([multivalue()], four);

    expect(lab.standing().sort()).toEqual([
      `play.example.com. A 192.0.2.1 ${ME}`,
      'play.example.com. A 192.0.2.9 i-other',
    ]);
  });

  it('are each sent alone when their request is refused, so that one takes no other with it [7.2]', async () => {
    await using lab = await startLab();
    const foreign = entryOf({ entry: 1, name: 'www.example.org', critical: false });

    const { changes, failures, passing } = await lab.update([
      entryOf(),
      foreign,
      entryOf({ entry: 2, name: 'www.example.com' }),
    ]);

    expect(changes.map(({ entry }) => entry)).toEqual([0, 0, 2, 2]);
    expect(failures).toEqual([
      {
        part: 'update-route53[1]',
        critical: false,
        problem: expect.stringMatching(/^www\.example\.org: .*not permitted in zone/),
      },
    ]);
    expect(passing).toBe(false);
    expect(lab.standing()).toHaveLength(4);
    expect(lab.holds().map((hold) => hold.kind === 'record-set' && hold.after?.name)).toEqual([
      'play.example.com.',
      'play.example.com.',
      'www.example.com.',
      'www.example.com.',
    ]);
  });

  it('are not sent one after the other when the first of them gets no answer: a way down may be waiting [7.2, 9.3]', async () => {
    await using lab = await startLab();
    const foreign = entryOf({ name: 'www.example.org', critical: false });
    const records = [foreign, ...[1, 2, 3].map((entry) => entryOf({ entry, name: `r${entry}.example.com` }))];
    // The request for all is refused for its first record; from the next one on there are no good answers.
    const leave = lab.cloud.onCall(({ operation }) => {
      if (operation !== 'ChangeResourceRecordSets') return;
      leave();
      lab.cloud.fault({ operation, kind: 'status', status: 503 });
    });

    const { passing, failures, changes } = await lab.update(records, four);

    expect(lab.calls('ChangeResourceRecordSets')).toHaveLength(1 + 3);
    expect(passing).toBe(true);
    expect(failures.map(({ part }) => part)).toEqual([0, 1, 2, 3].map((entry) => `update-route53[${entry}]`));
    expect(changes).toEqual([]);
  });

  it('of one name are both refused when one is: none is left half changed [7.2, 12.2]', async () => {
    const weighted = setOf({ ...six, setIdentifier: 'blue', weight: 1 });
    await using lab = await startLab([weighted]);

    const { failures } = await lab.update([entryOf()]);

    expect(failures).toMatchObject([{ part: 'update-route53[0]', critical: true }]);
    expect(lab.standing()).toEqual(['play.example.com. AAAA 2001:db8::1 blue']);
    expect(lab.holds()).toEqual([]);
  });

  it('and throttled are to be tried again, and stay in the journal: nobody knows [7.2, 12.2]', async () => {
    await using lab = await startLab([], {}, 'Z0THROTTLED');
    const record = entryOf({ hostedZone: 'Z0THROTTLED' });
    const changes: RecordSetChange[] = [
      {
        entry: 0,
        hostedZone: 'Z0THROTTLED',
        after: { name: 'play.example.com.', type: 'A', ttl: 60, values: ['192.0.2.1'] },
        sent: true,
      },
    ];

    const written = await lab.write([record], { changes, failures: [], passing: false, submitted: [] });

    expect(written).toMatchObject({ passing: true, changes: [], submitted: [] });
    expect(lab.holds()).toHaveLength(1);
  });

  it('with init switched off are only noted, and nothing is waited for [2.1, 7.7]', async () => {
    await using lab = await startLab([], { changes: false });

    const { submitted, failures } = await lab.update([entryOf({ insync: true })]);

    expect([submitted, failures]).toEqual([[], []]);
    expect(lab.calls('ChangeResourceRecordSets')).toEqual([]);
  });

  it('and cannot be journalled are not written [12.5]', async () => {
    await using lab = await startLab([], { writable: false });

    const { failures } = await lab.update([entryOf()]);

    expect(failures).toMatchObject([{ problem: expect.stringContaining('no space left') }]);
    expect(lab.standing()).toEqual([]);
  });
});

describe('a change that shall be waited for', () => {
  it('is known by its id; one that nobody waits for is not named [7.7]', async () => {
    await using lab = await startLab();

    const { submitted } = await lab.update([entryOf({ insync: true }), entryOf({ entry: 1, name: 'www.example.com' })]);

    expect(submitted).toEqual([{ entry: 0, changeId: expect.stringMatching(/^C[A-Z0-9]+$/) }]);
  });

  it('is waited for until Route 53 says INSYNC of it, and looked at once for all its records [7.7]', async () => {
    await using lab = await startLab();
    const records = [entryOf({ insync: true }), entryOf({ entry: 1, name: 'www.example.com', insync: true })];
    const { submitted } = await lab.update(records);
    const look = () => run(lookAtChanges(lab.recordSets, lab.transactions), { domain: 'mc', submitted });

    const seen = await look();

    expect(submitted).toHaveLength(2);
    expect(seen).toEqual([]);
    expect(lab.calls('GetChange')).toHaveLength(1);
  });

  it('is gone on waiting for by a run after a crash, which finds the record right [7.7, 12.2]', async () => {
    await using lab = await startLab();
    const { submitted } = await lab.update([entryOf({ insync: true })]);

    const again = await lab.compare([entryOf({ insync: true })]);
    const impatient = await lab.compare([entryOf()]);

    expect(again).toMatchObject({ changes: [{ sent: false }, { sent: false }], submitted });
    expect(impatient.submitted).toEqual([]);
  });

  it('and whose answer was lost, id and all, is made once more, so that there is one to wait for [7.7, 12.2]', async () => {
    const zone = 'Z-answers-are-lost';
    await using lab = await startLab([setOf({ values: ['192.0.2.8'] })], {}, zone);
    const record = entryOf({ hostedZone: zone, insync: true });
    lab.cloud.fault({ kind: 'answer-lost', operation: 'ChangeResourceRecordSets', count: 1 });
    lab.cloud.fault({ kind: 'status', status: 503, operation: 'ChangeResourceRecordSets', count: 2 });
    const lost = await lab.update([record], four);

    const { submitted } = await lab.update([record], four);

    expect(lost).toMatchObject({ passing: true, submitted: [] });
    expect(submitted).toMatchObject([{ changeId: expect.stringMatching(/^C/) }]);
    expect(lab.holds()).toMatchObject([{ before: { values: ['192.0.2.8'] }, after: { values: ['192.0.2.1'] } }]);
    expect(await lab.compare([record], four)).toMatchObject({ changes: [{ sent: false }], submitted });
  });

  it('is not gone on waiting for when the record has to be written anew [7.7]', async () => {
    await using lab = await startLab();
    await lab.update([entryOf({ insync: true })], four);

    const { submitted } = await lab.compare([entryOf({ insync: true, ttl: 61 })], four);

    expect(submitted).toEqual([]);
  });

  it('of which Route 53 knows nothing is a refusal [7.7]', async () => {
    await using lab = await startLab();

    const look = run(lookAtChanges(lab.recordSets, lab.transactions), {
      domain: 'mc',
      submitted: [{ entry: 0, changeId: 'CNOWHERE' }],
    });

    await expect(look).rejects.toThrow(AdapterError);
  });
});

describe('a look that was begun while volumes attach', () => {
  /** The answer to the look has been read, and then somebody does something to the zone. */
  async function begunIn(lab: Lab, record: RecordEntry): Promise<void> {
    lab.looks.begin('mc', [record]);
    await eventually(
      async () => lab.calls('ListResourceRecordSets').length,
      (made) => made === 1,
    );
  }
  const withdrawn = (lab: Lab, before: RecordSet) =>
    lab.recordSets.restore(ZONE, { after: before }, lab.transactions.of('somebody else'));
  const writtenBy = (lab: Lab, after: RecordSet) =>
    lab.recordSets.write(ZONE, [{ after }], lab.transactions.of('somebody else'));
  const old: RecordSet = { name: 'play.example.com.', type: 'A', ttl: 60, values: ['192.0.2.8'] };
  const mine: RecordSet = { ...old, values: ['192.0.2.1'] };
  const old6: RecordSet = { ...old, type: 'AAAA', values: ['2001:db8::8'] };

  it('is what is compared later: there is no second one [7.4]', async () => {
    await using lab = await startLab([setOf({ values: ['192.0.2.8'] })]);
    await begunIn(lab, entryOf());

    await lab.update([entryOf()], four);

    expect(lab.standing()).toEqual(['play.example.com. A 192.0.2.1']);
    expect(lab.holds()).toMatchObject([{ before: { values: ['192.0.2.8'] } }]);
    expect(lab.calls('ListResourceRecordSets')).toHaveLength(1);
  });

  it('counts once: whoever comes back looks anew [7.4]', async () => {
    await using lab = await startLab([setOf({ values: ['192.0.2.8'] })]);
    await begunIn(lab, entryOf());
    await lab.compare([entryOf()], four);

    await lab.compare([entryOf()], four);

    expect(lab.calls('ListResourceRecordSets')).toHaveLength(2);
  });

  it('and went wrong is made again, by whoever then hears of it [7.4]', async () => {
    await using lab = await startLab();
    const nowhere = entryOf({ hostedZone: 'ZNOWHERE' });
    await begunIn(lab, nowhere);

    const { failures } = await lab.compare([nowhere]);

    expect(failures).toMatchObject([{ problem: expect.stringContaining('NoSuchHostedZone') }]);
  });

  it('and found the record right does not say so for good: a predecessor with this very address may withdraw it [7.4, 7.9]', async () => {
    await using lab = await startLab([setOf()]);
    await begunIn(lab, entryOf());
    await withdrawn(lab, mine);

    await lab.update([entryOf()], four);

    expect(lab.standing()).toEqual(['play.example.com. A 192.0.2.1']);
  });

  it('does not do so of one address when another has to change [7.4]', async () => {
    await using lab = await startLab([setOf()]);
    await begunIn(lab, entryOf());
    await withdrawn(lab, mine);

    await lab.update([entryOf()], both);

    expect(lab.standing()).toHaveLength(2);
  });

  it('and may not be guarded, since a policy allows UPSERT alone, has the record written without [7.2, 14.1]', async () => {
    await using lab = await startLab([setOf({ values: ['192.0.2.8'] })]);
    await begunIn(lab, entryOf());
    lab.cloud.fault({ kind: 'refused', operation: 'ChangeResourceRecordSets', count: 1 });

    const refused = await lab.update([entryOf()], four);
    await lab.update([entryOf()], four);

    expect(refused).toMatchObject({ passing: true, failures: [{ problem: expect.stringContaining('AccessDenied') }] });
    expect(lab.standing()).toEqual(['play.example.com. A 192.0.2.1']);
  });

  it('warns of nothing that a predecessor has withdrawn since [7.6]', async () => {
    await using lab = await startLab([setOf({ type: 'AAAA', values: ['2001:db8::8'] })]);
    await begunIn(lab, entryOf());
    await withdrawn(lab, old6);

    const { warnings } = await lab.compare([entryOf()], four);

    expect(warnings).toEqual([]);
  });

  it.each([
    { what: 'withdrawn', meanwhile: (lab: Lab) => withdrawn(lab, old), before: undefined },
    {
      what: 'pointed elsewhere',
      meanwhile: (lab: Lab) => writtenBy(lab, { ...old, values: ['192.0.2.9'] }),
      before: { ...old, values: ['192.0.2.9'] },
    },
  ])(
    'does not make a record of what was $what since: it is looked at anew, and that is restored [7.4, 7.5]',
    async (story) => {
      await using lab = await startLab([setOf({ values: ['192.0.2.8'] })]);
      await begunIn(lab, entryOf());
      await story.meanwhile(lab);

      const first = await lab.update([entryOf()], four);
      const holdsOfFirst = lab.holds();
      const second = await lab.update([entryOf()], four);

      expect(first).toMatchObject({ passing: true, changes: [] });
      expect(holdsOfFirst).toEqual([]);
      expect(second).toMatchObject({ passing: false, failures: [] });
      expect(lab.holds()).toMatchObject([{ after: mine }]);
      expect((lab.holds()[0] as RecordSetHold).before).toEqual(story.before);
    },
  );

  it('does not let a removal be journalled that somebody else has made [7.5, 7.6]', async () => {
    await using lab = await startLab([setOf({ type: 'AAAA', values: ['2001:db8::8'] })]);
    const record = entryOf({ stale: 'delete' });
    await begunIn(lab, record);
    await withdrawn(lab, old6);
    await lab.update([record], four);

    await lab.update([record], four);

    expect(lab.holds()).toMatchObject([{ after: mine }]);
  });

  it('and is older than ten seconds is made anew: somebody may have written meanwhile [7.4]', async () => {
    await using lab = await startLab([setOf()]);
    let nowMs = 0;
    const looks = createRecordLooks(lab.recordSets, lab.transactions, () => nowMs);
    const seenAfter = async (ms: number) => {
      looks.begin('mc', [entryOf()]);
      nowMs += ms;
      return await looks.early(entryOf(), 'mc');
    };

    expect(await seenAfter(9_999)).toHaveLength(1);
    expect(await seenAfter(10_000)).toBeUndefined();
  });
});

describe('records that are released', () => {
  it('are those of their own zone, where two zones have one name: split horizon [7.9]', async () => {
    await using lab = await startLab();
    const name = 'play.example.com';
    const records = [entryOf({ name, ttl: 60 }), entryOf({ entry: 1, hostedZone: OTHER_ZONE, name, ttl: 300 })];
    const written = (await lab.compare(records)).changes;

    const listed = await run(listHolds({ ...lab, leftOver: [], addresses: () => both }), {
      reason: 'release',
      domain: 'mc',
      released: { volumes: [], attachments: [], records, written },
    });

    const places = listed.map(
      (hold) => hold.kind === 'record-set' && `${hold.hostedZone} ${hold.after?.type} ${hold.after?.ttl}`,
    );
    expect(places.sort()).toEqual([`${ZONE} A 60`, `${ZONE} AAAA 60`, `${OTHER_ZONE} A 300`, `${OTHER_ZONE} AAAA 300`]);
  });
});

describe('holds of records', () => {
  it('of a removal are for the place that it is about [12.2]', async () => {
    await using lab = await startLab([setOf({ ...six, values: ['2001:db8::dead'] })]);
    await lab.update([entryOf({ stale: 'delete' })], four);
    const [written, removed] = lab.holds() as [Hold, Hold];

    await lab.mc.drop(removed);

    expect(lab.holds()).toEqual([written]);
  });
});
