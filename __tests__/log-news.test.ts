import { createLogNews } from '../actors/log-news.ts';
import { notice, volumeEntry } from './helpers/domain.ts';
import { change, listeningLog, waitingRecords } from './helpers/news.ts';

describe('the log', () => {
  const domainContext = { domain: 'web', failures: [] };
  const denied = { part: 'attach-volume[0]', problem: 'denied', critical: true };

  function listening() {
    const { log, said, messages } = listeningLog();
    const news = createLogNews(log);
    return { said, messages, tell: (...args: Parameters<typeof change>) => news(change(...args)) };
  }

  it('has a line for each state of a domain, with its name and how long the last one took [11.2]', () => {
    const { said, tell } = listening();

    tell('domain', 'pending', domainContext);

    expect(said).toEqual([
      { level: 'info', message: 'domain pending', fields: { domain: 'web', state: 'pending', durationMs: 7 } },
    ]);
  });

  it.each([
    {
      state: 'addressing.pausing',
      level: 'warn',
      says: 'waiting: a.example.com, b.example.com: the instance has none',
    },
    { state: 'backing-off', level: 'warn', says: 'waiting: a.example.com: throttled; b.example.com: throttled' },
    {
      state: 'awaiting-insync.pausing',
      level: 'info',
      says: 'waiting: not all name servers of Route 53 have b.example.com yet',
    },
  ] as const)('says what records wait for, once: $state [7.1, 7.2, 7.7]', ({ state, level, says }) => {
    const { said, messages, tell } = listening();

    tell('records', 'comparing', waitingRecords);
    tell('records', state, waitingRecords);
    tell('records', 'comparing', waitingRecords);
    tell('records', state, waitingRecords);

    const waiting = said.filter(({ message }) => message.startsWith('waiting'));
    expect(messages(level)).toContain(says);
    expect(waiting).toHaveLength(1);
    expect(waiting[0]?.fields).toEqual({ domain: 'web' });
  });

  it('says what was refused before others are waited for, and not again when the domain hears of it [5.4, 7.7]', () => {
    const { tell, messages } = listening();

    tell('records', 'awaiting-insync.pausing', waitingRecords);
    tell('records', 'awaiting-insync.looking', waitingRecords);
    tell('domain', 'dns-updated', { domain: 'web', failures: waitingRecords.failures });
    tell('domain', 'failed', { domain: 'web', failures: [...waitingRecords.failures, ...waitingRecords.failures] });

    const refusals = ['a.example.com: throttled', 'b.example.com: throttled'];
    expect(messages('error')).toEqual([...refusals, ...refusals, 'domain failed']);
  });

  it('says which record was written, where it leads and led, and which was removed [7.1, 7.6]', () => {
    const { tell, said } = listening();
    const set = (values: string[], settings = {}) => ({ name: 'a.', type: 'A', ttl: 60, values, ...settings });
    const alias = { hostedZone: 'Z2', name: 'lb.', evaluateTargetHealth: false };
    const changes = [
      { after: set(['192.0.2.1']), before: set(['192.0.2.8', '192.0.2.9']), sent: true },
      { after: set(['192.0.2.1'], { setIdentifier: 'i-1' }), before: set([], { alias }), sent: true },
      { before: set(['192.0.2.7']), sent: true },
      { after: set(['192.0.2.2']), sent: false },
    ];

    tell('records', 'writing', { ...waitingRecords, changes });
    tell('records', 'ended', { ...waitingRecords, changes }, { from: 'writing' });

    expect(said.map(({ message, fields }) => ({ message, ...fields }))).toEqual([
      { message: 'record is written', domain: 'web', record: 'a. A', to: '192.0.2.1', before: '192.0.2.8, 192.0.2.9' },
      { message: 'record is written', domain: 'web', record: 'a. A of i-1', to: '192.0.2.1', before: 'alias of lb.' },
      { message: 'record of a predecessor is removed', domain: 'web', record: 'a. A', before: '192.0.2.7' },
    ]);
  });

  it('says under which event a domain ended', () => {
    const { said, tell } = listening();

    tell('domain', 'stopped', { ...domainContext, ending: 'interrupted' });

    expect(said[0]?.fields).toMatchObject({ state: 'stopped', ending: 'interrupted' });
  });

  it('has each failure of a domain once, the critical as errors [5.4]', () => {
    const { said, tell, messages } = listening();
    const minor = { part: 'update-route53[0]', problem: 'no address', critical: false };

    tell('domain', 'volumes-attached', { ...domainContext, failures: [minor] });
    tell('domain', 'failed', { ...domainContext, failures: [minor, denied] });
    tell('domain', 'stopped', { ...domainContext, failures: [minor, denied] });

    expect(messages('warn')).toEqual(['no address']);
    expect(messages('error')).toEqual(['denied', 'domain failed']);
    expect(said[0]?.fields).toEqual({ domain: 'web', part: 'update-route53[0]' });
  });

  it('does not take the failures of one domain for those of another [5.4]', () => {
    const { tell, messages } = listening();

    tell('domain', 'failed', { domain: 'web', failures: [denied] }, { sessionId: 'x:1' });
    tell('domain', 'failed', { domain: 'db', failures: [denied] }, { sessionId: 'x:2' });

    expect(messages('error').filter((message) => message === 'denied')).toHaveLength(2);
  });

  it('has the interruption notice, with the time left, once [9.2]', () => {
    const { said, tell } = listening();

    tell('supervisor', 'interrupted', { notice, problems: [], sending: [] });
    tell('supervisor', 'flushing', { notice, problems: [], sending: [] });

    expect(said.filter(({ level }) => level === 'warn')).toEqual([
      {
        level: 'warn',
        message: 'interruption notice',
        fields: { action: 'terminate', time: '2030-01-01T00:02:00.000Z', secondsLeft: 120 },
      },
    ]);
  });

  it('has a second notice as well [9.5]', () => {
    const { tell, messages } = listening();

    tell('supervisor', 'interrupted', { notice, problems: [], sending: [] });
    tell('supervisor', 'flushing', { notice: { ...notice, key: 'another' }, problems: [], sending: [] });

    expect(messages('warn')).toEqual(['interruption notice', 'interruption notice']);
  });

  it('has a notice or a failure that changes no state at once, and no second line for the state [5.6, 5.7]', () => {
    const { tell, messages } = listening();
    const minor = { part: 'exec at-risk', problem: '/bin/false: exited with 1', critical: false };

    tell('supervisor', 'asleep', { notice, problems: ['late'], sending: [] }, { from: 'asleep' });
    tell('domain', 'started', { ...domainContext, failures: [minor] }, { from: 'started' });

    expect(messages('warn')).toEqual(['late', 'interruption notice', '/bin/false: exited with 1']);
    expect(messages('info')).toEqual([]);
  });

  it.each([
    {
      state: 'warming',
      says: 'in the warm pool (Warmed:Stopped): nothing is taken until Auto Scaling wants it in service',
    },
    { state: 'tidying', says: 'giving back what an earlier run held and the configuration no longer asks for' },
    { state: 'asleep', says: 'everything is done for the hibernation; waiting to be resumed' },
    { state: 'setting-out', says: 'resumed: setting out anew' },
  ])('says what the daemon is at that somebody may wonder about: $state [5.5, 5.9, 12.2]', ({ state, says }) => {
    const { tell, messages } = listening();

    tell('supervisor', state, { problems: [], sending: [], lifecycleState: 'Warmed:Stopped', survived: 'hibernate' });

    expect(messages('info')).toEqual([says]);
  });

  it('says that a domain has failed and keeps watch [5.4]', () => {
    const { tell, messages } = listening();

    tell('domain', 'keeping-watch', domainContext);

    expect(messages('warn')).toEqual(['domain failed, but is attached here: it keeps watch']);
  });

  it('says nothing of the moments between two states', () => {
    const { said, tell } = listening();

    for (const state of ['committing', 'joining', 'signing-off']) tell('domain', state, domainContext);

    expect(said.map(({ level }) => level)).toEqual(['debug', 'debug', 'debug']);
  });

  it('says what is let go, and leaves it to the failures why something is kept [6.10]', () => {
    const { said, tell, messages } = listening();
    const hold = { kind: 'attachment', domain: 'web', volumeId: 'vol-1', device: '/dev/sdf', prepared: true };

    tell('letting-go', 'detaching', { hold });
    tell('letting-go', 'ended', { hold }, { from: 'awaiting.checking' });
    tell('letting-go', 'ended', { hold, problem: 'held by postgres' }, { from: 'awaiting.checking' });
    // It was not there, or init is off.
    tell('letting-go', 'ended', { hold }, { from: 'detaching' });

    expect(messages('info')).toEqual(['volume is let go']);
    expect(said[1]?.fields).toMatchObject({ domain: 'web', volume: 'vol-1', device: '/dev/sdf' });
  });

  it.each([
    { discarded: 'deleted', level: 'info', message: 'volume is deleted: it was created just now' },
    { discarded: 'gone', level: 'info', message: 'nothing was created' },
    {
      discarded: 'left',
      level: 'warn',
      message: 'volume was created just now, but is not deleted: commands of another entry may have written on it',
    },
    {
      discarded: 'not-ours',
      level: 'warn',
      message: 'volume was created here, but somebody else has used it since: it stays as it is',
    },
  ])('says of what was created that it is $discarded [6.10]', ({ discarded, level, message }) => {
    const { said, tell } = listening();
    const left = [{ kind: 'creation', domain: 'web', device: '/dev/sdf', volumeId: 'vol-1' }];

    tell('giving-back', 'dropping', { left, discarded, what: { reason: 'roll-back' } }, { from: 'discarding' });

    expect(said).toMatchObject([{ level, message, fields: { domain: 'web', volume: 'vol-1', why: 'roll-back' } }]);
  });

  it.each([
    { restored: 'restored', before: undefined, level: 'info', message: 'record is withdrawn' },
    { restored: 'restored', before: {}, level: 'info', message: 'record is as it was before' },
    {
      restored: 'not-ours',
      before: undefined,
      level: 'warn',
      message: 'record is no longer ours, and stays as it is',
    },
  ])('says what became of a record that is given back: $message [7.5, 7.9]', ({ restored, before, level, message }) => {
    const { said, tell } = listening();
    const after = { name: 'game.example.com.', type: 'A', ttl: 60, values: ['192.0.2.1'] };
    const left = [{ kind: 'record-set', domain: 'web', hostedZone: 'Z1', after, ...(before && { before }) }];

    tell('giving-back', 'dropping', { left, restored, what: { reason: 'roll-back' } }, { from: 'restoring' });
    tell('giving-back', 'dropping', { left, what: { reason: 'roll-back' } }, { from: 'letting-go' });

    expect(said).toEqual([
      { level, message, fields: { domain: 'web', record: 'game.example.com. A', zone: 'Z1', why: 'roll-back' } },
    ]);
  });

  it('leaves early signs that cannot be looked at to those who want details [9.1]', () => {
    const { said, tell } = listening();

    tell('risk-watch', 'pausing', { problem: 'refused' });
    tell('risk-watch', 'pausing', {});

    expect(said.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'debug early signs cannot be looked at: refused',
    ]);
  });

  it('has also a notice that was there at the start, which leads past `interrupted` [5.3]', () => {
    const { tell, messages } = listening();

    tell('supervisor', 'coming-up', { notice, problems: [], sending: [] });

    expect(messages('warn')).toEqual(['interruption notice']);
  });

  it('has each problem of the supervisor once [9.4]', () => {
    const { tell, messages } = listening();

    tell('supervisor', 'coming-up', { problems: ['no host name'], sending: [] });
    tell('supervisor', 'running', { problems: ['no host name', 'no READY'], sending: [] });

    expect(messages('warn')).toEqual(['no host name', 'no READY']);
  });

  it('says what a volume waits for, and again only when it is something else [6.4]', () => {
    const { tell, messages } = listening();
    const waiting = (waitingFor: string) => tell('volume', 'waiting', { entry: volumeEntry(), waitingFor });

    waiting('vol-1 is held by i-0def (in-use)');
    tell('volume', 'looking', { entry: volumeEntry() });
    waiting('vol-1 is held by i-0def (in-use)');
    tell('volume', 'looking', { entry: volumeEntry() });
    waiting('vol-1 is held by i-0def (detaching)');

    expect(messages('warn')).toEqual([
      'waiting: vol-1 is held by i-0def (in-use)',
      'waiting: vol-1 is held by i-0def (detaching)',
    ]);
  });

  it('says where a volume is once it is there, and leaves the rest to those who want details [6.9]', () => {
    const { said, tell, messages } = listening();

    tell('volume', 'claiming', { entry: volumeEntry() });
    tell('volume', 'ended', { entry: volumeEntry(), path: '/dev/nvme1n1' });
    tell('volume', 'ended', { entry: volumeEntry(), problem: 'denied' });

    expect(messages('info')).toEqual(['volume is there']);
    expect(said[1]?.fields).toMatchObject({ domain: 'web', volume: 'vol-1', path: '/dev/nvme1n1' });
    expect(messages('debug')).toHaveLength(2);
  });

  it('says why the metadata gave no answer, less and less often, and when it answers again [9.4]', () => {
    const { tell, messages } = listening();

    for (let missed = 1; missed <= 10; missed += 1) tell('notice-watch', 'blind', { missed, problem: 'refused' });
    tell('notice-watch', 'pausing', { missed: 0 });

    expect(messages('warn')).toEqual(Array(4).fill('no answer from the instance metadata: refused'));
    expect(messages('info')).toEqual(['the instance metadata answers again']);
  });

  it('says nothing of looks that go well [9.4]', () => {
    const { said, tell } = listening();

    tell('notice-watch', 'looking', { missed: 0 });
    tell('notice-watch', 'pausing', { missed: 0 });

    expect(said).toEqual([]);
  });
});

describe('the log of a message', () => {
  const message = { domain: 'web', event: 'started', target: 'arn', writtenAt: '2030-01-01T12:00:00.000Z' };
  const written = { message, attempts: 2, problem: 'throttled' };
  const fields = { domain: 'web', event: 'started', target: 'arn', attempts: 2 };
  const stays = 'it stays in the outbox, and a run of this instance before 2030-01-02T12:00:00.000Z tries again';

  function listening() {
    const { log, said, messages } = listeningLog();
    const news = createLogNews(log);
    return { said, messages, tell: (...args: Parameters<typeof change>) => news(change(...args)) };
  }

  it.each([
    { state: 'accepted', level: 'info', says: 'message accepted' },
    { state: 'backing-off', level: 'warn', says: 'message not accepted: throttled' },
    {
      state: 'left-behind',
      level: 'error',
      says: `the message of web started to arn was not accepted; ${stays}: throttled`,
    },
    { state: 'outdated', level: 'error', says: 'the message of web started to arn is dropped unsent: throttled' },
  ])('has a line at level $level when it is $state, with what, to whom, and why [10.1, 10.2]', (line) => {
    const { said, tell } = listening();

    tell('delivery', line.state, written);

    expect(said).toEqual([{ level: line.level, message: line.says, fields }]);
  });

  it.each([
    {
      why: 'it could not be kept',
      context: { ...written, unkept: 'no space left' },
      says: 'the message of web started to arn was not accepted and is lost, since it could not be kept: throttled',
    },
    {
      why: 'it could not be written',
      context: { occasion: { domain: 'web', event: 'started' }, attempts: 0, problem: 'refused' },
      says: 'the message of web started was not accepted, since it could not be written: refused',
    },
  ])('says that it is lost: $why [10.1, 12.5]', ({ context, says }) => {
    const { tell, messages } = listening();

    tell('delivery', 'lost', context);

    expect(messages('error')).toEqual([says]);
  });

  it('says which one an earlier run has left [10.2]', () => {
    const { tell, messages } = listening();

    tell('delivery', 'sending', { message, attempts: 1 });
    tell('delivery', 'sending', { message, attempts: 1 }, { id: 'delivery.1', from: 'keeping' });

    expect(messages('info')).toEqual(['message that an earlier run has left']);
  });

  it('says once why messages cannot be kept, and sends them all the same [12.5]', () => {
    const { said, tell } = listening();
    const context = { message, attempts: 1, unkept: 'write a message in /var: no space left' };

    for (const id of ['delivery.0', 'delivery.1']) tell('delivery', 'sending', context, { id, from: 'keeping' });
    tell('delivery', 'sending', { message, attempts: 1 }, { id: 'delivery.2', from: 'keeping' });

    expect(said).toEqual([{ level: 'warn', message: 'write a message in /var: no space left', fields: undefined }]);
  });

  it('warns of an accepted one that may come a second time [12.5]', () => {
    const { tell, messages } = listening();

    tell('delivery', 'accepted', { message, attempts: 1, unforgotten: 'read-only' });

    expect(messages('info')).toEqual(['message accepted']);
    expect(messages('warn')).toEqual([
      'the message of web started to arn was accepted, but the next run may send it again: read-only',
    ]);
  });

  it('tells of refusals less and less often, since they may go on all day [10.2]', () => {
    const { tell, messages } = listening();

    for (let attempts = 1; attempts <= 10; attempts += 1) tell('delivery', 'backing-off', { ...written, attempts });

    expect(messages('warn')).toEqual(Array(4).fill('message not accepted: throttled'));
  });

  it('tells one that was accepted at the end from those that had no answer [10.2, 12.5]', () => {
    const { tell, messages } = listening();
    tell('delivery', 'forgetting', { message, attempts: 1 }, { id: 'delivery.0', from: 'sending' });

    tell('supervisor', 'stopped', { problems: [], sending: ['delivery.0'] });

    expect(messages('info')).toEqual(['message accepted']);
    expect(messages('warn')).toEqual([
      'the message of web started to arn was accepted, but the next run may send it again: it could not be taken out of the outbox in time',
    ]);
    expect(messages('error')).toEqual([]);
  });

  it('names each one that had no answer at the end, and only those [10.2]', () => {
    const { tell, messages } = listening();
    const to = (target: string) => ({ message: { ...message, target }, attempts: 1 });
    for (const id of ['delivery.0', 'delivery.1', 'delivery.2']) tell('delivery', 'sending', to(id), { id });
    tell('delivery', 'accepted', to('delivery.1'), { id: 'delivery.1', from: 'forgetting' });
    tell('supervisor', 'flushing', { problems: [], sending: ['delivery.0', 'delivery.2'] });
    const before = messages('error');

    tell('supervisor', 'stopped', { problems: [], sending: ['delivery.0', 'delivery.2'] });

    expect(before).toEqual([]);
    expect(messages('error')).toEqual(
      ['delivery.0', 'delivery.2'].map(
        (id) =>
          `the message of web started to ${id} was not accepted; ${stays}: there was no answer by the end of this run`,
      ),
    );
  });
});
