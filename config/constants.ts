/** What a protocol, an instance or an operator's patience fixes. What an operator may want to change is in `schema.ts`. */

/** The most that EC2 gives between an interruption notice and its effect. Source: EC2 User Guide, "Spot Instance interruption notices". */
export const NOTICE_MS = 120_000;

/** Kept back from the time left of a notice, for messages to leave (behaviour.md 9.3). */
export const MESSAGE_RESERVE_MS = 10_000;

/** What the commands of an interruption get at least, also when the notice names no time or a past one (behaviour.md 9.3). */
export const LEAST_COMMAND_TIME_MS = 20_000;

/** A command gets SIGTERM this long before its limit, or a third of the limit before it, if that is less (behaviour.md 8.5). */
export const TERMINATION_GRACE_MS = 5_000;

/** A process that SIGKILL does not end within this hangs in the kernel; waiting longer would take the time of the others. */
export const KILL_PATIENCE_MS = 2_000;

/** READY is sent at the latest this long after the first domain stands (behaviour.md 11.1). */
export const READY_PATIENCE_MS = 10_000;

/** The last look at the metadata on SIGTERM (behaviour.md 5.6). */
export const ASKING_WHY_MS = 1_000;

/** One request to the metadata service: link-local, it answers in single milliseconds or not at all. */
export const IMDS_TIMEOUT_MS = 1_000;

/** How long a metadata session token lives. The service accepts 1 s to 6 h; the longest asks least often. */
export const IMDS_TOKEN_TTL_S = 21_600;

/** The longest pause between two looks at metadata that does not answer; short, since the notice may come meanwhile. */
export const BLIND_PAUSE_MS = 5_000;

/** How long metadata and credentials are awaited under systemd, where a boot may be slower than we are (behaviour.md 9.7). */
export const BOOT_PATIENCE_MS = 120_000;

/** The same where nobody waits for us, or where there is no way to the metadata at all (behaviour.md 9.7). */
export const HAND_PATIENCE_MS = 5_000;

/** One attempt at an AWS call; EC2 seldom needs more than two seconds. */
export const AWS_ATTEMPT_TIMEOUT_MS = 6_000;

/** One AWS call with all its attempts: what is asked to end waits no longer than this for an answer. */
export const AWS_CALL_TIMEOUT_MS = 10_000;

/** Attempts at a call that throttling or a passing fault refused; the SDK's jittered pauses lie between them. */
export const AWS_ATTEMPTS = 3;

/** An attachment that is still `attaching` by then is stuck. Source: the EBS CSI driver gives up then too. */
export const ATTACHING_LIMIT_MS = 90_000;

/** First pause between two looks at an attachment under way; EC2 mostly needs 1 to 4 s. */
export const ATTACHING_PAUSE_MS = 500;

/** How long a public address is awaited: an Elastic IP comes some seconds after the boot (behaviour.md 7.1). */
export const ADDRESS_LIMIT_MS = 30_000;

/** Between two looks for one. */
export const ADDRESS_PAUSE_MS = 1_000;

/** First pause before looking again at a volume that somebody holds; it grows to {@link WAITING_PAUSE_MAX_MS}. */
export const WAITING_PAUSE_MS = 2_000;

/** Longest pause before looking again at a volume that somebody holds: 6 looks a minute leave the account's quota alone. */
export const WAITING_PAUSE_MAX_MS = 10_000;

/** First pause, at most, after another instance was faster; it doubles up to {@link LOST_PAUSE_MAX_MS}. Enough for a fleet to spread. */
export const LOST_PAUSE_MS = 1_000;

/** Longest pause after another instance was faster. */
export const LOST_PAUSE_MAX_MS = 8_000;

/** First pause, at most, after a passing fault, as a full quota is one; it doubles up to {@link FAULT_PAUSE_MAX_MS}. */
export const FAULT_PAUSE_MS = 2_000;

/** Longest pause after a passing fault. Source: AWS advises to back off to 30 to 60 s when a fleet boots. */
export const FAULT_PAUSE_MAX_MS = 30_000;

/** Between two attempts to take the mark off a volume whose commands have succeeded, when passing faults get in the way. */
export const NOTING_PAUSE_MS = 2_000;

/** How many passing faults in a row are borne when an entry's `wait` is over. */
export const FAULTS_AFTER_WAITING = 5;

/** How long a volume may be `creating`. Source: the EBS CSI team sees 1.5 s mostly, 4 s in one of a hundred. */
export const CREATING_LIMIT_MS = 180_000;

/** First pause between two looks at a volume under creation. Source: the EBS CSI driver. */
export const CREATION_PAUSE_MS = 500;

/** A volume that EC2 says it has made and does not show after this is gone. Source: EC2 API Reference, "Eventual consistency". */
export const CREATION_UNSEEN_MS = 60_000;

/** How an instance is said to be that EC2 does not show: long gone, so new that it is not shown yet, or somebody else's. */
export const NOT_SHOWN = 'not shown by EC2';

/** Requests to create one volume, each with a token of its own. */
export const CREATION_ATTEMPTS = 3;

/** How long the end of a run waits for tags that are being written: they are for others to read, and nothing hangs on them. */
export const MARKS_PATIENCE_MS = 2_000;

/** A mark of somebody who is about to use an available volume counts no longer than this (behaviour.md 6.7). */
export const MARK_LIFE_MS = 900_000;

/** How long messages may still be on their way once every domain is over. */
export const FLUSH_MS = 10_000;

/** This long before that, messages that wait to be tried again are tried for the last time: the log then names each. */
export const LAST_ATTEMPT_MS = 2_000;

/** So long before a notice comes true all has to be over: EC2 calls its time approximate, and the system goes down, too. */
export const NOTICE_MARGIN_MS = 5_000;

/** First pause after a message was not taken; it doubles up to {@link DELIVERY_PAUSE_MAX_MS}. */
export const DELIVERY_PAUSE_MS = 500;

/** Longest pause between two attempts at a message. */
export const DELIVERY_PAUSE_MAX_MS = 30_000;

/** A message that has not been accepted by then is sent no more: the news in it is none any longer (behaviour.md 10.2). */
export const MESSAGE_LIFE_MS = 86_400_000;

/** Kept back from the time left of a notice, besides the messages' reserve, when something is released after the commands (behaviour.md 9.3). */
export const RELEASE_RESERVE_MS = 20_000;

/** Between two looks at what may wait: rebalance, maintenance, the Auto Scaling state (behaviour.md 9.1). Source: AWS advises 5 s. */
export const SLOW_POLL_MS = 5_000;

/** How long after its boot a refusal for lack of permission may be a role that is not there yet (behaviour.md 9.7). */
export const YOUNG_INSTANCE_MS = 180_000;

/** A detachment that takes longer than this is stuck: something here still holds the disk. EC2 mostly needs 1 to 4 s. */
export const DETACHING_LIMIT_MS = 60_000;

/** First pause between two looks at a detachment under way, and between two attempts at giving something back. */
export const DETACHING_PAUSE_MS = 500;

/** Attempts at giving back one thing when passing faults get in the way. */
export const GIVE_BACK_ATTEMPTS = 5;

/** The wall clock this far ahead of the monotonic one since the last look: the machine was asleep. Far more than a step of NTP's slewing. */
export const ASLEEP_JUMP_MS = 10_000;

/** How long records are tried again when passing faults get in the way: as long as a role may not be there yet, and shorter than a way up. */
export const RECORDS_LIMIT_MS = 180_000;

/** First pause before records are looked at again; it doubles up to {@link RECORDS_PAUSE_MAX_MS}. */
export const RECORDS_PAUSE_MS = 1_000;

/** Longest pause between two attempts at records. Route 53 takes five requests a second from a whole account. */
export const RECORDS_PAUSE_MAX_MS = 10_000;

/** First pause before it is looked whether all name servers have a change. Each look is one of the account's five calls a second. */
export const INSYNC_PAUSE_MS = 5_000;

/** Longest pause between two such looks; Route 53 mostly needs less than a minute. */
export const INSYNC_PAUSE_MAX_MS = 20_000;

/** How old a look at records may be that was made while the volumes attached; one that is older is made anew. */
export const RECORDS_LOOK_LIFE_MS = 10_000;

/** How long the way up waits for what an earlier run left behind to be given back. */
export const TIDYING_LIMIT_MS = 60_000;
