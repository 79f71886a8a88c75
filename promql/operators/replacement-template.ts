/**
 * The replacement text of label_replace: `$1`, `${1}`, `$name`, `${name}` stand for what a group matched, `$$` for a dollar. As in Go's
 * regexp, `$name` takes as many letters, digits and underscores as there are (so `$1x` is the group "1x", and `$01` the group "01"), a
 * group that is not there is empty, and a dollar that begins no such thing is itself.
 */
export class ReplacementTemplate {
  readonly #parts: readonly Part[];

  constructor(template: string) {
    this.#parts = split(template);
  }

  /** The texts whose sequence is the result; not yet joined, so that their length can be looked at first. */
  expand(groups: readonly (string | undefined)[], names: Readonly<Record<string, number>>): string[] {
    return this.#parts.map((part) => {
      if (part.kind === 'text') return part.text;
      if (/^(?:0|[1-9]\d*)$/.test(part.group)) return groups[Number(part.group)] ?? '';
      return Object.hasOwn(names, part.group) ? (groups[names[part.group]!] ?? '') : '';
    });
  }
}

type Part = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'group'; readonly group: string };

function split(template: string): Part[] {
  const parts: Part[] = [];
  const reference = /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu;
  let end = 0;
  for (const match of template.matchAll(reference)) {
    parts.push({ kind: 'text', text: template.slice(end, match.index) });
    const group = match[1] ?? match[2];
    parts.push(group === undefined ? { kind: 'text', text: '$' } : { kind: 'group', group });
    end = match.index + match[0].length;
  }
  parts.push({ kind: 'text', text: template.slice(end) });
  return parts;
}
