import { AwsError } from '../aws-error.ts';

/** How many a page may hold: `maxitems`, and never more than the service's own limit. */
export function limitIn(query: URLSearchParams, most: number): number {
  const text = query.get('maxitems');
  if (text === null) return most;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0) return Math.min(limit, most);
  throw new AwsError('InvalidInput', `Invalid value '${text}' for maxitems: expected a number from 1 to ${most}.`);
}
