import { gzipSync } from 'node:zlib';
import { type Cloud, startCloud } from '../simulator/server.ts';

const mime = [
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="=="',
  '',
  '--==',
  'Content-Type: text/x-shellscript; charset="us-ascii"',
  '',
  '#!/bin/sh',
  '--==',
  'Content-Type: application/json',
  '',
  '{"domains":{}}',
  '--==--',
  '',
].join('\r\n');

describe('user data in the simulated instance metadata [13.1]', () => {
  it.each([
    { of: 'MIME with its line ends', bytes: Buffer.from(mime) },
    { of: 'MIME that is zipped', bytes: gzipSync(mime) },
    { of: 'base64 that somebody encoded once too often', bytes: Buffer.from(Buffer.from('{}').toString('base64')) },
    { of: 'every byte there is', bytes: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) },
    { of: 'blanks and line ends around it', bytes: Buffer.from('\n {} \n\n') },
    { of: 'a byte order mark', bytes: Buffer.from('\ufeff{}') },
    { of: '16 KiB', bytes: Buffer.alloc(16_384, 1) },
  ])('is given back byte for byte: $of', async ({ bytes }) => {
    await using cloud = await startCloud({ instances: [{ userData: bytes }] });

    const { status, type, body } = await userData(cloud);

    expect(status).toBe(200);
    expect(type).toBe('application/octet-stream');
    expect(body.equals(bytes)).toBe(true);
  });

  it('is refused when it has more than 16 KiB, unencoded', async () => {
    const userData = Buffer.alloc(16_385);
    await using cloud = await startCloud();

    const problem = 'the user data has 16385 bytes; EC2 takes up to 16384';
    expect(() => cloud.changeInstance({ userData })).toThrow(problem);
    await expect(startCloud({ instances: [{ userData }] })).rejects.toThrow(problem);
    await expect(cloud.launch({ userData })).rejects.toThrow(problem);
  });

  it('is not there when there is none, and when it is taken away', async () => {
    await using cloud = await startCloud();
    const before = await userData(cloud);
    cloud.changeInstance({ userData: '{}' });
    const there = await userData(cloud);

    cloud.changeInstance({ userData: undefined });

    expect([before.status, there.status, (await userData(cloud)).status]).toEqual([404, 200, 404]);
  });

  it('can be set by a person as text or as base64 of whatever bytes, and be taken away', async () => {
    await using cloud = await startCloud();
    const zipped = gzipSync('{}');
    const given = async (value: unknown) => {
      await patch(cloud, { userData: value });
      const { status, body } = await userData(cloud);
      return status === 200 ? body : status;
    };

    expect(await given('{"a":1}')).toEqual(Buffer.from('{"a":1}'));
    expect(await given({ base64: zipped.toString('base64') })).toEqual(zipped);
    expect(await given(null)).toBe(404);
  });

  it.each([
    { value: 1, problem: '"userData" cannot be 1' },
    { value: { gzip: '' }, problem: '"userData" cannot be' },
    { value: 'x'.repeat(16_385), problem: '"userData" has up to 16384 bytes, not 16385' },
  ])('is refused from a person with a sentence: $problem', async ({ value, problem }) => {
    await using cloud = await startCloud();

    const reply = await patch(cloud, { userData: value });

    expect(reply.status).toBe(400);
    expect(await reply.json()).toEqual({ problem: expect.stringContaining(problem) });
  });
});

async function userData(cloud: Cloud): Promise<{ status: number; type: string | null; body: Buffer }> {
  const token = await fetch(`${cloud.imdsUrl()}/latest/api/token`, {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
  });
  const headers = { 'x-aws-ec2-metadata-token': await token.text() };
  const reply = await fetch(`${cloud.imdsUrl()}/latest/user-data`, { headers });
  const body = Buffer.from(await reply.arrayBuffer());
  return { status: reply.status, type: reply.headers.get('content-type'), body };
}

function patch(cloud: Cloud, body: object): Promise<Response> {
  return fetch(`${cloud.url}/_control/instance`, { method: 'PATCH', body: JSON.stringify(body) });
}
