/** Configuration problems as a person reads them on a terminal or in the journal. */

import { type ConfigError, type Problem, problemLine } from '../config/errors.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { print } from './print.ts';

/** What was found in one file. */
export interface Findings {
  file: string;
  problems: readonly Problem[];
  warnings: readonly Problem[];
}

/** Says what is wrong with a configuration that cannot be used; gives the exit status for it. */
export async function problemStatus(error: ConfigError): Promise<ExitStatus> {
  await print(problemReport(error), process.stderr);
  return exitStatus.usage;
}

/** The {@link fileReport} of each file with problems or warnings. */
export function problemReport({ problems, warnings }: Pick<ConfigError, 'problems' | 'warnings'>): string {
  const files = [...new Set([...problems, ...warnings].map(({ file }) => file))];
  const of = (those: readonly Problem[], file: string) => those.filter((problem) => problem.file === file);
  return files.map((file) => fileReport({ file, problems: of(problems, file), warnings: of(warnings, file) })).join('');
}

/**
 * `minecraft.jsonc: 2 problems, 1 warning`, or `OK` where there is no problem; then a line for each, warnings marked as such. Ends with a
 * line feed.
 * @param further lines that follow.
 */
export function fileReport({ file, problems, warnings }: Findings, further: readonly string[] = []): string {
  const counts = [
    problems.length > 0 ? counted(problems.length, 'problem') : 'OK',
    ...(warnings.length > 0 ? [counted(warnings.length, 'warning')] : []),
  ];
  const marked = warnings.map((warning) => markedLine('warning', warning));
  const lines = [...problems.map(problemLine), ...marked, ...further];
  return [`${file}: ${counts.join(', ')}`, ...lines.map((line) => `  ${line}`), ''].join('\n');
}

/** What is no problem, as one line. */
export function markedLine(kind: 'warning' | 'note', { message, ...place }: Problem): string {
  return problemLine({ ...place, message: `${kind}: ${message}` });
}

/** `1 warning`, `2 warnings`. */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
