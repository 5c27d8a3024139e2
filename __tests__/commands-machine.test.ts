/** When the commands of an event begin, and how they are ended. Their processes are the concern of `command.test.ts`. */

import { fromCallback } from 'xstate';
import { type CommandInput, type CommandSignal, commandsMachine, problemsOf } from '../machines/commands.ts';
import { commandsInput, NOW, runningCommands } from './helpers/commands.ts';
import { failed, succeeded } from './helpers/domain.ts';
import { started } from './helpers/scripted.ts';

const notRun = (name: string) =>
  expect.objectContaining({ argv: [name], exitCode: null, succeeded: false, problem: 'not run: no time was left' });

describe('the commands of an event', () => {
  it('are none where there is no line [8.2]', () => {
    const { output, running } = runningCommands({ lines: [] });

    expect(output).toEqual([]);
    expect(running).toEqual([]);
  });

  it('run one after the other, in the order written, each with the results of those before it [8.2]', () => {
    const commands = runningCommands({ lines: [{}, {}] });
    const first = commands.names();

    commands.latest.ends(succeeded('a'));
    commands.latest.ends(succeeded('b'));

    expect(first).toEqual(['a']);
    expect(commands.names()).toEqual(['a', 'b']);
    expect(commands.running.map(({ input }) => input.occasion.results)).toEqual([[], [succeeded('a')]]);
    expect(commands.output).toEqual([succeeded('a'), succeeded('b')]);
  });

  it('are each given their line and the occasion [8.2, 8.6]', () => {
    const { latest } = runningCommands({ lines: [{ cwd: '/srv' }] });

    expect(latest.input).toMatchObject({
      line: { argv: ['a'], cwd: '/srv' },
      occasion: { domain: 'web', event: 'interrupted' },
    });
  });

  it('end at the first failing line on the way up [5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}], endAtFailure: true });

    commands.latest.ends(failed('a'));

    expect(commands.names()).toEqual(['a']);
    expect(commands.output).toEqual([failed('a')]);
  });

  it('go on after a line that succeeded on the way up [5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}], endAtFailure: true });

    commands.latest.ends(succeeded('a'));
    commands.latest.ends(succeeded('b'));

    expect(commands.output).toEqual([succeeded('a'), succeeded('b')]);
  });

  it('go on after a failing line on the way down [5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}], endAtFailure: false });

    commands.latest.ends(failed('a'));
    commands.latest.ends(succeeded('b'));

    expect(commands.output).toEqual([failed('a'), succeeded('b')]);
  });

  it('may end in the very moment in which they begin', () => {
    const machine = commandsMachine.provide({
      actors: {
        runCommand: fromCallback<CommandSignal, CommandInput>(({ sendBack }) => {
          sendBack({ type: 'command.begun', atMs: NOW });
          sendBack({ type: 'command.ended', result: succeeded('a') });
        }),
      },
    });

    const commands = started(machine, commandsInput({ lines: [{}, {}, {}], endAtFailure: true, untilMs: 60_000 }));

    expect(commands.output).toHaveLength(3);
  });

  it('break as a whole when a command breaks, so that whoever invoked them sees it', () => {
    const machine = commandsMachine.provide({
      actors: {
        runCommand: fromCallback<CommandSignal, CommandInput>(() => {
          throw new Error('a defect');
        }),
      },
    });

    const { errors } = started(machine, commandsInput({ lines: [{}] }));

    expect(errors).toEqual([new Error('a defect')]);
  });

  it('are not run where nobody says how', () => {
    const { errors } = started(commandsMachine, commandsInput({ lines: [{}] }));

    expect(errors).toEqual([new Error('nobody provided the step runCommand')]);
  });
});

describe('the limit of a command', () => {
  it.each([
    { what: 'its own timeout', timeoutMs: 30_000, leftMs: undefined, termMs: 25_000, killMs: 30_000 },
    { what: 'what is left of the deadline', timeoutMs: undefined, leftMs: 60_000, termMs: 55_000, killMs: 60_000 },
    { what: 'its own timeout, being less', timeoutMs: 30_000, leftMs: 60_000, termMs: 25_000, killMs: 30_000 },
    { what: 'what is left, being less', timeoutMs: 60_000, leftMs: 20_000, termMs: 15_000, killMs: 20_000 },
    { what: 'just long enough for 5 s', timeoutMs: 15_000, leftMs: undefined, termMs: 10_000, killMs: 15_000 },
    { what: 'so short that a third is less', timeoutMs: 3_000, leftMs: undefined, termMs: 2_000, killMs: 3_000 },
  ])('is $what: TERM comes 5 s or a third before it, KILL at it [8.5]', ({ timeoutMs, leftMs, termMs, killMs }) => {
    const { clock, latest } = runningCommands({
      lines: [timeoutMs === undefined ? {} : { timeoutMs }],
      ...(leftMs === undefined ? {} : { untilMs: NOW + leftMs }),
    });

    const seen = [termMs - 1, 1, killMs - termMs - 1, 1].map((ms) => {
      clock.increment(ms);
      return [...latest.signals];
    });

    expect(seen).toEqual([[], ['SIGTERM'], ['SIGTERM'], ['SIGTERM', 'SIGKILL']]);
  });

  it('is none without a timeout and a deadline [8.5]', () => {
    const { clock, latest } = runningCommands({ lines: [{}] });

    clock.increment(1_000_000_000);

    expect(latest.signals).toEqual([]);
  });

  it('counts from its turn, since getting it ready may hang as well [8.5]', () => {
    const { clock, latest } = runningCommands({ lines: [{ timeoutMs: 30_000 }], silent: true });
    clock.increment(29_000);
    latest.begins();

    clock.increment(24_999);
    const before = [...latest.signals];
    clock.increment(1);

    expect(before).toEqual([]);
    expect(latest.signals).toEqual(['SIGTERM']);
  });

  it('leaves the second line what the first has left of the deadline [8.5]', () => {
    const commands = runningCommands({ lines: [{}, {}], untilMs: NOW + 60_000 });
    commands.clock.increment(40_000);
    commands.latest.ends();

    commands.clock.increment(14_999);
    const before = [...commands.latest.signals];
    commands.clock.increment(1);

    expect(before).toEqual([]);
    expect(commands.latest.signals).toEqual(['SIGTERM']);
  });

  it('counts a stop timeout from the turn of the first line, for all of them together [5.6, 8.5]', () => {
    const commands = runningCommands({ lines: [{}, {}], withinMs: 90_000 });
    commands.clock.increment(60_000);
    commands.latest.ends();

    commands.clock.increment(24_999);
    const before = [...commands.latest.signals];
    commands.clock.increment(1);

    expect(before).toEqual([]);
    expect(commands.latest.signals).toEqual(['SIGTERM']);
  });

  it.each([
    { sooner: 'the deadline', untilMs: NOW + 30_000, withinMs: 90_000 },
    { sooner: 'the stop timeout', untilMs: NOW + 90_000, withinMs: 30_000 },
  ])('is the earlier of a deadline and a stop timeout where there are both: $sooner [8.5]', (limits) => {
    const commands = runningCommands({ lines: [{}], ...limits });

    commands.clock.increment(29_999);
    const before = [...commands.latest.signals];
    commands.clock.increment(1);

    expect(before).toEqual(['SIGTERM']);
    expect(commands.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('is over at once where the deadline was past before the first line began [8.5]', () => {
    const commands = runningCommands({ lines: [{}], untilMs: NOW - 1 });

    commands.clock.increment(0);

    expect(commands.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('of one line is nothing to the next: its timers go with it [8.5]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }, {}] });
    commands.clock.increment(24_000);
    commands.latest.ends();

    commands.clock.increment(600_000);

    expect(commands.latest.signals).toEqual([]);
  });

  it('of one line is nothing to the next: a short one does not shorten the time to finish of a line that has none [8.5]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 3_000 }, {}] });
    commands.latest.ends();

    commands.finish();
    commands.clock.increment(4_999);
    const before = [...commands.latest.signals];
    commands.clock.increment(1);

    expect(before).toEqual(['SIGTERM']);
    expect(commands.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('is over with the command: one that ends after TERM gets no KILL [8.5]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }, {}] });
    const [first] = commands.running;
    commands.clock.increment(25_000);

    commands.latest.ends(failed('a'));
    commands.clock.increment(60_000);

    expect(first?.signals).toEqual(['SIGTERM']);
    expect(commands.latest.signals).toEqual([]);
  });
});

describe('a deadline that is reached', () => {
  it('leaves no time for the rest: on the way down each is reported as not run [5.7, 8.5]', () => {
    const commands = runningCommands({ lines: [{}, {}, {}], untilMs: NOW + 60_000 });
    commands.clock.increment(60_000);

    commands.latest.ends(failed('a'));

    expect(commands.names()).toEqual(['a']);
    expect(commands.output).toEqual([failed('a'), notRun('b'), notRun('c')]);
  });

  it('leaves no time for the rest, also when a line ends well in its last moment: then the way up fails by the next [5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}, {}], endAtFailure: true, untilMs: NOW + 60_000 });
    commands.clock.increment(60_000);

    commands.latest.ends(succeeded('a'));

    expect(commands.names()).toEqual(['a']);
    expect(commands.output).toEqual([succeeded('a'), notRun('b')]);
  });

  it('leaves no time for the rest, also when it is reached by a line that KILL did not end at its own timeout [5.7, 8.5]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 59_000 }, {}], untilMs: NOW + 60_000 });

    commands.clock.increment(61_000);

    expect(commands.names()).toEqual(['a']);
    expect(commands.output).toEqual([expect.objectContaining({ problem: 'SIGKILL did not end it' }), notRun('b')]);
  });

  it('leaves time for one line more when the one before it failed by itself [5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}], untilMs: NOW + 60_000 });
    commands.clock.increment(59_999);

    commands.latest.ends(failed('a'));

    expect(commands.names()).toEqual(['a', 'b']);
  });

  it('is another thing than the timeout of a line, after which the rest still run [5.7]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }, {}], untilMs: NOW + 60_000 });
    commands.clock.increment(30_000);

    commands.latest.ends(failed('a'));

    expect(commands.names()).toEqual(['a', 'b']);
  });

  it('adds nothing where a line has failed on the way up [5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}], endAtFailure: true, untilMs: NOW + 60_000 });
    commands.clock.increment(60_000);

    commands.latest.ends(failed('a'));

    expect(commands.output).toEqual([failed('a')]);
  });
});

describe('a deadline that is moved', () => {
  it('nearer, ends the line that runs by it: TERM 5 s before, KILL at it [5.6, 8.5]', () => {
    const { clock, latest, moveDeadline } = runningCommands({ lines: [{}], untilMs: NOW + 120_000 });
    clock.increment(30_000);
    moveDeadline(NOW + 60_000);

    const seen = [24_999, 1, 4_999, 1].map((ms) => {
      clock.increment(ms);
      return [...latest.signals];
    });

    expect(seen).toEqual([[], ['SIGTERM'], ['SIGTERM'], ['SIGTERM', 'SIGKILL']]);
  });

  it('nearer than 5 s, has TERM sent at once, and KILL 5 s later [5.6, 8.5]', () => {
    const { clock, latest, moveDeadline } = runningCommands({ lines: [{}], untilMs: NOW + 120_000 });
    clock.increment(30_000);
    moveDeadline(NOW + 31_000);

    const seen = [0, 4_999, 1].map((ms) => {
      clock.increment(ms);
      return [...latest.signals];
    });

    expect(seen).toEqual([['SIGTERM'], ['SIGTERM'], ['SIGTERM', 'SIGKILL']]);
  });

  it('nearer, holds for the lines to come [5.6, 8.5]', () => {
    const commands = runningCommands({ lines: [{}, {}], untilMs: NOW + 120_000 });
    commands.moveDeadline(NOW + 60_000);
    commands.latest.ends();

    commands.clock.increment(60_000);

    expect(commands.latest.name).toBe('b');
    expect(commands.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('past, leaves no time for the rest, although the line that ran ended at once [5.6, 5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}], untilMs: NOW + 120_000 });
    commands.clock.increment(30_000);
    commands.moveDeadline(NOW + 29_000);

    commands.latest.ends(failed('a'));

    expect(commands.output).toEqual([failed('a'), notRun('b')]);
  });

  it('nearer, leaves no time for the rest once it is reached, although the line that ran got no KILL [5.6, 5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}], untilMs: NOW + 120_000 });
    commands.clock.increment(30_000);
    commands.moveDeadline(NOW + 31_000);
    commands.clock.increment(1_000);

    commands.latest.ends(failed('a'));

    expect(commands.running[0]?.signals).toEqual(['SIGTERM']);
    expect(commands.output).toEqual([failed('a'), notRun('b')]);
  });

  it('later, changes nothing [5.6]', () => {
    const { clock, latest, moveDeadline } = runningCommands({ lines: [{}], untilMs: NOW + 60_000 });
    clock.increment(30_000);
    moveDeadline(NOW + 120_000);

    clock.increment(30_000);

    expect(latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('later than the timeout of the line, changes nothing for it [8.5]', () => {
    const { clock, latest, moveDeadline } = runningCommands({ lines: [{ timeoutMs: 30_000 }] });
    clock.increment(10_000);
    moveDeadline(NOW + 60_000);

    const seen = [14_999, 1, 4_999, 1].map((ms) => {
      clock.increment(ms);
      return [...latest.signals];
    });

    expect(seen).toEqual([[], ['SIGTERM'], ['SIGTERM'], ['SIGTERM', 'SIGKILL']]);
  });

  it('is one, too, where there was none [5.6, 8.5]', () => {
    const { clock, latest, moveDeadline } = runningCommands({ lines: [{}] });
    clock.increment(30_000);
    moveDeadline(NOW + 60_000);

    clock.increment(24_999);
    const before = [...latest.signals];
    clock.increment(1);

    expect(before).toEqual([]);
    expect(latest.signals).toEqual(['SIGTERM']);
  });

  it('is the end of a stop timeout that is longer, and not of one that is shorter [5.6, 8.5]', () => {
    const longer = runningCommands({ lines: [{}], withinMs: 90_000 });
    longer.moveDeadline(NOW + 30_000);
    const shorter = runningCommands({ lines: [{}], withinMs: 30_000 });
    shorter.moveDeadline(NOW + 90_000);

    for (const { clock } of [longer, shorter]) clock.increment(30_000);

    expect(longer.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
    expect(shorter.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it.each([
    { what: 'a line', lines: [{}], untilMs: NOW + 120_000 },
    { what: 'a line without a limit', lines: [{}], untilMs: undefined },
  ])('before the turn of $what was told, holds from its turn on [5.6, 8.5]', ({ lines, untilMs }) => {
    const { clock, latest, moveDeadline } = runningCommands({
      lines,
      silent: true,
      ...(untilMs === undefined ? {} : { untilMs }),
    });
    moveDeadline(NOW + 60_000);
    clock.increment(10_000);
    latest.begins();

    const seen = [44_999, 1].map((ms) => {
      clock.increment(ms);
      return [...latest.signals];
    });

    expect(seen).toEqual([[], ['SIGTERM']]);
  });

  it('before the turn of a line was told, has nothing to do with the limit of the line before it [8.5]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 9_000 }, {}], silent: true });
    commands.latest.begins();
    commands.latest.ends();
    commands.moveDeadline(NOW + 60_000);
    commands.clock.increment(10_000);
    commands.latest.begins();

    commands.clock.increment(44_999);

    expect(commands.latest.signals).toEqual([]);
  });

  it('before the turn of a line was told, and reached before it ended, leaves no time for the rest [5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}], silent: true });
    commands.moveDeadline(NOW + 60_000);
    commands.clock.increment(60_000);

    commands.latest.ends(failed('a'));

    expect(commands.output).toEqual([failed('a'), notRun('b')]);
  });

  it('while a line is being ended, ends it no sooner, but leaves no time for the rest once it is reached [5.6, 5.7]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }, {}], untilMs: NOW + 120_000 });
    commands.clock.increment(25_000);
    const { state } = commands;
    commands.moveDeadline(NOW + 26_000);
    commands.clock.increment(4_999);
    const signals = [...commands.latest.signals];

    commands.latest.ends(failed('a'));

    expect(state).toBe('running.terminating');
    expect(signals).toEqual(['SIGTERM']);
    expect(commands.output).toEqual([failed('a'), notRun('b')]);
  });

  it('while a line is being ended, holds for those to come [5.6, 8.5]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }, {}], untilMs: NOW + 120_000 });
    commands.clock.increment(25_000);
    commands.moveDeadline(NOW + 60_000);
    commands.latest.ends(failed('a'));

    commands.clock.increment(29_999);
    const before = [...commands.latest.signals];
    commands.clock.increment(1);

    expect(before).toEqual([]);
    expect(commands.latest.signals).toEqual(['SIGTERM']);
  });
});

describe('a command that KILL does not end', () => {
  it('is given up after 2 s, and its result says so [8.5]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }] });

    commands.clock.increment(31_999);
    const before = commands.state;
    commands.clock.increment(1);

    expect(before).toBe('running.killing');
    expect(commands.output).toEqual([
      expect.objectContaining({ argv: ['a'], exitCode: null, succeeded: false, problem: 'SIGKILL did not end it' }),
    ]);
  });

  it('does not keep the rest from running on the way down [5.7]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }, {}] });

    commands.clock.increment(32_000);

    expect(commands.names()).toEqual(['a', 'b']);
  });

  it('ends the event on the way up [5.7]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }, {}], endAtFailure: true });

    commands.clock.increment(32_000);

    expect(commands.names()).toEqual(['a']);
    expect(commands.state).toBe('ended');
  });

  it('is not taken for the line after it when it ends at last [5.7]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }, {}] });
    const stuck = commands.latest;
    commands.clock.increment(32_000);

    stuck.ends();

    expect(commands.state).toBe('running.working');
    expect(commands.output).toBeUndefined();
  });

  it('within 2 s leaves its result after all [8.5]', () => {
    const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }] });
    commands.clock.increment(31_999);

    commands.latest.ends(failed('a'));

    expect(commands.output).toEqual([failed('a')]);
  });
});

describe('commands that are asked to finish', () => {
  it('send TERM to the one that runs, and KILL 5 s later [8.5]', () => {
    const { clock, latest, finish } = runningCommands({ lines: [{}], untilMs: NOW + 60_000 });

    finish();
    const seen = [0, 4_999, 1].map((ms) => {
      clock.increment(ms);
      return [...latest.signals];
    });

    expect(seen).toEqual([['SIGTERM'], ['SIGTERM'], ['SIGTERM', 'SIGKILL']]);
  });

  it('send KILL sooner to one whose limit is short: a third of it later [8.5]', () => {
    const { clock, latest, finish } = runningCommands({ lines: [{ timeoutMs: 3_000 }] });

    finish();
    clock.increment(999);
    const before = [...latest.signals];
    clock.increment(1);

    expect(before).toEqual(['SIGTERM']);
    expect(latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('do so also when the turn of that one was not told yet [8.5]', () => {
    const { clock, latest, finish } = runningCommands({ lines: [{}], untilMs: NOW + 60_000, silent: true });

    finish();
    latest.begins();
    clock.increment(5_000);

    expect(latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('keep the result of the one that ran [5.7]', () => {
    const commands = runningCommands({ lines: [{}], endAtFailure: true });

    commands.finish();
    commands.latest.ends(failed('a'));

    expect(commands.output).toEqual([failed('a')]);
  });

  it('begin nothing more on the way up, and have no word on the rest [5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}], endAtFailure: true });

    commands.finish();
    commands.latest.ends(succeeded('a'));

    expect(commands.names()).toEqual(['a']);
    expect(commands.output).toEqual([succeeded('a')]);
  });

  it('begin nothing more on the way down, and report the rest as not run [5.7]', () => {
    const commands = runningCommands({ lines: [{}, {}, {}] });

    commands.finish();
    commands.latest.ends(succeeded('a'));

    expect(commands.names()).toEqual(['a']);
    expect(commands.output).toEqual([succeeded('a'), notRun('b'), notRun('c')]);
  });

  it.each([
    { state: 'running.terminating', afterMs: 25_000, killAfterMs: 5_000 },
    { state: 'running.killing', afterMs: 30_000, killAfterMs: 0 },
  ])(
    'change nothing for one that is $state already, but begin nothing more [8.5]',
    ({ state, afterMs, killAfterMs }) => {
      const commands = runningCommands({ lines: [{ timeoutMs: 30_000 }, {}] });
      commands.clock.increment(afterMs);
      const before = commands.state;

      commands.finish();
      commands.clock.increment(killAfterMs);
      const { signals } = commands.latest;
      commands.latest.ends(failed('a'));

      expect(before).toBe(state);
      expect(signals).toEqual(['SIGTERM', 'SIGKILL']);
      expect(commands.output).toEqual([failed('a'), notRun('b')]);
    },
  );

  it('may have very many lines left to report [5.7]', () => {
    const commands = runningCommands({ lines: Array.from({ length: 1_000 }, () => ({})) });

    commands.finish();
    commands.latest.ends();

    expect(commands.output).toHaveLength(1_000);
  });
});

describe('the sentence of a failed command', () => {
  it.each([
    { result: { ...failed('/bin/save', 'now'), exitCode: 3 }, problem: '/bin/save now: exited with 3' },
    {
      result: { ...failed('/bin/save'), exitCode: null, signal: 'SIGKILL' },
      problem: '/bin/save: was ended by SIGKILL',
    },
    { result: { ...failed('/bin/save'), problem: 'ran out of time' }, problem: '/bin/save: ran out of time' },
  ])('is "$problem" [8.3]', ({ result, problem }) => {
    const problems = problemsOf([succeeded('/bin/true'), result]);

    expect(problems).toEqual([problem]);
  });
});
