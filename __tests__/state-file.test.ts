import { createStateFile } from '../adapters/state-file.ts';

/** A file on a disk that answers when it is told to. */
function slowFile(limitMs: number) {
  const answers: Array<() => void> = [];
  const file = createStateFile<string>({
    initial: 'a',
    format: (value) => value,
    parse: (text) => text,
    write: () => new Promise((resolve) => answers.push(resolve)),
    late: (problem) => new Error(problem),
    limitMs,
  });
  return { file, answer: () => answers.shift()?.() };
}

describe('a state file on a disk that hangs', () => {
  it('tells whoever asked, who may have something better to do than to wait [12.5]', async () => {
    const { file } = slowFile(20);

    await expect(file.change(() => 'b')).rejects.toThrow('the disk did not answer within 0.02 s');
    expect(file.value()).toBe('a');
  });

  it('keeps nobody from closing it [12.5]', async () => {
    const { file } = slowFile(20);
    file.change(() => 'b').catch(() => {});

    await expect(file.settled()).resolves.toBeUndefined();
  });

  it('writes one after the other all the same, so that the last word is the last [12.4]', async () => {
    const { file, answer } = slowFile(20);
    await file.change(() => 'b').catch(() => {});
    await file.change((value) => `${value}c`).catch(() => {});

    answer();
    await new Promise(setImmediate);
    answer();
    await new Promise(setImmediate);

    expect(file.value()).toBe('bc');
  });
});
