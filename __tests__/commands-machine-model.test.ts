/** What holds for the commands of an event, whatever happens to them, and that every way through their machine is gone. */

import fc from 'fast-check';
import { KILL_PATIENCE_MS, TERMINATION_GRACE_MS } from '../config/constants.ts';
import type { CommandResult } from '../config/vocabulary.ts';
import { type CommandsEvent, commandsMachine } from '../machines/commands.ts';
import { type CommandsSettings, commandsInput, lineName, NOW, runningCommands } from './helpers/commands.ts';
import { failed, succeeded } from './helpers/domain.ts';
import { type Model, walkedThrough } from './helpers/model.ts';

const lines = [{}, { timeoutMs: 30_000 }];

const model: Model<typeof commandsMachine> = {
  machine: commandsMachine,
  inputs: [
    commandsInput({ lines: [] }),
    commandsInput({ lines, endAtFailure: true, untilMs: 120_000 }),
    commandsInput({ lines, endAtFailure: false, withinMs: 90_000 }),
    commandsInput({ lines, endAtFailure: false }),
  ],
  events: ({ state, context, nowMs }) => [
    ...(state.startsWith('running')
      ? eventsOfCommand(context.begunMs === undefined && state === 'running.working', nowMs)
      : []),
    { type: 'deadline.moved', untilMs: nowMs, atMs: nowMs },
    { type: 'deadline.moved', untilMs: nowMs + 60_000, atMs: nowMs },
    { type: 'step.finish' },
  ],
  guarded: ({ results, finishing, timeOver, begunMs, limitMs }) => [
    results.length,
    results.at(-1)?.succeeded,
    finishing,
    timeOver,
    begunMs !== undefined,
    limitMs !== undefined,
  ],
};

/** A command says once that its turn has come; how it ends matters only by whether it succeeded. */
function eventsOfCommand(mayBegin: boolean, nowMs: number): CommandsEvent[] {
  return [
    ...(mayBegin ? [{ type: 'command.begun', atMs: nowMs } as const] : []),
    { type: 'command.ended', result: succeeded('x') },
    { type: 'command.ended', result: failed('x') },
  ];
}

describe('the commands of an event, on every path', () => {
  it('take each of their transitions, and reach each of their states [5.7, 8.5]', () => {
    const { astray, untaken, unreached } = walkedThrough(model);

    expect(astray).toEqual([]);
    expect(untaken).toEqual([]);
    expect(unreached).toEqual([]);
  });
});

/** What may happen to commands. */
type Trial =
  | { kind: 'wait'; ms: number }
  | { kind: 'end'; succeeds: boolean }
  | { kind: 'finish' }
  | { kind: 'move'; leftMs: number };

const settingsArbitrary: fc.Arbitrary<CommandsSettings> = fc.record(
  {
    lines: fc.array(fc.record({ timeoutMs: fc.integer({ min: 100, max: 60_000 }) }, { requiredKeys: [] }), {
      maxLength: 4,
    }),
    endAtFailure: fc.boolean(),
    untilMs: fc.integer({ min: NOW - 1_000, max: NOW + 120_000 }),
    withinMs: fc.integer({ min: 100, max: 120_000 }),
  },
  { requiredKeys: ['lines'] },
);

const trialArbitrary: fc.Arbitrary<Trial> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 40_000 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), succeeds: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'finish' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('move' as const), leftMs: fc.integer({ min: -5_000, max: 60_000 }) }),
  },
);

/** Commands and what a test knows of them: when all must be over, and the results that they gave. */
function tried(settings: CommandsSettings) {
  const commands = runningCommands(settings);
  const given = new Map<number, CommandResult>();
  let untilMs = Math.min(
    settings.untilMs ?? Number.POSITIVE_INFINITY,
    NOW + (settings.withinMs ?? Number.POSITIVE_INFINITY),
  );
  let finishedMs = Number.POSITIVE_INFINITY;
  return {
    commands,
    given,
    /** No line may begin after it, but the first: with that one the machine learns what time it is. */
    get lastBeginMs() {
      return Math.min(untilMs, finishedMs);
    },
    try(trial: Trial) {
      if (trial.kind === 'wait') commands.clock.increment(trial.ms);
      else if (trial.kind === 'end') end(trial.succeeds);
      else if (trial.kind === 'move') {
        commands.moveDeadline(commands.now() + trial.leftMs);
        untilMs = Math.min(untilMs, Math.max(commands.now() + trial.leftMs, commands.now()));
      } else {
        commands.finish();
        finishedMs = Math.min(finishedMs, commands.now());
      }
    },
  };

  function end(succeeds: boolean): void {
    if (commands.output !== undefined) return;
    const { results } = commands.actor.getSnapshot().context;
    const result = succeeds ? succeeded(lineName(results.length)) : failed(lineName(results.length));
    given.set(results.length, result);
    commands.latest.ends(result);
  }
}

/** Tries them all, and looks after each whether what must hold still does. */
function afterAll(settings: CommandsSettings, trials: Trial[], look: (all: ReturnType<typeof tried>) => void) {
  const all = tried(settings);
  for (const trial of trials) {
    all.try(trial);
    look(all);
  }
  return all;
}

describe('the commands of an event, whatever happens', () => {
  it('end once they are asked to, each line with at most one result, in order, and none that was given is lost [5.7, 8.5]', () => {
    fc.assert(
      fc.property(settingsArbitrary, fc.array(trialArbitrary, { maxLength: 20 }), (settings, trials) => {
        const { commands, given } = afterAll(settings, [...trials, ...ASKED_TO_END], () => {});

        const output = commands.output ?? [];
        expect(commands.state).toBe('ended');
        expect(output.map(({ argv }) => argv)).toEqual(output.map((_, i) => [lineName(i)]));
        for (const [i, result] of given) expect(output[i]).toBe(result);
      }),
    );
  });

  it('have a result for each line on the way down [5.7]', () => {
    fc.assert(
      fc.property(settingsArbitrary, fc.array(trialArbitrary, { maxLength: 20 }), (settings, trials) => {
        const { commands } = afterAll({ ...settings, endAtFailure: false }, [...trials, ...ASKED_TO_END], () => {});

        expect(commands.output).toHaveLength(settings.lines.length);
      }),
    );
  });

  it('go no further than the first failure on the way up [5.7]', () => {
    fc.assert(
      fc.property(settingsArbitrary, fc.array(trialArbitrary, { maxLength: 20 }), (settings, trials) => {
        const { commands } = afterAll({ ...settings, endAtFailure: true }, [...trials, ...ASKED_TO_END], () => {});

        expect(commands.output?.slice(0, -1).every(({ succeeded: isSuccess }) => isSuccess)).toBe(true);
      }),
    );
  });

  it('begin no line after the deadline, nor after they were asked to finish [5.7, 8.5]', () => {
    fc.assert(
      fc.property(settingsArbitrary, fc.array(trialArbitrary, { maxLength: 20 }), (settings, trials) => {
        let begun = 1;
        let lastBeginMs = tried(settings).lastBeginMs;
        afterAll(settings, trials, (all) => {
          for (const { begunMs } of all.commands.running.slice(begun)) expect(begunMs).toBeLessThanOrEqual(lastBeginMs);
          begun = Math.max(begun, all.commands.running.length);
          lastBeginMs = all.lastBeginMs;
        });
      }),
    );
  });

  it('are over when the deadline, the grace of TERM and the patience after KILL are [8.5]', () => {
    fc.assert(
      fc.property(settingsArbitrary, fc.array(trialArbitrary, { maxLength: 20 }), (settings, trials) => {
        afterAll(settings, trials, ({ commands, lastBeginMs }) => {
          const overMs = Math.max(lastBeginMs, NOW) + TERMINATION_GRACE_MS + KILL_PATIENCE_MS;
          if (commands.now() >= overMs) expect(commands.state).toBe('ended');
        });
      }),
    );
  });

  it('get TERM at most once, and KILL at most once and after it [8.5]', () => {
    fc.assert(
      fc.property(settingsArbitrary, fc.array(trialArbitrary, { maxLength: 20 }), (settings, trials) => {
        const { commands } = afterAll(settings, [...trials, ...ASKED_TO_END], () => {});

        const known = ['', 'SIGTERM', 'SIGTERM SIGKILL'];
        for (const { signals } of commands.running) expect(known).toContain(signals.join(' '));
      }),
    );
  });
});

/** However badly a command takes it, it is given up in that time. */
const ASKED_TO_END: Trial[] = [{ kind: 'finish' }, { kind: 'wait', ms: TERMINATION_GRACE_MS + KILL_PATIENCE_MS }];
