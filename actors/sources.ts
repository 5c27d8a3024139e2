/** The steps that look where a volume may come from: what is here already, by id, in a pool, created and left behind. */

import { fromPromise } from 'xstate';
import type { Volumes } from '../adapters/ec2.ts';
import { CREATING_LIMIT_MS, CREATION_UNSEEN_MS, MARK_LIFE_MS, NOT_SHOWN } from '../config/constants.ts';
import { isPassing } from '../config/errors.ts';
import { inTransit, volumeTags } from '../config/tags.ts';
import type {
  InstanceFacts,
  Looked,
  SeenVolume,
  SourceLooked,
  VolumeEntry,
  VolumeSource,
  VolumeTarget,
} from '../config/vocabulary.ts';
import type { HereLooked } from '../machines/volume.ts';
import { type Claims, sentenceOfUse } from './claims.ts';
import { isFor } from './journal.ts';
import type { Marking } from './marking.ts';
import { inOrderOfChoice } from './pool-choice.ts';
import type { Transaction, Transactions } from './transaction.ts';

export interface Sources {
  volumes: Volumes;
  transactions: Transactions;
  claims: Claims;
  marking: Marking;
  facts: InstanceFacts;
}

/** One look of one entry. */
interface Look extends Sources {
  entry: VolumeEntry;
  transaction: Transaction;
  signal: AbortSignal;
}

/** Looks what is at the entry's device, and what an earlier run began to create for it. */
export const lookHere = (sources: Sources) =>
  fromPromise<HereLooked, VolumeEntry>(({ input: entry, signal }) =>
    lookAtDevice({ ...sources, entry, transaction: sources.transactions.of(entry.domain), signal }),
  );

/** Looks at one source. */
export const lookAtSource = (sources: Sources) =>
  fromPromise<SourceLooked, { entry: VolumeEntry; source: VolumeSource }>(({ input: { entry, source }, signal }) => {
    const look = { ...sources, entry, transaction: sources.transactions.of(entry.domain), signal };
    return { x: lookById, p: lookInPool, c: lookForOrphan }[source](look);
  });

async function lookAtDevice(look: Look): Promise<HereLooked> {
  const { volumes, entry, transaction, signal } = look;
  const seen = await volumes.lookAtDevice(entry.device, transaction, signal);
  if (seen === undefined) return begun(look);
  if (isEntrys(seen, entry, transaction)) return await taken(seen, sourceOf(seen, entry), look);
  if (seen.detaching) return { kind: 'held', seen: `${entry.device} is still held: ${seen.seen}`, detaching: true };
  return {
    kind: 'refused',
    seen: `${entry.device} is held by ${seen.volumeId}, which is none of this entry's volumes. Choose another device, or detach that volume`,
  };
}

function begun({ entry, transaction }: Look): HereLooked {
  const creation = transaction.creation(entry.device);
  if (creation === undefined || !isFor(creation, entry))
    return { kind: 'absent', seen: `nothing is attached as ${entry.device}` };
  return { kind: 'creating', seen: `a volume for ${entry.device} is being created`, attempt: creation.attempt };
}

/** Whether a volume at an entry's device is the entry's: by what the journal says of it, else by what the entry may take. */
export function isEntrys({ volumeId, tags }: SeenVolume, entry: VolumeEntry, transaction: Transaction): boolean {
  const holds = [transaction.attachment(volumeId), transaction.creation(entry.device)];
  if (holds.some((hold) => hold?.volumeId === volumeId && isFor(hold, entry))) return true;
  if (entry.sources.includes('x') && volumeId === entry.volumeId) return true;
  const isOfDomain = tags[volumeTags.domain] === entry.domain && tags[volumeTags.pool] === entry.pool;
  return isOfDomain && entry.sources.some((source) => source !== 'x');
}

/** Which of an entry's sources a volume of it is from, as far as that can be seen. */
export function sourceOf({ volumeId }: Pick<SeenVolume, 'volumeId'>, entry: VolumeEntry): VolumeSource {
  if (entry.sources.includes('x') && volumeId === entry.volumeId) return 'x';
  return entry.sources.includes('p') ? 'p' : 'c';
}

async function lookById(look: Look): Promise<SourceLooked> {
  const { volumes, entry, transaction, signal } = look;
  const seen = await volumes.look(entry, transaction, signal);
  if (seen.kind !== 'held') return await taken(seen, 'x', look);
  return { ...lookedOf(seen), seen: (await sentences([seen], look)).join() };
}

async function lookInPool(look: Look): Promise<SourceLooked> {
  const { volumes, entry, transaction, facts, signal } = look;
  const { domain, device, pool = '' } = entry;
  const all = await volumes.lookAtPool({ domain, pool, device }, transaction, signal);
  const here = all.find(isAttachedHere) ?? (await leaving(all, look));
  if (here) return await taken(here, 'p', look);
  const promised = await promisedAmong(all, look);
  const inOrder = inOrderOfChoice(all, entry, facts).filter((volume) => !promised.includes(volume));
  // What was never prepared comes last: it has nobody's data.
  const usedFirst = [...inOrder.filter((volume) => !isNeverPrepared(volume)), ...inOrder.filter(isNeverPrepared)];
  const first = await takenFirst(usedFirst, 'p', look);
  return Array.isArray(first) ? await noneInPool(all, promised, first, look) : first;
}

function isAttachedHere({ kind }: SeenVolume): boolean {
  return kind === 'attached' || kind === 'attaching';
}

/** The volume that is being detached from the entry's own device: what leaves other devices of this instance is no hindrance. */
async function leaving(pool: readonly SeenVolume[], look: Look): Promise<SeenVolume | undefined> {
  if (!pool.some(({ detaching }) => detaching)) return undefined;
  const there = await look.volumes.lookAtDevice(look.entry.device, look.transaction, look.signal);
  return there?.detaching && pool.find(({ volumeId }) => volumeId === there.volumeId);
}

/** Takes the first one that nobody else on this instance has; where there is none, says who has those that were free. */
async function takenFirst(
  candidates: readonly SeenVolume[],
  source: VolumeSource,
  look: Look,
): Promise<SourceLooked | string[]> {
  const inUse = new Set<string>();
  for (const candidate of candidates) {
    const looked = await taken(candidate, source, look);
    if (looked.target) return looked;
    inUse.add(looked.seen);
  }
  return [...inUse];
}

async function noneInPool(
  all: readonly SeenVolume[],
  promised: readonly SeenVolume[],
  inUse: readonly string[],
  look: Look,
): Promise<SourceLooked> {
  const { entry, facts } = look;
  const name = `pool ${entry.pool} of ${entry.domain} in ${facts.zone}`;
  // What this instance has at another device may be let go; what else is refused never becomes free.
  const isHeld = ({ kind, heldBy }: SeenVolume) => kind === 'held' || heldBy === facts.instanceId;
  const held = [...all.filter(isHeld), ...promised].toSorted(byId);
  if (inUse.length + held.length > 0) {
    const told = [...inUse, ...(await sentences(held.slice(0, NAMED), look))];
    return { kind: 'held', seen: `${name}: ${listed(told, inUse.length + held.length)}` };
  }
  const unusable = all.toSorted(byId).map(({ seen }) => seen);
  if (unusable.length > 0)
    return { kind: 'absent', seen: `${name} has no volume to take: ${listed(unusable, unusable.length)}` };
  return {
    kind: 'absent',
    seen: `${name} is empty: no volume there has the tags ${volumeTags.domain}=${entry.domain} and ${volumeTags.pool}=${entry.pool}`,
  };
}

/** In an order that stays, so that the status changes only when something does. */
function byId(one: SeenVolume, other: SeenVolume): number {
  return one.volumeId < other.volumeId ? -1 : 1;
}

/** How many are named before the rest is counted. */
const NAMED = 3;

function listed(sentences: readonly string[], count: number): string {
  const more = count - NAMED;
  return [...sentences.slice(0, NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** A volume that was created for this entry and whose creator is gone (6.6). */
async function lookForOrphan(look: Look): Promise<SourceLooked> {
  const { volumes, entry, transaction, facts, signal } = look;
  const created = await volumes.lookForOrphans(entry, transaction, signal);
  const wanted = created.filter((volume) => volume.tags[volumeTags.pool] === entry.pool && isMadeAs(volume, entry));
  const promised = await promisedAmong(wanted, look);
  const orphans = inOrderOfChoice(wanted, entry, facts).filter((volume) => !promised.includes(volume));
  const first = await takenFirst(orphans, 'c', look);
  if (!Array.isArray(first)) return first;
  const coming = await comingAmong(wanted, look);
  return coming ?? { kind: 'absent', seen: `no volume was created for ${entry.device} and left behind` };
}

/** One that EC2 is still making, for somebody who is gone: to create another one beside it would leave it behind for good. */
async function comingAmong(seen: readonly SeenVolume[], look: Look): Promise<Looked | undefined> {
  const unfinished = seen.filter(isBeingCreated);
  const states = await statesOf(unfinished, look);
  const coming = unfinished.toSorted(byId).find((volume) => !isPromised(volume, states, look));
  if (coming === undefined) return undefined;
  const holder = holderOf(coming) ?? 'an instance that is not known';
  return { kind: 'held', seen: `${coming.seen}, as ${holder} (${states.get(holder) ?? 'not known'}) has asked` };
}

/** Not for longer than a creation may take: one that is stuck keeps nobody waiting. */
function isBeingCreated({ kind, heldBy, detaching, createdAt }: SeenVolume): boolean {
  const isYoung = Date.now() - Date.parse(createdAt) < CREATING_LIMIT_MS;
  return kind === 'held' && heldBy === undefined && !detaching && isYoung;
}

/**
 * Whether it is what the entry would create today, as far as that can be seen: what the configuration leaves to EC2 says nothing,
 * but for the snapshot, without which a volume is empty.
 */
function isMadeAs({ made }: SeenVolume, { create = {} }: VolumeEntry): boolean {
  const asConfigured = ['Size', 'VolumeType', 'Iops', 'Throughput', 'Encrypted'].every(
    (name) => create[name] === undefined || create[name] === made[name],
  );
  return asConfigured && create.SnapshotId === made.SnapshotId && isKey(create.KmsKeyId, made.KmsKeyId);
}

/** EC2 shows a key's ARN; configured is that, or its end, or an alias, of which only KMS knows where it leads. */
function isKey(configured: unknown, made: unknown): boolean {
  if (configured === undefined || made === configured) return true;
  if (made === undefined) return false;
  return /(?:^|:)alias\//.test(String(configured)) || String(made).endsWith(`/${configured}`);
}

/** Those that their creator is about to use (6.7). */
async function promisedAmong(seen: readonly SeenVolume[], look: Look): Promise<SeenVolume[]> {
  const marked = seen.filter((volume) => volume.kind === 'free' && isInTransit(volume));
  const states = await statesOf(marked, look);
  return marked.filter((volume) => isPromised(volume, states, look));
}

function isInTransit({ tags }: SeenVolume): boolean {
  return tags[volumeTags.inTransit] !== undefined;
}

/**
 * We change the mark when a volume's commands have succeeded, before anything else is written on it: nothing that says so has data. Of
 * marks that others made, which never name a device, we don't know that.
 */
function isNeverPrepared({ tags }: SeenVolume): boolean {
  return tags[volumeTags.inTransit] === inTransit.neverPrepared && tags[volumeTags.device] !== undefined;
}

/** Prepared by somebody who was gone before his application ran. */
function isPreparedBefore({ tags }: SeenVolume): boolean {
  return tags[volumeTags.inTransit] === inTransit.prepared;
}

function isPromised(volume: SeenVolume, states: ReadonlyMap<string, string>, look: Look): boolean {
  const { tags, createdAt } = volume;
  const holder = tags[volumeTags.holder];
  if (holder === look.facts.instanceId) return isPromisedHere(volume, look);
  const ageMs = Date.now() - Date.parse(createdAt);
  // EC2 may not show yet an instance that has just booted.
  const state = holder === undefined ? 'terminated' : states.get(holder);
  const isGone = state === 'terminated' || (state === NOT_SHOWN && ageMs >= CREATION_UNSEEN_MS);
  return !isGone && ageMs < MARK_LIFE_MS;
}

/** What this instance once created and knows nothing of any more was left behind. */
function isPromisedHere({ tags }: SeenVolume, { transactions }: Look): boolean {
  const { [volumeTags.domain]: domain, [volumeTags.device]: device } = tags;
  return domain !== undefined && device !== undefined && transactions.of(domain).creation(device) !== undefined;
}

/** Who holds what, and how their instances are (11.2). */
async function sentences(held: readonly SeenVolume[], look: Look): Promise<string[]> {
  // Words are not worth a failed look: without the states they say how the volumes hang on their instances.
  const states = await statesOf(held, look).catch((error) => {
    if (isPassing(error)) return new Map<string, string>();
    throw error;
  });
  return held.map((volume) => sentenceOf(volume, states));
}

async function statesOf(held: readonly SeenVolume[], look: Look): Promise<ReadonlyMap<string, string>> {
  const { volumes, transaction, signal } = look;
  const holders = new Set(held.map(holderOf).filter((id) => id !== undefined));
  return holders.size === 0 ? new Map() : await volumes.instanceStates([...holders], transaction, signal);
}

/** Of a volume that is attached to nobody, whoever has marked it. */
function holderOf({ heldBy, tags }: SeenVolume): string | undefined {
  return heldBy ?? tags[volumeTags.holder];
}

function sentenceOf(volume: SeenVolume, states: ReadonlyMap<string, string>): string {
  const holder = holderOf(volume);
  const state = holder === undefined ? undefined : states.get(holder);
  if (volume.kind === 'free') return `${volume.volumeId} has just been created by ${holder} (${state ?? 'not known'})`;
  if (volume.kind === 'refused') return `${volume.volumeId} is attached to this instance at another device`;
  // Of a running one it says more how the volume hangs on it.
  return volume.heldBy === undefined || state === undefined || state === 'running'
    ? volume.seen
    : `${volume.volumeId} is held by ${holder} (${state})`;
}

/** Takes a volume that is to be had for the entry, unless another entry or another daemon of this instance has it. */
async function taken(seen: SeenVolume, source: VolumeSource, look: Look): Promise<SourceLooked> {
  const { claims, marking, entry, transaction, signal } = look;
  if (seen.kind !== 'free' && !isAttachedHere(seen)) return lookedOf(seen);
  signal.throwIfAborted();
  const claim = await claims.take(seen.volumeId, entry);
  if (claim !== 'taken') return { kind: 'held', seen: sentenceOfUse(claim) };
  // Nobody hears any more what was taken.
  if (signal.aborted) await claims.release(seen.volumeId, entry);
  signal.throwIfAborted();
  // What an earlier run took is ours to finish, and marked as ours.
  if (isAttachedHere(seen) && transaction.attachment(seen.volumeId)) marking.taken(seen.volumeId, transaction);
  return { ...lookedOf(seen), target: targetOf(seen, source, transaction) };
}

/** Without what only the choice is made of. */
function lookedOf({ kind, seen, detaching }: SeenVolume): Looked {
  return { kind, seen, ...(detaching ? { detaching } : {}) };
}

/**
 * The journal's word on what is attached here. Of created volumes, and of what has been free meanwhile, only the mark tells that nobody has
 * anything on it: it goes when a volume is prepared, whoever does that.
 */
function targetOf(seen: SeenVolume, source: VolumeSource, transaction: Transaction): VolumeTarget {
  const { volumeId } = seen;
  const isFresh = isNeverPrepared(seen);
  const attachment = seen.kind === 'free' ? undefined : transaction.attachment(volumeId);
  if (attachment !== undefined) {
    const { source: its, prepared } = attachment;
    return { volumeId, source: its, unprepared: !prepared && (its !== 'c' || isFresh) };
  }
  if (isFresh) return { volumeId, source: 'c', unprepared: true };
  return isPreparedBefore(seen)
    ? { volumeId, source: 'c', unprepared: false, preparedBefore: true }
    : { volumeId, source, unprepared: false };
}
