import {
  ListResourceRecordSetsCommand,
  type ListResourceRecordSetsCommandOutput,
  type ResourceRecordSet,
} from '@aws-sdk/client-route-53';
import type { StoredRecordSet } from '../simulator/cloud.ts';
import type { CloudSetup } from '../simulator/server.ts';
import { refusal } from './helpers/simulator-clients.ts';
import { a, multivalue, startRoute53, type Wanted, ZONE } from './helpers/simulator-route53.ts';

const stored = (name: string, more: Partial<StoredRecordSet> = {}): StoredRecordSet => ({
  name,
  type: 'A',
  ttl: 60,
  values: ['192.0.2.9'],
  ...more,
});
const weighted = (name: string, SetIdentifier: string): ResourceRecordSet => ({ ...a(name), SetIdentifier, Weight: 1 });
const cname = (name: string): ResourceRecordSet => ({
  Name: name,
  Type: 'CNAME',
  TTL: 60,
  ResourceRecords: [{ Value: 'example.net.' }],
});
const alias = (name: string, DNSName: string, HostedZoneId = ZONE): ResourceRecordSet => ({
  Name: name,
  Type: 'A',
  AliasTarget: { HostedZoneId, DNSName, EvaluateTargetHealth: false },
});
const addresses = (count: number) => Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
const group = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    stored('many.example.com', { setIdentifier: `i-${i}`, multiValueAnswer: true, values: [`10.0.0.${i}`] }),
  );

const standing: StoredRecordSet[] = [
  stored('simple.example.com'),
  stored('multi.example.com', { setIdentifier: 'i-9', multiValueAnswer: true }),
  stored('weighted.example.com', { setIdentifier: 'blue', weight: 1 }),
  ...group(100),
];

describe('names in the simulated Route 53 [13.1]', () => {
  it.each([
    { given: 'MC.Example.COM', kept: 'mc.example.com.' },
    { given: '*.example.com', kept: '\\052.example.com.' },
    { given: '\\052.example.com.', kept: '\\052.example.com.' },
    { given: 'me@home.example.com', kept: 'me\\100home.example.com.' },
    { given: 'ex\\344mple.example.com', kept: 'ex\\344mple.example.com.' },
    { given: '\\141\\102c.example.com', kept: 'abc.example.com.' },
    { given: 'a\\056b.example.com', kept: 'a\\056b.example.com.' },
    { given: 'xn--exmple-cua.example.com', kept: 'xn--exmple-cua.example.com.' },
    { given: '_dmarc.example.com', kept: '_dmarc.example.com.' },
    { given: `${'\\344'.repeat(63)}.example.com`, kept: `${'\\344'.repeat(63)}.example.com.` },
  ])('are kept and told as $kept when they are given as $given', async ({ given, kept }) => {
    await using dns = await startRoute53();

    await dns.change({ UPSERT: a(given) });

    expect((await dns.list({ StartRecordName: given, MaxItems: 1 }))[0]?.Name).toBe(kept);
    await dns.change({ DELETE: a(kept) });
    expect(dns.records()).toEqual([]);
  });

  it.each([
    { of: 'a blank', name: 'a b.example.com', says: /UnsupportedCharacter .* encountered with ' '/ },
    { of: 'what is not ASCII', name: 'größe.example.com', says: /UnsupportedCharacter .* encountered with 'ö'/ },
    { of: 'what is beyond Latin-1', name: 'łódź.example.com', says: /UnsupportedCharacter .* encountered with 'ł'/ },
    { of: 'a label of 64 bytes', name: `${'a'.repeat(64)}.example.com`, says: /DomainLabelTooLong/ },
    { of: 'an empty label', name: 'a..example.com', says: /DomainLabelEmpty/ },
    { of: '256 bytes', name: `${'abcdefg.'.repeat(30)}abc.example.com`, says: /DomainNameTooLong/ },
    { of: 'another zone', name: 'badexample.com', says: /is not permitted in zone example\.com\./ },
  ])('are refused with $of', async ({ name, says }) => {
    await using dns = await startRoute53();

    expect(await refusal(dns.change({ UPSERT: a(name) }))).toMatchObject({
      name: 'InvalidChangeBatch',
      message: expect.stringMatching(says),
    });
  });

  it('may have 255 bytes, an escape being one and the dots counting', async () => {
    await using dns = await startRoute53();

    await dns.change({ UPSERT: a(`${'abcdefg.'.repeat(30)}\\344b.example.com`) });

    expect(dns.records()).toHaveLength(1);
  });
});

describe('the order of the simulated Route 53 [13.1]', () => {
  it('puts characters below the dot before it, as they are and not as they are escaped', async () => {
    await using dns = await startRoute53();
    const names = [
      '1.example.com',
      '*.example.com',
      'a.example.com',
      'b.a.example.com',
      'a-b.example.com',
      '_a.example.com',
    ];
    await dns.change(...names.map((name) => ({ UPSERT: a(name) })));

    const listed = await dns.list();

    expect(listed.slice(2).map(({ Name }) => Name)).toEqual([
      '\\052.example.com.',
      '1.example.com.',
      '_a.example.com.',
      'a-b.example.com.',
      'a.example.com.',
      'b.a.example.com.',
    ]);
  });

  it('walks through pages of any size without losing or repeating a record', async () => {
    await using dns = await startRoute53({ hostedZones: [{ id: ZONE, name: 'example.com', recordSets: standing }] });
    const { route53, list } = dns;
    const all = await list();

    const paged: ResourceRecordSet[] = [];
    let from: Parameters<typeof list>[0] | undefined = {};
    while (from !== undefined) {
      const answer: ListResourceRecordSetsCommandOutput = await route53.send(
        new ListResourceRecordSetsCommand({ HostedZoneId: ZONE, MaxItems: 7, ...from }),
      );
      paged.push(...(answer.ResourceRecordSets ?? []));
      from = answer.IsTruncated
        ? {
            StartRecordName: answer.NextRecordName,
            StartRecordType: answer.NextRecordType,
            StartRecordIdentifier: answer.NextRecordIdentifier,
          }
        : undefined;
    }

    expect(all).toHaveLength(105);
    expect(paged).toEqual(all);
  });

  it('gives no page of more than 300, whatever is asked for', async () => {
    const recordSets = Array.from({ length: 310 }, (_, i) => stored(`n${i}.example.com`));
    await using dns = await startRoute53({ hostedZones: [{ id: ZONE, name: 'example.com', recordSets }] });

    expect(await dns.list({ MaxItems: 1000 })).toHaveLength(300);
  });
});

describe('rules of record sets in the simulated Route 53 [13.1]', () => {
  it.each<{ of: string; changes: Wanted[]; says: string | RegExp }>([
    {
      of: 'a CNAME beside an address',
      changes: [{ UPSERT: cname('simple.example.com') }],
      says: '[RRSet of type CNAME with DNS name simple.example.com. is not permitted as it conflicts with other records with the same DNS name in zone example.com.]',
    },
    {
      of: 'a CNAME at the zone itself',
      changes: [{ UPSERT: cname('example.com') }],
      says: '[RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com.]',
    },
    {
      of: 'a simple record beside a multivalue answer',
      changes: [{ UPSERT: a('multi.example.com') }],
      says: '[RRSet with DNS name multi.example.com., type A cannot be created as other RRSets exist with the same name and type.]',
    },
    {
      of: 'a simple record beside a weighted one',
      changes: [{ UPSERT: a('weighted.example.com') }],
      says: '[RRSet with DNS name weighted.example.com., type A cannot be created as other RRSets exist with the same name and type.]',
    },
    {
      of: 'a multivalue answer beside a simple record',
      changes: [{ UPSERT: multivalue('simple.example.com', 'i-1') }],
      says: '[RRSet with DNS name simple.example.com., type A, SetIdentifier "i-1" cannot be created because a non multivalue answer rrset exists with the same name and type.]',
    },
    {
      of: 'a weighted record beside a simple one',
      changes: [{ UPSERT: weighted('simple.example.com', 'blue') }],
      says: '[RRSet with DNS name simple.example.com., type A, SetIdentifier "blue" cannot be created as a non-weighted set exists with the same name and type.]',
    },
    {
      of: 'a weighted record with two values',
      changes: [{ UPSERT: { ...weighted('w.example.com', 'blue'), ...pick(a('', '192.0.2.1', '192.0.2.2')) } }],
      says: /a weighted set has one resource record only/,
    },
    {
      of: 'the 101st multivalue answer',
      changes: [{ UPSERT: multivalue('many.example.com', 'i-100') }],
      says: /SetIdentifier "i-100" cannot be created as there are 100/,
    },
    {
      of: 'a CNAME as a multivalue answer',
      changes: [{ UPSERT: { ...cname('m.example.com'), SetIdentifier: 'i-1', MultiValueAnswer: true } }],
      says: /cannot be a multivalue answer of type CNAME/,
    },
    {
      of: 'an alias as a multivalue answer',
      changes: [
        { UPSERT: { ...alias('m.example.com', 'simple.example.com'), SetIdentifier: 'i-1', MultiValueAnswer: true } },
      ],
      says: /cannot be a multivalue answer alias/,
    },
    {
      of: '401 values',
      changes: [{ UPSERT: a('many-values.example.com', ...addresses(401)) }],
      says: '[Cannot have more than 400 records in a RRSet.]',
    },
    {
      of: 'the same value twice',
      changes: [{ UPSERT: a('twice.example.com', '192.0.2.1', '192.0.2.1') }],
      says: "[Duplicate Resource Record: '192.0.2.1']",
    },
    {
      of: 'an address that means something on one machine only',
      changes: [{ UPSERT: { ...a('six.example.com'), Type: 'AAAA', ResourceRecords: [{ Value: 'fe80::1%eth0' }] } }],
      says: /AAAARRDATAIllegalIPv6Address/,
    },
    {
      of: 'more than 32,000 characters, upserts counting twice',
      changes: Array.from({ length: 65 }, (_, i) => ({ UPSERT: txt(`t${i}.example.com`, 'x'.repeat(248)) })),
      says: '[RDATA character limit of 32000 exceeded.]',
    },
    {
      of: 'deleting a multivalue answer with another value',
      changes: [{ DELETE: multivalue('multi.example.com', 'i-9') }],
      says: "[Tried to delete resource record set [name='multi.example.com.', type='A', set-identifier='i-9'] but the values provided do not match the current values]",
    },
    {
      of: "deleting another instance's key",
      changes: [{ DELETE: multivalue('multi.example.com', 'i-1') }],
      says: "[Tried to delete resource record set [name='multi.example.com.', type='A', set-identifier='i-1'] but it was not found]",
    },
    {
      of: 'one key changed twice',
      changes: [{ UPSERT: a('new.example.com') }, { UPSERT: a('NEW.example.com.') }],
      says: "[The request contains an invalid set of changes for a resource record set 'A new.example.com.']",
    },
    {
      of: 'an alias of what is not there',
      changes: [{ UPSERT: alias('to.example.com', 'nowhere.example.com') }],
      says: '[Tried to create an alias that targets nowhere.example.com., type A in zone Z0123456789EXAMPLE, but that target was not found]',
    },
    {
      of: 'an alias out of the zone that it names',
      changes: [{ UPSERT: alias('to.example.com', 'lb.example.net') }],
      says: /^\[Tried to create an alias that targets lb\.example\.net\., type A in zone Z0123456789EXAMPLE, but the alias target name does not lie within the target zone, /,
    },
  ])('refuse $of as InvalidChangeBatch, and change nothing', async ({ changes, says }) => {
    await using dns = await startRoute53({ hostedZones: [{ id: ZONE, name: 'example.com', recordSets: standing }] });
    const before = dns.records();

    const error = await refusal(dns.change(...changes));

    expect(error).toMatchObject({ name: 'InvalidChangeBatch', $metadata: { httpStatusCode: 400 } });
    expect(error.message).toEqual(typeof says === 'string' ? says : expect.stringMatching(says));
    expect(dns.records()).toEqual(before);
  });

  it.each<{ of: string; record: ResourceRecordSet; says: RegExp }>([
    {
      of: 'a routing without an identifier, even one that is false',
      record: { ...a('a.example.com'), MultiValueAnswer: false },
      says: /^Invalid request: Missing field 'SetIdentifier' in Change with \[Action=UPSERT, Name=a\.example\.com\., Type=A, SetIdentifier=null\]$/,
    },
    {
      of: 'an identifier without a routing',
      record: { ...a('a.example.com'), SetIdentifier: 'i-1' },
      says: /^Invalid request: Expected exactly one of \[Weight, Region, Failover, GeoLocation, or MultiValueAnswer\], but found none in Change/,
    },
    {
      of: 'two routings',
      record: { ...multivalue('a.example.com', 'i-1'), Weight: 1 },
      says: /but found more than one in Change/,
    },
    { of: 'an identifier of 129 characters', record: multivalue('a.example.com', 'x'.repeat(129)), says: /1 to 128/ },
    {
      of: 'an alias with a time to live',
      record: { ...alias('a.example.com', 'example.com'), TTL: 60 },
      says: /Expected exactly one of \[AliasTarget, .* but found more than one in Change/,
    },
    { of: 'a type that there is not', record: { ...a('a.example.com'), Type: 'X' as 'A' }, says: /for Type/ },
    {
      of: 'a routing that the simulator does not know',
      record: { ...a('a.example.com'), SetIdentifier: 'x', GeoLocation: { CountryCode: 'DE' } },
      says: /does not know GeoLocation/,
    },
  ])('refuse $of as InvalidInput', async ({ record, says }) => {
    await using dns = await startRoute53();

    expect(await refusal(dns.change({ UPSERT: record }))).toMatchObject({
      name: 'InvalidInput',
      message: expect.stringMatching(says),
      $metadata: { httpStatusCode: 400 },
    });
  });

  it('refuse a health check that does not exist as NoSuchHealthCheck, and take one that does', async () => {
    const recordSets = [stored('known.example.com', { healthCheckId: 'hc-of-a-record' })];
    await using dns = await startRoute53({
      hostedZones: [{ id: ZONE, name: 'example.com', recordSets }],
      healthChecks: ['hc-1'],
    });
    const checked = (HealthCheckId: string) => ({ ...multivalue('m.example.com', HealthCheckId), HealthCheckId });

    await dns.change({ UPSERT: checked('hc-1') }, { UPSERT: checked('hc-of-a-record') });
    const error = await refusal(dns.change({ UPSERT: checked('hc-2') }));

    expect(error).toMatchObject({ name: 'NoSuchHealthCheck', $metadata: { httpStatusCode: 404 } });
    expect(dns.records()).toHaveLength(3);
  });

  it('let a simple record become a multivalue answer in one batch, and the other way round', async () => {
    await using dns = await startRoute53({ hostedZones: [{ id: ZONE, name: 'example.com', recordSets: standing }] });
    const simple = a('simple.example.com', '192.0.2.9');

    await dns.change({ DELETE: simple, CREATE: multivalue('simple.example.com', 'i-1') });
    const there = dns.records().filter(({ name }) => name === 'simple.example.com.');
    await dns.change({ DELETE: multivalue('simple.example.com', 'i-1'), CREATE: simple });

    expect(there).toEqual([{ name: 'simple.example.com.', setIdentifier: 'i-1', values: ['192.0.2.1'] }]);
  });

  it('let instances write their own answers without regard to each other, up to 100', async () => {
    await using dns = await startRoute53({
      hostedZones: [{ id: ZONE, name: 'example.com', recordSets: group(99) }],
    });

    await dns.change({ CREATE: multivalue('many.example.com', 'i-new') });
    await dns.change({ UPSERT: { ...multivalue('many.example.com', 'i-new'), ...pick(a('', '192.0.2.2')) } });

    expect(dns.records()).toHaveLength(100);
  });

  it('take 400 values, and aliases of records here, in other zones, and in zones that are not here', async () => {
    await using dns = await startRoute53({
      hostedZones: [
        { id: ZONE, name: 'example.com' },
        { id: 'ZORG', name: 'example.org', recordSets: [stored('lb.example.org')] },
      ],
    });

    await dns.change(
      { UPSERT: a('many.example.com', ...addresses(400)) },
      { UPSERT: alias('here.example.com', 'many.example.com') },
      { UPSERT: alias('org.example.com', 'lb.example.org', 'ZORG') },
      { UPSERT: alias('there.example.com', 'lb-1.elb.amazonaws.com', 'Z32O12XQLNTSW2') },
    );
    const [, , , there] = await dns.list();
    await dns.change({ DELETE: alias('there.example.com', 'LB-1.elb.amazonaws.com.', 'Z32O12XQLNTSW2') });

    expect(dns.records().map(({ name }) => name)).toEqual([
      'many.example.com.',
      'here.example.com.',
      'org.example.com.',
    ]);
    expect(there).toMatchObject({ Name: 'many.example.com.', TTL: 60 });
  });

  it('delete an alias that the setup has spelt in its own way', async () => {
    const target = { hostedZoneId: 'Z32O12XQLNTSW2', dnsName: 'LB-1.elb.amazonaws.com', evaluateTargetHealth: false };
    const standingAlias = { name: 'to.example.com', type: 'A', values: [], alias: target };
    await using dns = await startRoute53({
      hostedZones: [{ id: ZONE, name: 'example.com', recordSets: [standingAlias] }],
    });

    await dns.change({ DELETE: alias('to.example.com', 'lb-1.elb.amazonaws.com.', 'Z32O12XQLNTSW2') });

    expect(dns.records()).toEqual([]);
  });

  it('let a zone have 10,000 record sets', async () => {
    const recordSets = Array.from({ length: 9_998 }, (_, i) => stored(`n${i}.example.com`));
    const setup: CloudSetup = { hostedZones: [{ id: ZONE, name: 'example.com', recordSets }] };
    await using dns = await startRoute53(setup);

    const error = await refusal(dns.change({ UPSERT: a('one-more.example.com') }));

    expect(error.message).toBe(`[Exceeded limit MAX_RRSETS_BY_ZONE for zone: ${ZONE}]`);
    await dns.change({ DELETE: a('n1.example.com', '192.0.2.9') }, { CREATE: a('one-more.example.com') });
  });
});

function txt(name: string, text: string): ResourceRecordSet {
  return { Name: name, Type: 'TXT', TTL: 60, ResourceRecords: [{ Value: `"${text}"` }] };
}

/** Its values alone. */
function pick({ ResourceRecords }: ResourceRecordSet): Pick<ResourceRecordSet, 'ResourceRecords'> {
  return { ResourceRecords };
}
