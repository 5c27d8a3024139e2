/** Configuration problems as a person reads them on a terminal or in the journal. */

import { type ConfigError, type Problem, problemLine } from '../config/errors.ts';

/** `minecraft.jsonc: 2 problems, 1 warning`, and a line for each, warnings marked as such. Ends with a line feed. */
export function problemReport({ problems, warnings }: Pick<ConfigError, 'problems' | 'warnings'>): string {
  const files = [...new Set([...problems, ...warnings].map(({ file }) => file))];
  return files
    .map((file) => {
      const of = (those: readonly Problem[]) => those.filter((problem) => problem.file === file);
      const marked = of(warnings).map((warning) => ({ ...warning, message: `warning: ${warning.message}` }));
      const lines = [...of(problems), ...marked].map((problem) => `  ${problemLine(problem)}`);
      return [`${file}: ${counts(of(problems).length, marked.length)}`, ...lines, ''].join('\n');
    })
    .join('');
}

function counts(problems: number, warnings: number): string {
  const counted = [
    [problems, 'problem'],
    [warnings, 'warning'],
  ] as const;
  return counted
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}${count === 1 ? '' : 's'}`)
    .join(', ');
}
