/** Standard output for sub-commands that end right after it. */

/** Writes a text and waits until it is out: the process ends next, and a pipe may still be full. */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    // A reader that has seen enough (`| head`) is no failure.
    process.stdout.once('error', () => resolve());
    process.stdout.write(text, () => resolve());
  });
}
