/** Many domains on one instance: side by side all the way up and all the way down. The built daemon, from boot to exit. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Daemon, type Lab, type LogRecord, startDaemon, startLab, ZONE } from './helpers/daemon.ts';
import { configurationOf, note, notes, sns, toldEvents } from './helpers/story.ts';

const names = Array.from({ length: 40 }, (_, i) => `game-${String(i).padStart(2, '0')}`);

/** As many as an instance has letters for. */
const withVolumes = names.slice(0, 20);

const volumeOf = (name: string) => `vol-0a1b2c3d4e5f6${name.slice(-2).padStart(4, '0')}`;
const deviceOf = (name: string) => `/dev/sd${String.fromCharCode('f'.charCodeAt(0) + withVolumes.indexOf(name))}`;

/** A line that ends once every domain has come to it: only commands that all run at the same time get past it. */
function meeting(lab: Lab, event: string) {
  const file = path.join(lab.folder, event);
  // Forty shells look: seldom enough to leave the processor to what they wait for.
  const script = `until [ -e ${file} ] || [ ! -d ${lab.folder} ]; do sleep 0.25; done`;
  return {
    line: { argv: ['/bin/sh', '-c', script] },
    async meet(daemon: Daemon) {
      const isHere = (line: LogRecord) =>
        line.message === 'command starts' && line.command?.toString().includes(script);
      await daemon.says(() => daemon.log.filter(isHere).length === names.length);
      writeFileSync(file, '');
    },
  };
}

function domainsOf(exec: object[]) {
  const domainOf = (name: string) => ({
    'attach-volume': withVolumes.includes(name)
      ? [{ device: deviceOf(name), source: 'x', 'volume-id': volumeOf(name) }]
      : [],
    'update-route53': [{ hostedzone: ZONE, name: `${name}.example.com`, ttl: 60 }],
    exec,
    notify: [sns],
  });
  return Object.fromEntries(names.map((name) => [name, domainOf(name)]));
}

describe('forty domains', () => {
  it('come up side by side, run the commands of one notice at the same time, and are each told once [5.1, 5.4, 5.5]', async () => {
    await using lab = await startLab({ volumes: withVolumes.map((name) => ({ id: volumeOf(name) })) });
    const [starting, saving] = [meeting(lab, 'started'), meeting(lab, 'interrupted')];
    const domains = domainsOf([
      { on: 'started', lines: [starting.line, note(lab, 'started {domain}')] },
      { on: 'interrupted', lines: [saving.line, note(lab, 'saved {domain}')] },
    ]);
    await using daemon = startDaemon(lab, { configuration: configurationOf(domains) });
    await starting.meet(daemon);
    await Promise.all(names.map((name) => daemon.reaches(name, 'started')));

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await saving.meet(daemon);
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).slice(0, 40).toSorted()).toEqual(names.map((name) => `started ${name}`));
    expect(notes(lab).slice(40).toSorted()).toEqual(names.map((name) => `saved ${name}`));
    expect(
      lab
        .told()
        .map(({ domain, daemon_state }) => `${daemon_state} ${domain}`)
        .toSorted(),
    ).toEqual(['interrupted', 'started'].flatMap((event) => names.map((name) => `${event} ${name}`)));
    expect(addressesOf(lab)).toEqual(names.map((name) => `${name}.example.com.`));
    expect(
      withVolumes.filter((name) => lab.cloud.volume(volumeOf(name))?.attachments[0]?.status !== 'attached'),
    ).toEqual([]);
  });

  it('are all stopped by one SIGTERM, also those that fail to save [5.4, 5.6, 5.7]', async () => {
    await using lab = await startLab();
    const exec = [{ on: 'stopping', lines: [{ argv: ['/bin/false'] }, note(lab, 'saved {domain}')] }];
    const domains = Object.fromEntries(names.map((name) => [name, { exec, notify: [sns] }]));
    await using daemon = startDaemon(lab, { configuration: configurationOf(domains) });
    await Promise.all(names.map((name) => daemon.reaches(name, 'started')));

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expect(notes(lab).toSorted()).toEqual(names.map((name) => `saved ${name}`));
    expect(toldEvents(lab).filter((event) => event === 'stopping')).toHaveLength(40);
  });
});

/** The names that the zone has an A record for. */
function addressesOf(lab: Lab): string[] {
  return lab.cloud
    .recordSets(ZONE)
    .filter(({ type }) => type === 'A')
    .map(({ name }) => name)
    .toSorted();
}
