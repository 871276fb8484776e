import { createHash } from "node:crypto";

/** Content hash of a document: sha256 of title, line break and text. Its text is stored once under this name. */
export const hashDocument = ({ title, text }: { title: string; text: string }): string =>
  createHash("sha256").update(`${title}\n${text}`).digest("hex");
