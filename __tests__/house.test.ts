/** That the house stands as its table of floors says. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pageProblems, pointCount, unknownPoints, untestedPoints } from '../tools/contract.ts';
import { cycles, folders, forbiddenImports, importsBelow } from '../tools/floors.ts';
import { namesOfTests } from '../tools/test-names.ts';

describe('the floors', () => {
  it('let nobody import what the table does not name', () => {
    expect(forbiddenImports(importsBelow(process.cwd()))).toEqual([]);
  });

  it('have no rings', () => {
    expect(cycles(importsBelow(process.cwd()))).toEqual([]);
  });

  it.each([
    { file: 'machines/a.ts', text: "import { readFileSync } from 'node:fs';", names: 'node:fs' },
    { file: 'machines/a.ts', text: "import { look } from '../adapters/ec2.ts';", names: 'adapters/ec2.ts' },
    { file: 'actors/a.ts', text: "import { look } from '../adapters/ec2.ts';", names: 'adapters/ec2.ts' },
    { file: 'adapters/sns.ts', text: "import { look } from './ec2.ts';", names: 'adapters/ec2.ts' },
    { file: 'config/a.ts', text: "export * from 'xstate';", names: 'xstate' },
    {
      file: 'simulator/a.ts',
      text: "const late = () => import('../machines/domain.ts');",
      names: 'machines/domain.ts',
    },
  ])('name $file, its import of $names, and the floors it may come from', ({ file, text, names }) => {
    const [problem = ''] = forbiddenImports(importsOfTree({ [file]: text }));

    expect(problem).toContain(`${file} imports ${names}`);
    expect(problem).toContain('may import');
  });

  it('take types from further down than values', () => {
    const problems = forbiddenImports(
      importsOfTree({ 'actors/a.ts': "import type { Volumes } from '../adapters/ec2.ts';" }),
    );

    expect(problems).toEqual([]);
  });

  it('see a ring of three', () => {
    const imports = importsOfTree({
      'config/a.ts': "import { b } from './b.ts';",
      'config/b.ts': "import { c } from './c.ts';",
      'config/c.ts': "import { a } from './a.ts';",
    });

    expect(cycles(imports)).toEqual(['config/a.ts → config/b.ts → config/c.ts → config/a.ts']);
  });
});

const contract = '## 1. For whom\n\n## 2. Command line\n\n`2.1` It runs.\n- `2.2` It ends.\n';
const page = '## 1. For whom\n\n## 2. Command line\n\n- `2.1` runs; see 2.2 and `2.2`\n- `2.2` ends\n';

describe('the page of the contract', () => {
  it('has the points of the contract', () => {
    expect(pageProblems(process.cwd()) ?? []).toEqual([]);
  });

  it.each([
    { what: 'all is there', text: page, problems: [] },
    { what: 'a point is missing', text: page.replace(/^- `2\.1`.*\n/m, ''), problems: ['docs/contract.md lacks 2.1'] },
    { what: 'a section is missing', text: page.replace('## 1. ', ''), problems: ['docs/contract.md lacks 1'] },
    {
      what: 'there is one more',
      text: `${page}- \`2.3\` more\n`,
      problems: ['docs/contract.md has 2.3, which the contract has not'],
    },
    { what: 'one is there twice', text: `${page}- \`2.1\` runs\n`, problems: ['docs/contract.md has 2.1 twice'] },
    {
      what: 'they stand in another order',
      text: page.replace(/(- `2\.1`.*\n)(- `2\.2`.*\n)/, '$2$1'),
      problems: ['docs/contract.md has its points in another order'],
    },
  ])('is held against it: $what', ({ text, problems }) => {
    expect(inTree({ 'shared/behaviour.md': contract, 'main/docs/contract.md': text }, pageProblems)).toEqual(problems);
  });

  it('is held only against itself where the contract is not beside the checkout', () => {
    expect(inTree({ 'main/docs/contract.md': page.replaceAll('2.', '3.') }, pageProblems)).toBeUndefined();
    expect(inTree({ 'main/docs/contract.md': `${page}- \`2.1\` runs\n` }, pageProblems)).toHaveLength(1);
  });
});

describe('points of the contract', () => {
  const treeOf = (text: string) => ({ 'main/docs/contract.md': page, 'main/__tests__/a.test.ts': text });

  it('that tests name are there', () => {
    expect(unknownPoints(process.cwd())).toEqual([]);
  });

  it('that a test names and that are none are told with that test, also without the contract', () => {
    expect(inTree(treeOf("it('ends [2.2, 2.9]', () => {});"), unknownPoints)).toEqual([
      '__tests__/a.test.ts: there is no point 2.9: ends [2.2, 2.9]',
    ]);
  });

  it.each([
    { text: "it('ends [2.1, 2.2]', () => {});", without: [] },
    { text: "describe('an end [2.1]', () => { it('comes [2.2]', () => {}); });", without: [] },
    { text: "// it('runs [2.1]'\nit('ends [2.2]', () => {});", without: ['2.1'] },
    { text: "it('ends [2.2]', () => { expect('[2.1]').toBe('2.1'); });", without: ['2.1'] },
    { text: "describe('an end [2.1]', () => { end(); }); it('comes [2.2]', () => {});", without: ['2.1'] },
    { text: "describe.skip('runs [2.1]', () => { it('ends [2.2]', () => {}); });", without: ['2.1', '2.2'] },
    { text: "it.skip('runs [2.1]', () => {}); it.todo('ends [2.2]');", without: ['2.1', '2.2'] },
  ])('have a test when its name holds them, or that of a group around it: $text', ({ text, without }) => {
    const tree = { ...treeOf(text), 'shared/behaviour.md': contract };

    expect(inTree(tree, untestedPoints)).toEqual(without);
    expect(inTree(tree, pointCount)).toBe(2);
  });

  it('are not asked for where the contract is not beside the checkout', () => {
    expect(inTree(treeOf(''), untestedPoints)).toBeUndefined();
    expect(inTree(treeOf(''), pointCount)).toBeUndefined();
  });
});

describe('names of tests', () => {
  it.each([
    ["test('a', f)", ['a']],
    ["it.each([1])('takes %s', f)", ['takes %s']],
    ['it.each`x\n$' + "{1}`('takes $x', f)", ['takes $x']],
    ["describe.each(table)('of', () => it('one', f))", ['of one']],
    ["describe('a', () => { describe('b', () => it('c', f)); test('d', f); })", ['a b c', 'a d']],
    ["(can ? describe : describe.skip)('a', () => it('b', f))", ['a b']],
    ["describe.skip.each([1])('a', () => it('b', f))", []],
    ["describe('a', () => {})", []],
    ["(can ? it : it.skip)('a', f)", ['a']],
    ["(can ? it.each(list) : it.skip.each(['none']))('a %s', f)", ['a %s']],
    ['it(`the $' + '{kind} of it`, f)', ['the … of it']],
    ["it.only('a', f)", ['a']],
    ["helper('a'); expect(it).toBe('b')", []],
  ])('are found in %s', (source, names) => {
    expect(namesOfTests(source)).toEqual(names);
  });
});

/** The imports of a made-up source tree. */
function importsOfTree(files: Record<string, string>) {
  return inTree(files, importsBelow, folders);
}

/** What is found in a made-up tree. Where a path begins with `main/`, that is the checkout, and the rest is beside it. */
function inTree<Found>(
  files: Record<string, string>,
  find: (root: string) => Found,
  empty: readonly string[] = [],
): Found {
  const root = mkdtempSync(path.join(tmpdir(), 'ec2fleetd-house-'));
  try {
    for (const folder of [...empty, ...Object.keys(files).map(path.dirname)])
      mkdirSync(path.join(root, folder), { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(root, file), text);
    return find(Object.keys(files).some((file) => file.startsWith('main/')) ? path.join(root, 'main') : root);
  } finally {
    rmSync(root, { recursive: true });
  }
}
