import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { startCloud } from '../simulator/server.ts';

const MAIN = path.join(__dirname, '../cli/main.ts');

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

describe('ec2fleetd simulate [13.1]', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'prints the variables to export, runs until %s, and ends with 0',
    async (signal) => {
      const { variables, process: running } = await simulate();

      const state = await fetch(`${variables.AWS_ENDPOINT_URL}/_control/state`);
      const token = await fetch(`${variables.AWS_EC2_METADATA_SERVICE_ENDPOINT}/latest/api/token`, { method: 'PUT' });
      const hasDisks = existsSync(path.join(variables.EC2FLEETD_SYSROOT ?? '', 'sys/block/nvme0n1'));
      running.kill(signal);
      const [status] = await once(running, 'exit');

      expect(state.status).toBe(200);
      expect(token.status).toBe(400);
      expect(variables).toMatchObject({ AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'eu-west-1' });
      expect(hasDisks).toBe(true);
      expect(status).toBe(0);
      expect(existsSync(variables.EC2FLEETD_SYSROOT ?? '')).toBe(false);
    },
  );

  it('says in one sentence that a port is taken, and fails', async () => {
    await using other = await startCloud();
    const { port } = new URL(other.url);

    child = spawn(process.execPath, [MAIN, 'simulate', '--port', port], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [said, [status]] = await Promise.all([text(child.stderr as NodeJS.ReadableStream), once(child, 'exit')]);

    expect(said).toBe(
      `ec2fleetd: port ${port} cannot be used (EADDRINUSE). Choose another one, or none for a free one.\n`,
    );
    expect(status).toBe(1);
  });
});

async function simulate(): Promise<{ variables: Partial<Record<string, string>>; process: ChildProcess }> {
  const running = spawn(process.execPath, [MAIN, 'simulate'], { stdio: ['ignore', 'pipe', 'ignore'] });
  child = running;
  let printed = '';
  for await (const chunk of running.stdout as NodeJS.ReadableStream) {
    printed += String(chunk);
    if (printed.includes('EC2FLEETD_SYSROOT=') && printed.endsWith('\n')) break;
  }
  const lines = [...printed.matchAll(/^export (\w+)=(.+)$/gm)];
  return { variables: Object.fromEntries(lines.map(([, name, value]) => [name, value])), process: running };
}
