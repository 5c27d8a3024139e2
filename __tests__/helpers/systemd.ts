/** What stories ask of systemd: it listens, and remembers. Only where `canListen`. */

import path from 'node:path';
import type { Lab } from './daemon.ts';
import { listen } from './notify-socket.ts';
import { eventually } from './simulator-clients.ts';

/** Stands where systemd stands, and takes each message as it comes: its queue is short. */
export function listening(lab: Pick<Lab, 'folder'>) {
  const name = path.join(lab.folder, 'notify');
  const socket = listen(name);
  const lines: string[] = [];
  const listeners = new Set<(line: string) => void>();
  const hear = () => {
    const news = socket.messages().flatMap((message) => message.split('\n'));
    for (const line of news) {
      lines.push(line);
      for (const listener of listeners) listener(line);
    }
  };
  const timer = setInterval(hear, 10);
  return {
    watching: { environment: { NOTIFY_SOCKET: name } },
    /** The fields so far, one `NAME=value` each, in the order they came. */
    heard() {
      hear();
      return [...lines];
    },
    /** Resolves when this has been heard; with `last` when it is what was heard last of its name. */
    hears(what: string | RegExp, { last = false } = {}) {
      const fits = (line: string) => (typeof what === 'string' ? line === what : what.test(line));
      const said = () => (last ? lines.filter((line) => line.startsWith('STATUS=')).slice(-1) : lines);
      return eventually(
        async () => said().join('\n'),
        () => said().some(fits),
      );
    },
    /** Resolves with how things are in the moment when this is heard. */
    whenHeard<Things>(what: string, look: () => Things): Promise<Things> {
      return new Promise((resolve) => listeners.add((line) => line === what && resolve(look())));
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      socket[Symbol.dispose]();
    },
  };
}
