/** Text → configuration, or every problem of it at once, each with its place and what would be right (behaviour.md 3.1). */
import { awsForms } from './aws-forms.ts';
import { checkTree, type Finding, type Severity } from './check.ts';
import { crossChecks } from './cross-checks.ts';
import { ConfigError, type Problem } from './errors.ts';
import { rootField } from './field.ts';
import { oldDialectNotes } from './old-dialect.ts';
import { type Places, placesOf } from './places.ts';
import type { Config } from './schema.ts';
import { createLocator, pathText } from './source-text.ts';
import { parseSyntax } from './syntax.ts';

/** A configuration that can be used, and what is to be said about it. */
export interface Loaded {
  /** With defaults. Absent when the text is empty or holds nothing but comments: there is nothing to do (behaviour.md 2.3). */
  config: Config | undefined;
  /** Doubtful, but no reason not to run: unknown keys and macros (without `strict`), things without effect. */
  warnings: Problem[];
  /** Ids, ARNs, URLs and regions that do not look like those of AWS: for `validate` alone. */
  awsForms: Problem[];
}

/**
 * Reads a configuration.
 *
 * @param file its name, for the problems.
 * @param options `strict`: unknown keys and unknown macros are errors.
 * @throws ConfigError with all problems, in file order, and with the warnings beside.
 */
export function loadConfig(text: string, file: string, options: { strict: boolean }): Loaded {
  const { errors, ...loaded } = bySeverity(read(text, file), options);
  if (errors.length > 0) throw new ConfigError(errors, loaded.warnings);
  return loaded;
}

/** All that there is to say of a configuration. */
export interface Examined extends Loaded {
  /** Why it cannot be used. */
  errors: Problem[];
  /** What the lines of one for the old daemon do now and did not do there; empty as long as there are errors. */
  notes: Problem[];
}

/** {@link loadConfig} for `validate`, which shows warnings beside errors. The configuration is whole only without errors. */
export function examineConfig(text: string, file: string, options: { strict: boolean }): Examined {
  // The daemon has no use for notes, and its bundle does without them.
  const found = read(text, file, oldDialectNotes);
  const notes = found.findings.filter(({ severity }) => severity === 'note').map(found.problemOf);
  return { ...bySeverity(found, options), notes };
}

function bySeverity({ config, findings, problemOf }: ReturnType<typeof read>, options: { strict: boolean }) {
  const of = (...severities: Severity[]) =>
    findings.filter(({ severity }) => severities.includes(severity)).map(problemOf);
  return {
    config,
    errors: options.strict ? of('error', 'unknown') : of('error'),
    warnings: options.strict ? of('warning') : of('warning', 'unknown'),
    awsForms: of('form'),
  };
}

/** @param notesOn what else to say of a configuration without errors. */
function read(text: string, file: string, notesOn: (places: Places) => Finding[] = () => []) {
  // A byte order mark is no part of the text, but keeping its place keeps the columns right.
  const { root, problems, originalOffset } = parseSyntax(text.replace(/^\uFEFF/, ' '));
  const locate = createLocator(text);
  const lineOf = (offset: number) => locate(originalOffset(offset)).line;
  const problemOf = ({ path, offset, message }: Finding): Problem => ({
    file,
    ...locate(offset),
    path: pathText(path),
    message,
  });
  const syntax = problems.map(({ offset, message }): Finding => ({ severity: 'error', path: [], offset, message }));
  if (root === undefined) return { config: undefined, findings: syntax, problemOf };

  const { value, findings, places: all } = checkTree(rootField, root, lineOf);
  const places = placesOf(all, lineOf);
  const guesses = new Set(problems.filter(({ guessed }) => guessed).map(({ offset }) => offset));
  const doubts = [...findings, ...crossChecks(places)];
  const isUsable = ![...syntax, ...doubts].some(({ severity }) => severity === 'error');
  const others = [...doubts, ...awsForms(places), ...(isUsable ? notesOn(places) : [])]
    .map((found) => ({ ...found, offset: originalOffset(found.offset) }))
    // What a guess of ours leads to is not the reader's doing.
    .filter(({ offset }) => !guesses.has(offset));
  return {
    config: value as Config,
    findings: [...syntax, ...others].sort((one, other) => one.offset - other.offset),
    problemOf,
  };
}
