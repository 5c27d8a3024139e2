/** The demo's example: a game server with yesterday's world on a volume. */

import { type Example, oneLife } from './example.ts';

const VOLUME = 'vol-0a1b2c3d4e5f60718';
const ZONE = 'Z0123456789EXAMPLE';
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:game-news';
const QUEUE = 'fleet-events';

export const gameServer: Example = {
  title: 'A game server on a Spot instance, with its world on an EBS volume',
  told: { 'my-world.mc': ['started', 'interrupted'] },
  ending: 'my-world.mc came up, was warned and saved, and everybody was told',

  direct: oneLife(['my-world.mc']),

  cloud: {
    // As long as EC2 mostly takes.
    attachMs: 1_500,
    latencyMs: 40,
    volumes: [{ id: VOLUME, sizeGiB: 20 }],
    hostedZones: [
      {
        id: ZONE,
        name: 'example.com',
        // Where the last instance was.
        recordSets: [{ name: 'play.example.com.', type: 'A', ttl: 60, values: ['198.51.100.7'] }],
      },
    ],
    topics: [TOPIC],
    queues: [QUEUE],
  },

  configuration: (bin, queueUrl) => `{
  // The user data of the instance: this is all that ec2fleetd is told.
  "set-hostname": "world-{instance_index:0>2}",
  "domains": {
    "my-world.mc": {
      "attach-volume": [{
        "device": "/dev/sdf",
        "source": "x",
        "volume-id": "${VOLUME}",
        "exec": [{ "lines": [{ "argv": ["${bin}/mount-world", "{attached_device}", "{attach_op}"] }] }],
      }],
      "update-route53": [
        { "hostedzone": "${ZONE}", "name": "play.example.com", "ttl": 60 },
      ],
      "exec": [
        { "on": "started", "lines": [{ "argv": ["${bin}/start-server", "{static_dns_rr}"] }] },
        { "on": "interrupted", "lines": [
          { "argv": ["${bin}/warn-players", "{seconds_left}"] },
          { "argv": ["${bin}/save-world"], "timeout": 90 },
        ] },
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
# Would mount "$1"; here the world lies in a folder beside this script.
echo "disk of $EC2FLEETD_VOLUME_ID is at $1 (attached just now: $2)"
echo "world loaded: day $(cat "$(dirname "$0")/../$EC2FLEETD_VOLUME_ID/day")"
`,
    'start-server': `#!/bin/sh
sleep 0.2
echo "server is up, players come in by $1"
`,
    'warn-players': `#!/bin/sh
echo "say: this server goes away in $1 seconds, your world is being saved"
sleep 0.3
`,
    'save-world': `#!/bin/sh
day="$(dirname "$0")/../${VOLUME}/day"
echo "saving chunks ..."
sleep 0.6
echo $(( $(cat "$day") + 1 )) > "$day"
echo "saved, day $(cat "$day")"
`,
  },

  files: { [VOLUME]: { day: '41\n' } },
};
