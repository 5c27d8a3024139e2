/** The forms of what the state directory holds: how it is written, and what is wrong with what was read. */

import { eventNames } from '../config/events.ts';
import type {
  AttachmentHold,
  CreationHold,
  CreationRequest,
  DatedMessage,
  Hold,
  Past,
  RecordSet,
  RecordSetHold,
} from '../config/vocabulary.ts';

/** What is remembered of this boot (behaviour.md 12.3). */
export interface BootMemory {
  /** By domain: what earlier runs of this boot left behind; a domain that is absent is `new`. */
  readonly domains: Readonly<Record<string, DomainMemory>>;
  /** Keys of notices that are over: they were handled, and the instance lived on, as after hibernation. */
  readonly noticesOver: readonly string[];
}

/** What is remembered of one domain. */
export interface DomainMemory {
  readonly past: Exclude<Past, 'new'>;
  /** The key of the notice under which it finished. */
  readonly notice?: string;
}

/** Whose a file is, as it says itself. */
export interface Owner {
  instanceId: string;
  /** Of the memory only; absent when the kernel did not tell it. */
  bootId?: string;
}

/** One file of the state directory: its name, what it holds at first, and its text. */
export interface Form<Content> {
  /** For example `journal.json`. */
  name: string;
  empty: Content;
  format(owner: Owner, content: Content): string;
  /** @throws Error that names the first field that is wrong, for example `holds[3].prepared is "yes" instead of true or false`. */
  parse(text: string): Owner & { content: Content };
}

/** Raised whenever an older daemon would misread what is written. */
const VERSION = 1;

/** The journal: every hold, in the order in which they were taken. */
export const journalForm: Form<readonly Hold[]> = {
  name: 'journal.json',
  empty: [],
  format: ({ instanceId }, holds) => textOf({ version: VERSION, instanceId, holds }),
  parse(text) {
    const { instanceId, holds } = journal(JSON.parse(text), '');
    return { instanceId, content: holds };
  },
};

/** The memory of this boot. */
export const bootForm: Form<BootMemory> = {
  name: 'boot.json',
  empty: { domains: withoutPrototype({}), noticesOver: [] },
  format: (owner, { domains, noticesOver }) => textOf({ version: VERSION, ...owner, domains, noticesOver }),
  parse(text) {
    const { instanceId, bootId, domains, noticesOver } = boot(JSON.parse(text), '');
    const content = { domains: withoutPrototype(domains), noticesOver };
    return { instanceId, ...(bootId === undefined ? {} : { bootId }), content };
  },
};

/** One message of the outbox, in a file that is named after the message's id. */
export const messageForm: Pick<Form<DatedMessage>, 'format' | 'parse'> = {
  format: ({ instanceId }, message) => textOf({ version: VERSION, instanceId, message }),
  parse(text) {
    const { instanceId, message } = messageFile(JSON.parse(text), '');
    return { instanceId, content: message };
  },
};

/** Indented, since an operator may have to read it at night. */
function textOf(file: object): string {
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** So that a domain called `constructor` is not there until somebody puts it there. */
function withoutPrototype<Value>(map: Record<string, Value>): Record<string, Value> {
  return Object.assign(Object.create(null), map);
}

/** Gives the value back when it is a T. @param at where it stands. @throws Error that says what is wrong where. */
type Reader<T> = (value: unknown, at: string) => T;

/** One reader for each field, whether it may be absent or not: a field that the vocabulary gains has to be read here, too. */
type Fields<T> = { [Name in keyof T]-?: Reader<Exclude<T[Name], undefined>> };

const string: Reader<string> = (value, at) => (typeof value === 'string' ? value : refuse(value, at, 'a string'));

/** What names a thing cannot name nothing. */
const name: Reader<string> = (value, at) => (value === '' ? refuse(value, at, 'a name') : string(value, at));

const boolean: Reader<boolean> = (value, at) =>
  typeof value === 'boolean' ? value : refuse(value, at, 'true or false');

const integer: Reader<number> = (value, at) =>
  Number.isSafeInteger(value) ? (value as number) : refuse(value, at, 'a whole number');

const positive: Reader<number> = (value, at) =>
  integer(value, at) > 0 ? (value as number) : refuse(value, at, 'a number from 1');

/** Becomes part of a file's name when a file is set aside, so it may not be just anything. */
const instanceId: Reader<string> = (value, at) =>
  typeof value === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(value) ? value : refuse(value, at, 'an instance id');

const recordSet = object<RecordSet>(
  {
    name: string,
    type: oneOf('A', 'AAAA'),
    ttl: integer,
    values: list(string),
    alias: object({ hostedZone: string, name: string, evaluateTargetHealth: boolean }),
    setIdentifier: name,
    healthCheckId: name,
  },
  ['alias', 'setIdentifier', 'healthCheckId'],
);

const attachmentHold = object<AttachmentHold>(
  {
    kind: oneOf('attachment'),
    domain: string,
    volumeId: name,
    device: name,
    source: oneOf('x', 'p', 'c'),
    pool: string,
    prepared: boolean,
  },
  ['pool'],
);

/** It is sent as it was written, whatever is in it; what tells it from another is its token. */
const creationRequest: Reader<CreationRequest> = (value, at) => {
  string(plainObject(value, at).ClientToken, `${at}.ClientToken`);
  return value as CreationRequest;
};

const creationHold = object<CreationHold>(
  {
    kind: oneOf('creation'),
    domain: string,
    device: name,
    attempt: positive,
    request: creationRequest,
    requestedAt: string,
    volumeId: name,
    disposable: boolean,
  },
  ['volumeId'],
);

const recordSetHoldFields = object<RecordSetHold>(
  {
    kind: oneOf('record-set'),
    domain: string,
    hostedZone: string,
    changeId: name,
    before: recordSet,
    after: recordSet,
  },
  ['changeId', 'before', 'after'],
);

/** One of the two says which set it is. */
const recordSetHold: Reader<RecordSetHold> = (value, at) => {
  const hold = recordSetHoldFields(value, at);
  if (hold.before === undefined && hold.after === undefined) throw new Error(`${at} has neither before nor after`);
  return hold;
};

const kindOfHold = oneOf<Hold['kind']>('attachment', 'creation', 'record-set');

const hold: Reader<Hold> = (value, at) => {
  switch (kindOfHold(plainObject(value, at).kind, `${at}.kind`)) {
    case 'attachment':
      return attachmentHold(value, at);
    case 'creation':
      return creationHold(value, at);
    case 'record-set':
      return recordSetHold(value, at);
  }
};

const journal = object<{ version: number; instanceId: string; holds: Hold[] }>({
  version: oneOf(VERSION),
  instanceId,
  holds: list(hold),
});

const boot = object<{ version: number } & Owner & BootMemory>(
  {
    version: oneOf(VERSION),
    instanceId,
    bootId: string,
    domains: map(object<DomainMemory>({ past: oneOf('started', 'finished'), notice: string }, ['notice'])),
    noticesOver: list(string),
  },
  ['bootId'],
);

/** Becomes the name of a file. */
const uuid: Reader<string> = (value, at) =>
  typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)
    ? value
    : refuse(value, at, 'a UUID');

const time: Reader<string> = (value, at) =>
  Number.isNaN(Date.parse(string(value, at))) ? refuse(value, at, 'a time') : (value as string);

const messageFile = object<{ version: number; instanceId: string; message: DatedMessage }>({
  version: oneOf(VERSION),
  instanceId,
  message: object<DatedMessage>({
    id: uuid,
    domain: string,
    event: oneOf(...eventNames),
    backend: oneOf('aws-sns', 'aws-sqs'),
    target: name,
    region: name,
    subject: string,
    body: string,
    writtenAt: time,
  }),
});

/** An object with these fields and no others. @param optional those that may be absent. */
function object<T extends object>(fields: Fields<T>, optional: ReadonlyArray<keyof T> = []): Reader<T> {
  return (value, at) => {
    const found = plainObject(value, at);
    for (const [name, read] of Object.entries<Reader<unknown>>(fields)) {
      if (Object.hasOwn(found, name)) read(found[name], fieldOf(at, name));
      else if (!optional.includes(name as keyof T)) throw new Error(`${fieldOf(at, name)} is missing`);
    }
    const unknown = Object.keys(found).find((name) => !Object.hasOwn(fields, name));
    if (unknown !== undefined) throw new Error(`${fieldOf(at, unknown)} is a field that is not known`);
    return value as T;
  };
}

function map<Value>(read: Reader<Value>): Reader<Record<string, Value>> {
  return (value, at) => {
    const found = plainObject(value, at);
    for (const [name, one] of Object.entries(found)) read(one, `${at}[${JSON.stringify(name)}]`);
    return found as Record<string, Value>;
  };
}

function list<Item>(read: Reader<Item>): Reader<Item[]> {
  return (value, at) =>
    Array.isArray(value) ? value.map((item, index) => read(item, `${at}[${index}]`)) : refuse(value, at, 'a list');
}

function oneOf<const Choice extends string | number>(...choices: Choice[]): Reader<Choice> {
  return (value, at) =>
    choices.find((choice) => choice === value) ??
    refuse(value, at, choices.map((one) => JSON.stringify(one)).join(' or '));
}

function plainObject(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(value, at, 'an object');
  return value as Record<string, unknown>;
}

function fieldOf(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`;
}

function refuse(value: unknown, at: string, expected: string): never {
  const seen = JSON.stringify(value) ?? String(value);
  throw new Error(`${at === '' ? 'the whole' : at} is ${seen.slice(0, 100)} instead of ${expected}`);
}
