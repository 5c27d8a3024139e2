/**
 * The cloud in a box: starts a world on loopback, one port for all of AWS and one for each instance's metadata. It speaks
 * the services' own protocols to their unchanged clients and to curl; `docs/simulator.md` says what it does not do.
 */
import type { Server } from 'node:http';
import { answerAws, answerControl, answerImds } from './answers.ts';
import { type CallLog, createCallLog } from './calls.ts';
import { createClock } from './clock.ts';
import type { World } from './cloud.ts';
import { createControl } from './control.ts';
import { createFrontDoor } from './front-door.ts';
import { type Cloud, createHandle, type MetadataServers } from './handle.ts';
import { createImds } from './imds/index.ts';
import { closeServer, type Handler, listen, urlOf } from './listeners.ts';
import { type CloudSetup, createWorld } from './setup.ts';

export type { CallRecord } from './calls.ts';
export type { MetadataFault } from './faults.ts';
export type { Cloud } from './handle.ts';
export type { ServiceFault } from './service-faults.ts';
export type { CloudSetup, InstanceSetup } from './setup.ts';

export async function startCloud(setup: CloudSetup = {}): Promise<Cloud> {
  const clock = createClock();
  const world = createWorld(setup, clock);
  const log = createCallLog(clock);
  const servers: Server[] = [];
  const start = async (port: number, handler: Handler) => {
    const server = await listen(port, handler);
    servers.push(server);
    return urlOf(server);
  };
  const close = async () => {
    clock.close();
    await Promise.all(servers.map(closeServer));
  };
  try {
    const control = createControl(world, log);
    const front = createFrontDoor(world);
    const url = await start(setup.port ?? 0, (incoming, outgoing) => {
      if (incoming.url?.startsWith('/_control')) return answerControl(control, incoming, outgoing);
      return answerAws(world, log, front, incoming, outgoing);
    });
    const metadata = createMetadataServers(world, log, start);
    for (const [index, instance] of [...world.instances.values()].entries())
      await metadata.listen(instance, index === 0 ? setup.metadataPort : undefined);
    return createHandle(world, log, url, metadata, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function createMetadataServers(
  world: World,
  log: CallLog,
  start: (port: number, handler: Handler) => Promise<string>,
): MetadataServers {
  const urls = new Map<string, string>();
  return {
    async listen(instance, port = 0) {
      const imds = createImds(world, instance);
      const url = await start(port, (incoming, outgoing) => answerImds(world, log, instance, imds, incoming, outgoing));
      urls.set(instance.id, url);
    },
    urlOf: (instanceId) => urls.get(instanceId) ?? '',
  };
}
