/** That a mutation run finds what no test notices: in small machines, each in a tree of its own. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { and, assign, createMachine, fromPromise, not, raise, setup } from 'xstate';
import { mutated, mutationsOf } from '../tools/mutants/mutations.ts';
import { partsOf } from '../tools/mutants/xstate.ts';

const door = `
  import { assign, setup } from 'xstate';

  export const doorMachine = setup({
    types: { context: {} as { visitors: number }, events: {} as { type: 'push' } | { type: 'lock' } },
    actions: { count: assign(({ context }) => ({ visitors: context.visitors + 1 })) },
  }).createMachine({
    id: 'door',
    context: { visitors: 0 },
    initial: 'closed',
    states: {
      closed: { on: { push: { target: 'open', actions: 'count' }, lock: 'locked' } },
      open: { on: { push: 'closed' } },
      locked: { type: 'final' },
    },
  });
`;

const pushed = `
  import { createActor } from 'xstate';
  import { doorMachine } from '../machines/door.ts';

  const pushed = (times: number) => {
    const actor = createActor(doorMachine).start();
    for (let i = 0; i < times; i += 1) actor.send({ type: 'push' });
    return actor;
  };
`;
const opens = `it('opens and closes', () => {
  expect([0, 1, 2].map((times) => pushed(times).getSnapshot().value)).toEqual(['closed', 'open', 'closed']);
});`;
const locks = `it('ends when it is locked', () => {
  const actor = pushed(0);
  actor.send({ type: 'lock' });
  expect(actor.getSnapshot().status).toBe('done');
});`;
const counts = "it('counts', () => expect(pushed(3).getSnapshot().context.visitors).toBe(2));";

const bell = `
  import { setup } from 'xstate';

  export const bellMachine = setup({ actions: { ring: () => {} } }).createMachine({
    id: 'bell',
    on: { press: { actions: 'ring' } },
  });
`;

const lamp = `
  import { fromPromise, setup } from 'xstate';

  export const lampMachine = setup({ actors: { blink: fromPromise(() => Promise.resolve()) } }).createMachine({
    id: 'lamp',
    initial: 'dim',
    states: {
      dim: { invoke: { src: 'blink', onDone: 'bright' } },
      bright: { invoke: { src: 'blink', onDone: 'off' } },
      off: { type: 'final' },
    },
  });
`;

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'ec2fleetd-mutants-'));
  for (const folder of ['machines', '__tests__']) mkdirSync(path.join(root, folder));
  symlinkSync(path.resolve('node_modules'), path.join(root, 'node_modules'));
  writeFileSync(path.join(root, 'package.json'), '{ "type": "module" }');
});

afterEach(() => rmSync(root, { recursive: true }));

describe('the mutations of a machine', () => {
  it('are each transition, target, guard and action wrong or missing', () => {
    const machine = setup({
      types: { context: {} as { left: number } },
      actors: { bake: fromPromise(() => Promise.resolve()) },
      actions: { eat: assign({ left: 0 }), tell: () => {} },
      guards: { some: () => true, hot: () => true },
      delays: { cooling: 60_000 },
    }).createMachine({
      id: 'cake',
      context: { left: 8 },
      entry: raise({ type: 'spoil' }, { id: 'spoil', delay: 1_000 }),
      on: { look: { actions: 'tell' } },
      initial: 'baking',
      states: {
        baking: {
          invoke: { src: 'bake', input: {}, onDone: { target: 'out', actions: ['tell'] }, onError: '#cake.eaten' },
        },
        out: {
          initial: 'cooling',
          exit: 'tell',
          on: {
            eat: [
              { guard: and(['some', not('hot')]), target: '.cool', actions: { type: 'eat' } },
              { guard: 'hot', target: 'out', reenter: true },
            ],
          },
          states: {
            cooling: { after: { cooling: 'cool' } },
            cool: { always: { guard: 'some', target: '#cake.eaten' } },
          },
        },
        eaten: { type: 'final' },
      },
      output: ({ context }) => context.left,
    });

    expect(mutationsOf(partsOf(machine)).map(({ name }) => name)).toEqual([
      'root: begins in out instead of baking',
      'root: without output',
      'root: entry without action raise spoil',
      'root: entry raise spoil after half the time',
      'root: entry raise spoil after twice the time',
      'root on look: is never taken',
      'root on look: goes to baking instead of staying',
      'root on look: without action tell',
      'baking: bake is not begun',
      'baking: bake is given no input',
      'baking: bake done: is never taken',
      'baking: bake done: goes to eaten instead of out',
      'baking: bake done: stays instead of going to out',
      'baking: bake done: without action tell',
      'baking: bake failed: is never taken',
      'baking: bake failed: goes to out instead of eaten',
      'baking: bake failed: stays instead of going to eaten',
      'out: begins in cool instead of cooling',
      'out: exit without action tell',
      'out on eat (1 of 2): is never taken',
      'out on eat (1 of 2): goes to cooling instead of out.cool',
      'out on eat (1 of 2): stays instead of going to out.cool',
      'out on eat (1 of 2): guard and(some, not(hot)) always holds',
      'out on eat (1 of 2): guard and(some, not(hot)) without some',
      'out on eat (1 of 2): guard and(some, not(hot)) without not(hot)',
      'out on eat (1 of 2): without action eat',
      'out on eat (2 of 2): is never taken',
      'out on eat (2 of 2): goes to eaten instead of out',
      'out on eat (2 of 2): guard hot always holds',
      'out on eat (2 of 2): does not re-enter',
      'out.cooling after cooling: is never taken',
      'out.cooling after cooling: stays instead of going to out.cool',
      'out.cool always: is never taken',
      'out.cool always: goes to out instead of eaten',
      'out.cool always: stays instead of going to eaten',
      'out.cool always: guard some always holds',
      'eaten: is no end',
      'action eat: does nothing',
      'guard some: always holds',
      'guard some: never holds',
      'guard hot: always holds',
      'guard hot: never holds',
      'delay cooling: after half the time',
      'delay cooling: after twice the time',
    ]);
  });

  it('leave the machine itself as it is', () => {
    const shared = { actions: ['one', 'two'] };
    const machine = createMachine({ id: 'twins', on: { left: shared, right: shared } });
    const parts = partsOf(machine);
    const before = JSON.stringify(parts.config);

    const [first] = mutationsOf(parts).filter(({ name }) => name === 'root on left: without action one');
    const { config } = first === undefined ? parts : mutated(parts, first);

    expect(config.on).toEqual({ left: { actions: ['two'] }, right: { actions: ['one', 'two'] } });
    expect(JSON.stringify(parts.config)).toBe(before);
  });

  it('are unknown for what no machine has used so far, which is said', () => {
    const machine = createMachine({ id: 'cake', initial: 'a', states: { a: { history: 'deep', type: 'history' } } });

    expect(() => mutationsOf(partsOf(machine))).toThrow('a: no mutation is known for history');
  });
});

describe('a mutation run', () => {
  it('lets nobody survive where each promise has a test, and leaves out what is as it was then', () => {
    write({ 'machines/door.ts': door, '__tests__/door.test.ts': [pushed, opens, locks, counts].join('\n') });

    const whole = run();
    const again = run('--changed');
    write({ '__tests__/door.test.ts': [pushed, opens, locks].join('\n') });
    const changed = run('--changed', '--list');

    expect(whole).toMatchObject({ status: 0, last: '13 mutants: 13 killed, 0 refused, 0 survived' });
    expect(again).toMatchObject({ status: 0, last: '0 mutants: 0 killed, 0 refused, 0 survived' });
    expect(changed.lines).toHaveLength(13);
  });

  it('names those that no test notices, with what the tests lack', () => {
    write({ 'machines/door.ts': door, '__tests__/door.test.ts': [pushed, opens, locks].join('\n') });

    const { status, lines, last, survivors } = run();

    expect(status).toBe(1);
    expect(last).toBe('13 mutants: 11 killed, 0 refused, 2 survived');
    expect(survivors).toEqual(['closed on push: without action count', 'action count: does nothing']);
    expect(lines).toContainEqual(expect.stringContaining('No test looks at what this action does here.'));
    expect(existsSync(path.join(root, '__tests__/mutants.json'))).toBe(false);
  });

  it('shows what the tests say of a single one', () => {
    write({ 'machines/door.ts': door, '__tests__/door.test.ts': [pushed, opens, locks].join('\n') });

    const { status, lines, stderr } = run('door', '--only=0');

    expect(status).toBe(0);
    expect(lines).toEqual(['door 0  root: begins in open instead of closed', 'killed: opens and closes']);
    expect(stderr).toContain('Expected');
  });

  it('ends one that goes round for ever, and says so', () => {
    const ends = `
      import { createActor, waitFor } from 'xstate';
      import { lampMachine } from '../machines/lamp.ts';

      it('goes off', () => waitFor(createActor(lampMachine).start(), ({ status }) => status === 'done', { timeout: 200 }));
    `;
    write({ 'machines/lamp.ts': lamp, '__tests__/lamp.test.ts': ends });

    const { lines } = run();

    expect(lines).toContainEqual(
      expect.stringMatching(/^hung +lamp \d+ +bright: blink done: goes to dim instead of off \(goes round/),
    );
  });

  it('does not lay at the door of one mutant what another has left behind', () => {
    const leaves = `
      import { createActor } from 'xstate';
      import { bellMachine } from '../machines/bell.ts';

      it('finds the house in order', () => expect(globalThis).not.toHaveProperty('silent'));
      it('does not look whether it rings', () => {
        Object.assign(globalThis, { silent: true });
        const ring = () => { Reflect.deleteProperty(globalThis, 'silent'); };
        createActor(bellMachine.provide({ actions: { ring } })).start().send({ type: 'press' });
      });
    `;
    write({ 'machines/bell.ts': bell, '__tests__/bell.test.ts': leaves });

    const { survivors } = run();

    expect(survivors).toEqual(['root on press: is never taken', 'root on press: without action ring']);
  });

  it('tells nothing of a machine whose tests fail anyway, and goes on with the others', () => {
    const red = "it('is red', () => expect('blue').toBe('red'));";
    write({ 'machines/door.ts': door, '__tests__/door.test.ts': [pushed, opens, locks, counts].join('\n') });
    write({ 'machines/bell.ts': bell, '__tests__/bell.test.ts': `import '../machines/bell.ts';\n${red}` });

    const { status, lines, last } = run();

    expect(status).toBe(1);
    expect(lines).toContain('BROKEN    bell: the tests fail without any mutation: is red');
    expect(last).toBe('13 mutants: 13 killed, 0 refused, 0 survived');
  });

  it('wants a test for each machine', () => {
    write({ 'machines/door.ts': door, '__tests__/door-handle.test.ts': '' });

    expect(run().stderr).toContain('no test is called after door');
  });
});

function write(files: Record<string, string>): void {
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(root, file), text);
}

/** Runs the tool in the made-up tree. */
function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    path.resolve('node_modules/.bin/node'),
    [path.resolve('tools/mutants.ts'), ...args],
    { cwd: root, encoding: 'utf8' },
  );
  const lines = stdout.trim().split('\n');
  const survivors = lines
    .filter((line) => line.startsWith('SURVIVED'))
    .map((line) => line.replace(/^SURVIVED +[a-z]+ \d+ +/, ''));
  return { status, lines, last: lines.at(-1), survivors, stderr };
}
