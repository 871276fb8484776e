import { createHash } from "node:crypto";
import type { PromptText } from "./prompt-text";

/** Version of a text of this prompt: the built-in one's number, or "edited-" with the hash of an edited text. */
export const formatPromptVersion = (prompt: PromptText, edited: string | null): string =>
  edited === null || edited === prompt.text ? String(prompt.version) : formatEditedVersion(edited);

/** Version of an edited text. */
export const formatEditedVersion = (text: string): string =>
  `edited-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
