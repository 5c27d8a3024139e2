import { attachmentPoint, attachmentsOf, type Instance, type World } from '../cloud.ts';
import { type Params, structureOf, structuresOf, textOf } from '../query.ts';
import { aboutToChange } from '../sight.ts';
import { type Action, instanceOf, required, unlessDryRun } from './action.ts';
import { invalidCombination, noDeviceMapped } from './errors.ts';

/**
 * Changes whether volumes go together with their instance: all of those that are named or, if one is not to be found, none. A mapping
 * that does not say means that it does. Source: EC2 API Reference, "ModifyInstanceAttribute".
 */
export const modifyInstanceAttribute: Action = (world, params) => {
  const instance = instanceOf(world, required(params, 'InstanceId'));
  const mappings = structuresOf(params, 'BlockDeviceMapping');
  if (mappings.length === 0) throw invalidCombination('No attributes specified.');
  const changes = mappings.map((mapping) => ({ ...attachmentAt(world, instance, mapping), goes: goesIn(mapping) }));
  unlessDryRun(params);
  for (const { volume, attachment, goes } of changes) {
    aboutToChange(world, 'volumes', volume.id);
    attachment.deleteOnTermination = goes;
  }
  return { return: true };
};

function attachmentAt(world: World, instance: Instance, mapping: Params): ReturnType<typeof attachmentsOf>[number] {
  const device = required(mapping, 'DeviceName');
  const volumeId = textOf(structureOf(mapping, 'Ebs'), 'VolumeId');
  const found = attachmentsOf(world, instance.id).find(
    ({ volume, attachment }) =>
      attachmentPoint(attachment.device) === attachmentPoint(device) &&
      (volumeId === undefined || volumeId === volume.id),
  );
  if (found === undefined) throw noDeviceMapped(device);
  return found;
}

function goesIn(mapping: Params): boolean {
  return textOf(structureOf(mapping, 'Ebs'), 'DeleteOnTermination') !== 'false';
}
