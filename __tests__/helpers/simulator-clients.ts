/** What the tests of the simulator share: how its clients are made, and how they look at a refusal. */
import type { Cloud } from '../../simulator/server.ts';

/** One attempt, so that a refusal is seen as it came; the simulator takes any credentials. */
export function clientOptions({ url }: Pick<Cloud, 'url'>) {
  return {
    endpoint: url,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' },
    maxAttempts: 1,
  };
}

/** An error as the SDK throws it. */
export interface Refusal extends Error {
  Code?: string;
  $metadata: { httpStatusCode?: number; requestId?: string };
}

/** The error of a call that has to fail. */
export async function refusal(call: Promise<unknown>): Promise<Refusal> {
  return call.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: Refusal) => error,
  );
}

/** Waits, with a limit, until a look gives what it should. */
export async function eventually<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const limitMs = Date.now() + 5_000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > limitMs) throw new Error(`it did not come to hold: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
