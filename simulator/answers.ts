/** What happens between a request's arrival and its answer: latency, the log of calls, and what goes wrong on the way. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallLog, Service } from './calls.ts';
import type { Instance, World } from './cloud.ts';
import type { createControl } from './control.ts';
import { type Befallen, takeFaults } from './faults.ts';
import type { createFrontDoor } from './front-door.ts';
import { type Answer, type Request, readBody, send, toRequest } from './http.ts';
import type { Imds } from './imds/index.ts';
import { isOff } from './instances.ts';

/** A call to AWS. */
export async function answerAws(
  world: World,
  log: CallLog,
  front: ReturnType<typeof createFrontDoor>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const request = toRequest(incoming, await readBody(incoming), randomUUID());
  const startMs = world.clock.now();
  const isGone = () => outgoing.destroyed;
  // What is asked for takes effect in the middle of a call, so that one cut short may or may not have happened.
  const halfMs = world.delays.latencyMs / 2;
  await world.clock.sleep(halfMs);
  const { service, answer } = await front(request, isGone);
  await world.clock.sleep(halfMs);
  if (answer.isLost) {
    record(log, service, request, startMs, { ...answer, reply: { status: 0 }, errorCode: 'answer-lost' });
    incoming.socket.resetAndDestroy();
    return;
  }
  const headers = { ...answer.reply.headers, 'x-amzn-requestid': request.id };
  record(log, service, request, startMs, answer);
  send(outgoing, { ...answer.reply, headers });
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
  const { latencyMs, instead, date } = takeFaults(instance.metadataFaults, request.path);
  await world.clock.sleep(latencyMs);
  if (instead !== undefined && instead.kind !== 'status') {
    record(log, 'imds', request, startMs, unanswered(request, instead.kind), instance.id);
    if (instead.kind === 'reset') incoming.socket.resetAndDestroy();
    return;
  }
  const answer = imds(request, instead?.status);
  record(log, 'imds', request, startMs, answer, instance.id);
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
  { operation, params, reply, errorCode, isThrottled }: Answer,
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
