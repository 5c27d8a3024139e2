import { createTransactions } from '../actors/transaction.ts';
import { AdapterError } from '../config/errors.ts';
import type { AttachmentHold, CreationHold, Hold, RecordSetHold } from '../config/vocabulary.ts';
import { journalOf } from './helpers/journal.ts';

describe('a transaction', () => {
  it('lists the calls of its domain in their order, under the names of old [4.4]', () => {
    const web = createTransactions({ journal: journalOf(), changes: true }).of('web');

    web.look('describe_volumes', { VolumeIds: ['vol-1'] });
    void web.change('attach_volume', { VolumeId: 'vol-1' });

    expect(web.calls()).toEqual([
      { platform: 'aws', domain: 'web', method: 'describe_volumes', param: { VolumeIds: ['vol-1'] }, dry: false },
      { platform: 'aws', domain: 'web', method: 'attach_volume', param: { VolumeId: 'vol-1' }, dry: false },
    ]);
  });

  it('is one for each domain, whoever asks for it [4.3]', () => {
    const transactions = createTransactions({ journal: journalOf(), changes: true });

    transactions.of('web').look('describe_volumes', {});

    expect(transactions.of('web').calls()).toHaveLength(1);
    expect(transactions.of('db').calls()).toEqual([]);
  });

  it.each([
    { changes: true, dry: false },
    { changes: false, dry: true },
  ])('lets a change happen: $changes, and notes it accordingly [2.1]', async ({ changes, dry }) => {
    const web = createTransactions({ journal: journalOf(), changes }).of('web');

    const mayHappen = await web.change('attach_volume', {});
    web.look('describe_volumes', {});

    expect(mayHappen).toBe(changes);
    expect(web.calls().map((call) => call.dry)).toEqual([dry, false]);
  });

  it('forgets old looks beyond a hundred, and no change [4.4]', () => {
    const web = createTransactions({ journal: journalOf(), changes: true }).of('web');
    void web.change('attach_volume', {});

    for (let look = 1; look <= 150; look++) web.look('describe_volumes', { look });
    const calls = web.calls();

    expect(calls.filter(({ method }) => method === 'attach_volume')).toHaveLength(1);
    expect(calls).toHaveLength(101);
    expect(calls[1]?.param).toEqual({ look: 51 });
    expect(calls.at(-1)?.param).toEqual({ look: 150 });
  });
});

describe('what a domain holds', () => {
  const volume: AttachmentHold = {
    kind: 'attachment',
    domain: 'web',
    volumeId: 'vol-1',
    device: '/dev/sdf',
    source: 'p',
    pool: 'worlds',
    prepared: false,
  };
  const creation: CreationHold = {
    kind: 'creation',
    domain: 'web',
    device: '/dev/sdf',
    attempt: 1,
    request: { ClientToken: 'token-1', Size: 8 },
    requestedAt: '2030-01-01T00:00:00.000Z',
    disposable: true,
  };
  const made: CreationHold = { ...creation, volumeId: 'vol-1' };
  const set = (value: string) => ({ name: 'game.example.com.', type: 'A' as const, ttl: 60, values: [value] });
  const record = (before: string | undefined, after: string): RecordSetHold => ({
    kind: 'record-set',
    domain: 'web',
    hostedZone: 'Z1',
    ...(before === undefined ? {} : { before: set(before) }),
    after: set(after),
  });
  const denied = new AdapterError('AttachVolume', 'not authorized', 'Allow it.');
  const unanswered = new AdapterError('AttachVolume', 'no answer in time', 'Wait.', { retryable: true });
  const yes = () => true;

  function holding(known: Hold[] = [], options = {}) {
    const journal = journalOf(known, options);
    return { journal, web: createTransactions({ journal, changes: true }).of('web') };
  }

  it('is written down before the change is made [12.2]', async () => {
    const { journal, web } = holding();

    const journalled = await web.holding([volume], async () => journal.holds(), yes);

    expect(journalled).toEqual([volume]);
    expect(journal.holds()).toEqual([volume]);
  });

  it('is not taken at all where it cannot be written down [12.5]', async () => {
    const { web } = holding([], { writable: false });
    const change = jest.fn(async () => {});

    const taking = web.holding([volume], change, yes);

    await expect(taking).rejects.toThrow('no space left');
    expect(change).not.toHaveBeenCalled();
  });

  it('is forgotten when somebody else was faster, or when it was refused [6.3]', async () => {
    const lost = holding();
    await lost.web.holding(
      [volume],
      async () => 'taken',
      () => false,
    );
    const refused = holding();
    await refused.web.holding([volume], () => Promise.reject(denied), yes).catch(() => {});

    expect(lost.journal.holds()).toEqual([]);
    expect(refused.journal.holds()).toEqual([]);
  });

  it('is remembered when nobody answered, since it may have happened all the same [12.2]', async () => {
    const { journal, web } = holding();

    await expect(web.holding([volume], () => Promise.reject(unanswered), yes)).rejects.toBe(unanswered);

    expect(journal.holds()).toEqual([volume]);
  });

  it('is nothing while init is switched off [2.1]', async () => {
    const journal = journalOf();
    const dry = createTransactions({ journal, changes: false }).of('web');

    await dry.holding([volume], async () => 'dry', yes);

    expect(journal.holds()).toEqual([]);
  });

  it('is told in the order in which it was taken, and the own alone [4.3]', async () => {
    const { web } = holding([{ ...volume, domain: 'db' }]);

    await web.holding([record('192.0.2.1', '192.0.2.2')], async () => {}, yes);
    await web.holding([volume], async () => {}, yes);

    expect(web.holds().map(({ kind }) => kind)).toEqual(['record-set', 'attachment']);
  });

  it('is one volume however often it is attached, and wants its commands anew each time [4.3]', async () => {
    const { web } = holding([{ ...volume, prepared: true }]);

    await web.holding([volume], async () => {}, yes);

    expect(web.holds()).toEqual([volume]);
    expect(web.attachment('vol-1')?.prepared).toBe(false);
  });

  it('is prepared once the commands of the volume have succeeded [4.3]', async () => {
    const { web } = holding([volume, { ...volume, domain: 'db' }]);

    await web.notePrepared('vol-1');

    expect(web.attachment('vol-1')?.prepared).toBe(true);
    expect(web.holds()).toEqual([{ ...volume, prepared: true }]);
  });

  it('goes back to what stood there first, however often the record was written since [7.5, 12.2]', async () => {
    const { web } = holding([record('192.0.2.1', '192.0.2.2')]);

    await web.holding([record('192.0.2.2', '192.0.2.3')], async () => {}, yes);

    expect(web.holds()).toEqual([record('192.0.2.1', '192.0.2.3')]);
  });

  it('goes back to what stood there first also once the id of the last change is known [7.5, 7.7, 12.2]', async () => {
    const { web } = holding([record('192.0.2.1', '192.0.2.2')]);
    const again = record('192.0.2.2', '192.0.2.3');
    await web.holding([again], async () => {}, yes);

    await web.replace({ ...again, changeId: 'C1' });

    expect(web.holds()).toEqual([{ ...record('192.0.2.1', '192.0.2.3'), changeId: 'C1' }]);
  });

  it('goes back to nothing where nothing stood at first [7.5]', async () => {
    const { web } = holding([record(undefined, '192.0.2.2')]);

    await web.holding([record('192.0.2.2', '192.0.2.3')], async () => {}, yes);

    expect(web.holds()).toEqual([record(undefined, '192.0.2.3')]);
  });

  it('goes back to what was removed, though nothing stands there now [7.5, 7.6]', async () => {
    const removal: RecordSetHold = { kind: 'record-set', domain: 'web', hostedZone: 'Z1', before: set('192.0.2.1') };
    const { web } = holding([removal]);

    await web.holding([record(undefined, '192.0.2.3')], async () => {}, yes);

    expect(web.holds()).toEqual([record('192.0.2.1', '192.0.2.3')]);
  });

  it('goes back to nothing where what the own had created was removed again [7.5, 7.6]', async () => {
    const created = record(undefined, '192.0.2.1');
    const removal: RecordSetHold = { kind: 'record-set', domain: 'web', hostedZone: 'Z1', before: set('192.0.2.1') };
    const { web } = holding([created]);

    await web.holding([removal], async () => {}, yes);

    expect(web.holds()).toEqual([created]);
  });

  it('keeps the sets of instances under one name apart [7.8]', async () => {
    const of = (setIdentifier: string): RecordSetHold => ({
      ...record(undefined, '192.0.2.2'),
      after: { ...set('192.0.2.2'), setIdentifier },
    });
    const { web } = holding([of('i-1')]);

    await web.holding([of('i-2'), record(undefined, '192.0.2.2')], async () => {}, yes);

    expect(web.holds()).toHaveLength(3);
  });

  it('goes back to what somebody else put there meanwhile [7.5]', async () => {
    const { web } = holding([record('192.0.2.1', '192.0.2.2')]);

    await web.holding([record('198.51.100.9', '192.0.2.3')], async () => {}, yes);

    expect(web.holds()).toEqual([record('198.51.100.9', '192.0.2.3')]);
  });

  it('is nothing of the own any more at the point of no return [5.2]', async () => {
    const others = { ...volume, domain: 'db' };
    const ready = { ...volume, prepared: true };
    const { journal, web } = holding([ready, record(undefined, '192.0.2.2'), others]);

    await web.commit();

    expect(journal.holds()).toEqual([others]);
  });

  it('is dropped one by one as it is given back [12.2]', async () => {
    const { web } = holding([volume, record(undefined, '192.0.2.2')]);

    await web.drop(volume);

    expect(web.holds()).toEqual([record(undefined, '192.0.2.2')]);
  });

  it('is as it was when writing it anew is refused: what stood there first is not forgotten [7.5, 12.2]', async () => {
    const known = record('192.0.2.1', '192.0.2.2');
    const { journal, web } = holding([known]);

    const writing = web.holding([record('192.0.2.2', '192.0.2.3')], () => Promise.reject(denied), yes);

    await expect(writing).rejects.toBe(denied);
    expect(journal.holds()).toEqual([known]);
  });

  it('is remembered over the point of no return where a volume still wants its commands [4.3]', async () => {
    const ready = { ...volume, volumeId: 'vol-2', prepared: true };
    const { journal, web } = holding([volume, ready]);

    await web.commit();

    expect(journal.holds()).toEqual([volume]);
  });

  it('is, of a volume, what the run that attached it knew of it, for the own alone [4.3]', async () => {
    const { web } = holding([{ ...volume, domain: 'db', volumeId: 'vol-9' }, volume]);

    expect(web.attachment('vol-1')).toEqual(volume);
    expect(web.attachment('vol-9')).toBeUndefined();
  });

  it('is one creation for each device, by whichever of its names [6.6]', async () => {
    const { journal, web } = holding([creation]);

    await web.holding([{ ...creation, device: '/dev/xvdf', attempt: 2 }], async () => {}, yes);

    expect(journal.holds()).toEqual([{ ...creation, device: '/dev/xvdf', attempt: 2 }]);
    expect(web.creation('sdf')?.attempt).toBe(2);
    expect(web.creation('/dev/sdg')).toBeUndefined();
  });

  it('is created before it is attached, also when its request was repeated since: it is detached first and deleted then [6.6, 6.10]', async () => {
    const { web } = holding([creation, volume]);

    await web.replace(made);
    await web.holding([made], () => Promise.reject(denied), yes).catch(() => {});

    expect(web.holds()).toEqual([made, volume]);
    expect(web.isCreated('vol-1')).toBe(true);
    expect(web.isCreated('vol-2')).toBe(false);
  });

  it('may be deleted until commands of another volume could have written on it [6.10]', async () => {
    const others: CreationHold = { ...made, domain: 'db' };
    const { journal, web } = holding([made, others]);

    await web.noteCommands('vol-1');
    const afterItsOwn = web.creation('/dev/sdf')?.disposable;
    await web.noteCommands('vol-2');

    expect(afterItsOwn).toBe(true);
    expect(web.creation('/dev/sdf')?.disposable).toBe(false);
    expect(journal.holds()[1]).toEqual(others);
  });

  it('is touched while commands of another volume may be running, until that one is prepared [6.10]', async () => {
    const { web } = holding([made, volume]);
    const before = web.isTouched('vol-1');

    await web.noteCommands('vol-2');
    const during = ['vol-1', 'vol-2'].map(web.isTouched);
    await web.notePrepared('vol-2');

    expect(before).toBe(false);
    expect(during).toEqual([true, false]);
    expect(web.isTouched('vol-1')).toBe(false);
  });

  it('stays when it is not taken now, since an earlier attempt that nobody answered may have brought it [6.3, 12.2]', async () => {
    const { journal, web } = holding([volume]);

    await web.holding(
      [{ ...volume, prepared: true }],
      () => Promise.resolve('taken'),
      (outcome) => outcome !== 'taken',
    );

    expect(journal.holds()).toEqual([volume]);
  });

  it('is no creation any more at the point of no return, unless its volume was never attached [5.2, 6.10]', async () => {
    const unanswered = { ...creation, device: '/dev/sdg' };
    const { web } = holding([made, { ...volume, prepared: true }, unanswered]);

    await web.commit();

    expect(web.holds()).toEqual([unanswered]);
  });

  it('is nothing that a dry run may forget, or note [2.1, 12.2]', async () => {
    const journal = journalOf([made, volume]);
    const dry = createTransactions({ journal, changes: false }).of('web');

    await dry.notePrepared('vol-1');
    await dry.noteCommands('vol-2');
    await dry.replace({ ...volume, prepared: true });
    await dry.drop(volume);
    await dry.commit();

    expect(journal.holds()).toEqual([made, volume]);
  });
});
