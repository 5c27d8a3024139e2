/** `ec2fleetd validate FILE…`: everything that is wrong with configurations, what would be right, and what is new in old ones. */
import { buffer } from 'node:stream/consumers';
import { linesFor, volumeLines } from '../config/commands.ts';
import { ConfigError, type Problem } from '../config/errors.ts';
import { eventNames } from '../config/events.ts';
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { examineConfig } from '../config/load.ts';
import type { Config, DomainConfig } from '../config/schema.ts';
import { decodeUserData } from '../config/user-data.ts';
import { readConfigFile } from './config-file.ts';
import { print } from './print.ts';
import { counted, type Findings, fileReport, markedLine } from './report.ts';

interface Verdict extends Findings {
  notes: readonly Problem[];
  config?: Config | undefined;
}

/**
 * Prints what is wrong, or what was understood, of each file.
 *
 * @param files configurations or user data (gzip, base64, MIME); `-` is standard input.
 * @param options `strict`: unknown keys and unknown macros are errors.
 * @returns 2 when a file cannot be used or read.
 */
export async function validate(files: string[], options: { strict: boolean }): Promise<ExitStatus> {
  let status: ExitStatus = exitStatus.done;
  for (const file of files) {
    const verdict = await verdictOf(file, options);
    if (verdict.problems.length > 0) status = exitStatus.usage;
    await print(report(verdict));
  }
  return status;
}

async function verdictOf(file: string, options: { strict: boolean }): Promise<Verdict> {
  const name = file === '-' ? 'stdin' : file;
  try {
    const text = await decodeUserData(file === '-' ? await buffer(process.stdin) : await readConfigFile(file), name);
    const { config, errors, warnings, awsForms, notes } = examineConfig(text, name, options);
    const all = [...warnings, ...awsForms].sort((a, b) => a.line - b.line || a.column - b.column);
    return { file: name, config, problems: errors, warnings: all, notes };
  } catch (error) {
    if (error instanceof ConfigError) return { file: name, problems: error.problems, warnings: [], notes: [] };
    throw error;
  }
}

function report({ notes, config, ...findings }: Verdict): string {
  const understood = findings.problems.length === 0 ? summary(config) : [];
  return fileReport(findings, [...notes.map((note) => markedLine('note', note)), ...understood]);
}

/** What was understood, so that a slip which is no mistake shows as well. */
function summary(config: Config | undefined): string[] {
  if (config === undefined) return ['empty: there is nothing to do'];
  const domains = Object.entries(config.domains);
  if (domains.length === 0) return ['no domains: the daemon only watches for interruptions'];
  return domains.map(([name, domain]) => `${name}: ${domainSummary(domain)}`);
}

function domainSummary(domain: DomainConfig): string {
  const { 'attach-volume': volumes, 'update-route53': records, exec, notify } = domain;
  const ownLines = volumes.flatMap(volumeLines).length;
  const events = eventNames
    .map((event) => ({ event, lines: linesFor(exec, event).length }))
    .filter(({ lines }) => lines > 0)
    .map(({ event, lines }) => `${lines} at ${event}`);
  const parts = [
    ...(volumes.length > 0 ? [counted(volumes.length, 'volume')] : []),
    ...(ownLines > 0 ? [`${counted(ownLines, 'command')} after attaching`] : []),
    ...(records.length > 0 ? [counted(records.length, 'record')] : []),
    ...(events.length > 0 ? [`commands: ${events.join(', ')}`] : []),
    ...(notify.length > 0 ? [counted(notify.length, 'receiver')] : []),
  ];
  return parts.length === 0 ? 'nothing to do' : parts.join('; ');
}
