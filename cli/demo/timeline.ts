/** The story as lines on a terminal, in the order in which things happened, whoever tells them. */

/** Who did something. */
export type Teller = 'cloud' | 'daemon' | 'aws' | 'command' | 'message';

export interface Timeline {
  /** @param atMs epoch milliseconds. */
  tell(atMs: number, teller: Teller, text: string): void;
  /** Prints what is still held back. */
  end(): void;
}

/** News of one moment comes by pipe and by call; held back this long it can be put in order. */
const HOLD_MS = 150;

const COLOURS: Record<Teller, number> = { cloud: 35, daemon: 36, aws: 90, command: 32, message: 33 };

/** @param colour whether the terminal understands colours. */
export function createTimeline(print: (line: string) => void, startMs: number, colour: boolean): Timeline {
  let held: Array<{ atMs: number; line: string }> = [];
  const timer = setInterval(() => release(Date.now() - HOLD_MS), HOLD_MS / 3);
  return {
    tell(atMs, teller, text) {
      held.push({ atMs, line: lineOf(atMs - startMs, teller, text) });
    },
    end() {
      clearInterval(timer);
      release(Number.POSITIVE_INFINITY);
    },
  };

  function release(untilMs: number): void {
    const due = held.filter(({ atMs }) => atMs <= untilMs);
    held = held.filter(({ atMs }) => atMs > untilMs);
    for (const { line } of due.sort((one, other) => one.atMs - other.atMs)) print(line);
  }

  function lineOf(sinceMs: number, teller: Teller, text: string): string {
    const seconds = `${(Math.max(0, sinceMs) / 1000).toFixed(2)} s`.padStart(8);
    const name = teller.padEnd(8);
    return `${seconds}  ${colour ? `\x1b[${COLOURS[teller]}m${name}\x1b[0m` : name}${text}`;
  }
}
