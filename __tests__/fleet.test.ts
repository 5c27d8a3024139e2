/** What a fleet that takes its volumes from one pool costs: the daemon's own machine and order of choice, in simulated time. */

import { fleet, meanFigures } from '../tools/fleet.ts';

describe('a fleet with one pool', () => {
  it.each([
    { size: 8, seeds: 20 },
    { size: 30, seeds: 20 },
    { size: 100, seeds: 6 },
    { size: 250, seeds: 2 },
  ])('of $size that boots within 5 s attaches at 1.1 attempts each [6.3] [6.5]', async ({ size, seeds }) => {
    const { attempts, allServed } = await meanFigures({ size, withinMs: 5_000 }, seeds);

    expect(allServed).toBe(true);
    expect(attempts).toBeLessThanOrEqual(1.1);
  });

  it.each([
    { size: 8, seeds: 20 },
    { size: 30, seeds: 20 },
    { size: 100, seeds: 6 },
    { size: 250, seeds: 2 },
  ])('of $size that boots at the same instant attaches at 1.7 attempts each [6.3] [6.5]', async ({ size, seeds }) => {
    const { attempts, allServed } = await meanFigures({ size, withinMs: 0 }, seeds);

    expect(allServed).toBe(true);
    expect(attempts).toBeLessThanOrEqual(1.7);
  });

  it('is spread by the choice alone, also where nothing is throttled [6.5]', async () => {
    const { attempts, throttled, allServed } = await meanFigures({ size: 100, withinMs: 0, throttling: false }, 6);

    expect(allServed).toBe(true);
    expect(throttled).toBe(0);
    expect(attempts).toBeLessThanOrEqual(1.7);
  });

  it('gives nobody the volume of another [6.3]', async () => {
    const { served, volumes, attempts } = await fleet({ size: 60, withinMs: 0, seed: 7 });

    expect({ served, volumes }).toEqual({ served: 60, volumes: 60 });
    expect(attempts).toBeGreaterThanOrEqual(60);
  });
});
