/** What the demo plays. */

import type { Cloud, CloudSetup } from '../../simulator/server.ts';

export interface Example {
  title: string;
  cloud: CloudSetup;
  /** Their ids; the first one boots when the story begins. Absent: one, as the cloud makes it. */
  instances?: string[];
  /** The user data of every instance. @param bin where the scripts are. @param queueUrl of the queue, on the cloud's host. */
  configuration(bin: string, queueUrl: string): string;
  /** Shell scripts by name, beside each other in one folder. */
  scripts: Record<string, string>;
  /** What is on the volumes before the story begins, by volume and file. */
  files: Record<string, Record<string, string>>;
  /** What happens, from the first boot to the end of the last daemon. */
  direct(stage: Stage): Promise<void>;
  /** By domain: the events that are told when the story goes as it should. */
  told: Record<string, string[]>;
  /** What has happened then, as a sentence without its end. */
  ending: string;
}

/** Where it is played. */
export interface Stage {
  cloud: Cloud;
  /** Tells what happens outside of every daemon. */
  tell(text: string): void;
  /** Starts the daemon on an instance. @param name what its lines begin with; absent: nothing, since there is no other one. */
  boot(instanceId: string, name?: string): Player;
  /** Lets some time of the story pass. */
  pass(ms: number): Promise<void>;
}

/** A daemon of the story. */
export interface Player {
  /** Resolves with the next line of its log that is like this; rejects when it ends before. */
  says(isMeant: (line: { message: string; domain?: unknown }) => boolean): Promise<void>;
  /** Ends it as systemd does. */
  stop(): void;
  /** Resolves when it has ended. */
  ended: Promise<void>;
}

/** How long an application runs before EC2 wants its machine back. */
const PLAYING_MS = 500;

/** One instance: its domains come up or fail, and EC2 takes the machine back. */
export function oneLife(domains: string[]): Example['direct'] {
  return async ({ cloud, tell, boot, pass }) => {
    tell(`instance ${cloud.instanceId} boots; its user data is the configuration`);
    const daemon = boot(cloud.instanceId);
    await Promise.all(
      domains.map((domain) =>
        daemon.says(
          (line) => line.domain === domain && (line.message === 'domain started' || line.message === 'domain stopped'),
        ),
      ),
    );
    await pass(PLAYING_MS);
    tell('EC2 wants its machine back: interruption notice, terminate in 120 s');
    cloud.interrupt({ action: 'terminate', inSeconds: 120 });
    await daemon.ended;
    tell('the instance runs on until EC2 takes it');
  };
}
