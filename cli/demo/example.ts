/** What the demo plays. */

import type { CloudSetup } from '../../simulator/server.ts';

export interface Example {
  title: string;
  cloud: CloudSetup;
  /** The instance's user data. @param bin where the scripts are. @param queueUrl of the queue, on the cloud's host. */
  configuration(bin: string, queueUrl: string): string;
  /** Shell scripts by name, beside each other in one folder. */
  scripts: Record<string, string>;
  /** What is on the volumes before the story begins, by volume and file. */
  files: Record<string, Record<string, string>>;
  /** By domain: the events that are told when the story goes as it should. */
  told: Record<string, string[]>;
  /** What has happened then, as a sentence without its end. */
  ending: string;
}
