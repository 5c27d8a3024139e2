import { readdirSync, readFileSync } from 'node:fs';
import { loadConfig } from '../config/load.ts';
it('x', () => {
  const out: string[] = [];
  for (const f of readdirSync('../shared/compat').filter((f) => f.endsWith('jsonc'))) {
    try { const l = loadConfig(readFileSync(`../shared/compat/${f}`, 'utf8'), f, { strict: false }); out.push(f, JSON.stringify(l.config).slice(0, 300), ...[...l.warnings, ...l.notYet, ...l.awsForms].map((p) => `   ${p.line}:${p.column} ${p.path}: ${p.message}`)); }
    catch (e) { out.push(String(e)); }
  }
  console.log(out.join('\n'));
});
