import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHostName } from '../adapters/hostname.ts';
import { AdapterError } from '../config/errors.ts';

let sysroot: string;
let file: string;
beforeEach(() => {
  sysroot = mkdtempSync(path.join(tmpdir(), 'hostname-'));
  file = path.join(sysroot, 'proc/sys/kernel/hostname');
});
afterEach(() => rmSync(sysroot, { recursive: true }));

/** Lays out the kernel's file as it would be with this name. */
function kernel(name: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${name}\n`);
}

/** A stand-in for hostnamectl that writes down what it was given. */
function standIn(name: string, exitCode: number): string {
  const program = path.join(sysroot, name);
  writeFileSync(program, `#!/bin/sh\necho "$@" >> ${sysroot}/${name}.args\nexit ${exitCode}\n`);
  chmodSync(program, 0o755);
  return program;
}

const argsOf = (name: string) => readFileSync(path.join(sysroot, `${name}.args`), 'utf8');

describe('the host name', () => {
  it('is written to the kernel [3.2]', async () => {
    kernel('old');

    await createHostName(sysroot).set('web-1.example.net');

    expect(readFileSync(file, 'utf8')).toBe('web-1.example.net');
  });

  it('is left alone when it is that already [3.2]', async () => {
    kernel('web-1');

    await createHostName(sysroot).set('web-1');

    expect(readFileSync(file, 'utf8')).toBe('web-1\n');
  });

  it.each([
    { name: 'x'.repeat(100), set: 'x'.repeat(64) },
    { name: `${'x'.repeat(63)}-${'y'.repeat(9)}`, set: 'x'.repeat(63) },
    { name: 'web.example.net.', set: 'web.example.net' },
    { name: ' web ', set: 'web' },
  ])('$name is set as $set, which the kernel takes [3.2]', async ({ name, set }) => {
    kernel('old');

    await createHostName(sysroot).set(name);

    expect(readFileSync(file, 'utf8')).toBe(set);
  });

  it.each(['', ' ', '-x', '--help', 'a b', 'a/b', 'a\nb', 'é', '.'])(
    '%j is none, and an error says what is [3.2]',
    async (name) => {
      kernel('old');

      const attempt = createHostName(sysroot).set(name);

      await expect(attempt).rejects.toThrow(AdapterError);
      await expect(attempt).rejects.toThrow(/Use letters, digits, "-" and "\." in set-hostname/);
      expect(readFileSync(file, 'utf8')).toBe('old\n');
    },
  );
});

describe("where the kernel's file cannot be written", () => {
  it('a program is asked, then the next one [3.2]', async () => {
    const programs = [[standIn('first', 1), '--transient'], [standIn('second', 0)], [standIn('third', 0)]];

    await createHostName(sysroot, programs).set('web-1');

    expect(argsOf('first')).toBe('--transient web-1\n');
    expect(argsOf('second')).toBe('web-1\n');
    expect(existsSync(path.join(sysroot, 'third.args'))).toBe(false);
  });

  it('and none helps, the error tells all refusals and what to do [3.2]', async () => {
    const attempt = createHostName(sysroot, [[standIn('first', 1)], ['/no/such/program']]).set('web-1');

    await expect(attempt).rejects.toThrow(AdapterError);
    await expect(attempt).rejects.toThrow(/^set host name web-1: .*ENOENT.*first.*\/no\/such\/program.*Run as root/s);
  });

  it('the real machine is not renamed in place of one that was laid out', async () => {
    const attempt = createHostName(sysroot).set('never-the-real-one');

    await expect(attempt).rejects.toThrow(/^set host name never-the-real-one: [^;]*ENOENT[^;]*$/);
  });
});
