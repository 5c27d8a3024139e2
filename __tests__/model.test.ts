import { assign, raise, sendTo, setup } from 'xstate';
import { step } from '../machines/step.ts';
import { begin, type Model, transitionsOf, walkedThrough, wandered } from './helpers/model.ts';
import { refused, resolves } from './helpers/scripted.ts';

/** A lamp that burns for a minute, with `bulbs` to replace the one that has burnt out. */
const lampMachine = setup({
  types: {
    input: {} as { bulbs: number },
    context: {} as { bulbs: number },
    events: {} as { type: 'switch.pressed' } | { type: 'bulb.burnt' } | { type: 'never.sent' },
  },
  actors: { replaceBulb: step<string, void>('replaceBulb') },
  actions: {
    burn: raise({ type: 'bulb.burnt' }, { id: 'burning', delay: 60_000 }),
    useBulb: assign(({ context }) => ({ bulbs: context.bulbs - 1 })),
  },
  guards: { hasBulbs: ({ context }) => context.bulbs > 0, ownsLamp: () => false },
}).createMachine({
  id: 'lamp',
  context: ({ input }) => input,
  initial: 'off',
  states: {
    off: { on: { 'switch.pressed': 'on', 'never.sent': 'stolen' } },
    on: {
      entry: 'burn',
      on: {
        'bulb.burnt': [{ guard: 'hasBulbs', target: 'dark' }, { target: 'broken' }],
        'switch.pressed': { guard: 'ownsLamp', target: 'off' },
      },
    },
    dark: {
      invoke: {
        src: 'replaceBulb',
        onDone: { target: 'on', actions: 'useBulb' },
        onError: { target: 'broken' },
      },
    },
    stolen: {},
    broken: { type: 'final' },
  },
});

const model: Model<typeof lampMachine> = {
  machine: lampMachine,
  inputs: [{ bulbs: 1 }],
  outcomes: { replaceBulb: [resolves('new'), refused] },
  events: () => [{ type: 'switch.pressed' }],
  guarded: ({ bulbs }) => bulbs > 0,
};

describe('a walk through a machine', () => {
  it('names each transition, with its place among alternatives and where it leads', () => {
    expect(transitionsOf(lampMachine)).toEqual([
      'lamp.off on switch.pressed → lamp.on',
      'lamp.off on never.sent → lamp.stolen',
      'lamp.on on bulb.burnt [0] → lamp.dark',
      'lamp.on on bulb.burnt [1] → lamp.broken',
      'lamp.on on switch.pressed → lamp.off',
      'lamp.dark on xstate.done.actor.0.lamp.dark → lamp.on',
      'lamp.dark on xstate.error.actor.0.lamp.dark → lamp.broken',
    ]);
  });

  it('finds out what no path takes or reaches', () => {
    const walked = walkedThrough(model);

    expect(walked.astray).toEqual([]);
    expect(walked.untaken).toEqual(['lamp.off on never.sent → lamp.stolen', 'lamp.on on switch.pressed → lamp.off']);
    expect(walked.unreached).toEqual(['lamp.stolen']);
  });

  it('tells the path on which a real actor is elsewhere than the machine as data says', () => {
    let looks = 0;
    const fickle = lampMachine.provide({ guards: { hasBulbs: () => looks++ === 0 } });

    const [first] = walkedThrough({ ...model, machine: fickle }).astray;

    expect(first).toMatch(/^\{"type":"switch.pressed"\} → the next timer rings: is broken \(done\), not dark /);
  });

  it('tells the path at whose end something does not hold', () => {
    const { astray } = walkedThrough(model, ({ isOver }) => {
      if (isOver) throw new Error('a lamp is for ever');
    });

    expect(astray[0]).toBe(
      '{"type":"switch.pressed"} → the next timer rings → 0.lamp.dark fails: Error: refused: a lamp is for ever',
    );
  });

  it('stops where a machine would break, and tells the way there', () => {
    const broken = lampMachine.provide({ actions: { useBulb: sendTo('nobody', { type: 'x' }) as never } });

    expect(() => walkedThrough({ ...model, machine: broken })).toThrow(
      '{"type":"switch.pressed"} → the next timer rings → 0.lamp.dark gives "new"',
    );
  });

  it('stops where a timer would be there twice', () => {
    const twice = lampMachine.provide({
      actions: { useBulb: raise({ type: 'bulb.burnt' }, { id: 'burning', delay: 1 }) as never },
    });

    expect(() => walkedThrough({ ...model, machine: twice })).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ message: expect.stringContaining('burning') }) }),
    );
  });
});

describe('a run', () => {
  it('settles: its steps end the first way they may and its timers ring, until it is over', () => {
    const run = begin(model, { bulbs: 2 });
    run.settle();
    const before = run.place.state;
    run.happen({ kind: 'sent', event: { type: 'switch.pressed' } });

    run.settle();

    expect(before).toBe('off');
    expect(run.place).toMatchObject({ state: 'broken', context: { bulbs: 0 }, nowMs: 180_000 });
    expect(run.isOver).toBe(true);
  });

  it('wanders where numbers lead, and stays where it is over', () => {
    const run = wandered(model, { bulbs: 1 }, [0, 0, 1, 5, 6]);

    expect(run.story).toEqual([
      '{"type":"switch.pressed"}',
      'the next timer rings',
      '0.lamp.dark fails: Error: refused',
    ]);
    expect(run.isOver).toBe(true);
  });
});
