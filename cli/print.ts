/** Standard output for sub-commands that end right after it. */

/** Writes a text and waits until it is out: the process ends next, and a pipe may still be full. */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    // A reader that has seen enough (`| head`) is no failure.
    const enough = () => resolve();
    process.stdout.once('error', enough);
    process.stdout.write(text, (error) => {
      // After an error its event is still to come, and somebody has to take it.
      if (!error) process.stdout.off('error', enough);
      resolve();
    });
  });
}
