/** What macros stand for, on a given occasion. */

import { type MacroValues, macroResult } from '../config/macros.ts';
import type { InstanceFacts, LoggedCall, Occasion, PublicAddresses } from '../config/vocabulary.ts';

/** What the values are made of. */
export interface MacroSources {
  facts: InstanceFacts;
  /** Those read last. */
  addresses(): PublicAddresses;
  transactionId: string;
  /** What each domain asked of AWS. */
  transactions: { of(domain: string): { calls(): LoggedCall[] } };
}

/** Gives the values of all macros, as things are at the moment of the call. */
export type ValuesOf = (occasion: Occasion) => MacroValues;

/** @param sources are asked anew at each call. */
export function createMacroValues(sources: MacroSources): ValuesOf {
  return (occasion) => ({ ...ofInstance(sources), ...ofVolume(occasion), ...ofEvent(occasion, sources) });
}

/** The macros that are known before any domain begins; the rest are empty. */
export function ofInstance({ facts, addresses, transactionId }: Omit<MacroSources, 'transactions'>): MacroValues {
  const { primaryIpv4, primaryIpv6, ipv4, ipv6 } = addresses();
  return {
    instance_id: facts.instanceId,
    instance_type: facts.instanceType,
    instance_index: facts.launchIndex,
    placement_region: facts.region,
    placement_zone: facts.zone,
    hypervisor: facts.hypervisor,
    primary_public_ipv4: primaryIpv4,
    primary_public_ipv6: primaryIpv6,
    public_ipv4_list: ipv4,
    public_ipv6_list: ipv6,
    transaction_id: transactionId,
    cwd: process.cwd(),
    pid: process.pid,
    ts: localTimestamp(new Date()),
  };
}

function ofVolume({ attachment }: Occasion): MacroValues {
  if (!attachment) return {};
  return {
    attach_source: attachment.source,
    attach_op: attachment.attachedNow,
    volume_id: attachment.volumeId,
    volume_pool: attachment.pool,
    attached_device: attachment.path,
  };
}

function ofEvent(occasion: Occasion, { transactions }: Pick<MacroSources, 'transactions'>): MacroValues {
  const { domain, event, failures, notice, risk, results, recordNames } = occasion;
  return {
    domain,
    daemon_state: event,
    static_dns_rr: recordNames,
    error: failures.map(({ part, problem }) => [part, problem]),
    results: results.map(macroResult),
    transaction_log: transactions.of(domain).calls(),
    interrupt_action: risk?.kind ?? notice?.action,
    // The contract promises the offset in digits.
    interrupt_time: (risk ?? notice)?.time?.replace(/(\.\d+)?Z$/, '+00:00'),
    seconds_left: notice && Math.max(0, Math.round((notice.seenAtMs + notice.leftMs - performance.now()) / 1000)),
  };
}

/** For example `2030-01-01T01:02:03+01:00`: the wall clock where the instance is, which is what its people read. */
function localTimestamp(time: Date): string {
  const offsetMinutes = -time.getTimezoneOffset();
  const wall = new Date(time.getTime() + offsetMinutes * 60_000).toISOString().slice(0, 19);
  const sign = offsetMinutes < 0 ? '-' : '+';
  const [hours, minutes] = [Math.floor(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60];
  return `${wall}${sign}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}
