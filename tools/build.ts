/**
 * Builds `dist/`: CommonJS files, each loaded only when used, and the package.json they are published with.
 *
 * Source says `import('../adapters/sdk.ts')`; the one plugin below turns each such dynamic import into a late `require` of
 * a bundle of its own. (In one bundle esbuild would wrap the modules and shake nothing out of them; as ESM the mere import
 * of `node:http` loads a second HTTP stack.)
 */
import { copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import manifest from '../package.json' with { type: 'json' };
import { schemaText } from './generate.ts';

const root = path.resolve(import.meta.dirname, '..');
const dist = path.join(root, 'dist');

/** Bundle name → source file. Whatever is imported dynamically has to be listed here. */
const bundles = {
  main: 'cli/main.ts',
  commands: 'cli/commands.ts',
  aws: 'adapters/sdk.ts',
  winston: 'adapters/winston.ts',
  mime: 'config/mime.ts',
  mounts: 'adapters/mounts.ts',
  validate: 'cli/validate.ts',
  schema: 'cli/schema.ts',
  'notify-test': 'cli/notify-test.ts',
  simulate: 'cli/simulate.ts',
  demo: 'cli/demo.ts',
};

/** `import('./sdk.ts')` → `require('./aws.cjs')`. */
const lateBundles: Plugin = {
  name: 'late-bundles',
  setup(builder) {
    builder.onResolve({ filter: /^\.{1,2}\// }, ({ path: file, resolveDir, kind }) => {
      if (kind !== 'dynamic-import' || resolveDir.includes('node_modules')) return undefined;
      const source = path.relative(root, path.resolve(resolveDir, file));
      const bundle = Object.entries(bundles).find(([, entry]) => entry === source)?.[0];
      if (bundle === undefined)
        return { errors: [{ text: `${source} is imported late, but tools/build.ts has no bundle for it` }] };
      return { path: `./${bundle}.cjs`, external: true };
    });
  },
};

/**
 * The SDK's schema files compute their object keys (`{ [_eQN]: … }`), which esbuild takes for side effects and keeps whole;
 * with plain keys the EC2 client falls from 558 KB to 38. To be dropped once esbuild sees through constant computed keys.
 */
const plainSchemaKeys: Plugin = {
  name: 'plain-schema-keys',
  setup(builder) {
    builder.onLoad({ filter: /client-[^/]+\/dist-es\/schemas\/schemas_\d+\.js$/ }, async ({ path: file }) => {
      const source = await readFile(file, 'utf8');
      const keys = new Map([...source.matchAll(/^const (_\w+) = ("[^"]*");$/gm)].map(([, name, text]) => [name, text]));
      const contents = source.replace(/\[(_\w+)\]: /g, (whole, name) =>
        keys.has(name) ? `${keys.get(name)}: ` : whole,
      );
      return { loader: 'js', contents };
    });
  },
};

/** What the reference page and editors say of each key, the daemon never does: it is more than half of the schema's text. */
const withoutDescriptions: Plugin = {
  name: 'without-descriptions',
  setup(builder) {
    builder.onLoad({ filter: /\/config\/schema\.ts$/ }, async ({ path: file }) => {
      const source = await readFile(file, 'utf8');
      return { loader: 'ts', contents: source.replace(/\bdescription:\s*(['"`])(?:(?!\1)[^\\]|\\.)*\1,?/g, '') };
    });
  },
};

/** Upper bounds; `plainSchemaKeys` rewrites somebody else's output, and this is how we notice when it no longer bites. */
const limitsKb: Partial<Record<string, number>> = { main: 300, aws: 600 };

const options: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  // `main` first would take jsonc-parser's UMD build, which does not bundle, and the SDK's CommonJS, which cannot be shaken.
  mainFields: ['module', 'main'],
  supported: { 'dynamic-import': false },
  minify: true,
  // Names of classes and functions show in errors.
  keepNames: true,
  legalComments: 'none',
  plugins: [lateBundles, plainSchemaKeys],
  logLevel: 'warning',
};

/**
 * Every daemon loads this one. Keeping names would be a twelfth of it, and a thousand calls at each start; only a defect's stack
 * trace needs them, and finds them, with the places in the source, in the map that lies beside (`cli/stack.ts`).
 */
const optionsOfMain: BuildOptions = {
  plugins: [lateBundles, withoutDescriptions],
  keepNames: false,
  sourcemap: 'external',
  sourcesContent: false,
  // Node's own SIGUSR1 would start a debugger; the unit and this line switch it off alike.
  banner: { js: '#!/usr/bin/env -S node --disable-sigusr1 --disable-warning=ExperimentalWarning' },
};

/** Everything is published from `dist/`; nothing has to be installed beside it. */
const published = {
  name: manifest.name,
  version: manifest.version,
  description: manifest.description,
  license: manifest.license,
  bin: { ec2fleetd: 'main.cjs' },
  engines: { node: '>=24' },
  os: ['linux'],
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
await Promise.all(
  Object.entries(bundles).map(([name, entry]) =>
    build({
      ...options,
      entryPoints: [path.join(root, entry)],
      outfile: path.join(dist, `${name}.cjs`),
      ...(name === 'main' ? optionsOfMain : {}),
    }),
  ),
);
writeFileSync(path.join(dist, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
writeFileSync(path.join(dist, 'ec2fleetd.schema.json'), schemaText());
for (const file of ['README.md', 'LICENSE']) copyFileSync(path.join(root, file), path.join(dist, file));

for (const name of Object.keys(bundles)) {
  const kb = statSync(path.join(dist, `${name}.cjs`)).size / 1000;
  const limit = limitsKb[name] ?? Number.POSITIVE_INFINITY;
  if (kb > limit) throw new Error(`dist/${name}.cjs has ${Math.round(kb)} KB, more than its ${limit}`);
  if (!process.argv.includes('--quiet')) console.log(`dist/${name}.cjs`.padEnd(24), `${Math.round(kb)} KB`.padStart(8));
}
