/** Talking to the service manager: one datagram for each piece of news. Source: sd_notify(3). */

import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AdapterError, messageOf } from '../config/errors.ts';
import { cutToBytes } from './text.ts';

/** What the daemon tells systemd. Without a service manager all of it is silence. */
export interface ServiceManager {
  /**
   * Sends one message, for example `{ READY: '1', STATUS: '2 of 2 domains started' }`; messages leave in the order of the calls.
   * Resolves when it is sent or has failed; a failure is reported to `onProblem` and never thrown, since nobody may fail by it.
   */
  notify(fields: Record<string, string>): Promise<void>;
  /** True when somebody listens (`NOTIFY_SOCKET`). */
  readonly watched: boolean;
  /** Silence of this length gets us killed (`WatchdogSec=`); absent when nobody waits for `WATCHDOG=1` of this process. */
  readonly watchdogMs?: number;
}

export interface ServiceManagerOptions {
  /** Is told each message that could not be sent. */
  onProblem(error: AdapterError): void;
  /** False: always by the `systemd-notify` program, as on a Node without `node:ffi`. */
  direct?: boolean;
}

/** Sends one message to the socket; rejects when it was not taken. @param patient whether a full queue is worth waiting for. */
type Send = (message: string, awaited: boolean, patient: boolean) => Promise<void>;

/** @param environment `NOTIFY_SOCKET` (a path, or `@name` for an abstract one), `WATCHDOG_USEC`, `WATCHDOG_PID`; and `PATH`. */
export function createServiceManager(environment: NodeJS.ProcessEnv, options: ServiceManagerOptions): ServiceManager {
  const socket = environment.NOTIFY_SOCKET ?? '';
  const watchdogMs = watchdogOf(environment);
  let send: Send | undefined;
  let last = Promise.resolve();
  /** Once one was not taken, the next are not waited for, nor complained of, until one is: news of an hour ago helps nobody. */
  let isFailing = false;

  return {
    watched: socket !== '',
    ...(watchdogMs === undefined ? {} : { watchdogMs }),
    notify(fields) {
      if (socket === '') return last;
      last = last
        .then(() => deliver(fields))
        .then(
          () => {
            isFailing = false;
          },
          (error) => {
            if (!isFailing) options.onProblem(refusal(fields, error));
            isFailing = true;
          },
        );
      return last;
    },
  };

  async function deliver(fields: Record<string, string>): Promise<void> {
    send ??= (options.direct === false ? undefined : directly(socket)) ?? byProgram(environment);
    // The next message, or our end, must not overtake these two.
    const awaited = 'READY' in fields || 'STOPPING' in fields;
    await send(messageOfFields(fields), awaited, awaited || !isFailing);
  }

  function refusal(fields: Record<string, string>, cause: unknown): AdapterError {
    const remedy = `Check that NOTIFY_SOCKET=${socket} is the service manager's, and NotifyAccess=all.`;
    return new AdapterError(`notify ${Object.keys(fields).join(' ')}`, messageOf(cause), remedy, { cause });
  }
}

/** The `WATCHDOG_PID` tells whom it is meant for: a child that inherited the variables is not. Source: sd_watchdog_enabled(3). */
function watchdogOf({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const forUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  const microseconds = Number(WATCHDOG_USEC ?? 0);
  return forUs && microseconds > 0 ? microseconds / 1000 : undefined;
}

/** systemd ignores a message above 4096 bytes as a whole; with this much for each value, a few fit. Source: systemd, `NOTIFY_BUFFER_MAX`. */
const LONGEST_VALUE_BYTES = 1_500;

/** A line break in a value would begin the next field. */
function messageOfFields(fields: Record<string, string>): string {
  const lines = Object.entries(fields).map(
    ([name, value]) => `${name}=${cutToBytes(value.replace(/\p{Cc}+/gu, ' '), LONGEST_VALUE_BYTES, '…')}`,
  );
  return lines.join('\n');
}

// From <sys/socket.h> and <fcntl.h> of Linux, the same on x86-64 and arm64.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** Pauses between attempts, for the moment in which systemd's queue is full; waiting in the kernel would stop the whole daemon. */
const ATTEMPT_PAUSES_MS = [5, 20, 100, 400];

/**
 * Through the C library, in microseconds; `undefined` where Node has no `node:ffi` (before 26) or cannot reach such an address.
 * To be dropped with {@link byProgram} once Node sends Unix datagrams itself.
 */
function directly(socket: string): Send | undefined {
  const address = addressOf(socket);
  if (address === undefined) return undefined;
  const library = cLibrary();
  if (library === undefined) return undefined;
  const descriptor = library.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return undefined;

  return async (message, _, patient) => {
    const data = Buffer.from(message);
    for (const pauseMs of patient ? [...ATTEMPT_PAUSES_MS, undefined] : [undefined]) {
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      const sent = library.sendto(descriptor, data, BigInt(data.length), flags, address, address.length);
      if (sent >= 0n) return;
      if (pauseMs !== undefined) await pause(pauseMs);
    }
    throw new Error('the socket does not take the message');
  };
}

/** `struct sockaddr_un`: the family, then a path, or a NUL and the name of an abstract socket. Other kinds (`vsock:`): `undefined`. */
function addressOf(socket: string): Buffer | undefined {
  const longest = 107;
  if (!/^[/@]/.test(socket) || Buffer.byteLength(socket) > longest) return undefined;
  return Buffer.concat([Buffer.from(Uint16Array.of(AF_UNIX).buffer), Buffer.from(socket.replace(/^@/, '\0'))]);
}

function cLibrary() {
  try {
    // Named as a string and asked for late: an import would fail on Node 24, and warn at every `--version`.
    const ffi = process.getBuiltinModule('node:ffi');
    return ffi.dlopen(null, {
      socket: { return: 'int32', arguments: ['int32', 'int32', 'int32'] },
      sendto: { return: 'int64', arguments: ['int32', 'buffer', 'uint64', 'int32', 'buffer', 'uint32'] },
    }).functions;
  } catch {
    return undefined;
  }
}

/** systemd-notify waits at most 5 s for the manager to have read the message; later it hangs. */
const PROGRAM_TIMEOUT_MS = 10_000;

/**
 * By `systemd-notify`, some 10 ms each. `--no-block` except where the order matters beyond our own life: without it the program waits
 * until the manager has read the message, so that its own end is not seen first. Source: systemd-notify(1).
 */
function byProgram(environment: NodeJS.ProcessEnv): Send {
  const run = promisify(execFile);
  return async (message, awaited) => {
    const fields = message.split('\n');
    const options = { env: environment, timeout: PROGRAM_TIMEOUT_MS };
    await run('systemd-notify', awaited ? fields : ['--no-block', ...fields], options);
  };
}
