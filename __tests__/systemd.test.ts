import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createServiceManager } from '../adapters/systemd.ts';
import type { AdapterError } from '../config/errors.ts';
import { canListen, listen } from './helpers/notify-socket.ts';

// Node sends and receives no Unix datagrams itself: without node:ffi (before 26) nobody can listen here.
const withFfi = canListen ? describe : describe.skip;
const hasProgram = spawnSync('systemd-notify', ['--version']).status === 0;
const withProgram = canListen && hasProgram ? it : it.skip;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'notify-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A service manager that keeps the problems it reports. */
function serviceManager(environment: NodeJS.ProcessEnv, direct = true) {
  const problems: AdapterError[] = [];
  const manager = createServiceManager(environment, { direct, onProblem: (problem) => problems.push(problem) });
  return { manager, problems };
}

withFfi('a message (skipped on a Node without node:ffi)', () => {
  it.each(['path', 'abstract'])('reaches the socket: %s [11.1]', async (kind) => {
    const socket = kind === 'path' ? path.join(folder, 'notify') : `@ec2fleetd-test-${process.pid}`;
    using systemd = listen(socket);
    const { manager, problems } = serviceManager({ NOTIFY_SOCKET: socket });

    await manager.notify({ READY: '1', STATUS: '2 of 2 domains started' });

    expect(systemd.messages()).toEqual(['READY=1\nSTATUS=2 of 2 domains started']);
    expect(problems).toEqual([]);
  });

  it('leaves in the order of the calls, though nobody waits between them [11.2]', async () => {
    const socket = path.join(folder, 'notify');
    using systemd = listen(socket);
    const { manager } = serviceManager({ NOTIFY_SOCKET: socket });

    const calls = ['a', 'b', 'c', 'd', 'e'].map((status) => manager.notify({ STATUS: status }));
    await Promise.all(calls);

    expect(systemd.messages()).toEqual(['STATUS=a', 'STATUS=b', 'STATUS=c', 'STATUS=d', 'STATUS=e']);
  });

  it('cannot be given a further field by a line break in a status [11.2]', async () => {
    const socket = path.join(folder, 'notify');
    using systemd = listen(socket);
    const { manager } = serviceManager({ NOTIFY_SOCKET: socket });

    await manager.notify({ STATUS: 'waiting\nSTOPPING=1\r\n…' });

    expect(systemd.messages()).toEqual(['STATUS=waiting STOPPING=1 …']);
  });

  it('is kept below 4096 bytes, above which systemd ignores it [11.2]', async () => {
    const socket = path.join(folder, 'notify');
    using systemd = listen(socket);
    const { manager } = serviceManager({ NOTIFY_SOCKET: socket });

    await manager.notify({ READY: '1', STATUS: 'é'.repeat(10_000) });

    const [message = ''] = systemd.messages();
    expect(Buffer.byteLength(message)).toBeLessThan(4_096);
    expect(message).toMatch(/^READY=1\nSTATUS=é+…$/);
  });

  it('waits for a moment when the queue is full, without stopping the daemon, and keeps its order [11.2]', async () => {
    const socket = path.join(folder, 'notify');
    using systemd = listen(socket);
    const { manager, problems } = serviceManager({ NOTIFY_SOCKET: socket });
    const received: string[] = [];
    const reading = setInterval(() => received.push(...systemd.messages()), 5);

    await Promise.all(Array.from({ length: 3_000 }, (_, count) => manager.notify({ STATUS: `${count}` })));

    clearInterval(reading);
    received.push(...systemd.messages());
    expect(problems).toEqual([]);
    expect(received).toEqual(Array.from({ length: 3_000 }, (_, count) => `STATUS=${count}`));
  });
});

describe('a message that cannot be sent', () => {
  it.each([{ direct: true }, { direct: false }])(
    'is reported, once as long as nobody listens, and harms nobody ($direct) [11.2]',
    async ({ direct }) => {
      const environment = { NOTIFY_SOCKET: path.join(folder, 'nobody'), PATH: direct ? process.env.PATH : '/nowhere' };
      const { manager, problems } = serviceManager(environment, direct);

      for (let message = 0; message < 5; message += 1) await manager.notify({ STATUS: 'lost' });
      await manager.notify({ STOPPING: '1' });

      expect(problems).toHaveLength(1);
      expect(problems[0]?.message).toMatch(
        /^notify STATUS: .*Check that NOTIFY_SOCKET=.*nobody is the service manager's/,
      );
    },
  );
});

describe('without a service manager', () => {
  it('nothing is sent, and nothing is wrong [11.1]', async () => {
    const { manager, problems } = serviceManager({});

    await manager.notify({ READY: '1' });

    expect(manager.watched).toBe(false);
    expect(problems).toEqual([]);
  });
});

describe('the watchdog', () => {
  it.each([
    { environment: { WATCHDOG_USEC: '100000000' }, watchdogMs: 100_000 },
    { environment: { WATCHDOG_USEC: '100000000', WATCHDOG_PID: `${process.pid}` }, watchdogMs: 100_000 },
    { environment: { WATCHDOG_USEC: '100000000', WATCHDOG_PID: '1' }, watchdogMs: undefined },
    { environment: { WATCHDOG_USEC: '0' }, watchdogMs: undefined },
    { environment: { WATCHDOG_USEC: 'x' }, watchdogMs: undefined },
    { environment: {}, watchdogMs: undefined },
  ])('with $environment waits for $watchdogMs ms [11.2]', ({ environment, watchdogMs }) => {
    expect(serviceManager({ NOTIFY_SOCKET: '/x', ...environment }).manager.watchdogMs).toBe(watchdogMs);
  });
});

describe('by the systemd-notify program, where Node has no node:ffi', () => {
  /** A stand-in that writes down its arguments, and for whom they were. */
  function standIn(): { PATH: string; calls: () => string[] } {
    const program = path.join(folder, 'systemd-notify');
    writeFileSync(
      program,
      `#!/bin/sh\nprintf '%s|' "$NOTIFY_SOCKET" "$@" >> ${folder}/calls\necho >> ${folder}/calls\n`,
    );
    chmodSync(program, 0o755);
    return { PATH: folder, calls: () => readFileSync(path.join(folder, 'calls'), 'utf8').trim().split('\n') };
  }

  it('each message is one call, in order; READY and the last one are waited for [11.1, 11.3]', async () => {
    const { PATH, calls } = standIn();
    const { manager, problems } = serviceManager({ NOTIFY_SOCKET: '/run/x', PATH }, false);

    void manager.notify({ STATUS: 'attaching $HOME' });
    void manager.notify({ READY: '1', STATUS: 'up' });
    void manager.notify({ WATCHDOG: '1' });
    await manager.notify({ STOPPING: '1' });

    expect(problems).toEqual([]);
    expect(calls()).toEqual([
      '/run/x|--no-block|STATUS=attaching $HOME|',
      '/run/x|READY=1|STATUS=up|',
      '/run/x|--no-block|WATCHDOG=1|',
      '/run/x|STOPPING=1|',
    ]);
  });

  it('is what is used for an address that no Unix socket has [11.1]', async () => {
    const { PATH, calls } = standIn();
    const { manager } = serviceManager({ NOTIFY_SOCKET: 'vsock:2:1234', PATH });

    await manager.notify({ READY: '1' });

    expect(calls()).toEqual(['vsock:2:1234|READY=1|']);
  });

  withProgram('the real program delivers (skipped where it is not installed) [11.1]', async () => {
    const socket = path.join(folder, 'notify');
    using systemd = listen(socket);
    const { manager, problems } = serviceManager({ NOTIFY_SOCKET: socket, PATH: process.env.PATH }, false);

    await manager.notify({ STATUS: 'waiting for vol-1; held by i-1' });

    expect(problems).toEqual([]);
    expect(systemd.messages()).toEqual(['STATUS=waiting for vol-1; held by i-1']);
  });
});
