/** Words as a POSIX shell reads them, for commands that people copy. */

/** Quotes a word where a shell would take it for anything but itself. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** An option and its value, tied where the value would pass for another option. */
export function shellOption(name: string, value: string): string {
  return value.startsWith("-") ? `${name}=${shellWord(value)}` : `${name} ${shellWord(value)}`;
}
