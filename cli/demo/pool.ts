/** A hand-over: the replacement boots while the old instance still holds the world's volume, and goes on where it ended. */

import type { Example } from './example.ts';

const OLD = 'i-0aaaaaaaaaaaaaaaa';
const NEW = 'i-0bbbbbbbbbbbbbbbb';
const VOLUME = 'vol-0a1b2c3d4e5f60718';
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:game-news';
const QUEUE = 'fleet-events';
const DOMAIN = 'my-world.mc';

export const pool: Example = {
  title: 'Two Spot instances, one after the other, and a pool with one world in it',
  told: { [DOMAIN]: ['started', 'interrupted', 'started', 'stopping'] },
  ending:
    'the replacement waited for the volume, took it when it was let go, and went on with the world that was saved',

  instances: [OLD, NEW],
  cloud: {
    attachMs: 1_200,
    detachMs: 400,
    latencyMs: 40,
    volumes: [
      {
        id: VOLUME,
        sizeGiB: 20,
        tags: { 'user:ec2fd.domain': DOMAIN, 'user:ec2fd.pool-name': 'worlds' },
        disk: { content: '41\n' },
      },
    ],
    topics: [TOPIC],
    queues: [QUEUE],
  },

  configuration: (bin, queueUrl) => `{
  // The user data of both instances: nobody has to know which volume is whose.
  "domains": {
    "${DOMAIN}": {
      "attach-volume": [{
        "device": "/dev/sdf",
        "source": "p",
        "pool-name": "worlds",
        "exec": [{ "lines": [{ "argv": ["${bin}/mount-world", "{attached_device}", "{volume_pool}"] }] }],
      }],
      "exec": [
        { "on": "started", "lines": [{ "argv": ["${bin}/start-server"] }] },
        { "on": "interrupted", "lines": [{ "argv": ["${bin}/save-world"], "timeout": 90 }] },
      ],
      "notify": [
        { "backend": "aws-sns", "options": { "topic": "${TOPIC}" } },
        { "backend": "aws-sqs", "options": { "queue-url": "${queueUrl}" } },
      ],
    },
  },
}
`,

  scripts: {
    'mount-world': `#!/bin/sh
# Would mount "$1"; here the disk is a file with the day on it, and what leads to it a link.
ln -sfn "$1" "$(dirname "$0")/../world"
echo "disk of $EC2FLEETD_VOLUME_ID, from the pool $2, is at $1"
echo "world loaded: day $(cat "$1")"
`,
    'start-server': `#!/bin/sh
sleep 0.2
echo "server is up"
`,
    'save-world': `#!/bin/sh
day="$(dirname "$0")/../world"
echo "saving chunks ..."
sleep 0.6
echo $(( $(cat "$day") + 1 )) > "$day"
echo "saved, day $(cat "$day")"
`,
  },

  files: {},

  async direct({ cloud, tell, boot, pass }) {
    tell(`instance ${OLD} boots; its user data is the configuration`);
    const old = boot(OLD, 'old');
    await old.says(({ message }) => message === 'domain started');
    await pass(300);
    tell('EC2 wants its machine back: interruption notice, terminate in 120 s');
    cloud.interrupt({ action: 'terminate', inSeconds: 120, instanceId: OLD });
    await old.says(({ message }) => message === 'interruption notice');
    tell(`the Auto Scaling group has launched ${NEW} in its place; it boots`);
    const replacement = boot(NEW, 'new');
    const comesUp = replacement.says(({ message }) => message === 'domain started');
    const waits = replacement.says(({ message }) => message.startsWith('waiting: '));
    await Promise.all([old.ended, waits]);
    tell('EC2 takes the old instance: it shuts down, and its volume is let go when it is gone');
    cloud.endInstance(OLD, { shutdownMs: 2_500 });
    await comesUp;
    await pass(300);
    tell('so much for the hand-over: systemd stops the daemon');
    replacement.stop();
    await replacement.ended;
  },
};
