/** `ec2fleetd schema`: the JSON Schema of the configuration on standard output. */
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { publishedSchemaText } from '../config/published-schema.ts';
import { print } from './print.ts';

/** Prints the schema. An editor uses it once a configuration's `$schema` key names the file that it is kept in. */
export async function schema(): Promise<ExitStatus> {
  await print(publishedSchemaText());
  return exitStatus.done;
}
