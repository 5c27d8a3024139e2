/** A volume with scripted steps, which are called `look here`, `look at x`, `look at p`, `look at c`, and by their own names. */

import type { Looked, VolumeEntry, VolumeTarget } from '../../config/vocabulary.ts';
import { volumeMachine, type volumeSteps } from '../../machines/volume.ts';
import { volumeEntry } from './domain.ts';
import { createScript, type Doings, type Outcome, resolves, started } from './scripted.ts';

type Steps = typeof volumeSteps;

export function target(settings: Partial<VolumeTarget> = {}): VolumeTarget {
  return { volumeId: 'vol-1', source: 'x', unprepared: false, ...settings };
}

/** What a look at a source shows, or one at the device: with the volume, where there is one to take. */
export function sees(
  kind: Looked['kind'],
  of: VolumeTarget = target(),
  seen = `${of.volumeId} is ${kind}`,
  detaching = false,
): Outcome {
  const isThere = kind === 'attached' || kind === 'attaching' || kind === 'free';
  return resolves({ kind, seen, ...(isThere && { target: of }), ...(detaching && { detaching }) });
}

/** What a look at the volume itself shows, once it is known which. */
export function seesNow(kind: Looked['kind']): Outcome {
  return resolves({ kind, seen: `it is ${kind}` });
}

export function nothingIn(source: string): Outcome {
  return resolves({ kind: 'absent', seen: `${source} has nothing` });
}

export function heldElsewhere(source: string): Outcome {
  return resolves({ kind: 'held', seen: `${source} is held by i-0def (in-use)` });
}

/**
 * A volume whose first source has it free, which is created at once where it has to be, and attached at once, unless told
 * otherwise.
 */
export function scriptedVolume(doings: Doings = {}, settings: Partial<VolumeEntry> = {}) {
  const entry = volumeEntry(settings);
  const script = createScript(doings);
  const machine = volumeMachine.provide({
    actors: {
      lookHere: script.step<Steps['lookHere']>('look here', { kind: 'absent', seen: 'nothing is attached there' }),
      lookAtSource: script.step<Steps['lookAtSource']>(
        ({ source }) => `look at ${source}`,
        ({ source }) => ({ kind: 'free', seen: 'vol-1 is free', target: target({ source }) }),
      ),
      create: script.step<Steps['create']>('create', { volumeId: 'vol-new' }),
      claim: script.step<Steps['claim']>('claim', 'accepted'),
      look: script.step<Steps['look']>('look', { kind: 'attaching', seen: 'it is attaching' }),
      awaitSerial: script.step<Steps['awaitSerial']>('awaitSerial', '/dev/nvme1n1'),
      locate: script.step<Steps['locate']>('locate', '/dev/nvme1n1'),
    } satisfies Steps,
  });
  const volume = started(machine, entry);
  return {
    ...volume,
    entry,
    script,
    finish: () => volume.actor.send({ type: 'step.finish' }),
    get state(): string {
      return volume.state;
    },
    get context() {
      return volume.actor.getSnapshot().context;
    },
    get output() {
      return volume.output;
    },
  };
}

export type ScriptedVolume = ReturnType<typeof scriptedVolume>;
