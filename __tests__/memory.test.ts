/** What is remembered of a domain over restarts, and that its journal has let go before its application runs. */

import { type Memory, type Remembering, remember } from '../actors/memory.ts';
import type { Remembrance } from '../machines/domain.ts';
import { run } from './helpers/joints.ts';
import { inheritanceOf } from './helpers/journal.ts';

const started: Remembrance = { domain: 'web', past: 'started', commits: true };
const full = () => Promise.reject(new Error('no space left'));

/** A memory that writes down what is done, and in which order. */
function remembering(settings: Partial<Remembering> = {}) {
  const done: string[] = [];
  const { memory, changeMemory } = inheritanceOf({ domains: { db: { past: 'started' } } });
  const written: Memory = {
    memory,
    async changeMemory(change) {
      await changeMemory(change);
      done.push('memory');
    },
  };
  const commit = async (domain: string) => void done.push(`journal of ${domain}`);
  const step = remember({ memory: written, exec: true, commit, ...settings });
  return { done, domains: () => memory().domains, keep: (what: Remembrance) => run(step, what) };
}

describe('what became of a domain', () => {
  it('is remembered beside that of others [12.3]', async () => {
    const { keep, domains } = remembering();

    await keep({ domain: 'web', past: 'finished', finishedUnder: 'terminate 2030-01-01T00:02:00.000Z' });

    expect(domains()).toEqual({
      db: { past: 'started' },
      web: { past: 'finished', notice: 'terminate 2030-01-01T00:02:00.000Z' },
    });
  });

  it('is nothing for one that is as good as new [12.3]', async () => {
    const { keep, domains } = remembering();

    await keep({ domain: 'db', past: 'new' });

    expect(domains()).toEqual({});
  });

  it('is remembered before its journal lets go of what it holds [6.10, 12.3]', async () => {
    const { keep, done } = remembering();

    await keep(started);

    expect(done).toEqual(['memory', 'journal of web']);
  });

  it('leaves its journal alone where no application runs next [12.2, 12.3]', async () => {
    const { keep, done } = remembering();

    await keep({ domain: 'web', past: 'started' });

    expect(done).toEqual(['memory']);
  });

  it('cannot be told where the journal does not let go: no application may write on what a later run gives back [6.10, 12.3]', async () => {
    const { keep } = remembering({ commit: full });

    await expect(keep(started)).rejects.toThrow('no space left');
  });

  it('keeps what is held in the journal where it cannot be remembered [12.2, 12.3]', async () => {
    const { memory } = inheritanceOf();
    const { keep, done } = remembering({ memory: { memory, changeMemory: full } });

    await expect(keep(started)).rejects.toThrow('no space left');

    expect(done).toEqual([]);
  });

  it('is not remembered while commands are switched off, and its journal lets go all the same [2.1, 12.3]', async () => {
    const { keep, done, domains } = remembering({ exec: false });

    await keep(started);

    expect(done).toEqual(['journal of web']);
    expect(domains()).toEqual({ db: { past: 'started' } });
  });
});
