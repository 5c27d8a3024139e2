/** Fauxqs, an independent SNS and SQS, as a process of its own: prints its address and runs until it is ended. */
import { buildApp } from 'fauxqs';

// Not its own `startFauxqs`, which listens on every interface.
const app = buildApp({ logger: false, defaultRegion: 'eu-west-1' });
console.log(await app.listen({ port: 0, host: '127.0.0.1' }));
