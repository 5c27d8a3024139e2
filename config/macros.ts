/** `{name}` in a configuration: what it may be, and what becomes of it (behaviour.md section 4). Pure. */
import type { EventName } from './events.ts';
import { nearest } from './suggest.ts';
import type { CommandResult, InstanceAction, LoggedCall, RiskKind, VolumeSource } from './vocabulary.ts';

/** Every macro, in the order of behaviour.md 4.2, which is also the order of `{all_json}`. */
export const macroNames = [
  'domain',
  'instance_id',
  'instance_type',
  'instance_index',
  'placement_region',
  'placement_zone',
  'hypervisor',
  'primary_public_ipv4',
  'primary_public_ipv6',
  'public_ipv4_list',
  'public_ipv6_list',
  'static_dns_rr',
  'attach_source',
  'attach_op',
  'volume_id',
  'volume_pool',
  'attached_device',
  'daemon_state',
  'error',
  'interrupt_action',
  'interrupt_time',
  'seconds_left',
  'transaction_id',
  'transaction_log',
  'cwd',
  'ts',
  'pid',
  'results',
  'all_json',
] as const;

/** One of {@link macroNames}. */
export type MacroName = (typeof macroNames)[number];

/** A command's result as messages and `{results}` show it. */
export interface MacroResult {
  argv: string[];
  exit_code: number | null;
  signal: string | null;
  duration_ms: number;
  output_tail: string;
  succeeded: boolean;
  problem?: string;
}

/** What macros stand for on one occasion. Absent ones are empty in text and `null` in `{all_json}`. */
export interface MacroValues {
  domain?: string | undefined;
  instance_id?: string | undefined;
  instance_type?: string | undefined;
  instance_index?: number | undefined;
  placement_region?: string | undefined;
  placement_zone?: string | undefined;
  hypervisor?: string | undefined;
  primary_public_ipv4?: string | undefined;
  primary_public_ipv6?: string | undefined;
  public_ipv4_list?: string[] | undefined;
  public_ipv6_list?: string[] | undefined;
  /** Record names written. */
  static_dns_rr?: string[] | undefined;
  attach_source?: VolumeSource | undefined;
  /** True: attached in this run. False: was attached already. */
  attach_op?: boolean | undefined;
  volume_id?: string | undefined;
  volume_pool?: string | undefined;
  /** For example `/dev/nvme1n1`. */
  attached_device?: string | undefined;
  daemon_state?: EventName | undefined;
  /** A list of lists of strings: one inner list a failure. */
  error?: string[][] | undefined;
  /** What will happen, or the early sign of it. */
  interrupt_action?: InstanceAction | RiskKind | undefined;
  /** ISO 8601 with `+00:00`. */
  interrupt_time?: string | undefined;
  seconds_left?: number | undefined;
  transaction_id?: string | undefined;
  transaction_log?: LoggedCall[] | undefined;
  cwd?: string | undefined;
  /** ISO 8601 in the local zone. */
  ts?: string | undefined;
  pid?: number | undefined;
  results?: MacroResult[] | undefined;
  /** No macro: present in a message of `ec2fleetd notify-test`, and then the first key of `{all_json}`. */
  test?: true | undefined;
}

/** Subject of a message whose envelope has none (behaviour.md 4.5). */
export const defaultSubject = 'Fleetd {domain} on {instance_id} state changed to [{daemon_state}]';

/** Body of a message whose envelope has none (behaviour.md 4.4). */
export const defaultBody = '{all_json}';

/** Something in braces that is no macro and therefore stays as it stands. */
export interface UnknownMacro {
  /** What stands between the braces, for example `HOME`. */
  name: string;
  /** Where its opening brace is in the template, in UTF-16 units from 0. */
  offset: number;
  /** The macro that was probably meant. */
  nearest?: MacroName;
}

/** Replaces the macros of a template. Values are put in as they are: braces in them mean nothing. */
export function expand(template: string, values: MacroValues): string {
  let out = '';
  for (const piece of pieces(template))
    out +=
      piece.macro === undefined
        ? piece.text
        : padded(textOf(piece.macro, values), piece.format, rightAligned(piece.macro, values));
  return out;
}

/** Everything in braces that no macro answers to. */
export function unknownMacros(template: string): UnknownMacro[] {
  return pieces(template).flatMap((piece) => {
    if (piece.unknown === undefined) return [];
    const meant = nearest(piece.unknown.replace(/:.*/s, ''), macroNames);
    return [{ name: piece.unknown, offset: piece.offset, ...(meant !== undefined && { nearest: meant }) }];
  });
}

/** True when a template has a macro in it, so that its text is known only at run time. */
export function hasMacros(template: string): boolean {
  return pieces(template).some(({ macro }) => macro !== undefined);
}

/** The value of `{all_json}`: a tab-indented JSON object of every other macro. Keys are added, never renamed. */
export function allJson(values: MacroValues): string {
  const entries = plainNames.map((name) => [name, values[name] ?? null]);
  const mark = values.test ? { test: true } : {};
  return JSON.stringify({ ...mark, ...Object.fromEntries(entries) }, null, '\t');
}

/** Macros as environment variables of commands, but for those that may be longer than the kernel takes (behaviour.md 8.6). */
export function macroEnvironment(values: MacroValues): Record<string, string> {
  const short = plainNames.filter((name) => name !== 'transaction_log' && name !== 'error' && name !== 'results');
  return Object.fromEntries(short.map((name) => [`EC2FLEETD_${name.toUpperCase()}`, textOf(name, values)]));
}

/** A command's result under the names that scripts and receivers of messages know. */
export function macroResult(result: CommandResult): MacroResult {
  return {
    argv: result.argv,
    exit_code: result.exitCode,
    signal: result.signal,
    duration_ms: result.durationMs,
    output_tail: result.outputTail,
    succeeded: result.succeeded,
    ...(result.problem !== undefined && { problem: result.problem }),
  };
}

const plainNames = macroNames.filter((name) => name !== 'all_json');

/** The old daemon's second name for the launch index. */
const macroAliases = new Map<string, MacroName>([['ami-i', 'instance_index']]);

interface Piece {
  /** Where it begins in the template. */
  offset: number;
  /** What it says when it is no macro. */
  text: string;
  macro?: MacroName;
  format?: string;
  /** What stands between the braces of something that is no macro. */
  unknown?: string;
}

/**
 * Cuts a template into text and macros, in one pass without going back.
 *
 * A brace that opens and is followed by another before it closes is text, as in inline JSON; its closing brace is then text,
 * too, and not the first half of a `}}`: `{"a":{"b":{"c":1}}}` stays as it stands.
 */
function pieces(template: string): Piece[] {
  const found: Piece[] = [];
  const open: ('{' | '{{')[] = [];
  const brace = /[{}]/g;
  let at = 0;
  for (let hit = brace.exec(template); hit !== null; hit = brace.exec(template)) {
    const offset = hit.index;
    if (offset > at) found.push({ offset: at, text: template.slice(at, offset) });
    const piece = hit[0] === '{' ? opened(template, offset, open) : closed(template, offset, open);
    found.push(piece);
    at = offset + piece.length;
    brace.lastIndex = at;
  }
  if (at < template.length) found.push({ offset: at, text: template.slice(at) });
  return found;
}

function opened(template: string, offset: number, open: ('{' | '{{')[]): Piece & { length: number } {
  if (template[offset + 1] === '{') {
    open.push('{{');
    return { offset, text: '{', length: 2 };
  }
  const inner = /[^{}]*/y;
  inner.lastIndex = offset + 1;
  const content = inner.exec(template)?.[0] ?? '';
  const length = content.length + 2;
  if (template[offset + length - 1] === '}') return { ...inBraces(content, offset), length };
  open.push('{');
  return { offset, text: '{', length: 1 };
}

function closed(template: string, offset: number, open: ('{' | '{{')[]): Piece & { length: number } {
  const doubled = template[offset + 1] === '}' && open.at(-1) !== '{';
  open.pop();
  return { offset, text: '}', length: doubled ? 2 : 1 };
}

function inBraces(content: string, offset: number): Piece {
  const [name = '', ...format] = content.split(':');
  const macro = macroAliases.get(name) ?? macroNames.find((known) => known === name);
  const known = macro !== undefined && (format.length === 0 || formatSpec.test(format.join(':')));
  if (!known) return { offset, text: `{${content}}`, unknown: content };
  return { offset, text: '', macro, format: format.join(':') };
}

/** Fill and alignment, a zero as the short form of a fill, width; three digits, lest a typing error eats the memory. */
const formatSpec = /^(?:(.)?([<>^]))?(0)?(\d{0,3})$/su;

/** Pads as Python's format language does, which configurations of the old daemon are written for. */
function padded(text: string, format: string | undefined, right: boolean): string {
  const [, fill, align = right ? '>' : '<', zero, width] = formatSpec.exec(format ?? '') ?? [];
  const missing = Number(width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  const character = fill ?? (zero === undefined ? ' ' : '0');
  const before = align === '>' ? missing : align === '^' ? Math.floor(missing / 2) : 0;
  return character.repeat(before) + text + character.repeat(missing - before);
}

/** Numbers stand to the right unless told otherwise, so that `{instance_index:03}` gives `007`. */
function rightAligned(macro: MacroName, values: MacroValues): boolean {
  return macro !== 'all_json' && typeof values[macro] === 'number';
}

function textOf(macro: MacroName, values: MacroValues): string {
  if (macro === 'all_json') return allJson(values);
  const value = values[macro];
  if (value === undefined) return '';
  if (macro === 'error' || macro === 'transaction_log' || macro === 'results') return JSON.stringify(value);
  return Array.isArray(value) ? value.join(', ') : String(value);
}
