/** The media type that a `Content-Type` header names, in lower case and without parameters such as a charset; empty where there is none. */
export function mediaTypeOf(header: string | null | undefined): string {
  return (header ?? '').split(';', 1)[0]!.trim().toLowerCase();
}
