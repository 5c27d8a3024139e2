/** That the house stands as its table of floors says. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cycles, folders, forbiddenImports, importsBelow } from '../tools/floors.ts';

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

/** The imports of a made-up source tree. */
function importsOfTree(files: Record<string, string>) {
  const root = mkdtempSync(path.join(tmpdir(), 'ec2fleetd-floors-'));
  try {
    for (const folder of folders) mkdirSync(path.join(root, folder));
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(root, file), text);
    return importsBelow(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}
