/** The messages of `ec2fleetd notify-test`: as the daemon would write them, and plainly tests (behaviour.md 10.6). */

import { createMacroValues } from '../actors/macro-values.ts';
import { isNotified } from '../config/commands.ts';
import { NOTICE_MS } from '../config/constants.ts';
import { type EventName, eventNames } from '../config/events.ts';
import { expand } from '../config/macros.ts';
import { messageTo, type WrittenMessage } from '../config/receivers.ts';
import { storedName } from '../config/record-name.ts';
import type { DomainConfig, NotifyConfig } from '../config/schema.ts';
import type { InstanceFacts, LoggedCall, Occasion, PublicAddresses } from '../config/vocabulary.ts';

/** Where the test is made. */
export interface Whereabouts {
  facts: InstanceFacts;
  addresses: PublicAddresses;
  transactionId: string;
}

/** A written test, and the event that it speaks of. */
export interface TestMessage extends WrittenMessage {
  event: EventName;
}

/** Stands in for an instance where there is none. @param region the one that is known, if any. */
export function whereaboutsWithout(region: string | undefined, transactionId: string): Whereabouts {
  const its = region ?? 'us-east-1';
  return {
    facts: {
      instanceId: 'i-00000000000000000',
      instanceType: 't3.micro',
      launchIndex: 0,
      region: its,
      zone: `${its}a`,
      hypervisor: 'nitro',
    },
    // Reserved for documentation: nobody's.
    addresses: { primaryIpv4: '192.0.2.1', ipv4: ['192.0.2.1'], ipv6: [] },
    transactionId,
  };
}

/**
 * Writes a receiver's test: its own envelope or the default one, filled as at `started`, or else at the first event that it is
 * told of, with one result and one call as examples; and marked.
 */
export function testMessage(
  name: string,
  domain: DomainConfig,
  receiver: NotifyConfig,
  where: Whereabouts,
): TestMessage {
  const event = eventFor(receiver);
  const values = createMacroValues({
    ...where,
    addresses: () => where.addresses,
    transactions: { of: () => ({ calls: () => [exampleCall(name)] }) },
  })(exampleOccasion(name, event));
  const names = domain['update-route53'].map((record) => storedName(expand(record.name, { ...values, domain: name })));
  const message = messageTo(receiver, { ...values, static_dns_rr: [...new Set(names)], test: true });
  return { ...message, event, subject: `TEST: ${message.subject}`, body: markedBody(message.body) };
}

/** True when the matrix of a receiver switches every event off, so that only tests reach it. */
export function isToldNothing(receiver: NotifyConfig): boolean {
  return !eventNames.some((event) => isNotified(receiver, event));
}

function eventFor(receiver: NotifyConfig): EventName {
  const told = eventNames.filter((event) => isNotified(receiver, event));
  return told.includes('started') ? 'started' : (told[0] ?? 'started');
}

/** What a receiver that looks into each part of a body finds there. */
function exampleOccasion(domain: string, event: EventName): Occasion {
  const time = new Date(Date.now() + NOTICE_MS).toISOString();
  const isNoticed = event === 'interrupted' || event === 'noticed';
  return {
    domain,
    event,
    failures: event === 'failed' ? [{ part: 'test', problem: 'This is a test. Nothing failed.', critical: true }] : [],
    results: [
      {
        argv: ['/usr/bin/true'],
        exitCode: 0,
        signal: null,
        durationMs: 1,
        outputTail: 'This is a test. No command was run.\n',
        succeeded: true,
      },
    ],
    recordNames: [],
    ...(isNoticed && {
      notice: {
        action: 'terminate',
        key: `terminate ${time}`,
        time,
        leftMs: NOTICE_MS,
        seenAtMs: performance.now(),
      },
    }),
    ...(event === 'at-risk' && { risk: { kind: 'rebalance', key: `rebalance ${time}`, time } }),
  };
}

/** Dry, since it was not made. */
function exampleCall(domain: string): LoggedCall {
  return { platform: 'aws', domain, method: 'describe_volumes', param: {}, dry: true };
}

/** A JSON object keeps its form and gets the key `test`; whatever else there is gets a line before it. */
function markedBody(body: string): string {
  const object = objectIn(body);
  if (object === undefined) return `TEST: sent by ec2fleetd notify-test. Nothing has happened.\n\n${body}`;
  if (object.test === true) return body;
  return JSON.stringify({ ...object, test: true }, null, '\t');
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    // No JSON is no mistake: it is a text for people.
    return undefined;
  }
}
