/** Three nodes on one instance: one of them cannot come up, and gives back what it took while the others go on. */

import { type Example, oneLife } from './example.ts';

const MAINNET = 'vol-0b1000000000a1a1a';
const TESTNET = 'vol-0b2000000000b2b2b';
const SIGNET = 'vol-0b3000000000c3c3c';
const ZONE = 'Z0123456789EXAMPLE';
/** Changes in it are refused: the simulator knows the words in its id. */
const FOREIGN_ZONE = 'Z-change-denied';
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:node-news';
const QUEUE = 'fleet-events';

const domain = (name: string, volume: string, device: string, zone: string, release: string) => `
    "${name}.btc": {
      "attach-volume": [{
        "device": "${device}", "source": "x", "volume-id": "${volume}", "release": ${release},
        "exec": [{ "lines": [{ "argv": ["BIN/open-chain", "${name}", "{attached_device}"] }] }],
      }],
      "update-route53": [{ "hostedzone": "${zone}", "name": "${name}.example.com", "ttl": 60 }],
      "exec": [
        { "on": "started", "lines": [{ "argv": ["BIN/start-node", "${name}"] }] },
        { "on": "interrupted", "lines": [{ "argv": ["BIN/stop-node", "${name}"], "timeout": 60 }] },
        { "on": "failed", "lines": [{ "argv": ["BIN/give-up", "${name}"] }] },
      ],
      "notify": [
        { "backend": "aws-sns", "options": { "topic": "${TOPIC}" } },
        { "backend": "aws-sqs", "options": { "queue-url": "QUEUE_URL" } },
      ],
    },`;

export const bitcoin: Example = {
  title: 'Three bitcoin nodes on a Spot instance; the role may not change the zone of the third',
  told: {
    'mainnet.btc': ['started', 'interrupted'],
    'testnet.btc': ['started', 'interrupted'],
    'signet.btc': ['failed'],
  },
  ending: 'two nodes came up and were stopped in time; the third gave its volume back and bothered nobody',

  direct: oneLife(['mainnet.btc', 'testnet.btc', 'signet.btc']),

  cloud: {
    attachMs: 1_200,
    detachMs: 700,
    latencyMs: 40,
    volumes: [
      { id: MAINNET, sizeGiB: 800 },
      { id: TESTNET, sizeGiB: 200 },
      { id: SIGNET, sizeGiB: 50 },
    ],
    hostedZones: [
      { id: ZONE, name: 'example.com' },
      { id: FOREIGN_ZONE, name: 'example.com' },
    ],
    topics: [TOPIC],
    queues: [QUEUE],
  },

  configuration: (bin, queueUrl) =>
    `{
  // The user data of the instance. mainnet lets its volume go as soon as it is saved, so that the next instance need not wait.
  "domains": {${domain('mainnet', MAINNET, '/dev/sdf', ZONE, '["interrupted"]')}
${domain('testnet', TESTNET, '/dev/sdg', ZONE, '[]')}
${domain('signet', SIGNET, '/dev/sdh', FOREIGN_ZONE, '[]')}
  },
}
`
      .replaceAll('BIN', bin)
      .replaceAll('QUEUE_URL', queueUrl),

  scripts: {
    'open-chain': `#!/bin/sh
# Would mount "$2"; here the chain lies in a folder beside this script.
echo "$1: chain of $EC2FLEETD_VOLUME_ID is at $2, height $(cat "$(dirname "$0")/../$EC2FLEETD_VOLUME_ID/height")"
`,
    'start-node': `#!/bin/sh
sleep 0.2
echo "$1: node is up and looks for peers"
`,
    'stop-node': `#!/bin/sh
echo "$1: flushing the chain state ..."
sleep 0.5
echo "$1: flushed, stopped"
`,
    'give-up': `#!/bin/sh
echo "$1: will not come up; the others do not wait for it"
`,
  },

  files: {
    [MAINNET]: { height: '931204\n' },
    [TESTNET]: { height: '4411377\n' },
    [SIGNET]: { height: '283990\n' },
  },
};
