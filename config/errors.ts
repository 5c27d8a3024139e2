/** The kinds of failure that are not ours: the world said no, or the configuration is wrong. */

/** An operation that the world refused or did not answer; `remedy` is the operator's next move. */
export class AdapterError extends Error {
  override readonly name: string = 'AdapterError';
  readonly operation: string;
  readonly remedy: string;
  /** True when the same call may succeed a moment later. */
  readonly retryable: boolean;

  constructor(
    operation: string,
    problem: string,
    remedy: string,
    options: { cause?: unknown; retryable?: boolean } = {},
  ) {
    super(`${operation}: ${problem}. ${remedy}`, { cause: options.cause });
    this.operation = operation;
    this.remedy = remedy;
    this.retryable = options.retryable ?? false;
  }
}

/** One thing wrong, or doubtful, in a configuration. Lines and columns count from 1. */
export interface Problem {
  file: string;
  line: number;
  column: number;
  /** Where in the configuration, for example `domains["my-world.mc"].attach-volume[0].device`; empty for the whole. */
  path: string;
  /** What is wrong, and what would be right. */
  message: string;
}

/** A configuration that cannot be used: every problem of it at once. Nothing has been touched yet. */
export class ConfigError extends Error {
  override readonly name: string = 'ConfigError';
  readonly problems: readonly Problem[];
  /** What is doubtful beside: a key that is missing may be there under another spelling. */
  readonly warnings: readonly Problem[];

  constructor(problems: readonly Problem[], warnings: readonly Problem[] = []) {
    super(problems.map(problemLine).join('\n'));
    this.problems = problems;
    this.warnings = warnings;
  }
}

/** A command line or an environment that cannot be used. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** `minecraft.jsonc:12:20 domains["my-world.mc"]…: what is wrong` */
export function problemLine({ file, line, column, path, message }: Problem): string {
  return `${file}:${line}:${column}${path === '' ? '' : ` ${path}`}: ${message}`;
}

/** The sentence of anything thrown. */
export function messageOf(error: unknown): string {
  return Error.isError(error) ? error.message : String(error);
}

/** True for a failure that may be gone a moment later. */
export function isPassing(error: unknown): boolean {
  return error instanceof AdapterError && error.retryable;
}
