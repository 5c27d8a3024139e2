/** A loaded configuration as the machines want it: macros expanded, lines flattened, times in milliseconds. */

import type { Outbox } from '../adapters/outbox.ts';
import { isNotified, linesFor, sourcesOf, volumeLines } from '../config/commands.ts';
import { attachmentPoint } from '../config/devices.ts';
import { type EventName, eventNames, eventOf } from '../config/events.ts';
import { expand, type MacroValues } from '../config/macros.ts';
import { storedName, zoneId } from '../config/record-name.ts';
import type { Config, DomainConfig } from '../config/schema.ts';
import type { CommandLine, Hold, RecordEntry, VolumeEntry } from '../config/vocabulary.ts';
import type { DomainPlan, SupervisorInput } from '../machines/supervisor.ts';
import { leftOver } from './journal.ts';
import { type Memory, pastOf } from './memory.ts';
import { seedOf } from './pool-choice.ts';

/** What of it is switched on (`--enable-…`). */
export interface Switches {
  init: boolean;
  exec: boolean;
  notify: boolean;
  poll: boolean;
}

/** What earlier runs left behind. */
export interface Inheritance extends Memory {
  holds(): readonly Hold[];
  outbox: Pick<Outbox, 'left'>;
}

/** @param values what macros stand for before any domain begins. */
export function supervisorInput(
  config: Config,
  switches: Switches,
  values: MacroValues,
  inheritance: Inheritance,
): SupervisorInput {
  const hostname = config['set-hostname'] ?? config.hostname;
  const { interval, 'treat-as-interruption': asNotice } = config['interrupt-detection'].options;
  const domains = Object.entries(config.domains).map(([name, domain]) => ({
    ...domainPlan(name, domain, config, switches, { ...values, domain: name }),
    ...pastOf(inheritance, name),
    held: inheritance.holds().some((hold) => hold.domain === name),
  }));
  return {
    domains: withoutDoubles(domains),
    receivers: switches.notify ? receiversOf(config) : {},
    // Also for receivers that the configuration no longer names: what happened has happened.
    leftMessages: switches.notify ? [...inheritance.outbox.left] : [],
    requireAll: config['require-all'],
    leftOver: leftOver(inheritance.holds(), domains).length > 0,
    ...(hostname === undefined || !switches.init ? {} : { hostname: expand(hostname, values) }),
    ...(switches.poll ? { watch: { intervalMs: interval * 1000, asNotice } } : {}),
  };
}

function domainPlan(
  name: string,
  domain: DomainConfig,
  config: Config,
  { exec }: Switches,
  values: MacroValues,
): Omit<DomainPlan, 'past' | 'held'> {
  return {
    domain: name,
    volumes: volumesOf(name, domain, config.timeout * 1000, exec, values),
    records: recordsOf(name, domain, config.timeout * 1000, values),
    lines: exec ? linesByEvent(domain) : {},
    limits: { wayUpMs: config.timeout * 1000, stopMs: config['stop-timeout'] * 1000 },
  };
}

function volumesOf(
  domain: string,
  config: DomainConfig,
  timeoutMs: number,
  exec: boolean,
  values: MacroValues,
): VolumeEntry[] {
  return config['attach-volume'].map((volume, entry) => {
    const device = expand(volume.device, values);
    const { 'pool-name': pool, 'pool-pref': preference, create, wait } = volume;
    return {
      domain,
      entry,
      critical: volume.critical,
      device,
      sources: sourcesOf(volume),
      volumeId: expand(volume['volume-id'] ?? '', values),
      ...(pool === undefined ? {} : { pool: expand(pool, values) }),
      preference: preference === 'least-recent-used' ? 'least-recently-used' : preference,
      ...(create === undefined ? {} : { create }),
      ...(wait === undefined ? {} : { waitMs: wait * 1000 }),
      // What a domain can do without must not take its whole way up.
      ...(volume.critical ? {} : { patienceMs: timeoutMs / 4 }),
      seed: seedOf(String(values.instance_id), domain, device),
      lines: exec ? volumeLines(volume) : [],
      release: volume.release.map(eventOf),
    };
  });
}

function recordsOf(domain: string, config: DomainConfig, timeoutMs: number, values: MacroValues): RecordEntry[] {
  const instanceId = String(values.instance_id);
  return config['update-route53'].map(({ critical, hostedzone, set, stale, wait, ttl, release, ...record }, entry) => {
    const name = expand(record.name, values);
    return {
      entry,
      critical,
      hostedZone: zoneId(hostedzone),
      name,
      ttl,
      ...(set === 'multivalue' ? { setIdentifier: instanceId } : {}),
      stale,
      insync: wait === 'insync',
      // What a domain can do without must not take its whole way up.
      ...(critical ? {} : { patienceMs: timeoutMs / 4 }),
      seed: seedOf(instanceId, domain, name),
      release: release.map(eventOf),
    };
  });
}

function linesByEvent({ exec }: DomainConfig): Partial<Record<EventName, CommandLine[]>> {
  return Object.fromEntries(eventNames.map((event) => [event, linesFor(exec, event)]));
}

function receiversOf(config: Config): Record<string, EventName[][]> {
  const entries = Object.entries(config.domains).map(([name, { notify }]) => [
    name,
    notify.map((receiver) => eventNames.filter((event) => isNotified(receiver, event))),
  ]);
  return Object.fromEntries(entries);
}

/** What two entries have in common that only one of them may have was hidden by macros; the later domain is refused (3.4). */
function withoutDoubles(domains: DomainPlan[]): DomainPlan[] {
  const taken = new Map<string, string>();
  return domains.map((domain) => {
    const claims = claimsOf(domain);
    const double = claims.find((claim, i) => taken.has(claim) || claims.indexOf(claim) < i);
    if (double !== undefined) return { ...domain, refusal: doubleOf(double, taken.get(double) ?? domain.domain) };
    for (const claim of claims) taken.set(claim, domain.domain);
    return domain;
  });
}

/** Everything that a domain must have to itself on this instance, in words. */
function claimsOf({ volumes, records }: DomainPlan): string[] {
  return [
    ...volumes.map(({ device }) => `device ${attachmentPoint(device)}`),
    ...volumes.flatMap(({ sources, volumeId }) => (sources.includes('x') ? [`volume ${volumeId}`] : [])),
    ...records.map(({ hostedZone, name }) => `record ${storedName(name)} in zone ${hostedZone}`),
  ];
}

function doubleOf(claim: string, domain: string): string {
  return `${claim} is asked for twice once macros are expanded, first by ${domain}. Let one of the two have another`;
}
