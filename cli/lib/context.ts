import type { Connection } from "./client";

/** What every command is given. */
export interface CommandContext extends Omit<Connection, "close"> {
  print: (text: string) => void;
  printJson: (value: unknown) => void;
  /** Says what a person should know, apart from what a program reads. */
  warn: (text: string) => void;
}

/** Prints what was launched: the id alone, or where the command goes on, a line that says so. */
export function printLaunched(
  { print, printJson }: CommandContext,
  launched: { id: string; name?: string },
  { json, goesOn }: { json?: boolean | undefined; goesOn?: boolean | undefined },
): void {
  if (!goesOn) return json ? printJson(launched) : print(launched.id);
  print(json ? JSON.stringify({ kind: "launched", ...launched }) : `launched ${launched.id}`);
}
