/** A piece of XML: text, elements by name, or several elements of one name. Names are ours; texts may be anything. */
export type XmlNode = string | number | boolean | XmlElements;

export interface XmlElements {
  readonly [name: string]: XmlNode | readonly XmlNode[] | undefined;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' };

export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** A document of elements; what is `undefined` is left out. */
export function xmlDocument(root: XmlElements, namespace?: string): string {
  const text = elements(root);
  const named = namespace === undefined ? text : text.replace(/^<(\w+)>/, `<$1 xmlns="${namespace}">`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${named}`;
}

function elements(nodes: XmlElements): string {
  return Object.entries(nodes)
    .map(([name, value]) => (Array.isArray(value) ? (value as readonly XmlNode[]) : value === undefined ? [] : [value as XmlNode]).map((node) => `<${name}>${content(node)}</${name}>`).join(''))
    .join('');
}

function content(node: XmlNode): string {
  return typeof node === 'object' ? elements(node) : escaped(String(node));
}

/** Control characters cannot stand in XML 1.0, not even as entities: a key that has them must be asked for with `encoding-type=url`. */
function escaped(text: string): string {
  return text.replaceAll(/[&<>"\r]/g, (character) => ENTITIES[character]!).replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd');
}
