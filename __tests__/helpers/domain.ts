/** Domains, notices and results to begin a test with: each field that a test sets means something in it. */

import type {
  CommandLine,
  CommandResult,
  InterruptionNotice,
  RecordEntry,
  VolumeEntry,
} from '../../config/vocabulary.ts';
import type { DomainInput } from '../../machines/domain.ts';

export interface DomainSettings extends Partial<Pick<DomainInput, 'domain' | 'lines' | 'notice'>> {
  volumes?: Array<Partial<VolumeEntry>>;
  records?: RecordEntry[];
  wayUpMs?: number;
  wayUpUntilMs?: number;
  stopMs?: number;
}

export const COMMAND_LINE: CommandLine = { argv: ['/bin/true'], success: [[0, 0]], env: {} };

export const notice: InterruptionNotice = {
  action: 'terminate',
  time: '2030-01-01T00:02:00Z',
  leftMs: 120_000,
  seenAtMs: 0,
};

export function domainInput(settings: DomainSettings = {}): DomainInput {
  const { domain = 'web', volumes = [], records = [], lines = {}, notice: known } = settings;
  const { wayUpMs = 600_000, wayUpUntilMs = wayUpMs, stopMs = 90_000 } = settings;
  return {
    domain,
    volumes: volumes.map((volume, entry) => volumeEntry({ domain, entry, ...volume })),
    records,
    lines,
    limits: { wayUpMs, wayUpUntilMs, stopMs },
    ...(known ? { notice: known } : {}),
  };
}

export function volumeEntry(settings: Partial<VolumeEntry> = {}): VolumeEntry {
  return { domain: 'web', entry: 0, critical: true, device: '/dev/sdf', volumeId: 'vol-1', lines: [], ...settings };
}

export function succeeded(...argv: string[]): CommandResult {
  return { argv, exitCode: 0, signal: null, durationMs: 1, outputTail: '', succeeded: true };
}

export function failed(...argv: string[]): CommandResult {
  return { ...succeeded(...argv), exitCode: 1, succeeded: false };
}
