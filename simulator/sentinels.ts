/**
 * Failures that a person causes by a name: a word in a volume id, in a volume's tag `simulate`, in the name of a topic or
 * queue, or in the id of a hosted zone. `docs/simulator.md` lists them.
 */

export const volumeSentinels = {
  /** AttachVolume is refused: UnauthorizedOperation, 403. */
  attachDenied: 'attach-denied',
  /** Another instance gets the volume in the moment it is asked for: VolumeInUse. */
  attachLost: 'attach-lost',
  /** AttachVolume is answered with RequestLimitExceeded, 503. */
  attachThrottled: 'attach-throttled',
  /** Accepted, but it stays `attaching` for ever and no disk appears. */
  attachStuck: 'attach-stuck',
  /** Becomes `attached`, but no disk appears. */
  noDevice: 'no-device',
  /** DetachVolume is refused: UnauthorizedOperation, 403. */
  detachDenied: 'detach-denied',
  /** DetachVolume is accepted, but the attachment stays `busy`, as while the guest has it mounted. */
  detachBusy: 'detach-busy',
  /** CreateTags and DeleteTags are refused: UnauthorizedOperation, 403. */
  tagDenied: 'tag-denied',
} as const;

/** For topics, queues and hosted zones. */
export const nameSentinels = {
  /** Refused for lack of permission, in the words of the service. */
  denied: 'denied',
  /** Refused with the service's throttling error. */
  throttled: 'throttled',
} as const;

/** True when the volume is to fail in this way. */
export function volumeFails(
  volume: { id: string; tags: Record<string, string> },
  sentinel: keyof typeof volumeSentinels,
): boolean {
  const word = volumeSentinels[sentinel];
  return volume.id.includes(word) || volume.tags.simulate === word;
}

/** True when the topic, queue or zone of this name is to fail in this way. */
export function nameFails(name: string, sentinel: keyof typeof nameSentinels): boolean {
  return name.toLowerCase().includes(nameSentinels[sentinel]);
}
