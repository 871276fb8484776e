import { createHash } from "node:crypto";
import type { PromptText } from "./template";

/** Version of a text of this prompt: the built-in one's number, or "edited-" with the hash of a person's text. */
export const promptVersion = (prompt: PromptText, edited: string | null): string =>
  edited === null || edited === prompt.text ? String(prompt.version) : editedVersion(edited);

/** Version of a person's text. */
export const editedVersion = (text: string): string =>
  `edited-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
