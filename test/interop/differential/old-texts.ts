/** What 2.42 says of mistakes that 3.14 describes in other words. */
export const OLD_TEXTS: readonly RegExp[] = [
  // Durations: numbers and expressions are now allowed in their place.
  /not a valid duration string/,
  /missing unit character in duration/,
  /bad duration syntax/,
  /expected duration$/,
  // Numbers and durations are one token now.
  /strconv\.ParseFloat: parsing "1e"/,
  /unexpected number "\.2"/,
  // Regular expressions are parsed before they are anchored.
  /error parsing regexp: .* `\^\(\?:/,
  // A token that had no name.
  /<Item \d+>/,
  // The empty query has no place.
  /1:1: parse error: no expression found in input/,
];
