import { describe, expect, test } from 'vitest';
import { parseExpr, ParseError, parseMetric, parseMetricSelector } from '../../../promql/parser/index.ts';

function messageOf(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(ParseError);
    expect((error as ParseError).kind).toBe('bad-data');
    return (error as ParseError).message.replace(': parse error: ', ' | ');
  }
  return 'no error';
}

/** A query, and `place | reason` of what is wrong with it. */
const f = (query: string, message: string) => test(query, () => expect(messageOf(() => parseExpr(query))).toBe(message));

describe('lexing', () => {
  f('', 'unknown position | no expression found in input');
  f('  # only a comment', '1:1 | no expression found in input');
  f('foo $', "1:5 | unexpected character: '$'");
  f('foo é', "1:5 | unexpected character: 'é'");
  f('"é" + $', "1:8 | unexpected character: '$'");
  f('1 +\n  2 +\n  ;', "3:3 | unexpected character: ';'");
  f('foo =~ "a"', "1:5 | unexpected character after '=': '~'");
  f('foo !~ "a"', "1:5 | unexpected character after '!': '~'");
  f('foo !', "1:5 | unexpected character after '!': '\ufffd'");
  f('(foo', '1:5 | unclosed left parenthesis');
  f('foo)', "1:5 | unexpected right parenthesis ')'");
  f('foo]', "1:4 | unexpected right bracket ']'");
  f('foo}', "1:4 | unexpected character: '}'");
  f('foo[5m', '1:7 | unclosed left bracket');
  f('foo[', '1:5 | unexpected end of input in duration expression');
  f('foo[5m[', "1:7 | unexpected left bracket '['");
  f('foo[x]', "1:5 | unexpected character in duration expression: 'x'");
  f('foo[5m x]', "1:8 | unexpected character: 'x', expected ':'");
  f('foo[:1m]', '1:6 | unexpected colon before duration in duration expression');
  f('foo[5m:1m:1m]', "1:10 | unexpected colon ':'");
  f('foo[# c\n5m]', "1:5 | unexpected character in duration expression: '#'");
  f('foo{', '1:5 | unexpected end of input inside braces');
  f('foo{{', "1:5 | unexpected left brace '{'");
  f('foo{a>1}', "1:6 | unexpected character inside braces: '>'");
  f('foo{a!1}', "1:6 | unexpected character after '!' inside braces: '1'");
  f('foo{1}', "1:5 | unexpected character inside braces: '1'");
  f('"abc', '1:1 | unterminated quoted string');
  f("'a\nb'", '1:1 | unterminated quoted string');
  f('`abc', '1:1 | unterminated raw string');
  f('"\ufffd"', '1:1 | invalid UTF-8 rune');
  f(String.raw`"\q"`, "1:1 | unknown escape sequence U+0071 'q'");
  f(String.raw`"\'"`, "1:1 | unknown escape sequence U+0027 '''");
  f(String.raw`"\xg0"`, "1:1 | illegal character U+0067 'g' in escape sequence");
  f(String.raw`"\ud800"`, '1:1 | escape sequence is an invalid Unicode code point');
  f(String.raw`"\777"`, '1:1 | escape sequence is an invalid Unicode code point');
  f('"\\', '1:1 | escape sequence not terminated');
  f('5mm', '1:1 | bad number or duration syntax: "5mm"');
  f('0xZ', '1:1 | bad number or duration syntax: "0x"');
  f('1..2', '1:1 | bad number or duration syntax: "1.."');
  f('1__0', '1:1 | bad number or duration syntax: "1__"');
  f('1x', '1:1 | bad number or duration syntax: "1"');
  f('5m5', '1:1 | bad number or duration syntax: "5m5"');
  f('0xee', '1:1 | bad number or duration syntax: "0xee"');
  f('0xbeef + 1', '1:1 | bad number or duration syntax: "0xbee"');
  f('0x1e', '1:1 | bad number or duration syntax: "0x1e"');
  f('0.5.5.5', '1:1 | bad number or duration syntax: "0.5.5."');
});

describe('literals', () => {
  f('1e309', '1:1 | error parsing number: strconv.ParseFloat: parsing "1e309": value out of range');
  f('0x', '1:1 | error parsing number: strconv.ParseFloat: parsing "0x": invalid syntax');
  f('0x1e+3', '1:1 | error parsing number: strconv.ParseFloat: parsing "0x1e+3": invalid syntax');
  f('0.5.5', '1:1 | error parsing number: strconv.ParseFloat: parsing "0.5.5": invalid syntax');
  f('.5.5', '1:1 | error parsing number: strconv.ParseFloat: parsing ".5.5": invalid syntax');
  f('1.5h', '1:1 | unknown unit "." in duration "1.5h"');
  f('1m1h', '1:1 | not a valid duration string: "1m1h"');
  f('300y', '1:1 | duration out of range');
  f(`${'9'.repeat(500)}s`, '1:1 | duration out of range');
});

describe('syntax', () => {
  f('1 2', '1:3 | unexpected number "2"');
  f('foo bar', '1:5 | unexpected identifier "bar"');
  f('foo a:b', '1:5 | unexpected metric identifier "a:b"');
  f('foo "a longer string"', '1:5 | unexpected string "\\"a longer "...');
  f('1 +', '1:4 | unexpected end of input');
  f('* 1', '1:1 | unexpected <op:*>');
  f('foo = 1', '1:5 | unexpected "="');
  f('foo + ==', '1:7 | unexpected <op:==>');
  f('bool', '1:1 | unexpected <bool>');
  f('1 + bool bool 2', '1:10 | unexpected <bool>');
  f('()', '1:2 | unexpected ")"');
  f('foo(bar baz)', '1:9 | unexpected identifier "baz"');
  f('abs(foo,)', '1:8 | trailing commas not allowed in function call args');
  f('topk(1, * foo)', '1:7 | trailing commas not allowed in function call args');
  f('clamp(foo, bool 1)', '1:10 | trailing commas not allowed in function call args');
  f('clamp(foo, $)', "1:12 | unexpected character: '$'");
  f('abs(,foo)', '1:5 | unexpected ","');
  f('sum(', '1:5 | unclosed left parenthesis');
  f('sum by', '1:7 | unexpected end of input in grouping opts, expected "("');
  f('sum by (a foo)', '1:11 | unexpected identifier "foo" in grouping opts, expected "," or ")"');
  f('sum by (1) (foo)', '1:9 | unexpected number "1" in grouping opts, expected label');
  f('sum by (a)', '1:11 | unexpected end of input in aggregation');
  f('sum(foo bar)', '1:9 | unexpected identifier "bar" in aggregation');
  f('sum(foo) by (a) by (b)', '1:17 | unexpected <by>');
  f('sum by ("") (foo)', '1:9 | invalid label name for grouping: ""');
  f('foo + on bar', '1:10 | unexpected identifier "bar" in grouping opts, expected "("');
  f('foo + on(a) group_left', '1:23 | unexpected end of input in grouping opts, expected "("');
  f('foo + on(a) group_right bool bar', '1:25 | unexpected <bool> in grouping opts, expected "("');
  f('sum by (without) (foo)', '1:9 | unexpected <without> in grouping opts, expected label');
  f('foo + group_left bar', '1:7 | unexpected <group_left>');
  f('foo + fill(bar) baz', '1:12 | unexpected identifier "bar"');
  f('foo + fill(1) fill_left(1) bar', '1:24 | unexpected "("');
  f('foo + fill(1) on(a) bar', '1:15 | unexpected <on>');
  f('{a=b}', '1:4 | unexpected identifier "b" in label matching, expected string');
  f('{a}', '1:3 | unexpected "}" in label matching, expected label matching operator');
  f('{a="b" c="d"}', '1:8 | unexpected identifier "c" in label matching, expected "," or "}"');
  f('{,}', '1:2 | unexpected "," in label matching, expected identifier or "}"');
  f('{="a"}', '1:2 | unexpected "=" in label matching, expected identifier or "}"');
  f('foo[]', '1:5 | unexpected "]" in subquery or range selector, expected number, duration, step(), or range()');
  f('foo[5m+]', '1:8 | unexpected "]" in subquery or range selector, expected number, duration, step(), or range()');
  f('foo[5m 5m]', '1:8 | unexpected duration "5m" in subquery or range, expected ":" or "]"');
  f('foo[5m:1m 1m]', '1:11 | unexpected duration "1m" in subquery selector, expected "]"');
  f('foo[5m:)', "1:9 | unexpected right parenthesis ')'");
  f('foo[5m:*]', '1:8 | unexpected <op:*> in subquery selector, expected number, duration, step(), range(), or "]"');
  f('foo offset', '1:11 | unexpected end of input in offset, expected number, duration, step(), or range()');
  f('foo offset bar', '1:12 | unexpected identifier "bar" in offset, expected number, duration, step(), or range()');
  f('foo offset (1m) + bar', '1:19 | unexpected identifier "bar" in offset, expected number, duration, step(), or range()');
  f('foo offset --bar', '1:14 | unexpected identifier "bar" in offset, expected number, duration, step(), or range()');
  f('foo offset step', '1:16 | unexpected end of input in offset, expected number, duration, step(), or range()');
  f('foo @', '1:6 | unexpected end of input in @, expected timestamp');
  f('foo @ bar', '1:7 | unexpected identifier "bar" in @, expected timestamp');
  f('foo @ start', '1:12 | unexpected end of input in @, expected timestamp');
});

describe('modifiers', () => {
  f('1 offset 5m', '1:1 | offset modifier must be preceded by an instant vector selector or range vector selector or a subquery');
  f('sum(foo) offset 5m', '1:1 | offset modifier must be preceded by an instant vector selector or range vector selector or a subquery');
  f('1 @ 5', '1:1 | @ modifier must be preceded by an instant vector selector or range vector selector or a subquery');
  f('foo offset 1m offset 2m', '1:1 | offset may not be set multiple times');
  f('foo offset step() offset 2m', '1:1 | offset may not be set multiple times');
  f('foo @ 1 @ end()', '1:1 | @ <timestamp> may not be set multiple times');
  f('foo @ Inf', '1:1 | timestamp out of bounds for @ modifier: +Inf');
  f('foo @ NaN', '1:1 | timestamp out of bounds for @ modifier: NaN');
  f('foo @ -1e20', '1:1 | timestamp out of bounds for @ modifier: -100000000000000000000.000000');
  f('foo offset Inf', '1:12 | duration out of range');
  f('foo offset -(1e10)', '1:14 | duration out of range');
  f('foo offset -1e10', '1:12 | duration out of range');
  f('foo offset (1m) / 0', '1:17 | division by zero');
  f('rate(foo)[5m]', '1:10 | ranges only allowed for vector selectors');
  f('foo offset 1m[5m]', '1:14 | no offset modifiers allowed before range');
  f('foo @ 1[5m]', '1:8 | no @ modifiers allowed before range');
  f('foo[0]', '1:5 | duration must be greater than 0');
  f('foo[-1m]', '1:5 | duration must be greater than 0');
  f('foo[5m:0s]', '1:8 | duration must be greater than 0');
  f('foo[5m/0]', '1:7 | division by zero');
  f('foo[5m%0]', '1:7 | modulo by zero');
  f('foo anchored smoothed', '1:1 | anchored and smoothed modifiers cannot be used together');
  f('foo[5m:] anchored', '1:1 | anchored modifier is not supported for subqueries');
  f('foo[5m:] smoothed', '1:1 | smoothed modifier is not supported for subqueries');
  f('1 smoothed', '1:1 | smoothed modifier not implemented');
});

describe('meaning', () => {
  f('{}', '1:1 | vector selector must contain at least one non-empty matcher');
  f('foo + {a=~".*", b!="c"}', '1:7 | vector selector must contain at least one non-empty matcher');
  f('{__name__=""}', '1:1 | vector selector must contain at least one non-empty matcher');
  f('foo{__name__="bar"}', '1:1 | metric name must not be set twice: "foo" or "bar"');
  f('foo{"bar"}', '1:1 | metric name must not be set twice: "foo" or "bar"');
  f('foo{a=~"("}', '1:5 | error parsing regexp: missing closing ): `(`');
  f('foo{b="c",a!~"a**"}', '1:11 | error parsing regexp: invalid nested repetition operator: `**`');
  f('unknown(foo)', '1:1 | unknown function with name "unknown"');
  f('Rate(foo[5m])', '1:1 | unknown function with name "Rate"');
  f('toString()', '1:1 | unknown function with name "toString"');
  f('rate(foo)', '1:6 | expected type range vector in call to function "rate", got instant vector');
  f('abs(1)', '1:5 | expected type instant vector in call to function "abs", got scalar');
  f('rate()', '1:1 | expected 1 argument(s) in call to "rate", got 0');
  f('time(1)', '1:1 | expected 0 argument(s) in call to "time", got 1');
  f('round(foo, 1, 2)', '1:1 | expected at most 2 argument(s) in call to "round", got 3');
  f('label_join(foo, "a")', '1:1 | expected at least 3 argument(s) in call to "label_join", got 2');
  f('sort_by_label(foo, 1)', '1:20 | expected type string in call to function "sort_by_label", got scalar');
  f('info(foo, bar)', '1:11 | expected label selectors only, got vector selector instead');
  f('info(foo, sum(bar))', '1:11 | expected label selectors only');
  f('info(foo, 1)', '1:1 | expected type instant vector in call to function "info", got scalar');
  f('sum()', '1:1 | no arguments for aggregate expression provided');
  f('(sum()', '1:7 | unclosed left parenthesis');
  f('sum(foo, bar)', '1:1 | wrong number of arguments for aggregate expression provided, expected 1, got 2');
  f('(sum(1, foo) by (a)', '1:2 | wrong number of arguments for aggregate expression provided, expected 1, got 2');
  f('topk(foo)', '1:1 | wrong number of arguments for aggregate expression provided, expected 2, got 1');
  f('sum(1)', '1:5 | expected type instant vector in aggregation expression, got scalar');
  f('topk("a", foo)', '1:6 | expected type scalar in aggregation parameter, got string');
  f('count_values(1, foo)', '1:14 | expected type string in aggregation parameter, got scalar');
  f('-"a"', '1:1 | unary expression only allowed on expressions of type scalar or instant vector, got "string"');
  f('-foo[5m]', '1:1 | unary expression only allowed on expressions of type scalar or instant vector, got "range vector"');
  f('1[5m:]', '1:1 | subquery is only allowed on instant vector, got scalar instead');
  f('foo[5m][5m:]', '1:1 | subquery is only allowed on instant vector, got matrix instead');
  f('1 == 2', '1:3 | comparisons between scalars must use BOOL modifier');
  f('foo + bool bar', '1:5 | bool modifier can only be used on comparison operators');
  f('foo[5m] + 1', '1:1 | binary expression must contain only scalar and instant vector types');
  f('1 + "a"', '1:5 | binary expression must contain only scalar and instant vector types');
  f('1 and foo', '1:1 | set operator "and" not allowed in binary scalar expression');
  f('foo and on(a) group_left bar', '1:1 | no grouping allowed for "and" operation');
  f('foo or fill(1) bar', '1:1 | filling in missing series not allowed for set operators');
  f('foo + on(a) 1', '1:1 | vector matching only allowed between instant vectors');
  f('foo + fill(1) 1', '1:1 | filling in missing series only allowed between instant vectors');
  f('foo + on(a) group_left(a) bar', '1:5 | label "a" must not occur in ON and GROUP clause at once');
  f('foo anchored + on(a) group_left(a) bar', '1:5 | label "a" must not occur in ON and GROUP clause at once');
});

describe('metric selectors and metrics', () => {
  const selector = (text: string, message: string) => test(text, () => expect(messageOf(() => parseMetricSelector(text))).toBe(message));
  const metric = (text: string, message: string) => test(`metric ${text}`, () => expect(messageOf(() => parseMetric(text))).toBe(message));
  selector('', 'unknown position | unexpected end of input');
  selector('1', '1:1 | unexpected number "1"');
  selector('foo offset 5m', '1:5 | unexpected <offset>');
  selector('foo + bar', '1:5 | unexpected <op:+>');
  selector('{a=~"["}', '1:2 | error parsing regexp: missing closing ]: `[`');
  metric('foo{a=}', '1:7 | unexpected "}" in label set, expected string');
  metric('foo{a!="b"}', '1:6 | unexpected <op:!=> in label set, expected "="');
  metric('foo{,}', '1:5 | unexpected "," in label set, expected identifier or "}"');
  metric('foo{a="b" c="d"}', '1:11 | unexpected identifier "c" in label set, expected "," or "}"');
  metric('foo bar', '1:5 | unexpected identifier "bar"');
});

describe('bounds', () => {
  const deep = (name: string, query: string, pattern: RegExp) =>
    test(name, () => {
      const startMs = performance.now();
      expect(messageOf(() => parseExpr(query))).toMatch(pattern);
      expect(performance.now() - startMs).toBeLessThan(5000);
    });
  const tooDeep = /nested more than 500 levels deep/;
  const n = 100_000;
  deep('parentheses', '('.repeat(n), tooDeep);
  deep('calls', 'abs('.repeat(n), tooDeep);
  deep('signs', `${'-'.repeat(n)}1`, tooDeep);
  deep('a chain of operators', `a${'+a'.repeat(n)}`, tooDeep);
  deep('a chain of a thousand operators', `a${' or a'.repeat(990)}`, /no error/);
  deep('a chain of more', `a${' or a'.repeat(1000)}`, /more than 1000 operators in a row/);
  deep('chains in chains', `${'(a + '.repeat(300)}a${' + a'.repeat(300)}${')'.repeat(300)}`, tooDeep);
  deep('powers', `1${'^1'.repeat(n)}`, tooDeep);
  deep('subqueries', `a${'[5m:]'.repeat(n)}`, tooDeep);
  deep('sums in a duration', `a[${'1+'.repeat(n)}1]`, tooDeep);
  deep('parentheses in a duration', `a[${'('.repeat(n)}`, tooDeep);
  deep('as deep as allowed', `${'('.repeat(400)}1${')'.repeat(400)}`, /no error/);
  deep('many regular expressions', `{${Array.from({ length: 500 }, (_, i) => `a=~"(?i)x{${i + 400}}"`).join(',')}}`, /too large together/);
});
