/** The policies that come with the project, filled in for the things of a lab, as a person fills them in. */

import { readdirSync, readFileSync } from 'node:fs';
import type { PolicyDocument, PolicyStatement } from '../../simulator/policy.ts';
import { VOLUME, ZONE } from './daemon.ts';

const FOLDER = 'deploy/iam';

/** The policies that are for instances' roles, by their names; the trust policy is none of them. */
export const shippedPolicies = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json') && file !== 'trust.json')
  .map((file) => file.replace(/\.json$/, ''));

/** A policy as it is shipped. */
export function shippedPolicy(name: string): { Version: string; Statement: PolicyStatement[] } {
  return JSON.parse(readFileSync(`${FOLDER}/${name}.json`, 'utf8'));
}

/** Its placeholders, in the order of their first appearance. */
export function placeholdersIn(policy: object): string[] {
  return [...new Set(JSON.stringify(policy).match(PLACEHOLDER) ?? [])];
}

/** Words of capital letters, but for a type of records. */
const PLACEHOLDER = /\b(?!AAAA\b)[A-Z][A-Z_]{2,}\b/g;

/** What a person puts in their places. */
export const filledIn: Readonly<Record<string, string>> = {
  REGION: 'eu-west-1',
  ACCOUNT_ID: '123456789012',
  PROFILE: 'simulated-role',
  VOLUME_ID: VOLUME,
  DOMAIN: 'world',
  POOL: 'worlds',
  SNAPSHOT_ID: 'snap-0aaaaaaaaaaaaaaa1',
  KEY_ID: '0a1b2c3d-0000-4000-8000-000000000000',
  ZONE_ID: ZONE,
  RECORD_NAME: 'play.example.com',
  TOPIC: 'news',
  QUEUE: 'events',
};

/** The same, ready to be used. */
export function readyPolicy(name: string): PolicyDocument & { Statement: PolicyStatement[] } {
  const text = JSON.stringify(shippedPolicy(name));
  return JSON.parse(text.replace(PLACEHOLDER, (word) => filledIn[word] ?? word));
}

/** One action in one statement. */
export interface Permission {
  policy: string;
  statement: number;
  action: string;
}

/** Every permission that a policy gives. */
export function permissionsIn(policy: string): Permission[] {
  return shippedPolicy(policy).Statement.flatMap(({ Action }, statement) =>
    [Action].flat().map((action) => ({ policy, statement, action })),
  );
}

/** These policies, but for one permission. */
export function without({ policy, statement, action }: Permission, policies: readonly string[]): PolicyDocument[] {
  return policies.map((name) => {
    const ready = readyPolicy(name);
    if (name !== policy) return ready;
    const left = ready.Statement.map((one, index) =>
      index === statement ? { ...one, Action: [one.Action].flat().filter((other) => other !== action) } : one,
    );
    return { ...ready, Statement: left.filter(({ Action }) => Action.length > 0) };
  });
}

/** What the old daemon asked for (behaviour.md 14.1). */
export const oldDaemonsPolicy: PolicyDocument = {
  Version: '2012-10-17',
  Statement: {
    Effect: 'Allow',
    Action: [
      'ec2:DescribeVolumes',
      'ec2:AttachVolume',
      'ec2:DetachVolume',
      'ec2:CreateVolume',
      'ec2:DeleteVolume',
      'ec2:CreateTags',
      'ec2:DeleteTags',
      'route53:ListResourceRecordSets',
      'route53:ChangeResourceRecordSets',
      'sns:Publish',
      'sqs:SendMessage',
    ],
    Resource: '*',
  },
};
