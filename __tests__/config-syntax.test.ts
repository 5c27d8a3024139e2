import { ConfigError, problemLine } from '../config/errors.ts';
import { loadConfig } from '../config/load.ts';

describe('what JSON5 has and JSON with comments has not', () => {
  it.each([
    [`{'timeout': 5}`, `f:1:2: unexpected "'". Strings and keys stand in double quotes: write "timeout".`],
    [`{"hostname": 'it\\'s'}`, `f:1:14: unexpected "'". Strings and keys stand in double quotes: write "it's".`],
    [`{timeout: 5}`, 'f:1:2: unexpected "t". Keys stand in double quotes: write "timeout".'],
    [`{stop-timeout : 5}`, 'f:1:2: unexpected "s". Keys stand in double quotes: write "stop-timeout".'],
    [`{“timeout”: 5}`, 'f:1:2: unexpected "“". Strings and keys stand in double quotes: write "timeout".'],
    [`{"hostname": web}`, 'f:1:14: unexpected "w". Strings stand in double quotes: write "web".'],
    [
      `{"timeout": 60s}`,
      'f:1:13: unexpected "6". Strings stand in double quotes: write "60s". If it is a number, write it without unit.',
    ],
    [
      `{"require-all": yes}`,
      'f:1:17: unexpected "y". Strings stand in double quotes: write "yes". A switch is true or false.',
    ],
    [`{"require-all": False}`, 'f:1:17: False is not JSON: write false.'],
    [`{"timeout": 0x10}`, 'f:1:13: 0x10 is not how JSON writes a number: write 16.'],
    [`{"timeout": +5}`, 'f:1:13: +5 is not how JSON writes a number: write 5.'],
    [`{"timeout": 5.}`, 'f:1:13: 5. is not how JSON writes a number: write 5.'],
    [
      `{"timeout": -Infinity}`,
      'f:1:13: unexpected "-". Strings stand in double quotes: write "-Infinity". If it is a number, JSON has none like it.',
    ],
    [
      `{"hostname": 'two \\\nlines "quoted"'}`,
      `f:1:14: unexpected "'". Strings and keys stand in double quotes: write "two lines \\"quoted\\"".`,
    ],
    [`{"timeout": .5}`, 'f:1:13: .5 is not how JSON writes a number: write 0.5.'],
    ['{"hostname": web // "a":\n}', 'f:1:14: unexpected "w". Strings stand in double quotes: write "web".'],
    [`# mine\n{}`, 'f:1:1: unexpected "#". Comments begin with //.'],
  ])('%s: one problem that names the character and says what to write [3.1]', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it('gets one problem for each occurrence, and the rest is checked as it was meant [3.1]', () => {
    const text = `{
      domains: {
        'web': { 'update-route53': [{ hostedzone: 'Z1', name: 'a', ttl: '60s' }] },
      },
    }`;

    expect(problemsOf(text).filter((problem) => problem.includes('unexpected'))).toHaveLength(9);
    expect(problemsOf(text).filter((problem) => !problem.includes('unexpected'))).toEqual([
      'f:3:73 domains["web"].update-route53[0].ttl: expected a whole number of seconds, got "60s".',
    ]);
  });

  it('leaves the columns of what follows right [3.1]', () => {
    expect(problemsOf('{ stop-timeout: 5, "timeout": "10m" }')).toContainEqual(
      'f:1:31 timeout: expected a number of seconds, got "10m".',
    );
  });

  it('says nothing of quotes, braces and # in strings and comments', () => {
    expect(problemsOf(`{ /* it's {not} # mine */ "hostname": "it's # {{here}} \\" {{ 'x'" } // don't`)).toEqual([]);
  });
});

describe('broken JSON', () => {
  it.each([
    ['{"timeout": 1 "stop-timeout": 2}', 'f:1:15: a comma is missing before this.'],
    ['{"timeout" 1}', 'f:1:12: a colon is missing here, between key and value.'],
    ['{"timeout": }', 'f:1:13: a value is missing here.'],
    ['{"domains": {}', 'f:1:15: the file ends before every { is closed. Add }.'],
    ['{"a": [1}', 'f:1:9: this bracket closes something that was opened with another: { goes with }, [ with ].'],
    ['{}}', 'f:1:3: the configuration ends before this. Remove what is too much, often one } more than was opened.'],
    ['{} {}', 'f:1:4: the configuration ends before this. Remove what is too much, often one } more than was opened.'],
    ['{"hostname": "a\n}', 'f:1:14: this string is never closed. Add a double quote.'],
    [
      '{"hostname": "a\\q"}',
      'f:1:14: this string has a backslash before a character that needs none. Write \\\\ for a backslash.',
    ],
    [
      '{"hostname": "a\tb"}',
      'f:1:14: this string has a control character in it. Write \\t for a tab and \\n for a line end.',
    ],
    ['/* never', 'f:1:1: this comment is never closed. Add */.'],
    ['[]', 'f:1:1: expected an object in braces { }: a configuration is JSON with comments.'],
    ['null', 'f:1:1: expected an object in braces { }: a configuration is JSON with comments.'],
    ['domains:\n  web: {}\n', 'f:1:1: expected an object in braces { }: a configuration is JSON with comments.'],
    ['<xml a="b"/>', 'f:1:1: expected an object in braces { }: a configuration is JSON with comments.'],
  ])('%j: one problem, no cascade [3.1]', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it('nested out of all reason: one problem [3.1]', () => {
    expect(problemsOf('{"a":'.repeat(200))).toEqual(['f:1:1: nested deeper than 100 levels.']);
  });

  it('counts lines and columns as editors do [3.1]', () => {
    expect(problemsOf('{\r\n\t"timeout": "é",\r\n"stop-timeout": ""}')).toEqual([
      'f:2:13 timeout: expected a number of seconds, got "é".',
      'f:3:17 stop-timeout: expected a number of seconds, got "".',
    ]);
  });

  it.each([
    ['quotes', "'".repeat(100_000)],
    ['braces', '{'.repeat(100_000)],
    ['words', `{${'a '.repeat(100_000)}}`],
    ['an unclosed comment', `{/*${' '.repeat(100_000)}`],
    ['comments and stars', `{${'/*'.repeat(100_000)}`],
    ['keys', `{${'"a":1,'.repeat(20_000)}}`],
    ['macros', JSON.stringify({ hostname: '{a'.repeat(100_000) })],
    ['unknown macros', JSON.stringify({ hostname: '{a}'.repeat(20_000) })],
    ['words before a comment', `{${'a/**/ '.repeat(20_000)}}`],
  ])('is found in reasonable time: %s', (_, text) => {
    const before = performance.now();

    problemsOf(text);

    expect(performance.now() - before).toBeLessThan(3_000);
  });
});

function problemsOf(text: string): string[] {
  try {
    loadConfig(text, 'f', { strict: false });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(problemLine);
    throw error;
  }
}
