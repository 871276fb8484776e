/** A built-in prompt. Changing a text means a new version: the version is part of every cache key. */
export interface PromptText {
  id: string;
  version: number;
  /** Sections begin with a line `--- system ---`, `--- user ---` or `--- assistant ---`; without one, all is the user's. */
  text: string;
  /** Placeholders that must occur. */
  required: readonly string[];
  /** Placeholders that may occur. */
  optional?: readonly string[];
  /** The model writes the whole reply: there is no assistant's section that it would go on from. */
  replyIsWhole?: true;
}

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export const PLACEHOLDER = /\{([a-z][a-z_]*)\}/g;
const HEADING = /^--- (system|user|assistant) ---$/;

/** What is wrong with a text as a version of this prompt; empty where nothing is. */
export function promptProblems(prompt: PromptText, text: string): string[] {
  const known = [...prompt.required, ...(prompt.optional ?? [])];
  const used = new Set([...text.matchAll(PLACEHOLDER)].map((match) => match[1]!));
  const problems = prompt.required
    .filter((name) => !used.has(name))
    .map((name) => `the placeholder {${name}} is missing`);
  for (const name of used)
    if (!known.includes(name))
      problems.push(
        `{${name}} is no placeholder of this prompt; it has ${known.map((each) => `{${each}}`).join(", ")}`,
      );
  const roles = sectionsOf(text).map(({ role }) => role);
  if (!roles.includes("user"))
    problems.push("there is no user section: write a line `--- user ---` above what the user says");
  if (prompt.replyIsWhole && roles.includes("assistant"))
    problems.push("it has no assistant's section: the model writes the whole reply");
  else if (roles.includes("assistant") && roles.indexOf("assistant") !== roles.length - 1)
    problems.push(
      "the assistant's section must be the last one: it is what the model goes on from",
    );
  for (const role of new Set(roles))
    if (roles.filter((each) => each === role).length > 1)
      problems.push(`there are several sections \`--- ${role} ---\``);
  return problems;
}

/** The sections of a text, in order. */
export function sectionsOf(text: string): Message[] {
  const sections: { role: Message["role"]; lines: string[] }[] = [];
  for (const line of text.split(/\r?\n/)) {
    const role = HEADING.exec(line.trim())?.[1] as Message["role"] | undefined;
    if (role) sections.push({ role, lines: [] });
    else if (sections.length > 0) sections[sections.length - 1]!.lines.push(line);
    else if (line.trim() !== "") sections.push({ role: "user", lines: [line] });
  }
  return sections.map(({ role, lines }) => ({ role, content: lines.join("\n").trim() }));
}
