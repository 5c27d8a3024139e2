/** What events and macros mean, for the reference page. */
import type { EventName } from '../config/events.ts';
import type { MacroName } from '../config/macros.ts';

/** When each event happens. */
export const eventMeanings: Record<EventName, string> = {
  starting: "Before the domain's volumes.",
  started: 'Volumes and records are there.',
  interrupted: 'An interruption notice came, and the domain had started.',
  stopping: 'SIGTERM or SIGINT, and the domain had started.',
  failed: 'The way up failed.',
  noticed: 'At once when a notice comes, before the results of the `interrupted` commands are in.',
  'at-risk': 'A rebalance recommendation or scheduled maintenance. Changes nothing.',
};

/** One sentence a macro; a forgotten one does not compile. */
export const macroMeanings: Record<MacroName, string> = {
  domain: 'The name of the domain.',
  instance_id: 'For example `i-0123456789abcdef0`.',
  instance_type: 'For example `t3.medium`.',
  instance_index: 'The launch index, from 0. `{ami-i}` is the same.',
  placement_region: 'For example `eu-west-1`.',
  placement_zone: 'For example `eu-west-1a`.',
  hypervisor: '`nitro` or `xen`, where the metadata says so.',
  primary_public_ipv4: 'The address that A records point at.',
  primary_public_ipv6: 'The address that AAAA records point at.',
  public_ipv4_list: 'All public IPv4 addresses of the first network interface.',
  public_ipv6_list: 'All IPv6 addresses of the first network interface.',
  static_dns_rr: 'The record names written.',
  attach_source: 'Where the volume came from: `x`, `p` or `c`. Only in commands of a volume.',
  attach_op: '`true`: attached in this run; `false`: was attached already. Only in commands of a volume.',
  volume_id: 'The volume. Only in commands of a volume.',
  volume_pool: 'The pool of the volume. Only in commands of a volume.',
  attached_device: 'Where the disk is, for example `/dev/nvme1n1`. Only in commands of a volume.',
  daemon_state: 'The name of the event.',
  error: 'What failed, as JSON: a list of lists of strings.',
  interrupt_action: '`terminate`, `stop` or `hibernate`.',
  interrupt_time: 'When the interruption takes effect, ISO 8601 with `+00:00`.',
  seconds_left: 'Seconds until then.',
  transaction_id: 'The id of this run.',
  transaction_log: "The domain's calls to AWS, as JSON.",
  cwd: 'The working directory of the daemon.',
  ts: 'Now, ISO 8601 in the local zone.',
  pid: 'The process id of the daemon.',
  results: "The results of the event's commands so far, as JSON.",
  all_json: 'An object with all of the above, tab-indented JSON. The default body of a message.',
};
