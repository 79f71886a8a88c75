/**
 * The replacement text of label_replace: `$1`, `${1}`, `$name`, `${name}` stand for what a group matched, `$$` for a dollar. As in Go's
 * regexp, `$name` takes as many letters, digits and underscores as there are (so `$1x` is the group "1x"), a group that is not there is
 * empty, and a dollar that begins no such thing is itself.
 */
export function compileReplacement(
  template: string,
): (groups: readonly (string | undefined)[], names: Readonly<Record<string, number>>) => string {
  const parts = split(template);
  return (groups, names) => {
    let text = '';
    for (const part of parts) {
      if (part.kind === 'text') text += part.text;
      else text += groups[/^\d+$/.test(part.group) ? Number(part.group) : Object.hasOwn(names, part.group) ? names[part.group]! : groups.length] ?? '';
    }
    return text;
  };
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
