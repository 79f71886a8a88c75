import { expect, test } from 'vitest';
import { lex } from '../../../promql/parser/lex.ts';

/** A text and its tokens, `kind` alone where the kind is the text, else `kind:text`; the end of the input is left out. */
const f = (text: string, ...tokens: string[]) =>
  test(text, () => {
    const found = lex(text).filter((token) => token.kind !== 'end of input');
    expect(found.map((token) => (token.kind === token.text ? token.kind : `${token.kind}:${token.text}`))).toEqual(tokens);
    for (const token of found) if (token.kind !== 'error') expect(text.slice(token.start, token.end)).toBe(token.text);
  });

f('');
f(' \t\r\n# comment\r# another');
f('1 1.5 .5 1. 0x1F 1e5 1E-5 1_000', 'number:1', 'number:1.5', 'number:.5', 'number:1.', 'number:0x1F', 'number:1e5', 'number:1E-5', 'number:1_000');
f('inf NaN INF info', 'number:inf', 'number:NaN', 'number:INF', 'identifier:info');
f('5m 1h30m 10ms 1y2w', 'duration:5m', 'duration:1h30m', 'duration:10ms', 'duration:1y2w');
f('5m#x', 'duration:5m');
f('foo _a:b :c foo2', 'identifier:foo', 'metric identifier:_a:b', 'metric identifier::c', 'identifier:foo2');
f('sum BY Offset bool', 'sum', 'by:BY', 'offset:Offset', 'bool');
f('sum:x by_', 'metric identifier:sum:x', 'identifier:by_');
f('fill fill() fill_left \n () fill_right', 'identifier:fill', 'fill', '(', ')', 'fill_left', '(', ')', 'identifier:fill_right');
f('+ - * / % ^ == != < <= > >= </ >/ = @ ,', '+', '-', '*', '/', '%', '^', '==', '!=', '<', '<=', '>', '>=', '</', '>/', '=', '@', ',');
f('</5>/6', '</', 'number:5', '>/', 'number:6');
f('{by=~"a",x!~`b`}', '{', 'identifier:by', '=~', 'string:"a"', ',', 'identifier:x', '!~', 'string:`b`', '}');
f("{y!='c'}", '{', 'identifier:y', '!=', "string:'c'", '}');
f('{a="b"}by', '{', 'identifier:a', '=', 'string:"b"', '}', 'by');
f(String.raw`"a\"b" 'a\'b' "\\"`, String.raw`string:"a\"b"`, String.raw`string:'a\'b'`, String.raw`string:"\\"`);
f('`a\nb`', 'string:`a\nb`');
f('x[5m:step()]', 'identifier:x', '[', 'duration:5m', ':', 'step', '(', ')', ']');
f('x[ RANGE() + 1 ] offset', 'identifier:x', '[', 'range:RANGE', '(', ')', '+', 'number:1', ']', 'offset');
f('x[max_of(1,2)]:y', 'identifier:x', '[', 'max_of', '(', 'number:1', ',', 'number:2', ')', ']', 'metric identifier::y');
f('(1))', '(', 'number:1', ')', "error:unexpected right parenthesis ')'");
f('a $ b', 'identifier:a', "error:unexpected character: '$'");
f('"😀" 😀', 'string:"😀"', "error:unexpected character: '😀'");
