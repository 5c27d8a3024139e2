/** Who may import whom: the table of floors in docs/architecture.md, held against every import. */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The floors, in the order of the table. */
export const folders = ['config', 'machines', 'adapters', 'actors', 'cli', 'simulator', 'tools'] as const;

type Floor = (typeof folders)[number];

/** What a floor may import: floors, packages and Node's own modules; `type:` before a floor means types only. */
const allowed: Record<Floor, string[]> = {
  config: ['config', 'typebox', 'jsonc-parser', 'postal-mime', 'node:zlib', 'node:util'],
  machines: ['machines', 'config', 'xstate'],
  adapters: ['config', 'node:*', '@aws-sdk/*', '@smithy/*', 'winston'],
  actors: ['actors', 'machines', 'config', 'xstate', 'type:adapters', 'node:crypto'],
  cli: ['*'],
  simulator: ['simulator', 'config', 'node:*', 'fast-xml-parser'],
  tools: ['*'],
};

/** Adapters are one service a file; these they may share. */
const sharedAdapters = ['abort.ts', 'aws.ts', 'batch.ts', 'file-names.ts', 'flock.ts', 'sysroot.ts', 'text.ts'];

/** Adapters that are cut into several files, and the parts that only they may import. */
const parts: Record<string, string[]> = {
  'aws.ts': ['aws-refusal.ts', 'sdk.ts'],
  'block-device.ts': ['udev.ts'],
  'command-start.ts': ['command-files.ts', 'command-places.ts'],
  'command.ts': ['command-files.ts', 'command-group.ts', 'command-output.ts', 'command-pipes.ts', 'command-start.ts'],
  'command-pipes.ts': ['command-files.ts'],
  'creations.ts': ['ec2-describe.ts'],
  'disk-holders.ts': ['disk-parts.ts', 'mount-table.ts'],
  'ec2-instances.ts': ['ec2-describe.ts'],
  'ec2-looks.ts': ['ec2-describe.ts'],
  'ec2.ts': ['ec2-instances.ts', 'ec2-looks.ts', 'ec2-seen.ts'],
  'imds.ts': ['imds-session.ts'],
  'logger.ts': ['log-fields.ts', 'winston.ts'],
  'mount-table.ts': ['disk-parts.ts'],
  'mounts.ts': ['disk-holders.ts', 'disk-parts.ts', 'mount-table.ts'],
  'route53-looks.ts': ['route53-sets.ts'],
  'route53.ts': ['route53-changes.ts', 'route53-looks.ts', 'route53-sets.ts'],
  'outbox.ts': ['state-file.ts', 'state-forms.ts', 'state-reader.ts'],
  'state-dir.ts': ['outbox.ts', 'state-file.ts', 'state-forms.ts', 'state-reader.ts'],
};

/** One import statement. `target` is a file of ours relative to the root, or a package. */
export interface Import {
  file: string;
  target: string;
  typesOnly: boolean;
}

/** Every import of every source file below `root`, static and late. */
export function importsBelow(root: string): Import[] {
  return sourceFiles(root).flatMap((file) => importsOf(root, file));
}

/** Source files of the floors, relative to the root, sorted. */
export function sourceFiles(root: string): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        path.join(folder, file),
      ),
    )
    .filter((file) => file.endsWith('.ts'))
    .sort();
}

const STATEMENT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\b(?:import|typeof import)\('([^']+)'\)/g;

function importsOf(root: string, file: string): Import[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  return [...text.matchAll(STATEMENT)].map((match) => {
    const specifier = match[2] ?? match[3] ?? '';
    const target = specifier.startsWith('.') ? path.join(path.dirname(file), specifier) : specifier;
    return { file, target, typesOnly: match[1] !== undefined };
  });
}

/** A sentence for each import that the table forbids: the file, the import, and the floors it may come from. */
export function forbiddenImports(imports: Import[]): string[] {
  return imports
    .filter((one) => !isAllowed(one))
    .map(
      ({ file, target }) =>
        `${file} imports ${target}: ${floorOf(file)} may import ${allowed[floorOf(file)].join(', ')}`,
    );
}

function isAllowed({ file, target, typesOnly }: Import): boolean {
  const floor = floorOf(file);
  if (floor === 'adapters' && target.startsWith('adapters/')) return isSharedOrPart(file, target);
  return allowed[floor].some((pattern) => {
    const [, kind, name = ''] = /^(type:)?(.*)$/.exec(pattern) ?? [];
    if (kind && !typesOnly) return false;
    if (name.endsWith('*')) return target.startsWith(name.slice(0, -1));
    return target === name || target.startsWith(`${name}/`);
  });
}

function isSharedOrPart(file: string, target: string): boolean {
  const [own, other] = [path.basename(file), path.basename(target)];
  return sharedAdapters.includes(other) || (parts[own] ?? []).includes(other);
}

function floorOf(file: string): Floor {
  return file.split('/')[0] as Floor;
}

/** Rings of imports, types aside; each as `a → b → a`. */
export function cycles(imports: Import[]): string[] {
  const next = Map.groupBy(
    imports.filter(({ typesOnly, target }) => !typesOnly && target.endsWith('.ts')),
    ({ file }) => file,
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, trail: string[]): void => {
    if (trail.includes(file)) found.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
    if (trail.includes(file) || done.has(file)) return;
    for (const { target } of next.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  return found;
}
