/** What whole stories have in common: parts of a configuration, commands that leave traces, and what a daemon leaves behind. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ChangeResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53';
import type { Hold } from '../../config/vocabulary.ts';
import { nameOf } from '../../machines/giving-back.ts';
import type { CallRecord } from '../../simulator/server.ts';
import { type Daemon, type Lab, type LabSetup, type LogRecord, TOPIC, VOLUME, ZONE } from './daemon.ts';
import { clientOptions, eventually } from './simulator-clients.ts';

export const SECOND_VOLUME = 'vol-0f9e8d7c6b5a43210';
/** The one that the daemon runs on. */
export const INSTANCE = 'i-0123456789abcde00';
export const OTHER_INSTANCE = 'i-0fedcba9876543210';
/** Its record sets can be read, but not changed. */
export const DENIED_ZONE = 'Z-change-denied';

export const volume = { device: '/dev/sdf', source: 'x', 'volume-id': VOLUME };
export const secondVolume = { device: '/dev/sdg', source: 'x', 'volume-id': SECOND_VOLUME };
export const record = { hostedzone: ZONE, name: 'play.example.com', ttl: 60 };
export const deniedRecord = { hostedzone: DENIED_ZONE, name: 'play.example.org', ttl: 60 };
export const sns = { backend: 'aws-sns', options: { topic: TOPIC } };

/** Two volumes, a zone that takes changes, and one that does not. */
export const twoVolumesTwoZones = {
  volumes: [{ id: VOLUME }, { id: SECOND_VOLUME }],
  hostedZones: [
    { id: ZONE, name: 'example.com' },
    { id: DENIED_ZONE, name: 'example.org' },
  ],
} satisfies LabSetup;

/** The second volume is somebody else's, so that whoever wants it waits. */
export const secondVolumeIsHeld = {
  others: [{ id: OTHER_INSTANCE }],
  volumes: [{ id: VOLUME }, { id: SECOND_VOLUME, attachedTo: { instanceId: OTHER_INSTANCE, device: '/dev/sdf' } }],
} satisfies LabSetup;

/** These domains, under a watch that sees a notice at once. */
export function configurationOf(domains: object, more: object = {}) {
  return { 'interrupt-detection': { options: { interval: 0.1 } }, ...more, domains };
}

/** A line that appends to a file of the lab, so that its order among others can be read. `$(…)` in it is the shell's. */
export function note(lab: Lab, text: string) {
  return { argv: ['/bin/sh', '-c', `echo "${text}" >> ${path.join(lab.folder, 'notes')}`] };
}

/** What the lines have noted, in the order it came, without blanks at the end. */
export function notes(lab: Lab): string[] {
  const file = path.join(lab.folder, 'notes');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  return lines.map((line) => line.trimEnd());
}

/** For `note`: the disks that are there at that moment, beside the root volume's, each followed by a blank. */
export function disks(lab: Lab): string {
  return `$(cd ${path.join(lab.sysroot, 'dev')} && ls | grep -v nvme0n1 | tr '\\n' ' ')`;
}

/** The groups of commands that note under which event they run. */
export function notedEvents(lab: Lab, ...events: string[]) {
  return events.map((on) => ({ on, lines: [note(lab, on)] }));
}

/** A line that runs until it is let through, or ended; or until the lab is gone, whoever started it. */
export function gate(lab: Lab, name: string) {
  const file = path.join(lab.folder, name);
  const script = `until [ -e ${file} ] || [ ! -d ${lab.folder} ]; do sleep 0.02; done`;
  return {
    line: { argv: ['/bin/sh', '-c', script] },
    /** Resolves when a daemon has started it. */
    reached: (daemon: Daemon) =>
      daemon.says(({ message, command }) => message === 'command starts' && String(command).includes(script)),
    open: () => writeFileSync(file, ''),
  };
}

export const stateDir = (lab: Pick<Lab, 'sysroot'>) => path.join(lab.sysroot, 'var/lib/ec2fleetd');

/** What the journal says, the oldest first; empty before there is one. */
export function holds(lab: Pick<Lab, 'sysroot'>): Hold[] {
  const file = path.join(stateDir(lab), 'journal.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).holds : [];
}

/** The same in short: volume ids, devices that something is created for, and names with types of records. */
export function held(lab: Pick<Lab, 'sysroot'>): string[] {
  return holds(lab).map((hold) => {
    if (hold.kind === 'attachment') return hold.volumeId;
    return hold.kind === 'creation' ? `created for ${hold.device}` : nameOf(hold);
  });
}

/** Resolves when the journal says so. */
export async function journalled(lab: Pick<Lab, 'sysroot'>, fits: (held: string[]) => boolean): Promise<void> {
  await eventually(async () => held(lab), fits);
}

/** The volumes that are attached to this instance, or are on their way to or from it. */
export function attached(lab: Lab): string[] {
  return [VOLUME, SECOND_VOLUME].filter((id) =>
    lab.cloud.volume(id)?.attachments.some(({ instanceId }) => instanceId === lab.cloud.instanceId),
  );
}

/** The A and AAAA sets of a zone, by name and type. */
export function addressSets(lab: Pick<Lab, 'cloud'>, zone = ZONE) {
  const sets = lab.cloud.recordSets(zone).filter(({ type }) => type === 'A' || type === 'AAAA');
  return sets.toSorted((one, other) => `${one.name} ${one.type}`.localeCompare(`${other.name} ${other.type}`));
}

/** The events that were told, in the order they came. */
export function toldEvents(lab: Lab): string[] {
  return lab.told().map(({ daemon_state }) => daemon_state);
}

/** Resolves with the next answer to a call of this operation that is a success. */
export function answered(lab: Lab, operation: string): Promise<CallRecord> {
  return new Promise((resolve) => {
    const leave = lab.cloud.onCall((call) => {
      if (call.operation !== operation || call.status !== 200) return;
      leave();
      resolve(call);
    });
  });
}

/** Ends a daemon without letting it do anything more. */
export async function kill(daemon: Daemon): Promise<void> {
  daemon.signal('SIGKILL');
  await daemon.ended;
}

/** Fits the record that says that a domain's message about an event has left. */
export function accepted(domain: string, event: string) {
  return (line: LogRecord) => line.message === 'message accepted' && line.domain === domain && line.event === event;
}

/** Resolves when a domain's `.started` file is there: it follows the state by a moment. */
export async function flagged(lab: Lab, domain: string): Promise<void> {
  await eventually(
    async () => lab.startedFlag(domain),
    (stands) => stands,
  );
}

/** Where somebody else points the record of `record`. */
export const theirs = { name: 'play.example.com.', type: 'A', ttl: 60, values: ['192.0.2.99'] } as const;

/** What somebody else does to the zone meanwhile. @param setIdentifier absent: to the simple set. */
export async function upsert(
  lab: Lab,
  { name, type, ttl, values, setIdentifier }: typeof theirs & { setIdentifier?: string },
): Promise<void> {
  const routing = setIdentifier === undefined ? {} : { SetIdentifier: setIdentifier, MultiValueAnswer: true };
  const set = { Name: name, Type: type, TTL: ttl, ResourceRecords: values.map((Value) => ({ Value })), ...routing };
  const change = { Action: 'UPSERT', ResourceRecordSet: set } as const;
  await new Route53Client(clientOptions(lab.cloud)).send(
    new ChangeResourceRecordSetsCommand({ HostedZoneId: ZONE, ChangeBatch: { Changes: [change] } }),
  );
}

/** A line after which the machine's first disk but the root's is mounted, as its kernel says. */
export function mountFirstDisk({ sysroot }: Lab) {
  const entry = '36 35 259:1 / /srv/world rw,relatime shared:1 - ext4 /dev/nvme1n1 rw';
  const [table, number] = [path.join(sysroot, 'proc/self/mountinfo'), path.join(sysroot, 'sys/block/nvme1n1/dev')];
  return { argv: ['/bin/sh', '-c', `echo 259:1 > ${number}; echo "${entry}" > ${table}`] };
}
