/** Stands where systemd stands: a datagram socket at `NOTIFY_SOCKET`. Node has none itself, so the C library is asked. */

const ffi = libraryOrNone();

/** False on a Node without node:ffi (before 26): then nobody can listen. */
export const canListen = ffi !== undefined;

function libraryOrNone() {
  try {
    return process.getBuiltinModule('node:ffi').dlopen(null, {
      socket: { return: 'int32', arguments: ['int32', 'int32', 'int32'] },
      bind: { return: 'int32', arguments: ['int32', 'buffer', 'uint32'] },
      recv: { return: 'int64', arguments: ['int32', 'buffer', 'uint64', 'int32'] },
      close: { return: 'int32', arguments: ['int32'] },
    }).functions;
  } catch {
    return undefined;
  }
}

/** Listens. @param name a path, or `@name` for an abstract address. */
export function listen(name: string) {
  if (ffi === undefined) throw new Error('needs node:ffi');
  const [unix, datagram, dontWait] = [1, 2, 0x40];
  const address = Buffer.concat([Buffer.from([unix, 0]), Buffer.from(name.replace('@', '\0'))]);
  const descriptor = ffi.socket(unix, datagram, 0);
  if (ffi.bind(descriptor, address, address.length) !== 0) throw new Error(`cannot bind ${name}`);
  const buffer = Buffer.alloc(65_536);
  return {
    /** What has arrived and was not read yet. */
    messages(): string[] {
      const all: string[] = [];
      for (;;) {
        const length = Number(ffi.recv(descriptor, buffer, BigInt(buffer.length), dontWait));
        if (length < 0) return all;
        all.push(buffer.toString('utf8', 0, length));
      }
    },
    [Symbol.dispose]: () => void ffi.close(descriptor),
  };
}
