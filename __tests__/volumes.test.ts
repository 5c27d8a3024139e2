/** How the volumes of a domain are attached together, prepared in the order written, and gone without. */

import type {
  Attachment,
  AttachmentHold,
  CommandLine,
  CommandResult,
  Failure,
  VolumeEntry,
} from '../config/vocabulary.ts';
import type { CommandsInput, commandsMachine } from '../machines/commands.ts';
import type { givingBackMachine } from '../machines/giving-back.ts';
import type { volumeMachine } from '../machines/volume.ts';
import { volumesMachine, type volumesSteps } from '../machines/volumes.ts';
import { COMMAND_LINE, failed, succeeded, volumeEntry } from './helpers/domain.ts';
import { attachmentHold } from './helpers/holds.ts';
import {
  createScript,
  type Doings,
  held,
  passingError,
  refused,
  rejects,
  resolves,
  type Script,
  started,
} from './helpers/scripted.ts';

type Steps = typeof volumesSteps;

const lines: CommandLine[] = [COMMAND_LINE];
const problem = { problem: 'denied' };
const asked = { problem: 'asked to end', asked: true };
const mayBeCreated: Partial<VolumeEntry> = { sources: ['p', 'c'], pool: 'main' };
const passing = rejects(passingError);

/** The volumes of a domain, each scripted as `volume 0`, `volume 1`, …, their commands as `commands 0`, and so on. */
function together(entries: Array<Partial<VolumeEntry>>, doings: Doings = {}) {
  const script = createScript(doings);
  const machine = volumesMachine.provide({
    actors: {
      volume: script.step<typeof volumeMachine>(
        ({ entry }) => `volume ${entry}`,
        ({ entry }) => attached(entry),
      ),
      runCommands: script.step<typeof commandsMachine>(
        ({ occasion }) => `commands ${occasion.attachment ? numberOf({ attachment: occasion.attachment }) : ''}`,
        (input) => input.lines.map(({ argv }) => succeeded(...argv)),
      ),
      noteCommands: script.step<Steps['noteCommands']>((of) => `note commands ${numberOf(of)}`, undefined),
      notePrepared: script.step<Steps['notePrepared']>((of) => `note ${numberOf(of)}`, undefined),
      giveBack: script.step<typeof givingBackMachine>('give back', (what) => ({
        given: 'devices' in what ? what.devices.map(holdAt) : [],
        kept: [],
        failures: [],
      })),
    } satisfies typeof volumesSteps,
  });
  const volumes = started(machine, {
    occasion: { domain: 'web', event: 'starting', failures: [], results: [], recordNames: [] },
    entries: entries.map((settings, entry) =>
      volumeEntry({ entry, volumeId: `vol-${entry}`, device: deviceOf(entry), ...settings }),
    ),
    untilMs: 600_000,
  });
  return {
    ...volumes,
    script,
    finish: () => volumes.actor.send({ type: 'step.finish' }),
    get state() {
      return volumes.state;
    },
    get output() {
      return volumes.output;
    },
  };
}

function attached(entry: number, settings: Partial<Attachment> = {}) {
  const there = { volumeId: `vol-${entry}`, device: deviceOf(entry), path: '/dev/nvme1n1' };
  return { attachment: { ...there, source: 'x', attachedNow: true, ...settings } } as const;
}

/** `/dev/sdf`, `/dev/sdg`, … */
function deviceOf(entry: number): string {
  return `/dev/sd${'fghijk'[entry]}`;
}

function holdAt(device: string): AttachmentHold {
  return attachmentHold({ device, volumeId: `vol-${'fghijk'.indexOf(device.slice(-1))}` });
}

/** `vol-3` → `3` */
function numberOf({ attachment }: { attachment: Attachment }): string {
  return attachment.volumeId.slice('vol-'.length);
}

const failure = (entry: number, text: string, critical = true): Failure => ({
  part: `attach-volume[${entry}]`,
  problem: text,
  critical,
});

describe('the volumes of a domain', () => {
  it('are no trouble where there are none [6.8]', () => {
    const { output, script } = together([]);

    expect(output).toEqual({ attachments: [], results: [], failures: [], unfinished: [] });
    expect(script.taken).toEqual([]);
  });

  it('are attached all at the same time [6.8]', () => {
    const { script } = together([{}, {}, {}], { 'volume 0': held, 'volume 1': held, 'volume 2': held });

    expect(script.taken).toEqual(['volume 0', 'volume 1', 'volume 2']);
    expect(script.inputOf('volume 1')).toMatchObject({ entry: 1, volumeId: 'vol-1' });
  });

  it('are prepared in the order written, each once it and those before it are there [6.8]', () => {
    const volumes = together([{}, {}], { 'volume 0': held, 'commands 0': held });
    const before = [...volumes.script.taken];

    volumes.script.resolve('volume 0', attached(0));
    const then = volumes.script.taken.slice(2);
    volumes.script.resolve('commands 0', []);

    expect(before).toEqual(['volume 0', 'volume 1']);
    expect(then).toEqual(['commands 0']);
    expect(volumes.script.taken.slice(2)).toEqual(['commands 0', 'note 0', 'commands 1', 'note 1']);
  });

  it('are prepared while others are still being attached [6.8]', () => {
    const { script, state } = together([{}, {}], { 'volume 1': held });

    expect(script.taken).toEqual(['volume 0', 'volume 1', 'commands 0', 'note 0']);
    expect(state).toBe('gathering');
  });

  it('give their commands the lines, the attachment, and the end of the way up [6.8, 8.5]', () => {
    const { script } = together([{ lines }]);

    expect(script.inputOf<CommandsInput>('commands 0')).toEqual({
      lines,
      endAtFailure: true,
      untilMs: 600_000,
      occasion: expect.objectContaining({ event: 'starting', ...attached(0) }),
    });
  });

  it('give what was attached and what their commands left [6.8]', () => {
    const { output } = together([
      { lines: [{ ...COMMAND_LINE, argv: ['/sbin/fsck'] }] },
      { lines: [{ ...COMMAND_LINE, argv: ['/sbin/mkfs'] }] },
    ]);

    expect(output).toEqual({
      attachments: [attached(0).attachment, attached(1).attachment],
      results: [succeeded('/sbin/fsck'), succeeded('/sbin/mkfs')],
      failures: [],
      unfinished: [],
    });
  });
});

describe('a volume that is prepared', () => {
  it('is noted as such before anything else: a crash from then on must not have it formatted again [4.3, 12.2]', () => {
    const volumes = together([{ lines }, {}], { 'note 0': held });

    expect(volumes.state).toBe('noting');
    expect(volumes.script.inputOf('note 0')).toEqual({ domain: 'web', ...attached(0) });
    expect(volumes.script.taken).not.toContain('commands 1');
  });

  it('is noted also when it has no commands [4.3]', () => {
    const { script } = together([{ lines: [] }]);

    expect(script.taken).toEqual(['volume 0', 'commands 0', 'note 0']);
  });

  it.each([
    { what: 'failed', results: [succeeded('/sbin/mkfs'), failed('/bin/mount')] },
    { what: 'was not run', results: [succeeded('/sbin/mkfs')] },
  ])('is not when one of its lines $what [4.3]', ({ results }) => {
    const { script } = together([{ lines: [COMMAND_LINE, COMMAND_LINE], critical: false }], {
      'commands 0': resolves(results),
    });

    expect(script.taken).not.toContain('note 0');
  });

  it('but cannot be noted as such has failed [4.3, 12.5]', () => {
    const { script, output, errors } = together([{}, {}], { 'note 0': refused });

    expect(script.taken).not.toContain('commands 1');
    expect(output?.failures).toEqual([failure(0, 'refused')]);
    expect(errors).toEqual([]);
  });
});

describe('a volume whose note meets a fault that may pass', () => {
  const pauseMs = 2_000;

  it('is noted again after 2 s, as often as it takes: what its commands made is not thrown away [4.3, 6.3]', () => {
    const volumes = together([{}, {}], { 'note 0': [passing, passing, resolves()] });
    const { state } = volumes;

    volumes.clock.increment(pauseMs - 1);
    const before = [...volumes.script.taken];
    volumes.clock.increment(1 + pauseMs);

    expect(state).toBe('noting-again');
    expect(before.slice(2)).toEqual(['commands 0', 'note 0']);
    expect(volumes.script.taken.slice(3)).toEqual(['note 0', 'note 0', 'note 0', 'commands 1', 'note 1']);
    expect(volumes.output?.failures).toEqual([]);
  });

  it('is noted again without an end: the way up has its own [3.2, 6.3]', () => {
    const volumes = together([{}], { 'note 0': passing });

    volumes.clock.increment(600_000);

    expect(volumes.state).toBe('noting-again');
    expect(volumes.script.taken.filter((name) => name === 'note 0')).toHaveLength(301);
    expect(volumes.actor.getSnapshot().context.failures).toEqual([]);
  });

  it('has failed where it is denied then: that does not pass [6.3]', () => {
    const volumes = together([{}], { 'note 0': [passing, refused] });

    volumes.clock.increment(pauseMs);

    expect(volumes.output?.failures).toEqual([failure(0, 'refused')]);
  });

  it('is noted no more when it is asked to end in the pause, and is there all the same: the others are asked at once [5.2]', () => {
    const volumes = together([{}, {}, {}], { 'note 0': passing, 'volume 2': held });

    volumes.finish();
    const { state } = volumes;
    const sent = [...volumes.script.sent];
    volumes.script.resolve('volume 2', asked);

    expect(state).toBe('joining');
    expect(sent).toEqual(['volume 2: step.finish']);
    expect(volumes.script.taken.slice(3)).toEqual(['commands 0', 'note 0']);
    expect(volumes.output).toEqual({
      attachments: [attached(0).attachment, attached(1).attachment],
      results: [],
      failures: [],
      unfinished: [failure(2, 'asked to end')],
    });
  });

  it('has failed where it had been asked to end before [5.2, 6.3]', () => {
    const volumes = together([{}, {}], { 'note 0': held });

    volumes.finish();
    volumes.script.reject('note 0', passingError);

    expect(volumes.state).toBe('ended');
    expect(volumes.output?.failures).toEqual([failure(0, passingError.message)]);
  });

  it('is noted before a critical failure of another one ends it all [4.3, 5.4]', () => {
    const volumes = together([{}, {}], { 'note 0': [passing, resolves()], 'volume 1': held });
    volumes.script.resolve('volume 1', problem);
    const { state } = volumes;

    volumes.clock.increment(pauseMs);

    expect(state).toBe('noting-again');
    expect(volumes.output?.failures).toEqual([failure(1, 'denied')]);
  });
});

describe('commands beside a volume that may be created', () => {
  /** The first volume comes when the second one is there; of the second it may be that it has to be created. */
  function besideCreated(doings: Doings = {}, entries: Array<Partial<VolumeEntry>> = [{ lines }, mayBeCreated]) {
    const volumes = together(entries, {
      'volume 0': held,
      'volume 1': resolves(attached(1, { source: 'c' })),
      ...doings,
    });
    volumes.script.resolve('volume 0', attached(0));
    return { ...volumes, after: () => volumes.script.taken.slice(entries.length) };
  }

  it('are written down before they run: from then on it may hold data, and is not deleted any more [6.10]', () => {
    const { script, actor, after } = besideCreated({ 'note commands 0': held });
    const before = { state: actor.getSnapshot().value, taken: after() };

    script.resolve('note commands 0');

    expect(before).toEqual({ state: 'noting-commands', taken: ['note commands 0'] });
    expect(script.inputOf('note commands 0')).toEqual({ domain: 'web', ...attached(0) });
    expect(after().slice(1)).toEqual(['commands 0', 'note 0', 'commands 1', 'note 1']);
  });

  it.each<{ when: string; doings: Doings }>([
    { when: 'it is not there yet: it may come while they run', doings: { 'volume 1': held } },
    {
      when: 'it came from its pool: what is journalled of one that was begun does not show here',
      doings: { 'volume 1': resolves(attached(1, { source: 'p' })) },
    },
    { when: 'there is none', doings: { 'volume 1': resolves(problem) } },
  ])('are written down also where $when [6.10]', ({ doings }) => {
    const { after } = besideCreated(doings, [{ lines }, { ...mayBeCreated, critical: false }]);

    expect(after().slice(0, 2)).toEqual(['note commands 0', 'commands 0']);
  });

  it.each<{ why: string; entry: Partial<VolumeEntry>; other: Partial<VolumeEntry> }>([
    { why: 'there are none', entry: { lines: [] }, other: mayBeCreated },
    { why: 'no other one may be created', entry: { lines }, other: { sources: ['x', 'p'] } },
    { why: 'only their own may be created', entry: { lines, ...mayBeCreated }, other: {} },
  ])('are not where $why [6.10]', ({ entry, other }) => {
    const { after } = besideCreated({ 'volume 1': resolves(attached(1)) }, [entry, other]);

    expect(after()).toEqual(['commands 0', 'note 0', 'commands 1', 'note 1']);
  });

  it('are written down for each volume that has some, whichever comes first [6.10]', () => {
    const { script } = together([
      { lines, ...mayBeCreated },
      { lines, ...mayBeCreated },
    ]);

    expect(script.taken.slice(2)).toEqual([
      ...['note commands 0', 'commands 0', 'note 0'],
      ...['note commands 1', 'commands 1', 'note 1'],
    ]);
  });

  it('and cannot be written down do not run: their volume has failed [6.10, 12.5]', () => {
    const { actor, errors, after } = besideCreated({ 'note commands 0': refused }, [
      { lines, critical: false },
      mayBeCreated,
    ]);

    expect(after()).toEqual(['note commands 0', 'commands 1', 'note 1', 'give back']);
    expect(actor.getSnapshot().output?.failures).toEqual([failure(0, 'refused', false)]);
    expect(errors).toEqual([]);
  });

  it('do not run when it is asked to end meanwhile; those still under way are asked at once [5.2]', () => {
    const { script, actor, finish } = besideCreated({ 'volume 2': held, 'note commands 0': held }, [
      { lines },
      mayBeCreated,
      {},
    ]);

    finish();
    const sent = [...script.sent];
    const { value } = actor.getSnapshot();
    script.resolve('note commands 0');
    script.resolve('volume 2', asked);

    expect(value).toBe('noting-commands');
    expect(sent).toEqual(['volume 2: step.finish']);
    expect(script.taken).not.toContain('commands 0');
    expect(actor.getSnapshot().output).toMatchObject({ failures: [], unfinished: [failure(2, 'asked to end')] });
  });

  it('do not run when a critical volume fails meanwhile [5.4]', () => {
    const { script, actor } = besideCreated({ 'volume 2': held, 'note commands 0': held }, [
      { lines },
      mayBeCreated,
      {},
    ]);

    script.resolve('volume 2', problem);
    script.resolve('note commands 0');

    expect(script.taken).not.toContain('commands 0');
    expect(actor.getSnapshot().output?.failures).toEqual([failure(2, 'denied')]);
  });
});

describe('a volume that fails', () => {
  it('and is critical has the others asked to finish, and their word waited for [5.2, 5.4]', () => {
    const volumes = together([{}, {}], { 'volume 0': held, 'volume 1': resolves(problem) });
    const { state } = volumes;

    volumes.script.resolve('volume 0', attached(0));

    expect(state).toBe('joining');
    expect(volumes.script.sent).toEqual(['volume 0: step.finish']);
    expect(volumes.script.taken).toEqual(['volume 0', 'volume 1']);
    expect(volumes.output).toEqual({
      attachments: [attached(0).attachment],
      results: [],
      failures: [failure(1, 'denied')],
      unfinished: [],
    });
  });

  it('and is critical makes no failures of those that are only asked to finish [5.4]', () => {
    const volumes = together([{}, {}], { 'volume 0': held, 'volume 1': resolves(problem) });

    volumes.script.resolve('volume 0', asked);

    expect(volumes.output).toMatchObject({
      failures: [failure(1, 'denied')],
      unfinished: [failure(0, 'asked to end')],
    });
  });

  it.each([
    { how: 'fails', fail: (script: Script) => script.resolve('volume 2', problem) },
    { how: 'breaks', fail: (script: Script) => script.reject('volume 2', new Error('denied')) },
  ])('and is critical lets commands under way end, and has no more run: it $how [5.2, 5.4]', ({ fail }) => {
    const volumes = together([{ lines }, {}, {}], { 'commands 0': held, 'volume 2': held });
    fail(volumes.script);
    const { state } = volumes;

    volumes.script.resolve('commands 0', [succeeded('/sbin/fsck')]);

    expect(state).toBe('preparing');
    expect(volumes.script.taken.slice(3)).toEqual(['commands 0', 'note 0']);
    expect(volumes.output).toMatchObject({
      results: [succeeded('/sbin/fsck')],
      failures: [failure(2, 'denied')],
    });
  });

  it('and is critical leaves what is to be given back to the domain [5.2]', () => {
    const { script } = together([{ critical: false }, {}], {
      'volume 0': resolves(problem),
      'volume 1': resolves(problem),
    });

    expect(script.taken).not.toContain('give back');
  });

  it.each([
    { place: 'first', failing: 0, after: ['commands 1', 'note 1', 'give back'] },
    { place: 'last', failing: 1, after: ['commands 0', 'note 0', 'give back'] },
  ])('and is not critical is gone without, be it the $place [5.4]', ({ failing, after }) => {
    const { script, output } = together([{ critical: failing !== 0 }, { critical: failing !== 1 }], {
      [`volume ${failing}`]: resolves(problem),
    });

    expect(script.taken.slice(2)).toEqual(after);
    expect(output).toMatchObject({
      attachments: [attached(1 - failing).attachment],
      failures: [failure(failing, 'denied', false)],
    });
  });

  it('for a defect of ours has failed like any other [5.4]', () => {
    const { output, errors } = together([{}], { 'volume 0': refused });

    expect(output?.failures).toEqual([failure(0, 'refused')]);
    expect(errors).toEqual([]);
  });

  it.each<{ how: string; doings: Doings; results: CommandResult[]; text: string }>([
    {
      how: 'fail',
      doings: { 'commands 0': resolves([failed('/sbin/fsck')]) },
      results: [failed('/sbin/fsck')],
      text: '/sbin/fsck: exited with 1',
    },
    { how: 'break', doings: { 'commands 0': refused }, results: [], text: 'refused' },
  ])(
    'does so also when its commands $how: with it the domain, if it is critical [5.4, 5.7]',
    ({ doings, results, text }) => {
      const { script, output, errors } = together([{ lines }, {}], doings);

      expect(script.taken.slice(2)).toEqual(['commands 0']);
      expect(output).toMatchObject({ results, failures: [failure(0, text)] });
      expect(errors).toEqual([]);
    },
  );

  it.each([
    { how: 'its commands fail', doings: { 'commands 0': resolves([failed('/sbin/fsck')]) }, noted: [] },
    { how: 'its commands break', doings: { 'commands 0': refused }, noted: [] },
    { how: 'it cannot be noted as prepared', doings: { 'note 0': refused }, noted: ['note 0'] },
  ])('does so also when $how: the others go on, if it is not critical [5.4, 5.7]', ({ doings, noted }) => {
    const { script, output } = together([{ lines, critical: false }, {}], doings);

    expect(script.taken.slice(2)).toEqual(['commands 0', ...noted, 'commands 1', 'note 1', 'give back']);
    expect(output).toMatchObject({
      attachments: [attached(1).attachment],
      failures: [{ part: 'attach-volume[0]', critical: false }],
    });
  });
});

describe('a volume that the domain goes without', () => {
  const failing = { 'commands 0': resolves([failed('/sbin/fsck')]) };

  it('is given back alone, once all the others are there [5.4]', () => {
    const volumes = together([{ lines, critical: false }, {}], { ...failing, 'volume 1': held });
    const before = [...volumes.script.taken];

    volumes.script.resolve('volume 1', attached(1));

    expect(before).not.toContain('give back');
    expect(volumes.script.inputOf('give back')).toEqual({
      reason: 'going-without',
      domain: 'web',
      devices: ['/dev/sdf'],
    });
  });

  it('is none of those that are there any more, unless it was attached before all this began [5.4, 6.10]', () => {
    const now = together([{ lines, critical: false }, {}], failing);
    const before = together([{ lines, critical: false }, {}], {
      ...failing,
      'volume 0': resolves(attached(0, { attachedNow: false })),
      'give back': resolves({ given: [], kept: [], failures: [] }),
    });

    expect(now.output?.attachments).toEqual([attached(1).attachment]);
    expect(before.output?.attachments).toEqual([
      attached(0, { attachedNow: false }).attachment,
      attached(1).attachment,
    ]);
  });

  it('is told of where it cannot be given back, and the domain goes on all the same [5.4, 6.10]', () => {
    const kept: Failure = { part: 'going-without', problem: 'vol-0 at /dev/sdf: busy', critical: false };
    const { output } = together([{ lines, critical: false }], {
      ...failing,
      'give back': resolves({ given: [], kept: [attachmentHold({ volumeId: 'vol-0' })], failures: [kept] }),
    });

    expect(output?.failures).toEqual([failure(0, '/sbin/fsck: exited with 1', false), kept]);
    expect(output?.attachments).toEqual([attached(0).attachment]);
  });

  it('is told of where giving it back breaks, and counts as there [5.4]', () => {
    const { output, errors } = together([{ lines, critical: false }], { ...failing, 'give back': refused });

    expect(output).toMatchObject({
      attachments: [attached(0).attachment],
      failures: [{ part: 'attach-volume[0]' }, { part: 'going-without', problem: 'refused', critical: false }],
    });
    expect(errors).toEqual([]);
  });
});

describe('volumes that are asked to finish', () => {
  it('ask each that is under way, wait for its word, and run no commands [5.2]', () => {
    const volumes = together([{}, {}], { 'volume 0': held });

    volumes.finish();
    const { state } = volumes;
    volumes.script.resolve('volume 0', attached(0));

    expect(state).toBe('joining');
    expect(volumes.script.sent).toEqual(['volume 0: step.finish']);
    expect(volumes.script.taken).toEqual(['volume 0', 'volume 1']);
    expect(volumes.output?.attachments).toEqual([attached(1).attachment, attached(0).attachment]);
  });

  it('tell what was still under way as unfinished, and what failed as failed [5.2, 5.4]', () => {
    const volumes = together([{}, {}, {}], { 'volume 0': held, 'volume 1': held, 'volume 2': held });

    volumes.finish();
    volumes.script.resolve('volume 0', asked);
    volumes.script.resolve('volume 1', problem);
    const { state } = volumes;
    volumes.script.resolve('volume 2', attached(2));

    expect(state).toBe('joining');
    expect(volumes.output).toEqual({
      attachments: [attached(2).attachment],
      results: [],
      failures: [failure(1, 'denied')],
      unfinished: [failure(0, 'asked to end')],
    });
  });

  it('ask the commands under way and the volumes beside them at once, and keep their results [5.2]', () => {
    const volumes = together([{ lines }, {}, {}], { 'commands 0': held, 'volume 2': held });

    volumes.finish();
    const sent = [...volumes.script.sent];
    volumes.script.resolve('volume 2', asked);
    volumes.script.resolve('commands 0', [failed('/sbin/fsck')]);

    expect(sent.toSorted()).toEqual(['commands 0: step.finish', 'volume 2: step.finish']);
    expect(volumes.script.taken).not.toContain('commands 1');
    expect(volumes.output).toMatchObject({ results: [failed('/sbin/fsck')], unfinished: [failure(2, 'asked to end')] });
  });

  it('note a volume all the same whose commands have just succeeded [4.3]', () => {
    const volumes = together([{ lines }, {}], { 'commands 0': held });

    volumes.finish();
    volumes.script.resolve('commands 0', [succeeded('/sbin/mkfs')]);

    expect(volumes.script.taken.slice(2)).toEqual(['commands 0', 'note 0']);
  });

  it('while one is noted as prepared, wait for that, ask the others at once, and run no more commands [4.3, 5.2]', () => {
    const volumes = together([{}, {}, {}], { 'note 0': held, 'volume 2': held });

    volumes.finish();
    const sent = [...volumes.script.sent];
    const { state } = volumes;
    volumes.script.resolve('note 0');
    volumes.script.resolve('volume 2', asked);

    expect(state).toBe('noting');
    expect(sent).toEqual(['volume 2: step.finish']);
    expect(volumes.script.taken).not.toContain('commands 1');
    expect(volumes.output?.failures).toEqual([]);
  });

  it('while they wait for the last word, may be asked again, and ask nobody twice [5.2]', () => {
    const volumes = together([{}, {}], { 'volume 0': held, 'volume 1': held });
    volumes.finish();
    volumes.script.resolve('volume 0', problem);

    volumes.finish();
    volumes.script.resolve('volume 1', problem);

    expect(volumes.errors).toEqual([]);
    expect(volumes.script.sent).toEqual(['volume 0: step.finish', 'volume 1: step.finish']);
    expect(volumes.state).toBe('ended');
  });

  it('while one is given back, ask that, too, and wait for its word [5.2, 5.4]', () => {
    const volumes = together([{ critical: false }], { 'volume 0': resolves(problem), 'give back': held });

    volumes.finish();
    const { state } = volumes;
    volumes.script.resolve('give back', { given: [], kept: [], failures: [] });

    expect(state).toBe('giving-back');
    expect(volumes.script.sent).toEqual(['give back: step.finish']);
    expect(volumes.output?.failures).toEqual([failure(0, 'denied', false)]);
  });

  it('give back nothing any more: the domain does it with all the rest [5.2]', () => {
    const volumes = together([{ critical: false }, {}], { 'volume 0': resolves(problem), 'volume 1': held });

    volumes.finish();
    volumes.script.resolve('volume 1', attached(1));

    expect(volumes.script.taken).not.toContain('give back');
    expect(volumes.state).toBe('ended');
  });
});
