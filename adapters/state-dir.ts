/** What outlives this process: the journal of holds, what is remembered of this boot, and the outbox (behaviour.md 12.2 to 12.5, 10.2). */

import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { AdapterError, messageOf, UsageError } from '../config/errors.ts';
import type { Hold } from '../config/vocabulary.ts';
import { tookFlock } from './flock.ts';
import { type OpenOutbox, type Outbox, openOutbox } from './outbox.ts';
import { createStateFile, draftOf, replaceFile, type StateFile, writeDraft } from './state-file.ts';
import { type BootMemory, bootForm, type Form, journalForm, type Owner } from './state-forms.ts';
import { MOST_BYTES, readOwn } from './state-reader.ts';
import { inSysroot } from './sysroot.ts';

export type { BootMemory } from './state-forms.ts';

/** The state directory of this run, which nobody else has. */
export interface LockedStateDir {
  /** The directory, for messages. */
  readonly dir: string;
  /**
   * Reads what earlier runs of this instance left behind; to be called once, when the instance id is known. Never rejects: what
   * cannot be read or trusted is told to `onProblem`, and counts as not there.
   */
  open(instanceId: string): Promise<StateDir>;
  /** Gives the lock back, opened or not; may be called twice. */
  close(): Promise<void>;
}

/**
 * The journal and the memory. Changes that are asked for while a write is under way go out in one next write, in the order
 * asked; one that changes nothing writes nothing. They reject with an AdapterError when they cannot be written: then all is as before,
 * and a later one may succeed.
 */
export interface StateDir {
  /** The directory, for messages. */
  readonly dir: string;
  /** The journal as it is on disk, oldest hold first; all domains'. */
  holds(): readonly Hold[];
  /** Replaces the holds by what `change` makes of them; resolves when that is on disk. */
  changeHolds(change: (holds: readonly Hold[]) => readonly Hold[]): Promise<void>;
  /** What is remembered of this boot, as it is on disk. `domains` has no prototype: `domains[name]` is safe for any name. */
  memory(): BootMemory;
  /** Replaces the memory by what `change` makes of it; resolves when that is on disk. */
  changeMemory(change: (memory: BootMemory) => BootMemory): Promise<void>;
  /** Messages on their way; a write that fails is a message's affair, and none of the journal's. */
  readonly outbox: Outbox;
  /** Waits for what is being written, and gives the lock back; a change after that is a defect. May be called twice. */
  close(): Promise<void>;
}

/** What it needs to know of its surroundings. */
export interface StateDirOptions {
  /** See {@link inSysroot}. */
  sysroot: string;
  /** Is told, as a sentence, whatever keeps the directory from being what it should be. */
  onProblem(sentence: string): void;
}

/** Where it is without `--state-dir`: systemd's `$STATE_DIRECTORY` (the first, if the unit has several), else `/var/lib/ec2fleetd`. */
export function stateDirectory(environment: NodeJS.ProcessEnv, sysroot: string): string {
  const given = environment.STATE_DIRECTORY?.split(':')[0] ?? '';
  // A machine that was laid out has its own /var, too: a run on it must not find what the real machine remembers.
  return given === '' ? path.join(sysroot, '/var/lib/ec2fleetd') : given;
}

/**
 * Takes the directory for this run, before anything is touched; what it holds is read later, since the instance id, by which
 * it is judged, is known only later. Made with mode 0700 when it is missing. One that cannot be made is told to `onProblem`; it then opens
 * empty, and every change rejects with the reason, so that a way up fails and a way down goes on.
 * @param dir see {@link stateDirectory}.
 * @throws UsageError when another daemon has it.
 */
export async function lockStateDir(dir: string, { sysroot, onProblem }: StateDirOptions): Promise<LockedStateDir> {
  const place = await takePlace(path.resolve(dir), onProblem);
  const files: Array<Pick<StateFile<unknown> | OpenOutbox, 'settled'>> = [];

  return { dir: place.dir, open: openFiles, close };

  async function openFiles(instanceId: string): Promise<StateDir> {
    const bootId = await bootIdOf(sysroot, onProblem);
    const owner = { instanceId, ...(bootId === undefined ? {} : { bootId }) };
    if (place.isUsable) await tryOut(place, onProblem);
    const journal = await leftBehind(journalForm, instanceId);
    const boot = await leftBehind(bootForm, instanceId);
    const isOfThisBoot = bootId !== undefined && boot?.bootId === bootId;

    const holds = fileIn(place, journalForm, owner, journal?.content);
    const memory = fileIn(place, bootForm, owner, isOfThisBoot ? boot.content : undefined);
    const outbox = await openOutbox(path.join(place.dir, 'outbox'), {
      instanceId,
      // Of a directory that could not be made everything has been said.
      onProblem: place.isUsable ? onProblem : () => {},
    });
    files.push(holds, memory, outbox);
    return {
      dir: place.dir,
      holds: holds.value,
      changeHolds: holds.change,
      memory: memory.value,
      changeMemory: memory.change,
      outbox,
      close,
    };
  }

  async function leftBehind<Content>({ name, parse }: Form<Content>, instanceId: string) {
    if (!place.isUsable) return undefined;
    return readOwn(path.join(place.dir, name), { parse, instanceId, onProblem });
  }

  async function close(): Promise<void> {
    for (const file of files) await file.settled();
    place.leave();
  }
}

type Tell = StateDirOptions['onProblem'];

/** The directory, locked for us; or one that could not be made. */
interface Place {
  dir: string;
  isUsable: boolean;
  /** @throws AdapterError when the file cannot be replaced. */
  replace(name: string, text: string): Promise<void>;
  /** Gives the lock back. */
  leave(): void;
}

async function takePlace(dir: string, onProblem: Tell): Promise<Place> {
  let descriptor: number;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    descriptor = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    const refusal = refusalOf(`open the state directory ${dir}`, dir, error);
    onProblem(refusal.message);
    return { dir, isUsable: false, replace: () => Promise.reject(refusal), leave: () => {} };
  }
  await lock(descriptor, dir, onProblem);
  return lockedPlace(dir, descriptor);
}

async function lock(descriptor: number, dir: string, onProblem: Tell): Promise<void> {
  try {
    if (await tookFlock(descriptor, { file: dir, without: 'nothing keeps a second ec2fleetd from this directory' }))
      return;
  } catch (error) {
    // A second daemon is unlikely, and a machine without the lock's program needs its volumes all the same.
    onProblem(messageOf(error));
    return;
  }
  closeSync(descriptor);
  throw new UsageError(
    `The state directory ${dir} is in use by another ec2fleetd. Stop that one, or give this one its own with --state-dir.`,
  );
}

function lockedPlace(dir: string, descriptor: number): Place {
  let isLeft = false;
  return {
    dir,
    isUsable: true,
    async replace(name, text) {
      if (isLeft) throw new Error(`${name} was to be written after ${dir} had been closed`);
      const file = path.join(dir, name);
      try {
        if (Buffer.byteLength(text) > MOST_BYTES) throw new Error(`it would be longer than ${MOST_BYTES} bytes`);
        await replaceFile(file, text, descriptor);
      } catch (error) {
        throw refusalOf(`write ${file}`, dir, error);
      }
    },
    leave() {
      if (!isLeft) closeSync(descriptor);
      isLeft = true;
    },
  };
}

function refusalOf(operation: string, dir: string, cause: unknown): AdapterError {
  const remedy = `Check that ${dir} is a directory that can be written and has room, or name another with --state-dir.`;
  return new AdapterError(operation, messageOf(cause), remedy, { cause });
}

/** Which boot of this machine this is; the same after hibernation. Source: random(4), `/proc/sys/kernel/random/boot_id`. */
async function bootIdOf(sysroot: string, onProblem: Tell): Promise<string | undefined> {
  try {
    const bootId = await readFile(inSysroot(sysroot, '/proc/sys/kernel/random/boot_id'), 'utf8');
    if (bootId.trim() === '') throw new Error('the boot id is empty');
    return bootId.trim();
  } catch (error) {
    const consequence = 'What earlier runs of this boot began is not known';
    onProblem(`This boot cannot be told from another: ${messageOf(error)}. ${consequence}.`);
    return undefined;
  }
}

/** Removes what a killed run was writing, and looks whether this one can write, so that it is said before anything depends on it. */
async function tryOut({ dir }: Place, onProblem: Tell): Promise<void> {
  const [journal, boot] = [path.join(dir, journalForm.name), path.join(dir, bootForm.name)];
  try {
    await rm(draftOf(boot), { force: true });
    await writeDraft(journal, '');
    await rm(draftOf(journal));
  } catch (error) {
    onProblem(refusalOf(`write in ${dir}`, dir, error).message);
  }
}

function fileIn<Content>(place: Place, form: Form<Content>, owner: Owner, found = form.empty): StateFile<Content> {
  return createStateFile({
    initial: found,
    format: (content) => form.format(owner, content),
    parse: (text) => form.parse(text).content,
    write: (text) => place.replace(form.name, text),
    late: (problem) => refusalOf(`write ${path.join(place.dir, form.name)}`, place.dir, problem),
  });
}
