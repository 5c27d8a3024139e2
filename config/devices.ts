/** Device names as EC2 counts them. */

/**
 * The letters that make an attachment point: `/dev/sdf`, `/dev/xvdf`, `sdf` and `xvdf` all are `f`. Other names stand for
 * themselves. Source: EC2 User Guide, "Device names for volumes".
 */
export function attachmentPoint(device: string): string {
  return /^(?:\/dev\/)?(?:sd|xvd)([a-z]{1,2}\d*)$/.exec(device)?.[1] ?? device;
}

/** Whether two names are one attachment point. */
export function isSameDevice(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && attachmentPoint(one) === attachmentPoint(other);
}
