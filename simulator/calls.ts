/** The log of calls: who asked for what, from when to when, and how it ended. */
import type { Clock } from './clock.ts';

export type Service = 'ec2' | 'route53' | 'sns' | 'sqs' | 'imds' | 'unknown';

export interface CallRecord {
  /** A UUID; for AWS calls also in the answer's `x-amzn-requestid`. */
  id: string;
  service: Service;
  /** For example `AttachVolume`, or `GET /latest/meta-data/instance-id`. */
  operation: string;
  /** The request as plain JSON, for example `{ VolumeId: 'vol-…', Device: '/dev/sdf' }`. */
  params: unknown;
  /** Of a metadata call: whose metadata. */
  instanceId?: string;
  /** The SDK's `amz-sdk-invocation-id`: equal for all attempts at one call. */
  invocationId?: string;
  /** When the request had come in whole; epoch milliseconds. */
  startMs: number;
  /** When the answer went out, or would have; epoch milliseconds. */
  endMs: number;
  /** `startMs` counted from the start of the cloud. */
  sinceStartMs: number;
  /** HTTP status; 0 when nothing was sent. */
  status: number;
  /** As on the wire, for example `VolumeInUse`; absent after a success. Where nothing was sent: why, for example `hang`. */
  errorCode?: string;
  /** Kinds of the faults that befell it; absent: none did. */
  faults?: string[];
  /** Present when a token bucket was empty; what a name causes to be refused so has only the code. */
  throttled?: true;
}

/** Old calls make room for new ones: a daemon that looks every second fills this in three hours. */
const CALLS_LIMIT = 10_000;

export interface CallLog {
  /** Every call that has been answered or is known not to be, in the order of the answers. */
  calls(): CallRecord[];
  add(call: Omit<CallRecord, 'endMs' | 'sinceStartMs'>): void;
  /** @returns what ends the listening. */
  listen(listener: (call: CallRecord) => void): () => void;
}

export function createCallLog(clock: Clock): CallLog {
  const startedMs = clock.now();
  const calls: CallRecord[] = [];
  const listeners = new Set<(call: CallRecord) => void>();
  return {
    calls: () => structuredClone(calls),
    add(call) {
      const record = { ...call, endMs: clock.now(), sinceStartMs: call.startMs - startedMs };
      calls.push(record);
      if (calls.length > CALLS_LIMIT) calls.shift();
      for (const listener of listeners) listener(record);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
