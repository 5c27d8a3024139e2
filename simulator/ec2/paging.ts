/** MaxResults and NextToken. Source: EC2 API Reference, "DescribeVolumes", "DescribeInstances". */
import { type Params, textOf } from '../query.ts';
import { invalidCombination, invalidParameter } from './errors.ts';

const LEAST = 5;
const MOST = 1000;

export interface Page<T> {
  items: T[];
  nextToken?: string;
}

/**
 * Cuts one page out of everything, and only then applies the filter. So a page may be short or empty with more to come,
 * which EC2 reserves the right to as well.
 * @param idsParameter what names things one by one, and so cannot stand beside a page.
 */
export function pageOf<T>(all: T[], params: Params, filter: (item: T) => boolean, idsParameter?: string): Page<T> {
  const limit = textOf(params, 'MaxResults');
  const token = textOf(params, 'NextToken');
  if (limit === undefined && token === undefined) return { items: all.filter(filter) };
  if (idsParameter !== undefined && params[idsParameter] !== undefined)
    throw invalidCombination(`The parameter ${idsParameter} cannot be used with the parameter maxResults`);
  const size = limit === undefined ? MOST : pageSize(limit);
  const start = token === undefined ? 0 : startOf(token);
  const end = start + size;
  return {
    items: all.slice(start, end).filter(filter),
    ...(end < all.length && { nextToken: Buffer.from(`from:${end}`).toString('base64') }),
  };
}

function pageSize(text: string): number {
  const size = Number(text);
  if (Number.isInteger(size) && size >= LEAST && size <= MOST) return size;
  throw invalidParameter(
    `Value ( ${text} ) for parameter maxResults is invalid. Expecting a value between ${LEAST} and ${MOST}.`,
  );
}

function startOf(token: string): number {
  const start = /^from:(\d+)$/.exec(Buffer.from(token, 'base64').toString('latin1'))?.[1];
  if (start === undefined) throw invalidParameter('Unable to parse pagination token');
  return Number(start);
}
