import { fromCallback } from 'xstate';
import type { CommandLine, CommandResult } from '../config/vocabulary.ts';
import {
  type CommandInput,
  type CommandSignal,
  type CommandsInput,
  type commandSteps,
  commandsMachine,
  problemsOf,
} from '../machines/commands.ts';
import { failed, succeeded } from './helpers/domain.ts';
import { started } from './helpers/scripted.ts';

/** What is started at this point of the monotonic clock, unless told otherwise. */
const NOW = 1_000;

interface Running {
  name: string;
  input: CommandInput;
  signals: string[];
  /** Says that its process is there. */
  starts(atMs?: number): void;
  ends(result?: CommandResult): void;
}

/** Lines of the names `a`, `b`, …, and the commands that were begun of them. */
function scripted(settings: Partial<Omit<CommandsInput, 'lines'>> & { lines: Array<Partial<CommandLine>> }) {
  const running: Running[] = [];
  const runCommand = fromCallback<CommandSignal, CommandInput>(({ input, sendBack, receive }) => {
    const name = input.line.argv[0] ?? '';
    const signals: string[] = [];
    receive(({ signal }) => signals.push(signal));
    running.push({
      name,
      input,
      signals,
      starts: (atMs = NOW) => sendBack({ type: 'command.started', atMs }),
      ends: (result = succeeded(name)) => sendBack({ type: 'command.ended', result }),
    });
  });
  const machine = commandsMachine.provide({ actors: { runCommand } satisfies typeof commandSteps });
  const commands = started(machine, {
    occasion: { domain: 'web', event: 'interrupted', failures: [], results: [], recordNames: [] },
    endAtFailure: false,
    ...settings,
    lines: settings.lines.map((line, i) => ({ argv: [nameOf(i)], success: null, env: {}, ...line })),
  });
  return {
    commands,
    clock: commands.clock,
    running,
    names: () => running.map(({ name }) => name),
    /** The command that was begun last. */
    get latest(): Running {
      const command = running.at(-1);
      if (command === undefined) throw new Error('no command has begun');
      return command;
    },
    finish: () => commands.actor.send({ type: 'step.finish' }),
    get state(): string {
      return commands.state;
    },
    get output(): CommandResult[] | undefined {
      return commands.output;
    },
  };
}

const nameOf = (index: number) => String.fromCharCode('a'.charCodeAt(0) + index);

describe('the commands of an event', () => {
  it('are none where there is no line [8.2]', () => {
    const { output, running } = scripted({ lines: [] });

    expect(output).toEqual([]);
    expect(running).toEqual([]);
  });

  it('run one after the other, in the order written, each with the results of those before it [8.2]', () => {
    const commands = scripted({ lines: [{}, {}] });
    const first = commands.names();

    commands.latest.ends(succeeded('a'));
    commands.latest.ends(succeeded('b'));

    expect(first).toEqual(['a']);
    expect(commands.names()).toEqual(['a', 'b']);
    expect(commands.running.map(({ input }) => input.occasion.results.length)).toEqual([0, 1]);
    expect(commands.output).toEqual([succeeded('a'), succeeded('b')]);
  });

  it('end at the first failing line on the way up [5.7]', () => {
    const commands = scripted({ lines: [{}, {}], endAtFailure: true });

    commands.latest.ends(failed('a'));

    expect(commands.names()).toEqual(['a']);
    expect(commands.output).toEqual([failed('a')]);
  });

  it('go on after a failing line on the way down [5.7]', () => {
    const commands = scripted({ lines: [{}, {}], endAtFailure: false });

    commands.latest.ends(failed('a'));
    commands.latest.ends(succeeded('b'));

    expect(commands.output).toEqual([failed('a'), succeeded('b')]);
  });

  it('may end before they are known to have started, as one that cannot be started does [8.3]', () => {
    const commands = scripted({ lines: [{}], untilMs: NOW + 60_000 });
    const unstarted = { ...failed('a'), exitCode: null, problem: 'there is no such program' };

    commands.latest.ends(unstarted);

    expect(commands.output).toEqual([unstarted]);
  });

  it('may end in the very moment in which they begin', () => {
    const machine = commandsMachine.provide({
      actors: {
        runCommand: fromCallback<CommandSignal, CommandInput>(({ sendBack }) => {
          sendBack({ type: 'command.started', atMs: NOW });
          sendBack({ type: 'command.ended', result: succeeded('a') });
        }),
      },
    });

    const commands = started(machine, {
      occasion: { domain: 'web', event: 'started', failures: [], results: [], recordNames: [] },
      lines: Array.from({ length: 3 }, () => ({ argv: ['a'], success: null, env: {} })),
      endAtFailure: true,
      untilMs: 60_000,
    });

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

    const { errors } = started(machine, {
      occasion: { domain: 'web', event: 'started', failures: [], results: [], recordNames: [] },
      lines: [{ argv: ['a'], success: null, env: {} }],
      endAtFailure: true,
    });

    expect(errors).toEqual([new Error('a defect')]);
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
    const { clock, latest } = scripted({
      lines: [timeoutMs === undefined ? {} : { timeoutMs }],
      ...(leftMs === undefined ? {} : { untilMs: NOW + leftMs }),
    });
    latest.starts();

    const seen = [termMs - 1, 1, killMs - termMs - 1, 1].map((ms) => {
      clock.increment(ms);
      return [...latest.signals];
    });

    expect(seen).toEqual([[], ['SIGTERM'], ['SIGTERM'], ['SIGTERM', 'SIGKILL']]);
  });

  it('is none without a timeout and a deadline [8.5]', () => {
    const { clock, latest } = scripted({ lines: [{}] });
    latest.starts();

    clock.increment(1_000_000_000);

    expect(latest.signals).toEqual([]);
  });

  it('counts from its start, not from when it was asked for [8.5]', () => {
    const { clock, latest } = scripted({ lines: [{ timeoutMs: 30_000 }] });
    clock.increment(29_000);
    latest.starts();

    clock.increment(24_999);

    expect(latest.signals).toEqual([]);
  });

  it('leaves the second line what the first has left of the deadline [8.5]', () => {
    const commands = scripted({ lines: [{}, {}], untilMs: NOW + 60_000 });
    commands.latest.starts(NOW);
    commands.clock.increment(40_000);
    commands.latest.ends();
    commands.latest.starts(NOW + 40_000);

    commands.clock.increment(14_999);
    const before = [...commands.latest.signals];
    commands.clock.increment(1);

    expect(before).toEqual([]);
    expect(commands.latest.signals).toEqual(['SIGTERM']);
  });

  it('counts a stop timeout from the start of the first line, for all of them together [5.6, 8.5]', () => {
    const commands = scripted({ lines: [{}, {}], withinMs: 90_000 });
    commands.latest.starts(NOW);
    commands.clock.increment(60_000);
    commands.latest.ends();
    commands.latest.starts(NOW + 60_000);

    commands.clock.increment(24_999);
    const before = [...commands.latest.signals];
    commands.clock.increment(1);

    expect(before).toEqual([]);
    expect(commands.latest.signals).toEqual(['SIGTERM']);
  });

  it('counts a stop timeout from the first line that does start [5.6, 8.5]', () => {
    const commands = scripted({ lines: [{}, {}, {}], withinMs: 90_000 });
    commands.latest.ends(failed('a'));
    commands.latest.starts(NOW);
    commands.clock.increment(60_000);
    commands.latest.ends();
    commands.latest.starts(NOW + 60_000);

    commands.clock.increment(30_000);

    expect(commands.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('is the earlier of a deadline and a stop timeout where there are both [8.5]', () => {
    const commands = scripted({ lines: [{}], untilMs: NOW + 30_000, withinMs: 90_000 });
    commands.latest.starts(NOW);

    commands.clock.increment(30_000);

    expect(commands.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('is over at once where the deadline was past before the line began [8.5]', () => {
    const commands = scripted({ lines: [{}], untilMs: NOW - 1 });
    commands.latest.starts(NOW);

    commands.clock.increment(0);

    expect(commands.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('of one line is nothing to the next: its timers go with it [8.5]', () => {
    const commands = scripted({ lines: [{ timeoutMs: 30_000 }, {}] });
    commands.latest.starts();
    commands.clock.increment(24_000);
    commands.latest.ends();
    commands.latest.starts();

    commands.clock.increment(600_000);

    expect(commands.latest.signals).toEqual([]);
  });

  it('of one line is nothing to the next: a short one does not shorten the time to finish of a line that has none [8.5]', () => {
    const commands = scripted({ lines: [{ timeoutMs: 3_000 }, {}] });
    commands.latest.starts();
    commands.latest.ends();
    commands.latest.starts();

    commands.finish();
    commands.clock.increment(4_999);
    const before = [...commands.latest.signals];
    commands.clock.increment(1);

    expect(before).toEqual(['SIGTERM']);
    expect(commands.latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('is over with the command: one that ends after TERM gets no KILL [8.5]', () => {
    const commands = scripted({ lines: [{ timeoutMs: 30_000 }] });
    commands.latest.starts();
    commands.clock.increment(25_000);

    commands.latest.ends(failed('a'));
    commands.clock.increment(60_000);

    expect(commands.latest.signals).toEqual(['SIGTERM']);
    expect(commands.output).toEqual([failed('a')]);
  });
});

describe('a deadline that is reached', () => {
  it('leaves no time for the rest: on the way down each is reported as not run [5.7, 8.5]', () => {
    const commands = scripted({ lines: [{}, {}, {}], untilMs: NOW + 60_000 });
    commands.latest.starts();
    commands.clock.increment(60_000);

    commands.latest.ends(failed('a'));

    expect(commands.names()).toEqual(['a']);
    expect(commands.output).toEqual([
      failed('a'),
      expect.objectContaining({ argv: ['b'], succeeded: false, problem: 'not run: no time was left' }),
      expect.objectContaining({ argv: ['c'], succeeded: false, problem: 'not run: no time was left' }),
    ]);
  });

  it('is another thing than the timeout of a line, after which the rest still run [5.7]', () => {
    const commands = scripted({ lines: [{ timeoutMs: 30_000 }, {}], untilMs: NOW + 60_000 });
    commands.latest.starts();
    commands.clock.increment(30_000);

    commands.latest.ends(failed('a'));

    expect(commands.names()).toEqual(['a', 'b']);
  });

  it('still lets the next line run when TERM ended the one before it in time [5.7]', () => {
    const commands = scripted({ lines: [{}, {}], untilMs: NOW + 60_000 });
    commands.latest.starts();
    commands.clock.increment(55_000);

    commands.latest.ends(failed('a'));

    expect(commands.names()).toEqual(['a', 'b']);
  });
});

describe('a command that KILL does not end', () => {
  it('is given up after 2 s, and its result says so [8.5]', () => {
    const commands = scripted({ lines: [{ timeoutMs: 30_000 }] });
    commands.latest.starts();

    commands.clock.increment(31_999);
    const before = commands.state;
    commands.clock.increment(1);

    expect(before).toBe('running.killing');
    expect(commands.output).toEqual([
      expect.objectContaining({ argv: ['a'], exitCode: null, succeeded: false, problem: 'SIGKILL did not end it' }),
    ]);
  });

  it('does not keep the rest from running on the way down [5.7]', () => {
    const commands = scripted({ lines: [{ timeoutMs: 30_000 }, {}] });
    commands.latest.starts();

    commands.clock.increment(32_000);

    expect(commands.names()).toEqual(['a', 'b']);
  });

  it('ends the event on the way up [5.7]', () => {
    const commands = scripted({ lines: [{ timeoutMs: 30_000 }, {}], endAtFailure: true });
    commands.latest.starts();

    commands.clock.increment(32_000);

    expect(commands.names()).toEqual(['a']);
    expect(commands.state).toBe('ended');
  });

  it('is not taken for the line after it when it ends at last [5.7]', () => {
    const commands = scripted({ lines: [{ timeoutMs: 30_000 }, {}] });
    const stuck = commands.latest;
    stuck.starts();
    commands.clock.increment(32_000);

    stuck.ends();

    expect(commands.state).toBe('running.working');
    expect(commands.output).toBeUndefined();
  });
});

describe('commands that are asked to finish', () => {
  it('send TERM to the one that runs, and KILL 5 s later [8.5]', () => {
    const { clock, latest, finish } = scripted({ lines: [{}], untilMs: NOW + 60_000 });
    latest.starts();

    finish();
    const atOnce = [...latest.signals];
    clock.increment(4_999);
    const before = [...latest.signals];
    clock.increment(1);

    expect(atOnce).toEqual(['SIGTERM']);
    expect(before).toEqual(['SIGTERM']);
    expect(latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('do so also when that one is not yet known to have started [8.5]', () => {
    const { clock, latest, finish } = scripted({ lines: [{}], untilMs: NOW + 60_000 });

    finish();
    latest.starts();
    clock.increment(5_000);

    expect(latest.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('begin nothing more on the way up, and have no word on the rest [5.7]', () => {
    const commands = scripted({ lines: [{}, {}], endAtFailure: true });

    commands.finish();
    commands.latest.ends(succeeded('a'));

    expect(commands.names()).toEqual(['a']);
    expect(commands.output).toEqual([succeeded('a')]);
  });

  it('begin nothing more on the way down, and report the rest as not run [5.7]', () => {
    const commands = scripted({ lines: [{}, {}, {}] });

    commands.finish();
    commands.latest.ends(succeeded('a'));

    expect(commands.names()).toEqual(['a']);
    expect(commands.output?.map(({ problem }) => problem)).toEqual([
      undefined,
      'not run: no time was left',
      'not run: no time was left',
    ]);
  });

  it.each([
    { state: 'running.terminating', afterMs: 25_000, killAfterMs: 5_000 },
    { state: 'running.killing', afterMs: 30_000, killAfterMs: 0 },
  ])(
    'change nothing for one that is $state already, but begin nothing more [8.5]',
    ({ state, afterMs, killAfterMs }) => {
      const commands = scripted({ lines: [{ timeoutMs: 30_000 }, {}] });
      commands.latest.starts();
      commands.clock.increment(afterMs);
      const before = commands.state;

      commands.finish();
      commands.clock.increment(killAfterMs);
      const { signals } = commands.latest;
      commands.latest.ends(failed('a'));

      expect(before).toBe(state);
      expect(signals).toEqual(['SIGTERM', 'SIGKILL']);
      expect(commands.names()).toEqual(['a']);
      expect(commands.state).toBe('ended');
    },
  );

  it('may have very many lines left to report [5.7]', () => {
    const commands = scripted({ lines: Array.from({ length: 1_000 }, () => ({})) });

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
