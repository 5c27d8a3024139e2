/** A simulated Route 53 with one zone, and its client: what the tests of zones and record sets share. */
import {
  type Change,
  ChangeResourceRecordSetsCommand,
  ListResourceRecordSetsCommand,
  type ListResourceRecordSetsCommandInput,
  type ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { type CloudSetup, startCloud } from '../../simulator/server.ts';
import { clientOptions } from './simulator-clients.ts';

/** The zone `example.com`, unless a setup says otherwise. */
export const ZONE = 'Z0123456789EXAMPLE';

/** Changes by their actions, in their order. */
export type Wanted = Partial<Record<'CREATE' | 'DELETE' | 'UPSERT', ResourceRecordSet>>;

/** Starts a cloud with the zone and a client; both end with it. */
export async function startRoute53(setup: CloudSetup = {}) {
  const cloud = await startCloud({ hostedZones: [{ id: ZONE, name: 'example.com' }], ...setup });
  const route53 = new Route53Client(clientOptions(cloud));
  return {
    cloud,
    route53,
    change(...wanted: Wanted[]) {
      const changes = wanted.flatMap((change) =>
        Object.entries(change).map(([Action, ResourceRecordSet]) => ({ Action, ResourceRecordSet }) as Change),
      );
      return route53.send(
        new ChangeResourceRecordSetsCommand({ HostedZoneId: ZONE, ChangeBatch: { Changes: changes } }),
      );
    },
    async list(from: Omit<ListResourceRecordSetsCommandInput, 'HostedZoneId'> = {}): Promise<ResourceRecordSet[]> {
      const answer = await route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: ZONE, ...from }));
      return answer.ResourceRecordSets ?? [];
    },
    /** Names and types of what a zone has beside its SOA and NS records. */
    records: () =>
      cloud
        .recordSets(ZONE)
        .filter(({ type }) => type !== 'SOA' && type !== 'NS')
        .map(({ name, setIdentifier, values }) => ({ name, setIdentifier, values })),
    async [Symbol.asyncDispose]() {
      route53.destroy();
      await cloud.close();
    },
  };
}

/** An A record of these addresses; with none, of `192.0.2.1`. */
export function a(name: string, ...values: string[]): ResourceRecordSet {
  const addresses = values.length === 0 ? ['192.0.2.1'] : values;
  return { Name: name, Type: 'A', TTL: 60, ResourceRecords: addresses.map((Value) => ({ Value })) };
}

/** A multivalue answer: one of several under one name. */
export function multivalue(name: string, SetIdentifier: string): ResourceRecordSet {
  return { ...a(name), SetIdentifier, MultiValueAnswer: true };
}
