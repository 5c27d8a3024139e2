import { isNotified, linesFor, receiverOf, sourcesOf, volumeLines } from '../config/commands.ts';
import { type EventName, eventNames } from '../config/events.ts';
import { isSuccess, parseExitCodes } from '../config/exit-codes.ts';
import { loadConfig } from '../config/load.ts';
import type { DomainConfig } from '../config/schema.ts';

describe('command lines', () => {
  it('run in file order, those of groups without `on` before those that name the event [8.2]', () => {
    const { exec } = domain({
      exec: [
        { on: 'started', lines: [named('b1'), named('b2')] },
        { lines: [named('a1')] },
        { on: ['stopping', 'started'], lines: [named('b3')] },
        { lines: [named('a2')] },
        { on: 'failed', lines: [named('never')] },
      ],
    });

    expect(linesFor(exec, 'started').map(({ argv }) => argv[0])).toEqual(['a1', 'a2', 'b1', 'b2', 'b3']);
  });

  it('without `on` run for the five old events and not for the new ones [3.3]', () => {
    const { exec } = domain({ exec: [{ lines: [named('a')] }] });

    expect(eventNames.filter((event) => linesFor(exec, event).length > 0)).toEqual([
      'starting',
      'started',
      'interrupted',
      'stopping',
      'failed',
    ]);
  });

  it.each<[string, EventName]>([
    ['start', 'started'],
    ['stop', 'stopping'],
    ['fail', 'failed'],
    ['interrupt', 'interrupted'],
  ])('take the earlier event name %s for %s [14.1]', (old, event) => {
    const { exec } = domain({ exec: [{ on: old, lines: [named('a')] }] });

    expect(eventNames.filter((name) => linesFor(exec, name).length > 0)).toEqual([event]);
  });

  it('inherit from their group what they do not say themselves [8.3, 8.5, 8.8]', () => {
    const { exec } = domain({
      exec: [
        {
          ec: '0-1',
          timeout: 2.5,
          env: { A: 'group', B: 'group' },
          cwd: '/group',
          user: 'group',
          lines: [
            named('inherits'),
            { argv: ['overrides'], ec: null, timeout: 1, env: { B: 'line' }, cwd: '/line', user: 'line' },
          ],
        },
      ],
    });

    expect(linesFor(exec, 'started')).toEqual([
      {
        argv: ['inherits'],
        success: [[0, 1]],
        timeoutMs: 2500,
        env: { A: 'group', B: 'group' },
        cwd: '/group',
        user: 'group',
      },
      {
        argv: ['overrides'],
        success: null,
        timeoutMs: 1000,
        env: { A: 'group', B: 'line' },
        cwd: '/line',
        user: 'line',
      },
    ]);
  });

  it('accept exit code 0 alone and have no limit of their own by default [8.3, 8.5]', () => {
    const { exec } = domain({ exec: [{ lines: [named('a')] }] });

    expect(linesFor(exec, 'started')).toEqual([{ argv: ['a'], success: [[0, 0]], env: {} }]);
  });

  it('of a volume run once, on the way up, whatever other events their groups name [3.3, 6.8]', () => {
    const [volume] = domain({
      'attach-volume': [
        {
          device: 'sdf',
          source: 'x',
          'volume-id': 'vol-1',
          exec: [
            { on: 'starting', lines: [named('b')] },
            { on: 'started', lines: [named('never')] },
            { lines: [named('a')] },
          ],
        },
      ],
    })['attach-volume'];

    expect(volume && volumeLines(volume).map(({ argv }) => argv[0])).toEqual(['a', 'b']);
  });
});

describe('exit codes', () => {
  it.each([
    [0, [[0, 0]]],
    [
      [0, 3],
      [
        [0, 0],
        [3, 3],
      ],
    ],
    [
      '0-1,142',
      [
        [0, 1],
        [142, 142],
      ],
    ],
    [
      ' 0 - 127 , 130 ',
      [
        [0, 127],
        [130, 130],
      ],
    ],
    [
      ['0-1', 5],
      [
        [0, 1],
        [5, 5],
      ],
    ],
    [null, null],
  ])('%j reads as %j [8.3]', (spec, ranges) => {
    expect(parseExitCodes(spec)).toEqual(ranges);
  });

  it('ranges include both ends [8.3, 14.2]', () => {
    const codes = parseExitCodes('2-4');

    expect([1, 2, 3, 4, 5].filter((code) => isSuccess(codes, code))).toEqual([2, 3, 4]);
  });

  it('null accepts every one [8.3]', () => {
    expect(isSuccess(null, 255)).toBe(true);
  });
});

describe('receivers', () => {
  it.each<[EventName, boolean]>([
    ['starting', false],
    ['started', true],
    ['interrupted', true],
    ['stopping', true],
    ['failed', true],
    ['noticed', false],
    ['at-risk', false],
  ])('are told about %s unless their matrix says otherwise: %s [3.3]', (event, byDefault) => {
    expect(isNotified(receiver({}), event)).toBe(byDefault);
    expect(isNotified(receiver({ matrix: { [event]: { enabled: !byDefault } } }), event)).toBe(!byDefault);
    expect(isNotified(receiver({ matrix: { [event]: {} } }), event)).toBe(true);
  });

  it('find an event in the matrix under its earlier name, too [14.1]', () => {
    expect(isNotified(receiver({ matrix: { stop: { enabled: false } } }), 'stopping')).toBe(false);
    expect(
      isNotified(receiver({ matrix: { stop: { enabled: false }, stopping: { enabled: true } } }), 'stopping'),
    ).toBe(true);
  });

  it.each([
    ['aws-sns', { topic: 'T', region: 'R' }, { backend: 'aws-sns', target: 'T', region: 'R' }],
    ['aws-sqs', { 'queue-url': 'Q' }, { backend: 'aws-sqs', target: 'Q' }],
    ['ans-sqs', { 'queue-url': 'Q' }, { backend: 'aws-sqs', target: 'Q' }],
  ])('%s with %j is %j [3.3]', (backend, options, expected) => {
    expect(receiverOf(receiver({ backend, options }))).toEqual(expected);
  });
});

describe('sources', () => {
  it.each(['xpc', ['x', 'p', 'c']] as const)('%j are tried in the order written [6.1]', (source) => {
    expect(sourcesOf({ source: source as string })).toEqual(['x', 'p', 'c']);
  });
});

function named(program: string) {
  return { argv: [program] };
}

function receiver(fields: object) {
  const [notify] = domain({ notify: [{ backend: 'aws-sns', options: { topic: 'T' }, ...fields }] }).notify;
  if (notify === undefined) throw new Error('no receiver');
  return notify;
}

function domain(fields: object): DomainConfig {
  const { config } = loadConfig(JSON.stringify({ domains: { web: fields } }), 'f', { strict: true });
  const web = config?.domains.web;
  if (web === undefined) throw new Error('no domain');
  return web;
}
