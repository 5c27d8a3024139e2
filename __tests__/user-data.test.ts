import { gzipSync } from 'node:zlib';
import { ConfigError, problemLine } from '../config/errors.ts';
import { loadConfig } from '../config/load.ts';
import { decodeUserData } from '../config/user-data.ts';

const config = '{ "domains": { "zürich": {} } } // ☃\n';

describe('user data', () => {
  it.each<[string, string | Uint8Array]>([
    ['as it is', config],
    ['with a byte order mark', `\uFEFF${config}`],
    ['gzipped', gzipSync(config)],
    ['in base64', base64(config)],
    ['in base64 with line ends', base64(config).replace(/(.{20})/g, '$1\r\n')],
    ['in base64 without padding', base64(config).replace(/=+$/, '')],
    ['gzipped, in base64', base64(gzipSync(config))],
    ['in base64, gzipped', gzipSync(base64(config))],
  ])('%s [3.1]', async (_, data) => {
    expect(await decode(data)).toBe(config);
  });

  it('in base64 with the letters of URLs [3.1]', async () => {
    const text = '{} // ???>>>~~~';
    const data = Buffer.from(text).toString('base64url');

    expect(data).toMatch(/[-_]/);
    expect(await decode(data)).toBe(text);
  });

  it.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['blanks', ' \r\n'],
    ['nothing, gzipped', gzipSync('')],
    ['a multipart without a part for us', multipart(part('text/cloud-config', '#cloud-config\n'))],
    ['a multipart with an empty part for us', multipart(part('text/x-ec2fleetd-config', ''))],
    [
      'a MIME message of one part that is not ours',
      'MIME-Version: 1.0\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n',
    ],
  ])('%s counts as empty [2.3, 3.1]', async (_, data) => {
    expect(await decode(data)).toBe('');
  });

  it.each(['true', 'abcd', 'AAAA'])('%s is not taken for base64', async (text) => {
    expect(await decode(text)).toBe(text);
  });

  it.each([
    ['#!', '#!/bin/sh\necho'],
    ['#!', `\uFEFF\n#!/bin/sh\n`],
    ['#cloud-config', '#cloud-config\npackages: []\n'],
    ['#include', '#include\nhttps://example.com\n'],
    ['#cloud-boothook', '#cloud-boothook\n#!/bin/sh\n'],
    ['## template:', '## template: jinja\n#cloud-config\n'],
    ['#!', base64('#!/bin/sh\necho hello\n')],
    ['#cloud-config', gzipSync('#cloud-config\n')],
  ])('for cloud-init (%s) says how to have both [3.1]', async (begin, data) => {
    const problem = await problemOf(data);

    expect(problem).toContain(
      `f:1:1: this is for cloud-init (it begins with "${begin}"), not a configuration of ec2fleetd.`,
    );
    expect(problem).toContain('Content-Type: multipart/mixed; boundary="part"');
    expect(problem).toContain('Content-Type: text/x-ec2fleetd-config');
    expect(problem).toContain('/etc/ec2fleetd/NAME.jsonc');
  });

  it('the example of how to have both does what it says [3.1]', async () => {
    const problem = (await problemOf('#cloud-config\n')) ?? '';
    const example = problem.slice(problem.indexOf('Content-Type'), problem.indexOf('--part--') + 8);

    const text = await decode(example.replaceAll('\n    ', '\n').replace('{ … }', '{ "web": {} }'));

    expect(Object.keys(loadConfig(text, 'f', { strict: true }).config?.domains ?? {})).toEqual(['web']);
  });

  it.each<[string, string | Uint8Array, string]>([
    ['is UTF-16', Buffer.from('\uFEFF{}', 'utf16le'), 'f:1:1: is UTF-16, not UTF-8. Save it as UTF-8.'],
    [
      'is Latin-1',
      Buffer.from('{\n "hostname": "é"}', 'latin1'),
      'f:2:15: has a byte here that is not UTF-8. Save it as UTF-8.',
    ],
    [
      'is a broken gzip',
      gzipSync(config).subarray(0, 20),
      'f:1:1: begins like gzip, but does not unpack (unexpected end of file). Pack it again.',
    ],
    [
      'unpacks without end',
      gzipSync(Buffer.alloc(50_000_000)),
      'f:1:1: unpacks to more than 4 MiB, which no configuration has.',
    ],
    [
      'is packed into itself',
      [1, 2, 3, 4, 5, 6, 7].reduce<Uint8Array>((data) => gzipSync(data), Buffer.from(config)),
      'f:1:1: this is packed into itself too many times.',
    ],
    [
      'has two parts for us',
      multipart(part('text/x-ec2fleetd-config', '{}'), part('text/x-ec2fleetd-config', '{}')),
      'f:1:1: has two parts of type text/x-ec2fleetd-config. Put them into one.',
    ],
    [
      'is a multipart without boundary',
      multipart(part('text/x-ec2fleetd-config', '{}')).replace('; boundary="OUTER"', ''),
      'f:1:1: is a MIME multipart without boundary. Begin it with Content-Type: multipart/mixed; boundary="part".',
    ],
    [
      'is a multipart with another boundary than it says',
      multipart(part('text/x-ec2fleetd-config', '{}')).replace('"OUTER"', 'outer'),
      'f:1:1: is a MIME multipart without parts: no line is --outer, which is to stand above each part.',
    ],
    [
      'is nested without end',
      nested(40),
      'f:1:1: is a MIME message that cannot be read (Maximum MIME nesting depth of 16 levels exceeded).',
    ],
  ])('that %s is told in a sentence [3.1]', async (_, data, problem) => {
    expect(await problemOf(data)).toBe(problem);
  });
});

describe('a MIME multipart', () => {
  it.each([
    ['text/x-ec2fleetd-config', ''],
    ['application/vnd.ec2fleetd+jsonc', ''],
    ['Text/X-EC2fleetd-Config; charset="utf-8"', 'Content-Disposition: attachment; filename="ec2fleetd.jsonc"\r\n'],
    ['text/x-ec2fleetd-config; charset="us-ascii"', 'Content-Transfer-Encoding: 8bit\r\n'],
  ])('is searched for a part of type %s [3.1]', async (type, headers) => {
    const message = multipart(part('text/cloud-config', '#cloud-config\n'), part(type, config, headers));

    expect((await decode(message)).trim()).toBe(config.trim());
    expect((await decode(message.replaceAll('\r\n', '\n'))).trim()).toBe(config.trim());
    expect((await decode(gzipSync(message))).trim()).toBe(config.trim());
  });

  it.each([
    ['base64', base64(config)],
    ['base64', base64(gzipSync(config))],
    ['quoted-printable', '{ "domains": { "z=C3=BCrich": {} } } // =E2=98=\r\n=83\r\n'],
  ])('is read in any transfer encoding: %s [3.1]', async (encoding, body) => {
    const message = multipart(part('text/x-ec2fleetd-config', body, `Content-Transfer-Encoding: ${encoding}\r\n`));

    expect((await decode(message)).trim()).toBe(config.trim());
  });

  it.each(['multipart/mixed;\r\n boundary=OUTER', 'multipart/related; type="a"; BOUNDARY = "OUTER"; x=y'])(
    'may say its boundary in other ways: %j [3.1]',
    async (type) => {
      const message = multipart(part('text/x-ec2fleetd-config', config));

      expect((await decode(message.replace(/multipart\/mixed.*(?=\r\n)/, type))).trim()).toBe(config.trim());
    },
  );

  it('is opened when it is inside another one [3.1]', async () => {
    const inner = multipart(part('text/x-ec2fleetd-config', config)).replaceAll('OUTER', 'INNER');
    const [, headers = '', body = ''] = /^(.*?)\r\n\r\n(.*)$/s.exec(inner) ?? [];
    const type = /multipart.*/.exec(headers)?.[0] ?? '';

    expect((await decode(multipart(part(type, body)))).trim()).toBe(config.trim());
  });

  it('keeps the line numbers of its parts [3.1]', async () => {
    const message = multipart(
      part('text/cloud-config', '#cloud-config\n'),
      part('text/x-ec2fleetd-config', '{\n  "timeout": "10m"\n}\n'),
    );
    const line = message.split('\r\n').findIndex((text) => text.includes('timeout')) + 1;

    const text = await decode(message.replaceAll('\r\n', '\n'));

    expect(() => loadConfig(text, 'f', { strict: false })).toThrow(
      `f:${line}:14 timeout: expected a number of seconds`,
    );
  });
});

function decode(data: string | Uint8Array): Promise<string> {
  return decodeUserData(typeof data === 'string' ? Buffer.from(data) : data, 'f');
}

async function problemOf(data: string | Uint8Array): Promise<string | undefined> {
  try {
    await decode(data);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(problemLine).join('\n');
    throw error;
  }
}

function base64(data: string | Uint8Array): string {
  return Buffer.from(data).toString('base64');
}

function part(type: string, body: string, headers = ''): string {
  return `Content-Type: ${type}\r\n${headers}\r\n${body.replaceAll(/\r?\n/g, '\r\n')}\r\n`;
}

function multipart(...parts: string[]): string {
  const head = 'Content-Type: multipart/mixed; boundary="OUTER"\r\nMIME-Version: 1.0\r\n\r\n';
  return `${head}${parts.map((one) => `--OUTER\r\n${one}`).join('')}--OUTER--\r\n`;
}

function nested(depth: number): string {
  const levels = Array.from(
    { length: depth },
    (_, level) => `Content-Type: multipart/mixed; boundary="b${level}"\r\n\r\n--b${level}\r\n`,
  );
  return `${levels.join('')}Content-Type: text/plain\r\n\r\nx\r\n`;
}
