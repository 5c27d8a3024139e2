/** A journal and a memory without a disk, for tests of what is done with them. */

import type { Inheritance } from '../../actors/domain-input.ts';
import type { BootMemory, StateDir } from '../../adapters/state-dir.ts';
import { journalForm } from '../../adapters/state-forms.ts';
import { AdapterError } from '../../config/errors.ts';
import type { DatedMessage, Hold } from '../../config/vocabulary.ts';

/** A journal with these holds. It refuses what could not be read again, as the one on disk does; `writable: false`: every change. */
export function journalOf(known: Hold[] = [], { writable = true } = {}): Pick<StateDir, 'holds' | 'changeHolds'> {
  let holds: readonly Hold[] = known;
  return {
    holds: () => holds,
    async changeHolds(change) {
      if (!writable) throw new AdapterError('write journal.json', 'no space left', 'Make room.');
      const changed = change(holds);
      holds = journalForm.parse(journalForm.format({ instanceId: 'i-0123456789abcdef0' }, changed)).content;
    },
  };
}

interface Inherited extends Partial<BootMemory> {
  holds?: Hold[];
  /** In the outbox. */
  left?: DatedMessage[];
}

/** What earlier runs left behind. */
export function inheritanceOf({ holds = [], left = [], ...memory }: Inherited = {}): Inheritance {
  let known: BootMemory = { domains: {}, noticesOver: [], ...memory };
  return {
    holds: () => holds,
    outbox: { left },
    memory: () => known,
    async changeMemory(change) {
      known = change(known);
    },
  };
}
