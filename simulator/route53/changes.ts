/** Changes of a zone, and how far they are. Source: Route 53 API Reference, "ChangeResourceRecordSets", "GetChange". */
import { randomBytes } from 'node:crypto';
import { AwsError } from '../aws-error.ts';
import type { World, ZoneChange } from '../cloud.ts';
import { remember } from '../history.ts';
import type { XmlElement } from '../xml.ts';
import { apply } from './change-batch.ts';
import { changesIn } from './change-form.ts';
import { type Element, textIn } from './record-sets.ts';
import { zoneOf } from './zones.ts';

/**
 * All of a batch or nothing, one batch at a time.
 * @throws AwsError
 */
export function changeResourceRecordSets(world: World, zoneId: string, batch: Element): XmlElement {
  const zone = zoneOf(world, zoneId);
  const changes = changesIn(batch);
  const now = world.clock.now();
  if (now < zone.busyUntilMs)
    throw new AwsError(
      'PriorRequestNotComplete',
      'The request was rejected because Route 53 was still processing a prior request.',
    );
  const recordSets = apply(world, zone, changes);
  remember(world, 'zones', zoneId);
  zone.recordSets = recordSets;
  // Until this change is answered, which takes the other half of the latency, it is being processed.
  zone.busyUntilMs = now + world.delays.latencyMs / 2 + world.delays.zoneBusyMs;
  return { ChangeInfo: changeInfo(newChange(world, zoneId, textIn(batch, 'Comment'))) };
}

/** Lists show a change at once; it is the name servers that are still to hear of it. */
function newChange(world: World, zoneId: string, comment: string | undefined): ZoneChange {
  const change: ZoneChange = {
    id: `C${randomBytes(10).toString('hex').toUpperCase()}`,
    zoneId,
    status: 'PENDING',
    submittedAt: new Date(world.clock.now()).toISOString(),
    ...(comment !== undefined && { comment }),
  };
  remember(world, 'changes', change.id);
  world.changes.set(change.id, change);
  world.clock.after(world.delays.insyncMs, () => {
    remember(world, 'changes', change.id);
    change.status = 'INSYNC';
  });
  return change;
}

/** @throws AwsError `NoSuchChange` */
export function getChange({ changes }: World, id: string): XmlElement {
  const change = changes.get(id);
  if (change === undefined) throw new AwsError('NoSuchChange', `Could not find resource with ID: ${id}`, 404);
  return { ChangeInfo: changeInfo(change) };
}

function changeInfo({ id, status, submittedAt, comment }: ZoneChange): XmlElement {
  return { Id: `/change/${id}`, Status: status, SubmittedAt: submittedAt, Comment: comment };
}
