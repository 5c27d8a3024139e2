/** Output of what ends right after it. */

/**
 * Writes a text and waits until it is out: the process ends next, and a pipe, which takes 64 KiB at a time, may still be full.
 * @param stream standard output unless told otherwise.
 */
export async function print(text: string, stream: NodeJS.WriteStream = process.stdout): Promise<void> {
  await new Promise<void>((resolve) => {
    // A reader that has seen enough (`| head`) is no failure.
    const enough = () => resolve();
    stream.once('error', enough);
    stream.write(text, (error) => {
      // After an error its event is still to come, and somebody has to take it.
      if (!error) stream.off('error', enough);
      resolve();
    });
  });
}
