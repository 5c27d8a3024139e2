import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Claims, createClaims, sentenceOfUse } from '../actors/claims.ts';
import { createLocks, type Locks } from '../adapters/locks.ts';

const world = { domain: 'mc', device: '/dev/sdf' };
const backup = { domain: 'mc', device: '/dev/sdg' };
const web = { domain: 'web', device: '/dev/sdh' };
const NEIGHBOUR = `ec2fleetd@web.service (pid ${process.pid})`;

let folder: string;
/** Everything that was locked, by whom: released at the end, since this process goes on. */
let taken: Array<() => Promise<void>>;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'claims-'));
  taken = [];
});
afterEach(async () => {
  for (const release of taken) await release();
  rmSync(folder, { recursive: true });
});

/** The claims of a daemon, whose locks are those of this unit. */
function daemon(unit = 'ec2fleetd.service'): Claims {
  const locks = createLocks(path.join(folder, 'lock'), unit);
  const remembering: Locks = {
    take(name) {
      taken.push(() => locks.release(name));
      return locks.take(name);
    },
    release: locks.release,
  };
  return createClaims(remembering);
}

describe('a claim', () => {
  it('keeps a volume from every other entry of the daemon, whichever domain it is of [6.3]', async () => {
    const claims = daemon();

    expect(await claims.take('vol-1', world)).toBe('taken');
    expect(await claims.take('vol-1', backup)).toEqual({ what: 'vol-1', by: '/dev/sdf of mc' });
    expect(await claims.take('vol-1', web)).toEqual({ what: 'vol-1', by: '/dev/sdf of mc' });
  });

  it('goes to one only of all that ask at the same moment [6.3]', async () => {
    const claims = daemon();
    const entries = Array.from({ length: 20 }, (_, index) => ({ domain: `d${index}`, device: `/dev/xvdb${index}` }));

    const answers = await Promise.all(entries.map((entry) => claims.take('vol-1', entry)));

    expect(answers.filter((answer) => answer === 'taken')).toHaveLength(1);
  });

  it('is the entry’s own however often it asks, and by whichever name of its device [6.2, 6.3]', async () => {
    const claims = daemon();

    expect(await claims.take('vol-1', world)).toBe('taken');
    expect(await claims.take('vol-1', { domain: 'mc', device: 'xvdf' })).toBe('taken');
    await claims.release('vol-1', { domain: 'mc', device: '/dev/xvdf' });
    expect(await claims.take('vol-1', backup)).toBe('taken');
  });

  it('on another volume lets the one before go [6.3]', async () => {
    const claims = daemon();
    await claims.take('vol-1', world);

    await claims.take('vol-2', world);

    expect(await claims.take('vol-1', backup)).toBe('taken');
    expect(await claims.take('vol-2', web)).toEqual({ what: 'vol-2', by: '/dev/sdf of mc' });
  });

  it('is released by nobody but its entry [6.3]', async () => {
    const claims = daemon();
    await claims.take('vol-1', world);

    await claims.release('vol-1', backup);
    await claims.release('vol-1', web);
    await claims.release('vol-9', world);

    expect(await claims.take('vol-1', web)).not.toBe('taken');
  });
});

describe('claims of two daemons on one instance', () => {
  it('keep a volume from the other one, and name its unit [6.3]', async () => {
    await daemon('ec2fleetd@web.service').take('vol-1', web);

    expect(await daemon().take('vol-1', world)).toEqual({ what: 'vol-1', by: NEIGHBOUR });
  });

  it('keep a device from the other one, by whichever of its names [6.2, 6.3]', async () => {
    await daemon('ec2fleetd@web.service').take('vol-1', { domain: 'web', device: '/dev/xvdf' });

    expect(await daemon().take('vol-2', world)).toEqual({ what: '/dev/sdf', by: NEIGHBOUR });
  });

  it('keep a device from the other one before there is a volume for it, by whichever of its names [6.2, 6.3]', async () => {
    const neighbour = daemon('ec2fleetd@web.service');
    expect(await neighbour.takeDevice({ domain: 'web', device: '/dev/xvdf' })).toBe('taken');

    expect(await daemon().takeDevice(world)).toEqual({ what: '/dev/sdf', by: NEIGHBOUR });
    expect(await daemon().take('vol-1', world)).toEqual({ what: '/dev/sdf', by: NEIGHBOUR });
    expect(await neighbour.take('vol-1', { domain: 'web', device: '/dev/sdf' })).toBe('taken');
  });

  it('give a device that was taken without a volume back with the volume that came [6.3]', async () => {
    const neighbour = daemon('ec2fleetd@web.service');
    await neighbour.takeDevice(world);
    await neighbour.take('vol-1', world);

    await neighbour.release('vol-1', world);

    expect(await daemon().takeDevice(world)).toBe('taken');
  });

  it('know a device that has no such letters by its own name [6.3]', async () => {
    await daemon('ec2fleetd@web.service').take('vol-1', { domain: 'web', device: '/tmp/disk' });

    expect(await daemon().take('vol-2', { domain: 'mc', device: '/tmp/disk' })).toEqual({
      what: '/tmp/disk',
      by: NEIGHBOUR,
    });
    expect(await daemon().take('vol-3', { domain: 'mc', device: '/tmp/other' })).toBe('taken');
  });

  it('on a volume that the other one has leave this one’s device free, and the other way round [6.3]', async () => {
    const neighbour = daemon('ec2fleetd@web.service');
    await neighbour.take('vol-1', web);
    const claims = daemon();

    await claims.take('vol-1', world);
    await claims.take('vol-2', { domain: 'mc', device: '/dev/sdh' });

    expect(await neighbour.take('vol-3', { domain: 'web', device: '/dev/sdf' })).toBe('taken');
    expect(await neighbour.take('vol-2', { domain: 'web', device: '/dev/sdi' })).toBe('taken');
  });

  it('that failed leave the volume to the daemon’s own other entries to try [6.3]', async () => {
    await daemon('ec2fleetd@web.service').take('vol-1', { domain: 'web', device: '/dev/sdf' });
    const claims = daemon();

    expect(await claims.take('vol-2', world)).toMatchObject({ what: '/dev/sdf' });
    expect(await claims.take('vol-2', backup)).toBe('taken');
  });

  it('end with their release, volume and device [6.3]', async () => {
    const neighbour = daemon('ec2fleetd@web.service');
    await neighbour.take('vol-1', world);

    await neighbour.release('vol-1', world);

    expect(await daemon().take('vol-1', world)).toBe('taken');
  });

  it('say in a sentence who has what [6.4]', () => {
    expect(sentenceOfUse({ what: 'vol-1', by: NEIGHBOUR })).toBe(
      `vol-1 is being used on this instance, by ${NEIGHBOUR}`,
    );
  });
});
