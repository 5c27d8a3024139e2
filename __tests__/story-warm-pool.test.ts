/** An instance that Auto Scaling keeps warm: nothing is taken before it is wanted in service. */

import { type Daemon, type Lab, startDaemon, startLab, VOLUME } from './helpers/daemon.ts';
import { LIFECYCLE, slowSecondLook } from './helpers/signs.ts';
import { eventually } from './helpers/simulator-clients.ts';
import { attached, configurationOf, notedEvents, notes, record, sns, toldEvents, volume } from './helpers/story.ts';

const ACTION = 'GET /latest/meta-data/spot/instance-action';

/** A domain with everything, on an instance in the warm pool. */
async function warm(lab: Lab): Promise<Daemon> {
  lab.cloud.changeInstance({ targetLifecycleState: 'Warmed:Running' });
  const world = {
    'attach-volume': [volume],
    'update-route53': [record],
    exec: notedEvents(lab, 'starting', 'started', 'interrupted', 'stopping', 'failed'),
    notify: [sns],
  };
  const daemon = startDaemon(lab, { configuration: configurationOf({ world }) });
  await daemon.says(({ message }) => message.startsWith('in the warm pool (Warmed:Running)'));
  return daemon;
}

/** Nothing was asked of AWS that changes anything, and nothing has run. */
function expectNothingTaken(lab: Lab): void {
  expect([...lab.calls('AttachVolume'), ...lab.calls('ChangeResourceRecordSets')]).toEqual([]);
  expect(notes(lab)).toEqual([]);
}

describe('in the warm pool', () => {
  it('nothing is taken until Auto Scaling wants the instance in service [5.9]', async () => {
    await using lab = await startLab();
    slowSecondLook(lab);
    await using daemon = await warm(lab);
    expectNothingTaken(lab);

    lab.cloud.changeInstance({ targetLifecycleState: 'InService' });
    await daemon.reaches('world', 'started');

    const operations = lab.cloud.calls().map(({ operation }) => operation);
    const looks = operations
      .slice(0, operations.indexOf('AttachVolume'))
      .filter((operation) => operation === LIFECYCLE);
    expect(looks.length).toBeGreaterThan(1);
    expect(attached(lab)).toEqual([VOLUME]);
    expect(notes(lab)).toEqual(['starting', 'started']);
  });

  it('a SIGTERM ends the daemon with 0, and nothing runs [5.9, 5.6, 2.3]', async () => {
    await using lab = await startLab();
    await using daemon = await warm(lab);

    daemon.signal('SIGTERM');
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expectNothingTaken(lab);
  });

  it('a notice is told, takes nothing, runs nothing, and ends the daemon with 0 [5.9, 5.3]', async () => {
    await using lab = await startLab();
    await using daemon = await warm(lab);

    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    const { exitCode } = await daemon.ended;

    expect(exitCode).toBe(0);
    expectNothingTaken(lab);
    expect(toldEvents(lab)).toEqual(['interrupted']);
  });

  it('a first look that fails is not taken for being in service [5.9, 9.4]', async () => {
    await using lab = await startLab();
    lab.cloud.metadataFault({ kind: 'status', status: 503, paths: 'meta-data/autoscaling', count: 2 });
    await using daemon = await warm(lab);

    daemon.signal('SIGTERM');
    await daemon.ended;

    expectNothingTaken(lab);
    expect(daemon.log.map(({ message }) => message)).not.toContain('setting out');
  });

  it('a look that fails is not taken for its end [5.9, 9.4]', async () => {
    await using lab = await startLab();
    lab.cloud.onCall(({ operation }) => {
      if (operation === LIFECYCLE && lab.calls(LIFECYCLE).length === 1)
        lab.cloud.metadataFault({ kind: 'status', status: 503, paths: 'meta-data/autoscaling' });
    });
    await using daemon = await warm(lab);
    await looked(lab, LIFECYCLE, 2);
    // By then it has had the time to act on that.
    await looked(lab, ACTION, lab.calls(ACTION).length + 3);

    daemon.signal('SIGTERM');
    await daemon.ended;

    expectNothingTaken(lab);
    expect(daemon.log.map(({ message }) => message)).not.toContain('setting out');
  });
});

/** Resolves when the metadata has been asked for this that many times. */
function looked(lab: Lab, operation: string, times: number) {
  return eventually(
    async () => lab.calls(operation).length,
    (looks) => looks >= times,
  );
}
