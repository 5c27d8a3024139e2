/** How volumes and record sets are given back: the real SDK against the simulator. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CallLog } from '../adapters/aws.ts';
import { createVolumes } from '../adapters/ec2.ts';
import { AdapterError } from '../config/errors.ts';
import type { RecordSet } from '../config/vocabulary.ts';
import { type AwsLab, facts, ME, OTHER, recordSetsOf, startAwsLab, ZONE } from './helpers/aws-lab.ts';

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

describe('a volume that is given back', () => {
  const here = (device = '/dev/sdf', status: 'attached' | 'detaching' = 'attached') => ({
    attachedTo: { instanceId: ME, device, status },
  });

  function detach(lab: AwsLab, log = callLog().log, volumeId = 'vol-0aa') {
    return createVolumes(lab.aws, facts).detach({ volumeId, device: '/dev/sdf' }, log);
  }

  const detachCalls = (lab: AwsLab) => lab.cloud.calls().filter(({ operation }) => operation === 'DetachVolume');

  it('is detached from this instance and this device, never by force [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...here() }], detachMs: 60_000 });
    const { log, noted } = callLog();

    expect(await detach(lab, log)).toBe('accepted');

    const param = { VolumeId: 'vol-0aa', InstanceId: ME, Device: '/dev/sdf' };
    expect(noted).toEqual([['detach_volume', param]]);
    expect(detachCalls(lab)).toMatchObject([{ params: param }]);
    expect(detachCalls(lab)[0]?.params).not.toHaveProperty('Force');
    expect(lab.cloud.volume('vol-0aa')?.attachments).toMatchObject([{ status: 'detaching' }]);
  });

  it('is left where it is with init switched off: the call is only noted [2.1, 6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...here() }] });
    const { log, noted } = callLog(false);

    expect(await detach(lab, log)).toBe('dry');

    expect(noted).toHaveLength(1);
    expect(detachCalls(lab)).toEqual([]);
  });

  it.each([
    { where: 'is attached to nobody', volumes: [{ id: 'vol-0aa' }] },
    { where: 'somebody else has', volumes: [{ id: 'vol-0aa', attachedTo: { instanceId: OTHER, device: '/dev/sdf' } }] },
    { where: 'is here at another device', volumes: [{ id: 'vol-0aa', ...here('/dev/sdg') }] },
  ])('and $where is gone already, and stays as it is [6.10]', async ({ volumes }) => {
    await using lab = await startAwsLab({ volumes });
    const before = JSON.stringify(lab.cloud.volume('vol-0aa'));

    expect(await detach(lab)).toBe('gone');
    expect(JSON.stringify(lab.cloud.volume('vol-0aa'))).toBe(before);
  });

  it('and does not exist any more is gone already [6.10]', async () => {
    await using lab = await startAwsLab({});

    expect(await detach(lab, callLog().log, 'vol-0bbbbbbbbbbbbbbbb')).toBe('gone');
  });

  it('and is being detached, because an answer was lost, counts as accepted [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...here('/dev/sdf', 'detaching') }] });

    expect(await detach(lab)).toBe('accepted');
  });

  it('is detached once though the answer is lost and the call repeated [6.10]', async () => {
    const volumeId = 'vol-detach-answer-lost';
    await using lab = await startAwsLab({ volumes: [{ id: volumeId, ...here() }], detachMs: 60_000 });

    expect(await detach(lab, callLog().log, volumeId)).toBe('accepted');
    expect(detachCalls(lab)).toHaveLength(2);
  });

  it("and was adopted under its device's twin is detached from that, and EC2's literal reading is no end of it [6.2, 6.10]", async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', ...here('/dev/xvdf') }], detachMs: 60_000 });

    expect(await detach(lab)).toBe('accepted');
    expect(lab.cloud.volume('vol-0aa')?.attachments).toMatchObject([{ device: '/dev/xvdf', status: 'detaching' }]);
  });

  it('and may not be detached says which permission would help [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-detach-denied', ...here() }] });

    const error = await detach(lab, callLog().log, 'vol-detach-denied').catch((reason) => reason);

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.retryable).toBe(false);
    expect(error.message).toMatch(
      /^DetachVolume vol-detach-denied: Unauth.*Allow ec2:DetachVolume on vol-detach-denied and on i-/,
    );
  });

  it('and cannot be detached now may be a moment later [6.10]', async () => {
    await using lab = await startAwsLab({ volumes: [{ id: 'vol-detach-throttled', ...here() }] });

    const error = await detach(lab, callLog().log, 'vol-detach-throttled').catch((reason) => reason);

    expect(error.retryable).toBe(true);
  });

  it.each([
    { status: 'detaching' as const, at: ME, detaching: true },
    { status: 'busy' as const, at: ME, detaching: true },
    { status: 'attached' as const, at: ME, detaching: undefined },
    { status: 'detaching' as const, at: OTHER, detaching: undefined },
  ])(
    'is $status at $at in a look: it is being detached here: $detaching [6.2, 6.10]',
    async ({ status, at, ...seen }) => {
      const attachedTo = { instanceId: at, device: '/dev/sdf', status };
      await using lab = await startAwsLab({ volumes: [{ id: 'vol-0aa', attachedTo }] });

      const looked = await createVolumes(lab.aws, facts).look(
        { volumeId: 'vol-0aa', device: '/dev/sdf' },
        callLog().log,
      );

      expect(looked.detaching).toBe(seen.detaching);
    },
  );
});

describe('a record set that is given back', () => {
  const name = 'play.example.com.';
  const ours: RecordSet = { name, type: 'A', ttl: 60, values: ['192.0.2.1'] };
  const theirs: RecordSet = { name, type: 'A', ttl: 300, values: ['192.0.2.8', '192.0.2.9'] };
  const alias: RecordSet = {
    name,
    type: 'A',
    ttl: -1,
    values: [],
    alias: { hostedZone: 'Z2OTHEREXAMPLE', name: 'lb.example.net.', evaluateTargetHealth: true },
  };

  /** A zone in which these sets stand. */
  async function zoneWith(...sets: RecordSet[]): Promise<AwsLab> {
    const recordSets = sets.map(({ alias: target, ttl, ...set }) => ({
      ...set,
      ...(target
        ? {
            alias: {
              hostedZoneId: target.hostedZone,
              dnsName: target.name,
              evaluateTargetHealth: target.evaluateTargetHealth,
            },
          }
        : { ttl }),
    }));
    return startAwsLab({ hostedZones: [{ id: ZONE, name: 'example.com', recordSets }] });
  }

  const there = (lab: AwsLab) => recordSetsOf(lab).read({ hostedZone: ZONE, name }, callLog().log);
  const changeCalls = (lab: AwsLab) =>
    lab.cloud.calls().filter(({ operation }) => operation === 'ChangeResourceRecordSets');

  function restore(lab: AwsLab, change: { before?: RecordSet; after: RecordSet }, log = callLog().log) {
    return recordSetsOf(lab).restore(ZONE, change, log);
  }

  it('is replaced by what stood there before, in one request [7.5]', async () => {
    await using lab = await zoneWith(ours);

    expect(await restore(lab, { before: theirs, after: ours })).toBe('restored');

    expect(await there(lab)).toEqual([theirs]);
    expect(changeCalls(lab)).toHaveLength(1);
  });

  it('is taken away where nothing stood before [7.5, 7.9]', async () => {
    await using lab = await zoneWith(ours);

    expect(await restore(lab, { after: ours })).toBe('restored');

    expect(await there(lab)).toEqual([]);
  });

  it('is replaced by the alias that stood there, which has no TTL [7.5]', async () => {
    await using lab = await zoneWith(ours);

    expect(await restore(lab, { before: alias, after: ours })).toBe('restored');

    expect(await there(lab)).toEqual([alias]);
    const [alone] = lab.cloud.recordSets(ZONE).filter((set) => set.name === name);
    expect(alone).not.toHaveProperty('ttl');
  });

  it('of the other type stays [7.5]', async () => {
    const six: RecordSet = { name, type: 'AAAA', ttl: 60, values: ['2001:db8::1'] };
    await using lab = await zoneWith(ours, six);

    await restore(lab, { after: ours });

    expect(await there(lab)).toEqual([six]);
  });

  it('is left alone with init switched off: the call is only noted [2.1, 7.5]', async () => {
    await using lab = await zoneWith(ours);
    const { log, noted } = callLog(false);

    expect(await restore(lab, { before: theirs, after: ours }, log)).toBe('dry');

    expect(noted).toMatchObject([
      [
        'change_resource_record_sets',
        { HostedZoneId: ZONE, ChangeBatch: { Changes: [{ Action: 'DELETE' }, { Action: 'CREATE' }] } },
      ],
    ]);
    expect(changeCalls(lab)).toEqual([]);
  });

  it.each([
    { what: 'has another address by now', there: [{ ...ours, values: ['192.0.2.7'] }] },
    { what: 'has another TTL by now', there: [{ ...ours, ttl: 61 }] },
    { what: 'is an alias by now', there: [alias] },
    { what: 'is gone', there: [] },
  ])('and $what is not ours any more, and stays as it is [7.5, 7.9]', async ({ there: sets }) => {
    await using lab = await zoneWith(...sets);

    expect(await restore(lab, { before: theirs, after: ours })).toBe('not-ours');
    expect(await restore(lab, { after: ours })).toBe('not-ours');

    expect(await there(lab)).toEqual(sets);
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
    await using lab = await zoneWith(after);

    expect(await restore(lab, { before, after })).toBe('restored');
    expect(changeCalls(lab)).toEqual([]);
  });

  it.each([
    {
      what: 'with another target',
      after: { ...alias, alias: { hostedZone: 'Z2', name: 'x.', evaluateTargetHealth: true } },
    },
    { what: 'with another TTL', after: { ...theirs, ttl: 5 }, before: theirs },
  ])('and is the same but $what is not the same [7.5]', async ({ before = alias, after }) => {
    await using lab = await zoneWith(after);

    expect(await restore(lab, { before, after })).toBe('restored');
    expect(await there(lab)).toEqual([before]);
  });

  it('cannot be replaced by what Route 53 would not take now: that is an error, and ours stays [7.5]', async () => {
    await using lab = await zoneWith(ours);
    const broken = { ...theirs, values: ['not an address'] };

    const error = await restore(lab, { before: broken, after: ours }).catch((reason) => reason);

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(
      /^ChangeResourceRecordSets Z0123456789EXAMPLE play\.example\.com\.: InvalidChangeBatch: .*not an address/,
    );
    expect(await there(lab)).toEqual([ours]);
  });

  it('in a zone that we may not change is an error that names the permission [7.5]', async () => {
    await using lab = await startAwsLab({ hostedZones: [{ id: 'Z0DENIED', name: 'example.com' }] });

    await expect(recordSetsOf(lab).restore('Z0DENIED', { after: ours }, callLog().log)).rejects.toThrow(
      /AccessDenied.*Allow route53:ChangeResourceRecordSets on Z0DENIED/,
    );
  });

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
      using server = await answering((_, answer) => answer.writeHead(400, { 'content-type': 'text/xml' }).end(body));
      process.env.AWS_ENDPOINT_URL = server.url;

      const outcome = await restore(lab, { after: ours }).catch(() => 'an error');

      expect(outcome).toBe(becomes);
    },
  );
});

async function answering(handle: (request: IncomingMessage, answer: ServerResponse) => void) {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.dispose]: () => server.close() };
}
