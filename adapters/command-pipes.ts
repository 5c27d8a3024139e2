/** What a process writes into: real pipes, where they can be had. */

import { execFile } from 'node:child_process';
import { close, constants, open } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { commandFile } from './command-files.ts';

/** A pipe between a process and us. */
interface Pipe {
  /** What the process gets for its standard output or error. */
  descriptor: number;
  stream: Readable;
  /** To be called once the process has it, or is not to get it: until then the stream does not end. */
  letGo(): Promise<void>;
}

export interface Pipes {
  stdout: Pipe;
  stderr: Pipe;
}

/** Making a pipe is one system call; a program that takes longer than this hangs. */
const PROGRAM_TIMEOUT_MS = 2_000;

/**
 * Two pipes; `undefined` where they cannot be made, and Node's own have to do.
 *
 * Node gives its children sockets, which nobody can open by name: `echo … >/dev/stderr` in somebody's script would fail with
 * ENXIO. It has no pipe(2) for us either, so that these are FIFOs without a name: made, opened, and removed again. To be dropped once Node can
 * give children pipes.
 *
 * @param dir where they are for that moment; whoever may only pass through it cannot find them.
 */
export async function openPipes(dir: string): Promise<Pipes | undefined> {
  const [stdout, stderr] = [commandFile(dir, 'stdout'), commandFile(dir, 'stderr')];
  try {
    // Writable for others, since a command may run as another user and open it anew.
    await promisify(execFile)('mkfifo', ['-m', '622', stdout, stderr], {
      timeout: PROGRAM_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      env: process.env,
    });
    return { stdout: await openPipe(stdout), stderr: await openPipe(stderr) };
  } catch {
    // A full disk, a read-only one, or no such program: no reason not to run the command.
    return undefined;
  } finally {
    await Promise.all([stdout, stderr].map((name) => rm(name, { force: true }).catch(() => {})));
  }
}

async function openPipe(name: string): Promise<Pipe> {
  // The reading end first: without a reader the other one would wait, or be refused. Bare descriptors, since the socket closes its own.
  const reading = await opened(name, constants.O_RDONLY | constants.O_NONBLOCK);
  const stream = new Socket({ fd: reading, readable: true, writable: false });
  try {
    const descriptor = await opened(name, constants.O_WRONLY);
    return { descriptor, stream, letGo: () => closed(descriptor) };
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

const opened = promisify(open) as (name: string, flags: number) => Promise<number>;
const closed = promisify(close);
