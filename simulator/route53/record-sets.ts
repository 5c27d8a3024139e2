/** Record sets between XML and plain data, their identity and their order. Source: Route 53 API Reference, "ResourceRecordSet". */
import { AwsError } from '../aws-error.ts';
import type { StoredRecordSet } from '../cloud.ts';
import type { XmlElement } from '../xml.ts';
import { orderOf, storedName } from './names.ts';

/** XML that was read: elements by name, text as strings. */
export type Element = Partial<Record<string, unknown>>;

/** Elements that may repeat. */
export const lists = ['Change', 'ResourceRecord'];

export function elementOf(parent: Element, name: string): Element {
  const child = parent[name];
  return typeof child === 'object' && child !== null && !Array.isArray(child) ? (child as Element) : {};
}

/** The children in a wrapper: `<ResourceRecords><ResourceRecord>…`. */
export function childrenOf(parent: Element, wrapper: string, name: string): Element[] {
  const children = elementOf(parent, wrapper)[name];
  return Array.isArray(children) ? (children as Element[]) : [];
}

export function textIn(parent: Element, name: string): string | undefined {
  const value = parent[name];
  return typeof value === 'string' ? value : undefined;
}

/** Reads `<ResourceRecordSet>`; what is not a number where one belongs is refused. */
export function recordSetIn(xml: Element): StoredRecordSet {
  const alias = elementOf(xml, 'AliasTarget');
  return withoutAbsent({
    name: storedName(textIn(xml, 'Name') ?? ''),
    type: textIn(xml, 'Type') ?? '',
    setIdentifier: textIn(xml, 'SetIdentifier'),
    ttl: numberIn(xml, 'TTL', 2_147_483_647),
    values: childrenOf(xml, 'ResourceRecords', 'ResourceRecord').map((record) => textIn(record, 'Value') ?? ''),
    multiValueAnswer: textIn(xml, 'MultiValueAnswer') === 'true' || undefined,
    weight: numberIn(xml, 'Weight', 255),
    region: textIn(xml, 'Region'),
    failover: textIn(xml, 'Failover'),
    healthCheckId: textIn(xml, 'HealthCheckId'),
    alias:
      xml.AliasTarget === undefined
        ? undefined
        : {
            hostedZoneId: textIn(alias, 'HostedZoneId') ?? '',
            dnsName: storedName(textIn(alias, 'DNSName') ?? ''),
            evaluateTargetHealth: textIn(alias, 'EvaluateTargetHealth') === 'true',
          },
  });
}

type Absentable<T> = { [K in keyof T]: T[K] | undefined };

function withoutAbsent(record: Absentable<Required<StoredRecordSet>>): StoredRecordSet {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined),
  ) as unknown as StoredRecordSet;
}

function numberIn(xml: Element, name: string, most: number): number | undefined {
  const text = textIn(xml, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= most) return value;
  throw new AwsError('InvalidInput', `Invalid value '${text}' for ${name}: expected a whole number from 0 to ${most}.`);
}

export function recordSetItem(record: StoredRecordSet): XmlElement {
  return {
    Name: record.name,
    Type: record.type,
    SetIdentifier: record.setIdentifier,
    Weight: record.weight,
    Region: record.region,
    Failover: record.failover,
    MultiValueAnswer: record.multiValueAnswer,
    TTL: record.ttl,
    ...(record.values.length > 0 && { ResourceRecords: { ResourceRecord: record.values.map((Value) => ({ Value })) } }),
    ...(record.alias !== undefined && {
      AliasTarget: {
        HostedZoneId: record.alias.hostedZoneId,
        DNSName: record.alias.dnsName,
        EvaluateTargetHealth: record.alias.evaluateTargetHealth,
      },
    }),
    HealthCheckId: record.healthCheckId,
  };
}

/** What makes a record set one and the same. */
export function isSameKey(a: StoredRecordSet, b: StoredRecordSet): boolean {
  return a.name === b.name && a.type === b.type && a.setIdentifier === b.setIdentifier;
}

/** What a deletion has to repeat exactly, but for the order of values, and MultiValueAnswer, which may be left out. */
export function isSameContent(current: StoredRecordSet, given: StoredRecordSet): boolean {
  const comparable = ({ values, multiValueAnswer: _, ...rest }: StoredRecordSet) =>
    JSON.stringify([values.toSorted(), Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
  return comparable(current) === comparable(given);
}

/** By name with its labels reversed, then type, then set identifier; plain character order. */
export function compareRecordSets(a: Position, b: Position): number {
  return (
    compare(orderOf(a.name), orderOf(b.name)) ||
    compare(a.type ?? '', b.type ?? '') ||
    compare(a.setIdentifier ?? '', b.setIdentifier ?? '')
  );
}

/** A place in the list of record sets, which need not be taken. */
export interface Position {
  name: string;
  type?: string;
  setIdentifier?: string;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
