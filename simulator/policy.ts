/**
 * IAM's policies, as far as they are evaluated here: statements about actions and resources, with conditions. What stands in a policy and
 * is not understood is refused, since ignoring it would allow too much or too little. Source: IAM User Guide, "Policy evaluation logic".
 */

/** A policy as it is written down. */
export interface PolicyDocument {
  Version: '2012-10-17';
  Id?: string;
  Statement: PolicyStatement | PolicyStatement[];
}

export interface PolicyStatement {
  Sid?: string;
  Effect: 'Allow' | 'Deny';
  /** For example `ec2:AttachVolume`, `route53:*`. */
  Action: string | string[];
  /** For example `arn:aws:ec2:eu-west-1:123456789012:volume/*`, `*`. */
  Resource: string | string[];
  /** By operator and key; all of them have to hold. */
  Condition?: Record<string, Record<string, string | string[]>>;
}

/** What is no policy, or says what cannot be evaluated here; the message says which. */
export class PolicyError extends Error {
  override readonly name: string = 'PolicyError';
}

/** One thing that a call needs to be allowed. */
export interface Ask {
  /** For example `ec2:AttachVolume`. */
  action: string;
  /** An ARN, or `*` where an action is about no resource in particular. */
  resource: string;
  /** What conditions can look at, by its key in lower case; what is absent is not known of this call. */
  context: Readonly<Record<string, readonly string[]>>;
}

/**
 * The statements of one document or several, made from what somebody wrote down.
 * @throws PolicyError
 */
export function parsePolicies(given: unknown): PolicyStatement[] {
  return listOf(given).flatMap((document) => {
    const { Version, Id: _id, Statement, ...rest } = objectIn(document, 'a policy');
    if (Version !== '2012-10-17')
      throw new PolicyError('"Version" is "2012-10-17": only so do policies have variables');
    refuseOthers(rest, 'a policy');
    return listOf(Statement).map(parseStatement);
  });
}

/** Whether a statement allows it, and none denies it. */
export function isAllowed(statements: readonly PolicyStatement[], ask: Ask): boolean {
  const fitting = statements.filter((statement) => fits(statement, ask));
  return fitting.length > 0 && fitting.every(({ Effect }) => Effect === 'Allow');
}

function parseStatement(given: unknown): PolicyStatement {
  const { Sid: _sid, Effect, Action, Resource, Condition = {}, ...rest } = objectIn(given, 'a statement');
  refuseOthers(rest, 'a statement');
  if (Effect !== 'Allow' && Effect !== 'Deny') throw new PolicyError('"Effect" is "Allow" or "Deny"');
  for (const action of textsIn(Action, 'Action'))
    if (!/^(\*|[a-z0-9-]+:[\w*?]+)$/i.test(action)) throw new PolicyError(`"${action}" is no action`);
  for (const resource of textsIn(Resource, 'Resource')) {
    if (!/^(\*|arn:[^:]+:[^:]+:[^:]*:[^:]*:.+)$/.test(resource)) throw new PolicyError(`"${resource}" is no ARN`);
    checkVariables(resource);
  }
  for (const [operator, keys] of Object.entries(objectIn(Condition, '"Condition"')))
    for (const [key, values] of Object.entries(objectIn(keys, `"${operator}"`))) checkCondition(operator, key, values);
  return structuredClone(given) as PolicyStatement;
}

function checkCondition(operator: string, key: string, values: unknown): void {
  const { test, set } = operatorOf(operator);
  const known = keyOf(key);
  if (known === undefined) throw new PolicyError(`the condition key "${key}" is not evaluated here`);
  if (test !== undefined && (set !== undefined) !== known.hasMany)
    throw new PolicyError(
      known.hasMany
        ? `"${key}" has several values: put ForAllValues: or ForAnyValue: before ${operator}`
        : `"${key}" has one value: ${operator} is for those that have several`,
    );
  for (const value of textsIn(values, key)) checkVariables(value);
}

function checkVariables(text: string): void {
  for (const [variable, key = ''] of text.matchAll(VARIABLE))
    if (!/^[*?$]$/.test(key) && keyOf(key)?.hasMany !== false)
      throw new PolicyError(`the policy variable ${variable} is not evaluated here`);
}

// --- Evaluation ------------------------------------------------------------------------------------------------------

type Context = Ask['context'];

function fits({ Action, Resource, Condition = {} }: PolicyStatement, { action, resource, context }: Ask): boolean {
  return (
    listOf(Action).some((one) => isLike(action.toLowerCase(), one.toLowerCase(), context)) &&
    listOf(Resource).some((one) => isLike(resource, one, context)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, values]) => holds(operator, key, listOf(values), context)),
    )
  );
}

/** Whether one line of a condition holds. */
function holds(operator: string, key: string, wanted: readonly string[], context: Context): boolean {
  const { test, set, ifExists } = operatorOf(operator);
  const seen = context[key.toLowerCase()];
  if (test === undefined) return wanted.includes(String(seen === undefined));
  if (seen === undefined && ifExists) return true;
  const { isNot = false } = test;
  const isWanted = (value: string) => wanted.some((one) => test.fits(value, one, context)) !== isNot;
  // Of nothing "all" is true, and nothing is unlike whatever is wanted.
  if (set === 'ForAllValues') return (seen ?? []).every(isWanted);
  if (set === 'ForAnyValue') return (seen ?? []).some(isWanted);
  return seen === undefined ? isNot : seen.every(isWanted);
}

interface Test {
  fits(value: string, wanted: string, context: Context): boolean;
  /** Holds for what fits none of the values. */
  isNot?: true;
}

/** By operator. */
const tests: Readonly<Record<string, Test>> = {
  StringEquals: { fits: isSame },
  StringNotEquals: { fits: isSame, isNot: true },
  StringLike: { fits: isLike },
  StringNotLike: { fits: isLike, isNot: true },
  ArnEquals: { fits: isLikeArn },
  ArnLike: { fits: isLikeArn },
  Bool: { fits: (value: string, wanted: string) => value === wanted.toLowerCase() },
};

/** `test` is absent for `Null`, which looks at no value. */
function operatorOf(text: string): { test: Test | undefined; set: string | undefined; ifExists: boolean } {
  const [, set, name = '', ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(text) ?? [];
  const test = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (test === undefined && name !== 'Null')
    throw new PolicyError(`the operator "${text}" is none of ${['Null', ...Object.keys(tests)].join(', ')}`);
  return { test, set, ifExists: ifExists !== undefined };
}

/** `${ec2:InstanceID}`, and `${*}`, `${?}`, `${$}` for the characters themselves. */
const VARIABLE = /\$\{([^}]*)\}/g;

function isSame(value: string, wanted: string, context: Context): boolean {
  return value === wanted.replace(VARIABLE, (_, key: string) => knownOf(key, context) ?? NOTHING);
}

function isLike(value: string, pattern: string, context: Context): boolean {
  return expressionOf(pattern, context, () => '.*').test(value);
}

/** `*` reaches over no colon but in the last part. */
function isLikeArn(value: string, pattern: string, context: Context): boolean {
  const anything = (before: string) => (before.replace(VARIABLE, '').split(':').length < ARN_PARTS ? '[^:]*' : '.*');
  return expressionOf(pattern, context, anything).test(value);
}

/** @param anything what `*` stands for, by what is before it. */
function expressionOf(pattern: string, context: Context, anything: (before: string) => string): RegExp {
  const source = pattern.replace(/\$\{([^}]*)\}|./gsu, (part, key: string | undefined, at: number) => {
    if (key !== undefined) return RegExp.escape(knownOf(key, context) ?? NOTHING);
    if (part === '*') return anything(pattern.slice(0, at));
    return part === '?' ? '.' : RegExp.escape(part);
  });
  return new RegExp(`^${source}$`, 's');
}

/** `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE` */
const ARN_PARTS = 6;

/** What is in no name and no tag: a variable without a value fits nothing. */
const NOTHING = '\u0000';

function knownOf(key: string, context: Context): string | undefined {
  return /^[*?$]$/.test(key) ? key : context[key.toLowerCase()]?.[0];
}

// --- What is known ---------------------------------------------------------------------------------------------------

/** Condition keys, in lower case. */
const keys = {
  ofOneValue: [
    'aws:requestedregion',
    'ec2:availabilityzone',
    'ec2:createaction',
    'ec2:encrypted',
    'ec2:instanceid',
    'ec2:instanceprofile',
    'ec2:region',
    'ec2:sourceinstancearn',
    'ec2:volumeid',
    'ec2:volumetype',
    'kms:grantisforawsresource',
    'kms:viaservice',
  ],
  ofManyValues: [
    'aws:tagkeys',
    'route53:changeresourcerecordsetsactions',
    'route53:changeresourcerecordsetsnormalizedrecordnames',
    'route53:changeresourcerecordsetsrecordtypes',
  ],
};

/** Those of one tag each. */
const tagKeys = /^(aws:requesttag|aws:resourcetag|ec2:resourcetag)\/./;

function keyOf(key: string): { hasMany: boolean } | undefined {
  const lower = key.toLowerCase();
  if (keys.ofManyValues.includes(lower)) return { hasMany: true };
  return tagKeys.test(lower) || keys.ofOneValue.includes(lower) ? { hasMany: false } : undefined;
}

// --- Forms -----------------------------------------------------------------------------------------------------------

function objectIn(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new PolicyError(`${what} is an object`);
}

function textsIn(value: unknown, what: string): string[] {
  const texts = listOf(value);
  if (texts.length > 0 && texts.every((text) => typeof text === 'string')) return texts;
  throw new PolicyError(`"${what}" is a text or a list of texts`);
}

function refuseOthers(others: object, what: string): void {
  const [name] = Object.keys(others);
  if (name !== undefined) throw new PolicyError(`"${name}" of ${what} is not evaluated here`);
}

function listOf<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}
