/**
 * What a fleet costs that takes its volumes from one pool: the table of docs/operations.md. `npm run figures:fleet` takes some
 * minutes; `npm run figures:fleet -- 8 200` is about these sizes only.
 */

import { meanFigures } from './fleet.ts';

const SEEDS = 20;
const sizes = process.argv.slice(2).map(Number);

console.log('instances | boot within | attempts each | throttled each | looks each | all have one after');
for (const size of sizes.length > 0 ? sizes : [8, 20, 50, 200, 1000]) {
  for (const withinMs of [0, 5_000]) {
    const { attempts, throttled, looks, tookS, allServed } = await meanFigures({ size, withinMs }, SEEDS);
    const cells = [size, `${withinMs / 1000} s`, attempts.toFixed(2), throttled.toFixed(2), looks.toFixed(1)];
    console.log([...cells, allServed ? `${tookS.toFixed(0)} s` : 'never'].join(' | '));
  }
}
