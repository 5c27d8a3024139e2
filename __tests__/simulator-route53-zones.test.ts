import {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  GetHostedZoneCommand,
  ListHostedZonesByNameCommand,
  ListHostedZonesCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { clientOptions, eventually, refusal } from './helpers/simulator-clients.ts';
import { a, startRoute53, ZONE } from './helpers/simulator-route53.ts';

const zones = [
  { id: 'ZORG', name: 'example.org' },
  { id: 'ZPUBLIC', name: 'example.com' },
  { id: 'ZPRIVATE', name: 'example.com.', private: true, vpcs: ['vpc-1', 'vpc-2'] },
  { id: 'ZSUB', name: 'sub.example.com' },
  { id: 'ZDASH', name: 'example-2.com' },
];

describe('hosted zones of the simulated Route 53 [13.1]', () => {
  it('say whether they are private, and in which VPCs they then resolve', async () => {
    await using dns = await startRoute53({ hostedZones: zones });

    const open = await dns.route53.send(new GetHostedZoneCommand({ Id: '/hostedzone/ZPUBLIC' }));
    const closed = await dns.route53.send(new GetHostedZoneCommand({ Id: 'ZPRIVATE' }));

    expect(open.HostedZone).toMatchObject({
      Id: '/hostedzone/ZPUBLIC',
      Name: 'example.com.',
      Config: { PrivateZone: false },
      ResourceRecordSetCount: 2,
    });
    expect(open.DelegationSet?.NameServers).toEqual(['ns-1.example.net', 'ns-2.example.net']);
    expect(open.VPCs).toBeUndefined();
    expect(closed.HostedZone?.Config?.PrivateZone).toBe(true);
    expect(closed.DelegationSet).toBeUndefined();
    expect(closed.VPCs).toEqual([
      { VPCRegion: 'eu-west-1', VPCId: 'vpc-1' },
      { VPCRegion: 'eu-west-1', VPCId: 'vpc-2' },
    ]);
  });

  it('are in the VPC of the instances when they are private and nothing is said', async () => {
    await using dns = await startRoute53({ hostedZones: [{ id: ZONE, name: 'example.com', private: true }] });

    const { VPCs } = await dns.route53.send(new GetHostedZoneCommand({ Id: ZONE }));

    expect(VPCs).toEqual([{ VPCRegion: 'eu-west-1', VPCId: 'vpc-0123456789abcdef0' }]);
  });

  it('keep the records of a private and a public zone of one name apart', async () => {
    await using dns = await startRoute53({ hostedZones: zones });
    const upsert = { Action: 'UPSERT', ResourceRecordSet: a('mc.example.com', '10.0.0.10') } as const;

    await dns.route53.send(
      new ChangeResourceRecordSetsCommand({ HostedZoneId: 'ZPRIVATE', ChangeBatch: { Changes: [upsert] } }),
    );

    expect(dns.cloud.recordSets('ZPRIVATE').map(({ name }) => name)).toContain('mc.example.com.');
    expect(dns.cloud.recordSets('ZPUBLIC').map(({ name }) => name)).not.toContain('mc.example.com.');
  });

  it('are listed by name from a name on, which whoever looks for one has to compare', async () => {
    await using dns = await startRoute53({ hostedZones: zones });
    const idsFrom = async (DNSName?: string, HostedZoneId?: string, MaxItems?: number) => {
      const answer = await dns.route53.send(new ListHostedZonesByNameCommand({ DNSName, HostedZoneId, MaxItems }));
      return { ids: answer.HostedZones?.map(({ Id }) => Id?.split('/').at(-1)), next: answer.NextDNSName };
    };

    expect(await idsFrom()).toEqual({ ids: ['ZDASH', 'ZPRIVATE', 'ZPUBLIC', 'ZSUB', 'ZORG'], next: undefined });
    expect(await idsFrom('example.com', 'ZPUBLIC', 1)).toEqual({ ids: ['ZPUBLIC'], next: 'sub.example.com.' });
    expect((await idsFrom('EXAMPLE.net.')).ids).toEqual(['ZORG']);
  });

  it('are listed in pages that go on where the marker says', async () => {
    await using dns = await startRoute53({ hostedZones: zones });

    const first = await dns.route53.send(new ListHostedZonesCommand({ MaxItems: 3 }));
    const rest = await dns.route53.send(new ListHostedZonesCommand({ Marker: first.NextMarker }));

    expect(first).toMatchObject({ IsTruncated: true, NextMarker: 'ZSUB', MaxItems: 3 });
    expect(rest.HostedZones?.map(({ Id }) => Id)).toEqual(['/hostedzone/ZSUB', '/hostedzone/ZDASH']);
    expect(rest.IsTruncated).toBe(false);
  });

  it('are not listed from a marker on that is no zone', async () => {
    await using dns = await startRoute53({ hostedZones: zones });

    const listed = dns.route53.send(new ListHostedZonesCommand({ Marker: 'ZNONE' }));

    await expect(listed).rejects.toMatchObject({ name: 'InvalidInput' });
  });

  it('are found below a path that the endpoint has, signed for whatever region', async () => {
    await using dns = await startRoute53();
    const { url } = dns.cloud;
    const far = new Route53Client({ ...clientOptions({ url: `${url}/dns` }), region: 'ap-southeast-2' });

    const { HostedZone } = await far.send(new GetHostedZoneCommand({ Id: ZONE }));
    far.destroy();
    const unsigned = await fetch(`${url}/dns/2013-04-01/hostedzone/${ZONE}`);

    expect(HostedZone?.Name).toBe('example.com.');
    expect(await unsigned.text()).toContain('<Name>example.com.</Name>');
  });
});

describe('what the simulated Route 53 takes from other clients than the SDK [13.1]', () => {
  const batch = (changes: string) =>
    '<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch>' +
    `<Comment>first</Comment>${changes}</ChangeBatch></ChangeResourceRecordSetsRequest>`;
  const upsert =
    '<Changes><Change><Action>UPSERT</Action><ResourceRecordSet><Name>a.example.com</Name><Type>A</Type><TTL>60</TTL>' +
    '<ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>' +
    '</Change></Changes>';

  it.each([
    {
      of: 'a slash at the end of the path, and the comment first',
      path: 'rrset/',
      body: batch(upsert),
      says: 'PENDING',
    },
    { of: 'what is no XML', path: 'rrset', body: '<ChangeBatch>', says: '<Code>MalformedInput</Code>' },
    { of: 'a batch of nothing', path: 'rrset', body: batch('<Changes/>'), says: '<Code>InvalidInput</Code>' },
    {
      of: 'a comment of 257 characters',
      path: 'rrset',
      body: batch(upsert).replace('first', 'x'.repeat(257)),
      says: '<Code>InvalidInput</Code>',
    },
  ])('answers $says to $of', async ({ path, body, says }) => {
    await using dns = await startRoute53();

    const url = `${dns.cloud.url}/2013-04-01/hostedzone/${ZONE}/${path}`;
    const reply = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/xml' }, body });

    expect(reply.status).toBe(says === 'PENDING' ? 200 : 400);
    expect(await reply.text()).toContain(says);
  });
});

describe('how fast the simulated Route 53 may be asked [13.1]', () => {
  it('takes five calls at once in the whole account, whatever they are, and refuses the sixth', async () => {
    await using dns = await startRoute53({ throttling: { 'Route 53': { refillPerS: 0 } } });
    const other = new Route53Client(clientOptions(dns.cloud));

    const { ChangeInfo } = await dns.change({ UPSERT: a('a.example.com') });
    await dns.route53.send(new GetChangeCommand({ Id: ChangeInfo?.Id }));
    await dns.list();
    await other.send(new GetHostedZoneCommand({ Id: ZONE }));
    await refusal(other.send(new ListResourceRecordSetsCommand({ HostedZoneId: 'ZUNKNOWN' })));
    const error = await refusal(other.send(new ListResourceRecordSetsCommand({ HostedZoneId: ZONE })));
    other.destroy();

    expect(error).toMatchObject({ name: 'Throttling', message: 'Rate exceeded', $metadata: { httpStatusCode: 400 } });
    expect(dns.cloud.calls().at(-1)).toMatchObject({ operation: 'ListResourceRecordSets', throttled: true });
  });

  it('takes calls again after a while, which the SDK waits for by itself', async () => {
    await using dns = await startRoute53({ throttling: { 'Route 53': { capacity: 1 } } });
    const patient = new Route53Client({ ...clientOptions(dns.cloud), maxAttempts: 10 });

    await dns.list();
    await patient.send(new ListResourceRecordSetsCommand({ HostedZoneId: ZONE }));
    patient.destroy();

    expect(dns.cloud.calls().map(({ throttled }) => throttled)).toContain(undefined);
  });

  it('does not count unless throttling is asked for, with five a second as the number', async () => {
    await using dns = await startRoute53();
    const switched = async (on: boolean) => {
      const reply = await fetch(`${dns.cloud.url}/_control/throttling`, {
        method: 'PUT',
        body: JSON.stringify({ on }),
      });
      return reply.json();
    };

    await Promise.all(Array.from({ length: 20 }, () => dns.list()));

    expect(await switched(true)).toMatchObject({ 'Route 53': { capacity: 5, refillPerS: 5 } });
    expect(await switched(false)).toEqual({});
  });
});

describe('one change at a time in a zone of the simulated Route 53 [13.1]', () => {
  it('refuses what comes while another is being answered, and takes it afterwards', async () => {
    await using dns = await startRoute53({ latencyMs: 1_000 });

    const outcomes = await Promise.allSettled(
      ['a', 'b'].map((name) => dns.change({ UPSERT: a(`${name}.example.com`) })),
    );
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    dns.cloud.setLatency(0);
    const later = await dns.change({ UPSERT: a('c.example.com') });

    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(refused?.reason).toMatchObject({ name: 'PriorRequestNotComplete', $metadata: { httpStatusCode: 400 } });
    expect(later.ChangeInfo?.Status).toBe('PENDING');
  });

  it('goes on being busy for as long as it is told to, while lists, other zones and refused changes do not matter', async () => {
    await using dns = await startRoute53({
      zoneBusyMs: 300,
      hostedZones: [{ id: ZONE, name: 'example.com' }, ...zones],
    });
    const upsert = { Action: 'UPSERT', ResourceRecordSet: a('b.example.com') } as const;

    await refusal(dns.change({ DELETE: a('nothing.example.com') }));
    await dns.change({ UPSERT: a('a.example.com') });
    const busy = await refusal(dns.change({ UPSERT: a('b.example.com') }));
    await dns.list();
    await dns.route53.send(
      new ChangeResourceRecordSetsCommand({ HostedZoneId: 'ZPUBLIC', ChangeBatch: { Changes: [upsert] } }),
    );
    await eventually(
      () =>
        dns.change({ UPSERT: a('b.example.com') }).then(
          () => true,
          () => false,
        ),
      (taken) => taken,
    );

    expect(busy.name).toBe('PriorRequestNotComplete');
  });
});
