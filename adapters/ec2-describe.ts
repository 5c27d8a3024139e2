/** EC2's Describe calls: filters, and all pages of an answer. */

import type { Filter, Instance, Volume } from '@aws-sdk/client-ec2';
import type { Aws } from './aws.ts';

/** How many values a filter takes. Source: EC2 User Guide, "List and filter your resources". */
export const FILTER_VALUES = 200;

/** The largest page. Always given: without a page size the calls count against a smaller quota. Source: EC2 API throttling. */
const PAGE_SIZE = 1_000;

/** What is to be described, and for whom. */
export interface Description {
  /** As a refusal names it, for example `vol-0abc`. */
  about: string;
  filters: Filter[];
  signal?: AbortSignal | undefined;
}

/** A filter for these values as they are; more than {@link FILTER_VALUES} different ones are refused. */
export function filter(name: string, values: readonly string[]): Filter {
  return { Name: name, Values: [...new Set(values)].map(escaped) };
}

/** Volumes that all filters match; filters by id, since a named id that does not exist fails the whole call. */
export async function describeVolumes(aws: Aws, { about, filters, signal }: Description): Promise<Volume[]> {
  return await aws.call(
    { operation: `DescribeVolumes ${about}`, permission: 'ec2:DescribeVolumes', signal },
    async ({ sdk, ec2 }, abortSignal) => {
      const pages = await allPages((page) =>
        ec2.send(new sdk.DescribeVolumesCommand({ Filters: filters, ...page }), { abortSignal }),
      );
      return pages.flatMap(({ Volumes: volumes }) => volumes ?? []);
    },
  );
}

/** Instances that all filters match. */
export async function describeInstances(aws: Aws, { about, filters, signal }: Description): Promise<Instance[]> {
  return await aws.call(
    { operation: `DescribeInstances ${about}`, permission: 'ec2:DescribeInstances', signal },
    async ({ sdk, ec2 }, abortSignal) => {
      const pages = await allPages((page) =>
        ec2.send(new sdk.DescribeInstancesCommand({ Filters: filters, ...page }), { abortSignal }),
      );
      return pages.flatMap(({ Reservations: reservations }) =>
        (reservations ?? []).flatMap(({ Instances: instances }) => instances ?? []),
      );
    },
  );
}

/** Some of them by name, and how many more there are, for a refusal's one line. */
export function namesOf(names: readonly string[]): string {
  const different = [...new Set(names)];
  const more = different.length - 3;
  return `${different.slice(0, 3).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** `*` is any run of characters in a filter, `?` none or one. Source: EC2 User Guide, "List and filter your resources". */
function escaped(value: string): string {
  return value.replace(/[*?\\]/g, '\\$&');
}

/** Every page: an empty one may have more behind it. The time of the one call that it is all part of limits the number. */
async function allPages<Page extends { NextToken?: string | undefined }>(
  ask: (page: { MaxResults: number; NextToken?: string }) => Promise<Page>,
): Promise<Page[]> {
  const pages: Page[] = [];
  let token: string | undefined;
  do {
    const page = await ask({ MaxResults: PAGE_SIZE, ...(token && { NextToken: token }) });
    pages.push(page);
    token = page.NextToken;
  } while (token);
  return pages;
}
