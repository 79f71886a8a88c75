/** What 2.42 says of mistakes that 3.14 describes in other words, and these words. */
export const OLD_TEXTS: readonly (readonly [old: RegExp, now: RegExp])[] = [
  // Durations: numbers and expressions are now allowed in their place, and the lexer has a state for them.
  [/not a valid duration string: "/, /unexpected character in duration expression: '/],
  [
    /missing unit character in duration$/,
    /expected number, duration, step\(\), or range\(\)$|unexpected colon before duration in duration expression$|unexpected character in duration expression: '/,
  ],
  [/bad duration syntax: "/, /bad number or duration syntax: "/],
  [/, expected duration$/, /, expected number, duration, step\(\), or range\(\)$/],
  // Numbers and durations are one token now.
  [/error parsing number: strconv\.ParseFloat: parsing "1e": invalid syntax$/, /bad number or duration syntax: "1e"$/],
  [/unexpected number "\.2"$/, /bad number or duration syntax: "1\.\."$/],
  // Regular expressions are parsed before they are anchored.
  [/error parsing regexp: .* `\^\(\?:/, /error parsing regexp: /],
  // A token that had no name.
  [/<Item \d+>/, /^/],
  // The empty query has no place.
  [/1:1: parse error: no expression found in input$/, /unknown position: parse error: no expression found in input$/],
];
