/** Supervisors over domains, watches and messages that only write their names down, or do as told. */

import type { EventName } from '../../config/events.ts';
import type { Failure, Occasion } from '../../config/vocabulary.ts';
import type { deliveryMachine } from '../../machines/delivery.ts';
import type { DomainReport, domainMachine, Ending } from '../../machines/domain.ts';
import type { givingBackMachine } from '../../machines/giving-back.ts';
import type { noticeWatchMachine } from '../../machines/notice-watch.ts';
import type { riskWatchMachine } from '../../machines/risk-watch.ts';
import {
  type DomainPlan,
  type SupervisorInput,
  supervisorMachine,
  type supervisorSteps,
} from '../../machines/supervisor.ts';
import { type DomainSettings, domainInput } from './domain.ts';
import { createScript, type Doings, held, type Script, started } from './scripted.ts';

export interface SupervisorSettings extends Partial<Omit<SupervisorInput, 'domains'>> {
  /** By name, or with what matters of them. */
  domains?: Array<string | PlanSettings>;
  /** False: a one-shot, which neither looks nor watches. */
  polling?: boolean;
}

type Steps = typeof supervisorSteps;

export function supervisorInput({
  domains = ['web'],
  polling = true,
  ...settings
}: SupervisorSettings = {}): SupervisorInput {
  return {
    domains: domains.map((domain) => domainPlan(typeof domain === 'string' ? { domain } : domain)),
    receivers: {},
    leftMessages: [],
    requireAll: false,
    leftOver: false,
    ...(polling ? { watch: { intervalMs: 1_000, asNotice: [] } } : {}),
    ...settings,
  };
}

export interface PlanSettings extends DomainSettings {
  held?: boolean;
}

/** A domain before anybody sets out. */
export function domainPlan({ held: isHeld = false, ...settings }: PlanSettings = {}): DomainPlan {
  const { limits, notice: _, ...plan } = domainInput(settings);
  return { ...plan, held: isHeld, limits: { wayUpMs: limits.wayUpMs, stopMs: limits.stopMs } };
}

/**
 * The supervisor's steps. Watches go on until they are stopped, and the others end at once, unless told otherwise; in a script
 * they are called `domain web`, `tell 0 that web started`, `send ID` for what an earlier run has left, `notice watch`, `risk watch`,
 * and by their own names.
 */
export function scriptedSteps(doings: Doings = {}): { script: Script; steps: Steps } {
  const script = createScript({ 'notice watch': held, 'risk watch': held, ...doings });
  const steps = {
    domain: script.step<typeof domainMachine>(
      ({ domain }) => `domain ${domain}`,
      ({ domain }) => outcomeOf(domain, 'failed'),
    ),
    delivery: script.step<typeof deliveryMachine>(
      (input) =>
        'message' in input
          ? `send ${input.message.id}`
          : `tell ${input.receiver} that ${input.occasion.domain} ${input.occasion.event}`,
      { accepted: true },
    ),
    noticeWatch: script.step<typeof noticeWatchMachine>('notice watch', undefined as never),
    riskWatch: script.step<typeof riskWatchMachine>('risk watch', undefined as never),
    lookFirst: script.step<Steps['lookFirst']>('lookFirst', {}),
    look: script.step<Steps['look']>('look', { atMs: 0, wallMs: 0 }),
    setHostname: script.step<Steps['setHostname']>('setHostname', undefined),
    tidyUp: script.step<typeof givingBackMachine>('tidyUp', { given: [], kept: [], failures: [] }),
    setOut: script.step<Steps['setOut']>('setOut', { atMs: 0 }),
    tellReady: script.step<Steps['tellReady']>('tellReady', undefined),
  } satisfies Steps;
  return { script, steps };
}

/** A supervisor over domains that do nothing by themselves. */
export function scriptedSupervisor(settings: SupervisorSettings = {}, doings: Doings = {}) {
  const input = supervisorInput(settings);
  const idle = Object.fromEntries(input.domains.map(({ domain }) => [`domain ${domain}`, held]));
  const { script, steps } = scriptedSteps({ ...idle, ...doings });
  const supervisor = started(supervisorMachine.provide({ actors: steps }), input);
  const send = supervisor.actor.send.bind(supervisor.actor);
  const report = (given: DomainReport) => send(given);
  return {
    ...supervisor,
    script,
    send,
    /** SIGTERM. */
    stop: (atMs = 0) => send({ type: 'supervisor.stop', atMs }),
    stands: (domain: string) => report({ type: 'domain.stands', domain }),
    failing: (domain: string) => report({ type: 'domain.failing', domain }),
    keepsWatch: (domain: string) => report({ type: 'domain.keeps-watch', domain }),
    reaches: (domain: string, event: EventName) =>
      report({ type: 'domain.reached', occasion: occasionOf(domain, event) }),
    /** The domain is over; one that `failed` did so on its way up. */
    ends: (domain: string, ending: Ending, failed = ending === 'failed') =>
      script.resolve(`domain ${domain}`, outcomeOf(domain, ending, failed)),
    /** What a domain was sent, since it was last begun or before, by type. */
    sentTo: (domain: string) => script.eventsTo(`domain ${domain}`).map(({ type }) => type),
    /** How often a step of this name has begun. */
    times: (name: string) => script.taken.filter((step) => step === name).length,
    get state(): string {
      return supervisor.state;
    },
    get context() {
      return supervisor.actor.getSnapshot().context;
    },
    get output() {
      return supervisor.output;
    },
  };
}

export type ScriptedSupervisor = ReturnType<typeof scriptedSupervisor>;

/** The same with its domains started. */
export function runningSupervisor(settings: SupervisorSettings = {}, doings: Doings = {}): ScriptedSupervisor {
  const supervisor = scriptedSupervisor(settings, doings);
  const names = supervisor.context.domains.map(({ domain }) => domain);
  for (const domain of names) supervisor.stands(domain);
  for (const domain of names) supervisor.reaches(domain, 'started');
  return supervisor;
}

export function occasionOf(domain: string, event: EventName): Occasion {
  return { domain, event, failures: [], results: [], recordNames: [] };
}

export function outcomeOf(domain: string, ending: Ending, failed = ending === 'failed') {
  return { domain, ending, failed, failures: [] as Failure[] };
}
