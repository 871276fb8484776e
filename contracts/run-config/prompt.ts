import { z } from "zod";
import type { MethodName, Protocol } from "@/contracts/records/episode";
import { defineLaterSetting } from "./setting";
import type { PromptSetting } from "./prompt-settings";

/**
 * Settings that hold the text of a prompt, and what such a text must have. The built-in texts are in core/prompts.
 */

const editedTextSchema = z.string().max(50_000).nullable();
/** An edited text of a prompt; null: the built-in one. */
export const promptTextSchema = editedTextSchema.default(null);
/** The same, of a setting that came after configurations were stored: absent is the built-in one, too. */
export const defineLaterPrompt = (title: string, description: string) =>
  defineLaterSetting(editedTextSchema, null, title, description, { advanced: true });

/** What every version of a prompt must have. */
export interface PromptForm {
  /** Placeholders that must occur. */
  required: readonly string[];
  /** Placeholders that may occur. */
  optional?: readonly string[];
  /** The model writes the whole reply: there is no assistant section that it would continue. */
  replyIsWhole?: true;
}

/** The prompts that a setting can edit, by the id that is part of every cache key. */
export const PROMPT_FORMS = {
  direct: { required: ["question"] },
  cot: { required: ["question"] },
  r1: { required: ["question"] },
  sft: { required: ["question"] },
  ircot: { required: ["question", "documents", "thoughts"] },
  "ircot-upstream": { required: ["question", "documents", "thoughts"] },
  deepretrieval: { required: ["question"] },
  "search-r1": { required: ["question"] },
  "search-o1": { required: ["question", "searches"] },
  "reason-in-documents": { required: ["reasoning", "query", "documents"] },
  /** Of s3. */
  full: { required: ["question", "information"], optional: ["retrieve", "select", "turns"] },
  chat: { required: ["documents", "question"], optional: ["options"], replyIsWhole: true },
  /** Each document within `chat`. */
  document: { required: ["text"], optional: ["number", "title"] },
  judge: { required: ["golds", "answer"], optional: ["question", "options"], replyIsWhole: true },
  "judge-upstream": {
    required: ["golds", "answer"],
    optional: ["question", "options"],
    replyIsWhole: true,
  },
} as const satisfies Record<string, PromptForm>;
export type PromptId = keyof typeof PROMPT_FORMS;

/** The settings that decide which prompt a setting edits. */
export interface PromptContext {
  /** Absent or null where no method is played, and in training of s3. */
  method?: MethodName | null;
  protocol?: Protocol;
  promptStyle?: string;
  /** By which the answers are scored; it decides the judge's prompt. */
  scorer?: string;
}

/** The prompt that a setting edits; null where there is none with these settings. */
export function findPromptId(setting: PromptSetting, context: PromptContext): PromptId | null {
  const { method = null, protocol, promptStyle, scorer } = context;
  switch (setting) {
    case "methodSettings.promptTemplate":
      return method && findMethodPromptId(method, protocol);
    case "searcher.promptTemplate":
      return findMethodPromptId(method ?? "s3", protocol);
    case "methodSettings.condensingPrompt":
      return method === "search-o1" ? "reason-in-documents" : null;
    case "generator.promptTemplate":
      return promptStyle === "chat" ? "chat" : null;
    case "generator.documentTemplate":
      return promptStyle === "chat" ? "document" : null;
    case "judge.promptTemplate":
      return scorer === "generation-accuracy/upstream" ? "judge-upstream" : "judge";
  }
}

/** The prompt of a method; null where the method asks no model. */
function findMethodPromptId(method: MethodName, protocol?: Protocol): PromptId | null {
  switch (method) {
    case "rag":
    case "gold":
      return null;
    case "s3":
      return "full";
    case "ircot":
      return protocol === "upstream" ? "ircot-upstream" : "ircot";
    case "direct":
    case "cot":
    case "r1":
    case "sft":
    case "deepretrieval":
    case "search-r1":
    case "search-o1":
      return method;
  }
}

/** A message of a chat. */
export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

/** A placeholder in a prompt's text, e.g. {question}. */
export const PLACEHOLDER = /\{([a-z][a-z_]*)\}/g;
const HEADING = /^--- (system|user|assistant) ---$/;

/** Everything that is wrong with a text as a version of a prompt of this form; empty where nothing is. */
export function listPromptProblems(prompt: PromptForm, text: string): string[] {
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
  const roles = parsePromptSections(text).map(({ role }) => role);
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

/** The sections of a prompt's text in order, each a message of its role. */
export function parsePromptSections(text: string): Message[] {
  const sections: { role: Message["role"]; lines: string[] }[] = [];
  for (const line of text.split(/\r?\n/)) {
    const role = HEADING.exec(line.trim())?.[1] as Message["role"] | undefined;
    if (role) sections.push({ role, lines: [] });
    else if (sections.length > 0) sections[sections.length - 1]!.lines.push(line);
    else if (line.trim() !== "") sections.push({ role: "user", lines: [line] });
  }
  return sections.map(({ role, lines }) => ({ role, content: lines.join("\n").trim() }));
}

/** Refuses a setting whose text is not one of its prompt (`id`), or that has no prompt (`id` null). */
export function checkPrompt(
  context: z.RefinementCtx,
  path: string[],
  id: PromptId | null,
  edited: string | null,
): void {
  if (edited === null) return;
  const problems =
    id === null
      ? ["there is no such prompt with these settings: leave it empty"]
      : listPromptProblems(PROMPT_FORMS[id], edited);
  for (const message of problems) context.addIssue({ code: "custom", path, message });
}
