/** XML in and out. Answers are written as plain objects: keys are elements, arrays repeat them, absent values leave none. */
import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';

export type XmlValue = string | number | boolean | undefined | XmlElement | XmlValue[];
/** A key that begins with `@` is an attribute. */
export interface XmlElement {
  [name: string]: XmlValue;
}

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressEmptyNode: true });

/** One document, with its declaration. */
export function writeXml(document: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(document)}`;
}

/**
 * One document as nested objects of strings, with every element named in `lists` as an array.
 * @returns `undefined` when the text is not well-formed.
 */
export function readXml(text: string, lists: readonly string[]): unknown {
  if (XMLValidator.validate(text) !== true) return undefined;
  const parser = new XMLParser({ parseTagValue: false, isArray: (name) => lists.includes(name) });
  return parser.parse(text);
}
