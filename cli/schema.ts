/** `ec2fleetd schema`: the JSON Schema of the configuration on standard output. */
import { type ExitStatus, exitStatus } from '../config/exit-status.ts';
import { publishedSchemaText } from '../config/published-schema.ts';

/** Prints the schema. Editors use it by a `$schema` key that names the file it is kept in. */
export async function schema(): Promise<ExitStatus> {
  // Waits for the pipe: the process is ended right after this, and a pipe may still be full.
  await new Promise<void>((resolve, reject) =>
    process.stdout.write(publishedSchemaText(), (error) => (error ? reject(error) : resolve())),
  );
  return exitStatus.done;
}
