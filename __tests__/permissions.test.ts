/** What the daemon may do: the policies in deploy/iam are enough, none of it is too much, and what is missing is said. The built daemon. */

import { readdirSync, readFileSync } from 'node:fs';
import { inTransit, volumeTags } from '../config/tags.ts';
import type { PolicyDocument } from '../simulator/policy.ts';
import { type Daemon, type Lab, type LabSetup, startDaemon, startLab, TOPIC, VOLUME } from './helpers/daemon.ts';
import {
  filledIn,
  oldDaemonsPolicy,
  type Permission,
  permissionsIn,
  placeholdersIn,
  readyPolicy,
  shippedPolicies,
  shippedPolicy,
  without,
} from './helpers/policies.ts';
import { addressSets, configurationOf, flagged, OTHER_INSTANCE, record, sns, volume } from './helpers/story.ts';
import { attachedTo, created, createdVolumes, heldBy, inPool, pooled, waits, warnings } from './helpers/volumes.ts';

const POOLED = 'vol-0aaaaaaaaaaaaaaa1';
const SNAPSHOT = filledIn.SNAPSHOT_ID ?? '';
const KEY = `arn:aws:kms:eu-west-1:123456789012:key/${filledIn.KEY_ID}`;
const QUEUE_URL = 'https://sqs.eu-west-1.amazonaws.com/123456789012/events';
const sqs = { backend: 'aws-sqs', options: { 'queue-url': QUEUE_URL } };

interface Feature {
  /** The policies that it needs, its own first. */
  policies: string[];
  setup?: LabSetup;
  /** Of the domain `world`. */
  domain: object;
  /** What happens between the start and the notice; default: the domain starts. */
  story?(lab: Lab, daemon: Daemon): Promise<void>;
  /** What is as it is because of the feature. */
  outcome(lab: Lab): void | Promise<void>;
}

const fromSnapshot = { ...created, create: { SnapshotId: SNAPSHOT } };
const encrypted = { ...created, create: { Size: 4, Encrypted: true, KmsKeyId: KEY } };
const failing = { ...created, exec: [{ lines: [{ argv: ['/bin/false'] }] }] };
/** Created a moment ago by another instance, which is about to use it. */
const promised = {
  id: 'vol-0bbbbbbbbbbbbbbb1',
  snapshotId: SNAPSHOT,
  tags: {
    [volumeTags.domain]: 'world',
    [volumeTags.device]: '/dev/sdf',
    [volumeTags.holder]: OTHER_INSTANCE,
    [volumeTags.inTransit]: inTransit.neverPrepared,
    [volumeTags.created]: new Date().toISOString(),
  },
};

const features: Feature[] = [
  {
    policies: ['volumes-by-id'],
    setup: { others: [{ id: OTHER_INSTANCE }], volumes: [heldBy(OTHER_INSTANCE, { id: VOLUME })] },
    domain: { 'attach-volume': [volume] },
    story: predecessorEnds,
    outcome: (lab) => expect(attachedTo(lab)).toEqual([`${VOLUME} at /dev/sdf`]),
  },
  {
    policies: ['pool'],
    setup: { others: [{ id: OTHER_INSTANCE }], volumes: [heldBy(OTHER_INSTANCE, inPool(POOLED))] },
    domain: { 'attach-volume': [pooled] },
    story: predecessorEnds,
    outcome: (lab) => expect(attachedTo(lab)).toEqual([`${POOLED} at /dev/sdf`]),
  },
  {
    policies: ['creating'],
    setup: { snapshots: [{ id: SNAPSHOT }], others: [{ id: OTHER_INSTANCE }], volumes: [promised] },
    domain: { 'attach-volume': [fromSnapshot] },
    outcome: (lab) =>
      expect(createdVolumes(lab)).toMatchObject([
        { id: promised.id, state: 'available' },
        { snapshotId: SNAPSHOT, state: 'in-use' },
      ]),
  },
  {
    policies: ['creating-encrypted', 'creating'],
    // It has to be there for a moment: one that EC2 never shows is waited for.
    setup: { createMs: 300 },
    domain: { 'attach-volume': [encrypted] },
    outcome: (lab) => expect(createdVolumes(lab)).toMatchObject([{ kmsKeyId: KEY, state: 'in-use' }]),
  },
  {
    policies: ['giving-back', 'volumes-by-id'],
    domain: { 'attach-volume': [{ ...volume, release: ['interrupted'] }] },
    outcome: (lab) => expect(attachedTo(lab)).toEqual([]),
  },
  {
    policies: ['giving-back', 'creating'],
    domain: { 'attach-volume': [{ ...created, release: ['interrupted'] }] },
    outcome: (lab) => expect([attachedTo(lab), createdVolumes(lab)]).toMatchObject([[], [{ state: 'available' }]]),
  },
  {
    policies: ['giving-back', 'creating'],
    domain: { 'attach-volume': [failing] },
    story: failed,
    outcome: (lab) => expect([createdVolumes(lab), lab.calls('DeleteVolume').length]).toEqual([[], 1]),
  },
  {
    policies: ['records'],
    domain: { 'update-route53': [{ ...record, release: ['interrupted'] }] },
    outcome: (lab) => expect(addressSets(lab)).toEqual([]),
  },
  {
    policies: ['records-insync', 'records'],
    domain: { 'update-route53': [{ ...record, wait: 'insync', set: 'multivalue', release: ['interrupted'] }] },
    outcome: (lab) => expect([addressSets(lab), lab.calls('GetChange').length]).toEqual([[], 1]),
  },
  {
    policies: ['sns'],
    domain: { notify: [sns] },
    outcome: (lab) => expect(lab.cloud.published()).toHaveLength(2),
  },
  {
    policies: ['sqs'],
    domain: { notify: [sqs] },
    outcome: (lab) => expect(lab.cloud.received('events')).toHaveLength(2),
  },
  {
    policies: ['encrypted-messages', 'sns', 'sqs'],
    setup: { topics: [{ arn: TOPIC, kmsKeyId: KEY }], queues: [{ name: 'events', kmsKeyId: KEY }] },
    domain: { notify: [sns, sqs] },
    outcome: (lab) =>
      expect([lab.cloud.published(), lab.cloud.received('events')]).toMatchObject([
        [{}, {}],
        [{}, {}],
      ]),
  },
  {
    policies: ['all'],
    setup: { snapshots: [{ id: SNAPSHOT }], volumes: [{ id: VOLUME }, inPool(POOLED)] },
    domain: {
      'attach-volume': [volume, { ...pooled, device: '/dev/sdg' }, { ...fromSnapshot, device: '/dev/sdh' }].map(
        (entry) => ({ ...entry, release: ['interrupted'] }),
      ),
      'update-route53': [{ ...record, wait: 'insync', release: ['interrupted'] }],
      notify: [sns, sqs],
    },
    outcome: (lab) => expect([attachedTo(lab), addressSets(lab), lab.cloud.published().length]).toEqual([[], [], 2]),
  },
];

describe('a shipped policy', () => {
  it.each(features)('$policies.0 is enough for what it is for [14.1]', async (feature) => {
    await using lab = await labFor(feature, feature.policies.map(readyPolicy));
    await using daemon = startDaemon(lab, { configuration: configurationFor(feature) });
    await (feature.story ?? started)(lab, daemon);
    lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await daemon.ended;

    expect(refusals(lab)).toEqual([]);
    await feature.outcome(lab);
  });

  const stories = features.filter(({ policies: [own = ''] }) => own !== 'all');
  it.each([...new Set(stories.map(({ policies: [own = ''] }) => own))].flatMap(permissionsIn))(
    '$policy has nothing without which nobody would hear: $action of statement $statement',
    async (permission) => {
      const heard: string[] = [];
      const own = stories.filter(({ policies }) => policies[0] === permission.policy);
      for (const feature of own) if (heard.length === 0) heard.push(...(await warningsWithout(permission, feature)));

      expect(heard).not.toEqual([]);
    },
  );

  it.each(shippedPolicies)('%s has no other placeholders than those that the page explains', (name) => {
    const page = readFileSync('docs/permissions.md', 'utf8');

    const explained = placeholdersIn(shippedPolicy(name)).filter((word) => page.includes(`| \`${word}\` |`));

    expect(explained).toEqual(placeholdersIn(shippedPolicy(name)));
  });

  it('"all" has what the others have, and nothing else', () => {
    const others = shippedPolicies.filter((name) => name !== 'all').flatMap((name) => shippedPolicy(name).Statement);
    const all = shippedPolicy('all');

    const unique = new Set(others.map((statement) => JSON.stringify(statement)));
    expect(new Set(all.Statement.map((statement) => JSON.stringify(statement)))).toEqual(unique);
    expect(all.Statement).toHaveLength(unique.size);
    // What a managed policy may have, blanks not counted. Source: IAM User Guide, "IAM and AWS STS quotas".
    expect(JSON.stringify(all).length).toBeLessThan(6_144);
  });
});

describe('with the permissions that the old daemon asked for', () => {
  it.each(features.filter(({ policies: [own] }) => own !== 'creating-encrypted' && own !== 'encrypted-messages'))(
    '$policies.0 works, and a further call that is refused is one warning [14.1]',
    async (feature) => {
      await using lab = await labFor(feature, [oldDaemonsPolicy]);
      await using daemon = startDaemon(lab, { configuration: configurationFor(feature) });
      await (feature.story ?? started)(lab, daemon);
      lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
      await daemon.ended;

      const asked = new Set(lab.cloud.calls().map(({ operation }) => operation));
      const further = ['ec2:DescribeInstances', 'route53:GetChange'].filter((one) =>
        asked.has(one.split(':')[1] ?? ''),
      );
      expect(warnings(daemon).filter((message) => / Allow /.test(message))).toEqual(
        further.map((one) => expect.stringContaining(` Allow ${one} `)),
      );
      await feature.outcome(lab);
    },
  );

  it.each([
    { instance: 'that has been up for long', uptimeS: 100_000 },
    { instance: 'that has just booted, where it is asked again,', uptimeS: 10 },
  ])('two domains that wait on an instance $instance bring one warning, not two [14.1, 9.7]', async ({ uptimeS }) => {
    const volumes = [heldBy(OTHER_INSTANCE, { id: VOLUME }), heldBy(OTHER_INSTANCE, inPool(POOLED))];
    const policies = { 'simulated-role': oldDaemonsPolicy };
    await using lab = await startLab({ others: [{ id: OTHER_INSTANCE }], volumes, policies });
    lab.cloud.changeInstance({ uptimeS });
    const web = { 'attach-volume': [{ ...volume, device: '/dev/sdg' }] };
    const configuration = configurationOf({ web, world: { 'attach-volume': [pooled] } });
    await using daemon = startDaemon(lab, { configuration });
    await Promise.all([waits(daemon, VOLUME), waits(daemon, POOLED)]);
    lab.cloud.endInstance(OTHER_INSTANCE);
    await Promise.all([daemon.reaches('web', 'started'), daemon.reaches('world', 'started')]);

    expect(warnings(daemon).filter((message) => message.includes('DescribeInstances'))).toHaveLength(1);
  });
});

describe('the page of permissions', () => {
  const page = readFileSync('docs/permissions.md', 'utf8');
  const [, afterCalls = ''] = page.split('## Each call');
  const [table = ''] = afterCalls.split('\n## ');
  const calls = [...table.matchAll(/^\| `(\w+:\w+)` \|/gm)].map(([, call = '']) => call);
  const keys = [...page.matchAll(/`(kms:\w+\*?)`/g)].map(([, action = '']) => action);

  it('has each call that the daemon can make, and no other', () => {
    const services = { ec2: 'ec2', 'route-53': 'route53', sns: 'sns', sqs: 'sqs' };
    const exported = Object.entries(services).flatMap(([client, service]) => {
      const [, names = ''] = new RegExp(`\\{([^}]*)\\} from '@aws-sdk/client-${client}'`).exec(source('sdk.ts')) ?? [];
      return [...names.matchAll(/(\w+)Command\b/g)].map(([, name]) => `${service}:${name}`);
    });

    expect(calls.toSorted()).toEqual(exported.toSorted());
  });

  it('has each permission that a refusal can speak of', () => {
    const texts = readdirSync('adapters').map(source).join('\n');
    const named = texts.match(/\b(ec2|route53|sns|sqs|kms):(?!CreateAction)[A-Z]\w+/g) ?? [];
    const known = [...calls, ...keys.map((key) => key.replace('*', ''))];

    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((one) => !known.includes(one))).toEqual([]);
  });

  it('has what the shipped policies allow, and they allow what it has', () => {
    const allowed = shippedPolicies.flatMap((name) => permissionsIn(name).map(({ action }) => action));

    const uses = keys.filter((key) => key !== 'kms:GrantIsForAWSResource');
    expect([...new Set(allowed)].toSorted()).toEqual([...new Set([...calls, ...uses])].toSorted());
  });

  it('has every file of deploy/iam', () => {
    const files = readdirSync('deploy/iam');

    expect(files.filter((file) => !page.includes(`\`${file}\``))).toEqual([]);
  });

  function source(file: string): string {
    return readFileSync(`adapters/${file}`, 'utf8');
  }
});

it('the role is for EC2 to assume, and for nobody else', () => {
  const { Statement } = JSON.parse(readFileSync('deploy/iam/trust.json', 'utf8'));

  expect(Statement).toEqual([
    { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
  ]);
});

/** EC2 does not say which permission on a key is missing, nor at once that one is. */
function names(message: string, action: string): boolean {
  return message.includes(action.replace(/\*$/, '')) || (action.startsWith('kms:') && /KMS key|kms:/.test(message));
}

/** What was refused for want of a permission. */
function refusals({ cloud }: Lab): string[] {
  const codes = /^(UnauthorizedOperation|AccessDenied|AuthorizationError|KMSAccessDenied|KmsAccessDenied)$/;
  return cloud.calls().flatMap(({ operation, errorCode = '' }) => (codes.test(errorCode) ? [operation] : []));
}

/** What a daemon says of a permission that it lacks. */
async function warningsWithout(permission: Permission, feature: Feature): Promise<string[]> {
  await using lab = await labFor(feature, without(permission, feature.policies));
  // Who is gone before it begins is not waited for, and only this one permission is about him.
  const waited = feature.story === predecessorEnds && permission.action !== 'ec2:DescribeInstances';
  if (waited) lab.cloud.endInstance(OTHER_INSTANCE);
  await using daemon = startDaemon(lab, { configuration: configurationFor(feature) });
  const story = waited ? started : (feature.story ?? started);
  // How far it comes without is not the question.
  await story(lab, daemon).catch((error: Error) => error);
  lab.cloud.interrupt({ action: 'terminate', inSeconds: 120 });
  await daemon.ended;
  return warnings(daemon).filter((message) => names(message, permission.action));
}

async function labFor({ setup }: Feature, policies: PolicyDocument[]): Promise<Lab> {
  return await startLab({ ...setup, policies: { 'simulated-role': policies } });
}

function configurationFor({ domain }: Feature) {
  return configurationOf({ world: domain });
}

/** The volume is another instance's, which is on its way out. */
async function predecessorEnds(lab: Lab, daemon: Daemon): Promise<void> {
  await waits(daemon, `held by ${OTHER_INSTANCE} (`);
  lab.cloud.endInstance(OTHER_INSTANCE);
  await started(lab, daemon);
}

/** @throws Error when it fails. */
async function started(lab: Lab, daemon: Daemon): Promise<void> {
  const { message } = await daemon.says(
    (line) => line.domain === 'world' && /^domain (started|failed)$/.test(line.message),
  );
  if (message !== 'domain started') throw new Error(warnings(daemon).join('\n'));
  await flagged(lab, 'world');
}

async function failed(_lab: Lab, daemon: Daemon): Promise<void> {
  await daemon.reaches('world', 'failed');
}
