/** What has to fit together in one entry of `attach-volume` (behaviour.md 3.3, 3.4). */
import type { Finding, Place } from './check.ts';
import { sourcesOf } from './commands.ts';
import { creationChecks } from './creation-checks.ts';
import { hasMacros } from './macros.ts';
import { error, type Places, warning } from './places.ts';
import type { VolumeConfig } from './schema.ts';
import { quoted } from './source-text.ts';

const ADVICE = 'Use /dev/sdf to /dev/sdp.';
const LETTERS = 'Write x (by id), p (from a pool) and c (created) in the order to try, for example "xp".';
const sourceKeys = { x: 'volume-id', p: 'pool-name', c: 'create' } as const;

/** Checks one volume. @param timeoutS the limit of the way up. */
export function volumeChecks(place: Place, places: Places, timeoutS: number): Finding[] {
  const entry = place.value as Partial<VolumeConfig>;
  return [
    ...device(entry.device, places.inside(place, 'device')),
    ...sources(entry.source, places.inside(place, 'source'), place),
    ...unused(entry, place, places),
    ...creationChecks(entry.create, places.inside(place, 'create')),
    ...waiting(entry.wait, places.inside(place, 'wait'), timeoutS),
  ];
}

/** Source: EC2 User Guide, "Device names for volumes". */
const DEVICE = /^(?:\/dev\/)?(?:sd[b-z]|xvd[b-z]|xvd[a-d][a-z])$/;
const ROOT_DEVICE = /^(?:\/dev\/)?(?:sd|xvd)a\d*$/;
const PARTITION = /^((?:\/dev\/)?(?:sd|xvd)[a-z]{1,2})\d+$/;
const KERNEL_NAME = /^(?:\/dev\/)?nvme/;

function device(name: string | undefined, at: Place): Finding[] {
  if (name === undefined || hasMacros(name) || DEVICE.test(name)) return [];
  const own = quoted(name);
  if (ROOT_DEVICE.test(name)) return [error(at, `${own} is the root device. ${ADVICE}`)];
  const [, disk] = PARTITION.exec(name) ?? [];
  if (disk !== undefined) return [error(at, `${own} names a partition. Write "${disk}".`)];
  if (KERNEL_NAME.test(name))
    return [error(at, `${own} is the kernel's name. ${ADVICE} Commands find the disk in {attached_device}.`)];
  const strange = `${own} is no device name that EC2 takes. ${ADVICE}`;
  // Against an endpoint that is not AWS, a plain file may stand for a disk.
  return [/^\/(?!dev\/)/.test(name) ? warning(at, strange) : error(at, strange)];
}

function sources(source: VolumeConfig['source'] | undefined, at: Place, volume: Place): Finding[] {
  if (source === undefined) return [];
  const letters = sourcesOf({ source });
  const strange = letters.find((letter) => !Object.hasOwn(sourceKeys, letter));
  if (strange !== undefined) return [error(at, `${quoted(strange)} is no source. ${LETTERS}`)];
  if (letters.length === 0) return [error(at, `names no source. ${LETTERS}`)];
  if (new Set(letters).size < letters.length) return [error(at, `${quoted(letters.join(''))} names a source twice.`)];
  const missing = letters
    .filter((letter) => !volume.keys.includes(sourceKeys[letter]))
    .map((letter) => error(at, `source ${letter} needs "${sourceKeys[letter]}", which is missing.`));
  return [...missing, ...behindCreation(letters, at)];
}

/** A volume that cannot be created fails the entry. */
function behindCreation(letters: string[], at: Place): Finding[] {
  const behind = letters.includes('c') ? letters.slice(letters.indexOf('c') + 1) : [];
  return behind.map((letter) =>
    warning(at, `source ${letter} is never tried: c in front of it creates a volume. Write c last.`),
  );
}

/** By key, the sources of which one has a use for it: created volumes join a pool, and only who may hold one is waited for. */
const usedBy = {
  'volume-id': ['x'],
  'pool-name': ['p', 'c'],
  'pool-pref': ['p'],
  create: ['c'],
  wait: ['x', 'p'],
} as const;

function unused({ source }: Partial<VolumeConfig>, place: Place, places: Places): Finding[] {
  if (source === undefined) return [];
  const letters = sourcesOf({ source });
  return (
    Object.entries(usedBy)
      .filter(([key, users]) => place.keys.includes(key) && !users.some((letter) => letters.includes(letter)))
      .map(([key, users]) => [places.inside(place, key), users] as const)
      // What is wrong with a value has been said; nobody needs to know that it would not be used either.
      .filter(([at]) => at !== place)
      .map(([at, users]) =>
        warning(at, `is not used: "source" has ${users.length > 1 ? 'neither' : 'no'} ${users.join(' nor ')}.`),
      )
  );
}

function waiting(waitS: number | undefined, at: Place, timeoutS: number): Finding[] {
  if (waitS === undefined || waitS <= timeoutS) return [];
  return [
    error(
      at,
      `waits ${waitS} s, but "timeout" ends the way up after ${timeoutS} s. Make it smaller, or "timeout" larger.`,
    ),
  ];
}
