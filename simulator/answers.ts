/** What happens between a request's arrival and its answer: latency, the log of calls, and what goes wrong on the way. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Call } from './call.ts';
import type { CallLog, Service } from './calls.ts';
import type { Instance, World } from './cloud.ts';
import type { createControl } from './control.ts';
import { type Befallen, takeFaults } from './faults.ts';
import type { FrontDoor } from './front-door.ts';
import { type Answer, type Request, readBody, send, toRequest } from './http.ts';
import type { Imds } from './imds/index.ts';
import { isOff } from './instances.ts';
import { refusalOf } from './refusals.ts';
import { type ServiceFailure, takeServiceFaults } from './service-faults.ts';

/** What comes instead of the right answer. */
type Failure = Exclude<ServiceFailure, { kind: 'latency' | 'stale' }>;

/** A call to AWS. */
export async function answerAws(
  world: World,
  log: CallLog,
  front: FrontDoor,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const request = toRequest(incoming, await readBody(incoming), randomUUID());
  const startMs = world.clock.now();
  const call = front.tell(request);
  const { latencyMs, staleMs, failure, kinds } = takeServiceFaults(world, call);
  const isGone = () => outgoing.destroyed;
  // What is asked for takes effect in the middle of a call, so that one cut short may or may not have happened.
  const halfMs = (world.delays.latencyMs + latencyMs) / 2;
  await world.clock.sleep(halfMs);
  const answer =
    failure === undefined || failure.kind === 'answer-lost'
      ? await front.answer(call, request, isGone, staleMs)
      : failedBy(world, call, failure, request.id);
  await world.clock.sleep(halfMs);
  const loss = lossOf(answer, failure);
  record(log, call.service, request, startMs, { ...answer, ...loss?.logged, faults: kinds });
  if (loss?.by === 'reset') incoming.socket.resetAndDestroy();
  if (loss !== undefined) return;
  send(outgoing, { ...answer.reply, headers: { ...answer.reply.headers, 'x-amzn-requestid': request.id } });
}

/** What comes of a call that does not reach its service. */
function failedBy(world: World, call: Call, failure: Exclude<Failure, { kind: 'answer-lost' }>, id: string): Answer {
  if (failure.kind !== 'reset' && failure.kind !== 'hang') return refusalOf(world, call, failure, id);
  return { operation: call.operation, params: call.params, reply: { status: 0 }, errorCode: failure.kind };
}

/** How it comes that nothing is sent, and what the log says of it; `undefined` when there is an answer. */
function lossOf(
  { isLost = false }: Answer,
  failure: Failure | undefined,
): { by: 'reset' | 'hang'; logged?: Partial<Answer> } | undefined {
  if (failure?.kind === 'reset' || failure?.kind === 'hang') return { by: failure.kind };
  if (!isLost && failure?.kind !== 'answer-lost') return undefined;
  const by = failure?.kind === 'answer-lost' ? (failure.by ?? 'reset') : 'reset';
  return { by, logged: { reply: { status: 0 }, errorCode: 'answer-lost' } };
}

/** A request for an instance's metadata; that of one that is off answers nobody. */
export async function answerImds(
  world: World,
  log: CallLog,
  instance: Instance,
  imds: Imds,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const request = toRequest(incoming, await readBody(incoming), randomUUID());
  const startMs = world.clock.now();
  if (isOff(instance)) {
    record(log, 'imds', request, startMs, unanswered(request, `instance-${instance.state}`), instance.id);
    incoming.socket.resetAndDestroy();
    return;
  }
  const { latencyMs, instead, date, kinds } = takeFaults(instance.metadataFaults, request.path, startMs);
  await world.clock.sleep(latencyMs);
  if (instead !== undefined && instead.kind !== 'status') {
    record(log, 'imds', request, startMs, { ...unanswered(request, instead.kind), faults: kinds }, instance.id);
    if (instead.kind === 'reset') incoming.socket.resetAndDestroy();
    return;
  }
  const answer = imds(request, instead?.status);
  record(log, 'imds', request, startMs, { ...answer, faults: kinds }, instance.id);
  setDate(outgoing, world.clock.now(), date);
  send(outgoing, { ...answer.reply, headers: { ...answer.reply.headers, server: 'EC2ws' } });
}

/** What is asked of the control endpoint is no call, and stands in no log. */
export async function answerControl(
  control: ReturnType<typeof createControl>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  send(outgoing, control(toRequest(incoming, await readBody(incoming), randomUUID())));
}

function record(
  log: CallLog,
  service: Service,
  { id, headers }: Request,
  startMs: number,
  { operation, params, reply, errorCode, isThrottled, faults = [] }: Answer & { faults?: string[] },
  instanceId?: string,
): void {
  const invocationId = headers['amz-sdk-invocation-id'];
  log.add({
    id,
    service,
    operation,
    params,
    ...(instanceId !== undefined && { instanceId }),
    ...(invocationId !== undefined && { invocationId }),
    startMs,
    status: reply.status,
    ...(errorCode !== undefined && { errorCode }),
    ...(faults.length > 0 && { faults }),
    ...(isThrottled && { throttled: true }),
  });
}

/** For the log: a call that nothing was sent to. */
function unanswered({ method, path }: Request, why: string): Answer {
  return { operation: `${method} ${path}`, params: {}, reply: { status: 0 }, errorCode: why };
}

function setDate(outgoing: ServerResponse, nowMs: number, date: Befallen['date']): void {
  if (date?.kind === 'no-date') outgoing.sendDate = false;
  if (date?.kind === 'wrong-date') outgoing.setHeader('date', new Date(nowMs + date.offsetS * 1000).toUTCString());
}
