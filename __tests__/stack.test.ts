/** Where a stack trace of the minified program leads. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildSync } from 'esbuild';

const SOURCE = `import { stackInSource } from '${path.resolve('cli/stack.ts')}';
const refusing = {
  refuse() {
    throw new RangeError('nobody thought of this');
  },
  input: (word: string) => refusing.refuse(),
};
function refuseNow() {
  ['one'].forEach((word) => [1234, refusing.input(word)]);
}
const refuseLater = (count: number) => (count > 0 ? refuseLater(count - 1) : refuseNow());
const waitAndRefuse = async (count: number) => {
  await Promise.resolve();
  refuseLater(count);
};
async function main() {
  try {
    await waitAndRefuse(1);
  } catch (error) {
    if (process.argv[2] === 'read') String((error as Error).stack);
    console.log(stackInSource(error as Error));
    console.log(new Error('another').stack);
  }
}
void main();
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'stack-'));
  writeFileSync(path.join(folder, 'story.ts'), SOURCE);
  buildSync({
    entryPoints: [path.join(folder, 'story.ts')],
    outfile: path.join(folder, 'dist/story.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    minify: true,
    sourcemap: 'external',
    sourcesContent: false,
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The program's first stack, line by line, without what Node adds of its own. */
function told(...args: string[]): { stack: string[]; later: string } {
  const [stack = '', later = ''] = execFileSync(process.execPath, [path.join(folder, 'dist/story.cjs'), ...args], {
    encoding: 'utf8',
  }).split(/^(?=Error: another)/m);
  return { stack: stack.trim().split('\n'), later };
}

describe('a stack trace', () => {
  it('has the names and places of the source [2.3]', () => {
    expect(told().stack).toEqual([
      'RangeError: nobody thought of this',
      '    at refuse (story.ts:4:11)',
      '    at input (story.ts:6:37)',
      '    at story.ts:9:45',
      '    at Array.forEach (<anonymous>)',
      '    at refuseNow (story.ts:9:11)',
      '    at refuseLater (story.ts:11:78)',
      '    at refuseLater (story.ts:11:53)',
      '    at waitAndRefuse (story.ts:14:3)',
      '    at async main (story.ts:18:5)',
    ]);
  });

  it('is as Node has it where the map is missing or damaged [2.3]', () => {
    writeFileSync(path.join(folder, 'dist/story.cjs.map'), '{');
    const damaged = told().stack;
    rmSync(path.join(folder, 'dist/story.cjs.map'));
    const missing = told().stack;

    expect(damaged).toEqual(missing);
    expect(missing[0]).toBe('RangeError: nobody thought of this');
    expect(missing[1]).toMatch(/^ {4}at .*story\.cjs:\d+:\d+\)$/);
  });

  it('that has been read before is told as it was read [2.3]', () => {
    expect(told('read').stack[1]).toMatch(/^ {4}at .*story\.cjs:\d+:\d+\)$/);
  });

  it('of another error is written as ever afterwards [2.3]', () => {
    expect(told().later).toMatch(/^Error: another\n {4}at .*story\.cjs:\d+:\d+\)$/m);
  });
});
