import { assign, createActor, setup } from 'xstate';
import { type Change, createChanges } from '../actors/changes.ts';

describe('the tap on the system', () => {
  const light = (id: string) =>
    setup({ types: { events: {} as { type: 'switch' } | { type: 'touch' } } }).createMachine({
      id,
      initial: 'off',
      states: {
        off: { on: { switch: 'on' } },
        on: { initial: 'dim', on: { switch: 'off' }, states: { dim: { on: { touch: 'bright' } }, bright: {} } },
      },
    });

  function tapped(id = 'volume') {
    const changes: Change[] = [];
    const actor = createActor(light(id), { id: 'volume.0', inspect: createChanges((each) => changes.push(each)) });
    actor.start();
    return { actor, changes, states: () => changes.map(({ state, from }) => [from, state]) };
  }

  it('tells each state reached, and the one before it [11.2]', () => {
    const { actor, changes, states } = tapped();

    actor.send({ type: 'switch' });
    actor.send({ type: 'touch' });

    expect(states()).toEqual([
      [undefined, 'off'],
      ['off', 'on.dim'],
      ['on.dim', 'on.bright'],
    ]);
    expect(changes[0]).toMatchObject({ kind: 'volume', id: 'volume.0', sessionId: actor.sessionId });
  });

  it('tells a state once, however many events leave it as it is [11.2]', () => {
    const { actor, changes } = tapped();

    actor.send({ type: 'touch' });
    actor.send({ type: 'touch' });

    expect(changes).toHaveLength(1);
  });

  it('tells at once what is news without a change of state: a notice, a failure [5.6, 5.4]', () => {
    const changes: Change[] = [];
    const patient = setup({
      types: {
        context: {} as { notice?: { key: string }; failures: string[] },
        events: {} as { type: 'notice'; key: string } | { type: 'failure' },
      },
    }).createMachine({
      id: 'domain',
      context: { failures: [] },
      on: {
        notice: { actions: assign({ notice: ({ event }) => ({ key: event.key }) }) },
        failure: { actions: assign({ failures: ({ context }) => [...context.failures, 'denied'] }) },
      },
      initial: 'stopping',
      states: { stopping: {} },
    });
    const actor = createActor(patient, { inspect: createChanges((each) => changes.push(each)) }).start();

    actor.send({ type: 'notice', key: 'terminate' });
    actor.send({ type: 'notice', key: 'terminate' });
    actor.send({ type: 'failure' });

    expect(changes.map(({ state, from }) => [from, state])).toEqual([
      [undefined, 'stopping'],
      ['stopping', 'stopping'],
      ['stopping', 'stopping'],
    ]);
    expect(changes.at(-1)?.context).toEqual({ notice: { key: 'terminate' }, failures: ['denied'] });
  });

  it("says nothing of machines that are nobody's news, nor of steps", () => {
    const { actor, changes } = tapped('commands');

    actor.send({ type: 'switch' });

    expect(changes).toEqual([]);
  });

  it('tells how long the state before it lasted', () => {
    jest.useFakeTimers();
    const { actor, changes } = tapped();
    jest.advanceTimersByTime(1_500);

    actor.send({ type: 'switch' });
    jest.useRealTimers();

    expect(changes.map(({ durationMs }) => durationMs)).toEqual([0, 1_500]);
  });

  it('keeps actors of one id apart', () => {
    const changes: Change[] = [];
    const inspect = createChanges((each) => changes.push(each));

    createActor(light('volume'), { id: 'volume.0', inspect }).start();
    createActor(light('volume'), { id: 'volume.0', inspect }).start();

    expect(changes).toHaveLength(2);
  });
});
