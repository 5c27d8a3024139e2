/** A domain with scripted steps, and what it tells. */

import type { EventName } from '../../config/events.ts';
import type {
  Attachment,
  AttachmentHold,
  Failure,
  Occasion,
  RecordSetChange,
  RecordSetHold,
} from '../../config/vocabulary.ts';
import type { commandsMachine } from '../../machines/commands.ts';
import { type DomainReport, domainMachine, type domainSteps, type VolumesUsed } from '../../machines/domain.ts';
import type { GivingBackOutcome, givingBackMachine } from '../../machines/giving-back.ts';
import type { RecordsOutcome, recordsMachine } from '../../machines/records.ts';
import type { VolumesOutcome, volumesMachine } from '../../machines/volumes.ts';
import { type DomainSettings, domainInput, failed, notice } from './domain.ts';
import { createScript, type Doings, held, started } from './scripted.ts';

export const noVolumes: VolumesOutcome = { attachments: [], results: [], failures: [], unfinished: [] };
export const noRecords: RecordsOutcome = { changes: [], failures: [], unfinished: [] };
export const givenBack: GivingBackOutcome = { given: [], kept: [], failures: [] };

/** Attached by this run; an adopted one has `attachedNow: false`. */
export const attachment: Attachment = {
  volumeId: 'vol-1',
  device: '/dev/sdf',
  path: '/dev/nvme1n1',
  source: 'x',
  attachedNow: true,
};
export const adopted: Attachment = { ...attachment, attachedNow: false };

export const change = {
  entry: 0,
  hostedZone: 'Z1',
  after: { name: 'game.example.com.', type: 'A' as const, ttl: 60, values: ['192.0.2.1'] },
  sent: true,
} satisfies RecordSetChange;

export const attachmentHold: AttachmentHold = {
  kind: 'attachment',
  domain: 'web',
  volumeId: 'vol-1',
  device: '/dev/sdf',
  source: 'x',
  prepared: false,
};
export const recordSetHold = {
  kind: 'record-set',
  domain: 'web',
  hostedZone: 'Z1',
  after: change.after,
} satisfies RecordSetHold;

export const denied: Failure = { part: 'part', problem: 'denied', critical: true };

/** The states on the way up that have a step, with that step and the part that a breaking one is named as. */
export const stepsOnTheWayUp = [
  { state: 'starting', step: 'runCommands starting', part: 'exec starting' },
  { state: 'pending', step: 'attachVolumes', part: 'attach-volume' },
  { state: 'volumes-attached', step: 'upsertRecordSets', part: 'update-route53' },
  { state: 'committing', step: 'remember started', part: 'state directory' },
  { state: 'running-started', step: 'runCommands started', part: 'exec started' },
];

/** Those before the point of no return. */
export const stepsBeforeNoReturn = stepsOnTheWayUp.slice(0, -1);

/** What each of them gives that went well. */
export const wellDone: Record<string, unknown> = {
  'runCommands starting': [],
  attachVolumes: noVolumes,
  upsertRecordSets: noRecords,
  'remember started': undefined,
  'runCommands started': [],
};

/** The same with something to fail for. */
export const badlyDone: Record<string, unknown> = {
  'runCommands starting': [failed('/bin/prepare')],
  attachVolumes: { ...noVolumes, failures: [denied] },
  upsertRecordSets: { ...noRecords, failures: [denied] },
  'runCommands started': [failed('/bin/start')],
};

/** News of a notice; by default it is seen at 0 with two minutes left. */
export function noticed({ leftMs = 120_000, seenAtMs = 0, key = notice.key } = {}) {
  return { type: 'interruption.noticed', notice: { ...notice, leftMs, seenAtMs, key } } as const;
}

export function stop(atMs = 0) {
  return { type: 'domain.stop', atMs } as const;
}

export const hurry = { type: 'domain.hurry' } as const;
export const proceed = { type: 'domain.proceed' } as const;
export const othersFail = { type: 'domain.fail', problem: 'db has failed' } as const;
export const risk = { type: 'risk.seen', risk: { kind: 'rebalance', key: 'rebalance 2030' } } as const;

/** The two ways to be called off, and what each ends as. */
export const callsOff = [
  { news: 'a notice', event: noticed(), ending: 'interrupted' },
  { news: 'a stop', event: stop(), ending: 'stopping' },
] as const;

/** A domain whose steps succeed with nothing to say, unless told otherwise. It waits to be told to proceed. */
export function scripted(doings: Doings = {}, settings: DomainSettings = {}) {
  const script = createScript(doings);
  const steps = {
    runCommands: script.step<typeof commandsMachine>(({ occasion }) => `runCommands ${occasion.event}`, []),
    attachVolumes: script.step<typeof volumesMachine>('attachVolumes', noVolumes),
    upsertRecordSets: script.step<typeof recordsMachine>('upsertRecordSets', noRecords),
    giveBack: script.step<typeof givingBackMachine>(({ reason }) => `giveBack ${reason}`, givenBack),
    remember: script.step<typeof domainSteps.remember>(({ past }) => `remember ${past}`, undefined),
  } satisfies typeof domainSteps;
  const reports: DomainReport[] = [];
  const commits: string[] = [];
  const ahead: Array<{ names: string[]; after: string | undefined }> = [];
  const used: Array<VolumesUsed & { after: string | undefined }> = [];
  const machine = domainMachine.provide({
    actors: steps,
    actions: {
      report: (_, report) => void reports.push(report),
      commit: (_, { domain }) => void commits.push(`${domain} after ${script.taken.at(-1)}`),
      lookAhead: (_, { records }) =>
        void ahead.push({ names: records.map(({ name }) => name), after: script.taken.at(-1) }),
      noteUsed: (_, volumes) => void used.push({ ...volumes, after: script.taken.at(-1) }),
    },
  });
  const domain = started(machine, domainInput(settings));

  return {
    clock: domain.clock,
    errors: domain.errors,
    states: domain.states,
    script,
    send: domain.actor.send.bind(domain.actor),
    /** What it told its parent, whole. */
    reports,
    /** The domains that the journal was told to forget, and after which step. */
    commits,
    /** The records that were to be looked at ahead, and after which step. */
    ahead,
    /** The volumes that it said it had used until then, and after which step. */
    used,
    /** The events of its life that it told of. */
    told: () => occasions().map(({ event }) => event),
    occasionOf: (event: EventName) => occasions().findLast((each) => each.event === event),
    /** The steps that began after this one. */
    after: (step: string) => script.taken.slice(script.taken.indexOf(step) + 1),
    /** When a step was asked to finish, in the order in which it happened. */
    isAsked: (step: string) => script.eventsTo(step).some(({ type }) => type === 'step.finish'),
    get state(): string {
      return domain.state;
    },
    get context() {
      return domain.actor.getSnapshot().context;
    },
    get output() {
      return domain.output;
    },
  };

  function occasions(): Occasion[] {
    return reports.flatMap((report) => (report.type === 'domain.reached' ? [report.occasion] : []));
  }
}

/** The same, told to proceed. */
export function proceeded(doings: Doings = {}, settings: DomainSettings = {}) {
  const domain = scripted(doings, settings);
  domain.send(proceed);
  return domain;
}

/** The same, whose step in a state on the way up goes on until the test says how it ends. */
export function heldIn(state: string, settings: DomainSettings = {}, doings: Doings = {}) {
  const step = stepsOnTheWayUp.find((each) => each.state === state)?.step ?? '';
  return { domain: proceeded({ ...doings, [step]: held }, settings), step };
}
