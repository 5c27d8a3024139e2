import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Cloud, type InstanceSetup, startCloud } from '../simulator/server.ts';

const VOLUME = 'vol-00000000000000001';
const ME = 'i-0123456789abcde00';
const BOOT_ID = 'proc/sys/kernel/random/boot_id';

let cloud: Cloud;
let sysroot: string;
beforeEach(() => {
  sysroot = mkdtempSync(path.join(os.tmpdir(), 'simulator-test-'));
});
afterEach(async () => {
  await cloud.close();
  rmSync(sysroot, { recursive: true });
});

describe('the machine of a simulated instance [13.1]', () => {
  it('says which boot this is, that it has been up for long, and that nothing is mounted', async () => {
    await start();

    expect(read(BOOT_ID)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$/);
    expect(read('proc/uptime')).toBe('100000.00 0.00\n');
    expect(read('proc/self/mountinfo')).toBe('');
  });

  it.each([BOOT_ID, 'proc/uptime', 'proc/self/mountinfo'])('keeps %s where somebody has laid it out', async (file) => {
    mkdirSync(path.dirname(path.join(sysroot, file)), { recursive: true });
    writeFileSync(path.join(sysroot, file), 'mine\n');

    await start();

    expect(read(file)).toBe('mine\n');
  });

  it('is the same boot for the next cloud that has it', async () => {
    await start();
    const before = read(BOOT_ID);
    await cloud.close();

    await start();

    expect(read(BOOT_ID)).toBe(before);
  });

  it('has been up for as long as it is told, at the start and later', async () => {
    await start({ uptimeS: 12.5 });
    const first = read('proc/uptime');

    cloud.changeInstance({ uptimeS: 200 });
    const second = read('proc/uptime');
    await fetch(`${cloud.url}/_control/instance`, { method: 'PATCH', body: '{"uptimeS":3600}' });

    expect([first, second, read('proc/uptime')]).toEqual(['12.50 0.00\n', '200.00 0.00\n', '3600.00 0.00\n']);
  });

  it('after a reboot is another boot, just up, and has what was attached', async () => {
    await start();
    const before = read(BOOT_ID);

    cloud.reboot();

    expect(read(BOOT_ID)).toMatch(/^[0-9a-f-]{36}\n$/);
    expect(read(BOOT_ID)).not.toBe(before);
    expect(read('proc/uptime')).toBe('10.00 0.00\n');
    expect(cloud.volume(VOLUME)?.attachments).toMatchObject([{ instanceId: ME, status: 'attached' }]);
    expect(readdirSync(path.join(sysroot, 'sys/block'))).toEqual(['nvme0n1', 'nvme1n1']);
    expect(readdirSync(path.join(sysroot, 'dev'))).toEqual(['nvme0n1', 'nvme1n1']);
  });

  it('loses in a reboot what lives only until then: /run, mounts, the transient host name', async () => {
    await start();
    mkdirSync(path.join(sysroot, 'run/ec2fleetd'));
    writeFileSync(path.join(sysroot, 'run/ec2fleetd/web.started'), '');
    writeFileSync(path.join(sysroot, 'proc/self/mountinfo'), '36 35 259:1 / /data rw - ext4 /dev/nvme1n1 rw\n');
    writeFileSync(path.join(sysroot, 'proc/sys/kernel/hostname'), 'world-00\n');

    cloud.reboot();

    expect(readdirSync(path.join(sysroot, 'run'))).toEqual([]);
    expect(read('proc/self/mountinfo')).toBe('');
    expect(read('proc/sys/kernel/hostname')).toBe('localhost\n');
  });

  it('reboots alone, at the control endpoint too', async () => {
    const other = path.join(sysroot, 'other');
    cloud = await startCloud({
      instances: [{ sysroot: path.join(sysroot, 'first') }, { id: 'i-0aaaaaaaaaaaaaaaa', sysroot: other }],
    });
    const before = [read(`first/${BOOT_ID}`), read(`other/${BOOT_ID}`)];

    const { status } = await fetch(`${cloud.url}/_control/reboot?instanceId=i-0aaaaaaaaaaaaaaaa`, { method: 'POST' });

    expect(status).toBe(200);
    expect(read(`first/${BOOT_ID}`)).toBe(before[0]);
    expect(read(`other/${BOOT_ID}`)).not.toBe(before[1]);
  });

  it('is nowhere where no directory is given for it, and can be rebooted all the same', async () => {
    cloud = await startCloud();

    cloud.reboot();

    expect(cloud.instance()).toMatchObject({ uptimeS: 10 });
    expect(existsSync(path.join(sysroot, 'proc'))).toBe(false);
  });
});

async function start(setup: InstanceSetup = {}): Promise<void> {
  cloud = await startCloud({
    instances: [{ sysroot, ...setup }],
    volumes: [{ id: VOLUME, attachedTo: { instanceId: ME, device: '/dev/sdf' } }],
  });
}

function read(file: string): string {
  return readFileSync(path.join(sysroot, file), 'utf8');
}
