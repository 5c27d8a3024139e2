/** Domains, notices and results to begin a test with: each field that a test sets means something in it. */

import type {
  CommandLine,
  CommandResult,
  InterruptionNotice,
  RecordEntry,
  VolumeEntry,
} from '../../config/vocabulary.ts';
import type { DomainInput } from '../../machines/domain.ts';

export interface DomainSettings
  extends Partial<
    Pick<DomainInput, 'domain' | 'lines' | 'notice' | 'past' | 'finishedUnder' | 'refusal' | 'stopAtMs'>
  > {
  volumes?: Array<Partial<VolumeEntry>>;
  records?: Array<Partial<RecordEntry>>;
  wayUpMs?: number;
  wayUpUntilMs?: number;
  stopMs?: number;
}

export const COMMAND_LINE: CommandLine = { argv: ['/bin/true'], success: [[0, 0]], env: {} };

export const notice: InterruptionNotice = {
  action: 'terminate',
  key: 'terminate 2030-01-01T00:02:00.000Z',
  time: '2030-01-01T00:02:00.000Z',
  leftMs: 120_000,
  seenAtMs: 0,
};

export function domainInput(settings: DomainSettings = {}): DomainInput {
  const { wayUpMs = 600_000, wayUpUntilMs = wayUpMs, stopMs = 90_000, volumes = [], records = [], ...given } = settings;
  const { domain = 'web' } = given;
  return {
    domain,
    volumes: volumes.map((volume, entry) => volumeEntry({ domain, entry, ...volume })),
    records: records.map((record, entry) => recordEntry({ entry, ...record })),
    lines: {},
    past: 'new',
    ...given,
    limits: { wayUpMs, wayUpUntilMs, stopMs },
  };
}

export function recordEntry(settings: Partial<RecordEntry> = {}): RecordEntry {
  return {
    entry: 0,
    critical: true,
    hostedZone: 'Z1',
    name: 'game.example.com',
    ttl: 60,
    stale: 'warn',
    insync: false,
    seed: 0.5,
    release: [],
    ...settings,
  };
}

export function volumeEntry(settings: Partial<VolumeEntry> = {}): VolumeEntry {
  return {
    domain: 'web',
    entry: 0,
    critical: true,
    device: '/dev/sdf',
    sources: ['x'],
    volumeId: 'vol-1',
    preference: 'spread',
    seed: 0.5,
    lines: [],
    release: [],
    ...settings,
  };
}

export function succeeded(...argv: string[]): CommandResult {
  return { argv, exitCode: 0, signal: null, durationMs: 1, outputTail: '', succeeded: true };
}

export function failed(...argv: string[]): CommandResult {
  return { ...succeeded(...argv), exitCode: 1, succeeded: false };
}
