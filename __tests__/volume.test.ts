import { ATTACHING_LIMIT_MS } from '../config/constants.ts';
import type { CommandLine, Looked, VolumeEntry } from '../config/vocabulary.ts';
import type { CommandsInput, commandsMachine } from '../machines/commands.ts';
import { type VolumeOutcome, volumeMachine, type volumeSteps } from '../machines/volume.ts';
import { volumesMachine, type volumesSteps } from '../machines/volumes.ts';
import { COMMAND_LINE, failed, succeeded, volumeEntry } from './helpers/domain.ts';
import {
  createScript,
  type Doings,
  deniedError,
  held,
  passingError,
  refused,
  rejects,
  resolves,
  started,
} from './helpers/scripted.ts';

const sees = (kind: Looked['kind'], seen = `vol-1 is ${kind}`) => resolves({ kind, seen });
const heldElsewhere = sees('held', 'vol-1 is held by i-0def (in-use)');

/** A volume that is free and attached at once, unless told otherwise. */
function scripted(doings: Doings = {}) {
  const script = createScript({ look: sees('free'), awaitSerial: held, ...doings });
  const machine = volumeMachine.provide({
    actors: {
      look: script.step<(typeof volumeSteps)['look']>('look', { kind: 'free', seen: '' }),
      claim: script.step<(typeof volumeSteps)['claim']>('claim', 'accepted'),
      awaitSerial: script.step<(typeof volumeSteps)['awaitSerial']>('awaitSerial', '/dev/nvme1n1'),
      locate: script.step<(typeof volumeSteps)['locate']>('locate', '/dev/nvme1n1'),
    } satisfies typeof volumeSteps,
  });
  const volume = started(machine, volumeEntry());
  return {
    ...volume,
    script,
    finish: () => volume.actor.send({ type: 'step.finish' }),
    get state(): string {
      return volume.state;
    },
    get context() {
      return volume.actor.getSnapshot().context;
    },
    get output(): VolumeOutcome | undefined {
      return volume.output;
    },
  };
}

const there = { volumeId: 'vol-1', device: '/dev/sdf', path: '/dev/nvme1n1', source: 'x' };

describe('a volume', () => {
  it('that is free is claimed, and there once its serial shows [6.3, 6.9]', () => {
    const volume = scripted();
    const before = volume.state;

    volume.script.resolve('awaitSerial', '/dev/nvme1n1');

    expect(before).toMatch(/^attaching/);
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });

  it('that is free is claimed, and located once EC2 calls it attached, whatever its serial does [6.9]', () => {
    const volume = scripted({ look: [sees('free'), sees('attaching'), sees('attached')], awaitSerial: refused });
    const before = volume.state;

    volume.clock.increment(60_000);

    expect(before).toBe('attaching.pausing');
    expect(volume.script.taken.at(-1)).toBe('locate');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });

  it('that is attached here already is adopted, and nothing is changed [6.2]', () => {
    const { script, output } = scripted({ look: sees('attached') });

    expect(script.taken).toEqual(['look', 'locate']);
    expect(output).toEqual({ attachment: { ...there, attachedNow: false } });
  });

  it('that is being attached here already is waited for, and nothing is changed [6.2]', () => {
    const volume = scripted({ look: sees('attaching') });

    volume.script.resolve('awaitSerial', '/dev/nvme1n1');

    expect(volume.script.taken).not.toContain('claim');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: false } });
  });

  it('that is never to be had like this ends with what was seen [6.2, 6.3]', () => {
    const { script, output } = scripted({ look: sees('refused', 'vol-1 is in another zone') });

    expect(script.taken).toEqual(['look']);
    expect(output).toEqual({ problem: 'vol-1 is in another zone' });
  });

  it('that init is switched off for is as good as there, at its own name [2.1]', () => {
    const { script, output } = scripted({ claim: resolves('dry') });

    expect(script.taken).toEqual(['look', 'claim']);
    expect(output).toEqual({ attachment: { ...there, path: '/dev/sdf', attachedNow: true } });
  });

  it.each(['look', 'claim', 'locate'])('that %s is denied for ends with that sentence [6.3]', (step) => {
    const look = step === 'locate' ? sees('attached') : sees('free');
    const { output } = scripted({ look, [step]: rejects(deniedError) });

    expect(output).toEqual({ problem: 'AttachVolume: not authorized. Allow it.' });
  });

  it.each(['look', 'claim', 'locate'])('whose %s breaks ends with what was thrown [6.3]', (step) => {
    const look = step === 'locate' ? sees('attached') : sees('free');
    const { output, errors } = scripted({ look, [step]: refused });

    expect(output).toEqual({ problem: 'refused' });
    expect(errors).toEqual([]);
  });
});

describe('a volume that somebody has', () => {
  it('is waited for, and the status can tell who has it [6.4]', () => {
    const { state, context } = scripted({ look: heldElsewhere });

    expect(state).toBe('waiting');
    expect(context.waitingFor).toBe('vol-1 is held by i-0def (in-use)');
  });

  it('is looked at again after 2 s, and then less and less often, but at least every 10 s [6.4]', () => {
    const volume = scripted({ look: heldElsewhere });
    const pauses = Array.from({ length: 7 }, () => {
      const looks = volume.script.taken.length;
      let pauseMs = 0;
      while (volume.script.taken.length === looks) {
        volume.clock.increment(250);
        pauseMs += 250;
      }
      return pauseMs;
    });

    expect(pauses).toEqual([2_000, 3_000, 4_500, 6_750, 10_000, 10_000, 10_000].map((ms) => Math.ceil(ms / 250) * 250));
  });

  it('is taken once it is free, and no longer waited for [6.4]', () => {
    const volume = scripted({ look: [heldElsewhere, sees('free'), held] });

    volume.clock.increment(2_000);

    expect(volume.state).toBe('attaching.checking');
    expect(volume.context.waitingFor).toBeUndefined();
  });

  it('by a faster claim is waited for, and not taken for one of ours later [6.3, 4.3]', () => {
    const volume = scripted({ look: [sees('free'), sees('attached')], claim: resolves('taken') });
    const { waitingFor } = volume.context;

    volume.clock.increment(2_000);

    expect(waitingFor).toBe('another instance was faster to attach vol-1');
    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: false } });
  });
});

describe('a failure that may pass', () => {
  it('of a look has it made again [6.3]', () => {
    const volume = scripted({ look: [rejects(passingError), sees('attached')] });
    const { waitingFor } = volume.context;

    volume.clock.increment(2_000);

    expect(waitingFor).toBe('AttachVolume: throttled. Wait.');
    expect(volume.output).toHaveProperty('attachment');
  });

  it('of a claim has the volume looked at before it is claimed again [6.3]', () => {
    const volume = scripted({
      claim: [rejects(passingError), resolves('accepted')],
      look: [sees('free'), sees('free'), held],
    });

    volume.clock.increment(2_000);

    expect(volume.script.taken.slice(0, 4)).toEqual(['look', 'claim', 'look', 'claim']);
  });

  it('of a claim that went through all the same leaves the volume one of this run [4.3]', () => {
    const volume = scripted({ claim: rejects(passingError), look: [sees('free'), sees('attached')] });

    volume.clock.increment(2_000);

    expect(volume.output).toEqual({ attachment: { ...there, attachedNow: true } });
  });
});

describe('a volume that is being attached', () => {
  it('is looked at after 0.5 s, and then less often [6.9]', () => {
    const volume = scripted({ look: [sees('free'), sees('attaching')] });
    const looks = () => volume.script.taken.filter((name) => name === 'look').length;
    const atFirst = looks();

    volume.clock.increment(499);
    const before = looks();
    volume.clock.increment(1);
    const second = looks();
    volume.clock.increment(749);
    const beforeThird = looks();
    volume.clock.increment(1);

    expect([atFirst, before, second, beforeThird, looks()]).toEqual([2, 2, 3, 3, 4]);
  });

  it('is looked at less often also when it cannot be [6.9]', () => {
    const volume = scripted({ look: [sees('free'), refused] });
    volume.clock.increment(500);
    const looks = volume.script.taken.length;

    volume.clock.increment(749);
    const before = volume.script.taken.length;
    volume.clock.increment(1);

    expect([before, volume.script.taken.length]).toEqual([looks, looks + 1]);
  });

  it('is looked at after 0.5 s however long it was waited for [6.4, 6.9]', () => {
    const volume = scripted({ look: [heldElsewhere, heldElsewhere, sees('attaching')] });
    volume.clock.increment(2_000 + 3_000);
    const looks = volume.script.taken.length;

    volume.clock.increment(500);

    expect(volume.script.taken).toHaveLength(looks + 1);
  });

  it.each(['attaching', 'attached'] as const)('is no longer waited for once EC2 calls it %s [6.4]', (kind) => {
    const volume = scripted({ look: [heldElsewhere, sees(kind)], locate: held });

    volume.clock.increment(2_000);

    expect(volume.context.waitingFor).toBeUndefined();
  });

  it.each([
    { what: 'seems free again for a moment', look: [sees('free'), sees('free'), sees('attached')] },
    { what: 'cannot be looked at for a moment', look: [sees('free'), refused, sees('attached')] },
  ])('is not given up when it $what [6.9]', ({ look }) => {
    const volume = scripted({ look });

    volume.clock.increment(1_000);

    expect(volume.script.taken.filter((name) => name === 'claim')).toHaveLength(1);
    expect(volume.output).toHaveProperty('attachment');
  });

  it('is given up after 90 s, with advice [6.9]', () => {
    const volume = scripted({ look: [sees('free'), sees('attaching')] });

    volume.clock.increment(ATTACHING_LIMIT_MS - 1);
    const before = volume.output;
    volume.clock.increment(1);

    expect(before).toBeUndefined();
    expect(volume.output).toEqual({ problem: expect.stringContaining('still attaching after 90 s') });
  });
});

describe('a volume that is asked to finish', () => {
  it('cuts short a look, which changes nothing', () => {
    const volume = scripted({ look: held });

    volume.finish();

    expect(volume.output).toEqual({ problem: 'asked to end before it was attached' });
    expect(volume.script.isUnderWay('look')).toBe(false);
  });

  it('waits no longer, and says for what it did', () => {
    const volume = scripted({ look: heldElsewhere });

    volume.finish();

    expect(volume.output).toEqual({ problem: 'no longer waited for: vol-1 is held by i-0def (in-use)' });
  });

  it('lets a claim have its answer, and ends when it was accepted', () => {
    const volume = scripted({ claim: held });

    volume.finish();
    const before = volume.script.isUnderWay('claim');
    volume.script.resolve('claim', 'accepted');

    expect(before).toBe(true);
    expect(volume.output).toEqual({ problem: 'asked to end while it was being attached' });
    expect(volume.script.taken).toEqual(['look', 'claim']);
  });

  it.each([
    {
      answer: 'taken by somebody else',
      end: (volume: ReturnType<typeof scripted>) => volume.script.resolve('claim', 'taken'),
    },
    {
      answer: 'a failure that may pass',
      end: (volume: ReturnType<typeof scripted>) => volume.script.reject('claim', passingError),
    },
  ])('does not go on waiting for ever when its claim ends as $answer [5.2]', ({ end }) => {
    const volume = scripted({ claim: held });

    volume.finish();
    end(volume);

    expect(volume.output).toEqual({ problem: expect.stringMatching(/^no longer waited for: /) });
  });

  it('ends with the refusal when its claim was refused', () => {
    const volume = scripted({ claim: held });

    volume.finish();
    volume.script.reject('claim', deniedError);

    expect(volume.output).toEqual({ problem: 'AttachVolume: not authorized. Allow it.' });
  });

  it.each([
    { state: 'attaching.checking', look: [sees('free'), held] },
    { state: 'attaching.pausing', look: [sees('free'), sees('attaching')] },
  ])('ends at once while it is $state', ({ state, look }) => {
    const volume = scripted({ look });
    const before = volume.state;

    volume.finish();

    expect(before).toBe(state);
    expect(volume.output).toEqual({ problem: 'asked to end while it was being attached' });
  });

  it('ends at once while its disk is looked for', () => {
    const volume = scripted({ look: sees('attached'), locate: held });

    volume.finish();

    expect(volume.output).toEqual({ problem: 'asked to end before its disk was found' });
  });
});

/** The volumes of a domain, each scripted as `volume 0`, `volume 1`, …, and their commands as `commands 0`, … */
function together(entries: Array<Partial<VolumeEntry>>, doings: Doings = {}) {
  const script = createScript(doings);
  const machine = volumesMachine.provide({
    actors: {
      volume: script.step<typeof volumeMachine>(
        ({ entry }) => `volume ${entry}`,
        ({ entry }) => attached(entry),
      ),
      runCommands: script.step<typeof commandsMachine>(
        ({ occasion }) => `commands ${occasion.attachment?.volumeId.slice('vol-'.length)}`,
        [],
      ),
    } satisfies typeof volumesSteps,
  });
  const volumes = started(machine, {
    occasion: { domain: 'web', event: 'starting', failures: [], results: [], recordNames: [] },
    entries: entries.map((settings, entry) => volumeEntry({ entry, volumeId: `vol-${entry}`, ...settings })),
    untilMs: 600_000,
  });
  return {
    ...volumes,
    script,
    finish: () => volumes.actor.send({ type: 'step.finish' }),
    get state(): string {
      return volumes.state;
    },
    get output() {
      return volumes.output;
    },
  };
}

function attached(entry: number) {
  const volumeId = `vol-${entry}`;
  return {
    attachment: { volumeId, device: '/dev/sdf', path: '/dev/nvme1n1', source: 'x', attachedNow: true },
  } as const;
}

const problem = { problem: 'denied' };

describe('the volumes of a domain', () => {
  it('are no trouble where there are none [6.8]', () => {
    const { output, script } = together([]);

    expect(output).toEqual({ attachments: [], results: [], failures: [] });
    expect(script.taken).toEqual([]);
  });

  it('are attached all at the same time [6.8]', () => {
    const { script } = together([{}, {}, {}], { 'volume 0': held, 'volume 1': held, 'volume 2': held });

    expect(script.taken).toEqual(['volume 0', 'volume 1', 'volume 2']);
  });

  it('have their commands run in the order written, each when those before it are there [6.8]', () => {
    const volumes = together([{}, {}], { 'volume 0': held, 'commands 0': held });
    const before = [...volumes.script.taken];

    volumes.script.resolve('volume 0', attached(0));
    const then = [...volumes.script.taken];
    volumes.script.resolve('commands 0', []);

    expect(before).toEqual(['volume 0', 'volume 1']);
    expect(then).toEqual(['volume 0', 'volume 1', 'commands 0']);
    expect(volumes.script.taken.at(-1)).toBe('commands 1');
  });

  it('give their commands the lines, the attachment, and the end of the way up [6.8, 8.5]', () => {
    const lines: CommandLine[] = [COMMAND_LINE];
    const { script } = together([{ lines }]);

    expect(script.inputOf<CommandsInput>('commands 0')).toEqual({
      lines,
      endAtFailure: true,
      untilMs: 600_000,
      occasion: expect.objectContaining({ event: 'starting', ...attached(0) }),
    });
  });

  it('give what was attached and what their commands left [6.8]', () => {
    const { output } = together([{}, {}], {
      'commands 0': resolves([succeeded('/sbin/fsck')]),
      'commands 1': resolves([succeeded('/sbin/mkfs')]),
    });

    expect(output).toEqual({
      attachments: [attached(0).attachment, attached(1).attachment],
      results: [succeeded('/sbin/fsck'), succeeded('/sbin/mkfs')],
      failures: [],
    });
  });

  it('ask the others to finish when a critical one fails, and wait for their word [5.2, 5.4]', () => {
    const volumes = together([{}, {}], { 'volume 0': held, 'volume 1': resolves(problem) });
    const state = volumes.state;

    volumes.script.resolve('volume 0', attached(0));

    expect(state).toBe('joining');
    expect(volumes.script.sent).toEqual(['volume 0: step.finish']);
    expect(volumes.script.taken).not.toContain('commands 0');
    expect(volumes.output).toMatchObject({
      attachments: [attached(0).attachment],
      failures: [{ part: 'attach-volume[1]', problem: 'denied', critical: true }],
    });
  });

  it('go on without one that is not critical, and report it [5.4]', () => {
    const { script, output } = together([{ critical: false }, {}], { 'volume 0': resolves(problem) });

    expect(script.taken).toEqual(['volume 0', 'volume 1', 'commands 1']);
    expect(output).toMatchObject({
      attachments: [attached(1).attachment],
      failures: [{ part: 'attach-volume[0]', problem: 'denied', critical: false }],
    });
  });

  it('go on without the last of them, too, if it is not critical [5.4]', () => {
    const { output } = together([{}, { critical: false }], { 'volume 1': resolves(problem) });

    expect(output).toMatchObject({ attachments: [attached(0).attachment], failures: [{ critical: false }] });
  });

  it('take one that breaks for one that fails [5.4]', () => {
    const { output, errors } = together([{}], { 'volume 0': refused });

    expect(output).toMatchObject({ failures: [{ part: 'attach-volume[0]', problem: 'refused', critical: true }] });
    expect(errors).toEqual([]);
  });

  it.each([
    { critical: true, after: [] },
    { critical: false, after: ['commands 1'] },
  ])('report failing commands as a failure of their volume, critical: $critical [5.4, 5.7]', ({ critical, after }) => {
    const volumes = together([{ critical }, {}], { 'commands 0': resolves([failed('/sbin/fsck')]) });

    expect(volumes.script.taken.slice(3)).toEqual(after);
    expect(volumes.output).toMatchObject({
      results: [failed('/sbin/fsck')],
      failures: [{ part: 'attach-volume[0]', problem: '/sbin/fsck: exited with 1', critical }],
    });
  });

  it.each([
    { critical: true, after: [] },
    { critical: false, after: ['commands 1'] },
  ])('report breaking commands as a failure of their volume, critical: $critical [5.4]', ({ critical, after }) => {
    const volumes = together([{ critical }, {}], { 'commands 0': refused });

    expect(volumes.script.taken.slice(3)).toEqual(after);
    expect(volumes.output?.failures).toEqual([{ part: 'attach-volume[0]', problem: 'refused', critical }]);
    expect(volumes.errors).toEqual([]);
  });

  it('let the commands under way end when another volume fails meanwhile, and run no more [5.4]', () => {
    const volumes = together([{}, {}, {}], { 'commands 0': held, 'volume 2': held });
    volumes.script.resolve('volume 2', problem);
    const { state } = volumes;

    volumes.script.resolve('commands 0', [succeeded('/sbin/fsck')]);

    expect(state).toBe('preparing');
    expect(volumes.script.taken).not.toContain('commands 1');
    expect(volumes.output).toMatchObject({
      results: [succeeded('/sbin/fsck')],
      failures: [{ part: 'attach-volume[2]' }],
    });
  });
});

describe('volumes that are asked to finish', () => {
  it('ask each that is under way, wait for its word, and run no commands [5.2]', () => {
    const volumes = together([{}, {}], { 'volume 0': held });

    volumes.finish();
    const state = volumes.state;
    volumes.script.resolve('volume 0', attached(0));

    expect(state).toBe('joining');
    expect(volumes.script.sent).toEqual(['volume 0: step.finish']);
    expect(volumes.script.taken).toEqual(['volume 0', 'volume 1']);
    expect(volumes.output).toMatchObject({ attachments: [{ volumeId: 'vol-1' }, { volumeId: 'vol-0' }] });
  });

  it('ask the commands under way, and keep their results [5.2]', () => {
    const volumes = together([{}, {}], { 'commands 0': held });

    volumes.finish();
    volumes.script.resolve('commands 0', [succeeded('/sbin/fsck')]);

    expect(volumes.script.sent).toEqual(['commands 0: step.finish']);
    expect(volumes.script.taken).not.toContain('commands 1');
    expect(volumes.output).toMatchObject({ results: [succeeded('/sbin/fsck')], failures: [] });
  });

  it('may be asked again while they wait for the last word', () => {
    const volumes = together([{}, {}], { 'volume 0': held, 'volume 1': held });
    volumes.finish();
    volumes.script.resolve('volume 0', problem);

    volumes.finish();
    volumes.script.resolve('volume 1', problem);

    expect(volumes.errors).toEqual([]);
    expect(volumes.state).toBe('ended');
  });
});
