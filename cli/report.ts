/** Configuration problems as a person reads them on a terminal or in the journal. */

import { type Problem, problemLine } from '../config/errors.ts';

/** `minecraft.jsonc: 2 problems`, and a line for each. Ends with a line feed. */
export function problemReport(problems: readonly Problem[]): string {
  const files = [...new Set(problems.map(({ file }) => file))];
  return files
    .map((file) => {
      const own = problems.filter((problem) => problem.file === file);
      const count = own.length === 1 ? '1 problem' : `${own.length} problems`;
      return [`${file}: ${count}`, ...own.map((problem) => `  ${problemLine(problem)}`), ''].join('\n');
    })
    .join('');
}
