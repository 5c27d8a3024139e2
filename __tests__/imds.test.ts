/** The instance metadata as the daemon reads it, from the simulator over HTTP. */

import { createInstanceMetadata, type InstanceMetadata, parseEndpoints } from '../adapters/imds.ts';
import { AdapterError } from '../config/errors.ts';
import { type Cloud, type CloudSetup, startCloud } from '../simulator/server.ts';
import { metadataAt, never } from './helpers/metadata-service.ts';

/** A cloud with one instance, and its metadata. */
async function startInstance(setup: CloudSetup = {}) {
  const cloud = await startCloud(setup);
  const imds = createInstanceMetadata([cloud.imdsUrl()]);
  return {
    cloud,
    imds,
    async [Symbol.asyncDispose]() {
      imds.close();
      await cloud.close();
    },
  };
}

async function noticeOf(imds: InstanceMetadata) {
  return (await imds.instanceAction(never)).notice;
}

function tokenRequests(cloud: Cloud) {
  return cloud.calls().filter(({ operation }) => operation.startsWith('PUT'));
}

describe('the instance metadata', () => {
  it('is read with one version-2 token for many looks [9.1]', async () => {
    await using instance = await startInstance();

    for (let look = 0; look < 5; look += 1) await noticeOf(instance.imds);

    expect(tokenRequests(instance.cloud)).toHaveLength(1);
  });

  it('tells what does not change', async () => {
    await using instance = await startInstance({
      region: 'eu-central-1',
      instances: [{ id: 'i-0aaaaaaaaaaaaaaaa', type: 'm7g.large', launchIndex: 3 }],
    });

    expect(await instance.imds.instanceFacts(never)).toMatchObject({
      instanceId: 'i-0aaaaaaaaaaaaaaaa',
      instanceType: 'm7g.large',
      launchIndex: 3,
      region: 'eu-central-1',
      zone: 'eu-central-1a',
    });
  });

  it('tells the public addresses as they are now, and none is no error [7.1]', async () => {
    await using instance = await startInstance({
      instances: [{ publicIpv4: '192.0.2.1', ipv6: ['2001:db8::1', '2001:db8::2'] }],
    });
    const before = await instance.imds.publicAddresses(never);

    instance.cloud.changeInstance({ publicIpv4: undefined, ipv6: [] });
    const after = await instance.imds.publicAddresses(never);

    expect(before).toMatchObject({
      primaryIpv4: '192.0.2.1',
      primaryIpv6: '2001:db8::1',
      ipv6: ['2001:db8::1', '2001:db8::2'],
    });
    expect(after).toEqual({ ipv4: [], ipv6: [] });
  });

  it('gives user data byte for byte, and nothing where there is none [3.1]', async () => {
    const bytes = Uint8Array.of(0x1f, 0x8b, 0, 255, 10);
    await using with_ = await startInstance({ instances: [{ userData: bytes }] });
    await using without = await startInstance();

    expect(new Uint8Array((await with_.imds.userData(never)) ?? [])).toEqual(bytes);
    expect(await without.imds.userData(never)).toBeUndefined();
  });
});

describe('a notice', () => {
  it('that is not there is 404, which is an answer [9.4]', async () => {
    await using instance = await startInstance();

    expect(await noticeOf(instance.imds)).toBeUndefined();
  });

  it.each(['terminate', 'stop', 'hibernate'] as const)('tells its action: %s [9.1]', async (action) => {
    await using instance = await startInstance();
    instance.cloud.interrupt({ action, inSeconds: 120 });

    expect(await noticeOf(instance.imds)).toMatchObject({ action });
  });

  it.each([
    { inSeconds: 100, from: 98_000, to: 100_000, what: 'the time it names' },
    { inSeconds: 500, from: 120_000, to: 120_000, what: 'at most 120 s' },
    { inSeconds: -60, from: 0, to: 0, what: 'nothing when its time is past, and is valid all the same' },
  ])('leaves $what [9.2]', async ({ inSeconds, from, to }) => {
    await using instance = await startInstance();
    instance.cloud.interrupt({ action: 'terminate', inSeconds });

    const notice = await noticeOf(instance.imds);

    expect(notice?.leftMs).toBeGreaterThanOrEqual(from);
    expect(notice?.leftMs).toBeLessThanOrEqual(to);
    expect(notice?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
  });
});

describe('when the metadata fails', () => {
  it('with 401 a new token is fetched, once, and the look goes through [9.4]', async () => {
    const first = await startCloud();
    const metadataPort = Number(new URL(first.imdsUrl()).port);
    using imds = metadataAt(first.imdsUrl());
    await noticeOf(imds);
    await first.close();
    // The same address, but none of the old tokens.
    await using second = await startCloud({ metadataPort });

    await noticeOf(imds);

    expect(second.calls().map(({ status }) => status)).toEqual([401, 200, 404]);
  });

  it('with nobody there, the error names the address and may be retried [9.4, 9.7]', async () => {
    using imds = metadataAt('http://127.0.0.1:9');

    const error = await noticeOf(imds).catch((reason) => reason);

    expect(error).toBeInstanceOf(AdapterError);
    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(/http:\/\/127\.0\.0\.1:9: .*ECONNREFUSED/);
  });

  it('once, it is asked anew at the next look [9.4]', async () => {
    const first = await startCloud();
    const metadataPort = Number(new URL(first.imdsUrl()).port);
    await first.close();
    using imds = metadataAt(`http://127.0.0.1:${metadataPort}`);
    await expect(noticeOf(imds)).rejects.toThrow(AdapterError);
    await using _second = await startCloud({ metadataPort });

    await expect(noticeOf(imds)).resolves.toBeUndefined();
  });

  it('because it is switched off, that is said [9.4]', async () => {
    await using instance = await startInstance({ instances: [{ metadata: { enabled: false } }] });

    await expect(noticeOf(instance.imds)).rejects.toThrow(/answered 403\. Check that metadata is enabled/);
  });
});

describe('endpoints', () => {
  it.each([
    ['10.0.0.1', ['http://10.0.0.1']],
    ['localhost:1338', ['http://localhost:1338']],
    ['[fd00:ec2::254]:80', ['http://[fd00:ec2::254]:80']],
    ['fd00:ec2::254', ['http://[fd00:ec2::254]']],
    ['http://127.0.0.1:1338/', ['http://127.0.0.1:1338']],
    ['one, two:81', ['http://one', 'http://two:81']],
    [
      'one,two:81,[fd00::1]:82,fd00::2,[fd00::3],http://six:83/',
      ['http://one', 'http://two:81', 'http://[fd00::1]:82', 'http://[fd00::2]', 'http://[fd00::3]', 'http://six:83'],
    ],
  ])('are read from %s [2.1]', (text, endpoints) => {
    expect(parseEndpoints(text)).toEqual(endpoints);
  });

  it.each(['', 'one,,two', 'one,', 'ftp://host', 'https://host', 'host:port', 'host:70000', '[fd00::1', 'a b'])(
    'that cannot be read are a usage error: "%s" [2.1]',
    (text) => {
      expect(() => parseEndpoints(text)).toThrow(/is no metadata endpoint/);
    },
  );

  it('are asked in turn, and the first that answers is kept [2.1]', async () => {
    await using instance = await startInstance();
    using imds = metadataAt('http://127.0.0.1:9', instance.cloud.imdsUrl());

    await noticeOf(imds);

    expect(imds.endpoint()).toBe(instance.cloud.imdsUrl());
  });

  it('are not asked in turn again once one has answered, neither those before it nor those behind it [2.1]', async () => {
    const before = await startCloud();
    const metadataPort = Number(new URL(before.imdsUrl()).port);
    await before.close();
    await using kept = await startCloud();
    await using behind = await startCloud();
    using imds = metadataAt(`http://127.0.0.1:${metadataPort}`, kept.imdsUrl(), behind.imdsUrl());
    await noticeOf(imds);
    await using late = await startCloud({ metadataPort });
    await kept.close();
    // A new token is asked for, as after a sleep.
    imds.renew();

    const error = await noticeOf(imds).catch((reason) => reason);

    expect(error.message).toContain(kept.imdsUrl());
    expect([...late.calls(), ...behind.calls()]).toEqual([]);
  });
});
