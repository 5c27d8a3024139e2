/** The steps that look where a volume may come from: what is here already, by id, in a pool, created and left behind. */

import { fromPromise } from 'xstate';
import type { Volumes } from '../adapters/ec2.ts';
import { MARK_LIFE_MS } from '../config/constants.ts';
import { volumeTags } from '../config/tags.ts';
import type {
  InstanceFacts,
  SeenVolume,
  SourceLooked,
  VolumeEntry,
  VolumeSource,
  VolumeTarget,
} from '../config/vocabulary.ts';
import type { HereLooked } from '../machines/volume.ts';
import type { Claims } from './claims.ts';
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
  if (isEntrys(seen, entry, transaction))
    return seen.kind === 'held' ? seen : await taken(seen, sourceOf(seen, look), look);
  if (seen.detaching) return { kind: 'held', seen: `${entry.device} is still held: ${seen.seen}`, detaching: true };
  return {
    kind: 'refused',
    seen: `${entry.device} is held by ${seen.volumeId}, which is none of this entry's volumes. Choose another device, or detach that volume`,
  };
}

function begun({ entry, transaction }: Look): HereLooked {
  const creation = transaction.creation(entry.device);
  if (creation === undefined || !entry.sources.includes('c'))
    return { kind: 'absent', seen: `nothing is attached as ${entry.device}` };
  return { kind: 'creating', seen: `a volume for ${entry.device} is being created`, attempt: creation.attempt };
}

/** Whether a volume at an entry's device is the entry's: by what the journal says of it, else by what the entry may take. */
export function isEntrys({ volumeId, tags }: SeenVolume, entry: VolumeEntry, transaction: Transaction): boolean {
  if (transaction.attachment(volumeId) !== undefined || transaction.isCreated(volumeId)) return true;
  if (entry.sources.includes('x') && volumeId === entry.volumeId) return true;
  const isOfDomain = tags[volumeTags.domain] === entry.domain && tags[volumeTags.pool] === entry.pool;
  return isOfDomain && entry.sources.some((source) => source !== 'x');
}

function sourceOf({ volumeId }: SeenVolume, { entry }: Look): VolumeSource {
  if (entry.sources.includes('x') && volumeId === entry.volumeId) return 'x';
  return entry.sources.includes('p') ? 'p' : 'c';
}

async function lookById(look: Look): Promise<SourceLooked> {
  const { volumes, entry, transaction, signal } = look;
  const seen = await volumes.look(entry, transaction, signal);
  if (isToBeHad(seen)) return await taken(seen, 'x', look);
  if (seen.kind !== 'held') return seen;
  return { ...seen, seen: (await sentences([seen], look)).join() };
}

async function lookInPool(look: Look): Promise<SourceLooked> {
  const { volumes, entry, transaction, signal } = look;
  const { domain, device, pool = '' } = entry;
  const all = await volumes.lookAtPool({ domain, pool, device }, transaction, signal);
  const here = all.find(({ kind, detaching }) => kind === 'attached' || kind === 'attaching' || detaching);
  if (here) return here.detaching ? here : await taken(here, 'p', look);
  const { promised, unused, rest } = await sorted(all, look);
  // What was never prepared comes last: it has nobody's data.
  const order = [rest, unused].flatMap((some) => inOrderOfChoice(some, entry, look.facts));
  return (await firstFree(order, 'p', look)) ?? (await noneInPool([...rest, ...promised], all, look));
}

/** The first one that nobody else on this instance has; when all of them are somebody's, whose. */
async function firstFree(
  candidates: readonly SeenVolume[],
  source: VolumeSource,
  look: Look,
): Promise<SourceLooked | undefined> {
  let last: SourceLooked | undefined;
  for (const candidate of candidates) {
    last = await taken(candidate, isNeverUsed(candidate) ? 'c' : source, look);
    if (last.kind !== 'held') return last;
  }
  return last;
}

async function noneInPool(pool: readonly SeenVolume[], all: readonly SeenVolume[], look: Look): Promise<SourceLooked> {
  const { entry, facts } = look;
  const name = `pool ${entry.pool} of ${entry.domain} in ${facts.zone}`;
  const held = pool.filter(({ kind }) => kind === 'held' || kind === 'free');
  if (held.length > 0) return { kind: 'held', seen: `${name}: ${listed(await sentences(held, look))}` };
  const unusable = all.filter(({ kind }) => kind === 'refused' || kind === 'absent');
  if (unusable.length > 0)
    return { kind: 'absent', seen: `${name} has no volume to take: ${listed(unusable.map(({ seen }) => seen))}` };
  return {
    kind: 'absent',
    seen: `${name} is empty: no volume there has the tags ${volumeTags.domain}=${entry.domain} and ${volumeTags.pool}=${entry.pool}`,
  };
}

/** How many are named before the rest is counted. */
const NAMED = 3;

function listed(sentences: string[]): string {
  const more = sentences.length - NAMED;
  return [...sentences.slice(0, NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** A volume that was created for this entry and whose creator is gone (6.6). */
async function lookForOrphan(look: Look): Promise<SourceLooked> {
  const { volumes, entry, transaction, signal } = look;
  const orphans = await volumes.lookForOrphans(entry, transaction, signal);
  const { unused } = await sorted(
    orphans.filter((orphan) => orphan.tags[volumeTags.pool] === entry.pool && isMadeAs(orphan, entry)),
    look,
  );
  const found = await firstFree(inOrderOfChoice(unused, entry, look.facts), 'c', look);
  if (found !== undefined && found.kind !== 'held') return found;
  return { kind: 'absent', seen: `no volume was created for ${entry.device} and left behind` };
}

/** Whether it is what the entry would create today. */
function isMadeAs({ made }: SeenVolume, { create = {} }: VolumeEntry): boolean {
  return Object.entries(made).every(([name, value]) => create[name] === undefined || create[name] === value);
}

/** Those that their creator is about to use, those that nobody ever used, and all others (6.7). */
async function sorted(seen: readonly SeenVolume[], look: Look) {
  const waiting = seen.filter((volume) => volume.kind === 'free' && isNeverUsed(volume));
  const states =
    waiting.length > 0
      ? await statesOf(
          waiting.map(({ tags }) => tags[volumeTags.holder]),
          look,
        )
      : new Map();
  const promised = waiting.filter((volume) => isPromised(volume, states));
  return {
    promised,
    unused: waiting.filter((volume) => !promised.includes(volume)),
    rest: seen.filter((volume) => !waiting.includes(volume)),
  };
}

/** The mark goes when its commands have succeeded: nothing that it stands on has data. */
function isNeverUsed({ tags }: SeenVolume): boolean {
  return tags[volumeTags.inTransit] === 'true';
}

function isPromised({ tags, createdAt }: SeenVolume, states: ReadonlyMap<string, string>): boolean {
  const holder = tags[volumeTags.holder];
  const isGone = holder === undefined || states.get(holder) === 'terminated';
  return !isGone && Date.now() - Date.parse(createdAt) < MARK_LIFE_MS;
}

function statesOf(instanceIds: ReadonlyArray<string | undefined>, { volumes, transaction, signal }: Look) {
  const known = new Set(instanceIds.filter((id) => id !== undefined));
  return volumes.instanceStates([...known], transaction, signal);
}

/** Who holds what, and how their instances are (11.2). */
async function sentences(held: readonly SeenVolume[], look: Look): Promise<string[]> {
  const states = await statesOf(
    held.map((volume) => holderOf(volume)),
    look,
  );
  return held.map((volume) => sentenceOf(volume, states));
}

function holderOf({ kind, heldBy, tags }: SeenVolume): string | undefined {
  return kind === 'free' ? tags[volumeTags.holder] : heldBy;
}

function sentenceOf(volume: SeenVolume, states: ReadonlyMap<string, string>): string {
  const holder = holderOf(volume);
  const state = holder === undefined ? undefined : states.get(holder);
  if (volume.kind === 'free') return `${volume.volumeId} has just been created by ${holder} (${state ?? 'not known'})`;
  // Of a running one it says more how the volume hangs on it.
  return state === undefined || state === 'running'
    ? volume.seen
    : `${volume.volumeId} is held by ${holder} (${state})`;
}

function isToBeHad({ kind }: SeenVolume): boolean {
  return kind === 'attached' || kind === 'attaching' || kind === 'free';
}

/** Takes it for the entry, unless another entry or another daemon of this instance has it. */
async function taken(seen: SeenVolume, source: VolumeSource, look: Look): Promise<SourceLooked> {
  const { claims, marking, entry, transaction, signal } = look;
  signal.throwIfAborted();
  const claim = await claims.take(seen.volumeId, entry);
  if (claim !== 'taken')
    return { kind: 'held', seen: `${seen.volumeId} is being used on this instance, by ${claim.by}` };
  // What an earlier run took is ours to finish, and marked as ours.
  if (seen.kind !== 'free' && transaction.attachment(seen.volumeId)) marking.taken(seen.volumeId, transaction);
  return { kind: seen.kind, seen: seen.seen, target: targetOf(seen, source, look) };
}

function targetOf({ volumeId }: SeenVolume, source: VolumeSource, { transaction }: Look): VolumeTarget {
  const attachment = transaction.attachment(volumeId);
  return { volumeId, source: attachment?.source ?? source, unprepared: attachment?.prepared === false };
}
