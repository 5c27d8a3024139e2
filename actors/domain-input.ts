/** A loaded configuration as the machines want it: macros expanded, lines flattened, times in milliseconds. */

import { isNotified, linesFor, volumeLines } from '../config/commands.ts';
import { attachmentPoint } from '../config/devices.ts';
import { type EventName, eventNames } from '../config/events.ts';
import { expand, type MacroValues } from '../config/macros.ts';
import { storedName } from '../config/record-name.ts';
import type { Config, DomainConfig } from '../config/schema.ts';
import type { CommandLine, MonotonicMs, RecordEntry, VolumeEntry } from '../config/vocabulary.ts';
import type { DomainInput } from '../machines/domain.ts';
import type { SupervisorInput } from '../machines/supervisor.ts';

/** What of it is switched on (`--enable-…`). */
export interface Switches {
  init: boolean;
  exec: boolean;
  notify: boolean;
  poll: boolean;
}

/**
 * @param values what macros stand for before any domain begins.
 * @param startMs when the way up begins.
 */
export function supervisorInput(
  config: Config,
  switches: Switches,
  values: MacroValues,
  startMs: MonotonicMs,
): SupervisorInput {
  const hostname = config['set-hostname'] ?? config.hostname;
  const { interval } = config['interrupt-detection'].options;
  const domains = Object.entries(config.domains).map(([name, domain]) =>
    domainInput(name, domain, config, switches, { ...values, domain: name }, startMs),
  );
  return {
    domains: withoutDoubles(domains),
    receivers: switches.notify ? receiversOf(config) : {},
    ...(hostname === undefined || !switches.init ? {} : { hostname: expand(hostname, values) }),
    ...(switches.poll ? { watch: { intervalMs: interval * 1000 } } : {}),
  };
}

function domainInput(
  name: string,
  domain: DomainConfig,
  config: Config,
  { exec }: Switches,
  values: MacroValues,
  startMs: MonotonicMs,
): DomainInput {
  const wayUpMs = config.timeout * 1000;
  return {
    domain: name,
    volumes: volumesOf(name, domain, exec, values),
    records: recordsOf(domain, values),
    lines: exec ? linesByEvent(domain) : {},
    limits: { wayUpMs, wayUpUntilMs: startMs + wayUpMs, stopMs: config['stop-timeout'] * 1000 },
  };
}

function volumesOf(domain: string, config: DomainConfig, exec: boolean, values: MacroValues): VolumeEntry[] {
  return config['attach-volume'].map((volume, entry) => ({
    domain,
    entry,
    critical: volume.critical,
    device: expand(volume.device, values),
    volumeId: expand(volume['volume-id'] ?? '', values),
    lines: exec ? volumeLines(volume) : [],
  }));
}

function recordsOf(config: DomainConfig, values: MacroValues): RecordEntry[] {
  return config['update-route53'].map(({ critical, hostedzone, name, ttl }, entry) => ({
    entry,
    critical,
    hostedZone: hostedzone,
    name: expand(name, values),
    ttl,
  }));
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
function withoutDoubles(domains: DomainInput[]): DomainInput[] {
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
function claimsOf({ volumes, records }: DomainInput): string[] {
  return [
    ...volumes.map(({ device }) => `device ${attachmentPoint(device)}`),
    ...volumes.map(({ volumeId }) => `volume ${volumeId}`),
    ...records.map(({ hostedZone, name }) => `record ${storedName(name)} in zone ${hostedZone}`),
  ];
}

function doubleOf(claim: string, domain: string): string {
  return `${claim} is asked for twice once macros are expanded, first by ${domain}. Let one of the two have another`;
}
